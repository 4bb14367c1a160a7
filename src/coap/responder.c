/* responder.c: see responder.h. The message layer (RFC 7252, 4): which datagrams are requests, and which draw no
 * answer whatever they say. */
#include "coap/respond.h"

#include <stdlib.h>

uint32_t respond_random(struct responder *r)
{
	r->random ^= r->random << 13;	/* xorshift64: spreads times, keeps no secret */
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return (uint32_t)(r->random >> 32);
}

int64_t respond_timeout(struct responder *r, unsigned tries)
{
	return (int64_t)(RESPOND_SPAN_MS + respond_random(r) % (RESPOND_SPAN_MS / 2)) << (tries - 1);
}

int responder_new(const struct responder_conf *conf, struct responder **out, struct err *e)
{
	struct responder *r = calloc(1, sizeof *r);
	int rc;

	if (!r)
		return err_set(e, ERR_MEMORY, "coap: responder");
	r->conf = *conf;
	r->random = conf->seed | 1;
	r->next_id = (uint16_t)respond_random(r);
	r->due_ms = INT64_MAX;
	r->whole.text = r->filtered.text = BUF_INIT(COAP_LINKS_MAX);
	r->whole.query = r->filtered.query = BUF_INIT(COAP_MESSAGE_MAX);
	rc = guard_init(&r->guard, &conf->mac, conf->seed, &conf->rates, e);
	if (rc == ERR_OK)
		rc = exchanges_init(&r->exchanges, COAP_EXCHANGES_MAX, conf->seed, e);
	if (rc == ERR_OK)
		rc = observers_init(&r->observers, COAP_OBSERVERS_MAX, e);
	if (rc) {
		responder_free(r);
		return rc;
	}
	*out = r;
	return ERR_OK;
}

void responder_free(struct responder *r)
{
	if (!r)
		return;
	guard_fini(&r->guard);
	exchanges_fini(&r->exchanges);
	observers_fini(&r->observers);
	buf_free(&r->whole.text);
	buf_free(&r->whole.query);
	buf_free(&r->filtered.text);
	buf_free(&r->filtered.query);
	free(r);
}

static size_t respond_request(struct turn *t)
{
	switch (t->req.pdu.code) {
	case PDU_GET:
		return respond_get(t);
	case PDU_POST:	/* changes something: not on the word of an address that may be spoofed */
		return t->is_verified ? respond_post(t) : respond_with_echo(t);
	default:
		return respond_code(t, PDU_NOT_ALLOWED, NULL);
	}
}

/* A request whose frame is sound. */
static size_t take_request(struct turn *t, const struct pdu *m, enum guard_verdict verdict)
{
	struct responder *r = t->r;
	const char *why = NULL;
	uint8_t code;

	r->stats.requests++;
	t->type = m->type == PDU_CON ? PDU_ACK : PDU_NON;
	t->id = m->id;	/* also of a NON's reply: unique for the asker, as its own ids are */
	code = coapreq_read(m, &t->req, &why);
	t->is_verified = verdict != GUARD_LIMITED ||
		(code == 0 && t->req.echo.n && guard_verify(&r->guard, &t->in->from, t->now_ms, t->req.echo));
	t->cap = t->is_verified ? COAP_MESSAGE_MAX : guard_budget(t->in->bytes.n);
	if (t->in->via.was_group)
		return code ? 0 : respond_group(t);
	if (verdict == GUARD_TOO_MANY)
		return respond_wait(t, PDU_TOO_MANY, NULL, 1);
	if (code == PDU_BAD_OPTION && m->type == PDU_NON)	/* is to be rejected, not answered (RFC 7252, 5.4.1) */
		return 0;
	if (code)
		return respond_code(t, code, why);
	if (t->in->was_cut)
		return respond_code(t, PDU_TOO_LARGE, NULL);
	return respond_request(t);
}

static size_t take_message(struct turn *t, const struct pdu *m, enum guard_verdict verdict)
{
	switch (m->type) {
	case PDU_ACK:
	case PDU_RST:
		if (!respond_post_ack(t->r, &t->in->from, m->id))
			respond_observer_ack(t->r, &t->in->from, m->id, m->type == PDU_RST, t->now_ms);
		return 0;
	default:
		break;
	}
	if (pdu_is_request(m->code))
		return take_request(t, m, verdict);
	if (m->code == PDU_EMPTY && m->type == PDU_CON && !t->in->via.was_group)	/* a ping (RFC 7252, 4.3) */
		return pdu_write_empty(t->out, PDU_RST, m->id);
	return 0;	/* an empty NON, or a response: nothing of ours is waiting for one */
}

static size_t take(struct turn *t)
{
	struct pdu m;
	enum guard_verdict verdict;

	if (!pdu_peek(t->in->bytes, &m))
		return 0;
	verdict = guard_admit(&t->r->guard, &t->in->from, t->now_ms);
	t->r->stats.limited += verdict >= GUARD_TOO_MANY;
	if (verdict == GUARD_DROP)
		return 0;
	if (pdu_read(t->in->bytes, &m, NULL) == ERR_OK)
		return take_message(t, &m, verdict);
	if (m.type == PDU_CON && !t->in->via.was_group)
		return pdu_write_empty(t->out, PDU_RST, m.id);
	return 0;
}

size_t responder_take(struct responder *r, const struct datagram *in, int64_t now_ms,
		      uint8_t out[COAP_MESSAGE_MAX])
{
	struct turn t;	/* not cleared: coapreq_read sets what is read, and its arrays are large */
	size_t n;

	t.r = r;
	t.in = in;
	t.now_ms = now_ms;
	t.out = out;
	n = take(&t);
	r->stats.replies += n > 0;
	r->stats.ignored += n == 0;
	return n;
}

int64_t responder_due(const struct responder *r)
{
	return r->due_ms;
}

void responder_tick(struct responder *r, int64_t now_ms)
{
	if (now_ms < r->due_ms)
		return;
	r->due_ms = INT64_MAX;
	respond_post_due(r, now_ms);
	respond_observers_due(r, now_ms);
	respond_delayed_due(r, now_ms);
}

void responder_changed(struct responder *r, int64_t now_ms)
{
	listing_forget(&r->whole);
	listing_forget(&r->filtered);
	respond_observers_changed(r, now_ms);
}

void responder_trust(struct responder *r, const struct prefix *prefixes, size_t n)
{
	guard_trust(&r->guard, prefixes, n);
}

struct responder_stats responder_stats(const struct responder *r)
{
	return r->stats;
}
