/* calls.c: the follower's calls on their way out: queue, choice of provider, batches. */
#include "chain/follow.h"
#include "base/err.h"

#include <stdlib.h>

/* A call's params: 500 keys of 69 bytes, or 20 products; anything longer is our bug. */
#define PARAMS_MAX (64 * KIB)

struct call *call_push(struct follower *f, const struct call_kind *kind, size_t provider)
{
	struct call *c = calloc(1, sizeof *c);

	if (!c)
		err_no_memory();
	c->kind = kind;
	c->id = f->next_id++;
	c->provider = provider;
	c->since_ms = f->now_ms;
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
	free(c->doubt);
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

/* --- exchanges --- */

static struct exchange *exchange_new(struct follower *f, size_t provider)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (!x)
		err_no_memory();
	x->id = f->next_id++;
	x->provider = provider;
	x->body = BUF_INIT(RPC_BATCH_MAX * PARAMS_MAX);
	list_append(&f->sent, &x->node);
	return x;
}

void exchange_free(struct exchange *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->calls[i])
			call_free(x->calls[i]);
	list_remove(&x->node);
	buf_free(&x->body);
	free(x);
}

static void take(struct follower *f, struct exchange *x, struct call *c)
{
	list_remove(&c->node);
	if (x->is_big)
		c->since_ms = f->now_ms;	/* that it waited for its turn is not its provider's fault */
	x->calls[x->n++] = c;
}

/* More small calls to the same provider go along. */
static void take_along(struct follower *f, struct exchange *x)
{
	const struct call *first = x->calls[0];
	struct provider *p = &f->provider[x->provider];

	if (first->is_alone || first->kind->is_bulk || !p->takes_batches)
		return;
	LIST_EACH(node, &f->queue) {
		struct call *c = LIST_ITEM(node, struct call, node);

		if (x->n == RPC_BATCH_MAX)
			return;
		if (c->provider == x->provider && !c->is_alone && !c->kind->is_bulk && c->kind->is_big == x->is_big && pace_take(&p->pace, f->now_ms))
			take(f, x, c);
	}
}

static int64_t timeout_of(const struct exchange *x)
{
	return x->calls[0]->kind->is_bulk ? RPC_BULK_MS : RPC_STEP_MS;
}

static void write_call(struct buf *out, struct call *c, const struct provider *p, int64_t now_ms)
{
	const struct call_kind *kind = c->kind;

	c->is_lean = kind->lean && !c->is_doubted && provider_has_lean(p, now_ms);
	rpc_put_call(out, c->id, c->is_lean ? kind->lean : kind->method, buf_span(&c->params),
		     kind->lean && !c->is_lean ? RPC_BLOCK_MORE : "");
}

static void write_body(struct follower *f, struct exchange *x)
{
	if (x->n > 1)
		buf_byte(&x->body, '[');
	for (size_t i = 0; i < x->n; i++) {
		if (i)
			buf_byte(&x->body, ',');
		write_call(&x->body, x->calls[i], &f->provider[x->provider], f->now_ms);
	}
	if (x->n > 1)
		buf_byte(&x->body, ']');
	if (buf_ok(&x->body, NULL))
		err_no_memory();
}

/* No room for one more big answer: bodies are held whole until they are read. */
static bool is_full(const struct follower *f)
{
	size_t big = 0;

	LIST_EACH(node, (struct list *)&f->sent)
		big += LIST_ITEM(node, const struct exchange, node)->is_big;
	return big >= RPC_BIG_MAX;
}

/* The first call whose provider may be asked now, at its rate. */
static struct call *next_call(struct follower *f)
{
	bool is_at_limit = is_full(f);

	LIST_EACH(node, &f->queue) {
		struct call *c = LIST_ITEM(node, struct call, node);

		if (c->kind->is_big && is_at_limit)
			continue;
		if (pace_take(&f->provider[c->provider].pace, f->now_ms))
			return c;
	}
	return NULL;
}

int64_t calls_ready_ms(const struct follower *f)
{
	int64_t at = INT64_MAX;
	bool is_at_limit = is_full(f);

	LIST_EACH(node, (struct list *)&f->queue) {
		const struct call *c = LIST_ITEM(node, struct call, node);

		if (c->kind->is_big && is_at_limit)
			continue;		/* an answer makes room, not time */

		int64_t ready = pace_ready_ms(&f->provider[c->provider].pace, f->now_ms);

		at = ready < at ? ready : at;
	}
	return at;
}

bool follower_action(struct follower *f, struct follower_action *out)
{
	struct call *first = next_call(f);
	struct exchange *x;

	if (!first)
		return entries_action(f, out);
	x = exchange_new(f, first->provider);
	x->is_big = first->kind->is_big;
	take(f, x, first);
	take_along(f, x);
	write_body(f, x);
	*out = (struct follower_action){ .id = x->id, .provider = x->provider, .body = buf_span(&x->body),
		.timeout_ms = timeout_of(x), .answer_max = x->is_big ? RPC_BODY_MAX : RPC_SMALL_BODY_MAX };
	return true;
}

/* --- and their end --- */

/* A provider may lack the lean method, and say so in any words, or give headers that lack the fields of a later fork: the call
 * is sent once more as the one that every node has, before the answer counts. */
static bool is_lean_doubted(const struct call *c, const struct provider *p, enum rpc_class class)
{
	if (!c->is_lean)
		return false;
	return class == RPC_UNSUPPORTED || class == RPC_REFUSED || class == RPC_PRUNED || class == RPC_GARBAGE || class == RPC_LYING ||
	       (class == RPC_DOWN && !p->lean_works);
}

void call_finish(struct follower *f, struct call *c, const struct rpc_answer *a, int64_t retry_after_ms)
{
	struct provider *p = &f->provider[c->provider];
	struct err e = { 0 };
	enum rpc_class class = c->kind->done(f, c, a, &e);
	struct provider_outcome o = { class, a->class == RPC_OK ? e.msg : a->text, retry_after_ms, follow_random(f) };

	if (is_lean_doubted(c, p, class)) {
		c->is_doubted = true;
		c->since_ms = f->now_ms;
		list_append(&f->queue, &c->node);
		return;
	}
	if (class == RPC_OK && c->kind->lean)
		provider_lean(p, c->is_lean, c->is_doubted, f->now_ms);
	provider_note(p, &o, f->now_ms);
	if (class == RPC_LYING)
		lie_found(f, c->provider, o.text);
	if (!c->kind->is_background)
		f->open--;
	call_free(c);
}

void calls_free(struct follower *f)
{
	LIST_EACH(node, &f->queue)
		call_free(LIST_ITEM(node, struct call, node));
	LIST_EACH(x, &f->sent)
		exchange_free(LIST_ITEM(x, struct exchange, node));
	LIST_EACH(dropped, &f->dropped)
		exchange_free(LIST_ITEM(dropped, struct exchange, node));
}
