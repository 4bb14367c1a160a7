/* envelope.h: signed envelopes for tests, each a template with some of its parts replaced.
 *
 * A template is a text of tokens between blanks:
 *
 *	a2 0102		bytes
 *	'acme'		the bytes of an ASCII text
 *	`en`		a CBOR text
 *	@part		another template
 *	<part>		the same inside a byte string, with its head
 *	#part		SHA-256 of <part>, head included
 *	%p1:prot	a COSE signature by key p1 over the part "digest", with <prot> as protected header
 *	%~k1:prot	the same with the other s
 *	!p1		the COSE_Key of p1
 *	^p1		the first 8 bytes of its thumbprint
 *
 * Keys are p1 p2 p3 (P-256), e1 e2 (Ed25519), k1 k2 (secp256k1). envelope.c lists the parts. */
#ifndef TESTS_FORMATS_ENVELOPE_H
#define TESTS_FORMATS_ENVELOPE_H

#include "base/buf.h"
#include "formats/sig.h"

struct part {
	const char *name, *text;
};

#define PARTS_MAX 4	/* replaced ones a row; unused places are zero */

/* Appends the expansion of a template. */
void envelope_expand(const struct part *replaced, const char *text, struct buf *out);

/* A whole envelope, in memory of exactly its length. Valid until the next call. */
struct span envelope_of(const struct part *replaced);

const struct sig_secret *envelope_key(const char *name, size_t n);

#endif
