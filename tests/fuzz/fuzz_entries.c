/* fuzz_entries.c: histories as files. What is taken was asked for, stands in order, and says the same when it is written and
 * read again. */
#include "chain/entries.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct addr20 registry = { { 0x5f, 0xbd } };
static const struct hash32 product = { { 0x77, 0x77 } };

static void check(const struct records *got, const struct rpc_log_filter *f)
{
	for (size_t i = 0; i < got->n; i++) {
		const struct record *r = &got->v[i];

		assert(r->block >= f->from && r->block <= f->to && r->topics_n >= 2 && r->topics_n <= RECORD_TOPICS_MAX);
		assert(hash32_eq(&r->topics[1], &product) && r->data.n <= RECORD_DATA_MAX);
		assert(i == 0 || record_is_after(r, &got->v[i - 1]));
	}
}

static void write_and_read(const struct records *got, const struct rpc_log_filter *f)
{
	struct buf file = BUF_INIT(ENTRIES_FILE_MAX);
	struct records again = { .n = 0 };

	for (size_t i = 0; i < got->n; i++)
		entries_put_line(&file, &registry, &got->v[i]);
	assert(buf_ok(&file, NULL) || (entries_read(buf_span(&file), f, &again, NULL) == ERR_OK && again.n == got->n));
	for (size_t i = 0; i < again.n; i++) {
		struct hash32 a = record_digest(&got->v[i]), b = record_digest(&again.v[i]);

		assert(hash32_eq(&a, &b) && got->v[i].log_index == again.v[i].log_index);
	}
	records_free(&again);
	buf_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct rpc_log_filter f = { .address = &registry, .from = 5, .to = 1000, .products = &product, .products_n = 1 };
	struct records got = { .n = 0 };

	json_budget_install();
	if (entries_read(SPAN(p, n), &f, &got, NULL) == ERR_OK) {
		check(&got, &f);
		write_and_read(&got, &f);
	}
	records_free(&got);
	return 0;
}
