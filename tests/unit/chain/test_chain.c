/* test_chain.c: the follower's parts by themselves: entries, JSON, classification, votes, reading answers. */
#include "chain/entry.h"
#include "chain/json.h"
#include "chain/pace.h"
#include "chain/provider.h"
#include "chain/read.h"
#include "chain/rpc.h"
#include "chain/track.h"
#include "chain/vote.h"
#include "base/hex.h"
#include "formats/abi.h"
#include "formats/keccak.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* --- entries --- */

static const struct addr20 owner = { { 0xaa } }, other = { { 0xbb } };

static struct hash32 topic_of(const struct addr20 *a)
{
	struct hash32 h = { { 0 } };

	memcpy(h.b + 12, a->b, 20);
	return h;
}

/* A record of each kind, as the contract emits it. */
static struct record make(enum entry_kind kind, struct buf *data)
{
	static const struct span keys[] = { { (const uint8_t *)"k1", 2 }, { (const uint8_t *)"key2", 4 } };
	static const uint8_t words[ENTRY_KINDS] = { 3, 3, 4, 3, 3, 3, 2 };
	static const uint8_t topics[ENTRY_KINDS] = { 3, 3, 2, 4, 3, 3, 4 };
	struct record r = { .block = 9, .topics_n = topics[kind] };
	struct abi_arg args[4] = { ABI_UINT(7), ABI_UINT(1700000000) };

	r.topics[0] = entry_topic(kind);
	r.topics[1] = (struct hash32){ { 1, 2, 3 } };
	r.topics[2] = kind == ENTRY_RELEASE || kind == ENTRY_REVOKED || kind == ENTRY_FLOOR ?
		(struct hash32){ { [31] = 5 } } : topic_of(&owner);
	r.topics[3] = topic_of(&other);
	args[2] = ABI_BYTES(SPAN_LIT("acme/one"));
	if (kind == ENTRY_PUBLISHER)
		args[2] = ABI_BOOL(true);
	if (kind == ENTRY_SIGNERS) {
		args[2] = ABI_UINT(2);
		args[3] = ABI_LIST(keys, 2);
	}
	buf_reset(data);
	abi_encode(data, args, words[kind]);
	r.data = buf_span(data);
	return r;
}

START_TEST(entries)
{
	struct buf data = BUF_INIT(8192);
	struct record r = make((enum entry_kind)_i, &data);
	struct entry e;
	struct err err = { 0 };
	uint64_t prev;

	ck_assert_msg(entry_decode(&r, &e, &err) == ERR_OK, "%s: %s", entry_kind_name((enum entry_kind)_i), err.msg);
	ck_assert_int_eq(e.kind, _i);
	ck_assert_uint_eq(e.prev_block, 7);
	ck_assert_uint_eq(e.time, 1700000000);
	ck_assert_int_eq(record_prev_block(&r, &prev, NULL), ERR_OK);
	ck_assert_uint_eq(prev, 7);
	switch (e.kind) {
	case ENTRY_REGISTERED:
		ck_assert(addr20_eq(&e.registered.registrant, &owner) && span_is(e.registered.name, "acme/one"));
		break;
	case ENTRY_PUBLISHER:
		ck_assert(addr20_eq(&e.publisher.publisher, &owner) && e.publisher.is_allowed);
		break;
	case ENTRY_SIGNERS:
		ck_assert(e.signers.threshold == 2 && e.signers.n == 2 && span_is(e.signers.keys[1], "key2"));
		break;
	case ENTRY_RELEASE:
		ck_assert(e.release.sequence == 5 && addr20_eq(&e.release.publisher, &other) &&
			  span_is(e.release.manifest, "acme/one"));
		break;
	case ENTRY_REVOKED:
		ck_assert(e.revoked.sequence == 5 && span_is(e.revoked.reason, "acme/one"));
		break;
	case ENTRY_FLOOR:
		ck_assert(e.floor.floor == 5 && span_is(e.floor.reason, "acme/one"));
		break;
	case ENTRY_OWNER:
		ck_assert(addr20_eq(&e.owner.from, &owner) && addr20_eq(&e.owner.to, &other));
		break;
	case ENTRY_KINDS:
		ck_abort();
	}
	/* What the contract cannot have emitted. */
	r.topics_n--;
	ck_assert_int_eq(entry_decode(&r, &e, NULL), ERR_FORMAT);
	r.topics_n++;
	r.topics[0].b[0] ^= 1;
	ck_assert_int_eq(entry_decode(&r, &e, NULL), ERR_FORMAT);
	r.topics[0].b[0] ^= 1;
	r.data.n -= 32;
	ck_assert_int_eq(entry_decode(&r, &e, NULL), ERR_FORMAT);
	r.data.n += 32;
	if (r.topics_n > 2) {
		r.topics[2].b[0] = 1;
		ck_assert_int_eq(entry_decode(&r, &e, NULL), ERR_FORMAT);
	}
	buf_free(&data);
}
END_TEST

