/* control.h: RUN_DIR/control.sock, where `gatepost` on this host speaks to the keeper.
 *
 * SOCK_SEQPACKET; each datagram is a LINK_CALL, each answer a LINK_ANSWER. Who
 * may connect is the file's mode (0660, group gatepost where it exists): root
 * and that group. A client's user id goes into the audit log. At most
 * CONTROL_CLIENTS_MAX at a time; further ones are closed. */
#ifndef KEEPER_CONTROL_H
#define KEEPER_CONTROL_H

#include "base/err.h"
#include "base/list.h"

#include <uv.h>

struct keeper;

struct control {
	struct keeper *keeper;
	const char *run_dir;		/* borrowed */
	uv_poll_t listener;		/* of fd */
	uv_timer_t retry;		/* until there is one, or there is room for a client again */
	int fd;				/* -1: not made yet */
	struct list clients;
	size_t clients_n;
};

/* Replaces a socket file that a killed keeper left. What fails is logged, and tried again until it works. */
void control_open(struct control *c, uv_loop_t *loop, struct keeper *k, const char *run_dir);
/* Also of one that was never opened (all zero). */
void control_close(struct control *c);

#endif
