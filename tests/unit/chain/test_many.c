/* test_many.c: stories of a follower of many products, with limits that are small enough for a chain of this size: what is
 * asked for when little changes, when strangers change much, and when nobody explains the registry's list. */
#include "chain/follow.h"
#include "stage.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define OURS 40
#define KEYS_A_CALL 16		/* of 80 words: many products */

static void setup(void)
{
	stage_setup();
	wants[0].name = NULL;
	conf.proof_keys = KEYS_A_CALL;
}

static size_t register_one(const struct addr20 *who, const char *model, size_t i)
{
	char name[PRODUCT_NAME_MAX];

	snprintf(name, sizeof name, "acme/%s%zu", model, i);
	return fake_register(chain, who, name);
}

/* `n` of ours among half as many strangers'. */
static void crowd(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		register_one(&fake_owner, "n", i);
		if (i % 2)
			register_one(&fake_stranger, "n", i);
	}
	fake_mine(chain, 1);
}

/* All of ours, each as the chain has it, and final. */
static void in_step(size_t n)
{
	ck_assert_uint_eq(follower_products(w.f), n);
	for (size_t i = 0; i < chain->products_n; i++) {
		const struct fake_product *p = &chain->product[i];
		struct follower_product_info info;

		if (!follower_product_find(w.f, &p->id, &info)) {
			ck_assert(addr20_eq(&p->registrant, &fake_stranger));
			continue;
		}
		ck_assert_msg(hash32_eq(&info.final.head, &p->words.head), "%s", info.name);
		ck_assert_uint_eq(info.final.sequence, p->words.sequence);
		ck_assert_uint_eq(info.provisional, 0);
	}
}

/* How many are proven at the chain's end. */
static size_t fresh(void)
{
	size_t n = 0;

	for (size_t i = 0; i < follower_products(w.f); i++) {
		struct follower_product_info info;

		follower_product(w.f, i, &info);
		n += info.proof.number == chain->n - 1;
	}
	return n;
}

static struct { unsigned keys, proofs, logs; } before;

static void count_from_here(void)
{
	before.keys = w.keys;
	before.proofs = w.proofs;
	before.logs = w.logs;
	w.keys_most = w.topics_most = 0;
	fake_forget(&w);
}

/* --- what is asked for --- */

START_TEST(first_sync)
{
	crowd(OURS);
	start();
	runs(1);
	in_step(OURS);
	ck_assert_uint_eq(fresh(), OURS);
	silent("alarm");
	ck_assert_uint_le(w.keys_most, KEYS_A_CALL);
	ck_assert_uint_le(w.topics_most, 20);
	ck_assert_uint_le(w.keys, 1 + OURS + OURS / 2 + 2 * OURS);	/* the list's length, the list, two words each */
}
END_TEST

START_TEST(unchanged_root_costs_one_account_proof)
{
	crowd(OURS);
	start();
	runs(1);
	count_from_here();
	fake_mine(chain, 3);
	runs(1);
	ck_assert_uint_eq(w.proofs - before.proofs, 1);
	ck_assert_uint_eq(w.keys - before.keys, 0);
	ck_assert_uint_eq(w.logs - before.logs, 0);
	ck_assert_uint_eq(fresh(), OURS);
}
END_TEST

/* One release: its two words, and at most one more word for each node of the trie on the way to them. */
START_TEST(one_change_costs_its_own_path)
{
	crowd(OURS);
	start();
	runs(1);
	count_from_here();
	fake_publish(chain, 21);
	fake_mine(chain, 1);
	runs(1);
	in_step(OURS);
	ck_assert_uint_eq(fresh(), OURS);
	ck_assert_uint_le(w.keys - before.keys, 8);
	ck_assert_uint_eq(w.logs - before.logs, 1);
	said("refreshed 3 final");
}
END_TEST

START_TEST(a_strangers_change_costs_less)
{
	crowd(OURS);
	start();
	runs(1);
	count_from_here();
	ck_assert(addr20_eq(&chain->product[2].registrant, &fake_stranger));
	fake_publish(chain, 2);
	fake_mine(chain, 1);
	runs(1);
	in_step(OURS);
	ck_assert_uint_eq(fresh(), OURS);
	ck_assert_uint_le(w.keys - before.keys, 6);
	ck_assert_uint_eq(w.logs - before.logs, 0);
}
END_TEST

