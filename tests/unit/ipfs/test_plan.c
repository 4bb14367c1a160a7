/* test_plan.c: a plan makes the file out of any shape of tree, in any order, from any mixture of sources, across restarts and full disks. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "dag.h"
#include "ipfs/frontier.h"
#include "ipfs/seen.h"
#include "ipfs/plan.h"
#include "shapes.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* What every test of this file starts from: a file in one of the shapes, a place and a plan for it. */
struct world {
	struct dag dag;
	const struct dag_entry *root;
	struct buf file;
	struct place place;
	struct plan *plan;
	unsigned given;		/* blocks that a source had to send */
};

static void world_plan(struct world *w)
{
	struct plan_io io = place_io(&w->place);
	struct err e = { 0 };

	plan_free(w->plan);
	w->plan = NULL;
	ck_assert_msg(plan_new(&w->root->cid, w->file.n, &io, &w->plan, &e) == ERR_OK, "%s", e.msg);
}

static void world_init(struct world *w, int shape)
{
	*w = (struct world){ .file = BUF_INIT(16 * MIB) };
	dag_init(&w->dag);
	w->root = shapes[shape].build(&w->dag);
	dag_file(w->root, &w->file);
	place_init(&w->place, w->file.n);
	world_plan(w);
}

static void world_fini(struct world *w)
{
	plan_free(w->plan);
	place_fini(&w->place);
	buf_free(&w->file);
	dag_fini(&w->dag);
}

static void check_done(struct world *w, const char *what)
{
	struct plan_progress got;

	ck_assert_msg(plan_is_done(w->plan), "%s: not done", what);
	ck_assert_msg(memcmp(w->place.file, w->file.p, w->file.n) == 0, "%s: wrong bytes", what);
	plan_progress(w->plan, &got);
	ck_assert_uint_eq(got.verified, w->file.n);
	ck_assert_uint_eq(got.contiguous, w->file.n);
	ck_assert_uint_eq(got.missing, 0);
}

static const struct dag_entry *find(struct world *w, const struct cid *cid)
{
	for (size_t i = 0; i < w->dag.n; i++)
		if (w->dag.blocks[i].cid.version != 99 && cid_same_block(&w->dag.blocks[i].cid, cid))
			return &w->dag.blocks[i];
	ck_abort_msg("asked for a block that is not in the file");
	return NULL;
}

static void settle(struct world *w, const char *what)
{
	bool more = true;
	struct err e = { 0 };

	while (more)
		ck_assert_msg(plan_settle(w->plan, 100, &more, &e) == PLAN_TAKEN, "%s: %s", what, e.msg);
}

/* Fetches what is missing one block after the other, as from a source of raw blocks; at most `limit` of them. */
static void fetch_blocks(struct world *w, unsigned limit, const char *what)
{
	struct plan_link link;
	struct err e = { 0 };

	for (;;) {
		settle(w, what);
		if (limit-- == 0 || !plan_ask(w->plan, &link))
			return;
		ck_assert_msg(plan_block(w->plan, &link.cid, find(w, &link.cid)->bytes, PLAN_ANY, &e) == PLAN_TAKEN,
			      "%s: %s", what, e.msg);
		w->given++;
	}
}

/* --- every shape, every order --- */

static const struct { const char *name; enum dag_order list; enum plan_order order; } orders[] = {
	{ "dfs, dups=y", ORDER_DFS, PLAN_DFS },
	{ "dfs, dups=y, order unknown", ORDER_DFS, PLAN_ANY },
	{ "dfs, dups=n", ORDER_DFS_ONCE, PLAN_ANY },
	{ "breadth first", ORDER_BREADTH, PLAN_ANY },
};

