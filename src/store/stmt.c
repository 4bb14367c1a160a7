/* stmt.c: prepared statements with sticky binders and column readers. */
#include "store/db_own.h"

#include <string.h>

static void stmt_fail(struct db_stmt *q, int sqlite_rc, const char *what)
{
	if (q->rc == ERR_OK)
		q->rc = db_fail(q->db, sqlite_rc, &q->err, what);
}

static void prepare(struct db_stmt *q, const char *text, unsigned flags)
{
	int rc = sqlite3_prepare_v3(q->db->h, text, -1, flags, &q->q, NULL);

	/* Every text was prepared against our schema by a test: what does not prepare here met another schema. */
	if (rc == SQLITE_ERROR)
		q->rc = db_damage(q->db, &q->err, sqlite3_errmsg(q->db->h));
	else if (rc != SQLITE_OK)
		stmt_fail(q, rc, "prepare");
}

struct db_stmt db_stmt_of(struct db *db, const struct db_sql *sql)
{
	struct db_kept *kept = &db->kept[sql - __start_db_sql];
	struct db_stmt q = { .db = db };

	q.rc = db_refuse(db, &q.err);
	if (q.rc)
		return q;
	if (kept->is_in_use) {
		prepare(&q, sql->text, 0);
		return q;
	}
	q.q = kept->q;
	if (!q.q)
		prepare(&q, sql->text, SQLITE_PREPARE_PERSISTENT);
	if (!q.q)
		return q;
	kept->q = q.q;
	kept->is_in_use = true;
	q.kept = kept;
	return q;
}

void db_stmt_end(struct db_stmt *q)
{
	if (!q->kept) {
		sqlite3_finalize(q->q);
		return;
	}
	/* Bound texts are the caller's and end with this scope. */
	sqlite3_reset(q->q);
	sqlite3_clear_bindings(q->q);
	q->kept->is_in_use = false;
}

/* The parameter's number, or 0 and a failure. */
static int place(struct db_stmt *q, const char *name)
{
	int at = q->rc ? 0 : sqlite3_bind_parameter_index(q->q, name);

	if (at == 0 && q->rc == ERR_OK)
		q->rc = err_set(&q->err, ERR_INTERNAL, "database: a statement has no parameter %s", name);
	return at;
}

static void bound(struct db_stmt *q, int rc)
{
	if (rc != SQLITE_OK)
		stmt_fail(q, rc, "bind");
}

void db_bind_i64(struct db_stmt *q, const char *name, int64_t v)
{
	int at = place(q, name);

	if (at)
		bound(q, sqlite3_bind_int64(q->q, at, v));
}

void db_bind_u64(struct db_stmt *q, const char *name, uint64_t v)
{
	if (v > INT64_MAX && q->rc == ERR_OK)
		q->rc = err_set(&q->err, ERR_LIMIT, "%s is %llu, more than can be kept", name + 1, (unsigned long long)v);
	else
		db_bind_i64(q, name, (int64_t)v);
}

void db_bind_bool(struct db_stmt *q, const char *name, bool v)
{
	db_bind_i64(q, name, v);
}

void db_bind_limit(struct db_stmt *q, uint32_t limit)
{
	db_bind_i64(q, ":limit", limit ? (int64_t)limit : -1);
}

void db_bind_text(struct db_stmt *q, const char *name, const char *v)
{
	int at = place(q, name);

	if (at)
		bound(q, v ? sqlite3_bind_text(q->q, at, v, -1, SQLITE_STATIC) : sqlite3_bind_null(q->q, at));
}

void db_bind_span(struct db_stmt *q, const char *name, struct span v)
{
	int at = place(q, name);

	if (at)
		bound(q, v.p ? sqlite3_bind_blob64(q->q, at, v.p, v.n, SQLITE_STATIC) : sqlite3_bind_null(q->q, at));
}

