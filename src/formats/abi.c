/* abi.c: see abi.h. */
#include "formats/abi.h"
#include "formats/keccak.h"

#define WORD 32

/* --- reading --- */

static void fail(struct abi_reader *r, const char *rule)
{
	if (!r->broken)
		r->broken = rule;
}

struct abi_reader abi_read(struct span data, size_t head_words)
{
	struct abi_reader r = { .data = data, .head_end = head_words * WORD, .tail = head_words * WORD };

	if (data.n < r.head_end)
		fail(&r, "ABI: the head must not run past the end");
	if (data.n % WORD)
		fail(&r, "ABI: data are whole words");
	return r;
}

static bool is_zero(struct span s)
{
	uint8_t any = 0;

	for (size_t i = 0; i < s.n; i++)
		any |= s.p[i];
	return any == 0;
}

/* The word at offset at; zeros after a failure. */
static struct hash32 word_at(struct abi_reader *r, size_t at)
{
	struct hash32 w = { { 0 } };

	if (!r->broken && (at > r->data.n || r->data.n - at < WORD))
		fail(r, "ABI: a word must not run past the end");
	if (!r->broken)
		memcpy(w.b, r->data.p + at, WORD);
	return w;
}

struct hash32 abi_word(struct abi_reader *r)
{
	if (r->head == r->head_end)
		fail(r, "ABI: there are no more head words");

	struct hash32 w = word_at(r, r->head);

	if (!r->broken)
		r->head += WORD;
	return w;
}

static uint64_t low64(const struct hash32 *w)
{
	uint64_t v = 0;

	for (size_t i = WORD - 8; i < WORD; i++)
		v = v << 8 | w->b[i];
	return v;
}

/* A word as a number of at most `bits` bits. */
static uint64_t narrow(struct abi_reader *r, struct hash32 w, unsigned bits)
{
	if (!is_zero(SPAN(w.b, WORD - bits / 8)))
		fail(r, "ABI: a number must fit its type");
	return r->broken ? 0 : low64(&w);
}

uint64_t abi_uint(struct abi_reader *r, unsigned bits)
{
	return narrow(r, abi_word(r), bits);
}

bool abi_bool(struct abi_reader *r)
{
	uint64_t v = abi_uint(r, 8);

	if (v > 1)
		fail(r, "ABI: a bool is 0 or 1");
	return v == 1;
}

struct addr20 abi_addr(struct abi_reader *r)
{
	struct hash32 w = abi_word(r);
	struct addr20 a = { { 0 } };

	if (!is_zero(SPAN(w.b, WORD - sizeof a.b)))
		fail(r, "ABI: an address has 20 bytes");
	if (!r->broken)
		memcpy(a.b, w.b + WORD - sizeof a.b, sizeof a.b);
	return a;
}

/* A number of the tail, read at the tail's present end. */
static size_t tail_size(struct abi_reader *r, size_t max)
{
	uint64_t n = narrow(r, word_at(r, r->tail), 64);

	if (n > max)
		fail(r, "ABI: a length is over its limit");
	if (r->broken)
		return 0;
	r->tail += WORD;
	return (size_t)n;
}

/* Length, bytes and zero padding at the tail's present end. */
static struct span tail_bytes(struct abi_reader *r, size_t max)
{
	size_t n = tail_size(r, max), padded = (n + WORD - 1) / WORD * WORD;

	if (!r->broken && r->data.n - r->tail < padded)
		fail(r, "ABI: bytes must not run past the end");
	if (r->broken)
		return SPAN(NULL, 0);

	struct span s = SPAN(r->data.p + r->tail, n);

	if (!is_zero(SPAN(s.p + n, padded - n)))
		fail(r, "ABI: padding is zero");
	r->tail += padded;
	return r->broken ? SPAN(NULL, 0) : s;
}

/* The offset word at `at`, counted from `from`, has to name the tail's present end. */
static void expect_tail(struct abi_reader *r, size_t at, size_t from)
{
	if (narrow(r, word_at(r, at), 64) != r->tail - from)
		fail(r, "ABI: tails stand in order, without gaps or overlaps");
}

struct span abi_bytes(struct abi_reader *r, size_t max)
{
	size_t at = r->head;

	(void)abi_word(r);
	expect_tail(r, at, 0);
	return tail_bytes(r, max);
}

