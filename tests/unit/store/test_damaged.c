/* test_damaged.c: backups that are damaged, or that somebody made who means harm, and what lies in a backup's way: each is refused by
 * the rule that it breaks, and nothing is touched. Backups whose digest does not fit are test_savefile.c's. */
#include "gateways.h"
#include "store/scratch.h"

#include <dirent.h>
#include <sys/syscall.h>

/* --- syncs, on their way to the kernel, those of SQLite too --- */

static unsigned syncs;
static const char *rotting;	/* the end of a path: what is synced there is not what stays there */

static int synced(int fd, long number)
{
	char link[40], path[PATH_MAX] = "", byte = 0x55;
	ssize_t n;
	int rc = (int)syscall(number, fd);

	syncs++;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (rotting && n > (ssize_t)strlen(rotting) && strcmp(path + n - strlen(rotting), rotting) == 0)
		ck_assert_int_eq(pwrite(fd, &byte, 1, 4096 + 100), 1);
	return rc;
}

int fsync(int fd)
{
	return synced(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return synced(fd, SYS_fdatasync);
}

/* --- what must not be touched --- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* The names in a directory, and the bytes of those that are files. */
static struct hash32 all_of(const char *path)
{
	autoclose int dir = open_dir(path);
	struct dirent **list;
	int n = scandir(path, &list, NULL, by_name);
	struct sha256 h;

	sha256_init(&h);
	for (int i = 0; i < n; i++) {
		AUTO(buf_free) struct buf b = BUF_INIT(16 * MIB);

		sha256_add(&h, span_str(list[i]->d_name));
		if (list[i]->d_type == DT_REG)
			ck_ok(io_read_file(dir, list[i]->d_name, &b, &err));
		sha256_add(&h, buf_span(&b));
		free(list[i]);
	}
	free(list);
	return sha256_end(&h);
}

/* The backup that stands there must be refused, in so many words. */
static void refused(int code, const char *words, const char *rule)
{
	struct restore_result r = { .floors = 77 };
	struct hash32 before = all_of(state_path), after;

	ck_says(restore(NULL, &r), code, words, rule);
	ck_assert_msg(r.floors == 77, "%s: outputs are untouched", rule);
	after = all_of(state_path);
	ck_assert_msg(hash32_eq(&before, &after), "%s: nothing of the directory is touched", rule);
}

static void begin(void)
{
	setup();
	fill_state();
	syncs = 0;
	rotting = NULL;
}

/* --- the file --- */

START_TEST(a_backup_is_a_file)
{
	static const char *const rule = "a backup is a file";

	ck_assert_int_eq(unlinkat(tempdir_fd, BACKUP, 0), 0);
	ck_assert_int_eq(mkdirat(tempdir_fd, BACKUP, 0700), 0);
	refused(ERR_FORMAT, "is not a file", rule);
	ck_assert_int_eq(unlinkat(tempdir_fd, BACKUP, AT_REMOVEDIR), 0);
	ck_assert_int_eq(symlinkat("/dev/zero", tempdir_fd, BACKUP), 0);
	refused(ERR_FORMAT, "is not a file", rule);
	ck_assert_int_eq(unlinkat(tempdir_fd, BACKUP, 0), 0);
	refused(ERR_IO, "backup: ", "a file is open");
}
END_TEST

START_TEST(a_cut_or_rotten_backup_is_refused)
{
	size_t cuts[] = { 0, 1, 43, 44, backup.n / 2, backup.n - 1 };
	autoclose int fd = openat(tempdir_fd, BACKUP, O_RDWR | O_CLOEXEC);

	tempdir_flip(BACKUP, (off_t)backup.n - 1);
	refused(ERR_PROOF, "digest at its end", "the digest is that of the bytes");
	tempdir_flip(BACKUP, (off_t)backup.n - 1);
	ck_assert_int_eq(pwrite(fd, "x", 1, (off_t)backup.n), 1);
	refused(ERR_PROOF, "digest at its end", "no byte follows the digest");
	for (size_t i = sizeof cuts / sizeof *cuts; i-- > 0;) {
		ck_assert_int_eq(ftruncate(fd, (off_t)cuts[i]), 0);
		if (cuts[i] < 44)
			refused(ERR_FORMAT, "not a backup", "there is room for a head and a digest");
		else
			refused(ERR_PROOF, "digest at its end", "no byte is missing");
	}
}
END_TEST

/* The bytes of a head with another digest under them, as somebody would write it who knows the format. */
static void seal(void)
{
	struct hash32 sum = sha256_of(SPAN(backup.p, backup.n - SAVEFILE_SUM));

	memcpy(backup.p + backup.n - SAVEFILE_SUM, sum.b, sizeof sum.b);
	put_backup();
}

START_TEST(a_head_of_another_kind_is_refused)
{
	struct savefile other = about;

	backup.p[0] ^= 1;
	seal();
	refused(ERR_FORMAT, "not a backup", "a file begins with our name");
	backup.p[0] ^= 1;
	backup.p[13] = 2;
	seal();
	refused(ERR_RULE, "format 2", "a newer format is told from damage");
	other.registry.b[19] = 1;
	write_backup(&other);
	refused(ERR_RULE, "another chain or registry", "floors of another registry mean nothing here");
	other = about;
	other.chain_id = 2;
	write_backup(&other);
	refused(ERR_RULE, "another chain or registry", "floors of another chain mean nothing here");
}
END_TEST

/* --- its parts, with a digest that fits --- */

static void flip_tokens(void)
{
	part[SAVE_TOKENS].p[3] ^= 1;
}

static void cut_tokens(void)
{
	part[SAVE_TOKENS].n--;
}

static void no_tokens(void)
{
	part[SAVE_TOKENS].n = 0;
}

static void longer_tokens(void)
{
	buf_byte(&part[SAVE_TOKENS], '\n');
}

static void flip_floors(void)
{
	part[SAVE_FLOORS].p[30] ^= 1;
}

static void cut_floors(void)
{
	part[SAVE_FLOORS].n -= 8;
}

static void no_floors(void)
{
	part[SAVE_FLOORS].n = 0;
}

static void longer_floors(void)
{
	buf_byte(&part[SAVE_FLOORS], 0);
}

/* A floor file of our writing whose products are more than a gateway keeps. */
static void many_floors(void)
{
	struct buf *b = &part[SAVE_FLOORS];
	struct hash32 sum;

	buf_free(b);
	*b = BUF_INIT(MIB);
	buf_str(b, "GPFLOOR1");
	buf_be(b, 1, 8);
	buf_be(b, FLOOR_PRODUCTS_MAX + 1, 4);
	for (unsigned i = 0; i <= FLOOR_PRODUCTS_MAX; i++) {
		struct hash32 id = hash_of(i);

		buf_add(b, SPAN_OF(id));
		for (size_t n = 0; n < 20 + 1 + 3 * 8 + 4; n++)
			buf_byte(b, 0);
	}
	sum = sha256_of(buf_span(b));
	buf_add(b, SPAN_OF(sum));
	ck_ok(buf_ok(b, &err));
}

static void no_database(void)
{
	part[SAVE_DATABASE].n = 0;
}

static void cut_database(void)
{
	part[SAVE_DATABASE].n -= 4096;
}

static void flip_first_page(void)
{
	part[SAVE_DATABASE].p[0] ^= 1;
}

/* None of the pages that opening it reads. */
static void flip_last_page(void)
{
	part[SAVE_DATABASE].p[part[SAVE_DATABASE].n - 100] ^= 1;
}

static const struct { const char *rule; void (*damage)(void); int code; const char *words; } parts[] = {
	{ "tokens have a digest", flip_tokens, ERR_PROOF, "the backup's tokens: " },
	{ "tokens are whole", cut_tokens, ERR_PROOF, "the backup's tokens: " },
	{ "tokens are there, if only their digest", no_tokens, ERR_PROOF, "the backup's tokens: " },
	{ "nothing follows the tokens", longer_tokens, ERR_PROOF, "the backup's tokens: " },
	{ "floors have a digest", flip_floors, ERR_PROOF, "the backup's floors: " },
	{ "floors are whole", cut_floors, ERR_PROOF, "the backup's floors: " },
	{ "floors are there, if only their digest", no_floors, ERR_PROOF, "the backup's floors: " },
	{ "nothing follows the floors", longer_floors, ERR_PROOF, "the backup's floors: " },
	{ "floors are no more than a gateway keeps", many_floors, ERR_LIMIT, "the backup's floors: " },
	{ "a database is there", no_database, ERR_PROOF, "the backup's database: there is none" },
	{ "a database is whole", cut_database, ERR_PROOF, "the backup's database: " },
	{ "a database is one", flip_first_page, ERR_PROOF, "the backup's database: " },
	{ "a database's pages have their checksums", flip_last_page, ERR_PROOF, "the backup's database: " },
};

START_TEST(damage_of_each_part_is_refused)
{
	parts[_i].damage();
	write_backup(&about);
	refused(parts[_i].code, parts[_i].words, parts[_i].rule);
}
END_TEST

/* A database that is whole, and not as we write it. */
#define THE_BACKUPS "the backup's database: "
static const struct { const char *rule, *sql; int code; const char *words; } odd[] = {
	{ "the audit log's hashes fit", "UPDATE audit SET actor = 'eve' WHERE n = 2", ERR_PROOF, THE_BACKUPS },
	{ "a table is not another one", "ALTER TABLE device RENAME TO devices", ERR_PROOF, "the new database: " },
	{ "a row meets our constraints",
	  "CREATE TABLE d2 (product, sequence, manifest_sha256, decision, at_ms); INSERT INTO d2 SELECT product, sequence, manifest_sha256,"
	  " 'maybe', at_ms FROM decision; DROP TABLE decision; ALTER TABLE d2 RENAME TO decision", ERR_PROOF, "the new database: " },
	{ "a row belongs to one that is there", "PRAGMA foreign_keys = OFF; DELETE FROM product", ERR_PROOF, THE_BACKUPS "database: a row belongs" },
	{ "no alarm is there twice",
	  "CREATE TABLE d2 (code, subject, detail, since_ms); INSERT INTO d2 VALUES ('odd', '', '', 1), ('odd', '', '', 1); DROP TABLE latched;"
	  " ALTER TABLE d2 RENAME TO latched", ERR_PROOF, "the new database: " },
	{ "the schema is not newer", "PRAGMA user_version = 99", ERR_RULE, THE_BACKUPS },
	{ "a file is ours", "PRAGMA application_id = 5", ERR_PROOF, THE_BACKUPS },
};

START_TEST(odd_databases_are_refused)
{
	autoclose int dir = open_dir(source_path);
	struct store *s = open_at(source_path);

	ck_ok(db_exec(s->db, odd[_i].sql, &err));
	store_close(s);
	buf_reset(&part[SAVE_DATABASE]);
	ck_ok(io_read_file(dir, "gatepost.db", &part[SAVE_DATABASE], &err));
	write_backup(&about);
	refused(odd[_i].code, odd[_i].words, odd[_i].rule);
}
END_TEST

/* --- the directory it comes into --- */

START_TEST(a_directory_that_cannot_be_made_is_said)
{
	autoclose int fd = openat(tempdir_fd, BACKUP, O_RDONLY | O_CLOEXEC);
	struct restore_ask ask = { .fd = fd, .chain_id = 1, .who = "uid:0" };
	char path[PATH_MAX + 40];
	struct restore_result r;

	ask.state_dir = path;
	snprintf(path, sizeof path, "%s/none/" STATE, tempdir);
	ck_says(restore_run(&ask, &r, &err), ERR_NOT_FOUND, "none/" STATE, "a state directory has one that it is in");
	snprintf(path, sizeof path, "%s/" BACKUP, tempdir);
	ck_says(restore_run(&ask, &r, &err), ERR_IO, BACKUP, "a state directory is one");
}
END_TEST

START_TEST(a_damaged_database_is_set_aside)
{
	AUTO(buf_free) struct buf before = BUF_INIT(MIB), after = BUF_INIT(MIB);
	autoclose int dir = open_dir(state_path);
	struct restore_result r;
	struct store *s;

	tempdir_flip(STATE "/gatepost.db", tempdir_size(STATE "/gatepost.db") - 100);
	ck_ok(io_read_file(dir, "gatepost.db", &before, &err));
	ck_ok(restore(NULL, &r));
	ck_assert(r.set_aside && !r.had_database && r.audit == RESTORE_AUDIT_BACKUP);
	ck_ok(io_read_file(dir, "gatepost.db.damaged", &after, &err));
	ck_assert_msg(span_eq(buf_span(&before), buf_span(&after)), "it can be looked at later");
	s = open_at(state_path);
	ck_ok(store_check(s, &err));
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM decision WHERE decision = 'approved'"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM audit WHERE detail LIKE '%damaged database set aside'"), 1);
	store_close(s);
}
END_TEST

