/* test_steps.c: stories in which one step of a round has to look closely: who is asked, what for, what becomes of the answer. */
#include "base/hex.h"
#include "chain/follow.h"
#include "stage.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static void in_step(size_t product, bool is_final)
{
	in_step_with(chain, product, is_final);
}

static struct follower_provider_info of(size_t provider)
{
	struct follower_provider_info info;

	follower_provider(w.f, provider, &info);
	return info;
}

/* --- what providers are asked; counted by a word in the request --- */

static bool mentions(const struct follower_action *a, const char *word)
{
	return memmem(a->body.p, a->body.n, word, strlen(word)) != NULL;
}

static struct {
	const char *word;
	size_t provider;
	unsigned n;
} counted;

static void count(struct fake_world *world, const struct follower_action *a)
{
	(void)world;
	if (a->provider == counted.provider && mentions(a, counted.word))
		counted.n++;
}

static void count_requests(size_t provider, const char *word)
{
	static const struct fake_hooks hooks = { .asked = count };

	counted.word = word;
	counted.provider = provider;
	counted.n = 0;
	w.hooks = &hooks;
}

/* --- making a follower --- */

static void refused(const char *rule)
{
	struct err e = { 0 };

	ck_assert_ptr_null(follower_new(&conf, &known, &e));
	ck_assert_int_eq(e.code, ERR_USAGE);
	ck_assert_msg(strstr(e.msg, rule), "%s, not: %s", rule, e.msg);
}

START_TEST(configurations_that_cannot_work)
{
	conf.poll_ms = 0;
	refused("the poll interval is above 0");
	conf.poll_ms = 1;
	conf.finality = FINALITY_DEPTH;
	refused("depth:0 is latest");
	conf.depth = 1;
	conf.providers_n = PROVIDERS_MAX + 1;
	refused("providers are needed");
	conf.providers_n = PROVIDERS_MAX;
	conf.quorum = PROVIDERS_MAX;
	start();
}
END_TEST

START_TEST(a_product_wanted_twice)
{
	wants[1] = wants[0];
	conf.wants_n = 2;
	one_product();
	start();
	runs(1);
	ck_assert_uint_eq(follower_products(w.f), 1);
	ck_assert_uint_eq(fake_count(&w, "seen *"), 4);
}
END_TEST

/* What a store knew of products: those of a registrant all of whose products are wanted are taken up again, others are not. */
START_TEST(known_products)
{
	struct follower_known_product products[3] = {
		{ .registrant = fake_owner, .name = "acme/two" },
		{ .registrant = fake_stranger, .name = "other/one" },
		{ .registrant = fake_stranger, .name = "other/two" },
	};

	wants[1] = (struct follower_want){ fake_owner, NULL };
	conf.wants_n = 2;
	one_product();
	fake_register(chain, &fake_owner, "acme/two");
	fake_mine(chain, 1);
	products[0].final = chain->product[1].words;
	products[0].proof = (struct block_ref){ .number = 4, .hash = chain->block[4].hash };
	known.products = products;
	known.products_n = 3;
	start();
	ck_assert_uint_eq(follower_products(w.f), 2);
	runs(1);
	silent("product");		/* neither the one that is named nor the one that is known is news */
	silent("seen acme/two");
	in_step(0, true);
	in_step(1, true);
}
END_TEST

START_TEST(a_conflict_outlives_a_restart)
{
	one_product();
	known.conflict = true;
	start();
	runs(2);
	said("alarm anchor-conflict *");
	silent("anchor");
	silent("proven");
	follower_clear_conflict(w.f);
	runs(1);
	said("alarm-off anchor-conflict ");
	in_step(0, true);
}
END_TEST

/* --- who is it --- */

START_TEST(an_idle_round_asks_for_one_block)
{
	unsigned calls;

	one_product();
	start();
	runs(1);
	calls = w.calls;
	runs(1);
	ck_assert_uint_eq(w.calls - calls, 1);
}
END_TEST

/* Again and again on another chain: it is left alone for longer and longer, up to ten minutes. */
START_TEST(another_chain_is_looked_at_later)
{
	uint64_t calls;

	operators(3, 2);
	one_product();
	w.p[1].lie = OTHER_CHAIN_ID;
	start();
	runs(1);
	said("alarm chain-id p1: *");
	for (int i = 0; i < 60 && of(1).retry_at_ms <= w.now_ms; i++)
		runs(1);
	ck_assert_int_gt(of(1).retry_at_ms, w.now_ms);
	calls = of(1).calls;
	w.p[1].lie = HONEST;
	runs(1);
	ck_assert_uint_eq(of(1).calls, calls);
	w.now_ms += QUARANTINE_PROBE_MS;
	runs(1);
	said("alarm-off chain-id p1");
	ck_assert_uint_eq(of(1).latest.number, chain->n - 1);
	w.p[1].lie = NO_ANSWER;
	runs(1);
	w.p[1].lie = OTHER_CHAIN_ID;		/* another time begins: soon at first */
	runs(1);
	ck_assert_uint_eq(fake_count(&w, "alarm chain-id p1: *"), 2);
	ck_assert_int_le(of(1).retry_at_ms, w.now_ms - 60000 + FOREIGN_BASE_MS);
}
END_TEST

START_TEST(a_throttled_stranger)
{
	operators(3, 2);
	one_product();
	w.p[1].lie = RPC_429_IN_200;
	start();
	runs(1);
	ck_assert_uint_eq(of(1).answers[RPC_THROTTLED], 2);
	ck_assert_uint_eq(of(1).answers[RPC_GARBAGE], 0);
	in_step(0, true);
}
END_TEST

