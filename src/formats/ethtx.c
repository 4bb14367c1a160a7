/* ethtx.c: see ethtx.h. */
#include "formats/ethtx.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "formats/keccak.h"
#include "formats/rlp.h"

#define TYPE 0x02
#define FRAME 512		/* bytes that the fields besides data can take */

static void put_fields(struct buf *b, const struct ethtx *t)
{
	rlp_put_u64(b, t->chain_id);
	rlp_put_u64(b, t->nonce);
	rlp_put_u64(b, t->tip);
	rlp_put_u64(b, t->max_fee);
	rlp_put_u64(b, t->gas);
	rlp_put_bytes(b, t->to ? SPAN_OF(*t->to) : SPAN(NULL, 0));
	rlp_put_u64(b, t->value);
	rlp_put_bytes(b, t->data);
	rlp_put_list(b, SPAN(NULL, 0));
}

static int put_typed(struct buf *out, const struct buf *items, struct err *e)
{
	int rc = buf_ok(items, e);

	if (rc)
		return rc;
	buf_byte(out, TYPE);
	rlp_put_list(out, buf_span(items));
	return buf_ok(out, e);
}

int ethtx_digest(const struct ethtx *t, struct hash32 *out, struct err *e)
{
	AUTO(buf_free) struct buf items = BUF_INIT(t->data.n + FRAME);
	AUTO(buf_free) struct buf typed = BUF_INIT(t->data.n + FRAME);

	put_fields(&items, t);

	int rc = put_typed(&typed, &items, e);

	if (rc == ERR_OK)
		*out = keccak256(buf_span(&typed));
	return rc;
}

int ethtx_raw(const struct ethtx *t, const struct ethtx_signature *sig, struct buf *out, struct err *e)
{
	AUTO(buf_free) struct buf items = BUF_INIT(t->data.n + FRAME);

	put_fields(&items, t);
	rlp_put_u64(&items, sig->y_parity);
	rlp_put_uint(&items, SPAN_OF(sig->r));
	rlp_put_uint(&items, SPAN_OF(sig->s));
	return put_typed(out, &items, e);
}

static struct addr20 last20(struct hash32 h)
{
	struct addr20 a;

	memcpy(a.b, h.b + sizeof h.b - sizeof a.b, sizeof a.b);
	return a;
}

/* keccak256 of a list that always fits a fixed room: it needs no memory that could be short. */
struct addr20 ethtx_created(const struct addr20 *sender, uint64_t nonce)
{
	uint8_t rlp[1 + 21 + 9] = { 0, 0x80 + sizeof sender->b };
	size_t n = 2 + sizeof sender->b, width = 0;

	memcpy(rlp + 2, sender->b, sizeof sender->b);
	for (uint64_t v = nonce; v; v >>= 8)
		width++;
	if (nonce == 0 || nonce >= 0x80)
		rlp[n++] = (uint8_t)(0x80 + width);
	for (size_t i = width; i-- > 0;)
		rlp[n++] = (uint8_t)(nonce >> (8 * i));
	rlp[0] = (uint8_t)(0xc0 + n - 1);
	return last20(keccak256(SPAN(rlp, n)));
}

struct addr20 ethtx_address(const uint8_t public_key[64])
{
	return last20(keccak256(SPAN(public_key, 64)));
}

/* EIP-55: a letter is upper-case where the hash of the lower-case digits has a nibble of 8 or more. */
char *addr_text(const struct addr20 *a, char out[ADDR_TEXT_MAX])
{
	hex_0x(SPAN_OF(*a), out);

	struct hash32 h = keccak256(SPAN(out + 2, 40));

	for (size_t i = 0; i < 40; i++) {
		unsigned nibble = i % 2 ? h.b[i / 2] & 15 : h.b[i / 2] >> 4;

		if (nibble >= 8 && out[2 + i] >= 'a')
			out[2 + i] = (char)(out[2 + i] - 'a' + 'A');
	}
	return out;
}

static bool has_letter(struct span s, char from, char to)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= from && s.p[i] <= to)
			return true;
	return false;
}

int addr_read(struct span text, struct addr20 *out, struct err *e)
{
	char right[ADDR_TEXT_MAX];
	struct addr20 a;
	struct span digits = span_cut(text, 2, text.n);
	int rc = hex_read_0x(text, a.b, sizeof a.b, e);

	if (rc) {
		err_wrap(e, "address");
		return rc;
	}
	if (has_letter(digits, 'a', 'f') && has_letter(digits, 'A', 'F') && !span_is(text, addr_text(&a, right)))
		return err_set(e, ERR_FORMAT, "address: the mixed case is not that of EIP-55 (a typing error?)");
	*out = a;
	return ERR_OK;
}
