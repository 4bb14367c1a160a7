/* test_fetcher.c: what is fetched when and for whom: claims, places, the disk, what is broken off; with real sources and blobs. */
#include "fetching.h"
#include "../support/preads.h"

/* In the file's object, or what lies beside it. */
static void rot(const char *suffix, off_t at)
{
	struct hash32 sha = sha256_of(buf_span(&file));
	char path[BLOB_PATH_MAX + 24], name[BLOB_PATH_MAX];

	snprintf(path, sizeof path, "objects/%s%s", blobs_path(&sha, name), suffix);
	tempdir_flip(path, at);
}

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

static void run_until_state(unsigned at)
{
	while (first() && first()->sm.at != at)
		one_turn();
	ck_assert_msg(first() != NULL, "it has ended: %s", last_why);
}

/* The disk may change what is there at any time; that one release's CID names another file is no reason to doubt it less for the next. */
START_TEST(a_lie_does_not_use_up_the_doubts_about_the_disk)
{
	const struct dag_entry *other = dag_balanced(&dag, LEAF_RAW, 300000, 10000, 8);
	char other_cid[CID_TEXT_MAX];
	struct ledger_want lie, truth;

	USE(NO_CAR);
	lie = want_of("evil/thing", 1);
	lie.cid = cid_text(&other->cid, other_cid);
	truth = want_of("acme/thermostat", 1);
	ck_ok(fetcher_want(&fetcher, &lie, &err));
	ck_ok(fetcher_want(&fetcher, &truth, &err));
	run_until(&wrong, 1);
	ck_assert_str_eq(last_wrong.cid, other_cid);
	peer[0].blocks = 0;
	run_until(&peer[0].blocks, 25);
	fetcher_pause(&fetcher, "");
	run_until_state(FETCH_WAITING);
	fetcher_resume(&fetcher);
	run_until_state(FETCH_FETCHING);	/* with what is there read, and found right */
	rot(".part", 5000);
	run_until(&good, 1);
	ck_assert_uint_eq(wrong, 1);
	check_file();
}
END_TEST

START_TEST(what_it_looks_like_is_told)
{
	static const uint8_t elf[20000] = "\x7f" "ELF";

	root = dag_leaf(&dag, LEAF_RAW, SPAN(elf, sizeof elf));
	buf_reset(&file);
	dag_file(root, &file);
	USE(HONEST);
	fetched();
	ck_assert_str_eq(last_good.format, "elf");
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

START_TEST(a_cid_of_a_block_that_cannot_be_so_large)
{
	struct ledger_want w;

	root = dag_leaf(&dag, LEAF_RAW, dag_random(&dag, 1000));
	USE(HONEST);
	w = want_of("acme/thermostat", 1);
	w.size = BLOCK_MAX + 1;
	ck_ok(fetcher_want(&fetcher, &w, &err));
	run_until(&wrong, 1);
	ck_assert(failed == 0 && peer[0].requests == 0);
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
		ck_ok(fetcher_want(&fetcher, &a, &err));	/* the ledger says so again and again */
		fetch_hurry(first());
	}
	ck_assert_uint_eq(of_a, 2);
}
END_TEST

#define WRAPPER (BLOCK_MAX - 200)	/* file bytes of a leaf that is kept as it came; eight of them leave little room for others */

/* As many such leaves, and a small one of the usual kind. */
static const struct dag_entry *wrappers(size_t n)
{
	const struct dag_entry *children[10];

	for (size_t i = 0; i < n; i++)
		children[i] = dag_leaf(&dag, LEAF_MODE, dag_random(&dag, WRAPPER));
	children[n] = dag_leaf(&dag, LEAF_RAW, dag_random(&dag, 1000));
	return dag_node(&dag, &(struct dag_node){ .children = children, .n = n + 1, .version = 1 });
}

/* A lie that comes first, about an image that has inner blocks of its own. */
static void want_beside(const struct dag_entry *lie)
{
	static char lie_cid[CID_TEXT_MAX];
	struct ledger_want w;

	root = dag_balanced(&dag, LEAF_RAW, 20000000, 262144, 174);
	buf_reset(&file);
	dag_file(root, &file);
	USE(NO_CAR);
	w = want_of("evil/thing", 1);
	w.cid = cid_text(&lie->cid, lie_cid);
	w.size = lie->size;
	ck_ok(fetcher_want(&fetcher, &w, &err));
	want();
}

/* No source can help, and no other claim waits for that. */
START_TEST(more_blocks_than_may_be_kept_are_wrong)
{
	want_beside(wrappers(9));
	run_until(&good, 1);
	check_file();
	ck_assert_msg(wrong == 1 && failed == 0 && last_wrong.size != file.n, "%u, %u: %s", wrong, failed, last_why);
}
END_TEST