START_TEST(many_changes_at_once)
{
	crowd(OURS);
	start();
	runs(1);
	for (size_t round = 0; round < 4; round++) {
		for (size_t i = round & 1; i < chain->products_n; i += 3)
			fake_publish(chain, i);
		fake_mine(chain, 1);
		runs(1);
		in_step(OURS);
		ck_assert_uint_eq(fresh(), OURS);
	}
	silent("alarm");
	silent("undone");
}
END_TEST

START_TEST(a_registration_is_found)
{
	crowd(OURS);
	start();
	runs(1);
	count_from_here();
	register_one(&fake_owner, "late", 1);
	register_one(&fake_stranger, "late", 2);
	fake_mine(chain, 1);
	runs(1);
	said("product acme/late1");
	in_step(OURS + 1);
	ck_assert_uint_le(w.keys - before.keys, 16);
	count_from_here();
	fake_mine(chain, 1);
	runs(1);
	ck_assert_uint_eq(w.keys - before.keys, 0);
}
END_TEST

/* Few products: all words in one call, as if nothing were known. */
START_TEST(few_products_take_one_call)
{
	wants[0] = (struct follower_want){ fake_owner, "acme/n0" };
	wants[1] = (struct follower_want){ fake_owner, "acme/n1" };
	conf.wants_n = 2;
	crowd(OURS);
	start();
	runs(1);
	count_from_here();
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	runs(1);
	ck_assert_uint_eq(follower_products(w.f), 2);
	ck_assert_uint_eq(fresh(), 2);
	said("proven acme/n0 4 final at 3");
	ck_assert_uint_eq(w.proofs - before.proofs, 2);
	ck_assert_uint_eq(w.keys - before.keys, 4);
}
END_TEST

/* --- reorgs --- */

START_TEST(reorgs)
{
	conf.finality = FINALITY_DEPTH;
	conf.depth = 12;
	crowd(OURS);
	fake_mine(chain, 14);
	start();
	runs(1);
	for (uint64_t depth = 1; depth < 12; depth += 3) {
		struct fake_chain *fork;

		for (uint64_t i = 0; i < depth; i++) {
			fake_publish(chain, i % 5);
			fake_mine(chain, 1);
		}
		runs(1);
		fork = fake_fork(chain, chain->n - 1 - depth);
		for (uint64_t i = 0; i <= depth; i++) {
			fake_publish(fork, 3 + i % 7);
			fake_mine(fork, 1);
		}
		fake_free(chain);
		w.p[0].chain = chain = fork;
		runs(1);
	}
	fake_mine(chain, 12);
	runs(1);
	in_step(OURS);
	ck_assert_uint_eq(fresh(), 0);
	silent("alarm");
}
END_TEST

/* --- limits --- */

/* Strangers change the registry all over, block by block. */
static void flood(void)
{
	for (size_t i = 0; i < chain->products_n; i++)
		if (addr20_eq(&chain->product[i].registrant, &fake_stranger))
			fake_publish(chain, i);
	for (size_t i = 0; i < 2; i++)
		register_one(&fake_stranger, "flood", chain->products_n);
	fake_mine(chain, 1);
}

static uint64_t oldest(void)
{
	uint64_t n = UINT64_MAX;

	for (size_t i = 0; i < follower_products(w.f); i++) {
		struct follower_product_info info;

		follower_product(w.f, i, &info);
		n = info.proof.number < n ? info.proof.number : n;
	}
	return n;
}

START_TEST(a_flood_costs_bounded_work)
{
	conf.round_keys = 12;
	crowd(OURS);
	start();
	runs(1);
	for (int i = 0; i < 12; i++)		/* what was saved up is used */
		flood(), runs(1);
	count_from_here();
	for (int i = 0; i < 6; i++) {
		flood();
		runs(1);
		ck_assert_uint_lt(fresh(), OURS);
	}
	/* Of products, at the final and at the recent block; of the list; and what one round left for the next. */
	ck_assert_uint_le(w.keys - before.keys, 6 * (12 + 12 + 2) + 12);
	ck_assert_uint_le(w.logs - before.logs, 6);
	/* Each has its turn, and each one's own proof says when that was. */
	ck_assert_uint_ge(oldest() + 7, chain->n);
	silent("alarm");
	fake_mine(chain, 1);
	runs(12);
	ck_assert_uint_eq(fresh(), OURS);
	in_step(OURS);
}
END_TEST

