/* test_owncopy.c: what the chain cannot tell is kept twice: it comes back when the database, or the end of its log, is lost, also when part of the
 * copy is. */
#include "../support/fds.h"
#include "gateways.h"
#include "base/limits.h"
#include "store/owncopy.h"
#include "store/ownlog.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define NOW 1000

/* --- a card that cannot be read --- */

static const char *unreadable;	/* the end of a path */

static bool is_unreadable(int fd)
{
	char link[40], path[PATH_MAX] = "";
	ssize_t n, end = unreadable ? (ssize_t)strlen(unreadable) : 0;

	if (!unreadable)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	errno = EIO;
	return n > end && strcmp(path + n - end, unreadable) == 0;
}

ssize_t read(int fd, void *p, size_t n)
{
	return is_unreadable(fd) ? -1 : syscall(SYS_read, fd, p, n);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	return is_unreadable(fd) ? -1 : syscall(SYS_pread64, fd, p, n, at);
}

/* --- a gateway and its life --- */

static int dir = -1;
static struct owncopy_place place;
static struct store *store;
static struct owncopy_recalled recalled;
static struct buf before, after;	/* dumps */

static void recall_if_wanted(void)
{
	bool is_wanted = false;

	recalled = (struct owncopy_recalled){ 0 };
	ck_ok(owncopy_is_wanted(store, &place, &is_wanted, &err));
	if (is_wanted)
		ck_ok(owncopy_recall(store, &place, NOW, &recalled, &err));
}

static void start(void)
{
	store = open_at(state_path);
	recall_if_wanted();
	owncopy_begin(store, &place);
	ck_assert_str_eq(owncopy_trouble(store), "");
}

static void stop(void)
{
	store_close(store);
	store = NULL;
}

static void begin(void)
{
	tempdir_make();
	snprintf(state_path, sizeof state_path, "%s/" STATE, tempdir);
	ck_assert_int_eq(mkdir(state_path, 0700), 0);
	dir = open_dir(state_path);
	place = (struct owncopy_place){ .dir = dir, .path = state_path };
	before = BUF_INIT(8 * MIB);
	after = BUF_INIT(8 * MIB);
	memset(&faulty, 0, sizeof faulty);
	unreadable = NULL;
	start();
}

static void finish(void)
{
	store_close(store);
	store = NULL;
	buf_free(&before);
	buf_free(&after);
	close(dir);
	tempdir_remove();
}

/* Each word of it is another one for another sequence. */
static void report(const char *device, uint64_t sequence, int64_t now_ms)
{
	bool is_odd = sequence % 2;
	char version[16], address[24];
	struct device_report r = { .device = device, .product = "acme/p1", .address = address, .protocol = is_odd ? "http" : "coap", .channel = "stable",
				   .version = version, .sequence = sequence, .state = is_odd ? "installed" : "failed", .reason = is_odd ? "" : "no room",
				   .progress = (uint8_t)(90 + sequence), .raises_floor = true };

	snprintf(version, sizeof version, "1.%" PRIu64, sequence);
	snprintf(address, sizeof address, "10.0.0.%" PRIu64, sequence);
	ck_ok(devices_report(store, &r, 100, now_ms, &err));
}

/* All of it is there. */
static bool has_report(const char *device, uint64_t sequence, int64_t now_ms)
{
	bool is_odd = sequence % 2;
	char sql[400];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM device WHERE device = '%s' AND version = '1.%" PRIu64 "' AND sequence = %" PRIu64 " AND state = '%s'"
		 " AND reason = '%s' AND progress = %" PRIu64 " AND address = '10.0.0.%" PRIu64 "' AND protocol = '%s' AND last_seen_ms = %" PRId64
		 " AND reported_ms = %" PRId64, device, sequence, sequence, is_odd ? "installed" : "failed", is_odd ? "" : "no room", 90 + sequence, sequence,
		 is_odd ? "http" : "coap", now_ms, now_ms);
	return count(store, sql) == 1;
}

static void put_release(unsigned product, uint64_t sequence)
{
	struct release_row r = { .product = hash_of(product), .sequence = sequence, .manifest_len = 1, .why = "seen" };

	ck_ok(releases_put(store, &r, 1, &err));
}

/* The operator's word, devices' and the gateway's own. */
static void live(void)
{
	struct latched_alarm alarm = { .code = "odd", .subject = "chain", .detail = "it is", .since_ms = 1 };
	struct hash32 one = hash_of(1), three = hash_of(3), set = hash_of(77);

	for (unsigned i = 1; i <= 4; i++)
		add_product(store, i);
	put_release(1, 3);
	pin(store, 2);
	ck_ok(releases_decide(store, &one, 3, RELEASE_HELD_BY_OPERATOR, 5, &err));
	ck_ok(products_accept_set(store, &three, &set, 6, &err));
	ck_ok(mark_latch(store, &alarm, &err));
	ck_ok(devices_put(store, "cellar", "acme/p1", "", "early", 5, &err));
	report("cellar", 3, 7);
	report("roof", 2, 8);
	record(store, "one");
	record(store, "two");
}

/* --- what is compared --- */

static const char *const rows[] = {
	"SELECT product, name, registrant, is_pinned FROM chosen ORDER BY product", "SELECT * FROM decision ORDER BY product, sequence",
	"SELECT * FROM accepted_set ORDER BY product", "SELECT * FROM latched ORDER BY code", "SELECT * FROM device ORDER BY device",
	"SELECT * FROM device_floor ORDER BY device, product, channel", "SELECT * FROM audit WHERE action <> 'recall' ORDER BY n",
};

static void dump_rows(struct store *s, const char *sql, struct buf *out)
{
	sqlite3_stmt *q;

	ck_assert_int_eq(sqlite3_prepare_v2(s->db->h, sql, -1, &q, NULL), SQLITE_OK);
	while (sqlite3_step(q) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(q); i++) {
			buf_hex(out, SPAN(sqlite3_column_blob(q, i), (size_t)sqlite3_column_bytes(q, i)));
			buf_byte(out, i + 1 < sqlite3_column_count(q) ? '|' : '\n');
		}
	sqlite3_finalize(q);
}

static void dump(struct store *s, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		dump_rows(s, rows[i], out);
	buf_byte(out, '\0');
	ck_ok(buf_ok(out, &err));
}

static void remember(void)
{
	dump(store, &before);
}

static void check_remembered(void)
{
	dump(store, &after);
	ck_assert_str_eq((char *)after.p, (char *)before.p);
	ck_ok(store_check(store, &err));
	ck_ok(audit_verify(store, &err));
}

