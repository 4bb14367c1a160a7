/* test_evidence.c: what a bundle says of the chain: read back, replayed, and every way in which it can contradict itself. */
#include "base/cleanup.h"
#include "chain/entries.h"
#include "chain/entry.h"
#include "chain/evidence.h"
#include "../support/ends.h"
#include "stage.h"

#include <check.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static struct buf answered, proof_text, entries;
static struct evidence about, got;
static struct records records;
static struct err err;

static void keep_body(struct fake_world *world, const struct follower_action *a, struct follower_answer *answer, struct buf *body)
{
	(void)world, (void)a, (void)answer;
	buf_reset(&answered);
	buf_add(&answered, buf_span(body));
}

static const struct fake_hooks hooks = { .answered = keep_body };

/* The first provider's result. */
static json_t *ask(const char *method, struct span params, const char *more)
{
	AUTO(buf_free) struct buf body = BUF_INIT(8 * KIB);
	struct follower_action a = { .id = 1u << 30, .answer_max = RPC_BODY_MAX };
	json_t *reply, *result;

	rpc_put_call(&body, 1, method, params, more);
	a.body = buf_span(&body);
	fake_answer(&w, &a);
	reply = json_parse(buf_span(&answered), &err);
	ck_assert_msg(reply != NULL, "%s", err.msg);
	result = json_incref(json_object_get(reply, "result"));
	json_decref(reply);
	return result;
}

static json_t *ask_proof(const struct product_slots *slots, uint64_t number)
{
	AUTO(buf_free) struct buf params = BUF_INIT(4 * KIB);
	struct hash32 keys[] = { slots->head, slots->packed };

	rpc_put_proof(&params, &fake_registry, keys, 2, number);
	return ask("eth_getProof", buf_span(&params), "");
}

static json_t *ask_block(uint64_t number)
{
	AUTO(buf_free) struct buf params = BUF_INIT(4 * KIB);

	rpc_put_block_number(&params, number);
	return ask("eth_getBlockByNumber", buf_span(&params), RPC_BLOCK_MORE);
}

/* The evidence for product 0 at a block, by a provider that lies like this. */
static void make(uint64_t number, enum lie block_lie, enum lie proof_lie)
{
	struct product_slots slots = product_slots(&chain->product[0].id);
	json_t *block, *proof;

	w.p[0].lie = block_lie;
	block = ask_block(number);
	w.p[0].lie = proof_lie;
	proof = ask_proof(&slots, number);
	buf_reset(&proof_text);
	ck_assert(evidence_put(&proof_text, &about, block, proof, &err) == ERR_OK);
	json_decref(block);
	json_decref(proof);
}

static void put_entries(size_t from, size_t end)
{
	for (size_t i = from; i < end; i++)
		if (hash32_eq(&chain->logs.v[i].topics[1], &chain->product[0].id))
			entries_put_line(&entries, &fake_registry, &chain->logs.v[i]);
}

static void setup(void)
{
	json_budget_install();
	stage_setup();
	one_product();
	fake_register(chain, &fake_owner, "acme/two");
	fake_mine(chain, 1);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	w.hooks = &hooks;
	start();
	answered = BUF_INIT(RPC_BODY_MAX);
	proof_text = BUF_INIT(2 * MIB);
	entries = BUF_INIT(MIB);
	records = (struct records){ .n = 0 };
	about = (struct evidence){ .chain_id = FAKE_CHAIN_ID, .registry = fake_registry, .registrant = fake_owner, .product = "acme/one", .sequence = 2 };
	put_entries(0, chain->logs.n);
}

static void teardown(void)
{
	buf_free(&answered);
	buf_free(&proof_text);
	buf_free(&entries);
	records_free(&records);
	stage_teardown();
}

static uint64_t newest(void)
{
	return chain->n - 1;
}

