/* test_keeper_images.c: who gets room and who makes it, whose claim is judged, what is wanted back, and what lies on the disk without a row. */
#include "rig.h"
#include "base/cleanup.h"
#include "formats/sha256.h"
#include "store/blob_own.h"
#include "store/stays.h"
#include "store/store_own.h"
#include "support/unread.h"

#include <fcntl.h>
#include <unistd.h>

#define SIZE 1000

static struct rig rig;
static const struct fetcher_owner *owner;

static void setup(void)
{
	static struct fetcher_owner o;

	rig_open(&rig);
	o = keeper_fetcher_owner(&rig.k);
	owner = &o;
	world_register(&rig.w, 0, 1, "A");
	rig.k.ledger = rig.w.ledger;
}

static void teardown(void)
{
	rig_close(&rig);
}

static enum image_state state_of(const struct hash32 *sha256)
{
	struct image_row i;

	return images_get(rig.w.store, sha256, &i, NULL) ? IMAGE_STATES : i.state;
}

static enum image_state image_state(unsigned n)
{
	struct hash32 sha = world_sha(n);

	return state_of(&sha);
}

static void settle(void)
{
	world_settle(&rig.w);
	rig.k.ledger = rig.w.ledger;
}

/* Publishes what another one has published already, by another CID or with another size. */
static void publish_as(size_t product, const struct hash32 *sha256, uint64_t size, unsigned cid)
{
	struct suit_manifest m = world_manifest(&rig.w, product);

	m.image_sha256 = *sha256;
	m.image_size = size;
	snprintf(m.cid, sizeof m.cid, "%s", world_cid[cid]);
	world_publish_as(&rig.w, product, &m, "A");
	world_final(&rig.w, product);
	settle();
}

static struct fetch_target target(unsigned image, unsigned cid)
{
	struct fetch_target t = { .sha256 = world_sha(image), .size = SIZE };

	snprintf(t.cid, sizeof t.cid, "%s", world_cid[cid]);
	return t;
}

/* Nothing can be written, but everything read. */
static void refuse_writes(bool is_refused)
{
	ck_ok(db_exec(rig.w.store->db, is_refused ? "PRAGMA query_only=ON" : "PRAGMA query_only=OFF", &err));
}

/* --- verdicts --- */

static void two_claims(void)
{
	struct hash32 sha = world_sha(0);

	world_register(&rig.w, 1, 1, "A");
	publish_as(0, &sha, SIZE, 0);
	publish_as(1, &sha, SIZE, 1);
}

START_TEST(a_wrong_cid_is_not_anothers)
{
	struct fetch_target t = target(0, 1);

	two_claims();
	owner->on_wrong(&rig.k, &t, "another image");
	ck_assert(!world_row(&rig.w, 0, 1).image_is_wrong && world_row(&rig.w, 1, 1).image_is_wrong);
}
END_TEST

START_TEST(a_good_image_leaves_a_wrong_claim_wrong)
{
	struct fetched f = { .target = target(0, 0), .format = "raw" };
	struct fetch_target t = target(0, 1);

	two_claims();
	owner->on_wrong(&rig.k, &t, "another image");
	owner->on_good(&rig.k, &f);
	ck_assert(world_row(&rig.w, 1, 1).image_is_wrong);
	ck_assert_int_eq(image_state(0), IMAGE_IS_GOOD);
}
END_TEST

static const struct { const char *what; bool lacks_blocks; uint64_t before, after; bool is_lost; } blocks[] = {
	{ "what had blocks is to have them again", true, 500, 0, true },
	{ "some of them are not all", true, 0, 500, true },
	{ "it never had any", true, 0, 0, false },
	{ "each was compared", false, 500, 500, false },
	{ "it is a single one", false, 500, 0, false },
};

/* Its CID is nobody's word for it: the earlier one stays. */
START_TEST(what_is_right_by_its_digest_alone_lacks_its_blocks)
{
	struct blob_digests d = { .sums = hash_of(1), .dag_bytes = blocks[_i].before };
	struct fetched f = { .target = target(0, 1), .format = "raw", .digests.dag_bytes = blocks[_i].after, .lacks_blocks = blocks[_i].lacks_blocks };
	struct image_row i;

	publish_as(0, &f.target.sha256, SIZE, 0);
	ck_ok(images_set_good(rig.w.store, &f.target.sha256, SIZE, &d, "raw", 1, &err));
	ck_ok(images_set_cid(rig.w.store, &f.target.sha256, world_cid[0], &err));
	ck_ok(images_add_damage(rig.w.store, &f.target.sha256, 0, 1, &err));
	owner->on_good(&rig.k, &f);
	ck_ok(images_get(rig.w.store, &f.target.sha256, &i, &err));
	ck_assert_msg(i.state == IMAGE_IS_GOOD && i.is_dag_lost == blocks[_i].is_lost, "%s", blocks[_i].what);
	ck_assert_str_eq(i.cid, world_cid[!blocks[_i].lacks_blocks]);
}
END_TEST

/* It was not here: what its row has is the manifest's word. */
START_TEST(no_cid_is_told_of_what_none_was_compared_with)
{
	struct fetched f = { .target = target(0, 0), .format = "raw", .lacks_blocks = true };
	struct image_row i;

	ck_ok(images_want(rig.w.store, &f.target.sha256, SIZE, f.target.cid, 1, &err));
	owner->on_good(&rig.k, &f);
	ck_ok(images_get(rig.w.store, &f.target.sha256, &i, &err));
	ck_assert(i.state == IMAGE_IS_GOOD && !i.is_dag_lost);
	ck_assert_str_eq(i.cid, "");
}
END_TEST

START_TEST(what_was_lost_of_its_blocks_stays_lost)
{
	struct fetched f = { .target = target(0, 0), .format = "raw", .lacks_blocks = true };
	struct blob_digests d = { .sums = hash_of(1) };
	struct image_row i;

	ck_ok(images_set_good(rig.w.store, &f.target.sha256, SIZE, &d, "", 1, &err));
	ck_ok(images_set_dag_lost(rig.w.store, &f.target.sha256, &err));
	ck_ok(images_add_damage(rig.w.store, &f.target.sha256, 0, 1, &err));
	owner->on_good(&rig.k, &f);
	ck_ok(images_get(rig.w.store, &f.target.sha256, &i, &err));
	ck_assert(i.state == IMAGE_IS_GOOD && i.is_dag_lost);
}
END_TEST

static bool has_part(const struct hash32 *sha256)
{
	char rel[BLOB_PATH_MAX], path[BLOB_PATH_MAX + 8];

	snprintf(path, sizeof path, "%s.part", blobs_path(sha256, rel));
	return faccessat(blobs_fd(rig.k.blobs), path, F_OK, 0) == 0;
}

static const struct { enum image_state before, after; } wrong[] = {
	{ IMAGE_IS_WANTED, IMAGE_STATES }, { IMAGE_IS_FETCHING, IMAGE_STATES }, { IMAGE_IS_DAMAGED, IMAGE_IS_DAMAGED },
};

