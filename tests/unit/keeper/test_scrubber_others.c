/* test_scrubber_others.c: the scrubber beside whoever else works at images: whose turn it is, what is broken off, what is asked of it, what fails. */
#include "scrubbing.h"
#include "store/blob_own.h"
#include "store/store_own.h"
#include "support/fds.h"

#include <semaphore.h>

/* One step, without the loop. */
static void step(void)
{
	scrubber()->timer.timer_cb(&scrubber()->timer);
}

static bool is_at_work(void)
{
	return scrubber()->sm.at == SCRUB_READING;
}

static void fetch(unsigned n)
{
	struct ledger_want w = { .sha256 = n < IMAGES ? name[n] : world_sha(n), .size = SIZE, .cid = world_cid[0], .product = world_name[0],
		.version = "1", .sequence = 1 };

	ck_ok(fetcher_want(&rig.k.fetcher, &w, &err));
	ck_assert(fetcher_is_fetching(&rig.k.fetcher, &w.sha256));
}

static void refuse_writes(bool is_refused)
{
	ck_ok(db_exec(rig.w.store->db, is_refused ? "PRAGMA query_only=ON" : "PRAGMA query_only=OFF", &err));
}

/* --- whose turn it is --- */

enum { ADOPTING, FETCHING, AT_REST, WAYS };

static void be_busy(int how)
{
	struct err e = { .code = ERR_IO, .msg = "failed" };

	if (how == ADOPTING)
		rig.k.adoptions = 1;
	if (how == FETCHING)
		fetch(9);
	if (how == AT_REST)
		keeper_trouble(&rig.k, &e);
}

/* As many turns as it takes to begin to read. */
static bool begins_to_read(void)
{
	for (int i = 0; i < 200 && !is_at_work(); i++)
		step();
	return is_at_work();
}

START_TEST(whoever_is_busy_goes_first)
{
	put_image(0);
	be_busy(_i);
	later(INTERVAL_S);
	ck_assert(!begins_to_read());
	ck_assert_msg(scrubber()->looked_ms == 0, "nor is the rest looked at");
	later(SCRUB_YIELD_MAX_MS / 1000);
	ck_assert_msg(begins_to_read() && scrubber()->looked_ms, "but not for ever");
	rig.k.adoptions = 0;
}
END_TEST

START_TEST(another_time_is_waited_for_as_long)
{
	for (unsigned n = 0; n < 2; n++)
		put_image(n);
	rig.k.adoptions = 1;
	later(INTERVAL_S);
	ck_assert(!begins_to_read());
	rig.k.adoptions = 0;
	run();
	ck_assert_uint_eq(scrubber()->counts.images, 1);
	rig.k.adoptions = 1;
	later(SCRUB_YIELD_MAX_MS / 1000);
	ck_assert(!begins_to_read());
	rig.k.adoptions = 0;
}
END_TEST

START_TEST(more_images_than_milliseconds)
{
	ck_assert_int_eq(scrubber_gap_ms(1000, 5000), 1);
	ck_assert_int_eq(scrubber_gap_ms(1000, 0), 1000);
}
END_TEST

START_TEST(the_rest_is_looked_at_soon_after_a_start)
{
	put_image(0);
	ck_ok(images_delete(rig.w.store, &name[0], &err));
	rig.w.mono_ms = scrubber()->slot_ms - 1;
	run();
	ck_assert_int_eq(scrubber()->looked_ms, 0);
	rig.w.mono_ms += 1;
	run();
	while (rig.k.adoptions)
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert_msg(row(0).state == IMAGE_IS_GOOD, "what lay there without a row");
	ck_assert_msg(uv_is_active((uv_handle_t *)&scrubber()->timer), "and it comes again");
}
END_TEST

/* --- doubts --- */

START_TEST(a_doubt_is_noted_once)
{
	struct hash32 other;

	put_image(0);
	for (int i = 0; i < 2; i++)
		keeper_dag_rotten(&rig.k, &name[0]);
	ck_assert_uint_eq(scrubber()->asked_n, 1);
	for (unsigned n = 0; n < SCRUB_ASKED_MAX; n++) {
		other = world_sha(n);
		scrubber_ask_dag(scrubber(), &other);
	}
	ck_assert_msg(scrubber()->asked_n == SCRUB_ASKED_MAX, "the server says so again");
}
END_TEST

