/* test_follower.c: stories of a follower between providers, honest and not. The chain, its tries and its proofs are real. */
#include "stage.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static void in_step(size_t product, bool is_final)
{
	in_step_with(chain, product, is_final);
}

static void three_operators(void)
{
	operators(3, 2);
}

/* --- honest stories --- */

START_TEST(first_sync)
{
	one_product();
	start();
	runs(1);
	said("genesis");
	said("anchor 3");
	said("seen acme/one 1 registered in 2");
	said("seen acme/one 2 publisher in 2");
	said("seen acme/one 3 signers in 2");
	said("seen acme/one 4 release in 3");
	said("proven acme/one 4 final at 3");
	said("refreshed 3 final");
	silent("alarm");
	ck_assert_uint_eq(fake_count(&w, "seen *"), 4);
	in_step(0, true);
}
END_TEST

START_TEST(new_entry_and_idle)
{
	unsigned proofs;

	one_product();
	start();
	runs(1);
	fake_forget(&w);
	fake_mine(chain, 5);
	proofs = w.proofs;
	runs(1);
	said("refreshed 8 final");
	silent("proven");		/* nothing changed, and one account proof said so */
	ck_assert_uint_eq(w.proofs - proofs, 1);
	fake_forget(&w);
	fake_publish(chain, 0);
	fake_mine(chain, 2);
	runs(1);
	said("seen acme/one 5 release in 9");
	said("proven acme/one 5 final at 10");
	ck_assert_uint_eq(fake_count(&w, "seen *"), 1);
	in_step(0, true);
	fake_forget(&w);
	runs(1);
	ck_assert_uint_eq(w.lines, 0);	/* the same block again says nothing */
}
END_TEST

/* A long gap is closed by one range query. */
START_TEST(long_gap)
{
	unsigned logs;

	one_product();
	start();
	runs(1);
	for (int i = 0; i < 20; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 2);
	}
	logs = w.logs;
	runs(1);
	ck_assert_uint_eq(w.logs - logs, 1);
	in_step(0, true);
}
END_TEST

/* Two entries in the last block, one before: walking back meets every block once. */
START_TEST(walks_back)
{
	unsigned logs;

	one_product();
	start();
	runs(1);
	fake_forget(&w);
	fake_publish(chain, 0);
	fake_mine(chain, 3);
	fake_publish(chain, 0);
	fake_revoke(chain, 0, 1);
	fake_mine(chain, 1);
	logs = w.logs;
	runs(1);
	ck_assert_uint_eq(w.logs - logs, 2);
	said("seen acme/one 5 release in 4");
	said("seen acme/one 6 release in 7");
	said("seen acme/one 7 revoked in 7");
	in_step(0, true);
}
END_TEST

START_TEST(unregistered_product)
{
	struct follower_product_info info;

	fake_mine(chain, 3);
	start();
	runs(1);
	said("proven acme/one 0 final at 4");
	silent("alarm");
	follower_product(w.f, 0, &info);
	ck_assert(!info.is_registered);
	fake_register(chain, &fake_owner, "acme/one");
	fake_mine(chain, 1);
	runs(1);
	said("proven acme/one 3 final at 5");
}
END_TEST

/* --- provisional and final --- */

START_TEST(provisional_then_promoted)
{
	one_product();
	conf.finality = FINALITY_FINALIZED;
	w.p[0].final = 1;
	w.p[0].proofs_from = 3;		/* state windows are short: the anchor's own state is gone */
	start();
	runs(1);
	said("seen acme/one 4 release in 3");
	said("proven acme/one 4 provisional at 3");
	silent("proven acme/one 4 final");
	fake_forget(&w);
	fake_mine(chain, 3);
	w.p[0].proofs_from = 6;
	w.p[0].final = 2;		/* covers nothing that we proved */
	runs(1);
	silent("proven acme/one 4 final");
	w.p[0].final = 5;		/* covers the proof at 3; its own state is gone */
	runs(1);
	said("proven acme/one 4 final at 3");
	said("refreshed 3 final");
	ck_assert_uint_eq(fake_count(&w, "seen *"), 0);
	in_step(0, true);
}
END_TEST

/* The anchor's own state is still there: final at once, without waiting for a promotion. */
START_TEST(proof_at_the_anchor)
{
	one_product();
	fake_mine(chain, 40);
	conf.finality = FINALITY_DEPTH;
	conf.depth = 32;
	start();
	runs(1);
	said("anchor 11");
	said("proven acme/one 4 final at 11");
	in_step(0, true);
}
END_TEST

START_TEST(revocation_before_finality)
{
	one_product();
	fake_mine(chain, 40);
	conf.finality = FINALITY_DEPTH;
	conf.depth = 32;
	start();
	runs(1);
	fake_forget(&w);
	fake_revoke(chain, 0, 1);
	fake_mine(chain, 1);
	runs(1);
	said("seen acme/one 5 revoked in 44");
	said("proven acme/one 5 provisional at 44");
	silent("proven acme/one 5 final");
	fake_mine(chain, 32);
	runs(1);
	said("proven acme/one 5 final at 44");
}
END_TEST

/* Before the registry was there, its absence is proven, and that is no alarm. */
START_TEST(registry_younger_than_anchor)
{
	struct fake_chain *c = chain;

	fake_mine(c, 20);
	one_product();
	for (size_t i = 0; i < 10; i++)
		ck_assert(c->block[i].number == i);
	conf.finality = FINALITY_FINALIZED;
	w.p[0].final = 1;
	start();
	runs(1);
	said("proven acme/one 0 final at 1");
	said("proven acme/one 4 provisional at 23");
	silent("alarm registry");
}
END_TEST

/* --- reorgs --- */

static void with_depth(uint64_t depth)
{
	conf.finality = FINALITY_DEPTH;
	conf.depth = depth;
}

/* A reorg of every depth up to finality ends in the same state as a clean run. */
START_TEST(reorg_of_depth)
{
	uint64_t depth = (uint64_t)_i + 1;
	struct fake_chain *fork;

	with_depth(64);
	one_product();
	fake_mine(chain, 70);
	start();
	runs(1);
	for (uint64_t i = 0; i < depth; i++) {
		if (i % 3 == 0)
			fake_publish(chain, 0);
		fake_mine(chain, 1);
	}
	runs(1);
	in_step(0, false);
	fork = fake_fork(chain, chain->n - 1 - depth);
	for (uint64_t i = 0; i <= depth; i++) {
		if (i % 2 == 0)
			fake_publish(fork, 0);
		fake_mine(fork, 1);
	}
	fake_free(chain);
	w.p[0].chain = chain = fork;
	fake_forget(&w);
	runs(1);
	said("undone acme/one 4");
	in_step(0, false);
	fake_mine(chain, 64);
	runs(1);
	in_step(0, true);
	silent("alarm");
}
END_TEST

/* The newest entry is gone after a reorg and nothing replaces it. */
START_TEST(reorg_drops_release)
{
	struct fake_chain *fork;

	with_depth(10);
	one_product();
	fake_mine(chain, 20);
	start();
	runs(1);
	fake_publish(chain, 0);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	runs(1);
	said("proven acme/one 6 provisional at 24");
	fork = fake_fork(chain, 23);
	fake_mine(fork, 2);
	fake_free(chain);
	w.p[0].chain = chain = fork;
	fake_forget(&w);
	runs(1);
	said("undone acme/one 4");
	said("proven acme/one 4 provisional at 25");
	silent("seen");
	in_step(0, false);
}
END_TEST

