/* bundle_walk.c: see bundle_walk.h. */
#include "keeper/bundle_walk.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "formats/car.h"
#include "formats/dagpb.h"
#include "formats/unixfs.h"

#include <stdlib.h>

static int keep(void *arg, struct span name, struct span block, struct err *e)
{
	struct bundle_walk *w = arg;
	size_t at = w->kept.bytes.n, known = w->kept.blocks;
	struct cid cid;
	int rc = cid_read(name, &cid, e);

	if (!rc)
		rc = kept_add(&w->kept, &cid, block, e);
	if (rc || w->kept.blocks == known)
		return rc;
	return dagtree_add(w->tree, &cid, block, (uint32_t)at, e);
}

/* What a directory says of a file: its root block, and what that says of the rest. */
static uint64_t bytes_under(struct bundle_walk *w, const struct cid *root, uint64_t size)
{
	struct span block;
	struct dagpb node;
	struct dagpb_link l;
	uint64_t n;

	if (kept_find(&w->kept, root, &block, NULL) || dagpb_read(block, &node, NULL))
		return size;
	for (n = block.n; dagpb_next_link(&node.links, &l);)
		n += l.tsize;
	return n;
}

static int plant(struct bundle_walk *w, struct blobs *blobs, const struct image_row *image, const struct cid *root, struct err *e)
{
	const struct dagwalk_how how = { .is_once = true, .to = UINT64_MAX };
	int rc;

	w->tree = dagtree_new(SHARE_NODES_MAX);
	if (!w->tree)
		return err_set(e, ERR_MEMORY, "no memory for an image's blocks");
	rc = image->digests.dag_bytes ? blobs_each_block(blobs, &image->sha256, &image->digests, keep, w, e) : ERR_OK;
	if (!rc)
		rc = dagtree_finish(w->tree, root, image->size, e);
	if (rc == ERR_NOT_FOUND)
		return err_set(e, ERR_CORRUPT, "the image's inner blocks are not kept here: `gatepost refetch` brings them");
	return rc ? rc : dagwalk_start(&w->walk, w->tree, w->tree->root, root, &how, e);
}

int bundle_walk_open(struct bundle_walk *w, struct blobs *blobs, const struct image_row *image, const struct cid *root, struct err *e)
{
	int rc;

	*w = (struct bundle_walk){ .fd = -1 };
	kept_init(&w->kept);
	rc = blobs_open_object(blobs, &image->sha256, &w->fd, e);
	if (!rc && root->hash != CID_IDENTITY)
		rc = plant(w, blobs, image, root, e);
	if (rc) {
		bundle_walk_close(w);
		return rc;
	}
	w->root_bytes = bytes_under(w, root, image->size);
	return ERR_OK;
}

void bundle_walk_close(struct bundle_walk *w)
{
	dagwalk_end(&w->walk);
	dagtree_free(w->tree);
	cleanup_close(&w->fd);
	kept_fini(&w->kept);
	*w = (struct bundle_walk){ .fd = -1 };
}

static int put(struct buf *out, const struct cid *cid, struct span block, struct err *e)
{
	if (cid_check(cid, block, e))
		return err_set(e, ERR_CORRUPT, "a block of the image is not what its CID says: damaged, to be fetched again");
	car_put_section_head(out, cid, block.n);
	buf_add(out, block);
	return buf_ok(out, e);
}

/* A leaf: bytes of the image, bare or in an ordinary wrapper. */
static int put_leaf(struct bundle_walk *w, const struct cid *cid, const struct dagtree_node *n, struct buf *out, struct err *e)
{
	AUTO(buf_free) struct buf wrapped = BUF_INIT(BLOCK_MAX);
	size_t length = n->kind == DAGTREE_RAW ? n->length : n->size;
	autofree uint8_t *bytes = malloc(length + 1);
	int rc = bytes ? io_pread_exact(w->fd, bytes, length, (off_t)n->at, e) : err_set(e, ERR_MEMORY, "no memory for a block");

	if (rc)
		return rc;
	if (n->kind == DAGTREE_RAW)
		return put(out, cid, SPAN(bytes, length), e);
	if (unixfs_rebuild_leaf(cid, SPAN(bytes, length), &wrapped, e))
		return err_set(e, ERR_CORRUPT, "a block of the image cannot be made from its bytes: damaged, to be fetched again");
	return put(out, cid, buf_span(&wrapped), e);
}

int bundle_walk_next(struct bundle_walk *w, struct buf *out, bool *more, struct err *e)
{
	const struct dagtree_node *n;
	struct cid cid;
	uint32_t row;

	*more = w->tree && dagwalk_next(&w->walk, &cid, &row);
	if (!*more)
		return ERR_OK;
	n = &w->tree->node[row];
	return n->kind == DAGTREE_KEPT ? put(out, &cid, SPAN(w->kept.bytes.p + n->at, n->length), e) : put_leaf(w, &cid, n, out, e);
}
