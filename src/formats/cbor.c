/* cbor.c: reading. Every item starts with a head: a major type and an argument (RFC 8949 section 3). */
#include "formats/cbor.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct head {
	enum cbor_kind kind;
	uint8_t info;	/* low five bits of the first byte */
	uint64_t arg;
};

struct cbor cbor_of(struct span bytes)
{
	return (struct cbor){ .at = cur_of(bytes) };
}

struct cbor cbor_lenient(struct span bytes)
{
	return (struct cbor){ .at = cur_of(bytes), .lenient = true };
}

void cbor_refuse(struct cbor *c, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (c->code != ERR_OK)
		return;
	c->code = code;
	va_start(ap, fmt);
	vsnprintf(c->rule, sizeof c->rule, fmt, ap);
	va_end(ap);
	cur_fail(&c->at);
}

int cbor_ok(const struct cbor *c, struct err *e)
{
	return c->code == ERR_OK ? ERR_OK : err_set(e, c->code, "%s", c->rule);
}

int cbor_done(struct cbor *c, struct err *e)
{
	if (c->code == ERR_OK && cur_left(&c->at) != 0)
		cbor_refuse(c, ERR_FORMAT, "%zu bytes are left over after the CBOR item", cur_left(&c->at));
	return cbor_ok(c, e);
}

static const char *kind_name(enum cbor_kind kind)
{
	static const char *const names[] = {
		[CBOR_UINT] = "an unsigned integer", [CBOR_NEGINT] = "a negative integer",
		[CBOR_BYTES] = "a byte string", [CBOR_TEXT] = "a text", [CBOR_ARRAY] = "an array",
		[CBOR_MAP] = "a map", [CBOR_TAG] = "a tag", [CBOR_SIMPLE] = "a simple value",
		[CBOR_END] = "nothing",
	};

	return names[kind];
}

enum cbor_kind cbor_peek(const struct cbor *c)
{
	return c->code != ERR_OK || cur_left(&c->at) == 0 ? CBOR_END : (enum cbor_kind)(c->at.p[0] >> 5);
}

bool cbor_is_null(const struct cbor *c)
{
	return cbor_peek(c) == CBOR_SIMPLE && c->at.p[0] == 0xf6;
}

static struct span take(struct cbor *c, size_t n)
{
	struct span s = cur_take(&c->at, n);

	if (!cur_ok(&c->at))
		cbor_refuse(c, ERR_FORMAT, "bytes end within a CBOR item");
	return s;
}

/* "Preferred serialization": the shortest form that holds the argument (section 4.2.1). */
static void check_shortest(struct cbor *c, const struct head *h)
{
	static const uint64_t least[] = { 24, UINT64_C(1) << 8, UINT64_C(1) << 16, UINT64_C(1) << 32 };

	if (h->kind == CBOR_SIMPLE) {
		/* Here the argument is a float's bits, or a simple value that has one form only: section 3.3. */
		if (h->info == 24 && h->arg < 32)
			cbor_refuse(c, ERR_FORMAT, "a simple value below 32 in two bytes");
	} else if (!c->lenient && h->arg < least[h->info - 24]) {
		cbor_refuse(c, ERR_FORMAT, "%s is not in its shortest form", kind_name(h->kind));
	}
}

static struct head take_head(struct cbor *c)
{
	struct span first = take(c, 1);
	struct head h = { CBOR_END, 0, 0 };

	if (first.n == 0)
		return h;
	h.kind = (enum cbor_kind)(first.p[0] >> 5);
	h.info = first.p[0] & 31;
	if (h.info < 24) {
		h.arg = h.info;
	} else if (h.info < 28) {
		h.arg = cur_be(&c->at, 1u << (h.info - 24));
		if (!cur_ok(&c->at))
			cbor_refuse(c, ERR_FORMAT, "bytes end within a CBOR item");
		check_shortest(c, &h);
	} else {
		cbor_refuse(c, ERR_FORMAT, h.info == 31 ? "indefinite length" : "reserved additional information");
	}
	/* Content that cannot be there must not become a loop's bound. Each item takes a byte at least. */
	if ((h.kind == CBOR_ARRAY && h.arg > cur_left(&c->at)) ||
	    (h.kind == CBOR_MAP && h.arg > cur_left(&c->at) / 2))
		cbor_refuse(c, ERR_FORMAT, "bytes end within a CBOR item");
	return h;
}

