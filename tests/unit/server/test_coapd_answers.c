/* test_coapd_answers.c: the answer layer through CoAP, over the sample catalog: formats, codes, tags, the listing, reports. */
#include "../catalog/sample.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "server/coapd_answers.h"
#include "server/devfloors.h"
#include "server/keeper.h"
#include "server/objects.h"
#include "server/sightings.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define WAIT_MS 10000

/* The server's parts as its main joins them. */
static struct catalog_slot slot = CATALOG_SLOT_INIT;
static char dir[32];
static struct keeper *keeper;
static struct devfloors *floors;
static struct sightings *sightings;
static struct objects *objects;
static struct answers *answers;
static struct coapd_answers *glue;
static struct coapd *coapd;
static int keeper_end, client;

static void write_file(int at, const char *name, struct span bytes)
{
	autoclose int fd = openat(at, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert(fd >= 0 && io_write_all(fd, bytes, NULL) == ERR_OK);
}

static void put_object(const char *content)
{
	struct hash32 sha256 = sha256_of(span_str(content));
	char hex[65], folder[3] = "", sums[80];
	autoclose int root = open(dir, O_DIRECTORY | O_CLOEXEC);

	memcpy(folder, hex_str(SPAN_OF(sha256), hex), 2);
	mkdirat(root, folder, 0700);
	autoclose int at = openat(root, folder, O_DIRECTORY | O_CLOEXEC);
	snprintf(sums, sizeof sums, "%s.sums", hex);
	write_file(at, hex, span_str(content));
	write_file(at, sums, SPAN_OF(sha256));
}

/* Its digests are right, and one byte of it is not. */
static void put_spoilt(const char *content)
{
	struct hash32 sha256 = sha256_of(span_str(content));
	char path[128], hex[65];
	autoclose int fd = -1;

	put_object(content);
	hex_str(SPAN_OF(sha256), hex);
	snprintf(path, sizeof path, "%s/%.2s/%s", dir, hex, hex);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert(fd >= 0 && pwrite(fd, "X", 1, 0) == 1);
}

static void put_catalog(void)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CATALOG_MAX);
	struct builder *builder = sample_builder(1);
	struct catalog *c;

	sample_build(builder);
	ck_assert_int_eq(builder_finish(builder, &b, NULL), ERR_OK);
	builder_free(builder);
	ck_assert_int_eq(catalog_of(buf_span(&b), &c, NULL), ERR_OK);
	catalog_slot_set_take(&slot, c, 0);
}

static void on_floors(void *arg, struct span records)
{
	(void)arg;
	(void)records;
}

static void on_rot(void *arg, const struct hash32 *sha256, uint32_t chunk)
{
	(void)arg;
	(void)sha256;
	(void)chunk;
}

static int udp(struct sockaddr_in *out)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	*out = a;
	return fd;
}

static void start(void)
{
	struct coapd_conf conf = coapd_defaults();
	struct objects_conf oc = { .hot_bytes = 1 << 20, .clock = clock_system(), .rot = on_rot };
	struct resources resources;
	struct sockaddr_in at, mine;
	int pair[2], fd;

	snprintf(dir, sizeof dir, "/tmp/coapd-answers-XXXXXX");
	ck_assert(mkdtemp(dir) != NULL);
	put_object(SAMPLE_NEW);
	put_catalog();
	oc.dir = open(dir, O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(objects_new_take(&oc, &objects, NULL), ERR_OK);
	keeper = keeper_new(clock_system(), on_floors, NULL);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	keeper_attach_take(keeper, pair[0]);
	keeper_end = pair[1];
	floors = devfloors_new(100);
	sightings = sightings_new(keeper);
	answers = answers_new(&(struct answers_conf){ .slot = &slot, .objects = objects, .floors = floors,
		.keeper = keeper, .sightings = sightings, .clock = clock_system() });
	glue = coapd_answers_new(answers);
	ck_assert(keeper && floors && sightings && answers && glue);
	resources = coapd_answers_resources(glue);
	fd = udp(&at);
	ck_assert_int_eq(coapd_start_take(&conf, &fd, 1, &resources, &coapd, NULL), ERR_OK);
	coapd_answers_attach(glue, coapd);
	client = udp(&mine);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&at, sizeof at), 0);
}

