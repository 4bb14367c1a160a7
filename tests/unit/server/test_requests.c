/* test_requests.c: what a request's parts mean: targets, queries, ranges, validators, formats, hosts, paths, reports. */
#include "server/accept.h"
#include "server/devpath.h"
#include "server/failures.h"
#include "server/hostcheck.h"
#include "server/made.h"
#include "server/problem.h"
#include "server/range.h"
#include "server/report.h"
#include "server/target.h"

#include "base/cleanup.h"
#include "formats/cbor.h"

#include <arpa/inet.h>
#include <check.h>
#include <jansson.h>
#include <stdio.h>

#define ROWS(table) (int)(sizeof(table) / sizeof *(table))
#define NONE SPAN(NULL, 0)

/* NULL: the header is absent. */
static struct span header(const char *s)
{
	return s ? span_str(s) : NONE;
}

/* --- targets --- */

static const struct {
	const char *raw, *path, *query, *authority;
} targets[] = {
	{ "/", "/", "", NULL },
	{ "/fw/acme/lamp", "/fw/acme/lamp", "", NULL },
	{ "/fw/acme/lamp?channel=beta&x=%41", "/fw/acme/lamp", "channel=beta&x=%41", NULL },
	{ "/fw?a=b?c", "/fw", "a=b?c", NULL },
	{ "/fw?", "/fw", "", NULL },
	{ "/fw/", "/fw/", "", NULL },
	{ "http://gatepost.lan:8080/fw?x", "/fw", "x", "gatepost.lan:8080" },
	{ "HTTP://[::1]/fw", "/fw", "", "[::1]" },
	{ "/a.b/..c/.d/e..", "/a.b/..c/.d/e..", "", NULL },
};

START_TEST(a_target_is_taken_apart)
{
	struct target t;

	ck_assert(target_read(span_str(targets[_i].raw), &t, NULL) == 0);
	ck_assert(span_is(t.path, targets[_i].path) && span_is(t.query, targets[_i].query));
	ck_assert(targets[_i].authority ? span_is(t.authority, targets[_i].authority) : t.authority.p == NULL);
}
END_TEST

static const struct {
	const char *rule, *raw;
} bad_targets[] = {
	{ "neither a path nor", "" },
	{ "neither a path nor", "fw/acme" },
	{ "neither a path nor", "*" },
	{ "neither a path nor", "https://gatepost/fw" },
	{ "neither a path nor", "gatepost:8080" },
	{ "a URL without host or path", "http://gatepost" },
	{ "a URL without host or path", "http:///fw" },
	{ "a control byte", "/fw/a\tb" },
	{ "a control byte", "/fw/a\x7f" },
	{ "a control byte", "/fw/a b" },
	{ "a control byte", "/fw?a=\x01" },
	{ "a control byte", "/fw/\xc3\xa4" },
	{ "nothing is escaped", "/fw/%61cme" },
	{ "nothing is escaped", "/fw%2facme" },
	{ "nothing is escaped", "/fw%00" },
	{ "nothing is escaped", "/fw\\acme" },
	{ "two slashes", "//fw" },
	{ "two slashes", "/fw//acme" },
	{ "a dot segment", "/." },
	{ "a dot segment", "/fw/../etc" },
	{ "a dot segment", "/fw/.." },
	{ "a dot segment", "/./fw" },
	{ "a dot segment", "http://h/../x" },
};

START_TEST(a_bad_target_is_refused)
{
	struct target t;
	struct err e = { 0 };

	ck_assert_int_eq(target_read(span_str(bad_targets[_i].raw), &t, &e), ERR_FORMAT);
	ck_assert_msg(strstr(e.msg, bad_targets[_i].rule), "%s: %s", bad_targets[_i].rule, e.msg);
}
END_TEST

START_TEST(a_target_has_a_length)
{
	char raw[HTTP_TARGET_MAX + 1];
	struct target t;

	memset(raw, 'a', sizeof raw);
	raw[0] = '/';
	ck_assert_int_eq(target_read(SPAN(raw, HTTP_TARGET_MAX), &t, NULL), ERR_OK);
	ck_assert_int_eq(target_read(SPAN(raw, HTTP_TARGET_MAX + 1), &t, NULL), ERR_LIMIT);
	raw[9] = 0;
	ck_assert_msg(target_read(SPAN(raw, 20), &t, NULL) == ERR_FORMAT, "a NUL");
}
END_TEST

