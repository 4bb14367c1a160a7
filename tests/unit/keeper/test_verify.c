/* test_verify.c: what `cache verify` finds, what it calls repaired, how long it waits for repairs, and what it does not count twice. */
#include "store/faulty.h"	/* first: the next one has a `name` */
#include "scrubbing.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "store/owncopy.h"
#include "store/store_own.h"
#include "support/fds.h"
#include "support/no_bytes.h"
#include "support/unread.h"

#include <jansson.h>

static json_t *said;

static void open_all(void)
{
	struct floor_item item = { .product = hash_of(9), .name = "a/b", .proven = 1 };

	setup();
	said = NULL;
	ck_ok(floor_note(rig.w.floors, &item, &err));
	ck_ok(floor_save(rig.w.floors, &err));
	keeper_begin_copy(&rig.k);
	ck_ok(owncopy_save(rig.w.store, &err));
	rig.k.is_recovered = true;
	chain_pause(&rig.k.chain);
}

static void close_all(void)
{
	json_decref(said);
	teardown();
}

static void begin(bool with_images)
{
	rig.k.verify = verify_new(&rig.k, 7, with_images);
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static const json_t *look(void)
{
	json_decref(said);
	return said = verify_json(rig.k.verify);
}

static bool is_at(const char *state)
{
	return !strcmp(text(look(), "state"), state);
}

/* No timer after it, as UV_RUN_ONCE would. */
static void end_read(void)
{
	while (scrubber()->sm.at == SCRUB_READING)
		uv_run(&rig.k.loop, UV_RUN_NOWAIT);
}

/* One step; a read that it has asked for ends too. */
static void turn(void)
{
	scrubber()->timer.timer_cb(&scrubber()->timer);
	end_read();
}

static void go_to(const char *state)
{
	for (int i = 0; !is_at(state); i++) {
		ck_assert_msg(i < 100, "it stays %s", text(said, "state"));
		turn();
	}
}

/* Nothing gets on: what is open then is not repaired. */
static void verify(void)
{
	begin(true);
	go_to("repairing");
	turn();
	if (!is_at("done")) {
		later(VERIFY_REPAIR_MS / 1000);
		turn();
	}
	ck_assert(is_at("done"));
}

static bool has_trouble(void)
{
	return json_is_string(json_object_get(look(), "trouble"));
}

static bool is_whole(void)
{
	return json_is_true(json_object_get(look(), "whole"));
}

static const json_t *finding(size_t n)
{
	return json_array_get(json_object_get(look(), "findings"), n);
}

/* One thing was found, and this. */
static void found(const char *what, const char *which, bool is_repaired)
{
	ck_assert_msg(number(look(), "found") == 1, "found: %s", json_dumps(said, 0));
	ck_assert_str_eq(text(finding(0), "what"), what);
	ck_assert_msg(!which || !strcmp(text(finding(0), "name"), which), "%s", text(finding(0), "name"));
	ck_assert_int_eq(json_is_true(json_object_get(finding(0), "repaired")), is_repaired);
}

static void write_at(const char *path, off_t at, const char *bytes)
{
	int fd = openat(rig.k.state_dir, path, O_WRONLY | O_CLOEXEC);

	ck_assert(fd >= 0 && pwrite(fd, bytes, strlen(bytes), at) > 0);
	close(fd);
}

/* --- images --- */

START_TEST(all_is_well)
{
	for (unsigned n = 0; n < 3; n++)
		put_image(n);
	verify();
	ck_assert(is_whole() && number(said, "found") == 0 && number(said, "id") == 7);
	ck_assert(number(json_object_get(said, "images"), "done") == 3 && number(json_object_get(said, "images"), "total") == 3);
	ck_assert_uint_eq(number(json_object_get(said, "bytes"), "done"), 3 * SIZE);
	ck_assert_uint_eq(scrubber()->counts.images, 3);
}
END_TEST

START_TEST(without_images_it_is_soon_over)
{
	put_image(0);
	flip(0, "", 5);
	begin(false);
	for (int i = 0; !verify_is_over(rig.k.verify); i++) {
		ck_assert_msg(i < 100, "it goes on");
		verify_turn(rig.k.verify);
	}
	ck_assert_uint_eq(scrubber()->counts.images, 0);
}
END_TEST

enum { FLIPPED, TOO_LONG, GONE, SUMS_GONE, DAG_FLIPPED, WAYS };

static const struct { const char *what; bool is_repaired; uint64_t chunks; } rot[WAYS] = {
	{ "image", false, 2 }, { "image", false, 1 }, { "image", false, 1 }, { "digests", true, 0 }, { "blocks", false, 0 },
};

static void spoil(int how)
{
	if (how == FLIPPED) {
		flip(0, "", 5);
		flip(0, "", CHUNK_SIZE);
	}
	if (how == TOO_LONG)
		ck_assert_int_eq(truncate(file(0, ""), 2 * CHUNK_SIZE + 1), 0);
	if (how == GONE)
		ck_assert_int_eq(unlink(file(0, "")), 0);
	if (how == SUMS_GONE)
		ck_assert_int_eq(unlink(file(0, ".sums")), 0);
	if (how == DAG_FLIPPED)
		flip(0, ".dag", 8);
}

/* Only once objects/ was looked at, which would see some of it sooner. */
START_TEST(rot_is_found_and_named)
{
	put_sized(0, 2 * CHUNK_SIZE);
	begin(true);
	go_to("images");
	spoil(_i);
	go_to("repairing");
	found(rot[_i].what, NULL, rot[_i].is_repaired);
	ck_assert_uint_eq(number(finding(0), "chunks"), rot[_i].chunks);
	turn();
	ck_assert_msg(is_at(rot[_i].is_repaired ? "done" : "repairing"), "what is open is waited for");
}
END_TEST

START_TEST(an_image_that_could_not_be_read_is_not_called_whole)
{
	put_image(0);
	begin(true);
	go_to("images");
	fds_allow(0);
	turn();
	fds_allow(1000);
	for (int i = 0; i < 3 && !is_at("done"); i++)
		turn();
	ck_assert(is_at("done") && !is_whole() && number(said, "found") == 0 && has_trouble());
}
END_TEST

START_TEST(what_waits_already_is_waited_for_once)
{
	put_image(0);
	put_image(1);
	flip(1, ".dag", 8);
	ck_ok(images_add_damage(rig.w.store, &name[0], 1, 0, &err));
	ck_ok(images_set_dag_lost(rig.w.store, &name[1], &err));
	verify();
	ck_assert(number(look(), "found") == 2 && !is_whole());
	ck_assert_msg(scrubber()->counts.images == 1, "what is damaged is not read again");
	ck_assert_uint_eq(number(json_object_get(said, "images"), "done"), 2);
}
END_TEST

START_TEST(what_others_met_meanwhile_counts)
{
	put_image(0);
	begin(true);
	go_to("images");
	ck_ok(images_add_damage(rig.w.store, &name[0], 1, 0, &err));
	go_to("repairing");
	found("image", NULL, false);
}
END_TEST

START_TEST(what_is_damaged_is_not_read)
{
	put_image(0);
	ck_ok(images_add_damage(rig.w.store, &name[0], 1, 0, &err));
	verify();
	ck_assert_msg(scrubber()->image.size == 0, "nothing ever was");
}
END_TEST

START_TEST(what_is_being_fetched_is_not_read)
{
	put_image(0);
	begin(true);
	go_to("images");
	ck_ok(fetcher_want(&rig.k.fetcher, &(struct ledger_want){ .sha256 = name[0], .size = SIZE, .cid = world_cid[0], .product = world_name[0],
		.version = "1", .sequence = 1 }, &err));
	ck_assert(fetcher_is_fetching(&rig.k.fetcher, &name[0]));
	turn();
	ck_assert(scrubber()->counts.images == 0 && number(json_object_get(look(), "images"), "done") == 1);
}
END_TEST

/* Until an image is being read for it. */
static void read_first(void)
{
	begin(true);
	for (int i = 0; scrubber()->sm.at != SCRUB_READING; i++) {
		ck_assert_msg(i < 100, "nothing is read");
		scrubber()->timer.timer_cb(&scrubber()->timer);
	}
}

static uint64_t done(void)
{
	return number(json_object_get(look(), "images"), "done");
}

START_TEST(replaced_while_it_is_read)
{
	struct image_row i;

	put_image(0);
	read_first();
	i = row(0);
	ck_ok(images_set_good(rig.w.store, &name[0], SIZE, &i.digests, "raw", i.verified_ms + 1, &err));
	end_read();
	ck_assert_msg(done() == 0, "it is read once more");
	turn();
	ck_assert(done() == 1 && scrubber()->counts.images == 1);
}
END_TEST

START_TEST(evicted_while_it_is_read)
{
	put_image(0);
	flip(0, "", 5);
	read_first();
	ck_ok(images_set_state(rig.w.store, &name[0], IMAGE_IS_EVICTING, 1, &err));
	end_read();
	ck_assert_msg(done() == 1 && number(said, "found") == 0, "it is nobody's any more");
}
END_TEST

START_TEST(another_ones_read_counts_for_nothing)
{
	put_image(0);
	flip(0, "", 5);
	later(INTERVAL_S);
	run_to_read();
	begin(true);
	end_read();
	ck_assert(done() == 0 && number(said, "found") == 0);
}
END_TEST

/* --- repairs --- */

enum { MENDED, FORGOTTEN, STILL_DAMAGED, WANTED, BEING_FETCHED, BLOCKS_LOST, ENDS };

static void end_as(int how)
{
	struct image_row i = row(0);

	if (how == FORGOTTEN)
		ck_ok(images_delete(rig.w.store, &name[0], &err));
	if (how == MENDED || how == BLOCKS_LOST)
		ck_ok(images_set_good(rig.w.store, &name[0], SIZE, &i.digests, "raw", rig.w.wall_ms, &err));
	if (how == BLOCKS_LOST)
		ck_ok(images_set_dag_lost(rig.w.store, &name[0], &err));
	if (how == WANTED)
		ck_ok(images_set_state(rig.w.store, &name[0], IMAGE_IS_WANTED, 1, &err));
	if (how == BEING_FETCHED)
		ck_ok(images_set_state(rig.w.store, &name[0], IMAGE_IS_FETCHING, 1, &err));
}

START_TEST(repaired_is_whole_again_or_gone)
{
	bool is_repaired = _i == MENDED || _i == FORGOTTEN;

	put_image(0);
	flip(0, "", 5);
	begin(true);
	go_to("repairing");
	end_as(_i);
	turn();
	found("image", NULL, is_repaired);
	ck_assert(is_at(is_repaired ? "done" : "repairing"));
	later(VERIFY_REPAIR_MS / 1000);
	turn();
	ck_assert(is_at("done") && is_whole() == is_repaired);
}
END_TEST

START_TEST(it_waits_as_long_as_something_gets_on)
{
	struct hash32 other = world_sha(9);

	put_image(0);
	flip(0, "", 5);
	begin(true);
	go_to("repairing");
	ck_ok(fetcher_want(&rig.k.fetcher, &(struct ledger_want){ .sha256 = other, .size = SIZE, .cid = world_cid[0], .product = world_name[0],
		.version = "1", .sequence = 1 }, &err));
	for (int i = 0; i < 3; i++) {
		turn();
		later(VERIFY_REPAIR_MS / 1000);
	}
	ck_assert_msg(is_at("repairing"), "it may be the next one's turn");
	fetcher_unwant(&rig.k.fetcher, &(struct ledger_want){ .sha256 = other, .product = world_name[0], .sequence = 1 });
	ck_assert(!fetcher_is_working(&rig.k.fetcher));
	turn();
	ck_assert(is_at("done"));
}
END_TEST

START_TEST(the_first_look_is_at_once)
{
	begin(true);
	while (!is_at("repairing"))
		ck_assert_int_eq(verify_turn(rig.k.verify), 0);
	rig.k.adoptions = 1;
	ck_assert_int_eq(verify_turn(rig.k.verify), VERIFY_LOOK_MS);
	rig.k.adoptions = 0;
	ck_assert_int_eq(verify_turn(rig.k.verify), -1);
}
END_TEST

START_TEST(what_is_being_adopted_is_waited_for)
{
	begin(true);
	go_to("images");
	rig.k.adoptions = 1;
	go_to("repairing");
	turn();
	later(VERIFY_REPAIR_MS / 1000);
	turn();
	ck_assert(is_at("repairing"));
	rig.k.adoptions = 0;
	turn();
	ck_assert(is_at("done"));
}
END_TEST

/* Who asks wants to know now. */
START_TEST(repairs_are_hurried)
{
	uint64_t size = rig.k.conf->cache.size;

	put_image(0);
	ck_assert_int_eq(unlink(file(0, ".dag")), 0);
	ck_ok(images_set_state(rig.w.store, &name[0], IMAGE_IS_WANTED, 1, &err));
	rig.k.conf->cache.size = 1;	/* so that its first try fails at once */
	ck_ok(fetcher_want(&rig.k.fetcher, &(struct ledger_want){ .sha256 = name[0], .size = SIZE, .cid = world_cid[0], .product = world_name[0],
		.version = "1", .sequence = 1 }, &err));
	rig.k.conf->cache.size = size;
	ck_assert(!fetcher_is_fetching(&rig.k.fetcher, &name[0]));
	ck_ok(images_set_state(rig.w.store, &name[0], IMAGE_IS_DAMAGED, 1, &err));
	begin(true);
	go_to("repairing");
	ck_assert(fetcher_is_fetching(&rig.k.fetcher, &name[0]));
}
END_TEST

START_TEST(what_is_not_named_is_counted)
{
	struct blob_digests d = { .sums = hash_of(1) };
	struct store_tx tx = store_begin(rig.w.store);

	for (unsigned n = 0; n <= VERIFY_FINDINGS_MAX; n++) {
		struct hash32 sha = hash_of(n);

		ck_ok(images_set_good(rig.w.store, &sha, SIZE, &d, "raw", 1, &err));
		ck_ok(images_set_state(rig.w.store, &sha, IMAGE_IS_DAMAGED, 1, &err));
	}
	ck_ok(store_commit(&tx, &err));
	store_tx_end(&tx);
	begin(true);
	go_to("images");
	ck_assert_uint_eq(number(said, "found"), VERIFY_FINDINGS_MAX + 1);
	ck_assert_uint_eq(json_array_size(json_object_get(said, "findings")), VERIFY_FINDINGS_MAX);
	ck_ok(db_exec(rig.w.store->db, "DELETE FROM image", &err));
	go_to("done");
	ck_assert_msg(!is_whole(), "all that are named are gone, and there was one more");
}
END_TEST

/* --- files --- */

static void spoil_floor(const char *which)
{
	write_at(which, 3, "rot");
}

START_TEST(a_floor_file_is_written_again)
{
	spoil_floor("floor.a");
	verify();
	found("floor", "floor", true);
	ck_assert(is_whole());
}
END_TEST

START_TEST(both_floor_files_are_written_again)
{
	spoil_floor("floor.a");
	spoil_floor("floor.b");
	verify();
	ck_assert(number(look(), "found") == 2 && is_whole());
	ck_assert_str_eq(text(finding(1), "name"), "floor.b");
}
END_TEST

static void verify_files_on_a_full_disk(void)
{
	begin(true);
	go_to("files");
	refuse_bytes(true);
	turn();
	refuse_bytes(false);
	ck_assert(is_at("entries"));
}

/* On a disk that refuses nothing else. */
START_TEST(a_floor_file_that_cannot_be_written)
{
	floor_free(rig.w.floors);
	ck_ok(floor_load(rig.k.state_dir, &sysio_faulty, &rig.w.floors, &err));
	rig.k.floors = rig.k.ledger.floors = rig.w.ledger.floors = rig.w.floors;
	spoil_floor("floor.a");
	faulty.at = faulty.calls + 1;
	faulty.sys = ENOSPC;
	faulty.only = "pwrite";
	faulty.is_sticky = true;
	begin(true);
	go_to("entries");
	faulty.at = 0;
	found("floor", "floor", false);
	ck_assert(has_trouble());
}
END_TEST

START_TEST(the_second_copy_is_made_again)
{
	write_at("own/gatepost.db", 5000, "rot rot");
	verify();
	found("second-copy", "own", true);
	verify_free(STEAL_PTR(rig.k.verify));
	verify();
	ck_assert_msg(is_whole() && number(said, "found") == 0, "it was");
}
END_TEST

START_TEST(a_second_copy_that_cannot_be_looked_at)
{
	write_at("own/gatepost.db", 5000, "rot rot");
	verify_files_on_a_full_disk();
	ck_assert(number(look(), "found") == 0 && has_trouble());
}
END_TEST

START_TEST(objects_that_cannot_be_read_are_told)
{
	verify();
	ck_assert(is_whole());
	verify_free(STEAL_PTR(rig.k.verify));
	unread_from("objects", 0);
	verify();
	ck_assert(!is_whole() && strstr(text(said, "trouble"), "objects: read the directory"));
	ck_assert_msg(!keeper_is_paused(&rig.k), "nothing rests for it");
	unread_from(NULL, 0);
}
END_TEST

static void make_catalog(void)
{
	world_register(&rig.w, 0, 1, "A");
	world_final(&rig.w, 0);
	world_settle(&rig.w);
	rig.k.ledger = rig.w.ledger;
	ck_ok(catalogs_publish(&rig.k, &err));
}

START_TEST(the_catalog_is_written_again)
{
	make_catalog();
	write_at("catalog", 100, "rot");
	verify();
	found("catalog", "catalog", true);
}
END_TEST

START_TEST(a_whole_catalog_is_left_alone)
{
	uint64_t before;

	make_catalog();
	before = rig.k.catalogs.generation;
	verify();
	ck_assert(is_whole() && rig.k.catalogs.generation == before);
}
END_TEST

/* It tells of more than is proven yet: what is in memory is all there is of it. */
START_TEST(a_catalog_of_the_last_run_has_to_wait)
{
	make_catalog();
	ck_ok(catalogs_load(&rig.k, &err));
	rig.k.is_recovered = false;
	write_at("catalog", 100, "rot");
	begin(true);
	go_to("repairing");
	turn();
	ck_assert_msg(is_at("done") && !is_whole(), "waiting here would be in vain");
	found("catalog", "catalog", false);
	ck_assert_msg(!has_trouble() && !keeper_is_paused(&rig.k), "that is no trouble");
}
END_TEST

START_TEST(a_catalog_that_cannot_be_written)
{
	int dir = rig.k.state_dir;

	make_catalog();
	begin(true);
	go_to("files");
	rig.k.state_dir = -1;
	turn();
	rig.k.state_dir = dir;
	ck_assert(is_at("entries"));
	found("catalog", "catalog", false);
	ck_assert(has_trouble());
}
END_TEST

static void cut(const char *path)
{
	int fd = openat(rig.k.state_dir, path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 5), 0);
	close(fd);
}

