/* anchor.c: which block is final, and which is recent: asking every provider, counting operators.
 *
 * An anchor never goes back. A quorum for another hash at the anchor's own number, or two quorums at
 * one number, is a conflict that only the operator can resolve. */
#include "chain/follow.h"
#include "base/hex.h"

#include <inttypes.h>
#include <stdio.h>

#define LOWER_ROUNDS_MAX 3	/* a block below the last one: a lagging node, until it was so three times */

void lie_found(struct follower *f, size_t provider, const char *text)
{
	struct provider *p = &f->provider[provider];

	provider_quarantine(p, text, f->now_ms, f->probe_ms);
	f->latest.may_vote[provider] = f->final.may_vote[provider] = false;
	alarm_on(f, ALARM_PROVIDER_LYING, p->name, "%s", text);
}

enum rpc_class answer_header(struct follower *f, struct call *c, const struct rpc_answer *a, struct header *h, struct err *e)
{
	struct provider *p = &f->provider[c->provider];
	int rc;

	if (a->class != RPC_OK)
		return a->class;
	rc = read_block(a->result, h, e);
	if (rc == ERR_RULE && !c->is_lean)
		alarm_on(f, ALARM_NEW_FORK, p->name, "%s", e->msg);
	if (rc == ERR_RULE)
		return RPC_REFUSED;
	if (rc == ERR_OK)
		alarm_off(f, ALARM_NEW_FORK, p->name);
	return rc == ERR_OK ? RPC_OK : rc == ERR_NOT_FOUND ? RPC_BEHIND : rc == ERR_PROOF ? RPC_LYING : RPC_GARBAGE;
}

static void may_vote(struct voters *v, size_t provider, uint64_t number)
{
	v->may_vote[provider] = true;
	v->says[provider] = number;
}

/* --- the tags --- */

static enum rpc_class on_latest(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct header h;
	enum rpc_class class = answer_header(f, c, a, &h, e);

	if (class != RPC_OK)
		return class;
	f->provider[c->provider].latest = block_ref_of(&h);
	claims_add(&f->claims, c->provider, &h);
	may_vote(&f->latest, c->provider, h.number);
	if (f->finality == FINALITY_LATEST)
		may_vote(&f->final, c->provider, h.number);
	if (f->finality == FINALITY_DEPTH && h.number >= f->depth)
		may_vote(&f->final, c->provider, h.number - f->depth);
	return RPC_OK;
}

static enum rpc_class on_final(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct header h;
	enum rpc_class class = answer_header(f, c, a, &h, e);

	if (class != RPC_OK)
		return class;
	f->provider[c->provider].final = block_ref_of(&h);
	claims_add(&f->claims, c->provider, &h);
	may_vote(&f->final, c->provider, h.number);
	return RPC_OK;
}

static enum rpc_class on_pin(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct header h;
	enum rpc_class class = answer_header(f, c, a, &h, e);

	if (class != RPC_OK)
		return class;
	if (!hash32_eq(&h.hash, &f->pin.hash)) {
		err_set(e, ERR_RULE, "another block than the one that was asked for");
		return RPC_LYING;
	}
	if (h.number != f->pin.number) {
		alarm_on(f, ALARM_ANCHOR_CONFLICT, "", "the pinned hash is that of block %" PRIu64 ", not %" PRIu64,
			 h.number, f->pin.number);
		return RPC_OK;
	}
	claims_add(&f->claims, c->provider, &h);
	return RPC_OK;
}

/* Quarantined: does it say of the anchor what the quorum said? Nothing else is believed. */
static enum rpc_class on_probe(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct provider *p = &f->provider[c->provider];
	struct header h;
	enum rpc_class class = answer_header(f, c, a, &h, e);
	bool agrees = class == RPC_OK && (hash32_is_zero(&c->hash) || hash32_eq(&h.hash, &c->hash));

	if (class != RPC_OK && c->is_lean)
		return class == RPC_LYING ? RPC_REFUSED : class;	/* it is asked once more, see is_lean_doubted */
	if (provider_state(p) == PROVIDER_QUARANTINED && provider_probed(p, agrees, f->now_ms, f->probe_ms))
		alarm_off(f, ALARM_PROVIDER_LYING, p->name);
	return class == RPC_LYING ? RPC_REFUSED : class;
}

