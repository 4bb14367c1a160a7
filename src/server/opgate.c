/* opgate.c: see opgate.h. */
#include "server/opgate.h"

#include <strings.h>

static bool same_text(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

/* "name:port" or "[v6]:port" without port and brackets; empty when it is neither. */
static struct span host_of(struct span authority)
{
	const uint8_t *end;

	if (authority.n > 0 && authority.p[0] == '[') {
		end = memchr(authority.p, ']', authority.n);
		return end ? SPAN(authority.p + 1, (size_t)(end - authority.p) - 1) : SPAN(NULL, 0);
	}
	end = authority.n ? memchr(authority.p, ':', authority.n) : NULL;
	return end ? SPAN(authority.p, (size_t)(end - authority.p)) : authority;
}

static bool is_ours(struct span host, struct span local, char *const *hosts, size_t n)
{
	static const char *const always[] = { "localhost", "127.0.0.1", "::1" };

	if (host.n == 0)
		return false;
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		if (same_text(host, span_str(always[i])))
			return true;
	for (size_t i = 0; i < n; i++)
		if (same_text(host, span_str(hosts[i])))
			return true;
	return same_text(host, local);
}

/* An Origin is "scheme://authority"; ours is the very authority that the request names as Host. */
static bool is_foreign(struct span origin, struct span host)
{
	for (size_t i = 0; i + 3 <= origin.n; i++)
		if (memcmp(origin.p + i, "://", 3) == 0)
			return !same_text(span_cut(origin, i + 3, origin.n), host);
	return true;
}

static bool is_json(struct span type)
{
	static const char json[] = "application/json";
	size_t n = sizeof json - 1;

	return type.n >= n && strncasecmp((const char *)type.p, json, n) == 0 && (type.n == n || type.p[n] == ';' || type.p[n] == ' ');
}

static bool needs_json(const struct opgate_request *r)
{
	return span_is(r->method, "POST") || span_is(r->method, "PUT") || (span_is(r->method, "DELETE") && r->has_body);
}

struct opgate_refusal opgate_check(const struct opgate_request *r, char *const *hosts, size_t hosts_n)
{
	if (!is_ours(host_of(r->host), r->local, hosts, hosts_n))
		return (struct opgate_refusal){ 421, "Host is not a name of this gateway ([operator] hosts lists more)" };
	if (r->origin.p && is_foreign(r->origin, r->host))
		return (struct opgate_refusal){ 403, "Origin: another site's page may not ask this" };
	if (r->sec_fetch_site.p && same_text(r->sec_fetch_site, SPAN_LIT("cross-site")))
		return (struct opgate_refusal){ 403, "Sec-Fetch-Site: another site's page may not ask this" };
	if (needs_json(r) && !is_json(r->content_type))
		return (struct opgate_refusal){ 415, "Content-Type must be application/json" };
	return (struct opgate_refusal){ 0, NULL };
}

struct span opgate_token(struct span authorization)
{
	static const char scheme[] = "Bearer ";
	size_t n = sizeof scheme - 1;

	if (authorization.n <= n || strncasecmp((const char *)authorization.p, scheme, n) != 0)
		return SPAN(NULL, 0);
	return span_cut(authorization, n, authorization.n);
}

static size_t slot_of(const uint8_t address[16])
{
	uint32_t h = 2166136261u;	/* FNV-1a: spreads neighbours; nothing depends on it being hard to hit */

	for (size_t i = 0; i < 16; i++)
		h = (h ^ address[i]) * 16777619u;
	return h % OPGATE_SLOTS;
}

bool opgate_failed(struct opgate_failures *f, const uint8_t address[16], int64_t mono_ms)
{
	size_t i = slot_of(address);

	if (f->slot[i].n == 0 || memcmp(f->slot[i].address, address, 16) || mono_ms - f->slot[i].since_ms >= OPGATE_WINDOW_MS) {
		memcpy(f->slot[i].address, address, 16);
		f->slot[i].since_ms = mono_ms;
		f->slot[i].n = 0;
	}
	f->slot[i].n++;
	return f->slot[i].n > OPGATE_FAILURES_MAX;
}
