/* test_backup.c: a backup's pieces and its place, and what a restore refuses of one. The stories are in tests/integration/backup.test.mjs. */
#include "rig.h"
#include "base/cleanup.h"
#include "formats/sha256.h"
#include "keeper/backup.h"
#include "keeper/restoring.h"
#include "store/faulty.h"

#include <sys/wait.h>

static struct rig rig;
static struct buf whole;
static size_t pieces, last;	/* how many there were, and bytes of the last one */

static void setup(void)
{
	rig_open(&rig);
	whole = BUF_INIT(16 * MIB);
}

static void teardown(void)
{
	backup_free(STEAL_PTR(rig.k.backup));
	buf_free(&whole);
	rig_close(&rig);
}

static struct span piece(uint64_t offset, bool *is_last)
{
	struct span s;

	ck_ok(backup_piece(rig.k.backup, offset, &s, is_last, &err));
	return s;
}

static void take_all(void)
{
	bool is_last = false;

	ck_ok(backup_begin(&rig.k, &err));
	for (pieces = 0; !is_last; pieces++) {
		struct span s = piece(whole.n, &is_last);

		ck_assert(s.n > 0 && s.n <= BUNDLE_PIECE);
		last = s.n;
		buf_add(&whole, s);
	}
}

static void is_whole(void)
{
	struct hash32 sum = sha256_of(SPAN(whole.p, whole.n - sizeof sum));

	ck_assert(memcmp(whole.p + whole.n - sizeof sum, sum.b, sizeof sum.b) == 0);
}

START_TEST(it_comes_in_pieces)
{
	json_t *o;

	take_all();
	is_whole();
	ck_assert(pieces > 1 && memcmp(whole.p, "GPBACKUP", 8) == 0);
	o = backup_json(rig.k.backup);
	ck_assert_uint_eq((size_t)json_integer_value(json_object_get(o, "size")), whole.n);
	ck_assert_str_eq(json_string_value(json_object_get(o, "state")), "done");
	json_decref(o);
}
END_TEST

START_TEST(a_piece_may_be_asked_for_twice)
{
	uint8_t first[64];
	bool is_last;
	struct span s;

	ck_ok(backup_begin(&rig.k, &err));
	s = piece(0, &is_last);
	memcpy(first, s.p, sizeof first);
	s = piece(0, &is_last);
	ck_assert(!is_last && memcmp(first, s.p, sizeof first) == 0);
	ck_refused(backup_piece(rig.k.backup, 5, &s, &is_last, &err), ERR_EXISTS, "the next byte is another");
	whole.n = 0;
	buf_add(&whole, piece(0, &is_last));
	while (!is_last) {
		s = piece(whole.n, &is_last);
		last = s.n;
		buf_add(&whole, s);
	}
	is_whole();
	s = piece(whole.n, &is_last);
	ck_assert_msg(is_last && s.n == 0, "nothing comes after it");
	s = piece(whole.n - last, &is_last);
	ck_assert_msg(is_last && s.n == last, "who did not hear the last answer asks again");
}
END_TEST

START_TEST(one_at_a_time)
{
	bool is_last;

	ck_ok(backup_begin(&rig.k, &err));
	rig.w.mono_ms += BUNDLE_IDLE_MS - 1;
	ck_refused(backup_begin(&rig.k, &err), ERR_BUSY, "somebody takes one");
	piece(0, &is_last);
	rig.w.mono_ms += BUNDLE_IDLE_MS - 1;
	ck_refused(backup_begin(&rig.k, &err), ERR_BUSY, "and goes on");
	rig.w.mono_ms += 1;
	ck_ok(backup_begin(&rig.k, &err));
	rig.w.mono_ms += BUNDLE_IDLE_MS;
	backup_tidy(&rig.k);
	ck_assert_ptr_null(rig.k.backup);
	take_all();
	ck_ok(backup_begin(&rig.k, &err));	/* the last one was taken */
}
END_TEST

