/* resources.h: what the CoAP core asks of whoever knows the content.
 *
 * The core calls these on one thread and never keeps what it was given past
 * release(). Everything that it sends as payload came through read(), which is
 * where the bytes are checked. */
#ifndef COAP_RESOURCES_H
#define COAP_RESOURCES_H

#include "coap/coapreq.h"
#include "coap/endpoint.h"
#include "coap/links.h"
#include "coap/option.h"

#define RESOURCE_ETAG 8			/* the first bytes of the representation's SHA-256 */
#define RESOURCE_MAX_AGE_DEFAULT 60	/* what an absent Max-Age means (RFC 7252, 5.10.5) */

struct resource_ask {
	struct span path;		/* "/fw/acme/lamp/info" */
	const struct coapreq *request;	/* queries (coapreq_query), Accept, payload; borrowed until the call returns */
	const struct endpoint *peer;
	bool is_notification;		/* nobody asked just now: an observer is about to be told */
};

/* What a path stands for at this moment. */
struct resource {
	uint8_t code;			/* PDU_CONTENT, or an error of chapter 7 */
	uint16_t format;		/* enum content_format */
	uint8_t etag[RESOURCE_ETAG];	/* with PDU_CONTENT */
	uint64_t size;			/* bytes of the whole representation */
	uint32_t max_age_s;		/* also after 5.03: when to ask again */
	bool is_observable;
	const char *why;		/* diagnostic of an error, or NULL; lives until release() */
	void *ref;			/* the owner's */
	uint64_t tag;			/* the owner's */
};

struct resources {
	/* GET: fills in *out, which comes zeroed but for max_age_s. Always answered by one release(). */
	void (*find)(void *arg, const struct resource_ask *ask, struct resource *out);
	/* n checked bytes from off on; off + n is within size. Nonzero when they cannot be had: 5.03, nothing is sent. */
	int (*read)(void *arg, const struct resource *r, uint64_t off, uint8_t *out, size_t n);
	void (*release)(void *arg, struct resource *r);	/* may be NULL */
	/* Every link of the gateway. */
	void (*links)(void *arg, struct links *l);
	/* POST, once for each exchange: returns 0 and later, on any thread but never before this returns, calls
	 * coapd_report_done() with this ticket; or returns a response code at once, and *why (static text or NULL). */
	uint8_t (*post)(void *arg, const struct resource_ask *ask, uint64_t ticket, const char **why);
	void *arg;
};

#endif
