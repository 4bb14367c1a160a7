/* test_owncopy.c: what the chain cannot tell is kept twice: how the second copy follows the database. */
#include "../support/fds.h"
#include "lived.h"

START_TEST(a_new_copy_and_its_log)
{
	live();
	ck_assert(owncopy_is_due(store));
	ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store) && size_of("own/log") == OWNLOG_HEAD && size_of("own.new") < 0);
	report("cellar", 4, 9);
	ck_ok(devices_delete(store, "roof", &err));
	record(store, "three");
	remember();
	lose_database();
	ck_assert_uint_eq(recalled.records, 3);
	check_remembered();
	ck_assert_msg(owncopy_is_due(store), "with each start");
}
END_TEST

/* Undone, or part of nothing that is copied. */
START_TEST(what_was_undone_is_not_noted)
{
	off_t was;

	live();
	was = size_of("own/log");
	{
		AUTO(store_tx_end) struct store_tx tx = store_begin(store);

		record(store, "not done");
	}
	add_product(store, 5);
	ck_assert_int_eq(size_of("own/log"), was);
	remember();
	lose_database();
	check_remembered();
}
END_TEST

START_TEST(one_transaction_is_one_record)
{
	ck_ok(owncopy_save(store, &err));
	{
		AUTO(store_tx_end) struct store_tx tx = store_begin(store);

		record(store, "one");
		record(store, "two");
		ck_assert_int_eq(size_of("own/log"), OWNLOG_HEAD);
		ck_ok(store_commit(&tx, &err));
	}
	remember();
	lose_database();
	ck_assert_uint_eq(recalled.records, 1);
	check_remembered();
}
END_TEST

/* Each of its two files may be gone already; what cannot be removed is said. */
START_TEST(to_forget)
{
	static const char *const names[] = { "own/log", "own/gatepost.db" };

	place.sys = &sysio_faulty;
	for (size_t i = 0; i < 2; i++) {
		ck_ok(owncopy_save(store, &err));
		ck_assert_int_eq(unlinkat(dir, names[i], 0), 0);
		faulty.trace[0] = '\0';
		ck_ok(owncopy_forget(&place, &err));
		ck_assert_str_eq(faulty.trace, "unlinkat unlinkat fsync ");
		ck_assert(size_of("own/log") < 0 && size_of("own/gatepost.db") < 0);
		lose_database();
	}
	ck_ok(owncopy_save(store, &err));
	for (unsigned at = 1; at <= 4; at++) {
		faulty.calls = 0;
		faulty.at = at;
		faulty.sys = EROFS;
		ck_refused(owncopy_forget(&place, &err), ERR_READ_ONLY, faulty.hit);
	}
}
END_TEST

START_TEST(to_forget_what_is_no_directory)
{
	stop();
	ck_ok(owncopy_forget(&place, &err));
	ck_assert_int_eq(unlinkat(dir, "own", AT_REMOVEDIR), 0);
	ck_ok(owncopy_forget(&place, &err));
	tempdir_put_odd(STATE "/own", (enum tempdir_odd)_i);
	ck_ok(owncopy_forget(&place, &err));
}
END_TEST

/* --- its size --- */

/* By n bytes of what is copied. */
static void grow(size_t n)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(store);

	for (size_t done = 0; done < n; done += 64 * KIB)
		ck_ok(db_exec(store->db, "INSERT INTO latched VALUES (hex(randomblob(8)), '', hex(zeroblob(32768)), 1)", &err));
	ck_ok(store_commit(&tx, &err));
}

START_TEST(a_small_one_is_not_due_for_little)
{
	ck_ok(owncopy_save(store, &err));
	grow(OWNCOPY_LOG_DUE / 2);
	ck_assert_msg(!owncopy_is_due(store), "not for so little");
	grow(OWNCOPY_LOG_DUE);
	ck_assert(owncopy_is_due(store));
	ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store));
}
END_TEST

/* A large copy is not written for little; but what a start would have to read back one by one stays a small part of it. */
START_TEST(it_is_due_when_the_log_has_grown)
{
	for (int i = 0; i < 12; i++)
		grow(OWNCOPY_LOG_DUE);
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_gt(size_of("own/gatepost.db"), OWNCOPY_LOG_PART * OWNCOPY_LOG_DUE / 4 * 5);
	grow(OWNCOPY_LOG_DUE);
	ck_assert(size_of("own/log") > OWNCOPY_LOG_DUE && !owncopy_is_due(store));
	grow(OWNCOPY_LOG_DUE);
	ck_assert(owncopy_is_due(store));
}
END_TEST

