/* base64.h: RFC 4648 section 4: bytes in JSON. Padded; reading takes the one encoding only. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

void base64_put(struct buf *b, struct span s);

/* Appends what text stands for. ERR_FORMAT: another alphabet, no padding, bits left over; ERR_LIMIT, ERR_MEMORY as b says. */
MUST_USE int base64_read(struct span text, struct buf *b, struct err *e);

#endif
