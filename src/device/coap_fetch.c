/* coap_fetch.c: see coap_fetch.h. */
#include "device/coap_fetch.h"

#include "coap/option.h"

#include <string.h>

enum { ACK_TIMEOUT_MS = 2000, MAX_RETRANSMIT = 4, SEPARATE_MS = 60000, TOKEN_LEN = 4, MAX_AGE_DEFAULT_S = 60 };

static void fail(struct coap_fetch *f, enum err_code code, const char *why)
{
	if (f->status != FETCH_RUNNING)
		return;
	f->status = FETCH_FAILED;
	err_set(&f->err, code, "%s", why);
}

static uint64_t block_size(const struct coap_fetch *f)
{
	return UINT64_C(16) << f->szx;
}

static void begin(struct coap_fetch *f, uint16_t id, uint32_t token, uint64_t seed)
{
	f->status = FETCH_RUNNING;
	f->end = UINT64_MAX;
	f->id = id;
	f->token = token;
	f->random = seed | 1;
}

void coap_fetch_get(struct coap_fetch *f, const char *path, uint64_t from, const struct sink *sink,
		    uint16_t id, uint32_t token, uint64_t seed)
{
	memset(f, 0, sizeof *f);
	begin(f, id, token, seed);
	f->method = PDU_GET;
	f->path = path;
	f->sink = sink;
	f->szx = BLOCKWISE_SZX_MAX;
	f->next = f->delivered = from - from % block_size(f);
}

void coap_fetch_post(struct coap_fetch *f, const char *path, struct span body, uint16_t id, uint32_t token,
		     uint64_t seed)
{
	memset(f, 0, sizeof *f);
	begin(f, id, token, seed);
	f->method = PDU_POST;
	f->path = path;
	f->body = body;
}

/* --- asking --- */

/* Between one and one and a half times (RFC 7252 section 4.8), from a generator that need not be good. */
static int64_t spread(struct coap_fetch *f, int64_t ms)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return ms + (int64_t)(f->random % (uint64_t)(ms / 2));
}

static void put_segments(struct pdu_writer *w, uint16_t number, struct span text, char separator)
{
	while (text.n > 0) {
		const uint8_t *cut = memchr(text.p, separator, text.n);
		size_t n = cut ? (size_t)(cut - text.p) : text.n;

		pdu_option(w, number, SPAN(text.p, n));
		text = span_cut(text, n + 1, text.n);
	}
}

void coap_fetch_put_path(struct pdu_writer *w, const char *path, int content_format)
{
	size_t n = strcspn(path, "?");
	struct span query = span_str(path + n + (path[n] == '?'));

	put_segments(w, OPTION_URI_PATH, SPAN(path + 1, n - 1), '/');
	if (content_format >= 0)
		pdu_option_uint(w, OPTION_CONTENT_FORMAT, (uint32_t)content_format);
	put_segments(w, OPTION_URI_QUERY, query, '&');
}

static size_t put_request(struct coap_fetch *f, const struct fetch_slot *s, uint8_t out[COAP_MESSAGE_MAX])
{
	struct blockwise block = { (uint32_t)(s->offset >> (f->szx + 4)), f->szx, false };
	uint8_t token[TOKEN_LEN] = { (uint8_t)(s->token >> 24), (uint8_t)(s->token >> 16), (uint8_t)(s->token >> 8),
				     (uint8_t)s->token };
	struct pdu_writer w;

	pdu_begin(&w, out, COAP_MESSAGE_MAX, PDU_CON, f->method, s->id, SPAN_OF(token));
	coap_fetch_put_path(&w, f->path, f->method == PDU_POST ? CONTENT_CBOR : -1);
	if (f->method == PDU_GET)
		pdu_option_uint(&w, OPTION_BLOCK2, blockwise_value(&block));
	if (f->echo_n)
		pdu_option(&w, OPTION_ECHO, SPAN(f->echo, f->echo_n));
	pdu_payload(&w, f->body);
	return pdu_end(&w);
}

static void ask(struct coap_fetch *f, struct fetch_slot *s, uint64_t offset, int64_t now_ms)
{
	*s = (struct fetch_slot){ .at = SLOT_ASK, .offset = offset, .id = f->id++, .token = f->token++,
				  .due_ms = now_ms };
}

