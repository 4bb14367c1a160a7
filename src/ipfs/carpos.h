/* carpos.h: where in a CAR that lies on a web server the first block begins that is still missing.
 *
 * Such a file is asked for with Range, and after a restart nobody remembers how far it was. But its writer had no choice: a header
 * with the one root, then the blocks depth first. So its bytes up to any block can be counted from what is there.
 *
 * Not where a block comes twice before that (writers differ in whether they repeat it), nor where an identity block is met. Whoever asks must
 * bear that the answer does not fit: another header makes every position wrong, and the reader will find no section there. */
#ifndef IPFS_CARPOS_H
#define IPFS_CARPOS_H

#include "ipfs/plan.h"

/* False: it cannot be told, or nothing is missing. Calls io->load. */
bool carpos_of_missing(struct plan *p, uint64_t *at);

#endif
