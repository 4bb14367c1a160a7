/* space.c: see space.h. */
#include "store/space.h"

#include <sys/statvfs.h>

#define RESERVE_MIN (64ULL * MIB)

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t reserve_of(uint64_t total)
{
	uint64_t reserve = total / 20 > RESERVE_MIN ? total / 20 : RESERVE_MIN;

	return min64(reserve, total / 4);
}

struct space space_of(uint64_t total, uint64_t free_bytes, uint64_t cache_size, uint64_t used_bytes)
{
	struct space s = {
		.total_bytes = total, .free_bytes = free_bytes, .used_bytes = used_bytes,
		.reserve_bytes = reserve_of(total),
	};

	s.quota_bytes = min64(cache_size, less(used_bytes + free_bytes, s.reserve_bytes));
	s.room_bytes = less(s.quota_bytes, used_bytes);		/* never more than is free above the reserve: the quota is not */
	return s;
}

int space_read(int dirfd, uint64_t cache_size, uint64_t used_bytes, struct space *out, struct err *e)
{
	struct statvfs fs;

	if (fstatvfs(dirfd, &fs) < 0)
		return err_errno(e, "free space of the cache");
	*out = space_of((uint64_t)fs.f_blocks * fs.f_frsize, (uint64_t)fs.f_bavail * fs.f_frsize, cache_size, used_bytes);
	return ERR_OK;
}

uint64_t space_cost(uint64_t image_size)
{
	return image_size + 32 * ((image_size + CHUNK_SIZE - 1) / CHUNK_SIZE);
}

int space_admit(const struct space *s, uint64_t image_size, uint64_t *evict_bytes, struct err *e)
{
	uint64_t cost = space_cost(image_size);

	if (cost > s->quota_bytes)
		return err_set(e, ERR_NO_SPACE, "an image of %llu bytes does not fit into a cache of %llu (%llu are kept free)",
			       (unsigned long long)image_size, (unsigned long long)s->quota_bytes,
			       (unsigned long long)s->reserve_bytes);
	*evict_bytes = less(cost, s->room_bytes);
	return ERR_OK;
}
