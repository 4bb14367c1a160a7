/* test_fetcher.c: images from sources on loopback, honest and not, into real blobs. */
#include "keeper/fetch.h"
#include "base/cleanup.h"
#include "formats/sha256.h"
#include "peers.h"
#include "store/tempdir.h"

#include <stdlib.h>

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
static int64_t mono_ms;
static struct clock test_clock;

/* What the owner heard. */
static unsigned good, wrong, failed, begun;
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
	return mono_ms;
}

static enum clock_state synced(void *arg)
{
	(void)arg;
	return CLOCK_SYNCED;
}

static void setup(void)
{
	struct http_conf conf = { .proxy = NULL };

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
		     (struct fetcher_owner){ on_good, on_wrong, on_failed, on_begun, make_room, NULL });
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
		.product = product, .sequence = sequence };
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
	ck_assert_str_eq(fetch_source_state(&source[0], mono_ms), "quarantined");
	ck_assert_uint_eq(source[0].bad_blocks, 1);
	ck_assert_str_eq(fetch_source_state(&source[1], mono_ms), "ok");
	ck_assert_str_eq(fetch_source_state(&source[0], mono_ms + SOURCE_QUARANTINE_MS), "ok");
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
	run_until(&failed, 1);
	ck_assert_str_eq(source[0].last_error, "answers with ***/*** (status 200)");
	ck_assert_str_eq(last_why, "one: answers with ***/*** (status 200)");
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
	ck_assert_msg(strstr(last_why, "two"), "and why: %s", last_why);
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
	ck_assert_str_eq(fetch_source_state(&source[0], mono_ms), "resting");
	mono_ms += 60001;
	peer[0].deed = HONEST;
	run_until(&good, 1);
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
		     (struct fetcher_owner){ on_good, on_wrong, on_failed, on_begun, make_room, NULL });
	peer[0].deed = NO_CAR;
	want();
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].blocks - before < 30, "half of it was there: %u", peer[0].blocks - before);
}
END_TEST

START_TEST(a_damaged_object_is_repaired_without_a_source)
{
	char path[BLOB_PATH_MAX + 16], full[BLOB_PATH_MAX];
	struct hash32 sha = sha256_of(buf_span(&file));

	USE(HONEST);
	fetched();
	snprintf(path, sizeof path, "objects/%s", blobs_path(&sha, full));
	tempdir_flip(path, 150000);
	good = 0;
	peer[0].deed = NO_CAR;
	peer[0].blocks = 0;
	want();
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].blocks <= 2, "only the damaged leaf: %u", peer[0].blocks);
}
END_TEST

/* --- cancelling --- */

static const struct { const char *rule; enum deed deed; enum fetch_at at; } states[] = {
	{ "restoring", HONEST, FETCH_RESTORING },
	{ "while an archive is asked for", SILENT, FETCH_CAR },
	{ "in the middle of an archive", SILENT_AFTER_HALF, FETCH_CAR },
	{ "while blocks are asked for", SILENT_BLOCKS, FETCH_BLOCKS },
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
	for (unsigned i = 0; i < 5; i++) {
		w = want_of("acme/thermostat", i);
		w.sha256 = hash_of(i);
		w.is_urgent = i == 4;
		ck_ok(fetcher_want(&fetcher, &w, &err));
	}
	ck_assert(fetcher_is_fetching(&fetcher, &(struct hash32[]){ hash_of(0) }[0]));
	ck_assert(!fetcher_is_fetching(&fetcher, &(struct hash32[]){ hash_of(2) }[0]));
	w = want_of("acme/thermostat", 0);
	w.sha256 = hash_of(0);
	fetcher_unwant(&fetcher, &w);
	ck_assert_msg(fetcher_is_fetching(&fetcher, &(struct hash32[]){ hash_of(4) }[0]), "the urgent one is next");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fetcher");
	TCase *t = tcase_create("all");
	SRunner *r;
	int n_failed;
	const TTest *const tests[] = { an_honest_archive, no_archives_then_blocks, half_an_archive_then_blocks,
		a_liar_is_quarantined_and_the_next_one_asked, keys_are_not_shown, nobody_has_it, everyone_is_resting, another_digest, a_cid_that_is_none,
		a_lie_about_a_digest_does_not_keep_the_truth_away, a_wrong_claim_convicts_only_itself, claims_take_turns,
		it_ends_when_nobody_wants_it, once_is_once, no_room_is_waited_for,
		many_that_fail_at_once_do_not_pile_up_on_the_stack, a_restart_goes_on_where_it_was,
		a_damaged_object_is_repaired_without_a_source, only_so_many_at_a_time };

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, one_honest_source_is_enough, 0, sizeof useless / sizeof *useless);
	tcase_add_loop_test(t, another_size, 0, 2);
	tcase_add_loop_test(t, cancelled_in_each_state, 0, sizeof states / sizeof *states);
	tcase_add_loop_test(t, closed_in_each_state, 0, sizeof states / sizeof *states);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? 1 : 0;
}
