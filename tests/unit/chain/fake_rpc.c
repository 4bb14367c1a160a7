/* fake_rpc.c: providers for fake_chain.h: every call answered from a chain, and bent by the provider's lie. */
#include "fake_rpc.h"
#include "base/hex.h"
#include "formats/header.h"
#include "formats/keccak.h"
#include "formats/rlp.h"
#include "formats/trie.h"

#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (16 << 20)

/* --- tries --- */

static struct hash32 storage_proof(const struct fake_word *words, size_t n, const struct hash32 *slot, struct trie_build_proof *proof)
{
	static struct hash32 keys[FAKE_BLOCKS];
	static uint8_t values[FAKE_BLOCKS][40];
	struct trie_build_item items[FAKE_BLOCKS];
	struct hash32 key = slot ? keccak256(SPAN_OF(*slot)) : (struct hash32){ { 0 } };

	for (size_t i = 0; i < n; i++) {
		struct buf rlp = BUF_INIT(40);

		keys[i] = keccak256(SPAN_OF(words[i].slot));
		rlp_put_uint(&rlp, SPAN_OF(words[i].value));
		memcpy(values[i], rlp.p, rlp.n);
		items[i] = (struct trie_build_item){ SPAN_OF(keys[i]), SPAN(values[i], rlp.n) };
		buf_free(&rlp);
	}
	return trie_build(items, n, SPAN_OF(key), proof);
}

struct hash32 fake_storage_proof(const struct fake_block *b, const struct hash32 *slot, struct trie_build_proof *proof)
{
	return storage_proof(b->words, b->words_n, slot, proof);
}

static size_t history_words(const struct fake_chain *c, const struct fake_block *b, struct fake_word words[FAKE_BLOCKS])
{
	size_t n = 0;

	for (uint64_t i = c->history_from; i < b->number; i++, n++) {
		words[n] = (struct fake_word){ .value = c->block[i].hash };
		words[n].slot.b[30] = (uint8_t)(i >> 8);
		words[n].slot.b[31] = (uint8_t)i;
	}
	return n;
}

struct hash32 fake_history_proof(const struct fake_chain *c, const struct fake_block *b, const struct hash32 *slot,
				 struct trie_build_proof *proof)
{
	struct fake_word words[FAKE_BLOCKS];

	return storage_proof(words, history_words(c, b, words), slot, proof);
}

struct hash32 fake_account_proof(const struct fake_chain *c, const struct fake_block *b, const struct addr20 *who,
				 struct trie_build_proof *proof)
{
	struct addr20 all[10] = { fake_registry };
	struct hash32 keys[10], key = keccak256(SPAN_OF(*who)), code = fake_code_hash(c->is_other_code);
	struct trie_build_item items[10];
	struct buf rlp[10];
	size_t n = 0;

	for (uint8_t i = b->has_registry ? 0 : 1; i < (c->history_from < b->number ? 10 : 9); i++) {
		struct buf fields = BUF_INIT(200);

		if (i)
			all[i] = i == 9 ? fake_history : (struct addr20){ { i, i, i } };
		keys[n] = keccak256(SPAN_OF(all[i]));
		rlp[n] = BUF_INIT(200);
		rlp_put_u64(&fields, 1);
		rlp_put_u64(&fields, 1000 * b->number + i);
		rlp_put_bytes(&fields, i == 0 ? SPAN_OF(b->storage_root) : i == 9 ? SPAN_OF(b->history_root) : SPAN_OF(trie_empty_root));
		rlp_put_bytes(&fields, SPAN_OF(code));
		rlp_put_list(&rlp[n], buf_span(&fields));
		items[n] = (struct trie_build_item){ SPAN_OF(keys[n]), buf_span(&rlp[n]) };
		buf_free(&fields);
		n++;
	}

	struct hash32 root = trie_build(items, n, SPAN_OF(key), proof);

	for (size_t i = 0; i < n; i++)
		buf_free(&rlp[i]);
	return root;
}

/* --- blocks --- */

static char *hex32(const struct hash32 *h)
{
	static char text[8][HEX32_MAX];
	static unsigned turn;

	return hex_0x(SPAN_OF(*h), text[turn++ % 8]);
}