/* A pipe would be waited for, a link followed. */
START_TEST(what_is_no_file_is_in_nobodys_way)
{
	static const char *const names[] = { "gatepost.db", "tokens", "floor.a", "floor.b", "restore.backup", "restore.new" };
	struct restore_result r;
	char name[40];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(name, sizeof name, STATE "/%s", names[i]);
		tempdir_put_odd(name, (enum tempdir_odd)_i);
		ck_ok(restore(NULL, &r));
		ck_assert_msg(!tempdir_has(STATE "/restore.backup") && !tempdir_has(STATE "/restore.new"), "%s in place of %s",
			      tempdir_odd_names[_i], names[i]);
		struct store *s = open_at(state_path);
		ck_ok(store_check(s, &err));
		store_close(s);
	}
}
END_TEST

START_TEST(a_link_in_place_of_a_scratch_directory_is_not_followed)
{
	struct hash32 before = all_of(source_path), after;
	struct restore_result r;

	ck_assert_int_eq(symlinkat(source_path, tempdir_fd, STATE "/restore.backup"), 0);
	ck_assert_int_eq(symlinkat(source_path, tempdir_fd, STATE "/restore.new"), 0);
	ck_ok(restore(NULL, &r));
	after = all_of(source_path);
	ck_assert_msg(hash32_eq(&before, &after), "what it leads to is not ours");
	ck_assert(!tempdir_has(STATE "/restore.backup") && !tempdir_has(STATE "/restore.new"));
}
END_TEST

