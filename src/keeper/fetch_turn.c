/* fetch_turn.c: who is asked for what next.
 *
 * Sources go by priority, then by what a MiB of them costs. A lower class is
 * asked only for what no source of a better one can give now; while a better one is
 * only busy, the rest waits for it. Each is asked the largest question that it
 * has an answer to:
 *
 *	a CAR			of a file of which nothing is there yet, and alone
 *	the rest of a CAR	when it is a file, and just its end is missing; alone
 *	inner blocks		once, where leaves cannot be told without
 *	runs of the file	two at a time
 *	single blocks		as many as are allowed in flight */
#include "ipfs/carpos.h"
#include "keeper/fetch_own.h"

#include <stdio.h>

static int64_t now_ms(const struct fetch *f)
{
	return clock_mono_ms(f->owner->clock);
}

struct fetch_use *fetch_use_of(struct fetch *f, const struct fetch_source *s)
{
	return &f->use[s - f->owner->source];
}

/* Outside the window the uplink is not for images; a peer is not at the uplink. */
static int64_t window_ms(const struct fetch *f, const struct fetch_source *s)
{
	if (s->source.kind == SOURCE_PEER || fetch_is_urgent(f))
		return 0;
	return window_wait_ms(&f->owner->window, f->owner->clock);
}

bool fetch_is_usable(const struct fetch *f, size_t source, int64_t now)
{
	const struct fetch_source *s = &f->owner->source[source];
	const struct fetch_use *use = &f->use[source];

	return !use->is_out && now >= use->again_ms && now >= s->rest_until_ms && !fetch_source_is_quarantined(s, now) &&
	       window_ms(f, s) == 0;
}

static bool gives_leaves(const struct fetch *f, size_t source)
{
	const struct fetch_source *s = &f->owner->source[source];
	const struct fetch_use *use = &f->use[source];

	return source_can(&s->source, SOURCE_ASK_BLOCK) || (source_can(&s->source, SOURCE_ASK_FILE) && !use->no_parts) ||
	       (source_can(&s->source, SOURCE_ASK_CAR) && !use->no_car);
}

bool fetch_has_other(const struct fetch *f, const struct fetch_source *s)
{
	int64_t now = now_ms(f);

	for (size_t i = 0; i < f->owner->sources; i++)
		if (&f->owner->source[i] != s && fetch_is_usable(f, i, now) && gives_leaves(f, i))
			return true;
	return false;
}

/* --- one source's question --- */

static unsigned lanes_at(const struct fetch *f, const struct fetch_source *s, enum source_ask ask)
{
	unsigned n = 0;

	for (size_t i = 0; i < FETCH_LANES_MAX; i++)
		n += f->lane[i].source == s && (ask == SOURCE_ASKS || f->lane[i].ask == ask);
	return n;
}

/* A link that file bytes alone do not give: more under it than a leaf can be, or maybe the root of it all. */
static bool is_inner(void *arg, const struct plan_link *l)
{
	(void)arg;
	return l->may_be_inner && (!l->may_be_leaf || l->depth == 0);
}

struct asker {
	const struct fetch *f;
	uint32_t bit;		/* the source's */
};

/* Has this source not said that it lacks the block? */
static bool is_not_denied(void *arg, const struct plan_link *l)
{
	const struct asker *a = arg;

	for (size_t i = 0; i < FETCH_DENIED_MAX; i++)
		if (a->f->denied[i].sources & a->bit && !memcmp(a->f->denied[i].digest.b, l->cid.digest, 32))
			return false;
	return true;
}

static bool open_lane(struct fetch *f, struct fetch_source *s, enum source_ask ask, const struct cid *cid, uint64_t from, uint64_t end)
{
	struct fetch_lane *lane = fetch_lane_free(f);
	struct err e = { 0 };

	if (fetch_lane_open(f, lane, s, ask, cid, from, end, &e) == ERR_OK)
		return true;
	fetch_source_failed(s, f->owner->secrets, e.msg);
	snprintf(f->why, sizeof f->why, "%.60s: %s", s->name, s->last_error);
	fetch_use_of(f, s)->is_out = true;
	return false;
}

static bool ask_car(struct fetch *f, struct fetch_source *s, const struct fetch_use *use)
{
	return !use->no_car && source_can(&s->source, SOURCE_ASK_CAR) && fetch_lanes(f) == 0 &&
	       open_lane(f, s, SOURCE_ASK_CAR, &f->root, 0, 0);
}

/* A CAR that is a file, from the first missing block on. */
static bool ask_rest(struct fetch *f, struct fetch_source *s, const struct fetch_use *use)
{
	uint64_t at;

	return !use->no_car && !use->no_rest && source_can(&s->source, SOURCE_ASK_CAR) &&
	       source_can_resume(s->source.kind, SOURCE_ASK_CAR) && fetch_lanes(f) == 0 && carpos_of_missing(f->plan, &at) &&
	       open_lane(f, s, SOURCE_ASK_CAR, &f->root, at, 0);
}

