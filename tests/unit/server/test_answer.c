/* test_answer.c: what each device gets, and why not; what the keeper hears of it. */
#include "stand.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "server/answer_own.h"
#include "../catalog/sample.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>

#define ROWS(table) (int)(sizeof(table) / sizeof *(table))

static struct stand *st;

static void setup(void)
{
	st = stand_new(0);
}

static void teardown(void)
{
	stand_free(st);
}

/* Asks "PATH?QUERY&QUERY". */
static void ask_for(const char *request, struct ask *ask, struct answer *out)
{
	struct span s = span_str(request);
	const uint8_t *mark = memchr(s.p, '?', s.n);
	struct span rest = mark ? span_cut(s, (size_t)(mark - s.p) + 1, s.n) : SPAN(NULL, 0);

	ask->path = span_cut(s, 0, mark ? (size_t)(mark - s.p) : s.n);
	ask->address = SPAN_LIT("192.0.2.1");
	ask->protocol = LINK_HTTP;
	while (rest.n) {
		const uint8_t *end = memchr(rest.p, '&', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;

		ask_query(ask, span_cut(rest, 0, n));
		rest = span_cut(rest, n + 1, rest.n);
	}
	answer_find(st->answers, ask, out);
}

static unsigned status_of(const char *request)
{
	struct ask ask = { .accept = FORMAT_ANY };
	struct answer a;

	ask_for(request, &ask, &a);
	answer_release(&a);
	return a.status;
}

/* 0 when the status is another one. */
static uint64_t sequence_of(const char *request)
{
	struct ask ask = { .accept = FORMAT_ANY };
	struct answer a;
	uint64_t sequence;

	ask_for(request, &ask, &a);
	sequence = a.status == 200 ? a.sequence : 0;
	answer_release(&a);
	return sequence;
}

static const struct {
	const char *rule, *request;
	unsigned status;
	uint64_t sequence;
} table[] = {
	{ "the newest that is for everybody", "/fw/acme/lamp", 200, 2 },
	{ "the same by its channel's name", "/fw/acme/lamp?channel=stable", 200, 2 },
	{ "an empty channel is the default one", "/fw/acme/lamp?channel=", 200, 2 },
	{ "another channel", "/fw/acme/lamp?channel=beta", 200, 3 },
	{ "a followed channel without releases", "/fw/acme/lamp?channel=nightly", 404, 0 },
	{ "a channel that is not followed", "/fw/acme/lamp?channel=alpha", 404, 0 },
	{ "a board that a release names", "/fw/acme/lamp?hw=board-b", 200, 4 },
	{ "a board that none names", "/fw/acme/lamp?hw=board-c", 200, 2 },
	{ "a stepping stone that was passed", "/fw/acme/lamp?from=4", 200, 5 },
	{ "a stepping stone that was not", "/fw/acme/lamp?from=2", 200, 2 },
	{ "a device on 3, whatever that was, gets no 2", "/fw/acme/lamp?from=3", 404, 0 },
	{ "board and stepping stone", "/fw/acme/lamp?from=4&hw=board-b", 200, 5 },
	{ "never below what it runs", "/fw/acme/lamp?from=3&hw=board-b", 200, 4 },
	{ "a device ahead of us", "/fw/acme/lamp?from=9", 404, 0 },
	{ "unknown keys are ignored", "/fw/acme/lamp?x=y&z", 200, 2 },
	{ "a key twice", "/fw/acme/lamp?channel=beta&channel=stable", 400, 0 },
	{ "from is no number", "/fw/acme/lamp?from=x", 400, 0 },
	{ "from is less than a digit", "/fw/acme/lamp?from=4/", 400, 0 },
	{ "from has as many digits as it may", "/fw/acme/lamp?from=0000000000000000004", 200, 5 },
	{ "a key that says nothing is said as well", "/fw/acme/lamp?channel&channel=beta", 400, 0 },
	{ "no CID", "/ipfs/none", 400, 0 },
	{ "from is nothing", "/fw/acme/lamp?from=", 400, 0 },
	{ "from is too large", "/fw/acme/lamp?from=99999999999999999999", 400, 0 },
	{ "device is no id", "/fw/acme/lamp?device=a/b", 400, 0 },
	{ "device is nothing", "/fw/acme/lamp?device=", 400, 0 },
	{ "the first release is on its way", "/fw/acme/clock", 503, 0 },
	{ "its info too", "/fw/acme/clock/info", 503, 0 },
	{ "its image too", "/fw/acme/clock/image", 503, 0 },
	{ "a product that is not followed", "/fw/acme/door", 404, 0 },
	{ "no path", "/fw/acme", 404, 0 },
	{ "the image of a release", "/fw/acme/lamp/image", 200, 2 },
	{ "the info of a release", "/fw/acme/lamp/info?channel=beta", 200, 3 },
	{ "freshness of a product", "/fw/acme/lamp/freshness", 200, 0 },
	{ "freshness of one without releases", "/fw/acme/clock/freshness", 200, 0 },
	{ "a report is not read", "/fw/acme/lamp/report", 404, 0 },
};

START_TEST(a_request_is_answered)
{
	struct ask ask = { .accept = FORMAT_ANY };
	struct answer a;

	ask_for(table[_i].request, &ask, &a);
	ck_assert_msg(a.status == table[_i].status, "%s: %u", table[_i].rule, a.status);
	if (a.status == 200)
		ck_assert_msg(a.sequence == table[_i].sequence, "%s: %llu", table[_i].rule, (unsigned long long)a.sequence);
	else
		ck_assert_msg(a.kind == ANSWER_NONE && a.why && strlen(a.why) <= COAP_DIAGNOSTIC_MAX, "%s", table[_i].rule);
	ck_assert_msg((a.status == 503) == (a.retry_after_s > 0), "503 says when to come back, nothing else does");
	answer_release(&a);
}
END_TEST

/* --- by digest and by CID --- */

static const struct {
	const char *rule, *content;
	unsigned status;
} images[] = {
	{ "an active one", SAMPLE_NEW, 200 },
	{ "a superseded one", SAMPLE_OLD, 200 },
	{ "a revoked one", SAMPLE_REVOKED, 410 },
	{ "one that is being fetched again", SAMPLE_DAMAGED, 503 },
	{ "one that we do not know", "never seen", 404 },
};

static void digest_request(const char *content, char out[80])
{
	struct hash32 h = sha256_of(span_str(content));

	memcpy(out, "/sha256/", 8);
	hex_str(SPAN_OF(h), out + 8);
}

START_TEST(images_are_reached_by_digest_and_by_cid)
{
	struct hash32 h = sha256_of(span_str(images[_i].content));
	struct cid cid = cid_of_digest(1, CID_RAW, &h);
	char request[CID_TEXT_MAX + 32], text[CID_TEXT_MAX];
	struct ask ask = { .accept = FORMAT_ANY };
	struct answer a;
	uint8_t bytes[64];

	digest_request(images[_i].content, request);
	ask_for(request, &ask, &a);
	ck_assert_msg(a.status == images[_i].status, "%s: %u", images[_i].rule, a.status);
	ck_assert_msg(a.is_absent == (a.status == 404), "what is there is not absent");
	ck_assert_uint_eq(a.retry_after_s, a.status == 503 ? RETRY_REPAIR_S : 0);
	if (a.status == 200) {
		ck_assert(a.is_immutable && !a.is_private && a.size == strlen(images[_i].content) && hash32_eq(&a.etag, &h));
		ck_assert(answer_read(&a, 3, bytes, a.size - 3, NULL) == 0);
		ck_assert(memcmp(bytes, images[_i].content + 3, a.size - 3) == 0);
	}
	answer_release(&a);
	snprintf(request, sizeof request, "/ipfs/%s", cid_text(&cid, text));
	ck_assert_uint_eq(status_of(request), images[_i].status);
}
END_TEST

START_TEST(an_image_whose_file_is_gone_is_not_sent)
{
	struct hash32 h = sha256_of(SPAN_LIT(SAMPLE_NEW));
	char request[80];

	stand_unlink(st, &h, "");
	digest_request(SAMPLE_NEW, request);
	ck_assert_uint_eq(status_of(request), 503);
}
END_TEST

START_TEST(an_image_that_is_being_repaired_is_not_sent_although_its_file_is_there)
{
	char request[80];

	stand_object(st, span_str(SAMPLE_DAMAGED));
	digest_request(SAMPLE_DAMAGED, request);
	ck_assert_uint_eq(status_of(request), 503);
}
END_TEST

START_TEST(over_coap_a_cid_is_the_plain_file_and_nothing_else)
{
	struct hash32 h = sha256_of(SPAN_LIT(SAMPLE_NEW));
	struct cid cid = cid_of_digest(1, CID_RAW, &h);
	char path[CID_TEXT_MAX + 32], text[CID_TEXT_MAX];
	struct ask ask = { .protocol = LINK_COAP };
	struct answer a;

	snprintf(path, sizeof path, "/ipfs/%s", cid_text(&cid, text));
	ask.path = span_str(path);
	answer_find(st->answers, &ask, &a);
	ck_assert_uint_eq(a.status, 200);
	ck_assert_int_eq(a.kind, ANSWER_IMAGE);
	answer_release(&a);
	ask_query(&ask, SPAN_LIT("format=raw"));
	answer_find(st->answers, &ask, &a);
	ck_assert_uint_eq(a.status, 406);
	answer_release(&a);
	ask = (struct ask){ .protocol = LINK_COAP, .path = SPAN_LIT("/ipfs/none") };
	answer_find(st->answers, &ask, &a);
	ck_assert_msg(a.status == 404, "no such path: CoAP has no other word for it");
	answer_release(&a);
}
END_TEST

/* --- representations --- */

START_TEST(a_manifest_is_the_publishers_bytes)
{
	static const char bytes[] = "manifest of release 2";
	struct hash32 h = sha256_of(SPAN(bytes, strlen(bytes)));
	struct ask ask = { .accept = FORMAT_ANY };
	struct answer a;
	uint8_t got[64];

	ask_for("/fw/acme/lamp", &ask, &a);
	ck_assert(a.kind == ANSWER_MANIFEST && a.format == FORMAT_MANIFEST && a.is_observable && a.is_private);
	ck_assert(a.size == strlen(bytes) && hash32_eq(&a.etag, &h) && span_is(a.version, "1.2"));
	ck_assert(a.freshness == FRESHNESS_FRESH);
	ck_assert(answer_read(&a, 0, got, a.size, NULL) == 0 && memcmp(got, bytes, a.size) == 0);
	answer_release(&a);
}
END_TEST

START_TEST(an_answer_keeps_its_catalog)
{
	struct ask ask = { .accept = FORMAT_ANY };
	struct answer a;
	uint8_t got[64];

	ask_for("/fw/acme/lamp", &ask, &a);
	catalog_slot_set_take(&st->slot, NULL, 0);
	ck_assert(answer_read(&a, 0, got, a.size, NULL) == 0 && memcmp(got, "manifest", 8) == 0);
	answer_release(&a);
	ck_assert_uint_eq(status_of("/fw/acme/lamp"), 503);
}
END_TEST

START_TEST(info_says_where_the_image_is)
{
	struct hash32 h = sha256_of(SPAN_LIT(SAMPLE_BETA));
	struct cid cid = cid_of_digest(1, CID_RAW, &h);
	char hex[65], text[CID_TEXT_MAX], want[600];
	struct ask ask = { .accept = FORMAT_JSON };
	struct answer a;

	snprintf(want, sizeof want, "{\"product\":\"acme/lamp\",\"channel\":\"beta\",\"sequence\":3,\"version\":\"1.3\",\"size\":%zu,"
		 "\"sha256\":\"%s\",\"cid\":\"%s\",\"path\":\"/sha256/%s\",\"freshness\":\"fresh\"}", strlen(SAMPLE_BETA),
		 hex_str(SPAN_OF(h), hex), cid_text(&cid, text), hex);
	ask_for("/fw/acme/lamp/info?channel=beta", &ask, &a);
	ck_assert_uint_eq(a.format, FORMAT_JSON);
	ck_assert_msg(span_is(a.bytes, want), "%.*s", (int)a.bytes.n, (const char *)a.bytes.p);
	h = sha256_of(a.bytes);
	ck_assert(hash32_eq(&a.etag, &h));
	answer_release(&a);
}
END_TEST

static const struct {
	const char *request;
	enum answer_format accept, prefers;
	unsigned status;
	enum answer_format format;
} formats[] = {
	{ "/fw/acme/lamp", FORMAT_MANIFEST, FORMAT_JSON, 200, FORMAT_MANIFEST },
	{ "/fw/acme/lamp", FORMAT_JSON, FORMAT_JSON, 406 },
	{ "/fw/acme/lamp", FORMAT_OTHER, FORMAT_JSON, 406 },
	{ "/fw/acme/lamp/image", FORMAT_CBOR, FORMAT_JSON, 406 },
	{ "/fw/acme/lamp/image", FORMAT_ANY, FORMAT_JSON, 200, FORMAT_IMAGE },
	{ "/fw/acme/lamp/info", FORMAT_ANY, FORMAT_JSON, 200, FORMAT_JSON },
	{ "/fw/acme/lamp/info", FORMAT_ANY, FORMAT_CBOR, 200, FORMAT_CBOR },
	{ "/fw/acme/lamp/info", FORMAT_CBOR, FORMAT_JSON, 200, FORMAT_CBOR },
	{ "/fw/acme/lamp/info", FORMAT_MANIFEST, FORMAT_JSON, 406 },
	{ "/fw/acme/lamp/freshness", FORMAT_ANY, FORMAT_JSON, 200, FORMAT_CBOR },
	{ "/fw/acme/lamp/freshness", FORMAT_JSON, FORMAT_JSON, 200, FORMAT_JSON },
	{ "/fw/acme/lamp/freshness", FORMAT_OTHER, FORMAT_JSON, 406 },
};

START_TEST(formats_are_agreed_on)
{
	struct ask ask = { .accept = formats[_i].accept, .prefers = formats[_i].prefers };
	struct answer a;

	ask_for(formats[_i].request, &ask, &a);
	ck_assert_uint_eq(a.status, formats[_i].status);
	if (a.status == 200)
		ck_assert_uint_eq(a.format, formats[_i].format);
	if (a.format == FORMAT_JSON || a.format == FORMAT_CBOR)
		ck_assert_msg((a.bytes.p[0] == '{') == (a.format == FORMAT_JSON), "it is what it says it is");
	answer_release(&a);
}
END_TEST

START_TEST(freshness_follows_the_clock)
{
	struct ask ask = { .accept = FORMAT_ANY };
	struct answer a;

	st->wall_ms += SAMPLE_MAX_AGE_MS;
	ask_for("/fw/acme/lamp", &ask, &a);
	ck_assert_uint_eq(a.freshness, FRESHNESS_STALE);
	answer_release(&a);
	st->clock_state = CLOCK_RESTORED;
	ask_for("/fw/acme/lamp", &ask, &a);
	ck_assert_uint_eq(a.freshness, FRESHNESS_UNKNOWN);
	answer_release(&a);
	answers_set_clock_trusted(st->answers, true);
	ask_for("/fw/acme/lamp", &ask, &a);
	ck_assert_uint_eq(a.freshness, FRESHNESS_STALE);
	answer_release(&a);
}
END_TEST

/* --- floors of devices --- */

/* The sample without release 5 and 4: what a revocation leaves. `withdrawn` says so. */
static void build_older_but(struct builder *b, uint64_t withdrawn)
{
	sample_image(b, SAMPLE_OLD, CATALOG_GOOD);
	builder_product(b, &(struct builder_product){ .name = SPAN_LIT("acme/lamp"), .trust = TRUST_QUORUM });
	builder_channel(b, SPAN_LIT("stable"), true, withdrawn);
	sample_release(b, 1, 0, "stable", CATALOG_ACTIVE, SAMPLE_OLD, NULL);
}

static void build_older(struct builder *b)
{
	build_older_but(b, 0);
}

static void build_withdrawn(struct builder *b)
{
	build_older_but(b, 2);
}

static void build_once_active(struct builder *b)
{
	build_older_but(b, 1);
}

/* Release 2, whose image was revoked for another product's sake. */
static void build_revoked(struct builder *b)
{
	sample_image(b, SAMPLE_REVOKED, CATALOG_REVOKED);
	build_older(b);
	sample_release(b, 2, 0, "stable", CATALOG_ACTIVE, SAMPLE_REVOKED, NULL);
}

START_TEST(a_revoked_image_is_offered_to_nobody)
{
	stand_catalog(st, build_revoked);
	ck_assert_uint_eq(sequence_of("/fw/acme/lamp"), 1);
}
END_TEST

START_TEST(no_device_is_offered_less_than_it_had)
{
	static const char *const fronts[] = { "", "/image", "/info" };
	char request[64];

	snprintf(request, sizeof request, "/fw/acme/lamp%s?device=d1", fronts[_i]);
	ck_assert_uint_eq(sequence_of(request), 2);
	stand_catalog(st, build_older);
	ck_assert_msg(status_of(request) == 404, "it had 2");
	ck_assert_uint_eq(status_of("/fw/acme/lamp?device=d1"), 404);
	ck_assert_msg(sequence_of("/fw/acme/lamp?device=d2") == 1, "another device");
	ck_assert_msg(sequence_of("/fw/acme/lamp") == 1, "who says no name is not known");
}
END_TEST

/* A server that has just been started: the keeper has not told the floors yet. */
START_TEST(who_may_have_had_more_waits_for_the_floors)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096);

	stand_catalog(st, build_once_active);
	ck_assert_msg(sequence_of("/fw/acme/lamp?device=d3") == 1, "nothing newer was ever active");
	stand_catalog(st, build_withdrawn);
	ck_assert_msg(status_of("/fw/acme/lamp?device=d1") == 503, "it may have had 2");
	ck_assert_msg(sequence_of("/fw/acme/lamp") == 1, "who says no name is not known anyway");
	link_floor_put(&b, &(struct link_floor){ SPAN_LIT("d7"), SPAN_LIT("acme/lamp"), SPAN_LIT("stable"), 2 });
	ck_assert(devfloors_load(st->floors, span_cut(buf_span(&b), 0, b.n - 1), NULL) == ERR_FORMAT);
	ck_assert_msg(status_of("/fw/acme/lamp?device=d1") == 503, "half of them is not all");
	ck_assert(devfloors_load(st->floors, buf_span(&b), NULL) == 0);
	ck_assert_uint_eq(sequence_of("/fw/acme/lamp?device=d1"), 1);
	ck_assert_uint_eq(status_of("/fw/acme/lamp?device=d7"), 404);
}
END_TEST

