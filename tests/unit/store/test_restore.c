/* test_restore.c: a backup into a directory: what is merged, and that no failing call and no power cut leaves anything but the old state
 * or the new one, with floors that only rise; doing it again always ends well. */
#include "store/restore.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "faulty.h"
#include "store/audit.h"
#include "store/devices.h"
#include "store/floor.h"
#include "store/products.h"
#include "store/releases.h"
#include "store/store_own.h"
#include "store/tokens.h"
#include "tempdir.h"

#include <sys/wait.h>

#define DB "gatepost.db"

static struct hash32 one = { .b = { 1 } }, set_a = { .b = { 10 } }, set_b = { .b = { 11 } };

static struct product_row product(void)
{
	struct product_row p = { .id = one, .sequence = 3, .floor = 1, .last_block = 9, .has_proven = true,
		.proven = { .number = 9, .time = 1000 } };

	snprintf(p.name, sizeof p.name, "acme/lamp");
	return p;
}

static void decide(struct store *s, uint64_t sequence, enum release_decision d, int64_t at_ms)
{
	struct release_row r = { .product = one, .sequence = sequence, .manifest_len = 1, .state = RELEASE_ACTIVE, .why = "x" };

	ck_ok(releases_put(s, &r, 1, &err));
	ck_ok(releases_decide(s, &one, sequence, d, at_ms, &err));
}

static void device(struct store *s, const char *name, const char *version, uint64_t floor)
{
	struct device_report r = { .device = name, .product = "acme/lamp", .address = "", .protocol = "http", .channel = "stable",
		.version = version, .sequence = floor, .state = "installed", .reason = "", .raises_floor = true };

	ck_ok(devices_report(s, &r, 10, 5, &err));
}

static void mark(struct store *s, uint64_t anchor)
{
	struct mark m = { .chain_id = 7, .has_anchor = true, .anchor_number = anchor, .trust = "quorum", .has_proven = true,
		.proven = { .number = anchor, .time = 5 } };

	m.anchor_hash.b[0] = (uint8_t)anchor;
	ck_ok(mark_save(s, &m, &err));
}

static void audit(struct store *s, const char *action)
{
	struct audit_row a = { .actor = "maria" };

	snprintf(a.action, sizeof a.action, "%s", action);
	ck_ok(audit_add(s, &a, &err));
}

static struct store *open_at(const char *name)
{
	struct store *s;

	ck_ok(store_open_file(tempdir_path(name), &s, &err));
	return s;
}

/* The backup's database: older in all but the decision on 2. */
static void make_backup(void)
{
	struct product_row p = product();
	struct store *s = open_at("backup");

	mark(s, 100);
	ck_ok(products_put(s, &p, &err));
	ck_ok(products_set_pinned(s, &one, true, &err));
	ck_ok(products_accept_set(s, &one, &set_a, 3, &err));
	decide(s, 1, RELEASE_APPROVED, 10);
	decide(s, 2, RELEASE_HELD_BY_OPERATOR, 99);
	device(s, "a", "1.0.1", 1);
	device(s, "b", "1.0.1", 4);
	audit(s, "from-backup");
	store_close(s);
}

static void make_own(void)
{
	struct product_row p = product();
	struct store *s = open_at(DB);

	mark(s, 200);
	ck_ok(products_put(s, &p, &err));
	ck_ok(products_accept_set(s, &one, &set_b, 4, &err));
	decide(s, 1, RELEASE_HELD_BY_OPERATOR, 20);
	decide(s, 2, RELEASE_APPROVED, 20);
	device(s, "a", "1.0.3", 3);
	device(s, "b", "1.0.0", 2);
	audit(s, "own");
	store_close(s);
}

/* Floor, proven and one revocation each; what is joined has the higher and both. */
static void note(struct floors *f, uint64_t floor, uint64_t proven, uint64_t revoked)
{
	struct floor_item i = { .product = one, .floor = floor, .proven = proven, .active = proven, .revoked = &revoked, .revoked_n = 1 };

	snprintf(i.name, sizeof i.name, "acme/lamp");
	ck_ok(floor_note(f, &i, &err));
}

static struct buf floor_bytes, tokens_bytes;

static void make_parts(void)
{
	struct floors *f;
	struct tokens *t;
	char text[TOKEN_TEXT_MAX];

	floor_bytes = BUF_INIT(FLOOR_FILE_MAX);
	tokens_bytes = BUF_INIT(TOKENS_FILE_MAX);
	ck_ok(floor_load(tempdir_fd, NULL, &f, &err));
	note(f, 3, 5, 8);
	floor_write(f, &floor_bytes);
	floor_free(f);
	ck_ok(floor_load(tempdir_fd, NULL, &f, &err));
	note(f, 2, 7, 9);
	ck_ok(floor_save(f, &err));
	floor_free(f);
	ck_assert_int_eq(mkdirat(tempdir_fd, "elsewhere", 0700), 0);
	int dir = openat(tempdir_fd, "elsewhere", O_RDONLY | O_DIRECTORY);
	ck_ok(tokens_load(dir, NULL, &t, &err));
	ck_ok(tokens_new(t, SPAN_LIT("theirs"), TOKEN_ADMIN, 1, text, &err));
	tokens_write(t, &tokens_bytes);
	tokens_free(t);
	close(dir);
}

