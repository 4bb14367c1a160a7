/* test_store.c: what is put into the tables comes out again, and their rules hold. */
#include "base/cleanup.h"
#include "store/audit.h"
#include "store/bundles.h"
#include "store/db.h"
#include "store/devices.h"
#include "store/entries.h"
#include "store/images.h"
#include "store/mark.h"
#include "store/products.h"
#include "store/recover.h"
#include "store/releases.h"
#include "store/space.h"
#include "../support/unread.h"
#include "stays.h"
#include "tempdir.h"
#include "walframes.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct store *store;

static void setup(void)
{
	tempdir_make();
	ck_ok(store_open(tempdir, &store, &err));
}

static void teardown(void)
{
	store_close(store);
	tempdir_remove();
}

static void reopen(void)
{
	store_close(store);
	ck_ok(store_open(tempdir, &store, &err));
}

static struct product_row product(unsigned n, const char *name)
{
	struct product_row p = { .id = hash_of(n), .head = hash_of(100 + n), .sequence = 3, .floor = 1, .last_block = 77 };

	snprintf(p.name, sizeof p.name, "%s", name);
	p.registrant.b[0] = (uint8_t)n;
	p.owner.b[19] = 9;
	p.signers = (struct product_signers){ .threshold = 2, .n = 2, .key_len = { 3, 128 } };
	memcpy(p.signers.key[0], "abc", 3);
	memset(p.signers.key[1], 0x5a, 128);
	return p;
}

static void put_product(unsigned n, const char *name)
{
	struct product_row p = product(n, name);

	ck_ok(products_put(store, &p, &err));
}

static struct release_row release(unsigned product_n, uint64_t sequence, unsigned image_n)
{
	struct release_row r = {
		.product = hash_of(product_n), .sequence = sequence, .entry_order = (uint32_t)sequence, .block = 10 + sequence,
		.tx = hash_of(7), .published_at = 1700000000, .has_facts = true, .state = RELEASE_SEEN,
	};

	r.manifest_len = (uint16_t)snprintf((char *)r.manifest, sizeof r.manifest, "manifest %u/%llu/%u", product_n,
					    (unsigned long long)sequence, image_n);
	snprintf(r.why, sizeof r.why, "not yet proven");
	snprintf(r.facts.version, sizeof r.facts.version, "1.%llu", (unsigned long long)sequence);
	snprintf(r.facts.channel, sizeof r.facts.channel, "stable");
	snprintf(r.facts.cid, sizeof r.facts.cid, "bafkqaaa");
	r.facts.sha256 = hash_of(image_n);
	r.facts.size = 1000;
	return r;
}

static void put_release(unsigned product_n, uint64_t sequence, unsigned image_n, enum release_state state)
{
	struct release_row r = release(product_n, sequence, image_n);

	ck_ok(releases_put(store, &r, 1, &err));
	ck_ok(releases_set_state(store, &r.product, sequence, state, "as the test wants it", 2, NULL, &err));
}

static struct hash32 *h(unsigned n)
{
	static struct hash32 room[8];
	static unsigned at;

	at = (at + 1) % 8;
	room[at] = hash_of(n);
	return &room[at];
}

/* --- mark --- */

START_TEST(mark_survives)
{
	struct mark m = { .chain_id = 31337, .has_genesis = true, .genesis = hash_of(1), .has_anchor = true,
			  .anchor_number = 100, .anchor_hash = hash_of(2), .trust = "quorum", .has_proven = true,
			  .proven = { 99, hash_of(3), hash_of(4), 1700000000, 1700000001000 },
			  .listed = 4321, .listed_for = hash_of(5) }, got;

	ck_refused(mark_load(store, &got, &err), ERR_NOT_FOUND, "nothing is remembered at first");
	ck_ok(mark_save(store, &m, &err));
	reopen();
	ck_ok(mark_load(store, &got, &err));
	ck_assert_uint_eq(got.chain_id, 31337);
	ck_assert(got.has_genesis && hash32_eq(&got.genesis, &m.genesis));
	ck_assert(got.has_anchor && got.anchor_number == 100 && hash32_eq(&got.anchor_hash, &m.anchor_hash));
	ck_assert(got.has_proven && got.proven.number == 99 && got.proven.wall_ms == 1700000001000);
	ck_assert(hash32_eq(&got.proven.root, &m.proven.root));
	ck_assert(got.listed == 4321 && hash32_eq(&got.listed_for, &m.listed_for));
	ck_assert_str_eq(got.trust, "quorum");
	m.anchor_number = 99;
	ck_refused(mark_save(store, &m, &err), ERR_RULE, "an anchor never goes back");
	ck_ok(mark_load(store, &got, &err));
	ck_assert_uint_eq(got.anchor_number, 100);
}
END_TEST

static int count_alarm(void *arg, const struct latched_alarm *a, struct err *e)
{
	(void)e;
	ck_assert_int_eq(a->since_ms, 5);
	++*(int *)arg;
	return ERR_OK;
}

START_TEST(alarms_latch)
{
	struct latched_alarm a = { "quorum-conflict", "", "two chains", 5 };
	int n = 0;

	ck_ok(mark_latch(store, &a, &err));
	a.since_ms = 9;
	ck_ok(mark_latch(store, &a, &err));
	reopen();
	ck_ok(mark_each_latched(store, count_alarm, &n, &err));
	ck_assert_int_eq(n, 1);
	ck_ok(mark_unlatch(store, "quorum-conflict", &err));
	ck_ok(mark_each_latched(store, count_alarm, &n, &err));
	ck_assert_int_eq(n, 1);
}
END_TEST

START_TEST(a_mark_of_the_first_schema_is_taken_over)
{
	struct mark m;
	struct db *old;
	char path[PATH_MAX + 16];
	bool is_new;

	store_close(store);
	snprintf(path, sizeof path, "%s/gatepost.db", tempdir);
	ck_assert_int_eq(unlink(path), 0);
	ck_ok(db_open(path, &old, &is_new, &err));
	ck_ok(db_migrate(old, db_migrations, 1, &err));
	ck_ok(db_exec(old, "INSERT INTO mark VALUES (1, 31337, zeroblob(20), NULL, 100, zeroblob(32), 99, zeroblob(32),"
		" zeroblob(32), 1700000000, 1700000001000, 'quorum')", &err));
	db_close(old);
	ck_ok(store_open(tempdir, &store, &err));
	ck_ok(mark_load(store, &m, &err));
	ck_assert(m.chain_id == 31337 && m.has_anchor && m.anchor_number == 100);
	ck_assert_msg(!m.has_proven, "it was the account's, and covered no product");
	ck_assert_msg(m.listed == 0, "the list is read once more");
}
END_TEST

/* --- products and entries --- */

static unsigned reads_to_go, reads_to_fail;
static int reads_errno = EIO;

static ssize_t sometimes_unreadable(int fd, void *p, size_t n, off_t at)
{
	if (reads_to_go) {
		reads_to_go--;
	} else if (reads_to_fail) {
		reads_to_fail--;
		errno = reads_errno;
		return -1;
	}
	return pread(fd, p, n, at);
}

static void read_by(ssize_t (*read)(int, void *, size_t, off_t))
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pread", (sqlite3_syscall_ptr)read), SQLITE_OK);
	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)read), SQLITE_OK);
}

/* A card that hiccups must not cost what only this file knows; a page that stays out of reach is damage. */
START_TEST(a_read_that_fails_is_no_damage_until_it_stays_so)
{
	struct product_row p;

	put_product(1, "acme/a");
	read_by(sometimes_unreadable);
	reopen();
	for (unsigned i = 1; i < DB_UNREADABLE_MAX; i++) {
		reads_to_fail = 1;
		ck_refused(store_check(store, &err), ERR_IO, "EIO");
		ck_assert(store_is_unreadable(store) && !store_is_corrupt(store));
	}
	ck_ok(store_check(store, &err));
	ck_assert_msg(!store_is_unreadable(store), "the whole file was read");
	struct hash32 id = hash_of(1);
	ck_ok(products_get(store, &id, &p, &err));
	reopen();
	for (unsigned i = 1; i <= DB_UNREADABLE_MAX; i++) {
		reads_to_fail = 1;
		ck_refused(store_check(store, &err), i < DB_UNREADABLE_MAX ? ERR_IO : ERR_CORRUPT, "EIO again and again");
	}
	ck_assert(store_is_corrupt(store));
	reads_to_fail = 0;
	read_by(NULL);
}
END_TEST

