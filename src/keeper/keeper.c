/* keeper.c: see keeper.h. The loop, its parts and their owners; keeper_start.c opens and closes, keeper_server.c speaks to the
 * server, keeper_images.c owns the fetcher. */
#include "keeper/keeper.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "catalog/freshness.h"
#include "chain/json.h"
#include "formats/sig.h"
#include "store/audit.h"

#include <stdio.h>

/*  WAITING ─► SERVING ─► STOPPING
 *     └────────────────────▲        */
enum { K_WAITING, K_SERVING, K_STOPPING };

static const struct sm_state table[] = {
	[K_WAITING] = { "waiting", SM_TO(K_SERVING) | SM_TO(K_STOPPING) },
	[K_SERVING] = { "serving", SM_TO(K_STOPPING) },
	[K_STOPPING] = { "stopping", 0 },
};

/* --- alarms --- */

void keeper_alarm(struct keeper *k, const char *code, const char *subject, const char *detail, bool latch)
{
	struct latched_alarm row = { .since_ms = clock_wall_ms(k->clock) };
	struct err e = { 0 };

	if (alarms_raise(&k->alarms, code, subject, detail, latch, clock_wall_ms(k->clock)))
		log_unusual("alarm", code, "subject=%s detail=%s", LOG_STR(span_str(subject)), LOG_STR(span_str(detail)));
	if (!latch || !k->store)
		return;
	snprintf(row.code, sizeof row.code, "%s", code);
	snprintf(row.subject, sizeof row.subject, "%s", subject);
	snprintf(row.detail, sizeof row.detail, "%s", detail);
	if (mark_latch(k->store, &row, &e))
		log_broken("alarm", "an alarm could not be stored", "why=\"%s\"", e.msg);
}

void keeper_alarm_over(struct keeper *k, const char *code, const char *subject)
{
	if (alarms_over(&k->alarms, code, subject))
		log_info("alarm", "over", "code=%s subject=%s", code, LOG_STR(span_str(subject)));
}

/* --- freshness --- */

const struct proof_mark *keeper_worst_proof(const struct keeper *k)
{
	const struct proof_mark *worst = NULL;

	for (size_t i = 0; i < k->ledger.products; i++) {
		const struct proof_mark *m = &k->ledger.product[i]->proven;

		if (m->number == 0)
			return NULL;
		if (!worst || m->time < worst->time)
			worst = m;
	}
	return worst;
}

uint64_t keeper_age_s(const struct keeper *k, const struct proof_mark *m)
{
	int64_t wall_ms = clock_wall_ms(k->clock), least_ms = clock_bound_at(&k->bound, clock_mono_ms(k->clock));
	int64_t age = (wall_ms > least_ms ? wall_ms : least_ms) / 1000 - (int64_t)m->time;

	return age > 0 ? (uint64_t)age : 0;
}

static void note_time(struct keeper *k)
{
	int64_t now = clock_mono_ms(k->clock);

	for (size_t i = 0; i < k->ledger.products; i++)
		clock_bound_raise(&k->bound, (int64_t)k->ledger.product[i]->proven.time * 1000, now);
}

/* By the same rules as what devices are told (catalog/freshness.h). */
static enum freshness freshness_by(const struct keeper *k, const struct proof_mark *m)
{
	struct catalog_proof proof = { .number = m->number, .time = m->number ? m->time : 0, .hash = m->hash };
	struct freshness_now now = freshness_now(k->clock, false, &k->bound);

	return freshness_of(&proof, (uint64_t)k->conf->chain.max_age_ms, &now);
}

/* The worst of all: stale before unknown before fresh. */
static enum freshness freshness_of_gateway(const struct keeper *k)
{
	const struct proof_mark none = { .number = 0 };
	enum freshness worst = k->ledger.products ? FRESHNESS_FRESH : freshness_by(k, &none);

	for (size_t i = 0; i < k->ledger.products; i++) {
		enum freshness f = freshness_by(k, &k->ledger.product[i]->proven);

		if (f == FRESHNESS_STALE)
			return f;
		if (f == FRESHNESS_UNKNOWN)
			worst = f;
	}
	return worst;
}

