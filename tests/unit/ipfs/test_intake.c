/* test_intake.c: what hostile sources send, and what hostile publishers name; each attack is a row with the rule it breaks.
 *
 * A source's attack ends its own reply, with the right verdict; an honest source
 * then completes the file, and nothing of what the hostile one got in is wrong.
 * A publisher's attack ends the plan, whoever delivers the blocks. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "dag.h"
#include "formats/dagpb.h"
#include "formats/protobuf.h"
#include "formats/varint.h"
#include "ipfs/intake.h"
#include "shapes.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK 700

static enum intake_result feed(struct plan *p, struct span body, size_t chunk, enum plan_order order, struct intake *in,
			       struct err *e)
{
	enum intake_result r = INTAKE_MORE;

	intake_open(in, p, SOURCE_ASK_CAR, order, plan_root(p));
	for (size_t at = 0; at < body.n && r == INTAKE_MORE; at += chunk)
		r = intake_feed(in, span_cut(body, at, chunk), e);
	return r == INTAKE_MORE ? intake_end(in, e) : r;
}

/* --- attacks of a source --- */

/* The honest file of all rows: 40 raw leaves of 100 bytes under 9 nodes, in `blocks` depth first. */
struct honest {
	struct dag dag;
	const struct dag_entry *root, *blocks[64];
	size_t n;
	struct buf file, car;
};

static void honest_init(struct honest *h)
{
	*h = (struct honest){ .file = BUF_INIT(1 * MIB), .car = BUF_INIT(1 * MIB) };
	dag_init(&h->dag);
	h->root = dag_balanced(&h->dag, LEAF_RAW, 4000, 100, 6);
	h->n = dag_list(h->root, ORDER_DFS, h->blocks, 64);
	dag_file(h->root, &h->file);
	dag_car(h->root, ORDER_DFS, &h->car);
}

static void honest_fini(struct honest *h)
{
	buf_free(&h->file);
	buf_free(&h->car);
	dag_fini(&h->dag);
}

static void put(const struct honest *h, size_t from, size_t end, struct buf *out)
{
	for (size_t i = from; i < end; i++)
		dag_section(&h->blocks[i]->cid, h->blocks[i]->bytes, out);
}

/* Block i under its right name, with one bit turned. */
static void put_flipped(const struct honest *h, size_t i, struct buf *out)
{
	struct span bytes = h->blocks[i]->bytes;

	dag_section(&h->blocks[i]->cid, bytes, out);
	out->p[out->n - 1 - bytes.n / 2] ^= 0x10;
}

static void put_strays(struct buf *out, unsigned n, size_t size)
{
	autofree uint8_t *bytes = calloc(1, size);

	for (unsigned i = 0; i < n; i++) {
		struct cid cid;

		memcpy(bytes, &i, sizeof i);
		cid = cid_of(1, CID_RAW, SPAN(bytes, size));
		dag_section(&cid, SPAN(bytes, size), out);
	}
}

static void flipped_leaf(const struct honest *h, struct buf *out)
{
	put(h, 0, 3, out);
	put_flipped(h, 3, out);
	put(h, 4, h->n, out);
}

static void flipped_node(const struct honest *h, struct buf *out)
{
	put(h, 0, 1, out);
	put_flipped(h, 1, out);
	put(h, 2, h->n, out);
}

static void flipped_root(const struct honest *h, struct buf *out)
{
	put_flipped(h, 0, out);
	put(h, 1, h->n, out);
}

static void swapped_names(const struct honest *h, struct buf *out)
{
	put(h, 0, 3, out);
	dag_section(&h->blocks[3]->cid, h->blocks[4]->bytes, out);
}

static void empty_block(const struct honest *h, struct buf *out)
{
	put(h, 0, 3, out);
	dag_section(&h->blocks[3]->cid, SPAN("", 0), out);
}

static void longer_block(const struct honest *h, struct buf *out)
{
	put(h, 0, 3, out);
	car_put_section_head(out, &h->blocks[3]->cid, h->blocks[3]->bytes.n + 1);
	buf_add(out, h->blocks[3]->bytes);
	buf_byte(out, 0);
}

static void no_last_block(const struct honest *h, struct buf *out)
{
	put(h, 0, h->n - 1, out);
}

static void no_middle_block(const struct honest *h, struct buf *out)
{
	put(h, 0, 20, out);
	put(h, 21, h->n, out);
}

static void no_root(const struct honest *h, struct buf *out)
{
	put(h, 1, h->n, out);
}

static void cut_in_a_block(const struct honest *h, struct buf *out)
{
	put(h, 0, 11, out);
	out->n -= 5;
}

static void cut_in_a_cid(const struct honest *h, struct buf *out)
{
	put(h, 0, 10, out);
	car_put_section_head(out, &h->blocks[10]->cid, 100);
	out->n -= 5;
}

