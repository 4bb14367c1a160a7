/* sig_ed25519.c: Ed25519 (RFC 8032) through libcrypto.
 *
 * libcrypto takes any 32 bytes as a public key and reduces what is too large.
 * A registered key has one encoding and one owner, so that is not enough. */
#include "formats/sig_evp.h"
#include "formats/sig_scheme.h"

#include <openssl/bn.h>
#include <openssl/evp.h>

/* y of the eight points whose order divides 8 (RFC 7748 section 7 tells why they matter), little-endian:
 * anything verifies under them. p - 1 is the point of order 2. */
static const uint8_t small_order[][32] = {
	{ 0x00 },
	{ 0x01 },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
	  0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
	{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
	  0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
};

static bool is_small_order(const uint8_t y[32])
{
	for (size_t i = 0; i < sizeof small_order / sizeof *small_order; i++)
		if (memcmp(y, small_order[i], 32) == 0)
			return true;
	return false;
}

/* With x² = u / v, u = y² - 1, v = d y² + 1 (RFC 8032 section 5.1.3): is there an x? u / v is a square exactly
 * when u v is, and v is never 0. */
static bool has_x(const BIGNUM *p, const BIGNUM *y, BIGNUM *u, BIGNUM *v, BN_CTX *ctx)
{
	static const char d_hex[] = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";

	return BN_hex2bn(&v, d_hex) && BN_mod_sqr(u, y, p, ctx) && BN_mod_mul(v, v, u, p, ctx) &&
	       BN_add_word(v, 1) && BN_sub_word(u, 1) && BN_nnmod(u, u, p, ctx) && BN_mod_mul(u, u, v, p, ctx) &&
	       BN_kronecker(u, p, ctx) == 1;
}

static bool is_on_curve(const uint8_t y_le[32])
{
	static const char p_hex[] = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = NULL, *y = BN_lebin2bn(y_le, 32, NULL), *u = BN_new(), *v = BN_new();
	bool ok = ctx && y && u && v && BN_hex2bn(&p, p_hex) && BN_cmp(y, p) < 0 && has_x(p, y, u, v, ctx);

	BN_free(p);
	BN_free(y);
	BN_free(u);
	BN_free(v);
	BN_CTX_free(ctx);
	return ok;
}

static int ed_check(const struct sig_public *key, struct err *e)
{
	uint8_t y[32];

	memcpy(y, key->x, sizeof y);
	y[31] &= 0x7f;		/* the sign of x */
	if (is_small_order(y))
		return err_set(e, ERR_RULE, "the point is of small order");
	if (is_on_curve(y))
		return ERR_OK;
	sig_evp_refused();
	return err_set(e, ERR_RULE, "the point is not on edwards25519, or not in its one encoding");
}

static int ed_derive(const uint8_t d[32], struct sig_public *out, struct err *e)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, d, 32);
	size_t n = sizeof out->x;
	bool ok = pkey && EVP_PKEY_get_raw_public_key(pkey, out->x, &n) == 1 && n == sizeof out->x;

	EVP_PKEY_free(pkey);
	return ok ? ERR_OK : err_set(e, ERR_INTERNAL, "Ed25519: no public key");
}

static int ed_sign(const struct sig_secret *key, struct span msg, uint8_t sig[SIG_LEN], struct err *e)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->d, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = SIG_LEN;
	bool ok = pkey && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		  EVP_DigestSign(ctx, sig, &n, msg.p, msg.n) == 1 && n == SIG_LEN;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return ok ? ERR_OK : err_set(e, ERR_INTERNAL, "Ed25519: libcrypto does not sign");
}

static int ed_verify(const struct sig_public *key, struct span msg, const uint8_t sig[SIG_LEN], struct err *e)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->x, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		  EVP_DigestVerify(ctx, sig, SIG_LEN, msg.p, msg.n) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	if (ok)
		return ERR_OK;
	sig_evp_refused();
	return err_set(e, ERR_PROOF, "the signature does not fit");
}

const struct sig_scheme sig_ed25519 = {
	.curve = SIG_ED25519, .alg = SIG_EDDSA, .alias = SIG_ED25519_ALG, .name = "ed25519",
	.check = ed_check, .derive = ed_derive, .sign = ed_sign, .verify = ed_verify,
};