START_TEST(nobody_waits_where_nothing_was_withdrawn)
{
	ck_assert_uint_eq(sequence_of("/fw/acme/lamp?device=d1"), 2);
	ck_assert(!devfloors_get(st->floors, &(struct devfloor_key){ SPAN_LIT("d1"), SPAN_LIT("acme/lamp"), SPAN_LIT("stable") }).is_certain);
}
END_TEST

START_TEST(what_an_observer_is_told_counts_as_given)
{
	struct ask ask = { .accept = FORMAT_ANY, .is_silent = true };
	uint8_t room[LINK_MESSAGE_MAX];
	struct answer a;
	struct link_seen m;

	stand_deaf(st);
	ask_for("/fw/acme/lamp?device=d1", &ask, &a);
	answer_release(&a);
	ck_assert_msg(link_seen_read(stand_heard(st, room), &m, NULL) == 0 && m.given == 2, "the keeper hears of the rise");
	ask = (struct ask){ .accept = FORMAT_ANY, .is_silent = true };
	ask_for("/fw/acme/lamp?device=d1", &ask, &a);
	answer_release(&a);
	sightings_flush(st->sightings);
	ck_assert_msg(stand_heard(st, room).n == 0, "nobody asked: it was not seen");
	stand_catalog(st, build_older);
	ck_assert_uint_eq(status_of("/fw/acme/lamp?device=d1"), 404);
}
END_TEST

