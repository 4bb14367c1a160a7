/* news.h: when products that changed are judged and told: at once, but not once for every answer of a long round.
 *
 * Judging ends in a new catalog of everything, so a first sync that told each
 * product by itself would cost the square of their number. The first news after
 * a pause is told at once; what follows within CHAIN_NEWS_MS is told together, and
 * when the round ends nothing waits any longer. Pure. */
#ifndef KEEPER_NEWS_H
#define KEEPER_NEWS_H

#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct news {
	bool is_waiting;	/* there is something to tell */
	bool was_told;
	int64_t told_ms;	/* monotonic; when was_told */
};

void news_note(struct news *n);
/* Is it time? Then it counts as told. */
bool news_take(struct news *n, bool is_round_over, int64_t mono_ms);
/* When to look again: INT64_MAX when nothing waits. */
int64_t news_wake(const struct news *n);

#endif
