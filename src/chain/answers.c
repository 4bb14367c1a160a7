/* answers.c: the follower's calls on their way back: matching, sending again what may only have been put the wrong way, and
 * what each answer says of its provider. */
#include "chain/follow.h"

static struct exchange *find(struct follower *f, uint64_t id)
{
	LIST_EACH(node, &f->sent) {
		struct exchange *x = LIST_ITEM(node, struct exchange, node);

		if (x->id == id)
			return x;
	}
	return NULL;
}

/* One call of a batch that came back odd is sent again by itself, once, before it counts against the provider. */
static bool is_sent_alone(struct follower *f, struct exchange *x, struct call *c, const struct rpc_answer *a)
{
	if (x->n == 1 || a->class != RPC_GARBAGE)
		return false;
	f->provider[x->provider].takes_batches = false;
	c->is_alone = true;
	c->since_ms = f->now_ms;
	list_append(&f->queue, &c->node);
	return true;
}

void follow_advance(struct follower *f)
{
	while (f->open == 0 && f->sm.at != STEP_IDLE)
		round_advance(f);
}

static void take_answers(struct follower *f, struct exchange *x, struct rpc_reply *reply, int64_t retry_after_ms)
{
	for (size_t i = 0; i < x->n; i++) {
		struct call *c = x->calls[i];

		x->calls[i] = NULL;
		if (!c)
			continue;	/* nobody waits for it any more */
		if (reply->is_batch_refused)
			reply->answer[i].class = RPC_GARBAGE;
		if (!is_sent_alone(f, x, c, &reply->answer[i]))
			call_finish(f, c, &reply->answer[i], retry_after_ms);
	}
}

void follower_answer(struct follower *f, uint64_t id, const struct follower_answer *answer, int64_t mono_ms)
{
	struct exchange *x = find(f, id);
	struct rpc_exchange transport = { answer->net, answer->net_text, answer->status, answer->body };
	uint64_t ids[RPC_BATCH_MAX] = { 0 };
	struct rpc_reply reply;

	f->now_ms = mono_ms;
	if (!x) {
		if (entries_answer(f, id, answer))
			follow_advance(f);
		return;
	}
	f->provider[x->provider].bytes_in += answer->body.n;
	for (size_t i = 0; i < x->n; i++)
		ids[i] = x->calls[i] ? x->calls[i]->id : 0;
	rpc_reply_read(&reply, &transport, ids, x->n);
	list_remove(&x->node);
	take_answers(f, x, &reply, answer->retry_after_ms);
	rpc_reply_free(&reply);
	exchange_free(x);
	follow_advance(f);
}
