/* dag.h: DAGs of any shape for the tests, good and bad, and a place to put what a plan makes of them.
 *
 * A struct dag holds blocks and the file that they spell; blocks are made from
 * the leaves up, and the last one made is the root. A struct place is a
 * part file and a store of kept blocks in memory that notices bytes that are written twice. */
#ifndef TESTS_DAG_H
#define TESTS_DAG_H

#include "base/buf.h"
#include "formats/cid.h"
#include "formats/unixfs.h"
#include "ipfs/plan.h"

#define DAG_BLOCKS_MAX 5200

struct dag_entry {
	struct cid cid;
	struct span bytes;
	uint64_t size;			/* of the file under it */
	const struct dag_entry **children;	/* in order, those with an identity CID too */
	size_t n_children;
};

struct dag {
	struct dag_entry *blocks;	/* every different one once */
	size_t n;
	uint64_t seed;			/* for file bytes */
};

void dag_init(struct dag *d);
void dag_fini(struct dag *d);

/* File bytes that differ from all earlier ones of this dag; live as long as it. */
struct span dag_random(struct dag *d, size_t n);

/* One block with this CID version and codec; the same bytes again give the same entry. */
const struct dag_entry *dag_put(struct dag *d, unsigned version, enum cid_codec codec, struct span bytes, uint64_t size);

enum dag_leaf { LEAF_RAW, LEAF_FILE, LEAF_FILE_V0, LEAF_RAW_NODE, LEAF_MODE, LEAF_IDENTITY, LEAF_IDENTITY_FILE };
const struct dag_entry *dag_leaf(struct dag *d, enum dag_leaf kind, struct span data);

/* An inner node over these children, with bytes of its own in front (maybe none). */
struct dag_node {
	const struct dag_entry *const *children;
	size_t n;
	struct span data;
	unsigned version;
	/* What to lie about: added to the filesize, and to the last blocksize. */
	int64_t filesize_lie, blocksize_lie;
	const char *name;		/* of the last link */
	struct span more;		/* bytes at the end of the UnixFS message */
};
const struct dag_entry *dag_node(struct dag *d, const struct dag_node *n);

/* Layouts. Each returns the root of a file of `size` bytes in leaves of `chunk`. */
const struct dag_entry *dag_balanced(struct dag *d, enum dag_leaf kind, size_t size, size_t chunk, size_t width);
const struct dag_entry *dag_trickle(struct dag *d, enum dag_leaf kind, size_t leaves, size_t chunk, size_t width);

/* The file that root spells. */
void dag_file(const struct dag_entry *root, struct buf *out);

/* --- archives --- */

enum dag_order { ORDER_DFS, ORDER_DFS_ONCE, ORDER_BREADTH, ORDER_LEAVES_FIRST };

/* The blocks under root in this order, identity ones left out; out has room for max. Returns how many. */
size_t dag_list(const struct dag_entry *root, enum dag_order order, const struct dag_entry **out, size_t max);
void dag_car(const struct dag_entry *root, enum dag_order order, struct buf *out);
void dag_section(const struct cid *cid, struct span bytes, struct buf *out);

/* --- a place for a plan's doings --- */

struct place_block {
	struct cid cid;
	uint8_t *bytes;
	size_t n;
	enum plan_kept what;
};

struct place {
	uint8_t *file, *written;	/* written: 1 for each byte that was */
	uint64_t size;
	struct place_block *kept;
	size_t n_kept, cap_kept;
	unsigned calls;			/* of any function */
	unsigned fail_at;		/* this call fails (1: the first); 0: none */
	uint64_t bytes_written;
	bool allow_rewrite;
};

void place_init(struct place *p, uint64_t size);
void place_fini(struct place *p);
struct plan_io place_io(struct place *p);

#endif
