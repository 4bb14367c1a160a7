/* test_httpd.c: HTTP as a device sees it: the real library on a loopback socket, a client that reads every byte until the end. */
#include "cached.h"
#include "server/httpd.h"
#include "server/httpd_reply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#define MANIFEST "manifest of release 2"
#define MANIFEST_ETAG "\"sha256-eed3c307c23c4687941f3c7103a75c1172590977a355ca021655dbd41ce30c55\""
#define MANIFEST_DIGEST "sha-256=:7tPDB8I8RoeUHzxxA6dcEXJZCXejVcoCFlXb1BzjDFU=:"
#define NEW_SHA256 "656f20d4626d062eda9667edd4091496e093c31e518a360779d1f8a28cdf1dd2"
#define NEW_DIGEST "sha-256=:ZW8g1GJtBi7almft1AkUluCTwx5RijYHedH4oozfHdI=:"
#define OLD_SHA256 "9d6fd90e9ad45bbec05b71e10f4d21692e2c41979698d3e3f1e07fd411623f9c"
#define OLD_DIGEST "sha-256=:nW/ZDprUW77AW3HhD00haS4sQZeWmNPj8eB/1BFiP5w=:"

#define ROWS(table) (sizeof(table) / sizeof *(table))

static struct httpd *httpd;
static int listener;
static struct sockaddr_in address;

static void open_httpd(uint64_t hot_bytes)
{
	socklen_t n = sizeof address;

	signal(SIGPIPE, SIG_IGN);	/* as gatepost-server does */
	st = stand_new(hot_bytes);
	dag_init(&d);
	file_state = CATALOG_GOOD;
	ck_assert(httpd_start(st->answers, &st->clock, &httpd, NULL) == ERR_OK);
	address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert(bind(listener, (struct sockaddr *)&address, n) == 0 && listen(listener, 8) == 0);
	ck_assert(getsockname(listener, (struct sockaddr *)&address, &n) == 0);
}

static void setup_cold(void)
{
	open_httpd(0);
}

static void setup_hot(void)
{
	open_httpd(MIB);
}

static void stop_httpd(void)
{
	httpd_stop(STEAL_PTR(httpd));
}

static void teardown_httpd(void)
{
	stop_httpd();
	close(listener);
	teardown();
}

/* --- a client --- */

/* What came until the other end closed. */
struct got {
	struct buf all;
	unsigned status;
	struct span head, body;
	char value[256];
};

static int connected(void)
{
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	ck_assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
	httpd_accept(httpd, listener);
	return fd;
}

static void read_reply(int fd, struct got *r)
{
	const char *end;
	uint8_t piece[4096];
	ssize_t n;

	*r = (struct got){ .all = BUF_INIT(MIB) };
	while ((n = read(fd, piece, sizeof piece)) > 0)
		buf_add(&r->all, SPAN(piece, (size_t)n));
	ck_assert_msg(n == 0 || errno == ECONNRESET, "the other end closes");
	if (r->all.n == 0)
		return;
	buf_byte(&r->all, 0);
	r->all.n--;
	end = strstr((const char *)r->all.p, "\r\n\r\n");
	ck_assert(end && sscanf((const char *)r->all.p, "HTTP/1.1 %u ", &r->status) == 1);
	r->head = SPAN(r->all.p, (size_t)(end + 2 - (const char *)r->all.p));
	r->body = span_cut(buf_span(&r->all), r->head.n + 2, r->all.n);
}

static void ask_raw(struct got *r, const char *request)
{
	autoclose int fd = connected();

	ck_assert(io_write_all(fd, span_str(request), NULL) == ERR_OK);
	read_reply(fd, r);
}

/* headers: whole lines. */
static void ask(struct got *r, const char *method, const char *path, const char *headers)
{
	char request[1024];

	snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: gatepost\r\nConnection: close\r\n%s\r\n", method, path, headers ? headers : "");
	ask_raw(r, request);
}

/* The value of a header; NULL: it did not come. */
static const char *header(struct got *r, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = (const char *)r->head.p; *line != '\r'; line = strchr(line, '\n') + 1) {
		if (strncasecmp(line, name, n) != 0 || line[n] != ':')
			continue;
		snprintf(r->value, sizeof r->value, "%.*s", (int)strcspn(line + n + 2, "\r"), line + n + 2);
		return r->value;
	}
	return NULL;
}

static void end(struct got *r)
{
	buf_free(&r->all);
}

#define is_header(r, name, wanted) do { \
	const char *wanted_ = wanted, *got_ = header(r, name); \
	ck_assert_msg(wanted_ ? got_ && strcmp(got_, wanted_) == 0 : !got_, "%s: %s", name, got_ ? got_ : "(none)"); \
} while (0)

