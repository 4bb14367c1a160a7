/* test_source.c: what each kind of source is asked, and what its reply heads mean. */
#include "base/hex.h"
#include "base/limits.h"
#include "ipfs/source.h"

#include <check.h>
#include <stdlib.h>

static struct cid v1, v0;

static void setup(void)
{
	ck_assert_int_eq(cid_read_text(span_str("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"), &v1, NULL), 0);
	ck_assert_int_eq(cid_read_text(span_str("Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"), &v0, NULL), 0);
}

#define V1 "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
#define V0 "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"

static const struct { enum source_kind kind; const char *base; enum source_ask ask; bool is_v0; const char *method, *url, *accept; }
requests[] = {
	{ SOURCE_TRUSTLESS, "https://fw.example", SOURCE_ASK_CAR, false, "GET", "https://fw.example/ipfs/" V1 "?format=car",
	  "Accept: application/vnd.ipld.car; version=1; order=dfs; dups=y" },
	{ SOURCE_TRUSTLESS, "http://[::1]:8080/", SOURCE_ASK_CAR, true, "GET", "http://[::1]:8080/ipfs/" V0 "?format=car",
	  "Accept: application/vnd.ipld.car; version=1; order=dfs; dups=y" },
	{ SOURCE_TRUSTLESS, "https://fw.example/a/b//", SOURCE_ASK_BLOCK, false, "GET",
	  "https://fw.example/a/b/ipfs/" V1 "?format=raw", "Accept: application/vnd.ipld.raw" },
	{ SOURCE_KUBO, "http://127.0.0.1:5001", SOURCE_ASK_CAR, false, "POST",
	  "http://127.0.0.1:5001/api/v0/dag/export?arg=" V1 "&progress=false", "Accept: */*" },
	{ SOURCE_KUBO, "http://127.0.0.1:5001/", SOURCE_ASK_BLOCK, true, "POST",
	  "http://127.0.0.1:5001/api/v0/block/get?arg=" V0, "Accept: */*" },
};

/* A question about this release; lives until the next one. */
static const struct source_about *about(const struct cid *cid, uint64_t size)
{
	static struct source_about a;

	a = (struct source_about){ .cid = cid, .size = size, .names = { .product = "acme/lamp", .version = "1.2 beta/3", .sequence = 7 } };
	memset(a.names.sha256.b, 0xab, sizeof a.names.sha256.b);
	return &a;
}

START_TEST(questions)
{
	struct source s = { .kind = requests[_i].kind, .url = requests[_i].base, .token = "s3cret" };
	struct source_request r;
	struct err e = { 0 };

	ck_assert(source_can(&s, requests[_i].ask));
	ck_assert_int_eq(source_check_url(s.kind, s.url, NULL), ERR_OK);
	ck_assert_msg(source_request(&s, requests[_i].ask, about(requests[_i].is_v0 ? &v0 : &v1, 64 * MIB), &r, &e) == ERR_OK, "%s",
		      e.msg);
	ck_assert_str_eq(r.method, requests[_i].method);
	ck_assert_str_eq(r.url, requests[_i].url);
	ck_assert_uint_eq(r.lines, 3);
	ck_assert_str_eq(r.line[0], requests[_i].accept);
	ck_assert_str_eq(r.line[1], "Accept-Encoding: identity");
	ck_assert_str_eq(r.line[2], "Authorization: Bearer s3cret");
	ck_assert_uint_eq(r.body_max, requests[_i].ask == SOURCE_ASK_CAR ? 64 * MIB + 64 * MIB / 20 + MIB : BLOCK_MAX);
	s.token = NULL;
	ck_assert_int_eq(source_request(&s, requests[_i].ask, about(&v1, 1), &r, NULL), ERR_OK);
	ck_assert_uint_eq(r.lines, 2);
}
END_TEST

/* --- files on a web server --- */

