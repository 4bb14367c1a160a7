/* words.c: the registry's storage under a proven root: the words of all products, and the list of their ids.
 *
 * What earlier proofs have brought is looked through first (witness.h). For the rest there are two ways of asking:
 *
 *	few words	all that are not known, in one call: a round trip counts more than bytes
 *	many		one word for each node that is not there, again and again, each time further down the trie: so that
 *			what changed costs its own path, and all the rest a look at the nodes beside it
 *
 * What may be asked for in a round is limited: whoever changes the registry all over, block by block, cannot make us
 * load more than PROOF_KEYS_A_ROUND words a poll. Then a part of the products is proven in this round, and the next one goes
 * on behind it; each product's own proof says which. The list of ids comes after the products, so nothing in it keeps them from
 * being proven. */
#include "chain/follow.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- how much may be asked --- */

/* A first sync is not a flood: what it needs is there from the beginning. */
static void refill(struct follower *f)
{
	size_t whole = 2 * f->tracks_n + f->round_keys;

	if (f->words_round == f->rounds + 1)
		return;
	for (int level = 0; level < LEVELS; level++) {
		if (f->words_round == 0)
			f->keys_left[level] = 4 * (size_t)PRODUCTS_MAX;
		else if (f->keys_left[level] < whole)
			f->keys_left[level] += f->round_keys;
	}
	f->ids_left += f->words_round == 0 ? f->first_ids : f->ids_left < f->first_ids ? f->proof_keys : 0;
	f->words_round = f->rounds + 1;
}

/* All is proven: what a flood may cost from now on. */
static void no_first_sync(struct follower *f)
{
	size_t whole = 2 * f->tracks_n + f->round_keys;

	if (f->keys_left[f->target.level] > whole)
		f->keys_left[f->target.level] = whole;
}

/* --- what is sought --- */

static bool reserve(struct target *t, size_t n)
{
	struct sought *s;

	if (n <= t->sought_cap)
		return true;
	s = realloc(t->sought, n * sizeof *s);
	if (!s)
		return false;
	t->sought = s;
	t->sought_cap = n;
	return true;
}

static void seek(struct target *t, const struct hash32 *slot)
{
	t->sought[t->sought_n++] = (struct sought){ .slot = *slot };
}

/* Where the words of products begin: the length of the list is the first word, if the list is of interest. */
static size_t products_at(const struct follower *f)
{
	return f->wild_n ? 1 : 0;
}

static bool plan_products(struct follower *f)
{
	struct target *t = &f->target;

	if (!reserve(t, products_at(f) + 2 * f->tracks_n))
		return false;
	if (f->wild_n)
		seek(t, &ids_length_slot);
	for (size_t i = 0; i < f->tracks_n; i++) {
		struct product_slots s = product_slots(&f->track[i].id);

		seek(t, &s.head);
		seek(t, &s.packed);
	}
	return true;
}

/* The next part of the list. */
static bool plan_ids(struct follower *f)
{
	struct target *t = &f->target;
	uint64_t n = t->ids_n - t->ids_at;

	n = n < f->ids_left ? n : f->ids_left;
	n = n < f->proof_keys ? n : f->proof_keys;
	if (!reserve(t, (size_t)n))
		return false;
	for (uint64_t i = 0; i < n; i++) {
		struct hash32 slot = ids_slot(t->ids_at + i);

		seek(t, &slot);
	}
	return true;
}

static void give_up(struct follower *f, const char *why)
{
	alarm_on(f, ALARM_MEMORY, "", "%s", why);
	round_next(f);
}

static void begin(struct follower *f, int plan)
{
	struct target *t = &f->target;

	t->plan = plan;
	t->sought_n = t->asked_n = t->done = 0;
	t->tried = 0;
	t->is_cut = false;
	if (plan == PLAN_PRODUCTS ? plan_products(f) : plan_ids(f))
		words_advance(f);
	else
		give_up(f, "no memory for storage keys");
}

void words_begin(struct follower *f)
{
	refill(f);
	witness_begin(&f->witness);
	step_to(f, STEP_WORDS);
	begin(f, PLAN_PRODUCTS);
}

/* --- a pass: what is known, and what to ask for --- */

/* Names of nodes that are not there, each once. */
struct gaps {
	struct hash32 *name;
	size_t n, cap;
	struct table by_name;
};

static void gaps_free(struct gaps *g)
{
	free(g->name);
	table_free(&g->by_name);
}

enum gap { GAP_NEW, GAP_KNOWN, GAP_NO_MEMORY };

static enum gap note_gap(struct gaps *g, const struct hash32 *name)
{
	struct table_cursor c;
	uint32_t hash = table_hash(SPAN_OF(*name));

