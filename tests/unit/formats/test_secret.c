/* test_secret.c: known answers of the functions that keystores and transactions rest on. */
#include "formats/secp.h"
#include "formats/secret.h"
#include "hexes.h"

/* RFC 7914 section 12 */
static const struct { const char *password, *salt; uint64_t n; uint32_t r, p; const char *answer; } scrypt_answers[] = {
	{ "", "", 16, 1, 1, "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
			    "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906" },
	{ "password", "NaCl", 1024, 8, 16, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
					   "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640" },
	{ "pleaseletmein", "SodiumChloride", 16384, 8, 1,
	  "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
	  "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887" },
};

START_TEST(scrypt_known_answer)
{
	uint8_t out[64];

	ck_assert_int_eq(secret_scrypt(span_str(scrypt_answers[_i].password), span_str(scrypt_answers[_i].salt),
				       scrypt_answers[_i].n, scrypt_answers[_i].r, scrypt_answers[_i].p, out, sizeof out,
				       NULL), 0);
	ck_assert(span_eq(SPAN_OF(out), hexes(scrypt_answers[_i].answer)));
}
END_TEST

static const struct { const char *rule; uint64_t n; uint32_t r, p; enum err_code code; } scrypts[] = {
	{ "N is a power of two", 1000, 8, 1, ERR_FORMAT },
	{ "N is over 1", 1, 8, 1, ERR_FORMAT },
	{ "N is not 0", 0, 8, 1, ERR_FORMAT },
	{ "r is not 0", 1024, 0, 1, ERR_FORMAT },
	{ "p is not 0", 1024, 8, 0, ERR_FORMAT },
	{ "r * p is below 2^30", 1024, 1u << 15, 1u << 15, ERR_FORMAT },
	{ "memory for N is limited", UINT64_C(1) << 40, 8, 1, ERR_LIMIT },
	{ "also where the product overflows", UINT64_C(1) << 63, 1u << 20, 1, ERR_LIMIT },
	{ "memory for p is limited", 2, 1, (1u << 30) - 1, ERR_LIMIT },
	{ "geth's standard is allowed", 262144, 8, 1, ERR_OK },
};

START_TEST(scrypt_limits)
{
	uint8_t out[32];

	ck_assert_msg(secret_scrypt(SPAN_LIT("x"), SPAN_LIT("y"), scrypts[_i].n, scrypts[_i].r, scrypts[_i].p, out,
				    sizeof out, NULL) == (int)scrypts[_i].code, "%s", scrypts[_i].rule);
}
END_TEST

START_TEST(pbkdf2_known_answer)	/* RFC 7914 section 11 */
{
	uint8_t out[64];

	ck_assert_int_eq(secret_pbkdf2_sha256(SPAN_LIT("passwd"), SPAN_LIT("salt"), 1, out, sizeof out, NULL), 0);
	ck_assert(span_eq(SPAN_OF(out), hexes("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
					      "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783")));
	ck_assert_int_eq(secret_pbkdf2_sha256(SPAN_LIT("x"), SPAN_LIT("y"), 0, out, 32, NULL), ERR_FORMAT);
	ck_assert_int_eq(secret_pbkdf2_sha256(SPAN_LIT("x"), SPAN_LIT("y"), UINT64_C(1) << 40, out, 32, NULL), ERR_LIMIT);
}
END_TEST

START_TEST(aes_ctr_known_answer)	/* NIST SP 800-38A, F.5.1 */
{
	struct span key = hexes("2b7e151628aed2a6abf7158809cf4f3c"), iv = hexes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
	struct span plain = hexes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
	uint8_t out[32];

	ck_assert_int_eq(secret_aes128_ctr(key.p, iv.p, plain, out, NULL), 0);
	ck_assert(span_eq(SPAN_OF(out), hexes("874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff")));
	ck_assert_int_eq(secret_aes128_ctr(key.p, iv.p, SPAN_OF(out), out, NULL), 0);
	ck_assert(span_eq(SPAN_OF(out), plain));
}
END_TEST

