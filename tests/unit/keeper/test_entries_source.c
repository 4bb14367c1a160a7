/* test_entries_source.c: which sources may have histories, in which order, where. */
#include "keeper/entries_source.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fetch_source none;

static struct conf_source section(enum conf_kind kind, const char *url, const char *entries)
{
	return (struct conf_source){ .name = (char *)"s", .url = (char *)url, .token = (char *)"secret", .kind = kind,
		.entries = (char *)entries };
}

static const struct { const char *rule; enum conf_kind kind; const char *url, *entries, *asks; bool with_token; } places[] = {
	{ "a peer", CONF_PEER, "http://gw:8080", "", "http://gw:8080/entries/acme/lamp", true },
	{ "a peer behind a path", CONF_PEER, "https://site/gw//", "", "https://site/gw/entries/acme/lamp", true },
	{ "a peer's template goes first", CONF_PEER, "http://gw", "http://h/{model}.{vendor}", "http://h/lamp.acme", false },
	{ "an export", CONF_TRUSTLESS, "http://ipfs", "https://h/entries/{vendor}/{model}", "https://h/entries/acme/lamp", false },
	{ "in a query, twice, with a slash at the end", CONF_KUBO, "http://k", "http://h/?v={vendor}&p={vendor}-{model}/", "http://h/?v=acme&p=acme-lamp/", false },
	{ "no other kind by itself", CONF_TRUSTLESS, "http://ipfs", "", NULL, false },
	{ "nor a node of one's own", CONF_KUBO, "http://k", "", NULL, false },
};

START_TEST(where_a_history_is)
{
	struct conf_source s = section(places[_i].kind, places[_i].url, places[_i].entries);
	struct entries_source e = { 0 };
	char url[ENTRIES_URL_MAX];

	ck_assert_msg(entries_source_of(&s, &none, &e) == (places[_i].asks != NULL), "%s", places[_i].rule);
	if (!places[_i].asks)
		return;
	ck_assert_int_eq(entries_source_url(&e, "acme/lamp", url, NULL), ERR_OK);
	ck_assert_str_eq(url, places[_i].asks);
	ck_assert_msg(!e.token == !places[_i].with_token, "%s: a token goes to its own place only", places[_i].rule);
}
END_TEST

/* A template of names alone, and names of full length. */
START_TEST(the_longest_url_fits)
{
	char template[SOURCE_URL_MAX + 1] = "http://h/{vendor}", url[ENTRIES_URL_MAX];
	const char *name = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv/mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm";
	struct conf_source s = section(CONF_KUBO, "http://k", template);
	struct entries_source e;

	while (strlen(template) + 7 <= SOURCE_URL_MAX)
		strcat(template, "{model}");
	ck_assert(entries_source_of(&s, &none, &e));
	ck_assert_int_eq(entries_source_url(&e, name, url, NULL), ERR_OK);
	ck_assert_uint_gt(strlen(url), 4 * SOURCE_URL_MAX);
}
END_TEST

START_TEST(by_priority)
{
	static struct fetch_source f[] = { { .priority = 10, .name = "a" }, { .priority = 5, .name = "b" }, { .priority = -990, .name = "peer" },
		{ .priority = 10, .name = "c" }, { .priority = 5, .name = "d" } };
	struct entries_source all[6] = { { 0 } };
	char order[32] = "";

	for (int i = 0; i < 5; i++)
		all[i].source = &f[i];
	entries_source_sort(all, 6);
	for (int i = 0; i < 6; i++)
		snprintf(order + strlen(order), sizeof order - strlen(order), "%s ", all[i].source ? all[i].source->name : "own");
	ck_assert_str_eq(order, "own peer b d a c ");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("entries_source");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, where_a_history_is, 0, (int)(sizeof places / sizeof *places));
	tcase_add_test(t, the_longest_url_fits);
	tcase_add_test(t, by_priority);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
