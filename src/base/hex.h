/* hex.h: bytes as hexadecimal text. Writing is lower-case; reading takes both cases. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/err.h"
#include "base/span.h"

/* "0x" + 64 digits + NUL. */
#define HEX32_MAX 67

/* Writes exactly 2 * s.n digits, no NUL. */
void hex_digits(struct span s, char *out);

/* Writes digits and a NUL; out has room for 2 * s.n + 1. Returns out. */
char *hex_str(struct span s, char *out);

/* "0x" + digits + NUL; out has room for 2 * s.n + 3. Returns out. */
char *hex_0x(struct span s, char *out);

/* Reads exactly n bytes from text (no "0x"). ERR_FORMAT when length or a digit is wrong. */
MUST_USE int hex_read(struct span text, uint8_t *out, size_t n, struct err *e);

/* The same with a mandatory "0x" in front. */
MUST_USE int hex_read_0x(struct span text, uint8_t *out, size_t n, struct err *e);

#endif
