/* test_pure.c: addresses, back-off, and the secrets of URLs. */
#include "net/address.h"
#include "net/backoff.h"
#include "net/secrets.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *text; bool is_private; } addresses[] = {
	{ "127.0.0.1", true }, { "127.255.255.254", true }, { "10.1.2.3", true }, { "172.16.0.1", true }, { "172.31.255.255", true },
	{ "192.168.1.1", true }, { "169.254.169.254", true }, { "100.64.0.1", true }, { "100.127.255.255", true }, { "0.0.0.0", true },
	{ "192.0.2.1", true }, { "198.18.0.1", true }, { "198.51.100.1", true }, { "203.0.113.9", true }, { "224.0.0.1", true },
	{ "255.255.255.255", true }, { "240.0.0.1", true },
	{ "1.1.1.1", false }, { "172.32.0.1", false }, { "172.15.255.255", false }, { "100.128.0.0", false }, { "192.169.0.1", false },
	{ "223.255.255.255", false }, { "198.20.0.1", false }, { "11.0.0.1", false },
	{ "::", true }, { "::1", true }, { "fe80::1", true }, { "fe80::1%eth0", true }, { "fc00::1", true }, { "fd12::1", true },
	{ "ff02::1", true }, { "2001:db8::1", true }, { "::ffff:127.0.0.1", true }, { "::ffff:10.0.0.1", true }, { "::127.0.0.1", true },
	{ "64:ff9b::7f00:1", true }, { "64:ff9b:1::1", true }, { "2002:7f00:1::1", true }, { "2002:c0a8:101::1", true },
	{ "2001:0:0:0:0:0:80ff:fffe", true }, { "4000::1", true },
	{ "2606:4700::1111", false }, { "2a00:1450::1", false }, { "::ffff:1.1.1.1", false }, { "64:ff9b::101:101", false }, { "2002:101:101::1", false },
	{ "rpc.example", false }, { "", false },
};

START_TEST(ranges)
{
	ck_assert_msg(address_text_is_private(addresses[_i].text) == addresses[_i].is_private, "%s", addresses[_i].text);
}
END_TEST

START_TEST(other_families_are_inside)
{
	struct sockaddr local = { .sa_family = AF_UNIX };

	ck_assert(address_is_private(&local));
}
END_TEST

START_TEST(waits_grow_to_the_cap)
{
	static const int64_t ceilings[] = { 100, 200, 400, 800, 1000, 1000 };

	for (size_t i = 0; i < 6; i++) {
		int64_t longest = 0, shortest = INT64_MAX;

		for (uint64_t seed = 0; seed < 2000; seed++) {
			struct backoff b = { 100, 1000, 10, (unsigned)i, seed };
			int64_t ms = backoff_next(&b);

			ck_assert_uint_eq(b.tries, i + 1);
			longest = ms > longest ? ms : longest;
			shortest = ms < shortest ? ms : shortest;
		}
		ck_assert_int_le(longest, ceilings[i]);
		ck_assert_int_ge(shortest, 10);
		/* Full jitter: the whole range is used. */
		ck_assert_int_gt(longest, ceilings[i] * 95 / 100);
		ck_assert_int_lt(shortest, 10 + ceilings[i] / 20);
	}
}
END_TEST

START_TEST(the_same_seed_waits_the_same)
{
	struct backoff a = { 100, 60000, 0, 0, 7 }, b = a;

	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(backoff_next(&a), backoff_next(&b));
	backoff_reset(&a);
	ck_assert_int_le(backoff_next(&a), 100);
}
END_TEST

START_TEST(huge_bounds_do_not_overflow)
{
	struct backoff b = { INT64_MAX / 2, INT64_MAX - 1, 0, 0, 7 };

	for (int i = 0; i < 100; i++)
		ck_assert_int_ge(backoff_next(&b), 0);
}
END_TEST

