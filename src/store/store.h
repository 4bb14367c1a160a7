/* store.h: the keeper's memory: one SQLite database, STATE/gatepost.db.
 *
 * One process, one connection, one thread: everything declared in src/store
 * that takes a struct store is plain, synchronous and called from the keeper's
 * loop. (blob.h is the part that worker threads may use; it knows no database.)
 *
 * WAL, synchronous=FULL: what store_commit() returned OK for survives a power
 * cut. Outside store_begin/store_commit each call is a transaction of its own.
 *
 * Errors of every function here and in the table headers (products.h,
 * entries.h, releases.h, images.h, devices.h, audit.h, mark.h):
 *	ERR_CORRUPT	the file is damaged. Sticky: from then on every call gives it. The owner closes
 *			the store, calls store_set_aside(), opens a new one and rebuilds it from chain
 *			and blobs; floor.h has what must never be forgotten, owncopy.h what nobody else could tell
 *	ERR_NO_SPACE, ERR_READ_ONLY, ERR_IO	the disk; nothing of the transaction was kept. Degrade, retry later
 *	ERR_MEMORY	SQLite's heap limit (DB_HEAP_MAX)
 *	ERR_NOT_FOUND, ERR_EXISTS, ERR_RULE, ERR_LIMIT	as each function says */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

struct store;

/* Opens or makes STATE/gatepost.db and brings its schema up to this program's.
 * ERR_CORRUPT: not a database, not ours, or damaged. ERR_RULE: written by a newer gatepost (the message names
 * both schema versions); the file is left as it is. ERR_BUSY: another process has it open. */
MUST_USE int store_open(const char *state_dir, struct store **out, struct err *e);
/* An empty one in memory, for a keeper that cannot open its own: whatever is written there is gone with it. */
MUST_USE int store_open_in_memory(struct store **out, struct err *e);
void store_close(struct store *s);
/* store_close() then leaves the WAL's file there, empty but at its size: the next start need not write one. For who opens this
 * database again; whoever moves it does without. */
void store_keep_wal(struct store *s);

/* What was committed last is gone: the write-ahead log had rotted in the middle before it was opened, or the second copy knows more (owncopy.h). */
bool store_is_older(const struct store *s);

/* A database that was made by this store_open(): nothing is remembered, the caller rebuilds. */
bool store_is_new(const struct store *s);
/* Some call met damage. */
bool store_is_corrupt(const struct store *s);

/* Some read met EIO. store_check() tells whether it stays so: OK is that it was passing; met by DB_UNREADABLE_MAX reads
 * in a row, it is damage (ERR_CORRUPT). */
bool store_is_unreadable(const struct store *s);

/* Reads the whole file: pages, indexes, constraints. Slow on a large one (100 MB/s); for the time after READY. */
MUST_USE int store_check(struct store *s, struct err *e);
/* The same in steps that let others have their turn, from the disk as far as it goes: every page of the file, then each table
 * with its indexes, then what rows say of each other. Begin with a zeroed one; is_done says when that was all. */
struct store_checking {
	uint64_t pages, tables;		/* looked at */
	bool is_done;
};
MUST_USE int store_check_step(struct store *s, struct store_checking *c, struct err *e);

/* Writes and commits something that changes nothing: does the disk take it? */
MUST_USE int store_try(struct store *s, struct err *e);

#define STORE_DAMAGED "gatepost.db.damaged"

/* Moves the (closed) database of state_dir to STORE_DAMAGED, over an earlier one, with its WAL.
 * Nothing there is not an error. */
MUST_USE int store_set_aside(const char *state_dir, struct err *e);

/* One transaction at a time; they do not nest. When store_commit fails everything since store_begin is undone. What the disk, damage or
 * want of memory has done to any statement since then store_commit says too, also when nobody looked at that statement's error.
 *
 *	struct store_tx tx AUTO(store_tx_end) = store_begin(s);
 *	if ((rc = one(s, e)) || (rc = two(s, e)))
 *		return rc;			what was done is undone
 *	return store_commit(&tx, e);
 */
struct store_tx {
	struct store *s;	/* NULL once it is over */
	int rc;			/* of the BEGIN; store_commit reports it */
	struct err err;
};
struct store_tx store_begin(struct store *s);
MUST_USE int store_commit(struct store_tx *tx, struct err *e);
/* Rolls back unless committed. */
void store_tx_end(struct store_tx *tx);

#endif