/* --- damage --- */

static void lose_database(void)
{
	stop();
	ck_ok(store_set_aside(state_path, &err));
	start();
}

static void spoil(const char *name, off_t at)
{
	autoclose int fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
}

static off_t size_of(const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : st.st_size;
}

/* --- tests --- */

START_TEST(a_lost_database_loses_nothing)
{
	live();
	remember();
	lose_database();
	ck_assert(recalled.was_there && recalled.is_whole && recalled.records > 0);
	ck_assert_uint_eq(recalled.devices, 2);
	check_remembered();
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE action = 'recall'"), 1);
	ck_assert_msg(count(store, "SELECT count(*) FROM release") == 0 && count(store, "SELECT count(*) FROM product WHERE sequence > 0") == 0,
		      "what the chain tells comes from the chain");
}
END_TEST

START_TEST(a_new_copy_and_its_log)
{
	live();
	ck_assert(owncopy_is_due(store));
	ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store) && size_of("own/log") == OWNLOG_HEAD && size_of("own.new") < 0);
	report("cellar", 4, 9);
	ck_ok(devices_delete(store, "roof", &err));
	record(store, "three");
	remember();
	lose_database();
	ck_assert_uint_eq(recalled.records, 3);
	check_remembered();
	ck_assert_msg(owncopy_is_due(store), "with each start");
}
END_TEST

static void record_many(unsigned n)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(store);
	struct audit_row a = { .at_ms = 1, .actor = "maria", .action = "much" };

	memset(a.detail, 'x', AUDIT_TEXT_MAX - 1);
	while (n--)
		ck_ok(audit_add(store, &a, &err));
	ck_ok(store_commit(&tx, &err));
}

/* A large copy is not written for little; but what a start would have to read back one by one stays a small part of it. */
START_TEST(it_is_due_when_the_log_has_grown)
{
	record_many(20000);
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_gt(size_of("own/gatepost.db"), OWNCOPY_LOG_PART * OWNCOPY_LOG_DUE);
	record_many(OWNCOPY_LOG_DUE / 600 + 200);
	ck_assert(size_of("own/log") > OWNCOPY_LOG_DUE && !owncopy_is_due(store));
	record_many(1000);
	ck_assert(owncopy_is_due(store));
}
END_TEST

/* The copy was made, and then the power went before its log was emptied. */
static void save_without_emptying_the_log(void)
{
	AUTO(buf_free) struct buf log = BUF_INIT(MIB);
	autoclose int fd = -1;

	ck_ok(io_read_file(dir, "own/log", &log, &err));
	ck_ok(owncopy_save(store, &err));
	fd = openat(dir, "own/log", O_WRONLY | O_CLOEXEC);
	ck_ok(io_pwrite_all(fd, buf_span(&log), 0, &err));
}

START_TEST(a_log_that_is_older_than_its_copy)
{
	live();
	report("cellar", 9, 9);
	ck_ok(devices_delete(store, "roof", &err));
	save_without_emptying_the_log();
	remember();
	lose_database();
	ck_assert(recalled.is_whole && recalled.records > 5);
	check_remembered();
}
END_TEST

/* Nor does what came first take back what came last, when that has rotted in the log. */
START_TEST(an_older_log_with_a_hole)
{
	off_t end;

	live();
	report("attic", 3, 20);
	end = size_of("own/log");
	report("attic", 9, 21);
	save_without_emptying_the_log();
	remember();
	spoil("own/log", end + 20);
	lose_database();
	ck_assert(!recalled.is_whole);
	check_remembered();
}
END_TEST

/* Its oldest records are gone in time: the others keep their numbers. */
START_TEST(an_audit_log_without_its_beginning)
{
	live();
	ck_ok(db_exec(store->db, "DELETE FROM audit WHERE n = 1", &err));
	record(store, "three");
	remember();
	lose_database();
	check_remembered();
}
END_TEST

/* What somebody changed is not made good by being copied. */
START_TEST(an_audit_log_that_was_changed)
{
	live();
	ck_ok(db_exec(store->db, "UPDATE audit SET detail = 'not so' WHERE n = 2", &err));
	record(store, "three");
	ck_refused(audit_verify(store, &err), ERR_PROOF, "the chain is broken");
	lose_database();
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE detail = 'not so'"), 1);
	ck_refused(audit_verify(store, &err), ERR_PROOF, "the chain is still broken");
}
END_TEST

START_TEST(twice_lost)
{
	live();
	remember();
	lose_database();
	lose_database();
	check_remembered();
	ck_ok(owncopy_save(store, &err));
	lose_database();
	check_remembered();
}
END_TEST

/* Nothing is recalled over a database that is in use. */
START_TEST(a_database_that_is_there_needs_no_copy)
{
	live();
	ck_ok(owncopy_save(store, &err));
	stop();
	store = open_at(state_path);
	ck_ok(devices_delete(store, "cellar", &err));	/* of which the copy does not hear */
	remember();
	stop();
	start();
	ck_assert(!recalled.was_there);
	check_remembered();
}
END_TEST

/* Undone, or part of nothing that is copied. */
START_TEST(what_was_undone_is_not_noted)
{
	off_t was;

	live();
	was = size_of("own/log");
	{
		AUTO(store_tx_end) struct store_tx tx = store_begin(store);

		record(store, "not done");
	}
	add_product(store, 5);
	ck_assert_int_eq(size_of("own/log"), was);
	remember();
	lose_database();
	check_remembered();
}
END_TEST

START_TEST(one_transaction_is_one_record)
{
	ck_ok(owncopy_save(store, &err));
	{
		AUTO(store_tx_end) struct store_tx tx = store_begin(store);

		record(store, "one");
		record(store, "two");
		ck_assert_int_eq(size_of("own/log"), OWNLOG_HEAD);
		ck_ok(store_commit(&tx, &err));
	}
	remember();
	lose_database();
	ck_assert_uint_eq(recalled.records, 1);
	check_remembered();
}
END_TEST

/* Each byte of a small log in turn: whatever it is, the other records come. */
START_TEST(a_log_with_a_rotten_byte)
{
	off_t end;

	live();
	ck_ok(owncopy_save(store, &err));
	record(store, "three");
	end = size_of("own/log");
	report("attic", 3, 20);
	spoil("own/log", OWNLOG_HEAD + _i % (end - OWNLOG_HEAD));
	lose_database();
	ck_assert(recalled.was_there && !recalled.is_whole && recalled.skipped > 0);
	ck_assert_uint_eq(recalled.records, 1);
	ck_assert_uint_eq(recalled.devices, 3);
}
END_TEST

