/* multibase.c: see multibase.h.
 *
 * Two families: bases 32 and 64 carry a fixed number of bits a digit (RFC 4648);
 * bases 36 and 58 are one big number, with a digit zero for each leading zero byte. */
#include "formats/multibase.h"

#include <assert.h>

struct base {
	enum multibase letter;
	unsigned bits;		/* a digit; 0: a number base */
	unsigned radix;
	const char *digits;
};

static const struct base bases[] = {
	{ MULTIBASE_32, 5, 32, "abcdefghijklmnopqrstuvwxyz234567" },
	{ MULTIBASE_36, 0, 36, "0123456789abcdefghijklmnopqrstuvwxyz" },
	{ MULTIBASE_58, 0, 58, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz" },
	{ MULTIBASE_64URL, 6, 64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" },
};

/* Digits of MULTIBASE_BYTES_MAX bytes in base 36, the shortest radix of the number bases. */
#define DIGITS_MAX (MULTIBASE_BYTES_MAX * 1548 / 1000 + 2)

static const struct base *base_of(unsigned letter)
{
	for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
		if ((unsigned)bases[i].letter == letter)
			return &bases[i];
	return NULL;
}

/* The digit's value, or -1. A NUL is no digit, though strchr would find it. */
static int value_of(const struct base *b, uint8_t digit)
{
	const char *at = digit ? strchr(b->digits, digit) : NULL;

	return at ? (int)(at - b->digits) : -1;
}

static void encode_bits(const struct base *b, struct span in, struct buf *out)
{
	unsigned have = 0, hold = 0;

	for (size_t i = 0; i < in.n; i++) {
		hold = (hold << 8 | in.p[i]) & 0xffff;
		for (have += 8; have >= b->bits; have -= b->bits)
			buf_byte(out, (uint8_t)b->digits[hold >> (have - b->bits) & (b->radix - 1)]);
	}
	if (have)
		buf_byte(out, (uint8_t)b->digits[hold << (b->bits - have) & (b->radix - 1)]);
}

static int decode_bits(const struct base *b, struct span in, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	unsigned have = 0, hold = 0;
	size_t at = 0;

	if (in.n * b->bits / 8 > cap)
		return err_set(e, ERR_LIMIT, "multibase: more than %zu bytes", cap);
	for (size_t i = 0; i < in.n; i++) {
		hold = (hold << b->bits | (unsigned)value_of(b, in.p[i])) & 0xffff;
		have += b->bits;
		if (have >= 8) {
			have -= 8;
			out[at++] = (uint8_t)(hold >> have);
		}
	}
	if (have >= b->bits)
		return err_set(e, ERR_FORMAT, "multibase: a digit too many");
	if (hold & ((1u << have) - 1))
		return err_set(e, ERR_FORMAT, "multibase: unused bits are not zero");
	*n = at;
	return ERR_OK;
}

/* num[0..*n), most significant last, becomes num * mul + add; each place holds a digit below `place`. */
static void times_plus(uint8_t *num, size_t *n, unsigned mul, unsigned add, unsigned place)
{
	for (size_t i = 0; i < *n; i++) {
		add += num[i] * mul;
		num[i] = (uint8_t)(add % place);
		add /= place;
	}
	for (; add; add /= place)
		num[(*n)++] = (uint8_t)(add % place);
}

static size_t leading(struct span s, uint8_t byte)
{
	size_t n = 0;

	while (n < s.n && s.p[n] == byte)
		n++;
	return n;
}

static void encode_number(const struct base *b, struct span in, struct buf *out)
{
	uint8_t num[DIGITS_MAX];
	size_t n = 0;

	assert(in.n <= MULTIBASE_BYTES_MAX);
	for (size_t i = 0; i < in.n; i++)
		times_plus(num, &n, 256, in.p[i], b->radix);
	for (size_t zeros = leading(in, 0); zeros > 0; zeros--)
		buf_byte(out, (uint8_t)b->digits[0]);
	while (n > 0)
		buf_byte(out, (uint8_t)b->digits[num[--n]]);
}

static int decode_number(const struct base *b, struct span in, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	uint8_t num[MULTIBASE_BYTES_MAX + 2];
	size_t zeros = leading(in, (uint8_t)b->digits[0]), len = 0;

	for (size_t i = zeros; i < in.n; i++) {
		times_plus(num, &len, b->radix, (unsigned)value_of(b, in.p[i]), 256);
		if (len > MULTIBASE_BYTES_MAX)
			return err_set(e, ERR_LIMIT, "multibase: more than %d bytes", MULTIBASE_BYTES_MAX);
	}
	if (zeros > cap || len > cap - zeros)
		return err_set(e, ERR_LIMIT, "multibase: more than %zu bytes", cap);
	memset(out, 0, zeros);
	for (size_t i = 0; i < len; i++)
		out[zeros + i] = num[len - 1 - i];
	*n = zeros + len;
	return ERR_OK;
}

void multibase_encode_bare(enum multibase base, struct span bytes, struct buf *out)
{
	const struct base *b = base_of(base);

	(b->bits ? encode_bits : encode_number)(b, bytes, out);
}

void multibase_encode(enum multibase base, struct span bytes, struct buf *out)
{
	buf_byte(out, (uint8_t)base);
	multibase_encode_bare(base, bytes, out);
}

int multibase_decode_bare(enum multibase base, struct span digits, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	const struct base *b = base_of(base);

	for (size_t i = 0; i < digits.n; i++)
		if (value_of(b, digits.p[i]) < 0)
			return err_set(e, ERR_FORMAT, "multibase: not a digit of base '%c' at %zu", (char)base, i);
	return (b->bits ? decode_bits : decode_number)(b, digits, out, cap, n, e);
}

int multibase_decode(struct span text, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	const struct base *b = text.n ? base_of(text.p[0]) : NULL;

	if (!b)
		return err_set(e, ERR_FORMAT, "multibase: the first character names none of the bases b, k, z, u");
	return multibase_decode_bare(b->letter, span_cut(text, 1, text.n), out, cap, n, e);
}
