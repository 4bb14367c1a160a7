/* sandbox.h: a process gives up what it does not need, before its threads start.
 *
 * In this order: no_new_privs; non-dumpable (nobody of the same user reads our
 * memory); Landlock on files, and on TCP and local sockets where the kernel
 * has it; a seccomp allow-list. What the kernel does not have is left out and
 * shown in struct sandbox_state, which goes into the status; what it has and refuses is
 * an error.
 *
 * Descriptors that were opened before stay usable. Forbidden calls fail with
 * EPERM (files: EACCES); nothing is killed, so that a library's odd new call
 * degrades instead of taking the gateway down.
 *
 *			keeper				server
 *	files		state and run directory rw;	objects and entries read-only
 *			resolver, TLS roots, zones ro
 *	TCP		connects, never listens		never connects, never binds
 *	sockets		stream, datagram, local		none new but netlink (interface addresses)
 *	processes	threads only			threads only */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>

enum sandbox_profile { SANDBOX_KEEPER, SANDBOX_SERVER };

enum sandbox_access { SANDBOX_READ, SANDBOX_WRITE };	/* write: everything but devices and executing */

struct sandbox_path {
	const char *path;	/* a file or a directory with all below it; one that does not exist is left out */
	enum sandbox_access access;
};

struct sandbox_state {
	int landlock_abi;	/* 0: the kernel has none */
	bool seccomp;
};

/* The profile's own needs (resolver, TLS roots, /dev/urandom …) are added to paths. Call once, from the only thread. */
MUST_USE int sandbox_enter(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n,
			   struct sandbox_state *out, struct err *e);

/* Can a process in it rename files from one directory to another? Landlock's first version forbids that, within SANDBOX_WRITE too. */
bool sandbox_lets_rename_across(void);

/* In a forked child that has entered the same sandbox: tries a list of forbidden acts (open /etc/passwd and the parent's
 * memory, write outside, ptrace, execve, bind or connect as the profile forbids, …) and fails with ERR_INTERNAL and the act's name
 * when one was not refused. Call before sandbox_enter. */
MUST_USE int sandbox_self_test(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n, struct err *e);

#endif
