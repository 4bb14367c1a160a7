/* test_sig.c: the three signature schemes against other people's vectors, and what they must refuse. */
#include "base/cleanup.h"
#include "formats/sha256.h"
#include "formats/sig.h"
#include "hexes.h"
#include "../support/ends.h"

#include <openssl/err.h>

/* P-256: RFC 6979 appendix A.2.5 ("sample", SHA-256); its s is in the upper half, which P-256 allows.
 * Ed25519: RFC 8032 section 7.1, test 2.
 * secp256k1: Project Wycheproof, ecdsa_secp256k1_sha256_p1363, the first key's first valid signature. */
static const struct vector {
	enum sig_curve curve;
	int alg, alias;
	const char *d, *x, *y, *msg, *sig;
} vectors[] = {
	{ SIG_P256, -7, -9,
	  "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
	  "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
	  "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
	  "73616d706c65",
	  "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
	  "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8" },
	{ SIG_ED25519, -8, -19,
	  "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	  "", "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ SIG_SECP256K1, -47, -47, NULL,
	  "b838ff44e5bc177bf21189d0766082fc9d843226887fc9760371100b7ee20a6f",
	  "f0c9d75bfba7b31a6bca1974496eeb56de357071955d83c4b1badaa0b21832e9",
	  "313233343030",
	  "813ef79ccefa9a56f7ba805f0e478584fe5f0dd5f567bc09b5123ccbc9832365"
	  "6ff18a52dcc0336f7af62400a6dd9b810732baf1ff758000d6f613a556eb31ba" },
};

#define ROWS(table) (int)(sizeof table / sizeof *table)

static struct sig_public key_of(const struct vector *v)
{
	struct sig_public k = { .curve = v->curve };

	hexes_add(v->x, k.x, 0, 32);
	hexes_add(v->y, k.y, 0, 32);
	return k;
}

START_TEST(verifies_vectors)
{
	const struct vector *v = &vectors[_i];
	struct sig_public k = key_of(v);
	struct err e = { 0 };

	ck_assert_msg(sig_verify(&k, v->alg, hexes(v->msg), hexes(v->sig), &e) == ERR_OK, "%s", e.msg);
	ck_assert_msg(sig_verify(&k, v->alias, hexes(v->msg), hexes(v->sig), &e) == ERR_OK, "%s", e.msg);
	ck_assert_int_eq(sig_verify(&k, v->alg, hexes("00"), hexes(v->sig), &e), ERR_PROOF);
}
END_TEST

START_TEST(derives_vectors)
{
	const struct vector *v = &vectors[_i];
	struct sig_public expected = key_of(v);
	struct sig_secret got;

	if (!v->d)
		return;
	ck_assert_int_eq(sig_secret_from(v->curve, hexes(v->d).p, &got, NULL), ERR_OK);
	ck_assert(sig_public_eq(&got.pub, &expected));
}
END_TEST

START_TEST(verifies_digests)
{
	const struct vector *v = &vectors[_i];
	struct sig_public k = key_of(v);
	struct hash32 digest = sha256_of(hexes(v->msg)), other = { { 1 } };
	bool is_ecdsa = v->curve != SIG_ED25519;

	ck_assert_int_eq(sig_verify_digest(&k, &digest, hexes(v->sig), NULL), is_ecdsa ? ERR_OK : ERR_RULE);
	ck_assert_int_eq(sig_verify_digest(&k, &other, hexes(v->sig), NULL), is_ecdsa ? ERR_PROOF : ERR_RULE);
	ck_assert_int_eq(sig_verify_digest(&k, &digest, hexes("00"), NULL), ERR_RULE);
	k.x[0] ^= 1;
	ck_assert_int_ne(sig_verify_digest(&k, &digest, hexes(v->sig), NULL), ERR_OK);
}
END_TEST

/* One flipped bit anywhere is no signature. */
START_TEST(refuses_flips)
{
	const struct vector *v = &vectors[_i];
	struct sig_public k = key_of(v);
	uint8_t sig[SIG_LEN];

	for (size_t bit = 0; bit < 8 * SIG_LEN; bit += 13) {
		memcpy(sig, hexes(v->sig).p, SIG_LEN);
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_ne(sig_verify(&k, v->alg, hexes(v->msg), SPAN_OF(sig), NULL), ERR_OK);
	}
}
END_TEST

