/* entries.h: a product's history as a file: JSON lines, one log object as of eth_getLogs each, in the order of the chain.
 *
 * A publisher's `dir:` export has such files, and every gateway serves them at /entries/VENDOR/MODEL. They are hints
 * like a node's logs: what they say counts only if it replays to a proven head. So reading
 * checks what can be checked of a row by itself, and bounds what a stranger can make us hold. */
#ifndef CHAIN_ENTRIES_H
#define CHAIN_ENTRIES_H

#include "chain/read.h"

/* Appends the records of a file that lie in the blocks from f->from to f->to, in order; the lines around them are checked as well.
 * ERR_FORMAT: not such a file (also one that was cut); ERR_RULE: a row that f does not ask for, or that stands in the wrong
 * place; ERR_LIMIT: a line over ENTRIES_LINE_MAX, more records than RECORDS_HELD_MAX. On failure out may hold
 * some rows, and e names the line. */
MUST_USE int entries_read(struct span file, const struct rpc_log_filter *f, struct records *out, struct err *e);

/* One record as a line, with its line break. */
void entries_put_line(struct buf *b, const struct addr20 *registry, const struct record *r);

#endif
