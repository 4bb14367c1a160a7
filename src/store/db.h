/* db.h: SQLite, as src/store uses it. Internal: nothing outside src/store includes it.
 *
 *	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
 *		"SELECT size FROM image WHERE sha256 = :sha256");
 *
 *	db_bind_hash(&q, ":sha256", sha256);
 *	if ((rc = db_one(&q, "image", e)))
 *		return rc;
 *	*size = db_u64(&q, 0);
 *	return db_row_ok(&q, e);
 *
 * Each statement is prepared once and kept; all of them lie in one section of
 * the program (struct db_sql), so that a test can prepare every one against the
 * schema. Binders and column readers keep the first failure, which comes out of
 * db_run, db_one or db_row_ok; so a function reads as its statement.
 * Damage of any kind, also of content (pagesum.h), is ERR_CORRUPT and stays so
 * (db_is_corrupt). */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

#include <sqlite3.h>

struct db;

/* What a file is: PRAGMA application_id ("Gtpt"). */
#define DB_APPLICATION_ID 0x47747074

MUST_USE int db_open(const char *path, struct db **out, bool *is_new, struct err *e);
void db_close(struct db *db);
/* Closing leaves the WAL's file. */
void db_keep_wal(struct db *db);
/* Closing leaves database and WAL as they lie there. */
void db_leave_wal(struct db *db, bool leaves);
bool db_is_corrupt(const struct db *db);
/* Reads have met EIO; the whole file was read since. */
bool db_is_unreadable(const struct db *db);
void db_was_read(struct db *db);

/* Sets e from SQLite's present error and notes corruption. */
int db_fail(struct db *db, int sqlite_rc, struct err *e, const char *what);

/* The file holds what we never wrote. */
int db_damage(struct db *db, struct err *e, const char *what);
/* Why nothing can be done now: ERR_CORRUPT once damage was found; in a part that could not begin, or that is spoilt (by the disk,
 * or want of memory, in any statement since), the reason. */
int db_refuse(struct db *db, struct err *e);

/* From now on what is read of the file comes from the disk, as far as the kernel goes along. */
void db_forget_pages(struct db *db);
/* Compares n pages of the main file, from the given one on, with their checksums; *n says how many there were. */
MUST_USE int db_check_pages(struct db *db, uint64_t from, uint64_t *n, struct err *e);

/* Text without parameters or results, for pragmas, BEGIN and migrations. */
MUST_USE int db_exec(struct db *db, const char *sql, struct err *e);
/* The first column of a statement's first row. */
MUST_USE int db_pragma_u64(struct db *db, const char *sql, uint64_t *out, struct err *e);

/* One migration: a file of sql/, embedded at build time in order. */
struct db_migration {
	unsigned version;
	const char *name;
	const char *sql;
};
extern const struct db_migration db_migrations[];
extern const unsigned db_migrations_n;
/* Runs those that are missing, each in a transaction. ERR_RULE: the file's schema is newer than the newest of m. */
MUST_USE int db_migrate(struct db *db, const struct db_migration *m, unsigned n, struct err *e);

/* A part of a transaction, or a transaction of its own where none is open. Undone at the end of its scope unless
 * db_part_keep() succeeded. They nest. */
struct db_part {
	struct db *db;		/* NULL once it is kept or undone */
	bool is_outermost;
	int rc;			/* of its beginning; db_part_keep reports it */
	struct err err;
};
struct db_part db_part(struct db *db);
MUST_USE int db_part_keep(struct db_part *p, struct err *e);
void db_part_end(struct db_part *p);

/* A statement's text, one for each place in the program that prepares one. */
struct db_sql {
	const char *text;
};
/* All of them: the linker makes these names from the section's. */
extern const struct db_sql __start_db_sql[], __stop_db_sql[];

struct db_stmt {
	struct db *db;
	sqlite3_stmt *q;
	struct db_kept *kept;	/* its place in db's list; NULL when that one was in use (a walk within a walk) */
	int rc;			/* first failure: an enum err_code */
	struct err err;
};

#define db_prepare(db, sql_text) __extension__({						\
	static const struct db_sql sql_ __attribute__((section("db_sql"), used)) = { sql_text };	\
	db_stmt_of((db), &sql_); })
struct db_stmt db_stmt_of(struct db *db, const struct db_sql *sql);
void db_stmt_end(struct db_stmt *q);

void db_bind_u64(struct db_stmt *q, const char *name, uint64_t v);	/* over INT64_MAX: ERR_LIMIT */
void db_bind_i64(struct db_stmt *q, const char *name, int64_t v);
void db_bind_limit(struct db_stmt *q, uint32_t limit);	/* ":limit"; 0: none */
void db_bind_bool(struct db_stmt *q, const char *name, bool v);
void db_bind_text(struct db_stmt *q, const char *name, const char *v);	/* NULL: SQL NULL. Borrowed until db_stmt_end */
void db_bind_span(struct db_stmt *q, const char *name, struct span v);	/* p == NULL: SQL NULL. Borrowed until db_stmt_end */
void db_bind_hash(struct db_stmt *q, const char *name, const struct hash32 *v);	/* NULL: SQL NULL */
void db_bind_addr(struct db_stmt *q, const char *name, const struct addr20 *v);

/* To the end, no rows wanted. */
MUST_USE int db_run(struct db_stmt *q, struct err *e);
/* Is there another row? At the end db_row_ok says whether it was the end or a failure. */
MUST_USE bool db_next(struct db_stmt *q);
/* The first row; ERR_NOT_FOUND with "no such WHAT". */
MUST_USE int db_one(struct db_stmt *q, const char *what, struct err *e);
/* Did all go well so far, and was each column as it must be? */
MUST_USE int db_row_ok(struct db_stmt *q, struct err *e);
/* Rows that the last statement changed. */
uint64_t db_changes(struct db *db);

/* Columns of the present row. A value of another type or length than asked for is damage: ERR_CORRUPT in
 * db_row_ok, zeros or an empty span here. Spans live until the next step. */
uint64_t db_u64(struct db_stmt *q, int col);
int64_t db_i64(struct db_stmt *q, int col);
bool db_bool(struct db_stmt *q, int col);
bool db_is_null(struct db_stmt *q, int col);
struct span db_span(struct db_stmt *q, int col);
void db_hash(struct db_stmt *q, int col, struct hash32 *out);
void db_addr(struct db_stmt *q, int col, struct addr20 *out);
/* NUL-terminated into out; NULL in the column gives "". */
void db_text(struct db_stmt *q, int col, char *out, size_t cap);

#endif
