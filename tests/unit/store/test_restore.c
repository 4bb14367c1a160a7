/* test_restore.c: a backup brought into a directory: what is kept, what comes, and that no cut and no failing disk leaves
 * less than there was. */
#include "gateways.h"
#include "store/durable.h"
#include "store/owncopy.h"
#include "store/ownlog.h"

#include <sys/wait.h>

/* --- what must be there --- */

static void check_floors(void)
{
	autoclose int dir = open_dir(state_path);
	struct hash32 one = hash_of(1);
	const struct floor_item *i;
	struct floors *f;

	ck_ok(floor_load(dir, NULL, &f, &err));
	i = floor_get(f, &one);
	ck_assert_ptr_nonnull(i);
	ck_assert_msg(i->floor >= 1 && i->proven >= 8, "what the directory knew stays");
	ck_assert(floor_is_revoked(f, &one, 6));
	floor_free(f);
}

static void check_union(void)
{
	autoclose int dir = open_dir(state_path);
	struct hash32 one = hash_of(1), two = hash_of(2);
	struct floors *f;

	check_floors();
	ck_ok(floor_load(dir, NULL, &f, &err));
	ck_assert_uint_eq(floor_get(f, &one)->floor, 2);
	ck_assert_uint_eq(floor_get(f, &two)->proven, 9);
	floor_free(f);
}

static void check_restored(void)
{
	struct store *s = open_at(state_path);
	uint64_t floor;

	ck_ok(store_check(s, &err));
	ck_ok(audit_verify(s, &err));
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM decision WHERE sequence = 3 AND decision = 'held'"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM decision"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM product JOIN chosen ON product = id WHERE is_pinned = 1 AND sequence = 0 AND proven_number IS NULL"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM latched"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM device WHERE device = 'cellar' AND grp = 'early' AND is_listed = 1"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM device WHERE device = 'roof' AND grp = '' AND is_listed = 0"), 1);
	ck_ok(devices_floor(s, "cellar", "acme/p1", "stable", &floor, &err));
	ck_assert_uint_eq(floor, 6);
	ck_ok(devices_floor(s, "cellar", "acme/p1", "beta", &floor, &err));
	ck_assert_uint_eq(floor, 9);
	ck_ok(devices_floor(s, "roof", "acme/p1", "stable", &floor, &err));
	ck_assert_uint_eq(floor, 2);
	ck_assert_uint_ge(count(s, "SELECT count(*) FROM audit WHERE action = 'restore'"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM audit WHERE action = 'two'"), 1);
	store_close(s);
	check_union();
	ck_assert(has_token("ours") && !has_token("theirs"));
	ck_assert_msg(!tempdir_has(STATE "/restore.new") && !tempdir_has(STATE "/restore.backup"), "nothing is left beside");
}

START_TEST(what_stays_and_what_comes)
{
	struct restore_result r;
	struct store *s;

	fill_state();
	ck_ok(restore(NULL, &r));
	check_restored();
	ck_assert(r.had_database && !r.took_tokens);
	ck_assert_uint_eq(r.tokens_left_out, 1);
	ck_assert_int_eq(r.audit, RESTORE_AUDIT_HERE);
	s = open_at(state_path);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM audit WHERE action = 'three'"), 1);
	store_close(s);
	ck_assert(tempdir_has(STATE "/gatepost.db.replaced"));
}
END_TEST

START_TEST(an_empty_directory_takes_all)
{
	struct restore_result r;

	ck_assert_int_eq(rmdir(state_path), 0);
	ck_ok(restore(NULL, &r));
	ck_assert(!r.had_database && r.took_tokens && has_token("theirs"));
	ck_assert_uint_eq(r.tokens, 1);
	ck_assert_msg(r.tokens_left_out == 0, "all of the backup's tokens are here");
	ck_assert_uint_eq(r.floors, 2);
	ck_assert_uint_eq(r.devices, 1);
	ck_assert_int_eq(r.audit, RESTORE_AUDIT_BACKUP);
}
END_TEST

/* One product for each thing that can be said of one; a product of which nothing was said comes with the chain. */
START_TEST(all_that_the_operator_said_comes)
{
	struct latched_alarm alarm = { .code = "odd", .subject = "chain", .detail = "then", .since_ms = 1 };
	struct hash32 accepted = hash_of(6), set = hash_of(60);
	struct restore_result r;
	struct store *s = open_at(source_path);

	for (unsigned i = 4; i <= 6; i++)
		add_product(s, i);
	pin(s, 4);
	decide(s, 5, 1, "held");
	ck_ok(products_accept_set(s, &accepted, &set, 5, &err));
	ck_ok(mark_latch(s, &alarm, &err));
	store_close(s);
	take_parts();
	write_backup(&about);
	fill_state();
	s = open_at(state_path);
	decide(s, 1, 4, "approved");
	store_close(s);
	ck_ok(restore(NULL, &r));
	s = open_at(state_path);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM product"), 4);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM chosen WHERE name = 'acme/p4' AND is_pinned = 1"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM decision JOIN product ON product = id WHERE name = 'acme/p5' AND decision = 'held'"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM accepted_set JOIN product ON product = id WHERE name = 'acme/p6'"), 1);
	ck_assert_msg(count(s, "SELECT count(*) FROM decision") == 2, "of what stood here only what is held stays, and as held");
	ck_assert_msg(count(s, "SELECT count(*) FROM latched WHERE detail = 'then'") == 1, "an alarm of both is one");
	store_close(s);
}
END_TEST

