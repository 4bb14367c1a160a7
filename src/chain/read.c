/* read.c: see read.h. */
#include "chain/read.h"
#include "base/cleanup.h"
#include "base/hex.h"

#include <string.h>

#define BLOCK_FIELDS_MAX 64	/* names in a block object: 23 of the header, some 8 beside, and room for a few forks */

/* --- blocks --- */

int read_block(const json_t *result, struct header *out, struct err *e)
{
	struct header_field fields[BLOCK_FIELDS_MAX];
	const char *name;
	json_t *value;
	size_t n = 0;

	if (json_is_null(result))
		return err_set(e, ERR_NOT_FOUND, "block: not there");
	if (!json_is_object(result))
		return err_set(e, ERR_FORMAT, "block: it is an object");
	if (json_object_size(result) > BLOCK_FIELDS_MAX)
		return err_set(e, ERR_LIMIT, "block: more than %d fields", BLOCK_FIELDS_MAX);
	json_object_foreach((json_t *)result, name, value)
		fields[n++] = (struct header_field){ span_str(name), json_text(value) };
	return header_read(fields, n, out, e);
}

int read_claimed_hash(const json_t *result, struct hash32 *out, struct err *e)
{
	if (!json_is_object(result))
		return err_set(e, ERR_FORMAT, "block: it is an object");
	return json_fixed(json_object_get(result, "hash"), out->b, sizeof out->b, e);
}

/* --- logs --- */

static int read_topics(const json_t *topics, struct record *r, struct err *e)
{
	size_t n = json_array_size(topics);

	if (!json_is_array(topics) || n < 2 || n > RECORD_TOPICS_MAX)
		return err_set(e, ERR_RULE, "log: a record of the registry has 2 to %d topics", RECORD_TOPICS_MAX);
	r->topics_n = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		int rc = json_fixed(json_array_get(topics, i), r->topics[i].b, sizeof r->topics[i].b, e);

		if (rc)
			return rc;
	}
	return ERR_OK;
}

static bool is_wanted_product(const struct rpc_log_filter *f, const struct hash32 *id)
{
	for (size_t i = 0; i < f->products_n; i++)
		if (hash32_eq(&f->products[i], id))
			return true;
	return false;
}

/* A row has to be one of those that the filter asks for. */
static int check_asked(const json_t *row, const struct record *r, const struct rpc_log_filter *f, struct err *e)
{
	struct addr20 address;
	int rc = json_fixed(json_object_get(row, "address"), address.b, sizeof address.b, e);

	if (rc)
		return rc;
	if (!addr20_eq(&address, f->address))
		return err_set(e, ERR_RULE, "log: a row of another address");
	if (json_is_true(json_object_get(row, "removed")))
		return err_set(e, ERR_RULE, "log: a removed row");
	if (r->block < f->from || r->block > f->to)
		return err_set(e, ERR_RULE, "log: a row of another block");
	if (!is_wanted_product(f, &r->topics[1]))
		return err_set(e, ERR_RULE, "log: a row of another product");
	if (f->topic0 && !hash32_eq(f->topic0, &r->topics[0]))
		return err_set(e, ERR_RULE, "log: a row of another event");
	return ERR_OK;
}

static int read_row(const json_t *row, struct record *r, uint8_t data[RECORD_DATA_MAX], struct err *e)
{
	uint64_t index = 0;
	size_t n = 0;
	int rc = json_quantity(json_object_get(row, "blockNumber"), &r->block, e);

	if (rc == ERR_OK)
		rc = json_quantity(json_object_get(row, "logIndex"), &index, e);
	if (rc == ERR_OK && index > UINT32_MAX)
		rc = err_set(e, ERR_FORMAT, "log: an index has 32 bits");
	if (rc == ERR_OK)
		rc = json_fixed(json_object_get(row, "blockHash"), r->block_hash.b, sizeof r->block_hash.b, e);
	if (rc == ERR_OK)
		rc = json_fixed(json_object_get(row, "transactionHash"), r->tx.b, sizeof r->tx.b, e);
	if (rc == ERR_OK)
		rc = read_topics(json_object_get(row, "topics"), r, e);
	if (rc == ERR_OK)
		rc = json_data(json_object_get(row, "data"), data, RECORD_DATA_MAX, &n, e);
	r->log_index = (uint32_t)index;
	r->data = SPAN(data, n);
	return rc;
}

int read_log(const json_t *row, const struct rpc_log_filter *f, uint8_t data[RECORD_DATA_MAX], struct record *r, struct err *e)
{
	struct record got = { .block = 0 };
	int rc = read_row(row, &got, data, e);

	if (rc == ERR_OK)
		rc = check_asked(row, &got, f, e);
	if (rc == ERR_OK)
		*r = got;
	return rc;
}

