/* fetch_own.h: what the files of one fetch share. fetch.c: states; fetch_claim.c: who wants it; fetch_open.c: disk and plan;
 * fetch_ask.c: sources, CARs, single blocks. */
#ifndef KEEPER_FETCH_OWN_H
#define KEEPER_FETCH_OWN_H

#include "keeper/fetch.h"

/* Moves, and does the state's work. */
void fetch_enter(struct fetch *f, enum fetch_at to);
/* The same, remembering why. */
void fetch_fail(struct fetch *f, enum fetch_at to, const char *why);

/* --- fetch_claim.c --- */
/* A release's want; a new one's turn is next. */
MUST_USE int fetch_claim(struct fetch *f, const struct ledger_want *w, bool is_once, bool *is_new, struct err *e);
/* Takes it back. false: nobody is left. */
bool fetch_unclaim(struct fetch *f, const struct ledger_want *w);
bool fetch_is_urgent(const struct fetch *f);
/* The next claim's turn: sets target and root. */
void fetch_next_claim(struct fetch *f);
/* Drops those that end with a failed try; those that name just this target. false: nobody is left. */
bool fetch_drop_once(struct fetch *f);
bool fetch_drop_wrong(struct fetch *f);
void fetch_drop_all(struct fetch *f);

/* OPENING: room, part, kept blocks, plan; moves on to RESTORING, or fails. */
void fetch_open(struct fetch *f);

/* The best source that was not asked in this round; none left: WAITING. */
void fetch_next_source(struct fetch *f);
/* CAR and BLOCKS: asks f->source. */
void fetch_ask_car(struct fetch *f);
void fetch_ask_blocks(struct fetch *f);
/* Ends every request under way. */
void fetch_hang_up(struct fetch *f);

#endif
