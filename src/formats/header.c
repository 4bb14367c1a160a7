/* header.c: see header.h. */
#include "formats/header.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/limits.h"
#include "formats/keccak.h"
#include "formats/rlp.h"

enum field_kind { FIXED, NUMBER, BYTES };

/* Forks in the order in which they appended fields. */
enum fork { FRONTIER, LONDON, SHANGHAI, CANCUN, PRAGUE, AMSTERDAM };

static const char *const fork_names[] = { "Frontier", "London", "Shanghai", "Cancun", "Prague", "Amsterdam" };

/* Every field in RLP order. Width: exact for FIXED, the most for the others. A fork's fields come together. */
static const struct field {
	const char *name;
	enum field_kind kind;
	size_t width;
	enum fork since;
} fields_table[] = {
	{ "parentHash",		   FIXED,  32,	 FRONTIER },
	{ "sha3Uncles",		   FIXED,  32,	 FRONTIER },
	{ "miner",		   FIXED,  20,	 FRONTIER },
	{ "stateRoot",		   FIXED,  32,	 FRONTIER },
	{ "transactionsRoot",	   FIXED,  32,	 FRONTIER },
	{ "receiptsRoot",	   FIXED,  32,	 FRONTIER },
	{ "logsBloom",		   FIXED,  256,	 FRONTIER },
	{ "difficulty",		   NUMBER, 32,	 FRONTIER },
	{ "number",		   NUMBER, 8,	 FRONTIER },
	{ "gasLimit",		   NUMBER, 8,	 FRONTIER },
	{ "gasUsed",		   NUMBER, 8,	 FRONTIER },
	{ "timestamp",		   NUMBER, 8,	 FRONTIER },
	{ "extraData",		   BYTES,  1024, FRONTIER },	/* 32 on mainnet; proof-of-authority chains put seals there */
	{ "mixHash",		   FIXED,  32,	 FRONTIER },
	{ "nonce",		   FIXED,  8,	 FRONTIER },
	{ "baseFeePerGas",	   NUMBER, 32,	 LONDON },	/* EIP-1559 */
	{ "withdrawalsRoot",	   FIXED,  32,	 SHANGHAI },	/* EIP-4895 */
	{ "blobGasUsed",	   NUMBER, 8,	 CANCUN },	/* EIP-4844 */
	{ "excessBlobGas",	   NUMBER, 8,	 CANCUN },
	{ "parentBeaconBlockRoot", FIXED,  32,	 CANCUN },	/* EIP-4788 */
	{ "requestsHash",	   FIXED,  32,	 PRAGUE },	/* EIP-7685 */
	{ "blockAccessListHash",   FIXED,  32,	 AMSTERDAM },	/* EIP-7928 */
	{ "slotNumber",		   NUMBER, 8,	 AMSTERDAM },	/* EIP-7843 */
};

#define FIELDS (sizeof fields_table / sizeof fields_table[0])

/* What block objects also hold and the hash does not cover. */
static const char *const beside[] = {
	"hash", "size", "totalDifficulty", "transactions", "uncles", "withdrawals", "author", "sealFields",
};

enum { F_PARENT = 0, F_STATE_ROOT = 3, F_RECEIPTS_ROOT = 5, F_NUMBER = 8, F_TIME = 11 };

/* A header's values as bytes, in table order; n of them are there. */
struct values {
	struct span v[FIELDS];
	size_t n;
	struct span claimed;		/* the text of `hash` */
	struct span unknown;		/* the first unknown name */
	size_t unknown_n;
	uint8_t room[HEADER_MAX];
	size_t used;
};

static size_t find_field(struct span name)
{
	size_t i = 0;

	while (i < FIELDS && !span_is(name, fields_table[i].name))
		i++;
	return i;
}

static bool is_beside(struct span name)
{
	for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++)
		if (span_is(name, beside[i]))
			return true;
	return false;
}

/* "0x1a": at least one digit, no leading zero (execution-apis, QUANTITY). */
static bool is_quantity(struct span digits)
{
	return digits.n >= 1 && (digits.n == 1 || digits.p[0] != '0');
}

