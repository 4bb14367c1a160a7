/* secrets.c: see secrets.h. */
#include "net/secrets.h"
#include "base/err.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/span.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *got(void *p)
{
	if (!p)
		err_no_memory();
	return p;
}

static void add(struct secrets *s, struct span word, size_t min)
{
	char *text;

	if (word.n < min)
		return;
	s->word = got(realloc(s->word, (s->n + 1) * sizeof *s->word));
	text = got(malloc(word.n));
	memcpy(text, word.p, word.n);
	s->word[s->n++] = (struct secret){ text, word.n };
}

void secrets_add(struct secrets *s, const char *word)
{
	add(s, span_str(word), SECRET_SURE_MIN);
}

/* Decoded: length_at() knows how it is written otherwise. */
static void add_part(struct secrets *s, struct span part, size_t min)
{
	int n = 0;
	char *decoded;

	if (part.n == 0)
		return;		/* to curl, a length of 0 means strlen */
	decoded = got(curl_easy_unescape(NULL, (const char *)part.p, (int)part.n, &n));
	add(s, SPAN(decoded, (size_t)n), min);
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
		err_no_memory();
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

static void add_path(struct secrets *s, CURLU *u)
{
	autofree char *text = part_of(u, CURLUPART_PATH, 0);

	for (char *p = text; *p; p += *p == '/') {
		size_t n = strcspn(p, "/"), name = strcspn(p, "/=");

		add_part(s, SPAN(p, n), SECRET_MIN);
		if (name < n)
			add_part(s, SPAN(p + name + 1, n - name - 1), SECRET_MIN);
		p += n;
	}
}

/* Values; what has no name, or nothing but a name, is one. */
static void add_query(struct secrets *s, CURLU *u)
{
	autofree char *text = part_of(u, CURLUPART_QUERY, 0);

	for (char *p = text; *p; p += *p != '\0') {
		size_t n = strcspn(p, "&;"), name = strcspn(p, "&;="), value = name + strspn(p + name, "=");

		add_part(s, value < n ? SPAN(p + name + 1, n - name - 1) : SPAN(p, n), SECRET_MIN);
		p += n;
	}
}

static void add_user(struct secrets *s, CURLU *u)
{
	autofree char *user = part_of(u, CURLUPART_USER, 0);
	autofree char *password = part_of(u, CURLUPART_PASSWORD, 0);

	add_part(s, span_str(user), SECRET_MIN);
	add_part(s, span_str(password), SECRET_SURE_MIN);
}

void secrets_add_url(struct secrets *s, const char *url)
{
	CURLU *u = got(curl_url());
	CURLUcode rc = curl_url_set(u, CURLUPART_URL, url, 0);

	if (rc == CURLUE_OUT_OF_MEMORY)
		err_no_memory();
	if (rc == CURLUE_OK) {
		add_basic(s, u);
		add_user(s, u);
		add_path(s, u);
		add_query(s, u);
	}
	curl_url_cleanup(u);
}

void secrets_fini(struct secrets *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->word[i].text);
	free(s->word);
	*s = (struct secrets){ .n = 0 };
}

/* Forms write a blank as a plus. */
static int folded(int c)
{
	return c == '+' ? ' ' : tolower(c);
}

static bool is_escape(const char *t, int *out)
{
	uint8_t byte;

	if (t[0] != '%' || !t[1] || !t[2] || hex_read(SPAN(t + 1, 2), &byte, 1, NULL))
		return false;
	*out = byte;
	return true;
}

/* Takes c off the front of *text, be it written as itself or as "%XX". */
static bool take(const char **text, char c)
{
	int want = folded((unsigned char)c), escaped;

	if (is_escape(*text, &escaped) && folded(escaped) == want) {
		*text += 3;
		return true;
	}
	if (!**text || folded((unsigned char)**text) != want)
		return false;
	*text += 1;
	return true;
}

/* Also in the middle of a "%XX". */
static bool is_end(const char *text)
{
	return !text[0] || (text[0] == '%' && (!text[1] || !text[2]));
}

/* How many bytes at text are it, or enough of its beginning. 0: none. */
static size_t length_at(const struct secret *word, const char *text)
{
	const char *t = text;
	size_t n = 0;

	while (n < word->n && take(&t, word->text[n]))
		n++;
	return n == word->n || n >= SECRET_PART || (n >= SECRET_MIN && is_end(t)) ? (size_t)(t - text) : 0;
}

static size_t longest_at(const struct secrets *s, const char *text)
{
	size_t best = 0;

	for (size_t i = 0; i < s->n; i++) {
		size_t n = length_at(&s->word[i], text);

		best = n > best ? n : best;
	}
	return best;
}

void secrets_hide(const struct secrets *s, char *text)
{
	char *to = text;

	if (!s)
		return;
	while (*text) {
		size_t n = longest_at(s, text);

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
