/* test_witness.c: words proven by trie nodes that are kept. */
#include "chain/witness.h"
#include "base/limits.h"
#include "formats/keccak.h"
#include "support/trie_build.h"

#include <check.h>
#include <stdlib.h>

#define WORDS 120

/* A storage trie in which slot i holds i + 1 + shift, for i below `words`; `changed` holds 7777. */
static struct hash32 trie_of(size_t words, size_t changed, const struct hash32 *slot, struct trie_build_proof *proof)
{
	static struct hash32 keys[WORDS];
	static uint8_t values[WORDS][3];
	struct trie_build_item items[WORDS];
	struct hash32 key = slot ? keccak256(SPAN_OF(*slot)) : (struct hash32){ { 0 } };

	for (size_t i = 0; i < words; i++) {
		struct hash32 s = { { 0 } };
		uint64_t v = i == changed ? 7777 : 256 + i;

		s.b[30] = (uint8_t)(i >> 8);
		s.b[31] = (uint8_t)i;
		keys[i] = keccak256(SPAN_OF(s));
		values[i][0] = 0x82;
		values[i][1] = (uint8_t)(v >> 8);
		values[i][2] = (uint8_t)v;
		items[i] = (struct trie_build_item){ SPAN_OF(keys[i]), SPAN(values[i], 3) };
	}
	return trie_build(items, words, SPAN_OF(key), proof);
}

static struct hash32 slot_of(size_t i)
{
	struct hash32 s = { { 0 } };

	s.b[30] = (uint8_t)(i >> 8);
	s.b[31] = (uint8_t)i;
	return s;
}

/* What a provider's proof of word i brings. */
static void learn(struct witness *w, size_t words, size_t changed, size_t i)
{
	struct trie_build_proof p;
	struct hash32 slot = slot_of(i);

	trie_of(words, changed, &slot, &p);
	for (size_t n = 0; n < p.n; n++)
		witness_add(w, p.node[n]);
	trie_build_free(&p);
}

static int look(struct witness *w, const struct hash32 *root, size_t i, uint64_t *value, struct hash32 *missing)
{
	struct hash32 slot = slot_of(i), word = { { 0 } };
	int rc = trie_find_word(root, &slot, witness_find, w, &word, missing, NULL);

	if (rc == ERR_OK)
		*value = (uint64_t)word.b[30] << 8 | word.b[31];
	return rc;
}

static struct witness w;

static void setup(void)
{
	w = (struct witness){ .n = 0 };
	witness_begin(&w);
}

static void teardown(void)
{
	witness_free(&w);
}

START_TEST(words_are_proven_by_what_is_kept)
{
	struct hash32 root = trie_of(WORDS, WORDS, NULL, NULL), missing;
	uint64_t value;

	ck_assert_int_eq(look(&w, &root, 5, &value, &missing), ERR_NOT_FOUND);
	ck_assert(hash32_eq(&missing, &root));
	for (size_t i = 0; i < WORDS; i++)
		learn(&w, WORDS, WORDS, i);
	for (size_t i = 0; i < WORDS; i++) {
		ck_assert_int_eq(look(&w, &root, i, &value, &missing), ERR_OK);
		ck_assert_uint_eq(value, 256 + i);
	}
}
END_TEST

/* A slot without a word: proven absent as soon as the nodes on its way are there. */
START_TEST(absence_is_proven_too)
{
	struct hash32 root = trie_of(WORDS, WORDS, NULL, NULL), missing;
	uint64_t value = 1;

	learn(&w, WORDS, WORDS, WORDS + 9);
	ck_assert_int_eq(look(&w, &root, WORDS + 9, &value, &missing), ERR_OK);
	ck_assert_uint_eq(value, 0);
}
END_TEST

/* One proof of the changed word proves all the others at the new root; without it none is. */
START_TEST(a_change_costs_its_own_path)
{
	struct hash32 before = trie_of(WORDS, WORDS, NULL, NULL), after = trie_of(WORDS, 42, NULL, NULL), missing;
	uint64_t value;

	for (size_t i = 0; i < WORDS; i++)
		learn(&w, WORDS, WORDS, i);
	for (size_t i = 0; i < WORDS; i++)
		ck_assert_int_eq(look(&w, &after, i, &value, &missing), ERR_NOT_FOUND);
	learn(&w, WORDS, 42, 42);
	for (size_t i = 0; i < WORDS; i++) {
		ck_assert_int_eq(look(&w, &after, i, &value, &missing), ERR_OK);
		ck_assert_uint_eq(value, i == 42 ? 7777 : 256 + i);
		ck_assert_int_eq(look(&w, &before, i, &value, &missing), ERR_OK);	/* and the old root is still what it was */
		ck_assert_uint_eq(value, 256 + i);
	}
}
END_TEST

