/* scrypt.c: scrypt (RFC 7914), written out because libcrypto enforces the RFC's bound on n (n < 2^(16 r)), while keystores
 * beyond it exist: the Web3 Secret Storage definition's own test vector has n = 2^18 with r = 1. */
#include "formats/secret.h"

#include <stdlib.h>

#define LANE 16				/* 32-bit words of a Salsa20 block */
#define WORDS(r) (2 * (size_t)(r) * LANE)	/* of a scrypt block: 128 * r bytes */

/* Everything that one run needs besides the caller's buffers. */
struct scrypt {
	uint64_t n;
	uint32_t r;
	uint32_t *x, *y;	/* blocks at work */
	uint32_t *v;		/* the table: n blocks */
};

static uint32_t rotate(uint32_t v, unsigned by)
{
	return v << by | v >> (32 - by);
}

static void quarter(uint32_t x[LANE], unsigned a, unsigned b, unsigned c, unsigned d)
{
	x[b] ^= rotate(x[a] + x[d], 7);
	x[c] ^= rotate(x[b] + x[a], 9);
	x[d] ^= rotate(x[c] + x[b], 13);
	x[a] ^= rotate(x[d] + x[c], 18);
}

/* RFC 7914 section 3 */
static void salsa20_8(uint32_t block[LANE])
{
	uint32_t x[LANE];

	memcpy(x, block, sizeof x);
	for (int i = 0; i < 4; i++) {
		quarter(x, 0, 4, 8, 12);
		quarter(x, 5, 9, 13, 1);
		quarter(x, 10, 14, 2, 6);
		quarter(x, 15, 3, 7, 11);
		quarter(x, 0, 1, 2, 3);
		quarter(x, 5, 6, 7, 4);
		quarter(x, 10, 11, 8, 9);
		quarter(x, 15, 12, 13, 14);
	}
	for (int i = 0; i < LANE; i++)
		block[i] += x[i];
}

static void mix_in(uint32_t *to, const uint32_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++)
		to[i] ^= from[i];
}

/* Section 4: in to out, even lanes first. */
static void block_mix(const uint32_t *in, uint32_t *out, uint32_t r)
{
	uint32_t x[LANE];

	memcpy(x, in + WORDS(r) - LANE, sizeof x);
	for (size_t i = 0; i < 2 * (size_t)r; i++) {
		mix_in(x, in + i * LANE, LANE);
		salsa20_8(x);
		memcpy(out + (i / 2 + (i & 1) * r) * LANE, x, sizeof x);
	}
}

/* Section 5, on s->x. n is a power of two. */
static void ro_mix(struct scrypt *s)
{
	size_t words = WORDS(s->r);

	for (uint64_t i = 0; i < s->n; i++) {
		memcpy(s->v + i * words, s->x, words * sizeof *s->x);
		block_mix(s->v + i * words, s->x, s->r);
	}
	for (uint64_t i = 0; i < s->n; i++) {
		const uint32_t *last = s->x + words - LANE;
		uint64_t j = (last[0] | (uint64_t)last[1] << 32) & (s->n - 1);

		mix_in(s->x, s->v + j * words, words);
		block_mix(s->x, s->y, s->r);
		memcpy(s->x, s->y, words * sizeof *s->x);
	}
}

static void load(uint32_t *to, const uint8_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++, from += 4)
		to[i] = from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static void unload(uint8_t *to, const uint32_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++, to += 4)
		for (unsigned k = 0; k < 4; k++)
			to[k] = (uint8_t)(from[i] >> (8 * k));
}

static int check(uint64_t n, uint32_t r, uint32_t p, struct err *e)
{
	if (n < 2 || (n & (n - 1)) != 0)
		return err_set(e, ERR_FORMAT, "scrypt: n is not a power of two over 1");
	if (r == 0 || p == 0 || (uint64_t)r * p >= UINT64_C(1) << 30)
		return err_set(e, ERR_FORMAT, "scrypt: r * p is not between 1 and 2^30 - 1");
	if (n > SECRET_SCRYPT_MEMORY_MAX / 128 / r || p > SECRET_SCRYPT_MEMORY_MAX / 128 / r)
		return err_set(e, ERR_LIMIT, "scrypt: these parameters take more than %lu MiB",
			       SECRET_SCRYPT_MEMORY_MAX >> 20);
	return ERR_OK;
}

/* Mixes the p blocks in b. */
static int mix_all(uint8_t *b, uint64_t n, uint32_t r, uint32_t p, struct err *e)
{
	size_t words = WORDS(r), block = words * sizeof(uint32_t);
	struct scrypt s = { .n = n, .r = r, .x = malloc(block), .y = malloc(block), .v = malloc((size_t)n * block) };
	int rc = s.x && s.y && s.v ? ERR_OK : err_set(e, ERR_MEMORY, "scrypt: no memory for its table");

	for (uint32_t i = 0; !rc && i < p; i++) {
		load(s.x, b + i * block, words);
		ro_mix(&s);
		unload(b + i * block, s.x, words);
	}
	if (!rc) {
		secret_wipe(s.x, block);
		secret_wipe(s.y, block);
		secret_wipe(s.v, (size_t)n * block);
	}
	free(s.x);
	free(s.y);
	free(s.v);
	return rc;
}

int secret_scrypt(struct span password, struct span salt, uint64_t n, uint32_t r, uint32_t p,
		  uint8_t *out, size_t out_n, struct err *e)
{
	size_t total = 128 * (size_t)r * p;
	int rc = check(n, r, p, e);
	uint8_t *b = rc ? NULL : malloc(total);

	if (!rc && !b)
		rc = err_set(e, ERR_MEMORY, "scrypt: no memory for its blocks");
	if (!rc)
		rc = secret_pbkdf2_sha256(password, salt, 1, b, total, e);
	if (!rc)
		rc = mix_all(b, n, r, p, e);
	if (!rc)
		rc = secret_pbkdf2_sha256(password, SPAN(b, total), 1, out, out_n, e);
	if (b)
		secret_wipe(b, total);
	free(b);
	return rc;
}
