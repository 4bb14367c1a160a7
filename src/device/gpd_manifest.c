/* gpd_manifest.c: the shape of a manifest (chapter "Manifest" of docs/manifest.md), expected item by item. */
#include "gpd_manifest.h"

#include "gpd_signed.h"

enum {
	TAG_ENVELOPE = 107,
	AUTHENTICATION = 2, MANIFEST = 3,
	CHECK_VENDOR = 1, CHECK_CLASS = 2, CHECK_IMAGE = 3, OVERRIDE = 20, FETCH = 21,
	POLICY_MAX = 15,
	TEXT_DESCRIPTION = 5, TEXT_VERSION = 6, TEXT_CHANNEL = -256, TEXT_FROM_SEQUENCE = -257, TEXT_HARDWARE = -258, TEXT_URGENT = -259,
};

#define DIGEST_LEN 36	/* 82 2f 58 20 and the SHA-256 */

static void key(struct gpd_walk *w, uint64_t k)
{
	gpd_expect(w, GPD_UINT, k);
}

static struct gpd_walk inside(struct gpd_walk *w)
{
	return gpd_walk_of(gpd_string(w, GPD_BYTES));
}

static void leave(struct gpd_walk *w, const struct gpd_walk *in)
{
	if (!gpd_is_end(in))
		w->bad = true;
}

/* Points to the SHA-256 in an encoded digest of exactly its bytes, or NULL. */
static const uint8_t *sha256_in(struct gpd_bytes digest)
{
	static const uint8_t head[] = { 0x82, 0x2f, 0x58, 0x20 };

	return digest.n == DIGEST_LEN && memcmp(digest.p, head, sizeof head) == 0 ? digest.p + sizeof head : NULL;
}

static void condition(struct gpd_walk *w, uint64_t which)
{
	key(w, which);
	if (gpd_head(w, GPD_UINT) > POLICY_MAX)
		w->bad = true;
}

static bool is_component(const struct gpd_config *c, struct gpd_walk *w)
{
	struct gpd_bytes vendor, model;

	gpd_expect(w, GPD_ARRAY, 2);
	vendor = gpd_string(w, GPD_BYTES);
	model = gpd_string(w, GPD_BYTES);
	return gpd_same(vendor, c->vendor) && gpd_same(model, c->model);
}

static bool is_id(struct gpd_walk *w, const uint8_t id[16])
{
	const uint8_t *is = gpd_fixed(w, 16);

	return is && memcmp(is, id, 16) == 0;
}

static void read_parameters(const struct gpd_config *c, struct gpd_walk *w, struct gpd_manifest *m)
{
	const uint8_t *sha256;

	gpd_expect(w, GPD_MAP, 4);
	key(w, 1);
	if (!is_id(w, c->vendor_id))
		m->is_other_product = true;
	key(w, 2);
	if (!is_id(w, c->class_id))
		m->is_other_product = true;
	key(w, 3);
	sha256 = sha256_in(gpd_string(w, GPD_BYTES));
	if (sha256)
		memcpy(m->digest, sha256, sizeof m->digest);
	else
		w->bad = true;
	key(w, 14);
	m->size = gpd_head(w, GPD_UINT);
}

/* { 2: [[ vendor, model ]], 4: [ 20, { … }, 1, policy, 2, policy ] } */
static void read_common(const struct gpd_config *c, struct gpd_walk *outer, struct gpd_manifest *m)
{
	struct gpd_walk w = inside(outer), shared;

	gpd_expect(&w, GPD_MAP, 2);
	key(&w, 2);
	gpd_expect(&w, GPD_ARRAY, 1);
	if (!is_component(c, &w))
		m->is_other_product = true;
	key(&w, 4);
	shared = inside(&w);
	gpd_expect(&shared, GPD_ARRAY, 6);
	key(&shared, OVERRIDE);
	read_parameters(c, &shared, m);
	condition(&shared, CHECK_VENDOR);
	condition(&shared, CHECK_CLASS);
	leave(&w, &shared);
	leave(outer, &w);
}

static void read_validate(struct gpd_walk *outer)
{
	struct gpd_walk w = inside(outer);

	gpd_expect(&w, GPD_ARRAY, 2);
	condition(&w, CHECK_IMAGE);
	leave(outer, &w);
}

/* [ 20, { 21: "ipfs://CID" }, 21, policy, 3, policy ] */
static void read_install(struct gpd_walk *outer, struct gpd_manifest *m)
{
	static const char scheme[] = "ipfs://";
	size_t n = sizeof scheme - 1;
	struct gpd_walk w = inside(outer);
	struct gpd_bytes uri;

	gpd_expect(&w, GPD_ARRAY, 6);
	key(&w, OVERRIDE);
	gpd_expect(&w, GPD_MAP, 1);
	key(&w, 21);
	uri = gpd_string(&w, GPD_TEXT);
	if (uri.n > n && memcmp(uri.p, scheme, n) == 0)
		m->cid = (struct gpd_bytes){ uri.p + n, uri.n - n };
	else
		w.bad = true;
	condition(&w, FETCH);
	condition(&w, CHECK_IMAGE);
	leave(outer, &w);
}