static const struct {
	const char *query, *pairs;	/* joined by '|' */
	bool ok;
} queries[] = {
	{ "", "", true },
	{ "a=b", "a=b|", true },
	{ "a=b&c=d", "a=b|c=d|", true },
	{ "&&", "||", true },
	{ "a=%41%62+c", "a=Ab c|", true },
	{ "hw=rev%2fb&from=3", "hw=rev/b|from=3|", true },
	{ "a=%4", "", false },
	{ "a=%", "", false },
	{ "a=%zz", "", false },
	{ "x&a=%00", "x|", false },
	{ "a=%0d%0ab", "", false },
	{ "a=%7f", "", false },
};

START_TEST(queries_are_decoded)
{
	char raw[64], out[128] = "";
	struct span rest = SPAN(raw, strlen(queries[_i].query)), pair;
	char *room = raw;
	bool ok = true;

	memcpy(raw, queries[_i].query, rest.n);
	while (query_next(&rest, room, &pair, &ok)) {	/* in place, as httpd does */
		snprintf(out + strlen(out), sizeof out - strlen(out), "%.*s|", (int)pair.n, (const char *)pair.p);
		room += pair.n;
	}
	ck_assert_str_eq(out, queries[_i].pairs);
	ck_assert(ok == queries[_i].ok);
}
END_TEST

/* --- ranges and validators --- */

static const struct {
	const char *rule, *header;
	uint64_t size;
	enum range_kind kind;
	uint64_t first, n;
} ranges[] = {
	{ "none", NULL, 100, RANGE_WHOLE, 0, 0 },
	{ "first bytes", "bytes=0-9", 100, RANGE_PART, 0, 10 },
	{ "one byte", "bytes=99-99", 100, RANGE_PART, 99, 1 },
	{ "open end", "bytes=10-", 100, RANGE_PART, 10, 90 },
	{ "clamped past the end", "bytes=90-500", 100, RANGE_PART, 90, 10 },
	{ "clamped at 2^64", "bytes=90-18446744073709551616", 100, RANGE_PART, 90, 10 },
	{ "all of it is still a part", "bytes=0-99", 100, RANGE_PART, 0, 100 },
	{ "suffix", "bytes=-5", 100, RANGE_PART, 95, 5 },
	{ "suffix longer than the whole", "bytes=-500", 100, RANGE_PART, 0, 100 },
	{ "unit in capitals", "Bytes=0-0", 100, RANGE_PART, 0, 1 },
	{ "blanks around", "bytes= 1-2 ", 100, RANGE_PART, 1, 2 },
	{ "tabs around", "bytes=\t1-2\t", 100, RANGE_PART, 1, 2 },
	{ "up to the byte after the last", "bytes=90-100", 100, RANGE_PART, 90, 10 },
	{ "begins at the end", "bytes=100-", 100, RANGE_OUTSIDE, 0, 0 },
	{ "begins past the end", "bytes=5000-6000", 100, RANGE_OUTSIDE, 0, 0 },
	{ "begins past 2^64", "bytes=99999999999999999999-", 100, RANGE_OUTSIDE, 0, 0 },
	{ "suffix of nothing", "bytes=-0", 100, RANGE_OUTSIDE, 0, 0 },
	{ "nothing is in nothing", "bytes=0-", 0, RANGE_OUTSIDE, 0, 0 },
	{ "suffix of an empty one", "bytes=-1", 0, RANGE_OUTSIDE, 0, 0 },
	{ "backwards means nothing", "bytes=9-0", 100, RANGE_WHOLE, 0, 0 },
	{ "several: the whole", "bytes=0-1,3-4", 100, RANGE_WHOLE, 0, 0 },
	{ "several from the end", "bytes=-5,7", 100, RANGE_WHOLE, 0, 0 },
	{ "another unit", "lines=0-1", 100, RANGE_WHOLE, 0, 0 },
	{ "no dash", "bytes=5", 100, RANGE_WHOLE, 0, 0 },
	{ "only a dash", "bytes=-", 100, RANGE_WHOLE, 0, 0 },
	{ "nothing", "bytes=", 100, RANGE_WHOLE, 0, 0 },
	{ "signs are no digits", "bytes=+1-2", 100, RANGE_WHOLE, 0, 0 },
	{ "letters", "bytes=a-b", 100, RANGE_WHOLE, 0, 0 },
	{ "what follows the nine", "bytes=:-", 100, RANGE_WHOLE, 0, 0 },
	{ "hex", "bytes=0x0-1", 100, RANGE_WHOLE, 0, 0 },
	{ "two dashes", "bytes=1--2", 100, RANGE_WHOLE, 0, 0 },
};

START_TEST(ranges_are_read)
{
	struct range r = range_read(header(ranges[_i].header), ranges[_i].size);

	ck_assert_msg(r.kind == ranges[_i].kind, "%s", ranges[_i].rule);
	ck_assert_msg(r.kind != RANGE_PART || (r.first == ranges[_i].first && r.n == ranges[_i].n), "%s: %llu+%llu",
		      ranges[_i].rule, (unsigned long long)r.first, (unsigned long long)r.n);
}
END_TEST

