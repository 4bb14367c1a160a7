/* explain.c: whose are the ids that the registry lists? For wants without a name.
 *
 * The list of ids is proven; who registered an id under which name is told by its ProductRegistered record, and
 * needs no proof: the id is the hash of both. So an id without such a record is an omission that shows. */
#include "chain/follow.h"

#include <stdlib.h>

/* Notes an id from the registry's list. false: no memory. */
bool explain_note(struct follower *f, const struct hash32 *id)
{
	if (track_of(f, id))
		return true;
	for (size_t i = 0; i < f->ids_n; i++)
		if (hash32_eq(&f->ids[i].id, id))
			return true;
	if (f->ids_n == f->ids_cap) {
		size_t cap = f->ids_cap ? 2 * f->ids_cap : 16;
		struct unexplained *v = realloc(f->ids, cap * sizeof *v);

		if (!v)
			return false;
		f->ids = v;
		f->ids_cap = cap;
	}
	f->ids[f->ids_n++] = (struct unexplained){ .id = *id };
	return true;
}

static bool is_open(const struct unexplained *u)
{
	return !u->is_ours && !u->is_stranger;
}

bool explain_is_needed(const struct follower *f)
{
	for (size_t i = 0; i < f->ids_n; i++)
		if (is_open(&f->ids[i]))
			return true;
	return false;
}

static bool is_wanted(const struct follower *f, const struct addr20 *registrant)
{
	for (size_t i = 0; i < f->wild_n; i++)
		if (addr20_eq(&f->wild[i], registrant))
			return true;
	return false;
}

static void explained(struct follower *f, struct unexplained *u, const struct addr20 *registrant, struct span name)
{
	char text[PRODUCT_NAME_MAX + 1] = "";

	u->is_stranger = !is_wanted(f, registrant);
	u->is_ours = !u->is_stranger;
	if (u->is_stranger)
		return;
	memcpy(text, name.p, name.n);

	struct track *t = track_add(f, registrant, text);
	struct follower_output *o = output_push(f, FOLLOWER_PRODUCT);

	o->product = t->id;
	o->registrant = *registrant;
	o->name = t->name;
}

/* Believed only if the id is the hash of what the record says. */
static void take_record(struct follower *f, const struct record *r)
{
	struct entry entry;

	if (entry_decode(r, &entry, NULL) || entry.kind != ENTRY_REGISTERED || !product_name_is_valid(entry.registered.name))
		return;

	struct hash32 id = product_id(&entry.registered.registrant, entry.registered.name);

	for (size_t i = 0; i < f->ids_n; i++)
		if (is_open(&f->ids[i]) && hash32_eq(&f->ids[i].id, &id))
			explained(f, &f->ids[i], &entry.registered.registrant, entry.registered.name);
}

#define IDS_A_CALL 20		/* topics alternatives that every node takes */

static size_t next_ids(const struct follower *f, size_t *from, struct hash32 out[IDS_A_CALL])
{
	size_t n = 0;

	for (; *from < f->ids_n && n < IDS_A_CALL; ++*from)
		if (is_open(&f->ids[*from]))
			out[n++] = f->ids[*from].id;
	return n;
}

static enum rpc_class on_registrations(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e)
{
	struct hash32 topic = entry_topic(ENTRY_REGISTERED), ids[IDS_A_CALL];
	size_t from = c->index;
	struct rpc_log_filter filter = {
		.address = &f->registry, .to = c->number, .topic0 = &topic, .products = ids,
		.products_n = next_ids(f, &from, ids),
	};
	struct records got = { .n = 0 };
	int rc;

	if (a->class != RPC_OK)
		return a->class;
	rc = read_logs(a->result, &filter, &got, e);
	for (size_t i = 0; rc == ERR_OK && i < got.n; i++)
		take_record(f, &got.v[i]);
	records_free(&got);
	return rc == ERR_OK ? RPC_OK : rc == ERR_RULE ? RPC_LYING : rc == ERR_MEMORY ? RPC_REFUSED : RPC_GARBAGE;
}

static const struct call_kind call_registrations = {
	.method = "eth_getLogs", .is_bulk = true, .is_long = true, .is_big = true, .done = on_registrations,
};

/* All open ids in one call each for 20 of them, the calls one after the other: answers change which ids are open. */
static bool ask(struct follower *f)
{
	struct target *t = &f->target;
	struct hash32 topic = entry_topic(ENTRY_REGISTERED), ids[IDS_A_CALL];
	size_t from = t->done, n = next_ids(f, &from, ids), p = follow_pick(f, t->tried, t->header.number);
	struct rpc_log_filter filter = { .address = &f->registry, .to = t->header.number, .topic0 = &topic, .products = ids,
					 .products_n = n };
	struct call *c;

	if (n == 0 || p == NO_PROVIDER)
		return false;
	c = call_push(f, &call_registrations, p);
	c->index = t->done;
	c->number = t->header.number;
	rpc_put_logs(&c->params, &filter);
	t->done = from;
	t->asked = p;
	return true;
}

void explain_begin(struct follower *f)
{
	f->target.done = 0;
	f->target.tried = 0;
	f->target.asked = NO_PROVIDER;
	step_to(f, STEP_EXPLAINING);
	if (!ask(f))
		explain_advance(f);
}

/* One pass over the open ids per provider, until none is open or no provider is left. */
void explain_advance(struct follower *f)
{
	struct target *t = &f->target;

	if (explain_is_needed(f)) {
		if (ask(f))
			return;
		if (t->asked != NO_PROVIDER)
			t->tried |= UINT32_C(1) << t->asked;
		t->done = 0;
		t->asked = NO_PROVIDER;
		if (ask(f))
			return;
		alarm_on(f, ALARM_REGISTRATION_MISSING, "", "no provider says who registered some of the registry's products");
	} else {
		alarm_off(f, ALARM_REGISTRATION_MISSING, "");
	}
	step_to(f, STEP_WORDS);
	words_restart(f);
}
