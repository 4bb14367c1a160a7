/* test_links.c: link format (RFC 6690), written and filtered. */
#include "suites.h"

#include "coap/links.h"

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct link all[] = {
	{ .href = { (const uint8_t *)"/a", 2 }, .rt = { (const uint8_t *)"x.one y.two", 11 }, .format = 42, .size = 300,
	  .is_observable = true },
	{ .href = { (const uint8_t *)"/ab", 3 }, .interface = { (const uint8_t *)"core", 4 }, .format = -1, .size = -1 },
	{ .href = { (const uint8_t *)"/c", 2 }, .title = { (const uint8_t *)"say \"hi\" \\", 10 }, .format = 0, .size = 0 },
};

#define A "</a>;rt=\"x.one y.two\";ct=42;sz=300;obs"
#define AB "</ab>;if=\"core\""
#define C "</c>;title=\"say \\\"hi\\\" \\\\\";ct=0;sz=0"

static const struct { const char *rule, *query, *text; } filters[] = {
	{ "no filter", NULL, A "," AB "," C },
	{ "href", "href=/a", A },
	{ "href with a star", "href=/a*", A "," AB },
	{ "one of several types", "rt=y.two", A },
	{ "the first of them", "rt=x.one", A },
	{ "a part of one is not one", "rt=x", "" },
	{ "unless with a star", "rt=x*", A },
	{ "both together are not one", "rt=x.one y.two", "" },
	{ "interface", "if=core", AB },
	{ "content format", "ct=42", A },
	{ "format 0 is one", "ct=0", C },
	{ "size", "sz=300", A },
	{ "a star alone: whoever has the attribute", "sz=*", A "," C },
	{ "title", "title=say*", C },
	{ "observable", "obs=", A },
	{ "an attribute that nobody has", "anchor=x", "" },
	{ "an empty value is a value", "href=", "" },
};

START_TEST(filtered)
{
	struct span query = span_str(filters[_i].query);
	struct links_filter f;
	struct buf b = BUF_INIT(1024);
	struct links l;

	ck_assert_int_eq(links_filter_read(&query, filters[_i].query ? 1 : 0, &f, NULL), ERR_OK);
	links_begin(&l, &b, &f);
	for (size_t i = 0; i < ROWS(all); i++)
		links_add(&l, &all[i]);
	ck_assert_msg(span_is(buf_span(&b), filters[_i].text), "%s: %.*s", filters[_i].rule, (int)b.n, (const char *)b.p);
	buf_free(&b);
}
END_TEST

static const struct { const char *rule; const char *queries[2]; } odd[] = {
	{ "a filter has a value", { "rt" } },
	{ "and a name", { "=x" } },
	{ "something", { "" } },
	{ "one is enough", { "rt=a", "if=b" } },
};

START_TEST(refused)
{
	struct span q[2] = { span_str(odd[_i].queries[0]), span_str(odd[_i].queries[1]) };
	struct links_filter f = { .is_prefix = true };
	struct err e = { 0 };

	ck_assert_msg(links_filter_read(q, odd[_i].queries[1] ? 2 : 1, &f, &e) == ERR_FORMAT, "%s", odd[_i].rule);
	ck_assert(f.is_prefix && e.msg[0] && strlen(e.msg) <= 64);
}
END_TEST

START_TEST(a_full_listing_ends_with_a_whole_link)
{
	for (size_t room = 0; room < sizeof(A "," AB "," C); room++) {
		struct links_filter none = { .is_prefix = false };
		struct buf b = BUF_INIT(room);
		struct links l;

		links_begin(&l, &b, &none);
		for (size_t i = 0; i < ROWS(all); i++)
			links_add(&l, &all[i]);
		ck_assert(b.n == 0 || span_is(buf_span(&b), A) || span_is(buf_span(&b), A "," AB) ||
			  span_is(buf_span(&b), A "," AB "," C));
		ck_assert_uint_eq(l.count + l.left_out, ROWS(all));
		ck_assert(!b.failed);
		buf_free(&b);
	}
}
END_TEST

TCase *links_cases(void)
{
	TCase *t = tcase_create("links");

	tcase_add_loop_test(t, filtered, 0, ROWS(filters));
	tcase_add_loop_test(t, refused, 0, ROWS(odd));
	tcase_add_test(t, a_full_listing_ends_with_a_whole_link);
	return t;
}
