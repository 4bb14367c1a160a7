/* fake.h: a resource set with one of each kind, for tests of the CoAP core.
 *
 *	/fw/acme/lamp		manifest: 300 bytes, observable, format 42; fake.version changes it
 *	/fw/acme/lamp/image	fake.image_size bytes, format 42, Max-Age of a year
 *	/fw/acme/lamp/info	20 bytes, format 60
 *	/fw/acme/empty		no bytes at all
 *	/fw/acme/broken		a body whose bytes cannot be read
 *	/fw/acme/later		5.03, Max-Age 7
 *	/fw/acme/talkative	4.04, with 70 bytes of explanation
 *	POST /fw/acme/lamp/report	taken; answered by the test
 *	POST /fw/acme/lamp/odd		refused at once with 4.00
 * Byte i of every body is fake_byte(i). */
#ifndef TEST_COAP_FAKE_H
#define TEST_COAP_FAKE_H

#include "coap/responder.h"

struct fake {
	struct responder *r;
	uint64_t image_size;
	uint8_t version;	/* 0: the manifest is gone */
	bool is_unavailable;	/* the manifest answers 5.03 */
	unsigned finds, releases, posts;
	uint64_t ticket;	/* of the last report */
	uint8_t body[REPORT_MAX];	/* of the last report */
	size_t body_n;
	unsigned nlinks;	/* in the listing */
	/* what responder sent by itself */
	unsigned sent;
	struct endpoint sent_to;
	uint8_t sent_bytes[COAP_MESSAGE_MAX];
	size_t sent_n;
};

static inline uint8_t fake_byte(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 8));
}

/* A responder over f's resources that trusts nobody and knows no rate limit; fill in f first, zeros do. */
void fake_start(struct fake *f, const struct guard_rates *rates);
void fake_stop(struct fake *f);
void fake_trust_all(struct fake *f);

#endif
