/* own.h: what a gateway knows that nobody else could tell it again: decisions, pins, accepted signer sets, devices and their
 * floors, alarms that wait for the operator, the audit log. Rows of a database, taken into another one.
 *
 * What the registry says is left out on purpose: it is proven again by the chain. So no backup, however old and whoever wrote
 * it, can bring an entry, a release or a state with it. */
#ifndef STORE_OWN_H
#define STORE_OWN_H

#include "store/store.h"

/* All of it. `to` is new. The caller holds a transaction on `to`. */
MUST_USE int own_copy(struct store *from, struct store *to, struct err *e);

/* Into what own_copy brought from a backup, what `from`, the database that stands there now, knows besides and that must never be
 * lost: holds, alarms, devices' floors. */
MUST_USE int own_raise(struct store *from, struct store *to, struct err *e);

/* Of a copy whose log has a hole some rows stand on others that are not there: they would keep all others from coming. Changes the copy: with what `to`
 * knows they stand again, or they go. For own_raise() from such a copy; own_recall() does it. */
MUST_USE int own_complete(struct store *copy, struct store *to, struct err *e);

/* Into `to`, a database that lost its last rows or all of them, from a copy of what it once held. Where the copy's audit log goes on from the
 * database's, the copy is the newer one and its rows replace the database's, but for reports and floors that are newer still, and, where both
 * logs end alike, for devices and alarms that only the database has; where not, holds, alarms, reports and floors are united. A copy with holes
 * gives what can be had of it. Changes the copy too. */
MUST_USE int own_recall(struct store *copy, struct store *to, struct err *e);

/* Does log's audit log hold the newest record of base's? It does when base has none. */
MUST_USE int own_audit_goes_on(struct store *base, struct store *log, bool *out, struct err *e);

/* The audit log, which `to` has none of yet. */
MUST_USE int own_copy_audit(struct store *from, struct store *to, struct err *e);

#endif