#define HEADER_CALL .method = "eth_getBlockByNumber", .lean = "eth_getHeaderByNumber"

static const struct call_kind call_latest = { HEADER_CALL, .done = on_latest };
static const struct call_kind call_final = { HEADER_CALL, .done = on_final };
static const struct call_kind call_pin = { .method = "eth_getBlockByHash", .lean = "eth_getHeaderByHash", .done = on_pin };
static const struct call_kind call_probe = { HEADER_CALL, .is_background = true, .done = on_probe };

static void probe(struct follower *f, size_t provider)
{
	struct call *c = call_push(f, &call_probe, provider);

	f->provider[provider].probe_at_ms = f->now_ms + f->probe_ms;
	if (f->anchor.number == 0) {
		rpc_put_block_tag(&c->params, "latest");
		return;
	}
	c->hash = f->anchor.hash;
	rpc_put_block_number(&c->params, f->anchor.number);
}

/* Finality comes in steps, on mainnet one in six minutes, and asking for it in between is a quarter of an idle day's headers. So
 * after a step the next one is not asked for before it is about due by the one before, nor for more than
 * FINAL_QUIET_MAX rounds. Whoever lags is looked at again at once. */
static bool is_final_due(struct follower *f)
{
	bool is_early = f->now_ms + f->poll_ms < f->final_moved_ms + f->final_step_ms;

	if (!is_early || f->is_final_behind || f->final_quiet >= FINAL_QUIET_MAX) {
		f->final_quiet = 0;
		return true;
	}
	f->final_quiet++;
	return false;
}

static void note_final_step(struct follower *f, const struct header *h)
{
	uint64_t step_s = f->anchor.time && h->time > f->anchor.time ? h->time - f->anchor.time : 0;

	f->final_moved_ms = f->now_ms;
	f->final_step_ms = step_s < FINAL_STEP_MAX_S ? (int64_t)step_s * 1000 : 0;
}

static void ask_tags(struct follower *f, size_t provider)
{
	if (f->anchor_kind == ANCHOR_PINNED) {
		rpc_put_block_hash(&call_push(f, &call_pin, provider)->params, &f->pin.hash);
		return;
	}
	rpc_put_block_tag(&call_push(f, &call_latest, provider)->params, "latest");
	if (f->asks_final)
		rpc_put_block_tag(&call_push(f, &call_final, provider)->params,
				  f->finality == FINALITY_SAFE ? "safe" : "finalized");
}

static void voters_reset(struct follower *f, struct voters *v)
{
	*v = (struct voters){ .n = f->providers_n, .operator_of = f->operator_of, .quorum = f->quorum };
}

void tags_begin(struct follower *f)
{
	voters_reset(f, &f->latest);
	voters_reset(f, &f->final);
	f->asks_final = (f->finality == FINALITY_FINALIZED || f->finality == FINALITY_SAFE) && is_final_due(f);
	for (size_t i = 0; i < f->providers_n; i++) {
		struct provider *p = &f->provider[i];

		p->earlier_latest = p->latest;
		p->earlier_final = p->final;
		if (provider_state(p) == PROVIDER_QUARANTINED && p->probe_at_ms <= f->now_ms)
			probe(f, i);
		if (p->identity == IDENTITY_RIGHT && provider_is_usable(p, f->now_ms))
			ask_tags(f, i);
	}
}

/* --- the hashes --- */

static enum rpc_class on_hash(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct header h;
	enum rpc_class class = answer_header(f, c, a, &h, e);

	if (class != RPC_OK)
		return class;
	if (h.number != c->number) {
		err_set(e, ERR_RULE, "another block than the one that was asked for");
		return RPC_LYING;
	}
	claims_add(&f->claims, c->provider, &h);
	return RPC_OK;
}

static const struct call_kind call_hash = { HEADER_CALL, .done = on_hash };

static bool is_asked(struct follower *f, size_t provider, uint64_t number)
{
	LIST_EACH(node, &f->queue) {
		struct call *c = LIST_ITEM(node, struct call, node);

		if (c->kind == &call_hash && c->provider == provider && c->number == number)
			return true;
	}
	return false;
}

