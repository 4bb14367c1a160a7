/* chain.c: see chain.h. */
#include "keeper/chain_start.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "formats/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A request under way. */
struct chain_call {
	struct list node;
	struct chain *chain;
	struct http_call *http;
	struct fetch_source *source;	/* of entries; else NULL */
	uint64_t id;
};

static void turn(struct chain *c);

/* --- outputs --- */

/* NULL stays NULL. */
static const char *shown(const struct chain *c, const char *text, char *out, size_t cap)
{
	if (!text)
		return NULL;
	snprintf(out, cap, "%s", text);
	secrets_hide(c->secrets, out);
	return out;
}

static void take_alarm(struct chain *c, const struct follower_output *o)
{
	const char *code = follower_alarm_code(o->alarm);

	if (o->kind == FOLLOWER_ALARM_OFF) {
		c->owner.on_alarm_over(c->owner.arg, code, o->subject);
		return;
	}
	c->has_conflict |= o->alarm == ALARM_ANCHOR_CONFLICT;
	c->owner.on_alarm(c->owner.arg, code, o->subject, o->detail, o->alarm == ALARM_ANCHOR_CONFLICT);
}

/* "Per product: time of the last anchored block at which its head was proven." */
static void take_refreshed(struct chain *c, const struct follower_output *o)
{
	for (size_t i = 0; o->is_final && i < follower_products(c->follower); i++) {
		struct follower_product_info info;
		struct ledger_product *p;

		follower_product(c->follower, i, &info);
		p = ledger_find(c->ledger, &info.id);
		if (!p || info.proof.number != o->block.number)
			continue;
		ledger_refresh(p, &(struct proof_mark){ .number = o->block.number, .hash = o->block.hash,
			.time = o->block.time, .wall_ms = clock_wall_ms(c->clock) });
	}
	if (!o->is_final)
		return;
	c->mark.listed = o->position;
	if (!o->is_whole)
		return;
	c->mark.has_proven = true;
	c->mark.proven = (struct proof_mark){ .number = o->block.number, .hash = o->block.hash, .root = o->hash,
		.time = o->block.time, .wall_ms = clock_wall_ms(c->clock) };
	/* A restart that finds this covers what changed has nothing to prove again. */
	c->is_mark_changed |= c->is_whole_due;
	c->is_whole_due = false;
}

static int take(struct chain *c, const struct follower_output *o, struct err *e)
{
	switch (o->kind) {
	case FOLLOWER_GENESIS:
		c->mark.has_genesis = c->is_mark_changed = true;
		c->mark.genesis = o->hash;
		return ERR_OK;
	case FOLLOWER_ANCHOR:
		c->mark.has_anchor = true;
		c->mark.anchor_number = o->block.number;
		c->mark.anchor_hash = o->block.hash;
		return ERR_OK;
	case FOLLOWER_REFRESHED:
		news_note(&c->news);
		take_refreshed(c, o);
		return ERR_OK;
	case FOLLOWER_NOTE:
		log_unusual("chain", "a provider is odd", "provider=%s why=%s", o->subject, LOG_STR(span_str(o->detail)));
		return ERR_OK;
	case FOLLOWER_ALARM_ON:
	case FOLLOWER_ALARM_OFF:
		take_alarm(c, o);
		return ERR_OK;
	default:
		news_note(&c->news);
		c->is_mark_changed = c->is_whole_due = true;
		return ledger_take(c->ledger, o, e);
	}
}

/* "Cursor and time of the last proof are written when something changed, else every 15 minutes": one row, whose proof is as
 * good as one in each product's. Products that were proven apart from the others wait for the 15 minutes. */
static int save_mark(struct chain *c, struct err *e)
{
	int64_t now = clock_mono_ms(c->clock);
	bool is_time = now - c->proofs_saved_ms >= MARK_SAVE_MS;
	int rc = ERR_OK;

	if (!c->is_mark_changed && !is_time)
		return ERR_OK;
	if (is_time)
		rc = ledger_save_proofs(c->ledger, c->mark.has_proven ? &c->mark.proven : NULL, e);
	if (!rc)
		rc = mark_save(c->store, &c->mark, e);
	if (rc)
		return rc;
	c->is_mark_changed = false;
	c->proofs_saved_ms = is_time ? now : c->proofs_saved_ms;
	return ERR_OK;
}

