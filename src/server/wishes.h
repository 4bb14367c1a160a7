/* wishes.h: images that were asked for, told to the keeper now and then: it decides by that what to keep, and
 * fetches again what it evicted. One image at most once in WISH_AGAIN_MS; digests that the catalog does not know, which
 * anybody can make up, at most one in WISH_UNKNOWN_MS. Any thread may call. */
#ifndef SERVER_WISHES_H
#define SERVER_WISHES_H

#include "base/clock.h"
#include "base/span.h"

#include <pthread.h>

#define WISHES 256

struct wishes {
	pthread_mutex_t lock;
	int64_t unknown_due_ms;
	struct {
		uint64_t image;		/* the digest's first bytes */
		int64_t due_ms;
	} at[WISHES];
};

void wishes_init(struct wishes *w);
void wishes_fini(struct wishes *w);
/* Is this one to be told now? */
bool wishes_due(struct wishes *w, const struct hash32 *sha256, bool is_known, int64_t now_ms);

#endif
