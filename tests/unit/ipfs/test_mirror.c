/* test_mirror.c: bytes of the plain file on their way into a plan: runs are asked for, leaves are rebuilt and checked. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "dag.h"
#include "ipfs/intake.h"
#include "shapes.h"

#include <check.h>

struct world {
	struct dag dag;
	const struct dag_entry *root;
	struct buf file;
	struct place place;
	struct plan *plan;
};

static struct world w;
static struct err err;

static void start(const struct dag_entry *(*build)(struct dag *))
{
	struct plan_io io;

	w = (struct world){ .file = BUF_INIT(16 * MIB) };
	dag_init(&w.dag);
	w.root = build(&w.dag);
	dag_file(w.root, &w.file);
	place_init(&w.place, w.file.n);
	io = place_io(&w.place);
	ck_assert_int_eq(plan_new(&w.root->cid, w.file.n, &io, &w.plan, NULL), ERR_OK);
}

static void teardown(void)
{
	plan_free(w.plan);
	place_fini(&w.place);
	buf_free(&w.file);
	dag_fini(&w.dag);
}

static void settle(void)
{
	bool more = true;

	while (more)
		ck_assert_int_eq(plan_settle(w.plan, MIB, &more, NULL), PLAN_TAKEN);
}

/* What a publisher's inner/{cid}.car has. */
static void give_inner(void)
{
	const struct dag_entry *all[DAG_BLOCKS_MAX];
	size_t n = dag_list(w.root, ORDER_DFS, all, DAG_BLOCKS_MAX);

	for (size_t i = 0; i < n; i++)
		if (all[i]->n_children)
			ck_assert_int_le(plan_block(w.plan, &all[i]->cid, all[i]->bytes, PLAN_ANY, NULL), PLAN_REPEAT);
	settle();
}

/* Bytes from..end of `file` in pieces; stops when the intake does. */
static enum intake_result feed(const struct buf *file, uint64_t from, uint64_t end, size_t piece)
{
	struct intake in;
	enum intake_result r = INTAKE_MORE;

	intake_open_file(&in, w.plan, from, end);
	for (uint64_t at = from; at < end && at < file->n && r == INTAKE_MORE; at += piece)
		r = intake_feed(&in, span_cut(buf_span(file), at, at + piece < end ? piece : end - at), &err);
	r = r == INTAKE_MORE ? intake_end(&in, &err) : r;
	intake_close(&in);
	return r;
}

/* The rest as blocks. Returns how many. */
static unsigned give_blocks(void)
{
	struct plan_link link;
	unsigned given = 0;

	plan_unask_all(w.plan);
	for (settle(); plan_ask(w.plan, &link); settle()) {
		for (size_t i = 0; i < w.dag.n; i++) {
			if (w.dag.blocks[i].cid.version == 99 || !cid_same_block(&w.dag.blocks[i].cid, &link.cid))
				continue;
			ck_assert_int_eq(plan_block(w.plan, &link.cid, w.dag.blocks[i].bytes, PLAN_ANY, NULL), PLAN_TAKEN);
			given++;
			break;
		}
	}
	return given;
}

static void check_done(const char *what)
{
	ck_assert_msg(plan_is_done(w.plan), "%s: not done", what);
	ck_assert_msg(!memcmp(w.place.file, w.file.p, w.file.n), "%s: wrong bytes", what);
}

/* Which shapes file bytes give back whole, once the inner blocks are there. */
static bool has_odd_leaves(const char *name)
{
	static const char *const odd[] = { "one block with a mode", "leaves with modes", "everything mixed" };

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		if (!strcmp(name, odd[i]))
			return true;
	return false;
}

START_TEST(every_shape)
{
	static const size_t pieces[] = { 1, 7, 333, 100000 };
	const char *name = shapes[_i / 4].name;
	uint64_t from, n;
	unsigned rest;

	start(shapes[_i / 4].build);
	give_inner();
	while (plan_ask_run(w.plan, 500, &from, &n)) {
		ck_assert_msg(n > 0 && from + n <= w.file.n, "%s", name);
		ck_assert_msg(feed(&w.file, from, from + n, pieces[_i % 4]) <= INTAKE_BROKEN, "%s: %s", name, err.msg);
		settle();
	}
	rest = give_blocks();
	check_done(name);
	ck_assert_msg((rest > 0) == has_odd_leaves(name), "%s: %u leaves had to come as blocks", name, rest);
}
END_TEST

START_TEST(a_lie_is_noticed_with_its_leaf)
{
	struct plan_progress p;

	start(shape_v1);
	give_inner();
	w.file.p[1234] ^= 1;
	ck_assert_int_eq(feed(&w.file, 0, w.file.n, 10), INTAKE_LIE);
	plan_progress(w.plan, &p);
	ck_assert_msg(p.verified == 1200, "what came before stays: %llu", (unsigned long long)p.verified);
	w.file.p[1234] ^= 1;
	ck_assert_int_eq(feed(&w.file, 1200, w.file.n, 10), INTAKE_DONE);
	check_done("the rest from another");
}
END_TEST

