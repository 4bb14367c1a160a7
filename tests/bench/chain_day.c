/* chain_day.c: what an idle day on mainnet costs in bytes: the real follower, a day of its time in some seconds.
 *
 *	chain_day POLL_S has-headers|blocks-only CHANGES
 *
 * Ten products, two providers, quorum:2, finalized. The chain is made here, as large as mainnet's: a header of Prague
 * every 12 s, blocks with 180 transactions and 16 withdrawals, an account proof of eight full branches and a leaf whose
 * state root changes with each block, and a registry among 2,000 other words. The final block is two to three epochs
 * behind. CHANGES releases are published, spread over the day. Everything is hashed and proven as on a real
 * chain: an answer that did not fit would show as an alarm, which ends the program.
 *
 * Prints JSON: bytes of bodies out and in, and calls, in all and by method. HTTP's and TLS's share is added by
 * chain-day.mjs. */
#include "base/hex.h"
#include "chain/follower.h"
#include "formats/abi.h"
#include "formats/header.h"
#include "formats/keccak.h"
#include "formats/rlp.h"
#include "formats/trie.h"
#include "support/trie_build.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_MS INT64_C(86400000)
#define SLOT_S 12
#define HISTORY 128			/* blocks before the day begins */
#define BLOCKS (HISTORY + 86400 / SLOT_S + 2)
#define GENESIS_TIME UINT64_C(1750000000)
#define DEPTH 8				/* full branches above an account on mainnet */
#define TRANSACTIONS 180
#define WITHDRAWALS 16
#define PRODUCTS 10
#define FILLER 2000
#define METHODS 6
#define LATENCY_MS 80
#define BEHIND_MS 1500			/* the second provider hears of a block so much later */

static const struct addr20 registry = { { 0x5f, 0xbd, 0xb2, 1 } }, owner = { { 0xaa, 1 } };

/* --- the registry: products, their records, and its storage at each of its states --- */

struct product {
	char name[32];
	struct hash32 id;
	struct product_words words;
};

struct state {				/* of the registry, from a block on */
	uint64_t from;
	struct product product[PRODUCTS];
	struct hash32 storage_root;
};

static struct product products[PRODUCTS];
static struct state *states;
static size_t states_n;
static struct record *records;
static size_t records_n;
static struct hash32 code_hash;

static struct hash32 number_word(uint64_t n)
{
	struct hash32 h = { { 0 } };

	for (size_t i = 0; i < 8; i++)
		h.b[31 - i] = (uint8_t)(n >> 8 * i);
	return h;
}

static struct hash32 packed_word(const struct product_words *w)
{
	struct hash32 h = { { 0 } };
	uint64_t parts[] = { w->epoch, w->threshold, w->entries, w->last_block, w->floor, w->sequence };
	unsigned widths[] = { 2, 2, 4, 8, 8, 8 }, at = 0;

	for (unsigned i = 0; i < 6; i++)
		for (unsigned k = widths[i]; k-- > 0;)
			h.b[at++] = (uint8_t)(parts[i] >> 8 * k);
	return h;
}

/* One storage word as a trie item; room holds its key and value. */
struct room {
	struct hash32 key;
	uint8_t value[40];
};

static void put_word(struct trie_build_item *item, struct room *room, const struct hash32 *slot, const struct hash32 *word)
{
	struct buf rlp = BUF_INIT(40);

	room->key = keccak256(SPAN_OF(*slot));
	rlp_put_uint(&rlp, SPAN_OF(*word));
	memcpy(room->value, rlp.p, rlp.n);
	*item = (struct trie_build_item){ SPAN_OF(room->key), SPAN(room->value, rlp.n) };
	buf_free(&rlp);
}

static struct hash32 storage_proof(const struct state *s, const struct hash32 *slot, struct trie_build_proof *proof)
{
	static struct room rooms[FILLER + 2 * PRODUCTS];
	static struct trie_build_item items[FILLER + 2 * PRODUCTS];
	struct hash32 key = keccak256(SPAN_OF(*slot));
	size_t n = 0;

	for (; n < FILLER; n++) {
		struct hash32 where = number_word(1000000 + n), what = keccak256(SPAN_OF(where));

		put_word(&items[n], &rooms[n], &where, &what);
	}
	for (size_t i = 0; i < PRODUCTS; i++) {
		struct product_slots at = product_slots(&s->product[i].id);
		struct hash32 packed = packed_word(&s->product[i].words);

		put_word(&items[n], &rooms[n], &at.head, &s->product[i].words.head);
		n++;
		put_word(&items[n], &rooms[n], &at.packed, &packed);
		n++;
	}
	return trie_build(items, n, SPAN_OF(key), proof);
}

