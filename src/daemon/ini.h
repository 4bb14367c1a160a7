/* ini.h: the outer shape of a configuration file: sections, keys, values, line numbers.
 *
 *	[section]  or  [section name]
 *	key = value		# comment
 *
 * A comment begins with # or ; at the start of a line or after a blank. Keys and
 * section words are [a-z0-9-]; blanks around everything are dropped; there are no
 * quotes, escapes or continued lines. Text is UTF-8 without control characters.
 * inih is not used: it cuts section names at 49 bytes (a product's takes
 * 73) and keeps its options in process-wide variables. */
#ifndef DAEMON_INI_H
#define DAEMON_INI_H

#include "base/err.h"
#include "base/span.h"

struct ini_line {
	unsigned number;	/* from 1 */
	struct span section;	/* "chain", "provider" */
	struct span name;	/* what follows it in the brackets, or empty */
	struct span key;	/* empty: the section's own line */
	struct span value;
};

/* Called for each section line and each setting, in order. Not ERR_OK ends the walk with that. */
typedef int ini_each(void *arg, const struct ini_line *line, struct err *e);

/* Called for each line that breaks the grammar, which is then passed over; e says how. Not ERR_OK ends the walk. */
typedef int ini_bad(void *arg, unsigned number, const struct err *e);

MUST_USE int ini_walk(struct span text, ini_each *each, ini_bad *bad, void *arg, struct err *e);

#endif