/* A disk at the end of a wire that is loose, a file system that has found itself damaged: whatever it is, it is not the pages. */
static const int no_damage[] = { EIO, ETIMEDOUT, EUCLEAN, ENOLINK };

START_TEST(no_error_of_a_read_is_damage)
{
	unsigned failed = 0, reads = 0;

	put_product(1, "acme/a");
	read_by(sometimes_unreadable);
	reads_errno = no_damage[_i];
	for (; failed == reads; reads++) {
		reopen();
		reads_to_go = reads;
		reads_to_fail = 1;
		int rc = store_check(store, &err);
		ck_assert_msg(rc == (reads_to_fail ? ERR_OK : ERR_IO) && !store_is_corrupt(store), "read %u, errno %d: %s", reads, reads_errno, err.msg);
		failed += rc == ERR_IO;
	}
	ck_assert_uint_gt(failed, 10);
	reads_to_fail = reads_to_go = 0;
	reads_errno = EIO;
	read_by(NULL);
}
END_TEST

START_TEST(a_try_reaches_the_disk)
{
	int before = wal_frames(tempdir_fd, "gatepost.db-wal");

	ck_ok(store_try(store, &err));
	ck_assert_msg(wal_frames(tempdir_fd, "gatepost.db-wal") > before, "a commit without a page would say nothing of the disk");
}
END_TEST

START_TEST(one_in_memory_takes_everything)
{
	struct store *other = store;

	ck_ok(store_open_in_memory(&store, &err));
	put_product(1, "acme/a");
	ck_ok(store_try(store, &err));
	store_close(store);
	store = other;
}
END_TEST

START_TEST(product_round_trip)
{
	struct product_row p = product(1, "acme/thermostat"), got;

	p.has_remembered = true;
	p.remembered.threshold = 1;
	ck_ok(products_put(store, &p, &err));
	ck_ok(products_set_keep(store, &p.id, 5, true, &err));
	ck_ok(products_set_pinned(store, &p.id, true, &err));
	ck_ok(products_set_proven(store, &p.id, &(struct proof_mark){ 7, hash_of(1), hash_of(2), 3, 4 }, &err));
	ck_ok(products_find(store, "acme/thermostat", &p.registrant, &got, &err));
	ck_assert(got.keep == 5 && got.in_rollout && got.is_pinned && got.has_proven && got.proven.number == 7);
	ck_assert(got.has_remembered && got.remembered.n == 0);
	ck_assert_uint_eq(got.signers.threshold, 2);
	ck_assert_uint_eq(got.signers.n, 2);
	ck_assert_mem_eq(got.signers.key[1], p.signers.key[1], 128);
	p.sequence = 4;
	ck_ok(products_put(store, &p, &err));
	ck_ok(products_get(store, &p.id, &got, &err));
	ck_assert(got.sequence == 4 && got.keep == 5 && got.is_pinned);	/* the operator's part stays */
	ck_refused(products_get(store, h(9), &got, &err), ERR_NOT_FOUND, "an unknown product");
	ck_refused(products_set_pinned(store, h(9), true, &err), ERR_NOT_FOUND, "an unknown product");
}
END_TEST

static int note_product(void *arg, const struct product_row *p, struct err *e)
{
	char *text = arg;

	(void)e;
	strcat(strcat(text, p->name), " ");
	return strcmp(p->name, "acme/stop") ? ERR_OK : ERR_BUSY;
}

START_TEST(product_lists)
{
	char text[200] = "";

	put_product(2, "acme/b");
	put_product(1, "acme/c");
	put_product(3, "acme/a");
	ck_ok(products_each(store, note_product, text, &err));
	ck_assert_str_eq(text, "acme/a acme/b acme/c ");
	put_product(4, "acme/stop");
	put_product(5, "acme/z");
	text[0] = 0;
	ck_refused(products_each(store, note_product, text, &err), ERR_BUSY, "a walk ends with its visitor");
	ck_assert_str_eq(text, "acme/a acme/b acme/c acme/stop ");
}
END_TEST

/* --- bundles --- */

static struct bundle_row bundle_found;
static unsigned bundles_found;

static int find_bundle(void *arg, const struct bundle_row *b, struct err *e)
{
	(void)arg, (void)e;
	bundle_found = *b;
	bundles_found++;
	return ERR_OK;
}

static unsigned count_bundles(void)
{
	bundles_found = 0;
	ck_ok(bundles_each(store, find_bundle, NULL, &err));
	return bundles_found;
}

START_TEST(the_last_bundle_is_remembered)
{
	struct bundle_row b = { .product = hash_of(1), .entries = 5, .number = 77, .time = 1700000000, .hash = hash_of(9), .at_ms = 1700000001000 };

	put_product(1, "acme/thermostat");
	ck_assert_uint_eq(count_bundles(), 0);
	ck_ok(bundles_put(store, &b, &err));
	b.is_pinned = true;
	b.entries = 6;
	ck_ok(bundles_put(store, &b, &err));
	reopen();
	ck_assert_uint_eq(count_bundles(), 1);
	ck_assert(hash32_eq(&bundle_found.product, &b.product) && hash32_eq(&bundle_found.hash, &b.hash));
	ck_assert(bundle_found.is_pinned && bundle_found.entries == 6 && bundle_found.number == 77 && bundle_found.time == 1700000000 &&
		  bundle_found.at_ms == 1700000001000);
	b.product = hash_of(8);
	ck_refused(bundles_put(store, &b, &err), ERR_NOT_FOUND, "of a product that is there");
	ck_ok(bundles_drop(store, h(1), &err));
	ck_ok(bundles_drop(store, h(1), &err));
	ck_assert_uint_eq(count_bundles(), 0);
}
END_TEST

START_TEST(accepted_sets_are_remembered)
{
	struct hash32 got[2];
	size_t n;

	put_product(1, "acme/thermostat");
	for (unsigned i = 1; i <= 3; i++)
		ck_ok(products_accept_set(store, h(1), h(50 + i), i, &err));
	ck_ok(products_accept_set(store, h(1), h(51), 1, &err));
	ck_ok(products_accepted_sets(store, h(1), got, 2, &n, &err));
	ck_assert_uint_eq(n, 2);
	ck_assert(hash32_eq(&got[0], h(52)) && hash32_eq(&got[1], h(53)));
	ck_refused(products_accept_set(store, h(8), h(1), 1, &err), ERR_NOT_FOUND, "a set of an unknown product");
}
END_TEST

static struct entry_row entry(uint32_t order, uint64_t block)
{
	struct entry_row en = { .product = hash_of(1), .order = order, .block = block, .block_hash = hash_of((unsigned)block),
				.tx = hash_of(3), .log_index = order, .topics = 2, .data = SPAN_LIT("data") };

	en.topic[0] = hash_of(11);
	en.topic[1] = hash_of(12);
	return en;
}

static int check_entry(void *arg, const struct entry_row *en, struct err *e)
{
	uint32_t *want = arg;

	(void)e;
	ck_assert_uint_eq(en->order, (*want)++);
	ck_assert_uint_eq(en->topics, 2);
	ck_assert(hash32_eq(&en->topic[1], h(12)));
	ck_assert(span_is(en->data, "data"));
	return ERR_OK;
}

