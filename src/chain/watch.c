/* watch.c: what each provider says, held against what a quorum says, once a round.
 *
 * Nothing here decides what is true: votes and proofs do. It is for the operator, who wants to know which provider does
 * what, and it ends the use of one that contradicts itself or the others round after round. Three weights:
 *
 *	BEHIND		it votes as far as it has got
 *	ODD		only named: it may be the one that is right
 *	CONTRADICTION	an honest node never says so for long: behind a load balancer, or at a reorg, for some seconds */
#include "chain/follow.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum weight { BEHIND, ODD, CONTRADICTION };

struct look {
	struct follower *f;
	struct provider *p;
	size_t i;
	char text[RPC_TEXT_MAX];
};

#define SAY(l, ...) (snprintf((l)->text, sizeof (l)->text, __VA_ARGS__), true)

/* --- the rules: does it apply, and how is it said --- */

static bool final_goes_back(struct look *l)
{
	const struct provider *p = l->p;

	return p->final.number < p->earlier_final.number &&
	       SAY(l, "its final block went back from %" PRIu64 " to %" PRIu64, p->earlier_final.number, p->final.number);
}

static bool final_above_latest(struct look *l)
{
	return l->p->final.number > l->p->latest.number &&
	       SAY(l, "its final block %" PRIu64 " is above its latest, %" PRIu64, l->p->final.number, l->p->latest.number);
}

static bool time_goes_back(struct look *l)
{
	return l->p->final.number && l->p->latest.number > l->p->final.number && l->p->latest.time < l->p->final.time &&
	       SAY(l, "its block %" PRIu64 " is older than its final block %" PRIu64, l->p->latest.number, l->p->final.number);
}

static bool other_block(struct look *l)
{
	const struct header *h = claims_find(&l->f->claims, l->i, l->f->recent.number);
	bool is_future = h && h->time > l->f->recent.time + WATCH_AHEAD_S;

	return h && !hash32_eq(&h->hash, &l->f->recent.hash) &&
	       SAY(l, "gives another block %" PRIu64 " than a quorum%s", h->number, is_future ? ", with a time in the future" : "");
}

static bool far_ahead(struct look *l)
{
	return l->p->latest.number > l->f->recent.number + WATCH_AHEAD_BLOCKS &&
	       SAY(l, "says block %" PRIu64 ", a quorum has %" PRIu64, l->p->latest.number, l->f->recent.number);
}

static bool from_the_future(struct look *l)
{
	return l->p->latest.time > l->f->recent.time + WATCH_AHEAD_S &&
	       SAY(l, "its block %" PRIu64 " is %" PRIu64 " s younger than what a quorum has", l->p->latest.number,
		   l->p->latest.time - l->f->recent.time);
}

static bool stands_still(struct look *l)
{
	const struct provider *p = l->p;
	bool is_still = p->latest.number == p->earlier_latest.number && p->latest.number < l->f->recent_snap.block.number;

	return p->latest.number < l->f->recent.number && (is_still || p->latest.number + WATCH_LAG_BLOCKS < l->f->recent.number) &&
	       SAY(l, "%s at block %" PRIu64 ", a quorum has %" PRIu64, is_still ? "stands still" : "is", p->latest.number,
		   l->f->recent.number);
}

static bool finality_stands_still(struct look *l)
{
	struct provider *p = l->p;

	if (!l->f->final.may_vote[l->i])
		return false;

	bool is_low = l->f->final.says[l->i] < l->f->anchor.number;
	bool is_still = is_low && p->was_final_low && p->final.number == p->earlier_final.number;

	p->was_final_low = is_low;
	l->f->is_final_behind |= is_low;
	return is_still && SAY(l, "its final block stands still at %" PRIu64 ", a quorum has %" PRIu64,
			       l->f->final.says[l->i], l->f->anchor.number);
}

/* The first that applies is told. */
static const struct {
	bool (*applies)(struct look *l);
	enum weight weight;
} rules[] = {
	{ final_goes_back,	 CONTRADICTION },
	{ final_above_latest,	 CONTRADICTION },
	{ time_goes_back,	 CONTRADICTION },
	{ other_block,		 CONTRADICTION },
	{ far_ahead,		 ODD },
	{ from_the_future,	 ODD },
	{ stands_still,		 BEHIND },
	{ finality_stands_still, BEHIND },
};

#define RULES (sizeof rules / sizeof rules[0])
static_assert(RULES < WATCH_RULES, "one is left for what is found outside the table");

/* --- what follows --- */

/* The owner hears of each rule now and then, not every round. */
static void tell(struct follower *f, struct provider *p, size_t rule, const char *text)
{
	if (p->told_ms[rule] && f->now_ms - p->told_ms[rule] < f->probe_ms)
		return;
	p->told_ms[rule] = f->now_ms;
	output_note(f, p->name, text);
}

static void contradicts(struct follower *f, size_t i, const char *what)
{
	char text[RPC_TEXT_MAX];

	if (!provider_contradicts(&f->provider[i], what, f->now_ms))
		return;
	snprintf(text, sizeof text, "contradicts itself or a quorum again and again: %.90s", what);
	lie_found(f, i, text);
}

static void weigh(struct follower *f, struct look *l, enum weight weight)
{
	provider_behind(l->p, weight == BEHIND, l->text);
	if (weight == ODD)
		provider_odd(l->p, l->text);
	if (weight == CONTRADICTION)
		contradicts(f, l->i, l->text);
}

static void watch(struct follower *f, size_t i)
{
	struct look l = { .f = f, .p = &f->provider[i], .i = i };
	size_t rule = 0;

	while (rule < RULES && !rules[rule].applies(&l))
		rule++;
	if (rule < RULES) {
		tell(f, l.p, rule, l.text);
		weigh(f, &l, rules[rule].weight);
		return;
	}
	provider_behind(l.p, false, "");
	provider_in_order(l.p);
}

void watch_changed_word(struct follower *f, size_t i, const char *text)
{
	tell(f, &f->provider[i], RULES, text);
	contradicts(f, i, text);
	f->provider[i].no_proofs_until_ms = f->now_ms + f->probe_ms;	/* it shall not cost us one each round */
}

void watch_providers(struct follower *f)
{
	f->is_final_behind = false;
	for (size_t i = 0; i < f->providers_n; i++)
		if (f->latest.may_vote[i])
			watch(f, i);
}
