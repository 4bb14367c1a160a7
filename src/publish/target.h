/* target.h: where a publisher puts an image: `kubo:URL[#TOKEN-FILE]`, `dir:PATH` or `pinning:URL[#TOKEN-FILE]`.
 *
 * The first two are *stores*: they are given the image and give it back. A pinning service is asked to fetch it from
 * others and to keep it: a further copy, which proves nothing here. */
#ifndef PUBLISH_TARGET_H
#define PUBLISH_TARGET_H

#include "base/err.h"

#include <stdbool.h>

enum target_kind { TARGET_KUBO, TARGET_DIR, TARGET_PINNING };

#define TARGET_WHERE_MAX 2048
#define TARGET_TOKEN_MAX 1024

struct target {
	enum target_kind kind;
	char where[TARGET_WHERE_MAX];	/* URL without a final slash and without the fragment; or path */
	char token[TARGET_TOKEN_MAX];	/* of an "Authorization: Bearer" line; "" for none */
	unsigned token_mode;		/* of its file, when others than its owner can get at it; 0: they cannot */
};

/* Reads one target. The token's file is read here (its first line), so that it is known to be there before
 * anything is sent. ERR_USAGE says what is wrong. */
MUST_USE int target_read(const char *text, struct target *out, struct err *e);

bool target_is_store(const struct target *t);

/* The header line "Authorization: Bearer …", or NULL without a token. */
#define TARGET_BEARER_MAX (TARGET_TOKEN_MAX + 32)
const char *target_bearer(const struct target *t, char out[TARGET_BEARER_MAX]);

/* A server's own words, as they may be shown: cut, without controls, without the token and what the URL hides. */
#define TARGET_QUOTE_MAX 160
char *target_quote(const struct target *t, const char *words, char out[TARGET_QUOTE_MAX]);

/* As it may be shown: the URL without user, path or query; the path as it is. */
#define TARGET_TEXT_MAX 400
char *target_text(const struct target *t, char out[TARGET_TEXT_MAX]);

#endif
