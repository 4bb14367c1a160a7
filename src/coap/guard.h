/* guard.h: who may draw how much from us.
 *
 * We are no amplifier: until an address has shown that it receives what we
 * send (an Echo value came back, RFC 9175 2.4) or lies in a trusted prefix, a
 * reply is at most COAP_UNVERIFIED_FACTOR times the request and never over
 * COAP_UNVERIFIED_MAX. And nobody gets the whole server: token buckets per
 * network (/32, /64) and for all, apart for known and unknown peers, so that a
 * spoofed flood does not use up what the site's own devices have.
 *
 * Memory is fixed: tables are indexed by a seeded hash, and a newcomer takes
 * the place of whoever was there. Losing it costs a peer one more Echo. */
#ifndef COAP_GUARD_H
#define COAP_GUARD_H

#include "base/limits.h"
#include "coap/echo.h"

enum guard_verdict {
	GUARD_SERVE,		/* verified or trusted */
	GUARD_LIMITED,		/* not verified: mind guard_budget() */
	GUARD_TOO_MANY,		/* known, but asks too often: 4.29 */
	GUARD_DROP,		/* no reply */
};

struct bucket {
	uint32_t tokens;	/* thousandths of a request */
	uint32_t last_ms;	/* low bits of the monotonic time */
};

struct guard_rates {
	uint32_t per_source, all;	/* requests a second; bursts of twice as many. 0: no limit */
};

struct guard {
	struct echo_mac mac;
	uint64_t seed;
	struct guard_rates rates;
	struct prefix prefixes[COAP_PREFIXES_MAX];
	size_t nprefixes;
	struct bucket known_all, unknown_all;
	struct bucket *known, *unknown;		/* COAP_BUCKETS each */
	struct guard_verified *verified;	/* COAP_VERIFIED_MAX */
	uint32_t over;				/* counts requests over a limit: one in four goes through */
};

/* seed: random. Every bucket starts full. */
MUST_USE int guard_init(struct guard *g, const struct echo_mac *mac, uint64_t seed,
			const struct guard_rates *rates, struct err *e);
void guard_fini(struct guard *g);

/* Replaces the trusted prefixes; those over COAP_PREFIXES_MAX are left out. */
void guard_trust(struct guard *g, const struct prefix *prefixes, size_t n);

/* Accounts for one datagram. Source ports below 1024 are dropped: they belong to services that a spoofer
 * would have us talk to. Loopback peers have no rate limit: whoever is on this machine can burn it anyway. */
enum guard_verdict guard_admit(struct guard *g, const struct endpoint *peer, int64_t now_ms);

/* A request carried this Echo value: true makes the peer a verified one for some minutes. */
bool guard_verify(struct guard *g, const struct endpoint *peer, int64_t now_ms, struct span value);

/* Bytes that may go to an unverified peer in reply to this many. */
size_t guard_budget(size_t request_bytes);

#endif
