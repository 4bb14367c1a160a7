/* mark.h: how far the registry was followed, and what an operator must clear.
 *
 * One record for the whole registry: the identity that was pinned at first
 * contact, the newest anchor, and the last block under which all products were
 * proven, which spares a write to each of them. Written when something changed,
 * else every 15 minutes (the keeper decides). */
#ifndef STORE_MARK_H
#define STORE_MARK_H

#include "store/store.h"

/* A block under which something was proven, and when we learnt of it. */
struct proof_mark {
	uint64_t number;
	struct hash32 hash;
	struct hash32 root;	/* the registry's storage root at that block */
	uint64_t time;		/* the block's own, seconds since 1970 */
	int64_t wall_ms;	/* when it was proven here, by the wall clock */
};

struct mark {
	uint64_t chain_id;
	struct addr20 registry;
	bool has_genesis;
	struct hash32 genesis;		/* pinned: config or first quorum */
	bool has_anchor;
	uint64_t anchor_number;		/* newest final block that the anchor vouched for; only rises */
	struct hash32 anchor_hash;
	bool has_proven;
	struct proof_mark proven;	/* the last block at which every followed product was proven: as good as a proof of its own, for those that have one */
	uint64_t listed;		/* so much of the registry's list of ids need not be read again … */
	struct hash32 listed_for;	/* … while the digest of what is wanted is this one */
	char trust[16];			/* "quorum", "single", … as the status says it */
};

/* ERR_NOT_FOUND when nothing was saved yet. */
MUST_USE int mark_load(struct store *s, struct mark *out, struct err *e);
/* ERR_RULE: the anchor would go back. */
MUST_USE int mark_save(struct store *s, const struct mark *m, struct err *e);
/* Another chain or registry was configured: forgets mark, products, entries, releases and decisions.
 * Images, devices, audit stay. */
MUST_USE int mark_forget_registry(struct store *s, struct err *e);

/* Latched alarms survive a restart until the operator clears them. */
struct latched_alarm {
	char code[32];
	char subject[PRODUCT_NAME_MAX + 32];
	char detail[320];
	int64_t since_ms;
};
/* The same (code, subject) again keeps its first time. */
MUST_USE int mark_latch(struct store *s, const struct latched_alarm *a, struct err *e);
/* All alarms of this code; none is not an error. */
MUST_USE int mark_unlatch(struct store *s, const char *code, struct err *e);
/* fn's failure ends the walk and is returned. The alarm lives until fn returns. */
MUST_USE int mark_each_latched(struct store *s, int (*fn)(void *arg, const struct latched_alarm *a, struct err *e),
			       void *arg, struct err *e);

#endif
