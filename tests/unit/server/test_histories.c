/* test_histories.c: files of entries: no byte leaves that the catalog does not vouch for; what is held is bounded. */
#include "stand.h"
#include "../support/fds.h"

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "../catalog/sample.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct stand *st;
static const struct hash32 lamp = { { 1 } };

static void setup(void)
{
	st = stand_new(0);
}

static void teardown(void)
{
	stand_free(st);
}

static void find(const char *path, enum link_protocol protocol, enum answer_format accept, struct answer *a)
{
	struct ask ask = { .path = span_str(path), .accept = accept, .protocol = protocol, .address = SPAN_LIT("192.0.2.1") };

	answer_find(st->answers, &ask, a);
}

static unsigned status(void)
{
	struct answer a;

	find("/entries/acme/lamp", LINK_HTTP, FORMAT_ANY, &a);
	answer_release(&a);
	return a.status;
}

static const struct { const char *rule, *path; enum link_protocol protocol; enum answer_format accept; unsigned status; } asks[] = {
	{ "a history", "/entries/acme/lamp", LINK_HTTP, FORMAT_ANY, 200 },
	{ "by its format", "/entries/acme/lamp", LINK_HTTP, FORMAT_LINES, 200 },
	{ "in no other one", "/entries/acme/lamp", LINK_HTTP, FORMAT_JSON, 406 },
	{ "not over CoAP", "/entries/acme/lamp", LINK_COAP, FORMAT_ANY, 404 },
	{ "nothing is final", "/entries/acme/clock", LINK_HTTP, FORMAT_ANY, 404 },
	{ "a product that is not here", "/entries/acme/door", LINK_HTTP, FORMAT_ANY, 404 },
};

START_TEST(who_gets_what)
{
	struct answer a;

	find(asks[_i].path, asks[_i].protocol, asks[_i].accept, &a);
	ck_assert_msg(a.status == asks[_i].status, "%s: %u", asks[_i].rule, a.status);
	ck_assert(a.status == 200 || (a.kind == ANSWER_NONE && a.why));
	answer_release(&a);
	ck_assert_uint_eq(st->entries_rots, 0);
}
END_TEST

START_TEST(it_is_the_file)
{
	struct hash32 sha = sha256_of(SPAN_LIT(SAMPLE_ENTRIES));
	struct answer a;
	uint8_t got[64];

	find("/entries/acme/lamp", LINK_HTTP, FORMAT_ANY, &a);
	ck_assert(a.kind == ANSWER_ENTRIES && a.format == FORMAT_LINES && a.size == strlen(SAMPLE_ENTRIES) && hash32_eq(&a.etag, &sha));
	ck_assert(!a.is_private && !a.is_immutable && !a.is_observable && a.sequence == 0);
	ck_assert(answer_read(&a, 2, got, a.size - 2, NULL) == 0 && memcmp(got, SAMPLE_ENTRIES + 2, a.size - 2) == 0);
	answer_release(&a);
}
END_TEST

/* --- the file is not what the catalog says --- */

static void entries_path(char out[200])
{
	char hex[65];

	snprintf(out, 200, "%s/entries/%s", st->dir, hex_str(SPAN_OF(lamp), hex));
}

static void flipped(void) { stand_entries(st, &lamp, SPAN_LIT("{\"one\":1}\n{\"two\":3}\n")); }
static void cut(void) { stand_entries(st, &lamp, SPAN_LIT("{\"one\":1}\n{\"two\":2}")); }
static void emptied(void) { stand_entries(st, &lamp, SPAN_LIT("")); }

static void removed(void)
{
	char path[200];

	entries_path(path);
	ck_assert_int_eq(unlink(path), 0);
}

