/* test_floor.c: the floor only rises, and no torn write, bad sector or full disk makes it forget. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "formats/sha256.h"
#include "store/floor_own.h"
#include "../support/fds.h"
#include "../support/unreadable.h"
#include "faulty.h"
#include "tempdir.h"

#include <sys/wait.h>

static void setup(void)
{
	tempdir_make();
	memset(&faulty, 0, sizeof faulty);
	unreadable_none();
}

static struct floors *load(const struct sysio *sys)
{
	struct floors *f;

	ck_ok(floor_load(tempdir_fd, sys, &f, &err));
	return f;
}

static struct floor_item item(unsigned n, uint64_t floor, uint64_t proven)
{
	struct floor_item i = { .product = hash_of(n), .floor = floor, .proven = proven };

	snprintf(i.name, sizeof i.name, "acme/p%u", n);
	return i;
}

static void note(struct floors *f, unsigned n, uint64_t floor, uint64_t proven)
{
	struct floor_item i = item(n, floor, proven);

	ck_ok(floor_note(f, &i, &err));
}

static void revoke_one(struct floors *f, unsigned n, uint64_t sequence)
{
	struct floor_item i = item(n, 0, 0);

	i.revoked = &sequence;
	i.revoked_n = 1;
	ck_ok(floor_note(f, &i, &err));
}

static uint64_t proven(const struct floors *f, unsigned n)
{
	struct hash32 id = hash_of(n);
	const struct floor_item *i = floor_get(f, &id);

	return i ? i->proven : 0;
}

static bool is_revoked(const struct floors *f, unsigned n, uint64_t sequence)
{
	struct hash32 id = hash_of(n);

	return floor_is_revoked(f, &id, sequence);
}

START_TEST(only_rises)
{
	struct floors *f = load(NULL);

	ck_assert_int_eq(floor_found(f), FLOOR_NONE);
	ck_assert(!floor_is_dirty(f));
	note(f, 2, 3, 7);
	note(f, 1, 0, 5);
	note(f, 2, 2, 6);
	revoke_one(f, 2, 5);
	revoke_one(f, 2, 4);
	revoke_one(f, 2, 5);
	ck_assert_uint_eq(proven(f, 2), 7);
	ck_assert(is_revoked(f, 2, 2) && !is_revoked(f, 2, 3) && is_revoked(f, 2, 4) && is_revoked(f, 2, 5));
	ck_assert(!is_revoked(f, 1, 1) && !is_revoked(f, 3, 1));
	ck_ok(floor_save(f, &err));
	ck_assert(!floor_is_dirty(f));
	floor_free(f);
	f = load(NULL);
	ck_assert_int_eq(floor_found(f), FLOOR_BOTH);
	ck_assert_uint_eq(proven(f, 2), 7);
	ck_assert_str_eq(floor_at(f, 0)->name, "acme/p1");
	ck_assert_str_eq(floor_at(f, 1)->name, "acme/p2");
	ck_assert_ptr_null(floor_at(f, 2));
	ck_assert_uint_eq(floor_at(f, 1)->revoked_n, 2);
	note(f, 2, 5, 0);
	ck_assert_uint_eq(floor_at(f, 1)->revoked_n, 1);	/* 4 is below the floor now */
	ck_assert(is_revoked(f, 2, 4) && is_revoked(f, 2, 5) && !is_revoked(f, 2, 6));
	note(f, 2, 5, 7);
	ck_ok(floor_save(f, &err));
	note(f, 2, 1, 1);
	ck_assert_msg(!floor_is_dirty(f), "nothing new is nothing to write");
	floor_free(f);
}
END_TEST

START_TEST(is_written_only_when_something_changed)
{
	struct floors *f = load(&sysio_faulty);

	note(f, 1, 1, 1);
	ck_ok(floor_save(f, &err));
	faulty.calls = 0;
	ck_ok(floor_save(f, &err));
	ck_assert_uint_eq(faulty.calls, 0);
	note(f, 1, 1, 2);
	faulty.trace[0] = 0;
	ck_ok(floor_save(f, &err));
	ck_assert_msg(faulty.calls == 4, "one file: open, write, cut, sync (%u)", faulty.calls);
	ck_assert_str_eq(faulty.trace, "pwrite ftruncate fdatasync ");
	floor_free(f);
}
END_TEST

