/* entries.c: see entries.h. */
#include "store/entries.h"
#include "store/store_own.h"

#include <string.h>

struct place {
	uint32_t entries, final_entries;
	bool has_last;
	uint64_t block;
	uint32_t log_index;
};

/* How many entries the product has, and where its last one lies. */
static int place_of(struct store *s, const struct hash32 *product, struct place *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT p.entries, p.final_entries, n.block, n.log_index FROM product p"
		" LEFT JOIN entry n ON n.product = p.id AND n.ord = p.entries - 1 WHERE p.id = :product");
	int rc;

	memset(out, 0, sizeof *out);
	db_bind_hash(&q, ":product", product);
	if ((rc = db_one(&q, "product", e)))
		return rc;
	out->entries = (uint32_t)db_u64(&q, 0);
	out->final_entries = (uint32_t)db_u64(&q, 1);
	out->has_last = !db_is_null(&q, 2);
	if (out->has_last) {
		out->block = db_u64(&q, 2);
		out->log_index = (uint32_t)db_u64(&q, 3);
	}
	if ((rc = db_row_ok(&q, e)))
		return rc;
	if (out->has_last != (out->entries > 0))
		return db_damage(s->db, e, "a product's last entry is not there");
	return ERR_OK;
}

static int insert(struct store *s, const struct entry_row *en, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO entry (product, ord, block, block_hash, tx, log_index, topics, data)"
		" VALUES (:product, :ord, :block, :block_hash, :tx, :log_index, :topics, :data)");

	db_bind_hash(&q, ":product", &en->product);
	db_bind_u64(&q, ":ord", en->order);
	db_bind_u64(&q, ":block", en->block);
	db_bind_hash(&q, ":block_hash", &en->block_hash);
	db_bind_hash(&q, ":tx", &en->tx);
	db_bind_u64(&q, ":log_index", en->log_index);
	db_bind_span(&q, ":topics", SPAN(en->topic, en->topics * sizeof *en->topic));
	db_bind_span(&q, ":data", en->data.p ? en->data : SPAN_LIT(""));
	return db_run(&q, e);
}

static int set_count(struct store *s, const struct hash32 *product, uint32_t count, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "UPDATE product SET entries = :count WHERE id = :product");

	db_bind_u64(&q, ":count", count);
	db_bind_hash(&q, ":product", product);
	return db_run(&q, e);
}

int entries_append(struct store *s, const struct entry_row *en, struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	struct place at;
	int rc = place_of(s, &en->product, &at, e);

	if (rc)
		return rc;
	if (en->data.n > ENTRY_DATA_MAX || en->topics > ENTRY_TOPICS_MAX)
		return err_set(e, ERR_LIMIT, "an entry has at most %d topics and %d bytes of data", ENTRY_TOPICS_MAX,
			       ENTRY_DATA_MAX);
	if (en->order != at.entries)
		return err_set(e, ERR_RULE, "entry %u does not follow entry %u", en->order, at.entries);
	if (at.has_last && (en->block < at.block || (en->block == at.block && en->log_index <= at.log_index)))
		return err_set(e, ERR_RULE, "an entry lies after the one before it in the chain's order");
	if ((rc = insert(s, en, e)) || (rc = set_count(s, &en->product, at.entries + 1, e)))
		return rc;
	return db_part_keep(&part, e);
}

static int row(struct store *s, struct db_stmt *q, struct entry_row *en, struct err *e)
{
	struct span topics = db_span(q, 5);
	int rc;

	en->order = (uint32_t)db_u64(q, 0);
	en->block = db_u64(q, 1);
	db_hash(q, 2, &en->block_hash);
	db_hash(q, 3, &en->tx);
	en->log_index = (uint32_t)db_u64(q, 4);
	en->data = db_span(q, 6);
	if ((rc = db_row_ok(q, e)))
		return rc;
	if (topics.n > sizeof en->topic || topics.n % sizeof *en->topic)
		return db_damage(s->db, e, "an entry's topics are not whole");
	en->topics = (uint8_t)(topics.n / sizeof *en->topic);
	if (topics.n)
		memcpy(en->topic, topics.p, topics.n);
	return ERR_OK;
}

int entries_each(struct store *s, const struct hash32 *product, uint32_t from, entries_fn *fn, void *arg, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT ord, block, block_hash, tx, log_index, topics, data FROM entry"
		" WHERE product = :product AND ord >= :from ORDER BY ord");
	struct entry_row en = { .product = *product };
	uint32_t want = from;
	int rc;

	db_bind_hash(&q, ":product", product);
	db_bind_u64(&q, ":from", from);
	while (db_next(&q)) {
		if ((rc = row(s, &q, &en, e)))
			return rc;
		if (en.order != want++)
			return db_damage(s->db, e, "an entry is missing");
		if ((rc = fn(arg, &en, e)))
			return rc;
	}
	return db_row_ok(&q, e);
}

int entries_finalise(struct store *s, const struct hash32 *product, uint32_t count, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE product SET final_entries = :count WHERE id = :product");
	struct place at;
	int rc = place_of(s, product, &at, e);

	if (rc)
		return rc;
	if (count < at.final_entries || count > at.entries)
		return err_set(e, ERR_RULE, "%u final entries of %u, where %u are final already", count, at.entries,
			       at.final_entries);
	db_bind_u64(&q, ":count", count);
	db_bind_hash(&q, ":product", product);
	return db_run(&q, e);
}

static int delete_since(struct db_stmt *q, const struct hash32 *product, uint32_t from, struct err *e)
{
	db_bind_hash(q, ":product", product);
	db_bind_u64(q, ":from", from);
	return db_run(q, e);
}

int entries_undo(struct store *s, const struct hash32 *product, uint32_t from, uint32_t *removed, struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	AUTO(db_stmt_end) struct db_stmt releases = db_prepare(s->db,
		"DELETE FROM release WHERE product = :product AND entry_ord >= :from");
	AUTO(db_stmt_end) struct db_stmt entries = db_prepare(s->db,
		"DELETE FROM entry WHERE product = :product AND ord >= :from");
	struct place at;
	int rc = place_of(s, product, &at, e);

	if (rc)
		return rc;
	if (from < at.final_entries)
		return err_set(e, ERR_RULE, "entry %u is final: a reorg cannot undo it", from);
	if (from > at.entries)
		from = at.entries;
	if ((rc = delete_since(&releases, product, from, e)) || (rc = delete_since(&entries, product, from, e)) ||
	    (rc = set_count(s, product, from, e)) || (rc = db_part_keep(&part, e)))
		return rc;
	if (removed)
		*removed = at.entries - from;
	return ERR_OK;
}

int entries_first_since(struct store *s, const struct hash32 *product, uint64_t block, uint32_t *order, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT coalesce((SELECT min(ord) FROM entry WHERE product = p.id AND block >= :block), p.entries)"
		" FROM product p WHERE p.id = :product");
	int rc;

	db_bind_hash(&q, ":product", product);
	db_bind_u64(&q, ":block", block);
	if ((rc = db_one(&q, "product", e)))
		return rc;
	uint64_t first = db_u64(&q, 0);
	if ((rc = db_row_ok(&q, e)))
		return rc;
	*order = (uint32_t)first;
	return ERR_OK;
}
