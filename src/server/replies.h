/* replies.h: responses of the HTTP library that are kept ready, because the same answer goes out again and again.
 *
 * Only manifests, which lie in memory: a response whose bytes the library reads itself is shorter for everybody, and says so in its
 * length, once a read has failed (libmicrohttpd sets the shared total to where it came).
 *
 * A key names an answer within one catalog. Entries leave when they were not used for HTTP_REPLY_IDLE_MS, when another
 * one needs their place, and all of them when a new catalog comes. Any thread may call. */
#ifndef SERVER_REPLIES_H
#define SERVER_REPLIES_H

#include "base/clock.h"
#include "server/answer.h"

#include <pthread.h>

struct MHD_Connection;
struct MHD_Response;

struct reply_key {
	const struct catalog *catalog;	/* compared, and held by the entry so that its address stays its own */
	uint32_t row;
	uint8_t kind, freshness, is_immutable;
};

struct reply {
	struct reply_key key;
	struct MHD_Response *response;	/* NULL: free */
	struct catalog *catalog;	/* held */
	int64_t used_ms;
};

struct replies {
	pthread_mutex_t lock;
	const struct clock *clock;
	struct reply at[HTTP_REPLIES_MAX];
};

void replies_init(struct replies *r, const struct clock *clock);
void replies_fini(struct replies *r);

/* Queues the reply kept for this answer with status 200: 1. 0: there is none. -1: the library would not. */
int replies_queue(struct replies *r, const struct answer *a, struct MHD_Connection *connection);
/* Keeps a response that was queued before, with the catalog that its bytes lie in. Takes the reference over. */
void replies_keep_take(struct replies *r, const struct answer *a, struct MHD_Response *response);

void replies_forget(struct replies *r);			/* all: a new catalog */
void replies_trim(struct replies *r);			/* the idle ones; now and then */

#endif
