/* target.c: see target.h. */
#include "server/target.h"

#include "base/hex.h"

#include <strings.h>

static bool has_byte(struct span s, uint8_t byte)
{
	return s.n && memchr(s.p, byte, s.n);
}

static int check_bytes(struct span raw, struct err *e)
{
	for (size_t i = 0; i < raw.n; i++)
		if (raw.p[i] <= ' ' || raw.p[i] > '~')
			return err_set(e, ERR_FORMAT, "target: a control byte, a space or a byte over 0x7e");
	return ERR_OK;
}

/* "http://authority" off the front of *raw. */
static int take_absolute(struct span *raw, struct span *authority, struct err *e)
{
	static const char scheme[] = "http://";
	const size_t n = sizeof scheme - 1;
	struct span rest = span_cut(*raw, n, raw->n);
	const uint8_t *slash;

	if (raw->n < n || strncasecmp((const char *)raw->p, scheme, n) != 0)
		return err_set(e, ERR_FORMAT, "target: neither a path nor an http:// URL");
	slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
	if (!slash || slash == rest.p)
		return err_set(e, ERR_FORMAT, "target: a URL without host or path");
	*authority = SPAN(rest.p, (size_t)(slash - rest.p));
	*raw = span_cut(rest, authority->n, rest.n);
	return ERR_OK;
}

static bool is_dots(struct span segment)
{
	return span_is(segment, ".") || span_is(segment, "..");
}

static int check_path(struct span path, struct err *e)
{
	size_t start = 1;

	if (path.n == 0 || path.p[0] != '/')
		return err_set(e, ERR_FORMAT, "path: does not begin with a slash");
	if (has_byte(path, '%') || has_byte(path, '\\'))
		return err_set(e, ERR_FORMAT, "path: nothing is escaped here");
	for (size_t i = 1; i <= path.n; i++) {
		if (i < path.n && path.p[i] != '/')
			continue;
		if (is_dots(span_cut(path, start, i - start)))
			return err_set(e, ERR_FORMAT, "path: a dot segment");
		if (i < path.n && i == start)
			return err_set(e, ERR_FORMAT, "path: two slashes");
		start = i + 1;
	}
	return ERR_OK;
}

int target_read(struct span raw, struct target *out, struct err *e)
{
	struct target t = { .authority = { NULL, 0 } };
	const uint8_t *mark;
	int rc;

	if (raw.n > HTTP_TARGET_MAX)
		return err_set(e, ERR_LIMIT, "target: over %d bytes", HTTP_TARGET_MAX);
	rc = check_bytes(raw, e);
	if (!rc && (raw.n == 0 || raw.p[0] != '/'))
		rc = take_absolute(&raw, &t.authority, e);
	if (rc)
		return rc;
	mark = memchr(raw.p, '?', raw.n);
	t.path = span_cut(raw, 0, mark ? (size_t)(mark - raw.p) : raw.n);
	t.query = mark ? span_cut(raw, t.path.n + 1, raw.n) : SPAN("", 0);
	rc = check_path(t.path, e);
	if (!rc)
		*out = t;
	return rc;
}

/* One byte of an escaped pair off the front of *s. */
static bool unescape(struct span *s, char *out)
{
	uint8_t byte = s->p[0];
	size_t n = 1;

	if (byte == '+')
		byte = ' ';
	if (byte == '%') {
		if (hex_read(span_cut(*s, 1, 2), &byte, 1, NULL) != 0)
			return false;
		n = 3;
	}
	*s = span_cut(*s, n, s->n);
	*out = (char)byte;
	return byte >= ' ' && byte != 0x7f;
}

bool query_next(struct span *query, char *room, struct span *pair, bool *ok)
{
	const uint8_t *end;
	struct span raw;
	size_t n = 0;

	if (query->n == 0)
		return false;
	end = memchr(query->p, '&', query->n);
	raw = span_cut(*query, 0, end ? (size_t)(end - query->p) : query->n);
	*query = span_cut(*query, raw.n + (end ? 1 : 0), query->n);
	while (raw.n) {
		if (!unescape(&raw, &room[n])) {
			*ok = false;
			return false;
		}
		n++;
	}
	*pair = SPAN(room, n);
	return true;
}