START_TEST(refused_answers_give_nothing)
{
	ck_assert_uint_eq(status_of("/fw/acme/lamp?device=d1&from=9"), 404);
	stand_catalog(st, build_older);
	ck_assert_uint_eq(sequence_of("/fw/acme/lamp?device=d1"), 1);
}
END_TEST

START_TEST(the_keeper_hears_a_rise_at_once_and_the_rest_in_sum)
{
	uint8_t room[LINK_MESSAGE_MAX];
	struct ask ask = { .accept = FORMAT_ANY };
	struct answer a;
	struct link_seen m;

	stand_deaf(st);
	ask_for("/fw/acme/lamp?device=d1", &ask, &a);
	ck_assert(link_seen_read(stand_heard(st, room), &m, NULL) == 0);
	ck_assert(span_is(m.device, "d1") && span_is(m.product, "acme/lamp") && span_is(m.channel, "stable"));
	ck_assert(span_is(m.address, "192.0.2.1") && m.given == 2 && m.protocol == LINK_HTTP);
	answer_sent(st->answers, &ask, &a, 1000);
	answer_sent(st->answers, &ask, &a, 24);
	answer_release(&a);
	ck_assert_uint_eq(sequence_of("/fw/acme/lamp?device=d1"), 2);
	ck_assert_msg(stand_heard(st, room).n == 0, "nothing new");
	sightings_flush(st->sightings);
	ck_assert(link_seen_read(stand_heard(st, room), &m, NULL) == 0);
	ck_assert(m.bytes == 1024 && m.given == 2);
	ck_assert_uint_eq(sightings_bytes(st->sightings), 1024);
}
END_TEST