/* While it rests, nothing is asked of it, not even who it is. */
START_TEST(a_provider_that_rests)
{
	uint64_t calls;

	operators(3, 2);
	one_product();
	w.p[1].lie = NO_ANSWER;
	start();
	for (int i = 0; i < 60 && of(1).retry_at_ms <= w.now_ms; i++)
		runs(1);
	ck_assert_int_gt(of(1).retry_at_ms, w.now_ms);
	calls = of(1).calls;
	w.p[1].lie = HONEST;
	runs(1);
	ck_assert_uint_eq(of(1).calls, calls);
}
END_TEST

/* Two URLs of one operator are one word about the genesis block, too. */
START_TEST(genesis_by_two_operators)
{
	operators(3, 2);
	providers[0].operator = providers[1].operator = "same";
	one_product();
	w.p[2].lie = NO_ANSWER;
	start();
	runs(2);
	silent("genesis");
	w.p[2].lie = HONEST;
	w.now_ms += 600000;
	runs(1);
	said("genesis");
}
END_TEST

/* --- votes --- */

/* Not to have the pinned block is no lie. */
START_TEST(the_pinned_block_is_not_there)
{
	operators(2, 1);
	one_product();
	fake_mine(chain, 4);
	conf.anchor = ANCHOR_PINNED;
	conf.pin = (struct block_ref){ .number = 5, .hash = chain->block[5].hash };
	w.p[0].hides = 5;
	start();
	runs(1);
	silent("alarm");
	ck_assert_uint_eq(of(0).answers[RPC_BEHIND], 1);
	said("proven acme/one 4 final at 5");
}
END_TEST

static struct fake_chain *other_fork;

static void other_at_three(struct fake_world *world, const struct follower_action *a)
{
	if (a->provider == 2)
		world->p[2].chain = mentions(a, "[\"0x3\"") ? other_fork : chain;
}

/* It has not got to the new final block, and says another one where the old one was. */
START_TEST(another_block_where_the_anchor_was)
{
	static const struct fake_hooks hooks = { .asked = other_at_three };

	operators(3, 2);
	conf.finality = FINALITY_FINALIZED;
	one_product();
	start();
	runs(1);
	said("anchor 3");
	other_fork = fake_fork(chain, 2);
	fake_mine(other_fork, 9);
	fake_mine(chain, 9);
	w.p[0].final = w.p[1].final = 8;
	w.p[2].final = 7;
	w.hooks = &hooks;
	runs(1);
	said("anchor 8");
	said("alarm provider-lying p2: says another final block 3 than the quorum");
	fake_free(other_fork);
}
END_TEST

START_TEST(a_new_fork_is_told)
{
	operators(3, 2);
	one_product();
	w.p[1].lie = NEW_FORK_FIELDS;
	start();
	runs(1);
	said("alarm new-fork p1: *");
	in_step(0, true);
	ck_assert_int_eq(of(1).state, PROVIDER_OK);
	ck_assert_uint_gt(of(1).answers[RPC_REFUSED], 0);
	ck_assert_uint_eq(of(1).answers[RPC_GARBAGE], 0);
	w.p[1].lie = HONEST;
	runs(1);
	said("alarm-off new-fork p1");
}
END_TEST

START_TEST(a_final_block_that_is_not_there)
{
	operators(3, 2);
	conf.finality = FINALITY_FINALIZED;
	one_product();
	w.p[1].hides = 3;
	start();
	runs(1);
	said("anchor 3");
	ck_assert_uint_eq(of(1).final.number, 0);
	ck_assert_uint_gt(of(1).answers[RPC_BEHIND], 0);
	in_step(0, true);
}
END_TEST

START_TEST(how_many_operators_answer)
{
	operators(3, 3);
	one_product();
	start();
	runs(1);
	fake_mine(chain, 1);
	w.p[2].lie = NO_ANSWER;
	runs(1);
	said("alarm no-quorum : 2 of 3 operators answer, 3 have to agree on a recent block");
}
END_TEST

static void other_hash(struct fake_world *world, const struct follower_action *a)
{
	if (a->provider == 0)
		world->p[0].lie = mentions(a, "[\"0x9\"") ? OTHER_NUMBER : HONEST;
}

/* Caught while the votes are taken: what it said before does not count any more. */
START_TEST(a_liar_among_the_voters)
{
	static const struct fake_hooks hooks = { .asked = other_hash };

	operators(2, 2);
	conf.finality = FINALITY_FINALIZED;
	one_product();
	fake_mine(chain, 8);
	w.p[0].final = w.p[1].final = 6;
	w.p[1].latest = 9;
	w.hooks = &hooks;
	start();
	runs(1);
	said("alarm provider-lying p0: another block *");
	silent("anchor 6");
	said("alarm no-quorum : 1 of 2 operators answer, 2 have to agree on a recent block");
}
END_TEST

/* The same over and over is told now and then. */
START_TEST(notes_are_not_repeated)
{
	operators(3, 2);
	conf.finality = FINALITY_FINALIZED;
	one_product();
	fake_mine(chain, 20);
	start();
	runs(1);
	w.p[2].latest = 10;
	w.p[2].final_above = true;
	runs(8);
	ck_assert_uint_eq(fake_count(&w, "note p2: its final block 11 is above*"), 1);
	ck_assert_uint_ge(of(2).contradictions, 5);
}
END_TEST

