/* car.h: CARv1 archives (ipld.io/specs/transport/car/carv1), read as their bytes arrive, and written.
 *
 *	header		varint length, then CBOR { "roots": [ CID … ], "version": 1 }
 *	section …	varint length, then a CID and the block that it names
 *
 * The reader is a push parser over the caller's chunks, of any size down to one
 * byte:
 *
 *	car_open(&r);
 *	while (!(rc = car_next(&r, &chunk, &item, &e)) && item.kind != CAR_MORE)
 *		CAR_CID: item.cid names the block that follows; car_skip(&r) passes over it
 *		CAR_BLOCK: item.block are its bytes
 *	at the end of the stream: car_end(&r, &e)
 *
 * It checks form only: whether a block is the one that its CID names, and
 * whether anybody asked for it, is ipfs/plan. Every length is checked against
 * base/limits.h before anything is read or allocated for it, and memory grows
 * with bytes that arrived, not with lengths that were claimed: at most
 * BLOCK_MAX. `roots` are checked for shape and otherwise ignored. Identity
 * blocks are passed over in silence: a name that is its own content proves
 * nothing and stores nothing. */
#ifndef FORMATS_CAR_H
#define FORMATS_CAR_H

#include "base/buf.h"
#include "base/err.h"
#include "formats/cid.h"

enum car_kind {
	CAR_MORE,	/* the chunk is used up */
	CAR_CID,	/* a section has begun: cid and length are set */
	CAR_BLOCK,	/* the section's block is complete: cid, length and block are set */
};

struct car_item {
	enum car_kind kind;
	struct cid cid;
	size_t length;		/* of the block; ≤ BLOCK_MAX, known before its bytes */
	struct span block;	/* borrowed until the next call with this reader, or until the chunk goes */
};

struct car_reader {
	unsigned at;		/* which part of the archive comes next; car.c's own */
	struct buf held;	/* bytes of a part that has not arrived whole */
	uint64_t want;		/* length of that part */
	size_t length;		/* of the section's block */
	struct cid cid;		/* of the section */
	uint64_t consumed;	/* bytes of the archive so far */
};

void car_open(struct car_reader *r);
/* The same behind the header, where a section begins. */
void car_open_inside(struct car_reader *r);
/* Gives the memory back; the reader may be opened again. */
void car_close(struct car_reader *r);

/* Takes bytes off the front of *chunk until there is something to say. ERR_FORMAT: not a CARv1, or
 * cut or overlong inside; ERR_RULE: a CID of a kind that we refuse; ERR_LIMIT: too long a header or section. After a
 * failure the archive is over: call only car_close. */
MUST_USE int car_next(struct car_reader *r, struct span *chunk, struct car_item *item, struct err *e);

/* After CAR_CID: pass over this section's block without holding it. */
void car_skip(struct car_reader *r);

/* Has the header come, and was it one? Until then nothing says that this is a CAR at all. */
bool car_has_header(const struct car_reader *r);

/* Was the last byte the end of a section? ERR_FORMAT "ends inside …" when not. */
MUST_USE int car_end(const struct car_reader *r, struct err *e);

/* Writing: a header with one root, and what goes in front of each block's bytes. */
void car_put_header(struct buf *out, const struct cid *root);
void car_put_section_head(struct buf *out, const struct cid *cid, size_t block_length);
/* Bytes of the whole section, for Content-Length and sizes. */
uint64_t car_section_length(const struct cid *cid, size_t block_length);

#endif
