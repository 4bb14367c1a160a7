/* records.h: log records in the order of the chain, with their bytes. */
#ifndef CHAIN_RECORDS_H
#define CHAIN_RECORDS_H

#include "chain/entry.h"

struct records {
	struct record *v;
	size_t n, cap;
	size_t bytes;		/* of all data */
};

/* Copies r and its data. */
MUST_USE int records_add(struct records *list, const struct record *r, struct err *e);

/* Puts `earlier` in front of list and leaves it empty. ERR_LIMIT when together over RECORDS_HELD_MAX bytes. */
MUST_USE int records_prepend(struct records *list, struct records *earlier, struct err *e);

/* Forgets all but the first n. */
void records_cut(struct records *list, size_t n);

void records_free(struct records *list);

/* Does a stand after b in the chain? */
bool record_is_after(const struct record *a, const struct record *b);

/* What a record says, without where it stands: for comparing two nodes' stories. */
struct hash32 record_digest(const struct record *r);

#endif
