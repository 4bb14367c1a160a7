/* calls.c: see calls.h. */
#include "keeper/calls.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "keeper/js.h"
#include "keeper/keeper.h"

static int send_answer(struct seqsock *to, const struct link_answer *a, int fd, struct err *e)
{
	AUTO(buf_free) struct buf out = BUF_INIT(LINK_MESSAGE_MAX);
	int rc;

	link_answer_write(&out, a);
	rc = buf_ok(&out, e);
	return rc ? rc : seqsock_send(to, buf_span(&out), fd, e);
}

static int send_reply(struct seqsock *to, uint64_t id, const struct api_reply *r, struct err *e)
{
	autofree char *text = NULL;
	autoclose int fd = -1;
	struct span body = api_reply_text(r, &text);
	struct link_answer a = { .id = id, .status = (uint16_t)r->status, .type = span_str(r->type),
		.allow = span_str(r->allow), .body = body };
	int rc = ERR_OK;

	if (js_take_short() || (r->body && !text))
		return err_set(e, ERR_MEMORY, "no memory for an answer");
	if (body.n > LINK_BODY_INLINE) {
		a.body = SPAN(NULL, 0);
		rc = io_sealed_memfd("answer", body, &fd, e);
	}
	return rc ? rc : send_answer(to, &a, fd, e);
}

/* Else who asked would wait until its patience ends. */
static int send_unsaid(struct seqsock *to, uint64_t id, struct err *e)
{
	static const char body[] = "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
				   "\"detail\":\"the answer could not be sent; the call may have been carried out\"}";

	return send_answer(to, &(struct link_answer){ .id = id, .status = 503, .type = SPAN_LIT("application/problem+json"),
		.body = span_str(body) }, -1, e);
}

void calls_answer(struct keeper *k, struct seqsock *from, struct span datagram, int64_t peer_uid)
{
	struct link_call call;
	struct api_reply reply;
	struct err e = { 0 };

	if (link_call_read(datagram, &call, &e)) {
		log_unusual("keeper", "not an operator call", "why=\"%s\"", e.msg);
		return;
	}
	(void)js_take_short();	/* of nobody's answer */
	api_answer(k, &call, peer_uid, &reply);
	keeper_look_at_store(k);
	if (send_reply(from, call.id, &reply, &e)) {
		log_unusual("keeper", "an answer could not be sent", "why=\"%s\"", e.msg);
		if (send_unsaid(from, call.id, &e) == ERR_MEMORY)
			err_no_memory();
	}
	api_reply_free(&reply);
}