static void add_record(struct product *p, uint64_t block, enum entry_kind kind, struct hash32 topic, struct abi_arg *more, size_t more_n)
{
	struct record r = { .block = block, .log_index = (uint32_t)records_n, .topics_n = kind == ENTRY_SIGNERS ? 2 : kind == ENTRY_RELEASE ? 4 : 3 };
	struct abi_arg args[4] = { ABI_UINT(p->words.last_block), ABI_UINT(GENESIS_TIME + SLOT_S * block) };
	struct buf data = BUF_INIT(RECORD_DATA_MAX);

	r.topics[0] = entry_topic(kind);
	r.topics[1] = p->id;
	r.topics[2] = topic;
	memcpy(r.topics[3].b + 12, owner.b, sizeof owner.b);
	memcpy(args + 2, more, more_n * sizeof *more);
	abi_encode(&data, args, 2 + more_n);
	r.data = buf_span(&data);		/* kept until the end */
	record_extend(&p->words.head, &r);
	p->words.last_block = block;
	p->words.entries++;
	records[records_n++] = r;
}

static struct hash32 address_word(const struct addr20 *a)
{
	struct hash32 h = { { 0 } };

	memcpy(h.b + 12, a->b, sizeof a->b);
	return h;
}

static void register_product(struct product *p, size_t i)
{
	static const uint8_t cose_key[77] = { 0xa5 };
	struct span key = SPAN(cose_key, sizeof cose_key);

	snprintf(p->name, sizeof p->name, "acme/model-%zu", i);
	p->id = product_id(&owner, span_str(p->name));
	p->words.threshold = 1;
	add_record(p, 5, ENTRY_REGISTERED, address_word(&owner), (struct abi_arg[]){ ABI_BYTES(span_str(p->name)) }, 1);
	add_record(p, 5, ENTRY_PUBLISHER, address_word(&owner), (struct abi_arg[]){ ABI_BOOL(true) }, 1);
	add_record(p, 5, ENTRY_SIGNERS, (struct hash32){ { 0 } }, (struct abi_arg[]){ ABI_UINT(1), ABI_LIST(&key, 1) }, 2);
}

static void publish(struct product *p, uint64_t block)
{
	static const uint8_t manifest[400] = { 0xd8, 0x6b };

	p->words.sequence++;
	add_record(p, block, ENTRY_RELEASE, number_word(p->words.sequence), (struct abi_arg[]){ ABI_BYTES(SPAN_OF(manifest)) }, 1);
}

static void new_state(uint64_t from)
{
	struct state *s = &states[states_n++];

	s->from = from;
	memcpy(s->product, products, sizeof products);
	s->storage_root = storage_proof(s, &code_hash, NULL);
}

static void make_registry(unsigned changes)
{
	states = calloc(changes + 1, sizeof *states);
	records = calloc(3 * PRODUCTS + changes + PRODUCTS, sizeof *records);
	for (size_t i = 0; i < PRODUCTS; i++)
		register_product(&products[i], i);
	for (size_t i = 0; i < PRODUCTS; i++)
		publish(&products[i], 6);
	new_state(0);
	for (unsigned i = 0; i < changes; i++) {
		uint64_t block = HISTORY + (BLOCKS - HISTORY) * (i + 1) / (changes + 1);

		publish(&products[i % PRODUCTS], block);
		new_state(block);
	}
}

static const struct state *state_at(uint64_t block)
{
	size_t i = states_n - 1;

	while (states[i].from > block)
		i--;
	return &states[i];
}

/* --- blocks --- */

struct block {
	struct hash32 hash, state_root;
};

static struct block *blocks;

static struct hash32 mixed(uint64_t a, uint64_t b)
{
	uint64_t both[2] = { a, b };

	return keccak256(SPAN(both, sizeof both));
}

/* The branches above the registry's account, each full; those beside the path differ in the topmost one from block to block. */
static struct hash32 account_proof(uint64_t block, struct buf nodes[DEPTH + 1])
{
	struct hash32 key = keccak256(SPAN_OF(registry)), child;
	uint8_t path[33] = { 0x20 };
	struct buf account = BUF_INIT(200), fields = BUF_INIT(200), inner = BUF_INIT(PROOF_NODE_MAX);

