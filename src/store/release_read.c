/* release_read.c: rows of releases.h as they are read back. */
#include "store/release_own.h"

#include "formats/sha256.h"

#include <stdlib.h>
#include <string.h>

/* In the order of read_row. */
#define RELEASE_COLUMNS \
	"r.product, r.sequence, r.entry_ord, r.block, r.tx, r.published_at, r.manifest, r.manifest_sha256, r.state, r.why," \
	" r.image_is_wrong, r.fetch_detail, r.tries, r.retry_at_ms, d.decision," \
	" r.version, r.channel, r.cid, r.sha256, r.size, r.from_sequence, r.urgent, r.hardware, r.description, r.signers"
#define RELEASE_TABLES \
	" FROM release r JOIN product p ON p.id = r.product LEFT JOIN decision d" \
	" ON d.product = r.product AND d.sequence = r.sequence AND d.manifest_sha256 = r.manifest_sha256"
enum { COL_FACTS = 15 };

static bool split_hardware(const char *text, struct release_facts *f)
{
	while (*text) {
		size_t n = strcspn(text, " ");

		if (n == 0 || n > HARDWARE_NAME_MAX || f->hardware_n == HARDWARE_MAX)
			return false;
		memcpy(f->hardware[f->hardware_n++], text, n);
		text += n + (text[n] == ' ');
	}
	return true;
}

static bool read_facts(struct db_stmt *q, struct release_facts *f)
{
	char hardware[RELEASE_HARDWARE_TEXT_MAX];
	struct span signers;

	db_text(q, COL_FACTS, f->version, sizeof f->version);
	db_text(q, COL_FACTS + 1, f->channel, sizeof f->channel);
	db_text(q, COL_FACTS + 2, f->cid, sizeof f->cid);
	db_hash(q, COL_FACTS + 3, &f->sha256);
	f->size = db_u64(q, COL_FACTS + 4);
	f->from_sequence = db_u64(q, COL_FACTS + 5);
	f->urgent = db_bool(q, COL_FACTS + 6);
	db_text(q, COL_FACTS + 7, hardware, sizeof hardware);
	db_text(q, COL_FACTS + 8, f->description, sizeof f->description);
	f->description_len = (uint16_t)strlen(f->description);
	signers = db_span(q, COL_FACTS + 9);
	if (signers.n > sizeof f->signer || signers.n % sizeof *f->signer)
		return false;
	f->signers = (uint8_t)(signers.n / sizeof *f->signer);
	if (signers.n)
		memcpy(f->signer, signers.p, signers.n);
	return split_hardware(hardware, f);
}

/* The manifest is what devices will check: bytes that changed on our disk must not pass for the publisher's. */
static bool read_manifest(struct db_stmt *q, struct release_row *r)
{
	struct span manifest = db_span(q, 6);
	struct hash32 noted, digest;

	db_hash(q, 7, &noted);
	if (manifest.n == 0 || manifest.n > sizeof r->manifest)
		return false;
	digest = sha256_of(manifest);
	memcpy(r->manifest, manifest.p, manifest.n);
	r->manifest_len = (uint16_t)manifest.n;
	return hash32_eq(&noted, &digest);
}

static enum release_decision read_decision(struct db_stmt *q)
{
	char word[16];

	db_text(q, 14, word, sizeof word);
	if (strcmp(word, "approved") == 0)
		return RELEASE_APPROVED;
	return word[0] ? RELEASE_HELD_BY_OPERATOR : RELEASE_UNDECIDED;
}

static int read_times(struct store *s, struct release_row *r, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT state, at_ms FROM release_time WHERE product = :product AND sequence = :sequence");
	char word[16];
	enum release_state state;

	db_bind_hash(&q, ":product", &r->product);
	db_bind_u64(&q, ":sequence", r->sequence);
	while (db_next(&q)) {
		db_text(&q, 0, word, sizeof word);
		if (release_state_read(span_str(word), &state, NULL))
			return db_damage(s->db, e, "a release was in a state that there is not");
		r->times_ms[state] = db_i64(&q, 1);
	}
	return db_row_ok(&q, e);
}

static int read_row(struct store *s, struct db_stmt *q, struct release_row *r, struct err *e)
{
	char word[16];
	int rc;

	memset(r, 0, sizeof *r);
	db_hash(q, 0, &r->product);
	r->sequence = db_u64(q, 1);
	r->entry_order = (uint32_t)db_u64(q, 2);
	r->block = db_u64(q, 3);
	db_hash(q, 4, &r->tx);
	r->published_at = db_u64(q, 5);
	bool is_whole = read_manifest(q, r);
	db_text(q, 8, word, sizeof word);
	db_text(q, 9, r->why, sizeof r->why);
	r->image_is_wrong = db_bool(q, 10);
	db_text(q, 11, r->fetch_detail, sizeof r->fetch_detail);
	r->tries = (uint32_t)db_u64(q, 12);
	r->retry_at_ms = db_i64(q, 13);
	r->decision = read_decision(q);
	r->has_facts = !db_is_null(q, COL_FACTS);
	if (r->has_facts)
		is_whole = read_facts(q, &r->facts) && is_whole;
	if ((rc = db_row_ok(q, e)))
		return rc;
	if (!is_whole || release_state_read(span_str(word), &r->state, NULL))
		return db_damage(s->db, e, "a release is not as we wrote it");
	return read_times(s, r, e);
}

