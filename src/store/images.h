/* images.h: each image by its SHA-256: is it here, is it whole, who wants it. The bytes are blob.h's. */
#ifndef STORE_IMAGES_H
#define STORE_IMAGES_H

#include "store/blob.h"
#include "store/store.h"

enum image_state {
	IMAGE_IS_WANTED,	/* no bytes yet, or bytes that could not be kept */
	IMAGE_IS_FETCHING,	/* a .part file may lie on disk */
	IMAGE_IS_GOOD,		/* whole, compared, durable */
	IMAGE_IS_DAMAGED,	/* was good; chunks failed on read (images_damage); wants a repair */
	IMAGE_IS_EVICTING,	/* leaves the catalog, then the disk, then this table */
	IMAGE_IS_REVOKED,	/* only revoked releases name it: 410. On disk until evicted */
	IMAGE_STATES
};
/* "wanted" … "revoked". */
const char *image_state_name(enum image_state state);

struct image_row {
	struct hash32 sha256;
	uint64_t size;
	char cid[CID_TEXT_MAX];		/* "" when only its bytes are known (adopted at start) */
	enum image_state state;
	int64_t since_ms;		/* in this state */
	int64_t wanted_ms;		/* last asked for by a device, or by a release */
	int64_t verified_ms;		/* last read whole and compared; 0: never */
	uint64_t served_bytes;
	struct blob_digests digests;	/* when it is or was good */
	char format[24];		/* sniffed, for people; "" before it is good */
	uint32_t damaged_chunks;
	bool is_dag_lost;		/* the IPFS blocks beside it are damaged; the image itself is served */
};

/* A release wants it: inserts with IMAGE_IS_WANTED, or updates an empty cid and wanted_ms. ERR_RULE: known with
 * another size (one SHA-256 has one size; the new claim is a lie). */
MUST_USE int images_want(struct store *s, const struct hash32 *sha256, uint64_t size, const char *cid, int64_t now_ms,
			 struct err *e);
MUST_USE int images_set_state(struct store *s, const struct hash32 *sha256, enum image_state state, int64_t now_ms,
			      struct err *e);
/* Finished by blob_finish() or adopted from disk: inserts or updates, GOOD, no damage, verified now. */
MUST_USE int images_set_good(struct store *s, const struct hash32 *sha256, uint64_t size,
			     const struct blob_digests *digests, const char *format, int64_t now_ms, struct err *e);
/* A good image's chunk failed its digest: DAMAGED, and the chunk is noted once. Other states: only noted. */
MUST_USE int images_add_damage(struct store *s, const struct hash32 *sha256, uint32_t chunk, int64_t now_ms,
			       struct err *e);
/* What lies beside a good image is lost; images_set_good() ends that. Other states: nothing. */
MUST_USE int images_set_dag_lost(struct store *s, const struct hash32 *sha256, struct err *e);
/* The lowest damaged chunks, at most cap; *n says how many were written. */
MUST_USE int images_damage(struct store *s, const struct hash32 *sha256, uint32_t *out, size_t cap, size_t *n,
			   struct err *e);
/* By which CID the bytes came and were checked; "": by none (they were adopted from disk). */
MUST_USE int images_set_cid(struct store *s, const struct hash32 *sha256, const char *cid, struct err *e);
MUST_USE int images_set_verified(struct store *s, const struct hash32 *sha256, int64_t now_ms, struct err *e);
/* Aggregated by the caller. bytes may be 0. An unknown image is not an error. */
MUST_USE int images_note_use(struct store *s, const struct hash32 *sha256, uint64_t bytes, int64_t wanted_ms,
			     struct err *e);
MUST_USE int images_delete(struct store *s, const struct hash32 *sha256, struct err *e);

MUST_USE int images_get(struct store *s, const struct hash32 *sha256, struct image_row *out, struct err *e);
/* By SHA-256, after the given one (NULL: all), states as 1 << state or-ed (0: every). Lives until fn returns. */
typedef int images_fn(void *arg, const struct image_row *i, struct err *e);
MUST_USE int images_each(struct store *s, uint32_t states, const struct hash32 *after, uint32_t limit, images_fn *fn,
			 void *arg, struct err *e);
/* The good image that was verified longest ago, of those behind `after` in this order (NULL: of all): the scrubber's next. ERR_NOT_FOUND. */
MUST_USE int images_next_to_scrub(struct store *s, const struct image_row *after, struct image_row *out, struct err *e);

/* now_ms is right: what was verified later than that was verified never, and what was wanted later is wanted now. Else a clock that was
 * years ahead for a minute would keep the scrubber from these, and them from making room, until it gets there. Writes only what must change. */
MUST_USE int images_mend_times(struct store *s, int64_t now_ms, struct err *e);

struct images_totals {
	uint64_t count;		/* good or damaged */
	uint64_t good;		/* of these: what the scrubber reads */
	uint64_t damaged;	/* and those that wait for a repair, of themselves or of the blocks beside them */
	uint64_t damaged_chunks;
	int64_t verified_ms;	/* of the good one that was read longest ago; 0: there is none */
	uint64_t bytes;		/* on disk: those, evicting and revoked ones, and parts being fetched, at full size */
};
MUST_USE int images_totals(struct store *s, struct images_totals *out, struct err *e);

/* Who must leave, so that `need` more bytes fit: least recently wanted first, until their sizes sum up to need.
 * Never one that an active release names, nor one of a product's `keep` newest or (in a rollout) its channel's
 * newest superseded release, nor any of a pinned product. Revoked ones go first. ERR_NO_SPACE: all that may leave
 * is not enough (fn was not called). fn sees each victim; it may write to the store. */
MUST_USE int images_victims(struct store *s, uint64_t need, images_fn *fn, void *arg, struct err *e);

/* All that may leave by the same rules and that nobody wanted since before_ms, in the same order. fn may write to the store. */
MUST_USE int images_unneeded(struct store *s, int64_t before_ms, images_fn *fn, void *arg, struct err *e);

#endif