/* Path of a CID of these bytes as one raw block, and what follows. */
static const char *ipfs_path(const char *content, const char *query)
{
	static char path[CID_TEXT_MAX + 100];
	struct hash32 sha256 = sha256_of(span_str(content));
	struct cid cid = cid_of_digest(1, CID_RAW, &sha256);
	char text[CID_TEXT_MAX];

	snprintf(path, sizeof path, "/ipfs/%s%s", cid_text(&cid, text), query);
	return path;
}

/* --- what is said of an answer --- */

#define PRIVATE "private, no-cache"
#define VARY "Gatepost-Device, Accept"
#define FOREVER "public, max-age=31536000, immutable"

static const struct { const char *path, *accept, *type, *caching, *vary, *sequence, *ranges, *digest, *body; } kinds[] = {
	{ "/fw/acme/lamp", NULL, "application/suit-envelope+cose", PRIVATE, VARY, "2", NULL, MANIFEST_DIGEST, MANIFEST },
	{ "/fw/acme/lamp/info", NULL, "application/json", PRIVATE, VARY, "2", NULL, NULL, NULL },
	{ "/fw/acme/lamp/info", "application/cbor", "application/cbor", PRIVATE, VARY, "2", NULL, NULL, NULL },
	{ "/fw/acme/lamp/freshness", NULL, "application/cbor", PRIVATE, VARY, NULL, NULL, NULL, NULL },
	{ "/fw/acme/lamp/image", NULL, "application/octet-stream", PRIVATE, VARY, "2", "bytes", NEW_DIGEST, SAMPLE_NEW },
	{ "/sha256/" NEW_SHA256, NULL, "application/octet-stream", FOREVER, NULL, NULL, "bytes", NEW_DIGEST, SAMPLE_NEW },
	{ "/sha256/" OLD_SHA256, NULL, "application/octet-stream", FOREVER, NULL, NULL, "bytes", OLD_DIGEST, SAMPLE_OLD },
	{ "/entries/acme/lamp", NULL, "application/x-ndjson", "no-cache", NULL, NULL, NULL, NULL, SAMPLE_ENTRIES },
};

START_TEST(an_answer_says_what_it_is)
{
	char accept[100] = "";
	struct got r;

	if (kinds[_i].accept)
		snprintf(accept, sizeof accept, "Accept: %s\r\n", kinds[_i].accept);
	for (int again = 0; again < 2; again++) {	/* the second one may come from what was kept */
		ask(&r, "GET", kinds[_i].path, accept);
		ck_assert_uint_eq(r.status, 200);
		is_header(&r, "Content-Type", kinds[_i].type);
		is_header(&r, "Cache-Control", kinds[_i].caching);
		is_header(&r, "Vary", kinds[_i].vary);
		is_header(&r, "Gatepost-Sequence", kinds[_i].sequence);
		is_header(&r, "Gatepost-Version", kinds[_i].sequence ? "1.2" : NULL);
		is_header(&r, "Gatepost-Freshness", kinds[_i].sequence ? "fresh" : NULL);
		is_header(&r, "Accept-Ranges", kinds[_i].ranges);
		is_header(&r, "X-Ipfs-Path", NULL);
		ck_assert_ptr_nonnull(header(&r, "ETag"));
		ck_assert_ptr_nonnull(header(&r, "Repr-Digest"));
		if (kinds[_i].digest)
			is_header(&r, "Repr-Digest", kinds[_i].digest);
		if (kinds[_i].body)
			ck_assert(span_is(r.body, kinds[_i].body));
		end(&r);
	}
}
END_TEST

/* The same path, whoever asks for what: nothing that is kept is taken for another. */
START_TEST(each_format_is_its_own)
{
	struct got json, cbor;

	ask(&json, "GET", "/fw/acme/lamp/info", NULL);
	ask(&cbor, "GET", "/fw/acme/lamp/info", "Accept: application/cbor\r\n");
	ck_assert(json.body.p[0] == '{' && cbor.body.p[0] != '{');
	end(&json);
	end(&cbor);
}
END_TEST

/* Of /ipfs/{cid}: what is told of the plain file and of blocks. */
static const struct { const char *query, *before, *after, *type, *ranges, *digest, *file, *safe; } blocks[] = {
	{ "", "\"sha256-" NEW_SHA256 "\"", NULL, "application/octet-stream", "bytes", NEW_DIGEST, NULL, NULL },
	{ "?format=raw", "\"", ".raw\"", "application/vnd.ipld.raw", "bytes", NULL, ".bin", "nosniff" },
	{ "?format=car", "W/\"", ".car.all.dfs.n\"", "application/vnd.ipld.car; version=1; order=dfs; dups=n", "none", NULL, ".car", "nosniff" },
};

