/* fuzz_logs.c: rows of eth_getLogs. Six bytes make a row, each with its own defects, so that it is known which answers are in order:
 * those have to be read as they are, and no others.
 *
 * Input: the filter (has it a topic 0, how many products, its range), then rows: block, log index, number of topics and product,
 * length of the data, two bytes of defects. */
#include "base/hex.h"
#include "chain/read.h"
#include "formats/keccak.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { ROW = 6, ROWS_MAX = 40 };

/* What can be wrong with a row. Values that are not here leave it as it is, so most rows of a random input are good. */
enum defect {
	GOOD, OTHER_ADDRESS, REMOVED, SHORT_HASH, LONG_TOPIC, ODD_DATA, NO_DATA, NO_BLOCK, ZERO_PADDED, NO_PREFIX, BIG_INDEX, NOT_HEX,
	NULL_TOPIC, NULL_TX, NO_OBJECT, TOPICS_NO_LIST, DEFECTS,
};

static const struct addr20 registry = { { 1, 2, 3 } };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static struct hash32 numbered(unsigned i)
{
	uint8_t byte = (uint8_t)i;

	return keccak256(SPAN_OF(byte));
}

struct row {
	uint64_t block;
	uint32_t index, topics_n;
	struct hash32 topics[5];
	size_t data_n;
	enum defect defect;
};

static struct row row_of(const uint8_t *p)
{
	struct row r = { .block = p[0], .index = p[1], .topics_n = p[2] & 7, .data_n = (size_t)p[3] << (p[4] & 7) };

	r.topics_n = r.topics_n < 5 ? r.topics_n : 3;
	r.topics[0] = numbered(p[2] & 0x80 ? 1 : 0);
	r.topics[1] = numbered(10 + (p[2] >> 3 & 3));
	for (unsigned i = 2; i < 5; i++)
		r.topics[i] = numbered(20 + i);
	r.defect = p[5] < DEFECTS ? (enum defect)p[5] : GOOD;
	return r;
}

static json_t *hash_json(const struct hash32 *h, size_t cut)
{
	char text[HEX32_MAX];

	hex_0x(SPAN_OF(*h), text);
	text[66 - cut] = '\0';
	return json_string(text);
}

static json_t *number_json(const char *prefix, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof text, "%s%" PRIx64, prefix, v);
	return json_string(text);
}

static json_t *data_json(const struct row *r)
{
	char *text = malloc(2 * r->data_n + 4);
	json_t *j;

	check(text != NULL);
	memcpy(text, "0x", 2);
	for (size_t i = 0; i < r->data_n; i++)
		memcpy(text + 2 + 2 * i, i % 2 ? "5a" : "A5", 2);
	text[2 + 2 * r->data_n] = r->defect == ODD_DATA ? '0' : '\0';
	text[3 + 2 * r->data_n] = '\0';
	if (r->defect == NOT_HEX)
		text[2] = 'g';
	j = json_string(text);
	free(text);
	return j;
}

static json_t *topics_json(const struct row *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->topics_n; i++)
		json_array_append_new(list, r->defect == NULL_TOPIC && i == 1 ? json_null() : hash_json(&r->topics[i], 0));
	if (r->defect == LONG_TOPIC && r->topics_n)
		json_array_set_new(list, 0, json_string("0x0000000000000000000000000000000000000000000000000000000000000000ff"));
	if (r->defect == TOPICS_NO_LIST) {
		json_decref(list);
		return hash_json(&r->topics[0], 0);
	}
	return list;
}

static json_t *row_json(const struct row *r)
{
	json_t *j = json_object();
	char address[HEX32_MAX];
	struct hash32 place = numbered(30);

	hex_0x(SPAN_OF(registry), address);
	if (r->defect == OTHER_ADDRESS)
		address[5] ^= 1;
	json_object_set_new(j, "address", json_string(address));
	json_object_set_new(j, "removed", json_boolean(r->defect == REMOVED));
	json_object_set_new(j, "blockHash", hash_json(&place, r->defect == SHORT_HASH ? 2 : 0));
	json_object_set_new(j, "transactionHash", r->defect == NULL_TX ? json_null() : hash_json(&place, 0));
	if (r->defect != NO_BLOCK)
		json_object_set_new(j, "blockNumber", number_json(r->defect == ZERO_PADDED ? "0x0" : r->defect == NO_PREFIX ? "" : "0x", r->block));
	json_object_set_new(j, "logIndex", number_json("0x", r->index | (r->defect == BIG_INDEX ? UINT64_C(1) << 32 : 0)));
	json_object_set_new(j, "topics", topics_json(r));
	if (r->defect != NO_DATA)
		json_object_set_new(j, "data", data_json(r));
	if (r->defect == NO_OBJECT) {
		json_decref(j);
		return json_string("a row");
	}
	return j;
}

/* By the words of read.h, and of nothing in read.c. */
static bool is_in_order(const struct row *r, size_t n, const struct rpc_log_filter *f)
{
	for (size_t i = 0; i < n; i++) {
		bool is_wanted = false;

		for (size_t k = 0; k < f->products_n; k++)
			is_wanted |= hash32_eq(&f->products[k], &r[i].topics[1]);
		if (r[i].defect != GOOD || r[i].topics_n < 2 || r[i].topics_n > 4 || !is_wanted || r[i].data_n > RECORD_DATA_MAX)
			return false;
		if (r[i].block < f->from || r[i].block > f->to || (f->topic0 && !hash32_eq(f->topic0, &r[i].topics[0])))
			return false;
		if (i && (r[i].block < r[i - 1].block || (r[i].block == r[i - 1].block && r[i].index <= r[i - 1].index)))
			return false;
	}
	return true;
}

static void check_same(const struct row *r, const struct record *got)
{
	check(r->block == got->block && r->index == got->log_index && r->topics_n == got->topics_n && r->data_n == got->data.n);
	check(memcmp(r->topics, got->topics, r->topics_n * sizeof r->topics[0]) == 0);
	for (size_t i = 0; i < got->data.n; i++)
		check(got->data.p[i] == (i % 2 ? 0x5a : 0xa5));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct hash32 products[3] = { numbered(10), numbered(11), numbered(12) }, event = numbered(0);
	struct rpc_log_filter f = { .address = &registry, .products = products };
	struct row rows[ROWS_MAX];
	struct records got = { .n = 0 };
	json_t *list = json_array();
	size_t count = 0;
	int rc;

	if (n >= 3) {
		f.topic0 = p[0] & 1 ? &event : NULL;
		f.products_n = (p[0] >> 1 & 3) < 3 ? 1 + (p[0] >> 1 & 3) : 1;
		f.from = p[1];
		f.to = p[2];
		for (p += 3, n -= 3; n >= ROW && count < ROWS_MAX; p += ROW, n -= ROW) {
			rows[count] = row_of(p);
			if (rows[count].defect == NOT_HEX && rows[count].data_n == 0)
				rows[count].data_n = 1;
			json_array_append_new(list, row_json(&rows[count]));
			count++;
		}
	}
	rc = read_logs(list, &f, &got, NULL);
	check((rc == ERR_OK) == is_in_order(rows, count, &f));
	check(rc != ERR_OK || got.n == count);
	for (size_t i = 0; rc == ERR_OK && i < count; i++)
		check_same(&rows[i], &got.v[i]);
	records_free(&got);
	json_decref(list);
	return 0;
}