static void read_hardware(const struct gpd_config *c, struct gpd_walk *w, struct gpd_manifest *m)
{
	uint64_t n = gpd_head(w, GPD_ARRAY);

	m->has_hardware = true;
	while (n-- > 0 && !w->bad)
		if (gpd_same(gpd_string(w, GPD_TEXT), c->hardware ? c->hardware : ""))
			m->fits_hardware = true;
}

static void read_info(const struct gpd_config *c, struct gpd_walk *w, struct gpd_manifest *m)
{
	uint64_t pairs = gpd_head(w, GPD_MAP);
	bool has_version = false;

	while (pairs-- > 0 && !w->bad) {
		switch (gpd_int(w)) {
		case TEXT_VERSION: has_version = true; gpd_string(w, GPD_TEXT); break;
		case TEXT_DESCRIPTION: gpd_string(w, GPD_TEXT); break;
		case TEXT_CHANNEL: m->channel = gpd_string(w, GPD_TEXT); break;
		case TEXT_FROM_SEQUENCE: m->from_sequence = gpd_head(w, GPD_UINT); break;
		case TEXT_HARDWARE: read_hardware(c, w, m); break;
		case TEXT_URGENT: gpd_head(w, GPD_SIMPLE); break;
		default: w->bad = true;
		}
	}
	if (!has_version)
		w->bad = true;
}

/* { "en": { [vendor, model]: { … } }, … } */
static void read_text(const struct gpd_config *c, struct gpd_walk *outer, struct gpd_manifest *m)
{
	struct gpd_walk w = inside(outer);
	uint64_t languages = gpd_head(&w, GPD_MAP);
	bool has_english = false;

	while (languages-- > 0 && !w.bad) {
		if (!gpd_same(gpd_string(&w, GPD_TEXT), "en")) {
			gpd_skip(&w);
			continue;
		}
		has_english = true;
		gpd_expect(&w, GPD_MAP, 1);
		if (!is_component(c, &w))
			m->is_other_product = true;
		read_info(c, &w, m);
	}
	if (!has_english)
		w.bad = true;
	leave(outer, &w);
}

static enum gpd_result read_body(const struct gpd_config *c, struct gpd_bytes body, struct gpd_manifest *m)
{
	struct gpd_walk w = gpd_walk_of(body);

	gpd_expect(&w, GPD_MAP, 6);
	key(&w, 1);
	gpd_expect(&w, GPD_UINT, 1);
	key(&w, 2);
	m->sequence = gpd_head(&w, GPD_UINT);
	key(&w, 3);
	read_common(c, &w, m);
	key(&w, 7);
	read_validate(&w);
	key(&w, 20);
	read_install(&w, m);
	key(&w, 23);
	read_text(c, &w, m);
	if (!gpd_is_end(&w))
		return GPD_MALFORMED;
	return m->is_other_product ? GPD_OTHER_PRODUCT : GPD_GOOD;
}

/* Is digest that of the manifest as it stands in the envelope, head included? */
static bool is_digest_of(const struct gpd_config *c, const uint8_t *sha256, struct gpd_bytes manifest)
{
	uint8_t actual[32];

	c->port->sha256_init(c->sha256_ctx);
	c->port->sha256_add(c->sha256_ctx, manifest.p, manifest.n);
	c->port->sha256_end(c->sha256_ctx, actual);
	return memcmp(actual, sha256, sizeof actual) == 0;
}

/* [ bstr .cbor digest, 1*8 bstr .cbor sign1 ] */
static enum gpd_result check_wrapper(const struct gpd_config *c, struct gpd_bytes wrapper, struct gpd_bytes manifest)
{
	struct gpd_walk w = gpd_walk_of(wrapper);
	uint64_t n = gpd_head(&w, GPD_ARRAY);
	struct gpd_bytes digest = gpd_string(&w, GPD_BYTES);
	const uint8_t *sha256 = sha256_in(digest);

	if (w.bad || !sha256 || n < 2 || n > 9 || !is_digest_of(c, sha256, manifest))
		return GPD_MALFORMED;
	return gpd_signed(c, digest, &w, (unsigned)n - 1);
}

enum gpd_result gpd_manifest_read(const struct gpd_config *c, size_t n, struct gpd_manifest *out)
{
	struct gpd_walk w = gpd_walk_of((struct gpd_bytes){ c->manifest, n });
	struct gpd_bytes wrapper, manifest, body;
	enum gpd_result r;

	memset(out, 0, sizeof *out);
	gpd_expect(&w, GPD_TAG, TAG_ENVELOPE);
	gpd_expect(&w, GPD_MAP, 2);
	key(&w, AUTHENTICATION);
	wrapper = gpd_string(&w, GPD_BYTES);
	key(&w, MANIFEST);
	manifest.p = w.p;
	body = gpd_string(&w, GPD_BYTES);
	if (!gpd_is_end(&w))
		return GPD_MALFORMED;
	manifest.n = (size_t)(w.p - manifest.p);
	r = check_wrapper(c, wrapper, manifest);
	return r != GPD_GOOD ? r : read_body(c, body, out);
}
