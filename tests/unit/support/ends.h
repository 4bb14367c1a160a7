/* ends.h: what ends its process, tried in one of its own: also where tests are not forked (tests/support/mutants.mjs), unlike check's exit tests. */
#ifndef TESTS_UNIT_SUPPORT_ENDS_H
#define TESTS_UNIT_SUPPORT_ENDS_H

#include <sys/wait.h>
#include <unistd.h>

#define CAME_BACK 99

/* The exit status of a process that does fn(arg), CAME_BACK when it comes back, or -1. fn asserts nothing. */
static inline int status_of_end(void (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fn(arg);
		_exit(CAME_BACK);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