START_TEST(streams)
{
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		autofree const struct dag_entry **list = calloc(DAG_BLOCKS_MAX, sizeof *list);
		char what[128];
		struct world w;
		size_t n;

		world_init(&w, _i);
		snprintf(what, sizeof what, "%s, %s", shapes[_i].name, orders[i].name);
		n = dag_list(w.root, orders[i].list, list, DAG_BLOCKS_MAX);
		for (size_t k = 0; k < n; k++) {
			struct err e = { 0 };
			enum plan_verdict wants = plan_wants(w.plan, &list[k]->cid, orders[i].order);
			enum plan_verdict v = plan_block(w.plan, &list[k]->cid, list[k]->bytes, orders[i].order, &e);

			ck_assert_msg(v == wants, "%s: block %zu: %s, announced %s", what, k, plan_verdict_name(v),
				      plan_verdict_name(wants));
			ck_assert_msg(v == PLAN_TAKEN || v == PLAN_REPEAT, "%s: block %zu: %s %s", what, k,
				      plan_verdict_name(v), e.msg);
		}
		settle(&w, what);
		check_done(&w, what);
		world_fini(&w);
	}
}
END_TEST

START_TEST(raw_blocks)
{
	struct world w;
	struct plan_progress got;

	world_init(&w, _i);
	fetch_blocks(&w, UINT32_MAX, shapes[_i].name);
	check_done(&w, shapes[_i].name);
	plan_progress(w.plan, &got);
	ck_assert_uint_ge(got.blocks, w.given);
	ck_assert_msg(w.place.bytes_written == w.file.n, "every byte once");
	world_fini(&w);
}
END_TEST

/* 16 in flight, answered in the opposite order, every third one lost and asked again. */
START_TEST(parallel_blocks)
{
	struct plan_link asked[16];
	struct world w;
	unsigned round = 0;

	world_init(&w, _i);
	while (!plan_is_done(w.plan)) {
		size_t n = 0;

		settle(&w, shapes[_i].name);
		while (n < 16 && plan_ask(w.plan, &asked[n])) {
			for (size_t k = 0; k < n; k++)
				ck_assert_msg(!cid_same_block(&asked[k].cid, &asked[n].cid), "asked twice");
			n++;
		}
		ck_assert_uint_lt(round, 10000);
		while (n-- > 0) {
			if (round++ % 3 == 2)
				plan_unask(w.plan, &asked[n].cid);
			else
				ck_assert_int_eq(plan_block(w.plan, &asked[n].cid, find(&w, &asked[n].cid)->bytes, PLAN_ANY,
							    NULL), PLAN_TAKEN);
		}
	}
	check_done(&w, shapes[_i].name);
	world_fini(&w);
}
END_TEST

/* --- restarts --- */

static void restore(struct world *w, const char *what)
{
	bool more = true;
	struct err e = { 0 };

	while (more)
		ck_assert_msg(plan_restore(w->plan, 200, &more, &e) == PLAN_TAKEN, "%s: %s", what, e.msg);
}

/* Stopped after every number of blocks: the next plan goes on there, and no block is sent twice in all. */
START_TEST(restarts)
{
	unsigned whole;
	struct world w;

	world_init(&w, _i);
	fetch_blocks(&w, UINT32_MAX, shapes[_i].name);
	whole = w.given;
	world_fini(&w);
	for (unsigned stop = 0; stop <= whole; stop += 1 + whole / 16) {
		struct plan_progress before, after;

		world_init(&w, _i);
		fetch_blocks(&w, stop, shapes[_i].name);
		plan_progress(w.plan, &before);
		/* Kept blocks that carry file bytes write them again; everything else is only looked at. */
		w.place.allow_rewrite = true;
		world_plan(&w);
		restore(&w, shapes[_i].name);
		plan_progress(w.plan, &after);
		ck_assert_msg(after.verified == before.verified, "%s, after %u blocks", shapes[_i].name, stop);
		ck_assert_uint_eq(after.contiguous, before.contiguous);
		fetch_blocks(&w, UINT32_MAX, shapes[_i].name);
		check_done(&w, shapes[_i].name);
		ck_assert_msg(w.given == whole, "%s: %u blocks instead of %u after a stop at %u", shapes[_i].name, w.given,
			      whole, stop);
		world_fini(&w);
	}
}
END_TEST

