/* exchanges.h: POST requests remembered for EXCHANGE_LIFETIME (RFC 7252, 4.8.2), so that each is carried out once.
 *
 * A bounded ring in order of arrival: as every entry lives equally long, the
 * oldest is always the next to go. When the ring is full the oldest makes room,
 * unless it still waits for its answer: then nothing new is taken.
 *
 *	EXPECTING ── answer in time ──────────────► SETTLED	piggy-backed (CON), or a NON
 *	   │ 1 s without one, or the request again
 *	   ▼ empty ACK
 *	ACKED ────── answer ──► SENDING ── ACK ───► SETTLED	separate, CON, sent again up to four times
 *	                           └─ RST, tries spent ─┘ */
#ifndef COAP_EXCHANGES_H
#define COAP_EXCHANGES_H

#include "base/limits.h"
#include "base/list.h"
#include "base/sm.h"
#include "coap/blockwise.h"
#include "coap/pdu.h"
#include "coap/route.h"

enum exchange_at { EXCHANGE_EXPECTING, EXCHANGE_ACKED, EXCHANGE_SENDING, EXCHANGE_SETTLED };

struct exchange {
	struct endpoint peer;
	struct route via;
	struct sm sm;
	struct list waiting;		/* in exchanges.waiting unless SETTLED */
	int64_t born_ms, due_ms;	/* due: when to act if nothing happens before */
	uint64_t ticket;
	const char *why;		/* static text, or NULL */
	uint32_t next;			/* in its hash chain: index + 1 */
	struct blockwise block1;	/* of the request; mirrored */
	bool has_block1, was_acked;	/* acked: by an empty ACK, so that the response goes separately */
	uint16_t id;			/* of the request */
	uint16_t reply_id;		/* of a separate response */
	uint8_t type;			/* of the request: CON or NON */
	uint8_t tries;
	uint8_t code;			/* of the response, once there is one */
	uint8_t token_n, token[PDU_TOKEN_MAX];
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
/* A new one, EXPECTING, with peer, id, ticket and times set, or NULL when there is no room. */
struct exchange *exchanges_add(struct exchanges *x, const struct endpoint *peer, uint16_t id, int64_t now_ms);
/* NULL when it is gone: answered too late to matter. */
struct exchange *exchanges_by_ticket(struct exchanges *x, uint64_t ticket);
/* The one whose separate response has this message id, or NULL. */
struct exchange *exchanges_by_reply(struct exchanges *x, const struct endpoint *peer, uint16_t reply_id);

/* Moves; SETTLED leaves the list of those that wait. */
void exchange_move(struct exchange *one, enum exchange_at to);

#endif
