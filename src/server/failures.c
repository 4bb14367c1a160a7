/* failures.c: see failures.h. */
#include "server/failures.h"

#include <string.h>

void failures_init(struct failures *f)
{
	memset(f, 0, sizeof *f);
	pthread_mutex_init(&f->lock, NULL);
}

void failures_fini(struct failures *f)
{
	pthread_mutex_destroy(&f->lock);
}

/* Everybody in an IPv6 /64 may have any of its addresses. */
static struct in6_addr network_of(const struct in6_addr *from)
{
	struct in6_addr a = *from;

	if (!IN6_IS_ADDR_V4MAPPED(from))
		memset(a.s6_addr + 8, 0, 8);
	return a;
}

static int64_t newest_ms(const struct failures *f, size_t i)
{
	return f->of[i].n ? f->of[i].at_ms[(f->of[i].next + FAILURES_MAX - 1) % FAILURES_MAX] : INT64_MIN;
}

/* The network's place, else a free one, else that of whoever failed longest ago. */
static size_t place(const struct failures *f, const struct in6_addr *network)
{
	size_t best = 0;

	for (size_t i = 0; i < FAILURES_ADDRESSES_MAX; i++) {
		if (f->of[i].n && memcmp(&f->of[i].from, network, sizeof *network) == 0)
			return i;
		if (newest_ms(f, i) < newest_ms(f, best))
			best = i;
	}
	return best;
}

/* Under the lock. */
static unsigned note(struct failures *f, const struct in6_addr *network, int64_t now_ms)
{
	size_t i = place(f, network);
	int64_t oldest_ms;

	if (!f->of[i].n || memcmp(&f->of[i].from, network, sizeof *network) != 0) {
		memset(&f->of[i], 0, sizeof f->of[i]);
		f->of[i].from = *network;
	}
	oldest_ms = f->of[i].at_ms[f->of[i].next];
	if (f->of[i].n == FAILURES_MAX && now_ms - oldest_ms < FAILURES_MS)
		return (unsigned)((FAILURES_MS - (now_ms - oldest_ms) + 999) / 1000);
	f->of[i].at_ms[f->of[i].next] = now_ms;
	f->of[i].next = (f->of[i].next + 1) % FAILURES_MAX;
	if (f->of[i].n < FAILURES_MAX)
		f->of[i].n++;
	return 0;
}

unsigned failures_note(struct failures *f, const struct in6_addr *from, int64_t now_ms)
{
	struct in6_addr network = network_of(from);
	unsigned wait_s;

	pthread_mutex_lock(&f->lock);
	wait_s = note(f, &network, now_ms);
	pthread_mutex_unlock(&f->lock);
	return wait_s;
}