/* A value ends where it ends, whatever stands behind it. */
START_TEST(blanks_behind_a_value_are_not_its)
{
	ck_assert_int_eq(range_read(SPAN("bytes=  ", 7), 100).kind, RANGE_WHOLE);
	ck_assert_int_eq(range_read(SPAN("bytes=1-2  ", 9), 100).kind, RANGE_PART);
}
END_TEST

static const struct {
	const char *header;
	bool is_in, allows_range;
} validators[] = {
	{ "\"sha256-0a\"", true, true },
	{ " \"sha256-0a\" ", true, true },
	{ "W/\"sha256-0a\"", true, false },	/* weak: good for not-modified, not for a range */
	{ "\"x\", \"sha256-0a\"", true, false },
	{ "X/\"sha256-0a\"", false, false },
	{ "W-\"sha256-0a\"", false, false },
	{ "W", false, false },
	{ " ", false, false },
	{ "*", true, false },
	{ "\"sha256-0b\"", false, false },
	{ "sha256-0a", false, false },
	{ "\"sha256-0a", false, false },
	{ "", false, false },
	{ "Mon, 23 Nov 2026 05:00:00 GMT", false, false },
};

START_TEST(validators_are_compared)
{
	size_t n = strlen(validators[_i].header);
	autofree char *bytes = malloc(n ? n : 1);	/* whose ends the sanitizers know */
	struct span value = SPAN(bytes, n);

	memcpy(bytes, validators[_i].header, n);
	ck_assert(etag_is_in(value, "\"sha256-0a\"") == validators[_i].is_in);
	ck_assert(etag_allows_range(value, "\"sha256-0a\"") == validators[_i].allows_range);
}
END_TEST

static const struct { const char *header, *etag; bool is_matched, is_in; } tags[] = {
	{ "\"a\"", "\"a\"", true, true },
	{ "\"b\", \"a\"", "\"a\"", true, true },
	{ "*", "\"a\"", true, true },
	{ "*", "W/\"a\"", true, true },
	{ "W/\"a\"", "\"a\"", false, true },
	{ "\"a\"", "W/\"a\"", false, true },
	{ "W/\"a\"", "W/\"a\"", false, true },
	{ "\"b\"", "\"a\"", false, false },
	{ "W/\"b\"", "W/\"a\"", false, false },
	{ "", "\"a\"", false, false },
};

/* If-Match takes nothing weak, If-None-Match everything (RFC 9110, 8.8.3.2). */
START_TEST(weak_tags_are_compared)
{
	ck_assert(etag_is_matched(span_str(tags[_i].header), tags[_i].etag) == tags[_i].is_matched);
	ck_assert(etag_is_in(span_str(tags[_i].header), tags[_i].etag) == tags[_i].is_in);
}
END_TEST

START_TEST(cache_directives_are_found)
{
	ck_assert(cache_control_has(SPAN_LIT("only-if-cached"), "only-if-cached"));
	ck_assert(cache_control_has(SPAN_LIT("max-age=0 , Only-If-Cached"), "only-if-cached"));
	ck_assert(!cache_control_has(SPAN_LIT("only-if-cached-not"), "only-if-cached"));
	ck_assert(!cache_control_has(SPAN_LIT("only"), "only-if-cached"));
	ck_assert(!cache_control_has(SPAN_LIT("must-revalidate"), "must-understand"));
	ck_assert(!cache_control_has(SPAN_LIT(""), "only-if-cached"));
	ck_assert(!cache_control_has(NONE, "only-if-cached"));
}
END_TEST

START_TEST(etags_are_quoted_digests)
{
	struct hash32 h = { { 0xab, 1 } };
	char text[ETAG_TEXT_MAX];

	ck_assert_str_eq(etag_text(&h, text), "\"sha256-ab01000000000000000000000000000000000000000000000000000000000000\"");
	ck_assert_msg(etag_allows_range(NONE, "\"x\""), "no If-Range");
}
END_TEST

/* --- formats --- */

