/* test_signers.c: which signatures count, and how many are enough. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "envelope.h"
#include "formats/cbor.h"
#include "formats/suit.h"
#include "hexes.h"

#include <stdio.h>

#define ROWS(table) (int)(sizeof table / sizeof *table)

/* Adds a key for each template between bars. */
static struct suit_signers set_of(unsigned threshold, const char *keys)
{
	struct suit_signers set = { .threshold = threshold };
	char text[256];

	for (; *keys; keys += strspn(keys, "|")) {
		AUTO(buf_free) struct buf key = BUF_INIT(512);
		size_t n = strcspn(keys, "|");

		memcpy(text, keys, n);
		text[n] = '\0';
		envelope_expand(NULL, text, &key);
		ck_assert_int_eq(suit_signers_add(&set, buf_span(&key), NULL), ERR_OK);
		keys += n;
	}
	return set;
}

#define P1X "ac3d1f0b49aeb4c7bcb6f7d3bbd1b3cb0f8cc4b5a53be6a7bc8c9cfc3e1e5fcd"

/* who: which signers must count, by bits; the verdict follows from the threshold. */
static const struct {
	const char *rule;
	unsigned threshold;
	const char *signers;
	struct part replaced[PARTS_MAX];
	uint32_t who;
	const char *says;	/* in the refusal, when it is one */
} rows[] = {
	{ "one of one", 1, "!p1", { { 0 } }, 1, "" },
	{ "each type of key", 3, "!p1|!e1|!k1", { { "wrapper", "84 <digest> <sig.k1> <sig.e1> <sig.p1>" } }, 7, "" },
	{ "two of three", 2, "!p1|!p2|!p3", { { "wrapper", "83 <digest> <sig.p3> <sig.p1>" } }, 5, "" },
	{ "one is not two", 2, "!p1|!p2", { { 0 } }, 1, "signed by 1 of the 2" },
	{ "seven of seven", 7, "!p1|!p2|!p3|!e1|!e2|!k1|!k2",
	  { { "wrapper", "88 <digest> <sig.p1> <sig.p2> <sig.p3> <sig.e1> <sig.e2> <sig.k1> <sig.k2>" } }, 0x7f, "" },
	{ "a stranger", 1, "!p2", { { 0 } }, 0, "signed by 0 of the 1 keys that are needed; signature 1 does not count" },
	{ "no signers at all", 1, "", { { 0 } }, 0, "signed by 0 of the 1" },
	{ "a threshold of 0 is not met by nobody", 0, "!p2", { { 0 } }, 0, "signed by 0" },
	{ "one key twice", 2, "!p1|!p2", { { "wrapper", "83 <digest> <sig.p1> <sig.p1>" } }, 1,
	  "signature 2 does not count: its key has signed before" },
	{ "one key twice, by two valid signatures", 2, "!p1|!p2",
	  { { "wrapper", "83 <digest> <sig.p1> <sig.again>" }, { "sig.again", "d2 84 <prot.p> a1 04 48 ^p1 f6 5840 %p1:prot.p" } },
	  1, "its key has signed before" },
	{ "one key twice, under both names of its algorithm", 2, "!p1|!p2",
	  { { "wrapper", "83 <digest> <sig.p1> <sig.again>" }, { "sig.again", "d2 84 <prot> a0 f6 5840 %p1:prot" }, { "prot", "a1 01 28" } },
	  1, "its key has signed before" },
	{ "one key registered twice counts once", 2, "!p1|!p1", { { "wrapper", "83 <digest> <sig.p1> <sig.p1>" } }, 1, "signed by 1 of the 2" },
	{ "high s, secp256k1", 1, "!k1",
	  { { "wrapper", "82 <digest> <sig>" }, { "sig", "d2 84 <prot.k> a0 f6 5840 %~k1:prot.k" } }, 0, "upper half" },
	{ "ESP256", 1, "!p1", { { "prot.p", "a1 01 28" } }, 1, "" },
	{ "Ed25519 by its own number", 1, "!e1", { { "wrapper", "82 <digest> <sig.e1>" }, { "prot.e", "a1 01 32" } }, 1, "" },
	{ "the wrong type of key: EdDSA's number over a P-256 signature", 1, "!p1|!e1", { { "prot.p", "a1 01 27" } }, 0, "fit" },
	{ "the wrong type of key: ES256K's number over a P-256 signature", 1, "!p1|!k1", { { "prot.p", "a1 01 382e" } }, 0, "signed by 0" },
	{ "the wrong type of key: ES256's number over a secp256k1 signature", 1, "!p1|!k1",
	  { { "wrapper", "82 <digest> <sig.k1>" }, { "prot.k", "a1 01 26" } }, 0, "signed by 0" },
	{ "an unknown algorithm", 1, "!p1", { { "prot.p", "a1 01 3822" } }, 0, "no signer has a key for its algorithm" },
	{ "an algorithm over 32 bits", 1, "!p1", { { "prot.p", "a1 01 3bffffffffffffffff" } }, 0, "no algorithm that we know" },
	{ "an algorithm by name", 1, "!p1", { { "prot.p", "a1 01 `ES256`" } }, 0, "no algorithm that we know" },
	{ "no algorithm", 1, "!p1", { { "prot.p", "a0" } }, 0, "no algorithm that we know" },
	{ "no protected header", 1, "!p1", { { "prot.p", "" } }, 0, "no algorithm that we know" },
	{ "a protected header that is no map", 1, "!p1", { { "prot.p", "01" } }, 0, "not a map" },
	{ "alg unprotected", 1, "!p1", { { "sig.p1", "d2 84 40 a1 01 26 f6 5840 %p1:prot.p" } }, 0, "unprotected" },
	{ "alg in both", 1, "!p1", { { "sig.p1", "d2 84 <prot.p> a1 01 26 f6 5840 %p1:prot.p" } }, 0, "its algorithm is unprotected" },
	{ "crit", 1, "!p1", { { "prot.p", "a2 01 26 02 81 01" } }, 0, "crit" },
	{ "kid protected", 1, "!p1", { { "prot.p", "a2 01 26 04 48 ^p1" } }, 0, "other labels than alg" },
	{ "a label that nobody knows, protected", 1, "!p1", { { "prot.p", "a2 01 26 1864 00" } }, 0, "other labels than alg" },
	{ "a text label, protected", 1, "!p1", { { "prot.p", "a2 01 26 `x` 00" } }, 0, "other labels than alg" },
	{ "crit unprotected", 1, "!p1", { { "sig.p1", "d2 84 <prot.p> a1 02 81 01 f6 5840 %p1:prot.p" } }, 0, "other labels than kid" },
	{ "a kid of 7", 1, "!p1", { { "sig.p1", "d2 84 <prot.p> a1 04 47 00000000000000 f6 5840 %p1:prot.p" } }, 0, "kid" },
	{ "a kid of 32", 1, "!p1", { { "sig.p1", "d2 84 <prot.p> a1 04 5820 " P1X " f6 5840 %p1:prot.p" } }, 0, "kid" },
	{ "a kid of none", 1, "!p1", { { "sig.p1", "d2 84 <prot.p> a1 04 40 f6 5840 %p1:prot.p" } }, 0, "kid" },
	{ "a kid that is a text", 1, "!p1", { { "sig.p1", "d2 84 <prot.p> a1 04 `12345678` f6 5840 %p1:prot.p" } }, 0, "kid" },
	{ "a wrong kid is only a wrong hint", 1, "!p1", { { "sig.p1", "d2 84 <prot.p> a1 04 48 ^p2 f6 5840 %p1:prot.p" } }, 1, "" },
	{ "a signature of 63", 1, "!p1", { { "sig.p1", "d2 84 <prot.p> a0 f6 4100" } }, 0, "not 64 bytes" },
	{ "a signature of 65", 1, "!p1", { { "sig.p1", "d2 84 <prot.p> a0 f6 5841 %p1:prot.p 00" } }, 0, "not 64 bytes" },
	{ "a signature over another header", 1, "!p1", { { "sig.p1", "d2 84 <prot.p> a0 f6 5840 %p1:prot.e" } }, 0, "fit" },
	{ "broken ones beside enough", 2, "!p1|!k1",
	  { { "wrapper", "85 <digest> <sig.p2> <sig.p1> <odd> <sig.k1>" }, { "odd", "d2 84 44 a10138ff a1 182a 00 f6 43 000000" } }, 3, "" },
	{ "broken ones beside too few", 2, "!p1|!k1",
	  { { "wrapper", "84 <digest> <sig.p2> <sig.p1> <odd>" }, { "odd", "d2 84 44 a1013901 a1 182a 00 f6 43 000000" } }, 0, NULL },
	{ "a malformed key keeps its place in the threshold", 2, "!p1|00|!p2", { { 0 } }, 1, "signed by 1 of the 2" },
	{ "and the others can still meet it", 2, "!p1|a0|!p2", { { "wrapper", "83 <digest> <sig.p1> <sig.p2>" } }, 5, "" },
};

