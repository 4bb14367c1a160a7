/* bundle.h: commands about offline bundles (docs/bundle.md). */
#ifndef CLI_BUNDLE_H
#define CLI_BUNDLE_H

#include "cli/cli.h"

/* bundle_inspect.c */
int run_bundle_inspect(struct cli *cli, const void *options, struct err *e);

#endif
