/* test_share.c: cached images as blocks and CARs: what is found, what is sent, what is not sent when something has rotted. */
#include "../support/fds.h"
#include "cached.h"
#include "formats/car.h"
#include "server/share.h"

#include <fcntl.h>
#include <stdlib.h>

static int open_share(const struct cid *cid, bool is_car, bool is_once, struct share **out)
{
	struct blockset *set;
	struct object *o;
	uint32_t row;
	int rc = find(cid, &set, &row);

	if (rc)
		return rc;
	ck_assert(hash32_eq(&set->sha256, &file_image.sha256));
	ck_assert(objects_get(st->objects, &file_image, &o, NULL) == ERR_OK);
	ck_assert(share_open(set, row, o, cid, is_car, &(struct dagwalk_how){ .is_once = is_once, .to = UINT64_MAX }, out, NULL) == ERR_OK);
	object_put(o);
	blockset_put(set);
	return ERR_OK;
}

/* All of it in pieces of `step`. What comes before a failure is in out. */
static int read_all(struct share *s, size_t step, struct buf *out, struct err *e)
{
	int rc = share_begin(s, e);

	while (rc == ERR_OK && out->n < share_size(s)) {
		uint8_t piece[5000];
		size_t n = 0;

		rc = share_read(s, piece, step, &n, e);
		ck_assert(rc || (n > 0 && n <= step));
		buf_add(out, SPAN(piece, rc ? 0 : n));
	}
	return rc;
}

static const struct dag_entry *wrapped(void) { return dag_balanced(&d, LEAF_FILE_V0, 300001, 9000, 5); }
static const struct dag_entry *odd(void) { return dag_balanced(&d, LEAF_MODE, 50000, 9000, 5); }
static const struct dag_entry *trickle(void) { return dag_trickle(&d, LEAF_RAW_NODE, 60, 1000, 3); }
static const struct dag_entry *one_file(void) { return dag_leaf(&d, LEAF_FILE_V0, dag_random(&d, 70000)); }
static const struct dag_entry *padded(void)
{
	const struct dag_entry *leaf = dag_leaf(&d, LEAF_RAW, dag_random(&d, 4000)), *low[3] = { leaf, leaf, leaf }, *top[2];

	top[0] = top[1] = dag_node(&d, &(struct dag_node){ .children = low, .n = 3, .version = 1 });
	return dag_node(&d, &(struct dag_node){ .children = top, .n = 2, .version = 1 });
}

static const struct dag_entry *(*const shapes[])(void) = { balanced, wrapped, odd, trickle, one_raw, one_file, padded };
#define SHAPES ((int)(sizeof shapes / sizeof *shapes))
static const struct dag_entry *(*const others[])(void) = { balanced, wrapped };

START_TEST(a_car_is_header_and_sections)
{
	static const size_t steps[] = { 1, 77, 5000 };
	const struct dag_entry *root = shapes[_i]();

	store(root, NULL);
	for (size_t i = 0; i < 6; i++) {
		AUTO(buf_free) struct buf got = BUF_INIT(MIB), wanted = BUF_INIT(MIB);
		struct share *s;

		dag_car(root, i % 2 ? ORDER_DFS_ONCE : ORDER_DFS, &wanted);
		ck_assert_int_eq(open_share(&root->cid, true, i % 2, &s), ERR_OK);
		ck_assert_uint_eq(share_size(s), wanted.n);
		ck_assert_int_eq(read_all(s, steps[i / 2], &got, NULL), ERR_OK);
		ck_assert(span_eq(buf_span(&got), buf_span(&wanted)));
		share_free(s);
	}
}
END_TEST

START_TEST(each_block_is_found_by_each_of_its_names)
{
	store(shapes[_i](), NULL);
	for (size_t i = 0; i < 2 * d.n; i++) {
		AUTO(buf_free) struct buf got = BUF_INIT(MIB);
		struct cid cid = d.blocks[i / 2].cid;
		struct share *s;

		if (cid.hash != CID_SHA256)
			continue;
		cid.version = cid.codec == CID_RAW ? 1 : i % 2;
		ck_assert_int_eq(open_share(&cid, false, false, &s), ERR_OK);
		ck_assert_uint_eq(share_size(s), d.blocks[i / 2].bytes.n);
		ck_assert_int_eq(read_all(s, 999, &got, NULL), ERR_OK);
		ck_assert(span_eq(buf_span(&got), d.blocks[i / 2].bytes));
		share_free(s);
	}
}
END_TEST

