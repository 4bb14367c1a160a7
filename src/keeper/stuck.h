/* stuck.h: evicted images whose files the disk does not let go of: which, and when each is tried again.
 *
 * One such image (an immutable file, a bad block of its directory) keeps its row and its room, and nothing else: the others leave, and nobody waits for
 * the room that it would make. Each try can cost the card a write of its own (ext4 notes errors in its superblock), so they are STUCK_RETRY_MS apart.
 * Nothing is kept over a restart: the first eviction after it finds out again. */
#ifndef KEEPER_STUCK_H
#define KEEPER_STUCK_H

#include "base/limits.h"
#include "base/span.h"

struct stuck_image {
	struct hash32 sha256;
	int64_t next_ms;		/* monotonic: not before this */
};

struct stuck {
	struct stuck_image at[STUCK_MAX];
	size_t n;
};

/* That image could not be removed. true: it could not be for the first time. What is one too many is not remembered: it is tried with each sweep. */
bool stuck_note(struct stuck *s, const struct hash32 *sha256, int64_t now_ms);
void stuck_remove(struct stuck *s, size_t i);
bool stuck_has(const struct stuck *s, const struct hash32 *sha256);
/* Is it one whose next try is not due yet? */
bool stuck_rests(const struct stuck *s, const struct hash32 *sha256, int64_t now_ms);

#endif
