/* test_libcrypto.c: a libcrypto that could not start is not gone on with: half started, it crashes later. */
#include "base/err.h"
#include "formats/libcrypto.h"
#include "../support/ends.h"

#include <check.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* What libcrypto says without memory (the linker's --wrap). */
static const struct lacks {
	bool start, context;
} lacks[] = { { false, false }, { true, false }, { false, true } };
static const struct lacks *lacked;
int __real_OPENSSL_init_crypto(uint64_t options, const OPENSSL_INIT_SETTINGS *settings);
int __wrap_OPENSSL_init_crypto(uint64_t options, const OPENSSL_INIT_SETTINGS *settings);
OSSL_LIB_CTX *__real_OSSL_LIB_CTX_get0_global_default(void);
OSSL_LIB_CTX *__wrap_OSSL_LIB_CTX_get0_global_default(void);

int __wrap_OPENSSL_init_crypto(uint64_t options, const OPENSSL_INIT_SETTINGS *settings)
{
	return lacked->start ? 0 : __real_OPENSSL_init_crypto(options, settings);
}

OSSL_LIB_CTX *__wrap_OSSL_LIB_CTX_get0_global_default(void)
{
	return lacked->context ? NULL : __real_OSSL_LIB_CTX_get0_global_default();
}

static void start(void *arg)
{
	lacked = arg;
	libcrypto_start();
}

START_TEST(it_starts_whole_or_the_process_ends)
{
	struct lacks row = lacks[_i];

	ck_assert_int_eq(status_of_end(start, &row), row.start || row.context ? ERR_EXIT_LATER : CAME_BACK);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("libcrypto");
	TCase *t = tcase_create("libcrypto");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, it_starts_whole_or_the_process_ends, 0, (int)(sizeof lacks / sizeof *lacks));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
