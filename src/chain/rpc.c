/* rpc.c: see rpc.h. */
#include "chain/rpc.h"
#include "base/hex.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

const char *rpc_class_name(enum rpc_class c)
{
	static const char *const names[RPC_CLASSES] = {
		"ok", "too-large", "throttled", "behind", "pruned", "unsupported", "lying", "garbage", "refused", "slow", "down",
	};

	return names[c];
}

/* --- what an error object means --- */

/* By code first. Codes are those of execution-apis and of the large providers. */
static const struct { json_int_t code; enum rpc_class class; } codes[] = {
	{ -32601, RPC_UNSUPPORTED },
	{ -32004, RPC_UNSUPPORTED },
	{ 4444,	  RPC_PRUNED },
	{ -32614, RPC_TOO_LARGE },
	{ 429,	  RPC_THROTTLED },
	{ -32029, RPC_THROTTLED },
	{ -32097, RPC_THROTTLED },
};

/* Then by words, since most nodes put everything under -32000 and -32005 means two things: the first row that occurs in
 * the lower-cased message decides, so the narrow ones stand first. */
static const struct { const char *words; enum rpc_class class; } phrases[] = {
	{ "proof window", RPC_PRUNED },
	{ "missing trie node", RPC_PRUNED },
	{ "pruned", RPC_PRUNED },
	{ "historical state", RPC_PRUNED },
	{ "state not available", RPC_PRUNED },
	{ "state is not available", RPC_PRUNED },
	{ "state unavailable", RPC_PRUNED },
	{ "no state available", RPC_PRUNED },
	{ "old data not available", RPC_PRUNED },
	{ "history not available", RPC_PRUNED },
	{ "archiv", RPC_PRUNED },
	{ "state 0x", RPC_PRUNED },
	{ "been fully indexed", RPC_PRUNED },
	{ "history has expired", RPC_PRUNED },
	{ "no state found", RPC_PRUNED },
	{ "insufficient changesets", RPC_PRUNED },
	{ "unknown state", RPC_PRUNED },
	{ "state recreation", RPC_PRUNED },
	{ "root hash mismatch", RPC_PRUNED },
	{ "block body not found", RPC_PRUNED },
	{ "no historical rpc", RPC_PRUNED },
	{ "only serves recent", RPC_PRUNED },
	{ "too old", RPC_PRUNED },
	{ "available only for", RPC_PRUNED },
	{ "beyond current head", RPC_BEHIND },
	{ "beyond head", RPC_BEHIND },
	{ "not been executed", RPC_BEHIND },
	{ "in the future", RPC_BEHIND },
	{ "requested block yet", RPC_BEHIND },
	{ "lower height", RPC_BEHIND },
	{ "out of range", RPC_BEHIND },
	{ "gateway timeout", RPC_DOWN },
	{ "healthy", RPC_DOWN },
	{ "backend offline", RPC_DOWN },
	{ "temporary internal", RPC_DOWN },
	{ "unable to complete", RPC_DOWN },
	{ "cannot fulfill", RPC_DOWN },
	{ "rps limit", RPC_THROTTLED },
	{ "throughput", RPC_THROTTLED },
	{ "payment required", RPC_THROTTLED },
	{ "rate exceeded", RPC_THROTTLED },
	{ "request rate", RPC_THROTTLED },
	{ "rate limit", RPC_THROTTLED },
	{ "too many requests", RPC_THROTTLED },
	{ "request limit", RPC_THROTTLED },
	{ "request count", RPC_THROTTLED },
	{ "capacity", RPC_THROTTLED },
	{ "compute units", RPC_THROTTLED },
	{ "quota", RPC_THROTTLED },
	{ "throttle", RPC_THROTTLED },
	{ "per second", RPC_THROTTLED },
	{ "more than", RPC_TOO_LARGE },
	{ "too large", RPC_TOO_LARGE },
	{ "too big", RPC_TOO_LARGE },
	{ "too many storage keys", RPC_TOO_LARGE },
	{ "too many results", RPC_TOO_LARGE },
	{ "too many logs", RPC_TOO_LARGE },
	{ "response size", RPC_TOO_LARGE },
	{ "block range", RPC_TOO_LARGE },
	{ "blocks range", RPC_TOO_LARGE },
	{ "range is too", RPC_TOO_LARGE },
	{ "range too", RPC_TOO_LARGE },
	{ "ranges over", RPC_TOO_LARGE },
	{ "too many blocks", RPC_TOO_LARGE },
	{ "limited to a", RPC_TOO_LARGE },
	{ "too wide", RPC_TOO_LARGE },
	{ "exceed", RPC_TOO_LARGE },
	{ "timeout", RPC_TOO_LARGE },
	{ "timed out", RPC_TOO_LARGE },
	{ "header not found", RPC_BEHIND },
	{ "hash not found", RPC_BEHIND },
	{ "not currently canonical", RPC_BEHIND },
	{ "could not be found", RPC_BEHIND },
	{ "unable to find block", RPC_BEHIND },
	{ "processed yet", RPC_BEHIND },
	{ "sync is still", RPC_BEHIND },
	{ "block not found", RPC_BEHIND },
	{ "unknown block", RPC_BEHIND },
	{ "blockoutofrange", RPC_BEHIND },
	{ "block not available", RPC_BEHIND },
	{ "not yet", RPC_BEHIND },
	{ "unfinalized", RPC_BEHIND },
	{ "finalized block", RPC_BEHIND },
	{ "safe block", RPC_BEHIND },
	{ "after last accepted", RPC_BEHIND },
	{ "syncing", RPC_BEHIND },
	{ "method not found", RPC_UNSUPPORTED },
	{ "not supported", RPC_UNSUPPORTED },
	{ "unsupported", RPC_UNSUPPORTED },
	{ "does not exist", RPC_UNSUPPORTED },
	{ "not available", RPC_UNSUPPORTED },
	{ "not enabled", RPC_UNSUPPORTED },
	{ "whitelisted", RPC_UNSUPPORTED },
	{ "suitable provider", RPC_UNSUPPORTED },
	{ "limit", RPC_THROTTLED },
};

