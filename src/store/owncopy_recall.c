/* owncopy_recall.c: see owncopy.h. How what the copy knows comes back. */
#include "store/owncopy_own.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/limits.h"
#include "store/audit.h"
#include "store/devices.h"
#include "store/own.h"
#include "store/ownpatch.h"
#include "store/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEN "own.seen"

static const struct sysio *sys_of(const struct owncopy_place *at)
{
	return sysio_or_kernel(at->sys);
}

/* Of a file that is to be read: the disk or memory, which may be better later. All else is that there is nothing of use. */
static bool may_pass(int rc)
{
	return rc == ERR_IO || rc == ERR_MEMORY || rc == ERR_NO_SPACE || rc == ERR_READ_ONLY;
}

/* --- a copy for looking at --- */

static int copy_bytes(const struct owncopy_place *at, int from, struct err *e)
{
	autoclose int to = sys_of(at)->openat(at->dir, SCRATCH_DB(SEEN), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	autofree uint8_t *piece = malloc(CHUNK_SIZE);
	off_t done = 0;

	if (to < 0)
		return err_errno(e, SCRATCH_DB(SEEN));
	if (!piece)
		return err_set(e, ERR_MEMORY, "no memory to read the second copy");
	for (;;) {
		ssize_t n = pread(from, piece, CHUNK_SIZE, done);
		int rc;

		if (n < 0)
			return err_errno(e, OWNCOPY_DB);
		if (n == 0)
			return ERR_OK;
		rc = sysio_pwrite_all(sys_of(at), to, SPAN(piece, (size_t)n), done, e);
		if (rc)
			return rc;
		done += n;
	}
}

static int open_seen(const struct owncopy_place *at, struct store **out, struct err *e)
{
	int rc = scratch_open(at->path, SEEN, out, e);

	/* Nobody needs it after a power cut. Rows come in the order in which they were written, not in that of their references. */
	if (!rc)
		rc = db_exec((*out)->db, "PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF", e);
	return rc;
}

static int open_copied(const struct owncopy_place *at, int from, struct store **out, struct err *e)
{
	int rc = scratch_make(at->dir, SEEN, at->sys, e);

	if (!rc)
		rc = copy_bytes(at, from, e);
	if (!rc)
		rc = open_seen(at, out, e);
	if (!rc)
		rc = store_check(*out, e);
	if (rc)
		store_close(STEAL_PTR(*out));
	return rc;
}

/* Without one, or with one that is damaged, what the log says is still there. */
static int open_base(const struct owncopy_place *at, struct store **out, struct owncopy_recalled *about, struct err *e)
{
	autoclose int from = -1;
	int rc = io_open_own(at->dir, OWNCOPY_DB, 0, &from, e);

	about->was_there = about->has_base = rc != ERR_NOT_FOUND;
	about->is_whole = true;
	if (!rc)
		rc = open_copied(at, from, out, e);
	if (!rc || may_pass(rc))
		return rc;
	about->is_whole = !about->was_there;
	rc = scratch_make(at->dir, SEEN, at->sys, e);
	return rc ? rc : open_seen(at, out, e);
}

/* --- its log --- */

/* The log may begin before the database that it belongs to was made: what is there already or no more stays so, and each row ends in its last
 * state. */
static int on_conflict(void *arg, int what, sqlite3_changeset_iter *at)
{
	(void)arg;
	(void)what;
	(void)at;
	return SQLITE_CHANGESET_OMIT;
}

static int apply(struct store *to, struct span patch, struct owncopy_recalled *about, struct err *e)
{
	int rc;

	if (patch.n == 0) {
		about->is_whole &= about->has_base;
		return ERR_OK;
	}
	rc = sqlite3changeset_apply(to->db->h, (int)patch.n, (void *)(uintptr_t)patch.p, NULL, on_conflict, NULL);
	if (rc == SQLITE_CORRUPT || rc == SQLITE_ERROR) {
		about->is_whole = false;	/* a patch that SQLite did not write */
		return ERR_OK;
	}
	about->records++;
	return rc == SQLITE_OK ? ERR_OK : db_fail(to->db, rc, e, "second copy: log");
}

static int apply_all(struct store *to, struct span log, struct owncopy_recalled *about, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(to);
	struct span patch;
	int rc = ERR_OK;

	while (!rc && ownpatch_next(&log, &patch, &about->skipped))
		rc = apply(to, patch, about, e);
	return rc ? rc : store_commit(&tx, e);
}

/* Each record has its sum, which says as much as applying it does, and takes no minutes. */
static void count_all(struct span log, struct owncopy_recalled *about)
{
	struct span patch;

	while (ownpatch_next(&log, &patch, &about->skipped))
		if (patch.n == 0)
			about->is_whole &= about->has_base;
		else
			about->records++;
}

static int read_all(struct store *to, struct span log, struct owncopy_recalled *about, struct err *e)
{
	if (to)
		return apply_all(to, log, about, e);
	count_all(log, about);
	return ERR_OK;
}

/* to: NULL when it is looked at only. */
static int roll_forward(const struct owncopy_place *at, struct store *to, struct owncopy_recalled *about, struct err *e)
{
	AUTO(buf_free) struct buf log = BUF_INIT(OWNCOPY_LOG_MAX);
	int rc = io_read_own(at->dir, OWNCOPY_LOG, &log, e);

	if (rc == ERR_NOT_FOUND)
		return ERR_OK;
	about->was_there = true;
	if (rc && may_pass(rc))
		return rc;
	if (rc)
		about->is_whole = false;
	rc = rc ? ERR_OK : read_all(to, buf_span(&log), about, e);
	if (about->skipped)
		about->is_whole = false;
	return rc;
}

/* A file or a link where the directory should be holds nothing of ours. */
static bool is_nothing_there(const struct owncopy_place *at)
{
	struct stat st;

	return fstatat(at->dir, OWNCOPY_DIR, &st, AT_SYMLINK_NOFOLLOW) < 0 ? errno == ENOENT : !S_ISDIR(st.st_mode);
}

int owncopy_see(const struct owncopy_place *at, struct store **out, struct owncopy_recalled *about, struct err *e)
{
	struct store *s = NULL;
	int rc;

	*about = (struct owncopy_recalled){ 0 };
	*out = NULL;
	if (is_nothing_there(at))
		return ERR_OK;
	rc = open_base(at, &s, about, e);
	if (!rc)
		rc = roll_forward(at, s, about, e);
	if (rc || !about->was_there)
		store_close(STEAL_PTR(s));
	*out = s;
	return rc;
}

int owncopy_look(const struct owncopy_place *at, struct owncopy_recalled *about, struct err *e)
{
	struct store *s = NULL;
	int rc;

	*about = (struct owncopy_recalled){ 0 };
	if (is_nothing_there(at))
		return ERR_OK;
	rc = open_base(at, &s, about, e);
	store_close(s);
	owncopy_unsee(at);
	return rc ? rc : roll_forward(at, NULL, about, e);
}

void owncopy_unsee(const struct owncopy_place *at)
{
	err_drop(scratch_remove(at->dir, SEEN, at->sys, NULL));	/* else the next one does */
}

/* --- brought back --- */

static int lacks_recall(struct store *s, bool *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "SELECT NOT EXISTS (SELECT 1 FROM recalled)");
	int rc = db_one(&q, "answer", e);

	if (rc)
		return rc;
	*out = db_bool(&q, 0);
	return db_row_ok(&q, e);
}

