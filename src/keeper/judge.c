/* judge.c: see judge.h.
 *
 * Two passes. First every release is judged by itself: refused, held, or
 * allowed to be active. Then, newest first, the first allowed one of each
 * channel is active and the others are superseded; and what should be kept or
 * fetched is marked. */
#include "keeper/judge.h"

#include <inttypes.h>
#include <stdio.h>

struct rule {
	enum release_state state;
	bool (*applies)(const struct judge_product *p, const struct judge_release *r);
	const char *why;	/* %s is the detail */
	const char *(*detail)(const struct judge_release *r);
};

static const char *history_why(const struct judge_release *r)
{
	return r->h->why;
}

static const char *image_why(const struct judge_release *r)
{
	return r->image_detail ? r->image_detail : "";
}

static const char *channel(const struct judge_release *r)
{
	return r->h->manifest.channel;
}

#define RULE(name, condition) \
	static bool name(const struct judge_product *p, const struct judge_release *r) \
	{ \
		(void)p; \
		return condition; \
	}

RULE(is_rejected, r->h->verdict == HISTORY_REJECTED)
RULE(has_wrong_image, r->image == IMAGE_WRONG)
RULE(is_revoked, r->h->is_revoked)
RULE(is_elsewhere, !r->is_channel_followed)
RULE(is_revoked_soon, r->h->is_revoked_soon)
RULE(is_discontinuous, r->h->verdict == HISTORY_HELD)
RULE(is_held_by_operator, r->is_held)
RULE(is_fetching, r->image == IMAGE_FETCHING)
RULE(has_failed, r->image == IMAGE_FAILED)
RULE(needs_approval, p->needs_approval && !r->is_approved && r->image == IMAGE_GOOD)
RULE(is_not_final, r->image == IMAGE_GOOD && !r->h->is_final)
RULE(is_frozen, p->is_frozen && !r->was_active && r->image == IMAGE_GOOD)

/* In this order: what can never be undone comes first, what time alone mends last. */
static const struct rule rules[] = {
	{ RELEASE_REJECTED, is_rejected, "%s", history_why },
	{ RELEASE_REJECTED, has_wrong_image, "the image is not what the manifest names: %s", image_why },
	{ RELEASE_REVOKED, is_revoked, "%s", history_why },
	{ RELEASE_SEEN, is_elsewhere, "its channel, %s, is not followed here", channel },
	{ RELEASE_HELD, is_revoked_soon, "a revocation is proven but not final yet (%s)", history_why },
	{ RELEASE_HELD, is_discontinuous, "%s; `gatepost signers accept` accepts the set", history_why },
	{ RELEASE_HELD, is_held_by_operator, "held by the operator", NULL },
	{ RELEASE_FETCHING, is_fetching, "its image is being fetched", NULL },
	{ RELEASE_FAILED, has_failed, "no source has its image now: %s", image_why },
	{ RELEASE_HELD, needs_approval, "the product's policy is `approve`: `gatepost approve` lets it go out", NULL },
	{ RELEASE_READY, is_not_final, "image complete and verified; waits until its entry is proven and final", NULL },
	{ RELEASE_READY, is_frozen, "image complete and verified; an alarm forbids new activations", NULL },
};
#define RULES (sizeof rules / sizeof *rules)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void say(struct judge_release *r, const struct rule *rule)
{
	r->state = rule->state;
	snprintf(r->why, sizeof r->why, rule->why, rule->detail ? rule->detail(r) : "");
}
#pragma GCC diagnostic pop

/* The first rule that applies, or NULL: allowed to be active as soon as its image is here. */
static const struct rule *first_rule(const struct judge_product *p, const struct judge_release *r)
{
	for (size_t i = 0; i < RULES; i++)
		if (rules[i].applies(p, r))
			return &rules[i];
	return NULL;
}

/* May its image be asked for? Not before the publisher's side is in order. */
static bool may_fetch(const struct judge_release *r)
{
	return r->h->verdict == HISTORY_GOOD && !r->h->is_revoked && !r->h->is_revoked_soon &&
	       r->is_channel_followed && r->image != IMAGE_WRONG;
}

static bool may_be_active(const struct judge_product *p, const struct judge_release *r)
{
	return may_fetch(r) && r->h->is_final && !r->is_held && (!p->needs_approval || r->is_approved);
}

/* Newest first: the newer ones of the same channel that satisfy the test. */
static unsigned newer(const struct judge_product *p, const struct judge_release *r, size_t i, size_t n,
		      bool (*test)(const struct judge_product *, const struct judge_release *))
{
	unsigned count = 0;

	for (size_t k = i + 1; k < n; k++)
		if (!strcmp(channel(&r[k]), channel(&r[i])) && test(p, &r[k]))
			count++;
	return count;
}

RULE(is_fetchable, may_fetch(r))
RULE(is_activatable, may_be_active(p, r))
RULE(is_allowed, may_be_active(p, r) && r->image == IMAGE_GOOD && !first_rule(p, r))

/* The newest `keep` of a channel; and always the newest one that may be active, so that a held
 * release never leaves a channel without anything. */
static bool is_wanted(const struct judge_product *p, const struct judge_release *r, size_t i, size_t n)
{
	if (!may_fetch(&r[i]))
		return false;
	/* What was evicted for space comes back when a device asks for it, or has to be active: else they would push each other out. */
	if (r[i].image != IMAGE_EVICTED && newer(p, r, i, n, is_fetchable) < (p->keep ? p->keep : 1))
		return true;
	return may_be_active(p, &r[i]) && newer(p, r, i, n, is_activatable) == 0;
}

static void judge_free(const struct judge_product *p, struct judge_release *r, size_t i, size_t n)
{
	struct judge_release *it = &r[i];

	if (it->image != IMAGE_GOOD && it->is_wanted) {
		it->state = it->image == IMAGE_EVICTED ? RELEASE_EVICTED : RELEASE_SEEN;
		snprintf(it->why, sizeof it->why, "its image is queued to be fetched%s",
			 it->image == IMAGE_EVICTED ? " again" : "");
	} else if (it->image != IMAGE_GOOD) {
		it->state = it->image == IMAGE_EVICTED ? RELEASE_EVICTED : it->h->is_final ? RELEASE_SUPERSEDED : RELEASE_SEEN;
		snprintf(it->why, sizeof it->why, "newer releases of the channel %s exist; its image is not kept", channel(it));
	} else if (newer(p, r, i, n, is_allowed) > 0) {
		it->state = RELEASE_SUPERSEDED;
		snprintf(it->why, sizeof it->why, "a newer release of the channel %s is active", channel(it));
	} else {
		it->state = RELEASE_ACTIVE;
		snprintf(it->why, sizeof it->why, "the newest proven and allowed release of the channel %s", channel(it));
	}
}

void judge_releases(const struct judge_product *p, struct judge_release *r, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		const struct rule *rule = first_rule(p, &r[i]);

		r[i].is_wanted = is_wanted(p, r, i, n);
		if (rule)
			say(&r[i], rule);
		else
			judge_free(p, r, i, n);
	}
}