	rlp_put_u64(&fields, 1);
	rlp_put_u64(&fields, 0);
	rlp_put_bytes(&fields, SPAN_OF(state_at(block)->storage_root));
	rlp_put_bytes(&fields, SPAN_OF(code_hash));
	rlp_put_list(&account, buf_span(&fields));
	memcpy(path + 1, key.b + DEPTH / 2, 32 - DEPTH / 2);
	rlp_put_bytes(&inner, SPAN(path, 1 + 32 - DEPTH / 2));
	rlp_put_bytes(&inner, buf_span(&account));
	rlp_put_list(&nodes[DEPTH], buf_span(&inner));
	for (size_t depth = DEPTH; depth-- > 0;) {
		unsigned at = depth % 2 ? key.b[depth / 2] & 15 : key.b[depth / 2] >> 4;

		child = keccak256(buf_span(&nodes[depth + 1]));
		buf_reset(&inner);
		for (unsigned i = 0; i < 16; i++) {
			struct hash32 other = mixed(depth == 0 ? block : 0, 16 * depth + i);

			rlp_put_bytes(&inner, i == at ? SPAN_OF(child) : SPAN_OF(other));
		}
		rlp_put_bytes(&inner, SPAN("", 0));
		rlp_put_list(&nodes[depth], buf_span(&inner));
	}
	child = keccak256(buf_span(&nodes[0]));
	buf_free(&account);
	buf_free(&fields);
	buf_free(&inner);
	return child;
}

static void nodes_init(struct buf nodes[DEPTH + 1])
{
	for (size_t i = 0; i <= DEPTH; i++)
		nodes[i] = BUF_INIT(PROOF_NODE_MAX);
}

static void nodes_free(struct buf nodes[DEPTH + 1])
{
	for (size_t i = 0; i <= DEPTH; i++)
		buf_free(&nodes[i]);
}

static void put_0x(struct buf *out, struct hash32 h)
{
	buf_str(out, "\"0x");
	buf_hex(out, SPAN_OF(h));
	buf_byte(out, '"');
}

#define FIELDS 21

/* As geth writes it; also sets the block's hash. */
static void put_header(struct buf *out, uint64_t n)
{
	static char bloom[2 * 256 + 3];
	char text[FIELDS][80];
	struct hash32 parent = n ? blocks[n - 1].hash : (struct hash32){ { 0 } };
	const char *names[FIELDS] = { "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom",
		"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas",
		"withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash" };
	struct header_field f[FIELDS];
	struct buf rlp = BUF_INIT(HEADER_MAX);
	struct hash32 fixed[] = { parent, mixed(n, 1), mixed(n, 2), blocks[n].state_root, mixed(n, 3), mixed(n, 4) };

	memset(bloom, 'f', sizeof bloom - 1);
	bloom[0] = '0', bloom[1] = 'x';
	for (size_t i = 0; i < 6; i++)
		hex_0x(SPAN_OF(fixed[i]), text[i]);
	text[2][42] = '\0';
	hex_0x(SPAN_OF(fixed[1]), text[13]);
	hex_0x(SPAN_OF(fixed[4]), text[16]);
	hex_0x(SPAN_OF(fixed[5]), text[19]);
	hex_0x(SPAN_OF(code_hash), text[20]);
	snprintf(text[7], sizeof text[7], "0x0");
	snprintf(text[8], sizeof text[8], "0x%" PRIx64, n);
	snprintf(text[9], sizeof text[9], "0x2aea540");
	snprintf(text[10], sizeof text[10], "0x15e2d1f");
	snprintf(text[11], sizeof text[11], "0x%" PRIx64, GENESIS_TIME + SLOT_S * n);
	snprintf(text[12], sizeof text[12], "0x6265617665726275696c642e6f7267");
	snprintf(text[14], sizeof text[14], "0x0000000000000000");
	snprintf(text[15], sizeof text[15], "0x1f4add400");
	snprintf(text[17], sizeof text[17], "0xc0000");
	snprintf(text[18], sizeof text[18], "0x4b80000");
	for (size_t i = 0; i < FIELDS; i++)
		f[i] = (struct header_field){ span_str(names[i]), span_str(i == 6 ? bloom : text[i]) };
	if (header_encode(f, FIELDS, &rlp, NULL))
		abort();
	blocks[n].hash = keccak256(buf_span(&rlp));
	buf_free(&rlp);
	buf_str(out, "{\"hash\":");
	put_0x(out, blocks[n].hash);
	for (size_t i = 0; i < FIELDS; i++)
		buf_fmt(out, ",\"%s\":\"%s\"", names[i], i == 6 ? bloom : text[i]);
}

