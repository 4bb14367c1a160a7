/* respond_reply.c: replies as bytes. The options of each come in the order of their numbers. */
#include "coap/option.h"
#include "coap/respond.h"

static struct pdu_writer begin(struct turn *t, uint8_t code)
{
	struct pdu_writer w;

	pdu_begin(&w, t->out, t->cap, t->type, code, t->id, t->req.pdu.token);
	return w;
}

/* Block1 says which piece of the request this answers (RFC 7959, 2.3). */
static void add_block1(struct turn *t, struct pdu_writer *w)
{
	if (t->req.has_block1 && t->req.pdu.code == PDU_POST)
		pdu_option_uint(w, OPTION_BLOCK1, blockwise_value(&t->req.block1));
}

/* An explanation is left out rather than the code. */
static void add_why(struct pdu_writer *w, const char *why)
{
	struct span text = span_cut(span_str(why), 0, COAP_DIAGNOSTIC_MAX);

	if (text.n < (size_t)(w->end - w->p))
		pdu_payload(w, text);
}

size_t respond_wait(struct turn *t, uint8_t code, const char *why, uint32_t max_age_s)
{
	struct pdu_writer w = begin(t, code);

	if (max_age_s != RESOURCE_MAX_AGE_DEFAULT && w.end - w.p >= 6)
		pdu_option_uint(&w, OPTION_MAX_AGE, max_age_s);
	if (t->is_verified)
		add_block1(t, &w);
	if (code == PDU_TOO_LARGE && t->is_verified)
		pdu_option_uint(&w, OPTION_SIZE1, REPORT_MAX);
	add_why(&w, why);
	return pdu_end(&w);
}

size_t respond_code(struct turn *t, uint8_t code, const char *why)
{
	return respond_wait(t, code, why, RESOURCE_MAX_AGE_DEFAULT);
}

/* Where not even this fits (a request of under 8 bytes), the bare code goes: 4 bytes and the token. */
size_t respond_with_echo(struct turn *t)
{
	struct pdu_writer w = begin(t, PDU_UNAUTHORIZED);
	uint8_t value[ECHO_VALUE];

	echo_make(&t->r->guard.mac, &t->in->from, t->now_ms, value);
	pdu_option(&w, OPTION_ECHO, SPAN_OF(value));
	return w.failed ? respond_code(t, PDU_UNAUTHORIZED, NULL) : pdu_end(&w);
}

static size_t respond_valid(struct turn *t, const struct content *c)
{
	struct pdu_writer w = begin(t, PDU_VALID);

	pdu_option(&w, OPTION_ETAG, SPAN_OF(c->res->etag));
	if (c->observe >= 0)
		pdu_option_uint(&w, OPTION_OBSERVE, (uint32_t)c->observe);
	if (c->res->max_age_s != RESOURCE_MAX_AGE_DEFAULT)
		pdu_option_uint(&w, OPTION_MAX_AGE, c->res->max_age_s);
	return w.failed ? respond_with_echo(t) : pdu_end(&w);
}

static bool has_valid_etag(const struct coapreq *q, const struct resource *res)
{
	for (size_t i = 0; i < q->netags; i++)
		if (span_eq(q->etags[i], SPAN_OF(res->etag)))
			return true;
	return false;
}

static void add_options(struct pdu_writer *w, const struct turn *t, const struct content *c, const struct blockwise *b)
{
	bool in_blocks = t->req.has_block2 || b->has_more;

	pdu_option(w, OPTION_ETAG, SPAN_OF(c->res->etag));
	if (c->observe >= 0)
		pdu_option_uint(w, OPTION_OBSERVE, (uint32_t)c->observe);
	pdu_option_uint(w, OPTION_CONTENT_FORMAT, c->res->format);
	if (c->res->max_age_s != RESOURCE_MAX_AGE_DEFAULT)
		pdu_option_uint(w, OPTION_MAX_AGE, c->res->max_age_s);
	if (in_blocks)
		pdu_option_uint(w, OPTION_BLOCK2, blockwise_value(b));
	if ((in_blocks && b->number == 0) || t->req.wants_size2)
		pdu_option_uint(w, OPTION_SIZE2, (uint32_t)c->res->size);
}

static int read_part(struct turn *t, const struct content *c, uint64_t off, uint8_t *out, uint32_t n)
{
	const struct resources *rs = &t->r->conf.resources;

	if (!c->text.p)
		return rs->read(rs->arg, c->res, off, out, n);
	memcpy(out, c->text.p + off, n);
	return 0;
}

static size_t respond_block(struct turn *t, const struct content *c, const struct blockwise *b,
			    uint64_t off, uint32_t n)
{
	struct pdu_writer w = begin(t, PDU_CONTENT);
	uint8_t *room;

	add_options(&w, t, c, b);
	if (n == 0)
		return w.failed ? respond_with_echo(t) : pdu_end(&w);
	room = pdu_payload_room(&w, n);
	if (!room)	/* more than an address that nobody vouches for may draw */
		return respond_with_echo(t);
	if (read_part(t, c, off, room, n))
		return respond_wait(t, PDU_UNAVAILABLE, "image not readable, being repaired", 30);
	return pdu_end(&w);
}

size_t respond_content(struct turn *t, const struct content *c)
{
	struct blockwise b = t->req.block2;
	struct err e = { 0 };
	uint64_t off;
	uint32_t n;

	if (t->req.accept != COAPREQ_ANY && t->req.accept != c->res->format)
		return respond_code(t, PDU_NOT_ACCEPTABLE, NULL);
	if (has_valid_etag(&t->req, c->res))
		return respond_valid(t, c);
	if (blockwise_cut(&b, c->res->size, &off, &n, &e))
		return respond_code(t, PDU_BAD_REQUEST, e.msg);
	return respond_block(t, c, &b, off, n);
}