START_TEST(a_cid_is_a_file_or_blocks)
{
	const char *cid = ipfs_path(SAMPLE_NEW, "") + sizeof "/ipfs/" - 1;
	char path[200], etag[200], wanted[200], file[200];
	struct got r;

	snprintf(path, sizeof path, "/ipfs/%s%s", cid, blocks[_i].query);
	snprintf(etag, sizeof etag, "%s%s%s", blocks[_i].before, blocks[_i].after ? cid : "", blocks[_i].after ? blocks[_i].after : "");
	snprintf(wanted, sizeof wanted, "/ipfs/%s", cid);
	snprintf(file, sizeof file, "attachment; filename=\"%s%s\"", cid, blocks[_i].file ? blocks[_i].file : "");
	ask(&r, "GET", path, NULL);
	ck_assert_uint_eq(r.status, 200);
	is_header(&r, "ETag", etag);
	is_header(&r, "X-Ipfs-Path", wanted);
	is_header(&r, "X-Ipfs-Roots", cid);
	is_header(&r, "Vary", "Accept");
	is_header(&r, "Content-Disposition", blocks[_i].file ? file : NULL);
	is_header(&r, "X-Content-Type-Options", blocks[_i].safe);
	is_header(&r, "Content-Location", NULL);
	is_header(&r, "Content-Type", blocks[_i].type);
	is_header(&r, "Accept-Ranges", blocks[_i].ranges);
	is_header(&r, "Repr-Digest", blocks[_i].digest);
	is_header(&r, "Cache-Control", FOREVER);
	ck_assert_uint_ge(r.body.n, sizeof SAMPLE_NEW - 1);
	ck_assert(memmem(r.body.p, r.body.n, SAMPLE_NEW, sizeof SAMPLE_NEW - 1));
	end(&r);
}
END_TEST

/* Who asks by Accept hears of the path that says the same. */
START_TEST(blocks_may_be_asked_for_by_accept)
{
	char wanted[200];
	struct got r;

	snprintf(wanted, sizeof wanted, "%s", ipfs_path(SAMPLE_NEW, "?format=raw"));
	ask(&r, "GET", ipfs_path(SAMPLE_NEW, ""), "Accept: application/vnd.ipld.raw\r\n");
	ck_assert(r.status == 200 && span_is(r.body, SAMPLE_NEW));
	is_header(&r, "Content-Location", wanted);
	end(&r);
}
END_TEST

/* --- refusals --- */

static const struct { const char *method, *path, *headers; unsigned status; const char *name, *value, *body; } refusals[] = {
	{ "GET", "/fw/acme/door", NULL, 404, "Cache-Control", "no-store", "no such product here\n" },
	{ "GET", "/fw/acme/door", NULL, 404, "Content-Type", "text/plain; charset=utf-8", "no such product here\n" },
	{ "GET", "/fw/acme/clock", NULL, 503, "Retry-After", "60", "the first release is on its way\n" },
	{ "PUT", "/fw/acme/lamp", NULL, 405, "Allow", "GET, HEAD", "this method is not for this path\n" },
	{ "GET", "/fw/acme/lamp/report", NULL, 405, "Allow", "POST", "this method is not for this path\n" },
	/* "only-if-cached": of what is looked for in a cache */
	{ "GET", "/sha256/" NEW_SHA256, "Cache-Control: only-if-cached\r\n", 200, "ETag", "\"sha256-" NEW_SHA256 "\"", SAMPLE_NEW },
	{ "GET", "/sha256/0000000000000000000000000000000000000000000000000000000000000000", NULL, 404, NULL, NULL, "no such image here\n" },
	{ "GET", "/sha256/0000000000000000000000000000000000000000000000000000000000000000", "Cache-Control: only-if-cached\r\n", 412,
	  NULL, NULL, "no such image here\n" },
	{ "GET", "/fw/acme/door", "Cache-Control: only-if-cached\r\n", 404, NULL, NULL, "no such product here\n" },
	/* RFC 9110, 13.2.2: If-Match first */
	{ "GET", "/fw/acme/lamp", "If-Match: " MANIFEST_ETAG "\r\n", 200, "ETag", MANIFEST_ETAG, MANIFEST },
	{ "GET", "/fw/acme/lamp", "If-Match: \"x\"\r\n", 412, NULL, NULL, "it has another ETag\n" },
	{ "GET", "/fw/acme/lamp", "If-Match: \"x\"\r\nIf-None-Match: " MANIFEST_ETAG "\r\n", 412, NULL, NULL, "it has another ETag\n" },
	{ "GET", "/fw/acme/lamp", "If-None-Match: \"x\"\r\n", 200, "ETag", MANIFEST_ETAG, MANIFEST },
	{ "GET", "/fw/acme/lamp", "If-None-Match: " MANIFEST_ETAG "\r\n", 304, "ETag", MANIFEST_ETAG, "" },
	{ "GET", "/fw/acme/lamp", "If-None-Match: *\r\n", 304, "Gatepost-Sequence", "2", "" },
	{ "GET", "/fw/acme/lamp", "If-None-Match: *\r\n", 304, "Cache-Control", PRIVATE, "" },
	{ "GET", "/sha256/" NEW_SHA256, "If-None-Match: *\r\n", 304, "Content-Length", "15", "" },
	/* ranges */
	{ "GET", "/sha256/" NEW_SHA256, "Range: bytes=9-12\r\n", 206, "Content-Range", "bytes 9-12/15", "lamp" },
	{ "GET", "/sha256/" NEW_SHA256, "Range: bytes=9-12\r\n", 206, "Content-Length", "4", "lamp" },
	{ "GET", "/sha256/" NEW_SHA256, "Range: bytes=9-12\r\n", 206, "Repr-Digest", NEW_DIGEST, "lamp" },
	{ "GET", "/sha256/" NEW_SHA256, "Range: bytes=9-12\r\nIf-Range: \"sha256-" NEW_SHA256 "\"\r\n", 206, NULL, NULL, "lamp" },
	{ "GET", "/sha256/" NEW_SHA256, "Range: bytes=9-12\r\nIf-Range: \"x\"\r\n", 200, "Content-Range", NULL, SAMPLE_NEW },
	{ "GET", "/sha256/" NEW_SHA256, "Range: bytes=15-\r\n", 416, "Content-Range", "bytes */15", "no byte of this range is there\n" },
	{ "HEAD", "/sha256/" NEW_SHA256, "Range: bytes=9-12\r\n", 200, "Content-Length", "15", "" },
	{ "HEAD", "/sha256/" NEW_SHA256, "Range: bytes=15-\r\n", 200, "Content-Range", NULL, "" },
	{ "GET", "/fw/acme/lamp", "Range: bytes=0-7\r\n", 200, "Content-Range", NULL, MANIFEST },
	{ "GET", "/entries/acme/lamp", "Range: bytes=0-7\r\n", 200, "Content-Range", NULL, SAMPLE_ENTRIES },
	{ "HEAD", "/fw/acme/lamp", NULL, 200, "Content-Length", "21", "" },
};

