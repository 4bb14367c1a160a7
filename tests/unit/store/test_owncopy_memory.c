/* test_owncopy_memory.c: the second copy while each allocation of SQLite fails in turn. */
#include "lived.h"

static struct {
	sqlite3_mem_methods real;
	unsigned calls, at;
} memory;

static void *meagre_malloc(int n)
{
	return ++memory.calls == memory.at ? NULL : memory.real.xMalloc(n);
}

static void *meagre_realloc(void *p, int n)
{
	return ++memory.calls == memory.at ? NULL : memory.real.xRealloc(p, n);
}

/* Once in a process: from then on there is all of it while memory.at is 0. */
static void be_meagre(void)
{
	sqlite3_mem_methods m;

	if (memory.real.xMalloc)
		return;
	sqlite3_shutdown();
	ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory.real), SQLITE_OK);
	m = memory.real;
	m.xMalloc = meagre_malloc;
	m.xRealloc = meagre_realloc;
	ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
	ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_MALLOC, &m), SQLITE_OK);
}

/* Each allocation of noting a change fails in turn. */
START_TEST(without_memory_no_transaction_stays_open)
{
	struct audit_row a = { .at_ms = 1, .actor = "maria", .action = "meagre" };
	unsigned calls;

	stop();
	be_meagre();
	start();
	ck_ok(audit_add(store, &a, &err));
	memory.calls = 0;
	ck_ok(audit_add(store, &a, &err));
	calls = memory.calls;
	ck_assert_uint_gt(calls, 100);
	for (unsigned at = 1; at <= calls; at++) {
		int rc;

		memory.calls = 0;
		memory.at = at;
		rc = audit_add(store, &a, NULL);
		memory.at = 0;
		ck_assert_msg(sqlite3_get_autocommit(store->db->h), "allocation %u of %u: rc %d", at, calls, rc);
		if (owncopy_trouble(store)[0])
			ck_ok(owncopy_save(store, &err));
	}
}
END_TEST

/* Who has no memory to open it hides nothing either: the next one sees it in the log, or finds it noted. */
START_TEST(without_memory_rot_stays_to_be_seen)
{
	bool is_wanted = false;
	unsigned calls;

	stop();
	be_meagre();
	start();
	live();
	rot_log();
	memory.calls = 0;
	stop();
	store = open_at(state_path);
	calls = memory.calls;
	for (unsigned at = 1; at <= calls; at += at < 12 ? 1 : 11) {
		store_close(store);
		store = NULL;
		put_rotten_log();
		memory.calls = 0;
		memory.at = at;
		if (store_open(state_path, &store, NULL) == ERR_OK)
			stop();
		memory.at = 0;
		store = open_at(state_path);
		ck_assert_msg(store_is_older(store) || count(store, "SELECT count(*) FROM recalled") == 0, "allocation %u of %u", at, calls);
		ck_ok(owncopy_is_wanted(store, &place, &is_wanted, &err));
		ck_assert_msg(is_wanted, "allocation %u of %u", at, calls);
	}
}
END_TEST

/* Whichever allocation fails: all of it is there, or nothing, or it is said that it is not all. */
START_TEST(without_memory_a_recall_is_whole_or_none)
{
	unsigned calls, failed = 0;

	stop();
	be_meagre();
	start();
	live();
	ck_ok(owncopy_save(store, &err));
	report("attic", 4, 40);
	remember();
	open_new();
	memory.calls = 0;
	ck_ok(owncopy_recall(store, &place, NOW, &recalled, &err));
	calls = memory.calls;
	open_new();
	for (unsigned at = 1; at <= calls; at += 13) {
		int rc;

		memory.calls = 0;
		memory.at = at;
		rc = owncopy_recall(store, &place, NOW, &recalled, NULL);
		memory.at = 0;
		if (rc) {
			failed++;
			check_still_wanted();
			continue;
		}
		ck_assert_msg(recalled.is_whole, "allocation %u of %u", at, calls);
		check_remembered();
		open_new();
	}
	ck_assert_uint_gt(failed, 20);
}
END_TEST

/* Whichever allocation fails, also those for the pages that it reads: that is no damage. */
START_TEST(without_memory_a_check_finds_no_damage)
{
	unsigned calls, wanting = 0;

	stop();
	be_meagre();
	start();
	live();
	stop();
	store = open_at(state_path);
	memory.calls = 0;
	ck_ok(store_check(store, &err));
	calls = memory.calls;
	for (unsigned at = 1; at <= calls; at++) {
		int rc;

		stop();
		store = open_at(state_path);
		memory.calls = 0;
		memory.at = at;
		rc = store_check(store, &err);
		memory.at = 0;
		ck_assert_msg(rc == ERR_OK || rc == ERR_MEMORY, "allocation %u of %u: %s", at, calls, err.msg);
		ck_assert(!store_is_corrupt(store));
		wanting += rc == ERR_MEMORY;
	}
	ck_assert_uint_gt(wanting, 20);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("owncopy memory");
	TCase *tc = tcase_create("owncopy memory");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, begin, finish);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, without_memory_no_transaction_stays_open);
	tcase_add_test(tc, without_memory_rot_stays_to_be_seen);
	tcase_add_test(tc, without_memory_a_recall_is_whole_or_none);
	tcase_add_test(tc, without_memory_a_check_finds_no_damage);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
