/* opgate.h: what the operator's listener checks before anything reaches the keeper (chapter 8, "Security"). Pure.
 *
 * A browser on the LAN may be made to send requests by any page that it shows: so the Host must be one of ours (a
 * DNS name that an attacker points here is not), a foreign Origin is refused, and mutations need a media type that
 * no form can send. Guessing tokens is slowed per address; a good token always passes. */
#ifndef SERVER_OPGATE_H
#define SERVER_OPGATE_H

#include "base/err.h"
#include "base/span.h"

#include <stdint.h>

struct opgate_request {
	struct span method;
	struct span host;		/* the Host field; p == NULL: none */
	struct span origin, sec_fetch_site, content_type;	/* p == NULL: none */
	bool has_body;
	struct span local;		/* the address, without port, that the connection came in on */
};

struct opgate_refusal {
	unsigned status;		/* 0: let it through */
	const char *why;		/* static */
};

/* hosts: names that are allowed besides localhost, loopback and the local address; lower case. */
struct opgate_refusal opgate_check(const struct opgate_request *r, char *const *hosts, size_t hosts_n);

/* "Authorization: Bearer TOKEN" without the first word; empty for anything else. */
struct span opgate_token(struct span authorization);

#define OPGATE_SLOTS 256
struct opgate_failures {
	struct {
		uint8_t address[16];
		int64_t since_ms;
		unsigned n;
	} slot[OPGATE_SLOTS];
};

/* A wrong token came from there. True: it was one too many, answer 429. The slot of an address may be shared with
 * another one; then the newer takes it. */
bool opgate_failed(struct opgate_failures *f, const uint8_t address[16], int64_t mono_ms);

#define OPGATE_FAILURES_MAX 10
#define OPGATE_WINDOW_MS 60000

#endif