static enum rpc_class by_words(struct span message)
{
	char low[256];
	size_t n = message.n < sizeof low - 1 ? message.n : sizeof low - 1;

	for (size_t i = 0; i < n; i++)
		low[i] = (char)(message.p[i] ? tolower(message.p[i]) : ' ');
	low[n] = '\0';
	for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
		if (strstr(low, phrases[i].words))
			return phrases[i].class;
	return RPC_REFUSED;
}

static enum rpc_class error_class(json_int_t code, struct span message)
{
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (code == codes[i].code)
			return codes[i].class;

	enum rpc_class c = by_words(message);

	return c == RPC_REFUSED && code == -32005 ? RPC_THROTTLED : c;
}

static void set(struct rpc_answer *a, enum rpc_class class, const char *text)
{
	a->class = class;
	a->result = NULL;
	snprintf(a->text, sizeof a->text, "%.*s", (int)sizeof a->text - 1, text);
}

/* Services that take fewer calls in a batch than we send say so once for each call. */
static bool is_about_batches(const struct rpc_answer *a)
{
	return a->class != RPC_OK && a->class != RPC_GARBAGE && (strstr(a->text, "batch") || strstr(a->text, "Batch"));
}

static void read_error(struct rpc_answer *a, const json_t *error)
{
	const json_t *code = json_object_get(error, "code");
	struct span message = json_text(json_object_get(error, "message"));

	if (!json_is_integer(code) || !message.p) {
		set(a, RPC_GARBAGE, "an error has a code and a message");
		return;
	}
	set(a, error_class(json_integer_value(code), message), "");
	snprintf(a->text, sizeof a->text, "error %" JSON_INTEGER_FORMAT ": %.*s", json_integer_value(code),
		 (int)(message.n < 120 ? message.n : 120), (const char *)message.p);
}

