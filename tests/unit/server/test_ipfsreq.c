/* test_ipfsreq.c: what requests for /ipfs/{cid} ask for, as the trustless gateway specification has it. */
#include "server/answer.h"
#include "server/ipfsreq.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RAW "application/vnd.ipld.raw"
#define CAR "application/vnd.ipld.car"

/* "raw", "car ETAG-TAIL", "plain" or a status; with "by-accept" where the answer says so. */
static const char *said(const struct ipfsreq_said *s, char out[200])
{
	struct ipfsreq r;
	const char *why = NULL;
	unsigned status = ipfsreq_read(s, &r, &why);
	char etag[IPFSREQ_ETAG_MAX];

	if (status) {
		ck_assert_ptr_nonnull(why);
		snprintf(out, 200, "%u %s", status, why);
		return out;
	}
	if (r.kind == IPFSREQ_PLAIN)
		return "plain";
	snprintf(out, 200, "%s%s", ipfsreq_etag(&r, SPAN_LIT("C"), etag), r.is_by_accept ? " by Accept" : "");
	return out;
}

static const struct { const char *rule, *query, *accept, *is; } asked[] = {
	{ "nothing is said", "", NULL, "plain" },
	{ "anything will do", "", "*/*", "plain" },
	{ "nothing acceptable is named", "", "", "406 not to be had in the format asked for" },
	{ "what small clients send", "", "application/octet-stream", "plain" },
	{ "any of application", "", "application/*", "plain" },
	{ "raw", "format=raw", NULL, "\"C.raw\"" },
	{ "car, with the specification's defaults", "format=car", NULL, "W/\"C.car.all.dfs.n\"" },
	{ "raw by Accept", "", RAW, "\"C.raw\" by Accept" },
	{ "car by Accept", "", CAR, "W/\"C.car.all.dfs.n\" by Accept" },
	{ "types are no matter of case", "", "Application/VND.ipld.RAW", "\"C.raw\" by Accept" },
	{ "format before Accept", "format=raw", CAR, "\"C.raw\"" },
	{ "format before an Accept that takes nothing of ours", "format=car", "text/html", "W/\"C.car.all.dfs.n\"" },
	{ "a browser gets the file", "", "text/html,application/xhtml+xml,*/*;q=0.8", "plain" },
	{ "blocks before a wildcard", "", RAW ", */*", "\"C.raw\" by Accept" },
	{ "whatever their order", "", "*/*, " RAW, "\"C.raw\" by Accept" },
	{ "unless it weighs more", "", RAW ";q=0.5, */*", "plain" },
	{ "weights count", "", RAW ";q=0.5, " CAR ";q=0.7", "W/\"C.car.all.dfs.n\" by Accept" },
	{ "of equals the first", "", CAR "," RAW, "W/\"C.car.all.dfs.n\" by Accept" },
	{ "a weight of nothing refuses", "", RAW ";q=0", "406 not to be had in the format asked for" },
	{ "also its parameters", "format=car", CAR ";dups=y;q=0", "W/\"C.car.all.dfs.n\"" },
	{ "others are no help", "", "text/html, image/png", "406 not to be had in the format asked for" },
	{ "a type of IPFS that is not ours", "", "application/vnd.ipld.dag-json", "406 not to be had in the format asked for" },
	{ "a format that is not ours", "format=tar", "*/*", "406 not to be had in the format asked for" },
	{ "an empty format", "format=", NULL, "406 not to be had in the format asked for" },
	{ "formats are as they are written", "format=CAR", NULL, "406 not to be had in the format asked for" },
	{ "parameters of Accept", "", CAR "; version=1; order=dfs; dups=y", "W/\"C.car.all.dfs.y\" by Accept" },
	{ "without blanks, quoted", "", CAR ";version=\"1\";order=dfs;dups=\"y\"", "W/\"C.car.all.dfs.y\" by Accept" },
	{ "also with format", "format=car", CAR ";dups=y", "W/\"C.car.all.dfs.y\" by Accept" },
	{ "any order is content with ours", "", CAR ";order=unk", "W/\"C.car.all.dfs.n\" by Accept" },
	{ "unknown parameters", "", CAR ";color=red", "W/\"C.car.all.dfs.n\" by Accept" },
	{ "the next best that can be had", "", CAR ";order=foo, " CAR ";order=dfs;dups=y;q=0.5", "W/\"C.car.all.dfs.y\" by Accept" },
	{ "none can be had", "", CAR ";order=foo", "406 not to be had in the format asked for" },
	{ "a version that cannot", "", CAR ";version=2", "406 not to be had in the format asked for" },
	{ "dups that mean nothing", "", CAR ";dups=x", "406 not to be had in the format asked for" },
	{ "none can, but the query wants one", "format=car", CAR ";version=2", "W/\"C.car.all.dfs.n\"" },
	{ "the query before Accept", "format=car&car-dups=n&car-order=dfs&car-version=1", CAR ";dups=y", "W/\"C.car.all.dfs.n\" by Accept" },
	{ "the query's dups", "format=car&car-dups=y", NULL, "W/\"C.car.all.dfs.y\"" },
	{ "the query's unknown order", "format=car&car-order=unk", NULL, "W/\"C.car.all.dfs.n\"" },
	{ "another order", "format=car&car-order=bfs", NULL, "400 car-order: dfs or unk" },
	{ "another version", "format=car&car-version=2", NULL, "400 car-version: only 1" },
	{ "dups", "format=car&car-dups=1", NULL, "400 car-dups: y or n" },
	{ "one block", "format=car&dag-scope=block", NULL, "W/\"C.car.block.dfs.n\"" },
	{ "an entity", "format=car&dag-scope=entity", NULL, "W/\"C.car.entity.dfs.n\"" },
	{ "all", "format=car&dag-scope=all", NULL, "W/\"C.car.all.dfs.n\"" },
	{ "scopes", "format=car&dag-scope=file", NULL, "400 dag-scope: all, entity or block" },
	{ "an empty scope", "format=car&dag-scope=", NULL, "400 dag-scope: all, entity or block" },
	{ "bytes imply an entity", "format=car&entity-bytes=0:99", NULL, "W/\"C.car.entity.0:99.dfs.n\"" },
	{ "to the end", "format=car&entity-bytes=5:*", NULL, "W/\"C.car.entity.5:*.dfs.n\"" },
	{ "from the end", "format=car&entity-bytes=-5:-1&dag-scope=entity", NULL, "W/\"C.car.entity.-5:-1.dfs.n\"" },
	{ "the largest numbers", "format=car&entity-bytes=-999999999999999999:999999999999999999", NULL,
	  "W/\"C.car.entity.-999999999999999999:999999999999999999.dfs.n\"" },
	{ "larger ones", "format=car&entity-bytes=0:1000000000000000000", NULL, "400 entity-bytes: FROM:TO" },
	{ "bytes of another scope", "format=car&entity-bytes=0:9&dag-scope=all", NULL, "400 entity-bytes: only with dag-scope=entity" },
	{ "bytes without a colon", "format=car&entity-bytes=5", NULL, "400 entity-bytes: FROM:TO" },
	{ "bytes from nowhere", "format=car&entity-bytes=:5", NULL, "400 entity-bytes: FROM:TO" },
	{ "bytes from a star", "format=car&entity-bytes=*:5", NULL, "400 entity-bytes: FROM:TO" },
	{ "bytes to nowhere", "format=car&entity-bytes=5:", NULL, "400 entity-bytes: FROM:TO" },
	{ "a sign alone", "format=car&entity-bytes=-:5", NULL, "400 entity-bytes: FROM:TO" },
	{ "a plus", "format=car&entity-bytes=+1:5", NULL, "400 entity-bytes: FROM:TO" },
	{ "three parts", "format=car&entity-bytes=1:2:3", NULL, "400 entity-bytes: FROM:TO" },
	{ "no bytes", "format=car&entity-bytes=", NULL, "400 entity-bytes: FROM:TO" },
	{ "what is for CARs is not looked at for blocks", "format=raw&dag-scope=x&entity-bytes=x&car-version=9", NULL, "\"C.raw\"" },
	{ "nor for the file", "dag-scope=x&entity-bytes=x", NULL, "plain" },
};

