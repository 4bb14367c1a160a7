/* test_recall.c: what is kept twice comes back when the database, or the end of its log, is lost, also when part of the copy is. */
#include "lived.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* --- a card that cannot be read --- */

static const char *unreadable;	/* the end of a path */

static bool is_unreadable(int fd)
{
	char link[40], path[PATH_MAX] = "";
	ssize_t n, end = unreadable ? (ssize_t)strlen(unreadable) : 0;

	if (!unreadable)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	errno = EIO;
	return n > end && strcmp(path + n - end, unreadable) == 0;
}

ssize_t read(int fd, void *p, size_t n)
{
	return is_unreadable(fd) ? -1 : syscall(SYS_read, fd, p, n);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	struct iovec all = { p, n };

	return is_unreadable(fd) ? -1 : preadv(fd, &all, 1, at);
}

START_TEST(a_lost_database_loses_nothing)
{
	live();
	remember();
	lose_database();
	ck_assert(recalled.was_there && recalled.is_whole && recalled.records > 0);
	ck_assert_uint_eq(recalled.devices, 2);
	check_remembered();
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE action = 'recall'"), 1);
	ck_assert_msg(count(store, "SELECT count(*) FROM release") == 0 && count(store, "SELECT count(*) FROM product WHERE sequence > 0") == 0,
		      "what the chain tells comes from the chain");
}
END_TEST

/* The copy was made, and then the power went before its log was emptied. */
static void save_without_emptying_the_log(void)
{
	AUTO(buf_free) struct buf log = BUF_INIT(MIB);
	autoclose int fd = -1;

	ck_ok(io_read_file(dir, "own/log", &log, &err));
	ck_ok(owncopy_save(store, &err));
	fd = openat(dir, "own/log", O_WRONLY | O_CLOEXEC);
	ck_ok(io_pwrite_all(fd, buf_span(&log), 0, &err));
}

START_TEST(a_log_that_is_older_than_its_copy)
{
	live();
	report("cellar", 9, 9);
	ck_ok(devices_delete(store, "roof", &err));
	save_without_emptying_the_log();
	remember();
	lose_database();
	ck_assert(recalled.is_whole && recalled.records > 5);
	check_remembered();
}
END_TEST

/* Nor does what came first take back what came last, when that has rotted in the log. */
START_TEST(an_older_log_with_a_hole)
{
	off_t end;

	live();
	report("attic", 3, 20);
	end = size_of("own/log");
	report("attic", 9, 21);
	save_without_emptying_the_log();
	remember();
	spoil("own/log", end + 20);
	lose_database();
	ck_assert(!recalled.is_whole);
	check_remembered();
}
END_TEST

/* Its oldest records are gone in time: the others keep their numbers. */
START_TEST(an_audit_log_without_its_beginning)
{
	live();
	ck_ok(db_exec(store->db, "DELETE FROM audit WHERE n = 1", &err));
	record(store, "three");
	remember();
	lose_database();
	check_remembered();
}
END_TEST

/* What somebody changed is not made good by being copied. */
START_TEST(an_audit_log_that_was_changed)
{
	live();
	ck_ok(db_exec(store->db, "UPDATE audit SET detail = 'not so' WHERE n = 2", &err));
	record(store, "three");
	ck_refused(audit_verify(store, &err), ERR_PROOF, "the chain is broken");
	lose_database();
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE detail = 'not so'"), 1);
	ck_refused(audit_verify(store, &err), ERR_PROOF, "the chain is still broken");
}
END_TEST

START_TEST(twice_lost)
{
	live();
	remember();
	lose_database();
	lose_database();
	check_remembered();
	ck_ok(owncopy_save(store, &err));
	lose_database();
	check_remembered();
}
END_TEST