START_TEST(what_a_lie_has_kept_leaves_room_for_the_truth)
{
	const struct dag_entry *lie = wrappers(8);

	want_beside(lie);
	peer[0].deed = LACKS_LAST;
	peer[0].root = lie;
	run_until(&failed, 1);
	ck_assert_msg(last_failed.size == lie->size, "%s", last_why);
	peer[0].deed = NO_CAR;
	if (_i) {
		begin_again();
		want();
	} else {
		fetcher_hurry(&fetcher, &first()->target.sha256);
	}
	run_until(&good, 1);
	check_file();
	ck_assert(wrong == 0 && failed == 1);
}
END_TEST

/* --- the disk --- */

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

static ssize_t is_read_only(int fd, const void *p, size_t n, off_t at)
{
	(void)fd, (void)p, (void)n, (void)at;
	errno = EROFS;
	return -1;
}

static int does_not_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static const struct { int code; struct sysio sys; } refusals[] = {
	{ ERR_NO_SPACE, { .fallocate = is_full } }, { ERR_IO, { .pwrite = is_broken } }, { ERR_READ_ONLY, { .pwrite = is_read_only } },
	{ ERR_IO, { .fdatasync = does_not_sync } },
};

START_TEST(what_the_disk_refuses_is_told)
{
	struct sysio sys = sysio_kernel;

	sys.fallocate = refusals[_i].sys.fallocate ? refusals[_i].sys.fallocate : sys.fallocate;
	sys.pwrite = refusals[_i].sys.pwrite ? refusals[_i].sys.pwrite : sys.pwrite;
	sys.fdatasync = refusals[_i].sys.fdatasync ? refusals[_i].sys.fdatasync : sys.fdatasync;
	fail_once(&sys);
	ck_assert_int_eq(last_trouble.code, refusals[_i].code);
	ck_assert_msg(source[0].failures == 0 && rotten == 0 && good == 0, "no source is to blame, nor an image");
	fetcher_pause(&fetcher, last_trouble.msg);
	sys = sysio_kernel;
	fetcher_resume(&fetcher);
	run_until(&good, 1);
	check_file();
	ck_assert_uint_eq(troubles, 1);
}
END_TEST

/* The next failure has its own reason. */
START_TEST(what_the_disk_has_refused_is_not_told_again)
{
	struct sysio sys = sysio_kernel;

	sys.fallocate = is_full;
	fail_once(&sys);
	ck_assert_uint_eq(last_tries, 1);
	sys = sysio_kernel;
	peer[0].deed = LACKS;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&failed, 2);
	ck_assert_uint_eq(last_tries, 2);
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

static int digests_errno;

static int no_digests_file(int dir, const char *name, int flags, mode_t mode)
{
	if (!strstr(name, ".sums.part"))
		return sysio_kernel.openat(dir, name, flags, mode);
	errno = digests_errno;
	return -1;
}

/* The probe of the disk needs one less, and finds all well: however often that is so, it is no word about where this file lies. */
START_TEST(want_of_descriptors_is_no_bad_place)
{
	struct sysio sys = sysio_kernel;
	unsigned asked;

	digests_errno = EMFILE;
	sys.openat = no_digests_file;
	fail_once(&sys);
	asked = peer[0].requests;
	for (unsigned n = 2; n <= 4; n++) {
		fetcher_hurry(&fetcher, &first()->target.sha256);
		run_until(&failed, n);
		ck_assert_msg(has_part() && troubles == n, "%u: it is told each time, and nothing is thrown away", n);
	}
	sys = sysio_kernel;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
	ck_assert_uint_eq(peer[0].requests, asked);
}
END_TEST

/* Nor does it make one of what has failed once, before it or after it. */
START_TEST(want_of_descriptors_is_no_second_failure)
{
	struct sysio sys = sysio_kernel;

	digests_errno = _i ? EIO : EMFILE;
	sys.openat = no_digests_file;
	fail_once(&sys);
	digests_errno = _i ? EMFILE : EIO;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&failed, 2);
	ck_assert(has_part() && troubles == 2);
}
END_TEST