START_TEST(reorg_below_finality_stops)
{
	struct fake_chain *fork;

	with_depth(4);
	one_product();
	fake_mine(chain, 20);
	start();
	runs(1);
	fork = fake_fork(chain, 10);
	fake_publish(fork, 0);
	fake_mine(fork, 20);
	fake_free(chain);
	w.p[0].chain = chain = fork;
	fake_forget(&w);
	runs(2);
	said("alarm anchor-conflict : block 19 was 0x*");
	silent("undone");
	silent("proven");
	silent("seen");
	follower_clear_conflict(w.f);
	runs(1);
	said("alarm-off anchor-conflict ");
	in_step(0, false);
}
END_TEST

/* Finality took a release back, though nothing conflicted that we could see: we stop at that product. */
START_TEST(final_head_is_gone)
{
	struct fake_chain *fork = fake_fork(chain, 1);
	struct follower_known_product k = { .registrant = fake_owner, .name = "acme/one" };

	one_product();
	k.final = chain->product[0].words;
	k.proof = (struct block_ref){ .number = 3, .hash = chain->block[3].hash };
	known.products = &k;
	known.products_n = 1;
	fake_register(fork, &fake_owner, "acme/one");
	fake_mine(fork, 9);
	fake_free(chain);
	w.p[0].chain = chain = fork;
	start();
	runs(1);
	said("alarm reorg-too-deep *");
	silent("undone");
	silent("proven");
}
END_TEST

/* The other branch has the same entry at the same time, one block number below (it missed a slot less), and another one behind
 * it. Its head is the same, and nobody has lied. */
START_TEST(an_entry_moves_to_another_block)
{
	struct fake_chain *fork;

	one_product();
	with_depth(9);
	fake_mine(chain, 10);
	start();
	runs(1);
	fork = fake_fork(chain, chain->n - 1);
	fork->salt = chain->salt + 12;
	fake_mine(chain, 3);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	runs(1);
	fake_mine(fork, 2);
	fake_publish(fork, 0);
	fake_mine(fork, 2);
	fake_publish(fork, 0);
	fake_mine(fork, 4);
	fake_free(chain);
	w.p[0].chain = chain = fork;
	fake_forget(&w);
	runs(1);
	silent("alarm");
	said("undone acme/one 4");
	in_step(0, false);
}
END_TEST

/* A load balancer behind which one node lags: nothing is undone. */
START_TEST(flip_flop)
{
	one_product();
	with_depth(2);
	fake_mine(chain, 10);
	start();
	runs(1);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	runs(1);
	fake_forget(&w);
	w.p[0].latest = 13;
	runs(1);
	w.p[0].latest = UINT64_MAX;
	runs(1);
	silent("undone");
	in_step(0, false);
	w.p[0].latest = 13;		/* it stays there: that is the chain then */
	runs(5);
	said("undone acme/one 4");
}
END_TEST

/* --- what the store knew --- */

START_TEST(restart)
{
	struct follower_product_info info;
	struct follower_known_product k = { .registrant = fake_owner, .name = "acme/one" };
	struct follower_mark mark;
	struct follower_info status;
	unsigned logs;

	one_product();
	with_depth(3);
	fake_mine(chain, 5);
	start();
	runs(1);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	runs(1);
	follower_product(w.f, 0, &info);
	ck_assert_uint_eq(info.provisional, 1);
	follower_info(w.f, &status);
	k.final = info.final;
	k.proof = info.proof;
	mark = (struct follower_mark){ info.recent.head, info.recent.last_block };
	k.provisional = &mark;
	k.provisional_n = 1;
	known = (struct follower_known){ .anchor = status.anchor, .products = &k, .products_n = 1 };
	conf.genesis = &w.genesis;
	fake_world_free(&w);
	logs = w.logs;
	start();
	runs(1);
	silent("genesis");
	silent("seen");
	silent("undone");
	silent("anchor");
	ck_assert_uint_eq(w.logs, logs);	/* no record was needed again */
	in_step(0, false);
	fake_mine(chain, 3);
	runs(1);
	in_step(0, true);
}
END_TEST

/* --- quorums --- */

START_TEST(quorum_with_a_liar)
{
	struct fake_chain *other = fake_fork(chain, 1);
	struct follower_provider_info info;

	three_operators();
	one_product();
	fake_mine(other, 30);
	w.p[1].chain = other;		/* another fork, longer */
	start();
	runs(1);
	said("anchor 3");
	said("proven acme/one 4 final at 3");
	said("alarm provider-lying p1: says another final block 3 than the quorum");
	follower_provider(w.f, 1, &info);
	ck_assert_int_eq(info.state, PROVIDER_QUARANTINED);
	fake_publish(chain, 0);
	fake_mine(chain, 2);
	runs(1);
	in_step(0, true);
	for (int i = 0; i < 12; i++) {		/* probed, and still on its fork */
		w.now_ms += QUARANTINE_PROBE_MS;
		runs(1);
	}
	silent("alarm-off provider-lying");
	w.p[1].chain = chain;		/* it repents: ten probes later it is trusted again */
	for (int i = 0; i < 12; i++) {
		w.now_ms += QUARANTINE_PROBE_MS;
		runs(1);
	}
	said("alarm-off provider-lying p1");
	follower_provider(w.f, 1, &info);
	ck_assert_int_eq(info.state, PROVIDER_OK);
	fake_free(other);
}
END_TEST

START_TEST(one_operator_has_one_vote)
{
	three_operators();
	providers[0].operator = providers[1].operator = "same";
	providers[2].operator = "other";
	one_product();
	w.p[2].lie = NO_ANSWER;
	start();
	runs(3);
	said("alarm no-quorum *");
	silent("proven");
	silent("seen");
	w.p[2].lie = HONEST;
	w.now_ms += 600000;
	runs(1);
	said("proven acme/one 4 final at 3");
	said("alarm-off no-quorum ");
}
END_TEST

START_TEST(lower_provider_sets_the_recent_block)
{
	conf.providers_n = conf.quorum = 2;
	one_product();
	fake_mine(chain, 10);
	w.p[1].latest = 5;
	start();
	runs(1);
	said("anchor 5");
	said("proven acme/one 4 final at 5");
	silent("alarm");
}
END_TEST

/* One operator's finality stands still: the others carry on; all of them: we say so. */
START_TEST(frozen_finality)
{
	three_operators();
	conf.finality = FINALITY_FINALIZED;
	conf.stall_s = 600;
	one_product();
	for (int i = 0; i < 3; i++)
		w.p[i].final = 3;
	start();
	runs(1);
	said("anchor 3");
	fake_mine(chain, 10);
	w.p[0].final = w.p[2].final = 10;
	runs(1);
	said("anchor 10");
	silent("alarm");
	fake_mine(chain, 60);
	runs(1);
	said("alarm finality-stalled *");
	w.p[0].final = w.p[1].final = 60;
	runs(1);
	said("alarm-off finality-stalled ");
	fake_forget(&w);
	for (int i = 0; i < 3; i++)
		w.p[i].final = 20;	/* going back is ignored */
	runs(1);
	silent("anchor");
	silent("alarm");
}
END_TEST

