/* bundle_export.h: a release of this gateway as an offline bundle, given out piece by piece through the API (docs/bundle.md).
 *
 *	ASKING ─── header and proof hold ──► READY ──► DONE
 *	   └────── no provider is left ────► FAILED ◄──┘
 *
 * The gateway keeps no proofs, only what they proved. So a provider is asked for the header and a proof at the last
 * final block at which the product was proven; what it says must hash to that very block, and prove the very history that
 * is here. Then pieces are made as they are asked for, each once and in order.
 *
 * Failure modes: a provider that has not the state of that block any more, or lies, is passed over for the next. On chains
 * whose final block is older than the state that nodes keep, all of them are then asked at the newest block that a quorum gave, which
 * may not be final. An image that
 * rots meanwhile ends the export. Who takes nothing for BUNDLE_IDLE_MS loses the place. One export at a time. */
#ifndef KEEPER_BUNDLE_EXPORT_H
#define KEEPER_BUNDLE_EXPORT_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>

struct keeper;
struct ledger_product;
struct bundle_export;

/* Makes k->export. ERR_NOT_FOUND: no such release; ERR_RULE: it is not proven yet, or its image is not here; ERR_BUSY. */
MUST_USE int bundle_export_begin(struct keeper *k, const struct ledger_product *p, uint64_t sequence, struct err *e);

/* The next piece. offset: what was given so far, or where the last piece began, which is then given again. ERR_BUSY: not READY
 * yet; ERR_EXISTS: another offset; ERR_CORRUPT: the image is damaged, and the export is over. */
MUST_USE int bundle_export_piece(struct bundle_export *x, uint64_t offset, struct span *out, bool *is_last, struct err *e);

/* Now and then: lets go of one whose taker has gone. */
void bundle_export_tidy(struct keeper *k);

uint64_t bundle_export_id(const struct bundle_export *x);
json_t *bundle_export_json(const struct bundle_export *x);

/* NULL is fine. */
void bundle_export_free(struct bundle_export *x);

#endif
