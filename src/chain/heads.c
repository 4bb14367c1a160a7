/* heads.c: the proven words of all tracks at a storage root, in parts that many roots share. */
#include "chain/follow.h"

#include <stdlib.h>

static size_t parts_of(size_t n)
{
	return (n + HEADS_PART - 1) / HEADS_PART;
}

static void part_put(struct heads_part *p)
{
	if (p && --p->refs == 0)
		free(p);
}

void heads_put(struct heads *h)
{
	if (!h || --h->refs)
		return;
	for (size_t i = 0; i < parts_of(h->n); i++)
		part_put(h->part[i]);
	free(h);
}

struct heads *heads_new(size_t n)
{
	struct heads *h = calloc(1, sizeof *h + parts_of(n) * sizeof(struct heads_part *));

	if (!h)
		return NULL;
	h->refs = 1;
	h->n = n;
	for (size_t i = 0; i < parts_of(n); i++) {
		h->part[i] = calloc(1, sizeof *h->part[i]);
		if (!h->part[i]) {
			heads_put(h);
			return NULL;
		}
		h->part[i]->refs = 1;
	}
	return h;
}

struct head *heads_at(const struct heads *h, size_t i)
{
	return &h->part[i / HEADS_PART]->v[i % HEADS_PART];
}

static bool is_same(const struct head *a, const struct head *b)
{
	const struct product_words *x = &a->words, *y = &b->words;

	return a->is_known == b->is_known && hash32_eq(&x->head, &y->head) && x->sequence == y->sequence && x->floor == y->floor &&
	       x->last_block == y->last_block && x->entries == y->entries && x->threshold == y->threshold && x->epoch == y->epoch;
}

static bool is_same_part(const struct heads_part *a, const struct heads_part *b)
{
	for (size_t i = 0; i < HEADS_PART; i++)
		if (!is_same(&a->v[i], &b->v[i]))
			return false;
	return true;
}

void heads_share(struct heads *h, const struct heads *like)
{
	for (size_t i = 0; like && i < parts_of(h->n) && i < parts_of(like->n); i++) {
		if (h->part[i] == like->part[i] || !is_same_part(h->part[i], like->part[i]))
			continue;
		part_put(h->part[i]);
		h->part[i] = like->part[i];
		h->part[i]->refs++;
	}
}

void snap_set(struct snap *s, const struct block_ref *block, struct heads *heads)
{
	if (heads)
		heads->refs++;
	heads_put(s->heads);
	s->block = *block;
	s->heads = heads;
}
