/* test_keeper_start.c: what a start makes of the database that it finds: whole, lost, damaged, of another registry, on a disk that refuses. */
#include "rig.h"
#include "store/devices.h"
#include "store/mark.h"
#include "store/owncopy.h"
#include "store/store_own.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

static struct rig rig;
static int refusal;	/* errno of every write to the database; 0: none */

static ssize_t write_database(int fd, const void *p, size_t n, off_t at)
{
	errno = refusal;
	return refusal ? -1 : pwrite(fd, p, n, at);
}

static void write_by(ssize_t (*write)(int, const void *, size_t, off_t))
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)write), SQLITE_OK);
	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write), SQLITE_OK);
}

static void setup(void)
{
	refusal = 0;
	write_by(write_database);
	rig_open(&rig);
	chain_pause(&rig.k.chain);
}

static void teardown(void)
{
	rig_close(&rig);
	write_by(NULL);
}

static void use(struct store *s)
{
	rig.w.store = rig.k.store = rig.k.chain.store = rig.k.devices.store = rig.k.entryfiles.store = rig.k.ledger.store = s;
}

/* The keeper was down; opens the database as its start does. */
static int start(void)
{
	int rc = keeper_open_store(&rig.k, &err);

	use(rig.k.store);
	return rc;
}

static void stop(void)
{
	store_close(rig.w.store);
	use(NULL);
}

static void lose_database(void)
{
	ck_ok(store_set_aside(rig.w.dir, &err));
	ck_assert_int_eq(unlinkat(rig.w.dir_fd, STORE_DAMAGED, 0), 0);
}

static const char *detail_of(const char *code)
{
	for (size_t i = 0; i < rig.k.alarms.n; i++)
		if (!strcmp(rig.k.alarms.at[i].code, code))
			return rig.k.alarms.at[i].detail;
	return NULL;
}

START_TEST(a_database_as_it_was_left)
{
	stop();
	ck_ok(start());
	ck_assert_uint_eq(rig.k.alarms.n, 0);
	ck_assert_msg(owncopy_is_due(rig.k.store), "its second copy is kept from now on");
	stop();
	ck_assert_msg(faccessat(rig.w.dir_fd, "gatepost.db-wal", F_OK, 0) == 0, "with the room that its log has");
	ck_ok(start());
}
END_TEST

START_TEST(a_first_start_is_no_loss)
{
	stop();
	lose_database();
	ck_ok(start());
	ck_assert_uint_eq(rig.k.alarms.n, 0);
}
END_TEST

START_TEST(what_was_there_before_is_missed)
{
	struct floor_item item = { .product = hash_of(9), .name = "a/b", .proven = 1 };

	ck_ok(floor_note(rig.w.floors, &item, &err));
	stop();
	lose_database();
	ck_ok(start());
	ck_assert(detail_of("database-rebuilt") && strstr(detail_of("database-rebuilt"), "there was none"));
}
END_TEST

/* Its second copy is all that says that there was one. */
START_TEST(what_was_kept_twice_is_missed)
{
	keeper_begin_copy(&rig.k);
	ck_ok(owncopy_save(rig.w.store, &err));
	stop();
	lose_database();
	ck_ok(start());
	ck_assert(detail_of("database-rebuilt") && strstr(detail_of("database-rebuilt"), "came back"));
}
END_TEST

/* The start that made the database anew ended before it had brought anything back. */
START_TEST(what_a_start_that_was_cut_short_missed_is_told)
{
	struct store *s;

	keeper_begin_copy(&rig.k);
	ck_ok(owncopy_save(rig.w.store, &err));
	stop();
	lose_database();
	ck_ok(store_open(rig.w.dir, &s, &err));
	store_close(s);
	ck_ok(start());
	ck_assert(detail_of("database-rebuilt") && strstr(detail_of("database-rebuilt"), "came back"));
}
END_TEST

