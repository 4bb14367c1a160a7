/* test_catalogs.c: from a real store to what the supervisor is handed; images on their way in and out; a lost database. */
#include "handed.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "catalog/catalog.h"
#include "formats/sha256.h"
#include "store/owncopy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>

static void publish(void)
{
	ck_ok(catalogs_publish(&rig.k, &err));
	receive();
}

static void settle(void)
{
	world_settle(&rig.w);
	publish();
}

static const struct catalog_product *product(const char *name)
{
	size_t n;
	const struct catalog_product *p = catalog_products(got, &n);

	for (size_t i = 0; i < n; i++)
		if (span_is(catalog_bytes(got, p[i].name), name))
			return &p[i];
	return NULL;
}

/* The sequences that devices may be told, as "1 2s" (s: superseded). */
static const char *told(size_t which)
{
	static char text[128];
	const struct catalog_product *p = product(world_name[which]);
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t i = p->releases.first; i < p->releases.first + p->releases.n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%u%s", n ? " " : "", (unsigned)catalog_release(got, i)->sequence,
				      catalog_release(got, i)->state == CATALOG_ACTIVE ? "" : "s");
	return text;
}

static void one_active(void)
{
	world_register(&rig.w, 0, 1, "A");
	release(0, 0);
	settle();
	ck_assert_str_eq(told(0), "1");
}

START_TEST(only_what_is_verified_is_told)
{
	world_register(&rig.w, 0, 1, "A");
	world_publish(&rig.w, 0, 0);
	settle();
	ck_assert_str_eq(told(0), "");
	ck_assert_msg(catalog_channel(got, product(world_name[0])->channels.first)->is_pending, "come back later");
	world_final(&rig.w, 0);
	settle();
	ck_assert_str_eq(told(0), "");
	world_image(&rig.w, 0, IMAGE_IS_GOOD);
	settle();
	ck_assert_str_eq(told(0), "1");
	release(0, 1);
	settle();
	ck_assert_str_eq(told(0), "1s 2");
	world_revoke(&rig.w, 0, 2);
	settle();
	ck_assert_str_eq(told(0), "1");
}
END_TEST

START_TEST(the_same_content_is_sent_once)
{
	unsigned before;

	one_active();
	before = handed;
	ledger_mark_all(&rig.w.ledger);
	settle();
	ck_assert_uint_eq(handed, before);
}
END_TEST

START_TEST(a_newer_proof_alone_is_sent_now_and_then)
{
	struct ledger_product *p;
	struct proof_mark m = { .number = 900, .time = 1790000900 };
	unsigned before;

	one_active();
	before = handed;
	p = ledger_find(&rig.k.ledger, &rig.w.product[0].id);
	ledger_refresh(p, &m);
	ck_ok(catalogs_refresh(&rig.k, &err));
	receive();
	ck_assert_msg(handed == before, "a moment ago is enough");
	ck_ok(catalogs_catch_up(&rig.k, &err));
	receive();
	ck_assert_msg(handed == before, "still");
	rig.w.mono_ms += CATALOG_PROOF_MS;
	ck_ok(catalogs_catch_up(&rig.k, &err));
	receive();
	ck_assert_msg(handed == before + 1 && product(world_name[0])->proof.number == 900, "but it is not forgotten");
	rig.w.mono_ms += CATALOG_PROOF_MS;
	ck_ok(catalogs_catch_up(&rig.k, &err));
	receive();
	ck_assert_msg(handed == before + 1, "once");
}
END_TEST

START_TEST(nothing_is_told_before_its_floor_is_on_disk)
{
	struct floor_item item = { .product = hash_of(9), .name = "a/b", .proven = 1 };
	unsigned before;

	one_active();
	before = handed;
	ck_ok(floor_note(rig.w.floors, &item, &err));
	rig.w.mono_ms += CATALOG_PROOF_MS;
	ck_ok(catalogs_refresh(&rig.k, &err));
	receive();
	ck_assert_uint_eq(handed, before);
}
END_TEST

