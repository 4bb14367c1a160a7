/* api_more.c: images, devices, the audit log, tokens. */
#include "base/hex.h"
#include "base/cleanup.h"
#include "chain/entry.h"
#include "keeper/api.h"
#include "keeper/js.h"
#include "keeper/keeper.h"
#include "store/audit.h"
#include "store/devices.h"

#include <inttypes.h>
#include <stdio.h>

/* --- images --- */

static json_t *damage_json(struct keeper *k, const struct image_row *i)
{
	uint32_t chunk[64];
	size_t n = 0;
	json_t *list = json_array();

	if (images_damage(k->store, &i->sha256, chunk, sizeof chunk / sizeof *chunk, &n, NULL) == ERR_OK)
		for (size_t at = 0; at < n; at++)
			js_append(list, js_u64(chunk[at]));
	return list;
}

static json_t *image_json(struct keeper *k, const struct image_row *i)
{
	json_t *o = json_object();

	js_set(o, "sha256", js_hex(SPAN_OF(i->sha256)));
	js_set(o, "size", js_u64(i->size));
	js_set(o, "cid", js_str(i->cid));
	js_set(o, "state", js_str(image_state_name(i->state)));
	js_set(o, "since", js_time(i->since_ms));
	js_set(o, "format", js_str(i->format));
	js_set(o, "last_wanted", js_time(i->wanted_ms));
	js_set(o, "last_verified", js_time(i->verified_ms));
	js_set(o, "served_bytes", js_u64(i->served_bytes));
	js_set(o, "sums_sha256", i->verified_ms ? js_hex(SPAN_OF(i->digests.sums)) : json_null());
	js_set(o, "damaged_chunks", damage_json(k, i));
	js_set(o, "blocks_lost", js_bool(i->is_dag_lost));
	return o;
}

struct listing {
	struct keeper *k;
	json_t *items;
	char last[DEVICE_ID_MAX + 80];
};

static int list_image(void *arg, const struct image_row *i, struct err *e)
{
	struct listing *l = arg;

	(void)e;
	hex_str(SPAN_OF(i->sha256), l->last);
	return json_array_append_new(l->items, image_json(l->k, i)) ? ERR_MEMORY : ERR_OK;
}

static void finish_list(struct listing *l, int rc, const struct err *e, uint32_t limit, struct api_reply *r)
{
	if (rc) {
		json_decref(l->items);
		api_fail(r, e);
		return;
	}
	api_list(r, l->items, json_array_size(l->items) < limit ? json_null() : js_str(l->last));
}

void api_images(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct span after = route_value(&c->query, "after");
	struct listing l = { .k = k };
	struct hash32 sha256;
	struct err e = { 0 };
	uint32_t limit;

	if (!api_limit(c, r, &limit))
		return;
	if (after.p && hex_read(after, sha256.b, sizeof sha256.b, &e)) {
		api_problem(r, 400, "after", "after: not a cursor from `next`");
		return;
	}
	l.items = json_array();
	finish_list(&l, images_each(k->store, 0, after.p ? &sha256 : NULL, limit, list_image, &l, &e), &e, limit, r);
}

void api_image(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct hash32 sha256;
	struct image_row i;
	struct err e = { 0 };

	if (hex_read(c->match.part[0], sha256.b, sizeof sha256.b, &e))
		api_problem(r, 400, "sha256", "sha256: %s", e.msg);
	else if (images_get(k->store, &sha256, &i, &e))
		api_fail(r, &e);
	else
		api_ok(r, image_json(k, &i));
}

/* --- devices --- */

static json_t *device_json(const struct device_row *d)
{
	json_t *o = json_object();

	js_set(o, "device", js_str(d->device));
	js_set(o, "product", js_str(d->product));
	js_set(o, "channel", js_str(d->channel));
	js_set(o, "version", js_str(d->version));
	js_set(o, "sequence", js_u64_or_null(d->sequence));
	js_set(o, "state", js_str(d->state));
	js_set(o, "reason", js_str(d->reason));
	js_set(o, "progress", d->progress <= 100 ? js_u64(d->progress) : json_null());
	js_set(o, "last_seen", js_time(d->last_seen_ms));
	js_set(o, "first_seen", js_time(d->first_seen_ms));
	js_set(o, "address", js_str(d->address));
	js_set(o, "protocol", js_str(d->protocol));
	js_set(o, "bytes", js_u64(d->bytes));
	js_set(o, "group", js_str(d->group));
	js_set(o, "listed", js_bool(d->is_listed));
	return o;
}

