/* save.h: what a backup has of the database, as a file of its own. */
#ifndef STORE_SAVE_H
#define STORE_SAVE_H

#include "store/store.h"
#include "store/sysio.h"

/* Makes it in state_dir (a descriptor and its path), opens it for reading and takes its name away, so that nothing is left of it, however
 * the process ends later. Blocks for as long as it takes: 0.1 s for 1,000 devices and as many audit records, 1.5 s for 100,000 (docs/figures.md). */
MUST_USE int save_database(struct store *s, int state_dir, const char *path, const struct sysio *sys, int *fd, uint64_t *size, struct err *e);

/* The same rows in a database of its own in the directory path/scratch (scratch.h), closed. */
MUST_USE int save_rows(struct store *s, const char *path, const char *scratch, struct err *e);

#endif