START_TEST(a_request_has_its_status)
{
	struct got r;

	ask(&r, refusals[_i].method, refusals[_i].path, refusals[_i].headers);
	ck_assert_uint_eq(r.status, refusals[_i].status);
	if (refusals[_i].name)
		is_header(&r, refusals[_i].name, refusals[_i].value);
	ck_assert_msg(span_is(r.body, refusals[_i].body), "%.*s", (int)r.body.n, r.body.p);
	end(&r);
}
END_TEST

/* A block is one stretch of bytes; a CAR is begun anew. */
START_TEST(blocks_have_ranges_and_cars_have_none)
{
	struct got r;

	ask(&r, "GET", ipfs_path(SAMPLE_NEW, "?format=raw"), "Range: bytes=9-12\r\n");
	ck_assert(r.status == 206 && span_is(r.body, "lamp"));
	is_header(&r, "Content-Range", "bytes 9-12/15");
	end(&r);
	ask(&r, "GET", ipfs_path(SAMPLE_NEW, "?format=car"), "Range: bytes=9-12\r\n");
	ck_assert(r.status == 200 && r.body.n > 15);
	is_header(&r, "Content-Range", NULL);
	end(&r);
}
END_TEST

static const struct { const char *query, *etag; } formats[] = {
	{ "", "\"sha256-07630777646b9ad0ad5940c20f7703e5ba431d90dc8f191af6916bffca3e859c\"" },	/* of "all of it" */
	{ "?format=raw", NULL },
};

/* The name is the block. */
START_TEST(a_block_in_its_name_has_ranges)
{
	const struct dag_entry *root = dag_leaf(&d, LEAF_IDENTITY, SPAN_LIT("all of it"));
	char path[CID_TEXT_MAX + 100], etag[CID_TEXT_MAX + 100], text[CID_TEXT_MAX];
	struct got r;

	snprintf(path, sizeof path, "/ipfs/%s%s", cid_text(&root->cid, text), formats[_i].query);
	snprintf(etag, sizeof etag, "\"%s.raw\"", text);
	ask(&r, "GET", path, "Range: bytes=4-5\r\n");
	ck_assert(r.status == 206 && span_is(r.body, "of"));
	is_header(&r, "Content-Range", "bytes 4-5/9");
	is_header(&r, "Content-Type", _i ? "application/vnd.ipld.raw" : "application/octet-stream");
	is_header(&r, "ETag", formats[_i].etag ? formats[_i].etag : etag);
	end(&r);
}
END_TEST

/* Whatever follows it cannot be trusted. */
START_TEST(a_malformed_request_ends_the_connection)
{
	struct got r;

	ask_raw(&r, "GET /fw//lamp HTTP/1.1\r\nHost: gatepost\r\n\r\nGET /fw/acme/lamp HTTP/1.1\r\nHost: gatepost\r\nConnection: close\r\n\r\n");
	ck_assert_uint_eq(r.status, 400);
	is_header(&r, "Connection", "close");
	ck_assert(span_is(r.body, "the request target is not a plain path\n"));
	end(&r);
}
END_TEST

