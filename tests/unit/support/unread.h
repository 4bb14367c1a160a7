/* unread.h: a directory with a bad block: so many of its names are read, and then no more. */
#ifndef TESTS_UNREAD_H
#define TESTS_UNREAD_H

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	const char *folder;	/* how its path ends; NULL: none */
	unsigned after;		/* names, "." and ".." too */
	unsigned seen;
} unread;

static bool unread_is(DIR *d)
{
	char link[64], path[PATH_MAX];
	size_t n = unread.folder ? strlen(unread.folder) : 0;
	ssize_t got;

	if (!n)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd(d));
	got = readlink(link, path, sizeof path);
	return got >= (ssize_t)n && memcmp(path + got - n, unread.folder, n) == 0;
}

/* Instead of the C library's. */
struct dirent *readdir(DIR *d)
{
	static struct dirent *(*real)(DIR *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, sizeof(off_t) > sizeof(long) ? "readdir64" : "readdir");
	if (unread_is(d) && unread.seen++ >= unread.after) {
		errno = EIO;
		return NULL;
	}
	return real(d);
}

static inline void unread_from(const char *folder, unsigned after)
{
	unread.folder = folder;
	unread.after = after;
	unread.seen = 0;
}

#endif