static void only_a_header(const struct honest *h, struct buf *out)
{
	(void)h;
	(void)out;
}

static void nothing(const struct honest *h, struct buf *out)
{
	(void)h;
	buf_reset(out);
}

static void extra_blocks(const struct honest *h, struct buf *out)
{
	put(h, 0, 5, out);
	put_strays(out, STRAY_BLOCKS_MAX, 10);
	put(h, 5, h->n, out);
}

static void too_many_extra_blocks(const struct honest *h, struct buf *out)
{
	put(h, 0, 5, out);
	put_strays(out, STRAY_BLOCKS_MAX + 1, 10);
}

static void another_file(const struct honest *h, struct buf *out)
{
	struct dag d;
	const struct dag_entry *other;

	(void)h;
	dag_init(&d);
	d.seed = 999;
	other = dag_balanced(&d, LEAF_RAW, 4000, 100, 6);
	buf_reset(out);
	dag_car(other, ORDER_DFS, out);
	dag_fini(&d);
}

/* Blocks that were verified already, over and over: never a stray, never an end. */
static void endless_repeats(const struct honest *h, struct buf *out)
{
	put(h, 0, 10, out);
	while (out->n < 2 * MIB)
		put(h, 0, 10, out);
}

/* 37 bytes each: the budget of bytes has room for tens of thousands. */
static void endless_empty_repeats(const struct honest *h, struct buf *out)
{
	put(h, 0, 10, out);
	while (out->n < MIB)
		dag_section(&h->blocks[0]->cid, SPAN(NULL, 0), out);
}

/* As a sender may whose first half was taken from somebody else: that is no attack. */
static void everything_twice(const struct honest *h, struct buf *out)
{
	put(h, 0, h->n - 1, out);
	put(h, 0, h->n, out);
}

static void endless_identity_blocks(const struct honest *h, struct buf *out)
{
	struct cid id = { .version = 1, .codec = CID_RAW, .hash = CID_IDENTITY, .n = 3, .digest = "abc" };

	put(h, 0, 10, out);
	while (out->n < 2 * MIB)
		dag_section(&id, SPAN_LIT("abc"), out);
}

static void leaves_before_nodes(const struct honest *h, struct buf *out)
{
	for (size_t i = h->n; i-- > 0;)
		put(h, i, i + 1, out);
}

static void two_leaves_exchanged(const struct honest *h, struct buf *out)
{
	put(h, 0, 3, out);
	put(h, 4, 5, out);
	put(h, 3, 4, out);
	put(h, 5, h->n, out);
}

static void section_head(const struct honest *h, uint64_t length, struct buf *out)
{
	put(h, 0, 4, out);
	varint_add(out, length);
}

static void block_of_3_mib(const struct honest *h, struct buf *out)
{
	section_head(h, 36 + 3 * MIB, out);
}

static void block_of_2_mib_and_one(const struct honest *h, struct buf *out)
{
	put(h, 0, 4, out);
	car_put_section_head(out, &h->blocks[4]->cid, BLOCK_MAX + 1);
}

static void section_of_1_tib(const struct honest *h, struct buf *out)
{
	section_head(h, UINT64_C(1) << 40, out);
}

static void section_of_nothing(const struct honest *h, struct buf *out)
{
	section_head(h, 0, out);
}

static void section_past_the_end(const struct honest *h, struct buf *out)
{
	section_head(h, 100000, out);
	put(h, 4, h->n, out);	/* its head, which is no CID */
}

static void overlong_length(const struct honest *h, struct buf *out)
{
	put(h, 0, 4, out);
	buf_add(out, SPAN("\x88\x81\x00", 3));
}

static void cid_past_its_section(const struct honest *h, struct buf *out)
{
	uint8_t cid[CID_BYTES_MAX];

	section_head(h, 20, out);
	buf_add(out, SPAN(cid, cid_write(&h->blocks[4]->cid, cid)));
}

static void bare_cid(const char *bytes, size_t n, const struct honest *h, struct buf *out)
{
	section_head(h, n, out);
	buf_add(out, SPAN(bytes, n));
}

static void unknown_codec(const struct honest *h, struct buf *out)
{
	bare_cid("\1\x71\x12\x20" "0123456789abcdef0123456789abcdef", 36, h, out);
}

static void unknown_hash(const struct honest *h, struct buf *out)
{
	bare_cid("\1\x55\x13\x20" "0123456789abcdef0123456789abcdef", 36, h, out);
}

static void truncated_digest(const struct honest *h, struct buf *out)
{
	bare_cid("\1\x55\x12\x10" "0123456789abcdef", 20, h, out);
}

