/* own.c: see own.h. */
#include "store/own.h"
#include "store/audit.h"
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
#define CHOSEN "SELECT product, name, registrant FROM chosen"
/* As ledger_init makes a product that it meets for the first time. */
#define NEW_PRODUCT \
	"INSERT INTO product (id, name, registrant, owner, signers, head, sequence, floor, last_block)" \
	" VALUES (?1, ?2, ?3, zeroblob(20), X'0000', zeroblob(32), 0, 0, 0) ON CONFLICT DO NOTHING"
#define NEW_FLOOR \
	"INSERT INTO device_floor (device, product, channel, sequence) VALUES (?1, ?2, ?3, ?4)" \
	" ON CONFLICT (device, product, channel) DO UPDATE SET sequence = max(sequence, excluded.sequence)"
#define FLOORS "SELECT device, product, channel, sequence FROM device_floor"
#define LATCHED "SELECT code, subject, detail, since_ms FROM latched"
#define NEW_LATCHED "INSERT INTO latched (code, subject, detail, since_ms) VALUES (?1, ?2, ?3, ?4)"
#define DEVICES \
	"SELECT device, is_listed, product, channel, grp, version, sequence, state, reason, progress, address, protocol," \
	" first_seen_ms, last_seen_ms, reported_ms, bytes FROM device"
#define NEW_DEVICE \
	"INSERT INTO device (device, is_listed, product, channel, grp, version, sequence, state, reason, progress, address, protocol," \
	" first_seen_ms, last_seen_ms, reported_ms, bytes)" \
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"

MOVES all[] = {
	{ { CHOSEN }, { NEW_PRODUCT } },
	{ { "SELECT product, name, registrant, is_pinned FROM chosen" },
	  { "INSERT INTO chosen (product, name, registrant, is_pinned) VALUES (?1, ?2, ?3, ?4)" } },
	{ { "SELECT product, sequence, manifest_sha256, decision, at_ms FROM decision" },
	  { "INSERT INTO decision (product, sequence, manifest_sha256, decision, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)" } },
	{ { "SELECT product, set_id, at_ms FROM accepted_set" },
	  { "INSERT INTO accepted_set (product, set_id, at_ms) VALUES (?1, ?2, ?3)" } },
	{ { LATCHED }, { NEW_LATCHED } },
	{ { DEVICES }, { NEW_DEVICE } },
	{ { FLOORS }, { "INSERT INTO device_floor (device, product, channel, sequence) VALUES (?1, ?2, ?3, ?4)" } },
};

/* A hold of either counts; so do all alarms, and the higher floor. A device that the backup does not know is one that
 * showed itself, whoever listed it since. */
MOVES rising[] = {
	{ { CHOSEN " WHERE product IN (SELECT product FROM decision WHERE decision = 'held')" }, { NEW_PRODUCT } },
	{ { CHOSEN " WHERE product IN (SELECT product FROM decision WHERE decision = 'held')" },
	  { "INSERT INTO chosen (product, name, registrant) VALUES (?1, ?2, ?3) ON CONFLICT (product) DO NOTHING" } },
	{ { "SELECT product, sequence, manifest_sha256, at_ms FROM decision WHERE decision = 'held'" },
	  { "INSERT INTO decision (product, sequence, manifest_sha256, decision, at_ms) VALUES (?1, ?2, ?3, 'held', ?4)"
	    " ON CONFLICT (product, sequence, manifest_sha256) DO UPDATE SET decision = excluded.decision, at_ms = excluded.at_ms" } },
	{ { LATCHED }, { NEW_LATCHED " ON CONFLICT (code, subject) DO NOTHING" } },
	{ { "SELECT device, first_seen_ms, last_seen_ms FROM device WHERE device IN (SELECT device FROM device_floor)" },
	  { "INSERT INTO device (device, first_seen_ms, last_seen_ms) VALUES (?1, ?2, ?3) ON CONFLICT (device) DO NOTHING" } },
	{ { FLOORS }, { NEW_FLOOR } },
};

/* What devices said and had since; none comes that the operator deleted meanwhile. */
MOVES newer[] = {
	{ { "SELECT version, sequence, state, reason, progress, address, protocol, last_seen_ms, reported_ms, device FROM device" },
	  { "UPDATE device SET version = ?1, sequence = ?2, state = ?3, reason = ?4, progress = ?5, address = ?6, protocol = ?7,"
	    " last_seen_ms = ?8, reported_ms = ?9 WHERE device = ?10 AND reported_ms < ?9" } },
	{ { FLOORS },
	  { "INSERT INTO device_floor (device, product, channel, sequence) SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM device WHERE device = ?1)"
	    " ON CONFLICT (device, product, channel) DO UPDATE SET sequence = max(sequence, excluded.sequence)" } },
};

/* The same where nobody has deleted or cleared, or nobody knows what: all come, and alarms. */
MOVES seen[] = {
	{ { DEVICES },
	  { NEW_DEVICE
	    " ON CONFLICT (device) DO UPDATE SET version = excluded.version, sequence = excluded.sequence, state = excluded.state,"
	    " reason = excluded.reason, progress = excluded.progress, address = excluded.address, protocol = excluded.protocol,"
	    " last_seen_ms = excluded.last_seen_ms, reported_ms = excluded.reported_ms WHERE excluded.reported_ms > reported_ms" } },
	{ { FLOORS }, { NEW_FLOOR } },
	{ { LATCHED }, { NEW_LATCHED " ON CONFLICT (code, subject) DO NOTHING" } },
};

