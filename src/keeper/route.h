/* route.h: an operator call's path and query, taken apart and matched against patterns. Pure.
 *
 * A pattern is a path whose parts in braces stand for one segment each:
 * "/api/v1/releases/{vendor}/{model}/{sequence}". Only query values are
 * percent-decoded (clients write a product as acme%2Fthermostat); no name in a
 * path needs it. */
#ifndef KEEPER_ROUTE_H
#define KEEPER_ROUTE_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

#define ROUTE_PARTS_MAX 4
#define ROUTE_QUERY_MAX 8

struct route_match {
	struct span part[ROUTE_PARTS_MAX];	/* what the braces stand for, in order */
	size_t parts;
};

struct route_query {
	struct { struct span key, value; } at[ROUTE_QUERY_MAX];
	size_t n;
	uint8_t room[API_PATH_MAX];		/* decoded values; so a struct route_query must not be copied */
};

/* Does the path (no query) fit the pattern? m is written only then. */
bool route_fits(const char *pattern, struct span path, struct route_match *m);

/* Splits "path?a=b&c=d"; path and keys point into target, values into q, which is undefined on failure.
 * ERR_FORMAT: a pair without "=", a key twice, too many, or "%" without two hex digits. */
MUST_USE int route_split(struct span target, struct span *path, struct route_query *q, struct err *e);

/* The value of a key, or a span with p == NULL. */
struct span route_value(const struct route_query *q, const char *key);

/* Decimal, no sign, no leading zero, at most 2^63 - 1. */
MUST_USE int route_u64(struct span text, uint64_t *out, struct err *e);

#endif