/* Who made the file may not have come to the sync of its name, or somebody has taken it away meanwhile. */
START_TEST(a_name_is_on_the_disk_before_the_floor_is_relied_on)
{
	struct floors *f = load(&sysio_faulty);

	note(f, 1, 1, 1);
	ck_ok(floor_save(f, &err));
	ck_assert_str_eq(faulty.trace, "pwrite ftruncate fdatasync fsync pwrite ftruncate fdatasync fsync ");
	floor_free(f);
	f = load(&sysio_faulty);
	for (uint64_t i = 2; i <= 6; i++) {
		if (i == 5)	/* the older one, floor.b, whose turn it is */
			ck_assert_int_eq(unlinkat(tempdir_fd, "floor.b", 0), 0);
		note(f, 1, 1, i);
		faulty.trace[0] = 0;
		ck_ok(floor_save(f, &err));
		ck_assert_msg((strstr(faulty.trace, "fsync ") != NULL) == (i <= 3 || i == 5), "%u: %s", (unsigned)i, faulty.trace);
	}
	floor_free(f);
}
END_TEST

/* Each row damages floor.a and floor.b in its way. The newest save (proven 3) is in b, the one before (2) in a. */
enum damage { NO_DAMAGE, FLIP, CUT, ZERO, GONE, EMPTY, LONGER };
static const struct { const char *rule; enum damage a, b; enum floor_found found; uint64_t proven; } rots[] = {
	{ "both are whole: the newest counts", NO_DAMAGE, NO_DAMAGE, FLOOR_BOTH, 3 },
	{ "a flipped bit in the newest", NO_DAMAGE, FLIP, FLOOR_ONE, 2 },
	{ "a flipped bit in the older", FLIP, NO_DAMAGE, FLOOR_ONE, 3 },
	{ "the newest is cut short", NO_DAMAGE, CUT, FLOOR_ONE, 2 },
	{ "the newest is zeros", NO_DAMAGE, ZERO, FLOOR_ONE, 2 },
	{ "the newest is gone", NO_DAMAGE, GONE, FLOOR_ONE, 2 },
	{ "the older is empty", EMPTY, NO_DAMAGE, FLOOR_ONE, 3 },
	{ "the newest has bytes behind it", NO_DAMAGE, LONGER, FLOOR_ONE, 2 },
	{ "both are damaged", FLIP, CUT, FLOOR_LOST, 0 },
	{ "one damaged, one gone", GONE, ZERO, FLOOR_LOST, 0 },
	{ "the first save was stopped before its bytes were on disk", EMPTY, GONE, FLOOR_NONE, 0 },
	{ "the first save was torn", CUT, GONE, FLOOR_NONE, 0 },
	{ "both are gone: as a first start", GONE, GONE, FLOOR_NONE, 0 },
};

static void damage(const char *name, enum damage how)
{
	static const uint8_t zeros[64];
	off_t size = tempdir_size(name);

	switch (how) {
	case NO_DAMAGE:
		return;
	case FLIP:
		tempdir_flip(name, size / 2);
		return;
	case CUT:
		ck_assert_int_eq(truncate(tempdir_path(name), size - 1), 0);
		return;
	case ZERO:
		tempdir_poke(name, 0, zeros, sizeof zeros);
		return;
	case GONE:
		ck_assert_int_eq(unlinkat(tempdir_fd, name, 0), 0);
		return;
	case EMPTY:
		ck_assert_int_eq(truncate(tempdir_path(name), 0), 0);
		return;
	case LONGER:
		tempdir_poke(name, size, "x", 1);
		return;
	}
}