/* Gone; damaged; a new one, into which nothing has come yet. */
static void lose_database(int how)
{
	autoclose int dir = open_dir(state_path), fd = -1;
	struct store *s = open_at(state_path);

	owncopy_begin(s, &(struct owncopy_place){ .dir = dir, .path = state_path });
	ck_ok(owncopy_save(s, &err));
	store_close(s);
	if (how == 1) {
		fd = openat(dir, "gatepost.db", O_WRONLY | O_CLOEXEC);
		ck_assert_int_eq(pwrite(fd, "rot", 3, 1000), 3);
		return;
	}
	ck_assert_int_eq(unlinkat(dir, "gatepost.db", 0), 0);
	if (how == 2)
		store_close(open_at(state_path));
}

START_TEST(what_stood_in_a_lost_database_stays)
{
	struct restore_result r;

	fill_state();
	lose_database(_i);
	ck_ok(restore(NULL, &r));
	check_restored();
	ck_assert_int_eq(r.audit, RESTORE_AUDIT_HERE);
	ck_assert(r.had_database == (_i == 2) && r.set_aside == (_i == 1));
	ck_assert_msg(!tempdir_has(STATE "/own/gatepost.db") && !tempdir_has(STATE "/own.seen"), "it has come");
}
END_TEST

/* Root restores, another user's service has to open what is there. */
START_TEST(files_belong_to_whom_the_directory_belongs)
{
	static const char *const made[] = { STATE "/gatepost.db", STATE "/floor.a", STATE "/floor.b", STATE "/tokens" };
	uid_t owner = geteuid() == 0 ? 12345 : geteuid();
	struct restore_result r;
	struct stat st;

	ck_assert_int_eq(chown(state_path, owner, (gid_t)-1), 0);
	ck_ok(restore(NULL, &r));
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(fstatat(tempdir_fd, made[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		ck_assert_msg(st.st_uid == owner, "%s", made[i]);
	}
}
END_TEST

static bool is_short;	/* of descriptors, while tokens are read: a moment later there are some */

int __real_durable_read(int dir, const char *name, struct buf *b, struct err *e);
int __wrap_durable_read(int dir, const char *name, struct buf *b, struct err *e);

int __wrap_durable_read(int dir, const char *name, struct buf *b, struct err *e)
{
	if (!is_short || strcmp(name, "tokens"))
		return __real_durable_read(dir, name, b, e);
	errno = EMFILE;
	return err_errno(e, "%s", name);
}

START_TEST(want_of_descriptors_is_no_damage_of_tokens)
{
	struct restore_result r;

	fill_state();
	is_short = true;
	ck_refused(restore(NULL, &r), ERR_IO, "too many open files");
	is_short = false;
	ck_assert(has_token("ours") && !has_token("theirs"));
	ck_ok(restore(NULL, &r));
	check_restored();
	ck_assert(!r.took_tokens);
}
END_TEST

START_TEST(tokens_come_when_they_are_asked_for)
{
	autoclose int fd = openat(tempdir_fd, BACKUP, O_RDONLY | O_CLOEXEC);
	struct restore_ask ask = { .state_dir = state_path, .fd = fd, .chain_id = 1, .with_tokens = true, .who = "uid:0" };
	struct restore_result r;

	fill_state();
	ck_ok(restore_run(&ask, &r, &err));
	ck_assert(has_token("theirs") && !has_token("ours"));
}
END_TEST

/* A log that was written apart from the backup's is not its continuation. */
START_TEST(another_audit_log_is_not_taken_for_the_same)
{
	struct restore_result r;
	struct store *s = open_at(state_path);

	record(s, "other");
	record(s, "other");
	record(s, "other");
	store_close(s);
	ck_ok(restore(NULL, &r));
	ck_assert_int_eq(r.audit, RESTORE_AUDIT_BACKUP);
	s = open_at(state_path);
	ck_ok(audit_verify(s, &err));
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM audit WHERE action = 'other'"), 0);
	store_close(s);
}
END_TEST

/* Whoever changed it: no chain of hashes goes through it any more. */
START_TEST(an_audit_log_that_was_changed_is_not_taken)
{
	struct restore_result r;
	struct store *s;

	fill_state();
	s = open_at(state_path);
	ck_ok(db_exec(s->db, "UPDATE audit SET detail = 'not so' WHERE n = 3", &err));
	store_close(s);
	ck_ok(restore(NULL, &r));
	ck_assert_int_eq(r.audit, RESTORE_AUDIT_BACKUP);
	s = open_at(state_path);
	ck_ok(audit_verify(s, &err));
	store_close(s);
}
END_TEST

/* A device that only showed itself here shows itself again. */
START_TEST(a_device_without_floors_does_not_come_along)
{
	struct restore_result r;
	struct store *s;

	fill_state();
	s = open_at(state_path);
	ck_ok(devices_put(s, "attic", "acme/p1", "", "late", 5, &err));
	store_close(s);
	ck_ok(restore(NULL, &r));
	s = open_at(state_path);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM device"), 2);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM device WHERE device = 'attic'"), 0);
	store_close(s);
}
END_TEST

