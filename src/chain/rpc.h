/* rpc.h: JSON-RPC 2.0 requests, and what kind of answer came back.
 *
 * A request is one call or a batch; every call's answer is found by its id and
 * classified, whatever the transport, the HTTP status or the order. */
#ifndef CHAIN_RPC_H
#define CHAIN_RPC_H

#include "base/buf.h"
#include "base/limits.h"
#include "chain/json.h"

enum rpc_class {
	RPC_OK,
	RPC_TOO_LARGE,		/* the node refuses: range or answer too large */
	RPC_THROTTLED,		/* 429 and its disguises */
	RPC_BEHIND,		/* does not have that block yet */
	RPC_PRUNED,		/* does not have that state or those logs any more */
	RPC_UNSUPPORTED,	/* no such method */
	RPC_LYING,		/* fails a hash, a proof or a cross-check (decided by the caller) */
	RPC_GARBAGE,		/* not JSON-RPC, or over our limits */
	RPC_REFUSED,		/* any other error object */
	RPC_SLOW,		/* no answer yet, and the others suffice (decided by the caller) */
	RPC_DOWN,		/* no answer */
	RPC_CLASSES,
};

/* "ok", "too-large", … */
const char *rpc_class_name(enum rpc_class c);

#define RPC_TEXT_MAX 160

struct rpc_answer {
	enum rpc_class class;
	const json_t *result;		/* for RPC_OK; may be JSON null. Owned by the reply */
	char text[RPC_TEXT_MAX];	/* else: what was wrong, for the status. May hold a node's words: escape it */
};

struct rpc_reply {
	json_t *root;
	bool is_batch_refused;		/* a batch was not answered as one: send the calls one by one */
	struct rpc_answer answer[RPC_BATCH_MAX];	/* in the order of the ids */
};

struct rpc_exchange {			/* what the transport says */
	int net;			/* ERR_OK, or an error */
	const char *net_text;
	int status;
	struct span body;
};

/* Never fails: what cannot be read is an answer of some class. Free with rpc_reply_free. */
void rpc_reply_read(struct rpc_reply *out, const struct rpc_exchange *x, const uint64_t *ids, size_t n);
void rpc_reply_free(struct rpc_reply *reply);

/* --- requests --- */

/* One call; params, and after it more, is the inside of the JSON array. */
void rpc_put_call(struct buf *b, uint64_t id, const char *method, struct span params, const char *more);

/* What eth_getBlockBy… takes beside what eth_getHeaderBy… takes: hashes of transactions, not the transactions. */
#define RPC_BLOCK_MORE ",false"

/* Params of each method that we use. */
void rpc_put_block_number(struct buf *b, uint64_t number);		/* for eth_getBlockByNumber, eth_getHeaderByNumber */
void rpc_put_block_tag(struct buf *b, const char *tag);
void rpc_put_block_hash(struct buf *b, const struct hash32 *hash);	/* for eth_getBlockByHash, eth_getHeaderByHash */
void rpc_put_proof(struct buf *b, const struct addr20 *account, const struct hash32 *keys, size_t n, uint64_t number);

struct rpc_log_filter {
	const struct addr20 *address;
	uint64_t from, to;
	const struct hash32 *topic0;	/* NULL: any */
	const struct hash32 *products;	/* first indexed topic: any of these */
	size_t products_n;
};
void rpc_put_logs(struct buf *b, const struct rpc_log_filter *f);

#endif
