/* fuzz_entry.c: log records. The first byte picks the event, then come the topics after the product, then the data. What
 * decodes as bytes and lists lies within the data. */
#include "chain/entry.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void inside(struct span part, struct span whole)
{
	assert(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct record r = { .topics_n = 2 };
	struct entry e;
	uint64_t prev;
	size_t at = 1;

	if (n < 1)
		return 0;
	r.topics[0] = entry_topic((enum entry_kind)(p[0] % ENTRY_KINDS));
	for (unsigned more = p[0] / ENTRY_KINDS % 3; more && n - at >= 32; more--, at += 32)
		memcpy(r.topics[r.topics_n++].b, p + at, 32);
	r.data = SPAN(p + at, n - at);
	(void)!record_prev_block(&r, &prev, NULL);
	if (entry_decode(&r, &e, NULL))
		return 0;
	if (e.kind == ENTRY_REGISTERED)
		inside(e.registered.name, r.data);
	if (e.kind == ENTRY_RELEASE)
		inside(e.release.manifest, r.data);
	for (size_t i = 0; e.kind == ENTRY_SIGNERS && i < e.signers.n; i++)
		inside(e.signers.keys[i], r.data);
	return 0;
}
