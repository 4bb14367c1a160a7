/* observers.h: who wants to hear about changes (RFC 7641), as a bounded table.
 *
 * An observer keeps its own request, so that a notification is made by asking
 * again exactly what was asked: same path, queries, block size and Accept.
 *
 *	QUIET ── changed, or 24 h ──► sends CON (every n-th, and at least every 24 h) ──► CONFIRMING
 *	  ▲  └── changed, NON                                                                │
 *	  └─────────────────────── ACK ◄─────────────────────────────────────────────────────┤
 *	(gone: RST, tries spent, 4.04 sent, asked to end)  ◄──────────────────────────────────┘ */
#ifndef COAP_OBSERVERS_H
#define COAP_OBSERVERS_H

#include "base/limits.h"
#include "base/list.h"
#include "base/sm.h"
#include "coap/pdu.h"
#include "coap/resources.h"
#include "coap/route.h"

enum observer_at { OBSERVER_QUIET, OBSERVER_CONFIRMING };

struct observer {
	struct list node;		/* in observers.active or .unused */
	struct endpoint peer;
	struct route via;
	struct sm sm;
	uint16_t request_n;
	uint8_t request[COAP_OBSERVE_REQUEST_MAX];	/* the datagram that registered it */
	uint8_t token_n, token[PDU_TOKEN_MAX];
	uint8_t etag[RESOURCE_ETAG];	/* of what it was told last */
	uint8_t code;			/* the same */
	uint8_t tries;			/* of the CON under way */
	uint8_t since_con;		/* NONs since the last CON */
	uint16_t id;			/* message id of the last notification */
	uint32_t sequence;		/* Observe value, 24 bits */
	int64_t due_ms;			/* QUIET: the 24 h refresh; CONFIRMING: the next try */
};

struct observers {
	struct observer *all;
	struct list active, unused;	/* unused: those that were dropped */
	size_t cap, fresh;		/* from all[fresh] on nobody was ever used: that memory is not touched */
};

MUST_USE int observers_init(struct observers *o, size_t cap, struct err *e);
void observers_fini(struct observers *o);

struct observer *observers_find(struct observers *o, const struct endpoint *peer, struct span token);
struct observer *observers_by_id(struct observers *o, const struct endpoint *peer, uint16_t id);
/* QUIET, with the request kept. The same peer and token again takes the old one's place (RFC 7641, 4.1). NULL when the
 * table, or this peer's part of it (COAP_OBSERVERS_PER_PEER), is full, or the request too long to keep. */
struct observer *observers_add(struct observers *o, const struct endpoint *peer, const struct route *via,
			       struct span datagram, struct span token);
void observers_drop(struct observers *o, struct observer *one);

#endif
