/* cose.h: COSE_Key (RFC 9052 section 7) and detached COSE_Sign1 (section 4.2) as releases use them.
 *
 * A signer is known by the bytes of its COSE_Key: deterministic CBOR with only
 * the members that name a public key, {1, -1, -2, -3} for EC2 with uncompressed
 * y, {1, -1, -2} for OKP. That is also what RFC 9679 hashes, so the thumbprint
 * of a valid key is the SHA-256 of its bytes. */
#ifndef FORMATS_COSE_H
#define FORMATS_COSE_H

#include "base/limits.h"
#include "formats/sig.h"

#define COSE_KID_LEN 8	/* a kid is the first bytes of the thumbprint */

/* ERR_FORMAT: not such a map; ERR_RULE: sig_public_check refuses the key. */
MUST_USE int cose_key_read(struct span bytes, struct sig_public *out, struct err *e);
void cose_key_put(struct buf *b, const struct sig_public *key);
/* RFC 9679, SHA-256. */
struct hash32 cose_key_thumbprint(const struct sig_public *key);

/* A COSE_Sign1 as it stands in an envelope. Spans point into the envelope. */
struct cose_sign1 {
	struct span bytes;	/* the whole element */
	struct span protected_;	/* the header's bytes, inside their byte string */
	struct span signature;
	struct span kid;	/* p == NULL when there is none */
	int64_t alg;		/* 0: none that counts */
	bool counts;		/* false: well-formed, but by `why` it can never count */
	const char *why;	/* static; NULL while counts */
};

/* Reads one. ERR_FORMAT: not a tag 18 with an array of four and a nil payload, or not deterministic; that
 * rejects the envelope. Oddities inside the headers and the signature only keep it from counting. */
MUST_USE int cose_sign1_read(struct span bytes, struct cose_sign1 *out, struct err *e);

/* Did key sign payload (detached, external_aad empty)? ERR_PROOF or ERR_RULE if not. */
MUST_USE int cose_sign1_verify(const struct cose_sign1 *s, const struct sig_public *key, struct span payload,
			       struct err *e);

/* Appends a detached COSE_Sign1 over payload: alg protected, kid (when wanted) unprotected. */
MUST_USE int cose_sign1_put(struct buf *b, const struct sig_secret *key, bool with_kid, struct span payload,
			    struct err *e);

#endif
