/* buf.c: see buf.h. */
#include "base/buf.h"
#include "base/hex.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
	free(b->p);
	*b = BUF_INIT(b->max);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = b->is_starved = false;
}

static size_t next_cap(const struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 64;

	while (cap < need)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	return cap;
}

uint8_t *buf_grow(struct buf *b, size_t n)
{
	uint8_t *at;

	if (b->failed || n > b->max - b->n) {
		b->failed = true;
		return NULL;
	}
	if (b->n + n > b->cap || !b->p) {
		size_t cap = next_cap(b, b->n + n);
		uint8_t *p = realloc(b->p, cap ? cap : 1);

		if (!p) {
			b->failed = b->is_starved = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	at = b->p + b->n;
	b->n += n;
	return at;
}

void buf_add(struct buf *b, struct span s)
{
	uint8_t *at = buf_grow(b, s.n);

	if (at && s.n)
		memcpy(at, s.p, s.n);
}

void buf_byte(struct buf *b, uint8_t byte)
{
	buf_add(b, SPAN(&byte, 1));
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, span_str(s));
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list args, again;
	uint8_t *at;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	/* One byte more than the text, for the NUL that vsnprintf insists on; then given back. */
	at = n < 0 ? NULL : buf_grow(b, (size_t)n + 1);
	if (at) {
		vsnprintf((char *)at, (size_t)n + 1, fmt, again);
		b->n--;
	} else {
		b->failed = true;
	}
	va_end(again);
}

void buf_hex(struct buf *b, struct span s)
{
	uint8_t *at = buf_grow(b, s.n * 2);

	if (at)
		hex_digits(s, (char *)at);
}

void buf_be(struct buf *b, uint64_t value, unsigned width)
{
	while (width-- > 0)
		buf_byte(b, (uint8_t)(width < 8 ? value >> (8 * width) : 0));
}

static void json_char(struct buf *b, struct span ch)
{
	uint8_t c = ch.p[0];

	if (c == '"' || c == '\\') {
		buf_byte(b, '\\');
		buf_byte(b, c);
	} else if (c < 0x20 || c == 0x7f) {
		buf_fmt(b, "\\u%04x", c);
	} else {
		buf_add(b, ch);
	}
}

void buf_json(struct buf *b, struct span s)
{
	while (s.n > 0) {
		size_t n = utf8_next(s);

		if (n == 0) {
			buf_str(b, "\xef\xbf\xbd");	/* U+FFFD */
			n = 1;
		} else {
			json_char(b, span_cut(s, 0, n));
		}
		s = span_cut(s, n, s.n);
	}
}

int buf_ok(const struct buf *b, struct err *e)
{
	if (!b->failed)
		return ERR_OK;
	if (b->is_starved)
		return err_set(e, ERR_MEMORY, "no memory for more than %zu bytes", b->n);
	if (b->n >= b->max)
		return err_set(e, ERR_LIMIT, "longer than %zu bytes", b->max);
	return err_set(e, ERR_LIMIT, "no room: %zu bytes of at most %zu", b->n, b->max);
}
