/* recover.h: after READY, what lies on disk and what the database says are brought together (chapter 6, "At start").
 *
 * recover_scan() looks once, puts rows right that have lost their file, drops
 * leftovers, and tells the caller what needs a worker:
 *
 *	RECOVER_ADOPT	an object without a (good) row: blobs_adopt(), then images_set_good()
 *	RECOVER_EVICT	an eviction that was cut short: blobs_remove(), then images_delete()
 *	RECOVER_RESUME	a .part that somebody wants: fetch on, blob_start() finds it
 *
 * What cannot be removed is counted and left: nothing that lies there is ever believed, and the next scan tries again. A folder that cannot be
 * read to its end is named, and what it holds may have no row yet; that is for the caller to weigh.
 *
 * A good row whose object is missing or has another size becomes DAMAGED: its release stays what it is, so that no older one
 * takes its place, and what is missing is fetched again. A part
 * that nobody wants is removed, unless the database is new: then its release
 * may only not have been replayed yet, and the next start decides. */
#ifndef STORE_RECOVER_H
#define STORE_RECOVER_H

#include "store/images.h"

enum recover_what { RECOVER_ADOPT, RECOVER_EVICT, RECOVER_RESUME };

struct recover_counts {
	uint32_t objects, adopt, evict, resume, lost, dropped, strange;
	uint32_t stuck;			/* left over, and cannot be removed */
	struct err first_stuck;		/* why the first of them cannot */
	struct err unread;		/* the first folder that could not be read to its end; code ERR_OK: there is none */
};

typedef int recover_fn(void *arg, enum recover_what what, const struct hash32 *sha256, struct err *e);

/* Images that somebody works at just now, whose files may look odd: they are passed over. */
typedef bool recover_busy_fn(void *arg, const struct hash32 *sha256);

/* fn's failure ends the scan and is returned. counts and is_busy may be NULL. */
MUST_USE int recover_scan(struct store *s, struct blobs *b, int64_t now_ms, recover_fn *fn, recover_busy_fn *is_busy, void *arg,
			  struct recover_counts *counts, struct err *e);

#endif
