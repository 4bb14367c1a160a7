/* window.c: see window.h. */
#include "keeper/window.h"

#include <stdio.h>
#include <time.h>

struct window window_of(const char *text)
{
	unsigned h1, m1, h2, m2;

	if (sscanf(text, "%2u:%2u-%2u:%2u", &h1, &m1, &h2, &m2) != 4)
		return (struct window){ .is_set = false };
	return (struct window){ .is_set = true, .from = h1 * 60 + m1, .to = h2 * 60 + m2 };
}

static bool is_inside(const struct window *w, unsigned minute)
{
	if (w->from <= w->to)
		return w->from == w->to || (minute >= w->from && minute < w->to);
	return minute >= w->from || minute < w->to;
}

int64_t window_wait_ms(const struct window *w, const struct clock *clock)
{
	int64_t now_ms = clock_wall_ms(clock), at_ms;
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;

	if (!w->is_set || clock_state(clock) == CLOCK_UNSET || !localtime_r(&now, &tm))
		return 0;
	if (is_inside(w, (unsigned)tm.tm_hour * 60 + (unsigned)tm.tm_min))
		return 0;
	/* The next time the clock on the wall shows its beginning; mktime knows about summer time. */
	if ((unsigned)tm.tm_hour * 60 + (unsigned)tm.tm_min >= w->from)
		tm.tm_mday++;
	tm.tm_hour = (int)(w->from / 60);
	tm.tm_min = (int)(w->from % 60);
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	at_ms = (int64_t)mktime(&tm) * 1000;
	return at_ms > now_ms ? at_ms - now_ms : 1000;
}
