/* check.c: is a provider on our chain? Chain id and genesis hash, at first contact and after every break.
 *
 * The genesis hash is only compared, never built upon, so the block object's own word for it is enough. */
#include "chain/follow.h"
#include "base/hex.h"

#include <inttypes.h>

static void foreign(struct follower *f, struct provider *p)
{
	p->identity = IDENTITY_FOREIGN;
	p->probe_at_ms = f->now_ms + f->probe_ms;
}

static enum rpc_class on_chain_id(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct provider *p = &f->provider[c->provider];
	uint64_t id;

	if (a->class != RPC_OK)
		return a->class;
	if (json_quantity(a->result, &id, e))
		return RPC_GARBAGE;
	if (id != f->chain_id) {
		foreign(f, p);
		err_set(e, ERR_RULE, "chain id %" PRIu64 " instead of %" PRIu64, id, f->chain_id);
		alarm_on(f, ALARM_CHAIN_ID, p->name, "%s", e->msg);
		return RPC_REFUSED;
	}
	alarm_off(f, ALARM_CHAIN_ID, p->name);
	p->has_chain_id = true;
	return RPC_OK;
}

/* Nodes whose history is pruned may not have their own genesis block any more: then the chain id has to do. */
static enum rpc_class on_genesis(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct provider *p = &f->provider[c->provider];

	if (a->class == RPC_PRUNED && !c->is_lean)
		p->lacks_genesis = true;
	if (a->class != RPC_OK)
		return a->class;
	if (read_claimed_hash(a->result, &p->genesis, e))
		return RPC_GARBAGE;
	p->has_genesis = true;
	return RPC_OK;
}

static const struct call_kind call_chain_id = { .method = "eth_chainId", .done = on_chain_id };
static const struct call_kind call_genesis = {
	.method = "eth_getBlockByNumber", .lean = "eth_getHeaderByNumber", .done = on_genesis,
};

void check_begin(struct follower *f)
{
	for (size_t i = 0; i < f->providers_n; i++) {
		struct provider *p = &f->provider[i];

		if (p->identity == IDENTITY_FOREIGN && p->probe_at_ms <= f->now_ms)
			p->identity = IDENTITY_UNKNOWN;
		if (p->identity != IDENTITY_UNKNOWN)
			continue;
		p->has_chain_id = p->has_genesis = p->lacks_genesis = false;	/* what it said before the break does not count */
		if (!provider_is_usable(p, f->now_ms))
			continue;
		call_push(f, &call_chain_id, i);
		rpc_put_block_number(&call_push(f, &call_genesis, i)->params, 0);
	}
}

static bool is_answered(const struct provider *p)
{
	return p->identity == IDENTITY_UNKNOWN && p->has_chain_id && p->has_genesis;
}

/* On the right chain by its id, and nothing else can be asked of it. */
static bool is_without_genesis(const struct provider *p)
{
	return p->identity == IDENTITY_UNKNOWN && p->has_chain_id && p->lacks_genesis;
}

/* Too few can show the genesis block to learn it from them, but those who can show the same one. */
static bool is_genesis_undisputed(const struct follower *f)
{
	const struct provider *first = NULL;
	uint32_t operators = 0;
	bool is_lacking = false;

	for (size_t i = 0; i < f->providers_n; i++) {
		const struct provider *p = &f->provider[i];

		if (is_answered(p) && first && !hash32_eq(&p->genesis, &first->genesis))
			return false;
		if (is_answered(p) && !first)
			first = p;
		is_lacking |= is_without_genesis(p);
		if (is_answered(p) || is_without_genesis(p))
			operators |= UINT32_C(1) << f->operator_of[i];
	}
	return is_lacking && (unsigned)__builtin_popcount(operators) >= f->quorum;
}

/* First contact: the hash that K operators give. */
static void learn_genesis(struct follower *f)
{
	for (size_t i = 0; i < f->providers_n && !f->has_genesis; i++) {
		uint32_t operators = 0;

		if (!is_answered(&f->provider[i]))
			continue;
		for (size_t k = 0; k < f->providers_n; k++)
			if (is_answered(&f->provider[k]) && hash32_eq(&f->provider[k].genesis, &f->provider[i].genesis))
				operators |= UINT32_C(1) << f->operator_of[k];
		if ((unsigned)__builtin_popcount(operators) < f->quorum)
			continue;
		f->has_genesis = true;
		f->genesis = f->provider[i].genesis;
		output_push(f, FOLLOWER_GENESIS)->hash = f->genesis;
	}
}

static void judge_genesis(struct follower *f, struct provider *p)
{
	char has[HEX32_MAX], wants[HEX32_MAX];

	if (hash32_eq(&p->genesis, &f->genesis)) {
		p->identity = IDENTITY_RIGHT;
		alarm_off(f, ALARM_GENESIS, p->name);
		return;
	}
	foreign(f, p);
	alarm_on(f, ALARM_GENESIS, p->name, "genesis %s instead of %s", hex_0x(SPAN_OF(p->genesis), has),
		 hex_0x(SPAN_OF(f->genesis), wants));
}

void check_done(struct follower *f)
{
	bool is_undisputed;

	if (!f->has_genesis)
		learn_genesis(f);
	is_undisputed = !f->has_genesis && is_genesis_undisputed(f);
	for (size_t i = 0; i < f->providers_n; i++) {
		struct provider *p = &f->provider[i];

		if (f->has_genesis && is_answered(p))
			judge_genesis(f, p);
		else if (is_without_genesis(p) || (is_undisputed && is_answered(p)))
			p->identity = IDENTITY_RIGHT;
	}
}