/* The head by hand: one keccak over everything in a row. */
START_TEST(heads)
{
	struct buf data = BUF_INIT(8192), all = BUF_INIT(8192);
	struct record r = make(ENTRY_RELEASE, &data);
	struct hash32 head = { { 0 } }, want, d = keccak256(r.data);

	buf_add(&all, SPAN_OF(head));
	buf_add(&all, SPAN(r.topics, 4 * 32));
	buf_add(&all, SPAN_OF(d));
	want = keccak256(buf_span(&all));
	record_extend(&head, &r);
	ck_assert(hash32_eq(&head, &want));
	buf_free(&data);
	buf_free(&all);
}
END_TEST

START_TEST(storage)
{
	struct hash32 id = { { 0 } }, packed, zero = { { 0 } }, slot;
	struct product_slots s = product_slots(&id);
	struct product_words w;
	char text[HEX32_MAX];

	/* keccak256 of 64 zero bytes, and of uint256(1): known to everyone who has read storage by hand. */
	ck_assert_str_eq(hex_0x(SPAN_OF(s.head), text), "0xad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5");
	ck_assert_uint_eq(s.packed.b[31], 0xb6);
	slot = ids_slot(0);
	ck_assert_str_eq(hex_0x(SPAN_OF(slot), text), "0xb10e2d527612073b26eecdfd717e6a320cf44b4afac2b0732d9fcbe2b7fa0cf6");
	slot = ids_slot(10);
	ck_assert_str_eq(hex_0x(SPAN_OF(slot), text), "0xb10e2d527612073b26eecdfd717e6a320cf44b4afac2b0732d9fcbe2b7fa0d00");
	ck_assert_int_eq(hex_read(span_str("0001" "0002" "00000003" "0000000000000004" "0000000000000005" "0000000000000006"),
				  packed.b, 32, NULL), ERR_OK);
	w = product_words(&zero, &packed);
	ck_assert(w.epoch == 1 && w.threshold == 2 && w.entries == 3 && w.last_block == 4 && w.floor == 5 && w.sequence == 6);
}
END_TEST

static const struct { const char *name; bool is_valid; } names[] = {
	{ "acme/thermostat", true }, { "a/b", true }, { "0.9/x_y-z.1", true }, { "acme", false }, { "acme/", false },
	{ "/x", false }, { "Acme/x", false }, { "acme/.x", false }, { "acme/x/y", false }, { "acme/x y", false }, { "", false },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b", true }, { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b", false }, { "-a/b", false },
};

START_TEST(product_names)
{
	ck_assert_msg(product_name_is_valid(span_str(names[_i].name)) == names[_i].is_valid, "%s", names[_i].name);
}
END_TEST

/* --- JSON --- */

static json_t *parse(const char *text)
{
	struct err e = { 0 };
	json_t *j = json_parse(span_str(text), &e);

	ck_assert_msg(j != NULL, "%s", e.msg);
	return j;
}

static const struct { const char *rule, *json; int rc; uint64_t value; } quantities[] = {
	{ "zero", "\"0x0\"", ERR_OK, 0 }, { "hex", "\"0x1fF\"", ERR_OK, 511 },
	{ "all 64 bits", "\"0xffffffffffffffff\"", ERR_OK, UINT64_MAX },
	{ "no leading zero", "\"0x01\"", ERR_FORMAT, 0 }, { "a digit at least", "\"0x\"", ERR_FORMAT, 0 },
	{ "64 bits at most", "\"0x10000000000000000\"", ERR_FORMAT, 0 }, { "with 0x", "\"12\"", ERR_FORMAT, 0 },
	{ "a small x", "\"0X1\"", ERR_FORMAT, 0 }, { "a string", "12", ERR_FORMAT, 0 }, { "no sign", "\"0x-1\"", ERR_FORMAT, 0 },
	{ "no space", "\"0x 1\"", ERR_FORMAT, 0 }, { "hex digits only", "\"0xg\"", ERR_FORMAT, 0 },
};

START_TEST(strict_quantities)
{
	json_t *j = parse(quantities[_i].json);
	uint64_t v = 0;

	ck_assert_msg(json_quantity(j, &v, NULL) == quantities[_i].rc, "%s", quantities[_i].rule);
	ck_assert_uint_eq(v, quantities[_i].value);
	json_decref(j);
}
END_TEST

