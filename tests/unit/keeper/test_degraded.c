/* test_degraded.c: what pauses, how often the disk is tried, and what ends it; the clock is ours, the loop real. */
#include "keeper/degraded.h"

#include <check.h>

static uv_loop_t loop;
static struct degraded d;
static int64_t now_ms;
static unsigned pauses, probes, fines, backs;
static int probe_rc;

static int64_t wall(void *arg)
{
	(void)arg;
	return 1790000000000;
}

static int64_t mono(void *arg)
{
	(void)arg;
	return now_ms;
}

static enum clock_state state(void *arg)
{
	(void)arg;
	return CLOCK_SYNCED;
}

static const struct clock test_clock = { wall, mono, state, NULL };

static void on_pause(void *arg)
{
	(void)arg;
	pauses++;
}

static int probe(void *arg, struct err *e)
{
	(void)arg;
	probes++;
	return probe_rc ? err_set(e, probe_rc, "still not") : ERR_OK;
}

static void on_fine(void *arg)
{
	(void)arg;
	fines++;
}

static void on_back(void *arg)
{
	(void)arg;
	backs++;
}

static void setup(void)
{
	pauses = probes = fines = backs = 0;
	probe_rc = ERR_OK;
	now_ms = 1000000;
	uv_loop_init(&loop);
	degraded_init(&d, &loop, &test_clock, (struct degraded_owner){ on_pause, probe, on_fine, on_back, NULL });
}

static void teardown(void)
{
	degraded_close(&d);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* The next look comes now, whenever it is due. */
static void look(void)
{
	ck_assert_msg(uv_is_active((uv_handle_t *)&d.look), "a look is due");
	uv_timer_start(&d.look, d.look.timer_cb, 0, 0);
	while (uv_timer_get_due_in(&d.look) == 0 && uv_is_active((uv_handle_t *)&d.look))
		uv_run(&loop, UV_RUN_NOWAIT);
}

static void fail_with(enum err_code code)
{
	struct err e = { 0 };

	err_drop(err_set(&e, code, "failed"));
	degraded_take(&d, &e);
}

static const struct { enum err_code code; bool pauses; } kinds[] = {
	{ ERR_NO_SPACE, true }, { ERR_READ_ONLY, true }, { ERR_IO, true }, { ERR_CORRUPT, true },
	{ ERR_MEMORY, false }, { ERR_INTERNAL, false }, { ERR_NOT_FOUND, false }, { ERR_BUSY, false },
};

START_TEST(the_disk_pauses_all_and_other_failures_do_not)
{
	fail_with(kinds[_i].code);
	ck_assert(!degraded_is_fine(&d));
	ck_assert_str_eq(d.why, "failed");
	ck_assert_int_eq(degraded_is_paused(&d), kinds[_i].pauses);
	ck_assert_msg(pauses == 0, "never from the call itself: its caller may be deep in what has to pause");
	look();
	ck_assert_uint_eq(pauses, kinds[_i].pauses);
	if (kinds[_i].pauses)
		look();
	ck_assert_uint_eq(fines, 1);
	ck_assert(degraded_is_fine(&d) && d.why[0] == '\0');
}
END_TEST

START_TEST(it_is_tried_again_later_and_later_but_within_15_s)
{
	static const int64_t expected[] = { 1000, 2000, 4000, 8000, 15000, 15000 };

	probe_rc = ERR_NO_SPACE;
	fail_with(ERR_NO_SPACE);
	look();
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		ck_assert_int_eq(d.pause_ms, expected[i]);
		look();
		ck_assert(degraded_is_paused(&d));
	}
	for (int i = 0; i < 100; i++) {
		look();
		ck_assert_int_eq(d.pause_ms, 15000);
	}
	ck_assert_str_eq(d.why, "still not");
	probe_rc = ERR_OK;
	look();
	ck_assert(degraded_is_fine(&d) && pauses == 1 && fines == 1);
}
END_TEST

START_TEST(only_a_calm_time_begins_a_new_series)
{
	fail_with(ERR_IO);
	look();
	look();
	ck_assert_int_eq(d.pause_ms, 1000);
	now_ms += 1999;
	fail_with(ERR_IO);
	look();
	ck_assert_int_eq(d.pause_ms, 2000);
	look();
	now_ms += 4000;
	fail_with(ERR_IO);
	look();
	ck_assert_int_eq(d.pause_ms, 1000);
}
END_TEST

START_TEST(what_is_unsure_can_become_worse)
{
	fail_with(ERR_MEMORY);
	fail_with(ERR_IO);
	ck_assert(degraded_is_paused(&d));
	look();
	ck_assert_uint_eq(pauses, 1);
	fail_with(ERR_MEMORY);
	ck_assert_msg(degraded_is_paused(&d), "less bad news does not end it");
	fail_with(ERR_NO_SPACE);
	ck_assert_msg(d.sm.at == STORE_DEGRADED && pauses == 1, "nor does more of the same begin it anew");
}
END_TEST

START_TEST(without_a_database_nothing_goes_on_before_it_is_back)
{
	struct err e = { .code = ERR_READ_ONLY, .msg = "cannot be opened" };

	probe_rc = ERR_READ_ONLY;
	degraded_without(&d, &e);
	ck_assert(degraded_is_absent(&d) && degraded_is_paused(&d));
	look();
	ck_assert(backs == 0 && fines == 0);
	probe_rc = ERR_OK;
	look();
	ck_assert(backs == 1 && fines == 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("degraded");
	TCase *t = tcase_create("states");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, the_disk_pauses_all_and_other_failures_do_not, 0, sizeof kinds / sizeof *kinds);
	tcase_add_test(t, it_is_tried_again_later_and_later_but_within_15_s);
	tcase_add_test(t, only_a_calm_time_begins_a_new_series);
	tcase_add_test(t, what_is_unsure_can_become_worse);
	tcase_add_test(t, without_a_database_nothing_goes_on_before_it_is_back);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
