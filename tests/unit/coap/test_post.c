/* test_post.c: reports: carried out once, answered when acknowledged; bodies in pieces (RFC 7252 4.2, RFC 7959 2.5). */
#include "suites.h"
#include "asking.h"

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define REPORT "/fw/acme/lamp/report"
#define LIFETIME_MS 247000

static struct asking report(uint16_t id)
{
	return (struct asking){ .code = PDU_POST, .path = REPORT, .id = id, .token = "tk", .payload = SPAN_LIT("{}") };
}

static void start(struct fake *f)
{
	*f = (struct fake){ .version = 1 };
	fake_start(f, NULL);
	fake_trust_all(f);
}

static uint8_t sent_type(const struct fake *f)
{
	return f->sent_bytes[0] >> 4 & 3;
}

static uint16_t sent_id(const struct fake *f)
{
	return (uint16_t)(f->sent_bytes[2] << 8 | f->sent_bytes[3]);
}

START_TEST(acknowledged_in_time)
{
	struct asking a = report(5);
	struct fake f;

	start(&f);
	ck_assert_msg(ask(&f, &a).n == 0, "nothing before the keeper has it");
	ck_assert_uint_eq(f.posts, 1);
	ck_assert(span_is(SPAN(f.body, f.body_n), "{}"));
	responder_post_done(f.r, f.ticket, PDU_CHANGED, 20);
	ck_assert_uint_eq(f.sent, 1);
	ck_assert_mem_eq(f.sent_bytes, "\x62\x44\x00\x05tk", 6);
	ck_assert_uint_eq(f.sent_n, 6);
	/* the same again: the same reply, nothing carried out */
	struct answered r = ask(&f, &a);
	ck_assert_uint_eq(r.n, 6);
	ck_assert_mem_eq(r.bytes, f.sent_bytes, 6);
	a.now_ms = LIFETIME_MS - 1;
	ck_assert_uint_eq(ask(&f, &a).n, 6);
	ck_assert_uint_eq(f.posts, 1);
	a.now_ms = LIFETIME_MS;
	ask(&f, &a);
	ck_assert_msg(f.posts == 2, "after EXCHANGE_LIFETIME the id is a new one");
	fake_stop(&f);
}
END_TEST

START_TEST(others_are_not_the_same)
{
	struct asking a = report(5), other_id = report(6), other_peer = report(5);
	struct fake f;

	start(&f);
	other_peer.from = (struct endpoint){ .address = { 1 }, .port = 5684 };
	ask(&f, &a);
	ask(&f, &other_id);
	ask(&f, &other_peer);
	ck_assert_uint_eq(f.posts, 3);
	fake_stop(&f);
}
END_TEST

START_TEST(acknowledged_late)
{
	struct asking a = report(5), ack;
	struct answered r;
	struct fake f;
	uint16_t id;

	start(&f);
	ask(&f, &a);
	ck_assert_int_eq(responder_due(f.r), 1000);
	responder_tick(f.r, 1000);
	ck_assert_msg(f.sent == 1 && f.sent_n == 4, "an empty ACK before the client asks again");
	ck_assert_mem_eq(f.sent_bytes, "\x60\x00\x00\x05", 4);
	a.now_ms = 1500;
	r = ask(&f, &a);
	ck_assert_msg(r.n == 4 && r.bytes[0] == 0x60, "again an ACK");
	responder_post_done(f.r, f.ticket, PDU_CHANGED, 2000);
	ck_assert_msg(f.sent == 2 && sent_type(&f) == PDU_CON && f.sent_bytes[1] == PDU_CHANGED, "a separate response");
	ck_assert_mem_eq(f.sent_bytes + 4, "tk", 2);
	id = sent_id(&f);
	responder_tick(f.r, 2000 + 3000);
	ck_assert_msg(f.sent == 3 && sent_id(&f) == id, "sent again until acknowledged");
	ack = (struct asking){ .type = PDU_ACK, .id = (uint16_t)(id + 1) };
	uint8_t raw[4] = { 0x60, 0, (uint8_t)((id + 1) >> 8), (uint8_t)(id + 1) };
	ask_raw(&f, SPAN_OF(raw), &ack);
	responder_tick(f.r, 20000);
	ck_assert_msg(f.sent == 4, "another id acknowledges nothing");
	raw[2] = (uint8_t)(id >> 8);
	raw[3] = (uint8_t)id;
	ask_raw(&f, SPAN_OF(raw), &ack);
	responder_tick(f.r, 200000);
	ck_assert_msg(f.sent == 4, "and then no more");
	a.now_ms = 200000;
	r = ask(&f, &a);
	ck_assert_msg(r.n == 4 && r.bytes[0] == 0x60 && f.posts == 1, "the request again: acknowledged, not carried out");
	fake_stop(&f);
}
END_TEST