/* --- the second copy of the database that stands there --- */

static void one_more_record(struct store *s)
{
	record(s, "four");
}

/* With its log, in which is what is said last. */
static void keep_twice(void (*last)(struct store *s))
{
	autoclose int dir = open_dir(state_path);
	struct owncopy_place place = { .dir = dir, .path = state_path };
	struct store *s = open_at(state_path);

	owncopy_begin(s, &place);
	ck_ok(owncopy_save(s, &err));
	last(s);
	store_close(s);
	ck_assert(tempdir_has(STATE "/own/gatepost.db") && tempdir_has(STATE "/own/log"));
}

static void check_no_copy(void)
{
	ck_assert_msg(!tempdir_has(STATE "/own/gatepost.db") && !tempdir_has(STATE "/own/log"), "it is of another database");
	ck_assert_msg(!tempdir_has(STATE "/own.seen"), "nothing is left beside");
}

START_TEST(a_second_copy_stands_for_a_damaged_database)
{
	struct restore_result r;
	struct store *s;

	fill_state();
	keep_twice(one_more_record);
	tempdir_flip(STATE "/gatepost.db", tempdir_size(STATE "/gatepost.db") - 100);
	ck_ok(restore(NULL, &r));
	check_restored();
	check_no_copy();
	ck_assert(r.set_aside && !r.had_database);
	ck_assert_int_eq(r.audit, RESTORE_AUDIT_HERE);
	s = open_at(state_path);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM audit WHERE action = 'four'"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM audit WHERE detail LIKE '%damaged database set aside'"), 1);
	store_close(s);
}
END_TEST