static void quarantine_p0(void)
{
	w.p[0].lie = ALTERS_HEADER;
	runs(1);
	said("alarm provider-lying p0: *");
	ck_assert_int_eq(of(0).state, PROVIDER_QUARANTINED);
	w.p[0].lie = HONEST;
}

static void probes(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		w.now_ms += QUARANTINE_PROBE_MS;
		runs(1);
	}
}

/* A node that is upgraded, or downgraded, while it is quarantined: that it lacks the short method is no disagreement. */
START_TEST(a_probe_that_is_asked_twice)
{
	operators(3, 2);
	one_product();
	start();
	runs(1);
	quarantine_p0();
	probes(QUARANTINE_AGREEMENTS - 1);
	ck_assert_uint_eq(of(0).agreements, QUARANTINE_AGREEMENTS - 1);
	w.p[0].lean = LEAN_MISSING;
	probes(1);
	said("alarm-off provider-lying p0");
	ck_assert_int_ne(of(0).state, PROVIDER_QUARANTINED);
}
END_TEST

/* Caught before anything was anchored, and without a genesis block to show: it can still come back. */
START_TEST(probed_without_an_anchor)
{
	operators(1, 1);
	one_product();
	start();
	quarantine_p0();
	silent("anchor");
	w.p[0].lie = NO_GENESIS_AT_ALL;
	probes(QUARANTINE_AGREEMENTS);
	said("alarm-off provider-lying p0");
	runs(1);
	in_step(0, true);
}
END_TEST

/* One block may be asked about for the recent block and for the final one: it is one question. */
START_TEST(one_question_for_two_votes)
{
	uint64_t calls;

	operators(3, 2);
	one_product();
	fake_mine(chain, 4);
	start();
	runs(1);
	fake_mine(chain, 4);
	w.p[1].latest = chain->n - 2;
	w.p[2].latest = chain->n - 3;
	count_requests(0, "eth_getProof");
	calls = of(0).calls;
	runs(1);
	said("anchor 10");
	ck_assert_uint_eq(of(0).calls - calls - counted.n, 4);	/* latest; the candidates 10 and 9; the old anchor */
}
END_TEST

/* None of them has the block where the anchor was: whether the chain goes on from there is open, and nothing moves until it is
 * known. */
START_TEST(nobody_has_the_old_anchor)
{
	operators(3, 2);
	one_product();
	start();
	runs(1);
	said("anchor 3");
	fake_publish(chain, 0);
	fake_mine(chain, 5);
	for (int i = 0; i < 3; i++)
		w.p[i].hides = 3;
	runs(1);
	silent("anchor 8");
	silent("alarm anchor-conflict");
	said("alarm no-quorum : 3 of 3 operators answer, 2 have to agree on a final block");
	for (int i = 0; i < 3; i++)
		w.p[i].hides = 0;
	runs(1);
	said("anchor 8");
	said("alarm-off no-quorum ");
	in_step(0, true);
}
END_TEST

/* A young chain has nothing final but its genesis block: no alarm. Final for one operator alone: an alarm. */
START_TEST(nothing_is_final_yet)
{
	operators(3, 2);
	conf.finality = FINALITY_FINALIZED;
	one_product();
	for (int i = 0; i < 3; i++)
		w.p[i].final = 0;
	start();
	runs(1);
	silent("alarm");
	silent("anchor");
	said("proven acme/one 4 provisional at 3");
	w.p[1].final = 2;
	runs(1);
	said("alarm no-quorum : 3 of 3 operators answer, 2 have to agree on a final block");
	silent("anchor");
}
END_TEST

START_TEST(nobody_has_the_pinned_block)
{
	operators(2, 1);
	one_product();
	fake_mine(chain, 4);
	conf.anchor = ANCHOR_PINNED;
	conf.pin = (struct block_ref){ .number = 5, .hash = chain->block[5].hash };
	w.p[0].hides = w.p[1].hides = 5;
	start();
	runs(1);
	said("alarm no-quorum : no provider has the pinned block");
	silent("anchor");
	w.p[1].hides = 0;
	runs(1);
	said("alarm-off no-quorum ");
	said("proven acme/one 4 final at 5");
}
END_TEST

/* The stored anchor is one that the chain does not reach: an invention of providers that are gone, or the chain was set back. Once
 * may be a node that lags. */
START_TEST(an_anchor_out_of_reach)
{
	one_product();
	known.anchor = (struct block_ref){ .number = 100, .hash = { { 1 } }, .time = chain->block[3].time + 1200 };
	start();
	runs(2);
	silent("alarm");
	runs(1);
	said("alarm finality-stalled : the final block of a quorum, 3, is below the anchor 100");
	runs(3);
	ck_assert_uint_eq(fake_count(&w, "alarm*"), 1);
	silent("anchor");
	silent("proven acme/one 4 final");
}
END_TEST

/* --- exchanges --- */

static void page_for_batch(struct fake_world *world, const struct follower_action *a, struct follower_answer *answer, struct buf *body)
{
	(void)world;
	if (a->body.p[0] != '[')
		return;
	buf_reset(body);
	buf_str(body, "<html>what is this?</html>");
	answer->status = 403;
}

START_TEST(batches_that_a_proxy_turns_away)
{
	static const struct fake_hooks hooks = { .answered = page_for_batch };
	unsigned calls, exchanges;

	conf.finality = FINALITY_FINALIZED;
	one_product();
	w.hooks = &hooks;
	start();
	runs(1);
	in_step(0, true);
	ck_assert_int_eq(of(0).state, PROVIDER_OK);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	calls = w.calls;
	exchanges = w.exchanges;
	runs(1);
	in_step(0, true);
	ck_assert_uint_gt(w.calls - calls, 3);
	ck_assert_msg(w.calls - calls == w.exchanges - exchanges, "it is not tried again");
}
END_TEST

