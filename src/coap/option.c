/* option.c: see option.h. */
#include "coap/option.h"

#define PAYLOAD_MARKER 0xff

/* In ascending order. Bounds from the RFC that defines each. */
static const struct option_rule rules[] = {
	{ OPTION_IF_MATCH,       OPTION_OPAQUE, true,  0,    8, "If-Match" },
	{ OPTION_URI_HOST,       OPTION_STRING, false, 1,  255, "Uri-Host" },
	{ OPTION_ETAG,           OPTION_OPAQUE, true,  1,    8, "ETag" },
	{ OPTION_IF_NONE_MATCH,  OPTION_EMPTY,  false, 0,    0, "If-None-Match" },
	{ OPTION_OBSERVE,        OPTION_UINT,   false, 0,    3, "Observe" },
	{ OPTION_URI_PORT,       OPTION_UINT,   false, 0,    2, "Uri-Port" },
	{ OPTION_LOCATION_PATH,  OPTION_STRING, true,  0,  255, "Location-Path" },
	{ OPTION_URI_PATH,       OPTION_STRING, true,  0,  255, "Uri-Path" },
	{ OPTION_CONTENT_FORMAT, OPTION_UINT,   false, 0,    2, "Content-Format" },
	{ OPTION_MAX_AGE,        OPTION_UINT,   false, 0,    4, "Max-Age" },
	{ OPTION_URI_QUERY,      OPTION_STRING, true,  0,  255, "Uri-Query" },
	{ OPTION_HOP_LIMIT,      OPTION_UINT,   false, 1,    1, "Hop-Limit" },
	{ OPTION_ACCEPT,         OPTION_UINT,   false, 0,    2, "Accept" },
	{ OPTION_LOCATION_QUERY, OPTION_STRING, true,  0,  255, "Location-Query" },
	{ OPTION_BLOCK2,         OPTION_UINT,   false, 0,    3, "Block2" },
	{ OPTION_BLOCK1,         OPTION_UINT,   false, 0,    3, "Block1" },
	{ OPTION_SIZE2,          OPTION_UINT,   false, 0,    4, "Size2" },
	{ OPTION_PROXY_URI,      OPTION_STRING, false, 1, 1034, "Proxy-Uri" },
	{ OPTION_PROXY_SCHEME,   OPTION_STRING, false, 1,  255, "Proxy-Scheme" },
	{ OPTION_SIZE1,          OPTION_UINT,   false, 0,    4, "Size1" },
	{ OPTION_ECHO,           OPTION_OPAQUE, false, 1,   40, "Echo" },
	{ OPTION_NO_RESPONSE,    OPTION_UINT,   false, 0,    1, "No-Response" },
	{ OPTION_REQUEST_TAG,    OPTION_OPAQUE, true,  0,    8, "Request-Tag" },
};

const struct option_rule *option_rule(uint16_t number)
{
	for (size_t i = 0; i < sizeof rules / sizeof rules[0] && rules[i].number <= number; i++)
		if (rules[i].number == number)
			return &rules[i];
	return NULL;
}

/* A delta or length nibble with its extension (RFC 7252, 3.1); 15 is reserved. */
static uint32_t extended(struct cursor *c, unsigned v)
{
	switch (v) {
	case 13:
		return 13u + cur_u8(c);
	case 14:
		return 269u + (uint32_t)cur_be(c, 2);
	case 15:
		cur_fail(c);
		return 0;
	default:
		return v;
	}
}

bool option_next(struct option_iter *it, struct option *out)
{
	struct cursor *c = &it->c;
	uint32_t delta, length;
	struct span value;
	uint8_t head;

	if (c->p == c->end || c->failed || *c->p == PAYLOAD_MARKER)
		return false;
	head = cur_u8(c);
	delta = extended(c, head >> 4);
	length = extended(c, head & 15);
	value = cur_take(c, length);
	it->number += delta;
	if (it->number > UINT16_MAX)
		cur_fail(c);
	if (c->failed)
		return false;
	*out = (struct option){ (uint16_t)it->number, value };
	return true;
}

bool option_find(struct span options, uint16_t number, struct span *value)
{
	struct option_iter it = option_first(options);
	struct option o;

	while (option_next(&it, &o)) {
		if (o.number == number) {
			*value = o.value;
			return true;
		}
		if (o.number > number)
			break;
	}
	return false;
}

uint32_t option_uint(struct span value)
{
	uint32_t v = 0;

	for (size_t i = 0; i < value.n; i++)
		v = v << 8 | value.p[i];
	return v;
}