START_TEST(what_is_written_is_read)
{
	struct span envelope;

	make(newest(), HONEST, HONEST);
	ck_assert_msg(evidence_read(buf_span(&proof_text), &got, &err) == ERR_OK, "%s", err.msg);
	ck_assert_uint_eq(got.chain_id, FAKE_CHAIN_ID);
	ck_assert_uint_eq(got.sequence, 2);
	ck_assert_str_eq(got.product, "acme/one");
	ck_assert(hash32_eq(&got.id, &chain->product[0].id));
	ck_assert(hash32_eq(&got.header.hash, &chain->block[newest()].hash));
	ck_assert(hash32_eq(&got.words.head, &chain->product[0].words.head));
	ck_assert(hash32_eq(&got.code_hash, &codes[0]));
	ck_assert(memmem(proof_text.p, proof_text.n, "transactions\"", 13) == NULL);
	ck_assert_msg(evidence_replay(&got, buf_span(&entries), &records, &err) == ERR_OK, "%s", err.msg);
	ck_assert_uint_eq(records.n, got.words.entries);
	ck_assert(evidence_envelope(&got, &records, &envelope, &err) == ERR_OK && envelope.n > 0);
	got.sequence = 3;
	ck_assert(evidence_envelope(&got, &records, &envelope, &err) == ERR_NOT_FOUND);
}
END_TEST

/* An older block proves an older history, and no newer one fits it. */
START_TEST(a_history_has_its_block)
{
	uint64_t older = newest() - 1;

	make(older, HONEST, HONEST);
	ck_assert(evidence_read(buf_span(&proof_text), &got, &err) == ERR_OK);
	ck_assert(evidence_replay(&got, buf_span(&entries), &records, &err) == ERR_PROOF);
	ck_assert_msg(strstr(err.msg, "5 entries, 4 are proven"), "%s", err.msg);
}
END_TEST

static const struct { const char *rule; enum lie block, proof; enum err_code code; const char *says; } lies[] = {
	{ "the header hashes to its hash", ALTERS_HEADER, HONEST, ERR_PROOF, "eth-proof.json: " },
	{ "fields that nobody knows are no excuse", NEW_FORK_FIELDS, HONEST, ERR_RULE, "eth-proof.json: " },
	{ "each node is the one that its parent names", HONEST, FLIPS_PROOF, ERR_PROOF, "eth-proof.json: " },
	{ "none is missing", HONEST, CUTS_PROOF, ERR_PROOF, "eth-proof.json: " },
	{ "none is too many", HONEST, PADS_PROOF, ERR_PROOF, "eth-proof.json: " },
	{ "the account is the registry", HONEST, OTHER_ACCOUNT, ERR_PROOF, "eth-proof.json: " },
	{ "and named so", HONEST, CLAIMS_ADDRESS, ERR_RULE, "another account" },
	{ "the value is the one that is proven", HONEST, CLAIMS_VALUE, ERR_RULE, "another value" },
	{ "the storage root too", HONEST, CLAIMS_STORAGE_ROOT, ERR_RULE, "another storage root" },
	{ "the proof is of that block", HONEST, STALE_PROOF, ERR_PROOF, "eth-proof.json: " },
	{ "of those words", HONEST, OTHER_KEY, ERR_RULE, "another storage key" },
};

START_TEST(lies_are_named)
{
	make(newest(), lies[_i].block, lies[_i].proof);
	ck_assert_msg(evidence_read(buf_span(&proof_text), &got, &err) == (int)lies[_i].code, "%s: %s", lies[_i].rule, err.msg);
	ck_assert_msg(strstr(err.msg, lies[_i].says), "%s: %s", lies[_i].rule, err.msg);
}
END_TEST

/* One text in place of another. */
static void bend(const char *from, const char *to)
{
	AUTO(buf_free) struct buf out = BUF_INIT(2 * MIB);
	const uint8_t *at = memmem(proof_text.p, proof_text.n, from, strlen(from));
	size_t before;

	ck_assert_msg(at != NULL, "%s", from);
	before = (size_t)(at - proof_text.p);
	buf_add(&out, SPAN(proof_text.p, before));
	buf_str(&out, to);
	buf_add(&out, span_cut(buf_span(&proof_text), before + strlen(from), proof_text.n));
	buf_reset(&proof_text);
	buf_add(&proof_text, buf_span(&out));
}

