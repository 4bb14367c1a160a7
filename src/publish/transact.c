/* transact.c: see transact.h.
 *
 *	estimate ─► nonce, fees ─► sign ─► send ─► poll for the receipt ─► status 1?
 *
 * The estimate is also where a refusal is found before it costs anything. */
#include "publish/transact.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "formats/ethtx.h"
#include "formats/keccak.h"
#include "formats/secp.h"
#include "publish/patience.h"

#include <inttypes.h>
#include <string.h>

#define RAW_MAX (128 * 1024)	/* bytes of a transaction; nodes take no more */
#define POLL_MAX_MS 2000
#define TIP_DEFAULT 1000000000u	/* 1 gwei, where a node does not know eth_maxPriorityFeePerGas */

static void json_free(json_t **j)
{
	json_decref(*j);
}

static void step(const struct transact *t, enum transact_step at, const struct hash32 *tx)
{
	if (t->on_step)
		t->on_step(t->arg, at, tx);
}

static int ask_quantity(struct node *n, const char *method, json_t *params, uint64_t *out, struct err *e)
{
	AUTO(json_free) json_t *result = NULL;
	int rc = node_call_take(n, method, params, NULL, &result, e);

	return rc ? rc : node_read_quantity(result, out, e);
}

/* {from, to, data} as eth_estimateGas and eth_call take it. */
static json_t *call_object(const struct transact *t)
{
	json_t *o = json_pack("{s:o, s:o}", "from", node_address(&t->wallet->address), "data", node_bytes(t->data));

	if (t->to)
		json_object_set_new(o, "to", node_address(t->to));
	return o;
}

/* A wallet needs no precise price: what the base fee does not take of max_fee is not paid. */
static int price(struct node *n, struct ethtx *tx, struct err *e)
{
	AUTO(json_free) json_t *block = NULL;
	uint64_t base, tip = TIP_DEFAULT;
	int rc = node_call_take(n, "eth_getBlockByNumber", json_pack("[s, b]", "latest", 0), NULL, &block, e);

	if (!rc)
		rc = node_read_quantity(json_object_get(block, "baseFeePerGas"), &base, e);
	if (rc)
		return err_wrap(e, "base fee");
	rc = ask_quantity(n, "eth_maxPriorityFeePerGas", json_array(), &tip, e);
	if (rc && rc != ERR_RULE)
		return rc;
	if (base > UINT64_MAX / 4 || tip > UINT64_MAX / 4)
		return err_set(e, ERR_NET, "node: a fee that nobody can pay");
	tx->tip = tip;
	tx->max_fee = 2 * base + tip;	/* six full blocks in a row double the base fee */
	return ERR_OK;
}

int transact_estimate(const struct transact *t, uint64_t *gas, struct err *e)
{
	step(t, TRANSACT_ESTIMATE, NULL);
	return ask_quantity(t->node, "eth_estimateGas", json_pack("[o]", call_object(t)), gas, e);
}

static int ask_count(struct node *n, const struct wallet *w, const char *when, uint64_t *out, struct err *e)
{
	json_t *from = node_address(&w->address);

	return ask_quantity(n, "eth_getTransactionCount", json_pack("[o, s]", from, when), out, e);
}

int transact_settle(struct node *n, const struct wallet *w, int64_t wait_ms, void (*on_wait)(void *arg), void *arg,
		    struct err *e)
{
	struct patience patience = patience_of(wait_ms, POLL_MAX_MS);
	uint64_t done = 0, all = 0;
	bool is_told = false;

	for (;;) {
		int rc = ask_count(n, w, "latest", &done, e);

		if (!rc)
			rc = ask_count(n, w, "pending", &all, e);
		if (rc || all <= done)
			return rc;
		if (!is_told && on_wait)
			on_wait(arg);
		is_told = true;
		if (!patience_pause(&patience))
			return err_set(e, ERR_BUSY, "%" PRIu64 " earlier transactions of this wallet still wait for a block; nothing was sent",
				       all - done);
	}
}

static int fill_in(const struct transact *t, struct ethtx *tx, struct err *e)
{
	uint64_t gas;
	int rc = transact_estimate(t, &gas, e);

	if (rc)
		return rc;
	*tx = (struct ethtx){ .chain_id = t->node->chain_id, .to = t->to, .data = t->data };
	tx->gas = gas + gas / 8;	/* what is left over is not paid */
	rc = ask_count(t->node, t->wallet, "pending", &tx->nonce, e);
	return rc ? rc : price(t->node, tx, e);
}

static int sign(const struct wallet *w, const struct ethtx *tx, struct buf *raw, struct err *e)
{
	struct secp_signature made;
	struct ethtx_signature sig;
	struct hash32 digest;
	int rc = ethtx_digest(tx, &digest, e);

	if (!rc)
		rc = secp_sign(w->secret, &digest, &made, e);
	if (rc)
		return rc;
	sig.y_parity = made.y_parity;
	memcpy(sig.r, made.r, sizeof sig.r);
	memcpy(sig.s, made.s, sizeof sig.s);
	return ethtx_raw(tx, &sig, raw, e);
}

