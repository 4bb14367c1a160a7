/* test_kept.c: inner blocks in memory, found by CID, each once, and no more bytes than their limit. */
#include "keeper/kept.h"
#include "base/limits.h"
#include "store/tempdir.h"
#include "support/preads.h"

#define BLOCKS 40	/* more than there is room for at first */

static struct kept kept;
static uint8_t big[KEPT_BYTES_MAX];

static void setup(void)
{
	preads_count_of(NULL);
	kept_init(&kept);
}

static void teardown(void)
{
	kept_fini(&kept);
	ck_assert_msg(!kept.block && !kept.blocks && !kept.bytes.p, "it can be used again");
}

/* Block i: its own length, filled with its own byte. */
static struct span block_of(size_t i)
{
	memset(big, (int)i, i + 1);
	return SPAN(big, i + 1);
}

static int add(struct span block)
{
	struct cid cid = cid_of(1, CID_DAG_PB, block);

	return kept_add(&kept, &cid, block, &err);
}

static void check_kept(size_t i)
{
	struct span want = block_of(i), got;
	struct cid cid = cid_of(1, CID_DAG_PB, want);

	ck_assert_msg(kept_find(&kept, &cid, &got, &err) == ERR_OK, "%zu: %s", i, err.msg);
	ck_assert(span_eq(got, want));
}

START_TEST(each_is_found_again)
{
	for (size_t i = 0; i < BLOCKS; i++)
		ck_assert_int_eq(add(block_of(i)), ERR_OK);
	for (size_t i = 0; i < BLOCKS; i++)
		check_kept(i);
}
END_TEST

/* A publisher may name very many, and each is looked for when it comes. */
START_TEST(none_is_looked_for_one_by_one)
{
	struct cid first = cid_of(1, CID_DAG_PB, block_of(0));
	struct span got;

	for (size_t i = 0; i < BLOCKS; i++)
		ck_assert_int_eq(add(block_of(i)), ERR_OK);
	ck_assert_uint_eq(kept.by_digest.n, BLOCKS);
	table_clear(&kept.by_digest);
	ck_assert_int_eq(kept_find(&kept, &first, &got, &err), ERR_NOT_FOUND);
}
END_TEST

/* Two of which the table knows no difference. */
START_TEST(the_same_hash_is_not_the_same_block)
{
	struct cid one = cid_of(1, CID_DAG_PB, block_of(0)), two = cid_of(1, CID_DAG_PB, block_of(1));
	struct span got;

	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(add(block_of(i)), ERR_OK);
	table_clear(&kept.by_digest);
	ck_assert(table_add(&kept.by_digest, table_hash(cid_digest(&one)), 1) && table_add(&kept.by_digest, table_hash(cid_digest(&one)), 0));
	ck_assert(kept_find(&kept, &one, &got, &err) == ERR_OK && got.n == 1);
	ck_assert_int_eq(kept_find(&kept, &two, &got, &err), ERR_NOT_FOUND);
}
END_TEST

START_TEST(what_was_never_added_is_not_found)
{
	struct cid other = cid_of(1, CID_DAG_PB, block_of(1));
	struct span got;

	ck_assert_int_eq(add(block_of(0)), ERR_OK);
	ck_assert_int_eq(kept_find(&kept, &other, &got, &err), ERR_NOT_FOUND);
}
END_TEST

/* Also under CIDv0: the same block by another name. */
START_TEST(the_same_block_takes_no_room_twice)
{
	struct cid v0 = cid_of(0, CID_DAG_PB, block_of(7));

	for (int n = 0; n < 3; n++)
		ck_assert_int_eq(add(block_of(7)), ERR_OK);
	ck_assert_int_eq(kept_add(&kept, &v0, block_of(7), &err), ERR_OK);
	ck_assert(kept.blocks == 1 && kept.bytes.n == 8);
}
END_TEST

START_TEST(one_byte_too_many_is_refused)
{
	memset(big, 1, sizeof big);
	ck_assert_int_eq(add(SPAN(big, sizeof big - 1)), ERR_OK);
	ck_assert_int_eq(add(block_of(0)), ERR_OK);
	ck_assert_int_eq(add(block_of(1)), ERR_LIMIT);
	ck_assert_msg(kept.blocks == 2 && strstr(err.msg, "inner blocks"), "%s", err.msg);
}
END_TEST

/* --- beside a part --- */

static struct blobs *blobs;
static struct blob *part;

static const struct hash32 sha256 = { .b = { 1 } };

static void open_part(void)
{
	tempdir_make();
	ck_assert_int_eq(blobs_open(tempdir_fd, NULL, &blobs, &err), ERR_OK);
	ck_assert_int_eq(blob_start(blobs, &sha256, 1000, &part, NULL, &err), ERR_OK);
}

/* As after a restart. */
static void take_up(void)
{
	blob_free(part);
	ck_assert_int_eq(blob_start(blobs, &sha256, 1000, &part, NULL, &err), ERR_OK);
}

