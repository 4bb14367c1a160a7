/* mark.c: see mark.h. */
#include "store/mark_own.h"

#include <string.h>

void mark_bind_proof(struct db_stmt *q, const struct proof_mark *m)
{
	if (!m)
		return;		/* unbound parameters are NULL */
	db_bind_u64(q, ":proven_number", m->number);
	db_bind_hash(q, ":proven_hash", &m->hash);
	db_bind_hash(q, ":proven_root", &m->root);
	db_bind_u64(q, ":proven_time", m->time);
	db_bind_i64(q, ":proven_wall_ms", m->wall_ms);
}

bool mark_read_proof(struct db_stmt *q, int col, struct proof_mark *out)
{
	memset(out, 0, sizeof *out);
	if (db_is_null(q, col))
		return false;
	out->number = db_u64(q, col);
	db_hash(q, col + 1, &out->hash);
	db_hash(q, col + 2, &out->root);
	out->time = db_u64(q, col + 3);
	out->wall_ms = db_i64(q, col + 4);
	return true;
}

int mark_load(struct store *s, struct mark *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT chain_id, registry, genesis, anchor_number, anchor_hash, trust,"
		" proven_number, proven_hash, proven_root, proven_time, proven_wall_ms, listed, listed_for"
		" FROM mark WHERE id = 1");
	struct mark m = { 0 };
	int rc = db_one(&q, "mark", e);

	if (rc)
		return rc;
	m.chain_id = db_u64(&q, 0);
	db_addr(&q, 1, &m.registry);
	m.has_genesis = !db_is_null(&q, 2);
	if (m.has_genesis)
		db_hash(&q, 2, &m.genesis);
	m.has_anchor = !db_is_null(&q, 3);
	if (m.has_anchor) {
		m.anchor_number = db_u64(&q, 3);
		db_hash(&q, 4, &m.anchor_hash);
	}
	db_text(&q, 5, m.trust, sizeof m.trust);
	m.has_proven = mark_read_proof(&q, 6, &m.proven);
	m.listed = db_u64(&q, 11);
	if (m.listed)
		db_hash(&q, 12, &m.listed_for);
	if ((rc = db_row_ok(&q, e)))
		return rc;
	*out = m;
	return ERR_OK;
}

int mark_save(struct store *s, const struct mark *m, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO mark (id, chain_id, registry, genesis, anchor_number, anchor_hash, trust,"
		"  proven_number, proven_hash, proven_root, proven_time, proven_wall_ms, listed, listed_for)"
		" VALUES (1, :chain_id, :registry, :genesis, :anchor_number, :anchor_hash, :trust,"
		"  :proven_number, :proven_hash, :proven_root, :proven_time, :proven_wall_ms, :listed, :listed_for)"
		" ON CONFLICT (id) DO UPDATE SET chain_id = excluded.chain_id, registry = excluded.registry,"
		"  genesis = excluded.genesis, anchor_number = excluded.anchor_number, anchor_hash = excluded.anchor_hash,"
		"  trust = excluded.trust, proven_number = excluded.proven_number, proven_hash = excluded.proven_hash,"
		"  proven_root = excluded.proven_root, proven_time = excluded.proven_time,"
		"  proven_wall_ms = excluded.proven_wall_ms, listed = excluded.listed, listed_for = excluded.listed_for"
		" WHERE anchor_number IS NULL OR excluded.anchor_number >= anchor_number");
	int rc;

	db_bind_u64(&q, ":chain_id", m->chain_id);
	db_bind_addr(&q, ":registry", &m->registry);
	db_bind_hash(&q, ":genesis", m->has_genesis ? &m->genesis : NULL);
	if (m->has_anchor) {
		db_bind_u64(&q, ":anchor_number", m->anchor_number);
		db_bind_hash(&q, ":anchor_hash", &m->anchor_hash);
	}
	db_bind_text(&q, ":trust", m->trust);
	mark_bind_proof(&q, m->has_proven ? &m->proven : NULL);
	db_bind_u64(&q, ":listed", m->listed);
	db_bind_hash(&q, ":listed_for", &m->listed_for);
	if ((rc = db_run(&q, e)))
		return rc;
	if (db_changes(s->db) == 0)
		return err_set(e, ERR_RULE, "the anchor cannot go back to block %llu", (unsigned long long)m->anchor_number);
	return ERR_OK;
}

static int run(struct db_stmt q, struct err *e)
{
	int rc = db_run(&q, e);

	db_stmt_end(&q);
	return rc;
}

int mark_forget_registry(struct store *s, struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	int rc;

	/* Entries, releases and decisions go with their products. */
	if ((rc = run(db_prepare(s->db, "DELETE FROM product"), e)) ||
	    (rc = run(db_prepare(s->db, "DELETE FROM mark"), e)))
		return rc;
	return db_part_keep(&part, e);
}

int mark_latch(struct store *s, const struct latched_alarm *a, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO latched (code, subject, detail, since_ms) VALUES (:code, :subject, :detail, :since_ms)"
		" ON CONFLICT (code, subject) DO UPDATE SET detail = excluded.detail");

	db_bind_text(&q, ":code", a->code);
	db_bind_text(&q, ":subject", a->subject);
	db_bind_text(&q, ":detail", a->detail);
	db_bind_i64(&q, ":since_ms", a->since_ms);
	return db_run(&q, e);
}

int mark_unlatch(struct store *s, const char *code, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "DELETE FROM latched WHERE code = :code");

	db_bind_text(&q, ":code", code);
	return db_run(&q, e);
}

int mark_each_latched(struct store *s, int (*fn)(void *arg, const struct latched_alarm *a, struct err *e), void *arg,
		      struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT code, subject, detail, since_ms FROM latched ORDER BY code, subject");
	int rc;

	while (db_next(&q)) {
		struct latched_alarm a = { .since_ms = db_i64(&q, 3) };

		db_text(&q, 0, a.code, sizeof a.code);
		db_text(&q, 1, a.subject, sizeof a.subject);
		db_text(&q, 2, a.detail, sizeof a.detail);
		if ((rc = db_row_ok(&q, e)) || (rc = fn(arg, &a, e)))
			return rc;
	}
	return db_row_ok(&q, e);
}