START_TEST(a_client_that_is_gone)
{
	struct asking a = report(5);
	struct fake f;
	int64_t t;

	start(&f);
	ask(&f, &a);
	responder_tick(f.r, 1000);
	responder_post_done(f.r, f.ticket, PDU_CHANGED, 1001);
	for (t = 1001; t < 240000; t += 500)
		responder_tick(f.r, t);
	ck_assert_msg(f.sent == 1 + 5, "once and four times more: %u", f.sent);
	ck_assert(responder_due(f.r) == INT64_MAX);
	fake_stop(&f);
}
END_TEST

START_TEST(a_keeper_that_is_gone)
{
	struct asking con = report(5), non = report(6);
	struct fake f;

	start(&f);
	ask(&f, &con);
	for (int64_t t = 0; t <= 21000; t += 500)
		responder_tick(f.r, t);
	ck_assert_msg(f.sent == 2 && sent_type(&f) == PDU_CON && f.sent_bytes[1] == PDU_UNAVAILABLE, "5.03 after a while");
	non.type = PDU_NON;
	non.now_ms = 22000;
	ask(&f, &non);
	f.sent = 0;
	responder_tick(f.r, 22000 + 20000);
	ck_assert_uint_ge(f.sent, 1);
	responder_post_done(f.r, f.ticket, PDU_CHANGED, 50000);
	ck_assert_msg(f.sent_bytes[1] == PDU_UNAVAILABLE, "what comes too late is not told");
	fake_stop(&f);
}
END_TEST

START_TEST(a_non_gets_a_non)
{
	struct asking a = report(5);
	struct fake f;

	start(&f);
	a.type = PDU_NON;
	ask(&f, &a);
	ck_assert_msg(ask(&f, &a).n == 0 && f.posts == 1, "no ACK for a NON");
	responder_tick(f.r, 1500);
	ck_assert_uint_eq(f.sent, 0);
	responder_post_done(f.r, f.ticket, PDU_CHANGED, 1600);
	ck_assert(f.sent == 1 && sent_type(&f) == PDU_NON && f.sent_bytes[1] == PDU_CHANGED);
	fake_stop(&f);
}
END_TEST

START_TEST(refused_at_once)
{
	struct asking a = report(5);
	struct answered r;
	struct fake f;

	start(&f);
	a.path = "/fw/acme/lamp/odd";
	for (int i = 0; i < 2; i++) {
		r = ask(&f, &a);
		ck_assert(r.n && r.m.code == PDU_BAD_REQUEST && r.m.type == PDU_ACK && span_is(r.m.payload, "odd"));
	}
	ck_assert_uint_eq(f.posts, 1);
	fake_stop(&f);
}
END_TEST

START_TEST(odd_tickets_mean_nothing)
{
	struct asking a = report(5);
	struct fake f;

	start(&f);
	ask(&f, &a);
	responder_post_done(f.r, 0, PDU_CHANGED, 1);
	responder_post_done(f.r, f.ticket + 1, PDU_CHANGED, 1);
	responder_post_done(f.r, f.ticket + COAP_EXCHANGES_MAX, PDU_CHANGED, 1);
	ck_assert_uint_eq(f.sent, 0);
	responder_post_done(f.r, f.ticket, PDU_CHANGED, 1);
	responder_post_done(f.r, f.ticket, PDU_CHANGED, 1);
	ck_assert_uint_eq(f.sent, 1);
	fake_stop(&f);
}
END_TEST

START_TEST(a_full_table_says_so)
{
	struct fake f;
	struct answered r;
	uint64_t first = 0;

	start(&f);
	for (unsigned i = 0; i < COAP_EXCHANGES_MAX; i++) {
		struct asking a = report((uint16_t)i);

		ck_assert_uint_eq(ask(&f, &a).n, 0);
		if (i == 0)
			first = f.ticket;
	}
	struct asking more = report(60000);
	r = ask(&f, &more);
	ck_assert_msg(r.m.code == PDU_UNAVAILABLE && f.posts == COAP_EXCHANGES_MAX, "all wait: no more are taken");
	responder_post_done(f.r, first, PDU_CHANGED, 1);
	ck_assert_uint_eq(ask(&f, &more).n, 0);
	ck_assert_msg(f.posts == COAP_EXCHANGES_MAX + 1, "the oldest is answered: it makes room");
	struct asking old = report(1);
	ck_assert_msg(ask(&f, &old).n == 0 && f.posts == COAP_EXCHANGES_MAX + 1, "the next is still known");
	fake_stop(&f);
}
END_TEST

