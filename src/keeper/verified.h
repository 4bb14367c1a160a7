/* verified.h: whose signatures under which envelope were checked before, and what came of it.
 *
 * A product is judged anew from its first entry whenever anything about it changes, and nearly all that this
 * costs is checking signatures that were checked before. Answers are found by the SHA-256 of the envelope's bytes and of
 * the signer set as it counts (keys in their order, which of them may be used, threshold): whatever is different on
 * chain, on disk or in the configuration finds nothing.
 *
 * Bounded by VERIFIED_MAX answers; a full table forgets others at random, and what was forgotten is checked again. Pure. */
#ifndef KEEPER_VERIFIED_H
#define KEEPER_VERIFIED_H

#include "formats/suit.h"

struct verified {
	struct verified_slot *slot;
	size_t cap, used;
	uint64_t checked;	/* envelopes whose signatures were really checked */
};

/* All zero is an empty one. */
void verified_fini(struct verified *v);

/* suit_verify(), or what it said of the same bytes and the same set. v NULL: nothing is remembered. */
MUST_USE int verified_check(struct verified *v, const struct suit_envelope *env, const struct suit_signers *set,
			    uint32_t *who, struct err *e);

#endif
