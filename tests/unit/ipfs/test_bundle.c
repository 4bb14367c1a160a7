/* test_bundle.c: what a bundle has to look like. Each lie is a row with the rule it breaks; all of them are read in pieces of several
 * sizes, and end alike. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "dag.h"
#include "formats/dagpb.h"
#include "formats/protobuf.h"
#include "formats/varint.h"
#include "ipfs/bundle.h"
#include "shapes.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCKS_MAX 64

/* One bundle's blocks, to be bent: the directory, the first three files' blocks, then the image's. */
struct sample {
	struct dag dag;
	const struct dag_entry *image, *list[BLOCKS_MAX];
	size_t n;
	struct buf entries;
	struct bundle_link link[BUNDLE_PARTS];
	struct { struct cid cid; struct span bytes; } block[BLOCKS_MAX];
	size_t blocks, front;		/* front: how many stand before the image's */
	struct buf room[8], out;
	size_t rooms;
};

static struct sample s;

static struct span text(const char *t)
{
	return span_str(t);
}

static void add(struct cid cid, struct span bytes)
{
	s.block[s.blocks].cid = cid;
	s.block[s.blocks++].bytes = bytes;
}

static struct buf *room(void)
{
	struct buf *b = &s.room[s.rooms++];

	*b = BUF_INIT(64 * MIB);
	return b;
}

static void put_part(enum bundle_part part, struct span bytes)
{
	struct cid cid = cid_of(1, CID_RAW, bytes);

	s.link[part] = (struct bundle_link){ cid, bytes.n };
	add(cid, bytes);
}

static void set_root(struct span bytes)
{
	s.block[0].bytes = bytes;
	s.block[0].cid = cid_of(1, CID_DAG_PB, bytes);
}

static void make_root(void)
{
	struct buf *b = room();

	bundle_put_root(b, s.link);
	set_root(buf_span(b));
}

static void setup_image(const struct dag_entry *image, enum dag_order order)
{
	s.image = image;
	s.n = dag_list(image, order, s.list, BLOCKS_MAX);
	s.link[BUNDLE_IMAGE] = (struct bundle_link){ image->cid, image->size };
	add((struct cid){ 0 }, text(""));
	put_part(BUNDLE_ENTRIES, text("{\"one\":1}\n{\"two\":2}\n"));
	put_part(BUNDLE_ENVELOPE, text("an envelope"));
	put_part(BUNDLE_PROOF, text("{\"a\":\"proof\"}"));
	s.front = s.blocks;
	for (size_t i = 0; i < s.n; i++)
		add(s.list[i]->cid, s.list[i]->bytes);
	make_root();
}

static void setup(void)
{
	s = (struct sample){ .out = BUF_INIT(80 * MIB) };
	dag_init(&s.dag);
}

static void teardown(void)
{
	for (size_t i = 0; i < s.rooms; i++)
		buf_free(&s.room[i]);
	buf_free(&s.out);
	dag_fini(&s.dag);
}

static void ordinary(void)
{
	setup_image(dag_balanced(&s.dag, LEAF_RAW, 2000, 100, 6), ORDER_DFS);
}

static void put_all(void)
{
	car_put_header(&s.out, &s.block[0].cid);
	for (size_t i = 0; i < s.blocks; i++) {
		car_put_section_head(&s.out, &s.block[i].cid, s.block[i].bytes.n);
		buf_add(&s.out, s.block[i].bytes);
	}
}

/* --- reading --- */

struct reading {
	struct bundle_reader r;
	struct place place;
	struct plan *plan;
	unsigned fronts;
	size_t held_most;
	bool passes_image;
};

static void begin_image(struct reading *g)
{
	struct plan_io io = place_io(&g->place);

	g->fronts++;
	place_init(&g->place, s.image->size);
	io = place_io(&g->place);
	if (!g->passes_image)
		ck_assert(plan_new(&g->r.part[BUNDLE_IMAGE], s.image->size, &io, &g->plan, NULL) == ERR_OK);
	bundle_take_image(&g->r, g->plan);
}