static void overlong_cid(const struct honest *h, struct buf *out)
{
	bare_cid("\x81\0\x55\x12\x20" "0123456789abcdef0123456789abcdef", 37, h, out);
}

static void trailing_bytes(const struct honest *h, struct buf *out)
{
	put(h, 0, h->n, out);
	buf_str(out, "and now for something completely different");
}

static void html_page(const struct honest *h, struct buf *out)
{
	(void)h;
	buf_reset(out);
	buf_str(out, "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>\n");
}

static void json_page(const struct honest *h, struct buf *out)
{
	(void)h;
	buf_reset(out);
	buf_str(out, "{\"Message\":\"block not found\",\"Code\":0,\"Type\":\"error\"}\n");
}

static void car_version_2(const struct honest *h, struct buf *out)
{
	(void)h;
	buf_reset(out);
	buf_add(out, SPAN("\x0a\xa1\x67version\x02", 11));
}

static void honest_with_identity_blocks(const struct honest *h, struct buf *out)
{
	struct cid id = { .version = 1, .codec = CID_RAW, .hash = CID_IDENTITY, .n = 3, .digest = "abc" };

	for (size_t i = 0; i < h->n; i++) {
		dag_section(&id, SPAN_LIT("abc"), out);
		put(h, i, i + 1, out);
	}
}

static const struct {
	const char *attack;
	void (*send)(const struct honest *h, struct buf *out);
	enum intake_result result;
	const char *says;
} attacks[] = {
	{ "a flipped byte in a leaf", flipped_leaf, INTAKE_LIE, "not what its CID says" },
	{ "a flipped byte in a node", flipped_node, INTAKE_LIE, "not what its CID says" },
	{ "a flipped byte in the root", flipped_root, INTAKE_LIE, "not what its CID says" },
	{ "one block under another's name", swapped_names, INTAKE_LIE, "not what its CID says" },
	{ "an empty block under a real name", empty_block, INTAKE_LIE, "not what its CID says" },
	{ "a block with a byte more", longer_block, INTAKE_LIE, "not what its CID says" },
	{ "the last block is missing", no_last_block, INTAKE_SHORT, "before the file is complete" },
	{ "a block in the middle is missing", no_middle_block, INTAKE_SHORT, "before the file is complete" },
	{ "the root is missing", no_root, INTAKE_SHORT, "before the file is complete" },
	{ "cut inside a block", cut_in_a_block, INTAKE_SHORT, "ends inside a block" },
	{ "cut inside a CID", cut_in_a_cid, INTAKE_SHORT, "ends inside a" },
	{ "a header and nothing else", only_a_header, INTAKE_SHORT, "before the file is complete" },
	{ "an empty body", nothing, INTAKE_BROKEN, "ends inside the header's length" },
	{ "as many extra blocks as are forgiven", extra_blocks, INTAKE_DONE, "" },
	{ "one extra block too many", too_many_extra_blocks, INTAKE_BROKEN, "65 blocks" },
	{ "the CAR of another file", another_file, INTAKE_SHORT, "before the file is complete" },
	{ "an endless CAR of blocks that came before", endless_repeats, INTAKE_BROKEN, "11 blocks that came before, in a file that has 10" },
	{ "everything twice", everything_twice, INTAKE_DONE, "" },
	{ "an endless CAR of empty blocks that came before", endless_empty_repeats, INTAKE_BROKEN, "11 blocks that came before" },
	{ "an endless CAR of identity blocks", endless_identity_blocks, INTAKE_BROKEN, "more than 1052776 bytes" },
	{ "leaves before their nodes", leaves_before_nodes, INTAKE_SHORT, "before the file is complete" },
	{ "two leaves exchanged", two_leaves_exchanged, INTAKE_SHORT, "before the file is complete" },
	{ "a block of 3 MiB", block_of_3_mib, INTAKE_BROKEN, "a section of 3145764 bytes" },
	{ "a block of 2 MiB and one byte", block_of_2_mib_and_one, INTAKE_BROKEN, "a block of 2097153 bytes" },
	{ "a section that claims 1 TiB", section_of_1_tib, INTAKE_BROKEN, "a section of 1099511627776 bytes" },
	{ "a section of no bytes", section_of_nothing, INTAKE_BROKEN, "no bytes" },
	{ "a section that runs into the next", section_past_the_end, INTAKE_BROKEN, "cid: " },
	{ "an overlong section length", overlong_length, INTAKE_BROKEN, "overlong" },
	{ "a CID past its section", cid_past_its_section, INTAKE_BROKEN, "past the end of its section" },
	{ "an unknown codec", unknown_codec, INTAKE_BROKEN, "codec 0x71" },
	{ "an unknown hash", unknown_hash, INTAKE_BROKEN, "hash function 0x13" },
	{ "a truncated digest", truncated_digest, INTAKE_BROKEN, "must have 32 bytes" },
	{ "an overlong varint in a CID", overlong_cid, INTAKE_BROKEN, "overlong" },
	{ "bytes after the end", trailing_bytes, INTAKE_DONE, "" },
	{ "an HTML page", html_page, INTAKE_BROKEN, "car: " },
	{ "a JSON error", json_page, INTAKE_BROKEN, "car: " },
	{ "CAR version 2", car_version_2, INTAKE_BROKEN, "version 2" },
	{ "identity blocks between the others", honest_with_identity_blocks, INTAKE_DONE, "" },
};

