/* test_blob.c: an image is there, whole, or it is not there: whatever fails, whenever the power goes. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "formats/sha256.h"
#include "store/blob.h"
#include "../support/fds.h"
#include "../support/unread.h"
#include "faulty.h"
#include "stays.h"
#include "tempdir.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define SIZE (3 * CHUNK_SIZE + 1000)

static uint8_t image[SIZE];
static struct hash32 name;
static struct blobs *blobs;

static void setup(void)
{
	tempdir_make();
	memset(&faulty, 0, sizeof faulty);
	for (size_t i = 0; i < SIZE; i++)
		image[i] = (uint8_t)(i * 31 + i / 251);
	name = sha256_of(SPAN(image, SIZE));
	ck_ok(blobs_open(tempdir_fd, NULL, &blobs, &err));
}

static void teardown(void)
{
	blobs_free(blobs);
	umount2(tempdir_path("small"), MNT_DETACH);	/* where a test ended early */
	tempdir_remove();
}

static const char *file(const char *suffix)
{
	static char path[4][300];
	static unsigned n;
	char rel[BLOB_PATH_MAX];

	n = (n + 1) % 4;
	snprintf(path[n], sizeof path[n], "objects/%s%s", blobs_path(&name, rel), suffix);
	return path[n];
}

/* Through the open directory, so that it works below a mount too. */
static bool has(const char *suffix)
{
	return tempdir_has(file(suffix));
}

static struct blob *start(bool *was_there)
{
	struct blob *w;

	ck_ok(blob_start(blobs, &name, SIZE, &w, was_there, &err));
	return w;
}

static void write_all(struct blob *w)
{
	for (size_t at = 0; at < SIZE; at += 50000)
		ck_ok(blob_write(w, at, span_cut(SPAN(image, SIZE), at, 50000), &err));
}

static struct blob_digests put(void)
{
	struct blob *w = start(NULL);
	struct blob_digests d;

	write_all(w);
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	return d;
}

static struct hash32 expected_sums(void)
{
	uint8_t sums[4 * 32];

	for (size_t i = 0; i < 4; i++) {
		struct hash32 s = sha256_of(span_cut(SPAN(image, SIZE), i * CHUNK_SIZE, CHUNK_SIZE));
		memcpy(sums + 32 * i, s.b, 32);
	}
	return sha256_of(SPAN_OF(sums));
}

/* The object, if it is there, is whole. */
static bool is_there_whole(void)
{
	static uint8_t got[SIZE + 1];
	autoclose int fd = -1;

	if (blobs_open_object(blobs, &name, &fd, &err))
		return false;
	ck_assert_int_eq(read(fd, got, sizeof got), SIZE);
	ck_assert_mem_eq(got, image, SIZE);
	return true;
}

static struct blob_check verify(const struct blob_digests *d, void (*on_damaged)(void *, uint32_t), void *arg)
{
	struct blob_check c;

	ck_ok(blobs_verify(blobs, &name, SIZE, d, on_damaged, arg, NULL, &c, &err));
	return c;
}

START_TEST(an_image_is_written)
{
	struct blob_digests d = put();
	struct hash32 sums = expected_sums();
	struct blob_check c;
	struct blob *w;

	ck_assert(is_there_whole());
	ck_assert(hash32_eq(&d.sums, &sums) && d.dag_bytes == 0);
	ck_assert(has(".sums") && !has(".part") && !has(".dag") && !has(".sums.part"));
	ck_assert_int_eq(tempdir_size(file(".sums")), 4 * 32);
	c = verify(&d, NULL, NULL);
	ck_assert(c.chunks == 4 && c.damaged == 0 && !c.were_sums_damaged && !c.is_size_wrong && !c.is_dag_damaged);
	ck_refused(blob_start(blobs, &name, SIZE, &w, NULL, &err), ERR_EXISTS, "it is there already");
}
END_TEST

START_TEST(blocks_may_come_in_any_order)
{
	struct blob *w = start(NULL);
	struct hash32 sums = expected_sums();
	struct blob_digests d;

	for (size_t at = 0; at < SIZE; at += 2000)	/* first the odd thousands, then the even */
		ck_ok(blob_write(w, at + 1000, span_cut(SPAN(image, SIZE), at + 1000, 1000), &err));
	for (size_t at = 0; at < SIZE; at += 2000)
		ck_ok(blob_write(w, at, span_cut(SPAN(image, SIZE), at, 1000), &err));
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_assert(is_there_whole() && hash32_eq(&d.sums, &sums));
}
END_TEST

START_TEST(what_is_written_twice_counts_as_it_lies_there)
{
	struct blob *w = start(NULL);
	struct blob_digests d;

	write_all(w);
	ck_ok(blob_write(w, 10, SPAN_LIT("wrong"), &err));
	ck_ok(blob_write(w, SIZE - 5, span_cut(SPAN(image, SIZE), SIZE - 5, 5), &err));
	ck_refused(blob_finish(w, &d, &err), ERR_PROOF, "bytes that were overwritten after they were hashed");
	blob_free(w);
	ck_assert(!has("") && !has(".part"));
}
END_TEST

START_TEST(wrong_bytes_never_get_the_name)
{
	struct blob *w = start(NULL);
	struct blob_digests d;

	write_all(w);
	tempdir_flip(file(".part"), SIZE - 1);		/* on the disk, behind our back */
	ck_ok(blob_write(w, 0, span_cut(SPAN(image, SIZE), 0, 1), &err));	/* so the disk is read again */
	ck_refused(blob_finish(w, &d, &err), ERR_PROOF, "another SHA-256");
	blob_free(w);
	ck_assert(!has("") && !has(".part") && !has(".sums"));
	w = start(NULL);
	ck_assert_int_eq(truncate(tempdir_path(file(".part")), SIZE - 1), 0);
	ck_refused(blob_finish(w, &d, &err), ERR_PROOF, "another size");
	blob_free(w);
	ck_assert(!has("") && !has(".part"));
}
END_TEST

START_TEST(bounds)
{
	struct blob *w;
	uint8_t b;

	ck_refused(blob_start(blobs, &name, 0, &w, NULL, &err), ERR_LIMIT, "an empty image");
	ck_refused(blob_start(blobs, &name, 1ULL << 32, &w, NULL, &err), ERR_LIMIT, "an image of 4 GiB");
	w = start(NULL);
	ck_refused(blob_write(w, SIZE, SPAN_LIT("x"), &err), ERR_LIMIT, "past the announced size");
	ck_refused(blob_write(w, UINT64_MAX, SPAN_LIT("xy"), &err), ERR_LIMIT, "far past it");
	ck_refused(blob_read(w, SIZE, &b, 1, &err), ERR_LIMIT, "reading past it");
	ck_assert_msg(tempdir_size(file(".part")) == SIZE, "the whole size is taken at once");
	blob_discard(w);
	ck_assert(!has(".part"));
}
END_TEST

START_TEST(a_fetch_is_resumed)
{
	struct blob_digests d;
	uint8_t got[1000];
	bool was_there;
	struct blob *w = start(&was_there);

	ck_assert(!was_there);
	ck_ok(blob_write(w, 0, SPAN(image, 100000), &err));
	blob_free(w);
	w = start(&was_there);
	ck_assert(was_there);
	ck_ok(blob_read(w, 99000, got, 1000, &err));
	ck_assert_mem_eq(got, image + 99000, 1000);
	ck_ok(blob_read(w, 100000, got, 1000, &err));
	ck_assert_msg(memcmp(got, image + 100000, 1000) != 0, "what is not there has another hash");
	ck_ok(blob_write(w, 100000, span_cut(SPAN(image, SIZE), 100000, SIZE), &err));
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_assert(is_there_whole());
}
END_TEST

