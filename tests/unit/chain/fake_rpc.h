/* fake_rpc.h: what fake_chain.c and fake_rpc.c share. */
#ifndef TESTS_FAKE_RPC_H
#define TESTS_FAKE_RPC_H

#include "fake_chain.h"
#include "support/trie_build.h"

/* Roots, and with a key a proof. */
struct hash32 fake_storage_proof(const struct fake_block *b, const struct hash32 *slot, struct trie_build_proof *proof);
/* Of the EIP-2935 contract: hashes of the blocks before b. */
struct hash32 fake_history_proof(const struct fake_chain *c, const struct fake_block *b, const struct hash32 *slot,
				 struct trie_build_proof *proof);
struct hash32 fake_account_proof(const struct fake_chain *c, const struct fake_block *b, const struct addr20 *who,
				 struct trie_build_proof *proof);

/* The block as a JSON object, or only its header; sets its hash. */
void fake_put_header(struct buf *out, struct fake_block *b, enum lie lie, bool is_lean);

#endif