START_TEST(a_copy_with_a_rotten_page)
{
	live();
	ck_ok(owncopy_save(store, &err));
	report("attic", 3, 20);
	spoil("own/gatepost.db", _i * 4096 + 1000);
	lose_database();
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_assert_msg(recalled.devices == 1, "what is in the log comes");
	ck_ok(store_check(store, &err));
}
END_TEST

START_TEST(a_log_whose_copy_is_gone)
{
	live();
	ck_ok(owncopy_save(store, &err));
	report("attic", 3, 20);
	ck_assert_int_eq(unlinkat(dir, "own/gatepost.db", 0), 0);
	lose_database();
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_assert_uint_eq(recalled.devices, 1);
}
END_TEST

START_TEST(a_log_that_is_longer_than_can_be)
{
	live();
	ck_ok(owncopy_save(store, &err));
	stop();
	ck_assert_int_eq(truncate(tempdir_path(STATE "/own/log"), OWNCOPY_LOG_MAX + 1), 0);
	store = open_at(state_path);
	ck_ok(store_set_aside(state_path, &err));
	stop();
	start();
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_assert_uint_eq(recalled.devices, 2);
	ck_assert_uint_eq(recalled.records, 0);
}
END_TEST

/* Its sum fits, and SQLite did not write it. */
START_TEST(a_record_that_is_no_patch)
{
	AUTO(buf_free) struct buf b = BUF_INIT(KIB);
	autoclose int fd = -1;

	live();
	ck_ok(owncopy_save(store, &err));
	ownlog_add(&b, SPAN_LIT("no patch"));
	fd = openat(dir, "own/log", O_WRONLY | O_APPEND | O_CLOEXEC);
	ck_ok(io_write_all(fd, buf_span(&b), &err));
	lose_database();
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_assert_uint_eq(recalled.devices, 2);
	ck_assert_uint_eq(recalled.records, 0);
}
END_TEST

START_TEST(without_a_copy)
{
	live();
	ck_ok(owncopy_save(store, &err));
	ck_ok(owncopy_forget(&place, &err));
	ck_assert(size_of("own/log") < 0 && size_of("own/gatepost.db") < 0);
	lose_database();
	ck_assert(!recalled.was_there);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit"), 0);
	ck_ok(owncopy_forget(&place, &err));
}
END_TEST

/* Each of its two files may be gone already; what cannot be removed is said. */
START_TEST(to_forget)
{
	static const char *const names[] = { "own/log", "own/gatepost.db" };

	place.sys = &sysio_faulty;
	for (size_t i = 0; i < 2; i++) {
		ck_ok(owncopy_save(store, &err));
		ck_assert_int_eq(unlinkat(dir, names[i], 0), 0);
		faulty.trace[0] = '\0';
		ck_ok(owncopy_forget(&place, &err));
		ck_assert_str_eq(faulty.trace, "unlinkat unlinkat fsync ");
		ck_assert(size_of("own/log") < 0 && size_of("own/gatepost.db") < 0);
		lose_database();
	}
	ck_ok(owncopy_save(store, &err));
	for (unsigned at = 1; at <= 4; at++) {
		faulty.calls = 0;
		faulty.at = at;
		faulty.sys = EROFS;
		ck_refused(owncopy_forget(&place, &err), ERR_READ_ONLY, faulty.hit);
	}
}
END_TEST

START_TEST(to_forget_what_is_no_directory)
{
	stop();
	ck_ok(owncopy_forget(&place, &err));
	ck_assert_int_eq(unlinkat(dir, "own", AT_REMOVEDIR), 0);
	ck_ok(owncopy_forget(&place, &err));
	tempdir_put_odd(STATE "/own", (enum tempdir_odd)_i);
	ck_ok(owncopy_forget(&place, &err));
}
END_TEST

/* --- a database whose log has rotted --- */

/* The last commits are gone from the database; the copy has them. */
static void go_back(void (*since)(void))
{
	char text[3 * PATH_MAX];

	stop();
	snprintf(text, sizeof text, "cp '%s/gatepost.db' '%s/kept'", state_path, tempdir);
	ck_assert_int_eq(system(text), 0);
	start();
	since();
	stop();
	snprintf(text, sizeof text, "cp '%s/kept' '%s/gatepost.db'", tempdir, state_path);
	ck_assert_int_eq(system(text), 0);
	store = open_at(state_path);
}

/* As walcheck.h says of such a log; test_walcheck has that. */
static void find_it_older(void)
{
	ck_ok(db_exec(store->db, "DELETE FROM recalled", &err));
	recall_if_wanted();
	ck_assert(recalled.was_there);
	ck_ok(store_check(store, &err));
	ck_ok(audit_verify(store, &err));
}

/* The last commit alone, which no other one in the log of the database tells of. */
static void one_record(void)
{
	record(store, "the last");
	remember();
}
static void one_report(void)
{
	report("cellar", 5, 30);
	remember();
}
static void one_new_device(void)
{
	report("attic", 1, 30);
	remember();
}
static void one_sighting(void)
{
	struct device_seen d = { .device = "cellar", .product = "acme/p1", .channel = "stable", .address = "10.0.0.9", .protocol = "coap", .bytes = 5 };

	ck_ok(devices_seen(store, &d, 100, 40, &err));
	remember();
}
/* Nothing that could be told, behind something that can. */
static void one_report_and_alarms(void)
{
	one_report();
	for (int i = 0; i < 10; i++) {
		struct latched_alarm a = { .code = "", .subject = "", .detail = "", .since_ms = 1 };

		snprintf(a.code, sizeof a.code, "odd %d", i);
		ck_ok(mark_latch(store, &a, &err));
	}
	remember();
}

/* In one commit, beside what says nothing. */
static void one_record_and_an_alarm(void)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(store);
	struct latched_alarm a = { .code = "more", .subject = "", .detail = "", .since_ms = 1 };

	record(store, "the last");
	ck_ok(mark_latch(store, &a, &err));
	ck_ok(store_commit(&tx, &err));
	remember();
}
static void one_alarm(void)
{
	struct latched_alarm a = { .code = "more", .subject = "", .detail = "", .since_ms = 1 };

	ck_ok(mark_latch(store, &a, &err));
	remember();
}
static void one_deletion(void)
{
	ck_ok(devices_delete(store, "roof", &err));
	remember();
}

