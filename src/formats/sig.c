/* sig.c: which scheme is meant, and what holds for all of them. */
#include "formats/sig.h"

#include "formats/secret.h"
#include "formats/sha256.h"
#include "formats/sig_scheme.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

static const struct sig_scheme *const schemes[] = { &sig_p256, &sig_ed25519, &sig_secp256k1 };
#define SCHEMES (sizeof schemes / sizeof *schemes)

static const struct sig_scheme *scheme_of(enum sig_curve curve)
{
	for (size_t i = 0; i < SCHEMES; i++)
		if (schemes[i]->curve == curve)
			return schemes[i];
	return NULL;
}

bool sig_alg_fits(int64_t alg, enum sig_curve curve)
{
	const struct sig_scheme *s = scheme_of(curve);

	return s && (alg == s->alg || alg == s->alias);
}

enum sig_alg sig_alg_of(enum sig_curve curve)
{
	const struct sig_scheme *s = scheme_of(curve);

	assert(s);
	return s->alg;
}

const char *sig_curve_name(enum sig_curve curve)
{
	const struct sig_scheme *s = scheme_of(curve);

	return s ? s->name : "unknown";
}

int sig_curve_read(struct span name, enum sig_curve *out, struct err *e)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		if (span_is(name, schemes[i]->name)) {
			*out = schemes[i]->curve;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_USAGE, "the type of a signing key is es256, ed25519 or es256k");
}

bool sig_public_eq(const struct sig_public *a, const struct sig_public *b)
{
	return a->curve == b->curve && memcmp(a->x, b->x, sizeof a->x) == 0 && memcmp(a->y, b->y, sizeof a->y) == 0;
}

int sig_public_check(const struct sig_public *key, struct err *e)
{
	const struct sig_scheme *s = scheme_of(key->curve);

	if (s && s->check(key, NULL) == ERR_OK)
		return ERR_OK;
	return s ? s->check(key, e) : err_set(e, ERR_RULE, "curve %d is not supported", (int)key->curve);
}

/* Before a verifier that takes any key for a good one. */
static int check_first(const struct sig_public *key, struct err *e)
{
	const struct sig_scheme *s = scheme_of(key->curve);

	return s && s->verify_checks ? ERR_OK : sig_public_check(key, e);
}

static int verify_once(const struct sig_public *key, int64_t alg, struct span msg, struct span sig, struct err *e)
{
	struct hash32 digest;
	int rc = check_first(key, e);

	if (rc != ERR_OK)
		return rc;
	if (!sig_alg_fits(alg, key->curve))
		return err_set(e, ERR_RULE, "algorithm %" PRId64 " is not for a key of type %s", alg,
			       sig_curve_name(key->curve));
	if (sig.n != SIG_LEN)
		return err_set(e, ERR_RULE, "a signature has %zu bytes, not %d", sig.n, SIG_LEN);
	if (!scheme_of(key->curve)->verify_digest)
		return scheme_of(key->curve)->verify(key, msg, sig.p, e);
	digest = sha256_of(msg);
	return scheme_of(key->curve)->verify_digest(key, &digest, sig.p, e);
}

static int verify_digest_once(const struct sig_public *key, const struct hash32 *digest, struct span sig, struct err *e)
{
	int rc = check_first(key, e);

	if (rc != ERR_OK)
		return rc;
	if (sig.n != SIG_LEN)
		return err_set(e, ERR_RULE, "a signature has %zu bytes, not %d", sig.n, SIG_LEN);
	if (!scheme_of(key->curve)->verify_digest)
		return err_set(e, ERR_RULE, "a key of type %s signs no digests", sig_curve_name(key->curve));
	return scheme_of(key->curve)->verify_digest(key, digest, sig.p, e);
}

/* A signature that is known to be good. */
static bool can_verify(enum sig_curve curve)
{
	const struct sig_scheme *s = scheme_of(curve);
	const uint8_t d[32] = { 17, 4, 2 };
	struct sig_secret key;
	uint8_t sig[SIG_LEN];

	return !s || (sig_secret_from(curve, d, &key, NULL) == ERR_OK && s->sign(&key, SPAN_OF(d), sig, NULL) == ERR_OK &&
		      verify_once(&key.pub, s->alg, SPAN_OF(d), SPAN_OF(sig), NULL) == ERR_OK);
}

/* It says yes when a part of it could not start, and leaves a note of that. */
static bool libcrypto_starts(void)
{
	ERR_clear_error();
	return OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) == 1 && ERR_peek_error() == 0;
}

void sig_start(void)
{
	if (!libcrypto_starts())
		err_no_memory();
	for (size_t i = 0; i < SCHEMES; i++)
		if (!can_verify(schemes[i]->curve))
			err_no_memory();
}

/* The libraries say the same "no" to a bad signature, for want of memory, and when they could not start. A verdict lasts, so
 * a refused one is looked at again; and who can verify nothing has to start anew. */
int sig_verify(const struct sig_public *key, int64_t alg, struct span msg, struct span sig, struct err *e)
{
	int rc = verify_once(key, alg, msg, sig, NULL);

	if (rc)
		rc = verify_once(key, alg, msg, sig, e);
	if (rc && !can_verify(key->curve))
		err_no_memory();
	return rc;
}

int sig_verify_digest(const struct sig_public *key, const struct hash32 *digest, struct span sig, struct err *e)
{
	int rc = verify_digest_once(key, digest, sig, NULL);

	if (rc)
		rc = verify_digest_once(key, digest, sig, e);
	if (rc && !can_verify(key->curve))
		err_no_memory();
	return rc;
}

int sig_sign(const struct sig_secret *key, struct span msg, uint8_t sig[SIG_LEN], struct err *e)
{
	const struct sig_scheme *s = scheme_of(key->pub.curve);

	assert(s);
	return s->sign(key, msg, sig, e);
}

int sig_secret_from(enum sig_curve curve, const uint8_t d[32], struct sig_secret *out, struct err *e)
{
	const struct sig_scheme *s = scheme_of(curve);
	struct sig_public pub = { .curve = curve };
	int rc;

	assert(s);
	rc = s->derive(d, &pub, e);
	if (rc != ERR_OK)
		return rc;
	out->pub = pub;
	memcpy(out->d, d, sizeof out->d);
	return ERR_OK;
}

int sig_secret_make(enum sig_curve curve, struct sig_secret *out, struct err *e)
{
	uint8_t d[32];
	int rc;

	/* A random scalar is out of range once in 2^32 times (P-256) or never (secp256k1). */
	do {
		rc = secret_random(d, sizeof d, e);
		if (rc == ERR_OK)
			rc = sig_secret_from(curve, d, out, e);
	} while (rc == ERR_RULE);
	secret_wipe(d, sizeof d);
	return rc;
}

void sig_secret_wipe(struct sig_secret *key)
{
	secret_wipe(key, sizeof *key);
}