void fake_put_header(struct buf *out, struct fake_block *b, enum lie lie, bool is_lean)
{
	char bloom[2 * 256 + 3] = "0x", number[20], stamp[20];
	struct hash32 any = { { 7 } };
	const char *z = hex32(&any);

	memset(bloom + 2, '0', 512);
	snprintf(number, sizeof number, "0x%" PRIx64, b->number);
	snprintf(stamp, sizeof stamp, "0x%" PRIx64, b->time);

	struct { const char *name, *value; } rows[] = {
		{ "parentHash", hex32(&b->parent) }, { "sha3Uncles", z }, { "miner", "0x0102030405060708090a0b0c0d0e0f1011121314" },
		{ "stateRoot", hex32(&b->state_root) }, { "transactionsRoot", z }, { "receiptsRoot", z }, { "logsBloom", bloom },
		{ "difficulty", "0x0" }, { "number", number }, { "gasLimit", "0x1c9c380" }, { "gasUsed", "0x0" },
		{ "timestamp", stamp }, { "extraData", "0x" }, { "mixHash", z }, { "nonce", "0x0000000000000000" },
		{ "baseFeePerGas", "0x7" }, { "withdrawalsRoot", z }, { "blobGasUsed", "0x0" }, { "excessBlobGas", "0x0" },
		{ "parentBeaconBlockRoot", z }, { "requestsHash", z },
	};
	size_t n = sizeof rows / sizeof rows[0];
	struct header_field f[sizeof rows / sizeof rows[0]];
	struct buf rlp = BUF_INIT(4096);

	for (size_t i = 0; i < n; i++)
		f[i] = (struct header_field){ span_str(rows[i].name), span_str(rows[i].value) };
	ck_assert_int_eq(header_encode(f, n, &rlp, NULL), ERR_OK);
	b->hash = keccak256(buf_span(&rlp));
	buf_free(&rlp);
	buf_fmt(out, is_lean ? "{\"hash\":\"%s\"" : "{\"hash\":\"%s\",\"transactions\":[],\"size\":\"0x220\"", hex32(&b->hash));
	for (size_t i = 0; i < n; i++)
		buf_fmt(out, ",\"%s\":\"%s\"", rows[i].name,
			(lie == ALTERS_HEADER || lie == NEW_FORK_FIELDS) && i == 10 ? "0x5208" : rows[i].value);
	buf_str(out, lie == NEW_FORK_FIELDS ? ",\"inclusionListRoot\":\"0x01\"}" : "}");
}

static uint64_t end_of(const struct fake_provider *p)
{
	return p->latest < p->chain->n ? p->latest : p->chain->n - 1;
}

/* As a node does that was not taught a later fork's fields for this method. */
static void cut_fields(struct buf *out)
{
	json_t *header = json_loadb((const char *)out->p, out->n, 0, NULL);
	char *text;

	json_object_del(header, "requestsHash");
	text = json_dumps(header, JSON_COMPACT);
	buf_reset(out);
	buf_str(out, text);
	free(text);
	json_decref(header);
}

static void put_lean(struct buf *out, const struct fake_provider *p, struct fake_block *b)
{
	struct buf header = BUF_INIT(1 << 16);

	fake_put_header(&header, b, b->number ? p->lie : HONEST, true);
	if (p->lean == LEAN_POOR)
		cut_fields(&header);
	buf_add(out, buf_span(&header));
	buf_free(&header);
}

static void put_block(struct buf *out, const struct fake_provider *p, const json_t *params, bool is_lean)
{
	const char *which = json_string_value(json_array_get(params, 0));
	uint64_t number = 0;

	if (strcmp(which, "latest") == 0)
		number = end_of(p);
	else if (strcmp(which, "finalized") == 0 || strcmp(which, "safe") == 0)
		number = p->final_above ? end_of(p) + 1 : p->final < end_of(p) ? p->final : end_of(p);
	else
		number = strtoull(which, NULL, 16);
	if (strlen(which) == 66)
		for (number = 0; number < p->chain->n && strcmp(hex32(&p->chain->block[number].hash), which) != 0;)
			number++;
	if (p->lie == OTHER_NUMBER && number > 0)
		number--;
	if (number > end_of(p) + p->final_above || (p->hides && number >= p->hides && number <= (p->hides_to ? p->hides_to : p->hides)) || (p->lie == NULL_BLOCKS && number)) {
		buf_str(out, "null");
		return;
	}

	struct fake_block b = p->chain->block[number];

	if (p->lie == OTHER_GENESIS && number == 0)
		b.time++;
	if (is_lean)
		put_lean(out, p, &b);
	else
		fake_put_header(out, &b, number ? p->lie : HONEST, false);
}