/* Nothing is recalled over a database that is in use. */
START_TEST(a_database_that_is_there_needs_no_copy)
{
	live();
	ck_ok(owncopy_save(store, &err));
	stop();
	store = open_at(state_path);
	ck_ok(devices_delete(store, "cellar", &err));	/* of which the copy does not hear */
	remember();
	stop();
	start();
	ck_assert(!recalled.was_there);
	check_remembered();
}
END_TEST

/* Each byte of a small log in turn: whatever it is, the other records come. */
START_TEST(a_log_with_a_rotten_byte)
{
	off_t end;

	live();
	ck_ok(owncopy_save(store, &err));
	record(store, "three");
	end = size_of("own/log");
	report("attic", 3, 20);
	spoil("own/log", OWNLOG_HEAD + _i % (end - OWNLOG_HEAD));
	lose_database();
	ck_assert(recalled.was_there && !recalled.is_whole && recalled.skipped > 0);
	ck_assert_uint_eq(recalled.records, 1);
	ck_assert_uint_eq(recalled.devices, 3);
}
END_TEST

START_TEST(a_copy_with_a_rotten_page)
{
	live();
	ck_ok(owncopy_save(store, &err));
	report("attic", 3, 20);
	spoil("own/gatepost.db", _i * 4096 + 1000);
	lose_database();
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_assert_msg(recalled.devices == 1, "what is in the log comes");
	ck_ok(store_check(store, &err));
}
END_TEST

START_TEST(a_log_whose_copy_is_gone)
{
	live();
	ck_ok(owncopy_save(store, &err));
	report("attic", 3, 20);
	ck_assert_int_eq(unlinkat(dir, "own/gatepost.db", 0), 0);
	lose_database();
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_assert_uint_eq(recalled.devices, 1);
}
END_TEST

START_TEST(a_log_that_is_longer_than_can_be)
{
	live();
	ck_ok(owncopy_save(store, &err));
	stop();
	ck_assert_int_eq(truncate(tempdir_path(STATE "/own/log"), OWNCOPY_LOG_MAX + 1), 0);
	store = open_at(state_path);
	ck_ok(store_set_aside(state_path, &err));
	stop();
	start();
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_assert_uint_eq(recalled.devices, 2);
	ck_assert_uint_eq(recalled.records, 0);
}
END_TEST

/* Its sum fits, and SQLite did not write it: no change, a table's name without an end, a row that changes and has no key. */
static const struct { const char *bytes; size_t n; } forged[] = {
	{ "no patch", 8 }, { "P\1\1device", 9 }, { "P\2\1\0recalled\0\x17\0\0\0", 17 },
};

static void forge(int i)
{
	AUTO(buf_free) struct buf b = BUF_INIT(KIB);
	autoclose int fd = openat(dir, "own/log", O_WRONLY | O_APPEND | O_CLOEXEC);

	ownlog_add(&b, SPAN(forged[i].bytes, forged[i].n));
	ck_ok(io_write_all(fd, buf_span(&b), &err));
}

START_TEST(a_record_that_is_no_patch)
{
	live();
	ck_ok(owncopy_save(store, &err));
	forge(_i);
	lose_database();
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_assert_uint_eq(recalled.devices, 2);
	ck_assert_uint_eq(recalled.records, 0);
}
END_TEST

/* Neither who asks whether the log is ahead nor who looks at the copy waits for an end that never comes. */
START_TEST(a_record_that_is_no_patch_beside_a_database)
{
	bool is_damaged = false;

	live();
	ck_ok(owncopy_save(store, &err));
	forge(_i);
	stop();
	start();
	ck_assert(!recalled.was_there);
	forge(_i);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(is_damaged);
}
END_TEST

START_TEST(without_a_copy)
{
	live();
	ck_ok(owncopy_save(store, &err));
	ck_ok(owncopy_forget(&place, &err));
	ck_assert(size_of("own/log") < 0 && size_of("own/gatepost.db") < 0);
	lose_database();
	ck_assert(!recalled.was_there);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit"), 0);
	ck_ok(owncopy_forget(&place, &err));
}
END_TEST

