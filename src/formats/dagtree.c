/* dagtree.c: see dagtree.h.
 *
 * A node gets its row when it is first heard of, as a child or as itself. Two links of different codec to the same bytes are
 * two nodes: as raw bytes they stand for themselves, as dag-pb for the bytes under them. */
#include "formats/dagtree.h"

#include "base/limits.h"
#include "formats/unixfs.h"

#include <stdlib.h>

struct dagtree *dagtree_new(uint32_t nodes_max)
{
	struct dagtree *t = calloc(1, sizeof *t);

	if (t)
		t->nodes_max = nodes_max;
	return t;
}

void dagtree_free(struct dagtree *t)
{
	if (!t)
		return;
	free(t->node);
	free(t->link);
	free(t->slot);
	free(t);
}

size_t dagtree_bytes(const struct dagtree *t)
{
	return sizeof *t + t->nodes_room * sizeof *t->node + t->links_room * sizeof *t->link + t->slots * sizeof *t->slot;
}

/* --- rows --- */

/* Where the search for a digest begins. Its front is as good as random: whoever could choose it chose the block. */
static uint32_t first_slot(const struct dagtree *t, const struct hash32 *digest)
{
	return ((uint32_t)digest->b[0] << 24 | (uint32_t)digest->b[1] << 16 | (uint32_t)digest->b[2] << 8 | digest->b[3]) &
	       (t->slots - 1);
}

/* The row, or DAGTREE_NONE; *slot is where it is or would be. */
static uint32_t look_up(const struct dagtree *t, const struct hash32 *digest, uint8_t codec, uint32_t *slot)
{
	for (uint32_t i = first_slot(t, digest);; i = (i + 1) & (t->slots - 1)) {
		uint32_t row = t->slot[i];

		*slot = i;
		if (row == DAGTREE_NONE || (t->node[row].codec == codec && hash32_eq(&t->node[row].digest, digest)))
			return row;
	}
}

static int grow(void **rows, uint32_t *room, size_t row, struct err *e)
{
	uint32_t want = *room ? 2 * *room : 64;
	void *more = realloc(*rows, want * row);

	if (!more)
		return err_set(e, ERR_MEMORY, "no memory for the blocks of a file");
	*rows = more;
	*room = want;
	return ERR_OK;
}

/* Twice as many slots as nodes at least, so that searches are short. */
static int grow_slots(struct dagtree *t, struct err *e)
{
	uint32_t slots = t->slots ? 2 * t->slots : 128, slot;
	uint32_t *more = malloc(slots * sizeof *more);

	if (!more)
		return err_set(e, ERR_MEMORY, "no memory for the blocks of a file");
	free(t->slot);
	t->slot = more;
	t->slots = slots;
	memset(more, 0xff, slots * sizeof *more);
	for (uint32_t i = 0; i < t->nodes; i++) {
		look_up(t, &t->node[i].digest, t->node[i].codec, &slot);
		more[slot] = i;
	}
	return ERR_OK;
}

static int row_of(struct dagtree *t, const struct hash32 *digest, uint8_t codec, uint32_t *row, struct err *e)
{
	uint32_t slot;
	int rc;

	if (2 * (t->nodes + 1) > t->slots && (rc = grow_slots(t, e)))
		return rc;
	*row = look_up(t, digest, codec, &slot);
	if (*row != DAGTREE_NONE)
		return ERR_OK;
	if (t->nodes == t->nodes_max)
		return err_set(e, ERR_LIMIT, "a file of more than %u blocks", t->nodes_max);
	if (t->nodes == t->nodes_room && (rc = grow((void **)&t->node, &t->nodes_room, sizeof *t->node, e)))
		return rc;
	*row = t->slot[slot] = t->nodes++;
	t->node[*row] = (struct dagtree_node){ .digest = *digest, .codec = codec };
	return ERR_OK;
}

static struct hash32 digest_of(const struct cid *cid)
{
	struct hash32 h;

	memcpy(h.b, cid->digest, sizeof h.b);
	return h;
}

