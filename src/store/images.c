/* images.c: see images.h. Who must leave is victims.c's. */
#include "store/image_own.h"

#include <string.h>

static const char *const state_names[IMAGE_STATES] = {
	"wanted", "fetching", "good", "damaged", "evicting", "revoked",
};

const char *image_state_name(enum image_state state)
{
	return state_names[state];
}

static int must_change(struct store *s, struct db_stmt *q, const struct hash32 *sha256, struct err *e)
{
	int rc;

	db_bind_hash(q, ":sha256", sha256);
	if ((rc = db_run(q, e)))
		return rc;
	return db_changes(s->db) ? ERR_OK : err_set(e, ERR_NOT_FOUND, "no such image");
}

int images_want(struct store *s, const struct hash32 *sha256, uint64_t size, const char *cid, int64_t now_ms,
		struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO image (sha256, size, cid, state, since_ms, wanted_ms)"
		" VALUES (:sha256, :size, :cid, 'wanted', :now_ms, :now_ms)"
		" ON CONFLICT (sha256) DO UPDATE SET wanted_ms = max(wanted_ms, excluded.wanted_ms),"
		"  cid = iif(cid = '', excluded.cid, cid) WHERE size = excluded.size");
	int rc;

	if (size == 0 || size > IMAGE_MAX)
		return err_set(e, ERR_LIMIT, "an image has 1 to %lld bytes", (long long)IMAGE_MAX);
	db_bind_hash(&q, ":sha256", sha256);
	db_bind_u64(&q, ":size", size);
	db_bind_text(&q, ":cid", cid);
	db_bind_i64(&q, ":now_ms", now_ms);
	if ((rc = db_run(&q, e)))
		return rc;
	return db_changes(s->db) ? ERR_OK : err_set(e, ERR_RULE, "the image is known with another size");
}

int images_set_state(struct store *s, const struct hash32 *sha256, enum image_state state, int64_t now_ms,
		     struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE image SET since_ms = iif(state = :state, since_ms, :now_ms), state = :state WHERE sha256 = :sha256");

	db_bind_text(&q, ":state", image_state_name(state));
	db_bind_i64(&q, ":now_ms", now_ms);
	return must_change(s, &q, sha256, e);
}

static int clear_damage(struct store *s, const struct hash32 *sha256, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "DELETE FROM image_damage WHERE sha256 = :sha256");

	db_bind_hash(&q, ":sha256", sha256);
	return db_run(&q, e);
}

int images_set_good(struct store *s, const struct hash32 *sha256, uint64_t size, const struct blob_digests *d,
		    const char *format, int64_t now_ms, struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO image (sha256, size, state, since_ms, wanted_ms, verified_ms, sums, dag, dag_bytes, format)"
		" VALUES (:sha256, :size, 'good', :now_ms, :now_ms, :now_ms, :sums, :dag, :dag_bytes, :format)"
		" ON CONFLICT (sha256) DO UPDATE SET size = excluded.size, since_ms = iif(state = 'good', since_ms, :now_ms),"
		"  state = 'good', verified_ms = :now_ms, sums = excluded.sums, dag = excluded.dag,"
		"  dag_bytes = excluded.dag_bytes, format = excluded.format, is_dag_lost = 0");
	int rc;

	db_bind_hash(&q, ":sha256", sha256);
	db_bind_u64(&q, ":size", size);
	db_bind_hash(&q, ":sums", &d->sums);
	db_bind_hash(&q, ":dag", &d->dag);
	db_bind_u64(&q, ":dag_bytes", d->dag_bytes);
	db_bind_text(&q, ":format", format);
	db_bind_i64(&q, ":now_ms", now_ms);
	if ((rc = db_run(&q, e)) || (rc = clear_damage(s, sha256, e)))
		return rc;
	return db_part_keep(&part, e);
}

static int note_damage(struct store *s, const struct hash32 *sha256, uint32_t chunk, int64_t now_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO image_damage (sha256, chunk, at_ms) VALUES (:sha256, :chunk, :now_ms)"
		" ON CONFLICT (sha256, chunk) DO NOTHING");

	db_bind_hash(&q, ":sha256", sha256);
	db_bind_u64(&q, ":chunk", chunk);
	db_bind_i64(&q, ":now_ms", now_ms);
	return db_run(&q, e);
}

int images_add_damage(struct store *s, const struct hash32 *sha256, uint32_t chunk, int64_t now_ms, struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE image SET since_ms = iif(state = 'good', :now_ms, since_ms),"
		" state = iif(state = 'good', 'damaged', state) WHERE sha256 = :sha256");
	int rc;

	db_bind_i64(&q, ":now_ms", now_ms);
	if ((rc = must_change(s, &q, sha256, e)) || (rc = note_damage(s, sha256, chunk, now_ms, e)))
		return rc;
	return db_part_keep(&part, e);
}

int images_set_dag_lost(struct store *s, const struct hash32 *sha256, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE image SET is_dag_lost = iif(state = 'good', 1, is_dag_lost) WHERE sha256 = :sha256");

	return must_change(s, &q, sha256, e);
}

