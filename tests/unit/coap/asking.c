/* asking.c: see asking.h. */
#include "asking.h"


#include "base/hex.h"

#include <check.h>
#include <stdlib.h>


static void add_path(struct pdu_writer *w, const char *path)
{
	while (path && *path == '/') {
		size_t n = strcspn(path + 1, "/");

		pdu_option(w, OPTION_URI_PATH, SPAN(path + 1, n));
		path += 1 + n;
	}
}

static void add_options(struct pdu_writer *w, const struct asking *a, uint16_t from, uint16_t to)
{
	uint8_t raw[512];

	for (size_t i = 0; i < 6 && a->options[i].hex; i++) {
		const char *hex = a->options[i].hex;

		if (a->options[i].number < from || a->options[i].number >= to)
			continue;
		ck_assert_int_eq(hex_read(span_str(hex), raw, strlen(hex) / 2, NULL), ERR_OK);
		pdu_option(w, a->options[i].number, SPAN(raw, strlen(hex) / 2));
	}
}

size_t asking_write(const struct asking *a, uint8_t out[COAP_MESSAGE_MAX + 200])
{
	struct pdu_writer w;

	pdu_begin(&w, out, COAP_MESSAGE_MAX + 200, (enum pdu_type)a->type, a->code ? a->code : PDU_GET, a->id,
		  span_str(a->token));
	add_options(&w, a, 0, OPTION_URI_PATH);
	add_path(&w, a->path);
	add_options(&w, a, OPTION_URI_PATH, OPTION_URI_QUERY);
	for (size_t i = 0; i < 3 && a->queries[i]; i++)
		pdu_option(&w, OPTION_URI_QUERY, span_str(a->queries[i]));
	add_options(&w, a, OPTION_URI_QUERY, UINT16_MAX);
	pdu_payload(&w, a->payload);
	ck_assert_uint_gt(pdu_end(&w), 0);
	return pdu_end(&w);
}

static void check_mirrored(const struct answered *r, const struct pdu *q)
{
	if (r->m.code == PDU_EMPTY)
		return;
	ck_assert_msg(r->m.type == (q->type == PDU_CON ? PDU_ACK : PDU_NON), "the type is mirrored");
	ck_assert_msg(span_eq(r->m.token, q->token), "the token is mirrored");
	ck_assert_msg(pdu_class(r->m.code) == 2 || r->m.payload.n <= COAP_DIAGNOSTIC_MAX, "a diagnostic is short");
}

struct answered ask_raw(struct fake *f, struct span d, const struct asking *a)
{
	static const struct endpoint default_peer = {
		.address = { [10] = 0xff, 0xff, 192, 0, 2, 1 }, .port = 5683,
	};
	struct datagram in = { a->from.port ? a->from : default_peer, { .was_group = a->was_group }, d, a->was_cut };
	struct answered r;
	struct pdu q;

	r.n = responder_take(f->r, &in, a->now_ms, r.bytes);
	ck_assert_uint_le(r.n, COAP_MESSAGE_MAX);
	ck_assert_msg(f->finds == f->releases, "every answer is released");
	if (r.n == 0)
		return r;
	ck_assert_int_eq(pdu_read(SPAN(r.bytes, r.n), &r.m, NULL), ERR_OK);
	ck_assert(pdu_peek(d, &q));
	ck_assert_msg(r.m.id == q.id, "the message id is mirrored");
	if (pdu_read(d, &q, NULL) == ERR_OK)
		check_mirrored(&r, &q);
	return r;
}

struct answered ask(struct fake *f, const struct asking *a)
{
	uint8_t raw[COAP_MESSAGE_MAX + 200];
	size_t n = asking_write(a, raw);
	uint8_t *exact = malloc(n);	/* so that the sanitizer sees the first byte past it */
	struct answered r;

	memcpy(exact, raw, n);
	r = ask_raw(f, SPAN(exact, n), a);
	free(exact);
	if (r.n)	/* the spans in it point into r.bytes of the callee */
		ck_assert_int_eq(pdu_read(SPAN(r.bytes, r.n), &r.m, NULL), ERR_OK);
	return r;
}

int64_t answered_uint(const struct answered *a, uint16_t number)
{
	struct pdu m;
	struct span value;

	if (a->n == 0 || pdu_read(SPAN(a->bytes, a->n), &m, NULL) || !option_find(m.options, number, &value))
		return -1;
	return option_uint(value);
}
