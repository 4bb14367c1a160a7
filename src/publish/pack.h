/* pack.h: an image file as IPFS blocks: measured once, then streamed as a CAR as often as there are targets.
 *
 *	pack_open	reads the file once: size, SHA-256, root CID; keeps the inner blocks (some KB for
 *			64 MiB) and nothing of the leaves, which are bytes of the file
 *	pack_walk	gives the blocks depth first, repeated ones each time: the order that lets a reader verify a
 *			stream with what came before (IPIP-412: order=dfs, dups=y)
 *
 * The file is read again while it is walked; a leaf that is not what it was is ERR_PROOF ("changed"). */
#ifndef PUBLISH_PACK_H
#define PUBLISH_PACK_H

#include "base/buf.h"
#include "base/err.h"
#include "formats/cid.h"
#include "formats/dagbuild.h"

struct pack_inner {
	struct cid cid;
	struct buf block;
};

struct pack {
	int fd;				/* the image; closed by pack_close */
	struct cid root;
	uint64_t size;
	struct hash32 sha256;
	uint64_t car_size, inner_car_size;	/* bytes of the archives */
	size_t inner_n;
	struct pack_inner *inner;	/* in the order of their last leaf; none for a single block */
};

/* Called now and then while a file is read or sent. */
struct pack_watch {
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

/* ERR_USAGE: no such file, or not a file; ERR_LIMIT: longer than IMAGE_MAX; ERR_RULE: empty. watch may be NULL. */
MUST_USE int pack_open(const char *path, const struct dag_profile *profile, const struct pack_watch *watch,
		       struct pack *out, struct err *e);
void pack_close(struct pack *p);

/* The kept inner block of this name, or NULL: then it is a leaf, or not of this file. */
const struct pack_inner *pack_find(const struct pack *p, const struct cid *cid);

/* Is it the root that somebody else calls so? The CIDs' bytes decide: texts differ in their base, and versions 0 and 1 name
 * the same dag-pb block. ERR_NET: text (may be NULL) is no CID; ERR_PROOF: another one. `what` begins the message. */
MUST_USE int pack_check_root(const struct pack *p, const char *text, const char *what, struct err *e);

/* --- depth first, block by block --- */

#define PACK_DEPTH_MAX 8	/* levels of a tree; the profiles make at most 5 */

struct pack_walk {
	const struct pack *pack;
	bool only_inner;
	size_t depth;
	struct {
		struct span links, sizes;	/* what is left of this node's children */
		size_t left;
	} level[PACK_DEPTH_MAX];
	uint64_t offset;		/* of the next leaf in the file */
	struct buf leaf, data;
	bool begun;
};

/* The blocks of the file; only_inner leaves the leaves out (for who has the plain file). */
void pack_walk_init(struct pack_walk *w, const struct pack *p, bool only_inner);
void pack_walk_fini(struct pack_walk *w);

/* The next block. *block is borrowed until the next call; p == NULL at the end. ERR_PROOF: the file has changed. */
MUST_USE int pack_walk_next(struct pack_walk *w, struct cid *cid, struct span *block, struct err *e);

/* --- the same as the bytes of a CARv1 --- */

struct pack_car {
	struct pack_walk walk;
	struct buf head;		/* of the archive or of a section */
	struct span pending[2];		/* bytes of head, then of block, that were not taken yet */
	uint64_t sent;
};

void pack_car_init(struct pack_car *c, const struct pack *p, bool only_inner);
void pack_car_fini(struct pack_car *c);
/* Fills out; *n < cap only at the end of the archive. */
MUST_USE int pack_car_read(struct pack_car *c, uint8_t *out, size_t cap, size_t *n, struct err *e);

#endif
