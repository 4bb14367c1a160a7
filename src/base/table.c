/* table.c: see table.h. Open addressing, linear probing, at most three quarters full. */
#include "base/table.h"

#include <stdlib.h>
#include <sys/auxv.h>

#define CAP_MIN 16

/* --- hashing --- */

/* The kernel gives every program 16 random bytes at its start. Threads that ask at once get the same. */
static uint64_t secret(void)
{
	static _Atomic uint64_t kept;
	uint64_t found = kept;

	if (!found) {
		const void *random = (const void *)getauxval(AT_RANDOM);

		if (random)
			memcpy(&found, random, sizeof found);
		kept = found |= 1;
	}
	return found;
}

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9fb21c651e98df25);
	return h ^ h >> 29;
}

uint32_t table_hash(struct span key)
{
	uint64_t h = mix(secret(), key.n), word;
	size_t i = 0;

	for (; key.n - i >= sizeof word; i += sizeof word) {
		memcpy(&word, key.p + i, sizeof word);
		h = mix(h, word);
	}
	for (word = 0; i < key.n; i++)
		word = word << 8 | key.p[i];
	h = mix(mix(h, word), secret());
	return (uint32_t)(h >> 32);
}

/* --- slots --- */

static void put(struct table *t, struct table_slot s)
{
	size_t i = s.hash & (t->cap - 1);

	while (t->slot[i].place)
		i = (i + 1) & (t->cap - 1);
	t->slot[i] = s;
}

static bool grow(struct table *t)
{
	struct table bigger = { .cap = t->cap ? 2 * t->cap : CAP_MIN, .n = t->n };

	bigger.slot = calloc(bigger.cap, sizeof *bigger.slot);
	if (!bigger.slot)
		return false;
	for (size_t i = 0; i < t->cap; i++)
		if (t->slot[i].place)
			put(&bigger, t->slot[i]);
	free(t->slot);
	*t = bigger;
	return true;
}

bool table_add(struct table *t, uint32_t hash, size_t at)
{
	if (t->n >= t->cap / 4 * 3 && !grow(t))
		return false;
	put(t, (struct table_slot){ hash, (uint32_t)at + 1 });
	t->n++;
	return true;
}

static size_t from(const struct table *t, struct table_cursor *c)
{
	for (; t->cap && t->slot[c->at].place; c->at = (c->at + 1) & (t->cap - 1))
		if (t->slot[c->at].hash == c->hash)
			return t->slot[c->at].place - 1;
	return TABLE_NONE;
}

size_t table_first(const struct table *t, uint32_t hash, struct table_cursor *c)
{
	*c = (struct table_cursor){ hash, t->cap ? hash & (t->cap - 1) : 0 };
	return from(t, c);
}

size_t table_next(const struct table *t, struct table_cursor *c)
{
	c->at = (c->at + 1) & (t->cap - 1);
	return from(t, c);
}

void table_clear(struct table *t)
{
	if (t->cap)
		memset(t->slot, 0, t->cap * sizeof *t->slot);
	t->n = 0;
}

void table_free(struct table *t)
{
	free(t->slot);
	*t = (struct table){ .cap = 0 };
}