static const struct {
	const char *header;
	enum answer_format accept, prefers;
} accepts[] = {
	{ NULL, FORMAT_ANY, FORMAT_JSON },
	{ "*/*", FORMAT_ANY, FORMAT_JSON },
	{ "text/html, application/xhtml+xml, */*;q=0.8", FORMAT_ANY, FORMAT_JSON },
	{ "application/*", FORMAT_ANY, FORMAT_JSON },
	{ "application/octet-stream", FORMAT_ANY, FORMAT_JSON },
	{ "application/json", FORMAT_JSON, FORMAT_JSON },
	{ "Application/CBOR", FORMAT_CBOR, FORMAT_CBOR },
	{ "application/cbor, */*;q=0.1", FORMAT_ANY, FORMAT_CBOR },
	{ "application/json;q=0.5, application/cbor;q=0.51", FORMAT_CBOR, FORMAT_CBOR },
	{ "application/json;q=0.5,application/cbor;q=0.05", FORMAT_JSON, FORMAT_JSON },
	{ "application/cbor;q=0, application/json", FORMAT_JSON, FORMAT_JSON },
	{ "application/cbor;q=0", FORMAT_OTHER, FORMAT_JSON },
	{ "application/suit-envelope+cose", FORMAT_MANIFEST, FORMAT_JSON },
	{ "application/x-ndjson", FORMAT_LINES, FORMAT_JSON },
	{ "text/plain", FORMAT_OTHER, FORMAT_JSON },
	{ "application/vnd.ipld.car", FORMAT_OTHER, FORMAT_JSON },
	{ "", FORMAT_OTHER, FORMAT_JSON },
};

START_TEST(accept_is_brought_down_to_a_format)
{
	struct ask ask = { .accept = FORMAT_OTHER };

	accept_read(header(accepts[_i].header), &ask);
	ck_assert_int_eq(ask.accept, accepts[_i].accept);
	ck_assert_int_eq(ask.prefers, accepts[_i].prefers);
}
END_TEST

static const struct {
	const char *header;
	enum answer_format format;
} content_types[] = {
	{ NULL, FORMAT_ANY },
	{ "application/x-www-form-urlencoded", FORMAT_ANY },
	{ "application/json; charset=utf-8", FORMAT_JSON },
	{ "application/cbor", FORMAT_CBOR },
	{ "text/plain", FORMAT_OTHER },
	{ "application/suit-envelope+cose", FORMAT_OTHER },
	{ "application/x-ndjson", FORMAT_OTHER },
};

START_TEST(content_types_are_read)
{
	ck_assert_int_eq(accept_content_type(header(content_types[_i].header)), content_types[_i].format);
}
END_TEST

/* --- hosts --- */

static const struct {
	const char *host, *local;
	bool is_ours;
} hosts[] = {
	{ "localhost", "::ffff:127.0.0.1", true },
	{ "LocalHost:8081", "::ffff:127.0.0.1", true },
	{ "127.0.0.1:8081", "::ffff:127.0.0.1", true },
	{ "192.168.1.4", "::ffff:192.168.1.4", true },
	{ "[fd00::4]:8081", "fd00::4", true },
	{ "gatepost.lan", "::ffff:192.168.1.4", true },
	{ "GATEPOST.LAN:80", "::ffff:192.168.1.4", true },
	{ "192.168.1.5", "::ffff:192.168.1.4", false },
	{ "[fd00::5]", "fd00::4", false },
	{ "evil.example", "::ffff:127.0.0.1", false },
	{ "localhost.evil.example", "::ffff:127.0.0.1", false },
	{ "gatepost.lan.evil.example", "::ffff:127.0.0.1", false },
	{ "gatepost.lan:", "::ffff:127.0.0.1", false },
	{ "gatepost.lan:8a", "::ffff:127.0.0.1", false },
	{ "gatepost.lan:123456", "::ffff:127.0.0.1", false },
	{ "gatepost.lan@evil", "::ffff:127.0.0.1", false },
	{ "[gatepost.lan]", "::ffff:127.0.0.1", false },
	{ "[fd00::4", "fd00::4", false },
	{ "fd00::4", "fd00::4", false },
	{ "", "::ffff:127.0.0.1", false },
	{ NULL, "::ffff:127.0.0.1", false },
};

START_TEST(a_host_is_ours_or_not)
{
	char *names[] = { (char *)"other.lan", (char *)"gatepost.lan" };
	struct hostcheck h = { names, 2 };
	struct in6_addr local;

	ck_assert(inet_pton(AF_INET6, hosts[_i].local, &local) == 1);
	ck_assert_msg(hostcheck_allows(&h, header(hosts[_i].host), &local) == hosts[_i].is_ours, "%s", hosts[_i].host);
}
END_TEST

static const struct {
	const char *origin, *site;
	bool is_own;
} origins[] = {
	{ NULL, NULL, true },
	{ NULL, "none", true },
	{ NULL, "same-origin", true },
	{ "http://gatepost.lan:8081", "same-origin", true },
	{ "HTTP://Gatepost.lan:8081", NULL, true },
	{ NULL, "cross-site", false },
	{ "http://gatepost.lan:8081", "cross-site", false },
	{ "http://gatepost.lan", NULL, false },
	{ "http://gatepost.lan:8081.evil", NULL, false },
	{ "https://gatepost.lan:8081", NULL, false },
	{ "http://evil.example", NULL, false },
	{ "null", NULL, false },
	{ "", NULL, false },
};