static void four_entries(void)
{
	put_product(1, "acme/thermostat");
	for (uint32_t i = 0; i < 4; i++) {
		struct entry_row en = entry(i, 10 + i);
		ck_ok(entries_append(store, &en, &err));
	}
}

START_TEST(entries_replay_in_order)
{
	uint32_t want = 1;

	four_entries();
	reopen();
	ck_ok(entries_each(store, h(1), 1, check_entry, &want, &err));
	ck_assert_uint_eq(want, 4);
}
END_TEST

START_TEST(entries_refuse_disorder)
{
	struct entry_row en;

	four_entries();
	en = entry(5, 20);
	ck_refused(entries_append(store, &en, &err), ERR_RULE, "a gap in the order");
	en = entry(3, 20);
	ck_refused(entries_append(store, &en, &err), ERR_RULE, "the same order again");
	en = entry(4, 12);
	ck_refused(entries_append(store, &en, &err), ERR_RULE, "an earlier block");
	en = entry(4, 13);
	en.log_index = 3;
	ck_refused(entries_append(store, &en, &err), ERR_RULE, "the same log index in the same block");
	en = entry(4, 20);
	en.data.n = ENTRY_DATA_MAX + 1;
	ck_refused(entries_append(store, &en, &err), ERR_LIMIT, "data longer than any entry's");
	en = entry(4, 20);
	en.product = hash_of(2);
	ck_refused(entries_append(store, &en, &err), ERR_NOT_FOUND, "an entry of an unknown product");
	en = entry(4, UINT64_MAX);
	ck_refused(entries_append(store, &en, &err), ERR_LIMIT, "a block number past what can be kept");
}
END_TEST

START_TEST(reorg_undoes_provisional_entries_only)
{
	struct product_row p;
	struct release_row r = release(1, 3, 5);
	uint32_t removed, order;

	four_entries();
	put_release(1, 2, 4, RELEASE_SEEN);
	ck_ok(releases_put(store, &r, 1, &err));	/* by entry 3 */
	ck_ok(entries_finalise(store, h(1), 2, &err));
	ck_refused(entries_finalise(store, h(1), 1, &err), ERR_RULE, "final entries do not become provisional");
	ck_refused(entries_finalise(store, h(1), 5, &err), ERR_RULE, "more final entries than entries");
	ck_ok(entries_first_since(store, h(1), 13, &order, &err));
	ck_assert_uint_eq(order, 3);
	ck_refused(entries_undo(store, h(1), 1, &removed, &err), ERR_RULE, "a final entry is never undone");
	ck_ok(entries_undo(store, h(1), order, &removed, &err));
	ck_assert_uint_eq(removed, 1);
	ck_ok(products_get(store, h(1), &p, &err));
	ck_assert(p.entries == 3 && p.final_entries == 2);
	removed = 77;
	ck_ok(entries_undo(store, h(1), 99, &removed, &err));
	ck_ok(products_get(store, h(1), &p, &err));
	ck_assert_msg(removed == 0 && p.entries == 3, "there is nothing from 99 on: %u, %u", removed, p.entries);
	ck_refused(entries_undo(store, h(8), 0, &removed, &err), ERR_NOT_FOUND, "an unknown product");
	ck_refused(entries_finalise(store, h(8), 0, &err), ERR_NOT_FOUND, "an unknown product");
	ck_refused(releases_get(store, h(1), 3, &r, &err), ERR_NOT_FOUND, "its release went with the entry");
	ck_ok(releases_get(store, h(1), 2, &r, &err));
	struct entry_row en = entry(3, 14);
	ck_ok(entries_append(store, &en, &err));
	ck_ok(entries_first_since(store, h(1), 99, &order, &err));
	ck_assert_uint_eq(order, 4);
}
END_TEST

START_TEST(dropping_a_product_drops_what_is_its)
{
	struct release_row r;
	uint32_t want = 0;

	four_entries();
	put_release(1, 1, 4, RELEASE_ACTIVE);
	ck_ok(products_drop(store, h(1), &err));
	ck_refused(releases_get(store, h(1), 1, &r, &err), ERR_NOT_FOUND, "its releases are gone");
	ck_ok(entries_each(store, h(1), 0, check_entry, &want, &err));
	ck_assert_uint_eq(want, 0);
	four_entries();
	ck_ok(mark_forget_registry(store, &err));
	ck_refused(products_drop(store, h(1), &err), ERR_NOT_FOUND, "forgotten with the registry");
}
END_TEST

START_TEST(a_failed_transaction_leaves_nothing)
{
	struct product_row p = product(1, "acme/thermostat"), got;
	{
		AUTO(store_tx_end) struct store_tx tx = store_begin(store);

		ck_ok(products_put(store, &p, &err));
		struct entry_row bad = entry(1, 1);
		ck_refused(entries_append(store, &bad, &err), ERR_RULE, "refused in the middle");
	}
	ck_refused(products_get(store, h(1), &got, &err), ERR_NOT_FOUND, "not committed");
	{
		AUTO(store_tx_end) struct store_tx tx = store_begin(store);

		ck_ok(products_put(store, &p, &err));
		ck_ok(store_commit(&tx, &err));
	}
	reopen();
	ck_ok(products_get(store, h(1), &got, &err));
}
END_TEST

/* --- releases --- */

START_TEST(release_round_trip)
{
	struct release_row r = release(1, 7, 4), got;
	bool changed;

	put_product(1, "acme/thermostat");
	r.facts.hardware_n = 2;
	snprintf(r.facts.hardware[0], sizeof r.facts.hardware[0], "rev-a");
	snprintf(r.facts.hardware[1], sizeof r.facts.hardware[1], "rev-b");
	r.facts.signers = 2;
	r.facts.signer[1] = hash_of(42);
	r.facts.urgent = true;
	snprintf(r.facts.description, sizeof r.facts.description, "fixes \"everything\"");
	ck_ok(releases_put(store, &r, 1000, &err));
	ck_ok(releases_set_state(store, &r.product, 7, RELEASE_FETCHING, "its image is on its way", 2000, &changed, &err));
	ck_assert(changed);
	ck_ok(releases_set_state(store, &r.product, 7, RELEASE_FETCHING, "its image is on its way", 3000, &changed, &err));
	ck_assert_msg(!changed, "saying the same again writes nothing");
	ck_ok(releases_set_state(store, &r.product, 7, RELEASE_FETCHING, "still on its way", 3000, &changed, &err));
	ck_assert(changed);
	ck_ok(releases_note_time(store, &r.product, 7, RELEASE_READY, 2500, &err));
	ck_ok(releases_note_time(store, &r.product, 7, RELEASE_FETCHING, 2600, &err));
	ck_ok(releases_note_time(store, &r.product, 8, RELEASE_READY, 2700, &err));
	ck_ok(releases_set_fetch(store, &r.product, 7, true, "another SHA-256", 3, 9000, &err));
	reopen();
	ck_ok(releases_get(store, &r.product, 7, &got, &err));
	ck_assert_int_eq(got.state, RELEASE_FETCHING);
	ck_assert_str_eq(got.why, "still on its way");
	ck_assert_int_eq(got.times_ms[RELEASE_SEEN], 1000);
	ck_assert_int_eq(got.times_ms[RELEASE_FETCHING], 2000);
	ck_assert_int_eq(got.times_ms[RELEASE_READY], 2500);
	ck_assert_int_eq(got.times_ms[RELEASE_ACTIVE], 0);
	ck_assert_mem_eq(got.manifest, r.manifest, r.manifest_len);
	ck_assert_uint_eq(got.manifest_len, r.manifest_len);
	ck_assert(got.facts.urgent && got.facts.hardware_n == 2 && got.facts.signers == 2);
	ck_assert_str_eq(got.facts.hardware[1], "rev-b");
	ck_assert_str_eq(got.facts.description, r.facts.description);
	ck_assert(hash32_eq(&got.facts.signer[1], h(42)));
	ck_assert(got.image_is_wrong && got.tries == 3 && got.retry_at_ms == 9000);
	ck_refused(releases_set_state(store, &r.product, 8, RELEASE_READY, "", 1, NULL, &err), ERR_NOT_FOUND,
		   "an unknown release has no state");
	ck_refused(releases_set_fetch(store, &r.product, 8, false, "", 1, 1, &err), ERR_NOT_FOUND, "nor a fetch");
	ck_refused(releases_decide(store, &r.product, 8, RELEASE_APPROVED, 1, &err), ERR_NOT_FOUND, "nor a decision");
}
END_TEST

