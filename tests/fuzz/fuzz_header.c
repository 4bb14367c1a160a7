/* fuzz_header.c: block headers, from a JSON object (input begins with '{') or from RLP. What one way accepts, the others read as the
 * same header; and no other hash than its own is believed. */
#include "base/hex.h"
#include "chain/json.h"
#include "formats/header.h"
#include "formats/keccak.h"
#include "formats/rlp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define FIELDS_MAX 64
#define HEADER_BYTES 4096

/* RLP order, by the Yellow Paper and the EIPs; numbers have no width of their own. */
static const struct { const char *name; bool is_number; } order[] = {
	{ "parentHash", false }, { "sha3Uncles", false }, { "miner", false }, { "stateRoot", false }, { "transactionsRoot", false },
	{ "receiptsRoot", false }, { "logsBloom", false }, { "difficulty", true }, { "number", true }, { "gasLimit", true },
	{ "gasUsed", true }, { "timestamp", true }, { "extraData", false }, { "mixHash", false }, { "nonce", false },
	{ "baseFeePerGas", true }, { "withdrawalsRoot", false }, { "blobGasUsed", true }, { "excessBlobGas", true },
	{ "parentBeaconBlockRoot", false }, { "requestsHash", false }, { "blockAccessListHash", false }, { "slotNumber", true },
};

#define ORDER (sizeof order / sizeof order[0])

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool same(const struct header *a, const struct header *b)
{
	return a->number == b->number && a->time == b->time && hash32_eq(&a->hash, &b->hash) && hash32_eq(&a->parent, &b->parent) &&
	       hash32_eq(&a->state_root, &b->state_root) && hash32_eq(&a->receipts_root, &b->receipts_root);
}

/* The fields hash to `hash`, and the reader wants to see that. */
static void only_its_own_hash(struct header_field *f, size_t n, const struct header *want)
{
	char text[HEX32_MAX];
	struct header h;
	struct err e = { 0 };

	f[n] = (struct header_field){ SPAN_LIT("hash"), span_str(hex_0x(SPAN_OF(want->hash), text)) };
	check(header_read(f, n + 1, &h, &e) == ERR_OK && same(&h, want));
	text[2 + want->number % 64] ^= 1;	/* another digit, or none at all */
	check(header_read(f, n + 1, &h, &e) != ERR_OK);
	check(header_read(f, n, &h, &e) == ERR_FORMAT);
}

static void from_fields(struct header_field *f, size_t n)
{
	struct buf rlp = BUF_INIT(HEADER_BYTES);
	struct header h;

	if (header_encode(f, n, &rlp, NULL) == ERR_OK) {
		struct hash32 hash = keccak256(buf_span(&rlp));

		check(header_decode(buf_span(&rlp), &h, NULL) == ERR_OK && hash32_eq(&h.hash, &hash));
		only_its_own_hash(f, n, &h);
	}
	buf_free(&rlp);
}

static void from_json(struct span text)
{
	struct header_field f[FIELDS_MAX + 1];
	json_t *j = json_parse(text, NULL), *value;
	const char *name;
	size_t n = 0;

	if (json_is_object(j) && json_object_size(j) <= FIELDS_MAX) {
		json_object_foreach(j, name, value)
			if (strcmp(name, "hash") != 0)
				f[n++] = (struct header_field){ span_str(name), json_text(value) };
		from_fields(f, n);
	}
	json_decref(j);
}

static struct span text_of(struct buf *room, struct span bytes, bool is_number)
{
	size_t at = room->n;

	buf_str(room, "0x");
	buf_hex(room, bytes);
	if (is_number && bytes.n && room->p[at + 2] == '0')	/* "0x0a" is written "0xa" */
		memmove(room->p + at + 2, room->p + at + 3, --room->n - at - 2);
	if (is_number && room->n == at + 2)
		buf_byte(room, '0');
	return SPAN(room->p + at, room->n - at);
}

/* What decodes is the encoding of its own fields. */
static void from_rlp(struct span rlp)
{
	struct header_field f[ORDER + 1];
	struct buf room = BUF_INIT(16384), again = BUF_INIT(HEADER_BYTES);
	struct rlp_item whole, item;
	struct header h;
	size_t n = 0;

	if (header_decode(rlp, &h, NULL))
		return;
	check(rlp_only(rlp, &whole, NULL) == ERR_OK);
	check(buf_grow(&room, 16384) != NULL);	/* now it does not move any more */
	room.n = 0;
	for (struct span rest = whole.body; rest.n; n++) {
		check(n < ORDER && rlp_next(&rest, &item, NULL) == ERR_OK);
		f[n] = (struct header_field){ span_str(order[n].name), text_of(&room, item.body, order[n].is_number) };
	}
	check(header_encode(f, n, &again, NULL) == ERR_OK && span_eq(buf_span(&again), rlp));
	only_its_own_hash(f, n, &h);
	buf_free(&room);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	json_budget_install();
	if (n && p[0] == '{')
		from_json(SPAN(p, n));
	else
		from_rlp(SPAN(p, n));
	return 0;
}
