/* promote.c: proofs at recent blocks that wait until the anchor covers their block.
 *
 * Many nodes prove only their newest states, and the anchor is minutes older. A proof made at a recent block
 * becomes final once the same hash stands at that number under the anchor: by the same vote that makes an anchor,
 * or because the anchor names it as its parent; and when no quorum votes on it, because it is linked to the anchor (link.c). */
#include "chain/follow.h"

static void drop_at(struct follower *f, size_t i)
{
	heads_put(f->pending[i].heads);
	memmove(&f->pending[i], &f->pending[i + 1], (--f->pending_n - i) * sizeof f->pending[0]);
}

void pending_drop(struct follower *f, uint64_t up_to)
{
	while (f->pending_n && f->pending[0].block.number <= up_to)
		drop_at(f, 0);
}

void pending_clear(struct follower *f)
{
	while (f->pending_n)
		drop_at(f, 0);
}

/* Keeps the present recent proof. Those above it are of an abandoned chain. When the table is full every second one
 * goes: what is lost is only that finality shows a little later. */
void pending_add(struct follower *f)
{
	const struct snap *s = &f->recent_snap;

	while (f->pending_n && f->pending[f->pending_n - 1].block.number >= s->block.number)
		drop_at(f, f->pending_n - 1);
	if (f->pending_n == FOLLOW_PENDING_MAX)
		for (size_t i = 0; i < f->pending_n; i++)
			drop_at(f, i);
	f->pending[f->pending_n] = (struct snap){ .heads = NULL };
	snap_set(&f->pending[f->pending_n++], &s->block, s->heads);
}

/* The newest pending proof that the anchor covers. */
static struct snap *candidate(struct follower *f)
{
	for (size_t i = f->pending_n; i-- > 0;)
		if (f->pending[i].block.number <= f->anchor.number &&
		    f->pending[i].block.number > f->final_snap.block.number)
			return &f->pending[i];
	return NULL;
}

static void accept(struct follower *f, struct snap *s)
{
	target_reset(f);
	f->target.level = LEVEL_FINAL;
	f->target.header = (struct header){ .number = s->block.number, .hash = s->block.hash, .time = s->block.time };
	f->target.heads = s->heads;
	s->heads->refs++;
	records_begin(f);
}

/* The next candidate: accepted by what is known, or voted on. */
void promote_begin(struct follower *f)
{
	struct snap *s = candidate(f);

	if (!s) {
		round_next(f);
		return;
	}
	if (hash32_eq(&s->block.hash, &f->anchor.hash) ||
	    (hash32_eq(&f->anchor_header.hash, &f->anchor.hash) && hash32_eq(&s->block.hash, &f->anchor_header.parent))) {
		accept(f, s);
		return;
	}
	step_to(f, STEP_PROMOTING);
	if (!anchor_ask(f, &f->final, s->block.number))
		promote_done(f);
}

void promote_done(struct follower *f)
{
	struct snap *s = candidate(f);
	const struct header *h;
	enum vote v = s ? vote_at(&f->claims, &f->final, s->block.number, &h) : VOTE_NONE;

	if (v == VOTE_AGREED)
		promote_linked(f, hash32_eq(&h->hash, &s->block.hash));
	else if (s && hash32_eq(&f->anchor_header.hash, &f->anchor.hash))
		link_begin(f, &s->block);
	else
		round_next(f);		/* it stays, and is asked about again */
}

void promote_linked(struct follower *f, bool is_ancestor)
{
	struct snap *s = candidate(f);

	if (is_ancestor) {
		accept(f, s);
		return;
	}
	drop_at(f, (size_t)(s - f->pending));	/* its block was abandoned */
	promote_begin(f);
}
