/* exchanges.c: see exchanges.h. */
#include "coap/exchanges.h"

#include <stdlib.h>

#define EXCHANGE_LIFETIME_MS 247000

static const struct sm_state exchange_table[] = {
	[EXCHANGE_EXPECTING] = { "expecting", SM_TO(EXCHANGE_ACKED) | SM_TO(EXCHANGE_SETTLED) },
	[EXCHANGE_ACKED]     = { "acked",     SM_TO(EXCHANGE_SENDING) },
	[EXCHANGE_SENDING]   = { "sending",   SM_TO(EXCHANGE_SETTLED) },
	[EXCHANGE_SETTLED]   = { "settled",   0 },
};

int exchanges_init(struct exchanges *x, uint32_t cap, uint64_t seed, struct err *e)
{
	*x = (struct exchanges){ .cap = cap, .seed = seed, .tickets = 1 };
	list_init(&x->waiting);
	x->ring = calloc(cap, sizeof *x->ring);
	x->heads = calloc(cap, sizeof *x->heads);
	if (x->ring && x->heads)
		return ERR_OK;
	exchanges_fini(x);
	return err_set(e, ERR_MEMORY, "coap: table of exchanges");
}

void exchanges_fini(struct exchanges *x)
{
	free(x->ring);
	free(x->heads);
	x->ring = NULL;
	x->heads = NULL;
}

static uint32_t *chain_of(struct exchanges *x, const struct endpoint *peer, uint16_t id)
{
	return &x->heads[endpoint_hash(peer, x->seed ^ id) % x->cap];
}

static void unchain(struct exchanges *x, const struct exchange *one)
{
	uint32_t *at = chain_of(x, &one->peer, one->id);

	while (*at && &x->ring[*at - 1] != one)
		at = &x->ring[*at - 1].next;
	if (*at)
		*at = one->next;
}

static void forget_oldest(struct exchanges *x)
{
	struct exchange *one = &x->ring[x->first];

	unchain(x, one);
	list_remove(&one->waiting);
	one->ticket = 0;
	x->first = (x->first + 1) % x->cap;
	x->count--;
}

static void forget_expired(struct exchanges *x, int64_t now_ms)
{
	while (x->count && now_ms - x->ring[x->first].born_ms >= EXCHANGE_LIFETIME_MS)
		forget_oldest(x);
}

struct exchange *exchanges_find(struct exchanges *x, const struct endpoint *peer, uint16_t id, int64_t now_ms)
{
	forget_expired(x, now_ms);
	for (uint32_t i = *chain_of(x, peer, id); i; i = x->ring[i - 1].next)
		if (x->ring[i - 1].id == id && endpoint_eq(&x->ring[i - 1].peer, peer))
			return &x->ring[i - 1];
	return NULL;
}

struct exchange *exchanges_add(struct exchanges *x, const struct endpoint *peer, uint16_t id, int64_t now_ms)
{
	uint32_t at, *chain = chain_of(x, peer, id);
	struct exchange *one;

	forget_expired(x, now_ms);
	if (x->count == x->cap) {
		if (x->ring[x->first].sm.at != EXCHANGE_SETTLED)
			return NULL;
		forget_oldest(x);
	}
	at = (x->first + x->count++) % x->cap;
	one = &x->ring[at];
	*one = (struct exchange){ .peer = *peer, .id = id, .born_ms = now_ms, .next = *chain };
	*chain = at + 1;
	/* The place is in the ticket, and the count of tickets tells apart who had it. */
	one->ticket = x->tickets++ * x->cap + at;
	sm_init(&one->sm, "exchange", exchange_table, EXCHANGE_EXPECTING);
	list_append(&x->waiting, &one->waiting);
	return one;
}

struct exchange *exchanges_by_ticket(struct exchanges *x, uint64_t ticket)
{
	struct exchange *one = &x->ring[ticket % x->cap];

	return ticket && one->ticket == ticket ? one : NULL;
}

struct exchange *exchanges_by_reply(struct exchanges *x, const struct endpoint *peer, uint16_t reply_id)
{
	LIST_EACH(node, &x->waiting) {
		struct exchange *one = LIST_ITEM(node, struct exchange, waiting);

		if (one->sm.at == EXCHANGE_SENDING && one->reply_id == reply_id && endpoint_eq(&one->peer, peer))
			return one;
	}
	return NULL;
}

void exchange_move(struct exchange *one, enum exchange_at to)
{
	sm_move(&one->sm, to);
	if (to == EXCHANGE_SETTLED)
		list_remove(&one->waiting);
}
