/* tokens.c: see tokens.h. */
#include "store/tokens.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/sha256.h"
#include "store/durable.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define TOKENS_NAME "tokens"
#define LINE_MAX_BYTES (TOKEN_NAME_MAX + 1 + 8 + 1 + 20 + 1 + 64 + 1)
#define FILE_MAX (TOKENS_MAX * LINE_MAX_BYTES + 128)
#define LAST_LINE_LEN (2 + 64 + 1)	/* "= ", digits, newline */

struct tokens {
	int dir;
	const struct sysio *sys;
	bool is_beside;		/* a file that could not be read */
	size_t n;
	struct token at[TOKENS_MAX];
};

static const char *const scope_names[TOKEN_SCOPES] = { "read", "operate", "admin" };

const char *token_scope_name(enum token_scope scope)
{
	return scope_names[scope];
}

int token_scope_read(struct span text, enum token_scope *out, struct err *e)
{
	for (unsigned i = 0; i < TOKEN_SCOPES; i++)
		if (span_is(text, scope_names[i])) {
			*out = (enum token_scope)i;
			return ERR_OK;
		}
	return err_set(e, ERR_FORMAT, "a token's scope is read, operate or admin");
}

static bool is_name(struct span s)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	for (size_t i = 0; i < s.n; i++)
		if (!memchr(allowed, s.p[i], sizeof allowed - 1))
			return false;
	return s.n > 0 && s.n <= TOKEN_NAME_MAX;
}

static struct token *find(struct tokens *t, struct span name)
{
	for (size_t i = 0; i < t->n; i++)
		if (span_is(name, t->at[i].name))
			return &t->at[i];
	return NULL;
}

void tokens_write(const struct tokens *t, struct buf *out)
{
	size_t from = out->n;
	struct hash32 sum;

	for (size_t i = 0; i < t->n; i++) {
		buf_fmt(out, "%s %s %" PRId64 " ", t->at[i].name, scope_names[t->at[i].scope], t->at[i].made_ms);
		buf_hex(out, SPAN_OF(t->at[i].sha256));
		buf_byte(out, '\n');
	}
	sum = sha256_of(span_cut(buf_span(out), from, out->n));
	buf_str(out, "= ");
	buf_hex(out, SPAN_OF(sum));
	buf_byte(out, '\n');
}

/* What cannot be moved is replaced by the next save. */
static void set_aside(struct tokens *t)
{
	(void)t->sys->rename_over(t->dir, TOKENS_NAME, TOKENS_NAME ".damaged");
}

static int replace(struct tokens *t, struct span bytes, struct err *e)
{
	return durable_replace(t->dir, TOKENS_NAME, bytes, 0600, t->sys, e);
}

/* What could not be read is kept, and if nothing came of it, in its place. */
static int replace_unread(struct tokens *t, struct span bytes, struct err *e)
{
	int rc;

	set_aside(t);
	rc = replace(t, bytes, e);
	if (rc)
		(void)t->sys->rename_over(t->dir, TOKENS_NAME ".damaged", TOKENS_NAME);
	t->is_beside = rc != ERR_OK;
	return rc;
}

int tokens_save(struct tokens *t, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(FILE_MAX);
	int rc;

	tokens_write(t, &b);
	if ((rc = buf_ok(&b, e)))
		return rc;
	return t->is_beside ? replace_unread(t, buf_span(&b), e) : replace(t, buf_span(&b), e);
}

/* The next field of a line, up to its space or newline. */
static struct span field(struct span *rest, char end)
{
	const uint8_t *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
	struct span s = span_cut(*rest, 0, at ? (size_t)(at - rest->p) : rest->n);

	*rest = span_cut(*rest, s.n + 1, rest->n);
	return s;
}

static bool read_line(struct span line, struct token *out)
{
	struct span name = field(&line, ' '), scope = field(&line, ' '), made = field(&line, ' ');
	char digits[24] = "", *end;

	if (!is_name(name) || made.n == 0 || made.n >= sizeof digits)
		return false;
	memset(out, 0, sizeof *out);
	memcpy(out->name, name.p, name.n);
	memcpy(digits, made.p, made.n);
	out->made_ms = strtoll(digits, &end, 10);
	return *end == 0 && token_scope_read(scope, &out->scope, NULL) == ERR_OK &&
	       hex_read(line, out->sha256.b, sizeof out->sha256.b, NULL) == ERR_OK;
}

static int read_file(struct tokens *t, struct span bytes, struct err *e)
{
	struct hash32 sum, written;
	struct span body = span_cut(bytes, 0, bytes.n < LAST_LINE_LEN ? 0 : bytes.n - LAST_LINE_LEN);
	struct span last = span_cut(bytes, body.n, LAST_LINE_LEN);

	sum = sha256_of(body);
	if (last.n != LAST_LINE_LEN || memcmp(last.p, "= ", 2) != 0 || last.p[LAST_LINE_LEN - 1] != '\n' ||
	    hex_read(span_cut(last, 2, 64), written.b, sizeof written.b, NULL) || !hash32_eq(&sum, &written))
		return err_set(e, ERR_CORRUPT, "the tokens file's bytes do not have the digest at its end");
	while (body.n) {
		if (t->n == TOKENS_MAX || !read_line(field(&body, '\n'), &t->at[t->n]))
			return err_set(e, ERR_CORRUPT, "the tokens file has a line that is no token");
		t->n++;
	}
	return ERR_OK;
}

