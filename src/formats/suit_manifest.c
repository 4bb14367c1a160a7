/* suit_manifest.c: what a signed manifest says. One function a rule of the CDDL in docs/manifest.md.
 *
 * All members are mandatory but those of `text`; so each map ends with the
 * question whether all were there. Anything else than the CDDL is refused:
 * devices have small interpreters, and what one would skip another would do. */
#include "formats/suit.h"

#include "base/utf8.h"
#include "formats/cid.h"
#include "formats/suit_profile.h"

#include <inttypes.h>

/* What the texts and parameters are compared with while reading on. */
struct reading {
	struct suit_manifest m;
	struct span vendor, model;
};

static struct cbor inside(struct cbor *c, const char *what)
{
	enum cbor_kind kind = cbor_peek(c);

	if (kind == CBOR_ARRAY)
		cbor_refuse(c, ERR_RULE, "%s is severed", what);
	return cbor_of(cbor_bytes(c));
}

/* The end of a byte string's content: c goes on only if in was right throughout. */
static void leave(struct cbor *c, struct cbor *in, const char *what)
{
	struct err e = { 0 };

	if (cbor_ok(c, NULL) != ERR_OK)
		return;
	if (cbor_done(in, &e) != ERR_OK)
		cbor_refuse(c, e.code, "%s: %.120s", what, e.msg);
}

static void need_all(struct cbor *c, unsigned seen, unsigned all, const char *what)
{
	if (seen != all)
		cbor_refuse(c, ERR_FORMAT, "%s lacks a member", what);
}

void suit_read_digest(struct cbor *c, struct hash32 *out)
{
	struct span s;

	cbor_array_of(c, 2, "digest");
	if (cbor_int(c) != SUIT_SHA256)
		cbor_refuse(c, ERR_RULE, "the digest is not SHA-256");
	s = cbor_bytes(c);
	if (s.n == sizeof out->b)
		memcpy(out->b, s.p, s.n);
	else
		cbor_refuse(c, ERR_FORMAT, "a SHA-256 digest has %zu bytes", s.n);
}

/* --- names and texts --- */

static bool is_of(struct span s, size_t max, const char *more)
{
	if (s.n == 0 || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char ch = (char)s.p[i];

		if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || (ch && strchr(more, ch))))
			return false;
	}
	return true;
}

static bool is_name_part(struct span s)
{
	return is_of(s, NAME_PART_MAX, "._-") && !strchr("._-", s.p[0]);
}