START_TEST(a_file_of_entries_is_written_again)
{
	char path[80], hex[65];

	make_catalog();
	ck_assert(ledger_find(&rig.k.ledger, &rig.w.product[0].id)->file.bytes > 0);
	snprintf(path, sizeof path, "entries/%s", hex_str(SPAN_OF(rig.w.product[0].id), hex));
	if (_i == 0)
		write_at(path, 3, "rot");
	else
		cut(path);
	verify();
	found("entries", world_name[0], true);
	ck_assert_uint_eq(number(json_object_get(said, "entries"), "done"), rig.k.ledger.products);
}
END_TEST

START_TEST(what_lies_there_is_looked_at)
{
	put_image(0);
	ck_ok(images_delete(rig.w.store, &name[0], &err));
	begin(true);
	go_to("entries");
	ck_assert(number(said, "adopted") == 1 && rig.k.adoptions == 1);
	while (rig.k.adoptions)
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert_int_eq(row(0).state, IMAGE_IS_GOOD);
}
END_TEST

/* Only what an operator asked for is waited for, image by image. */
START_TEST(upkeep_names_no_image)
{
	put_image(0);
	ck_ok(images_add_damage(rig.w.store, &name[0], 1, 0, &err));
	begin(false);
	while (!verify_is_over(rig.k.verify))
		verify_turn(rig.k.verify);
	ck_assert(number(look(), "found") == 0 && is_whole());
}
END_TEST

