/* registry.c: see registry.h. */
#include "publish/registry.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "formats/abi.h"
#include "formats/ethtx.h"
#include "formats/keccak.h"

#include <string.h>

#include "contracts/registry_gen.h"

#define CALL_MAX 1024		/* bytes of a view's answer; product() gives 288 */
#define CODE_MAX (64 * 1024)	/* EIP-170 allows 24,576 */
#define RECORD_MAX (8 * 1024)	/* bytes of a record's data: a manifest and its frame */

static void json_free(json_t **j)
{
	json_decref(*j);
}

static int check_code(struct node *n, const struct addr20 *address, const struct hash32 *pinned, struct err *e)
{
	static const struct hash32 known = { REGISTRY_CODE_HASH };
	AUTO(buf_free) struct buf code = BUF_INIT(CODE_MAX);
	AUTO(json_free) json_t *result = NULL;
	char text[ADDR_TEXT_MAX];
	struct hash32 hash;
	int rc = node_call_take(n, "eth_getCode", json_pack("[o, s]", node_address(address), "latest"), NULL, &result, e);

	if (!rc)
		rc = node_read_bytes(result, &code, e);
	if (rc)
		return rc;
	if (code.n == 0)
		return err_set(e, ERR_RULE, "there is no contract at %s on chain %llu", addr_text(address, text),
			       (unsigned long long)n->chain_id);
	hash = keccak256(buf_span(&code));
	if (!hash32_eq(&hash, &known) && !(pinned && hash32_eq(&hash, pinned)))
		return err_set(e, ERR_RULE, "the contract at %s is not the registry that this gatepost knows",
			       addr_text(address, text));
	return ERR_OK;
}

int registry_open(struct node *n, const struct addr20 *address, const struct hash32 *code_hash, struct registry *out,
		  struct err *e)
{
	int rc = check_code(n, address, code_hash, e);

	if (!rc)
		*out = (struct registry){ n, *address };
	return rc;
}

static int view(struct registry *r, const char *signature, const struct abi_arg *args, size_t n, struct buf *out,
		struct err *e)
{
	AUTO(buf_free) struct buf data = BUF_INIT(CALL_MAX);
	int rc;

	abi_call(&data, signature, args, n);
	rc = buf_ok(&data, e);
	return rc ? rc : node_eth_call(r->node, NULL, &r->address, buf_span(&data), out, e);
}

static int read_product(struct span answer, struct registry_product *out, struct err *e)
{
	struct abi_reader r = abi_read(answer, 9);

	out->words.head = abi_word(&r);
	out->words.sequence = abi_uint(&r, 64);
	out->words.floor = abi_uint(&r, 64);
	out->words.last_block = abi_uint(&r, 64);
	out->words.entries = (uint32_t)abi_uint(&r, 32);
	out->words.threshold = (uint16_t)abi_uint(&r, 16);
	out->words.epoch = (uint16_t)abi_uint(&r, 16);
	out->owner = abi_addr(&r);
	out->pending_owner = abi_addr(&r);
	return abi_end(&r, e);
}

int registry_product(struct registry *r, const struct addr20 *registrant, struct span name, struct registry_product *out,
		     struct err *e)
{
	AUTO(buf_free) struct buf answer = BUF_INIT(CALL_MAX);
	struct registry_product p = { .id = product_id(registrant, name) };
	char who[ADDR_TEXT_MAX];
	int rc = view(r, "product(bytes32)", (struct abi_arg[]){ ABI_WORD(&p.id) }, 1, &answer, e);

	if (!rc)
		rc = read_product(buf_span(&answer), &p, e);
	if (rc)
		return err_wrap(e, "registry");
	if (p.words.threshold == 0)
		return err_set(e, ERR_NOT_FOUND, "unknown product: %s has not registered %.*s (--registrant says who has)",
			       addr_text(registrant, who), (int)name.n, (const char *)name.p);
	*out = p;
	return ERR_OK;
}

int registry_is_publisher(struct registry *r, const struct hash32 *id, const struct addr20 *who, bool *out,
			  struct err *e)
{
	AUTO(buf_free) struct buf answer = BUF_INIT(CALL_MAX);
	const struct abi_arg args[] = { ABI_WORD(id), ABI_ADDR(who) };
	struct abi_reader reader;
	bool is;
	int rc = view(r, "isPublisher(bytes32,address)", args, 2, &answer, e);

	if (rc)
		return rc;
	reader = abi_read(buf_span(&answer), 1);
	is = abi_bool(&reader);
	rc = abi_end(&reader, e);
	if (!rc)
		*out = is;
	return rc;
}

/* --- records --- */

