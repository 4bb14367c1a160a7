/* respond.h: what the parts of the responder share; nobody else includes it. */
#ifndef COAP_RESPOND_H
#define COAP_RESPOND_H

#include "coap/responder.h"

#define RESPOND_SPAN_MS 2000		/* ACK_TIMEOUT (RFC 7252, 4.8) */
#define RESPOND_TRIES_MAX 5		/* once, and MAX_RETRANSMIT more */

/* The listing of /.well-known/core as the last asker filtered it. */
struct listing {
	struct buf text, query;
	uint8_t etag[RESOURCE_ETAG];
	bool is_made;
};

/* A multicast reply that waits for its moment. n == 0: free. */
struct delayed {
	struct endpoint to;
	struct route via;
	int64_t due_ms;
	size_t n;
	uint8_t bytes[COAP_MESSAGE_MAX];
};

struct responder {
	struct responder_conf conf;
	struct guard guard;
	struct exchanges exchanges;
	struct observers observers;
	struct uploads uploads;
	struct listing whole, filtered;	/* without a filter, and with the last one */
	struct delayed delayed[COAP_DELAYED_MAX];
	struct responder_stats stats;
	uint64_t random;
	int64_t due_ms;		/* nothing to do before; may be too early, never too late */
	uint16_t next_id;
};

/* One request on its way to its reply. */
struct turn {
	struct responder *r;
	const struct datagram *in;
	struct coapreq req;
	int64_t now_ms;
	bool is_verified;
	uint8_t *out;
	size_t cap;		/* bytes that may go back: less than COAP_MESSAGE_MAX while not verified */
	enum pdu_type type;	/* of the reply */
	uint16_t id;		/* of the reply */
};

/* A representation as a reply is about to carry it. observe: -1, or the option's value. */
struct content {
	const struct resource *res;
	struct span text;		/* instead of resources.read(), when p is set */
	int64_t observe;
};

/* respond_reply.c: each returns the length written to t->out. */
size_t respond_code(struct turn *t, uint8_t code, const char *why);
size_t respond_wait(struct turn *t, uint8_t code, const char *why, uint32_t max_age_s);
size_t respond_with_echo(struct turn *t);
size_t respond_content(struct turn *t, const struct content *c);

/* respond_get.c */
size_t respond_get(struct turn *t);
/* The answer to what an observer asked, as it is now. Fills in *code and etag with what it says. 0: nothing to send. */
size_t respond_again(struct turn *t, uint32_t sequence, uint8_t *code, uint8_t etag[RESOURCE_ETAG]);
bool respond_is_listing(const struct coapreq *q);
size_t respond_listing(struct turn *t);
void listing_forget(struct listing *l);

/* respond_post.c */
size_t respond_post(struct turn *t);
void respond_post_due(struct responder *r, int64_t now_ms);
bool respond_post_ack(struct responder *r, const struct endpoint *peer, uint16_t id);

/* respond_observe.c */
void respond_observers_due(struct responder *r, int64_t now_ms);
void respond_observers_changed(struct responder *r, int64_t now_ms);
void respond_observer_ack(struct responder *r, const struct endpoint *peer, uint16_t id, bool is_reset,
			  int64_t now_ms);

/* respond_listing.c, also */
size_t respond_group(struct turn *t);
void respond_delayed_due(struct responder *r, int64_t now_ms);

/* The responder has to look again at this time. */
static inline void respond_wake(struct responder *r, int64_t at_ms)
{
	if (at_ms < r->due_ms)
		r->due_ms = at_ms;
}

uint32_t respond_random(struct responder *r);

/* ACK_TIMEOUT times 1 to 1.5, doubled for each try before (RFC 7252, 4.2). */
int64_t respond_timeout(struct responder *r, unsigned tries);

#endif