START_TEST(attacks_of_a_source)
{
	static const size_t chunks[] = { 1, CHUNK, 4 * MIB };
	struct honest h;

	honest_init(&h);
	for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
		AUTO(buf_free) struct buf car = BUF_INIT(16 * MIB);
		const char *what = attacks[_i].attack;
		enum intake_result r;
		struct err e = { 0 };
		struct place place;
		struct plan_io io;
		struct plan *plan;
		struct intake in;

		place_init(&place, h.file.n);
		io = place_io(&place);
		ck_assert_int_eq(plan_new(&h.root->cid, h.file.n, &io, &plan, NULL), ERR_OK);
		car_put_header(&car, &h.root->cid);
		attacks[_i].send(&h, &car);
		r = feed(plan, buf_span(&car), chunks[i], PLAN_DFS, &in, &e);
		ck_assert_msg(r == attacks[_i].result, "%s: %s: %s", what, intake_result_name(r), e.msg);
		ck_assert_msg(r == INTAKE_DONE || strstr(e.msg, attacks[_i].says), "%s: %s", what, e.msg);
		ck_assert_msg(in.car.held.cap <= BLOCK_MAX, "%s", what);
		intake_close(&in);
		/* The honest one takes over. */
		r = plan_is_done(plan) ? INTAKE_DONE : feed(plan, buf_span(&h.car), CHUNK, PLAN_DFS, &in, &e);
		ck_assert_msg(r == INTAKE_DONE, "%s: afterwards: %s: %s", what, intake_result_name(r), e.msg);
		ck_assert_msg(memcmp(place.file, h.file.p, h.file.n) == 0, "%s: wrong bytes", what);
		if (!plan_is_done(plan) || attacks[_i].result != INTAKE_DONE)
			intake_close(&in);
		plan_free(plan);
		place_fini(&place);
	}
	honest_fini(&h);
}
END_TEST

/* With an order that promises nothing, exchanged siblings are as good as any. */
START_TEST(unknown_order_takes_siblings)
{
	AUTO(buf_free) struct buf car = BUF_INIT(1 * MIB);
	AUTO(intake_close) struct intake in;
	struct place place;
	struct plan_io io;
	struct plan *plan;
	struct honest h;

	honest_init(&h);
	place_init(&place, h.file.n);
	io = place_io(&place);
	ck_assert_int_eq(plan_new(&h.root->cid, h.file.n, &io, &plan, NULL), ERR_OK);
	car_put_header(&car, &h.root->cid);
	two_leaves_exchanged(&h, &car);
	ck_assert_int_eq(feed(plan, buf_span(&car), CHUNK, PLAN_ANY, &in, NULL), INTAKE_DONE);
	ck_assert_uint_eq(in.taken, h.n);
	ck_assert_mem_eq(place.file, h.file.p, h.file.n);
	plan_free(plan);
	place_fini(&place);
	honest_fini(&h);
}
END_TEST

/* dups=n: what an honest sender leaves out is no fault of its reply, and what it really leaves out is. */
START_TEST(repetitions_left_out)
{
	AUTO(buf_free) struct buf car = BUF_INIT(1 * MIB);
	AUTO(buf_free) struct buf file = BUF_INIT(1 * MIB);
	AUTO(intake_close) struct intake in;
	const struct dag_entry *list[64], *root;
	size_t sent;
	struct place place;
	struct plan_io io;
	struct plan *plan;
	struct dag d;
	bool more = true;

	dag_init(&d);
	root = shape_padded(&d);
	dag_file(root, &file);
	place_init(&place, file.n);
	io = place_io(&place);
	ck_assert_int_eq(plan_new(&root->cid, file.n, &io, &plan, NULL), ERR_OK);
	car_put_header(&car, &root->cid);
	sent = dag_list(root, ORDER_DFS_ONCE, list, 64) - (size_t)_i;
	for (size_t i = 0; i < sent; i++)
		dag_section(&list[i]->cid, list[i]->bytes, &car);
	ck_assert_int_eq(feed(plan, buf_span(&car), CHUNK, PLAN_ANY, &in, NULL), _i ? INTAKE_SHORT : INTAKE_DONE);
	while (more)
		ck_assert_int_eq(plan_settle(plan, 100, &more, NULL), PLAN_TAKEN);
	ck_assert(plan_is_done(plan) == (_i == 0));
	plan_free(plan);
	place_fini(&place);
	dag_fini(&d);
}
END_TEST

