/* settle_own.h: what the files of ledger_settle share: settle_walk.c: entries; settle_look.c: images and decisions; settle.c: the
 * whole, and writing it down. */
#ifndef KEEPER_SETTLE_OWN_H
#define KEEPER_SETTLE_OWN_H

#include "keeper/ledger.h"
#include "store/releases.h"

#define SETTLE_FOUND "entry found"	/* why of a release that was never judged */

/* What is remembered of a release besides what is judged. */
struct noted {
	char detail[RELEASE_WHY_MAX];
	char cid[CID_TEXT_MAX];
	struct hash32 sha256;
	uint64_t size;
	enum release_state before;
	bool is_new, needs_repair, is_leaving;
	bool was_here;			/* its image, according to the row */
};

struct settling {
	struct ledger *l;
	struct ledger_product *p;
	struct product_row row, was;	/* was: as stored */
	struct history history;
	struct noted *noted;
	struct judge_release *judged;
	size_t n;
};

/* Entries into s->history, s->row and the releases' rows. */
MUST_USE int settle_walk(struct settling *s, struct err *e);
/* Fills noted and judged, all but the answers. */
MUST_USE int settle_look(struct settling *s, struct err *e);

#endif