START_TEST(what_could_not_be_judged_is_not_told_as_fresh)
{
	struct ledger_product *p;
	struct proof_mark m = { .number = 900, .time = 1790000900 };
	uint64_t before;

	one_active();
	p = ledger_find(&rig.k.ledger, &rig.w.product[0].id);
	before = p->judged.number;
	ledger_mark(&rig.k.ledger, p);
	ledger_refresh(p, &m);
	rig.w.mono_ms += CATALOG_PROOF_MS;
	ck_ok(catalogs_refresh(&rig.k, &err));
	receive();
	ck_assert_uint_eq(product(world_name[0])->proof.number, before);
}
END_TEST

/* The sequences of the first product in the copy on disk that a start would serve. */
static unsigned newest_on_disk(void)
{
	AUTO(catalog_put_auto) struct catalog *c = NULL;
	autoclose int fd = openat(rig.k.state_dir, "catalog", O_RDONLY | O_CLOEXEC);
	const struct catalog_product *p;

	ck_assert_int_ge(fd, 0);
	ck_ok(catalog_open(fd, CATALOG_FROM_DISK, &c, &err));
	p = catalog_find_product(c, span_str(world_name[0]));
	return (unsigned)catalog_release(c, p->releases.first + p->releases.n - 1)->sequence;
}

START_TEST(what_is_told_is_on_disk_before)
{
	one_active();
	release(0, 1);
	world_settle(&rig.w);
	rig.k.sup.sock.sm.at = 0;	/* killed before it could tell */
	ck_assert_int_ne(catalogs_publish(&rig.k, &err), ERR_OK);
	rig.k.sup.sock.sm.at = 1;
	ck_assert_uint_eq(newest_on_disk(), 2);
}
END_TEST

START_TEST(a_disk_that_refuses_keeps_no_revocation_back)
{
	int dir = rig.k.state_dir;

	one_active();
	release(0, 1);
	settle();
	world_revoke(&rig.w, 0, 2);
	world_settle(&rig.w);
	rig.k.state_dir = -1;
	ck_assert_msg(catalogs_publish(&rig.k, &err) != ERR_OK, "the keeper hears of it");
	rig.k.state_dir = dir;
	receive();
	ck_assert_str_eq(told(0), "1");
	ck_assert_uint_eq(newest_on_disk(), 2);
	publish();
	ck_assert_msg(newest_on_disk() == 1, "and it is tried again");
}
END_TEST

static ino_t copy_on_disk(void)
{
	struct stat st;

	ck_assert_int_eq(fstatat(rig.k.state_dir, "catalog", &st, 0), 0);
	return st.st_ino;
}

/* Two releases on their way: a first one, of which devices hear "come back", and a second one, of which they hear nothing. */
START_TEST(what_is_only_on_its_way_is_not_kept_twice)
{
	ino_t copy;
	unsigned before;

	one_active();
	copy = copy_on_disk();
	before = handed;
	world_publish(&rig.w, 0, 1);
	world_final(&rig.w, 0);
	settle();
	ck_assert_msg(handed == before + 1, "its entry, and that it is pending");
	ck_assert_msg(copy_on_disk() == copy, "what is offered has not changed");
	world_register(&rig.w, 1, 1, "A");
	world_final(&rig.w, 1);
	settle();
	copy = copy_on_disk();
	world_publish(&rig.w, 1, 2);
	world_final(&rig.w, 1);
	settle();
	ck_assert_msg(copy_on_disk() != copy, "what devices hear has changed");
	ck_assert_uint_eq(newest_on_disk(), 1);
	world_image(&rig.w, 1, IMAGE_IS_GOOD);
	settle();
	ck_assert_uint_eq(newest_on_disk(), 2);
}
END_TEST

