/* own.c: see own.h. */
#include "store/own.h"
#include "store/store_own.h"
#include "store/db_own.h"

/* A row of the first statement is the second's parameters, by number. */
struct move {
	struct db_sql read, write;
};

/* Among the other statements, so that they are kept prepared, and the test that prepares every statement sees them. Without gaps:
 * the section is read as one array. */
#define MOVES static const struct move __attribute__((section("db_sql"), used, aligned(__alignof__(struct db_sql))))

/* Only products of which the operator said something: the others come with the configuration or the chain. */
#define OF_THE_OPERATOR \
	"SELECT id, name, registrant, is_pinned FROM product WHERE is_pinned = 1" \
	" OR id IN (SELECT product FROM decision) OR id IN (SELECT product FROM accepted_set)"
/* As ledger_init makes a product that it meets for the first time. */
#define NEW_PRODUCT \
	"INSERT INTO product (id, name, registrant, is_pinned, owner, signers, head, sequence, floor, last_block)" \
	" VALUES (?1, ?2, ?3, ?4, zeroblob(20), X'0000', zeroblob(32), 0, 0, 0) ON CONFLICT DO NOTHING"

MOVES all[] = {
	{ { OF_THE_OPERATOR }, { NEW_PRODUCT } },
	{ { "SELECT product, sequence, manifest_sha256, decision, at_ms FROM decision" },
	  { "INSERT INTO decision (product, sequence, manifest_sha256, decision, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)" } },
	{ { "SELECT product, set_id, at_ms FROM accepted_set" },
	  { "INSERT INTO accepted_set (product, set_id, at_ms) VALUES (?1, ?2, ?3)" } },
	{ { "SELECT code, subject, detail, since_ms FROM latched" },
	  { "INSERT INTO latched (code, subject, detail, since_ms) VALUES (?1, ?2, ?3, ?4)" } },
	{ { "SELECT device, is_listed, product, channel, grp, version, sequence, state, reason, progress, address, protocol,"
	    " first_seen_ms, last_seen_ms, reported_ms, bytes FROM device" },
	  { "INSERT INTO device (device, is_listed, product, channel, grp, version, sequence, state, reason, progress, address, protocol,"
	    " first_seen_ms, last_seen_ms, reported_ms, bytes)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)" } },
	{ { "SELECT device, product, channel, sequence FROM device_floor" },
	  { "INSERT INTO device_floor (device, product, channel, sequence) VALUES (?1, ?2, ?3, ?4)" } },
};

/* A hold of either counts; so do all alarms, and the higher floor. A device that the backup does not know is one that
 * showed itself, whoever listed it since. */
MOVES rising[] = {
	{ { "SELECT id, name, registrant, 0 FROM product WHERE id IN (SELECT product FROM decision WHERE decision = 'held')" }, { NEW_PRODUCT } },
	{ { "SELECT product, sequence, manifest_sha256, at_ms FROM decision WHERE decision = 'held'" },
	  { "INSERT INTO decision (product, sequence, manifest_sha256, decision, at_ms)"
	    " SELECT ?1, ?2, ?3, 'held', ?4 WHERE EXISTS (SELECT 1 FROM product WHERE id = ?1)"
	    " ON CONFLICT (product, sequence, manifest_sha256) DO UPDATE SET decision = excluded.decision, at_ms = excluded.at_ms" } },
	{ { "SELECT code, subject, detail, since_ms FROM latched" },
	  { "INSERT INTO latched (code, subject, detail, since_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (code, subject) DO NOTHING" } },
	{ { "SELECT device, first_seen_ms, last_seen_ms FROM device WHERE device IN (SELECT device FROM device_floor)" },
	  { "INSERT INTO device (device, first_seen_ms, last_seen_ms) VALUES (?1, ?2, ?3) ON CONFLICT (device) DO NOTHING" } },
	{ { "SELECT device, product, channel, sequence FROM device_floor" },
	  { "INSERT INTO device_floor (device, product, channel, sequence) VALUES (?1, ?2, ?3, ?4)"
	    " ON CONFLICT (device, product, channel) DO UPDATE SET sequence = max(sequence, excluded.sequence)" } },
};

MOVES audit = {
	{ "SELECT n, at_ms, actor, address, action, subject, detail, hash FROM audit ORDER BY n" },
	{ "INSERT INTO audit (n, at_ms, actor, address, action, subject, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)" },
};

static int move_row(struct db_stmt *row, struct store *to, const struct db_sql *sql, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt w = db_stmt_of(to->db, sql);
	int n = sqlite3_column_count(row->q);

	for (int i = 0; i < n && w.rc == ERR_OK; i++) {
		int rc = sqlite3_bind_value(w.q, i + 1, sqlite3_column_value(row->q, i));

		if (rc != SQLITE_OK)
			return db_fail(to->db, rc, e, "bind");
	}
	return db_run(&w, e);
}

static int move_rows(struct store *from, struct store *to, const struct move *m, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_stmt_of(from->db, &m->read);
	int rc = ERR_OK;

	while (!rc && db_next(&q))
		rc = move_row(&q, to, &m->write, e);
	return rc ? rc : db_row_ok(&q, e);
}

int own_copy(struct store *from, struct store *to, struct err *e)
{
	int rc = ERR_OK;

	for (size_t i = 0; i < sizeof all / sizeof *all && !rc; i++)
		rc = move_rows(from, to, &all[i], e);
	return rc;
}

int own_raise(struct store *from, struct store *to, struct err *e)
{
	int rc = ERR_OK;

	for (size_t i = 0; i < sizeof rising / sizeof *rising && !rc; i++)
		rc = move_rows(from, to, &rising[i], e);
	return rc;
}

int own_copy_audit(struct store *from, struct store *to, struct err *e)
{
	return move_rows(from, to, &audit, e);
}
