/* utf8.h: strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/span.h"

/* Length of the well-formed character at the front of s, or 0 if there is none. */
size_t utf8_next(struct span s);

/* Well-formed throughout? */
bool utf8_is_valid(struct span s);

/* Well-formed and free of control characters (C0, DEL, C1)? */
bool utf8_is_printable(struct span s);

#endif
