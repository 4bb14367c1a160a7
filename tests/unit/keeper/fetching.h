/* fetching.h: a fetcher with real blobs, a clock that can be turned, sources on loopback, honest and not, and what its owner has heard. */
#ifndef TESTS_FETCHING_H
#define TESTS_FETCHING_H

#include "keeper/fetch_own.h"
#include "base/cleanup.h"
#include "formats/sha256.h"
#include "peers.h"
#include "store/tempdir.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

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
static unsigned good, wrong, failed, begun, rotten, troubles, last_tries;
static struct err last_trouble;
static struct fetched last_good;
static struct fetch_target last_wrong, last_failed;
static char last_why[320];
static int64_t last_retry_ms;
static int room_rc;
static uintptr_t stack_high, stack_low;

static inline void on_good(void *arg, const struct fetched *f)
{
	(void)arg;
	good++;
	last_good = *f;
}

static inline void on_wrong(void *arg, const struct fetch_target *t, const char *why)
{
	(void)arg;
	wrong++;
	last_wrong = *t;
	snprintf(last_why, sizeof last_why, "%s", why);
}

static inline void on_failed(void *arg, const struct fetch_target *t, const char *why, unsigned tries, int64_t retry_at_ms)
{
	uintptr_t here = (uintptr_t)&arg;

	last_tries = tries;
	if (!failed++)
		stack_high = here;
	stack_low = failed == 1 || here < stack_low ? here : stack_low;
	last_failed = *t;
	last_retry_ms = retry_at_ms;
	snprintf(last_why, sizeof last_why, "%s", why);
}

static inline void on_begun(void *arg, const struct hash32 *sha256)
{
	(void)arg, (void)sha256;
	begun++;
}

static inline void on_rotten(void *arg, const struct hash32 *sha256)
{
	(void)arg, (void)sha256;
	rotten++;
}

static inline void on_trouble(void *arg, const struct err *e)
{
	(void)arg;
	troubles++;
	last_trouble = *e;
}

static inline int make_room(void *arg, uint64_t size, struct err *e)
{
	(void)arg, (void)size;
	return room_rc ? err_set(e, room_rc, "no room now") : ERR_OK;
}

static inline int64_t wall(void *arg)
{
	(void)arg;
	return 1790000000000;
}

static inline int64_t mono(void *arg)
{
	(void)arg;
	return mono_ms + (int64_t)(uv_hrtime() / 1000000);
}

static inline enum clock_state synced(void *arg)
{
	(void)arg;
	return CLOCK_SYNCED;
}

static inline void setup(void)
{
	struct http_conf conf = { .proxy = NULL };

	good = wrong = failed = begun = rotten = troubles = 0;
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

/* As after a start: nothing is wanted yet. */
static inline void begin(void)
{
	fetcher_init(&fetcher, &loop, http, blobs, &test_clock, source, peers,
		     (struct fetcher_owner){ on_good, on_wrong, on_failed, on_begun, on_rotten, on_trouble, make_room, NULL, NULL });
}

static inline void use(const enum deed *deeds, size_t n)
{
	peers = n;
	for (size_t i = 0; i < n; i++) {
		peer_open(&peer[i], &loop, deeds[i], &dag, root);
		source[i] = (struct fetch_source){ .name = (const char *[]){ "one", "two", "three", "four" }[i], .is_private = true,
			.source = { .kind = SOURCE_TRUSTLESS, .url = peer[i].url }, .priority = (int)i };
	}
	begin();
}
#define USE(...) use((const enum deed[]){ __VA_ARGS__ }, sizeof((const enum deed[]){ __VA_ARGS__ }) / sizeof(enum deed))

static inline void teardown(void)
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

static inline struct ledger_want want_of(const char *product, uint64_t sequence)
{
	return (struct ledger_want){ .sha256 = sha256_of(buf_span(&file)), .size = file.n, .cid = cid_text(&root->cid, cid),
		.product = product, .version = "1", .sequence = sequence };
}

static inline void want(void)
{
	struct ledger_want w = want_of("acme/thermostat", 1);

	ck_ok(fetcher_want(&fetcher, &w, &err));
}

static inline void one_turn(void)
{
	ck_assert_msg(uv_run(&loop, UV_RUN_ONCE) != 0, "nothing is going on any more");
}

static inline void run_until(const unsigned *counter, unsigned n)
{
	while (*counter < n)
		one_turn();
}

static inline struct fetch *first(void)
{
	return list_is_empty(&fetcher.fetches) ? NULL : LIST_ITEM(fetcher.fetches.next, struct fetch, node);
}

static inline void check_file(void)
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

static inline void fetched(void)
{
	want();
	run_until(&good, 1);
	check_file();
	ck_assert_msg(list_is_empty(&fetcher.fetches) && wrong == 0 && failed == 0, "and nothing else");
}

/* As over a restart: nothing is left of it but what is on the disk. */
static inline void begin_again(void)
{
	fetcher_close(&fetcher);
	while (uv_run(&loop, UV_RUN_NOWAIT) && !list_is_empty(&fetcher.fetches))
		;
	begin();
}

/* Makes source i one of this kind, at its peer. */
static inline void be(size_t i, enum source_kind kind)
{
	static const char *const tail[SOURCE_KINDS] = { [SOURCE_CAR] = "/car/{cid}.car", [SOURCE_BLOCKS] = "/blocks",
		[SOURCE_MIRROR] = "/image/{sha256}" };
	static char url[4][200];

	snprintf(url[i], sizeof url[i], "%s%s", peer[i].url, tail[kind] ? tail[kind] : "");
	source[i].source.kind = kind;
	source[i].source.url = url[i];
}

#endif
