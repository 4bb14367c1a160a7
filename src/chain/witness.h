/* witness.h: trie nodes that proofs have brought, by their names.
 *
 * From one block to the next nearly all of a registry's storage trie stays the same. A node under its keccak-256 is right for
 * ever, whoever gave it: a word is proven at a new root as soon as the walk from that root finds every node here. So only
 * what changed has to be asked for, and that nothing else changed is proven, not assumed.
 *
 * Nodes have ages: those that were not found since witness_begin can be swept out. What is missing costs a question, no more. */
#ifndef CHAIN_WITNESS_H
#define CHAIN_WITNESS_H

#include "base/table.h"
#include "formats/trie.h"

struct witness_node;

/* All zero: empty. */
struct witness {
	struct witness_node **node;
	size_t n, cap, bytes;		/* bytes: of all nodes, with what keeping them takes */
	struct table by_name;
	uint32_t age;
	size_t used;			/* nodes found or added in this age */
};

/* Keeps a copy, unless it is there, or there is no room for it (WITNESS_BYTES_MAX, or no memory). */
void witness_add(struct witness *w, struct span raw);

/* A trie_find_fn for arg = the witness. The span lives until the next add or sweep. */
struct span witness_find(void *witness, const struct hash32 *name);

/* Another age begins: a walk of all that is of interest now. */
void witness_begin(struct witness *w);

/* Forgets what was not found in this age, once that is more than the rest. */
void witness_sweep(struct witness *w);

void witness_free(struct witness *w);

#endif
