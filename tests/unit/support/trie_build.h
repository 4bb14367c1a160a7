/* trie_build.h: Merkle-Patricia tries for tests: roots, and proofs as a node would give them.
 *
 * Small and slow: every call builds the whole trie from its sorted items. Aborts when memory is short. */
#ifndef TESTS_TRIE_BUILD_H
#define TESTS_TRIE_BUILD_H

#include "base/buf.h"

#define TRIE_BUILD_NODES 64

struct trie_build_item {
	struct span key, value;		/* borrowed */
};

struct trie_build_proof {
	struct buf buf[TRIE_BUILD_NODES];
	struct span node[TRIE_BUILD_NODES];
	size_t n;
};

/* Sorts the items by key; keys are different, values not empty. proof (may be NULL) gets the nodes for key. */
struct hash32 trie_build(struct trie_build_item *items, size_t n, struct span key, struct trie_build_proof *proof);
void trie_build_free(struct trie_build_proof *proof);

#endif
