/* test_ownpatch.c: what is a patch of SQLite's and what is none, judged beside SQLite itself. */
#define SQLITE_ENABLE_SESSION 1
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "store/ownlog.h"
#include "store/ownpatch.h"

#include <check.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* Values of each type, a row that changes in one column, a row that goes; one text is longer than a varint of one byte says. */
static const char LIFE[] =
	"CREATE TABLE box (a TEXT, n INTEGER, b BLOB, r REAL, t TEXT, PRIMARY KEY (n, a));"
	"CREATE TABLE other (k BLOB PRIMARY KEY, v);"
	"INSERT INTO box VALUES ('old', 1, x'00ff', 1.5, NULL), ('gone', 2, x'', -0.5, 'text');";
static const char CHANGES[] =
	"INSERT INTO box VALUES ('new', -3, zeroblob(200), NULL, 'P' || x'12' || 'box');"
	"UPDATE box SET t = printf('%.200c', 'x') WHERE n = 1; DELETE FROM box WHERE n = 2; INSERT INTO other VALUES (x'01', 7);";

static struct buf patch;

static void run(sqlite3 *db, const char *sql)
{
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void setup(void)
{
	sqlite3_session *session;
	sqlite3 *db;
	void *bytes;
	int n;

	ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
	run(db, LIFE);
	ck_assert_int_eq(sqlite3session_create(db, "main", &session), SQLITE_OK);
	ck_assert_int_eq(sqlite3session_attach(session, NULL), SQLITE_OK);
	run(db, CHANGES);
	ck_assert_int_eq(sqlite3session_patchset(session, &n, &bytes), SQLITE_OK);
	patch = BUF_INIT(MIB);
	buf_add(&patch, SPAN(bytes, (size_t)n));
	sqlite3_free(bytes);
	sqlite3session_delete(session);
	sqlite3_close(db);
}

static void teardown(void)
{
	buf_free(&patch);
}

/* As many changes as SQLite finds; -1: it says that this is none. Of what is sound it finds an end. */
static int changes_of(struct span s)
{
	sqlite3_changeset_iter *at;
	size_t n = 0;

	ck_assert_int_eq(sqlite3changeset_start(&at, (int)s.n, (void *)(uintptr_t)s.p), SQLITE_OK);
	while (sqlite3changeset_next(at) == SQLITE_ROW)
		ck_assert_uint_le(++n, s.n);
	return sqlite3changeset_finalize(at) == SQLITE_OK ? (int)n : -1;
}

START_TEST(what_sqlite_writes)
{
	ck_assert(ownpatch_is_sound(buf_span(&patch)));
	ck_assert_int_eq(changes_of(buf_span(&patch)), 4);
	ck_assert(ownpatch_is_sound(SPAN(NULL, 0)));
}
END_TEST

/* Only between two changes, or tables, is something whole cut off: four changes, two tables, nothing. */
START_TEST(cut_anywhere)
{
	size_t sound = 0;

	for (size_t i = 0; i < patch.n; i++) {
		struct span s = SPAN(patch.p, i);

		if (!ownpatch_is_sound(s))
			continue;
		sound++;
		ck_assert_int_ge(changes_of(s), 0);
	}
	ck_assert_uint_eq(sound, 6);
}
END_TEST

/* Whatever a byte becomes, SQLite comes to an end with what is sound. */
START_TEST(changed_anywhere)
{
	size_t unsound = 0;

	for (size_t i = 0; i < patch.n; i++) {
		uint8_t was = patch.p[i];

		for (unsigned v = 0; v < 256; v++) {
			patch.p[i] = (uint8_t)v;
			if (ownpatch_is_sound(buf_span(&patch)))
				changes_of(buf_span(&patch));
			else
				unsound++;
		}
		patch.p[i] = was;
	}
	ck_assert_uint_gt(unsound, 1000);
}
END_TEST

#define TABLE_OF(columns) "P" columns "name\0"
#define P(text) text, sizeof text - 1

static const struct { const char *bytes; size_t n; bool is_sound; } odd[] = {
	{ P(TABLE_OF("\1\1")), true },
	{ P("P\1\1name"), false },				/* a name without an end: SQLite looks for it for ever */
	{ P("P\1\1"), false },
	{ P("P"), false },
	{ P("P\0name\0"), false },				/* no columns */
	{ P("P\7\1name\0"), false },				/* more columns than there are bytes */
	{ P("\x12\0\5"), false },				/* of no table */
	{ P(TABLE_OF("\1\1") "\x12\0\5"), true },
	{ P(TABLE_OF("\1\1") "\x17\0\5"), true },
	{ P(TABLE_OF("\1\1") "\x09\0\5"), true },
	{ P(TABLE_OF("\1\1") "\x13\0\5"), false },		/* no such change */
	{ P("T\1\1name\0"), false },				/* a changeset's: it has other rows */
	{ P(TABLE_OF("\2\1\0") "\x09\0\5"), true },		/* the key alone */
	{ P(TABLE_OF("\2\1\0") "\x12\0\5"), false },
	{ P(TABLE_OF("\1\1") "\x12\0\6"), false },		/* no such type */
	{ P(TABLE_OF("\1\1") "\x12\0\3\2ab"), true },
	{ P(TABLE_OF("\1\1") "\x12\0\4\3ab"), false },
	{ P(TABLE_OF("\1\1") "\x12\0\3\x80\x80\x80\x80\1a"), true },
	{ P(TABLE_OF("\1\1") "\x12\0\3\x80\x80\x80\x80\x80\1a"), false },	/* a length of six bytes */
	{ P(TABLE_OF("\1\1") "\x12\0\1" "1234567"), false },
	{ P(TABLE_OF("\1\1") "\x12\0\2" "12345678"), true },
};

START_TEST(odd_ones)
{
	struct span s = SPAN(odd[_i].bytes, odd[_i].n);

	ck_assert_int_eq(ownpatch_is_sound(s), odd[_i].is_sound);
	if (odd[_i].is_sound)
		ck_assert_int_ge(changes_of(s), 0);
}
END_TEST

static struct span table_of(uint8_t columns, uint8_t out[OWNPATCH_COLUMNS_MAX + 8])
{
	memset(out, 0, OWNPATCH_COLUMNS_MAX + 8);
	out[0] = 'P';
	out[1] = columns;
	memset(out + 2, 1, columns);
	out[2 + columns] = 'x';
	return SPAN(out, columns + 4u);
}

/* From 128 on a varint of two bytes says how many. */
START_TEST(columns)
{
	uint8_t bytes[OWNPATCH_COLUMNS_MAX + 8];

	ck_assert(ownpatch_is_sound(table_of(OWNPATCH_COLUMNS_MAX, bytes)));
	ck_assert(!ownpatch_is_sound(table_of(OWNPATCH_COLUMNS_MAX + 1, bytes)));
}
END_TEST

START_TEST(the_next_sound_one)
{
	AUTO(buf_free) struct buf log = BUF_INIT(MIB);
	struct span rest, got;
	uint64_t skipped = 0;

	ownlog_add(&log, SPAN_LIT("no patch"));
	ownlog_add(&log, SPAN(NULL, 0));
	ownlog_add(&log, SPAN_LIT("P\1\1name"));
	ownlog_add(&log, buf_span(&patch));
	ownlog_add(&log, SPAN_LIT("no patch"));
	rest = buf_span(&log);
	ck_assert(ownpatch_next(&rest, &got, &skipped) && got.n == 0 && skipped == OWNLOG_HEAD + 8);
	ck_assert(ownpatch_next(&rest, &got, &skipped) && got.n == patch.n && skipped == 2 * OWNLOG_HEAD + 15);
	ck_assert(!ownpatch_next(&rest, &got, &skipped) && skipped == 3 * OWNLOG_HEAD + 23);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("store/ownpatch");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_sqlite_writes);
	tcase_add_test(tc, cut_anywhere);
	tcase_add_test(tc, changed_anywhere);
	tcase_add_loop_test(tc, odd_ones, 0, sizeof odd / sizeof *odd);
	tcase_add_test(tc, columns);
	tcase_add_test(tc, the_next_sound_one);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
