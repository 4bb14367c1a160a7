/* http_head.c: see http_head.h. */
#include "device/http_head.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* Takes a line without its CR LF off the front. */
static bool next_line(struct span *in, struct span *line)
{
	const uint8_t *lf = in->n ? memchr(in->p, '\n', in->n) : NULL;
	size_t n;

	if (!lf)
		return false;
	n = (size_t)(lf - in->p);
	*line = SPAN(in->p, n > 0 && in->p[n - 1] == '\r' ? n - 1 : n);
	*in = span_cut(*in, n + 1, in->n);
	return true;
}

/* Takes a decimal number off the front. False: there is none, or it is over 63 bits. */
static bool number(struct span *s, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < s->n && isdigit(s->p[i]); i++) {
		if (v > (INT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(s->p[i] - '0');
	}
	*s = span_cut(*s, i, s->n);
	*out = v;
	return i > 0;
}

static bool takes(struct span *s, const char *text)
{
	size_t n = strlen(text);

	if (s->n < n || strncasecmp((const char *)s->p, text, n) != 0)
		return false;
	*s = span_cut(*s, n, s->n);
	return true;
}

static int read_status(struct span line, struct http_head *h, struct err *e)
{
	uint64_t status = 0;

	if (!(takes(&line, "HTTP/1.0 ") || takes(&line, "HTTP/1.1 ")) || !number(&line, &status) || status < 100 ||
	    status > 599)
		return err_set(e, ERR_FORMAT, "not an HTTP/1.x answer");
	h->status = (unsigned)status;
	return ERR_OK;
}

static int read_length(struct span value, struct http_head *h, struct err *e)
{
	uint64_t length;

	if (!number(&value, &length) || value.n || (h->has_length && h->length != length))
		return err_set(e, ERR_FORMAT, "Content-Length is not one number");
	h->has_length = true;
	h->length = length;
	return ERR_OK;
}

/* "bytes 512-999/1000" */
static int read_range(struct span value, struct http_head *h, bool *has_range, struct err *e)
{
	uint64_t last;

	if (!takes(&value, "bytes ") || !number(&value, &h->from) || !takes(&value, "-") || !number(&value, &last) ||
	    last < h->from)
		return err_set(e, ERR_FORMAT, "Content-Range is not a range of bytes");
	*has_range = true;
	return ERR_OK;
}

static struct span trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_cut(s, 1, s.n);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static int read_coding(struct span value, const char *what, struct err *e)
{
	return takes(&value, "identity") && value.n == 0 ? ERR_OK : err_set(e, ERR_RULE, "%s is not supported", what);
}

static int read_field(struct span line, struct http_head *h, bool *has_range, struct err *e)
{
	const uint8_t *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
	struct span name = line, value;
	uint64_t seconds;

	if (!colon || colon == line.p)
		return err_set(e, ERR_FORMAT, "a line of the head is no header field");
	value = trim(span_cut(line, (size_t)(colon - line.p) + 1, line.n));
	name.n = (size_t)(colon - line.p) + 1;
	if (takes(&name, "content-length:"))
		return read_length(value, h, e);
	if (takes(&name, "content-range:") && h->status == 206)
		return read_range(value, h, has_range, e);
	if (takes(&name, "transfer-encoding:"))
		return read_coding(value, "a transfer coding", e);
	if (takes(&name, "content-encoding:"))
		return read_coding(value, "a content coding", e);
	if (takes(&name, "retry-after:") && number(&value, &seconds) && value.n == 0)
		h->retry_s = seconds > 86400 ? 86400 : (unsigned)seconds;
	return ERR_OK;
}

int http_head_read(struct span bytes, struct http_head *out, struct err *e)
{
	struct http_head h = { 0 };
	struct span in = bytes, line;
	bool has_range = false;
	int rc;

	if (!next_line(&in, &line))
		return bytes.n >= HTTP_HEAD_MAX ? err_set(e, ERR_FORMAT, "the head is too long")
						: err_set(e, ERR_BUSY, "not all there");
	rc = read_status(line, &h, e);
	while (rc == ERR_OK) {
		if (!next_line(&in, &line))
			return bytes.n >= HTTP_HEAD_MAX ? err_set(e, ERR_FORMAT, "the head is too long")
							: err_set(e, ERR_BUSY, "not all there");
		if (line.n == 0)
			break;
		rc = read_field(line, &h, &has_range, e);
	}
	if (rc != ERR_OK)
		return rc;
	if (h.status == 206 && !has_range)
		return err_set(e, ERR_FORMAT, "a 206 without Content-Range");
	h.n = (size_t)(in.p - bytes.p);
	*out = h;
	return ERR_OK;
}