START_TEST(one_whole_file_is_enough)
{
	struct floors *f = load(NULL);

	for (unsigned i = 1; i <= 3; i++) {
		note(f, 1, 0, i);
		ck_ok(floor_save(f, &err));
	}
	floor_free(f);
	/* 1 went to a and b, 2 to a, 3 to b */
	damage("floor.a", rots[_i].a);
	damage("floor.b", rots[_i].b);
	f = load(NULL);
	ck_assert_msg(floor_found(f) == rots[_i].found, "%s: found %d", rots[_i].rule, floor_found(f));
	ck_assert_msg(proven(f, 1) == rots[_i].proven, "%s: %llu", rots[_i].rule, (unsigned long long)proven(f, 1));
	ck_assert_msg(floor_is_dirty(f) == (rots[_i].found == FLOOR_ONE || rots[_i].found == FLOOR_LOST), "%s", rots[_i].rule);
	note(f, 1, 0, 9);
	ck_ok(floor_save(f, &err));
	floor_free(f);
	f = load(NULL);
	ck_assert_msg(floor_found(f) == FLOOR_BOTH && proven(f, 1) == 9, "%s: mended by the next save", rots[_i].rule);
	floor_free(f);
}
END_TEST

/* 1 to a and b, 2 to a, 3 to b. */
static void save_three(void)
{
	struct floors *f = load(NULL);

	for (unsigned i = 1; i <= 3; i++) {
		note(f, 1, 0, i);
		ck_ok(floor_save(f, &err));
	}
	floor_free(f);
}

START_TEST(a_read_that_fails_once_costs_nothing)
{
	struct floors *f;

	save_three();
	unreadable_add(tempdir_path(_i ? "floor.a" : "floor.b"));
	unreadable_fail(1, EIO);
	f = load(NULL);
	ck_assert_uint_eq(unreadable.times, 0);
	ck_assert(floor_found(f) == FLOOR_BOTH && proven(f, 1) == 3 && !floor_unread(f) && !floor_is_dirty(f));
	floor_free(f);
}
END_TEST

/* Until its turn to be written over: by then it may be read, and what it says counts. */
START_TEST(what_cannot_be_read_is_looked_at_once_more)
{
	struct floors *f;

	save_three();
	unreadable_add(tempdir_path("floor.b"));
	if (_i)
		unreadable_add(tempdir_path("floor.a"));
	unreadable_fail(UINT_MAX, EIO);
	f = load(NULL);
	ck_assert(floor_found(f) == (_i ? FLOOR_LOST : FLOOR_ONE) && proven(f, 1) == (_i ? 0 : 2));
	ck_assert_msg(floor_unread(f) && strstr(floor_unread(f)->msg, _i ? "floor.a" : "floor.b"), "which one is said");
	note(f, 2, 0, 8);
	unreadable_none();
	ck_ok(floor_save(f, &err));
	ck_assert_uint_eq(proven(f, 1), 3);
	floor_free(f);
	f = load(NULL);
	ck_assert(floor_found(f) == FLOOR_BOTH && proven(f, 1) == 3 && proven(f, 2) == 8);
	floor_free(f);
}
END_TEST

/* Nothing is in the way of the next save for ever. */
START_TEST(what_there_is_no_room_for_is_left_out)
{
	struct floors *f;

	f = load(NULL);
	note(f, 1, 0, 9);
	note(f, 2, 0, 9);
	note(f, FLOOR_PRODUCTS_MAX + 2, 0, 9);	/* the last */
	ck_ok(floor_save(f, &err));
	floor_free(f);
	unreadable_add(tempdir_path("floor.a"));
	unreadable_add(tempdir_path("floor.b"));
	unreadable_fail(UINT_MAX, EIO);
	f = load(NULL);
	for (unsigned n = 2; n < FLOOR_PRODUCTS_MAX + 2; n++)
		note(f, n, 0, 1);
	unreadable_none();
	ck_ok(floor_save(f, &err));
	ck_assert(!floor_is_dirty(f) && proven(f, 1) == 0 && proven(f, 2) == 9);
	floor_free(f);
}
END_TEST

START_TEST(what_can_never_be_read_is_written_over)
{
	struct floors *f;

	save_three();
	unreadable_add(tempdir_path("floor.b"));
	unreadable_fail(UINT_MAX, EIO);
	f = load(NULL);
	note(f, 1, 0, 4);
	ck_ok(floor_save(f, &err));
	unreadable_none();
	ck_assert_int_eq(unlinkat(tempdir_fd, "floor.a", 0), 0);
	floor_free(f);
	f = load(NULL);
	ck_assert(floor_found(f) == FLOOR_ONE && proven(f, 1) == 4 && !floor_unread(f));
	floor_free(f);
}
END_TEST

