/* test_history.c: which releases count, from entries alone. Envelopes are made and signed here, with real keys. */
#include "keeper/history.h"
#include "formats/cose.h"

#include <check.h>
#include <stdio.h>

enum { A, B, C, KEYS };

static struct sig_secret key[KEYS];
static struct buf cose[KEYS];
static struct hash32 thumb[KEYS];
static struct history h;
static struct buf env[2];

static struct history_rules rules = { .vendor = { (const uint8_t *)"acme", 4 }, .model = { (const uint8_t *)"thermostat", 10 },
	.image_max = 1000000 };

static void setup(void)
{
	static const enum sig_curve curves[KEYS] = { SIG_P256, SIG_ED25519, SIG_SECP256K1 };

	for (int i = 0; i < KEYS; i++) {
		cose[i] = BUF_INIT(COSE_KEY_MAX);
		ck_assert_int_eq(sig_secret_make(curves[i], &key[i], NULL), ERR_OK);
		cose_key_put(&cose[i], &key[i].pub);
		thumb[i] = cose_key_thumbprint(&key[i].pub);
	}
	env[0] = env[1] = BUF_INIT(MANIFEST_MAX);
	rules.pinned_n = rules.accepted_n = 0;
	history_init(&h, &rules);
}

static void teardown(void)
{
	history_fini(&h);
	for (int i = 0; i < KEYS; i++)
		buf_free(&cose[i]);
	buf_free(&env[0]);
	buf_free(&env[1]);
}

static struct suit_manifest manifest(uint64_t sequence)
{
	struct suit_manifest m = { .sequence = sequence, .vendor = "acme", .model = "thermostat", .version = "1.0",
		.channel = "stable", .cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", .image_size = 1000 };

	return m;
}

/* An envelope of m signed by each key in the string, "AC". Lives until the next. */
static struct span sealed(const struct suit_manifest *m, const char *signers)
{
	int at = 0;

	buf_reset(&env[0]);
	ck_assert_int_eq(suit_build(m, &env[0], NULL), ERR_OK);
	for (; *signers; signers++, at = !at) {
		buf_reset(&env[!at]);
		ck_assert_int_eq(suit_sign(buf_span(&env[at]), &key[*signers - 'A'], &env[!at], NULL), ERR_OK);
	}
	return buf_span(&env[at]);
}

static void set_signers(uint16_t threshold, const char *keys)
{
	struct span list[SIGNERS_MAX];
	size_t n = 0;

	for (; *keys; keys++)
		list[n++] = buf_span(&cose[*keys - 'A']);
	ck_assert_int_eq(history_signers(&h, threshold, list, n, NULL), ERR_OK);
}

/* Publishes the next sequence and says what became of it. */
static struct history_release *publish(const char *signers)
{
	uint64_t sequence = h.releases + 1;
	struct suit_manifest m = manifest(sequence);

