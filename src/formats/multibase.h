/* multibase.h: bytes as text with a letter in front that says how (multiformats/multibase).
 *
 * The four bases that CIDs are met in. Encodings are canonical both ways: one
 * spelling for each byte string, lower-case where the base has a case, no
 * padding, unused low bits zero. CIDs come from manifests and URLs, where two
 * spellings of one thing would be two things. */
#ifndef FORMATS_MULTIBASE_H
#define FORMATS_MULTIBASE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum multibase {
	MULTIBASE_32 = 'b',	/* RFC 4648 base32, lower-case, no padding */
	MULTIBASE_36 = 'k',	/* 0-9a-z, a number in base 36 */
	MULTIBASE_58 = 'z',	/* base58btc */
	MULTIBASE_64URL = 'u',	/* RFC 4648 base64url, no padding */
};

/* Longest byte string that the number bases (36, 58) take: their cost grows with its square. */
#define MULTIBASE_BYTES_MAX 256

/* Appends prefix and digits. bytes.n ≤ MULTIBASE_BYTES_MAX. */
void multibase_encode(enum multibase base, struct span bytes, struct buf *out);

/* Decodes prefix and digits into out (cap bytes); *n gets the length. ERR_FORMAT names the rule,
 * ERR_LIMIT when it does not fit. */
MUST_USE int multibase_decode(struct span text, uint8_t *out, size_t cap, size_t *n, struct err *e);

/* The same without a prefix letter; CIDv0 is bare base58btc. */
void multibase_encode_bare(enum multibase base, struct span bytes, struct buf *out);
MUST_USE int multibase_decode_bare(enum multibase base, struct span digits, uint8_t *out, size_t cap, size_t *n,
				   struct err *e);

#endif