/* The row of one that is only wanted had the wrong claim's size. */
START_TEST(what_is_damaged_outlives_a_wrong_claim)
{
	struct fetch_target t = target(0, 0);
	struct blob *part;

	world_image(&rig.w, 0, wrong[_i].before);
	ck_ok(blob_start(rig.k.blobs, &t.sha256, SIZE, &part, NULL, &err));
	blob_free(part);
	ck_assert(has_part(&t.sha256));
	owner->on_wrong(&rig.k, &t, "another image");
	ck_assert(has_part(&t.sha256) == (wrong[_i].after != IMAGE_STATES));
	ck_assert_int_eq(image_state(0), wrong[_i].after);
}
END_TEST

START_TEST(what_nobody_knows_goes_with_a_wrong_claim)
{
	struct fetch_target t = target(0, 0);
	struct blob *part;

	ck_ok(blob_start(rig.k.blobs, &t.sha256, SIZE, &part, NULL, &err));
	blob_free(part);
	owner->on_wrong(&rig.k, &t, "another image");
	ck_assert(!has_part(&t.sha256) && degraded_is_fine(&rig.k.degraded));
}
END_TEST

START_TEST(a_fetch_that_begins_is_told)
{
	struct hash32 sha = world_sha(0);

	world_image(&rig.w, 0, IMAGE_IS_WANTED);
	owner->on_begun(&rig.k, &sha);
	ck_assert_int_eq(image_state(0), IMAGE_IS_FETCHING);
}
END_TEST

START_TEST(what_a_fetch_found_rotten_wants_a_repair)
{
	struct hash32 sha = world_sha(0);

	publish_as(0, &sha, SIZE, 0);
	world_image(&rig.w, 0, IMAGE_IS_GOOD);
	settle();
	owner->on_rotten(&rig.k, &sha);
	ck_assert_int_eq(image_state(0), IMAGE_IS_DAMAGED);
	ck_assert_msg(ledger_find(&rig.k.ledger, &rig.w.product[0].id)->is_marked, "its release says so");
}
END_TEST

static void go_to_rest(void)
{
	struct err e = { .code = ERR_IO, .msg = "failed" };

	keeper_trouble(&rig.k, &e);
	ck_assert(keeper_is_paused(&rig.k));
}

/* "no source has it" would be said of a disk. */
START_TEST(at_rest_no_fetch_fails)
{
	struct fetch_target t = target(0, 0);

	publish_as(0, &t.sha256, SIZE, 0);
	go_to_rest();
	owner->on_failed(&rig.k, &t, "at rest", 1, 1790000001000);
	ck_assert_int_eq(world_row(&rig.w, 0, 1).retry_at_ms, 0);
}
END_TEST

/* --- room --- */

/* Four releases of 1000 bytes and their blocks beside them; two are kept. */
static void fill_cache(uint64_t dag_bytes)
{
	struct images_totals t;

	for (unsigned i = 0; i < 4; i++) {
		struct hash32 sha = world_sha(i);
		struct blob_digests d = { .sums = hash_of(2000 + i), .dag_bytes = dag_bytes };

		world_publish(&rig.w, 0, i);
		world_final(&rig.w, 0);
		ck_ok(images_set_good(rig.w.store, &sha, SIZE, &d, "raw", rig.w.wall_ms++, &err));
		ck_ok(ledger_mark_image(&rig.w.ledger, &sha, &err));
	}
	settle();
	ck_ok(images_totals(rig.w.store, &t, &err));
	rig.k.conf->cache.size = t.bytes;
}

START_TEST(what_leaves_already_counts)
{
	fill_cache(0);
	ck_assert_int_eq(owner->make_room(&rig.k, SIZE, &err), ERR_NO_SPACE);
	ck_assert_int_eq(image_state(0), IMAGE_IS_EVICTING);
	ck_assert_int_eq(owner->make_room(&rig.k, 2 * SIZE, &err), ERR_NO_SPACE);
	ck_assert_msg(image_state(1) == IMAGE_IS_EVICTING, "only one more is missing, and only one may leave");
	ck_assert_msg(strstr(err.msg, "waiting"), "%s", err.msg);
}
END_TEST

START_TEST(what_lies_beside_it_leaves_too)
{
	fill_cache(5000);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(owner->make_room(&rig.k, 3 * SIZE, &err), ERR_NO_SPACE);
	ck_assert(image_state(0) == IMAGE_IS_EVICTING && image_state(1) == IMAGE_IS_GOOD);
}
END_TEST

START_TEST(nobody_waits_for_what_may_not_leave)
{
	fill_cache(0);
	ck_assert_int_eq(owner->make_room(&rig.k, 3 * SIZE, &err), ERR_NO_SPACE);
	ck_assert(image_state(0) == IMAGE_IS_GOOD && !strstr(err.msg, "waiting"));
}
END_TEST

static const struct { enum image_state state; bool is_whole, was_whole, has_room; } places[] = {
	{ IMAGE_STATES, false, false, false }, { IMAGE_IS_WANTED, false, false, false }, { IMAGE_IS_FETCHING, false, false, true },
	{ IMAGE_IS_DAMAGED, false, true, true },
};

/* What lies there already takes no more room. */
START_TEST(a_place_is_what_the_row_says)
{
	struct fetch_place place = { .is_whole = true, .was_whole = !places[_i].was_whole, .has_room = !places[_i].has_room };
	struct hash32 sha = world_sha(0);

	if (places[_i].state == IMAGE_STATES)
		place = (struct fetch_place){ .is_whole = false };
	else
		world_image(&rig.w, 0, places[_i].state);
	ck_ok(owner->look(&rig.k, &sha, &place, &err));
	ck_assert(place.is_whole == places[_i].is_whole && place.was_whole == places[_i].was_whole && place.has_room == places[_i].has_room);
}
END_TEST

START_TEST(damage_that_cannot_be_noted_is_no_place)
{
	struct fetch_place place = { .is_whole = false };
	struct hash32 sha = world_sha(0);

	world_image(&rig.w, 0, IMAGE_IS_GOOD);	/* no file: another size */
	refuse_writes(true);
	ck_refused(owner->look(&rig.k, &sha, &place, &err), ERR_READ_ONLY, "its repair would write over what is served");
	ck_assert(!place.has_room);
	refuse_writes(false);
}
END_TEST

/* --- damage --- */

static bool has_alarm(const char *code)
{
	return alarms_has(&rig.k.alarms, span_str(code));
}

START_TEST(damage_of_what_nobody_names_is_dropped)
{
	struct hash32 sha = world_sha(0);

	publish_as(0, &sha, SIZE, 0);
	world_image(&rig.w, 0, IMAGE_IS_DAMAGED);
	world_image(&rig.w, 1, IMAGE_IS_DAMAGED);
	keeper_sweep(&rig.k);
	ck_assert(image_state(0) == IMAGE_IS_DAMAGED && image_state(1) == IMAGE_IS_EVICTING);
	ck_assert(has_alarm("images-damaged"));
	world_image(&rig.w, 0, IMAGE_IS_GOOD);
	keeper_sweep(&rig.k);
	ck_assert(!has_alarm("images-damaged"));
}
END_TEST

