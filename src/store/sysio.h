/* sysio.h: the system calls that make files durable, as a table, so that a test can fail or stop at the Nth.
 *
 * Whoever takes a `const struct sysio *` takes NULL for the kernel's own. */
#ifndef STORE_SYSIO_H
#define STORE_SYSIO_H

#include "base/err.h"
#include "base/span.h"

#include <sys/types.h>

struct sysio {
	int (*openat)(int dir, const char *name, int flags, mode_t mode);
	int (*mkdirat)(int dir, const char *name, mode_t mode);
	int (*fallocate)(int fd, off_t size);
	ssize_t (*pwrite)(int fd, const void *p, size_t n, off_t at);
	int (*ftruncate)(int fd, off_t size);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);
	/* Never replaces: EEXIST. */
	int (*rename_new)(int dir, const char *from, const char *to);
	/* Replaces. */
	int (*rename_over)(int dir, const char *from, const char *to);
	int (*unlinkat)(int dir, const char *name);
	/* A second name; EEXIST. */
	int (*linkat)(int dir, const char *from, const char *to);
};

extern const struct sysio sysio_kernel;

static inline const struct sysio *sysio_or_kernel(const struct sysio *sys)
{
	return sys ? sys : &sysio_kernel;
}

/* Writes all of s, over EINTR and short writes. */
MUST_USE int sysio_pwrite_all(const struct sysio *sys, int fd, struct span s, off_t at, struct err *e);

#endif