START_TEST(release_without_facts)
{
	struct release_row r = release(1, 1, 4), got;

	put_product(1, "acme/thermostat");
	r.has_facts = false;
	r.state = RELEASE_REJECTED;
	ck_ok(releases_put(store, &r, 5, &err));
	ck_ok(releases_get(store, &r.product, 1, &got, &err));
	ck_assert(!got.has_facts && got.state == RELEASE_REJECTED && got.times_ms[RELEASE_REJECTED] == 5);
	r.manifest_len = 0;
	ck_refused(releases_put(store, &r, 5, &err), ERR_LIMIT, "an empty manifest");
	r = release(2, 1, 4);
	ck_refused(releases_put(store, &r, 5, &err), ERR_NOT_FOUND, "a release of an unknown product");
}
END_TEST

/* A reorg may bring the same release again, in another block, or another one in its place. */
START_TEST(decisions_are_bound_to_the_manifest)
{
	struct release_row r = release(1, 1, 4), got;
	struct product_row p;

	four_entries();
	ck_ok(releases_put(store, &r, 5, &err));
	ck_ok(releases_set_state(store, &r.product, 1, RELEASE_ACTIVE, "x", 6, NULL, &err));
	ck_ok(releases_decide(store, &r.product, 1, RELEASE_HELD_BY_OPERATOR, 7, &err));
	ck_ok(products_get(store, &r.product, &p, &err));
	ck_assert_msg(!p.is_pinned, "to hold a release is not to pin its product");
	r.block = 99;
	ck_ok(releases_put(store, &r, 8, &err));
	ck_ok(releases_get(store, &r.product, 1, &got, &err));
	ck_assert_msg(got.block == 99 && got.state == RELEASE_ACTIVE && got.decision == RELEASE_HELD_BY_OPERATOR,
		      "the same release in another block only moves");
	ck_ok(entries_undo(store, &r.product, 1, NULL, &err));
	ck_ok(releases_put(store, &r, 9, &err));
	ck_ok(releases_get(store, &r.product, 1, &got, &err));
	ck_assert_msg(got.decision == RELEASE_HELD_BY_OPERATOR && got.state == RELEASE_SEEN,
		      "a hold outlives the reorg that takes the release away and brings it again");
	r.manifest[0] ^= 1;
	ck_ok(releases_put(store, &r, 10, &err));
	ck_ok(releases_get(store, &r.product, 1, &got, &err));
	ck_assert_msg(got.decision == RELEASE_UNDECIDED && got.times_ms[RELEASE_ACTIVE] == 0,
		      "another manifest in its place begins anew");
	ck_ok(releases_decide(store, &r.product, 1, RELEASE_APPROVED, 11, &err));
	ck_ok(releases_get(store, &r.product, 1, &got, &err));
	ck_assert_int_eq(got.decision, RELEASE_APPROVED);
	ck_ok(releases_decide(store, &r.product, 1, RELEASE_UNDECIDED, 12, &err));
	ck_ok(releases_get(store, &r.product, 1, &got, &err));
	ck_assert_int_eq(got.decision, RELEASE_UNDECIDED);
}
END_TEST

struct seen {
	char text[256];
};

static int note_release(void *arg, const struct release_row *r, struct err *e)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	(void)e;
	snprintf(s->text + n, sizeof s->text - n, "%u/%llu ", r->product.b[1], (unsigned long long)r->sequence);
	return ERR_OK;
}

START_TEST(release_lists)
{
	struct seen s = { "" };

	put_product(2, "acme/a");
	put_product(1, "acme/b");
	put_release(1, 1, 4, RELEASE_SUPERSEDED);
	put_release(1, 2, 5, RELEASE_ACTIVE);
	put_release(2, 1, 4, RELEASE_ACTIVE);
	ck_ok(releases_each(store, &(struct release_query){ 0 }, note_release, &s, &err));
	ck_assert_str_eq(s.text, "2/1 1/1 1/2 ");
	s.text[0] = 0;
	ck_ok(releases_each(store, &(struct release_query){ .product = h(1), .states = 1u << RELEASE_ACTIVE }, note_release,
			    &s, &err));
	ck_assert_str_eq(s.text, "1/2 ");
	s.text[0] = 0;
	ck_ok(releases_each(store, &(struct release_query){ .after_product = h(2), .after_sequence = 1, .limit = 1 },
			    note_release, &s, &err));
	ck_assert_str_eq(s.text, "1/1 ");
	s.text[0] = 0;
	ck_ok(releases_each_of_image(store, h(4), note_release, &s, &err));
	ck_assert_str_eq(s.text, "2/1 1/1 ");
	s.text[0] = 0;
	ck_ok(releases_each(store, &(struct release_query){ .product = h(1), .after_product = h(1), .after_sequence = 1 },
			    note_release, &s, &err));
	ck_assert_str_eq(s.text, "1/2 ");
}
END_TEST

START_TEST(an_image_is_needed_while_a_release_stands)
{
	bool is_needed = true;

	put_product(1, "acme/a");
	put_product(2, "acme/b");
	ck_ok(releases_need_image(store, h(4), &is_needed, &err));
	ck_assert_msg(!is_needed, "nobody names it");
	put_release(1, 1, 4, RELEASE_REVOKED);
	put_release(2, 1, 5, RELEASE_ACTIVE);
	ck_ok(releases_need_image(store, h(4), &is_needed, &err));
	ck_assert_msg(!is_needed, "only a revoked one does");
	put_release(2, 2, 4, RELEASE_HELD);
	ck_ok(releases_need_image(store, h(4), &is_needed, &err));
	ck_assert(is_needed);
}
END_TEST

static int walk_again(void *arg, const struct release_row *r, struct err *e)
{
	struct seen *s = arg;

	(void)r;
	return releases_each(store, &(struct release_query){ 0 }, note_release, s, e);
}

START_TEST(walks_within_walks)
{
	struct seen s = { "" };

	put_product(1, "acme/b");
	put_release(1, 1, 4, RELEASE_SEEN);
	put_release(1, 2, 4, RELEASE_SEEN);
	ck_ok(releases_each(store, &(struct release_query){ 0 }, walk_again, &s, &err));
	ck_assert_str_eq(s.text, "1/1 1/2 1/1 1/2 ");
}
END_TEST

static int refuse(void *arg, const struct release_row *r, struct err *e)
{
	(void)arg, (void)r;
	return err_set(e, ERR_BUSY, "enough");
}

START_TEST(a_walk_ends_with_its_visitor)
{
	put_product(1, "acme/b");
	put_release(1, 1, 4, RELEASE_SEEN);
	ck_refused(releases_each(store, &(struct release_query){ 0 }, refuse, NULL, &err), ERR_BUSY, "fn's failure comes out");
}
END_TEST

START_TEST(state_names)
{
	for (unsigned i = 0; i < RELEASE_STATES; i++) {
		enum release_state got;

		ck_ok(release_state_read(span_str(release_state_name((enum release_state)i)), &got, &err));
		ck_assert_uint_eq(got, i);
	}
	enum release_state got;
	ck_refused(release_state_read(SPAN_LIT("running"), &got, &err), ERR_FORMAT, "not a state of a release");
}
END_TEST

/* --- images --- */

static const struct blob_digests digests = { .dag_bytes = 0 };

static void good_image(unsigned n, uint64_t size, int64_t wanted_ms)
{
	ck_ok(images_set_good(store, h(n), size, &digests, "raw", wanted_ms, &err));
}

