/* test_entryfiles.c: files of entries: made from the database, appended to, mended, swept; on disks that refuse and in power cuts. */
#include "rig.h"
#include "base/hex.h"
#include "base/io.h"
#include "chain/entries.h"
#include "formats/sha256.h"
#include "store/entries.h"
#include "../store/faulty.h"
#include "support/fds.h"
#include "support/unread.h"
#include "store/store_own.h"

#include <sys/wait.h>

static struct rig rig;
static struct entryfile f;
static struct entryfiles all;
static char path[80], fresh[88];	/* of product 0, below the state directory */

static void setup(void)
{
	char hex[65];

	rig_open(&rig);
	memset(&faulty, 0, sizeof faulty);
	f = (struct entryfile){ .entries = 0 };
	entryfiles_init(&all, rig.w.dir_fd, rig.w.store, &rig.k.conf->chain.registry, &sysio_faulty);
	snprintf(path, sizeof path, "entries/%s", hex_str(SPAN_OF(rig.w.product[0].id), hex));
	snprintf(fresh, sizeof fresh, "%s.new", path);
	tempdir_fd = rig.w.dir_fd;
	snprintf(tempdir, sizeof tempdir, "%s", rig.w.dir);
}

static void teardown(void)
{
	tempdir_fd = -1;
	tempdir[0] = '\0';
	entryfiles_close(&all);
	rig_close(&rig);
}

static uint32_t final_entries(void)
{
	struct product_row row;

	ck_ok(products_get(rig.w.store, &rig.w.product[0].id, &row, &err));
	return row.final_entries;
}

static int bring(void)
{
	return entryfiles_bring(&all, &rig.w.product[0].id, final_entries(), &f, &err);
}

/* What the database says, by itself. */
static int put_line(void *arg, const struct entry_row *en, struct err *e)
{
	struct record r = { .block = en->block, .block_hash = en->block_hash, .tx = en->tx, .log_index = en->log_index,
		.topics_n = en->topics, .data = en->data };

	(void)e;
	memcpy(r.topics, en->topic, en->topics * sizeof *r.topics);
	if (en->order < final_entries())
		entries_put_line(arg, &rig.k.conf->chain.registry, &r);
	return ERR_OK;
}

static void read_whole(struct buf *out)
{
	ck_ok(entries_each(rig.w.store, &rig.w.product[0].id, 0, put_line, out, &err));
}

/* f, and the file's first bytes, are what the database says. */
static void is_right(void)
{
	struct buf want = BUF_INIT(ENTRIES_FILE_MAX), have = BUF_INIT(ENTRIES_FILE_MAX);
	struct hash32 sha;

	read_whole(&want);
	ck_ok(io_read_file(rig.w.dir_fd, path, &have, &err));
	sha = sha256_of(buf_span(&want));
	ck_assert_uint_eq(f.bytes, want.n);
	ck_assert(hash32_eq(&f.sha256, &sha));
	ck_assert_msg(have.n >= want.n && span_eq(span_cut(buf_span(&have), 0, want.n), buf_span(&want)), "the file has them");
	buf_free(&want);
	buf_free(&have);
}

static void three_final(void)
{
	world_register(&rig.w, 0, 1, "A");
	world_publish(&rig.w, 0, 0);
	world_final(&rig.w, 0);
}

static void one_more(void)
{
	world_publish(&rig.w, 0, 1);
	world_final(&rig.w, 0);
}

static ino_t inode(void)
{
	struct stat st;

	ck_assert_int_eq(fstatat(rig.w.dir_fd, path, &st, 0), 0);
	return st.st_ino;
}

/* --- writing --- */