static int shape_of(const struct dag_entry *(*build)(struct dag *))
{
	int i = 0;

	while (shapes[i].build != build)
		i++;
	return i;
}

/* The loop has other things to do meanwhile. */
START_TEST(restores_in_slices)
{
	struct plan_progress got;
	struct world w;
	bool more;

	world_init(&w, shape_of(shape_v1));
	fetch_blocks(&w, UINT32_MAX, "all");
	w.place.allow_rewrite = true;
	world_plan(&w);
	ck_assert_int_eq(plan_restore(w.plan, 1, &more, NULL), PLAN_TAKEN);
	plan_progress(w.plan, &got);
	ck_assert(more && got.verified < w.file.n / 2);
	restore(&w, "the rest");
	check_done(&w, "restored");
	world_fini(&w);
}
END_TEST

/* A kept block's own bytes, and no room to write them: told, and gone on with. */
START_TEST(storage_fails_when_restoring)
{
	unsigned told = 0, calls;
	struct world w;

	world_init(&w, shape_of(shape_mixed));
	fetch_blocks(&w, UINT32_MAX, "all");
	w.place.allow_rewrite = true;
	calls = w.place.calls;
	world_plan(&w);
	restore(&w, "in one go");
	calls = w.place.calls - calls;
	for (unsigned k = 1; k <= calls; k++) {
		struct err e = { 0 };
		bool more = true;

		world_plan(&w);
		w.place.fail_at = w.place.calls + k;
		while (more)
			if (plan_restore(w.plan, MIB, &more, &e) == PLAN_STORAGE) {
				ck_assert_int_eq(e.code, ERR_NO_SPACE);
				told++;
				more = true;
			}
		fetch_blocks(&w, UINT32_MAX, "what could not be read");
		check_done(&w, "restored");
	}
	ck_assert_uint_gt(told, 0);
	world_fini(&w);
}
END_TEST

/* What the disk holds is not believed: each damaged byte costs its own block, and nothing else. */
START_TEST(damage_between_restarts)
{
	struct world w;

	world_init(&w, _i);
	fetch_blocks(&w, UINT32_MAX, shapes[_i].name);
	w.place.allow_rewrite = true;
	for (uint64_t at = 0; at < w.file.n; at += 1 + w.file.n / 13) {
		struct plan_progress got;
		struct plan_link link;

		w.place.file[at] ^= 0x40;
		world_plan(&w);
		restore(&w, shapes[_i].name);
		plan_progress(w.plan, &got);
		/* Bytes that a kept block carries heal by themselves. */
		if (plan_missing(w.plan, 0, &link)) {
			ck_assert_uint_eq(got.verified + link.size, w.file.n);
			ck_assert(link.offset <= at && at < link.offset + link.size);
		}
		w.given = 0;
		fetch_blocks(&w, UINT32_MAX, shapes[_i].name);
		ck_assert_uint_le(w.given, 1);
		check_done(&w, shapes[_i].name);
	}
	world_fini(&w);
}
END_TEST

/* The kept blocks are not believed either. */
START_TEST(damaged_kept_blocks)
{
	struct world w;

	world_init(&w, _i);
	fetch_blocks(&w, UINT32_MAX, shapes[_i].name);
	w.place.allow_rewrite = true;
	for (size_t k = 0; k < w.place.n_kept; k++) {
		struct place_block *b = &w.place.kept[k];

		b->bytes[b->n / 2] ^= 1;
		world_plan(&w);
		restore(&w, shapes[_i].name);
		ck_assert(!plan_is_done(w.plan));
		b->bytes[b->n / 2] ^= 1;	/* on_keep takes the first copy for good */
		fetch_blocks(&w, UINT32_MAX, shapes[_i].name);
		check_done(&w, shapes[_i].name);
	}
	world_fini(&w);
}
END_TEST

