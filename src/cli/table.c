/* table.c: see table.h. */
#include "cli/table.h"
#include "cli/printable.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 12
#define CELL_MAX 400

void table_channels(const json_t *channels, char *out, size_t cap)
{
	const char *name;
	json_t *c;
	size_t n = 0;

	out[0] = '\0';
	json_object_foreach((json_t *)(uintptr_t)channels, name, c) {
		const json_t *active = json_object_get(c, "active");

		if (n < cap && json_is_integer(active))
			n += (size_t)snprintf(out + n, cap - n, "%s%s %" JSON_INTEGER_FORMAT, n ? ", " : "", name, json_integer_value(active));
		else if (n < cap)
			n += (size_t)snprintf(out + n, cap - n, "%s%s -", n ? ", " : "", name);
	}
}

void table_progress(const json_t *v, char *out, size_t cap)
{
	json_int_t bytes = json_integer_value(json_object_get(v, "bytes")), total = json_integer_value(json_object_get(v, "total"));

	snprintf(out, cap, "%s", "-");
	if (total > 0)
		snprintf(out, cap, "%" JSON_INTEGER_FORMAT " %%", bytes * 100 / total);
}

static void write_cell(const struct column *c, const json_t *v, char out[CELL_MAX])
{
	if (c->write)
		c->write(v, out, CELL_MAX);
	else if (json_is_string(v))
		snprintf(out, CELL_MAX, "%s", json_string_value(v));
	else if (json_is_integer(v))
		snprintf(out, CELL_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		snprintf(out, CELL_MAX, "%.2f", json_real_value(v));
	else if (json_is_boolean(v))
		snprintf(out, CELL_MAX, "%s", json_is_true(v) ? "yes" : "no");
	else
		snprintf(out, CELL_MAX, "-");
}

static void measure(json_t *items, const struct column *columns, int width[COLUMNS_MAX])
{
	char cell[CELL_MAX];
	json_t *item;
	size_t i;

	for (size_t c = 0; columns[c].title; c++) {
		width[c] = (int)strlen(columns[c].title);
		json_array_foreach(items, i, item) {
			write_cell(&columns[c], json_object_get(item, columns[c].key), cell);
			if ((int)strlen(cell) > width[c])
				width[c] = (int)strlen(cell);
		}
	}
}

/* The last column is not padded: it may be a sentence. */
static void print_cell(const struct column *c, int width, const char *text)
{
	if (c[1].title)
		printf("%-*s  ", width, text);
	else
		puts(text);
}

void table_print_take(json_t *answer, const struct column *columns)
{
	json_t *items = json_object_get(answer, "items"), *item;
	int width[COLUMNS_MAX];
	char cell[CELL_MAX];
	size_t i;

	json_make_printable(items);
	measure(items, columns, width);
	for (size_t c = 0; columns[c].title; c++)
		print_cell(&columns[c], width[c], columns[c].title);
	json_array_foreach(items, i, item) {
		for (size_t c = 0; columns[c].title; c++) {
			write_cell(&columns[c], json_object_get(item, columns[c].key), cell);
			print_cell(&columns[c], width[c], cell);
		}
	}
	json_decref(answer);
}
