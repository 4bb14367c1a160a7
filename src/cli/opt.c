/* opt.c: the option reader of cli.h. getopt_long(3) would do most of it, but keeps its state in globals and
 * prints its own messages. */
#include "cli/cli.h"
#include "base/nearest.h"
#include "base/span.h"

#include <errno.h>
#include <stdlib.h>

static const struct opt *find(const struct opt *table, struct span name)
{
	for (; table && table->name; table++)
		if (span_is(name, table->name))
			return table;
	return NULL;
}

static int unknown(const struct opt *table, struct span name, struct err *e)
{
	struct nearest near = nearest_to(name);

	for (const struct opt *o = table; o && o->name; o++)
		nearest_try(&near, o->name);
	if (near.best)
		return err_set(e, ERR_USAGE, "unknown option --%.*s; did you mean --%s?", (int)name.n, (const char *)name.p,
			       near.best);
	return err_set(e, ERR_USAGE, "unknown option --%.*s", (int)name.n, (const char *)name.p);
}

static int push(struct words *list, const char *value, const char *name, struct err *e)
{
	if (list->n == OPT_LIST_MAX)
		return err_set(e, ERR_USAGE, "%s: more than %d times", name, OPT_LIST_MAX);
	list->v[list->n++] = value;
	return ERR_OK;
}

static int read_number(const struct opt *o, const char *text, uint64_t *out, struct err *e)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		return err_set(e, ERR_USAGE, "--%s: \"%.40s\" is not a number", o->name, text);
	*out = v;
	return ERR_OK;
}

static int store(const struct opt *o, const char *value, void *to, struct err *e)
{
	void *at = (char *)to + o->at;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)at = true;
		return ERR_OK;
	case OPT_TEXT:
		if (*(const char **)at)
			return err_set(e, ERR_USAGE, "--%s: given twice", o->name);
		*(const char **)at = value;
		return ERR_OK;
	case OPT_NUMBER:
		return read_number(o, value, at, e);
	case OPT_LIST:
		return push(at, value, o->name, e);
	}
	return err_set(e, ERR_INTERNAL, "--%s: an option of no kind", o->name);
}

/* Those that every command has. */
static bool is_common(struct span name, struct cli *cli)
{
	if (span_is(name, "json"))
		return cli->json = true;
	if (span_is(name, "help"))
		return cli->help = true;
	return false;
}

/* One option at argv[*i]; moves *i past a value that is a word of its own. */
static int read_option(const struct opt *table, int argc, char *const *argv, int *i, struct cli *cli, void *to,
		       struct err *e)
{
	const char *text = argv[*i] + (argv[*i][1] == '-' ? 2 : 1), *equals = strchr(text, '='), *value = equals ? equals + 1 : NULL;
	struct span name = SPAN(text, equals ? (size_t)(equals - text) : strlen(text));
	const struct opt *o = find(table, name);

	if (!o && !value && is_common(name, cli))
		return ERR_OK;
	if (!o)
		return unknown(table, name, e);
	if (o->kind == OPT_FLAG && value)
		return err_set(e, ERR_USAGE, "--%s takes no value", o->name);
	if (o->kind != OPT_FLAG && !value) {
		if (*i + 1 >= argc)
			return err_set(e, ERR_USAGE, "--%s needs a value: %s", o->name, o->value);
		value = argv[++*i];
	}
	return store(o, value, to, e);
}

int opt_read(const struct opt *table, int argc, char *const *argv, struct cli *cli, void *to, struct err *e)
{
	bool options = true;

	for (int i = 0; i < argc; i++) {
		/* "--name", and "-c" for a name of one letter. */
		bool is_option = options && argv[i][0] == '-' && (argv[i][1] == '-' || (argv[i][1] && !argv[i][2]));
		int rc;

		if (is_option && strcmp(argv[i], "--") == 0) {
			options = false;
			continue;
		}
		if (options && !is_option && argv[i][0] == '-' && argv[i][1])
			return err_set(e, ERR_USAGE, "%s: options begin with --", argv[i]);
		rc = is_option ? read_option(table, argc, argv, &i, cli, to, e)
			       : push(&cli->words, argv[i], "words", e);
		if (rc)
			return rc;
	}
	return ERR_OK;
}