START_TEST(a_part_of_another_size_is_begun_anew)
{
	struct blob *w;
	bool was_there;
	uint8_t b;

	ck_ok(blob_start(blobs, &name, SIZE + 5, &w, NULL, &err));
	ck_ok(blob_write(w, 0, SPAN(image, 10), &err));
	blob_free(w);
	w = start(&was_there);
	ck_assert(!was_there);
	ck_ok(blob_read(w, 1, &b, 1, &err));
	ck_assert_uint_eq(b, 0);
	blob_free(w);
}
END_TEST

/* --- an existing name --- */

static void put_object(const uint8_t *p, size_t n)
{
	const char *path = file("");

	if (tempdir_has(path))
		ck_assert_int_eq(unlinkat(tempdir_fd, path, 0), 0);
	tempdir_poke(path, 0, p, n);
}

START_TEST(an_existing_name_is_hashed_not_trusted)
{
	struct blob *w = start(NULL);
	struct blob_digests d;
	struct hash32 sums = expected_sums();

	write_all(w);
	put_object(image, SIZE - 1);
	tempdir_poke(file(""), SIZE - 1, "?", 1);	/* the right size, one wrong byte */
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_assert_msg(is_there_whole() && !has(".part"), "a bad one is replaced");
	ck_ok(blobs_remove(blobs, &name, &err));
	w = start(NULL);
	write_all(w);
	put_object(image, SIZE);
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_assert(is_there_whole() && !has(".part") && hash32_eq(&d.sums, &sums));
	ck_ok(blobs_remove(blobs, &name, &err));
	w = start(NULL);
	write_all(w);
	put_object(image, SIZE);
	tempdir_poke(file(""), SIZE, "more", 4);
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_assert_msg(is_there_whole(), "one that only begins like it is replaced");
}
END_TEST

/* A good one stays, once it is known to be on the disk; else ours, which is, takes its name. */
START_TEST(an_existing_object_is_synced_or_replaced)
{
	static const char *const traces[] = {
		"pwrite fdatasync rename_new fdatasync unlinkat fdatasync rename_over fsync fsync ",
		"pwrite fdatasync rename_new fdatasync rename_over fdatasync rename_over fsync fsync ",
	};
	struct blob_digests d;
	struct blobs *b;
	struct blob *w;
	struct stat before, after;

	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	for (unsigned i = 0; i < 2; i++) {
		faulty.at = 0;
		ck_ok(blob_start(b, &name, SIZE, &w, NULL, &err));
		ck_ok(blob_write(w, 0, SPAN(image, SIZE), &err));
		put_object(image, SIZE);
		ck_assert_int_eq(fstatat(tempdir_fd, file(""), &before, 0), 0);
		memset(&faulty, 0, sizeof faulty);
		faulty.only = "fdatasync";
		faulty.at = i ? 2 : 0;
		faulty.sys = EIO;
		ck_ok(blob_finish(w, &d, &err));
		blob_free(w);
		ck_assert_str_eq(faulty.trace, traces[i]);
		ck_assert_int_eq(fstatat(tempdir_fd, file(""), &after, 0), 0);
		ck_assert((before.st_ino == after.st_ino) == (i == 0) && is_there_whole() && !has(".part"));
		ck_ok(blobs_remove(b, &name, &err));
	}
	blobs_free(b);
}
END_TEST

/* A file system without renameat2, as some network ones are. */
static bool knows_no_renameat2;

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (knows_no_renameat2) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

START_TEST(a_name_is_taken_without_renameat2)
{
	int taken, taken_by, free_name;

	tempdir_poke("new", 0, "new", 3);
	tempdir_poke("old", 0, "older", 5);
	knows_no_renameat2 = true;
	taken = sysio_kernel.rename_new(tempdir_fd, "new", "old");
	taken_by = errno;
	free_name = sysio_kernel.rename_new(tempdir_fd, "old", "other");
	knows_no_renameat2 = false;
	ck_assert(taken == -1 && taken_by == EEXIST);
	ck_assert_msg(tempdir_size("new") == 3, "what could not take the name stays");
	ck_assert(free_name == 0 && tempdir_size("other") == 5 && !tempdir_has("old"));
}
END_TEST

/* Also where finish comes again after a failure that was no sync's, and finds the name taken: by itself. */
START_TEST(a_finish_that_failed_beside_the_image_is_taken_up)
{
	static const struct { const char *call; unsigned at; bool is_placed; } beside[] = {
		{ "openat", 1, false }, { "pwrite", 1, false },		/* .sums.part, which is written first */
		{ "openat", 2, true }, { "rename_over", 1, true },	/* .dag; .sums */
	};
	struct blob_digests d;
	struct blobs *b;
	struct blob *w;

	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
		ck_ok(blob_start(b, &name, SIZE, &w, NULL, &err));
		ck_ok(blob_write(w, 0, SPAN(image, SIZE), &err));
		memset(&faulty, 0, sizeof faulty);
		faulty.only = beside[i].call;
		faulty.at = beside[i].at;
		faulty.sys = ENOSPC;
		ck_refused(blob_finish(w, &d, &err), ERR_NO_SPACE, beside[i].call);
		ck_assert_msg(is_there_whole() == beside[i].is_placed && !has(".sums"), "%s %u", beside[i].call, beside[i].at);
		faulty.at = 0;
		ck_ok(blob_finish(w, &d, &err));
		blob_free(w);
		ck_assert(is_there_whole() && has(".sums"));
		ck_assert_uint_eq(verify(&d, NULL, NULL).damaged, 0);
		ck_ok(blobs_remove(b, &name, &err));
	}
	blobs_free(b);
}
END_TEST

START_TEST(an_orphan_is_adopted_or_removed)
{
	struct blob *w = start(NULL);
	struct hash32 sums = expected_sums();
	struct blob_digests d;
	uint64_t size;

	ck_refused(blobs_adopt(blobs, &name, &size, &d, &err), ERR_NOT_FOUND, "nothing to adopt");
	ck_ok(blob_add_block(w, SPAN_LIT("cid"), SPAN_LIT("node"), &err));
	blob_free(w);
	put_object(image, SIZE);
	ck_ok(blobs_adopt(blobs, &name, &size, &d, &err));
	ck_assert(size == SIZE && hash32_eq(&d.sums, &sums) && d.dag_bytes > 0);
	ck_assert(has(".sums") && has(".dag") && !has(".dag.part"));
	ck_ok(blobs_adopt(blobs, &name, &size, &d, &err));
	ck_assert(d.dag_bytes > 0);
	tempdir_flip(file(""), 5);
	err = (struct err){ 0 };
	ck_refused(blobs_adopt(blobs, &name, &size, &d, &err), ERR_PROOF, "not what its name says");
	ck_assert_msg(strstr(err.msg, "not the image"), "%s", err.msg);
	ck_assert(!has("") && !has(".sums") && !has(".dag"));
	put_object(image, 0);
	ck_refused(blobs_adopt(blobs, &name, &size, &d, &err), ERR_PROOF, "an empty file is no image");
	ck_assert(!has(""));
	name = sha256_of(SPAN(NULL, 0));
	ck_ok(blobs_remove(blobs, &name, &err));	/* where not even objects/ab is */
	ck_assert_int_eq(mkdirat(tempdir_fd, "objects/e3", 0700), 0);
	put_object(image, 0);
	ck_refused(blobs_adopt(blobs, &name, &size, &d, &err), ERR_PROOF, "nor is one with the digest of nothing");
	ck_assert(!has(""));
}
END_TEST

static bool reads_fail;

/* The kernel's, unless a test says otherwise. */
ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	struct iovec v = { p, n };

	if (!reads_fail)
		return preadv(fd, &v, 1, at);
	errno = EIO;
	return -1;
}

static unsigned forgotten;

/* Instead of the C library's: no more than advice. */
int posix_fadvise(int fd, off_t at, off_t n, int advice)
{
	(void)fd, (void)at;
	forgotten += advice == POSIX_FADV_DONTNEED && n == 0;
	return 0;
}

