/* test_borrow.c: stories of a follower whose providers have pruned their logs, and of entries sources that help, or do not. */
#include "stage.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct follower_entries sources[3] = { { "peer" }, { "export" }, { "third" } };

static void setup(void)
{
	stage_setup();
	operators(3, 2);
	for (size_t i = 0; i < 3; i++)
		w.source[i] = (struct fake_source){ .chain = chain, .final = UINT64_MAX };
	conf.entries = sources;
	conf.entries_n = 1;
}

static void in_step(size_t product)
{
	struct follower_product_info info;
	const struct fake_product *p = &chain->product[product];

	ck_assert(follower_product_find(w.f, &p->id, &info));
	ck_assert_msg(info.final.entries == p->words.entries && hash32_eq(&info.final.head, &p->words.head), "%s: %u of %u entries",
		      p->name, info.final.entries, p->words.entries);
	ck_assert_uint_eq(info.provisional, 0);
}

/* Three entries of a registration in one block, then some releases. */
static void history(const char *name, unsigned releases)
{
	size_t product = fake_register(chain, &fake_owner, name);

	fake_mine(chain, 1);
	for (; releases; releases--) {
		fake_publish(chain, product);
		fake_mine(chain, 1);
	}
}

static void providers_prune(uint64_t up_to)
{
	for (size_t i = 0; i < 3; i++)
		w.p[i].logs_from = up_to;
}

static void source_says(size_t i, const char *what)
{
	struct follower_entries_info info;

	follower_entries(w.f, i, &info);
	ck_assert_msg(strstr(info.last_error, what) != NULL, "\"%s\" is not in \"%s\"", what, info.last_error);
}

/* --- it helps --- */

START_TEST(pruned_everywhere)
{
	history("acme/one", 6);
	providers_prune(UINT64_MAX);
	start();
	runs(1);
	said("seen acme/one 1 registered in 2");
	said("seen acme/one 9 release in 8");
	said("proven acme/one 9 final at 8");
	silent("alarm");
	ck_assert_uint_eq(fake_count(&w, "seen *"), 9);
	ck_assert_uint_eq(w.source[0].asked, 1);
	in_step(0);
}
END_TEST

START_TEST(nobody_is_asked_without_need)
{
	history("acme/one", 6);
	w.p[0].lie = OMITS_LOGS;
	start();
	runs(3);
	in_step(0);
	ck_assert_uint_eq(w.source[0].asked, 0);
}
END_TEST

/* After that the providers have what is new: entries are asked for the gap only once. */
START_TEST(goes_on_with_providers)
{
	history("acme/one", 6);
	providers_prune(chain->n);
	start();
	runs(1);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	runs(1);
	in_step(0);
	ck_assert_uint_eq(w.source[0].asked, 1);
}
END_TEST

/* Down for long, and what was missed is pruned: lines of entries that we hold are passed over. */
START_TEST(a_gap_is_closed)
{
	history("acme/one", 2);
	start();
	runs(1);
	fake_forget(&w);
	for (int i = 0; i < 20; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 2);
	}
	providers_prune(UINT64_MAX);
	runs(1);
	in_step(0);
	ck_assert_uint_eq(fake_count(&w, "seen *"), 20);
	silent("undone");
}
END_TEST

/* Entries that are only provisional here are not told twice. */
START_TEST(provisional_entries_are_kept)
{
	conf.finality = FINALITY_DEPTH;
	conf.depth = 20;
	history("acme/one", 2);
	fake_mine(chain, 20);
	start();
	runs(1);
	fake_publish(chain, 0);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	runs(1);
	fake_forget(&w);
	for (int i = 0; i < 5; i++) {
		fake_publish(chain, 0);
		fake_mine(chain, 1);
	}
	providers_prune(UINT64_MAX);
	runs(1);
	said("proven acme/one 12 provisional at *");
	ck_assert_uint_eq(fake_count(&w, "seen *"), 5);
	silent("undone");
	fake_mine(chain, 20);
	runs(1);
	in_step(0);
}
END_TEST

/* The source is behind by what providers still have: neither alone is enough. */
START_TEST(a_base_and_the_newest)
{
	history("acme/one", 6);
	w.source[0].final = 6;
	providers_prune(7);
	start();
	runs(1);
	in_step(0);
	silent("alarm");
	ck_assert_uint_eq(fake_count(&w, "seen *"), 9);
}
END_TEST

