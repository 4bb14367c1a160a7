/* test_scrubber.c: when which image is read, what is found, and what is not believed because it changed meanwhile. */
#include "scrubbing.h"

/* --- when --- */

START_TEST(each_has_its_turn_once_and_evenly)
{
	for (unsigned n = 0; n < IMAGES; n++)
		put_image(n);
	for (uint64_t turn = 0; turn <= IMAGES; turn++) {
		run();
		ck_assert_uint_eq(scrubber()->counts.images, turn);
		later(INTERVAL_S / IMAGES - 1);
		run();
		ck_assert_msg(scrubber()->counts.images == turn, "not before its time");
		later(1);
	}
	run();
	for (unsigned n = 0; n < IMAGES; n++)
		ck_assert_msg(rig.w.wall_ms - row(n).verified_ms <= INTERVAL_S * 1000, "image %u", n);
}
END_TEST

START_TEST(not_right_after_a_start)
{
	put_image(0);
	rig.w.wall_ms += 10LL * INTERVAL_S * 1000;	/* the board was off */
	rig.w.mono_ms += SCRUB_START_MS - 1;
	run();
	ck_assert_uint_eq(scrubber()->counts.images, 0);
	rig.w.mono_ms += 1;
	run();
	ck_assert_uint_eq(scrubber()->counts.images, 1);
}
END_TEST

START_TEST(overdue_ones_do_not_come_all_at_once)
{
	for (unsigned n = 0; n < IMAGES; n++)
		put_image(n);
	rig.w.wall_ms += 10LL * INTERVAL_S * 1000;
	later(SCRUB_START_MS / 1000);
	run();
	ck_assert_uint_eq(scrubber()->counts.images, 1);
	later(INTERVAL_S / IMAGES / SCRUB_CATCH_UP - 1);
	run();
	ck_assert_uint_eq(scrubber()->counts.images, 1);
	later(1);
	run();
	ck_assert_uint_eq(scrubber()->counts.images, 2);
}
END_TEST

START_TEST(recovery_goes_first_but_not_for_ever)
{
	put_image(0);
	rig.k.adoptions = 1;
	later(INTERVAL_S);
	run();
	ck_assert_uint_eq(scrubber()->counts.images, 0);
	later(SCRUB_YIELD_MAX_MS / 1000);
	run();
	ck_assert_uint_eq(scrubber()->counts.images, 1);
	rig.k.adoptions = 0;
}
END_TEST

/* --- what is found --- */

/* The next image is read; is a release to be judged anew then? Timers wait. */
static bool is_judged_after_read(void)
{
	unsigned was = rig.k.sm.at;

	later(INTERVAL_S);
	run_to_read();
	rig.k.sm.at = 1;	/* serving, as keeper.c counts */
	while (scrubber()->sm.at == SCRUB_READING)
		uv_run(&rig.k.loop, UV_RUN_NOWAIT);
	rig.k.sm.at = was;
	return uv_is_active((uv_handle_t *)&rig.k.settling);
}

START_TEST(a_whole_one_is_verified)
{
	put_image(0);
	scrub();
	ck_assert(row(0).state == IMAGE_IS_GOOD && row(0).verified_ms == rig.w.wall_ms);
	ck_assert_uint_eq(scrubber()->counts.bytes, SIZE);
	ck_assert_msg(!is_judged_after_read(), "nothing else changes by that");
}
END_TEST

START_TEST(damaged_chunks_are_noted)
{
	uint32_t chunk[4];
	size_t n;

	put_image(0);
	flip(0, "", CHUNK_SIZE);
	flip(0, "", SIZE - 1);
	scrub();
	ck_assert_int_eq(row(0).state, IMAGE_IS_DAMAGED);
	ck_ok(images_damage(rig.w.store, &name[0], chunk, 4, &n, &err));
	ck_assert(n == 2 && chunk[0] == 1 && chunk[1] == 2);
}
END_TEST

static uint32_t first_damaged(unsigned n)
{
	uint32_t chunk = UINT32_MAX;
	size_t chunks;

	ck_ok(images_damage(rig.w.store, &name[n], &chunk, 1, &chunks, &err));
	return chunk;
}

START_TEST(a_file_that_is_gone_or_too_long_is_damage)
{
	scrubber()->looked_ms = INT64_MAX / 2;	/* the look at objects/ would be faster */
	put_image(0);
	ck_assert_int_eq(unlink(file(0, "")), 0);
	scrub();
	ck_assert(row(0).state == IMAGE_IS_DAMAGED && first_damaged(0) == 0);
	put_sized(1, 2 * CHUNK_SIZE);	/* every chunk of it is what it was */
	ck_assert_int_eq(truncate(file(1, ""), 2 * CHUNK_SIZE + 1), 0);
	scrub();
	ck_assert(row(1).state == IMAGE_IS_DAMAGED && first_damaged(1) == 1);
}
END_TEST

