/* keystore.h: Web3 Secret Storage Definition, version 3: a private key under a password
 * (ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage).
 *
 *	derived = scrypt or PBKDF2-HMAC-SHA-256 of the password, 32 bytes
 *	mac     = keccak256(derived[16..31] ‖ ciphertext)	tells a wrong password
 *	secret  = AES-128-CTR(derived[0..15], iv, ciphertext) */
#ifndef PUBLISH_KEYSTORE_H
#define PUBLISH_KEYSTORE_H

#include "base/err.h"
#include "base/span.h"

#define KEYSTORE_SALT_MAX 64	/* tools write 32 bytes */

/* ERR_FORMAT: not such JSON; ERR_RULE: a version, cipher or function that we do not know; ERR_LIMIT: parameters that
 * would take more memory or time than formats/secret.h allows; ERR_DENIED: wrong password; ERR_PROOF: the key is not the one
 * of the file's address. */
MUST_USE int keystore_open(struct span json, struct span password, uint8_t secret[32], struct err *e);

#endif