/* The same when one source lies about the base, and a provider about the newest. */
START_TEST(a_base_among_liars)
{
	conf.entries_n = 2;
	history("acme/one", 6);
	w.source[0].final = w.source[1].final = 6;
	w.source[0].lie = EDITS_DATA;
	w.p[0].lie = EDITS_DATA;
	providers_prune(7);
	start();
	runs(1);
	in_step(0);
	ck_assert_uint_eq(fake_count(&w, "seen *"), 9);
	said("alarm provider-lying p0: gave log records that are not the chain's: *");
	source_says(0, "acme/one: its records, with the newest from providers, do not replay");
}
END_TEST

/* A base whose last block is wrong replays all the same: the newest record says so. */
START_TEST(a_base_in_a_wrong_block)
{
	conf.entries_n = 2;
	history("acme/one", 3);
	fake_mine(chain, 2);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	w.source[0].final = 5;
	w.source[0].lie = SHIFTS_LAST_BLOCK;
	providers_prune(6);
	start();
	runs(1);
	in_step(0);
	ck_assert_uint_eq(w.source[1].asked, 1);
	said("seen acme/one 6 release in 5");
	silent("alarm provider-lying");
}
END_TEST

/* Providers reach below the end of the base, which was invented: what lies before that still serves. */
START_TEST(a_base_with_a_wrong_end)
{
	history("acme/one", 6);
	w.source[0].final = 6;
	w.source[0].lie = EDITS_LAST;
	providers_prune(6);
	start();
	runs(1);
	in_step(0);
	ck_assert_uint_eq(fake_count(&w, "seen *"), 9);
}
END_TEST

START_TEST(what_providers_left_out_shows)
{
	history("acme/one", 3);
	for (int i = 0; i < 3; i++)
		w.p[i].lie = OMITS_LOGS;
	start();
	runs(1);
	in_step(0);
	said("alarm provider-lying p0: left log records out: *");
}
END_TEST

/* --- it does not --- */

/* What a source does, what is said of it, and whether it then rests. */
static const struct { const char *what; enum lie lie; const char *text; int status; uint64_t final; const char *says; bool rests; } useless[] = {
	{ "a record is left out", OMITS_LOGS, NULL, 0, UINT64_MAX, "names", true },
	{ "the first record is left out", OMITS_FIRST_LOG, NULL, 0, UINT64_MAX, "as the block before it", true },
	{ "data are edited", EDITS_DATA, NULL, 0, UINT64_MAX, "do not replay to the proven head", true },
	{ "topics are edited", EDITS_TOPIC, NULL, 0, UINT64_MAX, "do not replay to the proven head", true },
	{ "a record is added", ADDS_LOG, NULL, 0, UINT64_MAX, "names", true },
	{ "records are reordered", SWAPS_LOGS, NULL, 0, UINT64_MAX, "order of the chain", true },
	{ "records of another contract", OTHER_ADDRESS, NULL, 0, UINT64_MAX, "another address", true },
	{ "a removed record", REMOVED_ROW, NULL, 0, UINT64_MAX, "removed", true },
	{ "records of another product", OTHER_PRODUCT_ROW, NULL, 0, UINT64_MAX, "another product", true },
	{ "the first block is wrong", SHIFTS_FIRST_BLOCK, NULL, 0, UINT64_MAX, "as the block before it", true },
	{ "the last block is wrong", SHIFTS_LAST_BLOCK, NULL, 0, UINT64_MAX, "the last record is in block 8, not in 7", true },
	{ "all blocks are wrong", OTHER_BLOCK_ROW, NULL, 0, UINT64_MAX, "as the block before it", true },
	{ "prevBlock points nowhere", PREV_NOWHERE, NULL, 0, UINT64_MAX, "as the block before it", true },
	{ "it is far behind", HONEST, NULL, 0, 6, "do not replay to the proven head", false },
	{ "it has nothing", HONEST, NULL, 0, 0, "none of the missing records", false },
	{ "an empty file", HONEST, "", 0, UINT64_MAX, "none of the missing records", false },
	{ "a page of HTML", HONEST, "<html>hello</html>\n", 0, UINT64_MAX, "line 1: JSON", true },
	{ "a cut file", HONEST, "{\"address\":", 0, UINT64_MAX, "line 1: the last line is cut", true },
	{ "it does not have the product", HONEST, NULL, 404, UINT64_MAX, "does not have this product's entries", false },
	{ "it does not have it any more", HONEST, NULL, 410, UINT64_MAX, "does not have this product's entries", false },
	{ "it is being repaired", HONEST, NULL, 503, UINT64_MAX, "HTTP status 503", true },
	{ "a redirect", HONEST, NULL, 302, UINT64_MAX, "HTTP status 302", true },
	{ "a part", HONEST, NULL, 206, UINT64_MAX, "HTTP status 206", true },
	{ "throttled", HTTP_429, NULL, 0, UINT64_MAX, "HTTP status 429", true },
	{ "no answer", NO_ANSWER, NULL, 0, UINT64_MAX, "connection reset", true },
	{ "an answer over the limit", OVER_LIMIT, NULL, 0, UINT64_MAX, "more than 33554432 bytes", true },
};

