/* test_reading.c: results as real nodes give them, and each rule of read.h, json.h and rpc.h by an answer that breaks it. */
#include "base/hex.h"
#include "chain/provider.h"
#include "chain/read.h"
#include "chain/track.h"
#include "chain/vote.h"
#include "formats/abi.h"

#include <check.h>
#include <stdlib.h>

static json_t *vector(const char *name)
{
	char path[512];
	json_error_t why;
	json_t *j;

	snprintf(path, sizeof path, VECTORS_DIR "/ethereum/%s.json", name);
	j = json_load_file(path, 0, &why);
	ck_assert_msg(j != NULL, "%s: %s", path, why.text);
	return j;
}

static struct hash32 hash_of(const char *text)
{
	struct hash32 h;

	ck_assert_int_eq(hex_read_0x(span_str(text), h.b, sizeof h.b, NULL), ERR_OK);
	return h;
}

/* --- blocks --- */

/* Every fork of mainnet, and an OP-stack chain before Cancun, with it and with Prague's fields (whose withdrawalsRoot is no root of
 * withdrawals there). */
static const char *const blocks[] = {
	"headers/Frontier", "headers/London", "headers/Paris", "headers/Shanghai", "headers/Cancun", "headers/Prague", "headers/Osaka",
	"headers/OptimismBedrock", "headers/BaseHolocene", "headers/OptimismJovian", "proofs/block",
};

START_TEST(real_blocks)
{
	json_t *j = vector(blocks[_i]);
	struct hash32 want = hash_of(json_string_value(json_object_get(j, "hash"))), claimed;
	struct header h;
	struct err e = { 0 };

	ck_assert_msg(read_block(j, &h, &e) == ERR_OK, "%s: %s", blocks[_i], e.msg);
	ck_assert(hash32_eq(&h.hash, &want));
	ck_assert_int_eq(read_claimed_hash(j, &claimed, NULL), ERR_OK);
	ck_assert(hash32_eq(&claimed, &want));
	/* What nodes add, and what they write as null. */
	json_object_set_new(j, "withdrawals", json_null());
	json_object_set_new(j, "totalDifficulty", json_null());
	json_object_set_new(j, "author", json_string("0x4200000000000000000000000000000000000011"));
	json_object_set_new(j, "l1BlockNumber", json_string("0x1"));
	json_object_set_new(j, "l1Fee", json_string("0x0"));
	json_object_set_new(j, "slotNumber", json_null());
	ck_assert_msg(read_block(j, &h, &e) == ERR_OK, "%s: %s", blocks[_i], e.msg);
	json_object_set_new(j, "gasUsed", json_string("0x1234567"));
	ck_assert_int_eq(read_block(j, &h, &e), ERR_RULE);
	ck_assert_ptr_nonnull(strstr(e.msg, "2 unknown ones"));
	json_object_del(j, "l1Fee");
	json_object_del(j, "l1BlockNumber");
	ck_assert_int_eq(read_block(j, &h, &e), ERR_PROOF);
	json_decref(j);
}
END_TEST

START_TEST(block_shapes)
{
	json_t *block = vector("headers/Prague"), *list = json_array(), *null = json_null();
	struct header h = { .number = 7 };
	struct hash32 hash;
	struct err e = { 0 };

	ck_assert_int_eq(read_block(null, &h, NULL), ERR_NOT_FOUND);
	ck_assert_int_eq(read_block(list, &h, &e), ERR_FORMAT);
	ck_assert_str_eq(e.msg, "block: it is an object");
	ck_assert_int_eq(read_claimed_hash(list, &hash, &e), ERR_FORMAT);
	ck_assert_str_eq(e.msg, "block: it is an object");
	for (int i = 0; json_object_size(block) < 64; i++) {
		char name[16];

		snprintf(name, sizeof name, "more%d", i);
		json_object_set_new(block, name, json_null());
	}
	ck_assert_int_eq(read_block(block, &h, NULL), ERR_OK);
	json_object_set_new(block, "and one", json_null());
	h.number = 7;
	ck_assert_int_eq(read_block(block, &h, NULL), ERR_LIMIT);
	ck_assert_uint_eq(h.number, 7);
	json_decref(block);
	json_decref(list);
}
END_TEST

/* --- proofs --- */

static const struct addr20 weth = { {
	0xc0, 0x2a, 0xaa, 0x39, 0xb2, 0x23, 0xfe, 0x8d, 0x0a, 0x0e, 0x5c, 0x4f, 0x27, 0xea, 0xd9, 0x08, 0x3c, 0x75, 0x6c, 0xc2,
} };

struct proof {
	json_t *j;
	struct header block;
	struct hash32 key, word;
	struct trie_account account;
};

static struct proof real_proof(void)
{
	struct proof p = { .j = vector("proofs/proof") };
	json_t *block = vector("proofs/block");

	ck_assert_int_eq(read_block(block, &p.block, NULL), ERR_OK);
	p.key = hash_of(json_string_value(json_object_get(json_array_get(json_object_get(p.j, "storageProof"), 0), "key")));
	json_decref(block);
	return p;
}

static int read_it(struct proof *p, struct err *e)
{
	return read_proof(p->j, &p->block.state_root, &weth, &p->key, 1, &p->account, &p->word, NULL, e);
}