#define REPORT "{\"device\":\"d1\",\"sequence\":2,\"state\":\"installed\"}"

START_TEST(a_report_is_answered_with_nothing)
{
	AUTO(buf_free) struct buf b = BUF_INIT(64);
	uint8_t room[LINK_MESSAGE_MAX];
	autoclose int fd = -1;
	struct link_report m;
	struct span heard;
	char request[300];
	struct got r;

	stand_deaf(st);
	snprintf(request, sizeof request, "POST /fw/acme/lamp/report HTTP/1.1\r\nHost: gatepost\r\nConnection: close\r\n"
		 "Content-Length: %zu\r\n\r\n%s", sizeof REPORT - 1, REPORT);
	fd = connected();
	ck_assert(io_write_all(fd, span_str(request), NULL) == ERR_OK);
	while ((heard = stand_heard(st, room)).n == 0 || link_report_read(heard, &m, NULL))
		sched_yield();
	link_report_ack_write(&b, &(struct link_report_ack){ m.id, 204 });
	ck_assert(write(st->peer, b.p, b.n) == (ssize_t)b.n);
	keeper_read(st->keeper);
	read_reply(fd, &r);
	ck_assert(r.status == 204 && r.body.n == 0);
	end(&r);
}
END_TEST

/* --- bodies --- */

/* Several chunks and reads: whole, and a part that begins within one. */
static void ask_for_large(bool is_hot)
{
	AUTO(buf_free) struct buf file = BUF_INIT(MIB);
	const struct dag_entry *root = balanced();
	char path[100] = "/sha256/", digest[64] = "sha-256=:";
	struct got r;

	store(root, NULL);
	dag_file(root, &file);
	hex_str(SPAN_OF(file_image.sha256), path + 8);
	EVP_EncodeBlock((uint8_t *)digest + 9, file_image.sha256.b, 32);
	strcat(digest, ":");
	for (int again = 0; again < 2; again++) {
		ask(&r, "GET", path, NULL);
		ck_assert(r.status == 200 && span_eq(r.body, buf_span(&file)));
		is_header(&r, "Repr-Digest", digest);
		end(&r);
		ask(&r, "GET", path, "Range: bytes=70001-250000\r\n");
		ck_assert(r.status == 206 && span_eq(r.body, span_cut(buf_span(&file), 70001, 180000)));
		end(&r);
		while (is_hot && objects_stats(st->objects).hot == 0)
			sched_yield();
	}
	while (objects_stats(st->objects).transfers)	/* each ends with its answer */
		sched_yield();
}

START_TEST(large_images_come_whole_and_in_parts)
{
	ask_for_large(false);
}
END_TEST

START_TEST(hot_images_come_whole_and_in_parts)
{
	ask_for_large(true);
}
END_TEST

/* No wrong byte leaves, and the length that was announced is not met. */
START_TEST(rot_cuts_an_answer_short)
{
	AUTO(buf_free) struct buf file = BUF_INIT(MIB);
	const struct dag_entry *root = balanced();
	char path[100] = "/sha256/";
	struct got r;

	store(root, NULL);
	dag_file(root, &file);
	hex_str(SPAN_OF(file_image.sha256), path + 8);
	stand_flip(st, &file_image.sha256, "", 2 * CHUNK_SIZE + 5);
	ask(&r, "GET", path, NULL);
	ck_assert_uint_eq(r.status, 200);
	ck_assert_uint_eq(r.body.n, 2 * CHUNK_SIZE);
	ck_assert(memcmp(r.body.p, file.p, r.body.n) == 0);
	end(&r);
	stop_httpd();
	ck_assert_uint_eq(st->rots, 1);
	ck_assert_msg(sightings_bytes(st->sightings) == 0, "nobody got it");
}
END_TEST

/* A CAR that was begun cannot be refused any more. */
START_TEST(rot_cuts_a_car_short)
{
	const struct dag_entry *root = balanced();
	char path[CID_TEXT_MAX + 100], text[CID_TEXT_MAX];
	struct got r;

	store(root, NULL);
	snprintf(path, sizeof path, "/ipfs/%s?format=car", cid_text(&root->cid, text));
	stand_flip(st, &file_image.sha256, "", 2 * CHUNK_SIZE + 5);
	ask(&r, "GET", path, NULL);
	ck_assert_uint_eq(r.status, 200);
	ck_assert(r.body.n > 100000 && r.body.n < strtoul(header(&r, "Content-Length"), NULL, 10));
	end(&r);
	stop_httpd();
	ck_assert_uint_eq(st->rots, 1);
	ck_assert_uint_eq(blocks_stats(st->blocks).shares, 0);
	ck_assert_msg(sightings_bytes(st->sightings) == 0, "nobody got it");
}
END_TEST

