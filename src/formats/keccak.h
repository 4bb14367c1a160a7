/* keccak.h: Keccak-256 as Ethereum uses it: the original padding 0x01, not FIPS 202's 0x06. */
#ifndef FORMATS_KECCAK_H
#define FORMATS_KECCAK_H

#include "base/span.h"

#define KECCAK_RATE 136

/* Streaming: init, add any number of times, end once. */
struct keccak {
	uint64_t lane[25];
	size_t n;	/* bytes absorbed into the present block */
};

void keccak_init(struct keccak *k);
void keccak_add(struct keccak *k, struct span s);
void keccak_end(struct keccak *k, struct hash32 *out);

/* All at once. */
struct hash32 keccak256(struct span s);

#endif