START_TEST(at_rest_damage_is_not_noted)
{
	struct hash32 sha = world_sha(0);

	world_image(&rig.w, 0, IMAGE_IS_GOOD);
	go_to_rest();
	keeper_image_rotten(&rig.k, &(struct link_rot){ sha, 0 });
	ck_assert_int_eq(image_state(0), IMAGE_IS_GOOD);
}
END_TEST

static const struct { const char *what; enum image_state state; uint64_t dag_bytes; const char *format; bool is_lost, is_asked; } doubts[] = {
	{ "it has blocks", IMAGE_IS_GOOD, 500, "raw", false, true },
	{ "adopted: nobody knows", IMAGE_IS_GOOD, 0, "", false, true },
	{ "it never had any", IMAGE_IS_GOOD, 0, "raw", false, false },
	{ "they are lost already", IMAGE_IS_GOOD, 500, "raw", true, false },
	{ "all of it is repaired", IMAGE_IS_DAMAGED, 500, "raw", false, false },
};

START_TEST(the_server_doubts_blocks)
{
	struct blob_digests d = { .sums = hash_of(1), .dag_bytes = doubts[_i].dag_bytes };
	struct hash32 sha = world_sha(0);

	ck_ok(images_set_good(rig.w.store, &sha, SIZE, &d, doubts[_i].format, rig.w.wall_ms, &err));
	if (doubts[_i].is_lost)
		ck_ok(images_set_dag_lost(rig.w.store, &sha, &err));
	ck_ok(images_set_state(rig.w.store, &sha, doubts[_i].state, rig.w.wall_ms, &err));
	keeper_dag_rotten(&rig.k, &sha);
	ck_assert_msg(rig.k.scrubber.asked_n == doubts[_i].is_asked, "%s", doubts[_i].what);
}
END_TEST

/* --- wanted back --- */

static bool is_known(const struct hash32 *sha256)
{
	struct fetch_progress p = { .total = 0 };

	return fetcher_progress(&rig.k.fetcher, sha256, &p);
}

/* Tried, in vain: there was no room. */
static void fetch_in_vain(const struct hash32 *sha256)
{
	struct ledger_want w = { .sha256 = *sha256, .size = SIZE, .cid = world_cid[0], .product = world_name[0], .version = "1", .sequence = 1 };

	uint64_t size = rig.k.conf->cache.size;

	rig.k.conf->cache.size = 1;
	ck_ok(fetcher_want(&rig.k.fetcher, &w, &err));
	rig.k.conf->cache.size = size;
	ck_assert(is_known(sha256) && !fetcher_is_fetching(&rig.k.fetcher, sha256));
}

START_TEST(damage_hurries_its_fetch)
{
	struct hash32 sha = world_sha(0);

	fetch_in_vain(&sha);
	world_image(&rig.w, 0, IMAGE_IS_GOOD);
	keeper_image_rotten(&rig.k, &(struct link_rot){ sha, 0 });
	ck_assert(fetcher_is_fetching(&rig.k.fetcher, &sha));
}
END_TEST

START_TEST(an_operator_hurries_a_fetch)
{
	struct hash32 sha = world_sha(0);
	struct release_row r;

	publish_as(0, &sha, SIZE, 0);
	fetch_in_vain(&sha);
	r = world_row(&rig.w, 0, 1);
	ck_ok(keeper_refetch(&rig.k, ledger_find(&rig.k.ledger, &r.product), &r, &err));
	ck_assert(fetcher_is_fetching(&rig.k.fetcher, &sha));
}
END_TEST

static void evict_first(void)
{
	struct hash32 sha = world_sha(0);

	fill_cache(0);
	ck_ok(images_set_state(rig.w.store, &sha, IMAGE_IS_EVICTING, 0, &err));
	ledger_mark_all(&rig.w.ledger);
	settle();
	ck_assert_str_eq(world_state(&rig.w, 0, 1), "evicted");
}

/* For want of room it fails at once, and is given up. */
static void ask_in_vain(const struct hash32 *sha256)
{
	uint64_t size = rig.k.conf->cache.size;

	rig.k.conf->cache.size = 1;
	keeper_image_wanted(&rig.k, sha256);
	rig.k.conf->cache.size = size;
	ck_assert(!is_known(sha256));
}

/* Newer ones came while the gateway was away. */
static void pass_over_first(void)
{
	struct hash32 sha = world_sha(0);

	fill_cache(0);
	ck_ok(images_delete(rig.w.store, &sha, &err));
	ck_ok(db_exec(rig.w.store->db, "DELETE FROM release", &err));
	ledger_mark_all(&rig.w.ledger);
	settle();
	ledger_mark_all(&rig.w.ledger);
	settle();
	ck_assert_str_eq(world_state(&rig.w, 0, 1), "superseded");
}

static const struct { enum image_state left; bool by_operator, was_here; } again[] = {
	{ IMAGE_IS_WANTED, false, true }, { IMAGE_IS_FETCHING, false, true }, { IMAGE_IS_WANTED, true, true },
	{ IMAGE_IS_WANTED, false, false }, { IMAGE_IS_FETCHING, false, false }, { IMAGE_IS_WANTED, true, false },
};

START_TEST(what_is_not_here_is_tried_again_when_somebody_asks_again)
{
	struct hash32 sha = world_sha(0);
	struct release_row r;

	if (again[_i].was_here) {
		evict_first();
		ck_ok(images_delete(rig.w.store, &sha, &err));
	} else {
		pass_over_first();
	}
	ask_in_vain(&sha);
	ck_assert_int_eq(state_of(&sha), IMAGE_IS_WANTED);
	ck_ok(images_set_state(rig.w.store, &sha, again[_i].left, 0, &err));
	ledger_mark_all(&rig.w.ledger);
	settle();
	r = world_row(&rig.w, 0, 1);
	if (again[_i].by_operator)
		ck_ok(keeper_refetch(&rig.k, ledger_find(&rig.k.ledger, &r.product), &r, &err));
	else
		keeper_image_wanted(&rig.k, &sha);
	ck_assert(fetcher_is_fetching(&rig.k.fetcher, &sha));
}
END_TEST

/* Ten minutes after the last who wanted it. */
static const struct { const char *what; bool is_recovered, is_fetched; int64_t ms; enum image_state then; } parts[] = {
	{ "nobody wants it any more", true, false, EVICT_UNREAD_MS, IMAGE_STATES },
	{ "somebody may ask again", true, false, EVICT_UNREAD_MS - 1, IMAGE_IS_FETCHING },
	{ "a fetch waits for its next try", true, true, EVICT_UNREAD_MS, IMAGE_IS_FETCHING },
	{ "nobody was asked yet", false, false, EVICT_UNREAD_MS, IMAGE_IS_FETCHING },
};

