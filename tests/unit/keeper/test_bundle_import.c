/* test_bundle_import.c: imports as they come and go: one at a time, in order, given up, forgotten; images by their digest. What a bundle
 * has to be is in tests/unit/ipfs/test_bundle.c, on whose word it counts in tests/integration/bundle.test.mjs. */
#include "base/cleanup.h"
#include "formats/sha256.h"
#include "keeper/bundle_import.h"
#include "rig.h"
#include "store/audit.h"
#include "../support/preads.h"

#define SIZE 100000

static struct rig rig;
static uint8_t image[SIZE];
static struct hash32 sha256;
static struct audit_row newest;

static int keep_newest(void *arg, const struct audit_row *a, struct err *e)
{
	(void)arg, (void)e;
	newest = *a;
	return ERR_OK;
}

/* A release that names the image, with a manifest that this size is written in. */
static void publish(uint64_t size)
{
	struct suit_manifest m = world_manifest(&rig.w, 0);

	m.image_sha256 = sha256;
	m.image_size = size;
	world_publish_as(&rig.w, 0, &m, "A");
	world_final(&rig.w, 0);
	world_settle(&rig.w);
}

static const struct sm_state serving[] = { { "waiting", SM_TO(1) }, { "serving", 0 } };	/* as keeper.c has them */

static void setup(void)
{
	rig_open(&rig);
	sm_init(&rig.k.sm, "keeper", serving, 0);
	sm_move(&rig.k.sm, 1);
	rig.k.settling.data = &rig.k;
	for (size_t i = 0; i < SIZE; i++)
		image[i] = (uint8_t)(i * 7 + i / 300);
	sha256 = sha256_of(SPAN(image, SIZE));
	world_register(&rig.w, 0, 1, "A");
}

static void teardown(void)
{
	bundle_import_free(STEAL_PTR(rig.k.import));
	rig_close(&rig);
}

static int begin(bool is_image, uint64_t size)
{
	struct bundle_ask ask = { .is_image = is_image, .size = size, .sha256 = sha256, .who = "courier", .address = SPAN_LIT("192.0.2.7") };

	return bundle_import_begin(&rig.k, &ask, &err);
}

static int put(uint64_t offset, size_t n)
{
	return bundle_import_bytes(rig.k.import, offset, SPAN(image + offset, n), &err);
}

static const char *state(void)
{
	static char text[32];
	json_t *o = bundle_import_json(rig.k.import);

	snprintf(text, sizeof text, "%s", json_string_value(json_object_get(o, "state")));
	json_decref(o);
	return text;
}

static bool has(const char *suffix)
{
	char path[BLOB_PATH_MAX + 16];
	struct stat st;

	snprintf(path, sizeof path, "%s%s", blobs_path(&sha256, (char[BLOB_PATH_MAX]){ 0 }), suffix);
	return fstatat(blobs_fd(rig.k.blobs), path, &st, 0) == 0;
}

static bool has_part(void)
{
	return has(".part");
}

static void audited(const char *action, const char *detail)
{
	for (uint64_t n = 0;; n = newest.n) {
		newest.n = 0;
		ck_ok(audit_each(rig.k.store, n, 1, keep_newest, NULL, &err));
		ck_assert_msg(newest.n, "%s is not in the log", action);
		if (!strcmp(newest.action, action))
			break;
	}
	ck_assert_str_eq(newest.actor, "courier");
	ck_assert_str_eq(newest.address, "192.0.2.7");
	ck_assert_msg(strstr(newest.detail, detail), "%s", newest.detail);
}

START_TEST(an_image_comes_in_pieces)
{
	struct image_row row;

	publish(SIZE);
	ck_ok(begin(true, SIZE));
	for (size_t at = 0; at < SIZE; at += 1000)
		ck_ok(put(at, 1000));
	ck_assert_str_eq(state(), "finishing");
	uv_run(&rig.k.loop, UV_RUN_ONCE);
	while (!strcmp(state(), "finishing"))
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert_str_eq(state(), "done");
	ck_ok(images_get(rig.k.store, &sha256, &row, &err));
	ck_assert_int_eq(row.state, IMAGE_IS_GOOD);
	ck_assert_str_eq(row.cid, "");		/* its bytes are cut otherwise than the manifest's CID says: nothing is told of that one */
	ck_assert_str_eq(world_state(&rig.w, 0, 1), "active");
	audited("image.import", "");
	ck_assert(begin(true, SIZE) == ERR_EXISTS);
}
END_TEST

START_TEST(other_bytes_are_refused)
{
	struct image_row row;

	publish(SIZE);
	ck_ok(begin(true, SIZE));
	image[SIZE - 1] ^= 1;
	ck_ok(put(0, SIZE));
	while (!strcmp(state(), "finishing"))
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert_str_eq(state(), "refused");
	ck_assert(!has_part());
	ck_assert(images_get(rig.k.store, &sha256, &row, NULL) != ERR_OK || row.state != IMAGE_IS_GOOD);
	audited("image.refuse", "SHA-256");
}
END_TEST

