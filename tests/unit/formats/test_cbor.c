/* test_cbor.c: one encoding for each value (RFC 8949 section 4.2.1), and nothing else. */
#include "base/cleanup.h"
#include "formats/cbor.h"
#include "hexes.h"


/* Deterministic encodings, most of them from RFC 8949 appendix A. */
static const char *const good[] = {
	"00", "0a", "17", "1818", "1903e8", "1a000f4240", "1b000000e8d4a51000", "1bffffffffffffffff",
	"20", "29", "3863", "3903e7", "3bffffffffffffffff",
	"f90000", "f98000", "f93c00", "fb3ff199999999999a", "f93e00", "f97bff", "fa47c35000", "fa7f7fffff",
	"fb7e37e43c8800759c", "f90001", "f90400", "f9c400", "fbc010666666666666", "f97c00", "f97e00", "f9fc00",
	"fa47800000",	/* 65536: a half ends at 65504 */
	"fa33000000",	/* 2^-25: too small for a half */
	"fa38801000",	/* one bit more than a half's mantissa */
	"fb3690000000000000",	/* 2^-150: too small for a single */
	"f4", "f5", "f6", "f7", "f0", "f8ff", "f820",
	"c074323031332d30332d32315432303a30343a30305a", "d74401020304", "d818456449455446",
	"40", "4401020304", "60", "6161", "6449455446", "62c3bc", "64f0908591",
	"80", "83010203", "8301820203820405",
	"a0", "a201020304", "a26161016162820203", "826161a161626163",
	"a3 00 00 20 00 40 00",				/* unlike types, in bytewise order */
	"a2 8141 61 01 82 4161 4162 02",		/* arrays as keys */
	"a1 a1 01 02 03",				/* a map as a key */
	"81818181818181818181818181818180",		/* sixteen levels, the innermost empty */
};

static const struct { const char *rule, *hex, *says; } bad[] = {
	{ "nothing is no item", "", "bytes end" },
	{ "1 has one byte", "1801", "shortest" },
	{ "23 has one byte", "1817", "shortest" },
	{ "255 has one argument byte", "1900ff", "shortest" },
	{ "65535 has two", "1a0000ffff", "shortest" },
	{ "2^32 - 1 has four", "1b00000000ffffffff", "shortest" },
	{ "negative integers too", "3801", "shortest" },
	{ "lengths of byte strings too", "580100", "shortest" },
	{ "lengths of texts too", "780161", "shortest" },
	{ "lengths of arrays too", "980100", "shortest" },
	{ "lengths of maps too", "b8010000", "shortest" },
	{ "tags too", "d80100", "shortest" },
	{ "an indefinite byte string", "5f4100ff", "indefinite" },
	{ "an indefinite text", "7f6161ff", "indefinite" },
	{ "an indefinite array", "9fff", "indefinite" },
	{ "an indefinite map", "bfff", "indefinite" },
	{ "a break alone", "ff", "indefinite" },
	{ "additional information 28 is reserved", "1c", "reserved" },
	{ "29 too", "5d", "reserved" },
	{ "30 too", "fe", "reserved" },
	{ "an argument that is cut", "19 03", "bytes end" },
	{ "a byte string that is cut", "42 00", "bytes end" },
	{ "a length beyond memory", "5b ffffffffffffffff 00", "bytes end" },
	{ "an array that is cut", "82 00", "bytes end" },
	{ "an array of 2^64 - 1", "9b ffffffffffffffff 00", "bytes end" },
	{ "a map that is cut", "a1 00", "bytes end" },
	{ "a map of 2^63 pairs, twice which is 0", "bb 8000000000000000 00", "bytes end" },
	{ "a tag of nothing", "c0", "bytes end" },
	{ "a text that is not UTF-8", "61 ff", "UTF-8" },
	{ "a text with an overlong form", "62 c080", "UTF-8" },
	{ "keys out of order", "a2 02 00 01 00", "order" },
	{ "order is by bytes, not by length first", "a2 6161 00 20 00", "order" },
	{ "a key twice", "a2 01 00 01 00", "twice" },
	{ "a key twice with another one between, which is out of order", "a3 01 00 02 00 01 00", "order" },
	{ "a text key twice", "a2 6161 00 6161 01", "twice" },
	{ "keys out of order deep inside", "81 a1 00 a2 02 00 01 00", "order" },
	{ "keys of a map in a key out of order", "a1 a2 02 00 01 00 00", "order" },
	{ "array keys out of order", "a2 8102 00 8101 00", "order" },
	{ "the second map of an array, not the first", "82 a2 01 00 02 00 a2 02 00 01 00", "order" },
	{ "a simple value below 32 in two bytes", "f818", "below 32" },
	{ "false in two bytes", "f814", "below 32" },
	{ "1.0 as a single", "fa3f800000", "shortest" },
	{ "1.0 as a double", "fb3ff0000000000000", "shortest" },
	{ "infinity as a single", "fa7f800000", "shortest" },
	{ "infinity as a double", "fb7ff0000000000000", "shortest" },
	{ "NaN as a double", "fb7ff8000000000000", "shortest" },
	{ "0.0 as a single", "fa00000000", "shortest" },
	{ "-0.0 as a double", "fb8000000000000000", "shortest" },
	{ "2^-24, a subnormal half, as a single", "fa33800000", "shortest" },
	{ "32768.0, within a half's largest exponent, as a single", "fa47000000", "shortest" },
	{ "2^-14, a half's smallest exponent, as a single", "fa38800000", "shortest" },
	{ "100000.0 as a double", "fb40f86a0000000000", "shortest" },
	{ "2^-149, a subnormal single, as a double", "fb36a0000000000000", "shortest" },
	{ "seventeen levels with something in them", "81818181818181818181818181818181 8100", "nested" },
	{ "a byte left over", "0000", "left over" },
};

