/* fetch_ask.c: whom a fetch asks, and what it makes of the replies.
 *
 * A source is asked for a CAR; what it leaves out, for single blocks; then the
 * next source's turn comes. after_intake() is the one place that decides what
 * a reply's end means. */
#include "base/log.h"
#include "keeper/fetch_own.h"

#include <stdio.h>

/* --- sources --- */

/* A source's words go through here, and nowhere else, to where people read them: they may echo a key of its URL, or its token. */
static void blame(struct fetch_source *s, struct fetch *f, const char *why)
{
	s->failures++;
	snprintf(s->last_error, sizeof s->last_error, "%.190s", why);
	secrets_hide(f->owner->secrets, s->last_error);
	snprintf(f->why, sizeof f->why, "%.60s: %s", s->name, s->last_error);
}

static void rest(struct fetch *f, struct fetch_source *s, int64_t ms)
{
	s->rest_until_ms = clock_mono_ms(f->owner->clock) + ms;
}

/* "A bad hash quarantines a source." */
static void quarantine(struct fetch *f, struct fetch_source *s, const char *why)
{
	s->bad_blocks++;
	s->is_quarantined = true;
	s->quarantined_until_ms = clock_mono_ms(f->owner->clock) + SOURCE_QUARANTINE_MS;
	blame(s, f, why);
	log_unusual("fetch", "source lied", "source=%s why=%s", s->name, LOG_STR(span_str(s->last_error)));
}

/* The best source that was not asked in this round; NULL: none. */
static struct fetch_source *best_source(const struct fetch *f)
{
	struct fetcher *o = f->owner;
	int64_t now = clock_mono_ms(o->clock);
	struct fetch_source *best = NULL;

	for (size_t i = 0; i < o->sources; i++) {
		struct fetch_source *s = &o->source[i];

		if (f->tried & (UINT32_C(1) << i) || (s->is_quarantined && now < s->quarantined_until_ms) || now < s->rest_until_ms)
			continue;
		if (!best || s->priority < best->priority || (s->priority == best->priority && s->failures < best->failures))
			best = s;
	}
	return best;
}

void fetch_next_source(struct fetch *f)
{
	f->source = best_source(f);
	if (!f->source) {
		if (!f->why[0])
			snprintf(f->why, sizeof f->why, "every source is resting or quarantined");
		fetch_enter(f, FETCH_WAITING);
		return;
	}
	f->tried |= UINT32_C(1) << (f->source - f->owner->source);
	plan_unask_all(f->plan);
	fetch_enter(f, FETCH_CAR);
}

static void stop_reading(struct fetch *f)
{
	if (f->is_reading)
		intake_close(&f->intake);
	f->is_reading = false;
}

void fetch_hang_up(struct fetch *f)
{
	http_cancel(f->call);
	f->call = NULL;
	stop_reading(f);
	for (size_t i = 0; i < FETCH_BLOCKS_MAX; i++) {
		if (!f->block[i].call)
			continue;
		http_cancel(f->block[i].call);
		f->block[i].call = NULL;
		intake_close(&f->block[i].intake);
	}
}

/* What a finished or broken intake means for the whole fetch. Every case hangs up and moves on. */
static void after_intake(struct fetch *f, enum intake_result result, const struct err *e)
{
	fetch_hang_up(f);
	switch (result) {
	case INTAKE_LIE:
		quarantine(f, f->source, e->msg);
		fetch_next_source(f);
		return;
	case INTAKE_BAD_DAG:
		fetch_fail(f, FETCH_WRONG, e->msg);
		return;
	case INTAKE_STORAGE:
		fetch_fail(f, FETCH_WAITING, e->msg);
		return;
	case INTAKE_DONE:
		f->source->successes++;
		fetch_enter(f, plan_is_done(f->plan) ? FETCH_FINISHING : FETCH_SETTLING);
		return;
	default:
		blame(f->source, f, e->msg[0] ? e->msg : "the reply ended early");
		fetch_enter(f, FETCH_SETTLING);
		return;
	}
}