int owncopy_is_wanted(struct store *s, const struct owncopy_place *at, bool *out, struct err *e)
{
	int rc = lacks_recall(s, out, e);

	if (rc || *out)
		return rc;
	rc = owncopy_is_ahead(s, at, out, e);
	if (!rc && *out)
		s->is_older = true;
	return rc;
}

static int note_recalled(struct store *s, int64_t now_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO recalled (id, at_ms) VALUES (1, :now_ms) ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms");

	db_bind_i64(&q, ":now_ms", now_ms);
	return db_run(&q, e);
}

static int add_record(struct store *s, int64_t now_ms, const struct owncopy_recalled *about, struct err *e)
{
	struct audit_row a = { .at_ms = now_ms, .actor = "gatepost", .action = "recall", .subject = "database" };

	snprintf(a.detail, sizeof a.detail, "decisions, devices and audit log from the second copy, %" PRIu64 " changes of its log, %s", about->records,
		 about->is_whole ? "whole" : "not whole");
	return audit_add(s, &a, e);
}

static int count(struct store *s, struct owncopy_recalled *about, struct err *e)
{
	struct hash32 hash;
	int rc = devices_count(s, &about->devices, e);

	return rc ? rc : audit_newest(s, &about->audit, &hash, e);
}

static int recall(struct store *s, struct store *copy, int64_t now_ms, struct owncopy_recalled *about, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(s);
	int rc = copy ? own_recall(copy, s, e) : ERR_OK;

	if (!rc && copy)
		rc = add_record(s, now_ms, about, e);
	if (!rc)
		rc = note_recalled(s, now_ms, e);
	if (!rc)
		rc = count(s, about, e);
	return rc ? rc : store_commit(&tx, e);
}

int owncopy_recall(struct store *s, const struct owncopy_place *at, int64_t now_ms, struct owncopy_recalled *out, struct err *e)
{
	struct store *copy = NULL;
	int rc = owncopy_see(at, &copy, out, e);

	if (!rc)
		rc = recall(s, copy, now_ms, out, e);
	store_close(copy);
	owncopy_unsee(at);
	return rc;
}

int owncopy_forget(const struct owncopy_place *at, struct err *e)
{
	autoclose int folder = sys_of(at)->openat(at->dir, OWNCOPY_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);

	if (folder < 0)
		return errno == ENOENT || errno == ENOTDIR ? ERR_OK : err_errno(e, OWNCOPY_DIR);
	if ((sys_of(at)->unlinkat(folder, "gatepost.db") < 0 && errno != ENOENT) || (sys_of(at)->unlinkat(folder, "log") < 0 && errno != ENOENT))
		return err_errno(e, OWNCOPY_DIR ": remove");
	return sys_of(at)->fsync(folder) < 0 ? err_errno(e, OWNCOPY_DIR ": sync") : ERR_OK;
}
