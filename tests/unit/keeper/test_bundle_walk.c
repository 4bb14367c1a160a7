/* test_bundle_walk.c: whatever shape an image came in, it goes out as the same blocks; and what rotted does not go out. */
#include "base/cleanup.h"
#include "dag.h"
#include "formats/car.h"
#include "formats/sha256.h"
#include "keeper/bundle_walk.h"
#include "shapes.h"
#include "store/tempdir.h"

#include <check.h>
#include <stdlib.h>

static struct dag dag;
static struct blobs *blobs;
static struct blob *blob;
static struct image_row image;
static struct buf file, car, out;
static struct bundle_walk walk;
static struct err err;
static const struct dag_entry *root;

static int on_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	(void)arg;
	return blob_write(blob, offset, bytes, e);
}

static int on_keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	uint8_t name[CID_BYTES_MAX];

	(void)arg, (void)what;
	return blob_add_block(blob, SPAN(name, cid_write(cid, name)), block, e);
}

static int on_load(void *arg, const struct cid *cid, struct buf *b, struct err *e)
{
	(void)arg, (void)cid, (void)b;
	return err_set(e, ERR_NOT_FOUND, "not kept");
}

static int on_read(void *arg, uint64_t offset, uint8_t *to, size_t n, struct err *e)
{
	(void)arg;
	return blob_read(blob, offset, to, n, e);
}

/* The image as a fetch leaves it: its bytes, and beside them what cannot be cut from them. */
static void store_image(bool keeps)
{
	const struct plan_io io = { on_write, on_keep, on_load, on_read, NULL };
	const struct dag_entry *list[DAG_BLOCKS_MAX];
	struct plan *plan;
	size_t n;

	dag_file(root, &file);
	image = (struct image_row){ .sha256 = sha256_of(buf_span(&file)), .size = file.n, .state = IMAGE_IS_GOOD };
	ck_assert(blob_start(blobs, &image.sha256, image.size, &blob, NULL, &err) == ERR_OK);
	if (keeps) {
		ck_assert(plan_new(&root->cid, image.size, &io, &plan, &err) == ERR_OK);
		n = dag_list(root, ORDER_DFS, list, DAG_BLOCKS_MAX);
		for (size_t i = 0; i < n; i++)
			ck_assert(plan_block(plan, &list[i]->cid, list[i]->bytes, PLAN_ANY, &err) < PLAN_LIE);
		ck_assert(plan_is_done(plan));
		plan_free(plan);
	} else {
		ck_assert(blob_write(blob, 0, buf_span(&file), &err) == ERR_OK);
	}
	ck_assert_msg(blob_finish(blob, &image.digests, &err) == ERR_OK, "%s", err.msg);
	blob_free(blob);
}

static int walk_all(void)
{
	bool more = true;
	int rc = bundle_walk_open(&walk, blobs, &image, &root->cid, &err);

	while (!rc && more)
		rc = bundle_walk_next(&walk, &out, &more, &err);
	return rc;
}

static void setup(void)
{
	tempdir_make();
	dag_init(&dag);
	file = car = out = BUF_INIT(16 * MIB);
	walk = (struct bundle_walk){ .fd = -1 };
	ck_assert(blobs_open(tempdir_fd, NULL, &blobs, &err) == ERR_OK);
}

static void teardown(void)
{
	bundle_walk_close(&walk);
	blobs_free(blobs);
	buf_free(&file);
	buf_free(&car);
	buf_free(&out);
	dag_fini(&dag);
	tempdir_remove();
}

/* A leaf and a node of the same bytes, each under its own name. */
static const struct dag_entry *two_names(struct dag *d)
{
	const struct dag_entry *inner = dag_balanced(d, LEAF_RAW, 200, 100, 2), *child[3] = { dag_leaf(d, LEAF_RAW, inner->bytes), inner, inner };
	struct dag_node node = { .children = child, .n = 3, .version = 1 };

	return dag_node(d, &node);
}

static const struct { const char *name; const struct dag_entry *(*make)(struct dag *d); } shapes_here[] = {
	{ "raw", shape_raw }, { "file", shape_file }, { "file of CIDv0", shape_file_v0 }, { "raw node", shape_raw_node }, { "mode", shape_mode },
	{ "identity", shape_identity }, { "CIDv1", shape_v1 }, { "CIDv0", shape_v0 }, { "flat", shape_flat }, { "binary", shape_binary },
	{ "modes", shape_modes }, { "raw nodes", shape_raw_nodes }, { "trickle", shape_trickle }, { "trickle of CIDv0", shape_trickle_v0 },
	{ "mixed", shape_mixed },
};

START_TEST(the_same_blocks_come_out)
{
	AUTO(buf_free) struct buf header = BUF_INIT(256);

	root = shapes_here[_i].make(&dag);
	store_image(true);
	ck_assert_msg(walk_all() == ERR_OK, "%s: %s", shapes_here[_i].name, err.msg);
	dag_car(root, ORDER_DFS_ONCE, &car);
	car_put_header(&header, &root->cid);
	ck_assert_msg(span_eq(buf_span(&out), span_cut(buf_span(&car), header.n, car.n)), "%s: other blocks", shapes_here[_i].name);
}
END_TEST

START_TEST(children_of_a_block_with_two_names)
{
	struct car_reader r;
	struct car_item item;
	struct span rest;
	unsigned blocks = 0;

	root = two_names(&dag);
	store_image(true);
	ck_assert_msg(walk_all() == ERR_OK, "%s", err.msg);
	car_put_header(&car, &root->cid);
	buf_add(&car, buf_span(&out));
	rest = buf_span(&car);
	car_open(&r);
	while (car_next(&r, &rest, &item, &err) == ERR_OK && item.kind != CAR_MORE)
		blocks += item.kind == CAR_BLOCK;
	car_close(&r);
	ck_assert_uint_eq(blocks, 5);		/* the root, the bytes under both names, two leaves */
}
END_TEST

START_TEST(what_rotted_stays)
{
	char path[BLOB_PATH_MAX + 8] = "objects/";

	root = shape_v1(&dag);
	store_image(true);
	blobs_path(&image.sha256, path + strlen(path));
	tempdir_flip(path, 2000);
	ck_assert(walk_all() == ERR_CORRUPT);
	ck_assert_msg(strstr(err.msg, "damaged"), "%s", err.msg);
}
END_TEST

START_TEST(inner_blocks_that_were_never_kept)
{
	root = shape_v1(&dag);
	store_image(false);
	ck_assert(walk_all() == ERR_CORRUPT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bundle-walk");
	TCase *t = tcase_create("bundle-walk");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, the_same_blocks_come_out, 0, sizeof shapes_here / sizeof *shapes_here);
	tcase_add_test(t, children_of_a_block_with_two_names);
	tcase_add_test(t, what_rotted_stays);
	tcase_add_test(t, inner_blocks_that_were_never_kept);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
