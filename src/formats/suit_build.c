/* suit_build.c: making envelopes. Whatever is made is read again by the readers' rules before it is given out. */
#include "formats/suit.h"

#include "base/cleanup.h"
#include "formats/sha256.h"
#include "formats/suit_profile.h"

static struct buf part(void)
{
	return BUF_INIT(MANIFEST_MAX);
}

/* Puts what was built in p as a byte string. */
static void put_part(struct buf *b, struct buf *p)
{
	if (p->failed)
		b->failed = true;
	cbor_put_bytes(b, buf_span(p));
	buf_free(p);
}

static void put_digest(struct buf *b, const struct hash32 *sha256)
{
	struct buf p = part();

	cbor_put_array(&p, 2);
	cbor_put_int(&p, SUIT_SHA256);
	cbor_put_bytes(&p, SPAN_OF(*sha256));
	put_part(b, &p);
}

static void put_condition(struct buf *b, int64_t condition)
{
	cbor_put_int(b, condition);
	cbor_put_uint(b, SUIT_POLICY_ALL);
}

static void put_component(struct buf *b, const struct suit_manifest *m)
{
	cbor_put_array(b, 2);
	cbor_put_bytes(b, span_str(m->vendor));
	cbor_put_bytes(b, span_str(m->model));
}

static void put_shared(struct buf *b, const struct suit_manifest *m)
{
	struct span names[] = { SPAN(m->vendor, strlen(m->vendor)), SPAN(m->model, strlen(m->model)) };
	struct suit_uuid vendor = suit_vendor_uuid(names[0]);
	struct suit_uuid class_ = suit_class_uuid(names[0], names[1]);
	struct buf p = part();

	cbor_put_array(&p, 6);
	cbor_put_int(&p, SUIT_OVERRIDE);
	cbor_put_map(&p, 4);
	cbor_put_int(&p, SUIT_VENDOR_ID);
	cbor_put_bytes(&p, SPAN_OF(vendor));
	cbor_put_int(&p, SUIT_CLASS_ID);
	cbor_put_bytes(&p, SPAN_OF(class_));
	cbor_put_int(&p, SUIT_IMAGE_DIGEST);
	put_digest(&p, &m->image_sha256);
	cbor_put_int(&p, SUIT_IMAGE_SIZE);
	cbor_put_uint(&p, m->image_size);
	put_condition(&p, SUIT_CHECK_VENDOR);
	put_condition(&p, SUIT_CHECK_CLASS);
	put_part(b, &p);
}

static void put_common(struct buf *b, const struct suit_manifest *m)
{
	struct buf p = part();

	cbor_put_map(&p, 2);
	cbor_put_int(&p, SUIT_COMPONENTS);
	cbor_put_array(&p, 1);
	put_component(&p, m);
	cbor_put_int(&p, SUIT_SHARED);
	put_shared(&p, m);
	put_part(b, &p);
}

static void put_validate(struct buf *b)
{
	struct buf p = part();

	cbor_put_array(&p, 2);
	put_condition(&p, SUIT_CHECK_IMAGE);
	put_part(b, &p);
}

static void put_install(struct buf *b, const struct suit_manifest *m)
{
	struct buf p = part(), uri = part();

	buf_fmt(&uri, "ipfs://%s", m->cid);
	cbor_put_array(&p, 6);
	cbor_put_int(&p, SUIT_OVERRIDE);
	cbor_put_map(&p, 1);
	cbor_put_int(&p, SUIT_URI);
	cbor_put_text(&p, buf_span(&uri));
	cbor_put_int(&p, SUIT_FETCH);
	cbor_put_int(&p, SUIT_POLICY_FAILURE);
	put_condition(&p, SUIT_CHECK_IMAGE);
	buf_free(&uri);
	put_part(b, &p);
}

static void put_hardware(struct buf *b, const struct suit_manifest *m)
{
	cbor_put_int(b, SUIT_HARDWARE);
	cbor_put_array(b, m->hardware_n);
	for (size_t i = 0; i < m->hardware_n; i++)
		cbor_put_text(b, span_str(m->hardware[i]));
}

static void put_component_text(struct buf *b, const struct suit_manifest *m)
{
	bool has_channel = strcmp(m->channel, "stable") != 0;

	cbor_put_map(b, 1u + (m->description.n > 0) + has_channel + (m->from_sequence > 0) + (m->hardware_n > 0) +
			m->urgent);
	if (m->description.n > 0) {
		cbor_put_int(b, SUIT_DESCRIPTION);
		cbor_put_text(b, m->description);
	}
	cbor_put_int(b, SUIT_MODEL_VERSION);
	cbor_put_text(b, span_str(m->version));
	if (has_channel) {
		cbor_put_int(b, SUIT_CHANNEL);
		cbor_put_text(b, span_str(m->channel));
	}
	if (m->from_sequence > 0) {
		cbor_put_int(b, SUIT_FROM_SEQUENCE);
		cbor_put_uint(b, m->from_sequence);
	}
	if (m->hardware_n > 0)
		put_hardware(b, m);
	if (m->urgent) {
		cbor_put_int(b, SUIT_URGENT);
		cbor_put_bool(b, true);
	}
}

