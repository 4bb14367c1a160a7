/* gpd_walk.h: just enough deterministic CBOR (RFC 8949 section 4.2.1) to walk a manifest of known shape.
 *
 * Sticky: the first thing that is not as expected sets `bad`, and all reads
 * after it give nothing. The manifest's shape is fixed, so there is no map to
 * search in: keys are expected in their order, which is their only one. */
#ifndef GPD_WALK_H
#define GPD_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { GPD_UINT, GPD_NEGINT, GPD_BYTES, GPD_TEXT, GPD_ARRAY, GPD_MAP, GPD_TAG, GPD_SIMPLE };

#define GPD_GOOD GPD_INSTALLED	/* 0, while there is no result yet: nothing wrong so far */

struct gpd_bytes {
	const uint8_t *p;
	size_t n;
};

struct gpd_walk {
	const uint8_t *p, *end;
	bool bad;
};

struct gpd_walk gpd_walk_of(struct gpd_bytes b);
/* The argument of the next head, which must be of this major type. */
uint64_t gpd_head(struct gpd_walk *w, unsigned major);
/* The next head must have just this argument. */
void gpd_expect(struct gpd_walk *w, unsigned major, uint64_t arg);
/* The content of a byte string or a text. */
struct gpd_bytes gpd_string(struct gpd_walk *w, unsigned major);
/* A byte string of exactly n bytes; NULL when it is not. */
const uint8_t *gpd_fixed(struct gpd_walk *w, size_t n);
/* Any integer; what does not fit in 31 bits reads as INT32_MIN, which nothing here is called. */
int32_t gpd_int(struct gpd_walk *w);
/* The next byte, exactly. */
void gpd_byte(struct gpd_walk *w, uint8_t byte);
unsigned gpd_next_major(const struct gpd_walk *w);
/* Passes over one item, whatever is in it. */
void gpd_skip(struct gpd_walk *w);
bool gpd_is_end(const struct gpd_walk *w);
bool gpd_same(struct gpd_bytes a, const char *text);

#endif