/* The head of an item that must be of this kind; the argument is 0 when it is not. */
static uint64_t expect(struct cbor *c, enum cbor_kind kind)
{
	enum cbor_kind is = cbor_peek(c);
	struct head h;

	if (c->code != ERR_OK)
		return 0;
	if (is != kind) {
		cbor_refuse(c, ERR_FORMAT, "%s where %s belongs", kind_name(is), kind_name(kind));
		return 0;
	}
	h = take_head(c);
	return c->code == ERR_OK ? h.arg : 0;
}

uint64_t cbor_uint(struct cbor *c)
{
	return expect(c, CBOR_UINT);
}

int64_t cbor_int(struct cbor *c)
{
	bool is_negative = cbor_peek(c) == CBOR_NEGINT;
	uint64_t v = expect(c, is_negative ? CBOR_NEGINT : CBOR_UINT);

	if (v > INT64_MAX) {
		cbor_refuse(c, ERR_FORMAT, "an integer over 63 bits");
		return 0;
	}
	return is_negative && c->code == ERR_OK ? -1 - (int64_t)v : (int64_t)v;
}

bool cbor_bool(struct cbor *c)
{
	enum cbor_kind is = cbor_peek(c);
	uint8_t first = is == CBOR_END ? 0 : c->at.p[0];

	if (c->code == ERR_OK && first != 0xf4 && first != 0xf5)
		cbor_refuse(c, ERR_FORMAT, "%s where false or true belongs", kind_name(is));
	take(c, 1);
	return c->code == ERR_OK && first == 0xf5;
}

void cbor_null(struct cbor *c)
{
	if (c->code == ERR_OK && !cbor_is_null(c))
		cbor_refuse(c, ERR_FORMAT, "%s where null belongs", kind_name(cbor_peek(c)));
	take(c, 1);
}

uint64_t cbor_tag(struct cbor *c)
{
	return expect(c, CBOR_TAG);
}

static struct span string(struct cbor *c, uint64_t n)
{
	return take(c, n > SIZE_MAX ? SIZE_MAX : (size_t)n);
}

struct span cbor_bytes(struct cbor *c)
{
	return string(c, expect(c, CBOR_BYTES));
}

static struct span text(struct cbor *c, uint64_t n)
{
	struct span s = string(c, n);

	if (!utf8_is_valid(s)) {
		cbor_refuse(c, ERR_FORMAT, "a text is not UTF-8");
		return SPAN(NULL, 0);
	}
	return s;
}

struct span cbor_text(struct cbor *c)
{
	return text(c, expect(c, CBOR_TEXT));
}

struct cbor_array cbor_array(struct cbor *c)
{
	return (struct cbor_array){ expect(c, CBOR_ARRAY) };
}

bool cbor_array_next(struct cbor *c, struct cbor_array *a)
{
	if (c->code != ERR_OK || a->left == 0)
		return false;
	a->left--;
	return true;
}

void cbor_array_of(struct cbor *c, size_t n, const char *what)
{
	if (expect(c, CBOR_ARRAY) != n && c->code == ERR_OK)
		cbor_refuse(c, ERR_FORMAT, "%s is not an array of %zu", what, n);
}

struct cbor_map cbor_map(struct cbor *c)
{
	return (struct cbor_map){ expect(c, CBOR_MAP), SPAN(NULL, 0) };
}

/* "Keys sorted in the bytewise lexicographic order of their deterministic encodings" (section 4.2.1). */
static void check_order(struct cbor *c, struct span before, struct span key)
{
	size_t n = before.n < key.n ? before.n : key.n;
	int cmp = before.n ? memcmp(before.p, key.p, n) : -1;

	/* No encoding is the beginning of another one, so equal beginnings are equal keys. */
	if (cmp == 0)
		cbor_refuse(c, ERR_FORMAT, "a map has a key twice");
	else if (cmp > 0 && !c->lenient)
		cbor_refuse(c, ERR_FORMAT, "a map's keys are not in order");
}

bool cbor_map_next(struct cbor *c, struct cbor_map *m)
{
	struct cursor at_key = c->at;
	struct span key;

	if (c->code != ERR_OK || m->left == 0)
		return false;
	key = cbor_skip(c);
	if (c->code == ERR_OK)
		check_order(c, m->key, key);
	if (c->code != ERR_OK)
		return false;
	m->left--;
	m->key = key;
	c->at = at_key;
	return true;
}