/* A catalog came half-way, and then all was as before it: neither the server nor the disk may keep it. */
START_TEST(what_came_half_way_is_taken_back)
{
	struct hash32 sha = world_sha(0);
	int dir = rig.k.state_dir;
	unsigned before;
	ino_t copy;

	one_active();
	rig.k.state_dir = -1;
	ck_ok(images_set_state(rig.w.store, &sha, IMAGE_IS_DAMAGED, 0, &err));
	ck_assert_int_ne(catalogs_publish(&rig.k, &err), ERR_OK);
	rig.k.state_dir = dir;
	receive();
	before = handed;
	copy = copy_on_disk();
	ck_ok(images_set_state(rig.w.store, &sha, IMAGE_IS_GOOD, 0, &err));
	publish();
	ck_assert_uint_eq(handed, before + 1);
	ck_assert(copy_on_disk() != copy);
}
END_TEST

static uint64_t withdrawn(void)
{
	return catalog_channel(got, product(world_name[0])->channels.first)->withdrawn;
}

START_TEST(a_channel_says_what_it_withdrew)
{
	one_active();
	release(0, 1);
	settle();
	ck_assert_msg(withdrawn() == 0, "what was superseded is told still");
	world_publish(&rig.w, 0, 2);
	world_revoke(&rig.w, 0, 3);
	settle();
	ck_assert_msg(withdrawn() == 0, "nobody ever had what was never active");
	world_revoke(&rig.w, 0, 2);
	settle();
	ck_assert_str_eq(told(0), "1");
	ck_assert_uint_eq(withdrawn(), 2);
}
END_TEST

START_TEST(a_catalog_that_was_not_handed_over_is_sent_again)
{
	int before;

	one_active();
	release(0, 1);
	world_settle(&rig.w);
	rig.k.sup.sock.sm.at = 0;	/* as if the supervisor were gone */
	ck_assert_int_ne(catalogs_publish(&rig.k, &err), ERR_OK);
	rig.k.sup.sock.sm.at = 1;
	before = (int)handed;
	publish();
	ck_assert_int_eq((int)handed, before + 1);
	ck_assert_str_eq(told(0), "1s 2");
}
END_TEST

/* --- CIDs --- */

static size_t cids(void)
{
	size_t n;

	catalog_cids(got, &n);
	return n;
}

static void checked_by(unsigned image, const char *cid)
{
	struct hash32 sha = world_sha(image);

	ck_ok(images_set_cid(rig.w.store, &sha, cid, &err));
}

START_TEST(a_claimed_cid_is_not_a_checked_one)
{
	struct suit_manifest m;

	one_active();
	checked_by(0, world_cid[0]);
	world_register(&rig.w, 1, 1, "A");
	m = world_manifest(&rig.w, 1);
	snprintf(m.cid, sizeof m.cid, "%s", world_cid[1]);
	m.image_sha256 = world_sha(1);
	world_publish_as(&rig.w, 1, &m, "A");
	world_final(&rig.w, 1);
	world_image(&rig.w, 1, IMAGE_IS_GOOD);
	checked_by(1, world_cid[1]);
	settle();
	ck_assert_uint_eq(cids(), 2);
	/* The lamp's publisher names the thermostat's image by the fridge's CID. */
	world_register(&rig.w, 2, 1, "A");
	m = world_manifest(&rig.w, 2);
	snprintf(m.cid, sizeof m.cid, "%s", world_cid[1]);
	world_publish_as(&rig.w, 2, &m, "A");
	world_final(&rig.w, 2);
	release(0, 1);
	settle();
	ck_assert_msg(cids() == 2, "and there is a catalog at all");
	ck_assert_str_eq(told(0), "1s 2");
}
END_TEST

/* --- images in and out --- */

static const struct fetcher_owner *owner(void)
{
	static struct fetcher_owner o;

	o = keeper_fetcher_owner(&rig.k);
	return &o;
}

static enum image_state image_state(unsigned n)
{
	struct hash32 sha = world_sha(n);
	struct image_row i;

	return images_get(rig.w.store, &sha, &i, NULL) ? IMAGE_STATES : i.state;
}

