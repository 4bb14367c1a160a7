/* ledger.c: see ledger.h. Taking outputs; judging is in settle.c. */
#include "keeper/ledger.h"
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
	for (size_t i = 0; i < l->products; i++)
		if (span_is(name, l->product[i]->name))
			return l->product[i];
	return NULL;
}

void ledger_mark(struct ledger *l, struct ledger_product *p)
{
	(void)l;
	p->is_marked = true;
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

/* The section that is about this product: its own, else the wildcard of its registrant. A name that has a section is
 * nobody else's: devices ask by name. */
static const struct ledger_follow *follow_of(const struct ledger *l, const char *name, const struct addr20 *registrant)
{
	const struct ledger_follow *wildcard = NULL;

	for (size_t i = 0; i < l->follow_n; i++) {
		const struct ledger_follow *f = &l->follow[i];
		bool is_theirs = addr20_eq(&f->registrant, registrant);

		if (f->name && !strcmp(f->name, name))
			return is_theirs ? f : NULL;
		if (!f->name && is_theirs)
			wildcard = f;
	}
	return wildcard;
}

static int insert(struct ledger *l, const struct product_row *row, const struct ledger_follow *follow, struct err *e)
{
	struct ledger_product *p = calloc(1, sizeof *p), **list;
	size_t at = l->products;

	list = realloc(l->product, (l->products + 1) * sizeof *list);
	if (list)
		l->product = list;
	if (!p || !list) {
		free(p);
		return err_set(e, ERR_MEMORY, "no memory for a product");
	}
	*p = (struct ledger_product){ .id = row->id, .follow = follow, .is_marked = true };
	snprintf(p->name, sizeof p->name, "%s", row->name);
	if (row->has_proven)
		p->proven = row->proven;
	while (at > 0 && hash32_cmp(&list[at - 1]->id, &p->id) > 0) {
		list[at] = list[at - 1];
		at--;
	}
	list[at] = p;
	l->products++;
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

static int load(struct ledger *l, struct err *e)
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

int ledger_init(struct ledger *l, struct store *s, struct floors *f, const struct clock *clock, struct alarms *alarms,
		const struct ledger_follow *follow, size_t follow_n, struct ledger_owner owner, struct err *e)
{
	*l = (struct ledger){ .store = s, .floors = f, .clock = clock, .alarms = alarms,
		.follow = follow, .follow_n = follow_n, .owner = owner };
	return load(l, e);
}

void ledger_fini(struct ledger *l)
{
	for (size_t i = 0; i < l->products; i++)
		free(l->product[i]);
	free(l->product);
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

static int take_undone(struct ledger *l, const struct follower_output *o, struct err *e)
{
	uint32_t removed = 0;
	int rc = entries_undo(l->store, &o->product, (uint32_t)o->position, &removed, e);

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
	p->proven = m;		/* ledger_forget_unstored takes it back */
	return products_set_proven(l->store, &o->product, &m, e);
}

void ledger_refresh(struct ledger_product *p, const struct proof_mark *m)
{
	p->proven = *m;
	if (!p->is_marked)
		p->judged = *m;
}

int ledger_forget_unstored(struct ledger *l, struct err *e)
{
	for (size_t i = 0; i < l->products; i++) {
		struct ledger_product *p = l->product[i];
		struct product_row row;
		int rc = products_get(l->store, &p->id, &row, e);

		if (rc)
			return rc;
		p->proven = row.has_proven ? row.proven : (struct proof_mark){ .number = 0 };
		ledger_mark(l, p);
	}
	return ERR_OK;
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
		return take_undone(l, o, e);
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
