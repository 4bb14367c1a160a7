/* test_stuck.c: evicted images that stay on the disk: which are remembered, for how long, and how many. */
#include "keeper/stuck.h"

#include <check.h>

static struct hash32 sha(unsigned n)
{
	return (struct hash32){ { (uint8_t)n, (uint8_t)(n >> 8) } };
}

START_TEST(one_rests_until_its_next_try)
{
	struct stuck s = { .n = 0 };
	struct hash32 a = sha(1), b = sha(2);

	ck_assert(stuck_note(&s, &a, 5));
	ck_assert(stuck_has(&s, &a) && !stuck_has(&s, &b));
	ck_assert(stuck_rests(&s, &a, STUCK_RETRY_MS + 4) && !stuck_rests(&s, &a, STUCK_RETRY_MS + 5) && !stuck_rests(&s, &b, 5));
	ck_assert_msg(!stuck_note(&s, &a, STUCK_RETRY_MS + 5), "it is known");
	ck_assert(s.n == 1 && stuck_rests(&s, &a, STUCK_RETRY_MS + 5));
}
END_TEST

START_TEST(one_too_many_is_not_remembered)
{
	struct stuck s = { .n = 0 };
	struct hash32 h;

	for (unsigned n = 0; n < STUCK_MAX; n++)
		ck_assert((h = sha(n), stuck_note(&s, &h, 0)));
	h = sha(STUCK_MAX);
	ck_assert(!stuck_note(&s, &h, 0) && !stuck_has(&s, &h) && !stuck_rests(&s, &h, 0));
	stuck_remove(&s, 3);
	ck_assert(stuck_note(&s, &h, 0) && stuck_has(&s, &h));
	h = sha(3);
	ck_assert(!stuck_has(&s, &h));
	for (unsigned n = 0; n < STUCK_MAX; n++)
		ck_assert((h = sha(n), n == 3 || stuck_has(&s, &h)));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("stuck");
	SRunner *r;
	int failed;

	tcase_add_test(tc, one_rests_until_its_next_try);
	tcase_add_test(tc, one_too_many_is_not_remembered);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
