/* test_restore.c: a backup brought into a directory: what is kept, what comes, and that no cut and no failing disk leaves
 * less than there was. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "formats/sha256.h"
#include "store/audit.h"
#include "store/db_own.h"
#include "store/devices.h"
#include "store/floor.h"
#include "store/products.h"
#include "store/releases.h"
#include "store/restore.h"
#include "store/save.h"
#include "store/store_own.h"
#include "store/tokens.h"
#include "faulty.h"
#include "tempdir.h"

#include <sys/wait.h>

#define STATE "state"
#define SOURCE "source"
#define BACKUP "gateway.backup"

/* --- two gateways --- */

static char state_path[PATH_MAX + 16], source_path[PATH_MAX + 16];

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static struct store *open_at(const char *path)
{
	struct store *s;

	ck_ok(store_open(path, &s, &err));
	return s;
}

static void add_product(struct store *s, unsigned n)
{
	struct product_row p = { .id = hash_of(n), .sequence = 7, .floor = 1 };

	snprintf(p.name, sizeof p.name, "acme/p%u", n);
	ck_ok(products_put(s, &p, &err));
}

static void decide(struct store *s, unsigned product, uint64_t sequence, const char *word)
{
	char sql[400];
	char hex[65];

	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash_of(product).b[i]);
	snprintf(sql, sizeof sql, "INSERT INTO decision VALUES (X'%s', %llu, zeroblob(32), '%s', 5)", hex, (unsigned long long)sequence, word);
	ck_ok(db_exec(s->db, sql, &err));
}

static uint64_t count(struct store *s, const char *sql)
{
	uint64_t n = 0;

	ck_ok(db_pragma_u64(s->db, sql, &n, &err));
	return n;
}

static void record(struct store *s, const char *action)
{
	struct audit_row a = { .at_ms = 1, .actor = "maria", .action = "" };

	snprintf(a.action, sizeof a.action, "%s", action);
	ck_ok(audit_add(s, &a, &err));
}

static void raise_floor(int dir, unsigned product, uint64_t floor, uint64_t proven, uint64_t revoked)
{
	struct floor_item i = { .product = hash_of(product), .floor = floor, .proven = proven, .active = proven, .revoked = &revoked, .revoked_n = revoked != 0 };
	struct floors *f;

	snprintf(i.name, sizeof i.name, "acme/p%u", product);
	ck_ok(floor_load(dir, NULL, &f, &err));
	ck_ok(floor_note(f, &i, &err));
	ck_ok(floor_save(f, &err));
	floor_free(f);
}

static char token_text[TOKEN_TEXT_MAX];

static void add_token(int dir, const char *name)
{
	struct tokens *t;

	ck_ok(tokens_load(dir, NULL, &t, &err));
	ck_ok(tokens_new(t, span_str(name), TOKEN_READ, 1, token_text, &err));
	tokens_free(t);
}

static void pin(struct store *s, unsigned product)
{
	struct hash32 id = hash_of(product);

	ck_ok(products_set_pinned(s, &id, true, &err));
}

/* The gateway whose backup it is: release 3 of product 1 approved, device "cellar", two audit records, a token. */
static void fill_source(void)
{
	autoclose int dir = open_dir(source_path);
	struct store *s = open_at(source_path);

	add_product(s, 1);
	add_product(s, 2);
	pin(s, 1);
	decide(s, 1, 3, "approved");
	ck_ok(devices_put(s, "cellar", "acme/p1", "", "early", 5, &err));
	ck_ok(devices_raise_floor(s, "cellar", "acme/p1", "stable", 4, &err));
	ck_ok(devices_raise_floor(s, "cellar", "acme/p1", "beta", 9, &err));
	record(s, "one");
	record(s, "two");
	store_close(s);
	raise_floor(dir, 1, 2, 5, 0);
	raise_floor(dir, 2, 9, 9, 0);
	add_token(dir, "theirs");
}

