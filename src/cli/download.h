/* download.h: a file that a gateway hands over piece by piece: {"offset", "data" in base64, "last"}, asked for at PATH/data?offset=N.
 *
 * The file is opened before the gateway is asked for anything: a name that cannot be had must not cost it a job that nobody fetches. */
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
	bool is_size_exact;		/* so much was promised, and anything else is refused */
	mode_t mode;			/* of the file */
	uint64_t at;			/* bytes received */
	const char *file;		/* set by download_open, with what follows; -1 before it */
	int fd;
	char part[4096];		/* "": there is none, or it has its name */
};

/* Makes FILE.part. "-" is standard output. file must outlive d. */
MUST_USE int download_open(struct download *d, const char *file, struct err *e);
/* Whole or not at all: it gets its name when all of it is there and on the disk. ERR_NET: what came is less or more than was promised. */
MUST_USE int download_run(struct download *d, struct err *e);
/* What is not whole goes. */
void download_end(struct download *d);

#endif