START_TEST(a_page_is_ours_or_not)
{
	ck_assert_msg(hostcheck_is_own_page(header(origins[_i].origin), header(origins[_i].site), SPAN_LIT("gatepost.lan:8081")) ==
		      origins[_i].is_own, "%s %s", origins[_i].origin, origins[_i].site);
}
END_TEST

/* --- wrong tokens --- */

START_TEST(ten_failures_a_minute_and_no_more)
{
	static struct failures f;
	struct in6_addr a, b;

	inet_pton(AF_INET6, "::ffff:192.168.1.4", &a);
	inet_pton(AF_INET6, "::ffff:192.168.1.5", &b);
	failures_init(&f);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(failures_note(&f, &a, 1000 * i), 0);
	ck_assert_uint_eq(failures_note(&f, &a, 10000), 50);
	ck_assert_msg(failures_note(&f, &b, 10000) == 0, "another address is another matter");
	ck_assert_uint_eq(failures_note(&f, &a, 59999), 1);
	ck_assert_msg(failures_note(&f, &a, 60000) == 0, "the first one is a minute old");
	ck_assert_msg(failures_note(&f, &a, 60000) > 0, "but not the second");
	failures_fini(&f);
}
END_TEST

START_TEST(an_ipv6_network_is_one_address)
{
	static struct failures f;
	struct in6_addr a;

	failures_init(&f);
	for (int i = 0; i < 11; i++) {
		char text[INET6_ADDRSTRLEN];

		snprintf(text, sizeof text, "fd00:1:2:3::%x", i + 1);
		inet_pton(AF_INET6, text, &a);
		ck_assert_msg((failures_note(&f, &a, i) > 0) == (i == 10), "%d", i);
	}
	failures_fini(&f);
}
END_TEST

START_TEST(many_addresses_do_not_grow_it)
{
	static struct failures f;
	struct in6_addr a;

	failures_init(&f);
	for (int i = 0; i < 4 * FAILURES_ADDRESSES_MAX; i++) {
		char text[INET6_ADDRSTRLEN];

		snprintf(text, sizeof text, "fd00:0:%x::1", i + 1);
		inet_pton(AF_INET6, text, &a);
		ck_assert_uint_eq(failures_note(&f, &a, i), 0);
	}
	failures_fini(&f);
}
END_TEST

/* --- paths --- */

static const struct {
	const char *path;
	enum devpath_kind kind;
	const char *product;
} paths[] = {
	{ "/fw/acme/lamp", DEVPATH_MANIFEST, "acme/lamp" },
	{ "/fw/a/b", DEVPATH_MANIFEST, "a/b" },
	{ "/fw/acme/lamp/image", DEVPATH_IMAGE, "acme/lamp" },
	{ "/fw/acme/lamp/info", DEVPATH_INFO, "acme/lamp" },
	{ "/fw/acme/lamp/freshness", DEVPATH_FRESHNESS, "acme/lamp" },
	{ "/fw/0-a.b_c/9", DEVPATH_MANIFEST, "0-a.b_c/9" },
	{ "/fw/acme/lamp/report", DEVPATH_REPORT, "acme/lamp" },
	{ "/sha256/0000000000000000000000000000000000000000000000000000000000000000", DEVPATH_SHA256, NULL },
	{ "/ipfs/bafkqaaa", DEVPATH_CID, NULL },
	{ "/entries/acme/lamp", DEVPATH_ENTRIES, "acme/lamp" },
	{ "/ipfs/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", DEVPATH_CID, NULL },
	{ "", DEVPATH_NONE, NULL },
	{ "/", DEVPATH_NONE, NULL },
	{ "/fw", DEVPATH_NONE, NULL },
	{ "/fw/", DEVPATH_NONE, NULL },
	{ "/fw/acme", DEVPATH_NONE, NULL },
	{ "/fw/acme/", DEVPATH_NONE, NULL },
	{ "/fw//lamp", DEVPATH_NONE, NULL },
	{ "/fw/acme/lamp/", DEVPATH_NONE, NULL },
	{ "/fw/acme/lamp/image/", DEVPATH_NONE, NULL },
	{ "/fw/acme/lamp/Image", DEVPATH_NONE, NULL },
	{ "/fw/acme/lamp/other", DEVPATH_NONE, NULL },
	{ "/fw/Acme/lamp", DEVPATH_NONE, NULL },
	{ "/fw/.acme/lamp", DEVPATH_NONE, NULL },
	{ "/fw/ac me/lamp", DEVPATH_NONE, NULL },
	{ "/fw/acme/abcdefghijklmnopqrstuvwxyz0123456", DEVPATH_NONE, NULL },
	{ "/FW/acme/lamp", DEVPATH_NONE, NULL },
	{ "/entries/acme", DEVPATH_NONE, NULL },
	{ "/entries/acme/", DEVPATH_NONE, NULL },
	{ "/entries/acme/lamp/", DEVPATH_NONE, NULL },
	{ "/entries/acme/lamp/image", DEVPATH_NONE, NULL },
	{ "/entries/acme/..", DEVPATH_NONE, NULL },
	{ "/entries/Acme/lamp", DEVPATH_NONE, NULL },
	{ "/sha256/", DEVPATH_NONE, NULL },
	{ "/sha256/00", DEVPATH_NONE, NULL },
	{ "/sha256/000000000000000000000000000000000000000000000000000000000000000g", DEVPATH_NONE, NULL },
	{ "/sha256/00000000000000000000000000000000000000000000000000000000000000000", DEVPATH_NONE, NULL },
	{ "/ipfs/", DEVPATH_NONE, NULL },
	{ "/ipfs/bafkqaaa/x", DEVPATH_NONE, NULL },
	{ "/ipfs/notacid", DEVPATH_NO_CID, NULL },
	{ "/ipfs/notacid/x", DEVPATH_NONE, NULL },
	{ "/ipfs/bafyreigdmqpykrgxyaxtlafqpqhzrb7qy2rh75nldvfd4tucqmqqme5yje", DEVPATH_OTHER_CID, NULL },	/* dag-cbor */
};

