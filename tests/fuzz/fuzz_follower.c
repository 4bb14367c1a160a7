/* fuzz_follower.c: a whole follower between three operators, two of which have to agree. Two are honest; what the third one says, the
 * input decides: the truth, another fork's truth, one of the fake's lies, or an answer that is bent byte by byte.
 *
 * Whatever it says: what the follower tells is the honest chain's, nothing is undone, nobody else is accused, the work gets
 * done, and memory is bounded. Hashes, tries and proofs are real.
 *
 * Input: a byte of configuration, the number of rounds, and then a byte for each exchange with the third operator, which says how
 * it is answered (how_of); some take more. When the input is used up it is honest. */
#include "fake_chain.h"

#include <check.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define MEMORY_MAX ((size_t)96 << 20)	/* a body of 1 MiB and what JSON makes of it, far below */
enum { CROOK, ROUNDS_MAX = 5, BLOCKS = 36, FORKS = 2, EDITS_MAX = 8 };

/* The fakes assert by Check; here there is no test that could fail. */
void _ck_assert_failed(const char *file, int line, const char *expr, const char *msg, ...)
{
	(void)msg;
	fprintf(stderr, "%s:%d: %s\n", file, line, expr);
	abort();
}

void _mark_point(const char *file, int line)
{
	(void)file;
	(void)line;
}

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

/* --- the chain, made once: every round shows some more blocks of it --- */

static struct fake_chain *truth, *fork[FORKS];

static void grow(struct fake_chain *c, unsigned from)
{
	for (unsigned i = from; i < BLOCKS; i++) {
		if (i == 2 || i == 9)
			fake_register(c, i == 2 ? &fake_owner : &fake_stranger, i == 2 ? "acme/one" : "other/one");
		if (i == 17)
			fake_register(c, &fake_owner, "acme/two");
		if (i > 2 && i % 4 == 0)
			fake_publish(c, 0);
		if (i > 20 && i % 5 == 0)
			fake_publish(c, c->products_n - 1);
		if (i % 13 == 12)
			fake_revoke(c, 0, 1);
		fake_mine(c, 1);
	}
}

static void make_chains(void)
{
	static const uint64_t common[FORKS] = { 1, 18 };

	truth = fake_new();
	grow(truth, 2);
	for (size_t i = 0; i < FORKS; i++) {
		fork[i] = fake_fork(truth, common[i]);
		grow(fork[i], (unsigned)common[i] + 1);
	}
}

/* --- the third operator --- */

struct play {
	const uint8_t *p;
	size_t n;
	uint8_t how;
	uint64_t final;		/* of the honest ones */
};

static uint8_t take(struct play *y)
{
	if (y->n == 0)
		return 0;
	y->n--;
	return *y->p++;
}

static const struct fake_chain *chain_of(uint8_t b)
{
	return b % 4 < FORKS ? fork[b % 4] : truth;
}

/* 0 to 0x7f: a lie. 0x80 to 0x9f: from now on of that chain, and honest. 0xa0 to 0xbf: behind or ahead. From 0xc0: bent. */
static void asked(struct fake_world *w, const struct follower_action *a)
{
	struct play *y = w->arg;
	struct fake_provider *p = &w->p[CROOK];

	if (a->provider != CROOK)
		return;
	y->how = take(y);
	p->lie = y->how < LIES && y->how != JSON_BOMB ? (enum lie)y->how : HONEST;
	if (y->how >= 0x80 && y->how < 0xa0)
		p->chain = chain_of(y->how);
	if (y->how >= 0xa0 && y->how < 0xb0)
		p->latest = y->how & 8 ? UINT64_MAX : BLOCKS - 4 * (y->how & 7);
	if (y->how >= 0xb0 && y->how < 0xc0)
		p->final = y->how & 8 ? UINT64_MAX : BLOCKS - 4 * (y->how & 7);
}

static void edit(struct play *y, struct buf *body)
{
	for (unsigned i = 0; i <= y->how % EDITS_MAX && body->n; i++) {
		size_t at = take(y);

		at = (at << 8 | take(y)) * body->n >> 16;
		body->p[at] ^= take(y);
	}
}

/* A piece of the body is left out, or is there twice. */
static void cut(struct play *y, struct buf *body)
{
	size_t from = take(y) * body->n >> 8, len = take(y) * (body->n - from) >> 8;

	if (len == 0)
		return;
	if (y->how & 1) {
		if (buf_grow(body, len))
			memmove(body->p + body->n - len, body->p + from, len);
		return;
	}
	memmove(body->p + from, body->p + from + len, body->n - from - len);
	body->n -= len;
}

