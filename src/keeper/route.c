/* route.c: see route.h. */
#include "keeper/route.h"
#include "base/hex.h"

/* Takes the next segment off *s, which begins with a slash. */
static struct span segment(struct span *s)
{
	struct span rest = span_cut(*s, 1, s->n), seg = rest;
	const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;

	if (slash)
		seg = SPAN(rest.p, (size_t)(slash - rest.p));
	*s = span_cut(rest, seg.n, rest.n);
	return seg;
}

bool route_fits(const char *pattern, struct span path, struct route_match *m)
{
	struct span want = span_str(pattern);
	struct route_match got = { .parts = 0 };

	while (want.n > 0 && path.n > 0) {
		struct span w = segment(&want), have = segment(&path);

		if (w.n > 0 && w.p[0] == '{') {
			if (have.n == 0 || got.parts == ROUTE_PARTS_MAX)
				return false;
			got.part[got.parts++] = have;
		} else if (!span_eq(w, have)) {
			return false;
		}
	}
	if (want.n > 0 || path.n > 0)
		return false;
	*m = got;
	return true;
}

/* Appends the value, decoded (RFC 3986 2.1), to the room of q. */
static int decode(struct route_query *q, size_t *used, struct span text, struct span *out, struct err *e)
{
	uint8_t *at = q->room + *used;
	size_t n = 0;

	if (text.n > sizeof q->room - *used)
		return err_set(e, ERR_LIMIT, "query: longer than %zu bytes", sizeof q->room);
	while (text.n > 0) {
		size_t took = text.p[0] == '%' ? 3 : 1;

		if (took == 1)
			at[n++] = text.p[0];
		else if (hex_read(span_cut(text, 1, 2), &at[n++], 1, NULL))
			return err_set(e, ERR_FORMAT, "query: a percent sign needs two hex digits");
		text = span_cut(text, took, text.n);
	}
	*out = SPAN(at, n);
	*used += n;
	return ERR_OK;
}

static int add_pair(struct route_query *q, size_t *used, struct span pair, struct err *e)
{
	const uint8_t *eq = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
	struct span key;

	if (!eq)
		return err_set(e, ERR_FORMAT, "query: every part must be key=value");
	key = SPAN(pair.p, (size_t)(eq - pair.p));
	for (size_t i = 0; i < q->n; i++)
		if (span_eq(q->at[i].key, key))
			return err_set(e, ERR_FORMAT, "query: a key stands twice");
	if (q->n == ROUTE_QUERY_MAX)
		return err_set(e, ERR_FORMAT, "query: more than %d keys", ROUTE_QUERY_MAX);
	q->at[q->n].key = key;
	return decode(q, used, span_cut(pair, key.n + 1, pair.n), &q->at[q->n++].value, e);
}

int route_split(struct span target, struct span *path, struct route_query *q, struct err *e)
{
	const uint8_t *mark = target.n ? memchr(target.p, '?', target.n) : NULL;
	struct span left = mark ? span_cut(target, (size_t)(mark - target.p) + 1, target.n) : SPAN(NULL, 0);
	size_t used = 0;

	q->n = 0;
	while (left.n > 0) {
		const uint8_t *amp = memchr(left.p, '&', left.n);
		struct span pair = amp ? SPAN(left.p, (size_t)(amp - left.p)) : left;
		int rc = add_pair(q, &used, pair, e);

		if (rc)
			return rc;
		left = amp ? span_cut(left, pair.n + 1, left.n) : SPAN(NULL, 0);
	}
	*path = mark ? SPAN(target.p, (size_t)(mark - target.p)) : target;
	return ERR_OK;
}

struct span route_value(const struct route_query *q, const char *key)
{
	for (size_t i = 0; i < q->n; i++)
		if (span_is(q->at[i].key, key))
			return q->at[i].value;
	return SPAN(NULL, 0);
}

int route_u64(struct span text, uint64_t *out, struct err *e)
{
	uint64_t v = 0;

	if (text.n == 0 || text.n > 19 || (text.p[0] == '0' && text.n > 1))
		return err_set(e, ERR_FORMAT, "must be a decimal number");
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return err_set(e, ERR_FORMAT, "must be a decimal number");
		v = v * 10 + (uint64_t)(text.p[i] - '0');
	}
	if (v > INT64_MAX)
		return err_set(e, ERR_FORMAT, "must be below 2^63");
	*out = v;
	return ERR_OK;
}