START_TEST(paths_are_taken_apart)
{
	struct devpath d = devpath_read(span_str(paths[_i].path));

	ck_assert_msg(d.kind == paths[_i].kind, "%s", paths[_i].path);
	if (paths[_i].product)
		ck_assert(span_is(d.product, paths[_i].product));
}
END_TEST

/* --- reports --- */

static const struct {
	const char *rule, *json;
	int rc;
	const char *device;
	uint64_t sequence;
	enum report_state state;
	unsigned progress;
	const char *reason;
} reports[] = {
	{ "all of it", "{\"device\":\"d:1\",\"sequence\":7,\"state\":\"failed\",\"reason\":\"flash full\",\"progress\":40}", 0,
	  "d:1", 7, REPORT_FAILED, 40, "flash full" },
	{ "the least", "{\"sequence\":0,\"state\":\"running\"}", 0, "", 0, REPORT_RUNNING, 255, "" },
	{ "unknown members are for newer gateways", "{\"sequence\":1,\"state\":\"running\",\"volts\":[1,{}]}", 0, "", 1,
	  REPORT_RUNNING, 255, "" },
	{ "null is absent", "{\"sequence\":1,\"state\":\"running\",\"progress\":null}", 0, "", 1, REPORT_RUNNING, 255, "" },
	{ "control characters become spaces", "{\"sequence\":1,\"state\":\"failed\",\"reason\":\"a\\nb\\u0000c\"}", 0, "", 1,
	  REPORT_FAILED, 255, "a b c" },
	{ "no state", "{\"sequence\":1}", ERR_FORMAT },
	{ "no sequence", "{\"state\":\"running\"}", ERR_FORMAT },
	{ "another state", "{\"sequence\":1,\"state\":\"done\"}", ERR_FORMAT },
	{ "state is no text", "{\"sequence\":1,\"state\":3}", ERR_FORMAT },
	{ "sequence is no number", "{\"sequence\":\"1\",\"state\":\"running\"}", ERR_FORMAT },
	{ "sequence is negative", "{\"sequence\":-1,\"state\":\"running\"}", ERR_FORMAT },
	{ "sequence has a fraction", "{\"sequence\":1.0,\"state\":\"running\"}", ERR_FORMAT },
	{ "progress over 100", "{\"sequence\":1,\"state\":\"running\",\"progress\":101}", ERR_FORMAT },
	{ "device is no id", "{\"device\":\"a b\",\"sequence\":1,\"state\":\"running\"}", ERR_FORMAT },
	{ "device is empty", "{\"device\":\"\",\"sequence\":1,\"state\":\"running\"}", ERR_FORMAT },
	{ "a member twice", "{\"sequence\":1,\"sequence\":2,\"state\":\"running\"}", ERR_FORMAT },
	{ "no object", "[1]", ERR_FORMAT },
	{ "cut", "{\"sequence\":1,\"state\":\"running\"", ERR_FORMAT },
	{ "more behind", "{\"sequence\":1,\"state\":\"running\"} x", ERR_FORMAT },
	{ "nothing", "", ERR_FORMAT },
};

