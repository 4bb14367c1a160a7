/* respond_post.c: POST: carried out once, answered when its owner has acknowledged it. */
#include "coap/respond.h"

#define ACK_AFTER_MS 1000	/* below ACK_TIMEOUT, so that the client does not send again */
#define ANSWER_MS 20000		/* then the report counts as refused; the device sends it again */

/* The response of an exchange, written to out as a direct reply or as a separate one. */
static size_t write_response(struct responder *r, const struct exchange *x, int64_t now_ms,
			     uint8_t out[COAP_MESSAGE_MAX])
{
	struct datagram in = { .from = x->peer, .via = x->via };
	struct turn t = {
		.r = r, .in = &in, .now_ms = now_ms, .is_verified = true, .out = out, .cap = COAP_MESSAGE_MAX,
		.type = x->was_acked ? PDU_CON : x->type == PDU_CON ? PDU_ACK : PDU_NON,
		.id = x->was_acked ? x->reply_id : x->id,
	};

	t.req.pdu = (struct pdu){ .code = PDU_POST, .token = SPAN(x->token, x->token_n) };
	t.req.block1 = x->block1;
	t.req.has_block1 = x->has_block1;
	return respond_wait(&t, x->code, x->why, x->code == PDU_UNAVAILABLE ? 10 : RESOURCE_MAX_AGE_DEFAULT);
}

static void send_response(struct responder *r, const struct exchange *x, int64_t now_ms)
{
	uint8_t out[COAP_MESSAGE_MAX];
	size_t n = write_response(r, x, now_ms, out);

	r->conf.send(r->conf.arg, &x->peer, &x->via, SPAN(out, n));
}

static void send_ack(struct responder *r, struct exchange *x, int64_t now_ms)
{
	uint8_t out[PDU_HEADER];
	size_t n = pdu_write_empty(out, PDU_ACK, x->id);

	r->conf.send(r->conf.arg, &x->peer, &x->via, SPAN(out, n));
	x->was_acked = true;
	x->due_ms = now_ms + ANSWER_MS;
	exchange_move(x, EXCHANGE_ACKED);
	respond_wake(r, x->due_ms);
}

static void answer(struct responder *r, struct exchange *x, int64_t now_ms)
{
	if (x->sm.at == EXCHANGE_EXPECTING) {
		exchange_move(x, EXCHANGE_SETTLED);
	} else {
		exchange_move(x, EXCHANGE_SENDING);
		x->reply_id = r->next_id++;
		x->tries = 1;
		x->due_ms = now_ms + respond_timeout(r, x->tries);
		respond_wake(r, x->due_ms);
	}
	send_response(r, x, now_ms);
}

/* The same request again: the same reply, or word that it is being worked on. */
static size_t respond_repeated(struct turn *t, struct exchange *x)
{
	if (x->sm.at == EXCHANGE_SETTLED && !x->was_acked)
		return write_response(t->r, x, t->now_ms, t->out);
	if (x->type != PDU_CON)
		return 0;
	if (x->sm.at == EXCHANGE_EXPECTING) {
		send_ack(t->r, x, t->now_ms);
		return 0;
	}
	return pdu_write_empty(t->out, PDU_ACK, x->id);
}

/* 0: the answer comes later. Else the code, for which *why speaks. */
static uint8_t carry_out(struct turn *t, uint64_t ticket, const char **why)
{
	const struct resources *rs = &t->r->conf.resources;
	struct resource_ask ask = { coapreq_path(&t->req), &t->req, &t->in->from, false };
	uint8_t code;

	if (t->req.is_odd)
		return PDU_NOT_FOUND;
	if (t->req.has_block1) {
		code = uploads_take(&t->r->uploads, &t->in->from, &t->req, t->now_ms, &t->req.pdu.payload);
		if (code)
			return code;
	}
	if (t->req.pdu.payload.n > REPORT_MAX)
		return PDU_TOO_LARGE;
	return rs->post(rs->arg, &ask, ticket, why);
}

static void remember(struct turn *t, struct exchange *x)
{
	x->via = t->in->via;
	x->type = t->req.pdu.type;
	x->token_n = (uint8_t)t->req.pdu.token.n;
	if (x->token_n)
		memcpy(x->token, t->req.pdu.token.p, x->token_n);
	x->block1 = t->req.block1;
	x->has_block1 = t->req.has_block1;
}

size_t respond_post(struct turn *t)
{
	struct exchanges *all = &t->r->exchanges;
	struct exchange *x = exchanges_find(all, &t->in->from, t->req.pdu.id, t->now_ms);

	if (x)
		return respond_repeated(t, x);
	x = exchanges_add(all, &t->in->from, t->req.pdu.id, t->now_ms);
	if (!x)
		return respond_wait(t, PDU_UNAVAILABLE, "busy", 10);
	remember(t, x);
	x->code = carry_out(t, x->ticket, &x->why);
	if (x->code) {
		exchange_move(x, EXCHANGE_SETTLED);
		return write_response(t->r, x, t->now_ms, t->out);
	}
	x->due_ms = t->now_ms + (x->type == PDU_CON ? ACK_AFTER_MS : ANSWER_MS);
	respond_wake(t->r, x->due_ms);
	return 0;
}

void responder_post_done(struct responder *r, uint64_t ticket, uint8_t code, int64_t now_ms)
{
	struct exchange *x = exchanges_by_ticket(&r->exchanges, ticket);

	if (!x || x->sm.at == EXCHANGE_SENDING || x->sm.at == EXCHANGE_SETTLED)
		return;
	x->code = code;
	answer(r, x, now_ms);
}

static void give_up(struct responder *r, struct exchange *x, int64_t now_ms)
{
	x->code = PDU_UNAVAILABLE;
	x->why = "not acknowledged";
	answer(r, x, now_ms);
}

static void send_again(struct responder *r, struct exchange *x, int64_t now_ms)
{
	if (x->tries == RESPOND_TRIES_MAX) {
		exchange_move(x, EXCHANGE_SETTLED);
		return;
	}
	x->tries++;
	x->due_ms = now_ms + respond_timeout(r, x->tries);
	send_response(r, x, now_ms);
}

static void act(struct responder *r, struct exchange *x, int64_t now_ms)
{
	if (x->sm.at == EXCHANGE_SENDING)
		send_again(r, x, now_ms);
	else if (x->sm.at == EXCHANGE_EXPECTING && x->type == PDU_CON)
		send_ack(r, x, now_ms);
	else
		give_up(r, x, now_ms);
}

void respond_post_due(struct responder *r, int64_t now_ms)
{
	LIST_EACH(node, &r->exchanges.waiting) {
		struct exchange *x = LIST_ITEM(node, struct exchange, waiting);

		if (x->due_ms <= now_ms)
			act(r, x, now_ms);
		if (x->sm.at != EXCHANGE_SETTLED)
			respond_wake(r, x->due_ms);
	}
}

bool respond_post_ack(struct responder *r, const struct endpoint *peer, uint16_t id)
{
	struct exchange *x = exchanges_by_reply(&r->exchanges, peer, id);

	if (x)
		exchange_move(x, EXCHANGE_SETTLED);
	return x != NULL;
}