size_t abi_list(struct abi_reader *r, struct span *out, size_t max, size_t each)
{
	size_t at = r->head;

	(void)abi_word(r);
	expect_tail(r, at, 0);

	size_t n = tail_size(r, max), from = r->tail;

	r->tail += n * WORD;
	for (size_t i = 0; i < n; i++) {
		expect_tail(r, from + i * WORD, from);
		out[i] = tail_bytes(r, each);
	}
	return r->broken ? 0 : n;
}

int abi_end(const struct abi_reader *r, struct err *e)
{
	if (r->broken)
		return err_set(e, ERR_FORMAT, "%s", r->broken);
	if (r->head != r->head_end)
		return err_set(e, ERR_FORMAT, "ABI: there are head words left");
	if (r->tail != r->data.n)
		return err_set(e, ERR_FORMAT, "ABI: nothing may follow the last value");
	return ERR_OK;
}

int abi_topic_u64(const struct hash32 *topic, uint64_t *out, struct err *e)
{
	if (!is_zero(SPAN(topic->b, WORD - 8)))
		return err_set(e, ERR_FORMAT, "ABI: a number must fit its type");
	*out = low64(topic);
	return ERR_OK;
}

int abi_topic_addr(const struct hash32 *topic, struct addr20 *out, struct err *e)
{
	if (!is_zero(SPAN(topic->b, WORD - sizeof out->b)))
		return err_set(e, ERR_FORMAT, "ABI: an address has 20 bytes");
	memcpy(out->b, topic->b + WORD - sizeof out->b, sizeof out->b);
	return ERR_OK;
}

/* --- writing --- */

static void put_word(struct buf *b, struct span low)
{
	static const uint8_t zero[WORD];

	buf_add(b, SPAN(zero, WORD - low.n));
	buf_add(b, low);
}

static void put_number(struct buf *b, uint64_t v)
{
	uint8_t be[8];

	for (unsigned i = 0; i < 8; i++)
		be[i] = (uint8_t)(v >> (56 - 8 * i));
	put_word(b, SPAN_OF(be));
}

static size_t bytes_size(struct span s)
{
	return WORD + (s.n + WORD - 1) / WORD * WORD;
}

static void put_bytes(struct buf *b, struct span s)
{
	static const uint8_t zero[WORD];

	put_number(b, s.n);
	buf_add(b, s);
	buf_add(b, SPAN(zero, bytes_size(s) - WORD - s.n));
}

static size_t list_size(const struct abi_arg *a)
{
	size_t n = WORD + a->list_n * WORD;

	for (size_t i = 0; i < a->list_n; i++)
		n += bytes_size(a->list[i]);
	return n;
}

static void put_list(struct buf *b, const struct abi_arg *a)
{
	size_t at = a->list_n * WORD;

	put_number(b, a->list_n);
	for (size_t i = 0; i < a->list_n; i++) {
		put_number(b, at);
		at += bytes_size(a->list[i]);
	}
	for (size_t i = 0; i < a->list_n; i++)
		put_bytes(b, a->list[i]);
}

static size_t tail_of(const struct abi_arg *a)
{
	switch (a->kind) {
	case ABI_KIND_BYTES:
		return bytes_size(a->bytes);
	case ABI_KIND_LIST:
		return list_size(a);
	case ABI_KIND_UINT:
	case ABI_KIND_WORD:
	case ABI_KIND_ADDR:
		break;
	}
	return 0;
}

static void put_head(struct buf *b, const struct abi_arg *a, size_t tail)
{
	switch (a->kind) {
	case ABI_KIND_UINT:
		put_number(b, a->number);
		return;
	case ABI_KIND_WORD:
		put_word(b, SPAN(a->fixed, sizeof(struct hash32)));
		return;
	case ABI_KIND_ADDR:
		put_word(b, SPAN(a->fixed, sizeof(struct addr20)));
		return;
	case ABI_KIND_BYTES:
	case ABI_KIND_LIST:
		put_number(b, tail);
		return;
	}
}

void abi_encode(struct buf *b, const struct abi_arg *args, size_t n)
{
	size_t tail = n * WORD;

	for (size_t i = 0; i < n; i++) {
		put_head(b, &args[i], tail);
		tail += tail_of(&args[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (args[i].kind == ABI_KIND_BYTES)
			put_bytes(b, args[i].bytes);
		if (args[i].kind == ABI_KIND_LIST)
			put_list(b, &args[i]);
	}
}

struct hash32 abi_signature(const char *signature)
{
	return keccak256(span_str(signature));
}

void abi_call(struct buf *b, const char *signature, const struct abi_arg *args, size_t n)
{
	struct hash32 selector = abi_signature(signature);

	buf_add(b, SPAN(selector.b, 4));
	abi_encode(b, args, n);
}