/* The one into which it comes, which has seen more: release 3 held, a device with higher floors, another one, an alarm, floors. */
static void fill_state(void)
{
	autoclose int dir = open_dir(state_path);
	struct latched_alarm alarm = { .code = "odd", .subject = "chain", .detail = "", .since_ms = 1 };
	struct store *s = open_at(state_path);

	add_product(s, 1);
	add_product(s, 3);
	decide(s, 1, 3, "held");
	decide(s, 3, 1, "approved");
	ck_ok(mark_latch(s, &alarm, &err));
	ck_ok(devices_put(s, "cellar", "acme/p1", "", "late", 5, &err));
	ck_ok(devices_raise_floor(s, "cellar", "acme/p1", "stable", 6, &err));
	ck_ok(devices_raise_floor(s, "cellar", "acme/p1", "beta", 3, &err));
	ck_ok(devices_put(s, "roof", "acme/p1", "", "late", 5, &err));
	ck_ok(devices_raise_floor(s, "roof", "acme/p1", "stable", 2, &err));
	record(s, "one");
	record(s, "two");
	record(s, "three");
	store_close(s);
	raise_floor(dir, 1, 1, 8, 6);
	add_token(dir, "ours");
}

/* --- the file --- */

static void write_backup(const struct savefile *about, struct span *part)
{
	AUTO(buf_free) struct buf b = BUF_INIT(16 * MIB);
	struct savefile s = *about;
	struct hash32 sum;

	for (size_t i = 0; i < SAVE_PARTS; i++)
		s.size[i] = part[i].n;
	ck_ok(savefile_front(&s, &b, &err));
	for (size_t i = 0; i < SAVE_PARTS; i++)
		buf_add(&b, part[i]);
	sum = sha256_of(buf_span(&b));
	buf_add(&b, SPAN_OF(sum));
	autoclose int fd = openat(tempdir_fd, BACKUP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_ok(io_write_all(fd, buf_span(&b), &err));
}

static const struct savefile about = { .version = "1", .name = "test", .made_ms = 5, .chain_id = 1 };

static void make_backup(void)
{
	AUTO(buf_free) struct buf database = BUF_INIT(8 * MIB), floors = BUF_INIT(MIB), tokens = BUF_INIT(MIB);
	autoclose int dir = open_dir(source_path), fd = -1;
	struct store *s = open_at(source_path);
	uint64_t size;
	struct floors *f;
	struct tokens *t;

	ck_ok(save_database(s, dir, source_path, NULL, &fd, &size, &err));
	store_close(s);
	ck_ok(io_read_all(fd, &database, &err));
	ck_assert_uint_eq(database.n, size);
	ck_ok(floor_load(dir, NULL, &f, &err));
	floor_write(f, &floors);
	floor_free(f);
	ck_ok(tokens_load(dir, NULL, &t, &err));
	tokens_write(t, &tokens);
	tokens_free(t);
	write_backup(&about, (struct span[]){ buf_span(&database), buf_span(&floors), buf_span(&tokens) });
}

static void setup(void)
{
	tempdir_make();
	memset(&faulty, 0, sizeof faulty);
	snprintf(state_path, sizeof state_path, "%s/" STATE, tempdir);
	snprintf(source_path, sizeof source_path, "%s/" SOURCE, tempdir);
	ck_assert_int_eq(mkdir(source_path, 0750), 0);
	ck_assert_int_eq(mkdir(state_path, 0750), 0);
	fill_source();
	make_backup();
}

static int restore(const struct sysio *sys, struct restore_result *out)
{
	autoclose int fd = openat(tempdir_fd, BACKUP, O_RDONLY | O_CLOEXEC);
	struct restore_ask ask = { .state_dir = state_path, .fd = fd, .chain_id = 1, .now_ms = 9, .who = "uid:0", .sys = sys };

	return restore_run(&ask, out, &err);
}

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

static bool has_token(const char *name)
{
	autoclose int dir = open_dir(state_path);
	struct tokens *t;
	bool found = false;

	ck_ok(tokens_load(dir, NULL, &t, &err));
	for (size_t i = 0; tokens_at(t, i); i++)
		found |= !strcmp(tokens_at(t, i)->name, name);
	tokens_free(t);
	return found;
}

static void check_restored(void)
{
	struct store *s = open_at(state_path);
	uint64_t floor;

	ck_ok(store_check(s, &err));
	ck_ok(audit_verify(s, &err));
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM decision WHERE sequence = 3 AND decision = 'held'"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM decision"), 1);
	ck_assert_uint_eq(count(s, "SELECT count(*) FROM product WHERE is_pinned = 1 AND sequence = 0 AND proven_number IS NULL"), 1);
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
	ck_assert_uint_eq(r.floors, 2);
	ck_assert_uint_eq(r.devices, 1);
	ck_assert_int_eq(r.audit, RESTORE_AUDIT_BACKUP);
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

