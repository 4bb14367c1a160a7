/* unreadable.h: files whose sectors are bad: every read of them fails, or so many. By what they are, not by name, for a sandbox lets nobody look at names. */
#ifndef TESTS_UNREADABLE_H
#define TESTS_UNREADABLE_H

#include <check.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	struct stat file[2];
	unsigned n;
	unsigned times;		/* reads that fail still */
	int sys;		/* how */
} unreadable;

static inline bool unreadable_is(int fd)
{
	struct stat st;

	for (unsigned i = 0; unreadable.times && i < unreadable.n && fstat(fd, &st) == 0; i++)
		if (st.st_dev == unreadable.file[i].st_dev && st.st_ino == unreadable.file[i].st_ino)
			return true;
	return false;
}

/* Instead of the C library's. */
ssize_t read(int fd, void *p, size_t n)
{
	if (!unreadable_is(fd))
		return syscall(SYS_read, fd, p, n);
	unreadable.times--;
	errno = unreadable.sys;
	return -1;
}

/* This file too, which is there. */
static inline void unreadable_add(const char *path)
{
	ck_assert_uint_lt(unreadable.n, 2);
	ck_assert_int_eq(stat(path, &unreadable.file[unreadable.n++]), 0);
}

/* So many reads of those fail from now on, with this errno. */
static inline void unreadable_fail(unsigned times, int sys)
{
	unreadable.times = times;
	unreadable.sys = sys;
}

static inline void unreadable_none(void)
{
	unreadable.n = unreadable.times = 0;
}

#endif
