/* patience.h: asking again until somebody is done, less and less often, and not for ever. Blocks: the program has nothing else
 * to do meanwhile. */
#ifndef PUBLISH_PATIENCE_H
#define PUBLISH_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct patience {
	int64_t end_ms;		/* on the monotonic clock */
	int64_t pause_ms, pause_max_ms;
};

/* First pause 50 ms, doubled each time up to pause_max_ms. */
struct patience patience_of(int64_t total_ms, int64_t pause_max_ms);

/* What is left of it; 0: nothing. */
int64_t patience_left_ms(const struct patience *p);

/* Sleeps for the next pause; false, at once, when time is up. */
bool patience_pause(struct patience *p);

#endif
