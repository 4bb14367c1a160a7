/* mark_own.h: the five columns of a struct proof_mark, shared by the tables that have them. */
#ifndef STORE_MARK_OWN_H
#define STORE_MARK_OWN_H

#include "store/mark.h"
#include "store/store_own.h"

/* NULL leaves them NULL. */
void mark_bind_proof(struct db_stmt *q, const struct proof_mark *m);
/* From column col on; false and zeros when they are NULL. */
bool mark_read_proof(struct db_stmt *q, int col, struct proof_mark *out);

#endif
