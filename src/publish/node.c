/* node.c: see node.h. */
#include "publish/node.h"
#include "publish/revert.h"
#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "net/secrets.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NODE_CALL_MS 60000	/* a node that takes longer to answer a call is down */
#define NODE_MESSAGE_MAX 200	/* bytes of a node's own error text that we pass on */

static void json_free(json_t **j)
{
	json_decref(*j);
}

/* Nodes put a revert's bytes into error.data, as text or within an object. ERR_NOT_FOUND when there are none. */
static int read_revert(const json_t *error, struct buf *out, struct err *e)
{
	const json_t *data = json_object_get(error, "data");

	if (json_is_object(data))
		data = json_object_get(data, "data");
	if (!json_is_string(data) || json_string_length(data) < strlen("0x") + 8)
		return err_set(e, ERR_NOT_FOUND, "no revert data");
	return node_read_bytes(data, out, e);
}

static int read_error(const json_t *error, const char *method, struct buf *revert, struct err *e)
{
	AUTO(buf_free) struct buf data = BUF_INIT(MANIFEST_MAX * 4);
	struct span text = span_cut(span_str(json_string_value(json_object_get(error, "message"))), 0, NODE_MESSAGE_MAX);

	if (read_revert(error, &data, NULL) == ERR_OK) {
		if (revert)
			buf_add(revert, buf_span(&data));
		return revert_refuse(buf_span(&data), e);
	}
	if (!utf8_is_printable(text))
		text = SPAN_LIT("an error without a readable message");
	return err_set(e, ERR_RULE, "the node refuses %s: %.*s", method, (int)text.n, (const char *)text.p);
}

static int read_object(const json_t *answer, uint64_t id, const char *method, struct buf *revert, json_t **result,
		       struct err *e)
{
	const json_t *error = json_object_get(answer, "error");
	json_t *value = json_object_get(answer, "result");

	if (json_integer_value(json_object_get(answer, "id")) != (json_int_t)id)
		return err_set(e, ERR_NET, "%s: the answer is not to our question", method);
	if (error && !json_is_null(error))
		return read_error(error, method, revert, e);
	if (!value)
		return err_set(e, ERR_NET, "%s: the answer has neither result nor error", method);
	*result = json_incref(value);
	return ERR_OK;
}

int node_read_answer(struct span body, uint64_t id, const char *method, struct buf *revert, json_t **result,
		     struct err *e)
{
	/* Some nodes put a revert's raw bytes into the message, NULs and all. */
	AUTO(json_free) json_t *answer = json_loadb((const char *)body.p, body.n, JSON_ALLOW_NUL, NULL);

	if (!json_is_object(answer))
		return err_set(e, ERR_NET, "%s: no JSON-RPC", method);
	return read_object(answer, id, method, revert, result, e);
}

static int ask(struct node *n, const char *body, struct web_reply *reply, struct err *e)
{
	struct web_ask question = {
		.method = "POST",
		.url = n->url,
		.lines = { "Content-Type: application/json" },
		.body = span_str(body),
		.reply_max = RPC_BODY_MAX,
		.total_ms = NODE_CALL_MS,
	};
	int rc = web_call(n->web, &question, reply, e);

	return rc ? err_wrap(e, "node") : ERR_OK;
}

/* The URL may hold a key: the node's own words are printed without it as well. */
static void hush(const struct node *n, struct err *e)
{
	AUTO(secrets_fini) struct secrets secrets = { .n = 0 };

	if (!e)
		return;
	secrets_add_url(&secrets, n->url);
	secrets_hide(&secrets, e->msg);
}

