/* clock.c: see clock.h. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

/* 2026-01-01: no machine that runs this program lives before it. A constant, since a build time
 * would make builds differ. */
#define CLOCK_EARLIEST_MS INT64_C(1767225600000)

#define STATE_MEMORY_MS 1000

static int64_t read_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_wall(void *arg)
{
	(void)arg;
	return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono(void *arg)
{
	(void)arg;
	return read_ms(CLOCK_BOOTTIME);
}

static enum clock_state ask_kernel(void)
{
	struct timex t = { 0 };

	if (adjtimex(&t) >= 0 && !(t.status & STA_UNSYNC))
		return CLOCK_SYNCED;
	return read_ms(CLOCK_REALTIME) < CLOCK_EARLIEST_MS ? CLOCK_UNSET : CLOCK_RESTORED;
}

/* Asked for every answer to a device, where a system call each would be felt; the kernel changes its mind within
 * seconds, so a second's memory is enough. Time and state are one word, since any thread may come. */
static enum clock_state system_state(void *arg)
{
	static _Atomic int64_t memory;
	int64_t last = atomic_load_explicit(&memory, memory_order_relaxed), now_ms = read_ms(CLOCK_MONOTONIC_COARSE);
	enum clock_state state;

	(void)arg;
	if (last && now_ms - (last >> 2) < STATE_MEMORY_MS)
		return (enum clock_state)(last & 3);
	state = ask_kernel();
	atomic_store_explicit(&memory, now_ms << 2 | (int64_t)state, memory_order_relaxed);
	return state;
}

const struct clock *clock_system(void)
{
	static const struct clock system = { system_wall, system_mono, system_state, NULL };

	return &system;
}

int64_t clock_bound_at(const struct clock_bound *b, int64_t mono_ms)
{
	return b->wall_ms ? b->wall_ms + (mono_ms - b->mono_ms) : 0;
}

void clock_bound_raise(struct clock_bound *b, int64_t wall_ms, int64_t mono_ms)
{
	if (wall_ms > clock_bound_at(b, mono_ms))
		*b = (struct clock_bound){ wall_ms, mono_ms };
}

const char *clock_state_name(enum clock_state s)
{
	static const char *const names[] = { "unset", "restored", "synced" };

	return names[s];
}

char *clock_rfc3339(int64_t wall_ms, char *out)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, CLOCK_TEXT_MAX, "1970-01-01T00:00:00Z");
	return out;
}
