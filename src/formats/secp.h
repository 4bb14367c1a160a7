/* secp.h: ECDSA over secp256k1 as Ethereum uses it: signatures from which the signer is recovered.
 *
 * Numbers are 32 bytes, big-endian. Signatures are deterministic (RFC 6979) and
 * low-s (EIP-2). COSE's ES256K, which has no recovery, is in sig.h. */
#ifndef FORMATS_SECP_H
#define FORMATS_SECP_H

#include "base/err.h"
#include "base/span.h"

struct secp_signature {
	uint8_t r[32], s[32];
	uint8_t y_parity;	/* 0 or 1: EIP-1559's signature_y_parity */
};

/* Is this a private key: not 0 and below the group's order? */
bool secp_secret_is_valid(const uint8_t secret[32]);

/* The public point, x then y. ERR_RULE when the secret is not valid. */
MUST_USE int secp_public(const uint8_t secret[32], uint8_t point[64], struct err *e);

/* Signs a 32-byte digest. ERR_RULE when the secret is not valid. */
MUST_USE int secp_sign(const uint8_t secret[32], const struct hash32 *digest, struct secp_signature *out,
		       struct err *e);

/* The public point that made a signature. ERR_PROOF when there is none. High s is refused (EIP-2). */
MUST_USE int secp_recover(const struct hash32 *digest, const struct secp_signature *sig, uint8_t point[64],
			  struct err *e);

#endif