static int list_device(void *arg, const struct device_row *d, struct err *e)
{
	struct listing *l = arg;

	(void)e;
	snprintf(l->last, sizeof l->last, "%s", d->device);
	return json_array_append_new(l->items, device_json(d)) ? ERR_MEMORY : ERR_OK;
}

void api_devices(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct span product = route_value(&c->query, "product"), after = route_value(&c->query, "after");
	char name[PRODUCT_NAME_MAX + 1], from[DEVICE_ID_MAX + 1];
	struct listing l = { .k = k };
	struct err e = { 0 };
	uint32_t limit;

	if (!api_limit(c, r, &limit))
		return;
	snprintf(name, sizeof name, "%.*s", (int)product.n, (const char *)product.p);
	snprintf(from, sizeof from, "%.*s", (int)after.n, (const char *)after.p);
	l.items = json_array();
	finish_list(&l, devices_each(k->store, product.p ? name : NULL, from, limit, list_device, &l, &e), &e, limit, r);
}

/* 1 to max bytes of letters, digits and these. */
static bool is_word(struct span s, const char *others, size_t max)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t ch = s.p[i];

		if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch && strchr(others, ch))))
			return false;
	}
	return s.n >= 1 && s.n <= max;
}

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_device_id(struct span s)
{
	return is_word(s, UPPER "._:-", DEVICE_ID_MAX);
}

static bool is_channel(struct span s)
{
	return is_word(s, "-", CHANNEL_MAX);
}

static bool device_id(const struct api_call *c, struct api_reply *r, char out[DEVICE_ID_MAX + 1])
{
	struct span id = c->match.part[0];

	if (!is_device_id(id)) {
		api_problem(r, 400, "device", "device: 1 to %d of A-Z a-z 0-9 . _ : -", DEVICE_ID_MAX);
		return false;
	}
	snprintf(out, DEVICE_ID_MAX + 1, "%.*s", (int)id.n, (const char *)id.p);
	return true;
}

void api_device(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	char id[DEVICE_ID_MAX + 1];
	struct device_row d;
	struct err e = { 0 };

	if (!device_id(c, r, id))
		return;
	if (devices_get(k->store, id, &d, &e))
		api_fail(r, &e);
	else
		api_ok(r, device_json(&d));
}

static const struct device_key {
	const char *key;
	bool (*is_valid)(struct span s);
	const char *rule;
} device_keys[] = {
	{ "product", product_name_is_valid, "must be vendor/model" },
	{ "channel", is_channel, "1 to 16 of a-z 0-9 -" },
	{ "group", is_device_id, "1 to 64 of A-Z a-z 0-9 . _ : -" },
};

/* null leaves a field as it is, "" empties it. */
static bool check_device_key(const char *key, const json_t *value, struct api_reply *r)
{
	const char *text = json_string_value(value);
	const struct device_key *d = NULL;

	for (size_t i = 0; i < sizeof device_keys / sizeof *device_keys; i++)
		if (!strcmp(device_keys[i].key, key))
			d = &device_keys[i];
	if (!d || !(text || json_is_null(value)))
		api_problem(r, 400, key, "%.40s: a device has product, channel and group, each a string", key);
	else if (text && *text && !d->is_valid(span_str(text)))
		api_problem(r, 400, key, "%s: %s", key, d->rule);
	else
		return true;
	return false;
}

static bool check_device_body(const struct api_call *c, struct api_reply *r)
{
	const char *key;
	json_t *value;

	json_object_foreach(c->body, key, value)
		if (!check_device_key(key, value, r))
			return false;
	return true;
}

static const char *text_of(const json_t *body, const char *key)
{
	return json_string_value(json_object_get(body, key));
}

/* An act and its line in the audit log are one transaction: neither survives without the other. */
static int put_device(struct keeper *k, const struct api_call *c, const char *id, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(k->store);
	int rc = devices_put(k->store, id, text_of(c->body, "product"), text_of(c->body, "channel"), text_of(c->body, "group"),
			     clock_wall_ms(k->clock), e);

	if (!rc)
		rc = keeper_audit(k, c, "device.put", id, "", e);
	return rc ? rc : store_commit(&tx, e);
}