START_TEST(takes)
{
	struct span in = hexes(good[_i]);
	struct cbor c = cbor_of(in);

	ck_assert_msg(span_eq(cbor_skip(&c), in), "%s", good[_i]);
	ck_assert_int_eq(cbor_done(&c, NULL), ERR_OK);
}
END_TEST

START_TEST(refuses)
{
	struct cbor c = cbor_of(hexes(bad[_i].hex));
	struct err e = { 0 };

	cbor_skip(&c);
	ck_assert_msg(cbor_done(&c, &e) != ERR_OK, "%s", bad[_i].rule);
	ck_assert_msg(strstr(e.msg, bad[_i].says), "%s: %s", bad[_i].rule, e.msg);
}
END_TEST

/* Every beginning of a good item is a bad item. */
START_TEST(refuses_every_cut)
{
	struct span in = hexes(good[_i]);

	for (size_t n = 0; n < in.n; n++) {
		struct cbor c = cbor_of(SPAN(in.p, n));

		cbor_skip(&c);
		ck_assert_msg(cbor_done(&c, NULL) == ERR_FORMAT, "%s cut at %zu", good[_i], n);
	}
}
END_TEST

/* The readers of single values, each given something else. */
static void get_uint(struct cbor *c) { cbor_uint(c); }
static void get_int(struct cbor *c) { cbor_int(c); }
static void get_bool(struct cbor *c) { cbor_bool(c); }
static void get_tag(struct cbor *c) { cbor_tag(c); }
static void get_bytes(struct cbor *c) { cbor_bytes(c); }
static void get_text(struct cbor *c) { cbor_text(c); }
static void get_array(struct cbor *c) { cbor_array(c); }
static void get_pair(struct cbor *c) { cbor_array_of(c, 2, "pair"); }
static void get_map(struct cbor *c) { cbor_map(c); }

static const struct { const char *rule, *hex; void (*get)(struct cbor *c); const char *says; } mistyped[] = {
	{ "an unsigned is not negative", "20", get_uint, "a negative integer where an unsigned integer belongs" },
	{ "an integer is not a text", "6161", get_int, "a text where an unsigned integer belongs" },
	{ "an integer has 63 bits", "1b8000000000000000", get_int, "63 bits" },
	{ "a negative one too", "3b8000000000000000", get_int, "63 bits" },
	{ "null is no truth", "f6", get_bool, "false or true" },
	{ "nor is simple(244)", "f8f4", get_bool, "false or true" },
	{ "nor is a number", "01", get_bool, "an unsigned integer where false or true" },
	{ "nor is nothing", "", get_bool, "nothing where false or true" },
	{ "false is not null", "f4", cbor_null, "where null belongs" },
	{ "nothing is not null", "", cbor_null, "nothing where null belongs" },
	{ "an item is not its tag", "00", get_tag, "where a tag belongs" },
	{ "a text is not a byte string", "6161", get_bytes, "a text where a byte string belongs" },
	{ "a byte string is not a text", "4161", get_text, "a byte string where a text belongs" },
	{ "a map is not an array", "a0", get_array, "a map where an array belongs" },
	{ "three are not two", "83000000", get_pair, "pair is not an array of 2" },
	{ "an array is not a map", "80", get_map, "an array where a map belongs" },
};

START_TEST(names_wrong_types)
{
	struct cbor c = cbor_of(hexes(mistyped[_i].hex));
	struct err e = { 0 };

	mistyped[_i].get(&c);
	ck_assert_msg(cbor_ok(&c, &e) == ERR_FORMAT, "%s", mistyped[_i].rule);
	ck_assert_msg(strstr(e.msg, mistyped[_i].says), "%s: %s", mistyped[_i].rule, e.msg);
}
END_TEST

START_TEST(the_first_broken_rule_stays)
{
	struct cbor c = cbor_of(hexes("82 20 01"));
	struct cbor_array a = cbor_array(&c);
	struct err e = { 0 };

	ck_assert(cbor_array_next(&c, &a));
	ck_assert_uint_eq(cbor_uint(&c), 0);	/* wrong: it is negative */
	ck_assert(!cbor_array_next(&c, &a));
	ck_assert_uint_eq(cbor_bytes(&c).n, 0);
	ck_assert_int_eq(cbor_peek(&c), CBOR_END);
	cbor_refuse(&c, ERR_RULE, "later");
	ck_assert_int_eq(cbor_done(&c, &e), ERR_FORMAT);
	ck_assert_ptr_nonnull(strstr(e.msg, "negative"));
}
END_TEST

