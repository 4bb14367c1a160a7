/* sup.h: the keeper's side of its socket to the supervisor.
 *
 * Happy path: SUP_CONF, SUP_LISTENER…, SUP_PEER, SUP_GO arrive in that order
 * and are handed on; sup_ready and sup_catalog answer; SUP_ALIVE goes out from
 * the loop by itself. Later: SUP_PEER again (the server was restarted),
 * SUP_RELOAD, SUP_STOP. The supervisor dies: on_stop. */
#ifndef KEEPER_SUP_H
#define KEEPER_SUP_H

#include "catalog/link.h"
#include "keeper/seqsock.h"

struct sup_owner {
	void (*on_conf)(void *arg, int fd);	/* borrowed; also for a reload */
	void (*on_listener)(void *arg, enum listener_kind kind, struct span address);
	void (*on_peer)(void *arg, int fd);	/* taken */
	void (*on_go)(void *arg);
	void (*on_stop)(void *arg);
	void *arg;
};

struct sup {
	struct seqsock sock;
	uv_timer_t alive;
	bool owes_ready;		/* SUP_READY could not be sent yet */
	struct sup_owner owner;
};

/* Takes fd. */
MUST_USE int sup_open_take(struct sup *s, uv_loop_t *loop, int fd, struct sup_owner owner, struct err *e);
void sup_close(struct sup *s);

/* What fails is tried again by itself. */
void sup_ready(struct sup *s);
/* catalog: a sealed memfd, borrowed. */
MUST_USE int sup_catalog(struct sup *s, int catalog, struct err *e);

#endif
