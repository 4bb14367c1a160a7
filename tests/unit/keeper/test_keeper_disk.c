/* test_keeper_disk.c: what rests while the disk lets nothing be stored, what is asked of it meanwhile, and what is made up for afterwards. */
#include "rig.h"
#include "base/cleanup.h"
#include "store/mark.h"
#include "store/faulty.h"
#include "store/store_own.h"

#include <fcntl.h>
#include <sqlite3.h>

#define SERVING 1	/* as keeper.c counts */

static struct rig rig;
static char *state_dir;

static void setup(void)
{
	rig_open(&rig);
	state_dir = rig.k.conf->gateway.state_dir;
	rig.k.settling.data = &rig.k;
	rig.k.sm.at = SERVING;
	rig.k.is_recovered = true;
}

static void teardown(void)
{
	rig.k.conf->gateway.state_dir = state_dir;
	rig_close(&rig);
}

static void fail_with(enum err_code code)
{
	struct err e = { 0 };

	err_drop(err_set(&e, code, "failed"));
	keeper_trouble(&rig.k, &e);
}

/* The next look, whenever it is due. */
static void look(void)
{
	uv_timer_t *timer = &rig.k.degraded.look;

	ck_assert_msg(uv_is_active((uv_handle_t *)timer), "a look is due");
	uv_timer_stop(timer);
	timer->timer_cb(timer);
}

static void degrade(void)
{
	fail_with(ERR_IO);
	look();
	ck_assert(rig.k.degraded.sm.at == STORE_DEGRADED);
}

/* As if a statement had met it. */
static void damage(void)
{
	err_drop(db_damage(rig.k.store->db, &err, "a page"));
}

static void read_in_vain(void)
{
	err_drop(db_fail(rig.k.store->db, SQLITE_IOERR_CORRUPTFS, &err, "a page"));
}

static const struct alarm *alarm_of(const char *code)
{
	for (size_t i = 0; i < rig.k.alarms.n; i++)
		if (!strcmp(rig.k.alarms.at[i].code, code))
			return &rig.k.alarms.at[i];
	return NULL;
}

/* Was the loop told to end? It is not any more. */
static bool is_ending(void)
{
	bool is = rig.k.loop.stop_flag != 0;

	rig.k.loop.stop_flag = 0;
	return is;
}

START_TEST(everything_rests_and_goes_on)
{
	fail_with(ERR_IO);
	ck_assert_str_eq(alarm_of("store-degraded")->detail, "failed");
	ck_assert_msg(!rig.k.devices.is_paused, "never from the call itself");
	look();
	ck_assert_str_eq(rig.k.fetcher.paused, "failed");
	ck_assert(rig.k.chain.is_paused && rig.k.devices.is_paused && keeper_is_paused(&rig.k));
	look();
	ck_assert(!alarm_of("store-degraded") && !keeper_is_paused(&rig.k));
	ck_assert(!rig.k.fetcher.paused[0] && !rig.k.chain.is_paused && !rig.k.devices.is_paused);
}
END_TEST

START_TEST(what_was_not_judged_meanwhile_is)
{
	world_register(&rig.w, 0, 1, "A");
	rig.k.ledger = rig.w.ledger;
	world_settle(&rig.w);
	degrade();
	ck_assert(!rig.k.ledger.product[0]->is_marked);
	look();
	ck_assert(rig.k.ledger.product[0]->is_marked && uv_is_active((uv_handle_t *)&rig.k.settling));
}
END_TEST

/* Before the first catalog there is nothing that could rest: serving begins at rest then. */
START_TEST(what_fails_at_the_start_waits_for_serving)
{
	rig.k.sm.at = SERVING - 1;
	degrade();
	ck_assert(keeper_is_paused(&rig.k) && !rig.k.chain.is_paused);
}
END_TEST

static int add_code(void *arg, const struct latched_alarm *a, struct err *e)
{
	(void)e;
	strcat(strcat((char *)arg, a->code), " ");
	return ERR_OK;
}

START_TEST(a_latched_alarm_is_stored_when_that_works)
{
	char codes[200] = "";

	keeper_alarm(&rig.k, "anchor-conflict", "chain", "two heads", true);
	keeper_alarm(&rig.k, "no-quorum", "chain", "passes", false);
	ck_ok(mark_unlatch(rig.k.store, "anchor-conflict", &err));	/* as if it could not be written */
	degrade();
	look();
	ck_ok(mark_each_latched(rig.k.store, add_code, codes, &err));
	ck_assert_str_eq(codes, "anchor-conflict ");
}
END_TEST

START_TEST(recovery_is_made_up_for)
{
	rig.k.is_recovered = false;
	degrade();
	look();
	ck_assert(rig.k.is_recovered);
}
END_TEST

START_TEST(floors_are_written_before_it_is_over)
{
	struct floor_item item = { .product = hash_of(9), .name = "a/b", .proven = 1 };

	ck_ok(floor_note(rig.w.floors, &item, &err));
	degrade();
	look();
	ck_assert(degraded_is_fine(&rig.k.degraded) && !floor_is_dirty(rig.w.floors));
}
END_TEST

START_TEST(objects_are_tried_as_well)
{
	memset(&faulty, 0, sizeof faulty);
	blobs_free(rig.k.blobs);
	ck_ok(blobs_open(rig.k.state_dir, &sysio_faulty, &rig.k.blobs, &err));
	degrade();
	faulty.at = faulty.calls + 1;
	faulty.sys = ENOSPC;
	faulty.is_sticky = true;
	look();
	ck_assert_msg(!degraded_is_fine(&rig.k.degraded), "the database is not all");
	faulty.at = 0;
	look();
	ck_assert(degraded_is_fine(&rig.k.degraded));
}
END_TEST