/* k colluding operators change the final past: latched, also over a restart. */
START_TEST(conflict_of_quorums)
{
	struct fake_chain *other = fake_fork(chain, 1);

	three_operators();
	one_product();
	fake_mine(chain, 3);
	start();
	runs(1);
	fake_mine(other, 20);
	w.p[0].chain = w.p[1].chain = other;
	fake_forget(&w);
	runs(2);
	said("alarm anchor-conflict *");
	silent("anchor");
	silent("undone");
	w.p[0].chain = w.p[1].chain = chain;
	fake_mine(chain, 9);
	runs(3);
	silent("anchor");
	silent("alarm-off anchor-conflict");
	follower_clear_conflict(w.f);
	runs(1);
	said("alarm-off anchor-conflict ");
	fake_free(other);
}
END_TEST

/* Neither side has to have reached the other's final block for them to contradict each other. */
START_TEST(quorums_of_unlike_height)
{
	struct fake_chain *other;

	conf.providers_n = 4;
	conf.quorum = 2;
	one_product();
	start();
	runs(1);
	other = fake_fork(chain, chain->n - 1);
	fake_mine(other, 20);
	fake_mine(chain, 3);
	w.p[0].chain = w.p[1].chain = other;
	fake_forget(&w);
	runs(2);
	said("alarm anchor-conflict : two quorums give two hashes for block *");
	silent("anchor");
	silent("alarm provider-lying");
	fake_free(other);
}
END_TEST

/* Many colluders, each with a final block of its own: what two honest operators say is below all of them, and is heard. */
START_TEST(a_staircase_of_colluders)
{
	struct fake_chain *other;

	conf.providers_n = PROVIDERS_MAX;
	conf.quorum = 2;
	one_product();
	start();
	runs(1);
	other = fake_fork(chain, chain->n - 1);
	fake_mine(other, 30);
	fake_mine(chain, 3);
	for (size_t i = 0; i < PROVIDERS_MAX - 2; i++) {
		w.p[i].chain = other;
		w.p[i].latest = other->n - 1 - i;
	}
	fake_forget(&w);
	runs(2);
	said("alarm anchor-conflict : two quorums give two hashes for block *");
	silent("anchor");
	fake_free(other);
}
END_TEST

START_TEST(pinned_anchor)
{
	one_product();
	fake_mine(chain, 4);
	conf.anchor = ANCHOR_PINNED;
	conf.pin = (struct block_ref){ .number = 5, .hash = chain->block[5].hash };
	start();
	runs(1);
	said("proven acme/one 4 final at 5");
	fake_publish(chain, 0);
	fake_mine(chain, 3);
	fake_forget(&w);
	runs(2);
	ck_assert_uint_eq(w.lines, 0);
	fake_world_free(&w);
	w.p[0].lie = OTHER_NUMBER;		/* a good block, but not the one that was asked for */
	start();
	runs(1);
	said("alarm provider-lying p0: another block than the one that was asked for");
	silent("alarm anchor-conflict");
	silent("proven");
}
END_TEST

START_TEST(pin_has_to_fit)
{
	one_product();
	fake_mine(chain, 4);
	conf.anchor = ANCHOR_PINNED;
	conf.pin = (struct block_ref){ .number = 4, .hash = chain->block[5].hash };
	start();
	runs(1);
	said("alarm anchor-conflict *");
	silent("proven");
}
END_TEST

/* --- the registry itself --- */

START_TEST(code_replaced)
{
	struct hash32 other = fake_code_hash(true);

	one_product();
	chain->is_other_code = true;
	fake_mine(chain, 1);
	start();
	runs(2);
	said("alarm code-hash *");
	silent("proven");
	silent("seen");
	fake_world_free(&w);
	codes[0] = other;		/* pinned by the operator: fine */
	start();
	runs(1);
	said("proven acme/one 4 final at 4");
}
END_TEST

START_TEST(registry_missing)
{
	chain->deployed = 1000;
	fake_mine(chain, 3);
	start();
	runs(1);
	said("alarm registry-missing *");
	said("proven acme/one 0 final at 4");	/* that nothing is there is proven, too */
	chain->deployed = 0;
	one_product();
	runs(1);
	said("alarm-off registry-missing ");
	in_step(0, true);
}
END_TEST

START_TEST(genesis_is_pinned)
{
	struct hash32 other = { { 1 } };

	one_product();
	conf.genesis = &other;
	start();
	runs(2);
	said("alarm genesis p0: *");
	silent("proven");
	silent("anchor");
}
END_TEST

/* No quorum for a genesis block, no chain to follow. */
START_TEST(genesis_needs_a_quorum)
{
	conf.providers_n = conf.quorum = 2;
	one_product();
	w.p[1].lie = OTHER_GENESIS;
	start();
	runs(2);
	silent("genesis");
	silent("anchor");
	said("alarm no-quorum *");
}
END_TEST

/* --- what a provider is called after others have shown the truth --- */

static void learn_from_two(enum lie lie)
{
	conf.providers_n = 2;
	one_product();
	w.p[0].lie = lie;
	start();
	for (int i = 0; i < 4; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
		runs(1);
	}
	in_step(0, true);
}

START_TEST(edited_records_are_a_lie)
{
	struct follower_provider_info info;

	learn_from_two(EDITS_DATA);
	said("alarm provider-lying p0: gave log records that are not the chain's: as many records as are missing do not replay*");
	follower_provider(w.f, 0, &info);
	ck_assert_int_eq(info.state, PROVIDER_QUARANTINED);
}
END_TEST

/* Real nodes lose logs: they still may vote, but are not asked for records for a while. */
START_TEST(omitted_records_are_noted)
{
	struct follower_provider_info info;

	learn_from_two(OMITS_LOGS);
	said("alarm provider-lying p0: left log records out: *");
	follower_provider(w.f, 0, &info);
	ck_assert_int_eq(info.state, PROVIDER_OK);
	ck_assert(info.honesty < 1);
}
END_TEST

/* --- promotion --- */

static void pending_at_six(void)
{
	one_product();
	fake_mine(chain, 2);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	conf.finality = FINALITY_FINALIZED;
	for (size_t i = 0; i < conf.providers_n; i++) {
		w.p[i].final = 1;
		w.p[i].proofs_from = 6;
	}
	start();
	runs(1);
	said("proven acme/one 5 provisional at 6");
}

/* The block of a waiting proof was abandoned before the anchor reached it. */
START_TEST(abandoned_proof_is_not_promoted)
{
	struct fake_chain *fork;

	pending_at_six();
	fork = fake_fork(chain, 5);
	fake_mine(fork, 6);
	fake_free(chain);
	w.p[0].chain = chain = fork;
	w.p[0].final = 8;
	w.p[0].proofs_from = 9;
	runs(1);
	said("anchor 8");
	silent("proven acme/one 5 final");
	silent("refreshed 6 final");
	said("undone acme/one 4");
	in_step(0, false);
}
END_TEST

/* Two operators, both of which have the anchor's block, but no state of it any more. */
static void pending_with_two(void)
{
	conf.providers_n = conf.quorum = 2;
	pending_at_six();
	fake_mine(chain, 5);
	for (int i = 0; i < 2; i++) {
		w.p[i].final = 10;
		w.p[i].proofs_from = 11;
	}
}

START_TEST(promotion_by_vote)
{
	pending_with_two();
	runs(1);
	said("anchor 10");
	said("proven acme/one 5 final at 6");
	said("refreshed 6 final");
}
END_TEST

/* One operator does not give the block: the other's headers lead to it from the anchor. */
START_TEST(promotion_by_parents)
{
	pending_with_two();
	w.p[1].hides = 6;
	runs(1);
	said("anchor 10");
	said("proven acme/one 5 final at 6");
	said("refreshed 6 final");
}
END_TEST