START_TEST(counts)
{
	struct suit_signers set = set_of(rows[_i].threshold, rows[_i].signers);
	struct suit_envelope env;
	struct err e = { 0 };
	uint32_t who = 0xff;
	unsigned n = (unsigned)__builtin_popcount(rows[_i].who);
	bool enough = n > 0 && n >= rows[_i].threshold;
	int rc = suit_open(envelope_of(rows[_i].replaced), &env, &e);

	if (!rows[_i].says) {	/* not even an envelope */
		ck_assert_msg(rc == ERR_FORMAT, "%s", rows[_i].rule);
		return;
	}
	ck_assert_msg(rc == ERR_OK, "%s: %s", rows[_i].rule, e.msg);
	rc = suit_verify(&env, &set, &who, &e);
	ck_assert_msg((rc == ERR_OK) == enough, "%s: %s", rows[_i].rule, e.msg);
	ck_assert_msg(enough || e.code == ERR_PROOF, "%s", rows[_i].rule);
	ck_assert_msg(who == rows[_i].who, "%s: %x", rows[_i].rule, who);
	ck_assert_msg(strstr(e.msg, rows[_i].says), "%s: %s", rows[_i].rule, e.msg);
	ck_assert_uint_eq(suit_who_signed(&env, &set), rows[_i].who);
}
END_TEST

