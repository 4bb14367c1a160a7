/* test_sha256.c: known answers (FIPS 180-4 examples, NIST CSRC) and the streaming promises. */
#include "base/hex.h"
#include "formats/sha256.h"

#include <check.h>
#include <stdlib.h>

static const struct { const char *text, *digest; } known[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void expect(struct hash32 got, const char *digest)
{
	char text[HEX32_MAX];

	ck_assert_str_eq(hex_str(SPAN_OF(got), text), digest);
}

START_TEST(known_answers)
{
	expect(sha256_of(span_str(known[_i].text)), known[_i].digest);
}
END_TEST

START_TEST(any_cut_gives_the_same)
{
	struct span all = span_str(known[2].text);
	struct sha256 s, fork;

	for (size_t cut = 0; cut <= all.n; cut++) {
		sha256_init(&s);
		sha256_add(&s, span_cut(all, 0, cut));
		fork = s;	/* a copy is a stream of its own */
		sha256_add(&s, span_cut(all, cut, all.n));
		expect(sha256_end(&s), known[2].digest);
		sha256_add(&fork, span_cut(all, cut, all.n));
		expect(sha256_end(&fork), known[2].digest);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("sha256");
	Suite *s = suite_create("sha256");

	tcase_add_loop_test(t, known_answers, 0, sizeof known / sizeof *known);
	tcase_add_test(t, any_cut_gives_the_same);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