/* A block in between that nobody gives: the proof waits. */
START_TEST(promotion_waits_for_the_missing_parent)
{
	pending_with_two();
	w.p[0].hides = 8;
	w.p[1].hides = 6;
	w.p[1].hides_to = 8;
	runs(1);
	said("anchor 10");
	silent("refreshed 6 final");
	w.p[0].hides = 0;
	runs(1);
	said("refreshed 6 final");
}
END_TEST

/* Linked, and found to be no ancestor. */
START_TEST(parents_lead_elsewhere)
{
	struct fake_chain *fork;

	pending_with_two();
	fork = fake_fork(chain, 5);
	fake_mine(fork, 8);
	w.p[0].chain = w.p[1].chain = fork;
	w.p[1].hides = 6;
	runs(1);
	said("anchor 10");
	silent("refreshed 6 final");
	silent("proven acme/one 5 final");
	said("undone acme/one 4");
	fake_free(chain);
	chain = fork;
}
END_TEST

/* Too many parents: the hash stands in the history contract's storage, under the anchor's state root. */
static void far_above(uint64_t history_from)
{
	conf.providers_n = conf.quorum = 2;
	chain->history_from = history_from;
	pending_at_six();
	fake_mine(chain, LINK_PARENTS_MAX + 20);
	for (int i = 0; i < 2; i++) {
		w.p[i].final = chain->n - 5;
		w.p[i].lie = NO_REGISTRY_PROOF;
	}
	w.p[1].hides = 6;
	runs(1);
}

START_TEST(promotion_by_history_contract)
{
	far_above(0);
	said("anchor 86");
	said("proven acme/one 5 final at 6");
}
END_TEST

START_TEST(history_contract_begins_later)
{
	far_above(20);
	said("anchor 86");
	silent("refreshed 6 final");
	silent("alarm provider-lying");
}
END_TEST

START_TEST(no_history_contract)
{
	far_above(UINT64_MAX);
	said("anchor 86");
	silent("refreshed 6 final");
	silent("alarm provider-lying");
}
END_TEST

/* The hash there is of the chain, not of what was proven before a reorg. */
START_TEST(history_contract_has_another_hash)
{
	struct fake_chain *fork;

	conf.providers_n = conf.quorum = 2;
	chain->history_from = 0;
	pending_at_six();
	fork = fake_fork(chain, 5);
	fake_mine(fork, LINK_PARENTS_MAX + 20);
	for (int i = 0; i < 2; i++) {
		w.p[i].final = fork->n - 5;
		w.p[i].lie = NO_REGISTRY_PROOF;
		w.p[i].chain = fork;
	}
	w.p[1].hides = 6;
	runs(1);
	silent("refreshed 6 final");
	w.p[0].lie = w.p[1].lie = HONEST;
	runs(1);
	in_step_with(fork, 0, false);
	fake_free(fork);
}
END_TEST

/* The anchor is the waiting proof's child: its header says so, and nobody has to be asked. */
START_TEST(promotion_by_parent)
{
	pending_at_six();
	fake_mine(chain, 5);
	w.p[0].final = 7;
	w.p[0].proofs_from = 9;
	w.p[0].hides = 6;
	runs(1);
	said("refreshed 6 final");
}
END_TEST

/* --- nodes that have pruned their genesis block --- */

START_TEST(genesis_header_is_enough)
{
	one_product();
	w.p[0].lie = NO_GENESIS_BLOCK;
	start();
	runs(1);
	said("genesis");
	in_step(0, true);
}
END_TEST

/* Nobody has it, or one of two: the chain id has to do, and nothing is learnt from too few. */
START_TEST(genesis_is_pruned)
{
	conf.providers_n = conf.quorum = 2;
	one_product();
	w.p[0].lie = NO_GENESIS_AT_ALL;
	w.p[1].lie = _i ? NO_GENESIS_AT_ALL : HONEST;
	start();
	runs(1);
	silent("genesis");
	silent("alarm");
	in_step(0, true);
}
END_TEST

/* Where two show two of them, a third without any settles nothing. */
START_TEST(genesis_is_disputed)
{
	three_operators();
	one_product();
	w.p[0].lie = NO_GENESIS_AT_ALL;
	w.p[1].lie = OTHER_GENESIS;
	start();
	runs(1);
	silent("genesis");
	silent("proven");
	said("alarm no-quorum *");
}
END_TEST

/* --- headers without transactions --- */

START_TEST(headers_are_lean)
{
	one_product();
	start();
	runs(3);
	ck_assert_uint_gt(w.headers, 0);
	ck_assert_uint_eq(w.blocks, 0);
	in_step(0, true);
}
END_TEST

/* A node without that method, and one that does not know its newest fields there: each is asked for whole blocks then,
 * without a word against it. */
static const int lean_kinds[] = { LEAN_MISSING, LEAN_POOR };

START_TEST(no_lean_headers)
{
	struct follower_provider_info info;
	unsigned headers;

	one_product();
	w.p[0].lean = lean_kinds[_i];
	start();
	runs(1);
	in_step(0, true);
	silent("alarm");
	headers = w.headers;
	ck_assert_uint_gt(headers, 0);
	runs(5);
	ck_assert_uint_eq(w.headers, headers);	/* and it is remembered */
	follower_provider(w.f, 0, &info);
	ck_assert_int_eq(info.state, PROVIDER_OK);
	ck_assert_str_eq(info.last_error, "");
	ck_assert(!info.has_lean);
	w.p[0].lean = LEAN_FINE;
	w.now_ms += RPC_LEAN_AGAIN_MS;
	runs(1);
	ck_assert_uint_gt(w.headers, headers);
	follower_provider(w.f, 0, &info);
	ck_assert(info.has_lean);
}
END_TEST

/* Not every failure says that the method is not there. */
START_TEST(lean_and_down)
{
	one_product();
	start();
	runs(1);
	w.p[0].lie = NO_ANSWER;
	runs(2);
	w.p[0].lie = HONEST;
	w.now_ms += 600000;
	w.blocks = 0;
	runs(2);
	ck_assert_uint_eq(w.blocks, 0);
}
END_TEST

/* --- how often the final block is asked for --- */

static unsigned finals_in_a_round(void)
{
	unsigned before = w.headers;

	runs(1);
	return w.headers - before;		/* beside the latest one */
}

/* Steps of ten minutes: after the second one is known, the next is not asked for before it is about due. */
START_TEST(finality_comes_in_steps)
{
	unsigned asked = 0;

	conf.finality = FINALITY_FINALIZED;
	one_product();
	fake_mine(chain, 150);
	w.p[0].final = 50;
	start();
	runs(2);
	w.p[0].final = 100;			/* 50 blocks of 12 s */
	runs(1);
	said("anchor 100");
	for (unsigned i = 0; i < 8; i++)
		asked += finals_in_a_round() - 1;
	ck_assert_uint_eq(asked, 1);		/* four rounds are left out, one asks, three are left out */
	w.p[0].final = 150;
	runs(2);
	said("anchor 150");
	silent("alarm");
}
END_TEST

/* Steps of a second, as on a local chain: every round asks. */
START_TEST(finality_of_each_block)
{
	conf.finality = FINALITY_FINALIZED;
	one_product();
	fake_mine(chain, 20);
	for (uint64_t n = 2; n < 12; n++) {
		char line[32];

		w.p[0].final = n;
		if (n == 2)
			start();
		runs(1);
		snprintf(line, sizeof line, "anchor %d", (int)n);
		said(line);
	}
}
END_TEST

/* --- patience --- */

