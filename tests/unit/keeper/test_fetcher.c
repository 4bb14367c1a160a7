/* test_fetcher.c: images from sources on loopback, honest and not, into real blobs. */
#include "keeper/fetch_own.h"
#include "base/cleanup.h"
#include "formats/sha256.h"
#include "peers.h"
#include "store/tempdir.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NOTES 64

static uv_loop_t loop;
static struct http *http;
static struct blobs *blobs;
static struct fetcher fetcher;
static struct fetch_source source[4];
static struct peer peer[4];
static size_t peers;
static struct dag dag;
static struct buf file;
static const struct dag_entry *root;
static int64_t mono_ms;	/* added to what has really passed */
static struct clock test_clock;

/* What the owner heard. */
static unsigned good, wrong, failed, begun, troubles;
static struct err last_trouble;
static struct fetched last_good;
static struct fetch_target last_wrong, last_failed;
static char last_why[320];
static int64_t last_retry_ms;
static int room_rc;
static uintptr_t stack_high, stack_low;

static void on_good(void *arg, const struct fetched *f)
{
	(void)arg;
	good++;
	last_good = *f;
}

static void on_wrong(void *arg, const struct fetch_target *t, const char *why)
{
	(void)arg;
	wrong++;
	last_wrong = *t;
	snprintf(last_why, sizeof last_why, "%s", why);
}

static void on_failed(void *arg, const struct fetch_target *t, const char *why, unsigned tries, int64_t retry_at_ms)
{
	uintptr_t here = (uintptr_t)&arg;

	(void)tries;
	if (!failed++)
		stack_high = here;
	stack_low = failed == 1 || here < stack_low ? here : stack_low;
	last_failed = *t;
	last_retry_ms = retry_at_ms;
	snprintf(last_why, sizeof last_why, "%s", why);
}

static void on_begun(void *arg, const struct hash32 *sha256)
{
	(void)arg, (void)sha256;
	begun++;
}

static void on_trouble(void *arg, const struct err *e)
{
	(void)arg;
	troubles++;
	last_trouble = *e;
}

static int make_room(void *arg, uint64_t size, struct err *e)
{
	(void)arg, (void)size;
	return room_rc ? err_set(e, room_rc, "no room now") : ERR_OK;
}

static int64_t wall(void *arg)
{
	(void)arg;
	return 1790000000000;
}

static int64_t mono(void *arg)
{
	(void)arg;
	return mono_ms + (int64_t)(uv_hrtime() / 1000000);
}

static enum clock_state synced(void *arg)
{
	(void)arg;
	return CLOCK_SYNCED;
}

static void setup(void)
{
	struct http_conf conf = { .proxy = NULL };

	good = wrong = failed = begun = troubles = 0;
	room_rc = ERR_OK;
	memset(&last_good, 0, sizeof last_good);
	tempdir_make();
	uv_loop_init(&loop);
	mono_ms = 1000000;
	test_clock = (struct clock){ wall, mono, synced, NULL };
	ck_ok(http_new(&loop, &conf, &http, &err));
	ck_ok(blobs_open(tempdir_fd, NULL, &blobs, &err));
	dag_init(&dag);
	file = BUF_INIT(64 * MIB);
	root = dag_balanced(&dag, LEAF_RAW, 300000, 10000, 8);
	dag_file(root, &file);
}

static void use(const enum deed *deeds, size_t n)
{
	peers = n;
	for (size_t i = 0; i < n; i++) {
		peer_open(&peer[i], &loop, deeds[i], &dag, root);
		source[i] = (struct fetch_source){ .name = (const char *[]){ "one", "two", "three", "four" }[i], .is_private = true,
			.source = { .kind = SOURCE_TRUSTLESS, .url = peer[i].url }, .priority = (int)i };
	}
	fetcher_init(&fetcher, &loop, http, blobs, &test_clock, source, n,
		     (struct fetcher_owner){ on_good, on_wrong, on_failed, on_begun, on_trouble, make_room, NULL, NULL });
}
#define USE(...) use((const enum deed[]){ __VA_ARGS__ }, sizeof((const enum deed[]){ __VA_ARGS__ }) / sizeof(enum deed))

static void teardown(void)
{
	fetcher_close(&fetcher);
	http_close(http, NULL, NULL);
	for (size_t i = 0; i < peers; i++)
		peer_close(&peer[i]);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_msg(uv_loop_close(&loop) == 0, "no handle is left");
	blobs_free(blobs);
	dag_fini(&dag);
	buf_free(&file);
	tempdir_remove();
}

/* --- wants --- */

static char cid[CID_TEXT_MAX];

static struct ledger_want want_of(const char *product, uint64_t sequence)
{
	return (struct ledger_want){ .sha256 = sha256_of(buf_span(&file)), .size = file.n, .cid = cid_text(&root->cid, cid),
		.product = product, .version = "1", .sequence = sequence };
}

static void want(void)
{
	struct ledger_want w = want_of("acme/thermostat", 1);

	ck_ok(fetcher_want(&fetcher, &w, &err));
}

static void run_until(const unsigned *counter, unsigned n)
{
	while (*counter < n)
		ck_assert_msg(uv_run(&loop, UV_RUN_ONCE) != 0, "nothing is going on any more");
}

static struct fetch *first(void)
{
	return list_is_empty(&fetcher.fetches) ? NULL : LIST_ITEM(fetcher.fetches.next, struct fetch, node);
}

static void check_file(void)
{
	struct hash32 sha = sha256_of(buf_span(&file));
	autoclose int fd = -1;
	uint8_t *got = malloc(file.n);

	ck_ok(blobs_open_object(blobs, &sha, &fd, &err));
	ck_assert_int_eq(pread(fd, got, file.n, 0), (ssize_t)file.n);
	ck_assert(!memcmp(got, file.p, file.n));
	ck_assert(hash32_eq(&last_good.target.sha256, &sha));
	ck_assert_str_eq(last_good.target.cid, cid);
	free(got);
}

static void fetched(void)
{
	want();
	run_until(&good, 1);
	check_file();
	ck_assert_msg(list_is_empty(&fetcher.fetches) && wrong == 0 && failed == 0, "and nothing else");
}

/* --- sources --- */

START_TEST(an_honest_archive)
{
	USE(HONEST);
	fetched();
	ck_assert(peer[0].cars == 1 && peer[0].blocks == 0 && begun == 1);
	ck_assert_uint_eq(source[0].successes, 1);
}
END_TEST

START_TEST(no_archives_then_blocks)
{
	USE(NO_CAR);
	fetched();
	ck_assert_uint_gt(peer[0].blocks, 30);
}
END_TEST

START_TEST(half_an_archive_then_blocks)
{
	USE(TRUNCATES);
	fetched();
	ck_assert_msg(peer[0].blocks > 0 && peer[0].blocks < 30, "what came is not asked again: %u", peer[0].blocks);
}
END_TEST