/* Gaps are just the bytes that were not written: found from any offset, also in the middle of one. */
START_TEST(gaps)
{
	struct world w;

	world_init(&w, _i);
	for (uint64_t step = 1; !plan_is_done(w.plan); step = step % 97 + 7) {
		struct plan_progress got;
		uint64_t at = 0, n, sum = 0;

		plan_progress(w.plan, &got);
		for (; plan_gap(w.plan, &at, &n); at += n) {
			n = n < step ? n : step;
			sum += n;
		}
		ck_assert_msg(sum == w.file.n - got.verified, "%s: %llu bytes", shapes[_i].name, (unsigned long long)sum);
		fetch_blocks(&w, 1, shapes[_i].name);
	}
	ck_assert(!plan_gap(w.plan, &(uint64_t){ 0 }, &(uint64_t){ 0 }));
	world_fini(&w);
}
END_TEST

/* --- the plain file as a source --- */

/* Somebody kept the inner blocks, nobody has leaves: each is rebuilt from the file's bytes. */
START_TEST(leaves_from_a_mirror)
{
	struct plan_link link;
	struct world w;

	world_init(&w, _i);
	while (plan_missing(w.plan, 0, &link)) {
		struct err e = { 0 };
		enum plan_verdict v;

		if (link.may_be_leaf) {
			autofree uint8_t *lie = malloc(link.size);

			memcpy(lie, w.file.p + link.offset, link.size);
			lie[link.size / 2] ^= 1;
			ck_assert_int_eq(plan_bytes(w.plan, link.offset, SPAN(lie, link.size), &e), PLAN_LIE);
			ck_assert_int_eq(plan_bytes(w.plan, link.offset, SPAN(lie, link.size - 1), &e), PLAN_STRAY);
			ck_assert_int_eq(plan_bytes(w.plan, link.offset + 1, SPAN(lie, link.size), &e), PLAN_STRAY);
		}
		v = plan_bytes(w.plan, link.offset, span_cut(buf_span(&w.file), link.offset, link.size), &e);
		if (v == PLAN_LIE) {
			/* an inner node, or a wrapper of its own shape: only the block helps */
			ck_assert(link.may_be_inner);
			v = plan_block(w.plan, &link.cid, find(&w, &link.cid)->bytes, PLAN_ANY, &e);
		}
		ck_assert_msg(v == PLAN_TAKEN, "%s: %s %s", shapes[_i].name, plan_verdict_name(v), e.msg);
	}
	check_done(&w, shapes[_i].name);
	world_fini(&w);
}
END_TEST

/* --- a failing disk --- */

/* Each call of the place fails once: the block can be given again, and the file comes out right. */
START_TEST(storage_fails_once)
{
	unsigned calls;
	struct world w;

	world_init(&w, _i);
	fetch_blocks(&w, UINT32_MAX, shapes[_i].name);
	calls = w.place.calls;
	world_fini(&w);
	for (unsigned k = 1; k <= calls; k += 1 + calls / 40) {
		struct plan_link link;

		world_init(&w, _i);
		/* An identity root is written when the plan is made, before anything can fail. */
		w.place.fail_at = w.place.calls + k;
		w.place.allow_rewrite = true;
		for (;;) {
			struct err e = { 0 };
			bool more = true;
			enum plan_verdict v = PLAN_TAKEN;

			while (more && v == PLAN_TAKEN)
				v = plan_settle(w.plan, 100, &more, &e);
			if (v == PLAN_STORAGE)
				continue;
			if (!plan_ask(w.plan, &link))
				break;
			v = plan_block(w.plan, &link.cid, find(&w, &link.cid)->bytes, PLAN_ANY, &e);
			ck_assert(v == PLAN_TAKEN || v == PLAN_STORAGE);
			if (v == PLAN_STORAGE) {
				ck_assert_int_eq(e.code, ERR_NO_SPACE);
				plan_unask(w.plan, &link.cid);
			}
		}
		check_done(&w, shapes[_i].name);
		world_fini(&w);
	}
}
END_TEST