static int delete_device(struct keeper *k, const struct api_call *c, const char *id, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(k->store);
	int rc = devices_delete(k->store, id, e);

	if (!rc)
		rc = keeper_audit(k, c, "device.delete", id, "", e);
	return rc ? rc : store_commit(&tx, e);
}

void api_device_put(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	char id[DEVICE_ID_MAX + 1];
	struct err e = { 0 };

	if (!device_id(c, r, id) || !check_device_body(c, r))
		return;
	if (put_device(k, c, id, &e))
		api_fail(r, &e);
	else
		api_device(k, c, r);
}

void api_device_delete(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	char id[DEVICE_ID_MAX + 1];
	struct err e = { 0 };

	if (!device_id(c, r, id))
		return;
	if (delete_device(k, c, id, &e)) {
		api_fail(r, &e);
		return;
	}
	r->status = 204;
	r->type = "application/json";
}

/* --- audit --- */

static int list_audit(void *arg, const struct audit_row *a, struct err *e)
{
	struct listing *l = arg;
	json_t *o = json_object();

	(void)e;
	js_set(o, "n", js_u64(a->n));
	js_set(o, "time", js_time(a->at_ms));
	js_set(o, "actor", js_str(a->actor));
	js_set(o, "address", js_str(a->address));
	js_set(o, "action", js_str(a->action));
	js_set(o, "subject", js_str(a->subject));
	js_set(o, "detail", js_str(a->detail));
	js_set(o, "hash", js_0x(SPAN_OF(a->hash)));
	snprintf(l->last, sizeof l->last, "%" PRIu64, a->n);
	return json_array_append_new(l->items, o) ? ERR_MEMORY : ERR_OK;
}

void api_audit(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct span after = route_value(&c->query, "after");
	struct listing l = { .k = k };
	struct err e = { 0 };
	uint64_t n = 0;
	uint32_t limit;

	if (!api_limit(c, r, &limit))
		return;
	if (after.p && route_u64(after, &n, &e)) {
		api_problem(r, 400, "after", "after: %s", e.msg);
		return;
	}
	l.items = json_array();
	finish_list(&l, audit_each(k->store, n, limit, list_audit, &l, &e), &e, limit, r);
}

/* --- tokens --- */

static json_t *token_json(const struct token *t)
{
	json_t *o = json_object();

	js_set(o, "name", js_str(t->name));
	js_set(o, "scope", js_str(token_scope_name(t->scope)));
	js_set(o, "made", js_time(t->made_ms));
	return o;
}

void api_tokens(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	json_t *items = json_array();
	const struct token *t;

	(void)c;
	for (size_t i = 0; (t = tokens_at(k->tokens, i)) != NULL; i++)
		js_append(items, token_json(t));
	api_list(r, items, json_null());
}

void api_token_new(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	const char *name = text_of(c->body, "name"), *scope_text = text_of(c->body, "scope");
	char text[TOKEN_TEXT_MAX];
	enum token_scope scope;
	struct err e = { 0 };
	json_t *o;

	if (!name || !scope_text) {
		api_problem(r, 400, name ? "scope" : "name", "a token needs a name and a scope");
		return;
	}
	if (token_scope_read(span_str(scope_text), &scope, &e) ||
	    tokens_new(k->tokens, span_str(name), scope, clock_wall_ms(k->clock), text, &e) ||
	    keeper_audit(k, c, "token.new", name, scope_text, &e)) {
		api_fail(r, &e);
		return;
	}
	o = json_object();
	js_set(o, "name", js_str(name));
	js_set(o, "scope", js_str(scope_text));
	js_set(o, "token", js_str(text));
	explicit_bzero(text, sizeof text);
	api_ok(r, o);
	r->status = 201;
}

void api_token_revoke(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	char name[TOKEN_NAME_MAX + 1];
	struct err e = { 0 };

	snprintf(name, sizeof name, "%.*s", (int)c->match.part[0].n, (const char *)c->match.part[0].p);
	if (tokens_revoke(k->tokens, c->match.part[0], &e) || keeper_audit(k, c, "token.revoke", name, "", &e)) {
		api_fail(r, &e);
		return;
	}
	r->status = 204;
	r->type = "application/json";
}
