/* suites.h: the parts of test_coap. */
#ifndef TEST_COAP_SUITES_H
#define TEST_COAP_SUITES_H

#include <check.h>

TCase *pdu_cases(void);
TCase *peers_cases(void);
TCase *links_cases(void);
TCase *message_cases(void);
TCase *get_cases(void);
TCase *post_cases(void);
TCase *observe_cases(void);

#endif
