/* links.h: link format (RFC 6690), written and filtered in one go: what GET /.well-known/core answers.
 *
 * A filter is one query, `name=value` or `name=prefix*` (RFC 6690, 4.1); a link
 * that has no such attribute or another value is left out. rt and if hold
 * several values, separated by spaces: one match is enough. */
#ifndef COAP_LINKS_H
#define COAP_LINKS_H

#include "base/buf.h"

struct links_filter {
	struct span name, value;	/* name.n == 0: everything matches */
	bool is_prefix;
};

/* One link. Empty texts and negative numbers are attributes left out. */
struct link {
	struct span href;	/* "/fw/acme/lamp" */
	struct span rt, interface;	/* space-separated; written as rt= and if= */
	struct span title;
	int32_t format;		/* ct */
	int64_t size;		/* sz */
	bool is_observable;	/* obs */
};

struct links {
	struct buf *out;	/* the caller's; its limit bounds the listing */
	struct links_filter filter;
	size_t count;		/* links written */
	size_t left_out;	/* matching ones that found no room; never a part of one */
};

/* queries: of the request. ERR_FORMAT: a query without '=', or more than one (RFC 6690 defines one). */
MUST_USE int links_filter_read(const struct span *queries, size_t n, struct links_filter *out, struct err *e);

void links_begin(struct links *l, struct buf *out, const struct links_filter *filter);
void links_add(struct links *l, const struct link *link);

#endif