START_TEST(a_part_of_a_block)
{
	const struct dag_entry *root = one_file();
	uint8_t bytes[10];
	struct share *s;
	size_t n;

	store(root, NULL);
	ck_assert_int_eq(open_share(&root->cid, false, false, &s), ERR_OK);
	ck_assert_int_eq(share_begin(s, NULL), ERR_OK);
	share_skip(s, 60000);
	ck_assert(share_read(s, bytes, 10, &n, NULL) == ERR_OK && n == 10);
	ck_assert(memcmp(bytes, root->bytes.p + 60000, 10) == 0);
	share_free(s);
}
END_TEST

START_TEST(what_is_not_there_is_not_found)
{
	const struct dag_entry *root = balanced(), *other = dag_leaf(&d, LEAF_RAW, dag_random(&d, 10));
	struct blockset *set;
	uint32_t row;

	store(root, root);
	ck_assert_msg(find(&root->cid, &set, &row) == ERR_NOT_FOUND, "its root was not kept");
	ck_assert_msg(find(&other->cid, &set, &row) == ERR_NOT_FOUND, "never heard of");
}
END_TEST

/* Small enough for a leaf, but it is none: an image that was imported, say. */
START_TEST(a_file_without_its_dag_has_no_blocks)
{
	const struct dag_entry *root = balanced();
	struct blockset *set;
	uint32_t row;

	store(root, NULL);
	stand_unlink(st, &file_image.sha256, ".dag");
	file_state = CATALOG_DAMAGED;
	stand_catalog(st, catalog_with_file);
	ck_assert_msg(find(&root->cid, &set, &row) == ERR_NOT_FOUND, "a damaged image");
	file_state = CATALOG_GOOD;
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(find(&root->cid, &set, &row), ERR_NOT_FOUND);
}
END_TEST

/* Offset of the block's bytes in the .dag. */
static off_t place_in_dag(const struct dag_entry *b)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(16 * MIB);
	char path[200], hex[65];

	hex_str(SPAN_OF(file_image.sha256), hex);
	snprintf(path, sizeof path, "%s/%.2s/%s.dag", st->dir, hex, hex);
	autoclose int fd = open(path, O_RDONLY);
	ck_assert(fd >= 0 && io_read_all(fd, &bytes, NULL) == ERR_OK);
	return (off_t)((const uint8_t *)memmem(bytes.p, bytes.n, b->bytes.p, b->bytes.n) - bytes.p);
}

/* After the tree was made: each is compared again when it is sent. */
START_TEST(rot_beside_an_image_is_not_sent)
{
	const struct dag_entry *root = balanced();
	AUTO(buf_free) struct buf got = BUF_INIT(MIB), wanted = BUF_INIT(MIB);
	struct share *s;

	store(root, NULL);
	dag_car(root, ORDER_DFS, &wanted);
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_OK);
	stand_flip(st, &file_image.sha256, ".dag", place_in_dag(root->children[1]) + 3);
	ck_assert_int_eq(read_all(s, 1000, &got, NULL), ERR_CORRUPT);
	ck_assert(got.n > 0 && got.n < wanted.n && memcmp(got.p, wanted.p, got.n) == 0);
	share_free(s);
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_NOT_FOUND);
	ck_assert_msg(st->rots == 0, "the image is good");
	ck_assert_msg(st->dag_rots == 1, "told");
}
END_TEST

/* The keeper has mended it; and while it has not, nothing is read for every asker. */
START_TEST(what_was_lost_is_looked_at_again_after_a_moment)
{
	const struct dag_entry *root = balanced();
	AUTO(buf_free) struct buf got = BUF_INIT(MIB), wanted = BUF_INIT(MIB);
	struct share *s;
	off_t at;

	store(root, NULL);
	dag_car(root, ORDER_DFS, &wanted);
	at = place_in_dag(root->children[1]) + 3;
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_OK);
	stand_flip(st, &file_image.sha256, ".dag", at);
	ck_assert_int_eq(read_all(s, 1000, &got, NULL), ERR_CORRUPT);
	share_free(s);
	buf_reset(&got);
	stand_flip(st, &file_image.sha256, ".dag", at);
	st->mono_ms += BLOCKS_AGAIN_MS - 1;
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_NOT_FOUND);
	st->mono_ms += 1;
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_OK);
	ck_assert_int_eq(read_all(s, 1000, &got, NULL), ERR_OK);
	ck_assert(span_eq(buf_span(&got), buf_span(&wanted)));
	share_free(s);
	ck_assert_uint_eq(st->dag_rots, 1);
}
END_TEST

#define LEAVES DAG_LINKS_MAX			/* of a node, one byte each … */
#define NODES (SHARE_NODES_MAX / LEAVES + 1)	/* … and one node too many */

