/* catalog.h: what devices may be told, and nothing else.
 *
 * The keeper writes it (builder.h), the server answers from it. One flat file,
 * handed over as a sealed memfd; the same bytes lie on disk, so that a start
 * needs neither database nor uplink.
 *
 *	struct catalog_head	magic, digest, version, generation, length, tables
 *	tables			rows of the structs below, each table sorted
 *	pool			every text and manifest; rows name them by offset and length
 *
 * Numbers are in the machine's own byte order: the file never leaves it, and one of
 * another order has another magic. Rows are read in place. catalog_open() checks once, so that nobody
 * has to later: seals, length, SHA-256 of the whole, bounds of every table, reference and
 * index, order of every table, no undefined state, no control character in a text (they end up in headers).
 *
 * Pointers and spans live as long as the reference to the catalog that they came from. */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"
#include "formats/cid.h"

#include <pthread.h>

#define CATALOG_MAGIC UINT64_C(0x31474c5443415047)	/* "GPACTLG1" where the low byte comes first */
#define CATALOG_VERSION 3

/* Bytes of the pool: catalog_bytes(). */
struct catalog_ref {
	uint32_t at, n;
};

/* Rows [first, first + n) of another table. */
struct catalog_rows {
	uint32_t first, n;
};

/* What the gateway's knowledge rests on (chapter 8, `trust`). */
enum catalog_trust {
	TRUST_QUORUM, TRUST_SINGLE, TRUST_PINNED, TRUST_LIGHTCLIENT, TRUST_BUNDLE_SIGNERS, TRUST_BUNDLE_PINNED, TRUST_KINDS
};
/* "quorum" … "bundle-pinned". */
const char *catalog_trust_name(enum catalog_trust t);

/* The block at which a product's head was last proven, or the registry proven unchanged. */
struct catalog_proof {
	uint64_t number;
	uint64_t time;		/* the block's, seconds since 1970; 0: never proven */
	struct hash32 hash;
};

/* Sorted by name, strictly: one registrant for each name. */
struct catalog_product {
	struct catalog_proof proof;
	struct hash32 id;
	struct hash32 entries_sha256;	/* of its final entries: the first bytes of STATE/entries/ID */
	uint64_t entries_bytes;		/* so many; 0: there are none to be told, and the digest is zero */
	uint64_t max_age_ms;		/* a proof older than this is stale */
	struct addr20 registrant;
	uint32_t trust;			/* enum catalog_trust */
	struct catalog_ref name;	/* "vendor/model" */
	struct catalog_rows channels;	/* in the operator's order: the first is for devices that name none */
	struct catalog_rows releases;	/* ascending by sequence */
};

struct catalog_channel {
	uint64_t withdrawn;		/* the highest sequence that was active here and is not told any more; 0: none */
	struct catalog_ref name;
	uint32_t is_pending;		/* 1: a release of it is seen, fetching or ready: "come back" instead of "not here" */
	uint32_t product;		/* row */
};

enum catalog_release_state { CATALOG_ACTIVE = 1, CATALOG_SUPERSEDED };

struct catalog_release {
	uint64_t sequence, from_sequence;	/* from_sequence 0: from any */
	uint64_t published_at;			/* seconds since 1970 */
	struct hash32 manifest_sha256;
	struct catalog_ref manifest;		/* the publisher's bytes */
	struct catalog_ref version, description;
	struct catalog_ref cid;			/* text, as the manifest has it */
	struct catalog_rows hardware;		/* into words; none: every board */
	uint32_t product, channel, image;	/* rows */
	uint16_t state;				/* enum catalog_release_state */
	uint16_t is_urgent;
};

enum catalog_image_state {
	CATALOG_GOOD = 1,
	CATALOG_REVOKED,	/* only revoked releases name it: 410 */
	CATALOG_DAMAGED,	/* being fetched again: 503 */
};

/* Sorted by sha256, strictly. */
struct catalog_image {
	uint64_t size;
	struct hash32 sha256;
	struct hash32 sums;		/* SHA-256 of <sha256>.sums */
	uint8_t sha1[20], md5[16];	/* valid as `digests` says */
	uint32_t digests;		/* CATALOG_HAS_… */
	uint32_t state;			/* enum catalog_image_state */
	uint32_t reserved;		/* 0 */
	struct catalog_ref format;	/* sniffed, for people; may be empty */
};
#define CATALOG_HAS_SHA1 1
#define CATALOG_HAS_MD5 2