/* Its part is the import's: no fetch, and no look at what lies there. */
START_TEST(nobody_else_works_at_what_comes)
{
	struct recover_counts n = { .lost = 0 };
	struct fetch_progress p;

	publish(SIZE);
	ck_ok(begin(true, SIZE));
	ck_ok(put(0, 1000));
	ck_ok(images_want(rig.k.store, &sha256, SIZE, "", 1, &err));
	ck_ok(keeper_look_at_objects(&rig.k, &n, &err));
	ck_assert_uint_eq(n.resume, 0);
	ck_ok(images_delete(rig.k.store, &sha256, &err));
	ck_ok(releases_set_state(rig.k.store, &rig.w.product[0].id, 1, RELEASE_EVICTED, "", 1, NULL, &err));
	keeper_image_wanted(&rig.k, &sha256);
	ck_assert(!fetcher_progress(&rig.k.fetcher, &sha256, &p) && has_part());
}
END_TEST

/* Nor does its part leave for that nobody has asked for it lately. */
START_TEST(what_comes_is_not_forsaken)
{
	struct image_row row;

	publish(SIZE);
	ck_ok(begin(true, SIZE));
	ck_ok(put(0, 1000));
	ck_ok(images_want(rig.k.store, &sha256, SIZE, "", rig.w.wall_ms, &err));
	ck_ok(images_set_state(rig.k.store, &sha256, IMAGE_IS_FETCHING, rig.w.wall_ms, &err));
	rig.k.is_recovered = true;
	rig.w.wall_ms += EVICT_UNREAD_MS;
	keeper_sweep(&rig.k);
	ck_ok(images_get(rig.k.store, &sha256, &row, &err));
	ck_assert(row.state == IMAGE_IS_FETCHING && has_part());
}
END_TEST

/* Another image, which somebody may do without, and no room beside the two. */
static void damaged_in_a_full_cache(void)
{
	struct blob_digests d = { .sums = hash_of(1) };
	struct images_totals t;

	world_image(&rig.w, 7, IMAGE_IS_GOOD);
	ck_ok(images_set_good(rig.k.store, &sha256, SIZE, &d, "raw", 1, &err));
	ck_ok(images_add_damage(rig.k.store, &sha256, 0, 1, &err));
	ck_ok(images_totals(rig.k.store, &t, &err));
	rig.k.conf->cache.size = t.bytes;
}

START_TEST(a_repair_has_its_room)
{
	struct hash32 other = world_sha(7);
	struct image_row row;

	publish(SIZE);
	damaged_in_a_full_cache();
	ck_ok(begin(true, SIZE));
	ck_ok(put(0, SIZE));
	while (!strcmp(state(), "finishing"))
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert_str_eq(state(), "done");
	ck_ok(images_get(rig.k.store, &other, &row, &err));
	ck_assert_int_eq(row.state, IMAGE_IS_GOOD);
}
END_TEST

START_TEST(what_is_not_here_needs_room)
{
	publish(SIZE);
	rig.k.conf->cache.size = SIZE - 1;
	ck_assert_int_eq(begin(true, SIZE), ERR_NO_SPACE);
}
END_TEST

/* It might write digests behind the import. */
START_TEST(no_repair_while_the_scrubber_reads_it)
{
	struct image_row row;

	publish(SIZE);
	damaged_in_a_full_cache();
	ck_ok(images_get(rig.k.store, &sha256, &row, &err));
	scrubber_read(&rig.k.scrubber, &row);
	ck_assert_int_eq(begin(true, SIZE), ERR_BUSY);
	while (scrubber_is_reading(&rig.k.scrubber, &sha256))
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_ok(begin(true, SIZE));
}
END_TEST

static const struct { const char *rule; uint64_t published, asked; enum err_code code; } unknown[] = {
	{ "some manifest names it", 0, SIZE, ERR_NOT_FOUND },
	{ "with this size", SIZE + 1, SIZE, ERR_NOT_FOUND },
	{ "an image has bytes", SIZE, 0, ERR_LIMIT },
	{ "and not too many", SIZE, IMAGE_MAX + 1, ERR_LIMIT },
};

START_TEST(what_no_manifest_names_is_not_begun)
{
	if (unknown[_i].published)
		publish(unknown[_i].published);
	ck_assert_msg(begin(true, unknown[_i].asked) == (int)unknown[_i].code, "%s: %s", unknown[_i].rule, err.msg);
	ck_assert(rig.k.import == NULL);
}
END_TEST

START_TEST(a_revoked_one_is_not_begun)
{
	publish(SIZE);
	world_revoke(&rig.w, 0, 1);
	world_final(&rig.w, 0);
	world_settle(&rig.w);
	ck_assert(begin(true, SIZE) == ERR_NOT_FOUND);
}
END_TEST

