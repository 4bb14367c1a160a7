/* fetch_lane.c: one request of a fetch: its question, its head, its body. What its end means is fetch_end.c. */
#include "keeper/fetch_own.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <stdio.h>

static int64_t now_ms(const struct fetch *f)
{
	return clock_mono_ms(f->owner->clock);
}

/* --- the answer --- */

static void classify(struct fetch_lane *lane, const struct http_reply *r)
{
	struct source_reply reply = { .status = r->status, .content_type = http_field(r, "Content-Type"),
		.content_encoding = http_field(r, "Content-Encoding"), .retry_after = http_field(r, "Retry-After"),
		.content_range = http_field(r, "Content-Range"), .content_length = r->length,
		.wall_ms = clock_wall_ms(lane->fetch->owner->clock) };

	source_classify(&lane->source->source, &lane->asked, lane->ask, &reply, &lane->answer);
}

/* All of the CAR comes, though its end was asked for. Without anybody else that is better than nothing. */
static bool takes_from_the_front(struct fetch_lane *lane, const struct http_reply *r)
{
	if (lane->answer.verdict != SOURCE_NO_RANGE || r->status != 200 || !lane->skipped || lane->bytes > 0 ||
	    fetch_has_other(lane->fetch, lane->source))
		return false;
	lane->skipped = 0;
	lane->answer = (struct source_answer){ .verdict = SOURCE_READ, .order = PLAN_ANY };
	return true;
}

static void open_intake(struct fetch_lane *lane)
{
	struct fetch *f = lane->fetch;

	if (lane->ask == SOURCE_ASK_FILE)
		intake_open_file(&lane->intake, f->plan, lane->from, lane->end);
	else if (lane->skipped)
		intake_open_rest(&lane->intake, f->plan);
	else
		intake_open(&lane->intake, f->plan, lane->ask, lane->ask == SOURCE_ASK_BLOCK ? PLAN_ANY : lane->answer.order, &lane->cid);
}

static int on_head(void *arg, const struct http_reply *r, struct err *e)
{
	struct fetch_lane *lane = arg;
	struct span etag = http_field(r, "ETag");

	classify(lane, r);
	if (lane->answer.verdict != SOURCE_READ && !takes_from_the_front(lane, r))
		return err_set(e, ERR_NET, "%s", lane->answer.why);
	if (!lane->first_byte_ms)
		lane->first_byte_ms = now_ms(lane->fetch);
	if (etag.n < sizeof lane->etag)
		snprintf(lane->etag, sizeof lane->etag, "%.*s", (int)etag.n, (const char *)etag.p);
	if (!lane->is_reading && !lane->is_whole)
		open_intake(lane);
	lane->is_reading = true;
	return ERR_OK;
}

/* Writes what nobody has verified: they may be lies, and what is verified would not be missed again. */
static int write_gaps(struct fetch *f, uint64_t at, struct span bytes, struct err *e)
{
	uint64_t gap = at, end = at + bytes.n, n;
	int rc = ERR_OK;

	for (; !rc && plan_gap(f->plan, &gap, &n) && gap < end; gap += n) {
		n = n < end - gap ? n : end - gap;
		rc = blob_write(f->blob, gap, span_cut(bytes, (size_t)(gap - at), (size_t)n), e);
	}
	return fetch_note_disk(f, rc, e);
}

/* Bytes of a file that nothing is known of yet but its digest. */
static enum intake_result take_unverified(struct fetch_lane *lane, struct span bytes, struct err *e)
{
	uint64_t left = lane->end - lane->from;

	if (bytes.n > left)
		bytes.n = (size_t)left;
	if (write_gaps(lane->fetch, lane->from, bytes, e))
		return INTAKE_STORAGE;
	lane->from += bytes.n;
	return lane->from == lane->end ? INTAKE_DONE : INTAKE_MORE;
}

/* For whoever reads the log of a slow source. */
static void tell_first(struct fetch_lane *lane)
{
	struct fetch *f = lane->fetch;
	struct plan_progress p;

	if (f->has_bytes || lane->is_whole)
		return;
	plan_progress(f->plan, &p);
	f->has_bytes = p.verified > 0;
	if (f->has_bytes)
		log_debug("fetch", "first bytes verified", "source=%s ms=%lld", lane->source->name,
			  (long long)(now_ms(f) - lane->started_ms));
}

static int on_body(void *arg, struct span bytes, struct err *e)
{
	struct fetch_lane *lane = arg;
	enum intake_result result;
	struct err why = { 0 };

	lane->source->bytes += bytes.n;
	lane->bytes += bytes.n;
	lane->fetch->came += bytes.n;
	result = lane->is_whole ? take_unverified(lane, bytes, &why) : intake_feed(&lane->intake, bytes, &why);
	tell_first(lane);
	if (result != INTAKE_MORE)
		fetch_lane_ended(lane, result, why.msg);	/* cancels this very call: allowed */
	(void)e;
	return ERR_OK;
}

static enum intake_result end_of_body(struct fetch_lane *lane, struct err *why)
{
	if (!lane->is_whole)
		return intake_end(&lane->intake, why);
	err_set(why, ERR_FORMAT, "the file ends after %llu bytes of %llu", (unsigned long long)lane->from, (unsigned long long)lane->end);
	return INTAKE_SHORT;
}

/* A gateway that fails in the middle says so in a trailer, after a body that looks whole (specs.ipfs.tech/http-gateways/path-gateway,
 * X-Stream-Error). */
static int read_stream_error(const struct http_reply *r, struct err *why)
{
	struct span said = http_field(r, "X-Stream-Error");

	return said.n ? err_set(why, ERR_NET, "its stream broke: %.*s", (int)(said.n < 100 ? said.n : 100), (const char *)said.p) : ERR_OK;
}