static int drain(struct chain *c, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(c->store);
	const struct follower_output *o;
	char detail[256];
	int rc;

	while ((o = follower_output(c->follower)) != NULL) {
		struct follower_output told = *o;

		told.detail = shown(c, o->detail, detail, sizeof detail);
		rc = take(c, &told, e);
		if (rc)
			return rc;
	}
	rc = save_mark(c, e);
	return rc ? rc : store_commit(&tx, e);
}

/* --- requests --- */

static void on_done(void *arg, int rc, const struct http_reply *r, const struct err *why)
{
	struct chain_call *call = arg;
	struct chain *c = call->chain;
	struct follower_answer a = { .net = rc, .net_text = rc ? why->msg : NULL, .status = (int)r->status,
		.retry_after_ms = http_retry_after_ms(r, clock_wall_ms(c->clock)), .body = r->body };

	if (call->source)
		call->source->bytes += r->received;
	follower_answer(c->follower, call->id, &a, clock_mono_ms(c->clock));
	list_remove(&call->node);
	free(call);
	turn(c);
}

static int start_call(struct chain *c, const struct follower_action *a, struct http_ask *ask, struct err *e)
{
	struct chain_call *call = calloc(1, sizeof *call);
	int rc;

	if (!call)
		return err_set(e, ERR_MEMORY, "no memory for a request");
	call->chain = c;
	call->id = a->id;
	call->source = a->ask == FOLLOWER_ASK_ENTRIES ? c->entries[a->source].source : NULL;
	ask->body_max = a->answer_max;
	ask->total_ms = a->timeout_ms;
	ask->on_done = on_done;
	ask->arg = call;
	rc = http_start(c->http, ask, &call->http, e);
	if (rc) {
		free(call);
		return rc;
	}
	list_append(&c->calls, &call->node);
	return ERR_OK;
}

static void cancel_unwanted(struct chain *c)
{
	uint64_t id;

	while (follower_cancel(c->follower, &id))
		LIST_EACH(node, &c->calls) {
			struct chain_call *call = LIST_ITEM(node, struct chain_call, node);

			if (call->id != id)
				continue;
			http_cancel(call->http);
			list_remove(node);
			free(call);
		}
}

static int send_rpc(struct chain *c, const struct follower_action *a, struct err *e)
{
	static const char *const lines[] = { "Content-Type: application/json", "Accept: application/json" };
	struct http_ask ask = { .method = "POST", .url = c->conf->providers[a->provider].url, .lines = lines, .lines_n = 2,
		.body = a->body, .private_ok = true };	/* "Providers may be local without `private`" */

	return start_call(c, a, &ask, e);
}

static void answer_failed(struct chain *c, uint64_t id, int rc, const struct err *e)
{
	follower_answer(c->follower, id, &(struct follower_answer){ .net = rc, .net_text = e->msg }, clock_mono_ms(c->clock));
}

/* From our own file: no request at all. */
static void answer_own(struct chain *c, const struct follower_action *a)
{
	AUTO(buf_free) struct buf body = BUF_INIT(a->answer_max);
	const struct ledger_product *p = ledger_find_name(c->ledger, span_str(a->product));
	struct follower_answer answer = { .status = 404 };
	struct err e = { 0 };

	if (p && entryfiles_read(c->entryfiles, &p->id, &body, &e) == ERR_OK) {
		answer.status = 200;
		answer.body = buf_span(&body);
	}
	follower_answer(c->follower, a->id, &answer, clock_mono_ms(c->clock));
}

static int send_entries(struct chain *c, const struct follower_action *a, struct err *e)
{
	const struct entries_source *s = &c->entries[a->source];
	char url[ENTRIES_URL_MAX], token[600];
	const char *lines[] = { "Accept: application/x-ndjson, */*;q=0.1", token };
	struct http_ask ask = { .url = url, .lines = lines, .lines_n = s->token ? 2 : 1, .private_ok = s->source->is_private };
	int rc = entries_source_url(s, a->product, url, e);

	snprintf(token, sizeof token, "Authorization: Bearer %s", s->token ? s->token : "");
	return rc ? rc : start_call(c, a, &ask, e);
}

