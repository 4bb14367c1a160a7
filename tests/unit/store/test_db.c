/* test_db.c: SQLite as it must be set up, every statement, migrations, and damage of the file. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "store/audit.h"
#include "store/devices.h"
#include "store/entries.h"
#include "store/images.h"
#include "store/own.h"
#include "store/products.h"
#include "store/recover.h"
#include "store/releases.h"
#include "store/db_own.h"
#include "store/store_own.h"
#include "tempdir.h"
#include "walframes.h"

#include <sys/wait.h>

#define DB "gatepost.db"

/* One function of each module, so that the linker takes all statements along. */
static void (*const volatile modules[])(void) = {
	(void (*)(void))audit_add, (void (*)(void))devices_seen, (void (*)(void))entries_append, (void (*)(void))images_want,
	(void (*)(void))images_victims, (void (*)(void))mark_load, (void (*)(void))products_put, (void (*)(void))recover_scan,
	(void (*)(void))releases_put, (void (*)(void))releases_get, (void (*)(void))own_copy,
};

static struct store *open_store(void)
{
	struct store *s;

	ck_ok(store_open(tempdir, &s, &err));
	return s;
}

static sqlite3 *handle(struct store *s)
{
	return s->db->h;
}

START_TEST(every_statement_prepares)
{
	struct store *s = open_store();
	unsigned n = 0;

	ck_assert_ptr_nonnull(modules[0]);
	for (const struct db_sql *sql = __start_db_sql; sql < __stop_db_sql; sql++, n++) {
		sqlite3_stmt *q;
		int rc = sqlite3_prepare_v2(handle(s), sql->text, -1, &q, NULL);

		ck_assert_msg(rc == SQLITE_OK, "%s\n%s", sqlite3_errmsg(handle(s)), sql->text);
		sqlite3_finalize(q);
	}
	ck_assert_uint_gt(n, 60);
	store_close(s);
}
END_TEST

/* Does the plan read a table from one end to the other? */
static bool scans(sqlite3 *db, const char *text, char out[128])
{
	AUTO(buf_free) struct buf explain = BUF_INIT(8 * KIB);
	sqlite3_stmt *q;
	bool is_scan = false;

	buf_fmt(&explain, "EXPLAIN QUERY PLAN %s", text);
	ck_assert_int_eq(sqlite3_prepare_v2(db, (const char *)explain.p, (int)explain.n, &q, NULL), SQLITE_OK);
	while (!is_scan && sqlite3_step(q) == SQLITE_ROW) {
		snprintf(out, 128, "%s", (const char *)sqlite3_column_text(q, 3));
		is_scan = strncmp(out, "SCAN ", 5) == 0 && strcmp(out, "SCAN CONSTANT ROW") != 0 && strcmp(out, "SCAN after") != 0;
	}
	sqlite3_finalize(q);
	return is_scan;
}

/* A gateway with thousands of products asks for one at a time, thousands of times. */
START_TEST(what_is_asked_of_one_product_reads_no_other)
{
	struct store *s = open_store();
	unsigned n = 0;
	char plan[128];

	for (const struct db_sql *sql = __start_db_sql; sql < __stop_db_sql; sql++) {
		if (!strstr(sql->text, "product = :product") && !strstr(sql->text, "id = :product"))
			continue;
		ck_assert_msg(!scans(handle(s), sql->text, plan), "%s\n%s", plan, sql->text);
		n++;
	}
	ck_assert_uint_gt(n, 15);
	store_close(s);
}
END_TEST

START_TEST(settings_are_in_force)
{
	static const struct { const char *pragma; uint64_t want; } rows[] = {
		{ "PRAGMA synchronous", 2 }, { "PRAGMA wal_autocheckpoint", 256 }, { "PRAGMA journal_size_limit", MIB },
		{ "PRAGMA mmap_size", 0 }, { "PRAGMA foreign_keys", 1 }, { "PRAGMA cell_size_check", 1 },
		{ "PRAGMA trusted_schema", 0 }, { "PRAGMA application_id", DB_APPLICATION_ID }, { "PRAGMA page_size", 4096 },
		{ "PRAGMA temp_store", 2 }, { "SELECT cache_size = -2048 FROM pragma_cache_size", 1 },
		{ "SELECT journal_mode = 'wal' FROM pragma_journal_mode", 1 },
		{ "SELECT locking_mode = 'exclusive' FROM pragma_locking_mode", 1 },
	};
	struct store *s = open_store();
	uint64_t got = 77;

	ck_assert(store_is_new(s));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int rc = db_pragma_u64(s->db, rows[i].pragma, &got, &err);

		/* a pragma that does nothing gives no row */
		ck_assert_msg((rc == ERR_OK && got == rows[i].want) || (rc && rows[i].want == 0), "%s: %llu", rows[i].pragma,
			      (unsigned long long)got);
	}
	ck_assert_int_eq(db_exec(s->db, "SELECT \"no such column\"", &err), ERR_INTERNAL);
	ck_assert_int_ne(db_exec(s->db, "CREATE VIEW v AS SELECT 1; SELECT * FROM v", &err), ERR_OK);
	ck_assert_int_ne(db_exec(s->db, "PRAGMA writable_schema=1; DELETE FROM sqlite_schema", &err), ERR_OK);
	ck_assert_int_ne(db_exec(s->db, "INSERT INTO latched VALUES (1, 2, 3, 'not a number')", &err), ERR_OK);
	ck_assert(sqlite3_hard_heap_limit64(-1) == DB_HEAP_MAX);
	ck_assert_msg(!tempdir_has(DB "-shm"), "the WAL index is in memory");
	store_close(s);
}
END_TEST

