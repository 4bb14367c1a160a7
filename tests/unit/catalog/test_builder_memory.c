/* test_builder_memory.c: a catalog is built while each allocation fails in turn (the linker's --wrap): it says so, or is the same catalog. */
#include "base/buf.h"
#include "base/limits.h"
#include "sample.h"

#include <check.h>
#include <stdlib.h>

static unsigned calls, fails_at;	/* 0: none */

static bool fails(void)
{
	return ++calls == fails_at;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

static int build(struct buf *out, struct err *e)
{
	struct builder_about about = { .generation = 1, .chain_id = 1, .gateway = SPAN_LIT("porch") };
	struct builder *b = builder_new(&about);
	int rc;

	if (!b)
		return ERR_MEMORY;
	sample_build(b);
	rc = builder_finish(b, out, e);
	builder_free(b);
	return rc;
}

START_TEST(each_allocation_fails)
{
	struct buf whole = BUF_INIT(MIB);
	struct err e = { 0 };
	unsigned all;

	calls = fails_at = 0;
	ck_assert_int_eq(build(&whole, &e), ERR_OK);
	all = calls;
	ck_assert_uint_gt(all, 20);
	for (unsigned at = 1; at <= all; at++) {
		struct buf out = BUF_INIT(MIB);
		int rc;

		calls = 0;
		fails_at = at;
		rc = build(&out, &e);
		fails_at = 0;
		ck_assert_msg(rc == ERR_MEMORY || (rc == ERR_OK && span_eq(buf_span(&out), buf_span(&whole))), "allocation %u: %d %s", at, rc, e.msg);
		buf_free(&out);
	}
	buf_free(&whole);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("builder memory");
	TCase *tc = tcase_create("builder memory");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_test(tc, each_allocation_fails);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
