/* test_keeper_own.c: when the keeper makes the second copy anew, when it does not, and what it says came back. */
#include "rig.h"
#include "store/audit.h"
#include "store/store_own.h"

#include <errno.h>
#include <sys/stat.h>

static struct rig rig;
static bool refuses_notes;

static ssize_t write_unless_refused(int fd, const void *p, size_t n, off_t at)
{
	errno = EIO;
	return refuses_notes ? -1 : sysio_kernel.pwrite(fd, p, n, at);
}

static void setup(void)
{
	static struct sysio sys;	/* the copy keeps it */

	sys = sysio_kernel;
	sys.pwrite = write_unless_refused;
	refuses_notes = false;
	rig_open(&rig);
	owncopy_begin(rig.k.store, &(struct owncopy_place){ .dir = rig.w.dir_fd, .path = rig.w.dir, .sys = &sys });
}

static void teardown(void)
{
	rig_close(&rig);
}

static ino_t copy_on_disk(void)
{
	struct stat st;

	return fstatat(rig.w.dir_fd, "own/gatepost.db", &st, 0) ? 0 : st.st_ino;
}

static void change(void)
{
	struct audit_row a = { .at_ms = rig.w.wall_ms, .actor = "boss", .action = "nothing" };

	ck_ok(audit_add(rig.k.store, &a, &err));
}

START_TEST(it_is_made_when_it_is_due)
{
	ino_t before;

	keeper_keep_copy(&rig.k);
	before = copy_on_disk();
	ck_assert(before != 0 && !owncopy_is_due(rig.k.store));
	rig.w.mono_ms += OWNCOPY_RETRY_MAX_MS;
	keeper_keep_copy(&rig.k);
	ck_assert_msg(copy_on_disk() == before, "not each time that somebody asks");
	change();
	keeper_keep_copy(&rig.k);
	ck_assert_msg(copy_on_disk() == before, "a change is a line in its log");
}
END_TEST

static void change_in_vain(void)
{
	refuses_notes = true;
	change();
	refuses_notes = false;
	ck_assert(owncopy_is_due(rig.k.store));
}

/* Each time all of it: on a card, that is wear. */
START_TEST(what_cannot_be_noted_does_not_make_it_each_time)
{
	ino_t before;

	keeper_keep_copy(&rig.k);
	before = copy_on_disk();
	change_in_vain();
	keeper_keep_copy(&rig.k);
	ck_assert_msg(copy_on_disk() != before, "the first one at once");
	before = copy_on_disk();
	change_in_vain();
	keeper_keep_copy(&rig.k);
	ck_assert_msg(copy_on_disk() == before, "a moment ago");
	rig.w.mono_ms += OWNCOPY_RETRY_MS;
	keeper_keep_copy(&rig.k);
	ck_assert(copy_on_disk() != before);
}
END_TEST

START_TEST(it_is_never_put_off_for_more_than_an_hour)
{
	refuses_notes = true;
	for (int i = 0; i < 20; i++) {
		keeper_keep_copy(&rig.k);
		ck_assert(rig.k.is_copy_in_trouble);
		ck_assert_int_le(rig.k.copy_next_mono_ms - rig.w.mono_ms, OWNCOPY_RETRY_MAX_MS);
		rig.w.mono_ms = rig.k.copy_next_mono_ms;
	}
}
END_TEST

START_TEST(damage_that_it_meets_is_told)
{
	rig.k.sm.at = 1;	/* serving, as keeper.c counts */
	err_drop(db_damage(rig.k.store->db, &err, "a page"));
	keeper_keep_copy(&rig.k);
	ck_assert(keeper_is_paused(&rig.k));
}
END_TEST

START_TEST(the_operator_hears_what_came_back)
{
	struct owncopy_recalled r = { .was_there = true, .is_whole = true };

	ck_assert(!strstr(keeper_recalled_words(&r), "damaged") && !strstr(keeper_recalled_words(&r), "lost"));
	r.is_whole = false;
	ck_assert_ptr_nonnull(strstr(keeper_recalled_words(&r), "damaged"));
	r.was_there = false;
	ck_assert_ptr_nonnull(strstr(keeper_recalled_words(&r), "no second copy"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		it_is_made_when_it_is_due, what_cannot_be_noted_does_not_make_it_each_time, it_is_never_put_off_for_more_than_an_hour,
		damage_that_it_meets_is_told, the_operator_hears_what_came_back,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("keeper_own");
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
