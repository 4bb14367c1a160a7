/* restore.h: a state directory made to know what a backup knows, and to forget nothing that it knows itself (docs/backup.md).
 *
 *	restore_prepare	 ─► restore.db beside the present database: the backup's rows and the directory's, merged. Nothing else is touched
 *	restore_install	 ─► floors raised ─► tokens ─► catalog ─► the present database gets a second name ─► restore.db takes its place
 *
 * Each step is durable before the next one begins, and right without it: floors only rise, and the directory serves what it served
 * before until the last rename. A power cut leaves the old database or the new one; doing it all again is always fine. Whoever runs the
 * gateway meanwhile makes it ERR_BUSY: the database is locked as SQLite locks it. */
#ifndef STORE_RESTORE_H
#define STORE_RESTORE_H

#include "store/store.h"
#include "store/sysio.h"

struct restore {
	const char *path;	/* the state directory … */
	int dir;		/* … and open */
	const struct sysio *sys;
	/* set by restore_prepare */
	bool has_database;	/* there is one already */
	bool is_damaged;	/* and it cannot be read, or is of another registry: nothing of it was merged */
	char damage[200];	/* why not */
};

/* A database of size bytes lies at `at` in fd. Makes and opens *fresh. ERR_BUSY: a gateway runs on this directory; ERR_CORRUPT:
 * the backup's database is none of ours, or damaged; ERR_RULE: of a newer schema. */
MUST_USE int restore_prepare(struct restore *r, int fd, uint64_t at, uint64_t size, struct store **fresh, struct err *e);

/* What becomes of the directory's files besides the database. */
struct restore_parts {
	struct span floor;	/* a floor file: joined with the directory's */
	struct span tokens;	/* a tokens file in place of the directory's; p NULL: that one stays */
	struct span catalog;	/* likewise; p set and n 0: the directory's goes */
};

/* Closes fresh, and puts everything in place. On failure fresh is closed all the same. */
MUST_USE int restore_install_take(struct restore *r, struct store *fresh, const struct restore_parts *parts, struct err *e);

/* Removes what a restore that did not come to its end has left; restore_prepare begins with it. */
void restore_tidy(int dir, const struct sysio *sys);

#endif