START_TEST(a_floor_that_is_not_on_disk_yet_is_no_backup)
{
	struct floor_item item = { .product = hash_of(9), .name = "a/b", .proven = 1 };

	memset(&faulty, 0, sizeof faulty);
	floor_free(rig.w.floors);
	ck_ok(floor_load(rig.k.state_dir, &sysio_faulty, &rig.w.floors, &err));
	rig.k.floors = rig.k.ledger.floors = rig.w.ledger.floors = rig.w.floors;
	ck_ok(floor_note(rig.w.floors, &item, &err));
	faulty.at = 1;
	faulty.sys = ENOSPC;
	faulty.is_sticky = true;
	ck_refused(backup_begin(&rig.k, &err), ERR_NO_SPACE, "the operator hears of it here");
	ck_assert_ptr_null(rig.k.backup);
}
END_TEST

/* The database's part lies in a file without a name. */
static void lose_database_part(void)
{
	char link[40], path[PATH_MAX];
	unsigned found = 0;

	for (int fd = 3; fd < 256; fd++) {
		ssize_t n;

		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof path - 1);
		path[n > 0 ? n : 0] = '\0';
		if (!strncmp(path, rig.w.dir, strlen(rig.w.dir)) && strstr(path, " (deleted)") && truncate(link, 0) == 0)
			found++;
	}
	ck_assert_uint_eq(found, 1);
}

START_TEST(one_that_cannot_be_read_is_over)
{
	struct span s;
	bool is_last;

	ck_ok(backup_begin(&rig.k, &err));
	lose_database_part();
	ck_assert_int_ne(backup_piece(rig.k.backup, 0, &s, &is_last, &err), ERR_OK);
	ck_refused(backup_piece(rig.k.backup, 0, &s, &is_last, &err), ERR_RULE, "half of it is none");
	whole.n = 0;
	take_all();
	is_whole();
}
END_TEST

static void add_floor(size_t name)
{
	static unsigned n;
	struct floor_item item = { .product = hash_of(++n), .proven = 1 };

	memset(item.name, 'x', name);
	ck_ok(floor_note(rig.w.floors, &item, &err));
}

/* Bytes until all but the digest would end so many before a piece does. */
static size_t missing_to(size_t left)
{
	json_t *o;
	size_t size;

	ck_ok(backup_begin(&rig.k, &err));
	o = backup_json(rig.k.backup);
	size = (size_t)json_integer_value(json_object_get(o, "size")) - 32;
	json_decref(o);
	backup_free(STEAL_PTR(rig.k.backup));
	return (2 * BUNDLE_PIECE - left - size % BUNDLE_PIECE) % BUNDLE_PIECE;
}

/* A floor takes 81 bytes and its name. */
static void fill_to(size_t left)
{
	size_t missing;

	for (missing = missing_to(left); missing > 600; missing -= 121)
		add_floor(40);
	while ((missing = missing_to(left)))
		add_floor(missing >= 84 && missing <= 141 ? missing - 81 : missing >= 168 && missing <= 225 ? missing - 165 : 40);
}

static const struct { size_t left, last; } ends[] = { { 32, BUNDLE_PIECE }, { 31, 32 }, { 1, 32 }, { 0, 32 }, { 33, BUNDLE_PIECE - 1 } };

START_TEST(the_digest_is_in_one_piece)
{
	fill_to(ends[_i].left);
	take_all();
	is_whole();
	ck_assert_uint_eq(last, ends[_i].last);
}
END_TEST

/* --- restoring --- */

static const char conf_text[] =
	"[gateway]\nname = porch\nstate-dir = %s/new\nrun-dir = %s/run\n"
	"[chain]\nchain-id = %s\nregistry = 0x5fbdb2315678afecb367f032d93f642f64180aa3\nanchor = quorum:1\n"
	"[provider one]\nurl = http://127.0.0.1:9\noperator = someone\n"
	"[http]\nlisten = 127.0.0.1:0\n[coap]\nlisten = 127.0.0.1:0\n[operator]\nlisten = 127.0.0.1:0\n";

