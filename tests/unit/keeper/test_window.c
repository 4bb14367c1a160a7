/* test_window.c: the time of day in which images are fetched. */
#include "keeper/window.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

static int64_t wall_ms;
static enum clock_state state;

static int64_t wall(void *arg)
{
	(void)arg;
	return wall_ms;
}

static enum clock_state state_of(void *arg)
{
	(void)arg;
	return state;
}

static const struct clock test_clock = { wall, wall, state_of, NULL };

#define MIN 60000LL
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"	/* without the zone files, which a small system may lack */

/* Times of 2026 in seconds since 1970, at midnight UTC. */
#define JULY_1 1782864000LL
#define MARCH_29 1774742400LL	/* in Berlin 2:00 is followed by 3:00 */
#define OCTOBER_25 1792886400LL	/* and here 3:00 by 2:00 */

static const struct {
	const char *what, *zone, *window;
	int64_t day_s, ms;		/* of that day, in UTC */
	int64_t wait_ms;
} cases[] = {
	{ "inside", "UTC", "01:00-05:00", JULY_1, 3 * HOUR, 0 },
	{ "its first minute", "UTC", "01:00-05:00", JULY_1, 1 * HOUR, 0 },
	{ "its last minute", "UTC", "01:00-05:00", JULY_1, 5 * HOUR - 1, 0 },
	{ "the minute after", "UTC", "01:00-05:00", JULY_1, 5 * HOUR, 20 * HOUR },
	{ "the minute before", "UTC", "01:00-05:00", JULY_1, 59 * MIN + 30000, 30000 },
	{ "over midnight, before it", "UTC", "22:00-06:00", JULY_1, 23 * HOUR, 0 },
	{ "over midnight, after it", "UTC", "22:00-06:00", JULY_1, 5 * HOUR, 0 },
	{ "over midnight, outside", "UTC", "22:00-06:00", JULY_1, 6 * HOUR, 16 * HOUR },
	{ "always", "UTC", "03:00-03:00", JULY_1, 12 * HOUR, 0 },
	{ "none", "UTC", "", JULY_1, 12 * HOUR, 0 },
	{ "the last day of a month", "UTC", "01:00-05:00", JULY_1 - 86400, 12 * HOUR, 13 * HOUR },
	{ "local time: 02:30 in Berlin", BERLIN, "01:00-05:00", JULY_1, 30 * MIN, 0 },
	{ "local time: 05:30 in Berlin", BERLIN, "01:00-05:00", JULY_1, 3 * HOUR + 30 * MIN, 19 * HOUR + 30 * MIN },
	{ "a day of 23 hours", BERLIN, "12:00-13:00", MARCH_29 - 86400, 12 * HOUR, 22 * HOUR },
	{ "a day of 25 hours", BERLIN, "12:00-13:00", OCTOBER_25 - 86400, 11 * HOUR, 24 * HOUR },
};

START_TEST(waits)
{
	struct window w = window_of(cases[_i].window);
	int64_t ms;

	setenv("TZ", cases[_i].zone, 1);
	tzset();
	wall_ms = cases[_i].day_s * 1000 + cases[_i].ms;
	state = CLOCK_SYNCED;
	ms = window_wait_ms(&w, &test_clock);
	ck_assert_msg(ms == cases[_i].wait_ms, "%s: %lld instead of %lld", cases[_i].what, (long long)ms, (long long)cases[_i].wait_ms);
}
END_TEST

START_TEST(without_a_clock_it_is_open)
{
	struct window w = window_of("01:00-05:00");

	wall_ms = 12 * HOUR;
	state = CLOCK_UNSET;
	ck_assert_int_eq(window_wait_ms(&w, &test_clock), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("window");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, waits, 0, sizeof cases / sizeof *cases);
	tcase_add_test(t, without_a_clock_it_is_open);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
