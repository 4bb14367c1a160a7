/* carpos.c: see carpos.h. */
#include "ipfs/carpos.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "formats/car.h"
#include "formats/unixfs.h"
#include "ipfs/place.h"

#include <stdlib.h>

/* A node on the way, with the children that were not passed yet. */
struct level {
	struct buf block;
	struct unixfs_node node;
	uint64_t offset;	/* in the file, of the next child */
};

struct walk {
	struct plan *p;
	uint64_t missing;	/* offset of the first missing link */
	uint64_t at;		/* bytes of the CAR so far */
	struct seen seen;
	struct level open[DAG_DEPTH_MAX + 1];
	size_t depth;
};

enum step { PASSED, FOUND, LOST };

/* Opens the node's block, if it is kept. */
static bool enter(struct walk *w, const struct cid *cid, uint64_t offset)
{
	struct level *l = &w->open[w->depth];

	if (cid->codec != CID_DAG_PB || w->depth > DAG_DEPTH_MAX)
		return false;
	l->block = BUF_INIT(BLOCK_MAX);
	if (w->p->io.load(w->p->io.arg, cid, &l->block, NULL) || cid_check(cid, buf_span(&l->block), NULL) ||
	    unixfs_read(CID_DAG_PB, buf_span(&l->block), &l->node, NULL)) {
		buf_free(&l->block);
		return false;
	}
	l->offset = offset + l->node.data.n;
	w->at += car_section_length(cid, l->block.n);
	w->depth++;
	return true;
}

static void leave(struct walk *w)
{
	buf_free(&w->open[--w->depth].block);
}

/* Counts the section of one link, if it comes before the missing one. */
static enum step pass(struct walk *w, const struct cid *cid, uint64_t offset, uint64_t size)
{
	struct hash32 digest;

	memcpy(digest.b, cid->digest, sizeof digest.b);
	if (cid->hash != CID_SHA256 || seen_find(&w->seen, &digest))
		return LOST;
	seen_add(&w->seen, &digest, (uint32_t)offset, (uint32_t)size);
	if (enter(w, cid, offset))
		return PASSED;
	if (offset + size > w->missing)
		return offset == w->missing ? FOUND : LOST;
	w->at += car_section_length(cid, (size_t)(cid->codec == CID_RAW ? size : unixfs_leaf_length(size)));
	return PASSED;
}

static enum step walk(struct walk *w)
{
	enum step s = pass(w, &w->p->root, 0, w->p->size);

	while (s == PASSED && w->depth > 0) {
		struct level *l = &w->open[w->depth - 1];
		struct unixfs_child child;

		if (!unixfs_next_child(&l->node, &child)) {
			leave(w);
			continue;
		}
		s = pass(w, &child.cid, l->offset, child.size);
		l->offset += child.size;
	}
	return s;
}

bool carpos_of_missing(struct plan *p, uint64_t *at)
{
	AUTO(buf_free) struct buf header = BUF_INIT(CAR_HEADER_MAX);
	autofree struct walk *w = calloc(1, sizeof *w);
	struct plan_link link;
	bool found;

	if (!w || !plan_missing(p, 0, &link))
		return false;
	w->p = p;
	w->missing = link.offset;
	car_put_header(&header, &p->root);
	w->at = header.n;
	found = walk(w) == FOUND;
	while (w->depth > 0)
		leave(w);
	seen_free(&w->seen);
	*at = w->at;
	return found && !header.failed;
}
