/* lived.h: a gateway that has lived, with its second copy: what it was told, what it tells, and what its card does to it. For the tests of owncopy.h. */
#ifndef TESTS_LIVED_H
#define TESTS_LIVED_H

#include "gateways.h"
#include "base/limits.h"
#include "store/owncopy.h"
#include "store/ownlog.h"

#include <inttypes.h>

#define NOW 1000

/* --- a gateway and its life --- */

static int dir = -1;
static struct owncopy_place place;
static struct store *store;
static struct owncopy_recalled recalled;
static struct buf before, after;	/* dumps */

static inline void recall_if_wanted(void)
{
	bool is_wanted = false;

	recalled = (struct owncopy_recalled){ 0 };
	ck_ok(owncopy_is_wanted(store, &place, &is_wanted, &err));
	if (is_wanted)
		ck_ok(owncopy_recall(store, &place, NOW, &recalled, &err));
}

static inline void start(void)
{
	store = open_at(state_path);
	recall_if_wanted();
	owncopy_begin(store, &place);
	ck_assert_str_eq(owncopy_trouble(store), "");
}

static inline void stop(void)
{
	store_close(store);
	store = NULL;
}

static inline void begin(void)
{
	tempdir_make();
	snprintf(state_path, sizeof state_path, "%s/" STATE, tempdir);
	ck_assert_int_eq(mkdir(state_path, 0700), 0);
	dir = open_dir(state_path);
	place = (struct owncopy_place){ .dir = dir, .path = state_path };
	before = BUF_INIT(8 * MIB);
	after = BUF_INIT(8 * MIB);
	memset(&faulty, 0, sizeof faulty);
	start();
}

static inline void finish(void)
{
	store_close(store);
	store = NULL;
	buf_free(&before);
	buf_free(&after);
	close(dir);
	tempdir_remove();
}

/* Each word of it is another one for another sequence. */
static inline void report(const char *device, uint64_t sequence, int64_t now_ms)
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
static inline bool has_report(const char *device, uint64_t sequence, int64_t now_ms)
{
	bool is_odd = sequence % 2;
	char sql[400];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM device WHERE device = '%s' AND version = '1.%" PRIu64 "' AND sequence = %" PRIu64 " AND state = '%s'"
		 " AND reason = '%s' AND progress = %" PRIu64 " AND address = '10.0.0.%" PRIu64 "' AND protocol = '%s' AND last_seen_ms = %" PRId64
		 " AND reported_ms = %" PRId64, device, sequence, sequence, is_odd ? "installed" : "failed", is_odd ? "" : "no room", 90 + sequence, sequence,
		 is_odd ? "http" : "coap", now_ms, now_ms);
	return count(store, sql) == 1;
}

static inline void put_release(unsigned product, uint64_t sequence)
{
	struct release_row r = { .product = hash_of(product), .sequence = sequence, .manifest_len = 1, .why = "seen" };

	ck_ok(releases_put(store, &r, 1, &err));
}

/* The operator's word, devices' and the gateway's own. */
static inline void live(void)
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

static inline void dump_rows(struct store *s, const char *sql, struct buf *out)
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

static inline void dump(struct store *s, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		dump_rows(s, rows[i], out);
	buf_byte(out, '\0');
	ck_ok(buf_ok(out, &err));
}

static inline void remember(void)
{
	dump(store, &before);
}

static inline void check_remembered(void)
{
	dump(store, &after);
	ck_assert_str_eq((char *)after.p, (char *)before.p);
	ck_ok(store_check(store, &err));
	ck_ok(audit_verify(store, &err));
}

/* --- damage --- */

static inline void lose_database(void)
{
	stop();
	ck_ok(store_set_aside(state_path, &err));
	start();
}

static inline void spoil(const char *name, off_t at)
{
	autoclose int fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
}

static inline off_t size_of(const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : st.st_size;
}

static inline void more_of_all(void)
{
	report("cellar", 5, 30);
	report("attic", 5, 31);
	ck_ok(devices_delete(store, "roof", &err));
	record(store, "later");
	remember();
}

static inline void put_rotten_log(void)
{
	char text[4 * PATH_MAX];

	snprintf(text, sizeof text, "cp '%s/gatepost.db' '%s/gatepost.db-wal' '%s'", tempdir, tempdir, state_path);
	ck_assert_int_eq(system(text), 0);
	spoil("gatepost.db-wal", 32 + 24 + 100);
}

/* As a kill leaves it, with a bit of its log that has changed. */
static inline void rot_log(void)
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

/* The database is lost, and nothing is recalled yet. */
static inline void open_new(void)
{
	stop();
	ck_ok(store_set_aside(state_path, &err));
	store = open_at(state_path);
}

static inline void check_still_wanted(void)
{
	bool is_wanted = false;

	ck_ok(owncopy_is_wanted(store, &place, &is_wanted, &err));
	ck_assert(is_wanted);
	ck_assert_uint_eq(count(store, "SELECT count(*) FROM device"), 0);
}

/* Under one of the copy's names what is no file: which, and what, by i from 0 to NAMES_AND_ODDS - 1. */
#define NAMES_AND_ODDS (3 * ODDS)
static inline void lay_odd(int i)
{
	static const char *const names[] = { STATE "/own", STATE "/own/log", STATE "/own/gatepost.db" };

	ck_ok(owncopy_forget(&place, &err));
	ck_assert_int_eq(i % 3 ? 0 : unlinkat(dir, "own", AT_REMOVEDIR), 0);
	tempdir_put_odd(names[i % 3], (enum tempdir_odd)(i / 3));
}

#endif
