/* unixfs.h: files as IPFS cuts them into blocks (specs.ipfs.tech/unixfs), one block at a time.
 *
 * A file is a tree. A raw block is a leaf: all its bytes are file bytes. A
 * dag-pb block is a node: UnixFS data of type File (or Raw, on leaves) with
 * bytes of its own, and links whose subtrees follow those bytes in order.
 *
 * Only files. Directories, HAMT shards, symlinks and metadata are refused by
 * name: a release is one file. A node must agree with itself: as many
 * blocksizes as links, filesize = own bytes + Σ blocksizes in 64 bits without
 * overflow, link names empty, no child of zero bytes. Whether each child then
 * delivers its blocksize is for whoever reads the child. */
#ifndef FORMATS_UNIXFS_H
#define FORMATS_UNIXFS_H

#include "base/buf.h"
#include "base/err.h"
#include "formats/cid.h"

enum unixfs_type { UNIXFS_RAW, UNIXFS_DIRECTORY, UNIXFS_FILE, UNIXFS_METADATA, UNIXFS_SYMLINK, UNIXFS_HAMT };

/* A node of a file, of either codec. Borrows from its block. */
struct unixfs_node {
	enum unixfs_type type;	/* UNIXFS_RAW for raw blocks too */
	uint64_t size;		/* bytes of the file under this node, its own included */
	struct span data;	/* its own bytes: the first of them */
	size_t n_links;
	struct span links, sizes;	/* walk them with unixfs_next_child */
};

struct unixfs_child {
	struct cid cid;
	uint64_t size;	/* bytes of the file under it; never 0 */
};

/* Reads a block as its CID's codec says. ERR_FORMAT: the encoding; ERR_RULE: not a file, or a node that contradicts
 * itself, named; ERR_LIMIT: too many links. The block's hash is the caller's to check first. */
MUST_USE int unixfs_read(enum cid_codec codec, struct span block, struct unixfs_node *out, struct err *e);

/* Takes the next child off the front; false at the end. node must come from unixfs_read. */
bool unixfs_next_child(struct unixfs_node *node, struct unixfs_child *out);

/* The block of a dag-pb leaf with these bytes, as importers write it: type (File or Raw), data, filesize. */
void unixfs_put_leaf(struct buf *out, enum unixfs_type type, struct span data);
/* Bytes of such a block with n bytes of data, of either type. */
uint64_t unixfs_leaf_length(uint64_t n);

/* Is block, a dag-pb leaf that node was read from, exactly what unixfs_put_leaf makes of its type and data? */
bool unixfs_is_ordinary_leaf(struct span block, const struct unixfs_node *node);

/* Finds the block that cid names when its file bytes are these: raw, a File leaf or a Raw leaf. Appends it to
 * out; ERR_PROOF when it is none of them (other bytes, or a wrapper of an unusual shape). For raw CIDs nothing is appended
 * and data itself is the block. */
MUST_USE int unixfs_rebuild_leaf(const struct cid *cid, struct span data, struct buf *out, struct err *e);

#endif