static bool ask_inner(struct fetch *f, struct fetch_source *s, struct fetch_use *use)
{
	struct plan_link link;

	if (use->has_inner || !source_can(&s->source, SOURCE_ASK_INNER) || !plan_ask_if(f->plan, is_inner, NULL, &link))
		return false;
	plan_unask(f->plan, &link.cid);
	use->has_inner = true;
	return open_lane(f, s, SOURCE_ASK_INNER, &f->root, 0, 0);
}

/* Nothing is known but the root's name, and that it may have children: all of the file would come to find out. */
static bool is_run_a_guess(const struct fetch *f)
{
	struct plan_link first;

	return plan_missing(f->plan, 0, &first) && first.depth == 0 && first.may_be_inner;
}

static bool ask_run(struct fetch *f, struct fetch_source *s, const struct fetch_use *use)
{
	uint64_t from, n;

	if (use->no_parts || is_run_a_guess(f) || !source_can(&s->source, SOURCE_ASK_FILE) || lanes_at(f, s, SOURCE_ASK_INNER) ||
	    lanes_at(f, s, SOURCE_ASK_FILE) >= FETCH_RUNS_A_SOURCE || !plan_ask_run(f->plan, FETCH_RUN_BYTES, &from, &n))
		return false;
	if (open_lane(f, s, SOURCE_ASK_FILE, &f->root, from, from + n))
		return true;
	plan_unask_run(f->plan, from, n);
	return false;
}

static bool ask_block(struct fetch *f, struct fetch_source *s)
{
	struct asker asker = { f, UINT32_C(1) << (s - f->owner->source) };
	struct plan_link link;

	if (!source_can(&s->source, SOURCE_ASK_BLOCK) || !plan_ask_if(f->plan, is_not_denied, &asker, &link))
		return false;
	if (open_lane(f, s, SOURCE_ASK_BLOCK, &link.cid, 0, 0))
		return true;
	plan_unask(f->plan, &link.cid);
	return false;
}

static bool is_fresh(const struct fetch *f)
{
	struct plan_progress p;

	plan_progress(f->plan, &p);
	return p.verified == 0 && p.inner == 0;
}

/* All that is missing lies behind all that is there. */
static bool is_tail_missing(const struct fetch *f)
{
	struct plan_progress p;

	plan_progress(f->plan, &p);
	return p.verified == p.contiguous;
}

static bool ask_source(struct fetch *f, struct fetch_source *s)
{
	struct fetch_use *use = fetch_use_of(f, s);

	return (is_fresh(f) && ask_car(f, s, use)) || (is_tail_missing(f) && ask_rest(f, s, use)) || ask_inner(f, s, use) || ask_run(f, s, use) || ask_block(f, s);
}

/* --- all sources --- */

/* Is a before b? */
static bool is_better(const struct fetch_source *a, const struct fetch_source *b)
{
	return a->priority != b->priority ? a->priority < b->priority : fetch_source_cost_ms(a) < fetch_source_cost_ms(b);
}

/* Those that may be asked now, the best first; returns how many. */
static size_t sort_sources(const struct fetch *f, struct fetch_source *out[SOURCES_MAX])
{
	int64_t now = now_ms(f);
	size_t n = 0;

	for (size_t i = 0; i < f->owner->sources; i++) {
		struct fetch_source *s = &f->owner->source[i];
		size_t at = n;

		if (!fetch_is_usable(f, i, now))
			continue;
		for (; at > 0 && is_better(s, out[at - 1]); at--)
			out[at] = out[at - 1];
		out[at] = s;
		n++;
	}
	return n;
}

/* A lane that carries the whole file by itself; others would only bring what it brings. */
static bool has_leader(const struct fetch *f)
{
	for (size_t i = 0; i < FETCH_LANES_MAX; i++)
		if (f->lane[i].source && (f->lane[i].ask == SOURCE_ASK_CAR || f->lane[i].is_whole))
			return true;
	return false;
}

/* Asks one more question. False: there is none now. */
static bool ask_one(struct fetch *f)
{
	struct fetch_source *by[SOURCES_MAX];
	size_t n = sort_sources(f, by);
	bool is_busy = false;

	if (fetch_lanes(f) >= fetch_lanes_max(f))
		return false;
	for (size_t i = 0; i < n && fetch_lane_free(f); i++) {
		if (i > 0 && by[i]->priority != by[i - 1]->priority && is_busy)
			return false;
		if (lanes_at(f, by[i], SOURCE_ASKS) >= FETCH_LANES_A_SOURCE)
			is_busy = true;
		else if (ask_source(f, by[i]))
			return true;
		is_busy |= lanes_at(f, by[i], SOURCE_ASK_FILE) + lanes_at(f, by[i], SOURCE_ASK_INNER) > 0;
	}
	return false;
}

