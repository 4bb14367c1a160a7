/* fuzz_coap_message.c: any bytes as a CoAP message: read, walked, understood, and written again. */
#include "coap/coapreq.h"
#include "coap/option.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was read, option by option, reads the same when it is written again. */
static void write_again(const struct pdu *m, size_t n)
{
	size_t cap = n + 16;	/* our form is never longer than a valid one */
	uint8_t *out = malloc(cap);
	struct option_iter it = option_first(m->options);
	struct pdu_writer w;
	struct option o;
	struct pdu back;

	if (!out)
		abort();
	pdu_begin(&w, out, cap, (enum pdu_type)m->type, m->code, m->id, m->token);
	while (option_next(&it, &o)) {
		if (o.value.n > PDU_OPTION_MAX) {
			free(out);
			return;
		}
		pdu_option(&w, o.number, o.value);
	}
	pdu_payload(&w, m->payload);
	if (pdu_end(&w) == 0 || pdu_end(&w) > n || pdu_read(SPAN(out, pdu_end(&w)), &back, NULL))
		abort();
	if (!span_eq(back.token, m->token) || !span_eq(back.payload, m->payload) || back.id != m->id)
		abort();
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err e = { 0 };
	const char *why = NULL;
	struct coapreq q;
	struct pdu m;

	if (pdu_read(SPAN(data, n), &m, &e))
		return 0;
	write_again(&m, n);
	if (!pdu_is_request(m.code))
		return 0;
	if (coapreq_read(&m, &q, &why)) {
		if (!why || strlen(why) > COAP_DIAGNOSTIC_MAX)
			abort();
	} else if (q.path_n == 0 || q.path_n > sizeof q.path || q.path[0] != '/') {
		abort();
	}
	return 0;
}
