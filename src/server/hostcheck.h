/* hostcheck.h: is this request to the operator's listener meant for us, and sent by our own page or by no page at all?
 *
 * A browser on the LAN can be made to send requests by any page that it shows (CSRF), and to believe that a name of
 * the attacker's is our address (DNS rebinding). So a Host must be one of ours, and an Origin must be that Host's. */
#ifndef SERVER_HOSTCHECK_H
#define SERVER_HOSTCHECK_H

#include "base/span.h"

#include <netinet/in.h>

struct hostcheck {
	char *const *names;	/* `[operator] hosts`; borrowed */
	size_t n;
};

/* Host as sent ("name", "name:port", "[v6]:port"): "localhost", the address that the connection came to (IPv4 as mapped
 * address), or one of the names. Any port: tunnels change it. */
bool hostcheck_allows(const struct hostcheck *h, struct span host, const struct in6_addr *local);

/* Origin and Sec-Fetch-Site (p == NULL: not sent) beside that Host. */
bool hostcheck_is_own_page(struct span origin, struct span fetch_site, struct span host);

#endif
