/* coapd.h: CoAP for devices: sockets and a thread around coap/responder.h.
 *
 * The thread owns the responder. It calls the resources (coap/resources.h); the
 * calls below may come from any other thread. Source addresses of replies are
 * the ones that requests were sent to. */
#ifndef SERVER_COAPD_H
#define SERVER_COAPD_H

#include "base/clock.h"
#include "base/err.h"
#include "coap/guard.h"
#include "coap/resources.h"

#define COAPD_SOCKETS_MAX 8

enum coapd_trust { COAPD_TRUST_ON_LINK, COAPD_TRUST_NONE, COAPD_TRUST_LIST };

struct coapd_conf {
	enum coapd_trust trust;		/* whose addresses need no Echo */
	struct prefix trusted[COAP_PREFIXES_MAX];	/* COAPD_TRUST_LIST */
	size_t ntrusted;
	struct guard_rates rates;
	const struct clock *clock;
};

/* trust on-link, rates of base/limits.h, the kernel's clock. */
struct coapd_conf coapd_defaults(void);

/* `[coap] trusted`: "on-link", "none", or prefixes separated by spaces or commas. ERR_USAGE names the word. */
MUST_USE int coapd_read_trusted(struct span text, struct coapd_conf *conf, struct err *e);

struct coapd;

/* Takes bound UDP sockets (closed by coapd_stop, and on failure), joins the discovery groups where a socket is bound to
 * no single address, and starts the thread. resources is copied; its arg outlives coapd. */
MUST_USE int coapd_start_take(const struct coapd_conf *conf, const int *fds, size_t nfds,
			      const struct resources *resources, struct coapd **out, struct err *e);
/* Ends the thread, then frees. NULL is fine. No resource is called afterwards. */
void coapd_stop(struct coapd *d);

/* A new catalog is in place: observers hear of what changed. */
void coapd_catalog_changed(struct coapd *d);

/* The keeper answered a report: a response code (PDU_CHANGED, PDU_UNAVAILABLE …). See resources.post. */
void coapd_report_done(struct coapd *d, uint64_t ticket, uint8_t code);

struct coapd_stats {
	uint64_t requests, replies, ignored, limited, send_errors;
};

struct coapd_stats coapd_stats(struct coapd *d);

#endif