START_TEST(a_scratch_directory_that_is_not_there_is_removed)
{
	autoclose int dir = open_dir(state_path);

	ck_ok(scratch_remove(dir, "restore.new", NULL, &err));
	tempdir_poke(STATE "/restore.new", 0, "x", 1);
	ck_says(scratch_remove(dir, "restore.new", NULL, &err), ERR_IO, "restore.new: ", "what is no directory is not ours");
	ck_assert(tempdir_has(STATE "/restore.new"));
}
END_TEST

/* A keeper leaves its log behind when it stops: who takes the database away leaves it alone. */
START_TEST(a_log_without_its_database_is_moved_away)
{
	struct restore_result r;

	ck_assert_int_eq(unlinkat(tempdir_fd, STATE "/gatepost.db", 0), 0);
	tempdir_poke(STATE "/gatepost.db-wal", 0, "frames", 6);
	memset(&faulty, 0, sizeof faulty);
	ck_ok(restore(&sysio_faulty, &r));
	ck_assert(!r.had_database && !r.set_aside);
	ck_assert_msg(strstr(faulty.trace, "fdatasync fsync rename_over fsync "), "a power cut does not bring it back: %s", faulty.trace);
	ck_assert(!tempdir_has(STATE "/gatepost.db-wal"));
	ck_assert_msg(tempdir_size(STATE "/gatepost.db-wal.odd-1") == 6, "nothing is thrown away");
}
END_TEST

