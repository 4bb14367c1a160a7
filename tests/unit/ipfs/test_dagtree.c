/* test_dagtree.c: from a file and the blocks kept beside it every block can be named, found and cut, in the order that a CAR has. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "dag.h"
#include "formats/dagfile.h"
#include "formats/dagtree.h"
#include "formats/dagwalk.h"
#include "formats/sha256.h"
#include "shapes.h"

#include <check.h>
#include <stdlib.h>

static struct dag d;

static void setup(void)
{
	dag_init(&d);
}

static void teardown(void)
{
	dag_fini(&d);
}

/* Would a fetch keep it beside the file (ipfs/place.c)? */
static bool is_kept(const struct dag_entry *b)
{
	struct unixfs_node node;

	ck_assert(unixfs_read((enum cid_codec)b->cid.codec, b->bytes, &node, NULL) == ERR_OK);
	return b->cid.hash == CID_SHA256 && b->cid.codec == CID_DAG_PB &&
	       (node.n_links > 0 || !unixfs_is_ordinary_leaf(b->bytes, &node));
}

static int build_as(const struct cid *root, uint64_t size, const struct dag_entry *without, uint32_t max, struct dagtree **out,
		    struct err *e)
{
	struct dagtree *t = dagtree_new(max);
	int rc = ERR_OK;

	for (size_t i = 0; i < d.n && rc == ERR_OK; i++)
		if (&d.blocks[i] != without && is_kept(&d.blocks[i]))
			rc = dagtree_add(t, &d.blocks[i].cid, d.blocks[i].bytes, (uint32_t)i, e);
	if (rc == ERR_OK)
		rc = dagtree_finish(t, root, size, e);
	if (rc == ERR_OK)
		*out = t;
	else
		dagtree_free(t);
	return rc;
}

static struct dagtree *build(const struct dag_entry *root)
{
	struct dagtree *t = NULL;
	struct err e = { 0 };

	ck_assert_msg(build_as(&root->cid, root->size, NULL, 100000, &t, &e) == ERR_OK, "%s", e.msg);
	return t;
}

/* The block of a row, cut from the file or taken from what was kept. */
static void cut(const struct dagtree *t, uint32_t row, struct span file, struct buf *out)
{
	const struct dagtree_node *n = &t->node[row];
	struct cid cid = cid_of_digest(1, (enum cid_codec)n->codec, &n->digest);

	if (n->kind == DAGTREE_LEAF)
		ck_assert_int_eq(unixfs_rebuild_leaf(&cid, span_cut(file, n->at, n->size), out, NULL), ERR_OK);
	else
		buf_add(out, n->kind == DAGTREE_KEPT ? d.blocks[n->at].bytes : span_cut(file, n->at, n->length));
}

static void compare_walk(const struct dagtree *t, const struct dag_entry *from, enum dag_order order, struct span file)
{
	static const struct dag_entry *list[DAG_BLOCKS_MAX];
	size_t n = dag_list(from, order, list, DAG_BLOCKS_MAX);
	struct dagwalk_how how = { .is_once = order != ORDER_DFS, .to = UINT64_MAX };
	uint32_t row = dagtree_find(t, &from->cid);
	struct dagwalk w;
	struct cid cid;

	ck_assert(row != DAGTREE_NONE);
	ck_assert(dagwalk_start(&w, t, row, &from->cid, &how, NULL) == ERR_OK);
	for (size_t i = 0; i < n; i++) {
		AUTO(buf_free) struct buf block = BUF_INIT(BLOCK_MAX);

		ck_assert_msg(dagwalk_next(&w, &cid, &row), "ends after %zu of %zu", i, n);
		ck_assert_msg(cid_eq(&cid, &list[i]->cid), "block %zu", i);
		cut(t, row, file, &block);
		ck_assert(span_eq(buf_span(&block), list[i]->bytes));
		ck_assert_uint_eq(t->node[row].length, list[i]->bytes.n);
	}
	ck_assert(!dagwalk_next(&w, &cid, &row));
	dagwalk_end(&w);
}

START_TEST(every_block_in_its_order)
{
	const struct dag_entry *root = shapes[_i].build(&d);
	AUTO(buf_free) struct buf file = BUF_INIT(MIB);
	struct dagtree *t = NULL;

	if (root->cid.hash == CID_IDENTITY) {
		ck_assert_int_eq(build_as(&root->cid, root->size, NULL, 100, &t, NULL), ERR_RULE);
		return;
	}
	dag_file(root, &file);
	t = build(root);
	for (size_t i = 0; i < d.n; i++) {
		if (d.blocks[i].cid.hash != CID_SHA256)
			continue;
		compare_walk(t, &d.blocks[i], ORDER_DFS, buf_span(&file));
		compare_walk(t, &d.blocks[i], ORDER_DFS_ONCE, buf_span(&file));
	}
	dagtree_free(t);
}
END_TEST

