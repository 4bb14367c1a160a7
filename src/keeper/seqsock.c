/* seqsock.c: see seqsock.h. */
#include "keeper/seqsock.h"
#include "base/cleanup.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>

/*  CLOSED ─► OPEN ── other end gone ──► BROKEN ─► CLOSING ─► CLOSED
 *              └──────── seqsock_close ───────────────┘             */
enum { S_CLOSED, S_OPEN, S_BROKEN, S_CLOSING };

static const struct sm_state table[] = {
	[S_CLOSED] = { "closed", SM_TO(S_OPEN) },
	[S_OPEN] = { "open", SM_TO(S_BROKEN) | SM_TO(S_CLOSING) },
	[S_BROKEN] = { "broken", SM_TO(S_CLOSING) },
	[S_CLOSING] = { "closing", SM_TO(S_CLOSED) },
};

struct pending {
	struct list node;
	int fd;
	size_t n;
	uint8_t bytes[];
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct seqsock *s)
{
	int events = UV_READABLE | (list_is_empty(&s->queue) ? 0 : UV_WRITABLE);

	uv_poll_start(&s->poll, events, on_ready);
}

static void drop(struct seqsock *s, struct pending *p)
{
	list_remove(&p->node);
	s->queued_bytes -= p->n;
	s->queued_fds -= p->fd >= 0;
	cleanup_close(&p->fd);
	free(p);
}

static void break_off(struct seqsock *s, const struct err *why)
{
	sm_move(&s->sm, S_BROKEN);
	uv_poll_stop(&s->poll);
	s->owner.on_closed(s->owner.arg, why);
}

static int flush(struct seqsock *s, struct err *e)
{
	LIST_EACH(node, &s->queue) {
		struct pending *p = LIST_ITEM(node, struct pending, node);
		int rc = io_send_fds(s->fd, SPAN(p->bytes, p->n), &p->fd, p->fd >= 0, e);

		if (rc)
			return rc == ERR_BUSY ? ERR_OK : rc;
		drop(s, p);
	}
	return ERR_OK;
}

static int receive(struct seqsock *s, struct err *e)
{
	int fds[IO_FDS_MAX];
	size_t n = 0;
	int rc = io_recv_fds(s->fd, s->datagram, LINK_MESSAGE_MAX, &n, fds, e);

	if (rc)
		return rc;
	s->owner.on_message(s->owner.arg, SPAN(s->datagram, n), fds);
	for (size_t i = 0; i < IO_FDS_MAX; i++)
		cleanup_close(&fds[i]);
	return ERR_OK;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct seqsock *s = poll->data;
	struct err e = { 0 };
	int rc = status < 0 ? err_set(&e, ERR_NET, "poll: %s", uv_strerror(status)) : ERR_OK;

	if (!rc && (events & UV_WRITABLE))
		rc = flush(s, &e);
	for (unsigned n = 0; n < LINK_TURN_MAX && !rc && s->sm.at == S_OPEN; n++)
		rc = receive(s, &e);
	if (s->sm.at != S_OPEN)
		return;		/* the owner closed it from on_message */
	if (rc && rc != ERR_BUSY)
		break_off(s, &e);
	else
		watch(s);
}

int seqsock_open_take(struct seqsock *s, uv_loop_t *loop, int fd_taken, struct seqsock_owner owner, struct err *e)
{
	autoclose int fd = fd_taken;
	int rc;

	*s = (struct seqsock){ .fd = -1, .owner = owner };
	sm_init(&s->sm, "seqsock", table, S_CLOSED);
	list_init(&s->queue);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_errno(e, "local socket");
	s->datagram = malloc(LINK_MESSAGE_MAX);
	if (!s->datagram)
		return err_set(e, ERR_MEMORY, "no memory for a local socket");
	rc = uv_poll_init(loop, &s->poll, fd);
	if (rc < 0) {
		free(STEAL_PTR(s->datagram));
		errno = -rc;
		return err_errno(e, "poll a local socket");
	}
	s->fd = STEAL_FD(fd);
	s->poll.data = s;
	sm_move(&s->sm, S_OPEN);
	watch(s);
	return ERR_OK;
}

static int enqueue(struct seqsock *s, struct span datagram, int fd, struct err *e)
{
	struct pending *p;

	if (s->queued_bytes + datagram.n > LINK_QUEUE_MAX || (fd >= 0 && s->queued_fds == LINK_QUEUE_FDS_MAX))
		return err_set(e, ERR_BUSY, "the other process does not keep up");
	p = malloc(sizeof *p + datagram.n);
	if (!p)
		return err_set(e, ERR_MEMORY, "no memory to queue a message");
	p->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0 && p->fd < 0) {
		free(p);
		return err_errno(e, "duplicate a descriptor");
	}
	p->n = datagram.n;
	if (datagram.n)
		memcpy(p->bytes, datagram.p, datagram.n);
	s->queued_bytes += p->n;
	s->queued_fds += p->fd >= 0;
	list_append(&s->queue, &p->node);
	watch(s);
	return ERR_OK;
}

int seqsock_send(struct seqsock *s, struct span datagram, int fd, struct err *e)
{
	struct err why = { 0 };
	int rc;

	if (!seqsock_is_open(s))
		return err_set(e, ERR_NET, "the other process is gone");
	if (!list_is_empty(&s->queue))
		return enqueue(s, datagram, fd, e);
	rc = io_send_fds(s->fd, datagram, &fd, fd >= 0, &why);
	if (rc == ERR_BUSY || (rc && err_may_pass(&why)))	/* the kernel's want of memory: once more from the loop, then it is broken */
		return enqueue(s, datagram, fd, e);
	if (rc && e)
		*e = why;
	return rc;
}

bool seqsock_is_open(const struct seqsock *s)
{
	return s->sm.table && s->sm.at == S_OPEN;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct seqsock *s = handle->data;

	LIST_EACH(node, &s->queue)
		drop(s, LIST_ITEM(node, struct pending, node));
	cleanup_close(&s->fd);
	s->fd = -1;
	free(STEAL_PTR(s->datagram));
	sm_move(&s->sm, S_CLOSED);
	if (s->on_freed)
		s->on_freed(s);
}

void seqsock_close(struct seqsock *s, void (*on_freed)(struct seqsock *))
{
	if (!s->sm.table || s->sm.at == S_CLOSED) {
		if (on_freed)
			on_freed(s);
		return;
	}
	s->on_freed = on_freed;
	if (s->sm.at == S_CLOSING)
		return;
	sm_move(&s->sm, S_CLOSING);
	uv_close((uv_handle_t *)&s->poll, on_handle_closed);
}
