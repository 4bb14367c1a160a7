/* seen.c: see seen.h. Open addressing, at most half full. */
#include "ipfs/seen.h"
#include "base/limits.h"

#include <stdlib.h>

void seen_free(struct seen *s)
{
	free(s->at);
	*s = (struct seen){ 0 };
}

static uint64_t key_of(const struct hash32 *digest)
{
	uint64_t key;

	memcpy(&key, digest->b, sizeof key);
	return key;
}

/* The entry of this key, or the empty place where it would be. The bits of a digest are random enough as they are. */
static struct seen_entry *place_of(const struct seen *s, uint64_t key)
{
	size_t i = (size_t)key & (s->cap - 1);

	while (s->at[i].size > 0 && s->at[i].key != key)
		i = (i + 1) & (s->cap - 1);
	return &s->at[i];
}

static bool grow(struct seen *s)
{
	struct seen bigger = { .cap = s->cap ? s->cap * 2 : 64 };

	bigger.at = calloc(bigger.cap, sizeof *bigger.at);
	if (!bigger.at)
		return false;
	for (size_t i = 0; i < s->cap; i++) {
		if (s->at[i].size == 0)
			continue;
		*place_of(&bigger, s->at[i].key) = s->at[i];
		bigger.n++;
	}
	free(s->at);
	*s = bigger;
	return true;
}

/* A forgotten entry keeps its place, because the search for others runs across it. */
#define NOWHERE UINT32_MAX

void seen_add(struct seen *s, const struct hash32 *digest, uint32_t offset, uint32_t size)
{
	uint64_t key = key_of(digest);
	struct seen_entry *e;

	/* Without room or memory nothing is lost but the memory of it. */
	if (s->n >= PLAN_SEEN_MAX || (s->n * 2 >= s->cap && !grow(s)))
		return;
	e = place_of(s, key);
	if (e->size > 0 && e->offset != NOWHERE)
		return;
	s->n += e->size == 0;
	*e = (struct seen_entry){ key, offset, size };
}

const struct seen_entry *seen_find(const struct seen *s, const struct hash32 *digest)
{
	const struct seen_entry *e = s->cap ? place_of(s, key_of(digest)) : NULL;

	return e && e->size > 0 && e->offset != NOWHERE ? e : NULL;
}

void seen_forget(struct seen *s, const struct hash32 *digest)
{
	struct seen_entry *e = s->cap ? place_of(s, key_of(digest)) : NULL;

	if (e && e->size > 0)
		e->offset = NOWHERE;
}
