/* chain_start.h: a follower from configuration and store. */
#ifndef KEEPER_CHAIN_START_H
#define KEEPER_CHAIN_START_H

#include "keeper/chain.h"

/* Makes the follower with what the store remembers of c->ledger's products. mark is c->mark. */
MUST_USE int chain_start(struct chain *c, struct follower **out, struct err *e);

#endif
