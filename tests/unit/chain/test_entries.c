/* test_entries.c: histories as files: what a line must be, what of a file is taken, and in which blocks records stand. */
#include "chain/entries.h"
#include "chain/track.h"
#include "formats/abi.h"

#include <check.h>
#include <stdlib.h>

static const struct addr20 registry = { { 0x5f, 0xbd } };
static const struct hash32 product = { { 0x77, 0x77 } };
static struct buf lines[3], file;
static struct records got;

/* The product's record in a block, after one in block `prev`. */
static struct record make(uint64_t block, uint32_t index, uint64_t prev, struct buf *data)
{
	struct record r = { .block = block, .log_index = index, .topics_n = 3, .topics = { { { 1 } }, product, { { 3 } } },
		.block_hash = { { 0xbb, (uint8_t)block } }, .tx = { { 0xcc, (uint8_t)block } } };

	abi_encode(data, (struct abi_arg[]){ ABI_UINT(prev), ABI_UINT(1700000000) }, 2);
	r.data = buf_span(data);
	return r;
}

/* Blocks 5, 5 and 9. */
static void setup(void)
{
	static const struct { uint64_t block; uint32_t index; uint64_t prev; } at[] = { { 5, 1, 0 }, { 5, 2, 5 }, { 9, 0, 5 } };

	json_budget_install();
	got = (struct records){ .n = 0 };
	file = BUF_INIT(256 * MIB);
	for (int i = 0; i < 3; i++) {
		struct buf data = BUF_INIT(KIB);
		struct record r = make(at[i].block, at[i].index, at[i].prev, &data);

		lines[i] = BUF_INIT(64 * KIB);
		entries_put_line(&lines[i], &registry, &r);
		buf_free(&data);
	}
}

static void teardown(void)
{
	for (int i = 0; i < 3; i++)
		buf_free(&lines[i]);
	buf_free(&file);
	records_free(&got);
}

static void join(void)
{
	buf_reset(&file);
	for (int i = 0; i < 3; i++)
		buf_add(&file, buf_span(&lines[i]));
}

static int read_blocks(uint64_t from, uint64_t to, struct err *e)
{
	struct rpc_log_filter f = { .address = &registry, .from = from, .to = to, .products = &product, .products_n = 1 };

	records_free(&got);
	return entries_read(buf_span(&file), &f, &got, e);
}

START_TEST(a_line_is_a_log_object)
{
	buf_byte(&lines[0], '\0');
	ck_assert_str_eq((char *)lines[0].p,
		"{\"address\":\"0x5fbd000000000000000000000000000000000000\","
		"\"blockHash\":\"0xbb05000000000000000000000000000000000000000000000000000000000000\",\"blockNumber\":\"0x5\","
		"\"data\":\"0x0000000000000000000000000000000000000000000000000000000000000000"
		"000000000000000000000000000000000000000000000000000000006553f100\",\"logIndex\":\"0x1\",\"removed\":false,"
		"\"topics\":[\"0x0100000000000000000000000000000000000000000000000000000000000000\","
		"\"0x7777000000000000000000000000000000000000000000000000000000000000\","
		"\"0x0300000000000000000000000000000000000000000000000000000000000000\"],"
		"\"transactionHash\":\"0xcc05000000000000000000000000000000000000000000000000000000000000\"}\n");
}
END_TEST

START_TEST(what_was_written_is_read)
{
	struct err e = { 0 };

	join();
	ck_assert_msg(read_blocks(0, UINT64_MAX, &e) == ERR_OK, "%s", e.msg);
	ck_assert_uint_eq(got.n, 3);
	ck_assert(got.v[1].block == 5 && got.v[1].log_index == 2 && got.v[1].topics_n == 3 && got.v[1].data.n == 64);
	ck_assert(hash32_eq(&got.v[2].topics[1], &product) && got.v[2].block_hash.b[1] == 9 && got.v[2].tx.b[0] == 0xcc);
}
END_TEST