static void send_action(struct chain *c, const struct follower_action *a)
{
	bool is_entries = a->ask == FOLLOWER_ASK_ENTRIES;
	struct err e = { 0 };
	int rc;

	if (is_entries && !c->entries[a->source].source) {
		answer_own(c, a);
		return;
	}
	rc = is_entries ? send_entries(c, a, &e) : send_rpc(c, a, &e);
	if (rc)
		answer_failed(c, a->id, rc, &e);
}

static void send_all(struct chain *c)
{
	struct follower_action a;

	while (follower_action(c->follower, &a))
		send_action(c, &a);
}

/* --- the loop --- */

static void cancel_calls(struct chain *c)
{
	LIST_EACH(node, &c->calls) {
		struct chain_call *call = LIST_ITEM(node, struct chain_call, node);

		http_cancel(call->http);
		list_remove(node);
		free(call);
	}
}

static void on_timer(uv_timer_t *timer)
{
	turn(timer->data);
}

static void sleep_until(struct chain *c, int64_t mono_ms)
{
	int64_t wait = mono_ms - clock_mono_ms(c->clock);

	if (wait > CHAIN_SLEEP_MAX_MS)
		wait = CHAIN_SLEEP_MAX_MS;
	uv_timer_start(&c->timer, on_timer, wait > 0 ? (uint64_t)wait : 0, 0);
}

/* What decides which listed products are followed: a name that has a section of its own is not the wildcard's. */
static struct hash32 wanted_digest(const struct conf *conf)
{
	struct sha256 sum;

	sha256_init(&sum);
	for (size_t i = 0; i < conf->products_n; i++) {
		sha256_add(&sum, SPAN_OF(conf->products[i].registrant));
		sha256_add(&sum, SPAN(conf->products[i].name, strlen(conf->products[i].name) + 1));
	}
	return sha256_end(&sum);
}

static int load_mark(struct chain *c, struct err *e)
{
	struct mark m = { .has_anchor = false };
	int rc = mark_load(c->store, &m, e);

	if (rc && rc != ERR_NOT_FOUND)
		return rc;
	c->mark = m;
	c->mark.listed_for = wanted_digest(c->conf);
	if (!hash32_eq(&m.listed_for, &c->mark.listed_for))
		c->mark.listed = 0;
	c->mark.chain_id = c->conf->chain.chain_id;
	c->mark.registry = c->conf->chain.registry;
	snprintf(c->mark.trust, sizeof c->mark.trust, "%s", c->conf->chain.anchor == CONF_PINNED ? "pinned" :
		 c->conf->chain.quorum > 1 ? "quorum" : "single");
	return ERR_OK;
}

void chain_restart(struct chain *c)
{
	cancel_calls(c);
	follower_free(STEAL_PTR(c->follower));
	sleep_until(c, 0);
}

/* What was told of the chain meanwhile and is not stored is asked for again. */
void chain_pause(struct chain *c)
{
	c->is_paused = true;
	c->is_ahead = true;
	cancel_calls(c);
	follower_free(STEAL_PTR(c->follower));
	uv_timer_stop(&c->timer);
}

void chain_resume(struct chain *c)
{
	if (!c->is_paused)
		return;
	c->is_paused = false;
	sleep_until(c, 0);
}

/* Nothing of the batch was kept: begin again from what is. */
static void give_up(struct chain *c, const struct err *e)
{
	cancel_calls(c);
	follower_free(STEAL_PTR(c->follower));
	c->is_ahead = true;
	c->owner.on_trouble(c->owner.arg, e);
	sleep_until(c, clock_mono_ms(c->clock) + CHAIN_RESTART_MS);
}

static int restart(struct chain *c, struct err *e)
{
	if (c->follower)
		return ERR_OK;
	if (c->is_ahead) {
		int rc = load_mark(c, e);

		if (!rc)
			rc = ledger_forget_unstored(c->ledger, e);
		if (rc)
			return rc;
		c->is_ahead = false;
	}
	for (size_t i = 0; i < c->entries_n; i++)
		c->entries[i].misses = 0;
	return chain_start(c, &c->follower, e);
}

