/* sig_evp.c: the one way that libcrypto 3 has for making a key from numbers. */
#include "formats/sig_evp.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

const char *sig_evp_group(enum sig_curve curve)
{
	return curve == SIG_P256 ? "prime256v1" : curve == SIG_SECP256K1 ? "secp256k1" : NULL;
}

static OSSL_PARAM *params_of(const struct sig_public *pub, const BIGNUM *scalar)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	uint8_t point[65] = { 4 };

	memcpy(point + 1, pub->x, 32);
	memcpy(point + 33, pub->y, 32);
	if (bld && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, sig_evp_group(pub->curve), 0) &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) &&
	    (!scalar || OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, scalar)))
		params = OSSL_PARAM_BLD_to_param(bld);
	OSSL_PARAM_BLD_free(bld);
	return params;
}

EVP_PKEY *sig_evp_key(const struct sig_public *pub, const uint8_t *d)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIGNUM *scalar = d ? BN_bin2bn(d, 32, NULL) : NULL;
	OSSL_PARAM *params = !d || scalar ? params_of(pub, scalar) : NULL;
	EVP_PKEY *key = NULL;

	if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1)
		EVP_PKEY_fromdata(ctx, &key, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	BN_clear_free(scalar);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

void sig_evp_refused(void)
{
	unsigned long reason;

	while ((reason = ERR_get_error()) != 0)
		if (ERR_GET_REASON(reason) == ERR_R_MALLOC_FAILURE)
			err_no_memory();
}
