/* scratch.h: a directory beside the database, in which another database is made or looked at. Internal to src/store. */
#ifndef STORE_SCRATCH_H
#define STORE_SCRATCH_H

#include "store/store.h"
#include "store/sysio.h"

/* The name of a database in such a directory, relative to the state directory. */
#define SCRATCH_DB(name) name "/gatepost.db"

/* Removes what an earlier one left, and makes it anew. */
MUST_USE int scratch_make(int dir, const char *name, const struct sysio *sys, struct err *e);
/* With the database in it. Nothing there is not an error. */
MUST_USE int scratch_remove(int dir, const char *name, const struct sysio *sys, struct err *e);
/* Opens, or makes, the database in it. */
MUST_USE int scratch_open(const char *state_dir, const char *name, struct store **out, struct err *e);

#endif
