/* rig.h: a keeper with everything but its loop of messages: a world's ledger and store, a configuration, tokens, blobs, a
 * socket to a supervisor that the test holds. */
#ifndef TESTS_KEEPER_RIG_H
#define TESTS_KEEPER_RIG_H

#include "keeper/keeper.h"
#include "world.h"

struct rig {
	struct world w;
	struct keeper k;
	int supervisor;		/* the other end of k.sup; not blocking */
	bool is_stopped;
};

/* In a new directory; product 0 to 2 of world.h are followed, nothing is registered. */
void rig_open(struct rig *r);
/* The keeper goes its way out; the directory stays until rig_close, which does this first where it was not done. */
void rig_stop(struct rig *r);
void rig_close(struct rig *r);

#endif
