/* conf_value.c: from a setting's text to its value. Messages complete "KEY: …". */
#include "base/hex.h"
#include "base/utf8.h"
#include "daemon/conf_table.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

/* Decimal digits only. Moves *s behind them. */
static int take_number(const char **s, uint64_t *out, struct err *e)
{
	const char *p = *s;
	uint64_t v = 0;

	if (!isdigit((unsigned char)*p))
		return err_set(e, ERR_FORMAT, "must begin with a digit");
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (unsigned)(*p - '0'), &v))
			return err_set(e, ERR_FORMAT, "is a number that is too large");
	*s = p;
	*out = v;
	return ERR_OK;
}

struct unit {
	const char *word;
	uint64_t times;
};

static const struct unit byte_units[] = { { "", 1 }, { "K", KIB }, { "M", MIB }, { "G", GIB }, { "T", 1024 * GIB }, { NULL } };
static const struct unit time_units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL },
};

static int read_scaled(const struct conf_item *i, const char *text, const struct unit *u, const char *how, uint64_t *out, struct err *e)
{
	uint64_t v;
	int rc = take_number(&text, &v, e);

	if (rc)
		return rc;
	while (u->word && strcmp(u->word, text) != 0)
		u++;
	if (!u->word)
		return err_set(e, ERR_FORMAT, "must be %s", how);
	if (__builtin_mul_overflow(v, u->times, &v) || v < i->min || v > i->max)
		return err_set(e, ERR_FORMAT, "must be from %" PRIu64 " to %" PRIu64 "%s", i->min, i->max,
			       u >= time_units && u < time_units + 6 ? " ms" : "");
	*out = v;
	return ERR_OK;
}

int conf_read_bytes(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	(void)pool;
	return read_scaled(i, text, byte_units, "a size like 512K, 64M or 2G", to, e);
}

int conf_read_time(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	uint64_t v = 0;
	int rc = read_scaled(i, text, time_units, "a time with its unit, like 100ms, 30s, 5m, 12h or 7d", &v, e);

	(void)pool;
	if (!rc)
		*(int64_t *)to = (int64_t)v;
	return rc;
}

int conf_read_count(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	static const struct unit plain[] = { { "", 1 }, { NULL } };

	(void)pool;
	if (i->min > 0 && strcmp(text, "0") == 0)
		return err_set(e, ERR_FORMAT, "0 is a placeholder: it must be set");
	return read_scaled(i, text, plain, "a number in decimal digits", to, e);
}

int conf_read_yes(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	(void)pool;
	(void)i;
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return err_set(e, ERR_FORMAT, "must be yes or no");
	*(bool *)to = text[0] == 'y';
	return ERR_OK;
}

