/* address.c: see address.h. The ranges are those of IANA's special-purpose address registries that are not globally reachable. */
#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct { uint32_t net; unsigned bits; } inside4[] = {
	{ 0x00000000, 8 },	/* this network */
	{ 0x0a000000, 8 },	/* private */
	{ 0x64400000, 10 },	/* shared by carriers */
	{ 0x7f000000, 8 },	/* loopback */
	{ 0xa9fe0000, 16 },	/* link-local; clouds keep credentials at 169.254.169.254 */
	{ 0xac100000, 12 },	/* private */
	{ 0xc0000000, 24 },	/* IETF protocol assignments */
	{ 0xc0000200, 24 },	/* documentation */
	{ 0xc0586300, 24 },	/* 6to4 relays */
	{ 0xc0a80000, 16 },	/* private */
	{ 0xc6120000, 15 },	/* benchmarking */
	{ 0xc6336400, 24 },	/* documentation */
	{ 0xcb007100, 24 },	/* documentation */
	{ 0xe0000000, 3 },	/* multicast, reserved, broadcast */
};

static bool is_inside4(uint32_t a)
{
	for (size_t i = 0; i < sizeof inside4 / sizeof *inside4; i++)
		if (((a ^ inside4[i].net) >> (32 - inside4[i].bits)) == 0)
			return true;
	return false;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Prefixes that carry an IPv4 address, and where. */
static const struct { uint8_t net[16]; unsigned bytes, at; bool is_inverted; } carriers[] = {
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 12, 12, false },	/* mapped */
	{ { 0 }, 12, 12, false },						/* compatible; also :: and ::1 */
	{ { 0x00, 0x64, 0xff, 0x9b }, 12, 12, false },				/* NAT64 */
	{ { 0x20, 0x02 }, 2, 2, false },					/* 6to4 */
	{ { 0x20, 0x01, 0, 0 }, 4, 12, true },					/* Teredo */
};

static bool is_inside6(const uint8_t a[16])
{
	static const uint8_t nat64_local[] = { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 };
	static const uint8_t documentation[] = { 0x20, 0x01, 0x0d, 0xb8 };

	for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++) {
		uint32_t v4 = be32(a + carriers[i].at);

		if (memcmp(a, carriers[i].net, carriers[i].bytes) == 0)
			return is_inside4(carriers[i].is_inverted ? ~v4 : v4);
	}
	if (memcmp(a, nat64_local, sizeof nat64_local) == 0 || memcmp(a, documentation, sizeof documentation) == 0)
		return true;
	return (a[0] & 0xe0) != 0x20;	/* only 2000::/3 is global unicast */
}

bool address_is_private(const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof v4);
		return is_inside4(ntohl(v4.sin_addr.s_addr));
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof v6);
		return is_inside6(v6.sin6_addr.s6_addr);
	}
	return true;
}

bool address_text_is_private(const char *text)
{
	char plain[INET6_ADDRSTRLEN + IF_NAMESIZE + 2];
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	snprintf(plain, sizeof plain, "%s", text);
	plain[strcspn(plain, "%")] = '\0';
	if (inet_pton(AF_INET, plain, &v4.sin_addr) == 1)
		return address_is_private((struct sockaddr *)&v4);
	if (inet_pton(AF_INET6, plain, &v6.sin6_addr) == 1)
		return address_is_private((struct sockaddr *)&v6);
	return false;
}
