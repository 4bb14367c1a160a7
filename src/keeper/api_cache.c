/* api_cache.c: the cache as a whole: what is in it, is it whole, and what may leave. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "keeper/api.h"
#include "keeper/js.h"
#include "keeper/keeper.h"

#include <inttypes.h>
#include <stdio.h>

/* --- what there is --- */

struct unneeded {
	uint64_t images, bytes;
};

static int add_unneeded(void *arg, const struct image_row *i, struct err *e)
{
	struct unneeded *u = arg;

	(void)e;
	u->images++;
	u->bytes += i->size;
	return ERR_OK;
}

static json_t *unneeded_json(const struct unneeded *u)
{
	json_t *o = json_object();

	js_set(o, "images", js_u64(u->images));
	js_set(o, "bytes", js_u64(u->bytes));
	return o;
}

static json_t *scrub_json(struct keeper *k, const struct images_totals *t)
{
	const struct scrubber *s = &k->scrubber;
	bool is_reading = s->sm.at == SCRUB_READING;
	json_t *o = json_object();

	js_set(o, "state", js_str(sm_name(&s->sm)));
	js_set(o, "image", is_reading ? js_hex(SPAN_OF(s->image.sha256)) : json_null());
	js_set(o, "interval_s", js_u64((uint64_t)(k->conf->cache.scrub_interval_ms / 1000)));
	js_set(o, "oldest_verified", js_time(t->verified_ms));
	js_set(o, "images_read", js_u64(s->counts.images));
	js_set(o, "bytes_read", js_u64(s->counts.bytes));
	js_set(o, "damaged_images", js_u64(s->counts.damaged_images));
	js_set(o, "damaged_chunks", js_u64(s->counts.damaged_chunks));
	js_set(o, "lost_digests", js_u64(s->counts.lost_sums));
	js_set(o, "lost_blocks", js_u64(s->counts.lost_dags));
	return o;
}

void api_cache(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct images_totals t;
	struct space space = { 0 };
	struct unneeded u = { 0 };
	struct err e = { 0 };
	json_t *o;

	(void)c;
	if (images_totals(k->store, &t, &e) || images_unneeded(k->store, INT64_MAX, add_unneeded, &u, &e) ||
	    space_read(k->state_dir, k->conf->cache.size, t.bytes, &space, &e)) {
		api_fail(r, &e);
		return;
	}
	o = json_object();
	js_set(o, "images", js_u64(t.count));
	js_set(o, "bytes", js_u64(t.bytes));
	js_set(o, "quota_bytes", js_u64(space.quota_bytes));
	js_set(o, "free_bytes", js_u64(space.free_bytes));
	js_set(o, "damaged_images", js_u64(t.damaged));
	js_set(o, "damaged_chunks", js_u64(t.damaged_chunks));
	js_set(o, "unneeded", unneeded_json(&u));
	js_set(o, "scrub", scrub_json(k, &t));
	js_set(o, "verify", verify_json(k->verify));
	api_ok(r, o);
}

/* --- is it whole? --- */

void api_verify(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	(void)c;
	if (k->verify)
		api_ok(r, verify_json(k->verify));
	else
		api_problem(r, 404, NULL, "the cache was not verified since the gateway's last start");
}

/* Who asks while one is under way waits for that one. */
void api_verify_new(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct verify *v;
	struct err e = { 0 };

	if (!verify_is_over(k->verify)) {
		api_ok(r, verify_json(k->verify));
		r->status = 202;
		return;
	}
	if (keeper_audit(k, c, "cache.verify", "cache", "", &e)) {
		api_fail(r, &e);
		return;
	}
	v = verify_new(k, k->verifies_begun + 1, true);
	if (!v) {
		api_problem(r, 503, NULL, "no memory to verify the cache");
		return;
	}
	k->verifies_begun++;
	verify_free(k->verify);
	k->verify = v;
	scrubber_hurry(&k->scrubber);
	api_ok(r, verify_json(v));
	r->status = 202;
}

/* --- what may leave --- */

