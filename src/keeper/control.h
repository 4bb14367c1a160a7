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
	uv_poll_t listener;
	int fd;
	struct list clients;
	size_t clients_n;
};

/* Replaces a socket file that a killed keeper left. ERR_IO, ERR_DENIED with the path in the message. */
MUST_USE int control_open(struct control *c, uv_loop_t *loop, struct keeper *k, const char *run_dir, struct err *e);
void control_close(struct control *c);

#endif