START_TEST(a_liar_is_quarantined_and_the_next_one_asked)
{
	USE(LIES, HONEST);
	fetched();
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "quarantined");
	ck_assert_uint_eq(source[0].bad_blocks, 1);
	ck_assert(fetch_source_score(&source[0], mono(NULL)) == 0 && fetch_source_score(&source[1], mono(NULL)) > 0);
	ck_assert_str_eq(fetch_source_state(&source[1], mono(NULL)), "ok");
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL) + SOURCE_QUARANTINE_MS), "ok");
}
END_TEST

START_TEST(a_liar_is_hung_up_on)
{
	USE(LIES_IN_LEAVES, NO_CAR);
	fetched();
	ck_assert_msg(source[0].bad_blocks == 1, "what else it was asked for is not waited for: %llu", (unsigned long long)source[0].bad_blocks);
}
END_TEST

static const struct { const char *rule; enum deed deed; } useless[] = {
	{ "hangs up", DOWN }, { "has nothing", LACKS }, { "gives half, and no blocks", TRUNCATES_ALL }, { "is busy", THROTTLES },
	{ "lies", LIES },
};

START_TEST(one_honest_source_is_enough)
{
	USE(useless[_i].deed, useless[_i].deed, HONEST);
	fetched();
	ck_assert_msg(source[0].failures > 0 && source[1].failures > 0, "%s", useless[_i].rule);
	ck_assert_msg(source[0].last_error[0], "%s", useless[_i].rule);
}
END_TEST

START_TEST(keys_are_not_shown)
{
	struct secrets secrets = { .n = 0 };
	static char url[100];

	USE(ECHOES);
	snprintf(url, sizeof url, "%s/" PEER_KEY, peer[0].url);
	source[0].source.url = url;
	source[0].source.token = PEER_TOKEN;
	secrets_add_url(&secrets, url);
	secrets_add(&secrets, PEER_TOKEN);
	fetcher.secrets = &secrets;
	want();
	while (source[0].failures == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_str_eq(source[0].last_error, "answers with ***/*** (status 200)");
	ck_assert_str_eq(first()->why, "one: answers with ***/*** (status 200)");
	secrets_fini(&secrets);
}
END_TEST

START_TEST(nobody_has_it)
{
	USE(DOWN, LACKS);
	want();
	run_until(&failed, 1);
	ck_assert_int_eq(first()->sm.at, FETCH_WAITING);
	ck_assert_msg(last_retry_ms > wall(NULL), "it says when");
	ck_assert_msg(strstr(last_why, "one: ") || strstr(last_why, "two: "), "and why: %s", last_why);
	run_until(&failed, 2);
	ck_assert_msg(good == 0, "by itself, again");
	peer[0].deed = HONEST;
	fetcher_hurry(&fetcher, &(struct hash32[]){ sha256_of(buf_span(&file)) }[0]);
	run_until(&good, 1);
	check_file();
}
END_TEST

START_TEST(everyone_is_resting)
{
	USE(THROTTLES);
	want();
	run_until(&failed, 1);
	run_until(&failed, 2);
	ck_assert_msg(peer[0].cars == 1, "it said when it wants to be asked again");
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "resting");
	mono_ms += 60001;
	peer[0].deed = HONEST;
	run_until(&good, 1);
}
END_TEST

/* Who cannot help is not waited for. */
START_TEST(a_liar_that_rests_is_not_waited_for)
{
	USE(LACKS, HONEST);
	source[1].is_quarantined = true;
	source[1].quarantined_until_ms = mono(NULL) + 3600000;
	source[1].rest_until_ms = mono(NULL) + FETCH_PATIENCE_MS - 1000;
	want();
	run_until(&failed, 1);
	ck_assert(mono(NULL) < source[1].rest_until_ms);
}
END_TEST

START_TEST(in_a_second_for_ever)
{
	USE(THROTTLES_SHORTLY);
	want();
	while (failed == 0) {
		mono_ms += 100;
		ck_assert(uv_run(&loop, UV_RUN_ONCE) != 0);
		ck_assert_msg(peer[0].cars <= 2, "the place is free for others soon");
	}
	peer[0].deed = HONEST;
	mono_ms += 1000;
	run_until(&good, 1);
}
END_TEST

START_TEST(a_stream_that_says_that_it_broke)
{
	USE(STREAM_BREAKS);
	want();
	run_until(&failed, 1);
	ck_assert_msg(peer[0].cars == 1 && peer[0].blocks > 1, "blocks are tried");
	ck_assert_str_eq(source[0].last_error, "its stream broke: context deadline exceeded");
	ck_assert_msg(source[0].bad_blocks == 0, "it has not lied");
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "ok");
}
END_TEST

/* --- kinds --- */

/* Makes source i one of this kind, at its peer. */
static void be(size_t i, enum source_kind kind)
{
	static const char *const tail[SOURCE_KINDS] = { [SOURCE_CAR] = "/car/{cid}.car", [SOURCE_BLOCKS] = "/blocks",
		[SOURCE_MIRROR] = "/image/{sha256}" };
	static char url[4][200];

	snprintf(url[i], sizeof url[i], "%s%s", peer[i].url, tail[kind] ? tail[kind] : "");
	source[i].source.kind = kind;
	source[i].source.url = url[i];
}

static const struct {
	const char *rule;
	enum source_kind kind;
	enum deed deed;
	unsigned cars, inners;	/* requests */
	bool blocks, files;	/* any? */
} kinds[] = {
	{ "another gatepost", SOURCE_PEER, HONEST, 1, 0, false, false },
	{ "an archive on a web server", SOURCE_CAR, HONEST, 1, 0, false, false },
	{ "an archive in pieces", SOURCE_CAR, BREAKS, 4, 0, false, false },
	{ "blocks on a web server", SOURCE_BLOCKS, HONEST, 0, 0, true, false },
	{ "a mirror", SOURCE_MIRROR, HONEST, 0, 1, false, true },
	{ "a mirror, in pieces", SOURCE_MIRROR, BREAKS, 0, 1, false, true },
	{ "a mirror without inner blocks", SOURCE_MIRROR, NO_INNER, 0, 1, false, true },
	{ "a mirror that denies inner blocks", SOURCE_MIRROR, INNER_DENIED, 0, 1, false, true },
	{ "a connection that is lost now and then", SOURCE_BLOCKS, FLAKY, 0, 0, true, false },
};

START_TEST(each_kind_alone)
{
	USE(kinds[_i].deed);
	be(0, kinds[_i].kind);
	fetched();
	ck_assert_msg(peer[0].cars == kinds[_i].cars && peer[0].inners == kinds[_i].inners, "%s: %u cars", kinds[_i].rule, peer[0].cars);
	ck_assert_msg((peer[0].blocks > 0) == kinds[_i].blocks && (peer[0].files > 0) == kinds[_i].files, "%s", kinds[_i].rule);
	ck_assert_msg(peer[0].sent < file.n + 20000, "%s: nothing twice, %llu bytes", kinds[_i].rule, (unsigned long long)peer[0].sent);
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "ok");
	ck_assert_msg(kinds[_i].deed != HONEST || source[0].failures == 0, "%s: %s", kinds[_i].rule, source[0].last_error);
}
END_TEST