static const struct {
	enum source_kind kind;
	enum source_ask ask;
	const char *base, *inner;
	uint64_t from, end;
	const char *etag;
	const char *url;
	const char *range, *if_range;	/* NULL: none */
} files[] = {
#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	{ SOURCE_CAR, SOURCE_ASK_CAR, "https://h/car/{cid}.car", NULL, 0, 0, NULL, "https://h/car/" V1 ".car", NULL, NULL },
	{ SOURCE_CAR, SOURCE_ASK_CAR, "https://h/{vendor}/{model}/{sequence}.car", NULL, 0, 0, NULL, "https://h/acme/thermostat/7.car", NULL, NULL },
	{ SOURCE_CAR, SOURCE_ASK_CAR, "https://h/{cid}?v={version}", NULL, 5, 0, "\"x\"", "https://h/" V1 "?v=1.0%2Ba%20b", "bytes=5-", "\"x\"" },
	{ SOURCE_CAR, SOURCE_ASK_CAR, "https://h/{cid}", NULL, 5, 0, "W/\"x\"", "https://h/" V1, "bytes=5-", NULL },
	{ SOURCE_BLOCKS, SOURCE_ASK_BLOCK, "https://h/blocks/", NULL, 0, 0, NULL, "https://h/blocks/" V1, NULL, NULL },
	{ SOURCE_BLOCKS, SOURCE_ASK_BLOCK, "https://h/{cid}.block", NULL, 0, 0, NULL, "https://h/" V1 ".block", NULL, NULL },
	{ SOURCE_MIRROR, SOURCE_ASK_FILE, "https://h/image/{sha256}", NULL, 0, 0, NULL, "https://h/image/" SHA, NULL, NULL },
	{ SOURCE_MIRROR, SOURCE_ASK_FILE, "https://h/image/{sha256}", NULL, 0, 100, NULL, "https://h/image/" SHA, "bytes=0-99", NULL },
	{ SOURCE_MIRROR, SOURCE_ASK_FILE, "https://h/{cid}/{cid}", NULL, 10, 100, "\"e\"", "https://h/" V1 "/" V1, "bytes=10-99", "\"e\"" },
	{ SOURCE_MIRROR, SOURCE_ASK_INNER, "https://h/image/{sha256}", NULL, 0, 0, NULL, "https://h/inner/" V1 ".car", NULL, NULL },
	{ SOURCE_MIRROR, SOURCE_ASK_INNER, "https://h/fw/{sha256}.bin", "https://i/{sha256}.car", 0, 0, NULL, "https://i/" SHA ".car", NULL, NULL },
};

static struct source_about about_file(size_t i)
{
	struct source_about a = { .cid = &v1, .size = 1000, .from = files[i].from, .end = files[i].end, .etag = files[i].etag,
		.names = { .product = "acme/thermostat", .version = "1.0+a b", .sequence = 7 } };

	ck_assert_int_eq(hex_read(span_str(SHA), a.names.sha256.b, 32, NULL), ERR_OK);
	return a;
}

static const char *line_of(const struct source_request *r, const char *name)
{
	for (size_t i = 0; i < r->lines; i++)
		if (!strncmp(r->line[i], name, strlen(name)))
			return r->line[i] + strlen(name);
	return NULL;
}

static void same_text(const char *a, const char *b, const char *url)
{
	ck_assert_msg(a == b || (a && b && !strcmp(a, b)), "%s: %s instead of %s", url, a ? a : "nothing", b ? b : "nothing");
}

START_TEST(files_on_a_web_server)
{
	struct source s = { .kind = files[_i].kind, .url = files[_i].base, .inner = files[_i].inner };
	struct source_about a = about_file((size_t)_i);
	struct source_request r;

	ck_assert(source_can(&s, files[_i].ask));
	ck_assert_int_eq(source_check_url(s.kind, s.url, NULL), ERR_OK);
	ck_assert_int_eq(source_request(&s, files[_i].ask, &a, &r, NULL), ERR_OK);
	ck_assert_str_eq(r.url, files[_i].url);
	same_text(line_of(&r, "Range: "), files[_i].range, r.url);
	same_text(line_of(&r, "If-Range: "), files[_i].if_range, r.url);
}
END_TEST

