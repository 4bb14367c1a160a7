/* protobuf.c: see protobuf.h. */
#include "formats/protobuf.h"
#include "formats/varint.h"

static int next_bytes(struct cursor *c, struct span *out, struct err *e)
{
	uint64_t n;
	int rc = varint_next_pb(c, &n, e);

	if (rc)
		return rc;
	if (n > cur_left(c)) {
		cur_fail(c);
		return err_set(e, ERR_FORMAT, "a field runs past the end");
	}
	*out = cur_take(c, (size_t)n);
	return ERR_OK;
}

int pb_next(struct cursor *c, struct pb_field *out, struct err *e)
{
	struct pb_field f = { 0 };
	uint64_t tag;
	int rc = varint_next_pb(c, &tag, e);

	if (rc)
		return rc;
	if (tag >> 32 || tag >> 3 == 0) {
		cur_fail(c);
		return err_set(e, ERR_FORMAT, "a tag without a field number");
	}
	f.number = (uint32_t)(tag >> 3);
	f.wire = (enum pb_wire)(tag & 7);
	switch (f.wire) {
	case PB_VARINT:
		rc = varint_next_pb(c, &f.value, e);
		break;
	case PB_BYTES:
		rc = next_bytes(c, &f.bytes, e);
		break;
	case PB_FIXED32:
		f.value = cur_le(c, 4);
		rc = cur_ok(c) ? ERR_OK : err_set(e, ERR_FORMAT, "a field runs past the end");
		break;
	default:
		cur_fail(c);
		rc = err_set(e, ERR_FORMAT, "wire type %u", (unsigned)(tag & 7));
	}
	if (rc == ERR_OK)
		*out = f;
	return rc;
}

static void put_tag(struct buf *out, uint32_t number, enum pb_wire wire)
{
	varint_add(out, (uint64_t)number << 3 | wire);
}

void pb_put_varint(struct buf *out, uint32_t number, uint64_t value)
{
	put_tag(out, number, PB_VARINT);
	varint_add(out, value);
}

void pb_put_head(struct buf *out, uint32_t number, size_t n)
{
	put_tag(out, number, PB_BYTES);
	varint_add(out, n);
}

void pb_put_bytes(struct buf *out, uint32_t number, struct span bytes)
{
	pb_put_head(out, number, bytes.n);
	buf_add(out, bytes);
}