/* A part that is not the file's next is not sewn on; but what was verified is not lost either. */
static const struct { const char *rule; enum deed deed; const char *says; } unsewn[] = {
	{ "no ranges", BREAKS_WITHOUT_RANGE, "from the front" },
	{ "another file meanwhile", CHANGES, "changed" },
};

/* A hundred bytes a reply are not worth a reply. */
START_TEST(one_that_dribbles_is_not_asked_without_end)
{
	USE(DRIBBLES);
	be(0, _i ? SOURCE_MIRROR : SOURCE_CAR);
	want();
	run_until(&failed, 1);
	ck_assert_uint_le(peer[0].requests, 3 * FETCH_ERRORS_MAX);
}
END_TEST

START_TEST(an_archive_that_cannot_be_continued)
{
	USE(unsewn[_i].deed, NO_CAR);
	be(0, SOURCE_CAR);
	fetched();
	ck_assert_str_eq(source[0].last_error, "does not give parts of it, or it has changed (status 200)");
	ck_assert_msg(source[0].bad_blocks == 0, "%s", unsewn[_i].rule);
	ck_assert_msg(peer[1].blocks > 0 && peer[1].blocks < 25, "%s: the rest as blocks, %u", unsewn[_i].rule, peer[1].blocks);
}
END_TEST

static const struct { const char *rule; enum deed deed; uint64_t sent; } rests[] = {
	{ "only the rest is asked for", HONEST, 165000 },
	{ "all of it where there are no ranges", NO_RANGES, 310000 },
};

/* An archive that is a file, after a restart: the part that is there is not asked for again. */
START_TEST(the_rest_of_an_archive)
{
	USE(SILENT_AFTER_HALF);
	be(0, SOURCE_CAR);
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 150000)
		uv_run(&loop, UV_RUN_ONCE);
	fetcher_close(&fetcher);
	while (uv_run(&loop, UV_RUN_NOWAIT) && !list_is_empty(&fetcher.fetches))
		;
	fetcher_init(&fetcher, &loop, http, blobs, &test_clock, source, 1,
		     (struct fetcher_owner){ on_good, on_wrong, on_failed, on_begun, on_trouble, make_room, NULL, NULL });
	peer[0].deed = rests[_i].deed;
	peer[0].sent = 0;
	fetched();
	ck_assert_msg(peer[0].sent <= rests[_i].sent, "%s: %llu bytes", rests[_i].rule, (unsigned long long)peer[0].sent);
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "ok");
}
END_TEST

START_TEST(a_mirror_lies_in_a_leaf)
{
	USE(LIES, HONEST);
	be(0, SOURCE_MIRROR);
	be(1, SOURCE_MIRROR);
	fetched();
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "quarantined");
	ck_assert_uint_eq(source[0].bad_blocks, 1);
	ck_assert_msg(peer[1].file_sent == 10000, "one leaf of the other: %llu", (unsigned long long)peer[1].file_sent);
}
END_TEST

/* Bytes that do not give a wrapped leaf may be nobody's lie. When nothing else is left, another mirror is asked for that leaf alone. */
START_TEST(a_mirror_lies_in_a_wrapped_leaf)
{
	const struct dag_entry *children[8];

	for (size_t i = 0; i < 8; i++)
		children[i] = dag_leaf(&dag, LEAF_FILE, dag_random(&dag, 10000));
	root = dag_node(&dag, &(struct dag_node){ .children = children, .n = 8, .version = 1 });
	buf_reset(&file);
	dag_file(root, &file);
	USE(LIES, HONEST);
	be(0, SOURCE_MIRROR);
	be(1, SOURCE_MIRROR);
	fetched();
	ck_assert_msg(peer[1].file_sent == 10000, "one leaf of the other: %llu", (unsigned long long)peer[1].file_sent);
	ck_assert_msg(peer[0].file_sent == 90000, "and nobody is asked for all of it: %llu", (unsigned long long)peer[0].file_sent);
}
END_TEST

START_TEST(a_mirror_lies_in_a_whole_file)
{
	USE(LIES, NO_INNER);
	be(0, SOURCE_MIRROR);
	be(1, SOURCE_MIRROR);
	source[0].source.inner = source[1].source.inner = "http://127.0.0.1:1/none";
	fetched();
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "quarantined");
	ck_assert_str_eq(source[0].last_error, "its file has another SHA-256 than the manifest");
	ck_assert_uint_eq(peer[1].file_sent, file.n);
}
END_TEST

/* Or the release would be convicted of what a mirror has written over it. */
START_TEST(a_whole_file_is_not_written_over_what_is_verified)
{
	USE(TRUNCATES_ALL, LIES_IN_WHOLE, NO_CAR);
	be(1, SOURCE_MIRROR);
	source[1].source.inner = "http://127.0.0.1:1/none";
	source[2].rest_until_ms = mono(NULL) + 3600000;
	want();
	while (peer[1].file_sent == 0)
		uv_run(&loop, UV_RUN_ONCE);
	source[2].rest_until_ms = 0;
	while (good + wrong + failed == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_msg(wrong == 0, "%s", last_why);
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[2].blocks < 30, "and what was there is not asked for again: %u", peer[2].blocks);
}
END_TEST

/* Its DAG is one that importers make by default: then it can be served as blocks, and repaired leaf by leaf. */
static const struct { const char *profile; enum dag_leaf leaf; size_t chunk; bool has_inner; } whole[] = {
	{ "unixfs-v0-2015", LEAF_FILE_V0, 262144, true },
	{ "none", LEAF_RAW, 300000, false },
};

START_TEST(a_whole_file_and_its_inner_blocks)
{
	struct hash32 sha;
	char object[BLOB_PATH_MAX], path[BLOB_PATH_MAX + 16];
	struct stat st;

	buf_reset(&file);
	root = dag_balanced(&dag, whole[_i].leaf, 700000, whole[_i].chunk, 174);
	dag_file(root, &file);
	USE(NO_INNER);
	be(0, SOURCE_MIRROR);
	fetched();
	ck_assert_uint_eq(peer[0].file_sent, file.n);
	sha = sha256_of(buf_span(&file));
	snprintf(path, sizeof path, "objects/%s.dag", blobs_path(&sha, object));
	ck_assert_msg((fstatat(tempdir_fd, path, &st, 0) == 0) == whole[_i].has_inner, "%s: %s", whole[_i].profile, path);
}
END_TEST

/* Lies in a whole file lie beside what was verified before, and cost only themselves. */
START_TEST(a_whole_lie_and_what_was_verified)
{
	USE(TRUNCATES_ALL, LIES_WITHOUT_RANGES);
	be(1, SOURCE_MIRROR);
	want();
	run_until(&failed, 1);
	ck_assert_uint_eq(source[1].bad_blocks, 1);
	peer[0].deed = NO_CAR;
	peer[0].blocks = 0;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].blocks < 30, "half of it was there: %u", peer[0].blocks);
}
END_TEST

START_TEST(a_whole_file_in_pieces)
{
	USE(BREAKS);
	be(0, SOURCE_MIRROR);
	source[0].source.inner = "http://127.0.0.1:1/none";
	fetched();
	ck_assert_uint_eq(peer[0].file_sent, file.n);
}
END_TEST

