/* source.c: what each kind of source is asked, and where. See source.h. */
#include "ipfs/source_own.h"
#include "ipfs/intake.h"

#include <inttypes.h>
#include <stdio.h>

#define TRUSTLESS_QUESTIONS { \
	[SOURCE_ASK_CAR] = { "GET", "/ipfs/{cid}?format=car", "application/vnd.ipld.car; version=1; order=dfs; dups=y", \
			     { "application/vnd.ipld.car" }, false }, \
	[SOURCE_ASK_BLOCK] = { "GET", "/ipfs/{cid}?format=raw", "application/vnd.ipld.raw", { NULL }, false }, \
}

const struct source_traits source_traits[SOURCE_KINDS] = {
	[SOURCE_TRUSTLESS] = { "trustless", TRUSTLESS_QUESTIONS, false, false },
	[SOURCE_PEER] = { "peer", TRUSTLESS_QUESTIONS, false, false },
	/* Kubo names the type; older nodes call every stream an octet-stream, and js-ipfs 0.66 this one JSON. */
	[SOURCE_KUBO] = { "kubo", {
		[SOURCE_ASK_CAR] = { "POST", "/api/v0/dag/export?arg={cid}&progress=false", "*/*",
				     { "application/vnd.ipld.car", "application/octet-stream", "application/json" }, false },
		[SOURCE_ASK_BLOCK] = { "POST", "/api/v0/block/get?arg={cid}", "*/*", { NULL }, false },
	}, true, false },
	/* Web servers know no type for these files: hashes decide. */
	[SOURCE_CAR] = { "car", { [SOURCE_ASK_CAR] = { "GET", NULL, "*/*", { NULL }, true } }, false, true },
	[SOURCE_BLOCKS] = { "blocks", { [SOURCE_ASK_BLOCK] = { "GET", NULL, "*/*", { NULL }, false } }, false, true },
	[SOURCE_MIRROR] = { "mirror", {
		[SOURCE_ASK_INNER] = { "GET", NULL, "*/*", { NULL }, false },
		[SOURCE_ASK_FILE] = { "GET", NULL, "*/*", { NULL }, true },
	}, false, true },
};

const char *source_kind_name(enum source_kind kind)
{
	return source_traits[kind].name;
}

int source_kind_read(struct span text, enum source_kind *out, struct err *e)
{
	for (unsigned i = 0; i < SOURCE_KINDS; i++) {
		if (span_is(text, source_traits[i].name)) {
			*out = (enum source_kind)i;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_USAGE, "not a kind of source: %.*s", (int)(text.n < 32 ? text.n : 32), (const char *)text.p);
}

static int check_characters(const char *url, struct err *e)
{
	if (strlen(url) > SOURCE_URL_MAX)
		return err_set(e, ERR_USAGE, "a source's url has at most %d characters", SOURCE_URL_MAX);
	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c > '~')
			return err_set(e, ERR_USAGE, "a source's url has only printable ASCII and no spaces");
	return ERR_OK;
}

/* What stands behind the host. */
static int check_tail(enum source_kind kind, const char *url, const char *host, struct err *e)
{
	if (strchr(host, '#'))
		return err_set(e, ERR_USAGE, "a source's url has no fragment");
	if (source_traits[kind].is_template)
		return template_check(url, e);
	if (strchr(host, '?'))
		return err_set(e, ERR_USAGE, "a source's url has no query or fragment");
	if (template_has_names(host))
		return err_set(e, ERR_USAGE, "a %s source's url has no names in braces", source_traits[kind].name);
	return ERR_OK;
}

int source_check_url(enum source_kind kind, const char *url, struct err *e)
{
	const char *host = !strncmp(url, "http://", 7) ? url + 7 : !strncmp(url, "https://", 8) ? url + 8 : NULL;
	int rc = check_characters(url, e);

	if (rc)
		return rc;
	if (!host)
		return err_set(e, ERR_USAGE, "a source's url begins with http:// or https://");
	if (strcspn(host, "/?#") == 0)
		return err_set(e, ERR_USAGE, "a source's url names a host");
	if (memchr(host, '@', strcspn(host, "/?#")))
		return err_set(e, ERR_USAGE, "a source's url has no user or password; use a token");
	rc = check_tail(kind, url, host, e);
	if (rc || kind != SOURCE_BLOCKS || template_has_name(host, "{cid}") || !(template_has_names(host) || strchr(host, '?')))
		return rc;
	return err_set(e, ERR_USAGE, "a blocks source's url names each block by {cid}");
}

bool source_inner_url(const char *url, char out[SOURCE_URL_MAX + 1])
{
	static const char tail[] = "/image/{sha256}";
	size_t n = strlen(url), cut = sizeof tail - 1;

	if (n < cut || strcmp(url + n - cut, tail) != 0)
		return false;
	return (size_t)snprintf(out, SOURCE_URL_MAX + 1, "%.*s/inner/{cid}.car", (int)(n - cut), url) <= SOURCE_URL_MAX;
}

