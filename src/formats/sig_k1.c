/* sig_k1.c: ES256K (RFC 8812) through libsecp256k1. */
#include "formats/secp.h"
#include "formats/sha256.h"
#include "formats/sig_scheme.h"

#include <secp256k1.h>

static int parse(const struct sig_public *key, secp256k1_pubkey *out, struct err *e)
{
	uint8_t raw[65] = { 4 };

	memcpy(raw + 1, key->x, 32);
	memcpy(raw + 33, key->y, 32);
	if (!secp256k1_ec_pubkey_parse(secp256k1_context_static, out, raw, sizeof raw))
		return err_set(e, ERR_RULE, "the point is not on secp256k1");
	return ERR_OK;
}

static int k1_check(const struct sig_public *key, struct err *e)
{
	secp256k1_pubkey unused;

	return parse(key, &unused, e);
}

static int k1_derive(const uint8_t d[32], struct sig_public *out, struct err *e)
{
	uint8_t point[64];
	int rc = secp_public(d, point, e);

	if (rc != ERR_OK)
		return rc;
	memcpy(out->x, point, 32);
	memcpy(out->y, point + 32, 32);
	return ERR_OK;
}

static int k1_sign(const struct sig_secret *key, struct span msg, uint8_t sig[SIG_LEN], struct err *e)
{
	struct hash32 digest = sha256_of(msg);
	struct secp_signature s;
	int rc = secp_sign(key->d, &digest, &s, e);

	if (rc != ERR_OK)
		return rc;
	memcpy(sig, s.r, 32);
	memcpy(sig + 32, s.s, 32);
	return ERR_OK;
}

static int k1_verify(const struct sig_public *key, const struct hash32 *digest, const uint8_t sig[SIG_LEN],
		     struct err *e)
{
	const secp256k1_context *ctx = secp256k1_context_static;
	secp256k1_ecdsa_signature parsed;
	secp256k1_pubkey pub;
	int rc = parse(key, &pub, e);

	if (rc != ERR_OK)
		return rc;
	if (!secp256k1_ecdsa_signature_parse_compact(ctx, &parsed, sig))
		return err_set(e, ERR_PROOF, "r or s is not below the order");
	/* The library's verifier refuses it as well; here it gets its name. */
	if (secp256k1_ecdsa_signature_normalize(ctx, NULL, &parsed))
		return err_set(e, ERR_RULE, "s is in the upper half of the order");
	if (!secp256k1_ecdsa_verify(ctx, &parsed, digest->b, &pub))
		return err_set(e, ERR_PROOF, "the signature does not fit");
	return ERR_OK;
}

const struct sig_scheme sig_secp256k1 = {
	.curve = SIG_SECP256K1, .alg = SIG_ES256K, .alias = SIG_ES256K, .name = "es256k",
	.check = k1_check, .derive = k1_derive, .sign = k1_sign, .verify_checks = true, .verify_digest = k1_verify,
};