/* --- a database whose log has rotted --- */

/* The last commits are gone from the database; the copy has them. */
static void go_back(void (*since)(void))
{
	char text[3 * PATH_MAX];

	stop();
	snprintf(text, sizeof text, "cp '%s/gatepost.db' '%s/kept'", state_path, tempdir);
	ck_assert_int_eq(system(text), 0);
	start();
	since();
	stop();
	snprintf(text, sizeof text, "cp '%s/kept' '%s/gatepost.db'", tempdir, state_path);
	ck_assert_int_eq(system(text), 0);
	store = open_at(state_path);
}

/* As walcheck.h says of such a log; test_walcheck has that. */
static void find_it_older(void)
{
	ck_ok(db_exec(store->db, "DELETE FROM recalled", &err));
	recall_if_wanted();
	ck_assert(recalled.was_there);
	ck_ok(store_check(store, &err));
	ck_ok(audit_verify(store, &err));
}

/* The last commit alone, which no other one in the log of the database tells of. */
static void one_record(void)
{
	record(store, "the last");
	remember();
}
static void one_report(void)
{
	report("cellar", 5, 30);
	remember();
}
static void one_new_device(void)
{
	report("attic", 1, 30);
	remember();
}
static void one_sighting(void)
{
	struct device_seen d = { .device = "cellar", .product = "acme/p1", .channel = "stable", .address = "10.0.0.9", .protocol = "coap", .bytes = 5 };

	ck_ok(devices_seen(store, &d, 100, 40, &err));
	remember();
}
/* Nothing that could be told, behind something that can. */
static void one_report_and_alarms(void)
{
	one_report();
	for (int i = 0; i < 10; i++) {
		struct latched_alarm a = { .code = "", .subject = "", .detail = "", .since_ms = 1 };

		snprintf(a.code, sizeof a.code, "odd %d", i);
		ck_ok(mark_latch(store, &a, &err));
	}
	remember();
}

/* In one commit, beside what says nothing. */
static void one_record_and_an_alarm(void)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(store);
	struct latched_alarm a = { .code = "more", .subject = "", .detail = "", .since_ms = 1 };

	record(store, "the last");
	ck_ok(mark_latch(store, &a, &err));
	ck_ok(store_commit(&tx, &err));
	remember();
}
static void one_alarm(void)
{
	struct latched_alarm a = { .code = "more", .subject = "", .detail = "", .since_ms = 1 };

	ck_ok(mark_latch(store, &a, &err));
	remember();
}
static void one_deletion(void)
{
	ck_ok(devices_delete(store, "roof", &err));
	remember();
}

START_TEST(a_copy_that_knows_more)
{
	static void (*const last[])(void) = { one_record, one_report, one_new_device, one_sighting, one_report_and_alarms, one_record_and_an_alarm };

	live();
	go_back(last[_i]);
	ck_assert(!store_is_older(store));
	recall_if_wanted();
	ck_assert(recalled.was_there && recalled.is_whole && store_is_older(store));
	check_remembered();
}
END_TEST

START_TEST(a_copy_that_is_in_step)
{
	static void (*const last[])(void) = { one_record, one_report, one_sighting, one_alarm, one_deletion };

	live();
	last[_i]();
	stop();
	store = open_at(state_path);
	recall_if_wanted();
	ck_assert(!recalled.was_there && !store_is_older(store));
	check_remembered();
}
END_TEST

/* The power took the end of the copy's log, or the process ended between the two. */
START_TEST(a_copy_that_is_behind)
{
	off_t known;

	live();
	known = size_of("own/log");
	if (_i == 0)
		record(store, "only in the database");
	else if (_i == 1)
		report("cellar", 5, 30);
	else
		ck_ok(devices_delete(store, "roof", &err));
	remember();
	stop();
	autoclose int log = openat(dir, "own/log", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(log, known), 0);
	store = open_at(state_path);
	recall_if_wanted();
	ck_assert_msg(!recalled.was_there && !store_is_older(store), "behind");
	check_remembered();
}
END_TEST

