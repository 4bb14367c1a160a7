/* owncopy.c: see owncopy.h. How the copy follows the database. */
#include "store/owncopy_own.h"

#include "base/aside.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/limits.h"
#include "store/ownlog.h"
#include "store/save.h"
#include "store/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW "own.new"

struct owncopy {
	struct store *s;
	int dir;			/* the owner's */
	char *path;
	const struct sysio *sys;
	sqlite3_session *session;	/* what has changed since the last commit; NULL: could not be made */
	int log;			/* -1: could not be opened */
	uint64_t log_size, made_size;
	bool is_made;			/* since the start */
	char trouble[sizeof ((struct err *)0)->msg];
};

/* The tables that own.h's statements read, but for `product`, of which `chosen` has what counts. */
static const char *const tables[] = { "chosen", "decision", "accepted_set", "latched", "device", "device_floor", "audit", NULL };

static void note_trouble(struct owncopy *c, const struct err *e)
{
	snprintf(c->trouble, sizeof c->trouble, "%s", e->msg);
}

/* --- the changes of each commit --- */

static void stop_listening(struct owncopy *c)
{
	if (c->session)
		sqlite3session_delete(STEAL_PTR(c->session));
}

static int listen_anew(struct owncopy *c, struct err *e)
{
	int rc;

	stop_listening(c);
	rc = sqlite3session_create(c->s->db->h, "main", &c->session);
	for (const char *const *t = tables; *t && rc == SQLITE_OK; t++)
		rc = sqlite3session_attach(c->session, *t);
	return rc == SQLITE_OK ? ERR_OK : err_set(e, ERR_MEMORY, "second copy: %s", sqlite3_errstr(rc));
}

static int append(struct owncopy *c, struct span patch, struct err *e)
{
	AUTO(buf_free) struct buf record = BUF_INIT(OWNCOPY_LOG_MAX);
	int rc;

	ownlog_add(&record, patch);
	if ((rc = buf_ok(&record, e)))
		return rc;
	if (c->log < 0)
		return err_set(e, ERR_IO, "second copy: its log is not open");
	if (c->log_size + record.n > OWNCOPY_LOG_MAX)
		return err_set(e, ERR_LIMIT, "second copy: its log is full");
	rc = sysio_pwrite_all(c->sys, c->log, buf_span(&record), (off_t)c->log_size, e);
	if (!rc)
		c->log_size += record.n;
	return rc ? err_wrap(e, "second copy: log") : ERR_OK;
}

/* It fails also when a change could not be noted while it was made. */
static int take_changes(struct owncopy *c, struct err *e)
{
	void *p = NULL;
	int n = 0, rc;

	if (!c->session)
		return err_set(e, ERR_MEMORY, "second copy: no memory to note changes");
	rc = sqlite3session_patchset(c->session, &n, &p);
	rc = rc == SQLITE_OK ? ERR_OK : err_set(e, ERR_MEMORY, "second copy: changes: %s", sqlite3_errstr(rc));
	if (!rc && n)
		rc = append(c, SPAN(p, (size_t)n), e);
	sqlite3_free(p);
	return rc;
}

/* SQLite reads the changes within a savepoint, and does not tell when it has no memory to leave it: all that follows would be in it, and undone
 * with the next start. */
static void leave_savepoint(struct owncopy *c)
{
	if (!sqlite3_get_autocommit(c->s->db->h) && db_exec(c->s->db, "ROLLBACK", NULL) && !sqlite3_get_autocommit(c->s->db->h))
		err_no_memory();
}

/* The change is kept, whatever becomes of its copy. */
static void on_commit(void *arg)
{
	struct owncopy *c = arg;
	struct err e = { 0 };
	int rc;

	rc = take_changes(c, &e);
	leave_savepoint(c);
	if (listen_anew(c, rc ? NULL : &e) || rc)
		note_trouble(c, &e);
}

/* --- beginning and end --- */

/* What is no file has no business there. */
static int free_odd(int dir, const char *name, struct err *e)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode) ? aside_free(dir, name, e) : ERR_OK;
}

static int open_log(struct owncopy *c, struct err *e)
{
	autoclose int fd = -1;
	struct stat st;
	int rc = aside_folder(c->dir, OWNCOPY_DIR, e);

	if (!rc)
		rc = free_odd(c->dir, OWNCOPY_LOG, e);
	if (rc)
		return rc;
	fd = c->sys->openat(c->dir, OWNCOPY_LOG, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, OWNCOPY_LOG);
	cleanup_close(&c->log);
	c->log_size = (uint64_t)st.st_size;
	c->log = STEAL_FD(fd);
	return ERR_OK;
}

/* Somebody has removed it, or put another one in its place: what is noted there nobody finds. */
static bool has_lost_log(const struct owncopy *c)
{
	struct stat st;

	return c->log >= 0 && fstat(c->log, &st) == 0 && st.st_nlink == 0;
}

static void copy_free(struct owncopy *c)
{
	if (!c)
		return;
	stop_listening(c);
	if (c->log >= 0)
		close(c->log);
	free(c->path);
	free(c);
}