const char *keeper_freshness(const struct keeper *k, const struct ledger_product *p)
{
	return freshness_name(p ? freshness_by(k, &p->proven) : freshness_of_gateway(k));
}

/* Without providers only bundles bring anything; before the first, nothing vouches for more than signers could. */
static enum catalog_trust trust_of_conf(const struct keeper *k)
{
	if (k->conf->providers_n == 0)
		return TRUST_BUNDLE_SIGNERS;
	if (k->conf->chain.anchor == CONF_PINNED)
		return TRUST_PINNED;
	return k->conf->chain.quorum > 1 ? TRUST_QUORUM : TRUST_SINGLE;
}

/* The weakest: signers' word alone, then an operator's block, then what the configuration says of the chain. */
static enum catalog_trust trust_in_all(const struct keeper *k)
{
	enum catalog_trust worst = k->conf->providers_n || k->ledger.products == 0 ? trust_of_conf(k) : TRUST_BUNDLE_PINNED;

	for (size_t i = 0; i < k->ledger.products; i++) {
		enum catalog_trust t = keeper_trust_in(k, k->ledger.product[i]);

		if (t == TRUST_BUNDLE_SIGNERS)
			return t;
		if (t == TRUST_BUNDLE_PINNED)
			worst = t;
	}
	return worst;
}

enum catalog_trust keeper_trust_in(const struct keeper *k, const struct ledger_product *p)
{
	if (!p)
		return trust_in_all(k);
	if (ledger_is_by_signers(p))
		return TRUST_BUNDLE_SIGNERS;
	return ledger_is_by_pinned_bundle(p) ? TRUST_BUNDLE_PINNED : trust_of_conf(k);
}

const char *keeper_trust(const struct keeper *k)
{
	return catalog_trust_name(keeper_trust_in(k, NULL));
}

/* --- judging and telling --- */

int keeper_audit(struct keeper *k, const struct api_call *c, const char *action, const char *subject, const char *detail, struct err *e)
{
	struct audit_row a = { .at_ms = clock_wall_ms(k->clock) };

	snprintf(a.actor, sizeof a.actor, "%.63s", c->who);
	snprintf(a.address, sizeof a.address, "%.*s", (int)c->link->address.n, (const char *)c->link->address.p);
	snprintf(a.action, sizeof a.action, "%s", action);
	snprintf(a.subject, sizeof a.subject, "%s", subject);
	snprintf(a.detail, sizeof a.detail, "%s", detail);
	log_info("api", "operator", "who=%s action=%s subject=%s", LOG_STR(span_str(c->who)), action, LOG_STR(span_str(subject)));
	return audit_add(k->store, &a, e);
}

void keeper_settle(struct keeper *k)
{
	struct err e = { 0 };

	if (keeper_is_paused(k))
		return;		/* what is marked stays marked */
	if (ledger_settle(&k->ledger, &e))
		keeper_trouble(k, &e);
}

static void on_settling(uv_timer_t *timer)
{
	keeper_settle(timer->data);
}

void keeper_settle_soon(struct keeper *k)
{
	if (keeper_is_serving(k))
		uv_timer_start(&k->settling, on_settling, 0, 0);
}

void keeper_settle_all(struct keeper *k)
{
	ledger_mark_all(&k->ledger);
	keeper_settle_soon(k);
}

bool keeper_is_serving(const struct keeper *k)
{
	return k->sm.at == K_SERVING;
}

/* --- owners of the parts --- */

static void on_peer(void *arg, int fd)
{
	keeper_take_server(arg, fd);
}

static void on_ack(void *arg, const struct link_report_ack *ack)
{
	AUTO(buf_free) struct buf out = BUF_INIT(64);
	struct keeper *k = arg;
	struct err e = { 0 };

	link_report_ack_write(&out, ack);
	if (seqsock_send(&k->server, buf_span(&out), -1, &e))
		log_unusual("keeper", "a report's acknowledgement is lost", "why=\"%s\"", e.msg);
}

static void on_part_trouble(void *arg, const struct err *e)
{
	keeper_trouble(arg, e);
}