START_TEST(a_copy_that_knows_more)
{
	static void (*const last[])(void) = { one_record, one_report, one_new_device, one_sighting, one_report_and_alarms, one_record_and_an_alarm };

	live();
	go_back(last[_i]);
	ck_assert(!store_is_older(store));
	recall_if_wanted();
	ck_assert(recalled.was_there && recalled.is_whole && store_is_older(store));
	check_remembered();
}
END_TEST

START_TEST(a_copy_that_is_in_step)
{
	static void (*const last[])(void) = { one_record, one_report, one_sighting, one_alarm, one_deletion };

	live();
	last[_i]();
	stop();
	store = open_at(state_path);
	recall_if_wanted();
	ck_assert(!recalled.was_there && !store_is_older(store));
	check_remembered();
}
END_TEST

/* The power took the end of the copy's log, or the process ended between the two. */
START_TEST(a_copy_that_is_behind)
{
	off_t known;

	live();
	known = size_of("own/log");
	if (_i == 0)
		record(store, "only in the database");
	else if (_i == 1)
		report("cellar", 5, 30);
	else
		ck_ok(devices_delete(store, "roof", &err));
	remember();
	stop();
	autoclose int log = openat(dir, "own/log", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(log, known), 0);
	store = open_at(state_path);
	recall_if_wanted();
	ck_assert_msg(!recalled.was_there && !store_is_older(store), "behind");
	check_remembered();
}
END_TEST

/* What cannot be read says nothing, and is in nobody's way. */
START_TEST(a_log_that_cannot_be_looked_at)
{
	bool is_wanted = true;

	live();
	ck_assert_int_eq(unlinkat(dir, "own/log", 0), 0);
	tempdir_put_odd(STATE "/own/log", (enum tempdir_odd)_i);
	ck_ok(owncopy_is_wanted(store, &place, &is_wanted, &err));
	ck_assert(!is_wanted);
}
END_TEST

static void more_of_all(void)
{
	report("cellar", 5, 30);
	report("attic", 5, 31);
	ck_ok(devices_delete(store, "roof", &err));
	record(store, "later");
	remember();
}

START_TEST(a_database_of_yesterday)
{
	live();
	go_back(more_of_all);
	find_it_older();
	ck_assert(recalled.is_whole);
	check_remembered();
}
END_TEST

static void put_rotten_log(void)
{
	char text[4 * PATH_MAX];

	snprintf(text, sizeof text, "cp '%s/gatepost.db' '%s/gatepost.db-wal' '%s'", tempdir, tempdir, state_path);
	ck_assert_int_eq(system(text), 0);
	spoil("gatepost.db-wal", 32 + 24 + 100);
}

/* As a kill leaves it, with a bit of its log that has changed. */
static void rot_log(void)
{
	char text[4 * PATH_MAX];

	stop();
	start();
	more_of_all();
	snprintf(text, sizeof text, "cp '%s/gatepost.db' '%s/gatepost.db-wal' '%s'", state_path, state_path, tempdir);
	ck_assert_int_eq(system(text), 0);
	stop();
	put_rotten_log();
}

static void open_on_full_disk(void)
{
	struct rlimit was, none;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){ 0, was.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	ck_assert_int_ne(store_open(state_path, &store, NULL), ERR_OK);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
}

/* Somebody opens and closes it before it is recalled: the keeper that looks whether the disk is well again. */
START_TEST(who_opens_it_first_hides_nothing)
{
	live();
	rot_log();
	if (_i) {
		store = open_at(state_path);
		ck_assert(store_is_older(store));
		ck_ok(store_try(store, &err));
		stop();
		ck_assert_msg(size_of("gatepost.db-wal") < 0, "what is left of it is in the database, once that it had rotted is noted");
	} else {
		open_on_full_disk();
	}
	start();
	ck_assert(recalled.was_there && recalled.is_whole);
	check_remembered();
}
END_TEST

static void a_record_a_report_and_a_pin(void)
{
	record(store, "only in the copy");
	report("attic", 4, 40);
	pin(store, 4);
}

/* The power went too, which takes what is not synced: the copy lacks what the database has. */
START_TEST(both_have_something)
{
	struct hash32 one = hash_of(1);

	live();
	go_back(a_record_a_report_and_a_pin);
	record(store, "only in the database");
	report("cellar", 6, 50);
	report("attic", 3, 35);
	ck_ok(releases_decide(store, &one, 3, RELEASE_APPROVED, 51, &err));
	find_it_older();
	ck_assert(has_report("cellar", 6, 50) && has_report("attic", 4, 40));
	ck_assert_uint_eq(count(store, "SELECT sequence FROM device_floor WHERE device = 'attic'"), 4);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM decision WHERE decision = 'held'"), 1);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE action = 'only in the database'"), 1);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE action = 'only in the copy'"), 0);
	ck_assert_msg(count(store, "SELECT count(*) FROM chosen") == 3, "pins are not united");
}
END_TEST

START_TEST(a_newer_report_in_the_database_stays)
{
	live();
	go_back(a_record_a_report_and_a_pin);
	report("attic", 7, 60);
	find_it_older();
	ck_assert(has_report("attic", 7, 60));
	ck_assert_uint_eq(count(store, "SELECT sequence FROM device_floor WHERE device = 'attic'"), 7);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE action = 'only in the copy'"), 1);
}
END_TEST

/* --- when the disk does not give it --- */

/* The database is lost, and nothing is recalled yet. */
static void open_new(void)
{
	stop();
	ck_ok(store_set_aside(state_path, &err));
	store = open_at(state_path);
}

static void check_still_wanted(void)
{
	bool is_wanted = false;

	ck_ok(owncopy_is_wanted(store, &place, &is_wanted, &err));
	ck_assert(is_wanted);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM device"), 0);
}

/* Nothing is taken for lost because of it. */
START_TEST(a_copy_that_cannot_be_looked_at)
{
	static const int codes[] = { EIO, ENOSPC, EROFS };
	static const int wanted[] = { ERR_IO, ERR_NO_SPACE, ERR_READ_ONLY };
	unsigned failed = 0;

	live();
	ck_ok(owncopy_save(store, &err));
	record(store, "three");
	remember();
	open_new();
	place.sys = &sysio_faulty;
	faulty.sys = codes[_i];
	for (faulty.at = 1;; faulty.at++) {
		int rc;

		faulty.calls = 0;
		faulty.hit = NULL;
		rc = owncopy_recall(store, &place, NOW, &recalled, &err);
		if (rc == ERR_OK)
			break;
		ck_refused(rc, wanted[_i], faulty.hit);
		failed++;
		check_still_wanted();
	}
	ck_assert_uint_ge(failed, 3);
	check_remembered();
	ck_assert(recalled.is_whole);
}
END_TEST

