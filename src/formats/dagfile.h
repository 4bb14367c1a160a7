/* dagfile.h: the file of IPFS blocks beside an image (<sha256>.dag): those that cannot be cut from the image itself.
 *
 *	record = cid-length:2 block-length:4 cid block guard:8
 *
 * guard is the front of the SHA-256 of what stands before it in the record: a torn write at the end is noticed without knowing
 * anything about CIDs. Whether a block is what its CID names is the reader's to check. */
#ifndef FORMATS_DAGFILE_H
#define FORMATS_DAGFILE_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/span.h"

#define DAGFILE_HEAD 6
#define DAGFILE_GUARD 8
#define DAGFILE_RECORD_MAX (DAGFILE_HEAD + CID_BYTES_MAX + BLOCK_MAX + DAGFILE_GUARD)

/* Bytes of the whole record that begins so; 0: none does. */
size_t dagfile_length(const uint8_t head[DAGFILE_HEAD]);

/* A record of exactly dagfile_length() bytes. ERR_FORMAT: torn. Spans point into it. */
MUST_USE int dagfile_read(struct span record, struct span *cid, struct span *block);

/* Appends one. The caller has looked at the lengths. */
void dagfile_put(struct buf *out, struct span cid, struct span block);

#endif
