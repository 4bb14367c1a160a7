/* owncopy.h: what own.h names, a second time, in files beside the database: so that a card that lets the database or its log rot takes
 * nothing along that somebody was told is kept.
 *
 *	STATE/own/gatepost.db	a database of those rows alone, as they once were (as in a backup)
 *	STATE/own/log		each commit's changes of them since, as SQLite's patchsets (ownlog.h)
 *
 * The database is what counts. A change is in the log before store_commit() returns, but not synced: what a power cut leaves out of it is in
 * the database, and what rots in the database is in it. A new copy is made after each start, and when the log has grown.
 *
 *	start:	store_open ─► owncopy_recall, when there is something to be recalled ─► owncopy_begin
 *	later:	owncopy_is_due ─► owncopy_save
 *
 * Errors as in store.h. Everything from the keeper's thread. */
#ifndef STORE_OWNCOPY_H
#define STORE_OWNCOPY_H

#include "store/store.h"
#include "store/sysio.h"

#define OWNCOPY_DIR "own"

/* Where: a descriptor of the state directory and its path. */
struct owncopy_place {
	int dir;
	const char *path;
	const struct sysio *sys;	/* NULL: the kernel's */
};

struct owncopy_recalled {
	bool was_there;		/* there was a copy */
	bool has_base;		/* it had a database, not only a log */
	bool is_whole;		/* and all of it could be read */
	uint64_t records;	/* of its log */
	uint64_t skipped;	/* bytes of its log that are no record */
	uint64_t devices, audit;	/* that the database has now */
};

/* Does the database lack what a copy may hold: is it a new one, has its log rotted, or does the copy's log know more? (In the last case the database is
 * an older one from now on: store_is_older().) It stays so until owncopy_recall() has succeeded. */
MUST_USE int owncopy_is_wanted(struct store *s, const struct owncopy_place *at, bool *out, struct err *e);

/* Brings back what the copy knows and s does not, in one transaction. What s knows besides stays: a copy can be behind. No copy, or none that
 * can be read, is no error; want of memory or of the disk is, and nothing has changed then. */
MUST_USE int owncopy_recall(struct store *s, const struct owncopy_place *at, int64_t now_ms, struct owncopy_recalled *out, struct err *e);

/* From now on commits are noted in the log. Always succeeds: what does not work makes owncopy_is_due(). Not in one in memory. */
void owncopy_begin(struct store *s, const struct owncopy_place *at);

/* It is to be made anew: not yet made since the start, the log has grown, or something could not be noted. */
bool owncopy_is_due(const struct store *s);
/* What could not be noted last; "" when the copy is up to date. */
const char *owncopy_trouble(const struct store *s);
/* Makes it anew. Blocks as save_database() does (save.h). */
MUST_USE int owncopy_save(struct store *s, struct err *e);

/* Is what lies there what was written? When not, it is due. Where none is kept, nothing is damaged. */
MUST_USE int owncopy_check(struct store *s, bool *is_damaged, struct err *e);

/* A copy for looking at, rolled forward, in STATE/own.seen; NULL: there is none. The caller closes it and calls owncopy_unsee(). */
MUST_USE int owncopy_see(const struct owncopy_place *at, struct store **out, struct owncopy_recalled *about, struct err *e);
void owncopy_unsee(const struct owncopy_place *at);

/* Removes it, durably: for who puts another database in place. */
MUST_USE int owncopy_forget(const struct owncopy_place *at, struct err *e);

#endif
