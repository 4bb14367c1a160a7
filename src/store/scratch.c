/* scratch.c: see scratch.h. */
#include "store/scratch.h"

#include "base/aside.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* What SQLite makes: the database, its WAL, and, while it is not a WAL database yet, a journal. */
static const char *const files[] = { "gatepost.db", "gatepost.db-wal", "gatepost.db-journal" };

/* A link under the name leads to a directory in which those files are not ours: it is not followed. */
int scratch_remove(int dir, const char *name, const struct sysio *sys, struct err *e)
{
	autoclose int in = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (in < 0)
		return errno == ENOENT ? ERR_OK : err_errno(e, "%s", name);
	sys = sysio_or_kernel(sys);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (sys->unlinkat(in, files[i]) < 0 && errno != ENOENT)
			return err_errno(e, "%s/%s: remove", name, files[i]);
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? err_errno(e, "%s: remove", name) : ERR_OK;
}

int scratch_make(int dir, const char *name, const struct sysio *sys, struct err *e)
{
	int rc = scratch_remove(dir, name, sys, e);

	/* What lies there is not what an earlier one leaves. */
	if (rc == ERR_IO)
		rc = aside_move(dir, name, e);
	if (rc)
		return rc;
	if (sysio_or_kernel(sys)->mkdirat(dir, name, 0700) < 0)
		return err_errno(e, "%s: make", name);
	return ERR_OK;
}

int scratch_open(const char *state_dir, const char *name, struct store **out, struct err *e)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/%s", state_dir, name);

	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(e, ERR_LIMIT, "the state directory's name is too long");
	return store_open(path, out, e);
}
