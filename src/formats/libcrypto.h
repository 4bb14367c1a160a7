/* libcrypto.h: the start of OpenSSL's libcrypto, which signatures, HMAC, SHA-256 and curl's TLS go through. */
#ifndef FORMATS_LIBCRYPTO_H
#define FORMATS_LIBCRYPTO_H

/* Before anything else that uses it. Without memory the process ends (err_no_memory): libcrypto, half started, stays so and crashes later. */
void libcrypto_start(void);

#endif