static const struct { const char *rule; uint64_t from, to; size_t n; } parts[] = {
	{ "all", 0, 9, 3 }, { "from the first block", 5, 9, 3 }, { "behind it", 6, 9, 1 }, { "before the last", 0, 8, 2 },
	{ "nothing newer", 10, 20, 0 }, { "nothing older", 0, 4, 0 }, { "nothing between", 6, 8, 0 },
};

START_TEST(only_the_blocks_asked_for_are_kept)
{
	join();
	ck_assert_int_eq(read_blocks(parts[_i].from, parts[_i].to, NULL), ERR_OK);
	ck_assert_msg(got.n == parts[_i].n, "%s: %zu", parts[_i].rule, got.n);
}
END_TEST

START_TEST(an_empty_file_is_an_empty_history)
{
	ck_assert_int_eq(read_blocks(0, 9, NULL), ERR_OK);
	ck_assert_uint_eq(got.n, 0);
}
END_TEST

/* In line `line` (from 1) `find` becomes `put`; without find the line becomes `put`, without its break. */
#define ONE_TOPIC "\"0x0100000000000000000000000000000000000000000000000000000000000000\""
static const struct { const char *rule; int line; const char *find, *put; int rc; const char *says; } edits[] = {
	{ "what nodes add is passed over", 2, "\"removed\"", "\"blockTimestamp\":\"0x1\",\"transactionIndex\":\"0x0\",\"removed\"", ERR_OK, "" },
	{ "removed may be left out", 2, ",\"removed\":false", "", ERR_OK, "" },
	{ "a log has no such order", 2, "\"logIndex\":\"0x2\"", "\"logIndex\":\"0x1\"", ERR_RULE, "line 2: log: lines stand in the order" },
	{ "a block below the one before", 3, "\"blockNumber\":\"0x9\"", "\"blockNumber\":\"0x4\"", ERR_RULE, "line 3: log: lines stand in the order" },
	{ "another contract", 1, "0x5fbd", "0x5fbe", ERR_RULE, "line 1: log: a row of another address" },
	{ "another product", 2, "0x7777", "0x7778", ERR_RULE, "another product" },
	{ "a removed log", 3, "\"removed\":false", "\"removed\":true", ERR_RULE, "line 3: log: a removed row" },
	{ "an address has 20 bytes", 1, "0x5fbd", "0x5fbd00", ERR_FORMAT, "line 1" },
	{ "it has an address", 1, "\"address\"", "\"addres\"", ERR_FORMAT, "line 1" },
	{ "it has a block number", 1, "\"blockNumber\"", "\"number\"", ERR_FORMAT, "hex: not a string" },
	{ "it has a block hash", 1, "\"blockHash\"", "\"hash\"", ERR_FORMAT, "line 1" },
	{ "it has a transaction", 1, "\"transactionHash\"", "\"tx\"", ERR_FORMAT, "line 1" },
	{ "it has an index", 1, "\"logIndex\"", "\"index\"", ERR_FORMAT, "hex: not a string" },
	{ "it has data", 1, "\"data\"", "\"input\"", ERR_FORMAT, "hex: not a string" },
	{ "it has topics", 1, "\"topics\"", "\"topic\"", ERR_RULE, "2 to 4 topics" },
	{ "numbers have no leading zero", 1, "\"0x5\"", "\"0x05\"", ERR_FORMAT, "no leading zero" },
	{ "numbers are texts", 1, "\"0x5\"", "5", ERR_FORMAT, "hex: not a string" },
	{ "an index has 32 bits", 1, "\"logIndex\":\"0x1\"", "\"logIndex\":\"0x100000000\"", ERR_FORMAT, "32 bits" },
	{ "data are whole bytes", 1, "\"data\":\"0x00", "\"data\":\"0x0", ERR_FORMAT, "even number of digits" },
	{ "a topic has 32 bytes", 1, "\"0x01", "\"0x0", ERR_FORMAT, "line 1" },
	{ "four topics are the most", 1, "[", "[" ONE_TOPIC "," ONE_TOPIC ",", ERR_RULE, "2 to 4 topics" },
	{ "a key stands once", 1, "{", "{\"data\":\"0x\",", ERR_FORMAT, "line 1: JSON: duplicate" },
	{ "one object a line", 1, "}", "}{}", ERR_FORMAT, "line 1: JSON" },
	{ "an object", 2, NULL, "[]\n", ERR_FORMAT, "line 2: a line is one object" },
	{ "not a number", 2, NULL, "7\n", ERR_FORMAT, "line 2: a line is one object" },
	{ "no empty lines", 2, NULL, "\n", ERR_FORMAT, "line 2: JSON" },
	{ "the last line is whole", 3, "}\n", "}", ERR_FORMAT, "line 3: the last line is cut" },
	{ "no page", 1, NULL, "<!doctype html>\n", ERR_FORMAT, "line 1: JSON" },
	{ "no array", 1, "{", "[{", ERR_FORMAT, "one array" },
	{ "no archive", 1, NULL, "\x3a\xa2\x65" "roots\x81\xd8\x2a\x58\x25\x01\x71\x12\x20 and so on\n", ERR_FORMAT, "a CAR archive" },
	{ "nothing compressed", 1, NULL, "\x1f\x8b\x08 and so on\n", ERR_FORMAT, "compressed" },
};

