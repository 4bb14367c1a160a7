/* observers.c: see observers.h. */
#include "coap/observers.h"

#include <stdlib.h>

static const struct sm_state observer_table[] = {
	[OBSERVER_QUIET]      = { "quiet",      SM_TO(OBSERVER_CONFIRMING) },
	[OBSERVER_CONFIRMING] = { "confirming", SM_TO(OBSERVER_QUIET) },
};

int observers_init(struct observers *o, size_t cap, struct err *e)
{
	*o = (struct observers){ .cap = cap };
	list_init(&o->active);
	list_init(&o->unused);
	o->all = calloc(cap, sizeof *o->all);
	if (!o->all)
		return err_set(e, ERR_MEMORY, "coap: table of observers");
	return ERR_OK;
}

void observers_fini(struct observers *o)
{
	free(o->all);
	o->all = NULL;
}

struct observer *observers_find(struct observers *o, const struct endpoint *peer, struct span token)
{
	LIST_EACH(node, &o->active) {
		struct observer *one = LIST_ITEM(node, struct observer, node);

		if (endpoint_eq(&one->peer, peer) && span_eq(SPAN(one->token, one->token_n), token))
			return one;
	}
	return NULL;
}

struct observer *observers_by_id(struct observers *o, const struct endpoint *peer, uint16_t id)
{
	LIST_EACH(node, &o->active) {
		struct observer *one = LIST_ITEM(node, struct observer, node);

		if (one->id == id && endpoint_eq(&one->peer, peer))
			return one;
	}
	return NULL;
}

static size_t of_host(const struct observers *o, const struct endpoint *peer)
{
	size_t n = 0;

	LIST_EACH(node, &o->active)
		n += endpoint_same_host(&LIST_ITEM(node, struct observer, node)->peer, peer);
	return n;
}

/* NULL when all are active. */
static struct observer *take_unused(struct observers *o)
{
	struct list *node = o->unused.next;

	if (list_is_empty(&o->unused))
		return o->fresh < o->cap ? &o->all[o->fresh++] : NULL;
	list_remove(node);
	return LIST_ITEM(node, struct observer, node);
}

struct observer *observers_add(struct observers *o, const struct endpoint *peer, const struct route *via,
			       struct span datagram, struct span token)
{
	struct observer *one = observers_find(o, peer, token);

	if (one)
		observers_drop(o, one);
	if (datagram.n > COAP_OBSERVE_REQUEST_MAX || of_host(o, peer) >= COAP_OBSERVERS_PER_PEER)
		return NULL;
	one = take_unused(o);
	if (!one)
		return NULL;
	*one = (struct observer){ .peer = *peer, .via = *via };
	one->request_n = (uint16_t)datagram.n;
	memcpy(one->request, datagram.p, datagram.n);
	one->token_n = (uint8_t)token.n;
	if (token.n)
		memcpy(one->token, token.p, token.n);
	sm_init(&one->sm, "observer", observer_table, OBSERVER_QUIET);
	list_append(&o->active, &one->node);
	return one;
}

void observers_drop(struct observers *o, struct observer *one)
{
	list_remove(&one->node);
	list_push(&o->unused, &one->node);
}