START_TEST(mainnet_proof)
{
	struct proof p = real_proof();
	struct err e = { 0 };

	ck_assert_msg(read_it(&p, &e) == ERR_OK, "%s", e.msg);
	ck_assert(p.account.exists && p.account.nonce == 1);
	ck_assert_uint_eq(p.word.b[23], 0);
	ck_assert_uint_eq(p.word.b[24], 0x28);
	ck_assert_uint_eq(p.word.b[31], 0);
	p.block.state_root.b[0] ^= 1;
	ck_assert_int_eq(read_it(&p, NULL), ERR_PROOF);
	json_decref(p.j);
}
END_TEST

/* Edits of that answer. `list` says which proof they are made in: the account's, or the word's. */
static const struct { const char *what, *rule; int rc; } spoiled[] = {
	{ "the proof is an object", "proof: it is an array", ERR_FORMAT },
	{ "65 nodes", "more than 64 nodes", ERR_LIMIT },
	{ "64 nodes", "there are nodes that prove nothing", ERR_PROOF },
	{ "a node that is not hex", "digit", ERR_FORMAT },
	{ "a node with half a byte", "even number of digits", ERR_FORMAT },
	{ "a node of 1,025 bytes", "more than 1024 bytes", ERR_LIMIT },
	{ "more bytes than any 64 nodes have", "more than", ERR_LIMIT },
	{ "no proof at all", "proof: it is an array", ERR_FORMAT },
	{ "null", "a node is missing", ERR_PROOF },		/* as Erigon writes the proof in an empty trie */
};

static json_t *long_node(size_t bytes)
{
	char *text = malloc(2 * bytes + 3);
	json_t *j;

	memset(text, '0', 2 * bytes + 2);
	text[1] = 'x';
	text[2 * bytes + 2] = '\0';
	j = json_string(text);
	free(text);
	return j;
}

static void spoil(json_t *holder, const char *name, int how)
{
	json_t *list = json_object_get(holder, name);

	switch (how) {
	case 0: json_object_set_new(holder, name, json_object()); return;
	case 1: case 2:
		while (json_array_size(list) < (how == 1 ? 65 : 64))
			json_array_append_new(list, json_string("0x80"));
		return;
	case 3: json_array_set_new(list, 1, json_string("0xfg")); return;
	case 4: json_array_set_new(list, 1, json_string("0xf90")); return;
	case 5: json_array_set_new(list, 1, long_node(1025)); return;
	case 6:
		for (int i = 0; i < 45; i++)
			json_array_append_new(list, long_node(1024));
		return;
	case 7: json_object_del(holder, name); return;
	case 8: json_object_set_new(holder, name, json_null()); return;
	}
}

START_TEST(spoiled_account_proofs)
{
	struct proof p = real_proof();
	struct err e = { 0 };

	spoil(p.j, "accountProof", _i);
	ck_assert_msg(read_it(&p, &e) == spoiled[_i].rc, "%s: %s", spoiled[_i].what, e.msg);
	ck_assert_msg(strstr(e.msg, spoiled[_i].rule), "%s: %s", spoiled[_i].what, e.msg);
	json_decref(p.j);
}
END_TEST

START_TEST(spoiled_word_proofs)
{
	struct proof p = real_proof();
	struct err e = { 0 };

	spoil(json_array_get(json_object_get(p.j, "storageProof"), 0), "proof", _i);
	ck_assert_msg(read_it(&p, &e) == spoiled[_i].rc, "%s: %s", spoiled[_i].what, e.msg);
	ck_assert_msg(strstr(e.msg, spoiled[_i].rule), "%s: %s", spoiled[_i].what, e.msg);
	json_decref(p.j);
}
END_TEST

