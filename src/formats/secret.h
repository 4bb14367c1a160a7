/* secret.h: what handling secrets takes: random bytes, comparing and wiping, and the functions of
 * a Web3 Secret Storage (keystore v3) file.
 *
 * Lengths are the caller's to get right (asserted); only what depends on
 * outside parameters can fail. */
#ifndef FORMATS_SECRET_H
#define FORMATS_SECRET_H

#include "base/err.h"
#include "base/span.h"

/* Fills out with n bytes from the operating system's generator. ERR_INTERNAL when it has none. */
MUST_USE int secret_random(uint8_t *out, size_t n, struct err *e);

/* Equal? The time taken depends on the lengths only. */
bool secret_eq(struct span a, struct span b);

/* Overwrites p in a way that the compiler keeps. */
void secret_wipe(void *p, size_t n);

/* scrypt (RFC 7914). n is a power of two over 1; memory use is 128 * n * r bytes.
 * ERR_LIMIT above SECRET_SCRYPT_MEMORY_MAX, ERR_FORMAT for parameters that make
 * no sense. RFC 7914's n < 2^(16 r) is not enforced: keystores beyond it exist. */
#define SECRET_SCRYPT_MEMORY_MAX (512ul * 1024 * 1024)	/* twice what geth's standard keystore takes */
MUST_USE int secret_scrypt(struct span password, struct span salt, uint64_t n, uint32_t r, uint32_t p,
			   uint8_t *out, size_t out_n, struct err *e);

/* PBKDF2 with HMAC-SHA-256 (RFC 8018). ERR_LIMIT above SECRET_PBKDF2_MAX rounds, ERR_FORMAT for 0. */
#define SECRET_PBKDF2_MAX 10000000u
MUST_USE int secret_pbkdf2_sha256(struct span password, struct span salt, uint64_t rounds,
				  uint8_t *out, size_t out_n, struct err *e);

/* AES-128 in counter mode (NIST SP 800-38A), both directions; out may be in.p. */
MUST_USE int secret_aes128_ctr(const uint8_t key[16], const uint8_t iv[16], struct span in, uint8_t *out,
			       struct err *e);

/* HMAC-SHA-256 (RFC 2104). */
struct hash32 secret_hmac_sha256(struct span key, struct span data);

#endif