START_TEST(what_cannot_be_read_is_not_judged)
{
	struct blob_digests d;
	uint64_t size;
	int rc;

	put();
	reads_fail = true;
	rc = blobs_adopt(blobs, &name, &size, &d, &err);
	reads_fail = false;
	ck_refused(rc, ERR_IO, "a read that fails is no other digest");
	ck_assert(is_there_whole());
	ck_ok(blobs_remove(blobs, &name, &err));

	blob_discard(start(NULL));	/* makes objects/ab */
	ck_assert_int_eq(mkdirat(tempdir_fd, file(""), 0700), 0);
	ck_assert_int_eq(mkdirat(tempdir_fd, file("/x"), 0700), 0);
	ck_refused(blobs_adopt(blobs, &name, &size, &d, &err), ERR_CORRUPT, "what is no file is no other digest");
	ck_assert(has(""));
}
END_TEST

START_TEST(an_orphan_is_adopted_once_it_is_on_the_disk)
{
	struct blob_digests d;
	struct blobs *b;
	uint64_t size;

	blob_discard(start(NULL));
	put_object(image, SIZE);
	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	faulty.trace[0] = 0;
	ck_ok(blobs_adopt(b, &name, &size, &d, &err));
	ck_assert_str_eq(faulty.trace, "fdatasync pwrite fdatasync rename_over fsync fsync ");
	for (unsigned i = 1; i <= 3; i++) {	/* the image, its sums, the directory */
		faulty.calls = 0;
		faulty.only = i == 3 ? "fsync" : "fdatasync";
		faulty.at = i == 3 ? 1 : i;
		faulty.sys = EIO;
		forgotten = 0;
		ck_refused(blobs_adopt(b, &name, &size, &d, &err), ERR_IO, "a failed sync");
		ck_assert_msg(is_there_whole() && blobs_sync_failures(b) == i, "%s", err.msg);
		ck_assert_msg(forgotten == 1, "the next try reads what the disk has kept");
	}
	blobs_free(b);
}
END_TEST

START_TEST(a_disk_that_keeps_nothing_loses_no_orphan)
{
	struct blob_digests d;
	struct blobs *b;
	uint64_t size;

	blob_discard(start(NULL));
	put_object(image, SIZE);
	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	faulty.only = "fdatasync";
	faulty.at = 1;
	faulty.sys = EIO;
	for (unsigned i = 0; i < BLOB_SYNC_FAILURES_MAX; i++) {
		faulty.calls = 0;
		ck_refused(blobs_adopt(b, &name, &size, &d, &err), ERR_IO, "a failed sync");
	}
	tempdir_flip(file(""), 5);
	faulty.trace[0] = 0;
	ck_refused(blobs_adopt(b, &name, &size, &d, &err), ERR_READ_ONLY, "not even what looks rotten goes");
	ck_assert(has(""));
	ck_assert_str_eq(faulty.trace, "");
	faulty.at = 0;
	ck_ok(blobs_try(b, &err));
	ck_refused(blobs_adopt(b, &name, &size, &d, &err), ERR_PROOF, "now it does");
	ck_assert(!has(""));
	blobs_free(b);
}
END_TEST

START_TEST(want_of_descriptors_gives_no_orphan_up)
{
	struct blob_digests d;
	struct blobs *b;
	uint64_t size;
	unsigned opened;

	blob_discard(start(NULL));
	put_object(image, SIZE);
	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	faulty.only = "openat";
	faulty.calls = 0;
	ck_ok(blobs_adopt(b, &name, &size, &d, &err));
	opened = faulty.calls;
	ck_assert_uint_ge(opened, 2);	/* sums, the directory */
	for (unsigned i = 1; i <= opened; i++) {
		faulty.calls = 0;
		faulty.at = i;
		faulty.sys = EMFILE;
		ck_assert_int_ne(blobs_adopt(b, &name, &size, &d, &err), ERR_OK);
		ck_assert_msg(has("") && blobs_sync_failures(b) == 0, "%u: %s", i, err.msg);
	}
	faulty.at = 0;
	ck_ok(blobs_adopt(b, &name, &size, &d, &err));
	blobs_free(b);
}
END_TEST

/* --- blocks beside an image --- */

struct blocks {
	char text[200];
};

static int note_block(void *arg, struct span cid, struct span block, struct err *e)
{
	struct blocks *b = arg;
	size_t n = strlen(b->text);

	(void)e;
	snprintf(b->text + n, sizeof b->text - n, "%.*s=%.*s ", (int)cid.n, (const char *)cid.p, (int)block.n,
		 (const char *)block.p);
	return ERR_OK;
}

static const char *blocks_of(struct blob *w)
{
	static struct blocks b;

	b.text[0] = 0;
	ck_ok(blob_each_block(w, note_block, &b, &err));
	return b.text;
}

START_TEST(blocks_survive_up_to_a_torn_tail)
{
	struct blocks b = { "" };
	struct blob_digests d;
	struct blob *w = start(NULL);
	off_t size;

	ck_assert_str_eq(blocks_of(w), "");
	ck_assert_msg(!has(".dag.part"), "who only looks makes nothing");
	ck_ok(blob_add_block(w, SPAN_LIT("one"), SPAN_LIT("1"), &err));
	ck_ok(blob_add_block(w, SPAN_LIT("two"), SPAN_LIT("22"), &err));
	ck_assert_str_eq(blocks_of(w), "one=1 two=22 ");
	blob_free(w);
	size = tempdir_size(file(".dag.part"));
	tempdir_flip(file(".dag.part"), size - 9);	/* the second block, at its full length: a torn write */
	w = start(NULL);
	ck_assert_str_eq(blocks_of(w), "one=1 ");
	blob_free(w);
	tempdir_flip(file(".dag.part"), size - 9);
	for (off_t cut = size; cut > size - 19; cut--) {	/* anywhere within the second */
		w = start(NULL);
		ck_assert_str_eq(blocks_of(w), cut == size ? "one=1 two=22 " : "one=1 ");
		blob_free(w);
		ck_assert_int_eq(truncate(tempdir_path(file(".dag.part")), cut - 1), 0);
	}
	w = start(NULL);
	ck_ok(blob_add_block(w, SPAN_LIT("three"), SPAN_LIT("333"), &err));
	ck_assert_str_eq(blocks_of(w), "one=1 three=333 ");
	ck_refused(blob_add_block(w, SPAN_LIT(""), SPAN_LIT("x"), &err), ERR_LIMIT, "a block without a name");
	ck_refused(blob_add_block(w, SPAN_LIT("x"), SPAN(image, BLOCK_MAX + 1UL), &err), ERR_LIMIT, "over 2 MiB");
	tempdir_poke(file(".dag.part"), tempdir_size(file(".dag.part")), "torn", 4);
	write_all(w);
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_assert_int_eq(tempdir_size(file(".dag")), (off_t)d.dag_bytes);
	ck_ok(blobs_each_block(blobs, &name, &d, note_block, &b, &err));
	ck_assert_str_eq(b.text, "one=1 three=333 ");
	tempdir_flip(file(".dag"), 7);
	ck_refused(blobs_each_block(blobs, &name, &d, note_block, &b, &err), ERR_CORRUPT, "a flipped bit in a block");
	ck_assert(verify(&d, NULL, NULL).is_dag_damaged);
	ck_assert_int_eq(unlinkat(tempdir_fd, file(".dag"), 0), 0);
	ck_refused(blobs_each_block(blobs, &name, &d, note_block, &b, &err), ERR_NOT_FOUND, "blocks that are gone");
}
END_TEST

START_TEST(a_torn_tail_alone_is_no_blocks)
{
	struct blob *w = start(NULL);
	struct blob_digests d;

	write_all(w);
	tempdir_poke(file(".dag.part"), 0, "torn", 4);
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_assert(d.dag_bytes == 0 && !has(".dag") && !has(".dag.part"));
}
END_TEST

