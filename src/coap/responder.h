/* responder.h: a CoAP server without sockets: datagram and time in, datagrams out.
 *
 * GET needs no memory: the reply follows from the datagram and from what the
 * resources say at that moment, so a device may ask for any block in any order,
 * days later, or of another gateway. What is remembered, each in a bounded
 * table: POST exchanges (exchanges.h), bodies in pieces (uploads.h), observers
 * (observers.h), delayed multicast replies, and guard.h.
 *
 * Not thread-safe; one thread owns it. Nothing on the GET path allocates,
 * except for /.well-known/core when the listing has changed. */
#ifndef COAP_RESPONDER_H
#define COAP_RESPONDER_H

#include "coap/exchanges.h"
#include "coap/guard.h"
#include "coap/observers.h"
#include "coap/resources.h"
#include "coap/route.h"
#include "coap/uploads.h"

struct responder_conf {
	struct resources resources;
	struct echo_mac mac;
	struct hash32 (*digest)(struct span data);	/* SHA-256; for the ETag of the link listing */
	struct guard_rates rates;
	uint64_t seed;					/* random */
	/* Datagrams that are no direct reply: notifications, separate responses, delayed multicast replies. Must not
	 * call back. Borrowed until it returns. */
	void (*send)(void *arg, const struct endpoint *to, const struct route *via, struct span datagram);
	void *arg;
};

struct responder_stats {
	uint64_t requests, replies, ignored, limited;
};

struct responder;

MUST_USE int responder_new(const struct responder_conf *conf, struct responder **out, struct err *e);
void responder_free(struct responder *r);

struct datagram {
	struct endpoint from;
	struct route via;
	struct span bytes;
	bool was_cut;		/* longer than COAP_MESSAGE_MAX: the rest is lost */
};

/* Length of the reply written to out, 0 for none. A datagram draws a reply or calls of send, never both. */
size_t responder_take(struct responder *r, const struct datagram *in, int64_t now_ms,
		      uint8_t out[COAP_MESSAGE_MAX]);

/* When responder_tick() has something to do at the earliest; INT64_MAX: nothing is waiting. */
int64_t responder_due(const struct responder *r);
void responder_tick(struct responder *r, int64_t now_ms);

/* What resources say may be different now: tells the observers whose manifest changed. */
void responder_changed(struct responder *r, int64_t now_ms);

/* The answer to a POST that returned 0. A ticket that is no longer known is ignored. */
void responder_post_done(struct responder *r, uint64_t ticket, uint8_t code, int64_t now_ms);

/* See guard_trust(). */
void responder_trust(struct responder *r, const struct prefix *prefixes, size_t n);

struct responder_stats responder_stats(const struct responder *r);

#endif