START_TEST(a_doubt_that_has_passed)
{
	put_image(0);
	keeper_dag_rotten(&rig.k, &name[0]);
	if (_i == 0)
		ck_ok(images_set_dag_lost(rig.w.store, &name[0], &err));
	if (_i == 1)
		ck_ok(images_add_damage(rig.w.store, &name[0], 0, 0, &err));
	if (_i == 2)
		fetch(0);
	step();
	ck_assert(!is_at_work() && scrubber()->asked_n == 0);
}
END_TEST

static void doubt(unsigned n)
{
	keeper_dag_rotten(&rig.k, &name[n]);
	run();
}

/* As the fetch that the doubt has led to. */
static void mend(unsigned n)
{
	struct blob_digests d = row(n).digests;

	ck_assert(row(n).is_dag_lost);
	ck_ok(images_set_good(rig.w.store, &name[n], SIZE, &d, "raw", rig.w.wall_ms, &err));
}

START_TEST(each_has_one_fetch_that_may_help)
{
	for (unsigned n = 0; n < 2; n++) {
		put_image(n);
		doubt(n);
		mend(n);
	}
	doubt(0);
	ck_assert_msg(!row(0).is_dag_lost, "it was tried, before the other");
	flip(0, ".dag", 8);
	doubt(0);
	ck_assert_msg(row(0).is_dag_lost, "damage is another matter");
}
END_TEST

/* --- what changes meanwhile --- */

/* The row as it was, but for one thing. */
static void change_row(int what)
{
	struct image_row i = row(0);

	if (what == 0)
		i.digests.sums.b[0] ^= 1;
	if (what == 1)
		i.digests.dag.b[0] ^= 1;
	if (what == 2)
		i.size--;
	ck_ok(images_set_good(rig.w.store, &name[0], i.size, &i.digests, "raw", i.verified_ms, &err));
	if (what == 3)
		ck_ok(images_set_state(rig.w.store, &name[0], IMAGE_IS_EVICTING, i.since_ms, &err));
	if (what == 3)
		ck_ok(images_set_state(rig.w.store, &name[0], IMAGE_IS_GOOD, i.since_ms + 1, &err));
}

START_TEST(another_row_says_another_image)
{
	put_image(0);
	later(INTERVAL_S);
	run_to_read();
	change_row(_i);
	while (is_at_work())
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert_uint_eq(scrubber()->counts.images, 0);
}
END_TEST

static sem_t all_busy;

static void wait_there(uv_work_t *work)
{
	(void)work;
	sem_wait(&all_busy);
}

/* No worker is free before let_workers_go(). */
static void keep_workers(void)
{
	static uv_work_t work[4];	/* libuv has as many */

	sem_init(&all_busy, 0, 0);
	for (size_t i = 0; i < 4; i++)
		uv_queue_work(&rig.k.loop, &work[i], wait_there, NULL);
}

static void let_workers_go(void)
{
	for (size_t i = 0; i < 4; i++)
		sem_post(&all_busy);
}

START_TEST(what_was_broken_off_says_nothing)
{
	put_image(0);
	keep_workers();
	later(INTERVAL_S);
	run_to_read();
	scrubber_break_off(scrubber(), &name[0]);
	let_workers_go();
	while (is_at_work())
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert_uint_eq(scrubber()->counts.images, 0);
}
END_TEST

START_TEST(a_fetch_goes_on_when_it_lets_go)
{
	struct hash32 other = world_sha(9);

	put_image(0);
	later(INTERVAL_S);
	run_to_read();
	ck_assert(scrubber_is_reading(scrubber(), &name[0]) && !scrubber_is_reading(scrubber(), &other));
	scrubber_break_off(scrubber(), &other);
	ck_assert(!scrubber()->watch.is_over);
	ck_ok(fetcher_want(&rig.k.fetcher, &(struct ledger_want){ .sha256 = name[0], .size = SIZE, .cid = world_cid[0], .product = world_name[0],
		.version = "1", .sequence = 1 }, &err));
	ck_assert_msg(!fetcher_is_fetching(&rig.k.fetcher, &name[0]) && scrubber()->watch.is_over, "it waits");
	while (is_at_work())
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert(fetcher_is_fetching(&rig.k.fetcher, &name[0]));
}
END_TEST

START_TEST(the_keeper_ends_while_it_reads)
{
	struct scrubber none = { .k = NULL };

	scrubber_close(&none);
	put_image(0);
	flip(0, "", 5);
	later(INTERVAL_S);
	run_to_read();
	teardown();
	setup();
	ck_assert_int_eq(images_get(rig.w.store, &name[0], &(struct image_row){ .size = 0 }, NULL), ERR_NOT_FOUND);
}
END_TEST

/* --- what fails --- */

