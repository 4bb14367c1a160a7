/* filter.h: the system calls that a profile needs. Private to src/daemon. */
#ifndef DAEMON_FILTER_H
#define DAEMON_FILTER_H

#include "daemon/sandbox.h"

/* All others fail with EPERM from now on, for this thread and those that it makes. Needs no_new_privs.
 * *entered is false where the kernel has no seccomp. */
MUST_USE int filter_enter(enum sandbox_profile profile, bool *entered, struct err *e);

/* Sanitizers stop threads with ptrace and fork a tracer at exit: a build with them allows that, and the self-test does
 * not ask for its refusal. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

#endif
