/* supervised.h: the server's side of its socket to the supervisor (catalog/link.h, SUP_*). One thread. */
#ifndef SERVER_SUPERVISED_H
#define SERVER_SUPERVISED_H

#include "catalog/link.h"

struct supervised_owner {
	/* Descriptors are taken, but for conf's, which is borrowed. */
	void (*on_conf)(void *arg, int fd, bool is_reload);
	void (*on_listener)(void *arg, enum listener_kind kind, int fd, struct span address);
	void (*on_catalog)(void *arg, int fd);		/* borrowed */
	void (*on_peer)(void *arg, int fd);
	void (*on_go)(void *arg);
	void (*on_stop)(void *arg);			/* told, or the supervisor is gone */
	void *arg;
};

/* Reads all that waits at SUP_FD, which does not block. */
void supervised_read(const struct supervised_owner *o);
/* SUP_READY, SUP_ALONE, SUP_TAKEN or SUP_ALIVE. False: not sent. A lost SUP_ALIVE is what the watchdog is for. */
bool supervised_say(enum sup_type type);

#endif
