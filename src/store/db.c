/* db.c: the connection: how it is opened, what its errors mean, how its schema grows. */
#include "store/db_own.h"
#include "store/pagesum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOCK_PAGE (0x40000000 / PAGESUM_PAGE)	/* SQLite locks bytes of it, and never writes one */
#define FDS_LOOKED_AT 256	/* the keeper opens its database early: its descriptors are small numbers */

static int code_of_system(int sys)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
		return ERR_NO_SPACE;
	case EROFS:
		return ERR_READ_ONLY;
	default:
		return ERR_IO;
	}
}

static int code_of_sqlite(struct db *db, int sqlite_rc)
{
	if (sqlite_rc == SQLITE_IOERR_DATA || sqlite_rc == SQLITE_IOERR_SHORT_READ)
		return ERR_CORRUPT;
	/* EIO from a read. Once, it is a card that hiccuped, and no reason to ask for everything anew. */
	if (sqlite_rc == SQLITE_IOERR_CORRUPTFS)
		return ++db->unreadable < DB_UNREADABLE_MAX ? ERR_IO : ERR_CORRUPT;
	switch (sqlite_rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return ERR_CORRUPT;
	case SQLITE_FULL:
		return ERR_NO_SPACE;
	case SQLITE_READONLY:
		return ERR_READ_ONLY;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return code_of_system(db->h ? sqlite3_system_errno(db->h) : 0);
	case SQLITE_NOMEM:
		return ERR_MEMORY;
	case SQLITE_TOOBIG:
		return ERR_LIMIT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return ERR_DENIED;
	default:
		return ERR_INTERNAL;
	}
}

static int code_of_constraint(int sqlite_rc)
{
	switch (sqlite_rc) {
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_ROWID:
		return ERR_EXISTS;
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return ERR_NOT_FOUND;
	default:
		return ERR_INTERNAL;	/* a CHECK: the caller's values were checked before */
	}
}

static int describe(struct db *db, int sqlite_rc, struct err *e, const char *what)
{
	bool is_constraint = (sqlite_rc & 0xff) == SQLITE_CONSTRAINT;
	int code = is_constraint ? code_of_constraint(sqlite_rc) : code_of_sqlite(db, sqlite_rc);
	int sys = code == ERR_IO && db->h ? sqlite3_system_errno(db->h) : 0;

	if (sqlite_rc == SQLITE_IOERR_DATA)
		return err_set(e, (enum err_code)code, "database: %s: a page is not what was written there", what);
	err_set(e, (enum err_code)code, "database: %s: %s (%d)%s%s", what, db->h ? sqlite3_errmsg(db->h) : sqlite3_errstr(sqlite_rc), sqlite_rc,
		sys ? ": " : "", sys ? strerror(sys) : "");
	e->sys = sys;
	return code;
}

/* After most of what is not the caller's doing SQLite undoes the whole transaction; of a statement with a journal of its own sometimes only that. */
static bool spoils(const struct db *db, int code)
{
	return code == ERR_NO_SPACE || code == ERR_MEMORY || sqlite3_get_autocommit(db->h);
}

int db_fail(struct db *db, int sqlite_rc, struct err *e, const char *what)
{
	struct err why = { 0 };
	int code = describe(db, sqlite_rc, &why, what);

	if (code == ERR_CORRUPT)
		db->is_corrupt = true;
	if (db->is_begun && db->spoilt.code == ERR_OK && spoils(db, code))
		db->spoilt = why;
	return err_tell(e, &why);
}

int db_damage(struct db *db, struct err *e, const char *what)
{
	db->is_corrupt = true;
	return err_set(e, ERR_CORRUPT, "database: %s", what);
}

int db_refuse(struct db *db, struct err *e)
{
	if (db->is_corrupt)
		return db_damage(db, e, "it was found damaged before");
	return db->not_begun ? err_tell(e, &db->why_not_begun) : err_tell(e, &db->spoilt);
}

bool db_is_unreadable(const struct db *db)
{
	return db->unreadable > 0;
}

void db_was_read(struct db *db)
{
	db->unreadable = 0;
}

bool db_is_corrupt(const struct db *db)
{
	return db->is_corrupt;
}

int db_exec(struct db *db, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? ERR_OK : db_fail(db, rc, e, "exec");
}