START_TEST(pieces_come_in_order)
{
	publish(SIZE);
	ck_ok(begin(true, SIZE));
	ck_ok(put(0, 500));
	ck_assert(put(0, 500) == ERR_EXISTS);
	ck_assert(put(501, 500) == ERR_EXISTS);
	ck_ok(put(500, 500));		/* neither ended it */
	ck_assert(bundle_import_bytes(rig.k.import, 1000, SPAN(image, 0), &err) == ERR_LIMIT);
	ck_assert_str_eq(state(), "refused");
	ck_assert(put(1000, 500) == ERR_RULE);
	ck_assert(!has_part());
}
END_TEST

START_TEST(no_more_bytes_than_were_said)
{
	ck_ok(begin(false, 1000));
	ck_assert(put(0, 1001) == ERR_LIMIT);
	ck_assert_str_eq(state(), "refused");
	audited("bundle.refuse", "1000 bytes");
}
END_TEST

START_TEST(one_at_a_time)
{
	publish(SIZE);
	ck_ok(begin(true, SIZE));
	ck_assert(bundle_import_brings(rig.k.import, &sha256));
	rig.w.mono_ms += BUNDLE_IDLE_MS - 1;
	ck_assert(begin(false, 1000) == ERR_BUSY);
	ck_ok(put(0, 500));		/* still there */
	rig.w.mono_ms += BUNDLE_IDLE_MS;
	ck_ok(begin(false, 1000));
	ck_assert(!bundle_import_brings(rig.k.import, &sha256));
	ck_assert(!has_part());
	audited("image.refuse", "nothing came any more");
}
END_TEST

START_TEST(who_has_gone_is_let_go_of)
{
	publish(SIZE);
	ck_ok(begin(true, SIZE));
	ck_ok(put(0, 500));
	rig.w.mono_ms += BUNDLE_IDLE_MS - 1;
	bundle_import_tidy(rig.k.import);
	ck_assert_str_eq(state(), "taking");
	rig.w.mono_ms++;
	bundle_import_tidy(rig.k.import);
	ck_assert_str_eq(state(), "refused");
	ck_assert(!has_part());
}
END_TEST

START_TEST(given_up)
{
	publish(SIZE);
	ck_ok(begin(true, SIZE));
	ck_assert(has_part());
	ck_assert(bundle_import_give_up(rig.k.import, "enough"));
	ck_assert(!has_part());
	ck_ok(begin(true, SIZE));
	ck_ok(put(0, SIZE));
	ck_assert_msg(!bundle_import_give_up(rig.k.import, "too late"), "a worker has it");
	while (!strcmp(state(), "finishing"))
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert_str_eq(state(), "done");
}
END_TEST

/* "good chunks are served": they must outlive an import that comes to nothing. */
START_TEST(a_repair_that_is_given_up_loses_nothing)
{
	publish(SIZE);
	ck_ok(begin(true, SIZE));
	ck_ok(put(0, SIZE));
	while (!strcmp(state(), "finishing"))
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_ok(images_add_damage(rig.k.store, &sha256, 1, 5, &err));
	ck_ok(begin(true, SIZE));
	ck_ok(put(0, 500));
	ck_assert(bundle_import_give_up(rig.k.import, "enough"));
	ck_assert(has_part());
}
END_TEST

/* What a fetch has brought is not gone because one read of it failed. */
START_TEST(what_a_fetch_has_kept_and_cannot_be_read_stays)
{
	struct blob *w;

	publish(SIZE);
	ck_ok(blob_start(rig.k.blobs, &sha256, SIZE, &w, NULL, &err));
	ck_ok(blob_add_block(w, SPAN_LIT("cid"), SPAN_LIT("node"), &err));
	blob_free(w);
	preads_fail(".dag.part", 1, false);
	ck_assert_int_eq(begin(true, SIZE), ERR_IO);
	ck_assert(has_part() && has(".dag.part"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bundle-import");
	TCase *t = tcase_create("bundle-import");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_image_comes_in_pieces);
	tcase_add_test(t, nobody_else_works_at_what_comes);
	tcase_add_test(t, what_comes_is_not_forsaken);
	tcase_add_test(t, other_bytes_are_refused);
	tcase_add_test(t, a_repair_has_its_room);
	tcase_add_test(t, what_is_not_here_needs_room);
	tcase_add_test(t, no_repair_while_the_scrubber_reads_it);
	tcase_add_loop_test(t, what_no_manifest_names_is_not_begun, 0, sizeof unknown / sizeof *unknown);
	tcase_add_test(t, a_revoked_one_is_not_begun);
	tcase_add_test(t, pieces_come_in_order);
	tcase_add_test(t, no_more_bytes_than_were_said);
	tcase_add_test(t, one_at_a_time);
	tcase_add_test(t, who_has_gone_is_let_go_of);
	tcase_add_test(t, given_up);
	tcase_add_test(t, a_repair_that_is_given_up_loses_nothing);
	tcase_add_test(t, what_a_fetch_has_kept_and_cannot_be_read_stays);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
