/* bundles.h: what an offline bundle brought of each product, and why it counts. One row a product: the last import's. */
#ifndef STORE_BUNDLES_H
#define STORE_BUNDLES_H

#include "store/store.h"

struct bundle_row {
	struct hash32 product;
	uint32_t entries;	/* the product's first so many count by it; 0 where there was none */
	bool is_pinned;		/* the operator gave the block's hash; else the pinned signers vouch for the releases */
	uint64_t number, time;	/* of the block that it is about */
	struct hash32 hash;
	int64_t at_ms;
};

/* Inserts or replaces. The product must be there. */
MUST_USE int bundles_put(struct store *s, const struct bundle_row *b, struct err *e);
/* Nothing there is not an error. */
MUST_USE int bundles_drop(struct store *s, const struct hash32 *product, struct err *e);
/* In no order. Lives until fn returns; its failure ends the walk and is returned. */
typedef int bundles_fn(void *arg, const struct bundle_row *b, struct err *e);
MUST_USE int bundles_each(struct store *s, bundles_fn *fn, void *arg, struct err *e);

#endif