/* Rows use the vector's message; sig NULL: the vector's own. */
static const struct {
	const char *rule;
	unsigned v;
	int alg;
	const char *sig;
	enum err_code code;
	const char *says;
} refused[] = {
	{ "an algorithm of another curve", 0, -47, NULL, ERR_RULE, "not for a key of type es256" },
	{ "EdDSA with an EC key", 0, -8, NULL, ERR_RULE, "algorithm -8" },
	{ "ES256 with a secp256k1 key", 2, -7, NULL, ERR_RULE, "not for a key of type es256k" },
	{ "ES384 is not known", 0, -35, NULL, ERR_RULE, "algorithm -35" },
	{ "no algorithm", 1, 0, NULL, ERR_RULE, "algorithm 0" },
	{ "a byte short", 0, -7, "00", ERR_RULE, "1 bytes, not 64" },
	{ "zeros, P-256", 0, -7,
	  "0000000000000000000000000000000000000000000000000000000000000000"
	  "0000000000000000000000000000000000000000000000000000000000000000", ERR_PROOF, "fit" },
	{ "zeros, secp256k1", 2, -47,
	  "0000000000000000000000000000000000000000000000000000000000000000"
	  "0000000000000000000000000000000000000000000000000000000000000000", ERR_PROOF, "fit" },
	{ "r over the order, secp256k1", 2, -47,
	  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	  "6ff18a52dcc0336f7af62400a6dd9b810732baf1ff758000d6f613a556eb31ba", ERR_PROOF, "below the order" },
	{ "the same signature with the high s (Wycheproof: valid in plain ECDSA)", 2, -47,
	  "813ef79ccefa9a56f7ba805f0e478584fe5f0dd5f567bc09b5123ccbc9832365"
	  "900e75ad233fcc908509dbff5922647db37c21f4afd3203ae8dc4ae7794b0f87", ERR_RULE, "upper half" },
	{ "Ed25519's s plus the order (RFC 8032: s is below it)", 1, -8,
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	  "f52db7415978abc61b2c2eb6aeebfca0387b2eaeb4302aeeb00d291612bb0c10", ERR_PROOF, "fit" },
};

START_TEST(refuses)
{
	const struct vector *v = &vectors[refused[_i].v];
	struct sig_public k = key_of(v);
	struct err e = { 0 };

	ck_assert_msg(sig_verify(&k, refused[_i].alg, hexes(v->msg),
				 hexes(refused[_i].sig ? refused[_i].sig : v->sig), &e) == (int)refused[_i].code,
		      "%s: %s", refused[_i].rule, e.msg);
	ck_assert_msg(strstr(e.msg, refused[_i].says), "%s: %s", refused[_i].rule, e.msg);
}
END_TEST