/* --- proofs --- */

static void put_proof(struct buf *out, struct trie_build_proof *t, enum lie lie)
{
	size_t n = t->n;

	if ((lie == FLIPS_PROOF || lie == DISOWNS_PROOF) && n)
		t->buf[n - 1].p[t->buf[n - 1].n - 1] ^= 1;
	if (lie == CUTS_PROOF && n)
		n--;
	buf_byte(out, '[');
	for (size_t i = 0; i < n; i++) {
		buf_str(out, i ? ",\"0x" : "\"0x");
		buf_hex(out, t->node[i]);
		buf_byte(out, '"');
	}
	if (lie == PADS_PROOF && n)
		buf_str(out, ",\"0xc0\"");
	buf_byte(out, ']');
}

/* One account's storage at a block. */
struct storage {
	struct fake_word words[FAKE_BLOCKS];
	size_t n;
	struct hash32 root;
};

static void put_word(struct buf *out, const struct storage *s, const char *key, const struct fake_provider *p)
{
	struct hash32 slot, value = { { 0 } }, asked;
	struct trie_build_proof t;

	ck_assert_int_eq(hex_read_0x(span_str(key), slot.b, 32, NULL), ERR_OK);
	asked = slot;
	if (p->lie == HIDES_SLOT)
		slot.b[31] ^= 0x80;		/* a good exclusion proof, of another slot */
	storage_proof(s->words, s->n, &slot, &t);
	for (size_t i = 0; i < s->n; i++)
		if (hash32_eq(&s->words[i].slot, &slot))
			value = s->words[i].value;
	if (p->lie == CLAIMS_VALUE)
		value.b[31] ^= 1;
	if (p->lie == OTHER_KEY)
		asked.b[31] ^= 1;

	/* Nodes write values as quantities, without leading zeros. */
	const char *digits = hex32(&value) + 2;

	while (digits[0] == '0' && digits[1])
		digits++;
	buf_fmt(out, "{\"key\":\"%s\",\"value\":\"0x%s\",\"proof\":", hex32(&asked), digits);
	put_proof(out, &t, p->lie);
	buf_byte(out, '}');
	trie_build_free(&t);
}

static void storage_of(const struct fake_chain *c, const struct fake_block *b, bool is_history, struct storage *out)
{
	out->root = is_history ? b->history_root : b->storage_root;
	out->n = is_history ? history_words(c, b, out->words) : b->words_n;
	if (!is_history)
		memcpy(out->words, b->words, b->words_n * sizeof *b->words);
}

static void put_account(struct buf *out, const struct fake_provider *p, const json_t *params)
{
	uint64_t number = strtoull(json_string_value(json_array_get(params, 2)), NULL, 16);
	const json_t *keys = json_array_get(params, 1);
	bool has_keys = json_array_size(keys) > 0;
	const struct fake_block *b = &p->chain->block[p->lie == STALE_PROOF && number > 1 ? number - 1 : number];
	bool is_history = json_string_value(json_array_get(params, 0))[2] == '0';
	struct addr20 who = p->lie == OTHER_ACCOUNT ? (struct addr20){ { 3, 3, 3 } } : is_history ? fake_history : fake_registry;
	struct storage s;
	struct hash32 root;
	struct trie_build_proof t;
	struct fake_provider kind = *p;

	storage_of(p->chain, b, is_history, &s);
	root = s.root;
	/* Lies about words spare the account's proof, so that it is the words' check that has to find them. */
	if (has_keys && p->lie <= DISOWNS_PROOF)
		kind.lie = HONEST;
	if (p->lie == CLAIMS_STORAGE_ROOT)
		root.b[0] ^= 1;
	fake_account_proof(p->chain, b, &who, &t);
	buf_fmt(out, "{\"address\":\"0x");
	buf_hex(out, p->lie == CLAIMS_ADDRESS ? SPAN_OF(fake_owner) : SPAN_OF(who));
	buf_fmt(out, "\",\"balance\":\"0x0\",\"nonce\":\"0x1\",\"codeHash\":\"0x00\",\"storageHash\":\"%s\",\"accountProof\":",
		hex32(&root));
	put_proof(out, &t, has_keys ? kind.lie : p->lie);
	trie_build_free(&t);
	buf_str(out, ",\"storageProof\":[");
	for (size_t i = 0; i < json_array_size(keys); i++) {
		if (i)
			buf_byte(out, ',');
		put_word(out, &s, json_string_value(json_array_get(keys, i)), p);
	}
	buf_str(out, "]}");
}