START_TEST(json_reports_are_read)
{
	struct report r = { .sequence = 99 };

	ck_assert_msg(report_read_json(span_str(reports[_i].json), &r, NULL) == reports[_i].rc, "%s", reports[_i].rule);
	if (reports[_i].rc)
		ck_assert_msg(r.sequence == 99, "a failed read changes nothing");
	else
		ck_assert_msg(strcmp(r.device, reports[_i].device) == 0 && r.sequence == reports[_i].sequence &&
			      r.state == reports[_i].state && r.progress == reports[_i].progress &&
			      strcmp(r.reason, reports[_i].reason) == 0, "%s", reports[_i].rule);
}
END_TEST

/* A JSON value as CBOR, so that both readers see the same table. Reals become null. */
static void to_cbor(struct buf *b, json_t *j)
{
	const char *key;
	json_t *value;
	size_t i;

	switch (json_typeof(j)) {
	case JSON_OBJECT:
		cbor_put_map(b, json_object_size(j));
		json_object_foreach(j, key, value) {
			cbor_put_text(b, span_str(key));
			to_cbor(b, value);
		}
		break;
	case JSON_ARRAY:
		cbor_put_array(b, json_array_size(j));
		json_array_foreach(j, i, value)
			to_cbor(b, value);
		break;
	case JSON_STRING:
		cbor_put_text(b, SPAN(json_string_value(j), json_string_length(j)));
		break;
	case JSON_INTEGER:
		cbor_put_int(b, json_integer_value(j));
		break;
	default:
		cbor_put_null(b);
	}
}

START_TEST(cbor_reports_say_the_same)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096);
	struct report json = { 0 }, cbor = { 0 };
	json_t *j = json_loads(reports[_i].json, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	int want = reports[_i].rc;

	if (!j)
		return;		/* malformed as JSON: the other test's matter */
	to_cbor(&b, j);
	json_decref(j);
	ck_assert_msg(report_read_cbor(buf_span(&b), &cbor, NULL) == want, "%s", reports[_i].rule);
	if (want)
		return;
	ck_assert(report_read_json(span_str(reports[_i].json), &json, NULL) == 0);
	ck_assert_msg(strcmp(json.device, cbor.device) == 0 && json.sequence == cbor.sequence && json.state == cbor.state &&
		      json.progress == cbor.progress && strcmp(json.reason, cbor.reason) == 0, "%s", reports[_i].rule);
}
END_TEST

START_TEST(cbor_reports_have_each_member_once)
{
	static const uint8_t twice[] = "\xa3\x68sequence\x01\x68sequence\x02\x65state\x67running";
	struct report r;

	ck_assert_int_eq(report_read_cbor(SPAN(twice, sizeof twice - 1), &r, NULL), ERR_FORMAT);
	ck_assert_msg(report_read_cbor(SPAN(twice, 12), &r, NULL) != 0, "cut");
}
END_TEST

START_TEST(long_reports_are_refused_and_long_reasons_cut)
{
	char json[REPORT_MAX + 2];
	struct report r;
	int n = snprintf(json, sizeof json, "{\"sequence\":1,\"state\":\"failed\",\"reason\":\"%0400d\"}", 0);

	ck_assert(report_read_json(SPAN(json, (size_t)n), &r, NULL) == 0);
	ck_assert_uint_eq(strlen(r.reason), REPORT_REASON_MAX);
	memset(json, ' ', sizeof json);
	ck_assert_int_eq(report_read_json(SPAN(json, REPORT_MAX + 1), &r, NULL), ERR_LIMIT);
	ck_assert_int_eq(report_read_cbor(SPAN(json, REPORT_MAX + 1), &r, NULL), ERR_LIMIT);
}
END_TEST

/* --- what is made --- */

START_TEST(made_representations_fit_and_parse)
{
	char longest[PRODUCT_NAME_MAX + 1], version[VERSION_MAX + 1], cid[CID_TEXT_MAX];
	struct made_info info = { .sequence = UINT64_MAX, .size = UINT64_MAX, .freshness = FRESHNESS_UNKNOWN,
				  .channel = SPAN_LIT("abcdefghijklmnop") };
	AUTO(buf_free) struct buf json = BUF_INIT(ANSWER_MADE_MAX), cbor = BUF_INIT(ANSWER_MADE_MAX);
	struct cbor c;
	json_t *j;

	memset(longest, 'a', sizeof longest);
	memset(version, '"', sizeof version);	/* escaped in JSON */
	memset(cid, 'b', sizeof cid);
	info.product = SPAN(longest, PRODUCT_NAME_MAX);
	info.version = SPAN(version, VERSION_MAX);
	info.cid = SPAN(cid, CID_TEXT_MAX - 1);
	made_info_json(&json, &info);
	made_info_cbor(&cbor, &info);
	ck_assert(buf_ok(&json, NULL) == 0 && buf_ok(&cbor, NULL) == 0);
	j = json_loadb((const char *)json.p, json.n, JSON_DECODE_INT_AS_REAL, NULL);
	ck_assert_uint_eq(json_object_size(j), 9);
	json_decref(j);
	c = cbor_of(buf_span(&cbor));	/* strict: keys in order */
	cbor_skip(&c);
	ck_assert(cbor_done(&c, NULL) == 0);
}
END_TEST

