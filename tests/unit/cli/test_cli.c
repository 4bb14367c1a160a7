/* test_cli.c: what src/cli makes of outsiders' texts before a terminal gets them. */
#include "cli/printable.h"

#include <check.h>
#include <string.h>

static const struct { const char *rule, *said, *shown; } texts[] = {
	{ "plain text stays", "rate limit", "rate limit" },
	{ "other people's letters stay", "d\xc3\xa9j\xc3\xa0 \xe4\xb8\xad \xc2\xa0!", "d\xc3\xa9j\xc3\xa0 \xe4\xb8\xad \xc2\xa0!" },
	{ "no escape sequence", "\x1b[2J\x1b[32mfine", "?[2J?[32mfine" },
	{ "no line of its own", "a\r\nALARM  none", "a??ALARM  none" },
	{ "no bell, no backspace, no DEL", "a\a\b\x7f", "a???" },
	{ "no C1, which is an escape too", "a\xc2\x9b" "2Jb\xc2\x80", "a?2Jb?" },
	{ "empty stays empty", "", "" },
};

START_TEST(text_is_printable)
{
	json_t *v = json_pack("{s:[{s:s}], s:s, s:i, s:n}", "items", "why", texts[_i].said, "x", texts[_i].said, "n", 7, "none");

	json_make_printable(v);
	ck_assert_str_eq(json_string_value(json_object_get(v, "x")), texts[_i].shown);
	ck_assert_msg(!strcmp(json_string_value(json_object_get(json_array_get(json_object_get(v, "items"), 0), "why")), texts[_i].shown),
		      "%s, however deep", texts[_i].rule);
	ck_assert_int_eq(json_integer_value(json_object_get(v, "n")), 7);
	json_decref(v);
}
END_TEST

START_TEST(nothing_is_fine)
{
	json_make_printable(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cli");
	TCase *t = tcase_create("cli");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, text_is_printable, 0, (int)(sizeof texts / sizeof *texts));
	tcase_add_test(t, nothing_is_fine);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