START_TEST(reads_the_largest)
{
	struct cbor c = cbor_of(hexes("82 1b7fffffffffffffff 3b7fffffffffffffff"));

	cbor_array_of(&c, 2, "pair");
	ck_assert(cbor_int(&c) == INT64_MAX && cbor_int(&c) == INT64_MIN);
	ck_assert_int_eq(cbor_done(&c, NULL), ERR_OK);
}
END_TEST

START_TEST(walks_maps)
{
	struct cbor c = cbor_of(hexes("a4 01 20 20 f5 6161 f6 8101 40"));
	struct cbor_map m = cbor_map(&c);

	ck_assert(cbor_map_next(&c, &m) && cbor_int(&c) == 1 && cbor_int(&c) == -1);
	ck_assert(cbor_map_next(&c, &m) && cbor_int(&c) == -1 && cbor_bool(&c));
	ck_assert(cbor_map_next(&c, &m) && span_is(cbor_text(&c), "a") && cbor_is_null(&c));
	cbor_null(&c);
	ck_assert(cbor_map_next(&c, &m) && cbor_skip(&c).n == 2 && cbor_bytes(&c).n == 0);
	ck_assert(!cbor_map_next(&c, &m));
	ck_assert_int_eq(cbor_done(&c, NULL), ERR_OK);
}
END_TEST

static const struct { const char *rule, *hex; bool lenient; } maps[] = {
	{ "order is a rule", "a2 02 00 01 00", true },
	{ "twice in a row is refused by both", "a2 01 00 01 00", false },
	{ "long heads are a rule", "a1 1801 00", true },
	{ "long floats are a rule", "a1 01 fa3f800000", true },
};

START_TEST(lenient_takes_more)
{
	struct cbor strict = cbor_of(hexes(maps[_i].hex)), lenient = cbor_lenient(hexes(maps[_i].hex));
	struct cbor_map m = cbor_map(&strict);
	int64_t key;

	while (cbor_map_int(&strict, &m, &key))
		cbor_skip(&strict);
	ck_assert_msg(cbor_done(&strict, NULL) == ERR_FORMAT, "%s", maps[_i].rule);
	m = cbor_map(&lenient);
	while (cbor_map_int(&lenient, &m, &key))
		cbor_skip(&lenient);
	ck_assert_msg((cbor_done(&lenient, NULL) == ERR_OK) == maps[_i].lenient, "%s", maps[_i].rule);
}
END_TEST

START_TEST(writes)
{
	AUTO(buf_free) struct buf b = BUF_INIT(256);

	cbor_put_tag(&b, 107);
	cbor_put_map(&b, 2);
	cbor_put_uint(&b, 23);
	cbor_put_array(&b, 6);
	cbor_put_uint(&b, 24);
	cbor_put_uint(&b, 256);
	cbor_put_uint(&b, 65536);
	cbor_put_uint(&b, UINT64_C(1) << 32);
	cbor_put_int(&b, -257);
	cbor_put_int(&b, INT64_MIN);
	cbor_put_text(&b, SPAN_LIT("en"));
	cbor_put_array(&b, 5);
	cbor_put_bytes(&b, SPAN_LIT("x"));
	cbor_put_bool(&b, true);
	cbor_put_bool(&b, false);
	cbor_put_null(&b);
	cbor_put_int(&b, 0);
	ck_assert_int_eq(buf_ok(&b, NULL), ERR_OK);
	ck_assert(span_eq(buf_span(&b), hexes("d86b a2 17 86 1818 190100 1a00010000 1b0000000100000000 390100"
					      " 3b7fffffffffffffff 62656e 85 4178 f5 f4 f6 00")));
	struct cbor c = cbor_of(buf_span(&b));
	cbor_skip(&c);
	ck_assert_int_eq(cbor_done(&c, NULL), ERR_OK);
}
END_TEST

#define ROWS(table) (int)(sizeof table / sizeof *table)

int main(void)
{
	TCase *t = tcase_create("cbor");
	Suite *s = suite_create("cbor");

	tcase_add_loop_test(t, takes, 0, ROWS(good));
	tcase_add_loop_test(t, refuses, 0, ROWS(bad));
	tcase_add_loop_test(t, refuses_every_cut, 0, ROWS(good));
	tcase_add_loop_test(t, names_wrong_types, 0, ROWS(mistyped));
	tcase_add_test(t, the_first_broken_rule_stays);
	tcase_add_test(t, reads_the_largest);
	tcase_add_test(t, walks_maps);
	tcase_add_loop_test(t, lenient_takes_more, 0, ROWS(maps));
	tcase_add_test(t, writes);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
