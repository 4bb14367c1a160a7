/* cid.h: content identifiers, the names of IPFS blocks (multiformats/cid).
 *
 * A CID says: version, codec (how the block reads), hash function and digest.
 * We take codecs raw and dag-pb; hashes sha2-256 with all its 32 bytes, and
 * identity (the "digest" is the block) up to 128 bytes. Everything else is
 * refused by name. CIDv0 is dag-pb with sha2-256.
 *
 *	binary	v0: 12 20 <32 bytes>		v1: 01 <codec> <hash> <length> <digest>
 *	text	v0: base58btc, "Qm…"		v1: multibase; we write base32, "b…" */
#ifndef FORMATS_CID_H
#define FORMATS_CID_H

#include "base/cursor.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

enum cid_codec { CID_RAW = 0x55, CID_DAG_PB = 0x70 };
enum cid_hash { CID_IDENTITY = 0x00, CID_SHA256 = 0x12 };

#define CID_IDENTITY_MAX 128

/* A value: copy freely. Bytes of digest past n are zero. */
struct cid {
	uint8_t version;	/* 0 or 1 */
	uint8_t codec;		/* enum cid_codec */
	uint8_t hash;		/* enum cid_hash */
	uint8_t n;		/* length of the digest */
	uint8_t digest[CID_IDENTITY_MAX];
};

/* Reads one binary CID from the front of c. On failure c is failed and *out untouched.
 * ERR_FORMAT: not a CID. ERR_RULE: a CID of a kind that we refuse; e says which. */
MUST_USE int cid_next(struct cursor *c, struct cid *out, struct err *e);

/* How many bytes the CID has that begins with `front`, as far as that can be told: when more than front.n, bring that
 * many and ask again. At most CID_BYTES_MAX. Judges nothing: what cannot become a CID measures no more than front. */
size_t cid_measure(struct span front);

/* Reads all of bytes as one CID; bytes left over are an error. */
MUST_USE int cid_read(struct span bytes, struct cid *out, struct err *e);

/* Reads a CID from text: "Qm…" or multibase (b, k, z, u). */
MUST_USE int cid_read_text(struct span text, struct cid *out, struct err *e);

/* Writes the binary form; returns its length, at most CID_BYTES_MAX. */
size_t cid_write(const struct cid *c, uint8_t out[CID_BYTES_MAX]);

/* The usual text with a NUL: base58btc for v0, base32 for v1. Returns out. */
char *cid_text(const struct cid *c, char out[CID_TEXT_MAX]);

/* The CID of a block under sha2-256. version 0 needs dag-pb. */
struct cid cid_of(unsigned version, enum cid_codec codec, struct span block);
/* The same from a digest that is already known. */
struct cid cid_of_digest(unsigned version, enum cid_codec codec, const struct hash32 *digest);

/* Is block what c names? ERR_PROOF when not. */
MUST_USE int cid_check(const struct cid *c, struct span block, struct err *e);

/* The same CID, byte for byte. */
bool cid_eq(const struct cid *a, const struct cid *b);
/* The same block: hash function and digest agree, whatever version and codec say. */
bool cid_same_block(const struct cid *a, const struct cid *b);

static inline struct span cid_digest(const struct cid *c)
{
	return SPAN(c->digest, c->n);
}

#endif