START_TEST(who_has_not_got_there_is_not_asked)
{
	operators(3, 2);
	one_product();
	start();
	runs(1);
	count_requests(0, "eth_getProof");
	for (int i = 0; i < 4; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
		w.p[0].latest = chain->n - 2;
		runs(1);
		in_step(0, true);
	}
	ck_assert_uint_eq(counted.n, 0);
	w.p[0].latest = UINT64_MAX;
	for (int i = 0; i < 4; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
		runs(1);
	}
	ck_assert_uint_gt(counted.n, 0);
}
END_TEST

/* Takes and answers all actions but those of one provider, whose first one it gives. */
static bool answer_but(size_t provider, struct follower_action *kept)
{
	struct follower_action a;

	while (follower_action(w.f, &a)) {
		if (a.provider == provider) {
			*kept = a;
			return true;
		}
		fake_answer(&w, &a);
	}
	return false;
}

static void pass(int64_t ms)
{
	w.now_ms += ms;
	follower_poll(w.f, w.now_ms);
}

static uint64_t rounds(void)
{
	struct follower_info info;

	follower_info(w.f, &info);
	return info.rounds;
}

/* p0 may be asked once a second, and p0's turn for proofs is next. */
static void slow_p0(void)
{
	one_product();
	fake_mine(chain, 3);
	start();
	runs(1);
	w.p[0].lie = RPC_429_IN_200;
	while (of(0).rate > RPC_RATE_MIN || rounds() % conf.providers_n != 0)
		runs(1);
	w.p[0].lie = HONEST;
	w.now_ms += 600000;
	fake_mine(chain, 4);
	fake_forget(&w);
}

/* It gives a wrong proof. The question whether it stands by the block waits for its turn, and shares a batch with the next
 * proof. That one is given up when it is late; the other is still good when the answer comes. */
START_TEST(a_batch_given_up_in_part)
{
	struct follower_action a;
	uint64_t before;
	bool is_proof;

	operators(3, 2);
	conf.finality = FINALITY_DEPTH;
	conf.depth = 2;
	slow_p0();
	before = rounds();
	w.p[0].lie = FLIPS_PROOF;
	follower_poll(w.f, w.now_ms);
	do {
		while (!answer_but(0, &a))
			pass(1000);
		is_proof = mentions(&a, "eth_getProof");
		fake_answer(&w, &a);		/* its body is gone after that */
	} while (!is_proof);
	ck_assert(!answer_but(0, &a));
	pass(2000);
	ck_assert(answer_but(0, &a));
	ck_assert(a.body.p[0] == '[' && mentions(&a, "eth_getBlockByNumber") && mentions(&a, "eth_getProof"));
	pass(RPC_PATIENCE_MS - 2000);
	ck_assert(!answer_but(0, &(struct follower_action){ .id = 0 }));
	ck_assert_uint_eq(rounds(), before + 1);
	said("refreshed 10 provisional");
	fake_answer(&w, &a);
	silent("alarm");
	while (!answer_but(0, &a))
		pass(1000);
	ck_assert(a.body.p[0] == '{' && mentions(&a, "eth_getProof"));	/* the same once more, now that it stands by the block */
	fake_answer(&w, &a);
	said("alarm provider-lying p0: its proof at block 8 does not hold: *");
	ck_assert_uint_eq(of(0).answers[RPC_SLOW], 1);
}
END_TEST

/* Big answers take turns; one that has waited for its turn has not kept us waiting. */
START_TEST(waiting_for_a_turn_is_nobodys_fault)
{
	static char names[12][16];
	static struct follower_want many[12];
	struct follower_action a[64];
	size_t n = 0, done = 0;

	operators(2, 1);
	for (int i = 0; i < 12; i++) {
		snprintf(names[i], sizeof names[i], "acme/p%d", i);
		many[i] = (struct follower_want){ fake_owner, names[i] };
		fake_register(chain, &fake_owner, names[i]);
		fake_mine(chain, 1);
		fake_publish(chain, (size_t)i);
	}
	fake_mine(chain, 1);
	conf.wants = many;
	conf.wants_n = 12;
	start();
	follower_poll(w.f, w.now_ms);
	/* Each range of records takes more than half of the time that we have patience for. */
	for (int turn = 0; turn < 8; turn++) {
		size_t from = n;

		while (follower_action(w.f, &a[n]))
			if (mentions(&a[n], "eth_getLogs"))
				n++;
			else
				fake_answer(&w, &a[n]);
		ck_assert_uint_le(n - from, RPC_BIG_MAX);
		pass(RPC_BULK_PATIENCE_MS * 6 / 10);
		while (done < n)
			fake_answer(&w, &a[done++]);
	}
	for (size_t i = 0; i < 12; i++)
		in_step(i, true);
	ck_assert_uint_eq(of(0).answers[RPC_SLOW] + of(1).answers[RPC_SLOW], 0);
}
END_TEST

/* It gives its tags, and then throttles every call. */
static void throttle_hashes(struct fake_world *world, const struct follower_action *a)
{
	if (a->provider == 0)
		world->p[0].lie = mentions(a, "latest") || mentions(a, "finalized") ? HONEST : RPC_429_IN_200;
}

