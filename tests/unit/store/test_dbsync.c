/* test_dbsync.c: what of the database is on the disk, and when. No kill of a process can show that a sync is missing: the
 * calls are watched on their way to the kernel, those of SQLite too. */
#include "stocked.h"
#include "store/pagesum.h"
#include "walframes.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char trace[4000];
static const char *failing;	/* syncs of this file fail */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (strcmp(path, tempdir) == 0)
		return ".";
	return slash ? slash + 1 : path;
}

static void note(const char *what, const char *name)
{
	size_t n = strlen(trace);

	snprintf(trace + n, sizeof trace - n, "%s:%s ", what, name);
}

static int synced(int fd, long number)
{
	char link[40], path[PATH_MAX] = "";
	const char *name;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ck_assert_int_gt(readlink(link, path, sizeof path - 1), 0);
	name = base_of(path);
	note("sync", name);
	if (failing && strcmp(failing, name) == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(number, fd);
}

int fsync(int fd)
{
	return synced(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return synced(fd, SYS_fdatasync);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	note("rename", base_of(from));
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

static void setup(void)
{
	tempdir_make();
	trace[0] = 0;
	failing = NULL;
}

static void teardown(void)
{
	failing = NULL;
	stock_close();
	tempdir_remove();
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *at = trace; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static int put(unsigned n)
{
	struct product_row p = stock_product();

	p.id = hash_of(n);
	snprintf(p.name, sizeof p.name, "acme/p%u", n);
	return products_put(store, &p, &err);
}

START_TEST(a_new_database_has_its_name_before_anything_is_kept)
{
	stock_open();
	ck_assert_msg(strstr(trace, "sync:. "), "the directory: %s", trace);
	ck_assert_msg(strstr(trace, "sync:gatepost.db "), "the file: %s", trace);
}
END_TEST

START_TEST(every_commit_is_one_sync)
{
	stock_open();
	for (unsigned i = 1; i <= 5; i++) {
		trace[0] = 0;
		ck_ok(put(i));
		ck_assert_str_eq(trace, "sync:gatepost.db-wal ");
	}
}
END_TEST

/* A file that grows costs the file system's journal at each sync. */
START_TEST(a_wal_has_its_size_from_the_beginning)
{
	stock_open();
	ck_assert_int_eq(tempdir_size("gatepost.db-wal"), PAGESUM_WAL);
	for (unsigned i = 1; i <= 20; i++)
		ck_ok(put(i));
	ck_assert_int_eq(tempdir_size("gatepost.db-wal"), PAGESUM_WAL);
	stock_close();
	ck_assert_msg(!tempdir_has("gatepost.db-wal"), "it goes with who may move the database");
}
END_TEST

START_TEST(a_kept_wal_is_empty)
{
	struct hash32 id = hash_of(1);
	struct product_row p;

	stock_open();
	ck_ok(put(1));
	store_keep_wal(store);
	ck_assert_int_gt(wal_frames(tempdir_fd, "gatepost.db-wal"), 0);
	stock_close();
	ck_assert_int_eq(tempdir_size("gatepost.db-wal"), PAGESUM_WAL);
	ck_assert_msg(wal_frames(tempdir_fd, "gatepost.db-wal") == 0, "another database must not meet what was in it");
	trace[0] = 0;
	stock_open();
	ck_ok(products_get(store, &id, &p, &err));
	ck_ok(put(2));
	ck_assert_int_eq(tempdir_size("gatepost.db-wal"), PAGESUM_WAL);
	ck_assert_msg(strstr(trace, "sync:gatepost.db-wal ") != NULL, "%s", trace);
}
END_TEST

static unsigned pages_left;	/* of the room that a WAL takes */

static ssize_t no_room(int fd, const void *p, size_t n, off_t at)
{
	char link[40], path[PATH_MAX] = "";
	struct iovec v = { (void *)(uintptr_t)p, n };

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ck_assert_int_gt(readlink(link, path, sizeof path - 1), 0);
	if (strcmp(base_of(path), "gatepost.db-wal") == 0 && n == PAGESUM_PAGE && at % PAGESUM_PAGE == 0 && pages_left-- == 0) {
		errno = ENOSPC;
		return -1;
	}
	return pwritev(fd, &v, 1, at);
}

static void write_by(ssize_t (*call)(int, const void *, size_t, off_t))
{
	sqlite3_vfs *v = sqlite3_vfs_find(NULL);

	v->xSetSystemCall(v, "pwrite", (sqlite3_syscall_ptr)call);
	v->xSetSystemCall(v, "pwrite64", (sqlite3_syscall_ptr)call);
}

START_TEST(without_the_room_a_wal_grows_as_it_can)
{
	static const unsigned room[] = { 0, 1, 200 };

	for (size_t i = 0; i < sizeof room / sizeof *room; i++) {
		pages_left = room[i];
		write_by(no_room);
		stock_open();
		write_by(NULL);
		ck_ok(put(1));
		ck_assert_int_eq(tempdir_size("gatepost.db-wal"), 32 + wal_frames(tempdir_fd, "gatepost.db-wal") * (24 + PAGESUM_PAGE));
		stock_close();
		tempdir_remove();
		tempdir_make();
	}
}
END_TEST

/* Pages go to the database before the WAL that has them begins anew. */
START_TEST(a_checkpoint_is_synced)
{
	unsigned n = 100;
	off_t most = 0;

	stock_open();
	trace[0] = 0;
	while (count("sync:gatepost.db ") == 0 && n < 1000) {
		trace[0] = 0;
		ck_ok(put(n++));
		most = tempdir_size("gatepost.db-wal") > most ? tempdir_size("gatepost.db-wal") : most;
	}
	ck_assert_str_eq(trace, "sync:gatepost.db-wal sync:gatepost.db-wal sync:gatepost.db ");	/* the commit; the checkpoint */
	ck_assert_msg(most < 270 * 4200, "256 pages, and what the last commit added: %lld", (long long)most);
}
END_TEST

START_TEST(what_was_not_synced_is_not_there)
{
	struct hash32 id = hash_of(2);
	struct product_row p;

	stock_open();
	ck_ok(put(1));
	failing = "gatepost.db-wal";
	ck_refused(put(2), ERR_IO, "a commit whose sync fails");
	failing = NULL;
	ck_assert(!store_is_corrupt(store));
	ck_refused(products_get(store, &id, &p, &err), ERR_NOT_FOUND, "it was not kept");
	ck_ok(put(2));
}
END_TEST

START_TEST(a_damaged_one_is_aside_before_the_next_begins)
{
	stock();
	stock_close();
	tempdir_poke("gatepost.db-wal", 0, "x", 1);
	trace[0] = 0;
	ck_ok(store_set_aside(tempdir, &err));
	ck_assert_str_eq(trace, "rename:gatepost.db-wal rename:gatepost.db sync:. ");
	ck_assert(tempdir_has("gatepost.db.damaged") && tempdir_has("gatepost.db.damaged-wal"));
	failing = ".";
	ck_refused(store_set_aside(tempdir, &err), ERR_IO, "a failed sync");
	failing = NULL;
	ck_refused(store_set_aside(tempdir_path("nowhere"), &err), ERR_NOT_FOUND, "no such directory");
}
END_TEST

/* --- reads that fail --- */

static const char *unreadable;
static int read_errno;

static ssize_t read_fails(int fd, void *p, size_t n)
{
	char link[40], path[PATH_MAX] = "";

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ck_assert_int_gt(readlink(link, path, sizeof path - 1), 0);
	if (strcmp(base_of(path), unreadable) != 0)
		return read(fd, p, n);
	errno = read_errno;
	return -1;
}

static ssize_t pread_fails(int fd, void *p, size_t n, off_t at)
{
	return lseek(fd, at, SEEK_SET) < 0 ? -1 : read_fails(fd, p, n);
}

static void break_reads(const char *name)
{
	sqlite3_vfs *v = sqlite3_vfs_find(NULL);

	unreadable = name;
	v->xSetSystemCall(v, "read", name ? (sqlite3_syscall_ptr)read_fails : NULL);
	v->xSetSystemCall(v, "pread", name ? (sqlite3_syscall_ptr)pread_fails : NULL);
	v->xSetSystemCall(v, "pread64", name ? (sqlite3_syscall_ptr)pread_fails : NULL);
}

/* A card that does not answer just now is no damage: the database is not thrown away for it. One that says again and again
 * that a sector is gone is. */
START_TEST(a_failed_read_is_damage_where_the_disk_says_so)
{
	static const struct { const char *file; int sys, want; } rows[] = {
		{ "gatepost.db-wal", ETIMEDOUT, ERR_IO }, { "gatepost.db-wal", EIO, ERR_CORRUPT },
		{ "gatepost.db", ETIMEDOUT, ERR_IO }, { "gatepost.db", EIO, ERR_CORRUPT },
	};
	struct hash32 id = hash_of(1);
	struct product_row p;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		tempdir_remove();
		tempdir_make();
		stock();
		if (strcmp(rows[i].file, "gatepost.db") == 0) {
			stock_close();	/* a checkpoint: all is there */
			stock_open();
		}
		ck_ok(db_exec(store->db, "PRAGMA shrink_memory", &err));
		read_errno = rows[i].sys;
		break_reads(rows[i].file);
		int rc = ERR_IO;
		for (unsigned tries = 0; tries < 20 && rc == ERR_IO; tries++)	/* once may be nothing yet */
			rc = products_get(store, &id, &p, &err);
		break_reads(NULL);
		ck_refused(rc, rows[i].want, rows[i].file);
		ck_assert_msg(rc != ERR_IO || err.sys == rows[i].sys, "what the kernel said goes along: %d", err.sys);
		ck_assert(store_is_corrupt(store) == (rows[i].want == ERR_CORRUPT));
		if (rc == ERR_IO)
			ck_ok(products_get(store, &id, &p, &err));
		stock_close();
	}
}
END_TEST

START_TEST(a_place_without_a_database_says_so)
{
	static char long_name[PATH_MAX + 10];
	struct store *s;

	memset(long_name, 'x', sizeof long_name - 1);
	ck_refused(store_open(tempdir_path("nowhere"), &s, &err), ERR_IO, "no such directory");
	ck_assert_msg(strstr(err.msg, strerror(ENOENT)), "%s", err.msg);
	ck_refused(store_open(long_name, &s, &err), ERR_LIMIT, "a name that is too long");
	store_close(NULL);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_new_database_has_its_name_before_anything_is_kept, every_commit_is_one_sync, a_checkpoint_is_synced,
		a_wal_has_its_size_from_the_beginning, a_kept_wal_is_empty, without_the_room_a_wal_grows_as_it_can,
		what_was_not_synced_is_not_there, a_damaged_one_is_aside_before_the_next_begins,
		a_failed_read_is_damage_where_the_disk_says_so, a_place_without_a_database_says_so,
	};
	TCase *t = tcase_create("dbsync");
	Suite *s = suite_create("dbsync");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
