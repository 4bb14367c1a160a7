/* coapreq.h: a CoAP request with its options understood (RFC 7252 5.4 and 5.10, RFC 7959, 7641, 9175).
 *
 * Either every option is one we can honour or ignore, or the request gets the
 * code that says why not. Nothing is decoded: a '%' in a path is a '%'. */
#ifndef COAP_COAPREQ_H
#define COAP_COAPREQ_H

#include "base/limits.h"
#include "coap/blockwise.h"
#include "coap/pdu.h"

#define COAPREQ_ETAGS_MAX 8
#define COAPREQ_ANY (-1)	/* Accept, Content-Format, Observe: the option is absent */

struct coapreq {
	struct pdu pdu;
	/* "/fw/acme/lamp": each Uri-Path is a segment; a single one that holds slashes is split at them. "/" for none.
	 * A slash in one of several segments makes the path one that nothing has: is_odd. */
	char path[COAP_PATH_MAX];
	size_t path_n;
	bool is_odd;
	struct span queries[COAP_QUERIES_MAX];	/* "key=value", into the message */
	size_t nqueries;
	struct span etags[COAPREQ_ETAGS_MAX];	/* more than these cannot validate anything, and are left out */
	size_t netags;
	struct span echo;			/* empty: none */
	int32_t accept, format, observe;	/* or COAPREQ_ANY */
	struct blockwise block1, block2;
	bool has_block1, has_block2, wants_size2;
};

static inline struct span coapreq_path(const struct coapreq *r)
{
	return SPAN(r->path, r->path_n);
}

/* The value of query `key`, or a span with p == NULL. */
struct span coapreq_query(const struct coapreq *r, const char *key);

/* pdu is a request that pdu_read accepted. Returns 0, or the response code (4.00, 4.02, 5.05) with *why, a static
 * text of at most COAP_DIAGNOSTIC_MAX bytes. out borrows from the datagram. */
MUST_USE uint8_t coapreq_read(const struct pdu *pdu, struct coapreq *out, const char **why);

#endif