static int tokens_make(int state_dir, const struct sysio *sys, struct tokens **out, struct err *e)
{
	struct tokens *t = calloc(1, sizeof *t);

	if (!t)
		return err_set(e, ERR_MEMORY, "no memory for tokens");
	t->dir = state_dir;
	t->sys = sysio_or_kernel(sys);
	*out = t;
	return ERR_OK;
}

int tokens_load(int state_dir, const struct sysio *sys, struct tokens **out, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(FILE_MAX);
	struct tokens *t;
	int rc = tokens_make(state_dir, sys, &t, e);

	if (rc)
		return rc;
	rc = durable_read(state_dir, TOKENS_NAME, &bytes, e);
	if (rc == ERR_NOT_FOUND)
		rc = ERR_OK;
	else if (rc == ERR_LIMIT)
		rc = err_set(e, ERR_CORRUPT, "the tokens file is longer than any of ours");
	else if (rc == ERR_OK)
		rc = read_file(t, buf_span(&bytes), e);
	if (rc) {
		tokens_free(t);
		return rc;
	}
	*out = t;
	return ERR_OK;
}

int tokens_read(int state_dir, struct span bytes, const struct sysio *sys, struct tokens **out, struct err *e)
{
	struct tokens *t;
	int rc = tokens_make(state_dir, sys, &t, e);

	if (rc)
		return rc;
	rc = read_file(t, bytes, e);
	if (rc) {
		tokens_free(t);
		return rc;
	}
	*out = t;
	return ERR_OK;
}

int tokens_anew(int state_dir, const struct sysio *sys, struct tokens **out, struct err *e)
{
	int rc = tokens_make(state_dir, sys, out, e);

	if (!rc)
		set_aside(*out);
	return rc;
}

int tokens_unread(int state_dir, const struct sysio *sys, struct tokens **out, struct err *e)
{
	int rc = tokens_make(state_dir, sys, out, e);

	if (!rc)
		(*out)->is_beside = true;
	return rc;
}

void tokens_free(struct tokens *t)
{
	free(t);
}

static int draw(char out[TOKEN_TEXT_MAX], struct hash32 *sha256, struct err *e)
{
	uint8_t secret[32];
	ssize_t n = getrandom(secret, sizeof secret, 0);

	if (n != (ssize_t)sizeof secret)
		return err_errno(e, "random bytes for a token");
	hex_str(SPAN_OF(secret), out);
	*sha256 = sha256_of(SPAN(out, TOKEN_TEXT_MAX - 1));
	explicit_bzero(secret, sizeof secret);
	return ERR_OK;
}

int tokens_new(struct tokens *t, struct span name, enum token_scope scope, int64_t now_ms, char out[TOKEN_TEXT_MAX],
	       struct err *e)
{
	struct token *fresh = &t->at[t->n];
	char text[TOKEN_TEXT_MAX];
	int rc;

	if (!is_name(name))
		return err_set(e, ERR_FORMAT, "a token's name has 1 to %d of A-Z a-z 0-9 . _ -", TOKEN_NAME_MAX);
	if (find(t, name))
		return err_set(e, ERR_EXISTS, "a token of this name exists already");
	if (t->n == TOKENS_MAX)
		return err_set(e, ERR_LIMIT, "there are %d tokens already", TOKENS_MAX);
	*fresh = (struct token){ .scope = scope, .made_ms = now_ms };
	memcpy(fresh->name, name.p, name.n);
	if ((rc = draw(text, &fresh->sha256, e)))
		return rc;
	t->n++;
	rc = tokens_save(t, e);
	if (rc)
		t->n--;
	else
		memcpy(out, text, sizeof text);
	explicit_bzero(text, sizeof text);
	return rc;
}

int tokens_revoke(struct tokens *t, struct span name, struct err *e)
{
	struct token *gone = find(t, name), kept;
	size_t after;
	int rc;

	if (!gone)
		return err_set(e, ERR_NOT_FOUND, "no token of this name");
	kept = *gone;
	after = t->n - (size_t)(gone - t->at) - 1;
	memmove(gone, gone + 1, after * sizeof *gone);
	t->n--;
	rc = tokens_save(t, e);
	if (rc) {
		memmove(gone + 1, gone, after * sizeof *gone);
		*gone = kept;
		t->n++;
	}
	return rc;
}

/* All ones when equal, else 0; looks at every byte either way. */
static uint32_t same_mask(const struct hash32 *a, const struct hash32 *b)
{
	uint32_t diff = 0;

	for (size_t i = 0; i < sizeof a->b; i++)
		diff |= (uint32_t)(a->b[i] ^ b->b[i]);
	return ((diff | (0u - diff)) >> 31) - 1u;
}

const struct token *tokens_check(const struct tokens *t, struct span text)
{
	struct hash32 sha256 = sha256_of(text);
	uint32_t hit = 0;	/* place + 1 */

	for (uint32_t i = 0; i < t->n; i++)
		hit |= (i + 1) & same_mask(&t->at[i].sha256, &sha256);
	return hit ? &t->at[hit - 1] : NULL;
}

const struct token *tokens_at(const struct tokens *t, size_t i)
{
	return i < t->n ? &t->at[i] : NULL;
}
