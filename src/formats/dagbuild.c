/* dagbuild.c: see dagbuild.h.
 *
 * One struct level per height of the tree: the links that wait for a parent.
 * A full level becomes one inner node, whose link goes up a level. At the end
 * every level is closed from the bottom, so that all leaves lie equally deep,
 * as the "balanced" layout wants it, until one link is left: the root. */
#include "formats/dagbuild.h"
#include "base/cleanup.h"
#include "formats/dagpb.h"
#include "formats/protobuf.h"
#include "formats/sha256.h"
#include "formats/unixfs.h"

static const struct dag_profile profiles[] = {
	{ "unixfs-v1-2025", 1, 1 * MIB, 1024, true },
	{ "unixfs-v0-2015", 0, 256 * KIB, 174, false },
};

/* 174^5 leaves are far beyond IMAGE_MAX. */
#define LEVELS_MAX 5

struct link {
	struct hash32 digest;
	uint64_t offset, size;	/* bytes of the file under it */
	uint64_t tsize;		/* bytes of all blocks under it, its own included */
};

struct level {
	struct link *links;
	size_t n;
};

struct builder {
	const struct dag_profile *p;
	const struct dag_io *io;
	struct level level[LEVELS_MAX];
	struct buf block;	/* the one being made */
	struct dag_built built;
	struct link last;	/* of the newest block */
};

const struct dag_profile *dag_profile_find(struct span name)
{
	for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
		if (span_is(name, profiles[i].name))
			return &profiles[i];
	return NULL;
}

const struct dag_profile *dag_profile_default(void)
{
	return &profiles[0];
}

static void builder_fini(struct builder *b)
{
	for (size_t i = 0; i < LEVELS_MAX; i++)
		free(b->level[i].links);
	buf_free(&b->block);
}

static enum cid_codec leaf_codec(const struct dag_profile *p)
{
	return p->raw_leaves ? CID_RAW : CID_DAG_PB;
}

/* Hands a finished block out and adds it to the sums. under: bytes of the blocks below it. */
static int give(struct builder *b, bool is_leaf, struct span bytes, uint64_t offset, uint64_t size, uint64_t under,
		struct err *e)
{
	struct hash32 digest = sha256_of(bytes);
	enum cid_codec codec = is_leaf ? leaf_codec(b->p) : CID_DAG_PB;
	struct dag_block block = {
		/* Version 0 has no raw codec; neither profile asks for that. */
		.cid = cid_of_digest(b->p->cid_version, codec, &digest),
		.bytes = bytes, .is_leaf = is_leaf, .offset = offset, .size = size,
	};

	b->last = (struct link){ digest, offset, size, under + bytes.n };
	b->built.root = block.cid;
	b->built.block_bytes += bytes.n;
	b->built.leaves += is_leaf;
	b->built.inner += !is_leaf;
	return b->io->block ? b->io->block(b->io->arg, &block, e) : ERR_OK;
}

/* The UnixFS message of an inner node. */
static void put_sizes(struct buf *out, const struct level *l, uint64_t size)
{
	pb_put_varint(out, 1, UNIXFS_FILE);
	pb_put_varint(out, 3, size);
	for (size_t i = 0; i < l->n; i++)
		pb_put_varint(out, 4, l->links[i].size);
}

/* Makes the node over all links of level h, which is empty afterwards. Its link is b->last. */
static int close_level(struct builder *b, size_t h, struct err *e)
{
	AUTO(buf_free) struct buf message = BUF_INIT(BLOCK_MAX);
	struct level *l = &b->level[h];
	uint64_t size = 0, under = 0;
	enum cid_codec codec = h == 0 ? leaf_codec(b->p) : CID_DAG_PB;
	int rc;

	buf_reset(&b->block);
	for (size_t i = 0; i < l->n; i++) {
		struct cid cid = cid_of_digest(b->p->cid_version, codec, &l->links[i].digest);

		dagpb_put_link(&b->block, &cid, "", l->links[i].tsize);
		size += l->links[i].size;
		under += l->links[i].tsize;
	}
	put_sizes(&message, l, size);
	dagpb_put_data(&b->block, buf_span(&message));
	if ((rc = buf_ok(&message, e)) || (rc = buf_ok(&b->block, e)))
		return rc;
	l->n = 0;
	return give(b, false, buf_span(&b->block), l->links[0].offset, size, under, e);
}

/* Puts b->last at level h, making room by closing full levels. */
static int put_link(struct builder *b, size_t h, struct err *e)
{
	struct link newest = b->last;
	struct level *l = &b->level[h];
	int rc;

	if (h == LEVELS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d levels", LEVELS_MAX);
	if (!l->links && !(l->links = calloc(b->p->width, sizeof *l->links)))
		return err_set(e, ERR_MEMORY, "no memory for %zu links", b->p->width);
	/* A full level is closed only when one more comes: a file of exactly width leaves has one node. */
	if (l->n == b->p->width && ((rc = close_level(b, h, e)) || (rc = put_link(b, h + 1, e))))
		return rc;
	l->links[l->n++] = newest;
	return ERR_OK;
}

static int add_leaf(struct builder *b, struct span data, struct err *e)
{
	uint64_t offset = b->built.size;
	struct span bytes = data;
	int rc;

	if (!b->p->raw_leaves) {
		buf_reset(&b->block);
		unixfs_put_leaf(&b->block, UNIXFS_FILE, data);
		if ((rc = buf_ok(&b->block, e)))
			return rc;
		bytes = buf_span(&b->block);
	}
	if ((rc = give(b, true, bytes, offset, data.n, 0, e)))
		return rc;
	b->built.size += data.n;
	return put_link(b, 0, e);
}

static int add_leaves(struct builder *b, uint8_t *chunk, struct err *e)
{
	size_t n;
	int rc;

	do {
		if ((rc = b->io->read(b->io->arg, chunk, b->p->chunk, &n, e)))
			return rc;
		if (b->built.size + n > IMAGE_MAX)
			return err_set(e, ERR_LIMIT, "a file of more than %lld bytes", IMAGE_MAX);
		if ((n > 0 || b->built.leaves == 0) && (rc = add_leaf(b, SPAN(chunk, n), e)))
			return rc;
	} while (n == b->p->chunk);
	return ERR_OK;
}

static size_t top_of(const struct builder *b)
{
	size_t top = 0;

	for (size_t h = 0; h < LEVELS_MAX; h++)
		if (b->level[h].n > 0)
			top = h;
	return top;
}

static int finish(struct builder *b, struct err *e)
{
	int rc;

	for (size_t h = 0; h < top_of(b) || b->level[h].n > 1; h++)
		if ((rc = close_level(b, h, e)) || (rc = put_link(b, h + 1, e)))
			return rc;
	return ERR_OK;
}

int dag_build(const struct dag_profile *p, const struct dag_io *io, struct dag_built *out, struct err *e)
{
	AUTO(builder_fini) struct builder b = { .p = p, .io = io, .block = BUF_INIT(BLOCK_MAX) };
	autofree uint8_t *chunk = malloc(p->chunk);
	int rc;

	if (!chunk)
		return err_set(e, ERR_MEMORY, "no memory for a chunk of %zu bytes", p->chunk);
	if ((rc = add_leaves(&b, chunk, e)) || (rc = finish(&b, e)))
		return rc;
	*out = b.built;
	return ERR_OK;
}