START_TEST(image_life)
{
	struct image_row i;
	uint32_t chunk[4];
	size_t n;

	ck_ok(images_want(store, h(1), 70000, "", 1, &err));
	ck_ok(images_want(store, h(1), 70000, "bafy", 9, &err));
	ck_refused(images_want(store, h(1), 70001, "bafy", 2, &err), ERR_RULE, "one SHA-256 has one size");
	ck_refused(images_want(store, h(2), 0, "bafy", 2, &err), ERR_LIMIT, "an empty image");
	ck_refused(images_want(store, h(2), 1ULL << 32, "bafy", 2, &err), ERR_LIMIT, "an image of 4 GiB");
	ck_ok(images_set_state(store, h(1), IMAGE_IS_FETCHING, 10, &err));
	ck_ok(images_get(store, h(1), &i, &err));
	ck_assert(i.state == IMAGE_IS_FETCHING && i.since_ms == 10 && i.wanted_ms == 9 && strcmp(i.cid, "bafy") == 0);
	ck_ok(images_set_good(store, h(1), 70000, &(struct blob_digests){ hash_of(8), hash_of(9), 17 }, "mcuboot", 20, &err));
	ck_ok(images_add_damage(store, h(1), 1, 30, &err));
	ck_ok(images_add_damage(store, h(1), 1, 31, &err));
	ck_ok(images_get(store, h(1), &i, &err));
	ck_assert(i.state == IMAGE_IS_DAMAGED && i.since_ms == 30 && i.damaged_chunks == 1);
	ck_assert(hash32_eq(&i.digests.sums, h(8)) && i.digests.dag_bytes == 17);
	ck_assert_str_eq(i.format, "mcuboot");
	ck_ok(images_damage(store, h(1), chunk, 4, &n, &err));
	ck_assert(n == 1 && chunk[0] == 1);
	ck_ok(images_set_good(store, h(1), 70000, &digests, "mcuboot", 40, &err));
	ck_ok(images_note_use(store, h(1), 500, 50, &err));
	ck_ok(images_get(store, h(1), &i, &err));
	ck_assert(i.state == IMAGE_IS_GOOD && i.damaged_chunks == 0 && i.served_bytes == 500 && i.wanted_ms == 50);
	ck_ok(images_delete(store, h(1), &err));
	ck_refused(images_delete(store, h(1), &err), ERR_NOT_FOUND, "an unknown image");
	ck_ok(images_note_use(store, h(1), 1, 1, &err));
}
END_TEST

static int note_image(void *arg, const struct image_row *i, struct err *e)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof s->text - n, "%u ", i->sha256.b[1]);
	return images_set_state(store, &i->sha256, IMAGE_IS_EVICTING, 1, e);
}

static const char *victims(uint64_t need)
{
	static struct seen s;
	struct store_tx tx AUTO(store_tx_end) = store_begin(store);	/* undone: nothing is evicted for the next question */

	s.text[0] = 0;
	int rc = images_victims(store, need, note_image, &s, &err);
	return rc == ERR_NO_SPACE ? "no space" : rc ? err.msg : s.text;
}

START_TEST(eviction_respects_what_is_needed)
{
	put_product(1, "acme/thermostat");
	ck_ok(products_set_keep(store, h(1), 2, false, &err));
	for (unsigned i = 1; i <= 6; i++)
		good_image(i, 1000, 100 - i);	/* 6 was wanted longest ago */
	put_release(1, 1, 1, RELEASE_SUPERSEDED);
	put_release(1, 2, 2, RELEASE_ACTIVE);
	put_release(1, 3, 3, RELEASE_SUPERSEDED);
	put_release(1, 4, 4, RELEASE_READY);
	put_release(1, 5, 5, RELEASE_READY);
	ck_assert_str_eq(victims(1), "6 ");
	ck_assert_str_eq(victims(space_cost(1000) + 1), "6 3 ");
	ck_assert_str_eq(victims(3000), "6 3 1 ");
	ck_assert_str_eq(victims(4000), "no space");	/* 2 is active, 4 and 5 are the newest two */
	ck_ok(products_set_keep(store, h(1), 2, true, &err));
	ck_assert_str_eq(victims(2000), "6 1 ");	/* 3 is the previous one during a rollout */
	ck_ok(products_set_keep(store, h(1), 1, false, &err));
	ck_assert_str_eq(victims(4000), "6 4 3 1 ");
	ck_ok(images_set_state(store, h(1), IMAGE_IS_REVOKED, 1, &err));
	ck_assert_str_eq(victims(1), "1 ");
	put_product(2, "acme/other");
	put_release(2, 1, 6, RELEASE_ACTIVE);
	ck_assert_str_eq(victims(2000), "1 4 ");	/* another product needs 6 */
	ck_ok(products_set_pinned(store, h(1), true, &err));
	ck_assert_str_eq(victims(1), "no space");
	ck_ok(products_set_pinned(store, h(1), false, &err));
	ck_assert_str_eq(victims(2000), "1 4 ");
}
END_TEST

/* Superseded ones that were never fetched hold no place among those that are kept, nor are they what a rollout goes back to. */
START_TEST(what_is_not_here_keeps_nothing_from_staying)
{
	put_product(1, "acme/thermostat");
	ck_ok(products_set_keep(store, h(1), 2, false, &err));
	for (unsigned i = 1; i <= 3; i++)
		good_image(i, 1000, 100 - i);
	put_release(1, 1, 1, RELEASE_SUPERSEDED);
	put_release(1, 2, 2, RELEASE_SUPERSEDED);
	put_release(1, 3, 3, RELEASE_ACTIVE);
	put_release(1, 4, 4, RELEASE_SUPERSEDED);
	put_release(1, 5, 5, RELEASE_SUPERSEDED);
	ck_ok(images_want(store, h(5), 1000, "x", 1, &err));
	ck_assert_str_eq(victims(1), "1 ");
	ck_assert_str_eq(victims(2000), "no space");
	ck_ok(products_set_keep(store, h(1), 1, true, &err));
	ck_assert_str_eq(victims(1), "1 ");
	ck_assert_str_eq(victims(2000), "no space");
	good_image(4, 1000, 50);
	ck_assert_str_eq(victims(2000), "2 1 ");
	ck_ok(images_set_state(store, h(4), IMAGE_IS_DAMAGED, 1, &err));
	ck_assert_str_eq(victims(2000), "2 1 ");
}
END_TEST

/* The longest ago first; of the same time by name. */
START_TEST(each_image_is_scrubbed_in_its_turn)
{
	static const unsigned order[] = { 2, 3, 1 };
	struct image_row i = { .size = 0 }, next;

	for (unsigned n = 1; n <= 4; n++) {
		good_image(n, 1000, 1);
		ck_ok(images_set_verified(store, h(n), n == 1 ? 20 : 10, &err));
	}
	ck_ok(images_add_damage(store, h(4), 0, 1, &err));
	for (unsigned n = 0; n < 3; n++) {
		ck_ok(images_next_to_scrub(store, n ? &i : NULL, &next, &err));
		ck_assert_uint_eq(next.sha256.b[1], order[n]);
		i = next;
	}
	ck_refused(images_next_to_scrub(store, &i, &next, &err), ERR_NOT_FOUND, "it was the last");
}
END_TEST

START_TEST(totals_count_what_is_on_disk)
{
	struct images_totals t;

	ck_ok(images_totals(store, &t, &err));
	ck_assert(t.count == 0 && t.bytes == 0);
	good_image(1, 65537, 1);
	ck_ok(images_want(store, h(2), 100, "x", 1, &err));
	ck_ok(images_want(store, h(3), 100, "x", 1, &err));
	ck_ok(images_set_state(store, h(3), IMAGE_IS_FETCHING, 1, &err));
	ck_ok(images_totals(store, &t, &err));
	ck_assert_uint_eq(t.count, 1);
	ck_assert_uint_eq(t.bytes, 65537 + 64 + 100 + 32);
	ck_assert_uint_eq(t.bytes, space_cost(65537) + space_cost(100));
}
END_TEST

