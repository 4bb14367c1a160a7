/* libcrypto.c: see libcrypto.h. */
#include "formats/libcrypto.h"
#include "base/err.h"

#include <openssl/crypto.h>

/* The first says yes when there was no memory for what the second gives; who goes on without crashes (3.0). */
void libcrypto_start(void)
{
	if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 ||
	    OSSL_LIB_CTX_get0_global_default() == NULL)
		err_no_memory();
}
