/* products.c: see products.h. */
#include "store/products.h"
#include "base/cursor.h"
#include "store/mark_own.h"

#include <string.h>

#define SET_MAX (2 + SIGNERS_MAX * (1 + COSE_KEY_MAX))

/* threshold:2, then each key with its length:1. */
static struct span set_write(const struct product_signers *set, uint8_t out[SET_MAX])
{
	size_t n = 0;

	out[n++] = (uint8_t)(set->threshold >> 8);
	out[n++] = (uint8_t)set->threshold;
	for (size_t i = 0; i < set->n; i++) {
		out[n++] = set->key_len[i];
		memcpy(out + n, set->key[i], set->key_len[i]);
		n += set->key_len[i];
	}
	return SPAN(out, n);
}

static bool set_read(struct span s, struct product_signers *out)
{
	struct cursor c = cur_of(s);

	memset(out, 0, sizeof *out);
	out->threshold = (uint16_t)cur_be(&c, 2);
	while (cur_ok(&c) && !cur_at_end(&c)) {
		struct span key = cur_take(&c, cur_u8(&c));

		if (out->n == SIGNERS_MAX || key.n > COSE_KEY_MAX || !cur_ok(&c))
			return false;
		out->key_len[out->n] = (uint8_t)key.n;
		if (key.n)
			memcpy(out->key[out->n], key.p, key.n);
		out->n++;
	}
	return cur_ok(&c);
}

int products_put(struct store *s, const struct product_row *p, struct err *e)
{
	uint8_t signers[SET_MAX], remembered[SET_MAX];
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO product (id, name, registrant, owner, signers, remembered, head, sequence, floor, last_block,"
		"  proven_number, proven_hash, proven_root, proven_time, proven_wall_ms)"
		" VALUES (:id, :name, :registrant, :owner, :signers, :remembered, :head, :sequence, :floor, :last_block,"
		"  :proven_number, :proven_hash, :proven_root, :proven_time, :proven_wall_ms)"
		" ON CONFLICT (id) DO UPDATE SET name = excluded.name, registrant = excluded.registrant,"
		"  owner = excluded.owner, signers = excluded.signers, remembered = excluded.remembered,"
		"  head = excluded.head, sequence = excluded.sequence, floor = excluded.floor,"
		"  last_block = excluded.last_block, proven_number = excluded.proven_number,"
		"  proven_hash = excluded.proven_hash, proven_root = excluded.proven_root,"
		"  proven_time = excluded.proven_time, proven_wall_ms = excluded.proven_wall_ms");

	db_bind_hash(&q, ":id", &p->id);
	db_bind_text(&q, ":name", p->name);
	db_bind_addr(&q, ":registrant", &p->registrant);
	db_bind_addr(&q, ":owner", &p->owner);
	db_bind_span(&q, ":signers", set_write(&p->signers, signers));
	if (p->has_remembered)
		db_bind_span(&q, ":remembered", set_write(&p->remembered, remembered));
	db_bind_hash(&q, ":head", &p->head);
	db_bind_u64(&q, ":sequence", p->sequence);
	db_bind_u64(&q, ":floor", p->floor);
	db_bind_u64(&q, ":last_block", p->last_block);
	mark_bind_proof(&q, p->has_proven ? &p->proven : NULL);
	return db_run(&q, e);
}

/* Runs an update by id that must meet a row. */
static int update(struct store *s, struct db_stmt *q, const struct hash32 *id, struct err *e)
{
	int rc;

	db_bind_hash(q, ":id", id);
	if ((rc = db_run(q, e)))
		return rc;
	return db_changes(s->db) ? ERR_OK : err_set(e, ERR_NOT_FOUND, "no such product");
}

int products_set_proven(struct store *s, const struct hash32 *id, const struct proof_mark *m, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE product SET proven_number = :proven_number, proven_hash = :proven_hash, proven_root = :proven_root,"
		" proven_time = :proven_time, proven_wall_ms = :proven_wall_ms WHERE id = :id");

	mark_bind_proof(&q, m);
	return update(s, &q, id, e);
}

int products_set_keep(struct store *s, const struct hash32 *id, uint32_t keep, bool in_rollout, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE product SET keep = :keep, in_rollout = :in_rollout WHERE id = :id");

	db_bind_u64(&q, ":keep", keep);
	db_bind_bool(&q, ":in_rollout", in_rollout);
	return update(s, &q, id, e);
}

int products_set_pinned(struct store *s, const struct hash32 *id, bool is_pinned, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO chosen (product, name, registrant, is_pinned) SELECT id, name, registrant, :is_pinned FROM product WHERE id = :id"
		" ON CONFLICT (product) DO UPDATE SET is_pinned = excluded.is_pinned");

	db_bind_bool(&q, ":is_pinned", is_pinned);
	return update(s, &q, id, e);
}