/* A database that is whole, and not as we write it. */
static const struct { const char *rule, *sql; int code; } odd[] = {
	{ "the audit log's hashes fit", "UPDATE audit SET actor = 'eve' WHERE n = 2", ERR_PROOF },
	{ "a table is not another one", "ALTER TABLE device RENAME TO devices", ERR_PROOF },
	{ "a row meets our constraints",
	  "CREATE TABLE d2 (product, sequence, manifest_sha256, decision, at_ms); INSERT INTO d2 SELECT product, sequence, manifest_sha256,"
	  " 'maybe', at_ms FROM decision; DROP TABLE decision; ALTER TABLE d2 RENAME TO decision", ERR_PROOF },
	{ "the schema is not newer", "PRAGMA user_version = 99", ERR_RULE },
	{ "a file is ours", "PRAGMA application_id = 5", ERR_PROOF },
};

START_TEST(odd_databases_are_refused)
{
	AUTO(buf_free) struct buf database = BUF_INIT(8 * MIB), floors = BUF_INIT(MIB), tokens = BUF_INIT(MIB);
	autoclose int dir = open_dir(source_path);
	struct restore_result r;
	struct store *s = open_at(source_path);
	struct floors *f;
	struct tokens *t;

	ck_ok(db_exec(s->db, odd[_i].sql, &err));
	store_close(s);
	ck_ok(io_read_file(dir, "gatepost.db", &database, &err));
	ck_ok(floor_load(dir, NULL, &f, &err));
	floor_write(f, &floors);
	floor_free(f);
	ck_ok(tokens_load(dir, NULL, &t, &err));
	tokens_write(t, &tokens);
	tokens_free(t);
	write_backup(&about, (struct span[]){ buf_span(&database), buf_span(&floors), buf_span(&tokens) });
	fill_state();
	ck_refused(restore(NULL, &r), odd[_i].code, odd[_i].rule);
	ck_assert(!tempdir_has(STATE "/gatepost.db.replaced"));
	check_floors();
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
static const char *const files[] = { "gatepost.db", "floor.a", "floor.b", "tokens" };
static struct buf kept[4];

static void keep_state(void)
{
	autoclose int dir = open_dir(state_path);

	for (size_t i = 0; i < 4; i++) {
		kept[i] = BUF_INIT(MIB);
		ck_ok(io_read_file(dir, files[i], &kept[i], &err));
	}
}

static void forget_state(void)
{
	for (size_t i = 0; i < 4; i++)
		buf_free(&kept[i]);
}

static void anew(void)
{
	autoclose int dir = open_dir(state_path);

	memset(&faulty, 0, sizeof faulty);
	unlinkat(dir, "gatepost.db.replaced", 0);
	for (size_t i = 0; i < 4; i++) {
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
	ck_assert_uint_ge(reported + 8, all);
	forget_state();
}
END_TEST

/* Durable before it counts: the new database before it has the name, the name before it is reported. */
START_TEST(order_of_syncs)
{
	struct restore_result r;

	fill_state();
	ck_ok(restore(&sysio_faulty, &r));
	ck_assert_msg(strstr(faulty.trace, "fdatasync unlinkat linkat rename_over fsync "), "%s", faulty.trace);
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

	tcase_add_checked_fixture(tc, setup, tempdir_remove);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, what_stays_and_what_comes);
	tcase_add_test(tc, an_empty_directory_takes_all);
	tcase_add_test(tc, files_belong_to_whom_the_directory_belongs);
	tcase_add_test(tc, tokens_come_when_they_are_asked_for);
	tcase_add_test(tc, another_audit_log_is_not_taken_for_the_same);
	tcase_add_test(tc, refusals_touch_nothing);
	tcase_add_loop_test(tc, odd_databases_are_refused, 0, sizeof odd / sizeof *odd);
	tcase_add_test(tc, every_cut_leaves_a_whole_gateway);
	tcase_add_test(tc, every_failure_leaves_a_whole_gateway);
	tcase_add_test(tc, order_of_syncs);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