START_TEST(mirrors_that_all_lie)
{
	USE(LIES, LIES);
	be(0, SOURCE_MIRROR);
	be(1, SOURCE_MIRROR);
	source[0].source.inner = source[1].source.inner = "http://127.0.0.1:1/none";
	want();
	run_until(&failed, 1);
	ck_assert_msg(wrong == 0 && good == 0, "the release is not to blame");
	ck_assert_uint_eq(source[0].bad_blocks + source[1].bad_blocks, 2);
}
END_TEST

/* --- several --- */

static void equals(size_t n)
{
	for (size_t i = 0; i < n; i++)
		source[i].priority = 0;
}

START_TEST(blocks_of_two)
{
	const struct dag_entry *list[100];

	USE(NO_CAR, NO_CAR);
	equals(2);
	fetched();
	ck_assert_msg(peer[0].blocks > 3 && peer[1].blocks > 3, "%u and %u", peer[0].blocks, peer[1].blocks);
	ck_assert_msg(peer[0].blocks + peer[1].blocks == dag_list(root, ORDER_DFS_ONCE, list, 100), "none twice: %u", peer[0].blocks + peer[1].blocks);
	ck_assert_msg(source[0].rate == 0, "so short replies measure only the way there and back");
}
END_TEST

START_TEST(a_rate_is_what_long_replies_bring)
{
	struct fetch_source s = { .name = "one" };

	USE(HONEST);
	fetch_source_did(&s, 1000, 10, 1);
	ck_assert_uint_eq(s.rate, 0);
	fetch_source_did(&s, 1000000, 1010, 10);
	ck_assert_uint_eq(s.rate, 1000001);
	ck_assert_int_eq(s.first_byte_ms, 10);
	ck_assert_uint_eq(s.successes, 2);
}
END_TEST

START_TEST(a_block_that_one_lacks)
{
	USE(LACKS_LAST, NO_CAR);
	fetched();
	ck_assert_msg(peer[1].blocks == 1, "only that: %u", peer[1].blocks);
	ck_assert_msg(peer[0].blocks <= 36, "and it is not asked for that again: %u", peer[0].blocks);
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "ok");
}
END_TEST

START_TEST(one_that_cannot_be_asked_at_all)
{
	static char url[SOURCE_URL_MAX + 1];

	USE(HONEST, HONEST);
	snprintf(url, sizeof url, "%s/", peer[0].url);
	while (strlen(url) + 8 < SOURCE_URL_MAX)
		strcat(url, "{sha256}");	/* fits as it stands, not filled in */
	be(0, SOURCE_CAR);
	source[0].source.url = url;
	fetched();
	ck_assert(peer[0].requests == 0 && strstr(source[0].last_error, "too long"));
}
END_TEST

/* Turns the clock while nothing but ticks happens. */
static void let_pass(int64_t ms, const unsigned *counter, unsigned n)
{
	mono_ms += ms;
	run_until(counter, n);
}

/* Nothing but repetitions lies under it: it brings no byte, and yet there is something to fill in. */
START_TEST(an_inner_block_that_comes_last)
{
	const struct dag_entry *x = dag_leaf(&dag, LEAF_RAW, dag_random(&dag, 10000)), *y = dag_leaf(&dag, LEAF_RAW, dag_random(&dag, 10000));
	const struct dag_entry *xy = dag_node(&dag, &(struct dag_node){ .children = (const struct dag_entry *[]){ x, y }, .n = 2, .version = 1 });
	const struct dag_entry *yx = dag_node(&dag, &(struct dag_node){ .children = (const struct dag_entry *[]){ y, x }, .n = 2, .version = 1 });

	root = dag_node(&dag, &(struct dag_node){ .children = (const struct dag_entry *[]){ xy, yx }, .n = 2, .version = 1 });
	buf_reset(&file);
	dag_file(root, &file);
	USE(LACKS_SECOND, NO_CAR);
	source[1].rest_until_ms = mono(NULL) + 1000;
	want();
	while (failed + good == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_msg(failed == 0, "%s", last_why);
	check_file();
	ck_assert_uint_eq(peer[1].blocks, 1);
}
END_TEST

/* What one of its answers has ended, another that was on its way does not begin again. */
START_TEST(one_that_is_out_stays_out)
{
	USE(DENIES_OR_LACKS);
	want();
	run_until(&failed, 1);
	ck_assert_msg(peer[0].blocks <= 1 + root->n_children, "%u blocks", peer[0].blocks);
}
END_TEST

/* The second one fails; the first is still on its way to bring it. */
START_TEST(what_is_on_its_way_is_not_asked_again_when_a_twin_fails)
{
	USE(SILENT_BLOCKS, DOWN);
	equals(2);
	source[1].first_byte_ms = 2000;
	source[1].rate = 100000;
	want();
	run_until(&peer[0].blocks, 1);
	while (source[1].failures < 2) {
		mono_ms += 20000;
		fetch_on_tick(first());
		uv_run(&loop, UV_RUN_ONCE);
	}
	ck_assert_uint_eq(fetch_lanes(first()), 1);
	ck_assert_uint_eq(peer[0].blocks, 1);
}
END_TEST

START_TEST(blocks_that_do_not_come_are_asked_of_another)
{
	USE(SILENT_BLOCKS, NO_CAR);
	equals(2);
	source[1].first_byte_ms = 2000;		/* it was slow once: the other one is asked first */
	source[1].rate = 100000;
	want();
	run_until(&peer[0].blocks, 1);
	let_pass(20000, &good, 1);
	check_file();
	ck_assert_uint_gt(peer[1].blocks, 30);
	ck_assert_msg(!strncmp(source[0].last_error, "too slow", 8), "and is blamed: %s", source[0].last_error);
}
END_TEST

START_TEST(an_archive_that_crawls_is_left)
{
	USE(SILENT_AFTER_HALF, NO_CAR);
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 100000)
		uv_run(&loop, UV_RUN_ONCE);
	while (peer[1].blocks == 0) {
		mono_ms += FETCH_PACE_MS;
		uv_run(&loop, UV_RUN_ONCE);
	}
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].cars == 1 && source[0].failures > 0, "its archive is not asked for again");
	ck_assert_msg(peer[1].blocks < 30, "what came stays: %u", peer[1].blocks);
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "ok");
}
END_TEST

