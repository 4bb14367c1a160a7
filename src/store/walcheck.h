/* walcheck.h: does a write-ahead log of SQLite break off in the middle? Internal to src/store. Pure.
 *
 * SQLite takes the first frame that does not fit for the end of the log, as it must: a power cut leaves such ends. But the database syncs each
 * commit before it writes the next frame. So a commit behind that frame, and another frame behind the commit, say that the frame was on the
 * disk once, and has rotted there: what was committed from it on is gone, and the database is an older one. */
#ifndef STORE_WALCHECK_H
#define STORE_WALCHECK_H

#include "base/span.h"

#define WALCHECK_MAX (16 * 1024 * 1024)	/* more than any log of ours: a checkpoint comes after 1 MiB */

/* wal: the whole file, with pages of PAGESUM_PAGE bytes. False also of what is no log. */
bool walcheck_is_rotten(struct span wal);

#endif
