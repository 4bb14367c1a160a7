/* buf.h: bytes that grow, up to a limit that is set once.
 *
 * Sticky: the first append that does not fit or finds no memory marks the buf
 * failed, and every later append does nothing. So a builder appends without
 * checks and asks buf_ok() once at its end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/span.h"

struct buf {
	uint8_t *p;
	size_t n, cap, max;
	bool failed, is_starved;	/* starved: for want of memory */
};

/* An empty buf that will hold at most max bytes. Nothing is allocated yet. */
#define BUF_INIT(max_bytes) ((struct buf){ .max = (max_bytes) })

void buf_free(struct buf *b);
/* Empties it and clears failed; keeps the memory. */
void buf_reset(struct buf *b);

void buf_add(struct buf *b, struct span s);
void buf_byte(struct buf *b, uint8_t byte);
void buf_str(struct buf *b, const char *s);
void buf_fmt(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_hex(struct buf *b, struct span s);
/* The value's low `width` bytes, big-endian. */
void buf_be(struct buf *b, uint64_t value, unsigned width);
/* s as the inside of a JSON string: quotes, backslashes, control characters and bytes that are
 * not UTF-8 are escaped (the latter become U+FFFD). */
void buf_json(struct buf *b, struct span s);
/* n more bytes, uninitialised, or NULL when failed. Valid until the next append. */
uint8_t *buf_grow(struct buf *b, size_t n);

/* Still whole? When not, e says whether the limit or memory was short. */
MUST_USE int buf_ok(const struct buf *b, struct err *e);

static inline struct span buf_span(const struct buf *b)
{
	return SPAN(b->p, b->n);
}

#endif