START_TEST(lost_sums_are_made_again)
{
	put_image(0);
	ck_assert_int_eq(unlink(file(0, ".sums")), 0);
	scrub();
	ck_assert(row(0).state == IMAGE_IS_GOOD && row(0).verified_ms == rig.w.wall_ms && scrubber()->counts.lost_sums == 1);
	ck_assert_int_eq(access(file(0, ".sums"), F_OK), 0);
	scrub();
	ck_assert_uint_eq(scrubber()->counts.lost_sums, 1);
}
END_TEST

START_TEST(a_lost_dag_leaves_the_image_good)
{
	put_image(0);
	flip(0, ".dag", 8);
	scrub();
	ck_assert(row(0).state == IMAGE_IS_GOOD && row(0).is_dag_lost && row(0).damaged_chunks == 0);
	scrub();
	ck_assert_msg(scrubber()->counts.lost_dags == 1, "told once");
}
END_TEST

START_TEST(lost_sums_leave_a_damaged_dag_as_it_is)
{
	struct hash32 dag;
	struct stat before, after;
	struct image_row i;

	put_image(0);
	dag = row(0).digests.dag;
	flip(0, ".dag", 8);
	ck_assert_int_eq(stat(file(0, ".dag"), &before), 0);
	ck_assert_int_eq(unlink(file(0, ".sums")), 0);
	scrub();
	i = row(0);
	ck_assert(i.is_dag_lost && hash32_eq(&i.digests.dag, &dag));
	ck_assert(stat(file(0, ".dag"), &after) == 0 && after.st_size == before.st_size);
}
END_TEST

/* Whoever called it lost lacked something else then. */
START_TEST(blocks_that_are_there_after_all_are_not_lost_any_more)
{
	put_image(0);
	ck_ok(images_set_dag_lost(rig.w.store, &name[0], &err));
	flip(0, ".dag", 8);
	scrub();
	ck_assert_msg(row(0).is_dag_lost && scrubber()->counts.lost_dags == 0, "it was known");
	flip(0, ".dag", 8);
	ck_assert_msg(is_judged_after_read(), "who wants it fetched hears of it");
	ck_assert(!row(0).is_dag_lost && row(0).state == IMAGE_IS_GOOD && row(0).verified_ms == rig.w.wall_ms);
}
END_TEST

/* It may lack its blocks for all that is known here: an adopted one. */
START_TEST(blocks_of_which_there_are_none_stay_lost)
{
	struct blob_digests d;

	put_image(0);
	d = row(0).digests;
	d.dag_bytes = 0;
	ck_ok(images_set_good(rig.w.store, &name[0], SIZE, &d, "", rig.w.wall_ms, &err));
	ck_ok(images_set_dag_lost(rig.w.store, &name[0], &err));
	scrub();
	ck_assert(row(0).is_dag_lost && row(0).verified_ms == rig.w.wall_ms);
}
END_TEST

START_TEST(new_sums_do_not_make_good_what_else_is_lost)
{
	put_image(0);
	ck_ok(images_set_dag_lost(rig.w.store, &name[0], &err));
	flip(0, ".dag", 8);
	ck_assert_int_eq(unlink(file(0, ".sums")), 0);
	scrub();
	ck_assert(scrubber()->counts.lost_sums == 1 && row(0).is_dag_lost);
}
END_TEST

START_TEST(the_servers_doubt_is_looked_into)
{
	put_image(0);
	flip(0, ".dag", 8);
	keeper_dag_rotten(&rig.k, &name[0]);
	run();
	ck_assert_msg(row(0).is_dag_lost && scrubber()->counts.images == 0 && scrubber()->counts.bytes == 0, "without reading the image");
}
END_TEST

START_TEST(one_fetch_may_help_a_dag_that_is_as_written)
{
	struct blob_digests d;

	put_image(0);
	keeper_dag_rotten(&rig.k, &name[0]);
	run();
	ck_assert(row(0).is_dag_lost);
	d = row(0).digests;
	ck_ok(images_set_good(rig.w.store, &name[0], SIZE, &d, "raw", rig.w.wall_ms, &err));
	keeper_dag_rotten(&rig.k, &name[0]);
	run();
	ck_assert_msg(!row(0).is_dag_lost, "and a second one would not");
}
END_TEST