struct piece {
	const char *block1;	/* hex; NULL ends */
	size_t n;
	uint8_t code;		/* 0: taken, to be acknowledged */
};

static const struct { const char *rule; struct piece pieces[5]; size_t body; } uploads[] = {
	{ "in one piece that says so", { { "06", 200, 0 } }, 200 },
	{ "in two", { { "0a", 64, PDU_CONTINUE }, { "12", 10, 0 } }, 74 },
	{ "in three", { { "0a", 64, PDU_CONTINUE }, { "1a", 64, PDU_CONTINUE }, { "22", 64, 0 } }, 192 },
	{ "smaller pieces later", { { "0a", 64, PDU_CONTINUE }, { "49", 0, PDU_BAD_REQUEST }, { "48", 16, PDU_CONTINUE }, { "50", 1, 0 } }, 81 },
	{ "the first is missing", { { "12", 10, PDU_INCOMPLETE } }, 0 },
	{ "one is missing", { { "0a", 64, PDU_CONTINUE }, { "22", 10, PDU_INCOMPLETE } }, 0 },
	{ "it starts afresh", { { "0a", 64, PDU_CONTINUE }, { "0a", 64, PDU_CONTINUE }, { "12", 3, 0 } }, 67 },
	{ "a piece with more to come fills its block", { { "0a", 63, PDU_BAD_REQUEST } }, 0 },
	{ "a piece is no larger than its block", { { "02", 65, PDU_BAD_REQUEST } }, 0 },
	{ "more than a report has", { { "0e", 1024, PDU_CONTINUE }, { "16", 1, PDU_TOO_LARGE }, { "16", 1, PDU_INCOMPLETE } }, 0 },
	{ "and more is still to come", { { "0e", 1024, PDU_CONTINUE }, { "1e", 1024, PDU_TOO_LARGE } }, 0 },
	{ "exactly as much", { { "0d", 512, PDU_CONTINUE }, { "15", 512, 0 } }, 1024 },
};

START_TEST(bodies_in_pieces)
{
	uint8_t bytes[1100];
	struct fake f;
	unsigned taken = 0;

	start(&f);
	memset(bytes, 0x41, sizeof bytes);
	for (size_t i = 0; i < 5 && uploads[_i].pieces[i].block1; i++) {
		const struct piece *p = &uploads[_i].pieces[i];
		struct asking a = report((uint16_t)(100 + i));
		struct answered r;

		a.payload = SPAN(bytes, p->n);
		a.options[0].number = OPTION_BLOCK1;
		a.options[0].hex = p->block1;
		r = ask(&f, &a);
		ck_assert_msg((r.n ? r.m.code : 0) == p->code, "%s, piece %zu: %x", uploads[_i].rule, i, r.n ? r.m.code : 0);
		if (r.n)
			ck_assert_msg(answered_uint(&r, OPTION_BLOCK1) >= 0, "the reply says which piece");
		if (p->code == PDU_TOO_LARGE)
			ck_assert_int_eq(answered_uint(&r, OPTION_SIZE1), REPORT_MAX);
		taken += r.n == 0;
	}
	ck_assert_uint_eq(taken, uploads[_i].body ? 1 : 0);
	ck_assert_uint_eq(f.posts, taken);
	ck_assert_msg(f.body_n == uploads[_i].body, "%s: %zu bytes", uploads[_i].rule, f.body_n);
	if (taken) {
		responder_post_done(f.r, f.ticket, PDU_CHANGED, 1);
		ck_assert_msg(f.sent_bytes[6] >> 4 == 13 && f.sent_n > 6, "so does the last");
	}
	fake_stop(&f);
}
END_TEST

