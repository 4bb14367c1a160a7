/* sig.c: which scheme is meant, and what holds for all of them. */
#include "formats/sig.h"

#include "base/hex.h"
#include "formats/libcrypto.h"
#include "formats/secret.h"
#include "formats/sha256.h"
#include "formats/sig_scheme.h"

#include <assert.h>
#include <inttypes.h>

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

#define KNOWN_TEXT "can this be verified?"

/* Signatures of KNOWN_TEXT, each by a key that was made for it: x, y, r and s. */
static const struct known {
	enum sig_curve curve;
	const char *x, *y, *sig;
} known[SCHEMES] = {
	{ SIG_P256, "3d1ba62f8a18699ab4a06072f0f541f823f7be0ae8a80061cb8e7ffca1a104aa",
	  "3e826e174ee2eaf0ba67e96746d4e1b0ca65beb09f5b5bfc41e57be3b8be35f9",
	  "0025d17c5860e373e6a72cf3ae1aa4cc7253574ebbd0009b94348b3b3f0c66b1"
	  "58f647583e0aabcb2772a22a21b3e1d76f0a3ee9ec908442697bf7a2664347f7" },
	{ SIG_ED25519, "174265a4b6878a80ddb7f0576db4da023f81fb30ec5f128fa50a784009a6dfef",
	  "0000000000000000000000000000000000000000000000000000000000000000",
	  "6d501790c835aa9b2bf7fd78e274d8ba899f4b2f9d002e8be26d9930e117a559"
	  "4fe8f54488a09f148c7dd27196bcaa536ddcf61e693ec63a0d49a9f88faede04" },
	{ SIG_SECP256K1, "0de1119d817dadc261e20132b706cd672cf20eba218930929e44fc27a8756b42",
	  "8280cbea74a78017e517e6837bd06427f88a62775b44947623cb3b865d327715",
	  "d0467486ca553a9cf6d10d0445cee959362c9576097d2b0845a07df80ddb0d6d"
	  "1c8a498f3580d7a63a7a2e1b9c06e0243247e6a549543eb2331f8cef5bc4c0c0" },
};

static bool can_verify_known(const struct known *k)
{
	struct sig_public key = { .curve = k->curve };
	uint8_t sig[SIG_LEN];

	return hex_read(span_str(k->x), key.x, sizeof key.x, NULL) == ERR_OK && hex_read(span_str(k->y), key.y, sizeof key.y, NULL) == ERR_OK &&
	       hex_read(span_str(k->sig), sig, sizeof sig, NULL) == ERR_OK &&
	       verify_once(&key, scheme_of(k->curve)->alg, SPAN_LIT(KNOWN_TEXT), SPAN_OF(sig), NULL) == ERR_OK;
}

static bool can_verify(enum sig_curve curve)
{
	bool can = true;

	for (size_t i = 0; i < SCHEMES; i++)
		if (known[i].curve == curve)
			can = can_verify_known(&known[i]);
	return can;
}

void sig_start(void)
{
	libcrypto_start();
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