static void put_rest(struct buf *out, uint64_t n)
{
	buf_str(out, ",\"size\":\"0x1d0a4\",\"uncles\":[],\"transactions\":[");
	for (uint64_t i = 0; i < TRANSACTIONS; i++) {
		if (i)
			buf_byte(out, ',');
		put_0x(out, mixed(n, 1000 + i));
	}
	buf_str(out, "],\"withdrawals\":[");
	for (uint64_t i = 0; i < WITHDRAWALS; i++)
		buf_fmt(out, "%s{\"index\":\"0x%" PRIx64 "\",\"validatorIndex\":\"0x%" PRIx64 "\",\"address\":\"0x%040" PRIx64 "\",\"amount\":\"0x118c1d7\"}",
			i ? "," : "", 90000000 + 16 * n + i, 1000000 + i, n);
	buf_byte(out, ']');
}

static void put_block(struct buf *out, uint64_t n, bool is_whole)
{
	put_header(out, n);
	if (is_whole)
		put_rest(out, n);
	buf_byte(out, '}');
}

static void make_blocks(void)
{
	blocks = calloc(BLOCKS, sizeof *blocks);
	for (uint64_t n = 0; n < BLOCKS; n++) {
		struct buf nodes[DEPTH + 1], json = BUF_INIT(1 << 16);

		nodes_init(nodes);
		blocks[n].state_root = account_proof(n, nodes);
		nodes_free(nodes);
		put_header(&json, n);
		buf_free(&json);
	}
}

/* --- answers --- */

static void put_list(struct buf *out, const struct span *nodes, size_t n)
{
	buf_byte(out, '[');
	for (size_t i = 0; i < n; i++) {
		buf_str(out, i ? ",\"0x" : "\"0x");
		buf_hex(out, nodes[i]);
		buf_byte(out, '"');
	}
	buf_byte(out, ']');
}

static struct hash32 word_at(const struct state *s, const struct hash32 *slot)
{
	for (size_t i = 0; i < PRODUCTS; i++) {
		struct product_slots at = product_slots(&s->product[i].id);

		if (hash32_eq(&at.head, slot))
			return s->product[i].words.head;
		if (hash32_eq(&at.packed, slot))
			return packed_word(&s->product[i].words);
	}
	return (struct hash32){ { 0 } };
}

static void put_key(struct buf *out, const struct state *s, const char *text)
{
	struct trie_build_proof proof;
	struct hash32 slot, word;
	char digits[HEX32_MAX];

	if (hex_read_0x(span_str(text), slot.b, sizeof slot.b, NULL))
		abort();
	word = word_at(s, &slot);
	hex_0x(SPAN_OF(word), digits);
	buf_fmt(out, "{\"key\":\"%s\",\"value\":\"0x%s\",\"proof\":", text, digits + 2 + strspn(digits + 2, "0"));
	storage_proof(s, &slot, &proof);
	put_list(out, proof.node, proof.n);
	trie_build_free(&proof);
	buf_byte(out, '}');
}

static void put_proof(struct buf *out, const json_t *params)
{
	uint64_t block = strtoull(json_string_value(json_array_get(params, 2)), NULL, 16);
	const json_t *keys = json_array_get(params, 1);
	struct buf nodes[DEPTH + 1];
	struct span spans[DEPTH + 1];

	nodes_init(nodes);
	account_proof(block, nodes);
	for (size_t i = 0; i <= DEPTH; i++)
		spans[i] = buf_span(&nodes[i]);
	buf_str(out, "{\"address\":\"0x");
	buf_hex(out, SPAN_OF(registry));
	buf_str(out, "\",\"accountProof\":");
	put_list(out, spans, DEPTH + 1);
	buf_str(out, ",\"balance\":\"0x0\",\"codeHash\":");
	put_0x(out, code_hash);
	buf_str(out, ",\"nonce\":\"0x1\",\"storageHash\":");
	put_0x(out, state_at(block)->storage_root);
	buf_str(out, ",\"storageProof\":[");
	for (size_t i = 0; i < json_array_size(keys); i++) {
		if (i)
			buf_byte(out, ',');
		put_key(out, state_at(block), json_string_value(json_array_get(keys, i)));
	}
	buf_str(out, "]}");
	nodes_free(nodes);
}

