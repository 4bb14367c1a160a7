/* merge.c: store_merge: what cannot be got from the chain, from one database into another.
 *
 * Rows go through INSERTs, so the schema of `from` is trusted for nothing: every type, length and CHECK is held against ours. Its own
 * triggers and views are off (db.c), and what is no plain table is refused. */
#include "store/mark.h"
#include "store/store_own.h"

#include <stdio.h>

/* "WHERE true": without it SQLite takes ON for a join's. Rows of a product that has nothing else to say are left out: it is made
 * again from configuration and chain. */
static const char *const copies[] = {
	"INSERT INTO main.mark (id, chain_id, registry, genesis, anchor_number, anchor_hash, trust)"
	" SELECT 1, chain_id, registry, genesis, anchor_number, anchor_hash, trust FROM other.mark WHERE id = 1"
	" ON CONFLICT (id) DO UPDATE SET genesis = coalesce(genesis, excluded.genesis),"
	"  anchor_hash = iif(coalesce(excluded.anchor_number, -1) > coalesce(anchor_number, -1), excluded.anchor_hash, anchor_hash),"
	"  anchor_number = iif(coalesce(excluded.anchor_number, -1) > coalesce(anchor_number, -1), excluded.anchor_number, anchor_number)",

	"INSERT INTO main.latched (code, subject, detail, since_ms) SELECT code, subject, detail, since_ms FROM other.latched"
	" WHERE true ON CONFLICT DO NOTHING",

	"INSERT INTO main.product (id, name, registrant, owner, signers, head, sequence, floor, last_block, is_pinned)"
	" SELECT id, name, registrant, zeroblob(20), X'0000', zeroblob(32), 0, 0, 0, is_pinned FROM other.product AS p"
	" WHERE is_pinned OR EXISTS (SELECT 1 FROM other.decision WHERE product = p.id)"
	"  OR EXISTS (SELECT 1 FROM other.accepted_set WHERE product = p.id)"
	" ON CONFLICT (id) DO UPDATE SET is_pinned = max(is_pinned, excluded.is_pinned)",

	"INSERT INTO main.accepted_set (product, set_id, at_ms) SELECT product, set_id, at_ms FROM other.accepted_set"
	" WHERE true ON CONFLICT DO NOTHING",

	"INSERT INTO main.decision (product, sequence, manifest_sha256, decision, at_ms)"
	" SELECT product, sequence, manifest_sha256, decision, at_ms FROM other.decision WHERE true"
	" ON CONFLICT (product, sequence, manifest_sha256) DO UPDATE SET decision = excluded.decision, at_ms = excluded.at_ms"
	" WHERE excluded.at_ms > at_ms",

	/* What the operator listed stays listed, as it was listed last. */
	"INSERT INTO main.device (device, is_listed, product, channel, grp, version, sequence, state, reason, progress, address, protocol,"
	"  first_seen_ms, last_seen_ms, reported_ms, bytes)"
	" SELECT device, is_listed, product, channel, grp, version, sequence, state, reason, progress, address, protocol,"
	"  first_seen_ms, last_seen_ms, reported_ms, bytes FROM other.device WHERE true"
	" ON CONFLICT (device) DO UPDATE SET product = iif(excluded.is_listed OR NOT is_listed, excluded.product, product),"
	"  channel = iif(excluded.is_listed OR NOT is_listed, excluded.channel, channel),"
	"  grp = iif(excluded.is_listed OR NOT is_listed, excluded.grp, grp), is_listed = max(is_listed, excluded.is_listed),"
	"  version = excluded.version, sequence = excluded.sequence, state = excluded.state, reason = excluded.reason,"
	"  progress = excluded.progress, address = excluded.address, protocol = excluded.protocol,"
	"  first_seen_ms = min(first_seen_ms, excluded.first_seen_ms), last_seen_ms = excluded.last_seen_ms,"
	"  reported_ms = excluded.reported_ms, bytes = max(bytes, excluded.bytes)",

	"INSERT INTO main.device_floor (device, product, channel, sequence)"
	" SELECT device, product, channel, sequence FROM other.device_floor WHERE true"
	" ON CONFLICT (device, product, channel) DO UPDATE SET sequence = max(sequence, excluded.sequence)",
};

static const char copy_audit[] =
	"INSERT INTO main.audit (n, at_ms, actor, address, action, subject, detail, hash)"
	" SELECT n, at_ms, actor, address, action, subject, detail, hash FROM other.audit";

/* A table by name only may be anything. */
static int check_tables(struct store *s, struct err *e)
{
	uint64_t odd = 1;
	int rc = db_pragma_u64(s->db, "SELECT count(*) FROM other.sqlite_schema"
		" WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'", &odd, e);

	return rc || !odd ? rc : err_set(e, ERR_CORRUPT, "database: it has more than tables and indexes");
}

/* Both of one chain and registry, or one of them of none yet. */
static int check_identity(struct store *s, struct err *e)
{
	uint64_t differ = 1;
	int rc = db_pragma_u64(s->db, "SELECT count(*) FROM main.mark AS a, other.mark AS b"
		" WHERE a.chain_id <> b.chain_id OR a.registry <> b.registry OR a.genesis <> b.genesis", &differ, e);

	return rc || !differ ? rc : err_set(e, ERR_RULE, "database: it is of another chain or registry");
}

static int copy_rows(struct store *s, bool with_audit, struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	int rc = ERR_OK;

	for (size_t i = 0; i < sizeof copies / sizeof *copies && !rc; i++)
		rc = db_exec(s->db, copies[i], e);
	if (!rc && with_audit)
		rc = db_exec(s->db, copy_audit, e);
	/* Ours was as it should be: what does not fit came from there. */
	if (rc == ERR_INTERNAL || rc == ERR_EXISTS || rc == ERR_NOT_FOUND)
		return (int)(e ? e->code = ERR_CORRUPT : ERR_CORRUPT);
	return rc ? rc : db_part_keep(&part, e);
}

static int merge_attached(struct store *s, bool with_audit, struct err *e)
{
	int rc = check_tables(s, e);

	if (!rc)
		rc = check_identity(s, e);
	return rc ? rc : copy_rows(s, with_audit, e);
}

int store_merge(struct store *s, const char *path, bool with_audit, struct err *e)
{
	char *attach = sqlite3_mprintf("ATTACH %Q AS other", path);
	int rc = attach ? db_exec(s->db, attach, e) : err_set(e, ERR_MEMORY, "no memory to merge databases");

	sqlite3_free(attach);
	if (rc)
		return rc;
	rc = merge_attached(s, with_audit, e);
	err_drop(db_exec(s->db, "DETACH other", NULL));
	return rc;
}
