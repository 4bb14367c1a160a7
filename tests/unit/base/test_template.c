/* test_template.c: URLs with names in them. */
#include "base/template.h"

#include <check.h>
#include <string.h>

static const struct template_names names = { .cid = "bafkcid", .sha256 = { { 0xab, 0xcd } }, .product = "acme/thermostat",
	.version = "1.0+rc/2 \xc3\xa9", .sequence = UINT64_MAX };

static const struct { const char *url, *filled; } good[] = {
	{ "https://h", "https://h" },
	{ "https://h/{cid}", "https://h/bafkcid" },
	{ "https://h/{cid}{cid}/x", "https://h/bafkcidbafkcid/x" },
	{ "https://h/{vendor}/{model}.bin", "https://h/acme/thermostat.bin" },
	{ "https://h/?v={version}&n={sequence}", "https://h/?v=1.0%2Brc%2F2%20%C3%A9&n=18446744073709551615" },
	{ "https://h/{sha256}", "https://h/abcd000000000000000000000000000000000000000000000000000000000000" },
};

START_TEST(fills)
{
	char out[200];

	ck_assert_int_eq(template_check(good[_i].url, NULL), ERR_OK);
	ck_assert_int_eq(template_fill(good[_i].url, &names, out, sizeof out, NULL), ERR_OK);
	ck_assert_str_eq(out, good[_i].filled);
}
END_TEST

START_TEST(keeps_to_its_room)
{
	char out[sizeof "https://h/bafkcid"];

	ck_assert_int_eq(template_fill("https://h/{cid}", &names, out, sizeof out, NULL), ERR_OK);
	ck_assert_int_eq(template_fill("https://h/{cid}", &names, out, sizeof out - 1, NULL), ERR_USAGE);
}
END_TEST

/* A version is a publisher's free text: it chooses a name, not a directory. */
static const struct { const char *url, *version; bool is_good; } dots[] = {
	{ "https://h/fw/{version}/image", "..", false },
	{ "https://h/fw/{version}/image", ".", false },
	{ "https://h/fw/{version}", "..", false },
	{ "https://h/fw/.{version}?x", ".", false },
	{ "https://h/fw/{version}", "...", true },
	{ "https://h/fw/v{version}", "..", true },
	{ "https://h/fw?v=/{version}/", "..", true },
	{ "https://h/a/../{version}", "1", true },
};

START_TEST(stays_in_its_directory)
{
	struct template_names n = names;
	char out[200];

	n.version = dots[_i].version;
	ck_assert_msg((template_fill(dots[_i].url, &n, out, sizeof out, NULL) == ERR_OK) == dots[_i].is_good, "%s", dots[_i].url);
}
END_TEST

static const struct { const char *rule, *url, *says; } bad[] = {
	{ "an unknown name", "https://h/{hash}", "not {hash}" },
	{ "half a name", "https://h/{cid", "not {cid" },
	{ "only an end", "https://h/cid}", "not }" },
	{ "nothing in it", "https://h/{}", "not {}" },
	{ "one in another", "https://h/{{cid}}", "not {{cid}}" },
	{ "in the host", "https://{vendor}.example/x", "path or query" },
	{ "in the port", "https://h:{sequence}/x", "path or query" },
	{ "without a path", "https://h{cid}", "path or query" },
};

START_TEST(refuses)
{
	struct err e = { 0 };

	ck_assert_msg(template_check(bad[_i].url, &e) == ERR_USAGE, "%s", bad[_i].rule);
	ck_assert_msg(strstr(e.msg, bad[_i].says) != NULL, "%s: %s", bad[_i].rule, e.msg);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("template");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, fills, 0, sizeof good / sizeof *good);
	tcase_add_test(t, keeps_to_its_room);
	tcase_add_loop_test(t, stays_in_its_directory, 0, sizeof dots / sizeof *dots);
	tcase_add_loop_test(t, refuses, 0, sizeof bad / sizeof *bad);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