static bool is_idle(const struct coap_fetch *f)
{
	for (int i = 0; i < COAP_FETCH_WINDOW; i++)
		if (f->slots[i].at != SLOT_FREE)
			return false;
	return true;
}

/* The first block alone; then as many as there are slots. */
static void fill_window(struct coap_fetch *f, int64_t now_ms)
{
	for (int i = 0; i < COAP_FETCH_WINDOW && f->next < f->end; i++) {
		if (f->slots[i].at != SLOT_FREE)
			continue;
		if (!f->is_settled && !is_idle(f))
			return;
		if (f->next >> (f->szx + 4) > BLOCKWISE_NUMBER_MAX) {
			if (is_idle(f))
				fail(f, ERR_LIMIT, "the image is too large for blocks of this size: use HTTP");
			return;
		}
		ask(f, &f->slots[i], f->next, now_ms);
		f->next += block_size(f);
	}
}

static size_t send_slot(struct coap_fetch *f, struct fetch_slot *s, int64_t now_ms, uint8_t out[COAP_MESSAGE_MAX])
{
	size_t n = put_request(f, s, out);

	s->wait_ms = s->at == SLOT_ASK ? spread(f, ACK_TIMEOUT_MS) : 2 * s->wait_ms;
	s->due_ms = now_ms + s->wait_ms;
	s->tries++;
	s->at = SLOT_ASKED;
	if (n == 0)
		fail(f, ERR_LIMIT, "the request does not fit a datagram");
	return n;
}

size_t coap_fetch_next(struct coap_fetch *f, int64_t now_ms, uint8_t out[COAP_MESSAGE_MAX])
{
	if (f->status != FETCH_RUNNING)
		return 0;
	fill_window(f, now_ms);
	for (int i = 0; i < COAP_FETCH_WINDOW; i++) {
		struct fetch_slot *s = &f->slots[i];

		if (s->at == SLOT_FREE || s->at == SLOT_HELD || s->due_ms > now_ms)
			continue;
		if (s->at == SLOT_ACKED || s->tries > MAX_RETRANSMIT) {
			fail(f, ERR_NET, "no answer");
			return 0;
		}
		return send_slot(f, s, now_ms, out);
	}
	return 0;
}

int64_t coap_fetch_wait_ms(const struct coap_fetch *f, int64_t now_ms)
{
	int64_t wait = SEPARATE_MS;

	for (int i = 0; i < COAP_FETCH_WINDOW; i++) {
		const struct fetch_slot *s = &f->slots[i];

		if (s->at != SLOT_FREE && s->at != SLOT_HELD && s->due_ms - now_ms < wait)
			wait = s->due_ms - now_ms;
	}
	return wait < 0 ? 0 : wait;
}

/* --- answers --- */

static enum err_code code_class(uint8_t code)
{
	switch (code) {
	case PDU_NOT_FOUND: return ERR_NOT_FOUND;
	case PDU_UNAVAILABLE:
	case PDU_TOO_MANY: return ERR_BUSY;
	case PDU_UNAUTHORIZED:
	case PDU_FORBIDDEN: return ERR_DENIED;
	default: return ERR_RULE;
	}
}

static void fail_by_code(struct coap_fetch *f, uint8_t code, struct span diagnostic)
{
	if (f->status != FETCH_RUNNING)
		return;
	f->status = FETCH_FAILED;
	err_set(&f->err, code_class(code), "the gateway answered %u.%02u %.*s", pdu_class(code), code & 31u,
		(int)(diagnostic.n > 64 ? 64 : diagnostic.n), (const char *)diagnostic.p);
}

/* Hands on what lies in front of the gap. An error held beyond the end is forgotten with its slot. */
static void deliver(struct coap_fetch *f)
{
	bool moved = true;

	while (moved && f->status == FETCH_RUNNING) {
		moved = false;
		for (int i = 0; i < COAP_FETCH_WINDOW; i++) {
			struct fetch_slot *s = &f->slots[i];

			if (s->at != SLOT_HELD || s->offset != f->delivered || f->delivered >= f->end)
				continue;
			if (s->code != PDU_CONTENT) {
				fail_by_code(f, s->code, SPAN(s->data, s->n));
				return;
			}
			s->at = SLOT_FREE;
			f->delivered += s->n;
			moved = true;
			if (!f->sink->take(f->sink->arg, s->offset, SPAN(s->data, s->n))) {
				fail(f, ERR_LIMIT, "the transfer was stopped");
				return;
			}
		}
	}
	if (f->delivered >= f->end && f->status == FETCH_RUNNING)
		f->status = FETCH_COMPLETE;
}

