/* secret.c: random bytes from the kernel; the rest through libcrypto. */
#include "formats/secret.h"
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

int secret_random(uint8_t *out, size_t n, struct err *e)
{
	while (n > 0) {
		ssize_t got = getrandom(out, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			(void)err_errno(e, "getrandom");
			return err_set(e, ERR_INTERNAL, "the system gives no random bytes");
		}
		out += got;
		n -= (size_t)got;
	}
	return ERR_OK;
}

bool secret_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void secret_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}

/* RFC 7914 section 2: N over 1 and a power of two, p * r below 2^30. */
int secret_pbkdf2_sha256(struct span password, struct span salt, uint64_t rounds,
			 uint8_t *out, size_t out_n, struct err *e)
{
	assert(password.n <= INT_MAX && salt.n <= INT_MAX && out_n <= INT_MAX);
	if (rounds == 0)
		return err_set(e, ERR_FORMAT, "pbkdf2: no rounds");
	if (rounds > SECRET_PBKDF2_MAX)
		return err_set(e, ERR_LIMIT, "pbkdf2: more than %u rounds", SECRET_PBKDF2_MAX);
	if (PKCS5_PBKDF2_HMAC((const char *)password.p, (int)password.n, salt.p, (int)salt.n, (int)rounds,
			      EVP_sha256(), (int)out_n, out) != 1)
		return err_set(e, ERR_INTERNAL, "pbkdf2: libcrypto refused");
	return ERR_OK;
}

int secret_aes128_ctr(const uint8_t key[16], const uint8_t iv[16], struct span in, uint8_t *out, struct err *e)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, ok;

	assert(in.n <= INT_MAX);
	ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv) == 1 &&
	     EVP_EncryptUpdate(ctx, out, &n, in.p, (int)in.n) == 1 && (size_t)n == in.n;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? ERR_OK : err_set(e, ERR_INTERNAL, "aes-128-ctr: libcrypto refused");
}

struct hash32 secret_hmac_sha256(struct span key, struct span data)
{
	struct hash32 out;
	unsigned n = sizeof out.b;

	assert(key.n <= INT_MAX);
	/* libcrypto reads a NULL key as "the one from before". */
	if (!HMAC(EVP_sha256(), key.n ? key.p : (const uint8_t *)"", (int)key.n, data.p, data.n, out.b, &n))
		err_no_memory();	/* only memory can be short here, 200 bytes of it */
	return out;
}
