/* ownpatch.h: the changes that STATE/own/log is made of: patchsets of SQLite's session extension, as its sqlite3session.c describes them.
 * Internal to src/store. Pure.
 *
 *	patch = { 'P' columns:varint key-of-each-column:1 … name NUL { op:1 indirect:1 values } }
 *	value = 0 | 5 (NULL) | 1 integer:8 | 2 real:8 | 3 length:varint text | 4 length:varint blob
 *
 * A record's sum tells rot, not who wrote it, and SQLite trusts a patch: of a table's name without an end it looks for the end for ever (3.40). */
#ifndef STORE_OWNPATCH_H
#define STORE_OWNPATCH_H

#include "base/span.h"

#define OWNPATCH_COLUMNS_MAX 127	/* one byte says how many; the widest table that is copied has 16 */

/* Is each part of it within it? Of no bytes: yes. */
bool ownpatch_is_sound(struct span patch);

/* ownlog_next, of what is sound (or empty); the others count as skipped. */
bool ownpatch_next(struct span *rest, struct span *patch, uint64_t *skipped);

#endif
