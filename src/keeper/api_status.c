/* api_status.c: /status, /providers, /sources, /alarms, health. */
#include "base/cleanup.h"
#include "keeper/api.h"
#include "keeper/js.h"
#include "keeper/keeper.h"
#include "store/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *block_json(const struct block_ref *b)
{
	json_t *o;

	if (b->number == 0)
		return json_null();
	o = json_object();
	js_set(o, "number", js_u64(b->number));
	js_set(o, "hash", js_0x(SPAN_OF(b->hash)));
	js_set(o, "time", js_time((int64_t)b->time * 1000));
	return o;
}

static json_t *verified_json(struct keeper *k)
{
	struct block_ref b = { 0 };
	const struct proof_mark *worst = keeper_worst_proof(k);
	json_t *o;

	if (!worst)
		return json_null();
	b.number = worst->number;
	b.hash = worst->hash;
	b.time = worst->time;
	o = block_json(&b);
	js_set(o, "age_s", js_u64(keeper_age_s(k, worst)));
	return o;
}

static uint64_t count_proven(const struct keeper *k)
{
	uint64_t n = 0;

	for (size_t i = 0; i < k->ledger.products; i++)
		n += k->ledger.product[i]->proven.number != 0;
	return n;
}

static json_t *chain_json(struct keeper *k)
{
	struct follower_info info = { 0 };
	json_t *o = json_object();

	chain_info(&k->chain, &info);
	js_set(o, "chain_id", js_u64(k->conf->chain.chain_id));
	js_set(o, "registry", js_0x(SPAN_OF(k->conf->chain.registry)));
	js_set(o, "head", block_json(&info.recent));
	js_set(o, "finalized", block_json(&info.anchor));
	js_set(o, "verified", verified_json(k));
	js_set(o, "products_followed", js_u64(k->ledger.products));
	js_set(o, "products_proven", js_u64(count_proven(k)));
	js_set(o, "doing", js_str(info.doing));
	return o;
}

/* A time of the follower's, as people read it; 0 is null. */
static json_t *mono_time(const struct keeper *k, int64_t mono_ms)
{
	return mono_ms ? js_time(clock_wall_ms(k->clock) + mono_ms - clock_mono_ms(k->clock)) : json_null();
}

static json_t *quarantine_json(const struct keeper *k, const struct follower_provider_info *p)
{
	json_t *o;

	if (!p->quarantine)
		return json_null();
	o = json_object();
	js_set(o, "why", js_str(p->quarantine));
	js_set(o, "since", mono_time(k, p->quarantined_ms));
	js_set(o, "next_probe", mono_time(k, p->retry_at_ms));
	js_set(o, "agreements", js_u64(p->agreements));
	js_set(o, "agreements_needed", js_u64(QUARANTINE_AGREEMENTS));
	return o;
}

/* How many of its answers were of each class. */
static json_t *answers_json(const struct follower_provider_info *p)
{
	json_t *o = json_object();

	for (int class = 0; class < RPC_CLASSES; class++)
		js_set(o, rpc_class_name(class), js_u64(p->answers[class]));
	return o;
}

static json_t *provider_json(struct keeper *k, size_t i)
{
	struct follower_provider_info p;
	json_t *o = json_object();

	chain_provider(&k->chain, i, &p);
	js_set(o, "name", js_str(p.name));
	js_set(o, "operator", js_str(p.operator));
	js_set(o, "state", js_str(provider_state_name(p.state)));
	js_set(o, "why", js_str(p.quarantine ? p.quarantine : p.state == PROVIDER_OK ? NULL : p.last_error));
	js_set(o, "height", js_u64_or_null(p.latest.number));
	js_set(o, "finalized", js_u64_or_null(p.final.number));
	js_set(o, "availability", json_real(p.availability));
	js_set(o, "honesty", json_real(p.honesty));
	js_set(o, "quarantine", quarantine_json(k, &p));
	js_set(o, "retry_at", p.quarantine ? json_null() : mono_time(k, p.retry_at_ms));
	js_set(o, "contradictions", js_u64(p.contradictions));
	js_set(o, "answers", answers_json(&p));
	js_set(o, "calls_per_s_max", json_real(p.rate));
	js_set(o, "has_headers", js_bool(p.has_lean));
	js_set(o, "calls", js_u64(p.calls));
	js_set(o, "bytes", js_u64(p.bytes_in));
	js_set(o, "last_error", js_str(p.last_error));
	return o;
}

static json_t *providers_json(struct keeper *k)
{
	json_t *list = json_array();

	for (size_t i = 0; i < chain_providers(&k->chain); i++)
		js_append(list, provider_json(k, i));
	return list;
}