/* --- parts of a file --- */

/* Must a reader of bytes [from, to] have the block at this place? */
static bool needs(const struct dag_entry *b, uint64_t offset, uint64_t from, uint64_t to)
{
	(void)b;
	return offset <= to && offset + b->size > from;
}

/* What of the tree under b is needed, each block once. */
static void list_needed(const struct dag_entry *b, uint64_t offset, uint64_t from, uint64_t to, const struct dag_entry **out, size_t *n)
{
	struct unixfs_node node;
	bool is_new = b->cid.hash == CID_SHA256;

	for (size_t i = 0; i < *n; i++)
		is_new &= !cid_same_block(&out[i]->cid, &b->cid);
	if (is_new)
		out[(*n)++] = b;
	ck_assert(unixfs_read((enum cid_codec)b->cid.codec, b->bytes, &node, NULL) == ERR_OK);
	offset += b->n_children ? node.data.n : 0;
	for (size_t i = 0; i < b->n_children; offset += b->children[i++]->size)
		if (needs(b->children[i], offset, from, to))
			list_needed(b->children[i], offset, from, to, out, n);
}

START_TEST(a_part_of_the_file_needs_these_blocks_and_no_others)
{
	static const struct dag_entry *list[DAG_BLOCKS_MAX];
	const struct dag_entry *root = shapes[_i].build(&d);
	struct dagtree *t;

	if (root->cid.hash == CID_IDENTITY)
		return;
	t = build(root);
	for (uint64_t from = 0; from < root->size; from += root->size / 9 + 1) {
		for (uint64_t length = 1; from + length <= root->size; length = length * 3 + 1) {
			struct dagwalk_how how = { .is_once = true, .from = from, .to = from + length - 1 };
			size_t n = 0;
			struct dagwalk w;
			struct cid cid;
			uint32_t row;

			list_needed(root, 0, how.from, how.to, list, &n);
			ck_assert(dagwalk_start(&w, t, t->root, &root->cid, &how, NULL) == ERR_OK);
			for (size_t i = 0; i < n; i++)
				ck_assert(dagwalk_next(&w, &cid, &row) && cid_same_block(&cid, &list[i]->cid));
			ck_assert(!dagwalk_next(&w, &cid, &row));
			dagwalk_end(&w);
		}
	}
	dagtree_free(t);
}
END_TEST

/* The end of a subtree, and the beginning of the same one again: both halves of it are needed. */
START_TEST(a_part_may_begin_in_one_and_end_in_another_of_the_same)
{
	const struct dag_entry *low[] = { dag_leaf(&d, LEAF_RAW, dag_random(&d, 10)), dag_leaf(&d, LEAF_RAW, dag_random(&d, 10)) }, *top[2], *root;
	const struct dag_entry *wanted[4];
	struct dagtree *t;
	struct dagwalk w;
	struct cid cid;
	uint32_t row;

	wanted[1] = top[0] = top[1] = dag_node(&d, &(struct dag_node){ .children = low, .n = 2, .version = 1 });
	wanted[0] = root = dag_node(&d, &(struct dag_node){ .children = top, .n = 2, .version = 1 });
	wanted[2] = low[1];
	wanted[3] = low[0];
	t = build(root);
	ck_assert(dagwalk_start(&w, t, t->root, &root->cid, &(struct dagwalk_how){ .is_once = true, .from = 19, .to = 20 }, NULL) == ERR_OK);
	for (size_t i = 0; i < 4; i++)
		ck_assert(dagwalk_next(&w, &cid, &row) && cid_eq(&cid, &wanted[i]->cid));
	ck_assert(!dagwalk_next(&w, &cid, &row));
	dagwalk_end(&w);
	dagtree_free(t);
}
END_TEST

START_TEST(alone_or_under_a_raw_name_a_block_brings_no_children)
{
	const struct dag_entry *root = shape_v1(&d);
	struct dagtree *t = build(root);
	struct cid asked[] = { root->cid, root->cid }, cid;

	asked[1].codec = CID_RAW;
	for (size_t i = 0; i < 2; i++) {
		struct dagwalk_how how = { .is_alone = i == 0, .to = UINT64_MAX };
		uint32_t row = dagtree_find(t, &asked[i]);
		struct dagwalk w;

		ck_assert(dagwalk_start(&w, t, row, &asked[i], &how, NULL) == ERR_OK);
		ck_assert(dagwalk_next(&w, &cid, &row) && cid_eq(&cid, &asked[i]));
		ck_assert(!dagwalk_next(&w, &cid, &row));
		dagwalk_end(&w);
	}
	dagtree_free(t);
}
END_TEST