/* Calls that wait for a slow provider's rate are given up like those that wait for its answer: exactly then, and the vote goes
 * on without them. */
START_TEST(a_queue_that_is_too_long)
{
	static const struct fake_hooks hooks = { .asked = throttle_hashes };

	operators(3, 2);
	conf.finality = FINALITY_FINALIZED;
	slow_p0();
	fake_mine(chain, 6);
	for (int i = 0; i < 3; i++) {			/* three candidates each, all of which p0 has reached */
		w.p[i].latest = chain->n - 1 - (uint64_t)i;
		w.p[i].final = chain->n - 5 - (uint64_t)i;
	}
	w.hooks = &hooks;
	runs(1);
	ck_assert_int_eq(w.took_ms, RPC_PATIENCE_MS);
	said("anchor 10");
	ck_assert_uint_gt(of(0).answers[RPC_SLOW], 0);
	ck_assert_uint_eq(of(1).answers[RPC_SLOW] + of(2).answers[RPC_SLOW], 0);
}
END_TEST

/* --- proofs --- */

START_TEST(no_proof_at_all)
{
	one_product();
	w.p[0].lie = PROOF_PRUNED;
	start();
	runs(1);
	said("alarm proof-unavailable *");
	ck_assert_int_lt(follower_wake(w.f), w.now_ms - 50000);	/* tried again soon, not in a minute */
	w.p[0].lie = HONEST;
	runs(1);
	said("alarm-off proof-unavailable ");
	ck_assert_int_eq(follower_wake(w.f), w.now_ms);
	in_step(0, true);
}
END_TEST

/* Without a quorum, the next round waits for the first provider that may be asked: not for one that is quarantined or of another
 * chain, and never less than half a second. */
START_TEST(no_quorum_is_tried_again_soon)
{
	operators(2, 2);
	one_product();
	start();
	runs(1);
	w.p[0].lie = NULL_BLOCKS;
	runs(1);
	said("alarm no-quorum *");
	ck_assert_int_eq(follower_wake(w.f), w.now_ms - 60000 + 500);
}
END_TEST

START_TEST(whom_the_next_round_waits_for)
{
	int64_t retry;

	operators(3, 2);
	one_product();
	w.p[2].lie = OTHER_CHAIN_ID;
	start();
	runs(1);
	in_step(0, true);
	for (w.p[1].lie = NO_ANSWER; w.p[1].lie == NO_ANSWER && of(1).retry_at_ms <= w.now_ms - 60000 + 1000;)
		runs(1);
	said("alarm no-quorum *");
	retry = of(1).retry_at_ms;
	ck_assert_int_ge(follower_wake(w.f), w.now_ms - 60000 + 500);
	ck_assert_int_le(follower_wake(w.f), retry);
}
END_TEST

static enum { TO_PROOFS, TO_CONFIRM } unanswered;

/* No answer to one kind of question. */
static void no_answer(struct fake_world *world, const struct follower_action *a, struct follower_answer *answer, struct buf *body)
{
	(void)world;
	(void)body;
	if (a->provider != 0 || !mentions(a, unanswered == TO_CONFIRM ? "\"eth_getBlockByNumber\"" : "\"eth_getProof\""))
		return;
	answer->net = ERR_NET;
	answer->net_text = "connection reset";
}

/* A wrong proof, and then silence: nothing is known about why. */
START_TEST(a_doubt_without_an_answer)
{
	static const struct fake_hooks hooks = { .answered = no_answer };

	operators(3, 2);
	one_product();
	start();
	runs(1);
	unanswered = TO_CONFIRM;
	w.hooks = &hooks;
	w.p[0].lie = FLIPS_PROOF;
	for (int i = 0; i < 3; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
		runs(1);
		in_step(0, true);
	}
	silent("alarm");
	silent("note");
	ck_assert_uint_gt(of(0).answers[RPC_DOWN], 0);
	ck_assert_uint_eq(of(0).contradictions, 0);
}
END_TEST

/* As many as we are made for are followed by name: what a wildcard wants beyond them is told, and not followed. */
START_TEST(too_many_products)
{
	struct follower_want *many = calloc(PRODUCTS_MAX + 1, sizeof *many);
	char (*name)[16] = calloc(PRODUCTS_MAX, sizeof *name);

	for (size_t i = 0; i < PRODUCTS_MAX; i++) {
		snprintf(name[i], sizeof name[i], "acme/n%zu", i);
		many[i] = (struct follower_want){ fake_owner, name[i] };
	}
	many[PRODUCTS_MAX] = (struct follower_want){ fake_owner, NULL };
	conf.wants = many;
	conf.wants_n = PRODUCTS_MAX + 1;
	fake_register(chain, &fake_owner, "acme/beyond");
	fake_mine(chain, 1);
	start();
	free(many);
	free(name);
	runs(1);
	said("alarm registration-missing too many: more than 20000 products are wanted: the rest is not followed");
	ck_assert_uint_eq(follower_products(w.f), PRODUCTS_MAX);
}
END_TEST

/* --- who registered what --- */

static void all_of_the_owner(void)
{
	wants[0].name = NULL;
	one_product();
}

START_TEST(explained_by_the_second)
{
	operators(2, 1);
	all_of_the_owner();
	w.p[0].lie = OMITS_LOGS;
	start();
	runs(1);
	said("product acme/one");
	silent("alarm registration-missing");
	in_step(0, true);
}
END_TEST

