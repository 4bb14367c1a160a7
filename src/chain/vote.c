/* vote.c: see vote.h. */
#include "chain/vote.h"

void claims_add(struct claims *c, size_t provider, const struct header *h)
{
	size_t i = 0;

	while (i < c->n && (c->v[i].provider != provider || c->v[i].header.number != h->number))
		i++;
	if (i == CLAIMS_MAX)
		return;
	c->v[i] = (struct claim){ provider, *h };
	if (i == c->n)
		c->n++;
}

const struct header *claims_find(const struct claims *c, size_t provider, uint64_t number)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].provider == provider && c->v[i].header.number == number)
			return &c->v[i].header;
	return NULL;
}

static bool counts(const struct voters *v, size_t provider, uint64_t number)
{
	return v->may_vote[provider] && v->says[provider] >= number;
}

static unsigned bits(uint32_t mask)
{
	return (unsigned)__builtin_popcount(mask);
}

static unsigned supporters(const struct claims *c, const struct voters *v, uint64_t number, const struct hash32 *hash)
{
	uint32_t operators = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].header.number == number && counts(v, c->v[i].provider, number) &&
		    hash32_eq(&c->v[i].header.hash, hash))
			operators |= UINT32_C(1) << v->operator_of[c->v[i].provider];
	return bits(operators);
}

enum vote vote_at(const struct claims *c, const struct voters *v, uint64_t number, const struct header **agreed)
{
	const struct header *found = NULL;

	for (size_t i = 0; i < c->n; i++) {
		const struct header *h = &c->v[i].header;

		if (h->number != number || !counts(v, c->v[i].provider, number))
			continue;
		if (found && hash32_eq(&found->hash, &h->hash))
			continue;
		if (supporters(c, v, number, &h->hash) < v->quorum)
			continue;
		if (found)
			return VOTE_SPLIT;
		found = h;
	}
	if (!found)
		return VOTE_NONE;
	*agreed = found;
	return VOTE_AGREED;
}

bool vote_dissenter(const struct claims *c, const struct voters *v, uint64_t number, const struct hash32 *hash,
		    size_t from, size_t *provider)
{
	for (size_t p = from; p < v->n; p++) {
		const struct header *h = claims_find(c, p, number);

		if (h && counts(v, p, number) && !hash32_eq(&h->hash, hash)) {
			*provider = p;
			return true;
		}
	}
	return false;
}

static unsigned reached_by(const struct voters *v, uint64_t number)
{
	uint32_t operators = 0;

	for (size_t p = 0; p < v->n; p++)
		if (counts(v, p, number))
			operators |= UINT32_C(1) << v->operator_of[p];
	return bits(operators);
}

size_t vote_candidates(const struct voters *v, uint64_t *out, size_t max)
{
	uint64_t below = UINT64_MAX;
	size_t n = 0;

	while (n < max) {
		bool is_found = false;
		uint64_t best = 0;

		for (size_t p = 0; p < v->n; p++)
			if (v->may_vote[p] && v->says[p] < below && (!is_found || v->says[p] > best)) {
				is_found = true;
				best = v->says[p];
			}
		if (!is_found)
			return n;
		if (reached_by(v, best) >= v->quorum)
			out[n++] = best;
		below = best;
	}
	return n;
}
