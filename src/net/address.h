/* address.h: which addresses are somebody's inside. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* True for every address that is not a public unicast one: this host, private, shared (RFC 6598), link-local, unique-local,
 * documentation, benchmarking, multicast and reserved ranges (IANA special-purpose registries), and IPv6 that
 * carries such an IPv4 (mapped ::ffff:0:0/96, compatible ::/96, NAT64 64:ff9b::/96 and 64:ff9b:1::/48, 6to4 2002::/16,
 * Teredo). Other families: true. */
bool address_is_private(const struct sockaddr *sa);

/* The same for an address in text, "10.0.0.1" or "fe80::1%eth0"; false for what is not an address (a name). */
bool address_text_is_private(const char *text);

#endif
