/* cached.h: an image in a stand's cache that came from IPFS, with its blocks beside it. */
#ifndef TESTS_SERVER_CACHED_H
#define TESTS_SERVER_CACHED_H

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/dagfile.h"
#include "stand.h"
#include "../catalog/sample.h"
#include "../ipfs/dag.h"

#include <check.h>
#include <fcntl.h>
#include <sched.h>

static struct stand *st;
static struct dag d;
static const struct dag_entry *file_root;	/* what the next catalog has */
static struct catalog_image file_image;
static enum catalog_image_state file_state;

static inline void setup(void)
{
	st = stand_new(0);
	dag_init(&d);
	file_state = CATALOG_GOOD;
}

static inline void teardown(void)
{
	dag_fini(&d);
	stand_free(st);
}

static inline void catalog_with_file(struct builder *b)
{
	sample_build(b);
	builder_image(b, &(struct builder_image){ .sha256 = file_image.sha256, .sums = file_image.sums, .size = file_image.size,
						  .state = file_state, .format = SPAN_LIT("raw") });
	builder_cid(b, &file_root->cid, &file_image.sha256);
}

/* What a fetch would keep beside the file. */
static inline void put_dag(const struct dag_entry *without)
{
	AUTO(buf_free) struct buf b = BUF_INIT(16 * MIB);
	struct unixfs_node node;

	for (size_t i = 0; i < d.n; i++) {
		uint8_t cid[CID_BYTES_MAX];

		if (&d.blocks[i] == without || d.blocks[i].cid.hash != CID_SHA256 || d.blocks[i].cid.codec == CID_RAW)
			continue;
		ck_assert(unixfs_read(CID_DAG_PB, d.blocks[i].bytes, &node, NULL) == ERR_OK);
		if (node.n_links == 0 && unixfs_is_ordinary_leaf(d.blocks[i].bytes, &node))
			continue;
		dagfile_put(&b, SPAN(cid, cid_write(&d.blocks[i].cid, cid)), d.blocks[i].bytes);
	}
	stand_beside(st, &file_image.sha256, ".dag", buf_span(&b));
}

/* Stores the file of this root, with its blocks but one. */
static inline void put_file(const struct dag_entry *root, const struct dag_entry *without)
{
	AUTO(buf_free) struct buf file = BUF_INIT(16 * MIB);

	dag_file(root, &file);
	file_root = root;
	file_image = stand_object(st, buf_span(&file));
	put_dag(without);
}

/* And says so in a catalog. */
static inline void store(const struct dag_entry *root, const struct dag_entry *without)
{
	put_file(root, without);
	stand_catalog(st, catalog_with_file);
}

static inline int find(const struct cid *cid, struct blockset **set, uint32_t *row)
{
	int rc;

	/* The thread may not have come to it. */
	while ((rc = blocks_find(st->blocks, cid, set, row, NULL)) == ERR_BUSY)
		sched_yield();
	return rc;
}

static inline const struct dag_entry *balanced(void) { return dag_balanced(&d, LEAF_RAW, 300000, 9000, 5); }
static inline const struct dag_entry *one_raw(void) { return dag_leaf(&d, LEAF_RAW, dag_random(&d, 70000)); }

#endif