static struct owncopy *copy_new(struct store *s, const struct owncopy_place *at)
{
	struct owncopy *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	*c = (struct owncopy){ .s = s, .dir = at->dir, .path = strdup(at->path), .sys = sysio_or_kernel(at->sys), .log = -1 };
	if (c->path)
		return c;
	copy_free(c);
	return NULL;
}

void owncopy_begin(struct store *s, const struct owncopy_place *at)
{
	struct err e = { 0 };
	struct owncopy *c = copy_new(s, at);
	int rc;

	if (!c)
		err_no_memory();
	rc = open_log(c, &e);
	if (listen_anew(c, rc ? NULL : &e) || rc)
		note_trouble(c, &e);
	s->copy = c;
	s->db->on_commit = on_commit;
	s->db->on_commit_arg = c;
}

void owncopy_end(struct store *s)
{
	copy_free(STEAL_PTR(s->copy));
}

bool owncopy_is_due(const struct store *s)
{
	const struct owncopy *c = s->copy;

	return c && (!c->is_made || c->trouble[0] || has_lost_log(c) || (c->log_size > OWNCOPY_LOG_DUE && c->log_size > c->made_size / OWNCOPY_LOG_PART));
}

const char *owncopy_trouble(const struct store *s)
{
	return s->copy ? s->copy->trouble : "";
}

/* --- made anew --- */

static int sync_made(struct owncopy *c, struct err *e)
{
	autoclose int fd = c->sys->openat(c->dir, SCRATCH_DB(NEW), O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || c->sys->fdatasync(fd) < 0)
		return err_errno(e, SCRATCH_DB(NEW));
	c->made_size = (uint64_t)st.st_size;
	if (faccessat(c->dir, SCRATCH_DB(NEW) "-wal", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, ERR_IO, SCRATCH_DB(NEW) "-wal: could not be taken into its database");
	return ERR_OK;
}

static int put_in_place(struct owncopy *c, struct err *e)
{
	autoclose int folder = c->sys->openat(c->dir, OWNCOPY_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);

	if (folder < 0)
		return err_errno(e, OWNCOPY_DIR);
	if (free_odd(folder, "gatepost.db", e))
		return (int)e->code;
	if (c->sys->rename_over(c->dir, SCRATCH_DB(NEW), OWNCOPY_DB) < 0)
		return err_errno(e, OWNCOPY_DB);
	if (c->sys->fsync(folder) < 0 || c->sys->fsync(c->dir) < 0)
		return err_errno(e, OWNCOPY_DIR ": sync");
	return ERR_OK;
}

/* What it says is in the new copy; that it is emptied late is no harm (owncopy_recall.c). An empty record says that it goes with a database. */
static int empty_log(struct owncopy *c, struct err *e)
{
	if (c->sys->ftruncate(c->log, 0) < 0)
		return err_errno(e, OWNCOPY_LOG ": empty");
	c->log_size = 0;
	return append(c, SPAN(NULL, 0), e);
}

static int make_anew(struct owncopy *c, struct err *e)
{
	int rc = open_log(c, e);	/* perhaps another file has the name now */

	if (!rc)
		rc = listen_anew(c, e);
	if (!rc)
		rc = scratch_make(c->dir, NEW, c->sys, e);
	if (!rc)
		rc = save_rows(c->s, c->path, NEW, e);
	if (!rc)
		rc = sync_made(c, e);
	if (!rc)
		rc = put_in_place(c, e);
	return rc ? rc : empty_log(c, e);
}

int owncopy_save(struct store *s, struct err *e)
{
	struct owncopy *c = s->copy;
	struct err why = { 0 };
	int rc = make_anew(c, &why);

	/* Left behind, the next one removes it. */
	err_drop(scratch_remove(c->dir, NEW, c->sys, NULL));
	if (rc) {
		note_trouble(c, &why);
		return err_tell(e, &why);
	}
	c->is_made = true;
	c->trouble[0] = '\0';
	return ERR_OK;
}

/* --- looked at --- */

static bool has_size(const struct owncopy *c, const char *name, uint64_t size)
{
	struct stat st;

	return fstatat(c->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (uint64_t)st.st_size == size;
}

int owncopy_check(struct store *s, bool *is_damaged, struct err *e)
{
	struct owncopy *c = s->copy;
	struct owncopy_recalled about = { 0 };
	int rc;

	*is_damaged = false;
	if (!c)
		return ERR_OK;
	io_forget_pages(c->dir, OWNCOPY_DB);
	io_forget_pages(c->dir, OWNCOPY_LOG);
	rc = owncopy_look(&(struct owncopy_place){ c->dir, c->path, c->sys }, &about, e);
	if (rc)
		return rc;
	*is_damaged = !about.is_whole || !has_size(c, OWNCOPY_LOG, c->log_size) || (c->is_made && !has_size(c, OWNCOPY_DB, c->made_size));
	c->is_made = c->is_made && !*is_damaged;
	return ERR_OK;
}