START_TEST(large_extra_blocks)
{
	AUTO(buf_free) struct buf car = BUF_INIT(16 * MIB);
	AUTO(intake_close) struct intake in;
	struct cid root = cid_of(1, CID_DAG_PB, SPAN_LIT("of a file of 64 MiB"));
	struct err e = { 0 };
	struct place place;
	struct plan_io io;
	struct plan *plan;

	place_init(&place, 1);
	io = place_io(&place);
	ck_assert_int_eq(plan_new(&root, 64 * MIB, &io, &plan, NULL), ERR_OK);
	car_put_header(&car, &root);
	put_strays(&car, 3, BLOCK_MAX);
	ck_assert_int_eq(feed(plan, buf_span(&car), CHUNK, PLAN_DFS, &in, &e), INTAKE_BROKEN);
	ck_assert_str_eq(e.msg, "car: 3 blocks, 6291456 bytes that nobody asked for");
	/* It was not held to be told that. */
	ck_assert_uint_lt(in.bytes, 2 * BLOCK_MAX + 1000);
	ck_assert_uint_lt(in.car.held.cap, 4096);
	plan_free(plan);
	place_fini(&place);
}
END_TEST

/* --- raw blocks --- */

static const struct { const char *what; int flip; long more; enum intake_result result; const char *says; } raws[] = {
	{ "an honest block", -1, 0, INTAKE_DONE, "" },
	{ "a flipped byte", 7, 0, INTAKE_LIE, "not what its CID says" },
	{ "a byte missing", -1, -1, INTAKE_LIE, "not what its CID says" },
	{ "a byte too many", -1, 1, INTAKE_LIE, "not what its CID says" },
	{ "an endless body", -1, BLOCK_MAX, INTAKE_BROKEN, "a block of more than 2097152 bytes" },
};

START_TEST(raw_replies)
{
	AUTO(buf_free) struct buf body = BUF_INIT(16 * MIB);
	AUTO(intake_close) struct intake in;
	enum intake_result r = INTAKE_MORE;
	struct err e = { 0 };
	struct place place;
	struct plan_io io;
	struct plan *plan;
	struct honest h;

	honest_init(&h);
	place_init(&place, h.file.n);
	io = place_io(&place);
	ck_assert_int_eq(plan_new(&h.root->cid, h.file.n, &io, &plan, NULL), ERR_OK);
	buf_add(&body, h.root->bytes);
	if (raws[_i].flip >= 0)
		body.p[raws[_i].flip] ^= 1;
	for (long i = 0; i < raws[_i].more; i++)
		buf_byte(&body, 0);
	if (raws[_i].more < 0)
		body.n--;
	intake_open(&in, plan, SOURCE_ASK_BLOCK, PLAN_ANY, &h.root->cid);
	for (size_t at = 0; at < body.n && r == INTAKE_MORE; at += CHUNK)
		r = intake_feed(&in, span_cut(buf_span(&body), at, CHUNK), &e);
	if (r == INTAKE_MORE)
		r = intake_end(&in, &e);
	ck_assert_msg(r == raws[_i].result && strstr(e.msg, raws[_i].says), "%s: %s: %s", raws[_i].what,
		      intake_result_name(r), e.msg);
	/* Somebody else was quicker: that is nobody's fault. */
	if (r == INTAKE_DONE)
		ck_assert_int_eq(intake_end(&in, &e), INTAKE_DONE);
	plan_free(plan);
	place_fini(&place);
	honest_fini(&h);
}
END_TEST

/* --- bytes of the plain file --- */

/* Leaves that have a mode: no bytes of a mirror give them, and it is not its lie. */
static const struct { enum dag_leaf leaf; enum intake_result result; unsigned odd; } plain[] = {
	{ LEAF_MODE, INTAKE_BROKEN, ODD_LEAVES_MAX + 1 }, { LEAF_FILE, INTAKE_DONE, 0 }, { LEAF_RAW, INTAKE_DONE, 0 },
};

