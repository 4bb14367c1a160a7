/* control.h: RUN_DIR/control.sock, where `gatepost` on this host speaks to the keeper.
 *
 * SOCK_SEQPACKET; each datagram is a LINK_CALL, each answer a LINK_ANSWER. Who
 * may connect is the file's mode (0660, group gatepost where /etc/group has it, else our own): root
 * and that group. A client's user id goes into the audit log. At most
 * CONTROL_CLIENTS_MAX at a time; further ones are closed. */
#ifndef KEEPER_CONTROL_H
#define KEEPER_CONTROL_H

#include "base/err.h"
#include "base/list.h"

#include <sys/types.h>
#include <uv.h>

struct keeper;

struct control {
	struct keeper *keeper;
	const char *run_dir;		/* borrowed */
	gid_t group;
	uv_poll_t listener;		/* of fd */
	uv_timer_t retry;		/* until there is one, or there is room for a client again */
	int fd;				/* -1: not made yet */
	struct list clients;
	size_t clients_n;
};

#define CONTROL_GROUP_OWN ((gid_t)-1)	/* there is no group gatepost: the file has ours */

/* Who is to have the socket. Before the sandbox, where /etc/group cannot be read. */
gid_t control_group(void);

/* Replaces a socket file that a killed keeper left. What fails is logged, and tried again until it works. */
void control_open(struct control *c, uv_loop_t *loop, struct keeper *k, const char *run_dir, gid_t group);
/* Also of one that was never opened (all zero). */
void control_close(struct control *c);

#endif