/* What cannot be read says nothing, and is in nobody's way. */
START_TEST(a_log_that_cannot_be_looked_at)
{
	bool is_wanted = true;

	live();
	ck_assert_int_eq(unlinkat(dir, "own/log", 0), 0);
	tempdir_put_odd(STATE "/own/log", (enum tempdir_odd)_i);
	ck_ok(owncopy_is_wanted(store, &place, &is_wanted, &err));
	ck_assert(!is_wanted);
}
END_TEST

START_TEST(a_database_of_yesterday)
{
	live();
	go_back(more_of_all);
	find_it_older();
	ck_assert(recalled.is_whole);
	check_remembered();
}
END_TEST

static void open_on_full_disk(void)
{
	struct rlimit was, none;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){ 0, was.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	ck_assert_int_ne(store_open(state_path, &store, NULL), ERR_OK);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
}

/* Somebody opens and closes it before it is recalled: the keeper that looks whether the disk is well again. */
START_TEST(who_opens_it_first_hides_nothing)
{
	live();
	rot_log();
	if (_i) {
		store = open_at(state_path);
		ck_assert(store_is_older(store));
		ck_ok(store_try(store, &err));
		stop();
		ck_assert_msg(size_of("gatepost.db-wal") < 0, "what is left of it is in the database, once that it had rotted is noted");
	} else {
		open_on_full_disk();
	}
	start();
	ck_assert(recalled.was_there && recalled.is_whole);
	check_remembered();
}
END_TEST

static void a_record_a_report_and_a_pin(void)
{
	record(store, "only in the copy");
	report("attic", 4, 40);
	pin(store, 4);
}

/* The power went too, which takes what is not synced: the copy lacks what the database has. */
START_TEST(both_have_something)
{
	struct hash32 one = hash_of(1);

	live();
	go_back(a_record_a_report_and_a_pin);
	record(store, "only in the database");
	report("cellar", 6, 50);
	report("attic", 3, 35);
	ck_ok(releases_decide(store, &one, 3, RELEASE_APPROVED, 51, &err));
	find_it_older();
	ck_assert(has_report("cellar", 6, 50) && has_report("attic", 4, 40));
	ck_assert_uint_eq(count(store, "SELECT sequence FROM device_floor WHERE device = 'attic'"), 4);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM decision WHERE decision = 'held'"), 1);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE action = 'only in the database'"), 1);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE action = 'only in the copy'"), 0);
	ck_assert_msg(count(store, "SELECT count(*) FROM chosen") == 3, "pins are not united");
}
END_TEST

START_TEST(a_newer_report_in_the_database_stays)
{
	live();
	go_back(a_record_a_report_and_a_pin);
	report("attic", 7, 60);
	find_it_older();
	ck_assert(has_report("attic", 7, 60));
	ck_assert_uint_eq(count(store, "SELECT sequence FROM device_floor WHERE device = 'attic'"), 7);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE action = 'only in the copy'"), 1);
}
END_TEST

/* --- when the disk does not give it --- */

/* Nothing is taken for lost because of it. */
START_TEST(a_copy_that_cannot_be_looked_at)
{
	static const int codes[] = { EIO, ENOSPC, EROFS };
	static const int wanted[] = { ERR_IO, ERR_NO_SPACE, ERR_READ_ONLY };
	unsigned failed = 0;

	live();
	ck_ok(owncopy_save(store, &err));
	record(store, "three");
	remember();
	open_new();
	place.sys = &sysio_faulty;
	faulty.sys = codes[_i];
	for (faulty.at = 1;; faulty.at++) {
		int rc;

		faulty.calls = 0;
		faulty.hit = NULL;
		rc = owncopy_recall(store, &place, NOW, &recalled, &err);
		if (rc == ERR_OK)
			break;
		ck_refused(rc, wanted[_i], faulty.hit);
		failed++;
		check_still_wanted();
	}
	ck_assert_uint_ge(failed, 3);
	check_remembered();
	ck_assert(recalled.is_whole);
}
END_TEST

