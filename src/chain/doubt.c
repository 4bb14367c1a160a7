/* doubt.c: a proof that does not hold: a lie, or did the node's state change while it made it?
 *
 * Two questions, behind the round's back: does the node stand by the block, and does the same proof hold when it is made
 * once more? Who says no to the first, or yes to the second, has only contradicted itself: a reorg, a load
 * balancer, or a node that takes a proof from two states because a block came while it was at it. Who proves it wrongly
 * twice for a block that it stands by lies. */
#include "chain/follow.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum rpc_class on_again(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	const struct doubt *d = c->doubt;
	struct trie_account account;
	struct hash32 words[PROOF_KEYS_MAX];
	int rc;

	if (a->class != RPC_OK)
		return a->class;
	rc = read_proof(a->result, &d->state_root, &d->account, d->keys, d->n, &account, words, NULL, e);
	if (rc == ERR_MEMORY)
		return RPC_REFUSED;
	if (rc == ERR_OK || rc == ERR_NOT_FOUND) {
		err_set(e, ERR_PROOF, "its proof does not hold, and a second one for the same does");
		watch_changed_word(f, c->provider, e->msg);
		return RPC_REFUSED;
	}
	err_set(e, ERR_PROOF, "%s", d->text);
	return RPC_LYING;
}

static const struct call_kind call_again = {
	.method = "eth_getProof", .is_bulk = true, .is_long = true, .is_big = true, .is_background = true, .done = on_again,
};

static void ask_again(struct follower *f, struct call *confirmed)
{
	struct call *c = call_push(f, &call_again, confirmed->provider);

	c->doubt = confirmed->doubt;
	confirmed->doubt = NULL;
	rpc_put_proof(&c->params, &c->doubt->account, c->doubt->keys, c->doubt->n, c->doubt->number);
}

static enum rpc_class on_confirm(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct header h;

	if (a->class != RPC_OK)
		return a->class;
	if (read_block(a->result, &h, e) || !hash32_eq(&h.hash, &c->hash)) {
		err_set(e, ERR_PROOF, "its proof does not hold, and it does not stand by the block any more");
		watch_changed_word(f, c->provider, e->msg);
		return RPC_REFUSED;
	}
	ask_again(f, c);
	return RPC_OK;
}

static const struct call_kind call_confirm = {
	.method = "eth_getBlockByNumber", .is_background = true, .done = on_confirm,	/* whole: nothing is left to doubt */
};

static struct doubt *doubt_new(const struct follower *f, const struct proof_keys *asked, const char *why)
{
	struct doubt *d = malloc(sizeof *d + asked->n * sizeof *d->keys);

	if (!d)
		err_no_memory();
	*d = (struct doubt){ .number = f->target.header.number, .state_root = f->target.header.state_root,
			     .account = *asked->account, .n = asked->n };
	if (asked->n)
		memcpy(d->keys, asked->slots, asked->n * sizeof *d->keys);
	snprintf(d->text, sizeof d->text, "its proof at block %" PRIu64 " does not hold: %.100s", d->number, why);
	return d;
}

enum rpc_class proof_doubted(struct follower *f, const struct call *failed, const struct proof_keys *asked, int rc, struct err *e)
{
	struct call *c;

	if (rc == ERR_MEMORY) {
		alarm_on(f, ALARM_MEMORY, "", "%s", e->msg);
		return RPC_REFUSED;
	}
	c = call_push(f, &call_confirm, failed->provider);
	c->hash = f->target.header.hash;
	c->doubt = doubt_new(f, asked, e->msg);
	rpc_put_block_number(&c->params, f->target.header.number);
	buf_str(&c->params, RPC_BLOCK_MORE);
	return RPC_REFUSED;
}
