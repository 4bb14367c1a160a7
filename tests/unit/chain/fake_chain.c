/* fake_chain.c: the chain of fake_chain.h: blocks, storage, tries. The providers are in fake_rpc.c. */
#include "fake_chain.h"
#include "formats/abi.h"
#include "formats/keccak.h"
#include "formats/rlp.h"
#include "fake_rpc.h"

#include <check.h>
#include <stdlib.h>

const struct addr20 fake_registry = { { 0x5f, 0xbd, 1 } }, fake_owner = { { 0xaa, 1 } }, fake_stranger = { { 0xbb, 2 } };
const struct addr20 fake_history = { {	/* EIP-2935 */
	0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb, 0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35,
} };

struct hash32 fake_code_hash(bool is_other)
{
	return keccak256(is_other ? SPAN_LIT("other code") : SPAN_LIT("registry code"));
}

struct fake_chain *fake_new(void)
{
	struct fake_chain *c = calloc(1, sizeof *c);

	c->block = calloc(FAKE_BLOCKS, sizeof *c->block);
	c->deployed = 1;
	c->history_from = UINT64_MAX;
	fake_mine(c, 2);		/* genesis, and the registry's block */
	return c;
}

void fake_free(struct fake_chain *c)
{
	records_free(&c->logs);
	free(c->block);
	free(c);
}

static void set_word(struct fake_block *b, const struct hash32 *slot, const struct hash32 *value)
{
	size_t i = 0;

	while (i < b->words_n && !hash32_eq(&b->words[i].slot, slot))
		i++;
	ck_assert_uint_lt(i, FAKE_WORDS);
	b->words[i] = (struct fake_word){ *slot, *value };
	if (i == b->words_n)
		b->words_n++;
}

static struct hash32 pack(const struct product_words *w)
{
	struct hash32 h = { { 0 } };
	uint64_t parts[] = { w->epoch, w->threshold, w->entries, w->last_block, w->floor, w->sequence };
	unsigned widths[] = { 2, 2, 4, 8, 8, 8 }, at = 0;

	for (unsigned i = 0; i < 6; i++)
		for (unsigned k = widths[i]; k-- > 0;)
			h.b[at++] = (uint8_t)(parts[i] >> (8 * k));
	return h;
}

/* The block that is being made. */
static struct fake_block *next(struct fake_chain *c)
{
	ck_assert_uint_lt(c->n, FAKE_BLOCKS);
	return &c->block[c->n];
}

static void store(struct fake_chain *c, const struct fake_product *p)
{
	struct product_slots s = product_slots(&p->id);
	struct hash32 packed = pack(&p->words);

	set_word(next(c), &s.head, &p->words.head);
	set_word(next(c), &s.packed, &packed);
}

/* Logs one event of the product: topics after the product, and data after (prevBlock, time). */
static void emit(struct fake_chain *c, struct fake_product *p, enum entry_kind kind, const struct hash32 *topics, uint32_t n,
		 struct abi_arg *args, size_t args_n)
{
	struct record r = { .block = c->n, .topics_n = 2 + n, .log_index = (uint32_t)(c->logs.n * 3 % 1000) };
	struct buf data = BUF_INIT(8192);
	struct abi_arg all[4];

	r.topics[0] = entry_topic(kind);
	r.topics[1] = p->id;
	if (n)
		memcpy(r.topics + 2, topics, n * sizeof *topics);
	all[0] = ABI_UINT(p->words.last_block);
	all[1] = ABI_UINT(1700000000 + 12 * c->n + c->salt);
	if (args_n)
		memcpy(all + 2, args, args_n * sizeof *args);
	abi_encode(&data, all, args_n + 2);
	r.data = buf_span(&data);
	r.log_index = (uint32_t)c->logs.n;
	ck_assert_int_eq(records_add(&c->logs, &r, NULL), ERR_OK);
	record_extend(&p->words.head, &r);
	p->words.last_block = c->n;
	p->words.entries++;
	store(c, p);
	buf_free(&data);
}

static struct hash32 topic_addr(const struct addr20 *a)
{
	struct hash32 h = { { 0 } };

	memcpy(h.b + 12, a->b, 20);
	return h;
}

static struct hash32 topic_number(uint64_t n)
{
	struct hash32 h = { { 0 } };

	for (unsigned i = 0; i < 8; i++)
		h.b[31 - i] = (uint8_t)(n >> (8 * i));
	return h;
}

