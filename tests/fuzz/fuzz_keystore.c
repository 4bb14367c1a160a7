/* fuzz_keystore.c: keystore files from anywhere. The key derivations are the target's own: theirs take seconds by
 * design, and have their own tests. */
#include "formats/secret.h"
#include "publish/keystore.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int __wrap_secret_scrypt(struct span password, struct span salt, uint64_t n, uint32_t r, uint32_t p, uint8_t *out,
			 size_t out_n, struct err *e);
int __wrap_secret_pbkdf2_sha256(struct span password, struct span salt, uint64_t rounds, uint8_t *out, size_t out_n,
				struct err *e);

int __wrap_secret_scrypt(struct span password, struct span salt, uint64_t n, uint32_t r, uint32_t p, uint8_t *out,
			 size_t out_n, struct err *e)
{
	(void)password, (void)n, (void)r, (void)p, (void)e;
	assert(salt.n >= 1 && salt.n <= KEYSTORE_SALT_MAX);
	memset(out, salt.p[0], out_n);
	return ERR_OK;
}

int __wrap_secret_pbkdf2_sha256(struct span password, struct span salt, uint64_t rounds, uint8_t *out, size_t out_n,
				struct err *e)
{
	assert(rounds > 0);
	(void)rounds;
	return __wrap_secret_scrypt(password, salt, 2, 1, 1, out, out_n, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t secret[32] = { 0 };
	struct err e = { 0 };

	if (keystore_open(SPAN(p, n), SPAN_LIT("password"), secret, &e) != ERR_OK)
		assert(secret[0] == 0 && e.msg[0]);
	return 0;
}