/* Where the line is thin for all, nobody is left for somebody who is no better. */
START_TEST(one_that_crawls_like_the_others)
{
	USE(SILENT_AFTER_HALF, NO_CAR);
	source[1].rate = 3000;
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 150000)
		uv_run(&loop, UV_RUN_ONCE);
	first()->lane[0].looked_bytes = first()->lane[0].bytes;
	first()->lane[0].looked_ms = mono(NULL);
	source[1].rate = 0;
	fetch_on_tick(first());
	ck_assert_msg(source[0].failures == 0, "a moment is no time");
	source[1].rate = 3000;
	first()->lane[0].looked_bytes = 0;	/* 150 kB in 100 s */
	first()->lane[0].looked_ms = mono(NULL);
	mono_ms += 100000;
	fetch_on_tick(first());
	ck_assert_uint_eq(source[0].failures, 0);
	source[1].rate = 0;
	fetcher.uplink = 8000;
	first()->lane[0].looked_bytes = 0;
	first()->lane[0].looked_ms = mono(NULL);
	mono_ms += 100000;
	fetch_on_tick(first());
	ck_assert_msg(source[0].failures == 0, "nobody is faster than our own cap");
	fetcher.uplink = 0;
	first()->lane[0].looked_bytes = 0;
	first()->lane[0].looked_ms = mono(NULL);
	mono_ms += 100000;
	fetch_on_tick(first());
	ck_assert_msg(source[0].failures == 1, "one that nobody knows is tried");
	run_until(&good, 1);
	check_file();
}
END_TEST

START_TEST(one_that_crawls_and_nobody_else)
{
	USE(SILENT_AFTER_HALF);
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 100000)
		uv_run(&loop, UV_RUN_ONCE);
	mono_ms += 10 * FETCH_PACE_MS;
	fetch_on_tick(first());
	mono_ms += 10 * FETCH_PACE_MS;
	fetch_on_tick(first());
	ck_assert_msg(first()->sm.at == FETCH_FETCHING && source[0].failures == 0, "slow is better than nothing");
	ck_assert_msg(fetch_lanes(first()) == 1 && peer[0].requests == 1, "and nothing is asked beside it that it brings");
}
END_TEST

/* A line that breaks takes all requests with it: that is one failure, not as many. */
START_TEST(all_at_once_are_one_failure)
{
	USE(NO_CAR);
	want();
	run_until(&peer[0].blocks, 1);
	peer[0].deed = DOWN;
	while (source[0].failures < 7)		/* one more, and the 406 */
		uv_run(&loop, UV_RUN_ONCE);
	peer[0].deed = NO_CAR;
	run_until(&good, 1);
	check_file();
	ck_assert_uint_eq(failed, 0);
}
END_TEST

/* Over a thin line each of many would crawl, and all that is on its way be lost at a break. */
START_TEST(fewer_at_a_time_over_a_thin_line)
{
	USE(NO_CAR);
	want();
	run_until(&peer[0].blocks, 1);
	while (good == 0) {
		first()->rate = 40000;
		uv_run(&loop, UV_RUN_ONCE);
		ck_assert_uint_le(good ? 0 : fetch_lanes(first()), 1);
	}
	check_file();
}
END_TEST

START_TEST(the_rate_is_what_all_bring)
{
	USE(SILENT_AFTER_HALF);
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 150000)
		uv_run(&loop, UV_RUN_ONCE);
	fetch_on_tick(first());
	ck_assert_uint_eq(fetch_lanes_max(first()), FETCH_LANES_MAX);
	first()->paced_ms = mono(NULL);
	first()->paced_bytes = 0;
	mono_ms += 10000;
	fetch_on_tick(first());
	ck_assert_msg(first()->rate > 14000 && first()->rate < 17000, "%llu", (unsigned long long)first()->rate);
	ck_assert_uint_eq(fetch_lanes_max(first()), 1);
	first()->came += 100000000;
	fetch_on_tick(first());
	ck_assert_msg(first()->rate < 17000, "a moment is no time: %llu", (unsigned long long)first()->rate);
	first()->came -= 100000000;
	mono_ms += 10000;
	fetch_on_tick(first());
	ck_assert_msg(first()->rate > 14000, "silence is no rate");
}
END_TEST

START_TEST(the_better_one_is_asked_first)
{
	USE(HONEST, HONEST);
	equals(2);
	source[0].rate = 10000;
	source[1].rate = 10000000;
	fetched();
	ck_assert(peer[0].requests == 0 && peer[1].cars == 1);
}
END_TEST

/* --- the window --- */

#define CLOSED_MS 2800000	/* from wall() to 15:00 in UTC */

static struct ledger_want closed(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	fetcher.window = window_of("15:00-16:00");
	return want_of("acme/thermostat", 1);
}

START_TEST(nothing_is_asked_for_outside_the_window)
{
	struct ledger_want w;

	USE(HONEST);
	w = closed();
	ck_ok(fetcher_want(&fetcher, &w, &err));
	run_until(&failed, 1);
	ck_assert_str_eq(last_why, "waits for the fetch window");
	ck_assert_int_eq(last_retry_ms, wall(NULL) + CLOSED_MS);
	ck_assert_uint_eq(peer[0].requests, 0);
}
END_TEST

/* The clock that says so may be hours wrong, and be set in a minute. */
START_TEST(a_far_window_is_looked_at_again_within_the_hour)
{
	struct ledger_want w;

	USE(HONEST);
	w = closed();
	fetcher.window = window_of("13:00-14:00");
	ck_ok(fetcher_want(&fetcher, &w, &err));
	run_until(&failed, 1);
	ck_assert_int_eq(last_retry_ms, wall(NULL) + FETCH_WINDOW_LOOK_MS);
}
END_TEST

START_TEST(urgent_ones_ignore_the_window)
{
	struct ledger_want w;

	USE(HONEST);
	w = closed();
	w.is_urgent = true;
	ck_ok(fetcher_want(&fetcher, &w, &err));
	run_until(&good, 1);
}
END_TEST

START_TEST(a_peer_is_not_at_the_uplink)
{
	USE(HONEST, HONEST);
	closed();
	be(1, SOURCE_PEER);
	fetched();
	ck_assert_uint_eq(peer[0].requests, 0);
}
END_TEST

/* It may have the image before the window opens. */
START_TEST(a_peer_is_asked_again_before_the_window_opens)
{
	USE(HONEST, LACKS);
	closed();
	be(1, SOURCE_PEER);
	want();
	run_until(&failed, 1);
	ck_assert_msg(last_retry_ms < wall(NULL) + CLOSED_MS / 2, "%lld", (long long)(last_retry_ms - wall(NULL)));
	ck_assert_uint_eq(peer[0].requests, 0);
}
END_TEST

START_TEST(the_window_closes_on_what_is_under_way)
{
	USE(SILENT_AFTER_HALF);
	want();
	run_until(&peer[0].cars, 1);
	while (source[0].bytes < 100000)
		uv_run(&loop, UV_RUN_ONCE);
	closed();
	run_until(&failed, 1);
	ck_assert_str_eq(last_why, "waits for the fetch window");
	fetcher.window = window_of("");
	peer[0].deed = NO_CAR;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].blocks < 30, "and goes on where it was: %u", peer[0].blocks);
}
END_TEST

/* A page's length and encoding are no news beside its status. */
START_TEST(an_error_page_longer_than_the_image)
{
	USE(PAGE);
	be(0, SOURCE_BLOCKS);
	want();
	run_until(&failed, 1);
	ck_assert_str_eq(fetch_source_state(&source[0], mono(NULL)), "resting");
	ck_assert_msg(strstr(last_why, "status 429") != NULL, "%s", last_why);
}
END_TEST

/* --- what the manifest says and the content is not --- */