static void use_less(int i)
{
	history("acme/one", 6);
	w.source[0].lie = useless[i].lie;
	w.source[0].text = useless[i].text;
	w.source[0].status = useless[i].status;
	w.source[0].final = useless[i].final;
	providers_prune(UINT64_MAX);
	start();
	runs(1);
}

/* Alone it moves nothing, and is named. */
START_TEST(useless_alone)
{
	struct follower_entries_info info;

	use_less(_i);
	silent("seen");
	silent("proven");
	said("alarm history-incomplete *");
	source_says(0, useless[_i].says);
	follower_entries(w.f, 0, &info);
	ck_assert_msg((info.retry_at_ms > 0) == useless[_i].rests, "%s: rests until %lld", useless[_i].what, (long long)info.retry_at_ms);
	w.source[0] = (struct fake_source){ .chain = chain, .final = UINT64_MAX };
	w.now_ms += 4000000;
	runs(1);
	in_step(0);
	said("alarm-off history-incomplete *");
	ck_assert_uint_eq(fake_count(&w, "seen *"), 9);
}
END_TEST

/* The next one is asked in the same round. */
START_TEST(useless_before_an_honest_one)
{
	conf.entries_n = 2;
	use_less(_i);
	in_step(0);
	silent("alarm history-incomplete");
	ck_assert_uint_eq(fake_count(&w, "seen *"), 9);
	source_says(0, useless[_i].says);
	ck_assert_uint_eq(w.source[1].asked, 1);
}
END_TEST

/* --- many products, dead sources --- */

#define MANY 30

static void many(void)
{
	static char names[MANY][16];

	conf.wants_n = MANY;
	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "acme/n%zu", i);
		wants[i] = (struct follower_want){ fake_owner, names[i] };
		fake_register(chain, &fake_owner, names[i]);
	}
	fake_mine(chain, 1);
	providers_prune(UINT64_MAX);
}

START_TEST(many_products)
{
	many();
	start();
	runs(1);
	for (size_t i = 0; i < MANY; i++)
		in_step(i);
	ck_assert_uint_eq(w.source[0].asked, MANY);
}
END_TEST

/* A dead source costs the time of one question or two, not one for each product. */
START_TEST(a_dead_source_is_left_alone)
{
	conf.entries_n = 2;
	many();
	w.source[0].lie = NO_ANSWER;
	start();
	runs(1);
	for (size_t i = 0; i < MANY; i++)
		in_step(i);
	ck_assert_uint_le(w.source[0].asked, ENTRIES_ASKS_MAX);
	ck_assert_uint_eq(w.source[1].asked, MANY);
}
END_TEST

START_TEST(all_sources_dead)
{
	many();
	w.source[0].lie = NO_ANSWER;
	start();
	runs(1);
	ck_assert_uint_eq(fake_count(&w, "alarm history-incomplete *"), MANY);
	ck_assert_uint_le(w.source[0].asked, ENTRIES_ASKS_MAX);
	w.source[0].lie = HONEST;
	w.now_ms += ENTRIES_AGAIN_MAX_MS;
	runs(1);
	for (size_t i = 0; i < MANY; i++)
		in_step(i);
}
END_TEST

/* Requests under way at a time are few: each may bring 32 MiB. */
START_TEST(few_at_a_time)
{
	struct follower_action a;
	unsigned files = 0;
	struct follower_answer none = { .status = 404 };
	uint64_t ids[MANY];

	many();
	start();
	follower_poll(w.f, w.now_ms);
	fake_hold_entries(&w, ids, &files);
	ck_assert_uint_eq(files, ENTRIES_ASKS_MAX);
	ck_assert(!follower_action(w.f, &a));
	follower_answer(w.f, ids[0], &none, w.now_ms);
	ck_assert_msg(follower_action(w.f, &a) && a.ask == FOLLOWER_ASK_ENTRIES, "the next one's turn");
	ck_assert(!follower_action(w.f, &a));
}
END_TEST

/* Nobody has it: asked for again after 1, 2, 4, 8 and then every 10 minutes, however often the chain is looked at. */
START_TEST(later_and_later)
{
	unsigned asked[] = { 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5 };

	history("acme/one", 3);
	w.source[0].status = 404;
	providers_prune(UINT64_MAX);
	start();
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		runs(1);
		ck_assert_msg(w.source[0].asked == asked[i], "round %zu: %u", i, w.source[0].asked);
	}
	ck_assert_uint_eq(fake_count(&w, "alarm history-incomplete *"), 1);
}
END_TEST

