/* header.h: a block header from the named fields of a JSON-RPC block object to its hash.
 *
 * One table holds the fields of every fork from Frontier to Osaka, and the two that Amsterdam appends
 * (EIP-7928 blockAccessListHash, EIP-7843 slotNumber), in the order in which RLP has them. OP-stack
 * headers use the same fields. Fields that a later fork appends are optional but leave no gaps.
 *
 * The caller turns JSON into header_field pairs; names that are not header fields (transactions, size, …) may be
 * among them. A hash that does not fit is ERR_PROOF; when unknown names were there it is ERR_RULE,
 * and the message names one and asks whether this is a new fork. */
#ifndef FORMATS_HEADER_H
#define FORMATS_HEADER_H

#include "base/buf.h"

struct header_field {
	struct span name;
	struct span value;	/* the text as in JSON, "0x…"; p == NULL when it is not a string (null, list, …) */
};

struct header {
	uint64_t number, time;	/* time: seconds since 1970, by the block's maker */
	struct hash32 hash, parent, state_root, receipts_root;
};

/* Reads the fields, encodes them, hashes. A field given twice, a missing one, a gap, a value that is not strict
 * hex or has the wrong width is ERR_FORMAT; a `hash` field (required) that differs from the computed hash is ERR_PROOF,
 * or ERR_RULE as said above. */
MUST_USE int header_read(const struct header_field *fields, size_t n, struct header *out, struct err *e);

/* The RLP of the same fields, without looking at `hash`. For tests and for those who store headers. */
MUST_USE int header_encode(const struct header_field *fields, size_t n, struct buf *out, struct err *e);

/* A header from its RLP: field count and widths by the same table. */
MUST_USE int header_decode(struct span rlp, struct header *out, struct err *e);

#endif
