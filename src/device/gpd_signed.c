/* gpd_signed.c: COSE_Sign1 (RFC 9052 section 4.2) over the digest, detached. */
#include "gpd_signed.h"

#define SIGNATURE_LEN 64
#define KID_LEN 8
#define PROTECTED_MAX 8		/* {1: alg} takes 3 to 5 bytes */
#define MESSAGE_MAX 72		/* Sig_structure: 12 + 1 + 8 + 1 + 2 + 36 bytes at the most */

struct sign1 {
	struct gpd_bytes header;	/* protected */
	const uint8_t *signature;	/* NULL: of a length or with headers that never count */
	int32_t alg;
};

static bool fits(int32_t alg, uint8_t curve)
{
	switch (alg) {
	case -7: case -9: return curve == GPD_P256;
	case -8: case -19: return curve == GPD_ED25519;
	case -47: return curve == GPD_SECP256K1;
	default: return false;
	}
}

/* {1: alg} and nothing else; 0 when it is not. */
static int32_t read_alg(struct gpd_bytes header)
{
	struct gpd_walk w = gpd_walk_of(header);
	int32_t alg;

	gpd_expect(&w, GPD_MAP, 1);
	gpd_expect(&w, GPD_UINT, 1);
	alg = gpd_int(&w);
	return gpd_is_end(&w) && header.n <= PROTECTED_MAX ? alg : 0;
}

/* {} or {4: bstr .size 8} */
static bool is_kid_only(struct gpd_bytes header)
{
	struct gpd_walk w = gpd_walk_of(header);
	uint64_t n = gpd_head(&w, GPD_MAP);

	if (n == 1) {
		gpd_expect(&w, GPD_UINT, 4);
		gpd_fixed(&w, KID_LEN);
	}
	return n <= 1 && gpd_is_end(&w);
}

/* False: this is no COSE_Sign1 with a detached payload at all. */
static bool read_sign1(struct gpd_bytes element, struct sign1 *s)
{
	struct gpd_walk w = gpd_walk_of(element);
	struct gpd_bytes unprotected, signature;

	gpd_expect(&w, GPD_TAG, 18);
	gpd_expect(&w, GPD_ARRAY, 4);
	s->header = gpd_string(&w, GPD_BYTES);
	unprotected.p = w.p;
	if (gpd_next_major(&w) != GPD_MAP)
		w.bad = true;
	gpd_skip(&w);
	unprotected.n = (size_t)(w.p - unprotected.p);
	gpd_byte(&w, 0xf6);
	signature = gpd_string(&w, GPD_BYTES);
	if (!gpd_is_end(&w))
		return false;
	s->alg = read_alg(s->header);
	s->signature = signature.n == SIGNATURE_LEN && is_kid_only(unprotected) ? signature.p : NULL;
	return true;
}

static uint8_t *put(uint8_t *p, const void *from, size_t n)
{
	memcpy(p, from, n);
	return p + n;
}

/* ["Signature1", protected, h'', digest] */
static size_t message_of(const struct sign1 *s, struct gpd_bytes digest, uint8_t out[MESSAGE_MAX])
{
	static const uint8_t head[] = "\x84\x6aSignature1";
	uint8_t *p = put(out, head, sizeof head - 1);

	*p++ = (uint8_t)(0x40 | s->header.n);
	p = put(p, s->header.p, s->header.n);
	*p++ = 0x40;
	*p++ = 0x58;
	*p++ = (uint8_t)digest.n;
	return (size_t)(put(p, digest.p, digest.n) - out);
}

/* Half of secp256k1's order: with s above it, whoever sees a signature can make a second one. */
static bool is_high_s(const uint8_t *signature)
{
	static const uint8_t half[32] = {
		0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
	};

	return memcmp(signature + 32, half, sizeof half) > 0;
}

static bool is_good(const struct gpd_config *c, const struct sign1 *s, const struct gpd_key *key,
		    struct gpd_bytes digest)
{
	uint8_t message[MESSAGE_MAX], hash[32];
	size_t n = message_of(s, digest, message);

	if (key->curve == GPD_ED25519)
		return c->port->verify(c->arg, key, message, n, s->signature);
	if (key->curve == GPD_SECP256K1 && is_high_s(s->signature))
		return false;
	c->port->sha256_init(c->sha256_ctx);
	c->port->sha256_add(c->sha256_ctx, message, n);
	c->port->sha256_end(c->sha256_ctx, hash);
	return c->port->verify(c->arg, key, hash, sizeof hash, s->signature);
}

static bool is_same_key(const struct gpd_key *a, const struct gpd_key *b)
{
	return a->curve == b->curve && memcmp(a->x, b->x, sizeof a->x) == 0 &&
	       (a->curve == GPD_ED25519 || memcmp(a->y, b->y, sizeof a->y) == 0);
}

/* A key that is pinned twice is one key: the second place never signs. */
static bool is_repeated(const struct gpd_config *c, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (is_same_key(&c->keys[k], &c->keys[i]))
			return true;
	return false;
}

/* The bit of the key that made the signature, or 0. */
static uint32_t signer_of(const struct gpd_config *c, const struct sign1 *s, struct gpd_bytes digest)
{
	if (!s->signature)
		return 0;
	for (unsigned i = 0; i < c->key_count; i++)
		if (fits(s->alg, c->keys[i].curve) && !is_repeated(c, i) && is_good(c, s, &c->keys[i], digest))
			return UINT32_C(1) << i;
	return 0;
}

enum gpd_result gpd_signed(const struct gpd_config *c, struct gpd_bytes digest, struct gpd_walk *w, unsigned n)
{
	uint32_t who = 0;
	unsigned count = 0;

	while (n-- > 0) {
		struct gpd_bytes element = gpd_string(w, GPD_BYTES);
		struct sign1 s;

		if (w->bad || !read_sign1(element, &s))
			return GPD_MALFORMED;
		who |= signer_of(c, &s, digest);
	}
	if (!gpd_is_end(w))
		return GPD_MALFORMED;
	for (; who; who &= who - 1)
		count++;
	return count >= c->threshold && count > 0 ? GPD_GOOD : GPD_UNSIGNED;
}

bool gpd_key_read(struct gpd_key *key, const uint8_t *cose_key, size_t n)
{
	struct gpd_walk w = gpd_walk_of((struct gpd_bytes){ cose_key, n });
	uint64_t members = gpd_head(&w, GPD_MAP);
	const uint8_t *x, *y = NULL;

	gpd_expect(&w, GPD_UINT, 1);		/* kty: OKP 1, EC2 2 */
	gpd_expect(&w, GPD_UINT, members == 3 ? 1 : 2);
	gpd_expect(&w, GPD_NEGINT, 0);		/* crv */
	key->curve = (uint8_t)gpd_head(&w, GPD_UINT);
	gpd_expect(&w, GPD_NEGINT, 1);
	x = gpd_fixed(&w, 32);
	if (members == 4) {
		gpd_expect(&w, GPD_NEGINT, 2);
		y = gpd_fixed(&w, 32);
	}
	if (!gpd_is_end(&w) || !x || (members == 4) != (y != NULL) ||
	    (y ? key->curve != GPD_P256 && key->curve != GPD_SECP256K1 : key->curve != GPD_ED25519))
		return false;
	memcpy(key->x, x, 32);
	if (y)
		memcpy(key->y, y, 32);
	return true;
}