int node_call_take(struct node *n, const char *method, json_t *params, struct buf *revert, json_t **result,
		   struct err *e)
{
	AUTO(web_reply_free) struct web_reply reply = { 0 };
	uint64_t id = ++n->calls;
	AUTO(json_free) json_t *question = json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", (json_int_t)id,
						     "method", method, "params", params);
	autofree char *body = question ? json_dumps(question, JSON_COMPACT) : NULL;
	int rc;

	if (!body)
		return err_set(e, ERR_MEMORY, "%s: out of memory", method);
	rc = ask(n, body, &reply, e);
	if (rc)
		return rc;
	/* Some nodes answer an error with a status of 4xx or 5xx and still in JSON-RPC: the status decides nothing. */
	rc = node_read_answer(buf_span(&reply.body), id, method, revert, result, e);
	if (rc)
		hush(n, e);
	return rc == ERR_NET ? err_wrap(e, "node (HTTP status %u)", reply.status) : rc;
}

int node_open(struct web *web, const char *url, struct node *out, struct err *e)
{
	struct node n = { .web = web, .url = url };
	AUTO(json_free) json_t *id = NULL;
	int rc = node_call_take(&n, "eth_chainId", json_array(), NULL, &id, e);

	if (!rc)
		rc = node_read_quantity(id, &n.chain_id, e);
	if (rc)
		return rc;
	*out = n;
	return ERR_OK;
}

json_t *node_quantity(uint64_t v)
{
	char text[24];

	snprintf(text, sizeof text, "0x%" PRIx64, v);
	return json_string(text);
}

json_t *node_bytes(struct span s)
{
	autofree char *text = malloc(2 * s.n + 3);

	return text ? json_string_nocheck(hex_0x(s, text)) : NULL;
}

json_t *node_address(const struct addr20 *a)
{
	return node_bytes(SPAN_OF(a->b));
}

/* All of a JSON string, a NUL inside it too; empty for what is none. */
static struct span text_of(const json_t *v)
{
	return SPAN(json_string_value(v), json_string_length(v));
}

int node_read_quantity(const json_t *v, uint64_t *out, struct err *e)
{
	struct span text = text_of(v);
	char padded[16];
	uint8_t be[8];
	struct cursor c;

	if (text.n < 3 || text.n > 18 || memcmp(text.p, "0x", 2) != 0)
		return err_set(e, ERR_NET, "node: a quantity is \"0x\" and 1 to 16 hex digits");
	memset(padded, '0', sizeof padded);
	memcpy(padded + (18 - text.n), text.p + 2, text.n - 2);
	if (hex_read(SPAN_OF(padded), be, sizeof be, NULL))
		return err_set(e, ERR_NET, "node: a quantity has hex digits only");
	c = cur_of(SPAN_OF(be));
	*out = cur_be(&c, 8);
	return ERR_OK;
}

int node_read_bytes(const json_t *v, struct buf *out, struct err *e)
{
	struct span text = text_of(v);
	uint8_t *at;

	if (text.n < 2 || text.n % 2)
		return err_set(e, ERR_NET, "node: bytes are \"0x\" and pairs of hex digits");
	if (text.n == 2)
		return memcmp(text.p, "0x", 2) == 0 ? ERR_OK : err_set(e, ERR_NET, "node: bytes begin with \"0x\"");
	at = buf_grow(out, text.n / 2 - 1);
	if (!at)
		return buf_ok(out, e);
	return hex_read_0x(text, at, text.n / 2 - 1, NULL) ? err_set(e, ERR_NET, "node: bytes are not hex") : ERR_OK;
}

int node_read_hash(const json_t *v, struct hash32 *out, struct err *e)
{
	return hex_read_0x(text_of(v), out->b, sizeof out->b, NULL) ? err_set(e, ERR_NET, "node: not a 32-byte hash") : ERR_OK;
}

int node_eth_call(struct node *n, const struct addr20 *from, const struct addr20 *to, struct span data, struct buf *out,
		  struct err *e)
{
	AUTO(json_free) json_t *result = NULL;
	json_t *call = json_pack("{s:o, s:o}", "to", node_address(to), "data", node_bytes(data));
	int rc;

	if (from)
		json_object_set_new(call, "from", node_address(from));
	rc = node_call_take(n, "eth_call", json_pack("[o, s]", call, "latest"), NULL, &result, e);
	return rc ? rc : node_read_bytes(result, out, e);
}