/* --- one reply's head --- */

static void classify(struct fetch *f, const struct source_request *asked, enum source_ask ask, const struct http_reply *r,
		     struct source_answer *out)
{
	struct source_reply reply = { .status = r->status, .content_type = http_field(r, "Content-Type"),
		.content_encoding = http_field(r, "Content-Encoding"), .retry_after = http_field(r, "Retry-After"),
		.content_length = r->length, .wall_ms = clock_wall_ms(f->owner->clock) };

	source_classify(&f->source->source, asked, ask, &reply, out);
}

/* A head that is not to be read on: what it means for the source. */
static void note_verdict(struct fetch *f, const struct source_answer *a)
{
	if (a->verdict == SOURCE_LATER)
		rest(f, f->source, a->wait_ms);
	blame(f->source, f, a->why);
}

static struct http_ask http_ask_of(const struct fetch *f, const struct source_request *r, const char *lines[SOURCE_LINES_MAX])
{
	for (size_t i = 0; i < r->lines; i++)
		lines[i] = r->line[i];
	return (struct http_ask){ .method = r->method, .url = r->url, .lines = lines, .lines_n = r->lines,
		.private_ok = f->source->is_private, .body_max = r->body_max, .total_ms = FETCH_TOTAL_MS, .rate_min = FETCH_RATE_MIN };
}

/* --- a CAR --- */

static int on_car_head(void *arg, const struct http_reply *r, struct err *e)
{
	struct fetch *f = arg;

	classify(f, &f->asked, SOURCE_ASK_CAR, r, &f->answer);
	if (f->answer.verdict != SOURCE_READ)
		return err_set(e, ERR_NET, "%s", f->answer.why);
	intake_open(&f->intake, f->plan, SOURCE_ASK_CAR, f->answer.order, &f->root);
	f->is_reading = true;
	return ERR_OK;
}

static int on_car_body(void *arg, struct span bytes, struct err *e)
{
	struct fetch *f = arg;
	enum intake_result result = intake_feed(&f->intake, bytes, e);

	f->source->bytes += bytes.n;
	if (result != INTAKE_MORE)
		after_intake(f, result, e);	/* cancels this very call: allowed */
	return ERR_OK;
}

static void on_car_done(void *arg, int rc, const struct http_reply *r, const struct err *why)
{
	struct fetch *f = arg;
	struct err e = { 0 };

	(void)r;
	f->call = NULL;
	if (f->is_reading) {
		enum intake_result result = intake_end(&f->intake, &e);

		after_intake(f, result, result == INTAKE_SHORT && rc ? why : &e);
		return;
	}
	if (f->answer.verdict == SOURCE_NO_CAR) {
		blame(f->source, f, f->answer.why);
		fetch_enter(f, FETCH_BLOCKS);
		return;
	}
	if (f->answer.verdict == SOURCE_READ)		/* no head came at all */
		blame(f->source, f, why->msg);
	else
		note_verdict(f, &f->answer);
	fetch_next_source(f);
}

void fetch_ask_car(struct fetch *f)
{
	const char *lines[SOURCE_LINES_MAX];
	struct http_ask ask;
	struct err e = { 0 };
	int rc = source_request(&f->source->source, SOURCE_ASK_CAR, &f->root, f->target.size, &f->asked, &e);

	if (!rc) {
		ask = http_ask_of(f, &f->asked, lines);
		ask.on_head = on_car_head;
		ask.on_body = on_car_body;
		ask.on_done = on_car_done;
		ask.arg = f;
		f->answer = (struct source_answer){ .verdict = SOURCE_READ };
		rc = http_start(f->owner->http, &ask, &f->call, &e);
	}
	if (rc) {
		blame(f->source, f, e.msg);
		fetch_next_source(f);
	}
}

/* --- single blocks --- */

