/* varint.h: unsigned LEB128 integers, as multiformats and protobuf write them; minimal forms only.
 *
 * Multiformats (unsigned-varint): at most 9 bytes, 63 bits. Protobuf: at most
 * 10 bytes, 64 bits. Both readers refuse a last byte of zero ("overlong"): one
 * number has one spelling, so that equal things have equal bytes. */
#ifndef FORMATS_VARINT_H
#define FORMATS_VARINT_H

#include "base/buf.h"
#include "base/cursor.h"

/* Bytes of the longest form that varint_write makes. */
#define VARINT_MAX 10

/* Reads one; on failure the cursor is failed and e names the rule. */
MUST_USE int varint_next(struct cursor *c, uint64_t *out, struct err *e);
/* The same with protobuf's 64-bit range. */
MUST_USE int varint_next_pb(struct cursor *c, uint64_t *out, struct err *e);

/* Writes v minimally; returns the number of bytes, 1 to VARINT_MAX. */
size_t varint_write(uint64_t v, uint8_t out[VARINT_MAX]);
size_t varint_length(uint64_t v);
void varint_add(struct buf *b, uint64_t v);

#endif
