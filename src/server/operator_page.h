/* operator_page.h: web/index.html, as the build put it into the program. */
#ifndef SERVER_OPERATOR_PAGE_H
#define SERVER_OPERATOR_PAGE_H

#include <stddef.h>

extern const unsigned char operator_page[];
extern const size_t operator_page_n;

#endif