/* Has the node this transaction, whatever became of the answer that should have said so? */
static bool is_known(struct node *n, const struct hash32 *tx)
{
	AUTO(json_free) json_t *found = NULL;
	json_t *params = json_pack("[o]", node_bytes(SPAN_OF(tx->b)));

	return node_call_take(n, "eth_getTransactionByHash", params, NULL, &found, NULL) == ERR_OK && json_is_object(found);
}

static int send(struct node *n, struct span raw, struct hash32 *tx, struct err *e)
{
	AUTO(json_free) json_t *result = NULL;
	struct hash32 own = keccak256(raw), named = own;
	char text[HEX32_MAX];
	int rc = node_call_take(n, "eth_sendRawTransaction", json_pack("[o]", node_bytes(raw)), NULL, &result, e);

	*tx = own;
	if (!rc)
		rc = node_read_hash(result, &named, e);
	if (rc == ERR_NET && is_known(n, &own))
		return ERR_OK;
	if (rc == ERR_NET)
		return err_wrap(e, "transaction %s may be on its way; the same command looks first", hex_0x(SPAN_OF(own), text));
	if (!rc && !hash32_eq(&own, &named))
		return err_set(e, ERR_NET, "node: it names another transaction than the one it was given");
	return rc;
}

/* The receipt, or JSON null while there is none. */
static int ask_receipt(struct node *n, const struct hash32 *tx, json_t **out, struct err *e)
{
	return node_call_take(n, "eth_getTransactionReceipt", json_pack("[o]", node_bytes(SPAN_OF(tx->b))), NULL, out, e);
}

/* A node that fails to answer meanwhile is asked again: the transaction is out. */
static int await(const struct transact *t, const struct hash32 *tx, json_t **out, struct err *e)
{
	struct patience patience = patience_of(t->wait_ms ? t->wait_ms : TRANSACT_WAIT_MS, POLL_MAX_MS);
	char text[HEX32_MAX];

	for (;;) {
		json_t *receipt = NULL;
		struct err last = { .msg = "no block has it yet" };
		int rc = ask_receipt(t->node, tx, &receipt, &last);

		if (!rc && json_is_object(receipt)) {
			*out = receipt;
			return ERR_OK;
		}
		json_decref(receipt);
		if (!patience_pause(&patience))
			return err_set(e, ERR_NET, "transaction %s was sent, but: %.150s", hex_0x(SPAN_OF(*tx), text),
				       last.msg);
	}
}

/* Mined and reverted: something changed between the estimate and the block. The same call after that block
 * mostly says what. */
static int explain(const struct transact *t, const struct receipt *r, struct err *e)
{
	struct err why = { 0 };
	json_t *params = json_pack("[o, o]", call_object(t), node_quantity(r->block));
	AUTO(json_free) json_t *result = NULL;
	char text[HEX32_MAX];

	if (node_call_take(t->node, "eth_call", params, NULL, &result, &why) == ERR_OK)
		err_set(&why, ERR_RULE, "it ran out of gas, or the reason is gone");
	why.code = ERR_RULE;
	err_wrap(&why, "block %" PRIu64 " has transaction %s without effect", r->block, hex_0x(SPAN_OF(r->tx), text));
	return err_tell(e, &why);
}

static int read_receipt(const struct transact *t, const json_t *json, const struct hash32 *tx, struct receipt *out,
			struct err *e)
{
	struct receipt r = { .tx = *tx };
	uint64_t status = 0;
	int rc = node_read_quantity(json_object_get(json, "status"), &status, e);

	if (!rc)
		rc = node_read_quantity(json_object_get(json, "blockNumber"), &r.block, e);
	if (!rc)
		rc = node_read_quantity(json_object_get(json, "gasUsed"), &r.gas, e);
	if (rc)
		return err_wrap(e, "receipt");
	if (status != 1)
		return explain(t, &r, e);
	r.logs = json_incref(json_object_get(json, "logs"));
	*out = r;
	return ERR_OK;
}

int transact(const struct transact *t, struct receipt *out, struct err *e)
{
	AUTO(buf_free) struct buf raw = BUF_INIT(RAW_MAX);
	AUTO(json_free) json_t *receipt = NULL;
	struct hash32 hash;
	struct ethtx tx;
	int rc;

	rc = fill_in(t, &tx, e);
	if (!rc)
		rc = sign(t->wallet, &tx, &raw, e);
	if (rc)
		return rc;
	step(t, TRANSACT_SEND, NULL);
	rc = send(t->node, buf_span(&raw), &hash, e);
	if (rc)
		return rc;
	step(t, TRANSACT_WAIT, &hash);
	rc = await(t, &hash, &receipt, e);
	if (!rc)
		rc = read_receipt(t, receipt, &hash, out, e);
	if (!rc && !t->to)
		out->created = ethtx_created(&t->wallet->address, tx.nonce);
	return rc;
}

void receipt_free(struct receipt *r)
{
	json_decref(r->logs);
}