static const struct { const char *inner; bool has_token; } elsewhere[] = {
	{ NULL, true },
	{ "https://fw.example:8443/other/{cid}.car", true },
	{ "https://fw.example/inner/{cid}.car", false },
	{ "http://fw.example:8443/inner/{cid}.car", false },
	{ "https://fw.example:8443.evil.example/{cid}.car", false },
	{ "https://evil.example/{cid}", false },
};

START_TEST(a_token_is_for_its_server)
{
	struct source s = { .kind = SOURCE_MIRROR, .url = "https://fw.example:8443/image/{sha256}", .inner = elsewhere[_i].inner, .token = "s3cret" };
	struct source_request r;

	ck_assert_int_eq(source_request(&s, SOURCE_ASK_INNER, about(&v1, 1), &r, NULL), ERR_OK);
	ck_assert_msg((line_of(&r, "Authorization: ") != NULL) == elsewhere[_i].has_token, "%s", r.url);
	ck_assert_int_eq(source_request(&s, SOURCE_ASK_FILE, about(&v1, 1), &r, NULL), ERR_OK);
	ck_assert_ptr_nonnull(line_of(&r, "Authorization: "));
}
END_TEST

START_TEST(a_mirror_whose_inner_blocks_nobody_knows)
{
	struct source s = { .kind = SOURCE_MIRROR, .url = "https://h/fw/{sha256}.bin" };

	struct source_request r;

	ck_assert(source_can(&s, SOURCE_ASK_FILE) && !source_can(&s, SOURCE_ASK_INNER) && !source_can(&s, SOURCE_ASK_BLOCK));
	ck_assert_int_eq(source_request(&s, SOURCE_ASK_BLOCK, about(&v1, 1), &r, NULL), ERR_USAGE);
	ck_assert_int_eq(source_request(&s, SOURCE_ASK_INNER, about(&v1, 1), &r, NULL), ERR_USAGE);
}
END_TEST

static const struct {
	const char *what;
	uint64_t from, end;	/* asked for, of 1000 bytes */
	unsigned status;
	const char *range;
	int64_t length;
	enum source_verdict verdict;
} parts[] = {
	{ "all of it", 0, 0, 200, "", 1000, SOURCE_READ },
	{ "all of it, of a length that it does not say", 0, 0, 200, "", -1, SOURCE_READ },
	{ "a longer file", 0, 0, 200, "", 1001, SOURCE_BROKEN },
	{ "a part", 10, 100, 206, "bytes 10-99/1000", 90, SOURCE_READ },
	{ "a part of a file of unknown length", 10, 100, 206, "bytes 10-99/*", 90, SOURCE_READ },
	{ "all of it where a part was wanted", 10, 100, 200, "", 1000, SOURCE_NO_RANGE },
	{ "all of it where its beginning was wanted", 0, 100, 200, "", 1000, SOURCE_READ },
	{ "another part", 10, 100, 206, "bytes 11-99/1000", 89, SOURCE_BROKEN },
	{ "a part of another file", 10, 100, 206, "bytes 10-99/999", 90, SOURCE_BROKEN },
	{ "a part that does not say which", 10, 100, 206, "", 90, SOURCE_BROKEN },
	{ "a part in other units", 10, 100, 206, "lines 10-99/1000", 90, SOURCE_BROKEN },
	{ "a part that overflows", 10, 100, 206, "bytes 18446744073709551626-99/1000", 90, SOURCE_BROKEN },
	{ "a part of many words", 10, 100, 206, "bytes 10-99/1000                                                                ", 90, SOURCE_BROKEN },
	{ "nothing there", 10, 100, 416, "bytes */5", 0, SOURCE_NO_RANGE },
};

