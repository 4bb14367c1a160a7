/* share.h: one block, or a CAR, on its way out: cut from the image and the blocks beside it, every block compared with its name
 * before a byte of it leaves.
 *
 *	share_open(&s, …)		how long will it be? nothing is read but names
 *	share_begin(s, &e)		takes a place (SHARES_MAX), reads and checks the first block
 *	share_read(s, …)		in order, to the end
 *	share_free(s)
 *
 * Memory: one block, and what a walk needs (dagwalk.h). One thread at a time. */
#ifndef SERVER_SHARE_H
#define SERVER_SHARE_H

#include "formats/dagwalk.h"
#include "server/blocks.h"
#include "server/ipfsreq.h"
#include "server/objects.h"

struct share;

/* Of block `row` of a set; asked is its name as it stands in the request. set and o are held by the share from now on and
 * by the caller as before. how: of a CAR. */
MUST_USE int share_open(struct blockset *set, uint32_t row, struct object *o, const struct cid *asked, bool is_car,
			const struct dagwalk_how *how, struct share **out, struct err *e);
void share_free(struct share *s);	/* NULL is fine */
uint64_t share_size(const struct share *s);

/* ERR_BUSY: too many; ERR_CORRUPT: what lies there is not the block; ERR_IO. */
MUST_USE int share_begin(struct share *s, struct err *e);
/* Passes over the first n bytes, all within the first block. After share_begin. */
void share_skip(struct share *s, uint64_t n);
/* The next bytes, at most max: *n > 0 until share_size() have come. Errors as of share_begin: nothing more comes then. */
MUST_USE int share_read(struct share *s, uint8_t *out, size_t max, size_t *n, struct err *e);

#endif
