/* prove.c: the registry's state at an agreed block: its account's proof, from any provider. words.c goes on with its storage.
 *
 * The block's header was hashed to the agreed hash, so its state root is as good as the hash; every answer here is
 * checked against it and nothing else. */
#include "chain/follow.h"
#include "base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- what is known already --- */

void target_reset(struct follower *f)
{
	struct target *t = &f->target;

	free(t->sought);
	free(t->asked);
	heads_put(t->heads);
	*t = (struct target){ .level = LEVEL_FINAL };
}

static void take_heads(struct target *t, struct heads *heads)
{
	heads->refs++;
	heads_put(t->heads);
	t->heads = heads;
}

/* Heads that are still good: all tracks are in them. */
static struct heads *known_heads(struct follower *f, const struct hash32 *block, const struct hash32 *storage_root)
{
	struct snap *snaps[] = { &f->final_snap, &f->recent_snap };

	if (explain_is_due(f))
		return NULL;		/* the list of ids is to be read again */
	for (size_t i = 0; i < 2; i++) {
		struct heads *h = snaps[i]->heads;

		if (!h || !h->is_whole || h->n != f->tracks_n)
			continue;
		if (block && hash32_eq(&snaps[i]->block.hash, block))
			return h;
		if (storage_root && hash32_eq(&h->storage_root, storage_root))
			return h;
	}
	return NULL;
}

/* --- who can be asked --- */

size_t proof_pick(struct follower *f, uint32_t tried, uint64_t block)
{
	uint32_t lacking = 0;
	size_t p;

	for (size_t i = 0; i < f->providers_n; i++)
		if (f->provider[i].no_proofs_until_ms > f->now_ms)
			lacking |= UINT32_C(1) << i;
	p = follow_pick(f, tried | lacking, block);
	return p != NO_PROVIDER ? p : follow_pick(f, tried, block);
}

enum rpc_class proof_answered(struct follower *f, const struct call *c, enum rpc_class class)
{
	if (class == RPC_UNSUPPORTED)
		f->provider[c->provider].no_proofs_until_ms = f->now_ms + f->probe_ms;
	return class;
}

/* --- the account --- */

static bool is_known_code(const struct follower *f, const struct hash32 *code)
{
	for (size_t i = 0; i < f->code_hashes_n; i++)
		if (hash32_eq(&f->code_hashes[i], code))
			return true;
	return false;
}

static enum rpc_class on_account(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct target *t = &f->target;
	struct trie_account account;
	int rc;

	t->tried |= UINT32_C(1) << c->provider;
	if (a->class != RPC_OK)
		return proof_answered(f, c, a->class);
	rc = read_proof(a->result, &t->header.state_root, &f->registry, NULL, 0, &account, NULL, NULL, e);
	if (rc)
		return proof_doubted(f, c, &(struct proof_keys){ .account = &f->registry }, rc, e);
	t->has_account = true;
	t->storage_root = account.exists ? account.storage_root : (struct hash32){ { 0 } };
	t->is_missing = !account.exists;
	t->code_hash = account.code_hash;
	return RPC_OK;
}

static const struct call_kind call_account = { .method = "eth_getProof", .done = on_account };

/* Asks the next provider. false: none is left. */
static bool ask_account(struct follower *f)
{
	size_t p = proof_pick(f, f->target.tried, f->target.header.number);

	if (p == NO_PROVIDER)
		return false;
	rpc_put_proof(&call_push(f, &call_account, p)->params, &f->registry, NULL, 0, f->target.header.number);
	return true;
}

/* Absence at the final block only means that the registry is young; where it should be by now, it is an alarm. */
static bool is_registry_due(struct follower *f)
{
	if (f->target.level == LEVEL_FINAL && f->anchor_kind != ANCHOR_PINNED)
		return false;
	alarm_on(f, ALARM_REGISTRY_MISSING, "", "no contract at the registry's address at block %" PRIu64,
		 f->target.header.number);
	return true;
}

void prove_begin(struct follower *f, enum level level, const struct header *h)
{
	struct target *t = &f->target;

	target_reset(f);
	t->level = level;
	t->header = *h;

	struct heads *known = known_heads(f, &h->hash, NULL);

	if (known && known->is_missing && is_registry_due(f)) {
		round_next(f);
		return;
	}
	if (known) {
		take_heads(t, known);
		records_begin(f);
		return;
	}
	f->is_proof_tried = true;
	step_to(f, STEP_ACCOUNT);
	if (!ask_account(f))
		round_next(f);
}

/* What the registry's account has to be. Nothing moves while it is not. */
static bool is_right_account(struct follower *f)
{
	struct target *t = &f->target;
	char text[HEX32_MAX];

	if (t->is_missing)
		return !is_registry_due(f);
	alarm_off(f, ALARM_REGISTRY_MISSING, "");
	if (!is_known_code(f, &t->code_hash)) {
		alarm_on(f, ALARM_CODE_HASH, "", "the registry's code hash is %s", hex_0x(SPAN_OF(t->code_hash), text));
		return false;
	}
	alarm_off(f, ALARM_CODE_HASH, "");
	return true;
}

void account_advance(struct follower *f)
{
	struct target *t = &f->target;
	struct heads *known;

	if (!t->has_account) {
		if (!ask_account(f))
			round_next(f);
		return;
	}
	f->has_proof = true;
	if (!is_right_account(f)) {
		round_next(f);
		return;
	}
	known = known_heads(f, NULL, &t->storage_root);
	if (known) {
		take_heads(t, known);
		records_begin(f);
	} else if (t->is_missing) {
		words_missing(f);
	} else {
		words_begin(f);
	}
}
