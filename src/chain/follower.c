/* follower.c: see follower.h. Making, stopping, and looking at a follower; rounds are in round.c. */
#include "chain/follow.h"
#include "base/err.h"

#include <stdlib.h>

/* --- configuration --- */

static int check_conf(const struct follower_conf *c, struct err *e)
{
	if (c->providers_n == 0 || c->providers_n > PROVIDERS_MAX)
		return err_set(e, ERR_USAGE, "1 to %d providers are needed", PROVIDERS_MAX);
	if (c->entries_n > ENTRIES_SOURCES_MAX)
		return err_set(e, ERR_USAGE, "at most %d entries sources", ENTRIES_SOURCES_MAX);
	if (c->anchor == ANCHOR_QUORUM && c->quorum == 0)
		return err_set(e, ERR_USAGE, "a quorum is at least 1");
	if (c->code_hashes_n == 0)
		return err_set(e, ERR_USAGE, "the registry's code hash has to be known");
	if (c->poll_ms <= 0)
		return err_set(e, ERR_USAGE, "the poll interval is above 0");
	if (c->anchor == ANCHOR_PINNED && c->pin.number == 0)
		return err_set(e, ERR_USAGE, "nothing can be anchored at genesis");
	if (c->finality == FINALITY_DEPTH && c->anchor == ANCHOR_QUORUM && c->depth == 0)
		return err_set(e, ERR_USAGE, "depth:0 is latest");
	for (size_t i = 0; i < c->wants_n; i++)
		if (c->wants[i].name && !product_name_is_valid(span_str(c->wants[i].name)))
			return err_set(e, ERR_USAGE, "a product's name is vendor/model");
	return ERR_OK;
}

static void *copy(const void *p, size_t n, size_t size)
{
	void *q = calloc(n + 1, size);

	if (!q)
		err_no_memory();
	if (n)
		memcpy(q, p, n * size);
	return q;
}

static void take_providers(struct follower *f, const struct follower_conf *c)
{
	f->providers_n = c->providers_n;
	for (size_t i = 0; i < f->providers_n; i++) {
		struct provider *p = &f->provider[i];
		size_t same = 0;

		provider_init(p, c->providers[i].name, c->providers[i].operator);
		while (same < i && strcmp(f->provider[same].operator, p->operator) != 0)
			same++;
		f->operator_of[i] = same < i ? f->operator_of[same] : (uint8_t)f->operators++;
	}
}

static void take_sources(struct follower *f, const struct follower_conf *c)
{
	f->sources_n = c->entries_n;
	for (size_t i = 0; i < f->sources_n; i++) {
		f->source[i] = (struct entries_source){ .name = strdup(c->entries[i].name) };
		if (!f->source[i].name)
			err_no_memory();
	}
}

static void take_conf(struct follower *f, const struct follower_conf *c)
{
	f->chain_id = c->chain_id;
	f->registry = c->registry;
	f->code_hashes = copy(c->code_hashes, c->code_hashes_n, sizeof *c->code_hashes);
	f->code_hashes_n = c->code_hashes_n;
	f->anchor_kind = c->anchor;
	f->quorum = c->anchor == ANCHOR_PINNED ? 1 : c->quorum;
	f->pin = c->pin;
	f->finality = c->finality;
	f->depth = c->depth;
	f->poll_ms = c->poll_ms;
	f->probe_ms = c->probe_ms ? c->probe_ms : QUARANTINE_PROBE_MS;
	f->stall_s = c->stall_s ? c->stall_s : FINALITY_STALL_S;
	f->proof_keys = c->proof_keys && c->proof_keys < PROOF_KEYS_MAX ? c->proof_keys : PROOF_KEYS_MAX;
	f->round_keys = c->round_keys ? c->round_keys : PROOF_KEYS_A_ROUND;
	f->first_ids = c->first_ids ? c->first_ids : PRODUCTS_MAX;
	f->rng = c->seed | 1;
	f->has_genesis = c->genesis != NULL;
	if (c->genesis)
		f->genesis = *c->genesis;
	f->wild = calloc(c->wants_n + 1, sizeof *f->wild);
	if (!f->wild)
		err_no_memory();
	for (size_t i = 0; i < c->wants_n; i++) {
		if (c->wants[i].name)
			track_add(f, &c->wants[i].registrant, c->wants[i].name);
		else
			f->wild[f->wild_n++] = c->wants[i].registrant;
	}
}

/* --- what the store knew --- */

static bool is_wild(const struct follower *f, const struct addr20 *registrant)
{
	for (size_t i = 0; i < f->wild_n; i++)
		if (addr20_eq(&f->wild[i], registrant))
			return true;
	return false;
}

