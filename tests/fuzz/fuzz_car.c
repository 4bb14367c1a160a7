/* fuzz_car.c: any bytes as an archive, once in one piece and once in pieces whose size the first byte gives. Both
 * readings must tell the same story, hold no more than a block, and never lose count of bytes. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "formats/car.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct story {
	unsigned items;
	uint64_t sum;	/* over everything that was said, in order */
	int rc;
	char msg[sizeof ((struct err *)0)->msg];
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void tell(struct story *s, struct span bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		s->sum = (s->sum ^ bytes.p[i]) * UINT64_C(0x100000001b3);
}

static void on_item(struct story *s, struct car_reader *r, const struct car_item *item)
{
	uint8_t cid[CID_BYTES_MAX];

	check(item->length <= BLOCK_MAX);
	check(item->cid.hash == CID_SHA256);
	s->items++;
	tell(s, SPAN(cid, cid_write(&item->cid, cid)));
	tell(s, SPAN_OF(item->length));
	if (item->kind == CAR_CID && item->cid.digest[0] % 4 == 0)
		car_skip(r);
	if (item->kind == CAR_BLOCK) {
		check(item->block.n == item->length);
		tell(s, item->block);
	}
}

static struct story read_all(struct span car, size_t size)
{
	AUTO(car_close) struct car_reader r;
	struct story s = { .sum = 1 };
	struct err e = { 0 };
	struct span rest = car;

	car_open(&r);
	while (rest.n > 0 && !s.rc) {
		struct span chunk = span_cut(rest, 0, size);
		struct car_item item;

		rest = span_cut(rest, chunk.n, rest.n);
		while (!(s.rc = car_next(&r, &chunk, &item, &e)) && item.kind != CAR_MORE)
			on_item(&s, &r, &item);
		check(s.rc || chunk.n == 0);
		check(r.held.cap <= BLOCK_MAX);
	}
	check(s.rc || r.consumed == car.n);
	if (!s.rc)
		s.rc = car_end(&r, &e);
	check((s.rc == ERR_OK) == (e.code == ERR_OK));
	memcpy(s.msg, e.msg, sizeof s.msg);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct story whole, pieces;
	struct span car;

	if (n == 0)
		return 0;
	car = SPAN(data + 1, n - 1);
	whole = read_all(car, SIZE_MAX);
	pieces = read_all(car, data[0] ? data[0] : 1);
	check(whole.rc == pieces.rc && whole.items == pieces.items && whole.sum == pieces.sum);
	check(strcmp(whole.msg, pieces.msg) == 0);
	return 0;
}
