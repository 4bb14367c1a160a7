/* fuzz_http_reply.c: header lines of any shape give values within them, and waits within their bounds; URLs show no more than their host. */
#include "base/buf.h"
#include "net/address.h"
#include "net/http.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const names[] = { "retry-after", "content-type", "x-stream-error", "" };
	struct http_reply r = { .lines = SPAN(p, n) };
	struct buf text = BUF_INIT(n + 1);
	char shown[HTTP_REDACTED_MAX];

	for (size_t i = 0; i < 4; i++) {
		struct span v = http_field(&r, names[i]);

		assert(v.n == 0 || (v.p >= p && v.p + v.n <= p + n));
	}
	assert(http_retry_after_ms(&r, 1) >= 0 && http_retry_after_ms(&r, 1) <= RETRY_AFTER_MAX_MS);
	buf_add(&text, SPAN(p, n));
	buf_byte(&text, 0);
	assert(strlen(http_redact((const char *)text.p, shown)) < sizeof shown);
	(void)address_text_is_private((const char *)text.p);
	buf_free(&text);
	return 0;
}
