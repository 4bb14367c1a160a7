/* history.c: from proven heads to outputs: fetching the records between what we hold and what was proven.
 *
 * Records are hints. Whatever a provider sends is taken only if it replays from a head that we hold to the proven one;
 * if not, its story is kept as a few digests and the next provider is asked. Once somebody's records replay, the
 * earlier stories are compared with them: one that only left records out loses its say about records for a while,
 * one that told other records lied.
 *
 * When no provider is left, entries sources are asked for the whole history (entries_ask.c): the same rule, and the next one.
 * A source that is a little behind still helps: its records are the base on which providers are asked once more for the newest. */
#include "chain/follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RANGE_ABOVE 3		/* missing records above which one range query is tried before walking block by block */

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
	records_free(&x->base);
	suspects_free(x);
	x->is_busy = x->is_borrowing = false;
}

void fetches_reset(struct follower *f)
{
	for (size_t i = 0; i < FETCH_SLOTS; i++)
		fetch_end(&f->fetch[i]);
}

/* This provider's story ends here: keep its digests, forget its records. Without `last` it was told no further. */
static void keep_suspect(struct fetch *x, size_t provider, const struct records *last, const char *text)
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
	s->is_cut = last == NULL;
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
		if (s->is_cut)
			continue;
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

void history_failed(struct follower *f, struct fetch *x)
{
	const struct track *t = &f->track[x->track];
	char subject[HEX32_MAX];

	track_subject(t, subject);
	alarm_on(f, ALARM_HISTORY_INCOMPLETE, subject, "no provider%s gives records of %s that replay to its proven head",
		 f->sources_n ? " and no entries source" : "", t->name);
	f->incomplete++;
	entries_in_vain(f, x);
	fetch_end(x);
}

/* From the newest block back, with a provider that has not been tried. */
static void walk_with_next(struct follower *f, struct fetch *x)
{
	size_t p = pick(f, x);

	records_free(&x->got);
	x->is_range = false;
	x->next_block = x->words.last_block;
	if (p != NO_PROVIDER) {
		ask(f, x, p);
		return;
	}
	if (x->base.n)
		entries_unfit(f, x);
	if (!entries_begin(f, x))
		history_failed(f, x);
}