/* --- what changes meanwhile --- */

START_TEST(evicted_while_it_is_read)
{
	put_image(0);
	flip(0, "", 5);
	later(INTERVAL_S);
	run_to_read();
	ck_ok(images_set_state(rig.w.store, &name[0], IMAGE_IS_EVICTING, row(0).since_ms, &err));	/* in the same millisecond */
	run();
	ck_assert(row(0).state == IMAGE_IS_EVICTING && row(0).damaged_chunks == 0);
}
END_TEST

START_TEST(nothing_leaves_the_disk_while_it_is_read)
{
	put_image(0);
	ck_assert_int_eq(unlink(file(0, ".sums")), 0);
	later(INTERVAL_S);
	run_to_read();
	ck_ok(images_set_state(rig.w.store, &name[0], IMAGE_IS_EVICTING, 1, &err));
	keeper_sweep(&rig.k);
	ck_assert_msg(access(file(0, ""), F_OK) == 0 && scrubber()->watch.is_over, "it lets go first");
	run();
	keeper_sweep(&rig.k);
	ck_assert_int_eq(images_get(rig.w.store, &name[0], &(struct image_row){ .size = 0 }, NULL), ERR_NOT_FOUND);
	ck_assert_msg(access(file(0, ""), F_OK) && access(file(0, ".sums"), F_OK), "and nothing is left of it");
}
END_TEST

START_TEST(replaced_while_it_is_read)
{
	struct blob_digests d;

	put_image(0);
	d = row(0).digests;
	flip(0, "", 5);
	later(INTERVAL_S);
	run_to_read();
	rig.w.wall_ms += 1;
	ck_ok(images_set_good(rig.w.store, &name[0], SIZE, &d, "raw", rig.w.wall_ms, &err));
	rig.w.mono_ms = scrubber()->read_ms;	/* no second turn */
	run();
	ck_assert_msg(row(0).state == IMAGE_IS_GOOD, "what was read was another file");
}
END_TEST

START_TEST(a_fetch_does_not_wait_for_it)
{
	struct fetch_place place = { .is_whole = false };
	struct fetcher_owner *owner = &rig.k.fetcher.owner;
	int64_t verified;

	put_image(0);
	verified = row(0).verified_ms;
	ck_ok(owner->look(owner->arg, &name[0], &place, &err));
	ck_assert_msg(place.is_whole && place.has_room, "a repair takes no room");
	later(INTERVAL_S);
	run_to_read();
	ck_refused(owner->look(owner->arg, &name[0], &place, &err), ERR_BUSY, "its files are being read");
	ck_assert(scrubber()->watch.is_over);
	rig.w.mono_ms = scrubber()->read_ms;
	run();
	ck_ok(owner->look(owner->arg, &name[0], &place, &err));
	ck_assert(row(0).verified_ms == verified || scrubber()->counts.bytes == SIZE);
	ck_assert_msg(row(0).state == IMAGE_IS_GOOD, "what was broken off says nothing");
}
END_TEST

START_TEST(a_fetch_of_blocks_meets_a_damaged_image)
{
	struct fetch_place place = { .is_whole = true };
	struct fetcher_owner *owner = &rig.k.fetcher.owner;

	put_image(0);
	ck_ok(images_set_dag_lost(rig.w.store, &name[0], &err));
	ck_assert_int_eq(truncate(file(0, ""), 5), 0);
	ck_ok(owner->look(owner->arg, &name[0], &place, &err));
	ck_assert_msg(!place.is_whole && row(0).state == IMAGE_IS_DAMAGED, "all of it is repaired then");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		each_has_its_turn_once_and_evenly, not_right_after_a_start, overdue_ones_do_not_come_all_at_once,
		recovery_goes_first_but_not_for_ever, a_whole_one_is_verified, damaged_chunks_are_noted,
		a_file_that_is_gone_or_too_long_is_damage, lost_sums_are_made_again, a_lost_dag_leaves_the_image_good,
		lost_sums_leave_a_damaged_dag_as_it_is, the_servers_doubt_is_looked_into, one_fetch_may_help_a_dag_that_is_as_written,
		blocks_that_are_there_after_all_are_not_lost_any_more, blocks_of_which_there_are_none_stay_lost,
		new_sums_do_not_make_good_what_else_is_lost, evicted_while_it_is_read, nothing_leaves_the_disk_while_it_is_read, replaced_while_it_is_read, a_fetch_does_not_wait_for_it,
		a_fetch_of_blocks_meets_a_damaged_image,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("scrubber");
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
