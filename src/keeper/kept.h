/* kept.h: the blocks of a .dag file in memory while its image is fetched, by CID. */
#ifndef KEEPER_KEPT_H
#define KEEPER_KEPT_H

#include "base/buf.h"
#include "base/table.h"
#include "formats/cid.h"
#include "store/blob.h"

struct kept {
	struct { struct cid cid; size_t at, n; } *block;
	size_t blocks, room;
	struct table by_digest;		/* a publisher decides how many there are, and each is looked for whenever one comes */
	struct buf bytes;
};

void kept_init(struct kept *k);
void kept_fini(struct kept *k);
/* ERR_LIMIT: more than KEPT_BYTES_MAX in all. */
MUST_USE int kept_add(struct kept *k, const struct cid *cid, struct span block, struct err *e);
/* The same, and into the part. ERR_LIMIT is the DAG's fault, and nothing was written; all else is the disk's, or want of memory. */
MUST_USE int kept_put(struct kept *k, struct blob *blob, const struct cid *cid, struct span block, struct err *e);
/* Everything that a part has kept of the DAG under this root, which is the first that it kept of it. What another claim's DAG has left
 * goes: it is of no use, and could leave this one no room. What cannot be read is nobody's fault: it stays. */
MUST_USE int kept_load(struct kept *k, struct blob *blob, const struct cid *root, struct err *e);
/* ERR_NOT_FOUND. The span lives until the next kept_add. */
MUST_USE int kept_find(const struct kept *k, const struct cid *cid, struct span *out, struct err *e);

#endif