/* The gateway prefers smaller blocks: what else was asked for in the larger size is forgotten. */
static void shrink(struct coap_fetch *f, const struct fetch_slot *keep, uint8_t szx)
{
	f->szx = szx;
	for (int i = 0; i < COAP_FETCH_WINDOW; i++)
		if (&f->slots[i] != keep)
			f->slots[i].at = SLOT_FREE;
	f->next = keep->offset + keep->n;
}

static bool is_etag_right(struct coap_fetch *f, const struct pdu *m)
{
	struct span etag = { 0 };

	if (!option_find(m->options, OPTION_ETAG, &etag) || etag.n > sizeof f->etag)
		etag.n = 0;
	if (!f->is_settled) {
		f->etag_n = (uint8_t)etag.n;
		if (etag.n)
			memcpy(f->etag, etag.p, etag.n);
	}
	return span_eq(etag, SPAN(f->etag, f->etag_n));
}

static void note_size(struct coap_fetch *f, const struct pdu *m)
{
	struct span size;

	if (!f->is_settled && option_find(m->options, OPTION_SIZE2, &size) && size.n <= 4)
		f->end = option_uint(size);
}

/* No Block2 in an answer: the whole is in it, which is right for offset 0 only. */
static bool read_block(const struct fetch_slot *s, const struct pdu *m, struct blockwise *b)
{
	struct span value;

	*b = (struct blockwise){ 0, BLOCKWISE_SZX_MAX, false };
	if (!option_find(m->options, OPTION_BLOCK2, &value))
		return s->offset == 0 && m->payload.n <= BLOCKWISE_SIZE_MAX;
	return blockwise_read(value, b, NULL) == ERR_OK && blockwise_offset(b) == s->offset &&
	       (b->has_more ? m->payload.n == blockwise_size(b) : m->payload.n <= blockwise_size(b));
}

static void take_content(struct coap_fetch *f, struct fetch_slot *s, const struct pdu *m)
{
	struct blockwise b;

	if (!read_block(s, m, &b)) {
		fail(f, ERR_FORMAT, "the gateway answered with another block than was asked for");
		return;
	}
	if (!is_etag_right(f, m)) {
		fail(f, ERR_NET, "the representation changed under the transfer (another ETag)");
		return;
	}
	note_size(f, m);
	s->at = SLOT_HELD;
	s->code = PDU_CONTENT;
	s->n = (uint16_t)m->payload.n;
	if (s->n)
		memcpy(s->data, m->payload.p, s->n);
	if (!b.has_more)
		f->end = s->offset + s->n;
	else if (b.szx < f->szx)
		shrink(f, s, b.szx);
	f->is_settled = true;
	f->challenges = 0;
	deliver(f);
}

static unsigned max_age(const struct pdu *m)
{
	struct span value;

	return option_find(m->options, OPTION_MAX_AGE, &value) && value.n <= 4 ? option_uint(value) : MAX_AGE_DEFAULT_S;
}

/* Busy: the same again after Max-Age, unless that is long or has been done often. A 5.03 at the very beginning says
 * that there is nothing yet, and the caller knows better when to come back. */
static void take_busy(struct coap_fetch *f, struct fetch_slot *s, const struct pdu *m, int64_t now_ms)
{
	unsigned wait_s = max_age(m);

	f->retry_s = wait_s;
	if ((m->code == PDU_UNAVAILABLE && !f->is_settled) || wait_s > COAP_FETCH_WAIT_S_MAX || f->waits++ == COAP_FETCH_WAITS_MAX)
		fail_by_code(f, m->code, m->payload);
	else
		ask(f, s, s->offset, now_ms + 1000 * (int64_t)(wait_s ? wait_s : 1));
}

