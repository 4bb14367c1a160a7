/* setup.h: one request as curl sees it: what it may do, and what comes of it. Private to src/net. */
#ifndef NET_SETUP_H
#define NET_SETUP_H

#include "base/buf.h"
#include "base/list.h"
#include "base/sm.h"
#include "net/http.h"
#include "net/meter.h"
#include "net/multi.h"

/* struct http_conf, copied. */
struct http_rules {
	char proxy[SOURCE_URL_MAX], ca_file[4096];
};

struct http_call {
	struct list node;
	struct sm sm;
	struct http *http;
	struct meter *meter;		/* NULL: not metered */
	struct list waits;		/* in meter->waiting, while it is paused */
	CURLcode broke;			/* C_BROKEN: why */
	CURL *easy;
	struct http_ask ask;		/* callbacks, limits; its pointers to text are not used after the start */
	struct curl_slist *lines;
	uint8_t *send;			/* the request's body */
	struct buf head, body;
	size_t head_total;		/* bytes of all header lines, of earlier blocks too */
	uint64_t received, sent;
	unsigned status;
	bool is_head, is_proxied, was_refused;
	bool is_deaf;			/* cancelled while curl holds it: the owner is not called any more */
	struct err err;			/* why a callback ended it */
	char server[HTTP_REDACTED_MAX];
	char text[CURL_ERROR_SIZE];	/* curl's words */
};

MUST_USE int http_rules_set(struct http_rules *r, const struct http_conf *conf, struct err *e);
void http_rules_apply(CURLM *multi);

/* Fills the call and its curl handle. What it has made is the caller's to free, also on failure. */
MUST_USE int call_setup(struct http_call *c, const struct http_rules *r, const struct http_ask *ask, struct err *e);

/* What curl's verdict means, with everything that our callbacks noticed. */
int call_outcome(const struct http_call *c, CURLcode code, struct err *e);

struct http_reply call_reply(const struct http_call *c, bool with_body);

#endif