START_TEST(hmac_known_answer)	/* RFC 4231 section 4.3; the empty key by its definition */
{
	struct hash32 h = secret_hmac_sha256(SPAN_LIT("Jefe"), SPAN_LIT("what do ya want for nothing?"));

	ck_assert(span_eq(SPAN_OF(h), hexes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")));
	h = secret_hmac_sha256(SPAN(NULL, 0), SPAN(NULL, 0));
	ck_assert(span_eq(SPAN_OF(h), hexes("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")));
}
END_TEST

START_TEST(compares)
{
	ck_assert(secret_eq(SPAN_LIT("abc"), SPAN_LIT("abc")));
	ck_assert(!secret_eq(SPAN_LIT("abc"), SPAN_LIT("abd")));
	ck_assert(!secret_eq(SPAN_LIT("abc"), SPAN_LIT("ab")));
	ck_assert(secret_eq(SPAN(NULL, 0), SPAN(NULL, 0)));
}
END_TEST

START_TEST(random_is_not_constant)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	ck_assert_int_eq(secret_random(a, sizeof a, NULL), 0);
	ck_assert_int_eq(secret_random(b, sizeof b, NULL), 0);
	ck_assert_mem_ne(a, b, sizeof a);
	secret_wipe(a, sizeof a);
	ck_assert_mem_eq(a, (uint8_t[32]){ 0 }, sizeof a);
}
END_TEST

/* EIP-155's example: the hash that is signed, and the signature with v = 37, which is parity 0 on chain 1. */
START_TEST(signs_as_ethereum)
{
	struct span secret = hexes("4646464646464646464646464646464646464646464646464646464646464646");
	struct secp_signature sig;
	struct hash32 digest;
	uint8_t point[64], back[64];

	memcpy(digest.b, hexes("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53").p, 32);
	ck_assert_int_eq(secp_sign(secret.p, &digest, &sig, NULL), 0);
	ck_assert(span_eq(SPAN_OF(sig.r), hexes("28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276")));
	ck_assert(span_eq(SPAN_OF(sig.s), hexes("67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83")));
	ck_assert_uint_eq(sig.y_parity, 0);
	ck_assert_int_eq(secp_public(secret.p, point, NULL), 0);
	ck_assert_int_eq(secp_recover(&digest, &sig, back, NULL), 0);
	ck_assert_mem_eq(point, back, 64);

	sig.y_parity = 1;	/* another key, not a failure: the caller compares */
	ck_assert_int_eq(secp_recover(&digest, &sig, back, NULL), 0);
	ck_assert_mem_ne(point, back, 64);
}
END_TEST

static const struct { const char *rule, *r, *s; uint8_t parity; const char *says; } unrecoverable[] = {
	{ "parity is 0 or 1", "01", "01", 2, "parity" },
	{ "r is below the order", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "01", 0, "below the order" },
	{ "s is in the lower half", "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276",
	  "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1", 0, "upper half" },
	{ "r is not 0", "0000000000000000000000000000000000000000000000000000000000000000",
	  "0000000000000000000000000000000000000000000000000000000000000001", 0, "no key" },
	{ "r is some point's x", "0000000000000000000000000000000000000000000000000000000000000005",
	  "0000000000000000000000000000000000000000000000000000000000000001", 0, "no key" },
};

START_TEST(recovers_nothing)
{
	struct secp_signature sig = { .y_parity = unrecoverable[_i].parity };
	struct hash32 digest = { { 1 } };
	struct err e = { 0 };
	uint8_t point[64];

	hexes_add(unrecoverable[_i].r, sig.r, 0, 32);
	hexes_add(unrecoverable[_i].s, sig.s, 0, 32);
	ck_assert_msg(secp_recover(&digest, &sig, point, &e) == ERR_PROOF, "%s", unrecoverable[_i].rule);
	ck_assert_msg(strstr(e.msg, unrecoverable[_i].says), "%s: %s", unrecoverable[_i].rule, e.msg);
}
END_TEST

#define ROWS(table) (int)(sizeof table / sizeof *table)

int main(void)
{
	TCase *t = tcase_create("secret");
	Suite *s = suite_create("secret");

	tcase_set_timeout(t, 60);	/* geth's scrypt under a sanitizer */
	tcase_add_loop_test(t, scrypt_known_answer, 0, ROWS(scrypt_answers));
	tcase_add_loop_test(t, scrypt_limits, 0, ROWS(scrypts));
	tcase_add_test(t, pbkdf2_known_answer);
	tcase_add_test(t, aes_ctr_known_answer);
	tcase_add_test(t, hmac_known_answer);
	tcase_add_test(t, compares);
	tcase_add_test(t, random_is_not_constant);
	tcase_add_test(t, signs_as_ethereum);
	tcase_add_loop_test(t, recovers_nothing, 0, ROWS(unrecoverable));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
