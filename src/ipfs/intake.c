/* intake.c: see intake.h. */
#include "ipfs/intake.h"
#include "base/limits.h"

const char *intake_result_name(enum intake_result r)
{
	static const char *const names[] = {
		[INTAKE_MORE] = "more",		[INTAKE_DONE] = "done", [INTAKE_SHORT] = "short",
		[INTAKE_BROKEN] = "broken",	[INTAKE_LIE] = "lie",	[INTAKE_BAD_DAG] = "bad-dag",
		[INTAKE_STORAGE] = "storage",
	};

	return names[r];
}

uint64_t intake_car_max(uint64_t size)
{
	return size + size / 20 + MIB;
}

void intake_open(struct intake *in, struct plan *p, enum source_ask ask, enum plan_order order, const struct cid *cid)
{
	*in = (struct intake){ .plan = p, .ask = ask, .order = order, .cid = *cid, .block = BUF_INIT(BLOCK_MAX) };
	in->bytes_max = ask != SOURCE_ASK_BLOCK ? intake_car_max(plan_size(p)) : BLOCK_MAX;
	car_open(&in->car);
}

void intake_open_rest(struct intake *in, struct plan *p)
{
	intake_open(in, p, SOURCE_ASK_CAR, PLAN_ANY, plan_root(p));
	car_open_inside(&in->car);
}

void intake_open_file(struct intake *in, struct plan *p, uint64_t from, uint64_t end)
{
	*in = (struct intake){ .plan = p, .ask = SOURCE_ASK_FILE, .order = PLAN_ANY, .block = BUF_INIT(BLOCK_MAX), .at = from, .end = end };
	car_open(&in->car);
}

void intake_close(struct intake *in)
{
	car_close(&in->car);
	buf_free(&in->block);
}

/* What a verdict on a block means for the reply that brought it. */
static enum intake_result result_of(struct intake *in, enum plan_verdict v)
{
	static const enum intake_result ends[] = {
		[PLAN_LIE] = INTAKE_LIE, [PLAN_BAD_DAG] = INTAKE_BAD_DAG, [PLAN_STORAGE] = INTAKE_STORAGE,
	};

	if (v >= PLAN_LIE)
		return ends[v];
	in->taken += v == PLAN_TAKEN;
	return plan_is_done(in->plan) ? INTAKE_DONE : INTAKE_MORE;
}

/* A block that nobody asked for: passed over, a few times. */
static enum intake_result on_stray(struct intake *in, size_t length, struct err *e)
{
	in->stray_blocks++;
	in->stray_bytes += length;
	if (in->stray_blocks > STRAY_BLOCKS_MAX || in->stray_bytes > STRAY_BYTES_MAX) {
		err_set(e, ERR_RULE, "car: %u blocks, %llu bytes that nobody asked for", in->stray_blocks,
			(unsigned long long)in->stray_bytes);
		return INTAKE_BROKEN;
	}
	return INTAKE_MORE;
}

/* One that came before: as often as the file has it, whatever the order. Each costs a look at all that is missing, and may be tiny. */
static enum intake_result on_repeat(struct intake *in, struct err *e)
{
	if (++in->repeats <= plan_places(in->plan))
		return result_of(in, PLAN_REPEAT);
	err_set(e, ERR_RULE, "car: %u blocks that came before, in a file that has %llu so far", in->repeats,
		(unsigned long long)plan_places(in->plan));
	return INTAKE_BROKEN;
}

static enum intake_result on_verdict(struct intake *in, enum plan_verdict v, size_t length, struct err *e)
{
	if (v == PLAN_STRAY)
		return on_stray(in, length, e);
	return v == PLAN_REPEAT ? on_repeat(in, e) : result_of(in, v);
}

/* A section begins: only what is wanted is held. */
static enum intake_result on_cid(struct intake *in, const struct car_item *item, struct err *e)
{
	enum plan_verdict v = plan_wants(in->plan, &item->cid, in->order);

	if (v == PLAN_TAKEN)
		return INTAKE_MORE;
	car_skip(&in->car);
	return on_verdict(in, v, item->length, e);
}

static enum intake_result on_item(struct intake *in, const struct car_item *item, struct err *e)
{
	enum plan_verdict v;

	if (item->kind == CAR_CID)
		return on_cid(in, item, e);
	v = plan_block(in->plan, &item->cid, item->block, in->order, e);
	return on_verdict(in, v, item->length, e);
}

static enum intake_result feed_car(struct intake *in, struct span chunk, struct err *e)
{
	enum intake_result r = INTAKE_MORE;
	struct car_item item;

	do {
		int rc = car_next(&in->car, &chunk, &item, e);

		if (rc)
			return rc == ERR_MEMORY ? INTAKE_STORAGE : INTAKE_BROKEN;
		if (item.kind != CAR_MORE)
			r = on_item(in, &item, e);
	} while (r == INTAKE_MORE && item.kind != CAR_MORE);
	return r;
}

static enum intake_result feed_block(struct intake *in, struct span chunk, struct err *e)
{
	buf_add(&in->block, chunk);
	if (!in->block.failed)
		return INTAKE_MORE;
	err_set(e, ERR_MEMORY, "no memory for a block");
	return INTAKE_STORAGE;
}

/* --- bytes of the plain file --- */

