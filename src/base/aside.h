/* aside.h: names of ours under which something lies that is not ours: a directory or a link for a file, a file for a directory.
 * Repairs of a file system and people's hands make such things, and they must not be in the way for ever. */
#ifndef BASE_ASIDE_H
#define BASE_ASIDE_H

#include "base/err.h"

#define ASIDE_MAX 99	/* things set aside of one name */

/* What lies there becomes NAME.odd-1, or the next number that is free. Nothing there is not an error. The caller syncs dir. */
MUST_USE int aside_move(int dir, const char *name, struct err *e);
/* Frees the name of a file: a directory is moved as above, anything else goes. */
MUST_USE int aside_free(int dir, const char *name, struct err *e);

/* Sees to it that a directory lies there (mode 0750): what else there is is moved as above, and that is logged. Of two that do it at once one may
 * move what the other has made, so only one process does. */
MUST_USE int aside_folder(int dir, const char *name, struct err *e);

#endif
