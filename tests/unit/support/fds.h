/* fds.h: how many descriptors this process has, and may have. */
#ifndef TESTS_FDS_H
#define TESTS_FDS_H

#include <check.h>
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

/* With the one that the walk takes itself. */
static inline unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* So many may be open from now on, besides those that are. */
static inline void fds_allow(rlim_t n)
{
	struct rlimit r;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
}

/* So many more than are open now, until fds_allow(). */
static inline void fds_leave(unsigned n)
{
	int lowest = dup(0);

	ck_assert(lowest >= 0 && close(lowest) == 0);
	fds_allow((rlim_t)lowest + n);
}

#endif