START_TEST(bytes_of_a_plain_file)
{
	const struct dag_entry *leaves[ODD_LEAVES_MAX + 3], *root;
	AUTO(buf_free) struct buf file = BUF_INIT(MIB);
	enum intake_result r;
	struct err e = { 0 };
	struct intake in;
	struct place place;
	struct plan_io io;
	struct plan *plan;
	struct dag d;

	dag_init(&d);
	for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
		leaves[i] = dag_leaf(&d, plain[_i].leaf, dag_random(&d, 100));
	root = dag_node(&d, &(struct dag_node){ .children = leaves, .n = sizeof leaves / sizeof *leaves, .version = 1 });
	dag_file(root, &file);
	place_init(&place, file.n);
	io = place_io(&place);
	ck_assert_int_eq(plan_new(&root->cid, file.n, &io, &plan, NULL), ERR_OK);
	ck_assert_int_eq(plan_block(plan, &root->cid, root->bytes, PLAN_ANY, NULL), PLAN_TAKEN);
	/* What is there already is passed over. */
	ck_assert_int_eq(plan_block(plan, &leaves[1]->cid, leaves[1]->bytes, PLAN_ANY, NULL), PLAN_TAKEN);
	intake_open_file(&in, plan, 0, file.n);
	r = intake_feed(&in, buf_span(&file), &e);
	ck_assert_msg(r == plain[_i].result, "%s: %s", intake_result_name(r), e.msg);
	ck_assert_uint_eq(in.odd, plain[_i].odd);
	intake_close(&in);
	plan_free(plan);
	place_fini(&place);
	dag_fini(&d);
}
END_TEST

/* The archive is whole within the budget; what comes behind it in the same piece is not. */
START_TEST(the_end_is_in_the_last_piece)
{
	AUTO(buf_free) struct buf body = BUF_INIT(8 * MIB);
	static const uint8_t junk[64 * KIB];
	struct err e = { 0 };
	struct intake in;
	struct place place;
	struct plan_io io;
	struct plan *plan;
	struct honest h;

	honest_init(&h);
	place_init(&place, h.file.n);
	io = place_io(&place);
	ck_assert_int_eq(plan_new(&h.root->cid, h.file.n, &io, &plan, NULL), ERR_OK);
	buf_add(&body, buf_span(&h.car));
	while (body.n <= intake_car_max(h.file.n))
		buf_add(&body, SPAN(junk, sizeof junk));
	ck_assert_msg(feed(plan, buf_span(&body), body.n, PLAN_DFS, &in, &e) == INTAKE_DONE, "%s", e.msg);
	intake_close(&in);
	plan_free(plan);
	place_fini(&place);
	honest_fini(&h);
}
END_TEST

/* --- what a publisher may name --- */

static const struct dag_entry *pair(struct dag *d, struct dag_node *n)
{
	static const struct dag_entry *children[2];

	children[0] = dag_leaf(d, LEAF_RAW, dag_random(d, 100));
	children[1] = dag_leaf(d, LEAF_FILE, dag_random(d, 100));
	n->children = children;
	n->n = 2;
	n->version = 1;
	return dag_node(d, n);
}

static const struct dag_entry *lying_filesize(struct dag *d)
{
	return pair(d, &(struct dag_node){ .filesize_lie = 1 });
}

static const struct dag_entry *blocksize_too_large(struct dag *d)
{
	return pair(d, &(struct dag_node){ .blocksize_lie = 1 });
}

static const struct dag_entry *blocksize_too_small(struct dag *d)
{
	return pair(d, &(struct dag_node){ .blocksize_lie = -1 });
}

static const struct dag_entry *named_link(struct dag *d)
{
	return pair(d, &(struct dag_node){ .name = "readme" });
}

static const struct dag_entry *unknown_field(struct dag *d)
{
	return pair(d, &(struct dag_node){ .more = SPAN("\x48\x01", 2) });
}

static const struct dag_entry *duplicate_field(struct dag *d)
{
	return pair(d, &(struct dag_node){ .more = SPAN("\x08\x02", 2) });
}

static const struct dag_entry *empty_child(struct dag *d)
{
	const struct dag_entry *children[] = {
		dag_leaf(d, LEAF_RAW, dag_random(d, 200)), dag_leaf(d, LEAF_FILE, SPAN("", 0)),
	};

	return dag_node(d, &(struct dag_node){ .children = children, .n = 2, .version = 1 });
}

/* A block whose UnixFS message is these bytes. */
static const struct dag_entry *message(struct dag *d, const char *bytes, size_t n)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1024);

	dagpb_put_data(&b, SPAN(bytes, n));
	return dag_put(d, 1, CID_DAG_PB, buf_span(&b), 200);
}

static const struct dag_entry *directory(struct dag *d)
{
	return message(d, "\x08\x01", 2);
}

static const struct dag_entry *hamt(struct dag *d)
{
	return message(d, "\x08\x05\x28\x22\x30\x80\x02", 7);
}

static const struct dag_entry *symlink_root(struct dag *d)
{
	return message(d, "\x08\x04\x12\x03" "foo", 7);
}

static const struct dag_entry *bare_pb(struct dag *d)
{
	return dag_put(d, 1, CID_DAG_PB, SPAN("", 0), 200);
}