START_TEST(words_and_data)
{
	json_t *j = parse("[\"0x5\",\"0x0000000000000000000000000000000000000000000000000000000000000005\",\"0x\",\"0xabc\",\"0xabcd\"]");
	struct hash32 a, b;
	uint8_t out[2];
	size_t n;

	ck_assert_int_eq(json_word(json_array_get(j, 0), &a, NULL), ERR_OK);
	ck_assert_int_eq(json_word(json_array_get(j, 1), &b, NULL), ERR_OK);
	ck_assert(hash32_eq(&a, &b) && a.b[31] == 5);
	ck_assert_int_eq(json_word(json_array_get(j, 2), &a, NULL), ERR_FORMAT);
	ck_assert_int_eq(json_data(json_array_get(j, 2), out, 2, &n, NULL), ERR_OK);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(json_data(json_array_get(j, 3), out, 2, &n, NULL), ERR_FORMAT);
	ck_assert_int_eq(json_data(json_array_get(j, 4), out, 2, &n, NULL), ERR_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(json_data(json_array_get(j, 4), out, 1, &n, NULL), ERR_LIMIT);
	json_decref(j);
}
END_TEST

START_TEST(json_budget)
{
	struct buf wide = BUF_INIT(8 << 20), deep = BUF_INIT(8 << 20);
	struct err e = { 0 };
	json_t *j;

	buf_byte(&wide, '[');
	for (int i = 0; i < 300000; i++)
		buf_str(&wide, i ? ",{}" : "{}");
	buf_byte(&wide, ']');
	for (int i = 0; i < 1000000; i++)
		buf_byte(&deep, '[');
	ck_assert_ptr_null(json_parse(buf_span(&wide), &e));
	ck_assert_int_eq(e.code, ERR_LIMIT);
	ck_assert_uint_le(json_budget_peak(), RPC_JSON_HEAP_MAX + 4096);
	ck_assert_ptr_null(json_parse(buf_span(&deep), &e));
	ck_assert_int_eq(e.code, ERR_FORMAT);
	ck_assert_ptr_null(json_parse(SPAN_LIT("{\"a\":1,\"a\":2}"), &e));
	ck_assert_ptr_null(json_parse(SPAN_LIT("{} {}"), &e));
	ck_assert_ptr_null(json_parse(SPAN(NULL, 0), &e));
	ck_assert_str_eq(e.msg, "JSON: there is not a byte");
	ck_assert_ptr_null(json_parse(SPAN_LIT("secretkey"), &e));
	ck_assert_str_eq(e.msg, "JSON: invalid token");		/* no word of the text */
	/* Outside of json_parse nothing is counted, and the next parse has its whole budget again. */
	j = json_array();
	for (int i = 0; i < 300000; i++)
		ck_assert_int_eq(json_array_append_new(j, json_object()), 0);
	json_decref(j);
	j = parse("[1,2,3]");
	json_decref(j);
	buf_free(&wide);
	buf_free(&deep);
}
END_TEST

/* --- classification --- */

/* Bodies and messages as nodes and large providers write them. */
static const struct { const char *what; int status; const char *body; enum rpc_class class; } replies[] = {
	{ "a result", 200, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x1\"}", RPC_OK },
	{ "a null result", 200, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":null}", RPC_OK },
	{ "a null error beside a result", 200, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":1,\"error\":null}", RPC_OK },
	{ "another version", 200, "{\"jsonrpc\":\"1.0\",\"id\":7,\"result\":1}", RPC_GARBAGE },
	{ "an id as text", 200, "{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":1}", RPC_GARBAGE },
	{ "no id", 200, "{\"jsonrpc\":\"2.0\",\"result\":1}", RPC_GARBAGE },
	{ "an error of a service in front, without id or version", 403, "{\"error\":{\"code\":-32701,\"message\":\"pruned\"}}", RPC_PRUNED },
	{ "the same with an id has a version too", 403, "{\"id\":7,\"error\":{\"code\":-32701,\"message\":\"pruned\"}}", RPC_GARBAGE },
	{ "any words with 503", 503, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-1,\"message\":\"oh\"}}", RPC_DOWN },
	{ "any words with 200", 200, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-1,\"message\":\"oh\"}}", RPC_REFUSED },
	{ "known words with 503", 503, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":4444,\"message\":\"oh\"}}", RPC_PRUNED },
	{ "402: nothing left of the plan", 402, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-1,\"message\":\"oh\"}}", RPC_THROTTLED },
	{ "an error without code", 200, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"message\":\"x\"}}", RPC_GARBAGE },
	{ "an error that is text", 200, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":\"x\"}", RPC_GARBAGE },
	{ "an array for a call", 200, "[]", RPC_GARBAGE },
	{ "an empty body", 200, "", RPC_GARBAGE },
	{ "a 404 page", 404, "<html>", RPC_DOWN },
	{ "503", 503, "", RPC_DOWN },
	{ "429 with a page", 429, "<html>", RPC_THROTTLED },
	{ "413", 413, "", RPC_TOO_LARGE },
	{ "a redirect", 307, "", RPC_GARBAGE },
	{ "an error under HTTP 400", 400, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32601,\"message\":\"nope\"}}", RPC_UNSUPPORTED },
	{ "an error with id null", 200, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":429,\"message\":\"slow down\"}}", RPC_THROTTLED },
};

START_TEST(classifies_replies)
{
	struct rpc_exchange x = { .status = replies[_i].status, .body = span_str(replies[_i].body) };
	struct rpc_reply r;
	uint64_t id = 7;

	rpc_reply_read(&r, &x, &id, 1);
	ck_assert_msg(r.answer[0].class == replies[_i].class, "%s: %s", replies[_i].what, rpc_class_name(r.answer[0].class));
	rpc_reply_free(&r);
}
END_TEST

static const struct { int code; const char *message; enum rpc_class class; } errors[] = {
	{ -32601, "the method eth_getProof does not exist/is not available", RPC_UNSUPPORTED },
	{ -32000, "Method not supported", RPC_UNSUPPORTED },
	{ -32005, "query returned more than 10000 results", RPC_TOO_LARGE },
	{ -32005, "daily request count exceeded, request rate limited", RPC_THROTTLED },
	{ -32005, "limit exceeded", RPC_TOO_LARGE },
	{ -32005, "???", RPC_THROTTLED },
	{ -32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range", RPC_TOO_LARGE },
	{ -32000, "exceed maximum block range: 5000", RPC_TOO_LARGE },
	{ -32614, "eth_getLogs is limited to a 10,000 range: block range is too wide", RPC_TOO_LARGE },
	{ -32000, "query timeout exceeded", RPC_TOO_LARGE },
	{ 429, "Your app has exceeded its compute units per second capacity", RPC_THROTTLED },
	{ -32016, "over rate limit", RPC_THROTTLED },
	{ -32000, "missing trie node 00ff (path ) state 0x00 is not available", RPC_PRUNED },
	{ -32000, "distance to target block exceeds maximum proof window", RPC_PRUNED },
	{ 4444, "pruned history unavailable", RPC_PRUNED },
	{ -32000, "requested block is too old, block must be within 1000 blocks of the head block number (currently 22237523)", RPC_PRUNED },
	{ -32000, "proofs are available only for the 'latest' block", RPC_PRUNED },
	{ -32701, "History has been pruned for this block", RPC_PRUNED },
	{ -32000, "state 0xabc is not available", RPC_PRUNED },
	{ -32000, "state histories haven't been fully indexed yet", RPC_PRUNED },
	{ -32001, "block #5 is not available, history has expired (earliest available: #100)", RPC_PRUNED },
	{ -32603, "no state found for block 0xabc", RPC_PRUNED },
	{ -32603, "insufficient changesets to revert to block #5. Available changeset range: 10..=20", RPC_PRUNED },
	{ -32002, "Access to archival, debug, or trace data is not included in your current plan", RPC_PRUNED },
	{ 27, "Unknown state. First available state is 5", RPC_PRUNED },
	{ -32000, "root hash mismatch witnessTrieRootHash(ab)!=expectedRootHash(cd)", RPC_PRUNED },
	{ -32000, "block body not found", RPC_PRUNED },
	{ -32000, "public endpoint only serves recent blocks (last 1024)", RPC_PRUNED },
	{ -32603, "state at block #5 is not available, block has not been executed yet", RPC_BEHIND },
	{ -32602, "request beyond head block: requested 10, head 5", RPC_BEHIND },
	{ -32000, "block number is in the future latest=1 requested=2", RPC_BEHIND },
	{ -32001, "0x10 could not be found", RPC_BEHIND },
	{ -32001, "Unable to find block 0xabc", RPC_BEHIND },
	{ -32000, "header for hash not found", RPC_BEHIND },
	{ -32000, "hash is not currently canonical", RPC_BEHIND },
	{ -32000, "Block 5 not processed yet. Please try again.", RPC_BEHIND },
	{ -32008, "Initial sync is still in progress", RPC_BEHIND },
	{ 1, "no available upstreams to process a request: lower height", RPC_BEHIND },
	{ -32005, "You've exceeded the RPS limit available on the current plan", RPC_THROTTLED },
	{ -32000, "throughput exceeded", RPC_THROTTLED },
	{ -32005, "Payment Required", RPC_THROTTLED },
	{ -32008, "Response is too big", RPC_TOO_LARGE },
	{ -32602, "too many storage keys requested (max 1024, got 2000)", RPC_TOO_LARGE },
	{ -32001, "rpc method is not whitelisted", RPC_UNSUPPORTED },
	{ 12, "Can't route your request to suitable provider", RPC_UNSUPPORTED },
	{ -32011, "no backend is currently healthy to serve traffic", RPC_DOWN },
	{ -32010, "backend offline", RPC_DOWN },
	{ -32015, "gateway timeout", RPC_DOWN },
	{ 19, "Temporary internal error. Please retry", RPC_DOWN },
	{ -32000, "Unable to complete request at this time.", RPC_DOWN },
	{ -32046, "Cannot fulfill request", RPC_DOWN },
	{ -32701, "exceed maximum block range: 50000", RPC_TOO_LARGE },
	{ -32614, "eth_getLogs is limited to a 10,000 range", RPC_TOO_LARGE },
	{ 35, "ranges over 10000 blocks are not supported on free plan", RPC_TOO_LARGE },
	{ -32000, "requested too many blocks from 0 to 16777216, maximum is set to 2048", RPC_TOO_LARGE },
	{ -32000, "block range extends beyond current head block", RPC_BEHIND },
	{ -32005, "project ID request rate exceeded", RPC_THROTTLED },
	{ -32000, "historical state not available in path scheme yet", RPC_PRUNED },
	{ -32000, "header not found", RPC_BEHIND },
	{ -32000, "finalized block not found", RPC_BEHIND },
	{ -32001, "block not found", RPC_BEHIND },
	{ -32603, "internal error", RPC_REFUSED },
};

START_TEST(classifies_errors)
{
	char body[512];
	struct rpc_exchange x = { .status = 200 };
	struct rpc_reply r;
	uint64_t id = 7;

	snprintf(body, sizeof body, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":%d,\"message\":\"%s\"}}", errors[_i].code,
		 errors[_i].message);
	x.body = span_str(body);
	rpc_reply_read(&r, &x, &id, 1);
	ck_assert_msg(r.answer[0].class == errors[_i].class, "%d %s: %s", errors[_i].code, errors[_i].message,
		      rpc_class_name(r.answer[0].class));
	rpc_reply_free(&r);
}
END_TEST

#define ONE "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}"
#define TWO "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":2}"
#define TOO_MANY(id) "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"error\":{\"code\":31,\"message\":\"Batch of more than 3 requests\"}}"

static const struct { const char *what, *body; enum rpc_class first, second; bool is_refused; } batches[] = {
	{ "both", "[" ONE "," TWO "]", RPC_OK, RPC_OK, false },
	{ "shuffled", "[" TWO "," ONE "]", RPC_OK, RPC_OK, false },
	{ "one is missing", "[" TWO "]", RPC_GARBAGE, RPC_OK, false },
	{ "one twice", "[" ONE "," ONE "]", RPC_GARBAGE, RPC_GARBAGE, false },
	{ "one too many", "[" ONE "," TWO "," "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":3}" "]", RPC_GARBAGE, RPC_GARBAGE, false },
	{ "an object", ONE, RPC_GARBAGE, RPC_GARBAGE, true },
	{ "each told that it is too many", "[" TOO_MANY(1) "," TOO_MANY(2) "]", RPC_TOO_LARGE, RPC_TOO_LARGE, true },
	{ "the first told that it is too many", "[" TOO_MANY(1) "]", RPC_TOO_LARGE, RPC_GARBAGE, true },
	{ "throttled as a whole", "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":429,\"message\":\"x\"}}", RPC_THROTTLED,
	  RPC_THROTTLED, false },
};

START_TEST(matches_batches)
{
	struct rpc_exchange x = { .status = 200, .body = span_str(batches[_i].body) };
	struct rpc_reply r;
	uint64_t ids[] = { 1, 2 };

	rpc_reply_read(&r, &x, ids, 2);
	ck_assert_msg(r.answer[0].class == batches[_i].first, "%s", batches[_i].what);
	ck_assert_msg(r.answer[1].class == batches[_i].second, "%s", batches[_i].what);
	ck_assert_int_eq(r.is_batch_refused, batches[_i].is_refused);
	if (r.answer[1].class == RPC_OK)
		ck_assert_int_eq(json_integer_value(r.answer[1].result), 2);
	rpc_reply_free(&r);
}
END_TEST

/* --- reading --- */

/* Rows that only a filter with an event would turn away, and more rows than anyone may send. */
START_TEST(reads_logs)
{
	static const struct addr20 registry = { { 1 } };
	static const struct hash32 id = { { 2 } };
	struct hash32 event = { { 3 } }, another = { { 4 } };
	struct rpc_log_filter f = { .address = &registry, .to = 9, .topic0 = &event, .products = &id, .products_n = 1 };
	struct records got = { .n = 0 };
	struct err e = { 0 };
	char text[HEX32_MAX], text2[HEX32_MAX];
	json_t *many = json_array();
	json_t *rows = json_pack("[{s:s,s:s,s:s,s:s,s:s,s:s,s:[s,s],s:b}]",
		"address", "0x0100000000000000000000000000000000000000", "blockNumber", "0x5", "logIndex", "0x0",
		"blockHash", hex_0x(SPAN_OF(id), text2), "transactionHash", text2, "data", "0x",
		"topics", hex_0x(SPAN_OF(event), text), text2, "removed", 0);

	ck_assert_ptr_nonnull(rows);
	ck_assert_msg(read_logs(rows, &f, &got, &e) == ERR_OK, "%s", e.msg);
	ck_assert_uint_eq(got.n, 1);
	f.topic0 = &another;
	ck_assert_int_eq(read_logs(rows, &f, &got, &e), ERR_RULE);
	for (int i = 0; i <= RPC_LOGS_MAX; i++)
		json_array_append_new(many, json_null());
	ck_assert_int_eq(read_logs(many, &f, &got, &e), ERR_LIMIT);
	ck_assert_int_eq(read_logs(json_array_get(rows, 0), &f, &got, &e), ERR_FORMAT);
	records_free(&got);
	json_decref(rows);
	json_decref(many);
}
END_TEST

START_TEST(absent_account_has_no_words)
{
	static const struct addr20 registry = { { 1 } };
	struct hash32 key = { { 0 } }, word;
	struct trie_account a;
	struct err e = { 0 };
	json_t *j = parse("{\"address\":\"0x0100000000000000000000000000000000000000\",\"accountProof\":[],\"storageProof\":"
			  "[{\"key\":\"0x0\",\"value\":\"0x0\",\"proof\":[]}]}");
	json_t *none = json_array();

	ck_assert_int_eq(read_proof(j, &trie_empty_root, &registry, &key, 1, &a, &word, NULL, &e), ERR_NOT_FOUND);
	ck_assert_str_eq(e.msg, "proof: an absent account has no storage");
	ck_assert_int_eq(read_proof(j, &trie_empty_root, &registry, NULL, 0, &a, NULL, NULL, NULL), ERR_FORMAT);
	json_object_set_new(j, "storageProof", none);
	ck_assert_int_eq(read_proof(j, &trie_empty_root, &registry, NULL, 0, &a, NULL, NULL, NULL), ERR_OK);
	ck_assert(!a.exists);
	json_decref(j);
}
END_TEST

START_TEST(records_are_bounded)
{
	struct record r = { .block = 1, .topics_n = 2, .data = SPAN_LIT("data") };
	struct records a = { .n = 0 }, b = { .n = 0 };

	ck_assert_int_eq(records_add(&a, &r, NULL), ERR_OK);
	r.block = 0;
	ck_assert_int_eq(records_add(&b, &r, NULL), ERR_OK);
	a.bytes += RECORDS_HELD_MAX;
	ck_assert_int_eq(records_prepend(&a, &b, NULL), ERR_LIMIT);
	a.bytes -= RECORDS_HELD_MAX;
	ck_assert_int_eq(records_prepend(&a, &b, NULL), ERR_OK);
	ck_assert(a.n == 2 && a.v[0].block == 0 && a.v[1].block == 1 && b.n == 0);
	records_free(&a);
}
END_TEST

/* The same head in another block is another entry: its place is proven, too. */
START_TEST(tracks)
{
	struct track t;
	struct hash32 h1 = { { 1 } }, h2 = { { 2 } };
	struct product_words w = { .head = h2, .last_block = 8, .entries = 2 };

	track_init(&t, &owner, "acme/one");
	ck_assert_uint_eq(track_find(&t, &(struct product_words){ .sequence = 0 }), 0);
	ck_assert_int_eq(track_append(&t, &h1, 5, NULL), ERR_OK);
	ck_assert_int_eq(track_append(&t, &h2, 8, NULL), ERR_OK);
	ck_assert_uint_eq(track_find(&t, &w), 2);
	w.last_block = 9;
	ck_assert(track_find(&t, &w) == TRACK_NOWHERE);
	w = (struct product_words){ .head = h1, .last_block = 5, .entries = 1 };
	track_settle(&t, 1, &w);
	ck_assert_uint_eq(track_end(&t), 2);
	ck_assert_uint_eq(track_find(&t, &w), 1);
	track_cut(&t, 1);
	ck_assert_uint_eq(track_end(&t), 1);
	track_fini(&t);
}
END_TEST

/* --- votes --- */

static struct header block(uint64_t number, uint8_t hash)
{
	return (struct header){ .number = number, .hash = { { hash } } };
}

START_TEST(votes)
{
	static const uint8_t operators[] = { 0, 0, 1, 2 };
	struct voters v = { .n = 4, .operator_of = operators, .quorum = 2, .may_vote = { true, true, true, true },
			    .says = { 10, 10, 9, 8 } };
	struct claims c = { .n = 0 };
	struct header a = block(9, 1), b = block(9, 2);
	const struct header *h;
	uint64_t numbers[RECENT_CANDIDATES];
	size_t dissenter;

	ck_assert_uint_eq(vote_candidates(&v, numbers, RECENT_CANDIDATES), 2);
	ck_assert(numbers[0] == 9 && numbers[1] == 8);	/* 10 is one operator's word */
	claims_add(&c, 0, &a);
	claims_add(&c, 1, &a);
	ck_assert_msg(vote_at(&c, &v, 9, &h) == VOTE_NONE, "two URLs of one operator are one vote");
	claims_add(&c, 2, &b);
	ck_assert_int_eq(vote_at(&c, &v, 9, &h), VOTE_NONE);
	claims_add(&c, 2, &a);			/* it changed its mind: the first claim is replaced */
	ck_assert_int_eq(vote_at(&c, &v, 9, &h), VOTE_AGREED);
	ck_assert_uint_eq(h->hash.b[0], 1);
	claims_add(&c, 3, &b);
	ck_assert_msg(!vote_dissenter(&c, &v, 9, &a.hash, 0, &dissenter), "it does not say that it has got there");
	v.says[3] = 9;
	ck_assert(vote_dissenter(&c, &v, 9, &a.hash, 0, &dissenter) && dissenter == 3);
	claims_add(&c, 1, &b);
	ck_assert_msg(vote_at(&c, &v, 9, &h) == VOTE_SPLIT, "two hashes with a quorum each");
	v.may_vote[3] = false;
	ck_assert_int_eq(vote_at(&c, &v, 9, &h), VOTE_AGREED);
	v.says[2] = 8;
	ck_assert_msg(vote_at(&c, &v, 9, &h) == VOTE_NONE, "each has to say that it is final");
}
END_TEST

/* --- providers --- */

START_TEST(backs_off_and_returns)
{
	struct provider p;
	struct provider_outcome bad = { RPC_DOWN, "reset", 0, 0 }, ok = { RPC_OK, "", 0, 0 };
	int64_t last = 0;

	provider_init(&p, "one", "");
	ck_assert_str_eq(p.operator, "one");
	p.identity = IDENTITY_RIGHT;
	for (int i = 0; i < 12; i++) {
		int64_t now = last > 1000 ? last : 1000;

		bad.random = UINT64_C(1) << 40;
		provider_note(&p, &bad, now);
		ck_assert_int_ge(p.retry_at_ms, now);
		ck_assert_int_le(p.retry_at_ms, now + 300000);
		last = p.retry_at_ms;
	}
	ck_assert_int_eq(p.identity, IDENTITY_UNKNOWN);	/* who was away may come back as somebody else */
	ck_assert(!provider_is_usable(&p, last - 1) || last == 1000);
	ck_assert(provider_is_usable(&p, last));
	ck_assert(p.availability < 0.5);
	provider_note(&p, &ok, last);
	ck_assert_int_eq(provider_state(&p), PROVIDER_OK);
	bad = (struct provider_outcome){ RPC_THROTTLED, "429", 90000, 0 };
	provider_note(&p, &bad, last);
	ck_assert_msg(p.retry_at_ms == last + 90000, "Retry-After is heeded");
	ck_assert_int_eq(provider_state(&p), PROVIDER_THROTTLED);
	provider_fini(&p);
}
END_TEST

/* A broken connection takes all its calls along: that is one failure. */
START_TEST(a_break_counts_once)
{
	struct provider p;
	struct provider_outcome bad = { RPC_DOWN, "reset", 0, 1000 };	/* with this random number, the longest first wait */
	int64_t retry;

	provider_init(&p, "one", "");
	for (int i = 0; i < 20; i++)
		provider_note(&p, &bad, 5000);
	retry = p.retry_at_ms;
	ck_assert_int_eq(retry, 6000);
	bad.retry_after_ms = 7000;
	provider_note(&p, &bad, 5500);
	ck_assert_msg(p.retry_at_ms == 12500, "a longer Retry-After is heeded");
	bad.retry_after_ms = 0;
	bad.random = 2000;
	provider_note(&p, &bad, 12500);
	ck_assert_msg(p.retry_at_ms == 14500, "the second break waits twice as long");
	provider_fini(&p);
}
END_TEST

START_TEST(full_jitter)
{
	for (unsigned tries = 0; tries < 40; tries++)
		for (uint64_t r = 0; r < 50; r++) {
			int64_t ms = backoff_full_jitter(1000, 60000, tries, r * UINT64_C(0x123456789abcdef));

			ck_assert_int_ge(ms, 0);
			ck_assert_int_le(ms, tries < 6 ? 1000 << tries : 60000);
		}
}
END_TEST

/* --- pace --- */

START_TEST(pace_is_a_bucket)
{
	struct pace p;
	unsigned n = 0;

	pace_init(&p);
	while (pace_take(&p, 5000))
		n++;
	ck_assert_uint_eq(n, 2 * RPC_RATE_MAX);
	ck_assert_int_eq(pace_ready_ms(&p, 5000), 5000 + 1000 / RPC_RATE_MAX);
	ck_assert(!pace_take(&p, 5000 + 1000 / RPC_RATE_MAX - 1));
	ck_assert(pace_take(&p, 5000 + 1000 / RPC_RATE_MAX));
	for (n = 0; pace_take(&p, INT64_MAX / 2); n++)
		;
	ck_assert_uint_eq(n, 2 * RPC_RATE_MAX);	/* never more than it holds, however long it was left alone */
}
END_TEST

START_TEST(pace_follows_the_provider)
{
	struct pace p;
	unsigned n = 0;

	pace_init(&p);
	for (int i = 0; i < 64; i++)
		pace_throttled(&p, 1000);
	ck_assert(!pace_take(&p, 1000));
	ck_assert_int_eq(pace_ready_ms(&p, 1000), 1000 + 1000 / RPC_RATE_MIN);
	ck_assert(pace_take(&p, 1000 + 1000 / RPC_RATE_MIN));
	while (p.rate < (int64_t)RPC_RATE_MAX * 1000 && n++ < 1000)
		pace_good(&p);
	ck_assert_uint_gt(n, RPC_RATE_MAX);	/* up slowly */
	pace_good(&p);
	ck_assert_int_eq(p.rate, (int64_t)RPC_RATE_MAX * 1000);
	pace_throttled(&p, 0);
	ck_assert_int_eq(p.rate, (int64_t)RPC_RATE_MAX * 500);	/* down at once */
}
END_TEST

#define LOOP(tc, test, rows) tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *s = suite_create("chain");
	TCase *t = tcase_create("parts");

	json_budget_install();
	tcase_add_loop_test(t, entries, 0, ENTRY_KINDS);
	tcase_add_test(t, heads);
	tcase_add_test(t, storage);
	LOOP(t, product_names, names);
	LOOP(t, strict_quantities, quantities);
	tcase_add_test(t, words_and_data);
	tcase_add_test(t, json_budget);
	LOOP(t, classifies_replies, replies);
	LOOP(t, classifies_errors, errors);
	LOOP(t, matches_batches, batches);
	tcase_add_test(t, reads_logs);
	tcase_add_test(t, absent_account_has_no_words);
	tcase_add_test(t, pace_is_a_bucket);
	tcase_add_test(t, pace_follows_the_provider);
	tcase_add_test(t, records_are_bounded);
	tcase_add_test(t, tracks);
	tcase_add_test(t, votes);
	tcase_add_test(t, backs_off_and_returns);
	tcase_add_test(t, full_jitter);
	tcase_add_test(t, a_break_counts_once);
	suite_add_tcase(s, t);

	SRunner *run = srunner_create(s);

	srunner_run_all(run, CK_NORMAL);

	int failed = srunner_ntests_failed(run);

	srunner_free(run);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
