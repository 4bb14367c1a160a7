/* target.h: a request target (RFC 9112, 3.2), taken strictly.
 *
 * The path is what the client sent, byte for byte: a '%' in it is refused, since nothing that we serve
 * needs one and every disagreement about decoding is a way in. Queries are split here and decoded
 * by query_next(). */
#ifndef SERVER_TARGET_H
#define SERVER_TARGET_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

struct target {
	struct span path;	/* begins with '/' */
	struct span query;	/* behind '?'; empty when there is none */
	struct span authority;	/* of an absolute-form target ("http://host/path"); p == NULL: not one */
};

/* ERR_FORMAT names the rule: control bytes, spaces and bytes over 0x7e anywhere; '%', '\\', "//" and dot segments in
 * the path; no leading '/'. ERR_LIMIT: over HTTP_TARGET_MAX bytes. Spans point into raw. */
MUST_USE int target_read(struct span raw, struct target *out, struct err *e);

/* Takes the next "key=value" off a query, decoding %XX and '+' into room (as long as the pair at least). False at the
 * end. *ok becomes false when an escape is broken or hides a control byte; the walk ends then. */
bool query_next(struct span *query, char *room, struct span *pair, bool *ok);

#endif