static void on_news(void *arg)
{
	struct keeper *k = arg;
	struct err e = { 0 };

	note_time(k);
	keeper_settle(k);
	if (!keeper_is_paused(k) && catalogs_refresh(k, &e))
		keeper_trouble(k, &e);
}

static void on_alarm(void *arg, const char *code, const char *subject, const char *detail, bool latch)
{
	keeper_alarm(arg, code, subject, detail, latch);
}

static void on_alarm_over(void *arg, const char *code, const char *subject)
{
	keeper_alarm_over(arg, code, subject);
}

static void on_want(void *arg, const struct ledger_want *w)
{
	struct keeper *k = arg;
	struct err e = { 0 };

	if (!k->is_recovered || bundle_import_brings(k->import, &w->sha256) || keeper_is_adopting(k, &w->sha256))
		return;		/* asked again when that is over */
	if (fetcher_want(&k->fetcher, w, &e) == ERR_OK)
		return;
	log_unusual("fetch", "cannot fetch", "product=%s why=\"%s\"", w->product, e.msg);
	if (e.code == ERR_MEMORY)
		keeper_trouble(k, &e);	/* asked again when that is over */
}

static void on_unwanted(void *arg, const struct ledger_want *w)
{
	struct keeper *k = arg;

	fetcher_unwant(&k->fetcher, w);
}

static void on_settled(void *arg)
{
	struct keeper *k = arg;
	struct err e = { 0 };

	if (catalogs_publish(k, &e))
		keeper_trouble(k, &e);
}

static bool is_fetching(void *arg, const struct hash32 *sha256)
{
	struct keeper *k = arg;

	return fetcher_is_fetching(&k->fetcher, sha256);
}

static bool is_recovering(void *arg)
{
	const struct keeper *k = arg;

	return !k->is_recovered || k->adoptions > 0;
}

/* --- housekeeping --- */

static void on_housekeeping(uv_timer_t *timer)
{
	struct keeper *k = timer->data;
	struct err e = { 0 };

	if (keeper_is_paused(k))
		return;
	keeper_sweep(k);
	bundle_import_tidy(k->import);
	bundle_export_tidy(k);
	backup_tidy(k);
	if (floor_is_dirty(k->floors) && floor_save(k->floors, &e)) {
		keeper_trouble(k, &e);
		return;
	}
	if (catalogs_catch_up(k, &e))
		keeper_trouble(k, &e);
	keeper_keep_copy(k);
}

/* --- start and stop --- */

static int open_parts(struct keeper *k, struct err *e)
{
	struct ledger_owner lo = { .on_want = on_want, .on_unwanted = on_unwanted, .on_settled = on_settled, .is_fetching = is_fetching,
		.is_recovering = is_recovering, .arg = k };
	struct devices_owner dev = { on_ack, keeper_tell_floors, on_part_trouble, k };
	struct chain_owner co = { on_news, on_alarm, on_alarm_over, on_part_trouble, k };
	struct http_conf hc = { .proxy = k->conf->network.proxy[0] ? k->conf->network.proxy : NULL,
		.ca_file = k->conf->network.ca_file[0] ? k->conf->network.ca_file : NULL, .rate_max = k->conf->network.uplink };
	int rc;

	sig_start();
	rc = http_new(&k->loop, &hc, &k->http, e);
	if (rc)
		return rc;
	fetcher_init(&k->fetcher, &k->loop, k->http, k->blobs, k->clock, k->source, k->sources, keeper_fetcher_owner(k));
	k->fetcher.window = window_of(k->conf->network.fetch_window);
	k->fetcher.uplink = k->conf->network.uplink;
	rc = ledger_init(&k->ledger, k->store, k->floors, k->clock, &k->alarms, k->follow, k->conf->products_n, lo, e);
	if (rc)
		return rc;
	entryfiles_init(&k->entryfiles, k->state_dir, k->store, &k->conf->chain.registry, NULL);
	devices_init(&k->devices, &k->loop, k->store, &k->ledger, k->clock, (uint32_t)k->conf->limits.devices, dev);
	k->chain.entries = k->entries;
	k->chain.entries_n = k->entries_n;
	k->chain.entryfiles = &k->entryfiles;
	k->chain.secrets = k->fetcher.secrets = &k->secrets;
	return chain_init(&k->chain, &k->loop, k->http, k->conf, k->clock, k->store, &k->ledger, co, e);
}

