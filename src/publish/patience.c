/* patience.c: see patience.h. */
#include "publish/patience.h"
#include "base/clock.h"

#include <time.h>

#define PAUSE_FIRST_MS 50

struct patience patience_of(int64_t total_ms, int64_t pause_max_ms)
{
	return (struct patience){
		.end_ms = clock_mono_ms(clock_system()) + total_ms, .pause_ms = PAUSE_FIRST_MS, .pause_max_ms = pause_max_ms,
	};
}

int64_t patience_left_ms(const struct patience *p)
{
	int64_t left = p->end_ms - clock_mono_ms(clock_system());

	return left > 0 ? left : 0;
}

bool patience_pause(struct patience *p)
{
	int64_t left = patience_left_ms(p), ms = p->pause_ms < left ? p->pause_ms : left;
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	if (!left)
		return false;
	nanosleep(&t, NULL);
	p->pause_ms = p->pause_ms * 2 < p->pause_max_ms ? p->pause_ms * 2 : p->pause_max_ms;
	return true;
}
