/* bundle_walk.h: an image of the cache as the sections of a CAR: depth first, each block once (formats/dagwalk.h).
 *
 * Inner blocks come from what is kept beside the image, leaves are cut from it; each must hash to its CID before it goes out.
 * Memory: the kept blocks (KEPT_BYTES_MAX), the tree over SHARE_NODES_MAX blocks at most, one block. */
#ifndef KEEPER_BUNDLE_WALK_H
#define KEEPER_BUNDLE_WALK_H

#include "formats/dagwalk.h"
#include "keeper/kept.h"
#include "store/images.h"

struct bundle_walk {
	struct kept kept;
	int fd;				/* of the object */
	struct dagtree *tree;		/* NULL: its name is its content, and there are no blocks */
	struct dagwalk walk;
	uint64_t root_bytes;		/* of all blocks, by what the root's links say */
};

/* ERR_NOT_FOUND: no object. ERR_CORRUPT: its kept blocks are damaged, or were never kept. On failure nothing is held. */
MUST_USE int bundle_walk_open(struct bundle_walk *w, struct blobs *blobs, const struct image_row *image, const struct cid *root, struct err *e);
/* Again, or of one that is all zero but for fd = -1, is fine. */
void bundle_walk_close(struct bundle_walk *w);

/* Appends the next section to out; *more says whether there was one. ERR_CORRUPT: a block is not what its CID says: bit rot. */
MUST_USE int bundle_walk_next(struct bundle_walk *w, struct buf *out, bool *more, struct err *e);

#endif
