/* durable.h: small files that are either the old or the new one, whole, whatever happens. */
#ifndef STORE_DURABLE_H
#define STORE_DURABLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "store/sysio.h"

/* Writes s to name.new in the directory dir, fdatasync, renames it over name, fsync of the directory. mode as for
 * open(2). A directory under name is set
 * aside (aside.h). On failure name is as before (or, if only the last sync failed, perhaps the new one) and name.new gone. */
MUST_USE int durable_replace(int dir, const char *name, struct span s, mode_t mode, const struct sysio *sys,
			     struct err *e);

/* Reads a file of ours, whole, into b, which is empty: io_read_own. What fails in a way that may be the disk's is tried once more: many a card
 * answers the second time. ERR_IO then: it cannot be read, which is no word about what it says. */
MUST_USE int durable_read(int dir, const char *name, struct buf *b, struct err *e);

/* Where there is no room for a second file: over the bytes that name has, cut to length, fdatasync. Torn, by a power cut or a failure, it is neither
 * the old nor the new one: for content that has a digest in it. ERR_NOT_FOUND: there is none. */
MUST_USE int durable_overwrite(int dir, const char *name, struct span s, const struct sysio *sys, struct err *e);

#endif