bool fetch_hedge(struct fetch *f, const struct fetch_lane *slow)
{
	struct fetch_source *by[SOURCES_MAX];
	size_t n = sort_sources(f, by);
	struct plan_link link = { .cid = slow->cid };

	for (size_t i = 0; i < n && fetch_lane_free(f); i++) {
		struct asker asker = { f, UINT32_C(1) << (by[i] - f->owner->source) };

		if (by[i] == slow->source || !source_can(&by[i]->source, SOURCE_ASK_BLOCK) || !is_not_denied(&asker, &link) ||
		    lanes_at(f, by[i], SOURCE_ASKS) >= FETCH_LANES_A_SOURCE)
			continue;
		if (open_lane(f, by[i], SOURCE_ASK_BLOCK, &slow->cid, 0, 0))
			return true;
	}
	return false;
}

/* --- nothing is under way, and nothing can be asked --- */

/* How long until a source may be asked again that this try has not given up; -1: none. */
static int64_t soonest_ms(const struct fetch *f)
{
	int64_t now = now_ms(f), best = -1;

	for (size_t i = 0; i < f->owner->sources; i++) {
		const struct fetch_source *s = &f->owner->source[i];
		const struct fetch_use *use = &f->use[i];
		int64_t at = s->rest_until_ms > use->again_ms ? s->rest_until_ms : use->again_ms;

		if (use->is_out || fetch_source_is_quarantined(s, now) || window_ms(f, s) > 0 || at <= now)
			continue;
		if (best < 0 || at - now < best)
			best = at - now;
	}
	return best;
}

/* Archives bring again what is there; better than nothing, but only when nobody gives less than all. */
static bool ask_car_again(struct fetch *f)
{
	struct fetch_source *by[SOURCES_MAX];
	size_t n = sort_sources(f, by);

	for (size_t i = 0; i < n; i++)
		if (ask_rest(f, by[i], fetch_use_of(f, by[i])) || ask_car(f, by[i], fetch_use_of(f, by[i])))
			return true;
	return false;
}

/* A mirror's bytes were taken for lies, or are no leaves as they stand: others may know better. */
static bool reconsider(struct fetch *f)
{
	int64_t now = now_ms(f);

	for (size_t i = 0; i < f->owner->sources; i++)
		if (fetch_is_usable(f, i, now) && source_can(&f->owner->source[i].source, SOURCE_ASK_FILE) && !f->use[i].no_parts)
			return plan_reconsider(f->plan);
	return false;
}

/* A whole image that is here has its bytes, and whoever reads it must not see others. */
static bool ask_whole(struct fetch *f)
{
	struct fetch_source *by[SOURCES_MAX];
	size_t n = f->is_for_blocks ? 0 : sort_sources(f, by);

	for (size_t i = 0; i < n; i++) {
		struct fetch_lane *lane = fetch_lane_free(f);
		struct fetch_use *use = fetch_use_of(f, by[i]);

		if (use->no_whole || !source_can(&by[i]->source, SOURCE_ASK_FILE) ||
		    !open_lane(f, by[i], SOURCE_ASK_FILE, &f->root, 0, f->target.size))
			continue;
		lane->is_whole = true;
		return true;
	}
	return false;
}

/* Why nobody is asked. */
static const char *excuse(const struct fetch *f)
{
	for (size_t i = 0; i < f->owner->sources; i++)
		if (window_ms(f, &f->owner->source[i]) > 0)
			return "waits for the fetch window";
	if (f->why[0])
		return f->why;
	return f->owner->sources ? "every source is resting or quarantined" : "there is no source";
}

static void idle(struct fetch *f)
{
	struct plan_progress p;
	int64_t ms;

	plan_progress(f->plan, &p);
	if (p.blocks != f->settled_at) {
		f->settled_at = p.blocks;
		plan_unask_all(f->plan);
		fetch_enter(f, FETCH_SETTLING);
		return;
	}
	ms = soonest_ms(f);
	if (ms >= 0 && ms <= FETCH_PATIENCE_MS) {
		fetch_tick_soon(f, ms);
		return;
	}
	if (reconsider(f)) {
		fetch_turn(f);
		return;
	}
	if (ask_car_again(f) || ask_whole(f))
		fetch_tick_soon(f, FETCH_TICK_MS);
	else
		fetch_fail(f, FETCH_WAITING, excuse(f));
}

void fetch_turn(struct fetch *f)
{
	if (f->sm.at != FETCH_FETCHING)
		return;
	if (f->whole_from || f->is_right || plan_is_done(f->plan)) {
		fetch_hang_up(f);
		fetch_enter(f, FETCH_FINISHING);
		return;
	}
	while (!has_leader(f) && ask_one(f))
		;
	if (fetch_lanes(f) > 0)
		fetch_tick_soon(f, FETCH_TICK_MS);
	else
		idle(f);
}
