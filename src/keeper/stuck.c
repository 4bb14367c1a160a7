/* stuck.c: see stuck.h. */
#include "keeper/stuck.h"

static struct stuck_image *find(const struct stuck *s, const struct hash32 *sha256)
{
	for (size_t i = 0; i < s->n; i++)
		if (hash32_eq(&s->at[i].sha256, sha256))
			return (struct stuck_image *)&s->at[i];
	return NULL;
}

bool stuck_note(struct stuck *s, const struct hash32 *sha256, int64_t now_ms)
{
	struct stuck_image *known = find(s, sha256);
	bool is_new = !known && s->n < STUCK_MAX;

	if (is_new) {
		known = &s->at[s->n++];
		known->sha256 = *sha256;
	}
	if (known)
		known->next_ms = now_ms + STUCK_RETRY_MS;
	return is_new;
}

void stuck_remove(struct stuck *s, size_t i)
{
	s->at[i] = s->at[--s->n];
}

bool stuck_has(const struct stuck *s, const struct hash32 *sha256)
{
	return find(s, sha256) != NULL;
}

bool stuck_rests(const struct stuck *s, const struct hash32 *sha256, int64_t now_ms)
{
	const struct stuck_image *known = find(s, sha256);

	return known && now_ms < known->next_ms;
}
