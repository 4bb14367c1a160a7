/* history.c: from proven heads to outputs: fetching the records between what we hold and what was proven.
 *
 * Records are hints. Whatever a provider sends is taken only if it replays from a head that we hold to the proven one;
 * if not, its story is kept as a few digests and the next provider is asked. Once somebody's records replay, the
 * earlier stories are compared with them: one that only left records out loses its say about records for a while,
 * one that told other records lied. */
#include "chain/follow.h"
#include "base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RANGE_ABOVE 3		/* missing records above which one range query is tried before walking block by block */

/* --- applying a proven head to a track --- */

static bool undo(struct follower *f, struct track *t, uint64_t position)
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
	bool is_undone = undo(f, t, position);

	t->recent = *w;
	t->recent_proof = block_ref_of(&f->target.header);
	if (is_new_head || is_undone)
		tell_proven(f, t, position, w);
}

static void name_track(const struct track *t, char out[HEX32_MAX])
{
	hex_0x(SPAN_OF(t->id), out);
}

static void settle(struct follower *f, struct track *t, uint64_t position, const struct product_words *w)
{
	char subject[HEX32_MAX];

	name_track(t, subject);
	alarm_off(f, ALARM_HISTORY_INCOMPLETE, subject);
	alarm_off(f, ALARM_REORG_TOO_DEEP, subject);
	if (f->target.level == LEVEL_FINAL)
		settle_final(f, t, position, w);
	else
		settle_recent(f, t, position, w);
}

/* A head below what is final, or another one at that very place: finality was broken. We stop and say so. */
static bool is_too_deep(struct follower *f, const struct track *t, const struct product_words *w)
{
	char subject[HEX32_MAX];

	if (w->entries > t->final.entries)
		return false;
	name_track(t, subject);
	alarm_on(f, ALARM_REORG_TOO_DEEP, subject, "%s has %" PRIu32 " entries at block %" PRIu64 ", %" PRIu32 " are final",
		 t->name, w->entries, f->target.header.number, t->final.entries);
	f->incomplete++;
	return true;
}

/* --- one product's records on their way --- */

static void suspects_free(struct fetch *x)
{
	for (size_t i = 0; i < x->suspects_n; i++)
		free(x->suspects[i].digests);
	x->suspects_n = 0;
}

static void fetch_end(struct fetch *x)
{
	records_free(&x->got);
	suspects_free(x);
	x->is_busy = false;
}

void fetches_reset(struct follower *f)
{
	for (size_t i = 0; i < FETCH_SLOTS; i++)
		fetch_end(&f->fetch[i]);
}

/* This provider's story ends here: keep its digests, forget its records. */
static void keep_suspect(struct fetch *x, size_t provider, struct records *last, const char *text)
{
	struct suspect *s = &x->suspects[x->suspects_n];
	size_t n = x->got.n + (last ? last->n : 0), k = 0;

	if (x->suspects_n == PROVIDERS_MAX)
		return;
	s->digests = malloc((n + 1) * sizeof *s->digests);
	if (!s->digests)
		return;
	for (size_t i = 0; i < x->got.n; i++)
		s->digests[k++] = record_digest(&x->got.v[i]);
	for (size_t i = 0; last && i < last->n; i++)
		s->digests[k++] = record_digest(&last->v[i]);
	s->n = n;
	s->provider = provider;
	snprintf(s->text, sizeof s->text, "%.*s", (int)sizeof s->text - 1, text);
	x->suspects_n++;
}

static bool is_among(const struct hash32 *digest, const struct records *truth)
{
	for (size_t i = 0; i < truth->n; i++) {
		struct hash32 d = record_digest(&truth->v[i]);

		if (hash32_eq(&d, digest))
			return true;
	}
	return false;
}

/* Somebody's records replay: what about those whose did not? */
static void judge_suspects(struct follower *f, struct fetch *x)
{
	for (size_t i = 0; i < x->suspects_n; i++) {
		const struct suspect *s = &x->suspects[i];
		struct provider *p = &f->provider[s->provider];
		char text[RPC_TEXT_MAX + 48];
		bool is_lie = false;

		for (size_t k = 0; k < s->n && !is_lie; k++)
			is_lie = !is_among(&s->digests[k], &x->got);
		if (is_lie) {
			snprintf(text, sizeof text, "gave log records that are not the chain's: %s", s->text);
			lie_found(f, s->provider, text);
			continue;
		}
		provider_omitted(p, s->text, f->now_ms, f->probe_ms);
		alarm_on(f, ALARM_PROVIDER_LYING, p->name, "left log records out: %s", s->text);
	}
}