/* out has room for s and a NUL: the caller has checked the length. */
static void copy_text(char *out, struct span s)
{
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

static void read_name_part(struct cbor *c, const char *what, struct span *where, char *out)
{
	*where = cbor_bytes(c);
	if (is_name_part(*where))
		copy_text(out, *where);
	else
		cbor_refuse(c, ERR_RULE, "the component's %s is not [a-z0-9][a-z0-9._-]{0,31}", what);
}

static void read_channel(struct cbor *c, struct suit_manifest *m)
{
	struct span s = cbor_text(c);

	if (is_of(s, CHANNEL_MAX, "-"))
		copy_text(m->channel, s);
	else
		cbor_refuse(c, ERR_RULE, "channel is not 1 to %d of [a-z0-9-]", CHANNEL_MAX);
}

static void read_version(struct cbor *c, struct suit_manifest *m)
{
	struct span s = cbor_text(c);

	if (s.n == 0 || s.n > VERSION_MAX)
		cbor_refuse(c, ERR_RULE, "version is not 1 to %d bytes", VERSION_MAX);
	else if (!utf8_is_printable(s))
		cbor_refuse(c, ERR_RULE, "version has a control character");
	else
		copy_text(m->version, s);
}

static void read_description(struct cbor *c, struct suit_manifest *m)
{
	m->description = cbor_text(c);
	if (!utf8_is_printable(m->description))
		cbor_refuse(c, ERR_RULE, "description has a control character");
}

static void read_hardware(struct cbor *c, struct suit_manifest *m)
{
	struct cbor_array a = cbor_array(c);

	if (a.left == 0)
		cbor_refuse(c, ERR_RULE, "hardware is an empty list");
	if (a.left > HARDWARE_MAX)
		cbor_refuse(c, ERR_LIMIT, "more than %d hardware names", HARDWARE_MAX);
	while (cbor_array_next(c, &a)) {
		struct span s = cbor_text(c);

		if (is_of(s, HARDWARE_NAME_MAX, "._-"))
			copy_text(m->hardware[m->hardware_n++], s);
		else
			cbor_refuse(c, ERR_RULE, "a hardware name is not 1 to %d of [a-z0-9._-]", HARDWARE_NAME_MAX);
	}
}

static void read_from_sequence(struct cbor *c, struct suit_manifest *m)
{
	m->from_sequence = cbor_uint(c);
	if (m->from_sequence >= m->sequence)
		cbor_refuse(c, ERR_RULE, "from-sequence is not below the sequence");
}

/* text = { ? 5: description, 6: version, ? -256: channel, ? -257: from-sequence, ? -258: [ + hardware ], ? -259: urgent } */
static void read_component_text(struct cbor *c, struct suit_manifest *m)
{
	struct cbor_map map = cbor_map(c);
	int64_t key;

	while (cbor_map_int(c, &map, &key)) {
		switch (key) {
		case SUIT_DESCRIPTION: read_description(c, m); break;
		case SUIT_MODEL_VERSION: read_version(c, m); break;
		case SUIT_CHANNEL: read_channel(c, m); break;
		case SUIT_FROM_SEQUENCE: read_from_sequence(c, m); break;
		case SUIT_HARDWARE: read_hardware(c, m); break;
		case SUIT_URGENT: m->urgent = cbor_bool(c); break;
		default: cbor_refuse(c, ERR_RULE, "text member %" PRId64 " is not allowed", key);
		}
	}
	if (m->version[0] == '\0')
		cbor_refuse(c, ERR_FORMAT, "the text has no version");
}

/* "en": { [vendor, model]: text } */
static void read_english(struct cbor *c, struct reading *r)
{
	struct cbor_map map = cbor_map(c);

	if (map.left != 1)
		cbor_refuse(c, ERR_FORMAT, "the text is not about exactly one component");
	while (cbor_map_next(c, &map)) {
		struct span vendor, model;

		cbor_array_of(c, 2, "the text's component");
		vendor = cbor_bytes(c);
		model = cbor_bytes(c);
		if (!span_eq(vendor, r->vendor) || !span_eq(model, r->model))
			cbor_refuse(c, ERR_RULE, "the text is about another component");
		read_component_text(c, &r->m);
	}
}

static void read_text(struct cbor *c, struct reading *r)
{
	struct cbor in = inside(c, "text");
	struct cbor_map map = cbor_map(&in);
	bool has_english = false;
	struct span language;

	while (cbor_map_text(&in, &map, &language)) {
		if (span_is(language, "en")) {
			has_english = true;
			read_english(&in, r);
		} else {
			cbor_skip(&in);
		}
	}
	if (!has_english)
		cbor_refuse(&in, ERR_FORMAT, "there is no text in \"en\"");
	leave(c, &in, "text");
}

/* --- command sequences --- */

static void read_command(struct cbor *c, int64_t command)
{
	int64_t is = cbor_int(c);

	if (is != command)
		cbor_refuse(c, ERR_RULE, "command %" PRId64 " is not allowed here", is);
}

static void read_policy(struct cbor *c)
{
	if (cbor_uint(c) > SUIT_POLICY_MAX)
		cbor_refuse(c, ERR_RULE, "a reporting policy is over %d", SUIT_POLICY_MAX);
}

static void read_condition(struct cbor *c, int64_t condition)
{
	read_command(c, condition);
	read_policy(c);
}

/* The end of a sequence of n items. A command too many is named: that tells a publisher more than a count. */
static void leave_sequence(struct cbor *c, struct cbor_array a, uint64_t n)
{
	if (a.left > n && cbor_ok(c, NULL) == ERR_OK)
		cbor_refuse(c, ERR_RULE, "command %" PRId64 " is not allowed here", cbor_int(c));
	if (a.left < n)
		cbor_refuse(c, ERR_FORMAT, "a command sequence ends early");
}

static void read_uuid(struct cbor *c, const char *what, struct suit_uuid expected)
{
	if (!span_eq(cbor_bytes(c), SPAN_OF(expected)))
		cbor_refuse(c, ERR_RULE, "the %s UUID is not the component's", what);
}

static void read_image_digest(struct cbor *c, struct suit_manifest *m)
{
	struct cbor in = inside(c, "image digest");

	suit_read_digest(&in, &m->image_sha256);
	leave(c, &in, "image digest");
}

static void read_image_size(struct cbor *c, struct suit_manifest *m)
{
	m->image_size = cbor_uint(c);
	if (m->image_size == 0 || m->image_size > IMAGE_MAX)
		cbor_refuse(c, ERR_RULE, "the image size is not between 1 and 4 GiB - 1");
}

static void read_parameters(struct cbor *c, struct reading *r)
{
	struct cbor_map map = cbor_map(c);
	unsigned seen = 0;
	int64_t key;

	while (cbor_map_int(c, &map, &key)) {
		switch (key) {
		case SUIT_VENDOR_ID: read_uuid(c, "vendor", suit_vendor_uuid(r->vendor)); seen |= 1; break;
		case SUIT_CLASS_ID: read_uuid(c, "class", suit_class_uuid(r->vendor, r->model)); seen |= 2; break;
		case SUIT_IMAGE_DIGEST: read_image_digest(c, &r->m); seen |= 4; break;
		case SUIT_IMAGE_SIZE: read_image_size(c, &r->m); seen |= 8; break;
		default: cbor_refuse(c, ERR_RULE, "parameter %" PRId64 " is not allowed here", key);
		}
	}
	need_all(c, seen, 15, "the set of parameters");
}

/* [ 20, { … }, 1, policy, 2, policy ] */
static void read_shared(struct cbor *c, struct reading *r)
{
	struct cbor in = inside(c, "shared sequence");
	struct cbor_array a = cbor_array(&in);

	read_command(&in, SUIT_OVERRIDE);
	read_parameters(&in, r);
	read_condition(&in, SUIT_CHECK_VENDOR);
	read_condition(&in, SUIT_CHECK_CLASS);
	leave_sequence(&in, a, 6);
	leave(c, &in, "shared sequence");
}

/* [ 3, policy ] */
static void read_validate(struct cbor *c)
{
	struct cbor in = inside(c, "validate");
	struct cbor_array a = cbor_array(&in);

	read_condition(&in, SUIT_CHECK_IMAGE);
	leave_sequence(&in, a, 2);
	leave(c, &in, "validate");
}

static void check_uri(struct cbor *c, struct span uri, struct suit_manifest *m)
{
	struct span scheme = SPAN_LIT("ipfs://"), text = span_cut(uri, scheme.n, uri.n);
	struct err why = { 0 };
	struct cid cid;

	if (!span_eq(span_cut(uri, 0, scheme.n), scheme) || text.n >= CID_TEXT_MAX)
		cbor_refuse(c, ERR_RULE, "the URI is not exactly ipfs://CID");
	else if (cid_read_text(text, &cid, &why) != ERR_OK)
		cbor_refuse(c, ERR_RULE, "the URI is not exactly ipfs://CID: %.100s", why.msg);
	else
		copy_text(m->cid, text);
}

static void read_uri(struct cbor *c, struct suit_manifest *m)
{
	struct cbor_map map = cbor_map(c);
	struct span uri = { 0 };
	int64_t key;

	while (cbor_map_int(c, &map, &key)) {
		if (key != SUIT_URI)
			cbor_refuse(c, ERR_RULE, "parameter %" PRId64 " is not allowed here", key);
		uri = cbor_text(c);
	}
	check_uri(c, uri, m);
}

/* [ 20, { 21: uri }, 21, policy, 3, policy ] */
static void read_install(struct cbor *c, struct suit_manifest *m)
{
	struct cbor in = inside(c, "install");
	struct cbor_array a = cbor_array(&in);

	read_command(&in, SUIT_OVERRIDE);
	read_uri(&in, m);
	read_condition(&in, SUIT_FETCH);
	read_condition(&in, SUIT_CHECK_IMAGE);
	leave_sequence(&in, a, 6);
	leave(c, &in, "install");
}

/* --- the whole --- */

/* [[ bstr vendor, bstr model ]] */
static void read_components(struct cbor *c, struct reading *r)
{
	struct cbor_array a = cbor_array(c);

	if (a.left != 1)
		cbor_refuse(c, ERR_RULE, "%" PRIu64 " components where exactly one belongs", a.left);
	cbor_array_of(c, 2, "component");
	read_name_part(c, "vendor", &r->vendor, r->m.vendor);
	read_name_part(c, "model", &r->model, r->m.model);
}

static void read_common(struct cbor *c, struct reading *r)
{
	struct cbor in = inside(c, "common");
	struct cbor_map map = cbor_map(&in);
	unsigned seen = 0;
	int64_t key;

	while (cbor_map_int(&in, &map, &key)) {
		switch (key) {
		case SUIT_COMPONENTS: read_components(&in, r); seen |= 1; break;
		case SUIT_SHARED: need_all(&in, seen, 1, "it"); read_shared(&in, r); seen |= 2; break;
		default: cbor_refuse(&in, ERR_RULE, "member %" PRId64 " is not allowed", key);
		}
	}
	need_all(&in, seen, 3, "it");
	leave(c, &in, "common");
}

static void read_format_version(struct cbor *c)
{
	if (cbor_uint(c) != 1)
		cbor_refuse(c, ERR_RULE, "the manifest's format version is not 1");
}

static int read_body(struct cbor *c, struct reading *r, struct err *e)
{
	struct cbor_map map = cbor_map(c);
	unsigned seen = 0;
	int64_t key;

	while (cbor_map_int(c, &map, &key)) {
		switch (key) {
		case SUIT_VERSION: read_format_version(c); seen |= 1; break;
		case SUIT_SEQUENCE: r->m.sequence = cbor_uint(c); seen |= 2; break;
		case SUIT_COMMON: read_common(c, r); seen |= 4; break;
		case SUIT_VALIDATE: read_validate(c); seen |= 8; break;
		case SUIT_INSTALL: read_install(c, &r->m); seen |= 16; break;
		case SUIT_TEXT: need_all(c, seen, 31, "it"); read_text(c, r); seen |= 32; break;
		default: cbor_refuse(c, ERR_RULE, "member %" PRId64 " is not allowed", key);
		}
	}
	need_all(c, seen, 63, "it");
	return cbor_done(c, e);
}

int suit_manifest(const struct suit_envelope *env, struct suit_manifest *out, struct err *e)
{
	struct reading r = { .m = { .channel = "stable" } };
	struct cbor c = cbor_of(env->body);
	int rc = read_body(&c, &r, e);

	if (rc == ERR_OK)
		*out = r.m;
	else
		err_wrap(e, "manifest");
	return rc;
}

bool suit_fits_hardware(const struct suit_manifest *m, struct span name)
{
	for (size_t i = 0; i < m->hardware_n; i++)
		if (span_is(name, m->hardware[i]))
			return true;
	return m->hardware_n == 0;
}
