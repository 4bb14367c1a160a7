/* seqsock.h: one end of a SOCK_SEQPACKET pair on the keeper's loop.
 *
 * Happy path: every datagram that arrives goes to on_message; seqsock_send
 * sends at once. The other end does not keep up, or the kernel lacks memory: what is sent waits in a
 * bounded queue and goes out, in order, as room appears; past the bound (of
 * bytes, or of descriptors) seqsock_send refuses with ERR_BUSY. It sends without end: after LINK_TURN_MAX
 * datagrams the rest of the loop has its turn. The other end closes, or breaks the
 * framing: on_closed is called once, from the loop; nothing is called after
 * it, and the owner then calls seqsock_close.
 *
 * Used for the supervisor, the server and each client of the control socket. */
#ifndef KEEPER_SEQSOCK_H
#define KEEPER_SEQSOCK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/list.h"
#include "base/sm.h"

#include <uv.h>

struct seqsock;

struct seqsock_owner {
	/* s and fds are borrowed until it returns; descriptors that it keeps it takes with STEAL_FD, the rest are closed. */
	void (*on_message)(void *arg, struct span s, int fds[IO_FDS_MAX]);
	void (*on_closed)(void *arg, const struct err *why);
	void *arg;
};

struct seqsock {
	uv_poll_t poll;
	struct sm sm;
	int fd;
	struct seqsock_owner owner;
	struct list queue;
	size_t queued_bytes;
	unsigned queued_fds;
	uint8_t *datagram;	/* room for one, LINK_MESSAGE_MAX */
	void (*on_freed)(struct seqsock *);
};

/* Takes fd, also on failure. */
MUST_USE int seqsock_open_take(struct seqsock *s, uv_loop_t *loop, int fd, struct seqsock_owner owner, struct err *e);

/* Sends one datagram, with a descriptor (borrowed) unless fd is -1. ERR_NET when closed, ERR_BUSY when the queue is full. */
MUST_USE int seqsock_send(struct seqsock *s, struct span datagram, int fd, struct err *e);

bool seqsock_is_open(const struct seqsock *s);

/* Closes; on_freed (may be NULL) is called from the loop once the struct is no longer used. Safe to call on one that
 * failed to open or was closed: then on_freed is called at once. */
void seqsock_close(struct seqsock *s, void (*on_freed)(struct seqsock *));

#endif
