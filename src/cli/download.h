/* download.h: a file that a gateway hands over piece by piece: {"offset", "data" in base64, "last"}, asked for at PATH/data?offset=N. */
#ifndef CLI_DOWNLOAD_H
#define CLI_DOWNLOAD_H

#include "cli/cli.h"
#include "cli/gateway.h"

#include <sys/types.h>

struct download {
	const struct cli *cli;
	const struct gateway_options *o;
	char path[64];			/* of the job in the API */
	uint64_t size;			/* about so much: for the progress bar */
	mode_t mode;			/* of the file */
	uint64_t at;			/* bytes received */
};

/* Whole or not at all: it is called PATH.part until it is. "-" is standard output. */
MUST_USE int download_file(struct download *d, const char *path, struct err *e);

#endif