/* Once it was not in vain, or not needed, the next time is like the first. */
START_TEST(help_from_providers_ends_the_pause)
{
	history("acme/one", 3);
	w.source[0].status = 404;
	providers_prune(UINT64_MAX);
	start();
	runs(4);
	ck_assert_uint_eq(w.source[0].asked, 3);	/* and again after four more */
	providers_prune(0);
	runs(1);
	in_step(0);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	providers_prune(UINT64_MAX);
	w.source[0].status = 0;
	runs(1);
	in_step(0);
}
END_TEST

static int64_t rests_ms(void)
{
	struct follower_entries_info info;

	follower_entries(w.f, 0, &info);
	return info.retry_at_ms - (w.now_ms - 60000);
}

START_TEST(a_broken_source_rests_longer_each_time)
{
	history("acme/one", 3);
	providers_prune(UINT64_MAX);
	w.source[0].lie = HTTP_500;
	start();
	runs(1);
	ck_assert_int_eq(rests_ms(), 60000);
	runs(1);
	ck_assert_int_eq(rests_ms(), 120000);
	w.source[0].lie = HONEST;
	w.now_ms += 120000;
	runs(1);
	in_step(0);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
	w.source[0].lie = HTTP_500;
	runs(1);
	ck_assert_msg(rests_ms() == 60000, "its earlier failures are forgiven");
	w.source[0].lie = HTTP_429;
	w.now_ms += 60000;
	runs(1);
	ck_assert_msg(rests_ms() == 3000000, "as long as it asks for");
}
END_TEST

/* --- blocks that a head does not cover --- */

/* A restart would find that the last final block is another one, and see finality broken. */
START_TEST(a_provider_with_wrong_blocks)
{
	struct follower_provider_info info;

	conf.entries_n = 0;
	conf.providers_n = 2;
	history("acme/one", 3);
	w.p[0].lie = _i ? SHIFTS_LAST_BLOCK : SHIFTS_FIRST_BLOCK;
	start();
	runs(1);
	in_step(0);
	said("seen acme/one 1 registered in 2");
	said("seen acme/one 6 release in 5");
	said(_i ? "alarm provider-lying p0: the last record is in block 5, not in 4" :
	     "alarm provider-lying p0: a record in block 2 names 2 as the block before it, which is 1");
	silent("alarm provider-lying p0: left");
	follower_provider(w.f, 0, &info);
	ck_assert_int_eq(info.state, PROVIDER_QUARANTINED);
}
END_TEST

START_TEST(too_many_sources)
{
	struct err e = { 0 };

	conf.entries_n = ENTRIES_SOURCES_MAX + 1;
	ck_assert_ptr_null(follower_new(&conf, &known, &e));
	ck_assert_int_eq(e.code, ERR_USAGE);
}
END_TEST

#define LOOP(tc, test, rows) tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *s = suite_create("borrow");
	TCase *t = tcase_create("stories");
	SRunner *run;
	int failed;

	tcase_add_checked_fixture(t, setup, stage_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, pruned_everywhere);
	tcase_add_test(t, nobody_is_asked_without_need);
	tcase_add_test(t, goes_on_with_providers);
	tcase_add_test(t, a_gap_is_closed);
	tcase_add_test(t, provisional_entries_are_kept);
	tcase_add_test(t, a_base_and_the_newest);
	tcase_add_test(t, a_base_among_liars);
	tcase_add_test(t, a_base_in_a_wrong_block);
	tcase_add_test(t, a_base_with_a_wrong_end);
	tcase_add_test(t, help_from_providers_ends_the_pause);
	tcase_add_test(t, a_broken_source_rests_longer_each_time);
	tcase_add_test(t, what_providers_left_out_shows);
	LOOP(t, useless_alone, useless);
	LOOP(t, useless_before_an_honest_one, useless);
	tcase_add_test(t, many_products);
	tcase_add_test(t, a_dead_source_is_left_alone);
	tcase_add_test(t, all_sources_dead);
	tcase_add_test(t, few_at_a_time);
	tcase_add_test(t, later_and_later);
	tcase_add_loop_test(t, a_provider_with_wrong_blocks, 0, 2);
	tcase_add_test(t, too_many_sources);
	suite_add_tcase(s, t);
	run = srunner_create(s);
	srunner_run_all(run, CK_NORMAL);
	failed = srunner_ntests_failed(run);
	srunner_free(run);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