/* Whatever was damaged when the disk failed: a first save that was cut can be read. */
START_TEST(one_that_cannot_be_read_is_no_first_start)
{
	struct floors *f;

	save_three();
	ck_assert_int_eq(unlinkat(tempdir_fd, "floor.b", 0), 0);
	unreadable_add(tempdir_path("floor.a"));
	unreadable_fail(UINT_MAX, EIO);
	f = load(NULL);
	ck_assert_int_eq(floor_found(f), FLOOR_LOST);
	floor_free(f);
}
END_TEST

/* Of descriptors or memory. It says nothing of the files: neither at the start, nor while it runs, nor before one is written over. */
START_TEST(want_is_no_damage)
{
	unsigned damaged = 9;
	struct floors *f;
	int rc;

	save_three();
	fds_leave(0);
	rc = floor_load(tempdir_fd, NULL, &f, &err);
	fds_allow(1000);
	ck_refused(rc, ERR_IO, "floors that nobody has read");
	ck_assert_int_eq(err.sys, EMFILE);
	unreadable_add(tempdir_path("floor.b"));
	unreadable_fail(UINT_MAX, EIO);
	f = load(NULL);
	fds_leave(0);
	ck_assert_int_eq(floor_check(f, &damaged, &err), ERR_IO);
	fds_allow(1000);
	ck_assert_uint_eq(damaged, 9);
	unreadable_fail(UINT_MAX, ENOMEM);
	ck_refused(floor_save(f, &err), ERR_MEMORY, "writing over what nobody has read");
	unreadable_none();
	ck_ok(floor_check(f, &damaged, &err));
	ck_assert_uint_eq(damaged, 0);
	ck_ok(floor_save(f, &err));
	ck_assert_uint_eq(proven(f, 1), 3);
	floor_free(f);
}
END_TEST

/* What lies there and is no file is damage, is not waited for, and gives way to the next save. */
START_TEST(what_is_no_file_gives_way)
{
	const char *name = _i % 2 ? "floor.b" : "floor.a";
	struct floors *f = load(NULL);

	for (unsigned i = 1; i <= 3; i++) {
		note(f, 1, 0, i);
		ck_ok(floor_save(f, &err));
	}
	floor_free(f);
	tempdir_put_odd(name, (enum tempdir_odd)(_i / 2));
	f = load(NULL);
	ck_assert_int_eq(floor_found(f), FLOOR_ONE);
	ck_assert_uint_ge(proven(f, 1), 2);
	note(f, 1, 0, 4);
	ck_ok(floor_save(f, &err));
	floor_free(f);
	f = load(NULL);
	ck_assert(floor_found(f) == FLOOR_BOTH && proven(f, 1) == 4);
	floor_free(f);
}
END_TEST

/* A card may have lost the sectors of one file, and no others. */
START_TEST(a_file_that_cannot_be_written_is_made_anew)
{
	for (unsigned at = 1; at <= 4; at++) {	/* open, write, cut, sync */
		struct floors *f = load(&sysio_faulty);

		note(f, 1, 0, at * 10);
		ck_ok(floor_save(f, &err));
		note(f, 1, 0, at * 10 + 1);
		faulty.calls = 0;
		faulty.at = at;
		faulty.sys = EIO;
		ck_ok(floor_save(f, &err));
		faulty.at = 0;
		floor_free(f);
		f = load(NULL);
		ck_assert(floor_found(f) == FLOOR_BOTH && proven(f, 1) == at * 10 + 1);
		floor_free(f);
	}
}
END_TEST

/* While the program runs: what lies there is compared, and what is whole is not touched before the other one is too. */
START_TEST(damage_is_found_while_it_runs)
{
	struct floors *f = load(NULL);
	unsigned damaged = 9;

	for (unsigned i = 1; i <= 3; i++) {
		note(f, 1, 0, i);
		ck_ok(floor_save(f, &err));
	}
	ck_ok(floor_check(f, &damaged, &err));
	ck_assert(damaged == 0 && !floor_is_dirty(f));
	tempdir_flip("floor.b", 30);	/* the newest */
	ck_ok(floor_check(f, &damaged, &err));
	ck_assert(damaged == 1 && floor_is_dirty(f));
	ck_ok(floor_save(f, &err));
	ck_assert_int_eq(unlinkat(tempdir_fd, "floor.a", 0), 0);
	tempdir_flip("floor.b", 30);
	ck_ok(floor_check(f, &damaged, &err));
	ck_assert_uint_eq(damaged, 2);
	ck_ok(floor_save(f, &err));
	ck_ok(floor_check(f, &damaged, &err));
	ck_assert_uint_eq(damaged, 0);
	floor_free(f);
	f = load(NULL);
	ck_assert(floor_found(f) == FLOOR_BOTH && proven(f, 1) == 3);
	floor_free(f);
}
END_TEST

