/* entries_ask.c: whole histories from entries sources, for products whose records no provider gives.
 *
 * A source is asked for one product's file, and what of it lies between the final entries that we hold and the proven head
 * goes to history.c, which believes it if it replays. One that lacks the product is passed over; one that does
 * not answer or sends what cannot be true rests, longer each time, so that a dead one does not hold up 5,000 products
 * one after the other. A product that none of them helped is asked for again later and later. */
#include "chain/entries.h"
#include "chain/follow.h"

#include <assert.h>
#include <stdio.h>

static int64_t pause_ms(const struct follower *f, unsigned tries)
{
	int64_t ms = f->poll_ms;

	while (tries-- > 1 && ms < ENTRIES_AGAIN_MAX_MS)
		ms *= 2;
	return ms < ENTRIES_AGAIN_MAX_MS ? ms : ENTRIES_AGAIN_MAX_MS;
}

/* --- which source --- */

static size_t pick(const struct follower *f, const struct fetch *x)
{
	for (size_t i = 0; i < f->sources_n; i++)
		if (!(x->sources_tried >> i & 1) && f->source[i].rest_until_ms <= f->now_ms)
			return i;
	return NO_PROVIDER;
}

bool entries_begin(struct follower *f, struct fetch *x)
{
	if (f->track[x->track].entries_at_ms > f->now_ms || pick(f, x) == NO_PROVIDER)
		return false;
	x->is_borrowing = true;
	x->ask_id = 0;
	f->open++;
	return true;
}

static void end_borrowing(struct follower *f, struct fetch *x)
{
	x->is_borrowing = false;
	f->open--;
}

/* A source that has just begun to rest leaves those that waited for it with nobody to ask. */
static void drop_hopeless(struct follower *f)
{
	for (size_t i = 0; i < FETCH_SLOTS; i++) {
		struct fetch *x = &f->fetch[i];

		if (!x->is_borrowing || x->ask_id || pick(f, x) != NO_PROVIDER)
			continue;
		end_borrowing(f, x);
		history_failed(f, x);
	}
}

/* --- what becomes of it --- */

static void note(struct entries_source *s, const char *product, const char *why)
{
	s->misses++;
	snprintf(s->last_error, sizeof s->last_error, "%s: %.*s", product, RPC_TEXT_MAX, why);
}

/* Whoever lacks the records, or where we lack the memory, is not at fault. */
static void blame(struct follower *f, const struct fetch *x, const struct err *why, int64_t retry_after_ms)
{
	struct entries_source *s = &f->source[x->source];
	int64_t ms;

	note(s, f->track[x->track].name, why->msg);
	if (why->code == ERR_NOT_FOUND || why->code == ERR_MEMORY)
		return;
	ms = pause_ms(f, ++s->failures);
	s->rest_until_ms = f->now_ms + (retry_after_ms > ms ? retry_after_ms : ms);
}

void entries_unfit(struct follower *f, struct fetch *x)
{
	note(&f->source[x->source], f->track[x->track].name, "its records, with the newest from providers, do not replay to the proven head");
	records_free(&x->base);
}

void entries_good(struct follower *f, struct fetch *x)
{
	f->source[x->source].failures = 0;
}

void entries_in_vain(struct follower *f, struct fetch *x)
{
	struct track *t = &f->track[x->track];

	if (x->sources_tried)
		t->entries_at_ms = f->now_ms + pause_ms(f, ++t->entries_tries);
}

/* --- out --- */

static struct fetch *next(struct follower *f)
{
	struct fetch *first = NULL;
	size_t under_way = 0;

	for (size_t i = FETCH_SLOTS; i-- > 0;) {
		struct fetch *x = &f->fetch[i];

		if (x->is_borrowing && x->ask_id)
			under_way++;
		else if (x->is_borrowing)
			first = x;
	}
	return under_way < ENTRIES_ASKS_MAX ? first : NULL;
}

bool entries_action(struct follower *f, struct follower_action *out)
{
	struct fetch *x = next(f);

	if (!x)
		return false;
	x->source = pick(f, x);
	assert(x->source != NO_PROVIDER);
	x->sources_tried |= UINT64_C(1) << x->source;
	x->ask_id = f->next_id++;
	f->source[x->source].asks++;
	*out = (struct follower_action){ .id = x->ask_id, .ask = FOLLOWER_ASK_ENTRIES, .source = x->source,
		.product = f->track[x->track].name, .timeout_ms = RPC_BULK_MS, .answer_max = ENTRIES_FILE_MAX };
	return true;
}

/* --- and back --- */

static struct fetch *find(struct follower *f, uint64_t id)
{
	for (size_t i = 0; i < FETCH_SLOTS; i++)
		if (f->fetch[i].is_borrowing && f->fetch[i].ask_id == id && id)
			return &f->fetch[i];
	return NULL;
}

static int check_answer(const struct follower_answer *a, struct err *e)
{
	if (a->net)
		return err_set(e, (enum err_code)(a->net == ERR_NOT_FOUND ? ERR_NET : a->net), "%s", a->net_text ? a->net_text : "no answer");
	if (a->status == 404 || a->status == 410)
		return err_set(e, ERR_NOT_FOUND, "it does not have this product's entries (HTTP status %d)", a->status);
	if (a->status != 200)
		return err_set(e, ERR_NET, "HTTP status %d", a->status);
	return ERR_OK;
}

/* The lines between what is final here and the proven head. */
static int read_answer(struct follower *f, const struct fetch *x, const struct follower_answer *a, struct records *got, struct err *e)
{
	const struct track *t = &f->track[x->track];
	struct rpc_log_filter filter = { .address = &f->registry, .products = &t->id, .products_n = 1,
		.from = t->final.last_block + 1, .to = x->words.last_block };
	int rc = check_answer(a, e);

	return rc ? rc : entries_read(a->body, &filter, got, e);
}

bool entries_answer(struct follower *f, uint64_t id, const struct follower_answer *answer)
{
	struct fetch *x = find(f, id);
	struct records got = { .n = 0 };
	struct err e = { 0 };
	int rc;

	if (!x)
		return false;
	end_borrowing(f, x);
	f->source[x->source].bytes_in += answer->body.n;
	rc = read_answer(f, x, answer, &got, &e);
	if (rc == ERR_OK)
		rc = history_borrowed(f, x, &got, &e);
	records_free(&got);
	if (rc) {
		blame(f, x, &e, answer->retry_after_ms);
		if (!entries_begin(f, x))
			history_failed(f, x);
		drop_hopeless(f);
	}
	return true;
}
