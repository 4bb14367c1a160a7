/* fuzz_rpc.c: whole RPC answers: JSON, batches, and every result that we read: headers, logs, proofs. */
#include "chain/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void read_all(const json_t *result)
{
	static const struct addr20 registry = { { 1 } };
	static const struct hash32 ids[2] = { { { 1 } }, { { 2 } } };
	struct rpc_log_filter f = { .address = &registry, .to = 1000, .products = ids, .products_n = 2 };
	struct records records = { .n = 0 };
	struct trie_account account;
	struct hash32 words[2], root = { { 3 } };
	struct header h;

	(void)!read_block(result, &h, NULL);
	(void)!read_claimed_hash(result, &root, NULL);
	(void)!read_logs(result, &f, &records, NULL);
	(void)!read_proof(result, &root, &registry, ids, 2, &account, words, NULL, NULL);
	records_free(&records);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint64_t ids[] = { 1, 2, 3 };

	json_budget_install();
	for (size_t calls = 1; calls <= 3; calls += 2) {
		struct rpc_exchange x = { .status = 200, .body = SPAN(p, n) };
		struct rpc_reply r;

		rpc_reply_read(&r, &x, ids, calls);
		for (size_t i = 0; i < calls; i++)
			if (r.answer[i].class == RPC_OK)
				read_all(r.answer[i].result);
		rpc_reply_free(&r);
	}
	return 0;
}
