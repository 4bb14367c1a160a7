/* failures.h: who sent wrong tokens lately. After FAILURES_MAX of them within FAILURES_MS an address (IPv4, or IPv6 /64)
 * hears 429 for further failures. Good tokens are not looked at here: they always pass, so nobody can lock
 * the operator out, not even from the same address. */
#ifndef SERVER_FAILURES_H
#define SERVER_FAILURES_H

#include "base/limits.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct failures {
	pthread_mutex_t lock;
	struct {
		struct in6_addr from;		/* the network; all zeros: free */
		int64_t at_ms[FAILURES_MAX];	/* a ring, oldest at next */
		unsigned next, n;
	} of[FAILURES_ADDRESSES_MAX];
};

void failures_init(struct failures *f);
void failures_fini(struct failures *f);

/* One more wrong token: 0, or the seconds after which the address may fail again. */
unsigned failures_note(struct failures *f, const struct in6_addr *from, int64_t now_ms);

#endif