START_TEST(requests_are_read)
{
	struct ask ask = { .ipfs.accept = asked[_i].accept ? span_str(asked[_i].accept) : SPAN(NULL, 0) };
	char query[200], out[200];

	snprintf(query, sizeof query, "%s", asked[_i].query);
	for (char *rest = query, *one; (one = strsep(&rest, "&"));)
		ask_query(&ask, span_str(one));
	ck_assert_str_eq(said(&ask.ipfs, out), asked[_i].is);
	ck_assert(!ask.is_odd);
}
END_TEST

START_TEST(nothing_may_be_said_twice)
{
	static const char *const keys[] = { "format=car", "dag-scope=all", "entity-bytes=0:1", "car-version=1", "car-order=dfs", "car-dups=y" };
	struct ask ask = { .is_odd = false };

	ask_query(&ask, span_str(keys[_i]));
	ck_assert(!ask.is_odd);
	ask_query(&ask, span_str(keys[_i]));
	ck_assert(ask.is_odd);
}
END_TEST

#define END UINT64_MAX

static const struct { int64_t from, to; uint64_t size; int rc; uint64_t first, last; } ranges[] = {
	{ 0, 9, 100, ERR_OK, 0, 9 },
	{ 0, INT64_MAX, 100, ERR_OK, 0, END },
	{ 0, 99, 100, ERR_OK, 0, END },
	{ 90, 500, 100, ERR_OK, 90, END },
	{ 99, 99, 100, ERR_OK, 99, END },
	{ 98, 98, 100, ERR_OK, 98, 98 },
	{ -10, INT64_MAX, 100, ERR_OK, 90, END },
	{ -1000, 5, 100, ERR_OK, 0, 5 },
	{ -10, -2, 100, ERR_OK, 90, 98 },
	{ 10, -1, 100, ERR_OK, 10, END },
	{ 10, 9, 100, ERR_NOT_FOUND, 0, 0 },
	{ 0, -101, 100, ERR_NOT_FOUND, 0, 0 },
	{ 0, -100, 100, ERR_OK, 0, 0 },
	{ 100, INT64_MAX, 100, ERR_RULE, 0, 0 },
	{ 999999999999999999, 5, 100, ERR_RULE, 0, 0 },
	{ -999999999999999999, -999999999999999999, 100, ERR_NOT_FOUND, 0, 0 },
	{ 0, INT64_MAX, 0, ERR_RULE, 0, 0 },
};

