/* keccak.c: see keccak.h. The permutation is Keccak-f[1600] (FIPS 202, section 3.2). */
#include "formats/keccak.h"

#include <endian.h>

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

static inline uint64_t rotate(uint64_t v, unsigned by)
{
	return by ? v << by | v >> (64 - by) : v;
}

/* One round, from a to o. Everything is written out with constant places, so that most of the state stays in registers: this is
 * most of what a proof costs, and as loops over tables it took four times as long. A row at a time, since five lanes fit.
 *
 *	θ	c: columns' parities, d: what each column's lanes are changed by
 *	ρ, π	MOVE(to, from, by): lane `from`, turned by `by`, goes to the row's place `to`
 *	χ	MIX(row): the row that begins at lane `row`; and ι in the first lane */
static inline void keccak_round(uint64_t a[25], uint64_t o[25], uint64_t constant)
{
	uint64_t c[5], d[5], b[5];

#define PARITY(x) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]
#define CHANGE(x) d[x] = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1)
#define MOVE(to, from, by) b[to] = rotate(a[from] ^ d[(from) % 5], by)
#define MIX(row) \
	o[row] = b[0] ^ (~b[1] & b[2]); \
	o[row + 1] = b[1] ^ (~b[2] & b[3]); \
	o[row + 2] = b[2] ^ (~b[3] & b[4]); \
	o[row + 3] = b[3] ^ (~b[4] & b[0]); \
	o[row + 4] = b[4] ^ (~b[0] & b[1])
	PARITY(0); PARITY(1); PARITY(2); PARITY(3); PARITY(4);
	CHANGE(0); CHANGE(1); CHANGE(2); CHANGE(3); CHANGE(4);
	MOVE(0, 0, 0); MOVE(1, 6, 44); MOVE(2, 12, 43); MOVE(3, 18, 21); MOVE(4, 24, 14);
	MIX(0);
	MOVE(0, 3, 28); MOVE(1, 9, 20); MOVE(2, 10, 3); MOVE(3, 16, 45); MOVE(4, 22, 61);
	MIX(5);
	MOVE(0, 1, 1); MOVE(1, 7, 6); MOVE(2, 13, 25); MOVE(3, 19, 8); MOVE(4, 20, 18);
	MIX(10);
	MOVE(0, 4, 27); MOVE(1, 5, 36); MOVE(2, 11, 10); MOVE(3, 17, 15); MOVE(4, 23, 56);
	MIX(15);
	MOVE(0, 2, 62); MOVE(1, 8, 55); MOVE(2, 14, 39); MOVE(3, 15, 41); MOVE(4, 21, 2);
	MIX(20);
	o[0] ^= constant;
#undef PARITY
#undef CHANGE
#undef MOVE
#undef MIX
}

static void permute(uint64_t lane[25])
{
	uint64_t a[25], b[25];

	memcpy(a, lane, sizeof a);
	for (unsigned r = 0; r < ROUNDS; r += 2) {
		keccak_round(a, b, iota[r]);
		keccak_round(b, a, iota[r + 1]);
	}
	memcpy(lane, a, sizeof a);
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

/* Into the block that is being filled; n bytes fit. */
static void fill(struct keccak *k, const uint8_t *p, size_t n)
{
	while (n) {
		if (k->n % 8 == 0 && n >= 8) {
			k->lane[k->n / 8] ^= load64(p);
			k->n += 8, p += 8, n -= 8;
		} else {
			k->lane[k->n / 8] ^= (uint64_t)*p << (8 * (k->n % 8));
			k->n++, p++, n--;
		}
	}
}

void keccak_init(struct keccak *k)
{
	*k = (struct keccak){ .n = 0 };
}

void keccak_add(struct keccak *k, struct span s)
{
	for (size_t i = 0; i < s.n;) {
		size_t room = KECCAK_RATE - k->n, n = s.n - i < room ? s.n - i : room;

		fill(k, s.p + i, n);
		i += n;
		if (k->n == KECCAK_RATE) {
			permute(k->lane);
			k->n = 0;
		}
	}
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
