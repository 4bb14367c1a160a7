/* test_parts.c: what is written is written whole, or it is not there: whichever statement of it fails. */
#include "../support/ends.h"
#include "stocked.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void setup(void)
{
	tempdir_make();
	stock();
}

static void teardown(void)
{
	stock_close();
	tempdir_remove();
}

#define ROWS(table) (int)(sizeof(table) / sizeof *(table))

/* --- all there is, as one digest --- */

static void add_table(struct sha256 *h, const char *table)
{
	char sql[100];
	sqlite3_stmt *q;

	snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
	ck_assert_int_eq(sqlite3_prepare_v2(handle(), sql, -1, &q, NULL), SQLITE_OK);
	while (sqlite3_step(q) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(q); i++) {
			int type = sqlite3_column_type(q, i);
			const void *p = sqlite3_column_blob(q, i);

			sha256_add(h, SPAN_OF(type));
			sha256_add(h, SPAN(p, (size_t)sqlite3_column_bytes(q, i)));
		}
	sqlite3_finalize(q);
}

static struct hash32 all_there_is(void)
{
	struct sha256 h;
	sqlite3_stmt *q;

	sha256_init(&h);
	ck_assert_int_eq(sqlite3_prepare_v2(handle(), "SELECT name FROM sqlite_schema WHERE type = 'table'", -1, &q, NULL), SQLITE_OK);
	while (sqlite3_step(q) == SQLITE_ROW)
		add_table(&h, (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	return sha256_end(&h);
}

/* --- what is done --- */

static const struct hash32 *id(void)
{
	static struct hash32 h;

	h = hash_of(1);
	return &h;
}

static const struct hash32 *good(void)
{
	static struct hash32 h;

	h = hash_of(5);
	return &h;
}

static int append(void)
{
	struct entry_row en = stock_entry(2);

	return entries_append(store, &en, &err);
}

static int finalise(void)
{
	return entries_finalise(store, id(), 1, &err);
}

static int undo(void)
{
	return entries_undo(store, id(), 0, NULL, &err);
}

static int put_product(void)
{
	struct product_row p = stock_product();

	p.sequence = 9;
	return products_put(store, &p, &err);
}

static int pin(void)
{
	return products_set_pinned(store, id(), true, &err);
}

static int put_release(void)
{
	struct release_row r = stock_release(2);

	return releases_put(store, &r, 2, &err);
}

static int put_other_manifest(void)
{
	struct release_row r = stock_release(1);

	r.manifest[0] = 'M';
	return releases_put(store, &r, 2, &err);
}

static int set_state(void)
{
	return releases_set_state(store, id(), 1, RELEASE_ACTIVE, "now", 3, NULL, &err);
}

static int undecide(void)
{
	return releases_decide(store, id(), 1, RELEASE_UNDECIDED, 3, &err);
}

static int set_good(void)
{
	return images_set_good(store, good(), 1000, &(struct blob_digests){ .dag_bytes = 1 }, "raw", 4, &err);
}

static int add_damage(void)
{
	return images_add_damage(store, good(), 0, 4, &err);
}

static int want(void)
{
	struct hash32 other = hash_of(77);

	return images_want(store, &other, 10, "bafy", 4, &err);
}

static int see_device(void)
{
	struct device_seen d = { "cellar", "acme/thermostat", "stable", "192.0.2.1", "coap", 10, 2 };

	return devices_seen(store, &d, 9, 2, &err);
}

static int report(void)
{
	struct device_report r = { .device = "kitchen", .product = "acme/thermostat", .address = "192.0.2.9", .protocol = "http",
				   .channel = "stable", .version = "1.2", .sequence = 4, .state = "installed", .reason = "", .raises_floor = true };

	return devices_report(store, &r, 9, 2, &err);
}

static int audit(void)
{
	struct audit_row a = { .action = "hold", .actor = "maria" };

	return audit_add(store, &a, &err);
}

static int save_mark(void)
{
	struct mark m = stock_mark();

	m.anchor_number++;
	return mark_save(store, &m, &err);
}

static int forget(void)
{
	return mark_forget_registry(store, &err);
}

static int put_bundle(void)
{
	struct bundle_row b = stock_bundle(2);

	return bundles_put(store, &b, &err);
}

static int accept_image(void *arg, const struct image_row *i, struct err *e)
{
	(void)arg;
	return images_set_state(store, &i->sha256, IMAGE_IS_EVICTING, 9, e);
}

static int evict(void)
{
	/* No release needs it any more. */
	return images_victims(store, 1, accept_image, NULL, &err);
}

static int drop_product(void)
{
	return products_drop(store, id(), &err);
}

/* Two of them as one. */
static int both(void)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(store);
	int rc;

	if ((rc = audit()) || (rc = set_good()))
		return rc;
	return store_commit(&tx, &err);
}

static const struct { const char *name; int (*run)(void); bool is_part; } works[] = {
	{ "an entry is appended", append, true }, { "entries become final", finalise, false }, { "entries are undone", undo, true },
	{ "a product is put", put_product, false }, { "a product is pinned", pin, false }, { "a release is put", put_release, true },
	{ "another manifest is put", put_other_manifest, true }, { "a release has another state", set_state, true },
	{ "a decision is taken back", undecide, false }, { "an image is good", set_good, true }, { "an image is damaged", add_damage, true },
	{ "an image is wanted", want, false }, { "a device is seen", see_device, true }, { "a device reports", report, true },
	{ "an audit record is added", audit, true }, { "the mark is saved", save_mark, false }, { "the registry is forgotten", forget, true },
	{ "a bundle is noted", put_bundle, false }, { "an image is evicted", evict, false }, { "a product is dropped", drop_product, false },
	{ "two in one transaction", both, true },
};

/* --- the Nth statement is interrupted --- */

static unsigned statements, interrupt_at;

static bool is_bracket(const char *sql)
{
	static const char *const words[] = { "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "--" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strncmp(sql, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

static int on_statement(unsigned type, void *arg, void *stmt, void *sql)
{
	(void)type, (void)arg, (void)stmt;
	if (!is_bracket(sql) && ++statements == interrupt_at)
		sqlite3_interrupt(handle());
	return 0;
}

static int run_interrupted(int (*run)(void), unsigned at)
{
	int rc;

	statements = 0;
	interrupt_at = at;
	err = (struct err){ 0 };
	sqlite3_trace_v2(handle(), SQLITE_TRACE_STMT, on_statement, NULL);
	rc = run();
	sqlite3_trace_v2(handle(), 0, NULL, NULL);
	return rc;
}

/* What a work needs that the stock does not have. */
static void prepare_for(int (*run)(void))
{
	if (run == evict)
		ck_ok(releases_set_state(store, id(), 1, RELEASE_REVOKED, "", 1, NULL, &err));
}

START_TEST(a_work_is_done_whole_or_not_at_all)
{
	struct hash32 before, after;
	unsigned at = 0;
	int rc;

	prepare_for(works[_i].run);
	before = all_there_is();
	do {
		rc = run_interrupted(works[_i].run, ++at);
		after = all_there_is();
		if (at <= statements) {
			ck_assert_msg(rc == ERR_INTERNAL && err.code == ERR_INTERNAL, "%s, statement %u: %d %s", works[_i].name, at, rc, err.msg);
			ck_assert_msg(hash32_eq(&before, &after), "%s, statement %u: half of it is there", works[_i].name, at);
		}
	} while (at <= statements);
	ck_assert_msg(rc == ERR_OK, "%s: %s", works[_i].name, err.msg);
	ck_assert_msg(at > 1 && !hash32_eq(&before, &after), "%s: nothing was done", works[_i].name);
	ck_assert(!store_is_corrupt(store));
}
END_TEST

static int check_all(void)
{
	struct store_checking c = { .is_done = false };
	int rc = ERR_OK;

	while (rc == ERR_OK && !c.is_done)
		rc = store_check_step(store, &c, &err);
	return rc;
}

/* What could not be looked at is not called good. */
START_TEST(a_check_that_is_interrupted_says_so)
{
	unsigned at = 0;
	int rc;

	do {
		rc = run_interrupted(check_all, ++at);
		ck_assert_msg((rc == ERR_OK) == (at > statements), "statement %u of %u: %d", at, statements, rc);
	} while (at <= statements);
	ck_assert_uint_gt(at, 10);
}
END_TEST

/* --- what cannot begin --- */

static const char *refused_begin;

static int no_begin(void *arg, int action, const char *what, const char *name, const char *db, const char *trigger)
{
	bool is_begin = (action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT) && strcmp(what, "BEGIN") == 0;

	(void)arg, (void)name, (void)db, (void)trigger;
	return is_begin && strcmp(action == SQLITE_SAVEPOINT ? "SAVEPOINT" : "BEGIN", refused_begin) == 0 ? SQLITE_DENY : SQLITE_OK;
}

static int run_without(const char *begin, int (*run)(void))
{
	int rc;

	refused_begin = begin;
	err = (struct err){ 0 };
	sqlite3_set_authorizer(handle(), no_begin, NULL);
	rc = run();
	sqlite3_set_authorizer(handle(), NULL, NULL);
	return rc;
}

/* Else each statement would be a transaction of its own, and stay. */
START_TEST(what_cannot_begin_does_nothing)
{
	struct hash32 before = all_there_is(), after;
	int rc;

	if (!works[_i].is_part)
		return;
	rc = run_without("BEGIN", works[_i].run);
	after = all_there_is();
	ck_assert_msg(rc == ERR_DENIED && err.code == ERR_DENIED, "%s: %d %s", works[_i].name, rc, err.msg);
	ck_assert_msg(hash32_eq(&before, &after), "%s: something of it is there", works[_i].name);
	ck_ok(works[_i].run());	/* and the next one may again */
}
END_TEST

static int nothing(void)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(store);

	return store_commit(&tx, &err);
}

START_TEST(what_cannot_begin_says_so_when_it_is_kept)
{
	ck_refused(run_without("BEGIN", nothing), ERR_DENIED, "even where nothing was done");
	ck_assert_msg(strstr(err.msg, "authorized"), "%s", err.msg);
	ck_ok(nothing());
}
END_TEST

START_TEST(what_cannot_begin_within_another_undoes_both)
{
	struct hash32 before = all_there_is(), after;

	ck_refused(run_without("SAVEPOINT", both), ERR_DENIED, "a part of a transaction");
	after = all_there_is();
	ck_assert(hash32_eq(&before, &after));
	ck_ok(both());
}
END_TEST

/* --- parts in parts --- */

static int try_note(int64_t n)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(store->db,
		"INSERT INTO latched (code, subject, detail, since_ms) VALUES (:code, '', '', :since_ms)");
	char code[30];

	snprintf(code, sizeof code, "note-%lld", (long long)n);
	db_bind_text(&q, ":code", code);
	db_bind_i64(&q, ":since_ms", n);
	return db_run(&q, &err);
}

static void note(int64_t n)
{
	ck_ok(try_note(n));
}

/* In one statement, of which SQLite keeps a journal. */
static int try_many_notes(void)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(store->db,
		"INSERT INTO latched (code, subject, detail, since_ms) WITH RECURSIVE n(i) AS (SELECT 2000 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
		" SELECT 'note-' || i, '', '', i FROM n");

