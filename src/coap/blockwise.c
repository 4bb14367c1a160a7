/* blockwise.c: see blockwise.h. */
#include "coap/blockwise.h"
#include "coap/option.h"

int blockwise_read(struct span value, struct blockwise *out, struct err *e)
{
	uint32_t v;

	if (value.n > 3)
		return err_set(e, ERR_FORMAT, "coap: a block option has at most 3 bytes");
	v = option_uint(value);
	if ((v & 7) > BLOCKWISE_SZX_MAX)
		return err_set(e, ERR_FORMAT, "coap: block size exponent 7 is reserved");
	*out = (struct blockwise){ .number = v >> 4, .szx = v & 7, .has_more = (v & 8) != 0 };
	return ERR_OK;
}

uint32_t blockwise_value(const struct blockwise *b)
{
	return b->number << 4 | (b->has_more ? 8u : 0u) | b->szx;
}

int blockwise_cut(struct blockwise *b, uint64_t size, uint64_t *off, uint32_t *n, struct err *e)
{
	uint64_t at = blockwise_offset(b), left;

	if (size > blockwise_reach(b))
		return err_set(e, ERR_LIMIT, "larger block or HTTP");
	if (at >= size && b->number > 0)
		return err_set(e, ERR_NOT_FOUND, "block past the end");
	left = size - at;
	*off = at;
	b->has_more = left > blockwise_size(b);
	*n = b->has_more ? blockwise_size(b) : (uint32_t)left;
	return ERR_OK;
}
