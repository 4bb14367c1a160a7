/* gateway.h: asking a gateway, over CoAP or HTTP, from one blocking program. */
#ifndef DEVICE_GATEWAY_H
#define DEVICE_GATEWAY_H

#include "base/err.h"
#include "base/span.h"
#include "device/options.h"

#include <sys/socket.h>

/* Takes what comes, in order. at is the offset in the representation. False: stop. */
struct sink {
	bool (*take)(void *arg, uint64_t at, struct span data);
	void *arg;
};

struct gateway {
	enum scheme scheme;
	struct sockaddr_storage address;
	socklen_t address_n;
	char authority[300];	/* for HTTP's Host */
	int udp;		/* CoAP's sockets; -1 for HTTP. Reports go out within a transfer, and must */
	int udp_reports;	/* not take its answers off its socket */
	uint16_t next_id;	/* CoAP message id */
	uint32_t next_token;
	unsigned retry_s;	/* Max-Age or Retry-After of the last refusal; 0: none */
};

/* Resolves the host; opens the UDP socket. */
MUST_USE int gateway_open(struct gateway *g, const struct options *o, struct err *e);
void gateway_close(struct gateway *g);

/* GETs path from byte `from` on, or from before it when the server knows no better. ERR_NET: nobody there or it broke
 * off; ERR_NOT_FOUND, ERR_BUSY, ERR_DENIED, ERR_RULE by the answer's code; ERR_LIMIT: the sink said stop. */
MUST_USE int gateway_get(struct gateway *g, const char *path, uint64_t from, const struct sink *sink, struct err *e);

/* POSTs a CBOR body. */
MUST_USE int gateway_post(struct gateway *g, const char *path, struct span body, struct err *e);

/* Waits for news about path at most this long: true when CoAP's Observe brought some. HTTP just waits. */
bool gateway_wait(struct gateway *g, const char *path, unsigned seconds);

/* SIGTERM and SIGINT end every wait in here; calls after that fail at once. */
void gateway_catch_signals(void);
bool gateway_is_stopping(void);

/* poll(2) for one descriptor, except that a caught signal is never missed. 0: time is up, -1: stop or error. */
int gateway_poll(int fd, short events, int timeout_ms);

/* The two transports. */
MUST_USE int http_get(struct gateway *g, const char *path, uint64_t from, const struct sink *sink, struct err *e);
MUST_USE int http_post(struct gateway *g, const char *path, struct span body, struct err *e);
MUST_USE int udp_get(struct gateway *g, const char *path, uint64_t from, const struct sink *sink, struct err *e);
MUST_USE int udp_post(struct gateway *g, const char *path, struct span body, struct err *e);
bool udp_wait(struct gateway *g, const char *path, unsigned seconds);

#endif
