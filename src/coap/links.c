/* links.c: see links.h. */
#include "coap/links.h"

#include <inttypes.h>
#include <stdio.h>

int links_filter_read(const struct span *queries, size_t n, struct links_filter *out, struct err *e)
{
	const uint8_t *equals;
	struct links_filter f = { .is_prefix = false };

	if (n == 0) {
		*out = f;
		return ERR_OK;
	}
	if (n > 1)
		return err_set(e, ERR_FORMAT, "one filter only");
	equals = queries[0].n ? memchr(queries[0].p, '=', queries[0].n) : NULL;
	if (!equals || equals == queries[0].p)
		return err_set(e, ERR_FORMAT, "a filter is name=value");
	f.name = SPAN(queries[0].p, (size_t)(equals - queries[0].p));
	f.value = span_cut(queries[0], f.name.n + 1, queries[0].n);
	if (f.value.n && f.value.p[f.value.n - 1] == '*') {
		f.is_prefix = true;
		f.value.n--;
	}
	*out = f;
	return ERR_OK;
}

void links_begin(struct links *l, struct buf *out, const struct links_filter *filter)
{
	*l = (struct links){ .out = out, .filter = *filter };
}

static bool matches_value(const struct links_filter *f, struct span value)
{
	if (f->is_prefix)
		value = span_cut(value, 0, f->value.n);
	return span_eq(value, f->value);
}

/* Any of the values that spaces separate; a value that is there but empty counts as one. */
static bool matches_list(const struct links_filter *f, struct span list)
{
	while (list.n) {
		const uint8_t *space = memchr(list.p, ' ', list.n);
		size_t n = space ? (size_t)(space - list.p) : list.n;

		if (matches_value(f, span_cut(list, 0, n)))
			return true;
		list = span_cut(list, n + 1, list.n);
	}
	return false;
}

static bool matches_number(const struct links_filter *f, int64_t number)
{
	char text[24];

	if (number < 0)
		return false;
	snprintf(text, sizeof text, "%" PRId64, number);
	return matches_value(f, span_str(text));
}

static bool matches(const struct links_filter *f, const struct link *k)
{
	if (f->name.n == 0)
		return true;
	if (span_is(f->name, "href"))
		return matches_value(f, k->href);
	if (span_is(f->name, "rt"))
		return matches_list(f, k->rt);
	if (span_is(f->name, "if"))
		return matches_list(f, k->interface);
	if (span_is(f->name, "title"))
		return k->title.n && matches_value(f, k->title);
	if (span_is(f->name, "ct"))
		return matches_number(f, k->format);
	if (span_is(f->name, "sz"))
		return matches_number(f, k->size);
	return span_is(f->name, "obs") && k->is_observable && f->value.n == 0;
}

/* ;name="value", where a quote or backslash is escaped (RFC 2616's quoted-string, which RFC 6690 uses). */
static void add_quoted(struct buf *b, const char *name, struct span value)
{
	if (value.n == 0)
		return;
	buf_fmt(b, ";%s=\"", name);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			buf_byte(b, '\\');
		buf_byte(b, value.p[i]);
	}
	buf_byte(b, '"');
}

void links_add(struct links *l, const struct link *k)
{
	struct buf *b = l->out;

	size_t before = b->n;

	if (!matches(&l->filter, k))
		return;
	if (l->left_out) {	/* a shorter one might fit, but a listing with holes helps nobody */
		l->left_out++;
		return;
	}
	if (l->count)
		buf_byte(b, ',');
	buf_byte(b, '<');
	buf_add(b, k->href);
	buf_byte(b, '>');
	add_quoted(b, "rt", k->rt);
	add_quoted(b, "if", k->interface);
	add_quoted(b, "title", k->title);
	if (k->format >= 0)
		buf_fmt(b, ";ct=%" PRId32, k->format);
	if (k->size >= 0)
		buf_fmt(b, ";sz=%" PRId64, k->size);
	if (k->is_observable)
		buf_str(b, ";obs");
	if (b->failed) {
		b->n = before;
		b->failed = false;
		l->left_out++;
	} else {
		l->count++;
	}
}