START_TEST(only_what_is_final)
{
	struct records got = { .n = 0 };
	struct buf file = BUF_INIT(ENTRIES_FILE_MAX);
	struct rpc_log_filter filter = { .address = &rig.k.conf->chain.registry, .to = UINT64_MAX,
		.products = &rig.w.product[0].id, .products_n = 1 };

	world_register(&rig.w, 0, 1, "A");
	ck_ok(bring());
	ck_assert_msg(f.bytes == 0 && hash32_is_zero(&f.sha256) && !tempdir_has(path), "nothing is final");
	world_publish(&rig.w, 0, 0);
	world_final(&rig.w, 0);
	world_publish(&rig.w, 0, 1);
	ck_ok(bring());
	is_right();
	ck_ok(io_read_file(rig.w.dir_fd, path, &file, &err));
	ck_ok(entries_read(buf_span(&file), &filter, &got, &err));
	ck_assert_uint_eq(got.n, 3);
	records_free(&got);
	buf_free(&file);
}
END_TEST

/* "Few writes": one for what is new, without a sync; none when nothing is new. */
START_TEST(new_entries_are_appended)
{
	uint64_t before;
	ino_t was;

	three_final();
	ck_ok(bring());
	was = inode();
	before = f.bytes;
	faulty.calls = 0;
	faulty.trace[0] = '\0';
	ck_ok(bring());
	ck_assert_msg(faulty.calls == 0, "nothing is new");
	tempdir_flip(path, 3);
	ck_ok(bring());
	ck_assert_msg(faulty.calls == 0, "so nothing is even read");
	tempdir_flip(path, 3);
	one_more();
	ck_ok(bring());
	ck_assert_str_eq(faulty.trace, "pwrite ");
	ck_assert_msg(inode() == was, "in place, for whoever reads by an older catalog");
	ck_assert(f.bytes > before);
	is_right();
}
END_TEST

START_TEST(a_start_writes_nothing_when_all_is_well)
{
	three_final();
	ck_ok(bring());
	f = (struct entryfile){ .entries = 0 };
	faulty.calls = 0;
	faulty.trace[0] = '\0';
	ck_ok(bring());
	ck_assert_str_eq(faulty.trace, "");
	is_right();
}
END_TEST

/* --- what is found there --- */

static void flip_first(void) { tempdir_flip(path, 0); }
static void flip_last(void) { tempdir_flip(path, tempdir_size(path) - 2); }
static void cut(void) { ck_assert_int_eq(truncate(tempdir_path(path), tempdir_size(path) - 3), 0); }
static void emptied(void) { ck_assert_int_eq(truncate(tempdir_path(path), 0), 0); }
static void removed(void) { ck_assert_int_eq(unlink(tempdir_path(path)), 0); }
static void longer(void) { tempdir_poke(path, tempdir_size(path), "more\n", 5); }
static void other(void) { cut(); longer(); longer(); }

/* mends: what is called. Only a file that differs is written whole. */
static const struct { const char *what; void (*change)(void); const char *mends; } found[] = {
	{ "the first byte differs", flip_first, "pwrite fdatasync rename_over fsync " },
	{ "the last line differs", flip_last, "pwrite fdatasync rename_over fsync " },
	{ "it ends early", cut, "pwrite " },
	{ "it is empty", emptied, "pwrite " },
	{ "it is gone", removed, "pwrite " },
	{ "it is longer", longer, "" },
	{ "it ends otherwise", other, "pwrite fdatasync rename_over fsync " },
};

START_TEST(a_start_mends_what_differs)
{
	three_final();
	ck_ok(bring());
	found[_i].change();
	f = (struct entryfile){ .entries = 0 };
	faulty.trace[0] = '\0';
	ck_ok(bring());
	ck_assert_msg(!strcmp(faulty.trace, found[_i].mends), "%s: %s", found[_i].what, faulty.trace);
	is_right();
}
END_TEST

START_TEST(a_new_entry_mends_what_differs)
{
	three_final();
	ck_ok(bring());
	found[_i].change();
	one_more();
	ck_ok(bring());
	is_right();
}
END_TEST

/* --- disks and power --- */

