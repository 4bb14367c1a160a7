/* test_fetch_lanes.c: several sources and requests at a time: whom is asked for what, who is left, when nobody is asked at all. */
#include "fetching.h"

/* --- several --- */

static void equals(size_t n)
{
	for (size_t i = 0; i < n; i++)
		source[i].priority = 0;
}

START_TEST(blocks_of_two)
{
	const struct dag_entry *list[100];

	USE(NO_CAR, NO_CAR);
	equals(2);
	fetched();
	ck_assert_msg(peer[0].blocks > 3 && peer[1].blocks > 3, "%u and %u", peer[0].blocks, peer[1].blocks);
	ck_assert_msg(peer[0].blocks + peer[1].blocks == dag_list(root, ORDER_DFS_ONCE, list, 100), "none twice: %u", peer[0].blocks + peer[1].blocks);
	ck_assert_msg(source[0].rate == 0, "so short replies measure only the way there and back");
}
END_TEST

START_TEST(a_rate_is_what_long_replies_bring)
{
	struct fetch_source s = { .name = "one" };

	USE(HONEST);
	fetch_source_did(&s, 1000, 10, 1);
	ck_assert_uint_eq(s.rate, 0);
	fetch_source_did(&s, 1000000, 1010, 10);
	ck_assert_uint_eq(s.rate, 1000001);
	ck_assert_int_eq(s.first_byte_ms, 10);
	ck_assert_uint_eq(s.successes, 2);
}
END_TEST

START_TEST(a_block_that_one_lacks)
{
	USE(LACKS_LAST, NO_CAR);
	fetched();
	ck_assert_msg(peer[1].blocks == 1, "only that: %u", peer[1].blocks);
	ck_assert_msg(peer[0].blocks <= 36, "and it is not asked for that again: %u", peer[0].blocks);
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "ok");
}
END_TEST

START_TEST(one_that_cannot_be_asked_at_all)
{
	static char url[SOURCE_URL_MAX + 1];

	USE(HONEST, HONEST);
	snprintf(url, sizeof url, "%s/", peer[0].url);
	while (strlen(url) + 8 < SOURCE_URL_MAX)
		strcat(url, "{sha256}");	/* fits as it stands, not filled in */
	be(0, SOURCE_CAR);
	source[0].source.url = url;
	fetched();
	ck_assert(peer[0].requests == 0 && strstr(source[0].last_error, "too long"));
}
END_TEST

/* Turns the clock while nothing but ticks happens. */
static void let_pass(int64_t ms, const unsigned *counter, unsigned n)
{
	mono_ms += ms;
	run_until(counter, n);
}

/* Nothing but repetitions lies under it: it brings no byte, and yet there is something to fill in. */
START_TEST(an_inner_block_that_comes_last)
{
	const struct dag_entry *x = dag_leaf(&dag, LEAF_RAW, dag_random(&dag, 10000)), *y = dag_leaf(&dag, LEAF_RAW, dag_random(&dag, 10000));
	const struct dag_entry *xy = dag_node(&dag, &(struct dag_node){ .children = (const struct dag_entry *[]){ x, y }, .n = 2, .version = 1 });
	const struct dag_entry *yx = dag_node(&dag, &(struct dag_node){ .children = (const struct dag_entry *[]){ y, x }, .n = 2, .version = 1 });

	root = dag_node(&dag, &(struct dag_node){ .children = (const struct dag_entry *[]){ xy, yx }, .n = 2, .version = 1 });
	buf_reset(&file);
	dag_file(root, &file);
	USE(LACKS_SECOND, NO_CAR);
	source[1].rest_until_ms = mono(NULL) + 1000;
	want();
	while (failed + good == 0)
		one_turn();
	ck_assert_msg(failed == 0, "%s", last_why);
	check_file();
	ck_assert_uint_eq(peer[1].blocks, 1);
}
END_TEST

/* What one of its answers has ended, another that was on its way does not begin again. */
START_TEST(one_that_is_out_stays_out)
{
	USE(DENIES_OR_LACKS);
	want();
	run_until(&failed, 1);
	ck_assert_msg(peer[0].blocks <= 1 + root->n_children, "%u blocks", peer[0].blocks);
}
END_TEST

/* The second one fails; the first is still on its way to bring it. */
START_TEST(what_is_on_its_way_is_not_asked_again_when_a_twin_fails)
{
	USE(SILENT_BLOCKS, DOWN);
	equals(2);
	source[1].first_byte_ms = 2000;
	source[1].rate = 100000;
	want();
	run_until(&peer[0].blocks, 1);
	while (source[1].failures < 2) {
		mono_ms += 20000;
		fetch_on_tick(first());
		one_turn();
	}
	ck_assert_uint_eq(fetch_lanes(first()), 1);
	ck_assert_uint_eq(peer[0].blocks, 1);
}
END_TEST

