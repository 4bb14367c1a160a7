/* dagtree.h: which blocks a stored file has as IPFS sees it, and where the bytes of each lie.
 *
 * Leaves are cut from the file itself; only blocks that cannot be (inner nodes, leaf wrappers of an odd shape) are kept beside
 * it (dagfile.h). The tree holds neither, just what is needed to find and to name every block:
 *
 *	t = dagtree_new(NODES_MAX);
 *	dagtree_add(t, …);			each kept block, in any order; its hash is checked
 *	dagtree_finish(t, &root, size, &e);	nothing is missing, and the sizes agree
 *	i = dagtree_find(t, &cid);		then tree->node[i] says where it lies
 *
 * Names are checked here, bytes at the end of the way by whoever reads them: a file may change after its tree was made.
 * Once finished it changes no more, so that any number of threads may read it. Memory: 64 bytes a block, 16 a link. */
#ifndef FORMATS_DAGTREE_H
#define FORMATS_DAGTREE_H

#include "base/err.h"
#include "formats/cid.h"

enum dagtree_kind {
	DAGTREE_RAW,	/* the block is `length` bytes of the file at `at` */
	DAGTREE_LEAF,	/* the ordinary dag-pb wrapper (unixfs_rebuild_leaf) around `size` bytes of the file at `at` */
	DAGTREE_KEPT,	/* `length` bytes at `at`, where the caller keeps it */
};

struct dagtree_node {
	struct hash32 digest;
	uint32_t at, length;
	uint32_t size;		/* bytes of the file under it */
	uint32_t first, links;	/* rows of dagtree.link */
	uint32_t blocks;	/* it and all under it, repeated ones counted each time */
	uint8_t kind, codec;	/* enum dagtree_kind, enum cid_codec */
	uint8_t height;		/* links from it to the deepest block */
	bool is_known;		/* size is */
	bool is_placed;		/* the root leads to it */
};

struct dagtree_link {
	uint32_t node;
	uint32_t offset;	/* of its bytes from where its parent's begin */
	uint32_t size;
	uint8_t version;	/* of the CID that the parent has for it */
};

struct dagtree {
	struct dagtree_node *node;
	struct dagtree_link *link;
	uint32_t *slot;		/* by digest; dagtree.c's own */
	uint32_t nodes, links, slots, nodes_max, nodes_room, links_room;
	uint32_t root;
};

#define DAGTREE_NONE UINT32_MAX

/* A tree of at most nodes_max different blocks, and eight times as many links. NULL: no memory. */
struct dagtree *dagtree_new(uint32_t nodes_max);
void dagtree_free(struct dagtree *t);	/* NULL is fine */
size_t dagtree_bytes(const struct dagtree *t);

/* A kept block, and where. ERR_PROOF: not what cid names; ERR_FORMAT, ERR_RULE: not a node of a file, or of another size than
 * its parent says; ERR_LIMIT; ERR_MEMORY. After a failure the tree is only to be freed. The same block again is fine. */
MUST_USE int dagtree_add(struct dagtree *t, const struct cid *cid, struct span block, uint32_t at, struct err *e);

/* All are added. ERR_NOT_FOUND: a kept block is missing; ERR_RULE: the root is not a file of this size, or an
 * identity CID, of which nothing needs to be stored; ERR_LIMIT: deeper or of more blocks than a fetch takes. */
MUST_USE int dagtree_finish(struct dagtree *t, const struct cid *root, uint64_t size, struct err *e);

/* The row of the block that cid names, whatever version; the one of its codec if both are there. DAGTREE_NONE. */
uint32_t dagtree_find(const struct dagtree *t, const struct cid *cid);

#endif
