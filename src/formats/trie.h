/* trie.h: Merkle-Patricia proofs (Yellow Paper, appendix D), as eth_getProof gives them.
 *
 * A proof is the list of nodes from the root towards the key, each as RLP;
 * nodes shorter than 32 bytes stand inside their parents and are not listed.
 * Every listed node must be the one that its parent names by hash, and must be
 * needed: a truncated proof and one with extra nodes are both refused
 * (ERR_PROOF). Inclusion and exclusion are told apart by the nodes alone. Nothing is allocated.
 * Limits: PROOF_NODES_MAX nodes of at most PROOF_NODE_MAX bytes. */
#ifndef FORMATS_TRIE_H
#define FORMATS_TRIE_H

#include "base/err.h"
#include "base/span.h"

#define TRIE_KEY_MAX 32		/* longest key in bytes; Ethereum's own are keccak-256 digests */

/* keccak256(rlp("")): the root of a trie with nothing in it. */
extern const struct hash32 trie_empty_root;

/* What the trie with this root holds under key. Proven absent: ERR_OK and an empty *value (a trie
 * holds no empty values). *value points into nodes. */
MUST_USE int trie_get(const struct hash32 *root, struct span key, const struct span *nodes, size_t n,
		      struct span *value, struct err *e);

/* --- nodes that are kept --- */

/* The node whose keccak-256 this is, by the word of whoever keeps it; an empty span: it is not there. */
typedef struct span trie_find_fn(void *arg, const struct hash32 *name);

/* As trie_word, with nodes that are found by their names. ERR_NOT_FOUND: the walk ends at a node that is not there, and
 * *missing is its name. */
MUST_USE int trie_find_word(const struct hash32 *storage_root, const struct hash32 *slot, trie_find_fn *find, void *arg,
			    struct hash32 *out, struct hash32 *missing, struct err *e);

/* --- what Ethereum stores in its tries --- */

struct trie_account {
	bool exists;		/* false: proven absent; the rest is zero */
	uint64_t nonce;
	struct hash32 storage_root, code_hash;
};

/* An account under a block's state root: key keccak256(address). */
MUST_USE int trie_account(const struct hash32 *state_root, const struct addr20 *address,
			  const struct span *nodes, size_t n, struct trie_account *out, struct err *e);

/* A storage word under an account's storage root: key keccak256(slot). Proven absent is zero. */
MUST_USE int trie_word(const struct hash32 *storage_root, const struct hash32 *slot,
		       const struct span *nodes, size_t n, struct hash32 *out, struct err *e);

#endif