/* The Nth call fails: f tells of what it told before, which still is there, and the next try does it. */
START_TEST(a_disk_that_refuses)
{
	static const int why[] = { ENOSPC, EROFS, EIO };

	for (int whole = 0; whole < 2; whole++) {
		for (unsigned at = 1; at < 7; at++) {
			struct entryfile before;
			int rc;

			if (at == 1 && !whole)
				three_final();
			else
				one_more();
			faulty.at = 0;
			ck_ok(bring());
			before = f;
			if (whole)
				tempdir_flip(path, 10);
			one_more();
			faulty.calls = 0;
			faulty.at = at;
			faulty.sys = why[_i];
			rc = bring();
			ck_assert_msg((rc != 0) == (faulty.calls >= at), "a failure is told");
			if (rc)
				ck_assert(f.entries == before.entries && f.bytes == before.bytes && hash32_eq(&f.sha256, &before.sha256));
			faulty.at = 0;
			ck_ok(bring());
			is_right();
		}
	}
}
END_TEST

/* What was read of it before would pass for the whole history. */
START_TEST(a_database_that_cannot_be_read_writes_nothing)
{
	struct entryfile before;

	three_final();
	ck_ok(bring());
	before = f;
	one_more();
	err_drop(db_damage(rig.w.store->db, &err, "a page"));
	faulty.calls = 0;
	ck_assert_int_ne(entryfiles_bring(&all, &rig.w.product[0].id, before.entries + 1, &f, &err), ERR_OK);
	ck_assert(faulty.calls == 0 && f.entries == before.entries);
}
END_TEST

static bool keeps_all(void *arg, const struct hash32 *product)
{
	(void)arg, (void)product;
	return true;
}

START_TEST(without_descriptors_nothing_is_swept)
{
	unsigned before;

	three_final();
	ck_ok(bring());
	before = count_fds();
	one_more();
	ck_ok(bring());
	ck_ok(entryfiles_sweep(&all, keeps_all, NULL, &err));
	ck_assert_msg(count_fds() == before, "nothing is left open");
	all.is_swept = false;
	fds_allow(0);
	ck_assert_int_ne(entryfiles_sweep(&all, keeps_all, NULL, &err), ERR_OK);
	fds_allow(1000);
	ck_assert(!all.is_swept);
}
END_TEST

/* Files of nobody's: their names are not ours either. */
static void two_of_nobody(void)
{
	three_final();
	ck_ok(bring());
	tempdir_poke("entries/x", 0, "x", 1);
	tempdir_poke("entries/y", 0, "y", 1);
	faulty.only = "unlinkat";
	faulty.calls = 0;
}

static const int one_only[] = { EIO, EPERM, EACCES, EBUSY };

START_TEST(a_file_that_stays_keeps_no_other)
{
	two_of_nobody();
	faulty.at = 1;
	faulty.sys = one_only[_i];
	ck_ok(entryfiles_sweep(&all, keeps_all, NULL, &err));
	ck_assert_msg(faulty.calls == 2 && tempdir_has("entries/x") != tempdir_has("entries/y") && tempdir_has(path), "the other one went");
	ck_assert(all.is_swept);
}
END_TEST

static const struct { int sys, code; } all_of_them[] = { { EROFS, ERR_READ_ONLY }, { ENOSPC, ERR_NO_SPACE }, { ENOMEM, ERR_MEMORY } };

START_TEST(a_disk_that_lets_nothing_go_is_told)
{
	two_of_nobody();
	faulty.at = 1;
	faulty.sys = all_of_them[_i].sys;
	ck_says(entryfiles_sweep(&all, keeps_all, NULL, &err), all_of_them[_i].code, "entries: ", "the next would stay too");
	ck_assert(faulty.calls == 1 && !all.is_swept);
}
END_TEST