static int read_all(struct reading *g, size_t piece, struct err *e)
{
	enum bundle_event event;
	int rc = ERR_OK;

	bundle_open(&g->r);
	for (size_t at = 0; at < s.out.n && !rc; at += piece) {
		struct span chunk = span_cut(buf_span(&s.out), at, piece);

		while (chunk.n > 0 && !rc) {
			rc = bundle_next(&g->r, &chunk, &event, e);
			if (!rc && event == BUNDLE_FRONT)
				begin_image(g);
			if (g->r.car.held.cap > g->held_most)
				g->held_most = g->r.car.held.cap;
		}
	}
	return rc ? rc : bundle_end(&g->r, e);
}

static void settle(struct plan *p)
{
	bool more = !plan_is_done(p);

	while (more)
		ck_assert(plan_settle(p, 4096, &more, NULL) == PLAN_TAKEN);
}

static void reading_end(struct reading *g)
{
	bundle_close(&g->r);
	plan_free(g->plan);
	if (g->fronts)
		place_fini(&g->place);
}

static const size_t pieces[] = { 1, 7, 700, 100000000 };
#define PIECES (sizeof pieces / sizeof *pieces)

/* Padding at the end, as flash images have it: complete before its last block has come again. */
static const struct dag_entry *padded(struct dag *d)
{
	const struct dag_entry *child[9] = { dag_leaf(d, LEAF_RAW, dag_random(d, 100)) };
	struct dag_node node = { .children = child, .n = 9, .version = 1 };

	for (int i = 1; i < 9; i++)
		child[i] = dag_leaf(d, LEAF_RAW, text("ffffffffffffffffffffffff"));
	return dag_node(d, &node);
}

static const struct { const char *name; const struct dag_entry *(*make)(struct dag *d); enum dag_order order; } images[] = {
	{ "padding, each time", padded, ORDER_DFS }, { "padding, once", padded, ORDER_DFS_ONCE },
	{ "one raw block", shape_raw, ORDER_DFS }, { "one File block", shape_file, ORDER_DFS }, { "CIDv0", shape_v0, ORDER_DFS },
	{ "CIDv1", shape_v1, ORDER_DFS }, { "a name that is its own content", shape_identity, ORDER_DFS },
	{ "each block once", shape_v1, ORDER_DFS_ONCE }, { "breadth first", shape_v1, ORDER_BREADTH },
};

START_TEST(honest_ones_are_read)
{
	AUTO(buf_free) struct buf want = BUF_INIT(1 * MIB);

	setup_image(images[_i].make(&s.dag), images[_i].order);
	dag_file(s.image, &want);
	put_all();
	for (size_t i = 0; i < PIECES; i++) {
		AUTO(reading_end) struct reading g = { .fronts = 0 };
		struct err e = { 0 };

		ck_assert_msg(read_all(&g, pieces[i], &e) == ERR_OK, "%s in pieces of %zu: %s", images[_i].name, pieces[i], e.msg);
		settle(g.plan);
		ck_assert(span_is(buf_span(&g.r.bytes[BUNDLE_ENTRIES]), "{\"one\":1}\n{\"two\":2}\n"));
		ck_assert(span_is(buf_span(&g.r.bytes[BUNDLE_ENVELOPE]), "an envelope"));
		ck_assert(span_is(buf_span(&g.r.bytes[BUNDLE_PROOF]), "{\"a\":\"proof\"}"));
		ck_assert(span_eq(SPAN(g.place.file, g.place.size), buf_span(&want)) || s.image->cid.hash == CID_IDENTITY);
		ck_assert(plan_is_done(g.plan));
	}
}
END_TEST

