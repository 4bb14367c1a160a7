/* describe.c: see describe.h. */
#include "cli/describe.h"
#include "base/hex.h"

#include <inttypes.h>
#include <stdio.h>

static json_t *text_or_null(struct span s)
{
	return s.n ? json_stringn((const char *)s.p, s.n) : json_null();
}

static json_t *hardware(const struct suit_manifest *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->hardware_n; i++)
		json_array_append_new(list, json_string(m->hardware[i]));
	return list;
}

/* What each signature says of itself; whether it is true is `signed_by`. */
static json_t *signatures(const struct suit_envelope *env)
{
	json_t *list = json_array();

	for (size_t i = 0; i < env->signatures; i++) {
		const struct cose_sign1 *s = &env->signature[i];
		char kid[2 * COSE_KID_LEN + 1] = "-";

		if (s->kid.n == COSE_KID_LEN)
			hex_str(s->kid, kid);
		json_array_append_new(list, json_sprintf("alg %" PRId64 ", kid %s%s%s", s->alg, kid, s->why ? ", does not count: " : "",
							 s->why ? s->why : ""));
	}
	return list;
}

static json_t *signed_by(const struct suit_signers *set, uint32_t who)
{
	json_t *list = json_array();

	for (size_t i = 0; i < set->n; i++) {
		char text[HEX32_MAX];

		if (who & UINT32_C(1) << i)
			json_array_append_new(list, json_string(hex_str(SPAN_OF(set->signer[i].thumbprint), text)));
	}
	return list;
}

json_t *describe_manifest(const struct suit_envelope *env, const struct suit_manifest *m, const struct suit_signers *set,
			  uint32_t who)
{
	char sha256[HEX32_MAX], digest[HEX32_MAX];
	json_t *o = json_pack("{s:s, s:o, s:I, s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:o, s:b}",
		"kind", "manifest",
		"product", json_sprintf("%s/%s", m->vendor, m->model),
		"sequence", (json_int_t)m->sequence,
		"version", m->version,
		"channel", m->channel,
		"description", text_or_null(m->description),
		"cid", m->cid,
		"sha256", hex_str(SPAN_OF(m->image_sha256), sha256),
		"size", (json_int_t)m->image_size,
		"from_sequence", (json_int_t)m->from_sequence,
		"hardware", hardware(m),
		"urgent", m->urgent);

	json_object_set_new(o, "manifest_bytes", json_integer((json_int_t)env->bytes.n));
	json_object_set_new(o, "digest", json_string(hex_str(SPAN_OF(env->sha256), digest)));
	json_object_set_new(o, "signatures", signatures(env));
	if (set->n) {
		json_object_set_new(o, "threshold", json_integer((json_int_t)set->threshold));
		json_object_set_new(o, "signed_by", signed_by(set, who));
	}
	return o;
}
