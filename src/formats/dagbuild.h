/* dagbuild.h: a file's bytes in, its blocks and root CID out; balanced trees as IPIP-0499 names them.
 *
 * Streaming: bytes come from a callback, each block goes to another as soon as
 * it is made: leaves in order, each inner node right after its last child, the
 * root last. Memory: one leaf and the links of one open node per level. */
#ifndef FORMATS_DAGBUILD_H
#define FORMATS_DAGBUILD_H

#include "base/err.h"
#include "base/span.h"
#include "formats/cid.h"

/* How a file is cut: all that decides its CID. */
struct dag_profile {
	const char *name;
	unsigned cid_version;
	size_t chunk;		/* bytes a leaf */
	size_t width;		/* links a node */
	bool raw_leaves;	/* else dag-pb leaves of type File */
};

/* "unixfs-v1-2025", "unixfs-v0-2015"; NULL for others. */
const struct dag_profile *dag_profile_find(struct span name);
/* The one to use when nobody says: unixfs-v1-2025. */
const struct dag_profile *dag_profile_default(void);

struct dag_block {
	struct cid cid;
	struct span bytes;	/* borrowed until the callback returns */
	bool is_leaf;
	uint64_t offset, size;	/* which bytes of the file lie under it */
};

struct dag_io {
	/* Fills out with up to cap bytes; *n < cap only at the end of the file. */
	int (*read)(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e);
	/* Takes one block. May be NULL. Not 0: the build ends with it. */
	int (*block)(void *arg, const struct dag_block *b, struct err *e);
	void *arg;
};

struct dag_built {
	struct cid root;
	uint64_t size;		/* bytes of the file */
	uint64_t leaves, inner;	/* blocks made, repeated ones counted each time */
	uint64_t block_bytes;	/* of all of them */
};

/* ERR_LIMIT when the file is longer than IMAGE_MAX; otherwise what the callbacks return. An empty file is
 * one empty leaf. */
MUST_USE int dag_build(const struct dag_profile *p, const struct dag_io *io, struct dag_built *out, struct err *e);

#endif
