/* fuzz_trie.c: proofs. The first byte says how many key bytes follow it; then nodes, each with its length in two bytes. The root is
 * the first node's hash, and each later node's hash overwrites a run of 32 bytes 0xff in the one before, so that a
 * fuzzer gets past the hash checks. */
#include "base/limits.h"
#include "formats/keccak.h"
#include "formats/trie.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void link_child(uint8_t *node, size_t n, const struct hash32 *child)
{
	static const uint8_t mark[32] = {
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	};
	uint8_t *at = n >= sizeof mark ? memmem(node, n, mark, sizeof mark) : NULL;

	if (at)
		memcpy(at, child->b, sizeof child->b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span nodes[PROOF_NODES_MAX], value;
	uint8_t *copy = malloc(n + 1);
	size_t key = n ? p[0] % (TRIE_KEY_MAX + 1) : 0, at = 1 + key, count = 0;
	struct hash32 root = trie_empty_root;

	if (!copy || n < at) {
		free(copy);
		return 0;
	}
	memcpy(copy, p, n);
	while (n - at >= 2 && count < PROOF_NODES_MAX) {
		size_t len = (size_t)(p[at] << 8 | p[at + 1]);

		at += 2;
		len = len < n - at ? len : n - at;
		nodes[count++] = SPAN(copy + at, len);
		at += len;
	}
	for (size_t i = count; i-- > 0;) {
		root = keccak256(nodes[i]);
		if (i)
			link_child((uint8_t *)nodes[i - 1].p, nodes[i - 1].n, &root);
	}
	(void)!trie_get(&root, SPAN(copy + 1, key), nodes, count, &value, NULL);
	free(copy);
	return 0;
}