static void put(const char *name, const char *text)
{
	int fd = openat(tempdir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_ok(io_write_all(fd, span_str(text), &err));
	close(fd);
}

static void setup(void)
{
	memset(&faulty, 0, sizeof faulty);
	tempdir_make();
	make_parts();
	make_backup();
	make_own();
	put("tokens", "old tokens");
	put("catalog", "old catalog");
}

static void teardown(void)
{
	buf_free(&floor_bytes);
	buf_free(&tokens_bytes);
	tempdir_remove();
}

/* file, if there is one, appears between the two halves. */
static int restore_with(const struct sysio *sys, const char *file, const char *text)
{
	struct restore r = { .path = tempdir, .dir = tempdir_fd, .sys = sys };
	struct restore_parts parts = { .floor = buf_span(&floor_bytes), .tokens = buf_span(&tokens_bytes), .catalog = SPAN_LIT("new catalog") };
	int fd = openat(tempdir_fd, "backup", O_RDONLY);
	struct store *s;
	int rc = restore_prepare(&r, fd, 0, (uint64_t)tempdir_size("backup"), &s, &err);

	close(fd);
	if (file)
		put(file, text);
	return rc ? rc : restore_install_take(&r, s, &parts, &err);
}

static int restore(const struct sysio *sys)
{
	return restore_with(sys, NULL, NULL);
}

static bool has_text(const char *name, const char *text)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096);

	return io_read_file(tempdir_fd, name, &b, NULL) == ERR_OK && span_is(buf_span(&b), text);
}

static bool is_installed(const char *name)
{
	AUTO(buf_free) struct buf b = BUF_INIT(TOKENS_FILE_MAX);

	return io_read_file(tempdir_fd, name, &b, NULL) == ERR_OK && span_eq(buf_span(&b), buf_span(&tokens_bytes));
}

static enum release_decision decision(struct store *s, uint64_t sequence)
{
	struct release_row r = { .product = one, .sequence = sequence, .manifest_len = 1, .state = RELEASE_SEEN, .why = "x" };

	ck_ok(releases_put(s, &r, 1, &err));	/* as the chain brings it again */
	ck_ok(releases_get(s, &one, sequence, &r, &err));
	return r.decision;
}

static int first_action(void *arg, const struct audit_row *r, struct err *e)
{
	(void)e;
	snprintf(arg, 48, "%s", r->action);
	return 0;
}

/* The database as it must be afterwards. */
static void check_merged(void)
{
	struct store *s = open_at(DB);
	struct hash32 sets[4];
	struct product_row p;
	struct device_row d;
	struct release_row r;
	struct mark m;
	char action[48] = "";
	uint64_t floor;
	size_t n = 0;

	ck_assert_int_eq(releases_get(s, &one, 1, &r, &err), ERR_NOT_FOUND);	/* the chain says it again */
	ck_ok(products_get(s, &one, &p, &err));
	ck_assert_msg(p.is_pinned && !p.has_proven && p.sequence == 0, "the operator's part of a product, and no other");
	ck_ok(mark_load(s, &m, &err));
	ck_assert_msg(!m.has_proven && m.anchor_number == 200 && m.anchor_hash.b[0] == 200, "the newest anchor, and no proof");
	ck_ok(products_accepted_sets(s, &one, sets, 4, &n, &err));
	ck_assert_uint_eq(n, 2);
	ck_assert_msg(decision(s, 1) == RELEASE_HELD_BY_OPERATOR && decision(s, 2) == RELEASE_HELD_BY_OPERATOR, "the newer decision counts");
	ck_ok(devices_get(s, "a", &d, &err));
	ck_assert_str_eq(d.version, "1.0.3");
	ck_ok(devices_floor(s, "a", "acme/lamp", "stable", &floor, &err));
	ck_assert_uint_eq(floor, 3);
	ck_ok(devices_floor(s, "b", "acme/lamp", "stable", &floor, &err));
	ck_assert_uint_eq(floor, 4);
	ck_ok(audit_each(s, 0, 1, first_action, action, &err));
	ck_assert_str_eq(action, "from-backup");
	ck_ok(audit_verify(s, &err));
	ck_ok(store_check(s, &err));
	store_close(s);
}

