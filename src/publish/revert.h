/* revert.h: why the registry refused a call, in words. */
#ifndef PUBLISH_REVERT_H
#define PUBLISH_REVERT_H

#include "base/buf.h"
#include "base/err.h"

/* Appends a sentence without a final stop: for an error of the registry "WrongSequence (product 0x…, given 4,
 * expected 3)", for Solidity's own Error(string) and Panic(uint256) theirs, else the bytes in hex. */
void revert_describe(struct span data, struct buf *out);

/* The error's name when it is one of the registry's, else NULL. */
const char *revert_name(struct span data);

/* ERR_RULE with "the registry refuses: …". */
int revert_refuse(struct span data, struct err *e);

#endif
