/* ethtx.h: EIP-1559 transactions (type 2, empty access list), and account addresses.
 *
 * Signing is formats/sig's: hash with ethtx_digest, sign, encode with ethtx_raw. */
#ifndef FORMATS_ETHTX_H
#define FORMATS_ETHTX_H

#include "base/buf.h"

struct ethtx {
	uint64_t chain_id, nonce;
	uint64_t tip, max_fee;	/* wei per gas: maxPriorityFeePerGas, maxFeePerGas */
	uint64_t gas;
	const struct addr20 *to;	/* NULL creates a contract */
	uint64_t value;		/* wei */
	struct span data;
};

struct ethtx_signature {
	uint8_t y_parity;	/* 0 or 1 */
	uint8_t r[32], s[32];	/* big-endian; s in the lower half (EIP-2) */
};

/* What is signed: keccak256(0x02 ‖ rlp([…])). */
MUST_USE int ethtx_digest(const struct ethtx *t, struct hash32 *out, struct err *e);

/* The raw transaction for eth_sendRawTransaction. */
MUST_USE int ethtx_raw(const struct ethtx *t, const struct ethtx_signature *sig, struct buf *out, struct err *e);

/* The address that create (to == NULL) gives: keccak256(rlp([sender, nonce]))[12…]. */
struct addr20 ethtx_created(const struct addr20 *sender, uint64_t nonce);

/* The account of an uncompressed public key, x ‖ y, 64 bytes. */
struct addr20 ethtx_address(const uint8_t public_key[64]);

/* "0x" + 40 digits in EIP-55 mixed case + NUL. Returns out. */
#define ADDR_TEXT_MAX 43
char *addr_text(const struct addr20 *a, char out[ADDR_TEXT_MAX]);

/* Reads "0x" + 40 digits. All lower or all upper case is taken as it is; mixed case must be right by EIP-55. */
MUST_USE int addr_read(struct span text, struct addr20 *out, struct err *e);

#endif