static int count_image(void *arg, const struct image_row *i, struct err *e)
{
	(void)i, (void)e;
	++*(int *)arg;
	return ERR_OK;
}

START_TEST(what_was_wanted_lately_is_not_unneeded)
{
	int n = 0;

	for (unsigned i = 1; i <= 5; i++)
		good_image(i, 10, 100 * i);
	ck_ok(images_unneeded(store, 300, count_image, &n, &err));
	ck_assert_int_eq(n, 2);
}
END_TEST

START_TEST(image_lists)
{
	int n = 0;

	for (unsigned i = 1; i <= 5; i++)
		good_image(i, 10, 1);
	ck_ok(images_set_state(store, h(5), IMAGE_IS_EVICTING, 1, &err));
	ck_ok(images_each(store, 1u << IMAGE_IS_GOOD, h(1), 0, count_image, &n, &err));
	ck_assert_int_eq(n, 3);
	ck_ok(images_each(store, 0, NULL, 2, count_image, &n, &err));
	ck_assert_int_eq(n, 5);
}
END_TEST

/* --- space --- */

START_TEST(space_keeps_a_reserve)
{
	static const uint64_t M = MIB;
	static const struct { const char *rule; uint64_t total, free, size, used, quota, room; } rows[] = {
		{ "a large card: the size that was asked for", 32000, 20000, 2000, 500, 2000, 1500 },
		{ "a nearly full card: what is left above 5 %", 10000, 600, 2000, 500, 600, 100 },
		{ "less free than the reserve: nothing", 10000, 400, 2000, 500, 400, 0 },
		{ "a small card: 64 MiB", 1000, 900, 2000, 0, 836, 836 },
		{ "a tiny one: a quarter", 32, 30, 2000, 0, 22, 22 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct space s = space_of(rows[i].total * M, rows[i].free * M, rows[i].size * M, rows[i].used * M);

		ck_assert_msg(s.quota_bytes == rows[i].quota * M && s.room_bytes == rows[i].room * M, "%s: %llu, %llu",
			      rows[i].rule, (unsigned long long)(s.quota_bytes / M), (unsigned long long)(s.room_bytes / M));
	}
}
END_TEST

START_TEST(admission)
{
	struct space s = space_of(32000ULL * MIB, 20000ULL * MIB, 100ULL * MIB, 60ULL * MIB);
	uint64_t evict = 1;

	ck_ok(space_admit(&s, 39 * MIB, &evict, &err));
	ck_assert_uint_eq(evict, 0);
	ck_ok(space_admit(&s, 50 * MIB, &evict, &err));
	ck_assert_uint_eq(evict, 10 * MIB + 800 * 32);
	ck_refused(space_admit(&s, 100 * MIB, &evict, &err), ERR_NO_SPACE, "an image and its sums must fit an empty cache");
	ck_ok(space_read(tempdir_fd, 1 * MIB, 0, &s, &err));
	ck_assert(s.total_bytes > 0 && s.quota_bytes <= 1 * MIB);
	ck_refused(space_read(-1, 1 * MIB, 0, &s, &err), ERR_IO, "what cannot be asked is not empty");
}
END_TEST

/* --- devices --- */

static void see(const char *device, int64_t now_ms, uint64_t given)
{
	struct device_seen d = { device, "acme/thermostat", "stable", "192.0.2.1", "coap", 10, given };

	ck_ok(devices_seen(store, &d, 3, now_ms, &err));
}

START_TEST(device_sightings_add_up)
{
	struct device_row d;
	uint64_t floor;

	see("kitchen", 10, 5);
	see("kitchen", 20, 3);
	reopen();
	ck_ok(devices_get(store, "kitchen", &d, &err));
	ck_assert(d.bytes == 20 && d.first_seen_ms == 10 && d.last_seen_ms == 20 && !d.is_listed && d.progress == 255);
	ck_ok(devices_floor(store, "kitchen", "acme/thermostat", "stable", &floor, &err));
	ck_assert_uint_eq(floor, 5);	/* only rises */
	ck_ok(devices_floor(store, "kitchen", "acme/thermostat", "beta", &floor, &err));
	ck_assert_uint_eq(floor, 0);
	ck_ok(devices_forget_floor(store, "kitchen", "acme/thermostat", &err));
	ck_ok(devices_floor(store, "kitchen", "acme/thermostat", "stable", &floor, &err));
	ck_assert_uint_eq(floor, 0);
}
END_TEST

START_TEST(device_reports)
{
	struct device_report r = { .device = "cellar", .product = "acme/thermostat", .address = "192.0.2.9",
				   .protocol = "http", .channel = "stable", .version = "1.2", .sequence = 4,
				   .state = "failed", .reason = "flash", .progress = 80 };
	struct device_row d;
	uint64_t floor;

	ck_ok(devices_report(store, &r, 3, 5, &err));
	ck_ok(devices_floor(store, "cellar", "acme/thermostat", "stable", &floor, &err));
	ck_assert_uint_eq(floor, 0);
	r.raises_floor = true;
	r.state = "installed";
	ck_ok(devices_report(store, &r, 3, 6, &err));
	ck_ok(devices_floor(store, "cellar", "acme/thermostat", "stable", &floor, &err));
	ck_assert_uint_eq(floor, 4);
	ck_ok(devices_get(store, "cellar", &d, &err));
	ck_assert(d.sequence == 4 && d.progress == 80 && d.reported_ms == 6);
	ck_assert_str_eq(d.state, "installed");
	ck_assert_str_eq(d.version, "1.2");
}
END_TEST

START_TEST(made_up_devices_push_out_no_listed_one)
{
	struct device_seen d = { "flood-9", "acme/thermostat", "stable", "192.0.2.1", "coap", 0, 0 };
	struct device_row got;
	uint64_t n;

	ck_ok(devices_put(store, "boiler", "acme/boiler", NULL, "site-1", 1, &err));
	see("flood-1", 2, 1);
	see("flood-2", 3, 1);
	see("flood-3", 4, 1);	/* of three, 1 was seen longest ago */
	ck_ok(devices_count(store, &n, &err));
	ck_assert_uint_eq(n, 3);
	ck_refused(devices_get(store, "flood-1", &got, &err), ERR_NOT_FOUND, "the oldest made room");
	ck_ok(devices_get(store, "boiler", &got, &err));
	ck_assert(got.is_listed);
	ck_assert_str_eq(got.group, "site-1");
	ck_ok(devices_put(store, "flood-2", NULL, "beta", NULL, 5, &err));
	ck_ok(devices_put(store, "flood-3", NULL, NULL, NULL, 5, &err));
	ck_refused(devices_seen(store, &d, 3, 6, &err), ERR_LIMIT, "a full list of listed devices takes no other");
	see("flood-2", 7, 0);
	ck_ok(devices_get(store, "flood-2", &got, &err));
	ck_assert_str_eq(got.channel, "beta");	/* the operator's word stands over what it asks for */
	ck_ok(devices_get(store, "flood-3", &got, &err));
	ck_assert_str_eq(got.channel, "");
	ck_ok(devices_delete(store, "flood-2", &err));
	ck_refused(devices_delete(store, "flood-2", &err), ERR_NOT_FOUND, "an unknown device");
}
END_TEST

/* Fewer are allowed than there are. */
START_TEST(too_many_devices_make_room_for_one)
{
	struct device_seen d = { "new", "acme/thermostat", "stable", "192.0.2.1", "coap", 0, 0 };
	struct device_row got;
	uint64_t n;

	ck_ok(devices_put(store, "boiler", NULL, NULL, NULL, 1, &err));
	see("flood-1", 2, 1);
	see("flood-2", 3, 1);
	ck_ok(devices_put(store, "pump", NULL, NULL, NULL, 1, &err));
	ck_ok(devices_seen(store, &d, 3, 6, &err));
	ck_ok(devices_count(store, &n, &err));
	ck_assert_uint_eq(n, 3);
	ck_ok(devices_get(store, "new", &got, &err));
	ck_ok(devices_get(store, "pump", &got, &err));
}
END_TEST

static int note_device(void *arg, const struct device_row *d, struct err *e)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	(void)e;
	snprintf(s->text + n, sizeof s->text - n, "%s ", d->device);
	return ERR_OK;
}