START_TEST(a_repair_leaves_the_image_in_the_catalog)
{
	struct hash32 sha = world_sha(0);

	one_active();
	keeper_image_rotten(&rig.k, &(struct link_rot){ sha, 0 });
	ck_assert_int_eq(image_state(0), IMAGE_IS_DAMAGED);
	owner()->on_begun(&rig.k, &sha);
	ck_assert_int_eq(image_state(0), IMAGE_IS_DAMAGED);
	settle();
	ck_assert_str_eq(told(0), "1");
}
END_TEST

START_TEST(damage_of_what_is_not_here_is_nobodys_trouble)
{
	struct hash32 sha = world_sha(0), other = world_sha(7);
	struct image_row i;

	one_active();
	keeper_image_rotten(&rig.k, &(struct link_rot){ other, 0 });
	keeper_image_rotten(&rig.k, &(struct link_rot){ sha, 1 });	/* 1000 bytes have one chunk */
	ck_assert(degraded_is_fine(&rig.k.degraded));
	ck_ok(images_get(rig.w.store, &sha, &i, &err));
	ck_assert_uint_eq(i.damaged_chunks, 0);
}
END_TEST

START_TEST(a_good_image_forgets_how_it_failed)
{
	struct fetch_target t = { .sha256 = world_sha(0), .size = 1000 };
	struct fetched f = { .format = "raw" };

	snprintf(t.cid, sizeof t.cid, "%s", world_cid[0]);
	world_register(&rig.w, 0, 1, "A");
	world_publish(&rig.w, 0, 0);
	world_final(&rig.w, 0);
	settle();
	owner()->on_failed(&rig.k, &t, "no route", 1, rig.w.wall_ms + 1000);
	world_settle(&rig.w);
	ck_assert_str_eq(world_state(&rig.w, 0, 1), "failed");
	f.target = t;
	owner()->on_good(&rig.k, &f);
	settle();
	ck_assert_str_eq(told(0), "1");
	ck_assert_int_eq(world_row(&rig.w, 0, 1).retry_at_ms, 0);
	ck_assert_msg(cids() == 1, "and is named by the CID that it came by");
}
END_TEST

START_TEST(a_wrong_claim_leaves_others_alone)
{
	struct fetch_target t = { .sha256 = world_sha(0), .size = 77 };

	snprintf(t.cid, sizeof t.cid, "%s", world_cid[0]);
	world_register(&rig.w, 0, 1, "A");
	world_publish(&rig.w, 0, 0);
	world_settle(&rig.w);
	world_image(&rig.w, 0, IMAGE_IS_FETCHING);
	owner()->on_wrong(&rig.k, &t, "too short");
	ck_assert_msg(!world_row(&rig.w, 0, 1).image_is_wrong, "the same CID, another size");
	t.size = 1000;
	owner()->on_wrong(&rig.k, &t, "too short");
	ck_assert(world_row(&rig.w, 0, 1).image_is_wrong);
}
END_TEST

/* Four releases' images; only two of 1000 bytes fit. */
static void fill_cache(void)
{
	world_register(&rig.w, 0, 1, "A");
	for (unsigned i = 0; i < 4; i++) {
		release(0, i);
		rig.w.wall_ms += 1000;
	}
	settle();
}

START_TEST(waiting_for_room_evicts_no_more_than_needed)
{
	uint64_t size;

	fill_cache();
	rig.k.conf->cache.size = 4 * space_cost(1000);
	size = 1000;
	ck_assert_int_eq(owner()->make_room(&rig.k, size, &err), ERR_NO_SPACE);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(owner()->make_room(&rig.k, size, &err), ERR_NO_SPACE);
	ck_assert_int_eq(image_state(0), IMAGE_IS_EVICTING);
	ck_assert_msg(image_state(1) == IMAGE_IS_GOOD, "one was enough");
}
END_TEST

