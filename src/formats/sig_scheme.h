/* sig_scheme.h: what each signature scheme does, for sig.c only.
 *
 * Each function is given lengths and curves that sig.c has checked. */
#ifndef FORMATS_SIG_SCHEME_H
#define FORMATS_SIG_SCHEME_H

#include "formats/sig.h"

struct sig_scheme {
	enum sig_curve curve;
	enum sig_alg alg, alias;	/* what we write, and what else means the same */
	const char *name;
	/* ERR_RULE: not a public key */
	int (*check)(const struct sig_public *key, struct err *e);
	/* ERR_RULE: d is no private key */
	int (*derive)(const uint8_t d[32], struct sig_public *out, struct err *e);
	int (*sign)(const struct sig_secret *key, struct span msg, uint8_t sig[SIG_LEN], struct err *e);
	bool verify_checks;	/* the verifiers below find a bad key themselves: checking it before would cost as much again */
	/* ERR_PROOF: not this key's signature. Over a SHA-256; NULL for schemes that sign the message itself */
	int (*verify_digest)(const struct sig_public *key, const struct hash32 *digest, const uint8_t sig[SIG_LEN],
			     struct err *e);
	int (*verify)(const struct sig_public *key, struct span msg, const uint8_t sig[SIG_LEN], struct err *e);
};

extern const struct sig_scheme sig_p256, sig_ed25519, sig_secp256k1;

#endif
