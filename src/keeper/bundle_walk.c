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
	struct cid cid;
	int rc = cid_read(name, &cid, e);

	return rc ? rc : kept_add(arg, &cid, block, e);
}

static int push(struct bundle_walk *w, const struct cid *cid, uint64_t offset, uint64_t size, struct err *e)
{
	if (w->n == DAG_FRONTIER_MAX)
		return err_set(e, ERR_LIMIT, "more than %d links are open", DAG_FRONTIER_MAX);
	if (w->n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 64;
		void *more = realloc(w->open, cap * sizeof *w->open);

		if (!more)
			return err_set(e, ERR_MEMORY, "no memory for an image's links");
		w->open = more;
		w->cap = cap;
	}
	w->open[w->n++] = (struct walk_link){ *cid, offset, size };
	return ERR_OK;
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

int bundle_walk_open(struct bundle_walk *w, struct blobs *blobs, const struct image_row *image, const struct cid *root, struct err *e)
{
	int rc;

	*w = (struct bundle_walk){ .fd = -1 };
	kept_init(&w->kept);
	rc = blobs_open_object(blobs, &image->sha256, &w->fd, e);
	if (!rc && image->digests.dag_bytes)
		rc = blobs_each_block(blobs, &image->sha256, &image->digests, keep, &w->kept, e);
	if (!rc)
		rc = push(w, root, 0, image->size, e);
	if (rc) {
		bundle_walk_close(w);
		return rc;
	}
	w->root_bytes = bytes_under(w, root, image->size);
	return ERR_OK;
}

void bundle_walk_close(struct bundle_walk *w)
{
	cleanup_close(&w->fd);
	kept_fini(&w->kept);
	free(w->open);
	free(w->seen);
	table_free(&w->seen_at);
	w->open = NULL;
	w->seen = NULL;
	w->n = w->cap = w->seen_n = w->seen_cap = 0;
}

/* The same bytes may be a leaf under one name and a node with children under another. */
static struct hash32 key_of(const struct cid *cid)
{
	struct hash32 key;

	memcpy(key.b, cid->digest, sizeof key.b);
	key.b[0] ^= cid->codec;
	return key;
}

static bool was_written(const struct bundle_walk *w, const struct cid *cid)
{
	struct hash32 key = key_of(cid);
	struct table_cursor c;

	for (size_t at = table_first(&w->seen_at, table_hash(SPAN_OF(key)), &c); at != TABLE_NONE; at = table_next(&w->seen_at, &c))
		if (hash32_eq(&w->seen[at], &key))
			return true;
	return false;
}

/* What does not fit is written again when it comes again: longer, not wrong. */
static void note_written(struct bundle_walk *w, const struct cid *cid)
{
	if (w->seen_n == PLAN_SEEN_MAX)
		return;
	if (w->seen_n == w->seen_cap) {
		size_t cap = w->seen_cap ? 2 * w->seen_cap : 64;
		void *more = reallocarray(w->seen, cap, sizeof *w->seen);

		if (!more)
			return;
		w->seen = more;
		w->seen_cap = cap;
	}
	w->seen[w->seen_n] = key_of(cid);
	if (table_add(&w->seen_at, table_hash(SPAN_OF(w->seen[w->seen_n])), w->seen_n))
		w->seen_n++;
}

/* The children take their node's place, the first one on top. */
static int open_node(struct bundle_walk *w, const struct walk_link *at, struct span block, struct err *e)
{
	uint64_t offset = at->offset;
	struct unixfs_child child;
	struct unixfs_node node;
	size_t first = w->n;
	int rc = unixfs_read((enum cid_codec)at->cid.codec, block, &node, e);

	offset += rc ? 0 : node.data.n;
	while (!rc && unixfs_next_child(&node, &child)) {
		rc = child.cid.hash == CID_IDENTITY ? ERR_OK : push(w, &child.cid, offset, child.size, e);
		offset += child.size;
	}
	for (size_t i = 0; !rc && i < (w->n - first) / 2; i++) {
		struct walk_link swap = w->open[first + i];

		w->open[first + i] = w->open[w->n - 1 - i];
		w->open[w->n - 1 - i] = swap;
	}
	return rc;
}

static int put(struct buf *out, const struct cid *cid, struct span block, struct err *e)
{
	if (cid_check(cid, block, e))
		return err_set(e, ERR_CORRUPT, "a block of the image is not what its CID says: damaged, to be fetched again");
	car_put_section_head(out, cid, block.n);
	buf_add(out, block);
	return buf_ok(out, e);
}

static int put_leaf(struct bundle_walk *w, const struct walk_link *at, struct buf *out, struct err *e)
{
	AUTO(buf_free) struct buf wrapped = BUF_INIT(BLOCK_MAX);
	autofree uint8_t *bytes = NULL;
	int rc;

	if (at->size > BLOCK_MAX)
		return err_set(e, ERR_CORRUPT, "the image's inner blocks are not kept here: `gatepost refetch` brings them");
	bytes = malloc(at->size ? (size_t)at->size : 1);
	if (!bytes)
		return err_set(e, ERR_MEMORY, "no memory for a block");
	rc = io_pread_exact(w->fd, bytes, (size_t)at->size, (off_t)at->offset, e);
	if (!rc && at->cid.codec == CID_RAW)
		return put(out, &at->cid, SPAN(bytes, (size_t)at->size), e);
	if (!rc && unixfs_rebuild_leaf(&at->cid, SPAN(bytes, (size_t)at->size), &wrapped, e))
		rc = err_set(e, ERR_CORRUPT, "a block of the image cannot be made from its bytes: damaged, or not kept");
	return rc ? rc : put(out, &at->cid, buf_span(&wrapped), e);
}

int bundle_walk_next(struct bundle_walk *w, struct buf *out, bool *more, struct err *e)
{
	struct walk_link at;
	struct span block;
	int rc;

	*more = w->n > 0;
	if (!*more)
		return ERR_OK;
	at = w->open[--w->n];
	if (at.cid.hash == CID_IDENTITY || was_written(w, &at.cid))
		return ERR_OK;		/* its bytes are in its name; what is under it came with it */
	note_written(w, &at.cid);
	if (kept_find(&w->kept, &at.cid, &block, NULL))
		return put_leaf(w, &at, out, e);
	rc = put(out, &at.cid, block, e);
	return rc ? rc : open_node(w, &at, block, e);
}
