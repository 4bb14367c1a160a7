/* freshness.h: how old is what we know of a product (chapter 4, "Freshness")?
 *
 * Computed when asked, from the time of the last proven block. Never guessed:
 * without a clock that somebody vouches for it is unknown. */
#ifndef SERVER_FRESHNESS_H
#define SERVER_FRESHNESS_H

#include "base/clock.h"
#include "catalog/catalog.h"

enum freshness { FRESHNESS_UNKNOWN, FRESHNESS_STALE, FRESHNESS_FRESH };	/* the worst is not the lowest: see freshness_of_all */

/* "fresh", "stale", "unknown". */
const char *freshness_name(enum freshness f);

/* What the clock says, taken once for an answer. */
struct freshness_now {
	int64_t wall_ms;
	bool is_trusted;	/* synchronised, or vouched for by the operator */
};
struct freshness_now freshness_now(const struct clock *clock, bool clock_is_trusted);

/* A product that was never proven is stale whatever the clock says. */
enum freshness freshness_of(const struct catalog_product *p, const struct freshness_now *now);

/* Seconds since the last proven block; -1: unknown. A clock before that block's time is wrong: unknown too. */
int64_t freshness_age_s(const struct catalog_product *p, const struct freshness_now *now);

/* The gateway's: stale if any product is, else unknown if any is, else fresh. Without products: unknown. */
enum freshness freshness_of_all(const struct catalog *c, const struct freshness_now *now);

#endif