static void check_floors(uint64_t least_floor, bool with_theirs)
{
	struct floors *f;

	ck_ok(floor_load(tempdir_fd, NULL, &f, &err));
	const struct floor_item *i = floor_get(f, &one);
	ck_assert_uint_ge(i->floor, least_floor);
	ck_assert_uint_eq(i->proven, 7);
	ck_assert(floor_is_revoked(f, &one, 9) && (!with_theirs || floor_is_revoked(f, &one, 8)));
	floor_free(f);
}

START_TEST(merges_and_joins)
{
	ck_ok(restore(NULL));
	check_merged();
	check_floors(3, true);
	ck_assert(is_installed("tokens") && has_text("catalog", "new catalog"));
	ck_assert_msg(has_text("tokens.damaged", "old tokens"), "what was there is set aside");
	ck_assert(!tempdir_has("restore.db") && !tempdir_has("restore.from") && !tempdir_has(DB "-wal"));
	struct store *s = open_at(DB ".replaced");
	ck_assert_int_eq(decision(s, 2), RELEASE_APPROVED);
	store_close(s);
	ck_ok(restore(NULL));	/* again is fine, and changes nothing */
	check_merged();
}
END_TEST

START_TEST(a_damaged_database_is_replaced)
{
	int fd = openat(tempdir_fd, DB, O_WRONLY);

	for (off_t at = 0; at < tempdir_size(DB); at += 512)
		ck_assert_int_eq(pwrite(fd, "rot", 3, at), 3);
	close(fd);
	ck_ok(restore_with(NULL, DB "-wal", "a WAL that must never meet another database"));
	ck_assert(!tempdir_has(DB "-wal"));
	struct store *s = open_at(DB);
	ck_assert_int_eq(decision(s, 1), RELEASE_APPROVED);
	store_close(s);
	check_floors(3, true);
	ck_assert(has_text(DB ".replaced-wal", "a WAL that must never meet another database"));
}
END_TEST

START_TEST(no_database_is_fine)
{
	ck_assert_int_eq(unlinkat(tempdir_fd, DB, 0), 0);
	ck_ok(restore(NULL));
	struct store *s = open_at(DB);
	ck_assert_int_eq(decision(s, 2), RELEASE_HELD_BY_OPERATOR);
	store_close(s);
	ck_assert(!tempdir_has(DB ".replaced"));
}
END_TEST

/* What is there is the old state or the new one. */
static void check_one_or_the_other(void)
{
	struct store *s = open_at(DB);
	char action[48] = "";

	ck_ok(store_check(s, &err));
	ck_ok(audit_each(s, 0, 1, first_action, action, &err));
	ck_assert_msg(!strcmp(action, "own") || !strcmp(action, "from-backup"), "\"%s\"", action);
	store_close(s);
	check_floors(2, false);
	ck_assert(has_text("catalog", "old catalog") || has_text("catalog", "new catalog"));
	ck_assert(has_text("tokens", "old tokens") || is_installed("tokens") || has_text("tokens.damaged", "old tokens"));
}

/* Each call fails in turn, once as an error and once as a power cut. */
static unsigned calls_of_a_restore(void)
{
	unsigned n;

	ck_ok(restore(&sysio_faulty));
	n = faulty.calls;
	teardown();
	setup();
	return n;
}

START_TEST(every_call_fails)
{
	unsigned n = calls_of_a_restore(), failed = 0;

	for (unsigned at = 1; at <= n; at++) {
		memset(&faulty, 0, sizeof faulty);
		faulty.at = at;
		faulty.sys = EIO;
		failed += restore(&sysio_faulty) != ERR_OK;
		check_one_or_the_other();
		faulty.at = 0;
		ck_ok(restore(&sysio_faulty));
		check_merged();
		check_floors(3, true);
		teardown();
		setup();
	}
	/* Only what tidies up may fail in silence: four files before, four after. */
	ck_assert_uint_ge(failed, n - 8);
	ck_assert_uint_gt(n, 25);
}
END_TEST

START_TEST(every_call_is_the_last_before_the_power_goes)
{
	unsigned n = calls_of_a_restore();

	for (unsigned at = 1; at <= n; at++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			memset(&faulty, 0, sizeof faulty);
			faulty.at = at;
			_exit(restore(&sysio_faulty) == ERR_OK ? 0 : 1);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(WEXITSTATUS(status), FAULTY_EXIT);
		check_one_or_the_other();
		ck_ok(restore(NULL));
		check_merged();
		check_floors(3, true);
		ck_assert(is_installed("tokens") && has_text("catalog", "new catalog"));
		teardown();
		setup();
	}
}
END_TEST

