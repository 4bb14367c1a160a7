/* respond_observe.c: notifications. Each is the answer to the observer's own request, asked again. */
#include "coap/respond.h"

#include <stdlib.h>

#define CON_EVERY 4		/* the n-th notification asks whether the observer is still there */
#define REFRESH_MS (24 * 3600 * 1000)	/* RFC 7641, 4.5: and at least one a day does */
#define SEQUENCE_MASK 0xffffffu	/* 24 bits (RFC 7641, 3.4) */

/* What the observer asked, as a turn whose reply goes to out. */
static void ask_again(struct responder *r, const struct observer *o, struct datagram *in, struct turn *t, uint8_t *out)
{
	const char *why = NULL;
	struct pdu m;

	*in = (struct datagram){ .from = o->peer, .via = o->via, .bytes = SPAN(o->request, o->request_n) };
	t->r = r;
	t->in = in;
	t->is_verified = true;
	t->out = out;
	t->cap = COAP_MESSAGE_MAX;
	/* It was read once before, byte for byte. */
	if (pdu_read(in->bytes, &m, NULL) || coapreq_read(&m, &t->req, &why))
		abort();
}

static bool is_news(const struct observer *o, uint8_t code, const uint8_t etag[RESOURCE_ETAG])
{
	return code != o->code || memcmp(etag, o->etag, RESOURCE_ETAG) != 0;
}

/* A CON is out for the first time. */
static void confirm(struct responder *r, struct observer *o, int64_t now_ms)
{
	if (o->sm.at != OBSERVER_QUIET)
		return;
	sm_move(&o->sm, OBSERVER_CONFIRMING);
	o->tries = 1;
	o->since_con = 0;
	o->due_ms = now_ms + respond_timeout(r, o->tries);
	respond_wake(r, o->due_ms);
}

static bool wants_con(const struct observer *o)
{
	return o->sm.at == OBSERVER_CONFIRMING || o->since_con + 1 >= CON_EVERY;
}

/* Tells the observer how things are, if that is news to it or must is set. An error is the last thing it hears
 * (RFC 7641, 4.2). */
static void notify(struct responder *r, struct observer *o, bool must, int64_t now_ms)
{
	uint8_t out[COAP_MESSAGE_MAX], etag[RESOURCE_ETAG], code;
	bool con = must || wants_con(o), news;
	struct datagram in;
	struct turn t;
	size_t n;

	ask_again(r, o, &in, &t, out);
	t.now_ms = now_ms;
	t.type = con ? PDU_CON : PDU_NON;
	t.id = r->next_id;
	n = respond_again(&t, (o->sequence + 1) & SEQUENCE_MASK, &code, etag);
	news = is_news(o, code, etag);
	if (n == 0 || (!news && !must))
		return;
	o->id = r->next_id++;
	o->sequence = (o->sequence + 1) & SEQUENCE_MASK;
	o->code = code;
	memcpy(o->etag, etag, sizeof o->etag);
	r->conf.send(r->conf.arg, &o->peer, &o->via, SPAN(out, n));
	if (pdu_class(out[1]) != 2)
		observers_drop(&r->observers, o);
	else if (con)
		confirm(r, o, now_ms);
	else
		o->since_con++;
}

/* The day is over, or nobody confirmed: one more try, under a new id, as things may have changed since. */
static void act(struct responder *r, struct observer *o, int64_t now_ms)
{
	if (o->sm.at == OBSERVER_CONFIRMING && o->tries == RESPOND_TRIES_MAX) {
		observers_drop(&r->observers, o);
		return;
	}
	o->due_ms = now_ms + (o->sm.at == OBSERVER_QUIET ? REFRESH_MS : respond_timeout(r, ++o->tries));
	notify(r, o, true, now_ms);
}

void respond_observers_due(struct responder *r, int64_t now_ms)
{
	LIST_EACH(node, &r->observers.active) {
		struct observer *o = LIST_ITEM(node, struct observer, node);

		if (o->due_ms <= now_ms)
			act(r, o, now_ms);
		respond_wake(r, o->due_ms);	/* of one just dropped: a look too many */
	}
}

/* One that has not confirmed yet hears of it afterwards: never two at a time (RFC 7641, 4.5.1). */
void respond_observers_changed(struct responder *r, int64_t now_ms)
{
	LIST_EACH(node, &r->observers.active) {
		struct observer *o = LIST_ITEM(node, struct observer, node);

		if (o->sm.at == OBSERVER_QUIET)
			notify(r, o, false, now_ms);
	}
}

void respond_observer_ack(struct responder *r, const struct endpoint *peer, uint16_t id, bool is_reset,
			  int64_t now_ms)
{
	struct observer *o = observers_by_id(&r->observers, peer, id);

	if (!o)
		return;
	if (is_reset) {
		observers_drop(&r->observers, o);
	} else if (o->sm.at == OBSERVER_CONFIRMING) {
		sm_move(&o->sm, OBSERVER_QUIET);
		o->due_ms = now_ms + REFRESH_MS;
		respond_wake(r, o->due_ms);
		notify(r, o, false, now_ms);
	}
}
