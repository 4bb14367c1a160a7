/* rlp.h: canonical RLP (Ethereum Yellow Paper, appendix B), both ways.
 *
 * Reading works on borrowed bytes: it never allocates, never copies, and never
 * looks past the span it was given. Non-canonical input (a long form for a
 * short length, a leading zero in a length) is ERR_FORMAT: two byte strings
 * must never decode to the same record. On failure *in and *out are unchanged
 * and e names the rule. */
#ifndef FORMATS_RLP_H
#define FORMATS_RLP_H

#include "base/buf.h"

enum rlp_kind { RLP_STRING, RLP_LIST };

struct rlp_item {
	enum rlp_kind kind;
	struct span body;	/* a string's bytes, or a list's items back to back */
	struct span whole;	/* with the prefix, as it stands in the input */
};

/* Takes the next item off the front of *in. */
MUST_USE int rlp_next(struct span *in, struct rlp_item *out, struct err *e);

/* The one item that s is, with nothing after it. */
MUST_USE int rlp_only(struct span s, struct rlp_item *out, struct err *e);

/* The items of a list, all of them: ERR_FORMAT unless there are exactly n. Takes the list's body. */
MUST_USE int rlp_items(struct span body, struct rlp_item *out, size_t n, struct err *e);

/* A string read as an unsigned integer: no leading zero, at most 8 bytes. */
MUST_USE int rlp_u64(const struct rlp_item *item, uint64_t *out, struct err *e);

/* Reading a whole tree once, to know that every level is canonical; depth over max_depth is ERR_LIMIT. */
MUST_USE int rlp_check(struct span s, unsigned max_depth, struct err *e);

/* --- writing: appends to b, whose failure is sticky (base/buf.h) --- */

void rlp_put_bytes(struct buf *b, struct span s);
void rlp_put_u64(struct buf *b, uint64_t v);
/* A big-endian unsigned integer of any width; its leading zeros are dropped. */
void rlp_put_uint(struct buf *b, struct span be);
/* A list whose items were written to `items`. */
void rlp_put_list(struct buf *b, struct span items);

#endif