/* What SQLite was told beside the pragmas: what a made-up schema could use against us is off, and nothing is larger than we need. */
START_TEST(options_and_limits_are_in_force)
{
	static const struct { int option, want; } options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 }, { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 }, { SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 }, { SQLITE_DBCONFIG_ENABLE_VIEW, 0 }, { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 }, { SQLITE_DBCONFIG_DQS_DDL, 0 },
	};
	static const struct { int limit, most; } limits[] = {
		{ SQLITE_LIMIT_LENGTH, DB_VALUE_MAX }, { SQLITE_LIMIT_SQL_LENGTH, 16 * KIB }, { SQLITE_LIMIT_COLUMN, 64 },
		{ SQLITE_LIMIT_EXPR_DEPTH, 64 }, { SQLITE_LIMIT_COMPOUND_SELECT, 8 }, { SQLITE_LIMIT_VDBE_OP, 25000 },
		{ SQLITE_LIMIT_FUNCTION_ARG, 8 }, { SQLITE_LIMIT_ATTACHED, 1 }, { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64 },
		{ SQLITE_LIMIT_VARIABLE_NUMBER, 64 }, { SQLITE_LIMIT_TRIGGER_DEPTH, 8 }, { SQLITE_LIMIT_WORKER_THREADS, 0 },
	};
	struct store *s = open_store();

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		int now = -1;

		ck_assert_int_eq(sqlite3_db_config(handle(s), options[i].option, -1, &now), SQLITE_OK);
		ck_assert_msg(now == options[i].want, "option %d: %d", options[i].option, now);
	}
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		int now = sqlite3_limit(handle(s), limits[i].limit, -1);

		ck_assert_msg(now <= limits[i].most, "limit %d: %d", limits[i].limit, now);
	}
	store_close(s);
}
END_TEST

START_TEST(one_owner)
{
	struct store *s = open_store(), *other;

	ck_refused(store_open(tempdir, &other, &err), ERR_BUSY, "another process has it open");
	store_close(s);
	s = open_store();
	ck_assert(!store_is_new(s));
	ck_ok(store_check(s, &err));
	store_close(s);
}
END_TEST

/* --- migrations --- */

static const struct db_migration steps[] = {
	{ 1, "0001-a", "CREATE TABLE t (a INTEGER NOT NULL) STRICT; INSERT INTO t VALUES (1);" },
	{ 2, "0002-b", "ALTER TABLE t ADD COLUMN b TEXT; UPDATE t SET b = 'x';" },
	{ 3, "0003-c", "UPDATE t SET a = 5; INSERT INTO nowhere VALUES (1);" },
};

static struct db *open_db(void)
{
	struct db *db;
	bool is_new;

	ck_ok(db_open(tempdir_path(DB), &db, &is_new, &err));
	return db;
}

START_TEST(older_schemas_grow)
{
	struct db *db = open_db();
	uint64_t got = 0;

	ck_ok(db_migrate(db, steps, 1, &err));
	db_close(db);
	db = open_db();
	ck_ok(db_migrate(db, steps, 2, &err));
	ck_ok(db_migrate(db, steps, 2, &err));
	ck_ok(db_pragma_u64(db, "SELECT count(*) FROM t WHERE b = 'x'", &got, &err));
	ck_assert_uint_eq(got, 1);
	ck_assert_int_ne(db_migrate(db, steps, 3, &err), ERR_OK);
	ck_ok(db_pragma_u64(db, "SELECT a FROM t", &got, &err));
	ck_assert_msg(got == 1, "a migration that fails leaves nothing");
	ck_ok(db_pragma_u64(db, "PRAGMA user_version", &got, &err));
	ck_assert_uint_eq(got, 2);
	ck_refused(db_migrate(db, steps, 1, &err), ERR_RULE, "a newer schema than the program knows");
	ck_assert(strstr(err.msg, "newer"));
	db_close(db);
}
END_TEST