START_TEST(a_copy_that_cannot_be_read)
{
	static const char *const names[] = { "/own/gatepost.db", "/own/log" };
	bool is_damaged = false;

	live();
	ck_ok(owncopy_save(store, &err));
	remember();
	unreadable = names[_i];
	ck_says(owncopy_check(store, &is_damaged, &err), ERR_IO, names[_i] + 1, "it may be read later");
	ck_assert(!is_damaged);
	open_new();
	ck_says(owncopy_recall(store, &place, NOW, &recalled, &err), ERR_IO, names[_i] + 1, "it may be read later");
	check_still_wanted();
	unreadable = NULL;
	ck_ok(owncopy_recall(store, &place, NOW, &recalled, &err));
	check_remembered();
	ck_ok(owncopy_recall(store, &place, NOW, &recalled, &err));
}
END_TEST

/* --- its size --- */

static void grow(size_t n)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(store);

	for (size_t done = 0; done < n; done += 64 * KIB)
		ck_ok(db_exec(store->db, "INSERT INTO latched VALUES (hex(randomblob(8)), '', hex(zeroblob(32768)), 1)", &err));
	ck_ok(store_commit(&tx, &err));
}

START_TEST(a_small_one_is_not_due_for_little)
{
	ck_ok(owncopy_save(store, &err));
	grow(OWNCOPY_LOG_DUE / 2);
	ck_assert_msg(!owncopy_is_due(store), "not for so little");
	grow(OWNCOPY_LOG_DUE);
	ck_assert(owncopy_is_due(store));
	ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store));
}
END_TEST

START_TEST(a_full_log_takes_no_more)
{
	live();
	stop();
	ck_assert_int_eq(truncate(tempdir_path(STATE "/own/log"), OWNCOPY_LOG_MAX - 10), 0);
	start();
	report("attic", 4, 40);
	ck_assert_str_eq(owncopy_trouble(store), "second copy: its log is full");
	ck_assert_int_eq(size_of("own/log"), OWNCOPY_LOG_MAX - 10);
	ck_ok(owncopy_save(store, &err));
	ck_assert_str_eq(owncopy_trouble(store), "");
	remember();
	lose_database();
	check_remembered();
}
END_TEST

/* --- when the disk does not take it --- */

START_TEST(a_log_that_cannot_be_opened)
{
	live();
	stop();
	place.sys = &sysio_faulty;
	faulty.only = "openat";
	faulty.at = 1;
	faulty.sys = EMFILE;
	store = open_at(state_path);
	owncopy_begin(store, &place);
	ck_assert(owncopy_is_due(store));
	ck_assert_msg(strncmp(owncopy_trouble(store), "own/log: ", 9) == 0, "%s", owncopy_trouble(store));
	report("attic", 4, 40);
	ck_assert_str_eq(owncopy_trouble(store), "second copy: its log is not open");
	ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store));
	report("attic", 5, 41);
	ck_assert_str_eq(owncopy_trouble(store), "");
	remember();
	lose_database();
	check_remembered();
}
END_TEST

START_TEST(a_change_that_is_not_noted_makes_it_due)
{
	live();
	place.sys = &sysio_faulty;
	stop();
	start();
	ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store));
	faulty.only = "pwrite";
	faulty.calls = 0;
	faulty.at = 1;
	faulty.sys = ENOSPC;
	report("attic", 4, 40);
	ck_assert_str_eq(faulty.hit, "pwrite");
	ck_assert(owncopy_is_due(store) && owncopy_trouble(store)[0]);
	ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store) && !owncopy_trouble(store)[0]);
	remember();
	lose_database();
	check_remembered();
}
END_TEST

/* Each call of making it anew fails in turn, or is the last one before the power goes: the copy or the one before is there, with its log. */
static unsigned calls_of_a_copy(void)
{
	faulty.calls = 0;
	ck_ok(owncopy_save(store, &err));
	return faulty.calls;
}

START_TEST(every_failure_leaves_a_copy)
{
	unsigned calls, said = 0;

	place.sys = &sysio_faulty;
	stop();
	start();
	live();
	calls = calls_of_a_copy();
	ck_assert_uint_gt(calls, 8);
	for (unsigned at = 1; at <= calls; at++) {
		int rc;

		report("attic", 1 + at, 40 + at);
		remember();
		faulty.calls = 0;
		faulty.at = at;
		faulty.sys = EIO;
		rc = owncopy_save(store, &err);
		faulty.at = 0;
		ck_assert_msg(rc == ERR_OK || (owncopy_is_due(store) && !strcmp(owncopy_trouble(store), err.msg)), "call %u, %s", at, faulty.hit);
		said += rc == ERR_IO;
		lose_database();
		ck_assert(recalled.is_whole);
		check_remembered();
	}
	ck_assert_msg(said + 3 >= calls, "%u of %u are said: all but the last clean-up", said, calls);
}
END_TEST

/* What is synced is not all there is then. */
static int open_with_log(int at, const char *name, int flags, mode_t mode)
{
	if (strcmp(name, "own.new/gatepost.db") == 0)
		tempdir_poke(STATE "/own.new/gatepost.db-wal", 0, "frames", 6);
	return sysio_kernel.openat(at, name, flags, mode);
}

START_TEST(a_new_copy_that_was_not_closed_whole)
{
	struct sysio sys = sysio_kernel;

	live();
	remember();
	sys.openat = open_with_log;
	place.sys = &sys;
	stop();
	start();
	ck_says(owncopy_save(store, &err), ERR_IO, "own.new/gatepost.db-wal: could not be taken", "a copy is one file");
	ck_assert(owncopy_is_due(store) && strcmp(owncopy_trouble(store), err.msg) == 0);
	ck_assert(size_of("own/gatepost.db") < 0 && size_of("own.new") < 0);
	place.sys = NULL;
	lose_database();
	check_remembered();
}
END_TEST

START_TEST(nothing_stays_open)
{
	bool is_damaged;
	unsigned was;

	live();
	ck_ok(owncopy_save(store, &err));
	stop();
	was = count_fds();
	start();
	ck_ok(owncopy_save(store, &err));
	spoil("own/gatepost.db", 5000);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	stop();
	ck_assert_uint_eq(count_fds(), was);
}
END_TEST