static void replace(struct play *y, struct buf *body)
{
	size_t len = take(y);

	buf_reset(body);
	for (; len; len--)
		buf_byte(body, take(y));
}

/* Memory of exactly this size, so that the sanitizer sees a read past its end. */
static void exact(struct buf *body)
{
	body->cap = body->n ? body->n : 1;
	body->p = realloc(body->p, body->cap);
	check(body->p != NULL, "memory");
}

static void answered(struct fake_world *w, const struct follower_action *action, struct follower_answer *a, struct buf *body)
{
	struct play *y = w->arg;

	if (action->provider != CROOK || y->how < 0xc0)
		return;
	switch (y->how >> 3 & 7) {
	case 0: case 1: case 2: edit(y, body); break;
	case 3: case 4: cut(y, body); break;
	case 5: replace(y, body); break;
	case 6: a->status = 100 + 2 * take(y); break;
	case 7: a->net = 1 + take(y) % ERR_INTERNAL; a->net_text = "so it says"; a->retry_after_ms = take(y) * 1000; break;
	}
	exact(body);
}

/* --- what the honest chain says --- */

static bool is_of_truth(const struct block_ref *b)
{
	return b->number < truth->n && hash32_eq(&truth->block[b->number].hash, &b->hash);
}

static struct product_words true_words(const struct hash32 *id, uint64_t number)
{
	const struct fake_block *b = &truth->block[number];
	struct product_slots s = product_slots(id);
	struct hash32 head = { { 0 } }, packed = { { 0 } };

	for (size_t i = 0; i < b->words_n; i++) {
		head = hash32_eq(&b->words[i].slot, &s.head) ? b->words[i].value : head;
		packed = hash32_eq(&b->words[i].slot, &s.packed) ? b->words[i].value : packed;
	}
	return product_words(&head, &packed);
}

static bool same_words(const struct product_words *a, const struct product_words *b)
{
	return hash32_eq(&a->head, &b->head) && a->sequence == b->sequence && a->floor == b->floor && a->last_block == b->last_block &&
	       a->entries == b->entries && a->threshold == b->threshold && a->epoch == b->epoch;
}

static void check_seen(const struct follower_output *o)
{
	uint64_t position = 0;
	const struct record *r = NULL;

	for (size_t i = 0; i < truth->logs.n && position < o->position; i++)
		if (hash32_eq(&truth->logs.v[i].topics[1], &o->product)) {
			r = &truth->logs.v[i];
			position++;
		}
	check(r && position == o->position, "an entry that the chain has");
	check(r->block == o->record.block && r->topics_n == o->record.topics_n && span_eq(r->data, o->record.data) &&
	      memcmp(r->topics, o->record.topics, r->topics_n * sizeof r->topics[0]) == 0, "the entry is the chain's");
}

static void check_proven(const struct play *y, const struct follower_output *o)
{
	struct product_words w;

	check(is_of_truth(&o->block), "proven at a block of the chain");
	check(!o->is_final || o->block.number <= y->final, "final is what is final");
	w = true_words(&o->product, o->block.number);
	check(same_words(&w, &o->words) && w.entries == o->position, "proven words are the chain's");
}

static void check_alarm(const struct follower_output *o)
{
	switch (o->alarm) {
	case ALARM_CHAIN_ID: case ALARM_GENESIS: case ALARM_PROVIDER_LYING: case ALARM_NEW_FORK:
		check(strcmp(o->subject, "crook") == 0, "only the liar is accused");
		return;
	case ALARM_ANCHOR_CONFLICT: case ALARM_CODE_HASH: case ALARM_REGISTRY_MISSING: case ALARM_REORG_TOO_DEEP: case ALARM_MEMORY:
	case FOLLOWER_ALARMS:
		check(false, "an alarm that there is no reason for");
		return;
	case ALARM_NO_QUORUM: case ALARM_FINALITY_STALLED: case ALARM_PROOF_UNAVAILABLE: case ALARM_HISTORY_INCOMPLETE:
	case ALARM_REGISTRATION_MISSING:
		return;
	}
}

