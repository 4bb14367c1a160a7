/* sha256.c: SHA-256 through libcrypto's plain functions.
 *
 * The EVP interface finds the same assembler, but keeps its state on the heap
 * and may fail; this one lies wherever the caller wants and can be copied.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "formats/sha256.h"

#include <openssl/sha.h>

_Static_assert(sizeof(struct sha256) >= sizeof(SHA256_CTX), "our storage holds libcrypto's context");
_Static_assert(_Alignof(struct sha256) >= _Alignof(SHA256_CTX), "and is aligned for it");

static SHA256_CTX *ctx_of(struct sha256 *s)
{
	return (SHA256_CTX *)(void *)s->state;
}

void sha256_init(struct sha256 *s)
{
	SHA256_Init(ctx_of(s));
}

void sha256_add(struct sha256 *s, struct span data)
{
	if (data.n)
		SHA256_Update(ctx_of(s), data.p, data.n);
}

struct hash32 sha256_end(struct sha256 *s)
{
	struct hash32 out;

	SHA256_Final(out.b, ctx_of(s));
	return out;
}

struct hash32 sha256_of(struct span data)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data);
	return sha256_end(&s);
}