	return db_run(&q, &err);
}

static uint64_t notes(void)
{
	uint64_t n = 0;

	ck_ok(db_pragma_u64(store->db, "SELECT sum(since_ms) FROM latched WHERE code LIKE 'note-%'", &n, &err));
	return n;
}

START_TEST(an_inner_part_ends_alone)
{
	AUTO(db_part_end) struct db_part outer = db_part(store->db);

	note(1);
	{
		AUTO(db_part_end) struct db_part middle = db_part(store->db);

		note(10);
		{
			AUTO(db_part_end) struct db_part kept = db_part(store->db);

			note(100);
			ck_ok(db_part_keep(&kept, &err));
		}
		{
			AUTO(db_part_end) struct db_part dropped = db_part(store->db);

			ck_assert(!dropped.is_outermost);
			note(1000);
		}
		ck_ok(db_part_keep(&middle, &err));
	}
	ck_ok(db_part_keep(&outer, &err));
	ck_assert_uint_eq(notes(), 111);
}
END_TEST

static void undo_without_memory(void *part)
{
	sqlite3_hard_heap_limit64(1);
	db_part_end(part);
}

/* Else what was to be undone would be kept with the next part, or the next transaction would nest: SQLite undoes it at the next start. */
START_TEST(what_cannot_be_undone_for_want_of_memory_ends_the_process)
{
	AUTO(db_part_end) struct db_part outer = db_part(store->db);
	AUTO(db_part_end) struct db_part inner = db_part(store->db);

	note(1);
	ck_assert_int_eq(status_of_end(undo_without_memory, _i == 0 ? &inner : &outer), ERR_EXIT_LATER);
}
END_TEST