int products_choose(struct store *s, const struct hash32 *id, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO chosen (product, name, registrant) SELECT id, name, registrant FROM product WHERE id = :id"
		" ON CONFLICT (product) DO NOTHING");

	db_bind_hash(&q, ":id", id);
	return db_run(&q, e);
}

#define PRODUCT_COLUMNS \
	"id, name, registrant, owner, signers, remembered, head, sequence, floor, last_block, entries, final_entries," \
	" keep, in_rollout, EXISTS (SELECT 1 FROM chosen WHERE product = product.id AND chosen.is_pinned), proven_number, proven_hash, proven_root, proven_time, proven_wall_ms"

static int row(struct store *s, struct db_stmt *q, struct product_row *p, struct err *e)
{
	struct span signers = db_span(q, 4), remembered;
	int rc;

	memset(p, 0, sizeof *p);
	db_hash(q, 0, &p->id);
	db_text(q, 1, p->name, sizeof p->name);
	db_addr(q, 2, &p->registrant);
	db_addr(q, 3, &p->owner);
	remembered = db_span(q, 5);
	p->has_remembered = remembered.p != NULL;
	db_hash(q, 6, &p->head);
	p->sequence = db_u64(q, 7);
	p->floor = db_u64(q, 8);
	p->last_block = db_u64(q, 9);
	p->entries = (uint32_t)db_u64(q, 10);
	p->final_entries = (uint32_t)db_u64(q, 11);
	p->keep = (uint32_t)db_u64(q, 12);
	p->in_rollout = db_bool(q, 13);
	p->is_pinned = db_bool(q, 14);
	p->has_proven = mark_read_proof(q, 15, &p->proven);
	if ((rc = db_row_ok(q, e)))
		return rc;
	if (!set_read(signers, &p->signers) || (p->has_remembered && !set_read(remembered, &p->remembered)))
		return db_damage(s->db, e, "a signer set is not as we wrote it");
	return ERR_OK;
}

static int one(struct store *s, struct db_stmt *q, struct product_row *out, struct err *e)
{
	struct product_row p;
	int rc;

	if ((rc = db_one(q, "product", e)) || (rc = row(s, q, &p, e)))
		return rc;
	*out = p;
	return ERR_OK;
}

int products_get(struct store *s, const struct hash32 *id, struct product_row *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "SELECT " PRODUCT_COLUMNS " FROM product WHERE id = :id");

	db_bind_hash(&q, ":id", id);
	return one(s, &q, out, e);
}

int products_find(struct store *s, const char *name, const struct addr20 *registrant, struct product_row *out,
		  struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT " PRODUCT_COLUMNS " FROM product WHERE name = :name AND registrant = :registrant");

	db_bind_text(&q, ":name", name);
	db_bind_addr(&q, ":registrant", registrant);
	return one(s, &q, out, e);
}

int products_each(struct store *s, products_fn *fn, void *arg, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT " PRODUCT_COLUMNS " FROM product ORDER BY name, registrant");
	struct product_row p;
	int rc;

	while (db_next(&q))
		if ((rc = row(s, &q, &p, e)) || (rc = fn(arg, &p, e)))
			return rc;
	return db_row_ok(&q, e);
}

int products_drop(struct store *s, const struct hash32 *id, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "DELETE FROM product WHERE id = :id");

	return update(s, &q, id, e);
}

int products_accept_set(struct store *s, const struct hash32 *id, const struct hash32 *set_id, int64_t now_ms,
			struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO accepted_set (product, set_id, at_ms) VALUES (:id, :set_id, :now_ms)"
		" ON CONFLICT (product, set_id) DO UPDATE SET at_ms = excluded.at_ms");
	int rc;

	db_bind_hash(&q, ":id", id);
	db_bind_hash(&q, ":set_id", set_id);
	db_bind_i64(&q, ":now_ms", now_ms);
	if ((rc = db_run(&q, e)) || (rc = products_choose(s, id, e)))
		return rc;
	return db_part_keep(&part, e);
}

int products_accepted_sets(struct store *s, const struct hash32 *id, struct hash32 *out, size_t cap, size_t *n,
			   struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT set_id FROM (SELECT set_id, at_ms FROM accepted_set WHERE product = :id ORDER BY at_ms DESC LIMIT :cap)"
		" ORDER BY at_ms");
	size_t have = 0;

	db_bind_hash(&q, ":id", id);
	db_bind_u64(&q, ":cap", cap);
	while (have < cap && db_next(&q))
		db_hash(&q, 0, &out[have++]);
	*n = have;
	return db_row_ok(&q, e);
}
