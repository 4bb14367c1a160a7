/* shapes.h: one file in every shape that an importer could give it. A function per shape builds it into a dag. */
#ifndef TESTS_SHAPES_H
#define TESTS_SHAPES_H

#include "base/cleanup.h"
#include "dag.h"

static const struct dag_entry *shape_raw(struct dag *d) { return dag_leaf(d, LEAF_RAW, dag_random(d, 500)); }
static const struct dag_entry *shape_file(struct dag *d) { return dag_leaf(d, LEAF_FILE, dag_random(d, 500)); }
static const struct dag_entry *shape_file_v0(struct dag *d) { return dag_leaf(d, LEAF_FILE_V0, dag_random(d, 500)); }
static const struct dag_entry *shape_raw_node(struct dag *d) { return dag_leaf(d, LEAF_RAW_NODE, dag_random(d, 500)); }
static const struct dag_entry *shape_mode(struct dag *d) { return dag_leaf(d, LEAF_MODE, dag_random(d, 500)); }
static const struct dag_entry *shape_identity(struct dag *d) { return dag_leaf(d, LEAF_IDENTITY, dag_random(d, 100)); }

static const struct dag_entry *shape_v1(struct dag *d) { return dag_balanced(d, LEAF_RAW, 4321, 100, 5); }
static const struct dag_entry *shape_v0(struct dag *d) { return dag_balanced(d, LEAF_FILE_V0, 4321, 100, 5); }
static const struct dag_entry *shape_flat(struct dag *d) { return dag_balanced(d, LEAF_FILE, 4321, 20, 1000); }
static const struct dag_entry *shape_binary(struct dag *d) { return dag_balanced(d, LEAF_RAW, 512 * 9, 9, 2); }
static const struct dag_entry *shape_modes(struct dag *d) { return dag_balanced(d, LEAF_MODE, 2000, 100, 4); }
static const struct dag_entry *shape_raw_nodes(struct dag *d) { return dag_balanced(d, LEAF_RAW_NODE, 2000, 100, 4); }
static const struct dag_entry *shape_trickle(struct dag *d) { return dag_trickle(d, LEAF_RAW, 300, 16, 3); }
static const struct dag_entry *shape_trickle_v0(struct dag *d) { return dag_trickle(d, LEAF_FILE_V0, 100, 30, 4); }

/* Leaves of all kinds at different depths, nodes with bytes of their own. */
static const struct dag_entry *shape_mixed(struct dag *d)
{
	const struct dag_entry *low[6], *top[3];
	struct dag_node inner = { .children = low, .n = 6, .version = 1, .data = dag_random(d, 33) };
	struct dag_node root = { .children = top, .n = 3, .version = 0, .data = dag_random(d, 7) };

	low[0] = dag_leaf(d, LEAF_RAW, dag_random(d, 50));
	low[1] = dag_leaf(d, LEAF_IDENTITY, dag_random(d, 40));
	low[2] = dag_leaf(d, LEAF_FILE_V0, dag_random(d, 60));
	low[3] = dag_leaf(d, LEAF_IDENTITY_FILE, dag_random(d, 41));
	low[4] = dag_leaf(d, LEAF_MODE, dag_random(d, 70));
	low[5] = dag_leaf(d, LEAF_RAW_NODE, dag_random(d, 80));
	top[0] = dag_leaf(d, LEAF_RAW, dag_random(d, 20));
	top[1] = dag_node(d, &inner);
	top[2] = dag_leaf(d, LEAF_IDENTITY, dag_random(d, 5));
	return dag_node(d, &root);
}

/* An identity link whose content is a node that links to a real block again. */
static const struct dag_entry *shape_identity_inner(struct dag *d)
{
	const struct dag_entry *leaf = dag_leaf(d, LEAF_RAW, dag_random(d, 90)), *children[2];
	struct dag_node small = { .children = &leaf, .n = 1, .version = 1 };
	struct dag_node root = { .children = children, .n = 2, .version = 1 };
	const struct dag_entry *node = dag_node(d, &small);
	struct dag_entry *as_identity;
	struct cid cid = { .version = 1, .codec = CID_DAG_PB, .hash = CID_IDENTITY, .n = (uint8_t)node->bytes.n };

	/* The same node under a CID that holds it. */
	as_identity = (struct dag_entry *)(uintptr_t)node;
	memcpy(cid.digest, node->bytes.p, node->bytes.n);
	as_identity->cid = cid;
	children[0] = node;
	children[1] = dag_leaf(d, LEAF_RAW, dag_random(d, 30));
	return dag_node(d, &root);
}

/* Padding: most leaves are the same, and so are whole subtrees. */
static const struct dag_entry *shape_padded(struct dag *d)
{
	static const uint8_t ff[64] = { 0xff, 0xff, 0xff };
	const struct dag_entry *pad = dag_leaf(d, LEAF_RAW, SPAN(ff, sizeof ff)), *low[8], *top[7];
	struct dag_node node = { .children = low, .n = 8, .version = 1 };
	struct dag_node root = { .children = top, .n = 7, .version = 1 };

	for (size_t i = 0; i < 8; i++)
		low[i] = pad;
	top[1] = top[3] = top[4] = top[6] = dag_node(d, &node);
	low[3] = dag_leaf(d, LEAF_RAW, dag_random(d, 64));
	top[2] = dag_node(d, &node);
	top[0] = dag_leaf(d, LEAF_RAW, dag_random(d, 10));
	top[5] = pad;
	return dag_node(d, &root);
}

static const struct { const char *name; const struct dag_entry *(*build)(struct dag *); } shapes[] = {
	{ "one raw block", shape_raw },
	{ "one File block", shape_file },
	{ "one File block under version 0", shape_file_v0 },
	{ "one Raw block", shape_raw_node },
	{ "one block with a mode", shape_mode },
	{ "an identity root", shape_identity },
	{ "balanced, raw leaves", shape_v1 },
	{ "balanced, version 0", shape_v0 },
	{ "one wide node", shape_flat },
	{ "width 2, depth 9", shape_binary },
	{ "leaves with modes", shape_modes },
	{ "Raw leaves", shape_raw_nodes },
	{ "trickle", shape_trickle },
	{ "trickle, version 0", shape_trickle_v0 },
	{ "everything mixed", shape_mixed },
	{ "a node inside an identity link", shape_identity_inner },
	{ "padding", shape_padded },
};

#define N_SHAPES ((int)(sizeof shapes / sizeof *shapes))

#endif