START_TEST(blocks_beside_an_image_are_bounded)
{
	static uint8_t block[BLOCK_MAX];
	struct blob *w = start(NULL);

	for (unsigned i = 0; i < DAG_FILE_MAX / BLOCK_MAX - 1; i++)
		ck_ok(blob_add_block(w, SPAN_LIT("x"), SPAN_OF(block), &err));
	ck_refused(blob_add_block(w, SPAN_LIT("x"), SPAN_OF(block), &err), ERR_LIMIT, "64 MiB and what names them");
	ck_ok(blob_add_block(w, SPAN_LIT("x"), SPAN(block, 1000), &err));
	blob_discard(w);
}
END_TEST

/* --- rot and repair --- */

static void note_chunk(void *arg, uint32_t chunk)
{
	*(uint32_t *)arg |= 1u << chunk;
}

START_TEST(rot_is_found_and_repaired)
{
	struct blob_digests d = put(), again;
	uint32_t damaged = 0;
	uint8_t got[CHUNK_SIZE];
	struct blob_check c;
	struct blob *w;

	tempdir_flip(file(""), CHUNK_SIZE + 5);
	tempdir_flip(file(""), SIZE - 1);
	c = verify(&d, note_chunk, &damaged);
	ck_assert(c.damaged == 2 && damaged == 0xa && !c.were_sums_damaged);
	ck_ok(blob_repair(blobs, &name, SIZE, &w, &err));
	ck_ok(blob_read(w, 0, got, CHUNK_SIZE, &err));
	ck_assert_mem_eq(got, image, CHUNK_SIZE);	/* the good chunks need no download */
	ck_ok(blob_write(w, CHUNK_SIZE, SPAN(image + CHUNK_SIZE, CHUNK_SIZE), &err));
	ck_ok(blob_write(w, 3 * CHUNK_SIZE, SPAN(image + 3 * CHUNK_SIZE, 1000), &err));
	ck_ok(blob_finish(w, &again, &err));
	blob_free(w);
	ck_assert(is_there_whole() && hash32_eq(&d.sums, &again.sums));
	ck_refused(blob_repair(blobs, &(struct hash32){ { 1 } }, SIZE, &w, &err), ERR_NOT_FOUND, "nothing to repair");
}
END_TEST

START_TEST(a_repair_fails_at_every_step)
{
	struct blob_digests d;
	struct blobs *b;
	struct blob *w;
	unsigned at = 0;
	int rc;

	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	do {
		w = start(NULL);
		ck_ok(blob_add_block(w, SPAN_LIT("one"), SPAN_LIT("1"), &err));
		write_all(w);
		ck_ok(blob_finish(w, &d, &err));
		blob_free(w);
		memset(&faulty, 0, sizeof faulty);
		faulty.at = ++at;
		faulty.sys = ENOSPC;
		rc = blob_repair(b, &name, SIZE, &w, &err);
		if (rc == ERR_OK)
			blob_free(w);
		else
			ck_refused(rc, ERR_NO_SPACE, "a step of it");
		ck_ok(blobs_remove(blobs, &name, &err));
	} while (rc);
	ck_assert_uint_eq(at, 1 + 9);	/* a look at it, an old .part, two renames, .sums, its size, objects/ab, .part, room for all of it */
	blobs_free(b);
}
END_TEST

static const char *const suffixes[] = { "", ".sums", ".dag", ".part", ".sums.part", ".dag.part" };
#define SUFFIXES (int)(sizeof suffixes / sizeof *suffixes)

static void write_with_a_block(struct blob *w)
{
	struct blob_digests d;

	ck_ok(blob_add_block(w, SPAN_LIT("one"), SPAN_LIT("1"), &err));
	write_all(w);
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_assert(is_there_whole());
	ck_assert_uint_eq(verify(&d, NULL, NULL).damaged, 0);
}

/* Whatever lies under the name of whichever file: it is not waited for, and not in the way. */
START_TEST(what_is_no_file_is_not_in_the_way)
{
	const char *suffix = suffixes[_i % SUFFIXES];
	enum tempdir_odd odd = (enum tempdir_odd)(_i / SUFFIXES);
	struct blob_digests d;
	struct blob_check c;
	struct blob *w;

	write_with_a_block(start(NULL));
	ck_ok(blobs_adopt(blobs, &name, &(uint64_t){ 0 }, &d, &err));
	tempdir_put_odd(file(suffix), odd);
	c = verify(&d, NULL, NULL);
	ck_assert_msg(suffix[0] || c.damaged == c.chunks, "%s in the image's place is damage", tempdir_odd_names[odd]);
	ck_assert_msg(strcmp(suffix, ".dag") || c.is_dag_damaged, "%s", tempdir_odd_names[odd]);
	ck_ok(blob_repair(blobs, &name, SIZE, &w, &err));
	write_with_a_block(w);
	ck_ok(blobs_remove(blobs, &name, &err));
	tempdir_put_odd(file(suffix), odd);
	ck_ok(blobs_remove(blobs, &name, &err));
	ck_assert(!has(suffix));
	tempdir_put_odd(file(suffix), odd);
	if (!suffix[0])
		ck_ok(blob_repair(blobs, &name, SIZE, &w, &err));
	write_with_a_block(suffix[0] ? start(NULL) : w);
}
END_TEST

START_TEST(what_is_no_folder_is_not_in_the_way)
{
	char folder[16];

	snprintf(folder, sizeof folder, "%.10s", file(""));	/* objects/ab */
	tempdir_put_odd(folder, (enum tempdir_odd)_i);
	write_with_a_block(start(NULL));
}
END_TEST

/* Chunks that fit their digests, which fit the row: but the image is another one. */
START_TEST(another_image_with_its_own_digests_is_found)
{
	struct blob_digests d = put();
	uint8_t sums[4 * 32], chunk[CHUNK_SIZE];
	struct blob_check c;

	tempdir_flip(file(""), 9);
	ck_assert_int_eq(tempdir_peek(file(""), 0, chunk, sizeof chunk), sizeof chunk);
	ck_assert_int_eq(tempdir_peek(file(".sums"), 0, sums, sizeof sums), sizeof sums);
	memcpy(sums, sha256_of(SPAN_OF(chunk)).b, 32);
	tempdir_poke(file(".sums"), 0, sums, sizeof sums);
	d.sums = sha256_of(SPAN_OF(sums));
	c = verify(&d, NULL, NULL);
	ck_assert(c.damaged == c.chunks && !c.were_sums_damaged);
}
END_TEST

START_TEST(a_repair_of_nothing_takes_nothing_away)
{
	struct blob *w = start(NULL);

	ck_ok(blob_write(w, 0, SPAN(image, 1000), &err));
	blob_free(w);
	ck_refused(blob_repair(blobs, &name, SIZE, &w, &err), ERR_NOT_FOUND, "nothing to repair");
	ck_assert_msg(has(".part"), "what is being fetched");
}
END_TEST

static int priority_met;

static void note_priority(void *arg, uint32_t chunk)
{
	(void)arg, (void)chunk;
	priority_met = (int)syscall(SYS_ioprio_get, 1, 0);
}

START_TEST(a_scrub_is_polite_and_only_then)
{
	struct blob_digests d = put();
	int before = (int)syscall(SYS_ioprio_get, 1, 0);

	tempdir_flip(file(""), 5);
	verify(&d, note_priority, NULL);
	ck_assert_int_eq(priority_met >> 13, 3);	/* idle */
	ck_assert_int_eq((int)syscall(SYS_ioprio_get, 1, 0), before);
}
END_TEST

