/* dagwalk.h: the blocks under a block of a dagtree, depth first, as a CAR has them (order=dfs of the trustless gateway
 * specification, specs.ipfs.tech/http-gateways/trustless-gateway). Identity blocks never come: the specification leaves them out.
 *
 *	dagwalk_start(&w, tree, row, &asked, &how, &e);
 *	while (dagwalk_next(&w, &cid, &row))
 *		…
 *	dagwalk_end(&w);
 *
 * Memory: the open path; with is_once a bit for each block of the tree. */
#ifndef FORMATS_DAGWALK_H
#define FORMATS_DAGWALK_H

#include "base/limits.h"
#include "formats/dagtree.h"

struct dagwalk_how {
	bool is_alone;		/* only the block itself: dag-scope=block */
	bool is_once;		/* no block twice: dups=n */
	uint64_t from, to;	/* only what leads to these bytes of the file under it, both included; to = UINT64_MAX: to the end */
};

struct dagwalk {
	const struct dagtree *tree;
	struct dagwalk_how how;
	struct cid asked;
	uint32_t top;
	uint8_t *seen;			/* a bit for each node; NULL: repeated ones come again */
	struct { uint32_t node, link; uint64_t offset; } open[DAG_DEPTH_MAX + 1];
	size_t depth;
	bool is_begun;
};

/* tree must live as long as the walk. `asked` is the top block's name as somebody has it: it comes under that name, and alone when that says
 * raw. ERR_MEMORY: nothing is to be ended. */
MUST_USE int dagwalk_start(struct dagwalk *w, const struct dagtree *tree, uint32_t row, const struct cid *asked,
			   const struct dagwalk_how *how, struct err *e);
void dagwalk_end(struct dagwalk *w);

/* The next block: its name as the block above it has it, and its row. False: that was all. */
bool dagwalk_next(struct dagwalk *w, struct cid *cid, uint32_t *row);

#endif
