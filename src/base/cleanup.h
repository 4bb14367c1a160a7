/* cleanup.h: locals that clean up after themselves at every way out of their scope.
 *
 *	autofree char *text = strdup(…);
 *	autoclose int fd = open(…);
 *	AUTO(buf_free) struct buf b = BUF_INIT(64);	any `void fn(T *)`
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn) __attribute__((cleanup(fn), unused))
#define autofree AUTO(cleanup_free)
#define autoclose AUTO(cleanup_close)

static inline void cleanup_free(void *pp)
{
	free(*(void **)pp);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Gives the value away: returns *p and leaves NULL (or -1), so that cleanup does nothing. */
#define STEAL_PTR(p) __extension__({ __typeof__(p) stolen_ = (p); (p) = NULL; stolen_; })
#define STEAL_FD(fd) __extension__({ int stolen_ = (fd); (fd) = -1; stolen_; })

#endif
