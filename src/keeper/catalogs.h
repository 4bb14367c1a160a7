/* catalogs.h: from the store to the catalog that the server answers from, and to its copy on disk.
 *
 * A catalog is built when something was judged, when an image came or went,
 * and, for the time of the last proof alone, at most every CATALOG_PROOF_MS.
 * It goes to the supervisor as a sealed memfd; the server acknowledges its
 * generation. STATE/catalog holds the newest one that offers something else
 * than the one before (not for the time of the last proof, for longer files of
 * entries, or for what is only on its way), so that a start needs neither
 * database nor uplink; after the database was lost it is what devices
 * are answered from until the chain has been proven again, less what the floor
 * files have come to forbid meanwhile. */
#ifndef KEEPER_CATALOGS_H
#define KEEPER_CATALOGS_H

#include "base/err.h"
#include "base/span.h"

#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct catalog;
struct keeper;

struct catalogs {
	uint64_t generation;		/* of the newest that was sent; 0: none */
	uint64_t acknowledged;		/* by the server */
	struct hash32 content;		/* of the newest, proof times and generation apart */
	struct hash32 kept;		/* of the newest on disk: what of the content had to be there */
	int64_t sent_ms, saved_ms;	/* monotonic */
	bool is_proof_untold;		/* catalogs_refresh came too soon */
	struct catalog *last;		/* of the last run, while it still knows more than the store; else NULL */
};

/* The one on disk, without what the floor forbids, to the supervisor. ERR_NOT_FOUND: none; ERR_CORRUPT: not whole. */
MUST_USE int catalogs_load(struct keeper *k, struct err *e);

/* Builds one from the store, sends it, keeps a copy. */
MUST_USE int catalogs_publish(struct keeper *k, struct err *e);
/* Only proof times may have changed: does nothing when that was told a moment ago; catalogs_catch_up tells it then. */
MUST_USE int catalogs_refresh(struct keeper *k, struct err *e);
/* Now and then: the next proof may be a quarter of an hour away, and the one that came too soon was never told. */
MUST_USE int catalogs_catch_up(struct keeper *k, struct err *e);

/* Is the copy on disk whole? If not it is written again. ERR_BUSY: not while the last run's is told. */
MUST_USE int catalogs_check(struct keeper *k, bool *is_damaged, struct err *e);

/* Has every image that the last run's catalog tells of its row? false also when that catalog is gone: then nobody can say. */
bool catalogs_last_has_rows(const struct keeper *k);

/* The CID by which the last run's catalog knew an image: it was checked then. false: none, or the catalog is gone. */
bool catalogs_last_cid(const struct keeper *k, const struct hash32 *sha256, char out[CID_TEXT_MAX]);

#endif
