/* store_own.h: what the table modules see of the store. */
#ifndef STORE_STORE_OWN_H
#define STORE_STORE_OWN_H

#include "base/cleanup.h"
#include "store/db.h"
#include "store/store.h"

struct owncopy;

struct store {
	struct db *db;
	struct owncopy *copy;	/* NULL: none is kept (owncopy.h) */
	bool is_new;
	bool is_older;		/* store_is_older() */
};

/* No more notes; of store_close(). */
void owncopy_end(struct store *s);

#endif