	for (size_t at = table_first(&g->by_name, hash, &c); at != TABLE_NONE; at = table_next(&g->by_name, &c))
		if (hash32_eq(&g->name[at], name))
			return GAP_KNOWN;
	if (g->n == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 64;
		struct hash32 *grown = realloc(g->name, cap * sizeof *grown);

		if (!grown)
			return GAP_NO_MEMORY;
		g->name = grown;
		g->cap = cap;
	}
	g->name[g->n] = *name;
	return table_add(&g->by_name, hash, g->n++) ? GAP_NEW : GAP_NO_MEMORY;
}

static bool is_few(const struct follower *f)
{
	return f->target.sought_n <= f->proof_keys;
}

static bool ask_for(struct target *t, size_t i)
{
	if (t->asked_n == t->asked_cap) {
		size_t cap = t->asked_cap ? 2 * t->asked_cap : 64;
		uint32_t *grown = realloc(t->asked, cap * sizeof *grown);

		if (!grown)
			return false;
		t->asked = grown;
		t->asked_cap = cap;
	}
	t->asked[t->asked_n++] = (uint32_t)i;
	return true;
}

/* The walk to word i ends at a node that is not there. false: no memory. */
static bool look_into_gap(struct follower *f, struct gaps *g, size_t i, const struct hash32 *missing)
{
	enum gap gap = is_few(f) ? GAP_NEW : note_gap(g, missing);

	return gap == GAP_NEW ? ask_for(&f->target, i) : gap == GAP_KNOWN;
}

static size_t first_place(const struct follower *f)
{
	const struct target *t = &f->target;

	return t->plan == PLAN_PRODUCTS && f->words_from[t->level] < t->sought_n ? f->words_from[t->level] : 0;
}

/* The first word of the product whose word i is: half a product is none. */
static size_t head_at(const struct follower *f, size_t i)
{
	size_t first = products_at(f);

	return i < first ? i : first + (i - first) / 2 * 2;
}

/* More than may be asked for: then word after word, whose own proofs prove them, from where the last round was cut. So each
 * product has its turn, however little may be asked for. */
static void cut(struct follower *f)
{
	struct target *t = &f->target;
	size_t *left = &f->keys_left[t->level], from = first_place(f);

	t->is_cut = true;
	t->asked_n = 0;
	for (size_t k = 0; k < t->sought_n; k++) {
		size_t i = (from + k) % t->sought_n;

		if (t->sought[i].is_known)
			continue;
		f->words_from[t->level] = head_at(f, i);
		if (*left == t->asked_n)
			return;
		t->asked[t->asked_n++] = (uint32_t)i;	/* there was room for more of them */
	}
}

static bool look(struct follower *f)
{
	struct target *t = &f->target;
	struct gaps g = { .n = 0 };
	bool is_fine = true;

	t->asked_n = t->done = 0;
	t->is_cut = false;
	for (size_t i = 0; i < t->sought_n && is_fine; i++) {
		struct sought *s = &t->sought[i];
		struct hash32 missing;

		if (s->is_known)
			continue;
		s->is_known = trie_find_word(&t->storage_root, &s->slot, witness_find, &f->witness, &s->word, &missing, NULL) == ERR_OK;
		if (!s->is_known)
			is_fine = look_into_gap(f, &g, i, &missing);
	}
	gaps_free(&g);
	if (is_fine && !is_few(f)) {
		if (t->asked_n > f->keys_left[t->level])
			cut(f);
		f->keys_left[t->level] -= t->asked_n;
	}
	return is_fine;
}

/* --- asking --- */

static enum rpc_class on_words(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct target *t = &f->target;
	struct hash32 slots[PROOF_KEYS_MAX], words[PROOF_KEYS_MAX];
	struct trie_account account;
	int rc;

	t->tried |= UINT32_C(1) << c->provider;
	if (a->class != RPC_OK)
		return proof_answered(f, c, a->class);
	for (size_t i = 0; i < c->count; i++)
		slots[i] = t->sought[t->asked[c->index + i]].slot;
	rc = read_proof(a->result, &t->header.state_root, &f->registry, slots, c->count, &account, words, &f->witness, e);
	if (rc)
		return proof_doubted(f, c, &(struct proof_keys){ &f->registry, slots, c->count }, rc, e);
	for (size_t i = 0; i < c->count; i++) {
		struct sought *s = &t->sought[t->asked[c->index + i]];

		s->word = words[i];
		s->is_known = true;
	}
	t->done = c->index + c->count;
	t->tried = 0;
	return RPC_OK;
}

static const struct call_kind call_words = {
	.method = "eth_getProof", .is_bulk = true, .is_long = true, .is_big = true, .done = on_words,
};