START_TEST(a_part_that_nobody_waits_for_leaves_the_disk)
{
	struct hash32 sha = world_sha(0);
	struct blob *part;

	ck_ok(blob_start(rig.k.blobs, &sha, SIZE, &part, NULL, &err));
	blob_free(part);
	if (parts[_i].is_fetched)
		fetch_in_vain(&sha);
	world_image(&rig.w, 0, IMAGE_IS_FETCHING);
	rig.k.is_recovered = parts[_i].is_recovered;
	rig.w.wall_ms += parts[_i].ms;
	keeper_sweep(&rig.k);
	ck_assert_msg(state_of(&sha) == parts[_i].then, "%s", parts[_i].what);
	ck_assert_msg(has_part(&sha) == (parts[_i].then != IMAGE_STATES), "%s", parts[_i].what);
}
END_TEST

START_TEST(what_is_on_its_way_out_is_not_wanted_back)
{
	struct hash32 sha = world_sha(0);

	evict_first();
	keeper_image_wanted(&rig.k, &sha);
	ck_assert(!is_known(&sha));
	ck_ok(images_delete(rig.w.store, &sha, &err));
	go_to_rest();
	keeper_image_wanted(&rig.k, &sha);
	ck_assert_msg(!is_known(&sha), "nor at rest");
}
END_TEST

START_TEST(what_is_here_is_not_wanted_back)
{
	struct hash32 sha = world_sha(0);

	fill_cache(0);
	ck_assert_str_eq(world_state(&rig.w, 0, 1), "superseded");
	keeper_image_wanted(&rig.k, &sha);
	ck_assert(!is_known(&sha));
}
END_TEST

START_TEST(what_is_revoked_is_not_wanted_back)
{
	struct hash32 sha = world_sha(5);

	publish_as(0, &sha, SIZE, 0);
	world_revoke(&rig.w, 0, 1);
	world_final(&rig.w, 0);
	settle();
	ck_assert_str_eq(world_state(&rig.w, 0, 1), "revoked");
	err_drop(images_delete(rig.w.store, &sha, &err));
	keeper_image_wanted(&rig.k, &sha);
	ck_assert(!is_known(&sha));
}
END_TEST

/* --- what lies on the disk --- */

static uint8_t image[SIZE];

/* An object without a row. */
static struct hash32 put(struct span bytes)
{
	struct hash32 sha = sha256_of(bytes);
	struct blob_digests d;
	struct blob *w;

	ck_ok(blob_start(rig.k.blobs, &sha, bytes.n, &w, NULL, &err));
	ck_ok(blob_write(w, 0, bytes, &err));
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	return sha;
}

static struct hash32 put_object(void)
{
	memset(image, 7, sizeof image);
	return put(SPAN_OF(image));
}

/* Its CID is of a raw block, and no block is as large: whatever the sources have, it is wrong. */
START_TEST(a_lie_about_a_damaged_image_leaves_its_bytes)
{
	static uint8_t large[BLOCK_MAX + 1], got[sizeof large];
	struct ledger_want lie = { .size = sizeof large, .cid = world_cid[1], .product = world_name[1], .version = "1", .sequence = 1 };
	struct blob_digests d = { .sums = hash_of(1) };
	struct blob *w;

	memset(large, 7, sizeof large);
	lie.sha256 = put(SPAN_OF(large));
	ck_ok(images_set_good(rig.w.store, &lie.sha256, sizeof large, &d, "raw", 1, &err));
	ck_ok(images_add_damage(rig.w.store, &lie.sha256, 3, 1, &err));
	ck_ok(fetcher_want(&rig.k.fetcher, &lie, &err));
	ck_assert(state_of(&lie.sha256) == IMAGE_IS_DAMAGED && list_is_empty(&rig.k.fetcher.fetches));
	ck_ok(blob_start(rig.k.blobs, &lie.sha256, sizeof large, &w, NULL, &err));
	ck_ok(blob_read(w, 0, got, sizeof got, &err));
	ck_assert(!memcmp(got, large, sizeof got));
	blob_free(w);
}
END_TEST

static void run_adoptions(void)
{
	while (rig.k.adoptions)
		uv_run(&rig.k.loop, UV_RUN_ONCE);
}

static void recover(void)
{
	keeper_recover(&rig.k);
	run_adoptions();
	ck_assert(rig.k.is_recovered);
}

static void unmark(void)
{
	ledger_mark_all(&rig.w.ledger);
	settle();
	ck_assert(!rig.k.ledger.product[0]->is_marked);
}

START_TEST(an_object_is_adopted)
{
	struct hash32 sha = put_object(), other = world_sha(3);

	keeper_recover(&rig.k);
	ck_assert(rig.k.adoptions == 1 && keeper_is_adopting(&rig.k, &sha) && !keeper_is_adopting(&rig.k, &other));
	unmark();
	run_adoptions();
	ck_assert_int_eq(state_of(&sha), IMAGE_IS_GOOD);
	ck_assert_msg(rig.k.ledger.product[0]->is_marked, "whatever waited for it");
}
END_TEST

/* It may turn out to be all that is wanted. */
START_TEST(what_is_being_adopted_is_not_wanted_back)
{
	struct hash32 sha = put_object();
	struct blob_digests d = { .sums = hash_of(1) };

	publish_as(0, &sha, SIZE, 0);
	ck_ok(images_set_good(rig.w.store, &sha, SIZE, &d, "raw", 1, &err));
	fill_cache(0);
	ck_ok(images_set_state(rig.w.store, &sha, IMAGE_IS_EVICTING, 0, &err));
	ledger_mark_all(&rig.w.ledger);
	settle();
	ck_ok(images_delete(rig.w.store, &sha, &err));
	ck_assert_str_eq(world_state(&rig.w, 0, 1), "evicted");
	keeper_recover(&rig.k);
	ck_assert(keeper_is_adopting(&rig.k, &sha));
	keeper_image_wanted(&rig.k, &sha);
	ck_assert(!is_known(&sha));
	run_adoptions();
}
END_TEST

/* By it a neighbour asks for it; the bytes do not tell it. */
START_TEST(an_adopted_one_has_the_cid_of_the_last_run)
{
	struct hash32 sha = put_object();
	struct image_row i;

	publish_as(0, &sha, SIZE, 0);
	recover();
	ck_ok(images_get(rig.w.store, &sha, &i, &err));
	ck_assert_str_eq(i.cid, "");
	ck_ok(images_set_cid(rig.w.store, &sha, world_cid[0], &err));
	ledger_mark_all(&rig.w.ledger);
	settle();
	ck_ok(catalogs_publish(&rig.k, &err));
	ck_ok(catalogs_load(&rig.k, &err));
	ck_ok(images_delete(rig.w.store, &sha, &err));
	recover();
	ck_ok(images_get(rig.w.store, &sha, &i, &err));
	ck_assert_str_eq(i.cid, world_cid[0]);
}
END_TEST

START_TEST(what_is_not_what_its_name_says_is_not_adopted)
{
	struct hash32 sha = put_object();
	char rel[BLOB_PATH_MAX];
	autoclose int fd = openat(blobs_fd(rig.k.blobs), blobs_path(&sha, rel), O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 500), 0);
	recover();
	ck_assert_msg(state_of(&sha) == IMAGE_STATES && degraded_is_fine(&rig.k.degraded), "and that is no trouble");
}
END_TEST

