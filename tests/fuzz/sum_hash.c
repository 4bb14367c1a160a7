/* sum_hash.c: SHA-256 replaced by 32 equal bytes, the sum of what was hashed: a fuzzer finds inputs that "verify". All of sha256.h, so that
 * libformats' own is not linked. */
#include "formats/sha256.h"

void sha256_init(struct sha256 *s)
{
	*s = (struct sha256){ 0 };
}

void sha256_add(struct sha256 *s, struct span data)
{
	for (size_t i = 0; i < data.n; i++)
		s->state[0] += data.p[i];
}

struct hash32 sha256_end(struct sha256 *s)
{
	struct hash32 h;

	memset(h.b, (int)(s->state[0] & 0xff), sizeof h.b);
	return h;
}

struct hash32 sha256_of(struct span data)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data);
	return sha256_end(&s);
}
