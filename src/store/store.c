/* store.c: opening, transactions, and what happens to a damaged file. */
#include "store/store_own.h"
#include "base/aside.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "store/walcheck.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DB_NAME "gatepost.db"

static int db_path(const char *state_dir, char *out, size_t cap, struct err *e)
{
	int n = snprintf(out, cap, "%s/" DB_NAME, state_dir);

	if (n < 0 || (size_t)n >= cap)
		return err_set(e, ERR_LIMIT, "the state directory's name is too long");
	return ERR_OK;
}

/* What its second copy knows is wanted, also when this process comes to nothing: the next one finds no trace in the log any more. */
static int note_older(struct store *s, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "DELETE FROM recalled");
	int rc = db_run(&q, e);

	if (!rc)
		db_leave_wal(s->db, false);
	return rc;
}

static int open_db(struct store *s, const char *path, bool has_rotten_log, struct err *e)
{
	int rc = db_open(path, &s->db, &s->is_new, e);

	if (rc)
		return rc;
	s->is_older = has_rotten_log && !s->is_new;
	db_leave_wal(s->db, s->is_older);
	rc = db_migrate(s->db, db_migrations, db_migrations_n, e);
	return rc || !s->is_older ? rc : note_older(s, e);
}

static int open_at(const char *path, bool has_rotten_log, struct store **out, struct err *e)
{
	struct store *s = calloc(1, sizeof *s);
	int rc;

	if (!s)
		return err_set(e, ERR_MEMORY, "no memory for the store");
	rc = open_db(s, path, has_rotten_log, e);
	if (rc) {
		store_close(s);
		return rc;
	}
	*out = s;
	return ERR_OK;
}

static bool is_odd(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode);
}

/* SQLite follows links, and what is no file would keep it from opening for ever. */
static int check_kinds(const char *path, struct err *e)
{
	char wal[PATH_MAX + 8];

	snprintf(wal, sizeof wal, "%s-wal", path);
	if (is_odd(AT_FDCWD, path))
		return err_set(e, ERR_CORRUPT, "%s: not a file", path);
	return is_odd(AT_FDCWD, wal) ? aside_free(AT_FDCWD, wal, e) : ERR_OK;
}

/* Asked before SQLite opens it, which ends it where it breaks off. What cannot be read SQLite cannot read either. */
static bool has_rotten_log(const char *path)
{
	AUTO(buf_free) struct buf log = BUF_INIT(WALCHECK_MAX);
	char wal[PATH_MAX + 8];

	snprintf(wal, sizeof wal, "%s-wal", path);
	return io_read_own(AT_FDCWD, wal, &log, NULL) == ERR_OK && walcheck_is_rotten(buf_span(&log));
}

int store_open(const char *state_dir, struct store **out, struct err *e)
{
	char path[PATH_MAX];
	int rc = db_path(state_dir, path, sizeof path, e);

	if (!rc)
		rc = check_kinds(path, e);
	return rc ? rc : open_at(path, has_rotten_log(path), out, e);
}

int store_open_in_memory(struct store **out, struct err *e)
{
	return open_at(":memory:", false, out, e);
}

void store_close(struct store *s)
{
	if (!s)
		return;
	owncopy_end(s);
	db_close(s->db);
	free(s);
}

void store_keep_wal(struct store *s)
{
	db_keep_wal(s->db);
}

bool store_is_older(const struct store *s)
{
	return s->is_older;
}

bool store_is_new(const struct store *s)
{
	return s->is_new;
}

bool store_is_corrupt(const struct store *s)
{
	return db_is_corrupt(s->db);
}

bool store_is_unreadable(const struct store *s)
{
	return db_is_unreadable(s->db);
}

int store_try(struct store *s, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(s);
	uint64_t version = 0;
	char pragma[48];
	int rc = db_pragma_u64(s->db, "PRAGMA user_version", &version, e);

	/* A commit without a changed page would reach no disk; this one writes the first page, the same as before. */
	snprintf(pragma, sizeof pragma, "PRAGMA user_version=%u", (unsigned)version);
	if (!rc)
		rc = db_exec(s->db, pragma, e);
	return rc ? rc : store_commit(&tx, e);
}

/* What is no file holds nothing to look at later. */
static int move(int dir, const char *from, const char *to, struct err *e)
{
	int rc;

	if (is_odd(dir, from))
		return aside_free(dir, from, e);
	if (is_odd(dir, to) && (rc = aside_free(dir, to, e)))
		return rc;
	if (renameat(dir, from, dir, to) < 0 && errno != ENOENT)
		return err_errno(e, "%s: set aside", from);
	return ERR_OK;
}

int store_set_aside(const char *state_dir, struct err *e)
{
	autoclose int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (dir < 0)
		return err_errno(e, "%s", state_dir);
	/* The WAL first: a new database must never meet the old one's. Named so that SQLite finds the pair again. */
	if ((rc = move(dir, DB_NAME "-wal", STORE_DAMAGED "-wal", e)) || (rc = move(dir, DB_NAME, STORE_DAMAGED, e)))
		return rc;
	return fsync(dir) < 0 ? err_errno(e, "%s: sync", state_dir) : ERR_OK;
}

struct store_tx store_begin(struct store *s)
{
	struct store_tx tx = { .s = s };
	struct db_part part = db_part(s->db);

	assert(part.is_outermost && "transactions do not nest");
	tx.rc = part.rc;
	return tx;
}

static struct db_part part_of(struct store_tx *tx)
{
	return (struct db_part){ .db = tx->s->db, .is_outermost = true, .rc = tx->rc };
}

int store_commit(struct store_tx *tx, struct err *e)
{
	struct db_part part = part_of(tx);
	int rc = db_part_keep(&part, e);

	if (rc == ERR_OK)
		tx->s = NULL;
	return rc;
}

void store_tx_end(struct store_tx *tx)
{
	if (!tx->s)
		return;
	struct db_part part = part_of(tx);
	db_part_end(&part);
	tx->s = NULL;
}
