/* pace.h: how fast one provider is asked: a token bucket whose rate follows what the provider says.
 *
 * A token is one call, in a batch or alone. The bucket holds two seconds' worth. The rate is halved when the provider
 * says that it is throttling us, and grows a little with every good answer (additive increase, multiplicative
 * decrease), between RPC_RATE_MIN and RPC_RATE_MAX calls a second. Pure: the caller passes a monotonic time. */
#ifndef CHAIN_PACE_H
#define CHAIN_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	int64_t rate;		/* thousandths of a call a second */
	int64_t room;		/* thousandths of a call that may be sent now */
	int64_t at_ms;		/* when room was that */
};

/* Full, at the highest rate. */
void pace_init(struct pace *p);

/* Takes one token. false: there is none now. */
bool pace_take(struct pace *p, int64_t now_ms);

/* When there will be a token; now_ms if there is one. */
int64_t pace_ready_ms(const struct pace *p, int64_t now_ms);

void pace_good(struct pace *p);
void pace_throttled(struct pace *p, int64_t now_ms);

#endif