/* --- what is refused --- */

START_TEST(a_missing_kept_block_is_missed)
{
	const struct dag_entry *root = shapes[_i].build(&d);

	/* Some ten of them: each means a tree of its own. */
	for (size_t i = 0; root->cid.hash == CID_SHA256 && i < d.n; i += 1 + d.n / 20) {
		struct dagtree *t = NULL;
		struct err e = { 0 };

		if (!is_kept(&d.blocks[i]))
			continue;
		/* A small one passes for an ordinary leaf here; cutting it finds out. */
		if (build_as(&root->cid, root->size, &d.blocks[i], 100000, &t, &e) == ERR_OK) {
			ck_assert(unixfs_leaf_length(d.blocks[i].size) <= BLOCK_MAX);
			dagtree_free(t);
		} else {
			ck_assert_msg(e.code == ERR_NOT_FOUND, "%s", e.msg);
		}
	}
}
END_TEST

START_TEST(an_inner_block_too_large_for_a_leaf_is_missed)
{
	const struct dag_entry *root = dag_balanced(&d, LEAF_RAW, 3 * MIB, MIB, 10);
	struct dagtree *t;
	struct err e = { 0 };

	ck_assert_int_eq(build_as(&root->cid, root->size, root, 100, &t, &e), ERR_NOT_FOUND);
	ck_assert_str_eq(e.msg, "an inner block is missing");
}
END_TEST

START_TEST(sizes_must_agree)
{
	const struct dag_entry *root = shape_v1(&d);
	struct dagtree *t;

	ck_assert_int_eq(build_as(&root->cid, root->size + 1, NULL, 100000, &t, NULL), ERR_RULE);
}
END_TEST

/* A parent that says another size of its child than the child itself, or than another parent. */
START_TEST(parents_must_not_lie)
{
	const struct dag_entry *leaf = dag_leaf(&d, LEAF_RAW, dag_random(&d, 50)), *top[2];
	const struct dag_entry *root;
	struct dagtree *t;

	top[0] = dag_node(&d, &(struct dag_node){ .children = &leaf, .n = 1, .version = 1 });
	top[1] = dag_node(&d, &(struct dag_node){ .children = &leaf, .n = 1, .version = 1, .blocksize_lie = 3 });
	root = dag_node(&d, &(struct dag_node){ .children = top, .n = 2, .version = 1 });
	ck_assert_int_eq(build_as(&root->cid, root->size, NULL, 100, &t, NULL), ERR_RULE);
}
END_TEST

START_TEST(a_block_must_be_what_its_name_says)
{
	const struct dag_entry *root = shape_v1(&d);
	struct dagtree *t = dagtree_new(100);
	uint8_t bytes[4096];

	memcpy(bytes, root->bytes.p, root->bytes.n);
	bytes[root->bytes.n - 1] ^= 1;
	ck_assert_int_eq(dagtree_add(t, &root->cid, SPAN(bytes, root->bytes.n), 0, NULL), ERR_PROOF);
	dagtree_free(t);
}
END_TEST

START_TEST(there_is_an_end_to_it)
{
	const struct dag_entry *root = shape_v1(&d), *chain = dag_leaf(&d, LEAF_RAW, dag_random(&d, 5));
	struct dagtree *t;

	ck_assert_int_eq(build_as(&root->cid, root->size, NULL, 20, &t, NULL), ERR_LIMIT);
	for (size_t i = 0; i < DAG_DEPTH_MAX; i++)
		chain = dag_node(&d, &(struct dag_node){ .children = &chain, .n = 1, .version = 1 });
	ck_assert_int_eq(build_as(&chain->cid, chain->size, NULL, 1000, &t, NULL), ERR_OK);
	dagtree_free(t);
	chain = dag_node(&d, &(struct dag_node){ .children = &chain, .n = 1, .version = 1 });
	ck_assert_int_eq(build_as(&chain->cid, chain->size, NULL, 1000, &t, NULL), ERR_LIMIT);
}
END_TEST

