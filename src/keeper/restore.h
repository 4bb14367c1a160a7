/* restore.h: `gatepost-keeper -R FILE -c CONF`, which `gatepost restore` runs: a backup into the state directory of a stopped gateway.
 *
 * Everything of the backup is read and verified before anything of the directory is changed; what then happens to the directory, and
 * how it survives a power cut, is store/restore.h's. The rules (docs/backup.md): the directory forgets nothing that it knows. Floors
 * are joined; its tokens stay, if it has any; the last catalog is that of whoever knows more, without products of which the other
 * knows more; of the database comes only what the chain cannot say.
 *
 * The backup is read in the keeper's sandbox, with nothing but the state directory within reach. */
#ifndef KEEPER_RESTORE_H
#define KEEPER_RESTORE_H

#include <stdbool.h>

/* One line of JSON on stdout: what was done, or {"problem", "code"}: a sentence and an enum err_code. Returns the exit status, 0 or 1.
 * only_check: nothing but the backup itself is looked at, and no configuration (conf may be NULL). */
int restore_run(const char *file, const char *conf, bool only_check);

#endif
