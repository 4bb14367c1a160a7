/* endpoint.h: who sent a datagram, and address prefixes. IPv4 addresses stand as ::ffff:a.b.c.d throughout. */
#ifndef COAP_ENDPOINT_H
#define COAP_ENDPOINT_H

#include "base/err.h"
#include "base/span.h"

struct endpoint {
	uint8_t address[16];
	uint16_t port;		/* host byte order */
	uint32_t scope;		/* interface index for link-local IPv6 addresses, else 0 */
};

struct prefix {
	uint8_t address[16];
	uint8_t bits;		/* 0 to 128; an IPv4 /24 is 120 */
};

bool endpoint_eq(const struct endpoint *a, const struct endpoint *b);
/* Same address, whatever the port. */
bool endpoint_same_host(const struct endpoint *a, const struct endpoint *b);
bool endpoint_is_v4(const struct endpoint *a);
bool endpoint_is_loopback(const struct endpoint *a);
bool endpoint_is_link_local(const struct endpoint *a);

/* The endpoint as bytes, in one form only: what hashes and the Echo value are computed over. */
#define ENDPOINT_BYTES 22
void endpoint_bytes(const struct endpoint *a, uint8_t out[ENDPOINT_BYTES]);

/* The address as text, without port or scope: "192.0.2.1", "2001:db8::1". out has room for ENDPOINT_TEXT. Its length. */
#define ENDPOINT_TEXT 48
size_t endpoint_text(const struct endpoint *a, char out[ENDPOINT_TEXT]);

/* A hash that whoever does not know the seed cannot steer. */
uint64_t endpoint_hash(const struct endpoint *a, uint64_t seed);
/* The same over the network only: /32 of IPv4, /64 of IPv6. */
uint64_t endpoint_network_hash(const struct endpoint *a, uint64_t seed);

bool prefix_has(const struct prefix *p, const struct endpoint *a);

/* "192.168.0.0/16", "fd00::/8", or an address alone. ERR_FORMAT names what is wrong; bits after the prefix must be 0. */
MUST_USE int prefix_read(struct span text, struct prefix *out, struct err *e);

#endif
