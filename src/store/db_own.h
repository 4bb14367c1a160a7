/* db_own.h: what db.c and stmt.c share. */
#ifndef STORE_DB_OWN_H
#define STORE_DB_OWN_H

#include "base/cleanup.h"
#include "store/db.h"

struct db_kept {
	sqlite3_stmt *q;
	bool is_in_use;
};

struct db {
	sqlite3 *h;
	struct db_kept *kept;	/* by place in the section of statements */
	size_t kept_n;
	bool is_corrupt;
	unsigned unreadable;	/* reads that met EIO since the whole file was last read */
	/* Parts that could not begin and have not ended: a statement in one would be kept whatever becomes of the next. */
	unsigned not_begun;
	struct err why_not_begun;	/* of the first */
	bool is_begun;			/* an outermost part has begun, and has not ended */
	/* Why nothing more is done in it; ERR_OK: nothing has failed that is not the caller's doing. SQLite has undone all of it by then, so that
	 * whatever follows would be kept, each statement alone; or this one statement, which nobody would miss. */
	struct err spoilt;
	/* Called after each commit that succeeded; may be NULL. */
	void (*on_commit)(void *arg);
	void *on_commit_arg;
};

/* For who has run a statement that may have been a commit. */
void db_committed(struct db *db);

#endif