/* A disk that is full for a long time is no property of the file. */
START_TEST(storage_fails_often)
{
	struct world w;

	world_init(&w, 0);	/* one raw block */
	for (unsigned i = 0; i < DAG_NODES_FREE + 1000; i++) {
		w.place.fail_at = w.place.calls + 1;
		if (plan_block(w.plan, &w.root->cid, w.root->bytes, PLAN_DFS, NULL) != PLAN_STORAGE)
			ck_abort_msg("attempt %u", i);
	}
	ck_assert_int_eq(plan_block(w.plan, &w.root->cid, w.root->bytes, PLAN_DFS, NULL), PLAN_TAKEN);
	check_done(&w, "at last");
	world_fini(&w);
}
END_TEST

/* --- much of the same --- */

/* 60 times the same MiB: one block writes a part of it, plan_settle the rest, a slice a call. */
START_TEST(padding_is_written_in_slices)
{
	const struct dag_entry *children[60];
	struct world w = { .file = BUF_INIT(64 * MIB) };
	struct plan_progress got;
	unsigned slices = 0;
	bool more = true;

	dag_init(&w.dag);
	for (size_t i = 0; i < 60; i++)
		children[i] = i ? children[0] : dag_leaf(&w.dag, LEAF_RAW, dag_random(&w.dag, MIB));
	w.root = dag_node(&w.dag, &(struct dag_node){ .children = children, .n = 60, .version = 1 });
	dag_file(w.root, &w.file);
	place_init(&w.place, w.file.n);
	world_plan(&w);
	ck_assert_int_eq(plan_block(w.plan, &w.root->cid, w.root->bytes, PLAN_DFS, NULL), PLAN_TAKEN);
	ck_assert(plan_needs_source(w.plan));
	ck_assert_int_eq(plan_block(w.plan, &children[0]->cid, children[0]->bytes, PLAN_DFS, NULL), PLAN_TAKEN);
	ck_assert(!plan_needs_source(w.plan));
	plan_progress(w.plan, &got);
	ck_assert_uint_eq(got.verified, PLAN_PLACE_MAX);
	while (more) {
		uint64_t before = got.verified;

		ck_assert_int_eq(plan_settle(w.plan, 4 * MIB, &more, NULL), PLAN_TAKEN);
		plan_progress(w.plan, &got);
		ck_assert_uint_le(got.verified - before, 4 * MIB);
		slices++;
	}
	ck_assert_uint_ge(slices, 11);
	ck_assert_uint_eq(got.copied, 59 * MIB);
	check_done(&w, "padding");
	world_fini(&w);
}
END_TEST

/* A repeated block is not asked for while it can be copied; when its first copy has rotted meanwhile, it is. */
START_TEST(a_copy_that_rotted)
{
	const struct dag_entry *low[2], *top[2];
	struct world w = { .file = BUF_INIT(64 * KIB) };
	struct plan_link link;
	bool more = true;

	dag_init(&w.dag);
	low[0] = top[0] = dag_leaf(&w.dag, LEAF_RAW, dag_random(&w.dag, 100));
	low[1] = dag_leaf(&w.dag, LEAF_RAW, dag_random(&w.dag, 50));
	top[1] = dag_node(&w.dag, &(struct dag_node){ .children = low, .n = 2, .version = 1 });
	w.root = dag_node(&w.dag, &(struct dag_node){ .children = top, .n = 2, .version = 1 });
	dag_file(w.root, &w.file);
	place_init(&w.place, w.file.n);
	world_plan(&w);
	ck_assert_int_eq(plan_block(w.plan, &w.root->cid, w.root->bytes, PLAN_DFS, NULL), PLAN_TAKEN);
	ck_assert_int_eq(plan_block(w.plan, &top[0]->cid, top[0]->bytes, PLAN_DFS, NULL), PLAN_TAKEN);
	ck_assert_int_eq(plan_block(w.plan, &top[1]->cid, top[1]->bytes, PLAN_DFS, NULL), PLAN_TAKEN);
	ck_assert(plan_ask(w.plan, &link) && link.offset == 200);
	ck_assert(!plan_ask(w.plan, &link));
	w.place.file[0] ^= 1;
	ck_assert_int_eq(plan_settle(w.plan, MIB, &more, NULL), PLAN_TAKEN);
	ck_assert(!more);
	ck_assert(plan_ask(w.plan, &link) && link.offset == 100);
	w.place.file[0] ^= 1;
	fetch_blocks(&w, 0, "rot");
	plan_unask_all(w.plan);
	fetch_blocks(&w, UINT32_MAX, "rot");
	check_done(&w, "rot");
	world_fini(&w);
}
END_TEST