/* Under dag-pb a leaf can have another shape than the usual one: nobody is convicted, and blocks are asked for. */
START_TEST(leaves_of_another_shape)
{
	struct plan_link link;
	uint64_t from, n;

	start(shape_modes);
	give_inner();
	ck_assert(plan_ask_run(w.plan, w.file.n, &from, &n));
	ck_assert_int_eq(feed(&w.file, from, from + n, 100), INTAKE_BROKEN);
	ck_assert_msg(w.place.bytes_written == 0, "nothing of it counts");
	plan_unask_all(w.plan);
	ck_assert_msg(plan_ask_run(w.plan, w.file.n, &from, &n) && from == (ODD_LEAVES_MAX + 1) * 100, "those are passed over");
	plan_unask_run(w.plan, from, n);
	ck_assert_msg(plan_ask(w.plan, &link) && link.offset == 0, "but not as blocks");
	plan_unask_all(w.plan);
	ck_assert_msg(plan_reconsider(w.plan) && !plan_reconsider(w.plan), "once");
	ck_assert(plan_ask_run(w.plan, w.file.n, &from, &n) && from == 0);
	ck_assert_uint_gt(give_blocks(), 0);
	check_done("modes");
}
END_TEST

START_TEST(an_end_before_the_end)
{
	uint64_t from, n;

	start(shape_v1);
	give_inner();
	ck_assert(plan_ask_run(w.plan, w.file.n, &from, &n) && from == 0 && n == w.file.n);
	ck_assert_msg(!plan_ask_run(w.plan, w.file.n, &from, &n), "all of it is asked for");
	w.file.n = 2350;
	ck_assert_int_eq(feed(&w.file, 0, 4321, 1000), INTAKE_SHORT);
	ck_assert_str_eq(err.msg, "file: ends at byte 2350, before what was asked for");
	plan_unask_run(w.plan, 0, 4321);
	ck_assert_msg(plan_ask_run(w.plan, 4321, &from, &n) && from == 2300 && n == 2021, "whole leaves stay: %llu, %llu",
		      (unsigned long long)from, (unsigned long long)n);
}
END_TEST

/* Somebody else brings the rest while a reply says nothing. */
START_TEST(what_others_bring_meanwhile)
{
	struct intake in;

	start(shape_v1);
	give_inner();
	ck_assert_int_eq(feed(&w.file, 0, 4000, 4000), INTAKE_DONE);
	intake_open_file(&in, w.plan, 4000, w.file.n);
	ck_assert_uint_gt(give_blocks(), 0);
	ck_assert_int_eq(intake_end(&in, &err), INTAKE_DONE);
	intake_close(&in);
}
END_TEST

/* Runs end at what is there already, and at what somebody else was asked for. */
START_TEST(runs_have_no_gaps)
{
	struct plan_link link;
	uint64_t from, n;

	start(shape_v1);
	give_inner();
	ck_assert_int_eq(feed(&w.file, 1000, 1100, 100), INTAKE_DONE);
	ck_assert(plan_ask(w.plan, &link) && link.offset == 0);
	ck_assert(plan_ask_run(w.plan, 300, &from, &n) && from == 100 && n == 300);
	ck_assert(plan_ask_run(w.plan, 4321, &from, &n) && from == 400 && n == 600);
	ck_assert(plan_ask_run(w.plan, 4321, &from, &n) && from == 1100 && n == 3221);
	ck_assert(!plan_ask_run(w.plan, 4321, &from, &n));
}
END_TEST

START_TEST(what_is_there_is_passed_over)
{
	start(shape_v1);
	give_inner();
	ck_assert_int_eq(feed(&w.file, 1000, 2000, 100), INTAKE_DONE);
	ck_assert_int_eq(feed(&w.file, 0, w.file.n, 37), INTAKE_DONE);
	ck_assert_msg(w.place.bytes_written == w.file.n, "and not written again");
	check_done("twice");
}
END_TEST

START_TEST(hung_up_when_all_has_come)
{
	struct intake in;

	start(shape_v1);
	give_inner();
	intake_open_file(&in, w.plan, 100, 300);
	ck_assert_int_eq(intake_feed(&in, span_cut(buf_span(&w.file), 100, 1000), &err), INTAKE_DONE);
	ck_assert_msg(w.place.bytes_written == 200, "no more than was asked for: %llu", (unsigned long long)w.place.bytes_written);
	intake_close(&in);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mirror");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;
	const TTest *const tests[] = { a_lie_is_noticed_with_its_leaf, leaves_of_another_shape, an_end_before_the_end, what_others_bring_meanwhile, runs_have_no_gaps,
		what_is_there_is_passed_over, hung_up_when_all_has_come };

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_loop_test(t, every_shape, 0, 4 * N_SHAPES);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