/* One response object, whose id has been matched. */
static void read_response(struct rpc_answer *a, const json_t *object)
{
	const json_t *result = json_object_get(object, "result"), *error = json_object_get(object, "error");

	if (error && json_is_null(error) && result)
		error = NULL;		/* JSON-RPC 1 habit of some nodes: not both, only spelled out */
	if (!span_is(json_text(json_object_get(object, "jsonrpc")), "2.0") && !(error && !json_object_get(object, "id")))
		set(a, RPC_GARBAGE, "not JSON-RPC 2.0");
	else if (!result == !error)
		set(a, RPC_GARBAGE, "an answer has either result or error");
	else if (error)
		read_error(a, error);
	else
		a->class = RPC_OK, a->result = result;
}

static bool has_id(const json_t *object, uint64_t id)
{
	const json_t *j = json_object_get(object, "id");

	return json_is_integer(j) && (uint64_t)json_integer_value(j) == id;
}

static bool has_no_id(const json_t *object)
{
	const json_t *j = json_object_get(object, "id");

	return !j || json_is_null(j);
}

static void set_all(struct rpc_reply *r, size_t n, enum rpc_class class, const char *text)
{
	for (size_t i = 0; i < n; i++)
		set(&r->answer[i], class, text);
}

static void read_batch(struct rpc_reply *r, const uint64_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t seen = 0, k;
		const json_t *object;

		set(&r->answer[i], RPC_GARBAGE, "a batch answers every call");
		json_array_foreach(r->root, k, object)
			if (has_id(object, ids[i]) && seen++ == 0)
				read_response(&r->answer[i], object);
		if (seen > 1)
			set(&r->answer[i], RPC_GARBAGE, "a batch answers every call once");
	}
	for (size_t i = 0; i < n; i++)
		r->is_batch_refused |= is_about_batches(&r->answer[i]);
	if (json_array_size(r->root) > n)
		set_all(r, n, RPC_GARBAGE, "a batch answers nothing that was not asked");
}

/* A single object in answer to a batch is how a node says that it takes none. */
static void refuse_batch(struct rpc_reply *r, size_t n)
{
	struct rpc_answer why = { .class = RPC_GARBAGE };

	read_response(&why, r->root);
	r->is_batch_refused = why.class != RPC_THROTTLED;
	set_all(r, n, why.class == RPC_THROTTLED ? RPC_THROTTLED : RPC_GARBAGE, "a batch is answered by an array");
}

static void read_json(struct rpc_reply *r, const uint64_t *ids, size_t n)
{
	if (n > 1 && json_is_array(r->root))
		read_batch(r, ids, n);
	else if (n > 1 && json_is_object(r->root))
		refuse_batch(r, n);
	else if (!json_is_object(r->root))
		set_all(r, n, RPC_GARBAGE, "an answer is an object");
	else if (has_no_id(r->root) && json_object_get(r->root, "error"))
		read_response(&r->answer[0], r->root);	/* the node could not read our request, or a service in front of it would not */
	else if (!has_id(r->root, ids[0]))
		set(&r->answer[0], RPC_GARBAGE, "an answer has its call's id");
	else
		read_response(&r->answer[0], r->root);
}

/* What the status alone says, for answers that are no JSON. RPC_OK: nothing. */
static enum rpc_class status_class(int status)
{
	if (status == 429 || status == 402)
		return RPC_THROTTLED;	/* 402: the plan's calls of this day or month are used up */
	if (status == 413)
		return RPC_TOO_LARGE;
	if (status >= 300 && status < 400)
		return RPC_GARBAGE;	/* no redirects: the operator named this address */
	return status >= 200 && status < 300 ? RPC_OK : RPC_DOWN;
}

