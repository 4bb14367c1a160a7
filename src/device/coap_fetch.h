/* coap_fetch.h: one CoAP request and its block-wise answer, without a socket or a clock.
 *
 * Datagrams and time go in, datagrams come out. Happy path of a GET:
 *
 *	ask the first block alone ─► its answer settles block size, ETag and (Size2) the end
 *	ask up to COAP_FETCH_WINDOW blocks at once ─► answers come in any order,
 *	are handed on in order ─► all there: COMPLETE
 *
 * Failures: a message that is not answered is sent again, four times with
 * doubled waits (RFC 7252 section 4.2); a 4.01 with Echo is asked again with
 * that value (RFC 9175); a 4.29, and within a transfer a 5.03, is asked again
 * after its Max-Age, some times; another ETag than the first block's, another
 * code, a block that was not asked for or is of a wrong length end it. An error
 * for a block beyond the end, which may be asked for before the end is known,
 * means nothing.
 *
 * After an empty ACK the answer comes in a message of its own. */
#ifndef DEVICE_COAP_FETCH_H
#define DEVICE_COAP_FETCH_H

#include "base/err.h"
#include "base/limits.h"
#include "coap/blockwise.h"
#include "coap/pdu.h"
#include "device/gateway.h"

#define COAP_FETCH_WINDOW 4	/* blocks in flight */
#define COAP_FETCH_CHALLENGES_MAX 8	/* Echo values between two answers that count: two a block in flight */
#define COAP_FETCH_WAITS_MAX 5	/* refusals with a Max-Age that are waited for */
#define COAP_FETCH_WAIT_S_MAX 60	/* and how long at most; longer ones are for the caller to wait */

enum coap_fetch_status { FETCH_RUNNING, FETCH_COMPLETE, FETCH_FAILED };

struct fetch_slot {
	enum { SLOT_FREE, SLOT_ASK, SLOT_ASKED, SLOT_ACKED, SLOT_HELD } at;
	uint64_t offset;
	uint16_t id;		/* of the message that asks */
	uint32_t token;
	unsigned tries;
	int64_t due_ms, wait_ms;	/* when to send (again), or to give up */
	uint8_t code;		/* HELD: of the answer */
	bool is_last;
	uint16_t n;
	uint8_t data[BLOCKWISE_SIZE_MAX];
};

struct coap_fetch {
	enum coap_fetch_status status;
	struct err err;		/* FAILED: why */
	unsigned retry_s;	/* FAILED with ERR_BUSY: Max-Age */

	uint8_t method;		/* PDU_GET or PDU_POST */
	const char *path;
	struct span body;	/* of a POST */
	const struct sink *sink;
	uint8_t szx;
	uint64_t next;		/* offset to ask for next */
	uint64_t delivered;	/* offset up to which the sink has it */
	uint64_t end;		/* length of the whole; UINT64_MAX while unknown */
	bool is_settled;	/* the first answer is there */
	uint8_t etag[8], etag_n, echo[40], echo_n;
	unsigned waits, challenges;
	uint32_t token;		/* of the next request */
	uint16_t id;
	uint64_t random;	/* for the spread of timeouts */
	struct fetch_slot slots[COAP_FETCH_WINDOW];
};

/* path, body and sink must outlive f. id and token: where to count on from; seed: any number. */
void coap_fetch_get(struct coap_fetch *f, const char *path, uint64_t from, const struct sink *sink,
		    uint16_t id, uint32_t token, uint64_t seed);
void coap_fetch_post(struct coap_fetch *f, const char *path, struct span body, uint16_t id, uint32_t token,
		     uint64_t seed);

/* The next datagram to send now; 0 when there is none. */
size_t coap_fetch_next(struct coap_fetch *f, int64_t now_ms, uint8_t out[COAP_MESSAGE_MAX]);
/* Milliseconds until coap_fetch_next may have one. */
int64_t coap_fetch_wait_ms(const struct coap_fetch *f, int64_t now_ms);
/* Takes a datagram. reply gets what to send back at once (an ACK or RST); its length is returned. */
size_t coap_fetch_take(struct coap_fetch *f, int64_t now_ms, struct span datagram, uint8_t reply[PDU_HEADER]);

/* Writes the options of "/a/b?c&d": Uri-Path and Uri-Query, with `between` (Content-Format, …) where it belongs. */
void coap_fetch_put_path(struct pdu_writer *w, const char *path, int content_format);

#endif