/* Opens the new database for its sync, when the old one was closed: that one's log is still there. */
static int open_late(int dir, const char *name, int flags, mode_t mode)
{
	if (strcmp(name, "restore.new/gatepost.db") == 0)
		tempdir_poke(STATE "/gatepost.db-wal", 0, "frames", 6);
	return sysio_kernel.openat(dir, name, flags, mode);
}

START_TEST(a_log_that_could_not_be_taken_in_keeps_its_database)
{
	struct sysio sys = sysio_kernel;
	struct restore_result r;

	sys.openat = open_late;
	ck_says(restore(&sys, &r), ERR_IO, "gatepost.db-wal: could not be taken", "a new database never meets another's log");
	ck_assert(tempdir_has(STATE "/gatepost.db") && tempdir_has(STATE "/gatepost.db-wal") && !tempdir_has(STATE "/gatepost.db.replaced"));
}
END_TEST

/* --- a disk that refuses, and one that lies --- */

static void fail_at_first(const char *call, int sys)
{
	memset(&faulty, 0, sizeof faulty);
	faulty.only = call;
	faulty.at = 1;
	faulty.sys = sys;
}

START_TEST(the_first_failure_is_the_one_that_is_said)
{
	struct restore_result r;

	fail_at_first("mkdirat", ENOSPC);
	ck_says(restore(&sysio_faulty, &r), ERR_NO_SPACE, "restore.backup: make", "a full disk is told from others");
	ck_assert_int_eq(mkdirat(tempdir_fd, STATE "/restore.backup", 0700), 0);
	fail_at_first("unlinkat", EROFS);
	ck_says(restore(&sysio_faulty, &r), ERR_READ_ONLY, "restore.backup/gatepost.db: remove", "so is one that takes no writes");
	fail_at_first("pwrite", ENOSPC);
	ck_says(restore(&sysio_faulty, &r), ERR_NO_SPACE, "the backup's database: write", "a copy that does not fit is none");
}
END_TEST