#define WIDE_NODES 9

/* A node over DAG_LINKS_MAX leaves of 4 KiB that nobody has. */
static const struct dag_entry *wide_node(struct dag *d, unsigned k)
{
	static struct dag_entry leaves[DAG_LINKS_MAX];
	static const struct dag_entry *children[DAG_LINKS_MAX];

	for (unsigned i = 0; i < DAG_LINKS_MAX; i++) {
		struct hash32 digest = { { (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)k, 1 } };

		leaves[i] = (struct dag_entry){ .cid = cid_of_digest(1, CID_RAW, &digest), .size = 4 * KIB };
		children[i] = &leaves[i];
	}
	return dag_node(d, &(struct dag_node){ .children = children, .n = DAG_LINKS_MAX, .version = 1 });
}

/* Breadth first, nine such nodes are more links than may be open. Those before their turn wait; in file order each has its turn. */
START_TEST(wide_trees_wait_for_their_turn)
{
	const struct dag_entry *nodes[WIDE_NODES];
	struct world w = { .file = BUF_INIT(0) };
	struct plan_io io;
	unsigned taken = 0;

	dag_init(&w.dag);
	for (unsigned k = 0; k < WIDE_NODES; k++)
		nodes[k] = wide_node(&w.dag, k);
	w.root = dag_node(&w.dag, &(struct dag_node){ .children = nodes, .n = WIDE_NODES, .version = 1 });
	place_init(&w.place, 1);
	io = place_io(&w.place);
	ck_assert_int_eq(plan_new(&w.root->cid, w.root->size, &io, &w.plan, NULL), ERR_OK);
	ck_assert_int_eq(plan_block(w.plan, &w.root->cid, w.root->bytes, PLAN_ANY, NULL), PLAN_TAKEN);
	for (unsigned k = WIDE_NODES - 1; k > 0; k--) {
		enum plan_verdict v = plan_block(w.plan, &nodes[k]->cid, nodes[k]->bytes, PLAN_ANY, NULL);

		ck_assert(v == PLAN_TAKEN || v == PLAN_STRAY);
		taken += v == PLAN_TAKEN;
	}
	ck_assert_uint_eq(taken, 3);
	ck_assert_int_eq(plan_block(w.plan, &nodes[0]->cid, nodes[0]->bytes, PLAN_ANY, NULL), PLAN_TAKEN);
	world_fini(&w);
}
END_TEST

/* --- asking --- */

