/* ledger.h: from proven registry entries to releases with a state and a reason.
 *
 * The follower's outputs go into the store as they come (ledger_take, inside
 * one transaction per batch). Whatever touches a product (new entries, a reorg,
 * finality, an image that arrived or vanished, an operator's word, a new
 * configuration) marks it, and ledger_settle judges the marked ones anew, from
 * their entries: nothing is patched, so every way to the same facts gives
 * the same states.
 *
 * Order within a settle: releases and states in one transaction; then the floor files,
 * durable before anything is told; then owner->on_settled, which may build a
 * catalog. */
#ifndef KEEPER_LEDGER_H
#define KEEPER_LEDGER_H

#include "base/clock.h"
#include "base/table.h"
#include "chain/follower.h"
#include "keeper/alarms.h"
#include "keeper/entryfiles.h"
#include "keeper/judge.h"
#include "store/bundles.h"
#include "store/floor.h"
#include "store/images.h"
#include "store/products.h"

/* What the configuration says of the products of one section. Borrowed; outlives the ledger. */
struct ledger_follow {
	const char *name;		/* vendor/model; NULL: every product of the registrant that has no section of its own */
	struct addr20 registrant;
	const char *const *channels;	/* first: the default */
	size_t channels_n;
	const struct hash32 *pinned;
	size_t pinned_n;
	bool needs_approval;
	unsigned keep;
	uint64_t image_max;
};

/* A release that a reorg took back, as it was. It may be there again, as it was or as another one. */
struct ledger_undone {
	struct ledger_undone *next;
	uint64_t sequence;
	struct hash32 sha256;
};

/* One followed product, in memory. */
struct ledger_product {
	struct hash32 id;
	struct addr20 registrant;
	char name[PRODUCT_NAME_MAX + 1];
	const struct ledger_follow *follow;
	uint32_t final_entries;		/* as stored */
	uint64_t stored;		/* number of the proof that the store has of it */
	struct proof_mark proven;	/* the last final proof; number 0: none */
	struct proof_mark judged;	/* the last one under which the states of its releases are true: what may be told */
	uint64_t final_sequence;	/* its newest final release, when it was judged last; 0: none, or it was not judged yet */
	struct ledger_undone *undone;	/* since it was judged last */
	bool is_marked;			/* to be judged */
	bool has_releases;		/* false: none, and it is not marked */
	struct entryfile file;		/* the keeper's: its final entries, for the server */
	struct bundle_row bundle;	/* what the last offline bundle brought; entries 0: none */
};

struct ledger_want {
	struct hash32 sha256;
	uint64_t size;
	const char *cid;
	const char *product;
	const char *version;
	uint64_t sequence;
	bool is_urgent;
};

struct ledger_change {			/* a release came into another state */
	const struct ledger_product *product;
	uint64_t sequence;
	const char *version;		/* "" when the manifest cannot be read */
	enum release_state from, to;
	bool is_new;			/* there was no `from` */
	const char *why;
};

struct ledger_owner {
	/* The image should be here and is not; it is known to the store. Called on every settle while that is so. */
	void (*on_want)(void *arg, const struct ledger_want *w);
	/* This release does not ask for its image (any more), or is no more; others that name it may. w has no more than product, sequence
	 * and SHA-256 for certain. */
	void (*on_unwanted)(void *arg, const struct ledger_want *w);
	void (*on_change)(void *arg, const struct ledger_change *c);	/* may be NULL */
	/* Something was judged: devices may have to be told something else. */
	void (*on_settled)(void *arg);
	/* Is this image being fetched right now? */
	bool (*is_fetching)(void *arg, const struct hash32 *sha256);
	/* Is what lies on the disk still being looked at? Then nothing new becomes active. May be NULL. */
	bool (*is_recovering)(void *arg);
	void *arg;
};

struct ledger {
	struct store *store;
	struct floors *floors;
	const struct clock *clock;
	struct alarms *alarms;
	const struct ledger_follow *follow;
	size_t follow_n;
	struct ledger_owner owner;
	struct ledger_product **product;	/* by id */
	size_t products, cap;
	struct ledger_product **named;	/* in the order in which they came */
	struct table by_name;		/* places in named */
	const struct ledger_follow **wild;	/* those without a name */
	size_t wild_n;
	struct table follow_by_name;	/* places in follow of the others */
	struct proof_mark whole;	/* the store's proof of all products together; number 0: none */
	struct verified verified;	/* what settling need not check again */
	bool is_untold;			/* something was judged since on_settled was last called */
};

/* Everything but owner.arg is borrowed until ledger_fini. Loads the products of the configuration, making rows for those that
 * have a name, marks them all, and drops from the store what is not followed any more. One name is one product: what a section
 * names comes first, then what was there first; a stranger who registers the same name is not followed. */
MUST_USE int ledger_init(struct ledger *l, struct store *s, struct floors *f, const struct clock *clock,
			 struct alarms *alarms, const struct ledger_follow *follow, size_t follow_n,
			 struct ledger_owner owner, struct err *e);
void ledger_fini(struct ledger *l);

struct ledger_product *ledger_find(const struct ledger *l, const struct hash32 *id);
struct ledger_product *ledger_find_name(const struct ledger *l, struct span name);

/* One output of the follower; the caller holds the transaction. Alarms and anchors are not the ledger's. */
MUST_USE int ledger_take(struct ledger *l, const struct follower_output *o, struct err *e);
/* The product was proven again, unchanged. Kept in memory until ledger_save_proofs. */
void ledger_refresh(struct ledger_product *p, const struct proof_mark *m);
/* Writes down the proofs that are newer than the store's, but for those that `whole` (NULL: none) covers. */
MUST_USE int ledger_save_proofs(struct ledger *l, const struct proof_mark *whole, struct err *e);
/* What an offline bundle brought counts from now on; the caller holds the transaction. */
MUST_USE int ledger_take_bundle(struct ledger *l, struct ledger_product *p, const struct bundle_row *b, struct err *e);
/* Does the product rest on a bundle's unproven entries, for which only its pinned signers vouch? */
bool ledger_is_by_signers(const struct ledger_product *p);
/* On a bundle whose block the operator gave the hash of, and on nothing newer? */
bool ledger_is_by_pinned_bundle(const struct ledger_product *p);
/* The transaction failed: forgets what memory knows and the store does not. */
MUST_USE int ledger_forget_unstored(struct ledger *l, struct err *e);

void ledger_mark(struct ledger *l, struct ledger_product *p);
void ledger_mark_all(struct ledger *l);
/* Marks every product with a release that names this image. */
MUST_USE int ledger_mark_image(struct ledger *l, const struct hash32 *sha256, struct err *e);

/* Judges what is marked. What fails stays marked, and keeps nothing else from being judged; the first failure is returned. */
MUST_USE int ledger_settle(struct ledger *l, struct err *e);

/* What was taken back was told. For ledger_settle. */
void ledger_forget_undone(struct ledger_product *p);

/* The id of the signer set in force now: what `signers accept` accepts. ERR_NOT_FOUND before the first. */
MUST_USE int ledger_current_set(struct ledger *l, struct ledger_product *p, struct hash32 *set_id, struct err *e);

/* Does the operator follow this channel of the product? */
bool ledger_follows_channel(const struct ledger_follow *f, const char *channel);

#endif
