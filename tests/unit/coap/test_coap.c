/* test_coap.c: the rules of src/coap, a table each. */
#include "suites.h"

#include <stdlib.h>

int main(void)
{
	Suite *s = suite_create("coap");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, pdu_cases());
	suite_add_tcase(s, peers_cases());
	suite_add_tcase(s, links_cases());
	suite_add_tcase(s, message_cases());
	suite_add_tcase(s, get_cases());
	suite_add_tcase(s, post_cases());
	suite_add_tcase(s, observe_cases());
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
