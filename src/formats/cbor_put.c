/* cbor_put.c: writing, always the shortest heads. */
#include "formats/cbor.h"

static void put_head(struct buf *b, enum cbor_kind kind, uint64_t arg)
{
	uint8_t major = (uint8_t)(kind << 5);

	if (arg < 24) {
		buf_byte(b, (uint8_t)(major | arg));
		return;
	}
	unsigned width = arg <= UINT8_MAX ? 0 : arg <= UINT16_MAX ? 1 : arg <= UINT32_MAX ? 2 : 3;

	buf_byte(b, (uint8_t)(major | (24 + width)));
	buf_be(b, arg, 1u << width);
}

void cbor_put_uint(struct buf *b, uint64_t v)
{
	put_head(b, CBOR_UINT, v);
}

void cbor_put_int(struct buf *b, int64_t v)
{
	if (v >= 0)
		put_head(b, CBOR_UINT, (uint64_t)v);
	else
		put_head(b, CBOR_NEGINT, (uint64_t)(-1 - v));
}

void cbor_put_bytes(struct buf *b, struct span s)
{
	put_head(b, CBOR_BYTES, s.n);
	buf_add(b, s);
}

void cbor_put_text(struct buf *b, struct span s)
{
	put_head(b, CBOR_TEXT, s.n);
	buf_add(b, s);
}

void cbor_put_array(struct buf *b, uint64_t n)
{
	put_head(b, CBOR_ARRAY, n);
}

void cbor_put_map(struct buf *b, uint64_t n)
{
	put_head(b, CBOR_MAP, n);
}

void cbor_put_tag(struct buf *b, uint64_t tag)
{
	put_head(b, CBOR_TAG, tag);
}

void cbor_put_bool(struct buf *b, bool v)
{
	buf_byte(b, v ? 0xf5 : 0xf4);
}

void cbor_put_null(struct buf *b)
{
	buf_byte(b, 0xf6);
}