/* Asks every voter that has reached number and has not said its hash. false: nobody had to be asked. */
bool anchor_ask(struct follower *f, struct voters *v, uint64_t number)
{
	bool has_asked = false;

	for (size_t i = 0; i < v->n; i++) {
		if (!v->may_vote[i] || v->says[i] < number || claims_find(&f->claims, i, number) || is_asked(f, i, number))
			continue;

		struct call *c = call_push(f, &call_hash, i);

		c->number = number;
		rpc_put_block_number(&c->params, number);
		has_asked = true;
	}
	return has_asked;
}

static void ask_candidates(struct follower *f, struct voters *v, uint64_t at_least)
{
	uint64_t numbers[VOTE_CANDIDATES];
	size_t n = vote_candidates(v, numbers);

	for (size_t i = 0; i < n; i++)
		if (numbers[i] >= at_least)
			anchor_ask(f, v, numbers[i]);
}

void tags_done(struct follower *f)
{
	uint64_t final[VOTE_CANDIDATES];

	ask_candidates(f, &f->latest, 0);
	ask_candidates(f, &f->final, f->anchor.number);
	/* The chain goes on from where it was only if the old anchor is still in it. */
	if (f->anchor.number && vote_candidates(&f->final, final) && final[0] > f->anchor.number)
		anchor_ask(f, &f->final, f->anchor.number);
}

/* --- deciding --- */

static void conflict(struct follower *f, uint64_t number, const struct hash32 *earlier)
{
	char text[HEX32_MAX];

	f->is_conflict = true;
	if (earlier)
		alarm_on(f, ALARM_ANCHOR_CONFLICT, "", "block %" PRIu64 " was %s by an earlier quorum, and is not by this one",
			 number, hex_0x(SPAN_OF(*earlier), text));
	else
		alarm_on(f, ALARM_ANCHOR_CONFLICT, "", "two quorums give two hashes for block %" PRIu64, number);
}

static void name_dissenters(struct follower *f, const struct header *h)
{
	size_t p;
	char text[RPC_TEXT_MAX];

	snprintf(text, sizeof text, "says another final block %" PRIu64 " than the quorum", h->number);
	for (size_t from = 0; vote_dissenter(&f->claims, &f->final, h->number, &h->hash, from, &p); from = p + 1)
		lie_found(f, p, text);
}

static void settle_anchor(struct follower *f, const struct header *h)
{
	bool is_new = !hash32_eq(&h->hash, &f->anchor.hash);

	name_dissenters(f, h);
	if (is_new)
		note_final_step(f, h);
	f->anchor_header = *h;
	f->anchor = block_ref_of(h);
	if (is_new)
		output_push(f, FOLLOWER_ANCHOR)->block = f->anchor;
}

/* May the anchor move from where it is? Only while a quorum still says that it is where it was. */
static bool is_continued(struct follower *f)
{
	const struct header *h;

	if (f->anchor.number == 0)
		return true;

	enum vote v = vote_at(&f->claims, &f->final, f->anchor.number, &h);

	if (v == VOTE_NONE)
		return false;
	if (v == VOTE_SPLIT || !hash32_eq(&h->hash, &f->anchor.hash)) {
		conflict(f, f->anchor.number, v == VOTE_SPLIT ? NULL : &f->anchor.hash);
		return false;
	}
	name_dissenters(f, h);
	return true;
}

/* The highest number that a quorum gives one hash for. NULL: none at or above the present anchor. */
static const struct header *elect_anchor(struct follower *f)
{
	uint64_t numbers[VOTE_CANDIDATES];
	size_t n = vote_candidates(&f->final, numbers);
	const struct header *elected = NULL;

	/* All of them are looked at: who is highest may have left a quorum behind on another chain. */
	for (size_t i = 0; i < n; i++) {
		const struct header *h;

		if (numbers[i] == 0 || numbers[i] < f->anchor.number)
			continue;	/* nothing is anchored at genesis: no registry can be in it */

		enum vote v = vote_at(&f->claims, &f->final, numbers[i], &h);

		if (v == VOTE_AGREED && !elected)
			elected = h;
		if (v == VOTE_SPLIT && f->quorum > 1)
			conflict(f, numbers[i], NULL);
	}
	return elected;
}