START_TEST(an_image_that_is_here_is_passed_over)
{
	ordinary();
	put_all();
	for (size_t i = 0; i < PIECES; i++) {
		AUTO(reading_end) struct reading g = { .passes_image = true };

		ck_assert(read_all(&g, pieces[i], NULL) == ERR_OK);
		ck_assert_uint_eq(g.r.blocks, s.blocks);
	}
}
END_TEST

/* What we write, we read: also a history of several blocks. */
static const size_t histories[] = { 1, 1000, MIB, MIB + 1, 5 * MIB + 17 };

START_TEST(what_is_written_is_read)
{
	struct span bytes[BUNDLE_IMAGE];
	AUTO(reading_end) struct reading g = { .fronts = 0 };
	struct err e = { 0 };

	s.image = dag_balanced(&s.dag, LEAF_FILE, 2000, 100, 6);
	s.n = dag_list(s.image, ORDER_DFS, s.list, BLOCKS_MAX);
	bytes[BUNDLE_ENTRIES] = dag_random(&s.dag, histories[_i]);
	bytes[BUNDLE_ENVELOPE] = dag_random(&s.dag, MANIFEST_MAX);
	bytes[BUNDLE_PROOF] = dag_random(&s.dag, 20000);
	ck_assert(bundle_put_front(&s.out, bytes, &(struct bundle_link){ s.image->cid, 2000 }, NULL) == ERR_OK);
	for (size_t i = 0; i < s.n; i++)
		dag_section(&s.list[i]->cid, s.list[i]->bytes, &s.out);
	ck_assert_msg(read_all(&g, 5000, &e) == ERR_OK, "%s", e.msg);
	for (int i = 0; i < BUNDLE_IMAGE; i++)
		ck_assert(span_eq(buf_span(&g.r.bytes[i]), bytes[i]));
}
END_TEST

START_TEST(too_long_a_part_is_not_written)
{
	struct span bytes[BUNDLE_IMAGE] = { dag_random(&s.dag, 10), dag_random(&s.dag, MANIFEST_MAX + 1), dag_random(&s.dag, 10) };
	struct bundle_link image = { dag_leaf(&s.dag, LEAF_RAW, dag_random(&s.dag, 10))->cid, 10 };

	ck_assert(bundle_put_front(&s.out, bytes, &image, NULL) == ERR_LIMIT);
	bytes[BUNDLE_ENVELOPE] = SPAN(NULL, 0);
	ck_assert(bundle_put_front(&s.out, bytes, &image, NULL) == ERR_LIMIT);
}
END_TEST

/* --- lies --- */

static void flip(size_t i)
{
	struct buf *b = room();

	buf_add(b, s.block[i].bytes);
	b->p[b->n / 2] ^= 0x10;
	s.block[i].bytes = buf_span(b);
}

static void drop(size_t i)
{
	memmove(&s.block[i], &s.block[i + 1], (s.blocks - i - 1) * sizeof *s.block);
	s.blocks--;
}

static void insert(size_t at, size_t from)
{
	struct span bytes = from < s.blocks ? s.block[from].bytes : text("nobody asked for this");

	memmove(&s.block[at + 1], &s.block[at], (s.blocks - at) * sizeof *s.block);
	s.block[at].cid = cid_of(1, CID_RAW, bytes);
	s.block[at].bytes = bytes;
	s.blocks++;
}

static void swap(size_t i, size_t j)
{
	__typeof__(s.block[0]) b = s.block[i];

	s.block[i] = s.block[j];
	s.block[j] = b;
}