/* COSE_Key as registered. A P-256 key is given as PX, PY. */
#define PX "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
#define PY "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
#define EX "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
#define KX "b838ff44e5bc177bf21189d0766082fc9d843226887fc9760371100b7ee20a6f"
#define KY "f0c9d75bfba7b31a6bca1974496eeb56de357071955d83c4b1badaa0b21832e9"

static const struct { const char *rule, *hex, *says; } keys[] = {
	{ "P-256", "a4 01 02 20 01 21 5820 " PX " 22 5820 " PY, NULL },
	{ "Ed25519", "a3 01 01 20 06 21 5820 " EX, NULL },
	{ "secp256k1", "a4 01 02 20 08 21 5820 " KX " 22 5820 " KY, NULL },
	{ "nothing", "", "nothing where a map" },
	{ "an array", "80", "an array where a map" },
	{ "no member", "a0", "not exactly kty, crv, x and y" },
	{ "no y", "a3 01 02 20 01 21 5820 " PX, "not exactly kty, crv, x and y" },
	{ "no crv", "a3 01 02 21 5820 " PX " 22 5820 " PY, "not exactly" },
	{ "a y for Ed25519", "a4 01 01 20 06 21 5820 " EX " 22 5820 " EX, "not exactly kty, crv, x" },
	{ "a kid", "a5 01 02 02 41 00 20 01 21 5820 " PX " 22 5820 " PY, "member 2 is more" },
	{ "an alg", "a5 01 02 03 26 20 01 21 5820 " PX " 22 5820 " PY, "member 3 is more" },
	{ "a private key", "a5 01 02 20 01 21 5820 " PX " 22 5820 " PY " 23 5820 " PX, "member -4 is more" },
	{ "compressed y", "a4 01 02 20 01 21 5820 " PX " 22 f5", "y is not a byte string" },
	{ "x as a text", "a4 01 02 20 01 21 6161 22 5820 " PY, "x is not a byte string" },
	{ "x of 31", "a4 01 02 20 01 21 4100 22 5820 " PY, "x has 1 bytes" },
	{ "P-384", "a4 01 02 20 02 21 5820 " PX " 22 5820 " PY, "crv 2 is not supported" },
	{ "Ed25519 as EC2", "a4 01 02 20 06 21 5820 " PX " 22 5820 " PY, "kty 2 with crv 6" },
	{ "X25519", "a3 01 01 20 04 21 5820 " EX, "crv 4 is not supported" },
	{ "a symmetric key", "a2 01 04 20 41 00", "where an unsigned integer" },
	{ "a point beside the curve", "a4 01 02 20 01 21 5820 " PX " 22 5820 " PX, "not on P-256" },
	{ "a point of another curve", "a4 01 02 20 08 21 5820 " PX " 22 5820 " PY, "not on secp256k1" },
	{ "small order", "a3 01 01 20 06 21 5820 0100000000000000000000000000000000000000000000000000000000000000", "small order" },
	{ "members out of order", "a4 01 02 21 5820 " PX " 20 01 22 5820 " PY, "order" },
	{ "a member twice", "a5 01 02 01 02 20 01 21 5820 " PX " 22 5820 " PY, "twice" },
	{ "a long head", "a4 01 1802 20 01 21 5820 " PX " 22 5820 " PY, "shortest" },
	{ "indefinite", "bf 01 02 20 01 21 5820 " PX " 22 5820 " PY " ff", "indefinite" },
	{ "bytes after it", "a3 01 01 20 06 21 5820 " EX " 00", "left over" },
};