static void edit(int i)
{
	struct buf *line = &lines[edits[i].line - 1], was = *line;
	const uint8_t *at;
	size_t before;

	if (!edits[i].find) {
		buf_reset(line);
		buf_str(line, edits[i].put);
		return;
	}
	at = memmem(was.p, was.n, edits[i].find, strlen(edits[i].find));
	ck_assert_msg(at != NULL, "%s: %s is not in the line", edits[i].rule, edits[i].find);
	before = (size_t)(at - was.p);
	*line = BUF_INIT(64 * KIB);
	buf_add(line, SPAN(was.p, before));
	buf_str(line, edits[i].put);
	buf_add(line, span_cut(buf_span(&was), before + strlen(edits[i].find), was.n));
	buf_free(&was);
}

/* Also in lines that are not asked for. */
START_TEST(each_line_is_checked)
{
	for (int all = 0; all < 2; all++) {
		struct err e = { 0 };
		int rc;

		if (!all)
			edit(_i);
		join();
		rc = read_blocks(all ? 0 : 100, all ? 100 : 200, &e);
		ck_assert_msg(rc == edits[_i].rc, "%s: %s %s", edits[_i].rule, err_name((enum err_code)rc), e.msg);
		ck_assert_msg(strstr(e.msg, edits[_i].says) != NULL, "%s: \"%s\" is not in \"%s\"", edits[_i].rule, edits[_i].says, e.msg);
		ck_assert_msg(rc || !all || got.n == 3, "%s", edits[_i].rule);
	}
}
END_TEST

/* --- bounds --- */

/* Blanks inside of an object: as long as a line may be, and one more. */
START_TEST(a_line_is_bounded)
{
	struct err e = { 0 };
	struct buf was = lines[1];

	lines[1] = BUF_INIT(64 * KIB);
	buf_byte(&lines[1], '{');
	while (lines[1].n < ENTRIES_LINE_MAX + (size_t)_i - (was.n - 2))
		buf_byte(&lines[1], ' ');
	buf_add(&lines[1], span_cut(buf_span(&was), 1, was.n));
	buf_free(&was);
	join();
	ck_assert_int_eq(read_blocks(0, 9, &e), _i ? ERR_LIMIT : ERR_OK);
	if (_i)
		ck_assert_str_eq(e.msg, "entries, line 2: a line has at most 20480 bytes");
}
END_TEST

/* A stream without any line break is no reason to look far. */
START_TEST(an_endless_line)
{
	struct err e = { 0 };

	buf_byte(&file, '{');
	while (file.n < 3 * ENTRIES_LINE_MAX)
		buf_byte(&file, ' ');
	ck_assert_int_eq(read_blocks(0, 9, &e), ERR_LIMIT);
}
END_TEST

