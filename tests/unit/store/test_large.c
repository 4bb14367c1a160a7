/* test_large.c: images at the ends of 31 and 32 bits: what is written at an offset lies there and nowhere else. The files have holes
 * instead of zeros, so this costs neither disk nor time; with GATEPOST_LONG=1 they are hashed as well, some seconds each. */
#include "base/cleanup.h"
#include "faulty.h"
#include "formats/sha256.h"
#include "store/blob.h"
#include "tempdir.h"

static const uint64_t sizes[] = { (UINT64_C(1) << 31) - 1, UINT64_C(1) << 31, (UINT64_C(1) << 31) + 1, UINT64_C(0xffffffff) };

static struct blobs *blobs;
static struct sysio holes;

static int make_hole(int fd, off_t size)
{
	return ftruncate(fd, size);
}

static void setup(void)
{
	memset(&faulty, 0, sizeof faulty);
	holes = sysio_faulty;
	holes.fallocate = make_hole;
	tempdir_make();
	ck_ok(blobs_open(tempdir_fd, &holes, &blobs, &err));
}

static void teardown(void)
{
	blobs_free(blobs);
	tempdir_remove();
}

static const char mark[] = "sixteen bytes...";
#define MARK (sizeof mark - 1)

/* Where an offset that is taken for 31 or 32 bits would end up elsewhere. */
static size_t places(uint64_t size, uint64_t out[3])
{
	size_t n = 0;

	out[n++] = (UINT64_C(1) << 31) - 64;
	if (size > (UINT64_C(1) << 31) + 64)
		out[n++] = (UINT64_C(1) << 31) - MARK / 2;
	out[n++] = size - MARK;
	return n;
}

static struct blob *write_marks(const struct hash32 *name, uint64_t size)
{
	uint64_t at[3];
	size_t n = places(size, at);
	struct blob *w;
	bool was_there;

	ck_ok(blob_start(blobs, name, size, &w, &was_there, &err));
	ck_assert(!was_there);
	for (size_t i = 0; i < n; i++)
		ck_ok(blob_write(w, at[i], SPAN(mark, MARK), &err));
	ck_refused(blob_write(w, size - MARK + 1, SPAN(mark, MARK), &err), ERR_LIMIT, "past the end");
	ck_refused(blob_write(w, UINT64_C(1) << 32, SPAN(mark, 1), &err), ERR_LIMIT, "far past the end, and 0 in 32 bits");
	return w;
}

START_TEST(lies_where_it_was_written)
{
	uint64_t size = sizes[_i], at[3];
	size_t n = places(size, at);
	struct hash32 name = hash_of(1);
	struct blob *w = write_marks(&name, size);
	char got[MARK] = "", none[MARK] = "";
	bool was_there;

	blob_free(w);
	ck_ok(blob_start(blobs, &name, size, &w, &was_there, &err));
	ck_assert_msg(was_there, "a part of this size is taken up again");
	for (size_t i = 0; i < n; i++) {
		ck_ok(blob_read(w, at[i], got, MARK, &err));
		ck_assert_int_eq(memcmp(got, mark, MARK), 0);
	}
	ck_ok(blob_read(w, 0, got, MARK, &err));
	ck_assert_msg(memcmp(got, none, MARK) == 0, "nothing has come round to the beginning");
	blob_discard(w);
}
END_TEST

/* As it should be: holes and marks, in order. */
static struct hash32 digest_of(uint64_t size)
{
	autofree uint8_t *zeros = calloc(1, MIB);
	uint64_t marks[3], at = 0;
	size_t n = places(size, marks);
	struct sha256 sum;

	sha256_init(&sum);
	for (size_t i = 0; i < n; i++) {
		for (uint64_t left; (left = marks[i] - at) > 0; at += left < MIB ? left : MIB)
			sha256_add(&sum, SPAN(zeros, left < MIB ? (size_t)left : MIB));
		sha256_add(&sum, SPAN(mark, MARK));
		at += MARK;
	}
	return sha256_end(&sum);
}

static void note_chunk(void *arg, uint32_t chunk)
{
	*(uint32_t *)arg = chunk;
}

START_TEST(whole_and_checked)
{
	uint64_t size = sizes[_i];
	struct hash32 name = digest_of(size);
	struct blob *w = write_marks(&name, size);
	struct blob_digests d;
	struct blob_check check;
	char path[BLOB_PATH_MAX], full[BLOB_PATH_MAX + 8];
	uint32_t chunk = 0;

	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	snprintf(full, sizeof full, "objects/%s", blobs_path(&name, path));
	ck_assert_int_eq(tempdir_size(full), (off_t)size);
	tempdir_flip(full, (off_t)size - 1);
	ck_ok(blobs_verify(blobs, &name, size, &d, note_chunk, &chunk, NULL, &check, &err));
	ck_assert_uint_eq(check.chunks, (size + CHUNK_SIZE - 1) / CHUNK_SIZE);
	ck_assert_msg(check.damaged == 1 && chunk == check.chunks - 1, "the last chunk, and no other");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("large");
	Suite *s = suite_create("large");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 900);
	tcase_add_loop_test(t, lies_where_it_was_written, 0, sizeof sizes / sizeof *sizes);
	if (getenv("GATEPOST_LONG"))
		tcase_add_loop_test(t, whole_and_checked, 0, sizeof sizes / sizeof *sizes);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