static void put_log(struct buf *out, const struct record *r)
{
	buf_str(out, "{\"address\":\"0x");
	buf_hex(out, SPAN_OF(registry));
	buf_str(out, "\",\"topics\":[");
	for (uint32_t i = 0; i < r->topics_n; i++) {
		if (i)
			buf_byte(out, ',');
		put_0x(out, r->topics[i]);
	}
	buf_str(out, "],\"data\":\"0x");
	buf_hex(out, r->data);
	buf_fmt(out, "\",\"blockNumber\":\"0x%" PRIx64 "\",\"transactionHash\":", r->block);
	put_0x(out, mixed(r->block, r->log_index));
	buf_str(out, ",\"transactionIndex\":\"0x3\",\"blockHash\":");
	put_0x(out, blocks[r->block].hash);
	buf_fmt(out, ",\"blockTimestamp\":\"0x%" PRIx64 "\",\"logIndex\":\"0x%" PRIx32 "\",\"removed\":false}", GENESIS_TIME + SLOT_S * r->block, r->log_index);
}

static void put_logs(struct buf *out, const json_t *params)
{
	const json_t *filter = json_array_get(params, 0);
	uint64_t from = strtoull(json_string_value(json_object_get(filter, "fromBlock")), NULL, 16);
	uint64_t to = strtoull(json_string_value(json_object_get(filter, "toBlock")), NULL, 16);
	struct hash32 product;
	bool is_first = true;

	if (hex_read_0x(span_str(json_string_value(json_array_get(json_object_get(filter, "topics"), 1))), product.b, sizeof product.b, NULL))
		abort();
	buf_byte(out, '[');
	for (size_t i = 0; i < records_n; i++) {
		if (records[i].block < from || records[i].block > to || !hash32_eq(&records[i].topics[1], &product))
			continue;
		if (!is_first)
			buf_byte(out, ',');
		is_first = false;
		put_log(out, &records[i]);
	}
	buf_byte(out, ']');
}

/* --- two providers, and a day --- */

static const char *const methods[METHODS] = {
	"eth_chainId", "eth_getHeaderByNumber", "eth_getBlockByNumber", "eth_getProof", "eth_getLogs", "others",
};
static struct { uint64_t calls, in; } count[METHODS];
static uint64_t exchanges, body_out, body_in;
static bool has_headers;

static uint64_t head_at(int64_t now_ms, size_t provider)
{
	int64_t t = now_ms - (provider ? BEHIND_MS : 0);

	return HISTORY + (uint64_t)(t > 0 ? t / 1000 / SLOT_S : 0);
}

static uint64_t final_at(int64_t now_ms, size_t provider)
{
	uint64_t epoch = head_at(now_ms, provider) / 32;

	return 32 * (epoch - 2);
}

static uint64_t number_of(const char *which, int64_t now_ms, size_t provider)
{
	if (strcmp(which, "latest") == 0)
		return head_at(now_ms, provider);
	if (strcmp(which, "finalized") == 0)
		return final_at(now_ms, provider);
	return strtoull(which, NULL, 16);
}

static void put_result(struct buf *out, const char *method, const json_t *params, int64_t now_ms, size_t provider)
{
	bool is_block = strcmp(method, "eth_getBlockByNumber") == 0, is_header = strcmp(method, "eth_getHeaderByNumber") == 0;

	if (is_header && !has_headers) {
		buf_str(out, "\"error\":{\"code\":-32601,\"message\":\"the method eth_getHeaderByNumber does not exist/is not available\"}");
		return;
	}
	buf_str(out, "\"result\":");
	if (is_block || is_header) {
		uint64_t n = number_of(json_string_value(json_array_get(params, 0)), now_ms, provider);

		if (n > head_at(now_ms, provider))
			buf_str(out, "null");
		else
			put_block(out, n, is_block);
	} else if (strcmp(method, "eth_getProof") == 0) {
		put_proof(out, params);
	} else if (strcmp(method, "eth_getLogs") == 0) {
		put_logs(out, params);
	} else {
		buf_str(out, "\"0x1\"");
	}
}

