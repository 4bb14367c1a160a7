/* space.h: how much of the disk images may have.
 *
 * The reserve keeps room for the database, the floor and the catalog however
 * many images come: max(64 MiB, 5 % of the file system), but on a tiny file
 * system never more than a quarter of it. quota = the smaller of `[cache] size`
 * and what the file system could give images (used + free - reserve). */
#ifndef STORE_SPACE_H
#define STORE_SPACE_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

struct space {
	uint64_t total_bytes;	/* of the file system */
	uint64_t free_bytes;	/* for us, now (f_bavail) */
	uint64_t reserve_bytes;
	uint64_t used_bytes;	/* by images: images_totals().bytes */
	uint64_t quota_bytes;
	uint64_t room_bytes;	/* more that images may take now */
};

/* Of the file system that dirfd is on. */
MUST_USE int space_read(int dirfd, uint64_t cache_size, uint64_t used_bytes, struct space *out, struct err *e);
/* The arithmetic alone. */
struct space space_of(uint64_t total, uint64_t free_bytes, uint64_t cache_size, uint64_t used_bytes);

/* Bytes on disk of an image of this size, with its .sums. */
uint64_t space_cost(uint64_t image_size);
/* 0: it fits now. Else how much must be evicted first. ERR_NO_SPACE: it would not fit into an empty cache
 * (the message has the numbers). */
MUST_USE int space_admit(const struct space *s, uint64_t image_size, uint64_t *evict_bytes, struct err *e);

#endif