static const struct { const char *rule, *url, *text, *shown; } echoes[] = {
	{ "a path segment", "https://rpc.example/v2/Abcdef123456", "no project Abcdef123456", "no project ***" },
	{ "each segment", "https://rpc.example/first1/second2/", "first1 and second2", "*** and ***" },
	{ "the path as a whole", "https://rpc.example/v2/Abcdef123456/", "GET /v2/Abcdef123456/ failed", "GET /v2/***/ failed" },
	{ "short segments are words", "https://rpc.example/v2/eth/abcde", "v2 eth abcde", "v2 eth abcde" },
	{ "in any case", "https://rpc.example/Abcdef123456", "ABCDEF123456", "***" },
	{ "a query's value", "https://rpc.example/?apikey=secret-value&x=1", "apikey secret-value x=1", "apikey *** x=1" },
	{ "a query that is only a key", "https://rpc.example/?secretkey", "secretkey", "***" },
	{ "the second of a query", "https://rpc.example/?a=b&key=secret9", "key=secret9", "key=***" },
	{ "a user", "https://username@rpc.example/", "who is username?", "who is ***?" },
	{ "a password", "https://me:password1@rpc.example/", "me:password1", "me:***" },
	{ "both as sent", "https://me:password1@rpc.example/", "Basic bWU6cGFzc3dvcmQx", "Basic ***" },
	{ "both as sent, two bytes short of a group", "https://m:passwords@rpc.example/", "bTpwYXNzd29yZHM=", "***" },
	{ "both as sent, one byte short of a group", "https://m:password@rpc.example/", "bTpwYXNzd29yZA==", "***" },
	{ "decoded", "https://u:pass%2Fword@rpc.example/", "pass/word", "***" },
	{ "as sent, of what is decoded", "https://u:pass%2Fword@rpc.example/", "dTpwYXNzL3dvcmQ=", "***" },
	{ "not decoded", "https://rpc.example/a%20b%20c%20d", "a%20b%20c%20d or a b c d", "*** or ***" },
	{ "cut at the end of the text", "https://rpc.example/Abcdef123456", "error: Abcdef12", "error: ***" },
	{ "cut too short to matter", "https://rpc.example/Abcdef123456", "error: Abcde", "error: Abcde" },
	{ "too short elsewhere", "https://rpc.example/Abcdef123456", "Abcdef1 x", "Abcdef1 x" },
	{ "enough of it anywhere", "https://rpc.example/Abcdef123456", "Abcdef12xyz", "***xyz" },
	{ "cut within an escape", "https://rpc.example/Abcdef%2F123456", "error: Abcdef%2", "error: ***%2" },
	{ "escaped by the server", "https://rpc.example/?key=a/b+c/d==", "key=a%2Fb%2bc%2fd%3D%3d&", "key=***&" },
	{ "a letter escaped by the server", "https://rpc.example/Abcdef123456", "%41bcdef123456", "***" },
	{ "a blank as a plus", "https://rpc.example/?key=a%20b%20c%20d", "key=a+b+c+d or a b c d", "key=*** or ***" },
	{ "a percent sign", "https://rpc.example/ab%25cdef", "ab%cdef or ab%25cdef", "*** or ***" },
	{ "half an escape at the end", "https://rpc.example/Abcdef123456", "100 %", "100 %" },
	{ "a byte of zero", "https://rpc.example/a%00bcdef", "a", "a" },
	{ "a byte of zero, escaped", "https://rpc.example/a%00bcdef", "a%00bcdef", "***" },
	{ "a query that is base64", "https://rpc.example/?c2VjcmV0MQ==", "c2VjcmV0MQ== c2VjcmV0MQ=", "*** ***" },
	{ "a name without a value", "https://rpc.example/?a=1&secretkey=", "secretkey", "***" },
	{ "semicolons in a query", "https://rpc.example/?a=1;key=secret9", "key=secret9", "key=***" },
	{ "names of a query are words", "https://rpc.example/?apikey=secret9", "no apikey", "no apikey" },
	{ "a name in a path", "https://rpc.example/apikey=secret9/", "secret9", "***" },
	{ "a short password", "https://me:pass@rpc.example/", "me:pass", "me:***" },
	{ "a password of three", "https://me:abc@rpc.example/", "me:abc", "me:abc" },
	{ "a short user is a word", "https://node@rpc.example/", "node", "node" },
	{ "several times", "https://rpc.example/secret1", "secret1secret1 secret1", "****** ***" },
	{ "the longest of two", "https://rpc.example/secret/secret-and-more", "secret-and-more secret", "*** ***" },
	{ "the host is no secret", "https://rpc.example/secret1", "https://rpc.example", "https://rpc.example" },
	{ "nothing in it", "https://rpc.example/", "all of it", "all of it" },
	{ "nor in this", "https://rpc.example", "", "" },
	{ "not a URL", "::", "all of it", "all of it" },
};

