/* utf8.c: see utf8.h. */
#include "base/utf8.h"

/* RFC 3629 §4, the ABNF as a table: first byte, then the range of the second; the rest are 80..BF. */
static const struct { uint8_t from, to, second_from, second_to, length; } forms[] = {
	{ 0x00, 0x7f, 0, 0, 1 },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static bool is_tail(uint8_t c)
{
	return c >= 0x80 && c <= 0xbf;
}

size_t utf8_next(struct span s)
{
	for (size_t i = 0; s.n > 0 && i < sizeof forms / sizeof *forms; i++) {
		size_t n = forms[i].length;

		if (s.p[0] < forms[i].from || s.p[0] > forms[i].to)
			continue;
		if (s.n < n)
			return 0;
		if (n > 1 && (s.p[1] < forms[i].second_from || s.p[1] > forms[i].second_to))
			return 0;
		for (size_t k = 2; k < n; k++)
			if (!is_tail(s.p[k]))
				return 0;
		return n;
	}
	return 0;
}

static bool all(struct span s, bool printable)
{
	while (s.n > 0) {
		size_t n = utf8_next(s);

		if (n == 0)
			return false;
		if (printable && (s.p[0] < 0x20 || s.p[0] == 0x7f || (s.p[0] == 0xc2 && s.p[1] < 0xa0)))
			return false;
		s = span_cut(s, n, s.n);
	}
	return true;
}

bool utf8_is_valid(struct span s)
{
	return all(s, false);
}

bool utf8_is_printable(struct span s)
{
	return all(s, true);
}
