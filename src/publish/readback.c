/* readback.c: see readback.h.
 *
 *	CAR of the whole ─► intake ─► plan ── done ──► the node has it
 *	       │ it gives no CAR, or a short one
 *	       └─► block by block, what is still missing
 *
 * The plan's bytes go nowhere: they are compared with the image's. */
#include "publish/readback.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "ipfs/intake.h"
#include "ipfs/plan.h"
#include "ipfs/source.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CALL_MS (10 * 60 * 1000)
#define SLOWEST 16384			/* bytes a second */
#define FILE_CHUNK (256 * KIB)
#define SETTLE_BYTES (16 * MIB)		/* a step of plan_settle; we have nothing else to do */

struct readback {
	struct web *web;
	const struct source *source;
	int fd;			/* instead of both */
	const struct pack *pack;
	const struct pack_watch *watch;
	struct plan *plan;
	struct intake intake;
	enum intake_result result;
};

/* --- the plan's disk: our own image --- */

static int compare(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	const struct readback *rb = arg;
	autofree uint8_t *own = malloc(bytes.n ? bytes.n : 1);

	if (!own)
		return err_set(e, ERR_MEMORY, "out of memory");
	if (io_pread_exact(rb->pack->fd, own, bytes.n, (off_t)offset, e) || memcmp(own, bytes.p, bytes.n) != 0)
		return err_set(e, ERR_PROOF, "the image has changed while it was being uploaded");
	return ERR_OK;
}

static int keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	(void)arg, (void)what, (void)cid, (void)block, (void)e;
	return ERR_OK;	/* the pack has it */
}

static int load(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	const struct readback *rb = arg;
	const struct pack_inner *inner = pack_find(rb->pack, cid);

	if (!inner)
		return err_set(e, ERR_NOT_FOUND, "not an inner block");
	buf_add(out, buf_span(&inner->block));
	return buf_ok(out, e);
}

static int read_own(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	const struct readback *rb = arg;

	return io_pread_exact(rb->pack->fd, out, n, (off_t)offset, e);
}

/* --- one question --- */

static int result_error(enum intake_result r, struct err *e)
{
	switch (r) {
	case INTAKE_MORE:
	case INTAKE_DONE:
	case INTAKE_SHORT:
		return ERR_OK;
	case INTAKE_STORAGE:
		return (int)e->code;
	case INTAKE_LIE:
	case INTAKE_BAD_DAG:
	case INTAKE_BROKEN:
		break;
	}
	e->code = ERR_PROOF;	/* the node's fault, whatever rule it broke */
	return err_wrap(e, "it does not give back what it was given");
}

static int on_body(void *arg, struct span bytes, struct err *e)
{
	struct readback *rb = arg;
	struct plan_progress at;

	rb->result = intake_feed(&rb->intake, bytes, e);
	plan_progress(rb->plan, &at);
	if (rb->watch)
		rb->watch->progress(rb->watch->arg, at.verified, at.size);
	return rb->result == INTAKE_DONE ? WEB_ENOUGH : result_error(rb->result, e);
}

/* An answer that is not 200. The type of a 200 says nothing that the blocks do not say better (js-ipfs calls its CARs
 * JSON). */
static int read_refusal(const struct readback *rb, const struct source_request *request, enum source_ask ask,
			const struct web_reply *reply, struct err *e)
{
	struct source_reply head = {
		.status = reply->status,
		.content_type = span_str(reply->content_type),
		.content_length = -1,
	};
	struct source_answer answer;

	source_classify(rb->source, request, ask, &head, &answer);
	if (answer.verdict == SOURCE_NO_CAR && ask == SOURCE_ASK_CAR)
		return ERR_OK;	/* then block by block */
	return err_set(e, answer.verdict == SOURCE_DENIES ? ERR_DENIED : ERR_NET, "reading back: %s", answer.why);
}

