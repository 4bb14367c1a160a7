/* http_head.h: the head of an HTTP answer (RFC 9112), as far as fetching a range needs it. Pure. */
#ifndef DEVICE_HTTP_HEAD_H
#define DEVICE_HTTP_HEAD_H

#include "base/err.h"
#include "base/span.h"

#define HTTP_HEAD_MAX 8192

struct http_head {
	unsigned status;
	size_t n;		/* bytes of the head: where the body begins */
	bool has_length;
	uint64_t length;	/* of the body that follows */
	uint64_t from;		/* offset of its first byte in the representation: 0 unless 206 says otherwise */
	unsigned retry_s;	/* Retry-After in seconds; 0: none */
};

/* ERR_BUSY: not all there yet. ERR_FORMAT: not HTTP/1.x, a line that is no header field, two lengths that differ,
 * a 206 without its range. ERR_RULE: a transfer or content coding, which is never asked for. */
MUST_USE int http_head_read(struct span bytes, struct http_head *out, struct err *e);

#endif
