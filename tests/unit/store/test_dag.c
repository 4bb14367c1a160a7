/* test_dag.c: the IPFS blocks beside an image: each is read once, and what cannot be read is neither torn nor another image's. */
#include "formats/sha256.h"
#include "store/blob.h"
#include "../support/preads.h"
#include "faulty.h"
#include "tempdir.h"

#define BLOCKS 100

static uint8_t image[20000];
static struct hash32 name;
static struct blobs *blobs;

static void setup(void)
{
	preads_count_of(NULL);
	tempdir_make();
	for (size_t i = 0; i < sizeof image; i++)
		image[i] = (uint8_t)(i * 31 + i / 251);
	name = sha256_of(SPAN_OF(image));
	ck_ok(blobs_open(tempdir_fd, NULL, &blobs, &err));
}

static void teardown(void)
{
	blobs_free(blobs);
	tempdir_remove();
}

static const char *file(const char *suffix)
{
	static char path[300];
	char rel[BLOB_PATH_MAX];

	snprintf(path, sizeof path, "objects/%s%s", blobs_path(&name, rel), suffix);
	return path;
}

static off_t size_of(const char *suffix)
{
	return tempdir_size(file(suffix));
}

static struct blob *start(void)
{
	struct blob *w;

	ck_ok(blob_start(blobs, &name, sizeof image, &w, NULL, &err));
	return w;
}

static int add(struct blob *w, unsigned i)
{
	return blob_add_block(w, SPAN_OF(i), SPAN(image, 50), &err);
}

static int count(void *arg, struct span cid, struct span block, struct err *e)
{
	(void)cid, (void)block, (void)e;
	++*(unsigned *)arg;
	return ERR_OK;
}

static unsigned blocks_of(struct blob *w)
{
	unsigned n = 0;

	ck_ok(blob_each_block(w, count, &n, &err));
	return n;
}

/* The whole image, and two blocks. */
static struct blob *filled(void)
{
	struct blob *w = start();

	ck_ok(blob_write(w, 0, SPAN_OF(image), &err));
	ck_ok(add(w, 1));
	ck_ok(add(w, 2));
	return w;
}

/* --- reading once --- */

START_TEST(what_is_added_is_not_read_again)
{
	struct blob *w = start();
	uint64_t size;

	preads_count_of(".dag.part");
	for (unsigned i = 0; i < BLOCKS; i++)
		ck_ok(add(w, i));
	ck_assert_uint_eq(preads.bytes, 0);
	blob_free(w);
	size = (uint64_t)size_of(".dag.part");
	w = start();
	preads_count_of(".dag.part");
	for (unsigned i = 0; i < BLOCKS; i++)
		ck_ok(add(w, BLOCKS + i));
	ck_assert_msg(preads.bytes >= size && preads.bytes < 2 * size, "what was there, once: %llu of %llu", (unsigned long long)preads.bytes,
		      (unsigned long long)size);
	ck_assert_uint_eq(blocks_of(w), 2 * BLOCKS);
	blob_free(w);
}
END_TEST

START_TEST(what_was_kept_is_read_once_when_it_is_taken_up)
{
	struct blob *w = filled();
	uint64_t size = (uint64_t)size_of(".dag.part");

	blob_free(w);
	w = start();
	preads_count_of(".dag.part");
	ck_assert_uint_eq(blocks_of(w), 2);
	ck_assert_uint_lt(preads.bytes, 2 * size);
	blob_free(w);
}
END_TEST

/* Not even when others are added behind it. */
START_TEST(what_was_added_and_has_changed_is_not_called_whole)
{
	struct blob *w = filled();
	struct blob_digests d;

	tempdir_flip(file(".dag.part"), size_of(".dag.part") - 9);
	ck_ok(add(w, 3));
	ck_refused(blob_finish(w, &d, &err), ERR_CORRUPT, "what was added is gone");
	blob_free(w);
}
END_TEST

/* --- reads that fail --- */

static int add_one(struct blob *w)
{
	return add(w, 3);
}

static int look_at_each(struct blob *w)
{
	unsigned n = 0;

	return blob_each_block(w, count, &n, &err);
}

static int finish(struct blob *w)
{
	struct blob_digests d;

	return blob_finish(w, &d, &err);
}

static const struct { const char *what; int (*call)(struct blob *); unsigned reads, blocks; } calls[] = {
	{ "a block is added", add_one, 5, 3 }, { "they are looked at", look_at_each, 5, 2 }, { "the image is finished", finish, 5, 0 },
};

/* Two heads, two records, the end. */
START_TEST(what_cannot_be_read_is_not_torn)
{
	for (unsigned at = 1; at <= calls[_i].reads; at++) {
		struct blob *w = filled();
		off_t size = size_of(".dag.part");

		blob_free(w);
		w = start();
		preads_fail(".dag.part", at, false);
		ck_refused(calls[_i].call(w), ERR_IO, calls[_i].what);
		ck_assert_msg(size_of(".dag.part") == size, "%s, read %u", calls[_i].what, at);
		ck_assert_msg(strstr(err.msg, "blocks beside"), "%s", err.msg);
		ck_ok(calls[_i].call(w));
		ck_assert_uint_eq(preads.calls, at + calls[_i].reads);
		if (calls[_i].blocks)
			ck_assert_uint_eq(blocks_of(w), calls[_i].blocks);
		else
			ck_assert_msg(size_of(".dag") == size, "%s: all are there", calls[_i].what);
		blob_free(w);
		ck_ok(blobs_remove(blobs, &name, &err));
	}
}
END_TEST

