/* http.h: asynchronous HTTP requests to servers that nobody trusts, on libuv and curl.
 *
 * One struct http per loop; one struct http_call per request.
 *
 *	IDLE ─► RUNNING ─── reply complete, failure, limit, deadline ──► on_done, once; then freed
 *	           └──────── http_cancel ──► freed, nothing is called any more
 *
 * Promises: no callback before http_start has returned, none after http_cancel
 * or on_done. A call that http_start refused has no callbacks at all. Callbacks
 * may start and cancel any call, their own too.
 *
 * What a server cannot make us do: follow a redirect (the 3xx is the answer), decode
 * a content encoding (refused, ERR_RULE), take more than body_max bytes
 * (counted as they come, whatever Content-Length says; ERR_LIMIT), more than
 * NET_HEADERS_MAX of header lines (ERR_LIMIT), wait longer than stall_ms without a
 * byte or total_ms in all (ERR_NET), speak TLS below 1.2 or without a valid
 * certificate (ERR_NET), or be at a loopback or private address unless the
 * caller says private_ok (ERR_RULE; looked at when the socket is made, and
 * again for a connection that is used once more, so a name that changes its
 * mind gains nothing; IPv4-mapped and -translated IPv6 counts as the IPv4 in it).
 *
 * With a proxy it is the proxy that resolves names and connects: then only
 * addresses that stand in the URL itself are looked at.
 *
 * URLs may hold keys. Messages of this module name a server as
 * http_redact() does, never with its path or query. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

#include <stdint.h>
#include <uv.h>

struct http;
struct http_call;

struct http_conf {
	const char *proxy;	/* "http://host:port", or NULL: none, whatever the environment says */
	const char *ca_file;	/* PEM roots, instead of the system's; NULL: those */
	uint64_t rate_max;	/* body bytes a second that all metered calls together may take; 0: no bound */
};

/* conf is copied. */
MUST_USE int http_new(uv_loop_t *loop, const struct http_conf *conf, struct http **out, struct err *e);

/* Cancels every call and closes what is open; on_closed (may be NULL) comes from the loop when h is gone. */
void http_close(struct http *h, void (*on_closed)(void *arg), void *arg);

/* Another rate_max, from now on and for calls under way too. */
void http_set_rate_max(struct http *h, uint64_t rate_max);

/* What came back. Spans live until the callback returns. */
struct http_reply {
	unsigned status;	/* 0: none came */
	int64_t length;		/* Content-Length, -1: not said */
	struct span body;	/* on_done without on_body: all of it */
	uint64_t received;	/* body bytes so far */
	struct span lines;	/* header lines and trailers as they came; http_field() reads them */
};

/* The value of the last field of this name (case-insensitive, without surrounding blanks), also from trailers;
 * empty when there is none. */
struct span http_field(const struct http_reply *r, const char *name);

struct http_ask {
	const char *method;	/* NULL: GET */
	const char *url;	/* http or https */
	const char *const *lines;	/* "Name: value"; no line breaks in them */
	size_t lines_n;
	struct span body;	/* sent when method is POST or PUT; an empty one too */
	/* A body that is made while it is sent (a POST's; `body` is then not looked at): exactly send_length bytes. Fills
	 * up to cap bytes of out; not ERR_OK ends the call with that error. */
	int (*send)(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e);
	uint64_t send_length;
	bool is_metered;	/* under http_conf.rate_max */
	bool private_ok;	/* loopback, private, link-local addresses are fine */
	uint64_t body_max;	/* required */
	int64_t total_ms;	/* required: for the whole exchange */
	int64_t stall_ms;	/* this long below rate_min ends it; 0: NET_STALL_MS; whole seconds, rounded up */
	uint64_t rate_min;	/* bytes a second; 0: 1 */

	/* Once, when the final header block is complete, before any body, and before its lengths and encodings are judged here. May be NULL. Not ERR_OK: the call ends with that
	 * error (e is what on_done gets). */
	int (*on_head)(void *arg, const struct http_reply *r, struct err *e);
	/* Body bytes in order. NULL: they are collected for on_done. Not ERR_OK ends the call, as above. */
	int (*on_body)(void *arg, struct span bytes, struct err *e);
	/* Once. rc ERR_OK: a whole reply, whatever its status. Else e says why, and r has what came until then. */
	void (*on_done)(void *arg, int rc, const struct http_reply *r, const struct err *e);
	void *arg;
};

/* Everything in ask is copied. ERR_USAGE: not a URL of ours, a line with a line break, a limit missing. *out may be NULL'd by
 * the caller in on_done: it is invalid from then on. */
MUST_USE int http_start(struct http *h, const struct http_ask *ask, struct http_call **out, struct err *e);

/* NULL is fine. */
void http_cancel(struct http_call *c);

/* Retry-After in milliseconds: seconds or an HTTP date, at most RETRY_AFTER_MAX_MS; 0 when there is none, or it makes no
 * sense, or it is a date and wall_ms is 0. */
int64_t http_retry_after_ms(const struct http_reply *r, int64_t wall_ms);

/* "scheme://host[:port]" of url: no user, path or query; "(not a URL)" if it is none. Returns out. */
#define HTTP_REDACTED_MAX 320
char *http_redact(const char *url, char out[HTTP_REDACTED_MAX]);

#endif