void db_bind_hash(struct db_stmt *q, const char *name, const struct hash32 *v)
{
	db_bind_span(q, name, v ? SPAN(v->b, sizeof v->b) : SPAN(NULL, 0));
}

void db_bind_addr(struct db_stmt *q, const char *name, const struct addr20 *v)
{
	db_bind_span(q, name, v ? SPAN(v->b, sizeof v->b) : SPAN(NULL, 0));
}

int db_row_ok(struct db_stmt *q, struct err *e)
{
	if (q->rc && e)
		*e = q->err;
	return q->rc;
}

bool db_next(struct db_stmt *q)
{
	int rc;

	if (q->rc)
		return false;
	rc = sqlite3_step(q->q);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		stmt_fail(q, rc, "step");
	return rc == SQLITE_ROW;
}

int db_run(struct db_stmt *q, struct err *e)
{
	while (db_next(q))
		;
	if (q->rc == ERR_OK)
		db_committed(q->db);
	return db_row_ok(q, e);
}

int db_one(struct db_stmt *q, const char *what, struct err *e)
{
	if (!db_next(q) && q->rc == ERR_OK)
		return err_set(e, ERR_NOT_FOUND, "no such %s", what);
	return db_row_ok(q, e);
}

uint64_t db_changes(struct db *db)
{
	return (uint64_t)sqlite3_changes64(db->h);
}

/* A column that cannot be what it is: our CHECKs let no such row in, so the file changed under us. */
static bool is_odd(struct db_stmt *q, bool fits)
{
	if (q->rc)
		return true;
	if (fits)
		return false;
	q->rc = db_damage(q->db, &q->err, "a value is not of its column's kind");
	return true;
}

bool db_is_null(struct db_stmt *q, int col)
{
	return q->rc || sqlite3_column_type(q->q, col) == SQLITE_NULL;
}

int64_t db_i64(struct db_stmt *q, int col)
{
	if (is_odd(q, q->rc == ERR_OK && sqlite3_column_type(q->q, col) == SQLITE_INTEGER))
		return 0;
	return sqlite3_column_int64(q->q, col);
}

uint64_t db_u64(struct db_stmt *q, int col)
{
	int64_t v = db_i64(q, col);

	return is_odd(q, v >= 0) ? 0 : (uint64_t)v;
}

bool db_bool(struct db_stmt *q, int col)
{
	return db_u64(q, col) != 0;
}

struct span db_span(struct db_stmt *q, int col)
{
	const void *p;
	int type = q->rc ? SQLITE_NULL : sqlite3_column_type(q->q, col);

	if (is_odd(q, type == SQLITE_BLOB || type == SQLITE_NULL))
		return SPAN(NULL, 0);
	p = sqlite3_column_blob(q->q, col);
	return SPAN(p, (size_t)sqlite3_column_bytes(q->q, col));
}

static void fixed(struct db_stmt *q, int col, uint8_t *out, size_t n)
{
	struct span s = db_span(q, col);

	if (is_odd(q, s.n == n))
		memset(out, 0, n);
	else
		memcpy(out, s.p, n);
}

void db_hash(struct db_stmt *q, int col, struct hash32 *out)
{
	fixed(q, col, out->b, sizeof out->b);
}

void db_addr(struct db_stmt *q, int col, struct addr20 *out)
{
	fixed(q, col, out->b, sizeof out->b);
}

void db_text(struct db_stmt *q, int col, char *out, size_t cap)
{
	int type = q->rc ? SQLITE_NULL : sqlite3_column_type(q->q, col);
	const unsigned char *text = NULL;
	size_t n = 0;

	if (!is_odd(q, type == SQLITE_TEXT || type == SQLITE_NULL) && type == SQLITE_TEXT) {
		text = sqlite3_column_text(q->q, col);
		n = (size_t)sqlite3_column_bytes(q->q, col);
	}
	if (n >= cap || (text && memchr(text, 0, n)))
		(void)is_odd(q, false), n = 0;
	if (n)
		memcpy(out, text, n);
	out[n] = 0;
}