/* A provider that never answers holds nothing up while the others suffice. */
START_TEST(silent_provider_is_left_behind)
{
	struct follower_provider_info info;

	three_operators();
	one_product();
	w.p[0].lie = SILENT;
	start();
	runs(1);
	in_step(0, true);
	ck_assert_int_le(w.took_ms, 2 * RPC_PATIENCE_MS);
	follower_provider(w.f, 0, &info);
	ck_assert_int_eq(info.state, PROVIDER_DOWN);
	ck_assert_ptr_nonnull(strstr(info.last_error, "slow: no answer after"));
	ck_assert_uint_gt(w.cancelled, 0);
	ck_assert_uint_eq(w.held_n, 0);
}
END_TEST

/* It falls silent in the middle of a round, whatever step that is. */
START_TEST(silence_in_any_step)
{
	three_operators();
	conf.finality = FINALITY_DEPTH;
	conf.depth = 2;
	one_product();
	fake_mine(chain, 3);
	start();
	w.silent_after = (unsigned)_i + 1;
	w.silent_provider = 0;
	runs(1);
	said("proven acme/one 4 final at 4");
	ck_assert_int_lt(w.took_ms, RPC_BULK_PATIENCE_MS + 2 * RPC_PATIENCE_MS);
	ck_assert_uint_eq(fake_count(&w, "seen *"), 4);
}
END_TEST

/* Without it there is no quorum: it is waited for. */
START_TEST(silent_provider_is_needed)
{
	conf.providers_n = conf.quorum = 2;
	one_product();
	w.p[0].lie = SILENT;
	start();
	runs(1);
	ck_assert_int_ge(w.took_ms, RPC_STEP_MS);
	said("alarm no-quorum *");
	silent("proven");
}
END_TEST

/* Bodies are held whole by the owner, so not many big ones are on their way at a time, whatever their providers do. */
START_TEST(few_big_answers_at_once)
{
	static char names[30][16];
	static struct follower_want many[30];
	struct follower_action a[64];
	size_t n = 0, big = 0;

	conf.providers_n = 2;
	for (int i = 0; i < 30; i++) {
		snprintf(names[i], sizeof names[i], "acme/p%d", i);
		many[i] = (struct follower_want){ fake_owner, names[i] };
		fake_register(chain, &fake_owner, names[i]);
		fake_mine(chain, 1);
		fake_publish(chain, (size_t)i);
		fake_publish(chain, (size_t)i);
	}
	fake_mine(chain, 1);
	conf.wants = many;
	conf.wants_n = 30;
	start();
	w.p[0].lie = w.p[1].lie = HOLDS_LOGS;
	runs(1);
	for (size_t i = 0; i < w.held_n; i++)
		big += w.held[i].answer_max == RPC_BODY_MAX;
	ck_assert_uint_eq(big, RPC_BIG_MAX);
	while (follower_action(w.f, &a[n]))
		ck_assert_uint_ne(a[n++].answer_max, RPC_BODY_MAX);
	w.p[0].lie = w.p[1].lie = HONEST;
	w.now_ms += RPC_BULK_MS;
	runs(4);
	for (size_t i = 0; i < 30; i++)
		in_step(i, true);
}
END_TEST

/* --- the pace --- */

START_TEST(throttled_provider_is_asked_slower)
{
	struct follower_provider_info info;
	unsigned before;

	one_product();
	start();
	runs(1);
	follower_provider(w.f, 0, &info);
	ck_assert(info.rate >= RPC_RATE_MAX);
	w.p[0].lie = RPC_429_IN_200;
	for (int i = 0; i < 40; i++)
		runs(1);
	follower_provider(w.f, 0, &info);
	ck_assert(info.rate <= 2 * RPC_RATE_MIN);
	ck_assert_uint_gt(info.answers[RPC_THROTTLED], 5);
	before = w.calls;
	w.p[0].lie = HONEST;
	w.now_ms += 600000;
	runs(1);
	ck_assert_uint_gt(w.calls, before);
	in_step(0, true);			/* slowly, but it works */
	for (int i = 0; i < 200; i++)
		runs(1);
	follower_provider(w.f, 0, &info);
	ck_assert(info.rate >= RPC_RATE_MAX);
}
END_TEST

/* --- what the operator is told of a provider --- */

static const char *error_of(size_t provider)
{
	struct follower_provider_info info;

	follower_provider(w.f, provider, &info);
	return info.last_error;
}

static void caught(size_t provider, enum provider_state state, const char *text)
{
	struct follower_provider_info info;

	follower_provider(w.f, provider, &info);
	ck_assert_str_eq(provider_state_name(info.state), provider_state_name(state));
	ck_assert_msg(strstr(info.last_error, text), "%s: %s", text, info.last_error);
}

static void watched(void)
{
	three_operators();
	conf.finality = FINALITY_FINALIZED;
	one_product();
	fake_mine(chain, 40);
	for (int i = 0; i < 3; i++)
		w.p[i].final = 20;
	start();
	runs(1);
	ck_assert_str_eq(error_of(2), "");
	fake_forget(&w);
}

START_TEST(final_block_goes_back)
{
	watched();
	w.p[2].final = 10;
	runs(1);
	caught(2, PROVIDER_OK, "contradiction: its final block went back from 20 to 10");
	said("note p2: its final block went back from 20 to 10");
	runs(1);
	silent("alarm");
}
END_TEST

START_TEST(final_block_above_the_latest)
{
	watched();
	w.p[2].latest = 30;
	w.p[2].final_above = true;
	runs(1);
	caught(2, PROVIDER_OK, "contradiction: its final block 31 is above its latest, 30");
}
END_TEST

START_TEST(another_recent_block)
{
	struct fake_chain *other = fake_fork(chain, 1);

	watched();
	fake_free(other);
	other = fake_fork(chain, 30);
	fake_mine(other, 13);
	w.p[2].chain = other;		/* on another branch above the final block */
	runs(1);
	caught(2, PROVIDER_OK, "contradiction: gives another block 43 than a quorum");
	runs(3);
	silent("alarm provider-lying");	/* it may be a reorg */
	runs(8);
	said("alarm provider-lying p2: contradicts itself or a quorum again and again: gives another block *");
	caught(2, PROVIDER_QUARANTINED, "again and again");
	fake_free(other);
}
END_TEST

/* Two nodes behind one URL, one of which is on another branch: every second round in order, every second one not. */
START_TEST(word_changes_each_round)
{
	struct fake_chain *other;

	watched();
	other = fake_fork(chain, 30);
	fake_mine(other, 13);
	for (int i = 0; i < 40; i++) {
		w.p[2].chain = i % 2 ? chain : other;
		runs(1);
	}
	said("alarm provider-lying p2: contradicts itself or a quorum again and again: *");
	fake_free(other);
}
END_TEST

/* Once in a while is a load balancer's, or a reorg's. */
START_TEST(word_changes_rarely)
{
	struct fake_chain *other;

	watched();
	other = fake_fork(chain, 30);
	fake_mine(other, 13);
	for (int i = 0; i < 200; i++) {
		w.p[2].chain = i % 5 ? chain : other;
		runs(1);
	}
	silent("alarm");
	fake_free(other);
}
END_TEST

/* A wrong proof, and then it does not have that block: no lie that can be shown, but not for ever. */
START_TEST(disowned_proofs)
{
	watched();
	w.p[0].lie = DISOWNS_PROOF;
	for (int i = 0; i < 90; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
		runs(1);
	}
	in_step(0, false);
	said("note p0: its proof does not hold, and it does not stand by the block any more");
	caught(0, PROVIDER_OK, "its proof does not hold, and it does not stand by");
	ck_assert_uint_ge(w.disowned, 2);
	ck_assert_uint_le(w.disowned, 90 / 10 + 1);	/* once in ten minutes */
}
END_TEST

