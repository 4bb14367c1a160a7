/* test_walcheck.c: logs that SQLite has written, whole, cut off and rotten. */
#include "store/walcheck.h"
#include "store/store.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "tempdir.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 32
#define FRAME (24 + 4096)

static struct store *store;
static struct buf wal;
static size_t frames;

static uint8_t *frame(size_t i)
{
	return wal.p + HEAD + i * FRAME;
}

static bool is_commit(size_t i)
{
	static const uint8_t none[4];

	return memcmp(frame(i) + 4, none, 4) != 0;
}

static size_t commits(void)
{
	size_t n = 0;

	for (size_t i = 0; i < frames; i++)
		n += is_commit(i);
	return n;
}

static void read_wal(void)
{
	wal = (struct buf)BUF_INIT(WALCHECK_MAX);
	ck_ok(io_read_file(tempdir_fd, "gatepost.db-wal", &wal, &err));
	frames = (wal.n - HEAD) / FRAME;
	while (frames && memcmp(frame(frames - 1) + 8, wal.p + 16, 8) != 0)
		frames--;
}

/* A new database: its tables are commits of many frames; then some of one. */
static void setup(void)
{
	tempdir_make();
	ck_ok(store_open(tempdir, &store, &err));
	for (int i = 0; i < 6; i++)
		ck_ok(store_try(store, &err));
	read_wal();
	ck_assert_uint_ge(commits(), 8);
}

static void teardown(void)
{
	buf_free(&wal);
	store_close(store);
	tempdir_remove();
}

static bool is_rotten(size_t n)
{
	return walcheck_is_rotten(SPAN(wal.p, n));
}

START_TEST(what_is_whole_is_not)
{
	ck_assert(!is_rotten(wal.n));
	ck_assert(!is_rotten(0));
	memset(wal.p, 0, HEAD);
	ck_assert_msg(!is_rotten(wal.n), "one that SQLite has emptied");
}
END_TEST

/* As a power cut leaves it: at every 512 bytes, with nothing behind, and with zeros. */
START_TEST(what_is_cut_off_is_not)
{
	for (size_t n = wal.n; n > 512; n -= 512) {
		ck_assert_msg(!is_rotten(n - n % 512), "%zu bytes", n);
		memset(wal.p + (n - n % 512), 0, wal.n - (n - n % 512));
		ck_assert_msg(!is_rotten(wal.n), "%zu bytes and zeros", n);
	}
}
END_TEST

/* Is there another frame behind a commit that lies behind this one? Then it must have been on the disk. */
static bool was_synced(size_t broken)
{
	for (size_t i = broken + 1; i + 1 < frames; i++)
		if (is_commit(i))
			return true;
	return false;
}

/* One bit of each frame: of its page, of its number, of its salts, of its checksum. */
START_TEST(a_bit_in_the_middle_is)
{
	static const size_t at[] = { 24 + 100, 2, 9, 17 };

	for (size_t i = 0; i < frames; i++) {
		uint8_t *p = frame(i) + at[_i];

		*p ^= 0x10;
		/* Its checksum is where the next one's begins: that one does not fit either. */
		ck_assert_msg(is_rotten(wal.n) == was_synced(at[_i] == 17 ? i + 1 : i), "frame %zu of %zu", i, frames);
		*p ^= 0x10;
	}
}
END_TEST

START_TEST(a_rotten_head_is)
{
	for (size_t i = 0; i < HEAD; i++) {
		wal.p[i] ^= 0x10;
		ck_assert_msg(is_rotten(wal.n), "byte %zu", i);
		wal.p[i] ^= 0x10;
	}
}
END_TEST

/* The frames of the last transaction come to the disk in any order; what lies behind is of another log. */
static void check_last(size_t from, size_t end)
{
	AUTO(buf_free) struct buf all = BUF_INIT(WALCHECK_MAX);

	buf_add(&all, buf_span(&wal));
	memset(all.p + HEAD + end * FRAME, 0, all.n - HEAD - end * FRAME);
	for (size_t i = from; i < end; i++) {
		uint8_t *p = all.p + HEAD + i * FRAME + 24;

		*p ^= 1;
		ck_assert_msg(!walcheck_is_rotten(buf_span(&all)), "frame %zu of %zu to %zu", i, from, end);
		*p ^= 1;
	}
}

START_TEST(a_hole_in_the_last_transaction_is_not)
{
	size_t from = 0, largest = 0;

	for (size_t end = 1; end <= frames; end++) {
		if (!is_commit(end - 1))
			continue;
		check_last(from, end);
		largest = end - from > largest ? end - from : largest;
		from = end;
	}
	ck_assert_uint_ge(largest, 4);
}
END_TEST

/* What is left of an older log behind a newer, shorter one has other salts. */
START_TEST(the_rest_of_an_older_log_is_not)
{
	AUTO(buf_free) struct buf older = BUF_INIT(WALCHECK_MAX);
	size_t n;

	buf_add(&older, buf_span(&wal));
	store_close(store);
	ck_ok(store_open(tempdir, &store, &err));
	for (int i = 0; i < 3; i++)
		ck_ok(store_try(store, &err));
	buf_free(&wal);
	read_wal();
	n = HEAD + frames * FRAME;
	ck_assert_uint_lt(n, older.n);
	memcpy(older.p, wal.p, n);
	ck_assert(!walcheck_is_rotten(buf_span(&older)));
	older.p[HEAD + 30] ^= 1;
	ck_assert_msg(walcheck_is_rotten(buf_span(&older)), "a bit of the newer one");
}
END_TEST

static void put(int dir, const char *name, struct span bytes)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	ck_ok(io_write_all(fd, bytes, &err));
}

/* The database as it lay there when somebody was killed: opened, is it an older one? */
static bool is_older_after_kill(void)
{
	AUTO(buf_free) struct buf db = BUF_INIT(WALCHECK_MAX);
	autoclose int dir = -1;
	struct store *s;
	bool is_older;

	ck_ok(io_read_file(tempdir_fd, "gatepost.db", &db, &err));
	mkdirat(tempdir_fd, "killed", 0750);
	dir = openat(tempdir_fd, "killed", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(dir, "gatepost.db", buf_span(&db));
	put(dir, "gatepost.db-wal", buf_span(&wal));
	ck_ok(store_open(tempdir_path("killed"), &s, &err));
	is_older = store_is_older(s);
	store_close(s);
	return is_older;
}

START_TEST(the_store_says_so)
{
	ck_assert(!store_is_older(store));
	ck_assert(!is_older_after_kill());
	frame(frames - 3)[24 + 100] ^= 1;
	ck_assert(is_older_after_kill());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("walcheck");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_whole_is_not);
	tcase_add_test(t, what_is_cut_off_is_not);
	tcase_add_loop_test(t, a_bit_in_the_middle_is, 0, 4);
	tcase_add_test(t, a_rotten_head_is);
	tcase_add_test(t, a_hole_in_the_last_transaction_is_not);
	tcase_add_test(t, the_rest_of_an_older_log_is_not);
	tcase_add_test(t, the_store_says_so);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