/* What is sent counts for the sum, and for a device only where it says its name and asks for a product. */
static const char *const nameless[] = { "/fw/acme/lamp", "/fw/acme/door?device=d1", "/sha256/00?device=d1", "/fw/acme/lamp?device=" };

START_TEST(what_is_sent_to_nobody_in_particular_is_only_summed_up)
{
	uint8_t room[LINK_MESSAGE_MAX];
	struct ask ask = { .accept = FORMAT_ANY };
	struct answer a;

	stand_deaf(st);
	ask_for(nameless[_i], &ask, &a);
	answer_sent(st->answers, &ask, &a, 1000);
	answer_release(&a);
	sightings_flush(st->sightings);
	ck_assert_uint_eq(stand_heard(st, room).n, 0);
	ck_assert_uint_eq(sightings_bytes(st->sightings), 1000);
	ck_assert_msg(devfloors_count(st->floors) == 0, "nobody has no floor");
}
END_TEST

START_TEST(without_a_catalog_what_is_sent_is_only_summed_up)
{
	struct ask ask = { .accept = FORMAT_ANY };
	struct answer a;

	catalog_slot_set_take(&st->slot, NULL, 0);
	ask_for("/fw/acme/lamp?device=d1", &ask, &a);
	ck_assert_uint_eq(a.status, 503);
	answer_sent(st->answers, &ask, &a, 1000);
	answer_release(&a);
	ck_assert_uint_eq(sightings_bytes(st->sightings), 1000);
	answers_free(NULL);
}
END_TEST

