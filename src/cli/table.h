/* table.h: a list from the API as columns for people. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <jansson.h>

struct column {
	const char *title;	/* NULL ends the table */
	const char *key;	/* of each item */
};

/* Prints answer's "items" and takes answer. Columns are as wide as what stands in them; null is "-". */
void table_print_take(json_t *answer, const struct column *columns);

#endif
