/* test_message.c: the message layer, and which options a request may carry (chapter 7, items 1 and 2). */
#include "suites.h"
#include "asking.h"

#include "base/hex.h"

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* want: NULL for silence, else the reply's first four bytes. */
static const struct { const char *rule, *hex, *want; } datagrams[] = {
	{ "an empty CON is a ping", "40001234", "70001234" },
	{ "an empty NON says nothing", "50001234", NULL },
	{ "an ACK draws no reply", "60001234", NULL },
	{ "a RST draws no reply", "70001234", NULL },
	{ "a response draws no reply", "60451234ff01", NULL },
	{ "a CON response draws none either", "40451234ff01", NULL },
	{ "a request in an ACK is none", "60011234", NULL },
	{ "a request in a RST is none", "70011234", NULL },
	{ "another version is ignored", "80011234", NULL },
	{ "too short is ignored", "400112", NULL },
	{ "nothing is ignored", "", NULL },
	{ "a CON with a format error is rejected", "40011234f0", "70001234" },
	{ "a NON with one is ignored", "50011234f0", NULL },
	{ "an ACK with one is ignored", "60011234f0", NULL },
	{ "a RST with one is ignored", "70011234f0", NULL },
	{ "a long token is rejected", "49011234010203040506070809", "70001234" },
	{ "a reserved class is rejected", "40201234", "70001234" },
	{ "a ping with bytes is rejected", "4000123400", "70001234" },
	{ "a marker without payload is rejected", "40011234ff", "70001234" },
};

START_TEST(message_layer)
{
	struct fake f = { .version = 1 };
	struct asking a = { .type = 0 };
	uint8_t raw[64], want[4];
	struct answered r;

	fake_start(&f, NULL);
	fake_trust_all(&f);
	ck_assert_int_eq(hex_read(span_str(datagrams[_i].hex), raw, strlen(datagrams[_i].hex) / 2, NULL), ERR_OK);
	r = ask_raw(&f, SPAN(raw, strlen(datagrams[_i].hex) / 2), &a);
	ck_assert_msg(r.n == (datagrams[_i].want ? 4 : 0), "%s", datagrams[_i].rule);
	if (datagrams[_i].want) {
		ck_assert_int_eq(hex_read(span_str(datagrams[_i].want), want, 4, NULL), ERR_OK);
		ck_assert_mem_eq(r.bytes, want, 4);
	}
	ck_assert_uint_eq(f.finds, 0);
	a.was_group = true;
	r = ask_raw(&f, SPAN(raw, strlen(datagrams[_i].hex) / 2), &a);
	ck_assert_msg(r.n == 0, "a group's message draws no RST");
	fake_stop(&f);
}
END_TEST

#define LAMP_IN_ONE "66772f61636d652f6c616d70"	/* fw/acme/lamp */