START_TEST(an_eviction_waits_for_the_server_and_ten_minutes)
{
	fill_cache();
	rig.k.conf->cache.size = 4 * space_cost(1000);
	ck_assert_int_eq(owner()->make_room(&rig.k, 1000, &err), ERR_NO_SPACE);
	ledger_mark_all(&rig.w.ledger);
	settle();
	ck_assert_msg(!strstr(told(0), "1s"), "not told any more: %s", told(0));
	rig.w.wall_ms += EVICT_UNREAD_MS;
	keeper_sweep(&rig.k);
	ck_assert_msg(image_state(0) == IMAGE_IS_EVICTING, "the server has not said that it knows");
	rig.k.catalogs.acknowledged = rig.k.catalogs.generation;
	rig.w.wall_ms -= 1;
	keeper_sweep(&rig.k);
	ck_assert_msg(image_state(0) == IMAGE_IS_EVICTING, "ten minutes have not passed");
	rig.w.wall_ms += 1;
	keeper_sweep(&rig.k);
	ck_assert_msg(image_state(0) == IMAGE_STATES, "gone");
	ck_ok(owner()->make_room(&rig.k, 1000, &err));
}
END_TEST

START_TEST(a_clock_that_was_put_back_keeps_no_image_for_ever)
{
	fill_cache();
	rig.k.conf->cache.size = 4 * space_cost(1000);
	ck_assert_int_eq(owner()->make_room(&rig.k, 1000, &err), ERR_NO_SPACE);
	rig.k.catalogs.acknowledged = rig.k.catalogs.generation;
	rig.w.wall_ms -= 86400000;
	rig.k.started_mono_ms = rig.w.mono_ms;
	keeper_sweep(&rig.k);
	ck_assert_int_eq(image_state(0), IMAGE_IS_EVICTING);
	rig.w.mono_ms += EVICT_UNREAD_MS;
	keeper_sweep(&rig.k);
	ck_assert_int_eq(image_state(0), IMAGE_STATES);
}
END_TEST

/* Read while the clock was ten years ahead: the scrubber would come back to it in ten years, and it would make room last. */
START_TEST(a_clock_that_was_ahead_keeps_no_image_from_its_turn)
{
	struct hash32 sha = world_sha(1);
	struct image_row i;

	fill_cache();
	ck_ok(images_set_verified(rig.w.store, &sha, rig.w.wall_ms + INT64_C(315360000000), &err));
	ck_ok(images_note_use(rig.w.store, &sha, 0, rig.w.wall_ms + INT64_C(315360000000), &err));
	rig.w.clock_state = CLOCK_RESTORED;
	keeper_sweep(&rig.k);
	ck_ok(images_get(rig.w.store, &sha, &i, &err));
	ck_assert_msg(i.verified_ms > rig.w.wall_ms, "a clock that nobody vouches for mends nothing");
	rig.w.clock_state = CLOCK_SYNCED;
	keeper_sweep(&rig.k);
	ck_ok(images_get(rig.w.store, &sha, &i, &err));
	ck_assert(i.verified_ms == 0 && i.wanted_ms == rig.w.wall_ms);
	ck_ok(images_next_to_scrub(rig.w.store, NULL, &i, &err));
	ck_assert_msg(hash32_eq(&i.sha256, &sha), "its turn is now");
}
END_TEST

START_TEST(a_device_brings_an_evicted_image_back)
{
	struct hash32 sha = world_sha(0), unknown = world_sha(99);

	fill_cache();
	ck_ok(images_delete(rig.w.store, &sha, &err));
	ledger_mark_all(&rig.w.ledger);
	settle();
	ck_assert_str_eq(world_state(&rig.w, 0, 1), "evicted");
	keeper_image_wanted(&rig.k, &unknown);
	ck_assert_msg(list_is_empty(&rig.k.fetcher.fetches), "no release names it");
	keeper_image_wanted(&rig.k, &sha);
	ck_assert(fetcher_is_fetching(&rig.k.fetcher, &sha));
}
END_TEST

/* --- entries --- */

static void read_entries(size_t which, struct buf *out)
{
	char hex[65], path[80];

	snprintf(path, sizeof path, "entries/%s", hex_str(SPAN_OF(rig.w.product[which].id), hex));
	ck_ok(io_read_file(rig.w.dir_fd, path, out, &err));
}