START_TEST(kept_ones_are_given_whole_or_not)
{
	struct blob *w = filled();
	struct blob_digests d;
	unsigned n = 0;

	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	preads_fail(".dag", 3, false);
	ck_refused(blobs_each_block(blobs, &name, &d, count, &n, &err), ERR_IO, "half of them");
	n = 0;
	ck_ok(blobs_each_block(blobs, &name, &d, count, &n, &err));
	ck_assert_uint_eq(n, 2);
}
END_TEST

/* It is whole, and can be served; the blocks stay for whoever can read them. */
START_TEST(an_orphan_is_adopted_without_blocks_that_cannot_be_read)
{
	static const char *const suffixes[] = { ".dag", ".dag.part" };
	struct hash32 none = sha256_of(SPAN(NULL, 0));
	struct blob *w = filled();
	struct blob_digests d;
	uint64_t size;
	off_t dag;

	if (_i)
		tempdir_poke(file(""), 0, image, sizeof image);
	else
		ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	dag = size_of(suffixes[_i]);
	preads_fail(suffixes[_i], 1, false);
	ck_ok(blobs_adopt(blobs, &name, &size, &d, &err));
	ck_assert(size == sizeof image && d.dag_bytes == 0 && hash32_eq(&d.dag, &none));
	ck_assert_msg(size_of(suffixes[_i]) == dag && dag > 0, "they stay");
	ck_ok(blobs_adopt(blobs, &name, &size, &d, &err));
	ck_assert(d.dag_bytes == (uint64_t)dag && size_of(".dag") == dag);
}
END_TEST

/* They were read, and are not where its digests would be looked for. */
START_TEST(an_orphans_blocks_that_cannot_take_their_name_are_none_of_it)
{
	struct blob_digests d;
	struct blobs *b;
	uint64_t size;

	blob_free(filled());
	tempdir_poke(file(""), 0, image, sizeof image);
	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	memset(&faulty, 0, sizeof faulty);
	faulty.only = "rename_over";
	faulty.at = 1;
	faulty.sys = EIO;
	ck_ok(blobs_adopt(b, &name, &size, &d, &err));
	ck_assert(d.dag_bytes == 0 && size_of(".dag") < 0 && size_of(".dag.part") > 0);
	blobs_free(b);
}
END_TEST

/* Those that cannot be kept are none of an image that lacks some. */
START_TEST(an_orphans_blocks_are_on_the_disk)
{
	struct blob *w = filled();
	struct blob_digests d;
	struct blobs *b;
	uint64_t size;

	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	memset(&faulty, 0, sizeof faulty);
	faulty.only = "fdatasync";
	faulty.at = 2;			/* behind the image's */
	faulty.sys = EIO;
	ck_refused(blobs_adopt(b, &name, &size, &d, &err), ERR_IO, "a sync that failed");
	ck_assert_uint_eq(blobs_sync_failures(b), 1);
	blobs_free(b);
}
END_TEST

/* --- beside a whole image --- */

static struct blob *complete(void)
{
	struct blob *w = filled();
	struct blob_digests d;

	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_ok(blob_complete(blobs, &name, sizeof image, &w, &err));
	return w;
}

START_TEST(a_read_that_fails_is_no_other_bytes)
{
	struct blob *w = complete();

	for (unsigned at = 1; at <= 2; at++) {	/* they are compared in two steps */
		preads_fail(".part", at, false);
		ck_refused(blob_write(w, 0, SPAN_OF(image), &err), ERR_IO, "it cannot be read");
		ck_ok(blob_write(w, 0, SPAN_OF(image), &err));
	}
	image[sizeof image - 1] ^= 1;
	ck_refused(blob_write(w, 0, SPAN_OF(image), &err), ERR_PROOF, "it has other bytes");
	image[sizeof image - 1] ^= 1;
	ck_assert_int_eq(truncate(tempdir_path(file("")), sizeof image - 1), 0);
	ck_refused(blob_write(w, 0, SPAN_OF(image), &err), ERR_PROOF, "it ends too early");
	blob_free(w);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_is_added_is_not_read_again, what_was_kept_is_read_once_when_it_is_taken_up, what_was_added_and_has_changed_is_not_called_whole,
		kept_ones_are_given_whole_or_not, an_orphans_blocks_are_on_the_disk,
		an_orphans_blocks_that_cannot_take_their_name_are_none_of_it, a_read_that_fails_is_no_other_bytes,
	};
	TCase *t = tcase_create("dag");
	Suite *s = suite_create("dag");

	tcase_add_checked_fixture(t, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, what_cannot_be_read_is_not_torn, 0, sizeof calls / sizeof *calls);
	tcase_add_loop_test(t, an_orphan_is_adopted_without_blocks_that_cannot_be_read, 0, 2);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
