/* suit.c: taking an envelope apart, and counting who signed it. */
#include "formats/suit.h"

#include "formats/cbor.h"
#include "formats/sha256.h"
#include "formats/suit_profile.h"

#include <inttypes.h>

static int read_digest(struct span bytes, struct hash32 *out, struct err *e)
{
	struct cbor c = cbor_of(bytes);
	int rc;

	suit_read_digest(&c, out);
	rc = cbor_done(&c, e);
	if (rc != ERR_OK)
		err_wrap(e, "digest");
	return rc;
}

static int add_signature(struct suit_envelope *env, struct span bytes, struct err *e)
{
	int rc;

	if (env->signatures == SIGNERS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d signatures", SIGNERS_MAX);
	rc = cose_sign1_read(bytes, &env->signature[env->signatures], e);
	if (rc == ERR_OK)
		env->signatures++;
	else
		err_wrap(e, "signature %zu", env->signatures + 1);
	return rc;
}

/* authentication wrapper = [ bstr .cbor digest, 1*8 bstr .cbor sign1 ] */
static int read_wrapper(struct suit_envelope *env, struct span wrapper, struct err *e)
{
	struct cbor c = cbor_of(wrapper);
	struct cbor_array a = cbor_array(&c);
	int rc = ERR_OK;

	if (!cbor_array_next(&c, &a))
		cbor_refuse(&c, ERR_FORMAT, "there is no digest");
	env->digest = cbor_bytes(&c);
	while (rc == ERR_OK && cbor_array_next(&c, &a)) {
		struct span element = cbor_bytes(&c);

		if (cbor_ok(&c, NULL) == ERR_OK)
			rc = add_signature(env, element, e);
	}
	if (rc == ERR_OK)
		rc = cbor_done(&c, e);
	if (rc == ERR_OK)
		rc = read_digest(env->digest, &env->sha256, e);
	if (rc != ERR_OK)
		err_wrap(e, "authentication wrapper");
	return rc;
}

static struct span read_manifest(struct cbor *c, struct suit_envelope *env)
{
	const uint8_t *head = c->at.p;

	env->body = cbor_bytes(c);
	return SPAN(head, (size_t)(c->at.p - head));
}

/* envelope = #6.107({ 2: bstr, 3: bstr }) */
static int read_members(struct suit_envelope *env, struct span *wrapper, struct err *e)
{
	struct cbor c = cbor_of(env->bytes);
	struct cbor_map m;

	if (cbor_peek(&c) != CBOR_TAG || cbor_tag(&c) != SUIT_TAG_ENVELOPE)
		cbor_refuse(&c, ERR_FORMAT, "not a SUIT envelope (tag 107)");
	m = cbor_map(&c);
	while (cbor_map_next(&c, &m)) {
		int64_t key = 0;

		if (cbor_peek(&c) == CBOR_TEXT)
			cbor_refuse(&c, ERR_RULE, "integrated payloads are not allowed");
		key = cbor_int(&c);
		if (key == SUIT_AUTHENTICATION)
			*wrapper = cbor_bytes(&c);
		else if (key == SUIT_MANIFEST)
			env->manifest = read_manifest(&c, env);
		else
			cbor_refuse(&c, ERR_RULE, "envelope member %" PRId64 " (severed or unknown) is not allowed", key);
	}
	if (!wrapper->p)
		cbor_refuse(&c, ERR_FORMAT, "the envelope has no authentication wrapper");
	if (!env->manifest.p)
		cbor_refuse(&c, ERR_FORMAT, "the envelope has no manifest");
	return cbor_done(&c, e);
}

int suit_open_unsigned(struct span bytes, struct suit_envelope *out, struct err *e)
{
	struct suit_envelope env = { .bytes = bytes };
	struct span wrapper = { 0 };
	struct hash32 actual;
	int rc;

	if (bytes.n > MANIFEST_MAX)
		return err_set(e, ERR_LIMIT, "the envelope has %zu bytes, more than %d", bytes.n, MANIFEST_MAX);
	rc = read_members(&env, &wrapper, e);
	if (rc == ERR_OK)
		rc = read_wrapper(&env, wrapper, e);
	if (rc != ERR_OK)
		return rc;
	actual = sha256_of(env.manifest);
	if (!hash32_eq(&actual, &env.sha256))
		return err_set(e, ERR_PROOF, "the digest is not the manifest's");
	*out = env;
	return ERR_OK;
}

int suit_open(struct span bytes, struct suit_envelope *out, struct err *e)
{
	struct suit_envelope env;
	int rc = suit_open_unsigned(bytes, &env, e);

	if (rc != ERR_OK)
		return rc;
	if (env.signatures == 0)
		return err_set(e, ERR_RULE, "the envelope has no signature");
	*out = env;
	return ERR_OK;
}

int suit_signers_add(struct suit_signers *set, struct span cose_key, struct err *e)
{
	struct suit_signer s = { 0 };

	if (set->n == SIGNERS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d signers", SIGNERS_MAX);
	s.is_usable = cose_key.n <= COSE_KEY_MAX && cose_key_read(cose_key, &s.key, NULL) == ERR_OK;
	s.thumbprint = sha256_of(cose_key);	/* RFC 9679 hashes just these bytes */
	set->signer[set->n++] = s;
	return ERR_OK;
}

static bool is_repeated(const struct suit_signers *set, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (hash32_eq(&set->signer[k].thumbprint, &set->signer[i].thumbprint))
			return true;
	return false;
}

/* Which signer made this signature? SIGNERS_MAX when none did; why says what the last fitting one found. */
static size_t signer_of(const struct cose_sign1 *s, struct span payload, const struct suit_signers *set,
			struct err *why)
{
	for (size_t i = 0; i < set->n; i++) {
		if (!set->signer[i].is_usable || is_repeated(set, i))
			continue;
		/* The kid is a hint that may be wrong, and a set is small: every signer of the right type is tried. */
		if (s->counts && !sig_alg_fits(s->alg, set->signer[i].key.curve))
			continue;
		if (cose_sign1_verify(s, &set->signer[i].key, payload, why) == ERR_OK)
			return i;
	}
	return SIGNERS_MAX;
}

/* why keeps the reason of the first signature that did not count. */
static uint32_t who_signed(const struct suit_envelope *env, const struct suit_signers *set, struct err *why)
{
	uint32_t who = 0;

	for (size_t k = 0; k < env->signatures; k++) {
		struct err reason = { .msg = "no signer has a key for its algorithm" };
		size_t i = signer_of(&env->signature[k], env->digest, set, &reason);

		if (i < SIGNERS_MAX && !(who & UINT32_C(1) << i))
			who |= UINT32_C(1) << i;
		else if (why->msg[0] == '\0')
			err_set(why, ERR_PROOF, "signature %zu does not count: %s", k + 1,
				i < SIGNERS_MAX ? "its key has signed before" : reason.msg);
	}
	return who;
}

uint32_t suit_who_signed(const struct suit_envelope *env, const struct suit_signers *set)
{
	struct err unused = { 0 };

	return who_signed(env, set, &unused);
}

int suit_verify(const struct suit_envelope *env, const struct suit_signers *set, uint32_t *who, struct err *e)
{
	struct err why = { 0 };
	uint32_t signers = who_signed(env, set, &why);
	unsigned n = (unsigned)__builtin_popcount(signers);

	if (who)
		*who = signers;
	/* A threshold of 0 is nobody's wish: the contract refuses it, and so does this. */
	if (n >= set->threshold && n > 0)
		return ERR_OK;
	return err_set(e, ERR_PROOF, "signed by %u of the %u keys that are needed%s%s", n, set->threshold,
		       why.msg[0] ? "; " : "", why.msg);
}

int suit_read(struct span bytes, const struct suit_signers *set, struct suit_envelope *env,
	      struct suit_manifest *out, uint32_t *who, struct err *e)
{
	struct suit_envelope opened;
	int rc = suit_open(bytes, &opened, e);

	if (rc == ERR_OK)
		rc = suit_verify(&opened, set, who, e);
	if (rc == ERR_OK)
		rc = suit_manifest(&opened, out, e);
	if (rc == ERR_OK && env)
		*env = opened;
	return rc;
}