/* data's bytes go to `room`, which the record then points into. */
static int read_log(const json_t *log, struct buf *room, struct record *out, struct err *e)
{
	const json_t *topics = json_object_get(log, "topics");
	struct record r = { .topics_n = (uint32_t)json_array_size(topics) };
	int rc = ERR_OK;

	if (r.topics_n < 2 || r.topics_n > RECORD_TOPICS_MAX)
		return err_set(e, ERR_NET, "node: a log of the registry has 2 to 4 topics");
	for (size_t i = 0; !rc && i < r.topics_n; i++)
		rc = node_read_hash(json_array_get(topics, i), &r.topics[i], e);
	if (!rc)
		rc = node_read_bytes(json_object_get(log, "data"), room, e);
	if (!rc)
		rc = node_read_quantity(json_object_get(log, "blockNumber"), &r.block, e);
	if (rc)
		return rc;
	r.data = buf_span(room);
	*out = r;
	return ERR_OK;
}

/* Logs of a product in a range of blocks; topic0 NULL: of every kind. */
static int get_logs(struct registry *r, const struct hash32 *id, const struct hash32 *topic0, json_t *from, json_t *to,
		    json_t **out, struct err *e)
{
	json_t *kind = topic0 ? node_bytes(SPAN_OF(topic0->b)) : json_null();
	json_t *filter = json_pack("{s:o, s:[o, o], s:o, s:o}", "address", node_address(&r->address), "topics", kind,
				   node_bytes(SPAN_OF(id->b)), "fromBlock", from, "toBlock", to);
	int rc = node_call_take(r->node, "eth_getLogs", json_pack("[o]", filter), NULL, out, e);

	if (!rc && !json_is_array(*out)) {
		json_decref(*out);
		*out = NULL;
		return err_set(e, ERR_NET, "node: eth_getLogs: not a list");
	}
	return rc;
}

/* Do these records, oldest first, make the head? */
static int check_history(const json_t *logs, const struct registry_product *p, struct err *e)
{
	struct hash32 head = { { 0 } };
	const json_t *log;
	size_t i;

	json_array_foreach(logs, i, log) {
		AUTO(buf_free) struct buf room = BUF_INIT(RECORD_MAX);
		struct record record;
		int rc = read_log(log, &room, &record, e);

		if (rc)
			return rc;
		record_extend(&head, &record);
	}
	if (!hash32_eq(&head, &p->words.head))
		return err_set(e, ERR_PROOF, "the node's %zu log records are not the product's history", json_array_size(logs));
	return ERR_OK;
}

/* The block before: named by the first record of a block. */
static int prev_block(const json_t *logs, uint64_t *out, struct err *e)
{
	AUTO(buf_free) struct buf room = BUF_INIT(RECORD_MAX);
	struct record record;
	int rc;

	if (json_array_size(logs) == 0)
		return err_set(e, ERR_NET, "node: it has no records of a block that has some");
	rc = read_log(json_array_get(logs, 0), &room, &record, e);
	return rc ? rc : record_prev_block(&record, out, e);
}

/* Block by block from the newest one on, for nodes that refuse long ranges. */
static int walk_back(struct registry *r, const struct registry_product *p, json_t **out, struct err *e)
{
	AUTO(json_free) json_t *all = json_array();
	uint64_t block = p->words.last_block, before;

	while (block) {
		AUTO(json_free) json_t *logs = NULL;
		int rc = get_logs(r, &p->id, NULL, node_quantity(block), node_quantity(block), &logs, e);

		if (!rc)
			rc = prev_block(logs, &before, e);
		if (rc)
			return rc;
		if (before >= block)
			return err_set(e, ERR_NET, "node: a record names a later block as the previous one");
		for (size_t i = json_array_size(logs); i-- > 0;)
			json_array_insert(all, 0, json_array_get(logs, i));
		block = before;
	}
	*out = STEAL_PTR(all);
	return ERR_OK;
}

/* One question for all of it, if the node takes such, and else many. Either way it has to replay. */
static int get_history(struct registry *r, const struct registry_product *p, json_t **out, struct err *e)
{
	AUTO(json_free) json_t *at_once = NULL, *walked = NULL;
	int rc = get_logs(r, &p->id, NULL, node_quantity(0), json_string("latest"), &at_once, e);

	if (!rc && check_history(at_once, p, e) == ERR_OK) {
		*out = STEAL_PTR(at_once);
		return ERR_OK;
	}
	rc = walk_back(r, p, &walked, e);
	if (!rc)
		rc = check_history(walked, p, e);
	if (!rc)
		*out = STEAL_PTR(walked);
	return rc;
}

int registry_history(struct registry *r, const struct registry_product *p,
		     int (*on_log)(void *arg, const json_t *log, struct err *e), void *arg, struct err *e)
{
	AUTO(json_free) json_t *logs = NULL;
	const json_t *log;
	size_t i;
	int rc = get_history(r, p, &logs, e);

	if (rc)
		return rc;
	json_array_foreach(logs, i, log) {
		rc = on_log(arg, log, e);
		if (rc)
			return rc;
	}
	return ERR_OK;
}

