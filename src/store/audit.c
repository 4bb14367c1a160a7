/* audit.c: see audit.h. */
#include "store/audit.h"
#include "formats/sha256.h"
#include "store/store_own.h"

#include <string.h>

static void add_u64(struct sha256 *h, uint64_t v)
{
	uint8_t b[8];

	for (int i = 7; i >= 0; i--, v >>= 8)
		b[i] = (uint8_t)v;
	sha256_add(h, SPAN(b, sizeof b));
}

static void add_text(struct sha256 *h, const char *s)
{
	add_u64(h, strlen(s));
	sha256_add(h, span_str(s));
}

static struct hash32 chain(const struct hash32 *previous, const struct audit_row *r)
{
	struct sha256 h;

	sha256_init(&h);
	sha256_add(&h, SPAN_OF(*previous));
	add_u64(&h, r->n);
	add_u64(&h, (uint64_t)r->at_ms);
	add_text(&h, r->actor);
	add_text(&h, r->address);
	add_text(&h, r->action);
	add_text(&h, r->subject);
	add_text(&h, r->detail);
	return sha256_end(&h);
}

int audit_newest(struct store *s, uint64_t *n, struct hash32 *hash, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1");
	struct hash32 h = { 0 };
	uint64_t at = 0;
	int rc;

	if (db_next(&q)) {
		at = db_u64(&q, 0);
		db_hash(&q, 1, &h);
	}
	if ((rc = db_row_ok(&q, e)))
		return rc;
	*n = at;
	*hash = h;
	return ERR_OK;
}

static int insert(struct store *s, const struct audit_row *r, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO audit (n, at_ms, actor, address, action, subject, detail, hash)"
		" VALUES (:n, :at_ms, :actor, :address, :action, :subject, :detail, :hash)");

	db_bind_u64(&q, ":n", r->n);
	db_bind_i64(&q, ":at_ms", r->at_ms);
	db_bind_text(&q, ":actor", r->actor);
	db_bind_text(&q, ":address", r->address);
	db_bind_text(&q, ":action", r->action);
	db_bind_text(&q, ":subject", r->subject);
	db_bind_text(&q, ":detail", r->detail);
	db_bind_hash(&q, ":hash", &r->hash);
	return db_run(&q, e);
}

static int drop_oldest(struct store *s, uint64_t newest, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "DELETE FROM audit WHERE n <= :upto");

	db_bind_u64(&q, ":upto", newest - AUDIT_ROWS_MAX);
	return db_run(&q, e);
}

int audit_add(struct store *s, struct audit_row *r, struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	struct hash32 previous;
	uint64_t newest;
	int rc = audit_newest(s, &newest, &previous, e);

	if (rc)
		return rc;
	r->n = newest + 1;
	r->hash = chain(&previous, r);
	if ((rc = insert(s, r, e)))
		return rc;
	if (r->n > AUDIT_ROWS_MAX && (rc = drop_oldest(s, r->n, e)))
		return rc;
	return db_part_keep(&part, e);
}

int audit_append(struct store *s, const struct audit_row *r, struct err *e)
{
	struct audit_row next = *r;
	struct hash32 hash;
	uint64_t newest;
	int rc = audit_newest(s, &newest, &hash, e);

	if (rc)
		return rc;
	return newest == 0 || r->n == newest + 1 ? insert(s, r, e) : audit_add(s, &next, e);
}

int audit_each(struct store *s, uint64_t after, uint32_t limit, audit_fn *fn, void *arg, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT n, at_ms, actor, address, action, subject, detail, hash FROM audit WHERE n > :after"
		" ORDER BY n LIMIT :limit");
	struct audit_row r;
	int rc;

	db_bind_u64(&q, ":after", after);
	db_bind_limit(&q, limit);
	while (db_next(&q)) {
		memset(&r, 0, sizeof r);
		r.n = db_u64(&q, 0);
		r.at_ms = db_i64(&q, 1);
		db_text(&q, 2, r.actor, sizeof r.actor);
		db_text(&q, 3, r.address, sizeof r.address);
		db_text(&q, 4, r.action, sizeof r.action);
		db_text(&q, 5, r.subject, sizeof r.subject);
		db_text(&q, 6, r.detail, sizeof r.detail);
		db_hash(&q, 7, &r.hash);
		if ((rc = db_row_ok(&q, e)) || (rc = fn(arg, &r, e)))
			return rc;
	}
	return db_row_ok(&q, e);
}

struct link_check {
	struct hash32 hash;
	uint64_t n;
	bool has_one;
};

static int check_link(void *arg, const struct audit_row *r, struct err *e)
{
	struct link_check *at = arg;
	struct hash32 want = chain(&at->hash, r);
	/* What came before the oldest kept record is gone; its own hash is where the chain begins. */
	bool is_first_kept = !at->has_one && r->n > 1;

	if (at->has_one && r->n != at->n + 1)
		return err_set(e, ERR_PROOF, "audit record %llu is missing", (unsigned long long)at->n + 1);
	if (!is_first_kept && !hash32_eq(&want, &r->hash))
		return err_set(e, ERR_PROOF, "audit record %llu is not what was written", (unsigned long long)r->n);
	*at = (struct link_check){ .hash = r->hash, .n = r->n, .has_one = true };
	return ERR_OK;
}

int audit_verify(struct store *s, struct err *e)
{
	struct link_check at = { .has_one = false };

	return audit_each(s, 0, 0, check_link, &at, e);
}