/* There is no copy beside it, and much has happened before; but it is whole. */
START_TEST(one_that_a_restore_has_put_there_is_no_loss)
{
	struct floor_item item = { .product = hash_of(9), .name = "a/b", .proven = 1 };

	ck_ok(floor_note(rig.w.floors, &item, &err));
	stop();
	ck_ok(start());
	ck_assert_uint_eq(rig.k.alarms.n, 0);
}
END_TEST

static void copy_file(const char *from, const char *to)
{
	char command[2 * PATH_MAX + 64];

	snprintf(command, sizeof command, "cd '%s' && cp '%s' '%s'", rig.w.dir, from, to);
	ck_assert_int_eq(system(command), 0);
}

/* Its log has rotted, so that it is as it was some commits ago; the copy knows them. */
START_TEST(one_that_is_older_than_its_copy_is_told)
{
	struct device_row row;

	stop();
	ck_ok(start());
	ck_ok(owncopy_save(rig.k.store, &err));
	stop();
	copy_file("gatepost.db", "earlier");
	ck_ok(start());
	ck_ok(devices_put(rig.k.store, "dev-1", NULL, NULL, NULL, 1, &err));
	stop();
	copy_file("earlier", "gatepost.db");
	ck_assert_int_eq(unlinkat(rig.w.dir_fd, "gatepost.db-wal", 0), 0);
	ck_ok(start());
	ck_assert(detail_of("database-older") && !detail_of("database-rebuilt"));
	ck_ok(devices_get(rig.k.store, "dev-1", &row, &err));
}
END_TEST

START_TEST(damage_is_set_aside)
{
	int fd = openat(rig.w.dir_fd, "gatepost.db", O_WRONLY | O_CLOEXEC);

	stop();
	ck_assert_int_eq(pwrite(fd, "no database at all", 18, 0), 18);
	close(fd);
	ck_ok(start());
	ck_assert(detail_of("database-rebuilt") && strstr(detail_of("database-rebuilt"), "set aside"));
	ck_assert_int_eq(faccessat(rig.w.dir_fd, STORE_DAMAGED, F_OK, 0), 0);
}
END_TEST

enum { SAME, OTHER_CHAIN, OTHER_REGISTRY, REGISTRIES };

START_TEST(another_registrys_is_forgotten)
{
	struct mark m = { .chain_id = rig.k.conf->chain.chain_id, .registry = rig.k.conf->chain.registry };

	m.chain_id += _i == OTHER_CHAIN;
	m.registry.b[0] ^= _i == OTHER_REGISTRY;
	ck_ok(mark_save(rig.w.store, &m, &err));
	stop();
	ck_ok(start());
	ck_assert_int_eq(mark_load(rig.k.store, &m, NULL), _i == SAME ? ERR_OK : ERR_NOT_FOUND);
}
END_TEST

START_TEST(what_latches_is_raised_again)
{
	struct latched_alarm a = { .code = "something", .subject = "chain", .detail = "odd", .since_ms = 5 };

	ck_ok(mark_latch(rig.w.store, &a, &err));
	stop();
	ck_ok(start());
	ck_assert(rig.k.alarms.n == 1 && rig.k.alarms.at[0].is_latched && rig.k.alarms.at[0].since_ms == 5 && !rig.k.chain.has_conflict);
	snprintf(a.code, sizeof a.code, "%s", follower_alarm_code(ALARM_ANCHOR_CONFLICT));
	ck_ok(mark_latch(rig.w.store, &a, &err));
	stop();
	ck_ok(start());
	ck_assert_msg(rig.k.chain.has_conflict, "nothing is followed until an operator says so");
}
END_TEST

static const int refusals[] = { ENOSPC, EROFS, EIO };

static void start_refused(int by)
{
	stop();
	refusal = by;
	ck_ok(start());
	refusal = 0;
	ck_assert(degraded_is_absent(&rig.k.degraded) && detail_of("store-degraded"));
}

