/* copy.c: a copy of the database, made in steps (store.h). SQLite keeps what was copied already up to date as long as whoever writes
 * does it over the same connection, which is all of us. */
#include "store/db_own.h"
#include "store/pagesum.h"
#include "store/store_own.h"

#include <stdlib.h>

struct store_copy {
	struct store *s;
	sqlite3 *to;
	sqlite3_backup *backup;
};

static int fail(struct store_copy *c, int sqlite_rc, struct err *e)
{
	/* What cannot be written is the copy's, what cannot be read ours; both disks are the same one. */
	struct db to = { .h = c->to };
	struct db *whose = (sqlite_rc & 0xff) == SQLITE_CORRUPT || sqlite_rc == SQLITE_IOERR_DATA ? c->s->db : &to;

	return db_fail(whose, sqlite_rc, e, "copy");
}

static int open_copy(struct store_copy *c, const char *path, struct err *e)
{
	int rc = sqlite3_open_v2(path, &c->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, PAGESUM_VFS);

	/* Nobody reads it before it is whole: no journal, no sync. */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(c->to, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-256",
				  NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		c->backup = sqlite3_backup_init(c->to, "main", c->s->db->h, "main");
	if (rc == SQLITE_OK && !c->backup)
		rc = sqlite3_errcode(c->to);
	return rc == SQLITE_OK ? ERR_OK : fail(c, rc, e);
}

int store_copy_begin(struct store *s, const char *path, struct store_copy **out, struct err *e)
{
	struct store_copy *c;
	int rc;

	if (access(path, F_OK) == 0)
		return err_set(e, ERR_EXISTS, "%s exists", path);
	c = calloc(1, sizeof *c);
	if (!c)
		return err_set(e, ERR_MEMORY, "no memory for a copy");
	c->s = s;
	rc = open_copy(c, path, e);
	if (rc)
		store_copy_free(c);
	else
		*out = c;
	return rc;
}

static int close_copy(struct store_copy *c, struct err *e)
{
	int rc = sqlite3_backup_finish(STEAL_PTR(c->backup));

	if (rc != SQLITE_OK)
		return fail(c, rc, e);
	sqlite3_close_v2(STEAL_PTR(c->to));
	return ERR_OK;
}

int store_copy_step(struct store_copy *c, unsigned pages, bool *is_done, struct err *e)
{
	int rc = sqlite3_backup_step(c->backup, (int)pages);

	*is_done = rc == SQLITE_DONE;
	if (*is_done)
		return close_copy(c, e);
	return rc == SQLITE_OK ? ERR_OK : fail(c, rc, e);
}

void store_copy_progress(const struct store_copy *c, uint64_t *left, uint64_t *all)
{
	*left = c->backup ? (uint64_t)sqlite3_backup_remaining(c->backup) : 0;
	*all = c->backup ? (uint64_t)sqlite3_backup_pagecount(c->backup) : 0;
}

void store_copy_free(struct store_copy *c)
{
	if (!c)
		return;
	sqlite3_backup_finish(c->backup);
	sqlite3_close_v2(c->to);
	free(c);
}