START_TEST(another_digest)
{
	struct ledger_want w;

	USE(HONEST);
	w = want_of("acme/thermostat", 1);
	w.sha256.b[0] ^= 1;
	ck_ok(fetcher_want(&fetcher, &w, &err));
	run_until(&wrong, 1);
	ck_assert(good == 0 && list_is_empty(&fetcher.fetches) && hash32_eq(&last_wrong.sha256, &w.sha256));
	ck_assert_msg(source[0].bad_blocks == 0, "not the source's fault");
}
END_TEST

START_TEST(another_size)
{
	struct ledger_want w;

	USE(HONEST);
	w = want_of("acme/thermostat", 1);
	w.size = _i ? w.size + 1 : w.size - 1;
	ck_ok(fetcher_want(&fetcher, &w, &err));
	run_until(&wrong, 1);
	ck_assert_msg(good == 0 && last_wrong.size == w.size, "%s", _i ? "shorter" : "longer");
}
END_TEST

START_TEST(a_cid_that_is_none)
{
	struct ledger_want w;

	USE(HONEST);
	w = want_of("acme/thermostat", 1);
	w.cid = "Qmnonsense";
	ck_assert_int_ne(fetcher_want(&fetcher, &w, &err), ERR_OK);
	ck_assert(list_is_empty(&fetcher.fetches));
}
END_TEST

/* --- claims --- */

static struct ledger_want lie_of(const char *product, uint64_t sequence)
{
	struct ledger_want w = want_of(product, sequence);

	w.cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";	/* nobody has it */
	return w;
}

START_TEST(a_lie_about_a_digest_does_not_keep_the_truth_away)
{
	struct ledger_want lie, truth;

	USE(HONEST);
	lie = lie_of("evil/thing", 1);
	truth = want_of("acme/thermostat", 1);
	ck_ok(fetcher_want(&fetcher, &lie, &err));
	ck_ok(fetcher_want(&fetcher, &truth, &err));
	run_until(&failed, 1);
	ck_assert_str_eq(last_failed.cid, lie.cid);
	run_until(&good, 1);
	check_file();
}
END_TEST

START_TEST(a_wrong_claim_convicts_only_itself)
{
	struct ledger_want lie, truth;

	USE(HONEST);
	lie = want_of("evil/thing", 1);
	truth = want_of("acme/thermostat", 1);
	lie.size = 77;
	ck_ok(fetcher_want(&fetcher, &lie, &err));
	ck_ok(fetcher_want(&fetcher, &truth, &err));
	run_until(&good, 1);
	ck_assert_msg(wrong == 1 && last_wrong.size == 77, "the same CID, another size");
	check_file();
}
END_TEST

START_TEST(claims_take_turns)
{
	struct ledger_want a, b;
	unsigned of_a = 0;

	USE(HONEST);
	a = lie_of("evil/thing", 1);
	b = lie_of("evil/other", 1);
	b.cid = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq";
	ck_ok(fetcher_want(&fetcher, &a, &err));
	ck_ok(fetcher_want(&fetcher, &b, &err));
	for (unsigned n = 1; n <= 4; n++) {
		run_until(&failed, n);
		of_a += !strcmp(last_failed.cid, a.cid);
		fetch_hurry(first());
	}
	ck_assert_uint_eq(of_a, 2);
}
END_TEST

/* --- the disk --- */

static void run_until_state(unsigned at)
{
	while (first()->sm.at != at)
		ck_assert_msg(uv_run(&loop, UV_RUN_ONCE) != 0, "nothing is going on any more");
}

START_TEST(a_pause_hangs_up_and_asks_nobody)
{
	static const unsigned when[] = { FETCH_RESTORING, FETCH_FETCHING };

	USE(NO_CAR);
	want();
	run_until_state(when[_i]);
	fetcher_pause(&fetcher, "the disk is full");
	run_until_state(FETCH_WAITING);
	ck_assert_str_eq(last_why, "the disk is full");
	ck_assert_uint_eq(troubles, 0);		/* who pauses it knows why */
	unsigned asked = peer[0].cars + peer[0].blocks;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	ck_assert_msg(first()->sm.at == FETCH_QUEUED, "not even when somebody is in a hurry");
	struct ledger_want other = want_of("acme/radio", 2);
	ck_ok(fetcher_want(&fetcher, &other, &err));
	for (unsigned turns = 0; turns < 20; turns++)
		uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert_uint_eq(peer[0].cars + peer[0].blocks, asked);
	fetcher_resume(&fetcher);
	run_until(&good, 1);
	check_file();
}
END_TEST

static int is_full(int fd, off_t size)
{
	(void)fd, (void)size;
	errno = ENOSPC;
	return -1;
}

static ssize_t is_broken(int fd, const void *p, size_t n, off_t at)
{
	(void)fd, (void)p, (void)n, (void)at;
	errno = EIO;
	return -1;
}

static bool has_part(void)
{
	struct hash32 sha = sha256_of(buf_span(&file));
	char path[BLOB_PATH_MAX + 24], name[BLOB_PATH_MAX];

	snprintf(path, sizeof path, "objects/%s.part", blobs_path(&sha, name));
	return tempdir_has(path);
}

/* The image is asked for on a disk like this, and that is told. */
static void fail_once(const struct sysio *sys)
{
	blobs_free(blobs);
	ck_ok(blobs_open(tempdir_fd, sys, &blobs, &err));
	USE(HONEST);
	want();
	run_until(&failed, 1);
	ck_assert_uint_eq(troubles, 1);
}

START_TEST(what_the_disk_refuses_is_told)
{
	struct sysio sys = sysio_kernel;

	if (_i)
		sys.pwrite = is_broken;
	else
		sys.fallocate = is_full;
	fail_once(&sys);
	ck_assert_int_eq(last_trouble.code, _i ? ERR_IO : ERR_NO_SPACE);
	ck_assert_msg(source[0].failures == 0, "no source is to blame");
	fetcher_pause(&fetcher, last_trouble.msg);
	sys = sysio_kernel;
	fetcher_resume(&fetcher);
	run_until(&good, 1);
	check_file();
	ck_assert_uint_eq(troubles, 1);
}
END_TEST

/* The sectors of this file alone: that is told once, and then another file is tried. */
START_TEST(a_bad_place_keeps_nobody_else_waiting)
{
	struct sysio sys = sysio_kernel;

	sys.pwrite = is_broken;
	fail_once(&sys);
	ck_assert(has_part());
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&failed, 2);
	ck_assert_uint_eq(troubles, 1);
	ck_assert(!has_part());
	sys = sysio_kernel;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
}
END_TEST

START_TEST(a_full_cache_is_not_the_disks_fault)
{
	USE(HONEST);
	room_rc = ERR_NO_SPACE;
	want();
	run_until(&failed, 1);
	ck_assert_uint_eq(troubles, 0);
}
END_TEST

