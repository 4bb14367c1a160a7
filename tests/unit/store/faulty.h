/* faulty.h: the kernel's file calls, of which the Nth fails, or ends the process as a power cut would. */
#ifndef TESTS_FAULTY_H
#define TESTS_FAULTY_H

#include "store/sysio.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	unsigned calls;
	unsigned at;		/* 0: never */
	int sys;		/* errno; 0: _exit(FAULTY_EXIT) */
	bool is_sticky;
	const char *hit;	/* the kind of call that failed last */
	const char *only;	/* NULL, or the one kind of call that counts */
	char trace[600];	/* names of the calls made, but for openat and mkdirat */
} faulty;

#define FAULTY_EXIT 9

static bool faulty_now(const char *what)
{
	size_t n = strlen(faulty.trace);

	if (strcmp(what, "openat") != 0 && strcmp(what, "mkdirat") != 0)
		snprintf(faulty.trace + n, sizeof faulty.trace - n, "%s ", what);
	if (faulty.only && strcmp(faulty.only, what) != 0)
		return false;
	faulty.calls++;
	if (!faulty.at || (faulty.is_sticky ? faulty.calls < faulty.at : faulty.calls != faulty.at))
		return false;
	if (!faulty.sys)
		_exit(FAULTY_EXIT);
	faulty.hit = what;
	errno = faulty.sys;
	return true;
}

static int faulty_openat(int dir, const char *name, int flags, mode_t mode)
{
	return faulty_now("openat") ? -1 : sysio_kernel.openat(dir, name, flags, mode);
}
static int faulty_mkdirat(int dir, const char *name, mode_t mode)
{
	return faulty_now("mkdirat") ? -1 : sysio_kernel.mkdirat(dir, name, mode);
}
static int faulty_fallocate(int fd, off_t size)
{
	return faulty_now("fallocate") ? -1 : sysio_kernel.fallocate(fd, size);
}
/* Torn: half of it is written before the power goes. */
static ssize_t faulty_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (faulty.at && faulty.calls + 1 == faulty.at && !faulty.sys && (!faulty.only || !strcmp(faulty.only, "pwrite")))
		(void)!sysio_kernel.pwrite(fd, p, n / 2, at);
	return faulty_now("pwrite") ? -1 : sysio_kernel.pwrite(fd, p, n, at);
}
static int faulty_ftruncate(int fd, off_t size)
{
	return faulty_now("ftruncate") ? -1 : sysio_kernel.ftruncate(fd, size);
}
static int faulty_fdatasync(int fd)
{
	return faulty_now("fdatasync") ? -1 : sysio_kernel.fdatasync(fd);
}
static int faulty_fsync(int fd)
{
	return faulty_now("fsync") ? -1 : sysio_kernel.fsync(fd);
}
static int faulty_rename_new(int dir, const char *from, const char *to)
{
	return faulty_now("rename_new") ? -1 : sysio_kernel.rename_new(dir, from, to);
}
static int faulty_rename_over(int dir, const char *from, const char *to)
{
	return faulty_now("rename_over") ? -1 : sysio_kernel.rename_over(dir, from, to);
}
static int faulty_unlinkat(int dir, const char *name)
{
	return faulty_now("unlinkat") ? -1 : sysio_kernel.unlinkat(dir, name);
}

static int faulty_linkat(int dir, const char *from, const char *to)
{
	return faulty_now("linkat") ? -1 : sysio_kernel.linkat(dir, from, to);
}

static const struct sysio sysio_faulty = {
	faulty_openat, faulty_mkdirat, faulty_fallocate, faulty_pwrite, faulty_ftruncate, faulty_fdatasync, faulty_fsync,
	faulty_rename_new, faulty_rename_over, faulty_unlinkat, faulty_linkat,
};

#endif
