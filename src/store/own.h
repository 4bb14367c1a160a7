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

/* The audit log, which `to` has none of yet. */
MUST_USE int own_copy_audit(struct store *from, struct store *to, struct err *e);

#endif