int conf_read_choice(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	size_t n = 0;

	(void)pool;
	for (; i->words[n]; n++) {
		if (strcmp(i->words[n], text) == 0) {
			*(unsigned *)to = (unsigned)n;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_FORMAT, "does not know \"%s\"; nearest: \"%s\"", text, conf_nearest(text, i->words, n));
}

int conf_read_level(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	(void)pool;
	(void)i;
	return log_level_read(span_str(text), to, e);
}

int conf_read_text(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	size_t n = strlen(text);

	if (n < i->min || n > i->max || !utf8_is_printable(span_str(text)))
		return err_set(e, ERR_FORMAT, "must be printable text of %" PRIu64 " to %" PRIu64 " bytes", i->min, i->max);
	*(char **)to = pool_text(pool, span_str(text));
	return ERR_OK;
}

/* Without blanks: it goes into a header line, and through the resolved form unquoted. */
int conf_read_secret(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return err_set(e, ERR_FORMAT, "must be printable ASCII without blanks");
	return conf_read_text(pool, i, text, to, e);
}

int conf_read_path(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	(void)i;
	if (text[0] != '/')
		return err_set(e, ERR_FORMAT, "must be an absolute path");
	*(char **)to = pool_text(pool, span_str(text));
	return ERR_OK;
}

static bool has_scheme(const char *text)
{
	return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

int conf_read_url(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	const char *host = strstr(text, "://");

	(void)i;
	if (!has_scheme(text) || !host || strchr("/?#", host[3]))
		return err_set(e, ERR_FORMAT, "must be a URL that begins with http:// or https:// and a host");
	if (strlen(text) > SOURCE_URL_MAX || strpbrk(text, " \"<>\\^`") || !utf8_is_printable(span_str(text)))
		return err_set(e, ERR_FORMAT, "must be a URL of at most %d bytes without blanks, quotes and the like", SOURCE_URL_MAX);
	*(char **)to = pool_text(pool, span_str(text));
	return ERR_OK;
}

/* A URL in which {vendor} and {model} stand, once at least, behind the host. */
int conf_read_template(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	const char *brace = strpbrk(text, "{}"), *path = strchr(text, ':');
	int rc = conf_read_url(pool, i, text, to, e);

	if (rc)
		return rc;
	path = strchr(path + 3, '/');
	if (!strstr(text, "{vendor}") || !strstr(text, "{model}"))
		return err_set(e, ERR_FORMAT, "must name each product by {vendor} and {model}");
	if (!path || brace < path)
		return err_set(e, ERR_FORMAT, "{vendor} and {model} stand in its path or query");
	for (; brace; brace = strpbrk(brace, "{}")) {
		size_t n = strncmp(brace, "{vendor}", 8) == 0 ? 8 : strncmp(brace, "{model}", 7) == 0 ? 7 : 0;

		if (n == 0)
			return err_set(e, ERR_FORMAT, "knows {vendor} and {model} only");
		brace += n;
	}
	return ERR_OK;
}

int conf_read_proxy(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	int rc = conf_read_url(pool, i, text, to, e);
	const char *path;

	if (rc)
		return rc;
	path = strchr(strstr(text, "://") + 3, '/');
	if (path && path[1])
		return err_set(e, ERR_FORMAT, "must be http://HOST:PORT, without a path");
	return ERR_OK;
}

int conf_read_label(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	size_t n = strlen(text);

	(void)i;
	if (n < 1 || n > 32 || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
		return err_set(e, ERR_FORMAT, "a name is 1 to 32 letters, digits, dots, dashes and underscores");
	*(char **)to = pool_text(pool, span_str(text));
	return ERR_OK;
}

static bool is_name_part(const char *p, size_t n)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char all[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

	return n >= 1 && n <= NAME_PART_MAX && strchr(first, p[0]) && strspn(p, all) >= n;
}

int conf_read_product(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	const char *slash = strchr(text, '/');

	(void)i;
	if (strcmp(text, "*") != 0 &&
	    !(slash && is_name_part(text, (size_t)(slash - text)) && is_name_part(slash + 1, strlen(slash + 1))))
		return err_set(e, ERR_FORMAT, "a product is vendor/model, each [a-z0-9][a-z0-9._-]{0,31}, or *");
	*(char **)to = pool_text(pool, span_str(text));
	return ERR_OK;
}

static bool is_all_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

static int read_0x(const char *text, uint8_t *out, size_t n, struct err *e)
{
	uint8_t got[32];

	if (hex_read_0x(span_str(text), got, n, NULL))
		return err_set(e, ERR_FORMAT, "must be 0x and %zu hexadecimal digits", 2 * n);
	if (is_all_zero(got, n))
		return err_set(e, ERR_FORMAT, "all zeros is a placeholder: it must be set");
	memcpy(out, got, n);
	return ERR_OK;
}

int conf_read_address20(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	(void)pool;
	(void)i;
	return read_0x(text, to, 20, e);
}

int conf_read_hash32(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	(void)pool;
	(void)i;
	return read_0x(text, to, 32, e);
}

/* "depth:12" or a word alone. */
int conf_read_finality(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	static const char *const words[] = { "finalized", "safe", "depth", "latest" };
	struct conf_chain *c = (void *)((char *)to - i->at);
	uint64_t depth = 0;

	(void)pool;
	if (strncmp(text, "depth:", 6) == 0) {
		text += 6;
		if (take_number(&text, &depth, NULL) || *text || depth == 0)
			return err_set(e, ERR_FORMAT, "depth:N needs a number of blocks from 1 on");
		c->depth = depth;
		text = "depth";
	} else if (strcmp(text, "depth") == 0) {
		text = "";
	}
	for (unsigned n = 0; n < 4; n++) {
		if (strcmp(words[n], text) == 0) {
			c->finality = (enum conf_finality)n;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_FORMAT, "must be finalized, safe, depth:N or latest");
}

static int read_pin(const char *text, struct conf_chain *c, struct err *e)
{
	uint64_t number;

	if (take_number(&text, &number, NULL) || *text != ':' || read_0x(text + 1, c->pin_hash.b, 32, NULL))
		return err_set(e, ERR_FORMAT, "pinned:NUMBER:HASH needs a block number and 0x and 64 digits");
	c->pin_number = number;
	c->anchor = CONF_PINNED;
	return ERR_OK;
}

int conf_read_anchor(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	struct conf_chain *c = (void *)((char *)to - i->at);
	uint64_t k;

	(void)pool;
	if (strncmp(text, "pinned:", 7) == 0)
		return read_pin(text + 7, c, e);
	if (strncmp(text, "quorum:", 7) != 0)
		return err_set(e, ERR_FORMAT, "must be quorum:K or pinned:NUMBER:HASH");
	text += 7;
	if (take_number(&text, &k, NULL) || *text || k < i->min || k > i->max)
		return err_set(e, ERR_FORMAT, "quorum:K needs a number of operators from 1 to %" PRIu64, i->max);
	c->anchor = CONF_QUORUM;
	c->quorum = (unsigned)k;
	return ERR_OK;
}

int conf_read_window(struct pool *pool, const struct conf_item *i, const char *text, void *to, struct err *e)
{
	unsigned h1, m1, h2, m2;
	char rest;

	(void)i;
	if (strlen(text) != 11 || sscanf(text, "%2u:%2u-%2u:%2u%c", &h1, &m1, &h2, &m2, &rest) != 4 ||
	    h1 > 23 || h2 > 23 || m1 > 59 || m2 > 59)
		return err_set(e, ERR_FORMAT, "must be local times like 01:00-05:00");
	*(char **)to = pool_text(pool, span_str(text));
	return ERR_OK;
}