START_TEST(lost_sums_are_made_again)
{
	struct blob_digests d = put();
	uint32_t damaged = 0;
	struct blob_check c;
	struct blobs *b;

	tempdir_flip(file(".sums"), 3);
	c = verify(&d, note_chunk, &damaged);
	ck_assert(c.were_sums_damaged && c.damaged == 0 && hash32_eq(&c.digests.sums, &d.sums));
	c = verify(&d, NULL, NULL);
	ck_assert(!c.were_sums_damaged);
	ck_assert_int_eq(unlinkat(tempdir_fd, file(".sums"), 0), 0);
	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	faulty.trace[0] = 0;
	ck_ok(blobs_verify(b, &name, SIZE, &d, NULL, NULL, NULL, &c, &err));
	ck_assert_str_eq(faulty.trace, "pwrite fdatasync rename_over fsync fsync ");
	blobs_free(b);
	ck_assert_int_eq(unlinkat(tempdir_fd, file(".sums"), 0), 0);
	tempdir_flip(file(""), 3);
	c = verify(&d, note_chunk, &damaged);
	ck_assert_msg(c.were_sums_damaged && c.damaged == 4 && damaged == 0xf, "without sums nobody knows which chunk");
	ck_assert(!has(".sums"));
}
END_TEST

/* None is left for the image; or one, but none for what lies beside it: .dag, which is read first, or .sums. */
START_TEST(want_of_descriptors_is_no_rot)
{
	struct blob_check c = { .chunks = 99 };
	struct blob_digests d;
	struct blob *w = start(NULL);
	bool is_damaged = false;
	int rc;

	write_all(w);
	if (_i)
		ck_ok(blob_add_block(w, SPAN_LIT("cid"), SPAN_LIT("block"), &err));
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	for (unsigned left = 0; left < 2; left++) {
		err = (struct err){ 0 };
		fds_leave(left);
		rc = blobs_verify(blobs, &name, SIZE, &d, NULL, NULL, NULL, &c, &err);
		fds_allow(1000);
		ck_refused(rc, ERR_IO, "a verdict about what could not be opened");
		ck_assert_msg(err.sys == EMFILE && c.chunks == 99, "%s", err.msg);
	}
	fds_leave(0);
	rc = blobs_check_dag(blobs, &name, &d, &is_damaged, &err);
	fds_allow(1000);
	ck_assert_int_eq(rc, _i ? ERR_IO : ERR_OK);	/* where there is none, none is opened */
	ck_assert(!is_damaged);
	c = verify(&d, NULL, NULL);
	ck_assert(!c.were_sums_damaged && !c.is_dag_damaged);
}
END_TEST

/* The image stays: it is whole. */
START_TEST(sums_that_are_not_kept_are_counted)
{
	struct blob_digests d = put();
	struct blob_check c;
	struct blobs *b;

	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	for (unsigned n = 1; n <= BLOB_SYNC_FAILURES_MAX; n++) {
		unlinkat(tempdir_fd, file(".sums"), 0);
		faulty.calls = 0;
		faulty.at = 1;
		faulty.sys = EIO;
		faulty.only = n == 2 ? "fsync" : "fdatasync";
		ck_refused(blobs_verify(b, &name, SIZE, &d, NULL, NULL, NULL, &c, &err), ERR_IO, "a sync that failed");
		faulty.at = 0;
		ck_assert_uint_eq(blobs_sync_failures(b), n);
		ck_assert(is_there_whole());
	}
	ck_assert(blobs_is_read_only(b));
	blobs_free(b);
}
END_TEST

/* The object under its second name: whoever reads it sees nothing of the fetch that brings its blocks back. */
START_TEST(a_lost_dag_comes_back_beside_a_whole_object)
{
	struct blob *w = start(NULL);
	struct blob_digests d, again;
	struct blob_check c;
	uint8_t got[1000], wrong[40000];
	int fd;

	memcpy(wrong, image, sizeof wrong);
	wrong[39999] ^= 1;
	write_all(w);
	ck_ok(blob_add_block(w, SPAN_LIT("one"), SPAN_LIT("1"), &err));
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	tempdir_flip(file(".dag"), 7);
	ck_ok(blobs_open_object(blobs, &name, &fd, &err));
	ck_ok(blob_complete(blobs, &name, SIZE, &w, &err));
	ck_assert_msg(is_there_whole() && has(".sums"), "served all the while");
	ck_ok(blob_read(w, 5000, got, sizeof got, &err));
	ck_assert_mem_eq(got, image + 5000, sizeof got);
	ck_ok(blob_write(w, 100, SPAN(image + 100, 40000), &err));
	ck_refused(blob_write(w, 99, SPAN(image + 100, 1), &err), ERR_PROOF, "its readers would see it");
	ck_refused(blob_write(w, 0, SPAN(wrong, sizeof wrong), &err), ERR_PROOF, "wherever it begins to differ");
	ck_assert_msg(is_there_whole(), "and nothing was written");
	ck_ok(blob_compare(w, &err));
	ck_ok(blob_add_block(w, SPAN_LIT("one"), SPAN_LIT("1"), &err));
	ck_ok(blob_finish(w, &again, &err));
	blob_free(w);
	ck_assert(hash32_eq(&again.dag, &d.dag) && hash32_eq(&again.sums, &d.sums) && !has(".part") && !has(".dag.part"));
	c = verify(&again, NULL, NULL);
	ck_assert(!c.damaged && !c.is_dag_damaged && is_there_whole());
	close(fd);
	ck_assert_int_eq(truncate(tempdir_path(file("")), 10), 0);
	ck_refused(blob_complete(blobs, &name, SIZE, &w, &err), ERR_CORRUPT, "another size: it is not whole");
	ck_assert(tempdir_size(file("")) == 10 && !has(".part"));
}
END_TEST

/* The object twice, by both names; the blocks, the digests, the directories. */
START_TEST(a_failed_sync_beside_it_costs_no_whole_object)
{
	struct blob_digests d = put();
	struct blobs *b;
	struct blob *w;

	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	ck_ok(blob_complete(b, &name, SIZE, &w, &err));
	ck_ok(blob_add_block(w, SPAN_LIT("one"), SPAN_LIT("1"), &err));
	faulty.only = _i < 3 ? "fdatasync" : "fsync";
	faulty.calls = 0;
	faulty.at = (const unsigned[]){ 1, 3, 4, 1, 2 }[_i];
	faulty.sys = EIO;
	ck_refused(blob_finish(w, &d, &err), ERR_IO, "a failed sync");
	faulty.at = 0;
	blob_free(w);
	ck_assert(is_there_whole() && has(".sums") && blobs_sync_failures(b) == 1);
	ck_assert_msg(!has(".part") && !has(".dag.part") && !has(".sums.part"), "what came beside it goes");
	blobs_free(b);
}
END_TEST

/* blob_complete was cut short, and then the image rotted: both names are one file, and renaming one to the other does nothing. */
START_TEST(a_second_name_does_not_keep_from_repair)
{
	struct blob_digests d = put(), again;
	struct blob *w;

	ck_ok(blob_complete(blobs, &name, SIZE, &w, &err));
	tempdir_flip(file(""), 5);
	ck_refused(blob_compare(w, &err), ERR_PROOF, "it has rotted");
	blob_free(w);
	ck_ok(blob_repair(blobs, &name, SIZE, &w, &err));
	ck_assert(!has(""));
	ck_ok(blob_write(w, 0, SPAN(image, CHUNK_SIZE), &err));
	ck_ok(blob_finish(w, &again, &err));
	blob_free(w);
	ck_assert(is_there_whole() && hash32_eq(&d.sums, &again.sums));
}
END_TEST

START_TEST(a_repair_keeps_what_a_cut_left)
{
	struct blob_digests d = put(), again;
	struct blob *w;
	uint8_t got[CHUNK_SIZE];

	ck_assert_int_eq(truncate(tempdir_path(file("")), CHUNK_SIZE + 10), 0);
	ck_ok(blob_repair(blobs, &name, SIZE, &w, &err));
	ck_ok(blob_read(w, 0, got, sizeof got, &err));
	ck_assert_mem_eq(got, image, sizeof got);
	ck_ok(blob_write(w, CHUNK_SIZE, SPAN(image + CHUNK_SIZE, SIZE - CHUNK_SIZE), &err));
	ck_ok(blob_finish(w, &again, &err));
	blob_free(w);
	ck_assert(is_there_whole() && hash32_eq(&d.sums, &again.sums));
}
END_TEST

