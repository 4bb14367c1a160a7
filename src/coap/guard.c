/* guard.c: see guard.h. */
#include "coap/guard.h"

#include <stdlib.h>

#define PRIVILEGED_PORTS 1024
#define VERIFIED_MS (5 * 60 * 1000)	/* then the address may have a new owner: ask again */

struct guard_verified {
	struct endpoint peer;
	int64_t until_ms;
};

static uint32_t bucket_cap(uint32_t rate)
{
	return 2 * rate * 1000;
}

static struct bucket *buckets_new(uint32_t rate)
{
	struct bucket *b = calloc(COAP_BUCKETS, sizeof *b);

	for (size_t i = 0; b && i < COAP_BUCKETS; i++)
		b[i].tokens = bucket_cap(rate);
	return b;
}

/* Beyond this the thousandths overflow, and no machine of ours answers as much. */
static uint32_t sane_rate(uint32_t rate)
{
	return rate > 2000000 ? 2000000 : rate;
}

int guard_init(struct guard *g, const struct echo_mac *mac, uint64_t seed,
	       const struct guard_rates *rates, struct err *e)
{
	*g = (struct guard){
		.mac = *mac,
		.seed = seed,
		.rates = { sane_rate(rates->per_source), sane_rate(rates->all) },
	};
	g->known_all.tokens = g->unknown_all.tokens = bucket_cap(g->rates.all);
	g->known = buckets_new(g->rates.per_source);
	g->unknown = buckets_new(g->rates.per_source);
	g->verified = calloc(COAP_VERIFIED_MAX, sizeof *g->verified);
	if (g->known && g->unknown && g->verified)
		return ERR_OK;
	guard_fini(g);
	return err_set(e, ERR_MEMORY, "coap: tables of peers");
}

void guard_fini(struct guard *g)
{
	free(g->known);
	free(g->unknown);
	free(g->verified);
	*g = (struct guard){ .seed = 0 };
}

void guard_trust(struct guard *g, const struct prefix *prefixes, size_t n)
{
	g->nprefixes = n < COAP_PREFIXES_MAX ? n : COAP_PREFIXES_MAX;
	if (g->nprefixes)
		memcpy(g->prefixes, prefixes, g->nprefixes * sizeof *prefixes);
}

static struct guard_verified *verified_slot(struct guard *g, const struct endpoint *peer)
{
	return &g->verified[endpoint_hash(peer, g->seed) % COAP_VERIFIED_MAX];
}

static bool is_known(struct guard *g, const struct endpoint *peer, int64_t now_ms)
{
	const struct guard_verified *v;

	for (size_t i = 0; i < g->nprefixes; i++)
		if (prefix_has(&g->prefixes[i], peer))
			return true;
	v = verified_slot(g, peer);
	return v->until_ms > now_ms && endpoint_eq(&v->peer, peer);
}

/* Takes one request out; false when there is none. A rate of 0 is no limit. */
static bool bucket_take(struct bucket *b, uint32_t rate, int64_t now_ms)
{
	uint32_t now = (uint32_t)now_ms;
	uint64_t tokens = b->tokens + (uint64_t)(now - b->last_ms) * rate;

	if (rate == 0)
		return true;
	b->last_ms = now;
	b->tokens = tokens < bucket_cap(rate) ? (uint32_t)tokens : bucket_cap(rate);
	if (b->tokens < 1000)
		return false;
	b->tokens -= 1000;
	return true;
}

/* Over a limit one in four is answered all the same, so that an honest peer behind the address of a flooder gets
 * through by trying again; a known one is told once in four, and the rest costs us nothing. */
static enum guard_verdict over_limit(struct guard *g, bool known)
{
	switch (g->over++ % 4) {
	case 0:
		return known ? GUARD_SERVE : GUARD_LIMITED;
	case 1:
		return known ? GUARD_TOO_MANY : GUARD_DROP;
	default:
		return GUARD_DROP;
	}
}

enum guard_verdict guard_admit(struct guard *g, const struct endpoint *peer, int64_t now_ms)
{
	bool known;
	size_t slot;

	if (peer->port < PRIVILEGED_PORTS)
		return GUARD_DROP;
	known = is_known(g, peer, now_ms);
	if (endpoint_is_loopback(peer))
		return known ? GUARD_SERVE : GUARD_LIMITED;
	slot = endpoint_network_hash(peer, g->seed) % COAP_BUCKETS;
	if (!bucket_take(&(known ? g->known : g->unknown)[slot], g->rates.per_source, now_ms) ||
	    !bucket_take(known ? &g->known_all : &g->unknown_all, g->rates.all, now_ms))
		return over_limit(g, known);
	return known ? GUARD_SERVE : GUARD_LIMITED;
}

bool guard_verify(struct guard *g, const struct endpoint *peer, int64_t now_ms, struct span value)
{
	if (!echo_check(&g->mac, peer, now_ms, value))
		return false;
	*verified_slot(g, peer) = (struct guard_verified){ *peer, now_ms + VERIFIED_MS };
	return true;
}

size_t guard_budget(size_t request_bytes)
{
	size_t n = request_bytes * COAP_UNVERIFIED_FACTOR;

	return n < COAP_UNVERIFIED_MAX ? n : COAP_UNVERIFIED_MAX;
}