/* --- spoilt by one statement --- */

static int call_errno;

static ssize_t no_read(int fd, void *p, size_t n, off_t at)
{
	errno = call_errno;
	return call_errno ? -1 : pread(fd, p, n, at);
}

static ssize_t no_write(int fd, const void *p, size_t n, off_t at)
{
	errno = call_errno;
	return call_errno ? -1 : pwrite(fd, p, n, at);
}

static void set_call(const char *name, const char *name64, sqlite3_syscall_ptr call)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	ck_assert_int_eq(vfs->xSetSystemCall(vfs, name, call), SQLITE_OK);
	ck_assert_int_eq(vfs->xSetSystemCall(vfs, name64, call), SQLITE_OK);
}

static void exec(const char *sql)
{
	ck_ok(db_exec(store->db, sql, &err));
}

static void no_page(bool is_over)
{
	exec(is_over ? "PRAGMA max_page_count=1000000" : "PRAGMA max_page_count=1");	/* that is: no more than there are */
}

static void no_memory(bool is_over)
{
	sqlite3_hard_heap_limit64(is_over ? DB_HEAP_MAX : 1);
}

static void no_answer(bool is_over)
{
	call_errno = is_over ? 0 : ETIMEDOUT;
	set_call("pread", "pread64", (sqlite3_syscall_ptr)no_read);
	exec("PRAGMA shrink_memory");	/* so that it has to read */
}

