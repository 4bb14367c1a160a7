/* releases.c: what is written of a release. Reading is release_read.c's. */
#include "store/products.h"
#include "store/release_own.h"

#include "formats/sha256.h"

#include <stdio.h>
#include <string.h>

static const char *const state_names[RELEASE_STATES] = {
	"seen", "fetching", "failed", "ready", "held", "active", "superseded", "rejected", "revoked", "evicted",
};

const char *release_state_name(enum release_state state)
{
	return state_names[state];
}

int release_state_read(struct span text, enum release_state *out, struct err *e)
{
	for (unsigned i = 0; i < RELEASE_STATES; i++)
		if (span_is(text, state_names[i])) {
			*out = (enum release_state)i;
			return ERR_OK;
		}
	return err_set(e, ERR_FORMAT, "a release's state is one of seen, fetching, failed, ready, held, active, superseded, "
		       "rejected, revoked, evicted");
}

static void bind_key(struct db_stmt *q, const struct hash32 *product, uint64_t sequence)
{
	db_bind_hash(q, ":product", product);
	db_bind_u64(q, ":sequence", sequence);
}

/* The names with spaces between; they hold none. */
static void join_hardware(const struct release_facts *f, char out[RELEASE_HARDWARE_TEXT_MAX])
{
	size_t n = 0;

	out[0] = 0;
	for (size_t i = 0; i < f->hardware_n; i++)
		n += (size_t)snprintf(out + n, RELEASE_HARDWARE_TEXT_MAX - n, "%s%s", i ? " " : "", f->hardware[i]);
}

/* hardware is room that must outlive the statement. */
static void bind_facts(struct db_stmt *q, const struct release_facts *f, char hardware[RELEASE_HARDWARE_TEXT_MAX])
{
	join_hardware(f, hardware);
	db_bind_text(q, ":version", f->version);
	db_bind_text(q, ":channel", f->channel);
	db_bind_text(q, ":cid", f->cid);
	db_bind_hash(q, ":sha256", &f->sha256);
	db_bind_u64(q, ":size", f->size);
	db_bind_u64(q, ":from_sequence", f->from_sequence);
	db_bind_bool(q, ":urgent", f->urgent);
	db_bind_text(q, ":hardware", hardware);
	db_bind_text(q, ":description", f->description);
	db_bind_span(q, ":signers", SPAN(f->signer, f->signers * sizeof *f->signer));
}

/* The same place may hold another manifest after a reorg; nothing of the old one's life is true of it. */
static int drop_other_manifest(struct store *s, const struct release_row *r, const struct hash32 *digest, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"DELETE FROM release WHERE product = :product AND sequence = :sequence AND manifest_sha256 <> :digest");

	bind_key(&q, &r->product, r->sequence);
	db_bind_hash(&q, ":digest", digest);
	return db_run(&q, e);
}

static int upsert(struct store *s, const struct release_row *r, const struct hash32 *digest, struct err *e)
{
	char hardware[RELEASE_HARDWARE_TEXT_MAX];
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO release (product, sequence, entry_ord, block, tx, published_at, manifest, manifest_sha256,"
		"  version, channel, cid, sha256, size, from_sequence, urgent, hardware, description, signers, state, why)"
		" VALUES (:product, :sequence, :entry_ord, :block, :tx, :published_at, :manifest, :digest,"
		"  :version, :channel, :cid, :sha256, :size, :from_sequence, :urgent, :hardware, :description, :signers,"
		"  :state, :why)"
		" ON CONFLICT (product, sequence) DO UPDATE SET entry_ord = excluded.entry_ord, block = excluded.block,"
		"  tx = excluded.tx, published_at = excluded.published_at, version = excluded.version,"
		"  channel = excluded.channel, cid = excluded.cid, sha256 = excluded.sha256, size = excluded.size,"
		"  from_sequence = excluded.from_sequence, urgent = excluded.urgent, hardware = excluded.hardware,"
		"  description = excluded.description, signers = excluded.signers");

	bind_key(&q, &r->product, r->sequence);
	db_bind_u64(&q, ":entry_ord", r->entry_order);
	db_bind_u64(&q, ":block", r->block);
	db_bind_hash(&q, ":tx", &r->tx);
	db_bind_u64(&q, ":published_at", r->published_at);
	db_bind_span(&q, ":manifest", SPAN(r->manifest, r->manifest_len));
	db_bind_hash(&q, ":digest", digest);
	if (r->has_facts)
		bind_facts(&q, &r->facts, hardware);
	db_bind_text(&q, ":state", release_state_name(r->state));
	db_bind_text(&q, ":why", r->why);
	return db_run(&q, e);
}

/* A row that was just inserted has no times yet. */
static int note_first_time(struct store *s, const struct release_row *r, int64_t now_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO release_time (product, sequence, state, at_ms)"
		" SELECT :product, :sequence, :state, :now_ms WHERE NOT EXISTS"
		"  (SELECT 1 FROM release_time WHERE product = :product AND sequence = :sequence)");

	bind_key(&q, &r->product, r->sequence);
	db_bind_text(&q, ":state", release_state_name(r->state));
	db_bind_i64(&q, ":now_ms", now_ms);
	return db_run(&q, e);
}