START_TEST(a_new_database_is_read_back_before_it_counts)
{
	struct restore_result r;
	struct hash32 before, after;

	rotting = "/restore.new/gatepost.db";
	before = all_of(state_path);
	ck_says(restore(NULL, &r), ERR_CORRUPT, "the new database: ", "what a disk lost is not put in the old one's place");
	after = all_of(state_path);
	ck_assert(hash32_eq(&before, &after));
	rotting = NULL;
	ck_ok(restore(NULL, &r));
}
END_TEST

/* --- taking a backup --- */

START_TEST(a_backup_that_fails_leaves_nothing)
{
	autoclose int dir = open_dir(source_path);
	struct store *s = open_at(source_path);
	uint64_t size;
	int fd = -1;

	fail_at_first("mkdirat", ENOSPC);
	ck_says(save_database(s, dir, source_path, &sysio_faulty, &fd, &size, &err), ERR_NO_SPACE, "backup.new: make", "a full disk is said");
	ck_assert_int_eq(fd, -1);
	ck_refused(save_database(s, dir, "/nowhere", NULL, &fd, &size, &err), ERR_IO, "the directory has its path");
	ck_assert_int_eq(fd, -1);
	ck_assert(!tempdir_has(SOURCE "/backup.new"));
	store_close(s);
}
END_TEST

/* Its name is gone before anybody has it: a power cut leaves nothing of it, synced or not. */
START_TEST(a_backup_costs_no_syncs)
{
	autoclose int dir = open_dir(source_path), fd = -1;
	struct store *s = open_at(source_path);
	uint64_t size;
	unsigned opening;

	syncs = 0;
	store_close(open_at(tempdir));
	opening = syncs;
	syncs = 0;
	ck_ok(save_database(s, dir, source_path, NULL, &fd, &size, &err));
	ck_assert_uint_le(syncs, opening);
	store_close(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("damaged");
	TCase *tc = tcase_create("damaged");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, begin, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_backup_is_a_file);
	tcase_add_test(tc, a_cut_or_rotten_backup_is_refused);
	tcase_add_test(tc, a_head_of_another_kind_is_refused);
	tcase_add_loop_test(tc, damage_of_each_part_is_refused, 0, sizeof parts / sizeof *parts);
	tcase_add_loop_test(tc, odd_databases_are_refused, 0, sizeof odd / sizeof *odd);
	tcase_add_test(tc, a_directory_that_cannot_be_made_is_said);
	tcase_add_test(tc, a_damaged_database_is_set_aside);
	tcase_add_loop_test(tc, what_is_no_file_is_in_nobodys_way, 0, ODDS);
	tcase_add_test(tc, a_link_in_place_of_a_scratch_directory_is_not_followed);
	tcase_add_test(tc, a_scratch_directory_that_is_not_there_is_removed);
	tcase_add_test(tc, a_log_without_its_database_is_moved_away);
	tcase_add_test(tc, a_log_that_could_not_be_taken_in_keeps_its_database);
	tcase_add_test(tc, the_first_failure_is_the_one_that_is_said);
	tcase_add_test(tc, a_new_database_is_read_back_before_it_counts);
	tcase_add_test(tc, a_backup_that_fails_leaves_nothing);
	tcase_add_test(tc, a_backup_costs_no_syncs);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