START_TEST(order_of_syncs)
{
	place.sys = &sysio_faulty;
	stop();
	start();
	faulty.trace[0] = '\0';
	ck_ok(owncopy_save(store, &err));
	ck_assert_msg(strstr(faulty.trace, "fdatasync rename_over fsync fsync ftruncate"), "%s", faulty.trace);
}
END_TEST

/* What is no file lies under the names. */
START_TEST(odd_things_are_in_nobodys_way)
{
	static const char *const names[] = { STATE "/own", STATE "/own/log", STATE "/own/gatepost.db" };
	const char *name = names[_i % 3];

	live();
	stop();
	ck_ok(owncopy_forget(&place, &err));
	ck_assert_int_eq(_i % 3 ? 0 : unlinkat(dir, "own", AT_REMOVEDIR), 0);
	tempdir_put_odd(name, (enum tempdir_odd)(_i / 3));
	store = open_at(state_path);
	owncopy_begin(store, &place);
	report("attic", 4, 40);
	if (owncopy_save(store, &err))
		ck_ok(owncopy_save(store, &err));
	ck_assert(!owncopy_is_due(store));
	remember();
	lose_database();
	check_remembered();
}
END_TEST

/* --- looked at --- */

START_TEST(a_look_finds_rot)
{
	bool is_damaged = true;

	live();
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(!is_damaged);
	ck_ok(owncopy_save(store, &err));
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(!is_damaged && !owncopy_is_due(store));
	spoil("own/gatepost.db", 5000);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(is_damaged && owncopy_is_due(store));
	ck_ok(owncopy_save(store, &err));
	record(store, "three");
	spoil("own/log", 20);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(is_damaged && owncopy_is_due(store) && size_of("own.seen") < 0);
}
END_TEST

/* Nothing that is left is wrong. */
START_TEST(a_look_finds_what_is_missing)
{
	bool is_damaged = false;
	off_t whole;

	live();
	ck_ok(owncopy_save(store, &err));
	whole = size_of("own/log");
	record(store, "three");
	autoclose int log = openat(dir, "own/log", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(log, whole), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "a record is gone");
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(unlinkat(dir, "own/log", 0), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "the log is gone");
	ck_ok(owncopy_save(store, &err));
	record(store, "four");
	ck_assert_msg(size_of("own/log") > OWNLOG_HEAD, "it is there again, and written to");
	ck_assert_int_eq(unlinkat(dir, "own/gatepost.db", 0), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "the database is gone");
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(unlinkat(dir, "own/gatepost.db", 0), 0);
	stop();
	start();
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "it was gone when the gateway started");
}
END_TEST

/* It is whole, and not the one that was written. */
START_TEST(a_look_finds_an_earlier_one)
{
	bool is_damaged = false;

	live();
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(linkat(dir, "own/gatepost.db", dir, "earlier", 0), 0);
	grow(256 * KIB);
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(renameat(dir, "earlier", dir, "own/gatepost.db"), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(is_damaged && owncopy_is_due(store));
}
END_TEST

/* Somebody moves it away. */
START_TEST(a_look_at_none)
{
	bool is_damaged = true;

	stop();
	store = open_at(state_path);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(!is_damaged, "none is kept");
	stop();
	start();
	live();
	ck_assert_int_eq(renameat(dir, "own", dir, "elsewhere"), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "its log");
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(renameat(dir, "own", dir, "elsewhere too"), 0);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged && owncopy_is_due(store), "it is gone");
	tempdir_put_odd(STATE "/own", ODD_PIPE);
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert_msg(is_damaged, "a pipe is none");
}
END_TEST

/* --- records --- */

START_TEST(records_are_found_again)
{
	AUTO(buf_free) struct buf b = BUF_INIT(KIB);
	struct span rest, got;
	uint64_t skipped = 0;

	buf_str(&b, "GPOWjunk GPOW");
	ownlog_add(&b, SPAN_LIT("first"));
	ownlog_add(&b, SPAN(NULL, 0));
	buf_str(&b, "GPOW\xff\xff\xff\xff");
	ownlog_add(&b, SPAN_LIT("second"));
	buf_str(&b, "GPOW");
	rest = buf_span(&b);
	ck_assert(ownlog_next(&rest, &got, &skipped) && span_is(got, "first") && skipped == 13);
	ck_assert(ownlog_next(&rest, &got, &skipped) && got.n == 0 && skipped == 13);
	ck_assert(ownlog_next(&rest, &got, &skipped) && span_is(got, "second") && skipped == 21);
	ck_assert(!ownlog_next(&rest, &got, &skipped) && skipped == 25);
}
END_TEST

/* As other versions of this program will read it. */
START_TEST(a_record_is_laid_out_as_said)
{
	AUTO(buf_free) struct buf b = BUF_INIT(KIB);
	uint8_t summed[4 + 258] = { 0, 0, 1, 2 };
	struct hash32 sum;

	memset(summed + 4, 'p', 258);
	sum = sha256_of(SPAN_OF(summed));
	ownlog_add(&b, SPAN(summed + 4, 258));
	ck_assert_uint_eq(b.n, OWNLOG_HEAD + 258);
	ck_assert_int_eq(memcmp(b.p, "GPOW", 4), 0);
	ck_assert_int_eq(memcmp(b.p + 4, summed, 4), 0);
	ck_assert_int_eq(memcmp(b.p + 8, sum.b, 8), 0);
	ck_assert_int_eq(memcmp(b.p + OWNLOG_HEAD, summed + 4, 258), 0);
}
END_TEST

START_TEST(a_record_stands_for_itself)
{
	AUTO(buf_free) struct buf b = BUF_INIT(KIB);

	ownlog_add(&b, SPAN_LIT("payload"));
	for (size_t i = 0; i < b.n; i++) {
		struct span rest = buf_span(&b), got;
		uint64_t skipped = 0;

		b.p[i] ^= 1;
		ck_assert_msg(!ownlog_next(&rest, &got, &skipped) && skipped == b.n, "byte %zu", i);
		b.p[i] ^= 1;
		rest = SPAN(b.p, i);
		skipped = 0;
		ck_assert_msg(!ownlog_next(&rest, &got, &skipped) && skipped == i, "cut at %zu", i);
	}
}
END_TEST

/* --- a copy with holes --- */

