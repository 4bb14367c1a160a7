/* judge.c: see judge.h.
 *
 * Two passes. First every release is judged by itself: refused, held, or
 * allowed to be active. Then, newest first, the first allowed one of each
 * channel is active and the others are superseded; and what should be kept or
 * fetched is marked. What was active before the database was lost is waited for. */
#include "keeper/judge.h"

#include <assert.h>
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

/* In this order: what can never be undone comes first, what time alone mends last. What the chain says of a
 * release comes before what was found here: a gateway that never fetched its image says the same. */
static const struct rule rules[] = {
	{ RELEASE_REJECTED, is_rejected, "%s", history_why },
	{ RELEASE_REVOKED, is_revoked, "%s", history_why },
	{ RELEASE_SEEN, is_elsewhere, "its channel, %s, is not followed here", channel },
	{ RELEASE_HELD, is_revoked_soon, "a revocation is proven but not final yet (%s)", history_why },
	{ RELEASE_HELD, is_discontinuous, "%s; `gatepost signers accept` accepts the set", history_why },
	{ RELEASE_REJECTED, has_wrong_image, "the image is not what the manifest names: %s", image_why },
	{ RELEASE_HELD, is_held_by_operator, "held by the operator", NULL },
	{ RELEASE_FETCHING, is_fetching, "its image is being fetched", NULL },
	{ RELEASE_FAILED, has_failed, "no source has its image now: %s", image_why },
	{ RELEASE_HELD, needs_approval, "the product's policy is `approve`: `gatepost approve` lets it go out", NULL },
	{ RELEASE_READY, is_not_final, "image complete and verified; waits until its entry is proven and final", NULL },
	{ RELEASE_READY, is_frozen, "image complete and verified; waits until what was known before is known again", NULL },
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

/* Of one that may be fetched. */
static bool may_be_active(const struct judge_product *p, const struct judge_release *r)
{
	return r->h->is_final && !r->is_held && (!p->needs_approval || r->is_approved);
}

/* What a channel's newer releases are, counted while the releases are judged newest first. Only followed channels count, and
 * those are few. */
struct tally {
	const char *channel;
	unsigned fetchable, activatable;
	bool has_active;
	bool is_awaited;	/* what was active before the database was lost; with its image it would be active */
};

struct tallies {
	struct tally v[CONF_WORDS_MAX];
	size_t n;
};

static struct tally *tally_of(struct tallies *t, const char *name)
{
	size_t i = 0;

	while (i < t->n && strcmp(t->v[i].channel, name) != 0)
		i++;
	assert(i < CONF_WORDS_MAX);
	if (i == t->n)
		t->v[t->n++] = (struct tally){ .channel = name };
	return &t->v[i];
}

static void tally_add(struct tally *t, const struct judge_product *p, const struct judge_release *r)
{
	t->fetchable++;
	t->activatable += may_be_active(p, r);
	t->has_active |= r->state == RELEASE_ACTIVE;
	t->is_awaited |= r->h->sequence == p->active && !r->was_active && may_be_active(p, r);
}

/* The newest `keep` of a channel; and always the newest one that may be active, so that a held
 * release never leaves a channel without anything. */
static bool is_wanted(const struct judge_product *p, const struct judge_release *r, const struct tally *newer)
{
	/* What was evicted for space comes back when a device asks for it, or has to be active: else they would push each other out. */
	if (r->image != IMAGE_EVICTED && newer->fetchable < (p->keep ? p->keep : 1))
		return true;
	return may_be_active(p, r) && newer->activatable == 0;
}

/* No rule applies; so its channel is followed. */
static void judge_free(struct judge_release *it, const struct tally *newer)
{
	if (it->image != IMAGE_GOOD && it->is_wanted) {
		it->state = it->image == IMAGE_EVICTED ? RELEASE_EVICTED : RELEASE_SEEN;
		snprintf(it->why, sizeof it->why, "its image is queued to be fetched%s",
			 it->image == IMAGE_EVICTED ? " again" : "");
	} else if (it->image != IMAGE_GOOD) {
		it->state = it->image == IMAGE_EVICTED ? RELEASE_EVICTED : it->h->is_final ? RELEASE_SUPERSEDED : RELEASE_SEEN;
		snprintf(it->why, sizeof it->why, "newer releases of the channel %s exist; its image is not kept", channel(it));
	} else if (newer->has_active) {
		it->state = RELEASE_SUPERSEDED;
		snprintf(it->why, sizeof it->why, "a newer release of the channel %s is active", channel(it));
	} else if (newer->is_awaited && !it->was_active) {
		it->state = RELEASE_READY;
		snprintf(it->why, sizeof it->why, "image complete and verified; a newer release was active here, and its image is not back yet");
	} else {
		it->state = RELEASE_ACTIVE;
		snprintf(it->why, sizeof it->why, "the newest proven and allowed release of the channel %s", channel(it));
	}
}

static void judge(const struct judge_product *p, struct judge_release *r, struct tallies *t)
{
	const struct rule *rule = first_rule(p, r);
	struct tally *newer = may_fetch(r) ? tally_of(t, channel(r)) : NULL;

	r->is_wanted = newer && is_wanted(p, r, newer);
	if (rule)
		say(r, rule);
	else
		judge_free(r, newer);
	if (newer)
		tally_add(newer, p, r);
}

void judge_releases(const struct judge_product *p, struct judge_release *r, size_t n)
{
	struct tallies t = { .n = 0 };

	for (size_t i = n; i-- > 0;)
		judge(p, &r[i], &t);
}