START_TEST(blocks_that_do_not_come_are_asked_of_another)
{
	USE(SILENT_BLOCKS, NO_CAR);
	equals(2);
	source[1].first_byte_ms = 2000;		/* it was slow once: the other one is asked first */
	source[1].rate = 100000;
	want();
	run_until(&peer[0].blocks, 1);
	let_pass(20000, &good, 1);
	check_file();
	ck_assert_uint_gt(peer[1].blocks, 30);
	ck_assert_msg(!strncmp(source[0].last_error, "too slow", 8), "and is blamed: %s", source[0].last_error);
}
END_TEST

START_TEST(an_archive_that_crawls_is_left)
{
	USE(SILENT_AFTER_HALF, NO_CAR);
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 100000)
		one_turn();
	while (peer[1].blocks == 0) {
		mono_ms += FETCH_PACE_MS;
		one_turn();
	}
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].cars == 1 && source[0].failures > 0, "its archive is not asked for again");
	ck_assert_msg(peer[1].blocks < 30, "what came stays: %u", peer[1].blocks);
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "ok");
}
END_TEST

/* Where the line is thin for all, nobody is left for somebody who is no better. */
START_TEST(one_that_crawls_like_the_others)
{
	USE(SILENT_AFTER_HALF, NO_CAR);
	source[1].rate = 3000;
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 150000)
		one_turn();
	first()->lane[0].looked_bytes = first()->lane[0].bytes;
	first()->lane[0].looked_ms = mono(NULL);
	source[1].rate = 0;
	fetch_on_tick(first());
	ck_assert_msg(source[0].failures == 0, "a moment is no time");
	source[1].rate = 3000;
	first()->lane[0].looked_bytes = 0;	/* 150 kB in 100 s */
	first()->lane[0].looked_ms = mono(NULL);
	mono_ms += 100000;
	fetch_on_tick(first());
	ck_assert_uint_eq(source[0].failures, 0);
	source[1].rate = 0;
	fetcher.uplink = 8000;
	first()->lane[0].looked_bytes = 0;
	first()->lane[0].looked_ms = mono(NULL);
	mono_ms += 100000;
	fetch_on_tick(first());
	ck_assert_msg(source[0].failures == 0, "nobody is faster than our own cap");
	fetcher.uplink = 0;
	first()->lane[0].looked_bytes = 0;
	first()->lane[0].looked_ms = mono(NULL);
	mono_ms += 100000;
	fetch_on_tick(first());
	ck_assert_msg(source[0].failures == 1, "one that nobody knows is tried");
	run_until(&good, 1);
	check_file();
}
END_TEST

START_TEST(one_that_crawls_and_nobody_else)
{
	USE(SILENT_AFTER_HALF);
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 100000)
		one_turn();
	mono_ms += 10 * FETCH_PACE_MS;
	fetch_on_tick(first());
	mono_ms += 10 * FETCH_PACE_MS;
	fetch_on_tick(first());
	ck_assert_msg(first()->sm.at == FETCH_FETCHING && source[0].failures == 0, "slow is better than nothing");
	ck_assert_msg(fetch_lanes(first()) == 1 && peer[0].requests == 1, "and nothing is asked beside it that it brings");
}
END_TEST

/* A line that breaks takes all requests with it: that is one failure, not as many. */
START_TEST(all_at_once_are_one_failure)
{
	USE(NO_CAR);
	want();
	run_until(&peer[0].blocks, 1);
	peer[0].deed = DOWN;
	while (source[0].failures < 7)		/* one more, and the 406 */
		one_turn();
	peer[0].deed = NO_CAR;
	run_until(&good, 1);
	check_file();
	ck_assert_uint_eq(failed, 0);
}
END_TEST

/* Over a thin line each of many would crawl, and all that is on its way be lost at a break. */
START_TEST(fewer_at_a_time_over_a_thin_line)
{
	USE(NO_CAR);
	want();
	run_until(&peer[0].blocks, 1);
	while (good == 0) {
		first()->rate = 40000;
		one_turn();
		ck_assert_uint_le(good ? 0 : fetch_lanes(first()), 1);
	}
	check_file();
}
END_TEST

START_TEST(the_rate_is_what_all_bring)
{
	USE(SILENT_AFTER_HALF);
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 150000)
		one_turn();
	fetch_on_tick(first());
	ck_assert_uint_eq(fetch_lanes_max(first()), FETCH_LANES_MAX);
	first()->paced_ms = mono(NULL);
	first()->paced_bytes = 0;
	mono_ms += 10000;
	fetch_on_tick(first());
	ck_assert_msg(first()->rate > 14000 && first()->rate < 17000, "%llu", (unsigned long long)first()->rate);
	ck_assert_uint_eq(fetch_lanes_max(first()), 1);
	first()->came += 100000000;
	fetch_on_tick(first());
	ck_assert_msg(first()->rate < 17000, "a moment is no time: %llu", (unsigned long long)first()->rate);
	first()->came -= 100000000;
	mono_ms += 10000;
	fetch_on_tick(first());
	ck_assert_msg(first()->rate > 14000, "silence is no rate");
}
END_TEST