/* --- logs --- */

static void put_row(struct buf *out, const struct record *r, const struct fake_provider *p, bool is_first)
{
	struct record t = *r;
	uint8_t data[RECORD_DATA_MAX];
	struct hash32 block = r->block < p->chain->n ? p->chain->block[r->block].hash : (struct hash32){ { 9 } };

	memcpy(data, r->data.p, r->data.n);
	if (p->lie == EDITS_DATA)
		data[r->data.n - 1] ^= 1;
	if (p->lie == PREV_NOWHERE)
		memset(data + 24, 0xff, 8);
	if (p->lie == EDITS_TOPIC && t.topics_n > 2)
		t.topics[2].b[31] ^= 1;
	if (p->lie == OTHER_PRODUCT_ROW)
		t.topics[1].b[0] ^= 1;
	if (p->lie == OTHER_BLOCK_ROW)
		t.block++;
	buf_str(out, is_first ? "{" : ",{");
	buf_fmt(out, "\"address\":\"0x");
	buf_hex(out, p->lie == OTHER_ADDRESS ? SPAN_OF(fake_owner) : SPAN_OF(fake_registry));
	buf_fmt(out, "\",\"blockNumber\":\"0x%" PRIx64 "\",\"blockHash\":\"%s\",\"transactionHash\":\"%s\",\"transactionIndex\":\"0x0\","
		"\"logIndex\":\"0x%x\",\"removed\":%s,\"topics\":[", t.block, hex32(&block), hex32(&block), t.log_index,
		p->lie == REMOVED_ROW ? "true" : "false");
	for (uint32_t i = 0; i < t.topics_n; i++)
		buf_fmt(out, "%s\"%s\"", i ? "," : "", hex32(&t.topics[i]));
	buf_str(out, "],\"data\":\"0x");
	buf_hex(out, SPAN(data, r->data.n));
	buf_str(out, "\"}");
}

static bool topic_matches(const json_t *want, const struct hash32 *topic)
{
	if (!want || json_is_null(want))
		return true;
	if (json_is_string(want))
		return strcmp(json_string_value(want), hex32(topic)) == 0;
	for (size_t i = 0; i < json_array_size(want); i++)
		if (strcmp(json_string_value(json_array_get(want, i)), hex32(topic)) == 0)
			return true;
	return false;
}

static void put_logs(struct buf *out, const struct fake_provider *p, const json_t *params)
{
	const json_t *f = json_array_get(params, 0), *topics = json_object_get(f, "topics");
	uint64_t from = strtoull(json_string_value(json_object_get(f, "fromBlock")), NULL, 16);
	uint64_t to = strtoull(json_string_value(json_object_get(f, "toBlock")), NULL, 16);
	size_t last = p->chain->block[end_of(p)].logs_to, skipped = 0, given = 0;
	const struct record *rows[512];
	bool is_range = to > from;

	buf_byte(out, '[');
	for (size_t i = 0; i < last; i++) {
		const struct record *r = &p->chain->logs.v[i];

		if (r->block < from || r->block > to || !topic_matches(json_array_get(topics, 0), &r->topics[0]) ||
		    !topic_matches(json_array_get(topics, 1), &r->topics[1]))
			continue;
		if (p->lie == OMITS_LOGS || (p->lie == OMITS_FIRST_LOG && skipped++ == 0) || (p->lie == OMITS_IN_RANGES && is_range))
			continue;
		rows[given++] = r;
	}
	if (p->lie == SWAPS_LOGS && given > 1) {
		const struct record *t = rows[0];

		rows[0] = rows[1];
		rows[1] = t;
	}
	for (size_t i = 0; i < given; i++) {
		struct record r = *rows[i];

		if (is_range && i == (p->lie == SHIFTS_FIRST_BLOCK ? 0 : p->lie == SHIFTS_LAST_BLOCK ? given - 1 : given))
			r.block--;
		put_row(out, &r, p, i == 0);
	}
	if (p->lie == ADDS_LOG && given) {
		struct record more = *rows[given - 1];

		more.log_index++;
		put_row(out, &more, p, false);
	}
	buf_byte(out, ']');
}

