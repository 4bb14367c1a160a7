/* fuzz_coap_request.c: the whole way of a datagram through the responder, over the unit tests' resources.
 *
 * Input: records of a control byte, a length byte and so many bytes. The
 * control byte picks the peer, how it arrived, and how much time goes by; one
 * record in some is an event instead (a change, the keeper's answer). Promises
 * held against every reply: well-formed, within the budget of its peer, never
 * to an ACK, RST or response, and every answer released. */
#include "../unit/coap/fake.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool claim)
{
	if (!claim)
		abort();
}

/* An Echo may be a right one, and then its sender is verified. */
static bool has_echo(struct span datagram)
{
	struct span value;
	struct pdu q;

	return pdu_read(datagram, &q, NULL) == ERR_OK && option_find(q.options, OPTION_ECHO, &value);
}

static void check_reply(const struct datagram *in, struct span reply, bool is_trusted)
{
	struct pdu q, m;

	must(pdu_read(reply, &m, NULL) == ERR_OK);
	must(pdu_peek(in->bytes, &q));
	must(q.type == PDU_CON || q.type == PDU_NON);
	must(m.code == PDU_EMPTY || pdu_is_request(q.code));
	must(m.code == PDU_EMPTY || pdu_class(m.code) == 2 || m.payload.n <= COAP_DIAGNOSTIC_MAX);
	must(!in->via.was_group);
	must(is_trusted || has_echo(in->bytes) || reply.n <= guard_budget(in->bytes.n));
}

static void one_event(struct fake *f, uint8_t control, int64_t now_ms)
{
	if (control & 0x10) {
		f->version = control & 7;
		f->is_unavailable = (control & 8) != 0;
		responder_changed(f->r, now_ms);
	} else {
		responder_post_done(f->r, f->ticket, PDU_CHANGED, now_ms);
	}
}

static void one_datagram(struct fake *f, uint8_t control, struct span bytes, int64_t now_ms)
{
	bool is_trusted = (control & 1) != 0;
	struct datagram in = {
		.from = { .address = { is_trusted ? 0xfd : 0x20, control & 2 }, .port = control & 4 ? 5683 : (uint16_t)(53 + (control & 8) * 200) },
		.via = { .was_group = (control & 0x10) != 0 },
		.bytes = bytes,
		.was_cut = (control & 0x20) != 0,
	};
	uint8_t out[COAP_MESSAGE_MAX];
	size_t n = responder_take(f->r, &in, now_ms, out);

	must(n <= sizeof out && f->finds == f->releases);
	if (n)
		check_reply(&in, SPAN(out, n), is_trusted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct prefix ours = { { 0xfd }, 8 };
	struct fake f = { .version = 1, .image_size = 5000, .nlinks = 2 };
	struct guard_rates rates = { 100, 1000 };
	struct span in = SPAN(data, n);
	int64_t now_ms = 1000;

	fake_start(&f, &rates);
	responder_trust(f.r, &ours, 1);
	while (in.n >= 2) {
		uint8_t control = in.p[0];
		struct span bytes = span_cut(in, 2, in.p[1]);

		in = span_cut(in, 2 + (size_t)in.p[1], in.n);
		now_ms += control & 0x40 ? 3000 : 1;
		if (control & 0x80)
			one_event(&f, control, now_ms);
		else
			one_datagram(&f, control, bytes, now_ms);
		responder_tick(f.r, now_ms);
	}
	fake_stop(&f);
	return 0;
}