static const struct { const char *rule, *from, *to; enum err_code code; const char *says; } forms[] = {
	{ "it is of a format that is known", "gatepost-bundle-1", "gatepost-bundle-2", ERR_FORMAT, "its format is not" },
	{ "it has all members", "\"chainId\"", "\"chain\"", ERR_FORMAT, "it has no chainId" },
	{ "and no others", "{\"format\"", "{\"more\":1,\"format\"", ERR_FORMAT, "not known" },
	{ "a member stands once", "{\"format\"", "{\"format\":\"gatepost-bundle-1\",\"format\"", ERR_FORMAT, "eth-proof.json" },
	{ "releases count from 1", "\"sequence\":\"0x2\"", "\"sequence\":\"0x0\"", ERR_FORMAT, "count from 1" },
	{ "numbers are quantities", "\"sequence\":\"0x2\"", "\"sequence\":2", ERR_FORMAT, "eth-proof.json" },
	{ "a product is vendor/model", "acme/one", "acme", ERR_FORMAT, "vendor/model" },
	{ "its words are the product's", "acme/one", "acme/two", ERR_RULE, "another storage key" },
	{ "it is one object", "{\"format\"", "[{\"format\"", ERR_FORMAT, "eth-proof.json" },
	{ "nothing follows", "}\n", "}\n1", ERR_FORMAT, "eth-proof.json" },
};

START_TEST(forms_are_strict)
{
	make(newest(), HONEST, HONEST);
	bend(forms[_i].from, forms[_i].to);
	ck_assert_msg(evidence_read(buf_span(&proof_text), &got, &err) == (int)forms[_i].code, "%s: %d %s", forms[_i].rule, err.code, err.msg);
	ck_assert_msg(strstr(err.msg, forms[_i].says), "%s: %s", forms[_i].rule, err.msg);
}
END_TEST

/* A product that nobody registered is proven to be none. */
START_TEST(absence_is_no_product)
{
	struct product_slots slots;
	json_t *block = ask_block(newest()), *proof;

	snprintf(about.product, sizeof about.product, "acme/none");
	about.id = product_id(&fake_owner, span_str("acme/none"));
	slots = product_slots(&about.id);
	proof = ask_proof(&slots, newest());
	ck_assert(evidence_put(&proof_text, &about, block, proof, &err) == ERR_OK);
	json_decref(block);
	json_decref(proof);
	ck_assert(evidence_read(buf_span(&proof_text), &got, &err) == ERR_NOT_FOUND);
	ck_assert_msg(strstr(err.msg, "no such product is registered"), "%s", err.msg);
}
END_TEST

/* --- histories that do not come out --- */

static void lacks_first(void) { put_entries(1, chain->logs.n); }
static void lacks_last(void) { put_entries(0, chain->logs.n - 1); }
static void lacks_middle(void)
{
	put_entries(0, 2);
	put_entries(3, chain->logs.n);
}
static void is_empty(void) { }
static void is_twice(void)
{
	put_entries(0, chain->logs.n);
	put_entries(0, chain->logs.n);
}

static void edits_one(void)
{
	struct record *r = &chain->logs.v[chain->logs.n - 1];

	((uint8_t *)(uintptr_t)r->data.p)[63] ^= 1;		/* its time */
	put_entries(0, chain->logs.n);
}

static void others_too(void)
{
	for (size_t i = 0; i < chain->logs.n; i++)
		entries_put_line(&entries, &fake_registry, &chain->logs.v[i]);
}

static void of_another_registry(void)
{
	for (size_t i = 0; i < chain->logs.n; i++)
		entries_put_line(&entries, &fake_stranger, &chain->logs.v[i]);
}

