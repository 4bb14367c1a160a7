/* test_news.c: when changes are told. */
#include "keeper/news.h"

#include <check.h>

START_TEST(the_first_is_told_at_once)
{
	struct news n = { 0 };

	ck_assert_msg(!news_take(&n, true, 0), "nothing is nothing to tell");
	ck_assert_int_eq(news_wake(&n), INT64_MAX);
	news_note(&n);
	ck_assert_int_le(news_wake(&n), 0);
	ck_assert(news_take(&n, false, 0));
	ck_assert_msg(!news_take(&n, false, 10 * CHAIN_NEWS_MS), "told is told");
}
END_TEST

START_TEST(what_follows_is_told_together)
{
	struct news n = { 0 };

	news_note(&n);
	ck_assert(news_take(&n, false, 5000));
	news_note(&n);
	ck_assert_int_eq(news_wake(&n), 5000 + CHAIN_NEWS_MS);
	ck_assert(!news_take(&n, false, 5000 + CHAIN_NEWS_MS - 1));
	news_note(&n);
	ck_assert(news_take(&n, false, 5000 + CHAIN_NEWS_MS));
	ck_assert_int_eq(news_wake(&n), INT64_MAX);
}
END_TEST

START_TEST(the_end_of_a_round_waits_for_nothing)
{
	struct news n = { 0 };

	news_note(&n);
	ck_assert(news_take(&n, false, 5000));
	news_note(&n);
	ck_assert(news_take(&n, true, 5001));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("news");
	TCase *t = tcase_create("news");
	SRunner *r;
	int failed;

	tcase_add_test(t, the_first_is_told_at_once);
	tcase_add_test(t, what_follows_is_told_together);
	tcase_add_test(t, the_end_of_a_round_waits_for_nothing);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