static bool has_final_voters(const struct follower *f)
{
	for (size_t i = 0; i < f->providers_n; i++)
		if (f->final.may_vote[i] && f->final.says[i] > 0)
			return true;
	return false;
}

static bool decide_anchor(struct follower *f)
{
	const struct header *h = elect_anchor(f);

	if (!h || f->is_conflict)
		return !has_final_voters(f) || f->anchor.number > 0;
	if (!is_continued(f))
		return false;
	settle_anchor(f, h);
	return true;
}

/* Sets f->recent to the highest block that a quorum agrees on. */
static bool decide_recent(struct follower *f)
{
	uint64_t numbers[VOTE_CANDIDATES];
	size_t n = vote_candidates(&f->latest, numbers);
	const struct header *h = NULL;

	for (size_t i = 0; i < n && !h; i++)
		if (vote_at(&f->claims, &f->latest, numbers[i], &h) != VOTE_AGREED)
			h = NULL;
	if (!h)
		return false;
	f->lower_rounds = h->number < f->recent_snap.block.number ? f->lower_rounds + 1 : 0;
	f->has_recent = h->number > 0 && (f->lower_rounds == 0 || f->lower_rounds > LOWER_ROUNDS_MAX);
	f->recent = *h;
	return true;
}

static void decide_pin(struct follower *f)
{
	if (f->claims.n == 0) {
		f->is_quorum_missing = true;
		alarm_on(f, ALARM_NO_QUORUM, "", "no provider has the pinned block");
		return;
	}
	alarm_off(f, ALARM_NO_QUORUM, "");
	settle_anchor(f, &f->claims.v[0].header);
}

/* A quorum below the anchor, round after round: the anchor was an invention, or the chain was set back. */
static bool is_final_below(struct follower *f)
{
	uint64_t numbers[VOTE_CANDIDATES];
	size_t n = vote_candidates(&f->final, numbers);

	if (n == 0)
		return f->final_below >= LOWER_ROUNDS_MAX;	/* nobody was asked, or nobody answered */
	f->final_below = numbers[0] < f->anchor.number ? f->final_below + 1 : 0;
	if (f->final_below < LOWER_ROUNDS_MAX)
		return false;
	alarm_on(f, ALARM_FINALITY_STALLED, "", "the final block of a quorum, %" PRIu64 ", is below the anchor %" PRIu64,
		 numbers[0], f->anchor.number);
	return true;
}

static void watch_finality(struct follower *f)
{
	if (is_final_below(f))
		return;
	if (f->has_recent && f->anchor.number && f->recent.time > f->anchor.time + f->stall_s)
		alarm_on(f, ALARM_FINALITY_STALLED, "", "the final block %" PRIu64 " stands still", f->anchor.number);
	else if (f->has_recent)
		alarm_off(f, ALARM_FINALITY_STALLED, "");
}

static unsigned voting_operators(const struct follower *f)
{
	uint32_t operators = 0;

	for (size_t i = 0; i < f->providers_n; i++)
		if (f->latest.may_vote[i])
			operators |= UINT32_C(1) << f->operator_of[i];
	return (unsigned)__builtin_popcount(operators);
}

static void decide_quorum(struct follower *f)
{
	bool has_recent = decide_recent(f), has_anchor = decide_anchor(f);

	f->is_quorum_missing = !has_recent || !has_anchor;
	if (f->is_quorum_missing)
		alarm_on(f, ALARM_NO_QUORUM, "", "%u of %u operators answer, %u have to agree on a %s block",
			 voting_operators(f), f->operators, f->quorum, has_recent ? "final" : "recent");
	else
		alarm_off(f, ALARM_NO_QUORUM, "");
	if (has_recent) {
		watch_finality(f);
		watch_providers(f);
	}
}

void hashes_done(struct follower *f)
{
	if (f->anchor_kind == ANCHOR_PINNED)
		decide_pin(f);
	else
		decide_quorum(f);
	if (f->is_conflict) {
		round_end(f);
		return;
	}
	f->wants_final = f->anchor.number && hash32_eq(&f->anchor.hash, &f->anchor_header.hash);
	f->wants_promotion = f->pending_n > 0;
	f->wants_recent = f->has_recent;
	round_next(f);
}