static const struct {
	struct made_freshness f;
	const char *json;
} made[] = {
	{ { { 5, 1790000000, { { 0xaa } } }, 12, TRUST_QUORUM, FRESHNESS_FRESH },
	  "{\"number\":5,\"hash\":\"0xaa00000000000000000000000000000000000000000000000000000000000000\","
	  "\"time\":\"2026-09-21T14:13:20Z\",\"age\":12,\"trust\":\"quorum\",\"freshness\":\"fresh\"}" },
	{ { { 5, 1790000000, { { 0 } } }, -1, TRUST_SINGLE, FRESHNESS_UNKNOWN },
	  "{\"number\":5,\"hash\":\"0x0000000000000000000000000000000000000000000000000000000000000000\","
	  "\"time\":\"2026-09-21T14:13:20Z\",\"age\":null,\"trust\":\"single\",\"freshness\":\"unknown\"}" },
	{ { { 0, 0, { { 0 } } }, -1, TRUST_PINNED, FRESHNESS_STALE },
	  "{\"number\":null,\"hash\":null,\"time\":null,\"age\":null,\"trust\":\"pinned\",\"freshness\":\"stale\"}" },
};

START_TEST(freshness_is_told)
{
	AUTO(buf_free) struct buf json = BUF_INIT(ANSWER_MADE_MAX), cbor = BUF_INIT(ANSWER_MADE_MAX);
	struct cbor c;

	made_freshness_json(&json, &made[_i].f);
	ck_assert_msg(span_is(buf_span(&json), made[_i].json), "%.*s", (int)json.n, (char *)json.p);
	made_freshness_cbor(&cbor, &made[_i].f);
	c = cbor_of(buf_span(&cbor));
	cbor_skip(&c);
	ck_assert(cbor_done(&c, NULL) == 0);
}
END_TEST

START_TEST(problems_are_json)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1024);
	json_t *j;

	problem_write(&b, 421, "a \"quoted\" word");
	j = json_loadb((const char *)b.p, b.n, 0, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "status")), 421);
	ck_assert_str_eq(json_string_value(json_object_get(j, "title")), "Misdirected Request");
	ck_assert_str_eq(json_string_value(json_object_get(j, "detail")), "a \"quoted\" word");
	json_decref(j);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("requests");
	TCase *t = tcase_create("requests");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, a_target_is_taken_apart, 0, ROWS(targets));
	tcase_add_loop_test(t, a_bad_target_is_refused, 0, ROWS(bad_targets));
	tcase_add_test(t, a_target_has_a_length);
	tcase_add_loop_test(t, queries_are_decoded, 0, ROWS(queries));
	tcase_add_loop_test(t, ranges_are_read, 0, ROWS(ranges));
	tcase_add_test(t, blanks_behind_a_value_are_not_its);
	tcase_add_loop_test(t, validators_are_compared, 0, ROWS(validators));
	tcase_add_loop_test(t, weak_tags_are_compared, 0, ROWS(tags));
	tcase_add_test(t, cache_directives_are_found);
	tcase_add_test(t, etags_are_quoted_digests);
	tcase_add_loop_test(t, accept_is_brought_down_to_a_format, 0, ROWS(accepts));
	tcase_add_loop_test(t, content_types_are_read, 0, ROWS(content_types));
	tcase_add_loop_test(t, a_host_is_ours_or_not, 0, ROWS(hosts));
	tcase_add_loop_test(t, a_page_is_ours_or_not, 0, ROWS(origins));
	tcase_add_test(t, ten_failures_a_minute_and_no_more);
	tcase_add_test(t, an_ipv6_network_is_one_address);
	tcase_add_test(t, many_addresses_do_not_grow_it);
	tcase_add_loop_test(t, paths_are_taken_apart, 0, ROWS(paths));
	tcase_add_loop_test(t, json_reports_are_read, 0, ROWS(reports));
	tcase_add_loop_test(t, cbor_reports_say_the_same, 0, ROWS(reports));
	tcase_add_test(t, cbor_reports_have_each_member_once);
	tcase_add_test(t, long_reports_are_refused_and_long_reasons_cut);
	tcase_add_test(t, made_representations_fit_and_parse);
	tcase_add_loop_test(t, freshness_is_told, 0, ROWS(made));
	tcase_add_test(t, problems_are_json);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