/* --- calls --- */

static const char *error_of(const struct fake_provider *p, const char *method, const json_t *params)
{
	bool is_proof = strcmp(method, "eth_getProof") == 0, is_logs = strcmp(method, "eth_getLogs") == 0;

	if (strncmp(method, "eth_getHeaderBy", 15) == 0 && p->lean == LEAN_MISSING)
		return "{\"code\":-32601,\"message\":\"the method does not exist/is not available\"}";
	if (strstr(method, "ByNumber") && strcmp(json_string_value(json_array_get(params, 0)), "0x0") == 0 &&
	    (p->lie == NO_GENESIS_AT_ALL || (p->lie == NO_GENESIS_BLOCK && strcmp(method, "eth_getBlockByNumber") == 0)))
		return "{\"code\":4444,\"message\":\"pruned history unavailable\"}";
	if (is_proof && p->lie == NO_PROOF_METHOD)
		return "{\"code\":-32601,\"message\":\"the method eth_getProof does not exist/is not available\"}";
	if (is_proof && p->lie == NO_REGISTRY_PROOF && json_string_value(json_array_get(params, 0))[2] != '0')
		return "{\"code\":-32000,\"message\":\"missing trie node abc (path )\"}";
	if (is_proof && p->lie == PROOF_WINDOW)
		return "{\"code\":-32000,\"message\":\"distance to target block exceeds maximum proof window\"}";
	if (is_proof && (p->lie == PROOF_PRUNED ||
			 strtoull(json_string_value(json_array_get(params, 2)), NULL, 16) < p->proofs_from))
		return "{\"code\":-32000,\"message\":\"missing trie node abc (path )\"}";
	if (is_logs && p->lie == LOGS_TOO_LARGE && json_object_get(json_array_get(params, 0), "toBlock") &&
	    strcmp(json_string_value(json_object_get(json_array_get(params, 0), "toBlock")),
		   json_string_value(json_object_get(json_array_get(params, 0), "fromBlock"))) != 0)
		return "{\"code\":-32005,\"message\":\"query returned more than 10000 results\"}";
	if (is_logs && (p->lie == LOGS_PRUNED || strtoull(json_string_value(json_object_get(json_array_get(params, 0), "fromBlock")),
							  NULL, 16) < p->logs_from))
		return "{\"code\":4444,\"message\":\"pruned history unavailable\"}";
	if (p->lie == RPC_429_IN_200)
		return "{\"code\":-32005,\"message\":\"daily request count exceeded, request rate limited\"}";
	return NULL;
}

/* Asked for the block of its wrong proof, it does not know it any more. */
static bool disowns(struct fake_world *w, const struct fake_provider *p, const char *method, const json_t *params)
{
	const char *which = json_string_value(json_array_get(params, 0));

	if (p->lie != DISOWNS_PROOF)
		return false;
	if (strcmp(method, "eth_getProof") == 0)
		w->lies_told++;
	if (!w->lies_told || strncmp(method, "eth_getBlockBy", 14) != 0 || strncmp(which, "0x", 2) != 0)
		return false;
	w->lies_told--;
	w->disowned++;
	return true;
}

static void count(const json_t *list, unsigned *all, unsigned *most)
{
	unsigned n = (unsigned)json_array_size(list);

	if (all)
		*all += n;
	if (n > *most)
		*most = n;
}

static void put_result(struct buf *out, struct fake_world *w, const struct fake_provider *p, const char *method, const json_t *params)
{
	if (disowns(w, p, method, params)) {
		buf_str(out, "null");
	} else if (strcmp(method, "eth_chainId") == 0) {
		buf_fmt(out, "\"0x%x\"", p->lie == OTHER_CHAIN_ID ? 1 : FAKE_CHAIN_ID);
	} else if (strcmp(method, "eth_getProof") == 0) {
		w->proofs++;
		count(json_array_get(params, 1), &w->keys, &w->keys_most);
		put_account(out, p, params);
	} else if (strcmp(method, "eth_getLogs") == 0) {
		w->logs++;
		w->registrations += json_is_string(json_array_get(json_object_get(json_array_get(params, 0), "topics"), 0));
		count(json_array_get(json_object_get(json_array_get(params, 0), "topics"), 1), NULL, &w->topics_most);
		put_logs(out, p, params);
	} else if (strncmp(method, "eth_getHeaderBy", 15) == 0) {
		put_block(out, p, params, true);
	} else {
		ck_assert_msg(strncmp(method, "eth_getBlockBy", 14) == 0, "%s", method);
		w->blocks++;
		ck_assert_msg(json_is_false(json_array_get(params, 1)), "transactions are not asked for");
		put_block(out, p, params, false);
	}
}