static void rot_record(const char *name, unsigned n)
{
	uint8_t head[OWNLOG_HEAD];
	off_t at = 0;

	do {
		ck_assert_int_eq(tempdir_peek(name, at, head, sizeof head), OWNLOG_HEAD);
		at += OWNLOG_HEAD + (head[6] << 8 | head[7]);
	} while (n--);
	tempdir_flip(name, at - 1);
}

static void a_hold_and_a_floor(struct store *s)
{
	add_product(s, 4);
	decide(s, 4, 1, "held");
	decide(s, 4, 2, "held");
	ck_ok(devices_put(s, "attic", "acme/p1", "", "late", 5, &err));
	ck_ok(devices_raise_floor(s, "attic", "acme/p1", "stable", 7, &err));
}

/* What a hold or a floor belongs to has rotted in its log, they have not. */
START_TEST(a_second_copy_with_a_hole_stands_for_it_too)
{
	struct restore_result r;
	struct store *s;
	uint64_t floor;

	fill_state();
	keep_twice(a_hold_and_a_floor);
	tempdir_flip(STATE "/gatepost.db", tempdir_size(STATE "/gatepost.db") - 100);
	rot_record(STATE "/own/log", 1);	/* that product 4 is chosen, with its first hold */
	rot_record(STATE "/own/log", 3);	/* that there is a device "attic" */
	ck_ok(restore(NULL, &r));
	check_no_copy();
	s = open_at(state_path);
	ck_ok(store_check(s, &err));
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM decision WHERE product NOT IN (SELECT product FROM chosen)"), 0);
	ck_ok(devices_floor(s, "attic", "acme/p1", "stable", &floor, &err));
	ck_assert_uint_eq(floor, 7);
	store_close(s);
}
END_TEST

static void say(const char *sql)
{
	struct store *s = open_at(state_path);

	ck_ok(db_exec(s->db, sql, &err));
	store_close(s);
}

/* The database is the one that counts while nothing of it is lost. */
START_TEST(a_second_copy_brings_nothing_into_a_whole_database)
{
	struct restore_result r;
	struct store *s;

	fill_state();
	keep_twice(one_more_record);
	say("INSERT INTO recalled VALUES (1, 1); DELETE FROM latched");
	ck_ok(restore(NULL, &r));
	s = open_at(state_path);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM latched"), 0);
	store_close(s);
	check_no_copy();
}
END_TEST

/* Each goes on from the backup's, and neither from the other: the database's is taken. */
START_TEST(two_audit_logs_that_have_parted)
{
	AUTO(buf_free) struct buf earlier = BUF_INIT(MIB);
	autoclose int dir = open_dir(state_path), fd = -1;
	struct restore_result r;
	struct store *s;

	fill_state();
	ck_ok(io_read_file(dir, "gatepost.db", &earlier, &err));
	keep_twice(one_more_record);
	fd = openat(dir, "gatepost.db", O_WRONLY | O_TRUNC | O_CLOEXEC);
	ck_ok(io_write_all(fd, buf_span(&earlier), &err));
	s = open_at(state_path);
	record(s, "five");
	store_close(s);
	ck_ok(restore(NULL, &r));
	ck_assert_int_eq(r.audit, RESTORE_AUDIT_HERE);
	s = open_at(state_path);
	ck_ok(audit_verify(s, &err));
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM audit WHERE action = 'five'"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM audit WHERE action = 'four'"), 0);
	store_close(s);
}
END_TEST

