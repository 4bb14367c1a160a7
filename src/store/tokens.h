/* tokens.h: who may speak to the operator's API. STATE/tokens, a text file of its own, so that the database can be
 * lost without locking anybody out.
 *
 * One line a token: name, scope, time made, SHA-256 of the token; the last
 * line is the SHA-256 of all before. The token itself (256 bits from the
 * kernel, 64 hex digits) is shown once and kept nowhere. */
#ifndef STORE_TOKENS_H
#define STORE_TOKENS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"
#include "store/sysio.h"

#define TOKEN_NAME_MAX 63	/* [A-Za-z0-9._-]+ */
#define TOKEN_TEXT_MAX 65	/* 64 digits and a NUL */

enum token_scope { TOKEN_READ, TOKEN_OPERATE, TOKEN_ADMIN, TOKEN_SCOPES };	/* each includes the ones before */

const char *token_scope_name(enum token_scope scope);
MUST_USE int token_scope_read(struct span text, enum token_scope *out, struct err *e);

struct token {
	char name[TOKEN_NAME_MAX + 1];
	enum token_scope scope;
	int64_t made_ms;
	struct hash32 sha256;
};

struct tokens;

/* state_dir is a descriptor that must outlive the tokens. No file: no tokens. ERR_CORRUPT: the file is not what
 * was written; nobody is believed, and the caller goes on with tokens_anew(). Want of memory or descriptors says nothing of it; what else fails does
 * so twice, and then tokens_unread() is how to go on. */
MUST_USE int tokens_load(int state_dir, const struct sysio *sys, struct tokens **out, struct err *e);
/* Moves a damaged file to tokens.damaged and begins with none. */
MUST_USE int tokens_anew(int state_dir, const struct sysio *sys, struct tokens **out, struct err *e);
/* Begins with none beside a file that cannot be read: it stays where it is, for it may be good, until the first save moves it like that. */
MUST_USE int tokens_unread(int state_dir, const struct sysio *sys, struct tokens **out, struct err *e);
void tokens_free(struct tokens *t);

/* All of them as the file holds them, for a backup; and tokens of such bytes, which nothing is saved of until they are put.
 * ERR_CORRUPT: the bytes are not whole. */
void tokens_write(const struct tokens *t, struct buf *out);
MUST_USE int tokens_read(int state_dir, struct span bytes, const struct sysio *sys, struct tokens **out, struct err *e);
MUST_USE int tokens_save(struct tokens *t, struct err *e);

/* Makes one; durable before it returns. out is to be shown once and wiped. ERR_EXISTS: the name is taken; ERR_FORMAT:
 * not a name; ERR_LIMIT: TOKENS_MAX. */
MUST_USE int tokens_new(struct tokens *t, struct span name, enum token_scope scope, int64_t now_ms,
			char out[TOKEN_TEXT_MAX], struct err *e);
/* ERR_NOT_FOUND. */
MUST_USE int tokens_revoke(struct tokens *t, struct span name, struct err *e);

/* Whose is it? NULL: nobody's. In time that does not depend on which one fits or how nearly. Lives until the next
 * change. */
const struct token *tokens_check(const struct tokens *t, struct span text);
/* In the order they were made; NULL past the end. The same lifetime. */
const struct token *tokens_at(const struct tokens *t, size_t i);

#endif
