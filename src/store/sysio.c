/* sysio.c: the kernel's own. */
#include "store/sysio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int kernel_openat(int dir, const char *name, int flags, mode_t mode)
{
	return openat(dir, name, flags, mode);
}

static int kernel_fallocate(int fd, off_t size)
{
	int sys;

	do
		sys = posix_fallocate(fd, 0, size);
	while (sys == EINTR);
	errno = sys;
	return sys ? -1 : 0;
}

/* renameat2 where the file system knows it; else a second name first, which fails when it is taken. */
static int kernel_rename_new(int dir, const char *from, const char *to)
{
	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(dir, from, dir, to, 0) < 0)
		return -1;
	return unlinkat(dir, from, 0);
}

static int kernel_rename_over(int dir, const char *from, const char *to)
{
	return renameat(dir, from, dir, to);
}

static int kernel_unlinkat(int dir, const char *name)
{
	return unlinkat(dir, name, 0);
}

static int kernel_linkat(int dir, const char *from, const char *to)
{
	return linkat(dir, from, dir, to, 0);
}

const struct sysio sysio_kernel = {
	.openat = kernel_openat,
	.mkdirat = mkdirat,
	.fallocate = kernel_fallocate,
	.pwrite = pwrite,
	.ftruncate = ftruncate,
	.fdatasync = fdatasync,
	.fsync = fsync,
	.rename_new = kernel_rename_new,
	.rename_over = kernel_rename_over,
	.unlinkat = kernel_unlinkat,
	.linkat = kernel_linkat,
};

int sysio_pwrite_all(const struct sysio *sys, int fd, struct span s, off_t at, struct err *e)
{
	while (s.n > 0) {
		ssize_t n = sys->pwrite(fd, s.p, s.n, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "write");
		s = span_cut(s, (size_t)n, s.n);
		at += n;
	}
	return ERR_OK;
}
