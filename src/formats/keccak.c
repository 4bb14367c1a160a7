/* keccak.c: see keccak.h. The permutation is Keccak-f[1600] (FIPS 202, section 3.2). */
#include "formats/keccak.h"

#define ROUNDS 24

/* ι: the round constants (FIPS 202, 3.2.5). */
static const uint64_t iota[ROUNDS] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
	0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
	0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
	0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
	0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* ρ and π as one walk over the lanes: where each lane goes, and by how much it turns. */
static const uint8_t walk[24] = { 10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1 };
static const uint8_t turn[24] = { 1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44 };

static uint64_t rotate(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static void theta(uint64_t a[25])
{
	uint64_t c[5];

	for (unsigned x = 0; x < 5; x++)
		c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (unsigned x = 0; x < 5; x++) {
		uint64_t d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);

		for (unsigned y = 0; y < 25; y += 5)
			a[x + y] ^= d;
	}
}

static void rho_pi(uint64_t a[25])
{
	uint64_t carried = a[1];

	for (unsigned i = 0; i < 24; i++) {
		uint64_t next = a[walk[i]];

		a[walk[i]] = rotate(carried, turn[i]);
		carried = next;
	}
}

static void chi(uint64_t a[25])
{
	for (unsigned y = 0; y < 25; y += 5) {
		uint64_t row[5];

		memcpy(row, a + y, sizeof row);
		for (unsigned x = 0; x < 5; x++)
			a[x + y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
	}
}

static void permute(uint64_t a[25])
{
	for (unsigned r = 0; r < ROUNDS; r++) {
		theta(a);
		rho_pi(a);
		chi(a);
		a[0] ^= iota[r];
	}
}

static void absorb(struct keccak *k, uint8_t byte)
{
	k->lane[k->n / 8] ^= (uint64_t)byte << (8 * (k->n % 8));
	if (++k->n == KECCAK_RATE) {
		permute(k->lane);
		k->n = 0;
	}
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 8; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static void absorb_block(struct keccak *k, const uint8_t *p)
{
	for (unsigned i = 0; i < KECCAK_RATE / 8; i++)
		k->lane[i] ^= load64(p + 8 * i);
	permute(k->lane);
}

void keccak_init(struct keccak *k)
{
	*k = (struct keccak){ .n = 0 };
}

void keccak_add(struct keccak *k, struct span s)
{
	size_t i = 0;

	while (i < s.n && k->n != 0)
		absorb(k, s.p[i++]);
	for (; s.n - i >= KECCAK_RATE; i += KECCAK_RATE)
		absorb_block(k, s.p + i);
	while (i < s.n)
		absorb(k, s.p[i++]);
}

void keccak_end(struct keccak *k, struct hash32 *out)
{
	k->lane[k->n / 8] ^= (uint64_t)0x01 << (8 * (k->n % 8));
	k->lane[KECCAK_RATE / 8 - 1] ^= UINT64_C(0x80) << 56;
	permute(k->lane);
	for (unsigned i = 0; i < sizeof out->b; i++)
		out->b[i] = (uint8_t)(k->lane[i / 8] >> (8 * (i % 8)));
}

struct hash32 keccak256(struct span s)
{
	struct keccak k;
	struct hash32 out;

	keccak_init(&k);
	keccak_add(&k, s);
	keccak_end(&k, &out);
	return out;
}
