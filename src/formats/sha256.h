/* sha256.h: SHA-256 (FIPS 180-4), with the processor's instructions where it has them.
 *
 * The state lives in the caller's storage, owns nothing and may be copied: a
 * copy is a fork of the stream. Nothing here allocates or fails. */
#ifndef FORMATS_SHA256_H
#define FORMATS_SHA256_H

#include "base/span.h"

struct sha256 {
	uint64_t state[14];	/* libcrypto's context; not ours to look into */
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, struct span data);
/* The digest of all that was added. s must be initialised again before further use. */
struct hash32 sha256_end(struct sha256 *s);

/* One call for bytes that lie together. */
struct hash32 sha256_of(struct span data);

#endif
