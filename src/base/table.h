/* table.h: finds places in somebody's array by a hash of what stands there.
 *
 *	for (size_t at = table_first(&t, hash, &c); at != TABLE_NONE; at = table_next(&t, &c))
 *		if (it is the one at `at`)
 *			…
 *
 * The table knows numbers only: the owner hashes with table_hash and compares what is found. Strangers may choose what is
 * hashed: the hash depends on a secret of this process, so they cannot make many fall into one place. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/span.h"

#define TABLE_NONE SIZE_MAX

struct table_slot {
	uint32_t hash, place;		/* place: + 1; 0 is an empty slot */
};

/* All zero: empty. */
struct table {
	struct table_slot *slot;
	size_t cap, n;			/* cap: 0 or a power of two */
};

struct table_cursor {
	uint32_t hash;
	size_t at;
};

uint32_t table_hash(struct span key);

/* Also when the same hash is there already. false: no memory, and nothing changed. at < 2^32 - 1. */
bool table_add(struct table *t, uint32_t hash, size_t at);

/* What was added with this hash, one after the other; TABLE_NONE at the end. */
size_t table_first(const struct table *t, uint32_t hash, struct table_cursor *c);
size_t table_next(const struct table *t, struct table_cursor *c);

/* Forgets everything, keeps the memory. */
void table_clear(struct table *t);
void table_free(struct table *t);

#endif