START_TEST(an_eviction_goes_on_and_a_part_waits)
{
	struct hash32 sha = put_object(), part = world_sha(1);
	struct blob_digests d = { .sums = hash_of(1) };
	struct blob *w;

	ck_ok(images_set_good(rig.w.store, &sha, SIZE, &d, "raw", 0, &err));
	ck_ok(images_set_state(rig.w.store, &sha, IMAGE_IS_EVICTING, 0, &err));
	world_image(&rig.w, 1, IMAGE_IS_FETCHING);
	ck_ok(blob_start(rig.k.blobs, &part, SIZE, &w, NULL, &err));
	blob_free(w);
	keeper_recover(&rig.k);
	ck_assert_uint_eq(rig.k.adoptions, 0);
	ck_assert(state_of(&sha) == IMAGE_IS_EVICTING && has_part(&part));
}
END_TEST

START_TEST(a_lost_object_is_told_at_once)
{
	struct recover_counts n = { .lost = 0 };

	unmark();
	ck_ok(keeper_look_at_objects(&rig.k, &n, &err));
	ck_assert_msg(!rig.k.ledger.product[0]->is_marked, "nothing was lost");
	world_image(&rig.w, 0, IMAGE_IS_GOOD);
	unmark();
	ck_ok(keeper_look_at_objects(&rig.k, &n, &err));
	ck_assert(n.lost == 1 && image_state(0) == IMAGE_IS_DAMAGED && rig.k.ledger.product[0]->is_marked);
}
END_TEST

START_TEST(nobody_is_looked_at_twice)
{
	struct recover_counts n = { .lost = 0 };

	put_object();
	keeper_recover(&rig.k);
	ck_ok(keeper_look_at_objects(&rig.k, &n, &err));
	ck_assert_uint_eq(rig.k.adoptions, 1);
	run_adoptions();
}
END_TEST

START_TEST(whoever_works_at_an_image_sees_to_its_files)
{
	struct hash32 sha = put_object();
	struct ledger_want w = { .sha256 = sha, .size = SIZE, .cid = world_cid[0], .product = world_name[0], .version = "1", .sequence = 1 };
	struct image_row i = { .sha256 = world_sha(0), .size = SIZE };
	struct recover_counts n = { .lost = 0 };

	ck_ok(images_want(rig.w.store, &sha, SIZE, world_cid[0], 1, &err));
	ck_ok(fetcher_want(&rig.k.fetcher, &w, &err));
	ck_assert(fetcher_is_fetching(&rig.k.fetcher, &sha));
	world_image(&rig.w, 0, IMAGE_IS_GOOD);
	scrubber_read(&rig.k.scrubber, &i);
	ck_ok(keeper_look_at_objects(&rig.k, &n, &err));
	ck_assert(n.lost == 0 && n.resume == 0 && rig.k.adoptions == 0);
}
END_TEST

START_TEST(what_could_not_be_looked_at_is_looked_at_again)
{
	err_drop(db_damage(rig.w.store->db, &err, "a page"));
	keeper_recover(&rig.k);
	ck_assert(!rig.k.is_recovered && keeper_is_paused(&rig.k));
}
END_TEST

/* --- what the disk does not let go of --- */

static const struct alarm *alarm_of(const char *code)
{
	for (size_t i = 0; i < rig.k.alarms.n; i++)
		if (!strcmp(rig.k.alarms.at[i].code, code))
			return &rig.k.alarms.at[i];
	return NULL;
}

/* "": there is none. */
static const char *detail_of(const char *code)
{
	const struct alarm *a = alarm_of(code);

	return a ? a->detail : "";
}

static bool is_undisturbed(void)
{
	return degraded_is_fine(&rig.k.degraded) && !has_alarm("store-degraded");
}

static bool has_file(const struct hash32 *sha256, const char *suffix)
{
	char rel[BLOB_PATH_MAX], path[BLOB_PATH_MAX + 8];

	snprintf(path, sizeof path, "%s%s", blobs_path(sha256, rel), suffix);
	return faccessat(blobs_fd(rig.k.blobs), path, F_OK, 0) == 0;
}

/* From now on that file stays. */
static void hold_fast(int why, const struct hash32 *sha256, const char *suffix)
{
	char rel[BLOB_PATH_MAX];

	rig.k.blobs->sys = sysio_stays();
	stays_by(why, blobs_path(sha256, rel), suffix);
}

static void let_go(void)
{
	stays_by(0, "", "");
}

/* An image that is to leave, has a file, and goes before world_sha(1) by its time. */
static struct hash32 evict_object(void)
{
	struct hash32 sha = put_object();
	struct blob_digests d = { .sums = hash_of(1) };

	ck_ok(images_set_good(rig.w.store, &sha, SIZE, &d, "raw", 0, &err));
	ck_ok(images_set_state(rig.w.store, &sha, IMAGE_IS_EVICTING, 0, &err));
	return sha;
}

static void evict_another(unsigned n)
{
	struct hash32 sha = world_sha(n);

	world_image(&rig.w, n, IMAGE_IS_GOOD);
	ck_ok(images_set_state(rig.w.store, &sha, IMAGE_IS_EVICTING, 0, &err));
}

START_TEST(an_image_that_stays_keeps_no_other_from_leaving)
{
	struct hash32 sha = evict_object();

	evict_another(1);
	evict_another(2);
	hold_fast(stays_one[_i], &sha, "");
	keeper_sweep(&rig.k);
	ck_assert(image_state(1) == IMAGE_STATES && image_state(2) == IMAGE_STATES);
	ck_assert(state_of(&sha) == IMAGE_IS_EVICTING && has_file(&sha, ".sums"));
	ck_assert_msg(is_undisturbed(), "nothing rests for it");
	ck_assert_str_eq(alarm_of("files-stuck")->subject, "evicted images");
	ck_assert(strstr(detail_of("files-stuck"), "1 cannot") && strstr(detail_of("files-stuck"), stays.name));
	let_go();
}
END_TEST

/* Each try may cost the card a write. */
START_TEST(an_image_that_stays_is_tried_once_an_hour)
{
	struct hash32 sha = evict_object();

	hold_fast(EPERM, &sha, "");
	for (int i = 0; i < 3; i++)
		keeper_sweep(&rig.k);
	ck_assert_uint_eq(stays.tries, 1);
	rig.w.mono_ms += STUCK_RETRY_MS - 1;
	keeper_sweep(&rig.k);
	ck_assert(stays.tries == 1 && has_alarm("files-stuck"));
	rig.w.mono_ms += 1;
	keeper_sweep(&rig.k);
	keeper_sweep(&rig.k);
	ck_assert_uint_eq(stays.tries, 2);
	let_go();
	rig.w.mono_ms += STUCK_RETRY_MS;
	keeper_sweep(&rig.k);
	ck_assert(state_of(&sha) == IMAGE_STATES && !has_file(&sha, "") && !has_alarm("files-stuck"));
}
END_TEST

START_TEST(a_disk_that_lets_nothing_go_is_trouble)
{
	struct hash32 sha = evict_object();

	hold_fast(stays_all[_i].sys, &sha, "");
	keeper_sweep(&rig.k);
	ck_assert(state_of(&sha) == IMAGE_IS_EVICTING && !has_alarm("files-stuck") && has_alarm("store-degraded"));
	let_go();
}
END_TEST