static json_t *sources_json(struct keeper *k)
{
	int64_t now = clock_mono_ms(k->clock);
	json_t *list = json_array();

	for (size_t i = 0; i < k->fetcher.sources; i++) {
		const struct fetch_source *s = &k->fetcher.source[i];
		json_t *o = json_object();

		js_set(o, "name", js_str(s->name));
		js_set(o, "kind", js_str(source_kind_name(s->source.kind)));
		js_set(o, "state", js_str(fetch_source_state(s, now)));
		js_set(o, "score", js_u64(fetch_source_score(s, now)));
		js_set(o, "rate", js_u64_or_null(s->rate));
		js_set(o, "first_byte_ms", s->rate ? json_integer(s->first_byte_ms) : json_null());
		js_set(o, "bytes", js_u64(s->bytes));
		js_set(o, "bad_blocks", js_u64(s->bad_blocks));
		js_set(o, "successes", js_u64(s->successes));
		js_set(o, "failures", js_u64(s->failures));
		js_set(o, "last_error", js_str(s->last_error));
		js_append(list, o);
	}
	return list;
}

static json_t *alarms_json(struct keeper *k)
{
	json_t *list = json_array();

	for (size_t i = 0; i < k->alarms.n; i++) {
		const struct alarm *a = &k->alarms.at[i];
		json_t *o = json_object();

		js_set(o, "code", js_str(a->code));
		js_set(o, "since", js_time(a->since_ms));
		js_set(o, "subject", js_str(a->subject));
		js_set(o, "detail", js_str(a->detail));
		js_append(list, o);
	}
	return list;
}

static json_t *store_json(struct keeper *k)
{
	struct images_totals totals = { 0 };
	struct space space = { 0 };
	json_t *o = json_object();

	if (images_totals(k->store, &totals, NULL) == ERR_OK &&
	    space_read(k->state_dir, k->conf->cache.size, totals.bytes, &space, NULL) == ERR_OK) {
		js_set(o, "images", js_u64(totals.count));
		js_set(o, "bytes", js_u64(totals.bytes));
		js_set(o, "quota_bytes", js_u64(space.quota_bytes));
		js_set(o, "free_bytes", js_u64(space.free_bytes));
		js_set(o, "damaged_images", js_u64(totals.damaged));
		js_set(o, "oldest_verified", js_time(totals.verified_ms));
	}
	js_set(o, "degraded", js_bool(!degraded_is_fine(&k->degraded)));
	js_set(o, "detail", js_str(k->degraded.why));
	return o;
}

static json_t *listeners_json(struct keeper *k)
{
	static const char *const names[] = { "http", "coap", "operator" };
	static const enum listener_kind kinds[] = { LISTENER_HTTP, LISTENER_COAP, LISTENER_OPERATOR };
	json_t *o = json_object();

	for (size_t i = 0; i < 3; i++) {
		json_t *list = json_array();

		for (size_t n = 0; n < k->listeners; n++)
			if (k->listener[n].kind == kinds[i])
				js_append(list, js_str(k->listener[n].address));
		js_set(o, names[i], list);
	}
	return o;
}

static json_t *server_json(const struct keeper *k)
{
	json_t *o = json_object();

	js_set(o, "http_requests", js_u64(k->served.http_requests));
	js_set(o, "coap_requests", js_u64(k->served.coap_requests));
	js_set(o, "devices", js_u64(k->served.devices));
	js_set(o, "bytes", js_u64(k->served.bytes));
	js_set(o, "connected", js_bool(seqsock_is_open(&k->server)));
	return o;
}

static json_t *sandbox_json(const struct keeper *k)
{
	json_t *o = json_object();

	js_set(o, "landlock_abi", js_u64((uint64_t)k->sandbox.landlock_abi));
	js_set(o, "seccomp", js_bool(k->sandbox.seccomp));
	return o;
}

static json_t *audit_json(struct keeper *k)
{
	struct hash32 hash;
	uint64_t n = 0;
	json_t *o = json_object();

	if (audit_newest(k->store, &n, &hash, NULL) == ERR_OK) {
		js_set(o, "records", js_u64(n));
		js_set(o, "newest", js_0x(SPAN_OF(hash)));
	}
	return o;
}

void api_status(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	json_t *o = json_object();

	(void)c;
	js_set(o, "version", js_str(GATEPOST_VERSION));
	js_set(o, "name", js_str(k->conf->gateway.name));
	js_set(o, "uptime_s", js_u64((uint64_t)((clock_mono_ms(k->clock) - k->started_mono_ms) / 1000)));
	js_set(o, "freshness", js_str(keeper_freshness(k, NULL)));
	js_set(o, "trust", js_str(keeper_trust(k)));
	js_set(o, "listeners", listeners_json(k));
	js_set(o, "chain", chain_json(k));
	js_set(o, "providers", providers_json(k));
	js_set(o, "sources", sources_json(k));
	js_set(o, "store", store_json(k));
	js_set(o, "server", server_json(k));
	js_set(o, "sandbox", sandbox_json(k));
	js_set(o, "clock", js_str(clock_state_name(clock_state(k->clock))));
	js_set(o, "audit", audit_json(k));
	js_set(o, "alarms", alarms_json(k));
	api_ok(r, o);
}

