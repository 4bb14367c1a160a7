/* backoff.c: see backoff.h. */
#include "net/backoff.h"

/* splitmix64: every seed is a good one. */
static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int64_t ceiling(const struct backoff *b)
{
	int64_t most = b->base_ms;

	for (unsigned i = 0; i < b->tries && most < b->cap_ms; i++)
		most = most > INT64_MAX / 2 ? b->cap_ms : most * 2;
	return most < b->cap_ms ? most : b->cap_ms;
}

int64_t backoff_next(struct backoff *b)
{
	int64_t most = ceiling(b);
	uint64_t room = most > b->floor_ms ? (uint64_t)(most - b->floor_ms) + 1 : 1;

	b->tries += b->tries < 63;
	return b->floor_ms + (int64_t)(next_random(&b->seed) % room);
}

void backoff_reset(struct backoff *b)
{
	b->tries = 0;
}