int images_damage(struct store *s, const struct hash32 *sha256, uint32_t *out, size_t cap, size_t *n, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT chunk FROM image_damage WHERE sha256 = :sha256 ORDER BY chunk");
	size_t have = 0;

	db_bind_hash(&q, ":sha256", sha256);
	while (have < cap && db_next(&q))
		out[have++] = (uint32_t)db_u64(&q, 0);
	*n = have;
	return db_row_ok(&q, e);
}

int images_set_cid(struct store *s, const struct hash32 *sha256, const char *cid, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "UPDATE image SET cid = :cid WHERE sha256 = :sha256");

	db_bind_text(&q, ":cid", cid);
	return must_change(s, &q, sha256, e);
}

int images_set_verified(struct store *s, const struct hash32 *sha256, int64_t now_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE image SET verified_ms = :now_ms WHERE sha256 = :sha256");

	db_bind_i64(&q, ":now_ms", now_ms);
	return must_change(s, &q, sha256, e);
}

int images_note_use(struct store *s, const struct hash32 *sha256, uint64_t bytes, int64_t wanted_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE image SET served_bytes = served_bytes + :bytes, wanted_ms = max(wanted_ms, :wanted_ms)"
		" WHERE sha256 = :sha256");

	db_bind_hash(&q, ":sha256", sha256);
	db_bind_u64(&q, ":bytes", bytes);
	db_bind_i64(&q, ":wanted_ms", wanted_ms);
	return db_run(&q, e);
}

int images_delete(struct store *s, const struct hash32 *sha256, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "DELETE FROM image WHERE sha256 = :sha256");

	return must_change(s, &q, sha256, e);
}

static bool read_state(const char *word, enum image_state *out)
{
	for (unsigned i = 0; i < IMAGE_STATES; i++)
		if (strcmp(word, state_names[i]) == 0) {
			*out = (enum image_state)i;
			return true;
		}
	return false;
}

int image_row_read(struct store *s, struct db_stmt *q, struct image_row *i, struct err *e)
{
	char word[16];
	int rc;

	memset(i, 0, sizeof *i);
	db_hash(q, 0, &i->sha256);
	i->size = db_u64(q, 1);
	db_text(q, 2, i->cid, sizeof i->cid);
	db_text(q, 3, word, sizeof word);
	i->since_ms = db_i64(q, 4);
	i->wanted_ms = db_i64(q, 5);
	i->verified_ms = db_i64(q, 6);
	i->served_bytes = db_u64(q, 7);
	if (!db_is_null(q, 8)) {
		db_hash(q, 8, &i->digests.sums);
		db_hash(q, 9, &i->digests.dag);
	}
	i->digests.dag_bytes = db_u64(q, 10);
	db_text(q, 11, i->format, sizeof i->format);
	i->damaged_chunks = (uint32_t)db_u64(q, 12);
	i->is_dag_lost = db_bool(q, 13);
	if ((rc = db_row_ok(q, e)))
		return rc;
	return read_state(word, &i->state) ? ERR_OK : db_damage(s->db, e, "an image is in a state that there is not");
}

static int one(struct store *s, struct db_stmt *q, struct image_row *out, struct err *e)
{
	struct image_row i;
	int rc;

	if ((rc = db_one(q, "image", e)) || (rc = image_row_read(s, q, &i, e)))
		return rc;
	*out = i;
	return ERR_OK;
}

int images_get(struct store *s, const struct hash32 *sha256, struct image_row *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "SELECT " IMAGE_COLUMNS " FROM image i WHERE sha256 = :sha256");

	db_bind_hash(&q, ":sha256", sha256);
	return one(s, &q, out, e);
}

int images_each(struct store *s, uint32_t states, const struct hash32 *after, uint32_t limit, images_fn *fn, void *arg,
		struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT " IMAGE_COLUMNS " FROM image i WHERE (:after IS NULL OR sha256 > :after)"
		" AND (:states = 0 OR (:states >> CASE state WHEN 'wanted' THEN 0 WHEN 'fetching' THEN 1 WHEN 'good' THEN 2"
		"  WHEN 'damaged' THEN 3 WHEN 'evicting' THEN 4 ELSE 5 END) & 1)"
		" ORDER BY sha256 LIMIT :limit");
	struct image_row i;
	int rc;

	db_bind_hash(&q, ":after", after);
	db_bind_u64(&q, ":states", states);
	db_bind_limit(&q, limit);
	while (db_next(&q))
		if ((rc = image_row_read(s, &q, &i, e)) || (rc = fn(arg, &i, e)))
			return rc;
	return db_row_ok(&q, e);
}

int images_next_to_scrub(struct store *s, const struct image_row *after, struct image_row *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT " IMAGE_COLUMNS " FROM image i WHERE state = 'good' AND (verified_ms, sha256) > (:ms, :sha256)"
		" ORDER BY verified_ms, sha256 LIMIT 1");
	static const struct image_row first = { .verified_ms = -1 };

	after = after ? after : &first;
	db_bind_i64(&q, ":ms", after->verified_ms);
	db_bind_hash(&q, ":sha256", &after->sha256);
	return one(s, &q, out, e);
}

int images_mend_times(struct store *s, int64_t now_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE image SET verified_ms = iif(verified_ms > :now_ms, 0, verified_ms), wanted_ms = min(wanted_ms, :now_ms)"
		" WHERE verified_ms > :now_ms OR wanted_ms > :now_ms");

	db_bind_i64(&q, ":now_ms", now_ms);
	return db_run(&q, e);
}
