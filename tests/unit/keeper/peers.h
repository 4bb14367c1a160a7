/* peers.h: IPFS sources on the test's own loop: each does to a fetcher what its deed says. */
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
	SILENT_BLOCKS,		/* 406 for archives, and no answer for blocks */
	ECHOES,			/* of a type that is made of the keys that it was given: see there */
};

struct peer {
	uv_tcp_t tcp;
	enum deed deed;
	const struct dag *dag;
	const struct dag_entry *root;
	char url[64];
	unsigned cars, blocks;	/* asked for */
};

/* Listens on a free port of loopback. dag and root may be changed later. */
void peer_open(struct peer *p, uv_loop_t *loop, enum deed deed, const struct dag *dag, const struct dag_entry *root);
void peer_close(struct peer *p);

#endif
