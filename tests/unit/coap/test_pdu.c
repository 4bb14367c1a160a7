/* test_pdu.c: messages, options, block numbers (RFC 7252 section 3, RFC 7959 section 2). */
#include "suites.h"

#include "base/hex.h"
#include "coap/blockwise.h"
#include "coap/option.h"
#include "coap/pdu.h"

static struct span unhex(const char *hex, uint8_t *out)
{
	ck_assert_int_eq(hex_read(span_str(hex), out, strlen(hex) / 2, NULL), ERR_OK);
	return SPAN(out, strlen(hex) / 2);
}

static const struct { const char *rule, *hex; uint8_t type, code; size_t token, options, payload; } good[] = {
	{ "a header alone is an empty message", "40001234", PDU_CON, 0, 0, 0, 0 },
	{ "a reset", "70001234", PDU_RST, 0, 0, 0, 0 },
	{ "a GET of nothing", "40011234", PDU_CON, PDU_GET, 0, 0, 0 },
	{ "a token of 8 bytes", "5801123401020304050607 08", 0, 0, 0, 0, 0 },
	{ "one option", "40011234b36162 63", 0, 0, 0, 0, 0 },
	{ "an 8-bit delta", "40011234d0f4", PDU_CON, PDU_GET, 0, 2, 0 },
	{ "a 16-bit delta", "40011234e0fdf2", PDU_CON, PDU_GET, 0, 3, 0 },
	{ "the largest option number", "40011234e0fef2", PDU_CON, PDU_GET, 0, 3, 0 },
	{ "a payload", "41451234aaff01", PDU_CON, PDU_CONTENT, 1, 0, 1 },
	{ "option, then payload", "604512341161ff0102", PDU_ACK, PDU_CONTENT, 0, 2, 2 },
};

START_TEST(reads)
{
	uint8_t raw[64];
	char hex[80] = "";
	struct pdu m;

	for (const char *c = good[_i].hex; *c; c++)
		if (*c != ' ')
			strncat(hex, c, 1);
	ck_assert_msg(pdu_read(unhex(hex, raw), &m, NULL) == ERR_OK, "%s", good[_i].rule);
	ck_assert_uint_eq(m.id, 0x1234);
	if (strchr(good[_i].hex, ' '))
		return;
	ck_assert_msg(m.type == good[_i].type && m.code == good[_i].code, "%s", good[_i].rule);
	ck_assert_msg(m.token.n == good[_i].token, "%s", good[_i].rule);
	ck_assert_msg(m.options.n == good[_i].options, "%s: %zu", good[_i].rule, m.options.n);
	ck_assert_msg(m.payload.n == good[_i].payload, "%s", good[_i].rule);
}
END_TEST

static const struct { const char *rule, *hex; bool is_coap; } bad[] = {
	{ "a header has four bytes", "400012", false },
	{ "version 0 is not ours", "00011234", false },
	{ "version 2 is not ours", "80011234", false },
	{ "a token has at most 8 bytes", "49011234010203040506070809", true },
	{ "token length 15 is reserved", "4f011234", true },
	{ "the token ends within the message", "44011234aabb", true },
	{ "an empty message has no token", "4100123401", true },
	{ "an empty message says no token length either", "41001234", true },
	{ "an empty message has no options", "4000123410", true },
	{ "an empty message has no payload", "40001234ff01", true },
	{ "class 1 is reserved", "40201234", true },
	{ "class 6 is reserved", "40c01234", true },
	{ "class 7 is reserved", "40e01234", true },
	{ "a marker is followed by a payload", "40011234ff", true },
	{ "a marker after options too", "400112341161ff", true },
	{ "delta 15 is reserved", "40011234f0", true },
	{ "length 15 is reserved", "400112341f", true },
	{ "a value ends within the message", "4001123413aabb", true },
	{ "an extended delta has its byte", "40011234d0", true },
	{ "an extended delta has both bytes", "40011234e000", true },
	{ "an extended length has its byte", "400112341d", true },
	{ "an extended length has both bytes", "400112341e00", true },
	{ "option numbers end at 65535", "40011234e0fef210", true },
};

START_TEST(refuses)
{
	uint8_t raw[64];
	struct span d = unhex(bad[_i].hex, raw);
	struct pdu m = { .id = 77 };
	struct err e = { 0 };

	ck_assert_msg(pdu_read(d, &m, &e) == ERR_FORMAT, "%s", bad[_i].rule);
	ck_assert_msg(m.id == 77 && e.msg[0], "a failed read says why and moves nothing");
	ck_assert_msg(pdu_peek(d, &m) == bad[_i].is_coap, "%s", bad[_i].rule);
}
END_TEST