static void put_response(struct buf *out, struct fake_world *w, const struct fake_provider *p, const json_t *call)
{
	const char *method = json_string_value(json_object_get(call, "method"));
	const json_t *params = json_object_get(call, "params");
	json_int_t id = json_integer_value(json_object_get(call, "id"));
	const char *error = error_of(p, method, params);

	w->calls++;
	w->headers += strncmp(method, "eth_getHeaderBy", 15) == 0;
	buf_fmt(out, "{\"jsonrpc\":\"2.0\",\"id\":%" JSON_INTEGER_FORMAT, p->lie == WRONG_ID ? id + 1 : id);
	if (p->lie == NEITHER_MEMBER) {
		buf_byte(out, '}');
		return;
	}
	if (error) {
		buf_fmt(out, ",\"error\":%s}", error);
		return;
	}
	buf_str(out, ",\"result\":");
	put_result(out, w, p, method, params);
	if (p->lie == BOTH_MEMBERS)
		buf_str(out, ",\"error\":{\"code\":-1,\"message\":\"no\"}");
	if (p->lie == DUPLICATE_KEYS)
		buf_str(out, ",\"result\":null");
	buf_byte(out, '}');
}

static void put_all(struct buf *out, struct fake_world *w, const struct fake_provider *p, const json_t *request)
{
	size_t n = json_array_size(request);

	if (!json_is_array(request)) {
		put_response(out, w, p, request);
		return;
	}
	if (p->lie == SINGLE_FOR_BATCH) {
		buf_str(out, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"batch not allowed\"}}");
		return;
	}
	buf_byte(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (p->lie == PARTIAL_BATCH && i == n - 1)
			break;
		if (i)
			buf_byte(out, ',');
		put_response(out, w, p, json_array_get(request, p->lie == SHUFFLED_BATCH ? n - 1 - i : i));
	}
	buf_byte(out, ']');
}

static void put_bomb(struct buf *out)
{
	buf_byte(out, '[');
	for (size_t i = 0; i < 400000; i++)
		buf_str(out, i ? ",{}" : "{}");
	buf_byte(out, ']');
}

/* --- entries sources --- */

static void put_lines(struct buf *out, const struct fake_source *s, const char *product)
{
	struct fake_provider as = { .chain = s->chain, .lie = s->lie };
	const struct record *rows[512];
	size_t n = 0, first = s->lie == OMITS_FIRST_LOG ? 1 : 0;

	for (size_t i = 0; i < s->chain->logs.n; i++)
		for (size_t k = 0; k < s->chain->products_n; k++)
			if (strcmp(s->chain->product[k].name, product) == 0 && s->chain->logs.v[i].block <= s->final &&
			    hash32_eq(&s->chain->logs.v[i].topics[1], &s->chain->product[k].id))
				rows[n++] = &s->chain->logs.v[i];
	if (s->lie == SWAPS_LOGS && n > 1) {
		const struct record *t = rows[n - 2];

		rows[n - 2] = rows[n - 1];
		rows[n - 1] = t;
	}
	for (size_t i = first; i < n; i++) {
		struct record r = *rows[i];

		if (i == (s->lie == SHIFTS_FIRST_BLOCK ? 0 : s->lie == SHIFTS_LAST_BLOCK ? n - 1 : n))
			r.block--;
		if (s->lie == OMITS_LOGS && i == n / 2)
			continue;
		if (s->lie == EDITS_LAST)
			as.lie = i == n - 1 ? EDITS_DATA : HONEST;
		put_row(out, &r, &as, true);
		buf_byte(out, '\n');
	}
	if (s->lie == ADDS_LOG && n) {
		struct record more = *rows[n - 1];

		more.log_index++;
		put_row(out, &more, &as, true);
		buf_byte(out, '\n');
	}
}