START_TEST(room_that_is_not_made_is_not_waited_for)
{
	struct hash32 sha = world_sha(0);

	fill_cache(0);
	ck_assert_int_eq(owner->make_room(&rig.k, SIZE, &err), ERR_NO_SPACE);
	ck_assert(image_state(0) == IMAGE_IS_EVICTING && image_state(1) == IMAGE_IS_GOOD);
	ck_assert(stuck_note(&rig.k.stuck, &sha, 0));
	ck_assert_int_eq(owner->make_room(&rig.k, SIZE, &err), ERR_NO_SPACE);
	ck_assert_msg(image_state(1) == IMAGE_IS_EVICTING, "the next one makes it");
}
END_TEST

START_TEST(an_image_that_is_needed_after_all_is_not_stuck)
{
	struct hash32 sha = evict_object();

	hold_fast(EIO, &sha, "");
	keeper_sweep(&rig.k);
	ck_assert(has_alarm("files-stuck"));
	ck_ok(images_set_state(rig.w.store, &sha, IMAGE_IS_GOOD, 0, &err));
	keeper_sweep(&rig.k);
	ck_assert(!has_alarm("files-stuck") && !stuck_has(&rig.k.stuck, &sha));
	let_go();
}
END_TEST

/* The bytes are off the disk: what lay beside them is of nothing. */
START_TEST(an_image_has_left_without_its_digests)
{
	struct hash32 sha = evict_object();
	struct recover_counts n = { .lost = 0 };

	hold_fast(EPERM, &sha, ".sums");
	keeper_sweep(&rig.k);
	ck_assert(state_of(&sha) == IMAGE_STATES && is_undisturbed() && !has_alarm("files-stuck"));
	ck_ok(keeper_look_at_objects(&rig.k, &n, &err));
	ck_assert(n.stuck == 1 && has_file(&sha, ".sums"));
	ck_assert_str_eq(alarm_of("files-stuck")->subject, "leftovers");
	let_go();
	ck_ok(keeper_look_at_objects(&rig.k, &n, &err));
	ck_assert(!has_file(&sha, ".sums") && !has_alarm("files-stuck"));
}
END_TEST

START_TEST(a_start_goes_on_past_what_stays)
{
	struct hash32 sha = put_object(), part = world_sha(1);
	struct blob *w;

	ck_ok(blob_start(rig.k.blobs, &part, SIZE, &w, NULL, &err));
	blob_free(w);
	world_image(&rig.w, 1, IMAGE_IS_EVICTING);	/* of which the part is left over */
	hold_fast(stays_one[_i], &part, ".part");
	recover();
	ck_assert(state_of(&sha) == IMAGE_IS_GOOD && has_part(&part) && is_undisturbed());
	ck_assert(strstr(detail_of("files-stuck"), stays.name));
	let_go();
}
END_TEST

START_TEST(a_wrong_images_part_may_stay)
{
	struct fetch_target t = target(0, 0);
	struct blob *part;

	publish_as(0, &t.sha256, SIZE, 0);
	ck_ok(blob_start(rig.k.blobs, &t.sha256, SIZE, &part, NULL, &err));
	blob_free(part);
	hold_fast(EPERM, &t.sha256, ".part");
	owner->on_wrong(&rig.k, &t, "another image");
	ck_assert(is_undisturbed() && world_row(&rig.w, 0, 1).image_is_wrong);
	hold_fast(EROFS, &t.sha256, ".part");
	owner->on_wrong(&rig.k, &t, "another image");
	ck_assert(!is_undisturbed());
	let_go();
}
END_TEST

/* --- what cannot be read of objects/ --- */

/* The first bytes of the name of what put_object() makes, as a folder. */
static const char *folder_of(const struct hash32 *sha256)
{
	static char folder[16];
	char rel[BLOB_PATH_MAX];

	snprintf(folder, sizeof folder, "objects/%.2s", blobs_path(sha256, rel));
	return folder;
}

/* After a lost database an older one would be active before the newest is found. */
START_TEST(without_all_of_objects_nothing_is_recovered)
{
	struct hash32 sha = put_object();

	unread_from(folder_of(&sha), 0);
	keeper_recover(&rig.k);
	ck_assert(!rig.k.is_recovered && rig.k.adoptions == 0);
	ck_assert_msg(is_undisturbed(), "the chain is followed, and what is here is served");
	ck_assert(strstr(detail_of("objects-unread"), folder_of(&sha)) && strstr(detail_of("objects-unread"), "nothing is fetched"));
	unread_from(NULL, 0);
	keeper_sweep(&rig.k);
	ck_assert_msg(!rig.k.is_recovered, "not at once");
	rig.w.mono_ms += RECOVER_RETRY_MS;
	keeper_sweep(&rig.k);
	ck_assert(rig.k.is_recovered && keeper_is_adopting(&rig.k, &sha) && !has_alarm("objects-unread"));
	run_adoptions();
	ck_assert_int_eq(state_of(&sha), IMAGE_IS_GOOD);
	rig.k.is_recovered = false;
	rig.w.mono_ms += RECOVER_RETRY_MAX_MS;
	keeper_sweep(&rig.k);
	ck_assert_msg(!rig.k.is_recovered, "and that was the last time");
}
END_TEST

/* Sweeps until objects/ is read again; how long that took. */
static int64_t until_read_again(void)
{
	int64_t from = rig.w.mono_ms;

	for (unread.seen = 0; unread.seen == 0; rig.w.mono_ms += RECOVER_RETRY_MS)
		keeper_sweep(&rig.k);
	return rig.w.mono_ms - RECOVER_RETRY_MS - from;
}

START_TEST(objects_are_read_again_less_and_less_often)
{
	unread_from("objects", 0);
	keeper_recover(&rig.k);
	rig.w.mono_ms += RECOVER_RETRY_MS;
	ck_assert_int_eq(until_read_again(), 0);
	ck_assert_int_eq(until_read_again(), RECOVER_RETRY_MS);
	ck_assert_int_eq(until_read_again(), 3 * RECOVER_RETRY_MS);
	for (int i = 0; i < 80; i++)
		ck_assert_int_le(until_read_again(), RECOVER_RETRY_MAX_MS);
	ck_assert(!rig.k.is_recovered && is_undisturbed());
	unread_from(NULL, 0);
}
END_TEST

/* What the last run told of: images 0 and 1, which have their rows. */
static void with_last_catalog(void)
{
	struct hash32 sha = world_sha(0);

	publish_as(0, &sha, SIZE, 0);
	world_image(&rig.w, 0, IMAGE_IS_GOOD);
	world_image(&rig.w, 1, IMAGE_IS_GOOD);
	ledger_mark_all(&rig.w.ledger);
	settle();
	rig.k.is_recovered = true;
	ck_ok(catalogs_publish(&rig.k, &err));
	rig.k.is_recovered = false;
	ck_ok(catalogs_load(&rig.k, &err));
}

