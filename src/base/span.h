/* span.h: borrowed bytes, and the two fixed-size names that the whole program passes around.
 *
 * A span never owns: whoever made it says how long it lives (parameters: until
 * the call returns). A zero-length span may have p == NULL. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p;
	size_t n;
};

/* 32 bytes: keccak-256 and SHA-256 digests, product ids, storage words. */
struct hash32 {
	uint8_t b[32];
};

/* An Ethereum account address. */
struct addr20 {
	uint8_t b[20];
};

#define SPAN(ptr, len) ((struct span){ (const uint8_t *)(ptr), (len) })
#define SPAN_OF(obj)   ((struct span){ (const uint8_t *)&(obj), sizeof(obj) })
#define SPAN_LIT(str)  ((struct span){ (const uint8_t *)(str), sizeof(str) - 1 })

static inline struct span span_str(const char *s)
{
	return SPAN(s, s ? strlen(s) : 0);
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_is(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

/* The part of s from off on, at most n bytes; clamped, never past the end. */
static inline struct span span_cut(struct span s, size_t off, size_t n)
{
	if (off > s.n)
		off = s.n;
	if (n > s.n - off)
		n = s.n - off;
	return SPAN(s.n ? s.p + off : s.p, n);
}

/* Copies up to cap bytes from the front of *from to out and takes them off. Returns how many. */
static inline size_t span_drain(struct span *from, uint8_t *out, size_t cap)
{
	struct span part = span_cut(*from, 0, cap);

	if (part.p && part.n)
		memcpy(out, part.p, part.n);
	*from = span_cut(*from, part.n, from->n);
	return part.n;
}

static inline bool hash32_eq(const struct hash32 *a, const struct hash32 *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static inline int hash32_cmp(const struct hash32 *a, const struct hash32 *b)
{
	return memcmp(a->b, b->b, sizeof a->b);
}

static inline bool hash32_is_zero(const struct hash32 *h)
{
	static const struct hash32 zero;

	return hash32_eq(h, &zero);
}

static inline bool addr20_eq(const struct addr20 *a, const struct addr20 *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

#endif
