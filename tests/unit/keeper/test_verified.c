/* test_verified.c: remembered signatures: an answer is given again for the same bytes and the same set, and for nothing else. */
#include "keeper/history.h"
#include "base/cleanup.h"
#include "formats/cose.h"

#include <check.h>
#include <stdio.h>

enum { A, B, KEYS };

static struct sig_secret key[KEYS];
static struct verified v;

static void setup(void)
{
	for (int i = 0; i < KEYS; i++)
		ck_assert_int_eq(sig_secret_make(SIG_ED25519, &key[i], NULL), ERR_OK);
	v = (struct verified){ .cap = 0 };
}

static void teardown(void)
{
	verified_fini(&v);
}

/* "AB" are the keys, in this order. */
static struct suit_signers set_of(unsigned threshold, const char *keys)
{
	struct suit_signers set = { .threshold = threshold };

	for (; *keys; keys++) {
		AUTO(buf_free) struct buf cose = BUF_INIT(COSE_KEY_MAX);

		cose_key_put(&cose, &key[*keys - 'A'].pub);
		ck_assert_int_eq(suit_signers_add(&set, buf_span(&cose), NULL), ERR_OK);
	}
	return set;
}

/* An envelope for this sequence, signed by one key. Lives until the next. */
static struct suit_envelope sealed(uint64_t sequence, char by)
{
	static struct buf built = BUF_INIT(MANIFEST_MAX), signed_ = BUF_INIT(MANIFEST_MAX);
	struct suit_manifest m = { .sequence = sequence, .vendor = "acme", .model = "thermostat", .version = "1.0",
		.channel = "stable", .cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", .image_size = 1000 };
	struct suit_envelope env;