static void put_text(struct buf *b, const struct suit_manifest *m)
{
	struct buf p = part();

	cbor_put_map(&p, 1);
	cbor_put_text(&p, SPAN_LIT("en"));
	cbor_put_map(&p, 1);
	put_component(&p, m);
	put_component_text(&p, m);
	put_part(b, &p);
}

/* The manifest as a byte string: what the digest is over. */
static void put_manifest(struct buf *b, const struct suit_manifest *m)
{
	struct buf p = part();

	cbor_put_map(&p, 6);
	cbor_put_int(&p, SUIT_VERSION);
	cbor_put_uint(&p, 1);
	cbor_put_int(&p, SUIT_SEQUENCE);
	cbor_put_uint(&p, m->sequence);
	cbor_put_int(&p, SUIT_COMMON);
	put_common(&p, m);
	cbor_put_int(&p, SUIT_VALIDATE);
	put_validate(&p);
	cbor_put_int(&p, SUIT_INSTALL);
	put_install(&p, m);
	cbor_put_int(&p, SUIT_TEXT);
	put_text(&p, m);
	put_part(b, &p);
}

/* The envelope around a wrapper's content and a manifest that has its head already. */
static void put_envelope(struct buf *b, struct buf *wrapper, struct span manifest)
{
	cbor_put_tag(b, SUIT_TAG_ENVELOPE);
	cbor_put_map(b, 2);
	cbor_put_int(b, SUIT_AUTHENTICATION);
	put_part(b, wrapper);
	cbor_put_int(b, SUIT_MANIFEST);
	buf_add(b, manifest);
}

/* Reads what was made and appends it: nothing leaves here that a reader would refuse. */
static int give_out(struct buf *made, struct buf *out, struct err *e)
{
	struct suit_envelope env;
	struct suit_manifest m;
	int rc = buf_ok(made, e);

	if (rc == ERR_OK)
		rc = suit_open_unsigned(buf_span(made), &env, e);
	if (rc == ERR_OK)
		rc = suit_manifest(&env, &m, e);
	if (rc != ERR_OK)
		return rc;
	buf_add(out, buf_span(made));
	return buf_ok(out, e);
}

int suit_build(const struct suit_manifest *m, struct buf *out, struct err *e)
{
	AUTO(buf_free) struct buf manifest = BUF_INIT(MANIFEST_MAX), made = BUF_INIT(MANIFEST_MAX);
	struct buf wrapper = part();
	struct hash32 sha256;

	put_manifest(&manifest, m);
	sha256 = sha256_of(buf_span(&manifest));
	cbor_put_array(&wrapper, 1);
	put_digest(&wrapper, &sha256);
	put_envelope(&made, &wrapper, buf_span(&manifest));
	if (manifest.failed)
		return buf_ok(&manifest, e);
	return give_out(&made, out, e);
}

/* env with the signatures of `more`, in this order. */
static int put_signed(const struct suit_envelope *env, const struct span *more, size_t n, struct buf *out,
		      struct err *e)
{
	AUTO(buf_free) struct buf made = BUF_INIT(MANIFEST_MAX);
	struct buf wrapper = part();

	cbor_put_array(&wrapper, 1 + env->signatures + n);
	cbor_put_bytes(&wrapper, env->digest);
	for (size_t i = 0; i < env->signatures; i++)
		cbor_put_bytes(&wrapper, env->signature[i].bytes);
	for (size_t i = 0; i < n; i++)
		cbor_put_bytes(&wrapper, more[i]);
	put_envelope(&made, &wrapper, env->manifest);
	return give_out(&made, out, e);
}

static bool has_signed(const struct suit_envelope *env, const struct sig_public *key)
{
	for (size_t i = 0; i < env->signatures; i++)
		if (cose_sign1_verify(&env->signature[i], key, env->digest, NULL) == ERR_OK)
			return true;
	return false;
}

int suit_sign(struct span bytes, const struct sig_secret *key, struct buf *out, struct err *e)
{
	AUTO(buf_free) struct buf sign1 = BUF_INIT(256);
	struct suit_envelope env;
	struct span more;
	int rc = suit_open_unsigned(bytes, &env, e);

	if (rc != ERR_OK)
		return rc;
	if (has_signed(&env, &key->pub))
		return err_set(e, ERR_EXISTS, "this key has signed already");
	rc = cose_sign1_put(&sign1, key, true, env.digest, e);
	if (rc != ERR_OK)
		return rc;
	more = buf_span(&sign1);
	return put_signed(&env, &more, 1, out, e);
}

static bool has_element(const struct suit_envelope *env, struct span element)
{
	for (size_t i = 0; i < env->signatures; i++)
		if (span_eq(env->signature[i].bytes, element))
			return true;
	return false;
}

int suit_merge(struct span a, struct span b, struct buf *out, struct err *e)
{
	struct suit_envelope into, from;
	struct span more[SIGNERS_MAX];
	size_t n = 0;
	int rc = suit_open_unsigned(a, &into, e);

	if (rc == ERR_OK)
		rc = suit_open_unsigned(b, &from, e);
	if (rc != ERR_OK)
		return rc;
	if (!span_eq(into.manifest, from.manifest))
		return err_set(e, ERR_RULE, "the envelopes are about different manifests");
	for (size_t i = 0; i < from.signatures; i++)
		if (!has_element(&into, from.signature[i].bytes))
			more[n++] = from.signature[i].bytes;
	return put_signed(&into, more, n, out, e);
}
