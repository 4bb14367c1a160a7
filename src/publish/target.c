/* target.c: see target.h. */
#include "publish/target.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "ipfs/source.h"
#include "net/http.h"
#include "net/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_visible_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return true;
}

/* A header line is made of it: no blanks, no controls. Mode and content are of the same file. */
static int read_token(const char *path, char out[TARGET_TOKEN_MAX], unsigned *mode, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(TARGET_TOKEN_MAX - 1);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct span token;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_USAGE, "token file %s: %s", path, strerror(errno));
	*mode = st.st_mode & (S_IRWXG | S_IRWXO) ? st.st_mode & 07777 : 0;
	if (io_read_all(fd, &b, e))
		return err_wrap(e, "token file %s", path);
	token = buf_span(&b);
	while (token.n && (token.p[token.n - 1] == '\n' || token.p[token.n - 1] == '\r'))
		token.n--;
	if (token.n == 0 || !is_visible_ascii(token))
		return err_set(e, ERR_USAGE, "token file %s: a token is one line of visible ASCII", path);
	memcpy(out, token.p, token.n);
	out[token.n] = '\0';
	return ERR_OK;
}

/* An API's base: the same rules for both kinds. */
static int read_api(const char *text, struct target *out, struct err *e)
{
	const char *fragment = strchr(text, '#');
	size_t n = fragment ? (size_t)(fragment - text) : strlen(text);

	while (n && text[n - 1] == '/')
		n--;
	if (n >= sizeof out->where)
		return err_set(e, ERR_USAGE, "URL: too long");
	memcpy(out->where, text, n);
	out->where[n] = '\0';
	if (source_check_url(SOURCE_KUBO, out->where, e))
		return (int)e->code;
	return fragment ? read_token(fragment + 1, out->token, &out->token_mode, e) : ERR_OK;
}

static int read_dir(const char *text, struct target *out, struct err *e)
{
	size_t n = strlen(text);

	if (n == 0 || n >= sizeof out->where)
		return err_set(e, ERR_USAGE, "path: 1 to %zu bytes", sizeof out->where - 1);
	memcpy(out->where, text, n + 1);
	return ERR_OK;
}

int target_read(const char *text, struct target *out, struct err *e)
{
	static const struct {
		const char *prefix;
		enum target_kind kind;
		int (*read)(const char *text, struct target *out, struct err *e);
	} kinds[] = {
		{ "kubo:", TARGET_KUBO, read_api },
		{ "dir:", TARGET_DIR, read_dir },
		{ "pinning:", TARGET_PINNING, read_api },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t n = strlen(kinds[i].prefix);
		struct target t = { .kind = kinds[i].kind };
		struct err why = { 0 };

		if (strncmp(text, kinds[i].prefix, n) != 0)
			continue;
		if (kinds[i].read(text + n, &t, &why))
			return err_set(e, why.code, "%.*s target: %s", (int)n - 1, kinds[i].prefix, why.msg);
		*out = t;
		return ERR_OK;
	}
	return err_set(e, ERR_USAGE, "an upload target is kubo:URL[#TOKEN-FILE], pinning:URL[#TOKEN-FILE] or dir:PATH");
}

bool target_is_store(const struct target *t)
{
	return t->kind != TARGET_PINNING;
}

const char *target_bearer(const struct target *t, char out[TARGET_BEARER_MAX])
{
	if (!t->token[0])
		return NULL;
	snprintf(out, TARGET_BEARER_MAX, "Authorization: Bearer %s", t->token);
	return out;
}

char *target_text(const struct target *t, char out[TARGET_TEXT_MAX])
{
	char server[HTTP_REDACTED_MAX];

	if (t->kind == TARGET_DIR)
		snprintf(out, TARGET_TEXT_MAX, "dir:%.380s", t->where);
	else
		snprintf(out, TARGET_TEXT_MAX, "%s:%s", t->kind == TARGET_KUBO ? "kubo" : "pinning",
			 http_redact(t->where, server));
	return out;
}

char *target_quote(const struct target *t, const char *words, char out[TARGET_QUOTE_MAX])
{
	AUTO(secrets_fini) struct secrets secrets = { .n = 0 };

	snprintf(out, TARGET_QUOTE_MAX, "%s", words);
	for (char *c = out; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	secrets_add_url(&secrets, t->where);
	secrets_add(&secrets, t->token);
	secrets_hide(&secrets, out);
	return out;
}