START_TEST(the_better_one_is_asked_first)
{
	USE(HONEST, HONEST);
	equals(2);
	source[0].rate = 10000;
	source[1].rate = 10000000;
	fetched();
	ck_assert(peer[0].requests == 0 && peer[1].cars == 1);
}
END_TEST

/* --- the window --- */

#define CLOSED_MS 2800000	/* from wall() to 15:00 in UTC */

static struct ledger_want closed(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	fetcher.window = window_of("15:00-16:00");
	return want_of("acme/thermostat", 1);
}

START_TEST(nothing_is_asked_for_outside_the_window)
{
	struct ledger_want w;

	USE(HONEST);
	w = closed();
	ck_ok(fetcher_want(&fetcher, &w, &err));
	run_until(&failed, 1);
	ck_assert_str_eq(last_why, "waits for the fetch window");
	ck_assert_int_eq(last_retry_ms, wall(NULL) + CLOSED_MS);
	ck_assert_uint_eq(peer[0].requests, 0);
}
END_TEST

/* The clock that says so may be hours wrong, and be set in a minute. */
START_TEST(a_far_window_is_looked_at_again_within_the_hour)
{
	struct ledger_want w;

	USE(HONEST);
	w = closed();
	fetcher.window = window_of("13:00-14:00");
	ck_ok(fetcher_want(&fetcher, &w, &err));
	run_until(&failed, 1);
	ck_assert_int_eq(last_retry_ms, wall(NULL) + FETCH_WINDOW_LOOK_MS);
}
END_TEST

START_TEST(urgent_ones_ignore_the_window)
{
	struct ledger_want w;

	USE(HONEST);
	w = closed();
	w.is_urgent = true;
	ck_ok(fetcher_want(&fetcher, &w, &err));
	run_until(&good, 1);
}
END_TEST

START_TEST(a_peer_is_not_at_the_uplink)
{
	USE(HONEST, HONEST);
	closed();
	be(1, SOURCE_PEER);
	fetched();
	ck_assert_uint_eq(peer[0].requests, 0);
}
END_TEST

/* It may have the image before the window opens. */
START_TEST(a_peer_is_asked_again_before_the_window_opens)
{
	USE(HONEST, LACKS);
	closed();
	be(1, SOURCE_PEER);
	want();
	run_until(&failed, 1);
	ck_assert_msg(last_retry_ms < wall(NULL) + CLOSED_MS / 2, "%lld", (long long)(last_retry_ms - wall(NULL)));
	ck_assert_uint_eq(peer[0].requests, 0);
}
END_TEST

START_TEST(the_window_closes_on_what_is_under_way)
{
	USE(SILENT_AFTER_HALF);
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 100000)
		one_turn();
	closed();
	run_until(&failed, 1);
	ck_assert_str_eq(last_why, "waits for the fetch window");
	fetcher.window = window_of("");
	peer[0].deed = NO_CAR;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].blocks < 30, "and goes on where it was: %u", peer[0].blocks);
}
END_TEST

/* A page's length and encoding are no news beside its status. */
START_TEST(an_error_page_longer_than_the_image)
{
	USE(PAGE);
	be(0, SOURCE_BLOCKS);
	want();
	run_until(&failed, 1);
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "resting");
	ck_assert_msg(strstr(last_why, "status 429") != NULL, "%s", last_why);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		one_that_is_out_stays_out, an_inner_block_that_comes_last, what_is_on_its_way_is_not_asked_again_when_a_twin_fails,
		an_error_page_longer_than_the_image, blocks_of_two, a_rate_is_what_long_replies_bring, a_block_that_one_lacks,
		one_that_cannot_be_asked_at_all, blocks_that_do_not_come_are_asked_of_another, an_archive_that_crawls_is_left,
		one_that_crawls_like_the_others, one_that_crawls_and_nobody_else, all_at_once_are_one_failure, fewer_at_a_time_over_a_thin_line,
		the_rate_is_what_all_bring, the_better_one_is_asked_first, nothing_is_asked_for_outside_the_window,
		a_far_window_is_looked_at_again_within_the_hour, urgent_ones_ignore_the_window, a_peer_is_not_at_the_uplink,
		a_peer_is_asked_again_before_the_window_opens, the_window_closes_on_what_is_under_way,
	};
	TCase *t = tcase_create("all");
	Suite *s = suite_create("fetch_lanes");
	SRunner *r;
	int n_failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? 1 : 0;
}
