/* degraded.h: whether storing works, and what follows from it.
 *
 *            ┌──────────────────── another look ─────────────────┐
 *            ▼                                                   │
 *  FINE ─► UNSURE ─► FINE            FINE, UNSURE ─► FAILING ─► DEGRADED ─► FINE
 *                                    FINE ─────────► ABSENT  (ends with the process)
 *
 * Chapter 6: "ENOSPC, EROFS, EIO: state degraded, fetch nothing, write nothing, go on serving, retry with back-off, never
 * exit." FAILING is DEGRADED before anybody was told: what fails is often deep in a callback of a part that has to let go of
 * its requests then, so the owner hears of it from the loop. UNSURE is what is not the disk's doing (memory, one row):
 * nothing stops, and what was not done is done again soon. ABSENT: there was no opening the database when the keeper started;
 * what is served is the last run's catalog, and the keeper starts anew when the database can be opened.
 *
 * Each look is a probe by the owner; pauses between them double up to DEGRADED_RETRY_MAX_MS, and begin anew once storing has
 * worked for twice the last one: a probe may succeed where the next real write does not. */
#ifndef KEEPER_DEGRADED_H
#define KEEPER_DEGRADED_H

#include "base/clock.h"
#include "base/err.h"
#include "base/sm.h"

#include <uv.h>

enum degraded_at { STORE_FINE, STORE_UNSURE, STORE_FAILING, STORE_DEGRADED, STORE_ABSENT, STORE_STATES };

/* All from the loop, never from a call of ours. */
struct degraded_owner {
	/* From now on nothing is to be fetched or written. */
	void (*on_pause)(void *arg);
	/* Does storing work? When absent: can the database be opened? */
	int (*probe)(void *arg, struct err *e);
	/* It works: go on, and do what was left undone. Not after ABSENT. */
	void (*on_fine)(void *arg);
	/* The database is there again. */
	void (*on_back)(void *arg);
	void *arg;
};

struct degraded {
	struct sm sm;
	const struct clock *clock;
	struct degraded_owner owner;
	uv_timer_t look;
	unsigned tries;
	int64_t fine_ms;		/* monotonic: since when storing works */
	int64_t pause_ms;		/* the last one */
	char why[sizeof ((struct err *)0)->msg];	/* what failed last; "" when fine */
};

void degraded_init(struct degraded *d, uv_loop_t *loop, const struct clock *clock, struct degraded_owner owner);
void degraded_close(struct degraded *d);

/* Storing failed. */
void degraded_take(struct degraded *d, const struct err *e);
/* There is no database. */
void degraded_without(struct degraded *d, const struct err *e);

static inline bool degraded_is_fine(const struct degraded *d)
{
	return d->sm.at == STORE_FINE;
}

/* Nothing is to be fetched or written. */
static inline bool degraded_is_paused(const struct degraded *d)
{
	return d->sm.at >= STORE_FAILING;
}

static inline bool degraded_is_absent(const struct degraded *d)
{
	return d->sm.at == STORE_ABSENT;
}

#endif
