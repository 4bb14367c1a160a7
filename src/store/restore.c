/* restore.c: see restore.h. */
#include "store/restore.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "store/durable.h"
#include "store/floor.h"
#include "store/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define DB "gatepost.db"
#define REPLACED DB ".replaced"
#define FRESH "restore.db"
#define FROM "restore.from"
#define CATALOG "catalog"

#define PIECE (256 * KIB)

/* Where SQLite's own locks lie (fileformat2.html, "The Lock-Byte Page"): PENDING, RESERVED and 510 shared ones. */
#define LOCK_AT 0x40000000
#define LOCK_LEN 512

static int path_of(const struct restore *r, const char *name, char out[PATH_MAX], struct err *e)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", r->path, name);

	return n < 0 || n >= PATH_MAX ? err_set(e, ERR_LIMIT, "the state directory's name is too long") : ERR_OK;
}

void restore_tidy(int dir, const struct sysio *sys)
{
	static const char *const names[] = { FRESH, FRESH "-wal", FROM, FROM "-wal" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		err_drop(sysio_or_kernel(sys)->unlinkat(dir, names[i]));	/* what stays is in nobody's way but the next restore's */
}

/* --- the fresh one --- */

static int extract(struct restore *r, int fd, uint64_t at, uint64_t size, struct err *e)
{
	autoclose int to = r->sys->openat(r->dir, FROM, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	autofree uint8_t *piece = malloc(PIECE);
	int rc = ERR_OK;

	if (to < 0)
		return err_errno(e, FROM);
	if (!piece)
		return err_set(e, ERR_MEMORY, "no memory to restore");
	for (uint64_t done = 0; done < size && !rc;) {
		size_t n = size - done < PIECE ? (size_t)(size - done) : PIECE;

		rc = io_pread_exact(fd, piece, n, (off_t)(at + done), e);
		if (!rc && (rc = sysio_pwrite_all(r->sys, to, SPAN(piece, n), (off_t)done, e)))
			err_wrap(e, FROM);
		done += n;
	}
	return rc;
}

/* Brings its schema up to ours, empties its WAL, and reads all of it. */
static int check_file(const char *path, struct err *e)
{
	struct store *s;
	int rc = store_open_file(path, &s, e);

	if (rc)
		return rc;
	rc = store_is_new(s) ? err_set(e, ERR_CORRUPT, "database: it is empty") : store_check(s, e);
	store_close(s);
	/* SQLite's findings have lines. */
	for (char *line = rc && e ? strchr(e->msg, '\n') : NULL; line; line = strchr(line, '\n'))
		*line = ' ';
	return rc;
}

static int check_backup(const struct restore *r, char path[PATH_MAX], struct err *e)
{
	int rc = path_of(r, FROM, path, e);

	if (!rc)
		rc = check_file(path, e);
	return rc ? err_wrap(e, "the backup") : ERR_OK;
}

/* The directory's own. Damaged, it is what the restore is for. */
static int check_own(struct restore *r, char path[PATH_MAX], struct err *e)
{
	struct err why = { 0 };
	int rc = path_of(r, DB, path, e);

	if (rc)
		return rc;
	r->has_database = access(path, F_OK) == 0;
	rc = r->has_database ? check_file(path, &why) : ERR_OK;
	if (rc == ERR_BUSY)
		return err_set(e, ERR_BUSY, "a gateway runs on %s: stop it first", r->path);
	r->is_damaged = rc == ERR_CORRUPT;
	snprintf(r->damage, sizeof r->damage, "%.199s", r->is_damaged ? why.msg : "");
	return rc && !r->is_damaged ? err_set(e, why.code, "the present database: %.250s", why.msg) : ERR_OK;
}

/* What this directory knows is newer than any backup, and so it comes second. */
static int merge_both(struct restore *r, struct store *fresh, const char *backup, const char *own, struct err *e)
{
	struct err why = { 0 };
	int rc = store_merge(fresh, backup, true, e);

	if (rc)
		return err_wrap(e, "the backup");
	if (!r->has_database || r->is_damaged)
		return ERR_OK;
	rc = store_merge(fresh, own, false, &why);
	if (rc && rc != ERR_RULE && rc != ERR_CORRUPT)
		return err_set(e, why.code, "the present database: %.250s", why.msg);
	/* Of another registry: the gateway itself would forget it. */
	r->is_damaged = rc;
	snprintf(r->damage, sizeof r->damage, "%.199s", rc ? why.msg : "");
	return ERR_OK;
}

int restore_prepare(struct restore *r, int fd, uint64_t at, uint64_t size, struct store **fresh, struct err *e)
{
	char backup[PATH_MAX], own[PATH_MAX], path[PATH_MAX];
	struct store *s = NULL;
	int rc;

	r->sys = sysio_or_kernel(r->sys);
	restore_tidy(r->dir, r->sys);
	if ((rc = check_own(r, own, e)) || (rc = extract(r, fd, at, size, e)) || (rc = check_backup(r, backup, e)) ||
	    (rc = path_of(r, FRESH, path, e)) || (rc = store_open_file(path, &s, e)))
		return rc;
	rc = merge_both(r, s, backup, own, e);
	if (rc)
		store_close(s);
	else
		*fresh = s;
	return rc;
}

/* --- in its place --- */

/* SQLite's exclusive lock, without SQLite: also of a damaged file. *fd: -1 when there is none to lock. */
static int lock_own(const struct restore *r, int *fd, struct err *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_AT, .l_len = LOCK_LEN };

	if (!r->has_database)
		return ERR_OK;
	*fd = r->sys->openat(r->dir, DB, O_RDWR | O_CLOEXEC, 0);
	if (*fd < 0)
		return err_errno(e, DB);
	if (fcntl(*fd, F_OFD_SETLK, &lock) < 0)
		return errno == EAGAIN || errno == EACCES ? err_set(e, ERR_BUSY, "a gateway runs on %s: stop it first", r->path) :
							     err_errno(e, DB ": lock");
	return ERR_OK;
}

/* Root restores; the gateway is somebody else. */
static int give_to_owner(const struct restore *r, const char *name, struct err *e)
{
	struct stat st;

	if (fstat(r->dir, &st) < 0)
		return err_errno(e, "%s", r->path);
	if (st.st_uid == geteuid() || fchownat(r->dir, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT)
		return ERR_OK;
	return err_errno(e, "%s: owner", name);
}

/* Closed by SQLite, all of it is in the file; its name comes later. */
static int sync_fresh(const struct restore *r, struct err *e)
{
	autoclose int fd = r->sys->openat(r->dir, FRESH, O_RDWR | O_CLOEXEC, 0);

	if (faccessat(r->dir, FRESH "-wal", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, ERR_IO, FRESH ": its WAL could not be emptied");
	if (fd < 0 || r->sys->fsync(fd) < 0)
		return err_errno(e, FRESH ": sync");
	return give_to_owner(r, FRESH, e);
}

static int join_floors(const struct restore *r, struct span bytes, struct err *e)
{
	struct floors *theirs = NULL, *own = NULL;
	const struct floor_item *item;
	int rc = floor_read(bytes, &theirs, e);

	if (!rc)
		rc = floor_load(r->dir, r->sys, &own, e);
	for (size_t i = 0; !rc && (item = floor_at(theirs, i)); i++)
		rc = floor_note(own, item, e);
	if (!rc)
		rc = floor_save(own, e);
	floor_free(theirs);
	floor_free(own);
	if (!rc)
		rc = give_to_owner(r, "floor.a", e);
	return rc ? rc : give_to_owner(r, "floor.b", e);
}

static int put_tokens(const struct restore *r, struct span bytes, struct err *e)
{
	int rc = bytes.p ? tokens_replace(r->dir, bytes, r->sys, e) : ERR_OK;

	return rc ? rc : give_to_owner(r, "tokens", e);
}

static int put_catalog(const struct restore *r, struct span bytes, struct err *e)
{
	int rc = ERR_OK;

	if (bytes.n)
		rc = durable_replace(r->dir, CATALOG, bytes, 0640, r->sys, e);
	else if (bytes.p && r->sys->unlinkat(r->dir, CATALOG) < 0 && errno != ENOENT)
		rc = err_errno(e, CATALOG ": remove");
	return rc ? rc : give_to_owner(r, CATALOG, e);
}

static int unlink_old(const struct restore *r, const char *name, struct err *e)
{
	return r->sys->unlinkat(r->dir, name) < 0 && errno != ENOENT ? err_errno(e, "%s: remove", name) : ERR_OK;
}

/* The present database is there under its own name until the other takes that: a cut never leaves none. Only a damaged one still
 * has a WAL, which must never meet the new one. */
static int set_aside(const struct restore *r, struct err *e)
{
	int rc;

	if (!r->has_database)
		return ERR_OK;
	if ((rc = unlink_old(r, REPLACED, e)) || (rc = unlink_old(r, REPLACED "-wal", e)))
		return rc;
	if (r->sys->link_new(r->dir, DB, REPLACED) < 0)
		return err_errno(e, REPLACED);
	if (r->sys->rename_over(r->dir, DB "-wal", REPLACED "-wal") < 0 && errno != ENOENT)
		return err_errno(e, REPLACED "-wal");
	return ERR_OK;
}

static int put_database(const struct restore *r, struct err *e)
{
	int rc = set_aside(r, e);

	if (rc)
		return rc;
	if (r->has_database ? r->sys->rename_over(r->dir, FRESH, DB) < 0 : r->sys->rename_new(r->dir, FRESH, DB) < 0)
		return errno == EEXIST ? err_set(e, ERR_BUSY, "a gateway was started on %s meanwhile: stop it first", r->path) :
					 err_errno(e, DB);
	return r->sys->fsync(r->dir) < 0 ? err_errno(e, "%s: sync", r->path) : ERR_OK;
}

int restore_install_take(struct restore *r, struct store *fresh, const struct restore_parts *parts, struct err *e)
{
	autoclose int lock = -1;
	int rc;

	r->sys = sysio_or_kernel(r->sys);
	store_close(fresh);
	if ((rc = sync_fresh(r, e)) || (rc = lock_own(r, &lock, e)) || (rc = join_floors(r, parts->floor, e)) ||
	    (rc = put_tokens(r, parts->tokens, e)) || (rc = put_catalog(r, parts->catalog, e)) || (rc = put_database(r, e)))
		return rc;
	restore_tidy(r->dir, r->sys);
	return ERR_OK;
}
