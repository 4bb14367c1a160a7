/* echo.c: see echo.h. */
#include "coap/echo.h"

#define STEP_BYTES 4

static void make_for_step(const struct echo_mac *m, const struct endpoint *peer, uint32_t step,
			  uint8_t out[ECHO_VALUE])
{
	uint8_t text[STEP_BYTES + ENDPOINT_BYTES];
	struct hash32 mac;

	for (int i = 0; i < STEP_BYTES; i++)
		text[i] = (uint8_t)(step >> (24 - 8 * i));
	endpoint_bytes(peer, text + STEP_BYTES);
	mac = m->mac(m->arg, SPAN_OF(text));
	memcpy(out, text, STEP_BYTES);
	memcpy(out + STEP_BYTES, mac.b, ECHO_VALUE - STEP_BYTES);
}

static uint32_t step_at(int64_t mono_ms)
{
	return (uint32_t)(mono_ms / ECHO_STEP_MS);
}

void echo_make(const struct echo_mac *m, const struct endpoint *peer, int64_t mono_ms, uint8_t out[ECHO_VALUE])
{
	make_for_step(m, peer, step_at(mono_ms), out);
}

bool echo_check(const struct echo_mac *m, const struct endpoint *peer, int64_t mono_ms, struct span value)
{
	uint32_t now = step_at(mono_ms), step = 0;
	uint8_t want[ECHO_VALUE], differs = 0;

	if (value.n != ECHO_VALUE)
		return false;
	for (int i = 0; i < STEP_BYTES; i++)
		step = step << 8 | value.p[i];
	if (step != now && step + 1 != now)
		return false;
	make_for_step(m, peer, step, want);
	for (size_t i = 0; i < ECHO_VALUE; i++)	/* in constant time: a guess must not be told how far it got */
		differs |= want[i] ^ value.p[i];
	return differs == 0;
}