START_TEST(what_cannot_be_read_is_swept_later)
{
	two_of_nobody();
	unread_from("entries", 0);
	ck_says(entryfiles_sweep(&all, keeps_all, NULL, &err), ERR_IO, "entries: read the directory", "that is not its end");
	ck_assert(!all.is_swept);
	rig.k.entryfiles.sys = &sysio_faulty;
	keeper_sweep_entries(&rig.k);
	ck_assert_msg(!rig.k.entryfiles.is_swept && degraded_is_fine(&rig.k.degraded), "nothing rests for it");
	unread_from(NULL, 0);
	faulty.at = 1;
	faulty.sys = EROFS;
	keeper_sweep_entries(&rig.k);
	ck_assert(!rig.k.entryfiles.is_swept && !degraded_is_fine(&rig.k.degraded));
	keeper_sweep_entries(&rig.k);
	ck_assert(rig.k.entryfiles.is_swept && !tempdir_has("entries/x") && !tempdir_has("entries/y"));
}
END_TEST

/* The power goes at the Nth call; the next start finds or makes the right file. */
START_TEST(a_power_cut)
{
	for (int whole = 0; whole < 2; whole++) {
		for (unsigned at = 1; at < 7; at++) {
			int status = 0;
			pid_t pid;

			if (at == 1 && !whole)
				three_final();
			faulty.at = 0;
			f = (struct entryfile){ .entries = 0 };
			ck_ok(bring());
			if (whole)
				tempdir_flip(path, 10);
			one_more();
			pid = fork();
			if (pid == 0) {
				faulty.calls = 0;
				faulty.at = at;
				faulty.sys = 0;
				_exit(bring() ? 1 : 0);
			}
			ck_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) != 1);
			f = (struct entryfile){ .entries = 0 };
			ck_ok(bring());
			is_right();
		}
	}
}
END_TEST

/* --- too long --- */

START_TEST(a_history_that_is_too_long_gets_no_file)
{
	static uint8_t room[ENTRY_DATA_MAX];
	struct hash32 *id = &rig.w.product[0].id;
	struct store_tx tx = store_begin(rig.w.store);
	uint32_t n = 0;

	for (uint64_t text = 0; text <= ENTRIES_FILE_MAX; text += 2 * sizeof room, n++) {
		struct entry_row en = { .product = *id, .order = n, .block = n + 1, .topics = 2, .data = SPAN(room, sizeof room) };

		en.topic[1] = *id;
		ck_ok(entries_append(rig.w.store, &en, &err));
	}
	ck_ok(store_commit(&tx, &err));
	store_tx_end(&tx);
	ck_ok(entries_finalise(rig.w.store, id, n, &err));
	ck_ok(bring());
	ck_assert(f.bytes == 0 && hash32_is_zero(&f.sha256) && f.entries == n && f.is_seen_to);
	ck_assert(!tempdir_has(path));
}
END_TEST

/* --- the keeper's part --- */

static void publish(void)
{
	world_settle(&rig.w);
	ck_ok(catalogs_publish(&rig.k, &err));
}

static struct ledger_product *mine(void)
{
	return ledger_find(&rig.k.ledger, &rig.w.product[0].id);
}

START_TEST(a_report_of_rot_mends_it)
{
	uint64_t generation;

	three_final();
	publish();
	generation = rig.k.catalogs.generation;
	tempdir_flip(path, 40);
	keeper_entries_rotten(&rig.k, &rig.w.product[0].id);
	f = mine()->file;
	is_right();
	ck_assert_uint_eq(rig.k.entryfiles.replaced, 1);
	publish();
	ck_assert_msg(rig.k.catalogs.generation == generation, "the same digest as before");
}
END_TEST

