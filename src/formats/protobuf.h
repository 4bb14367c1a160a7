/* protobuf.h: the little of protobuf's wire format that IPFS uses (protobuf.dev/programming-guides/encoding).
 *
 * Strict: varints minimal, tags below 2^32 with a field number, and only the
 * wire types 0 (varint), 2 (bytes) and 5 (32 bits). */
#ifndef FORMATS_PROTOBUF_H
#define FORMATS_PROTOBUF_H

#include "base/buf.h"
#include "base/cursor.h"

enum pb_wire { PB_VARINT = 0, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb_field {
	uint32_t number;
	enum pb_wire wire;
	uint64_t value;		/* of a varint or 32-bit field */
	struct span bytes;
};

/* Reads one field; on failure the cursor is failed and e names the rule. */
MUST_USE int pb_next(struct cursor *c, struct pb_field *out, struct err *e);

void pb_put_varint(struct buf *out, uint32_t number, uint64_t value);
/* Tag and length; the caller appends the n bytes. */
void pb_put_head(struct buf *out, uint32_t number, size_t n);
void pb_put_bytes(struct buf *out, uint32_t number, struct span bytes);

#endif