/* Around the borders of the one- and two-byte forms (RFC 7252, 3.1). */
static const uint16_t numbers[] = { 0, 1, 12, 13, 14, 268, 269, 270, 65535 };

START_TEST(options_round)
{
	static const size_t lengths[] = { 0, 1, 12, 13, 14, 268, 269, 270, PDU_OPTION_MAX };
	uint8_t out[4096], value[PDU_OPTION_MAX];

	memset(value, 0x5a, sizeof value);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct pdu_writer w;
		struct span back;
		struct pdu m;

		pdu_begin(&w, out, sizeof out, PDU_NON, PDU_GET, 9, SPAN("tok", 3));
		pdu_option(&w, numbers[_i], SPAN(value, lengths[i]));
		pdu_option(&w, numbers[_i], SPAN("x", 1));
		pdu_payload(&w, SPAN_LIT("body"));
		ck_assert_int_eq(pdu_read(SPAN(out, pdu_end(&w)), &m, NULL), ERR_OK);
		ck_assert(option_find(m.options, numbers[_i], &back));
		ck_assert(span_eq(back, SPAN(value, lengths[i])));
		ck_assert(span_is(m.payload, "body") && span_is(m.token, "tok"));
	}
}
END_TEST

START_TEST(writer_is_sticky)
{
	uint8_t out[16];
	struct pdu_writer w;

	for (size_t cap = 0; cap < 14; cap++) {
		memset(out, 0xee, sizeof out);
		pdu_begin(&w, out, cap, PDU_ACK, PDU_CONTENT, 1, SPAN("t", 1));
		pdu_option_uint(&w, OPTION_MAX_AGE, 256);
		pdu_payload(&w, SPAN_LIT("abcd"));
		ck_assert_uint_eq(pdu_end(&w), 0);
		for (size_t i = cap; i < sizeof out; i++)
			ck_assert_msg(out[i] == 0xee, "nothing is written past the end");
	}
	pdu_begin(&w, out, 14, PDU_ACK, PDU_CONTENT, 1, SPAN("t", 1));
	pdu_option_uint(&w, OPTION_MAX_AGE, 256);
	pdu_payload(&w, SPAN_LIT("abcd"));
	ck_assert_uint_eq(pdu_end(&w), 14);
}
END_TEST

static const struct { uint32_t value; size_t n; } uints[] = {
	{ 0, 0 }, { 1, 1 }, { 255, 1 }, { 256, 2 }, { 65535, 2 }, { 65536, 3 }, { 0xffffff, 3 }, { 0x1000000, 4 },
	{ UINT32_MAX, 4 },
};

START_TEST(uints_are_short)
{
	uint8_t out[32];
	struct pdu_writer w;
	struct span value;
	struct pdu m;

	pdu_begin(&w, out, sizeof out, PDU_CON, PDU_GET, 1, SPAN(NULL, 0));
	pdu_option_uint(&w, OPTION_SIZE1, uints[_i].value);
	ck_assert_int_eq(pdu_read(SPAN(out, pdu_end(&w)), &m, NULL), ERR_OK);
	ck_assert(option_find(m.options, OPTION_SIZE1, &value));
	ck_assert_uint_eq(value.n, uints[_i].n);
	ck_assert_uint_eq(option_uint(value), uints[_i].value);
}
END_TEST

START_TEST(uint_takes_leading_zeros)
{
	ck_assert_uint_eq(option_uint(SPAN("\0\0\5", 3)), 5);
}
END_TEST

START_TEST(empty_messages)
{
	uint8_t out[PDU_HEADER];

	ck_assert_uint_eq(pdu_write_empty(out, PDU_RST, 0xabcd), 4);
	ck_assert_mem_eq(out, "\x70\x00\xab\xcd", 4);
}
END_TEST

static const struct { const char *rule, *hex; uint32_t number; uint8_t szx; bool more; } blocks[] = {
	{ "an empty value is block 0 of 16 bytes", "", 0, 0, false },
	{ "one byte", "06", 0, 6, false },
	{ "more", "0e", 0, 6, true },
	{ "number 15 ends the one-byte form", "f6", 15, 6, false },
	{ "number 4095 ends the two-byte form", "fff6", 4095, 6, false },
	{ "number 4096", "010006", 4096, 6, false },
	{ "number 65535", "0ffff2", 65535, 2, false },
	{ "number 65536", "100002", 65536, 2, false },
	{ "number 2^20 - 1", "ffffff"/* szx 7 */, 0, 7, false },
	{ "number 2^20 - 1 with szx 6", "fffff6", 0xfffff, 6, false },
	{ "szx 7 is reserved", "07", 0, 7, false },
	{ "four bytes are too many", "00000006", 0, 7, false },
};