/* Pages that do not fit into memory go to the file before the commit. */
static void no_writing(bool is_over)
{
	call_errno = is_over ? 0 : EROFS;
	set_call("pwrite", "pwrite64", (sqlite3_syscall_ptr)no_write);
	exec(is_over ? "PRAGMA cache_size=-2048" : "PRAGMA cache_size=1; PRAGMA cache_spill=1");
}

static const struct spoiler { const char *rule; void (*spoil)(bool is_over); int code; } spoilers[] = {
	{ "a full disk", no_page, ERR_NO_SPACE }, { "want of memory", no_memory, ERR_MEMORY }, { "a disk that does not answer", no_answer, ERR_IO },
	{ "a disk that has become read-only", no_writing, ERR_READ_ONLY },
};

/* In a part of its own, which is over then. */
static void spoil(const struct spoiler *by, bool at_once)
{
	AUTO(db_part_end) struct db_part part = db_part(store->db);
	uint64_t devices;
	int rc = ERR_OK;

	by->spoil(false);
	if (at_once)
		rc = try_many_notes();
	for (int n = 1000; n < 20000 && rc == ERR_OK; n++)
		if (!(rc = try_note(n)))
			rc = devices_count(store, &devices, &err);
	ck_refused(rc, by->code, by->rule);
	by->spoil(true);
}

/* Whoever has not looked at the error must not take the rest for kept; nor may the rest be kept piece by piece. */
START_TEST(what_is_spoilt_is_not_kept)
{
	AUTO(db_part_end) struct db_part outer = db_part(store->db);
	const struct spoiler *by = &spoilers[_i % ROWS(spoilers)];

	note(1);
	spoil(by, _i >= ROWS(spoilers));
	ck_refused(try_note(10), by->code, "what follows");
	{
		AUTO(db_part_end) struct db_part inner = db_part(store->db);

		ck_refused(try_note(100), by->code, "in a part of it as well");
		ck_refused(db_part_keep(&inner, &err), by->code, "a part of it");
	}
	ck_refused(db_part_keep(&outer, &err), by->code, by->rule);
	db_part_end(&outer);
	ck_assert_uint_eq(notes(), 0);
	note(3);
	ck_assert_msg(notes() == 3, "the next is not spoilt");
}
END_TEST