static int interrupt(unsigned type, void *db, void *stmt, void *sql)
{
	(void)type, (void)stmt;
	if (strcmp(sql, "PRAGMA user_version") == 0)
		sqlite3_interrupt(db);
	return 0;
}

/* A version that could not be read is not the first one. */
START_TEST(an_unknown_version_is_not_migrated)
{
	static const struct db_migration again[] = { { 1, "0001-again", "CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (1);" } };
	struct db *db = open_db();
	uint64_t got = 0;

	ck_ok(db_migrate(db, again, 1, &err));
	sqlite3_trace_v2(db->h, SQLITE_TRACE_STMT, interrupt, db->h);
	ck_refused(db_migrate(db, again, 1, &err), ERR_INTERNAL, "interrupted");
	sqlite3_trace_v2(db->h, 0, NULL, NULL);
	ck_ok(db_pragma_u64(db, "SELECT count(*) FROM t", &got, &err));
	ck_assert_uint_eq(got, 1);
	db_close(db);
}
END_TEST

START_TEST(a_newer_schema_is_refused_and_left_alone)
{
	struct store *s = open_store();

	ck_ok(db_exec(s->db, "PRAGMA user_version=99", &err));
	store_close(s);
	ck_refused(store_open(tempdir, &s, &err), ERR_RULE, "written by a newer gatepost");
	ck_assert_msg(strstr(err.msg, "99"), "%s", err.msg);
	ck_assert(tempdir_has(DB));
}
END_TEST

START_TEST(a_stranger_is_not_taken_for_ours)
{
	struct store *s = open_store();

	ck_ok(db_exec(s->db, "PRAGMA application_id=1", &err));
	store_close(s);
	ck_refused(store_open(tempdir, &s, &err), ERR_CORRUPT, "another program's database");
	tempdir_remove();
	tempdir_make();
	tempdir_poke(DB, 0, "This is no database, but it is long enough to be looked at as one.............................", 90);
	ck_refused(store_open(tempdir, &s, &err), ERR_CORRUPT, "not a database");
	ck_ok(store_set_aside(tempdir, &err));
	ck_assert(tempdir_has(DB ".damaged") && !tempdir_has(DB));
	s = open_store();
	ck_assert(store_is_new(s));
	store_close(s);
	ck_ok(store_set_aside(tempdir, &err));
	ck_ok(store_set_aside(tempdir, &err));
}
END_TEST

START_TEST(what_is_no_file_is_no_database)
{
	struct store *s = open_store();

	store_close(s);
	tempdir_put_odd(DB, (enum tempdir_odd)_i);
	ck_refused(store_open(tempdir, &s, &err), ERR_CORRUPT, tempdir_odd_names[_i]);
	tempdir_put_odd(DB ".damaged", (enum tempdir_odd)_i);
	ck_ok(store_set_aside(tempdir, &err));
	ck_assert(_i != ODD_FOLDER || tempdir_has(DB ".odd-1"));
	s = open_store();
	ck_assert(store_is_new(s));
	store_close(s);
	ck_ok(store_set_aside(tempdir, &err));
	ck_assert_msg(tempdir_size(DB ".damaged") > 4096, "over %s", tempdir_odd_names[_i]);
	tempdir_put_odd(DB "-wal", (enum tempdir_odd)_i);
	s = open_store();
	store_close(s);
}
END_TEST