START_TEST(blocks_that_the_disk_cut_are_not_called_whole)
{
	struct blob *w = start(NULL);
	struct blob_digests d;

	write_all(w);
	ck_ok(blob_add_block(w, SPAN_LIT("one"), SPAN_LIT("1"), &err));
	ck_ok(blob_add_block(w, SPAN_LIT("two"), SPAN_LIT("2"), &err));
	tempdir_flip(file(".dag.part"), 7);
	ck_refused(blob_finish(w, &d, &err), ERR_CORRUPT, "what was added is gone");
	blob_free(w);
}
END_TEST

START_TEST(a_check_can_be_broken_off)
{
	struct blob_digests d = put();
	struct blob_watch watch = { .is_over = true };
	struct blob_check c;

	ck_refused(blobs_verify(blobs, &name, SIZE, &d, NULL, NULL, &watch, &c, &err), ERR_BUSY, "somebody needs the file");
	watch.is_over = false;
	ck_ok(blobs_verify(blobs, &name, SIZE, &d, NULL, NULL, &watch, &c, &err));
	ck_assert_uint_eq(watch.bytes, SIZE);
}
END_TEST

START_TEST(a_wrong_size_is_damage)
{
	struct blob_digests d = put();
	uint32_t damaged = 0;
	struct blob_check c;

	ck_assert_int_eq(truncate(tempdir_path(file("")), 2 * CHUNK_SIZE + 10), 0);
	c = verify(&d, note_chunk, &damaged);
	ck_assert(c.is_size_wrong && c.damaged == 2 && damaged == 0xc);
	ck_assert_int_eq(truncate(tempdir_path(file("")), SIZE + 1), 0);
	c = verify(&d, NULL, NULL);
	ck_assert(c.is_size_wrong);
	ck_ok(blobs_remove(blobs, &name, &err));
	ck_refused(blobs_verify(blobs, &name, SIZE, &d, NULL, NULL, NULL, &c, &err), ERR_NOT_FOUND, "nothing to verify");
	ck_assert(!has("") && !has(".sums"));
	ck_ok(blobs_remove(blobs, &name, &err));
}
END_TEST

/* A sector that gives nothing is not taken for one of zeros. */
START_TEST(zeros_that_cannot_be_read_are_damage)
{
	struct blob_digests d;

	memset(image, 0, SIZE);
	name = sha256_of(SPAN(image, SIZE));
	d = put();
	ck_assert_int_eq(truncate(tempdir_path(file("")), 2 * CHUNK_SIZE), 0);
	ck_assert_uint_eq(verify(&d, NULL, NULL).damaged, 2);
	ck_assert_int_eq(unlinkat(tempdir_fd, file(".sums"), 0), 0);
	ck_assert_uint_eq(verify(&d, NULL, NULL).damaged, 4);
	ck_assert(!has(".sums"));
}
END_TEST

/* --- what lies there --- */

static int note_kind(void *arg, enum blob_kind kind, const struct hash32 *sha256, const char *path, uint64_t size,
		     struct err *e)
{
	struct blocks *b = arg;
	size_t n = strlen(b->text);

	(void)path, (void)e;
	ck_assert(size > 0 || kind == BLOB_STRANGE);
	ck_assert(hash32_eq(sha256, &name) == (kind != BLOB_STRANGE));
	snprintf(b->text + n, sizeof b->text - n, "%c", "opls"[kind]);
	return kind == BLOB_LEFTOVER ? blobs_remove_leftover(blobs, path, e) : ERR_OK;
}

static struct err not_read;

static const char *kinds(void)
{
	static struct blocks b;

	b.text[0] = 0;
	ck_ok(blobs_each(blobs, note_kind, &b, &not_read, &err));
	return b.text;
}

START_TEST(files_are_told_apart)
{
	char path[300];
	struct blob *w;

	ck_assert_str_eq(kinds(), "");
	w = start(NULL);
	ck_ok(blob_add_block(w, SPAN_LIT("one"), SPAN_LIT("1"), &err));
	blob_free(w);
	ck_assert_str_eq(kinds(), "p");
	ck_assert_int_eq(unlinkat(tempdir_fd, file(".part"), 0), 0);
	ck_assert_str_eq(kinds(), "l");		/* blocks of nothing */
	ck_assert_str_eq(kinds(), "");
	put();
	ck_assert_str_eq(kinds(), "o");
	tempdir_poke(file(".sums.part"), 0, "x", 1);
	ck_assert_uint_eq(strlen(kinds()), 2);
	ck_assert_str_eq(kinds(), "o");
	tempdir_poke(file(".old"), 0, "x", 1);
	ck_assert_msg(strchr(kinds(), 's') && has(".old"), "what is not ours is left alone");
	ck_assert_int_eq(unlinkat(tempdir_fd, file(".old"), 0), 0);
	snprintf(path, sizeof path, "%s", file(""));
	memcpy(path + 8, memcmp(path + 8, "ab", 2) ? "ab" : "cd", 2);
	mkdirat(tempdir_fd, "objects/ab", 0700);
	mkdirat(tempdir_fd, "objects/cd", 0700);
	tempdir_poke(path, 0, "x", 1);
	ck_assert_msg(strchr(kinds(), 's'), "a name in the wrong directory is not ours");
	mkdirat(tempdir_fd, "objects/xyz", 0700);
	tempdir_poke("objects/xyz/x", 0, "x", 1);
	ck_assert_msg(strspn(kinds(), "os") == 2 && strlen(kinds()) == 2, "what is no folder of ours is not looked into");
	tempdir_poke("objects/ef", 0, "x", 1);
	ck_assert_msg(strchr(kinds(), 's'), "nor is a file in a directory's place");
}
END_TEST

/* A file in each of two folders, besides the image. */
static void two_more_folders(void)
{
	mkdirat(tempdir_fd, "objects/00", 0700);
	tempdir_poke("objects/00/x", 0, "x", 1);
	mkdirat(tempdir_fd, "objects/01", 0700);
	tempdir_poke("objects/01/x", 0, "x", 1);
}

static const char *const unread_folders[] = { "objects/00", "objects/01" };

START_TEST(a_folder_that_cannot_be_read_is_not_at_its_end)
{
	two_more_folders();
	put();
	not_read = (struct err){ 0 };
	ck_assert_uint_eq(strlen(kinds()), 3);
	ck_assert_int_eq(not_read.code, ERR_OK);
	unread_from(unread_folders[_i], 0);
	ck_assert_msg(strlen(kinds()) == 2 && strchr(kinds(), 'o'), "it keeps nobody from the others");
	ck_assert(not_read.code == ERR_IO && strstr(not_read.msg, unread_folders[_i]));
	unread_from("objects", 0);
	not_read = (struct err){ 0 };
	ck_assert_str_eq(kinds(), "");
	ck_assert_str_eq(not_read.msg, "objects: read the directory: Input/output error");
	unread_from(NULL, 0);
}
END_TEST

START_TEST(a_folder_that_cannot_be_opened_is_none_without_files)
{
	struct blocks b = { "" };
	struct blobs *on;

	two_more_folders();
	memset(&faulty, 0, sizeof faulty);
	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &on, &err));
	faulty.only = "openat";
	faulty.calls = 0;
	faulty.at = 2;		/* the first is objects itself */
	faulty.sys = EIO;
	not_read = (struct err){ 0 };
	ck_ok(blobs_each(on, note_kind, &b, &not_read, &err));
	ck_assert_msg(!strcmp(b.text, "s"), "the other one is read");
	ck_assert(not_read.code == ERR_IO && strstr(not_read.msg, "objects/0"));
	faulty.calls = 0;
	faulty.sys = ENOTDIR;
	not_read = (struct err){ 0 };
	ck_ok(blobs_each(on, note_kind, &b, &not_read, &err));
	ck_assert_msg(not_read.code == ERR_OK, "what is no folder holds nothing");
	blobs_free(on);
}
END_TEST

