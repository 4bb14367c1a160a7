/* fetch_source.h: a place that images come from, and what it is worth.
 *
 * Worth is what was measured here: how fast bytes come, how long the first one takes, how often it fails.
 * From that fetch_source_cost_ms() says how long a MiB would take, and the
 * cheapest of the best priority is asked first. A source that was never asked
 * is given the benefit of the doubt. A slow one only costs more; a bad hash quarantines. */
#ifndef KEEPER_FETCH_SOURCE_H
#define KEEPER_FETCH_SOURCE_H

#include "ipfs/source.h"
#include "net/secrets.h"

struct fetch_source {
	const char *name;
	struct source source;
	bool is_private;		/* loopback and private addresses are fine */
	int priority;			/* lower is asked first */
	/* since the start */
	uint64_t bytes, bad_blocks, failures, successes;
	uint64_t rate;			/* bytes a second, lately; 0: not known */
	int64_t first_byte_ms;		/* lately; meaningless while rate is 0 */
	unsigned failing;		/* of 1,000 requests, lately */
	int64_t rest_until_ms;		/* monotonic: throttled, or failed a moment ago */
	int64_t quarantined_until_ms;	/* monotonic: a hash did not fit */
	bool is_quarantined;
	char last_error[200];
};

/* "ok", "resting", "quarantined". */
const char *fetch_source_state(const struct fetch_source *s, int64_t mono_ms);
bool fetch_source_is_quarantined(const struct fetch_source *s, int64_t mono_ms);

/* Milliseconds that a MiB from it takes by what is known, failures included. */
int64_t fetch_source_cost_ms(const struct fetch_source *s);
/* The same for people: 100 for the best there is, towards 0; 0 in quarantine. */
unsigned fetch_source_score(const struct fetch_source *s, int64_t mono_ms);

/* A request has ended well: so many body bytes in so long, the first one after first_byte_ms. Short ones say
 * nothing of the rate. */
void fetch_source_did(struct fetch_source *s, uint64_t bytes, int64_t took_ms, int64_t first_byte_ms);
/* The same of one that is given up: only its pace counts. */
void fetch_source_measured(struct fetch_source *s, uint64_t bytes, int64_t took_ms, int64_t first_byte_ms);
/* A request has failed. Its words may echo a key of the source's URL or its token: secrets (may be NULL) are hidden here, and
 * nowhere else, on their way to where people read them. */
void fetch_source_failed(struct fetch_source *s, const struct secrets *secrets, const char *why);
/* It was caught with wrong bytes. */
void fetch_source_lied(struct fetch_source *s, const struct secrets *secrets, int64_t mono_ms, const char *why);

#endif
