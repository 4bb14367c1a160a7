/* backup.h: what this gateway knows and nobody else does, as one file (docs/backup.md), given out piece by piece through the API.
 *
 *	COPYING ─── every page ──► HASHING ─── every byte ──► READY
 *	   └─────── the disk, or damage ──► FAILED ◄──┘
 *
 * The database is copied a few pages a turn of the loop, so that nothing waits for it: a report that is acknowledged while it goes on
 * is in the copy too. When the last page is there, floors, tokens and catalog are taken in the same turn: all of one moment. The copy
 * lies in the state directory, the only place that the sandbox lets us write to, without a name as soon as it is whole: whatever ends
 * us, nothing is left behind but a copy that was not finished, which the next start removes.
 *
 * Any piece may be asked for, and again. Who takes nothing for BUNDLE_IDLE_MS loses the place. One backup at a time. */
#ifndef KEEPER_BACKUP_H
#define KEEPER_BACKUP_H

#include "base/err.h"
#include "base/span.h"

#include <jansson.h>

struct keeper;
struct backup;

/* Makes k->backup. ERR_BUSY: another one is under way; ERR_NO_SPACE and the like: the disk. */
MUST_USE int backup_begin(struct keeper *k, struct err *e);

/* At most BUNDLE_PIECE bytes from offset on, into out (emptied before). ERR_BUSY: not READY yet; ERR_RULE: it failed, and why;
 * ERR_LIMIT: past its end. */
struct buf;
MUST_USE int backup_piece(struct backup *b, uint64_t offset, struct buf *out, bool *is_last, struct err *e);

uint64_t backup_id(const struct backup *b);
json_t *backup_json(const struct backup *b);

/* At start, and now and then: lets go of what nobody asks for any more. */
void backup_tidy(struct keeper *k);
/* Forgets k->backup, at any time. */
void backup_drop(struct keeper *k);

#endif
