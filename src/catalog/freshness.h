/* freshness.h: how old is what we know of a product (chapter 4, "Freshness")?
 *
 * Computed when asked, from the time of the last proven block. Never guessed:
 * without a clock that somebody vouches for it is unknown. */
#ifndef CATALOG_FRESHNESS_H
#define CATALOG_FRESHNESS_H

#include "base/clock.h"
#include "catalog/catalog.h"

enum freshness { FRESHNESS_UNKNOWN, FRESHNESS_STALE, FRESHNESS_FRESH };

/* "unknown", "stale", "fresh". */
const char *freshness_name(enum freshness f);

/* What the clock says, taken once for an answer. */
struct freshness_now {
	int64_t wall_ms;
	bool is_trusted;	/* synchronised, or vouched for by the operator (`[gateway] clock = trusted`) */
	int64_t least_ms;	/* it cannot be earlier, whatever the wall clock was put back to; 0: not known */
};
/* bound: raised by the newest proven block's time, when it was heard of (freshness_bound). */
struct freshness_now freshness_now(const struct clock *clock, bool clock_is_trusted, const struct clock_bound *bound);

/* Of what was proven of c's products, heard of now. */
void freshness_bound(struct clock_bound *bound, const struct catalog *c, int64_t mono_ms);

/* Seconds from the proven block's time to now; a block that is a little ahead of us (clocks differ, and a test chain's blocks
 * run ahead) counts as now. -1: not known: never proven, no trusted clock, or a clock that is
 * max_age_ms or more behind the block: the block's time is a lower bound for the time of day, so that clock is wrong. A clock that
 * was put back since does not make it younger. */
int64_t freshness_age_s(const struct catalog_proof *proof, uint64_t max_age_ms, const struct freshness_now *now);

/* Never proven is stale whatever the clock says: nothing can be fresh that was not seen. */
enum freshness freshness_of(const struct catalog_proof *proof, uint64_t max_age_ms, const struct freshness_now *now);

/* The gateway's is the worst: stale if any product is, else unknown if any is, else fresh. Without products: unknown. */
enum freshness freshness_of_all(const struct catalog *c, const struct freshness_now *now);

#endif