START_TEST(a_copy_that_cannot_be_read)
{
	static const char *const names[] = { "/own/gatepost.db", "/own/log" };
	bool is_damaged = false;

	live();
	ck_ok(owncopy_save(store, &err));
	remember();
	unreadable = names[_i];
	ck_says(owncopy_check(store, &is_damaged, &err), ERR_IO, names[_i] + 1, "it may be read later");
	ck_assert(!is_damaged);
	open_new();
	ck_says(owncopy_recall(store, &place, NOW, &recalled, &err), ERR_IO, names[_i] + 1, "it may be read later");
	check_still_wanted();
	unreadable = NULL;
	ck_ok(owncopy_recall(store, &place, NOW, &recalled, &err));
	check_remembered();
	ck_ok(owncopy_recall(store, &place, NOW, &recalled, &err));
}
END_TEST

/* --- a copy with holes --- */

/* Product 1 is chosen, a device known, with the record that then rots; what follows in the log refers to them. */
START_TEST(rows_whose_parents_have_rotted)
{
	off_t end;
	struct hash32 one = hash_of(1);

	add_product(store, 1);
	put_release(1, 3);
	put_release(1, 4);
	ck_ok(owncopy_save(store, &err));
	end = size_of("own/log");
	{
		AUTO(store_tx_end) struct store_tx tx = store_begin(store);

		ck_ok(releases_decide(store, &one, 3, RELEASE_HELD_BY_OPERATOR, 5, &err));
		report("attic", 3, 20);
		ck_ok(store_commit(&tx, &err));
	}
	spoil("own/log", end + 20);
	ck_ok(releases_decide(store, &one, 4, RELEASE_HELD_BY_OPERATOR, 6, &err));
	ck_ok(devices_raise_floor(store, "attic", "acme/p1", "beta", 4, &err));
	if (_i) {
		lose_database();
	} else {
		stop();
		store = open_at(state_path);
		ck_ok(db_exec(store->db, "DELETE FROM device; DELETE FROM decision; DELETE FROM chosen", &err));
		find_it_older();
		owncopy_begin(store, &place);
	}
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_ok(store_check(store, &err));
	ck_assert_uint_eq(count(store, "SELECT sequence FROM device_floor WHERE device = 'attic'"), 4);
	ck_assert_msg(count(store, "SELECT count(*) FROM decision WHERE sequence = 4") == !_i, "of a product whose name is known");
	ck_ok(owncopy_save(store, &err));
}
END_TEST

static void accept_two_sets(void)
{
	struct hash32 one = hash_of(1), set[2] = { hash_of(77), hash_of(78) };

	ck_ok(owncopy_save(store, &err));
	ck_ok(products_accept_set(store, &one, &set[0], 6, &err));
	ck_ok(products_accept_set(store, &one, &set[1], 7, &err));
	spoil("own/log", OWNLOG_HEAD + 20);	/* with the first one it rots that the product is chosen */
}

/* Whoever knows the product knows what was accepted of it. */
START_TEST(a_set_whose_product_has_rotted)
{
	add_product(store, 1);
	if (_i) {
		go_back(accept_two_sets);
		find_it_older();
	} else {
		accept_two_sets();
		lose_database();
	}
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM accepted_set WHERE at_ms = 7"), (unsigned)_i);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM chosen"), (unsigned)_i);
}
END_TEST

START_TEST(an_audit_log_with_a_gap)
{
	off_t end;

	record(store, "one");
	ck_ok(owncopy_save(store, &err));
	end = size_of("own/log");
	record(store, "two");
	record(store, "three");
	record(store, "four");
	spoil("own/log", end + 20);
	lose_database();
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE action IN ('one', 'three', 'four')"), 3);
	ck_ok(audit_verify(store, &err));
}
END_TEST

