/* fetch.c: see fetch.h. Every state's work happens in fetch_enter; callbacks record and pick the next. */
#include "keeper/fetch.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "formats/sniff.h"
#include "net/backoff.h"

#include <stdio.h>
#include <stdlib.h>

#define TO SM_TO
static const struct sm_state table[] = {
	[FETCH_QUEUED] = { "queued", TO(FETCH_OPENING) },
	[FETCH_OPENING] = { "opening", TO(FETCH_RESTORING) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_RESTORING] = { "restoring", TO(FETCH_CAR) | TO(FETCH_FINISHING) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_CAR] = { "car", TO(FETCH_CAR) | TO(FETCH_BLOCKS) | TO(FETCH_SETTLING) | TO(FETCH_FINISHING) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_SETTLING] = { "settling", TO(FETCH_CAR) | TO(FETCH_BLOCKS) | TO(FETCH_FINISHING) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_BLOCKS] = { "blocks", TO(FETCH_CAR) | TO(FETCH_SETTLING) | TO(FETCH_FINISHING) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_FINISHING] = { "finishing", TO(FETCH_DONE) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_WAITING] = { "waiting", TO(FETCH_QUEUED) },
	[FETCH_DONE] = { "done", 0 },
	[FETCH_WRONG] = { "wrong", 0 },
};

static void fetch_enter(struct fetch *f, enum fetch_at to);
static void next_source(struct fetch *f);

static void fail(struct fetch *f, enum fetch_at to, const char *why)
{
	snprintf(f->why, sizeof f->why, "%s", why);
	fetch_enter(f, to);
}

/* --- where the plan's bytes go --- */

static int io_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	struct fetch *f = arg;

	return blob_write(f->blob, offset, bytes, e);
}

static int io_keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	struct fetch *f = arg;
	uint8_t name[CID_BYTES_MAX];
	struct span known;
	int rc;

	(void)what;
	if (kept_find(&f->kept, cid, &known, NULL) == ERR_OK)
		return ERR_OK;
	rc = blob_add_block(f->blob, SPAN(name, cid_write(cid, name)), block, e);
	return rc ? rc : kept_add(&f->kept, cid, block, e);
}

static int io_load(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	struct fetch *f = arg;
	struct span block;
	int rc = kept_find(&f->kept, cid, &block, e);

	if (rc)
		return rc;
	buf_add(out, block);
	return buf_ok(out, e);
}

static int io_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	struct fetch *f = arg;

	return blob_read(f->blob, offset, out, n, e);
}

/* --- opening and restoring --- */

static int open_blob(struct fetch *f, struct err *e)
{
	int rc = f->owner->owner.make_room(f->owner->owner.arg, f->size, e);

	if (rc)
		return rc;
	rc = blob_start(f->owner->blobs, &f->sha256, f->size, &f->blob, NULL, e);
	if (rc == ERR_EXISTS)
		rc = blob_repair(f->owner->blobs, &f->sha256, f->size, &f->blob, e);
	return rc;
}

static void open_all(struct fetch *f)
{
	struct plan_io io = { io_write, io_keep, io_load, io_read, f };
	struct err e = { 0 };
	int rc = open_blob(f, &e);

	if (!rc)
		rc = kept_load(&f->kept, f->blob, &e);
	if (rc) {
		fail(f, FETCH_WAITING, e.msg);
		return;
	}
	rc = plan_new(&f->root, f->size, &io, &f->plan, &e);
	if (rc)
		fail(f, rc == ERR_MEMORY ? FETCH_WAITING : FETCH_WRONG, e.msg);
	else
		fetch_enter(f, FETCH_RESTORING);
}

/* [worker] */
static void work_restore(uv_work_t *work)
{
	struct fetch *f = work->data;

	do
		f->work_verdict = plan_restore(f->plan, FETCH_STEP_BYTES, &f->work_more, &f->work_err);
	while (f->work_verdict == PLAN_TAKEN && f->work_more && !f->is_forgotten);
}

/* [worker] */
static void work_settle(uv_work_t *work)
{
	struct fetch *f = work->data;

	do
		f->work_verdict = plan_settle(f->plan, FETCH_STEP_BYTES, &f->work_more, &f->work_err);
	while (f->work_verdict == PLAN_TAKEN && f->work_more && !f->is_forgotten);
}

