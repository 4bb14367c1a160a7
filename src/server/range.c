/* range.c: see range.h. */
#include "server/range.h"

#include "base/hex.h"

#include <stdio.h>
#include <strings.h>

static struct span trimmed(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_cut(s, 1, s.n);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* All of s as digits. Numbers that 64 bits do not hold become the largest: they are past every end. */
static bool digits(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t digit = (uint8_t)(s.p[i] - '0');

		if (digit > 9)
			return false;
		v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
	}
	*out = v;
	return true;
}

static struct range part(uint64_t first, uint64_t last, uint64_t size)
{
	if (first >= size)
		return (struct range){ .kind = RANGE_OUTSIDE };
	if (last >= size)
		last = size - 1;
	return (struct range){ RANGE_PART, first, last - first + 1 };
}

/* "-n": the last n bytes; of none the first is outside. */
static struct range suffix(uint64_t n, uint64_t size)
{
	return part(n < size ? size - n : 0, size - 1, size);
}

struct range range_read(struct span header, uint64_t size)
{
	static const char unit[] = "bytes=";
	const struct range whole = { .kind = RANGE_WHOLE };
	const size_t n = sizeof unit - 1;
	struct span spec, from, to;
	uint64_t first, last = UINT64_MAX;
	const uint8_t *dash;

	if (header.n <= n || strncasecmp((const char *)header.p, unit, n) != 0)
		return whole;
	spec = trimmed(span_cut(header, n, header.n));
	dash = memchr(spec.p, '-', spec.n);
	if (!dash)
		return whole;
	from = span_cut(spec, 0, (size_t)(dash - spec.p));
	to = span_cut(spec, from.n + 1, spec.n);
	/* Several are no digits either. */
	if (from.n == 0)
		return digits(to, &last) ? suffix(last, size) : whole;
	if (!digits(from, &first) || (to.n && !digits(to, &last)) || last < first)
		return whole;
	return part(first, last, size);
}

char *etag_text(const struct hash32 *sha256, char out[ETAG_TEXT_MAX])
{
	memcpy(out, "\"sha256-", 8);
	hex_digits(SPAN_OF(*sha256), out + 8);
	memcpy(out + 72, "\"", 2);
	return out;
}

/* The next member of a list, off the front of *rest. */
static struct span take_member(struct span *rest)
{
	const uint8_t *comma = memchr(rest->p, ',', rest->n);
	size_t n = comma ? (size_t)(comma - rest->p) : rest->n;
	struct span one = trimmed(span_cut(*rest, 0, n));

	*rest = span_cut(*rest, n + 1, rest->n);
	return one;
}

static bool is_weak(struct span tag)
{
	return tag.n > 2 && tag.p[0] == 'W' && tag.p[1] == '/';
}

static struct span without_weakness(struct span tag)
{
	return is_weak(tag) ? span_cut(tag, 2, tag.n) : tag;
}

bool etag_is_in(struct span header, const char *etag)
{
	struct span rest = header, wanted = without_weakness(span_str(etag));

	if (span_is(trimmed(header), "*"))
		return true;
	while (rest.n)
		if (span_eq(without_weakness(take_member(&rest)), wanted))
			return true;
	return false;
}

bool etag_is_matched(struct span header, const char *etag)
{
	struct span rest = header;

	if (span_is(trimmed(header), "*"))
		return true;
	while (rest.n)
		if (span_is(take_member(&rest), etag) && !is_weak(span_str(etag)))
			return true;
	return false;
}

bool cache_control_has(struct span header, const char *directive)
{
	while (header.n) {
		struct span one = take_member(&header);

		if (one.n == strlen(directive) && strncasecmp((const char *)one.p, directive, one.n) == 0)
			return true;
	}
	return false;
}

bool etag_allows_range(struct span if_range, const char *etag)
{
	return !if_range.p || span_is(trimmed(if_range), etag);
}