START_TEST(a_disk_that_refuses_ends_nothing)
{
	start_refused(refusals[_i]);
}
END_TEST

/* Where there is nothing to bring back nothing need be written: it is found out all the same. */
START_TEST(a_disk_that_refuses_is_found_out)
{
	stop();
	ck_ok(start());
	start_refused(refusals[_i]);
}
END_TEST

/* With a tool of his own: devices need not wait for him. */
START_TEST(somebody_else_has_the_database_open)
{
	sqlite3 *other;
	char path[PATH_MAX + 16];

	stop();
	snprintf(path, sizeof path, "%s/gatepost.db", rig.w.dir);
	ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(other, "BEGIN; SELECT count(*) FROM product", NULL, NULL, NULL), SQLITE_OK);
	ck_ok(start());
	ck_assert(degraded_is_absent(&rig.k.degraded) && detail_of("store-degraded"));
	ck_assert_msg(strstr(detail_of("store-degraded"), "locked"), "%s", detail_of("store-degraded"));
	sqlite3_close(other);
}
END_TEST

/* No disk's doing, and no time will mend it. */
START_TEST(a_newer_programs_database_is_refused)
{
	ck_ok(db_exec(rig.w.store->db, "PRAGMA user_version=999", &err));
	stop();
	ck_assert_int_ne(start(), ERR_OK);
	ck_assert_msg(strstr(err.msg, "999"), "%s", err.msg);
	ck_assert_msg(!rig.k.store && !degraded_is_absent(&rig.k.degraded), "none stands in for it");
	ck_ok(store_open_in_memory(&rig.k.store, &err));
	use(rig.k.store);
}
END_TEST

/* --- the way out --- */

START_TEST(a_whole_database_stays)
{
	rig.k.exit_status = 3;
	rig_stop(&rig);
	ck_assert(faccessat(rig.w.dir_fd, "gatepost.db", F_OK, 0) == 0 && faccessat(rig.w.dir_fd, STORE_DAMAGED, F_OK, 0) < 0);
	ck_assert_int_eq(rig.k.exit_status, 3);
}
END_TEST

/* The rig looks whether a handle is left. */
START_TEST(what_is_being_fetched_is_let_go)
{
	struct ledger_want w = { .sha256 = hash_of(1), .size = 100, .cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
		.product = world_name[0], .version = "1", .sequence = 1 };

	ck_ok(fetcher_want(&rig.k.fetcher, &w, &err));
	ck_assert(fetcher_is_working(&rig.k.fetcher));
	rig_stop(&rig);
}
END_TEST

/* Whatever else has ended us: the next start must not stumble over it, and comes at once. */
START_TEST(a_damaged_database_goes)
{
	err_drop(db_damage(rig.k.store->db, &err, "a page"));
	rig.k.exit_status = 1;
	rig_stop(&rig);
	ck_assert(faccessat(rig.w.dir_fd, "gatepost.db", F_OK, 0) < 0 && faccessat(rig.w.dir_fd, STORE_DAMAGED, F_OK, 0) == 0);
	ck_assert_int_eq(rig.k.exit_status, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_database_as_it_was_left, a_first_start_is_no_loss, what_was_there_before_is_missed, what_was_kept_twice_is_missed,
		what_a_start_that_was_cut_short_missed_is_told, one_that_a_restore_has_put_there_is_no_loss,
		one_that_is_older_than_its_copy_is_told, a_whole_database_stays, what_is_being_fetched_is_let_go, a_damaged_database_goes, damage_is_set_aside, somebody_else_has_the_database_open, what_latches_is_raised_again, a_newer_programs_database_is_refused,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("keeper_start");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, another_registrys_is_forgotten, 0, REGISTRIES);
	tcase_add_loop_test(tc, a_disk_that_refuses_ends_nothing, 0, sizeof refusals / sizeof *refusals);
	tcase_add_loop_test(tc, a_disk_that_refuses_is_found_out, 0, sizeof refusals / sizeof *refusals);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