/* Sorted by the bytes of cid, strictly: binary CIDv1, so that both texts of a v0 CID find it. */
struct catalog_cid {
	struct catalog_ref cid;
	uint32_t image;
};

/* What catalog_open() gives back about the whole. */
struct catalog_facts {
	uint64_t generation;		/* counts up while a keeper lives; a new keeper goes on from the last one */
	uint64_t chain_id;
	struct addr20 registry;
	struct span gateway;		/* `[gateway] name` */
};

struct catalog;

enum catalog_from {
	CATALOG_FROM_MEMFD,	/* must be sealed against every change; is mapped */
	CATALOG_FROM_DISK,	/* is read into memory first, since a file may change under us */
};

/* fd stays the caller's. *out has one reference. ERR_DENIED: not sealed; ERR_CORRUPT: digest or a check below it;
 * ERR_RULE: another version of the format; ERR_LIMIT: over CATALOG_MAX. */
MUST_USE int catalog_open(int fd, enum catalog_from from, struct catalog **out, struct err *e);
/* The same from bytes, which are copied. For tests and filters. */
MUST_USE int catalog_of(struct span bytes, struct catalog **out, struct err *e);

struct catalog *catalog_hold(struct catalog *c);	/* one more reference; returns c */
void catalog_put(struct catalog *c);			/* NULL is fine */
static inline void catalog_put_auto(struct catalog **c)
{
	catalog_put(*c);
}

struct catalog_facts catalog_facts(const struct catalog *c);
struct span catalog_whole(const struct catalog *c);
struct span catalog_bytes(const struct catalog *c, struct catalog_ref r);

/* Whole tables, and rows by index (from another row: always in range). */
const struct catalog_product *catalog_products(const struct catalog *c, size_t *n);
const struct catalog_release *catalog_releases(const struct catalog *c, size_t *n);
const struct catalog_image *catalog_images(const struct catalog *c, size_t *n);
const struct catalog_cid *catalog_cids(const struct catalog *c, size_t *n);
const struct catalog_channel *catalog_channel(const struct catalog *c, uint32_t row);
const struct catalog_release *catalog_release(const struct catalog *c, uint32_t row);
const struct catalog_image *catalog_image(const struct catalog *c, uint32_t row);
const struct catalog_product *catalog_product(const struct catalog *c, uint32_t row);
struct span catalog_word(const struct catalog *c, uint32_t row);

/* Look-ups; NULL when it is not there. */
const struct catalog_product *catalog_find_product(const struct catalog *c, struct span name);
/* An empty name finds the default channel. *row (may be NULL) is its index. */
const struct catalog_channel *catalog_find_channel(const struct catalog *c, const struct catalog_product *p,
						   struct span name, uint32_t *row);
const struct catalog_image *catalog_find_image(const struct catalog *c, const struct hash32 *sha256);
const struct catalog_image *catalog_find_cid(const struct catalog *c, const struct cid *cid);

/* Does the release fit a board of this name (empty: the device names none)? One that is for some boards only fits none
 * that is not named. */
bool catalog_fits_hardware(const struct catalog *c, const struct catalog_release *r, struct span hardware);

/* --- the present one, exchanged whole --- */

struct catalog_slot {
	pthread_mutex_t lock;
	struct catalog *now;
	struct clock_bound bound;	/* by the blocks of all catalogs that have been in it */
};

#define CATALOG_SLOT_INIT { PTHREAD_MUTEX_INITIALIZER, NULL, { 0, 0 } }

/* A reference to the present catalog, or NULL when there is none yet. */
struct catalog *catalog_slot_get(struct catalog_slot *s);
/* Takes c's reference over, and lets the earlier catalog go; answers that hold it keep it. */
void catalog_slot_set_take(struct catalog_slot *s, struct catalog *c, int64_t mono_ms);
struct clock_bound catalog_slot_bound(struct catalog_slot *s);

#endif