START_TEST(a_full_log_takes_no_more)
{
	live();
	stop();
	ck_assert_int_eq(truncate(tempdir_path(STATE "/own/log"), OWNCOPY_LOG_MAX - 10), 0);
	start();
	report("attic", 4, 40);
	ck_assert_str_eq(owncopy_trouble(store), "second copy: its log is full");
	ck_assert_int_eq(size_of("own/log"), OWNCOPY_LOG_MAX - 10);
	ck_ok(owncopy_save(store, &err));
	ck_assert_str_eq(owncopy_trouble(store), "");
	remember();
	lose_database();
	check_remembered();
}
END_TEST

/* --- when the disk does not take it --- */

START_TEST(a_log_that_cannot_be_opened)
{
	live();
	stop();
	place.sys = &sysio_faulty;
	faulty.only = "openat";
	faulty.at = 1;
	faulty.sys = EMFILE;
	store = open_at(state_path);
	owncopy_begin(store, &place);
	ck_assert(owncopy_is_due(store));
	ck_assert_msg(strncmp(owncopy_trouble(store), "own/log: ", 9) == 0, "%s", owncopy_trouble(store));
	report("attic", 4, 40);
	ck_assert_str_eq(owncopy_trouble(store), "second copy: its log is not open");
	ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store));
	report("attic", 5, 41);
	ck_assert_str_eq(owncopy_trouble(store), "");
	remember();
	lose_database();
	check_remembered();
}
END_TEST

START_TEST(a_change_that_is_not_noted_makes_it_due)
{
	live();
	place.sys = &sysio_faulty;
	stop();
	start();
	ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store));
	faulty.only = "pwrite";
	faulty.calls = 0;
	faulty.at = 1;
	faulty.sys = ENOSPC;
	report("attic", 4, 40);
	ck_assert_str_eq(faulty.hit, "pwrite");
	ck_assert(owncopy_is_due(store) && owncopy_trouble(store)[0]);
	ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store) && !owncopy_trouble(store)[0]);
	remember();
	lose_database();
	check_remembered();
}
END_TEST

/* Each call of making it anew fails in turn, or is the last one before the power goes: the copy or the one before is there, with its log. */
static unsigned calls_of_a_copy(void)
{
	faulty.calls = 0;
	ck_ok(owncopy_save(store, &err));
	return faulty.calls;
}

START_TEST(every_failure_leaves_a_copy)
{
	unsigned calls, said = 0;

	place.sys = &sysio_faulty;
	stop();
	start();
	live();
	calls = calls_of_a_copy();
	ck_assert_uint_gt(calls, 8);
	for (unsigned at = 1; at <= calls; at++) {
		int rc;

		report("attic", 1 + at, 40 + at);
		remember();
		faulty.calls = 0;
		faulty.at = at;
		faulty.sys = EIO;
		rc = owncopy_save(store, &err);
		faulty.at = 0;
		ck_assert_msg(rc == ERR_OK || (owncopy_is_due(store) && !strcmp(owncopy_trouble(store), err.msg)), "call %u, %s", at, faulty.hit);
		said += rc == ERR_IO;
		lose_database();
		ck_assert(recalled.is_whole);
		check_remembered();
	}
	ck_assert_msg(said + 3 >= calls, "%u of %u are said: all but the last clean-up", said, calls);
}
END_TEST

/* What is synced is not all there is then. */
static int open_with_log(int at, const char *name, int flags, mode_t mode)
{
	if (strcmp(name, "own.new/gatepost.db") == 0)
		tempdir_poke(STATE "/own.new/gatepost.db-wal", 0, "frames", 6);
	return sysio_kernel.openat(at, name, flags, mode);
}

START_TEST(a_new_copy_that_was_not_closed_whole)
{
	struct sysio sys = sysio_kernel;

	live();
	remember();
	sys.openat = open_with_log;
	place.sys = &sys;
	stop();
	start();
	ck_says(owncopy_save(store, &err), ERR_IO, "own.new/gatepost.db-wal: could not be taken", "a copy is one file");
	ck_assert(owncopy_is_due(store) && strcmp(owncopy_trouble(store), err.msg) == 0);
	ck_assert(size_of("own/gatepost.db") < 0 && size_of("own.new") < 0);
	place.sys = NULL;
	lose_database();
	check_remembered();
}
END_TEST

