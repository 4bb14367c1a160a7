/* varint.c: see varint.h. */
#include "formats/varint.h"

static int next(struct cursor *c, unsigned bits, uint64_t *out, struct err *e)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < bits; shift += 7) {
		uint8_t byte = cur_u8(c);

		if (!cur_ok(c))
			return err_set(e, ERR_FORMAT, "a varint is cut");
		/* In 64 bits the tenth byte has one bit left. */
		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (byte == 0 && shift > 0) {
			cur_fail(c);
			return err_set(e, ERR_FORMAT, "a varint is overlong");
		}
		*out = v;
		return ERR_OK;
	}
	cur_fail(c);
	return err_set(e, ERR_FORMAT, "a varint has more than %u bits", bits);
}

int varint_next(struct cursor *c, uint64_t *out, struct err *e)
{
	return next(c, 63, out, e);
}

int varint_next_pb(struct cursor *c, uint64_t *out, struct err *e)
{
	return next(c, 64, out, e);
}

size_t varint_write(uint64_t v, uint8_t out[VARINT_MAX])
{
	size_t n = 0;

	while (v >= 0x80) {
		out[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	out[n++] = (uint8_t)v;
	return n;
}

size_t varint_length(uint64_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

void varint_add(struct buf *b, uint64_t v)
{
	uint8_t bytes[VARINT_MAX];

	buf_add(b, SPAN(bytes, varint_write(v, bytes)));
}