/* Hex digits to bytes in v's room; an odd number of digits gets a zero in front. */
static int to_bytes(struct values *v, struct span digits, struct span *out, struct err *e)
{
	size_t n = (digits.n + 1) / 2, odd = digits.n % 2;
	uint8_t *p = v->room + v->used;
	uint8_t pair[2] = { '0', 0 };
	int rc = ERR_OK;

	if (n > sizeof v->room - v->used)
		return err_set(e, ERR_LIMIT, "header: more than %d bytes", HEADER_MAX);
	if (odd) {
		pair[1] = digits.p[0];
		rc = hex_read(SPAN_OF(pair), p, 1, e);
	}
	if (rc == ERR_OK)
		rc = hex_read(SPAN(digits.p + odd, digits.n - odd), p + odd, n - odd, e);
	if (rc)
		return rc;
	v->used += n;
	*out = SPAN(p, n);
	return ERR_OK;
}

static int read_value(struct values *v, const struct field *f, struct span text, struct span *out, struct err *e)
{
	struct span digits = span_cut(text, 2, text.n);

	if (text.n < 2 || text.p[0] != '0' || text.p[1] != 'x')
		return err_set(e, ERR_FORMAT, "header: %s begins with 0x", f->name);
	if (f->kind == NUMBER && !is_quantity(digits))
		return err_set(e, ERR_FORMAT, "header: %s has no leading zero", f->name);
	if (f->kind != NUMBER && digits.n % 2)
		return err_set(e, ERR_FORMAT, "header: %s has whole bytes", f->name);
	if (f->kind == FIXED ? digits.n != 2 * f->width : digits.n > 2 * f->width)
		return err_set(e, ERR_FORMAT, "header: %s has %s%zu bytes", f->name,
			       f->kind == FIXED ? "" : "at most ", f->width);

	int rc = to_bytes(v, digits, out, e);

	if (rc)
		err_wrap(e, "header: %s", f->name);
	return rc;
}

static void note_other(struct values *v, const struct header_field *f)
{
	if (span_is(f->name, "hash"))
		v->claimed = f->value;
	if (is_beside(f->name))
		return;
	if (v->unknown_n++ == 0)
		v->unknown = f->name;
}

