/* download.h: what a gateway gives out in pieces (bundles, backups), to a file or to standard output. */
#ifndef CLI_DOWNLOAD_H
#define CLI_DOWNLOAD_H

#include "cli/cli.h"
#include "cli/gateway.h"

#include <sys/types.h>

struct download {
	const struct cli *cli;
	const struct gateway_options *gateway;
	char path[64];			/* "/api/v1/exports/ID" and the like */
	uint64_t size;			/* about so many bytes; 0: not known */
	uint64_t at;			/* so many have come */
	mode_t mode;			/* of the file */
	int fd;				/* its own */
};

/* All of it. "-": standard output. Else the file is whole and durable or not there: until then it is PATH.part. */
MUST_USE int download(struct download *d, const char *path, struct err *e);

/* Asks path until the answer's "state" is none of the two (b may be NULL). *at: the answer to begin with, then the last one. */
MUST_USE int wait_while(const struct gateway_options *g, const char *path, const char *a, const char *b, json_t **at, struct err *e);

/* Members of an answer: "" and 0 when they are not there. */
const char *text_at(const json_t *o, const char *key);
uint64_t number_at(const json_t *o, const char *key);

#endif
