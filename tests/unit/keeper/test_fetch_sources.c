/* test_fetch_sources.c: each kind of source, honest and not, and what is made of it. */
#include "fetching.h"

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
		one_turn();
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
		one_turn();
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
static const struct { const char *rule; enum deed deed; } unsewn[] = {
	{ "no ranges", BREAKS_WITHOUT_RANGE },
	{ "another file meanwhile", CHANGES },
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
		one_turn();
	begin_again();
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
		one_turn();
	source[2].rest_until_ms = 0;
	while (good + wrong + failed == 0)
		one_turn();
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

int main(void)
{
	const TTest *const tests[] = {
		an_honest_archive, no_archives_then_blocks, half_an_archive_then_blocks, a_liar_is_quarantined_and_the_next_one_asked,
		a_liar_is_hung_up_on, keys_are_not_shown, nobody_has_it, everyone_is_resting, a_liar_that_rests_is_not_waited_for, in_a_second_for_ever,
		a_stream_that_says_that_it_broke, a_mirror_lies_in_a_leaf, a_mirror_lies_in_a_wrapped_leaf, a_mirror_lies_in_a_whole_file,
		a_whole_file_is_not_written_over_what_is_verified, a_whole_file_in_pieces, a_whole_lie_and_what_was_verified, mirrors_that_all_lie,
	};
	TCase *t = tcase_create("all");
	Suite *s = suite_create("fetch_sources");
	SRunner *r;
	int n_failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, one_honest_source_is_enough, 0, sizeof useless / sizeof *useless);
	tcase_add_loop_test(t, each_kind_alone, 0, sizeof kinds / sizeof *kinds);
	tcase_add_loop_test(t, one_that_dribbles_is_not_asked_without_end, 0, 2);
	tcase_add_loop_test(t, the_rest_of_an_archive, 0, sizeof rests / sizeof *rests);
	tcase_add_loop_test(t, a_whole_file_and_its_inner_blocks, 0, sizeof whole / sizeof *whole);
	tcase_add_loop_test(t, an_archive_that_cannot_be_continued, 0, sizeof unsewn / sizeof *unsewn);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? 1 : 0;
}