/* Whether a page can be read again, a write of another one does not tell. */
START_TEST(what_could_not_be_read_is_read)
{
	read_in_vain();
	ck_assert(store_is_unreadable(rig.k.store));
	degrade();
	look();
	ck_assert_msg(!store_is_unreadable(rig.k.store), "the whole file was read");
}
END_TEST

/* It comes every few seconds, and all of a large database is much to read. */
START_TEST(what_could_be_read_is_only_written)
{
	ck_ok(db_exec(rig.k.store->db, "PRAGMA foreign_keys=OFF", &err));
	ck_ok(db_exec(rig.k.store->db, "INSERT INTO device_floor VALUES ('nobody', 'a/b', 'stable', 1)", &err));
	degrade();
	look();
	ck_assert_msg(degraded_is_fine(&rig.k.degraded), "nobody looked whether a row belongs to one that is not there");
}
END_TEST

START_TEST(damage_ends_the_keeper)
{
	rig.k.exit_status = 1;
	damage();
	fail_with(ERR_CORRUPT);
	look();
	ck_assert(rig.k.is_store_damaged && is_ending() && rig.k.exit_status == 0);
	ck_assert_msg(!rig.k.chain.is_paused, "the next start is at once");
}
END_TEST

START_TEST(damage_that_a_look_meets_ends_the_keeper)
{
	read_in_vain();
	degrade();
	damage();
	rig.k.is_store_damaged = false;
	look();
	ck_assert(rig.k.is_store_damaged && is_ending());
}
END_TEST

START_TEST(damage_that_was_met_in_passing_is_told)
{
	keeper_look_at_store(&rig.k);
	ck_assert_msg(degraded_is_fine(&rig.k.degraded), "a whole one is no trouble");
	damage();
	rig.k.sm.at = SERVING - 1;
	keeper_look_at_store(&rig.k);
	ck_assert_msg(degraded_is_fine(&rig.k.degraded), "the start looks by itself");
	rig.k.sm.at = SERVING;
	keeper_look_at_store(&rig.k);
	ck_assert(keeper_is_paused(&rig.k) && alarm_of("store-degraded"));
}
END_TEST

/* The rig's database stays open, and locked: so does another process's. */
static void go_without(const char *where)
{
	struct err why = { .code = ERR_READ_ONLY, .msg = "cannot be opened" };

	ck_ok(keeper_do_without_store(&rig.k, &why, &err));
	rig.w.store = rig.k.chain.store = rig.k.devices.store = rig.k.ledger.store = rig.k.store;
	rig.k.conf->gateway.state_dir = (char *)(uintptr_t)where;
}

START_TEST(without_a_database_it_is_opened_again)
{
	go_without(rig.w.dir);
	ck_assert(keeper_is_paused(&rig.k) && !strcmp(alarm_of("store-degraded")->detail, "cannot be opened"));
	look();
	ck_assert_msg(is_ending(), "the next start has it");
}
END_TEST

static ssize_t no_room(int fd, const void *p, size_t n, off_t at)
{
	(void)fd, (void)p, (void)n, (void)at;
	errno = ENOSPC;
	return -1;
}

static void let_database_write(bool may)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pwrite", may ? NULL : (sqlite3_syscall_ptr)no_room), SQLITE_OK);
	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pwrite64", may ? NULL : (sqlite3_syscall_ptr)no_room), SQLITE_OK);
}

/* The next start would end at once, and so on. */
START_TEST(one_that_cannot_be_written_is_waited_for)
{
	go_without(rig.w.dir);
	let_database_write(false);
	look();
	let_database_write(true);
	ck_assert(!is_ending() && degraded_is_absent(&rig.k.degraded));
}
END_TEST

START_TEST(one_that_cannot_be_opened_is_waited_for)
{
	go_without("/proc/nowhere");
	look();
	ck_assert(!is_ending() && degraded_is_absent(&rig.k.degraded));
}
END_TEST

START_TEST(a_damaged_one_is_no_reason_to_wait)
{
	autoclose int fd = openat(rig.k.state_dir, "gatepost.db", O_WRONLY | O_CLOEXEC);

	go_without(rig.w.dir);
	ck_assert_int_eq(pwrite(fd, "no database at all", 18, 0), 18);
	look();
	ck_assert_msg(is_ending(), "the next start sets it aside");
}
END_TEST

START_TEST(what_may_pass_is_tried_again)
{
	ck_assert_int_eq(keeper_exit_status(&(struct err){ .code = ERR_NO_SPACE }), SUP_EXIT_LATER);
	ck_assert_int_eq(keeper_exit_status(&(struct err){ .code = ERR_USAGE }), 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		everything_rests_and_goes_on, what_was_not_judged_meanwhile_is, what_fails_at_the_start_waits_for_serving,
		a_latched_alarm_is_stored_when_that_works, recovery_is_made_up_for, floors_are_written_before_it_is_over,
		objects_are_tried_as_well, what_could_not_be_read_is_read, what_could_be_read_is_only_written, damage_ends_the_keeper,
		damage_that_a_look_meets_ends_the_keeper, damage_that_was_met_in_passing_is_told, without_a_database_it_is_opened_again,
		one_that_cannot_be_written_is_waited_for, one_that_cannot_be_opened_is_waited_for, a_damaged_one_is_no_reason_to_wait,
		what_may_pass_is_tried_again,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("keeper_disk");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