static void answer_entries(struct fake_world *w, const struct follower_action *a)
{
	struct fake_source *s = &w->source[a->source];
	struct follower_answer out = { .status = s->status ? s->status : 200 };
	struct buf body = BUF_INIT(TEXT_MAX);

	s->asked++;
	ck_assert_uint_eq(a->body.n, 0);
	switch (s->lie) {
	case NO_ANSWER: out.net = ERR_NET; out.net_text = "connection reset"; break;
	case OVER_LIMIT: out.net = ERR_LIMIT; out.net_text = "more than 33554432 bytes"; break;
	case HTTP_429: out.status = 429; out.retry_after_ms = 3000000; break;
	case HTTP_500: out.status = 500; break;
	default:
		if (s->text)
			buf_str(&body, s->text);
		else
			put_lines(&body, s, a->product);
	}
	ck_assert_int_eq(buf_ok(&body, NULL), ERR_OK);
	out.body = buf_span(&body);
	follower_answer(w->f, a->id, &out, w->now_ms);
	buf_free(&body);
}

static void answer(struct fake_world *w, const struct follower_action *a)
{
	if (a->ask == FOLLOWER_ASK_ENTRIES) {
		answer_entries(w, a);
		return;
	}

	const struct fake_provider *p = &w->p[a->provider];
	struct follower_answer out = { .status = 200 };
	struct buf body = BUF_INIT(TEXT_MAX);
	json_t *request = json_loadb((const char *)a->body.p, a->body.n, 0, NULL);
	uint64_t id = a->id;

	ck_assert_ptr_nonnull(request);
	if (w->hooks && w->hooks->asked)
		w->hooks->asked(w, a);
	w->exchanges++;
	if (p->lie == SILENT || (p->lie == HOLDS_LOGS && memmem(a->body.p, a->body.n, "eth_getLogs", 11)) || (w->silent_after && a->provider == w->silent_provider && --w->silent_after == 0 && ++w->silent_after)) {
		ck_assert_uint_lt(w->held_n, FAKE_HELD);
		w->held[w->held_n++] = (struct fake_held){ id, w->now_ms + a->timeout_ms, a->answer_max };
		json_decref(request);
		return;
	}
	switch (p->lie) {
	case NO_ANSWER: out.net = ERR_NET; out.net_text = "connection reset"; break;
	case OVER_LIMIT: out.net = ERR_LIMIT; out.net_text = "more than 8388608 bytes"; break;
	case HTTP_429: out.status = 429; out.retry_after_ms = 7000; break;
	case HTTP_500: out.status = 500; buf_str(&body, "oops"); break;
	case REDIRECT: out.status = 302; break;
	case HTML_PAGE: buf_str(&body, "<html>hello</html>"); break;
	case JSON_BOMB: put_bomb(&body); break;
	default: put_all(&body, w, p, request);
	}
	ck_assert_int_eq(buf_ok(&body, NULL), ERR_OK);
	if (w->hooks && w->hooks->answered)
		w->hooks->answered(w, a, &out, &body);
	out.body = buf_span(&body);
	w->bytes += body.n;
	follower_answer(w->f, id, &out, w->now_ms);
	json_decref(request);
	buf_free(&body);
}

/* --- the follower's owner --- */

static void note(struct fake_world *w, const char *fmt, ...) PRINTF(2, 3);

static void note(struct fake_world *w, const char *fmt, ...)
{
	va_list args;

	ck_assert_uint_lt(w->lines, FAKE_LINES);
	va_start(args, fmt);
	ck_assert_int_ge(vasprintf(&w->line[w->lines++], fmt, args), 0);
	va_end(args);
}

static const char *name_of(struct fake_world *w, const struct hash32 *id)
{
	struct follower_product_info info;

	return follower_product_find(w->f, id, &info) ? info.name : "?";
}

