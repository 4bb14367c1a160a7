/* fuzz_suit.c: envelopes, and manifests without one.
 *
 * A fuzzer does not find a SHA-256, so the first byte chooses: 0, the rest is an
 * envelope; else the rest is a manifest's content, taken as if it had been
 * signed. */
#include "base/cleanup.h"
#include "base/utf8.h"
#include "formats/suit.h"

#undef NDEBUG	/* a target speaks by aborting, in every build */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct suit_manifest *m)
{
	assert(m->vendor[0] && m->model[0] && m->version[0] && m->channel[0] && m->cid[0]);
	assert(strlen(m->version) <= VERSION_MAX && utf8_is_printable(span_str(m->version)));
	assert(utf8_is_printable(m->description));
	assert(m->image_size >= 1 && m->image_size <= IMAGE_MAX);
	assert(m->from_sequence == 0 || m->from_sequence < m->sequence);
	assert(m->hardware_n <= HARDWARE_MAX);
}

/* What was read can be built, and reads as the same again. */
static void rebuild(const struct suit_manifest *m)
{
	AUTO(buf_free) struct buf b = BUF_INIT(MANIFEST_MAX);
	struct suit_envelope env;
	struct suit_manifest again;
	int rc = suit_build(m, &b, NULL);

	assert(rc == ERR_OK || rc == ERR_LIMIT);
	if (rc != ERR_OK)
		return;
	assert(suit_open_unsigned(buf_span(&b), &env, NULL) == ERR_OK && suit_manifest(&env, &again, NULL) == ERR_OK);
	assert(again.sequence == m->sequence && strcmp(again.cid, m->cid) == 0 && strcmp(again.version, m->version) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct suit_signers set = { .threshold = 1 };
	struct suit_envelope env = { 0 };
	struct suit_manifest m;

	if (n == 0 || n > MANIFEST_MAX)
		return 0;
	if (data[0] == 0) {
		if (suit_open_unsigned(SPAN(data + 1, n - 1), &env, NULL) != ERR_OK)
			return 0;
		assert(suit_verify(&env, &set, NULL, NULL) == ERR_PROOF);
	} else {
		env.body = SPAN(data + 1, n - 1);
	}
	if (suit_manifest(&env, &m, NULL) == ERR_OK) {
		check(&m);
		rebuild(&m);
	}
	return 0;
}
