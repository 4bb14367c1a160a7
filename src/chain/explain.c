/* explain.c: whose are the ids that the registry lists? For wants without a name.
 *
 * The list of ids is proven; who registered an id under which name is told by its ProductRegistered record, and
 * needs no proof: the id is the hash of both. So an id without such a record is an omission that shows. */
#include "chain/follow.h"

#include <stdlib.h>

/* --- the ids --- */

static struct unexplained *find(struct follower *f, const struct hash32 *id)
{
	struct table_cursor c;

	for (size_t at = table_first(&f->ids_by_id, table_hash(SPAN_OF(*id)), &c); at != TABLE_NONE; at = table_next(&f->ids_by_id, &c))
		if (hash32_eq(&f->ids[at].id, id))
			return &f->ids[at];
	return NULL;
}

static bool add(struct follower *f, const struct unexplained *u)
{
	if (f->ids_n == f->ids_cap) {
		size_t cap = f->ids_cap ? 2 * f->ids_cap : 16;
		struct unexplained *v = realloc(f->ids, cap * sizeof *v);

		if (!v)
			return false;
		f->ids = v;
		f->ids_cap = cap;
	}
	if (!table_add(&f->ids_by_id, table_hash(SPAN_OF(u->id)), f->ids_n))
		return false;
	f->ids[f->ids_n++] = *u;
	return true;
}

bool explain_note(struct follower *f, const struct hash32 *id, uint64_t at, bool is_final)
{
	struct unexplained *u = find(f, id);

	if (track_of(f, id))
		return true;
	if (u) {
		u->is_final |= is_final;
		return true;
	}
	if (!add(f, &(struct unexplained){ .id = *id, .at = at, .is_final = is_final }))
		return false;
	f->has_new_ids |= at >= f->ids_noted_n;
	f->ids_noted_n = at >= f->ids_noted_n ? at + 1 : f->ids_noted_n;
	return true;
}

static void keep_only(struct follower *f, bool (*is_kept)(struct follower *f, const struct unexplained *u))
{
	size_t n = 0;

	table_clear(&f->ids_by_id);
	for (size_t i = 0; i < f->ids_n; i++) {
		if (!is_kept(f, &f->ids[i]))
			continue;
		f->ids[n] = f->ids[i];
		/* The table has had more in it: it does not grow, and cannot fail. */
		if (table_add(&f->ids_by_id, table_hash(SPAN_OF(f->ids[n].id)), n))
			n++;
	}
	f->ids_n = n;
}

static bool is_open(const struct unexplained *u)
{
	return !u->is_stranger;
}

static bool is_still_there(struct follower *f, const struct unexplained *u)
{
	(void)f;
	return u->is_final || u->is_stranger;	/* whose an id is does not depend on the chain */
}

void explain_reread(struct follower *f)
{
	keep_only(f, is_still_there);
}

static bool is_of_interest(struct follower *f, const struct unexplained *u)
{
	return !track_of(f, &u->id) && (is_open(u) || u->at >= f->ids_final_n);
}

void explain_sweep(struct follower *f)
{
	keep_only(f, is_of_interest);
}

static bool has_open(const struct follower *f)
{
	for (size_t i = 0; i < f->ids_n; i++)
		if (is_open(&f->ids[i]))
			return true;
	return false;
}

bool explain_is_due(const struct follower *f)
{
	return (f->has_new_ids || f->explain_at_ms <= f->now_ms) && has_open(f);
}

size_t explain_open(const struct follower *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->ids_n; i++)
		n += f->ids[i].is_final && is_open(&f->ids[i]);
	return n;
}

uint64_t explain_listed(const struct follower *f)
{
	uint64_t n = f->ids_final_n;

	for (size_t i = 0; i < f->ids_n; i++)
		if (f->ids[i].is_final && is_open(&f->ids[i]) && f->ids[i].at < n)
			n = f->ids[i].at;
	return n;
}

/* --- explaining --- */

static bool is_wanted(const struct follower *f, const struct addr20 *registrant)
{
	for (size_t i = 0; i < f->wild_n; i++)
		if (addr20_eq(&f->wild[i], registrant))
			return true;
	return false;
}

/* Too many of one registrant's: what is followed already goes on. */
static bool has_room(struct follower *f)
{
	if (f->tracks_n < PRODUCTS_MAX)
		return true;
	alarm_on(f, ALARM_REGISTRATION_MISSING, "too many", "more than %d products are wanted: the rest is not followed", PRODUCTS_MAX);
	return false;
}

