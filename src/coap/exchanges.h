/* exchanges.h: POST requests remembered for EXCHANGE_LIFETIME (RFC 7252, 4.8.2), so that each is carried out once.
 *
 * A bounded ring in order of arrival: as every entry lives equally long, the
 * oldest is always the next to go. When the ring is full the oldest *answered*
 * entry at its end makes room; while that one is still waiting for its answer
 * nothing new is taken (ERR_BUSY).
 *
 *	EXPECTING ── answer in time ──────────────► SETTLED	piggy-backed
 *	   │ 1 s without one, or the request again
 *	   ▼ empty ACK
 *	ACKED ────── answer ──► SENDING ── ACK ───► SETTLED	separate, CON, sent again up to four times
 *	                           └─ RST, tries spent ─┘ */
#ifndef COAP_EXCHANGES_H
#define COAP_EXCHANGES_H

#include "base/limits.h"
#include "base/list.h"
#include "base/sm.h"
#include "coap/pdu.h"
#include "coap/route.h"

enum exchange_at { EXCHANGE_EXPECTING, EXCHANGE_ACKED, EXCHANGE_SENDING, EXCHANGE_SETTLED };

struct exchange {
	struct endpoint peer;
	struct route via;
	struct sm sm;
	struct list waiting;		/* in exchanges.waiting unless SETTLED */
	int64_t born_ms, due_ms;	/* due: next thing to do when nothing happens */
	uint64_t ticket;
	uint32_t next;			/* in its hash chain */
	uint16_t id;			/* of the request */
	uint16_t reply_id;		/* of a separate response */
	uint8_t type;			/* of the request: CON or NON */
	uint8_t tries;
	uint8_t token_n, token[PDU_TOKEN_MAX];
	uint8_t code;			/* once answered */
	uint8_t reply_n, reply[COAP_REPLY_MAX];	/* the answer as it was sent */
};

struct exchanges {
	struct exchange *ring;
	uint32_t *heads;		/* hash chains: index + 1 */
	uint32_t cap, first, count;
	uint64_t seed, tickets;
	struct list waiting;
};

MUST_USE int exchanges_init(struct exchanges *x, uint32_t cap, uint64_t seed, struct err *e);
void exchanges_fini(struct exchanges *x);

/* The exchange of this request if it was seen within EXCHANGE_LIFETIME, or NULL. */
struct exchange *exchanges_find(struct exchanges *x, const struct endpoint *peer, uint16_t id, int64_t now_ms);
/* A new one, EXPECTING, or NULL when all are taken by requests without an answer. */
struct exchange *exchanges_add(struct exchanges *x, const struct endpoint *peer, uint16_t id, int64_t now_ms);
/* NULL when it is gone: answered too late to matter. */
struct exchange *exchanges_by_ticket(struct exchanges *x, uint64_t ticket);

#endif