static void moves_last(void)
{
	chain->logs.v[chain->logs.n - 1].block--;
	put_entries(0, chain->logs.n);
}

static void moves_one(void)
{
	chain->logs.v[3].block = chain->logs.v[2].block;
	put_entries(0, chain->logs.n);
}

static const struct { const char *rule; void (*write)(void); enum err_code code; const char *says; } histories[] = {
	{ "the first entry is there", lacks_first, ERR_PROOF, "entry 0" },
	{ "the last too", lacks_last, ERR_PROOF, "are proven" },
	{ "and all between", lacks_middle, ERR_PROOF, "entries.jsonl" },
	{ "there are entries", is_empty, ERR_PROOF, "0 entries" },
	{ "each once", is_twice, ERR_RULE, "in the order of the chain" },
	{ "none is edited", edits_one, ERR_PROOF, "proven head" },
	{ "none is of another product", others_too, ERR_RULE, "another product" },
	{ "nor of another registry", of_another_registry, ERR_RULE, "another address" },
	{ "the last stands in its block", moves_last, ERR_PROOF, "entries.jsonl" },
	{ "and every other one", moves_one, ERR_PROOF, "not the one before it" },
};

START_TEST(histories_come_out)
{
	make(newest(), HONEST, HONEST);
	ck_assert(evidence_read(buf_span(&proof_text), &got, &err) == ERR_OK);
	buf_reset(&entries);
	histories[_i].write();
	ck_assert_msg(evidence_replay(&got, buf_span(&entries), &records, &err) == (int)histories[_i].code, "%s: %d %s",
		      histories[_i].rule, err.code, err.msg);
	ck_assert_msg(strstr(err.msg, histories[_i].says), "%s: %s", histories[_i].rule, err.msg);
}
END_TEST

/* Whoever makes up a chain can make up a head too; a history that begins with anything else is none that the contract makes. */
START_TEST(a_history_begins_with_its_registration)
{
	struct record *second = &chain->logs.v[1];

	make(newest(), HONEST, HONEST);
	ck_assert(evidence_read(buf_span(&proof_text), &got, &err) == ERR_OK);
	memset((uint8_t *)(uintptr_t)second->data.p, 0, 32);		/* it follows nothing */
	got.words = (struct product_words){ .entries = 1, .last_block = second->block };
	record_extend(&got.words.head, second);
	buf_reset(&entries);
	put_entries(1, 2);
	ck_assert(evidence_replay(&got, buf_span(&entries), &records, &err) == ERR_PROOF);
	ck_assert_msg(strstr(err.msg, "does not register"), "%s", err.msg);
}
END_TEST

/* The linker's names (--wrap): between our archives and the C library. */
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
static unsigned reallocs_that_work = UINT_MAX;

void *__wrap_realloc(void *p, size_t n)
{
	return reallocs_that_work-- ? __real_realloc(p, n) : NULL;
}

static void make_id(void *arg)
{
	static const struct addr20 registrant = { { 1 } };

	reallocs_that_work = *(unsigned *)arg;
	(void)product_id(&registrant, SPAN_LIT("acme/a-name-of-more-than-thirty-two-bytes"));
}

START_TEST(no_id_is_made_of_half_a_product)
{
	ck_assert_int_eq(status_of_end(make_id, &(unsigned){ (unsigned)_i }), ERR_EXIT_LATER);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("evidence");
	TCase *t = tcase_create("evidence");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_written_is_read);
	tcase_add_test(t, a_history_has_its_block);
	tcase_add_loop_test(t, lies_are_named, 0, sizeof lies / sizeof *lies);
	tcase_add_loop_test(t, forms_are_strict, 0, sizeof forms / sizeof *forms);
	tcase_add_test(t, absence_is_no_product);
	tcase_add_loop_test(t, no_id_is_made_of_half_a_product, 0, 2);
	tcase_add_loop_test(t, histories_come_out, 0, sizeof histories / sizeof *histories);
	tcase_add_test(t, a_history_begins_with_its_registration);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