struct purge {
	struct keeper *k;
	const struct hash32 *only;	/* NULL: all */
	int64_t before_ms;
	struct unneeded left;
	json_t *items;
};

static int purge_one(void *arg, const struct image_row *i, struct err *e)
{
	struct purge *p = arg;

	if (p->only && !hash32_eq(&i->sha256, p->only))
		return ERR_OK;
	p->left.images++;
	p->left.bytes += i->size;
	js_append(p->items, js_hex(SPAN_OF(i->sha256)));
	return images_set_state(p->k->store, &i->sha256, IMAGE_IS_EVICTING, clock_wall_ms(p->k->clock), e);
}

/* Why the one image that was named stays. */
static int refuse(struct purge *p, struct err *e)
{
	struct image_row i;
	int rc = images_get(p->k->store, p->only, &i, e);

	if (rc)
		return rc;
	if (i.state == IMAGE_IS_EVICTING)
		return err_set(e, ERR_RULE, "the image is leaving the cache already");
	if (i.state == IMAGE_IS_WANTED || i.state == IMAGE_IS_FETCHING)
		return err_set(e, ERR_RULE, "the image is not in the cache yet");
	if (i.wanted_ms >= p->before_ms)
		return err_set(e, ERR_RULE, "the image was wanted since then");
	return err_set(e, ERR_RULE, "the image is needed: its release is active, among the newest that are kept, of a pinned product, or what a rollout goes back to");
}

/* An act and its line in the audit log are one transaction. */
static int purge(struct purge *p, const struct api_call *c, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(p->k->store);
	char subject[65] = "cache", detail[120];
	int rc = images_unneeded(p->k->store, p->before_ms, purge_one, p, e);

	if (!rc && p->only && p->left.images == 0)
		rc = refuse(p, e);
	if (rc)
		return rc;
	if (p->only)
		hex_str(SPAN_OF(*p->only), subject);
	snprintf(detail, sizeof detail, "%" PRIu64 " images, %" PRIu64 " bytes", p->left.images, p->left.bytes);
	rc = keeper_audit(p->k, c, "cache.purge", subject, detail, e);
	return rc ? rc : store_commit(&tx, e);
}

static bool read_sha256(const json_t *value, struct hash32 *out, struct api_reply *r)
{
	const char *text = json_string_value(value);
	struct err e = { 0 };

	if (text && hex_read(span_str(text), out->b, sizeof out->b, &e) == ERR_OK)
		return true;
	api_problem(r, 400, "sha256", "sha256: 64 hex digits of one image");
	return false;
}

static bool read_age(struct keeper *k, const json_t *value, int64_t *before_ms, struct api_reply *r)
{
	json_int_t s = json_integer_value(value);

	if (!json_is_integer(value) || s < 0 || s > AGE_MAX_S) {
		api_problem(r, 400, "older_than_s", "older_than_s: 0 to %d seconds", AGE_MAX_S);
		return false;
	}
	*before_ms = clock_wall_ms(k->clock) - (int64_t)s * 1000;
	return true;
}

static bool read_purge(struct purge *p, const struct api_call *c, struct hash32 *sha256, struct api_reply *r)
{
	const char *key;
	json_t *value;

	json_object_foreach(c->body, key, value) {
		if (!strcmp(key, "sha256")) {
			if (!read_sha256(value, sha256, r))
				return false;
			p->only = sha256;
		} else if (strcmp(key, "older_than_s")) {
			api_problem(r, 400, key, "%.40s: a purge knows sha256 and older_than_s", key);
			return false;
		} else if (!read_age(p->k, value, &p->before_ms, r)) {
			return false;
		}
	}
	return true;
}

void api_purge(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct purge p = { .k = k, .before_ms = INT64_MAX };
	struct hash32 sha256;
	struct err e = { 0 };

	if (!read_purge(&p, c, &sha256, r))
		return;
	p.items = json_array();
	if (purge(&p, c, &e)) {
		json_decref(p.items);
		api_fail(r, &e);
		return;
	}
	keeper_settle_all(k);
	api_ok(r, unneeded_json(&p.left));
	js_set(r->body, "items", p.items);
}
