/* shim_crash.c: see shim.h. Where a process was when SIGSEGV, SIGABRT and their like ended it: told, then it ends as it would have. */
#include "tests/faults/shim.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

/* Nothing that allocates or locks: the process may be anywhere. The default action is back already (SA_RESETHAND); returning makes the
 * instruction, or abort(), raise the signal again. */
static void on_crash(int number)
{
	struct shim_crash *c = &shim_slot->crash[__atomic_fetch_add(&shim_slot->crashes_n, 1, __ATOMIC_SEQ_CST) % SHIM_CRASHES];

	c->life = shim_slot->starts;
	c->signal = (uint64_t)number;
	memset(c->frame, 0, sizeof c->frame);
	shim_stack(c->frame);
}

extern const char __asan_init[] __attribute__((weak));	/* sanitizers tell more */

void shim_watch_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction a = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };

	if (__asan_init)
		return;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &a, NULL);
}
