/* bundles.c: see bundles.h. */
#include "store/bundles.h"
#include "store/store_own.h"

#include <string.h>

int bundles_put(struct store *s, const struct bundle_row *b, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO bundle (product, entries, trust, number, hash, time, at_ms)"
		" VALUES (:product, :entries, :trust, :number, :hash, :time, :at_ms)"
		" ON CONFLICT (product) DO UPDATE SET entries = excluded.entries, trust = excluded.trust,"
		"  number = excluded.number, hash = excluded.hash, time = excluded.time, at_ms = excluded.at_ms");

	db_bind_hash(&q, ":product", &b->product);
	db_bind_u64(&q, ":entries", b->entries);
	db_bind_text(&q, ":trust", b->is_pinned ? "bundle-pinned" : "bundle-signers");
	db_bind_u64(&q, ":number", b->number);
	db_bind_hash(&q, ":hash", &b->hash);
	db_bind_u64(&q, ":time", b->time);
	db_bind_i64(&q, ":at_ms", b->at_ms);
	return db_run(&q, e);
}

int bundles_drop(struct store *s, const struct hash32 *product, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "DELETE FROM bundle WHERE product = :product");

	db_bind_hash(&q, ":product", product);
	return db_run(&q, e);
}

static void read_row(struct db_stmt *q, struct bundle_row *out)
{
	char trust[32];

	*out = (struct bundle_row){ .entries = (uint32_t)db_u64(q, 1), .number = db_u64(q, 3), .time = db_u64(q, 5), .at_ms = db_i64(q, 6) };
	db_hash(q, 0, &out->product);
	db_hash(q, 4, &out->hash);
	db_text(q, 2, trust, sizeof trust);
	out->is_pinned = !strcmp(trust, "bundle-pinned");
}

int bundles_each(struct store *s, bundles_fn *fn, void *arg, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "SELECT product, entries, trust, number, hash, time, at_ms FROM bundle");

	while (db_next(&q)) {
		struct bundle_row b;
		int rc;

		read_row(&q, &b);
		if ((rc = db_row_ok(&q, e)) || (rc = fn(arg, &b, e)))
			return rc;
	}
	return db_row_ok(&q, e);
}