static void told(struct fake_world *w, const struct follower_output *o)
{
	const struct play *y = w->arg;

	check(!__sanitizer_get_current_allocated_bytes || __sanitizer_get_current_allocated_bytes() < MEMORY_MAX, "memory is bounded");
	switch (o->kind) {
	case FOLLOWER_GENESIS: check(hash32_eq(&o->hash, &truth->block[0].hash), "the genesis block"); return;
	case FOLLOWER_ANCHOR: check(is_of_truth(&o->block) && o->block.number <= y->final, "the anchor"); return;
	case FOLLOWER_PRODUCT: check(addr20_eq(&o->registrant, &fake_owner), "a product of whom we follow"); return;
	case FOLLOWER_UNDONE: check(false, "nothing is undone"); return;
	case FOLLOWER_SEEN: check_seen(o); return;
	case FOLLOWER_PROVEN: check_proven(y, o); return;
	case FOLLOWER_REFRESHED: check(is_of_truth(&o->block) && (!o->is_final || o->block.number <= y->final), "fresh at"); return;
	case FOLLOWER_ALARM_ON: check_alarm(o); return;
	case FOLLOWER_ALARM_OFF: case FOLLOWER_NOTE: return;
	}
}

/* --- one play --- */

static void advance(struct fake_world *w, struct play *y, unsigned round, unsigned rounds)
{
	uint64_t latest = 4 + (BLOCKS - 5) * (round + 1) / rounds;

	y->final = latest > 6 ? latest - 6 : 1;
	w->p[1].latest = latest;
	w->p[2].latest = latest - (round + 1 < rounds);		/* a little behind, but for the last round */
	w->p[1].final = w->p[2].final = y->final;
}

static void check_arrived(const struct fake_world *w)
{
	struct follower_info info;

	follower_info(w->f, &info);
	check(info.recent_proof.number == w->p[1].latest && is_of_truth(&info.recent_proof), "the newest block is proven");
	check(info.anchor.number == w->p[1].final, "the anchor has got there");
	for (size_t i = 0; i < follower_products(w->f); i++) {
		struct follower_product_info p;
		struct product_words recent, final;

		follower_product(w->f, i, &p);
		recent = true_words(&p.id, info.recent_proof.number);
		final = true_words(&p.id, info.anchor.number);
		check(hash32_eq(&p.recent.head, &recent.head), "each product is where the chain is");
		check(hash32_eq(&p.final.head, &final.head), "each product is final as far as the chain is");
	}
}

static void play(struct play *y)
{
	static const struct fake_hooks hooks = { asked, answered, told };
	static const struct follower_provider providers[] = { { "crook", "a" }, { "one", "b" }, { "two", "c" } };
	struct follower_want wants[] = { { fake_owner, "acme/one" }, { fake_owner, NULL } };
	struct hash32 code = fake_code_hash(false);
	uint8_t flags = take(y);
	unsigned rounds = 1 + take(y) % ROUNDS_MAX;
	struct follower_conf conf = {
		.chain_id = FAKE_CHAIN_ID, .registry = fake_registry, .code_hashes = &code, .code_hashes_n = 1,
		.anchor = ANCHOR_QUORUM, .quorum = 2, .finality = flags & 1 ? FINALITY_DEPTH : FINALITY_FINALIZED, .depth = 6,
		.poll_ms = 60000, .seed = flags, .providers = providers, .providers_n = 3, .wants = wants, .wants_n = flags & 2 ? 2 : 1,
		.genesis = flags & 4 ? &truth->block[0].hash : NULL,
	};
	struct fake_world *w = calloc(1, sizeof *w);

	check(w != NULL, "memory");
	w->n = 3;
	w->now_ms = 1000;
	w->hooks = &hooks;
	w->arg = y;
	for (size_t i = 0; i < 3; i++)
		w->p[i] = (struct fake_provider){ .chain = truth, .latest = UINT64_MAX, .final = UINT64_MAX };
	w->p[CROOK].latest = BLOCKS - 8;
	w->p[CROOK].final = BLOCKS - 14;
	w->f = follower_new(&conf, NULL, NULL);
	check(w->f != NULL, "a follower");
	for (unsigned i = 0; i < rounds; i++) {
		advance(w, y, i, rounds);
		fake_run(w);
		fake_forget(w);
	}
	y->n = 0;			/* whatever it did, it has stopped doing it */
	w->p[CROOK].chain = truth;
	for (unsigned i = 0; i < 2; i++)
		fake_run(w);
	check_arrived(w);
	fake_world_free(w);
	free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct play y = { .p = p, .n = n };

	if (!truth)
		make_chains();
	play(&y);
	return 0;
}
