/* problem.c: see problem.h. */
#include "server/problem.h"

#include "base/hex.h"
#include "catalog/freshness.h"

#include <inttypes.h>

const char *problem_title(unsigned status)
{
	static const struct {
		unsigned status;
		const char *title;
	} titles[] = {
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 421, "Misdirected Request" }, { 429, "Too Many Requests" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

static void write_head(struct buf *b, unsigned status, const char *detail)
{
	buf_fmt(b, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":\"", problem_title(status), status);
	buf_json(b, span_str(detail));
	buf_str(b, "\"");
}

void problem_write(struct buf *b, unsigned status, const char *detail)
{
	write_head(b, status, detail);
	buf_str(b, "}\n");
}

/* The product whose proof is oldest: the gateway is as fresh as that. NULL: there is none. */
static const struct catalog_product *oldest(const struct catalog *c)
{
	size_t n;
	const struct catalog_product *p = catalog_products(c, &n), *found = n ? p : NULL;

	for (size_t i = 1; i < n; i++)
		if (p[i].proof.time < found->proof.time)
			found = &p[i];
	return found;
}

static void write_verified(struct buf *b, const struct catalog_product *p, const struct freshness_now *now)
{
	char hash[HEX32_MAX], time[CLOCK_TEXT_MAX];
	int64_t age_s = p ? freshness_age_s(&p->proof, p->max_age_ms, now) : -1;

	if (!p || !p->proof.time) {
		buf_str(b, ",\"verified\":null");
		return;
	}
	buf_fmt(b, ",\"verified\":{\"number\":%" PRIu64 ",\"hash\":\"%s\",\"time\":\"%s\",\"age_s\":", p->proof.number,
		hex_0x(SPAN_OF(p->proof.hash), hash), clock_rfc3339((int64_t)p->proof.time * 1000, time));
	if (age_s >= 0)
		buf_fmt(b, "%" PRId64 "}", age_s);
	else
		buf_str(b, "null}");
}

static void write_catalog(struct buf *b, const struct catalog *c, const struct freshness_now *now)
{
	const struct catalog_product *p = oldest(c);
	struct catalog_facts facts = catalog_facts(c);
	char registry[64];

	buf_str(b, ",\"name\":\"");
	buf_json(b, facts.gateway);
	buf_fmt(b, "\",\"freshness\":\"%s\",\"trust\":", freshness_name(freshness_of_all(c, now)));
	if (p)
		buf_fmt(b, "\"%s\"", catalog_trust_name((enum catalog_trust)p->trust));
	else
		buf_str(b, "null");
	buf_fmt(b, ",\"chain\":{\"chain_id\":%" PRIu64 ",\"registry\":\"%s\"", facts.chain_id,
		hex_0x(SPAN_OF(facts.registry), registry));
	write_verified(b, p, now);
	buf_str(b, "}");
}

void problem_write_status(struct buf *b, const struct operator_conf *conf, int64_t uptime_s)
{
	struct catalog *c = catalog_slot_get(conf->slot);
	struct clock_bound bound = catalog_slot_bound(conf->slot);
	struct freshness_now now = freshness_now(conf->clock, conf->clock_is_trusted, &bound);

	write_head(b, 503, "the keeper does not answer; this is what the server knows by itself");
	buf_fmt(b, ",\"version\":\"%s\",\"uptime_s\":%" PRId64 ",\"listeners\":%s", GATEPOST_VERSION, uptime_s, conf->listeners);
	if (c)
		write_catalog(b, c, &now);
	else
		buf_str(b, ",\"name\":null,\"freshness\":\"unknown\",\"trust\":null,\"chain\":null");
	buf_fmt(b, ",\"sandbox\":{\"landlock_abi\":%d,\"seccomp\":%s},\"clock\":\"%s\"", conf->sandbox.landlock_abi,
		conf->sandbox.seccomp ? "true" : "false", clock_state_name(clock_state(conf->clock)));
	buf_str(b, ",\"alarms\":[{\"code\":\"keeper-down\",\"since\":null,\"subject\":\"gatepost-keeper\","
		   "\"detail\":\"the keeper does not answer\"}]}\n");
	catalog_put(c);
}