static void copy(const char *from, const char *to)
{
	uint8_t room[65536];
	int in = openat(tempdir_fd, from, O_RDONLY), out = openat(tempdir_fd, to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	ck_assert(in >= 0 && out >= 0);
	while ((n = read(in, room, sizeof room)) > 0)
		ck_assert_int_eq(write(out, room, (size_t)n), n);
	close(in);
	close(out);
}

static bool is_same(const char *a, const char *b)
{
	static uint8_t room[2][65536];
	int fd[2] = { openat(tempdir_fd, a, O_RDONLY), openat(tempdir_fd, b, O_RDONLY) };
	ssize_t n, m;

	ck_assert(fd[0] >= 0 && fd[1] >= 0);
	do {
		n = read(fd[0], room[0], sizeof room[0]);
		m = read(fd[1], room[1], sizeof room[1]);
	} while (n == m && n > 0 && memcmp(room[0], room[1], (size_t)n) == 0);
	close(fd[0]);
	close(fd[1]);
	return n == 0 && m == 0;
}

/* Another program's, of any page size: not a disk that fails. */
START_TEST(a_plain_sqlite_file_is_not_taken_for_ours)
{
	for (unsigned size = 512; size <= 65536; size *= 2) {
		char sql[100];
		struct store *s;
		sqlite3 *other;

		snprintf(sql, sizeof sql, "PRAGMA page_size=%u; CREATE TABLE t (a); INSERT INTO t VALUES (1);", size);
		unlinkat(tempdir_fd, DB, 0);
		ck_assert_int_eq(sqlite3_open(tempdir_path(DB), &other), SQLITE_OK);
		ck_assert_int_eq(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
		ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
		copy(DB, "before");
		ck_refused(store_open(tempdir, &s, &err), ERR_CORRUPT, sql);
		if (size != 4096)	/* else its pages have no sums */
			ck_assert_msg(strstr(err.msg, "not a database"), "%u: %s", size, err.msg);
		ck_assert_msg(is_same("before", DB), "%u: it was changed", size);
	}
}
END_TEST

/* --- damage --- */

#define PRODUCTS 20

static void fill(struct store *s, unsigned from)
{
	struct release_row *r = calloc(1, sizeof *r);
	AUTO(store_tx_end) struct store_tx tx = store_begin(s);

	r->manifest_len = 900;
	r->state = RELEASE_ACTIVE;
	memset(r->manifest, 'm', r->manifest_len);
	for (unsigned i = from; i < from + PRODUCTS; i++) {
		struct product_row p = { .id = hash_of(i), .sequence = 1 };
		struct entry_row en = { .product = p.id, .block = 5, .topics = 1, .data = SPAN_LIT("some data of an entry") };
		struct audit_row a = { .action = "approve", .actor = "maria" };

		snprintf(p.name, sizeof p.name, "acme/p%u", i);
		ck_ok(products_put(s, &p, &err));
		ck_ok(entries_append(s, &en, &err));
		r->product = p.id;
		r->sequence = 1;
		ck_ok(releases_put(s, r, 1, &err));
		ck_ok(images_want(s, &p.id, 10, "bafy", 1, &err));
		ck_ok(devices_put(s, p.name, NULL, NULL, NULL, 1, &err));
		ck_ok(audit_add(s, &a, &err));
	}
	ck_ok(store_commit(&tx, &err));
	free(r);
}

static int see_entry(void *arg, const struct entry_row *en, struct err *e)
{
	(void)arg, (void)e;
	return en->data.n ? ERR_OK : ERR_INTERNAL;
}

static int see_product(void *arg, const struct product_row *p, struct err *e)
{
	return entries_each(arg, &p->id, 0, see_entry, NULL, e);
}

static int see_release(void *arg, const struct release_row *r, struct err *e)
{
	(void)arg, (void)e;
	++*(unsigned *)arg;
	return r->manifest_len == 900 && r->manifest[899] == 'm' && r->state == RELEASE_ACTIVE ? ERR_OK : ERR_PROOF;
}

static int see_image(void *arg, const struct image_row *i, struct err *e)
{
	(void)arg, (void)i, (void)e;
	return ERR_OK;
}

static int see_device(void *arg, const struct device_row *d, struct err *e)
{
	(void)arg, (void)d, (void)e;
	return ERR_OK;
}

/* Reads all there is, as a keeper does after its start. */
static int read_all(struct store *s)
{
	unsigned releases = 0;
	int rc;

	if ((rc = products_each(s, see_product, s, &err)) ||
	    (rc = releases_each(s, &(struct release_query){ 0 }, see_release, &releases, &err)) ||
	    (rc = images_each(s, 0, NULL, 0, see_image, NULL, &err)) ||
	    (rc = devices_each(s, NULL, NULL, 0, see_device, NULL, &err)) || (rc = audit_verify(s, &err)))
		return rc;
	return store_check(s, &err);
}

static char first_found[sizeof err.msg];

static int open_and_read(void)
{
	struct store *s;
	int rc = store_open(tempdir, &s, &err);

	memcpy(first_found, err.msg, sizeof first_found);
	if (rc)
		return rc;
	rc = read_all(s);
	memcpy(first_found, err.msg, sizeof first_found);
	ck_assert_msg((rc == ERR_CORRUPT) == store_is_corrupt(s), "%d %s", rc, err.msg);
	if (rc == ERR_CORRUPT) {	/* sticky */
		uint64_t n;
		ck_refused(devices_count(s, &n, &err), ERR_CORRUPT, "nothing more is believed of it");
	}
	store_close(s);
	return rc;
}

static void filled(void)
{
	struct store *s = open_store();

	fill(s, 1);
	ck_assert_int_eq(read_all(s), ERR_OK);
	store_close(s);
	copy(DB, "whole");
}

/* Some byte of each 512 is flipped in turn. Found as damage, or of no effect; never a crash, never other data. */
START_TEST(flipped_bytes_are_found)
{
	unsigned found = 0, quiet = 0;

	filled();
	for (off_t at = 7; at < tempdir_size("whole"); at += 509) {
		copy("whole", DB);
		tempdir_flip(DB, at);
		int rc = open_and_read();

		ck_assert_msg(rc == ERR_OK || rc == ERR_CORRUPT, "byte %lld: %d %s", (long long)at, rc, err.msg);
		*(rc ? &found : &quiet) += 1;
		unlinkat(tempdir_fd, DB "-wal", 0);
	}
	ck_assert_msg(quiet == 0, "%u of %u flips went unnoticed", quiet, found + quiet);
}
END_TEST

/* The head of page 1 is read before anything else, in part before it can be compared. */
START_TEST(no_flipped_bit_of_the_head_goes_unseen)
{
	uint8_t byte;
	int fd;

	filled();
	fd = openat(tempdir_fd, "whole", O_RDONLY);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 0; at < 100 * 8; at++) {
		copy("whole", DB);
		ck_assert_int_eq(pread(fd, &byte, 1, at / 8), 1);
		byte ^= (uint8_t)(1 << at % 8);
		tempdir_poke(DB, at / 8, &byte, 1);
		int rc = open_and_read();

		ck_assert_msg(rc == ERR_CORRUPT, "byte %lld, bit %lld: %d %s", (long long)at / 8, (long long)at % 8, rc, err.msg);
		unlinkat(tempdir_fd, DB "-wal", 0);
	}
	close(fd);
}
END_TEST

START_TEST(truncations_are_found)
{
	off_t size;

	filled();
	size = tempdir_size("whole");
	for (off_t at = 0; at < size; at += 1999) {
		copy("whole", DB);
		ck_assert_int_eq(truncate(tempdir_path(DB), at), 0);
		int rc = open_and_read();

		/* nothing at all is a new database */
		ck_assert_msg(rc == (at ? ERR_CORRUPT : ERR_OK), "cut at %lld: %d %s", (long long)at, rc, err.msg);
		unlinkat(tempdir_fd, DB "-wal", 0);
	}
}
END_TEST

START_TEST(zeroed_pages_are_found)
{
	static const uint8_t zeros[4096];

	filled();
	for (off_t at = 0; at < tempdir_size("whole"); at += 4096) {
		copy("whole", DB);
		tempdir_poke(DB, at, zeros, sizeof zeros);
		int rc = open_and_read();

		ck_assert_msg(rc == ERR_CORRUPT, "page %lld: %d %s", (long long)at / 4096, rc, err.msg);
		unlinkat(tempdir_fd, DB "-wal", 0);
	}
}
END_TEST

/* --- a process that ends without closing --- */

START_TEST(what_was_committed_survives_a_kill)
{
	for (unsigned n = 1; n <= 8; n++) {
		struct product_row p;
		int status;
		pid_t child = fork();

		if (child == 0) {
			struct store *s = open_store();

			fill(s, n * PRODUCTS);
			struct store_tx tx = store_begin(s);	/* never committed */
			ck_ok(tx.rc);
			p = (struct product_row){ .id = hash_of(9999), .name = "acme/lost" };
			ck_ok(products_put(s, &p, &err));
			_exit(0);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_int_eq(status, 0);
		struct store *s = open_store();
		struct hash32 id = hash_of(n * PRODUCTS), lost = hash_of(9999);
		ck_ok(products_get(s, &id, &p, &err));
		ck_refused(products_get(s, &lost, &p, &err), ERR_NOT_FOUND, "not committed");
		ck_ok(read_all(s));
		store_close(s);
	}
}
END_TEST

/* A flipped byte in the WAL ends what is replayed there: an earlier committed state, whole. */
START_TEST(a_damaged_wal_gives_an_earlier_state)
{
	int status;
	pid_t child = fork();
	off_t size;

	if (child == 0) {
		struct store *s = open_store();

		fill(s, 1);
		fill(s, 1 + PRODUCTS);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	copy(DB, "whole");
	copy(DB "-wal", "whole-wal");
	size = tempdir_size("whole-wal");
	ck_assert_int_gt(size, 0);
	for (off_t at = 3; at < size; at += size / 61) {
		copy("whole", DB);
		copy("whole-wal", DB "-wal");
		tempdir_flip(DB "-wal", at);
		ck_assert_msg(open_and_read() == ERR_OK, "byte %lld: %s", (long long)at, err.msg);
	}
}
END_TEST

static off_t find_in(const char *name, const char *text)
{
	size_t n = (size_t)tempdir_size(name);
	uint8_t *all = malloc(n), *at;
	int fd = openat(tempdir_fd, name, O_RDONLY);

	ck_assert_int_eq(pread(fd, all, n, 0), (ssize_t)n);
	close(fd);
	at = memmem(all, n, text, strlen(text));
	ck_assert_ptr_nonnull(at);
	off_t found = at - all;
	free(all);
	return found;
}

static int see_latched(void *arg, const struct latched_alarm *a, struct err *e)
{
	(void)e;
	memcpy(arg, a->detail, sizeof a->detail);
	return ERR_OK;
}

/* The same while the program runs and has let go of its page cache. */
START_TEST(a_flipped_byte_in_a_live_wal_is_found)
{
	struct store *s = open_store();
	char detail[320];

	ck_ok(mark_latch(s, &(struct latched_alarm){ "quorum-conflict", "", "two quorums", 5 }, &err));
	ck_ok(db_exec(s->db, "PRAGMA shrink_memory", &err));
	ck_ok(mark_each_latched(s, see_latched, detail, &err));
	ck_assert_str_eq(detail, "two quorums");
	tempdir_flip(DB "-wal", find_in(DB "-wal", "two quorums"));
	ck_ok(db_exec(s->db, "PRAGMA shrink_memory", &err));
	ck_refused(mark_each_latched(s, see_latched, detail, &err), ERR_CORRUPT, "a page that is not what was written");
	ck_assert_msg(strstr(err.msg, "not what was written"), "%s", err.msg);
	store_close(s);
}
END_TEST

/* Also in a WAL that another process has left. */
START_TEST(a_flipped_byte_in_a_found_wal_is_found)
{
	struct store *s;
	char detail[320];
	int status;
	pid_t child = fork();

	if (child == 0) {
		s = open_store();
		ck_ok(mark_latch(s, &(struct latched_alarm){ "quorum-conflict", "", "two quorums", 5 }, &err));
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	s = open_store();
	ck_ok(mark_each_latched(s, see_latched, detail, &err));
	ck_assert_str_eq(detail, "two quorums");
	tempdir_flip(DB "-wal", find_in(DB "-wal", "two quorums"));
	ck_ok(db_exec(s->db, "PRAGMA shrink_memory", &err));
	ck_refused(mark_each_latched(s, see_latched, detail, &err), ERR_CORRUPT, "a page that is not what was found");
	store_close(s);
}
END_TEST

/* A card that writes one page in another's place. */
START_TEST(misplaced_pages_are_found)
{
	uint8_t page[4096];
	int fd;

	filled();
	fd = openat(tempdir_fd, "whole", O_RDONLY);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 2 * 4096; at < tempdir_size("whole"); at += 4096) {
		copy("whole", DB);
		ck_assert_int_eq(pread(fd, page, sizeof page, at - 4096), sizeof page);
		tempdir_poke(DB, at, page, sizeof page);
		ck_assert_int_eq(open_and_read(), ERR_CORRUPT);
		/* By its place: what it holds may fit. (8202 is SQLITE_IOERR_DATA, as the integrity check says it.) */
		ck_assert_msg(strstr(first_found, "not what was written") || strstr(first_found, "8202"), "%s", first_found);
		unlinkat(tempdir_fd, DB "-wal", 0);
	}
	close(fd);
}
END_TEST

START_TEST(another_manifest_is_not_the_publishers)
{
	struct store *s = open_store();
	struct hash32 id = hash_of(1);
	struct release_row *r = malloc(sizeof *r);

	fill(s, 1);
	ck_ok(releases_get(s, &id, 1, r, &err));
	ck_ok(db_exec(s->db, "UPDATE release SET manifest = zeroblob(900)", &err));
	ck_refused(releases_get(s, &id, 1, r, &err), ERR_CORRUPT, "a manifest without its digest");
	store_close(s);
	free(r);
}
END_TEST

static int check_in_steps(struct store *s, unsigned *n)
{
	struct store_checking c = { .is_done = false };
	int rc = ERR_OK;

	for (*n = 0; rc == ERR_OK && !c.is_done; ++*n)
		rc = store_check_step(s, &c, &err);
	return rc;
}

/* Pages freed, reused, checkpointed and read again from the disk: nothing good is taken for damage. */
START_TEST(a_long_life_raises_no_false_alarm)
{
	struct store *s = open_store();
	unsigned n;

	for (unsigned round = 0; round < 12; round++) {
		fill(s, 1 + round * PRODUCTS);
		if (round % 3 == 2)
			ck_ok(mark_forget_registry(s, &err));
		ck_ok(db_exec(s->db, "PRAGMA shrink_memory", &err));
		ck_ok(read_all(s));
		ck_ok(check_in_steps(s, &n));
		if (round % 4 == 3) {
			store_close(s);
			s = open_store();
		}
	}
	ck_ok(read_all(s));
	store_close(s);
}
END_TEST

/* Also what lies in SQLite's memory, in pages that nothing uses, and in the WAL. */
START_TEST(the_check_in_steps_finds_what_changed_below_a_running_program)
{
	struct store *s;
	unsigned n, flips = 0;

	filled();
	for (off_t at = 100; at < tempdir_size("whole"); at += 2011) {
		copy("whole", DB);
		s = open_store();
		ck_ok(read_all(s));
		tempdir_flip(DB, at);
		ck_assert_msg(check_in_steps(s, &n) == ERR_CORRUPT && store_is_corrupt(s), "byte %lld", (long long)at);
		store_close(s);
		unlinkat(tempdir_fd, DB "-wal", 0);
		flips++;
	}
	ck_assert_uint_gt(flips, 20);
}
END_TEST

/* More pages than one step takes, and the damage in the last. */
START_TEST(the_check_goes_on_to_the_last_page)
{
	struct store *s = open_store();
	unsigned n;

	for (unsigned round = 0; round < 30; round++)
		fill(s, 1 + round * PRODUCTS);
	ck_ok(mark_forget_registry(s, &err));
	ck_ok(check_in_steps(s, &n));
	ck_assert_int_gt(tempdir_size(DB), 300 * 4096);
	tempdir_flip(DB, tempdir_size(DB) - 3000);
	ck_refused(check_in_steps(s, &n), ERR_CORRUPT, "a page that nothing uses now");
	store_close(s);
}
END_TEST

START_TEST(a_file_that_ends_within_a_page_is_damage)
{
	struct store *s;
	unsigned n;

	filled();
	s = open_store();
	tempdir_poke(DB, tempdir_size(DB), "x", 1);
	ck_refused(check_in_steps(s, &n), ERR_CORRUPT, "more than whole pages");
	store_close(s);
}
END_TEST

/* What nothing uses now will be used again. */
START_TEST(free_pages_are_looked_at)
{
	struct store *s = open_store();
	unsigned n, of_no_use = 0;
	off_t size;

	fill(s, 1);
	ck_ok(mark_forget_registry(s, &err));
	ck_ok(check_in_steps(s, &n));
	store_close(s);
	copy(DB, "whole");
	size = tempdir_size("whole");
	for (off_t at = 0; at < size; at += 4096) {
		copy("whole", DB);
		s = open_store();
		tempdir_flip(DB, at + 200);
		of_no_use += read_all(s) == ERR_OK;
		ck_assert_msg(check_in_steps(s, &n) == ERR_CORRUPT, "page %lld", (long long)at / 4096);
		store_close(s);
		unlinkat(tempdir_fd, DB "-wal", 0);
	}
	ck_assert_msg(of_no_use > 0, "nobody else would have noticed");
}
END_TEST

/* Pages that are what was written may still say what must not be. */
START_TEST(rows_that_must_not_be_are_found)
{
	static const char *const spoils[] = {
		"PRAGMA ignore_check_constraints=ON; UPDATE product SET floor = -1; PRAGMA ignore_check_constraints=OFF",
		"PRAGMA foreign_keys=OFF; DELETE FROM product; PRAGMA foreign_keys=ON",
	};
	unsigned n;

	for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++) {
		struct store *s;

		unlinkat(tempdir_fd, DB, 0);
		s = open_store();
		fill(s, 1);
		ck_ok(check_in_steps(s, &n));
		ck_ok(db_exec(s->db, spoils[i], &err));
		ck_assert_msg(check_in_steps(s, &n) == ERR_CORRUPT, "%s", spoils[i]);
		store_close(s);
	}
}
END_TEST

START_TEST(the_check_in_steps_lets_others_have_their_turn)
{
	struct store *s = open_store();
	unsigned n;

	fill(s, 1);
	ck_assert_int_gt(wal_frames(tempdir_fd, DB "-wal"), 0);
	ck_ok(check_in_steps(s, &n));
	ck_assert_msg(n > 10, "each table is a step of its own: %u", n);
	ck_assert_msg(wal_frames(tempdir_fd, DB "-wal") == 0, "no stale frame is left that a recovery could stumble over");
	store_close(s);
}
END_TEST

/* Somebody who can write the database cannot do so unseen by a monitor that has an earlier hash. */
START_TEST(an_edited_audit_log_is_found)
{
	static const char *const edits[] = {
		"UPDATE audit SET actor = 'nobody' WHERE n = 3", "UPDATE audit SET at_ms = at_ms + 1 WHERE n = 20",
		"UPDATE audit SET subject = 'x', detail = '' WHERE n = 1", "DELETE FROM audit WHERE n = 7",
		"UPDATE audit SET hash = zeroblob(32) WHERE n = 5",
	};
	struct store *s = open_store();

	fill(s, 1);
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		ck_ok(audit_verify(s, &err));
		ck_ok(db_exec(s->db, "BEGIN", &err));
		ck_ok(db_exec(s->db, edits[i], &err));
		ck_refused(audit_verify(s, &err), ERR_PROOF, edits[i]);
		ck_assert_int_eq(strstr(err.msg, "missing") != NULL, strncmp(edits[i], "DELETE", 6) == 0);
		ck_ok(db_exec(s->db, "ROLLBACK", &err));
	}
	store_close(s);
}
END_TEST

START_TEST(the_oldest_audit_records_make_room)
{
	struct audit_row a = { .action = "approve" };
	struct store *s = open_store();
	uint64_t first = 0;

	ck_ok(audit_add(s, &a, &err));
	ck_ok(audit_add(s, &a, &err));
	ck_ok(db_exec(s->db, "UPDATE audit SET n = 100000 WHERE n = 2", &err));
	ck_assert_int_eq(AUDIT_ROWS_MAX, 100000);
	ck_ok(audit_add(s, &a, &err));
	ck_ok(db_pragma_u64(s->db, "SELECT min(n) FROM audit", &first, &err));
	ck_assert_msg(first == 100000, "record 1 made room for record 100001");
	ck_ok(audit_verify(s, &err));
	store_close(s);
}
END_TEST

static bool has_product(unsigned i)
{
	struct store *s = open_store();
	struct product_row p;
	struct hash32 id = hash_of(i);
	int rc = products_get(s, &id, &p, NULL);

	store_close(s);
	return rc == ERR_OK;
}

/* Also when whoever met it went on. */
START_TEST(nothing_is_kept_that_was_built_on_damage)
{
	struct store *s = open_store();
	struct product_row p = { .id = hash_of(1), .name = "acme/p1", .sequence = 1 };
	struct store_tx tx = store_begin(s);

	ck_ok(products_put(s, &p, &err));
	err_drop(db_damage(s->db, &err, "a page"));
	ck_refused(store_commit(&tx, &err), ERR_CORRUPT, "the rest of this transaction");
	store_tx_end(&tx);
	tx = store_begin(s);
	ck_refused(tx.rc, ERR_CORRUPT, "and no other begins");
	ck_refused(store_commit(&tx, &err), ERR_CORRUPT, "and no other begins");
	store_tx_end(&tx);
	store_close(s);
	ck_assert(!has_product(1));
}
END_TEST

START_TEST(no_memory_is_an_error)
{
	struct store *s = open_store();
	struct product_row p;
	struct hash32 id = hash_of(3);

	fill(s, 1);
	sqlite3_hard_heap_limit64(sqlite3_memory_used() + 1);
	int rc = products_get(s, &id, &p, &err);
	for (unsigned i = 0; i < 50 && rc == ERR_OK; i++)
		rc = store_check(s, &err);
	ck_refused(rc, ERR_MEMORY, "SQLite's heap limit");
	ck_assert(!store_is_corrupt(s));
	sqlite3_hard_heap_limit64(DB_HEAP_MAX);
	ck_ok(products_get(s, &id, &p, &err));
	store_close(s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		every_statement_prepares, what_is_asked_of_one_product_reads_no_other, settings_are_in_force,
		options_and_limits_are_in_force, one_owner, older_schemas_grow, an_unknown_version_is_not_migrated,
		a_newer_schema_is_refused_and_left_alone, a_stranger_is_not_taken_for_ours,
		a_plain_sqlite_file_is_not_taken_for_ours, flipped_bytes_are_found,
		truncations_are_found, zeroed_pages_are_found, what_was_committed_survives_a_kill,
		a_damaged_wal_gives_an_earlier_state,
		the_check_goes_on_to_the_last_page, a_file_that_ends_within_a_page_is_damage, no_flipped_bit_of_the_head_goes_unseen, a_flipped_byte_in_a_live_wal_is_found, a_flipped_byte_in_a_found_wal_is_found, misplaced_pages_are_found,
		another_manifest_is_not_the_publishers, a_long_life_raises_no_false_alarm,
		the_check_in_steps_finds_what_changed_below_a_running_program, the_check_in_steps_lets_others_have_their_turn,
		free_pages_are_looked_at, rows_that_must_not_be_are_found,
		an_edited_audit_log_is_found, the_oldest_audit_records_make_room, nothing_is_kept_that_was_built_on_damage, no_memory_is_an_error,
	};
	TCase *t = tcase_create("db");
	Suite *s = suite_create("db");

	tcase_add_checked_fixture(t, tempdir_make, tempdir_remove);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, what_is_no_file_is_no_database, 0, ODDS);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
