/* test_carpos.c: after a restart, a CAR on a web server is read on from exactly the section that is missing. */
#include "ipfs/carpos.h"
#include "base/limits.h"
#include "formats/car.h"
#include "ipfs/intake.h"
#include "shapes.h"

#include <check.h>

static struct dag dag;
static const struct dag_entry *root;
static struct buf file, car;
static struct place place;
static struct plan *plan;

static void start(int shape)
{
	file = BUF_INIT(16 * MIB);
	car = BUF_INIT(16 * MIB);
	dag_init(&dag);
	root = shapes[shape].build(&dag);
	dag_file(root, &file);
	dag_car(root, ORDER_DFS, &car);
	place_init(&place, file.n);
	place.allow_rewrite = true;	/* identity blocks, each time */
}

static void teardown(void)
{
	plan_free(plan);
	plan = NULL;
	place_fini(&place);
	buf_free(&file);
	buf_free(&car);
	dag_fini(&dag);
}

/* A plan over what the place has: as after a restart. */
static void replan(void)
{
	struct plan_io io = place_io(&place);
	bool more = true;

	plan_free(plan);
	ck_assert_int_eq(plan_new(&root->cid, file.n, &io, &plan, NULL), ERR_OK);
	while (more)
		ck_assert_int_eq(plan_restore(plan, MIB, &more, NULL), PLAN_TAKEN);
}

/* Where the section begins in which byte n lies; the end for one that is complete. */
static uint64_t section_at(uint64_t n)
{
	const struct dag_entry *all[DAG_BLOCKS_MAX];
	size_t blocks = dag_list(root, ORDER_DFS, all, DAG_BLOCKS_MAX);
	struct buf one = BUF_INIT(MIB);
	uint64_t at;

	car_put_header(&one, &root->cid);
	at = one.n;
	for (size_t i = 0; i < blocks; i++) {
		uint64_t end = at + car_section_length(&all[i]->cid, all[i]->bytes.n);

		if (end > n)
			break;
		at = end;
	}
	buf_free(&one);
	return at;
}

static enum intake_result feed(struct intake *in, struct span bytes)
{
	enum intake_result r = INTAKE_MORE;

	for (size_t at = 0; at < bytes.n && r == INTAKE_MORE; at += 333)
		r = intake_feed(in, span_cut(bytes, at, 333), NULL);
	return r;
}

/* Shapes that repeat a block, or have identity links: nothing can be told behind these. */
static bool is_hard(const char *name)
{
	return strstr(name, "identity") || strstr(name, "mixed") || strstr(name, "padding");
}

static void check_cut(size_t cut, const char *name)
{
	struct intake in;
	uint64_t at;

	plan_free(plan);
	plan = NULL;
	replan();
	intake_open(&in, plan, SOURCE_ASK_CAR, PLAN_DFS, &root->cid);
	ck_assert_int_le(feed(&in, span_cut(buf_span(&car), 0, cut)), INTAKE_DONE);
	intake_close(&in);
	replan();
	if (!carpos_of_missing(plan, &at)) {
		ck_assert_msg(is_hard(name), "%s, cut at %zu", name, cut);
		return;
	}
	ck_assert_msg(at == section_at(cut), "%s, cut at %zu: %llu", name, cut, (unsigned long long)at);
	intake_open_rest(&in, plan);
	ck_assert_msg(feed(&in, span_cut(buf_span(&car), at, car.n)) == INTAKE_DONE, "%s, cut at %zu", name, cut);
	intake_close(&in);
	ck_assert(!memcmp(place.file, file.p, file.n));
}

START_TEST(cut_anywhere)
{
	start(_i);
	for (size_t cut = 60; cut < car.n - 1; cut += 97) {
		check_cut(cut, shapes[_i].name);
		place_fini(&place);
		place_init(&place, file.n);
		place.allow_rewrite = true;
	}
}
END_TEST

START_TEST(nothing_is_missing)
{
	struct intake in;
	uint64_t at;

	start(6);
	replan();
	intake_open(&in, plan, SOURCE_ASK_CAR, PLAN_DFS, &root->cid);
	ck_assert_int_eq(feed(&in, buf_span(&car)), INTAKE_DONE);
	intake_close(&in);
	ck_assert(!carpos_of_missing(plan, &at));
}
END_TEST

START_TEST(another_file_there)
{
	struct intake in;

	start(6);
	replan();
	intake_open_rest(&in, plan);
	ck_assert_msg(feed(&in, span_cut(buf_span(&car), 100, car.n)) == INTAKE_BROKEN, "no section begins there");
	intake_close(&in);
	ck_assert_uint_eq(place.bytes_written, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("carpos");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, cut_anywhere, 0, N_SHAPES);
	tcase_add_test(t, nothing_is_missing);
	tcase_add_test(t, another_file_there);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
