/* ledger.c: see ledger.h. Taking outputs; judging is in settle.c. */
#include "keeper/ledger.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "store/entries.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

bool ledger_follows_channel(const struct ledger_follow *f, const char *channel)
{
	for (size_t i = 0; i < f->channels_n; i++)
		if (!strcmp(f->channels[i], channel))
			return true;
	return false;
}

struct ledger_product *ledger_find(const struct ledger *l, const struct hash32 *id)
{
	size_t from = 0, to = l->products;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int order = hash32_cmp(&l->product[mid]->id, id);

		if (order == 0)
			return l->product[mid];
		if (order < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

struct ledger_product *ledger_find_name(const struct ledger *l, struct span name)
{
	struct table_cursor c;

	for (size_t at = table_first(&l->by_name, table_hash(name), &c); at != TABLE_NONE; at = table_next(&l->by_name, &c))
		if (span_is(name, l->named[at]->name))
			return l->named[at];
	return NULL;
}

void ledger_mark(struct ledger *l, struct ledger_product *p)
{
	(void)l;
	p->is_marked = p->has_releases = true;
}

void ledger_mark_all(struct ledger *l)
{
	for (size_t i = 0; i < l->products; i++)
		ledger_mark(l, l->product[i]);
}

static int mark_release(void *arg, const struct release_row *r, struct err *e)
{
	struct ledger *l = arg;
	struct ledger_product *p = ledger_find(l, &r->product);

	(void)e;
	if (p)
		ledger_mark(l, p);
	return ERR_OK;
}

int ledger_mark_image(struct ledger *l, const struct hash32 *sha256, struct err *e)
{
	return releases_each_of_image(l->store, sha256, mark_release, l, e);
}

static const struct ledger_follow *section_of(const struct ledger *l, const char *name)
{
	struct table_cursor c;
	uint32_t hash = table_hash(span_str(name));

	for (size_t at = table_first(&l->follow_by_name, hash, &c); at != TABLE_NONE; at = table_next(&l->follow_by_name, &c))
		if (!strcmp(l->follow[at].name, name))
			return &l->follow[at];
	return NULL;
}

/* The section that is about this product: its own, else the wildcard of its registrant. A name that has a section is
 * nobody else's: devices ask by name. */
static const struct ledger_follow *follow_of(const struct ledger *l, const char *name, const struct addr20 *registrant)
{
	const struct ledger_follow *own = section_of(l, name);

	if (own)
		return addr20_eq(&own->registrant, registrant) ? own : NULL;
	for (size_t i = 0; i < l->wild_n; i++)
		if (addr20_eq(&l->wild[i]->registrant, registrant))
			return l->wild[i];
	return NULL;
}

static bool reserve(struct ledger *l)
{
	size_t cap = l->cap ? 2 * l->cap : 16;
	struct ledger_product **product, **named;

	if (l->products < l->cap)
		return true;
	product = reallocarray(l->product, cap, sizeof(struct ledger_product *));
	if (product)
		l->product = product;
	named = reallocarray(l->named, cap, sizeof(struct ledger_product *));
	if (named)
		l->named = named;
	if (product && named)
		l->cap = cap;
	return product && named;
}

/* What the store has of it, or of all together, whichever is newer. */
static void take_proof(const struct ledger *l, struct ledger_product *p, const struct product_row *row)
{
	p->proven = row->has_proven ? row->proven : (struct proof_mark){ .number = 0 };
	if (row->has_proven && l->whole.number > row->proven.number)
		p->proven = l->whole;
	p->stored = p->proven.number;
}

static struct ledger_product *make_product(const struct ledger *l, const struct product_row *row, const struct ledger_follow *follow)
{
	struct ledger_product *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	*p = (struct ledger_product){ .id = row->id, .registrant = row->registrant, .follow = follow, .is_marked = true,
		.has_releases = true, .final_entries = row->final_entries };
	snprintf(p->name, sizeof p->name, "%s", row->name);
	take_proof(l, p, row);
	return p;
}

static int insert(struct ledger *l, const struct product_row *row, const struct ledger_follow *follow, struct err *e)
{
	struct ledger_product *p = reserve(l) ? make_product(l, row, follow) : NULL;
	size_t at = l->products;

	if (!p || !table_add(&l->by_name, table_hash(span_str(p->name)), at)) {
		free(p);
		return err_set(e, ERR_MEMORY, "no memory for a product");
	}
	l->named[at] = p;
	while (at > 0 && hash32_cmp(&l->product[at - 1]->id, &p->id) > 0) {
		l->product[at] = l->product[at - 1];
		at--;
	}
	l->product[at] = p;
	l->products++;
	if (row->keep == follow->keep && !row->in_rollout)
		return ERR_OK;		/* thousands of products are not written at every start */
	return products_set_keep(l->store, &p->id, follow->keep, false, e);
}

static int add_product(struct ledger *l, const struct hash32 *id, const char *name, const struct addr20 *registrant, struct err *e)
{
	const struct ledger_follow *follow = follow_of(l, name, registrant);
	struct product_row row;
	int rc;

	if (!follow || ledger_find(l, id))
		return ERR_OK;
	if (ledger_find_name(l, span_str(name))) {
		log_unusual("ledger", "another registrant's product of this name is followed already", "product=%s", name);
		return ERR_OK;
	}
	rc = products_get(l->store, id, &row, NULL);
	if (rc == ERR_NOT_FOUND) {
		row = (struct product_row){ .id = *id, .registrant = *registrant };
		snprintf(row.name, sizeof row.name, "%s", name);
		rc = products_put(l->store, &row, e);
		row.keep = UINT32_MAX;		/* whatever the schema says: it is set */
	}
	return rc ? rc : insert(l, &row, follow, e);
}

static int load_known(void *arg, const struct product_row *row, struct err *e)
{
	struct ledger *l = arg;

	if (follow_of(l, row->name, &row->registrant))
		return add_product(l, &row->id, row->name, &row->registrant, e);
	log_info("ledger", "not followed any more", "product=%s", row->name);
	return products_drop(l->store, &row->id, e);
}

static int index_follow(struct ledger *l, struct err *e)
{
	l->wild = calloc(l->follow_n + 1, sizeof *l->wild);
	if (!l->wild)
		return err_set(e, ERR_MEMORY, "no memory for the followed products");
	for (size_t i = 0; i < l->follow_n; i++) {
		if (!l->follow[i].name)
			l->wild[l->wild_n++] = &l->follow[i];
		else if (!table_add(&l->follow_by_name, table_hash(span_str(l->follow[i].name)), i))
			return err_set(e, ERR_MEMORY, "no memory for the followed products");
	}
	return ERR_OK;
}

static int load_bundle(void *arg, const struct bundle_row *b, struct err *e)
{
	struct ledger_product *p = ledger_find(arg, &b->product);

	(void)e;
	if (p)
		p->bundle = *b;
	return ERR_OK;
}

static int load_whole(struct ledger *l, struct err *e)
{
	struct mark m = { .has_proven = false };
	int rc = mark_load(l->store, &m, e);

	l->whole = m.proven;
	return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

/* One transaction: each product that is new to the store would be one of its own. */
static int load_products(struct ledger *l, struct err *e)
{
	int rc = products_each(l->store, load_known, l, e);

	for (size_t i = 0; i < l->follow_n && !rc; i++) {
		const struct ledger_follow *f = &l->follow[i];
		struct hash32 id;

		if (!f->name)
			continue;
		id = product_id(&f->registrant, span_str(f->name));
		rc = add_product(l, &id, f->name, &f->registrant, e);
	}
	return rc;
}

static int load(struct ledger *l, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(l->store);
	int rc = index_follow(l, e);

	if (!rc)
		rc = load_whole(l, e);
	if (!rc)
		rc = load_products(l, e);
	if (!rc)
		rc = bundles_each(l->store, load_bundle, l, e);
	return rc ? rc : store_commit(&tx, e);
}

int ledger_init(struct ledger *l, struct store *s, struct floors *f, const struct clock *clock, struct alarms *alarms,
		const struct ledger_follow *follow, size_t follow_n, struct ledger_owner owner, struct err *e)
{
	*l = (struct ledger){ .store = s, .floors = f, .clock = clock, .alarms = alarms,
		.follow = follow, .follow_n = follow_n, .owner = owner };
	return load(l, e);
}

void ledger_fini(struct ledger *l)
{
	for (size_t i = 0; i < l->products; i++) {
		ledger_forget_undone(l->product[i]);
		free(l->product[i]);
	}
	free(l->product);
	free(l->named);
	free(l->wild);
	table_free(&l->by_name);
	table_free(&l->follow_by_name);
	verified_fini(&l->verified);
	*l = (struct ledger){ .products = 0 };
}

static int take_seen(struct ledger *l, const struct follower_output *o, struct err *e)
{
	const struct record *r = &o->record;
	struct entry_row row = { .product = o->product, .order = (uint32_t)(o->position - 1), .block = r->block,
		.block_hash = r->block_hash, .tx = r->tx, .log_index = r->log_index, .topics = (uint8_t)r->topics_n, .data = r->data };

	memcpy(row.topic, r->topics, r->topics_n * sizeof *r->topics);
	return entries_append(l->store, &row, e);
}

struct undoing {
	struct ledger_product *p;
	uint64_t position;
};

static int note_undone(void *arg, const struct release_row *r, struct err *e)
{
	struct undoing *u = arg;
	struct ledger_undone *it;

	if (r->entry_order < u->position)
		return ERR_OK;
	it = calloc(1, sizeof *it);
	if (!it)
		return err_set(e, ERR_MEMORY, "no memory for a release that is taken back");
	*it = (struct ledger_undone){ .next = u->p->undone, .sequence = r->sequence, .sha256 = r->facts.sha256 };
	u->p->undone = it;
	return ERR_OK;
}

void ledger_forget_undone(struct ledger_product *p)
{
	struct ledger_undone *it;

	while ((it = p->undone) != NULL) {
		p->undone = it->next;
		free(it);
	}
}

static int take_undone(struct ledger *l, struct ledger_product *p, const struct follower_output *o, struct err *e)
{
	struct undoing u = { p, o->position };
	uint32_t removed = 0;
	int rc = releases_each(l->store, &(struct release_query){ .product = &p->id }, note_undone, &u, e);

	if (!rc)
		rc = entries_undo(l->store, &o->product, (uint32_t)o->position, &removed, e);
	/* The chain contradicts what a bundle brought: nothing of it counts any more. */
	if (!rc && p->bundle.entries > o->position) {
		p->bundle.entries = 0;
		rc = bundles_drop(l->store, &o->product, e);
	}
	if (!rc)
		log_unusual("ledger", "reorg: entries undone", "position=%" PRIu64 " removed=%" PRIu32, o->position, removed);
	return rc;
}

static int take_proven(struct ledger *l, struct ledger_product *p, const struct follower_output *o, struct err *e)
{
	struct proof_mark m = { .number = o->block.number, .hash = o->block.hash, .time = o->block.time,
		.wall_ms = clock_wall_ms(l->clock) };
	int rc;

	if (!o->is_final)
		return ERR_OK;
	rc = entries_finalise(l->store, &o->product, (uint32_t)o->position, e);
	if (rc)
		return rc;
	p->proven = m;		/* ledger_forget_unstored takes this back */
	p->stored = m.number;
	p->final_entries = (uint32_t)o->position;
	return products_set_proven(l->store, &o->product, &m, e);
}

void ledger_refresh(struct ledger_product *p, const struct proof_mark *m)
{
	p->proven = *m;
	if (!p->is_marked)
		p->judged = *m;
}

int ledger_save_proofs(struct ledger *l, const struct proof_mark *whole, struct err *e)
{
	for (size_t i = 0; i < l->products; i++) {
		struct ledger_product *p = l->product[i];
		bool is_covered = whole && whole->number >= p->proven.number;
		int rc = ERR_OK;

		if (p->proven.number > p->stored && !is_covered)
			rc = products_set_proven(l->store, &p->id, &p->proven, e);
		if (rc)
			return rc;
		p->stored = p->proven.number;
	}
	return ERR_OK;
}

int ledger_forget_unstored(struct ledger *l, struct err *e)
{
	int rc = load_whole(l, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < l->products; i++) {
		struct ledger_product *p = l->product[i];
		struct product_row row;

		rc = products_get(l->store, &p->id, &row, e);
		if (rc)
			return rc;
		take_proof(l, p, &row);
		p->final_entries = row.final_entries;
		p->bundle.entries = 0;
		ledger_mark(l, p);
	}
	return bundles_each(l->store, load_bundle, l, e);
}

int ledger_take_bundle(struct ledger *l, struct ledger_product *p, const struct bundle_row *b, struct err *e)
{
	int rc = bundles_put(l->store, b, e);

	if (rc)
		return rc;
	p->bundle = *b;		/* ledger_forget_unstored takes this back */
	ledger_mark(l, p);
	return ERR_OK;
}

bool ledger_is_by_signers(const struct ledger_product *p)
{
	return !p->bundle.is_pinned && p->bundle.entries > p->final_entries;
}

bool ledger_is_by_pinned_bundle(const struct ledger_product *p)
{
	return p->bundle.entries && p->bundle.is_pinned && hash32_eq(&p->proven.hash, &p->bundle.hash);
}

int ledger_take(struct ledger *l, const struct follower_output *o, struct err *e)
{
	struct ledger_product *p;

	if (o->kind == FOLLOWER_PRODUCT)
		return add_product(l, &o->product, o->name, &o->registrant, e);
	p = ledger_find(l, &o->product);
	if (!p)
		return ERR_OK;
	switch (o->kind) {
	case FOLLOWER_UNDONE:
		ledger_mark(l, p);
		return take_undone(l, p, o, e);
	case FOLLOWER_SEEN:
		ledger_mark(l, p);
		return take_seen(l, o, e);
	case FOLLOWER_PROVEN:
		ledger_mark(l, p);
		return take_proven(l, p, o, e);
	default:
		return ERR_OK;
	}
}