static void on_done(void *arg, int rc, const struct http_reply *r, const struct err *failure)
{
	struct fetch_lane *lane = arg;
	struct err e = { 0 }, why = *failure;
	enum intake_result result;

	rc = rc ? rc : read_stream_error(r, &why);
	lane->call = NULL;
	if (lane->answer.verdict != SOURCE_READ) {
		fetch_lane_refused(lane);
		return;
	}
	if (!lane->is_reading || (rc && lane->ask == SOURCE_ASK_BLOCK)) {
		/* No head came at all, or half a block, which could be nothing but a wrong one. */
		fetch_lane_failed(lane, why.msg);
		return;
	}
	result = rc && source_can_resume(lane->source->source.kind, lane->ask) ? INTAKE_SHORT : end_of_body(lane, &e);
	fetch_lane_ended(lane, result, rc ? why.msg : e.msg);
}

/* --- the question --- */

static struct source_about about_of(const struct fetch_lane *lane)
{
	const struct fetch *f = lane->fetch;
	struct source_about about = { .cid = &lane->cid, .size = f->target.size, .names = f->names, .etag = lane->etag };

	if (lane->ask == SOURCE_ASK_FILE) {
		/* What has come of a run is written, and its intake knows where it is. */
		about.from = lane->is_reading && !lane->is_whole ? lane->intake.at + lane->intake.block.n : lane->from;
		about.end = about.from == 0 && lane->end == f->target.size ? 0 : lane->end;
	} else if (lane->ask == SOURCE_ASK_CAR && source_can_resume(lane->source->source.kind, lane->ask)) {
		about.from = lane->skipped + lane->bytes;
	}
	return about;
}

static int ask(struct fetch_lane *lane, struct err *e)
{
	const char *lines[SOURCE_LINES_MAX];
	struct source_about about = about_of(lane);
	struct fetch *f = lane->fetch;
	int rc = source_request(&lane->source->source, lane->ask, &about, &lane->asked, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < lane->asked.lines; i++)
		lines[i] = lane->asked.line[i];
	lane->answer = (struct source_answer){ .verdict = SOURCE_READ };
	struct http_ask q = { .method = lane->asked.method, .url = lane->asked.url, .lines = lines, .lines_n = lane->asked.lines,
		.private_ok = lane->source->is_private, .body_max = lane->asked.body_max, .total_ms = FETCH_TOTAL_MS,
		.rate_min = FETCH_RATE_MIN, .is_metered = lane->source->source.kind != SOURCE_PEER,
		.on_head = on_head, .on_body = on_body, .on_done = on_done, .arg = lane };
	return http_start(f->owner->http, &q, &lane->call, e);
}

int fetch_lane_open(struct fetch *f, struct fetch_lane *lane, struct fetch_source *s, enum source_ask what, const struct cid *cid,
		    uint64_t from, uint64_t end, struct err *e)
{
	int64_t now = now_ms(f);
	int rc;

	*lane = (struct fetch_lane){ .fetch = f, .source = s, .ask = what, .cid = *cid, .from = from, .end = end,
		.skipped = what == SOURCE_ASK_CAR ? from : 0, .started_ms = now, .looked_ms = now };
	rc = ask(lane, e);
	if (rc)
		lane->source = NULL;
	return rc;
}

int fetch_lane_resume(struct fetch_lane *lane, struct err *e)
{
	lane->resumed_at = lane->bytes;
	return ask(lane, e);
}

/* --- all lanes of a fetch --- */

/* Somebody else who was asked for the same block, or NULL. */
static struct fetch_lane *twin_of(const struct fetch_lane *lane)
{
	struct fetch *f = lane->fetch;

	for (size_t i = 0; i < FETCH_LANES_MAX; i++) {
		struct fetch_lane *l = &f->lane[i];

		if (l != lane && l->source && l->ask == SOURCE_ASK_BLOCK && cid_same_block(&l->cid, &lane->cid))
			return l;
	}
	return NULL;
}

/* It may be asked of others; or, where it is on its way still, of a second one again. */
static void unask_block(struct fetch_lane *lane)
{
	struct fetch_lane *twin = twin_of(lane);

	if (twin)
		twin->is_hedged = false;
	else
		plan_unask(lane->fetch->plan, &lane->cid);
}

void fetch_lane_close(struct fetch_lane *lane)
{
	struct fetch *f = lane->fetch;

	if (!lane->source)
		return;
	http_cancel(STEAL_PTR(lane->call));
	if (lane->is_reading && !lane->is_whole)
		intake_close(&lane->intake);
	if (lane->ask == SOURCE_ASK_BLOCK && !lane->has_come)
		unask_block(lane);
	else if (lane->ask == SOURCE_ASK_FILE && !lane->is_whole)
		plan_unask_run(f->plan, lane->from, lane->end - lane->from);
	lane->source = NULL;
}

struct fetch_lane *fetch_lane_free(struct fetch *f)
{
	for (size_t i = 0; i < FETCH_LANES_MAX; i++)
		if (!f->lane[i].source)
			return &f->lane[i];
	return NULL;
}

unsigned fetch_lanes(const struct fetch *f)
{
	unsigned n = 0;

	for (size_t i = 0; i < FETCH_LANES_MAX; i++)
		n += f->lane[i].source != NULL;
	return n;
}

void fetch_hang_up(struct fetch *f)
{
	for (size_t i = 0; i < FETCH_LANES_MAX; i++)
		fetch_lane_close(&f->lane[i]);
}
