/* echo.h: Echo values (RFC 9175) that prove an address without remembering it.
 *
 * value = step (4 bytes) | first 8 bytes of MAC(step | endpoint). A step is
 * 64 seconds of monotonic time, so a value is good for 64 to 128 seconds. The
 * keyed MAC comes from the caller: this folder knows no hash function. */
#ifndef COAP_ECHO_H
#define COAP_ECHO_H

#include "coap/endpoint.h"

#define ECHO_VALUE 12
#define ECHO_STEP_MS 65536

struct echo_mac {
	struct hash32 (*mac)(void *arg, struct span data);	/* keyed with at least 128 bits that nobody knows */
	void *arg;
};

void echo_make(const struct echo_mac *m, const struct endpoint *peer, int64_t mono_ms, uint8_t out[ECHO_VALUE]);
/* Made by us for this endpoint, in this step or the one before? */
bool echo_check(const struct echo_mac *m, const struct endpoint *peer, int64_t mono_ms, struct span value);

#endif