/* Proofs from mixed_from up to mixed_to are made while a block comes: wrong, of two states. */
static unsigned mixed_from, mixed_to;
static enum lie mixed_then;

static void mixes(struct fake_world *world, const struct follower_action *a)
{
	(void)a;
	world->p[0].lie = world->proofs >= mixed_from && world->proofs < mixed_to ? FLIPS_PROOF : mixed_then;
}

static const struct fake_hooks mixing = { .asked = mixes };

static void mix(unsigned from, unsigned to, enum lie then)
{
	one_product();
	mixed_from = from;
	mixed_to = to;
	mixed_then = then;
	w.hooks = &mixing;
	start();
}

/* The account's proof, or its words': no lie, whoever is the only provider goes on being asked. */
START_TEST(mixed_proof)
{
	struct follower_provider_info info;

	mix((unsigned)_i, (unsigned)_i + 1, HONEST);
	runs(2);
	said("note p0: its proof does not hold, and a second one for the same does");
	silent("alarm");
	follower_provider(w.f, 0, &info);
	ck_assert_int_eq(info.state, PROVIDER_OK);
	in_step(0, true);
}
END_TEST

/* Wrong, and not given again: nothing is shown by that. */
START_TEST(wrong_proof_is_not_repeated)
{
	mix(0, 1, NO_PROOF_METHOD);
	runs(3);
	silent("alarm provider-lying");
	caught(0, PROVIDER_OK, "does not exist/is not available");
}
END_TEST

/* The same proof wrong twice, for a block that it stands by. */
START_TEST(same_proof_wrong_twice)
{
	mix((unsigned)_i, UINT32_MAX, HONEST);
	runs(1);
	said("alarm provider-lying p0: its proof at block 3 does not hold: *");
}
END_TEST

/* Ahead of the quorum, in blocks or in time: named, and that is all, since it may be right. */
START_TEST(far_ahead)
{
	struct fake_chain *other;

	watched();
	other = fake_fork(chain, chain->n - 1);
	other->skips = _i ? 2 : WATCH_AHEAD_BLOCKS + 1;
	other->salt = _i ? WATCH_AHEAD_S * 2 : other->salt;
	fake_mine(other, 1);
	w.p[2].chain = other;
	runs(20);
	caught(2, PROVIDER_OK, _i ? "odd: its block 46 is " : "odd: says block 1045, a quorum has 43");
	silent("alarm");
	fake_free(other);
}
END_TEST

START_TEST(stands_still)
{
	watched();
	w.p[2].latest = chain->n - 1;
	fake_mine(chain, 3);
	runs(1);
	caught(2, PROVIDER_OK, "");
	runs(1);
	caught(2, PROVIDER_BEHIND, "behind: stands still at block 43, a quorum has 46");
	w.p[2].latest = UINT64_MAX;
	runs(1);
	caught(2, PROVIDER_OK, "");
	silent("alarm");
}
END_TEST

START_TEST(is_far_behind)
{
	watched();
	fake_mine(chain, WATCH_LAG_BLOCKS + 5);
	w.p[2].latest = chain->n - 1 - WATCH_LAG_BLOCKS - 1;
	runs(1);
	caught(2, PROVIDER_BEHIND, "behind: is at block 47, a quorum has 112");
	w.p[2].latest++;
	runs(1);
	caught(2, PROVIDER_OK, "");
}
END_TEST

START_TEST(finality_of_one_stands_still)
{
	watched();
	w.p[0].final = w.p[1].final = 30;
	runs(1);
	caught(2, PROVIDER_OK, "");
	runs(1);
	caught(2, PROVIDER_BEHIND, "behind: its final block stands still at 20, a quorum has 30");
	w.p[2].final = 30;
	runs(1);
	caught(2, PROVIDER_OK, "");
	silent("alarm");
}
END_TEST

/* One that lacks eth_getProof is not asked for it each time. */
START_TEST(proofs_are_asked_elsewhere)
{
	unsigned proofs;

	conf.providers_n = 2;
	one_product();
	w.p[0].lie = NO_PROOF_METHOD;
	start();
	for (int i = 0; i < 6; i++) {
		struct follower_provider_info info;

		fake_publish(chain, 0);
		fake_mine(chain, 1);
		runs(1);
		follower_provider(w.f, 0, &info);
		proofs = (unsigned)info.answers[RPC_UNSUPPORTED];
		ck_assert_uint_le(proofs, 1);
	}
	ck_assert_uint_eq(proofs, 1);
	in_step(0, true);
}
END_TEST

/* --- many products --- */

START_TEST(wild)
{
	wants[0] = (struct follower_want){ fake_owner, NULL };
	for (int i = 0; i < 25; i++) {
		char name[20];

		snprintf(name, sizeof name, "acme/n%d", i);
		fake_register(chain, i % 5 == 4 ? &fake_stranger : &fake_owner, name);
		if (i % 4 == 0)
			fake_mine(chain, 1);
	}
	fake_mine(chain, 1);
	start();
	runs(1);
	ck_assert_uint_eq(follower_products(w.f), 20);
	said("product acme/n0");
	silent("product acme/n4");
	said("proven acme/n23 3 final at 9");
	silent("alarm");
	fake_forget(&w);
	fake_register(chain, &fake_owner, "acme/late");
	fake_mine(chain, 1);
	runs(1);
	said("product acme/late");
	said("proven acme/late 3 final at 10");
	ck_assert_uint_eq(follower_products(w.f), 21);
}
END_TEST

/* A product that was found at a recent block gets its final proof although the storage root below did not change. */
START_TEST(wild_and_late)
{
	struct follower_product_info info;

	wants[0] = (struct follower_want){ fake_owner, NULL };
	with_depth(5);
	one_product();
	fake_mine(chain, 10);
	start();
	runs(1);
	fake_register(chain, &fake_owner, "acme/late");
	fake_mine(chain, 1);
	runs(1);
	said("product acme/late");
	fake_mine(chain, 2);
	runs(1);
	ck_assert(follower_product_find(w.f, &chain->product[1].id, &info));
	ck_assert_uint_eq(info.proof.number, 11);
	ck_assert_uint_eq(info.final.entries, 0);
	ck_assert_uint_eq(info.provisional, 3);
}
END_TEST

/* An id that nobody explains is named, and found as soon as somebody does. */
START_TEST(wild_with_omission)
{
	wants[0] = (struct follower_want){ fake_owner, NULL };
	one_product();
	w.p[0].lie = OMITS_LOGS;
	start();
	runs(1);
	said("alarm registration-missing *");
	silent("product");
	w.p[0].lie = HONEST;
	runs(1);
	said("product acme/one");
	said("alarm-off registration-missing ");
	said("proven acme/one 4 final at 3");
}
END_TEST

/* --- one lie each --- */

enum { STOPS, MOVES };

/* Alone, the provider either brings us no step further (and nothing wrong is told) or only costs us a detour. Either
 * way the status says what it did. `needs`: what its last error has to contain. */
