/* peers.h: IPFS sources on the test's own loop: each does to a fetcher what its deed says.
 *
 *	/ipfs/{cid}?format=car|raw	a trustless gateway
 *	/car/{cid}.car			a CAR that is a file
 *	/blocks/{cid}			blocks that are files
 *	/image/{sha256}			the plain file, whatever its name
 *	/inner/{cid}.car		its inner blocks
 * CAR and plain file know Range and If-Range. */
#ifndef TESTS_KEEPER_PEERS_H
#define TESTS_KEEPER_PEERS_H

#include "dag.h"

#include <uv.h>

#define PEERS_MAX 40
#define PEER_KEY "key-in-a-path"
#define PEER_TOKEN "token-of-ours"

enum deed {
	HONEST,
	NO_CAR,			/* 406 for archives */
	LIES,			/* one byte of the last block is another one */
	TRUNCATES,		/* half an archive */
	TRUNCATES_ALL,		/* and no single blocks either */
	DOWN,			/* hangs up at once */
	SILENT,			/* never answers */
	SILENT_AFTER_HALF,
	LACKS,			/* 404 */
	THROTTLES,		/* 429 */
	THROTTLES_SHORTLY,	/* 429, each time for a second */
	STREAM_BREAKS,		/* half of everything, whole as HTTP sees it, and X-Stream-Error behind it */
	SILENT_BLOCKS,		/* 406 for archives, and no answer for blocks */
	ECHOES,			/* of a type that is made of the keys that it was given: see there */
	BREAKS,			/* every reply after PEER_BREAK_BYTES */
	BREAKS_WITHOUT_RANGE,	/* and each begins at the front */
	NO_RANGES,		/* all of a file, whatever is asked for */
	CHANGES,		/* BREAKS, and the file is another one each time */
	NO_INNER,		/* 404 for inner blocks */
	LIES_IN_LEAVES,		/* 406 for archives, inner blocks right, leaves not */
	ONLY_CARS,		/* 404 for single blocks */
	LACKS_LAST,		/* 404 for the last block alone; and 406 for archives */
	INNER_DENIED,		/* 403 for inner blocks */
	LIES_WITHOUT_RANGES,	/* NO_RANGES, and the last byte is another one */
	PAGE,			/* 429 with a page that is longer than the image */
	DRIBBLES,		/* every reply breaks after a hundred bytes */
	FLAKY,			/* hangs up on every other request */
	LACKS_SECOND,		/* 404 for the root's second child; and 406 for archives */
	DENIES_OR_LACKS,	/* 406 for archives; 403 or 404 in turn for blocks but the root */
	LIES_IN_WHOLE,		/* 416 for parts of the file; all of it is wrong, and breaks after PEER_BREAK_BYTES */
};

#define PEER_BREAK_BYTES 100000

struct peer {
	uv_tcp_t tcp;
	enum deed deed;
	const struct dag *dag;
	const struct dag_entry *root;
	char url[64];
	unsigned requests;		/* all of them: */
	unsigned cars, blocks, files, inners;
	uint64_t sent;			/* bytes of bodies */
	uint64_t file_sent;		/* of these, of the plain file */
};

/* Listens on a free port of loopback. dag and root may be changed later. */
void peer_open(struct peer *p, uv_loop_t *loop, enum deed deed, const struct dag *dag, const struct dag_entry *root);
void peer_close(struct peer *p);

#endif
