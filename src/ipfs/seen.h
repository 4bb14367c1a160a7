/* seen.h: where verified blocks went, so that a block that the file repeats is fetched once.
 *
 * A hint, not a proof: entries are found by 8 bytes of the digest, and whoever
 * uses one hashes what it leads to. Full at PLAN_SEEN_MAX; then later blocks
 * are not remembered and their repetitions are fetched like others. */
#ifndef IPFS_SEEN_H
#define IPFS_SEEN_H

#include "base/span.h"

struct seen_entry {
	uint64_t key;
	uint32_t offset, size;	/* size 0: an empty place */
};

struct seen {
	struct seen_entry *at;
	size_t n, cap;		/* cap: 0 or a power of two */
};

void seen_free(struct seen *s);
void seen_add(struct seen *s, const struct hash32 *digest, uint32_t offset, uint32_t size);
/* NULL when not remembered; else valid until the next seen_add. */
const struct seen_entry *seen_find(const struct seen *s, const struct hash32 *digest);
/* Forgets it: it led nowhere. */
void seen_forget(struct seen *s, const struct hash32 *digest);

#endif