static void fetch_free_soon(struct fetch *f);

static void after_plan_work(uv_work_t *work, int status)
{
	struct fetch *f = work->data;
	bool was_settling = f->sm.at == FETCH_SETTLING;

	(void)status;
	f->work.data = NULL;
	if (f->is_forgotten)
		fetch_free_soon(f);
	else if (f->work_verdict == PLAN_BAD_DAG)
		fail(f, FETCH_WRONG, f->work_err.msg);
	else if (f->work_verdict == PLAN_STORAGE)
		fail(f, FETCH_WAITING, f->work_err.msg);
	else if (plan_is_done(f->plan))
		fetch_enter(f, FETCH_FINISHING);
	else if (was_settling && f->source)
		fetch_enter(f, FETCH_BLOCKS);
	else
		next_source(f);
}

static void start_work(struct fetch *f, uv_work_cb work, uv_after_work_cb after)
{
	f->work.data = f;
	f->work_err = (struct err){ 0 };
	uv_queue_work(f->owner->loop, &f->work, work, after);
}

/* --- sources --- */

static void blame(struct fetch_source *s, struct fetch *f, const char *why)
{
	s->failures++;
	snprintf(s->last_error, sizeof s->last_error, "%.190s", why);
	snprintf(f->why, sizeof f->why, "%.60s: %.240s", s->name, why);
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
	log_unusual("fetch", "source lied", "source=%s why=%s", s->name, LOG_STR(span_str(why)));
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

static void next_source(struct fetch *f)
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

static void hang_up(struct fetch *f)
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
	hang_up(f);
	switch (result) {
	case INTAKE_LIE:
		quarantine(f, f->source, e->msg);
		next_source(f);
		return;
	case INTAKE_BAD_DAG:
		fail(f, FETCH_WRONG, e->msg);
		return;
	case INTAKE_STORAGE:
		fail(f, FETCH_WAITING, e->msg);
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
	next_source(f);
}

static void ask_car(struct fetch *f)
{
	const char *lines[SOURCE_LINES_MAX];
	struct http_ask ask;
	struct err e = { 0 };
	int rc = source_request(&f->source->source, SOURCE_ASK_CAR, &f->root, f->size, &f->asked, &e);

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
		next_source(f);
	}
}

/* --- single blocks --- */

static void ask_blocks(struct fetch *f);

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
	hang_up(f);
	next_source(f);
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
		ask_blocks(f);
	else
		after_intake(f, result, &e);
}