/* --- adding --- */

/* The bytes under a node are as many wherever it is spoken of. */
static int note_size(struct dagtree_node *n, uint64_t size, struct err *e)
{
	if (size > IMAGE_MAX || (n->is_known && n->size != size))
		return err_set(e, ERR_RULE, "a block with %llu bytes of the file, elsewhere %u", (unsigned long long)size, n->size);
	n->size = (uint32_t)size;
	n->is_known = true;
	return ERR_OK;
}

static int add_link(struct dagtree *t, const struct unixfs_child *child, uint64_t offset, struct err *e)
{
	struct hash32 digest = digest_of(&child->cid);
	uint32_t row;
	int rc = row_of(t, &digest, child->cid.codec, &row, e);

	if (rc || (rc = note_size(&t->node[row], child->size, e)))
		return rc;
	if (t->links == t->links_room && (rc = grow((void **)&t->link, &t->links_room, sizeof *t->link, e)))
		return rc;
	if (t->links / 8 >= t->nodes_max)
		return err_set(e, ERR_LIMIT, "a file of too many links");
	t->link[t->links++] = (struct dagtree_link){
		.node = row, .offset = (uint32_t)offset, .size = (uint32_t)child->size, .version = child->cid.version,
	};
	return ERR_OK;
}

/* A child that is its own block (at most CID_IDENTITY_MAX bytes, and what it holds is smaller again) has no place of its
 * own: its children are its parent's. */
static int add_children(struct dagtree *t, struct unixfs_node *node, uint64_t offset, struct err *e)
{
	struct unixfs_child child;
	int rc = ERR_OK;

	for (offset += node->data.n; rc == ERR_OK && unixfs_next_child(node, &child); offset += child.size) {
		struct unixfs_node inner;

		if (child.cid.hash == CID_SHA256)
			rc = add_link(t, &child, offset, e);
		else if (!(rc = unixfs_read((enum cid_codec)child.cid.codec, cid_digest(&child.cid), &inner, e)))
			rc = inner.size == child.size ? add_children(t, &inner, offset, e) :
							err_set(e, ERR_RULE, "an identity block of another size than its parent says");
	}
	return rc;
}

int dagtree_add(struct dagtree *t, const struct cid *cid, struct span block, uint32_t at, struct err *e)
{
	struct hash32 digest = digest_of(cid);
	struct unixfs_node node;
	uint32_t row, first;
	int rc;

	if (cid->hash != CID_SHA256 || cid->codec != CID_DAG_PB)
		return err_set(e, ERR_RULE, "a block that is not kept");
	if ((rc = cid_check(cid, block, e)) || (rc = unixfs_read(CID_DAG_PB, block, &node, e)) ||
	    (rc = row_of(t, &digest, CID_DAG_PB, &row, e)))
		return rc;
	if (t->node[row].kind == DAGTREE_KEPT)
		return ERR_OK;
	first = t->links;
	if ((rc = note_size(&t->node[row], node.size, e)) || (rc = add_children(t, &node, 0, e)))
		return rc;
	t->node[row].kind = DAGTREE_KEPT;
	t->node[row].at = at;
	t->node[row].length = (uint32_t)block.n;
	t->node[row].first = first;
	t->node[row].links = t->links - first;
	return ERR_OK;
}

/* --- finishing --- */

/* A node is met for the first time, with its bytes at offset. */
static int place(struct dagtree_node *n, uint64_t offset, struct err *e)
{
	n->is_placed = true;
	if (n->kind == DAGTREE_KEPT)
		return ERR_OK;
	if (n->codec == CID_DAG_PB && unixfs_leaf_length(n->size) > BLOCK_MAX)
		return err_set(e, ERR_NOT_FOUND, "an inner block is missing");
	if (n->size > BLOCK_MAX)
		return err_set(e, ERR_LIMIT, "a raw block of %u bytes", n->size);
	n->kind = n->codec == CID_RAW ? DAGTREE_RAW : DAGTREE_LEAF;
	n->at = (uint32_t)offset;
	n->length = n->codec == CID_RAW ? n->size : (uint32_t)unixfs_leaf_length(n->size);
	return ERR_OK;
}