/* Of the leaves only the names are anywhere. */
static const struct dag_entry *more_than_are_served(void)
{
	struct dag_entry *leaf = calloc(LEAVES, sizeof *leaf);
	const struct dag_entry **low = calloc(LEAVES, sizeof(struct dag_entry *)), *top[NODES];

	for (uint32_t n = 0; n < NODES; n++) {
		for (uint32_t i = 0; i < LEAVES; i++) {
			uint32_t which = n * LEAVES + i;
			struct hash32 name = sha256_of(SPAN_OF(which));

			leaf[i] = (struct dag_entry){ .cid = cid_of_digest(1, CID_RAW, &name), .bytes = SPAN((const uint8_t *)"x", 1), .size = 1 };
			low[i] = &leaf[i];
		}
		top[n] = dag_node(&d, &(struct dag_node){ .children = low, .n = LEAVES, .version = 1 });
	}
	free(leaf);
	free(low);
	return dag_node(&d, &(struct dag_node){ .children = top, .n = NODES, .version = 1 });
}

/* That is how it was written. It is not looked through again either. */
static void catalog_with_file_alone(struct builder *b)
{
	builder_image(b, &(struct builder_image){ .sha256 = file_image.sha256, .sums = file_image.sums, .size = file_image.size,
						  .state = file_state, .format = SPAN_LIT("raw") });
	builder_cid(b, &file_root->cid, &file_image.sha256);
}

START_TEST(more_blocks_than_are_served_are_no_rot)
{
	AUTO(buf_free) struct buf zeros = BUF_INIT(MIB);
	const struct dag_entry *root = more_than_are_served();
	struct blockset *set;
	uint32_t row;

	memset(buf_grow(&zeros, NODES * LEAVES), 0, NODES * LEAVES);
	file_root = root;
	file_image = stand_object(st, buf_span(&zeros));
	put_dag(NULL);
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(find(&root->cid, &set, &row), ERR_NOT_FOUND);
	ck_assert_uint_eq(st->dag_rots, 0);
	/* Whoever read it again would say that it is lost. */
	stand_unlink(st, &file_image.sha256, ".dag");
	st->mono_ms += BLOCKS_AGAIN_MS;
	ck_assert_int_eq(find(&d.blocks[0].cid, &set, &row), ERR_NOT_FOUND);
	ck_assert_int_eq(blocks_find(st->blocks, &d.blocks[0].cid, &set, &row, NULL), ERR_NOT_FOUND);
	/* All others leave, whose room is not enough. */
	stand_catalog(st, catalog_with_file_alone);
	ck_assert_int_eq(find(&d.blocks[0].cid, &set, &row), ERR_NOT_FOUND);
	ck_assert_uint_eq(st->dag_rots, 0);
}
END_TEST

START_TEST(rot_in_an_image_is_not_sent_and_is_told)
{
	const struct dag_entry *root = shapes[_i]();
	AUTO(buf_free) struct buf got = BUF_INIT(MIB), wanted = BUF_INIT(MIB);
	struct share *s;

	store(root, NULL);
	dag_car(root, ORDER_DFS, &wanted);
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_OK);
	stand_flip(st, &file_image.sha256, "", 69000);
	ck_assert_int_eq(read_all(s, 1000, &got, NULL), ERR_CORRUPT);
	ck_assert(got.n < wanted.n && memcmp(got.p, wanted.p, got.n) == 0);
	ck_assert_uint_eq(st->rots, 1);
	ck_assert_msg(st->dag_rots == 0, "what lies beside it is good");
	share_free(s);
}
END_TEST

/* The image is what its own digests say, and not what its blocks' names say. */
START_TEST(blocks_of_another_file_are_not_sent)
{
	const struct dag_entry *root = others[_i]();
	AUTO(buf_free) struct buf file = BUF_INIT(MIB), got = BUF_INIT(MIB);
	struct err e = { 0 };
	struct share *s;

	dag_file(root, &file);
	file.p[file.n - 1] ^= 1;
	file_root = root;
	file_image = stand_object(st, buf_span(&file));
	put_dag(NULL);
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_OK);
	ck_assert_int_eq(read_all(s, 1000, &got, &e), ERR_CORRUPT);
	ck_assert_int_eq(e.code, ERR_CORRUPT);
	share_free(s);
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_NOT_FOUND);
	ck_assert(st->rots == 0 && st->dag_rots == 1);
}
END_TEST

/* After the tree was made. */
START_TEST(what_is_not_there_any_more_is_told)
{
	const struct dag_entry *root = balanced();
	AUTO(buf_free) struct buf got = BUF_INIT(MIB);
	struct share *s;

	store(root, NULL);
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_OK);
	if (_i)
		stand_beside(st, &file_image.sha256, ".dag", SPAN_LIT("short"));
	else
		stand_unlink(st, &file_image.sha256, ".dag");
	ck_assert_int_eq(read_all(s, 1000, &got, NULL), ERR_CORRUPT);
	share_free(s);
	ck_assert_uint_eq(st->dag_rots, 1);
}
END_TEST

