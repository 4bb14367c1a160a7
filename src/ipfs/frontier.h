/* frontier.h: the links of a DAG whose blocks have not come, in file order.
 *
 * Kept back to front: the last spot is the first missing one, so that a depth
 * first stream works at the array's end. Every spot covers at least one byte,
 * so offsets are distinct and spots never overlap. */
#ifndef IPFS_FRONTIER_H
#define IPFS_FRONTIER_H

#include "base/err.h"
#include "base/span.h"
#include "formats/cid.h"

/* One missing link. Sizes and offsets fit 32 bits because IMAGE_MAX does. */
struct spot {
	struct hash32 digest;	/* sha2-256; identity links never get here */
	uint32_t offset, size;	/* size 0: taken, to be swept */
	uint8_t codec, version;	/* of the link's CID */
	uint8_t depth;
	bool is_asked : 1, needs_block : 1;	/* needs_block: its file bytes are known not to be enough */
};

struct frontier {
	struct spot *spots;
	size_t n, cap;
};

void frontier_free(struct frontier *f);

/* Appends a spot out of order, to be put in its place by frontier_replace. ERR_LIMIT beyond DAG_FRONTIER_MAX. */
MUST_USE int frontier_append(struct frontier *f, const struct spot *s, struct err *e);

/* The spots appended since there were n take the place of spot i, in the order they were appended. */
void frontier_replace(struct frontier *f, size_t i, size_t n);

/* Removes all spots of size 0. */
void frontier_sweep(struct frontier *f);

/* Index of the first spot in file order whose offset is at or after this; f->n when there is none. */
size_t frontier_find(const struct frontier *f, uint64_t offset);

struct cid spot_cid(const struct spot *s);

#endif