/* What the follower has against entries sources, for /sources. */
static void show_misses(struct chain *c)
{
	for (size_t i = 0; i < c->entries_n; i++) {
		struct entries_source *s = &c->entries[i];
		struct follower_entries_info info;
		char why[256];

		follower_entries(c->follower, i, &info);
		if (!s->source || info.misses == s->misses)
			continue;
		s->misses = info.misses;
		shown(c, info.last_error, why, sizeof why);
		snprintf(s->source->last_error, sizeof s->source->last_error, "entries of %.180s", why);
		log_unusual("chain", "an entries source was no help", "source=%s why=%s", s->source->name, LOG_STR(span_str(why)));
	}
}

static void tell(struct chain *c)
{
	bool is_time = news_take(&c->news, follower_is_idle(c->follower), clock_mono_ms(c->clock));
	int64_t wake = follower_wake(c->follower), later = news_wake(&c->news);

	sleep_until(c, wake < later ? wake : later);
	if (is_time)
		c->owner.on_news(c->owner.arg);
}

/* One round of follower.h's loop. */
static void turn(struct chain *c)
{
	struct err e = { 0 };

	if (c->conf->providers_n == 0 || c->is_paused)
		return;
	if (restart(c, &e)) {
		give_up(c, &e);
		return;
	}
	follower_poll(c->follower, clock_mono_ms(c->clock));
	cancel_unwanted(c);
	send_all(c);
	show_misses(c);
	if (drain(c, &e)) {
		give_up(c, &e);
		return;
	}
	tell(c);
}

int chain_init(struct chain *c, uv_loop_t *loop, struct http *http, const struct conf *conf, const struct clock *clock,
	       struct store *store, struct ledger *ledger, struct chain_owner owner, struct err *e)
{
	struct chain given = *c;
	int rc;

	*c = (struct chain){ .loop = loop, .http = http, .conf = conf, .clock = clock, .store = store, .ledger = ledger,
		.owner = owner, .has_conflict = given.has_conflict, .entries = given.entries, .entries_n = given.entries_n,
		.entryfiles = given.entryfiles, .secrets = given.secrets };
	list_init(&c->calls);
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	rc = load_mark(c, e);
	if (rc || conf->providers_n == 0)
		return rc;	/* nobody to ask: what there is comes in bundles */
	rc = chain_start(c, &c->follower, e);
	if (!rc)
		sleep_until(c, 0);
	return rc;
}

/* The time of the last proof as it is, not as it was up to MARK_SAVE_MS ago: a restart does not change freshness. When it
 * fails there is nobody left to do anything about it, and the older time is not wrong. */
static void save_last(struct chain *c)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(c->store);
	struct err e = { 0 };

	c->is_mark_changed = c->follower != NULL;
	if (c->is_mark_changed && save_mark(c, &e) == ERR_OK && store_commit(&tx, &e) != ERR_OK)
		log_debug("chain", "the last proof's time is not kept", "why=\"%s\"", e.msg);
}

void chain_close(struct chain *c)
{
	save_last(c);
	cancel_calls(c);
	follower_free(STEAL_PTR(c->follower));
	uv_close((uv_handle_t *)&c->timer, NULL);
}

void chain_info(const struct chain *c, struct follower_info *out)
{
	*out = (struct follower_info){ .doing = "restarting" };
	if (c->follower)
		follower_info(c->follower, out);
}

size_t chain_providers(const struct chain *c)
{
	return c->follower ? follower_providers(c->follower) : 0;
}

void chain_provider(struct chain *c, size_t i, struct follower_provider_info *out)
{
	follower_provider(c->follower, i, out);
	out->last_error = shown(c, out->last_error, c->last_error, sizeof c->last_error);
	out->quarantine = shown(c, out->quarantine, c->quarantine, sizeof c->quarantine);
}

void chain_clear_conflict(struct chain *c)
{
	c->has_conflict = false;
	if (c->follower)
		follower_clear_conflict(c->follower);
	chain_hurry(c);
}

void chain_hurry(struct chain *c)
{
	if (c->follower)
		follower_hurry(c->follower);
	sleep_until(c, 0);
}
