/* blockwise.h: the value of a Block1 or Block2 option (RFC 7959, 2.2), and which bytes it means. */
#ifndef COAP_BLOCKWISE_H
#define COAP_BLOCKWISE_H

#include "base/err.h"
#include "base/span.h"

#define BLOCKWISE_SZX_MAX 6		/* 1024 bytes; 7 is reserved (BERT over TCP) */
#define BLOCKWISE_SIZE_MAX 1024
#define BLOCKWISE_NUMBER_MAX 0xfffffu	/* 20 bits */

struct blockwise {
	uint32_t number;	/* of the block, 0 to BLOCKWISE_NUMBER_MAX */
	uint8_t szx;		/* 0 to 6 */
	bool has_more;
};

static inline uint32_t blockwise_size(const struct blockwise *b)
{
	return UINT32_C(16) << b->szx;
}

static inline uint64_t blockwise_offset(const struct blockwise *b)
{
	return (uint64_t)b->number << (b->szx + 4);
}

/* The largest body whose every block has a number: 16 MiB with szx 0, 1 GiB with szx 6. */
static inline uint64_t blockwise_reach(const struct blockwise *b)
{
	return ((uint64_t)BLOCKWISE_NUMBER_MAX + 1) << (b->szx + 4);
}

/* ERR_FORMAT: longer than 3 bytes, or szx 7. */
MUST_USE int blockwise_read(struct span value, struct blockwise *out, struct err *e);

/* The option's value as a uint. */
uint32_t blockwise_value(const struct blockwise *b);

/* The part of a body of this size that b names: *n bytes from *off on, b->has_more set to match. A body without bytes
 * has one empty block 0. ERR_NOT_FOUND: past the end; ERR_LIMIT: the body has blocks that no number of this size
 * reaches, so that a transfer could never end. */
MUST_USE int blockwise_cut(struct blockwise *b, uint64_t size, uint64_t *off, uint32_t *n, struct err *e);

#endif
