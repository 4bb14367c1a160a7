/* secrets.c: see secrets.h. */
#include "net/secrets.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/span.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void *got(void *p)
{
	if (!p)
		abort();
	return p;
}

static void add(struct secrets *s, struct span word)
{
	if (word.n < SECRET_MIN)
		return;
	s->word = got(realloc(s->word, (s->n + 1) * sizeof *s->word));
	s->word[s->n++] = got(strndup((const char *)word.p, word.n));
}

void secrets_add(struct secrets *s, const char *word)
{
	add(s, span_str(word));
}

/* As it stands, and as the server may have decoded it. */
static void add_both(struct secrets *s, struct span part)
{
	int n = 0;
	char *decoded;

	add(s, part);
	if (part.n == 0 || !memchr(part.p, '%', part.n))
		return;
	decoded = got(curl_easy_unescape(NULL, (const char *)part.p, (int)part.n, &n));
	add(s, SPAN(decoded, (size_t)n));
	curl_free(decoded);
}

static void put_base64(char *out, struct span s)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	while (s.n > 0) {
		unsigned v = (unsigned)s.p[0] << 16 | (s.n > 1 ? (unsigned)s.p[1] << 8 : 0) | (s.n > 2 ? s.p[2] : 0u);

		*out++ = digit[v >> 18];
		*out++ = digit[v >> 12 & 63];
		*out++ = s.n > 1 ? digit[v >> 6 & 63] : '=';
		*out++ = s.n > 2 ? digit[v & 63] : '=';
		s = span_cut(s, 3, s.n);
	}
	*out = '\0';
}

/* One part of the URL, "" when it is not there. The caller frees. */
static char *part_of(CURLU *u, CURLUPart part, unsigned flags)
{
	char *text = NULL, *copy;
	CURLUcode rc = curl_url_get(u, part, &text, flags);

	if (rc == CURLUE_OUT_OF_MEMORY)
		abort();
	copy = got(strdup(rc ? "" : text));
	curl_free(text);
	return copy;
}

/* "Basic …", as curl sends it. */
static void add_basic(struct secrets *s, CURLU *u)
{
	autofree char *user = part_of(u, CURLUPART_USER, CURLU_URLDECODE);
	autofree char *password = part_of(u, CURLUPART_PASSWORD, CURLU_URLDECODE);
	size_t n = strlen(user) + 1 + strlen(password);
	autofree char *pair = got(malloc(n + 1)), *sent = got(malloc(4 * (n / 3 + 1) + 1));

	if (n == 1)
		return;
	snprintf(pair, n + 1, "%s:%s", user, password);
	put_base64(sent, span_str(pair));
	secrets_add(s, sent);
}

static void add_whole(struct secrets *s, CURLU *u, CURLUPart part)
{
	autofree char *text = part_of(u, part, 0);

	add_both(s, span_str(text));
}

static void add_path(struct secrets *s, CURLU *u)
{
	autofree char *text = part_of(u, CURLUPART_PATH, 0);

	for (char *p = text; *p; p += *p == '/') {
		size_t n = strcspn(p, "/");

		add_both(s, SPAN(p, n));
		p += n;
	}
}

/* Values; what has no name is one. */
static void add_query(struct secrets *s, CURLU *u)
{
	autofree char *text = part_of(u, CURLUPART_QUERY, 0);

	for (char *p = text; *p; p += *p == '&') {
		size_t n = strcspn(p, "&"), name = strcspn(p, "=&");

		add_both(s, name < n ? SPAN(p + name + 1, n - name - 1) : SPAN(p, n));
		p += n;
	}
}

void secrets_add_url(struct secrets *s, const char *url)
{
	CURLU *u = got(curl_url());
	CURLUcode rc = curl_url_set(u, CURLUPART_URL, url, 0);

	if (rc == CURLUE_OUT_OF_MEMORY)
		abort();
	if (rc == CURLUE_OK) {
		add_basic(s, u);
		add_whole(s, u, CURLUPART_USER);
		add_whole(s, u, CURLUPART_PASSWORD);
		add_path(s, u);
		add_query(s, u);
	}
	curl_url_cleanup(u);
}

void secrets_fini(struct secrets *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->word[i]);
	free(s->word);
	*s = (struct secrets){ .n = 0 };
}

/* How many bytes at text are one of them, or the beginning of one where text ends; the most. */
static size_t length_at(const struct secrets *s, const char *text)
{
	size_t left = strlen(text), best = 0;

	for (size_t i = 0; i < s->n; i++) {
		size_t n = strlen(s->word[i]), here = n < left ? n : left;

		if (here >= SECRET_MIN && here > best && strncasecmp(text, s->word[i], here) == 0)
			best = here;
	}
	return best;
}

void secrets_hide(const struct secrets *s, char *text)
{
	char *to = text;

	while (*text) {
		size_t n = length_at(s, text);

		if (n > 0) {
			memcpy(to, SECRET_SHOWN, sizeof SECRET_SHOWN - 1);
			to += sizeof SECRET_SHOWN - 1;
			text += n;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}