static unsigned writes;

static ssize_t counted_pwrite(int fd, const void *p, size_t n, off_t at)
{
	writes++;
	return pwrite(fd, p, n, at);
}

/* A second write would be of the one that is whole, while the other is not yet. */
START_TEST(only_the_damaged_one_is_written)
{
	struct sysio sys = sysio_kernel;
	struct floors *f;
	unsigned damaged;

	sys.pwrite = counted_pwrite;
	f = load(&sys);
	note(f, 1, 0, 3);
	ck_ok(floor_save(f, &err));
	for (int i = 0; i < 4; i++) {
		tempdir_flip(i < 2 ? "floor.b" : "floor.a", 30);	/* twice: what was just mended is the newest */
		ck_ok(floor_check(f, &damaged, &err));
		ck_assert_uint_eq(damaged, 1);
		writes = 0;
		ck_ok(floor_save(f, &err));
		ck_assert_msg(writes == 1, "round %d: %u", i, writes);
	}
	floor_free(f);
}
END_TEST

/* A save that is cut anywhere leaves the old or the new state, and one that failed can be tried again. */
START_TEST(a_cut_save_loses_nothing)
{
	for (unsigned at = 1; at <= 6; at++) {
		struct floors *f = load(NULL);
		int status;

		note(f, 1, 0, at * 10);
		ck_ok(floor_save(f, &err));
		floor_free(f);
		pid_t child = fork();
		if (child == 0) {
			f = load(&sysio_faulty);
			note(f, 1, 0, at * 10 + 1);
			faulty.calls = 0;
			faulty.at = at;
			_exit(floor_save(f, &err) ? 1 : 0);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_int_eq(WEXITSTATUS(status), at <= 5 ? FAULTY_EXIT : 0);
		f = load(NULL);
		ck_assert_msg(proven(f, 1) == at * 10 || proven(f, 1) == at * 10 + 1, "cut at call %u: %llu", at,
			      (unsigned long long)proven(f, 1));
		ck_ok(floor_save(f, &err));
		floor_free(f);
	}
}
END_TEST

/* Of the first one as well: nothing is lost, so nobody may be told so. */
START_TEST(a_cut_first_save_loses_nothing)
{
	int status = 0;

	for (unsigned at = 1; status == 0 || WEXITSTATUS(status) == FAULTY_EXIT; at++) {
		struct floors *f;
		pid_t child = fork();

		if (child == 0) {
			f = load(&sysio_faulty);
			note(f, 1, 0, 7);
			faulty.calls = 0;
			faulty.at = at;
			_exit(floor_save(f, &err) ? 1 : 2);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		f = load(NULL);
		ck_assert_msg(floor_found(f) != FLOOR_LOST, "cut at call %u", at);
		/* The first file is whole, then the second. */
		ck_assert_msg(at <= 5 || proven(f, 1) == 7, "cut at call %u: %d", at, floor_found(f));
		ck_assert(floor_found(f) == FLOOR_BOTH || WEXITSTATUS(status) == FAULTY_EXIT);
		floor_free(f);
		unlinkat(tempdir_fd, "floor.a", 0);
		unlinkat(tempdir_fd, "floor.b", 0);
	}
	ck_assert_int_eq(WEXITSTATUS(status), 2);
}
END_TEST

START_TEST(a_failed_save_stays_noted)
{
	for (unsigned at = 1; at <= 5; at++) {
		struct floors *f = load(&sysio_faulty), *other;

		note(f, 1, 0, at * 10);
		ck_ok(floor_save(f, &err));
		note(f, 1, 0, at * 10 + 1);
		faulty.calls = 0;
		faulty.at = at;
		faulty.sys = ENOSPC;
		ck_refused(floor_save(f, &err), ERR_NO_SPACE, "a full disk");
		faulty.at = 0;
		ck_assert(floor_is_dirty(f));
		other = load(NULL);
		ck_assert(proven(other, 1) >= at * 10);
		floor_free(other);
		ck_ok(floor_save(f, &err));
		floor_free(f);
		f = load(NULL);
		ck_assert(floor_found(f) == FLOOR_BOTH && proven(f, 1) == at * 10 + 1);
		floor_free(f);
	}
}
END_TEST

START_TEST(limits)
{
	struct floors *f = load(NULL);
	uint64_t *many = calloc(FLOOR_REVOKED_MAX + 1, sizeof *many);
	struct floor_item i = item(1, 0, 0);

	for (uint64_t n = 0; n <= FLOOR_REVOKED_MAX; n++)
		many[n] = n + 1;
	i.revoked = many;
	i.revoked_n = FLOOR_REVOKED_MAX + 1;
	ck_refused(floor_note(f, &i, &err), ERR_LIMIT, "single revocations are bounded");
	for (unsigned n = 2; n <= FLOOR_PRODUCTS_MAX; n++)
		note(f, n, 0, 1);
	i = item(FLOOR_PRODUCTS_MAX + 1, 0, 1);
	err = (struct err){ 0 };
	ck_refused(floor_note(f, &i, &err), ERR_LIMIT, "products are bounded");
	ck_assert(err.code == ERR_LIMIT && err.msg[0]);
	ck_ok(floor_save(f, &err));
	floor_free(f);
	f = load(NULL);
	ck_assert_uint_eq(proven(f, FLOOR_PRODUCTS_MAX), 1);
	ck_assert(is_revoked(f, 1, FLOOR_REVOKED_MAX) && !is_revoked(f, 1, FLOOR_REVOKED_MAX + 1));
	floor_free(f);
	free(many);
}
END_TEST

/* Together they may be more than a file takes: then the files stay as they are, and the floor is not lost. */
START_TEST(a_floor_that_does_not_fit_is_said)
{
	struct floors *f = load(NULL);
	uint64_t *many = calloc(FLOOR_REVOKED_MAX, sizeof *many);
	unsigned n = 0;
	int rc;

	for (uint64_t i = 0; i < FLOOR_REVOKED_MAX; i++)
		many[i] = i + 1;
	note(f, 1, 0, 7);
	ck_ok(floor_save(f, &err));
	while (n++ < FLOOR_FILE_MAX / FLOOR_REVOKED_MAX / 8) {
		struct floor_item i = item(1 + n, 0, 0);

		i.revoked = many;
		i.revoked_n = FLOOR_REVOKED_MAX;
		ck_ok(floor_note(f, &i, &err));
	}
	rc = floor_save(f, &err);
	ck_refused(rc, ERR_LIMIT, "over 16 MiB");
	ck_assert(floor_is_dirty(f) && is_revoked(f, n, 1));
	floor_free(f);
	f = load(NULL);
	ck_assert(floor_found(f) == FLOOR_BOTH && proven(f, 1) == 7);
	floor_free(f);
	free(many);
}
END_TEST

/* --- files that have their digest, but are not ours --- */

static void one_product(struct buf *b, unsigned n, unsigned name_n)
{
	struct hash32 id = hash_of(n);
	static const uint8_t zeros[300];

	buf_add(b, SPAN_OF(id));
	buf_add(b, SPAN(zeros, 20));
	buf_byte(b, (uint8_t)name_n);
	buf_add(b, SPAN(zeros, name_n));
	buf_add(b, SPAN(zeros, 24));
	buf_be(b, 0, 4);
}

static void too_many_products(struct buf *b)
{
	buf_be(b, FLOOR_PRODUCTS_MAX + 1, 4);
	for (unsigned n = 0; n <= FLOOR_PRODUCTS_MAX; n++)
		one_product(b, n, 3);
}

static void name_too_long(struct buf *b)
{
	buf_be(b, 1, 4);
	one_product(b, 1, PRODUCT_NAME_MAX + 1);
}

static void name_much_too_long(struct buf *b)
{
	buf_be(b, 2, 4);
	one_product(b, 1, 255);
	one_product(b, 2, 255);
}

static void bytes_behind(struct buf *b)
{
	buf_be(b, 1, 4);
	one_product(b, 1, 3);
	buf_byte(b, 0);
}

static void too_short(struct buf *b)
{
	buf_be(b, 2, 4);
	one_product(b, 1, 3);
}

static void too_many_revoked(struct buf *b)
{
	buf_be(b, 1, 4);
	one_product(b, 1, 3);
	b->n -= 4;
	buf_be(b, FLOOR_REVOKED_MAX + 1, 4);
	for (uint64_t i = 0; i <= FLOOR_REVOKED_MAX; i++)
		buf_be(b, i + 1, 8);
}

static void no_products(struct buf *b)
{
	buf_be(b, 0, 4);
}

static const struct { const char *rule; void (*body)(struct buf *b); int want; } strange[] = {
	{ "nothing yet", no_products, ERR_OK },
	{ "more products than are kept", too_many_products, ERR_LIMIT },
	{ "a name longer than any", name_too_long, ERR_CORRUPT },
	{ "names that would write over others", name_much_too_long, ERR_CORRUPT },
	{ "bytes behind the last product", bytes_behind, ERR_CORRUPT },
	{ "fewer products than it says", too_short, ERR_CORRUPT },
	{ "more revocations than are kept", too_many_revoked, ERR_LIMIT },
};

START_TEST(a_strange_file_is_refused)
{
	AUTO(buf_free) struct buf b = BUF_INIT(FLOOR_FILE_MAX);
	struct floor_set set = { 0 };
	struct floors *f;
	struct hash32 sum;

	buf_str(&b, "GPFLOOR1");
	buf_be(&b, 5, 8);
	strange[_i].body(&b);
	sum = sha256_of(buf_span(&b));
	buf_add(&b, SPAN_OF(sum));
	err = (struct err){ 0 };
	ck_refused(floor_file_read(buf_span(&b), &set, &err), strange[_i].want, strange[_i].rule);
	ck_assert_msg(!strange[_i].want || (err.msg[0] && set.n == 0), "%s: without a word", strange[_i].rule);
	floor_set_free(&set);
	tempdir_poke("floor.a", 0, b.p, b.n);
	tempdir_poke("floor.b", 0, "x", 1);	/* without it, a bad a is a first save that was cut */
	f = load(NULL);
	ck_assert_int_eq(floor_found(f), strange[_i].want ? FLOOR_LOST : FLOOR_ONE);
	floor_free(f);
	floor_free(NULL);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("floor");
	Suite *s = suite_create("floor");

	tcase_add_checked_fixture(t, setup, tempdir_remove);
	tcase_add_test(t, only_rises);
	tcase_add_test(t, is_written_only_when_something_changed);
	tcase_add_test(t, a_name_is_on_the_disk_before_the_floor_is_relied_on);
	tcase_add_loop_test(t, one_whole_file_is_enough, 0, sizeof rots / sizeof *rots);
	tcase_add_loop_test(t, what_is_no_file_gives_way, 0, 2 * ODDS);
	tcase_add_test(t, a_file_that_cannot_be_written_is_made_anew);
	tcase_add_loop_test(t, a_read_that_fails_once_costs_nothing, 0, 2);
	tcase_add_loop_test(t, what_cannot_be_read_is_looked_at_once_more, 0, 2);
	tcase_add_test(t, what_there_is_no_room_for_is_left_out);
	tcase_add_test(t, what_can_never_be_read_is_written_over);
	tcase_add_test(t, one_that_cannot_be_read_is_no_first_start);
	tcase_add_test(t, want_is_no_damage);
	tcase_add_test(t, damage_is_found_while_it_runs);
	tcase_add_test(t, only_the_damaged_one_is_written);
	tcase_add_test(t, a_cut_save_loses_nothing);
	tcase_add_test(t, a_cut_first_save_loses_nothing);
	tcase_add_test(t, a_failed_save_stays_noted);
	tcase_add_test(t, limits);
	tcase_add_test(t, a_floor_that_does_not_fit_is_said);
	tcase_add_loop_test(t, a_strange_file_is_refused, 0, sizeof strange / sizeof *strange);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