static off_t part_size(void)
{
	char path[300], name[BLOB_PATH_MAX];

	snprintf(path, sizeof path, "objects/%s.dag.part", blobs_path(&sha256, name));
	return tempdir_size(path);
}

static void close_part(void)
{
	blob_free(part);
	blobs_free(blobs);
	tempdir_remove();
}

static int put(struct span block)
{
	struct cid cid = cid_of(1, CID_DAG_PB, block);

	return kept_put(&kept, part, &cid, block, &err);
}

/* How many there are for this root. */
static size_t load_for(size_t root)
{
	struct cid cid = cid_of(0, CID_DAG_PB, block_of(root));

	kept_fini(&kept);
	ck_assert_msg(kept_load(&kept, part, &cid, &err) == ERR_OK, "%s", err.msg);
	return kept.blocks;
}

static int count(void *arg, struct span cid, struct span block, struct err *e)
{
	(void)cid, (void)block, (void)e;
	++*(size_t *)arg;
	return ERR_OK;
}

START_TEST(a_part_keeps_one_roots_blocks)
{
	size_t written = 0;

	open_part();
	ck_assert_uint_eq(load_for(3), 0);
	for (size_t i = 3; i < 6; i++)
		ck_assert_int_eq(put(block_of(i)), ERR_OK);
	ck_assert_int_eq(put(block_of(3)), ERR_OK);
	ck_assert_int_eq(blob_each_block(part, count, &written, &err), ERR_OK);
	ck_assert_msg(written == 3, "each once");
	ck_assert_uint_eq(load_for(3), 3);
	check_kept(5);
	ck_assert_msg(load_for(4) == 0, "another's: it came second");
	ck_assert_int_eq(put(block_of(4)), ERR_OK);
	ck_assert_uint_eq(load_for(4), 1);
	ck_assert_msg(load_for(3) == 0, "and the former are gone");
	close_part();
}
END_TEST

START_TEST(what_is_too_much_is_not_written)
{
	open_part();
	ck_assert_int_eq(add(SPAN(big, sizeof big - 4)), ERR_OK);
	ck_assert_int_eq(put(block_of(4)), ERR_LIMIT);
	ck_assert_int_eq(put(block_of(3)), ERR_OK);
	ck_assert_uint_eq(load_for(3), 1);
	close_part();
}
END_TEST

START_TEST(each_is_read_once)
{
	off_t size;

	open_part();
	preads_count_of(".dag.part");
	for (size_t i = 0; i < BLOCKS; i++)
		ck_assert_int_eq(put(block_of(i)), ERR_OK);
	ck_assert_uint_eq(preads.bytes, 0);
	take_up();
	size = part_size();
	preads_count_of(".dag.part");
	ck_assert_uint_eq(load_for(0), BLOCKS);
	ck_assert_uint_lt(preads.bytes, 2 * (uint64_t)size);
	close_part();
}
END_TEST

START_TEST(what_cannot_be_read_stays)
{
	struct cid root = cid_of(1, CID_DAG_PB, block_of(0)), other = cid_of(1, CID_DAG_PB, block_of(9));
	off_t size;

	open_part();
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(put(block_of(i)), ERR_OK);
	take_up();
	size = part_size();
	kept_fini(&kept);
	preads_fail(".dag.part", 3, false);
	ck_assert_int_eq(kept_load(&kept, part, &root, &err), ERR_IO);
	kept_fini(&kept);
	preads_fail(".dag.part", 1, false);
	ck_assert_msg(kept_load(&kept, part, &other, &err) == ERR_IO && part_size() == size, "nor is it known to be another's");
	ck_assert_uint_eq(load_for(0), 3);
	close_part();
}
END_TEST

/* Nobody writes so many, but somebody may have. */
START_TEST(too_many_are_none)
{
	open_part();
	for (size_t i = 0; i < 9; i++) {
		memset(big, 1 + (int)i, BLOCK_MAX);
		struct span block = SPAN(big, BLOCK_MAX);
		uint8_t name[CID_BYTES_MAX];
		struct cid cid = cid_of(1, CID_DAG_PB, block);

		ck_assert_int_eq(blob_add_block(part, SPAN(name, cid_write(&cid, name)), block, &err), ERR_OK);
	}
	memset(big, 1, BLOCK_MAX);
	ck_assert_uint_eq(load_for(BLOCK_MAX - 1), 0);
	close_part();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("kept");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_is_found_again);
	tcase_add_test(tc, none_is_looked_for_one_by_one);
	tcase_add_test(tc, the_same_hash_is_not_the_same_block);
	tcase_add_test(tc, what_was_never_added_is_not_found);
	tcase_add_test(tc, the_same_block_takes_no_room_twice);
	tcase_add_test(tc, one_byte_too_many_is_refused);
	tcase_add_test(tc, a_part_keeps_one_roots_blocks);
	tcase_add_test(tc, what_is_too_much_is_not_written);
	tcase_add_test(tc, each_is_read_once);
	tcase_add_test(tc, what_cannot_be_read_stays);
	tcase_add_test(tc, too_many_are_none);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
