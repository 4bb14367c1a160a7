/* sig_pem.c: private keys as PEM files, through libcrypto's decoders and encoders. */
#include "formats/secret.h"
#include "formats/sig_evp.h"

#include "base/cleanup.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

static void pkey_clean(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void bio_clean(BIO **bio)
{
	BIO_free(*bio);
	ERR_clear_error();
}

/* No terminal question from inside a library: an encrypted file is refused. */
static int on_password(char *buf, int size, int rwflag, void *arg)
{
	bool *was_asked = arg;

	(void)buf, (void)size, (void)rwflag;
	*was_asked = true;
	return -1;
}

static int ec_scalar(const EVP_PKEY *pkey, enum sig_curve *curve, uint8_t d[32], struct err *e)
{
	char group[32];
	BIGNUM *scalar = NULL;
	size_t n;
	bool ok;

	if (EVP_PKEY_get_group_name(pkey, group, sizeof group, &n) != 1)
		return err_set(e, ERR_RULE, "the private key is on no named curve");
	if (strcmp(group, sig_evp_group(SIG_P256)) == 0)
		*curve = SIG_P256;
	else if (strcmp(group, sig_evp_group(SIG_SECP256K1)) == 0)
		*curve = SIG_SECP256K1;
	else
		return err_set(e, ERR_RULE, "the private key is on %s; P-256, secp256k1 and Ed25519 are supported", group);
	ok = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) == 1 && BN_bn2binpad(scalar, d, 32) == 32;
	BN_clear_free(scalar);
	return ok ? ERR_OK : err_set(e, ERR_RULE, "the private key has no scalar of 32 bytes");
}

static int secret_of(EVP_PKEY *pkey, enum sig_curve *curve, uint8_t d[32], struct err *e)
{
	size_t n = 32;

	if (EVP_PKEY_is_a(pkey, "EC"))
		return ec_scalar(pkey, curve, d, e);
	if (!EVP_PKEY_is_a(pkey, "ED25519"))
		return err_set(e, ERR_RULE, "the private key is of type %s; P-256, secp256k1 and Ed25519 are supported",
			       EVP_PKEY_get0_type_name(pkey));
	*curve = SIG_ED25519;
	if (EVP_PKEY_get_raw_private_key(pkey, d, &n) != 1 || n != 32)
		return err_set(e, ERR_RULE, "the private key has no seed of 32 bytes");
	return ERR_OK;
}

int sig_secret_read_pem(struct span pem, struct sig_secret *out, struct err *e)
{
	AUTO(pkey_clean) EVP_PKEY *pkey = NULL;
	AUTO(bio_clean) BIO *bio = NULL;
	bool was_asked = false;
	enum sig_curve curve = SIG_P256;
	uint8_t d[32];
	int rc;

	if (pem.n > SIG_PEM_MAX)
		return err_set(e, ERR_LIMIT, "a private key file over %d bytes", SIG_PEM_MAX);
	bio = BIO_new_mem_buf(pem.p ? pem.p : (const uint8_t *)"", (int)pem.n);
	if (!bio)
		return err_set(e, ERR_MEMORY, "no memory for a private key");
	pkey = PEM_read_bio_PrivateKey(bio, NULL, on_password, &was_asked);
	if (!pkey)
		return err_set(e, ERR_FORMAT, was_asked ? "the private key is encrypted" : "no private key in PEM");
	rc = secret_of(pkey, &curve, d, e);
	if (rc == ERR_OK)
		rc = sig_secret_from(curve, d, out, e);
	secret_wipe(d, sizeof d);
	return rc;
}

static EVP_PKEY *pkey_of(const struct sig_secret *key)
{
	if (sig_evp_group(key->pub.curve))
		return sig_evp_key(&key->pub, key->d);
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->d, 32);
}

int sig_secret_write_pem(const struct sig_secret *key, struct buf *out, struct err *e)
{
	AUTO(pkey_clean) EVP_PKEY *pkey = pkey_of(key);
	AUTO(bio_clean) BIO *bio = BIO_new(BIO_s_secmem());	/* wipes its memory */
	char *text;
	long n;

	if (!pkey || !bio || PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1)
		return err_set(e, ERR_INTERNAL, "libcrypto does not write the key");
	n = BIO_get_mem_data(bio, &text);
	buf_add(out, SPAN(text, (size_t)n));
	return buf_ok(out, e);
}