/* What is there from the beginning is proven in one round. */
START_TEST(a_first_sync_is_no_flood)
{
	conf.round_keys = 12;
	crowd(OURS);
	start();
	runs(1);
	ck_assert_uint_eq(fresh(), OURS);
}
END_TEST

/* And what changes meanwhile is found. */
START_TEST(a_flood_hides_nothing)
{
	conf.round_keys = 12;
	crowd(OURS);
	start();
	runs(1);
	for (int i = 0; i < 12; i++)
		flood(), runs(1);
	for (size_t i = 0; i < chain->products_n; i += 2)
		if (addr20_eq(&chain->product[i].registrant, &fake_owner))
			fake_publish(chain, i);
	for (int i = 0; i < 12; i++)
		flood(), runs(1);
	in_step(OURS);
	silent("undone");
}
END_TEST

/* Part of a proof at a recent block becomes final like a whole one, for the products that are in it. */
START_TEST(a_flood_before_finality)
{
	conf.round_keys = 12;
	conf.finality = FINALITY_DEPTH;
	conf.depth = 6;
	crowd(OURS);
	fake_mine(chain, 6);
	start();
	runs(1);
	for (int i = 0; i < 20; i++) {
		if (i % 4 == 0)
			fake_publish(chain, 1);
		flood();
		w.p[0].proofs_from = chain->n - 3;	/* states are short-lived: all comes from promotions */
		runs(1);
	}
	ck_assert_uint_ge(oldest() + 20, chain->n);
	silent("undone");
	fake_mine(chain, 7);
	runs(12);
	in_step(OURS);
}
END_TEST

/* Thousands of strangers' registrations: the list is read a part at a time, and the products do not wait for it. */
START_TEST(a_long_list_is_read_in_parts)
{
	conf.proof_keys = 4;
	conf.first_ids = 6;
	wants[1] = (struct follower_want){ fake_owner, "acme/named" };
	conf.wants_n = 2;
	for (size_t i = 0; i < 30; i++)
		register_one(&fake_stranger, "s", i);
	fake_register(chain, &fake_owner, "acme/named");
	register_one(&fake_owner, "n", 1);
	fake_mine(chain, 1);
	start();
	runs(1);
	said("proven acme/named 3 final at 2");
	silent("product acme/n1");
	ck_assert_uint_le(w.keys, 1 + 2 + 6);
	for (int i = 0; i < 6; i++) {
		count_from_here();
		runs(1);
		ck_assert_uint_le(w.keys - before.keys, 4 + 2);
		ck_assert_uint_le(w.logs - before.logs, 2);
	}
	runs(1);
	in_step(2);
	silent("alarm");
}
END_TEST

/* --- who registered what --- */

/* One id is never explained: the others are, now and later, and it is asked about more and more seldom. */
START_TEST(one_is_never_explained)
{
	unsigned asked = 0;

	crowd(4);
	fake_mine(chain, 1);
	w.p[0].lie = OMITS_FIRST_LOG;
	start();
	runs(1);
	w.p[0].lie = HONEST;
	said("alarm registration-missing *");
	silent("product acme/n0");
	w.p[0].lie = OMITS_LOGS;
	for (int i = 0; i < 128; i++) {
		unsigned n = w.registrations;

		runs(1);
		asked += w.registrations != n;
	}
	ck_assert_uint_ge(asked, 6);
	ck_assert_uint_le(asked, 9);
	w.p[0].lie = HONEST;
	register_one(&fake_owner, "late", 1);
	fake_mine(chain, 1);
	runs(1);
	said("product acme/late1");		/* a new one is asked about at once, and the old one with it */
	said("product acme/n0");
	said("alarm-off registration-missing ");
	in_step(5);
}
END_TEST

