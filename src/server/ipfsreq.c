/* ipfsreq.c: see ipfsreq.h. */
#include "server/ipfsreq.h"

#include "server/accept.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#define DIGITS_MAX 18		/* they fit 63 bits */

static bool is_type(struct span type, const char *name)
{
	return type.n == strlen(name) && strncasecmp((const char *)type.p, name, type.n) == 0;
}

/* --- a CAR's parameters --- */

/* One of them by its name in Accept; false: what is asked for is not to be had. */
static bool take_parameter(struct ipfsreq *r, struct span name, struct span value)
{
	if (is_type(name, "version"))
		return span_is(value, "1");
	if (is_type(name, "order"))	/* "unk" is content with any */
		return span_is(value, "dfs") || span_is(value, "unk");
	if (!is_type(name, "dups"))
		return true;
	r->is_once = span_is(value, "n");
	return r->is_once || span_is(value, "y");
}

static struct span unquoted(struct span s)
{
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? span_cut(s, 1, s.n - 2) : s;
}

/* All of them; "q" and unknown ones are passed over. */
static bool take_parameters(struct ipfsreq *r, struct span parameters)
{
	while (parameters.n) {
		struct span one = accept_take(&parameters, ';'), name = accept_take(&one, '=');

		if (!take_parameter(r, name, unquoted(one)))
			return false;
	}
	return true;
}

/* --- Accept --- */

static const char *const scopes[] = { [IPFSREQ_ALL] = "all", [IPFSREQ_ENTITY] = "entity", [IPFSREQ_BLOCK] = "block" };

static const struct ipfsreq plain = { .kind = IPFSREQ_PLAIN }, raw = { .kind = IPFSREQ_RAW }, car = { .kind = IPFSREQ_CAR, .is_once = true };

/* One media range. False: nothing that is to be had. */
static bool read_range(struct span type, struct span parameters, struct ipfsreq *out)
{
	if (is_type(type, "*/*") || is_type(type, "application/*") || is_type(type, "application/octet-stream"))
		*out = plain;
	else if (is_type(type, "application/vnd.ipld.raw"))
		*out = raw;
	else if (is_type(type, "application/vnd.ipld.car"))
		*out = car;
	else
		return false;
	return out->kind != IPFSREQ_CAR || take_parameters(out, parameters);
}

/* Of what is wanted most the first; the plain file, which others ask for with wildcards, only when it is wanted more. False: nothing, or
 * all of it with q=0. With `only_cars`, of CARs. */
static bool read_accept(struct span header, bool only_cars, struct ipfsreq *out)
{
	unsigned best = 0;

	while (header.n) {
		struct span one = accept_take(&header, ','), type = accept_take(&one, ';');
		unsigned q = accept_quality(one);
		struct ipfsreq r;

		if (q < best || !read_range(type, one, &r) || (only_cars && r.kind != IPFSREQ_CAR))
			continue;
		if (q > best || (out->kind == IPFSREQ_PLAIN && r.kind != IPFSREQ_PLAIN))
			*out = r;
		best = q;
	}
	return best > 0;
}

static unsigned choose(const struct ipfsreq_said *said, struct ipfsreq *r, const char **why)
{
	*why = "not to be had in the format asked for";
	if (span_is(said->format, "raw")) {
		*r = raw;
		return 0;
	}
	if (span_is(said->format, "car")) {
		*r = car;
		r->is_by_accept = read_accept(said->accept, true, r);
		return 0;
	}
	if (said->format.p)
		return 406;
	*r = plain;
	if (said->accept.p && !read_accept(said->accept, false, r))
		return 406;
	r->is_by_accept = r->kind != IPFSREQ_PLAIN;
	return 0;
}

/* --- the query --- */

static bool read_scope(const struct ipfsreq_said *said, struct ipfsreq *r)
{
	for (size_t i = 0; i < 3; i++) {
		if (!span_is(said->dag_scope, scopes[i]))
			continue;
		r->scope = (enum ipfsreq_scope)i;
		return true;
	}
	return !said->dag_scope.p;
}

/* All of s as a number, which may be negative. */
static bool read_offset(struct span s, int64_t *out)
{
	bool is_negative = s.n > 0 && s.p[0] == '-';
	int64_t v = 0;

	s = span_cut(s, is_negative, s.n);
	if (s.n == 0 || s.n > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (s.p[i] - '0');
	}
	*out = is_negative ? -v : v;
	return true;
}

