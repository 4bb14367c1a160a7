/* rlp.c: see rlp.h. Rules are those of the Yellow Paper, appendix B. */
#include "formats/rlp.h"

enum { SHORT_STRING = 0x80, LONG_STRING = 0xb7, SHORT_LIST = 0xc0, LONG_LIST = 0xf7, SHORT_MAX = 55 };

/* The length that follows a long form's first byte: `width` bytes, big-endian. */
static int long_length(struct span in, size_t width, size_t *out, struct err *e)
{
	uint64_t n = 0;

	if (in.n - 1 < width)
		return err_set(e, ERR_FORMAT, "RLP: a length must not run past the end");
	if (in.p[1] == 0)
		return err_set(e, ERR_FORMAT, "RLP: a length has no leading zero");
	for (size_t i = 1; i <= width; i++)
		n = n << 8 | in.p[i];
	if (n <= SHORT_MAX)
		return err_set(e, ERR_FORMAT, "RLP: a length up to 55 has the short form");
	if (n > in.n - 1 - width)
		return err_set(e, ERR_FORMAT, "RLP: an item must not run past the end");
	*out = (size_t)n;
	return ERR_OK;
}

/* Sizes of the prefix and of the body that begin at in. */
static int measure(struct span in, size_t *prefix, size_t *body, struct err *e)
{
	uint8_t b = in.p[0];
	size_t base = b < SHORT_LIST ? SHORT_STRING : SHORT_LIST;
	size_t longer = b < SHORT_LIST ? LONG_STRING : LONG_LIST;

	*prefix = b < SHORT_STRING ? 0 : 1;
	*body = b < SHORT_STRING ? 1 : b - base;
	if (b > longer) {
		*prefix = 1 + (b - longer);
		return long_length(in, b - longer, body, e);
	}
	if (*body > in.n - *prefix)
		return err_set(e, ERR_FORMAT, "RLP: an item must not run past the end");
	if (b == SHORT_STRING + 1 && in.p[1] < SHORT_STRING)
		return err_set(e, ERR_FORMAT, "RLP: one byte below 0x80 stands for itself");
	return ERR_OK;
}

int rlp_next(struct span *in, struct rlp_item *out, struct err *e)
{
	size_t prefix, body;

	if (in->n == 0)
		return err_set(e, ERR_FORMAT, "RLP: an item is missing");

	int rc = measure(*in, &prefix, &body, e);

	if (rc)
		return rc;
	out->kind = in->p[0] < SHORT_LIST ? RLP_STRING : RLP_LIST;
	out->body = SPAN(in->p + prefix, body);
	out->whole = SPAN(in->p, prefix + body);
	*in = SPAN(in->p + prefix + body, in->n - prefix - body);
	return ERR_OK;
}

int rlp_only(struct span s, struct rlp_item *out, struct err *e)
{
	struct rlp_item item;
	int rc = rlp_next(&s, &item, e);

	if (rc)
		return rc;
	if (s.n)
		return err_set(e, ERR_FORMAT, "RLP: nothing may follow the item");
	*out = item;
	return ERR_OK;
}

int rlp_items(struct span body, struct rlp_item *out, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int rc = rlp_next(&body, &out[i], e);

		if (rc)
			return rc;
	}
	if (body.n)
		return err_set(e, ERR_FORMAT, "RLP: the list has more than %zu items", n);
	return ERR_OK;
}

int rlp_u64(const struct rlp_item *item, uint64_t *out, struct err *e)
{
	uint64_t v = 0;

	if (item->kind != RLP_STRING)
		return err_set(e, ERR_FORMAT, "RLP: a number is not a list");
	if (item->body.n > 8)
		return err_set(e, ERR_FORMAT, "RLP: the number has more than 64 bits");
	if (item->body.n && item->body.p[0] == 0)
		return err_set(e, ERR_FORMAT, "RLP: a number has no leading zero");
	for (size_t i = 0; i < item->body.n; i++)
		v = v << 8 | item->body.p[i];
	*out = v;
	return ERR_OK;
}

int rlp_check(struct span s, unsigned max_depth, struct err *e)
{
	while (s.n) {
		struct rlp_item item;
		int rc = rlp_next(&s, &item, e);

		if (rc == ERR_OK && item.kind == RLP_LIST)
			rc = max_depth ? rlp_check(item.body, max_depth - 1, e)
				       : err_set(e, ERR_LIMIT, "RLP: lists are nested too deep");
		if (rc)
			return rc;
	}
	return ERR_OK;
}

/* --- writing --- */

static unsigned width_of(uint64_t v)
{
	unsigned w = 0;

	for (; v; v >>= 8)
		w++;
	return w;
}

static void put_prefix(struct buf *b, unsigned shorter, unsigned longer, size_t n)
{
	if (n <= SHORT_MAX) {
		buf_byte(b, (uint8_t)(shorter + n));
		return;
	}
	buf_byte(b, (uint8_t)(longer + width_of(n)));
	buf_be(b, n, width_of(n));
}

void rlp_put_bytes(struct buf *b, struct span s)
{
	if (s.n != 1 || s.p[0] >= SHORT_STRING)
		put_prefix(b, SHORT_STRING, LONG_STRING, s.n);
	buf_add(b, s);
}

void rlp_put_u64(struct buf *b, uint64_t v)
{
	uint8_t be[8];

	for (unsigned i = 0; i < 8; i++)
		be[i] = (uint8_t)(v >> (56 - 8 * i));
	rlp_put_uint(b, SPAN_OF(be));
}

void rlp_put_uint(struct buf *b, struct span be)
{
	while (be.n && be.p[0] == 0)
		be = SPAN(be.p + 1, be.n - 1);
	rlp_put_bytes(b, be);
}

void rlp_put_list(struct buf *b, struct span items)
{
	put_prefix(b, SHORT_LIST, LONG_LIST, items.n);
	buf_add(b, items);
}
