/* fuzz_plan.c: any stream of sections through intake and plan, with a hash that anybody can fit.
 *
 * SHA-256 is replaced by 32 equal bytes, the sum of the block: so the fuzzer finds
 * blocks that "verify", collisions and even cycles, which the real hash rules
 * out, and the walk must stay within its bounds on its own. Checked: writes lie
 * inside the file and never overlap, a finished plan has written every byte, and
 * budgets hold.
 *
 * The same bytes also stand for those of a plain file, and for the rest of an archive.
 *
 * Input: flags, piece size, the root's sum, size (2 bytes, big-endian), then sections without an archive's header. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "formats/sha256.h"
#include "ipfs/carpos.h"
#include "ipfs/intake.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FLAG_ANY = 1, FLAG_V0 = 2, FLAG_RAW = 4, FLAG_RESTORE = 8, FLAG_FAIL = 16, FLAG_FILE = 32, FLAG_REST = 64 };

/* --- the place --- */

struct place {
	uint64_t size, bytes;
	uint8_t *file, *written;
	struct buf kept[256];	/* by sum */
	unsigned calls, fail_every;
	bool may_rewrite;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool fails(struct place *p)
{
	return p->fail_every && ++p->calls % p->fail_every == 0;
}

static int on_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	struct place *p = arg;

	check(bytes.n > 0 && offset + bytes.n <= p->size);
	if (fails(p)) {
		p->may_rewrite = true;
		return err_set(e, ERR_NO_SPACE, "full");
	}
	for (uint64_t i = offset; i < offset + bytes.n; i++) {
		check(!p->written[i] || p->may_rewrite);
		p->written[i] = 1;
	}
	memcpy(p->file + offset, bytes.p, bytes.n);
	return ERR_OK;
}

static int on_keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	struct place *p = arg;
	struct buf *b = &p->kept[cid->digest[0]];

	(void)what;
	if (fails(p)) {
		p->may_rewrite = true;
		return err_set(e, ERR_NO_SPACE, "full");
	}
	buf_reset(b);
	b->max = BLOCK_MAX;
	buf_add(b, block);
	return ERR_OK;
}

static int on_load(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	struct place *p = arg;

	if (p->kept[cid->digest[0]].n == 0)
		return err_set(e, ERR_NOT_FOUND, "not kept");
	buf_add(out, buf_span(&p->kept[cid->digest[0]]));
	return buf_ok(out, e);
}

static int on_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	struct place *p = arg;

	(void)e;
	check(offset + n <= p->size);
	memcpy(out, p->file + offset, n);
	return ERR_OK;
}

static void place_fini(struct place *p)
{
	for (size_t i = 0; i < 256; i++)
		buf_free(&p->kept[i]);
	free(p->file);
	free(p->written);
}

/* --- */

static void check_progress(const struct plan *p, const struct place *place)
{
	struct plan_progress now;
	uint64_t written = 0;

	plan_progress(p, &now);
	check(now.verified <= place->size && now.contiguous <= place->size && now.missing <= DAG_FRONTIER_MAX);
	for (uint64_t i = 0; i < place->size; i++)
		written += place->written[i];
	check(now.verified <= written);
	for (uint64_t i = 0; i < now.contiguous; i++)
		check(place->written[i]);
	check(!plan_is_done(p) || now.verified == place->size);
}

static void feed(struct plan *p, struct span body, uint8_t flags, size_t piece)
{
	enum plan_order order = flags & FLAG_ANY ? PLAN_ANY : PLAN_DFS;
	enum intake_result r = INTAKE_MORE;
	AUTO(intake_close) struct intake in;
	AUTO(buf_free) struct buf header = BUF_INIT(256);
	struct err e = { 0 };

	car_put_header(&header, plan_root(p));
	intake_open(&in, p, SOURCE_ASK_CAR, order, plan_root(p));
	check(intake_feed(&in, buf_span(&header), &e) == INTAKE_MORE);
	while (body.n > 0 && r == INTAKE_MORE) {
		r = intake_feed(&in, span_cut(body, 0, piece), &e);
		body = span_cut(body, piece, body.n);
		check(in.stray_blocks <= STRAY_BLOCKS_MAX + 1);
	}
	if (r == INTAKE_MORE)
		r = intake_end(&in, &e);
	check(r != INTAKE_MORE && (r == INTAKE_DONE || e.msg[0]));
}