/* SQLite's own descriptors of the file: opening another one, and closing it, would give up its lock. */
static void forget_file(const char *path)
{
	struct stat want, have;

	if (!path || stat(path, &want) < 0)
		return;
	for (int fd = 3; fd < FDS_LOOKED_AT; fd++)
		if (fstat(fd, &have) == 0 && have.st_dev == want.st_dev && have.st_ino == want.st_ino)
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

void db_forget_pages(struct db *db)
{
	const char *path = sqlite3_db_filename(db->h, "main");

	forget_file(path);
	forget_file(path ? sqlite3_filename_wal(path) : NULL);
}

/* Its checksum is compared below SQLite, on the way. */
static int check_page(struct db *db, sqlite3_file *f, uint64_t page, struct err *e)
{
	uint8_t bytes[PAGESUM_PAGE];
	int rc = page == LOCK_PAGE ? SQLITE_OK : f->pMethods->xRead(f, bytes, sizeof bytes, (sqlite3_int64)page * PAGESUM_PAGE);

	return rc == SQLITE_OK ? ERR_OK : db_fail(db, rc, e, "page");
}

int db_check_pages(struct db *db, uint64_t from, uint64_t *n, struct err *e)
{
	sqlite3_file *f = NULL;
	sqlite3_int64 size = 0;
	uint64_t pages, at = from;
	int rc = sqlite3_file_control(db->h, "main", SQLITE_FCNTL_FILE_POINTER, &f);

	if (rc == SQLITE_OK)
		rc = f->pMethods->xFileSize(f, &size);
	if (rc != SQLITE_OK)
		return db_fail(db, rc, e, "size");
	if (size % PAGESUM_PAGE != 0)
		return db_damage(db, e, "the file ends within a page");
	pages = (uint64_t)size / PAGESUM_PAGE;
	for (; at < pages && at - from < *n; at++)
		if ((rc = check_page(db, f, at, e)))
			return rc;
	*n = at - from;
	return ERR_OK;
}

int db_pragma_u64(struct db *db, const char *sql, uint64_t *out, struct err *e)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(db->h, sql, -1, &q, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*out = (uint64_t)sqlite3_column_int64(q, 0);
	rc = rc == SQLITE_ROW ? ERR_OK : db_fail(db, rc, e, sql);
	sqlite3_finalize(q);
	return rc;
}

static int set_options(struct db *db, struct err *e)
{
	static const struct { int option, value; } options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		int now = -1;
		int rc = sqlite3_db_config(db->h, options[i].option, options[i].value, &now);

		if (rc != SQLITE_OK || now != options[i].value)
			return err_set(e, ERR_INTERNAL, "database: SQLite does not take option %d", options[i].option);
	}
	return ERR_OK;
}

/* What a statement of ours can need, with some room; a damaged schema gets no further. */
static void set_limits(struct db *db)
{
	static const struct { int limit, value; } limits[] = {
		{ SQLITE_LIMIT_LENGTH, DB_VALUE_MAX },
		{ SQLITE_LIMIT_SQL_LENGTH, 16 * KIB },
		{ SQLITE_LIMIT_COLUMN, 64 },
		{ SQLITE_LIMIT_EXPR_DEPTH, 64 },
		{ SQLITE_LIMIT_COMPOUND_SELECT, 8 },
		{ SQLITE_LIMIT_VDBE_OP, 25000 },
		{ SQLITE_LIMIT_FUNCTION_ARG, 8 },
		{ SQLITE_LIMIT_ATTACHED, 0 },
		{ SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64 },
		{ SQLITE_LIMIT_VARIABLE_NUMBER, 64 },
		{ SQLITE_LIMIT_TRIGGER_DEPTH, 8 },
		{ SQLITE_LIMIT_WORKER_THREADS, 0 },
	};

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		sqlite3_limit(db->h, limits[i].limit, limits[i].value);
}

static int set_pragmas(struct db *db, struct err *e)
{
	/* EXCLUSIVE before WAL: then the WAL index lives in our memory and no -shm file is made. What is set as an option is not
	 * set here once more. */
	static const char *const pragmas =
		"PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		"PRAGMA wal_autocheckpoint=256; PRAGMA journal_size_limit=1048576; PRAGMA mmap_size=0;"
		"PRAGMA cell_size_check=ON;"
		"PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2048;";

	return db_exec(db, pragmas, e);
}

/* Reads the file for the first time, so damage and a second owner show here. */
static int look(struct db *db, bool *is_new, struct err *e)
{
	uint64_t tables, app = 0;
	int rc;

	if ((rc = db_exec(db, "BEGIN IMMEDIATE; COMMIT", e)) ||
	    (rc = db_pragma_u64(db, "SELECT count(*) FROM sqlite_schema", &tables, e)) ||
	    (rc = db_pragma_u64(db, "PRAGMA application_id", &app, e)))
		return rc;
	if (app != DB_APPLICATION_ID && (tables > 0 || app != 0))
		return db_damage(db, e, "this file is not one of gatepost's");
	*is_new = tables == 0;
	return ERR_OK;
}

static int db_setup(struct db *db, const char *path, bool *is_new, struct err *e)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int reserved = PAGESUM_LEN;
	int rc;

	sqlite3_hard_heap_limit64(DB_HEAP_MAX);
	rc = pagesum_register();
	if (rc == SQLITE_OK)
		rc = sqlite3_open_v2(path, &db->h, flags, PAGESUM_VFS);
	/* Counts when the file is made; in an old one it is part of page 1. */
	if (rc == SQLITE_OK)
		rc = sqlite3_file_control(db->h, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
	if (rc != SQLITE_OK)
		return db_fail(db, rc, e, path);
	sqlite3_extended_result_codes(db->h, 1);
	if ((rc = set_options(db, e)))
		return rc;
	set_limits(db);
	if ((rc = set_pragmas(db, e)))
		return rc;
	return look(db, is_new, e);
}