START_TEST(it_ends_when_nobody_wants_it)
{
	struct ledger_want one, two;

	USE(DOWN);
	one = want_of("acme/thermostat", 1);
	two = want_of("acme/thermostat", 2);
	ck_ok(fetcher_want(&fetcher, &one, &err));
	ck_ok(fetcher_want(&fetcher, &two, &err));
	ck_ok(fetcher_want(&fetcher, &two, &err));
	fetcher_unwant(&fetcher, &two);
	ck_assert_msg(first() != NULL, "one still wants it");
	fetcher_unwant(&fetcher, &one);
	ck_assert(first() == NULL);
}
END_TEST

/* Requests go on under the names of the release whose turn it was. */
START_TEST(a_release_that_goes_leaves_its_names)
{
	char product[] = "acme/thermostat";
	struct ledger_want one, two;

	USE(SILENT);
	one = want_of(product, 1);
	two = want_of("acme/other", 2);
	ck_ok(fetcher_want(&fetcher, &one, &err));
	run_until(&peer[0].cars, 1);
	ck_ok(fetcher_want(&fetcher, &two, &err));
	fetcher_unwant(&fetcher, &one);
	memset(product, '?', strlen(product));	/* the ledger's, and gone with it */
	ck_assert_str_eq(first()->names.product, "acme/thermostat");
	ck_assert_str_eq(first()->names.version, "1");
}
END_TEST

START_TEST(once_is_once)
{
	struct ledger_want w;

	USE(DOWN);
	w = want_of("acme/thermostat", 1);
	ck_ok(fetcher_want_once(&fetcher, &w, &err));
	fetcher_unwant(&fetcher, &w);
	ck_assert_msg(first() != NULL, "the ledger's word does not end it");
	run_until(&failed, 1);
	ck_assert_msg(first() == NULL && last_retry_ms == 0, "but the first failure does");
}
END_TEST

/* --- the disk --- */

START_TEST(no_room_is_waited_for)
{
	USE(HONEST);
	room_rc = ERR_NO_SPACE;
	want();
	ck_assert(failed == 1 && begun == 0 && first()->sm.at == FETCH_WAITING);
	ck_assert_str_eq(last_why, "no room now");
	room_rc = ERR_OK;
	run_until(&good, 1);
}
END_TEST

static struct ledger_want other_want(unsigned n)
{
	struct ledger_want w = want_of("acme/thermostat", n);

	w.sha256 = hash_of(n);
	return w;
}

START_TEST(many_that_fail_at_once_do_not_pile_up_on_the_stack)
{
	struct ledger_want w;

	USE(SILENT);
	for (unsigned i = 0; i < 300 + FETCHES_MAX; i++) {	/* the first ones hold the places, the others queue */
		w = other_want(i);
		ck_ok(fetcher_want(&fetcher, &w, &err));
	}
	room_rc = ERR_NO_SPACE;
	w = other_want(0);
	fetcher_unwant(&fetcher, &w);
	ck_assert_uint_eq(failed, 300);
	ck_assert_uint_lt(stack_high - stack_low, 1024);
}
END_TEST

START_TEST(a_restart_goes_on_where_it_was)
{
	unsigned before;

	USE(TRUNCATES_ALL);
	want();
	run_until(&failed, 1);
	fetcher_close(&fetcher);
	while (uv_run(&loop, UV_RUN_NOWAIT) && !list_is_empty(&fetcher.fetches))
		;
	before = peer[0].blocks;
	fetcher_init(&fetcher, &loop, http, blobs, &test_clock, source, 1,
		     (struct fetcher_owner){ on_good, on_wrong, on_failed, on_begun, on_trouble, make_room, NULL, NULL });
	peer[0].deed = NO_CAR;
	want();
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].blocks - before < 30, "half of it was there: %u", peer[0].blocks - before);
}
END_TEST

/* Somebody who gives nothing but whole archives is asked for one again: better than nothing. */
START_TEST(a_restart_with_archives_only)
{
	USE(TRUNCATES_ALL);
	want();
	run_until(&failed, 1);
	peer[0].deed = ONLY_CARS;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
	ck_assert_uint_eq(peer[0].cars, 2);
}
END_TEST

/* In the file's object, or what lies beside it. */
static void rot(const char *suffix, off_t at)
{
	struct hash32 sha = sha256_of(buf_span(&file));
	char path[BLOB_PATH_MAX + 24], name[BLOB_PATH_MAX];

	snprintf(path, sizeof path, "objects/%s%s", blobs_path(&sha, name), suffix);
	tempdir_flip(path, at);
}

START_TEST(a_damaged_object_is_repaired_without_a_source)
{
	USE(HONEST);
	fetched();
	rot("", 150000);
	good = 0;
	peer[0].deed = NO_CAR;
	peer[0].blocks = 0;
	want();
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].blocks <= 2, "only the damaged leaf: %u", peer[0].blocks);
}
END_TEST

/* Every block fitted when it was read, and one does not any more: nobody lied but the disk. */
START_TEST(the_disk_changes_what_was_restored)
{
	USE(HONEST);
	fetched();
	rot("", 150000);
	good = 0;
	peer[0].deed = NO_CAR;
	want();
	while (first()->sm.at != FETCH_FETCHING)
		ck_assert_int_ne(uv_run(&loop, UV_RUN_ONCE), 0);
	rot(".part", 20000);
	run_until(&good, 1);
	check_file();
	ck_assert(wrong == 0 && failed == 0);
}
END_TEST

/* --- what lies there already --- */

static struct fetch_place place;
static int place_rc;

static int look(void *arg, const struct hash32 *sha256, struct fetch_place *out, struct err *e)
{
	(void)arg, (void)sha256;
	*out = place;
	return place_rc ? err_set(e, place_rc, "its files are in use") : ERR_OK;
}

START_TEST(lost_blocks_come_back_beside_a_whole_image)
{
	USE(HONEST);
	fetched();
	place = (struct fetch_place){ .is_whole = true, .has_room = true };
	place_rc = ERR_OK;
	fetcher.owner.look = look;
	rot(".dag", 9);
	good = 0;
	peer[0].blocks = 0;
	room_rc = ERR_NO_SPACE;		/* nobody asks */
	want();
	run_until(&good, 1);
	check_file();
	ck_assert_msg(last_good.digests.dag_bytes > 0, "they are there again");
}
END_TEST

START_TEST(files_in_use_are_waited_for)
{
	struct hash32 sha = sha256_of(buf_span(&file));

	USE(HONEST);
	place = (struct fetch_place){ .is_whole = false };
	place_rc = ERR_BUSY;
	fetcher.owner.look = look;
	want();
	run_until(&failed, 1);
	place_rc = ERR_OK;
	fetcher_hurry(&fetcher, &sha);
	run_until(&good, 1);
	check_file();
}
END_TEST

/* --- cancelling --- */

static const struct { const char *rule; enum deed deed; enum fetch_at at; } states[] = {
	{ "restoring", HONEST, FETCH_RESTORING },
	{ "while an archive is asked for", SILENT, FETCH_FETCHING },
	{ "in the middle of an archive", SILENT_AFTER_HALF, FETCH_FETCHING },
	{ "while blocks are asked for", SILENT_BLOCKS, FETCH_FETCHING },
	{ "settling", TRUNCATES, FETCH_SETTLING },
	{ "finishing", HONEST, FETCH_FINISHING },
	{ "waiting", DOWN, FETCH_WAITING },
};

