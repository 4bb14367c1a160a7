/* save.c: see save.h. */
#include "store/save.h"

#include "base/cleanup.h"
#include "store/own.h"
#include "store/scratch.h"
#include "store/store_own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH "backup.new"

static int fill(struct store *from, struct store *to, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(to);
	int rc = own_copy(from, to, e);

	if (!rc)
		rc = own_copy_audit(from, to, e);
	return rc ? rc : store_commit(&tx, e);
}

int save_rows(struct store *s, const char *path, const char *scratch, struct err *e)
{
	struct store *copy = NULL;
	int rc = scratch_open(path, scratch, &copy, e);

	/* Nobody finds it after a power cut, or before it was synced. */
	if (!rc)
		rc = db_exec(copy->db, "PRAGMA synchronous=OFF", e);
	if (!rc)
		rc = fill(s, copy, e);
	store_close(copy);	/* and its WAL becomes part of the file */
	return rc;
}

static int open_it(int dir, int *fd, uint64_t *size, struct err *e)
{
	struct stat st;

	/* SQLite says nothing when it cannot make the log a part of the file; the rows are in there then. */
	if (faccessat(dir, SCRATCH_DB(SCRATCH) "-wal", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, ERR_IO, "what is to be saved did not come to be one file");
	if (errno != ENOENT)
		return err_errno(e, SCRATCH_DB(SCRATCH) "-wal");
	*fd = openat(dir, SCRATCH_DB(SCRATCH), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return err_errno(e, SCRATCH_DB(SCRATCH));
	*size = (uint64_t)st.st_size;
	return *size <= SAVE_DATABASE_MAX ? ERR_OK : err_set(e, ERR_LIMIT, "what is to be saved is longer than a backup can be");
}

int save_database(struct store *s, int state_dir, const char *path, const struct sysio *sys, int *fd, uint64_t *size, struct err *e)
{
	autoclose int made = -1;
	int rc = scratch_make(state_dir, SCRATCH, sys, e);

	if (!rc)
		rc = save_rows(s, path, SCRATCH, e);
	if (!rc)
		rc = open_it(state_dir, &made, size, e);
	if (rc) {
		err_drop(scratch_remove(state_dir, SCRATCH, sys, NULL));	/* else the next backup does */
		return rc;
	}
	rc = scratch_remove(state_dir, SCRATCH, sys, e);
	if (!rc)
		*fd = STEAL_FD(made);
	return rc;
}
