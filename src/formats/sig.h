/* sig.h: the three signature schemes that a release may be signed with, by their COSE numbers.
 *
 *	ES256 (-7), ESP256 (-9)     ECDSA, P-256, SHA-256       RFC 9053, RFC 9864
 *	EdDSA (-8), Ed25519 (-19)   Ed25519                     RFC 9053, RFC 9864
 *	ES256K (-47)                ECDSA, secp256k1, SHA-256   RFC 8812
 *
 * Keys and signatures are the fixed-size numbers of COSE: 32-byte coordinates,
 * 64-byte signatures (r then s). P-256 and Ed25519 go through libcrypto,
 * secp256k1 through libsecp256k1. */
#ifndef FORMATS_SIG_H
#define FORMATS_SIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define SIG_LEN 64
#define SIG_PEM_MAX 4096	/* a private key file; ours are 119 to 240 bytes */

/* COSE elliptic curves (IANA). */
enum sig_curve { SIG_P256 = 1, SIG_ED25519 = 6, SIG_SECP256K1 = 8 };

/* COSE algorithms (IANA). */
enum sig_alg { SIG_ES256 = -7, SIG_EDDSA = -8, SIG_ESP256 = -9, SIG_ED25519_ALG = -19, SIG_ES256K = -47 };

struct sig_public {
	enum sig_curve curve;
	uint8_t x[32];
	uint8_t y[32];		/* zeros for Ed25519 */
};

/* Wipe with sig_secret_wipe. */
struct sig_secret {
	struct sig_public pub;
	uint8_t d[32];		/* the scalar; for Ed25519 the seed */
};

/* Before anything else that uses libcrypto, curl above all, which does not look whether it could start: loads what the schemes need and
 * tries each of them. Without memory the process ends (err_no_memory): libcrypto, half started, stays so and crashes later. */
void sig_start(void);

/* May alg be used with a key on this curve? Unknown algorithms: never. */
bool sig_alg_fits(int64_t alg, enum sig_curve curve);
/* The algorithm that our tools write for a curve: -7, -8 or -47. */
enum sig_alg sig_alg_of(enum sig_curve curve);
/* "es256", "ed25519", "es256k", as `gatepost keygen --type` takes them. */
const char *sig_curve_name(enum sig_curve curve);
MUST_USE int sig_curve_read(struct span name, enum sig_curve *out, struct err *e);

bool sig_public_eq(const struct sig_public *a, const struct sig_public *b);

/* Is the key one that a holder of its secret could have? ERR_RULE: the point is not on its curve, is
 * not encoded in its one way, or (Ed25519) lies in the small subgroup, where anyone can sign. */
MUST_USE int sig_public_check(const struct sig_public *key, struct err *e);

/* Is sig a signature of msg by key, made with alg? ERR_PROOF: no; ERR_RULE: alg unknown or of another kind of
 * key, the key fails sig_public_check, a length is wrong, or ES256K with a high s (P-256 allows both). */
MUST_USE int sig_verify(const struct sig_public *key, int64_t alg, struct span msg, struct span sig, struct err *e);

/* The same over a message's SHA-256 instead of the message, for the two ECDSA schemes. ERR_RULE for Ed25519, which
 * has no such form. */
MUST_USE int sig_verify_digest(const struct sig_public *key, const struct hash32 *digest, struct span sig,
			       struct err *e);

MUST_USE int sig_sign(const struct sig_secret *key, struct span msg, uint8_t sig[SIG_LEN], struct err *e);

/* A new key from the system's random generator. */
MUST_USE int sig_secret_make(enum sig_curve curve, struct sig_secret *out, struct err *e);
/* The key for a given scalar or seed. ERR_RULE when it is no key. */
MUST_USE int sig_secret_from(enum sig_curve curve, const uint8_t d[32], struct sig_secret *out, struct err *e);
/* From PEM: PKCS#8 "PRIVATE KEY", or SEC1 "EC PRIVATE KEY". Encrypted files are ERR_RULE. */
MUST_USE int sig_secret_read_pem(struct span pem, struct sig_secret *out, struct err *e);
/* Appends PKCS#8 PEM. */
MUST_USE int sig_secret_write_pem(const struct sig_secret *key, struct buf *out, struct err *e);
void sig_secret_wipe(struct sig_secret *key);

#endif