static const struct { const char *rule; int curve; const char *x, *y, *says; } no_keys[] = {
	{ "a point beside P-256", SIG_P256,
	  "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
	  "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d446229a", "not on P-256" },
	{ "a point of the other curve", SIG_P256,
	  "b838ff44e5bc177bf21189d0766082fc9d843226887fc9760371100b7ee20a6f",
	  "f0c9d75bfba7b31a6bca1974496eeb56de357071955d83c4b1badaa0b21832e9", "not on P-256" },
	{ "zero is no point of P-256", SIG_P256, "00", "00", "not on P-256" },
	{ "x not reduced, P-256", SIG_P256,
	  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "00", "not on P-256" },
	{ "a point beside secp256k1", SIG_SECP256K1,
	  "b838ff44e5bc177bf21189d0766082fc9d843226887fc9760371100b7ee20a6f",
	  "f0c9d75bfba7b31a6bca1974496eeb56de357071955d83c4b1badaa0b21832e8", "not on secp256k1" },
	{ "zero is no point of secp256k1", SIG_SECP256K1, "00", "00", "not on secp256k1" },
	{ "y = 2 has no x on edwards25519", SIG_ED25519, "02", "", "not on edwards25519" },
	{ "the neutral element", SIG_ED25519, "01", "", "small order" },
	{ "the neutral element with a sign", SIG_ED25519,
	  "0100000000000000000000000000000000000000000000000000000000000080", "", "small order" },
	{ "y = 0, order 4", SIG_ED25519, "00", "", "small order" },
	{ "y = -1, order 2", SIG_ED25519,
	  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "", "small order" },
	{ "order 8", SIG_ED25519,
	  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", "", "small order" },
	{ "the other y of order 8", SIG_ED25519,
	  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "", "small order" },
	{ "y = p + 1, the neutral element's second encoding", SIG_ED25519,
	  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "", "not in its one encoding" },
	{ "y = p + 3, a good point's second encoding", SIG_ED25519,
	  "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "", "not in its one encoding" },
	{ "a curve that nobody knows", 2, "00", "00", "not supported" },
};

START_TEST(refuses_points)
{
	struct sig_public k = { .curve = (enum sig_curve)no_keys[_i].curve };
	struct err e = { 0 };

	hexes_add(no_keys[_i].x, k.x, 0, 32);
	hexes_add(no_keys[_i].y, k.y, 0, 32);
	ck_assert_msg(sig_public_check(&k, &e) == ERR_RULE, "%s", no_keys[_i].rule);
	ck_assert_msg(strstr(e.msg, no_keys[_i].says), "%s: %s", no_keys[_i].rule, e.msg);
	/* Nor does anything verify under it. */
	if (k.curve == SIG_P256 || k.curve == SIG_ED25519 || k.curve == SIG_SECP256K1) {
		ck_assert_int_eq(sig_verify(&k, sig_alg_of(k.curve), SPAN_LIT("x"), SPAN((uint8_t[64]){ 1 }, 64), &e), ERR_RULE);
		ck_assert_msg(strstr(e.msg, no_keys[_i].says), "%s: %s", no_keys[_i].rule, e.msg);
	}
	ck_assert_int_eq(sig_verify(&k, -8, SPAN_LIT("x"), SPAN((uint8_t[64]){ 1 }, 64), NULL), ERR_RULE);
}
END_TEST

static void verify_without_memory(void *arg)
{
	const struct sig_public *k = arg;

	ERR_raise(ERR_LIB_EC, ERR_R_MALLOC_FAILURE);
	ERR_raise(ERR_LIB_EVP, ERR_R_EC_LIB);
	if (sig_verify(k, sig_alg_of(k->curve), SPAN_LIT("x"), SPAN((uint8_t[64]){ 1 }, 64), NULL) == ERR_OK)
		_exit(1);
}

/* Want of memory is no verdict: a key or a signature refused for it would stay refused. libcrypto's own note of it stands for the want. */
START_TEST(no_verdict_without_memory)
{
	struct sig_public k = { .curve = _i % 2 ? SIG_ED25519 : SIG_P256 };
	const struct vector *v = &vectors[_i % 2];

	if (_i < 2) {		/* no key */
		k.x[0] = 2;
	} else {		/* not its signature */
		hexes_add(v->x, k.x, 0, 32);
		hexes_add(v->y, k.y, 0, 32);
	}
	ck_assert_int_ne(sig_verify(&k, v->alg, SPAN_LIT("x"), SPAN((uint8_t[64]){ 1 }, 64), NULL), ERR_OK);
	ck_assert_int_eq(status_of_end(verify_without_memory, &k), ERR_EXIT_LATER);
}
END_TEST

static const enum sig_curve curves[] = { SIG_P256, SIG_ED25519, SIG_SECP256K1 };

START_TEST(signs_what_verifies)
{
	struct sig_secret key, other;
	uint8_t sig[SIG_LEN];
	enum sig_curve named;

	ck_assert_int_eq(sig_secret_make(curves[_i], &key, NULL), ERR_OK);
	ck_assert_int_eq(sig_secret_make(curves[_i], &other, NULL), ERR_OK);
	ck_assert(!sig_public_eq(&key.pub, &other.pub));
	ck_assert_int_eq(sig_public_check(&key.pub, NULL), ERR_OK);
	for (int i = 0; i < 8; i++) {	/* low s is even odds: one signature would prove little */
		uint8_t msg = (uint8_t)i;

		ck_assert_int_eq(sig_sign(&key, SPAN_OF(msg), sig, NULL), ERR_OK);
		ck_assert_int_eq(sig_verify(&key.pub, sig_alg_of(curves[_i]), SPAN_OF(msg), SPAN_OF(sig), NULL), ERR_OK);
		ck_assert_int_eq(sig_verify(&other.pub, sig_alg_of(curves[_i]), SPAN_OF(msg), SPAN_OF(sig), NULL),
				 ERR_PROOF);
	}
	ck_assert_int_eq(sig_curve_read(span_str(sig_curve_name(curves[_i])), &named, NULL), ERR_OK);
	ck_assert_int_eq(named, curves[_i]);
	sig_secret_wipe(&key);
}
END_TEST

START_TEST(pem_goes_round)
{
	AUTO(buf_free) struct buf pem = BUF_INIT(SIG_PEM_MAX);
	struct sig_secret key, again;

	ck_assert_int_eq(sig_secret_make(curves[_i], &key, NULL), ERR_OK);
	ck_assert_int_eq(sig_secret_write_pem(&key, &pem, NULL), ERR_OK);
	ck_assert(memcmp(pem.p, "-----BEGIN PRIVATE KEY-----", 27) == 0);
	ck_assert_int_eq(sig_secret_read_pem(buf_span(&pem), &again, NULL), ERR_OK);
	ck_assert_mem_eq(key.d, again.d, 32);
	ck_assert(sig_public_eq(&key.pub, &again.pub));
}
END_TEST

/* Made by `openssl ecparam -genkey`, `openssl genpkey`, `openssl pkcs8`. */
static const struct { const char *rule, *pem; int code; const char *says; } pems[] = {
	{ "SEC1, P-256",
	  "-----BEGIN EC PARAMETERS-----\n"
	  "BggqhkjOPQMBBw==\n"
	  "-----END EC PARAMETERS-----\n"
	  "-----BEGIN EC PRIVATE KEY-----\n"
	  "MHcCAQEEIA71oZi199uhFOeeghyB8YtJrtohIjtvxYRiEnIOM2KnoAoGCCqGSM49\n"
	  "AwEHoUQDQgAERfK7LS/DvUbr1jWn1z8dXdKRfKslgzI4gLzvIPrdy6OUZuJ3AFhr\n"
	  "VvDaAgQ0ttlPdbp5HyLa4lc1fULbWbXlkA==\n"
	  "-----END EC PRIVATE KEY-----\n",
	  ERR_OK, "" },
	{ "SEC1, secp256k1",
	  "-----BEGIN EC PRIVATE KEY-----\n"
	  "MHQCAQEEIJe5tmJn612GjSsrb3WbqYm4flosJ9OHxnujhmAF+kH1oAcGBSuBBAAK\n"
	  "oUQDQgAEWR0GmZ5xvxehEabmD+MdXA9L54swAh7yPDTTLMDO85ZCns/zd3jl9lc7\n"
	  "Peu8ZedUbyMMBFXGd93QVb6r9Y/7fg==\n"
	  "-----END EC PRIVATE KEY-----\n",
	  ERR_OK, "" },
	{ "Ed25519",
	  "-----BEGIN PRIVATE KEY-----\n"
	  "MC4CAQAwBQYDK2VwBCIEIBT+ZXUZJMA/gR/Tiw8bLGlJ5Z51Pax5+vi8CY9qxx+R\n"
	  "-----END PRIVATE KEY-----\n",
	  ERR_OK, "" },
	{ "encrypted",
	  "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	  "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAirRfjjG5UzzgICCAAw\n"
	  "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGY53BKT7lAe23i38g8qg2gEQGnz\n"
	  "WZ7ueTyRgC5+RxbHEGH7lygO34IJufykYQsIVtQzpiz93a6eoPwXfXj42LDyv8YY\n"
	  "BZ+Dw/Sn804j9m1C1Eg=\n"
	  "-----END ENCRYPTED PRIVATE KEY-----\n",
	  ERR_FORMAT, "encrypted" },
	{ "another curve",
	  "-----BEGIN EC PRIVATE KEY-----\n"
	  "MIGkAgEBBDAEoFDXA7JupALnIIPEGYr46tbv1zcoeoenONud9dHYkdH6ywTI5t9+\n"
	  "O+QnwlzwObSgBwYFK4EEACKhZANiAASBR/NLPD0bzx6NzwqUXPYN1aEkP3jxY2V9\n"
	  "/wheWmzhzYD3KoiGN6TaaQI8b7wChHkWKVTAck/ZUUFNeFaXVMF2LX+2jnxz3VJr\n"
	  "oUrhBr+c7KYvnevztWtBGrUTYGDuW/Y=\n"
	  "-----END EC PRIVATE KEY-----\n",
	  ERR_RULE, "secp384r1" },
	{ "another type",
	  "-----BEGIN PRIVATE KEY-----\n"
	  "MC4CAQAwBQYDK2VuBCIEIJAq9Et+kHT3/CJ3EIoWtcNpS+je4Ee2su81tH+hHLJc\n"
	  "-----END PRIVATE KEY-----\n",
	  ERR_RULE, "X25519" },
	{ "a public key",
	  "-----BEGIN PUBLIC KEY-----\n"
	  "MCowBQYDK2VwAyEAiagiDjmr0fzsN/tQxU6dbCS4CxvLUW5fo1d9iIfKEvI=\n"
	  "-----END PUBLIC KEY-----\n",
	  ERR_FORMAT, "no private key" },
	{ "nothing", "", ERR_FORMAT, "no private key" },
	{ "cut off", "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n", ERR_FORMAT, "no private key" },
};

START_TEST(reads_pem)
{
	struct sig_secret key;
	struct err e = { 0 };

	ck_assert_msg(sig_secret_read_pem(span_str(pems[_i].pem), &key, &e) == pems[_i].code, "%s: %s",
		      pems[_i].rule, e.msg);
	ck_assert_msg(strstr(e.msg, pems[_i].says), "%s: %s", pems[_i].rule, e.msg);
}
END_TEST

START_TEST(refuses_scalars)
{
	static const char *const none = "0000000000000000000000000000000000000000000000000000000000000000";
	static const char *const p256_order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	static const char *const k1_order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
	struct sig_secret key;

	ck_assert_int_eq(sig_secret_from(SIG_P256, hexes(none).p, &key, NULL), ERR_RULE);
	ck_assert_int_eq(sig_secret_from(SIG_P256, hexes(p256_order).p, &key, NULL), ERR_RULE);
	ck_assert_int_eq(sig_secret_from(SIG_SECP256K1, hexes(none).p, &key, NULL), ERR_RULE);
	ck_assert_int_eq(sig_secret_from(SIG_SECP256K1, hexes(k1_order).p, &key, NULL), ERR_RULE);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("sig");
	Suite *s = suite_create("sig");

	tcase_add_loop_test(t, verifies_vectors, 0, ROWS(vectors));
	tcase_add_loop_test(t, verifies_digests, 0, ROWS(vectors));
	tcase_add_loop_test(t, derives_vectors, 0, ROWS(vectors));
	tcase_add_loop_test(t, refuses_flips, 0, ROWS(vectors));
	tcase_add_loop_test(t, refuses, 0, ROWS(refused));
	tcase_add_loop_test(t, refuses_points, 0, ROWS(no_keys));
	tcase_add_loop_test(t, no_verdict_without_memory, 0, 4);
	tcase_add_loop_test(t, signs_what_verifies, 0, ROWS(curves));
	tcase_add_loop_test(t, pem_goes_round, 0, ROWS(curves));
	tcase_add_loop_test(t, reads_pem, 0, ROWS(pems));
	tcase_add_test(t, refuses_scalars);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
