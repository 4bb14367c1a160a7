/* fetch_end.c: what the end of a request means: for its source, for what was asked, for the fetch. */
#include "keeper/fetch_own.h"

#include <stdio.h>

static int64_t now_ms(const struct fetch *f)
{
	return clock_mono_ms(f->owner->clock);
}

/* The fetch remembers whose fault it was. */
static void blame(struct fetch *f, struct fetch_source *s, const char *why)
{
	fetch_source_failed(s, f->owner->secrets, why);
	snprintf(f->why, sizeof f->why, "%.60s: %s", s->name, s->last_error);
}

static void convict(struct fetch *f, struct fetch_source *s, const char *why)
{
	fetch_source_lied(s, f->owner->secrets, now_ms(f), why);
	snprintf(f->why, sizeof f->why, "%.60s: %s", s->name, s->last_error);
	for (size_t i = 0; i < FETCH_LANES_MAX; i++)
		if (f->lane[i].source == s)
			fetch_lane_close(&f->lane[i]);
}

/* One more failure in a row. Requests that were under way when the last one failed say nothing new. One that has
 * brought nothing yet is given up sooner: there may be others. Inner blocks may be elsewhere than the rest, and are asked for once. */
static void count_error(struct fetch *f, const struct fetch_lane *lane)
{
	struct fetch_use *use = fetch_use_of(f, lane->source);

	if (lane->ask == SOURCE_ASK_INNER || (use->errors && lane->started_ms < use->again_ms))
		return;
	use->again_ms = now_ms(f) + ((int64_t)FETCH_ERROR_PAUSE_MS << use->errors);
	use->errors++;
	use->is_out |= use->errors >= (use->brought ? FETCH_ERRORS_MAX : 2);
}

static void deny(struct fetch *f, const struct fetch_lane *lane)
{
	struct fetch_denied *d = NULL;
	struct hash32 digest;

	memcpy(digest.b, lane->cid.digest, sizeof digest.b);
	for (size_t i = 0; i < FETCH_DENIED_MAX; i++)
		if (hash32_eq(&f->denied[i].digest, &digest))
			d = &f->denied[i];
	if (!d) {
		d = &f->denied[f->denied_n++ % FETCH_DENIED_MAX];
		*d = (struct fetch_denied){ .digest = digest };
	}
	d->sources |= UINT32_C(1) << (lane->source - f->owner->source);
}

/* It does not have what was asked for. */
static void lacks(struct fetch *f, const struct fetch_lane *lane)
{
	struct fetch_use *use = fetch_use_of(f, lane->source);

	switch (lane->ask) {
	case SOURCE_ASK_CAR:
		use->is_out = true;
		return;
	case SOURCE_ASK_BLOCK:
		deny(f, lane);
		use->is_out |= ++use->lacks >= FETCH_LACKS_MAX || cid_same_block(&lane->cid, &f->root);
		return;
	case SOURCE_ASK_FILE:
		use->no_parts = use->no_whole = true;
		return;
	case SOURCE_ASK_INNER:
	case SOURCE_ASKS:
		return;
	}
}

void fetch_lane_refused(struct fetch_lane *lane)
{
	struct fetch *f = lane->fetch;
	struct fetch_source *s = lane->source;
	struct fetch_use *use = fetch_use_of(f, s);

	blame(f, s, lane->answer.why);
	switch (lane->answer.verdict) {
	case SOURCE_LACKS:
		lacks(f, lane);
		break;
	case SOURCE_NO_CAR:
		use->no_car = true;
		break;
	case SOURCE_NO_RANGE:
		use->no_rest = true;
		use->no_parts = true;
		use->no_whole |= lane->is_whole;	/* its file is another one than a moment ago */
		use->no_car |= lane->ask == SOURCE_ASK_CAR && lane->bytes > 0;
		break;
	case SOURCE_LATER:
		s->rest_until_ms = now_ms(f) + lane->answer.wait_ms;
		count_error(f, lane);	/* "in a second" for ever must not keep this fetch's place from others */
		break;
	case SOURCE_DENIES:
		use->is_out |= lane->ask != SOURCE_ASK_INNER;	/* many web servers say so of a file that is not there */
		break;
	case SOURCE_BROKEN:
	case SOURCE_READ:
		count_error(f, lane);
		use->no_car |= lane->ask == SOURCE_ASK_CAR;
		use->no_parts |= lane->ask == SOURCE_ASK_FILE;
		break;
	}
	fetch_lane_close(lane);
	fetch_turn(f);
}

void fetch_lane_failed(struct fetch_lane *lane, const char *why)
{
	struct fetch *f = lane->fetch;

	blame(f, lane->source, why);
	count_error(f, lane);
	fetch_lane_close(lane);
	fetch_turn(f);
}