static const struct { const char *what; enum lie lie; int alone; const char *needs; } lies[] = {
	{ "a log is left out", OMITS_LOGS, STOPS, "no record in block" },
	{ "the first log of a block is left out", OMITS_FIRST_LOG, STOPS, "" },
	{ "logs are left out of wide ranges only", OMITS_IN_RANGES, MOVES, "" },
	{ "data are edited", EDITS_DATA, STOPS, "do not replay" },
	{ "topics are edited", EDITS_TOPIC, STOPS, "do not replay" },
	{ "a log is added", ADDS_LOG, STOPS, "do not replay" },
	{ "logs are swapped", SWAPS_LOGS, STOPS, "order of the chain" },
	{ "a log of another contract", OTHER_ADDRESS, STOPS, "another address" },
	{ "a removed log", REMOVED_ROW, STOPS, "removed" },
	{ "a log of another block", OTHER_BLOCK_ROW, STOPS, "another block" },
	{ "a log of another product", OTHER_PRODUCT_ROW, STOPS, "another product" },
	{ "prevBlock points nowhere", PREV_NOWHERE, STOPS, "points nowhere" },
	{ "ranges are too large for the node", LOGS_TOO_LARGE, MOVES, "" },
	{ "logs are pruned", LOGS_PRUNED, STOPS, "pruned" },
	{ "a proof with a flipped bit", FLIPS_PROOF, STOPS, "not the one that its parent names" },
	{ "a truncated proof", CUTS_PROOF, STOPS, "a node is missing" },
	{ "a proof with an extra node", PADS_PROOF, STOPS, "prove nothing" },
	{ "a proof of another account", OTHER_ACCOUNT, STOPS, "lying" },
	{ "another storage root claimed", CLAIMS_STORAGE_ROOT, STOPS, "another storage root" },
	{ "another address claimed", CLAIMS_ADDRESS, STOPS, "another account" },
	{ "another value claimed", CLAIMS_VALUE, STOPS, "another value" },
	{ "a proof for another state root", STALE_PROOF, STOPS, "lying" },
	{ "an exclusion proof for an existing slot", HIDES_SLOT, STOPS, "lying" },
	{ "a proof of another key", OTHER_KEY, STOPS, "another storage key" },
	{ "no eth_getProof", NO_PROOF_METHOD, STOPS, "unsupported" },
	{ "state is pruned", PROOF_PRUNED, STOPS, "pruned" },
	{ "the proof window is short", PROOF_WINDOW, STOPS, "pruned" },
	{ "a header with one altered field", ALTERS_HEADER, STOPS, "do not hash to its hash" },
	{ "a header of a new fork", NEW_FORK_FIELDS, STOPS, "a new fork?" },
	{ "no blocks at all", NULL_BLOCKS, STOPS, "behind" },
	{ "a page of HTML", HTML_PAGE, STOPS, "garbage" },
	{ "a wrong id", WRONG_ID, STOPS, "garbage" },
	{ "result and error", BOTH_MEMBERS, STOPS, "either result or error" },
	{ "neither result nor error", NEITHER_MEMBER, STOPS, "either result or error" },
	{ "a key twice", DUPLICATE_KEYS, STOPS, "garbage" },
	{ "HTTP 429", HTTP_429, STOPS, "throttled" },
	{ "throttled inside HTTP 200", RPC_429_IN_200, STOPS, "throttled" },
	{ "a redirect", REDIRECT, STOPS, "garbage" },
	{ "no answer", NO_ANSWER, STOPS, "down" },
	{ "an answer over the limit", OVER_LIMIT, STOPS, "garbage" },
	{ "HTTP 500", HTTP_500, STOPS, "down" },
	{ "no batches", SINGLE_FOR_BATCH, MOVES, "" },
	{ "a batch with a gap", PARTIAL_BATCH, MOVES, "" },
	{ "a batch in another order", SHUFFLED_BATCH, MOVES, "" },
	{ "a wide JSON bomb", JSON_BOMB, STOPS, "memory" },
};

static void check_named(size_t provider, const char *what, const char *needs)
{
	struct follower_provider_info info;

	follower_provider(w.f, provider, &info);
	ck_assert_msg(strstr(info.last_error, needs) != NULL, "%s: \"%s\" is not in \"%s\"", what, needs, info.last_error);
}

START_TEST(liar_alone)
{
	conf.poll_ms = 60000;
	one_product();
	start();
	runs(1);
	fake_forget(&w);
	for (int i = 0; i < 6; i++) {
		fake_publish(chain, 0);
		if (i % 2)
			fake_publish(chain, 0);
		fake_mine(chain, 1);
	}
	w.p[0].lie = lies[_i].lie;
	runs(2);
	check_named(0, lies[_i].what, lies[_i].needs);
	if (lies[_i].alone == MOVES) {
		in_step(0, true);
		return;
	}
	silent("seen");
	silent("proven");
	silent("undone");
}
END_TEST

/* Between two honest operators the liar stops nothing, from the first contact on, and is named when it was asked. */
START_TEST(liar_among_honest)
{
	three_operators();
	w.p[1].lie = lies[_i].lie;
	one_product();
	start();
	for (int i = 0; i < 9; i++) {
		if (i == 3)
			silent("undone");
		fake_publish(chain, 0);
		if (i % 2)
			fake_publish(chain, 0);
		fake_mine(chain, 1);
		runs(1);
		in_step(0, true);
	}
	silent("undone");
	ck_assert_uint_eq(fake_count(&w, "seen *"), 17);
	/* Once others have shown the chain's records, edited ones are called by their name. */
	if (!fake_said(&w, "alarm provider-lying p1: gave log records that are not the chain's: *"))
		check_named(1, lies[_i].what, lies[_i].needs);
}
END_TEST

START_TEST(other_chain_id)
{
	one_product();
	w.p[0].lie = OTHER_CHAIN_ID;
	start();
	runs(2);
	said("alarm chain-id p0: chain id 1 instead of 31337");
	silent("proven");
	silent("anchor");
}
END_TEST

/* Rounds that follow each other sooner than fake_run()'s. */
static void runs_every(int64_t ms, unsigned n)
{
	while (n--) {
		int64_t next = w.now_ms + ms;

		fake_run(&w);
		w.now_ms = next;
	}
}

/* It is asked again soon, as if it had been down. */
START_TEST(other_chain_id_comes_back)
{
	one_product();
	conf.poll_ms = 100;
	w.p[0].lie = OTHER_CHAIN_ID;
	start();
	runs_every(100, 1);
	said("alarm chain-id p0: *");
	w.p[0].lie = HONEST;
	runs_every(100, 2 * FOREIGN_BASE_MS / 100);
	said("alarm-off chain-id p0");
	in_step(0, true);
}
END_TEST

/* A provider that was gone is asked again who it is, also when rounds have passed in which it was left alone. */
START_TEST(other_chain_after_a_break)
{
	struct follower_provider_info info;

	three_operators();
	conf.poll_ms = 100;
	one_product();
	start();
	runs(1);
	w.p[0].lie = NO_ANSWER;
	runs(1);
	w.now_ms -= 60000 - conf.poll_ms;
	follower_provider(w.f, 0, &info);
	ck_assert_msg(info.retry_at_ms > w.now_ms, "it is left alone for this round");
	w.p[0].lie = OTHER_CHAIN_ID;
	runs(2);
	said("alarm chain-id p0: chain id 1 instead of 31337");
	follower_provider(w.f, 0, &info);
	ck_assert_int_eq(info.state, PROVIDER_DOWN);
}
END_TEST

START_TEST(other_genesis)
{
	three_operators();
	one_product();
	w.p[1].lie = OTHER_GENESIS;
	start();
	runs(1);
	said("alarm genesis p1: *");
	in_step(0, true);
}
END_TEST

