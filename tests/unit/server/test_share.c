/* test_share.c: cached images as blocks and CARs: what is found, what is sent, what is not sent when something has rotted. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/car.h"
#include "formats/dagfile.h"
#include "server/share.h"
#include "stand.h"
#include "../support/fds.h"
#include "../catalog/sample.h"
#include "../ipfs/dag.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>

static struct stand *st;
static struct dag d;
static const struct dag_entry *file_root;	/* what the next catalog has */
static struct catalog_image file_image;
static enum catalog_image_state file_state;

static void setup(void)
{
	st = stand_new(0);
	dag_init(&d);
	file_state = CATALOG_GOOD;
}

static void teardown(void)
{
	dag_fini(&d);
	stand_free(st);
}

static void catalog_with_file(struct builder *b)
{
	sample_build(b);
	builder_image(b, &(struct builder_image){ .sha256 = file_image.sha256, .sums = file_image.sums, .size = file_image.size,
						  .state = file_state, .format = SPAN_LIT("raw") });
	builder_cid(b, &file_root->cid, &file_image.sha256);
}

/* What a fetch would keep beside the file. */
static void put_dag(const struct dag_entry *without)
{
	AUTO(buf_free) struct buf b = BUF_INIT(16 * MIB);
	struct unixfs_node node;

	for (size_t i = 0; i < d.n; i++) {
		uint8_t cid[CID_BYTES_MAX];

		if (&d.blocks[i] == without || d.blocks[i].cid.hash != CID_SHA256 || d.blocks[i].cid.codec == CID_RAW)
			continue;
		ck_assert(unixfs_read(CID_DAG_PB, d.blocks[i].bytes, &node, NULL) == ERR_OK);
		if (node.n_links == 0 && unixfs_is_ordinary_leaf(d.blocks[i].bytes, &node))
			continue;
		dagfile_put(&b, SPAN(cid, cid_write(&d.blocks[i].cid, cid)), d.blocks[i].bytes);
	}
	stand_beside(st, &file_image.sha256, ".dag", buf_span(&b));
}

/* Stores the file of this root, with its blocks but one, and says so in a catalog. */
static void store(const struct dag_entry *root, const struct dag_entry *without)
{
	AUTO(buf_free) struct buf file = BUF_INIT(16 * MIB);

	dag_file(root, &file);
	file_root = root;
	file_image = stand_object(st, buf_span(&file));
	put_dag(without);
	stand_catalog(st, catalog_with_file);
}

static int find(const struct cid *cid, struct blockset **set, uint32_t *row)
{
	int rc;

	/* The thread may not have come to it. */
	while ((rc = blocks_find(st->blocks, cid, set, row, NULL)) == ERR_BUSY)
		sched_yield();
	return rc;
}

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

static const struct dag_entry *balanced(void) { return dag_balanced(&d, LEAF_RAW, 300000, 9000, 5); }
static const struct dag_entry *wrapped(void) { return dag_balanced(&d, LEAF_FILE_V0, 300001, 9000, 5); }
static const struct dag_entry *odd(void) { return dag_balanced(&d, LEAF_MODE, 50000, 9000, 5); }
static const struct dag_entry *trickle(void) { return dag_trickle(&d, LEAF_RAW_NODE, 60, 1000, 3); }
static const struct dag_entry *one_raw(void) { return dag_leaf(&d, LEAF_RAW, dag_random(&d, 70000)); }
static const struct dag_entry *one_file(void) { return dag_leaf(&d, LEAF_FILE_V0, dag_random(&d, 70000)); }
static const struct dag_entry *padded(void)
{
	const struct dag_entry *leaf = dag_leaf(&d, LEAF_RAW, dag_random(&d, 4000)), *low[3] = { leaf, leaf, leaf }, *top[2];

	top[0] = top[1] = dag_node(&d, &(struct dag_node){ .children = low, .n = 3, .version = 1 });
	return dag_node(&d, &(struct dag_node){ .children = top, .n = 2, .version = 1 });
}

static const struct dag_entry *(*const shapes[])(void) = { balanced, wrapped, odd, trickle, one_raw, one_file, padded };
#define SHAPES ((int)(sizeof shapes / sizeof *shapes))

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

static void count_rot(void *arg, const struct hash32 *sha256)
{
	(void)sha256;
	atomic_fetch_add((atomic_uint *)arg, 1);
}

/* The sets of the catalog as they are now, read by another thread than the stand's. */
static struct blocks *other_blocks(uint64_t trees_max, atomic_uint *rots)
{
	autoclose int dir = open(st->dir, O_RDONLY | O_DIRECTORY);
	struct blocks *all;

	ck_assert(blocks_new(&(struct blocks_conf){ .objects = dir, .clock = &st->clock, .trees_max = trees_max, .rot = count_rot, .arg = rots }, &all, NULL) == ERR_OK);
	return all;
}