START_TEST(asking)
{
	struct plan_link first, link;
	struct plan_progress got;
	struct world w;

	world_init(&w, 6);	/* balanced, raw leaves */
	ck_assert(plan_ask(w.plan, &first));
	ck_assert(cid_eq(&first.cid, &w.root->cid));
	ck_assert_uint_eq(first.size, w.file.n);
	ck_assert(first.may_be_inner);
	ck_assert_msg(!plan_ask(w.plan, &link), "nothing else is known yet");
	ck_assert_int_eq(plan_block(w.plan, &first.cid, w.root->bytes, PLAN_ANY, NULL), PLAN_TAKEN);
	ck_assert(plan_ask(w.plan, &first));
	ck_assert_uint_eq(first.offset, 0);
	ck_assert_uint_eq(first.depth, 1);
	ck_assert(plan_ask(w.plan, &link));
	ck_assert_uint_eq(link.offset, first.offset + first.size);
	plan_progress(w.plan, &got);
	ck_assert_uint_eq(got.asked, 2);
	plan_unask(w.plan, &first.cid);
	ck_assert(plan_ask(w.plan, &link));
	ck_assert(cid_eq(&link.cid, &first.cid));
	plan_unask_all(w.plan);
	plan_progress(w.plan, &got);
	ck_assert_uint_eq(got.asked, 0);
	world_fini(&w);
}
END_TEST

START_TEST(version_and_codec_of_a_name_do_not_matter)
{
	struct world w;
	struct cid other;

	world_init(&w, 2);	/* one File block under version 0 */
	other = w.root->cid;
	other.hash = CID_IDENTITY;
	ck_assert_msg(plan_wants(w.plan, &other, PLAN_ANY) == PLAN_STRAY, "the same digest of another hash is another block");
	other = w.root->cid;
	other.version = 1;
	other.codec = CID_RAW;
	ck_assert_int_eq(plan_block(w.plan, &other, w.root->bytes, PLAN_DFS, NULL), PLAN_TAKEN);
	check_done(&w, "another name");
	ck_assert_int_eq(plan_block(w.plan, &other, w.root->bytes, PLAN_DFS, NULL), PLAN_REPEAT);
	world_fini(&w);
}
END_TEST

START_TEST(sizes_of_plans)
{
	struct cid raw = cid_of(1, CID_RAW, SPAN_LIT("x")), pb = cid_of(0, CID_DAG_PB, SPAN_LIT("x"));
	struct place place;
	struct plan_io io;
	struct plan *p = NULL;

	place_init(&place, 1);
	io = place_io(&place);
	ck_assert_int_eq(plan_new(&pb, 0, &io, &p, NULL), ERR_LIMIT);
	ck_assert_int_eq(plan_new(&pb, IMAGE_MAX + 1, &io, &p, NULL), ERR_LIMIT);
	ck_assert_msg(plan_new(&raw, BLOCK_MAX + 1, &io, &p, NULL) == ERR_LIMIT, "a raw root is one block");
	raw.hash = CID_IDENTITY;
	raw.n = 1;
	ck_assert_msg(plan_new(&raw, 2, &io, &p, NULL) == ERR_RULE, "a root that is its own block, of another size");
	ck_assert_ptr_null(p);
	ck_assert_int_eq(plan_new(&pb, IMAGE_MAX, &io, &p, NULL), ERR_OK);
	plan_free(p);
	plan_free(NULL);
	place_fini(&place);
}
END_TEST

/* --- the parts --- */

static struct spot spot_at(uint32_t offset)
{
	return (struct spot){ .offset = offset, .size = 1 };
}