static void follow(struct follower *f, const struct addr20 *registrant, struct span name)
{
	char text[PRODUCT_NAME_MAX + 1] = "";
	struct follower_output *o;
	struct track *t;

	memcpy(text, name.p, name.n);
	t = track_add(f, registrant, text);
	o = output_push(f, FOLLOWER_PRODUCT);
	o->product = t->id;
	o->registrant = *registrant;
	o->name = t->name;
}

/* One of ours becomes a track, and leaves the list with the next sweep. */
static void explained(struct follower *f, struct unexplained *u, const struct addr20 *registrant, struct span name)
{
	u->is_stranger = true;
	if (is_wanted(f, registrant) && has_room(f))
		follow(f, registrant, name);
}

/* Believed only if the id is the hash of what the record says. */
static void take_record(struct follower *f, const struct record *r)
{
	struct entry entry;

	if (entry_decode(r, &entry, NULL) || entry.kind != ENTRY_REGISTERED || !product_name_is_valid(entry.registered.name))
		return;

	struct hash32 id = product_id(&entry.registered.registrant, entry.registered.name);
	struct unexplained *u = find(f, &id);

	if (u && is_open(u))
		explained(f, u, &entry.registered.registrant, entry.registered.name);
}

#define IDS_A_CALL 20		/* topics alternatives that every node takes */
#define CALLS_AT_ONCE 5		/* of those: 100 ids in a round trip */

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

/* The next open ids, with the best provider that has not had its pass. */
static bool ask_one(struct follower *f)
{
	struct target *t = &f->target;
	struct hash32 topic = entry_topic(ENTRY_REGISTERED), ids[IDS_A_CALL];
	size_t from = t->explain_at, n = next_ids(f, &from, ids), p = follow_pick(f, t->tried, t->header.number);
	struct rpc_log_filter filter = { .address = &f->registry, .to = t->header.number, .topic0 = &topic, .products = ids,
					 .products_n = n };
	struct call *c;

	if (n == 0 || p == NO_PROVIDER)
		return false;
	c = call_push(f, &call_registrations, p);
	c->index = t->explain_at;
	c->number = t->header.number;
	rpc_put_logs(&c->params, &filter);
	t->explain_at = from;
	t->explainers |= UINT32_C(1) << p;
	return true;
}

/* Some calls side by side: each is about ids of its own, which no other one's answer closes. */
static bool ask(struct follower *f)
{
	size_t n = 0;

	while (n < CALLS_AT_ONCE && ask_one(f))
		n++;
	return n > 0;
}

static bool ask_others(struct follower *f)
{
	struct target *t = &f->target;

	t->tried |= t->explainers;
	t->explain_at = 0;
	t->explainers = 0;
	return ask(f);
}

static void in_vain(struct follower *f)
{
	int64_t wait = f->poll_ms;

	for (unsigned i = 0; i < f->explain_tries && wait < EXPLAIN_RETRY_MS; i++)
		wait *= 2;
	f->explain_tries++;
	f->explain_at_ms = f->now_ms + (wait < EXPLAIN_RETRY_MS ? wait : EXPLAIN_RETRY_MS);
	alarm_on(f, ALARM_REGISTRATION_MISSING, "", "no provider says who registered some of the registry's products");
}

void explain_settle(struct follower *f, uint64_t listed)
{
	if (listed <= f->ids_final_n)
		return;
	f->ids_final_n = listed;
	explain_sweep(f);
}

bool explain_over(struct follower *f)
{
	if (has_open(f))
		return false;
	f->explain_tries = 0;
	f->explain_at_ms = 0;
	alarm_off(f, ALARM_REGISTRATION_MISSING, "");
	return true;
}

void explain_begin(struct follower *f)
{
	f->has_new_ids = false;
	f->target.tried = 0;
	f->target.explain_at = 0;
	f->target.explainers = 0;
	step_to(f, STEP_EXPLAINING);
	if (!ask(f))
		explain_advance(f);
}

/* One pass over the open ids per provider, until none is open or no provider is left. */
void explain_advance(struct follower *f)
{
	if (has_open(f)) {
		if (ask(f) || ask_others(f))
			return;
		in_vain(f);
	}
	words_listed(f);
}
