/* no_bytes.h: a disk that takes no byte more. */
#ifndef TESTS_NO_BYTES_H
#define TESTS_NO_BYTES_H

#include <check.h>
#include <signal.h>
#include <sys/resource.h>

/* No file may grow, nor be written at all, until it is said otherwise. */
static inline void refuse_bytes(bool is_refused)
{
	static struct rlimit before;
	struct rlimit none;

	if (is_refused)
		ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	signal(SIGXFSZ, is_refused ? SIG_IGN : SIG_DFL);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, is_refused ? &none : &before), 0);
}

#endif
