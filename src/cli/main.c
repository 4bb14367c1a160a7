/* main.c: `gatepost`: finds the subcommand, reads its options, runs it, makes the exit status. */
#include "cli/cli.h"
#include "base/cleanup.h"
#include "base/nearest.h"
#include "base/span.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
	const char *title;
	const struct command *commands;
} groups[] = {
	{ "On a gateway", operator_commands },
	{ "Its cache", cache_commands },
	{ "Backups", backup_commands },
	{ "Without the Internet", bundle_commands },
	{ "For publishers", publisher_commands },
};
#define N_GROUPS (sizeof groups / sizeof *groups)

static void print_usage(FILE *to)
{
	fputs("usage: gatepost COMMAND [WORDS] [--options] [--json]\n", to);
	for (size_t g = 0; g < N_GROUPS; g++) {
		if (groups[g].commands->name)
			fprintf(to, "\n%s:\n", groups[g].title);
		for (const struct command *c = groups[g].commands; c->name; c++)
			fprintf(to, "  %-20s %s\n", c->name, c->what);
	}
	fputs("\n`gatepost COMMAND --help` shows a command's options; gatepost(1) has the rest.\n", to);
}

static void print_help(const struct command *c)
{
	printf("usage: gatepost %s %s\n\n%s\n\n", c->name, c->synopsis, c->what);
	for (const struct opt *o = c->options; o && o->name; o++) {
		char left[64];

		snprintf(left, sizeof left, "%s%s%s%s", o->name[1] ? "--" : "-", o->name, o->value ? " " : "", o->value ? o->value : "");
		printf("  %-32s %s%s\n", left, o->what, o->kind == OPT_LIST ? " (may be repeated)" : "");
	}
	printf("  %-32s %s\n", "--json", "print JSON");
}

/* How many of argv's words are this command's name: 0 when they are not. */
static int match(const struct command *c, int argc, char *const *argv)
{
	char two[64];

	if (argc > 0 && strcmp(c->name, argv[0]) == 0)
		return 1;
	if (argc < 2)
		return 0;
	snprintf(two, sizeof two, "%s %s", argv[0], argv[1]);
	return strcmp(c->name, two) == 0 ? 2 : 0;
}

static const struct command *find(int argc, char *const *argv, int *used)
{
	for (size_t g = 0; g < N_GROUPS; g++)
		for (const struct command *c = groups[g].commands; c->name; c++)
			if ((*used = match(c, argc, argv)) > 0)
				return c;
	return NULL;
}

/* The word alone ("product"), with what may follow it; else the nearest command. */
static int unknown(int argc, char *const *argv, struct err *e)
{
	char typed[80], rest[200] = "";
	struct nearest near;

	snprintf(typed, sizeof typed, "%s%s%s", argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	near = nearest_to(span_str(typed));
	for (size_t g = 0; g < N_GROUPS; g++)
		for (const struct command *c = groups[g].commands; c->name; c++) {
			size_t n = strlen(argv[0]), used = strlen(rest);

			nearest_try(&near, c->name);
			if (strncmp(c->name, argv[0], n) == 0 && c->name[n] == ' ')
				snprintf(rest + used, sizeof rest - used, "%s%s", used ? ", " : "", c->name + n + 1);
		}
	if (rest[0])
		return err_set(e, ERR_USAGE, "%s is followed by one of: %s", argv[0], rest);
	if (near.best)
		return err_set(e, ERR_USAGE, "unknown command \"%s\"; did you mean \"%s\"?", typed, near.best);
	return err_set(e, ERR_USAGE, "unknown command \"%s\"", typed);
}

static int run(int argc, char *const *argv, const char **name, struct err *e)
{
	struct cli cli = { .is_terminal = isatty(STDERR_FILENO) };
	autofree void *options = NULL;
	const struct command *c;
	int used, rc;

	c = find(argc, argv, &used);
	if (!c)
		return unknown(argc, argv, e);
	*name = c->name;
	options = calloc(1, c->size ? c->size : 1);
	if (!options)
		return err_set(e, ERR_MEMORY, "out of memory");
	rc = opt_read(c->options, argc - used, argv + used, &cli, options, e);
	if (rc)
		return rc;
	if (cli.help) {
		print_help(c);
		return ERR_OK;
	}
	return c->run(&cli, options, e);
}

int main(int argc, char **argv)
{
	const char *name = "";
	struct err e = { 0 };

	signal(SIGPIPE, SIG_IGN);	/* a target that hangs up is an error like others */
	if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
		print_usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? CLI_USAGE : CLI_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("gatepost " GATEPOST_VERSION);
		return CLI_DONE;
	}
	if (run(argc - 1, argv + 1, &name, &e) == ERR_OK) {
		if (fflush(stdout) == 0)
			return CLI_DONE;
		err_errno(&e, "stdout");
	}
	fprintf(stderr, "gatepost%s%s: %s\n", *name ? " " : "", name, e.msg);
	if (e.code == ERR_USAGE)
		fprintf(stderr, "`gatepost %s%s--help` shows how.\n", name, *name ? " " : "");
	return (int)cli_exit_of(e.code);
}
