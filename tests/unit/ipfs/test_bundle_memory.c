/* test_bundle_memory.c: a bundle's front made, and read, without memory at one place after the other (the linker's --wrap): there is none, or it is whole. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "ipfs/bundle.h"

#include <check.h>
#include <stdlib.h>

static unsigned calls, failing;	/* which of the calls fails; 0: none */
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
	return ++calls == failing ? NULL : __real_realloc(p, n);
}

static int make(struct buf *out, unsigned nth, struct err *e)
{
	const struct span bytes[BUNDLE_IMAGE] = { SPAN_LIT("entries"), SPAN_LIT("envelope"), SPAN_LIT("proof") };
	const struct bundle_link image = { cid_of(1, CID_RAW, SPAN_LIT("image")), 5 };
	int rc;

	*out = BUF_INIT(MIB);
	calls = 0;
	failing = nth;
	rc = bundle_put_front(out, bytes, &image, e);
	failing = 0;
	return rc;
}

START_TEST(a_front_without_memory_is_none)
{
	AUTO(buf_free) struct buf whole;
	unsigned n;

	ck_assert_int_eq(make(&whole, 0, NULL), ERR_OK);
	n = calls;
	ck_assert_uint_gt(n, 4);
	for (unsigned i = 1; i <= n; i++) {
		AUTO(buf_free) struct buf one;
		struct err e = { 0 };

		ck_assert_msg(make(&one, i, &e) == ERR_MEMORY, "call %u of %u: %s", i, n, e.msg);
	}
}
END_TEST

/* Until the first three files are there. */
static int read_front(struct span bytes, unsigned nth, struct err *e)
{
	struct bundle_reader r;
	enum bundle_event event = BUNDLE_MORE;
	int rc = ERR_OK;

	bundle_open(&r);
	calls = 0;
	failing = nth;
	while (!rc && bytes.n > 0 && event != BUNDLE_FRONT)
		rc = bundle_next(&r, &bytes, &event, e);
	failing = 0;
	bundle_close(&r);
	return rc;
}

START_TEST(a_front_that_is_read_without_memory_is_not_called_bad)
{
	AUTO(buf_free) struct buf front;
	unsigned n;

	ck_assert_int_eq(make(&front, 0, NULL), ERR_OK);
	ck_assert_int_eq(read_front(buf_span(&front), 0, NULL), ERR_OK);
	n = calls;
	ck_assert_uint_gt(n, 4);
	for (unsigned i = 1; i <= n; i++) {
		struct err e = { 0 };

		ck_assert_msg(read_front(buf_span(&front), i, &e) == ERR_MEMORY, "call %u of %u: %s", i, n, e.msg);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bundle memory");
	TCase *tc = tcase_create("bundle memory");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_test(tc, a_front_without_memory_is_none);
	tcase_add_test(tc, a_front_that_is_read_without_memory_is_not_called_bad);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
