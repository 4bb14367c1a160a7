/* option.h: the options of CoAP messages: one table of those that we know, and access to their values.
 *
 * RFC 7252 (5.10), 7641 (Observe), 7959 (Block, Size2), 9175 (Echo, Request-Tag),
 * 8768 (Hop-Limit), 7967 (No-Response). An option whose length is outside of
 * the table's bounds, or that comes twice where once is the rule, counts as
 * unknown (RFC 7252, 5.4.3 and 5.4.5). */
#ifndef COAP_OPTION_H
#define COAP_OPTION_H

#include "base/cursor.h"
#include "base/span.h"

enum option_number {
	OPTION_IF_MATCH = 1, OPTION_URI_HOST = 3, OPTION_ETAG = 4, OPTION_IF_NONE_MATCH = 5,
	OPTION_OBSERVE = 6, OPTION_URI_PORT = 7, OPTION_LOCATION_PATH = 8, OPTION_URI_PATH = 11,
	OPTION_CONTENT_FORMAT = 12, OPTION_MAX_AGE = 14, OPTION_URI_QUERY = 15, OPTION_HOP_LIMIT = 16,
	OPTION_ACCEPT = 17, OPTION_LOCATION_QUERY = 20, OPTION_BLOCK2 = 23, OPTION_BLOCK1 = 27,
	OPTION_SIZE2 = 28, OPTION_PROXY_URI = 35, OPTION_PROXY_SCHEME = 39, OPTION_SIZE1 = 60,
	OPTION_ECHO = 252, OPTION_NO_RESPONSE = 258, OPTION_REQUEST_TAG = 292,
};

enum option_format { OPTION_EMPTY, OPTION_OPAQUE, OPTION_UINT, OPTION_STRING };

struct option_rule {
	uint16_t number;
	uint8_t format;		/* enum option_format */
	bool repeats;		/* may come more than once */
	uint16_t min, max;	/* bytes of its value */
	const char *name;
};

/* NULL for a number that we do not know. */
const struct option_rule *option_rule(uint16_t number);

/* Odd numbers are critical: who does not understand one refuses the message (RFC 7252, 5.4.1). */
static inline bool option_is_critical(uint16_t number)
{
	return (number & 1) != 0;
}

struct option {
	uint16_t number;
	struct span value;	/* points into the message */
};

struct option_iter {
	struct cursor c;
	uint32_t number;
};

static inline struct option_iter option_first(struct span options)
{
	return (struct option_iter){ .c = cur_of(options) };
}

/* The next option, or false at the end (the end of the bytes, or a payload marker, which is left in place) and
 * when the bytes break a rule: then it->c.failed is set. Options of a message that pdu_read accepted never do. */
bool option_next(struct option_iter *it, struct option *out);

/* The first option with this number. */
bool option_find(struct span options, uint16_t number, struct span *value);

/* A uint value of at most 4 bytes, leading zeros allowed (RFC 7252, 3.2: receivers must accept them). */
uint32_t option_uint(struct span value);

/* Content-Formats (RFC 7252, 12.3; RFC 7049). */
enum content_format { CONTENT_TEXT = 0, CONTENT_LINKS = 40, CONTENT_OCTETS = 42, CONTENT_JSON = 50, CONTENT_CBOR = 60 };

#endif
