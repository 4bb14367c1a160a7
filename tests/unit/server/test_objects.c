/* test_objects.c: no byte leaves that was not checked since it came from the disk. */
#include "stand.h"
#include "../support/fds.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/sha256.h"
#include "server/chunks.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define SIZE (3 * CHUNK_SIZE + 777)	/* four chunks, the last one short */

static struct stand *st;
static uint8_t content[SIZE];
static struct catalog_image row;

/* One image of SIZE bytes besides the sample's. */
static void build(struct builder *b)
{
	builder_image(b, &(struct builder_image){ .sha256 = row.sha256, .sums = row.sums, .size = row.size,
						  .state = (enum catalog_image_state)row.state });
}

static void setup_with(uint64_t hot_bytes)
{
	uint32_t x = 1;

	for (size_t i = 0; i < SIZE; i++)
		content[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
	st = stand_new(hot_bytes);
	row = stand_object(st, SPAN(content, SIZE));
	stand_catalog(st, build);
}

static void setup_cold(void)
{
	setup_with(0);
}

static void setup_hot(void)
{
	setup_with(2 * SIZE - 1);
}

static void setup_wide(void)
{
	setup_with(10 * SIZE);
}

static void teardown(void)
{
	stand_free(st);
}

static struct object *get(void)
{
	struct object *o;
	struct err e = { 0 };

	ck_assert_msg(objects_get(st->objects, &row, &o, &e) == 0, "%s", e.msg);
	return o;
}

/* Waits for a state of another thread. */
#define WAIT_FOR(what) \
	do \
		sched_yield(); \
	while (!(what))

static struct object *get_hot(void)
{
	struct object *o = get();

	WAIT_FOR(object_hot_fd(o) >= 0);
	return o;
}

static const struct {
	uint64_t off;
	size_t n;
} pieces[] = {
	{ 0, 1 }, { 0, SIZE }, { SIZE - 1, 1 }, { CHUNK_SIZE - 1, 2 }, { CHUNK_SIZE, CHUNK_SIZE }, { 5, 2 * CHUNK_SIZE }, { SIZE, 0 },
	{ 3 * CHUNK_SIZE, 777 },
};

START_TEST(any_piece_is_read)
{
	struct object *o = get();
	uint8_t *out = malloc(SIZE);

	ck_assert(object_read(o, pieces[_i].off, out, pieces[_i].n, NULL) == 0);
	ck_assert(memcmp(out, content + pieces[_i].off, pieces[_i].n) == 0);
	object_put(o);
	free(out);
}
END_TEST

START_TEST(a_changed_byte_is_never_sent)
{
	struct object *o = get(), *again;
	uint8_t out[64];
	struct err e = { 0 };

	stand_flip(st, &row.sha256, "", CHUNK_SIZE + 9);
	ck_assert_msg(object_read(o, 0, out, 64, NULL) == 0, "the chunk before is good");
	ck_assert_int_eq(object_read(o, CHUNK_SIZE, out, 1, &e), ERR_CORRUPT);
	ck_assert_msg(object_read(o, CHUNK_SIZE - 1, out, 2, NULL) == ERR_CORRUPT, "a piece that reaches into it");
	ck_assert(st->rots == 1 && st->rot_chunk == 1 && hash32_eq(&st->rot, &row.sha256));
	ck_assert_msg(objects_get(st->objects, &row, &again, NULL) == ERR_CORRUPT, "nobody new gets any of it");
	object_put(o);
	stand_catalog(st, build);
	ck_assert_msg(objects_get(st->objects, &row, &again, NULL) == 0, "a new catalog is another chance");
	ck_assert_int_eq(object_read(again, CHUNK_SIZE, out, 1, &e), ERR_CORRUPT);
	ck_assert_uint_eq(st->rots, 2);
	object_put(again);
}
END_TEST

/* The word of it may have been lost. */
START_TEST(rot_is_told_again_while_somebody_asks)
{
	struct object *o = get(), *again;
	uint8_t out[1];

	stand_flip(st, &row.sha256, "", CHUNK_SIZE + 9);
	ck_assert(object_read(o, CHUNK_SIZE, out, 1, NULL) == ERR_CORRUPT);
	for (int i = 0; i < 3; i++) {
		ck_assert(objects_get(st->objects, &row, &again, NULL) == ERR_CORRUPT);
		ck_assert_uint_eq(st->rots, 1);
	}
	st->mono_ms += OBJECT_ROT_AGAIN_MS;
	ck_assert(objects_get(st->objects, &row, &again, NULL) == ERR_CORRUPT);
	ck_assert(st->rots == 2 && st->rot_chunk == 1 && hash32_eq(&st->rot, &row.sha256));
	ck_assert(objects_get(st->objects, &row, &again, NULL) == ERR_CORRUPT);
	ck_assert_uint_eq(st->rots, 2);
	object_put(o);
}
END_TEST

START_TEST(a_repaired_object_is_served_again)
{
	struct object *o = get();
	uint8_t out[64];

	stand_flip(st, &row.sha256, "", 9);
	ck_assert(object_read(o, 0, out, 1, NULL) == ERR_CORRUPT);
	object_put(o);
	stand_flip(st, &row.sha256, "", 9);
	stand_catalog(st, build);
	o = get();
	ck_assert(object_read(o, 0, out, 64, NULL) == 0 && memcmp(out, content, 64) == 0);
	object_put(o);
}
END_TEST

static void damage_image_length(void)
{
	stand_object(st, SPAN(content, 10));
	/* shorter than the catalog says, under the same name */
	row.size = SIZE + 1;
}

static void damage_sums(void)
{
	stand_flip(st, &row.sha256, ".sums", 40);
}

static void lose_image(void)
{
	stand_unlink(st, &row.sha256, "");
}

static void lose_sums(void)
{
	stand_unlink(st, &row.sha256, ".sums");
}

static void put_pipe(const char *suffix)
{
	stand_unlink(st, &row.sha256, suffix);
	stand_pipe(st, &row.sha256, suffix);
}

/* Nobody is waited for who might write to it. */
static void image_is_a_pipe(void)
{
	put_pipe("");
}

static void sums_are_a_pipe(void)
{
	put_pipe(".sums");
}

static const struct {
	const char *rule;
	void (*damage)(void);
} damages[] = {
	{ "another length", damage_image_length },
	{ "changed digests", damage_sums },
	{ "no file", lose_image },
	{ "no digests", lose_sums },
	{ "a pipe", image_is_a_pipe },
	{ "a pipe for its digests", sums_are_a_pipe },
};

START_TEST(damage_is_found_when_opened_and_told_once)
{
	struct object *o;

	damages[_i].damage();
	for (int i = 0; i < 3; i++)
		ck_assert_msg(objects_get(st->objects, &row, &o, NULL) == ERR_CORRUPT, "%s", damages[_i].rule);
	ck_assert_uint_eq(st->rots, 1);
}
END_TEST

/* --- want of descriptors --- */

/* Asks for the image while only `more` descriptors can be had. */
static int get_with_descriptors(rlim_t more, struct object **o, struct err *e)
{
	struct rlimit was, few;
	int free_fd = dup(0), rc;

	ck_assert(free_fd >= 0 && close(free_fd) == 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = (struct rlimit){ (rlim_t)free_fd + more, was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	rc = objects_get(st->objects, &row, o, e);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	return rc;
}

START_TEST(want_of_descriptors_is_no_damage)
{
	unsigned before = count_fds();
	uint8_t out[16];
	struct object *o;
	struct err e = { 0 };

	for (rlim_t more = 0; more < 2; more++) {	/* none for the image, none for its digests */
		ck_assert_msg(get_with_descriptors(more, &o, &e) == ERR_BUSY, "%s", e.msg);
		ck_assert_uint_eq(st->rots, 0);
		ck_assert_uint_eq(objects_stats(st->objects).open, 0);
		ck_assert_uint_eq(count_fds(), before);
	}
	o = get();
	ck_assert(object_read(o, 0, out, 16, NULL) == 0);
	object_put(o);
}
END_TEST

/* --- many at once --- */

static struct catalog_image small_image(uint32_t n)
{
	return stand_object(st, SPAN_OF(n));
}

START_TEST(images_open_at_once_are_bounded)
{
	static struct object *held[OBJECTS_OPEN_MAX];
	struct catalog_image other = small_image(OBJECTS_OPEN_MAX), first = small_image(0);
	unsigned before;
	struct object *o;

	objects_settle(st->objects, st->slot.now);
	before = count_fds();
	for (uint32_t i = 0; i < OBJECTS_OPEN_MAX; i++) {
		struct catalog_image image = small_image(i);

		st->mono_ms++;
		ck_assert(objects_get(st->objects, &image, &held[i], NULL) == 0);
	}
	ck_assert_int_eq(objects_get(st->objects, &other, &o, NULL), ERR_BUSY);
	ck_assert_uint_eq(objects_stats(st->objects).open, OBJECTS_OPEN_MAX);
	for (uint32_t i = 0; i < OBJECTS_OPEN_MAX; i++)
		object_put(held[i]);
	st->mono_ms++;
	ck_assert(objects_get(st->objects, &first, &o, NULL) == 0);
	object_put(o);
	stand_unlink(st, &first.sha256, "");
	ck_assert_msg(objects_get(st->objects, &other, &o, NULL) == 0, "who was not asked for longest made room");
	object_put(o);
	ck_assert_uint_eq(objects_stats(st->objects).open, OBJECTS_OPEN_MAX);
	ck_assert_msg(objects_get(st->objects, &first, &o, NULL) == 0, "and that was not the first one");
	object_put(o);
	ck_assert_uint_eq(count_fds(), before + OBJECTS_OPEN_MAX);
	objects_settle(st->objects, st->slot.now);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(what_was_never_hot_is_charged_nothing)
{
	object_put(get());
	row.state = CATALOG_REVOKED;
	stand_catalog(st, build);
	ck_assert(objects_stats(st->objects).open == 0 && objects_stats(st->objects).hot_bytes == 0);
	objects_free(NULL);
	transfer_free(NULL);
	chunks_free(NULL);
}
END_TEST

START_TEST(other_digests_are_another_object)
{
	struct object *o = get();

	row.sums.b[0] ^= 1;
	stand_catalog(st, build);
	ck_assert_msg(objects_stats(st->objects).open == 0, "opened by what the catalog said before");
	object_put(o);
	ck_assert_int_eq(objects_get(st->objects, &row, &o, NULL), ERR_CORRUPT);
}
END_TEST

START_TEST(a_cut_file_is_rot_where_it_is_cut)
{
	struct object *o = get();
	char path[200], hex[65];
	uint8_t out[64];

	hex_str(SPAN_OF(row.sha256), hex);
	snprintf(path, sizeof path, "%s/%.2s/%s", st->dir, hex, hex);
	ck_assert(truncate(path, 2 * CHUNK_SIZE + 5) == 0);
	ck_assert(object_read(o, 0, out, 1, NULL) == 0);
	ck_assert(object_read(o, 2 * CHUNK_SIZE, out, 1, NULL) != 0);
	ck_assert(st->rots == 1 && st->rot_chunk == 2);
	object_put(o);
}
END_TEST

START_TEST(what_was_checked_is_kept_for_a_moment)
{
	struct object *o = get();
	uint8_t out[64];

	ck_assert(object_read(o, 0, out, 1, NULL) == 0);
	stand_flip(st, &row.sha256, "", 9);
	ck_assert_msg(object_read(o, 0, out, 64, NULL) == 0 && memcmp(out, content, 64) == 0, "from memory, as it was checked");
	object_put(o);
}
END_TEST

START_TEST(an_open_object_outlives_its_file)
{
	struct object *o = get();
	uint8_t out[64];

	stand_unlink(st, &row.sha256, "");
	catalog_slot_set_take(&st->slot, NULL, 0);
	ck_assert(object_read(o, CHUNK_SIZE, out, 64, NULL) == 0 && memcmp(out, content + CHUNK_SIZE, 64) == 0);
	object_put(o);
}
END_TEST

/* --- transfers --- */

START_TEST(a_transfer_gives_all_in_order)
{
	struct object *o = get();
	struct transfer *t;
	uint8_t out[5000];
	size_t n;

	ck_assert(transfer_new(o, &t, NULL) == 0);
	object_put(o);
	for (uint64_t at = 0; at < SIZE; at += n) {
		ck_assert(transfer_read(t, at, out, sizeof out, &n, NULL) == 0);
		ck_assert(n > 0 && n <= sizeof out && memcmp(out, content + at, n) == 0);
	}
	transfer_free(t);
	ck_assert_uint_eq(objects_stats(st->objects).transfers, 0);
}
END_TEST

START_TEST(a_transfer_ends_where_the_damage_is)
{
	struct object *o = get();
	struct transfer *t;
	uint8_t out[16];
	size_t n;

	stand_flip(st, &row.sha256, "", CHUNK_SIZE + 9);
	ck_assert(transfer_new(o, &t, NULL) == 0);
	ck_assert(transfer_read(t, 0, out, sizeof out, &n, NULL) == 0);
	ck_assert_int_eq(transfer_read(t, CHUNK_SIZE, out, sizeof out, &n, NULL), ERR_CORRUPT);
	ck_assert_uint_eq(st->rots, 1);
	ck_assert_msg(transfer_read(t, 0, out, sizeof out, &n, NULL) == 0 && memcmp(out, content, n) == 0, "what is good is good");
	transfer_free(t);
	object_put(o);
}
END_TEST

START_TEST(transfers_are_bounded_and_leave_room_for_blocks)
{
	struct object *o = get();
	struct transfer *t[OBJECT_TRANSFERS_MAX], *more;
	uint8_t out[16];
	size_t n;

	for (int i = 0; i < OBJECT_TRANSFERS_MAX; i++) {
		ck_assert(transfer_new(o, &t[i], NULL) == 0);
		ck_assert(transfer_read(t[i], 0, out, 16, &n, NULL) == 0);
	}
	ck_assert_int_eq(transfer_new(o, &more, NULL), ERR_BUSY);
	ck_assert_msg(object_read(o, SIZE - 16, out, 16, NULL) == 0, "a block-wise reader is not stalled by transfers");
	for (int i = 0; i < OBJECT_TRANSFERS_MAX; i++)
		transfer_free(t[i]);
	ck_assert(transfer_new(o, &more, NULL) == 0);
	transfer_free(more);
	object_put(o);
}
END_TEST

/* --- hot --- */

START_TEST(what_is_asked_for_becomes_hot_and_sealed)
{
	struct object *o = get_hot();
	int fd = object_hot_fd(o);
	uint8_t out[64];

	stand_flip(st, &row.sha256, "", 9);	/* the disk does not matter any more */
	ck_assert(object_read(o, 0, out, 64, NULL) == 0 && memcmp(out, content, 64) == 0);
	ck_assert(io_pread_exact(fd, out, 64, CHUNK_SIZE, NULL) == 0 && memcmp(out, content + CHUNK_SIZE, 64) == 0);
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	ck_assert_msg(pwrite(fd, "x", 1, 0) < 0, "not even we can change it");
	ck_assert(objects_stats(st->objects).hot == 1 && objects_stats(st->objects).hot_bytes == SIZE);
	object_put(o);
}
END_TEST

START_TEST(what_is_hot_is_charged_once)
{
	struct object *o = get_hot(), *again = get();

	ck_assert_uint_eq(objects_stats(st->objects).hot_bytes, SIZE);
	object_put(again);
	object_put(o);
}
END_TEST

START_TEST(a_damaged_image_does_not_become_hot)
{
	struct object *o;

	stand_flip(st, &row.sha256, "", 3 * CHUNK_SIZE);
	o = get();
	WAIT_FOR(objects_stats(st->objects).hot_bytes == 0);
	ck_assert_int_lt(object_hot_fd(o), 0);
	ck_assert(st->rots == 1 && st->rot_chunk == 3);
	object_put(o);
}
END_TEST

/* A second image of the same size: both do not fit. */
static struct catalog_image second(void)
{
	static uint8_t other[SIZE];

	memcpy(other, content, SIZE);
	other[0] ^= 1;
	return stand_object(st, SPAN(other, SIZE));
}

START_TEST(the_budget_holds)
{
	struct catalog_image more = second();
	struct object *a = get_hot(), *b;

	ck_assert(objects_get(st->objects, &more, &b, NULL) == 0);
	object_put(b);
	object_put(a);
	st->mono_ms += OBJECT_IDLE_MS - 1;
	ck_assert(objects_get(st->objects, &more, &b, NULL) == 0);
	ck_assert_msg(objects_stats(st->objects).hot_bytes == SIZE && object_hot_fd(b) < 0, "the first one was just asked for");
	object_put(b);
	st->mono_ms += 1;
	ck_assert(objects_get(st->objects, &more, &b, NULL) == 0);
	WAIT_FOR(object_hot_fd(b) >= 0);
	ck_assert_msg(objects_stats(st->objects).hot_bytes == SIZE, "the idle one made room");
	object_put(b);
}
END_TEST

START_TEST(who_is_held_stays_hot)
{
	struct catalog_image more = second();
	struct object *a = get_hot(), *b;

	st->mono_ms += 10 * OBJECT_IDLE_MS;
	ck_assert(objects_get(st->objects, &more, &b, NULL) == 0);
	ck_assert(object_hot_fd(a) >= 0 && object_hot_fd(b) < 0);
	object_put(a);
	object_put(b);
}
END_TEST

START_TEST(a_smaller_budget_takes_effect)
{
	struct object *o = get_hot();

	objects_set_hot_bytes(st->objects, 0);
	ck_assert_msg(objects_stats(st->objects).hot == 1, "held");
	object_put(o);
	WAIT_FOR(objects_stats(st->objects).hot == 1);
	objects_set_hot_bytes(st->objects, 0);
	ck_assert(objects_stats(st->objects).hot == 0 && objects_stats(st->objects).hot_bytes == 0);
	o = get();
	ck_assert_int_lt(object_hot_fd(o), 0);
	object_put(o);
}
END_TEST

START_TEST(what_leaves_the_catalog_is_let_go)
{
	struct object *o = get_hot();
	uint8_t out[16];

	row.state = CATALOG_REVOKED;
	stand_catalog(st, build);
	ck_assert_uint_eq(objects_stats(st->objects).open, 0);
	ck_assert_msg(object_read(o, 0, out, 16, NULL) == 0, "who holds it reads on");
	object_put(o);
	WAIT_FOR(objects_stats(st->objects).hot_bytes == 0);
}
END_TEST

/* --- many threads --- */

static void *read_much(void *arg)
{
	uint32_t x = (uint32_t)(uintptr_t)arg;
	uint8_t out[2048];

	for (int i = 0; i < 2000; i++) {
		struct object *o = get();
		uint64_t off;

		x = x * 1664525u + 1013904223u;
		off = x % (SIZE - sizeof out);
		ck_assert(object_read(o, off, out, sizeof out, NULL) == 0);
		ck_assert(memcmp(out, content + off, sizeof out) == 0);
		object_put(o);
	}
	return NULL;
}

START_TEST(threads_read_at_once)
{
	pthread_t t[4];

	for (uintptr_t i = 0; i < 4; i++)
		ck_assert(pthread_create(&t[i], NULL, read_much, (void *)(i + 1)) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_eq(st->rots, 0);
}
END_TEST

/* --- chunks --- */

static atomic_int fills;

static int fill(void *arg, uint32_t index, uint8_t *out, size_t *n, struct err *e)
{
	atomic_fetch_add(&fills, 1);
	if (arg)
		return err_set(e, ERR_IO, "no such luck");
	memset(out, (int)index, 10);
	*n = 10;
	return ERR_OK;
}

START_TEST(chunks_are_filled_once_and_the_oldest_leaves)
{
	struct chunks *all = chunks_new(2);
	struct chunk *a, *b, *c;

	atomic_store(&fills, 0);
	ck_assert(chunks_get(all, (struct chunk_key){ 1, 7 }, fill, NULL, &a, NULL) == 0);
	ck_assert(chunk_bytes(a).n == 10 && chunk_bytes(a).p[9] == 7);
	ck_assert(chunks_get(all, (struct chunk_key){ 1, 7 }, fill, NULL, &b, NULL) == 0 && a == b);
	ck_assert_int_eq(atomic_load(&fills), 1);
	ck_assert(chunks_get(all, (struct chunk_key){ 2, 7 }, fill, NULL, &c, NULL) == 0 && c != a);
	ck_assert_msg(chunks_get(all, (struct chunk_key){ 3, 7 }, fill, NULL, &b, NULL) == ERR_BUSY, "both are held");
	chunks_put(all, a);
	chunks_put(all, a);
	chunks_put(all, c);
	ck_assert(chunks_get(all, (struct chunk_key){ 3, 7 }, fill, NULL, &b, NULL) == 0 && b == a);
	ck_assert(chunks_get(all, (struct chunk_key){ 2, 7 }, fill, NULL, &c, NULL) == 0);
	ck_assert_int_eq(atomic_load(&fills), 3);
	chunks_put(all, b);
	chunks_put(all, c);
	chunks_free(all);
}
END_TEST

START_TEST(a_failed_fill_leaves_nothing)
{
	struct chunks *all = chunks_new(1);
	struct chunk *a;

	ck_assert_int_eq(chunks_get(all, (struct chunk_key){ 1, 1 }, fill, "fail", &a, NULL), ERR_IO);
	ck_assert(chunks_get(all, (struct chunk_key){ 1, 1 }, fill, NULL, &a, NULL) == 0);
	chunks_put(all, a);
	chunks_free(all);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof *(table))

int main(void)
{
	Suite *s = suite_create("objects");
	TCase *cold = tcase_create("cold"), *hot = tcase_create("hot"), *wide = tcase_create("wide"), *alone = tcase_create("chunks");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(cold, setup_cold, teardown);
	tcase_add_checked_fixture(hot, setup_hot, teardown);
	tcase_add_checked_fixture(wide, setup_wide, teardown);
	tcase_set_timeout(wide, 60);
	tcase_set_timeout(hot, 60);
	tcase_set_timeout(cold, 60);
	tcase_add_loop_test(cold, any_piece_is_read, 0, ROWS(pieces));
	tcase_add_test(cold, a_changed_byte_is_never_sent);
	tcase_add_test(cold, a_repaired_object_is_served_again);
	tcase_add_loop_test(cold, damage_is_found_when_opened_and_told_once, 0, ROWS(damages));
	tcase_add_test(cold, rot_is_told_again_while_somebody_asks);
	tcase_add_test(cold, a_cut_file_is_rot_where_it_is_cut);
	tcase_add_test(cold, want_of_descriptors_is_no_damage);
	tcase_add_test(cold, images_open_at_once_are_bounded);
	tcase_add_test(cold, what_was_never_hot_is_charged_nothing);
	tcase_add_test(cold, other_digests_are_another_object);
	tcase_add_test(cold, a_transfer_ends_where_the_damage_is);
	tcase_add_test(wide, what_is_hot_is_charged_once);
	tcase_add_test(cold, what_was_checked_is_kept_for_a_moment);
	tcase_add_test(cold, an_open_object_outlives_its_file);
	tcase_add_test(cold, a_transfer_gives_all_in_order);
	tcase_add_test(cold, transfers_are_bounded_and_leave_room_for_blocks);
	tcase_add_test(cold, threads_read_at_once);
	tcase_add_loop_test(hot, any_piece_is_read, 0, ROWS(pieces));
	tcase_add_test(hot, what_is_asked_for_becomes_hot_and_sealed);
	tcase_add_test(hot, a_damaged_image_does_not_become_hot);
	tcase_add_test(hot, the_budget_holds);
	tcase_add_test(hot, who_is_held_stays_hot);
	tcase_add_test(hot, a_smaller_budget_takes_effect);
	tcase_add_test(hot, what_leaves_the_catalog_is_let_go);
	tcase_add_test(hot, threads_read_at_once);
	tcase_add_test(alone, chunks_are_filled_once_and_the_oldest_leaves);
	tcase_add_test(alone, a_failed_fill_leaves_nothing);
	suite_add_tcase(s, cold);
	suite_add_tcase(s, hot);
	suite_add_tcase(s, wide);
	suite_add_tcase(s, alone);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