static bool ask_words(struct follower *f)
{
	struct target *t = &f->target;
	struct hash32 slots[PROOF_KEYS_MAX];
	size_t p = proof_pick(f, t->tried, t->header.number);
	struct call *c;

	if (p == NO_PROVIDER)
		return false;
	c = call_push(f, &call_words, p);
	c->index = t->done;
	c->count = t->asked_n - t->done < f->proof_keys ? t->asked_n - t->done : f->proof_keys;
	for (size_t i = 0; i < c->count; i++)
		slots[i] = t->sought[t->asked[c->index + i]].slot;
	rpc_put_proof(&c->params, &f->registry, slots, c->count, t->header.number);
	return true;
}

/* --- what follows --- */

static struct head head_of(const struct target *t, size_t at)
{
	const struct sought *s = &t->sought[at];

	if (!s[0].is_known || !s[1].is_known)
		return (struct head){ .is_known = false };
	return (struct head){ product_words(&s[0].word, &s[1].word), true };
}

/* false: no memory. */
static bool take_heads(struct follower *f)
{
	struct target *t = &f->target;
	struct heads *h = heads_new(f->tracks_n);
	const struct head zero = { .is_known = true };

	if (!h)
		return false;
	h->storage_root = t->storage_root;
	h->is_missing = t->is_missing;
	h->is_whole = !t->is_cut;
	for (size_t i = 0; i < f->tracks_n; i++)
		*heads_at(h, i) = t->is_missing ? zero : head_of(t, products_at(f) + 2 * i);
	heads_share(h, f->recent_snap.heads);
	heads_share(h, f->final_snap.heads);
	heads_put(t->heads);
	t->heads = h;
	return true;
}

static void finish(struct follower *f)
{
	struct target *t = &f->target;

	if (t->heads->is_whole) {
		no_first_sync(f);
		witness_sweep(&f->witness);
	}
	t->heads->is_whole = t->heads->is_whole && t->ids_at >= t->ids_n;
	t->heads->listed = explain_over(f) && t->heads->is_whole ? t->ids_n : 0;
	alarm_off(f, ALARM_MEMORY, "");
	records_begin(f);
}

static uint64_t length_of(const struct hash32 *word)
{
	uint64_t n = 0;

	for (size_t i = sizeof word->b - 8; i < sizeof word->b; i++)
		n = n << 8 | word->b[i];
	return n;
}

/* What is parked is asked about again; past so many the rest has to wait for them. */
static bool may_list(const struct follower *f)
{
	const struct target *t = &f->target;

	return t->ids_at < t->ids_n && f->ids_left && explain_open(f) < LISTED_OPEN_MAX;
}

static void products_proven(struct follower *f)
{
	struct target *t = &f->target;
	bool is_first = !t->heads;

	if (!take_heads(f)) {
		give_up(f, "no memory for the heads of all products");
		return;
	}
	if (!f->wild_n || !is_first || !t->sought[0].is_known) {
		finish(f);
		return;
	}
	t->ids_n = length_of(&t->sought[0].word);
	t->ids_at = f->ids_final_n;
	explain_reread(f);
	words_listed(f);
}

static bool note_ids(struct follower *f)
{
	struct target *t = &f->target;

	for (size_t i = 0; i < t->sought_n; i++)
		if (!explain_note(f, &t->sought[i].word, t->ids_at + i, t->level == LEVEL_FINAL))
			return false;
	t->ids_at += t->sought_n;
	return true;
}

static void ids_proven(struct follower *f)
{
	if (!note_ids(f))
		give_up(f, "no memory for the registry's ids");
	else if (explain_is_due(f))
		explain_begin(f);
	else
		words_listed(f);
}

void words_listed(struct follower *f)
{
	struct target *t = &f->target;

	if (f->sm.at != STEP_WORDS)
		step_to(f, STEP_WORDS);
	if (t->level == LEVEL_FINAL && t->ids_at > f->ids_final_n) {
		f->ids_final_n = t->ids_at;
		explain_sweep(f);
	}
	if (may_list(f))
		begin(f, PLAN_IDS);
	else if (t->ids_at >= t->ids_n && explain_is_due(f))
		explain_begin(f);
	else if (t->heads->n != f->tracks_n)
		begin(f, PLAN_PRODUCTS);
	else
		finish(f);
}

void words_missing(struct follower *f)
{
	if (take_heads(f))
		finish(f);
	else
		give_up(f, "no memory for the heads of all products");
}

void words_advance(struct follower *f)
{
	struct target *t = &f->target;

	if (t->done == t->asked_n) {
		if (!look(f)) {
			give_up(f, "no memory for storage keys");
			return;
		}
		if (t->plan == PLAN_IDS)
			f->ids_left -= t->asked_n < f->ids_left ? t->asked_n : f->ids_left;
	}
	if (t->done < t->asked_n) {
		if (!ask_words(f))
			t->plan == PLAN_IDS ? finish(f) : round_next(f);
	} else if (t->plan == PLAN_PRODUCTS) {
		products_proven(f);
	} else {
		ids_proven(f);
	}
}
