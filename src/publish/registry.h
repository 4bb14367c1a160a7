/* registry.h: the registry contract as a publisher asks it. */
#ifndef PUBLISH_REGISTRY_H
#define PUBLISH_REGISTRY_H

#include "base/buf.h"
#include "chain/entry.h"
#include "formats/suit.h"
#include "publish/node.h"

struct registry {
	struct node *node;	/* borrowed */
	struct addr20 address;
};

/* Is there a registry at this address? ERR_RULE: no code there, or other code than this gatepost's contract and than
 * code_hash (may be NULL). */
MUST_USE int registry_open(struct node *n, const struct addr20 *address, const struct hash32 *code_hash,
			   struct registry *out, struct err *e);

/* A product as the contract stores it. */
struct registry_product {
	struct hash32 id;
	struct product_words words;
	struct addr20 owner, pending_owner;
};

/* ERR_NOT_FOUND: nobody registered this name at this address as registrant. */
MUST_USE int registry_product(struct registry *r, const struct addr20 *registrant, struct span name,
			      struct registry_product *out, struct err *e);
MUST_USE int registry_is_publisher(struct registry *r, const struct hash32 *id, const struct addr20 *who, bool *out,
				   struct err *e);

/* The product's present signers, from its newest SignersChanged record. */
MUST_USE int registry_signers(struct registry *r, const struct registry_product *p, struct suit_signers *out,
			      struct err *e);

/* The product's newest release, as its record stands in the chain. */
struct registry_release {
	uint64_t sequence, block;
	struct hash32 tx;
	bool is_revoked;	/* by name or by the floor */
	struct buf manifest;	/* buf_free */
};

/* Walks back from the newest record. ERR_NOT_FOUND: it has no release yet. */
MUST_USE int registry_newest_release(struct registry *r, const struct registry_product *p, struct registry_release *out,
				     struct err *e);

/* Calls on_log with each of the product's records as JSON-RPC gives them (eth_getLogs), oldest first. They replay to
 * the product's head, or ERR_PROOF. */
MUST_USE int registry_history(struct registry *r, const struct registry_product *p,
			      int (*on_log)(void *arg, const json_t *log, struct err *e), void *arg, struct err *e);

#endif
