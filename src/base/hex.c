/* hex.c: see hex.h. */
#include "base/hex.h"

void hex_digits(struct span s, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < s.n; i++) {
		*out++ = digits[s.p[i] >> 4];
		*out++ = digits[s.p[i] & 15];
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

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_read(struct span text, uint8_t *out, size_t n, struct err *e)
{
	if (text.n % 2 || text.n / 2 != n)
		return err_set(e, ERR_FORMAT, "needs %zu hex digits, has %zu", 2 * n, text.n);
	for (size_t i = 0; i < text.n; i++)
		if (digit(text.p[i]) < 0)
			return err_set(e, ERR_FORMAT, "not a hex digit at %zu", i);
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(digit(text.p[2 * i]) << 4 | digit(text.p[2 * i + 1]));
	return ERR_OK;
}

int hex_read_0x(struct span text, uint8_t *out, size_t n, struct err *e)
{
	if (text.n < 2 || text.p[0] != '0' || text.p[1] != 'x')
		return err_set(e, ERR_FORMAT, "must begin with 0x");
	return hex_read(span_cut(text, 2, text.n), out, n, e);
}