/* It may be needed after all, and is to be served then. */
START_TEST(an_image_that_stays_keeps_its_digests)
{
	struct blobs *on;
	char rel[BLOB_PATH_MAX];

	put();
	ck_ok(blobs_open(tempdir_fd, sysio_stays(), &on, &err));
	stays_by(EPERM, blobs_path(&name, rel), "");
	ck_says(blobs_remove(on, &name, &err), ERR_IO, stays.name, "it is told");
	ck_assert(has("") && has(".sums"));
	stays_by(EPERM, blobs_path(&name, rel), ".sums");
	ck_refused(blobs_remove(on, &name, &err), ERR_IO, "it is told");
	ck_assert_msg(!has("") && has(".sums"), "what is small keeps no room");
	stays_by(0, "", "");
	blobs_free(on);
}
END_TEST

START_TEST(without_descriptors_a_walk_fails)
{
	struct rlimit was, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ 0, was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	int rc = blobs_each(blobs, note_kind, NULL, &not_read, &err);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	ck_refused(rc, ERR_IO, "too many open files is not an empty directory");
}
END_TEST

START_TEST(descriptors_are_given_back)
{
	struct blocks b = { "" };
	struct blob_digests d;
	struct blob *w;
	unsigned before = count_fds();
	uint64_t size;

	w = start(NULL);
	ck_ok(blob_add_block(w, SPAN_LIT("one"), SPAN_LIT("1"), &err));
	ck_ok(blob_add_block(w, SPAN_LIT("two"), SPAN_LIT("2"), &err));
	ck_assert_str_eq(blocks_of(w), "one=1 two=2 ");
	ck_assert_uint_eq(count_fds(), before + 2);
	write_all(w);
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_ok(blobs_each_block(blobs, &name, &d, note_block, &b, &err));
	verify(&d, NULL, NULL);
	ck_assert_str_eq(kinds(), "o");
	ck_ok(blobs_adopt(blobs, &name, &size, &d, &err));
	ck_ok(blob_repair(blobs, &name, SIZE, &w, &err));
	blob_discard(w);
	blob_free(NULL);
	blob_discard(NULL);
	blobs_free(NULL);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

/* --- failures --- */

/* Everything from blob_start to a finished image, with blocks; as a process that may end anywhere. */
static int whole_run(const struct sysio *sys)
{
	struct blobs *b;
	struct blob *w;
	struct blob_digests d;
	bool was_there;
	int rc = blobs_open(tempdir_fd, sys, &b, &err);

	if (rc)
		return rc;
	rc = blob_start(b, &name, SIZE, &w, &was_there, &err);
	if (rc == ERR_OK) {
		rc = blob_add_block(w, SPAN_LIT("one"), SPAN_LIT("1"), &err);
		for (size_t at = 0; at < SIZE && rc == ERR_OK; at += 100000)
			rc = blob_write(w, at, span_cut(SPAN(image, SIZE), at, 100000), &err);
		if (rc == ERR_OK)
			rc = blob_finish(w, &d, &err);
		blob_free(w);
	}
	blobs_free(b);
	return rc;
}

/* What the next start makes of it: resumes, or adopts, and has the image in the end. */
static void mend(void)
{
	struct blob_digests d;
	uint64_t size;
	struct blob *w;
	int rc = blob_start(blobs, &name, SIZE, &w, NULL, &err);

	if (rc == ERR_EXISTS) {
		ck_ok(blobs_adopt(blobs, &name, &size, &d, &err));
	} else {
		ck_ok(rc);
		write_all(w);
		ck_ok(blob_finish(w, &d, &err));
		blob_free(w);
	}
	ck_assert(is_there_whole());
	struct blob_check c = verify(&d, NULL, NULL);
	ck_assert(c.damaged == 0 && !c.were_sums_damaged && !c.is_dag_damaged);
	ck_ok(blobs_remove(blobs, &name, &err));
	ck_assert_str_eq(kinds(), "");
}

static unsigned calls_of_a_run(void)
{
	faulty.calls = 0;
	faulty.at = 0;
	ck_ok(whole_run(&sysio_faulty));
	ck_ok(blobs_remove(blobs, &name, &err));
	return faulty.calls;
}

/* The order is what makes it durable, and no kill of a process can show that a sync is missing. */
START_TEST(steps_come_in_their_order)
{
	calls_of_a_run();
	faulty.trace[0] = 0;
	ck_ok(whole_run(&sysio_faulty));
	ck_assert_str_eq(faulty.trace,
			 "fsync "					/* what objects is in */
			 "fallocate pwrite pwrite pwrite "		/* a block beside, and the image in two parts */
			 "pwrite "					/* .sums, begun */
			 "fdatasync rename_new "			/* the image */
			 "ftruncate fdatasync rename_over "		/* .dag */
			 "fdatasync rename_over "			/* .sums */
			 "fsync fsync ");				/* objects/ab, objects */
	faulty.trace[0] = 0;
	struct blobs *b;
	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	ck_ok(blobs_remove(b, &name, &err));
	blobs_free(b);
	ck_assert_str_eq(faulty.trace, "fsync unlinkat unlinkat unlinkat unlinkat unlinkat unlinkat fsync fsync ");
}
END_TEST

START_TEST(a_new_folder_is_on_the_disk_before_it_is_used)
{
	struct blobs *b;

	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	blobs_free(b);
	ck_assert_msg(strcmp(faulty.trace, "fsync ") == 0, "the one that made it may not have come to it: %s", faulty.trace);
	faulty.only = "fsync";
	faulty.is_sticky = true;
	faulty.at = 1;
	faulty.sys = EIO;
	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));	/* which was there */
	blobs_free(b);
	ck_assert_int_eq(unlinkat(tempdir_fd, "objects", AT_REMOVEDIR), 0);
	ck_refused(blobs_open(tempdir_fd, &sysio_faulty, &b, &err), ERR_IO, "a failed sync of what holds it");
}
END_TEST

/* The kernel may write less than it was asked to. */
static size_t written_at_once = SIZE_MAX;

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	/* Not the bare call: how a 64-bit offset is passed differs from machine to machine. */
	return pwritev(fd, &(struct iovec){ (void *)(uintptr_t)p, n < written_at_once ? n : written_at_once }, 1, at);
}

START_TEST(short_writes_go_on)
{
	written_at_once = 7777;
	struct blob_digests d = put();
	written_at_once = SIZE_MAX;
	ck_assert(is_there_whole());
	ck_assert_uint_eq(verify(&d, NULL, NULL).damaged, 0);
}
END_TEST

START_TEST(an_interrupted_write_goes_on)
{
	faulty.only = "pwrite";
	faulty.sys = EINTR;
	faulty.at = 2;
	ck_ok(whole_run(&sysio_faulty));
	ck_assert(is_there_whole());
}
END_TEST

