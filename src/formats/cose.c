/* cose.c: COSE_Key. */
#include "formats/cose.h"

#include "formats/cbor.h"
#include "formats/sha256.h"

#include <inttypes.h>

/* Labels and values of the IANA COSE registries. */
enum { KEY_KTY = 1, KEY_CRV = -1, KEY_X = -2, KEY_Y = -3, KTY_OKP = 1, KTY_EC2 = 2 };

static bool is_okp(enum sig_curve curve)
{
	return curve == SIG_ED25519;
}

static void read_coordinate(struct cbor *c, const char *which, uint8_t out[32])
{
	struct span s;

	/* RFC 9053 section 7.1.1 lets y be a sign bit; registered keys may not. */
	if (cbor_peek(c) != CBOR_BYTES)
		cbor_refuse(c, ERR_FORMAT, "COSE_Key: %s is not a byte string", which);
	s = cbor_bytes(c);
	if (s.n == 32)
		memcpy(out, s.p, 32);
	else
		cbor_refuse(c, ERR_FORMAT, "COSE_Key: %s has %zu bytes, not 32", which, s.n);
}

static bool is_known_curve(int64_t kty, int64_t crv)
{
	return (kty == KTY_OKP && crv == SIG_ED25519) ||
	       (kty == KTY_EC2 && (crv == SIG_P256 || crv == SIG_SECP256K1));
}

static void check_members(struct cbor *c, unsigned seen, int64_t kty, int64_t crv)
{
	unsigned all = kty == KTY_OKP ? 7 : 15;

	if (seen != all)
		cbor_refuse(c, ERR_FORMAT, "COSE_Key: its members are not exactly kty, crv, x%s",
			    kty == KTY_OKP ? "" : " and y");
	else if (!is_known_curve(kty, crv))
		cbor_refuse(c, ERR_RULE, "COSE_Key: kty %" PRId64 " with crv %" PRId64 " is not supported", kty, crv);
}

int cose_key_read(struct span bytes, struct sig_public *out, struct err *e)
{
	struct cbor c = cbor_of(bytes);
	struct cbor_map m = cbor_map(&c);
	struct sig_public key = { 0 };
	int64_t label, kty = 0, crv = 0;
	unsigned seen = 0;
	int rc;

	while (cbor_map_int(&c, &m, &label)) {
		switch (label) {
		case KEY_KTY: kty = cbor_int(&c); seen |= 1; break;
		case KEY_CRV: crv = cbor_int(&c); seen |= 2; break;
		case KEY_X: read_coordinate(&c, "x", key.x); seen |= 4; break;
		case KEY_Y: read_coordinate(&c, "y", key.y); seen |= 8; break;
		default: cbor_refuse(&c, ERR_FORMAT, "COSE_Key: member %" PRId64 " is more than names the key", label);
		}
	}
	check_members(&c, seen, kty, crv);
	rc = cbor_done(&c, e);
	if (rc != ERR_OK)
		return rc;
	key.curve = (enum sig_curve)crv;
	rc = sig_public_check(&key, e);
	if (rc == ERR_OK)
		*out = key;
	return rc;
}

void cose_key_put(struct buf *b, const struct sig_public *key)
{
	cbor_put_map(b, is_okp(key->curve) ? 3 : 4);
	cbor_put_int(b, KEY_KTY);
	cbor_put_int(b, is_okp(key->curve) ? KTY_OKP : KTY_EC2);
	cbor_put_int(b, KEY_CRV);
	cbor_put_int(b, key->curve);
	cbor_put_int(b, KEY_X);
	cbor_put_bytes(b, SPAN_OF(key->x));
	if (is_okp(key->curve))
		return;
	cbor_put_int(b, KEY_Y);
	cbor_put_bytes(b, SPAN_OF(key->y));
}

struct hash32 cose_key_thumbprint(const struct sig_public *key)
{
	struct buf b = BUF_INIT(COSE_KEY_MAX);
	struct hash32 out;

	cose_key_put(&b, key);
	if (b.failed)
		err_no_memory();	/* it fits; half of it would be another key's name */
	out = sha256_of(buf_span(&b));
	buf_free(&b);
	return out;
}