static void put_response(struct buf *out, const json_t *call, int64_t now_ms, size_t provider)
{
	const char *method = json_string_value(json_object_get(call, "method"));
	size_t before = out->n, m = 0;

	while (m < METHODS - 1 && strcmp(methods[m], method) != 0)
		m++;
	buf_fmt(out, "{\"jsonrpc\":\"2.0\",\"id\":%" JSON_INTEGER_FORMAT ",", json_integer_value(json_object_get(call, "id")));
	put_result(out, method, json_object_get(call, "params"), now_ms, provider);
	buf_byte(out, '}');
	count[m].calls++;
	count[m].in += out->n - before;
}

static void answer(struct follower *f, const struct follower_action *a, int64_t now_ms)
{
	json_t *request = json_loadb((const char *)a->body.p, a->body.n, 0, NULL);
	struct buf body = BUF_INIT(RPC_BODY_MAX);
	struct follower_answer out = { .status = 200 };
	uint64_t id = a->id;
	size_t provider = a->provider;

	exchanges++;
	body_out += a->body.n;
	if (json_is_array(request))
		buf_byte(&body, '[');
	for (size_t i = 0; i < json_array_size(request); i++) {
		if (i)
			buf_byte(&body, ',');
		put_response(&body, json_array_get(request, i), now_ms, provider);
	}
	if (json_is_array(request))
		buf_byte(&body, ']');
	else
		put_response(&body, request, now_ms, provider);
	if (buf_ok(&body, NULL))
		abort();
	body_in += body.n;
	out.body = buf_span(&body);
	follower_answer(f, id, &out, now_ms + LATENCY_MS);
	buf_free(&body);
	json_decref(request);
}

static unsigned proven;

static void drain(struct follower *f)
{
	const struct follower_output *o;

	while ((o = follower_output(f)) != NULL) {
		if (o->kind == FOLLOWER_ALARM_ON || o->kind == FOLLOWER_NOTE) {
			fprintf(stderr, "%s: %s\n", o->subject, o->detail);
			exit(1);
		}
		proven += o->kind == FOLLOWER_REFRESHED && o->is_final;
	}
}

static void run_day(struct follower *f)
{
	struct follower_action a;
	int64_t now = 1;

	while (now < DAY_MS) {
		follower_poll(f, now);
		drain(f);
		while (follower_action(f, &a)) {
			answer(f, &a, now);
			now += LATENCY_MS;
			drain(f);
		}
		now = follower_wake(f) > now ? follower_wake(f) : now + 1;
	}
}

static struct follower *make_follower(int64_t poll_ms)
{
	static const struct follower_provider providers[] = { { "one", "one" }, { "two", "two" } };
	static struct follower_want wants[PRODUCTS];
	struct follower_conf conf = {
		.chain_id = 1, .registry = registry, .code_hashes = &code_hash, .code_hashes_n = 1, .anchor = ANCHOR_QUORUM, .quorum = 2,
		.finality = FINALITY_FINALIZED, .poll_ms = poll_ms, .seed = 7, .providers = providers, .providers_n = 2,
		.wants = wants, .wants_n = PRODUCTS,
	};

	for (size_t i = 0; i < PRODUCTS; i++)
		wants[i] = (struct follower_want){ owner, products[i].name };
	return follower_new(&conf, NULL, NULL);
}

static void check_end(struct follower *f)
{
	for (size_t i = 0; i < PRODUCTS; i++) {
		struct follower_product_info info;

		follower_product(f, i, &info);
		if (!hash32_eq(&info.final.head, &state_at(final_at(DAY_MS, 0))->product[i].words.head)) {
			fprintf(stderr, "%s is not where the chain is\n", info.name);
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	int64_t poll_ms = argc > 1 ? strtoll(argv[1], NULL, 10) * 1000 : 60000;
	struct follower *f;

	has_headers = argc < 3 || strcmp(argv[2], "has-headers") == 0;
	code_hash = keccak256(SPAN_LIT("the registry's code"));
	make_registry(argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0);
	make_blocks();
	f = make_follower(poll_ms);
	if (!f)
		return 1;
	run_day(f);
	check_end(f);
	printf("{\"exchanges\":%" PRIu64 ",\"out\":%" PRIu64 ",\"in\":%" PRIu64 ",\"final_proofs\":%u,\"methods\":{", exchanges, body_out, body_in, proven);
	for (size_t m = 0; m < METHODS; m++)
		printf("%s\"%s\":{\"calls\":%" PRIu64 ",\"in\":%" PRIu64 "}", m ? "," : "", methods[m], count[m].calls, count[m].in);
	printf("}}\n");
	follower_free(f);
	return 0;
}