START_TEST(reads_keys)
{
	struct suit_signers set = { .threshold = 1 };
	AUTO(buf_free) struct buf back = BUF_INIT(COSE_KEY_MAX);
	struct span bytes = hexes(keys[_i].hex);
	struct sig_public key;
	struct err e = { 0 };
	int rc = cose_key_read(bytes, &key, &e);

	ck_assert_int_eq(suit_signers_add(&set, bytes, NULL), ERR_OK);	/* whatever it is */
	ck_assert(set.n == 1 && set.signer[0].is_usable == (rc == ERR_OK));
	if (keys[_i].says) {
		ck_assert_msg(rc == ERR_FORMAT || rc == ERR_RULE, "%s", keys[_i].rule);
		ck_assert_msg(strstr(e.msg, keys[_i].says), "%s: %s", keys[_i].rule, e.msg);
		return;
	}
	ck_assert_msg(rc == ERR_OK, "%s: %s", keys[_i].rule, e.msg);
	cose_key_put(&back, &key);
	ck_assert(span_eq(buf_span(&back), bytes));
	struct hash32 thumbprint = cose_key_thumbprint(&key);
	ck_assert(hash32_eq(&thumbprint, &set.signer[0].thumbprint));
}
END_TEST

START_TEST(thumbprint_of_rfc9679)	/* section 6: its example key without what a thumbprint leaves out */
{
	struct suit_signers set = { .threshold = 1 };

	ck_assert_int_eq(suit_signers_add(&set, hexes(keys[0].hex), NULL), ERR_OK);
	ck_assert(span_eq(SPAN_OF(set.signer[0].thumbprint),
			  hexes("496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec")));
}
END_TEST

