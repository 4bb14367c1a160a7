/* store_check.c: is the database what we wrote? Content by the pages' checksums (pagesum.h), structure by SQLite's own check.
 *
 * The kernel keeps pages in memory, and is told to forget them first. SQLite has some too: their content is read from the file all
 * the same, page by page, and their structure is then what memory says of it. */
#include "store/store_own.h"

#include <stdlib.h>
#include <string.h>

#define CODE "error code="
#define PAGES_A_STEP 256	/* 1 MiB: some milliseconds */

/* A check tells of a read that failed, or had no memory, as of any other fault: "unable to get the page. error code=8458". What kept it from
 * reading; SQLITE_OK: nothing did. (A page that is not what was written is one such code too: db_fail knows.) */
static int kept_from_reading(const char *said)
{
	const char *at = strstr(said, CODE);
	long code = at ? strtol(at + sizeof CODE - 1, NULL, 10) : SQLITE_OK;
	long kind = code & 0xff;

	return kind == SQLITE_IOERR || kind == SQLITE_NOMEM ? (int)code : SQLITE_OK;
}

/* "ok", or the first thing that is wrong. */
static int expect_ok(struct store *s, struct db_stmt *q, struct err *e)
{
	char said[200];
	int rc, kept;

	if ((rc = db_one(q, "answer", e)))
		return rc;
	db_text(q, 0, said, sizeof said);
	if ((rc = db_row_ok(q, e)))
		return rc;
	for (char *p = said; (p = strchr(p, '\n'));)
		*p = ' ';		/* a message is one line */
	if ((kept = kept_from_reading(said)) != SQLITE_OK)
		return db_fail(s->db, kept, e, said);
	return strcmp(said, "ok") == 0 ? ERR_OK : db_damage(s->db, e, said);
}

static int check_references(struct store *s, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "PRAGMA foreign_key_check");

	if (db_next(&q))
		return db_damage(s->db, e, "a row belongs to one that is not there");
	return db_row_ok(&q, e);
}

static int check_structure(struct store *s, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "PRAGMA integrity_check(1)");

	return expect_ok(s, &q, e);
}

int store_check(struct store *s, struct err *e)
{
	int rc = check_structure(s, e);

	if (!rc)
		rc = check_references(s, e);
	if (!rc)
		db_was_read(s->db);
	return rc;
}

/* The Nth table's name; ERR_NOT_FOUND: there are no more. */
static int table_name(struct store *s, uint64_t nth, char *name, size_t cap, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name LIMIT 1 OFFSET :nth");
	int rc;

	db_bind_u64(&q, ":nth", nth);
	if ((rc = db_one(&q, "table", e)))
		return rc;
	db_text(&q, 0, name, cap);
	return db_row_ok(&q, e);
}

static int check_table(struct store *s, const char *name, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "SELECT integrity_check FROM pragma_integrity_check(:name)");

	db_bind_text(&q, ":name", name);
	return expect_ok(s, &q, e);
}

/* The WAL goes into the file, and with it frames that nobody reads any more: a damaged one among them would let the recovery
 * after a power cut end there, before later ones that count. */
static int begin(struct store *s, struct err *e)
{
	int rc = db_exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)", e);

	db_forget_pages(s->db);
	return rc;
}

static int check_pages(struct store *s, struct store_checking *c, bool *is_end, struct err *e)
{
	uint64_t n = PAGES_A_STEP;
	int rc;

	if (c->pages == 0 && (rc = begin(s, e)))
		return rc;
	if ((rc = db_check_pages(s->db, c->pages, &n, e)))
		return rc;
	c->pages += n;
	*is_end = n < PAGES_A_STEP;
	return ERR_OK;
}

static int check_next_table(struct store *s, struct store_checking *c, struct err *e)
{
	char name[128];
	struct err why = { 0 };
	int rc = table_name(s, c->tables, name, sizeof name, &why);

	if (rc == ERR_NOT_FOUND) {
		c->is_done = true;
		return check_references(s, e);
	}
	if (rc)
		return err_tell(e, &why);
	c->tables++;
	return check_table(s, name, e);
}

int store_check_step(struct store *s, struct store_checking *c, struct err *e)
{
	bool is_end = false;

	if (c->tables > 0 || c->is_done)
		return c->is_done ? ERR_OK : check_next_table(s, c, e);
	int rc = check_pages(s, c, &is_end, e);

	if (rc || !is_end)
		return rc;
	/* The list of tables is one itself, and the smallest. */
	return check_next_table(s, c, e);
}
