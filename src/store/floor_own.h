/* floor_own.h: what floor.c and floor_file.c share. */
#ifndef STORE_FLOOR_OWN_H
#define STORE_FLOOR_OWN_H

#include "base/io.h"
#include "store/floor.h"

struct floor_mine {
	struct floor_item item;		/* item.revoked is revoked */
	uint64_t *revoked;
	size_t revoked_cap;
};

/* Sorted by product. */
struct floor_set {
	struct floor_mine *at;
	size_t n, cap;
	uint64_t generation;
};

struct floors {
	int dir;
	const struct sysio *sys;
	struct floor_set set;
	enum floor_found found;
	bool is_valid[2];	/* floor.a, floor.b as they lie on disk */
	bool is_unread[2];	/* could not be read; looked at once more before it is written over */
	struct err unread;	/* why, of the first */
	bool is_named[2];	/* their names are known to be on disk: we have synced the directory */
	int newest;		/* which of the two; 0 when neither is valid */
	bool is_dirty;
};

void floor_set_free(struct floor_set *set);
/* The product's place, made if it is not there; NULL: e says why not. */
struct floor_mine *floor_set_add(struct floor_set *set, const struct hash32 *product, struct err *e);
MUST_USE int floor_mine_revoke(struct floor_mine *m, uint64_t sequence, bool *changed, struct err *e);

/* ERR_CORRUPT: not a whole file of ours; set is left empty. */
MUST_USE int floor_file_read(struct span bytes, struct floor_set *set, struct err *e);
void floor_file_write(struct buf *b, const struct floor_set *set);

#endif
