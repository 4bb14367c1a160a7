/* fetch_own.h: what the files of one fetch share. fetch.c: states; fetch_claim.c: who wants it; fetch_open.c: disk and plan;
 * fetch_turn.c: who is asked for what next; fetch_lane.c: one request; fetch_end.c: what its end means; fetch_pace.c: time. */
#ifndef KEEPER_FETCH_OWN_H
#define KEEPER_FETCH_OWN_H

#include "keeper/fetch.h"

/* Moves, and does the state's work. */
void fetch_enter(struct fetch *f, enum fetch_at to);
/* The same, remembering why. */
void fetch_fail(struct fetch *f, enum fetch_at to, const char *why);

/* A block did not get to its place: WAITING, or, where the image that lies here has other bytes or cannot be read, FINISHING: that finds out
 * who is right. */
void fetch_not_stored(struct fetch *f, const char *why);

/* [worker too] The disk refused something: the keeper hears of it when the try ends. Returns rc. */
int fetch_note_disk(struct fetch *f, int rc, const struct err *e);

/* --- fetch_claim.c --- */
/* A release's want; a new one's turn is next, and so is one's that says something new of the image. */
MUST_USE int fetch_claim(struct fetch *f, const struct ledger_want *w, bool is_once, bool *is_new, struct err *e);
/* Takes it back. false: nobody is left. */
bool fetch_unclaim(struct fetch *f, const struct ledger_want *w);
bool fetch_is_urgent(const struct fetch *f);
/* Is f of a newer release of some product than `of` is? */
bool fetch_is_newer(const struct fetch *f, const struct fetch *of);
/* Is there a product that both are of? */
bool fetch_is_kin(const struct fetch *f, const struct fetch *of);
/* The next claim's turn: sets target, root and names. */
void fetch_next_claim(struct fetch *f);
/* Both of those that name just this target: drops those that end with its failed try; all of them. false: nobody is left. */
bool fetch_drop_once(struct fetch *f);
bool fetch_drop_wrong(struct fetch *f);
void fetch_drop_all(struct fetch *f);

/* OPENING: room, part, plan; moves on to RESTORING, or fails. */
void fetch_open(struct fetch *f);
/* [worker] The blocks that an earlier try has kept. */
MUST_USE int fetch_load_kept(struct fetch *f, struct err *e);
/* [worker] A plain file came without its DAG: when one of the profiles gives its CID, keeps the inner blocks, so that it can be
 * served as blocks too. Otherwise nothing happens, and it is false. */
bool fetch_guess_dag(struct fetch *f);

/* --- fetch_turn.c --- */
/* FETCHING: opens as many lanes as there is something to ask; with none left, says how it goes on. */
void fetch_turn(struct fetch *f);
/* What of this source is known in this try. */
struct fetch_use *fetch_use_of(struct fetch *f, const struct fetch_source *s);
/* May it be asked now? */
bool fetch_is_usable(const struct fetch *f, size_t source, int64_t now);
/* Is there another source that could go on with the file? */
bool fetch_has_other(const struct fetch *f, const struct fetch_source *s);
/* Asks a second source for what this lane has waited for too long. False: there is none now. */
bool fetch_hedge(struct fetch *f, const struct fetch_lane *slow);

/* --- fetch_lane.c --- */
/* Asks s. `lane` is free; the caller has filled in nothing. For SOURCE_ASK_CAR `from` are the bytes in front that are not wanted.
 * ERR_USAGE, ERR_MEMORY: not asked. */
MUST_USE int fetch_lane_open(struct fetch *f, struct fetch_lane *lane, struct fetch_source *s, enum source_ask ask,
			     const struct cid *cid, uint64_t from, uint64_t end, struct err *e);
/* Asks for what follows what it has. */
MUST_USE int fetch_lane_resume(struct fetch_lane *lane, struct err *e);
/* Hangs up; what was asked for and has not come may be asked of others. */
void fetch_lane_close(struct fetch_lane *lane);
struct fetch_lane *fetch_lane_free(struct fetch *f);
unsigned fetch_lanes(const struct fetch *f);
/* Ends every request under way. */
void fetch_hang_up(struct fetch *f);

/* --- fetch_end.c: each is the end of the lane, and goes on with the fetch --- */
/* The head said no. */
void fetch_lane_refused(struct fetch_lane *lane);
/* The request failed before there was an answer to read. */
void fetch_lane_failed(struct fetch_lane *lane, const char *why);
/* The body is over, or was broken off. */
void fetch_lane_ended(struct fetch_lane *lane, enum intake_result result, const char *why);
/* It crawls, and others are there. */
void fetch_lane_too_slow(struct fetch_lane *lane);
/* A whole file has another digest than the manifest's. */
void fetch_whole_lied(struct fetch *f);

/* --- fetch_pace.c --- */
/* Looks at lanes now and then while there are some, or again in so many milliseconds. */
void fetch_tick_soon(struct fetch *f, int64_t ms);
void fetch_on_tick(struct fetch *f);
/* How many requests may be in flight: as many as bring their blocks in FETCH_BLOCK_MS. */
unsigned fetch_lanes_max(const struct fetch *f);
/* How long to wait for the next try, when it would be `ms`: at least until somebody may be asked. */
int64_t fetch_pause_ms(const struct fetch *f, int64_t ms);

#endif