START_TEST(who_has_pruned_it_says_so)
{
	all_of_the_owner();
	w.p[0].lie = LOGS_PRUNED;
	start();
	runs(1);
	said("alarm registration-missing *");
	ck_assert_uint_gt(of(0).answers[RPC_PRUNED], 0);
	ck_assert_uint_eq(of(0).answers[RPC_GARBAGE], 0);
}
END_TEST

/* The list of ids is read again while its end is not final, and what is on it is no news then. */
START_TEST(ids_are_explained_once)
{
	struct hash32 event = entry_topic(ENTRY_REGISTERED);
	char text[HEX32_MAX];

	conf.finality = FINALITY_DEPTH;
	conf.depth = 5;
	all_of_the_owner();
	fake_register(chain, &fake_stranger, "other/one");
	fake_mine(chain, 10);
	start();
	count_requests(0, hex_0x(SPAN_OF(event), text));
	runs(1);
	ck_assert_uint_eq(counted.n, 1);
	for (int i = 0; i < 5; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
		runs(1);
	}
	ck_assert_uint_eq(fake_count(&w, "product *"), 1);
	ck_assert_uint_eq(follower_products(w.f), 1);
	ck_assert_uint_eq(counted.n, 1);
}
END_TEST

/* No registry lets such a name in. If one does, it is no product of ours. */
START_TEST(a_name_that_cannot_be)
{
	wants[0].name = NULL;
	fake_register(chain, &fake_owner, "Acme/One");
	fake_mine(chain, 1);
	start();
	runs(1);
	silent("product");
	said("alarm registration-missing *");
	ck_assert_uint_eq(follower_products(w.f), 0);
}
END_TEST

/* Once an id is final and explained, it is not asked for any more. */
START_TEST(final_ids_are_not_read_again)
{
	struct hash32 first = ids_slot(0);
	char text[HEX32_MAX];

	all_of_the_owner();
	start();
	count_requests(0, hex_0x(SPAN_OF(first), text));
	runs(1);
	ck_assert_uint_eq(counted.n, 1);
	fake_register(chain, &fake_owner, "acme/two");
	fake_mine(chain, 1);
	runs(1);
	said("product acme/two");
	in_step(1, true);
	ck_assert_uint_eq(counted.n, 1);
}
END_TEST

/* --- records --- */

static bool is_range(const struct follower_action *a)
{
	const char *from = memmem(a->body.p, a->body.n, "\"fromBlock\":\"", 13), *to = memmem(a->body.p, a->body.n, "\"toBlock\":\"", 11);

	return from && to && strncmp(from + 13, to + 11, 6) != 0;
}

static void edit_ranges(struct fake_world *world, const struct follower_action *a, struct follower_answer *answer, struct buf *body)
{
	uint8_t *data = memmem(body->p, body->n, "\"data\":\"0x", 10);

	(void)world;
	(void)answer;
	if (data && is_range(a))
		data[10 + 2 * 63] ^= 1;
}

/* A range that does not replay is no reason to leave its provider before it was asked block by block. */
START_TEST(records_edited_in_ranges)
{
	static const struct fake_hooks hooks = { .answered = edit_ranges };

	one_product();
	start();
	runs(1);
	for (int i = 0; i < 6; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
	}
	w.hooks = &hooks;
	runs(1);
	in_step(0, true);
	said("alarm provider-lying p0: gave log records that are not the chain's: the range's records do not replay*");
}
END_TEST

static void widen_prev_block(struct fake_world *world, const struct follower_action *a, struct follower_answer *answer, struct buf *body)
{
	uint8_t *data = memmem(body->p, body->n, "\"data\":\"0x", 10);

	(void)world;
	(void)answer;
	if (data && mentions(a, "eth_getLogs"))
		data[10] = 'f';
}

START_TEST(a_prev_block_of_more_than_64_bits)
{
	static const struct fake_hooks hooks = { .answered = widen_prev_block };

	one_product();
	start();
	runs(1);
	fake_forget(&w);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	w.hooks = &hooks;
	runs(1);
	silent("seen");
	ck_assert_msg(strstr(of(0).last_error, "a number must fit its type"), "%s", of(0).last_error);
}
END_TEST

static void low_prev_block(struct fake_world *world, const struct follower_action *a, struct follower_answer *answer, struct buf *body)
{
	uint8_t *data = memmem(body->p, body->n, "\"data\":\"0x", 10);

	(void)world;
	(void)answer;
	if (data && mentions(a, "eth_getLogs"))
		memcpy(data + 10 + 48, "0000000000000001", 16);
}

/* What lies at or below the final entries is not asked for again, wherever a record points. */
START_TEST(a_prev_block_below_what_is_final)
{
	static const struct fake_hooks hooks = { .answered = low_prev_block };

	one_product();
	start();
	runs(1);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	w.hooks = &hooks;
	runs(1);
	ck_assert_msg(strstr(of(0).last_error, "prevBlock 1 of a record in block 5 points nowhere"), "%s", of(0).last_error);
}
END_TEST

/* 32 MiB of records are a lot to mine: the first of them say that they are so many. */
START_TEST(a_history_of_more_than_we_hold)
{
	bool is_grown = false;

	one_product();
	start();
	runs(1);
	fake_forget(&w);
	for (int i = 0; i < 2; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
	}
	follower_poll(w.f, w.now_ms);
	for (struct follower_action a; follower_action(w.f, &a);) {
		if (w.f->fetch[0].got.n && !is_grown) {
			w.f->fetch[0].got.bytes += RECORDS_HELD_MAX;
			is_grown = true;
		}
		fake_answer(&w, &a);
	}
	said("alarm history-incomplete *");
	ck_assert_msg(strstr(of(0).last_error, "a history takes more than 33554432 bytes"), "%s", of(0).last_error);
}
END_TEST