START_TEST(secrets_are_hidden)
{
	struct secrets s = { .n = 0 };
	char text[100];

	snprintf(text, sizeof text, "%s", echoes[_i].text);
	secrets_add_url(&s, echoes[_i].url);
	secrets_hide(&s, text);
	ck_assert_msg(strcmp(text, echoes[_i].shown) == 0, "%s: %s", echoes[_i].rule, text);
	secrets_fini(&s);
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

START_TEST(words_are_secrets_too)
{
	struct secrets s = { .n = 0 };
	char text[] = "token eyJhbGciOi, url secret1, abc";

	secrets_add(&s, "");
	secrets_add(&s, "abc");
	secrets_add(&s, "four");
	secrets_add(&s, "eyJhbGciOi");
	secrets_add_url(&s, "http://127.0.0.1/secret1");
	secrets_hide(NULL, text);
	ck_assert_msg(strstr(text, "secret1") != NULL, "no secrets, nothing to hide");
	secrets_hide(&s, text);
	ck_assert_str_eq(text, "token ***, url ***, abc");
	secrets_fini(&s);
}
END_TEST

/* Pieces of a key, of escapes and of nothing, in any order: what is shown has no key and did not grow. */
START_TEST(no_mixture_shows_one)
{
	static const char *const pieces[] = { "ab%cd/12", "ab%25cd%2f12", "%61b%cd/12", "ab%25", "ab%", "%", "%2", "%25", "cd/12", "ab", "secret%20seven",
		"secret seven", "secret+seven", "secret", "ven", " ", "***", "x" };
	struct secrets s = { .n = 0 };

	secrets_add_url(&s, "http://127.0.0.1/ab%25cd%2f12?q=secret+seven");
	for (unsigned seed = 0; seed < 20000; seed++) {
		char text[200] = "";
		uint32_t r = seed * 2654435761u;
		size_t n;

		for (int i = 0; i < 6; i++, r = r * 1664525u + 1013904223u)
			strcat(text, pieces[(r >> 16) % (sizeof pieces / sizeof *pieces)]);	/* discouraged: 6 of 14 bytes fit */
		n = strlen(text);
		secrets_hide(&s, text);
		ck_assert_msg(strlen(text) <= n, "%s", text);
		ck_assert_msg(!strstr(text, "ab%cd/12") && !strstr(text, "ab%25cd%2f12") && !strstr(text, "secret seven") &&
			      !strstr(text, "secret+seven") && !strstr(text, "secret%20seven"), "%s", text);
	}
	secrets_fini(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net");
	TCase *t = tcase_create("pure");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, ranges, 0, (int)(sizeof addresses / sizeof *addresses));
	tcase_add_test(t, other_families_are_inside);
	tcase_add_test(t, waits_grow_to_the_cap);
	tcase_add_test(t, the_same_seed_waits_the_same);
	tcase_add_test(t, huge_bounds_do_not_overflow);
	tcase_add_loop_test(t, secrets_are_hidden, 0, (int)(sizeof echoes / sizeof *echoes));
	tcase_add_test(t, words_are_secrets_too);
	tcase_add_test(t, no_mixture_shows_one);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
