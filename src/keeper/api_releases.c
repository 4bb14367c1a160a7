/* api_releases.c: /releases and the operator's words on them. */
#include "base/cleanup.h"
#include "keeper/api.h"
#include "keeper/js.h"
#include "keeper/keeper.h"
#include "store/releases.h"

#include <inttypes.h>
#include <stdio.h>

static json_t *hardware_json(const struct release_facts *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->hardware_n; i++)
		js_append(list, js_str(f->hardware[i]));
	return list;
}

static json_t *signers_json(const struct release_facts *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->signers; i++)
		js_append(list, js_hex(SPAN_OF(f->signer[i])));
	return list;
}

static json_t *times_json(const struct release_row *row)
{
	json_t *o = json_object();

	for (unsigned s = 0; s < RELEASE_STATES; s++)
		if (row->times_ms[s])
			js_set(o, release_state_name((enum release_state)s), js_time(row->times_ms[s]));
	return o;
}

static json_t *fetch_json(struct keeper *k, const struct release_row *row)
{
	struct fetch_progress p;
	json_t *o;

	if (!row->has_facts || !fetcher_progress(&k->fetcher, &row->facts.sha256, &p))
		return json_null();
	o = json_object();
	js_set(o, "bytes", js_u64(p.verified));
	js_set(o, "total", js_u64(p.total));
	js_set(o, "source", js_str(p.source));
	return o;
}

static const char *format_of(struct keeper *k, const struct release_row *row, struct image_row *image)
{
	if (images_get(k->store, &row->facts.sha256, image, NULL))
		image->format[0] = '\0';
	return image->format;
}

static void set_facts(struct keeper *k, json_t *o, const struct release_row *row)
{
	const struct release_facts *f = &row->facts;
	bool has = row->has_facts;
	struct image_row image;

	js_set(o, "channel", has ? js_str(f->channel) : json_null());
	js_set(o, "version", has ? js_str(f->version) : json_null());
	js_set(o, "description", has && f->description_len ? js_text(SPAN(f->description, f->description_len)) : json_null());
	js_set(o, "format", has ? js_str(format_of(k, row, &image)) : json_null());
	js_set(o, "size", has ? js_u64(f->size) : json_null());
	js_set(o, "sha256", has ? js_hex(SPAN_OF(f->sha256)) : json_null());
	js_set(o, "cid", has ? js_str(f->cid) : json_null());
	js_set(o, "signers", signers_json(f));
	js_set(o, "urgent", has ? js_bool(f->urgent) : json_null());
	js_set(o, "hardware", hardware_json(f));
	js_set(o, "from_sequence", has ? js_u64_or_null(f->from_sequence) : json_null());
}

static json_t *release_json(struct keeper *k, const struct release_row *row)
{
	const struct ledger_product *p = ledger_find(&k->ledger, &row->product);
	json_t *o = json_object();

	js_set(o, "product", js_str(p ? p->name : NULL));
	js_set(o, "sequence", js_u64(row->sequence));
	js_set(o, "state", js_str(release_state_name(row->state)));
	js_set(o, "why", js_str(row->why));
	set_facts(k, o, row);
	js_set(o, "block", js_u64(row->block));
	js_set(o, "tx", js_0x(SPAN_OF(row->tx)));
	js_set(o, "published_at", js_time((int64_t)row->published_at * 1000));
	js_set(o, "times", times_json(row));
	js_set(o, "fetch", fetch_json(k, row));
	return o;
}

/* --- the list --- */

struct listing {
	struct keeper *k;
	json_t *items;
	struct hash32 last_product;
	uint64_t last_sequence;
};

static int list_release(void *arg, const struct release_row *row, struct err *e)
{
	struct listing *l = arg;

	(void)e;
	js_append(l->items, release_json(l->k, row));
	l->last_product = row->product;
	l->last_sequence = row->sequence;
	return ERR_OK;
}

/* A cursor is "VENDOR/MODEL:SEQUENCE": the last one that was listed. */
static bool read_after(struct keeper *k, struct span text, struct release_query *q)
{
	const uint8_t *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
	const struct ledger_product *p;

	if (!colon)
		return false;
	p = ledger_find_name(&k->ledger, SPAN(text.p, (size_t)(colon - text.p)));
	if (!p || route_u64(span_cut(text, (size_t)(colon - text.p) + 1, text.n), &q->after_sequence, NULL))
		return false;
	q->after_product = &p->id;
	return true;
}

