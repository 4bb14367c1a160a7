/* gpd_walk.c: see gpd_walk.h. */
#include "gpd_walk.h"

struct gpd_walk gpd_walk_of(struct gpd_bytes b)
{
	return (struct gpd_walk){ b.p, b.p + b.n, false };
}

static size_t left(const struct gpd_walk *w)
{
	return (size_t)(w->end - w->p);
}

static uint64_t fail(struct gpd_walk *w)
{
	w->bad = true;
	w->p = w->end;
	return 0;
}

unsigned gpd_next_major(const struct gpd_walk *w)
{
	return left(w) ? w->p[0] >> 5 : GPD_SIMPLE;
}

uint64_t gpd_head(struct gpd_walk *w, unsigned major)
{
	uint64_t arg = 0;
	unsigned info, n;

	if (!left(w) || w->p[0] >> 5 != major)
		return fail(w);
	info = *w->p++ & 31;
	if (info < 24)
		return info;
	n = 1u << (info - 24);
	if (info > 27 || left(w) < n)	/* 28 to 30 are reserved, 31 is indefinite */
		return fail(w);
	for (unsigned i = 0; i < n; i++)
		arg = arg << 8 | *w->p++;
	/* The shortest form only. A simple value's argument may be a float's bits. */
	if (major != GPD_SIMPLE && arg < (n == 1 ? 24 : UINT64_C(1) << (4 * n)))
		return fail(w);
	return arg;
}

void gpd_expect(struct gpd_walk *w, unsigned major, uint64_t arg)
{
	if (gpd_head(w, major) != arg)
		fail(w);
}

struct gpd_bytes gpd_string(struct gpd_walk *w, unsigned major)
{
	uint64_t n = gpd_head(w, major);
	struct gpd_bytes b = { w->p, (size_t)n };

	if (n > left(w)) {
		fail(w);
		b.n = 0;
	} else {
		w->p += b.n;
	}
	return b;
}

const uint8_t *gpd_fixed(struct gpd_walk *w, size_t n)
{
	struct gpd_bytes b = gpd_string(w, GPD_BYTES);

	if (!w->bad && b.n == n)
		return b.p;
	fail(w);
	return NULL;
}

int32_t gpd_int(struct gpd_walk *w)
{
	bool is_negative = gpd_next_major(w) == GPD_NEGINT;
	uint64_t v = gpd_head(w, is_negative ? GPD_NEGINT : GPD_UINT);

	if (v >= INT32_MAX)
		return INT32_MIN;
	return is_negative ? -1 - (int32_t)v : (int32_t)v;
}

void gpd_byte(struct gpd_walk *w, uint8_t byte)
{
	if (!left(w) || *w->p != byte)
		fail(w);
	else
		w->p++;
}

/* Counts the items that are still to come instead of recursing. Each takes a byte at least, so the count stays
 * below the number of bytes. */
void gpd_skip(struct gpd_walk *w)
{
	uint64_t items = 1;

	while (items > 0 && !w->bad) {
		unsigned major = gpd_next_major(w);
		uint64_t arg;

		items--;
		if (major == GPD_BYTES || major == GPD_TEXT) {
			gpd_string(w, major);
			continue;
		}
		arg = gpd_head(w, major);
		if ((major == GPD_ARRAY || major == GPD_MAP) && arg > left(w))
			fail(w);
		else if (major == GPD_ARRAY)
			items += arg;
		else if (major == GPD_MAP)
			items += 2 * arg;
		else if (major == GPD_TAG)
			items++;
	}
}

bool gpd_is_end(const struct gpd_walk *w)
{
	return !w->bad && w->p == w->end;
}

bool gpd_same(struct gpd_bytes a, const char *text)
{
	return a.n == strlen(text) && memcmp(a.p, text, a.n) == 0;
}