static const struct { const char *rule; struct asking a; uint8_t code; } requests[] = {
	{ "segments", { .path = "/fw/acme/lamp" }, PDU_CONTENT },
	{ "one option with slashes", { .options = { { 11, LAMP_IN_ONE } } }, PDU_CONTENT },
	{ "one that begins with a slash", { .options = { { 11, "2f" LAMP_IN_ONE } } }, PDU_CONTENT },
	{ "a slash in one of several names nothing", { .options = { { 11, "6677" }, { 11, "61636d652f6c616d70" } } }, PDU_NOT_FOUND },
	{ "no percent-decoding", { .path = "/fw/acme/l%61mp" }, PDU_NOT_FOUND },
	{ "an empty segment is one", { .path = "/fw/acme/lamp/" }, PDU_NOT_FOUND },
	{ "no path", { .path = NULL }, PDU_NOT_FOUND },
	{ "case matters", { .path = "/fw/acme/Lamp" }, PDU_NOT_FOUND },
	{ "a path beyond all names", { .path = "/fw/" "0123456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567890123456789012345678901234567890123456789/"
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567890123456789012345678901234567890123456789/"
		"0123456789012345678901234567890123456789" }, PDU_NOT_FOUND },
	{ "unknown critical", { .path = "/fw/acme/lamp", .options = { { 9, "00" } } }, PDU_BAD_OPTION },
	{ "unknown critical, high", { .path = "/fw/acme/lamp", .options = { { 2049, "" } } }, PDU_BAD_OPTION },
	{ "unknown elective", { .path = "/fw/acme/lamp", .options = { { 10, "00" } } }, PDU_CONTENT },
	{ "unknown elective, high", { .path = "/fw/acme/lamp", .options = { { 2048, "" } } }, PDU_CONTENT },
	{ "Uri-Host and Uri-Port are ours", { .path = "/fw/acme/lamp", .options = { { 3, "67" }, { 7, "1633" } } }, PDU_CONTENT },
	{ "an empty Uri-Host has a wrong length", { .path = "/fw/acme/lamp", .options = { { 3, "" } } }, PDU_BAD_OPTION },
	{ "Uri-Host twice", { .path = "/fw/acme/lamp", .options = { { 3, "67" }, { 3, "67" } } }, PDU_BAD_OPTION },
	{ "Uri-Port of 3 bytes", { .path = "/fw/acme/lamp", .options = { { 7, "001633" } } }, PDU_BAD_OPTION },
	{ "Accept of 3 bytes", { .path = "/fw/acme/lamp", .options = { { 17, "00002a" } } }, PDU_BAD_OPTION },
	{ "Accept twice", { .path = "/fw/acme/lamp", .options = { { 17, "2a" }, { 17, "2a" } } }, PDU_BAD_OPTION },
	{ "Block2 twice", { .path = "/fw/acme/lamp", .options = { { 23, "06" }, { 23, "06" } } }, PDU_BAD_OPTION },
	{ "Block2 over 20 bits", { .path = "/fw/acme/lamp", .options = { { 23, "01000006" } } }, PDU_BAD_OPTION },
	{ "Block2 with szx 7", { .path = "/fw/acme/lamp", .options = { { 23, "07" } } }, PDU_BAD_REQUEST },
	{ "Block1 with szx 7", { .path = "/fw/acme/lamp", .options = { { 27, "07" } } }, PDU_BAD_REQUEST },
	{ "an ETag of 9 bytes is no ETag, and elective", { .path = "/fw/acme/lamp", .options = { { 4, "010101010101010101" } } }, PDU_CONTENT },
	{ "Observe of 4 bytes is ignored", { .path = "/fw/acme/lamp", .options = { { 6, "00000000" } } }, PDU_CONTENT },
	{ "If-Match", { .path = "/fw/acme/lamp", .options = { { 1, "01" } } }, PDU_BAD_OPTION },
	{ "If-None-Match", { .path = "/fw/acme/lamp", .options = { { 5, "" } } }, PDU_BAD_OPTION },
	{ "Proxy-Uri", { .options = { { 35, "636f61703a2f2f61" } } }, PDU_NO_PROXY },
	{ "Proxy-Scheme", { .path = "/fw/acme/lamp", .options = { { 39, "68747470" } } }, PDU_NO_PROXY },
	{ "Hop-Limit, Size1, No-Response, Request-Tag are ignored",
	  { .path = "/fw/acme/lamp", .options = { { 16, "10" }, { 60, "10" }, { 258, "02" }, { 292, "01" } } }, PDU_CONTENT },
	{ "PUT", { .code = PDU_PUT, .path = "/fw/acme/lamp" }, PDU_NOT_ALLOWED },
	{ "DELETE", { .code = PDU_DELETE, .path = "/fw/acme/lamp" }, PDU_NOT_ALLOWED },
	{ "FETCH", { .code = PDU_FETCH, .path = "/fw/acme/lamp" }, PDU_NOT_ALLOWED },
	{ "a method that nobody has defined", { .code = 31, .path = "/fw/acme/lamp" }, PDU_NOT_ALLOWED },
	{ "cut on the way", { .path = "/fw/acme/lamp", .was_cut = true }, PDU_TOO_LARGE },
};

START_TEST(request_rules)
{
	struct fake f = { .version = 1 };
	struct asking a = requests[_i].a;
	struct answered r;

	a.token = "tk";
	fake_start(&f, NULL);
	fake_trust_all(&f);
	for (a.type = PDU_CON; a.type <= PDU_NON; a.type++) {
		r = ask(&f, &a);
		if (a.type == PDU_NON && requests[_i].code == PDU_BAD_OPTION) {
			ck_assert_msg(r.n == 0, "a NON is rejected in silence: %s", requests[_i].rule);
			continue;
		}
		ck_assert_msg(r.n > 0, "%s: no reply", requests[_i].rule);
		ck_assert_msg(r.m.code == requests[_i].code, "%s: %u.%02u", requests[_i].rule, r.m.code >> 5, r.m.code & 31);
	}
	fake_stop(&f);
}
END_TEST

