/* uploads.h: request bodies that come in Block1 pieces (RFC 7959, 2.5), put together in a few bounded places.
 *
 * Pieces come in order; block 0 starts afresh. A body is at most REPORT_MAX
 * bytes. A place is given up after EXCHANGE_LIFETIME, or to a newcomer when
 * all are taken (the longest idle goes). */
#ifndef COAP_UPLOADS_H
#define COAP_UPLOADS_H

#include "base/limits.h"
#include "coap/coapreq.h"
#include "coap/endpoint.h"

struct upload {
	struct endpoint peer;
	char path[COAP_PATH_MAX];
	size_t path_n;
	uint8_t body[REPORT_MAX];
	size_t n;
	int64_t used_ms;
	bool is_taken;
};

struct uploads {
	struct upload all[COAP_UPLOADS_MAX];
};

/* Takes the piece that the request carries. 0: the body is complete, *body holds it until the next call;
 * PDU_CONTINUE: send more; PDU_INCOMPLETE: an earlier piece is missing; PDU_TOO_LARGE; PDU_BAD_REQUEST: a piece that
 * says more follows and does not fill its block. */
MUST_USE uint8_t uploads_take(struct uploads *u, const struct endpoint *peer, const struct coapreq *r,
			      int64_t now_ms, struct span *body);

#endif