static int ask_block(struct fetch *f, struct fetch_block *b, const struct plan_link *link, struct err *e)
{
	const char *lines[SOURCE_LINES_MAX];
	struct http_ask ask;
	int rc = source_request(&f->source->source, SOURCE_ASK_BLOCK, &link->cid, f->size, &b->asked, e);

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
static void ask_blocks(struct fetch *f)
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

/* --- the end --- */

static void sniff_blob(struct fetch *f)
{
	uint8_t head[SNIFF_BYTES];
	size_t n = f->size < sizeof head ? (size_t)f->size : sizeof head;

	if (blob_read(f->blob, 0, head, n, NULL) == ERR_OK)
		snprintf(f->fetched.format, sizeof f->fetched.format, "%s", sniff(SPAN(head, n)));
}

/* [worker] */
static void work_finish(uv_work_t *work)
{
	struct fetch *f = work->data;

	sniff_blob(f);
	f->work_rc = blob_finish(f->blob, &f->fetched.digests, &f->work_err);
}

static void after_finish(uv_work_t *work, int status)
{
	struct fetch *f = work->data;

	(void)status;
	f->work.data = NULL;
	if (f->is_forgotten)
		fetch_free_soon(f);
	else if (f->work_rc == ERR_PROOF)
		fail(f, FETCH_WRONG, f->work_err.msg);
	else if (f->work_rc)
		fail(f, FETCH_WAITING, f->work_err.msg);
	else
		fetch_enter(f, FETCH_DONE);
}

static void let_go(struct fetch *f)
{
	hang_up(f);
	plan_free(STEAL_PTR(f->plan));
	blob_free(STEAL_PTR(f->blob));
	kept_fini(&f->kept);
	f->source = NULL;
}

static void on_pause_over(uv_timer_t *timer)
{
	struct fetch *f = timer->data;

	f->tried = 0;
	f->settled_at = UINT64_MAX;
	f->why[0] = '\0';
	fetch_enter(f, FETCH_QUEUED);
}

static void wait(struct fetch *f)
{
	struct backoff b = { .base_ms = FETCH_RETRY_BASE_MS, .cap_ms = FETCH_RETRY_CAP_MS, .floor_ms = FETCH_RETRY_FLOOR_MS,
		.tries = f->tries, .seed = f->sha256.b[0] + (uint64_t)clock_mono_ms(f->owner->clock) };
	int64_t ms = backoff_next(&b);

	f->tries++;
	let_go(f);
	uv_timer_start(&f->pause, on_pause_over, (uint64_t)ms, 0);
	f->owner->owner.on_failed(f->owner->owner.arg, &f->sha256, f->why, f->tries, clock_wall_ms(f->owner->clock) + ms);
}

static void fetch_enter(struct fetch *f, enum fetch_at to)
{
	struct fetcher_owner *o = &f->owner->owner;

	sm_move(&f->sm, to);
	switch (to) {
	case FETCH_QUEUED:
		fetcher_next(f->owner);
		return;
	case FETCH_OPENING:
		o->on_begun(o->arg, &f->sha256);
		open_all(f);
		return;
	case FETCH_RESTORING:
		start_work(f, work_restore, after_plan_work);
		return;
	case FETCH_CAR:
		ask_car(f);
		return;
	case FETCH_BLOCKS:
		ask_blocks(f);
		return;
	case FETCH_SETTLING:
		start_work(f, work_settle, after_plan_work);
		return;
	case FETCH_FINISHING:
		start_work(f, work_finish, after_finish);
		return;
	case FETCH_WAITING:
		wait(f);
		fetcher_next(f->owner);
		return;
	case FETCH_WRONG:
		o->on_wrong(o->arg, &f->sha256, f->cid_text, f->why);
		fetcher_ended(f->owner, f);
		return;
	case FETCH_DONE:
		o->on_good(o->arg, &f->fetched);
		fetcher_ended(f->owner, f);
		return;
	case FETCH_STATES:
		return;
	}
}

/* --- from outside --- */

int fetch_new(struct fetcher *owner, const struct ledger_want *w, struct fetch **out, struct err *e)
{
	struct fetch *f = calloc(1, sizeof *f);
	int rc;

	if (!f)
		return err_set(e, ERR_MEMORY, "no memory for a fetch");
	f->owner = owner;
	f->sha256 = w->sha256;
	f->size = w->size;
	f->fetched = (struct fetched){ .sha256 = w->sha256, .size = w->size };
	f->is_urgent = w->is_urgent;
	snprintf(f->cid_text, sizeof f->cid_text, "%s", w->cid);
	rc = cid_read_text(span_str(w->cid), &f->root, e);
	if (rc) {
		free(f);
		return rc;
	}
	f->settled_at = UINT64_MAX;
	kept_init(&f->kept);
	sm_init(&f->sm, "fetch", table, FETCH_QUEUED);
	uv_timer_init(owner->loop, &f->pause);
	f->pause.data = f;
	*out = f;
	return ERR_OK;
}

void fetch_start(struct fetch *f)
{
	fetch_enter(f, FETCH_OPENING);
}

void fetch_hurry(struct fetch *f)
{
	if (f->sm.at != FETCH_WAITING)
		return;
	uv_timer_stop(&f->pause);
	on_pause_over(&f->pause);
}

static void on_pause_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void fetch_free_soon(struct fetch *f)
{
	let_go(f);
	uv_close((uv_handle_t *)&f->pause, on_pause_closed);
}

void fetch_cancel(struct fetch *f)
{
	f->is_forgotten = true;
	if (f->work.data)
		return;		/* the worker holds plan and blob: after_… frees */
	fetch_free_soon(f);
}

bool fetch_is_running(const struct fetch *f)
{
	return f->sm.at != FETCH_QUEUED && f->sm.at != FETCH_WAITING;
}
