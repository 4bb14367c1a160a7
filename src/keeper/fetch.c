/* fetch.c: see fetch.h. Every state's work happens in fetch_enter; callbacks record and pick the next. */
#include "keeper/fetch_own.h"
#include "base/cleanup.h"
#include "formats/sniff.h"
#include "net/backoff.h"

#include <stdio.h>
#include <stdlib.h>

#define TO SM_TO
static const struct sm_state table[] = {
	[FETCH_QUEUED] = { "queued", TO(FETCH_OPENING) },
	[FETCH_OPENING] = { "opening", TO(FETCH_RESTORING) | TO(FETCH_FINISHING) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_RESTORING] = { "restoring", TO(FETCH_FETCHING) | TO(FETCH_FINISHING) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_FETCHING] = { "fetching", TO(FETCH_SETTLING) | TO(FETCH_FINISHING) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_SETTLING] = { "settling", TO(FETCH_FETCHING) | TO(FETCH_FINISHING) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_FINISHING] = { "finishing", TO(FETCH_DONE) | TO(FETCH_OPENING) | TO(FETCH_WAITING) | TO(FETCH_WRONG) },
	[FETCH_WAITING] = { "waiting", TO(FETCH_QUEUED) },
	[FETCH_DONE] = { "done", 0 },
	[FETCH_WRONG] = { "wrong", TO(FETCH_QUEUED) },
};

void fetch_fail(struct fetch *f, enum fetch_at to, const char *why)
{
	if (why != f->why)
		snprintf(f->why, sizeof f->why, "%s", why);
	fetch_enter(f, to);
}

void fetch_not_stored(struct fetch *f, const char *why)
{
	fetch_hang_up(f);
	fetch_fail(f, f->is_doubted ? FETCH_FINISHING : FETCH_WAITING, why);
}

int fetch_note_disk(struct fetch *f, int rc, const struct err *e)
{
	if (rc == ERR_NO_SPACE || rc == ERR_READ_ONLY || rc == ERR_IO)
		f->disk = e ? *e : (struct err){ .code = (enum err_code)rc, .msg = "an image's file" };
	return rc;
}

/* The disk was looked at since this was told, and keeps files: so it is the place where this one lies, and nobody else need rest for it. */
static bool is_bad_place(const struct fetch *f)
{
	return err_is_of_one_file(&f->disk) && f->told_io;
}

static void tell_disk(struct fetch *f)
{
	struct err e = f->disk;
	bool is_news = e.code && !is_bad_place(f);

	f->told_io |= err_is_of_one_file(&e);
	if (is_news)
		f->owner->owner.on_trouble(f->owner->owner.arg, &e);
}

/* --- what workers do --- */

/* [worker] What nobody has the inner blocks of tells nothing by its blocks. Its own digest does, and asks nobody. */
static bool is_right(struct fetch *f)
{
	return f->was_whole && !f->is_forgotten && !plan_is_done(f->plan) && blob_compare(f->blob, NULL) == ERR_OK;
}

/* [worker] */
static void work_restore(uv_work_t *work)
{
	struct fetch *f = work->data;

	f->work_verdict = fetch_load_kept(f, &f->work_err) ? PLAN_STORAGE : PLAN_TAKEN;
	if (f->work_verdict == PLAN_STORAGE)
		return;
	/* Cut as most are: the image itself gives its inner blocks, and nobody need be asked. */
	if (f->is_for_blocks)
		(void)fetch_guess_dag(f);
	do
		f->work_verdict = plan_restore(f->plan, FETCH_STEP_BYTES, &f->work_more, &f->work_err);
	while (f->work_verdict == PLAN_TAKEN && f->work_more && !f->is_forgotten);
	f->is_right = is_right(f);
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

	(void)status;
	f->work.data = NULL;
	if (f->is_forgotten)
		fetch_free_soon(f);
	else if (f->work_verdict == PLAN_BAD_DAG)
		fetch_fail(f, FETCH_WRONG, f->work_err.msg);
	else if (f->work_verdict == PLAN_STORAGE)
		fetch_not_stored(f, f->work_err.msg);
	else
		fetch_enter(f, FETCH_FETCHING);
}

static void start_work(struct fetch *f, uv_work_cb work, uv_after_work_cb after)
{
	f->work.data = f;
	f->work_err = (struct err){ 0 };
	uv_queue_work(f->owner->loop, &f->work, work, after);
}

/* --- the end --- */