START_TEST(block_values)
{
	struct blockwise b = { .number = 123 };
	uint8_t raw[4], back[4];
	struct span in = unhex(blocks[_i].hex, raw);

	if (blocks[_i].szx == 7) {
		ck_assert_msg(blockwise_read(in, &b, NULL) == ERR_FORMAT, "%s", blocks[_i].rule);
		ck_assert_uint_eq(b.number, 123);
		return;
	}
	ck_assert_msg(blockwise_read(in, &b, NULL) == ERR_OK, "%s", blocks[_i].rule);
	ck_assert_msg(b.number == blocks[_i].number && b.szx == blocks[_i].szx && b.has_more == blocks[_i].more,
		      "%s", blocks[_i].rule);
	for (size_t i = 0; i < 4; i++)
		back[i] = (uint8_t)(blockwise_value(&b) >> (24 - 8 * i));
	ck_assert_uint_eq(option_uint(SPAN(back, 4)), option_uint(in));
}
END_TEST

static const struct { const char *rule; uint32_t number; uint8_t szx; uint64_t size; int rc; uint64_t off; uint32_t n; bool more; } cuts[] = {
	{ "a body of one block", 0, 6, 1024, ERR_OK, 0, 1024, false },
	{ "one byte over", 0, 6, 1025, ERR_OK, 0, 1024, true },
	{ "the byte over", 1, 6, 1025, ERR_OK, 1024, 1, false },
	{ "past the end, on the border", 1, 6, 1024, ERR_NOT_FOUND, 0, 0, false },
	{ "past the end", 7, 6, 1025, ERR_NOT_FOUND, 0, 0, false },
	{ "an empty body has one block", 0, 2, 0, ERR_OK, 0, 0, false },
	{ "and no other", 1, 2, 0, ERR_NOT_FOUND, 0, 0, false },
	{ "16 MiB are in reach of 16 bytes", 0xfffff, 0, 16 << 20, ERR_OK, (16 << 20) - 16, 16, false },
	{ "one byte more is not", 0, 0, (16 << 20) + 1, ERR_LIMIT, 0, 0, false },
	{ "1 GiB is in reach of 1024", 0xfffff, 6, UINT64_C(1) << 30, ERR_OK, (UINT64_C(1) << 30) - 1024, 1024, false },
	{ "one byte more is not, for any number", 5, 6, (UINT64_C(1) << 30) + 1, ERR_LIMIT, 0, 0, false },
	{ "4095", 4095, 6, 5000000, ERR_OK, 4095 * 1024, 1024, true },
	{ "4096", 4096, 6, 5000000, ERR_OK, 4096 * 1024, 1024, true },
	{ "65535", 65535, 6, 100000000, ERR_OK, 65535 * 1024, 1024, true },
	{ "65536", 65536, 6, 100000000, ERR_OK, 65536 * 1024, 1024, true },
};

START_TEST(block_cuts)
{
	struct blockwise b = { .number = cuts[_i].number, .szx = cuts[_i].szx };
	uint64_t off = 0;
	uint32_t n = 0;

	ck_assert_msg(blockwise_cut(&b, cuts[_i].size, &off, &n, NULL) == cuts[_i].rc, "%s", cuts[_i].rule);
	ck_assert_msg(off == cuts[_i].off && n == cuts[_i].n && b.has_more == cuts[_i].more, "%s", cuts[_i].rule);
}
END_TEST

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))

TCase *pdu_cases(void)
{
	TCase *t = tcase_create("pdu");

	tcase_add_loop_test(t, reads, 0, ROWS(good));
	tcase_add_loop_test(t, refuses, 0, ROWS(bad));
	tcase_add_loop_test(t, options_round, 0, ROWS(numbers));
	tcase_add_loop_test(t, uints_are_short, 0, ROWS(uints));
	tcase_add_loop_test(t, block_values, 0, ROWS(blocks));
	tcase_add_loop_test(t, block_cuts, 0, ROWS(cuts));
	tcase_add_test(t, writer_is_sticky);
	tcase_add_test(t, uint_takes_leading_zeros);
	tcase_add_test(t, empty_messages);
	return t;
}
