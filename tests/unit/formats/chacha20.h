/* chacha20.h: the keystream that IPIP-0499 makes its test files of (RFC 8439, 2.3): zero nonce, blocks from 0. */
#ifndef TESTS_CHACHA20_H
#define TESTS_CHACHA20_H

#include "formats/sha256.h"

struct chacha20 {
	uint32_t state[16];
	uint8_t block[64];
	size_t used;	/* bytes of block that were given out */
};

static inline void chacha20_quarter(uint32_t *x, int a, int b, int c, int d)
{
#define ROUND(p, q, r, n) (x[p] += x[q], x[r] ^= x[p], x[r] = x[r] << (n) | x[r] >> (32 - (n)))
	ROUND(a, b, d, 16);
	ROUND(c, d, b, 12);
	ROUND(a, b, d, 8);
	ROUND(c, d, b, 7);
#undef ROUND
}

static inline void chacha20_block(struct chacha20 *c)
{
	uint32_t x[16];

	memcpy(x, c->state, sizeof x);
	for (int i = 0; i < 10; i++) {
		for (int k = 0; k < 4; k++)
			chacha20_quarter(x, k, 4 + k, 8 + k, 12 + k);
		for (int k = 0; k < 4; k++)
			chacha20_quarter(x, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4);
	}
	for (int i = 0; i < 16; i++) {
		uint32_t v = x[i] + c->state[i];

		for (int k = 0; k < 4; k++)
			c->block[4 * i + k] = (uint8_t)(v >> 8 * k);
	}
	c->state[12]++;
	c->used = 0;
}

static inline void chacha20_init(struct chacha20 *c, struct span seed)
{
	static const uint32_t sigma[] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	struct hash32 key = sha256_of(seed);

	memset(c, 0, sizeof *c);
	memcpy(c->state, sigma, sizeof sigma);
	for (int i = 0; i < 32; i++)
		c->state[4 + i / 4] |= (uint32_t)key.b[i] << 8 * (i % 4);
	c->used = sizeof c->block;
}

static inline void chacha20_take(struct chacha20 *c, uint8_t *out, size_t n)
{
	while (n > 0) {
		size_t part = sizeof c->block - c->used;

		if (part == 0) {
			chacha20_block(c);
			continue;
		}
		part = part < n ? part : n;
		memcpy(out, c->block + c->used, part);
		c->used += part;
		out += part;
		n -= part;
	}
}

#endif
