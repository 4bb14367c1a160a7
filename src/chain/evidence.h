/* evidence.h: what a bundle says of the chain: a block's header, and a proof of one product's two words under it.
 *
 * One JSON object, its values as nodes write them, so that it can be made with any RPC client:
 *
 *	{ "format": "gatepost-bundle-1", "chainId": "0x1", "registry": "0x…", "registrant": "0x…", "product": "acme/thermostat",
 *	  "sequence": "0x7",		the release that the bundle brings
 *	  "block": { … },		eth_getBlockByHash, without its transactions
 *	  "proof": { … } }		eth_getProof of the registry, with the product's head and the word after it
 *
 * Reading checks all of it against the header's own hash: *if* a block of that hash is in the chain, the product has this very
 * history. Nobody vouches for the hash here, nor for the chain id. Pure. */
#ifndef CHAIN_EVIDENCE_H
#define CHAIN_EVIDENCE_H

#include "chain/read.h"

#define EVIDENCE_FORMAT "gatepost-bundle-1"

struct evidence {
	uint64_t chain_id;		/* the file's word */
	struct addr20 registry, registrant;
	char product[PRODUCT_NAME_MAX + 1];
	struct hash32 id;		/* of the two above */
	uint64_t sequence;		/* ≥ 1 */
	struct header header;		/* hashes to header.hash */
	struct hash32 code_hash;	/* of the registry, under header.state_root */
	struct product_words words;	/* of the product, likewise */
};

/* ERR_FORMAT: not such a file; ERR_PROOF, ERR_RULE: it contradicts itself; ERR_NOT_FOUND: it proves that there is no registry, or no
 * such product, at that block. */
MUST_USE int evidence_read(struct span text, struct evidence *out, struct err *e);

/* Reads a file of entries (chain/entries.h) as the product's whole history, and replays it to the proven head. ERR_PROOF when it does
 * not come out there: something is missing, added, edited or out of order. out: to be freed with records_free, also on failure. */
MUST_USE int evidence_replay(const struct evidence *ev, struct span entries, struct records *out, struct err *e);

/* The envelope that the history has for the release. Points into r. ERR_NOT_FOUND: it has none. */
MUST_USE int evidence_envelope(const struct evidence *ev, const struct records *r, struct span *out, struct err *e);

/* Writes one: block and proof are results of the calls named above. Takes nothing; leaves out what only repeats transactions. ERR_MEMORY. */
MUST_USE int evidence_put(struct buf *b, const struct evidence *about, const json_t *block, const json_t *proof, struct err *e);

#endif
