/* fuzz_bundle.c: any bytes as a bundle, with a hash that anybody can fit; once in one piece and once in pieces whose size the
 * first byte gives. Both readings must tell the same story, the front must stay within its limits, and a bundle that
 * ends well must have brought every byte of its image.
 *
 * SHA-256 is replaced by 32 equal bytes, the sum of the block (as in fuzz_plan.c). Input: piece size, the image's size in 16 bytes,
 * then the file. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "formats/sha256.h"
#include "ipfs/bundle.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* --- where the image goes --- */

struct image {
	uint64_t size;
	uint8_t *bytes, *written;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static int on_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	struct image *i = arg;

	(void)e;
	check(bytes.n > 0 && offset + bytes.n <= i->size);
	memcpy(i->bytes + offset, bytes.p, bytes.n);
	memset(i->written + offset, 1, bytes.n);
	return ERR_OK;
}

static int on_keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	(void)arg, (void)what, (void)cid, (void)block, (void)e;
	return ERR_OK;
}

static int on_load(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	(void)arg, (void)cid, (void)out;
	return err_set(e, ERR_NOT_FOUND, "not kept");
}

static int on_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	const struct image *i = arg;

	(void)e;
	check(offset + n <= i->size);
	memcpy(out, i->bytes + offset, n);
	return ERR_OK;
}

/* --- */

struct story {
	int rc;
	uint64_t sum;
	unsigned fronts;
	char msg[sizeof ((struct err *)0)->msg];
};

static void tell(struct story *s, struct span bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		s->sum = (s->sum ^ bytes.p[i]) * UINT64_C(0x100000001b3);
}

static void on_front(struct story *s, struct bundle_reader *r, struct image *image, struct plan **plan)
{
	const struct plan_io io = { on_write, on_keep, on_load, on_read, image };
	static const size_t most[] = { ENTRIES_FILE_MAX, MANIFEST_MAX, BUNDLE_PROOF_MAX };

	check(s->fronts++ == 0);
	for (int i = 0; i < BUNDLE_IMAGE; i++) {
		check(r->bytes[i].n <= most[i]);
		tell(s, buf_span(&r->bytes[i]));
	}
	if (image->size && plan_new(&r->part[BUNDLE_IMAGE], image->size, &io, plan, NULL) != ERR_OK)
		*plan = NULL;
	bundle_take_image(r, *plan);
}

/* true: it could not be; an inner block that repeats is not kept here. */
static bool settle(struct plan *p)
{
	bool more = true;

	for (int i = 0; more && i < 100000; i++)
		if (plan_settle(p, 4096, &more, NULL) != PLAN_TAKEN)
			return true;
	check(!more);
	return !plan_is_done(p);
}

static struct story read_all(struct span file, size_t piece, struct image *image)
{
	struct story s = { .sum = 1 };
	struct bundle_reader r;
	struct plan *plan = NULL;
	enum bundle_event event;
	struct err e = { 0 };

	bundle_open(&r);
	for (size_t at = 0; at < file.n && !s.rc; at += piece) {
		struct span chunk = span_cut(file, at, piece);

		while (chunk.n > 0 && !s.rc) {
			s.rc = bundle_next(&r, &chunk, &event, &e);
			if (!s.rc && event == BUNDLE_FRONT)
				on_front(&s, &r, image, &plan);
		}
		check(r.car.held.cap <= BLOCK_MAX);
		if (file.n - at <= piece)
			break;
	}
	if (!s.rc)
		s.rc = bundle_end(&r, &e);
	if (s.rc == ERR_OK && plan && settle(plan))
		s.rc = err_set(&e, ERR_RULE, "settling");
	check((s.rc == ERR_OK) == (e.code == ERR_OK) && (s.rc == ERR_OK || e.msg[0]));
	for (uint64_t i = 0; s.rc == ERR_OK && plan && i < image->size; i++)
		check(image->written[i]);
	memcpy(s.msg, e.msg, sizeof s.msg);
	bundle_close(&r);
	plan_free(plan);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct image image = { .size = n < 2 ? 0 : (uint64_t)data[1] * 16 };
	struct story whole, pieces;
	struct span file;

	if (n < 2)
		return 0;
	image.bytes = calloc(2, image.size + 1);
	if (!image.bytes)
		return 0;
	image.written = image.bytes + image.size + 1;
	file = SPAN(data + 2, n - 2);
	whole = read_all(file, SIZE_MAX, &image);
	memset(image.written, 0, image.size);
	pieces = read_all(file, data[0] ? data[0] : 1, &image);
	check(whole.rc == pieces.rc && whole.fronts == pieces.fronts && whole.sum == pieces.sum);
	check(strcmp(whole.msg, pieces.msg) == 0);
	free(image.bytes);
	return 0;
}
