/* fetch_own.h: what the files of one fetch share. fetch.c: states; fetch_open.c: disk and plan; fetch_ask.c: sources, CARs,
 * single blocks. */
#ifndef KEEPER_FETCH_OWN_H
#define KEEPER_FETCH_OWN_H

#include "keeper/fetch.h"

/* Moves, and does the state's work. */
void fetch_enter(struct fetch *f, enum fetch_at to);
/* The same, remembering why. */
void fetch_fail(struct fetch *f, enum fetch_at to, const char *why);

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
