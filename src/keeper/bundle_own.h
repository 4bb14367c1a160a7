/* bundle_own.h: what the files of an import share. bundle_import.c: states; bundle_judge.c: does it count; bundle_image.c: the
 * image's bytes; bundle_apply.c: writing it down. */
#ifndef KEEPER_BUNDLE_OWN_H
#define KEEPER_BUNDLE_OWN_H

#include "base/sm.h"
#include "chain/evidence.h"
#include "ipfs/bundle.h"
#include "keeper/bundle_import.h"
#include "keeper/keeper.h"
#include "keeper/kept.h"

enum import_at { IMPORT_TAKING, IMPORT_FINISHING, IMPORT_DONE, IMPORT_REFUSED, IMPORT_STATES };

struct bundle_import {
	struct keeper *k;
	uint64_t id;
	struct sm sm;
	struct bundle_ask ask;
	char who[64], address[64];
	uint64_t taken;			/* bytes of the file so far */
	int64_t touched_ms;		/* monotonic: when the last ones came */
	char why[320];			/* REFUSED: the rule; DONE: what became of it */

	/* a bundle */
	struct bundle_reader reader;
	bool has_evidence;
	struct evidence evidence;
	struct records records;		/* the whole history */
	bool is_pinned;			/* bundle-pinned, else bundle-signers */

	/* the image; blob and plan NULL: none is written */
	struct fetched fetched;
	struct blob *blob;
	bool is_repair;			/* of a damaged object: its good chunks are served on, whatever comes of this */
	struct kept kept;
	struct plan *plan;
	bool is_working;		/* a worker has blob */
	uv_work_t work;
	int work_rc;
	struct err work_err;
};

/* --- bundle_judge.c --- */
/* What the store has in common with the bundle's history. */
struct bundle_overlap {
	uint32_t same;			/* leading entries that are equal */
	uint32_t known, final;		/* entries that the store has; of these, proven and final */
};
MUST_USE int bundle_compare(struct keeper *k, const struct bundle_import *im, struct bundle_overlap *out, struct err *e);
/* Does it count here, and by whose word? Sets im->is_pinned. ERR_RULE names what it breaks. *wants_image: its image is one that the
 * gateway would fetch; then im->fetched.target says which. */
MUST_USE int bundle_judge(struct bundle_import *im, bool *wants_image, struct err *e);

/* --- bundle_image.c --- */
/* Opens the part. ERR_BUSY: it is being fetched now. */
MUST_USE int bundle_image_begin(struct bundle_import *im, struct err *e);
/* [worker] Hashes it and makes it durable: im->work_rc. */
void bundle_image_finish(struct bundle_import *im);
/* Lets go; is_bad: what was written goes too, unless it was a repair: then whoever repairs it next finds what is good. */
void bundle_image_end(struct bundle_import *im, bool is_bad);

/* --- bundle_apply.c --- */
/* Entries, trust, audit record, in one transaction. */
MUST_USE int bundle_apply(struct bundle_import *im, struct err *e);
MUST_USE int bundle_audit(struct bundle_import *im, const char *action, const char *detail, struct err *e);

#endif
