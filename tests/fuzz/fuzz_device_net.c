/* fuzz_device_net.c: what a gateway may answer to gatepost-device: an HTTP head, or CoAP datagrams.
 *
 * First byte 0: the rest is a head. Else: datagrams, each behind a length byte,
 * whose token and message id are made to fit, so that they are looked into. */
#include "base/cursor.h"
#include "device/coap_fetch.h"
#include "device/http_head.h"

#undef NDEBUG	/* a target speaks by aborting, in every build */
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint64_t taken;

static bool on_take(void *arg, uint64_t at, struct span data)
{
	(void)arg;
	assert(at == taken);	/* in order, without a gap */
	taken += data.n;
	return true;
}

static void head(struct span in)
{
	struct http_head h;

	if (http_head_read(in, &h, NULL) == ERR_OK)
		assert(h.n <= in.n && h.status >= 100 && h.status <= 599);
}

/* Makes the datagram an answer to the newest message that f has sent. */
static size_t fit(const uint8_t *asked, struct span in, uint8_t out[COAP_MESSAGE_MAX])
{
	size_t n = in.n + 8 > COAP_MESSAGE_MAX ? COAP_MESSAGE_MAX - 8 : in.n;

	if (n < 2)
		return 0;
	out[0] = (uint8_t)(0x44 | (in.p[0] & 0x30));
	out[1] = in.p[1];
	memcpy(out + 2, asked + 2, 6);	/* message id, token */
	memcpy(out + 8, in.p + 2, n - 2);
	return n + 6;
}

static void datagrams(struct span in)
{
	struct sink sink = { on_take, NULL };
	uint8_t asked[COAP_MESSAGE_MAX], answer[COAP_MESSAGE_MAX], reply[PDU_HEADER];
	struct cursor c = cur_of(in);
	struct coap_fetch f;
	int64_t now = 0;

	taken = 0;
	coap_fetch_get(&f, "/ipfs/x", 0, &sink, 1, 1, 7);
	while (!cur_at_end(&c) && cur_ok(&c) && f.status == FETCH_RUNNING) {
		struct span s = cur_take(&c, cur_u8(&c));

		(void)coap_fetch_next(&f, now, asked);
		(void)coap_fetch_take(&f, now, SPAN(answer, fit(asked, s, answer)), reply);
		(void)coap_fetch_take(&f, now, s, reply);
		assert(coap_fetch_wait_ms(&f, now) >= 0);
		now += 50;
	}
	assert(f.status != FETCH_COMPLETE || f.delivered >= f.end);
	assert(f.status != FETCH_FAILED || f.err.msg[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	if (data[0] == 0)
		head(SPAN(data + 1, n - 1));
	else
		datagrams(SPAN(data + 1, n - 1));
	return 0;
}