static int take_product(struct follower *f, const struct follower_known_product *k, struct err *e)
{
	struct hash32 id = product_id(&k->registrant, span_str(k->name));
	struct track *t = track_of(f, &id);

	if (!t && is_wild(f, &k->registrant))
		t = track_add(f, &k->registrant, k->name);
	if (!t)
		return ERR_OK;
	t->final = t->recent = k->final;
	t->proof = k->proof;
	for (size_t i = 0; i < k->provisional_n; i++) {
		int rc = track_append(t, &k->provisional[i].head, k->provisional[i].block, e);

		if (rc)
			return rc;
	}
	return ERR_OK;
}

/* Was each track's final state, as it is known, part of that proof? */
static bool is_covered(const struct follower *f, const struct block_ref *whole)
{
	for (size_t i = 0; i < f->tracks_n; i++)
		if (f->track[i].proof.number == 0 || f->track[i].proof.number > whole->number)
			return false;
	return whole->number != 0;
}

/* While the registry's storage root is still that one, nothing has to be proven again. */
static void take_whole(struct follower *f, const struct follower_known *k)
{
	struct heads *h;

	f->ids_final_n = f->ids_noted_n = k->listed;
	if (!is_covered(f, &k->whole) || (f->wild_n && !k->listed) || !(h = heads_new(f->tracks_n)))
		return;
	h->storage_root = k->whole_root;
	h->is_whole = true;
	h->listed = k->listed;
	for (size_t i = 0; i < f->tracks_n; i++)
		*heads_at(h, i) = (struct head){ f->track[i].final, true };
	snap_set(&f->final_snap, &k->whole, h);
	heads_put(h);
}

static int take_known(struct follower *f, const struct follower_known *k, struct err *e)
{
	f->anchor = k->anchor;
	f->is_conflict = k->conflict;
	if (k->conflict)
		alarm_on(f, ALARM_ANCHOR_CONFLICT, "", "a quorum contradicted an earlier one, and nobody has looked at it");
	for (size_t i = 0; i < k->products_n; i++) {
		int rc = take_product(f, &k->products[i], e);

		if (rc)
			return rc;
	}
	take_whole(f, k);
	return ERR_OK;
}

struct follower *follower_new(const struct follower_conf *conf, const struct follower_known *known, struct err *e)
{
	struct follower *f;

	if (check_conf(conf, e))
		return NULL;
	f = calloc(1, sizeof *f);
	if (!f) {
		err_set(e, ERR_MEMORY, "no memory for the follower");
		return NULL;
	}
	json_budget_install();
	list_init(&f->queue);
	list_init(&f->sent);
	list_init(&f->dropped);
	list_init(&f->outputs);
	list_init(&f->alarms);
	f->next_id = 1;
	f->next_round_ms = INT64_MIN;
	round_init(f);
	take_providers(f, conf);
	take_sources(f, conf);
	take_conf(f, conf);
	if (f->quorum > f->operators)
		err_set(e, ERR_USAGE, "quorum:%u needs as many operators; there are %u", f->quorum, f->operators);
	else if (!known || take_known(f, known, e) == ERR_OK)
		return f;
	follower_free(f);
	return NULL;
}

void follower_free(struct follower *f)
{
	if (!f)
		return;
	fetches_reset(f);
	target_reset(f);
	calls_free(f);
	outputs_free(f);
	pending_clear(f);
	heads_put(f->final_snap.heads);
	heads_put(f->recent_snap.heads);
	witness_free(&f->witness);
	for (size_t i = 0; i < f->tracks_n; i++)
		track_fini(&f->track[i]);
	for (size_t i = 0; i < f->providers_n; i++)
		provider_fini(&f->provider[i]);
	for (size_t i = 0; i < f->sources_n; i++)
		free(f->source[i].name);
	free(f->track);
	table_free(&f->tracks_by_id);
	free(f->ids);
	table_free(&f->ids_by_id);
	free(f->wild);
	free(f->code_hashes);
	free(f);
}

/* --- tracks --- */

struct track *track_of(struct follower *f, const struct hash32 *id)
{
	struct table_cursor c;

	for (size_t at = table_first(&f->tracks_by_id, table_hash(SPAN_OF(*id)), &c); at != TABLE_NONE; at = table_next(&f->tracks_by_id, &c))
		if (hash32_eq(&f->track[at].id, id))
			return &f->track[at];
	return NULL;
}

struct track *track_add(struct follower *f, const struct addr20 *registrant, const char *name)
{
	struct track t;
	struct track *there;

	track_init(&t, registrant, name);
	there = track_of(f, &t.id);
	if (there) {
		track_fini(&t);
		return there;
	}
	if (f->tracks_n == f->tracks_cap) {
		f->tracks_cap = f->tracks_cap ? 2 * f->tracks_cap : 8;
		f->track = realloc(f->track, f->tracks_cap * sizeof *f->track);
		if (!f->track)
			err_no_memory();
	}
	if (!table_add(&f->tracks_by_id, table_hash(SPAN_OF(t.id)), f->tracks_n))
		err_no_memory();
	f->track[f->tracks_n] = t;
	return &f->track[f->tracks_n++];
}

