/* base64.c: see base64.h. */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i += 3) {
		size_t n = s.n - i < 3 ? s.n - i : 3;
		uint32_t v = (uint32_t)s.p[i] << 16 | (n > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) | (n > 2 ? s.p[i + 2] : 0);

		for (unsigned k = 0; k < 4; k++)
			buf_byte(b, k <= n ? (uint8_t)alphabet[v >> (18 - 6 * k) & 63] : '=');
	}
}

/* 0 to 63, or -1. */
static int digit(uint8_t ch)
{
	if (ch >= 'A' && ch <= 'Z')
		return ch - 'A';
	if (ch >= 'a' && ch <= 'z')
		return ch - 'a' + 26;
	if (ch >= '0' && ch <= '9')
		return ch - '0' + 52;
	return ch == '+' ? 62 : ch == '/' ? 63 : -1;
}

static size_t padding(struct span text)
{
	return text.n == 0 || text.p[text.n - 1] != '=' ? 0 : text.p[text.n - 2] != '=' ? 1 : 2;
}

int base64_read(struct span text, struct buf *b, struct err *e)
{
	size_t pad = text.n % 4 ? 0 : padding(text), digits = text.n - pad;
	uint32_t v = 0;

	if (text.n % 4)
		return err_set(e, ERR_FORMAT, "base64: its length is no multiple of 4");
	for (size_t i = 0; i < text.n; i++) {
		int d = i < digits ? digit(text.p[i]) : 0;

		if (d < 0)
			return err_set(e, ERR_FORMAT, "base64: a character that has no place there");
		v = v << 6 | (uint32_t)d;
		if (i % 4 != 3)
			continue;
		for (unsigned k = 0; k < (i + 1 == text.n ? 3 - pad : 3); k++)
			buf_byte(b, (uint8_t)(v >> (16 - 8 * k)));
		if (i + 1 == text.n && pad && (v & (pad == 1 ? 0xff : 0xffff)))
			return err_set(e, ERR_FORMAT, "base64: bits left over");
		v = 0;
	}
	return buf_ok(b, e);
}