	ck_assert_int_eq(history_publish(&h, sequence, sealed(&m, signers), true, NULL), ERR_OK);
	return history_find(&h, sequence);
}

static const struct { const char *rule; uint16_t threshold; const char *set, *signers; enum history_verdict want; } counts[] = {
	{ "one of one", 1, "A", "A", HISTORY_GOOD },
	{ "another key does not count", 1, "A", "B", HISTORY_REJECTED },
	{ "two of three, by the first two", 2, "ABC", "AB", HISTORY_GOOD },
	{ "two of three, by the last two", 2, "ABC", "CB", HISTORY_GOOD },
	{ "one of two needed", 2, "ABC", "B", HISTORY_REJECTED },
	{ "a stranger's signature beside enough good ones is ignored", 1, "A", "CA", HISTORY_GOOD },
};

START_TEST(signatures_count)
{
	set_signers(counts[_i].threshold, counts[_i].set);
	ck_assert_msg(publish(counts[_i].signers)->verdict == counts[_i].want, "%s", counts[_i].rule);
}
END_TEST

START_TEST(who_signed_is_known)
{
	set_signers(2, "ABC");
	ck_assert_uint_eq(publish("CA")->who, 1 << A | 1 << C);
}
END_TEST

static void other_product(struct suit_manifest *m)
{
	snprintf(m->model, sizeof m->model, "fridge");
}

static void other_vendor(struct suit_manifest *m)
{
	snprintf(m->vendor, sizeof m->vendor, "evil");
}

static void other_sequence(struct suit_manifest *m)
{
	m->sequence = 7;
}

static void too_large(struct suit_manifest *m)
{
	m->image_size = 1000001;
}

static void as_large_as_may_be(struct suit_manifest *m)
{
	m->image_size = 1000000;
}

static void nothing(struct suit_manifest *m)
{
	(void)m;
}

static const struct { const char *rule; void (*spoil)(struct suit_manifest *); const char *why; } manifests[] = {
	{ "nothing wrong", nothing, NULL },
	{ "another model's manifest", other_product, "another product" },
	{ "another vendor's manifest", other_vendor, "another product" },
	{ "a sequence that the log does not have", other_sequence, "sequence" },
	{ "an image over the operator's limit", too_large, "max-image" },
	{ "an image at the operator's limit", as_large_as_may_be, NULL },
};

START_TEST(manifests_must_fit)
{
	struct suit_manifest m = manifest(1);
	const struct history_release *r;

	manifests[_i].spoil(&m);
	set_signers(1, "A");
	ck_assert_int_eq(history_publish(&h, 1, sealed(&m, "A"), true, NULL), ERR_OK);
	r = history_find(&h, 1);
	ck_assert_msg((r->verdict == HISTORY_REJECTED) == (manifests[_i].why != NULL), "%s: %s", manifests[_i].rule, r->why);
	if (manifests[_i].why)
		ck_assert_msg(strstr(r->why, manifests[_i].why), "%s: %s", manifests[_i].rule, r->why);
	ck_assert_msg(r->has_manifest, "what it says can be shown, whether it counts or not");
}
END_TEST

START_TEST(what_strangers_signed_is_not_read)
{
	const struct history_release *r;

	set_signers(1, "A");
	r = publish("B");
	ck_assert(!r->has_manifest);
	ck_assert_msg(strstr(r->why, "signed by 0 of the 1 keys"), "%s", r->why);
}
END_TEST

START_TEST(a_release_is_as_final_as_its_entry)
{
	struct suit_manifest m = manifest(1);

	set_signers(1, "A");
	ck_assert_int_eq(history_publish(&h, 1, sealed(&m, "A"), false, NULL), ERR_OK);
	ck_assert(!history_find(&h, 1)->is_final);
	ck_assert(publish("A")->is_final);
	ck_assert(!history_find(&h, 0) && !history_find(&h, 3));
}
END_TEST

START_TEST(before_the_first_signers_nothing_is_published)
{
	struct suit_manifest m = manifest(1);

	ck_assert(!history_current(&h) && !history_is_continuous(&h));
	ck_assert_int_eq(history_publish(&h, 1, sealed(&m, "A"), true, NULL), ERR_RULE);
	ck_assert(!history_find(&h, 1));
}
END_TEST

START_TEST(more_keys_than_the_contract_takes_are_no_set)
{
	struct span list[SIGNERS_MAX + 1];

	for (size_t i = 0; i <= SIGNERS_MAX; i++)
		list[i] = buf_span(&cose[A]);
	set_signers(1, "A");
	ck_assert_int_eq(history_signers(&h, 1, list, SIGNERS_MAX + 1, NULL), ERR_LIMIT);
	ck_assert_uint_eq(h.sets, 1);
	ck_assert_int_eq(history_signers(&h, 1, list, SIGNERS_MAX, NULL), ERR_OK);
}
END_TEST

START_TEST(rubbish_is_a_verdict_not_an_error)
{
	set_signers(1, "A");
	ck_assert_int_eq(history_publish(&h, 1, SPAN_LIT("\xff\x00"), true, NULL), ERR_OK);
	ck_assert_int_eq(history_find(&h, 1)->verdict, HISTORY_REJECTED);
	ck_assert_int_eq(publish("A")->verdict, HISTORY_GOOD);
}
END_TEST

START_TEST(a_replayed_manifest_is_rejected)
{
	struct suit_manifest m = manifest(1);

	set_signers(1, "A");
	ck_assert_int_eq(history_publish(&h, 1, sealed(&m, "A"), true, NULL), ERR_OK);
	ck_assert_int_eq(history_publish(&h, 2, sealed(&m, "A"), true, NULL), ERR_OK);
	ck_assert_int_eq(history_find(&h, 2)->verdict, HISTORY_REJECTED);
}
END_TEST

START_TEST(a_gap_cannot_be_replayed)
{
	struct suit_manifest m = manifest(2);

	set_signers(1, "A");
	ck_assert_int_eq(history_publish(&h, 2, sealed(&m, "A"), true, NULL), ERR_RULE);
}
END_TEST

/* --- continuity --- */

START_TEST(new_signers_alone_are_held)
{
	set_signers(1, "A");
	ck_assert_int_eq(publish("A")->verdict, HISTORY_GOOD);
	set_signers(1, "B");
	ck_assert(!history_is_continuous(&h));
	ck_assert_int_eq(publish("B")->verdict, HISTORY_HELD);
	ck_assert_int_eq(history_find(&h, 1)->verdict, HISTORY_GOOD);
}
END_TEST

START_TEST(both_sets_signing_is_a_rotation)
{
	set_signers(1, "A");
	set_signers(1, "B");
	ck_assert_int_eq(publish("B")->verdict, HISTORY_HELD);
	ck_assert_int_eq(publish("AB")->verdict, HISTORY_GOOD);
	ck_assert(history_is_continuous(&h));
	ck_assert_msg(history_find(&h, 1)->verdict == HISTORY_GOOD, "what was held for the set is judged again");
	ck_assert_int_eq(publish("B")->verdict, HISTORY_GOOD);
}
END_TEST

START_TEST(the_old_set_alone_is_not_enough)
{
	set_signers(1, "A");
	set_signers(1, "B");
	ck_assert_int_eq(publish("A")->verdict, HISTORY_REJECTED);
}
END_TEST

START_TEST(a_lower_threshold_is_a_change)
{
	set_signers(2, "AB");
	set_signers(1, "AB");
	ck_assert_int_eq(publish("A")->verdict, HISTORY_HELD);
	ck_assert_int_eq(publish("AB")->verdict, HISTORY_GOOD);
}
END_TEST

/* As 16 bits, which is what the registry stores. */
START_TEST(a_threshold_that_nobody_can_reach_is_a_change)
{
	set_signers(1, "A");
	set_signers(257, "A");
	ck_assert(!history_is_continuous(&h));
}
END_TEST

START_TEST(a_rotation_frees_only_what_was_held_for_its_set)
{
	set_signers(1, "A");
	set_signers(1, "B");
	ck_assert_int_eq(publish("B")->verdict, HISTORY_HELD);
	set_signers(1, "C");
	ck_assert_int_eq(publish("C")->verdict, HISTORY_HELD);
	ck_assert_int_eq(publish("B")->verdict, HISTORY_REJECTED);
	ck_assert_int_eq(publish("AC")->verdict, HISTORY_GOOD);
	ck_assert_int_eq(history_find(&h, 2)->verdict, HISTORY_GOOD);
	ck_assert_msg(history_find(&h, 1)->verdict == HISTORY_HELD, "for B nobody has spoken");
	ck_assert_msg(history_find(&h, 3)->verdict == HISTORY_REJECTED, "what is wrong stays wrong");
}
END_TEST

START_TEST(the_same_keys_in_another_order_are_no_change)
{
	set_signers(1, "AB");
	set_signers(1, "BA");
	ck_assert(history_is_continuous(&h));
	ck_assert_int_eq(publish("B")->verdict, HISTORY_GOOD);
}
END_TEST

START_TEST(the_operator_accepts_one_change_of_one_history)
{
	struct hash32 id;

	set_signers(1, "A");
	set_signers(1, "B");
	id = history_current(&h)->id;
	history_fini(&h);
	rules.accepted = &id;
	rules.accepted_n = 1;
	history_init(&h, &rules);
	set_signers(1, "A");
	set_signers(1, "B");
	ck_assert_int_eq(publish("B")->verdict, HISTORY_GOOD);
	set_signers(1, "A");
	ck_assert_msg(publish("A")->verdict == HISTORY_HELD, "going back to the first set is a change again");
	set_signers(1, "B");
	ck_assert_msg(publish("B")->verdict == HISTORY_GOOD, "B is still the remembered set");
}
END_TEST

/* The operator accepted B as the second set; then the chain says otherwise. */
static const struct { const char *rule, *sets[3]; enum history_verdict want; } acceptances[] = {
	{ "the accepted set, where it was accepted", { "A", "B" }, HISTORY_GOOD },
	{ "another set in its place", { "A", "C" }, HISTORY_HELD },
	{ "the set in another place", { "A", "C", "B" }, HISTORY_HELD },
};

START_TEST(an_acceptance_is_of_one_set_in_one_place)
{
	struct hash32 id;
	const char *last = NULL;

	set_signers(1, "A");
	set_signers(1, "B");
	id = history_current(&h)->id;
	history_fini(&h);
	rules.accepted = &id;
	rules.accepted_n = 1;
	history_init(&h, &rules);
	for (size_t i = 0; i < 3 && acceptances[_i].sets[i]; i++)
		set_signers(1, last = acceptances[_i].sets[i]);
	ck_assert_msg(publish(last)->verdict == acceptances[_i].want, "%s", acceptances[_i].rule);
}
END_TEST

START_TEST(a_rejected_release_remembers_nothing)
{
	struct suit_manifest m = manifest(1);

	other_product(&m);
	set_signers(1, "A");
	set_signers(1, "B");
	ck_assert_int_eq(history_publish(&h, 1, sealed(&m, "AB"), true, NULL), ERR_OK);
	ck_assert(!history_is_continuous(&h));
}
END_TEST

START_TEST(only_pinned_keys_count)
{
	rules.pinned = &thumb[A];
	rules.pinned_n = 1;
	history_fini(&h);
	history_init(&h, &rules);
	set_signers(1, "AB");
	ck_assert_int_eq(publish("B")->verdict, HISTORY_REJECTED);
	ck_assert_int_eq(publish("A")->verdict, HISTORY_GOOD);
	set_signers(2, "AB");
	ck_assert_msg(publish("AB")->verdict == HISTORY_REJECTED, "a key that is not pinned keeps its place in the threshold");
}
END_TEST

/* --- revocations --- */

START_TEST(revocations)
{
	set_signers(1, "A");
	for (int i = 0; i < 4; i++)
		publish("A");
	ck_assert_int_eq(history_revoke(&h, 2, SPAN_LIT("bad battery"), true, NULL), ERR_OK);
	ck_assert_int_eq(history_revoke(&h, 3, SPAN_LIT("soon"), false, NULL), ERR_OK);
	ck_assert(history_find(&h, 2)->is_revoked && strstr(history_find(&h, 2)->why, "bad battery"));
	ck_assert(!history_find(&h, 3)->is_revoked && history_find(&h, 3)->is_revoked_soon);
	ck_assert(!history_find(&h, 1)->is_revoked && !history_find(&h, 4)->is_revoked);
	ck_assert_int_eq(history_revoke(&h, 5, SPAN_LIT(""), true, NULL), ERR_RULE);
	ck_assert_int_eq(history_revoke(&h, 2, SPAN_LIT("again"), true, NULL), ERR_OK);
	ck_assert_str_eq(history_find(&h, 2)->why, "revoked by the publisher: bad battery");
	ck_assert_int_eq(history_revoke(&h, 4, SPAN_LIT(""), true, NULL), ERR_OK);
	ck_assert_str_eq(history_find(&h, 4)->why, "revoked by the publisher");
}
END_TEST

START_TEST(a_floor_is_never_lowered)
{
	set_signers(1, "A");
	for (int i = 0; i < 4; i++)
		publish("A");
	ck_assert_int_eq(history_raise_floor(&h, 5, SPAN_LIT(""), true, NULL), ERR_OK);
	ck_assert_int_eq(history_raise_floor(&h, 2, SPAN_LIT(""), true, NULL), ERR_OK);
	ck_assert_uint_eq(h.floor, 5);
	ck_assert_uint_eq(h.floor_soon, 5);
	ck_assert(history_find(&h, 4)->is_revoked);
}
END_TEST

START_TEST(floors)
{
	set_signers(1, "A");
	for (int i = 0; i < 3; i++)
		publish("A");
	ck_assert_int_eq(history_raise_floor(&h, 2, SPAN_LIT(""), true, NULL), ERR_OK);
	ck_assert(history_find(&h, 1)->is_revoked && !history_find(&h, 2)->is_revoked);
	ck_assert_int_eq(history_raise_floor(&h, 4, SPAN_LIT(""), false, NULL), ERR_OK);
	ck_assert(history_find(&h, 3)->is_revoked_soon && !history_find(&h, 3)->is_revoked);
	ck_assert_uint_eq(h.floor, 2);
	ck_assert_uint_eq(h.floor_soon, 4);
	ck_assert_int_eq(history_raise_floor(&h, 5, SPAN_LIT(""), true, NULL), ERR_RULE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("history");
	TCase *t = tcase_create("history");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, signatures_count, 0, (int)(sizeof counts / sizeof *counts));
	tcase_add_test(t, who_signed_is_known);
	tcase_add_loop_test(t, manifests_must_fit, 0, (int)(sizeof manifests / sizeof *manifests));
	tcase_add_test(t, what_strangers_signed_is_not_read);
	tcase_add_test(t, a_release_is_as_final_as_its_entry);
	tcase_add_test(t, before_the_first_signers_nothing_is_published);
	tcase_add_test(t, more_keys_than_the_contract_takes_are_no_set);
	tcase_add_test(t, rubbish_is_a_verdict_not_an_error);
	tcase_add_test(t, a_replayed_manifest_is_rejected);
	tcase_add_test(t, a_gap_cannot_be_replayed);
	tcase_add_test(t, new_signers_alone_are_held);
	tcase_add_test(t, both_sets_signing_is_a_rotation);
	tcase_add_test(t, the_old_set_alone_is_not_enough);
	tcase_add_test(t, a_lower_threshold_is_a_change);
	tcase_add_test(t, a_threshold_that_nobody_can_reach_is_a_change);
	tcase_add_test(t, a_rotation_frees_only_what_was_held_for_its_set);
	tcase_add_loop_test(t, an_acceptance_is_of_one_set_in_one_place, 0, (int)(sizeof acceptances / sizeof *acceptances));
	tcase_add_test(t, the_same_keys_in_another_order_are_no_change);
	tcase_add_test(t, the_operator_accepts_one_change_of_one_history);
	tcase_add_test(t, a_rejected_release_remembers_nothing);
	tcase_add_test(t, only_pinned_keys_count);
	tcase_add_test(t, revocations);
	tcase_add_test(t, floors);
	tcase_add_test(t, a_floor_is_never_lowered);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