static void sniff_blob(struct fetch *f)
{
	uint8_t head[SNIFF_BYTES];
	size_t n = f->target.size < sizeof head ? (size_t)f->target.size : sizeof head;

	if (blob_read(f->blob, 0, head, n, NULL) == ERR_OK)
		snprintf(f->fetched.format, sizeof f->fetched.format, "%s", sniff(SPAN(head, n)));
}

/* [worker] */
static void work_finish(uv_work_t *work)
{
	struct fetch *f = work->data;
	bool is_guessed;

	sniff_blob(f);
	blob_keep_part(f->blob);
	is_guessed = (f->whole_from || f->is_right) && fetch_guess_dag(f);
	f->fetched.lacks_blocks = f->is_right && !is_guessed;
	f->work_rc = fetch_note_disk(f, blob_finish(f->blob, &f->fetched.digests, &f->work_err), &f->work_err);
}

/* [worker] */
static void work_doubt(uv_work_t *work)
{
	struct fetch *f = work->data;

	f->work_rc = blob_compare(f->blob, &f->work_err);
}

static void let_go(struct fetch *f)
{
	uv_timer_stop(&f->tick);
	fetch_hang_up(f);
	plan_free(STEAL_PTR(f->plan));
	/* A new file lies elsewhere. */
	if (is_bad_place(f))
		blob_discard(STEAL_PTR(f->blob));
	else
		blob_free(STEAL_PTR(f->blob));
	kept_fini(&f->kept);
	f->whole_from = NULL;
	f->is_doubted = f->is_unlike = false;
}

/* The mirror's, not the release's fault. What is verified lies among its bytes, and restoring tells them apart. */
static void drop_whole(struct fetch *f)
{
	fetch_whole_lied(f);
	let_go(f);
	f->settled_at = UINT64_MAX;
	fetch_enter(f, FETCH_OPENING);
}

/* Every block fitted when it came, or when it was read: so the disk has changed one since, or the manifest lies. Reading it all
 * again tells, and costs no transfer. */
static void doubt_disk(struct fetch *f)
{
	f->unproven++;
	let_go(f);
	f->settled_at = UINT64_MAX;
	fetch_enter(f, FETCH_OPENING);
}

static void after_finish(uv_work_t *work, int status)
{
	struct fetch *f = work->data;

	(void)status;
	f->work.data = NULL;
	if (f->is_forgotten)
		fetch_free_soon(f);
	else if (f->work_rc == ERR_PROOF && f->whole_from)
		drop_whole(f);
	else if (f->work_rc == ERR_PROOF && f->unproven < FETCH_UNPROVEN_MAX)
		doubt_disk(f);
	else if (f->work_rc == ERR_PROOF)
		fetch_fail(f, FETCH_WRONG, f->work_err.msg);
	else if (f->work_rc)
		fetch_fail(f, FETCH_WAITING, f->work_err.msg);
	else
		fetch_enter(f, FETCH_DONE);
}

/* Is it the CID that names another file, or has the image rotted? Then its repair is the next try. Neither, when a read has failed once. */
static void after_doubt(uv_work_t *work, int status)
{
	struct fetch *f = work->data;

	(void)status;
	f->work.data = NULL;
	if (f->is_forgotten) {
		fetch_free_soon(f);
	} else if (f->work_rc == ERR_OK) {
		fetch_enter(f, f->is_unlike ? FETCH_WRONG : FETCH_WAITING);
	} else {
		if (f->work_rc != ERR_MEMORY)
			f->owner->owner.on_rotten(f->owner->owner.arg, &f->target.sha256);
		fetch_fail(f, FETCH_WAITING, f->work_err.msg);
	}
}

/* A new try. */
static void queue(struct fetch *f)
{
	memset(f->use, 0, sizeof f->use);
	memset(f->denied, 0, sizeof f->denied);
	f->settled_at = UINT64_MAX;
	f->unproven = 0;
	f->why[0] = '\0';
	f->disk.code = ERR_OK;
	fetch_enter(f, FETCH_QUEUED);
}

static void on_pause_over(uv_timer_t *timer)
{
	queue(timer->data);
}

static void give_up(struct fetch *f)
{
	f->owner->owner.on_failed(f->owner->owner.arg, &f->target, f->why, f->tries, 0);
	fetcher_ended(f->owner, f);
}