START_TEST(a_snapshot_of_floors_counts)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096);

	link_floor_put(&b, &(struct link_floor){ SPAN_LIT("d7"), SPAN_LIT("acme/lamp"), SPAN_LIT("stable"), 3 });
	link_floor_put(&b, &(struct link_floor){ SPAN_LIT("d8"), SPAN_LIT("acme/lamp"), SPAN_LIT("stable"), 1 });
	ck_assert(devfloors_load(st->floors, buf_span(&b), NULL) == 0);
	ck_assert_uint_eq(status_of("/fw/acme/lamp?device=d7"), 404);
	ck_assert_uint_eq(sequence_of("/fw/acme/lamp?device=d8"), 2);
	ck_assert_uint_eq(sequence_of("/fw/acme/lamp?device=d7&channel=beta"), 3);
	ck_assert_msg(devfloors_load(st->floors, span_cut(buf_span(&b), 0, b.n - 1), NULL) == ERR_FORMAT, "cut");
}
END_TEST

/* What happens as soon as the next lock is let go (the linker's --wrap). */
static void (*meanwhile)(void);
int __real_pthread_mutex_unlock(pthread_mutex_t *m);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *m);

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
	int rc = __real_pthread_mutex_unlock(m);
	void (*now)(void) = meanwhile;

	meanwhile = NULL;
	if (now)
		now();
	return rc;
}

static void load_d7(void)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096);

	link_floor_put(&b, &(struct link_floor){ SPAN_LIT("d7"), SPAN_LIT("acme/lamp"), SPAN_LIT("stable"), 3 });
	ck_assert(devfloors_load(st->floors, buf_span(&b), NULL) == 0);
}

/* Else it would be offered less than it had: no floor yet, and then a snapshot that makes it certain that there is none. */
START_TEST(a_snapshot_comes_while_a_floor_is_looked_at)
{
	struct devfloor_key key = { SPAN_LIT("d7"), SPAN_LIT("acme/lamp"), SPAN_LIT("stable") };
	struct devfloor got;

	meanwhile = load_d7;
	got = devfloors_get(st->floors, &key);
	ck_assert_msg(!meanwhile, "it came");
	ck_assert_msg(!got.is_certain && got.sequence == 0, "one look, before it");
	got = devfloors_get(st->floors, &key);
	ck_assert(got.is_certain && got.sequence == 3);
}
END_TEST

START_TEST(a_full_table_forgets_nobody)
{
	struct devfloors *f = devfloors_new(3);
	char id[8];

	for (int i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "d%d", i);
		devfloors_raise(f, &(struct devfloor_key){ span_str(id), SPAN_LIT("a/b"), SPAN_LIT("c") }, 5);
	}
	ck_assert_uint_eq(devfloors_count(f), 3);
	for (int i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "d%d", i);
		ck_assert_uint_eq(devfloors_get(f, &(struct devfloor_key){ span_str(id), SPAN_LIT("a/b"), SPAN_LIT("c") }).sequence,
				  i < 3 ? 5 : 0);
	}
	ck_assert(devfloors_raise(f, &(struct devfloor_key){ SPAN_LIT("d0"), SPAN_LIT("a/b"), SPAN_LIT("c") }, 6));
	ck_assert(!devfloors_raise(f, &(struct devfloor_key){ SPAN_LIT("d0"), SPAN_LIT("a/b"), SPAN_LIT("c") }, 4));
	ck_assert_uint_eq(devfloors_get(f, &(struct devfloor_key){ SPAN_LIT("d0"), SPAN_LIT("a/b"), SPAN_LIT("c") }).sequence, 6);
	ck_assert_msg(devfloors_count(f) == 3, "a device counts once");
	devfloors_free(f);
	devfloors_free(NULL);
}
END_TEST

static uint64_t floor_in(struct devfloors *f, const char *device, const char *product, const char *channel)
{
	return devfloors_get(f, &(struct devfloor_key){ span_str(device), span_str(product), span_str(channel) }).sequence;
}

START_TEST(a_floor_is_of_one_device_product_and_channel)
{
	struct devfloors *f = devfloors_new(3);

	devfloors_raise(f, &(struct devfloor_key){ SPAN_LIT("ab"), SPAN_LIT("cd"), SPAN_LIT("ef") }, 5);
	ck_assert_uint_eq(floor_in(f, "ab", "cd", "ef"), 5);
	ck_assert_uint_eq(floor_in(f, "xx", "cd", "ef"), 0);
	ck_assert_uint_eq(floor_in(f, "ab", "xx", "ef"), 0);
	ck_assert_uint_eq(floor_in(f, "ab", "cd", "xx"), 0);
	ck_assert_msg(floor_in(f, "a", "bcd", "ef") == 0 && floor_in(f, "ab", "c", "def") == 0, "the parts are kept apart");
	devfloors_free(f);
}
END_TEST

/* As many tables as make it sure that a search goes round the end of one. */
START_TEST(full_tables_find_everybody_and_end_for_strangers)
{
	char id[16];

	for (int n = 0; n < 50; n++) {
		struct devfloors *f = devfloors_new(16);

		for (int i = 0; i < 16; i++) {
			snprintf(id, sizeof id, "d%d-%d", n, i);
			ck_assert(devfloors_raise(f, &(struct devfloor_key){ span_str(id), SPAN_LIT("a/b"), SPAN_LIT("c") }, 5));
		}
		for (int i = 0; i < 16; i++) {
			snprintf(id, sizeof id, "d%d-%d", n, i);
			ck_assert_uint_eq(floor_in(f, id, "a/b", "c"), 5);
		}
		ck_assert_uint_eq(floor_in(f, "stranger", "a/b", "c"), 0);
		devfloors_free(f);
	}
}
END_TEST

/* --- wishes --- */