static const struct dag_entry *trailing_pb(struct dag *d)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1024);

	unixfs_put_leaf(&b, UNIXFS_FILE, dag_random(d, 200));
	buf_add(&b, SPAN("\x1a\x00", 2));
	return dag_put(d, 1, CID_DAG_PB, buf_span(&b), 200);
}

static const struct dag_entry *link_with(struct dag *d, const char *cid, size_t n)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1024);
	AUTO(buf_free) struct buf m = BUF_INIT(1024);

	pb_put_head(&b, 2, n + 2);
	pb_put_bytes(&b, 1, SPAN(cid, n));
	pb_put_varint(&m, 1, UNIXFS_FILE);
	pb_put_varint(&m, 3, 200);
	pb_put_varint(&m, 4, 200);
	dagpb_put_data(&b, buf_span(&m));
	return dag_put(d, 1, CID_DAG_PB, buf_span(&b), 200);
}

static const struct dag_entry *link_to_dag_cbor(struct dag *d)
{
	return link_with(d, "\1\x71\x12\x20" "0123456789abcdef0123456789abcdef", 36);
}

static const struct dag_entry *link_by_short_digest(struct dag *d)
{
	return link_with(d, "\1\x70\x12\x10" "0123456789abcdef", 20);
}

static const struct dag_entry *identity_that_lies(struct dag *d)
{
	const struct dag_entry *child = dag_leaf(d, LEAF_IDENTITY, dag_random(d, 100));

	return dag_node(d, &(struct dag_node){ .children = &child, .n = 1, .version = 1, .blocksize_lie = 100 });
}

/* 5000 nodes, each the only child of the one above. */
static const struct dag_entry *chain(struct dag *d)
{
	const struct dag_entry *e = dag_leaf(d, LEAF_RAW, dag_random(d, 200));

	for (unsigned i = 0; i < 5000; i++) {
		const struct dag_entry *child = e;

		e = dag_node(d, &(struct dag_node){ .children = &child, .n = 1, .version = 1 });
	}
	return e;
}

/* Eight blocks that name each other 100 times each: 100^7 places of a 1-byte leaf, cut down to what fits IMAGE_MAX. */
static const struct dag_entry *bomb(struct dag *d)
{
	const struct dag_entry *e = dag_leaf(d, LEAF_RAW, dag_random(d, 1)), *row[100];

	for (unsigned level = 0; level < 4; level++) {
		for (size_t i = 0; i < 100; i++)
			row[i] = e;
		e = dag_node(d, &(struct dag_node){ .children = row, .n = 100, .version = 1 });
	}
	return e;
}

static const struct dag_entry *raw_leaf_of_3_mib(struct dag *d)
{
	const struct dag_entry *child = dag_leaf(d, LEAF_RAW, dag_random(d, 3 * MIB));

	return dag_node(d, &(struct dag_node){ .children = &child, .n = 1, .version = 1 });
}

static const struct dag_entry *too_many_links(struct dag *d)
{
	static const struct dag_entry *row[DAG_LINKS_MAX + 1];

	for (size_t i = 0; i <= DAG_LINKS_MAX; i++)
		row[i] = i ? row[0] : dag_leaf(d, LEAF_RAW, dag_random(d, 1));
	return dag_node(d, &(struct dag_node){ .children = row, .n = DAG_LINKS_MAX + 1, .version = 1 });
}

static const struct dag_entry *fine(struct dag *d)
{
	return pair(d, &(struct dag_node){ .data = SPAN_LIT("x") });
}

static const struct { const char *what; const struct dag_entry *(*build)(struct dag *); int64_t announced_lie; const char *says; }
bad_dags[] = {
	{ "a lying filesize", lying_filesize, 0, "filesize says 201, its parts have 200" },
	{ "a blocksize larger than its child", blocksize_too_large, 0, "has 100 bytes of the file, its parent says 101" },
	{ "a blocksize smaller than its child", blocksize_too_small, 0, "has 100 bytes of the file, its parent says 99" },
	{ "less than was announced", fine, 1, "names a file of 201 bytes, announced are 202" },
	{ "more than was announced", fine, -1, "names a file of 201 bytes, announced are 200" },
	{ "a link with a name", named_link, 0, "has a name" },
	{ "an unknown field", unknown_field, 0, "unknown field 9" },
	{ "a field twice", duplicate_field, 0, "Type twice" },
	{ "an unknown dag-pb field", trailing_pb, 0, "unknown field 3" },
	{ "a child of no bytes", empty_child, 0, "child 1 has no bytes" },
	{ "a directory", directory, 0, "a directory, not a file" },
	{ "a HAMT directory", hamt, 0, "a HAMT directory, not a file" },
	{ "a symlink", symlink_root, 0, "a symlink, not a file" },
	{ "dag-pb without UnixFS", bare_pb, 0, "without UnixFS data" },
	{ "a link to another codec", link_to_dag_cbor, 0, "codec 0x71" },
	{ "a link with a truncated digest", link_by_short_digest, 0, "must have 32 bytes" },
	{ "an identity link of another size", identity_that_lies, 0, "has 100 bytes of the file, its parent says 200" },
	{ "a chain of 5000 nodes", chain, 0, "deeper than 64" },
	{ "a bomb", bomb, 0, "more than 40798 nodes for 100000000 bytes" },
	{ "a raw leaf of 3 MiB", raw_leaf_of_3_mib, 0, "a raw block of 3145728 bytes" },
	{ "too many links in a node", too_many_links, 0, "more than 8192 links" },
};