static void note_output(struct fake_world *w, const struct follower_output *o)
{
	struct entry entry;

	if (w->hooks && w->hooks->told)
		w->hooks->told(w, o);
	switch (o->kind) {
	case FOLLOWER_GENESIS: w->genesis = o->hash; note(w, "genesis"); return;
	case FOLLOWER_ANCHOR: note(w, "anchor %" PRIu64, o->block.number); return;
	case FOLLOWER_PRODUCT: note(w, "product %s", o->name); return;
	case FOLLOWER_UNDONE: note(w, "undone %s %" PRIu64, name_of(w, &o->product), o->position); return;
	case FOLLOWER_SEEN:
		ck_assert_int_eq(entry_decode(&o->record, &entry, NULL), ERR_OK);
		note(w, "seen %s %" PRIu64 " %s in %" PRIu64, name_of(w, &o->product), o->position,
		     entry_kind_name(entry.kind), o->record.block);
		return;
	case FOLLOWER_PROVEN:
		note(w, "proven %s %" PRIu64 " %s at %" PRIu64, name_of(w, &o->product), o->position,
		     o->is_final ? "final" : "provisional", o->block.number);
		return;
	case FOLLOWER_REFRESHED:
		if (o->is_final && o->is_whole) {
			w->whole = o->block;
			w->whole_root = o->hash;
			w->listed = o->position;
		}
		note(w, "refreshed %" PRIu64 " %s", o->block.number, o->is_final ? "final" : "provisional");
		return;
	case FOLLOWER_ALARM_ON:
		note(w, "alarm %s %s: %s", follower_alarm_code(o->alarm), o->subject, o->detail);
		return;
	case FOLLOWER_NOTE: note(w, "note %s: %s", o->subject, o->detail); return;
	case FOLLOWER_ALARM_OFF: note(w, "alarm-off %s %s", follower_alarm_code(o->alarm), o->subject); return;
	}
}

static void drain(struct fake_world *w)
{
	const struct follower_output *o;

	while ((o = follower_output(w->f)) != NULL)
		note_output(w, o);
}

/* What a provider left without an answer ends by the transport's timeout. */
static void time_out(struct fake_world *w)
{
	struct follower_answer none = { .net = ERR_NET, .net_text = "timed out" };

	for (size_t i = 0; i < w->held_n;) {
		struct fake_held held = w->held[i];

		if (held.due_ms > w->now_ms) {
			i++;
			continue;
		}
		w->held[i] = w->held[--w->held_n];
		follower_answer(w->f, held.id, &none, w->now_ms);
		drain(w);
	}
}

static void cancel(struct fake_world *w)
{
	uint64_t id;

	while (follower_cancel(w->f, &id))
		for (size_t i = 0; i < w->held_n; i++)
			if (w->held[i].id == id) {
				w->held[i--] = w->held[--w->held_n];
				w->cancelled++;
			}
}

static int64_t next_event(const struct fake_world *w)
{
	int64_t at = follower_wake(w->f);

	for (size_t i = 0; i < w->held_n; i++)
		at = w->held[i].due_ms < at ? w->held[i].due_ms : at;
	return at;
}

void fake_answer(struct fake_world *w, const struct follower_action *a)
{
	answer(w, a);
	drain(w);
}

void fake_run(struct fake_world *w)
{
	int64_t start = w->now_ms, end = start + 60000;
	struct follower_info info;
	struct follower_action a;

	for (;;) {
		time_out(w);
		follower_poll(w->f, w->now_ms);
		drain(w);
		cancel(w);
		while (follower_action(w->f, &a))
			fake_answer(w, &a);
		follower_info(w->f, &info);
		if (strcmp(info.doing, "idle") == 0 || next_event(w) >= end)
			break;
		w->now_ms = next_event(w);
	}
	w->took_ms = w->now_ms - start;
	ck_assert_msg(next_event(w) != INT64_MAX, "a round ends");
	w->now_ms = end;
}

void fake_hold_entries(struct fake_world *w, uint64_t *ids, unsigned *n)
{
	struct follower_action a;

	while (follower_action(w->f, &a)) {
		if (a.ask == FOLLOWER_ASK_ENTRIES)
			ids[(*n)++] = a.id;
		else
			answer(w, &a);
		drain(w);
	}
}

size_t fake_count(const struct fake_world *w, const char *line)
{
	size_t n = 0, len = strlen(line);
	bool is_open = len && line[len - 1] == '*';

	for (size_t i = 0; i < w->lines; i++)
		n += is_open ? strncmp(w->line[i], line, len - 1) == 0 : strcmp(w->line[i], line) == 0;
	return n;
}

bool fake_said(const struct fake_world *w, const char *line)
{
	return fake_count(w, line) > 0;
}

void fake_forget(struct fake_world *w)
{
	while (w->lines)
		free(w->line[--w->lines]);
}

void fake_world_free(struct fake_world *w)
{
	fake_forget(w);
	follower_free(w->f);
	w->f = NULL;
}