START_TEST(nothing_stays_open)
{
	bool is_damaged;
	unsigned was;

	live();
	ck_ok(owncopy_save(store, &err));
	stop();
	was = count_fds();
	start();
	ck_ok(owncopy_save(store, &err));
	spoil("own/gatepost.db", 5000);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	stop();
	ck_assert_uint_eq(count_fds(), was);
}
END_TEST

START_TEST(order_of_syncs)
{
	place.sys = &sysio_faulty;
	stop();
	start();
	faulty.trace[0] = '\0';
	ck_ok(owncopy_save(store, &err));
	ck_assert_msg(strstr(faulty.trace, "fdatasync rename_over fsync fsync ftruncate"), "%s", faulty.trace);
}
END_TEST

/* What is no file lies under the names. */
START_TEST(odd_things_are_in_nobodys_way)
{
	live();
	stop();
	lay_odd(_i);
	store = open_at(state_path);
	owncopy_begin(store, &place);
	report("attic", 4, 40);
	if (owncopy_save(store, &err))
		ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store));
	remember();
	lose_database();
	check_remembered();
}
END_TEST

/* --- looked at --- */

START_TEST(a_look_finds_rot)
{
	bool is_damaged = true;

	live();
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(!is_damaged);
	ck_ok(owncopy_save(store, &err));
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(!is_damaged && !owncopy_is_due(store));
	spoil("own/gatepost.db", 5000);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(is_damaged && owncopy_is_due(store));
	ck_ok(owncopy_save(store, &err));
	record(store, "three");
	spoil("own/log", 20);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(is_damaged && owncopy_is_due(store) && size_of("own.seen") < 0);
}
END_TEST

/* Nothing that is left is wrong. */
START_TEST(a_look_finds_what_is_missing)
{
	bool is_damaged = false;
	off_t whole;

	live();
	ck_ok(owncopy_save(store, &err));
	whole = size_of("own/log");
	record(store, "three");
	autoclose int log = openat(dir, "own/log", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(log, whole), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "a record is gone");
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(unlinkat(dir, "own/log", 0), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "the log is gone");
	ck_ok(owncopy_save(store, &err));
	record(store, "four");
	ck_assert_msg(size_of("own/log") > OWNLOG_HEAD, "it is there again, and written to");
	ck_assert_int_eq(unlinkat(dir, "own/gatepost.db", 0), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "the database is gone");
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(unlinkat(dir, "own/gatepost.db", 0), 0);
	stop();
	start();
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "it was gone when the gateway started");
}
END_TEST

/* It is whole, and not the one that was written. */
START_TEST(a_look_finds_an_earlier_one)
{
	bool is_damaged = false;

	live();
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(linkat(dir, "own/gatepost.db", dir, "earlier", 0), 0);
	grow(256 * KIB);
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(renameat(dir, "earlier", dir, "own/gatepost.db"), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(is_damaged && owncopy_is_due(store));
}
END_TEST

/* Somebody moves it away. */
START_TEST(a_look_at_none)
{
	bool is_damaged = true;

	stop();
	store = open_at(state_path);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(!is_damaged, "none is kept");
	stop();
	start();
	live();
	ck_assert_int_eq(renameat(dir, "own", dir, "elsewhere"), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "its log");
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(renameat(dir, "own", dir, "elsewhere too"), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged && owncopy_is_due(store), "it is gone");
	tempdir_put_odd(STATE "/own", ODD_PIPE);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "a pipe is none");
}
END_TEST

/* --- records --- */

START_TEST(records_are_found_again)
{
	AUTO(buf_free) struct buf b = BUF_INIT(KIB);
	struct span rest, got;
	uint64_t skipped = 0;

	buf_str(&b, "GPOWjunk GPOW");
	ownlog_add(&b, SPAN_LIT("first"));
	ownlog_add(&b, SPAN(NULL, 0));
	buf_str(&b, "GPOW\xff\xff\xff\xff");
	ownlog_add(&b, SPAN_LIT("second"));
	buf_str(&b, "GPOW");
	rest = buf_span(&b);
	ck_assert(ownlog_next(&rest, &got, &skipped) && span_is(got, "first") && skipped == 13);
	ck_assert(ownlog_next(&rest, &got, &skipped) && got.n == 0 && skipped == 13);
	ck_assert(ownlog_next(&rest, &got, &skipped) && span_is(got, "second") && skipped == 21);
	ck_assert(!ownlog_next(&rest, &got, &skipped) && skipped == 25);
}
END_TEST