/* --- asking --- */

static enum rpc_class on_records(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e);

static const struct call_kind call_block = { .method = "eth_getLogs", .is_big = true, .done = on_records };
static const struct call_kind call_range = {
	.method = "eth_getLogs", .is_bulk = true, .is_long = true, .is_big = true, .done = on_records,
};

static uint32_t without_records(const struct follower *f)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < f->providers_n; i++)
		if (f->provider[i].no_records_until_ms > f->now_ms)
			mask |= UINT32_C(1) << i;
	return mask;
}

static size_t pick(struct follower *f, struct fetch *x)
{
	size_t p = follow_pick(f, x->tried | without_records(f), x->words.last_block);

	return p != NO_PROVIDER ? p : follow_pick(f, x->tried, x->words.last_block);	/* better than nobody */
}

static struct rpc_log_filter filter_of(const struct follower *f, const struct fetch *x, const struct track *t)
{
	return (struct rpc_log_filter){
		.address = &f->registry, .products = &t->id, .products_n = 1,
		.from = x->is_range ? t->final.last_block + 1 : x->next_block,
		.to = x->is_range ? x->words.last_block : x->next_block,
	};
}

static void ask(struct follower *f, struct fetch *x, size_t provider)
{
	struct call *c = call_push(f, x->is_range ? &call_range : &call_block, provider);
	struct rpc_log_filter filter = filter_of(f, x, &f->track[x->track]);

	c->index = (size_t)(x - f->fetch);
	rpc_put_logs(&c->params, &filter);
}

static void fetch_failed(struct follower *f, struct fetch *x)
{
	const struct track *t = &f->track[x->track];
	char subject[HEX32_MAX];

	name_track(t, subject);
	alarm_on(f, ALARM_HISTORY_INCOMPLETE, subject, "no provider gives records of %s that replay to its proven head", t->name);
	f->incomplete++;
	fetch_end(x);
}

/* From the newest block back, with a provider that has not been tried. */
static void walk_with_next(struct follower *f, struct fetch *x)
{
	size_t p = pick(f, x);

	records_free(&x->got);
	x->is_range = false;
	x->next_block = x->words.last_block;
	if (p == NO_PROVIDER)
		fetch_failed(f, x);
	else
		ask(f, x, p);
}

static void fetch_begin(struct follower *f, struct fetch *x, size_t track)
{
	const struct track *t = &f->track[track];
	size_t p;

	*x = (struct fetch){ .is_busy = true, .track = track, .words = f->target.heads->v[track] };
	x->is_range = x->words.entries - t->final.entries > RANGE_ABOVE && x->words.entries > track_end(t) &&
		      x->words.entries - track_end(t) > RANGE_ABOVE;
	p = pick(f, x);
	if (!x->is_range || p == NO_PROVIDER)
		walk_with_next(f, x);
	else
		ask(f, x, p);
}

/* --- answers --- */

/* Marks that the new records only repeat. */
static uint64_t known_part(const struct track *t, uint64_t from, const struct records *got)
{
	struct hash32 head = track_head(t, from);
	uint64_t at = from;

	for (size_t i = 0; i < got->n && at < track_end(t); i++, at++) {
		const struct follower_mark *m = &t->marks[at - t->final.entries];

		record_extend(&head, &got->v[i]);
		if (!hash32_eq(&head, &m->head) || got->v[i].block != m->block)
			break;
	}
	return at;
}

/* The records replay from position `from` to the proven head. */
static void take(struct follower *f, struct fetch *x, uint64_t from)
{
	struct track *t = &f->track[x->track];
	uint64_t at = known_part(t, from, &x->got);
	struct hash32 head = track_head(t, at);

	judge_suspects(f, x);
	undo(f, t, at);
	for (size_t i = (size_t)(at - from); i < x->got.n; i++) {
		record_extend(&head, &x->got.v[i]);
		if (track_append(t, &head, x->got.v[i].block, NULL)) {
			alarm_on(f, ALARM_MEMORY, "", "no memory for a product's marks");
			fetch_failed(f, x);
			return;
		}
		output_seen(f, t, ++at, &x->got.v[i], &head);
	}
	settle(f, t, at, &x->words);
	fetch_end(x);
}

