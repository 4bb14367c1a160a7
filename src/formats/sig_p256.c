/* sig_p256.c: ES256 (RFC 9053 section 2.1) through libcrypto.
 *
 * libcrypto wants signatures in DER; COSE has the two numbers side by side. */
#include "formats/sig_evp.h"
#include "formats/sig_scheme.h"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <pthread.h>

#define DER_MAX 80	/* two 33-byte integers and three heads make 72 */

static int refuse(struct err *e, enum err_code code, const char *rule)
{
	sig_evp_refused();
	return err_set(e, code, "%s", rule);
}

/* The curve alone. Making it takes libcrypto half as long as a verification, copying it a tenth of that. */
static EVP_PKEY *curve;

static void make_curve(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	if (!ctx || EVP_PKEY_paramgen_init(ctx) != 1 || EVP_PKEY_CTX_set_group_name(ctx, sig_evp_group(SIG_P256)) != 1 ||
	    EVP_PKEY_paramgen(ctx, &curve) != 1)
		curve = NULL;
	EVP_PKEY_CTX_free(ctx);
}

/* NULL: the point is not on the curve. */
static EVP_PKEY *make_key(const struct sig_public *key)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint8_t point[65] = { 4 };
	EVP_PKEY *pkey;

	pthread_once(&once, make_curve);
	if (!curve)
		err_no_memory();	/* libcrypto remembers that it found no such curve, and would refuse every key from now on */
	pkey = EVP_PKEY_dup(curve);
	memcpy(point + 1, key->x, 32);
	memcpy(point + 33, key->y, 32);
	if (pkey && EVP_PKEY_set1_encoded_public_key(pkey, point, sizeof point) == 1)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

/* The key that was asked for last: a product's releases have one signer, as a rule, and making its key is a sixth of a
 * verification. */
static struct {
	pthread_mutex_t lock;
	struct sig_public key;
	EVP_PKEY *pkey;
} last = { .lock = PTHREAD_MUTEX_INITIALIZER };

static EVP_PKEY *last_key(const struct sig_public *key)
{
	EVP_PKEY *pkey = NULL;

	pthread_mutex_lock(&last.lock);
	if (last.pkey && sig_public_eq(&last.key, key) && EVP_PKEY_up_ref(last.pkey) == 1)
		pkey = last.pkey;
	pthread_mutex_unlock(&last.lock);
	return pkey;
}

static void keep_key(const struct sig_public *key, EVP_PKEY *pkey)
{
	if (EVP_PKEY_up_ref(pkey) != 1)
		return;
	pthread_mutex_lock(&last.lock);
	EVP_PKEY_free(last.pkey);
	last.key = *key;
	last.pkey = pkey;
	pthread_mutex_unlock(&last.lock);
}

/* NULL: the point is not on the curve. */
static EVP_PKEY *public_key(const struct sig_public *key)
{
	EVP_PKEY *pkey = last_key(key);

	if (pkey)
		return pkey;
	pkey = make_key(key);
	if (pkey)
		keep_key(key, pkey);
	return pkey;
}

static int key_of(const struct sig_public *key, EVP_PKEY **out, struct err *e)
{
	*out = public_key(key);
	return *out ? ERR_OK : refuse(e, ERR_RULE, "the point is not on P-256");
}

static int p256_check(const struct sig_public *key, struct err *e)
{
	EVP_PKEY *pkey;
	int rc = key_of(key, &pkey, e);

	EVP_PKEY_free(pkey);
	return rc;
}

static bool coordinates(const EC_GROUP *group, const BIGNUM *d, struct sig_public *out)
{
	EC_POINT *point = EC_POINT_new(group);
	uint8_t raw[65];
	bool ok = point && EC_POINT_mul(group, point, d, NULL, NULL, NULL) == 1 &&
		  EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, raw, sizeof raw, NULL) == sizeof raw;

	EC_POINT_free(point);
	if (!ok)
		return false;
	memcpy(out->x, raw + 1, 32);
	memcpy(out->y, raw + 33, 32);
	return true;
}

static int p256_derive(const uint8_t d[32], struct sig_public *out, struct err *e)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *scalar = BN_bin2bn(d, 32, NULL);
	int rc = ERR_OK;

	if (!group || !scalar)
		rc = refuse(e, ERR_MEMORY, "P-256: no memory");
	else if (BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(group)) >= 0)
		rc = refuse(e, ERR_RULE, "a P-256 private key is between 1 and the order less 1");
	else if (!coordinates(group, scalar, out))
		rc = refuse(e, ERR_INTERNAL, "P-256: no public key");
	BN_clear_free(scalar);
	EC_GROUP_free(group);
	return rc;
}

static bool from_der(const uint8_t *der, size_t n, uint8_t sig[SIG_LEN])
{
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool ok = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) == 32 &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) == 32;

	ECDSA_SIG_free(s);
	return ok;
}

/* Its length, or 0. */
static size_t to_der(const uint8_t sig[SIG_LEN], uint8_t der[DER_MAX])
{
	ECDSA_SIG *s = ECDSA_SIG_new();
	BIGNUM *r_part = BN_bin2bn(sig, 32, NULL), *s_part = BN_bin2bn(sig + 32, 32, NULL);
	int n = -1;

	if (s && r_part && s_part && ECDSA_SIG_set0(s, r_part, s_part)) {
		n = i2d_ECDSA_SIG(s, &der);	/* the numbers are s's own now */
	} else {
		BN_free(r_part);
		BN_free(s_part);
	}
	ECDSA_SIG_free(s);
	return n < 0 ? 0 : (size_t)n;
}

static int p256_sign(const struct sig_secret *key, struct span msg, uint8_t sig[SIG_LEN], struct err *e)
{
	EVP_PKEY *pkey = sig_evp_key(&key->pub, key->d);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[DER_MAX];
	size_t n = sizeof der;
	bool ok = pkey && ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
		  EVP_DigestSign(ctx, der, &n, msg.p, msg.n) == 1 && from_der(der, n, sig);

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return ok ? ERR_OK : refuse(e, ERR_INTERNAL, "P-256: libcrypto does not sign");
}

static int p256_verify(const struct sig_public *key, const struct hash32 *digest, const uint8_t sig[SIG_LEN],
		       struct err *e)
{
	EVP_PKEY *pkey;
	int rc = key_of(key, &pkey, e);
	EVP_PKEY_CTX *ctx = pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
	uint8_t der[DER_MAX];
	size_t n = to_der(sig, der);
	bool ok = ctx && n && EVP_PKEY_verify_init(ctx) == 1 &&
		  EVP_PKEY_verify(ctx, der, n, digest->b, sizeof digest->b) == 1;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	if (rc)
		return rc;
	return ok ? ERR_OK : refuse(e, ERR_PROOF, "the signature does not fit");
}

const struct sig_scheme sig_p256 = {
	.curve = SIG_P256, .alg = SIG_ES256, .alias = SIG_ESP256, .name = "es256",
	.check = p256_check, .derive = p256_derive, .sign = p256_sign, .verify_checks = true, .verify_digest = p256_verify,
};