static void wait(struct fetch *f)
{
	struct backoff b = { .base_ms = FETCH_RETRY_BASE_MS, .cap_ms = FETCH_RETRY_CAP_MS, .floor_ms = FETCH_RETRY_FLOOR_MS,
		.tries = f->tries, .seed = f->target.sha256.b[0] + (uint64_t)clock_mono_ms(f->owner->clock) };
	int64_t ms = fetch_pause_ms(f, backoff_next(&b));

	f->tries++;
	let_go(f);
	tell_disk(f);
	if (!fetch_drop_once(f)) {
		give_up(f);
		return;
	}
	uv_timer_start(&f->pause, on_pause_over, (uint64_t)ms, 0);
	f->owner->owner.on_failed(f->owner->owner.arg, &f->target, f->why, f->tries, clock_wall_ms(f->owner->clock) + ms);
}

static void end_wrong(struct fetch *f)
{
	/* It is a second name of what is served, and nobody will take it up. */
	if (f->is_for_blocks)
		blob_discard(STEAL_PTR(f->blob));
	let_go(f);
	f->owner->owner.on_wrong(f->owner->owner.arg, &f->target, f->why);
	if (fetch_drop_wrong(f))
		queue(f);
	else
		fetcher_ended(f->owner, f);
}

static void end_good(struct fetch *f)
{
	f->fetched.target = f->target;
	f->owner->owner.on_good(f->owner->owner.arg, &f->fetched);
	fetcher_ended(f->owner, f);
}

void fetch_enter(struct fetch *f, enum fetch_at to)
{
	struct fetcher_owner *o = &f->owner->owner;

	sm_move(&f->sm, to);
	switch (to) {
	case FETCH_QUEUED:
		fetcher_next(f->owner);
		return;
	case FETCH_OPENING:
		fetch_open(f);
		return;
	case FETCH_RESTORING:
		/* Only now: an image that is being fetched counts as bytes on disk, and room for it was asked just before. */
		o->on_begun(o->arg, &f->target.sha256);
		start_work(f, work_restore, after_plan_work);
		return;
	case FETCH_FETCHING:
		if (f->owner->paused[0])
			fetch_fail(f, FETCH_WAITING, f->owner->paused);
		else
			fetch_turn(f);
		return;
	case FETCH_SETTLING:
		start_work(f, work_settle, after_plan_work);
		return;
	case FETCH_FINISHING:
		if (f->is_doubted)
			start_work(f, work_doubt, after_doubt);
		else
			start_work(f, work_finish, after_finish);
		return;
	case FETCH_WAITING:
		wait(f);
		fetcher_next(f->owner);
		return;
	case FETCH_WRONG:
		end_wrong(f);
		return;
	case FETCH_DONE:
		end_good(f);
		return;
	case FETCH_STATES:
		return;
	}
}

/* --- from outside --- */

int fetch_new(struct fetcher *owner, const struct ledger_want *w, bool is_once, struct fetch **out, struct err *e)
{
	struct fetch *f = calloc(1, sizeof *f);
	bool is_new;
	int rc;

	if (!f)
		return err_set(e, ERR_MEMORY, "no memory for a fetch");
	f->owner = owner;
	f->target = (struct fetch_target){ .sha256 = w->sha256, .size = w->size };	/* found by it before its first try */
	list_init(&f->claims);
	rc = fetch_claim(f, w, is_once, &is_new, e);
	if (rc) {
		free(f);
		return rc;
	}
	f->settled_at = UINT64_MAX;
	kept_init(&f->kept);
	sm_init(&f->sm, "fetch", table, FETCH_QUEUED);
	uv_timer_init(owner->loop, &f->pause);
	uv_timer_init(owner->loop, &f->tick);
	f->pause.data = f->tick.data = f;
	f->handles = 2;
	*out = f;
	return ERR_OK;
}

/* What a try doubts and looks at again stays this one claim's. */
void fetch_start(struct fetch *f)
{
	fetch_next_claim(f);
	fetch_enter(f, FETCH_OPENING);
}

void fetch_hurry(struct fetch *f)
{
	if (f->sm.at != FETCH_WAITING)
		return;
	uv_timer_stop(&f->pause);
	queue(f);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct fetch *f = handle->data;

	if (--f->handles > 0)
		return;
	fetch_drop_all(f);
	free(f);
}

static void fetch_free_soon(struct fetch *f)
{
	let_go(f);
	uv_close((uv_handle_t *)&f->pause, on_timer_closed);
	uv_close((uv_handle_t *)&f->tick, on_timer_closed);
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