START_TEST(want_of_descriptors_is_no_rot)
{
	const struct dag_entry *root = balanced();
	atomic_uint rots = 0;
	struct blocks *all;
	struct catalog *c;
	struct blockset *set;
	uint32_t row;

	store(root, NULL);
	ck_assert(find(&root->cid, &set, &row) == ERR_OK);
	blockset_put(set);
	c = catalog_slot_get(&st->slot);
	all = other_blocks(MIB, &rots);
	fds_allow(0);
	blocks_settle(all, c);
	ck_assert(blocks_find(all, &root->cid, &set, &row, NULL) != ERR_OK);
	fds_allow(1000);
	st->mono_ms += BLOCKS_AGAIN_MS;
	ck_assert(blocks_find(all, &root->cid, &set, &row, NULL) == ERR_OK);
	blockset_put(set);
	blocks_free(all);
	ck_assert_uint_eq(rots, 0);
	catalog_put(c);
}
END_TEST

/* Nor while it is sent: the .dag is opened with the first block of it. */
START_TEST(want_of_descriptors_while_it_is_sent_is_no_rot)
{
	const struct dag_entry *root = balanced();
	AUTO(buf_free) struct buf got = BUF_INIT(MIB), wanted = BUF_INIT(MIB);
	struct err e = { 0 };
	struct share *s;
	int rc;

	store(root, NULL);
	dag_car(root, ORDER_DFS, &wanted);
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_OK);
	fds_allow(0);
	rc = read_all(s, 1000, &got, &e);
	fds_allow(1000);
	ck_assert_msg(rc == ERR_IO && e.sys == EMFILE, "%d: %s", rc, e.msg);
	share_free(s);
	buf_reset(&got);
	ck_assert_int_eq(open_share(&root->cid, true, false, &s), ERR_OK);
	ck_assert(read_all(s, 1000, &got, NULL) == ERR_OK && span_eq(buf_span(&got), buf_span(&wanted)));
	share_free(s);
	ck_assert_uint_eq(st->dag_rots, 0);
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
	st->mono_ms += BLOCKS_AGAIN_MS;
	ck_assert_int_eq(find(&d.blocks[0].cid, &set, &row), ERR_NOT_FOUND);
	ck_assert_int_eq(blocks_find(st->blocks, &d.blocks[0].cid, &set, &row, NULL), ERR_NOT_FOUND);
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
	share_free(s);
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

/* The same CIDs again: nothing is read anew. */
START_TEST(a_catalog_with_it_again)
{
	const struct dag_entry *root = balanced();
	struct blockset *first, *second;
	uint32_t row;

	store(root, NULL);
	ck_assert_int_eq(find(&root->cid, &first, &row), ERR_OK);
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(find(&root->cid, &second, &row), ERR_OK);
	ck_assert_ptr_eq(first, second);
	blockset_put(first);
	blockset_put(second);
}
END_TEST

/* The sample's five images of one raw block, and one of many: that one does not fit. */
START_TEST(memory_has_an_end)
{
	const struct dag_entry *root = balanced();
	struct hash32 h = sha256_of(SPAN_LIT(SAMPLE_NEW));
	struct cid small = cid_of_digest(1, CID_RAW, &h);
	autoclose int dir = open(st->dir, O_RDONLY | O_DIRECTORY);
	struct blockset *set;
	struct blocks *few;
	struct catalog *c;
	uint32_t row;

	store(root, NULL);
	c = catalog_slot_get(&st->slot);
	ck_assert(find(&root->cid, &set, &row) == ERR_OK);
	ck_assert(blocks_new(&(struct blocks_conf){ .objects = dir, .clock = clock_system(), .trees_max = 6 * dagtree_bytes(set->tree) }, &few, NULL) == ERR_OK);
	blockset_put(set);
	blocks_settle(few, c);
	ck_assert_msg(blocks_find(few, &small, &set, &row, NULL) == ERR_OK, "there is room");
	blockset_put(set);
	blocks_free(few);
	ck_assert(blocks_new(&(struct blocks_conf){ .objects = dir, .clock = clock_system(), .trees_max = 1000 }, &few, NULL) == ERR_OK);
	blocks_settle(few, c);
	ck_assert(blocks_find(few, &root->cid, &set, &row, NULL) != ERR_OK);
	ck_assert_uint_le(blocks_stats(few).bytes, 1000);
	blocks_free(few);
	catalog_put(c);
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
	tcase_add_test(t, want_of_descriptors_is_no_rot);
	tcase_add_test(t, want_of_descriptors_while_it_is_sent_is_no_rot);
	tcase_add_test(t, more_blocks_than_are_served_are_no_rot);
	tcase_add_loop_test(t, rot_in_an_image_is_not_sent_and_is_told, 0, 2);
	tcase_add_test(t, only_so_many_at_a_time);
	tcase_add_test(t, memory_has_an_end);
	tcase_add_test(t, a_catalog_without_it);
	tcase_add_test(t, a_catalog_with_it_again);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