static void run_to(enum fetch_at at)
{
	while (first()->sm.at != at)
		ck_assert_int_ne(uv_run(&loop, UV_RUN_ONCE), 0);
}

START_TEST(cancelled_in_each_state)
{
	struct ledger_want w;

	USE(states[_i].deed);
	want();
	run_to(states[_i].at);
	for (int i = 0; states[_i].deed == SILENT_AFTER_HALF && i < 20; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	w = want_of("acme/thermostat", 1);
	fetcher_unwant(&fetcher, &w);
	ck_assert_msg(list_is_empty(&fetcher.fetches), "%s", states[_i].rule);
	good = wrong = failed = 0;
	peer[0].deed = HONEST;
	want();				/* the same again, at once */
	run_until(&good, 1);
	check_file();
}
END_TEST

START_TEST(closed_in_each_state)
{
	USE(states[_i].deed);
	want();
	run_to(states[_i].at);
	/* teardown closes; every handle must go */
}
END_TEST

START_TEST(only_so_many_at_a_time)
{
	struct ledger_want w;

	USE(SILENT);
	for (unsigned i = 0; i < 6; i++) {
		w = want_of(i % 2 ? "acme/thermostat" : "acme/lamp", i);
		w.sha256 = hash_of(i);
		w.is_urgent = i >= 4;
		ck_ok(fetcher_want(&fetcher, &w, &err));
	}
	for (unsigned i = 0; i < 6; i++) {
		struct hash32 hash = hash_of(i);

		ck_assert_msg(fetcher_is_fetching(&fetcher, &hash) == (i < 2 || i == 4), "%u: two, and an urgent one besides", i);
	}
	w = want_of("acme/lamp", 0);
	w.sha256 = hash_of(0);
	fetcher_unwant(&fetcher, &w);
	ck_assert_msg(fetcher_is_fetching(&fetcher, &(struct hash32[]){ hash_of(5) }[0]), "the urgent one is next");
	ck_assert(!fetcher_is_fetching(&fetcher, &(struct hash32[]){ hash_of(2) }[0]));
}
END_TEST

/* A product's turn is its newest release's; no product's many keep another one waiting. */
START_TEST(the_newest_of_a_product_first)
{
	static const struct { const char *product; unsigned n; } wants[] = {
		{ "acme/thermostat", 1 }, { "acme/thermostat", 2 }, { "acme/thermostat", 3 }, { "acme/lamp", 4 }, { "acme/thermostat", 5 }, { "acme/thermostat", 6 },
	};
	static const unsigned order[] = { 6, 4, 5, 3 };
	struct ledger_want w;

	USE(SILENT);
	for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
		w = want_of(wants[i].product, wants[i].n);
		w.sha256 = hash_of(wants[i].n);
		ck_ok(fetcher_want(&fetcher, &w, &err));
	}
	w = want_of("acme/thermostat", 1);
	w.sha256 = hash_of(1);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		struct hash32 next = hash_of(order[i]);

		ck_assert(!fetcher_is_fetching(&fetcher, &next));
		fetcher_unwant(&fetcher, &w);
		ck_assert_msg(fetcher_is_fetching(&fetcher, &next), "%u is next", order[i]);
		w = want_of(order[i] == 4 ? "acme/lamp" : "acme/thermostat", order[i]);
		w.sha256 = next;
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fetcher");
	TCase *t = tcase_create("all");
	SRunner *r;
	int n_failed;
	const TTest *const tests[] = { an_honest_archive, no_archives_then_blocks, half_an_archive_then_blocks,
		a_liar_is_quarantined_and_the_next_one_asked, a_liar_is_hung_up_on, keys_are_not_shown, nobody_has_it, everyone_is_resting, a_liar_that_rests_is_not_waited_for, in_a_second_for_ever,
		a_stream_that_says_that_it_broke, another_digest, a_cid_that_is_none,
		a_lie_about_a_digest_does_not_keep_the_truth_away, a_wrong_claim_convicts_only_itself, claims_take_turns,
		a_bad_place_keeps_nobody_else_waiting, a_full_cache_is_not_the_disks_fault, it_ends_when_nobody_wants_it, a_release_that_goes_leaves_its_names, once_is_once, no_room_is_waited_for,
		many_that_fail_at_once_do_not_pile_up_on_the_stack, a_restart_goes_on_where_it_was,
		a_restart_with_archives_only, a_damaged_object_is_repaired_without_a_source, the_disk_changes_what_was_restored,
		lost_blocks_come_back_beside_a_whole_image, files_in_use_are_waited_for, only_so_many_at_a_time, the_newest_of_a_product_first,
		a_mirror_lies_in_a_leaf, a_mirror_lies_in_a_wrapped_leaf,
		a_mirror_lies_in_a_whole_file, a_whole_file_is_not_written_over_what_is_verified,
		one_that_is_out_stays_out, an_inner_block_that_comes_last, what_is_on_its_way_is_not_asked_again_when_a_twin_fails,
		a_whole_file_in_pieces, a_whole_lie_and_what_was_verified, an_error_page_longer_than_the_image, mirrors_that_all_lie, blocks_of_two, a_rate_is_what_long_replies_bring, a_block_that_one_lacks,
		one_that_cannot_be_asked_at_all, blocks_that_do_not_come_are_asked_of_another, an_archive_that_crawls_is_left, one_that_crawls_like_the_others, one_that_crawls_and_nobody_else,
		all_at_once_are_one_failure, fewer_at_a_time_over_a_thin_line, the_rate_is_what_all_bring, the_better_one_is_asked_first, nothing_is_asked_for_outside_the_window,
		a_far_window_is_looked_at_again_within_the_hour, urgent_ones_ignore_the_window,
		a_peer_is_not_at_the_uplink, a_peer_is_asked_again_before_the_window_opens, the_window_closes_on_what_is_under_way };

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, a_pause_hangs_up_and_asks_nobody, 0, 2);
	tcase_add_loop_test(t, what_the_disk_refuses_is_told, 0, 2);
	tcase_add_loop_test(t, one_honest_source_is_enough, 0, sizeof useless / sizeof *useless);
	tcase_add_loop_test(t, another_size, 0, 2);
	tcase_add_loop_test(t, each_kind_alone, 0, sizeof kinds / sizeof *kinds);
	tcase_add_loop_test(t, one_that_dribbles_is_not_asked_without_end, 0, 2);
	tcase_add_loop_test(t, the_rest_of_an_archive, 0, sizeof rests / sizeof *rests);
	tcase_add_loop_test(t, a_whole_file_and_its_inner_blocks, 0, sizeof whole / sizeof *whole);
	tcase_add_loop_test(t, an_archive_that_cannot_be_continued, 0, sizeof unsewn / sizeof *unsewn);
	tcase_add_loop_test(t, cancelled_in_each_state, 0, sizeof states / sizeof *states);
	tcase_add_loop_test(t, closed_in_each_state, 0, sizeof states / sizeof *states);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? 1 : 0;
}