START_TEST(bytes_of_an_entity)
{
	struct ipfsreq r = { .has_range = true, .from = ranges[_i].from, .to = ranges[_i].to };
	uint64_t first = 0, last = 0;

	ck_assert_int_eq(ipfsreq_range(&r, ranges[_i].size, &first, &last), ranges[_i].rc);
	ck_assert_uint_eq(first, ranges[_i].first);
	ck_assert_uint_eq(last, ranges[_i].last);
}
END_TEST

START_TEST(media_types_name_all_that_is_known)
{
	ck_assert_str_eq(ipfsreq_type(&(struct ipfsreq){ .kind = IPFSREQ_RAW }), RAW);
	ck_assert_str_eq(ipfsreq_type(&(struct ipfsreq){ .kind = IPFSREQ_CAR }), CAR "; version=1; order=dfs; dups=y");
	ck_assert_str_eq(ipfsreq_type(&(struct ipfsreq){ .kind = IPFSREQ_CAR, .is_once = true }), CAR "; version=1; order=dfs; dups=n");
}
END_TEST

#define LOOP(tcase, test, rows) tcase_add_loop_test(tcase, test, 0, (int)(sizeof rows / sizeof *rows))

int main(void)
{
	Suite *s = suite_create("ipfsreq");
	TCase *t = tcase_create("ipfsreq");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	LOOP(t, requests_are_read, asked);
	tcase_add_loop_test(t, nothing_may_be_said_twice, 0, 6);
	LOOP(t, bytes_of_an_entity, ranges);
	tcase_add_test(t, media_types_name_all_that_is_known);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