/* --- the loop --- */

/* xorshift64*: jitter needs to differ between gateways, nothing more. */
uint64_t follow_random(struct follower *f)
{
	f->rng ^= f->rng >> 12;
	f->rng ^= f->rng << 25;
	f->rng ^= f->rng >> 27;
	return f->rng * UINT64_C(0x2545f4914f6cdd1d);
}

void follower_poll(struct follower *f, int64_t mono_ms)
{
	f->now_ms = mono_ms;
	if (f->sm.at == STEP_IDLE && f->next_round_ms <= mono_ms)
		round_begin(f);
	else
		patience_end(f);
}

int64_t follower_wake(const struct follower *f)
{
	int64_t idle = f->sm.at == STEP_IDLE ? f->next_round_ms : INT64_MAX;
	int64_t ready = calls_ready_ms(f), patience = patience_wake_ms(f);

	ready = ready < patience ? ready : patience;
	return ready < idle ? ready : idle;
}

bool follower_is_idle(const struct follower *f)
{
	return f->sm.at == STEP_IDLE;
}

void follower_hurry(struct follower *f)
{
	f->next_round_ms = INT64_MIN;
}

void follower_clear_conflict(struct follower *f)
{
	f->is_conflict = false;
	f->anchor = (struct block_ref){ .number = 0 };
	alarm_off(f, ALARM_ANCHOR_CONFLICT, "");
	follower_hurry(f);
}

/* --- status --- */

size_t follower_providers(const struct follower *f)
{
	return f->providers_n;
}

void follower_provider(const struct follower *f, size_t i, struct follower_provider_info *out)
{
	const struct provider *p = &f->provider[i];
	bool is_waiting = provider_state(p) == PROVIDER_QUARANTINED || p->identity == IDENTITY_FOREIGN;

	*out = (struct follower_provider_info){
		.name = p->name, .operator = p->operator, .state = provider_state(p),
		.availability = p->availability, .honesty = p->honesty, .last_error = p->last_error,
		.retry_at_ms = is_waiting ? p->probe_at_ms : p->retry_at_ms > f->now_ms ? p->retry_at_ms : 0,
		.latest = p->latest, .final = p->final,
		.quarantine = provider_state(p) == PROVIDER_QUARANTINED ? p->quarantine : NULL,
		.quarantined_ms = p->quarantined_ms, .agreements = p->agreements, .contradictions = p->contradictions,
		.rate = (double)p->pace.rate / 1000, .has_lean = p->lean_works,
		.calls = p->calls, .failures = p->call_failures, .bytes_in = p->bytes_in,
	};
	memcpy(out->answers, p->answers, sizeof out->answers);
	if (p->identity == IDENTITY_FOREIGN && out->state == PROVIDER_OK)
		out->state = PROVIDER_DOWN;
}

void follower_entries(const struct follower *f, size_t i, struct follower_entries_info *out)
{
	const struct entries_source *s = &f->source[i];

	*out = (struct follower_entries_info){
		.name = s->name, .last_error = s->last_error, .retry_at_ms = s->rest_until_ms > f->now_ms ? s->rest_until_ms : 0,
		.asks = s->asks, .misses = s->misses, .bytes_in = s->bytes_in,
	};
}

size_t follower_products(const struct follower *f)
{
	return f->tracks_n;
}

void follower_product(const struct follower *f, size_t i, struct follower_product_info *out)
{
	const struct track *t = &f->track[i];

	*out = (struct follower_product_info){
		.id = t->id, .registrant = t->registrant, .name = t->name, .is_registered = track_end(t) > 0,
		.final = t->final, .recent = t->recent, .proof = t->proof, .recent_proof = t->recent_proof,
		.provisional = t->n,
	};
}

bool follower_product_find(const struct follower *f, const struct hash32 *id, struct follower_product_info *out)
{
	const struct track *t = track_of((struct follower *)f, id);

	if (t)
		follower_product(f, (size_t)(t - f->track), out);
	return t != NULL;
}

void follower_info(const struct follower *f, struct follower_info *out)
{
	*out = (struct follower_info){
		.anchor = f->anchor, .recent = f->has_recent ? block_ref_of(&f->recent) : f->recent_snap.block,
		.final_proof = f->final_snap.block, .recent_proof = f->recent_snap.block,
		.has_genesis = f->has_genesis, .genesis = f->genesis, .is_conflict = f->is_conflict,
		.quorum = f->quorum, .operators = f->operators,
		.trust = f->anchor_kind == ANCHOR_PINNED ? "pinned" : f->quorum > 1 ? "quorum" : "single",
		.rounds = f->rounds, .doing = sm_name(&f->sm),
	};
}
