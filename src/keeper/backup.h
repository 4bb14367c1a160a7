/* backup.h: what only this gateway knows, as one file, given out piece by piece through the API (docs/backup.md).
 *
 *	READY ──► DONE
 *	  └─────► FAILED
 *
 * All of it is taken when the backup begins, in one turn of the loop, so that its parts belong together; the database's part lies in a
 * file without a name until the last piece was taken. Who takes nothing for BUNDLE_IDLE_MS loses the place. One at a time.
 *
 * Failure modes: a full disk, or a damaged database, refuse the backup; the gateway goes on. */
#ifndef KEEPER_BACKUP_H
#define KEEPER_BACKUP_H

#include "base/err.h"
#include "base/span.h"

#include <jansson.h>

struct keeper;
struct backup;

/* Makes k->backup. ERR_BUSY: another one is being taken. */
MUST_USE int backup_begin(struct keeper *k, struct err *e);

/* The next piece. offset: what was given so far, or where the last piece began, which is then given again. ERR_EXISTS: another
 * offset; ERR_RULE: it is over. */
MUST_USE int backup_piece(struct backup *b, uint64_t offset, struct span *out, bool *is_last, struct err *e);

/* Now and then: lets go of one whose taker has gone. */
void backup_tidy(struct keeper *k);

uint64_t backup_id(const struct backup *b);
json_t *backup_json(const struct backup *b);

/* NULL is fine. */
void backup_free(struct backup *b);

#endif