	buf_reset(&built);
	buf_reset(&signed_);
	ck_assert_int_eq(suit_build(&m, &built, NULL), ERR_OK);
	ck_assert_int_eq(suit_sign(buf_span(&built), &key[by - 'A'], &signed_, NULL), ERR_OK);
	ck_assert_int_eq(suit_open(buf_span(&signed_), &env, NULL), ERR_OK);
	return env;
}

static int check(const struct suit_envelope *env, const struct suit_signers *set, uint32_t *who)
{
	return verified_check(&v, env, set, who, NULL);
}

START_TEST(the_same_is_not_checked_again)
{
	struct suit_signers set = set_of(1, "BA");
	struct suit_envelope env = sealed(1, 'A');

	for (int i = 0; i < 3; i++) {
		uint32_t who = 0;

		ck_assert_int_eq(check(&env, &set, &who), ERR_OK);
		ck_assert_msg(who == 2, "the second of the set signed, also when it is remembered");
		ck_assert_int_eq(check(&env, &set, NULL), ERR_OK);
	}
	ck_assert_uint_eq(v.checked, 1);
}
END_TEST

static const struct { const char *rule, *keys; unsigned threshold; bool is_usable; int rc; uint32_t who; } others[] = {
	{ "the same set", "AB", 1, true, ERR_OK, 1 },
	{ "the same keys in another order", "BA", 1, true, ERR_OK, 2 },
	{ "a higher threshold", "AB", 2, true, ERR_PROOF, 1 },
	{ "a smaller set", "A", 1, true, ERR_OK, 1 },
	{ "a key that is not pinned", "AB", 1, false, ERR_PROOF, 0 },
	{ "another key", "B", 1, true, ERR_PROOF, 0 },
};

/* Whatever of the set is different gets its own answer. */
START_TEST(another_set_is_another_question)
{
	struct suit_signers first = set_of(1, "AB"), set = set_of(others[_i].threshold, others[_i].keys);
	struct suit_envelope env = sealed(1, 'A');
	uint32_t who = 0;

	ck_assert_int_eq(check(&env, &first, NULL), ERR_OK);
	set.signer[0].is_usable = others[_i].is_usable;
	ck_assert_msg(check(&env, &set, &who) == others[_i].rc, "%s", others[_i].rule);
	ck_assert_msg(who == others[_i].who, "%s", others[_i].rule);
}
END_TEST

START_TEST(another_envelope_is_another_question)
{
	struct suit_signers set = set_of(1, "A");
	struct suit_envelope env = sealed(1, 'A');

	ck_assert_int_eq(check(&env, &set, NULL), ERR_OK);
	env = sealed(1, 'B');
	ck_assert_int_eq(check(&env, &set, NULL), ERR_PROOF);
	env = sealed(2, 'A');
	ck_assert_int_eq(check(&env, &set, NULL), ERR_OK);
	ck_assert_uint_eq(v.checked, 3);
}
END_TEST

START_TEST(a_refusal_keeps_its_reason_but_not_for_ever)
{
	struct suit_signers set = set_of(1, "B");
	struct suit_envelope env = sealed(1, 'A');
	struct err first = { 0 };

	ck_assert_int_eq(verified_check(&v, &env, &set, NULL, &first), ERR_PROOF);
	for (int i = 0; i < 100; i++) {
		struct err again = { 0 };

		ck_assert_int_eq(verified_check(&v, &env, &set, NULL, &again), ERR_PROOF);
		ck_assert_int_eq(again.code, ERR_PROOF);
		ck_assert_str_eq(again.msg, first.msg);
	}
	ck_assert_msg(v.checked > 1, "a want of memory must not last");
	ck_assert_uint_lt(v.checked, 10);
}
END_TEST

/* Asks about this many envelopes, twice, that nobody signed, which is quickly said; gives how many were checked the second time. */
static uint64_t again(uint32_t n)
{
	struct suit_signers set = set_of(1, "A");
	uint64_t before = 0;

	for (int round = 0; round < 2; round++) {
		before = v.checked;
		for (uint32_t i = 0; i < n; i++) {
			struct suit_envelope env = { .bytes = SPAN_OF(i) };

			ck_assert_int_eq(check(&env, &set, NULL), ERR_PROOF);
		}
	}
	return v.checked - before;
}

/* All but those whose slots nine others drew too: the keys are new at each run, and once in 25 runs there is one. */
START_TEST(thousands_are_remembered)
{
	ck_assert_uint_le(again(3000), 10);
	ck_assert_uint_ge(v.used, 2990);
}
END_TEST

/* The first ones were not all forgotten for the last ones, as they would be if the oldest had to go. */
START_TEST(memory_is_bounded)
{
	ck_assert_uint_lt(again(2 * VERIFIED_MAX), 2 * VERIFIED_MAX - VERIFIED_MAX / 8);
	ck_assert_uint_eq(v.cap, VERIFIED_MAX);
	ck_assert_uint_le(v.used, v.cap);
}
END_TEST

/* --- in a history --- */

static void set_signer(struct history *h, int i)
{
	AUTO(buf_free) struct buf cose = BUF_INIT(COSE_KEY_MAX);
	struct span one;

	cose_key_put(&cose, &key[i].pub);
	one = buf_span(&cose);
	ck_assert_int_eq(history_signers(h, 1, &one, 1, NULL), ERR_OK);
}

/* Two releases by A, then the set becomes B, and two by B, which are held: the old set did not sign. */
static void walk(struct history *h)
{
	static const struct history_rules rules = { .vendor = { (const uint8_t *)"acme", 4 },
		.model = { (const uint8_t *)"thermostat", 10 }, .image_max = 1000000, .verified = &v };

	history_init(h, &rules);
	for (uint64_t i = 1; i <= 4; i++) {
		if (i == 1 || i == 3)
			set_signer(h, i > 2 ? B : A);
		ck_assert_int_eq(history_publish(h, i, sealed(i, i > 2 ? 'B' : 'A').bytes, true, NULL), ERR_OK);
	}
}

START_TEST(a_second_walk_checks_nothing)
{
	struct history h;

	for (int round = 0; round < 2; round++) {
		walk(&h);
		ck_assert_uint_eq(v.checked, 6);	/* each by its own set, and those of B by the old one as well */
		ck_assert_int_eq(history_find(&h, 2)->verdict, HISTORY_GOOD);
		ck_assert_int_eq(history_find(&h, 4)->verdict, HISTORY_HELD);
		ck_assert_uint_eq(history_find(&h, 4)->who, 1);
		history_fini(&h);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("verified");
	TCase *t = tcase_create("verified");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_same_is_not_checked_again);
	tcase_add_loop_test(t, another_set_is_another_question, 0, (int)(sizeof others / sizeof *others));
	tcase_add_test(t, another_envelope_is_another_question);
	tcase_add_test(t, a_refusal_keeps_its_reason_but_not_for_ever);
	tcase_add_test(t, thousands_are_remembered);
	tcase_add_test(t, memory_is_bounded);
	tcase_add_test(t, a_second_walk_checks_nothing);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