static int read_signers(const json_t *log, struct suit_signers *out, struct err *e)
{
	AUTO(buf_free) struct buf room = BUF_INIT(RECORD_MAX);
	struct record record;
	struct entry entry;
	int rc = read_log(log, &room, &record, e);

	if (!rc)
		rc = entry_decode(&record, &entry, e);
	if (rc)
		return rc;
	if (entry.kind != ENTRY_SIGNERS)
		return err_set(e, ERR_NET, "node: another kind of record than was asked for");
	*out = (struct suit_signers){ .threshold = entry.signers.threshold };
	for (size_t i = 0; !rc && i < entry.signers.n; i++)
		rc = suit_signers_add(out, entry.signers.keys[i], e);
	return rc;
}

static int find_signers(const json_t *logs, struct suit_signers *out, struct err *e)
{
	static const struct hash32 topic = { REGISTRY_TOPIC_SIGNERS_CHANGED };
	char hex[HEX32_MAX];

	hex_0x(SPAN_OF(topic), hex);
	for (size_t i = json_array_size(logs); i-- > 0;) {
		const json_t *log = json_array_get(logs, i);
		const char *kind = json_string_value(json_array_get(json_object_get(log, "topics"), 0));

		if (kind && strcmp(kind, hex) == 0)
			return read_signers(log, out, e);
	}
	return err_set(e, ERR_NET, "node: it has no record of the product's signers");
}

int registry_signers(struct registry *r, const struct registry_product *p, struct suit_signers *out, struct err *e)
{
	static const struct hash32 topic = { REGISTRY_TOPIC_SIGNERS_CHANGED };
	AUTO(json_free) json_t *logs = NULL;
	int rc = get_logs(r, &p->id, &topic, node_quantity(0), json_string("latest"), &logs, e);

	if (rc || json_array_size(logs) == 0) {
		json_decref(logs);
		logs = NULL;
		rc = get_history(r, p, &logs, e);
	}
	return rc ? rc : find_signers(logs, out, e);
}

/* --- the newest release --- */

struct looking {
	const struct registry_product *product;
	bool is_found;
	bool was_revoked;	/* the newest sequence, by a record that came after its release */
	struct registry_release *out;
};

static int take_release(struct looking *l, const json_t *log, const struct entry *entry, uint64_t block, struct err *e)
{
	struct registry_release *out = l->out;
	int rc = node_read_hash(json_object_get(log, "transactionHash"), &out->tx, e);

	if (rc)
		return rc;
	out->sequence = entry->release.sequence;
	out->block = block;
	out->is_revoked = l->was_revoked || l->product->words.floor > out->sequence;
	buf_add(&out->manifest, entry->release.manifest);
	l->is_found = true;
	return buf_ok(&out->manifest, e);
}

static int look_at(struct looking *l, const json_t *log, struct err *e)
{
	AUTO(buf_free) struct buf room = BUF_INIT(RECORD_MAX);
	struct record record;
	struct entry entry;
	int rc = read_log(log, &room, &record, e);

	if (!rc)
		rc = entry_decode(&record, &entry, e);
	if (rc)
		return rc;
	if (entry.kind == ENTRY_REVOKED && entry.revoked.sequence == l->product->words.sequence)
		l->was_revoked = true;
	return entry.kind == ENTRY_RELEASE ? take_release(l, log, &entry, record.block, e) : ERR_OK;
}

static int look_back(struct registry *r, struct looking *l, struct err *e)
{
	uint64_t block = l->product->words.last_block, before;

	while (block) {
		AUTO(json_free) json_t *logs = NULL;
		int rc = get_logs(r, &l->product->id, NULL, node_quantity(block), node_quantity(block), &logs, e);

		if (!rc)
			rc = prev_block(logs, &before, e);
		for (size_t i = json_array_size(logs); !rc && !l->is_found && i-- > 0;)
			rc = look_at(l, json_array_get(logs, i), e);
		if (rc || l->is_found)
			return rc;
		if (before >= block)
			return err_set(e, ERR_NET, "node: a record names a later block as the previous one");
		block = before;
	}
	return err_set(e, ERR_NET, "node: it has no record of the product's newest release");
}

int registry_newest_release(struct registry *r, const struct registry_product *p, struct registry_release *out,
			    struct err *e)
{
	struct registry_release newest = { .manifest = BUF_INIT(MANIFEST_MAX) };
	struct looking l = { .product = p, .out = &newest };
	int rc = p->words.sequence ? look_back(r, &l, e) : err_set(e, ERR_NOT_FOUND, "it has no release yet");

	if (rc)
		buf_free(&newest.manifest);
	else
		*out = newest;
	return rc;
}