/* As other versions of this program will read it. */
START_TEST(a_record_is_laid_out_as_said)
{
	AUTO(buf_free) struct buf b = BUF_INIT(KIB);
	uint8_t summed[4 + 258] = { 0, 0, 1, 2 };
	struct hash32 sum;

	memset(summed + 4, 'p', 258);
	sum = sha256_of(SPAN_OF(summed));
	ownlog_add(&b, SPAN(summed + 4, 258));
	ck_assert_uint_eq(b.n, OWNLOG_HEAD + 258);
	ck_assert_int_eq(memcmp(b.p, "GPOW", 4), 0);
	ck_assert_int_eq(memcmp(b.p + 4, summed, 4), 0);
	ck_assert_int_eq(memcmp(b.p + 8, sum.b, 8), 0);
	ck_assert_int_eq(memcmp(b.p + OWNLOG_HEAD, summed + 4, 258), 0);
}
END_TEST

START_TEST(a_record_stands_for_itself)
{
	AUTO(buf_free) struct buf b = BUF_INIT(KIB);

	ownlog_add(&b, SPAN_LIT("payload"));
	for (size_t i = 0; i < b.n; i++) {
		struct span rest = buf_span(&b), got;
		uint64_t skipped = 0;

		b.p[i] ^= 1;
		ck_assert_msg(!ownlog_next(&rest, &got, &skipped) && skipped == b.n, "byte %zu", i);
		b.p[i] ^= 1;
		rest = SPAN(b.p, i);
		skipped = 0;
		ck_assert_msg(!ownlog_next(&rest, &got, &skipped) && skipped == i, "cut at %zu", i);
	}
}
END_TEST

START_TEST(somebody_removes_it)
{
	bool is_damaged = false;

	live();
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(unlinkat(dir, "own/log", 0), 0);
	if (_i) {
		ck_assert_int_eq(unlinkat(dir, "own/gatepost.db", 0), 0);
		ck_assert_int_eq(unlinkat(dir, "own", AT_REMOVEDIR), 0);
	}
	ck_assert(owncopy_is_due(store));
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(is_damaged);
	ck_ok(owncopy_save(store, &err));
	record(store, "three");
	remember();
	lose_database();
	check_remembered();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("owncopy");
	TCase *tc = tcase_create("owncopy");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, begin, finish);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_new_copy_and_its_log);
	tcase_add_test(tc, it_is_due_when_the_log_has_grown);
	tcase_add_test(tc, what_was_undone_is_not_noted);
	tcase_add_test(tc, one_transaction_is_one_record);
	tcase_add_test(tc, to_forget);
	tcase_add_loop_test(tc, to_forget_what_is_no_directory, 0, ODDS);
	tcase_add_test(tc, a_small_one_is_not_due_for_little);
	tcase_add_test(tc, a_full_log_takes_no_more);
	tcase_add_test(tc, a_log_that_cannot_be_opened);
	tcase_add_test(tc, a_change_that_is_not_noted_makes_it_due);
	tcase_add_test(tc, every_failure_leaves_a_copy);
	tcase_add_test(tc, a_new_copy_that_was_not_closed_whole);
	tcase_add_test(tc, nothing_stays_open);
	tcase_add_test(tc, order_of_syncs);
	tcase_add_loop_test(tc, odd_things_are_in_nobodys_way, 0, NAMES_AND_ODDS);
	tcase_add_test(tc, a_look_finds_rot);
	tcase_add_test(tc, a_look_finds_what_is_missing);
	tcase_add_test(tc, a_look_finds_an_earlier_one);
	tcase_add_test(tc, a_look_at_none);
	tcase_add_test(tc, records_are_found_again);
	tcase_add_test(tc, a_record_is_laid_out_as_said);
	tcase_add_test(tc, a_record_stands_for_itself);
	tcase_add_loop_test(tc, somebody_removes_it, 0, 2);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
