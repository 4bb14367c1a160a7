/* operator.c: subcommands that speak to a gateway. */
#include "cli/cli.h"

const struct command operator_commands[] = {
	{ NULL },
};
