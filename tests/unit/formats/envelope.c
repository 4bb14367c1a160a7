/* envelope.c: the parts of a good envelope, and the expansion of templates. */
#include "envelope.h"

#include "base/cleanup.h"
#include "formats/cbor.h"
#include "formats/cose.h"
#include "formats/sha256.h"
#include "hexes.h"

/* UUIDs by Python's uuid.uuid5; the CID is that of the raw block "abc". */
static const struct part parts[] = {
	{ "envelope", "d86b a2 02 <wrapper> 03 <manifest>" },
	{ "wrapper", "82 <digest> <sig.p1>" },
	{ "digest", "82 2f 5820 #manifest" },
	{ "sig.p1", "d2 84 <prot.p> a0 f6 5840 %p1:prot.p" },
	{ "sig.p2", "d2 84 <prot.p> a0 f6 5840 %p2:prot.p" },
	{ "sig.p3", "d2 84 <prot.p> a0 f6 5840 %p3:prot.p" },
	{ "sig.e1", "d2 84 <prot.e> a0 f6 5840 %e1:prot.e" },
	{ "sig.e2", "d2 84 <prot.e> a0 f6 5840 %e2:prot.e" },
	{ "sig.k1", "d2 84 <prot.k> a0 f6 5840 %k1:prot.k" },
	{ "sig.k2", "d2 84 <prot.k> a0 f6 5840 %k2:prot.k" },
	{ "prot.p", "a1 01 26" },
	{ "prot.e", "a1 01 27" },
	{ "prot.k", "a1 01 382e" },
	{ "manifest", "a6 01 01 02 @sequence 03 <common> 07 <validate> 14 <install> 17 <text>" },
	{ "sequence", "07" },
	{ "common", "a2 02 @components 04 <shared>" },
	{ "components", "81 @component" },
	{ "component", "82 44 'acme' 4a 'thermostat'" },
	{ "shared", "86 14 @parameters 01 0f 02 0f" },
	{ "parameters", "a4 01 50 @vendor-id 02 50 @class-id 03 <image-digest> 0e @size" },
	{ "vendor-id", "383943379aff503ab737e711338283d4" },
	{ "class-id", "8d78abc71b4d5927bbd2447c9161f2e4" },
	{ "image-digest", "82 2f 5820 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "size", "03" },
	{ "validate", "82 03 0f" },
	{ "install", "86 14 @source 15 02 03 0f" },
	{ "source", "a1 15 `ipfs://bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu`" },
	{ "text", "a1 `en` @en" },
	{ "en", "a1 @component @info" },
	{ "info", "a1 06 `1.4.2`" },
};

static const struct { const char *name; enum sig_curve curve; } key_names[] = {
	{ "p1", SIG_P256 }, { "p2", SIG_P256 }, { "p3", SIG_P256 }, { "e1", SIG_ED25519 }, { "e2", SIG_ED25519 },
	{ "k1", SIG_SECP256K1 }, { "k2", SIG_SECP256K1 },
};

const struct sig_secret *envelope_key(const char *name, size_t n)
{
	static struct sig_secret made[sizeof key_names / sizeof *key_names];

	for (size_t i = 0; i < sizeof key_names / sizeof *key_names; i++) {
		if (!span_is(SPAN(name, n), key_names[i].name))
			continue;
		uint8_t d[32] = { 0x11, (uint8_t)i };

		if (made[i].pub.curve == 0)
			ck_assert_int_eq(sig_secret_from(key_names[i].curve, d, &made[i], NULL), ERR_OK);
		return &made[i];
	}
	ck_abort_msg("no key %.*s", (int)n, name);
}

static const char *find(const struct part *replaced, struct span name)
{
	for (size_t i = 0; replaced && i < PARTS_MAX && replaced[i].name; i++)
		if (span_is(name, replaced[i].name))
			return replaced[i].text;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (span_is(name, parts[i].name))
			return parts[i].text;
	ck_abort_msg("no part %.*s", (int)name.n, (const char *)name.p);
}

static void put_wrapped(const struct part *replaced, struct span name, struct buf *out)
{
	AUTO(buf_free) struct buf inner = BUF_INIT(16384);

	envelope_expand(replaced, find(replaced, name), &inner);
	cbor_put_bytes(out, buf_span(&inner));
}

static void put_sha256(const struct part *replaced, struct span name, struct buf *out)
{
	AUTO(buf_free) struct buf inner = BUF_INIT(16384);
	struct hash32 h;

	put_wrapped(replaced, name, &inner);
	h = sha256_of(buf_span(&inner));
	buf_add(out, SPAN_OF(h));
}

/* s becomes the order less s. */
static void other_s(uint8_t s[32])
{
	struct span order = hexes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
	int borrow = 0;

	for (size_t i = 32; i-- > 0;) {
		int d = order.p[i] - s[i] - borrow;

		borrow = d < 0;
		s[i] = (uint8_t)(d & 0xff);
	}
}

/* RFC 9052 section 4.4, written out here once more, so that the code under test is not its own judge. */
static void put_signature(const struct part *replaced, struct span token, struct buf *out)
{
	AUTO(buf_free) struct buf tbs = BUF_INIT(16384);
	bool flip = token.p[0] == '~';
	struct span key = span_cut(token, flip, 2), header = span_cut(token, flip + 3u, token.n);
	uint8_t sig[SIG_LEN];

	envelope_expand(replaced, "84 `Signature1`", &tbs);
	put_wrapped(replaced, header, &tbs);
	envelope_expand(replaced, "40 <digest>", &tbs);
	ck_assert_int_eq(sig_sign(envelope_key((const char *)key.p, 2), buf_span(&tbs), sig, NULL), ERR_OK);
	if (flip)
		other_s(sig + 32);
	buf_add(out, SPAN_OF(sig));
}

static void put_kid(const struct sig_public *key, struct buf *out)
{
	struct hash32 h = cose_key_thumbprint(key);

	buf_add(out, SPAN(h.b, COSE_KID_LEN));
}

static void put_hex(struct span token, struct buf *out)
{
	char hex[256] = "";

	ck_assert_uint_lt(token.n, sizeof hex);
	memcpy(hex, token.p, token.n);
	buf_add(out, hexes(hex));
}

static void put_token(const struct part *replaced, struct span t, struct buf *out)
{
	struct span rest = span_cut(t, 1, t.n), inner = span_cut(t, 1, t.n - 2);

	switch (t.p[0]) {
	case '\'': buf_add(out, inner); break;
	case '`': cbor_put_text(out, inner); break;
	case '@': envelope_expand(replaced, find(replaced, rest), out); break;
	case '<': put_wrapped(replaced, inner, out); break;
	case '#': put_sha256(replaced, rest, out); break;
	case '%': put_signature(replaced, rest, out); break;
	case '!': cose_key_put(out, &envelope_key((const char *)rest.p, rest.n)->pub); break;
	case '^': put_kid(&envelope_key((const char *)rest.p, rest.n)->pub, out); break;
	default: put_hex(t, out);
	}
}

void envelope_expand(const struct part *replaced, const char *text, struct buf *out)
{
	while (*(text += strspn(text, " "))) {
		size_t n = *text == '`' || *text == '\'' ? 2 + strcspn(text + 1, *text == '`' ? "`" : "'")
							 : strcspn(text, " ");

		put_token(replaced, SPAN(text, n), out);
		text += n;
	}
	ck_assert(!out->failed);
}

struct span envelope_of(const struct part *replaced)
{
	static uint8_t *exact;
	AUTO(buf_free) struct buf b = BUF_INIT(16384);

	envelope_expand(replaced, "@envelope", &b);
	free(exact);
	exact = malloc(b.n);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, b.p, b.n);
	return SPAN(exact, b.n);
}
