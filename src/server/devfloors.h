/* devfloors.h: what each device was given at the most, so that no front ever offers it less (chapter 7).
 *
 * Per (device id, product, channel). The keeper's copy is the lasting one: it
 * sends all of them when the link comes up, and hears of each rise. Bounded by
 * `[limits] devices`; ids are free to choose, so a full table takes no new
 * device, and forgets none that it knows. Kept are 128 bits of a SHA-256, not ids.
 *
 * Any thread may call. */
#ifndef SERVER_DEVFLOORS_H
#define SERVER_DEVFLOORS_H

#include "base/err.h"
#include "base/span.h"

struct devfloors;

/* Room for max entries. NULL: no memory. */
struct devfloors *devfloors_new(size_t max);
void devfloors_free(struct devfloors *f);

struct devfloor_key {
	struct span device, product, channel;
};

struct devfloor {
	uint64_t sequence;	/* 0: nothing is known */
	bool is_certain;	/* a whole snapshot came before: else it may have had more under an earlier server */
};

/* Both in one look: a snapshot that comes in between two would make an unknown floor a certain one. */
struct devfloor devfloors_get(struct devfloors *f, const struct devfloor_key *key);
/* True when that is higher than before. */
bool devfloors_raise(struct devfloors *f, const struct devfloor_key *key, uint64_t sequence);
/* Takes in a snapshot (link_floor records). ERR_FORMAT when it is cut; what came before counts. */
MUST_USE int devfloors_load(struct devfloors *f, struct span records, struct err *e);
size_t devfloors_count(struct devfloors *f);

#endif
