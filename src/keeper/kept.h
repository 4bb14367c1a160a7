/* kept.h: the blocks of a .dag file in memory while its image is fetched, by CID. */
#ifndef KEEPER_KEPT_H
#define KEEPER_KEPT_H

#include "base/buf.h"
#include "formats/cid.h"
#include "store/blob.h"

struct kept {
	struct { struct cid cid; size_t at, n; } *block;
	size_t blocks, room;
	struct buf bytes;
};

void kept_init(struct kept *k);
void kept_fini(struct kept *k);
MUST_USE int kept_add(struct kept *k, const struct cid *cid, struct span block, struct err *e);
/* Everything that a part has kept. */
MUST_USE int kept_load(struct kept *k, struct blob *blob, struct err *e);
/* ERR_NOT_FOUND. The span lives until the next kept_add. */
MUST_USE int kept_find(const struct kept *k, const struct cid *cid, struct span *out, struct err *e);

#endif
