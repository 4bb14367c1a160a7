/* preads.h: reads at an offset, of files whose names end so: counted, and the Nth of them fails, or all from there on. */
#ifndef TESTS_PREADS_H
#define TESTS_PREADS_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
	const char *of;		/* ".dag.part"; NULL: of none */
	unsigned at;		/* 0: none fails */
	bool is_sticky;
	unsigned calls;
	uint64_t bytes;
} preads;

static inline bool preads_count(int fd)
{
	char link[40], name[PATH_MAX + 1];
	ssize_t n;

	if (!preads.of)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof name - 1);
	return n >= (ssize_t)strlen(preads.of) && !strncmp(name + n - strlen(preads.of), preads.of, strlen(preads.of));
}

/* Instead of the C library's. */
ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	bool is_counted = preads_count(fd);
	ssize_t got;

	preads.calls += is_counted;
	if (is_counted && preads.at && (preads.is_sticky ? preads.calls >= preads.at : preads.calls == preads.at)) {
		errno = EIO;
		return -1;
	}
	/* Not the bare call: how a 64-bit offset is passed differs from machine to machine. */
	got = preadv(fd, &(struct iovec){ p, n }, 1, at);
	preads.bytes += is_counted && got > 0 ? (uint64_t)got : 0;
	return got;
}

/* From now on, of those: the Nth fails (0: none), and with is_sticky all that follow. */
static inline void preads_fail(const char *of, unsigned at, bool is_sticky)
{
	preads.of = of;
	preads.at = at;
	preads.is_sticky = is_sticky;
	preads.calls = 0;
	preads.bytes = 0;
}

static inline void preads_count_of(const char *of)
{
	preads_fail(of, 0, false);
}

#endif