/* Delivers everything faithfully, block by block, until the plan gives up. */
START_TEST(attacks_of_a_publisher)
{
	enum plan_verdict v = PLAN_TAKEN;
	const struct dag_entry *root;
	struct plan_link link;
	struct err e = { 0 };
	struct place place;
	struct plan_io io;
	struct plan *plan;
	struct dag d;
	uint64_t size;
	unsigned given = 0;
	bool more;

	dag_init(&d);
	root = bad_dags[_i].build(&d);
	size = root->size + (uint64_t)bad_dags[_i].announced_lie;
	place_init(&place, size);
	io = place_io(&place);
	ck_assert_int_eq(plan_new(&root->cid, size, &io, &plan, NULL), ERR_OK);
	while (v == PLAN_TAKEN) {
		more = true;
		while (v == PLAN_TAKEN && more)
			v = plan_settle(plan, MIB, &more, &e);
		if (v != PLAN_TAKEN)
			break;
		ck_assert_msg(plan_ask(plan, &link), "%s: taken", bad_dags[_i].what);
		for (size_t i = 0; i < d.n; i++) {
			if (!cid_same_block(&d.blocks[i].cid, &link.cid) || d.blocks[i].cid.version == 99)
				continue;
			v = plan_block(plan, &link.cid, d.blocks[i].bytes, PLAN_ANY, &e);
			given++;
			break;
		}
	}
	ck_assert_msg(v == PLAN_BAD_DAG, "%s: %s: %s", bad_dags[_i].what, plan_verdict_name(v), e.msg);
	ck_assert_msg(strstr(e.msg, bad_dags[_i].says) != NULL, "%s: %s", bad_dags[_i].what, e.msg);
	ck_assert_msg(given <= 66, "%s: %u blocks", bad_dags[_i].what, given);
	ck_assert_uint_le(place.bytes_written, size);
	/* And that is final. */
	e = (struct err){ 0 };
	ck_assert_int_eq(plan_block(plan, &root->cid, root->bytes, PLAN_ANY, &e), PLAN_BAD_DAG);
	ck_assert(strstr(e.msg, bad_dags[_i].says) != NULL);
	plan_unask_all(plan);
	ck_assert(!plan_is_done(plan) && !plan_ask(plan, &link));
	ck_assert_int_eq(plan_bytes(plan, 0, SPAN("x", 1), NULL), PLAN_BAD_DAG);
	ck_assert_int_eq(plan_settle(plan, MIB, &more, NULL), PLAN_BAD_DAG);
	ck_assert_int_eq(plan_restore(plan, MIB, &more, NULL), PLAN_BAD_DAG);
	plan_free(plan);
	place_fini(&place);
	dag_fini(&d);
}
END_TEST

START_TEST(budgets)
{
	ck_assert_uint_eq(intake_car_max(0), MIB);
	ck_assert_uint_eq(intake_car_max(64 * MIB), 64 * MIB + 64 * MIB / 20 + MIB);
	ck_assert_uint_eq(intake_car_max(IMAGE_MAX), UINT64_C(0xffffffff) + 0xffffffff / 20 + MIB);
}
END_TEST

#define LOOP(tcase, test, rows) tcase_add_loop_test(tcase, test, 0, (int)(sizeof rows / sizeof *rows))

int main(void)
{
	Suite *s = suite_create("intake");
	TCase *t = tcase_create("intake");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	LOOP(t, attacks_of_a_source, attacks);
	tcase_add_test(t, unknown_order_takes_siblings);
	tcase_add_loop_test(t, repetitions_left_out, 0, 2);
	tcase_add_test(t, large_extra_blocks);
	LOOP(t, raw_replies, raws);
	LOOP(t, bytes_of_a_plain_file, plain);
	tcase_add_test(t, the_end_is_in_the_last_piece);
	LOOP(t, attacks_of_a_publisher, bad_dags);
	tcase_add_test(t, budgets);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
