/* apply.c: from a proven head, and the position at which it stands in a track, to outputs. */
#include "chain/follow.h"

#include <inttypes.h>

bool track_undo(struct follower *f, struct track *t, uint64_t position)
{
	struct follower_output *o;

	if (position == track_end(t))
		return false;
	track_cut(t, position);
	o = output_push(f, FOLLOWER_UNDONE);
	o->product = t->id;
	o->position = position;
	return true;
}

static void tell_proven(struct follower *f, const struct track *t, uint64_t position, const struct product_words *w)
{
	struct follower_output *o = output_push(f, FOLLOWER_PROVEN);

	o->product = t->id;
	o->position = position;
	o->words = *w;
	o->block = block_ref_of(&f->target.header);
	o->is_final = f->target.level == LEVEL_FINAL;
}

static void settle_final(struct follower *f, struct track *t, uint64_t position, const struct product_words *w)
{
	bool is_news = t->proof.number == 0 || position != t->final.entries;

	track_settle(t, position, w);
	t->proof = block_ref_of(&f->target.header);
	if (is_news)
		tell_proven(f, t, position, w);
}

static void settle_recent(struct follower *f, struct track *t, uint64_t position, const struct product_words *w)
{
	bool is_new_head = position > t->final.entries && !hash32_eq(&t->recent.head, &w->head);
	bool is_undone = track_undo(f, t, position);

	t->recent = *w;
	t->recent_proof = block_ref_of(&f->target.header);
	if (is_new_head || is_undone)
		tell_proven(f, t, position, w);
}

void track_subject(const struct track *t, char out[HEX32_MAX])
{
	hex_0x(SPAN_OF(t->id), out);
}

void track_proven(struct follower *f, struct track *t, uint64_t position, const struct product_words *w)
{
	char subject[HEX32_MAX];

	track_subject(t, subject);
	alarm_off(f, ALARM_HISTORY_INCOMPLETE, subject);
	alarm_off(f, ALARM_REORG_TOO_DEEP, subject);
	if (f->target.level == LEVEL_FINAL)
		settle_final(f, t, position, w);
	else
		settle_recent(f, t, position, w);
}

/* A head below what is final, or another one at that very place: finality was broken. We stop and say so. Not so at a block before
 * the one at which it was proven: an operator's bundle can be ahead of all providers, and then they are only late. */
bool track_is_too_deep(struct follower *f, const struct track *t, const struct product_words *w)
{
	char subject[HEX32_MAX];

	if (w->entries > t->final.entries)
		return false;
	if (f->target.header.number < t->proof.number)
		return true;
	track_subject(t, subject);
	alarm_on(f, ALARM_REORG_TOO_DEEP, subject, "%s has %" PRIu32 " entries at block %" PRIu64 ", %" PRIu32 " are final",
		 t->name, w->entries, f->target.header.number, t->final.entries);
	f->incomplete++;
	return true;
}