static int note_floor(void *arg, const struct device_floor *f, struct err *e)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	(void)e;
	snprintf(s->text + n, sizeof s->text - n, "%s=%llu ", f->device, (unsigned long long)f->sequence);
	return ERR_OK;
}

START_TEST(device_lists)
{
	struct seen s = { "" };

	see("b", 1, 2);
	see("a", 1, 3);
	see("c", 1, 0);
	ck_ok(devices_each(store, NULL, "a", 1, note_device, &s, &err));
	ck_ok(devices_each(store, "acme/thermostat", NULL, 0, note_device, &s, &err));
	ck_ok(devices_each(store, "acme/other", NULL, 0, note_device, &s, &err));
	ck_assert_str_eq(s.text, "b a b c ");
	s.text[0] = 0;
	ck_ok(devices_each_floor(store, note_floor, &s, &err));
	ck_assert_str_eq(s.text, "a=3 b=2 ");
}
END_TEST

/* --- audit --- */

static void audit(const char *action)
{
	struct audit_row r = { .at_ms = 5, .actor = "maria", .address = "192.0.2.7", .subject = "acme/thermostat" };

	snprintf(r.action, sizeof r.action, "%s", action);
	ck_ok(audit_add(store, &r, &err));
}

static int last_hash(void *arg, const struct audit_row *r, struct err *e)
{
	(void)e;
	*(struct hash32 *)arg = r->hash;
	return ERR_OK;
}

START_TEST(audit_is_a_chain)
{
	struct hash32 newest, walked;
	uint64_t n;

	ck_ok(audit_newest(store, &n, &newest, &err));
	ck_assert(n == 0 && hash32_is_zero(&newest));
	ck_ok(audit_verify(store, &err));
	audit("approve");
	audit("hold");
	audit("hold");
	reopen();
	ck_ok(audit_newest(store, &n, &newest, &err));
	ck_assert_uint_eq(n, 3);
	ck_ok(audit_each(store, 1, 0, last_hash, &walked, &err));
	ck_assert(hash32_eq(&newest, &walked));
	ck_ok(audit_verify(store, &err));
}
END_TEST

/* --- recovery --- */


static int note_recovery(void *arg, enum recover_what what, const struct hash32 *sha256, struct err *e)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	(void)e;
	snprintf(s->text + n, sizeof s->text - n, "%c%u ", "aer"[what], sha256->b[1]);
	return ERR_OK;
}

static void put_file(const char *name)
{
	int fd;

	mkdirat(tempdir_fd, "objects", 0700);
	mkdirat(tempdir_fd, "objects/00", 0700);
	fd = openat(tempdir_fd, name, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "0123456789", 10), 10);
	close(fd);
}

static void put_blob(unsigned n, const char *suffix)
{
	char name[128], path[BLOB_PATH_MAX];

	snprintf(name, sizeof name, "objects/%s%s", blobs_path(h(n), path), suffix);
	put_file(name);
}

static bool has_blob(unsigned n, const char *suffix)
{
	char name[128], path[BLOB_PATH_MAX];

	snprintf(name, sizeof name, "objects/%s%s", blobs_path(h(n), path), suffix);
	return tempdir_has(name);
}

START_TEST(recovery_brings_disk_and_rows_together)
{
	struct recover_counts c;
	struct seen s = { "" };
	struct blobs *b;
	struct image_row i;

	reopen();	/* not a new database any more */
	good_image(1, 10, 1), put_blob(1, ""), put_blob(1, ".sums");
	good_image(2, 10, 1);				/* lost its file */
	put_blob(3, "");				/* has no row */
	good_image(4, 11, 1), put_blob(4, "");		/* another size */
	good_image(5, 10, 1), put_blob(5, "");
	ck_ok(images_set_state(store, h(5), IMAGE_IS_EVICTING, 1, &err));
	ck_ok(images_want(store, h(6), 10, "x", 1, &err)); put_blob(6, ".part"), put_blob(6, ".dag.part");
	put_blob(7, ".part");				/* nobody wants it */
	put_blob(8, ".sums");				/* of nothing */
	good_image(9, 10, 1), put_blob(9, ".part");	/* a repair that was cut short */
	put_file("objects/00/README");
	ck_ok(blobs_open(tempdir_fd, NULL, &b, &err));
	ck_ok(recover_scan(store, b, 50, note_recovery, NULL, &s, &c, &err));
	ck_assert_msg(strstr(s.text, "a3 ") && strstr(s.text, "e5 ") && strstr(s.text, "r6 ") &&
		      strstr(s.text, "r9 ") && strlen(s.text) == 12, "%s", s.text);
	ck_assert(c.objects == 4 && c.adopt == 1 && c.evict == 1 && c.resume == 2 && c.lost == 3 && c.dropped == 2 &&
		  c.strange == 1);
	ck_ok(images_get(store, h(2), &i, &err));
	ck_assert_msg(i.state == IMAGE_IS_DAMAGED, "no older release takes its place meanwhile");
	ck_ok(images_get(store, h(4), &i, &err));
	ck_assert_msg(i.state == IMAGE_IS_DAMAGED && has_blob(4, ""), "what is there of it may be good");
	ck_assert(!has_blob(7, ".part") && !has_blob(8, ".sums") && has_blob(6, ".part") && has_blob(6, ".dag.part"));
	ck_assert(tempdir_has("objects/00/README"));
	blobs_free(b);
}
END_TEST

/* A pipe, a link, a directory under an image's name: it is damaged, and the others are recovered. */
START_TEST(recovery_goes_on_past_what_is_no_file)
{
	struct recover_counts c;
	struct seen s = { "" };
	struct image_row i;
	struct blobs *b;
	char path[BLOB_PATH_MAX], file[128];

	reopen();
	for (unsigned n = 1; n <= ODDS; n++) {
		good_image(n, 10, 1), put_blob(n, "");
		snprintf(file, sizeof file, "objects/%s", blobs_path(h(n), path));
		tempdir_put_odd(file, (enum tempdir_odd)(n - 1));
	}
	put_blob(9, "");
	tempdir_put_odd("objects/ff", ODD_LINK);
	ck_ok(blobs_open(tempdir_fd, NULL, &b, &err));
	ck_ok(recover_scan(store, b, 50, note_recovery, NULL, &s, &c, &err));
	ck_assert_str_eq(s.text, "a9 ");
	ck_assert(c.lost == ODDS && c.strange == ODDS);
	for (unsigned n = 1; n <= ODDS; n++) {
		ck_ok(images_get(store, h(n), &i, &err));
		ck_assert_int_eq(i.state, IMAGE_IS_DAMAGED);
	}
	blobs_free(b);
}
END_TEST

/* Want of descriptors is no damage of what cannot be opened for it. */
START_TEST(recovery_without_descriptors_judges_nothing)
{
	struct rlimit was, none;
	struct seen s = { "" };
	struct image_row i;
	struct blobs *b;
	int rc;

	reopen();
	good_image(1, 10, 1), put_blob(1, "");
	ck_ok(blobs_open(tempdir_fd, NULL, &b, &err));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ 0, was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = recover_scan(store, b, 50, note_recovery, NULL, &s, NULL, &err);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	ck_refused(rc, ERR_IO, "too many open files");
	ck_assert_msg(err.sys == EMFILE, "it may pass: so the keeper tries again");
	ck_ok(images_get(store, h(1), &i, &err));
	ck_assert_int_eq(i.state, IMAGE_IS_GOOD);
	blobs_free(b);
}
END_TEST