static const char *path_of(const char *name)
{
	static char path[2][PATH_MAX + 32];
	static unsigned n;

	snprintf(path[n %= 2], sizeof path[0], "%s/%s", rig.w.dir, name);
	return path[n++];
}

static void write_file(const char *name, const void *p, size_t n)
{
	FILE *f = fopen(path_of(name), "w");

	ck_assert(f && fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

/* In a process of its own, which enters a sandbox. What it has printed goes to `out`. Returns its exit status. */
static int restore(const char *chain_id, const char *out)
{
	char text[2048], conf[PATH_MAX + 32], backup[PATH_MAX + 32];
	int status;
	pid_t pid;

	snprintf(text, sizeof text, conf_text, rig.w.dir, rig.w.dir, chain_id);
	write_file("restore.conf", text, strlen(text));
	write_file("backup", whole.p, whole.n);
	snprintf(conf, sizeof conf, "%s", path_of("restore.conf"));
	snprintf(backup, sizeof backup, "%s", path_of("backup"));
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(freopen(out, "w", stdout) ? restoring_run(conf, backup, false) : 9);
	ck_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static const char *said(void)
{
	static char text[2000];
	FILE *f = fopen(path_of("said"), "r");
	size_t n = fread(text, 1, sizeof text - 1, f);

	text[n] = '\0';
	fclose(f);
	return text;
}

static int restore_here(void)
{
	char out[PATH_MAX + 32];

	snprintf(out, sizeof out, "%s", path_of("said"));
	return restore("31337", out);
}

START_TEST(a_backup_is_restored)
{
	world_register(&rig.w, 0, 1, "A");
	world_settle(&rig.w);
	take_all();
	ck_assert_msg(restore_here() == 0 && strstr(said(), "\"database\":\"new\""), "%s", said());
}
END_TEST

/* An id is the digest of name and registrant: another one would be another product's history. */
START_TEST(a_product_under_anothers_id_is_refused)
{
	struct product_row p = { .id = hash_of(77), .name = "acme/oven", .registrant = world_registrant };

	ck_ok(products_put(rig.w.store, &p, &err));
	ck_ok(products_set_pinned(rig.w.store, &p.id, true, &err));	/* what nobody has chosen is in no backup */
	ck_ok(products_choose(rig.w.store, &p.id, &err));
	take_all();
	ck_assert_msg(restore_here() == 1 && strstr(said(), "\"error\""), "%s", said());
}
END_TEST

START_TEST(another_chains_is_refused)
{
	take_all();
	ck_assert_int_eq(restore("1", path_of("said")), 1);
}
END_TEST

START_TEST(without_a_configuration_nothing_is_restored)
{
	char out[PATH_MAX + 32];

	snprintf(out, sizeof out, "%s", path_of("said"));
	take_all();
	ck_assert_int_eq(restore("no number", out), 1);
	ck_assert_msg(strstr(said(), "the configuration was refused"), "%s", said());
}
END_TEST

/* Whoever has started it would not know what was done. */
START_TEST(an_answer_that_cannot_be_said_is_a_failure)
{
	take_all();
	ck_assert_int_eq(restore("31337", "/dev/full"), 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		it_comes_in_pieces, a_piece_may_be_asked_for_twice, one_at_a_time, one_that_cannot_be_read_is_over, a_floor_that_is_not_on_disk_yet_is_no_backup,
		a_backup_is_restored, a_product_under_anothers_id_is_refused, another_chains_is_refused,
		without_a_configuration_nothing_is_restored, an_answer_that_cannot_be_said_is_a_failure,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("backup");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, the_digest_is_in_one_piece, 0, sizeof ends / sizeof *ends);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
