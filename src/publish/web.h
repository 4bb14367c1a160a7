/* web.h: one HTTP request at a time, and its answer: net/http on a loop of its own.
 *
 * Publishing is a sequence of questions; the program has nothing else to do
 * while it waits. Loopback and private addresses are fine: the user named them. */
#ifndef PUBLISH_WEB_H
#define PUBLISH_WEB_H

#include "base/buf.h"
#include "base/err.h"

struct web;

/* ca_file: PEM of the only authorities to trust; NULL: the system's. Free with web_free. */
MUST_USE int web_new(const char *ca_file, struct web **out, struct err *e);
void web_free(struct web *w);

#define WEB_LINES_MAX 4

struct web_ask {
	const char *method, *url;
	const char *lines[WEB_LINES_MAX];	/* header lines; NULL: none (any more) */
	struct span body;			/* of a POST */
	/* A body that is made while it is sent, of exactly send_length bytes, instead of `body`. Fills up to cap bytes. */
	int (*send)(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e);
	uint64_t send_length;
	uint64_t reply_max;			/* bytes of the answer */
	int64_t total_ms;
	/* Takes the body of an answer with status 200 as it comes; NULL: all of it goes to `reply`. Not 0 ends the call
	 * with that error, except WEB_ENOUGH, which ends it well. */
	int (*on_body)(void *arg, struct span bytes, struct err *e);
	void *arg;
};

#define WEB_ENOUGH (-1)

struct web_reply {
	unsigned status;
	struct buf body;		/* buf_free */
	char content_type[80];
};

/* ERR_NET: nothing (whole) came back, and why; a status of 400 and more is not an error here. The message begins with the
 * server, without path or query, which may hold keys. */
MUST_USE int web_call(struct web *w, const struct web_ask *ask, struct web_reply *out, struct err *e);
void web_reply_free(struct web_reply *r);

#endif