START_TEST(records_are_bounded)
{
	static uint8_t room[RECORD_DATA_MAX];
	struct record r = { .topics_n = 2, .topics = { { { 1 } }, product }, .data = SPAN(room, sizeof room) };
	size_t fit = RECORDS_HELD_MAX / (sizeof r + sizeof room);
	struct err e = { 0 };

	for (size_t i = 0; i <= fit; i++) {
		r.block = i;
		entries_put_line(&file, &registry, &r);
	}
	ck_assert_int_eq(read_blocks(0, UINT64_MAX, &e), ERR_LIMIT);
	ck_assert_uint_eq(got.n, fit);
	ck_assert_msg(strstr(e.msg, "a history takes more than") != NULL, "%s", e.msg);
}
END_TEST

START_TEST(data_are_bounded)
{
	static uint8_t room[RECORD_DATA_MAX + 1];
	struct record r = { .topics_n = 2, .topics = { { { 1 } }, product }, .data = SPAN(room, sizeof room) };
	struct err e = { 0 };

	entries_put_line(&file, &registry, &r);
	ck_assert_int_eq(read_blocks(0, 9, &e), ERR_LIMIT);
	ck_assert_msg(strstr(e.msg, "more than 8192 bytes") != NULL, "%s", e.msg);
}
END_TEST

/* --- blocks, which a head does not cover --- */

static const struct { const char *rule; uint64_t held, block[3], prev[3]; int rc; } places[] = {
	{ "one after the other", 0, { 5, 5, 9 }, { 0, 5, 5 }, ERR_OK },
	{ "behind what we hold", 4, { 5, 6, 7 }, { 4, 5, 6 }, ERR_OK },
	{ "the last one's block is vouched for by nobody", 0, { 5, 6, 70 }, { 0, 5, 6 }, ERR_OK },
	{ "the first one follows what we hold", 4, { 5, 6, 7 }, { 3, 5, 6 }, ERR_RULE },
	{ "the first one follows nothing", 0, { 5, 6, 7 }, { 4, 5, 6 }, ERR_RULE },
	{ "the second names the first", 0, { 5, 6, 7 }, { 0, 4, 6 }, ERR_RULE },
	{ "the first is where the second says", 0, { 4, 6, 7 }, { 0, 5, 6 }, ERR_RULE },
	{ "the third names the second", 0, { 5, 6, 7 }, { 0, 5, 7 }, ERR_RULE },
	{ "none goes back", 0, { 5, 6, 4 }, { 0, 5, 6 }, ERR_RULE },
};

START_TEST(records_stand_in_their_blocks)
{
	static const struct addr20 owner = { { 0xaa } };
	struct track t;
	int rc;

	track_init(&t, &owner, "acme/one");
	t.final.last_block = places[_i].held;
	for (int i = 0; i < 3; i++) {
		struct buf data = BUF_INIT(KIB);
		struct record r = make(places[_i].block[i], (uint32_t)i, places[_i].prev[i], &data);

		ck_assert_int_eq(records_add(&got, &r, NULL), ERR_OK);
		buf_free(&data);
	}
	rc = track_places(&t, 0, &got, NULL);
	ck_assert_msg(rc == places[_i].rc, "%s: %s", places[_i].rule, err_name((enum err_code)rc));
	track_fini(&t);
}
END_TEST

#define LOOP(tc, test, rows) tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *s = suite_create("entries");
	TCase *t = tcase_create("entries");
	SRunner *run;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_line_is_a_log_object);
	tcase_add_test(t, what_was_written_is_read);
	LOOP(t, only_the_blocks_asked_for_are_kept, parts);
	tcase_add_test(t, an_empty_file_is_an_empty_history);
	LOOP(t, each_line_is_checked, edits);
	tcase_add_loop_test(t, a_line_is_bounded, 0, 2);
	tcase_add_test(t, an_endless_line);
	tcase_add_test(t, records_are_bounded);
	tcase_add_test(t, data_are_bounded);
	LOOP(t, records_stand_in_their_blocks, places);
	suite_add_tcase(s, t);
	run = srunner_create(s);
	srunner_run_all(run, CK_NORMAL);
	failed = srunner_ntests_failed(run);
	srunner_free(run);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