/* Moves on to the next missing leaf within the chunk; *skip bytes before it are not needed. False: nothing of it is. */
static bool next_leaf(struct intake *in, size_t *skip)
{
	struct plan_link link;
	uint64_t to;

	if (in->at >= in->end || !plan_missing(in->plan, in->at, &link) || link.offset >= in->end)
		return false;
	/* A subtree whose inner block is not known yet, or a leaf that is missing further on. */
	to = link.offset > in->at ? link.offset : link.may_be_leaf ? in->at : link.offset + link.size;
	*skip = (size_t)(to - in->at);
	in->want = *skip ? 0 : (size_t)link.size;
	in->is_maybe_odd = link.may_be_inner;
	return true;
}

static enum intake_result take_leaf(struct intake *in, struct span bytes, struct err *e)
{
	enum plan_verdict v = plan_bytes(in->plan, in->at, bytes, e);

	in->at += in->want;
	in->want = 0;
	buf_reset(&in->block);
	/* Nobody's proven lie; but one whose bytes never fit is of no use. */
	if (v == PLAN_LIE && in->is_maybe_odd)
		return ++in->odd > in->taken + ODD_LEAVES_MAX ? INTAKE_BROKEN : INTAKE_MORE;
	return v == PLAN_STRAY ? INTAKE_MORE : result_of(in, v);
}

/* Adds to the leaf that is being gathered; takes it when it is whole. */
static enum intake_result gather(struct intake *in, struct span *chunk, struct err *e)
{
	size_t n = in->want - in->block.n < chunk->n ? in->want - in->block.n : chunk->n;
	struct span part = span_cut(*chunk, 0, n);

	*chunk = span_cut(*chunk, n, chunk->n);
	if (n == in->want)
		return take_leaf(in, part, e);
	buf_add(&in->block, part);
	if (in->block.failed) {
		err_set(e, ERR_MEMORY, "no memory for a leaf");
		return INTAKE_STORAGE;
	}
	return in->block.n == in->want ? take_leaf(in, buf_span(&in->block), e) : INTAKE_MORE;
}

/* Nothing of it is missing any more, but for leaves of other shapes. */
static enum intake_result all_come(const struct intake *in, struct err *e)
{
	if (in->odd == 0 || in->taken > 0)
		return INTAKE_DONE;
	err_set(e, ERR_PROOF, "file: its bytes are no leaves of the image");
	return INTAKE_BROKEN;
}

static enum intake_result feed_file(struct intake *in, struct span chunk, struct err *e)
{
	enum intake_result r = INTAKE_MORE;
	size_t skip;

	while (r == INTAKE_MORE && chunk.n > 0) {
		if (in->want > 0) {
			r = gather(in, &chunk, e);
		} else if (!next_leaf(in, &skip)) {
			return all_come(in, e);
		} else if (skip > 0) {
			skip = skip < chunk.n ? skip : chunk.n;
			in->at += skip;
			chunk = span_cut(chunk, skip, chunk.n);
		}
	}
	return r == INTAKE_MORE && in->want == 0 && !next_leaf(in, &skip) ? all_come(in, e) : r;
}

static enum intake_result end_file(struct intake *in, struct err *e)
{
	size_t skip;

	if (in->want == 0 && !next_leaf(in, &skip))
		return all_come(in, e);
	err_set(e, ERR_FORMAT, "file: ends at byte %llu, before what was asked for", (unsigned long long)(in->at + in->block.n));
	return INTAKE_SHORT;
}

enum intake_result intake_feed(struct intake *in, struct span chunk, struct err *e)
{
	struct err local;

	e = e ? e : &local;
	in->bytes += chunk.n;
	if (in->ask == SOURCE_ASK_FILE)
		return feed_file(in, chunk, e);
	if (in->ask == SOURCE_ASK_BLOCK && in->bytes > in->bytes_max) {
		err_set(e, ERR_LIMIT, "a block of more than %d bytes", BLOCK_MAX);
		return INTAKE_BROKEN;
	}
	if (in->ask == SOURCE_ASK_BLOCK)
		return feed_block(in, chunk, e);
	/* Take what the budget allows before saying that it is spent: its end may be among it. */
	if (in->bytes > in->bytes_max) {
		uint64_t over = in->bytes - in->bytes_max;
		enum intake_result r = feed_car(in, span_cut(chunk, 0, chunk.n > over ? chunk.n - (size_t)over : 0), e);

		if (r != INTAKE_MORE)
			return r;
		err_set(e, ERR_LIMIT, "car: more than %llu bytes", (unsigned long long)in->bytes_max);
		return INTAKE_BROKEN;
	}
	return feed_car(in, chunk, e);
}

static enum intake_result end_block(struct intake *in, struct err *e)
{
	enum plan_verdict v = plan_block(in->plan, &in->cid, buf_span(&in->block), PLAN_ANY, e);

	/* Somebody else brought it meanwhile, or it waits for its turn: nobody's fault. */
	if (v < PLAN_LIE)
		v = PLAN_TAKEN;
	return v == PLAN_TAKEN ? INTAKE_DONE : result_of(in, v);
}

enum intake_result intake_end(struct intake *in, struct err *e)
{
	struct err local;

	e = e ? e : &local;
	if (in->ask == SOURCE_ASK_BLOCK)
		return end_block(in, e);
	if (in->ask == SOURCE_ASK_FILE)
		return end_file(in, e);
	/* Under dups=n an honest sender leaves repetitions out. */
	if (!plan_needs_source(in->plan))
		return INTAKE_DONE;
	if (car_end(&in->car, e) == ERR_OK)
		err_set(e, ERR_FORMAT, "car: ends before the file is complete");
	return car_has_header(&in->car) ? INTAKE_SHORT : INTAKE_BROKEN;
}
