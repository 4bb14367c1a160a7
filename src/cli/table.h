/* table.h: a list from the API as columns for people. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <jansson.h>

struct column {
	const char *title;	/* NULL ends the table */
	const char *key;	/* of each item */
	void (*write)(const json_t *v, char *out, size_t cap);	/* NULL: for texts, numbers and yes or no */
};

/* {"stable": {"active": 7}, …} as "stable 7, beta -". */
void table_channels(const json_t *v, char *out, size_t cap);
/* {"bytes": 7, "total": 9, …} as "77 %". */
void table_progress(const json_t *v, char *out, size_t cap);

/* Prints answer's "items" and takes answer. Columns are as wide as what stands in them; null is "-". */
void table_print_take(json_t *answer, const struct column *columns);

#endif