START_TEST(answers_with_parts)
{
	struct source s = { .kind = SOURCE_MIRROR, .url = "http://x/{sha256}" };
	struct source_about a = { .cid = &v1, .size = 1000, .from = parts[_i].from, .end = parts[_i].end, .names = { .product = "a/b", .version = "1" } };
	struct source_reply r = { .status = parts[_i].status, .content_range = span_str(parts[_i].range), .content_length = parts[_i].length };
	struct source_request req;
	struct source_answer answer;

	ck_assert_int_eq(source_request(&s, SOURCE_ASK_FILE, &a, &req, NULL), ERR_OK);
	source_classify(&s, &req, SOURCE_ASK_FILE, &r, &answer);
	ck_assert_msg(answer.verdict == parts[_i].verdict, "%s: %s %s", parts[_i].what, source_verdict_name(answer.verdict), answer.why);
}
END_TEST

static const struct { const char *rule, *url, *says; } bad_urls[] = {
	{ "a scheme", "ftp://x", "http:// or https://" },
	{ "a scheme in front", "fw.example", "http:// or https://" },
	{ "a host", "http://", "names a host" },
	{ "a host before the path", "http:///ipfs", "names a host" },
	{ "no user behind an empty path", "http://me:pw@fw.example?x", "no user" },
	{ "no user", "http://me:pw@fw.example", "no user" },
	{ "no query", "http://fw.example?x=1", "no query" },
	{ "no fragment", "http://fw.example/#x", "no fragment" },
	{ "no names", "http://fw.example/{cid}", "no names in braces" },
	{ "no blanks", "http://fw.example/a b", "printable ASCII" },
	{ "no line ends", "http://fw.example/\r\nX: y", "printable ASCII" },
	{ "ASCII", "http://fw.ex\xc3\xa4mple", "printable ASCII" },
};

START_TEST(urls)
{
	struct err e = { 0 };

	ck_assert_msg(source_check_url(SOURCE_TRUSTLESS, bad_urls[_i].url, &e) == ERR_USAGE, "%s", bad_urls[_i].rule);
	ck_assert_msg(strstr(e.msg, bad_urls[_i].says) != NULL, "%s: %s", bad_urls[_i].rule, e.msg);
}
END_TEST

START_TEST(long_urls_and_tokens)
{
	char url[SOURCE_URL_MAX + 2] = "http://", token[600];
	struct source s = { .kind = SOURCE_TRUSTLESS, .url = url, .token = token };
	struct source_request r;

	memset(url + 7, 'a', sizeof url - 8);
	ck_assert_int_eq(source_check_url(s.kind, url, NULL), ERR_USAGE);
	url[SOURCE_URL_MAX] = '\0';
	ck_assert_int_eq(source_check_url(s.kind, url, NULL), ERR_OK);
	s.token = NULL;
	ck_assert_int_eq(source_request(&s, SOURCE_ASK_CAR, about(&v1, 1), &r, NULL), ERR_OK);
	memset(token, 't', sizeof token);
	token[sizeof token - 1] = '\0';
	s.token = token;
	ck_assert_int_eq(source_request(&s, SOURCE_ASK_CAR, about(&v1, 1), &r, NULL), ERR_USAGE);
	token[SOURCE_TOKEN_MAX + 1] = '\0';
	ck_assert_int_eq(source_request(&s, SOURCE_ASK_CAR, about(&v1, 1), &r, NULL), ERR_USAGE);
	token[SOURCE_TOKEN_MAX] = '\0';
	ck_assert_int_eq(source_request(&s, SOURCE_ASK_CAR, about(&v1, 1), &r, NULL), ERR_OK);
	ck_assert_msg(!strcmp(r.line[r.lines - 1] + strlen("Authorization: Bearer "), token), "none of it is cut off");
	s.token = "a\r\nX-Evil: 1";
	ck_assert_int_eq(source_request(&s, SOURCE_ASK_CAR, about(&v1, 1), &r, NULL), ERR_USAGE);
}
END_TEST

