/* output.c: what commands print (cli.h). */
#include "cli/cli.h"
#include "cli/printable.h"
#include "base/cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum cli_exit cli_exit_of(enum err_code code)
{
	switch (code) {
	case ERR_OK:
		return CLI_DONE;
	case ERR_FORMAT:
	case ERR_RULE:
	case ERR_PROOF:
	case ERR_LIMIT:
	case ERR_NOT_FOUND:
	case ERR_EXISTS:
	case ERR_BUSY:
	case ERR_DENIED:
		return CLI_REFUSED;
	case ERR_USAGE:
		return CLI_USAGE;
	case ERR_NET:
		return CLI_UNREACHABLE;
	case ERR_IO:
	case ERR_NO_SPACE:
	case ERR_READ_ONLY:
	case ERR_CORRUPT:
	case ERR_MEMORY:
	case ERR_INTERNAL:
		break;
	}
	return CLI_INTERNAL;
}

static void print_value(const json_t *v)
{
	autofree char *text = NULL;

	if (json_is_string(v)) {
		puts(json_string_value(v));
		return;
	}
	text = json_is_null(v) ? strdup("-") : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	puts(text ? text : "?");
}

static void print_member(const char *key, json_t *v)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(v)) {
		printf("%-14s ", key);
		print_value(v);
		return;
	}
	if (json_array_size(v) == 0)
		printf("%-14s -\n", key);
	json_array_foreach(v, i, item) {
		printf("%-14s ", i ? "" : key);
		print_value(item);
	}
}

void cli_print_take(const struct cli *cli, json_t *object)
{
	const char *key;
	json_t *v;

	if (cli->json) {
		json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		json_make_printable(object);
		json_object_foreach(object, key, v)
			print_member(key, v);
	}
	json_decref(object);
}

void cli_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

#define BAR_WIDTH 30

void cli_progress(const struct cli *cli, const char *what, uint64_t done, uint64_t total)
{
	char bar[BAR_WIDTH + 1];
	size_t filled = total ? (size_t)((double)done / (double)total * BAR_WIDTH) : 0;

	if (!cli->is_terminal || cli->json)
		return;
	for (size_t i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%-24.24s [%s] %8.1f MiB", what, bar, (double)done / (1024.0 * 1024.0));
	if (total && done >= total)
		fputc('\n', stderr);
}
