/* cli.h: what every subcommand of `gatepost` has in common.
 *
 * A subcommand is one row of a table: its words, its options, and the function
 * that does it. One file per group has its rows in an array that main.c lists;
 * main.c knows nothing else about them. --json and --help are everybody's.
 *
 * Results go to stdout, everything for people (progress, notes, errors) to
 * stderr. The function returns an error; main prints it and makes the exit status
 * out of its code, so that scripts can tell what kind of failure it was. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_exit {
	CLI_DONE = 0,
	CLI_REFUSED = 1,	/* by a rule: of the contract, of the formats, of the gateway */
	CLI_USAGE = 2,		/* the command line, or a file that it names */
	CLI_UNREACHABLE = 3,	/* a node, a gateway or an upload target did not answer */
	CLI_INTERNAL = 4,	/* our disk, our memory, our mistake */
};
enum cli_exit cli_exit_of(enum err_code code);

/* --- options --- */

#define OPT_LIST_MAX 32		/* values of one option that may be repeated, and words that are not options */

struct words {
	size_t n;
	const char *v[OPT_LIST_MAX];
};

enum opt_kind {
	OPT_FLAG,	/* bool */
	OPT_TEXT,	/* const char *; NULL when not given */
	OPT_NUMBER,	/* uint64_t; needs no default of its own: use the flag `given` of a text when 0 has a meaning */
	OPT_LIST,	/* struct words */
};

struct opt {
	const char *name;	/* without "--"; NULL ends a table */
	enum opt_kind kind;
	size_t at;		/* offset of its place in the command's struct of options */
	const char *value;	/* what stands for its value in help: "FILE" */
	const char *what;	/* one line for help */
};

struct cli {
	bool json;
	bool is_terminal;	/* stderr: progress and colour make sense */
	bool help;
	struct words words;	/* what is not an option */
};

/* Reads "--name value", "--name=value", flags, and words; "--" ends options. Values are borrowed from argv.
 * ERR_USAGE names the option, and for an unknown one the nearest known. */
MUST_USE int opt_read(const struct opt *table, int argc, char *const *argv, struct cli *cli, void *to, struct err *e);

/* --- subcommands --- */

struct command {
	const char *name;		/* one word or two: "publish", "product register"; NULL ends a table */
	const char *synopsis;		/* its words and most important options */
	const char *what;		/* one line */
	const struct opt *options;
	size_t size;			/* of the struct that options point into; zeroed before they are read */
	int (*run)(struct cli *cli, const void *options, struct err *e);
};

/* Each group's table; main.c has the list of groups. */
extern const struct command publisher_commands[];
extern const struct command operator_commands[];
extern const struct command cache_commands[];
extern const struct command bundle_commands[];
extern const struct command backup_commands[];

/* --- output --- */

/* Prints a flat JSON object and takes it: on one line with --json, else as "key  value" lines; null is "-", and the items of an array
 * follow each other on lines of their own. */
void cli_print_take(const struct cli *cli, json_t *object);
/* A line for people on stderr. */
void cli_note(const char *fmt, ...) PRINTF(1, 2);
/* A progress bar on a terminal, nothing elsewhere. total 0: not known. done == total ends it. */
void cli_progress(const struct cli *cli, const char *what, uint64_t done, uint64_t total);

#endif
