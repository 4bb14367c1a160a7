/* window.h: the time of day in which images may be fetched: `[network] fetch-window = 01:00-05:00`, local time.
 *
 * May cross midnight (22:00-06:00). From and to the same minute: always open. A
 * clock that was never set knows no time of day, and then the window is open:
 * a gateway without a clock must not starve. */
#ifndef KEEPER_WINDOW_H
#define KEEPER_WINDOW_H

#include "base/clock.h"

struct window {
	bool is_set;
	unsigned from, to;	/* minutes since midnight; `to` is outside */
};

/* text as conf_read_window has checked it; "": always open. */
struct window window_of(const char *text);

/* 0: open now. Else milliseconds until it opens, at most a day (of that day's length by the time zone's rules). */
int64_t window_wait_ms(const struct window *w, const struct clock *clock);

#endif
