/* test_cose_memory.c: a signature that could not be looked at for want of memory is not one that does not count (the linker's --wrap). */
#include "formats/cose.h"
#include "tests/unit/support/ends.h"

#include <check.h>
#include <stdlib.h>

static bool has_memory = true;
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
	return has_memory ? __real_realloc(p, n) : NULL;
}

static void verify(void *arg)
{
	struct cose_sign1 s = { .protected_ = SPAN_LIT("\xa1\x01\x26"), .signature = SPAN((uint8_t[64]){ 1 }, 64), .alg = -7, .counts = true };
	struct sig_public key = { .curve = SIG_P256 };

	has_memory = *(bool *)arg;
	if (cose_sign1_verify(&s, &key, SPAN_LIT("payload"), NULL) == ERR_OK)
		_exit(1);
}

START_TEST(want_of_memory_is_no_verdict)
{
	ck_assert_int_eq(status_of_end(verify, &(bool){ true }), CAME_BACK);
	ck_assert_int_eq(status_of_end(verify, &(bool){ false }), ERR_EXIT_LATER);
}
END_TEST

static void name_key(void *arg)
{
	struct sig_public key = { .curve = SIG_P256 };

	has_memory = *(bool *)arg;
	(void)cose_key_thumbprint(&key);
}

START_TEST(a_key_has_no_other_name_without_memory)
{
	ck_assert_int_eq(status_of_end(name_key, &(bool){ true }), CAME_BACK);
	ck_assert_int_eq(status_of_end(name_key, &(bool){ false }), ERR_EXIT_LATER);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cose memory");
	TCase *tc = tcase_create("cose memory");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_test(tc, want_of_memory_is_no_verdict);
	tcase_add_test(tc, a_key_has_no_other_name_without_memory);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