/* Product 1 is chosen, a device known, with the record that then rots; what follows in the log refers to them. */
START_TEST(rows_whose_parents_have_rotted)
{
	off_t end;
	struct hash32 one = hash_of(1);

	add_product(store, 1);
	put_release(1, 3);
	put_release(1, 4);
	ck_ok(owncopy_save(store, &err));
	end = size_of("own/log");
	{
		AUTO(store_tx_end) struct store_tx tx = store_begin(store);

		ck_ok(releases_decide(store, &one, 3, RELEASE_HELD_BY_OPERATOR, 5, &err));
		report("attic", 3, 20);
		ck_ok(store_commit(&tx, &err));
	}
	spoil("own/log", end + 20);
	ck_ok(releases_decide(store, &one, 4, RELEASE_HELD_BY_OPERATOR, 6, &err));
	ck_ok(devices_raise_floor(store, "attic", "acme/p1", "beta", 4, &err));
	if (_i) {
		lose_database();
	} else {
		stop();
		store = open_at(state_path);
		ck_ok(db_exec(store->db, "DELETE FROM device; DELETE FROM decision; DELETE FROM chosen", &err));
		find_it_older();
		owncopy_begin(store, &place);
	}
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_ok(store_check(store, &err));
	ck_assert_uint_eq(count(store, "SELECT sequence FROM device_floor WHERE device = 'attic'"), 4);
	ck_assert_msg(count(store, "SELECT count(*) FROM decision WHERE sequence = 4") == !_i, "of a product whose name is known");
	ck_ok(owncopy_save(store, &err));
}
END_TEST

static void accept_two_sets(void)
{
	struct hash32 one = hash_of(1), set[2] = { hash_of(77), hash_of(78) };

	ck_ok(owncopy_save(store, &err));
	ck_ok(products_accept_set(store, &one, &set[0], 6, &err));
	ck_ok(products_accept_set(store, &one, &set[1], 7, &err));
	spoil("own/log", OWNLOG_HEAD + 20);	/* with the first one it rots that the product is chosen */
}

/* Whoever knows the product knows what was accepted of it. */
START_TEST(a_set_whose_product_has_rotted)
{
	add_product(store, 1);
	if (_i) {
		go_back(accept_two_sets);
		find_it_older();
	} else {
		accept_two_sets();
		lose_database();
	}
	ck_assert(recalled.was_there && !recalled.is_whole);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM accepted_set WHERE at_ms = 7"), (unsigned)_i);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM chosen"), (unsigned)_i);
}
END_TEST

START_TEST(an_audit_log_with_a_gap)
{
	off_t end;

	record(store, "one");
	ck_ok(owncopy_save(store, &err));
	end = size_of("own/log");
	record(store, "two");
	record(store, "three");
	record(store, "four");
	spoil("own/log", end + 20);
	lose_database();
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM audit WHERE action IN ('one', 'three', 'four')"), 3);
	ck_ok(audit_verify(store, &err));
}
END_TEST

static void nothing(void)
{
}

/* The copy is behind, by what nobody's record says: the power took it. */
START_TEST(what_is_not_audited_stays)
{
	struct latched_alarm alarm = { .code = "late", .subject = "chain", .detail = "it is", .since_ms = 1 };

	live();
	go_back(nothing);
	ck_ok(mark_latch(store, &alarm, &err));
	report("attic", 3, 35);
	remember();
	find_it_older();
	check_remembered();
}
END_TEST

START_TEST(odd_things_when_it_is_wanted)
{
	static const char *const names[] = { STATE "/own", STATE "/own/log", STATE "/own/gatepost.db" };
	const char *name = names[_i % 3];

	live();
	stop();
	ck_ok(owncopy_forget(&place, &err));
	ck_assert_int_eq(_i % 3 ? 0 : unlinkat(dir, "own", AT_REMOVEDIR), 0);
	tempdir_put_odd(name, (enum tempdir_odd)(_i / 3));
	ck_ok(store_set_aside(state_path, &err));
	start();
	if (owncopy_save(store, &err))
		ck_ok(owncopy_save(store, &err));
}
END_TEST

START_TEST(a_file_where_the_folder_should_be)
{
	live();
	stop();
	ck_ok(owncopy_forget(&place, &err));
	ck_assert_int_eq(unlinkat(dir, "own", AT_REMOVEDIR), 0);
	autoclose int fd = openat(dir, "own", O_CREAT | O_WRONLY, 0600);
	ck_ok(store_set_aside(state_path, &err));
	start();
	ck_ok(owncopy_save(store, &err));
}
END_TEST

START_TEST(somebody_removes_it)
{
	bool is_damaged = false;

	live();
	ck_ok(owncopy_save(store, &err));
	ck_assert_int_eq(unlinkat(dir, "own/log", 0), 0);
	if (_i) {
		ck_assert_int_eq(unlinkat(dir, "own/gatepost.db", 0), 0);
		ck_assert_int_eq(unlinkat(dir, "own", AT_REMOVEDIR), 0);
	}
	ck_assert(owncopy_is_due(store));
	ck_ok(owncopy_check(store, &is_damaged, &err));
	ck_assert(is_damaged);
	ck_ok(owncopy_save(store, &err));
	record(store, "three");
	remember();
	lose_database();
	check_remembered();
}
END_TEST

/* --- memory --- */

static struct {
	sqlite3_mem_methods real;
	unsigned calls, at;
} memory;

static void *meagre_malloc(int n)
{
	return ++memory.calls == memory.at ? NULL : memory.real.xMalloc(n);
}

static void *meagre_realloc(void *p, int n)
{
	return ++memory.calls == memory.at ? NULL : memory.real.xRealloc(p, n);
}

/* Once in a process: from then on there is all of it while memory.at is 0. */
static void be_meagre(void)
{
	sqlite3_mem_methods m;

	if (memory.real.xMalloc)
		return;
	sqlite3_shutdown();
	ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory.real), SQLITE_OK);
	m = memory.real;
	m.xMalloc = meagre_malloc;
	m.xRealloc = meagre_realloc;
	ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
	ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_MALLOC, &m), SQLITE_OK);
}