START_TEST(a_second_copy_is_forgotten)
{
	struct restore_result r;

	fill_state();
	keep_twice(one_more_record);
	ck_ok(restore(&sysio_faulty, &r));
	check_restored();
	check_no_copy();
	ck_assert_msg(strstr(faulty.trace, "linkat rename_over fsync unlinkat unlinkat fsync "), "when the new one has the name: %s", faulty.trace);
}
END_TEST

/* --- refusals --- */

static bool no_product(const struct hash32 *id, const struct addr20 *registrant, const char *name)
{
	(void)id, (void)registrant, (void)name;
	return false;
}

START_TEST(refusals_touch_nothing)
{
	autoclose int fd = openat(tempdir_fd, BACKUP, O_RDONLY | O_CLOEXEC), dir = -1;
	struct restore_ask ask = { .state_dir = state_path, .fd = fd, .chain_id = 1, .who = "uid:0", .is_product = no_product };
	struct restore_result r;
	struct stat before, after;
	struct store *s;

	fill_state();
	ck_assert_int_eq(fstatat(tempdir_fd, STATE "/gatepost.db", &before, 0), 0);
	ck_refused(restore_run(&ask, &r, &err), ERR_RULE, "an id is that of name and registrant");
	ask.is_product = NULL;
	ask.chain_id = 2;
	ck_refused(restore_run(&ask, &r, &err), ERR_RULE, "a backup of another chain is none of this gateway");
	ask.chain_id = 1;
	dir = open_dir(state_path);
	ck_ok(restore_lock(dir, &err));
	ck_refused(restore_run(&ask, &r, &err), ERR_BUSY, "not beside a keeper");
	close(STEAL_FD(dir));
	s = open_at(state_path);
	ck_refused(restore_run(&ask, &r, &err), ERR_BUSY, "nor beside one that only has the database");
	store_close(s);
	ck_assert_int_eq(fstatat(tempdir_fd, STATE "/gatepost.db", &after, 0), 0);
	ck_assert(before.st_ino == after.st_ino);
	ck_assert(!tempdir_has(STATE "/gatepost.db.replaced"));
	check_floors();
	ck_assert(has_token("ours"));
}
END_TEST

/* --- cuts and faults --- */

/* Whatever happened: a database of the one or the other kind, floors no lower, tokens that open doors; and the next run ends well. */
static void check_survived(void)
{
	struct restore_result r;
	struct store *s = open_at(state_path);

	ck_assert(!store_is_new(s));
	ck_ok(store_check(s, &err));
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM decision WHERE sequence = 3 AND decision = 'held'"), 1);
	store_close(s);
	check_floors();
	ck_assert(has_token("ours"));
	memset(&faulty, 0, sizeof faulty);
	ck_ok(restore(NULL, &r));
	check_restored();
	check_no_copy();
}

/* The calls that one whole restore makes. */
static unsigned calls_of_all(void)
{
	struct restore_result r;

	memset(&faulty, 0, sizeof faulty);
	ck_ok(restore(&sysio_faulty, &r));
	return faulty.calls;
}

/* The files of fill_state, kept so that a round costs no syncs for what is not tried. */
static const char *const files[] = { "gatepost.db", "floor.a", "floor.b", "tokens", "own/gatepost.db", "own/log" };
#define FILES (sizeof files / sizeof *files)
static struct buf kept[FILES];

static void keep_state(void)
{
	autoclose int dir = open_dir(state_path);

	for (size_t i = 0; i < FILES; i++) {
		kept[i] = BUF_INIT(MIB);
		ck_ok(io_read_file(dir, files[i], &kept[i], &err));
	}
}

static void forget_state(void)
{
	for (size_t i = 0; i < FILES; i++)
		buf_free(&kept[i]);
}