int releases_put(struct store *s, const struct release_row *r, int64_t now_ms, struct err *e)
{
	struct hash32 digest = sha256_of(SPAN(r->manifest, r->manifest_len));
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	int rc;

	if (r->manifest_len == 0 || r->manifest_len > MANIFEST_MAX)
		return err_set(e, ERR_LIMIT, "a manifest has 1 to %d bytes", MANIFEST_MAX);
	if ((rc = drop_other_manifest(s, r, &digest, e)) || (rc = upsert(s, r, &digest, e)) ||
	    (rc = note_first_time(s, r, now_ms, e)))
		return rc;
	return db_part_keep(&part, e);
}

int releases_note_time(struct store *s, const struct hash32 *product, uint64_t sequence, enum release_state state, int64_t now_ms,
		       struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO release_time (product, sequence, state, at_ms)"
		" SELECT product, sequence, :state, :now_ms FROM release"
		"  WHERE product = :product AND sequence = :sequence AND state <> :state"
		" ON CONFLICT (product, sequence, state) DO UPDATE SET at_ms = excluded.at_ms");

	bind_key(&q, product, sequence);
	db_bind_text(&q, ":state", release_state_name(state));
	db_bind_i64(&q, ":now_ms", now_ms);
	return db_run(&q, e);
}

/* Does the release have another state or reason? ERR_NOT_FOUND. */
static int differs(struct store *s, const struct hash32 *product, uint64_t sequence, const char *state, const char *why,
		   bool *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT state <> :state OR why <> :why FROM release WHERE product = :product AND sequence = :sequence");
	int rc;

	bind_key(&q, product, sequence);
	db_bind_text(&q, ":state", state);
	db_bind_text(&q, ":why", why);
	if ((rc = db_one(&q, "release", e)))
		return rc;
	*out = db_bool(&q, 0);
	return db_row_ok(&q, e);
}

static int write_state(struct store *s, const struct hash32 *product, uint64_t sequence, const char *state,
		       const char *why, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE release SET state = :state, why = :why WHERE product = :product AND sequence = :sequence");

	bind_key(&q, product, sequence);
	db_bind_text(&q, ":state", state);
	db_bind_text(&q, ":why", why);
	return db_run(&q, e);
}

int releases_set_state(struct store *s, const struct hash32 *product, uint64_t sequence, enum release_state state,
		       const char *why, int64_t now_ms, bool *changed, struct err *e)
{
	const char *word = release_state_name(state);
	bool is_news = false;
	int rc = differs(s, product, sequence, word, why, &is_news, e);

	if (rc == ERR_OK && is_news) {
		AUTO(db_part_end) struct db_part part = db_part(s->db);

		if ((rc = releases_note_time(s, product, sequence, state, now_ms, e)) ||
		    (rc = write_state(s, product, sequence, word, why, e)))
			return rc;
		rc = db_part_keep(&part, e);
	}
	if (rc == ERR_OK && changed)
		*changed = is_news;
	return rc;
}

int releases_set_fetch(struct store *s, const struct hash32 *product, uint64_t sequence, bool image_is_wrong,
		       const char *detail, uint32_t tries, int64_t retry_at_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE release SET image_is_wrong = :wrong, fetch_detail = :detail, tries = :tries, retry_at_ms = :retry_at_ms"
		" WHERE product = :product AND sequence = :sequence");
	int rc;

	bind_key(&q, product, sequence);
	db_bind_bool(&q, ":wrong", image_is_wrong);
	db_bind_text(&q, ":detail", detail);
	db_bind_u64(&q, ":tries", tries);
	db_bind_i64(&q, ":retry_at_ms", retry_at_ms);
	if ((rc = db_run(&q, e)))
		return rc;
	return db_changes(s->db) ? ERR_OK : err_set(e, ERR_NOT_FOUND, "no such release");
}

static int undecide(struct store *s, const struct hash32 *product, uint64_t sequence, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"DELETE FROM decision WHERE product = :product AND sequence = :sequence AND manifest_sha256 ="
		" (SELECT manifest_sha256 FROM release WHERE product = :product AND sequence = :sequence)");

	bind_key(&q, product, sequence);
	return db_run(&q, e);
}

int releases_decide(struct store *s, const struct hash32 *product, uint64_t sequence, enum release_decision decision,
		    int64_t now_ms, struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO decision (product, sequence, manifest_sha256, decision, at_ms)"
		" SELECT product, sequence, manifest_sha256, :decision, :now_ms FROM release"
		"  WHERE product = :product AND sequence = :sequence"
		" ON CONFLICT (product, sequence, manifest_sha256)"
		"  DO UPDATE SET decision = excluded.decision, at_ms = excluded.at_ms");
	int rc;

	if (decision == RELEASE_UNDECIDED) {
		rc = undecide(s, product, sequence, e);
		return rc ? rc : db_part_keep(&part, e);
	}
	bind_key(&q, product, sequence);
	db_bind_text(&q, ":decision", decision == RELEASE_APPROVED ? "approved" : "held");
	db_bind_i64(&q, ":now_ms", now_ms);
	if ((rc = db_run(&q, e)))
		return rc;
	if (!db_changes(s->db))
		return err_set(e, ERR_NOT_FOUND, "no such release");
	rc = products_choose(s, product, e);
	return rc ? rc : db_part_keep(&part, e);
}
