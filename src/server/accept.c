/* accept.c: see accept.h. */
#include "server/accept.h"

#include <strings.h>

static const struct {
	const char *type;
	enum answer_format format;
} types[] = {
	{ "*/*", FORMAT_ANY }, { "application/*", FORMAT_ANY }, { "application/octet-stream", FORMAT_ANY },
	{ "application/suit-envelope+cose", FORMAT_MANIFEST }, { "application/json", FORMAT_JSON },
	{ "application/cbor", FORMAT_CBOR }, { "application/x-ndjson", FORMAT_LINES },
};

static struct span trimmed(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_cut(s, 1, s.n);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

struct span accept_take(struct span *s, char stop)
{
	const uint8_t *at = s->n ? memchr(s->p, stop, s->n) : NULL;
	size_t n = at ? (size_t)(at - s->p) : s->n;
	struct span part = trimmed(span_cut(*s, 0, n));

	*s = span_cut(*s, n + 1, s->n);
	return part;
}

static enum answer_format format_of(struct span type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (type.n == strlen(types[i].type) && strncasecmp((const char *)type.p, types[i].type, type.n) == 0)
			return types[i].format;
	return FORMAT_OTHER;
}

unsigned accept_quality(struct span parameters)
{
	while (parameters.n) {
		struct span one = accept_take(&parameters, ';');
		unsigned q = 0;

		if (one.n < 3 || (one.p[0] | 0x20) != 'q' || one.p[1] != '=' || one.p[2] < '0' || one.p[2] > '1')
			continue;
		q = (unsigned)(one.p[2] - '0') * 1000;
		for (size_t i = 4, weight = 100; i < one.n && i < 7 && one.p[i] >= '0' && one.p[i] <= '9'; i++, weight /= 10)
			q += (unsigned)((size_t)(one.p[i] - '0') * weight);
		return q;
	}
	return 1000;
}

void accept_read(struct span header, struct ask *ask)
{
	enum answer_format best = FORMAT_OTHER;
	unsigned best_q = 0;
	bool is_any = !header.p;

	while (header.n) {
		struct span one = accept_take(&header, ','), type = accept_take(&one, ';');
		enum answer_format format = format_of(type);
		unsigned q = accept_quality(one);

		if (format == FORMAT_OTHER || q == 0)
			continue;
		is_any |= format == FORMAT_ANY;
		if (format != FORMAT_ANY && q > best_q) {
			best = format;
			best_q = q;
		}
	}
	ask->accept = is_any ? FORMAT_ANY : best;
	ask->prefers = best == FORMAT_CBOR ? FORMAT_CBOR : FORMAT_JSON;
}

enum answer_format accept_content_type(struct span header)
{
	struct span type = accept_take(&header, ';');
	enum answer_format format = format_of(type);

	if (type.n == 0 || (type.n == 33 && strncasecmp((const char *)type.p, "application/x-www-form-urlencoded", 33) == 0))
		return FORMAT_ANY;
	return format == FORMAT_MANIFEST || format == FORMAT_LINES ? FORMAT_OTHER : format;
}

const char *accept_type_of(enum answer_format format)
{
	switch (format) {
	case FORMAT_MANIFEST:
		return "application/suit-envelope+cose";
	case FORMAT_JSON:
		return "application/json";
	case FORMAT_CBOR:
		return "application/cbor";
	case FORMAT_LINES:
		return "application/x-ndjson";
	default:
		return "application/octet-stream";
	}
}
