/* chain_proof.c: what a product's proof and replay cost, in CPU time.
 *
 *	chain_proof ROUNDS < FILE
 *
 * FILE is JSON: registry, product, stateRoot, proof (an eth_getProof result for the product's two words), logs (an
 * eth_getLogs result: its whole history). Each round proves the account and both words and replays the records to the
 * proven head: first from bytes in memory, then from the answers' text, as the follower gets them. chain-proof.mjs
 * lets another library do the same. Prints JSON: microseconds, medians of the rounds. */
#include "base/hex.h"
#include "chain/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORDS 2

struct nodes {
	struct span v[PROOF_NODES_MAX];
	size_t n;
};

struct job {
	struct addr20 registry;
	struct hash32 product, state_root, keys[WORDS];
	struct nodes account, word[WORDS];
	struct records records;
	char *proof_text, *logs_text;
};

static void must(int rc, const struct err *e)
{
	if (!rc)
		return;
	fprintf(stderr, "%s\n", e->msg);
	exit(1);
}

/* --- reading the job --- */

static void read_nodes(const json_t *array, struct nodes *out)
{
	const json_t *text;
	struct err e;

	json_array_foreach(array, out->n, text) {
		uint8_t *node = malloc(PROOF_NODE_MAX);
		size_t n = 0;

		if (!node || out->n == PROOF_NODES_MAX)
			abort();
		must(json_data(text, node, PROOF_NODE_MAX, &n, &e), &e);
		out->v[out->n] = SPAN(node, n);
	}
}

static struct rpc_log_filter all_of(const struct job *j)
{
	return (struct rpc_log_filter){ .address = &j->registry, .to = UINT64_MAX, .products = &j->product, .products_n = 1 };
}

static void read_job(struct job *j)
{
	json_t *root = json_loadf(stdin, 0, NULL), *proof = json_object_get(root, "proof"), *logs = json_object_get(root, "logs");
	const json_t *words = json_object_get(proof, "storageProof");
	struct rpc_log_filter filter = all_of(j);
	struct product_slots slots;
	struct err e = { 0 };

	must(json_fixed(json_object_get(root, "registry"), j->registry.b, sizeof j->registry.b, &e), &e);
	must(json_fixed(json_object_get(root, "product"), j->product.b, sizeof j->product.b, &e), &e);
	must(json_fixed(json_object_get(root, "stateRoot"), j->state_root.b, sizeof j->state_root.b, &e), &e);
	slots = product_slots(&j->product);
	j->keys[0] = slots.head;
	j->keys[1] = slots.packed;
	read_nodes(json_object_get(proof, "accountProof"), &j->account);
	for (size_t i = 0; i < WORDS; i++)
		read_nodes(json_object_get(json_array_get(words, i), "proof"), &j->word[i]);
	must(read_logs(logs, &filter, &j->records, &e), &e);
	j->proof_text = json_dumps(proof, JSON_COMPACT);
	j->logs_text = json_dumps(logs, JSON_COMPACT);
	json_decref(root);
}

/* --- the work --- */

static void check_head(const struct records *records, const struct hash32 words[WORDS])
{
	struct product_words w = product_words(&words[0], &words[1]);
	struct hash32 head = { { 0 } };

	for (size_t i = 0; i < records->n; i++)
		record_extend(&head, &records->v[i]);
	if (w.entries == records->n && hash32_eq(&head, &w.head))
		return;
	fprintf(stderr, "the records do not replay to the proven head\n");
	exit(1);
}

static void prove(struct job *j, struct hash32 words[WORDS])
{
	struct trie_account account;
	struct err e;

	must(trie_account(&j->state_root, &j->registry, j->account.v, j->account.n, &account, &e), &e);
	for (size_t i = 0; i < WORDS; i++)
		must(trie_word(&account.storage_root, &j->keys[i], j->word[i].v, j->word[i].n, &words[i], &e), &e);
}

static void only_prove(struct job *j)
{
	struct hash32 words[WORDS];

	prove(j, words);
}

static void from_bytes(struct job *j)
{
	struct hash32 words[WORDS];

	prove(j, words);
	check_head(&j->records, words);
}

static void from_text(struct job *j)
{
	struct rpc_log_filter filter = all_of(j);
	struct records records = { .n = 0 };
	struct trie_account account;
	struct hash32 words[WORDS];
	struct err e = { 0 };
	json_t *proof = json_parse(span_str(j->proof_text), &e), *logs = json_parse(span_str(j->logs_text), &e);

	must(!proof || !logs, &e);
	must(read_proof(proof, &j->state_root, &j->registry, j->keys, WORDS, &account, words, &e), &e);
	must(read_logs(logs, &filter, &records, &e), &e);
	check_head(&records, words);
	records_free(&records);
	json_decref(proof);
	json_decref(logs);
}

/* --- measuring --- */

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_us(struct job *j, void (*work)(struct job *), size_t rounds)
{
	double *took = calloc(rounds, sizeof *took), median;

	if (!took)
		abort();
	for (size_t i = 0; i < rounds; i++) {
		double from = cpu_us();

		work(j);
		took[i] = cpu_us() - from;
	}
	qsort(took, rounds, sizeof *took, by_size);
	median = took[rounds / 2];
	free(took);
	return median;
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	static struct job job;

	if (rounds == 0)
		return 2;
	json_budget_install();
	read_job(&job);
	printf("{\"prove\":%.2f,\"bytes\":%.2f,\"text\":%.2f}\n", median_us(&job, only_prove, rounds),
	       median_us(&job, from_bytes, rounds), median_us(&job, from_text, rounds));
	return 0;
}
