/* restoring.h: `gatepost-keeper -R BACKUP`: what `gatepost restore` starts, since only the keeper has SQLite. */
#ifndef KEEPER_RESTORING_H
#define KEEPER_RESTORING_H

#include <stdbool.h>

/* Restores the backup into the state directory of the configuration `file`, in the keeper's sandbox. Prints one JSON object: what
 * was done, or {"code": NUMBER of enum err_code, "error": TEXT}. Returns the exit status: 0 or 1. */
int restoring_run(const char *file, const char *backup, bool with_tokens);

#endif