START_TEST(too_many_queries)
{
	uint8_t out[COAP_MESSAGE_MAX];
	struct fake f = { .version = 1 };
	struct asking a = { .now_ms = 0 };

	fake_start(&f, NULL);
	fake_trust_all(&f);
	for (size_t n = COAP_QUERIES_MAX; n <= COAP_QUERIES_MAX + 1; n++) {
		struct pdu_writer w;
		struct answered r;

		pdu_begin(&w, out, sizeof out, PDU_CON, PDU_GET, 1, SPAN(NULL, 0));
		pdu_option(&w, 11, SPAN_LIT("fw/acme/lamp"));
		for (size_t i = 0; i < n; i++)
			pdu_option(&w, 15, SPAN_LIT("a=b"));
		r = ask_raw(&f, SPAN(out, pdu_end(&w)), &a);
		ck_assert_uint_eq(r.bytes[1], n <= COAP_QUERIES_MAX ? PDU_CONTENT : PDU_BAD_REQUEST);
	}
	fake_stop(&f);
}
END_TEST

START_TEST(queries_are_found_by_name)
{
	uint8_t out[256];
	struct pdu_writer w;
	struct coapreq q;
	struct pdu m;
	const char *why;

	pdu_begin(&w, out, sizeof out, PDU_CON, PDU_GET, 1, SPAN(NULL, 0));
	pdu_option(&w, 15, SPAN_LIT("channels=no"));
	pdu_option(&w, 15, SPAN_LIT("channel=beta"));
	pdu_option(&w, 15, SPAN_LIT("hw="));
	pdu_option(&w, 15, SPAN_LIT("bare"));
	ck_assert_int_eq(pdu_read(SPAN(out, pdu_end(&w)), &m, NULL), ERR_OK);
	ck_assert_uint_eq(coapreq_read(&m, &q, &why), 0);
	ck_assert(span_is(coapreq_query(&q, "channel"), "beta"));
	ck_assert(coapreq_query(&q, "hw").p && coapreq_query(&q, "hw").n == 0);
	ck_assert(!coapreq_query(&q, "bare").p && !coapreq_query(&q, "device").p);
	ck_assert(span_is(coapreq_path(&q), "/"));
}
END_TEST

/* Until an address is verified: at most three bytes out for one in, and never over 136 (item 8). */
static const struct { const char *rule; struct asking a; uint8_t code; } strangers[] = {
	{ "an image must be asked for twice", { .path = "/fw/acme/lamp/image" }, PDU_UNAUTHORIZED },
	{ "a manifest too", { .path = "/fw/acme/lamp" }, PDU_UNAUTHORIZED },
	{ "any block of it", { .path = "/fw/acme/lamp/image", .options = { { 23, "16" } } }, PDU_UNAUTHORIZED },
	{ "a block of 16 bytes fits", { .path = "/fw/acme/lamp", .options = { { 23, "10" } } }, PDU_CONTENT },
	{ "20 bytes fit", { .path = "/fw/acme/lamp/info" }, PDU_CONTENT },
	{ "an error fits", { .path = "/fw/acme/none" }, PDU_NOT_FOUND },
	{ "an error without its text fits anything", { .path = NULL }, PDU_NOT_FOUND },
	{ "a validation fits", { .path = "/fw/acme/lamp", .options = { { 4, "0101010101010101" } } }, PDU_VALID },
	{ "a report is not taken", { .code = PDU_POST, .path = "/fw/acme/lamp/report" }, PDU_UNAUTHORIZED },
	{ "an Echo that is not ours", { .path = "/fw/acme/lamp", .options = { { 252, "000000000000000000000000" } } }, PDU_UNAUTHORIZED },
	{ "the listing", { .path = "/.well-known/core" }, PDU_UNAUTHORIZED },
};

START_TEST(strangers_draw_little)
{
	struct fake f = { .version = 1, .image_size = 5000, .nlinks = 3 };
	struct asking a = strangers[_i].a;
	uint8_t raw[COAP_MESSAGE_MAX + 200];
	size_t n = asking_write(&a, raw);
	struct answered r;

	fake_start(&f, NULL);
	r = ask(&f, &a);
	ck_assert_msg(r.n > 0 && r.m.code == strangers[_i].code, "%s: %u.%02u", strangers[_i].rule, r.m.code >> 5, r.m.code & 31);
	ck_assert_msg(r.n <= 3 * n && r.n <= COAP_UNVERIFIED_MAX, "%s: %zu for %zu", strangers[_i].rule, r.n, n);
	ck_assert_uint_eq(f.posts, 0);
	fake_stop(&f);
}
END_TEST