void api_providers(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	(void)c;
	api_list(r, providers_json(k), json_null());
}

void api_sources(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	(void)c;
	api_list(r, sources_json(k), json_null());
}

void api_alarms(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	(void)c;
	api_list(r, alarms_json(k), json_null());
}

static int unlatch(struct keeper *k, const struct api_call *c, const char *code, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(k->store);
	int rc = mark_unlatch(k->store, code, e);

	if (!rc)
		rc = keeper_audit(k, c, "alarm.clear", code, "", e);
	return rc ? rc : store_commit(&tx, e);
}

void api_alarm_clear(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	char code[32];
	struct err e = { 0 };

	snprintf(code, sizeof code, "%.*s", (int)c->match.part[0].n, (const char *)c->match.part[0].p);
	if (!alarms_has(&k->alarms, c->match.part[0])) {
		api_problem(r, 404, "code", "no alarm of this code");
		return;
	}
	if (unlatch(k, c, code, &e) || alarms_clear(&k->alarms, c->match.part[0], &e)) {
		api_fail(r, &e);
		return;
	}
	if (!strcmp(code, follower_alarm_code(ALARM_ANCHOR_CONFLICT)))
		chain_clear_conflict(&k->chain);
	api_alarms(k, c, r);
}

void api_healthz(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	json_t *o = json_object();

	(void)k;
	(void)c;
	js_set(o, "status", js_str("ok"));
	api_ok(r, o);
}

/* Ready: a catalog went out, so that devices are answered. */
void api_readyz(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	if (k->catalogs.generation == 0)
		api_problem(r, 503, NULL, "no catalog has been built yet");
	else
		api_healthz(k, c, r);
}

static void metric(struct buf *b, const char *name, const char *kind, const char *help, uint64_t value)
{
	buf_fmt(b, "# HELP gatepost_%s %s\n# TYPE gatepost_%s %s\ngatepost_%s %" PRIu64 "\n", name, help, name, kind, name, value);
}

void api_metrics(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct buf b = BUF_INIT(API_ANSWER_MAX);
	struct images_totals totals = { 0 };
	const struct proof_mark *worst = keeper_worst_proof(k);
	struct err e = { 0 };

	(void)c;
	metric(&b, "http_requests_total", "counter", "HTTP requests answered.", k->served.http_requests);
	metric(&b, "coap_requests_total", "counter", "CoAP requests answered.", k->served.coap_requests);
	metric(&b, "sent_bytes_total", "counter", "Firmware bytes sent to devices.", k->served.bytes);
	metric(&b, "alarms", "gauge", "Alarms now.", k->alarms.n);
	metric(&b, "products_followed", "gauge", "Products followed.", k->ledger.products);
	metric(&b, "products_proven", "gauge", "Products with a final proof.", count_proven(k));
	if (worst)
		metric(&b, "proof_age_seconds", "gauge", "Age of the oldest product's last proof.", keeper_age_s(k, worst));
	if (images_totals(k->store, &totals, NULL) == ERR_OK) {
		metric(&b, "images", "gauge", "Images in the cache.", totals.count);
		metric(&b, "image_bytes", "gauge", "Bytes of images on disk.", totals.bytes);
		metric(&b, "images_damaged", "gauge", "Images that wait for a repair, of themselves or of the blocks beside them.", totals.damaged);
		metric(&b, "chunks_damaged", "gauge", "Chunks known to be damaged.", totals.damaged_chunks);
		if (totals.verified_ms)
			metric(&b, "oldest_verified_timestamp_seconds", "gauge", "When the image was read whole that was read longest ago.",
			       (uint64_t)totals.verified_ms / 1000);
	}
	metric(&b, "scrubbed_images_total", "counter", "Images read whole by the scrubber.", k->scrubber.counts.images);
	metric(&b, "scrubbed_bytes_total", "counter", "Bytes of them.", k->scrubber.counts.bytes);
	metric(&b, "scrub_found_total", "counter", "Images that the scrubber found damaged, with or without the files beside them.",
	       k->scrubber.counts.damaged_images + k->scrubber.counts.lost_sums + k->scrubber.counts.lost_dags);
	metric(&b, "degraded", "gauge", "1 while the disk keeps the gateway from storing.", !degraded_is_fine(&k->degraded));
	buf_byte(&b, '\0');
	if (buf_ok(&b, &e)) {
		buf_free(&b);
		api_fail(r, &e);
		return;
	}
	r->status = 200;
	r->type = "text/plain; version=0.0.4; charset=utf-8";
	r->text = (char *)b.p;
}
