/* place.h: how a verified block takes its place in a plan. For plan.c alone.
 *
 * place_at() is the heart of the plan: one block whose hash was checked, at one
 * spot of the frontier. Everything else finds blocks (in a stream, in the part
 * file, among what was kept) and spots for them. */
#ifndef IPFS_PLACE_H
#define IPFS_PLACE_H

#include "ipfs/frontier.h"
#include "ipfs/plan.h"
#include "ipfs/seen.h"

struct plan {
	struct cid root;
	uint64_t size;
	struct plan_io io;
	struct frontier frontier;
	struct seen seen;
	struct buf block;	/* a block that is being made again or loaded */
	struct plan_progress done;	/* verified, restored, copied, blocks, inner */
	uint64_t nodes, nodes_max;	/* places filled, repeated ones counted each time */
	uint64_t restore_at;	/* plan_restore has looked at everything before this offset */
	struct err bad;		/* why the plan is over; code 0: it is not */
};

/* Where the bytes of a block that is placed come from. */
enum origin { FROM_SOURCE, FROM_COPY, FROM_PART };

static inline bool spot_is(const struct spot *s, const struct hash32 *digest)
{
	return hash32_eq(&s->digest, digest);
}

/* May a link to a block of this codec stand for so many bytes? */
MUST_USE int place_check_link(enum cid_codec codec, uint64_t size, struct err *e);

/* A verified block takes its place at spot i. Spots before i keep their indices; a leaf's spot stays, with size 0,
 * until the next sweep. After PLAN_STORAGE and PLAN_STRAY (no room before its turn) everything is as it was. */
enum plan_verdict place_at(struct plan *p, size_t i, struct span block, enum origin from, struct err *e);

/* The same wherever the frontier has it, from the front; sweeps; stops after about `budget` bytes. */
enum plan_verdict place_all(struct plan *p, const struct hash32 *digest, struct span block, uint64_t budget,
			    enum origin from, struct err *e);

/* A root that is its own block. */
enum plan_verdict place_identity_root(struct plan *p, struct err *e);

#endif