START_TEST(with_all_rows_what_cannot_be_read_is_left_alone)
{
	with_last_catalog();
	unread_from("objects", 0);
	keeper_recover(&rig.k);
	ck_assert(rig.k.is_recovered && is_undisturbed());
	ck_assert(strstr(detail_of("objects-unread"), "left alone"));
	unread_from(NULL, 0);
}
END_TEST

/* `cache verify`, say: the last run's catalog has long been given up. */
START_TEST(a_later_look_takes_nothing_back)
{
	struct recover_counts n = { .lost = 0 };

	recover();
	unread_from("objects", 0);
	ck_ok(keeper_look_at_objects(&rig.k, &n, &err));
	ck_assert(rig.k.is_recovered && strstr(detail_of("objects-unread"), "left alone"));
	unread_from(NULL, 0);
	ck_ok(keeper_look_at_objects(&rig.k, &n, &err));
	ck_assert(!has_alarm("objects-unread"));
}
END_TEST

static const struct { unsigned image; enum image_state state; } lacking[] = {
	{ 0, IMAGE_STATES }, { 1, IMAGE_STATES }, { 1, IMAGE_IS_WANTED }, { 1, IMAGE_IS_FETCHING },
};

/* A row that its release has made since says nothing of what was here. */
START_TEST(one_row_that_is_missing_may_be_of_what_cannot_be_read)
{
	struct hash32 sha = world_sha(lacking[_i].image);

	with_last_catalog();
	ck_ok(images_delete(rig.w.store, &sha, &err));
	if (lacking[_i].state != IMAGE_STATES)
		world_image(&rig.w, lacking[_i].image, lacking[_i].state);
	unread_from("objects", 0);
	keeper_recover(&rig.k);
	ck_assert(!rig.k.is_recovered && strstr(detail_of("objects-unread"), "nothing is fetched"));
	unread_from(NULL, 0);
}
END_TEST

/* Of a look that broke off: nobody has seen the rest. */
START_TEST(what_is_still_adopted_is_no_look)
{
	rig.k.adoptions = 1;
	keeper_recover(&rig.k);
	ck_assert(!rig.k.is_recovered);
	rig.k.adoptions = 0;
	rig.w.mono_ms += RECOVER_RETRY_MS;
	keeper_sweep(&rig.k);
	ck_assert(rig.k.is_recovered);
}
END_TEST

/* --- what cannot be adopted --- */

/* Why the digests of two images cannot be written; 0: they can. */
static struct { struct hash32 sha256[2]; int sys[2]; } refused;

static int open_refused(int dir, const char *name, int flags, mode_t mode)
{
	char rel[BLOB_PATH_MAX], path[BLOB_PATH_MAX + 16];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s.sums.part", blobs_path(&refused.sha256[i], rel));
		if (refused.sys[i] && !strcmp(name, path)) {
			errno = refused.sys[i];
			return -1;
		}
	}
	return sysio_kernel.openat(dir, name, flags, mode);
}

/* Two releases; the newer one was active, and of their images no row tells any more. */
static void lose_database(int older, int newer)
{
	static struct sysio sys;
	struct floor_item was = { .product = rig.w.product[0].id, .registrant = world_registrant, .active = 2 };

	for (unsigned i = 0; i < 2; i++) {
		memset(image, 40 + (int)i, sizeof image);
		refused.sha256[i] = put(SPAN_OF(image));
		publish_as(0, &refused.sha256[i], SIZE, i);
	}
	snprintf(was.name, sizeof was.name, "%s", world_name[0]);
	ck_ok(floor_note(rig.k.floors, &was, &err));
	refused.sys[0] = older;
	refused.sys[1] = newer;
	sys = sysio_kernel;
	sys.openat = open_refused;
	rig.k.blobs->sys = &sys;
}

static void try_to_recover(void)
{
	keeper_recover(&rig.k);
	run_adoptions();
}

/* As the keeper's ledger is asked. */
static const char *judged(uint64_t sequence)
{
	rig.w.is_recovering = !rig.k.is_recovered;
	ledger_mark_all(&rig.w.ledger);
	settle();
	return world_state(&rig.w, 0, sequence);
}

static const int shortages[] = { EMFILE, ENOMEM, ENOSPC, EROFS };

START_TEST(want_of_room_lets_nothing_older_be_active)
{
	lose_database(0, shortages[_i]);
	rig.k.scans = RECOVER_HOLDS;	/* it is not counted by tries */
	try_to_recover();
	ck_assert(!rig.k.is_recovered && !is_undisturbed() && !has_alarm("objects-unread"));
	ck_assert(state_of(&refused.sha256[0]) == IMAGE_IS_GOOD && state_of(&refused.sha256[1]) == IMAGE_IS_WANTED);
	ck_assert_str_eq(judged(1), "ready");
	refused.sys[1] = 0;
	rig.k.degraded.owner.on_fine(&rig.k);
	run_adoptions();
	ck_assert(rig.k.is_recovered);
	ck_assert_str_eq(judged(2), "active");
	ck_assert_str_eq(judged(1), "superseded");
}
END_TEST

/* Whichever comes first. */
START_TEST(one_bad_file_hides_no_want_of_room)
{
	lose_database(_i ? EIO : EMFILE, _i ? EMFILE : EIO);
	for (int n = 0; n < 2 * RECOVER_HOLDS; n++) {
		try_to_recover();
		ck_assert(!rig.k.is_recovered && !is_undisturbed());
	}
	ck_assert(!has_alarm("objects-unread"));
}
END_TEST

START_TEST(what_has_no_row_yet_is_not_adopted)
{
	lose_database(0, 0);
	keeper_recover(&rig.k);
	chain_pause(&rig.k.chain);	/* it would write */
	refuse_writes(true);
	run_adoptions();
	refuse_writes(false);
	ck_assert(!rig.k.is_recovered && !is_undisturbed());
	rig.k.degraded.owner.on_fine(&rig.k);
	run_adoptions();
	ck_assert(rig.k.is_recovered);
	ck_assert_str_eq(judged(2), "active");
}
END_TEST

START_TEST(a_hiccup_lets_nothing_older_be_active)
{
	lose_database(0, EIO);
	unmark();
	try_to_recover();
	ck_assert(!rig.k.is_recovered && is_undisturbed() && rig.k.ledger.product[0]->is_marked);
	ck_assert(strstr(detail_of("objects-unread"), "newer firmware") && strstr(detail_of("objects-unread"), strerror(EIO)));
	ck_assert_str_eq(judged(1), "ready");
	refused.sys[1] = 0;
	keeper_sweep(&rig.k);
	ck_assert_msg(rig.k.adoptions == 0, "not at once");
	rig.w.mono_ms += RECOVER_RETRY_MS;
	keeper_sweep(&rig.k);
	run_adoptions();
	ck_assert(rig.k.is_recovered && !has_alarm("objects-unread") && rig.k.scan_next_mono_ms == 0);
	ck_assert_str_eq(judged(2), "active");
}
END_TEST