static void fetch_begin(struct follower *f, struct fetch *x, size_t track)
{
	const struct track *t = &f->track[track];
	size_t p;

	*x = (struct fetch){ .is_busy = true, .track = track, .words = heads_at(f->target.heads, track)->words };
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
	if (x->is_lent)
		entries_good(f, x);
	t->entries_tries = 0;
	t->entries_at_ms = 0;
	track_undo(f, t, at);
	for (size_t i = (size_t)(at - from); i < x->got.n; i++) {
		record_extend(&head, &x->got.v[i]);
		if (track_append(t, &head, x->got.v[i].block, NULL)) {
			alarm_on(f, ALARM_MEMORY, "", "no memory for a product's marks");
			history_failed(f, x);
			return;
		}
		output_seen(f, t, ++at, &x->got.v[i], &head);
	}
	track_proven(f, t, at, &x->words);
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

/* Of the base, what lies before the earliest block of x->got: do both together replay? */
static size_t base_part(const struct track *t, const struct fetch *x)
{
	struct hash32 head = t->final.head;
	size_t n = x->base.n;
	uint64_t prev;

	while (n && x->base.v[n - 1].block >= x->got.v[0].block)
		n--;
	if (n == 0 || n + x->got.n != x->words.entries - t->final.entries ||
	    record_prev_block(&x->got.v[0], &prev, NULL) || prev != x->base.v[n - 1].block)
		return 0;
	for (size_t i = 0; i < n; i++)
		record_extend(&head, &x->base.v[i]);
	for (size_t i = 0; i < x->got.n; i++)
		record_extend(&head, &x->got.v[i]);
	return hash32_eq(&head, &x->words.head) ? n : 0;
}

/* The position from which x->got replays to the proven head, behind the base if need be; TRACK_NOWHERE: it does not (yet). */
static int link_up(const struct track *t, struct fetch *x, uint64_t *from, struct err *e)
{
	size_t n;

	*from = track_link(t, &x->words, &x->got);
	n = *from == TRACK_NOWHERE ? base_part(t, x) : 0;
	if (n == 0)
		return ERR_OK;
	records_cut(&x->base, n);
	*from = t->final.entries;
	x->is_lent = true;
	return records_prepend(&x->got, &x->base, e);
}

/* A head does not cover blocks: whoever gives right records with wrong ones would have us keep them. */
static int check_places(const struct track *t, const struct fetch *x, uint64_t from, const struct records *got, struct err *e)
{
	int rc = track_places(t, from, got, e);

	if (rc == ERR_OK && got->v[got->n - 1].block != x->words.last_block)
		rc = err_set(e, ERR_RULE, "the last record is in block %" PRIu64 ", not in %" PRIu64, x->words.last_block,
			     got->v[got->n - 1].block);
	return rc;
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
	rc = link_up(t, x, &from, e);
	if (rc == ERR_OK && from != TRACK_NOWHERE)
		rc = check_places(t, x, from, &x->got, e);
	if (rc)
		return rc;
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

static enum rpc_class take_step(struct follower *f, struct fetch *x, struct records *step, size_t provider, struct err *e)
{
	int rc = digest(f, x, step, provider, e);

	if (rc == ERR_OK || rc == ERR_RULE)
		return rc ? RPC_LYING : RPC_OK;
	keep_suspect(x, provider, step, e->msg);
	return RPC_REFUSED;
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
	if (class == RPC_OK)
		class = take_step(f, x, &step, c->provider, e);
	else if (x->got.n)
		keep_suspect(x, c->provider, NULL, "");
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

/* --- what an entries source gave --- */

int history_borrowed(struct follower *f, struct fetch *x, struct records *got, struct err *e)
{
	const struct track *t = &f->track[x->track];
	uint64_t from;
	int rc;

	if (got->n == 0)
		return err_set(e, ERR_NOT_FOUND, "it has none of the missing records");
	rc = track_places(t, t->final.entries, got, e);
	if (rc)
		return rc;
	if (got->n < x->words.entries - t->final.entries) {
		x->base = *got;
		*got = (struct records){ .n = 0 };
		x->tried = 0;
		walk_with_next(f, x);
		return ERR_OK;
	}
	from = track_link(t, &x->words, got);
	if (from == TRACK_NOWHERE)
		return err_set(e, ERR_PROOF, "its records do not replay to the proven head");
	rc = check_places(t, x, from, got, e);
	if (rc)
		return rc;
	x->got = *got;
	*got = (struct records){ .n = 0 };
	x->is_lent = true;
	take(f, x, from);
	return ERR_OK;
}

/* --- the step --- */

static void complete(struct follower *f)
{
	struct block_ref block = block_ref_of(&f->target.header);
	struct snap *s = f->target.level == LEVEL_FINAL ? &f->final_snap : &f->recent_snap;
	bool is_news = !hash32_eq(&s->block.hash, &block.hash);

	snap_set(s, &block, f->target.heads);
	if (f->target.level == LEVEL_FINAL) {
		pending_drop(f, block.number);
		explain_settle(f, f->target.heads->listed);
	} else if (is_news && block.number > f->anchor.number) {
		pending_add(f);
	}
	if (is_news) {
		struct follower_output *o = output_push(f, FOLLOWER_REFRESHED);

		o->block = block;
		o->is_final = f->target.level == LEVEL_FINAL;
		o->is_whole = f->target.heads->is_whole && f->incomplete == 0;
		/* A restart with this root would not look at the list again. */
		o->hash = explain_open(f) ? (struct hash32){ { 0 } } : f->target.heads->storage_root;
		o->position = explain_listed(f);
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
		const struct product_words *w = &heads_at(h, f->apply_at)->words;
		uint64_t position = track_find(t, w);
		struct fetch *slot;

		if (!heads_at(h, f->apply_at)->is_known) {
			f->apply_at++;		/* its turn comes in another round */
			continue;
		}
		if (position != TRACK_NOWHERE) {
			track_proven(f, t, position, w);
		} else if (!track_is_too_deep(f, t, w)) {
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
