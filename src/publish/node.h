/* node.h: the JSON-RPC node that a publisher sends through.
 *
 * It is believed here: it is the publisher's own choice, what it can do wrong
 * is to lose a transaction, and what it says about the registry is checked again by every gateway. */
#ifndef PUBLISH_NODE_H
#define PUBLISH_NODE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "publish/web.h"

#include <jansson.h>

struct node {
	struct web *web;	/* borrowed */
	const char *url;	/* borrowed; may hold a key, so it is never printed */
	uint64_t chain_id;
	uint64_t calls;
};

/* Asks for the chain's id. ERR_NET when the node cannot be reached or does not speak JSON-RPC. */
MUST_USE int node_open(struct web *web, const char *url, struct node *out, struct err *e);

/* One call. params is consumed. *result is the caller's (json_decref); never NULL after success.
 * A call that the registry reverted is ERR_RULE with its custom error in words; any other error that the node gives is
 * ERR_RULE too, with the node's message; ERR_NET: no answer, or none that makes sense. revert (may be NULL) gets
 * the raw data of a revert. */
MUST_USE int node_call_take(struct node *n, const char *method, json_t *params, struct buf *revert, json_t **result,
			    struct err *e);

/* What an answer's body says to question number id; node_call_take's second half. */
MUST_USE int node_read_answer(struct span body, uint64_t id, const char *method, struct buf *revert, json_t **result,
			      struct err *e);

/* --- values as JSON-RPC spells them: "0x" and hex, quantities without leading zeros --- */

json_t *node_quantity(uint64_t v);
json_t *node_bytes(struct span s);
json_t *node_address(const struct addr20 *a);
MUST_USE int node_read_quantity(const json_t *v, uint64_t *out, struct err *e);
MUST_USE int node_read_bytes(const json_t *v, struct buf *out, struct err *e);
MUST_USE int node_read_hash(const json_t *v, struct hash32 *out, struct err *e);

/* --- the calls that more than one module makes --- */

/* eth_call at the latest block. from may be NULL. Appends what the contract returned. */
MUST_USE int node_eth_call(struct node *n, const struct addr20 *from, const struct addr20 *to, struct span data,
			   struct buf *out, struct err *e);

#endif
