/* api_products.c: /products and the operator's words on them. */
#include "base/cleanup.h"
#include "formats/suit.h"
#include "keeper/api.h"
#include "keeper/js.h"
#include "keeper/keeper.h"
#include "store/releases.h"

#include <stdio.h>

static const char *alg_name(enum sig_curve curve)
{
	static const struct { enum sig_curve curve; const char *name; } names[] = {
		{ SIG_P256, "ES256" }, { SIG_ED25519, "EdDSA" }, { SIG_SECP256K1, "ES256K" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].curve == curve)
			return names[i].name;
	return "";
}

static json_t *signers_json(const struct product_signers *set)
{
	struct suit_signers signers = { .threshold = set->threshold };
	json_t *list = json_array();

	for (size_t i = 0; i < set->n; i++) {
		const struct suit_signer *s;
		json_t *o = json_object();

		if (suit_signers_add(&signers, SPAN(set->key[i], set->key_len[i]), NULL))
			break;
		s = &signers.signer[i];
		js_set(o, "thumbprint", js_hex(SPAN_OF(s->thumbprint)));
		js_set(o, "alg", js_str(s->is_usable ? alg_name(s->key.curve) : NULL));
		js_append(list, o);
	}
	return list;
}

static int note_active(void *arg, const struct release_row *r, struct err *e)
{
	json_t *channels = arg, *known = json_object_get(channels, r->facts.channel);

	(void)e;
	if (known)
		js_set(known, "active", js_u64(r->sequence));
	return ERR_OK;
}

static int channels_json(struct keeper *k, const struct ledger_product *p, json_t **out, struct err *e)
{
	struct release_query q = { .product = &p->id, .states = 1u << RELEASE_ACTIVE };
	json_t *channels = json_object();

	for (size_t i = 0; i < p->follow->channels_n; i++) {
		json_t *o = json_object();

		js_set(o, "active", json_null());
		js_set(channels, p->follow->channels[i], o);
	}
	*out = channels;
	return releases_each(k->store, &q, note_active, channels, e);
}

static json_t *proven_json(const struct proof_mark *m)
{
	json_t *o;

	if (m->number == 0)
		return json_null();
	o = json_object();
	js_set(o, "number", js_u64(m->number));
	js_set(o, "hash", js_0x(SPAN_OF(m->hash)));
	js_set(o, "time", js_time((int64_t)m->time * 1000));
	return o;
}

static json_t *alarms_json(struct keeper *k, const char *subject)
{
	json_t *list = json_array();

	for (size_t i = 0; i < k->alarms.n; i++)
		if (!strcmp(k->alarms.at[i].subject, subject))
			js_append(list, js_str(k->alarms.at[i].code));
	return list;
}

static int product_json(struct keeper *k, const struct ledger_product *p, json_t **out, struct err *e)
{
	struct product_row row;
	json_t *o, *channels = NULL;
	int rc = products_get(k->store, &p->id, &row, e);

	if (!rc)
		rc = channels_json(k, p, &channels, e);
	if (rc) {
		json_decref(channels);
		return rc;
	}
	o = json_object();
	js_set(o, "product", js_str(p->name));
	js_set(o, "id", js_0x(SPAN_OF(p->id)));
	js_set(o, "registrant", js_0x(SPAN_OF(row.registrant)));
	js_set(o, "owner", row.entries ? js_0x(SPAN_OF(row.owner)) : json_null());
	js_set(o, "threshold", js_u64_or_null(row.signers.threshold));
	js_set(o, "signers", signers_json(&row.signers));
	js_set(o, "head", js_0x(SPAN_OF(row.head)));
	js_set(o, "sequence", js_u64(row.sequence));
	js_set(o, "floor", js_u64(row.floor));
	js_set(o, "entries", js_u64(row.entries));
	js_set(o, "last_block", js_u64_or_null(row.last_block));
	js_set(o, "channels", channels);
	js_set(o, "policy", js_str(p->follow->needs_approval ? "approve" : "auto"));
	js_set(o, "proven", proven_json(&p->proven));
	js_set(o, "freshness", js_str(keeper_freshness(k, p)));
	js_set(o, "trust", js_str(catalog_trust_name(keeper_trust_in(k, p))));
	js_set(o, "pinned", js_bool(row.is_pinned));
	js_set(o, "alarms", alarms_json(k, p->name));
	*out = o;
	return ERR_OK;
}

void api_products(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	json_t *items = json_array();
	struct err e = { 0 };

	(void)c;
	for (size_t i = 0; i < k->ledger.products; i++) {
		json_t *o = NULL;

		if (product_json(k, k->ledger.product[i], &o, &e)) {
			json_decref(items);
			api_fail(r, &e);
			return;
		}
		js_append(items, o);
	}
	api_list(r, items, json_null());
}

struct ledger_product *api_find_product(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	char name[PRODUCT_NAME_MAX + 1];
	int n = snprintf(name, sizeof name, "%.*s/%.*s", (int)c->match.part[0].n, (const char *)c->match.part[0].p,
			 (int)c->match.part[1].n, (const char *)c->match.part[1].p);
	struct ledger_product *p = n < (int)sizeof name ? ledger_find_name(&k->ledger, span_str(name)) : NULL;

	if (!p)
		api_problem(r, 404, "product", "no such product is followed here");
	return p;
}

void api_product(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct ledger_product *p = api_find_product(k, c, r);
	struct err e = { 0 };
	json_t *o = NULL;

	if (!p)
		return;
	if (product_json(k, p, &o, &e))
		api_fail(r, &e);
	else
		api_ok(r, o);
}

/* Which set would be accepted: the one in force, walked from the entries. */
static int accept_current(struct keeper *k, const struct api_call *c, struct ledger_product *p, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(k->store);
	struct hash32 set_id;
	int rc = ledger_current_set(&k->ledger, p, &set_id, e);

	if (!rc)
		rc = products_accept_set(k->store, &p->id, &set_id, clock_wall_ms(k->clock), e);
	if (!rc)
		rc = keeper_audit(k, c, "signers.accept", p->name, "", e);
	return rc ? rc : store_commit(&tx, e);
}

void api_accept_signers(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct ledger_product *p = api_find_product(k, c, r);
	struct err e = { 0 };

	if (!p)
		return;
	if (accept_current(k, c, p, &e)) {
		api_fail(r, &e);
		return;
	}
	ledger_mark(&k->ledger, p);
	keeper_settle(k);
	api_product(k, c, r);
}

static int write_pinned(struct keeper *k, const struct api_call *c, const struct ledger_product *p, bool pinned, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(k->store);
	int rc = products_set_pinned(k->store, &p->id, pinned, e);

	if (!rc)
		rc = keeper_audit(k, c, pinned ? "product.pin" : "product.unpin", p->name, "", e);
	return rc ? rc : store_commit(&tx, e);
}

static void set_pinned(struct keeper *k, const struct api_call *c, struct api_reply *r, bool pinned)
{
	struct ledger_product *p = api_find_product(k, c, r);
	struct err e = { 0 };

	if (!p)
		return;
	if (write_pinned(k, c, p, pinned, &e))
		api_fail(r, &e);
	else
		api_product(k, c, r);
}

void api_pin(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	set_pinned(k, c, r, true);
}

void api_unpin(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	set_pinned(k, c, r, false);
}