/* Fields are a row without gaps that ends at a fork's last one. */
static int check_row(struct values *v, const bool has[FIELDS], struct err *e)
{
	size_t n = FIELDS;

	while (n && !has[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		if (!has[i])
			return err_set(e, ERR_FORMAT, "header: %s is missing", fields_table[i].name);
	if (n == 0 || (n < FIELDS && fields_table[n].since <= fields_table[n - 1].since))
		return err_set(e, ERR_FORMAT, "header: %s is missing, a field of %s", fields_table[n].name,
			       fork_names[fields_table[n].since]);
	v->n = n;
	return ERR_OK;
}

static int collect(struct values *v, const struct header_field *fields, size_t n, struct err *e)
{
	bool has[FIELDS] = { false };

	for (size_t i = 0; i < n; i++) {
		size_t at = find_field(fields[i].name);

		if (at == FIELDS) {
			note_other(v, &fields[i]);
			continue;
		}
		if (!fields[i].value.p)
			continue;		/* null: some nodes write fields of later forks so */
		if (has[at])
			return err_set(e, ERR_FORMAT, "header: %s is there twice", fields_table[at].name);
		has[at] = true;

		int rc = read_value(v, &fields_table[at], fields[i].value, &v->v[at], e);

		if (rc)
			return rc;
	}
	return check_row(v, has, e);
}

static int encode(const struct values *v, struct buf *out, struct err *e)
{
	struct buf items = BUF_INIT(HEADER_MAX);

	for (size_t i = 0; i < v->n; i++) {
		if (fields_table[i].kind == NUMBER)
			rlp_put_uint(&items, v->v[i]);
		else
			rlp_put_bytes(&items, v->v[i]);
	}

	int rc = buf_ok(&items, e);

	if (rc == ERR_OK) {
		rlp_put_list(out, buf_span(&items));
		rc = buf_ok(out, e);
	}
	buf_free(&items);
	return rc;
}

int header_encode(const struct header_field *fields, size_t n, struct buf *out, struct err *e)
{
	struct values v = { .n = 0 };
	int rc = collect(&v, fields, n, e);

	return rc ? rc : encode(&v, out, e);
}

static struct hash32 value_hash(struct span s)
{
	struct hash32 h;

	memcpy(h.b, s.p, sizeof h.b);
	return h;
}

static uint64_t value_u64(struct span s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n = n << 8 | s.p[i];
	return n;
}

static void fill(const struct values *v, struct header *out)
{
	out->parent = value_hash(v->v[F_PARENT]);
	out->state_root = value_hash(v->v[F_STATE_ROOT]);
	out->receipts_root = value_hash(v->v[F_RECEIPTS_ROOT]);
	out->number = value_u64(v->v[F_NUMBER]);
	out->time = value_u64(v->v[F_TIME]);
}

/* Fails closed: whatever does not hash right is not a header, and a new fork's is one that we cannot read. */
static int wrong_hash(const struct values *v, struct err *e)
{
	if (v->unknown_n == 0)
		return err_set(e, ERR_PROOF, "header: its fields do not hash to its hash");
	return err_set(e, ERR_RULE, "header: its fields do not hash to its hash, and %zu unknown ones are there (%.*s%s): a new fork?",
		       v->unknown_n, (int)(v->unknown.n > 40 ? 40 : v->unknown.n), (const char *)v->unknown.p,
		       v->unknown_n > 1 ? ", …" : "");
}

int header_read(const struct header_field *fields, size_t n, struct header *out, struct err *e)
{
	AUTO(buf_free) struct buf rlp = BUF_INIT(HEADER_MAX);
	struct values v = { .n = 0 };
	struct header h;
	struct hash32 claimed;
	int rc = collect(&v, fields, n, e);

	if (rc == ERR_OK)
		rc = encode(&v, &rlp, e);
	if (rc == ERR_OK && hex_read_0x(v.claimed, claimed.b, sizeof claimed.b, NULL))
		rc = err_set(e, ERR_FORMAT, "header: hash has 32 bytes");
	if (rc)
		return rc;
	h.hash = keccak256(buf_span(&rlp));
	if (!hash32_eq(&h.hash, &claimed))
		return wrong_hash(&v, e);
	fill(&v, &h);
	*out = h;
	return ERR_OK;
}

static int check_item(const struct field *f, const struct rlp_item *item, struct err *e)
{
	if (item->kind != RLP_STRING)
		return err_set(e, ERR_FORMAT, "header: %s is not a list", f->name);
	if (f->kind == FIXED ? item->body.n != f->width : item->body.n > f->width)
		return err_set(e, ERR_FORMAT, "header: %s has %s%zu bytes", f->name,
			       f->kind == FIXED ? "" : "at most ", f->width);
	if (f->kind == NUMBER && item->body.n && item->body.p[0] == 0)
		return err_set(e, ERR_FORMAT, "header: %s has no leading zero", f->name);
	return ERR_OK;
}

static int decode_items(struct span body, struct values *v, struct err *e)
{
	bool has[FIELDS] = { false };

	for (size_t i = 0; body.n; i++) {
		struct rlp_item item;
		int rc = rlp_next(&body, &item, e);

		if (rc == ERR_OK && i == FIELDS)
			rc = err_set(e, ERR_FORMAT, "header: more fields than any known fork has: a new fork?");
		if (rc == ERR_OK)
			rc = check_item(&fields_table[i], &item, e);
		if (rc)
			return rc;
		has[i] = true;
		v->v[i] = item.body;
	}
	return check_row(v, has, e);
}

int header_decode(struct span rlp, struct header *out, struct err *e)
{
	struct values v = { .n = 0 };
	struct rlp_item whole;
	struct header h;
	int rc = rlp.n > HEADER_MAX ? err_set(e, ERR_LIMIT, "header: more than %d bytes", HEADER_MAX)
				    : rlp_only(rlp, &whole, e);

	if (rc == ERR_OK && whole.kind != RLP_LIST)
		rc = err_set(e, ERR_FORMAT, "header: it is a list");
	if (rc == ERR_OK)
		rc = decode_items(whole.body, &v, e);
	if (rc)
		return rc;
	fill(&v, &h);
	h.hash = keccak256(rlp);
	*out = h;
	return ERR_OK;
}
