/* pdu.h: CoAP messages over UDP (RFC 7252 section 3), both directions.
 *
 * Works on borrowed bytes and never allocates: a read message points into the
 * datagram, a written one into the caller's buffer. Used by the server and by
 * the device library, so nothing here knows which side it is on. */
#ifndef COAP_PDU_H
#define COAP_PDU_H

#include "base/err.h"
#include "base/span.h"

enum pdu_type { PDU_CON, PDU_NON, PDU_ACK, PDU_RST };

#define PDU_HEADER 4		/* bytes before the token */
#define PDU_TOKEN_MAX 8
#define PDU_OPTION_MAX 1034	/* bytes of the longest option we write (Proxy-Uri's limit) */

/* class.detail as one byte: PDU_CODE(4, 4) is 4.04. */
#define PDU_CODE(class, detail) ((uint8_t)((class) << 5 | (detail)))

enum pdu_code {
	PDU_EMPTY = 0,
	PDU_GET = 1, PDU_POST, PDU_PUT, PDU_DELETE, PDU_FETCH, PDU_PATCH, PDU_IPATCH,
	PDU_CHANGED = PDU_CODE(2, 4),
	PDU_CONTENT = PDU_CODE(2, 5),
	PDU_VALID = PDU_CODE(2, 3),
	PDU_CONTINUE = PDU_CODE(2, 31),
	PDU_BAD_REQUEST = PDU_CODE(4, 0),
	PDU_UNAUTHORIZED = PDU_CODE(4, 1),
	PDU_BAD_OPTION = PDU_CODE(4, 2),
	PDU_FORBIDDEN = PDU_CODE(4, 3),
	PDU_NOT_FOUND = PDU_CODE(4, 4),
	PDU_NOT_ALLOWED = PDU_CODE(4, 5),
	PDU_NOT_ACCEPTABLE = PDU_CODE(4, 6),
	PDU_INCOMPLETE = PDU_CODE(4, 8),
	PDU_TOO_LARGE = PDU_CODE(4, 13),
	PDU_UNSUPPORTED_FORMAT = PDU_CODE(4, 15),
	PDU_TOO_MANY = PDU_CODE(4, 29),
	PDU_INTERNAL = PDU_CODE(5, 0),
	PDU_UNAVAILABLE = PDU_CODE(5, 3),
	PDU_NO_PROXY = PDU_CODE(5, 5),
};

static inline unsigned pdu_class(uint8_t code)
{
	return code >> 5;
}

static inline bool pdu_is_request(uint8_t code)
{
	return code != PDU_EMPTY && pdu_class(code) == 0;
}

struct pdu {
	uint8_t type;		/* enum pdu_type */
	uint8_t code;
	uint16_t id;		/* message id */
	struct span token;	/* 0 to 8 bytes */
	struct span options;	/* as on the wire, well-formed; option_next() walks them */
	struct span payload;
};

/* Type, code and message id of a datagram, whatever follows. False when it is shorter than a header or of
 * another version: such bytes are not CoAP and are ignored (RFC 7252, 3). The other fields become empty. */
MUST_USE bool pdu_peek(struct span datagram, struct pdu *out);

/* The whole message. ERR_FORMAT: a message format error of RFC 7252 (a token over 8 bytes, bytes after an empty
 * message's header, a reserved option delta or length, an option that runs past the end or beyond 65535, a payload
 * marker without payload, a reserved code class); also what pdu_peek refuses. */
MUST_USE int pdu_read(struct span datagram, struct pdu *out, struct err *e);

/* Writes a message front to back. Sticky: what does not fit marks it failed, and pdu_end() says 0. Options come in
 * ascending order of their numbers (asserted: the order is ours to get right). */
struct pdu_writer {
	uint8_t *start, *p, *end;
	uint16_t last;		/* number of the last option */
	bool failed;
};

/* out has room for cap bytes; the token is at most PDU_TOKEN_MAX (asserted). */
void pdu_begin(struct pdu_writer *w, uint8_t *out, size_t cap, enum pdu_type type, uint8_t code,
	       uint16_t id, struct span token);
void pdu_option(struct pdu_writer *w, uint16_t number, struct span value);
/* A uint option in its shortest form: 0 has no bytes (RFC 7252, 3.2). */
void pdu_option_uint(struct pdu_writer *w, uint16_t number, uint32_t value);
/* The payload, with its marker; nothing at all when it is empty. Ends the options. */
void pdu_payload(struct pdu_writer *w, struct span payload);
/* The same, to be filled in by the caller: n bytes, or NULL when they do not fit. n > 0. */
uint8_t *pdu_payload_room(struct pdu_writer *w, size_t n);
/* Length of the message, or 0 when something did not fit. */
size_t pdu_end(const struct pdu_writer *w);

/* Empty messages: 4 bytes each. */
size_t pdu_write_empty(uint8_t out[PDU_HEADER], enum pdu_type type, uint16_t id);

#endif