bool source_can(const struct source *s, enum source_ask ask)
{
	char inner[SOURCE_URL_MAX + 1];

	if (ask == SOURCE_ASK_INNER && source_traits[s->kind].ask[ask].method)
		return s->inner || source_inner_url(s->url, inner);
	return source_traits[s->kind].ask[ask].method != NULL;
}

bool source_can_resume(enum source_kind kind, enum source_ask ask)
{
	return source_traits[kind].ask[ask].has_parts;
}

/* The URL before names are filled in. */
static int raw_url(const struct source *s, enum source_ask ask, char out[SOURCE_URL_MAX + 64], struct err *e)
{
	const struct question *q = &source_traits[s->kind].ask[ask];
	const char *path = q->path ? q->path : "";
	size_t n = strlen(s->url);

	if (ask == SOURCE_ASK_INNER) {
		if (s->inner)
			snprintf(out, SOURCE_URL_MAX + 64, "%s", s->inner);
		return s->inner || source_inner_url(s->url, out) ? ERR_OK : err_set(e, ERR_USAGE, "it has no inner blocks");
	}
	/* Blocks without a template: a directory of them. */
	if (s->kind == SOURCE_BLOCKS && !template_has_names(s->url))
		path = "/{cid}";
	while (*path && n > 0 && s->url[n - 1] == '/')
		n--;
	if ((size_t)snprintf(out, SOURCE_URL_MAX + 64, "%.*s%s", (int)n, s->url, path) >= SOURCE_URL_MAX + 64)
		return err_set(e, ERR_USAGE, "a source's url is too long");
	return ERR_OK;
}

static int put_url(const struct source *s, enum source_ask ask, const struct source_about *about, struct source_request *out,
		   struct err *e)
{
	char raw[SOURCE_URL_MAX + 64], cid[CID_TEXT_MAX];
	struct template_names names = about->names;
	int rc = raw_url(s, ask, raw, e);

	names.cid = cid_text(about->cid, cid);
	return rc ? rc : template_fill(raw, &names, out->url, sizeof out->url, e);
}

/* RFC 9110, 14.2 and 13.1.5. A whole file is asked for as it is: caches and small servers know that best. */
static void put_range(const struct source_about *about, struct source_request *out)
{
	size_t room = sizeof out->line[0];

	if (about->end)
		snprintf(out->line[out->lines++], room, "Range: bytes=%" PRIu64 "-%" PRIu64, about->from, about->end - 1);
	else if (about->from)
		snprintf(out->line[out->lines++], room, "Range: bytes=%" PRIu64 "-", about->from);
	else
		return;
	out->has_range = true;
	out->from = about->from;
	/* A weak one cannot be used for this. */
	if (about->etag && about->etag[0] == '"')
		snprintf(out->line[out->lines++], room, "If-Range: %.*s", SOURCE_ETAG_MAX, about->etag);
}

/* Length of "scheme://host:port". */
static size_t server_length(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

/* The token is for the server in url; inner blocks may lie elsewhere. */
static bool may_see_token(const struct source *s, enum source_ask ask)
{
	size_t n = server_length(s->url);

	return ask != SOURCE_ASK_INNER || !s->inner || (server_length(s->inner) == n && strncmp(s->inner, s->url, n) == 0);
}

static uint64_t body_max(enum source_ask ask, uint64_t size)
{
	switch (ask) {
	case SOURCE_ASK_BLOCK:
		return BLOCK_MAX;
	case SOURCE_ASK_FILE:
		return size;
	case SOURCE_ASK_INNER:
		return KEPT_BYTES_MAX + MIB;
	default:
		return intake_car_max(size);
	}
}

static int put_token(const char *token, struct source_request *out, struct err *e)
{
	for (const char *c = token; *c; c++)
		if (*c <= ' ' || *c > '~')
			return err_set(e, ERR_USAGE, "a source's token has only printable ASCII and no spaces");
	if (strlen(token) > SOURCE_TOKEN_MAX)
		return err_set(e, ERR_USAGE, "a source's token has more than %d characters", SOURCE_TOKEN_MAX);
	snprintf(out->line[out->lines++], sizeof out->line[0], "Authorization: Bearer %s", token);
	return ERR_OK;
}

int source_request(const struct source *s, enum source_ask ask, const struct source_about *about, struct source_request *out,
		   struct err *e)
{
	const struct question *q = &source_traits[s->kind].ask[ask];
	int rc;

	if (!q->method)
		return err_set(e, ERR_USAGE, "a %s source has no answer to that", source_traits[s->kind].name);
	*out = (struct source_request){ .method = q->method, .body_max = body_max(ask, about->size) };
	out->total = ask == SOURCE_ASK_FILE ? about->size : 0;
	snprintf(out->line[out->lines++], sizeof out->line[0], "Accept: %s", q->accept);
	snprintf(out->line[out->lines++], sizeof out->line[0], "Accept-Encoding: identity");
	if (q->has_parts)
		put_range(about, out);
	if ((rc = put_url(s, ask, about, out, e)))
		return rc;
	return s->token && s->token[0] && may_see_token(s, ask) ? put_token(s->token, out, e) : ERR_OK;
}
