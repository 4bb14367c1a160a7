/* target.h: where a publisher puts an image: `kubo:URL[#TOKEN-FILE]` or `dir:PATH`. */
#ifndef PUBLISH_TARGET_H
#define PUBLISH_TARGET_H

#include "base/err.h"

enum target_kind { TARGET_KUBO, TARGET_DIR };

#define TARGET_WHERE_MAX 2048
#define TARGET_TOKEN_MAX 1024

struct target {
	enum target_kind kind;
	char where[TARGET_WHERE_MAX];	/* URL without a final slash and without the fragment; or path */
	char token[TARGET_TOKEN_MAX];	/* of an "Authorization: Bearer" line; "" for none */
};

/* Reads one target. The token's file is read here (its first line), so that it is known to be there before
 * anything is sent. ERR_USAGE says what is wrong. */
MUST_USE int target_read(const char *text, struct target *out, struct err *e);

/* As it may be shown: the URL without user, path or query; the path as it is. */
#define TARGET_TEXT_MAX 400
char *target_text(const struct target *t, char out[TARGET_TEXT_MAX]);

#endif