static bool read_bytes(struct span said, struct ipfsreq *r)
{
	const uint8_t *colon = said.n ? memchr(said.p, ':', said.n) : NULL;
	struct span from, to;

	if (!said.p)
		return true;
	if (!colon)
		return false;
	from = span_cut(said, 0, (size_t)(colon - said.p));
	to = span_cut(said, from.n + 1, said.n);
	r->has_range = true;
	r->scope = IPFSREQ_ENTITY;
	if (span_is(to, "*"))
		r->to = INT64_MAX;
	else if (!read_offset(to, &r->to))
		return false;
	return read_offset(from, &r->from);
}

static const char *read_query(const struct ipfsreq_said *said, struct ipfsreq *r)
{
	const struct {
		const char *name;
		struct span value;
		const char *why;
	} parameters[] = {
		{ "version", said->car_version, "car-version: only 1" },
		{ "order", said->car_order, "car-order: dfs or unk" },
		{ "dups", said->car_dups, "car-dups: y or n" },
	};

	for (size_t i = 0; i < 3; i++)
		if (parameters[i].value.p && !take_parameter(r, span_str(parameters[i].name), parameters[i].value))
			return parameters[i].why;
	if (!read_scope(said, r))
		return "dag-scope: all, entity or block";
	if (said->entity_bytes.p && said->dag_scope.p && r->scope != IPFSREQ_ENTITY)
		return "entity-bytes: only with dag-scope=entity";
	return read_bytes(said->entity_bytes, r) ? NULL : "entity-bytes: FROM:TO";
}

unsigned ipfsreq_read(const struct ipfsreq_said *said, struct ipfsreq *out, const char **why)
{
	struct ipfsreq r;
	unsigned status = choose(said, &r, why);

	if (status)
		return status;
	*why = r.kind == IPFSREQ_CAR ? read_query(said, &r) : NULL;
	if (*why)
		return 400;
	*out = r;
	return 0;
}

/* --- what follows from it --- */

int ipfsreq_range(const struct ipfsreq *r, uint64_t size, uint64_t *from, uint64_t *to)
{
	int64_t n = (int64_t)size, first = r->from, last = r->to;

	if (first < 0)
		first = n + first < 0 ? 0 : n + first;
	if (last < 0)
		last = n + last;
	if (first >= n)
		return ERR_RULE;
	if (last < first)
		return ERR_NOT_FOUND;
	*from = (uint64_t)first;
	*to = last >= n - 1 ? UINT64_MAX : (uint64_t)last;
	return ERR_OK;
}

/* entity-bytes behind these characters; nothing when there are none. */
static void put_range(const struct ipfsreq *r, const char *before, char out[64])
{
	out[0] = 0;
	if (!r->has_range)
		return;
	if (r->to == INT64_MAX)
		snprintf(out, 64, "%s%" PRId64 ":*", before, r->from);
	else
		snprintf(out, 64, "%s%" PRId64 ":%" PRId64, before, r->from, r->to);
}

char *ipfsreq_etag(const struct ipfsreq *r, struct span cid, char out[IPFSREQ_ETAG_MAX])
{
	char range[64];

	put_range(r, ".", range);
	if (r->kind == IPFSREQ_CAR)
		snprintf(out, IPFSREQ_ETAG_MAX, "W/\"%.*s.car.%s%s.dfs.%s\"", (int)cid.n, (const char *)cid.p, scopes[r->scope], range,
			 r->is_once ? "n" : "y");
	else
		snprintf(out, IPFSREQ_ETAG_MAX, "\"%.*s.raw\"", (int)cid.n, (const char *)cid.p);
	return out;
}

char *ipfsreq_location(const struct ipfsreq *r, struct span cid, char out[IPFSREQ_LOCATION_MAX])
{
	bool is_car = r->kind == IPFSREQ_CAR, has_scope = is_car && r->scope != IPFSREQ_ALL && !r->has_range;
	char range[64];

	put_range(r, "&entity-bytes=", range);
	snprintf(out, IPFSREQ_LOCATION_MAX, "/ipfs/%.*s?format=%s%s%s%s%s", (int)cid.n, (const char *)cid.p, is_car ? "car" : "raw",
		 has_scope ? "&dag-scope=" : "", has_scope ? scopes[r->scope] : "", range, is_car && !r->is_once ? "&car-dups=y" : "");
	return out;
}

const char *ipfsreq_type(const struct ipfsreq *r)
{
	if (r->kind == IPFSREQ_RAW)
		return "application/vnd.ipld.raw";
	return r->is_once ? "application/vnd.ipld.car; version=1; order=dfs; dups=n" :
			    "application/vnd.ipld.car; version=1; order=dfs; dups=y";
}
