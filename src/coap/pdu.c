/* pdu.c: see pdu.h. */
#include "coap/pdu.h"
#include "coap/option.h"

#include <assert.h>

#define PDU_VERSION 1
#define PAYLOAD_MARKER 0xff

bool pdu_peek(struct span d, struct pdu *out)
{
	if (d.n < PDU_HEADER || d.p[0] >> 6 != PDU_VERSION)
		return false;
	*out = (struct pdu){
		.type = d.p[0] >> 4 & 3,
		.code = d.p[1],
		.id = (uint16_t)(d.p[2] << 8 | d.p[3]),
	};
	return true;
}

static bool is_reserved_class(uint8_t code)
{
	return pdu_class(code) == 1 || pdu_class(code) >= 6;
}

/* Splits what follows the token into options and payload, checking each option's frame. */
static int split_body(struct span body, struct pdu *m, struct err *e)
{
	struct option_iter it = option_first(body);
	struct option o;

	while (option_next(&it, &o))
		;
	if (it.c.failed)
		return err_set(e, ERR_FORMAT, "coap: an option ends within the message and uses no reserved length");
	m->options = SPAN(body.p, (size_t)(it.c.p - body.p));
	if (cur_left(&it.c) == 0)
		return ERR_OK;
	cur_u8(&it.c);	/* the marker: nothing else ends the options early */
	if (cur_left(&it.c) == 0)
		return err_set(e, ERR_FORMAT, "coap: a payload marker is followed by a payload");
	m->payload = SPAN(it.c.p, cur_left(&it.c));
	return ERR_OK;
}

int pdu_read(struct span d, struct pdu *out, struct err *e)
{
	struct pdu m;
	size_t token_n;
	int rc;

	if (!pdu_peek(d, &m))
		return err_set(e, ERR_FORMAT, "coap: a message has 4 bytes and version 1");
	token_n = d.p[0] & 15;
	if (token_n > PDU_TOKEN_MAX)
		return err_set(e, ERR_FORMAT, "coap: a token has at most 8 bytes");
	if (m.code == PDU_EMPTY && d.n > PDU_HEADER)
		return err_set(e, ERR_FORMAT, "coap: an empty message ends after its id");
	if (m.code == PDU_EMPTY && token_n > 0)
		return err_set(e, ERR_FORMAT, "coap: an empty message has no token");
	if (is_reserved_class(m.code))
		return err_set(e, ERR_FORMAT, "coap: code classes 1, 6 and 7 are reserved");
	if (token_n > d.n - PDU_HEADER)
		return err_set(e, ERR_FORMAT, "coap: the token ends within the message");
	m.token = SPAN(d.p + PDU_HEADER, token_n);
	rc = split_body(span_cut(d, PDU_HEADER + token_n, d.n), &m, e);
	if (rc)
		return rc;
	*out = m;
	return ERR_OK;
}

void pdu_begin(struct pdu_writer *w, uint8_t *out, size_t cap, enum pdu_type type, uint8_t code,
	       uint16_t id, struct span token)
{
	assert(token.n <= PDU_TOKEN_MAX);
	*w = (struct pdu_writer){ .start = out, .p = out, .end = out + cap };
	if (cap < PDU_HEADER + token.n) {
		w->failed = true;
		return;
	}
	out[0] = (uint8_t)(PDU_VERSION << 6 | (unsigned)type << 4 | (unsigned)token.n);
	out[1] = code;
	out[2] = (uint8_t)(id >> 8);
	out[3] = (uint8_t)id;
	if (token.n)
		memcpy(out + PDU_HEADER, token.p, token.n);
	w->p += PDU_HEADER + token.n;
}

/* n more bytes, or NULL. */
static uint8_t *room(struct pdu_writer *w, size_t n)
{
	uint8_t *p = w->p;

	if (w->failed || n > (size_t)(w->end - w->p)) {
		w->failed = true;
		return NULL;
	}
	w->p += n;
	return p;
}

/* The nibble for a delta or length, and the one or two bytes that extend it (RFC 7252, 3.1). */
static unsigned nibble(size_t v, uint8_t *extra, size_t *extra_n)
{
	if (v < 13) {
		*extra_n = 0;
		return (unsigned)v;
	}
	if (v < 269) {
		extra[0] = (uint8_t)(v - 13);
		*extra_n = 1;
		return 13;
	}
	extra[0] = (uint8_t)((v - 269) >> 8);
	extra[1] = (uint8_t)(v - 269);
	*extra_n = 2;
	return 14;
}

void pdu_option(struct pdu_writer *w, uint16_t number, struct span value)
{
	uint8_t delta_x[2] = { 0 }, length_x[2] = { 0 }, *p;
	size_t delta_n, length_n;
	unsigned delta, length;

	assert(number >= w->last && value.n <= PDU_OPTION_MAX);
	delta = nibble((size_t)(number - w->last), delta_x, &delta_n);
	length = nibble(value.n, length_x, &length_n);
	p = room(w, 1 + delta_n + length_n + value.n);
	if (!p)
		return;
	*p++ = (uint8_t)(delta << 4 | length);
	for (size_t i = 0; i < delta_n; i++)
		*p++ = delta_x[i];
	for (size_t i = 0; i < length_n; i++)
		*p++ = length_x[i];
	if (value.n)
		memcpy(p, value.p, value.n);
	w->last = number;
}

void pdu_option_uint(struct pdu_writer *w, uint16_t number, uint32_t value)
{
	uint8_t be[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value };
	size_t zeros = 0;

	while (zeros < 4 && be[zeros] == 0)
		zeros++;
	pdu_option(w, number, SPAN(be + zeros, 4 - zeros));
}

uint8_t *pdu_payload_room(struct pdu_writer *w, size_t n)
{
	uint8_t *p;

	assert(n > 0);
	p = room(w, 1 + n);
	if (!p)
		return NULL;
	*p = PAYLOAD_MARKER;
	return p + 1;
}

void pdu_payload(struct pdu_writer *w, struct span payload)
{
	uint8_t *p = payload.n ? pdu_payload_room(w, payload.n) : NULL;

	if (p)
		memcpy(p, payload.p, payload.n);
}

size_t pdu_end(const struct pdu_writer *w)
{
	return w->failed ? 0 : (size_t)(w->p - w->start);
}

size_t pdu_write_empty(uint8_t out[PDU_HEADER], enum pdu_type type, uint16_t id)
{
	struct pdu_writer w;

	pdu_begin(&w, out, PDU_HEADER, type, PDU_EMPTY, id, SPAN(NULL, 0));
	return pdu_end(&w);
}
