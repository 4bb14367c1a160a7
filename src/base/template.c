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

/* RFC 3986, 5.2.4: segments that clients and servers take away, with others. */
static bool has_dot_segments(const char *url)
{
	const char *host = strstr(url, "://"), *at = host ? host + 3 : url;

	for (at += strcspn(at, "/?#"); *at == '/'; at += strcspn(at, "/?#")) {
		size_t n = strcspn(++at, "/?#");

		if ((n == 1 || n == 2) && strncmp(at, "..", n) == 0)
			return true;
	}
	return false;
}

int template_fill(const char *url, const struct template_names *names, char *out, size_t cap, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(cap);
	struct filling f = { names, &b };

	for (const char *at = url; *at;) {
		size_t i = word_at(at);

		if (i == WORDS) {
			buf_byte(f.out, (uint8_t)*at++);
			continue;
		}
		words[i].put(&f);
		at += strlen(words[i].name);
	}
	buf_byte(f.out, '\0');
	if (b.failed)
		return err_set(e, ERR_USAGE, "a source's url is too long with its names filled in");
	if (!has_dot_segments(url) && has_dot_segments((const char *)b.p))
		return err_set(e, ERR_USAGE, "a version of dots would make a source's url lead elsewhere");
	memcpy(out, b.p, b.n);
	return ERR_OK;
}
