/* test_route.c: paths and queries of operator calls; alarms. */
#include "keeper/alarms.h"
#include "keeper/route.h"

#include <check.h>
#include <stdio.h>

static const struct { const char *pattern, *path; bool fits; const char *part; } paths[] = {
	{ "/api/v1/status", "/api/v1/status", true, NULL },
	{ "/api/v1/status", "/api/v1/status/", false, NULL },
	{ "/api/v1/status", "/api/v1", false, NULL },
	{ "/api/v1/status", "/api/v1/statu", false, NULL },
	{ "/x/{a}/{b}", "/x/acme/thermostat", true, "thermostat" },
	{ "/x/{a}/{b}", "/x/acme/", false, NULL },
	{ "/x/{a}/{b}", "/x/acme/t/7", false, NULL },
	{ "/x/{a}/{b}/approve", "/x/acme/7/approve", true, "7" },
	{ "/x/{a}/{b}/approve", "/x/acme/7/hold", false, NULL },
	{ "/x", "", false, NULL },
};

START_TEST(patterns)
{
	struct route_match m = { .parts = 0 };

	ck_assert_msg(route_fits(paths[_i].pattern, span_str(paths[_i].path), &m) == paths[_i].fits,
		      "%s %s", paths[_i].pattern, paths[_i].path);
	if (paths[_i].part)
		ck_assert(span_is(m.part[m.parts - 1], paths[_i].part));
}
END_TEST

static const struct { const char *rule, *target; int code; } bad_queries[] = {
	{ "a pair needs its equals sign", "/x?a", ERR_FORMAT },
	{ "a key stands once", "/x?a=1&a=2", ERR_FORMAT },
	{ "a percent sign needs two digits", "/x?a=%2", ERR_FORMAT },
	{ "a percent sign needs hex digits", "/x?a=%zz", ERR_FORMAT },
	{ "at most eight keys", "/x?a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1", ERR_FORMAT },
	{ "an empty pair", "/x?a=1&&b=1", ERR_FORMAT },
};

START_TEST(bad_query)
{
	struct route_query q;
	struct span path;

	ck_assert_msg(route_split(span_str(bad_queries[_i].target), &path, &q, NULL) == bad_queries[_i].code,
		      "%s", bad_queries[_i].rule);
}
END_TEST

START_TEST(query_values)
{
	struct route_query q;
	struct span path;

	ck_assert_int_eq(route_split(SPAN_LIT("/releases?product=acme%2Ft&state=&limit=5"), &path, &q, NULL), ERR_OK);
	ck_assert(span_is(path, "/releases"));
	ck_assert(span_is(route_value(&q, "product"), "acme/t"));
	ck_assert_ptr_nonnull(route_value(&q, "state").p);
	ck_assert_uint_eq(route_value(&q, "state").n, 0);
	ck_assert(span_is(route_value(&q, "limit"), "5"));
	ck_assert_ptr_null(route_value(&q, "after").p);
}
END_TEST

static const struct { const char *text; int code; uint64_t value; } numbers[] = {
	{ "0", ERR_OK, 0 },
	{ "9223372036854775807", ERR_OK, INT64_MAX },
	{ "9223372036854775808", ERR_FORMAT, 0 },
	{ "99999999999999999999", ERR_FORMAT, 0 },
	{ "", ERR_FORMAT, 0 },
	{ "01", ERR_FORMAT, 0 },
	{ "-1", ERR_FORMAT, 0 },
	{ "1x", ERR_FORMAT, 0 },
};

START_TEST(decimal)
{
	uint64_t v = 77;

	ck_assert_msg(route_u64(span_str(numbers[_i].text), &v, NULL) == numbers[_i].code, "%s", numbers[_i].text);
	ck_assert_uint_eq(v, numbers[_i].code ? 77 : numbers[_i].value);
}
END_TEST

START_TEST(alarms_keep_their_first_time)
{
	struct alarms a = { .n = 0 };

	ck_assert(alarms_raise(&a, "no-source", "acme/t", "first", false, 1000));
	ck_assert(!alarms_raise(&a, "no-source", "acme/t", "second", false, 2000));
	ck_assert_uint_eq(a.n, 1);
	ck_assert_int_eq(a.at[0].since_ms, 1000);
	ck_assert_str_eq(a.at[0].detail, "second");
	ck_assert(alarms_over(&a, "no-source", "acme/t"));
	ck_assert(!alarms_over(&a, "no-source", "acme/t"));
}
END_TEST

START_TEST(a_latched_alarm_waits_for_the_operator)
{
	struct alarms a = { .n = 0 };

	alarms_raise(&a, "quorum-conflict", "chain", "two hashes", true, 1);
	ck_assert(!alarms_over(&a, "quorum-conflict", "chain"));
	ck_assert_int_eq(alarms_clear(&a, SPAN_LIT("other"), NULL), ERR_NOT_FOUND);
	ck_assert_int_eq(alarms_clear(&a, SPAN_LIT("quorum-conflict"), NULL), ERR_OK);
	ck_assert_uint_eq(a.n, 0);
}
END_TEST

START_TEST(the_alarm_table_is_bounded)
{
	struct alarms a = { .n = 0 };
	char subject[32];

	for (int i = 0; i < ALARMS_MAX + 5; i++) {
		snprintf(subject, sizeof subject, "s%d", i);
		alarms_raise(&a, "x", subject, "", false, i);
	}
	ck_assert_uint_eq(a.n, ALARMS_MAX);
	ck_assert_uint_eq(a.dropped, 5);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("route");
	TCase *t = tcase_create("route");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, patterns, 0, (int)(sizeof paths / sizeof *paths));
	tcase_add_loop_test(t, bad_query, 0, (int)(sizeof bad_queries / sizeof *bad_queries));
	tcase_add_test(t, query_values);
	tcase_add_loop_test(t, decimal, 0, (int)(sizeof numbers / sizeof *numbers));
	tcase_add_test(t, alarms_keep_their_first_time);
	tcase_add_test(t, a_latched_alarm_waits_for_the_operator);
	tcase_add_test(t, the_alarm_table_is_bounded);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
