/* cursor.h: reading bytes in order, with one sticky failure.
 *
 * A read that does not fit marks the cursor failed and gives zeros or an empty
 * span; so does every later one. A decoder reads all its fields and asks
 * cur_ok() once. Never reads past the span. */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/span.h"

struct cursor {
	const uint8_t *p, *end;
	bool failed;
};

static inline struct cursor cur_of(struct span s)
{
	return (struct cursor){ s.p, s.n ? s.p + s.n : s.p, false };
}

static inline size_t cur_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

static inline bool cur_ok(const struct cursor *c)
{
	return !c->failed;
}

static inline bool cur_at_end(const struct cursor *c)
{
	return !c->failed && c->p == c->end;
}

static inline void cur_fail(struct cursor *c)
{
	c->failed = true;
	c->p = c->end;
}

static inline struct span cur_take(struct cursor *c, size_t n)
{
	struct span s = { c->p, n };

	if (c->failed || n > cur_left(c)) {
		cur_fail(c);
		return SPAN(NULL, 0);
	}
	if (n)
		c->p += n;
	return s;
}

static inline uint8_t cur_u8(struct cursor *c)
{
	struct span s = cur_take(c, 1);

	return s.n ? s.p[0] : 0;
}

/* Big-endian, width 1 to 8. */
static inline uint64_t cur_be(struct cursor *c, unsigned width)
{
	struct span s = cur_take(c, width);
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | s.p[i];
	return v;
}

/* Little-endian, width 1 to 8. */
static inline uint64_t cur_le(struct cursor *c, unsigned width)
{
	struct span s = cur_take(c, width);
	uint64_t v = 0;

	for (size_t i = s.n; i-- > 0;)
		v = v << 8 | s.p[i];
	return v;
}

#endif
