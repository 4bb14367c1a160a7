/* track.h: one followed product: how far its history is final, and the marks of the entries after that.
 *
 * Positions count entries from 1; `final.entries` is the position up to which the history is final, marks[i] stands for
 * position final.entries + 1 + i. */
#ifndef CHAIN_TRACK_H
#define CHAIN_TRACK_H

#include "chain/follower.h"
#include "chain/records.h"

#define TRACK_NOWHERE UINT64_MAX

struct track {
	struct hash32 id;
	struct addr20 registrant;
	char *name;
	struct product_words final, recent;
	struct block_ref proof, recent_proof;
	struct follower_mark *marks;
	size_t n, cap;
	unsigned entries_tries;		/* in a row that no entries source helped … */
	int64_t entries_at_ms;		/* … and none is asked before that */
};

void track_init(struct track *t, const struct addr20 *registrant, const char *name);
void track_fini(struct track *t);

/* The position of the newest entry that we hold. */
uint64_t track_end(const struct track *t);

/* The position whose head and block are those that were proven, or TRACK_NOWHERE. */
uint64_t track_find(const struct track *t, const struct product_words *w);

/* The position from which `records`, all of them, replay to w; TRACK_NOWHERE if there is none (yet: the
 * records may begin too late). */
uint64_t track_link(const struct track *t, const struct product_words *w, const struct records *records);

/* Do the records, which follow the entry at position `from`, stand in the blocks in which they say that they stand? Each names
 * the block of the one before it, so a head that they replay to vouches for all but the last. ERR_RULE. */
MUST_USE int track_places(const struct track *t, uint64_t from, const struct records *records, struct err *e);

struct hash32 track_head(const struct track *t, uint64_t position);

/* Forgets the marks above a position. */
void track_cut(struct track *t, uint64_t position);

MUST_USE int track_append(struct track *t, const struct hash32 *head, uint64_t block, struct err *e);

/* Everything up to w, which is at `position`, is final. */
void track_settle(struct track *t, uint64_t position, const struct product_words *w);

#endif