static const char *const stretches[] = { NULL, "Range: bytes=1-2\r\n" };

/* Of a block the first byte is sent when the last one was compared. */
START_TEST(a_rotten_block_is_refused_before)
{
	struct hash32 sha256 = sha256_of(SPAN_LIT(SAMPLE_NEW));
	struct got r;

	stand_flip(st, &sha256, "", 14);
	ask(&r, "GET", ipfs_path(SAMPLE_NEW, "?format=raw"), stretches[_i]);
	ck_assert(r.status == 503 && span_is(r.body, "this image is being repaired\n"));
	is_header(&r, "Retry-After", "30");
	end(&r);
}
END_TEST

/* All that there may be at a time are under way. */
static void take_transfers(struct transfer *t[OBJECT_TRANSFERS_MAX])
{
	struct hash32 sha256 = sha256_of(SPAN_LIT(SAMPLE_OLD));
	struct catalog *c = catalog_slot_get(&st->slot);
	struct object *o;

	ck_assert(objects_get(st->objects, catalog_find_image(c, &sha256), &o, NULL) == ERR_OK);
	for (size_t i = 0; i < OBJECT_TRANSFERS_MAX; i++)
		ck_assert(transfer_new(o, &t[i], NULL) == ERR_OK);
	object_put(o);
	catalog_put(c);
}

START_TEST(one_image_too_many_is_to_come_again)
{
	struct transfer *t[OBJECT_TRANSFERS_MAX];
	struct got r;

	take_transfers(t);
	ask(&r, "GET", "/sha256/" NEW_SHA256, stretches[_i]);
	ck_assert(r.status == 503 && span_is(r.body, "too many images are being sent\n"));
	is_header(&r, "Retry-After", "2");
	end(&r);
	ask(&r, "GET", "/fw/acme/lamp", NULL);
	ck_assert_msg(r.status == 200, "a manifest is no image");
	end(&r);
	for (size_t i = 0; i < OBJECT_TRANSFERS_MAX; i++)
		transfer_free(t[i]);
}
END_TEST

/* Who only asks how long it is holds no block in memory. */
START_TEST(one_block_too_many_is_to_come_again)
{
	struct got r;

	for (size_t i = 0; i < SHARES_MAX; i++)
		ck_assert(blocks_enter(st->blocks));
	ask(&r, "GET", ipfs_path(SAMPLE_NEW, "?format=raw"), stretches[_i]);
	ck_assert_uint_eq(r.status, 503);
	is_header(&r, "Retry-After", "2");
	end(&r);
	ask(&r, "HEAD", ipfs_path(SAMPLE_NEW, "?format=raw"), NULL);
	ck_assert(r.status == 200 && r.body.n == 0);
	is_header(&r, "Content-Length", "15");
	end(&r);
	for (size_t i = 0; i < SHARES_MAX; i++)
		blocks_leave(st->blocks);
	ask(&r, "GET", ipfs_path(SAMPLE_NEW, "?format=raw"), NULL);
	ck_assert_uint_eq(r.status, 200);
	end(&r);
	while (blocks_stats(st->blocks).shares)
		sched_yield();
}
END_TEST

/* In memory, all of it: no transfer, and no file. */
START_TEST(a_hot_image_needs_no_transfer)
{
	struct hash32 sha256 = sha256_of(SPAN_LIT(SAMPLE_NEW));
	struct transfer *t[OBJECT_TRANSFERS_MAX];
	struct got r;

	ask(&r, "GET", "/sha256/" NEW_SHA256, NULL);
	end(&r);
	while (objects_stats(st->objects).hot == 0)
		sched_yield();
	take_transfers(t);
	stand_flip(st, &sha256, "", 0);
	ask(&r, "GET", "/sha256/" NEW_SHA256, NULL);
	ck_assert(r.status == 200 && span_is(r.body, SAMPLE_NEW));
	end(&r);
	ask(&r, "GET", "/sha256/" NEW_SHA256, "Range: bytes=9-12\r\n");
	ck_assert(r.status == 206 && span_is(r.body, "lamp"));
	end(&r);
	for (size_t i = 0; i < OBJECT_TRANSFERS_MAX; i++)
		transfer_free(t[i]);
}
END_TEST

static void catalog_of_one(struct builder *b, uint64_t sequence)
{
	sample_image(b, SAMPLE_NEW, CATALOG_GOOD);
	builder_product(b, &(struct builder_product){ .name = SPAN_LIT("acme/lamp"), .max_age_ms = SAMPLE_MAX_AGE_MS, .id = { { 1 } },
						      .proof = { .number = 77, .time = SAMPLE_PROOF_TIME } });
	builder_channel(b, SPAN_LIT("stable"), false, 0);
	sample_release(b, sequence, 0, "stable", CATALOG_ACTIVE, SAMPLE_NEW, NULL);
}