#define NONE SIZE_MAX
static void flips_directory(void) { flip(0); }
static void flips_entries(void) { flip(1); }
static void flips_envelope(void) { flip(2); }
static void flips_proof(void) { flip(3); }
static void flips_image_root(void) { flip(s.front); }
static void flips_image_leaf(void) { flip(s.blocks - 1); }
static void lacks_directory(void) { drop(0); }
static void lacks_entries(void) { drop(1); }
static void lacks_envelope(void) { drop(2); }
static void lacks_proof(void) { drop(3); }
static void lacks_image_root(void) { drop(s.front); }
static void lacks_middle(void) { drop(s.front + 5); }
static void lacks_last(void) { drop(s.blocks - 1); }
static void lacks_image(void) { s.blocks = s.front; }
static void lacks_all_but_directory(void) { s.blocks = 1; }
static void extra_first(void) { insert(0, NONE); }
static void extra_second(void) { insert(1, NONE); }
static void extra_before_image(void) { insert(s.front, NONE); }
static void extra_in_image(void) { insert(s.front + 3, NONE); }
static void extra_last(void) { insert(s.blocks, NONE); }
static void flips_repeated(void)
{
	insert(s.blocks, s.blocks - 1);
	flip(s.blocks - 1);
}
static void swaps_parts(void) { swap(2, 3); }
static void image_before_proof(void) { swap(3, s.front); }
static void entries_twice(void) { insert(2, 1); }

static void names_proof_as_dagpb(void)
{
	s.link[BUNDLE_PROOF].cid.codec = CID_DAG_PB;
	make_root();
}

static void names_entries_by_themselves(void)
{
	s.link[BUNDLE_ENTRIES].cid = (struct cid){ .version = 1, .codec = CID_RAW, .hash = CID_IDENTITY, .n = 3, .digest = "abc" };
	make_root();
}

static void put_directory(const char *const *names, size_t n, bool data_first, unsigned type)
{
	struct buf *b = room();
	uint8_t data[] = { 0x08, (uint8_t)type };

	if (data_first)
		dagpb_put_data(b, SPAN(data, sizeof data));
	for (size_t i = 0; i < n; i++)
		dagpb_put_link(b, &s.link[i < BUNDLE_PARTS ? i : 0].cid, names[i], s.link[i < BUNDLE_PARTS ? i : 0].bytes);
	if (!data_first)
		dagpb_put_data(b, SPAN(data, sizeof data));
	set_root(buf_span(b));
}

static const char *const right[] = { "entries.jsonl", "envelope.suit", "eth-proof.json", "image.bin" };
static void three_files(void) { put_directory(right, 3, false, 1); }
static void five_files(void) { put_directory((const char *const[]){ right[0], right[1], right[2], right[3], "more" }, 5, false, 1); }
static void other_name(void) { put_directory((const char *const[]){ right[0], right[1], right[2], "image" }, 4, false, 1); }
static void same_name(void) { put_directory((const char *const[]){ right[0], right[0], right[2], right[3] }, 4, false, 1); }
static void data_in_front(void) { put_directory(right, 4, true, 1); }
static void a_file_not_a_directory(void) { put_directory(right, 4, false, 2); }
static void no_names(void) { put_directory((const char *const[]){ NULL, NULL, NULL, NULL }, 4, false, 1); }

static void directory_v0(void)
{
	s.block[0].cid = cid_of(0, CID_DAG_PB, s.block[0].bytes);
}

static void long_directory(void)
{
	char name[1000];

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	put_directory((const char *const[]){ right[0], right[1], right[2], name }, 4, false, 1);
}

static void swap_part(enum bundle_part part, struct cid cid, struct span bytes)
{
	s.link[part] = (struct bundle_link){ cid, bytes.n };
	s.block[1 + part].cid = cid;
	s.block[1 + part].bytes = bytes;
	make_root();
}

static void long_part(enum bundle_part part, size_t n)
{
	struct span bytes = dag_random(&s.dag, n);

	swap_part(part, cid_of(1, CID_RAW, bytes), bytes);
}

static void long_envelope(void) { long_part(BUNDLE_ENVELOPE, MANIFEST_MAX + 1); }
static void long_proof(void) { long_part(BUNDLE_PROOF, BUNDLE_PROOF_MAX + 1); }