int db_open(const char *path, struct db **out, bool *is_new, struct err *e)
{
	struct db *db = calloc(1, sizeof *db);
	int rc;

	if (!db)
		return err_set(e, ERR_MEMORY, "database: no memory");
	db->kept_n = (size_t)(__stop_db_sql - __start_db_sql);
	db->kept = calloc(db->kept_n, sizeof *db->kept);
	if (!db->kept)
		rc = err_set(e, ERR_MEMORY, "database: no memory");
	else
		rc = db_setup(db, path, is_new, e);
	if (rc) {
		db_leave_wal(db, true);
		db_close(db);
		return rc;
	}
	*out = db;
	return ERR_OK;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; db->kept && i < db->kept_n; i++)
		sqlite3_finalize(db->kept[i].q);
	sqlite3_close_v2(db->h);
	free(db->kept);
	free(db);
}

void db_keep_wal(struct db *db)
{
	int keeps = 1;

	/* One in memory has none. */
	(void)sqlite3_file_control(db->h, "main", SQLITE_FCNTL_PERSIST_WAL, &keeps);
}

void db_leave_wal(struct db *db, bool leaves)
{
	if (db->h)
		(void)sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int)leaves, NULL);
}

static int migrate_one(struct db *db, const struct db_migration *m, struct err *e)
{
	char pragma[96];
	AUTO(db_part_end) struct db_part part = db_part(db);
	int rc;

	snprintf(pragma, sizeof pragma, "PRAGMA application_id=%d; PRAGMA user_version=%u", DB_APPLICATION_ID, m->version);
	if ((rc = db_exec(db, m->sql, e)) || (rc = db_exec(db, pragma, e)) || (rc = db_part_keep(&part, e)))
		return err_wrap(e, "migration %s", m->name);
	return ERR_OK;
}

int db_migrate(struct db *db, const struct db_migration *m, unsigned n, struct err *e)
{
	uint64_t have = 0;
	int rc = db_pragma_u64(db, "PRAGMA user_version", &have, e);

	if (have > n)
		return err_set(e, ERR_RULE, "the database has schema %llu, this gatepost knows %u: it was written by a newer one",
			       (unsigned long long)have, n);
	for (unsigned i = (unsigned)have; i < n && rc == ERR_OK; i++)
		rc = migrate_one(db, &m[i], e);
	return rc;
}

/* Kept statements: hundreds of parts are one settle. */
static int savepoint(struct db *db, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(db, "SAVEPOINT part");

	return db_run(&q, e);
}

static int release(struct db *db, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(db, "RELEASE part");

	return db_run(&q, e);
}

/* IMMEDIATE: what cannot be written fails here, not in the middle. */
static int begin(struct db *db, struct err *e)
{
	int rc = db_refuse(db, e);

	return rc ? rc : db_exec(db, "BEGIN IMMEDIATE", e);
}

/* Nor is anything kept that was built on damage, whoever has overlooked it. */
static int commit(struct db *db, struct err *e)
{
	int rc = db_refuse(db, e);

	return rc ? rc : db_exec(db, "COMMIT", e);
}

struct db_part db_part(struct db *db)
{
	struct db_part p = { .db = db };
	struct err why = { 0 };

	p.is_outermost = sqlite3_get_autocommit(db->h) != 0;
	p.rc = p.is_outermost ? begin(db, &why) : savepoint(db, &why);
	if (p.rc && db->not_begun++ == 0)
		db->why_not_begun = why;
	db->is_begun |= p.is_outermost && !p.rc;
	return p;
}

void db_committed(struct db *db)
{
	if (db->on_commit && sqlite3_get_autocommit(db->h))
		db->on_commit(db->on_commit_arg);
}

static void over(struct db *db)
{
	db->is_begun = false;
	db->spoilt = (struct err){ 0 };
}

int db_part_keep(struct db_part *p, struct err *e)
{
	int rc = p->is_outermost ? commit(p->db, e) : release(p->db, e);	/* which refuse what could not begin */

	if (rc)
		return rc;
	if (p->is_outermost)
		over(p->db);
	db_committed(p->db);
	p->db = NULL;
	return ERR_OK;
}

/* It fails where SQLite has rolled back by itself (disk full, I/O), and the next statement says what is wrong. Where a transaction is open
 * all the same, memory was wanting, and what is to be spoilt would be kept with the next part: SQLite undoes it at the next start. */
static void undo(struct db_part *p)
{
	int rc = db_exec(p->db, p->is_outermost ? "ROLLBACK" : "ROLLBACK TO part; RELEASE part", NULL);

	if (rc && !sqlite3_get_autocommit(p->db->h))
		err_no_memory();
}

void db_part_end(struct db_part *p)
{
	if (!p->db)
		return;
	if (p->rc)
		p->db->not_begun--;
	else
		undo(p);
	if (p->is_outermost && !p->rc)
		over(p->db);
	p->db = NULL;
}