START_TEST(unexplained_ones_do_not_pile_up_over_reorgs)
{
	struct fake_chain *fork;

	conf.finality = FINALITY_DEPTH;
	conf.depth = 4;
	crowd(4);
	fake_mine(chain, 5);
	start();
	runs(1);
	w.p[0].lie = OMITS_LOGS;
	fork = fake_fork(chain, chain->n - 2);
	register_one(&fake_owner, "gone", 1);
	fake_mine(chain, 1);
	runs(1);
	said("alarm registration-missing *");
	fake_mine(fork, 2);
	fake_free(chain);
	w.p[0].chain = chain = fork;
	runs(4);
	said("alarm-off registration-missing ");
	in_step(4);
}
END_TEST

/* Strangers' ids are noted while they are not final, each once, and then forgotten. */
START_TEST(strangers_are_forgotten)
{
	conf.finality = FINALITY_DEPTH;
	conf.depth = 4;
	crowd(4);
	fake_mine(chain, 5);
	start();
	for (size_t i = 0; i < 6; i++) {
		register_one(&fake_stranger, "s", i);
		fake_mine(chain, 1);
		runs(1);
		ck_assert_uint_le(w.f->ids_n, chain->products_n);
	}
	fake_mine(chain, 5);
	runs(2);
	ck_assert_uint_eq(w.f->ids_n, 0);
	in_step(4);
}
END_TEST

/* --- restarts --- */

static struct follower_known_product kept[OURS + 2];
static char names[OURS + 2][PRODUCT_NAME_MAX + 1];

/* What a store would have kept of it. */
static void remember(void)
{
	struct follower_info status;
	size_t n = follower_products(w.f);

	follower_info(w.f, &status);
	ck_assert_uint_le(n, OURS + 2);
	for (size_t i = 0; i < n; i++) {
		struct follower_product_info info;

		follower_product(w.f, i, &info);
		strcpy(names[i], info.name);
		kept[i] = (struct follower_known_product){ .registrant = info.registrant, .name = names[i], .final = info.final,
			.proof = info.proof };
	}
	known = (struct follower_known){ .anchor = status.anchor, .products = kept, .products_n = n, .whole = w.whole,
		.whole_root = w.whole_root, .listed = w.listed };
	conf.genesis = &w.genesis;
	fake_world_free(&w);
}

START_TEST(restart_with_an_unchanged_registry)
{
	crowd(OURS);
	start();
	runs(1);
	remember();
	count_from_here();
	fake_mine(chain, 3);
	start();
	runs(1);
	ck_assert_uint_eq(w.proofs - before.proofs, 1);
	ck_assert_uint_eq(w.keys - before.keys, 0);
	ck_assert_uint_eq(fresh(), OURS);
	in_step(OURS);
	silent("proven");
	fake_publish(chain, 3);
	register_one(&fake_owner, "late", 1);
	fake_mine(chain, 1);
	runs(1);
	in_step(OURS + 1);
}
END_TEST

START_TEST(restart_with_a_changed_registry)
{
	crowd(OURS);
	start();
	runs(1);
	remember();
	count_from_here();
	fake_publish(chain, 3);
	register_one(&fake_owner, "late", 1);
	fake_mine(chain, 1);
	start();
	runs(1);
	in_step(OURS + 1);
	ck_assert_uint_eq(fresh(), OURS + 1);
	ck_assert_uint_le(w.keys - before.keys, 2 * (OURS + 1) + 2);	/* the list is not read again */
}
END_TEST

/* Nothing is taken for proven that was not part of that whole proof. */
START_TEST(restart_with_one_that_was_never_proven)
{
	crowd(OURS);
	start();
	runs(1);
	remember();
	kept[7].proof.number = 0;
	start();
	runs(1);
	said("proven acme/n7 3 final at 2");
	fake_world_free(&w);
	kept[7].proof = kept[8].proof;
	kept[7].proof.number++;			/* proven later than all together */
	count_from_here();
	start();
	runs(1);
	ck_assert_uint_ge(w.keys - before.keys, 2 * OURS);
}
END_TEST

/* The list was read for other registrants: it is read again. */
START_TEST(restart_with_another_registrant)
{
	crowd(OURS);
	start();
	runs(1);
	remember();
	wants[1] = (struct follower_want){ fake_stranger, NULL };
	conf.wants_n = 2;
	known.listed = 0;
	start();
	runs(1);
	ck_assert_uint_eq(follower_products(w.f), OURS + OURS / 2);
	ck_assert_uint_eq(fresh(), OURS + OURS / 2);
}
END_TEST

