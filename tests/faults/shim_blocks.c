/* shim_blocks.c: see shim.h. Which blocks are alive, and where each was allocated. A table beside the allocator, in memory that nobody else has:
 * blocks stay as they are. */
#include "tests/faults/shim.h"

#include <sched.h>

static struct block { uintptr_t at; uint32_t site; } blocks[SHIM_BLOCKS];	/* open addressing; 0: free */
static uint32_t blocks_n;
static char is_taken;

static void take(void)
{
	while (__atomic_test_and_set(&is_taken, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void give(void)
{
	__atomic_clear(&is_taken, __ATOMIC_RELEASE);
}

static uint32_t home_of(uintptr_t at)
{
	return (uint32_t)(((uint64_t)at >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 46);
}
_Static_assert(SHIM_BLOCKS == 1 << 18, "64 - 46 bits");

static uint32_t next_of(uint32_t i)
{
	return (i + 1) % SHIM_BLOCKS;
}

void shim_block_add(const void *p, uint32_t site)
{
	uint32_t i = home_of((uintptr_t)p);

	if (!shim_slot || site == SHIM_NOWHERE)
		return;
	take();
	if (blocks_n < SHIM_BLOCKS * 3 / 4) {
		while (blocks[i].at)
			i = next_of(i);
		blocks[i] = (struct block){ (uintptr_t)p, site };
		blocks_n++;
	} else {
		shim_slot->blocks_lost++;
	}
	give();
}

/* Moves those behind the hole that could no longer be found. */
static void close_hole(uint32_t hole)
{
	for (uint32_t i = next_of(hole); blocks[i].at; i = next_of(i)) {
		uint32_t home = home_of(blocks[i].at);

		if ((i - home) % SHIM_BLOCKS < (i - hole) % SHIM_BLOCKS)
			continue;
		blocks[hole] = blocks[i];
		hole = i;
	}
	blocks[hole].at = 0;
}

uint32_t shim_block_remove(const void *p)
{
	uint32_t i = home_of((uintptr_t)p), site = SHIM_NOWHERE;

	if (!shim_slot || !blocks_n)
		return SHIM_NOWHERE;
	take();
	while (blocks[i].at && blocks[i].at != (uintptr_t)p)
		i = next_of(i);
	if (blocks[i].at) {
		site = blocks[i].site;
		close_hole(i);
		blocks_n--;
	}
	give();
	return site;
}

void shim_blocks_count(struct shim_slot *slot)
{
	for (uint32_t i = 0; i < SHIM_SITES; i++)
		slot->site[i].held = 0;
	take();
	for (uint32_t i = 0; i < SHIM_BLOCKS; i++)
		if (blocks[i].at)
			slot->site[blocks[i].site].held++;
	give();
}
