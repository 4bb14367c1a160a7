/* bundle.h: a release and what proves it as one CARv1 file, read as its bytes arrive (docs/bundle.md).
 *
 *	root		a UnixFS directory with exactly these four files, in this order
 *	entries.jsonl	the product's whole history (chain/entries.h); raw, or a file of several blocks
 *	envelope.suit	the release's signed manifest; one raw block
 *	eth-proof.json	block header, account and storage proof (chain/evidence.h); one raw block
 *	image.bin	the image, by the CID that the manifest names
 *
 * Blocks stand depth first, so what proves comes before what it proves, and no byte of an image is
 * held before the reader's owner has looked at the evidence:
 *
 *	bundle_open(&r);
 *	while (chunk.n && !(rc = bundle_next(&r, &chunk, &event, &e)))
 *		BUNDLE_MORE	the chunk is used up
 *		BUNDLE_FRONT	the first three files are whole, in r.bytes: look at them, then bundle_take_image(&r, plan)
 *	at the end of the file: bundle_end(&r, &e)
 *	always: bundle_close(&r)
 *
 * Every block must hash to its CID and be one that comes next: a bundle has no strays. The image goes through
 * ipfs/plan like any other; blocks that it repeats may be left out, or come again. Pure; holds the first three files (limits below) and one block.
 * Limits: ENTRIES_FILE_MAX, MANIFEST_MAX, BUNDLE_PROOF_MAX, BUNDLE_ROOT_MAX. */
#ifndef IPFS_BUNDLE_H
#define IPFS_BUNDLE_H

#include "formats/car.h"
#include "ipfs/plan.h"

enum bundle_part { BUNDLE_ENTRIES, BUNDLE_ENVELOPE, BUNDLE_PROOF, BUNDLE_IMAGE, BUNDLE_PARTS };

/* "entries.jsonl", … */
const char *bundle_part_name(enum bundle_part part);

enum bundle_event { BUNDLE_MORE, BUNDLE_FRONT };

struct bundle_reader {
	struct car_reader car;
	unsigned at;			/* bundle.c's own */
	struct cid root, part[BUNDLE_PARTS];	/* known once the root has come */
	struct buf bytes[BUNDLE_IMAGE];	/* of the first three files */
	struct plan *plan;		/* of the file that is being read; the image's is the owner's */
	uint64_t blocks;
};

void bundle_open(struct bundle_reader *r);
void bundle_close(struct bundle_reader *r);

/* Takes bytes off the front of *chunk until there is something to say. ERR_FORMAT: not a bundle; ERR_RULE: a block that
 * does not belong there; ERR_PROOF: a block that is not what its CID says; ERR_LIMIT: too long a file; or what the
 * image's plan said. After a failure call only bundle_close. */
MUST_USE int bundle_next(struct bundle_reader *r, struct span *chunk, enum bundle_event *event, struct err *e);

/* After BUNDLE_FRONT: where the image's blocks go. p is borrowed until bundle_close, and its root is r->part[BUNDLE_IMAGE];
 * NULL: they are passed over. */
void bundle_take_image(struct bundle_reader *r, struct plan *p);

/* The file has ended: was all of it there? The image's plan may still want plan_settle, which copies. */
MUST_USE int bundle_end(struct bundle_reader *r, struct err *e);

/* --- writing --- */

/* A part as the root names it; bytes: of all blocks under it. */
struct bundle_link {
	struct cid cid;
	uint64_t bytes;
};
/* Appends the root block. */
void bundle_put_root(struct buf *out, const struct bundle_link part[BUNDLE_PARTS]);

/* Appends everything in front of the image's blocks: header, root, and the three files. ERR_LIMIT: one is too long. */
MUST_USE int bundle_put_front(struct buf *out, const struct span bytes[BUNDLE_IMAGE], const struct bundle_link *image,
			      struct err *e);

#endif