/* Each allocation of noting a change fails in turn. */
START_TEST(without_memory_no_transaction_stays_open)
{
	struct audit_row a = { .at_ms = 1, .actor = "maria", .action = "meagre" };
	unsigned calls;

	stop();
	be_meagre();
	start();
	ck_ok(audit_add(store, &a, &err));
	memory.calls = 0;
	ck_ok(audit_add(store, &a, &err));
	calls = memory.calls;
	ck_assert_uint_gt(calls, 100);
	for (unsigned at = 1; at <= calls; at++) {
		int rc;

		memory.calls = 0;
		memory.at = at;
		rc = audit_add(store, &a, NULL);
		memory.at = 0;
		ck_assert_msg(sqlite3_get_autocommit(store->db->h), "allocation %u of %u: rc %d", at, calls, rc);
		if (owncopy_trouble(store)[0])
			ck_ok(owncopy_save(store, &err));
	}
}
END_TEST

/* Who has no memory to open it hides nothing either. */
START_TEST(without_memory_rot_stays_to_be_seen)
{
	bool is_wanted = false;
	unsigned calls;

	stop();
	be_meagre();
	start();
	live();
	rot_log();
	memory.calls = 0;
	stop();
	store = open_at(state_path);
	calls = memory.calls;
	for (unsigned at = 1; at <= calls; at += 11) {
		store_close(store);
		store = NULL;
		put_rotten_log();
		memory.calls = 0;
		memory.at = at;
		if (store_open(state_path, &store, NULL) == ERR_OK)
			stop();
		memory.at = 0;
		store = open_at(state_path);
		ck_ok(owncopy_is_wanted(store, &place, &is_wanted, &err));
		ck_assert_msg(is_wanted, "allocation %u of %u", at, calls);
	}
}
END_TEST

/* Whichever allocation fails: all of it is there, or nothing, or it is said that it is not all. */
START_TEST(without_memory_a_recall_is_whole_or_none)
{
	unsigned calls, failed = 0;

	stop();
	be_meagre();
	start();
	live();
	ck_ok(owncopy_save(store, &err));
	report("attic", 4, 40);
	remember();
	open_new();
	memory.calls = 0;
	ck_ok(owncopy_recall(store, &place, NOW, &recalled, &err));
	calls = memory.calls;
	open_new();
	for (unsigned at = 1; at <= calls; at += 31) {
		int rc;

		memory.calls = 0;
		memory.at = at;
		rc = owncopy_recall(store, &place, NOW, &recalled, NULL);
		memory.at = 0;
		if (rc) {
			failed++;
			check_still_wanted();
			continue;
		}
		if (recalled.is_whole)	/* SQLite's check of a page that it could not hold says damage */
			check_remembered();
		open_new();
	}
	ck_assert_uint_gt(failed, 20);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("owncopy");
	TCase *tc = tcase_create("owncopy");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, begin, finish);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_lost_database_loses_nothing);
	tcase_add_test(tc, a_new_copy_and_its_log);
	tcase_add_test(tc, it_is_due_when_the_log_has_grown);
	tcase_add_test(tc, a_log_that_is_older_than_its_copy);
	tcase_add_test(tc, an_older_log_with_a_hole);
	tcase_add_test(tc, an_audit_log_without_its_beginning);
	tcase_add_test(tc, an_audit_log_that_was_changed);
	tcase_add_test(tc, twice_lost);
	tcase_add_test(tc, a_database_that_is_there_needs_no_copy);
	tcase_add_test(tc, what_was_undone_is_not_noted);
	tcase_add_test(tc, one_transaction_is_one_record);
	tcase_add_loop_test(tc, a_log_with_a_rotten_byte, 0, 40);
	tcase_add_loop_test(tc, a_copy_with_a_rotten_page, 0, 8);
	tcase_add_test(tc, a_log_whose_copy_is_gone);
	tcase_add_test(tc, a_log_that_is_longer_than_can_be);
	tcase_add_test(tc, a_record_that_is_no_patch);
	tcase_add_test(tc, without_a_copy);
	tcase_add_test(tc, to_forget);
	tcase_add_loop_test(tc, to_forget_what_is_no_directory, 0, ODDS);
	tcase_add_loop_test(tc, a_copy_that_knows_more, 0, 6);
	tcase_add_loop_test(tc, a_copy_that_is_in_step, 0, 5);
	tcase_add_loop_test(tc, a_copy_that_is_behind, 0, 3);
	tcase_add_loop_test(tc, a_log_that_cannot_be_looked_at, 0, ODDS);
	tcase_add_test(tc, a_database_of_yesterday);
	tcase_add_loop_test(tc, who_opens_it_first_hides_nothing, 0, 2);
	tcase_add_test(tc, both_have_something);
	tcase_add_test(tc, a_newer_report_in_the_database_stays);
	tcase_add_loop_test(tc, a_copy_that_cannot_be_looked_at, 0, 3);
	tcase_add_loop_test(tc, a_copy_that_cannot_be_read, 0, 2);
	tcase_add_test(tc, a_small_one_is_not_due_for_little);
	tcase_add_test(tc, a_full_log_takes_no_more);
	tcase_add_test(tc, a_log_that_cannot_be_opened);
	tcase_add_test(tc, a_change_that_is_not_noted_makes_it_due);
	tcase_add_test(tc, every_failure_leaves_a_copy);
	tcase_add_test(tc, a_new_copy_that_was_not_closed_whole);
	tcase_add_test(tc, nothing_stays_open);
	tcase_add_test(tc, order_of_syncs);
	tcase_add_loop_test(tc, odd_things_are_in_nobodys_way, 0, 3 * ODDS);
	tcase_add_test(tc, a_look_finds_rot);
	tcase_add_test(tc, a_look_finds_what_is_missing);
	tcase_add_test(tc, a_look_finds_an_earlier_one);
	tcase_add_test(tc, a_look_at_none);
	tcase_add_test(tc, records_are_found_again);
	tcase_add_test(tc, a_record_is_laid_out_as_said);
	tcase_add_test(tc, a_record_stands_for_itself);
	tcase_add_loop_test(tc, rows_whose_parents_have_rotted, 0, 2);
	tcase_add_loop_test(tc, a_set_whose_product_has_rotted, 0, 2);
	tcase_add_test(tc, an_audit_log_with_a_gap);
	tcase_add_test(tc, what_is_not_audited_stays);
	tcase_add_loop_test(tc, odd_things_when_it_is_wanted, 0, 3 * ODDS);
	tcase_add_test(tc, a_file_where_the_folder_should_be);
	tcase_add_loop_test(tc, somebody_removes_it, 0, 2);
	tcase_add_test(tc, without_memory_no_transaction_stays_open);
	tcase_add_test(tc, without_memory_rot_stays_to_be_seen);
	tcase_add_test(tc, without_memory_a_recall_is_whole_or_none);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
