/* test_dagbuild.c: the tree builder gives the CIDs of IPIP-0499, and blocks that agree with what it says of them.
 *
 * GATEPOST_LONG=1 runs the vectors of 1 GiB as well. */
#include "base/cleanup.h"
#include "base/io.h"
#include "base/limits.h"
#include "chacha20.h"
#include "formats/dagbuild.h"
#include "formats/unixfs.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>

/* --- vectors --- */

struct vector {
	char profile[32], seed[64], cid[80];
	unsigned long long size;
};

static struct vector vectors[16];
static int n_vectors;

/* Before Check runs, so without its macros. */
static void load_vectors(void)
{
	struct buf b = BUF_INIT(64 * KIB);
	struct vector v;

	if (io_read_file(AT_FDCWD, VECTORS_DIR "/ipfs/ipip-0499.txt", &b, NULL))
		return;
	buf_byte(&b, '\0');
	for (char *line = strtok((char *)b.p, "\n"); line; line = strtok(NULL, "\n"))
		if (line[0] != '#' && sscanf(line, "%31s %llu %63s %79s", v.profile, &v.size, v.seed, v.cid) == 4)
			vectors[n_vectors++] = v;
	buf_free(&b);
}

struct file {
	struct chacha20 stream;
	const char *text;	/* instead of the stream */
	uint64_t left;
};

static int read_file(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	struct file *f = arg;

	(void)e;
	*n = f->left < cap ? (size_t)f->left : cap;
	if (f->text)
		for (size_t i = 0; i < *n; i++)
			out[i] = f->text[i] == '_' ? ' ' : (uint8_t)f->text[i];
	else
		chacha20_take(&f->stream, out, *n);
	f->left -= *n;
	return ERR_OK;
}

static struct file file_of(const struct vector *v)
{
	struct file f = { .left = v->size, .text = v->seed[0] == '=' ? v->seed + 1 : NULL };

	chacha20_init(&f.stream, span_str(v->seed));
	return f;
}

START_TEST(ipip_0499)
{
	const struct vector *v = &vectors[_i];
	struct file f = file_of(v);
	struct dag_io io = { .read = read_file, .arg = &f };
	const struct dag_profile *p = dag_profile_find(span_str(v->profile));
	char text[CID_TEXT_MAX];
	struct dag_built built;

	ck_assert_ptr_nonnull(p);
	if (v->size > 100 * MIB && !getenv("GATEPOST_LONG"))
		return;
	ck_assert_int_eq(dag_build(p, &io, &built, NULL), ERR_OK);
	ck_assert_str_eq(cid_text(&built.root, text), v->cid);
	ck_assert_uint_eq(built.size, v->size);
	ck_assert_uint_eq(built.leaves, v->size / p->chunk + (v->size % p->chunk != 0));
}
END_TEST

/* An empty list would pass the loop above. */
START_TEST(vectors_are_there)
{
	ck_assert_int_eq(n_vectors, 10);
}
END_TEST

/* --- the blocks --- */

struct check {
	struct file file;
	uint64_t next_leaf, bytes;
	unsigned leaves, inner;
	struct cid last;
};

/* Each block is what its CID says, reads as a node of the size it announces, and leaves come in order. */
static int check_block(void *arg, const struct dag_block *b, struct err *e)
{
	struct check *c = arg;
	struct unixfs_node node;

	ck_assert_int_eq(cid_check(&b->cid, b->bytes, NULL), ERR_OK);
	ck_assert_int_eq(unixfs_read((enum cid_codec)b->cid.codec, b->bytes, &node, e), ERR_OK);
	ck_assert_uint_eq(node.size, b->size);
	ck_assert(b->is_leaf == (node.n_links == 0));
	if (b->is_leaf) {
		ck_assert_uint_eq(b->offset, c->next_leaf);
		c->next_leaf += b->size;
		c->leaves++;
	} else {
		ck_assert_uint_eq(b->offset + b->size <= c->next_leaf, true);
		c->inner++;
	}
	c->bytes += b->bytes.n;
	c->last = b->cid;
	return ERR_OK;
}

