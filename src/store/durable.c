/* durable.c: see durable.h. */
#include "store/durable.h"
#include "base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

static int write_new(int dir, const char *name, struct span s, mode_t mode, const struct sysio *sys, struct err *e)
{
	autoclose int fd = sys->openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	int rc;

	if (fd < 0)
		return err_errno(e, "%s: make", name);
	if ((rc = sysio_pwrite_all(sys, fd, s, 0, e)))
		return err_wrap(e, "%s", name), rc;
	/* Before the rename: else a power cut may leave the name with nothing in it. */
	return sys->fdatasync(fd) < 0 ? err_errno(e, "%s: sync", name) : ERR_OK;
}

int durable_replace(int dir, const char *name, struct span s, mode_t mode, const struct sysio *sys, struct err *e)
{
	char fresh[NAME_MAX + 1];
	int n = snprintf(fresh, sizeof fresh, "%s.new", name), rc;

	if (n < 0 || (size_t)n >= sizeof fresh)
		return err_set(e, ERR_LIMIT, "%s: the name is too long", name);
	sys = sysio_or_kernel(sys);
	rc = write_new(dir, fresh, s, mode, sys, e);
	if (rc == ERR_OK && sys->rename_over(dir, fresh, name) < 0)
		rc = err_errno(e, "%s: rename", fresh);
	if (rc) {
		sys->unlinkat(dir, fresh);	/* what is left is overwritten by the next one */
		return rc;
	}
	/* The new name is durable only once the directory is. */
	return sys->fsync(dir) < 0 ? err_errno(e, "%s: sync the directory", name) : ERR_OK;
}