static void a_folder(void)
{
	char path[200];

	removed();
	entries_path(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void a_pipe(void)
{
	char path[200];

	removed();
	entries_path(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
}

/* To a file that would do. */
static void a_link(void)
{
	char path[200];

	removed();
	stand_entries(st, &(struct hash32){ { 9 } }, SPAN_LIT(SAMPLE_ENTRIES));
	entries_path(path);
	ck_assert_int_eq(symlink("0900000000000000000000000000000000000000000000000000000000000000", path), 0);
}

static const struct { const char *what; void (*change)(void); } damages[] = {
	{ "a byte differs", flipped }, { "the last byte is missing", cut }, { "it is empty", emptied }, { "it is gone", removed },
	{ "it is a folder", a_folder }, { "it is a pipe", a_pipe }, { "it is a symbolic link", a_link },
};

START_TEST(nothing_wrong_leaves)
{
	char path[200], command[300];
	struct answer a;

	damages[_i].change();
	find("/entries/acme/lamp", LINK_HTTP, FORMAT_ANY, &a);
	ck_assert_msg(a.status == 503 && a.retry_after_s > 0 && !a.history, "%s: %u", damages[_i].what, a.status);
	answer_release(&a);
	ck_assert_msg(st->entries_rots == 1 && hash32_eq(&st->entries_rot, &lamp), "the keeper hears of it");
	ck_assert(histories_stats(st->histories).bad == 1 && histories_stats(st->histories).bytes == 0);
	/* Mended with the same bytes, so under the same digest: it is looked at again, but not all the time. */
	entries_path(path);
	snprintf(command, sizeof command, "rm -rf %s", path);
	ck_assert_int_eq(system(command), 0);
	stand_entries(st, &lamp, SPAN_LIT(SAMPLE_ENTRIES));
	st->mono_ms += HISTORY_AGAIN_MS - 1;
	ck_assert_uint_eq(status(), 503);
	ck_assert_uint_eq(st->entries_rots, 1);
	st->mono_ms++;
	ck_assert_uint_eq(status(), 200);
	ck_assert_uint_eq(st->entries_rots, 1);
}
END_TEST

START_TEST(damage_that_stays_is_told_again)
{
	flipped();
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert_uint_eq(status(), 503);
		ck_assert_uint_eq(st->entries_rots, i);
		st->mono_ms += HISTORY_AGAIN_MS;
	}
}
END_TEST

/* What was checked is what is sent, whatever becomes of the file. */
START_TEST(what_is_held_stays_right)
{
	struct answer a;
	uint8_t got[64];

	find("/entries/acme/lamp", LINK_HTTP, FORMAT_ANY, &a);
	flipped();
	ck_assert(answer_read(&a, 0, got, a.size, NULL) == 0 && memcmp(got, SAMPLE_ENTRIES, a.size) == 0);
	ck_assert_msg(pwrite(history_fd(a.history), "x", 1, 0) < 0, "it is sealed");
	answer_release(&a);
	st->mono_ms += HISTORY_AGAIN_MS;
	ck_assert_uint_eq(status(), 200);
}
END_TEST

/* What is missing here is no damage there. */
START_TEST(without_descriptors_nothing_has_rotted)
{
	fds_allow(0);
	ck_assert_uint_eq(status(), 503);
	fds_allow(1000);
	ck_assert_uint_eq(st->entries_rots, 0);
	ck_assert_msg(status() == 200, "at once");
}
END_TEST

/* What was read is as it should be, and cannot be written where it is to be sent from. */
START_TEST(what_was_not_copied_is_not_sent)
{
	struct rlimit before, none = { 0 };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert(getrlimit(RLIMIT_FSIZE, &before) == 0);
	none.rlim_max = before.rlim_max;
	ck_assert(setrlimit(RLIMIT_FSIZE, &none) == 0);
	ck_assert_uint_eq(status(), 503);
	ck_assert(setrlimit(RLIMIT_FSIZE, &before) == 0);
}
END_TEST

/* The keeper has appended, and its catalog is still on the way. */
START_TEST(a_file_that_has_grown)
{
	stand_entries(st, &lamp, SPAN_LIT(SAMPLE_ENTRIES "{\"three\":3}\n"));
	ck_assert_uint_eq(status(), 200);
}
END_TEST

/* --- bounds --- */

static struct catalog_product row_of(unsigned id, struct span content)
{
	struct catalog_product p = { .entries_bytes = content.n, .entries_sha256 = sha256_of(content) };

	p.id.b[0] = 0x80;
	p.id.b[1] = (uint8_t)(id >> 8);
	p.id.b[2] = (uint8_t)id;
	stand_entries(st, &p.id, content);
	return p;
}

START_TEST(memory_is_bounded)
{
	struct buf big = BUF_INIT(ENTRIES_FILE_MAX);
	struct catalog_product p[3];
	struct history *h[3];

	ck_assert_ptr_nonnull(buf_grow(&big, ENTRIES_FILE_MAX));
	for (unsigned i = 0; i < 3; i++) {
		memset(big.p, (int)('a' + i), big.n);
		p[i] = row_of(i, buf_span(&big));
	}
	buf_free(&big);
	ck_assert_int_eq(histories_get(st->histories, &p[0], &h[0], NULL), ERR_OK);
	ck_assert_int_eq(histories_get(st->histories, &p[1], &h[1], NULL), ERR_OK);
	ck_assert_msg(histories_get(st->histories, &p[2], &h[2], NULL) == ERR_BUSY, "both are being sent");
	ck_assert_int_eq(histories_get(st->histories, &p[1], &h[2], NULL), ERR_OK);
	ck_assert_msg(h[2] == h[1], "one that is there is held twice");
	history_put(h[2]);
	history_put(h[0]);
	ck_assert_int_eq(histories_get(st->histories, &p[2], &h[2], NULL), ERR_OK);
	ck_assert_uint_le(histories_stats(st->histories).bytes, HISTORIES_BYTES_MAX);
	ck_assert_msg(histories_get(st->histories, &p[0], &h[0], NULL) == ERR_BUSY, "it has left");
	history_put(h[1]);
	history_put(h[2]);
	ck_assert_uint_eq(st->entries_rots, 0);
}
END_TEST

START_TEST(places_are_bounded)
{
	struct history *h[HISTORIES_MAX], *more;
	char text[16];

	for (unsigned i = 0; i < HISTORIES_MAX; i++) {
		snprintf(text, sizeof text, "{\"n\":%u}\n", i);
		struct catalog_product p = row_of(i, span_str(text));

		ck_assert_int_eq(histories_get(st->histories, &p, &h[i], NULL), ERR_OK);
	}
	struct catalog_product p = row_of(HISTORIES_MAX, SPAN_LIT("{}\n"));

	ck_assert_int_eq(histories_get(st->histories, &p, &more, NULL), ERR_BUSY);
	history_put(h[7]);
	ck_assert_int_eq(histories_get(st->histories, &p, &more, NULL), ERR_OK);
	history_put(more);
	for (unsigned i = 0; i < HISTORIES_MAX; i++)
		if (i != 7)
			history_put(h[i]);
}
END_TEST

/* The one that was asked for longest ago makes room. */
START_TEST(the_oldest_one_leaves)
{
	struct catalog_product p[HISTORIES_MAX + 1];
	struct history *h;
	char text[16];

	for (unsigned i = 0; i < HISTORIES_MAX + 1; i++) {
		snprintf(text, sizeof text, "{\"n\":%u}\n", i);
		p[i] = row_of(i, span_str(text));
		ck_assert_int_eq(histories_get(st->histories, &p[i], &h, NULL), ERR_OK);
		history_put(h);
		st->mono_ms++;
		stand_entries(st, &p[i].id, SPAN_LIT("who reads it now meets this"));
	}
	ck_assert_msg(histories_get(st->histories, &p[1], &h, NULL) == ERR_OK, "it is there");
	history_put(h);
	ck_assert_msg(histories_get(st->histories, &p[0], &h, NULL) == ERR_CORRUPT, "it is not");
}
END_TEST

START_TEST(idle_ones_leave)
{
	struct answer a;

	find("/entries/acme/lamp", LINK_HTTP, FORMAT_ANY, &a);
	st->mono_ms += OBJECT_IDLE_MS;
	histories_trim(st->histories);
	ck_assert_msg(histories_stats(st->histories).held == 1, "it is being sent");
	answer_release(&a);
	histories_trim(st->histories);
	ck_assert_uint_eq(histories_stats(st->histories).held, 0);
	ck_assert_uint_eq(histories_stats(st->histories).bytes, 0);
	ck_assert_uint_eq(status(), 200);
	st->mono_ms += OBJECT_IDLE_MS - 1;
	histories_trim(st->histories);
	ck_assert_msg(histories_stats(st->histories).held == 1, "a moment ago is not idle");
	ck_assert_uint_eq(status(), 200);
	st->mono_ms += 1;
	histories_trim(st->histories);
	ck_assert_msg(histories_stats(st->histories).held == 1, "nor is what was asked for again");
	histories_free(NULL);
}
END_TEST

/* --- threads --- */

static struct catalog_product wanted;
static pthread_barrier_t together;

static void *get_one(void *arg)
{
	pthread_barrier_wait(&together);
	ck_assert_int_eq(histories_get(st->histories, &wanted, arg, NULL), ERR_OK);
	return NULL;
}

/* All of them read it, since it is large; one of them is kept. */
START_TEST(many_at_once)
{
	struct buf big = BUF_INIT(8 * MIB);
	struct history *h[4];
	pthread_t t[4];

	ck_assert_ptr_nonnull(buf_grow(&big, 8 * MIB));
	memset(big.p, 'x', big.n);
	wanted = row_of(1, buf_span(&big));
	buf_free(&big);
	pthread_barrier_init(&together, NULL, 4);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, get_one, &h[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ck_assert(h[0] == h[1] && h[1] == h[2] && h[2] == h[3]);
	ck_assert_uint_eq(histories_stats(st->histories).held, 1);
	ck_assert_uint_eq(histories_stats(st->histories).bytes, wanted.entries_bytes);
	for (int i = 0; i < 4; i++)
		history_put(h[i]);
	pthread_barrier_destroy(&together);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("histories");
	TCase *t = tcase_create("histories");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, who_gets_what, 0, (int)(sizeof asks / sizeof *asks));
	tcase_add_test(t, it_is_the_file);
	tcase_add_loop_test(t, nothing_wrong_leaves, 0, (int)(sizeof damages / sizeof *damages));
	tcase_add_test(t, damage_that_stays_is_told_again);
	tcase_add_test(t, what_is_held_stays_right);
	tcase_add_test(t, a_file_that_has_grown);
	tcase_add_test(t, memory_is_bounded);
	tcase_add_test(t, without_descriptors_nothing_has_rotted);
	tcase_add_test(t, what_was_not_copied_is_not_sent);
	tcase_add_test(t, the_oldest_one_leaves);
	tcase_add_test(t, places_are_bounded);
	tcase_add_test(t, idle_ones_leave);
	tcase_add_test(t, many_at_once);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