/* It left records out: for a while the others are asked. */
START_TEST(whoever_omits_rests_from_records)
{
	operators(2, 1);
	one_product();
	w.p[0].lie = OMITS_LOGS;
	start();
	for (int i = 0; i < 3; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
		runs(1);
	}
	said("alarm provider-lying p0: left log records out: *");
	w.p[0].lie = HONEST;
	count_requests(0, "eth_getLogs");
	for (int i = 0; i < 4; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
		runs(1);
	}
	ck_assert_uint_eq(counted.n, 0);
	w.now_ms += QUARANTINE_PROBE_MS;
	for (int i = 0; i < 4; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
		runs(1);
	}
	ck_assert_uint_gt(counted.n, 0);
	in_step(0, true);
}
END_TEST

/* As many liars as there can be providers, each of which is caught twice: in a range, and block by block. */
START_TEST(nobody_but_liars)
{
	operators(PROVIDERS_MAX, 1);
	one_product();
	for (int i = 0; i < 3; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
	}
	for (int i = 0; i < PROVIDERS_MAX; i++)
		w.p[i].lie = EDITS_DATA;
	start();
	runs(1);
	said("alarm history-incomplete *");
	silent("seen");
	w.p[3].lie = HONEST;
	runs(1);
	in_step(0, true);
	ck_assert_uint_ge(fake_count(&w, "alarm provider-lying *"), 1);
}
END_TEST

/* --- promotion --- */

/* A provisional proof at block 6, and an anchor far above it whose own state is gone. */
static void waiting_proof(uint64_t blocks, uint64_t history_from)
{
	operators(2, 2);
	conf.finality = FINALITY_FINALIZED;
	chain->history_from = history_from;
	one_product();
	fake_mine(chain, 2);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	for (int i = 0; i < 2; i++) {
		w.p[i].final = 1;
		w.p[i].proofs_from = 6;
	}
	start();
	runs(1);
	said("proven acme/one 5 provisional at 6");
	fake_mine(chain, blocks);
	w.p[0].lie = w.p[1].lie = NO_REGISTRY_PROOF;
	runs(1);			/* so that it is p0 whom the next round asks first */
	w.p[0].final = w.p[1].final = chain->n - 3;
}

/* Neither parents nor the history contract lead so far, but all who vote have the block. */
START_TEST(promoted_by_votes_alone)
{
	waiting_proof(LINK_PARENTS_MAX + 20, UINT64_MAX);
	runs(1);
	said("proven acme/one 5 final at 6");
}
END_TEST

START_TEST(promoted_by_a_vote_that_comes_later)
{
	waiting_proof(LINK_PARENTS_MAX + 20, 20);	/* the contract does not know the block: that says nothing about it */
	w.p[1].hides = 6;
	runs(1);
	silent("proven acme/one 5 final");
	w.p[1].hides = 0;
	runs(FINAL_QUIET_MAX + 1);	/* final blocks are not asked for each round */
	said("proven acme/one 5 final at 6");
}
END_TEST

/* The parent that the anchor names: nobody has to be asked for the block itself. */
START_TEST(promoted_as_the_parent)
{
	waiting_proof(4, UINT64_MAX);
	w.p[0].final = w.p[1].final = 7;
	count_requests(0, "\"0x6\"");
	runs(1);
	said("proven acme/one 5 final at 6");
	ck_assert_uint_eq(counted.n, 0);
}
END_TEST

/* Parents are missing everywhere, but the anchor's state has the hash. */
START_TEST(promoted_by_the_contract_instead_of_parents)
{
	waiting_proof(8, 0);
	w.p[0].hides = 8;
	w.p[1].hides = 6;
	w.p[1].hides_to = 8;
	runs(1);
	said("anchor 12");
	said("proven acme/one 5 final at 6");
}
END_TEST

static void flip_history_proof(struct fake_world *world, const struct follower_action *a)
{
	if (a->provider == 0)
		world->p[0].lie = mentions(a, "0x0000f90827f1c53a10cb7a02335b175320002935") ? CUTS_PROOF : NO_REGISTRY_PROOF;
}

/* A wrong proof about the contract is a lie like any other, and the next provider's is good. */
START_TEST(a_wrong_proof_of_the_contract)
{
	static const struct fake_hooks hooks = { .asked = flip_history_proof };

	waiting_proof(LINK_PARENTS_MAX + 20, 0);
	w.p[1].hides = 6;
	w.hooks = &hooks;
	runs(1);
	said("proven acme/one 5 final at 6");
	said("alarm provider-lying p0: its proof at block *");
}
END_TEST

/* The contract's ring, from where its fake cannot reach: a block of number 22,000,000, 100 above the proof; then as far above it
 * as the ring is long, and one more. */
static const struct { uint64_t above; const char *slot; } rings[] = {
	{ 100, "\"0x0000000000000000000000000000000000000000000000000000000000001b99\"" },	/* (22,000,000 - 100) mod 8191 */
	{ LINK_RING, "\"0x0000000000000000000000000000000000000000000000000000000000001bfd\"" },
	{ LINK_RING + 1, NULL },
};