/* What is missing here is no damage there. */
START_TEST(without_descriptors_nothing_has_rotted)
{
	const struct dag_entry *root = balanced();
	AUTO(buf_free) struct buf got = BUF_INIT(MIB);
	struct share *s;

	store(root, NULL);
	ck_assert_int_eq(open_share(&root->cid, _i, false, &s), ERR_OK);
	fds_allow(0);
	ck_assert_int_eq(share_begin(s, NULL), ERR_BUSY);
	fds_allow(1000);
	share_free(s);
	ck_assert_uint_eq(st->dag_rots, 0);
	ck_assert_int_eq(open_share(&root->cid, _i, false, &s), ERR_OK);
	ck_assert_int_eq(read_all(s, 1000, &got, NULL), ERR_OK);
	share_free(s);
}
END_TEST

/* All of it was read: more than that is not made up, and nothing stays open. */
START_TEST(an_end_is_an_end)
{
	const struct dag_entry *root = balanced();
	AUTO(buf_free) struct buf got = BUF_INIT(MIB);
	unsigned before;
	struct share *s;
	uint8_t byte;
	size_t n;

	store(root, NULL);
	ck_assert_int_eq(open_share(&root->cid, _i, false, &s), ERR_OK);
	before = count_fds();
	ck_assert_int_eq(read_all(s, 1000, &got, NULL), ERR_OK);
	ck_assert(share_read(s, &byte, 1, &n, NULL) != ERR_OK);
	ck_assert_uint_eq(count_fds(), before + 1);
	share_free(s);
	ck_assert_uint_eq(count_fds(), before);
	share_free(NULL);
}
END_TEST

START_TEST(only_so_many_at_a_time)
{
	const struct dag_entry *root = one_raw();
	struct share *s[SHARES_MAX + 1];

	store(root, NULL);
	for (size_t i = 0; i <= SHARES_MAX; i++) {
		ck_assert_int_eq(open_share(&root->cid, i % 2, false, &s[i]), ERR_OK);
		ck_assert_int_eq(share_begin(s[i], NULL), i < SHARES_MAX ? ERR_OK : ERR_BUSY);
	}
	ck_assert_uint_eq(blocks_stats(st->blocks).shares, SHARES_MAX);
	for (size_t i = 0; i <= SHARES_MAX; i++)
		share_free(s[i]);
	ck_assert_uint_eq(blocks_stats(st->blocks).shares, 0);
}
END_TEST

/* What is being sent is sent to its end, whatever new catalogs say; for others it is gone. */
START_TEST(a_catalog_without_it)
{
	const struct dag_entry *root = balanced();
	AUTO(buf_free) struct buf got = BUF_INIT(MIB);
	struct blockset *set;
	struct share *s;
	uint32_t row;

	store(root, NULL);
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_OK);
	stand_catalog(st, sample_build);
	ck_assert_int_eq(find(&root->cid, &set, &row), ERR_NOT_FOUND);
	ck_assert_int_eq(find(&root->children[0]->cid, &set, &row), ERR_NOT_FOUND);
	ck_assert_int_eq(read_all(s, 5000, &got, NULL), ERR_OK);
	share_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("share");
	TCase *t = tcase_create("share");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_car_is_header_and_sections, 0, SHAPES);
	tcase_add_loop_test(t, each_block_is_found_by_each_of_its_names, 0, SHAPES);
	tcase_add_test(t, a_part_of_a_block);
	tcase_add_test(t, what_is_not_there_is_not_found);
	tcase_add_test(t, a_file_without_its_dag_has_no_blocks);
	tcase_add_test(t, rot_beside_an_image_is_not_sent);
	tcase_add_test(t, what_was_lost_is_looked_at_again_after_a_moment);
	tcase_add_test(t, more_blocks_than_are_served_are_no_rot);
	tcase_add_loop_test(t, rot_in_an_image_is_not_sent_and_is_told, 0, 2);
	tcase_add_loop_test(t, blocks_of_another_file_are_not_sent, 0, 2);
	tcase_add_loop_test(t, what_is_not_there_any_more_is_told, 0, 2);
	tcase_add_loop_test(t, without_descriptors_nothing_has_rotted, 0, 2);
	tcase_add_loop_test(t, an_end_is_an_end, 0, 2);
	tcase_add_test(t, only_so_many_at_a_time);
	tcase_add_test(t, a_catalog_without_it);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