static void stop(void)
{
	char command[64];

	coapd_answers_attach(glue, NULL);
	coapd_stop(coapd);
	keeper_free(keeper);
	coapd_answers_free(glue);
	coapd_answers_free(NULL);
	answers_free(answers);
	sightings_free(sightings);
	devfloors_free(floors);
	objects_free(objects);
	catalog_slot_set_take(&slot, NULL, 0);
	close(client);
	close(keeper_end);
	snprintf(command, sizeof command, "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

struct got {
	uint8_t bytes[COAP_MESSAGE_MAX];
	struct pdu m;
};

static void receive(struct got *out)
{
	struct pollfd p = { .fd = client, .events = POLLIN };
	ssize_t n;

	ck_assert_msg(poll(&p, 1, WAIT_MS) == 1, "a reply comes");
	n = recv(client, out->bytes, sizeof out->bytes, 0);
	ck_assert(n > 0 && pdu_read(SPAN(out->bytes, (size_t)n), &out->m, NULL) == ERR_OK);
}

/* path: may end in "?query". format: of the payload, or Accept; COAPREQ_ANY: none. */
static void send_request(uint8_t code, const char *path, int format, struct span payload)
{
	static uint16_t id;
	uint8_t out[COAP_MESSAGE_MAX];
	struct pdu_writer w;
	const char *query = strchr(path, '?');
	const char *end = query ? query : path + strlen(path);

	pdu_begin(&w, out, sizeof out, PDU_CON, code, ++id, SPAN_LIT("t"));
	while (path < end) {
		size_t n = strcspn(path + 1, "/?");

		pdu_option(&w, OPTION_URI_PATH, SPAN(path + 1, n));
		path += 1 + n;
	}
	if (format >= 0 && code == PDU_POST)
		pdu_option_uint(&w, OPTION_CONTENT_FORMAT, (uint32_t)format);
	if (query)
		pdu_option(&w, OPTION_URI_QUERY, span_str(query + 1));
	if (format >= 0 && code == PDU_GET)
		pdu_option_uint(&w, OPTION_ACCEPT, (uint32_t)format);
	pdu_payload(&w, payload);
	ck_assert_int_eq(send(client, out, pdu_end(&w), 0), (ssize_t)pdu_end(&w));
}

static int64_t uint_of(const struct got *g, uint16_t number)
{
	struct span value;

	return option_find(g->m.options, number, &value) ? (int64_t)option_uint(value) : -1;
}

static const char *by_digest(const char *content)
{
	static char path[80];
	struct hash32 sha256 = sha256_of(span_str(content));
	char hex[65];

	snprintf(path, sizeof path, "/sha256/%s", hex_str(SPAN_OF(sha256), hex));
	return path;
}

static const struct {
	const char *rule, *path, *digest_of;
	int accept;
	uint8_t code;
	int64_t format, max_age;
	const char *body;	/* also what the ETag is of; NULL: not compared */
} gets[] = {
	{ "a manifest", "/fw/acme/lamp", NULL, -1, PDU_CONTENT, 42, -1, "manifest of release 2" },
	{ "as 42", "/fw/acme/lamp", NULL, 42, PDU_CONTENT, 42, -1, "manifest of release 2" },
	{ "not as CBOR", "/fw/acme/lamp", NULL, 60, PDU_NOT_ACCEPTABLE, -1, -1, NULL },
	{ "of another channel", "/fw/acme/lamp?channel=beta", NULL, -1, PDU_CONTENT, 42, -1, "manifest of release 3" },
	{ "of a channel that is not followed", "/fw/acme/lamp?channel=none", NULL, -1, PDU_NOT_FOUND, -1, -1, NULL },
	{ "for a board", "/fw/acme/lamp?hw=board-b", NULL, -1, PDU_CONTENT, 42, -1, "manifest of release 4" },
	{ "nothing yet", "/fw/acme/clock", NULL, -1, PDU_UNAVAILABLE, -1, 0, NULL },
	{ "no such product", "/fw/acme/kettle", NULL, -1, PDU_NOT_FOUND, -1, -1, NULL },
	{ "the image", "/fw/acme/lamp/image", NULL, -1, PDU_CONTENT, 42, -1, SAMPLE_NEW },
	{ "by its digest: for ever", NULL, SAMPLE_NEW, -1, PDU_CONTENT, 42, 31536000, SAMPLE_NEW },
	{ "revoked", NULL, SAMPLE_REVOKED, -1, PDU_NOT_FOUND, -1, -1, NULL },
	{ "damaged: come back when it may be repaired", NULL, SAMPLE_DAMAGED, -1, PDU_UNAVAILABLE, -1, 30, NULL },
	{ "unknown", NULL, "something else", -1, PDU_NOT_FOUND, -1, -1, NULL },
	{ "not on the disk", NULL, SAMPLE_OLD, -1, PDU_UNAVAILABLE, -1, 0, NULL },
	{ "info is CBOR", "/fw/acme/lamp/info", NULL, -1, PDU_CONTENT, 60, -1, NULL },
	{ "info as CBOR", "/fw/acme/lamp/info", NULL, 60, PDU_CONTENT, 60, -1, NULL },
	{ "info as JSON", "/fw/acme/lamp/info", NULL, 50, PDU_CONTENT, 50, -1, NULL },
	{ "info as text", "/fw/acme/lamp/info", NULL, 0, PDU_NOT_ACCEPTABLE, -1, -1, NULL },
	{ "freshness is CBOR", "/fw/acme/lamp/freshness", NULL, -1, PDU_CONTENT, 60, -1, NULL },
	{ "a report is not read", "/fw/acme/lamp/report", NULL, -1, PDU_NOT_ALLOWED, -1, -1, NULL },
	{ "nor with a query that is none", "/fw/acme/lamp/report?from=x", NULL, -1, PDU_BAD_REQUEST, -1, -1, NULL },
	{ "nothing", "/", NULL, -1, PDU_NOT_FOUND, -1, -1, NULL },
};

START_TEST(what_a_device_gets)
{
	struct got g;

	send_request(PDU_GET, gets[_i].path ? gets[_i].path : by_digest(gets[_i].digest_of), gets[_i].accept, SPAN(NULL, 0));
	receive(&g);
	ck_assert_msg(g.m.code == gets[_i].code, "%s: %u.%02u", gets[_i].rule, g.m.code >> 5, g.m.code & 31);
	ck_assert_msg(uint_of(&g, OPTION_CONTENT_FORMAT) == gets[_i].format, "%s", gets[_i].rule);
	if (gets[_i].max_age)
		ck_assert_msg(uint_of(&g, OPTION_MAX_AGE) == gets[_i].max_age, "%s", gets[_i].rule);
	if (gets[_i].body) {
		struct hash32 sha256 = sha256_of(span_str(gets[_i].body));
		struct span etag;

		ck_assert_msg(span_is(g.m.payload, gets[_i].body), "%s", gets[_i].rule);
		ck_assert(option_find(g.m.options, OPTION_ETAG, &etag) && span_eq(etag, SPAN(sha256.b, RESOURCE_ETAG)));
	}
}
END_TEST

START_TEST(the_listing_names_what_there_is)
{
	struct got g;
	char text[1200];

	send_request(PDU_GET, "/.well-known/core", COAPREQ_ANY, SPAN(NULL, 0));
	receive(&g);
	ck_assert_uint_eq(g.m.code, PDU_CONTENT);
	snprintf(text, sizeof text, "%.*s", (int)g.m.payload.n, (const char *)g.m.payload.p);
	ck_assert_msg(strstr(text, "</fw/acme/lamp>;rt=\"gatepost.manifest\""), "%s", text);
	ck_assert(strstr(text, ";sz=21;obs") != NULL);
	ck_assert_msg(!strstr(strstr(text, ";obs") + 1, ";obs"), "only manifests are worth watching");
	ck_assert_msg(!strstr(text, ";sz=0") && !strstr(text, "sz=\""), "what is made has no size before");
	send_request(PDU_GET, "/.well-known/core?rt=gatepost.image", COAPREQ_ANY, SPAN(NULL, 0));
	receive(&g);
	ck_assert(g.m.payload.n > 0 && !memmem(g.m.payload.p, g.m.payload.n, "manifest", 8));
}
END_TEST

#define RUNNING "{\"device\":\"d1\",\"sequence\":2,\"state\":\"running\"}"

static const struct { const char *rule, *path, *body; int format; uint16_t status; uint8_t code; } reports[] = {
	{ "acknowledged", "/fw/acme/lamp/report", "{\"device\":\"d1\",\"sequence\":2,\"state\":\"running\"}", 50, 204, PDU_CHANGED },
	{ "without a format", "/fw/acme/lamp/report", "{\"device\":\"d1\",\"sequence\":2,\"state\":\"running\"}", -1, 204, PDU_CHANGED },
	{ "the keeper cannot", "/fw/acme/lamp/report", "{\"device\":\"d1\",\"sequence\":2,\"state\":\"running\"}", 50, 503, PDU_UNAVAILABLE },
	{ "the keeper knows no such release", "/fw/acme/lamp/report", "{\"device\":\"d1\",\"sequence\":9,\"state\":\"running\"}", 50, 404, PDU_NOT_FOUND },
	{ "forbidden", "/fw/acme/lamp/report", RUNNING, 50, 403, PDU_FORBIDDEN },
	{ "not allowed", "/fw/acme/lamp/report", RUNNING, 50, 405, PDU_NOT_ALLOWED },
	{ "too large", "/fw/acme/lamp/report", RUNNING, 50, 413, PDU_TOO_LARGE },
	{ "too many", "/fw/acme/lamp/report", RUNNING, 50, 429, PDU_TOO_MANY },
	{ "no report", "/fw/acme/lamp/report", "{}", 50, 0, PDU_BAD_REQUEST },
	{ "another format", "/fw/acme/lamp/report", "state=running", 0, 0, PDU_UNSUPPORTED_FORMAT },
	{ "another product", "/fw/acme/kettle/report", "{\"device\":\"d1\",\"sequence\":2,\"state\":\"running\"}", 50, 0, PDU_NOT_FOUND },
	{ "a manifest takes none", "/fw/acme/lamp", "{}", 50, 0, PDU_NOT_ALLOWED },
	{ "nothing has this path", "/fw", "{}", 50, 0, PDU_NOT_FOUND },
};

/* --- what is told of who asked --- */

/* The answers asked as the core does, but here; how many bytes were read, or -1 when they cannot be had. */
static int ask_here(const char *path, const char *query, bool is_notification)
{
	static const struct endpoint nobody;
	struct coapd_answers *own = coapd_answers_new(answers);
	struct resources r = coapd_answers_resources(own);
	struct coapreq request = { .accept = COAPREQ_ANY, .queries = { span_str(query) }, .nqueries = *query ? 1 : 0 };
	struct resource_ask ask = { span_str(path), &request, &nobody, is_notification };
	struct resource out = { 0 };
	uint8_t bytes[256];
	int n;

	r.find(r.arg, &ask, &out);
	ck_assert_uint_eq(out.code, PDU_CONTENT);
	ck_assert_uint_le(out.size, sizeof bytes);
	n = r.read(r.arg, &out, 0, bytes, (size_t)out.size) ? -1 : (int)out.size;
	r.release(r.arg, &out);
	coapd_answers_free(own);
	return n;
}

START_TEST(the_bytes_of_images_that_were_sent_are_counted)
{
	int n = ask_here("/fw/acme/lamp/image", "", false);

	ck_assert_int_eq(n, (int)strlen(SAMPLE_NEW));
	ck_assert_int_eq((int)sightings_bytes(sightings), n);
	ck_assert_int_gt(ask_here("/fw/acme/lamp", "", false), 0);
	ck_assert_msg((int)sightings_bytes(sightings) == n, "not those of a manifest");
	put_spoilt(SAMPLE_BETA);
	ck_assert_int_eq(ask_here(by_digest(SAMPLE_BETA), "", false), -1);
	ck_assert_msg((int)sightings_bytes(sightings) == n, "nor what could not be read");
}
END_TEST

static bool was_seen(void)
{
	uint8_t in[4096];
	struct link_seen m;
	int fds[IO_FDS_MAX];
	size_t n;

	sightings_flush(sightings);
	return io_recv_fds(keeper_end, in, sizeof in, &n, fds, NULL) == ERR_OK && link_seen_read(SPAN(in, n), &m, NULL) == 0;
}

START_TEST(who_is_only_notified_was_not_seen)
{
	ask_here("/fw/acme/lamp", "device=d1", false);
	ck_assert(was_seen());
	ask_here("/fw/acme/lamp", "device=d1", true);
	ck_assert(!was_seen());
	ask_here("/fw/acme/lamp", "device=d1", false);
	ck_assert(was_seen());
}
END_TEST

/* Plays the keeper: acknowledges the report that waits with this status. */
static void acknowledge(uint16_t status)
{
	AUTO(buf_free) struct buf b = BUF_INIT(64);
	uint8_t in[LINK_MESSAGE_MAX > 4096 ? 4096 : LINK_MESSAGE_MAX];
	struct pollfd p = { .fd = keeper_end, .events = POLLIN };
	struct link_report r = { .id = 0 };
	int fds[IO_FDS_MAX];
	size_t n;

	do {	/* sightings come along */
		ck_assert_int_eq(poll(&p, 1, WAIT_MS), 1);
		ck_assert_int_eq(io_recv_fds(keeper_end, in, sizeof in, &n, fds, NULL), ERR_OK);
	} while (link_report_read(SPAN(in, n), &r, NULL));
	ck_assert(span_is(r.device, "d1") && span_is(r.product, "acme/lamp") && r.protocol == LINK_COAP);
	ck_assert(span_is(r.address, "127.0.0.1"));
	link_report_ack_write(&b, &(struct link_report_ack){ r.id, status });
	ck_assert_int_eq(io_send_fds(keeper_end, buf_span(&b), NULL, 0, NULL), ERR_OK);
	keeper_read(keeper);
}

START_TEST(what_becomes_of_reports)
{
	struct got g;

	send_request(PDU_POST, reports[_i].path, reports[_i].format, span_str(reports[_i].body));
	if (reports[_i].status)
		acknowledge(reports[_i].status);
	receive(&g);
	ck_assert_msg(g.m.code == reports[_i].code, "%s: %u.%02u", reports[_i].rule, g.m.code >> 5, g.m.code & 31);
	ck_assert_uint_eq(g.m.type, PDU_ACK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("coapd_answers");
	TCase *t = tcase_create("coapd_answers");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_loop_test(t, what_a_device_gets, 0, ROWS(gets));
	tcase_add_loop_test(t, what_becomes_of_reports, 0, ROWS(reports));
	tcase_add_test(t, the_bytes_of_images_that_were_sent_are_counted);
	tcase_add_test(t, who_is_only_notified_was_not_seen);
	tcase_add_test(t, the_listing_names_what_there_is);
	suite_add_tcase(suite, t);
	r = srunner_create(suite);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
