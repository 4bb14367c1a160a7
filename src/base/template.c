/* template.c: see template.h. */
#include "base/template.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct filling {
	const struct template_names *names;
	struct buf *out;
};

static void put_cid(struct filling *f)
{
	buf_str(f->out, f->names->cid);
}

static void put_sha256(struct filling *f)
{
	char hex[65];

	buf_str(f->out, hex_str(SPAN_OF(f->names->sha256), hex));
}

static void put_vendor(struct filling *f)
{
	buf_add(f->out, SPAN(f->names->product, strcspn(f->names->product, "/")));
}

static void put_model(struct filling *f)
{
	const char *slash = strchr(f->names->product, '/');

	buf_str(f->out, slash ? slash + 1 : "");
}

/* RFC 3986, 2.3: unreserved characters stay. A version is a publisher's free text. */
static void put_version(struct filling *f)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (const char *c = f->names->version; *c; c++) {
		if (strchr(plain, *c))
			buf_byte(f->out, (uint8_t)*c);
		else
			buf_fmt(f->out, "%%%02X", (unsigned)(uint8_t)*c);
	}
}

static void put_sequence(struct filling *f)
{
	buf_fmt(f->out, "%" PRIu64, f->names->sequence);
}

static const struct {
	const char *name;
	void (*put)(struct filling *f);
} words[] = {
	{ "{cid}", put_cid },	{ "{sha256}", put_sha256 },   { "{vendor}", put_vendor },
	{ "{model}", put_model }, { "{version}", put_version }, { "{sequence}", put_sequence },
};

#define WORDS (sizeof words / sizeof *words)

/* The word that at begins with; WORDS: none. */
static size_t word_at(const char *at)
{
	size_t i = 0;

	while (i < WORDS && strncmp(at, words[i].name, strlen(words[i].name)) != 0)
		i++;
	return i;
}

bool template_has_names(const char *url)
{
	return strpbrk(url, "{}") != NULL;
}

bool template_has_name(const char *url, const char *name)
{
	return strstr(url, name) != NULL;
}

int template_check(const char *url, struct err *e)
{
	const char *host = strstr(url, "://"), *brace = strpbrk(url, "{}");
	const char *path = host ? strchr(host + 3, '/') : NULL;

	if (brace && (!path || brace < path))
		return err_set(e, ERR_USAGE, "names in braces stand in its path or query only");
	for (; brace; brace = strpbrk(brace, "{}")) {
		size_t i = word_at(brace);

		if (i == WORDS)
			return err_set(e, ERR_USAGE, "knows {cid} {sha256} {vendor} {model} {version} {sequence}, not %.16s", brace);
		brace += strlen(words[i].name);
	}
	return ERR_OK;
}

int template_fill(const char *url, const struct template_names *names, char *out, size_t cap, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(cap);
	struct filling f = { names, &b };

	while (*url) {
		size_t i = word_at(url);

		if (i == WORDS) {
			buf_byte(f.out, (uint8_t)*url++);
			continue;
		}
		words[i].put(&f);
		url += strlen(words[i].name);
	}
	buf_byte(f.out, '\0');
	if (b.failed)
		return err_set(e, ERR_USAGE, "a source's url is too long with its names filled in");
	memcpy(out, b.p, b.n);
	return ERR_OK;
}