static void catalog_of_two(struct builder *b) { catalog_of_one(b, 2); }
static void catalog_of_three(struct builder *b) { catalog_of_one(b, 3); }

/* A manifest lies in the catalog that it was found in, whatever comes after: and what was kept of that one is nobody's answer. */
START_TEST(a_new_catalog_is_served_at_once)
{
	struct got r;

	for (unsigned n = 0; n < 6; n++) {
		stand_catalog(st, n % 2 ? catalog_of_three : catalog_of_two);
		if (n >= 4)
			httpd_catalog_changed(httpd);
		ask(&r, "GET", "/fw/acme/lamp", NULL);
		ck_assert(r.status == 200 && span_is(r.body, n % 2 ? "manifest of release 3" : MANIFEST));
		end(&r);
	}
}
END_TEST

static void knows(const char *freshness)
{
	struct got r;

	ask(&r, "GET", "/fw/acme/lamp", NULL);
	ck_assert(r.status == 200 && span_is(r.body, MANIFEST));
	is_header(&r, "Gatepost-Freshness", freshness);
	end(&r);
}

/* What was kept says how old it was then. */
START_TEST(an_answer_grows_old)
{
	knows("fresh");
	st->wall_ms += 2 * SAMPLE_MAX_AGE_MS;
	knows("stale");
	st->wall_ms -= 2 * SAMPLE_MAX_AGE_MS;
	knows("fresh");
}
END_TEST

/* Two channels and two kinds of one product, and each of them twice. */
START_TEST(each_answer_is_its_own)
{
	static const struct { const char *path, *body; } all[] = {
		{ "/fw/acme/lamp", MANIFEST }, { "/fw/acme/lamp?channel=beta", "manifest of release 3" }, { "/fw/acme/lamp?hw=board-b", "manifest of release 4" },
		{ "/fw/acme/lamp?from=4", "manifest of release 5" }, { "/fw/acme/lamp/image", SAMPLE_NEW },
		{ "/fw/acme/lamp/image?channel=beta", SAMPLE_BETA }, { "/sha256/" OLD_SHA256, SAMPLE_OLD }, { "/sha256/" NEW_SHA256, SAMPLE_NEW },
	};
	struct got r;

	for (size_t i = 0; i < 2 * ROWS(all); i++) {
		ask(&r, "GET", all[i % ROWS(all)].path, NULL);
		ck_assert_msg(r.status == 200 && span_is(r.body, all[i % ROWS(all)].body), "%s: %.*s", all[i % ROWS(all)].path, (int)r.body.n, r.body.p);
		end(&r);
	}
}
END_TEST

/* --- statistics --- */

static const struct { const char *method, *path, *headers; uint64_t bytes; } counted[] = {
	{ "GET", "/sha256/" NEW_SHA256, NULL, 15 },
	{ "GET", "/fw/acme/lamp/image", NULL, 15 },
	{ "GET", "/sha256/" NEW_SHA256, "Range: bytes=9-12\r\n", 4 },
	{ "GET", "/sha256/" NEW_SHA256, "Range: bytes=99-\r\n", 0 },
	{ "GET", "/sha256/" NEW_SHA256, "If-None-Match: *\r\n", 0 },
	{ "HEAD", "/sha256/" NEW_SHA256, NULL, 0 },
	{ "GET", "/fw/acme/lamp", NULL, 0 },
	{ "GET", "/fw/acme/lamp/info", NULL, 0 },
	{ "GET", "/entries/acme/lamp", NULL, 0 },
	{ "GET", NULL, NULL, 15 },	/* the raw block */
	{ "HEAD", NULL, NULL, 0 },
};

START_TEST(bytes_of_images_are_counted)
{
	struct got r;

	ask(&r, counted[_i].method, counted[_i].path ? counted[_i].path : ipfs_path(SAMPLE_NEW, "?format=raw"), counted[_i].headers);
	end(&r);
	stop_httpd();
	ck_assert_uint_eq(sightings_bytes(st->sightings), counted[_i].bytes);
}
END_TEST

/* --- what is kept --- */

