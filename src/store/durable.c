/* durable.c: see durable.h. */
#include "store/durable.h"
#include "base/aside.h"
#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

/* A file that nobody else knows: what an earlier run, or somebody else, left under the name is not written into. */
static int make_new(int dir, const char *name, mode_t mode, const struct sysio *sys, int *fd, struct err *e)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
	int rc;

	*fd = sys->openat(dir, name, flags, mode);
	if (*fd < 0 && errno == EEXIST) {
		if ((rc = aside_free(dir, name, e)))
			return rc;
		*fd = sys->openat(dir, name, flags, mode);
	}
	return *fd < 0 ? err_errno(e, "%s: make", name) : ERR_OK;
}

static int write_new(int dir, const char *name, struct span s, mode_t mode, const struct sysio *sys, struct err *e)
{
	autoclose int fd = -1;
	int rc = make_new(dir, name, mode, sys, &fd, e);

	if (rc)
		return rc;
	if ((rc = sysio_pwrite_all(sys, fd, s, 0, e)))
		return err_wrap(e, "%s", name), rc;
	/* Before the rename: else a power cut may leave the name with nothing in it. */
	return sys->fdatasync(fd) < 0 ? err_errno(e, "%s: sync", name) : ERR_OK;
}

static int take_name(int dir, const char *fresh, const char *name, const struct sysio *sys, struct err *e)
{
	int rc;

	if (sys->rename_over(dir, fresh, name) == 0)
		return ERR_OK;
	if (errno != EISDIR)
		return err_errno(e, "%s: rename", fresh);
	if ((rc = aside_free(dir, name, e)))
		return rc;
	return sys->rename_over(dir, fresh, name) < 0 ? err_errno(e, "%s: rename", fresh) : ERR_OK;
}

int durable_replace(int dir, const char *name, struct span s, mode_t mode, const struct sysio *sys, struct err *e)
{
	char fresh[NAME_MAX + 1];
	int n = snprintf(fresh, sizeof fresh, "%s.new", name), rc;

	if (n < 0 || (size_t)n >= sizeof fresh)
		return err_set(e, ERR_LIMIT, "%s: the name is too long", name);
	sys = sysio_or_kernel(sys);
	rc = write_new(dir, fresh, s, mode, sys, e);
	if (rc == ERR_OK)
		rc = take_name(dir, fresh, name, sys, e);
	if (rc) {
		sys->unlinkat(dir, fresh);	/* what is left is overwritten by the next one */
		return rc;
	}
	/* The new name is durable only once the directory is. */
	return sys->fsync(dir) < 0 ? err_errno(e, "%s: sync the directory", name) : ERR_OK;
}

int durable_overwrite(int dir, const char *name, struct span s, const struct sysio *sys, struct err *e)
{
	autoclose int fd = -1;
	int rc;

	sys = sysio_or_kernel(sys);
	fd = sys->openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, "%s", name);
	if ((rc = sysio_pwrite_all(sys, fd, s, 0, e)))
		return err_wrap(e, "%s", name), rc;
	return sys->ftruncate(fd, (off_t)s.n) < 0 || sys->fdatasync(fd) < 0 ? err_errno(e, "%s: sync", name) : ERR_OK;
}

int durable_read(int dir, const char *name, struct buf *b, struct err *e)
{
	struct err why = { 0 };
	int rc = io_read_own(dir, name, b, &why);

	if (err_is_of_one_file(&why)) {
		buf_reset(b);
		rc = io_read_own(dir, name, b, &why);
	}
	return rc ? err_tell(e, &why) : ERR_OK;
}