/* A name that is taken, a row that is not there: whoever asked knows what to make of it. */
START_TEST(a_row_that_is_refused_spoils_nothing)
{
	AUTO(db_part_end) struct db_part outer = db_part(store->db);

	note(1);
	ck_refused(try_note(1), ERR_EXISTS, "the same again");
	note(10);
	ck_ok(db_part_keep(&outer, &err));
	ck_assert_uint_eq(notes(), 11);
}
END_TEST

START_TEST(a_committed_transaction_is_over)
{
	struct store_tx first = store_begin(store), second;

	note(1);
	ck_ok(store_commit(&first, &err));
	second = store_begin(store);
	note(10);
	store_tx_end(&first);
	ck_ok(store_commit(&second, &err));
	ck_assert_uint_eq(notes(), 11);
}
END_TEST

/* A reference that leads nowhere, which is looked at only then. */
START_TEST(a_commit_that_fails_is_none)
{
	struct store_tx tx = store_begin(store);

	note(1);
	ck_ok(db_exec(store->db, "PRAGMA defer_foreign_keys=ON; INSERT INTO accepted_set VALUES (zeroblob(32), zeroblob(32), 1)", &err));
	ck_refused(store_commit(&tx, &err), ERR_NOT_FOUND, "what was not committed is not there");
	store_tx_end(&tx);
	ck_assert_uint_eq(notes(), 0);
}
END_TEST

/* --- the first failure of a statement --- */

START_TEST(a_statement_that_was_not_bound_does_not_run)
{
	static char long_text[DB_VALUE_MAX + 100];

	memset(long_text, 'x', sizeof long_text - 1);
	for (unsigned i = 0; i < 3; i++) {
		AUTO(db_stmt_end) struct db_stmt q = db_prepare(store->db,
			"INSERT INTO latched (code, subject, detail, since_ms) SELECT 'note-5', '', coalesce(:text, ''), coalesce(:number, 5)");

		if (i == 0)
			db_bind_text(&q, ":text", long_text);
		else if (i == 1)
			db_bind_u64(&q, ":number", UINT64_MAX);
		else
			db_bind_u64(&q, ":nothing", 1);
		err = (struct err){ 0 };
		ck_refused(db_run(&q, &err), i < 2 ? ERR_LIMIT : ERR_INTERNAL, "what was bound first");
		ck_assert_msg(err.code == (i < 2 ? ERR_LIMIT : ERR_INTERNAL), "and says so");
		ck_assert_uint_eq(notes(), 0);
	}
}
END_TEST

START_TEST(a_failure_is_not_taken_for_damage)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(store->db, "SELECT since_ms, code FROM latched WHERE since_ms > :number");
	struct hash32 hash;
	char text[9];

	db_bind_u64(&q, ":number", UINT64_MAX);
	ck_assert(!db_next(&q));
	ck_assert_uint_eq(db_u64(&q, 0), 0);
	db_hash(&q, 1, &hash);
	db_text(&q, 1, text, sizeof text);
	ck_assert(db_span(&q, 1).n == 0 && text[0] == 0 && hash32_is_zero(&hash) && db_is_null(&q, 0));
	ck_refused(db_row_ok(&q, &err), ERR_LIMIT, "the first failure stays");
	ck_assert(!store_is_corrupt(store));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("parts");
	Suite *s = suite_create("parts");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_work_is_done_whole_or_not_at_all, 0, ROWS(works));
	tcase_add_loop_test(t, what_cannot_begin_does_nothing, 0, ROWS(works));
	tcase_add_test(t, a_check_that_is_interrupted_says_so);
	tcase_add_test(t, what_cannot_begin_says_so_when_it_is_kept);
	tcase_add_test(t, what_cannot_begin_within_another_undoes_both);
	tcase_add_test(t, an_inner_part_ends_alone);
	tcase_add_loop_test(t, what_cannot_be_undone_for_want_of_memory_ends_the_process, 0, 2);
	tcase_add_loop_test(t, what_is_spoilt_is_not_kept, 0, 2 * ROWS(spoilers));
	tcase_add_test(t, a_row_that_is_refused_spoils_nothing);
	tcase_add_test(t, a_committed_transaction_is_over);
	tcase_add_test(t, a_commit_that_fails_is_none);
	tcase_add_test(t, a_statement_that_was_not_bound_does_not_run);
	tcase_add_test(t, a_failure_is_not_taken_for_damage);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