static void end_block(struct fetch_block *b)
{
	b->call = NULL;
	intake_close(&b->intake);
}

static bool has_blocks_asked(const struct fetch *f)
{
	for (size_t i = 0; i < FETCH_BLOCKS_MAX; i++)
		if (f->block[i].call)
			return true;
	return false;
}

static void leave_source(struct fetch *f, const char *why)
{
	blame(f->source, f, why);
	fetch_hang_up(f);
	fetch_next_source(f);
}

static int on_block_head(void *arg, const struct http_reply *r, struct err *e)
{
	struct fetch_block *b = arg;
	struct source_answer a;

	classify(b->fetch, &b->asked, SOURCE_ASK_BLOCK, r, &a);
	if (a.verdict == SOURCE_READ)
		return ERR_OK;
	if (a.verdict == SOURCE_LATER)
		rest(b->fetch, b->fetch->source, a.wait_ms);
	return err_set(e, ERR_NET, "%s", a.why);
}

static int on_block_body(void *arg, struct span bytes, struct err *e)
{
	struct fetch_block *b = arg;
	enum intake_result result = intake_feed(&b->intake, bytes, e);

	b->fetch->source->bytes += bytes.n;
	if (result == INTAKE_MORE || result == INTAKE_DONE)
		return ERR_OK;
	after_intake(b->fetch, result, e);
	return ERR_OK;
}

static void on_block_done(void *arg, int rc, const struct http_reply *r, const struct err *why)
{
	struct fetch_block *b = arg;
	struct fetch *f = b->fetch;
	struct err e = { 0 };
	enum intake_result result;

	(void)r;
	if (rc) {
		struct err kept = *why;

		end_block(b);
		leave_source(f, kept.msg);
		return;
	}
	result = intake_end(&b->intake, &e);
	end_block(b);
	if (result == INTAKE_DONE)
		fetch_ask_blocks(f);
	else
		after_intake(f, result, &e);
}

static int ask_block(struct fetch *f, struct fetch_block *b, const struct plan_link *link, struct err *e)
{
	const char *lines[SOURCE_LINES_MAX];
	struct http_ask ask;
	int rc = source_request(&f->source->source, SOURCE_ASK_BLOCK, &link->cid, f->target.size, &b->asked, e);

	if (rc)
		return rc;
	b->fetch = f;
	b->cid = link->cid;
	ask = http_ask_of(f, &b->asked, lines);
	ask.on_head = on_block_head;
	ask.on_body = on_block_body;
	ask.on_done = on_block_done;
	ask.arg = b;
	rc = http_start(f->owner->http, &ask, &b->call, e);
	if (!rc)
		intake_open(&b->intake, f->plan, SOURCE_ASK_BLOCK, PLAN_ANY, &b->cid);
	return rc;
}

/* Nothing is left to ask of this source. Repetitions may still be filled in; but when that was tried and brought
 * nothing, the source is exhausted. */
static void settle_or_leave(struct fetch *f)
{
	struct plan_progress p;

	plan_progress(f->plan, &p);
	if (plan_is_done(f->plan)) {
		fetch_enter(f, FETCH_FINISHING);
	} else if (p.verified != f->settled_at) {
		f->settled_at = p.verified;
		fetch_enter(f, FETCH_SETTLING);
	} else {
		leave_source(f, "it gave every block that it was asked for, and some are still missing");
	}
}

/* Keeps as many requests in flight as allowed; nothing left to ask and nothing asked: on. */
void fetch_ask_blocks(struct fetch *f)
{
	struct plan_link link;
	struct err e = { 0 };

	for (size_t i = 0; i < FETCH_BLOCKS_MAX; i++) {
		if (f->block[i].call)
			continue;
		if (!plan_ask(f->plan, &link))
			break;
		if (ask_block(f, &f->block[i], &link, &e)) {
			leave_source(f, e.msg);
			return;
		}
	}
	if (has_blocks_asked(f))
		return;
	settle_or_leave(f);
}