START_TEST(slots_of_the_contract)
{
	struct follower_action a;
	struct block_ref block = { .number = 22000000 - rings[_i].above, .hash = { { 1 } } };

	one_product();
	start();
	runs(1);
	w.f->anchor = (struct block_ref){ .number = 22000000, .hash = { { 2 } } };
	w.f->anchor_header = (struct header){ .number = 22000000, .hash = { { 2 } } };
	w.f->provider[0].latest.number = 22000000;
	w.f->sm.at = STEP_PROMOTING;
	link_begin(w.f, &block);
	ck_assert_int_eq(follower_action(w.f, &a), rings[_i].slot != NULL);
	ck_assert(!rings[_i].slot || mentions(&a, rings[_i].slot));
}
END_TEST

static void other_parent(struct fake_world *world, const struct follower_action *a)
{
	if (a->provider == 0)
		world->p[0].lie = mentions(a, "ByHash") ? OTHER_NUMBER : NO_REGISTRY_PROOF;
}

START_TEST(another_block_than_the_parent)
{
	static const struct fake_hooks hooks = { .asked = other_parent };

	waiting_proof(8, UINT64_MAX);
	w.p[1].hides = 6;
	w.hooks = &hooks;
	runs(1);
	said("alarm provider-lying p0: another block than the one that was asked for");
	said("proven acme/one 5 final at 6");
}
END_TEST

/* Proofs wait for an anchor that does not come: of so many some are let go, and one of the rest is promoted in the end. */
START_TEST(many_proofs_wait)
{
	waiting_proof(1, UINT64_MAX);
	for (int i = 0; i < 2; i++) {
		w.p[i].final = 1;
		w.p[i].lie = HONEST;
	}
	for (int i = 0; i < 2 * FOLLOW_PENDING_MAX; i++) {
		fake_mine(chain, 1);
		for (int k = 0; k < 2; k++)
			w.p[k].proofs_from = chain->n - 1;
		runs(1);
	}
	fake_forget(&w);
	w.p[0].final = w.p[1].final = chain->n - 4;
	runs(1);
	said("proven acme/one 5 final at *");
}
END_TEST

#define LOOP(tc, test, rows) tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *s = suite_create("steps");
	TCase *t = tcase_create("steps");
	SRunner *run;
	int failed;

	tcase_add_checked_fixture(t, stage_setup, stage_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, configurations_that_cannot_work);
	tcase_add_test(t, a_product_wanted_twice);
	tcase_add_test(t, known_products);
	tcase_add_test(t, a_conflict_outlives_a_restart);
	tcase_add_test(t, an_idle_round_asks_for_one_block);
	tcase_add_test(t, another_chain_is_looked_at_later);
	tcase_add_test(t, a_throttled_stranger);
	tcase_add_test(t, a_provider_that_rests);
	tcase_add_test(t, genesis_by_two_operators);
	tcase_add_test(t, the_pinned_block_is_not_there);
	tcase_add_test(t, another_block_where_the_anchor_was);
	tcase_add_test(t, a_new_fork_is_told);
	tcase_add_test(t, a_final_block_that_is_not_there);
	tcase_add_test(t, how_many_operators_answer);
	tcase_add_test(t, a_liar_among_the_voters);
	tcase_add_test(t, notes_are_not_repeated);
	tcase_add_test(t, a_probe_that_is_asked_twice);
	tcase_add_test(t, probed_without_an_anchor);
	tcase_add_test(t, one_question_for_two_votes);
	tcase_add_test(t, nobody_has_the_old_anchor);
	tcase_add_test(t, nothing_is_final_yet);
	tcase_add_test(t, nobody_has_the_pinned_block);
	tcase_add_test(t, an_anchor_out_of_reach);
	tcase_add_test(t, batches_that_a_proxy_turns_away);
	tcase_add_test(t, who_has_not_got_there_is_not_asked);
	tcase_add_test(t, a_batch_given_up_in_part);
	tcase_add_test(t, waiting_for_a_turn_is_nobodys_fault);
	tcase_add_test(t, a_queue_that_is_too_long);
	tcase_add_test(t, no_proof_at_all);
	tcase_add_test(t, no_quorum_is_tried_again_soon);
	tcase_add_test(t, whom_the_next_round_waits_for);
	tcase_add_test(t, a_doubt_without_an_answer);
	tcase_add_test(t, too_many_products);
	tcase_add_test(t, explained_by_the_second);
	tcase_add_test(t, who_has_pruned_it_says_so);
	tcase_add_test(t, ids_are_explained_once);
	tcase_add_test(t, a_name_that_cannot_be);
	tcase_add_test(t, final_ids_are_not_read_again);
	tcase_add_test(t, records_edited_in_ranges);
	tcase_add_test(t, a_prev_block_of_more_than_64_bits);
	tcase_add_test(t, a_prev_block_below_what_is_final);
	tcase_add_test(t, a_history_of_more_than_we_hold);
	tcase_add_test(t, whoever_omits_rests_from_records);
	tcase_add_test(t, nobody_but_liars);
	tcase_add_test(t, promoted_by_votes_alone);
	tcase_add_test(t, promoted_by_a_vote_that_comes_later);
	tcase_add_test(t, promoted_as_the_parent);
	tcase_add_test(t, promoted_by_the_contract_instead_of_parents);
	tcase_add_test(t, a_wrong_proof_of_the_contract);
	LOOP(t, slots_of_the_contract, rings);
	tcase_add_test(t, another_block_than_the_parent);
	tcase_add_test(t, many_proofs_wait);
	suite_add_tcase(s, t);
	run = srunner_create(s);
	srunner_run_all(run, CK_NORMAL);
	failed = srunner_ntests_failed(run);
	srunner_free(run);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