/* The way from the root to the node that is looked at. */
struct path {
	struct { uint32_t node, link; uint64_t offset; } open[DAG_DEPTH_MAX + 1];
	size_t depth;
};

static int open_node(struct path *p, uint32_t node, uint64_t offset, struct err *e)
{
	if (p->depth > DAG_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "deeper than %d links", DAG_DEPTH_MAX);
	p->open[p->depth].node = node;
	p->open[p->depth].link = 0;
	p->open[p->depth++].offset = offset;
	return ERR_OK;
}

/* All that is under it is known: what does that make of itself? */
static int sum_up(struct dagtree *t, struct dagtree_node *n, struct err *e)
{
	uint64_t blocks = 1;
	unsigned height = 0;

	for (uint32_t i = 0; i < n->links; i++) {
		const struct dagtree_node *child = &t->node[t->link[n->first + i].node];

		/* No hash has this, but a walk would have no end. */
		if (child->blocks == 0)
			return err_set(e, ERR_RULE, "a block above itself");
		blocks += child->blocks;
		if (height < child->height + 1u)
			height = child->height + 1u;
		if (height > DAG_DEPTH_MAX)
			return err_set(e, ERR_LIMIT, "deeper than %d links", DAG_DEPTH_MAX);
		if (blocks > DAG_NODES_FREE + IMAGE_MAX / DAG_BYTES_PER_NODE)
			return err_set(e, ERR_LIMIT, "a file of too many blocks");
	}
	n->blocks = (uint32_t)blocks;
	n->height = (uint8_t)height;
	return ERR_OK;
}

/* Every node once, from the root down, in the order of the file. */
static int place_all(struct dagtree *t, struct err *e)
{
	struct path p = { .depth = 0 };
	int rc = place(&t->node[t->root], 0, e);

	if (rc == ERR_OK)
		rc = open_node(&p, t->root, 0, e);
	while (rc == ERR_OK && p.depth > 0) {
		struct dagtree_node *n = &t->node[p.open[p.depth - 1].node];
		uint64_t offset = p.open[p.depth - 1].offset;
		uint32_t i = p.open[p.depth - 1].link++;
		const struct dagtree_link *l;

		if (i == n->links) {
			p.depth--;
			rc = sum_up(t, n, e);
			continue;
		}
		l = &t->link[n->first + i];
		if (t->node[l->node].is_placed)
			continue;
		rc = place(&t->node[l->node], offset + l->offset, e);
		if (rc == ERR_OK)
			rc = open_node(&p, l->node, offset + l->offset, e);
	}
	return rc;
}

int dagtree_finish(struct dagtree *t, const struct cid *root, uint64_t size, struct err *e)
{
	struct hash32 digest = digest_of(root);
	int rc;

	if (root->hash != CID_SHA256)
		return err_set(e, ERR_RULE, "a root that is its own block");
	if ((rc = row_of(t, &digest, root->codec, &t->root, e)) || (rc = note_size(&t->node[t->root], size, e)))
		return rc;
	return place_all(t, e);
}

static uint32_t find_codec(const struct dagtree *t, const struct hash32 *digest, uint8_t codec)
{
	uint32_t slot, row = look_up(t, digest, codec, &slot);

	return row != DAGTREE_NONE && t->node[row].is_placed ? row : DAGTREE_NONE;
}

uint32_t dagtree_find(const struct dagtree *t, const struct cid *cid)
{
	struct hash32 digest = digest_of(cid);
	uint32_t row;

	if (cid->hash != CID_SHA256 || t->slots == 0)
		return DAGTREE_NONE;
	row = find_codec(t, &digest, cid->codec);
	return row != DAGTREE_NONE ? row : find_codec(t, &digest, cid->codec == CID_RAW ? CID_DAG_PB : CID_RAW);
}