static bool read_query(struct keeper *k, const struct api_call *c, struct api_reply *r, struct release_query *q)
{
	struct span product = route_value(&c->query, "product"), state = route_value(&c->query, "state"),
		    after = route_value(&c->query, "after");
	const struct ledger_product *p = product.p ? ledger_find_name(&k->ledger, product) : NULL;
	enum release_state want;
	struct err e = { 0 };

	if (product.p && !p) {
		api_problem(r, 404, "product", "no such product is followed here");
		return false;
	}
	if (state.p && release_state_read(state, &want, &e)) {
		api_problem(r, 400, "state", "%s", e.msg);
		return false;
	}
	if (after.p && !read_after(k, after, q)) {
		api_problem(r, 400, "after", "after: not a cursor from `next`");
		return false;
	}
	q->product = p ? &p->id : NULL;
	q->states = state.p ? 1u << want : 0;
	return api_limit(c, r, &q->limit);
}

static json_t *next_cursor(const struct listing *l, uint32_t limit)
{
	const struct ledger_product *p = ledger_find(&l->k->ledger, &l->last_product);
	char text[PRODUCT_NAME_MAX + 32];

	if (json_array_size(l->items) < limit || !p)
		return json_null();
	snprintf(text, sizeof text, "%s:%" PRIu64, p->name, l->last_sequence);
	return js_str(text);
}

void api_releases(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct listing l = { .k = k };
	struct release_query q = { .limit = 0 };
	struct err e = { 0 };

	if (!read_query(k, c, r, &q))
		return;
	l.items = json_array();
	if (releases_each(k->store, &q, list_release, &l, &e)) {
		json_decref(l.items);
		api_fail(r, &e);
		return;
	}
	api_list(r, l.items, next_cursor(&l, q.limit));
}

/* --- one --- */

static bool find_release(struct keeper *k, const struct api_call *c, struct api_reply *r, struct ledger_product **p, struct release_row *row)
{
	uint64_t sequence;
	struct err e = { 0 };

	*p = api_find_product(k, c, r);
	if (!*p)
		return false;
	if (route_u64(c->match.part[2], &sequence, &e)) {
		api_problem(r, 400, "sequence", "sequence: %s", e.msg);
		return false;
	}
	if (releases_get(k->store, &(*p)->id, sequence, row, &e)) {
		api_fail(r, &e);
		return false;
	}
	return true;
}

void api_release(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct ledger_product *p;
	struct release_row row;

	if (find_release(k, c, r, &p, &row))
		api_ok(r, release_json(k, &row));
}

static int write_decision(struct keeper *k, const struct api_call *c, const struct ledger_product *p, uint64_t sequence,
			  enum release_decision decision, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(k->store);
	char subject[PRODUCT_NAME_MAX + 32];
	int rc = releases_decide(k->store, &p->id, sequence, decision, clock_wall_ms(k->clock), e);

	snprintf(subject, sizeof subject, "%s %" PRIu64, p->name, sequence);
	if (!rc)
		rc = keeper_audit(k, c, decision == RELEASE_APPROVED ? "release.approve" : "release.hold", subject, "", e);
	return rc ? rc : store_commit(&tx, e);
}

static void decide(struct keeper *k, const struct api_call *c, struct api_reply *r, enum release_decision decision)
{
	struct ledger_product *p;
	struct release_row row;
	struct err e = { 0 };

	if (!find_release(k, c, r, &p, &row))
		return;
	if (row.state == RELEASE_REJECTED || row.state == RELEASE_REVOKED) {
		api_problem(r, 409, NULL, "the release is %s: %s", release_state_name(row.state), row.why);
		return;
	}
	if (write_decision(k, c, p, row.sequence, decision, &e)) {
		api_fail(r, &e);
		return;
	}
	ledger_mark(&k->ledger, p);
	keeper_settle(k);
	api_release(k, c, r);
}

void api_approve(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	decide(k, c, r, RELEASE_APPROVED);
}

void api_hold(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	decide(k, c, r, RELEASE_HELD_BY_OPERATOR);
}

void api_refetch(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct ledger_product *p;
	struct release_row row;
	char subject[PRODUCT_NAME_MAX + 32];
	struct err e = { 0 };

	if (!find_release(k, c, r, &p, &row))
		return;
	if (!row.has_facts || row.state == RELEASE_REVOKED || row.image_is_wrong) {
		api_problem(r, 409, NULL, "the release is %s and is not fetched: %s", release_state_name(row.state), row.why);
		return;
	}
	snprintf(subject, sizeof subject, "%s %" PRIu64, p->name, row.sequence);
	if (keeper_audit(k, c, "release.refetch", subject, "", &e) || keeper_refetch(k, p, &row, &e)) {
		api_fail(r, &e);
		return;
	}
	ledger_mark(&k->ledger, p);
	keeper_settle(k);
	api_release(k, c, r);
}