/* Its CID is the image: it is written before anything is asked. */
START_TEST(what_the_disk_refuses_is_not_the_cids_fault)
{
	struct sysio sys = sysio_kernel;

	root = dag_leaf(&dag, LEAF_IDENTITY, dag_random(&dag, 40));
	buf_reset(&file);
	dag_file(root, &file);
	sys.pwrite = is_read_only;
	fail_once(&sys);
	ck_assert_uint_eq(wrong, 0);
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

/* It may know of a place, or be one that the last try was not for. */
START_TEST(another_release_does_not_wait_for_the_next_try)
{
	struct ledger_want one, two;

	USE(DOWN);
	one = want_of("acme/thermostat", 1);
	two = want_of("acme/thermostat", 2);
	ck_ok(fetcher_want(&fetcher, &one, &err));
	run_until(&failed, 1);
	ck_ok(fetcher_want(&fetcher, &one, &err));
	ck_assert_msg(first()->sm.at == FETCH_WAITING, "the same again does");
	ck_ok(fetcher_want(&fetcher, &two, &err));
	ck_assert(fetch_is_running(first()) && first()->names.sequence == 2);
}
END_TEST

START_TEST(what_was_not_paused_is_not_hurried)
{
	USE(DOWN);
	want();
	run_until(&failed, 1);
	fetcher_resume(&fetcher);
	ck_assert_int_eq(first()->sm.at, FETCH_WAITING);
}
END_TEST

/* --- what is told of it --- */

START_TEST(its_progress)
{
	struct hash32 sha = sha256_of(buf_span(&file)), other = hash_of(1);
	struct fetch_progress p;

	USE(SILENT_AFTER_HALF);
	ck_assert_msg(!fetcher_progress(&fetcher, &sha, &p), "nobody wants it yet");
	want();
	ck_assert(fetcher_progress(&fetcher, &sha, &p) && p.verified == 0 && p.total == file.n && !p.source);
	while (source[0].bytes < 150000)
		one_turn();
	ck_assert(fetcher_progress(&fetcher, &sha, &p) && p.total == file.n);
	ck_assert_msg(p.verified >= 130000 && p.verified <= 150000, "%llu", (unsigned long long)p.verified);
	ck_assert_str_eq(p.source, "one");
	ck_assert(!fetcher_progress(&fetcher, &other, &p));
}
END_TEST

/* Nothing of a plain file is verified before its end; what came of it is. */
START_TEST(a_whole_files_progress)
{
	struct hash32 sha = sha256_of(buf_span(&file));
	struct fetch_progress p = { 0 };

	USE(SILENT_AFTER_HALF);
	be(0, SOURCE_MIRROR);
	source[0].source.inner = "http://127.0.0.1:1/none";
	want();
	while (source[0].bytes < 150000)
		one_turn();
	ck_assert(fetcher_progress(&fetcher, &sha, &p) && p.verified == 150000);
	ck_assert_str_eq(p.source, "one");
}
END_TEST

START_TEST(nothing_is_wanted_of_one_that_closes)
{
	USE(HONEST);
	fetcher_close(&fetcher);
	want();
	ck_assert_msg(list_is_empty(&fetcher.fetches), "nobody would close it");
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

/* The release is another one after a reorg: with the same image, and what it said of it first is not tried any more. */
START_TEST(a_release_may_say_something_new)
{
	struct ledger_want was[] = { lie_of("acme/thermostat", 1), want_of("acme/thermostat", 1) }, is = want_of("acme/thermostat", 1);

	USE(DOWN);
	was[1].size += 5;
	ck_ok(fetcher_want(&fetcher, &was[_i], &err));
	run_until(&failed, 1);
	ck_ok(fetcher_want_once(&fetcher, &is, &err));
	ck_assert_msg(fetch_is_running(first()) && first()->claims.next->next == &first()->claims, "it is the only claim, and tried at once");
	ck_assert(!strcmp(first()->target.cid, is.cid) && first()->target.size == is.size);
	run_until(&failed, 2);
	ck_assert_msg(first()->sm.at == FETCH_WAITING, "and for good, as before");
	peer[0].deed = HONEST;
	fetcher_hurry(&fetcher, &is.sha256);
	run_until(&good, 1);
	check_file();
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

/* Another claim's try says nothing of it. */
START_TEST(once_is_once_for_each_claim)
{
	struct ledger_want lie = lie_of("evil/thing", 1), truth = want_of("acme/thermostat", 1);

	USE(NO_CAR);
	ck_ok(fetcher_want(&fetcher, &lie, &err));
	fetcher_pause(&fetcher, "not yet");
	ck_ok(fetcher_want_once(&fetcher, &truth, &err));
	run_until(&failed, 1);
	ck_assert_str_eq(last_failed.cid, lie.cid);
	fetcher_resume(&fetcher);
	run_until(&good, 1);
	check_file();
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

static void want_other(const char *product, unsigned n, bool is_urgent)
{
	struct ledger_want w = want_of(product, n);

	w.sha256 = hash_of(n);
	w.is_urgent = is_urgent;
	ck_ok(fetcher_want(&fetcher, &w, &err));
}

/* The first start that fails takes the next one from the list: nobody waits for that. */
START_TEST(what_was_paused_may_end_at_once)
{
	struct ledger_want once;

	USE(DOWN);
	want();
	run_until(&failed, 1);
	fetcher_pause(&fetcher, "the disk is full");
	once = other_want(1);
	ck_ok(fetcher_want_once(&fetcher, &once, &err));
	room_rc = ERR_NO_SPACE;
	fetcher_resume(&fetcher);
	ck_assert_uint_eq(failed, 3);
	ck_assert_msg(first()->sm.at == FETCH_WAITING && first()->node.next == &fetcher.fetches, "it alone is left");
}
END_TEST

START_TEST(all_that_was_paused_goes_on)
{
	struct ledger_want first_one = want_of("acme/radio", 9);
	struct hash32 urgent = hash_of(3);

	first_one.sha256 = hash_of(9);
	USE(SILENT);
	want_other("acme/radio", 9, false);
	want_other("acme/thermostat", 5, false);
	want_other("acme/thermostat", 1, false);	/* there is no place for it */
	want_other("acme/lamp", 3, true);
	run_until(&peer[0].cars, 3);
	fetcher_pause(&fetcher, "the disk is full");
	ck_assert_uint_eq(failed, 3);
	fetcher_unwant(&fetcher, &first_one);
	fetcher_resume(&fetcher);
	ck_assert_msg(fetcher_is_fetching(&fetcher, &urgent), "the others pass each other in the list meanwhile");
}
END_TEST

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
	begin_again();
	before = peer[0].blocks;
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

/* What the keeper knows of it. */
static struct fetch_place place;
static int place_rc;

static int look(void *arg, const struct hash32 *sha256, struct fetch_place *out, struct err *e)
{
	(void)arg, (void)sha256;
	*out = place;
	return place_rc ? err_set(e, place_rc, "its files are in use") : ERR_OK;
}

/* Nobody has its blocks, neither it nor a source. */
static void lose_all_blocks(void)
{
	struct hash32 sha = sha256_of(buf_span(&file));
	char path[BLOB_PATH_MAX + 24], name[BLOB_PATH_MAX];

	snprintf(path, sizeof path, "objects/%s.dag", blobs_path(&sha, name));
	ck_assert_int_eq(unlinkat(tempdir_fd, path, 0), 0);
	peer[0].deed = DOWN;
	good = 0;
}

/* In its first try. */
static void until_it_is_good(void)
{
	unsigned before = failed;

	while (good == 0 && failed == before)
		one_turn();
	ck_assert_msg(good == 1, "%s", last_why);
}

START_TEST(a_false_alarm_costs_no_image)
{
	USE(HONEST);
	fetched();
	ck_assert(!last_good.lacks_blocks);
	lose_all_blocks();
	want();
	until_it_is_good();
	check_file();
	ck_assert(failed == 0 && rotten == 0 && !has_part() && last_good.lacks_blocks);
}
END_TEST

/* It is a part now, and only the keeper knows that it was more. */
START_TEST(a_repair_that_was_cut_short_loses_no_image)
{
	USE(HONEST);
	fetched();
	lose_all_blocks();
	want();
	begin_again();
	ck_assert(has_part());
	place = (struct fetch_place){ .was_whole = true, .has_room = true };
	place_rc = ERR_OK;
	fetcher.owner.look = look;
	want();
	until_it_is_good();
	check_file();
}
END_TEST

START_TEST(a_false_alarm_is_over_when_its_pause_is)
{
	USE(HONEST);
	fetched();
	lose_all_blocks();
	want();
	fetcher_pause(&fetcher, "the disk is full");
	run_until(&failed, 1);
	ck_assert(good == 0 && has_part());
	place = (struct fetch_place){ .was_whole = true, .has_room = true };
	place_rc = ERR_OK;
	fetcher.owner.look = look;
	fetcher_resume(&fetcher);
	until_it_is_good();
	check_file();
}
END_TEST

/* Then it can be served as blocks too. */
START_TEST(a_false_alarms_image_gives_its_blocks_itself)
{
	buf_reset(&file);
	root = dag_balanced(&dag, LEAF_FILE_V0, 700000, 262144, 174);
	dag_file(root, &file);
	USE(HONEST);
	fetched();
	lose_all_blocks();
	want();
	until_it_is_good();
	check_file();
	ck_assert(last_good.digests.dag_bytes > 0 && !last_good.lacks_blocks);
}
END_TEST

START_TEST(a_false_alarms_image_keeps_its_blocks)
{
	USE(HONEST);
	fetched();
	peer[0].deed = DOWN;
	good = 0;
	want();
	until_it_is_good();
	check_file();
	ck_assert(last_good.digests.dag_bytes > 0 && !last_good.lacks_blocks);
}
END_TEST

START_TEST(rot_that_nobody_can_repair_is_no_false_alarm)
{
	USE(HONEST);
	fetched();
	lose_all_blocks();
	rot("", 150000);
	place = (struct fetch_place){ .was_whole = true, .has_room = true };
	place_rc = ERR_OK;
	fetcher.owner.look = look;
	want();
	while (failed == 0 && wrong == 0)
		one_turn();
	ck_assert(good == 0 && wrong == 0 && has_part());
	peer[0].deed = HONEST;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
	ck_assert(!last_good.lacks_blocks);
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
	run_until_state(FETCH_FETCHING);
	rot(".part", 20000);
	run_until(&good, 1);
	check_file();
	ck_assert(wrong == 0 && failed == 0);
}
END_TEST

/* --- what lies there already --- */

/* The image is here, and the blocks beside it are not. */
static void lose_blocks(void)
{
	place = (struct fetch_place){ .is_whole = true, .has_room = true };
	place_rc = ERR_OK;
	fetcher.owner.look = look;
	rot(".dag", 9);
	good = 0;
}

START_TEST(lost_blocks_come_back_beside_a_whole_image)
{
	USE(HONEST);
	fetched();
	lose_blocks();
	peer[0].blocks = 0;
	room_rc = ERR_NO_SPACE;		/* nobody asks */
	want();
	run_until(&good, 1);
	check_file();
	ck_assert_msg(last_good.digests.dag_bytes > 0, "they are there again");
}
END_TEST

/* Nobody knows yet whether its bytes are right, and the image's own are being read. */
START_TEST(a_whole_image_is_not_written_over_by_a_mirror)
{
	USE(HONEST);
	fetched();
	lose_blocks();
	be(0, SOURCE_MIRROR);
	source[0].source.inner = "http://127.0.0.1:1/none";
	peer[0].deed = LIES;
	want();
	run_until(&failed, 1);
	check_file();
	ck_assert_msg(peer[0].files == 0, "and it need not be asked");
	peer[0].deed = HONEST;
	be(0, SOURCE_TRUSTLESS);
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	ck_assert(last_good.digests.dag_bytes > 0);
}
END_TEST

static const struct dag_entry *leaf_of(const void *bytes, size_t n)
{
	return dag_leaf(&dag, LEAF_RAW, SPAN(bytes, n));
}

static const struct dag_entry *node_of(const struct dag_entry *const *children, size_t n)
{
	return dag_node(&dag, &(struct dag_node){ .children = children, .n = n, .version = 1 });
}

static const struct dag_entry *other_blocks(void)
{
	const struct dag_entry *other = dag_balanced(&dag, LEAF_RAW, 300000, 10000, 8);

	root = dag_balanced(&dag, LEAF_RAW, 300000, 10000, 8);
	return other;
}

/* The image's last leaf alone is another one, where the CID names one a second time. */
static const struct dag_entry *other_repetition(void)
{
	const uint8_t *a = dag_random(&dag, 30000).p, *b = a + 10000, *c = b + 10000;
	const struct dag_entry *leaves[] = { leaf_of(a, 10000), leaf_of(b, 10000), leaf_of(a, 10000), leaf_of(c, 10000) };
	const struct dag_entry *pair = node_of(leaves, 2), *inner = node_of(&pair, 1), *halves[] = { pair, inner };

	root = node_of(leaves, 4);
	return node_of(halves, 2);
}

/* Nothing is asked of anybody. */
static const struct dag_entry *other_identity(void)
{
	root = dag_leaf(&dag, LEAF_FILE, dag_random(&dag, 40));
	return dag_leaf(&dag, LEAF_IDENTITY, dag_random(&dag, 40));
}

static const struct { const char *what; const struct dag_entry *(*make)(void); } others[] = {
	{ "other blocks", other_blocks }, { "a repetition", other_repetition }, { "the CID itself", other_identity },
};

/* The image is here, and a release claims it by another CID. */
static struct ledger_want claim_of_a_whole_image(const struct dag_entry *other)
{
	static char other_cid[CID_TEXT_MAX];
	struct ledger_want lie;

	buf_reset(&file);
	dag_file(root, &file);
	USE(HONEST);
	fetched();
	place = (struct fetch_place){ .is_whole = true, .has_room = true };
	place_rc = ERR_OK;
	fetcher.owner.look = look;
	peer[0].deed = NO_CAR;
	lie = want_of("evil/thing", 1);
	lie.cid = cid_text(&other->cid, other_cid);
	ck_ok(fetcher_want(&fetcher, &lie, &err));
	return lie;
}

START_TEST(a_whole_image_is_not_written_over_by_another_cid)
{
	struct ledger_want lie = claim_of_a_whole_image(others[_i].make());

	run_until(&wrong, 1);
	ck_assert_str_eq(last_wrong.cid, lie.cid);
	ck_assert_msg(strstr(last_why, "other bytes"), "%s: %s", others[_i].what, last_why);
	check_file();
	ck_assert_msg(rotten == 0 && failed == 0 && source[0].bad_blocks == 0 && !has_part(), "%s", others[_i].what);
}
END_TEST

/* Its release goes while a worker reads the image again. */
START_TEST(nobody_is_told_of_a_doubt_about_what_nobody_wants)
{
	struct ledger_want lie = claim_of_a_whole_image(other_blocks());

	run_until_state(FETCH_FINISHING);
	fetcher_unwant(&fetcher, &lie);
	ck_assert(first() == NULL);
	good = 0;
	want();				/* and somebody else, the same image */
	run_until(&good, 1);
	ck_assert(wrong == 0 && rotten == 0 && failed == 0);
}
END_TEST

/* The image's own, not that of what lies beside it. */
static const char *image_part(void)
{
	static char path[BLOB_PATH_MAX + 8];
	struct hash32 sha = sha256_of(buf_span(&file));
	char name[BLOB_PATH_MAX];

	snprintf(path, sizeof path, "%s.part", blobs_path(&sha, name));
	return path;
}

/* Of the image that is there, when a block is compared with it: that says nothing of the CID. */
START_TEST(a_read_that_fails_once_rejects_nothing)
{
	USE(HONEST);
	fetched();
	lose_blocks();
	want();
	run_until_state(FETCH_FETCHING);
	preads_fail(image_part(), 1, false);
	run_until(&failed, 1);
	ck_assert_msg(wrong == 0 && rotten == 0 && strstr(last_why, "read: "), "%u, %u: %s", wrong, rotten, last_why);
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
	ck_assert(last_good.digests.dag_bytes > 0 && wrong == 0 && failed == 1);
}
END_TEST

/* Nor does it when the image had other bytes before, and was mended. */
START_TEST(what_was_rotten_before_is_no_other_file_now)
{
	USE(HONEST);
	fetched();
	lose_blocks();
	rot("", 150000);
	want();
	run_until(&failed, 1);
	ck_assert_uint_eq(rotten, 1);
	rot("", 150000);
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until_state(FETCH_FETCHING);
	preads_fail(image_part(), 1, false);
	run_until(&failed, 2);
	ck_assert(wrong == 0 && rotten == 1);
}
END_TEST

/* Then it has rotted there, and its owner sees to it. */
START_TEST(a_place_that_cannot_be_read_is_rotten)
{
	USE(HONEST);
	fetched();
	lose_blocks();
	want();
	run_until_state(FETCH_FETCHING);
	preads_fail(image_part(), 1, true);
	run_until(&failed, 1);
	ck_assert(rotten == 1 && wrong == 0 && good == 0);
	preads_count_of(NULL);
	place.is_whole = false;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
}
END_TEST

/* --- what an earlier try has kept --- */

static const char *kept_path(void)
{
	static char path[BLOB_PATH_MAX + 24];
	struct hash32 sha = sha256_of(buf_span(&file));
	char name[BLOB_PATH_MAX];

	snprintf(path, sizeof path, "objects/%s.dag.part", blobs_path(&sha, name));
	return path;
}

/* Half of the image, and the inner blocks above it. */
static void fetch_half(void)
{
	USE(TRUNCATES_ALL);
	want();
	run_until(&failed, 1);
	ck_assert_int_gt(tempdir_size(kept_path()), 0);
	peer[0].deed = NO_CAR;
	peer[0].blocks = 0;
}

START_TEST(kept_blocks_that_cannot_be_read_once_are_not_fetched_again)
{
	off_t size;

	fetch_half();
	size = tempdir_size(kept_path());
	preads_fail(".dag.part", 1, false);
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&failed, 2);
	ck_assert_msg(troubles == 1 && tempdir_size(kept_path()) == size && peer[0].blocks == 0, "%u", troubles);
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].blocks < 30, "half of it was there: %u", peer[0].blocks);
}
END_TEST

static int count_block(void *arg, struct span name, struct span block, struct err *e)
{
	(void)name, (void)block, (void)e;
	++*(unsigned *)arg;
	return ERR_OK;
}

/* They are in nobody's way for ever, and no bytes of the image go with them. The first could be read, and is written anew with the others. */
START_TEST(kept_blocks_that_can_never_be_read_are_fetched_again)
{
	unsigned blocks = 0;

	fetch_half();
	preads_fail(".dag.part", 3, true);
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&failed, 2);
	ck_assert(tempdir_size(kept_path()) > 0 && troubles == 1);
	preads_fail(".dag.part", 3, true);
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until_state(FETCH_FETCHING);
	ck_assert(has_part() && failed == 2);
	preads_count_of(NULL);
	run_until(&good, 1);
	check_file();
	ck_ok(blobs_each_block(blobs, &last_good.target.sha256, &last_good.digests, count_block, &blocks, &err));
	ck_assert_uint_eq(blocks, 5);	/* four nodes of eight leaves, and the root */
}
END_TEST