/* Whoever took the server over makes us read no file more often than that. */
START_TEST(reports_of_rot_are_not_believed_all_the_time)
{
	three_final();
	publish();
	keeper_entries_rotten(&rig.k, &rig.w.product[0].id);
	ck_assert_msg(rig.k.entryfiles.replaced == 0, "it was not true");
	tempdir_flip(path, 40);
	keeper_entries_rotten(&rig.k, &rig.w.product[0].id);
	ck_assert_uint_eq(rig.k.entryfiles.replaced, 0);
	rig.w.mono_ms += ENTRIES_CHECK_MS;
	keeper_entries_rotten(&rig.k, &rig.w.product[0].id);
	ck_assert_uint_eq(rig.k.entryfiles.replaced, 1);
	keeper_entries_rotten(&rig.k, &(struct hash32){ { 9 } });
	keeper_entries_rotten(&rig.k, &rig.w.product[1].id);
	ck_assert_str_eq(rig.k.degraded.why, "");
}
END_TEST

/* The catalog is built all the same, and tells of what is there. */
START_TEST(a_disk_that_refuses_is_trouble_and_no_more)
{
	uint64_t bytes;

	three_final();
	publish();
	bytes = mine()->file.bytes;
	one_more();
	rig.k.entryfiles.sys = &sysio_faulty;
	faulty.only = "pwrite";
	faulty.at = 1;
	faulty.is_sticky = true;
	faulty.sys = ENOSPC;
	publish();
	ck_assert_msg(strstr(rig.k.degraded.why, "entries") || strstr(rig.k.degraded.why, "space"), "%s", rig.k.degraded.why);
	ck_assert_uint_eq(mine()->file.bytes, bytes);
	faulty.at = 0;
	ledger_mark_all(&rig.w.ledger);
	publish();
	f = mine()->file;
	ck_assert(f.bytes > bytes);
	is_right();
}
END_TEST

/* Files of products that are followed stay; everything else in the folder goes, once. */
START_TEST(what_is_not_followed_is_removed)
{
	char stranger[80];

	three_final();
	ck_assert_int_eq(mkdir(tempdir_path("entries"), 0750), 0);
	snprintf(stranger, sizeof stranger, "entries/%064d", 7);
	tempdir_poke(stranger, 0, "x", 1);
	tempdir_poke("entries/leftover", 0, "x", 1);
	tempdir_poke(fresh, 0, "x", 1);
	publish();
	ck_assert(tempdir_has(path) && !tempdir_has(stranger) && !tempdir_has("entries/leftover") && !tempdir_has(fresh));
	tempdir_poke(stranger, 0, "x", 1);
	one_more();
	publish();
	ck_assert_msg(tempdir_has(stranger), "it is looked for at the start only");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("entryfiles");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, only_what_is_final);
	tcase_add_test(t, new_entries_are_appended);
	tcase_add_test(t, a_start_writes_nothing_when_all_is_well);
	tcase_add_loop_test(t, a_start_mends_what_differs, 0, (int)(sizeof found / sizeof *found));
	tcase_add_loop_test(t, a_new_entry_mends_what_differs, 0, (int)(sizeof found / sizeof *found));
	tcase_add_loop_test(t, a_disk_that_refuses, 0, 3);
	tcase_add_test(t, a_power_cut);
	tcase_add_test(t, a_database_that_cannot_be_read_writes_nothing);
	tcase_add_test(t, without_descriptors_nothing_is_swept);
	tcase_add_test(t, what_cannot_be_read_is_swept_later);
	tcase_add_loop_test(t, a_file_that_stays_keeps_no_other, 0, (int)(sizeof one_only / sizeof *one_only));
	tcase_add_loop_test(t, a_disk_that_lets_nothing_go_is_told, 0, (int)(sizeof all_of_them / sizeof *all_of_them));
	tcase_add_test(t, a_history_that_is_too_long_gets_no_file);
	tcase_add_test(t, a_report_of_rot_mends_it);
	tcase_add_test(t, reports_of_rot_are_not_believed_all_the_time);
	tcase_add_test(t, a_disk_that_refuses_is_trouble_and_no_more);
	tcase_add_test(t, what_is_not_followed_is_removed);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