START_TEST(takes_eight_signers)
{
	struct suit_signers set = { .threshold = 1 };

	for (int i = 0; i < SIGNERS_MAX; i++)
		ck_assert_int_eq(suit_signers_add(&set, SPAN_LIT("x"), NULL), ERR_OK);
	ck_assert_int_eq(suit_signers_add(&set, SPAN_LIT("x"), NULL), ERR_LIMIT);
}
END_TEST

/* Appendix B.1, "Example 0: Secure Boot", of draft-ietf-suit-manifest; its key is in the preamble of the
 * appendix. Three publications of it: their signatures differ, their manifest does not. */
#define EXAMPLE_HEAD "d86ba2025873825824822f58206658ea560262696dd1f13b782239a064da7c6c5cbaf52fded428a6fc83c7e5af584ad28443"
#define EXAMPLE_TAIL "035871a50101020003585fa202818141000458568614a40150fa6b4a53d5ad5fdfbe9de663e4d41ffe02501492af1425695e48" \
	"bf429b2d51f2ab45035824822f582000112233445566778899aabbccddeeff0123456789abcdeffedcba98765432100e1987d0010f" \
	"020f074382030f0943821702"
#define EXAMPLE_KEY "a4 01 02 20 01" \
	" 215820 8496811aae0baaabd26157189eecda26beaa8bf11b6f3fe6e2b5659c85dbc0ad" \
	" 225820 3b1f2a4b6c098131c0a36dacd1d78bd381dcdfb09c052db33991db7338b4a896"

static const struct { const char *where, *signature; } examples[] = {
	{ "drafts that sign it with ES256", "a10126a0f65840"
	  "408d0816f9b510749bf6a51b066951e08a4438f849eb092a1ac768eed9de696c"
	  "1b1dd35d82ef149e6a73a61976ad2cfe78444b8064293350a122f332cb49f0da" },
	{ "another of them", "a10126a0f65840"
	  "e3505f7ab70bd3a0e04916f37b0d7251aa6f52ca12c7edaa886a4129a298ca6a"
	  "1ecc2a57955c6bf4ccb9f01d684d5d1c4774dffbe508a034431feafa60848a2c" },
	{ "drafts that sign it with ESP256", "a10128a0f65840"
	  "8679a7bde316a9c8a7dd701f3f153f011368749fce6c12e4e2c9f704d3bd104f"
	  "b77559d2d9723ac9ce550dc69e7bf8cc3a1a460dc6f2b851780bd23cf6669c29" },
};

START_TEST(verifies_the_drafts_example)
{
	struct suit_signers set = { .threshold = 1 };
	struct suit_envelope env;
	struct suit_manifest m;
	char hex[1024];
	struct err e = { 0 };

	snprintf(hex, sizeof hex, "%s%s%s", EXAMPLE_HEAD, examples[_i].signature, EXAMPLE_TAIL);
	ck_assert_int_eq(suit_signers_add(&set, hexes(EXAMPLE_KEY), NULL), ERR_OK);
	ck_assert_msg(suit_open(hexes(hex), &env, &e) == ERR_OK, "%s: %s", examples[_i].where, e.msg);
	ck_assert_msg(suit_verify(&env, &set, NULL, &e) == ERR_OK, "%s: %s", examples[_i].where, e.msg);
	/* Its component is h'00', and it is no release. */
	ck_assert_int_eq(suit_manifest(&env, &m, &e), ERR_FORMAT);
	ck_assert_ptr_nonnull(strstr(e.msg, "component is not an array of 2"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("signers");
	Suite *s = suite_create("signers");

	tcase_add_loop_test(t, counts, 0, ROWS(rows));
	tcase_add_loop_test(t, reads_keys, 0, ROWS(keys));
	tcase_add_test(t, thumbprint_of_rfc9679);
	tcase_add_test(t, takes_eight_signers);
	tcase_add_loop_test(t, verifies_the_drafts_example, 0, ROWS(examples));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