/* What nobody explained before is asked about again, be it the first of the list or the last. */
START_TEST(restart_with_one_that_was_never_explained)
{
	crowd(4);
	w.p[0].lie = OMITS_FIRST_LOG;
	start();
	runs(1);
	silent("product acme/n0");
	remember();
	w.p[0].lie = HONEST;
	start();
	runs(1);
	in_step(4);
	w.p[0].lie = OMITS_LOGS;
	register_one(&fake_owner, "late", 1);
	fake_mine(chain, 1);
	runs(1);
	silent("product acme/late1");
	remember();
	w.p[0].lie = HONEST;
	fake_mine(chain, 1);
	start();
	runs(1);
	in_step(5);
}
END_TEST

/* --- lies --- */

static const struct { const char *what; enum lie lie; const char *needs; } lies[] = {
	{ "a proof with a flipped bit", FLIPS_PROOF, "not the one that its parent names" },
	{ "a truncated proof", CUTS_PROOF, "a node is missing" },
	{ "a proof with an extra node", PADS_PROOF, "prove nothing" },
	{ "another value claimed", CLAIMS_VALUE, "another value" },
	{ "a proof for another state root", STALE_PROOF, "block 5" },
	{ "an exclusion proof for an existing slot", HIDES_SLOT, "block 5" },
	{ "a proof of another key", OTHER_KEY, "another storage key" },
	{ "no eth_getProof", NO_PROOF_METHOD, "unsupported" },
	{ "state is pruned", PROOF_PRUNED, "pruned" },
};

START_TEST(liar_alone)
{
	struct follower_provider_info info;

	crowd(OURS);
	start();
	runs(1);
	w.p[0].lie = lies[_i].lie;
	fake_mine(chain, 1);
	fake_publish(chain, 5);
	fake_mine(chain, 1);
	fake_publish(chain, 6);
	fake_mine(chain, 1);
	fake_forget(&w);
	runs(2);
	silent("seen");
	silent("proven");
	silent("undone");
	ck_assert_uint_eq(fresh(), 0);
	follower_provider(w.f, 0, &info);
	ck_assert_msg(strstr(info.last_error, lies[_i].needs) != NULL, "%s: \"%s\"", lies[_i].what, info.last_error);
}
END_TEST

START_TEST(liar_beside_an_honest_one)
{
	conf.providers_n = 2;
	crowd(OURS);
	start();
	runs(1);
	w.p[0].lie = lies[_i].lie;
	for (int i = 0; i < 4; i++) {
		fake_publish(chain, (size_t)(5 + i));
		fake_mine(chain, 1);
		runs(1);
		in_step(OURS);
		ck_assert_uint_eq(fresh(), OURS);
	}
	silent("undone");
}
END_TEST

#define LOOP(tc, test, rows) tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *s = suite_create("many");
	TCase *t = tcase_create("many");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, stage_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, first_sync);
	tcase_add_test(t, unchanged_root_costs_one_account_proof);
	tcase_add_test(t, one_change_costs_its_own_path);
	tcase_add_test(t, a_strangers_change_costs_less);
	tcase_add_test(t, many_changes_at_once);
	tcase_add_test(t, a_registration_is_found);
	tcase_add_test(t, few_products_take_one_call);
	tcase_add_test(t, reorgs);
	tcase_add_test(t, a_flood_costs_bounded_work);
	tcase_add_test(t, a_first_sync_is_no_flood);
	tcase_add_test(t, a_flood_hides_nothing);
	tcase_add_test(t, a_flood_before_finality);
	tcase_add_test(t, a_long_list_is_read_in_parts);
	tcase_add_test(t, one_is_never_explained);
	tcase_add_test(t, unexplained_ones_do_not_pile_up_over_reorgs);
	tcase_add_test(t, strangers_are_forgotten);
	tcase_add_test(t, restart_with_an_unchanged_registry);
	tcase_add_test(t, restart_with_a_changed_registry);
	tcase_add_test(t, restart_with_one_that_was_never_proven);
	tcase_add_test(t, restart_with_another_registrant);
	tcase_add_test(t, restart_with_one_that_was_never_explained);
	LOOP(t, liar_alone, lies);
	LOOP(t, liar_beside_an_honest_one, lies);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
