/* fuzz_node.c: whatever a publisher's node answers, and whatever a revert holds, is read within bounds and told in one
 * line of UTF-8. */
#include "base/utf8.h"
#include "publish/node.h"
#include "publish/revert.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void read_values(const json_t *v)
{
	struct buf bytes = BUF_INIT(4096);
	struct hash32 hash;
	uint64_t number;

	(void)!node_read_quantity(v, &number, NULL);
	(void)!node_read_hash(v, &hash, NULL);
	(void)!node_read_bytes(v, &bytes, NULL);
	buf_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf text = BUF_INIT(64 * 1024), revert = BUF_INIT(64 * 1024);
	struct err e = { 0 };
	json_t *result = NULL;

	if (node_read_answer(SPAN(p, n), 1, "eth_call", &revert, &result, &e) == ERR_OK)
		read_values(result);
	else
		assert(utf8_is_printable(span_str(e.msg)) || strlen(e.msg) == sizeof e.msg - 1);
	json_decref(result);

	revert_describe(SPAN(p, n), &text);
	assert(utf8_is_printable(buf_span(&text)));
	buf_free(&text);
	buf_free(&revert);
	return 0;
}