static void blame_slow(struct fetch_lane *lane)
{
	struct fetch *f = lane->fetch;
	char why[100];

	snprintf(why, sizeof why, "too slow: %llu bytes in %lld ms", (unsigned long long)lane->bytes,
		 (long long)(now_ms(f) - lane->started_ms));
	blame(f, lane->source, why);
	count_error(f, lane);
}

void fetch_lane_too_slow(struct fetch_lane *lane)
{
	struct fetch *f = lane->fetch;
	struct fetch_use *use = fetch_use_of(f, lane->source);

	blame_slow(lane);
	fetch_source_measured(lane->source, lane->bytes, now_ms(f) - lane->started_ms, 0);
	use->no_car |= lane->ask == SOURCE_ASK_CAR;
	fetch_lane_close(lane);
	fetch_turn(f);
}

static void note_success(struct fetch_lane *lane)
{
	struct fetch_use *use = fetch_use_of(lane->fetch, lane->source);
	int64_t now = now_ms(lane->fetch);

	use->brought++;
	use->errors = 0;
	fetch_source_did(lane->source, lane->bytes, now - lane->started_ms, lane->first_byte_ms - lane->started_ms);
}

/* Broken off, but it may go on from here, if it has brought enough since the last time. */
static bool resume(struct fetch_lane *lane, enum intake_result result)
{
	struct err e = { 0 };

	return result == INTAKE_SHORT && source_can_resume(lane->source->source.kind, lane->ask) && lane->bytes - lane->resumed_at >= FETCH_RESUME_MIN &&
	       fetch_lane_resume(lane, &e) == ERR_OK;
}

/* A reply that ended early, broke a rule, or holds too much that nobody asked for. */
static void end_badly(struct fetch_lane *lane, enum intake_result result, const char *why)
{
	struct fetch *f = lane->fetch;
	struct fetch_use *use = fetch_use_of(f, lane->source);

	if (lane->ask == SOURCE_ASK_INNER && result == INTAKE_SHORT) {
		note_success(lane);	/* leaves are not in it */
		return;
	}
	use->brought += !lane->is_whole && lane->intake.taken > 0;
	/* In the middle of a CAR there may have been no section at all: its beginning says more. */
	use->no_rest |= lane->skipped > 0;
	use->no_car |= lane->ask == SOURCE_ASK_CAR && !lane->skipped;
	use->no_parts |= lane->ask == SOURCE_ASK_FILE && result == INTAKE_BROKEN;
	use->no_whole |= lane->is_whole;
	blame(f, lane->source, why[0] ? why : "the reply ended early");
	/* Leaves of another shape than file bytes give are not the mirror's fault. */
	if (lane->ask != SOURCE_ASK_FILE || result != INTAKE_BROKEN)
		count_error(f, lane);
}

/* Whoever else was asked for the same block need not send it. */
static void close_twins(struct fetch *f, const struct fetch_lane *first)
{
	struct cid cid = first->cid;

	for (size_t i = 0; i < FETCH_LANES_MAX; i++) {
		struct fetch_lane *l = &f->lane[i];

		if (l == first || !l->source || l->ask != SOURCE_ASK_BLOCK || !cid_same_block(&l->cid, &cid))
			continue;
		if (l->is_hedged)
			blame_slow(l);
		fetch_lane_close(l);
	}
}

static void end_well(struct fetch_lane *lane)
{
	struct fetch *f = lane->fetch;

	note_success(lane);
	lane->has_come = true;
	if (lane->is_whole)
		f->whole_from = lane->source;
	if (lane->ask == SOURCE_ASK_BLOCK)
		close_twins(f, lane);
}

void fetch_lane_ended(struct fetch_lane *lane, enum intake_result result, const char *why)
{
	struct fetch *f = lane->fetch;

	if (resume(lane, result))
		return;
	switch (result) {
	case INTAKE_LIE:
		convict(f, lane->source, why);
		break;
	case INTAKE_BAD_DAG:
		fetch_fail(f, FETCH_WRONG, why);
		return;
	case INTAKE_STORAGE:
		fetch_not_stored(f, why);
		return;
	case INTAKE_DONE:
		end_well(lane);
		break;
	case INTAKE_SHORT:
	case INTAKE_BROKEN:
	case INTAKE_MORE:
		end_badly(lane, result, why);
		break;
	}
	fetch_lane_close(lane);
	fetch_turn(f);
}

void fetch_whole_lied(struct fetch *f)
{
	convict(f, f->whole_from, "its file has another SHA-256 than the manifest");
	f->whole_from = NULL;
}
