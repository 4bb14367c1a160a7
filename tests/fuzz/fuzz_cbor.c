/* fuzz_cbor.c: whatever the reader takes has one encoding: written again, it is the same bytes. */
#include "base/cleanup.h"
#include "formats/cbor.h"

#undef NDEBUG	/* a target speaks by aborting, in every build */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void copy(struct cbor *c, struct buf *out);

static void copy_array(struct cbor *c, struct buf *out)
{
	struct cbor_array a = cbor_array(c);

	cbor_put_array(out, a.left);
	while (cbor_array_next(c, &a))
		copy(c, out);
}

static void copy_map(struct cbor *c, struct buf *out)
{
	struct cbor_map m = cbor_map(c);

	cbor_put_map(out, m.left);
	while (cbor_map_next(c, &m)) {
		copy(c, out);
		copy(c, out);
	}
}

static void copy_int(struct cbor *c, struct buf *out)
{
	struct cbor probe = *c;
	int64_t v = cbor_int(&probe);

	if (cbor_ok(&probe, NULL) == ERR_OK) {
		cbor_put_int(out, v);
		*c = probe;
	} else {
		buf_add(out, cbor_skip(c));	/* over 63 bits */
	}
}

/* Goes as deep as the input, which cbor_skip() has limited before. */
static void copy(struct cbor *c, struct buf *out)
{
	switch (cbor_peek(c)) {
	case CBOR_UINT:
	case CBOR_NEGINT: copy_int(c, out); break;
	case CBOR_BYTES: cbor_put_bytes(out, cbor_bytes(c)); break;
	case CBOR_TEXT: cbor_put_text(out, cbor_text(c)); break;
	case CBOR_ARRAY: copy_array(c, out); break;
	case CBOR_MAP: copy_map(c, out); break;
	case CBOR_TAG: cbor_put_tag(out, cbor_tag(c)); copy(c, out); break;
	default: buf_add(out, cbor_skip(c));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(buf_free) struct buf out = BUF_INIT(1 << 20);
	struct cbor c = cbor_of(SPAN(data, n)), lenient = cbor_lenient(SPAN(data, n));
	struct err e = { 0 };

	cbor_skip(&lenient);
	cbor_skip(&c);
	if (cbor_done(&c, &e) != ERR_OK) {
		assert(e.code != ERR_OK && e.msg[0]);
		return 0;
	}
	assert(cbor_done(&lenient, NULL) == ERR_OK);	/* takes all that the strict one takes */
	c = cbor_of(SPAN(data, n));
	copy(&c, &out);
	assert(cbor_done(&c, NULL) == ERR_OK);
	assert(span_eq(buf_span(&out), SPAN(data, n)));
	return 0;
}
