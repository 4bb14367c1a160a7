/* reply.c: reading what a server said in its header lines, and URLs for the log. Pure. */
#include "net/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static struct span trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_cut(s, 1, s.n);
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct span take_line(struct span *s)
{
	const uint8_t *end = memchr(s->p, '\n', s->n);
	size_t n = end ? (size_t)(end - s->p) + 1 : s->n;
	struct span line = span_cut(*s, 0, n);

	*s = span_cut(*s, n, s->n);
	return line;
}

struct span http_field(const struct http_reply *r, const char *name)
{
	struct span left = r->lines, found = SPAN(NULL, 0);
	size_t n = strlen(name);

	while (left.n > 0) {
		struct span line = take_line(&left);

		if (line.n > n && line.p[n] == ':' && strncasecmp((const char *)line.p, name, n) == 0)
			found = trim(span_cut(line, n + 1, line.n));
	}
	return found;
}

static bool is_number(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && s[n] == '\0';
}

int64_t http_retry_after_ms(const struct http_reply *r, int64_t wall_ms)
{
	struct span field = http_field(r, "retry-after");
	char text[64];
	int64_t ms = 0;

	if (field.n == 0 || field.n >= sizeof text)
		return 0;
	memcpy(text, field.p, field.n);
	text[field.n] = '\0';
	if (is_number(text)) {
		if (strlen(text) > 9)
			return RETRY_AFTER_MAX_MS;
		ms = strtoll(text, NULL, 10) * 1000;
	} else if (wall_ms != 0 && isalpha((unsigned char)text[0])) {
		time_t at = curl_getdate(text, NULL);

		ms = at == (time_t)-1 ? 0 : (int64_t)at * 1000 - wall_ms;
	}
	if (ms < 0)
		return 0;
	return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

static void redact(CURLU *u, const char *url, char out[HTTP_REDACTED_MAX])
{
	char *scheme = NULL, *host = NULL, *port = NULL;

	if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		curl_url_get(u, CURLUPART_PORT, &port, 0);
		snprintf(out, HTTP_REDACTED_MAX, "%s://%.250s%s%s", scheme, host, port ? ":" : "", port ? port : "");
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
}

char *http_redact(const char *url, char out[HTTP_REDACTED_MAX])
{
	CURLU *u = curl_url();

	snprintf(out, HTTP_REDACTED_MAX, "(not a URL)");
	if (u)
		redact(u, url, out);
	curl_url_cleanup(u);
	return out;
}
