/* patience.c: no provider holds up a round by keeping us waiting.
 *
 * A call that has no answer after RPC_PATIENCE_MS (waiting for its provider's rate counts, waiting for a turn among the big
 * ones does not) is given up when the step can do without it: a vote when enough operators have answered in time, anything
 * else when another provider can be asked. While it cannot, we wait for the transport's own timeout. An exchange
 * of which nothing is wanted any more is cancelled. */
#include "chain/follow.h"

#include <inttypes.h>
#include <stdio.h>

static int64_t deadline_of(const struct call *c)
{
	return c->since_ms + (c->kind->is_long ? RPC_BULK_PATIENCE_MS : RPC_PATIENCE_MS);
}

static bool is_overdue(const struct follower *f, const struct call *c)
{
	return c && !c->kind->is_background && deadline_of(c) <= f->now_ms;
}

static bool is_overdue_in_queue(const struct follower *f, const struct call *c)
{
	return !c->kind->is_big && is_overdue(f, c);
}

static uint32_t late_providers(struct follower *f)
{
	uint32_t mask = 0;

	LIST_EACH(queued, &f->queue)
		if (is_overdue_in_queue(f, LIST_ITEM(queued, struct call, node)))
			mask |= UINT32_C(1) << LIST_ITEM(queued, struct call, node)->provider;
	LIST_EACH(sent, &f->sent) {
		const struct exchange *x = LIST_ITEM(sent, struct exchange, node);

		for (size_t i = 0; i < x->n; i++)
			if (is_overdue(f, x->calls[i]))
				mask |= UINT32_C(1) << x->provider;
	}
	return mask;
}

static bool is_known(const struct provider *p)
{
	return p->identity == IDENTITY_RIGHT || (p->identity == IDENTITY_UNKNOWN && p->has_chain_id && (p->has_genesis || p->lacks_genesis));
}

/* Do enough operators answer in time for a vote? */
static bool is_quorum_without(const struct follower *f, uint32_t late)
{
	uint32_t operators = 0;

	for (size_t i = 0; i < f->providers_n; i++)
		if (!(late >> i & 1) && is_known(&f->provider[i]) && provider_is_usable(&f->provider[i], f->now_ms))
			operators |= UINT32_C(1) << f->operator_of[i];
	return (unsigned)__builtin_popcount(operators) >= f->quorum;
}

static bool can_do_without(struct follower *f, uint32_t late)
{
	switch ((enum step)f->sm.at) {
	case STEP_CHECKING: case STEP_TAGS: case STEP_HASHES: case STEP_PROMOTING:
		return is_quorum_without(f, late);
	case STEP_ACCOUNT: case STEP_WORDS: case STEP_EXPLAINING: case STEP_RECORDS: case STEP_LINKING:
		return follow_pick(f, late, f->target.header.number) != NO_PROVIDER;
	case STEP_IDLE: case STEPS:
		return false;
	}
	return false;
}

static void give_up(struct follower *f, struct call *c)
{
	struct rpc_answer a = { .class = RPC_SLOW };

	snprintf(a.text, sizeof a.text, "no answer after %" PRId64 " ms, and others suffice", f->now_ms - c->since_ms);
	call_finish(f, c, &a, 0);
}

static bool is_empty(const struct exchange *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->calls[i])
			return false;
	return true;
}

static void give_up_sent(struct follower *f, struct exchange *x)
{
	for (size_t i = 0; i < x->n; i++) {
		struct call *c = x->calls[i];

		if (!is_overdue(f, c))
			continue;
		x->calls[i] = NULL;
		give_up(f, c);
	}
	if (is_empty(x)) {
		list_remove(&x->node);
		list_append(&f->dropped, &x->node);
	}
}

void patience_end(struct follower *f)
{
	uint32_t late = late_providers(f);

	if (!late || !can_do_without(f, late))
		return;
	LIST_EACH(queued, &f->queue)
		if (is_overdue_in_queue(f, LIST_ITEM(queued, struct call, node)))
			give_up(f, LIST_ITEM(queued, struct call, node));
	LIST_EACH(sent, &f->sent)
		give_up_sent(f, LIST_ITEM(sent, struct exchange, node));
	follow_advance(f);
}

bool follower_cancel(struct follower *f, uint64_t *id)
{
	struct exchange *x;

	if (list_is_empty(&f->dropped))
		return false;
	x = LIST_ITEM(f->dropped.next, struct exchange, node);
	*id = x->id;
	exchange_free(x);
	return true;
}

static void sooner(const struct follower *f, const struct call *c, int64_t *at)
{
	if (c && !c->kind->is_background && deadline_of(c) > f->now_ms && deadline_of(c) < *at)
		*at = deadline_of(c);
}

int64_t patience_wake_ms(const struct follower *f)
{
	int64_t at = INT64_MAX;

	LIST_EACH(queued, (struct list *)&f->queue)
		if (!LIST_ITEM(queued, struct call, node)->kind->is_big)
			sooner(f, LIST_ITEM(queued, struct call, node), &at);
	LIST_EACH(sent, (struct list *)&f->sent) {
		const struct exchange *x = LIST_ITEM(sent, struct exchange, node);

		for (size_t i = 0; i < x->n; i++)
			sooner(f, x->calls[i], &at);
	}
	return at;
}