/* Asked for one number, answered with another. */
START_TEST(other_number)
{
	conf.providers_n = conf.quorum = 2;
	one_product();
	fake_mine(chain, 5);
	w.p[0].latest = 6;		/* so that the other one is asked about block 6 */
	w.p[1].lie = OTHER_NUMBER;
	start();
	runs(1);
	check_named(1, "another block", "another block than the one that was asked for");
	silent("proven");
}
END_TEST

/* --- the loop itself --- */

START_TEST(unknown_answers_are_ignored)
{
	struct follower_answer a = { .status = 200, .body = SPAN_LIT("{}") };
	struct follower_action action;

	one_product();
	start();
	follower_answer(w.f, 12345, &a, w.now_ms);
	follower_poll(w.f, w.now_ms);
	ck_assert(follower_action(w.f, &action));
	ck_assert_int_eq(follower_wake(w.f), w.now_ms + RPC_PATIENCE_MS);
	follower_poll(w.f, w.now_ms + RPC_PATIENCE_MS);	/* nobody else is there: only an answer can move us */
	ck_assert_int_eq(follower_wake(w.f), INT64_MAX);
	follower_answer(w.f, action.id, &a, w.now_ms);
	follower_answer(w.f, action.id, &a, w.now_ms);
	while (follower_action(w.f, &action))
		follower_answer(w.f, action.id, &a, w.now_ms);
	ck_assert_int_ne(follower_wake(w.f), INT64_MAX);
	silent("seen");
}
END_TEST

static const struct { const char *what; const char *rule; } bad_confs[] = {
	{ "no providers", "providers are needed" },
	{ "quorum of 0", "at least 1" },
	{ "quorum above the operators", "needs as many operators" },
	{ "no code hash", "code hash" },
	{ "a bad name", "vendor/model" },
	{ "a pin at genesis", "genesis" },
};

START_TEST(bad_conf)
{
	struct err e = { 0 };

	switch (_i) {
	case 0: conf.providers_n = 0; break;
	case 1: conf.quorum = 0; break;
	case 2: conf.quorum = 2; break;
	case 3: conf.code_hashes_n = 0; break;
	case 4: wants[0].name = "Acme/one"; break;
	case 5: conf.anchor = ANCHOR_PINNED; break;
	}
	ck_assert_ptr_null(follower_new(&conf, &known, &e));
	ck_assert_int_eq(e.code, ERR_USAGE);
	ck_assert_msg(strstr(e.msg, bad_confs[_i].rule) != NULL, "%s: %s", bad_confs[_i].what, e.msg);
}
END_TEST

#define LOOP(tc, test, rows) tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *s = suite_create("follower");
	TCase *t = tcase_create("stories"), *l = tcase_create("lies");

	tcase_add_checked_fixture(t, stage_setup, stage_teardown);
	tcase_add_checked_fixture(l, stage_setup, stage_teardown);
	tcase_set_timeout(t, 120);
	tcase_set_timeout(l, 120);
	tcase_add_test(t, first_sync);
	tcase_add_test(t, new_entry_and_idle);
	tcase_add_test(t, long_gap);
	tcase_add_test(t, walks_back);
	tcase_add_test(t, unregistered_product);
	tcase_add_test(t, provisional_then_promoted);
	tcase_add_test(t, proof_at_the_anchor);
	tcase_add_test(t, revocation_before_finality);
	tcase_add_test(t, registry_younger_than_anchor);
	tcase_add_loop_test(t, reorg_of_depth, 0, 63);
	tcase_add_test(t, reorg_drops_release);
	tcase_add_test(t, reorg_below_finality_stops);
	tcase_add_test(t, final_head_is_gone);
	tcase_add_test(t, an_entry_moves_to_another_block);
	tcase_add_test(t, flip_flop);
	tcase_add_test(t, restart);
	tcase_add_test(t, quorum_with_a_liar);
	tcase_add_test(t, one_operator_has_one_vote);
	tcase_add_test(t, lower_provider_sets_the_recent_block);
	tcase_add_test(t, frozen_finality);
	tcase_add_test(t, conflict_of_quorums);
	tcase_add_test(t, quorums_of_unlike_height);
	tcase_add_test(t, a_staircase_of_colluders);
	tcase_add_test(t, pinned_anchor);
	tcase_add_test(t, pin_has_to_fit);
	tcase_add_test(t, code_replaced);
	tcase_add_test(t, registry_missing);
	tcase_add_test(t, genesis_is_pinned);
	tcase_add_test(t, wild);
	tcase_add_test(t, wild_with_omission);
	tcase_add_test(t, wild_and_late);
	tcase_add_test(t, genesis_needs_a_quorum);
	tcase_add_test(t, edited_records_are_a_lie);
	tcase_add_test(t, omitted_records_are_noted);
	tcase_add_test(t, abandoned_proof_is_not_promoted);
	tcase_add_test(t, genesis_header_is_enough);
	tcase_add_loop_test(t, genesis_is_pruned, 0, 2);
	tcase_add_test(t, genesis_is_disputed);
	tcase_add_test(t, headers_are_lean);
	LOOP(t, no_lean_headers, lean_kinds);
	tcase_add_test(t, lean_and_down);
	tcase_add_test(t, finality_comes_in_steps);
	tcase_add_test(t, finality_of_each_block);
	tcase_add_test(t, silent_provider_is_left_behind);
	tcase_add_loop_test(t, silence_in_any_step, 0, 12);
	tcase_add_test(t, silent_provider_is_needed);
	tcase_add_test(t, few_big_answers_at_once);
	tcase_add_test(t, throttled_provider_is_asked_slower);
	tcase_add_test(t, final_block_goes_back);
	tcase_add_test(t, final_block_above_the_latest);
	tcase_add_test(t, another_recent_block);
	tcase_add_loop_test(t, far_ahead, 0, 2);
	tcase_add_test(t, word_changes_each_round);
	tcase_add_test(t, word_changes_rarely);
	tcase_add_test(t, disowned_proofs);
	tcase_add_loop_test(t, mixed_proof, 0, 2);
	tcase_add_test(t, wrong_proof_is_not_repeated);
	tcase_add_loop_test(t, same_proof_wrong_twice, 0, 2);
	tcase_add_test(t, stands_still);
	tcase_add_test(t, is_far_behind);
	tcase_add_test(t, finality_of_one_stands_still);
	tcase_add_test(t, proofs_are_asked_elsewhere);
	tcase_add_test(t, promotion_by_vote);
	tcase_add_test(t, promotion_by_parents);
	tcase_add_test(t, promotion_waits_for_the_missing_parent);
	tcase_add_test(t, parents_lead_elsewhere);
	tcase_add_test(t, promotion_by_history_contract);
	tcase_add_test(t, history_contract_begins_later);
	tcase_add_test(t, no_history_contract);
	tcase_add_test(t, history_contract_has_another_hash);
	tcase_add_test(t, promotion_by_parent);
	tcase_add_test(t, other_chain_id);
	tcase_add_test(t, other_chain_id_comes_back);
	tcase_add_test(t, other_chain_after_a_break);
	tcase_add_test(t, other_genesis);
	tcase_add_test(t, other_number);
	tcase_add_test(t, unknown_answers_are_ignored);
	LOOP(t, bad_conf, bad_confs);
	LOOP(l, liar_alone, lies);
	LOOP(l, liar_among_honest, lies);
	suite_add_tcase(s, t);
	suite_add_tcase(s, l);

	SRunner *run = srunner_create(s);

	srunner_run_all(run, CK_NORMAL);

	int failed = srunner_ntests_failed(run);

	srunner_free(run);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
