/* image_own.h: how images.c and victims.c read a row. */
#ifndef STORE_IMAGE_OWN_H
#define STORE_IMAGE_OWN_H

#include "store/images.h"
#include "store/store_own.h"

/* Of `image i`, in the order of image_row_read. */
#define IMAGE_COLUMNS \
	"i.sha256, i.size, i.cid, i.state, i.since_ms, i.wanted_ms, i.verified_ms, i.served_bytes, i.sums, i.dag," \
	" i.dag_bytes, i.format, (SELECT count(*) FROM image_damage d WHERE d.sha256 = i.sha256), i.is_dag_lost"

MUST_USE int image_row_read(struct store *s, struct db_stmt *q, struct image_row *i, struct err *e);

#endif
