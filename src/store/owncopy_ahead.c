/* owncopy_ahead.c: does the log of the second copy know more than the database? A change is noted there after it was committed: so what is noted and
 * not in the database was in it once. SQLite takes a rotten frame of its log for the log's end, and the last commit's looks like what a power cut
 * leaves (walcheck.h): here the two are told apart. */
#include "store/owncopy_own.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/log.h"
#include "store/audit.h"
#include "store/devices.h"
#include "store/ownpatch.h"

#include <string.h>

#define LOOK_BACK 16	/* records: one that says nothing of the kind is rare */
/* Columns, as in sql/. */
#define AUDIT_N 0
#define DEVICE_DEVICE 0
#define DEVICE_LAST_SEEN_MS 13

enum verdict { UNDECIDED, LEVEL, AHEAD };

struct last_records {
	struct span at[LOOK_BACK];
	size_t n;		/* of all */
};

/* Records are numbered, and only the oldest ever go. */
static int judge_audit(struct store *s, int64_t n, enum verdict *v, struct err *e)
{
	struct hash32 hash;
	uint64_t newest = 0;
	int rc = audit_newest(s, &newest, &hash, e);

	*v = n > (int64_t)newest ? AHEAD : LEVEL;
	return rc;
}

/* Each report and sighting says when, and that only rises. A device that is not there may have made room for another one: that is the safe side. */
static int judge_device(struct store *s, const char *device, int64_t seen_ms, enum verdict *v, struct err *e)
{
	struct device_row row;
	int rc = devices_get(s, device, &row, e);

	*v = rc == ERR_NOT_FOUND || seen_ms > row.last_seen_ms ? AHEAD : LEVEL;
	return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

/* 0 when it did not change. */
static int64_t changed(sqlite3_changeset_iter *at, int col)
{
	sqlite3_value *v = NULL;

	return sqlite3changeset_new(at, col, &v) == SQLITE_OK && v ? sqlite3_value_int64(v) : 0;
}

/* In a patch of a known row the key is among its old values. */
static const char *key_of(sqlite3_changeset_iter *at, int op)
{
	sqlite3_value *v = NULL;
	int rc = op == SQLITE_INSERT ? sqlite3changeset_new(at, DEVICE_DEVICE, &v) : sqlite3changeset_old(at, DEVICE_DEVICE, &v);

	return rc == SQLITE_OK && v ? (const char *)sqlite3_value_text(v) : NULL;
}

static int judge_change(struct store *s, sqlite3_changeset_iter *at, enum verdict *v, struct err *e)
{
	const char *table = "", *device;
	int columns = 0, op = 0;

	sqlite3changeset_op(at, &table, &columns, &op, NULL);
	if (!strcmp(table, "audit"))
		return judge_audit(s, changed(at, AUDIT_N), v, e);
	if (strcmp(table, "device") != 0 || op == SQLITE_DELETE)
		return ERR_OK;
	device = key_of(at, op);
	return device ? judge_device(s, device, changed(at, DEVICE_LAST_SEEN_MS), v, e) : ERR_OK;
}

/* One change that is not there is enough. */
static int judge_record(struct store *s, struct span patch, enum verdict *out, struct err *e)
{
	sqlite3_changeset_iter *at = NULL;
	int rc = ERR_OK;

	if (sqlite3changeset_start(&at, (int)patch.n, (void *)(uintptr_t)patch.p) != SQLITE_OK)
		return err_set(e, ERR_MEMORY, "no memory to look at the second copy");
	while (!rc && sqlite3changeset_next(at) == SQLITE_ROW) {
		enum verdict v = UNDECIDED;

		rc = judge_change(s, at, &v, e);
		*out = v > *out ? v : *out;
	}
	sqlite3changeset_finalize(at);
	return rc;
}

static struct last_records last_of(struct span log)
{
	struct last_records r = { .n = 0 };
	uint64_t skipped = 0;
	struct span patch;

	while (ownpatch_next(&log, &patch, &skipped))
		r.at[r.n++ % LOOK_BACK] = patch;
	return r;
}

static int judge_log(struct store *s, struct span log, bool *is_ahead, struct err *e)
{
	struct last_records r = last_of(log);
	enum verdict v = UNDECIDED;
	int rc = ERR_OK;

	for (size_t i = 0; !rc && v == UNDECIDED && i < r.n && i < LOOK_BACK; i++)
		rc = judge_record(s, r.at[(r.n - 1 - i) % LOOK_BACK], &v, e);
	*is_ahead = v == AHEAD;
	return rc;
}

int owncopy_is_ahead(struct store *s, const struct owncopy_place *at, bool *out, struct err *e)
{
	AUTO(buf_free) struct buf log = BUF_INIT(OWNCOPY_LOG_MAX);
	struct err why = { 0 };
	int rc = io_read_own(at->dir, OWNCOPY_LOG, &log, &why);

	*out = false;
	if (rc && rc != ERR_NOT_FOUND)
		log_unusual("store", "the log of the second copy cannot be read", "why=\"%s\"", why.msg);
	return rc ? ERR_OK : judge_log(s, buf_span(&log), out, e);
}