/* A profile that makes deep trees of little data. */
static const struct dag_profile tiny = { "tiny", 1, 10, 3, true }, tiny0 = { "tiny0", 0, 10, 3, false };

static const struct { uint64_t size; unsigned leaves, inner; } shapes[] = {
	{ 0, 1, 0 }, { 1, 1, 0 }, { 10, 1, 0 }, { 11, 2, 1 }, { 30, 3, 1 }, { 31, 4, 3 }, { 90, 9, 4 }, { 91, 10, 7 },
	{ 270, 27, 13 }, { 271, 28, 17 }, { 300, 30, 17 }, { 301, 31, 18 },
};

static int read_check(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	return read_file(&((struct check *)arg)->file, out, cap, n, e);
}

START_TEST(trees)
{
	const struct dag_profile *profiles[] = { &tiny, &tiny0 };

	for (size_t i = 0; i < 2; i++) {
		struct check c = { .file.left = shapes[_i].size };
		struct dag_io io = { read_check, check_block, &c };
		struct dag_built built;

		chacha20_init(&c.file.stream, SPAN_LIT("trees"));
		ck_assert_int_eq(dag_build(profiles[i], &io, &built, NULL), ERR_OK);
		ck_assert_uint_eq(c.leaves, shapes[_i].leaves);
		ck_assert_uint_eq(c.inner, shapes[_i].inner);
		ck_assert_uint_eq(built.leaves, c.leaves);
		ck_assert_uint_eq(built.inner, c.inner);
		ck_assert_uint_eq(built.block_bytes, c.bytes);
		ck_assert_uint_eq(c.next_leaf, shapes[_i].size);
		ck_assert_msg(cid_eq(&c.last, &built.root), "the root comes last");
	}
}
END_TEST

static int refuse_block(void *arg, const struct dag_block *b, struct err *e)
{
	(void)arg;
	(void)b;
	return err_set(e, ERR_NO_SPACE, "full");
}

static int fail_read(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	(void)arg;
	(void)out;
	*n = cap;
	return err_set(e, ERR_IO, "no medium");
}

static int endless_read(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	(void)arg;
	(void)e;
	out[0] = 0;
	*n = cap;
	return ERR_OK;
}

START_TEST(failures_come_through)
{
	struct file f = { .left = 100 };
	struct dag_io full = { read_file, refuse_block, &f }, gone = { fail_read, NULL, NULL };
	struct dag_built built = { .size = 77 };

	chacha20_init(&f.stream, SPAN_LIT("x"));
	ck_assert_int_eq(dag_build(&tiny, &full, &built, NULL), ERR_NO_SPACE);
	ck_assert_int_eq(dag_build(&tiny, &gone, &built, NULL), ERR_IO);
	ck_assert_uint_eq(built.size, 77);
}
END_TEST

/* 4 GiB are too many; a chunk of 1 GiB gets there quickly without being looked at. */
START_TEST(long_files_are_refused)
{
	static const struct dag_profile huge = { "huge", 1, 1 * GIB, 1024, true };
	struct dag_io io = { endless_read, NULL, NULL };
	struct dag_built built;
	struct err e = { 0 };

	if (!getenv("GATEPOST_LONG"))
		return;
	ck_assert_int_eq(dag_build(&huge, &io, &built, &e), ERR_LIMIT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dagbuild");
	TCase *t = tcase_create("dagbuild");
	SRunner *r = srunner_create(s);
	int failed;

	load_vectors();
	suite_add_tcase(s, t);
	tcase_set_timeout(t, 900);
	tcase_add_loop_test(t, ipip_0499, 0, n_vectors);
	tcase_add_test(t, vectors_are_there);
	tcase_add_loop_test(t, trees, 0, (int)(sizeof shapes / sizeof *shapes));
	tcase_add_test(t, failures_come_through);
	tcase_add_test(t, long_files_are_refused);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