int read_logs(const json_t *result, const struct rpc_log_filter *f, struct records *out, struct err *e)
{
	uint8_t data[RECORD_DATA_MAX];
	size_t i, first = out->n;
	const json_t *row;

	if (!json_is_array(result))
		return err_set(e, ERR_FORMAT, "logs: they are an array");
	if (json_array_size(result) > RPC_LOGS_MAX)
		return err_set(e, ERR_LIMIT, "logs: more than %d rows", RPC_LOGS_MAX);
	json_array_foreach(result, i, row) {
		struct record r;
		int rc = read_log(row, f, data, &r, e);

		if (rc == ERR_OK && out->n > first && !record_is_after(&r, &out->v[out->n - 1]))
			rc = err_set(e, ERR_RULE, "log: rows stand in the order of the chain");
		if (rc == ERR_OK)
			rc = records_add(out, &r, e);
		if (rc)
			return rc;
	}
	return ERR_OK;
}

/* --- proofs --- */

/* The nodes of one proof as bytes, all in one room. */
struct nodes {
	struct span v[PROOF_NODES_MAX];
	size_t n;
	uint8_t room[PROOF_NODES_MAX * 640];	/* a full branch has 532 bytes; only embedded oddities are longer */
	size_t used;
};

static int read_nodes(const json_t *array, struct nodes *out, struct err *e)
{
	size_t i;
	const json_t *text;

	out->n = out->used = 0;
	if (json_is_null(array))
		return ERR_OK;		/* as Erigon writes the proof in an empty trie */
	if (!json_is_array(array))
		return err_set(e, ERR_FORMAT, "proof: it is an array");
	if (json_array_size(array) > PROOF_NODES_MAX)
		return err_set(e, ERR_LIMIT, "proof: more than %d nodes", PROOF_NODES_MAX);
	json_array_foreach(array, i, text) {
		size_t room = sizeof out->room - out->used, n = 0;
		int rc = json_data(text, out->room + out->used, room < PROOF_NODE_MAX ? room : PROOF_NODE_MAX, &n, e);

		if (rc)
			return rc;
		out->v[out->n++] = SPAN(out->room + out->used, n);
		out->used += n;
	}
	return ERR_OK;
}

/* What the node claims about the account beside the proof has to be what the proof says. */
static int check_account(const json_t *result, const struct addr20 *address, const struct trie_account *a, struct err *e)
{
	struct addr20 said;
	struct hash32 root;
	int rc = json_fixed(json_object_get(result, "address"), said.b, sizeof said.b, e);

	if (rc == ERR_OK && !addr20_eq(&said, address))
		rc = err_set(e, ERR_RULE, "proof: of another account");
	if (rc == ERR_OK && a->exists)
		rc = json_fixed(json_object_get(result, "storageHash"), root.b, sizeof root.b, e);
	if (rc == ERR_OK && a->exists && !hash32_eq(&root, &a->storage_root))
		rc = err_set(e, ERR_RULE, "proof: claims another storage root than it proves");
	return rc;
}

static int read_word(const json_t *item, const struct hash32 *storage_root, const struct hash32 *key,
		     struct nodes *room, struct hash32 *out, struct witness *keep, struct err *e)
{
	struct hash32 said_key, said_value;
	int rc = json_word(json_object_get(item, "key"), &said_key, e);

	if (rc == ERR_OK && !hash32_eq(&said_key, key))
		rc = err_set(e, ERR_RULE, "proof: of another storage key");
	if (rc == ERR_OK)
		rc = json_word(json_object_get(item, "value"), &said_value, e);
	if (rc == ERR_OK)
		rc = read_nodes(json_object_get(item, "proof"), room, e);
	if (rc == ERR_OK)
		rc = trie_word(storage_root, key, room->v, room->n, out, e);
	if (rc == ERR_OK && !hash32_eq(&said_value, out))
		rc = err_set(e, ERR_RULE, "proof: claims another value than it proves");
	for (size_t i = 0; rc == ERR_OK && keep && i < room->n; i++)
		witness_add(keep, room->v[i]);
	return rc;
}

int read_proof(const json_t *result, const struct hash32 *state_root, const struct addr20 *address,
	       const struct hash32 *keys, size_t n, struct trie_account *account, struct hash32 *words, struct witness *keep,
	       struct err *e)
{
	autofree struct nodes *room = malloc(sizeof *room);
	const json_t *list = json_object_get(result, "storageProof");
	struct trie_account a;

	if (!room)
		return err_set(e, ERR_MEMORY, "no memory for a proof");
	if (!json_is_object(result) || !json_is_array(list) || json_array_size(list) != n)
		return err_set(e, ERR_FORMAT, "proof: it has an account and %zu keys", n);

	int rc = read_nodes(json_object_get(result, "accountProof"), room, e);

	if (rc == ERR_OK)
		rc = trie_account(state_root, address, room->v, room->n, &a, e);
	if (rc == ERR_OK)
		rc = check_account(result, address, &a, e);
	if (rc == ERR_OK && n && !a.exists)
		rc = err_set(e, ERR_NOT_FOUND, "proof: an absent account has no storage");
	for (size_t i = 0; rc == ERR_OK && i < n; i++)
		rc = read_word(json_array_get(list, i), &a.storage_root, &keys[i], room, &words[i], keep, e);
	if (rc == ERR_OK)
		*account = a;
	return rc;
}
