/* verify.h: is all of it what we wrote? The operator's `cache verify`, and the scrubber's look at what is no image.
 *
 *	DATABASE ─► FILES ─► ENTRIES ─► IMAGES ─► REPAIRING ─► DONE
 *	                        └─────────────────────────────────▲   without images
 *
 *	DATABASE	every page by its checksum, every table's structure, in steps of some milliseconds: the connection is
 *			the loop's own, and devices' reports wait meanwhile. Damage ends the keeper, which rebuilds it
 *	FILES		both floor files, the second copy of what the chain cannot tell, the catalog's copy, what lies in objects/:
 *			leftovers go, objects without a row are hashed and adopted, rows without an object wanted, strange files
 *			named and left alone
 *	ENTRIES		each product's file, compared with the database
 *	IMAGES		each one, on the scrubber's worker
 *	REPAIRING	until what was found is whole again, or no repair gets on for VERIFY_REPAIR_MS
 *
 * Everything that can be written again from memory or the database is, at once. */
#ifndef KEEPER_VERIFY_H
#define KEEPER_VERIFY_H

#include "base/span.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct keeper;
struct scrubber;
struct verify;

/* NULL: no memory. */
struct verify *verify_new(struct keeper *k, uint64_t id, bool with_images);
void verify_free(struct verify *v);

/* Does the next step. In how many milliseconds it wants the next turn; -1: it is over, or there is none (NULL). While the
 * scrubber reads for it, the answer does not matter. */
int64_t verify_turn(struct verify *v);
/* The scrubber has read an image; is_believed: the row was still the same. v may be NULL or not have asked for it. */
void verify_saw(struct verify *v, const struct scrubber *s, bool is_believed);

bool verify_is_over(const struct verify *v);
/* Null for NULL. */
json_t *verify_json(const struct verify *v);

#endif