/* --- the database --- */

START_TEST(a_damaged_database_is_all_that_can_be_said)
{
	begin(true);
	err_drop(db_damage(rig.w.store->db, &err, "a page"));
	verify_turn(rig.k.verify);
	ck_assert(is_at("done") && !is_whole() && strstr(text(said, "trouble"), "damage"));
	ck_assert(keeper_is_paused(&rig.k));
}
END_TEST

START_TEST(its_pages_are_counted)
{
	verify();
	ck_assert(number(look(), "database_pages") > 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		all_is_well, without_images_it_is_soon_over, an_image_that_could_not_be_read_is_not_called_whole,
		what_waits_already_is_waited_for_once, what_others_met_meanwhile_counts, what_is_damaged_is_not_read,
		what_is_being_fetched_is_not_read, replaced_while_it_is_read, evicted_while_it_is_read, another_ones_read_counts_for_nothing,
		it_waits_as_long_as_something_gets_on, the_first_look_is_at_once, what_is_being_adopted_is_waited_for, repairs_are_hurried,
		what_is_not_named_is_counted, a_floor_file_is_written_again, both_floor_files_are_written_again,
		a_floor_file_that_cannot_be_written, the_second_copy_is_made_again, a_second_copy_that_cannot_be_looked_at, objects_that_cannot_be_read_are_told,
		the_catalog_is_written_again, a_whole_catalog_is_left_alone, a_catalog_of_the_last_run_has_to_wait,
		a_catalog_that_cannot_be_written, what_lies_there_is_looked_at, upkeep_names_no_image,
		a_damaged_database_is_all_that_can_be_said, its_pages_are_counted,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("verify");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, open_all, close_all);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, rot_is_found_and_named, 0, WAYS);
	tcase_add_loop_test(tc, a_file_of_entries_is_written_again, 0, 2);
	tcase_add_loop_test(tc, repaired_is_whole_again_or_gone, 0, ENDS);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
