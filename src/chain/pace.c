/* pace.c: see pace.h. */
#include "chain/pace.h"
#include "base/limits.h"

#define CALL 1000			/* a token, in thousandths */
#define BURST_S 2			/* seconds' worth that a bucket holds */
#define GROWTH (CALL / 2)		/* half a call a second for each good answer */

static int64_t capacity(const struct pace *p)
{
	int64_t most = p->rate * BURST_S;

	return most > CALL ? most : CALL;
}

static int64_t room_at(const struct pace *p, int64_t now_ms)
{
	int64_t most = capacity(p), passed_ms = now_ms - p->at_ms;

	/* Long pauses fill it whatever the rate; the product below must not overflow. */
	if (passed_ms >= most * 1000 / p->rate)
		return most;
	return p->room + p->rate * passed_ms / 1000 < most ? p->room + p->rate * passed_ms / 1000 : most;
}

void pace_init(struct pace *p)
{
	*p = (struct pace){ .rate = (int64_t)RPC_RATE_MAX * CALL };
	p->room = capacity(p);
}

bool pace_take(struct pace *p, int64_t now_ms)
{
	int64_t room = room_at(p, now_ms);

	if (room < CALL)
		return false;
	p->room = room - CALL;
	p->at_ms = now_ms;
	return true;
}

int64_t pace_ready_ms(const struct pace *p, int64_t now_ms)
{
	int64_t missing = CALL - room_at(p, now_ms);

	return missing <= 0 ? now_ms : now_ms + (missing * 1000 + p->rate - 1) / p->rate;
}

void pace_good(struct pace *p)
{
	p->rate += GROWTH;
	if (p->rate > (int64_t)RPC_RATE_MAX * CALL)
		p->rate = (int64_t)RPC_RATE_MAX * CALL;
}

void pace_throttled(struct pace *p, int64_t now_ms)
{
	p->rate /= 2;
	if (p->rate < (int64_t)RPC_RATE_MIN * CALL)
		p->rate = (int64_t)RPC_RATE_MIN * CALL;
	p->room = 0;
	p->at_ms = now_ms;
}
