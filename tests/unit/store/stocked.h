/* stocked.h: a store with a row of everything, for the tests of what statements do when something is not as it should be. */
#ifndef TESTS_STOCKED_H
#define TESTS_STOCKED_H

#include "base/cleanup.h"
#include "formats/sha256.h"
#include "store/audit.h"
#include "store/bundles.h"
#include "store/db_own.h"
#include "store/devices.h"
#include "store/entries.h"
#include "store/images.h"
#include "store/mark.h"
#include "store/products.h"
#include "store/recover.h"
#include "store/releases.h"
#include "store/store_own.h"
#include "tempdir.h"

static struct store *store;

static inline sqlite3 *handle(void)
{
	return store->db->h;
}

static inline void stock_open(void)
{
	ck_ok(store_open(tempdir, &store, &err));
}

static inline void stock_close(void)
{
	store_close(store);
	store = NULL;
}

static inline struct product_row stock_product(void)
{
	struct product_row p = { .id = hash_of(1), .name = "acme/thermostat", .has_remembered = true, .has_proven = true,
				 .proven = { 7, hash_of(1), hash_of(2), 3, 4 } };

	p.signers = (struct product_signers){ .threshold = 1, .n = 1, .key_len = { 3 } };
	memcpy(p.signers.key[0], "abc", 3);
	p.remembered = p.signers;
	return p;
}

static inline struct entry_row stock_entry(uint32_t order)
{
	struct entry_row en = { .product = hash_of(1), .order = order, .block = 10 + order, .block_hash = hash_of(2), .tx = hash_of(3),
				.topics = 1, .data = SPAN_LIT("data") };

	en.topic[0] = hash_of(4);
	return en;
}

static inline struct release_row stock_release(uint64_t sequence)
{
	struct release_row r = { .product = hash_of(1), .sequence = sequence, .entry_order = (uint32_t)sequence, .block = 10, .tx = hash_of(7),
				 .has_facts = true, .state = RELEASE_SEEN, .manifest = "manifest", .manifest_len = 8 };

	r.facts = (struct release_facts){ .version = "1.0", .channel = "stable", .cid = "bafkqaaa", .sha256 = hash_of(5), .size = 1000,
					  .hardware_n = 2, .hardware = { "rev-a", "rev-b" }, .signers = 1, .description = "words" };
	r.facts.signer[0] = hash_of(42);
	return r;
}

static inline struct mark stock_mark(void)
{
	return (struct mark){ .chain_id = 31337, .has_genesis = true, .genesis = hash_of(1), .has_anchor = true, .anchor_number = 100,
			      .anchor_hash = hash_of(2), .trust = "quorum", .has_proven = true, .proven = { 99, hash_of(3), hash_of(4), 5, 6 },
			      .listed = 3, .listed_for = hash_of(5) };
}

static inline struct bundle_row stock_bundle(uint32_t entries)
{
	return (struct bundle_row){ .product = hash_of(1), .entries = entries, .number = 77, .time = 8, .hash = hash_of(9), .at_ms = 9 };
}

/* Two entries, a release of an image that is there, an image that is wanted, a device, two audit records. */
static inline void stock(void)
{
	struct hash32 id = hash_of(1), good = hash_of(5), wanted = hash_of(6), set = hash_of(8);
	struct product_row p = stock_product();
	struct release_row r = stock_release(1);
	struct mark m = stock_mark();
	struct bundle_row b = stock_bundle(1);
	struct audit_row a = { .action = "approve", .actor = "maria" };
	struct device_seen d = { "kitchen", "acme/thermostat", "stable", "192.0.2.1", "coap", 10, 1 };

	stock_open();
	ck_ok(products_put(store, &p, &err));
	for (uint32_t i = 0; i < 2; i++) {
		struct entry_row en = stock_entry(i);

		ck_ok(entries_append(store, &en, &err));
	}
	ck_ok(releases_put(store, &r, 1, &err));
	ck_ok(releases_decide(store, &id, 1, RELEASE_APPROVED, 1, &err));
	ck_ok(images_set_good(store, &good, 1000, &(struct blob_digests){ hash_of(1), hash_of(2), 17 }, "raw", 1, &err));
	ck_ok(images_want(store, &wanted, 1000, "bafy", 1, &err));
	ck_ok(products_accept_set(store, &id, &set, 1, &err));
	ck_ok(mark_save(store, &m, &err));
	ck_ok(mark_latch(store, &(struct latched_alarm){ "quorum-conflict", "", "two chains", 5 }, &err));
	ck_ok(bundles_put(store, &b, &err));
	ck_ok(devices_seen(store, &d, 9, 1, &err));
	ck_ok(audit_add(store, &a, &err));
	ck_ok(audit_add(store, &a, &err));
}

#endif