/* The file of entries is what the catalog says. */
static void names_its_entries(size_t which)
{
	struct buf file = BUF_INIT(ENTRIES_FILE_MAX);
	const struct catalog_product *p = product(world_name[which]);
	struct hash32 sha;

	read_entries(which, &file);
	ck_assert_uint_le(p->entries_bytes, file.n);
	sha = sha256_of(span_cut(buf_span(&file), 0, (size_t)p->entries_bytes));
	ck_assert(p->entries_bytes > 0 && hash32_eq(&p->entries_sha256, &sha));
	buf_free(&file);
}

START_TEST(entries_are_named_as_they_become_final)
{
	uint64_t before;

	world_register(&rig.w, 0, 1, "A");
	settle();
	ck_assert_msg(product(world_name[0])->entries_bytes == 0, "nothing is final");
	world_publish(&rig.w, 0, 0);
	world_final(&rig.w, 0);
	settle();
	names_its_entries(0);
	ck_assert_uint_eq(product(world_name[1])->entries_bytes, 0);
	before = product(world_name[0])->entries_bytes;
	world_publish(&rig.w, 0, 1);
	settle();
	ck_assert_uint_eq(product(world_name[0])->entries_bytes, before);
	world_final(&rig.w, 0);
	settle();
	names_its_entries(0);
	ck_assert_uint_gt(product(world_name[0])->entries_bytes, before);
}
END_TEST

/* --- the last run's catalog --- */

/* A new keeper, and a database that knows nothing. */
static void lose_database(void)
{
	world_reopen(&rig.w, false);
	for (size_t i = 0; i < WORLD_PRODUCTS; i++)
		rig.w.product[i] = (struct world_product){ .id = rig.w.product[i].id };
	rig.k.store = rig.w.store;
	rig.k.floors = rig.w.floors;
	rig.k.ledger = rig.w.ledger;
	rig.k.chain.store = rig.w.store;
	rig.k.entryfiles.store = rig.w.store;
	rig.k.devices.store = rig.w.store;
	rig.k.catalogs = (struct catalogs){ .generation = 0 };
	catalog_put(got);
	got = NULL;
	ck_ok(catalogs_load(&rig.k, &err));
	receive();
}

START_TEST(a_lost_database_is_held_for)
{
	char cid[CID_TEXT_MAX];
	struct hash32 sha = world_sha(0);

	one_active();
	checked_by(0, world_cid[0]);
	release(0, 1);
	settle();
	lose_database();
	ck_assert_str_eq(told(0), "1s 2");
	ck_assert(catalogs_last_cid(&rig.k, &sha, cid));
	ck_assert_str_eq(cid, world_cid[0]);
	settle();
	ck_assert_msg(!strcmp(told(0), "1s 2"), "an empty store is not told");
	world_register(&rig.w, 0, 1, "A");
	world_publish(&rig.w, 0, 0);
	settle();
	ck_assert_msg(!strcmp(told(0), "1s 2"), "nor is one that is not proven");
	world_publish(&rig.w, 0, 1);
	world_final(&rig.w, 0);
	world_image(&rig.w, 0, IMAGE_IS_GOOD);
	world_image(&rig.w, 1, IMAGE_IS_GOOD);
	rig.k.adoptions = 1;
	settle();
	ck_assert_msg(rig.k.catalogs.last != NULL, "nor while objects are hashed");
	rig.k.adoptions = 0;
	rig.k.is_recovered = false;
	settle();
	ck_assert_msg(rig.k.catalogs.last != NULL, "nor before anybody has looked for objects");
	rig.k.is_recovered = true;
	settle();
	ck_assert_str_eq(told(0), "1s 2");
	ck_assert_msg(rig.k.catalogs.last == NULL, "its own again");
}
END_TEST