static unsigned wishes_heard(void)
{
	uint8_t room[LINK_MESSAGE_MAX];
	struct hash32 h;
	unsigned n = 0;

	for (struct span s; (s = stand_heard(st, room)).n;)
		n += link_wanted_read(s, &h, NULL) == 0;
	return n;
}

START_TEST(the_keeper_hears_which_images_are_wanted)
{
	char request[80];

	stand_deaf(st);
	digest_request(SAMPLE_NEW, request);
	status_of(request);
	status_of(request);
	ck_assert_msg(wishes_heard() == 1, "once a minute");
	st->mono_ms += WISH_AGAIN_MS;
	status_of(request);
	ck_assert_uint_eq(wishes_heard(), 1);
	for (int i = 0; i < 100; i++) {
		char unknown[16];

		snprintf(unknown, sizeof unknown, "made up %d", i);
		digest_request(unknown, request);
		status_of(request);
	}
	ck_assert_msg(wishes_heard() == 1, "made-up digests do not reach the keeper in numbers");
}
END_TEST

/* --- reports --- */

struct told {
	unsigned times, status;
	uint64_t ticket;
};

static void on_reported(void *arg, uint64_t ticket, uint16_t status)
{
	struct told *t = arg;

	*t = (struct told){ t->times + 1, status, ticket };
}

static uint16_t report(const char *path, const char *device, const char *body, struct told *t, const char **why)
{
	struct ask ask = { .path = span_str(path), .device = device ? span_str(device) : SPAN(NULL, 0), .body = span_str(body),
			   .body_format = FORMAT_ANY, .address = SPAN_LIT("192.0.2.1"), .protocol = LINK_COAP };

	return answer_report(st->answers, &ask, on_reported, t, 77, why);
}

#define INSTALLED "{\"device\":\"d1\",\"sequence\":2,\"state\":\"installed\"}"

START_TEST(a_report_is_acknowledged_by_the_keeper)
{
	AUTO(buf_free) struct buf b = BUF_INIT(64);
	uint8_t room[LINK_MESSAGE_MAX];
	static struct told told;	/* also for answers at the very end */
	struct link_report m;
	const char *why;

	stand_deaf(st);
	ck_assert_uint_eq(report("/fw/acme/lamp/report", NULL, INSTALLED, &told, &why), 0);
	ck_assert(link_report_read(stand_heard(st, room), &m, NULL) == 0);
	ck_assert(span_is(m.device, "d1") && span_is(m.product, "acme/lamp") && m.sequence == 2 && m.protocol == LINK_COAP);
	ck_assert_uint_eq(told.times, 0);
	link_report_ack_write(&b, &(struct link_report_ack){ m.id, 204 });
	ck_assert(write(st->peer, b.p, b.n) == (ssize_t)b.n && write(st->peer, b.p, b.n) == (ssize_t)b.n);
	keeper_read(st->keeper);
	ck_assert_msg(told.times == 1 && told.status == 204 && told.ticket == 77, "once, also when the keeper says it twice");
}
END_TEST

START_TEST(a_report_without_an_answer_is_refused_in_time)
{
	static struct told told;	/* also for answers at the very end */
	const char *why;

	ck_assert_uint_eq(report("/fw/acme/lamp/report", NULL, INSTALLED, &told, &why), 0);
	st->mono_ms += KEEPER_REPORT_MS - 1;
	keeper_tick(st->keeper);
	ck_assert_uint_eq(told.times, 0);
	st->mono_ms++;
	keeper_tick(st->keeper);
	ck_assert(told.times == 1 && told.status == 503);
}
END_TEST

START_TEST(a_dead_keeper_refuses_who_waits_and_who_comes)
{
	static struct told told;	/* also for answers at the very end */
	const char *why = NULL;

	ck_assert_uint_eq(report("/fw/acme/lamp/report", NULL, INSTALLED, &told, &why), 0);
	close(st->peer);
	st->peer = -1;
	keeper_read(st->keeper);
	ck_assert(told.times == 1 && told.status == 503);
	ck_assert(!keeper_is_up(st->keeper));
	ck_assert_uint_eq(report("/fw/acme/lamp/report", NULL, INSTALLED, &told, &why), 503);
	ck_assert(told.times == 1 && why);
}
END_TEST

START_TEST(reports_are_bounded)
{
	static struct told told;	/* also for answers at the very end */
	const char *why;

	for (int i = 0; i < KEEPER_REPORTS_MAX; i++) {
		ck_assert_uint_eq(report("/fw/acme/lamp/report", NULL, INSTALLED, &told, &why), 0);
		stand_deaf(st);
	}
	ck_assert_uint_eq(report("/fw/acme/lamp/report", NULL, INSTALLED, &told, &why), 503);
}
END_TEST

static const struct {
	const char *rule, *path, *device, *body;
	unsigned status;
} bad_reports[] = {
	{ "another path", "/fw/acme/lamp", NULL, INSTALLED, 404 },
	{ "a product that is not followed", "/fw/acme/door/report", NULL, INSTALLED, 404 },
	{ "two devices", "/fw/acme/lamp/report", "d2", INSTALLED, 400 },
	{ "no device", "/fw/acme/lamp/report", NULL, "{\"sequence\":2,\"state\":\"installed\"}", 400 },
	{ "a header that is no id", "/fw/acme/lamp/report", "d 1", "{\"sequence\":2,\"state\":\"installed\"}", 400 },
	{ "no report", "/fw/acme/lamp/report", NULL, "{}", 400 },
	{ "nothing", "/fw/acme/lamp/report", NULL, "", 400 },
	{ "no report, but a header", "/fw/acme/lamp/report", "d1", "{}", 400 },
	{ "too long", "/fw/acme/lamp/report", "d1", (const char[REPORT_MAX + 2]){ [0 ... REPORT_MAX] = ' ' }, 413 },
};

