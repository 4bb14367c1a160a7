/* read.h: results of the calls that we make, from JSON to checked values.
 *
 * "Checked" means: headers hash to their hash, proofs prove, log rows are what was asked for. ERR_FORMAT is garbage;
 * ERR_PROOF and ERR_RULE mean that the node contradicts itself or the chain. */
#ifndef CHAIN_READ_H
#define CHAIN_READ_H

#include "chain/entry.h"
#include "chain/json.h"
#include "chain/records.h"
#include "chain/rpc.h"
#include "chain/witness.h"
#include "formats/header.h"
#include "formats/trie.h"

/* A block object. ERR_NOT_FOUND for null: the node does not have that block. */
MUST_USE int read_block(const json_t *result, struct header *out, struct err *e);

/* Only the hash that a block object claims: for genesis blocks, whose headers not every chain can hash. */
MUST_USE int read_claimed_hash(const json_t *result, struct hash32 *out, struct err *e);

/* One log row, wherever it came from: whole, and one of those that the filter asks for, else ERR_RULE. r->data points into
 * `data`. */
MUST_USE int read_log(const json_t *row, const struct rpc_log_filter *f, uint8_t data[RECORD_DATA_MAX], struct record *r,
		      struct err *e);

/* Log rows for a filter, in the order of the chain. ERR_RULE for a row that was not asked for, was removed, stands
 * in the wrong order or twice. Appends to out; on failure out may hold some rows. */
MUST_USE int read_logs(const json_t *result, const struct rpc_log_filter *f, struct records *out, struct err *e);

/* An eth_getProof result under a state root: the account, then the words of the keys, in order. An
 * account that is proven absent is an answer only when no keys were asked for, else ERR_NOT_FOUND. The nodes of the
 * words' proofs go to keep (may be NULL). */
MUST_USE int read_proof(const json_t *result, const struct hash32 *state_root, const struct addr20 *address,
			const struct hash32 *keys, size_t n, struct trie_account *account, struct hash32 *words,
			struct witness *keep, struct err *e);

#endif