void rpc_reply_read(struct rpc_reply *r, const struct rpc_exchange *x, const uint64_t *ids, size_t n)
{
	struct err e = { 0 };
	char text[64];

	*r = (struct rpc_reply){ .root = NULL };
	if (x->net) {
		set_all(r, n, x->net == ERR_LIMIT ? RPC_GARBAGE : RPC_DOWN, x->net_text ? x->net_text : "no answer");
		return;
	}

	enum rpc_class by_status = status_class(x->status);

	snprintf(text, sizeof text, "HTTP status %d", x->status);
	if (by_status == RPC_THROTTLED || (x->status >= 300 && x->status < 400)) {
		set_all(r, n, by_status, text);
		return;
	}
	if (x->body.n > RPC_BODY_MAX)
		set_all(r, n, RPC_GARBAGE, "answer over the limit");
	else if ((r->root = json_parse(x->body, &e)) == NULL)
		set_all(r, n, by_status == RPC_OK ? RPC_GARBAGE : by_status, by_status == RPC_OK ? e.msg : text);
	else
		read_json(r, ids, n);
	/* A service in trouble says so in any words, but with a status of its own. */
	for (size_t i = 0; i < n && x->status >= 500; i++)
		if (r->answer[i].class == RPC_REFUSED)
			r->answer[i].class = RPC_DOWN;
	/* Batches that a proxy turns away with 4xx and a page are batches refused. */
	if (n > 1 && !r->root && x->status >= 400 && x->status < 500)
		r->is_batch_refused = true;
}

void rpc_reply_free(struct rpc_reply *r)
{
	json_decref(r->root);
	r->root = NULL;
}

/* --- requests --- */

void rpc_put_call(struct buf *b, uint64_t id, const char *method, struct span params, const char *more)
{
	buf_fmt(b, "{\"jsonrpc\":\"2.0\",\"id\":%" PRIu64 ",\"method\":\"%s\",\"params\":[", id, method);
	buf_add(b, params);
	buf_str(b, more);
	buf_str(b, "]}");
}

static void put_hex(struct buf *b, struct span s)
{
	buf_str(b, "\"0x");
	buf_hex(b, s);
	buf_byte(b, '"');
}

void rpc_put_block_number(struct buf *b, uint64_t number)
{
	buf_fmt(b, "\"0x%" PRIx64 "\"", number);
}

void rpc_put_block_tag(struct buf *b, const char *tag)
{
	buf_fmt(b, "\"%s\"", tag);
}

void rpc_put_block_hash(struct buf *b, const struct hash32 *hash)
{
	put_hex(b, SPAN_OF(*hash));
}

void rpc_put_proof(struct buf *b, const struct addr20 *account, const struct hash32 *keys, size_t n, uint64_t number)
{
	put_hex(b, SPAN_OF(*account));
	buf_str(b, ",[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_byte(b, ',');
		put_hex(b, SPAN_OF(keys[i]));
	}
	buf_fmt(b, "],\"0x%" PRIx64 "\"", number);
}

void rpc_put_logs(struct buf *b, const struct rpc_log_filter *f)
{
	buf_str(b, "{\"address\":");
	put_hex(b, SPAN_OF(*f->address));
	buf_fmt(b, ",\"fromBlock\":\"0x%" PRIx64 "\",\"toBlock\":\"0x%" PRIx64 "\",\"topics\":[", f->from, f->to);
	if (f->topic0)
		put_hex(b, SPAN_OF(*f->topic0));
	else
		buf_str(b, "null");
	buf_str(b, f->products_n == 1 ? "," : ",[");
	for (size_t i = 0; i < f->products_n; i++) {
		if (i)
			buf_byte(b, ',');
		put_hex(b, SPAN_OF(f->products[i]));
	}
	buf_str(b, f->products_n == 1 ? "]}" : "]]}");
}