START_TEST(bad_reports_are_refused_at_once)
{
	static struct told told;	/* also for answers at the very end */
	const char *why = NULL;

	ck_assert_uint_eq(report(bad_reports[_i].path, bad_reports[_i].device, bad_reports[_i].body, &told, &why),
			  bad_reports[_i].status);
	ck_assert(why && strlen(why) <= COAP_DIAGNOSTIC_MAX && told.times == 0);
}
END_TEST

static const char json_body[] = " {\"sequence\":2,\"state\":\"running\"}", json_bare[] = "{\"sequence\":2,\"state\":\"running\"}";
static const char cbor_body[] = "\xa2\x68sequence\x02\x65state\x67running";

static const struct {
	const char *rule, *body;
	enum answer_format format;
	unsigned status;
} report_formats[] = {
	{ "JSON that says so may begin with a space", json_body, FORMAT_JSON, 0 },
	{ "JSON that says nothing begins with its brace", json_bare, FORMAT_ANY, 0 },
	{ "else it is taken for CBOR", json_body, FORMAT_ANY, 400 },
	{ "CBOR that says so", cbor_body, FORMAT_CBOR, 0 },
	{ "CBOR that says nothing", cbor_body, FORMAT_ANY, 0 },
	{ "JSON that says that it is CBOR", json_bare, FORMAT_CBOR, 400 },
	{ "CBOR that says that it is JSON", cbor_body, FORMAT_JSON, 400 },
	{ "something else", json_bare, FORMAT_OTHER, 415 },
};

START_TEST(a_report_is_read_as_what_it_says_it_is)
{
	static struct told told;	/* also for answers at the very end */
	struct ask ask = { .path = SPAN_LIT("/fw/acme/lamp/report"), .device = SPAN_LIT("d1"), .address = SPAN_LIT("192.0.2.1"),
		.body = span_str(report_formats[_i].body), .body_format = report_formats[_i].format, .protocol = LINK_COAP };
	const char *why;

	ck_assert_msg(answer_report(st->answers, &ask, on_reported, &told, 77, &why) == report_formats[_i].status, "%s",
		      report_formats[_i].rule);
	ck_assert((why != NULL) == (report_formats[_i].status != 0));
}
END_TEST

START_TEST(a_report_needs_a_catalog)
{
	static struct told told;	/* also for answers at the very end */
	const char *why;

	ck_assert_msg(report("/fw/acme/lamp/report", "d1", INSTALLED, &told, &why) == 0, "the same device twice is one device");
	catalog_slot_set_take(&st->slot, NULL, 0);
	ck_assert_uint_eq(report("/fw/acme/lamp/report", NULL, INSTALLED, &told, &why), 503);
}
END_TEST

static const struct { const char *state; bool is_floor; } states[] = {
	{ "installed", true }, { "rebooting", true }, { "running", true }, { "failed", false }, { "downloading", false },
};

START_TEST(what_was_installed_is_a_floor)
{
	static struct told told;	/* also for answers at the very end */
	char body[64];
	const char *why;

	snprintf(body, sizeof body, "{\"sequence\":4,\"state\":\"%s\"}", states[_i].state);
	ck_assert_uint_eq(report("/fw/acme/lamp/report", "d1", body, &told, &why), 0);
	ck_assert_uint_eq(floor_in(st->floors, "d1", "acme/lamp", "stable"), states[_i].is_floor ? 4 : 0);
}
END_TEST

START_TEST(a_path_takes_one_method)
{
	ck_assert_int_eq(answer_methods(SPAN_LIT("/fw/acme")), ANSWER_NO_PATH);
	ck_assert_int_eq(answer_methods(SPAN_LIT("/fw/acme/lamp/report")), ANSWER_TAKES_POST);
	ck_assert_int_eq(answer_methods(SPAN_LIT("/fw/acme/lamp")), ANSWER_TAKES_GET);
}
END_TEST

START_TEST(a_reported_release_is_a_floor_if_it_exists)
{
	static struct told told;	/* also for answers at the very end */
	const char *why;

	ck_assert_uint_eq(report("/fw/acme/lamp/report", "d1", "{\"sequence\":4,\"state\":\"running\"}", &told, &why), 0);
	ck_assert_msg(status_of("/fw/acme/lamp?device=d1") == 404, "it runs 4");
	ck_assert_uint_eq(report("/fw/acme/lamp/report", "d2", "{\"sequence\":999,\"state\":\"running\"}", &told, &why), 0);
	ck_assert_msg(sequence_of("/fw/acme/lamp?device=d2") == 2, "a made-up number locks nobody out");
	ck_assert_uint_eq(report("/fw/acme/lamp/report", "d3", "{\"sequence\":4,\"state\":\"failed\"}", &told, &why), 0);
	ck_assert_msg(sequence_of("/fw/acme/lamp?device=d3") == 2, "what failed does not run");
}
END_TEST

/* --- listing --- */

static void on_link(void *arg, const struct answer_link *l)
{
	struct buf *b = arg;

	buf_fmt(b, "%.*s %llu %.*s\n", (int)l->path.n, (const char *)l->path.p, (unsigned long long)l->size, (int)l->title.n,
		(const char *)l->title.p);
}

START_TEST(a_listing_names_what_can_be_had)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096);

	answer_each(st->answers, on_link, &b);
	buf_byte(&b, 0);
	ck_assert_str_eq((char *)b.p, "/fw/acme/lamp 21 1.2\n/fw/acme/lamp/image 15 1.2\n/fw/acme/lamp/info 0 1.2\n"
				      "/fw/acme/lamp/freshness 0 \n");
}
END_TEST

/* --- operator calls --- */

struct heard {
	unsigned times, status;
	size_t n;
	char first;
};

static void on_answered(void *arg, const struct link_answer *a)
{
	struct heard *h = arg;

	h->times++;
	h->status = a ? a->status : 0;
	h->n = a ? a->body.n : 0;
	h->first = a && a->body.n ? (char)a->body.p[0] : 0;
}