START_TEST(kinds)
{
	enum source_kind k;

	for (unsigned i = 0; i < SOURCE_KINDS; i++) {
		ck_assert_int_eq(source_kind_read(span_str(source_kind_name((enum source_kind)i)), &k, NULL), ERR_OK);
		ck_assert_uint_eq(k, i);
	}
	ck_assert_int_eq(source_kind_read(span_str("ftp"), &k, NULL), ERR_USAGE);
	ck_assert_int_eq(source_kind_read(span_str(""), &k, NULL), ERR_USAGE);
}
END_TEST

/* --- replies --- */

#define CAR "application/vnd.ipld.car"
#define NOW 784111777000	/* Sun, 06 Nov 1994 08:49:37 GMT */

static const struct {
	const char *what;
	enum source_kind kind;
	enum source_ask ask;
	unsigned status;
	const char *type, *encoding, *retry;
	int64_t length;
	enum source_verdict verdict;
	int64_t wait_ms;
	enum plan_order order;
	const char *says;
} replies[] = {
#define T SOURCE_TRUSTLESS
#define K SOURCE_KUBO
#define C SOURCE_ASK_CAR
#define B SOURCE_ASK_BLOCK
	{ "a CAR in order", T, C, 200, CAR "; version=1; order=dfs; dups=y", "", "", -1, SOURCE_READ, 0, PLAN_DFS, "" },
	{ "parameters in quotes", T, C, 200, CAR ";version=\"1\";order=\"dfs\";dups=\"y\"", "", "", 5, SOURCE_READ, 0, PLAN_DFS, "" },
	{ "a type in capitals", T, C, 200, "Application/Vnd.IPLD.Car; Order=dfs; DUPS=y", "", "", 5, SOURCE_READ, 0, PLAN_DFS, "" },
	{ "repeated blocks left out", T, C, 200, CAR "; version=1; order=dfs; dups=n", "", "", -1, SOURCE_READ, 0, PLAN_ANY, "" },
	{ "unknown order", T, C, 200, CAR "; order=unk; dups=y", "", "", -1, SOURCE_READ, 0, PLAN_ANY, "" },
	{ "no promises", T, C, 200, CAR, "", "", -1, SOURCE_READ, 0, PLAN_ANY, "" },
	{ "an HTML page with 200", T, C, 200, "text/html; charset=utf-8", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "answers with text/html" },
	{ "no type", T, C, 200, "", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "without a media type" },
	{ "half a type", T, C, 200, "application", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "without a media type" },
	{ "a type that only begins right", T, C, 200, CAR "x", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "answers with" },
	{ "a type longer than any", T, C, 200, "text/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY,
	  "answers with a media type of 61 characters" },
	{ "another format", T, C, 200, "application/vnd.ipld.raw", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "answers with" },
	{ "a parameter without a name", T, C, 200, CAR "; =1", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "without a media type" },
	{ "CAR version 2", T, C, 200, CAR "; version=2", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "another version" },
	{ "gzip", T, C, 200, CAR, "gzip", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "content encoding" },
	{ "identity is no encoding", T, C, 200, CAR, "identity", "", -1, SOURCE_READ, 0, PLAN_ANY, "" },
	{ "more than the budget", T, C, 200, CAR, "", "", 2 * MIB, SOURCE_BROKEN, 0, PLAN_ANY, "announces 2097152 bytes" },
	{ "a block of any type", T, B, 200, "text/plain", "", "", 5, SOURCE_READ, 0, PLAN_ANY, "" },
	{ "a block of no type", T, B, 200, "", "", "", -1, SOURCE_READ, 0, PLAN_ANY, "" },
	{ "a block over 2 MiB", T, B, 200, "", "", "", BLOCK_MAX + 1, SOURCE_BROKEN, 0, PLAN_ANY, "announces" },
	{ "a block in gzip", T, B, 200, "", "gzip", "", 5, SOURCE_BROKEN, 0, PLAN_ANY, "content encoding" },
	{ "Kubo's CAR", K, C, 200, CAR, "", "", -1, SOURCE_READ, 0, PLAN_ANY, "" },
	{ "js-ipfs's CAR", K, C, 200, "application/octet-stream", "", "", -1, SOURCE_READ, 0, PLAN_ANY, "" },
	{ "not Kubo's RPC", K, C, 200, "text/html", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "answers with text/html" },
	{ "Kubo has it not", K, B, 500, "application/json", "", "", -1, SOURCE_LACKS, 0, PLAN_ANY, "does not have it" },
	{ "Kubo without that call", K, C, 404, "", "", "", -1, SOURCE_NO_CAR, 0, PLAN_ANY, "does not have it" },
	{ "a gateway's 500", T, B, 500, "", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "failed" },
	{ "404", T, C, 404, "", "", "", -1, SOURCE_LACKS, 0, PLAN_ANY, "does not have it" },
	{ "410 for a CAR may be fine for blocks", T, C, 410, "", "", "", -1, SOURCE_NO_CAR, 0, PLAN_ANY, "any more" },
	{ "410 for a block", T, B, 410, "", "", "", -1, SOURCE_LACKS, 0, PLAN_ANY, "any more" },
	{ "413 for a CAR may be fine for blocks", T, C, 413, "", "", "", -1, SOURCE_NO_CAR, 0, PLAN_ANY, "too large" },
	{ "406", T, C, 406, "", "", "", -1, SOURCE_NO_CAR, 0, PLAN_ANY, "that format" },
	{ "400", T, C, 400, "", "", "", -1, SOURCE_NO_CAR, 0, PLAN_ANY, "the question" },
	{ "501", T, C, 501, "", "", "", -1, SOURCE_NO_CAR, 0, PLAN_ANY, "that format" },
	{ "401", T, C, 401, "", "", "", -1, SOURCE_DENIES, 0, PLAN_ANY, "credentials" },
	{ "402", T, C, 402, "", "", "", -1, SOURCE_DENIES, 0, PLAN_ANY, "paid" },
	{ "403", T, C, 403, "", "", "", -1, SOURCE_DENIES, 0, PLAN_ANY, "forbids" },
	{ "451", T, B, 451, "", "", "", -1, SOURCE_DENIES, 0, PLAN_ANY, "may not" },
	{ "302, also to a private address", T, C, 302, "", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "redirects" },
	{ "301", T, B, 301, "", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "redirects" },
	{ "206 that nobody asked for", T, C, 206, CAR, "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "failed" },
	{ "204", T, B, 204, "", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "failed" },
	{ "502", T, C, 502, "", "", "", -1, SOURCE_BROKEN, 0, PLAN_ANY, "failed" },
	{ "429 in seconds", T, C, 429, "", "", "120", -1, SOURCE_LATER, 120000, PLAN_ANY, "too many" },
	{ "429 with blanks around", T, C, 429, "", "", " 7 ", -1, SOURCE_LATER, 7000, PLAN_ANY, "too many" },
	{ "429 without a time", T, C, 429, "", "", "", -1, SOURCE_LATER, RETRY_AFTER_DEFAULT_MS, PLAN_ANY, "too many" },
	{ "429 at once", T, C, 429, "", "", "0", -1, SOURCE_LATER, 1000, PLAN_ANY, "too many" },
	{ "429 for a year", T, C, 429, "", "", "31536000", -1, SOURCE_LATER, RETRY_AFTER_MAX_MS, PLAN_ANY, "too many" },
	{ "429 for ever", T, C, 429, "", "", "99999999999999999999", -1, SOURCE_LATER, RETRY_AFTER_MAX_MS, PLAN_ANY, "too many" },
	{ "429 with a date", T, C, 429, "", "", "Sun, 06 Nov 1994 08:50:37 GMT", -1, SOURCE_LATER, 60000, PLAN_ANY, "too many" },
	{ "429 with a date that is past", T, C, 429, "", "", "Sun, 06 Nov 1994 08:00:00 GMT", -1, SOURCE_LATER, 1000, PLAN_ANY, "too many" },
	{ "429 with nonsense", T, C, 429, "", "", "soon", -1, SOURCE_LATER, RETRY_AFTER_DEFAULT_MS, PLAN_ANY, "too many" },
	{ "429 with a negative time", T, C, 429, "", "", "-5", -1, SOURCE_LATER, RETRY_AFTER_DEFAULT_MS, PLAN_ANY, "too many" },
	{ "503", T, B, 503, "", "", "3", -1, SOURCE_LATER, 3000, PLAN_ANY, "not available" },
#undef T
#undef K
#undef C
#undef B
};

START_TEST(answers)
{
	struct source s = { .kind = replies[_i].kind, .url = "http://x" };
	struct source_reply r = {
		.status = replies[_i].status, .content_type = span_str(replies[_i].type),
		.content_encoding = span_str(replies[_i].encoding), .retry_after = span_str(replies[_i].retry),
		.content_length = replies[_i].length, .wall_ms = NOW,
	};
	struct source_request req;
	struct source_answer a;

	ck_assert_int_eq(source_request(&s, replies[_i].ask, about(&v1, 1000), &req, NULL), ERR_OK);
	source_classify(&s, &req, replies[_i].ask, &r, &a);
	ck_assert_msg(a.verdict == replies[_i].verdict, "%s: %s %s", replies[_i].what, source_verdict_name(a.verdict), a.why);
	ck_assert_msg(a.wait_ms == replies[_i].wait_ms, "%s: %lld", replies[_i].what, (long long)a.wait_ms);
	ck_assert_msg(a.verdict != SOURCE_READ || a.order == replies[_i].order, "%s", replies[_i].what);
	ck_assert_msg(strstr(a.why, replies[_i].says) != NULL, "%s: %s", replies[_i].what, a.why);
	ck_assert((a.why[0] == '\0') == (a.verdict == SOURCE_READ));
}
END_TEST

START_TEST(a_date_needs_a_clock)
{
	struct source s = { .kind = SOURCE_TRUSTLESS, .url = "http://x" };
	struct source_reply r = { .status = 429, .retry_after = SPAN_LIT("Sun, 06 Nov 1994 08:50:37 GMT"), .content_length = -1 };
	struct source_request req;
	struct source_answer a;

	ck_assert_int_eq(source_request(&s, SOURCE_ASK_CAR, about(&v1, 1000), &req, NULL), ERR_OK);
	source_classify(&s, &req, SOURCE_ASK_CAR, &r, &a);
	ck_assert_int_eq(a.wait_ms, RETRY_AFTER_DEFAULT_MS);
}
END_TEST

#define LOOP(tcase, test, rows) tcase_add_loop_test(tcase, test, 0, (int)(sizeof rows / sizeof *rows))

int main(void)
{
	Suite *s = suite_create("source");
	TCase *t = tcase_create("source");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	LOOP(t, questions, requests);
	LOOP(t, urls, bad_urls);
	LOOP(t, files_on_a_web_server, files);
	LOOP(t, answers_with_parts, parts);
	LOOP(t, a_token_is_for_its_server, elsewhere);
	tcase_add_test(t, a_mirror_whose_inner_blocks_nobody_knows);
	tcase_add_test(t, long_urls_and_tokens);
	tcase_add_test(t, kinds);
	LOOP(t, answers, replies);
	tcase_add_test(t, a_date_needs_a_clock);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