static void take_error(struct coap_fetch *f, struct fetch_slot *s, const struct pdu *m)
{
	if (!f->is_settled || f->method == PDU_POST) {
		fail_by_code(f, m->code, m->payload);
		return;
	}
	/* It may be for a block beyond an end that is not known yet. */
	s->at = SLOT_HELD;
	s->code = m->code;
	s->n = (uint16_t)(m->payload.n > 64 ? 64 : m->payload.n);
	if (s->n)
		memcpy(s->data, m->payload.p, s->n);
	deliver(f);
}

static bool take_echo(struct coap_fetch *f, struct fetch_slot *s, const struct pdu *m, int64_t now_ms)
{
	struct span echo;

	if (m->code != PDU_UNAUTHORIZED || !option_find(m->options, OPTION_ECHO, &echo) || echo.n == 0 ||
	    echo.n > sizeof f->echo || f->challenges == COAP_FETCH_CHALLENGES_MAX)
		return false;
	f->challenges++;
	memcpy(f->echo, echo.p, echo.n);
	f->echo_n = (uint8_t)echo.n;
	ask(f, s, s->offset, now_ms);
	return true;
}

static void take_answer(struct coap_fetch *f, struct fetch_slot *s, const struct pdu *m, int64_t now_ms)
{
	if (take_echo(f, s, m, now_ms))
		return;
	if (m->code == PDU_TOO_MANY || m->code == PDU_UNAVAILABLE)
		take_busy(f, s, m, now_ms);
	else if (f->method == PDU_POST && pdu_class(m->code) == 2)
		f->status = FETCH_COMPLETE;
	else if (f->method == PDU_GET && m->code == PDU_CONTENT)
		take_content(f, s, m);
	else
		take_error(f, s, m);
}

static struct fetch_slot *slot_by_token(struct coap_fetch *f, struct span token)
{
	uint32_t v = 0;

	if (token.n != TOKEN_LEN)
		return NULL;
	for (size_t i = 0; i < token.n; i++)
		v = v << 8 | token.p[i];
	for (int i = 0; i < COAP_FETCH_WINDOW; i++)
		if ((f->slots[i].at == SLOT_ASKED || f->slots[i].at == SLOT_ACKED) && f->slots[i].token == v)
			return &f->slots[i];
	return NULL;
}

static struct fetch_slot *slot_by_id(struct coap_fetch *f, uint16_t id)
{
	for (int i = 0; i < COAP_FETCH_WINDOW; i++)
		if (f->slots[i].at == SLOT_ASKED && f->slots[i].id == id)
			return &f->slots[i];
	return NULL;
}

static void take_empty(struct coap_fetch *f, const struct pdu *m, int64_t now_ms)
{
	struct fetch_slot *s = slot_by_id(f, m->id);

	if (!s)
		return;
	if (m->type == PDU_RST) {
		fail(f, ERR_NET, "the gateway reset the request");
	} else if (m->type == PDU_ACK) {
		s->at = SLOT_ACKED;
		s->due_ms = now_ms + SEPARATE_MS;
	}
}

/* Whoever waits for an ACK gets one: a separate answer may come again because its first ACK was lost. But a
 * notification to a token that is over is told that nobody listens any more (RFC 7641 section 3.6). */
static size_t answer_to(const struct fetch_slot *s, const struct pdu *m, uint8_t reply[PDU_HEADER])
{
	struct span value;
	bool is_stale = !s && option_find(m->options, OPTION_OBSERVE, &value);

	if (is_stale && (m->type == PDU_CON || m->type == PDU_NON))
		return pdu_write_empty(reply, PDU_RST, m->id);
	return m->type == PDU_CON ? pdu_write_empty(reply, PDU_ACK, m->id) : 0;
}

size_t coap_fetch_take(struct coap_fetch *f, int64_t now_ms, struct span datagram, uint8_t reply[PDU_HEADER])
{
	struct fetch_slot *s;
	struct pdu m;

	if (f->status != FETCH_RUNNING || pdu_read(datagram, &m, NULL) != ERR_OK || pdu_is_request(m.code))
		return 0;
	if (m.code == PDU_EMPTY) {
		take_empty(f, &m, now_ms);
		return 0;
	}
	s = slot_by_token(f, m.token);
	if (s && (m.type != PDU_ACK || m.id == s->id))
		take_answer(f, s, &m, now_ms);
	return answer_to(s, &m, reply);
}