static bool is_six(void *arg, const struct hash32 *sha256)
{
	(void)arg;
	return hash32_eq(sha256, h(6));
}

/* Beside rows that have done with their file, or never had one. */
START_TEST(recovery_ends_what_was_under_way)
{
	struct recover_counts c;
	struct seen s = { "" };
	struct blobs *b;
	struct image_row i;

	reopen();
	good_image(1, 10, 1), put_blob(1, ""), put_blob(1, ".part");	/* whole: what is beside it is left over */
	good_image(2, 10, 1);						/* was being evicted, and its file is gone already */
	ck_ok(images_set_state(store, h(2), IMAGE_IS_EVICTING, 1, &err));
	good_image(3, 10, 1);						/* the same of a revoked one */
	ck_ok(images_set_state(store, h(3), IMAGE_IS_REVOKED, 1, &err));
	good_image(4, 11, 1), put_blob(4, "");				/* known to be damaged, and of another size */
	ck_ok(images_add_damage(store, h(4), 0, 1, &err));
	put_blob(6, "");						/* somebody works at it */
	ck_ok(blobs_open(tempdir_fd, NULL, &b, &err));
	ck_ok(recover_scan(store, b, 50, note_recovery, is_six, &s, &c, &err));
	ck_assert_str_eq(s.text, "e2 e3 ");
	ck_assert(c.objects == 2 && c.evict == 2 && c.dropped == 1 && c.resume == 0 && c.lost == 0);
	ck_assert(has_blob(1, "") && !has_blob(1, ".part"));
	ck_ok(images_get(store, h(2), &i, &err));
	ck_assert_int_eq(i.state, IMAGE_IS_EVICTING);
	blobs_free(b);
}
END_TEST

/* One of each kind of what is left over, and an object that waits to be adopted. */
static void leave_over(void)
{
	reopen();
	put_blob(3, "");				/* has no row */
	put_blob(7, ".part"), put_blob(7, ".dag.part");	/* nobody wants it */
	put_blob(8, ".sums");				/* of nothing */
	put_blob(9, ".sums");
}

static const char *const stuck_names[] = { ".part", ".sums" };

/* An immutable file, a bad block of a directory: as lasting as that may be, it is one name. */
START_TEST(recovery_goes_on_past_what_cannot_be_removed)
{
	const unsigned of = _i % 2 ? 8 : 7;
	const char *suffix = stuck_names[_i % 2];
	struct recover_counts c;
	struct seen s = { "" };
	char path[BLOB_PATH_MAX];
	struct blobs *b;

	leave_over();
	ck_ok(blobs_open(tempdir_fd, sysio_stays(), &b, &err));
	stays_by(stays_one[_i / 2], blobs_path(h(of), path), suffix);
	ck_ok(recover_scan(store, b, 50, note_recovery, NULL, &s, &c, &err));
	ck_assert_str_eq(s.text, "a3 ");
	ck_assert(c.stuck == 1 && c.dropped == 2 && c.adopt == 1 && c.unread.code == ERR_OK);
	ck_assert_msg(strstr(c.first_stuck.msg, stays.name) != NULL, "%s", c.first_stuck.msg);
	ck_assert(has_blob(of, suffix) && !has_blob(9, ".sums"));
	stays_by(0, "", "");
	ck_ok(recover_scan(store, b, 50, note_recovery, NULL, &s, &c, &err));
	ck_assert_msg(c.stuck == 0 && !has_blob(of, suffix) && !has_blob(7, ".dag.part"), "the next scan tries again");
	blobs_free(b);
}
END_TEST

/* Then the next name would stay as well. */
START_TEST(recovery_ends_where_nothing_can_be_removed)
{
	char path[BLOB_PATH_MAX];
	struct seen s = { "" };
	struct blobs *b;

	leave_over();
	ck_ok(blobs_open(tempdir_fd, sysio_stays(), &b, &err));
	stays_by(stays_all[_i].sys, blobs_path(h(8), path), ".sums");
	ck_says(recover_scan(store, b, 50, note_recovery, NULL, &s, NULL, &err), stays_all[_i].code, ".sums", "the disk as a whole");
	stays_by(0, "", "");
	blobs_free(b);
}
END_TEST

/* What it holds may be all that there is of a lost database: the caller has to know. */
START_TEST(recovery_says_what_it_could_not_read)
{
	struct recover_counts c;
	struct seen s = { "" };
	struct blobs *b;

	reopen();
	mkdirat(tempdir_fd, "objects", 0700);
	mkdirat(tempdir_fd, "objects/01", 0700);
	put_blob(3, "");
	put_blob(0x104, "");
	ck_ok(blobs_open(tempdir_fd, NULL, &b, &err));
	unread_from("objects/00", 0);
	ck_ok(recover_scan(store, b, 50, note_recovery, NULL, &s, &c, &err));
	ck_assert_msg(!strcmp(s.text, "a4 ") && c.adopt == 1, "the other folder is read: %s", s.text);
	ck_assert_int_eq(c.unread.code, ERR_IO);
	ck_assert_str_eq(c.unread.msg, "objects/00: read the directory: Input/output error");
	unread_from(NULL, 0);
	ck_ok(recover_scan(store, b, 50, note_recovery, NULL, &s, &c, &err));
	ck_assert(c.adopt == 2 && c.unread.code == ERR_OK);
	blobs_free(b);
}
END_TEST

START_TEST(a_new_database_keeps_parts)
{
	struct seen s = { "" };
	struct blobs *b;

	put_blob(7, ".part");
	ck_assert(store_is_new(store));
	ck_ok(blobs_open(tempdir_fd, NULL, &b, &err));
	ck_ok(recover_scan(store, b, 50, note_recovery, NULL, &s, NULL, &err));
	ck_assert_msg(has_blob(7, ".part"), "its release may only not have been replayed yet");
	blobs_free(b);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { a_read_that_fails_is_no_damage_until_it_stays_so, a_try_reaches_the_disk, one_in_memory_takes_everything,
		mark_survives, a_mark_of_the_first_schema_is_taken_over, alarms_latch, product_round_trip,
		the_last_bundle_is_remembered, accepted_sets_are_remembered, entries_replay_in_order, entries_refuse_disorder, reorg_undoes_provisional_entries_only, dropping_a_product_drops_what_is_its,
		a_failed_transaction_leaves_nothing, release_round_trip, release_without_facts,
		decisions_are_bound_to_the_manifest, release_lists, an_image_is_needed_while_a_release_stands, walks_within_walks, a_walk_ends_with_its_visitor,
		state_names, image_life, eviction_respects_what_is_needed, each_image_is_scrubbed_in_its_turn, totals_count_what_is_on_disk, image_lists,
		space_keeps_a_reserve, admission, device_sightings_add_up, device_reports,
		made_up_devices_push_out_no_listed_one, too_many_devices_make_room_for_one, device_lists, audit_is_a_chain,
		product_lists, what_was_wanted_lately_is_not_unneeded, what_is_not_here_keeps_nothing_from_staying, recovery_ends_what_was_under_way,
		recovery_goes_on_past_what_is_no_file, recovery_says_what_it_could_not_read, recovery_without_descriptors_judges_nothing, recovery_brings_disk_and_rows_together, a_new_database_keeps_parts,
	};
	TCase *t = tcase_create("store");
	Suite *s = suite_create("store");

	tcase_add_checked_fixture(t, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, no_error_of_a_read_is_damage, 0, sizeof no_damage / sizeof *no_damage);
	tcase_add_loop_test(t, recovery_goes_on_past_what_cannot_be_removed, 0, 2 * (int)(sizeof stays_one / sizeof *stays_one));
	tcase_add_loop_test(t, recovery_ends_where_nothing_can_be_removed, 0, (int)(sizeof stays_all / sizeof *stays_all));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