/* Synced before it is named: the order that a power cut asks for. */
START_TEST(nothing_is_named_before_it_is_on_disk)
{
	const char *named, *synced;

	ck_ok(restore(&sysio_faulty));
	named = strstr(faulty.trace, "link_new ");
	ck_assert_ptr_nonnull(named);
	ck_assert_msg(strstr(named, "rename_over ") && strstr(strstr(named, "rename_over "), "fsync "), "the directory last: %s", faulty.trace);
	synced = strstr(faulty.trace, "fsync ");
	ck_assert_msg(synced && synced < strstr(faulty.trace, "ftruncate "), "the fresh database before anything else is written: %s", faulty.trace);
}
END_TEST

START_TEST(a_running_gateway_is_left_alone)
{
	struct store *s = open_at(DB);

	ck_refused(restore(NULL), ERR_BUSY, "the database is somebody's");
	ck_assert(strstr(err.msg, "stop it first"));
	store_close(s);
	check_floors(2, false);
	ck_assert(has_text("tokens", "old tokens") && has_text("catalog", "old catalog"));
	ck_ok(restore(NULL));
}
END_TEST

/* Started between the look and the change: seen by SQLite's own lock, also when the file cannot be read. */
START_TEST(a_gateway_that_starts_meanwhile_is_left_alone)
{
	struct restore r = { .path = tempdir, .dir = tempdir_fd };
	struct restore_parts parts = { .floor = buf_span(&floor_bytes), .tokens = buf_span(&tokens_bytes), .catalog = SPAN_LIT("new catalog") };
	int fd = openat(tempdir_fd, "backup", O_RDONLY);
	struct store *fresh, *other;

	ck_ok(restore_prepare(&r, fd, 0, (uint64_t)tempdir_size("backup"), &fresh, &err));
	other = open_at(DB);
	ck_refused(restore_install_take(&r, fresh, &parts, &err), ERR_BUSY, "locked meanwhile");
	check_floors(2, false);
	ck_assert(has_text("tokens", "old tokens") && has_text("catalog", "old catalog"));
	store_close(other);
	close(fd);
}
END_TEST

/* What is no plain table could do anything when it is read. */
START_TEST(views_and_triggers_are_not_merged)
{
	static const char *const odd[] = { "CREATE VIEW v AS SELECT 1", "CREATE TRIGGER t AFTER INSERT ON device BEGIN SELECT 1; END" };

	for (size_t i = 0; i < 2; i++) {
		struct store *s = open_at("backup");

		ck_ok(db_exec(s->db, odd[i], &err));
		store_close(s);
		ck_refused(restore(NULL), ERR_CORRUPT, odd[i]);
		ck_assert(strstr(err.msg, "more than tables and indexes"));
		check_floors(2, false);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(another_chain_is_not_merged)
{
	struct store *s = open_at(DB), *b = open_at("backup");
	struct mark m;

	ck_ok(mark_load(b, &m, &err));
	store_close(b);
	ck_ok(mark_forget_registry(s, &err));
	m.chain_id = 8;
	ck_ok(mark_save(s, &m, &err));
	ck_refused(store_merge(s, tempdir_path("backup"), false, &err), ERR_RULE, "one chain");
	ck_ok(mark_load(s, &m, &err));
	ck_assert_uint_eq(m.chain_id, 8);
	store_close(s);
}
END_TEST

/* Root restores; the gateway that is to read and write it all is somebody else. */
START_TEST(what_root_restores_is_the_gateways)
{
	static const char *const names[] = { DB, "floor.a", "floor.b", "tokens", "catalog" };
	struct stat st;

	ck_assert_int_eq(unlinkat(tempdir_fd, "floor.b", 0), 0);
	ck_assert_int_eq(chown(tempdir, 65534, 65533), 0);
	ck_ok(restore(NULL));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		ck_assert_int_eq(fstatat(tempdir_fd, names[i], &st, 0), 0);
		ck_assert_msg(st.st_uid == 65534 && st.st_gid == 65533, "%s belongs to %u", names[i], st.st_uid);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("restore");
	Suite *s = suite_create("restore");

	/* Thousands of syncs, of which only the order is looked at: in memory they cost nothing. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);	/* some hundred restores, on a disk when there is no such memory */
	tcase_add_test(t, merges_and_joins);
	tcase_add_test(t, a_damaged_database_is_replaced);
	tcase_add_test(t, no_database_is_fine);
	tcase_add_test(t, every_call_fails);
	tcase_add_test(t, every_call_is_the_last_before_the_power_goes);
	tcase_add_test(t, nothing_is_named_before_it_is_on_disk);
	tcase_add_test(t, a_running_gateway_is_left_alone);
	tcase_add_test(t, a_gateway_that_starts_meanwhile_is_left_alone);
	if (geteuid() == 0)	/* nobody else can give files away */
		tcase_add_test(t, what_root_restores_is_the_gateways);
	tcase_add_test(t, views_and_triggers_are_not_merged);
	tcase_add_test(t, another_chain_is_not_merged);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