static void anew(void)
{
	autoclose int dir = open_dir(state_path);

	memset(&faulty, 0, sizeof faulty);
	unlinkat(dir, "gatepost.db.replaced", 0);
	for (size_t i = 0; i < FILES; i++) {
		autoclose int fd = openat(dir, files[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		ck_assert_int_ge(fd, 0);
		ck_ok(io_write_all(fd, buf_span(&kept[i]), &err));
	}
}

START_TEST(every_cut_leaves_a_whole_gateway)
{
	struct restore_result r;
	unsigned all;

	fill_state();
	keep_twice(one_more_record);
	keep_state();
	all = calls_of_all();
	ck_assert_uint_gt(all, 10);
	for (unsigned n = 1; n <= all; n++) {
		int status;
		pid_t pid;

		anew();
		pid = fork();
		if (pid == 0) {
			faulty.at = n;
			_exit(restore(&sysio_faulty, &r));
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == FAULTY_EXIT, "call %u of %u is made", n, all);
		check_survived();
	}
	forget_state();
}
END_TEST

START_TEST(every_failure_leaves_a_whole_gateway)
{
	static const int codes[] = { EIO, ENOSPC, EROFS };
	struct restore_result r;
	unsigned all, reported = 0;

	fill_state();
	keep_twice(one_more_record);
	keep_state();
	all = calls_of_all();
	for (unsigned n = 1; n <= all; n++) {
		anew();
		faulty.at = n;
		faulty.sys = codes[n % 3];
		faulty.is_sticky = n % 2 == 1;
		reported += restore(&sysio_faulty, &r) != ERR_OK;
		check_survived();
	}
	/* All but the last clean-ups, which the next run makes good, and a floor file that cannot be written, of which a new one is made. */
	ck_assert_uint_ge(reported + 11, all);
	forget_state();
}
END_TEST

/* Durable before it counts: the new database before it has the name, and that the old one's log is gone; the name before it is reported. */
START_TEST(order_of_syncs)
{
	struct restore_result r;

	fill_state();
	ck_ok(restore(&sysio_faulty, &r));
	ck_assert_msg(strstr(faulty.trace, "fdatasync fsync unlinkat linkat rename_over fsync "), "%s", faulty.trace);
	ck_assert_msg(strstr(faulty.trace, "pwrite ftruncate fdatasync fsync "), "floors: %s", faulty.trace);
	ck_assert_msg(strstr(faulty.trace, "ftruncate") < strstr(faulty.trace, " linkat"), "floors come first: %s", faulty.trace);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("restore");
	TCase *tc = tcase_create("restore");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, what_stays_and_what_comes);
	tcase_add_test(tc, an_empty_directory_takes_all);
	tcase_add_test(tc, all_that_the_operator_said_comes);
	tcase_add_loop_test(tc, what_stood_in_a_lost_database_stays, 0, 3);
	tcase_add_test(tc, files_belong_to_whom_the_directory_belongs);
	tcase_add_test(tc, tokens_come_when_they_are_asked_for);
	tcase_add_test(tc, want_of_descriptors_is_no_damage_of_tokens);
	tcase_add_test(tc, another_audit_log_is_not_taken_for_the_same);
	tcase_add_test(tc, an_audit_log_that_was_changed_is_not_taken);
	tcase_add_test(tc, a_device_without_floors_does_not_come_along);
	tcase_add_test(tc, a_second_copy_stands_for_a_damaged_database);
	tcase_add_test(tc, a_second_copy_with_a_hole_stands_for_it_too);
	tcase_add_test(tc, a_second_copy_brings_nothing_into_a_whole_database);
	tcase_add_test(tc, two_audit_logs_that_have_parted);
	tcase_add_test(tc, a_second_copy_is_forgotten);
	tcase_add_test(tc, refusals_touch_nothing);
	tcase_add_test(tc, every_cut_leaves_a_whole_gateway);
	tcase_add_test(tc, every_failure_leaves_a_whole_gateway);
	tcase_add_test(tc, order_of_syncs);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
