/* fuzz_cid.c: any bytes as a binary CID and as text. What reads must write back the same, and measure right. */
#include "base/limits.h"
#include "formats/cid.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void both_forms(const struct cid *cid)
{
	uint8_t bytes[CID_BYTES_MAX];
	char text[CID_TEXT_MAX];
	struct cid again;
	size_t n = cid_write(cid, bytes);

	check(cid_measure(SPAN(bytes, n)) == n);
	check(cid_read(SPAN(bytes, n), &again, NULL) == ERR_OK && cid_eq(cid, &again));
	check(cid_read_text(span_str(cid_text(cid, text)), &again, NULL) == ERR_OK && cid_eq(cid, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cursor c = cur_of(SPAN(data, n));
	struct err e = { 0 };
	struct cid cid;
	uint8_t again[CID_BYTES_MAX];

	if (cid_next(&c, &cid, &e) == ERR_OK) {
		size_t used = n - cur_left(&c);

		/* One CID, one spelling. */
		check(cid_write(&cid, again) == used && memcmp(again, data, used) == 0);
		both_forms(&cid);
	} else {
		check(e.code != ERR_OK && e.msg[0]);
	}
	if (cid_read_text(SPAN(data, n), &cid, NULL) == ERR_OK)
		both_forms(&cid);
	check(cid_measure(SPAN(data, n)) <= CID_BYTES_MAX || cid_measure(SPAN(data, n)) <= n);
	return 0;
}