/* A copy whose log has a hole can have a decision or a floor without what it belongs to. */
MOVES known[] = {
	{ { "SELECT id, name, registrant FROM product" },
	  { "INSERT INTO chosen (product, name, registrant) SELECT ?1, ?2, ?3"
	    " WHERE EXISTS (SELECT 1 FROM decision WHERE product = ?1 UNION ALL SELECT 1 FROM accepted_set WHERE product = ?1)"
	    " ON CONFLICT (product) DO NOTHING" } },
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

static int move_all(struct store *from, struct store *to, const struct move *moves, size_t n, struct err *e)
{
	int rc = ERR_OK;

	for (size_t i = 0; i < n && !rc; i++)
		rc = move_rows(from, to, &moves[i], e);
	return rc;
}

#define MOVE_ALL(from, to, moves, e) move_all(from, to, moves, sizeof (moves) / sizeof *(moves), e)

int own_copy(struct store *from, struct store *to, struct err *e)
{
	return MOVE_ALL(from, to, all, e);
}

int own_raise(struct store *from, struct store *to, struct err *e)
{
	return MOVE_ALL(from, to, rising, e);
}

int own_copy_audit(struct store *from, struct store *to, struct err *e)
{
	return move_rows(from, to, &audit, e);
}

/* --- a database that lost its last rows --- */

struct find_audit {
	struct hash32 hash;
	bool is_there;
};

static int look_at_audit(void *arg, const struct audit_row *row, struct err *e)
{
	struct find_audit *f = arg;

	(void)e;
	f->is_there = hash32_eq(&row->hash, &f->hash);	/* which goes over n too */
	return ERR_OK;
}

int own_audit_goes_on(struct store *base, struct store *log, bool *out, struct err *e)
{
	struct find_audit f;
	uint64_t n = 0;
	int rc = audit_newest(base, &n, &f.hash, e);

	f.is_there = n == 0;
	if (!rc && n)
		rc = audit_each(log, n - 1, 1, look_at_audit, &f, e);
	*out = f.is_there;
	return rc;
}

static int append_record(void *arg, const struct audit_row *row, struct err *e)
{
	return audit_append(arg, row, e);
}

static int clear(struct store *s, struct err *e)
{
	static const char *const text =
		"DELETE FROM decision; DELETE FROM accepted_set; DELETE FROM chosen; DELETE FROM latched;"
		"DELETE FROM device; DELETE FROM audit";	/* with devices go their floors */

	return db_exec(s->db, text, e);
}

/* A product that nobody can name again takes what was said of it along. */
int own_complete(struct store *copy, struct store *to, struct err *e)
{
	static const char *const text =
		"DELETE FROM decision WHERE product NOT IN (SELECT product FROM chosen);"
		"DELETE FROM accepted_set WHERE product NOT IN (SELECT product FROM chosen);"
		"INSERT INTO device (device, first_seen_ms) SELECT DISTINCT device, 0 FROM device_floor"
		" WHERE device NOT IN (SELECT device FROM device)";
	int rc = MOVE_ALL(to, copy, known, e);

	return rc ? rc : db_exec(copy->db, text, e);
}

/* Acts of operators are in the audit log with what they change. So where it is the same in both, nobody has deleted or cleared since. */
static int are_level(struct store *a, struct store *b, bool *out, struct err *e)
{
	struct hash32 hash;
	uint64_t in_a = 0, in_b = 0;
	int rc = audit_newest(a, &in_a, &hash, e);

	if (!rc)
		rc = audit_newest(b, &in_b, &hash, e);
	*out = in_a == in_b;
	return rc;
}

static int prepare(struct store *copy, struct store *to, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(copy);
	bool is_level = false;
	int rc = own_complete(copy, to, e);

	if (!rc)
		rc = are_level(copy, to, &is_level, e);
	if (!rc)
		rc = is_level ? MOVE_ALL(to, copy, seen, e) : MOVE_ALL(to, copy, newer, e);
	return rc ? rc : store_commit(&tx, e);
}

static int replace(struct store *copy, struct store *to, struct err *e)
{
	int rc = clear(to, e);

	if (!rc)
		rc = own_copy(copy, to, e);
	return rc ? rc : audit_each(copy, 0, 0, append_record, to, e);
}

static int unite(struct store *copy, struct store *to, struct err *e)
{
	int rc = MOVE_ALL(copy, to, seen, e);

	return rc ? rc : own_raise(copy, to, e);
}

int own_recall(struct store *copy, struct store *to, struct err *e)
{
	bool goes_on = false;
	int rc = own_audit_goes_on(to, copy, &goes_on, e);

	if (!rc)
		rc = prepare(copy, to, e);
	if (!rc)
		rc = goes_on ? replace(copy, to, e) : unite(copy, to, e);
	return rc;
}
