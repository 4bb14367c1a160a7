/* calls.c: the follower's calls on their way out and back: queue, batches, matching, and what each says of its provider. */
#include "chain/follow.h"

#include <stdlib.h>

struct exchange {
	struct list node;
	uint64_t id;
	size_t provider;
	struct call *calls[RPC_BATCH_MAX];
	size_t n;
	struct buf body;
};

/* A call's params: 500 keys of 69 bytes, or 20 products; anything longer is our bug. */
#define PARAMS_MAX (64 * KIB)

struct call *call_push(struct follower *f, const struct call_kind *kind, size_t provider)
{
	struct call *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->kind = kind;
	c->id = f->next_id++;
	c->provider = provider;
	c->params = BUF_INIT(PARAMS_MAX);
	list_append(&f->queue, &c->node);
	if (!kind->is_background)
		f->open++;
	return c;
}

static void call_free(struct call *c)
{
	list_remove(&c->node);
	buf_free(&c->params);
	free(c);
}

size_t follow_pick(struct follower *f, uint32_t tried, uint64_t block)
{
	size_t best = NO_PROVIDER;

	for (size_t k = 0; k < f->providers_n; k++) {
		size_t i = (f->rounds + k) % f->providers_n;	/* equals take turns */
		struct provider *p = &f->provider[i];

		if (tried >> i & 1 || p->identity != IDENTITY_RIGHT || !provider_is_usable(p, f->now_ms))
			continue;
		if (f->anchor_kind == ANCHOR_QUORUM && p->latest.number < block)
			continue;
		if (best == NO_PROVIDER || p->availability > f->provider[best].availability + 0.05)
			best = i;
	}
	return best;
}

/* --- out --- */

static struct exchange *exchange_new(struct follower *f, size_t provider)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (!x)
		abort();
	x->id = f->next_id++;
	x->provider = provider;
	x->body = BUF_INIT(RPC_BATCH_MAX * PARAMS_MAX);
	list_append(&f->sent, &x->node);
	return x;
}

static void exchange_free(struct exchange *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->calls[i])
			call_free(x->calls[i]);
	list_remove(&x->node);
	buf_free(&x->body);
	free(x);
}

static void take(struct exchange *x, struct call *c)
{
	list_remove(&c->node);
	x->calls[x->n++] = c;
}

/* More small calls to the same provider go along. */
static void take_along(struct follower *f, struct exchange *x)
{
	const struct call *first = x->calls[0];

	if (first->is_alone || first->kind->is_bulk || !f->provider[x->provider].takes_batches)
		return;
	LIST_EACH(node, &f->queue) {
		struct call *c = LIST_ITEM(node, struct call, node);

		if (x->n < RPC_BATCH_MAX && c->provider == x->provider && !c->is_alone && !c->kind->is_bulk)
			take(x, c);
	}
}

static int64_t timeout_of(const struct exchange *x)
{
	return x->calls[0]->kind->is_bulk ? RPC_BULK_MS : RPC_STEP_MS;
}

static void write_body(struct exchange *x)
{
	if (x->n > 1)
		buf_byte(&x->body, '[');
	for (size_t i = 0; i < x->n; i++) {
		if (i)
			buf_byte(&x->body, ',');
		rpc_put_call(&x->body, x->calls[i]->id, x->calls[i]->kind->method, buf_span(&x->calls[i]->params));
	}
	if (x->n > 1)
		buf_byte(&x->body, ']');
	if (buf_ok(&x->body, NULL))
		abort();
}

bool follower_action(struct follower *f, struct follower_action *out)
{
	if (list_is_empty(&f->queue))
		return entries_action(f, out);

	struct call *first = LIST_ITEM(f->queue.next, struct call, node);
	struct exchange *x = exchange_new(f, first->provider);

	take(x, first);
	take_along(f, x);
	write_body(x);
	*out = (struct follower_action){ .id = x->id, .provider = x->provider, .body = buf_span(&x->body),
		.timeout_ms = timeout_of(x), .answer_max = RPC_BODY_MAX };
	return true;
}

/* --- and back --- */

static struct exchange *find(struct follower *f, uint64_t id)
{
	LIST_EACH(node, &f->sent) {
		struct exchange *x = LIST_ITEM(node, struct exchange, node);

		if (x->id == id)
			return x;
	}
	return NULL;
}

static void finish_call(struct follower *f, struct call *c, const struct rpc_answer *a, int64_t retry_after_ms)
{
	struct provider *p = &f->provider[c->provider];
	struct err e = { 0 };
	enum rpc_class class = c->kind->done(f, c, a, &e);
	struct provider_outcome o = { class, a->class == RPC_OK ? e.msg : a->text, retry_after_ms, follow_random(f) };

	provider_note(p, &o, f->now_ms);
	if (class == RPC_LYING)
		lie_found(f, c->provider, o.text);
	if (!c->kind->is_background)
		f->open--;
	call_free(c);
}

/* One call of a batch that came back odd is sent again by itself, once, before it counts against the provider. */
static bool is_sent_again(struct follower *f, struct exchange *x, struct call *c, const struct rpc_answer *a)
{
	if (x->n == 1 || a->class != RPC_GARBAGE)
		return false;
	f->provider[x->provider].takes_batches = false;
	c->is_alone = true;
	list_append(&f->queue, &c->node);
	return true;
}

static void advance(struct follower *f)
{
	while (f->open == 0 && f->sm.at != STEP_IDLE)
		round_advance(f);
}

void follower_answer(struct follower *f, uint64_t id, const struct follower_answer *answer, int64_t mono_ms)
{
	struct exchange *x = find(f, id);
	struct rpc_exchange transport = { answer->net, answer->net_text, answer->status, answer->body };
	uint64_t ids[RPC_BATCH_MAX];
	struct rpc_reply reply;

	if (!x) {
		f->now_ms = mono_ms;
		if (entries_answer(f, id, answer))
			advance(f);
		return;
	}
	f->now_ms = mono_ms;
	f->provider[x->provider].bytes_in += answer->body.n;
	for (size_t i = 0; i < x->n; i++)
		ids[i] = x->calls[i]->id;
	rpc_reply_read(&reply, &transport, ids, x->n);
	list_remove(&x->node);
	for (size_t i = 0; i < x->n; i++) {
		struct call *c = x->calls[i];

		x->calls[i] = NULL;
		if (reply.is_batch_refused)
			reply.answer[i].class = RPC_GARBAGE;
		if (!is_sent_again(f, x, c, &reply.answer[i]))
			finish_call(f, c, &reply.answer[i], answer->retry_after_ms);
	}
	rpc_reply_free(&reply);
	exchange_free(x);
	advance(f);
}

void calls_free(struct follower *f)
{
	LIST_EACH(node, &f->queue)
		call_free(LIST_ITEM(node, struct call, node));
	LIST_EACH(x, &f->sent)
		exchange_free(LIST_ITEM(x, struct exchange, node));
}
