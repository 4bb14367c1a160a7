/* secp.c: libsecp256k1 with its recovery module.
 *
 * A context is made for each use of a secret and blinded with fresh random
 * bytes (the library's advice against side channels); recovery needs none. */
#include "formats/secp.h"
#include "base/cleanup.h"
#include "formats/secret.h"

#include <secp256k1.h>
#include <secp256k1_preallocated.h>
#include <secp256k1_recovery.h>

/* In room of ours: the library's own allocation ends the process without memory. */
struct context {
	void *room;
	secp256k1_context *ctx;		/* in it */
};

static void context_free(struct context *c)
{
	if (c->ctx)
		secp256k1_context_preallocated_destroy(c->ctx);
	free(c->room);
}

static int context_init(struct context *c, struct err *e)
{
	uint8_t seed[32];
	int rc = secret_random(seed, sizeof seed, e);

	if (rc)
		return rc;
	c->room = malloc(secp256k1_context_preallocated_size(SECP256K1_CONTEXT_NONE));
	if (!c->room)
		return err_set(e, ERR_MEMORY, "secp256k1: no memory");
	c->ctx = secp256k1_context_preallocated_create(c->room, SECP256K1_CONTEXT_NONE);
	rc = secp256k1_context_randomize(c->ctx, seed) ? ERR_OK : err_set(e, ERR_INTERNAL, "secp256k1: no context");
	secret_wipe(seed, sizeof seed);
	return rc;
}

bool secp_secret_is_valid(const uint8_t secret[32])
{
	return secp256k1_ec_seckey_verify(secp256k1_context_static, secret);
}

static void point_out(const secp256k1_pubkey *key, uint8_t point[64])
{
	uint8_t raw[65];
	size_t n = sizeof raw;

	secp256k1_ec_pubkey_serialize(secp256k1_context_static, raw, &n, key, SECP256K1_EC_UNCOMPRESSED);
	memcpy(point, raw + 1, 64);
}

int secp_public(const uint8_t secret[32], uint8_t point[64], struct err *e)
{
	secp256k1_pubkey key;
	AUTO(context_free) struct context c = { NULL };
	int rc;

	if (!secp_secret_is_valid(secret))
		return err_set(e, ERR_RULE, "a secp256k1 private key is between 1 and the order less 1");
	rc = context_init(&c, e);
	if (rc)
		return rc;
	if (!secp256k1_ec_pubkey_create(c.ctx, &key, secret))
		return err_set(e, ERR_INTERNAL, "secp256k1: no public key");
	point_out(&key, point);
	return ERR_OK;
}

int secp_sign(const uint8_t secret[32], const struct hash32 *digest, struct secp_signature *out, struct err *e)
{
	secp256k1_ecdsa_recoverable_signature sig;
	AUTO(context_free) struct context c = { NULL };
	uint8_t compact[64];
	int rc, recid = 0;

	if (!secp_secret_is_valid(secret))
		return err_set(e, ERR_RULE, "a secp256k1 private key is between 1 and the order less 1");
	rc = context_init(&c, e);
	if (rc)
		return rc;
	if (!secp256k1_ecdsa_sign_recoverable(c.ctx, &sig, digest->b, secret, NULL, NULL))
		return err_set(e, ERR_INTERNAL, "secp256k1: no signature");
	secp256k1_ecdsa_recoverable_signature_serialize_compact(secp256k1_context_static, compact, &recid, &sig);
	/* recid 2 and 3 mean r overflowed the order: nobody has ever seen one. */
	if (recid > 1)
		return err_set(e, ERR_INTERNAL, "secp256k1: r is not below the order");
	memcpy(out->r, compact, 32);
	memcpy(out->s, compact + 32, 32);
	out->y_parity = (uint8_t)recid;
	return ERR_OK;
}

int secp_recover(const struct hash32 *digest, const struct secp_signature *sig, uint8_t point[64], struct err *e)
{
	const secp256k1_context *ctx = secp256k1_context_static;
	secp256k1_ecdsa_recoverable_signature rec;
	secp256k1_ecdsa_signature plain;
	secp256k1_pubkey key;
	uint8_t compact[64];

	memcpy(compact, sig->r, 32);
	memcpy(compact + 32, sig->s, 32);
	if (sig->y_parity > 1)
		return err_set(e, ERR_PROOF, "the signature's y parity is neither 0 nor 1");
	if (!secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &rec, compact, sig->y_parity))
		return err_set(e, ERR_PROOF, "r or s is not below the order");
	secp256k1_ecdsa_recoverable_signature_convert(ctx, &plain, &rec);
	if (secp256k1_ecdsa_signature_normalize(ctx, NULL, &plain))
		return err_set(e, ERR_PROOF, "s is in the upper half of the order");	/* EIP-2 */
	if (!secp256k1_ecdsa_recover(ctx, &key, &rec, digest->b))
		return err_set(e, ERR_PROOF, "no key made this signature");
	point_out(&key, point);
	return ERR_OK;
}