/* A later piece to another path, and one that comes when nobody can still be sending it. */
START_TEST(pieces_belong_together)
{
	static const struct { const char *rule, *path; int64_t now_ms; uint8_t code; } later[] = {
		{ "the same path, in time", REPORT, LIFETIME_MS - 1, 0 },
		{ "another path", "/fw/acme/lamp/odd", 1, PDU_INCOMPLETE },
		{ "too late", REPORT, LIFETIME_MS, PDU_INCOMPLETE },
	};
	uint8_t bytes[64] = { 0 };

	for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
		struct asking a = report(1);
		struct answered r;
		struct fake f;

		start(&f);
		a.payload = SPAN_OF(bytes);
		a.options[0].number = OPTION_BLOCK1;
		a.options[0].hex = "0a";
		ck_assert_uint_eq(ask(&f, &a).m.code, PDU_CONTINUE);
		a.id = 2;
		a.path = later[i].path;
		a.now_ms = later[i].now_ms;
		a.options[0].hex = "12";
		r = ask(&f, &a);
		ck_assert_msg((r.n ? r.m.code : 0) == later[i].code, "%s", later[i].rule);
		fake_stop(&f);
	}
}
END_TEST

START_TEST(a_path_that_nothing_has)
{
	struct asking a = report(5);
	struct fake f;

	start(&f);
	a.path = NULL;
	a.options[0].number = a.options[1].number = OPTION_URI_PATH;
	a.options[0].hex = "66772f61636d65";	/* fw/acme */
	a.options[1].hex = "6c616d70";		/* lamp */
	ck_assert_uint_eq(ask(&f, &a).m.code, PDU_NOT_FOUND);
	ck_assert_uint_eq(f.posts, 0);
	fake_stop(&f);
}
END_TEST

START_TEST(too_large_without_pieces)
{
	uint8_t bytes[REPORT_MAX + 1] = { 0 };
	struct asking a = report(5);
	struct fake f;

	start(&f);
	a.payload = SPAN(bytes, REPORT_MAX + 1);
	ck_assert_uint_eq(ask(&f, &a).m.code, PDU_TOO_LARGE);
	ck_assert_uint_eq(f.posts, 0);
	fake_stop(&f);
}
END_TEST

START_TEST(peers_do_not_mix)
{
	struct fake f;
	uint8_t bytes[64];

	start(&f);
	for (unsigned i = 0; i < COAP_UPLOADS_MAX + 1; i++) {
		struct asking a = report(1);

		memset(bytes, (int)i, sizeof bytes);
		a.from = (struct endpoint){ .address = { 1, (uint8_t)i }, .port = 5683 };
		a.payload = SPAN_OF(bytes);
		a.now_ms = i;
		a.options[0].number = OPTION_BLOCK1;
		a.options[0].hex = "0a";
		ck_assert_uint_eq(ask(&f, &a).m.code, PDU_CONTINUE);
	}
	for (unsigned i = 0; i < COAP_UPLOADS_MAX + 1; i++) {
		struct asking a = report(2);
		struct answered r;

		memset(bytes, (int)i, sizeof bytes);
		a.from = (struct endpoint){ .address = { 1, (uint8_t)i }, .port = 5683 };
		a.payload = SPAN(bytes, 1);
		a.now_ms = 100;
		a.options[0].number = OPTION_BLOCK1;
		a.options[0].hex = "12";
		r = ask(&f, &a);
		if (i == 0) {
			ck_assert_msg(r.m.code == PDU_INCOMPLETE, "the longest idle one made room");
			continue;
		}
		ck_assert_uint_eq(r.n, 0);
		ck_assert_uint_eq(f.body_n, 65);
		ck_assert(f.body[0] == i && f.body[64] == i);
	}
	fake_stop(&f);
}
END_TEST

TCase *post_cases(void)
{
	TCase *t = tcase_create("post");

	tcase_add_test(t, acknowledged_in_time);
	tcase_add_test(t, others_are_not_the_same);
	tcase_add_test(t, acknowledged_late);
	tcase_add_test(t, a_client_that_is_gone);
	tcase_add_test(t, a_keeper_that_is_gone);
	tcase_add_test(t, a_non_gets_a_non);
	tcase_add_test(t, refused_at_once);
	tcase_add_test(t, odd_tickets_mean_nothing);
	tcase_add_test(t, a_full_table_says_so);
	tcase_add_test(t, pieces_belong_together);
	tcase_add_test(t, a_path_that_nothing_has);
	tcase_add_test(t, too_large_without_pieces);
	tcase_add_test(t, peers_do_not_mix);
	tcase_add_loop_test(t, bodies_in_pieces, 0, ROWS(uploads));
	return t;
}