size_t fake_register(struct fake_chain *c, const struct addr20 *registrant, const char *name)
{
	struct fake_product *p = &c->product[c->products_n];
	struct hash32 topic = topic_addr(registrant), slot = ids_slot(c->ids), length;
	struct span key = SPAN_LIT("a COSE key, as far as the chain knows");

	ck_assert_uint_lt(c->products_n, FAKE_PRODUCTS);
	*p = (struct fake_product){ .id = product_id(registrant, span_str(name)), .registrant = *registrant };
	strcpy(p->name, name);
	p->words.threshold = 1;
	length = topic_number(++c->ids);
	set_word(next(c), &ids_length_slot, &length);
	set_word(next(c), &slot, &p->id);
	emit(c, p, ENTRY_REGISTERED, &topic, 1, (struct abi_arg[]){ ABI_BYTES(span_str(name)) }, 1);
	emit(c, p, ENTRY_PUBLISHER, &topic, 1, (struct abi_arg[]){ ABI_BOOL(true) }, 1);
	emit(c, p, ENTRY_SIGNERS, NULL, 0, (struct abi_arg[]){ ABI_UINT(1), ABI_LIST(&key, 1) }, 2);
	return c->products_n++;
}

void fake_publish(struct fake_chain *c, size_t product)
{
	struct fake_product *p = &c->product[product];
	struct hash32 topics[2] = { topic_number(++p->words.sequence), topic_addr(&p->registrant) };

	emit(c, p, ENTRY_RELEASE, topics, 2, (struct abi_arg[]){ ABI_BYTES(SPAN_LIT("a signed manifest")) }, 1);
}

void fake_revoke(struct fake_chain *c, size_t product, uint64_t sequence)
{
	struct hash32 topic = topic_number(sequence);

	emit(c, &c->product[product], ENTRY_REVOKED, &topic, 1, (struct abi_arg[]){ ABI_BYTES(SPAN_LIT("bad radio")) }, 1);
}

static void seal(struct fake_chain *c)
{
	struct fake_block *b = next(c);
	struct buf json = BUF_INIT(1 << 16);

	b->number = c->n + c->skips;
	b->time = 1700000000 + 12 * c->n + c->salt;
	b->has_registry = c->n >= c->deployed;
	b->parent = c->n ? c->block[c->n - 1].hash : (struct hash32){ { 0 } };
	b->storage_root = fake_storage_proof(b, NULL, NULL);
	b->history_root = fake_history_proof(c, b, NULL, NULL);
	b->state_root = fake_account_proof(c, b, &fake_registry, NULL);
	fake_put_header(&json, b, HONEST, false);	/* also computes b->hash */
	buf_free(&json);
}

void fake_mine(struct fake_chain *c, size_t blocks)
{
	for (; blocks; blocks--) {
		struct fake_block *b = next(c);

		b->logs_from = c->n ? c->block[c->n - 1].logs_to : 0;
		b->logs_to = c->logs.n;
		seal(c);
		c->n++;
		memcpy(next(c)->words, b->words, sizeof b->words);
		next(c)->words_n = b->words_n;
	}
}

static void replay_products(struct fake_chain *c, const struct fake_block *b)
{
	size_t n = 0;

	for (size_t i = 0; i < c->products_n; i++) {
		struct product_slots s = product_slots(&c->product[i].id);
		struct hash32 head = { { 0 } }, packed = { { 0 } };

		for (size_t k = 0; k < b->words_n; k++) {
			if (hash32_eq(&b->words[k].slot, &s.head))
				head = b->words[k].value;
			if (hash32_eq(&b->words[k].slot, &s.packed))
				packed = b->words[k].value;
		}
		c->product[i].words = product_words(&head, &packed);
		if (c->product[i].words.entries)
			n = i + 1;
	}
	c->products_n = c->ids = n;
}

struct fake_chain *fake_fork(const struct fake_chain *c, uint64_t number)
{
	static unsigned salts;
	struct fake_chain *d = calloc(1, sizeof *d);
	const struct fake_block *top = &c->block[number];

	*d = *c;
	d->block = calloc(FAKE_BLOCKS, sizeof *d->block);
	memcpy(d->block, c->block, (number + 1) * sizeof *d->block);
	d->n = number + 1;
	d->salt = ++salts;
	d->logs = (struct records){ .n = 0 };
	for (size_t i = 0; i < top->logs_to; i++)
		ck_assert_int_eq(records_add(&d->logs, &c->logs.v[i], NULL), ERR_OK);
	memcpy(next(d)->words, top->words, sizeof top->words);
	next(d)->words_n = top->words_n;
	replay_products(d, top);
	return d;
}