/* One node that says so, over a leaf that is 1 byte: nothing is held for a claim. */
static void long_entries(void)
{
	const struct dag_entry *leaf = dag_leaf(&s.dag, LEAF_RAW, dag_random(&s.dag, 100));
	struct dag_node node = { .children = &leaf, .n = 1, .version = 1, .blocksize_lie = ENTRIES_FILE_MAX };
	const struct dag_entry *root = dag_node(&s.dag, &node);

	swap_part(BUNDLE_ENTRIES, root->cid, root->bytes);
}

static void entries_are_no_file(void)
{
	struct span bytes = s.block[0].bytes;		/* a directory */
	struct buf *b = room();

	buf_add(b, bytes);
	swap_part(BUNDLE_ENTRIES, cid_of(1, CID_DAG_PB, buf_span(b)), buf_span(b));
}

static void no_entries(void)
{
	struct buf *b = room();

	unixfs_put_leaf(b, UNIXFS_FILE, SPAN(NULL, 0));
	swap_part(BUNDLE_ENTRIES, cid_of(1, CID_DAG_PB, buf_span(b)), buf_span(b));
}

static const struct { const char *rule; void (*bend)(void); enum err_code code; const char *says; } lies[] = {
	{ "the directory is what its CID says", flips_directory, ERR_PROOF, "the directory" },
	{ "entries are what their CID says", flips_entries, ERR_PROOF, "entries.jsonl" },
	{ "the envelope is what its CID says", flips_envelope, ERR_PROOF, "envelope.suit" },
	{ "the proof is what its CID says", flips_proof, ERR_PROOF, "eth-proof.json" },
	{ "the image's root is what its CID says", flips_image_root, ERR_PROOF, "image.bin" },
	{ "a leaf is what its CID says", flips_image_leaf, ERR_PROOF, "image.bin" },
	{ "the directory comes first", lacks_directory, ERR_FORMAT, "begins with no directory" },
	{ "entries are there", lacks_entries, ERR_RULE, "none of entries.jsonl" },
	{ "the envelope is there", lacks_envelope, ERR_RULE, "none of envelope.suit" },
	{ "the proof is there", lacks_proof, ERR_RULE, "none of eth-proof.json" },
	{ "the image's root is there", lacks_image_root, ERR_RULE, "none of image.bin" },
	{ "every block of the image is there", lacks_middle, ERR_FORMAT, "ends before image.bin is whole" },
	{ "the last one too", lacks_last, ERR_FORMAT, "ends before image.bin is whole" },
	{ "there is an image", lacks_image, ERR_FORMAT, "ends before image.bin is whole" },
	{ "what comes again is what its CID says too", flips_repeated, ERR_PROOF, "image.bin" },
	{ "there is more than a directory", lacks_all_but_directory, ERR_FORMAT, "ends before entries.jsonl is whole" },
	{ "nothing stands before the directory", extra_first, ERR_FORMAT, "begins with no directory" },
	{ "nothing stands between the parts", extra_second, ERR_RULE, "none of entries.jsonl" },
	{ "nor before the image", extra_before_image, ERR_RULE, "none of image.bin" },
	{ "nor within it", extra_in_image, ERR_RULE, "none of image.bin" },
	{ "nor behind it", extra_last, ERR_RULE, "behind the image's last one" },
	{ "parts stand in order", swaps_parts, ERR_RULE, "none of envelope.suit" },
	{ "what proves comes before what it proves", image_before_proof, ERR_RULE, "none of eth-proof.json" },
	{ "a part comes once", entries_twice, ERR_RULE, "none of envelope.suit" },
	{ "the proof is one raw block", names_proof_as_dagpb, ERR_RULE, "not one raw block" },
	{ "a name that is its own content names no part", names_entries_by_themselves, ERR_RULE, "not named by SHA-256" },
	{ "there are four files", three_files, ERR_FORMAT, "a directory of 4 files" },
	{ "and no more", five_files, ERR_FORMAT, "a directory of 4 files" },
	{ "with their names", other_name, ERR_FORMAT, "no image.bin in its place" },
	{ "each once", same_name, ERR_FORMAT, "no envelope.suit in its place" },
	{ "names are not left out", no_names, ERR_FORMAT, "no entries.jsonl in its place" },
	{ "there is one encoding of the directory", data_in_front, ERR_FORMAT, "not encoded as bundles are" },
	{ "a file is no directory", a_file_not_a_directory, ERR_FORMAT, "a directory of 4 files" },
	{ "the directory's CID is of version 1", directory_v0, ERR_FORMAT, "begins with no directory" },
	{ "a directory is short", long_directory, ERR_LIMIT, "at most 1024" },
	{ "an envelope is short", long_envelope, ERR_LIMIT, "envelope.suit has 4097 bytes" },
	{ "a proof is short", long_proof, ERR_LIMIT, "eth-proof.json has 524289 bytes" },
	{ "entries are not too long", long_entries, ERR_LIMIT, "at most 33554432" },
	{ "entries are a file", entries_are_no_file, ERR_RULE, "entries.jsonl" },
	{ "an empty file is none", no_entries, ERR_LIMIT, "entries.jsonl" },
};

