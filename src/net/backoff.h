/* backoff.h: how long to wait before the next try: exponential, with full jitter.
 *
 * Waits are uniform in [floor_ms, min(cap_ms, base_ms * 2^tries)], so that many gateways whose provider came back do not
 * return all at once. Pure: the same seed gives the same waits. */
#ifndef NET_BACKOFF_H
#define NET_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t base_ms, cap_ms, floor_ms;
	unsigned tries;		/* failures in a row */
	uint64_t seed;		/* moves on with every wait */
};

/* One more failure: how long to wait now. */
int64_t backoff_next(struct backoff *b);

/* It worked. */
void backoff_reset(struct backoff *b);

#endif
