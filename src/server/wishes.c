/* wishes.c: see wishes.h. */
#include "server/wishes.h"

#include "base/limits.h"

void wishes_init(struct wishes *w)
{
	*w = (struct wishes){ .unknown_due_ms = INT64_MIN };
	pthread_mutex_init(&w->lock, NULL);
}

void wishes_fini(struct wishes *w)
{
	pthread_mutex_destroy(&w->lock);
}

/* Under the lock. Two images in one place only make each other be told more often. */
static bool known_due(struct wishes *w, const struct hash32 *sha256, int64_t now_ms)
{
	uint64_t image;

	memcpy(&image, sha256->b, sizeof image);
	if (w->at[sha256->b[0]].image == image && now_ms < w->at[sha256->b[0]].due_ms)
		return false;
	w->at[sha256->b[0]].image = image;
	w->at[sha256->b[0]].due_ms = now_ms + WISH_AGAIN_MS;
	return true;
}

bool wishes_due(struct wishes *w, const struct hash32 *sha256, bool is_known, int64_t now_ms)
{
	bool is_due;

	pthread_mutex_lock(&w->lock);
	is_due = is_known ? known_due(w, sha256, now_ms) : now_ms >= w->unknown_due_ms;
	if (is_due && !is_known)
		w->unknown_due_ms = now_ms + WISH_UNKNOWN_MS;
	pthread_mutex_unlock(&w->lock);
	return is_due;
}