int releases_get(struct store *s, const struct hash32 *product, uint64_t sequence, struct release_row *out,
		 struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT " RELEASE_COLUMNS RELEASE_TABLES " WHERE r.product = :product AND r.sequence = :sequence");
	autofree struct release_row *r = malloc(sizeof *r);
	int rc;

	if (!r)
		return err_set(e, ERR_MEMORY, "no memory for a release");
	db_bind_hash(&q, ":product", product);
	db_bind_u64(&q, ":sequence", sequence);
	if ((rc = db_one(&q, "release", e)) || (rc = read_row(s, &q, r, e)))
		return rc;
	*out = *r;
	return ERR_OK;
}

static int walk(struct store *s, struct db_stmt *q, releases_fn *fn, void *arg, struct err *e)
{
	autofree struct release_row *r = malloc(sizeof *r);
	int rc;

	if (!r)
		return err_set(e, ERR_MEMORY, "no memory for a release");
	while (db_next(q))
		if ((rc = read_row(s, q, r, e)) || (rc = fn(arg, r, e)))
			return rc;
	return db_row_ok(q, e);
}

#define RELEASE_HAS_STATE \
	"(:states = 0 OR (:states >> CASE r.state WHEN 'seen' THEN 0 WHEN 'fetching' THEN 1 WHEN 'failed' THEN 2" \
	"   WHEN 'ready' THEN 3 WHEN 'held' THEN 4 WHEN 'active' THEN 5 WHEN 'superseded' THEN 6" \
	"   WHEN 'rejected' THEN 7 WHEN 'revoked' THEN 8 ELSE 9 END) & 1)"

static void bind_query(struct db_stmt *q, const struct release_query *want)
{
	db_bind_u64(q, ":states", want->states);
	db_bind_hash(q, ":after_product", want->after_product);
	db_bind_u64(q, ":after_sequence", want->after_sequence);
	db_bind_limit(q, want->limit);
}

static int each_of_all(struct store *s, const struct release_query *want, releases_fn *fn, void *arg, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"WITH after AS (SELECT name, registrant, :after_sequence AS sequence FROM product WHERE id = :after_product)"
		" SELECT " RELEASE_COLUMNS RELEASE_TABLES
		" WHERE " RELEASE_HAS_STATE
		" AND (:after_product IS NULL OR (p.name, p.registrant, r.sequence) > (SELECT name, registrant, sequence FROM after))"
		" ORDER BY p.name, p.registrant, r.sequence LIMIT :limit");

	bind_query(&q, want);
	return walk(s, &q, fn, arg, e);
}

/* A statement of its own: "this product, or every one" in a single statement would read every row of every product. */
static int each_of_product(struct store *s, const struct release_query *want, releases_fn *fn, void *arg, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"WITH after AS (SELECT name, registrant, :after_sequence AS sequence FROM product WHERE id = :after_product)"
		" SELECT " RELEASE_COLUMNS RELEASE_TABLES
		" WHERE r.product = :product AND " RELEASE_HAS_STATE
		" AND (:after_product IS NULL OR (p.name, p.registrant, r.sequence) > (SELECT name, registrant, sequence FROM after))"
		" ORDER BY r.sequence LIMIT :limit");

	db_bind_hash(&q, ":product", want->product);
	bind_query(&q, want);
	return walk(s, &q, fn, arg, e);
}

int releases_each(struct store *s, const struct release_query *want, releases_fn *fn, void *arg, struct err *e)
{
	return want->product ? each_of_product(s, want, fn, arg, e) : each_of_all(s, want, fn, arg, e);
}

int releases_each_of_image(struct store *s, const struct hash32 *sha256, releases_fn *fn, void *arg, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT " RELEASE_COLUMNS RELEASE_TABLES " WHERE r.sha256 = :sha256 ORDER BY p.name, p.registrant, r.sequence");

	db_bind_hash(&q, ":sha256", sha256);
	return walk(s, &q, fn, arg, e);
}

int releases_need_image(struct store *s, const struct hash32 *sha256, bool *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT EXISTS (SELECT 1 FROM release WHERE sha256 = :sha256 AND state <> 'revoked')");
	int rc;

	db_bind_hash(&q, ":sha256", sha256);
	if ((rc = db_one(&q, "answer", e)))
		return rc;
	*out = db_bool(&q, 0);
	return db_row_ok(&q, e);
}