START_TEST(lies_are_named)
{
	char first[sizeof ((struct err *)0)->msg] = "";

	ordinary();
	lies[_i].bend();
	put_all();
	for (size_t i = 0; i < PIECES; i++) {
		AUTO(reading_end) struct reading g = { .fronts = 0 };
		struct err e = { 0 };
		int rc = read_all(&g, pieces[i], &e);

		ck_assert_msg(rc == (int)lies[_i].code && rc == (int)e.code, "%s: %s (%s)", lies[_i].rule, err_name((enum err_code)rc), e.msg);
		ck_assert_msg(strstr(e.msg, lies[_i].says), "%s: \"%s\"", lies[_i].rule, e.msg);
		ck_assert_msg(i == 0 || !strcmp(first, e.msg), "%s: in pieces of %zu another story: %s", lies[_i].rule, pieces[i], e.msg);
		memcpy(first, e.msg, sizeof first);
		ck_assert_uint_le(g.held_most, BLOCK_MAX);
	}
}
END_TEST

/* Wherever it is cut, it says that it is cut; and nothing behind the front is asked for before the front is whole. */
START_TEST(a_cut_one_is_never_whole)
{
	size_t whole;

	ordinary();
	put_all();
	whole = s.out.n;
	for (s.out.n = 0; s.out.n < whole; s.out.n++) {
		AUTO(reading_end) struct reading g = { .fronts = 0 };
		struct err e = { 0 };

		ck_assert_msg(read_all(&g, 4096, &e) == ERR_FORMAT, "%zu of %zu bytes", s.out.n, whole);
		ck_assert_msg(strstr(e.msg, "ends "), "%s", e.msg);
	}
	s.out.n = whole;
}
END_TEST

START_TEST(nothing_is_left_over)
{
	AUTO(reading_end) struct reading g = { .fronts = 0 };
	struct err e = { 0 };

	ordinary();
	put_all();
	buf_byte(&s.out, 0x24);		/* the beginning of one more section */
	ck_assert(read_all(&g, 4096, &e) == ERR_FORMAT);
	ck_assert_msg(strstr(e.msg, "ends inside"), "%s", e.msg);
}
END_TEST

static Suite *suite(void)
{
	Suite *su = suite_create("bundle");
	TCase *t = tcase_create("bundle");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, honest_ones_are_read, 0, sizeof images / sizeof *images);
	tcase_add_test(t, an_image_that_is_here_is_passed_over);
	tcase_add_loop_test(t, what_is_written_is_read, 0, sizeof histories / sizeof *histories);
	tcase_add_test(t, too_long_a_part_is_not_written);
	tcase_add_loop_test(t, lies_are_named, 0, sizeof lies / sizeof *lies);
	tcase_add_test(t, a_cut_one_is_never_whole);
	tcase_add_test(t, nothing_is_left_over);
	suite_add_tcase(su, t);
	return su;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