/* Which block to ask for next, from the earliest record that we have. */
static int step_back(const struct track *t, struct fetch *x, struct err *e)
{
	uint64_t prev;
	int rc = record_prev_block(&x->got.v[0], &prev, e);

	if (rc)
		return rc;
	if (x->got.n >= x->words.entries - t->final.entries)
		return err_set(e, ERR_PROOF, "as many records as are missing do not replay to the proven head");
	if (prev >= x->got.v[0].block || prev <= t->final.last_block)
		return err_set(e, ERR_PROOF, "prevBlock %" PRIu64 " of a record in block %" PRIu64 " points nowhere",
			       prev, x->got.v[0].block);
	x->next_block = prev;
	return ERR_OK;
}

/* Adds what one call brought. ERR_OK with x not busy any more: done; busy: goes on. */
static int digest(struct follower *f, struct fetch *x, struct records *step, size_t provider, struct err *e)
{
	const struct track *t = &f->track[x->track];
	uint64_t from;
	int rc;

	if (step->n == 0)
		return err_set(e, ERR_PROOF, "no record in block %" PRIu64 ", where the proven state has one",
			       x->is_range ? x->words.last_block : x->next_block);
	rc = records_prepend(&x->got, step, e);
	if (rc)
		return rc;
	from = track_link(t, &x->words, &x->got);
	if (from != TRACK_NOWHERE) {
		take(f, x, from);
		return ERR_OK;
	}
	if (x->is_range)
		return err_set(e, ERR_PROOF, "the range's records do not replay to the proven head");
	rc = step_back(t, x, e);
	if (rc == ERR_OK)
		ask(f, x, provider);
	return rc;
}

static enum rpc_class on_records(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct fetch *x = &f->fetch[c->index];
	struct records step = { .n = 0 };
	bool was_range = x->is_range;
	enum rpc_class class = a->class;
	int rc;

	if (class == RPC_OK) {
		struct rpc_log_filter filter = filter_of(f, x, &f->track[x->track]);

		rc = read_logs(a->result, &filter, &step, e);
		class = rc == ERR_OK ? RPC_OK : rc == ERR_RULE ? RPC_LYING : rc == ERR_MEMORY ? RPC_REFUSED : RPC_GARBAGE;
	}
	if (class == RPC_OK && digest(f, x, &step, c->provider, e)) {
		keep_suspect(x, c->provider, &step, e->msg);
		class = RPC_REFUSED;
	}
	records_free(&step);
	if (class == RPC_OK)
		return class;
	/* A range that is refused, cut or wrong is no reason to leave its provider: walking may still do. */
	if (!was_range || class == RPC_LYING)
		x->tried |= UINT32_C(1) << c->provider;
	if (x->is_busy)
		walk_with_next(f, x);
	return class;
}

/* --- the step --- */

static void complete(struct follower *f)
{
	struct block_ref block = block_ref_of(&f->target.header);
	struct snap *s = f->target.level == LEVEL_FINAL ? &f->final_snap : &f->recent_snap;
	bool is_news = !hash32_eq(&s->block.hash, &block.hash);

	snap_set(s, &block, f->target.heads);
	if (f->target.level == LEVEL_FINAL) {
		if (!explain_is_needed(f) && f->target.heads->ids_n > f->ids_final_n)
			f->ids_final_n = f->target.heads->ids_n;
		pending_drop(f, block.number);
	} else if (is_news && block.number > f->anchor.number) {
		pending_add(f);
	}
	if (is_news) {
		struct follower_output *o = output_push(f, FOLLOWER_REFRESHED);

		o->block = block;
		o->is_final = f->target.level == LEVEL_FINAL;
	}
	round_next(f);
}

static struct fetch *free_slot(struct follower *f)
{
	for (size_t i = 0; i < FETCH_SLOTS; i++)
		if (!f->fetch[i].is_busy)
			return &f->fetch[i];
	return NULL;
}

void records_begin(struct follower *f)
{
	f->apply_at = 0;
	step_to(f, STEP_RECORDS);
	records_advance(f);
}

/* Goes on through the tracks until all fetches are busy; the step ends when the last one has. */
void records_advance(struct follower *f)
{
	const struct heads *h = f->target.heads;

	while (f->apply_at < h->n) {
		struct track *t = &f->track[f->apply_at];
		const struct product_words *w = &h->v[f->apply_at];
		uint64_t position = track_find(t, w);
		struct fetch *slot;

		if (position != TRACK_NOWHERE) {
			settle(f, t, position, w);
		} else if (!is_too_deep(f, t, w)) {
			slot = free_slot(f);
			if (!slot)
				return;
			fetch_begin(f, slot, f->apply_at);
		}
		f->apply_at++;
	}
	if (f->open == 0)
		complete(f);
}