static int none_for_blocks(int dir, const char *name, int flags, mode_t mode)
{
	if (!strstr(name, ".dag.part"))
		return sysio_kernel.openat(dir, name, flags, mode);
	errno = EMFILE;
	return -1;
}

START_TEST(kept_blocks_do_not_go_for_want_of_descriptors)
{
	static struct sysio sys;

	sys = sysio_kernel;
	sys.openat = none_for_blocks;
	blobs_free(blobs);
	ck_ok(blobs_open(tempdir_fd, &sys, &blobs, &err));
	USE(SILENT);
	want();
	run_until_state(FETCH_FETCHING);
	tempdir_poke(kept_path(), 0, "some", 4);
	first()->told_io = true;	/* and the disk was looked at since */
	ck_refused(fetch_load_kept(first(), &err), ERR_IO, "want of descriptors");
	ck_assert(tempdir_has(kept_path()));
}
END_TEST

START_TEST(what_was_thought_whole_is_repaired)
{
	USE(HONEST);
	fetched();
	lose_blocks();
	rot("", 150000);
	peer[0].deed = NO_CAR;
	want();
	run_until(&failed, 1);
	ck_assert(rotten == 1 && wrong == 0 && source[0].bad_blocks == 0);
	place.is_whole = false;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
}
END_TEST

