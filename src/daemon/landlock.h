/* landlock.h: the kernel's Landlock, by its raw calls. Private to src/daemon.
 *
 * Numbers and bits are Documentation/userspace-api/landlock.rst's; headers of Debian 12 end at ABI 2, so
 * the later ones stand here. */
#ifndef DAEMON_LANDLOCK_H
#define DAEMON_LANDLOCK_H

#include "daemon/sandbox.h"

/* 0 when the kernel has none, or it is switched off. */
int landlock_abi(void);

/* From now on only these paths, TCP connects only if can_connect, TCP binds never; and no signals or
 * abstract sockets of processes outside, as far as abi knows. Needs no_new_privs. */
MUST_USE int landlock_enter(int abi, const struct sandbox_path *const *paths, const size_t *n, size_t lists, bool can_connect,
			    struct err *e);

#endif
