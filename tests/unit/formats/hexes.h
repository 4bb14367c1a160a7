/* hexes.h: bytes of a test, written as hex with spaces wherever they help. */
#ifndef TESTS_FORMATS_HEXES_H
#define TESTS_FORMATS_HEXES_H

#include "base/span.h"

#include <check.h>
#include <ctype.h>
#include <stdlib.h>

/* Appends to out, which holds n bytes of cap already; returns the new n. */
static inline size_t hexes_add(const char *hex, uint8_t *out, size_t n, size_t cap)
{
	for (; *hex; hex++) {
		char pair[3] = { hex[0], hex[1], 0 };

		if (isspace((unsigned char)*hex))
			continue;
		ck_assert_msg(isxdigit((unsigned char)pair[0]) && isxdigit((unsigned char)pair[1]), "bad hex: %s", hex);
		ck_assert_uint_lt(n, cap);
		out[n++] = (uint8_t)strtoul(pair, NULL, 16);
		hex++;
	}
	return n;
}

/* At most 8 at a time stay valid. The memory is exact, so that the sanitizer sees a read past its end. */
static inline struct span hexes(const char *hex)
{
	static uint8_t *ring[8];
	static unsigned next;
	uint8_t all[8192];
	size_t n = hexes_add(hex, all, 0, sizeof all);
	unsigned i = next++ % 8;

	free(ring[i]);
	ring[i] = malloc(n ? n : 1);
	ck_assert_ptr_nonnull(ring[i]);
	memcpy(ring[i], all, n);
	return SPAN(ring[i], n);
}

#endif
