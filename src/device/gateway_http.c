/* gateway_http.c: a request a connection. Devices ask seldom, and a fresh connection has no state to get wrong. */
#include "device/gateway.h"

#include "base/cleanup.h"
#include "base/buf.h"
#include "device/http_head.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECT_MS = 10000, STALL_MS = 30000, REQUEST_MAX = 2048 };

static int connect_to(const struct gateway *g, int *out, struct err *e)
{
	autoclose int fd = socket(g->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;
	socklen_t n = sizeof error;

	if (fd < 0)
		return err_errno(e, "socket");
	if (connect(fd, (const struct sockaddr *)&g->address, g->address_n) < 0 && errno != EINPROGRESS)
		return err_set(e, ERR_NET, "%s: %s", g->authority, strerror(errno));
	if (gateway_poll(fd, POLLOUT, CONNECT_MS) <= 0)
		return err_set(e, ERR_NET, "%s: no connection within %d s", g->authority, CONNECT_MS / 1000);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error != 0)
		return err_set(e, ERR_NET, "%s: %s", g->authority, strerror(error));
	*out = STEAL_FD(fd);
	return ERR_OK;
}

static int send_all(int fd, struct span s, struct err *e)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_set(e, ERR_NET, "sending: %s", strerror(errno));
		if (n < 0 && gateway_poll(fd, POLLOUT, STALL_MS) <= 0)
			return err_set(e, ERR_NET, "sending stalled");
		if (n > 0)
			s = span_cut(s, (size_t)n, s.n);
	}
	return ERR_OK;
}

/* What is there now, at most cap bytes; 0: the peer has closed. */
static int receive(int fd, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	for (;;) {
		ssize_t got = recv(fd, out, cap, 0);

		if (got >= 0) {
			*n = (size_t)got;
			return ERR_OK;
		}
		if (errno != EAGAIN && errno != EINTR)
			return err_set(e, ERR_NET, "the connection broke off: %s", strerror(errno));
		if (gateway_poll(fd, POLLIN, STALL_MS) <= 0)
			return err_set(e, ERR_NET, "nothing came for %d s", STALL_MS / 1000);
	}
}

/* The head, and what came of the body with it (in `in` behind head->n). Interim answers are passed over. */
static int receive_head(int fd, struct buf *in, struct http_head *head, struct err *e)
{
	for (;;) {
		uint8_t *room;
		size_t n = 0;
		int rc = http_head_read(buf_span(in), head, e);

		if (rc == ERR_OK && head->status >= 200)
			return ERR_OK;
		if (rc == ERR_OK) {
			memmove(in->p, in->p + head->n, in->n - head->n);
			in->n -= head->n;
			continue;
		}
		if (rc != ERR_BUSY)
			return rc;
		room = buf_grow(in, 1024);
		if (!room)
			return err_set(e, ERR_FORMAT, "the head is too long");
		rc = receive(fd, room, 1024, &n, e);
		in->n -= 1024 - n;
		if (rc != ERR_OK)
			return rc;
		if (n == 0)
			return err_set(e, ERR_NET, "the gateway closed the connection");
	}
}

static int give(const struct sink *sink, uint64_t *at, struct span data, struct err *e)
{
	if (data.n && !sink->take(sink->arg, *at, data))
		return err_set(e, ERR_LIMIT, "the transfer was stopped");
	*at += data.n;
	return ERR_OK;
}

/* The body up to its length, or, without one, to the end of the connection. */
static int receive_body(int fd, const struct http_head *head, struct span first, const struct sink *sink,
			struct err *e)
{
	uint64_t at = head->from, end = head->has_length ? head->from + head->length : UINT64_MAX;
	uint8_t data[16384];
	int rc;

	first = span_cut(first, 0, end - at < first.n ? (size_t)(end - at) : first.n);
	rc = give(sink, &at, first, e);
	while (rc == ERR_OK && at < end) {
		size_t room = end - at < sizeof data ? (size_t)(end - at) : sizeof data, n = 0;

		rc = receive(fd, data, room, &n, e);
		if (rc == ERR_OK && n == 0)
			return head->has_length ? err_set(e, ERR_NET, "the connection closed within the body") : ERR_OK;
		if (rc == ERR_OK)
			rc = give(sink, &at, SPAN(data, n), e);
	}
	return rc;
}

static int by_status(const struct http_head *h, struct err *e)
{
	enum err_code code = h->status == 404 || h->status == 410 ? ERR_NOT_FOUND :
			     h->status == 503 || h->status == 429 ? ERR_BUSY :
			     h->status == 401 || h->status == 403 ? ERR_DENIED : ERR_RULE;

	return err_set(e, code, "the gateway answered %u", h->status);
}

static int exchange(struct gateway *g, struct span request, int *fd, struct buf *in, struct http_head *head,
		    struct err *e)
{
	int rc = connect_to(g, fd, e);

	if (rc == ERR_OK)
		rc = send_all(*fd, request, e);
	if (rc == ERR_OK)
		rc = receive_head(*fd, in, head, e);
	if (rc == ERR_OK)
		g->retry_s = head->retry_s;
	return rc;
}

int http_get(struct gateway *g, const char *path, uint64_t from, const struct sink *sink, struct err *e)
{
	AUTO(buf_free) struct buf request = BUF_INIT(REQUEST_MAX), in = BUF_INIT(HTTP_HEAD_MAX + 1024);
	autoclose int fd = -1;
	struct http_head head;
	int rc;

	buf_fmt(&request, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: gatepost-device/" GATEPOST_VERSION "\r\n"
		"Connection: close\r\n", path, g->authority);
	if (from > 0)
		buf_fmt(&request, "Range: bytes=%" PRIu64 "-\r\n", from);
	buf_str(&request, "\r\n");
	rc = buf_ok(&request, e);
	if (rc == ERR_OK)
		rc = exchange(g, buf_span(&request), &fd, &in, &head, e);
	if (rc != ERR_OK)
		return rc;
	if (head.status != 200 && head.status != 206)
		return by_status(&head, e);
	return receive_body(fd, &head, span_cut(buf_span(&in), head.n, in.n), sink, e);
}

int http_post(struct gateway *g, const char *path, struct span body, struct err *e)
{
	AUTO(buf_free) struct buf request = BUF_INIT(REQUEST_MAX), in = BUF_INIT(HTTP_HEAD_MAX + 1024);
	autoclose int fd = -1;
	struct http_head head;
	int rc;

	buf_fmt(&request, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: gatepost-device/" GATEPOST_VERSION "\r\n"
		"Connection: close\r\nContent-Type: application/cbor\r\nContent-Length: %zu\r\n\r\n",
		path, g->authority, body.n);
	buf_add(&request, body);
	rc = buf_ok(&request, e);
	if (rc == ERR_OK)
		rc = exchange(g, buf_span(&request), &fd, &in, &head, e);
	if (rc != ERR_OK)
		return rc;
	return head.status / 100 == 2 ? ERR_OK : by_status(&head, e);
}
