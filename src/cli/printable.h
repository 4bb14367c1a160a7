/* printable.h: text of outsiders on an operator's terminal. */
#ifndef CLI_PRINTABLE_H
#define CLI_PRINTABLE_H

#include <jansson.h>

/* Every control character in every text of v, however deep, becomes '?': a provider's error or a revocation's reason must not
 * move the cursor, clear the screen or begin a line of its own. For people only: --json escapes them anyway. */
void json_make_printable(json_t *v);

#endif