bool cbor_map_int(struct cbor *c, struct cbor_map *m, int64_t *key)
{
	if (!cbor_map_next(c, m))
		return false;
	*key = cbor_int(c);
	return c->code == ERR_OK;
}

bool cbor_map_text(struct cbor *c, struct cbor_map *m, struct span *key)
{
	if (!cbor_map_next(c, m))
		return false;
	*key = cbor_text(c);
	return c->code == ERR_OK;
}

/* One level of nesting while passing over an item. */
struct level {
	uint64_t left;		/* items to come; a map has two for each pair */
	bool is_map;
	const uint8_t *item;	/* where the present item starts */
	struct span key;	/* the last key */
};

static uint64_t low_bits(unsigned n)
{
	return (UINT64_C(1) << n) - 1;
}

/* Would a float of e exponent and m mantissa bits keep its value with ne and nm of them? */
static bool narrows(uint64_t bits, unsigned e, unsigned m, unsigned ne, unsigned nm)
{
	int bias = (int)low_bits(e - 1), narrow_bias = (int)low_bits(ne - 1);
	uint64_t mantissa = bits & low_bits(m);
	int exponent = (int)(bits >> m & low_bits(e));
	unsigned lost = m - nm;

	if (exponent == (int)low_bits(e))		/* infinity, not a number */
		return (mantissa & low_bits(lost)) == 0;
	if (exponent == 0)				/* zero; subnormals are too small */
		return mantissa == 0;
	exponent -= bias;
	if (exponent > narrow_bias)
		return false;
	if (exponent < 1 - narrow_bias) {		/* subnormal there: leading zeros take bits */
		unsigned shift = (unsigned)(1 - narrow_bias - exponent);

		if (shift > nm)
			return false;
		lost += shift;
	}
	return (mantissa & low_bits(lost)) == 0;
}

static void check_float(struct cbor *c, const struct head *h)
{
	if (c->lenient)
		return;
	if ((h->info == 26 && narrows(h->arg, 8, 23, 5, 10)) || (h->info == 27 && narrows(h->arg, 11, 52, 8, 23)))
		cbor_refuse(c, ERR_FORMAT, "a float is not in its shortest form");
}

/* The rest of an item after its head, if it has no items of its own; else how many. */
static uint64_t skip_content(struct cbor *c, const struct head *h)
{
	switch (h->kind) {
	case CBOR_BYTES:
		string(c, h->arg);
		return 0;
	case CBOR_TEXT:
		text(c, h->arg);
		return 0;
	case CBOR_ARRAY:
		return h->arg;
	case CBOR_MAP:
		return 2 * h->arg;
	case CBOR_TAG:
		return 1;
	case CBOR_SIMPLE:
		check_float(c, h);
		return 0;
	default:
		return 0;
	}
}

/* The level's present item is complete. */
static void item_done(struct cbor *c, struct level *l)
{
	if (l->is_map && l->left % 2 == 0) {
		struct span key = SPAN(l->item, (size_t)(c->at.p - l->item));

		check_order(c, l->key, key);
		l->key = key;
	}
	l->left--;
	l->item = c->at.p;
}

struct span cbor_skip(struct cbor *c)
{
	struct level levels[CBOR_DEPTH_MAX];
	const uint8_t *start = c->at.p;
	size_t depth = 0;

	do {
		struct head h = take_head(c);
		uint64_t inner = c->code == ERR_OK ? skip_content(c, &h) : 0;

		if (inner > 0 && depth == CBOR_DEPTH_MAX) {
			cbor_refuse(c, ERR_LIMIT, "nested deeper than %d levels", CBOR_DEPTH_MAX);
		} else if (inner > 0) {
			levels[depth++] = (struct level){ inner, h.kind == CBOR_MAP, c->at.p, SPAN(NULL, 0) };
			continue;
		}
		while (c->code == ERR_OK && depth > 0) {
			item_done(c, &levels[depth - 1]);
			if (levels[depth - 1].left > 0)
				break;
			depth--;
		}
	} while (c->code == ERR_OK && depth > 0);

	return c->code == ERR_OK ? SPAN(start, (size_t)(c->at.p - start)) : SPAN(NULL, 0);
}
