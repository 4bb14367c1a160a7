/* bundle_walk.h: an image of the cache as the sections of a CAR: depth first, each block once (of PLAN_SEEN_MAX at least).
 *
 * Inner blocks come from what is kept beside the image, leaves are cut from it; each must hash to its CID before it goes out.
 * Memory: 44 bytes for each block that is remembered, the kept blocks (KEPT_BYTES_MAX), the open path's remaining links (DAG_FRONTIER_MAX), one block. */
#ifndef KEEPER_BUNDLE_WALK_H
#define KEEPER_BUNDLE_WALK_H

#include "base/table.h"
#include "keeper/kept.h"
#include "store/images.h"

struct bundle_walk {
	struct kept kept;
	int fd;				/* of the object */
	struct walk_link { struct cid cid; uint64_t offset, size; } *open;	/* the next one is the last */
	size_t n, cap;
	struct hash32 *seen;		/* digests of what was written */
	size_t seen_n, seen_cap;
	struct table seen_at;
	uint64_t root_bytes;		/* of all blocks, by what the root's links say */
};

/* ERR_NOT_FOUND: no object. ERR_CORRUPT: its kept blocks are damaged. On failure nothing is held. */
MUST_USE int bundle_walk_open(struct bundle_walk *w, struct blobs *blobs, const struct image_row *image, const struct cid *root, struct err *e);
void bundle_walk_close(struct bundle_walk *w);

/* Appends the next section to out; *more says whether there was one. ERR_CORRUPT: a block is not what its CID says: bit rot, or
 * inner blocks that were never kept. */
MUST_USE int bundle_walk_next(struct bundle_walk *w, struct buf *out, bool *more, struct err *e);

#endif
