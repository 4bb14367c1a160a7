/* coapd_onlink.c: see coapd_onlink.h. */
#include "server/coapd_onlink.h"
#include "base/cleanup.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

static void close_list(struct ifaddrs **all)
{
	if (*all)
		freeifaddrs(*all);
}

static bool is_internet(const struct sockaddr *a)
{
	return a && (a->sa_family == AF_INET || a->sa_family == AF_INET6);
}

/* The address bytes, and how many. */
static struct span address_of(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return SPAN_OF(((const struct sockaddr_in *)(const void *)a)->sin_addr);
	return SPAN_OF(((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static struct prefix prefix_of(const struct ifaddrs *one)
{
	struct span address = address_of(one->ifa_addr), mask = address_of(one->ifa_netmask);
	struct prefix p = { .bits = (uint8_t)(128 - 8 * mask.n) };
	uint8_t *out = p.address + 16 - address.n;

	if (address.n == 4)
		p.address[10] = p.address[11] = 0xff;
	for (size_t i = 0; i < address.n; i++) {
		out[i] = address.p[i] & mask.p[i];
		p.bits = (uint8_t)(p.bits + __builtin_popcount(mask.p[i]));
	}
	return p;
}

static bool has_address(const struct ifaddrs *all, const char *name, const struct sockaddr_storage *bound)
{
	const struct sockaddr *want = (const struct sockaddr *)bound;

	for (const struct ifaddrs *one = all; one; one = one->ifa_next)
		if (strcmp(one->ifa_name, name) == 0 && is_internet(one->ifa_addr) &&
		    one->ifa_addr->sa_family == want->sa_family &&
		    span_eq(address_of(one->ifa_addr), address_of(want)))
			return true;
	return false;
}

static bool listens_on(const struct coapd_socket *sockets, size_t n, const struct ifaddrs *all, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (sockets[i].is_wildcard || has_address(all, name, &sockets[i].bound))
			return true;
	return false;
}

int coapd_onlink(const struct coapd_socket *sockets, size_t nsockets, struct prefix *out, size_t cap,
		 size_t *n, struct err *e)
{
	AUTO(close_list) struct ifaddrs *all = NULL;
	size_t found = 0;

	if (getifaddrs(&all) < 0)
		return err_errno(e, "interfaces");
	for (const struct ifaddrs *one = all; one && found < cap; one = one->ifa_next)
		if (is_internet(one->ifa_addr) && one->ifa_netmask && one->ifa_flags & IFF_UP &&
		    listens_on(sockets, nsockets, all, one->ifa_name))
			out[found++] = prefix_of(one);
	*n = found;
	return ERR_OK;
}

void coapd_join_all(const struct coapd_socket *sockets, size_t nsockets)
{
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *one = all; one && one->if_index; one++)
		for (size_t i = 0; i < nsockets; i++)
			if (sockets[i].is_wildcard)
				coapd_socket_join(&sockets[i], one->if_index);
	if (all)
		if_freenameindex(all);
}