/* Cut as most importers cut: the image gives its inner blocks itself. */
START_TEST(lost_blocks_come_out_of_the_image)
{
	buf_reset(&file);
	root = dag_balanced(&dag, LEAF_FILE_V0, 700000, 262144, 174);
	dag_file(root, &file);
	USE(HONEST);
	fetched();
	lose_blocks();
	peer[0].requests = 0;
	want();
	run_until(&good, 1);
	ck_assert(last_good.digests.dag_bytes > 0 && peer[0].requests == 0);
}
END_TEST

static int has_no_place(int dir, const char *from, const char *to)
{
	(void)dir, (void)from, (void)to;
	errno = ENOSPC;
	return -1;
}

/* A mirror's file was whole, and what was cut out of it lies beside it: nothing is asked for again. */
START_TEST(a_whole_files_blocks_are_kept_for_the_next_try)
{
	struct sysio sys = sysio_kernel;

	buf_reset(&file);
	root = dag_balanced(&dag, LEAF_FILE_V0, 700000, 262144, 174);
	dag_file(root, &file);
	sys.rename_new = has_no_place;
	blobs_free(blobs);
	ck_ok(blobs_open(tempdir_fd, &sys, &blobs, &err));
	USE(NO_INNER);
	be(0, SOURCE_MIRROR);
	want();
	run_until(&failed, 1);
	ck_assert(troubles == 1 && peer[0].file_sent == file.n);
	sys = sysio_kernel;
	peer[0].requests = 0;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	run_until(&good, 1);
	check_file();
	ck_assert(last_good.digests.dag_bytes > 0 && peer[0].requests == 0);
}
END_TEST

