/* products.h: what the registry says of each followed product, as replayed from its entries. */
#ifndef STORE_PRODUCTS_H
#define STORE_PRODUCTS_H

#include "store/mark.h"

/* A signer set as registered: the COSE_Keys' bytes as they stand in the log, well-formed or not. */
struct product_signers {
	uint16_t threshold;
	uint8_t n;
	uint8_t key_len[SIGNERS_MAX];
	uint8_t key[SIGNERS_MAX][COSE_KEY_MAX];
};

struct product_row {
	struct hash32 id;
	char name[PRODUCT_NAME_MAX + 1];	/* "vendor/model" */
	struct addr20 registrant, owner;
	struct product_signers signers;		/* in force now */
	bool has_remembered;
	struct product_signers remembered;	/* the last set that continuity (chapter 3) accepted */
	struct hash32 head;			/* after the last entry that we hold */
	uint64_t sequence, floor, last_block;
	uint32_t entries;			/* that we hold; counted by entries_append and entries_undo */
	uint32_t final_entries;			/* the first so many are final: entries_finalise */
	bool has_proven;
	struct proof_mark proven;		/* last time that this head was proven */
	/* the operator's */
	uint32_t keep;				/* newest images never evicted */
	bool in_rollout;			/* keep the previous active one too */
	bool is_pinned;				/* evict nothing of it */
};

/* Inserts, or updates everything but the counts of entries and the operator's part. */
MUST_USE int products_put(struct store *s, const struct product_row *p, struct err *e);
MUST_USE int products_set_proven(struct store *s, const struct hash32 *id, const struct proof_mark *m, struct err *e);
/* From the configuration, at start and when it changes. */
MUST_USE int products_set_keep(struct store *s, const struct hash32 *id, uint32_t keep, bool in_rollout, struct err *e);
MUST_USE int products_set_pinned(struct store *s, const struct hash32 *id, bool is_pinned, struct err *e);

/* The operator said something of it: own.h. Again is fine; an unknown product is not chosen. */
MUST_USE int products_choose(struct store *s, const struct hash32 *id, struct err *e);

/* ERR_NOT_FOUND. By name: the product of that registrant. */
MUST_USE int products_get(struct store *s, const struct hash32 *id, struct product_row *out, struct err *e);
MUST_USE int products_find(struct store *s, const char *name, const struct addr20 *registrant,
			   struct product_row *out, struct err *e);
/* By name, then registrant. fn's failure ends the walk and is returned. fn may write to the store. */
typedef int products_fn(void *arg, const struct product_row *p, struct err *e);
MUST_USE int products_each(struct store *s, products_fn *fn, void *arg, struct err *e);

/* No longer followed: forgets it with entries, releases and decisions (its images then belong to nobody). */
MUST_USE int products_drop(struct store *s, const struct hash32 *id, struct err *e);

/* `gatepost signers accept`: the operator accepted the set with this id (keeper/history.h). Again is fine. */
MUST_USE int products_accept_set(struct store *s, const struct hash32 *id, const struct hash32 *set_id, int64_t now_ms,
				 struct err *e);
/* The newest `cap` accepted ones, oldest first; *n is how many were written. */
MUST_USE int products_accepted_sets(struct store *s, const struct hash32 *id, struct hash32 *out, size_t cap, size_t *n,
				    struct err *e);

#endif
