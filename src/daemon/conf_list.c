/* conf_list.c: settings that are lists of words: addresses, names, thumbprints, prefixes. Messages complete "KEY: …". */
#include "base/hex.h"
#include "daemon/conf_table.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Splits text at blanks. Words are the pool's. */
static int split(struct pool *pool, const char *text, struct conf_words *out, struct err *e)
{
	char *at[CONF_WORDS_MAX];
	size_t n = 0;

	while (*(text += strspn(text, " \t"))) {
		size_t len = strcspn(text, " \t");

		if (n == CONF_WORDS_MAX)
			return err_set(e, ERR_FORMAT, "has more than %d words", CONF_WORDS_MAX);
		at[n++] = pool_text(pool, SPAN(text, len));
		text += len;
	}
	out->n = n;
	out->at = pool_get(pool, (n + 1) * sizeof *at);
	memcpy(out->at, at, n * sizeof *at);
	return ERR_OK;
}

static const char *repeated(const struct conf_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(w->at[i], w->at[j]) == 0)
				return w->at[i];
	return NULL;
}

/* Words made of the characters in `all`, each of at most max bytes, none twice. */
static int read_words(struct pool *pool, const char *text, const char *all, size_t max, const char *how,
		      struct conf_words *out, struct err *e)
{
	struct conf_words w;
	int rc = split(pool, text, &w, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < w.n; i++)
		if (strlen(w.at[i]) > max || strspn(w.at[i], all) != strlen(w.at[i]))
			return err_set(e, ERR_FORMAT, "\"%s\" is not %s", w.at[i], how);
	if (repeated(&w))
		return err_set(e, ERR_FORMAT, "has \"%s\" twice", repeated(&w));
	*out = w;
	return ERR_OK;
}

int conf_read_channels(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	(void)i;
	return read_words(pool, text, "abcdefghijklmnopqrstuvwxyz0123456789-", CHANNEL_MAX,
			  "a channel: 1 to 16 of a-z, 0-9 and -", to, e);
}

int conf_read_hosts(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	(void)i;
	return read_words(pool, text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", 253,
			  "a host name (names stand without port)", to, e);
}

int conf_read_events(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	static const char *const events[] = { "active", "alarm", "failed", "revoked", "rollout-halted" };
	struct conf_words w = { 0 };
	int rc = read_words(pool, text, "abcdefghijklmnopqrstuvwxyz-", 32, "an event", &w, e);

	(void)i;
	for (size_t j = 0; !rc && j < w.n; j++) {
		const char *nearest = conf_nearest(w.at[j], events, 5);

		if (strcmp(nearest, w.at[j]) != 0)
			rc = err_set(e, ERR_FORMAT, "does not know the event \"%s\"; nearest: \"%s\"", w.at[j], nearest);
	}
	if (!rc)
		*(struct conf_words *)to = w;
	return rc;
}

int conf_read_thumbprints(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	struct conf_thumbprints t;
	struct conf_words w;
	int rc = split(pool, text, &w, e);

	if (rc)
		return rc;
	if (w.n > i->max)
		return err_set(e, ERR_FORMAT, "has more than %" PRIu64 " thumbprints", i->max);
	t.n = w.n;
	t.at = pool_get(pool, (w.n + 1) * sizeof *t.at);
	for (size_t j = 0; j < w.n; j++) {
		if (hex_read(span_str(w.at[j]), t.at[j].b, 32, NULL))
			return err_set(e, ERR_FORMAT, "\"%s\" is not a thumbprint: 64 hexadecimal digits without 0x", w.at[j]);
		for (size_t k = 0; k < j; k++)
			if (hash32_eq(&t.at[j], &t.at[k]))
				return err_set(e, ERR_FORMAT, "has %s twice", w.at[j]);
	}
	*(struct conf_thumbprints *)to = t;
	return ERR_OK;
}

static bool is_port(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= 5 && strspn(s, "0123456789") == n && strtoul(s, NULL, 10) <= 65535;
}

/* "127.0.0.1:80" or "[::1]:80". */
static int read_address(const char *text, struct conf_address *out, struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	struct conf_address a = { 0 };
	struct in6_addr addr;

	if (!colon || !is_port(colon + 1))
		return err_set(e, ERR_FORMAT, "\"%s\" does not end with :PORT", text);
	a.is_ipv6 = n > 2 && text[0] == '[' && text[n - 1] == ']';
	if (a.is_ipv6) {
		text++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof a.host)
		return err_set(e, ERR_FORMAT, "\"%s\" has no numeric address before :PORT", text);
	memcpy(a.host, text, n);
	if (inet_pton(a.is_ipv6 ? AF_INET6 : AF_INET, a.host, &addr) != 1)
		return err_set(e, ERR_FORMAT, "\"%s\" is not a numeric address; IPv6 stands in brackets", a.host);
	a.port = (uint16_t)strtoul(colon + 1, NULL, 10);
	*out = a;
	return ERR_OK;
}

static bool is_same_address(const struct conf_address *a, const struct conf_address *b)
{
	return a->port == b->port && a->port != 0 && strcmp(a->host, b->host) == 0;
}

int conf_read_listen(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	struct conf_addresses a = { 0 };
	struct conf_words w;
	int rc = split(pool, strcmp(text, "none") ? text : "", &w, e);

	(void)i;
	if (rc)
		return rc;
	if (w.n > CONF_LISTENERS_MAX)
		return err_set(e, ERR_FORMAT, "has more than %d addresses", CONF_LISTENERS_MAX);
	a.at = pool_get(pool, (w.n + 1) * sizeof *a.at);
	for (; a.n < w.n; a.n++) {
		rc = read_address(w.at[a.n], &a.at[a.n], e);
		if (rc)
			return rc;
		for (size_t j = 0; j < a.n; j++)
			if (is_same_address(&a.at[j], &a.at[a.n]))
				return err_set(e, ERR_FORMAT, "has %s twice", w.at[a.n]);
	}
	*(struct conf_addresses *)to = a;
	return ERR_OK;
}

/* "192.0.2.0/24", "2001:db8::/32", or an address alone. */
static bool is_prefix(const char *text)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	int bits;

	if (n >= sizeof host)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	bits = inet_pton(AF_INET, host, &addr) == 1 ? 32 : inet_pton(AF_INET6, host, &addr) == 1 ? 128 : -1;
	return bits > 0 && (!slash || (is_port(slash + 1) && strtol(slash + 1, NULL, 10) <= bits));
}

int conf_read_trusted(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	struct conf_words w;
	int rc = split(pool, text, &w, e);

	(void)i;
	if (rc)
		return rc;
	if (w.n > COAP_PREFIXES_MAX)
		return err_set(e, ERR_FORMAT, "has more than %d prefixes", COAP_PREFIXES_MAX);
	for (size_t j = 0; j < w.n; j++) {
		bool is_word = strcmp(w.at[j], "on-link") == 0 || strcmp(w.at[j], "none") == 0;

		if (is_word && w.n > 1)
			return err_set(e, ERR_FORMAT, "\"%s\" stands alone", w.at[j]);
		if (!is_word && !is_prefix(w.at[j]))
			return err_set(e, ERR_FORMAT, "\"%s\" is not on-link, none or a prefix like 192.0.2.0/24", w.at[j]);
	}
	*(char **)to = pool_text(pool, span_str(text));
	return ERR_OK;
}
