/* ownlog.h: the records of STATE/own/log, one behind the other. Internal to src/store. Pure.
 *
 *	record = "GPOW" length:4 sum:8 payload
 *
 * (big-endian; sum: the first bytes of the SHA-256 of length and payload). An empty one says that a database lay beside the log when it began.
 * Each record stands for itself: what a power cut tore or a card let rot is stepped over, and the next whole one is looked for from there. */
#ifndef STORE_OWNLOG_H
#define STORE_OWNLOG_H

#include "base/buf.h"
#include "base/span.h"

#define OWNLOG_HEAD 16

void ownlog_add(struct buf *out, struct span payload);

/* Takes the next whole record off the front of *rest; false: there is none. *skipped grows by the bytes that are part of none. */
bool ownlog_next(struct span *rest, struct span *payload, uint64_t *skipped);

#endif
