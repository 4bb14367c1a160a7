/* sig_evp.h: elliptic curve keys as libcrypto wants them, for sig_*.c only. */
#ifndef FORMATS_SIG_EVP_H
#define FORMATS_SIG_EVP_H

#include "formats/sig.h"

#include <openssl/evp.h>

/* libcrypto's name of a curve's group ("prime256v1"), or NULL: Ed25519 is no such group. */
const char *sig_evp_group(enum sig_curve curve);

/* A key from its point and, unless NULL, its scalar. NULL when libcrypto refuses: the point is not on the
 * curve. The caller frees it. */
EVP_PKEY *sig_evp_key(const struct sig_public *pub, const uint8_t *d);

/* After libcrypto refused something: forgets its reasons. Was one of them want of memory, the process ends (err_no_memory): that is no
 * verdict on a key or a signature. */
void sig_evp_refused(void);

#endif