static void serve(struct keeper *k)
{
	sm_move(&k->sm, K_SERVING);
	note_time(k);
	keeper_open_server(k);
	keeper_settle(k);
	control_open(&k->control, &k->loop, k, k->conf->gateway.run_dir, k->control_group);
	sup_ready(&k->sup);
	if (keeper_is_paused(k))
		keeper_rest(k);
	else
		keeper_recover(k);
	scrubber_begin(&k->scrubber, k);
	uv_timer_start(&k->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
}

static void give_up(struct keeper *k, const struct err *why)
{
	log_broken("keeper", "cannot start", "why=\"%s\"", why->msg);
	k->exit_status = keeper_exit_status(why);
	uv_stop(&k->loop);
}

static void on_go(void *arg)
{
	struct keeper *k = arg;
	struct err e = { 0 };

	if (k->sm.at != K_WAITING || !k->conf || k->exit_status)
		return;
	keeper_watch_disk(k);
	if (keeper_open_state(k, &e)) {
		give_up(k, &e);
		return;
	}
	if (catalogs_load(k, &e))
		log_info("keeper", "no catalog of an earlier run", "why=\"%s\"", e.msg);
	if (keeper_open_store(k, &e) || open_parts(k, &e)) {
		give_up(k, &e);
		return;
	}
	serve(k);
}

static void on_conf(void *arg, int fd)
{
	struct keeper *k = arg;
	struct err e = { 0 };

	if (k->conf) {
		/* A new configuration is taken by starting anew: the supervisor restarts us, and nobody notices. */
		log_info("keeper", "new configuration: restarting", "%s", "");
		uv_stop(&k->loop);
		return;
	}
	if (keeper_read_conf(k, fd, &e)) {
		log_broken("keeper", "configuration", "why=\"%s\"", e.msg);
		k->exit_status = keeper_exit_status(&e);
		uv_stop(&k->loop);
	}
}

static void on_listener(void *arg, enum listener_kind kind, struct span address)
{
	struct keeper *k = arg;
	struct keeper_listener *l = &k->listener[k->listeners];

	if (k->listeners == LISTENERS_MAX)
		return;
	l->kind = kind;
	snprintf(l->address, sizeof l->address, "%.*s", (int)address.n, (const char *)address.p);
	k->listeners++;
}

static void on_stop(void *arg)
{
	struct keeper *k = arg;

	uv_stop(&k->loop);
}

int keeper_run(int sup_fd)
{
	autofree struct keeper *k = calloc(1, sizeof *k);
	struct sup_owner owner = { on_conf, on_listener, on_peer, on_go, on_stop, k };
	struct err e = { 0 };

	if (!k || uv_loop_init(&k->loop) < 0)
		return SUP_EXIT_LATER;
	json_budget_install();
	k->clock = clock_system();
	k->started_mono_ms = clock_mono_ms(k->clock);
	k->state_dir = k->server_fd = k->entryfiles.dir = -1;
	sm_init(&k->sm, "keeper", table, K_WAITING);
	list_init(&k->adopting);
	uv_timer_init(&k->loop, &k->housekeeping);
	uv_timer_init(&k->loop, &k->settling);
	k->housekeeping.data = k->settling.data = k;
	if (sup_open_take(&k->sup, &k->loop, sup_fd, owner, &e)) {
		log_broken("keeper", "no supervisor", "why=\"%s\"", e.msg);
		return SUP_EXIT_LATER;
	}
	uv_run(&k->loop, UV_RUN_DEFAULT);
	sm_move(&k->sm, K_STOPPING);
	keeper_close_all(k);
	uv_run(&k->loop, UV_RUN_DEFAULT);
	return uv_loop_close(&k->loop) < 0 ? 1 : k->exit_status;
}