/* Asks for a CAR or a block and feeds the plan. What is missing afterwards is the caller's business. */
static int question(struct readback *rb, enum source_ask ask, const struct cid *cid, struct err *e)
{
	AUTO(web_reply_free) struct web_reply reply = { 0 };
	struct source_request request;
	struct source_about about = { .cid = cid, .size = rb->pack->size };
	int rc = source_request(rb->source, ask, &about, &request, e);

	if (rc)
		return rc;
	struct web_ask q = {
		.method = request.method, .url = request.url, .reply_max = request.body_max,
		.total_ms = CALL_MS + (int64_t)(rb->pack->size / SLOWEST * 1000), .on_body = on_body, .arg = rb,
	};
	for (size_t i = 0; i < request.lines && i < WEB_LINES_MAX; i++)
		q.lines[i] = request.line[i];
	rb->result = INTAKE_MORE;
	/* Order is not promised by this kind of source; any block that a verified one names may come. */
	intake_open(&rb->intake, rb->plan, ask, PLAN_ANY, cid);
	rc = web_call(rb->web, &q, &reply, e);
	if (!rc && reply.status != 200) {
		rc = read_refusal(rb, &request, ask, &reply, e);
	} else if (!rc && rb->result == INTAKE_MORE) {
		rb->result = intake_end(&rb->intake, e);
		rc = result_error(rb->result, e);
	}
	intake_close(&rb->intake);
	return rc;
}

/* --- all of them --- */

static int settle(struct plan *p, struct err *e)
{
	bool more = true;

	while (more)
		if (plan_settle(p, SETTLE_BYTES, &more, e) != PLAN_TAKEN)
			return (int)e->code;
	return ERR_OK;
}

static int ask_for_the_rest(struct readback *rb, struct err *e)
{
	struct plan_link link;
	int rc;

	for (;;) {
		rc = settle(rb->plan, e);
		if (rc || plan_is_done(rb->plan))
			return rc;
		if (!plan_ask(rb->plan, &link))
			return err_set(e, ERR_PROOF, "reading back: blocks are missing");
		rc = question(rb, SOURCE_ASK_BLOCK, &link.cid, e);
		if (rc)
			return rc;
	}
}

static int read_all(struct readback *rb, struct err *e)
{
	int rc = question(rb, SOURCE_ASK_CAR, &rb->pack->root, e);

	return rc ? rc : ask_for_the_rest(rb, e);
}

/* The plan for it, and what fills the plan. */
static int with_plan(struct readback *rb, int (*fill)(struct readback *rb, struct err *e), struct err *e)
{
	const struct plan_io io = { .write = compare, .keep = keep, .load = load, .read = read_own, .arg = rb };
	struct err why = { 0 };
	int rc = plan_new(&rb->pack->root, rb->pack->size, &io, &rb->plan, &why);

	if (!rc)
		rc = fill(rb, &why);
	plan_free(rb->plan);
	return rc ? err_tell(e, &why) : ERR_OK;
}

int readback_kubo(struct web *web, const struct target *t, const struct pack *p, const struct pack_watch *watch,
		  struct err *e)
{
	const struct source source = { .kind = SOURCE_KUBO, .url = t->where, .token = t->token };
	struct readback rb = { .web = web, .source = &source, .pack = p, .watch = watch };

	return with_plan(&rb, read_all, e);
}

/* --- a file --- */

static int feed_file(struct readback *rb, struct err *e)
{
	autofree uint8_t *chunk = malloc(FILE_CHUNK);
	ssize_t n = chunk ? 1 : 0;
	int rc = chunk ? ERR_OK : err_set(e, ERR_MEMORY, "out of memory");

	while (!rc && n > 0) {
		n = read(rb->fd, chunk, FILE_CHUNK);
		if (n < 0)
			rc = err_errno(e, "reading back");
		else if (n > 0)
			rc = on_body(rb, SPAN(chunk, (size_t)n), e);
	}
	if (!rc && rb->result == INTAKE_MORE) {
		rb->result = intake_end(&rb->intake, e);
		rc = result_error(rb->result, e);
	}
	return rc == WEB_ENOUGH ? ERR_OK : rc;
}

static int read_file(struct readback *rb, struct err *e)
{
	int rc;

	rb->result = INTAKE_MORE;
	intake_open(&rb->intake, rb->plan, SOURCE_ASK_CAR, PLAN_DFS, &rb->pack->root);
	rc = feed_file(rb, e);
	intake_close(&rb->intake);
	if (!rc)
		rc = settle(rb->plan, e);
	if (!rc && !plan_is_done(rb->plan))
		rc = err_set(e, ERR_PROOF, "reading back: blocks are missing");
	return rc;
}

int readback_archive(int fd, const struct pack *p, const struct pack_watch *watch, struct err *e)
{
	struct readback rb = { .pack = p, .watch = watch, .fd = fd };

	return with_plan(&rb, read_file, e);
}
