/* bundle_import.h: an offline bundle, or a plain image, on its way in through the API (docs/bundle.md).
 *
 *	TAKING ─── last byte ──► FINISHING ──► DONE
 *	   │ ▲                      │
 *	   │ └ bundle_import_bytes  │
 *	   └── a rule broken ───────┴────────► REFUSED
 *
 * Happy path: bytes come in order and in pieces; a bundle's evidence is judged (bundle_judge.c) before a
 * byte of its image is held; the image goes block by block through ipfs/plan into the same part
 * file as a fetched one; when all is there a worker hashes the file; then entries, trust and
 * audit record are written in one transaction (bundle_apply.c) and everything is judged as if the chain had said it.
 *
 * Failure modes: whatever breaks a rule is refused by its name, nothing of it is kept, and the audit log has it.
 * Whoever stops sending for BUNDLE_IDLE_MS loses the place to the next one. One import at a time. A restart forgets it.
 * Memory: evidence within the limits of ipfs/bundle.h, one block, the image's inner blocks. */
#ifndef KEEPER_BUNDLE_IMPORT_H
#define KEEPER_BUNDLE_IMPORT_H

#include "base/err.h"
#include "base/span.h"

#include <jansson.h>

struct keeper;
struct bundle_import;

struct bundle_ask {
	bool is_image;			/* a plain image, else a bundle */
	uint64_t size;			/* of the file */
	struct hash32 sha256;		/* of the image */
	bool has_block_hash;		/* the operator vouches for this block */
	struct hash32 block_hash;
	const char *who;		/* for the audit log … */
	struct span address;
};

/* Makes k->import. ERR_BUSY: another one is under way; ERR_LIMIT: too long a file; ERR_NOT_FOUND: no known manifest names the image;
 * ERR_EXISTS: it is here already. */
MUST_USE int bundle_import_begin(struct keeper *k, const struct bundle_ask *ask, struct err *e);

/* The next bytes of the file; offset must be what has come so far (ERR_EXISTS if not, and nothing changes). Any other failure ends the
 * import. After the last byte it goes on by itself: see bundle_import_json. */
MUST_USE int bundle_import_bytes(struct bundle_import *im, uint64_t offset, struct span bytes, struct err *e);

/* Ends it. false: too late, all of it has come. */
bool bundle_import_give_up(struct bundle_import *im, const char *why);
/* Now and then: ends one whose sender has gone. NULL is fine. */
void bundle_import_tidy(struct bundle_import *im);

/* Is it writing this image now? Then nobody else may. NULL: no. */
bool bundle_import_brings(const struct bundle_import *im, const struct hash32 *sha256);

/* Its name; what there is to say of it. */
uint64_t bundle_import_id(const struct bundle_import *im);
json_t *bundle_import_json(const struct bundle_import *im);

/* No worker may be running: the loop has ended. NULL is fine. */
void bundle_import_free(struct bundle_import *im);

#endif