static void check_offsets(const struct frontier *f, const uint32_t *offsets, size_t n)
{
	ck_assert_uint_eq(f->n, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(f->spots[i].offset, offsets[n - 1 - i]);
}

START_TEST(frontier_keeps_file_order)
{
	AUTO(frontier_free) struct frontier f = { 0 };
	struct spot s = spot_at(0);

	ck_assert_int_eq(frontier_append(&f, &s, NULL), ERR_OK);
	for (uint32_t i = 0; i < 4; i++) {
		s = spot_at(i * 10);
		ck_assert_int_eq(frontier_append(&f, &s, NULL), ERR_OK);
	}
	frontier_replace(&f, 0, 1);
	check_offsets(&f, (uint32_t[]){ 0, 10, 20, 30 }, 4);
	for (uint32_t i = 0; i < 3; i++) {
		s = spot_at(20 + i);
		ck_assert_int_eq(frontier_append(&f, &s, NULL), ERR_OK);
	}
	frontier_replace(&f, 1, 4);	/* the spot at 20 */
	check_offsets(&f, (uint32_t[]){ 0, 10, 20, 21, 22, 30 }, 6);
	s = spot_at(30);
	ck_assert_int_eq(frontier_append(&f, &s, NULL), ERR_OK);
	frontier_replace(&f, 0, 6);	/* the last one by one other */
	check_offsets(&f, (uint32_t[]){ 0, 10, 20, 21, 22, 30 }, 6);
	ck_assert_uint_eq(f.spots[frontier_find(&f, 11)].offset, 20);
	ck_assert_uint_eq(f.spots[frontier_find(&f, 0)].offset, 0);
	ck_assert_uint_eq(f.spots[frontier_find(&f, 30)].offset, 30);
	ck_assert_uint_eq(frontier_find(&f, 31), f.n);
	f.spots[1].size = f.spots[5].size = 0;
	frontier_sweep(&f);
	check_offsets(&f, (uint32_t[]){ 10, 20, 21, 30 }, 4);
}
END_TEST

START_TEST(frontier_is_bounded)
{
	AUTO(frontier_free) struct frontier f = { 0 };
	struct spot s = spot_at(0);

	while (f.n < DAG_FRONTIER_MAX && frontier_append(&f, &s, NULL) == ERR_OK)
		;
	ck_assert_uint_eq(f.n, DAG_FRONTIER_MAX);
	ck_assert_int_eq(frontier_append(&f, &s, NULL), ERR_LIMIT);
}
END_TEST

START_TEST(seen_remembers)
{
	AUTO(seen_free) struct seen seen = { 0 };

	for (uint32_t i = 0; i < PLAN_SEEN_MAX + 100; i++) {
		struct hash32 h = { { (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), 1 } };

		if (seen_find(&seen, &h))
			ck_abort_msg("found before it was added");
		seen_add(&seen, &h, i, 5);
		seen_add(&seen, &h, i + 1, 5);	/* the first place stays */
	}
	for (uint32_t i = 0; i < PLAN_SEEN_MAX + 100; i++) {
		struct hash32 h = { { (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), 1 } };
		const struct seen_entry *e = seen_find(&seen, &h);

		if ((e != NULL) != (i < PLAN_SEEN_MAX) || (e && e->offset != i))
			ck_abort_msg("entry %u", i);
		if (i % 2)
			seen_forget(&seen, &h);
		if (i % 2 && seen_find(&seen, &h))
			ck_abort_msg("entry %u is not forgotten", i);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plan");
	TCase *t = tcase_create("plan");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, streams, 0, N_SHAPES);
	tcase_add_loop_test(t, raw_blocks, 0, N_SHAPES);
	tcase_add_loop_test(t, parallel_blocks, 0, N_SHAPES);
	tcase_add_test(t, restores_in_slices);
	tcase_add_test(t, storage_fails_when_restoring);
	tcase_add_loop_test(t, restarts, 0, N_SHAPES);
	tcase_add_loop_test(t, damage_between_restarts, 0, N_SHAPES);
	tcase_add_loop_test(t, damaged_kept_blocks, 0, N_SHAPES);
	tcase_add_loop_test(t, gaps, 0, N_SHAPES);
	tcase_add_loop_test(t, leaves_from_a_mirror, 0, N_SHAPES);
	tcase_add_loop_test(t, storage_fails_once, 0, N_SHAPES);
	tcase_add_test(t, storage_fails_often);
	tcase_add_test(t, padding_is_written_in_slices);
	tcase_add_test(t, a_copy_that_rotted);
	tcase_add_test(t, wide_trees_wait_for_their_turn);
	tcase_add_test(t, asking);
	tcase_add_test(t, version_and_codec_of_a_name_do_not_matter);
	tcase_add_test(t, sizes_of_plans);
	tcase_add_test(t, frontier_keeps_file_order);
	tcase_add_test(t, frontier_is_bounded);
	tcase_add_test(t, seen_remembers);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