static void call(struct heard *h, uint64_t *id)
{
	uint8_t room[LINK_MESSAGE_MAX];
	struct link_call m = { .method = LINK_GET, .path = SPAN_LIT("/api/v1/status"), .token = SPAN_LIT("t"),
			       .address = SPAN_LIT("::1") }, heard;

	stand_deaf(st);
	ck_assert(keeper_call(st->keeper, &m, on_answered, h, NULL) == 0);
	ck_assert(link_call_read(stand_heard(st, room), &heard, NULL) == 0);
	*id = heard.id;
}

START_TEST(a_call_is_answered_inline_or_by_memfd)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096), large = BUF_INIT(MIB);
	static struct heard h;
	autoclose int fd = -1;
	uint64_t id;

	call(&h, &id);
	link_answer_write(&b, &(struct link_answer){ .id = id, .status = 200, .type = SPAN_LIT("application/json"),
						     .body = SPAN_LIT("{}") });
	ck_assert(write(st->peer, b.p, b.n) == (ssize_t)b.n);
	keeper_read(st->keeper);
	ck_assert(h.times == 1 && h.status == 200 && h.n == 2 && h.first == '{');

	call(&h, &id);
	memset(buf_grow(&large, 100000), 'x', 100000);
	ck_assert(io_sealed_memfd("answer", buf_span(&large), &fd, NULL) == 0);
	buf_reset(&b);
	link_answer_write(&b, &(struct link_answer){ .id = id, .status = 200 });
	ck_assert(io_send_fds(st->peer, buf_span(&b), &fd, 1, NULL) == 0);
	keeper_read(st->keeper);
	ck_assert(h.times == 2 && h.n == 100000 && h.first == 'x');
}
END_TEST

START_TEST(a_call_that_nobody_answers_ends)
{
	static struct heard h = { .status = 1 };
	uint64_t id;

	call(&h, &id);
	st->mono_ms += KEEPER_CALL_MS;
	keeper_tick(st->keeper);
	ck_assert(h.times == 1 && h.status == 0);
}
END_TEST

START_TEST(odd_messages_change_nothing)
{
	static const char *const odd[] = { "", "x", "r", "c", "f", "rtoo short" };
	static struct heard h;
	uint64_t id;

	h = (struct heard){ 0 };
	call(&h, &id);
	ck_assert(write(st->peer, odd[_i], strlen(odd[_i])) >= 0);
	keeper_read(st->keeper);
	ck_assert(h.times == 0 || _i == 0);	/* an empty datagram is how a closed socket reads */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("answer");
	TCase *t = tcase_create("answer");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_request_is_answered, 0, ROWS(table));
	tcase_add_loop_test(t, images_are_reached_by_digest_and_by_cid, 0, ROWS(images));
	tcase_add_test(t, an_image_whose_file_is_gone_is_not_sent);
	tcase_add_test(t, an_image_that_is_being_repaired_is_not_sent_although_its_file_is_there);
	tcase_add_test(t, over_coap_a_cid_is_the_plain_file_and_nothing_else);
	tcase_add_test(t, a_manifest_is_the_publishers_bytes);
	tcase_add_test(t, an_answer_keeps_its_catalog);
	tcase_add_test(t, info_says_where_the_image_is);
	tcase_add_loop_test(t, formats_are_agreed_on, 0, ROWS(formats));
	tcase_add_test(t, freshness_follows_the_clock);
	tcase_add_loop_test(t, no_device_is_offered_less_than_it_had, 0, 3);
	tcase_add_test(t, what_an_observer_is_told_counts_as_given);
	tcase_add_test(t, refused_answers_give_nothing);
	tcase_add_test(t, the_keeper_hears_a_rise_at_once_and_the_rest_in_sum);
	tcase_add_test(t, who_may_have_had_more_waits_for_the_floors);
	tcase_add_test(t, nobody_waits_where_nothing_was_withdrawn);
	tcase_add_test(t, a_revoked_image_is_offered_to_nobody);
	tcase_add_loop_test(t, what_is_sent_to_nobody_in_particular_is_only_summed_up, 0, ROWS(nameless));
	tcase_add_test(t, without_a_catalog_what_is_sent_is_only_summed_up);
	tcase_add_test(t, a_snapshot_of_floors_counts);
	tcase_add_test(t, a_snapshot_comes_while_a_floor_is_looked_at);
	tcase_add_test(t, a_full_table_forgets_nobody);
	tcase_add_test(t, a_floor_is_of_one_device_product_and_channel);
	tcase_add_test(t, full_tables_find_everybody_and_end_for_strangers);
	tcase_add_test(t, the_keeper_hears_which_images_are_wanted);
	tcase_add_test(t, a_report_is_acknowledged_by_the_keeper);
	tcase_add_test(t, a_report_without_an_answer_is_refused_in_time);
	tcase_add_test(t, a_dead_keeper_refuses_who_waits_and_who_comes);
	tcase_add_test(t, reports_are_bounded);
	tcase_add_loop_test(t, bad_reports_are_refused_at_once, 0, ROWS(bad_reports));
	tcase_add_loop_test(t, a_report_is_read_as_what_it_says_it_is, 0, ROWS(report_formats));
	tcase_add_test(t, a_report_needs_a_catalog);
	tcase_add_loop_test(t, what_was_installed_is_a_floor, 0, ROWS(states));
	tcase_add_test(t, a_path_takes_one_method);
	tcase_add_test(t, a_reported_release_is_a_floor_if_it_exists);
	tcase_add_test(t, a_listing_names_what_can_be_had);
	tcase_add_test(t, a_call_is_answered_inline_or_by_memfd);
	tcase_add_test(t, a_call_that_nobody_answers_ends);
	tcase_add_loop_test(t, odd_messages_change_nothing, 0, 6);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