static void keep_answer(struct replies *kept, const struct answer *a)
{
	replies_keep_take(kept, a, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

static void keep(struct replies *kept, uint32_t row)
{
	struct answer a = { .kind = ANSWER_MANIFEST, .row = row, .catalog = catalog_slot_get(&st->slot) };

	keep_answer(kept, &a);
	catalog_put(a.catalog);
}

static size_t count_kept(const struct replies *kept)
{
	size_t n = 0;

	for (size_t i = 0; i < HTTP_REPLIES_MAX; i++)
		n += kept->at[i].response != NULL;
	return n;
}

START_TEST(idle_replies_leave)
{
	struct replies kept;

	replies_init(&kept, &st->clock);
	keep(&kept, 1);
	st->mono_ms += 1;
	keep(&kept, 2);
	st->mono_ms += HTTP_REPLY_IDLE_MS - 1;
	replies_trim(&kept);
	ck_assert_uint_eq(count_kept(&kept), 2);
	st->mono_ms += 1;
	replies_trim(&kept);
	ck_assert_uint_eq(count_kept(&kept), 1);
	replies_fini(&kept);
	ck_assert_uint_eq(count_kept(&kept), 0);
}
END_TEST

/* A reply is for answers that are the same in all, wherever others have their places. Without a connection the library takes none (-1). */
START_TEST(a_reply_is_for_one_answer)
{
	struct answer a = { .kind = ANSWER_MANIFEST, .freshness = FRESHNESS_UNKNOWN, .row = 5, .catalog = catalog_slot_get(&st->slot) }, other = a;
	struct replies kept;

	replies_init(&kept, &st->clock);
	keep_answer(&kept, &a);
	ck_assert_int_eq(replies_queue(&kept, &a, NULL), -1);
	for (unsigned i = 0; i < 7 * 3 * 1024; i++) {
		other.kind = (enum answer_kind)(i % 7);
		other.freshness = (enum freshness)(i / 7 % 3);
		other.row = i / 21;
		ck_assert_int_eq(replies_queue(&kept, &other, NULL), other.kind == a.kind && other.freshness == a.freshness && other.row == a.row ? -1 : 0);
	}
	stand_catalog(st, sample_build);
	other = a;
	other.catalog = catalog_slot_get(&st->slot);
	ck_assert_int_eq(replies_queue(&kept, &other, NULL), 0);
	replies_fini(&kept);
	catalog_put(other.catalog);
	catalog_put(a.catalog);
}
END_TEST

/* More of them than there are places: others leave for them, with what they hold. */
START_TEST(replies_are_bounded)
{
	struct replies kept;

	replies_init(&kept, &st->clock);
	for (uint32_t row = 0; row < 4 * HTTP_REPLIES_MAX; row++)
		keep(&kept, row);
	ck_assert_uint_gt(count_kept(&kept), HTTP_REPLIES_MAX / 2);
	replies_forget(&kept);
	ck_assert_uint_eq(count_kept(&kept), 0);
	replies_fini(&kept);
}
END_TEST

/* --- headers are added without checks --- */

START_TEST(a_response_without_a_header_is_none)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

	httpd_add(&r, "X-One", "good");
	ck_assert_ptr_nonnull(r);
	httpd_add(&r, "X-Two", "two\r\nlines");
	ck_assert_ptr_null(r);
	httpd_add(&r, "Connection", "close");
	ck_assert_ptr_null(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("httpd");
	TCase *cold = tcase_create("cold"), *hot = tcase_create("hot");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, cold);
	suite_add_tcase(s, hot);
	tcase_add_checked_fixture(cold, setup_cold, teardown_httpd);
	tcase_add_checked_fixture(hot, setup_hot, teardown_httpd);
	tcase_add_loop_test(cold, an_answer_says_what_it_is, 0, ROWS(kinds));
	tcase_add_test(cold, each_format_is_its_own);
	tcase_add_loop_test(cold, a_cid_is_a_file_or_blocks, 0, ROWS(blocks));
	tcase_add_test(cold, blocks_may_be_asked_for_by_accept);
	tcase_add_loop_test(cold, a_request_has_its_status, 0, ROWS(refusals));
	tcase_add_test(cold, blocks_have_ranges_and_cars_have_none);
	tcase_add_loop_test(cold, a_block_in_its_name_has_ranges, 0, ROWS(formats));
	tcase_add_test(cold, a_malformed_request_ends_the_connection);
	tcase_add_test(cold, a_report_is_answered_with_nothing);
	tcase_add_test(cold, large_images_come_whole_and_in_parts);
	tcase_add_test(cold, rot_cuts_an_answer_short);
	tcase_add_test(cold, rot_cuts_a_car_short);
	tcase_add_loop_test(cold, a_rotten_block_is_refused_before, 0, ROWS(stretches));
	tcase_add_loop_test(cold, one_image_too_many_is_to_come_again, 0, ROWS(stretches));
	tcase_add_loop_test(cold, one_block_too_many_is_to_come_again, 0, ROWS(stretches));
	tcase_add_test(cold, an_answer_grows_old);
	tcase_add_test(cold, each_answer_is_its_own);
	tcase_add_test(cold, a_new_catalog_is_served_at_once);
	tcase_add_test(cold, idle_replies_leave);
	tcase_add_test(cold, a_reply_is_for_one_answer);
	tcase_add_test(cold, replies_are_bounded);
	tcase_add_loop_test(cold, bytes_of_images_are_counted, 0, ROWS(counted));
	tcase_add_test(cold, a_response_without_a_header_is_none);
	tcase_add_test(hot, hot_images_come_whole_and_in_parts);
	tcase_add_test(hot, a_hot_image_needs_no_transfer);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