/* A mirror: the same bytes as those of the plain file, in the runs that are asked for. */
static void feed_file(struct plan *p, struct span body, size_t piece)
{
	uint64_t from, n;

	while (plan_ask_run(p, 500, &from, &n)) {
		AUTO(intake_close) struct intake in;
		enum intake_result r = INTAKE_MORE;
		struct err e = { 0 };

		check(n > 0 && from + n <= plan_size(p));
		intake_open_file(&in, p, from, from + n);
		for (uint64_t at = from; at < body.n && r == INTAKE_MORE; at += piece < body.n ? piece : body.n)
			r = intake_feed(&in, span_cut(body, at, piece), &e);
		if (r == INTAKE_MORE)
			r = intake_end(&in, &e);
		check(r != INTAKE_MORE && (r == INTAKE_DONE || e.msg[0]));
	}
	plan_reconsider(p);
	plan_unask_all(p);
}

/* A CAR on a web server after a restart: from where its rest is thought to begin. */
static void feed_rest(struct plan *p, struct span body)
{
	AUTO(intake_close) struct intake in = { 0 };
	enum intake_result r;
	struct err e = { 0 };
	uint64_t at;

	if (!carpos_of_missing(p, &at))
		return;
	intake_open_rest(&in, p);
	r = intake_feed(&in, body, &e);
	if (r == INTAKE_MORE)
		r = intake_end(&in, &e);
	check(r != INTAKE_MORE);
}

static void settle(struct plan *p)
{
	bool more = true;

	for (int i = 0; more && i < 100000; i++)
		if (plan_settle(p, 4096, &more, NULL) != PLAN_TAKEN)
			return;
	check(!more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(place_fini) struct place place = { 0 };
	struct plan_io io = { on_write, on_keep, on_load, on_read, &place };
	struct cid root = { .version = 1, .codec = CID_DAG_PB, .hash = CID_SHA256, .n = 32 };
	struct plan *p;
	bool more = true;

	if (n < 5)
		return 0;
	place.size = (uint64_t)data[3] << 8 | data[4];
	place.file = calloc(1, place.size + 1);
	place.written = calloc(1, place.size + 1);
	place.fail_every = data[0] & FLAG_FAIL ? 7 : 0;
	root.version = data[0] & FLAG_V0 ? 0 : 1;
	root.codec = data[0] & FLAG_RAW && root.version ? CID_RAW : CID_DAG_PB;
	memset(root.digest, data[2], 32);
	if (!place.file || !place.written || plan_new(&root, place.size, &io, &p, NULL))
		return 0;
	feed(p, SPAN(data + 5, n - 5), data[0], data[1] ? data[1] : SIZE_MAX);
	check_progress(p, &place);
	settle(p);
	check_progress(p, &place);
	if (data[0] & FLAG_FILE)
		feed_file(p, SPAN(data + 5, n - 5), data[1] ? data[1] : SIZE_MAX);
	check_progress(p, &place);
	if (data[0] & FLAG_RESTORE) {
		place.may_rewrite = true;
		plan_free(p);
		check(plan_new(&root, place.size, &io, &p, NULL) == ERR_OK);
		for (int i = 0; more && i < 100000; i++)
			if (plan_restore(p, 4096, &more, NULL) != PLAN_TAKEN)
				break;
		if (data[0] & FLAG_REST)
			feed_rest(p, SPAN(data + 5, n - 5));
		feed(p, SPAN(data + 5, n - 5), data[0], SIZE_MAX);
	}
	plan_free(p);
	return 0;
}