START_TEST(what_was_taken_away_is_waited_for_no_more)
{
	lose_database(0, EIO);
	try_to_recover();
	ck_ok(blobs_remove(rig.k.blobs, &refused.sha256[1], &err));
	rig.w.mono_ms += RECOVER_RETRY_MS;
	keeper_sweep(&rig.k);
	ck_assert(rig.k.adoptions == 0 && rig.k.is_recovered && !has_alarm("objects-unread"));
}
END_TEST

/* All others go on; its own product waits for its fetch. */
START_TEST(one_bad_file_does_not_hold_all_others_for_good)
{
	lose_database(0, EIO);
	for (int n = 0; n < RECOVER_HOLDS; n++) {
		keeper_recover(&rig.k);
		ck_assert_msg(has_alarm("objects-unread") == (n > 0), "it is not over while it is looked at again");
		run_adoptions();
		ck_assert(!rig.k.is_recovered);
	}
	try_to_recover();
	ck_assert(rig.k.is_recovered && is_undisturbed() && !has_alarm("objects-unread") && rig.k.scan_next_mono_ms == 0);
	ck_assert_str_eq(judged(1), "ready");
	ck_ok(images_set_good(rig.w.store, &refused.sha256[1], SIZE, &(struct blob_digests){ .sums = hash_of(1) }, "raw", 1, &err));
	ck_assert_str_eq(judged(2), "active");
}
END_TEST

/* No database was lost: what is not adopted was never active by us. */
START_TEST(with_all_rows_what_cannot_be_adopted_is_left_to_its_fetch)
{
	with_last_catalog();
	lose_database(0, shortages[_i]);
	try_to_recover();
	ck_assert(rig.k.is_recovered && is_undisturbed());
}
END_TEST

/* `cache verify`, say. */
START_TEST(what_a_later_look_cannot_adopt_takes_nothing_back)
{
	struct recover_counts n = { .lost = 0 };

	recover();
	lose_database(0, EMFILE);
	ck_ok(keeper_look_at_objects(&rig.k, &n, &err));
	run_adoptions();
	ck_assert(n.adopt == 2 && rig.k.is_recovered && is_undisturbed());
}
END_TEST

static uv_sem_t gate;

static void wait_at_gate(uv_work_t *work)
{
	(void)work;
	uv_sem_wait(&gate);
}

static void passed(uv_work_t *work, int status)
{
	(void)work, (void)status;
}

START_TEST(what_has_gone_meanwhile_is_no_failure)
{
	uv_work_t work;

	uv_sem_init(&gate, 0);
	ck_assert_int_eq(uv_queue_work(&rig.k.loop, &work, wait_at_gate, passed), 0);
	lose_database(0, 0);
	keeper_recover(&rig.k);
	ck_assert_uint_eq(rig.k.adoptions, 2);
	ck_ok(blobs_remove(rig.k.blobs, &refused.sha256[1], &err));
	uv_sem_post(&gate);
	run_adoptions();
	ck_assert(rig.k.is_recovered && is_undisturbed() && state_of(&refused.sha256[0]) == IMAGE_IS_GOOD);
	uv_sem_destroy(&gate);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_wrong_cid_is_not_anothers, what_was_lost_of_its_blocks_stays_lost, no_cid_is_told_of_what_none_was_compared_with, a_good_image_leaves_a_wrong_claim_wrong, what_nobody_knows_goes_with_a_wrong_claim,
		a_lie_about_a_damaged_image_leaves_its_bytes, a_fetch_that_begins_is_told, what_a_fetch_found_rotten_wants_a_repair, at_rest_no_fetch_fails,
		what_leaves_already_counts, what_lies_beside_it_leaves_too, nobody_waits_for_what_may_not_leave,
		damage_that_cannot_be_noted_is_no_place, damage_of_what_nobody_names_is_dropped, at_rest_damage_is_not_noted,
		damage_hurries_its_fetch, an_operator_hurries_a_fetch, what_is_on_its_way_out_is_not_wanted_back,
		what_is_here_is_not_wanted_back, what_is_revoked_is_not_wanted_back, an_object_is_adopted, what_is_being_adopted_is_not_wanted_back,
		an_adopted_one_has_the_cid_of_the_last_run, what_is_not_what_its_name_says_is_not_adopted,
		an_eviction_goes_on_and_a_part_waits, a_lost_object_is_told_at_once, nobody_is_looked_at_twice,
		whoever_works_at_an_image_sees_to_its_files, what_could_not_be_looked_at_is_looked_at_again,
		an_image_that_stays_is_tried_once_an_hour, room_that_is_not_made_is_not_waited_for, an_image_that_is_needed_after_all_is_not_stuck,
		an_image_has_left_without_its_digests, a_wrong_images_part_may_stay, without_all_of_objects_nothing_is_recovered,
		objects_are_read_again_less_and_less_often, with_all_rows_what_cannot_be_read_is_left_alone, a_later_look_takes_nothing_back, what_is_still_adopted_is_no_look,
		what_has_no_row_yet_is_not_adopted, a_hiccup_lets_nothing_older_be_active, what_was_taken_away_is_waited_for_no_more, one_bad_file_does_not_hold_all_others_for_good,
		what_a_later_look_cannot_adopt_takes_nothing_back, what_has_gone_meanwhile_is_no_failure,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("keeper_images");
	SRunner *r;
	int failed;

	setenv("UV_THREADPOOL_SIZE", "1", 1);	/* one after the other */
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, what_is_right_by_its_digest_alone_lacks_its_blocks, 0, sizeof blocks / sizeof *blocks);
	tcase_add_loop_test(tc, what_is_damaged_outlives_a_wrong_claim, 0, sizeof wrong / sizeof *wrong);
	tcase_add_loop_test(tc, what_is_not_here_is_tried_again_when_somebody_asks_again, 0, sizeof again / sizeof *again);
	tcase_add_loop_test(tc, a_part_that_nobody_waits_for_leaves_the_disk, 0, sizeof parts / sizeof *parts);
	tcase_add_loop_test(tc, a_place_is_what_the_row_says, 0, sizeof places / sizeof *places);
	tcase_add_loop_test(tc, an_image_that_stays_keeps_no_other_from_leaving, 0, sizeof stays_one / sizeof *stays_one);
	tcase_add_loop_test(tc, a_disk_that_lets_nothing_go_is_trouble, 0, sizeof stays_all / sizeof *stays_all);
	tcase_add_loop_test(tc, a_start_goes_on_past_what_stays, 0, sizeof stays_one / sizeof *stays_one);
	tcase_add_loop_test(tc, one_row_that_is_missing_may_be_of_what_cannot_be_read, 0, sizeof lacking / sizeof *lacking);
	tcase_add_loop_test(tc, want_of_room_lets_nothing_older_be_active, 0, sizeof shortages / sizeof *shortages);
	tcase_add_loop_test(tc, with_all_rows_what_cannot_be_adopted_is_left_to_its_fetch, 0, sizeof shortages / sizeof *shortages);
	tcase_add_loop_test(tc, one_bad_file_hides_no_want_of_room, 0, 2);
	tcase_add_loop_test(tc, the_server_doubts_blocks, 0, sizeof doubts / sizeof *doubts);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