/* Deep where it is met first, but deeper where it is met again. */
START_TEST(depth_counts_on_every_way)
{
	const struct dag_entry *low = dag_leaf(&d, LEAF_RAW, dag_random(&d, 5)), *deep, *top[2];
	struct dagtree *t;

	for (size_t i = 0; i < 40; i++)
		low = dag_node(&d, &(struct dag_node){ .children = &low, .n = 1, .version = 1 });
	deep = low;
	for (size_t i = 0; i < 40; i++)
		deep = dag_node(&d, &(struct dag_node){ .children = &deep, .n = 1, .version = 1 });
	top[0] = low;
	top[1] = deep;
	deep = dag_node(&d, &(struct dag_node){ .children = top, .n = 2, .version = 1 });
	ck_assert_int_eq(build_as(&deep->cid, deep->size, NULL, 1000, &t, NULL), ERR_LIMIT);
}
END_TEST

/* 2^60 blocks in 60: no walk would come to its end. */
START_TEST(a_bomb_is_refused)
{
	const struct dag_entry *low = dag_leaf(&d, LEAF_RAW, dag_random(&d, 1)), *twice[2];
	struct dagtree *t;

	for (size_t i = 0; i < 30; i++) {
		twice[0] = twice[1] = low;
		low = dag_node(&d, &(struct dag_node){ .children = twice, .n = 2, .version = 1 });
	}
	ck_assert_int_eq(build_as(&low->cid, low->size, NULL, 1000, &t, NULL), ERR_LIMIT);
}
END_TEST

START_TEST(strangers_are_not_found)
{
	const struct dag_entry *root = shape_v1(&d), *other = dag_leaf(&d, LEAF_RAW, dag_random(&d, 10));
	const struct dag_entry *aside = dag_node(&d, &(struct dag_node){ .children = &other, .n = 1, .version = 1 });
	struct dagtree *t = build(root), *empty = dagtree_new(10);

	ck_assert_uint_eq(dagtree_find(t, &other->cid), DAGTREE_NONE);
	ck_assert_msg(dagtree_find(t, &aside->cid) == DAGTREE_NONE, "kept, but not of this file");
	ck_assert_uint_eq(dagtree_find(empty, &root->cid), DAGTREE_NONE);
	dagtree_free(empty);
	dagtree_free(t);
}
END_TEST

/* --- records --- */

START_TEST(records_are_read_as_written_and_torn_ones_are_noticed)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1000);
	struct span cid, block;

	dagfile_put(&b, SPAN_LIT("name"), SPAN_LIT("a block"));
	ck_assert_uint_eq(dagfile_length(b.p), b.n);
	ck_assert_int_eq(dagfile_read(buf_span(&b), &cid, &block), ERR_OK);
	ck_assert(span_is(cid, "name") && span_is(block, "a block"));
	for (size_t n = 0; n < b.n; n++)
		ck_assert_int_eq(dagfile_read(span_cut(buf_span(&b), 0, n), &cid, &block), ERR_FORMAT);
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= 1;
		ck_assert_int_eq(dagfile_read(buf_span(&b), &cid, &block), ERR_FORMAT);
		b.p[i] ^= 1;
	}
	ck_assert_msg(dagfile_length((const uint8_t *)"\0\0\0\0\0\1") == 0, "no CID");
	ck_assert_msg(dagfile_length((const uint8_t *)"\0\1\0\x20\0\1") == 0, "a block over the limit");
}
END_TEST

#define SHAPES ((int)(sizeof shapes / sizeof *shapes))

int main(void)
{
	Suite *s = suite_create("dagtree");
	TCase *t = tcase_create("dagtree");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, every_block_in_its_order, 0, SHAPES);
	tcase_add_loop_test(t, a_part_of_the_file_needs_these_blocks_and_no_others, 0, SHAPES);
	tcase_add_test(t, a_part_may_begin_in_one_and_end_in_another_of_the_same);
	tcase_add_test(t, alone_or_under_a_raw_name_a_block_brings_no_children);
	tcase_add_loop_test(t, a_missing_kept_block_is_missed, 0, SHAPES);
	tcase_add_test(t, an_inner_block_too_large_for_a_leaf_is_missed);
	tcase_add_test(t, sizes_must_agree);
	tcase_add_test(t, parents_must_not_lie);
	tcase_add_test(t, a_block_must_be_what_its_name_says);
	tcase_add_test(t, there_is_an_end_to_it);
	tcase_add_test(t, depth_counts_on_every_way);
	tcase_add_test(t, a_bomb_is_refused);
	tcase_add_test(t, strangers_are_not_found);
	tcase_add_test(t, records_are_read_as_written_and_torn_ones_are_noticed);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
