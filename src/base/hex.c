/* hex.c: see hex.h. */
#include "base/hex.h"

void hex_digits(struct span s, char *out)
{
	static const char letters[] = "0123456789abcdef";

	for (size_t i = 0; i < s.n; i++) {
		*out++ = letters[s.p[i] >> 4];
		*out++ = letters[s.p[i] & 15];
	}
}

char *hex_str(struct span s, char *out)
{
	hex_digits(s, out);
	out[2 * s.n] = '\0';
	return out;
}

char *hex_0x(struct span s, char *out)
{
	out[0] = '0';
	out[1] = 'x';
	hex_str(s, out + 2);
	return out;
}

/* A digit's value plus one; 0: no digit. A table, because most of what a node answers is hex. */
static const uint8_t digits[256] = {
	['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ['a'] = 11, 12, 13, 14, 15, 16, ['A'] = 11, 12, 13, 14, 15, 16,
};

static int find_odd(struct span text, struct err *e)
{
	size_t i = 0;

	while (digits[text.p[i]])
		i++;
	return err_set(e, ERR_FORMAT, "not a hex digit at %zu", i);
}

static bool are_digits(struct span text)
{
	bool fine = true;

	for (size_t i = 0; i < text.n; i++)
		fine &= digits[text.p[i]] != 0;
	return fine;
}

int hex_read(struct span text, uint8_t *out, size_t n, struct err *e)
{
	if (text.n % 2 || text.n / 2 != n)
		return err_set(e, ERR_FORMAT, "needs %zu hex digits, has %zu", 2 * n, text.n);
	if (!are_digits(text))
		return find_odd(text, e);
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)((digits[text.p[2 * i]] - 1) << 4 | (digits[text.p[2 * i + 1]] - 1));
	return ERR_OK;
}

int hex_read_0x(struct span text, uint8_t *out, size_t n, struct err *e)
{
	if (text.n < 2 || text.p[0] != '0' || text.p[1] != 'x')
		return err_set(e, ERR_FORMAT, "must begin with 0x");
	return hex_read(span_cut(text, 2, text.n), out, n, e);
}
