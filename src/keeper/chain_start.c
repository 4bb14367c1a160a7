/* chain_start.c: see chain_start.h. What the follower must know is replayed from the entries, not remembered apart:
 * so it cannot disagree with them. */
#include "keeper/chain_start.h"
#include "base/cleanup.h"
#include "contracts/registry_gen.h"
#include "store/entries.h"

#include <stdlib.h>

/* One product's replay. */
struct replay {
	uint32_t final_entries;
	struct hash32 head;
	struct product_words words;	/* up to the last final entry */
	struct follower_mark *mark;	/* of the provisional ones */
	size_t marks;
};

static void note_final(struct replay *r, const struct entry *entry, const struct record *record)
{
	struct product_words *w = &r->words;

	w->head = r->head;
	w->entries++;
	w->last_block = record->block;
	if (entry->kind == ENTRY_RELEASE)
		w->sequence = entry->release.sequence;
	if (entry->kind == ENTRY_FLOOR)
		w->floor = entry->floor.floor;
	if (entry->kind == ENTRY_SIGNERS)
		w->threshold = entry->signers.threshold;
	if (entry->kind == ENTRY_OWNER)
		w->epoch++;
}

static int on_entry(void *arg, const struct entry_row *en, struct err *e)
{
	struct replay *r = arg;
	struct record record = { .block = en->block, .topics_n = en->topics, .data = en->data };
	struct entry entry;
	int rc;

	memcpy(record.topics, en->topic, en->topics * sizeof *record.topics);
	rc = entry_decode(&record, &entry, e);
	if (rc)
		return rc;
	record_extend(&r->head, &record);
	if (en->order < r->final_entries)
		note_final(r, &entry, &record);
	else
		r->mark[r->marks++] = (struct follower_mark){ r->head, en->block };
	return ERR_OK;
}

/* Fills known[i] for one product; marks go to *mark, which the caller frees. */
static int know_product(struct chain *c, const struct ledger_product *p, struct follower_known_product *out,
			struct follower_mark **mark, struct err *e)
{
	struct product_row row;
	struct replay r = { .final_entries = 0 };
	int rc = products_get(c->store, &p->id, &row, e);

	if (rc)
		return rc;
	r.final_entries = row.final_entries;
	r.mark = *mark = calloc(row.entries - row.final_entries + 1u, sizeof *r.mark);
	if (!r.mark)
		return err_set(e, ERR_MEMORY, "no memory to replay %s", p->name);
	rc = entries_each(c->store, &p->id, 0, on_entry, &r, e);
	if (rc)
		return err_wrap(e, "replaying %s", p->name);
	*out = (struct follower_known_product){ .registrant = row.registrant, .name = p->name, .final = r.words,
		.provisional = r.mark, .provisional_n = r.marks };
	if (p->proven.number && row.final_entries)
		out->proof = (struct block_ref){ p->proven.number, p->proven.hash, p->proven.time };
	return ERR_OK;
}

struct start {
	struct follower_provider *providers;
	struct follower_entries *entries;
	struct follower_want *wants;
	struct follower_known_product *products;
	struct follower_mark **marks;
	size_t products_n;
};

static void start_end(struct start *s)
{
	for (size_t i = 0; i < s->products_n; i++)
		free(s->marks[i]);
	free(s->providers);
	free(s->entries);
	free(s->wants);
	free(s->products);
	free(s->marks);
}

static int allocate(struct start *s, const struct chain *c, struct err *e)
{
	s->providers = calloc(c->conf->providers_n + 1, sizeof *s->providers);
	s->entries = calloc(c->entries_n + 1, sizeof *s->entries);
	s->wants = calloc(c->conf->products_n + 1, sizeof *s->wants);
	s->products = calloc(c->ledger->products + 1, sizeof *s->products);
	s->marks = calloc(c->ledger->products + 1, sizeof *s->marks);
	if (!s->providers || !s->entries || !s->wants || !s->products || !s->marks)
		return err_set(e, ERR_MEMORY, "no memory to follow the chain");
	return ERR_OK;
}

static void fill_conf(struct start *s, const struct chain *c)
{
	const struct conf *conf = c->conf;

	for (size_t i = 0; i < c->entries_n; i++)
		s->entries[i].name = c->entries[i].source ? c->entries[i].source->name : "own";
	for (size_t i = 0; i < conf->providers_n; i++)
		s->providers[i] = (struct follower_provider){ conf->providers[i].name, conf->providers[i].operator };
	for (size_t i = 0; i < conf->products_n; i++) {
		s->wants[i].registrant = conf->products[i].registrant;
		s->wants[i].name = strcmp(conf->products[i].name, "*") ? conf->products[i].name : NULL;
	}
}

static int fill_known(struct start *s, struct chain *c, struct err *e)
{
	int rc = ERR_OK;

	for (size_t i = 0; i < c->ledger->products && !rc; i++) {
		rc = know_product(c, c->ledger->product[i], &s->products[i], &s->marks[i], e);
		s->products_n++;
	}
	return rc;
}

static enum finality finality_of(enum conf_finality f)
{
	static const enum finality map[] = {
		[CONF_FINALIZED] = FINALITY_FINALIZED, [CONF_SAFE] = FINALITY_SAFE,
		[CONF_DEPTH] = FINALITY_DEPTH, [CONF_LATEST] = FINALITY_LATEST,
	};

	return map[f];
}

int chain_start(struct chain *c, struct follower **out, struct err *e)
{
	AUTO(start_end) struct start s = { .products_n = 0 };
	const struct conf_chain *cc = &c->conf->chain;
	struct hash32 known_code = { REGISTRY_CODE_HASH };
	struct follower_conf fc = { .chain_id = cc->chain_id, .registry = cc->registry,
		.code_hashes = hash32_is_zero(&cc->code_hash) ? &known_code : &cc->code_hash, .code_hashes_n = 1,
		.anchor = cc->anchor == CONF_PINNED ? ANCHOR_PINNED : ANCHOR_QUORUM, .quorum = cc->quorum,
		.pin = { cc->pin_number, cc->pin_hash, 0 }, .finality = finality_of(cc->finality), .depth = cc->depth,
		.poll_ms = cc->poll_ms, .seed = (uint64_t)clock_wall_ms(c->clock) };
	struct follower_known known = { .conflict = false };
	int rc = allocate(&s, c, e);

	if (!rc)
		rc = fill_known(&s, c, e);
	if (rc)
		return rc;
	fill_conf(&s, c);
	if (!hash32_is_zero(&cc->genesis_hash))
		fc.genesis = &cc->genesis_hash;
	else if (c->mark.has_genesis)
		fc.genesis = &c->mark.genesis;
	fc.providers = s.providers;
	fc.providers_n = c->conf->providers_n;
	fc.entries = s.entries;
	fc.entries_n = c->entries_n;
	fc.wants = s.wants;
	fc.wants_n = c->conf->products_n;
	if (c->mark.has_anchor)
		known.anchor = (struct block_ref){ c->mark.anchor_number, c->mark.anchor_hash, 0 };
	known.conflict = c->has_conflict;
	known.products = s.products;
	known.products_n = s.products_n;
	known.listed = c->mark.listed;
	if (c->mark.has_proven) {
		known.whole = (struct block_ref){ c->mark.proven.number, c->mark.proven.hash, c->mark.proven.time };
		known.whole_root = c->mark.proven.root;
	}
	*out = follower_new(&fc, &known, e);
	return *out ? ERR_OK : e ? (int)e->code : ERR_INTERNAL;
}