/* What the answer claims beside the proofs. NULL takes a member away; members of the word are named "0.value". */
static const struct { const char *rule, *member, *value; int rc; } claims[] = {
	{ "it has an account and 1 keys", "storageProof", NULL, ERR_FORMAT },
	{ "of another account", "address", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc3", ERR_RULE },
	{ "", "address", NULL, ERR_FORMAT },
	{ "another storage root", "storageHash", "0x995be15380cde36de0f3474f4bac0394cf03684113e766545630ecfdd8acf475", ERR_RULE },
	{ "", "storageHash", NULL, ERR_FORMAT },
	{ "another storage key", "0.key", "0x4de9be9d9a5197eea999984bec8d41aac923403f95449eaf16641fbc3a942712", ERR_RULE },
	{ "", "0.key", NULL, ERR_FORMAT },
	{ "another value", "0.value", "0x288a82d13c3d1601", ERR_RULE },
	{ "1 to 64 digits", "0.value", "0x", ERR_FORMAT },
};

START_TEST(claims_beside_a_proof)
{
	struct proof p = real_proof();
	const char *name = claims[_i].member;
	json_t *holder = p.j;
	struct err e = { 0 };

	if (strncmp(name, "0.", 2) == 0) {
		holder = json_array_get(json_object_get(p.j, "storageProof"), 0);
		name += 2;
	}
	if (claims[_i].value)
		json_object_set_new(holder, name, json_string(claims[_i].value));
	else
		json_object_del(holder, name);
	ck_assert_msg(read_it(&p, &e) == claims[_i].rc, "%s: %s", claims[_i].member, e.msg);
	ck_assert_msg(strstr(e.msg, claims[_i].rule), "%s: %s", claims[_i].member, e.msg);
	json_decref(p.j);
}
END_TEST

START_TEST(as_many_words_as_keys)
{
	struct proof p = real_proof();
	struct hash32 keys[2] = { p.key, p.key }, words[2];
	json_t *list = json_object_get(p.j, "storageProof"), *other = json_array();

	ck_assert_int_eq(read_proof(p.j, &p.block.state_root, &weth, keys, 2, &p.account, words, NULL, NULL), ERR_FORMAT);
	ck_assert_int_eq(read_proof(p.j, &p.block.state_root, &weth, keys, 0, &p.account, words, NULL, NULL), ERR_FORMAT);
	json_array_append(list, json_array_get(list, 0));
	ck_assert_int_eq(read_proof(p.j, &p.block.state_root, &weth, keys, 2, &p.account, words, NULL, NULL), ERR_OK);
	ck_assert_int_eq(read_proof(other, &p.block.state_root, &weth, keys, 0, &p.account, words, NULL, NULL), ERR_FORMAT);
	json_object_del(p.j, "storageProof");
	ck_assert_int_eq(read_proof(p.j, &p.block.state_root, &weth, keys, 0, &p.account, words, NULL, NULL), ERR_FORMAT);
	json_decref(other);
	json_decref(p.j);
}
END_TEST

/* --- log rows --- */

#define H1 "0x1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "0x2222222222222222222222222222222222222222222222222222222222222222"
#define REGISTRY "0x0100000000000000000000000000000000000000"
#define ROW(block, index) "{\"address\":\"" REGISTRY "\",\"blockNumber\":\"" block "\",\"logIndex\":\"" index "\",\"blockHash\":\"" H1 \
	"\",\"transactionHash\":\"" H1 "\",\"topics\":[\"" H1 "\",\"" H2 "\"],\"data\":\"0x01\",\"removed\":false}"
#define WITH(member, value) "[{\"address\":\"" REGISTRY "\",\"blockNumber\":\"0x5\",\"logIndex\":\"0x0\",\"blockHash\":\"" H1 \
	"\",\"transactionHash\":\"" H1 "\",\"topics\":[\"" H1 "\",\"" H2 "\"],\"data\":\"0x01\",\"" member "\":" value "}]"

/* Asked for: blocks 4 to 9, any event, product 0x22…; `-` in front of a rule: an edit of one row, whose member is there twice,
 * the last of which counts. */
static const struct { const char *rule, *json; int rc; } logs[] = {
	{ "", "[]", ERR_OK },
	{ "", "[" ROW("0x4", "0x0") "," ROW("0x4", "0x1") "," ROW("0x9", "0x0") "]", ERR_OK },
	{ "they are an array", "{}", ERR_FORMAT },
	{ "", "[1]", ERR_FORMAT },
	{ "another block", "[" ROW("0x3", "0x0") "]", ERR_RULE },
	{ "another block", "[" ROW("0xa", "0x0") "]", ERR_RULE },
	{ "order of the chain", "[" ROW("0x5", "0x1") "," ROW("0x5", "0x1") "]", ERR_RULE },
	{ "order of the chain", "[" ROW("0x5", "0x1") "," ROW("0x5", "0x0") "]", ERR_RULE },
	{ "order of the chain", "[" ROW("0x6", "0x0") "," ROW("0x5", "0x9") "]", ERR_RULE },
	{ "32 bits", WITH("logIndex", "\"0x100000000\""), ERR_FORMAT },
	{ "", WITH("logIndex", "\"0xffffffff\""), ERR_OK },
	{ "leading zero", WITH("blockNumber", "\"0x05\""), ERR_FORMAT },
	{ "not a string", WITH("blockNumber", "5"), ERR_FORMAT },
	{ "", WITH("blockHash", "\"0x11\""), ERR_FORMAT },
	{ "", WITH("transactionHash", "null"), ERR_FORMAT },
	{ "2 to 4 topics", WITH("topics", "[\"" H1 "\"]"), ERR_RULE },
	{ "2 to 4 topics", WITH("topics", "[\"" H1 "\",\"" H2 "\",\"" H1 "\",\"" H1 "\",\"" H1 "\"]"), ERR_RULE },
	{ "2 to 4 topics", WITH("topics", "\"" H1 "\""), ERR_RULE },
	{ "", WITH("topics", "[\"" H1 "\",\"" H2 "\",\"0x11\"]"), ERR_FORMAT },
	{ "", WITH("topics", "[\"" H1 "\",\"" H2 "\",\"" H1 "\",\"" H1 "\"]"), ERR_OK },
	{ "another product", WITH("topics", "[\"" H1 "\",\"" H1 "\"]"), ERR_RULE },
	{ "even number", WITH("data", "\"0x123\""), ERR_FORMAT },
	{ "begins with 0x", WITH("data", "\"\""), ERR_FORMAT },
	{ "begins with 0x", WITH("data", "\"1x00\""), ERR_FORMAT },
	{ "begins with 0x", WITH("data", "\"0X00\""), ERR_FORMAT },
	{ "", WITH("data", "\"0x\""), ERR_OK },
	{ "another address", WITH("address", "\"0x0200000000000000000000000000000000000000\""), ERR_RULE },
	{ "", WITH("address", "\"0x01\""), ERR_FORMAT },
	{ "a removed row", WITH("removed", "true"), ERR_RULE },
};

START_TEST(log_rows)
{
	static const struct addr20 registry = { { 1 } };
	struct hash32 product = hash_of(H2);
	struct rpc_log_filter f = { .address = &registry, .from = 4, .to = 9, .products = &product, .products_n = 1 };
	struct record earlier = { .block = 8, .topics_n = 2 };
	struct records got = { .n = 0 };
	struct err e = { 0 };
	json_t *j = json_loads(logs[_i].json, 0, NULL);

	ck_assert_ptr_nonnull(j);
	ck_assert_int_eq(records_add(&got, &earlier, NULL), ERR_OK);	/* what is there already has an order of its own */
	ck_assert_msg(read_logs(j, &f, &got, &e) == logs[_i].rc, "%s: %s", logs[_i].json, e.msg);
	ck_assert_msg(strstr(e.msg, logs[_i].rule), "%s, not: %s", logs[_i].rule, e.msg);
	if (logs[_i].rc == ERR_OK)
		ck_assert_uint_eq(got.n, 1 + json_array_size(j));
	records_free(&got);
	json_decref(j);
}
END_TEST

START_TEST(as_many_rows_as_allowed)
{
	static const struct addr20 registry = { { 1 } };
	struct hash32 product = hash_of(H2);
	struct rpc_log_filter f = { .address = &registry, .to = UINT64_MAX, .products = &product, .products_n = 1 };
	struct records got = { .n = 0 };
	json_t *one = json_loads(WITH("removed", "false"), 0, NULL), *many = json_array();
	struct err e = { 0 };

	for (int i = 0; i < RPC_LOGS_MAX; i++) {
		char number[20];
		json_t *row = json_copy(json_array_get(one, 0));

		snprintf(number, sizeof number, "0x%x", i);
		json_object_set_new(row, "blockNumber", json_string(number));
		json_array_append_new(many, row);
	}
	ck_assert_msg(read_logs(many, &f, &got, &e) == ERR_OK, "%s", e.msg);
	ck_assert_uint_eq(got.n, RPC_LOGS_MAX);
	json_array_append(many, json_array_get(one, 0));
	ck_assert_int_eq(read_logs(many, &f, &got, &e), ERR_LIMIT);
	records_free(&got);
	json_decref(one);
	json_decref(many);
}
END_TEST

/* --- JSON's memory --- */

/* What malloc rounds up must not let the count pass the budget, or it would be none from there on. */
START_TEST(budget_to_the_last_byte)
{
	for (size_t pad = 0; pad < 64; pad += 8) {
		struct buf text = BUF_INIT(16 << 20);
		struct err e = { 0 };

		buf_str(&text, "[\"");
		memset(buf_grow(&text, (7 << 20) + pad), 'x', (7 << 20) + pad);
		buf_byte(&text, '"');
		for (int i = 0; i < 30000; i++)
			buf_str(&text, ",\"x\"");
		buf_byte(&text, ']');
		ck_assert_ptr_null(json_parse(buf_span(&text), &e));
		ck_assert_int_eq(e.code, ERR_LIMIT);
		ck_assert_uint_gt(json_budget_peak(), RPC_JSON_HEAP_MAX - 4096);
		ck_assert_uint_le(json_budget_peak(), RPC_JSON_HEAP_MAX + 4096);
		buf_free(&text);
	}
}
END_TEST

/* --- answers as a whole --- */

#define GOOD "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1}"

START_TEST(body_limit)
{
	struct rpc_exchange x = { .status = 200 };
	struct rpc_reply r;
	struct buf body = BUF_INIT(RPC_BODY_MAX + 1);
	uint64_t id = 7;

	buf_str(&body, GOOD);
	memset(buf_grow(&body, RPC_BODY_MAX - body.n), ' ', RPC_BODY_MAX - strlen(GOOD));
	x.body = buf_span(&body);
	rpc_reply_read(&r, &x, &id, 1);
	ck_assert_int_eq(r.answer[0].class, RPC_OK);
	rpc_reply_free(&r);
	buf_byte(&body, ' ');
	x.body = buf_span(&body);
	rpc_reply_read(&r, &x, &id, 1);
	ck_assert_int_eq(r.answer[0].class, RPC_GARBAGE);
	ck_assert_str_eq(r.answer[0].text, "answer over the limit");
	rpc_reply_free(&r);
	buf_free(&body);
}
END_TEST

/* Whatever a proxy says to two calls at once: with which status are they sent one by one? */
static const struct { int status; bool is_refused; } pages[] = {
	{ 400, true }, { 403, true }, { 413, true }, { 499, true }, { 500, false }, { 502, false }, { 302, false }, { 200, false }, { 429, false },
};

START_TEST(pages_for_batches)
{
	struct rpc_exchange x = { .status = pages[_i].status, .body = SPAN_LIT("<html>no</html>") };
	struct rpc_reply r;
	uint64_t ids[] = { 7, 8 };

	rpc_reply_read(&r, &x, ids, 2);
	ck_assert_int_eq(r.is_batch_refused, pages[_i].is_refused);
	ck_assert_int_ne(r.answer[1].class, RPC_OK);
	rpc_reply_free(&r);
	rpc_reply_read(&r, &x, ids, 1);
	ck_assert_msg(!r.is_batch_refused, "one call is no batch");
	rpc_reply_free(&r);
}
END_TEST

#define ERROR(code, message) "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":" code ",\"message\":\"" message "\"}}"

static const struct { const char *body, *text; enum rpc_class class; } texts[] = {
	{ "3", "an answer is an object", RPC_GARBAGE },
	{ "{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":1}", "an answer has its call's id", RPC_GARBAGE },
	{ "{\"jsonrpc\":\"2.0\",\"id\":7.0,\"result\":1}", "an answer has its call's id", RPC_GARBAGE },
	{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":\"x\",\"message\":\"rate limit\"}}", "an error has a code and a message", RPC_GARBAGE },
	{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":429}}", "an error has a code and a message", RPC_GARBAGE },
	{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":null}", "an error has a code and a message", RPC_GARBAGE },
	{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32005,\"message\":\"block not found\"}}", "error -32005: block not found", RPC_BEHIND },
	{ ERROR("-1", "Too Wide"), "error -1: Too Wide", RPC_TOO_LARGE },
	/* Where several words or a code could decide. */
	{ ERROR("-32614", "?"), "error -32614: ?", RPC_TOO_LARGE },
	{ ERROR("-32000", "rate limit exceeded"), "error -32000: rate limit exceeded", RPC_THROTTLED },
	{ ERROR("-32000", "your request rate exceeds the plan"), "error -32000: your request rate exceeds the plan", RPC_THROTTLED },
};

START_TEST(answers_and_what_is_said_of_them)
{
	struct rpc_exchange x = { .status = 200, .body = span_str(texts[_i].body) };
	struct rpc_reply r;
	uint64_t id = 7;

	rpc_reply_read(&r, &x, &id, 1);
	ck_assert_int_eq(r.answer[0].class, texts[_i].class);
	ck_assert_str_eq(r.answer[0].text, texts[_i].text);
	rpc_reply_free(&r);
}
END_TEST

START_TEST(an_id_is_a_number)
{
	struct rpc_exchange x = { .status = 200, .body = SPAN_LIT("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":1}") };
	struct rpc_reply r;
	uint64_t id = 0;

	rpc_reply_read(&r, &x, &id, 1);
	ck_assert_int_eq(r.answer[0].class, RPC_GARBAGE);
	rpc_reply_free(&r);
}
END_TEST

START_TEST(transport_failures)
{
	struct rpc_exchange x = { .net = ERR_LIMIT, .net_text = "too much", .status = 200, .body = SPAN_LIT(GOOD) };
	struct rpc_reply r;
	uint64_t id = 7;

	rpc_reply_read(&r, &x, &id, 1);
	ck_assert_int_eq(r.answer[0].class, RPC_GARBAGE);
	ck_assert_str_eq(r.answer[0].text, "too much");
	rpc_reply_free(&r);
	x.net = ERR_NET;
	x.net_text = NULL;
	rpc_reply_read(&r, &x, &id, 1);
	ck_assert_int_eq(r.answer[0].class, RPC_DOWN);
	ck_assert_str_eq(r.answer[0].text, "no answer");
	rpc_reply_free(&r);
}
END_TEST

/* --- names and entries --- */

/* The contract's longest, and one more of each. */
static const struct { enum entry_kind kind; size_t most; } longest[] = {
	{ ENTRY_REGISTERED, PRODUCT_NAME_MAX }, { ENTRY_RELEASE, MANIFEST_MAX }, { ENTRY_REVOKED, REASON_MAX }, { ENTRY_FLOOR, REASON_MAX },
	{ ENTRY_SIGNERS, COSE_KEY_MAX },
};

START_TEST(entries_no_longer_than_the_contract_has_them)
{
	static uint8_t bytes[MANIFEST_MAX + 1];
	enum entry_kind kind = longest[_i].kind;

	for (size_t more = 0; more < 2; more++) {
		struct buf data = BUF_INIT(8192);
		struct record r = { .topics_n = kind == ENTRY_RELEASE ? 4 : kind == ENTRY_SIGNERS ? 2 : 3 };
		struct span key = SPAN(bytes, longest[_i].most + more);
		struct abi_arg args[4] = { ABI_UINT(0), ABI_UINT(1), ABI_BYTES(key) };
		struct entry entry;

		if (kind == ENTRY_SIGNERS) {
			args[2] = ABI_UINT(1);
			args[3] = ABI_LIST(&key, 1);
		}
		r.topics[0] = entry_topic(kind);
		abi_encode(&data, args, kind == ENTRY_SIGNERS ? 4 : 3);
		r.data = buf_span(&data);
		ck_assert_int_eq(entry_decode(&r, &entry, NULL), more ? ERR_FORMAT : ERR_OK);
		buf_free(&data);
	}
}
END_TEST

/* Values of topics have to fit their types, each of them. */
static const struct { enum entry_kind kind; unsigned topic; } wide[] = {
	{ ENTRY_REGISTERED, 2 }, { ENTRY_PUBLISHER, 2 }, { ENTRY_RELEASE, 2 }, { ENTRY_RELEASE, 3 }, { ENTRY_REVOKED, 2 }, { ENTRY_FLOOR, 2 },
	{ ENTRY_OWNER, 2 }, { ENTRY_OWNER, 3 },
};

START_TEST(topics_fit_their_types)
{
	enum entry_kind kind = wide[_i].kind;
	struct buf data = BUF_INIT(8192);
	struct record r = { .topics_n = kind == ENTRY_RELEASE || kind == ENTRY_OWNER ? 4 : 3, .topics[0] = entry_topic(kind) };
	struct abi_arg args[3] = { ABI_UINT(0), ABI_UINT(1), kind == ENTRY_PUBLISHER ? ABI_BOOL(true) : ABI_BYTES(SPAN_LIT("x")) };
	struct entry entry = { .time = 7 };

	abi_encode(&data, args, kind == ENTRY_OWNER ? 2 : 3);
	r.data = buf_span(&data);
	ck_assert_int_eq(entry_decode(&r, &entry, NULL), ERR_OK);
	r.topics[wide[_i].topic].b[0] = 1;
	entry.time = 7;
	ck_assert_int_eq(entry_decode(&r, &entry, NULL), ERR_FORMAT);
	ck_assert_uint_eq(entry.time, 7);
	buf_free(&data);
}
END_TEST

START_TEST(a_record_without_topics_is_no_entry)
{
	struct record r = { .topics_n = 0, .topics[0] = entry_topic(ENTRY_REGISTERED) };
	struct entry entry;
	struct err e = { 0 };

	ck_assert_int_eq(entry_decode(&r, &entry, &e), ERR_FORMAT);
	ck_assert_str_eq(e.msg, "entry: not an event of the registry");
}
END_TEST

/* --- places in a track --- */

static struct record in_block(uint64_t block, uint64_t prev, struct buf *data)
{
	abi_encode(data, (struct abi_arg[]){ ABI_UINT(prev), ABI_UINT(1) }, 2);
	return (struct record){ .block = block, .topics_n = 2, .data = buf_span(data) };
}

static const struct { const char *what; uint64_t block, prev; uint8_t high; int rc; } places[] = {
	{ "after the one that we have", 9, 5, 0, ERR_OK },
	{ "in the same block", 5, 5, 0, ERR_OK },
	{ "before it", 4, 5, 0, ERR_RULE },
	{ "it names another one", 9, 6, 0, ERR_RULE },
	{ "it names no block", 9, 5, 1, ERR_FORMAT },
};

START_TEST(places_of_records)
{
	static const struct addr20 owner = { { 1 } };
	struct hash32 head = { { 1 } };
	struct buf data = BUF_INIT(256);
	struct records got = { .n = 0 };
	struct record r = in_block(places[_i].block, places[_i].prev, &data);
	struct track t;

	data.p[0] = places[_i].high;
	track_init(&t, &owner, "acme/one");
	ck_assert_int_eq(track_append(&t, &head, 5, NULL), ERR_OK);
	ck_assert_int_eq(records_add(&got, &r, NULL), ERR_OK);
	ck_assert_msg(track_places(&t, 1, &got, NULL) == places[_i].rc, "%s", places[_i].what);
	records_free(&got);
	track_fini(&t);
	buf_free(&data);
}
END_TEST

/* Records link to a position that we hold, and to no other. */
START_TEST(links_within_the_track)
{
	static const struct addr20 owner = { { 1 } };
	struct hash32 heads[4] = { { { 0 } } };
	struct buf data = BUF_INIT(256);
	struct record r = in_block(9, 5, &data);
	struct records got = { .n = 0 }, none = { .n = 0 };
	struct product_words w = { .last_block = 9 };
	struct track t;

	for (int i = 1; i < 4; i++) {
		heads[i] = heads[i - 1];
		record_extend(&heads[i], &r);
	}
	track_init(&t, &owner, "acme/one");
	t.final = (struct product_words){ .head = heads[1], .entries = 1, .last_block = 9 };
	ck_assert_int_eq(track_append(&t, &heads[2], 5, NULL), ERR_OK);
	ck_assert_int_eq(records_add(&got, &r, NULL), ERR_OK);
	w.head = heads[3];
	w.entries = 3;
	ck_assert_uint_eq(track_link(&t, &w, &got), 2);
	t.marks[0].block = 6;
	ck_assert_msg(track_link(&t, &w, &got) == TRACK_NOWHERE, "the entry before has moved");
	w.head = heads[2];
	w.entries = 2;
	ck_assert_msg(track_link(&t, &w, &got) == 1, "what is final does not move");
	ck_assert_uint_eq(track_link(&t, &w, &none), 2);
	w.head = heads[1];
	w.entries = 1;
	ck_assert_msg(track_link(&t, &w, &got) == TRACK_NOWHERE, "below what is final");
	w.entries = 4;
	ck_assert_msg(track_link(&t, &w, &got) == TRACK_NOWHERE, "above what we hold");
	w.entries = 0;
	ck_assert_msg(track_link(&t, &w, &got) == TRACK_NOWHERE, "more records than entries");
	track_settle(&t, 2, &(struct product_words){ .head = heads[2], .entries = 2, .last_block = 9 });
	ck_assert_uint_eq(track_end(&t), 2);
	ck_assert_uint_eq(t.n, 0);
	records_free(&got);
	track_fini(&t);
	buf_free(&data);
}
END_TEST

/* It cannot be said to have moved, then: it is linked, and refused for its shape. */
START_TEST(a_link_that_names_no_block)
{
	static const struct addr20 owner = { { 1 } };
	struct hash32 head = { { 1 } };
	struct buf data = BUF_INIT(256);
	struct records got = { .n = 0 };
	struct record r = in_block(90, 5, &data);
	struct product_words w = { .head = head, .entries = 2, .last_block = 90 };
	struct track t;

	data.p[0] = 1;
	track_init(&t, &owner, "acme/one");
	ck_assert_int_eq(track_append(&t, &head, 77, NULL), ERR_OK);
	ck_assert_int_eq(records_add(&got, &r, NULL), ERR_OK);
	record_extend(&w.head, &r);
	ck_assert_uint_eq(track_link(&t, &w, &got), 1);
	ck_assert_int_eq(track_places(&t, 1, &got, NULL), ERR_FORMAT);
	records_free(&got);
	track_fini(&t);
	buf_free(&data);
}
END_TEST

/* Places count as well as data do. */
START_TEST(a_history_of_many_small_records)
{
	struct record r = { .block = 1, .topics_n = 2, .data = SPAN_LIT("data") };
	struct records a = { .n = 0 }, b = { .n = 0 };

	ck_assert_int_eq(records_add(&a, &r, NULL), ERR_OK);
	ck_assert_int_eq(records_add(&b, &r, NULL), ERR_OK);
	ck_assert_uint_eq(a.bytes, 4);
	a.bytes += RECORDS_HELD_MAX - 2 * sizeof r - 8 + 1;
	ck_assert_int_eq(records_prepend(&a, &b, NULL), ERR_LIMIT);
	a.bytes--;
	ck_assert_int_eq(records_prepend(&a, &b, NULL), ERR_OK);
	ck_assert_uint_eq(a.bytes, RECORDS_HELD_MAX - 2 * sizeof r);
	records_free(&a);
}
END_TEST

/* --- standing --- */

START_TEST(claims_are_bounded)
{
	static struct claims c;
	struct header h = { .number = 0 };

	for (h.number = 0; h.number < CLAIMS_MAX + 3; h.number++)
		claims_add(&c, 1, &h);
	ck_assert_uint_eq(c.n, CLAIMS_MAX);
	ck_assert_ptr_null(claims_find(&c, 1, CLAIMS_MAX));
	ck_assert_ptr_nonnull(claims_find(&c, 1, CLAIMS_MAX - 1));
	ck_assert_ptr_null(claims_find(&c, 2, 5));
	h = (struct header){ .number = 5, .time = 9 };
	claims_add(&c, 1, &h);			/* a full table still takes another word on what is there */
	ck_assert_uint_eq(claims_find(&c, 1, 5)->time, 9);
}
END_TEST

/* A claim counts for its own number, whatever its hash; and a header that was agreed on is one of that number. */
START_TEST(votes_are_for_a_number)
{
	static const uint8_t operators[] = { 0, 1, 2, 3 };
	struct voters v = { .n = 4, .operator_of = operators, .quorum = 2, .may_vote = { true, true, true, true }, .says = { 9, 9, 9, 9 } };
	struct header at8 = { .number = 8, .hash = { { 1 } } }, at9 = { .number = 9, .hash = { { 1 } } };
	const struct header *h = NULL;
	struct claims c = { .n = 0 };
	uint64_t numbers[RECENT_CANDIDATES];
	size_t p;

	claims_add(&c, 3, &at8);
	claims_add(&c, 0, &at9);
	ck_assert_int_eq(vote_at(&c, &v, 9, &h), VOTE_NONE);
	claims_add(&c, 1, &at9);
	ck_assert_int_eq(vote_at(&c, &v, 9, &h), VOTE_AGREED);
	ck_assert_uint_eq(h->number, 9);
	at9.hash.b[0] = 2;
	claims_add(&c, 2, &at9);
	claims_add(&c, 3, &at9);
	at9.hash.b[0] = 1;
	ck_assert(vote_dissenter(&c, &v, 9, &at9.hash, 0, &p) && p == 2);
	ck_assert(vote_dissenter(&c, &v, 9, &at9.hash, 3, &p) && p == 3);
	ck_assert(!vote_dissenter(&c, &v, 9, &at9.hash, 4, &p));
	v.says[0] = 8;
	v.may_vote[0] = false;
	ck_assert_uint_eq(vote_candidates(&v, numbers, RECENT_CANDIDATES), 1);	/* who may not vote names no number either */
	ck_assert_uint_eq(numbers[0], 9);
}
END_TEST

static struct provider fresh(void)
{
	struct provider p;

	provider_init(&p, "one", "");
	p.identity = IDENTITY_RIGHT;
	return p;
}

/* Caught again while quarantined: it begins anew, but it is known since when. */
START_TEST(caught_twice)
{
	struct provider p = fresh();
	int64_t now = 5000;

	provider_quarantine(&p, "a lie", now, 100);
	ck_assert(!provider_is_usable(&p, INT64_MAX));
	ck_assert(p.honesty < 1);
	ck_assert_int_eq(p.probe_at_ms, now + 100);
	for (int i = 0; i < QUARANTINE_AGREEMENTS - 1; i++)
		ck_assert(!provider_probed(&p, true, now + i, 100));
	ck_assert_int_eq(p.probe_at_ms, now + QUARANTINE_AGREEMENTS - 2 + 100);
	provider_quarantine(&p, "another lie", 6000, 100);
	ck_assert_int_eq(p.quarantined_ms, 5000);
	ck_assert_str_eq(p.quarantine, "another lie");
	ck_assert_int_eq(p.probe_at_ms, 6100);
	for (int i = 0; i < QUARANTINE_AGREEMENTS - 1; i++)
		ck_assert(!provider_probed(&p, true, 7000, 100));
	ck_assert(!provider_probed(&p, false, 7000, 100));
	for (int i = 0; i < QUARANTINE_AGREEMENTS - 1; i++)
		ck_assert(!provider_probed(&p, true, 7000, 100));
	ck_assert(provider_probed(&p, true, 7000, 100));
	ck_assert_int_eq(provider_state(&p), PROVIDER_OK);
	ck_assert(p.honesty > 0.5 && p.honesty < 1);
	provider_fini(&p);
}
END_TEST

/* Contradictions count by how many and for how long, and are forgotten after a time in order. */
START_TEST(contradictions)
{
	struct provider p = fresh();
	int64_t now = 1000000000;
	unsigned n = 0;

	while (n < 20 && !provider_contradicts(&p, "x", now))
		n++;
	ck_assert_msg(n == 20, "many at once are a load balancer's");
	ck_assert(!provider_contradicts(&p, "x", now + WATCH_ODD_S * 1000 - 1));
	ck_assert(provider_contradicts(&p, "x", now + WATCH_ODD_S * 1000));
	while (p.honesty < 0.95)
		provider_in_order(&p);
	for (int i = 0; i < 12; i++)
		ck_assert_msg(!provider_contradicts(&p, "x", now + 10 * WATCH_ODD_S * 1000), "what was long ago is forgotten");
	provider_fini(&p);
	p = fresh();
	for (int i = 0; i < 6; i++)
		ck_assert_msg(!provider_contradicts(&p, "x", now + i * WATCH_ODD_S * 1000), "few");
	ck_assert(provider_contradicts(&p, "x", now + 6 * WATCH_ODD_S * 1000));
	provider_fini(&p);
}
END_TEST

/* Each failure waits longer, at most; one good answer ends that. */
START_TEST(backs_off_longer_each_time)
{
	struct provider p = fresh();
	struct provider_outcome bad = { .class = RPC_DOWN, .text = "", .random = 0 }, ok = { .class = RPC_OK, .text = "" };
	int64_t at = 5000;
	double before;

	for (int i = 0; i < 6; i++) {
		bad.random = UINT64_C(1000) << i;		/* the longest wait of this try */
		provider_note(&p, &bad, at);
		ck_assert_int_eq(p.retry_at_ms, at + (1000 << i));
		at = p.retry_at_ms;
		ck_assert(!provider_is_usable(&p, at - 1) && provider_is_usable(&p, at));
	}
	before = p.availability;
	provider_note(&p, &ok, at - 1);			/* an answer that was on its way */
	ck_assert(p.availability > before);
	ck_assert(provider_is_usable(&p, at - 1));
	bad.random = 1001;			/* one more than the longest wait of a first try: none */
	provider_note(&p, &bad, at);
	ck_assert_int_eq(p.retry_at_ms, at);
	ck_assert_int_eq(backoff_full_jitter(1000, 60000, 3, 0), 0);
	ck_assert_int_eq(backoff_full_jitter(1000, 60000, 3, 8000), 8000);
	ck_assert_int_eq(backoff_full_jitter(1000, 60000, 3, 8001 + 17), 17);
	ck_assert_int_eq(backoff_full_jitter(1000, 60000, 63, 60000), 60000);
	provider_fini(&p);
}
END_TEST

/* Whoever was away is asked again who it is; whoever was of another chain stays so until it is looked at. */
START_TEST(identities)
{
	struct provider p = fresh();
	struct provider_outcome bad = { .class = RPC_GARBAGE, .text = "" };

	provider_note(&p, &bad, 0);
	ck_assert_int_eq(p.identity, IDENTITY_RIGHT);
	bad.class = RPC_DOWN;
	provider_note(&p, &bad, 0);
	ck_assert_int_eq(p.identity, IDENTITY_UNKNOWN);
	p.identity = IDENTITY_FOREIGN;
	provider_note(&p, &bad, 0);
	ck_assert_int_eq(p.identity, IDENTITY_FOREIGN);
	ck_assert(!provider_is_usable(&p, INT64_MAX));
	provider_fini(&p);
}
END_TEST

#define LOOP(tc, test, rows) tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *s = suite_create("reading");
	TCase *t = tcase_create("answers"), *p = tcase_create("parts");
	SRunner *run;
	int failed;

	json_budget_install();
	tcase_set_timeout(t, 120);
	tcase_set_timeout(p, 120);
	LOOP(t, real_blocks, blocks);
	tcase_add_test(t, block_shapes);
	tcase_add_test(t, mainnet_proof);
	LOOP(t, spoiled_account_proofs, spoiled);
	LOOP(t, spoiled_word_proofs, spoiled);
	LOOP(t, claims_beside_a_proof, claims);
	tcase_add_test(t, as_many_words_as_keys);
	LOOP(t, log_rows, logs);
	tcase_add_test(t, as_many_rows_as_allowed);
	tcase_add_test(t, body_limit);
	LOOP(t, pages_for_batches, pages);
	LOOP(t, answers_and_what_is_said_of_them, texts);
	tcase_add_test(t, an_id_is_a_number);
	tcase_add_test(t, transport_failures);
	LOOP(p, entries_no_longer_than_the_contract_has_them, longest);
	LOOP(p, topics_fit_their_types, wide);
	tcase_add_test(p, a_record_without_topics_is_no_entry);
	LOOP(p, places_of_records, places);
	tcase_add_test(p, links_within_the_track);
	tcase_add_test(p, a_link_that_names_no_block);
	tcase_add_test(p, a_history_of_many_small_records);
	tcase_add_test(p, claims_are_bounded);
	tcase_add_test(p, votes_are_for_a_number);
	tcase_add_test(p, caught_twice);
	tcase_add_test(p, contradictions);
	tcase_add_test(p, backs_off_longer_each_time);
	tcase_add_test(p, identities);
	tcase_add_test(p, budget_to_the_last_byte);
	suite_add_tcase(s, t);
	suite_add_tcase(s, p);
	run = srunner_create(s);
	srunner_run_all(run, CK_NORMAL);
	failed = srunner_ntests_failed(run);
	srunner_free(run);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