/* It is all there, and found to be; but nothing may be made of it. */
START_TEST(a_pause_holds_up_what_is_complete)
{
	struct sysio sys = sysio_kernel;

	sys.rename_new = has_no_place;
	fail_once(&sys);
	sys = sysio_kernel;
	peer[0].requests = 0;
	fetcher_hurry(&fetcher, &first()->target.sha256);
	ck_assert_int_eq(first()->sm.at, FETCH_RESTORING);
	fetcher_pause(&fetcher, "the disk is full");
	run_until(&failed, 2);
	ck_assert(first()->sm.at == FETCH_WAITING && good == 0);
	ck_assert_str_eq(last_why, "the disk is full");
	fetcher_resume(&fetcher);
	run_until(&good, 1);
	check_file();
	ck_assert_msg(peer[0].requests == 0 && failed == 2, "nobody is asked for it");
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

/* --- what the file repeats --- */

/* A file that is one inner node with two leaves, and then a node that has it twice more; the last one, says that node, with so many bytes
 * more: then it is no file. */
static void repeat(int64_t lie)
{
	const struct dag_entry *leaf[] = { dag_leaf(&dag, LEAF_RAW, dag_random(&dag, 10000)), dag_leaf(&dag, LEAF_RAW, dag_random(&dag, 10000)) };
	const struct dag_entry *pair = dag_node(&dag, &(struct dag_node){ .children = leaf, .n = 2, .version = 1 });
	const struct dag_entry *again[] = { pair, pair };
	const struct dag_entry *twice = dag_node(&dag, &(struct dag_node){ .children = again, .n = 2, .version = 1, .blocksize_lie = lie });
	const struct dag_entry *child[] = { pair, twice };

	root = dag_node(&dag, &(struct dag_node){ .children = child, .n = 2, .version = 1 });
	buf_reset(&file);
	dag_file(lie ? pair : root, &file);
}

START_TEST(what_repeats_is_asked_for_once)
{
	repeat(0);
	USE(NO_CAR);
	fetched();
	ck_assert_uint_eq(peer[0].blocks, 5);
}
END_TEST

/* Its second time breaks a rule; no source can help. */
START_TEST(what_repeats_may_break_a_rule)
{
	struct ledger_want w;

	repeat(5);
	USE(NO_CAR);
	w = want_of("acme/thermostat", 1);
	w.size = 3 * file.n + 5;
	ck_ok(fetcher_want(&fetcher, &w, &err));
	run_until(&wrong, 1);
	ck_assert_msg(strstr(last_why, "its parent says"), "%s", last_why);
	ck_assert(peer[0].blocks == 5 && list_is_empty(&fetcher.fetches) && source[0].bad_blocks == 0);
}
END_TEST

static ssize_t full_behind_20000(int fd, const void *p, size_t n, off_t at)
{
	if (at < 20000)
		return pwrite(fd, p, n, at);
	errno = ENOSPC;
	return -1;
}

START_TEST(what_repeats_may_find_no_room)
{
	struct sysio sys = sysio_kernel;

	repeat(0);
	sys.pwrite = full_behind_20000;
	blobs_free(blobs);
	ck_ok(blobs_open(tempdir_fd, &sys, &blobs, &err));
	USE(NO_CAR);
	want();
	run_until(&failed, 1);
	ck_assert(troubles == 1 && last_trouble.code == ERR_NO_SPACE);
	ck_assert_uint_eq(peer[0].blocks, 5);
	ck_assert_msg(strstr(last_why, "No space"), "and no source is the reason: %s", last_why);
	sys = sysio_kernel;
	fetcher_hurry(&fetcher, &first()->target.sha256);
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

START_TEST(cancelled_in_each_state)
{
	struct ledger_want w;

	USE(states[_i].deed);
	want();
	run_until_state(states[_i].at);
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
	run_until_state(states[_i].at);
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

START_TEST(an_urgent_one_goes_before_newer_ones)
{
	struct ledger_want w;
	struct hash32 urgent = hash_of(3), newest = hash_of(5);

	USE(SILENT);
	for (unsigned i = 0; i < FETCHES_MAX + FETCHES_URGENT + 3; i++) {	/* the last three queue */
		w = want_of("acme/thermostat", i);
		w.sha256 = hash_of(i);
		w.is_urgent = i >= FETCHES_MAX && i < FETCHES_MAX + FETCHES_URGENT + 1;
		ck_ok(fetcher_want(&fetcher, &w, &err));
	}
	w = want_of("acme/thermostat", 0);
	w.sha256 = hash_of(0);
	fetcher_unwant(&fetcher, &w);
	ck_assert(fetcher_is_fetching(&fetcher, &urgent) && !fetcher_is_fetching(&fetcher, &newest));
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
	const TTest *const tests[] = {
		another_digest, what_it_looks_like_is_told, a_lie_does_not_use_up_the_doubts_about_the_disk, a_cid_that_is_none, a_lie_about_a_digest_does_not_keep_the_truth_away, a_wrong_claim_convicts_only_itself,
		claims_take_turns, more_blocks_than_may_be_kept_are_wrong, a_bad_place_keeps_nobody_else_waiting, want_of_descriptors_is_no_bad_place, what_the_disk_has_refused_is_not_told_again, a_full_cache_is_not_the_disks_fault, what_the_disk_refuses_is_not_the_cids_fault,
		a_whole_image_is_not_written_over_by_a_mirror, what_was_thought_whole_is_repaired, another_release_does_not_wait_for_the_next_try,
		what_was_not_paused_is_not_hurried, what_was_paused_may_end_at_once, all_that_was_paused_goes_on, its_progress, a_whole_files_progress, nothing_is_wanted_of_one_that_closes,
		it_ends_when_nobody_wants_it,
		a_release_that_goes_leaves_its_names, once_is_once, once_is_once_for_each_claim, no_room_is_waited_for, many_that_fail_at_once_do_not_pile_up_on_the_stack,
		a_restart_goes_on_where_it_was, a_restart_with_archives_only, a_damaged_object_is_repaired_without_a_source,
		a_read_that_fails_once_rejects_nothing, what_was_rotten_before_is_no_other_file_now, a_cid_of_a_block_that_cannot_be_so_large, a_place_that_cannot_be_read_is_rotten, kept_blocks_that_cannot_be_read_once_are_not_fetched_again,
		kept_blocks_that_can_never_be_read_are_fetched_again, kept_blocks_do_not_go_for_want_of_descriptors,
		a_false_alarm_costs_no_image, nobody_is_told_of_a_doubt_about_what_nobody_wants,
		a_repair_that_was_cut_short_loses_no_image, a_false_alarm_is_over_when_its_pause_is,
		a_false_alarms_image_gives_its_blocks_itself, a_false_alarms_image_keeps_its_blocks, rot_that_nobody_can_repair_is_no_false_alarm,
		the_disk_changes_what_was_restored, lost_blocks_come_back_beside_a_whole_image, files_in_use_are_waited_for, a_pause_holds_up_what_is_complete, a_whole_files_blocks_are_kept_for_the_next_try, only_so_many_at_a_time,
		the_newest_of_a_product_first, an_urgent_one_goes_before_newer_ones, lost_blocks_come_out_of_the_image, what_repeats_is_asked_for_once,
		what_repeats_may_break_a_rule, what_repeats_may_find_no_room,
	};
	TCase *t = tcase_create("all");
	Suite *s = suite_create("fetcher");
	SRunner *r;
	int n_failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, a_pause_hangs_up_and_asks_nobody, 0, 2);
	tcase_add_loop_test(t, what_the_disk_refuses_is_told, 0, sizeof refusals / sizeof *refusals);
	tcase_add_loop_test(t, another_size, 0, 2);
	tcase_add_loop_test(t, a_release_may_say_something_new, 0, 2);
	tcase_add_loop_test(t, what_a_lie_has_kept_leaves_room_for_the_truth, 0, 2);
	tcase_add_loop_test(t, want_of_descriptors_is_no_second_failure, 0, 2);
	tcase_add_loop_test(t, a_whole_image_is_not_written_over_by_another_cid, 0, sizeof others / sizeof *others);
	tcase_add_loop_test(t, cancelled_in_each_state, 0, sizeof states / sizeof *states);
	tcase_add_loop_test(t, closed_in_each_state, 0, sizeof states / sizeof *states);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? 1 : 0;
}
