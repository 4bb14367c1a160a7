/* owncopy_own.h: what owncopy.c and owncopy_recall.c share. */
#ifndef STORE_OWNCOPY_OWN_H
#define STORE_OWNCOPY_OWN_H

/* Debian's library has them; the header hides their names from who does not say so. */
#define SQLITE_ENABLE_SESSION 1
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include "store/owncopy.h"
#include "store/db_own.h"
#include "store/store_own.h"

#define OWNCOPY_DB OWNCOPY_DIR "/gatepost.db"
#define OWNCOPY_LOG OWNCOPY_DIR "/log"

/* What of it is there and whole. */
MUST_USE int owncopy_look(const struct owncopy_place *at, struct owncopy_recalled *about, struct err *e);

#endif
