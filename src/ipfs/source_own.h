/* source_own.h: what source.c and source_reply.c share: the table of kinds. */
#ifndef IPFS_SOURCE_OWN_H
#define IPFS_SOURCE_OWN_H

#include "ipfs/source.h"

#define TYPES_MAX 4

/* How a kind is asked one question. No method: it has no answer to it. */
struct question {
	const char *method;
	const char *path;	/* goes after the source's URL; NULL: the URL is a template by itself */
	const char *accept;
	const char *types[TYPES_MAX];	/* media types it may answer with; none: the hash decides */
	bool has_parts;			/* it is a file, of which parts can be asked for (RFC 9110, 14) */
};

struct source_traits {
	const char *name;
	struct question ask[SOURCE_ASKS];
	bool errors_are_500;	/* whatever went wrong, a missing block too */
	bool is_template;
};

extern const struct source_traits source_traits[SOURCE_KINDS];

#endif
