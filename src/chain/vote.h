/* vote.h: what a quorum of operators says about a block number. Pure counting.
 *
 * A claim is one provider's header for a number, already checked to hash to its hash. Votes are counted per
 * operator: two URLs of one operator are one vote. */
#ifndef CHAIN_VOTE_H
#define CHAIN_VOTE_H

#include "base/limits.h"
#include "formats/header.h"

struct claim {
	size_t provider;
	struct header header;
};

/* For each provider, per number: a latest and a final block, some candidates for the recent block, every candidate for the final
 * one, the last anchor, promotions. */
#define CLAIMS_MAX (PROVIDERS_MAX * (12 + PROVIDERS_MAX))

struct claims {
	struct claim v[CLAIMS_MAX];
	size_t n;
};

/* Who may vote on what: set per level and round. */
struct voters {
	size_t n;
	const uint8_t *operator_of;	/* provider → operator, below PROVIDERS_MAX */
	bool may_vote[PROVIDERS_MAX];	/* quarantined, foreign and silent providers may not */
	uint64_t says[PROVIDERS_MAX];	/* the number that this provider reports as latest, or as final */
	unsigned quorum;
};

enum vote { VOTE_NONE, VOTE_AGREED, VOTE_SPLIT };

/* Notes a provider's header; a second one for the same number replaces the first. Drops it when the table is full. */
void claims_add(struct claims *c, size_t provider, const struct header *h);
const struct header *claims_find(const struct claims *c, size_t provider, uint64_t number);

/* The hash that at least K operators give for number, each of which says that it has reached number. VOTE_SPLIT:
 * two hashes have K. */
enum vote vote_at(const struct claims *c, const struct voters *v, uint64_t number, const struct header **agreed);

/* Is there a claim for number by a voter that differs from hash? Gives the provider. */
bool vote_dissenter(const struct claims *c, const struct voters *v, uint64_t number, const struct hash32 *hash,
		    size_t from, size_t *provider);

/* Numbers worth asking about, highest first: reported by some voter, and reached by at least K operators; at most `max`. For
 * a recent block a few will do: it only has to be found. For the final one all of them are looked at, or liars who each report
 * a number of their own could push an honest quorum out of sight, and their conflict with it. */
#define RECENT_CANDIDATES 3
#define FINAL_CANDIDATES PROVIDERS_MAX
size_t vote_candidates(const struct voters *v, uint64_t *out, size_t max);

#endif
