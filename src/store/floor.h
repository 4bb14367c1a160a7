/* floor.h: what must never be forgotten, outside the database: each product's rollback floor, the newest sequence
 * that was proven, and what was revoked.
 *
 * Two files in the state directory, floor.a and floor.b, each whole and
 * checksummed:
 *
 *	"GPFLOOR1" generation:8 length:4 products… SHA-256 of all before
 *
 * (big-endian). A save writes the one that is older or damaged, with the next
 * generation, and syncs it; the newest valid one counts. So one torn write or
 * bad sector loses nothing, and a lost database none of it either. Everything
 * here only rises: floor_note() is a union, never a replacement. */
#ifndef STORE_FLOOR_H
#define STORE_FLOOR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"
#include "store/sysio.h"

enum floor_found {
	FLOOR_NONE,		/* neither file, or a first save that did not end: a first start */
	FLOOR_BOTH,		/* fine */
	FLOOR_ONE,		/* the other is damaged, missing or unread: the last change may be lost. The next save mends it */
	FLOOR_LOST,		/* files, but none valid: raise an alarm, be careful until the chain is proven again */
};

struct floor_item {
	struct hash32 product;
	char name[PRODUCT_NAME_MAX + 1];
	struct addr20 registrant;
	uint64_t floor;			/* sequences below are revoked */
	uint64_t proven;		/* newest sequence that was proven final */
	uint64_t active;		/* newest sequence that was ever active, on any channel */
	size_t revoked_n;
	const uint64_t *revoked;	/* ascending; what is below the floor goes */
};

struct floors;

/* state_dir is a descriptor that must outlive the floors. A file that cannot be read is tried twice. A failure is want of memory or descriptors: nothing
 * is known of the files then, and they are as they were. */
MUST_USE int floor_load(int state_dir, const struct sysio *sys, struct floors **out, struct err *e);
void floor_free(struct floors *f);
enum floor_found floor_found(const struct floors *f);
/* Why a file could not be read when they were loaded (of two, floor.a); NULL: both could. It may say more than the other one: before a save writes
 * over it, it is read once more, and united with the rest. Lives as long as f. */
const struct err *floor_unread(const struct floors *f);

/* NULL when unknown. Lives until the next call that changes f. */
const struct floor_item *floor_get(const struct floors *f, const struct hash32 *product);
/* In order of product id; the same lifetime. NULL past the end. */
const struct floor_item *floor_at(const struct floors *f, size_t i);
bool floor_is_revoked(const struct floors *f, const struct hash32 *product, uint64_t sequence);

/* Takes what is higher of each, and adds item->revoked. Changes nothing on disk. ERR_LIMIT: more than
 * FLOOR_PRODUCTS_MAX products or FLOOR_REVOKED_MAX revocations of one. */
MUST_USE int floor_note(struct floors *f, const struct floor_item *item, struct err *e);

/* All of it as one of the two files would hold it, for a backup; and the union with what such bytes hold. ERR_CORRUPT: they are not
 * whole, and nothing was taken. */
void floor_write(const struct floors *f, struct buf *out);
MUST_USE int floor_unite(struct floors *f, struct span bytes, struct err *e);

/* Writes and syncs if something changed since the last save, or a file needs mending. On failure the change stays
 * noted, and the newest valid file untouched. */
MUST_USE int floor_save(struct floors *f, struct err *e);
bool floor_is_dirty(const struct floors *f);
/* Reads both files again. *damaged: how many are missing or not what was written last; the next save mends them. */
MUST_USE int floor_check(struct floors *f, unsigned *damaged, struct err *e);

#endif