/* Another word's proof at the new root shows how far the change reaches, and no further. */
START_TEST(what_may_have_changed_is_not_proven)
{
	struct hash32 after = trie_of(WORDS, 42, NULL, NULL), missing;
	uint64_t value;
	size_t open = 0;

	for (size_t i = 0; i < WORDS; i++)
		learn(&w, WORDS, WORDS, i);
	learn(&w, WORDS, 42, 7);
	for (size_t i = 0; i < WORDS; i++)
		open += look(&w, &after, i, &value, &missing) != ERR_OK;
	ck_assert_int_eq(look(&w, &after, 42, &value, &missing), ERR_NOT_FOUND);
	ck_assert_uint_gt(open, 0);
	ck_assert_uint_lt(open, WORDS / 4);
}
END_TEST

START_TEST(a_node_is_kept_once)
{
	learn(&w, WORDS, WORDS, 1);

	size_t n = w.n, bytes = w.bytes;

	learn(&w, WORDS, WORDS, 1);
	ck_assert_uint_eq(w.n, n);
	ck_assert_uint_eq(w.bytes, bytes);
}
END_TEST

/* Roots come and go: what is walked stays, the rest is swept once there is more of it. */
START_TEST(old_nodes_are_swept)
{
	struct hash32 root = trie_of(WORDS, 0, NULL, NULL), missing;
	uint64_t value;
	size_t live;

	for (size_t i = 0; i < WORDS; i++)
		learn(&w, WORDS, 0, i);
	witness_begin(&w);
	for (size_t i = 0; i < WORDS; i++)
		ck_assert_int_eq(look(&w, &root, i, &value, &missing), ERR_OK);
	live = w.n;
	ck_assert_uint_eq(w.used, live);
	witness_sweep(&w);
	ck_assert_uint_eq(w.n, live);
	for (uint32_t i = 0; w.n <= 2 * live + 256; i++)	/* more than the rest, and more than is worth a sweep */
		witness_add(&w, SPAN_OF(i));
	witness_begin(&w);
	for (size_t i = 0; i < WORDS; i++)
		ck_assert_int_eq(look(&w, &root, i, &value, &missing), ERR_OK);
	witness_sweep(&w);
	ck_assert_uint_eq(w.n, live);
	for (size_t i = 0; i < WORDS; i++)
		ck_assert_int_eq(look(&w, &root, i, &value, &missing), ERR_OK);
}
END_TEST

START_TEST(memory_is_bounded)
{
	uint8_t raw[1024] = { 0 };

	for (uint32_t i = 0; i < WITNESS_BYTES_MAX / 1024; i++) {
		memcpy(raw, &i, sizeof i);
		witness_add(&w, SPAN_OF(raw));
		ck_assert_uint_le(w.bytes, WITNESS_BYTES_MAX);
	}

	struct hash32 last = keccak256(SPAN_OF(raw));

	ck_assert_uint_lt(w.n, WITNESS_BYTES_MAX / 1024);
	ck_assert_uint_eq(witness_find(&w, &last).n, 0);
	witness_begin(&w);
	witness_sweep(&w);		/* nothing of it was walked: it goes, and there is room again */
	ck_assert_uint_eq(w.n, 0);
	ck_assert_uint_eq(w.bytes, 0);
	witness_add(&w, SPAN_OF(raw));
	ck_assert_uint_eq(witness_find(&w, &last).n, sizeof raw);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("witness");
	TCase *t = tcase_create("witness");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, words_are_proven_by_what_is_kept);
	tcase_add_test(t, absence_is_proven_too);
	tcase_add_test(t, a_change_costs_its_own_path);
	tcase_add_test(t, what_may_have_changed_is_not_proven);
	tcase_add_test(t, a_node_is_kept_once);
	tcase_add_test(t, old_nodes_are_swept);
	tcase_add_test(t, memory_is_bounded);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
