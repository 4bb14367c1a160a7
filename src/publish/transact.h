/* transact.h: one transaction to the registry: built, priced, signed, sent, waited for. */
#ifndef PUBLISH_TRANSACT_H
#define PUBLISH_TRANSACT_H

#include "publish/node.h"
#include "publish/wallet.h"

#define TRANSACT_WAIT_MS (10 * 60 * 1000)	/* for a receipt: 50 blocks of mainnet */

struct receipt {
	struct hash32 tx;
	uint64_t block, gas;
	struct addr20 created;	/* the contract that a creation made */
	json_t *logs;		/* json_decref */
};

/* What is going on, for a progress line. */
enum transact_step { TRANSACT_ESTIMATE, TRANSACT_SEND, TRANSACT_WAIT };

struct transact {
	struct node *node;
	const struct wallet *wallet;
	const struct addr20 *to;	/* NULL creates a contract */
	struct span data;
	int64_t wait_ms;		/* 0: TRANSACT_WAIT_MS */
	void (*on_step)(void *arg, enum transact_step step, const struct hash32 *tx);	/* may be NULL */
	void *arg;
};

/* ERR_RULE: the contract refuses (found out before anything is sent, or in the block that took it), or the node does (no funds, a
 * nonce that is taken); ERR_NET: sent, or maybe sent, but no receipt came in time; the message has the transaction's hash. */
MUST_USE int transact(const struct transact *t, struct receipt *out, struct err *e);

/* Waits until no block is awaited by an earlier transaction of this wallet (of a run that was cut off, say): a second one for the
 * same thing must not be sent beside it. on_wait (may be NULL) is called once if there is one. ERR_BUSY: it still waits. */
MUST_USE int transact_settle(struct node *n, const struct wallet *w, int64_t wait_ms, void (*on_wait)(void *arg), void *arg,
			     struct err *e);

/* Only what it would cost; ERR_RULE when it would be refused. Nothing is sent. */
MUST_USE int transact_estimate(const struct transact *t, uint64_t *gas, struct err *e);

void receipt_free(struct receipt *r);

#endif
