/* hostcheck.c: see hostcheck.h. */
#include "server/hostcheck.h"

#include <arpa/inet.h>
#include <strings.h>

#define HOST_MAX 255	/* a DNS name has no more */

static bool is_same_name(struct span a, const char *b)
{
	return a.n == strlen(b) && strncasecmp((const char *)a.p, b, a.n) == 0;
}

static bool is_port(struct span s)
{
	if (s.n == 0 || s.n > 5)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

/* The name without port and brackets. False: malformed. */
static bool split(struct span host, struct span *name, bool *is_v6)
{
	struct span rest;
	const uint8_t *end;

	*is_v6 = host.n && host.p[0] == '[';
	if (*is_v6) {
		end = memchr(host.p, ']', host.n);
		if (!end)
			return false;
		*name = SPAN(host.p + 1, (size_t)(end - host.p - 1));
		rest = span_cut(host, name->n + 2, host.n);
	} else {
		end = host.n ? memchr(host.p, ':', host.n) : NULL;
		*name = span_cut(host, 0, end ? (size_t)(end - host.p) : host.n);
		rest = span_cut(host, name->n, host.n);
	}
	return name->n > 0 && name->n <= HOST_MAX && (rest.n == 0 || (rest.p[0] == ':' && is_port(span_cut(rest, 1, rest.n))));
}

static bool is_address(struct span name, bool is_v6, const struct in6_addr *local)
{
	struct in6_addr a = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
	char text[HOST_MAX + 1];

	memcpy(text, name.p, name.n);
	text[name.n] = 0;
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text, is_v6 ? a.s6_addr : a.s6_addr + 12) != 1)
		return false;
	return memcmp(&a, local, sizeof a) == 0;
}

bool hostcheck_allows(const struct hostcheck *h, struct span host, const struct in6_addr *local)
{
	struct span name;
	bool is_v6;

	if (!host.p || !split(host, &name, &is_v6))
		return false;
	if (is_address(name, is_v6, local))
		return true;
	if (is_v6)
		return false;
	if (is_same_name(name, "localhost"))
		return true;
	for (size_t i = 0; i < h->n; i++)
		if (is_same_name(name, h->names[i]))
			return true;
	return false;
}

bool hostcheck_is_own_page(struct span origin, struct span fetch_site, struct span host)
{
	static const char scheme[] = "http://";
	const size_t n = sizeof scheme - 1;
	struct span rest = span_cut(origin, n, origin.n);

	if (fetch_site.p && is_same_name(fetch_site, "cross-site"))
		return false;
	if (!origin.p)
		return true;
	return origin.n > n && strncasecmp((const char *)origin.p, scheme, n) == 0 && rest.n == host.n &&
	       strncasecmp((const char *)rest.p, (const char *)host.p, rest.n) == 0;
}
