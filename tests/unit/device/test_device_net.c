/* test_device_net.c: the reference program's parts: HTTP heads, CoAP transfers message by message, files as flash. */
#include "base/cleanup.h"
#include "coap/option.h"
#include "device/coap_fetch.h"
#include "device/http_head.h"
#include "device/slot.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ROWS(table) (int)(sizeof table / sizeof *table)

/* --- HTTP heads --- */

static const struct { const char *rule, *head; int code; unsigned status; uint64_t length, from; unsigned retry_s; } heads[] = {
	{ "a plain one", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", ERR_OK, 200, 10, 0, 0 },
	{ "line feeds alone, names in any case", "HTTP/1.0 200\ncontent-LENGTH:10  \n\n", ERR_OK, 200, 10, 0, 0 },
	{ "a range", "HTTP/1.1 206 x\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\n", ERR_OK, 206, 5, 5, 0 },
	{ "a range of unknown whole", "HTTP/1.1 206 x\r\nContent-Range: bytes 5-9/*\r\n\r\n", ERR_OK, 206, 0, 5, 0 },
	{ "a range with 200 means nothing", "HTTP/1.1 200 x\r\nContent-Range: bytes 5-9/10\r\n\r\n", ERR_OK, 200, 0, 0, 0 },
	{ "busy", "HTTP/1.1 503 x\r\nRetry-After: 30\r\n\r\n", ERR_OK, 503, 0, 0, 30 },
	{ "busy for long", "HTTP/1.1 429 x\r\nRetry-After: 99999999\r\n\r\n", ERR_OK, 429, 0, 0, 86400 },
	{ "busy until a date", "HTTP/1.1 503 x\r\nRetry-After: Mon, 23 Nov\r\n\r\n", ERR_OK, 503, 0, 0, 0 },
	{ "one length twice", "HTTP/1.1 200 x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", ERR_OK, 200, 5, 0, 0 },
	{ "identity is no coding", "HTTP/1.1 200 x\r\nContent-Encoding: identity\r\n\r\n", ERR_OK, 200, 0, 0, 0 },
	{ "nothing yet", "", ERR_BUSY, 0, 0, 0, 0 },
	{ "not all yet", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n", ERR_BUSY, 0, 0, 0, 0 },
	{ "another protocol", "SSH-2.0-x\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "HTTP/2", "HTTP/2 200\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "status 99", "HTTP/1.1 99 x\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "status 600", "HTTP/1.1 600 x\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "two lengths", "HTTP/1.1 200 x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "a length list", "HTTP/1.1 200 x\r\nContent-Length: 5, 5\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "a negative length", "HTTP/1.1 200 x\r\nContent-Length: -5\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "a length over 63 bits", "HTTP/1.1 200 x\r\nContent-Length: 99999999999999999999\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "a 206 without its range", "HTTP/1.1 206 x\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "a range backwards", "HTTP/1.1 206 x\r\nContent-Range: bytes 9-5/10\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "a range in other units", "HTTP/1.1 206 x\r\nContent-Range: pages 5-9/10\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "no field", "HTTP/1.1 200 x\r\nnonsense\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "no name", "HTTP/1.1 200 x\r\n: 5\r\n\r\n", ERR_FORMAT, 0, 0, 0, 0 },
	{ "chunks", "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_RULE, 0, 0, 0, 0 },
	{ "gzip", "HTTP/1.1 200 x\r\nContent-Encoding: gzip\r\n\r\n", ERR_RULE, 0, 0, 0, 0 },
};

START_TEST(reads_heads)
{
	struct http_head h = { 0 };
	struct err e = { 0 };

	ck_assert_msg(http_head_read(span_str(heads[_i].head), &h, &e) == heads[_i].code, "%s: %s", heads[_i].rule, e.msg);
	ck_assert_msg(h.status == heads[_i].status && h.length == heads[_i].length && h.from == heads[_i].from &&
		      h.retry_s == heads[_i].retry_s, "%s", heads[_i].rule);
	if (heads[_i].code == ERR_OK)
		ck_assert_uint_eq(h.n, strlen(heads[_i].head));
}
END_TEST

START_TEST(refuses_a_head_without_end)
{
	static uint8_t head[HTTP_HEAD_MAX];
	struct http_head h;

	memset(head, 'x', sizeof head);
	ck_assert_int_eq(http_head_read(SPAN_OF(head), &h, NULL), ERR_FORMAT);
	memcpy(head, "HTTP/1.1 200 x\n", 15);
	ck_assert_int_eq(http_head_read(SPAN_OF(head), &h, NULL), ERR_FORMAT);
}
END_TEST

/* --- CoAP transfers --- */

#define BODY_LEN 5000

struct transfer {
	struct coap_fetch f;
	struct sink sink;
	uint8_t body[BODY_LEN], got[BODY_LEN];
	size_t n;
	bool refuses;
};

static bool on_take(void *arg, uint64_t at, struct span data)
{
	struct transfer *t = arg;

	ck_assert_uint_eq(at, t->n);
	ck_assert_uint_le(t->n + data.n, BODY_LEN);
	memcpy(t->got + at, data.p, data.n);
	t->n += data.n;
	return !t->refuses;
}

static void start(struct transfer *t)
{
	memset(t, 0, sizeof *t);
	for (size_t i = 0; i < BODY_LEN; i++)
		t->body[i] = (uint8_t)(i * 31 + i / 256);
	t->sink = (struct sink){ on_take, t };
	coap_fetch_get(&t->f, "/a/b?c=1&d", 0, &t->sink, 100, 200, 1);
}

struct asked {
	uint8_t bytes[COAP_MESSAGE_MAX];
	struct pdu m;
	struct blockwise block;
};

/* The next message that goes out now, if any. */
static bool next(struct transfer *t, int64_t now_ms, struct asked *a)
{
	size_t n = coap_fetch_next(&t->f, now_ms, a->bytes);
	struct span value;

	if (n == 0)
		return false;
	ck_assert_int_eq(pdu_read(SPAN(a->bytes, n), &a->m, NULL), ERR_OK);
	ck_assert(option_find(a->m.options, OPTION_BLOCK2, &value));
	ck_assert_int_eq(blockwise_read(value, &a->block, NULL), ERR_OK);
	return true;
}

struct answer {
	enum pdu_type type;
	uint8_t code;
	const char *etag;
	int shift;		/* of the block's number: what nobody asked for */
	unsigned cut;		/* bytes left off */
	unsigned max_age;
	bool no_block;
};

static size_t take(struct transfer *t, int64_t now_ms, const struct asked *a, struct answer r)
{
	struct blockwise b = a->block;
	uint8_t out[COAP_MESSAGE_MAX], reply[PDU_HEADER];
	uint64_t off = blockwise_offset(&b);
	struct span piece = span_cut(SPAN_OF(t->body), off, blockwise_size(&b));
	struct pdu_writer w;

	b.has_more = off + piece.n < BODY_LEN;
	b.number += (uint32_t)r.shift;
	piece.n -= r.cut;
	pdu_begin(&w, out, sizeof out, r.type, r.code ? r.code : PDU_CONTENT, r.type == PDU_ACK ? a->m.id : 7, a->m.token);
	pdu_option(&w, OPTION_ETAG, span_str(r.etag ? r.etag : "etagetag"));
	if (r.max_age)
		pdu_option_uint(&w, OPTION_MAX_AGE, r.max_age);
	if (!r.no_block)
		pdu_option_uint(&w, OPTION_BLOCK2, blockwise_value(&b));
	pdu_payload(&w, piece);
	return coap_fetch_take(&t->f, now_ms, SPAN(out, pdu_end(&w)), reply);
}

static const struct answer good = { .type = PDU_ACK };

START_TEST(writes_the_path)
{
	struct transfer t;
	struct asked a;
	struct span value;

	start(&t);
	ck_assert(next(&t, 0, &a));
	ck_assert(a.m.type == PDU_CON && a.m.code == PDU_GET && a.m.id == 100);
	ck_assert(option_find(a.m.options, OPTION_URI_PATH, &value) && span_is(value, "a"));
	ck_assert(option_find(a.m.options, OPTION_URI_QUERY, &value) && span_is(value, "c=1"));
	ck_assert(a.block.number == 0 && a.block.szx == 6);
}
END_TEST

START_TEST(asks_one_then_four)
{
	struct transfer t;
	struct asked first, a[5];

	start(&t);
	ck_assert(next(&t, 0, &first));
	ck_assert(!next(&t, 0, &a[0]));
	take(&t, 0, &first, good);
	for (int i = 0; i < 4; i++) {
		ck_assert(next(&t, 0, &a[i]));
		ck_assert_uint_eq(a[i].block.number, (uint32_t)i + 1);
	}
	ck_assert(!next(&t, 0, &a[4]));
	for (int i = 4; i-- > 0;)	/* from the last to the first */
		take(&t, 0, &a[i], good);
	ck_assert_int_eq(t.f.status, FETCH_COMPLETE);
	ck_assert_mem_eq(t.got, t.body, BODY_LEN);
}
END_TEST

START_TEST(asks_again_four_times_then_gives_up)
{
	struct transfer t;
	struct asked a;
	int64_t now = 0, wait;

	start(&t);
	ck_assert(next(&t, now, &a));
	wait = coap_fetch_wait_ms(&t.f, now);
	ck_assert(wait >= 2000 && wait <= 3000);
	for (int i = 0; i < 4; i++) {
		uint16_t id = a.m.id;

		ck_assert(!next(&t, now + wait - 1, &a));
		now += wait;
		ck_assert(next(&t, now, &a));
		ck_assert_uint_eq(a.m.id, id);
		ck_assert_int_eq(coap_fetch_wait_ms(&t.f, now), 2 * wait);
		wait *= 2;
	}
	ck_assert(!next(&t, now + wait, &a));
	ck_assert_int_eq(t.f.status, FETCH_FAILED);
	ck_assert_int_eq(t.f.err.code, ERR_NET);
}
END_TEST

START_TEST(waits_after_an_empty_ack)
{
	struct transfer t;
	struct asked a;
	uint8_t ack[PDU_HEADER], reply[PDU_HEADER];

	start(&t);
	ck_assert(next(&t, 0, &a));
	pdu_write_empty(ack, PDU_ACK, a.m.id);
	ck_assert_uint_eq(coap_fetch_take(&t.f, 0, SPAN_OF(ack), reply), 0);
	struct asked later;
	ck_assert(!next(&t, 50000, &later));
	ck_assert_uint_eq(take(&t, 50000, &a, (struct answer){ .type = PDU_CON }), PDU_HEADER);	/* is acknowledged */
	ck_assert_uint_eq(t.n, 1024);
	ck_assert_uint_eq(take(&t, 50000, &a, (struct answer){ .type = PDU_CON }), PDU_HEADER);	/* so is its copy */
	ck_assert_uint_eq(t.n, 1024);
}
END_TEST

START_TEST(ends_on_a_reset)
{
	struct transfer t;
	struct asked a;
	uint8_t rst[PDU_HEADER], reply[PDU_HEADER];

	start(&t);
	ck_assert(next(&t, 0, &a));
	pdu_write_empty(rst, PDU_RST, a.m.id);
	(void)coap_fetch_take(&t.f, 0, SPAN_OF(rst), reply);
	ck_assert_int_eq(t.f.status, FETCH_FAILED);
}
END_TEST

/* An answer to the second block that must end the transfer. */
static const struct { const char *rule; struct answer answer; enum err_code code; } odd[] = {
	{ "another ETag", { .type = PDU_ACK, .etag = "otheretg" }, ERR_NET },
	{ "no ETag any more", { .type = PDU_ACK, .etag = "" }, ERR_NET },
	{ "another block", { .type = PDU_ACK, .shift = 1 }, ERR_FORMAT },
	{ "a block too short", { .type = PDU_ACK, .cut = 1 }, ERR_FORMAT },
	{ "the whole in one, for a later block", { .type = PDU_ACK, .no_block = true }, ERR_FORMAT },
	{ "an error in front of what is there", { .type = PDU_ACK, .code = PDU_INTERNAL }, ERR_RULE },
	{ "gone", { .type = PDU_ACK, .code = PDU_NOT_FOUND }, ERR_NOT_FOUND },
	{ "2.04 to a GET", { .type = PDU_ACK, .code = PDU_CHANGED }, ERR_RULE },
	{ "busy for too long", { .type = PDU_ACK, .code = PDU_TOO_MANY, .max_age = 61 }, ERR_BUSY },
};

START_TEST(ends_on_odd_answers)
{
	struct transfer t;
	struct asked a;

	start(&t);
	ck_assert(next(&t, 0, &a));
	take(&t, 0, &a, good);
	ck_assert(next(&t, 0, &a));
	take(&t, 0, &a, odd[_i].answer);
	ck_assert_msg(t.f.status == FETCH_FAILED && t.f.err.code == odd[_i].code, "%s: %s", odd[_i].rule, t.f.err.msg);
	ck_assert_uint_eq(t.n, 1024);
}
END_TEST

START_TEST(comes_back_after_max_age)
{
	struct transfer t;
	struct asked a, again;

	start(&t);
	ck_assert(next(&t, 0, &a));
	take(&t, 0, &a, (struct answer){ .type = PDU_ACK, .code = PDU_TOO_MANY, .max_age = 2 });
	ck_assert_int_eq(t.f.status, FETCH_RUNNING);
	ck_assert(!next(&t, 1999, &again));
	ck_assert(next(&t, 2000, &again));
	ck_assert(again.m.id != a.m.id && again.block.number == 0);
	take(&t, 2000, &again, (struct answer){ .type = PDU_ACK, .code = PDU_UNAVAILABLE, .max_age = 2 });
	ck_assert_int_eq(t.f.status, FETCH_FAILED);	/* nothing there yet: the caller knows when to come back */
	ck_assert_uint_eq(t.f.retry_s, 2);
}
END_TEST

START_TEST(stops_when_the_sink_says_so)
{
	struct transfer t;
	struct asked a;

	start(&t);
	t.refuses = true;
	ck_assert(next(&t, 0, &a));
	take(&t, 0, &a, good);
	ck_assert(t.f.status == FETCH_FAILED && t.f.err.code == ERR_LIMIT);
}
END_TEST

START_TEST(begins_in_the_middle)
{
	struct transfer t;
	struct asked a;

	start(&t);
	t.n = 3072;
	coap_fetch_get(&t.f, "/a", 4000, &t.sink, 1, 1, 1);	/* within block 3 */
	ck_assert(next(&t, 0, &a));
	ck_assert_uint_eq(a.block.number, 3);
	take(&t, 0, &a, good);
	ck_assert(next(&t, 0, &a) && a.block.number == 4);
	take(&t, 0, &a, good);
	ck_assert_int_eq(t.f.status, FETCH_COMPLETE);
	ck_assert_uint_eq(t.n, BODY_LEN);
}
END_TEST

START_TEST(ends_where_block_numbers_do)
{
	struct transfer t;
	struct asked a;

	start(&t);
	coap_fetch_get(&t.f, "/a", UINT64_C(1) << 30, &t.sink, 1, 1, 1);
	ck_assert(!next(&t, 0, &a));
	ck_assert(t.f.status == FETCH_FAILED && strstr(t.f.err.msg, "HTTP"));
}
END_TEST

START_TEST(tells_late_notifications_off)
{
	struct transfer t;
	struct asked a;
	uint8_t out[64], reply[PDU_HEADER];
	struct pdu_writer w;
	struct pdu m;

	start(&t);
	ck_assert(next(&t, 0, &a));
	pdu_begin(&w, out, sizeof out, PDU_NON, PDU_CONTENT, 9, SPAN_LIT("old!"));
	pdu_option_uint(&w, OPTION_OBSERVE, 5);
	ck_assert_uint_eq(coap_fetch_take(&t.f, 0, SPAN(out, pdu_end(&w)), reply), PDU_HEADER);
	ck_assert(pdu_peek(SPAN_OF(reply), &m) && m.type == PDU_RST && m.id == 9);
	ck_assert_int_eq(t.f.status, FETCH_RUNNING);
}
END_TEST

/* The third block comes smaller: what was asked for in the old size does not matter any more. */
START_TEST(goes_on_in_smaller_blocks)
{
	struct transfer t;
	struct asked a, late[3];
	struct blockwise small;

	start(&t);
	ck_assert(next(&t, 0, &a));
	take(&t, 0, &a, good);
	ck_assert(next(&t, 0, &a));
	for (int i = 0; i < 3; i++)
		ck_assert(next(&t, 0, &late[i]));
	small = (struct blockwise){ a.block.number << 2, 4, true };
	a.block = small;
	take(&t, 0, &a, good);
	ck_assert_uint_eq(t.n, 1024 + 256);
	for (int i = 0; i < 3; i++)
		take(&t, 0, &late[i], good);	/* tokens that are over */
	ck_assert_uint_eq(t.n, 1024 + 256);
	while (t.f.status == FETCH_RUNNING) {
		ck_assert(next(&t, 0, &a));
		ck_assert_uint_eq(a.block.szx, 4);
		take(&t, 0, &a, good);
	}
	ck_assert_int_eq(t.f.status, FETCH_COMPLETE);
	ck_assert_mem_eq(t.got, t.body, BODY_LEN);
}
END_TEST

START_TEST(posts)
{
	struct coap_fetch f;
	uint8_t out[COAP_MESSAGE_MAX], reply[PDU_HEADER], answer[16];
	struct pdu_writer w;
	struct span value;
	struct pdu m;
	size_t n;

	coap_fetch_post(&f, "/fw/a/b/report", SPAN_LIT("body"), 5, 6, 7);
	n = coap_fetch_next(&f, 0, out);
	ck_assert_int_eq(pdu_read(SPAN(out, n), &m, NULL), ERR_OK);
	ck_assert(m.code == PDU_POST && span_is(m.payload, "body"));
	ck_assert(option_find(m.options, OPTION_CONTENT_FORMAT, &value) && option_uint(value) == CONTENT_CBOR);
	ck_assert(!option_find(m.options, OPTION_BLOCK2, &value));
	pdu_begin(&w, answer, sizeof answer, PDU_ACK, PDU_CHANGED, m.id, m.token);
	ck_assert_uint_eq(coap_fetch_take(&f, 0, SPAN(answer, pdu_end(&w)), reply), 0);
	ck_assert_int_eq(f.status, FETCH_COMPLETE);
}
END_TEST

/* 4.01 with an Echo value: the same request with it; and not for ever. */
START_TEST(shows_its_address)
{
	struct transfer t;
	struct asked a;
	uint8_t answer[32], reply[PDU_HEADER];
	struct span value;

	start(&t);
	for (uint8_t i = 0; t.f.status == FETCH_RUNNING; i++) {
		struct pdu_writer w;

		ck_assert_uint_le(i, COAP_FETCH_CHALLENGES_MAX);
		ck_assert(next(&t, 0, &a));
		ck_assert(option_find(a.m.options, OPTION_ECHO, &value) == (i > 0));
		if (i > 0)
			ck_assert(value.n == 1 && value.p[0] == i - 1);
		pdu_begin(&w, answer, sizeof answer, PDU_ACK, PDU_UNAUTHORIZED, a.m.id, a.m.token);
		pdu_option(&w, OPTION_ECHO, SPAN_OF(i));
		(void)coap_fetch_take(&t.f, 0, SPAN(answer, pdu_end(&w)), reply);
	}
	ck_assert_int_eq(t.f.err.code, ERR_DENIED);
}
END_TEST

/* --- files as flash --- */

static char dir[] = "/tmp/test_device_net.XXXXXX", image[64];
static struct slot slot;

static void set_up(void)
{
	memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(image, sizeof image, "%s/fw", dir);
	ck_assert_int_eq(slot_init(&slot, image, NULL, NULL), ERR_OK);
}

static void tear_down(void)
{
	static const char *const names[] = { "fw", "fw.slot", "fw.state", "fw.new", "fw.state.new" };
	char path[96];

	slot_fini(&slot);
	for (int i = 0; i < ROWS(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);	/* nothing else was left */
}

START_TEST(keeps_the_state)
{
	uint8_t saved[GPD_STATE_LEN] = { 1, 2, 3 }, loaded[GPD_STATE_LEN];

	ck_assert_int_eq(slot_load_state(&slot, loaded, NULL), ERR_NOT_FOUND);
	ck_assert_int_eq(slot_save_state(&slot, saved, NULL), ERR_OK);
	ck_assert_int_eq(slot_load_state(&slot, loaded, NULL), ERR_OK);
	ck_assert_mem_eq(saved, loaded, sizeof saved);
	ck_assert_int_eq(truncate(slot.state, 10), 0);
	ck_assert_int_eq(slot_load_state(&slot, loaded, NULL), ERR_CORRUPT);
}
END_TEST

START_TEST(installs_a_copy)
{
	uint8_t back[3];
	struct stat st;

	ck_assert_int_eq(slot_write(&slot, 0, SPAN_LIT("abcdef"), NULL), ERR_OK);
	ck_assert_int_eq(slot_install(&slot, 3, NULL), ERR_OK);
	ck_assert(stat(image, &st) == 0 && st.st_size == 3);
	ck_assert_int_eq(slot_read(&slot, 0, back, 3, NULL), ERR_OK);	/* and it can be done again */
	ck_assert_mem_eq(back, "abc", 3);
	ck_assert_int_eq(slot_install(&slot, 3, NULL), ERR_OK);
	/* The next image begins with an empty slot, and leaves the installed one alone. */
	ck_assert_int_eq(slot_write(&slot, 0, SPAN_LIT("x"), NULL), ERR_OK);
	ck_assert_int_eq(slot_read(&slot, 0, back, 3, NULL), ERR_CORRUPT);
	ck_assert_int_eq(slot_install(&slot, 3, NULL), ERR_CORRUPT);
	ck_assert(stat(image, &st) == 0 && st.st_size == 3);
}
END_TEST

START_TEST(says_when_there_is_no_slot)
{
	uint8_t back[3];

	ck_assert_int_eq(slot_read(&slot, 0, back, 3, NULL), ERR_NOT_FOUND);
	ck_assert_int_eq(slot_install(&slot, 3, NULL), ERR_NOT_FOUND);
}
END_TEST

int main(void)
{
	TCase *net = tcase_create("net"), *files = tcase_create("files");
	Suite *s = suite_create("device_net");

	tcase_add_loop_test(net, reads_heads, 0, ROWS(heads));
	tcase_add_test(net, refuses_a_head_without_end);
	tcase_add_test(net, writes_the_path);
	tcase_add_test(net, asks_one_then_four);
	tcase_add_test(net, asks_again_four_times_then_gives_up);
	tcase_add_test(net, waits_after_an_empty_ack);
	tcase_add_test(net, ends_on_a_reset);
	tcase_add_loop_test(net, ends_on_odd_answers, 0, ROWS(odd));
	tcase_add_test(net, comes_back_after_max_age);
	tcase_add_test(net, stops_when_the_sink_says_so);
	tcase_add_test(net, begins_in_the_middle);
	tcase_add_test(net, ends_where_block_numbers_do);
	tcase_add_test(net, goes_on_in_smaller_blocks);
	tcase_add_test(net, posts);
	tcase_add_test(net, shows_its_address);
	tcase_add_test(net, tells_late_notifications_off);
	tcase_add_checked_fixture(files, set_up, tear_down);
	tcase_add_test(files, keeps_the_state);
	tcase_add_test(files, installs_a_copy);
	tcase_add_test(files, says_when_there_is_no_slot);
	suite_add_tcase(s, net);
	suite_add_tcase(s, files);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
