/* cose_sign1.c: detached COSE_Sign1.
 *
 * Two kinds of oddity are kept apart. What is no COSE_Sign1 at all breaks the
 * envelope; a COSE_Sign1 that says things we do not know is somebody else's
 * signature, which just does not count here. */
#include "formats/cose.h"

#include "base/cleanup.h"
#include "formats/cbor.h"

enum { TAG_SIGN1 = 18, HEADER_ALG = 1, HEADER_CRIT = 2, HEADER_KID = 4 };

static void discount(struct cose_sign1 *s, const char *why)
{
	if (s->counts)
		s->why = why;
	s->counts = false;
}

static bool is_int(enum cbor_kind kind)
{
	return kind == CBOR_UINT || kind == CBOR_NEGINT;
}

/* The next item as a number, when it is one of 32 bits: larger ones name nothing that we know. Else 0. */
static int64_t number(struct cbor *c)
{
	enum cbor_kind kind = cbor_peek(c);
	struct cbor item = cbor_of(cbor_skip(c));

	return is_int(kind) && cur_left(&item.at) <= 5 ? cbor_int(&item) : 0;
}

/* "protected = {1: alg}": an alg that is not under the signature could be swapped, crit asks for what we do not
 * know (RFC 9052 section 3.1), and so would any other label. */
static void read_protected_map(struct cbor *c, struct cose_sign1 *s)
{
	struct cbor_map m = cbor_map(c);

	while (cbor_map_next(c, &m)) {
		int64_t label = number(c);

		if (label == HEADER_ALG) {
			s->alg = number(c);
			continue;
		}
		cbor_skip(c);
		discount(s, label == HEADER_CRIT ? "it has crit" : "its protected header has other labels than alg");
	}
}

static int read_protected(struct cose_sign1 *s, struct err *e)
{
	struct cbor c = cbor_of(s->protected_);
	int rc;

	if (s->protected_.n == 0)	/* how COSE writes an empty map there */
		return ERR_OK;
	if (cbor_peek(&c) == CBOR_MAP) {
		read_protected_map(&c, s);
	} else {
		cbor_skip(&c);
		discount(s, "its protected header is not a map");
	}
	rc = cbor_done(&c, e);
	if (rc != ERR_OK)
		err_wrap(e, "protected header");
	return rc;
}

static void read_kid(struct cbor *c, struct cose_sign1 *s)
{
	if (cbor_peek(c) == CBOR_BYTES)
		s->kid = cbor_bytes(c);
	else
		cbor_skip(c);
	if (s->kid.n != COSE_KID_LEN)
		discount(s, "its kid is not 8 bytes");
}

static void read_unprotected(struct cbor *c, struct cose_sign1 *s)
{
	struct cbor_map m = cbor_map(c);

	while (cbor_map_next(c, &m)) {
		int64_t label = number(c);

		if (label == HEADER_KID) {
			read_kid(c, s);
			continue;
		}
		cbor_skip(c);
		discount(s, label == HEADER_ALG ? "its algorithm is unprotected" :
			    "its unprotected header has other labels than kid");
	}
}

static void read_payload(struct cbor *c)
{
	if (!cbor_is_null(c))
		cbor_refuse(c, ERR_FORMAT, "its payload is not nil");
	cbor_null(c);
}

int cose_sign1_read(struct span bytes, struct cose_sign1 *out, struct err *e)
{
	struct cose_sign1 s = { .bytes = bytes, .counts = true };
	struct cbor c = cbor_of(bytes);
	int rc;

	if (cbor_peek(&c) != CBOR_TAG || cbor_tag(&c) != TAG_SIGN1)
		cbor_refuse(&c, ERR_FORMAT, "not a COSE_Sign1 (tag 18)");
	cbor_array_of(&c, 4, "COSE_Sign1");
	s.protected_ = cbor_bytes(&c);
	read_unprotected(&c, &s);
	read_payload(&c);
	s.signature = cbor_bytes(&c);
	rc = cbor_done(&c, e);
	if (rc == ERR_OK)
		rc = read_protected(&s, e);
	if (rc != ERR_OK)
		return rc;
	if (s.alg == 0)
		discount(&s, "it names no algorithm that we know");
	if (s.signature.n != SIG_LEN)
		discount(&s, "its length is not 64 bytes");
	*out = s;
	return ERR_OK;
}

/* RFC 9052 section 4.4: ["Signature1", body_protected, external_aad, payload]. */
static int to_be_signed(struct buf *b, struct span protected_, struct span payload, struct err *e)
{
	cbor_put_array(b, 4);
	cbor_put_text(b, SPAN_LIT("Signature1"));
	cbor_put_bytes(b, protected_);
	cbor_put_bytes(b, SPAN(NULL, 0));
	cbor_put_bytes(b, payload);
	return buf_ok(b, e);
}

int cose_sign1_verify(const struct cose_sign1 *s, const struct sig_public *key, struct span payload, struct err *e)
{
	AUTO(buf_free) struct buf tbs = BUF_INIT(2 * MANIFEST_MAX);
	int rc;

	if (!s->counts)
		return err_set(e, ERR_RULE, "%s", s->why);
	rc = to_be_signed(&tbs, s->protected_, payload, e);
	if (rc == ERR_MEMORY)
		err_no_memory();	/* that is no word on the signature, and would be taken for one */
	return rc == ERR_OK ? sig_verify(key, s->alg, buf_span(&tbs), s->signature, e) : rc;
}

static void put_unprotected(struct buf *b, const struct sig_public *key, bool with_kid)
{
	struct hash32 thumbprint = cose_key_thumbprint(key);

	cbor_put_map(b, with_kid ? 1 : 0);
	if (!with_kid)
		return;
	cbor_put_int(b, HEADER_KID);
	cbor_put_bytes(b, SPAN(thumbprint.b, COSE_KID_LEN));
}

int cose_sign1_put(struct buf *b, const struct sig_secret *key, bool with_kid, struct span payload, struct err *e)
{
	AUTO(buf_free) struct buf header = BUF_INIT(16), tbs = BUF_INIT(2 * MANIFEST_MAX);
	uint8_t sig[SIG_LEN];
	int rc;

	cbor_put_map(&header, 1);
	cbor_put_int(&header, HEADER_ALG);
	cbor_put_int(&header, sig_alg_of(key->pub.curve));
	rc = buf_ok(&header, e);
	if (rc == ERR_OK)
		rc = to_be_signed(&tbs, buf_span(&header), payload, e);
	if (rc == ERR_OK)
		rc = sig_sign(key, buf_span(&tbs), sig, e);
	if (rc != ERR_OK)
		return rc;
	cbor_put_tag(b, TAG_SIGN1);
	cbor_put_array(b, 4);
	cbor_put_bytes(b, buf_span(&header));
	put_unprotected(b, &key->pub, with_kid);
	cbor_put_null(b);
	cbor_put_bytes(b, SPAN_OF(sig));
	return buf_ok(b, e);
}
