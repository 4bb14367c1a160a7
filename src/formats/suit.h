/* suit.h: a release's signed manifest: SUIT envelopes (draft-ietf-suit-manifest-34) of the one shape
 * that docs/manifest.md gives in CDDL.
 *
 * Reading goes in three steps, in this order, so that nothing is believed
 * before it is signed:
 *
 *	suit_open()	takes the envelope apart and checks the digest over the
 *			manifest; looks into neither signatures nor manifest
 *	suit_verify()	counts distinct keys of a set that signed the digest
 *	suit_manifest()	reads the manifest
 *
 * suit_read() does all three. Everything borrowed points into the envelope's
 * bytes, which are kept as they came: nothing here ever re-encodes them. */
#ifndef FORMATS_SUIT_H
#define FORMATS_SUIT_H

#include "base/limits.h"
#include "formats/cose.h"

struct suit_envelope {
	struct span bytes;		/* the whole */
	struct span digest;		/* the encoded digest: what signatures are over */
	struct hash32 sha256;		/* of `manifest`, checked */
	struct span manifest;		/* with its bstr head: what the digest is over */
	struct span body;		/* without */
	struct cose_sign1 signature[SIGNERS_MAX];
	size_t signatures;
};

/* ERR_LIMIT: over MANIFEST_MAX bytes or more than SIGNERS_MAX signatures; ERR_PROOF: the digest is another
 * one; ERR_FORMAT and ERR_RULE name what is odd. No signature at all is ERR_RULE. */
MUST_USE int suit_open(struct span bytes, struct suit_envelope *out, struct err *e);
/* The same, but takes an envelope that nobody has signed yet. For tools. */
MUST_USE int suit_open_unsigned(struct span bytes, struct suit_envelope *out, struct err *e);

/* The signers of a product at some point of its history. */
struct suit_signers {
	unsigned threshold;
	size_t n;
	struct suit_signer {
		bool is_usable;			/* false: malformed; keeps its place, never counts */
		struct sig_public key;
		struct hash32 thumbprint;	/* of a malformed one: the SHA-256 of its bytes */
	} signer[SIGNERS_MAX];
};

/* Adds a registered COSE_Key, whatever its bytes are. ERR_LIMIT when there are SIGNERS_MAX already. */
MUST_USE int suit_signers_add(struct suit_signers *set, struct span cose_key, struct err *e);

/* Which signers made a good signature: bit i for signer[i]; of equal keys only the first. */
uint32_t suit_who_signed(const struct suit_envelope *env, const struct suit_signers *set);

/* Enough of them? who (may be NULL) gets suit_who_signed in any case.
 * ERR_PROOF: "signed by N of the T keys that are needed", and why the others did not count. */
MUST_USE int suit_verify(const struct suit_envelope *env, const struct suit_signers *set, uint32_t *who,
			 struct err *e);

/* Plain text below is NUL-terminated, well-formed UTF-8 and free of control characters. */
struct suit_manifest {
	uint64_t sequence;
	char vendor[NAME_PART_MAX + 1], model[NAME_PART_MAX + 1];
	char version[VERSION_MAX + 1];
	char channel[CHANNEL_MAX + 1];		/* "stable" when the manifest names none */
	char cid[CID_TEXT_MAX];			/* without "ipfs://" */
	struct hash32 image_sha256;
	uint64_t image_size;
	uint64_t from_sequence;			/* 0: from any */
	bool urgent;
	size_t hardware_n;			/* 0: every board */
	char hardware[HARDWARE_MAX][HARDWARE_NAME_MAX + 1];
	struct span description;		/* UTF-8; empty when there is none */
};

/* Reads the manifest of an opened envelope, all of it. ERR_FORMAT or ERR_RULE names the first broken rule. */
MUST_USE int suit_manifest(const struct suit_envelope *env, struct suit_manifest *out, struct err *e);

/* Opens, verifies, reads. env and who may be NULL. */
MUST_USE int suit_read(struct span bytes, const struct suit_signers *set, struct suit_envelope *env,
		       struct suit_manifest *out, uint32_t *who, struct err *e);

/* Does the image fit a board of this name ("" when the device names none)? */
bool suit_fits_hardware(const struct suit_manifest *m, struct span name);

/* UUID version 5 (RFC 9562) of vendor below the DNS name space, and of model below that. */
struct suit_uuid {
	uint8_t b[16];
};
struct suit_uuid suit_vendor_uuid(struct span vendor);
struct suit_uuid suit_class_uuid(struct span vendor, struct span model);

/* --- making envelopes --- */

/* Appends a new envelope for m with no signature. Everything that suit_manifest() refuses is refused here
 * too. reporting policies are 15, as in the draft's examples, and 2 for the fetch. */
MUST_USE int suit_build(const struct suit_manifest *m, struct buf *out, struct err *e);

/* Appends bytes with one more signature. ERR_EXISTS when the key has signed already, ERR_LIMIT when there is
 * no room. */
MUST_USE int suit_sign(struct span bytes, const struct sig_secret *key, struct buf *out, struct err *e);

/* Appends a with those signatures of b that a does not have. ERR_RULE when they sign different manifests. */
MUST_USE int suit_merge(struct span a, struct span b, struct buf *out, struct err *e);

#endif
