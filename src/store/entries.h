/* entries.h: registry log records of each product, as they stood in the log, in order.
 *
 * An entry is provisional until its block is proven and final. Provisional
 * ones are undone when a reorg abandons their block; final ones never. */
#ifndef STORE_ENTRIES_H
#define STORE_ENTRIES_H

#include "store/store.h"

#define ENTRY_TOPICS_MAX 4
#define ENTRY_DATA_MAX (MANIFEST_MAX + KIB)	/* a manifest with its ABI words; 8 signers are 1.5 KiB */

struct entry_row {
	struct hash32 product;
	uint32_t order;			/* 0 for the product's first */
	uint64_t block;
	struct hash32 block_hash, tx;
	uint32_t log_index;
	uint8_t topics;
	struct hash32 topic[ENTRY_TOPICS_MAX];
	struct span data;
};

/* Adds the product's next entry; the product must be there. ERR_RULE: not the next order, or its (block, log index)
 * does not lie after the previous one's; ERR_LIMIT: data over ENTRY_DATA_MAX. */
MUST_USE int entries_append(struct store *s, const struct entry_row *en, struct err *e);

/* In order, from the one with order `from` on. Spans live until fn returns; fn's failure ends the walk and is
 * returned. fn must not append or undo. */
typedef int entries_fn(void *arg, const struct entry_row *en, struct err *e);
MUST_USE int entries_each(struct store *s, const struct hash32 *product, uint32_t from, entries_fn *fn, void *arg,
			  struct err *e);

/* The first `count` entries of the product are final. ERR_RULE: fewer than before, or more than there are. */
MUST_USE int entries_finalise(struct store *s, const struct hash32 *product, uint32_t count, struct err *e);

/* Forgets the product's entries from order `from` on, and the releases that they published; *removed (may be
 * NULL) says how many. ERR_RULE: some of them are final (then nothing is done). The caller replays what is left
 * and puts the product's row right, in the same transaction. */
MUST_USE int entries_undo(struct store *s, const struct hash32 *product, uint32_t from, uint32_t *removed, struct err *e);
/* The order of the product's first entry in block `block` or later; its number of entries when there is none. */
MUST_USE int entries_first_since(struct store *s, const struct hash32 *product, uint64_t block, uint32_t *order,
				 struct err *e);

#endif
