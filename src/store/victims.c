/* victims.c: how much images take, and which of them must leave for others. */
#include "store/image_own.h"

#include "base/buf.h"
#include "store/space.h"

#include <string.h>

int images_totals(struct store *s, struct images_totals *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT count(*) FILTER (WHERE state IN ('good', 'damaged')), count(*) FILTER (WHERE state = 'good'),"
		" count(*) FILTER (WHERE state = 'damaged' OR (state = 'good' AND is_dag_lost)),"
		" (SELECT count(*) FROM image_damage), coalesce(min(verified_ms) FILTER (WHERE state = 'good'), 0),"
		" coalesce(sum(size + 32 * ((size + 65535) / 65536) + dag_bytes) FILTER (WHERE state <> 'wanted'), 0) FROM image");
	int rc;

	if ((rc = db_one(&q, "total", e)))
		return rc;
	struct images_totals t = { .count = db_u64(&q, 0), .good = db_u64(&q, 1), .damaged = db_u64(&q, 2), .damaged_chunks = db_u64(&q, 3),
		.verified_ms = db_i64(&q, 4), .bytes = db_u64(&q, 5) };
	if ((rc = db_row_ok(&q, e)))
		return rc;
	*out = t;
	return ERR_OK;
}

/* Of a release n. One that was superseded before its image was fetched holds nobody's place. */
#define N_IS_HERE "EXISTS (SELECT 1 FROM image m WHERE m.sha256 = n.sha256 AND m.state IN ('good', 'damaged'))"

/* Images that may leave, in the order in which they do. An image stays while any release that names it stays. */
#define VICTIMS \
	"SELECT " IMAGE_COLUMNS " FROM image i WHERE i.state IN ('good', 'damaged', 'revoked') AND NOT EXISTS (" \
	" SELECT 1 FROM release r JOIN product p ON p.id = r.product WHERE r.sha256 = i.sha256 AND (" \
	"  EXISTS (SELECT 1 FROM chosen c WHERE c.product = p.id AND c.is_pinned) OR r.state = 'active'" \
	"  OR (p.in_rollout AND r.state = 'superseded' AND NOT EXISTS (SELECT 1 FROM release n" \
	"   WHERE n.product = r.product AND n.channel = r.channel AND n.state = 'superseded' AND n.sequence > r.sequence AND " N_IS_HERE "))" \
	"  OR (r.state IN ('ready', 'held', 'superseded') AND p.keep > (SELECT count(*) FROM release n" \
	"   WHERE n.product = r.product AND n.sequence > r.sequence" \
	"   AND (n.state IN ('ready', 'held', 'active') OR (n.state = 'superseded' AND " N_IS_HERE "))))))" \
	" ORDER BY i.state <> 'revoked', i.wanted_ms, i.sha256"

/* The names of the first ones whose sizes sum up to need. */
static int choose(struct store *s, uint64_t need, struct buf *names, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, VICTIMS);
	struct image_row i;
	uint64_t found = 0;
	int rc;

	while (found < need && db_next(&q)) {
		if ((rc = image_row_read(s, &q, &i, e)))
			return rc;
		buf_add(names, SPAN_OF(i.sha256));
		found += space_cost(i.size) + i.digests.dag_bytes;
	}
	if ((rc = db_row_ok(&q, e)) || (rc = buf_ok(names, e)))
		return rc;
	if (found < need)
		return err_set(e, ERR_NO_SPACE, "%llu bytes are needed, but images with only %llu bytes may leave the cache",
			       (unsigned long long)need, (unsigned long long)found);
	return ERR_OK;
}

static int show(struct store *s, const struct buf *names, images_fn *fn, void *arg, struct err *e)
{
	struct image_row i;
	struct hash32 sha256;
	int rc = ERR_OK;

	for (size_t at = 0; rc == ERR_OK && at < names->n; at += sizeof sha256) {
		memcpy(&sha256, names->p + at, sizeof sha256);
		if ((rc = images_get(s, &sha256, &i, e)) == ERR_OK)
			rc = fn(arg, &i, e);
	}
	return rc;
}

int images_victims(struct store *s, uint64_t need, images_fn *fn, void *arg, struct err *e)
{
	AUTO(buf_free) struct buf names = BUF_INIT(64 * MIB);
	int rc = choose(s, need, &names, e);

	return rc ? rc : show(s, &names, fn, arg, e);
}

static int list_unneeded(struct store *s, int64_t before_ms, struct buf *names, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, VICTIMS);
	struct image_row i;
	int rc;

	while (db_next(&q)) {
		if ((rc = image_row_read(s, &q, &i, e)))
			return rc;
		if (i.wanted_ms < before_ms)
			buf_add(names, SPAN_OF(i.sha256));
	}
	rc = db_row_ok(&q, e);
	return rc ? rc : buf_ok(names, e);
}

int images_unneeded(struct store *s, int64_t before_ms, images_fn *fn, void *arg, struct err *e)
{
	AUTO(buf_free) struct buf names = BUF_INIT(64 * MIB);
	int rc = list_unneeded(s, before_ms, &names, e);

	return rc ? rc : show(s, &names, fn, arg, e);
}
