/* fuzz_dagtree.c: whatever lies beside an image, the tree of its blocks stays within the file, and every walk ends.
 *
 * SHA-256 is replaced by 32 equal bytes, the sum of the block, so that the fuzzer finds blocks that "verify", collisions and
 * cycles. Input: flags, the root's sum, size (2 bytes), two ends of a range (2 bytes each), then blocks, each behind its length (2 bytes). */
#include "base/cursor.h"
#include "formats/dagtree.h"
#include "formats/dagwalk.h"
#include "formats/sha256.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FLAG_RAW = 1, FLAG_V0 = 2, FLAG_ONCE = 4, FLAG_ALONE = 8 };

static struct cid cid_of_sum(uint8_t sum, unsigned flags)
{
	struct hash32 h;

	memset(h.b, sum, sizeof h.b);
	return cid_of_digest(flags & FLAG_V0 ? 0 : 1, flags & FLAG_RAW && !(flags & FLAG_V0) ? CID_RAW : CID_DAG_PB, &h);
}

static void walk(const struct dagtree *t, uint32_t row, const struct dagwalk_how *how, uint64_t size)
{
	struct cid cid = cid_of_digest(1, (enum cid_codec)t->node[row].codec, &t->node[row].digest);
	uint32_t at = row, count = 0;
	struct dagwalk w;

	assert(dagwalk_start(&w, t, row, &cid, how, NULL) == ERR_OK);
	while (dagwalk_next(&w, &cid, &at)) {
		const struct dagtree_node *n = &t->node[at];

		assert(n->is_placed && n->length <= BLOCK_MAX);
		assert(n->kind == DAGTREE_KEPT || (uint64_t)n->at + n->size <= size);
		count++;
	}
	assert(count >= 1 && count <= t->node[row].blocks);
	dagwalk_end(&w);
}

static int add_blocks(struct dagtree *t, struct cursor *c)
{
	int rc = ERR_OK;

	for (uint32_t i = 0; rc == ERR_OK && cur_left(c) > 0; i++) {
		struct span block = cur_take(c, (size_t)cur_be(c, 2));
		struct hash32 sum = sha256_of(block);
		struct cid cid = cid_of_digest(1, CID_DAG_PB, &sum);

		rc = cur_ok(c) ? dagtree_add(t, &cid, block, i, NULL) : ERR_FORMAT;
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cursor c = cur_of(SPAN(data, n));
	unsigned flags = cur_u8(&c);
	struct cid root = cid_of_sum(cur_u8(&c), flags);
	uint64_t size = cur_be(&c, 2);
	struct dagwalk_how how = { .is_once = flags & FLAG_ONCE, .is_alone = flags & FLAG_ALONE, .from = cur_be(&c, 2), .to = cur_be(&c, 2) };
	struct dagtree *t = dagtree_new(300);

	assert(t);
	if (add_blocks(t, &c) == ERR_OK && dagtree_finish(t, &root, size, NULL) == ERR_OK) {
		for (uint32_t i = 0; i < t->nodes; i++) {
			if (!t->node[i].is_placed || t->node[i].blocks > 5000)
				continue;
			walk(t, i, &how, size);
			walk(t, i, &(struct dagwalk_how){ .is_once = how.is_once, .to = UINT64_MAX }, size);
		}
	}
	dagtree_free(t);
	return 0;
}
