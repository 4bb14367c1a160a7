/* audit.h: operator commands and state changes, hash-chained.
 *
 * hash(n) = SHA-256( hash(n-1) ‖ n ‖ at_ms ‖ each text with its length ), all
 * integers 64 bit big-endian; hash(0) is zero. The newest hash is in every
 * status, so that a monitor outside can show later that nothing was edited.
 * The oldest records are dropped past AUDIT_ROWS_MAX; what is left still
 * verifies. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "store/store.h"

#define AUDIT_TEXT_MAX 512

struct audit_row {
	uint64_t n;		/* 1 for the first; audit_add sets it */
	int64_t at_ms;
	char actor[64];		/* token name, "socket:UID", "gatepost" for state changes of its own */
	char address[64];	/* of the asker; "" none */
	char action[48];	/* "approve", "token.new", "release.state", … */
	char subject[PRODUCT_NAME_MAX + 32];
	char detail[AUDIT_TEXT_MAX];
	struct hash32 hash;	/* audit_add sets it */
};

/* Adds a record after the newest; sets n and hash. Part of the caller's transaction. */
MUST_USE int audit_add(struct store *s, struct audit_row *r, struct err *e);
/* Takes over a record of another log: as it stands there where it goes on from the newest one here, else, behind a gap, as the next one. */
MUST_USE int audit_append(struct store *s, const struct audit_row *r, struct err *e);
/* In order, after n. Lives until fn returns. */
typedef int audit_fn(void *arg, const struct audit_row *r, struct err *e);
MUST_USE int audit_each(struct store *s, uint64_t after, uint32_t limit, audit_fn *fn, void *arg, struct err *e);
/* n 0 and a zero hash while there is none. */
MUST_USE int audit_newest(struct store *s, uint64_t *n, struct hash32 *hash, struct err *e);
/* Walks the chain. ERR_PROOF names the first record that does not fit. */
MUST_USE int audit_verify(struct store *s, struct err *e);

#endif
