/* fuzz_unixfs.c: any bytes as a dag-pb block and as a node of a file. A node that reads agrees with itself, and its leaf form
 * can be told apart from every other. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "formats/dagpb.h"
#include "formats/unixfs.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_leaf(struct span block, const struct unixfs_node *node)
{
	AUTO(buf_free) struct buf again = BUF_INIT(BLOCK_MAX);

	unixfs_put_leaf(&again, node->type, node->data);
	check(unixfs_is_ordinary_leaf(block, node) == span_eq(block, buf_span(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span block = SPAN(data, n);
	struct unixfs_node node;
	struct unixfs_child child;
	struct dagpb pb;
	struct dagpb_link link;
	struct err e = { 0 };
	uint64_t sum;
	size_t links = 0;

	if (dagpb_read(block, &pb, &e)) {
		check(unixfs_read(CID_DAG_PB, block, &node, NULL) != ERR_OK);
		check(e.code != ERR_OK && e.msg[0]);
		return 0;
	}
	check(pb.data.n <= n && pb.n_links <= DAG_LINKS_MAX);
	while (dagpb_next_link(&pb.links, &link))
		links++;
	check(links == pb.n_links);
	if (unixfs_read(CID_DAG_PB, block, &node, &e))
		return 0;
	check(node.n_links == links);
	if (links == 0)
		check_leaf(block, &node);
	sum = node.data.n;
	for (uint64_t size = node.size; unixfs_next_child(&node, &child); links--) {
		check(child.size > 0 && child.size <= size);
		sum += child.size;
	}
	check(links == 0 && sum == node.size);
	return 0;
}