/* A database of yesterday knows an older release as the active one: it is not told, whatever it has proven. */
START_TEST(an_older_database_is_held_for)
{
	one_active();
	release(0, 1);
	settle();
	lose_database();
	rig.k.is_recovered = true;
	world_register(&rig.w, 0, 1, "A");
	release(0, 0);
	settle();
	ck_assert_uint_gt(ledger_find(&rig.k.ledger, &rig.w.product[0].id)->proven.number, 0);
	ck_assert_str_eq(told(0), "1s 2");
	release(0, 1);
	settle();
	ck_assert_str_eq(told(0), "1s 2");
	ck_assert_msg(rig.k.catalogs.last == NULL, "its own again");
}
END_TEST

/* What the database does not know any more stays, named and in its file, whatever the server says of it. */
START_TEST(entries_outlive_a_lost_database)
{
	uint64_t bytes;

	one_active();
	release(0, 1);
	settle();
	bytes = product(world_name[0])->entries_bytes;
	lose_database();
	ck_assert_uint_eq(product(world_name[0])->entries_bytes, bytes);
	names_its_entries(0);
	world_register(&rig.w, 0, 1, "A");
	settle();
	keeper_entries_rotten(&rig.k, &rig.w.product[0].id);
	ck_assert_uint_eq(product(world_name[0])->entries_bytes, bytes);
	names_its_entries(0);
	ck_assert_uint_eq(rig.k.entryfiles.replaced, 0);
}
END_TEST

START_TEST(a_revocation_counts_while_it_is_held)
{
	one_active();
	world_register(&rig.w, 1, 1, "A");
	release(1, 1);
	release(1, 2);
	settle();
	ck_assert_str_eq(told(1), "1s 2");
	lose_database();
	ck_assert_str_eq(told(1), "1s 2");
	world_register(&rig.w, 1, 1, "A");	/* the thermostat cannot be proven; the fridge can */
	world_publish(&rig.w, 1, 1);
	world_publish(&rig.w, 1, 2);
	world_revoke(&rig.w, 1, 2);
	world_final(&rig.w, 1);
	settle();
	ck_assert_msg(rig.k.catalogs.last != NULL, "still held for the thermostat");
	ck_assert_str_eq(told(1), "1s");
	ck_assert_str_eq(told(0), "1");
}
END_TEST

START_TEST(the_copy_is_filtered_by_the_floor)
{
	struct floor_item item = { .product = rig.w.product[0].id, .floor = 2 };

	one_active();
	release(0, 1);
	settle();
	snprintf(item.name, sizeof item.name, "%s", world_name[0]);
	ck_ok(floor_note(rig.w.floors, &item, &err));
	ck_ok(floor_save(rig.w.floors, &err));
	lose_database();
	ck_assert_str_eq(told(0), "2");
}
END_TEST

START_TEST(a_damaged_copy_is_none)
{
	one_active();
	tempdir_fd = rig.w.dir_fd;
	tempdir_flip("catalog", 200);
	tempdir_fd = -1;
	ck_assert_int_eq(catalogs_load(&rig.k, &err), ERR_CORRUPT);
}
END_TEST

/* --- freshness --- */

/* As devices are told it (catalog/freshness.h): by each product's proof, the worst of all, and never guessed. */
static const struct {
	const char *rule, *want;
	int64_t first_age_s, second_age_s;	/* of products' proofs, the others being young; INT64_MAX: never proven */
	enum clock_state clock;
} freshnesses[] = {
	{ "all are young", "fresh", 10, 3599, CLOCK_SYNCED },
	{ "one is old", "stale", 10, 3600, CLOCK_SYNCED },
	{ "one was never proven", "stale", 10, INT64_MAX, CLOCK_SYNCED },
	{ "the clock is nobody's", "unknown", 10, 10, CLOCK_RESTORED },
	{ "the clock is unset, and one was never proven", "unknown", 10, INT64_MAX, CLOCK_UNSET },
	{ "one lies years ahead of the clock", "unknown", 10, -300000000, CLOCK_SYNCED },
	{ "one lies ahead, and one is old", "stale", -300000000, 3600, CLOCK_SYNCED },
	{ "a block's time may be a little ahead", "fresh", 10, -5, CLOCK_SYNCED },
};