static void read_without_descriptors(void)
{
	keep_workers();
	run_to_read();
	fds_allow(0);
	let_workers_go();
	while (is_at_work())
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	fds_allow(1000);
}

START_TEST(what_could_not_be_read_is_not_verified)
{
	int64_t before;

	put_image(0);
	before = row(0).verified_ms;
	later(INTERVAL_S);
	read_without_descriptors();
	ck_assert(row(0).state == IMAGE_IS_GOOD && row(0).verified_ms == before && scrubber()->counts.images == 1);
}
END_TEST

START_TEST(want_of_descriptors_says_nothing_of_blocks)
{
	put_image(0);
	keeper_dag_rotten(&rig.k, &name[0]);
	read_without_descriptors();
	ck_assert(!row(0).is_dag_lost && scrubber()->tried_n == 0 && scrubber()->counts.lost_dags == 0);
}
END_TEST

static int no_room_for_digests(int dir, const char *path, int flags, mode_t mode)
{
	if (!strstr(path, ".sums.part"))
		return sysio_kernel.openat(dir, path, flags, mode);
	errno = ENOSPC;
	return -1;
}

static unsigned verified_now(void)
{
	unsigned sum = 0;

	for (unsigned n = 0; n < IMAGES; n++)
		sum += row(n).verified_ms > rig.w.wall_ms - IMAGES * INTERVAL_S * 1000LL;
	return sum;
}

static struct sysio full;

/* So many images, each put a second later; the first of them have no digests, nor can they be made. */
static void put_some(unsigned n, unsigned without)
{
	for (unsigned i = 0; i < n; i++) {
		put_image(i);
		if (i < without)
			ck_assert_int_eq(unlink(file(i, ".sums")), 0);
		later(1);
	}
	full = sysio_kernel;
	full.openat = no_room_for_digests;
	rig.k.blobs->sys = &full;
}

/* The one that was read longest ago stays that: its digests cannot be written. */
START_TEST(one_that_cannot_be_verified_keeps_no_other_from_its_turn)
{
	put_some(IMAGES, 1);
	rig.w.wall_ms += 10LL * INTERVAL_S * 1000;
	for (unsigned n = 0; n < IMAGES; n++)
		scrub();
	ck_assert_uint_eq(scrubber()->counts.images, IMAGES);
	ck_assert_msg(verified_now() == IMAGES - 1, "%u", verified_now());
	full = sysio_kernel;
	for (unsigned n = 0; n < IMAGES; n++)
		scrub();
	ck_assert_msg(row(0).verified_ms > rig.w.wall_ms - IMAGES * INTERVAL_S * 1000LL, "it has its own turn again");
}
END_TEST

START_TEST(when_the_last_in_the_order_goes_the_first_is_next)
{
	put_some(3, 3);
	for (unsigned n = 0; n < 5; n++)
		scrub();
	ck_assert_uint_eq(scrubber()->counts.images, 5);
	ck_ok(images_delete(rig.w.store, &name[2], &err));
	ck_assert_int_eq(unlink(file(2, "")), 0);	/* it would be adopted */
	scrub();
	ck_assert_uint_eq(scrubber()->counts.images, 6);
}
END_TEST

/* That it is whole; that its blocks are back. */
START_TEST(what_cannot_be_noted_is_trouble)
{
	put_image(0);
	if (_i)
		ck_ok(images_set_dag_lost(rig.w.store, &name[0], &err));
	chain_pause(&rig.k.chain);
	refuse_writes(true);
	later(INTERVAL_S);
	run_to_read();
	while (is_at_work())
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert(keeper_is_paused(&rig.k));
	refuse_writes(false);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		another_time_is_waited_for_as_long, more_images_than_milliseconds, the_rest_is_looked_at_soon_after_a_start,
		a_doubt_is_noted_once, each_has_one_fetch_that_may_help, what_was_broken_off_says_nothing, a_fetch_goes_on_when_it_lets_go,
		the_keeper_ends_while_it_reads, what_could_not_be_read_is_not_verified,
		want_of_descriptors_says_nothing_of_blocks, one_that_cannot_be_verified_keeps_no_other_from_its_turn,
		when_the_last_in_the_order_goes_the_first_is_next,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("scrubber_others");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, whoever_is_busy_goes_first, 0, WAYS);
	tcase_add_loop_test(tc, a_doubt_that_has_passed, 0, 3);
	tcase_add_loop_test(tc, what_cannot_be_noted_is_trouble, 0, 2);
	tcase_add_loop_test(tc, another_row_says_another_image, 0, 4);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
