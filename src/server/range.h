/* range.h: byte ranges and validators (RFC 9110, 13 and 14), as far as downloads need them. */
#ifndef SERVER_RANGE_H
#define SERVER_RANGE_H

#include "base/span.h"

enum range_kind {
	RANGE_WHOLE,		/* none asked for, or nothing that we understand, or several: 200 */
	RANGE_PART,		/* 206 */
	RANGE_OUTSIDE,		/* 416 */
};

struct range {
	enum range_kind kind;
	uint64_t first, n;	/* of a part; n > 0, within size */
};

/* The value of a Range header; p == NULL: there was none. A part that runs past the end is clamped. */
struct range range_read(struct span header, uint64_t size);

/* `"sha256-<64 hex digits>"` with a NUL. */
#define ETAG_TEXT_MAX 76
char *etag_text(const struct hash32 *sha256, char out[ETAG_TEXT_MAX]);

/* Does If-None-Match name this tag (weakly compared, RFC 9110 13.1.2), or "*"? */
bool etag_is_in(struct span header, const char *etag);

/* Does If-Match name this tag (strongly compared, RFC 9110 13.1.1: a weak one is like none), or "*"? */
bool etag_is_matched(struct span header, const char *etag);

/* Does Cache-Control have this directive? */
bool cache_control_has(struct span header, const char *directive);

/* May the range be taken: no If-Range, or one that is exactly this tag? (A date never is: we have none.) */
bool etag_allows_range(struct span if_range, const char *etag);

#endif
