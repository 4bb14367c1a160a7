/* place.c: see place.h. */
#include "ipfs/place.h"
#include "base/limits.h"
#include "formats/unixfs.h"

int place_check_link(enum cid_codec codec, uint64_t size, struct err *e)
{
	if (codec == CID_RAW && size > BLOCK_MAX)
		return err_set(e, ERR_LIMIT, "a raw block of %llu bytes, at most %d", (unsigned long long)size, BLOCK_MAX);
	return ERR_OK;
}

/* Ends the plan: what the root names is not a file that we take. */
static enum plan_verdict give_up(struct plan *p, struct err *e)
{
	p->bad = *e;
	return PLAN_BAD_DAG;
}

static enum plan_verdict put_bytes(struct plan *p, uint64_t offset, struct span bytes, enum origin from, struct err *e)
{
	if (bytes.n == 0)
		return PLAN_TAKEN;
	/* What was read from there just now, and hashed, need not be written again. */
	if (from != FROM_PART && p->io.write(p->io.arg, offset, bytes, e))
		return PLAN_STORAGE;
	p->done.verified += bytes.n;
	p->done.restored += from == FROM_PART ? bytes.n : 0;
	p->done.copied += from == FROM_COPY ? bytes.n : 0;
	return PLAN_TAKEN;
}

/* The rules that a node must obey where it stands. */
static int check_node(struct plan *p, const struct unixfs_node *node, uint64_t size, unsigned depth, struct err *e)
{
	if (node->size != size && depth == 0)
		return err_set(e, ERR_RULE, "the root names a file of %llu bytes, announced are %llu",
			       (unsigned long long)node->size, (unsigned long long)size);
	if (node->size != size)
		return err_set(e, ERR_RULE, "a block has %llu bytes of the file, its parent says %llu",
			       (unsigned long long)node->size, (unsigned long long)size);
	if (node->n_links > 0 && depth == DAG_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "deeper than %d links", DAG_DEPTH_MAX);
	if (++p->nodes > p->nodes_max)
		return err_set(e, ERR_LIMIT, "more than %llu nodes for %llu bytes", (unsigned long long)p->nodes_max,
			       (unsigned long long)p->size);
	return ERR_OK;
}

static enum plan_verdict open_children(struct plan *p, struct unixfs_node *node, uint64_t offset, unsigned depth,
				       enum origin from, struct err *e);

/* A link that is its own block. At most CID_IDENTITY_MAX bytes, and what it holds is smaller again. */
static enum plan_verdict open_identity(struct plan *p, const struct unixfs_child *child, uint64_t offset, unsigned depth,
				       enum origin from, struct err *e)
{
	struct unixfs_node node;

	if (unixfs_read((enum cid_codec)child->cid.codec, cid_digest(&child->cid), &node, e) ||
	    check_node(p, &node, child->size, depth, e))
		return give_up(p, e);
	return open_children(p, &node, offset, depth, from, e);
}

/* Writes the node's own bytes, and appends its links to the frontier's end, in their order. */
static enum plan_verdict open_children(struct plan *p, struct unixfs_node *node, uint64_t offset, unsigned depth,
				       enum origin from, struct err *e)
{
	enum plan_verdict v = put_bytes(p, offset, node->data, from, e);
	struct unixfs_child child;

	for (offset += node->data.n; v == PLAN_TAKEN && unixfs_next_child(node, &child); offset += child.size) {
		struct spot s = {
			.offset = (uint32_t)offset, .size = (uint32_t)child.size, .depth = (uint8_t)(depth + 1),
			.codec = child.cid.codec, .version = child.cid.version,
		};

		if (child.cid.hash == CID_IDENTITY) {
			v = open_identity(p, &child, offset, depth + 1, from, e);
			continue;
		}
		memcpy(s.digest.b, child.cid.digest, sizeof s.digest.b);
		if (place_check_link((enum cid_codec)s.codec, child.size, e) || frontier_append(&p->frontier, &s, e))
			v = e->code == ERR_MEMORY ? PLAN_STORAGE : give_up(p, e);
	}
	return v;
}

static enum plan_verdict keep(struct plan *p, const struct spot *s, struct span block, const struct unixfs_node *node,
			      struct err *e)
{
	enum plan_kept what = node->n_links > 0 ? PLAN_INNER : PLAN_WRAPPER;
	struct cid cid = spot_cid(s);
	int rc;

	if (what == PLAN_WRAPPER && (s->codec == CID_RAW || unixfs_is_ordinary_leaf(block, node)))
		return PLAN_TAKEN;
	rc = p->io.keep(p->io.arg, what, &cid, block, e);
	if (rc == ERR_LIMIT)
		return give_up(p, e);
	return rc ? PLAN_STORAGE : PLAN_TAKEN;
}

/* May this node be opened before its turn? Half of the frontier stays free for what comes in file order; there the
 * whole of it is the file's own limit. */
static bool may_open(const struct frontier *f, size_t i, const struct unixfs_node *node)
{
	return i + 1 == f->n || f->n + node->n_links <= DAG_FRONTIER_MAX / 2;
}

enum plan_verdict place_at(struct plan *p, size_t i, struct span block, enum origin from, struct err *e)
{
	struct spot s = p->frontier.spots[i];
	struct plan_progress before = p->done;
	uint64_t nodes = p->nodes;
	size_t n = p->frontier.n;
	struct unixfs_node node;
	enum plan_verdict v;
	bool is_inner;

	if (unixfs_read((enum cid_codec)s.codec, block, &node, e) || check_node(p, &node, s.size, s.depth, e))
		return give_up(p, e);
	is_inner = node.n_links > 0;
	if (!may_open(&p->frontier, i, &node))
		return PLAN_STRAY;
	v = keep(p, &s, block, &node, e);
	if (v == PLAN_TAKEN)
		v = open_children(p, &node, s.offset, s.depth, from, e);
	if (v != PLAN_TAKEN) {
		p->done = before;
		p->nodes = nodes;
		p->frontier.n = n;
		return v;
	}
	if (is_inner)
		frontier_replace(&p->frontier, i, n);
	else
		p->frontier.spots[i].size = 0;
	seen_add(&p->seen, &s.digest, s.offset, s.size);
	p->done.blocks++;
	p->done.inner += is_inner;
	return PLAN_TAKEN;
}

enum plan_verdict place_all(struct plan *p, const struct hash32 *digest, struct span block, uint64_t budget,
			    enum origin from, struct err *e)
{
	enum plan_verdict v = PLAN_TAKEN;
	uint64_t start = p->done.verified;
	bool any = false;

	/* Opening spot i changes nothing before it, so the walk down is safe. */
	for (size_t i = p->frontier.n; i-- > 0 && v == PLAN_TAKEN && p->done.verified - start < budget;) {
		if (!spot_is(&p->frontier.spots[i], digest))
			continue;
		v = place_at(p, i, block, any ? FROM_COPY : from, e);
		any |= v == PLAN_TAKEN;
	}
	frontier_sweep(&p->frontier);
	return v == PLAN_STRAY && any ? PLAN_TAKEN : v;
}

enum plan_verdict place_identity_root(struct plan *p, struct err *e)
{
	struct unixfs_child whole = { p->root, p->size };

	return open_identity(p, &whole, 0, 0, FROM_SOURCE, e);
}
