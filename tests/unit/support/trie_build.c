/* trie_build.c: see trie_build.h. */
#include "support/trie_build.h"
#include "base/limits.h"
#include "formats/keccak.h"
#include "formats/rlp.h"
#include "formats/trie.h"

#include <stdlib.h>

struct build {
	const struct trie_build_item *items;
	struct span key;
	struct trie_build_proof *proof;
};

static int by_key(const void *a, const void *b)
{
	struct span x = ((const struct trie_build_item *)a)->key, y = ((const struct trie_build_item *)b)->key;
	int c = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

	return c ? c : (x.n > y.n) - (x.n < y.n);
}

static unsigned nib(struct span s, size_t i)
{
	return i % 2 ? s.p[i / 2] & 15 : s.p[i / 2] >> 4;
}

static void put_path(struct buf *out, struct span key, size_t from, size_t to, bool is_leaf)
{
	uint8_t path[80] = { 0 };
	size_t n = to - from, odd = n % 2, at = 1;

	path[0] = (uint8_t)((is_leaf ? 0x20 : 0) | (odd ? 0x10 | nib(key, from) : 0));
	for (size_t i = from + odd; i < to; i += 2)
		path[at++] = (uint8_t)(nib(key, i) << 4 | nib(key, i + 1));
	rlp_put_bytes(out, SPAN(path, at));
}

static size_t common(const struct build *b, size_t lo, size_t hi, size_t depth)
{
	size_t i = depth;

	for (;; i++)
		for (size_t k = lo; k < hi; k++)
			if (2 * b->items[k].key.n <= i || nib(b->items[k].key, i) != nib(b->items[lo].key, i))
				return i;
}

/* Does the wanted key run along the first item's key from `from` to `to`? */
static bool is_along(const struct build *b, struct span key, size_t from, size_t to)
{
	if (2 * b->key.n < to)
		return false;
	for (size_t i = from; i < to; i++)
		if (nib(b->key, i) != nib(key, i))
			return false;
	return true;
}

static void put_node(const struct build *b, struct buf *out, size_t lo, size_t hi, size_t depth, bool on_path);

static void put_branch(const struct build *b, struct buf *items, size_t lo, size_t hi, size_t depth, bool on_path)
{
	struct span value = SPAN(NULL, 0);

	if (2 * b->items[lo].key.n == depth)
		value = b->items[lo++].value;
	for (unsigned v = 0; v < 16; v++) {
		size_t end = lo;

		while (end < hi && nib(b->items[end].key, depth) == v)
			end++;
		if (end == lo)
			rlp_put_bytes(items, SPAN(NULL, 0));
		else
			put_node(b, items, lo, end, depth + 1,
				 on_path && 2 * b->key.n > depth && nib(b->key, depth) == v);
		lo = end;
	}
	rlp_put_bytes(items, value);
}

static void keep(const struct build *b, size_t slot, struct buf *node)
{
	b->proof->buf[slot] = *node;
	b->proof->node[slot] = buf_span(node);
	*node = BUF_INIT(1);
}

/* Appends the node, or the reference to it, for items lo to hi, which share `depth` nibbles. */
static void put_node(const struct build *b, struct buf *out, size_t lo, size_t hi, size_t depth, bool on_path)
{
	struct buf items = BUF_INIT(4096), node = BUF_INIT(4096);
	struct span key = b->items[lo].key;
	size_t slot = b->proof ? b->proof->n : 0, to = common(b, lo, hi, depth);
	bool is_listed = on_path && b->proof;

	if (is_listed)
		b->proof->n++;
	if (hi - lo == 1) {
		put_path(&items, key, depth, 2 * key.n, true);
		rlp_put_bytes(&items, b->items[lo].value);
	} else if (to > depth) {
		put_path(&items, key, depth, to, false);
		put_node(b, &items, lo, hi, to, on_path && is_along(b, key, depth, to));
	} else {
		put_branch(b, &items, lo, hi, depth, on_path);
	}
	rlp_put_list(&node, buf_span(&items));
	if (node.n < 32 && depth) {
		buf_add(out, buf_span(&node));
		if (is_listed) {		/* embedded: what follows it moves one place up */
			size_t later = b->proof->n - slot - 1;

			memmove(b->proof->buf + slot, b->proof->buf + slot + 1, later * sizeof b->proof->buf[0]);
			memmove(b->proof->node + slot, b->proof->node + slot + 1, later * sizeof b->proof->node[0]);
			b->proof->n--;
		}
	} else {
		struct hash32 h = keccak256(buf_span(&node));

		rlp_put_bytes(out, SPAN_OF(h));
		if (is_listed)
			keep(b, slot, &node);
	}
	if (buf_ok(&items, NULL) || (node.max > 1 && buf_ok(&node, NULL)))
		abort();
	buf_free(&items);
	buf_free(&node);
}

struct hash32 trie_build(struct trie_build_item *items, size_t n, struct span key, struct trie_build_proof *proof)
{
	struct build b = { items, key, proof };
	struct buf out = BUF_INIT(64);
	struct hash32 root = trie_empty_root;

	if (proof)
		*proof = (struct trie_build_proof){ .n = 0 };
	if (n) {
		qsort(items, n, sizeof *items, by_key);
		put_node(&b, &out, 0, n, 0, true);
		memcpy(root.b, out.p + 1, sizeof root.b);
	}
	buf_free(&out);
	return root;
}

void trie_build_free(struct trie_build_proof *proof)
{
	for (size_t i = 0; i < proof->n; i++)
		buf_free(&proof->buf[i]);
	proof->n = 0;
}