START_TEST(freshness_is_the_worst)
{
	int64_t age[2] = { freshnesses[_i].first_age_s, freshnesses[_i].second_age_s };
	struct keeper *k = &rig.k;

	ck_assert_uint_ge(k->ledger.products, 2);
	for (size_t i = 2; i < k->ledger.products; i++)
		k->ledger.product[i]->proven = (struct proof_mark){ .number = 7, .time = (uint64_t)(rig.w.wall_ms / 1000) };
	for (size_t i = 0; i < 2; i++)
		k->ledger.product[i]->proven = age[i] == INT64_MAX ? (struct proof_mark){ .number = 0 } :
			(struct proof_mark){ .number = 7, .time = (uint64_t)(rig.w.wall_ms / 1000 - age[i]) };
	rig.w.clock_state = freshnesses[_i].clock;
	ck_assert_msg(strcmp(keeper_freshness(k, NULL), freshnesses[_i].want) == 0, "%s: %s", freshnesses[_i].rule,
		      keeper_freshness(k, NULL));
}
END_TEST

/* --- the second copy --- */

static unsigned renames;

static int no_rename(int dir, const char *from, const char *to)
{
	(void)dir, (void)from, (void)to;
	renames++;
	errno = EIO;
	return -1;
}

/* A disk that does not take it is not written full of it every 15 s; when it is well again, the next look makes it. */
START_TEST(a_copy_that_cannot_be_made_wears_no_card)
{
	static struct sysio sys;	/* the copy keeps it */
	struct keeper *k = &rig.k;

	sys = sysio_kernel;
	sys.rename_over = no_rename;
	owncopy_begin(k->store, &(struct owncopy_place){ .dir = rig.w.dir_fd, .path = rig.w.dir, .sys = &sys });
	renames = 0;
	for (int64_t end = rig.w.mono_ms + 24 * 3600000; rig.w.mono_ms < end; rig.w.mono_ms += HOUSEKEEPING_MS)
		keeper_keep_copy(k);
	ck_assert_msg(renames > 24 && renames < 40, "%u in a day", renames);
	sys.rename_over = sysio_kernel.rename_over;
	rig.w.mono_ms += OWNCOPY_RETRY_MAX_MS;
	keeper_keep_copy(k);
	ck_assert(!owncopy_is_due(k->store) && !k->is_copy_in_trouble);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("catalogs");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;
	const TTest *const tests[] = { only_what_is_verified_is_told, the_same_content_is_sent_once,
		a_newer_proof_alone_is_sent_now_and_then, nothing_is_told_before_its_floor_is_on_disk,
		what_could_not_be_judged_is_not_told_as_fresh, what_is_told_is_on_disk_before,
		what_is_only_on_its_way_is_not_kept_twice, what_came_half_way_is_taken_back,
		a_disk_that_refuses_keeps_no_revocation_back, a_channel_says_what_it_withdrew, a_catalog_that_was_not_handed_over_is_sent_again,
		a_claimed_cid_is_not_a_checked_one, entries_are_named_as_they_become_final, entries_outlive_a_lost_database, a_repair_leaves_the_image_in_the_catalog,
		damage_of_what_is_not_here_is_nobodys_trouble, a_good_image_forgets_how_it_failed, a_wrong_claim_leaves_others_alone,
		waiting_for_room_evicts_no_more_than_needed, an_eviction_waits_for_the_server_and_ten_minutes,
		a_clock_that_was_put_back_keeps_no_image_for_ever, a_clock_that_was_ahead_keeps_no_image_from_its_turn, a_device_brings_an_evicted_image_back, a_lost_database_is_held_for, an_older_database_is_held_for,
		a_revocation_counts_while_it_is_held, the_copy_is_filtered_by_the_floor, a_damaged_copy_is_none, a_copy_that_cannot_be_made_wears_no_card };

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, freshness_is_the_worst, 0, sizeof freshnesses / sizeof *freshnesses);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
