/* clock.h: the only place that asks the kernel for the time, so that tests can own it.
 *
 * A struct clock is passed to whoever needs one. clock_system() reads the
 * kernel; a test fills in its own functions. Wall time may jump and may be
 * wrong; intervals use mono. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum clock_state { CLOCK_UNSET, CLOCK_RESTORED, CLOCK_SYNCED };

struct clock {
	int64_t (*wall_ms)(void *arg);	/* since 1970-01-01 UTC */
	int64_t (*mono_ms)(void *arg);	/* since some start; never goes back */
	enum clock_state (*state)(void *arg);
	void *arg;
};

/* The kernel's clocks. state: adjtimex(2) says synchronised → CLOCK_SYNCED; else CLOCK_UNSET while the
 * wall clock is before this program was built, CLOCK_RESTORED afterwards; at most a second old. */
const struct clock *clock_system(void);

static inline int64_t clock_wall_ms(const struct clock *c)
{
	return c->wall_ms(c->arg);
}

static inline int64_t clock_mono_ms(const struct clock *c)
{
	return c->mono_ms(c->arg);
}

static inline enum clock_state clock_state(const struct clock *c)
{
	return c->state(c->arg);
}

/* The time of day was not before wall_ms when mono_ms was, so it is not before both and what has passed since: a floor that a wall
 * clock which is put back does not move. Zeros: nothing is known. */
struct clock_bound {
	int64_t wall_ms, mono_ms;
};

/* Something from wall_ms was seen at mono_ms. */
void clock_bound_raise(struct clock_bound *b, int64_t wall_ms, int64_t mono_ms);
/* 0 when nothing is known. */
int64_t clock_bound_at(const struct clock_bound *b, int64_t mono_ms);

/* "unset", "restored", "synced". */
const char *clock_state_name(enum clock_state s);

/* "2026-11-23T04:50:00Z": RFC 3339, UTC, whole seconds. out has room for CLOCK_TEXT_MAX. Returns out. */
#define CLOCK_TEXT_MAX 32
char *clock_rfc3339(int64_t wall_ms, char *out);

#endif
