/* blocks.h: the cached images as IPFS blocks: which blocks there are, and in which image each lies (chapter 5, "Serving to others").
 *
 * Each root CID that the catalog names for a good image has a set: the dagtree of its blocks, made from <sha256>.dag when the
 * root is asked for, or by a thread of ours that works through new ones, so that inner blocks and leaves are found by their own
 * names too. An image whose .dag lacks something (an import, damage) has no blocks; it is served as a plain file all the same.
 * That is told, and who asks for it later than BLOCKS_AGAIN_MS, when the keeper may have mended it, lets it be looked at again. Want of memory or
 * descriptors, and a file of more than SHARE_NODES_MAX blocks, are no damage, and are not told.
 *
 * Nothing here is believed when it is sent: share.h compares every block with its name then.
 *
 * Any thread may call. A set that is held stays what it is. Memory: SHARE_TREES_MAX. */
#ifndef SERVER_BLOCKS_H
#define SERVER_BLOCKS_H

#include "base/clock.h"
#include "catalog/catalog.h"
#include "formats/dagtree.h"

struct blocks;

struct blockset {
	struct cid root;
	struct hash32 sha256;		/* of the image */
	uint64_t size;
	struct dagtree *tree;		/* fixed while the set is held */
	struct blocks *all;
	unsigned holders;		/* blocks.c's, like what follows */
	uint8_t state;
	int64_t lost_ms;
	uint64_t wants_bytes;		/* of memory, which it has no room for */
	bool is_listed;
};

struct blocks_conf {
	int objects;		/* STATE/objects, borrowed for blocks_new */
	uint64_t trees_max;	/* bytes of memory for all trees (SHARE_TREES_MAX); an image whose tree does not fit has no blocks until it does */
	const struct clock *clock;
	/* Told of an image whose .dag does not give its blocks. On any thread, without a lock held. */
	void (*rot)(void *arg, const struct hash32 *sha256);
	void *arg;
};

/* Starts the thread. */
MUST_USE int blocks_new(const struct blocks_conf *conf, struct blocks **out, struct err *e);
/* No set may be held any more. NULL is fine. */
void blocks_free(struct blocks *all);

/* The set that has this block, held, and the block's row in its tree. ERR_NOT_FOUND: none has; ERR_BUSY: none yet, but some are
 * still to be looked through, or could not be for want of memory or descriptors. */
MUST_USE int blocks_find(struct blocks *all, const struct cid *cid, struct blockset **out, uint32_t *row, struct err *e);
void blockset_hold(struct blockset *s);	/* once more */
void blockset_put(struct blockset *s);	/* NULL is fine */

/* The .dag of the set's image: the caller's descriptor. */
MUST_USE int blockset_open_kept(struct blockset *s, int *fd, struct err *e);
/* Something of it was not what it should be: nothing of it is given out until it was read anew. Tells it. */
void blockset_forsake(struct blockset *s);

/* A block that is being sent is held in memory: at most SHARES_MAX at a time. False: one too many. */
bool blocks_enter(struct blocks *all);
void blocks_leave(struct blocks *all);

/* A new catalog is in place. */
void blocks_settle(struct blocks *all, const struct catalog *c);

struct blocks_stats {
	uint32_t sets, waiting, shares;
	uint64_t bytes;			/* of the trees */
};
struct blocks_stats blocks_stats(struct blocks *all);

#endif
