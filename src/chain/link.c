/* link.c: is a block an ancestor of the anchor? For proofs at recent blocks on which no quorum votes any more.
 *
 * One honest provider is enough, since each answer is checked against the anchor alone:
 *  - Headers by hash, each the parent that the one above names, for LINK_PARENTS_MAX blocks at most. This needs no state,
 *    so it works where the anchor's is pruned already.
 *  - Further down, EIP-2935: since Prague the contract below keeps the hashes of the last 8,191 blocks in its
 *    storage, block N's in slot N mod 8191. One storage proof under the anchor's state root tells the hash. */
#include "chain/follow.h"

/* EIP-2935, HISTORY_STORAGE_ADDRESS. */
static const struct addr20 history_contract = { {
	0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb, 0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35,
} };

static struct hash32 ring_slot(uint64_t number)
{
	struct hash32 slot = { { 0 } };
	uint64_t at = number % LINK_RING;

	for (size_t i = 0; i < 8; i++)
		slot.b[31 - i] = (uint8_t)(at >> 8 * i);
	return slot;
}

static uint64_t distance(const struct follower *f)
{
	return f->anchor.number - f->link.block.number;
}

/* --- by proof --- */

static enum rpc_class on_ring(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct hash32 slot = ring_slot(f->link.block.number), word;
	struct trie_account account;
	int rc;

	f->link.tried |= UINT32_C(1) << c->provider;
	if (a->class != RPC_OK)
		return proof_answered(f, c, a->class);
	rc = read_proof(a->result, &f->anchor_header.state_root, &history_contract, &slot, 1, &account, &word, NULL, e);
	if (rc && rc != ERR_NOT_FOUND)
		return proof_doubted(f, c, &(struct proof_keys){ &history_contract, &slot, 1 }, rc, e);
	if (rc || hash32_is_zero(&word))
		f->link.verdict = LINK_UNKNOWN;		/* the chain, or the block, is older than the contract */
	else
		f->link.verdict = hash32_eq(&word, &f->link.block.hash) ? LINK_YES : LINK_NO;
	return RPC_OK;
}

static const struct call_kind call_ring = { .method = "eth_getProof", .done = on_ring };

/* --- by parents --- */

static enum rpc_class on_parent(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct header h;
	enum rpc_class class = answer_header(f, c, a, &h, e);

	f->link.tried |= UINT32_C(1) << c->provider;
	if (class != RPC_OK)
		return class;
	if (!hash32_eq(&h.hash, &f->link.parent)) {
		err_set(e, ERR_RULE, "another block than the one that was asked for");
		return RPC_LYING;
	}
	f->link.tried = 0;
	f->link.parent = h.parent;
	f->link.at--;
	return RPC_OK;
}

static const struct call_kind call_parent = { .method = "eth_getBlockByHash", .lean = "eth_getHeaderByHash", .done = on_parent };

/* --- the step --- */

static bool ask(struct follower *f)
{
	struct link *l = &f->link;
	struct hash32 slot = ring_slot(l->block.number);
	size_t p = l->is_by_parents ? follow_pick(f, l->tried, f->anchor.number) : proof_pick(f, l->tried, f->anchor.number);

	if (p == NO_PROVIDER || (!l->is_by_parents && distance(f) > LINK_RING))
		return false;		/* further down, the slot has a later block's hash */
	if (l->is_by_parents)
		rpc_put_block_hash(&call_push(f, &call_parent, p)->params, &l->parent);
	else
		rpc_put_proof(&call_push(f, &call_ring, p)->params, &history_contract, &slot, 1, f->anchor.number);
	return true;
}

/* Where nobody gives the next parent: the other way, if it reaches so far. */
static bool ask_either_way(struct follower *f)
{
	if (ask(f))
		return true;
	if (!f->link.is_by_parents)
		return false;
	f->link.is_by_parents = false;
	f->link.tried = 0;
	return ask(f);
}

void link_advance(struct follower *f)
{
	struct link *l = &f->link;

	if (l->is_by_parents && l->at == l->block.number)
		l->verdict = hash32_eq(&l->parent, &l->block.hash) ? LINK_YES : LINK_NO;
	if (l->verdict == LINK_OPEN && !ask_either_way(f))
		l->verdict = LINK_UNKNOWN;
	if (l->verdict == LINK_UNKNOWN)
		round_next(f);		/* it is asked again in the next round */
	else if (l->verdict != LINK_OPEN)
		promote_linked(f, l->verdict == LINK_YES);
}

void link_begin(struct follower *f, const struct block_ref *block)
{
	f->link = (struct link){ .block = *block, .parent = f->anchor_header.parent, .at = f->anchor.number - 1 };
	f->link.is_by_parents = distance(f) <= LINK_PARENTS_MAX;
	f->target.header = f->anchor_header;
	step_to(f, STEP_LINKING);
	link_advance(f);
}