START_TEST(a_returned_echo_opens_the_door)
{
	struct fake f = { .version = 1, .image_size = 5000 };
	struct asking a = { .path = "/fw/acme/lamp/image", .token = "t" };
	struct answered r;
	struct span echo;
	char hex[2 * ECHO_VALUE + 1];

	fake_start(&f, NULL);
	r = ask(&f, &a);
	ck_assert_uint_eq(r.bytes[1], PDU_UNAUTHORIZED);
	ck_assert_int_eq(pdu_read(SPAN(r.bytes, r.n), &r.m, NULL), ERR_OK);
	ck_assert(option_find(r.m.options, OPTION_ECHO, &echo));
	hex_str(echo, hex);
	a.options[0].number = OPTION_ECHO;
	a.options[0].hex = hex;
	a.from = (struct endpoint){ .address = { [10] = 0xff, 0xff, 192, 0, 2, 2 }, .port = 5683 };
	r = ask(&f, &a);
	ck_assert_msg(r.bytes[1] == PDU_UNAUTHORIZED, "not with another address");
	a.from = (struct endpoint){ .port = 0 };
	r = ask(&f, &a);
	ck_assert_uint_eq(r.bytes[1], PDU_CONTENT);
	a.options[0].hex = NULL;
	r = ask(&f, &a);
	ck_assert_msg(r.bytes[1] == PDU_CONTENT, "and it stays open for a while");
	fake_stop(&f);
}
END_TEST

/* Whatever 4 to 60 bytes a stranger sends, three bytes out for one in is the most. */
START_TEST(no_request_amplifies)
{
	struct fake f = { .version = 1, .image_size = 5000, .nlinks = 100 };
	uint32_t x = 12345;

	fake_start(&f, NULL);
	for (int round = 0; round < 20000; round++) {
		uint8_t raw[64], out[COAP_MESSAGE_MAX];
		struct asking a = { .path = round % 3 ? "/fw/acme/lamp" : "/.well-known/core", .id = (uint16_t)round,
				    .type = round % 2 ? PDU_CON : PDU_NON };
		size_t n = asking_write(&a, (uint8_t[COAP_MESSAGE_MAX + 200]){ 0 });
		struct datagram in = { .from = { .address = { 1 }, .port = 2000 } };
		uint8_t whole[COAP_MESSAGE_MAX + 200];

		asking_write(&a, whole);
		n = n < sizeof raw ? n : sizeof raw;
		memcpy(raw, whole, n);
		for (int flips = 0; flips < round % 4; flips++) {
			x = x * 1103515245 + 12345;
			raw[x / 65536 % n] ^= (uint8_t)(x >> 8);
		}
		in.bytes = SPAN(raw, n);
		ck_assert_uint_le(responder_take(f.r, &in, round, out), guard_budget(n));
	}
	fake_stop(&f);
}
END_TEST

START_TEST(over_the_rate)
{
	struct fake f = { .version = 1 };
	struct asking a = { .path = "/fw/acme/lamp" };
	struct guard_rates rates = { .per_source = 5 };
	unsigned content = 0, told = 0, silent = 0;

	fake_start(&f, &rates);
	fake_trust_all(&f);
	for (int i = 0; i < 50; i++) {
		struct answered r = ask(&f, &a);

		content += r.n && r.bytes[1] == PDU_CONTENT;
		silent += r.n == 0;
		if (r.n && r.bytes[1] == PDU_TOO_MANY) {
			told++;
			ck_assert_int_eq(answered_uint(&r, OPTION_MAX_AGE), 1);
		}
	}
	ck_assert_uint_eq(content, 20);
	ck_assert_uint_eq(told, 10);
	ck_assert_uint_eq(silent, 20);
	fake_stop(&f);
}
END_TEST

TCase *message_cases(void)
{
	TCase *t = tcase_create("message");

	tcase_add_loop_test(t, message_layer, 0, ROWS(datagrams));
	tcase_add_loop_test(t, request_rules, 0, ROWS(requests));
	tcase_add_loop_test(t, strangers_draw_little, 0, ROWS(strangers));
	tcase_add_test(t, too_many_queries);
	tcase_add_test(t, queries_are_found_by_name);
	tcase_add_test(t, a_returned_echo_opens_the_door);
	tcase_add_test(t, no_request_amplifies);
	tcase_add_test(t, over_the_rate);
	return t;
}
