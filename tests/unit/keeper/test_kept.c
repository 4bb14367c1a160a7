/* test_kept.c: inner blocks in memory, found by CID, each once, and no more bytes than their limit. */
#include "keeper/kept.h"
#include "base/limits.h"

#include <check.h>
#include <string.h>

#define BLOCKS 40	/* more than there is room for at first */

static struct kept kept;
static struct err err;
static uint8_t big[KEPT_BYTES_MAX];

static void setup(void)
{
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

int main(void)
{
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("kept");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_is_found_again);
	tcase_add_test(tc, what_was_never_added_is_not_found);
	tcase_add_test(tc, the_same_block_takes_no_room_twice);
	tcase_add_test(tc, one_byte_too_many_is_refused);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