START_TEST(killed_at_every_step)
{
	unsigned calls = calls_of_a_run();

	ck_assert_uint_gt(calls, 15);
	for (unsigned at = 1; at <= calls; at++) {
		int status;
		pid_t child = fork();

		if (child == 0) {
			faulty.calls = 0;
			faulty.at = at;
			_exit(whole_run(&sysio_faulty));
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_msg(WEXITSTATUS(status) == FAULTY_EXIT, "call %u of %u", at, calls);
		is_there_whole();	/* if the name is there, so are the bytes */
		mend();
	}
}
END_TEST

static const struct { int sys, want; } errnos[] = { { ENOSPC, ERR_NO_SPACE }, { EIO, ERR_IO }, { EROFS, ERR_READ_ONLY } };

START_TEST(fails_at_every_step)
{
	unsigned calls = calls_of_a_run();

	faulty.sys = errnos[_i].sys;
	for (unsigned at = 1; at <= calls; at++) {
		faulty.calls = 0;
		faulty.at = at;
		faulty.is_sticky = false;
		int rc = whole_run(&sysio_faulty);
		bool is_needed = at != 3;	/* the sync of what holds `objects`, which is not new */
		bool is_tried_again = faulty.sys == EIO && !strcmp(faulty.hit, "openat");	/* what cannot be opened is made anew */
		ck_assert_msg(rc == (is_needed ? errnos[_i].want : ERR_OK) || (is_tried_again && (rc == ERR_CORRUPT || is_there_whole())),
			      "call %u of %u: %d %s", at, calls, rc, err.msg);
		mend();
		faulty.calls = 0;
		faulty.is_sticky = true;
		ck_assert_msg(whole_run(&sysio_faulty) != ERR_OK, "from call %u of %u on", at, calls);
		is_there_whole();
		mend();
	}
}
END_TEST

START_TEST(a_failed_sync_gives_the_file_up)
{
	static const char *const kinds_of_sync[] = { "fdatasync", "fsync" };
	unsigned failed = 0;

	faulty.sys = EIO;
	for (size_t k = 0; k < 2; k++) {
		faulty.only = kinds_of_sync[k];
		calls_of_a_run();
		unsigned syncs = faulty.calls;

		ck_assert_uint_eq(syncs, 3);	/* image, .dag, .sums; what holds objects, two directories */
		for (unsigned at = k ? 2 : 1; at <= syncs; at++, failed++) {
			faulty.calls = 0;
			faulty.at = at;
			faulty.sys = EIO;
			ck_assert_int_eq(whole_run(&sysio_faulty), ERR_IO);
			ck_assert_msg(strstr(err.msg, "given up"), "%s", err.msg);
			ck_assert_msg(!has("") && !has(".part") && !has(".sums"), "%s %u", kinds_of_sync[k], at);
		}
	}
	ck_assert_uint_eq(failed, 5);
}
END_TEST

static const char *const trial_steps[] = { "openat", "fallocate", "pwrite", "fdatasync", "unlinkat", "fsync" };

START_TEST(three_failed_syncs_end_writing)
{
	struct blobs *b;
	struct blob *w;
	struct blob_digests d;

	put();
	struct hash32 good = name;
	ck_ok(blobs_open(tempdir_fd, &sysio_faulty, &b, &err));
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(!blobs_is_read_only(b));
		image[0]++;
		name = sha256_of(SPAN(image, SIZE));
		ck_ok(blob_start(b, &name, SIZE, &w, NULL, &err));
		ck_ok(blob_write(w, 0, SPAN(image, SIZE), &err));
		faulty.only = "fdatasync";
		faulty.calls = 0;
		faulty.at = 1;
		faulty.sys = EIO;
		ck_refused(blob_finish(w, &d, &err), ERR_IO, "a failed sync");
		blob_free(w);
	}
	ck_assert(blobs_is_read_only(b) && blobs_sync_failures(b) == 3);
	ck_refused(blob_start(b, &name, SIZE, &w, NULL, &err), ERR_READ_ONLY, "this disk keeps nothing");
	ck_refused(blob_repair(b, &good, SIZE, &w, &err), ERR_READ_ONLY, "what is there stays there");
	ck_refused(blob_complete(b, &good, SIZE, &w, &err), ERR_READ_ONLY, "and as it is");
	autoclose int fd = -1;
	ck_ok(blobs_open_object(b, &good, &fd, &err));
	/* The trial meets it too, until the disk keeps files again. */
	faulty.is_sticky = true;
	for (size_t i = 0; i < sizeof trial_steps / sizeof *trial_steps; i++) {
		faulty.only = trial_steps[i];
		faulty.calls = 0;
		ck_refused(blobs_try(b, &err), ERR_IO, trial_steps[i]);
		ck_assert_msg(blobs_is_read_only(b), "%s", trial_steps[i]);
	}
	faulty.at = 0;
	ck_ok(blobs_try(b, &err));
	ck_assert(!blobs_is_read_only(b) && blobs_sync_failures(b) == 0);
	ck_assert_msg(faccessat(tempdir_fd, "objects/.trial", F_OK, 0) < 0, "it leaves nothing");
	ck_ok(blob_start(b, &name, SIZE, &w, NULL, &err));
	blob_discard(w);
	blobs_free(b);
}
END_TEST

/* A real full file system. Needs root; a tmpfs of 1 MiB. */
START_TEST(a_full_disk_says_so_at_once)
{
	char path[BLOB_PATH_MAX];
	struct blobs *small;
	struct blob *w;
	int dir;

	ck_assert_int_eq(mkdirat(tempdir_fd, "small", 0700), 0);
	if (mount("tmpfs", tempdir_path("small"), "tmpfs", 0, "size=1m") < 0)
		return;		/* not root, or not allowed here */
	dir = openat(tempdir_fd, "small", O_RDONLY | O_DIRECTORY);
	ck_ok(blobs_open(dir, NULL, &small, &err));
	ck_refused(blob_start(small, &name, 2 * MIB, &w, NULL, &err), ERR_NO_SPACE, "no room for the announced size");
	ck_assert_msg(faccessat(blobs_fd(small), blobs_path(&name, path), F_OK, 0) < 0, "no object");
	ck_assert_msg(faccessat(blobs_fd(small), strcat(path, ".part"), F_OK, 0) < 0, "nothing of the try is left");
	ck_ok(blob_start(small, &name, 900 * KIB, &w, NULL, &err));
	blob_discard(w);
	blobs_free(small);
	close(dir);
	ck_assert_int_eq(umount(tempdir_path("small")), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_image_is_written, blocks_may_come_in_any_order, what_is_written_twice_counts_as_it_lies_there,
		wrong_bytes_never_get_the_name, bounds, a_fetch_is_resumed, a_part_of_another_size_is_begun_anew,
		an_existing_name_is_hashed_not_trusted, an_existing_object_is_synced_or_replaced, a_name_is_taken_without_renameat2,
		a_finish_that_failed_beside_the_image_is_taken_up, an_orphan_is_adopted_or_removed, what_cannot_be_read_is_not_judged,
		an_orphan_is_adopted_once_it_is_on_the_disk, a_disk_that_keeps_nothing_loses_no_orphan, want_of_descriptors_gives_no_orphan_up, blocks_survive_up_to_a_torn_tail, a_torn_tail_alone_is_no_blocks,
		blocks_beside_an_image_are_bounded, a_repair_fails_at_every_step, a_repair_of_nothing_takes_nothing_away, another_image_with_its_own_digests_is_found,
		a_scrub_is_polite_and_only_then,
		a_folder_that_cannot_be_opened_is_none_without_files, an_image_that_stays_keeps_its_digests,
		without_descriptors_a_walk_fails, descriptors_are_given_back, a_new_folder_is_on_the_disk_before_it_is_used,
		short_writes_go_on, an_interrupted_write_goes_on, zeros_that_cannot_be_read_are_damage,
		rot_is_found_and_repaired, lost_sums_are_made_again, sums_that_are_not_kept_are_counted, a_wrong_size_is_damage, files_are_told_apart,
		a_lost_dag_comes_back_beside_a_whole_object, a_second_name_does_not_keep_from_repair, a_repair_keeps_what_a_cut_left,
		blocks_that_the_disk_cut_are_not_called_whole, a_check_can_be_broken_off,
		steps_come_in_their_order, killed_at_every_step, a_failed_sync_gives_the_file_up, three_failed_syncs_end_writing,
		a_full_disk_says_so_at_once,
	};
	TCase *t = tcase_create("blob");
	Suite *s = suite_create("blob");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, what_is_no_file_is_not_in_the_way, 0, (int)ODDS * SUFFIXES);
	tcase_add_loop_test(t, what_is_no_folder_is_not_in_the_way, 0, ODD_FOLDER);
	tcase_add_loop_test(t, a_folder_that_cannot_be_read_is_not_at_its_end, 0, 2);
	tcase_add_loop_test(t, a_failed_sync_beside_it_costs_no_whole_object, 0, 5);
	tcase_add_loop_test(t, want_of_descriptors_is_no_rot, 0, 2);
	tcase_add_loop_test(t, fails_at_every_step, 0, sizeof errnos / sizeof *errnos);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