static void nothing(void)
{
}

/* The copy is behind, by what nobody's record says: the power took it. */
START_TEST(what_is_not_audited_stays)
{
	struct latched_alarm alarm = { .code = "late", .subject = "chain", .detail = "it is", .since_ms = 1 };

	live();
	go_back(nothing);
	ck_ok(mark_latch(store, &alarm, &err));
	report("attic", 3, 35);
	remember();
	find_it_older();
	check_remembered();
}
END_TEST

START_TEST(odd_things_when_it_is_wanted)
{
	live();
	stop();
	lay_odd(_i);
	ck_ok(store_set_aside(state_path, &err));
	start();
	if (owncopy_save(store, &err))
		ck_ok(owncopy_save(store, &err));
}
END_TEST

START_TEST(a_file_where_the_folder_should_be)
{
	live();
	stop();
	ck_ok(owncopy_forget(&place, &err));
	ck_assert_int_eq(unlinkat(dir, "own", AT_REMOVEDIR), 0);
	autoclose int fd = openat(dir, "own", O_CREAT | O_WRONLY, 0600);
	ck_ok(store_set_aside(state_path, &err));
	start();
	ck_ok(owncopy_save(store, &err));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("recall");
	TCase *tc = tcase_create("recall");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, begin, finish);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_lost_database_loses_nothing);
	tcase_add_test(tc, a_log_that_is_older_than_its_copy);
	tcase_add_test(tc, an_older_log_with_a_hole);
	tcase_add_test(tc, an_audit_log_without_its_beginning);
	tcase_add_test(tc, an_audit_log_that_was_changed);
	tcase_add_test(tc, twice_lost);
	tcase_add_test(tc, a_database_that_is_there_needs_no_copy);
	tcase_add_loop_test(tc, a_log_with_a_rotten_byte, 0, 40);
	tcase_add_loop_test(tc, a_copy_with_a_rotten_page, 0, 8);
	tcase_add_test(tc, a_log_whose_copy_is_gone);
	tcase_add_test(tc, a_log_that_is_longer_than_can_be);
	tcase_add_loop_test(tc, a_record_that_is_no_patch, 0, sizeof forged / sizeof *forged);
	tcase_add_loop_test(tc, a_record_that_is_no_patch_beside_a_database, 0, sizeof forged / sizeof *forged);
	tcase_add_test(tc, without_a_copy);
	tcase_add_loop_test(tc, a_copy_that_knows_more, 0, 6);
	tcase_add_loop_test(tc, a_copy_that_is_in_step, 0, 5);
	tcase_add_loop_test(tc, a_copy_that_is_behind, 0, 3);
	tcase_add_loop_test(tc, a_log_that_cannot_be_looked_at, 0, ODDS);
	tcase_add_test(tc, a_database_of_yesterday);
	tcase_add_loop_test(tc, who_opens_it_first_hides_nothing, 0, 2);
	tcase_add_test(tc, both_have_something);
	tcase_add_test(tc, a_newer_report_in_the_database_stays);
	tcase_add_loop_test(tc, a_copy_that_cannot_be_looked_at, 0, 3);
	tcase_add_loop_test(tc, a_copy_that_cannot_be_read, 0, 2);
	tcase_add_loop_test(tc, rows_whose_parents_have_rotted, 0, 2);
	tcase_add_loop_test(tc, a_set_whose_product_has_rotted, 0, 2);
	tcase_add_test(tc, an_audit_log_with_a_gap);
	tcase_add_test(tc, what_is_not_audited_stays);
	tcase_add_loop_test(tc, odd_things_when_it_is_wanted, 0, NAMES_AND_ODDS);
	tcase_add_test(tc, a_file_where_the_folder_should_be);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
