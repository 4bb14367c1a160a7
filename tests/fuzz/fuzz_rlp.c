/* fuzz_rlp.c: whatever decodes has one encoding: writing it again gives the same bytes. Headers are RLP, too. */
#include "base/limits.h"
#include "formats/header.h"
#include "formats/rlp.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span in = SPAN(p, n);
	struct rlp_item item;
	struct header h;
	uint64_t number;

	(void)!rlp_check(in, 16, NULL);
	(void)!header_decode(in, &h, NULL);
	while (rlp_next(&in, &item, NULL) == ERR_OK) {
		struct buf again = BUF_INIT(n + 16);

		if (item.kind == RLP_STRING)
			rlp_put_bytes(&again, item.body);
		else
			rlp_put_list(&again, item.body);
		assert(span_eq(buf_span(&again), item.whole));
		if (rlp_u64(&item, &number, NULL) == ERR_OK) {
			buf_reset(&again);
			rlp_put_u64(&again, number);
			assert(span_eq(buf_span(&again), item.whole));
		}
		buf_free(&again);
	}
	return 0;
}
