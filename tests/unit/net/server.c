/* server.c: see server.h. Blocking sockets, one connection at a time. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
	pthread_t thread;
	enum deed deed;
	const char *text;
	int listener, stop[2];
	uint16_t port;
	atomic_uint accepted;
};

static void need(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

/* True when fd has something to say, false when the test ends or ms have passed. */
static bool wait_for(struct server *s, int fd, int ms)
{
	struct pollfd p[] = { { s->stop[0], POLLIN, 0 }, { fd, POLLIN, 0 } };

	need(poll(p, 2, ms) >= 0, "poll");
	return !p[0].revents && p[1].revents;
}

static bool is_stopped(struct server *s)
{
	struct pollfd p = { s->stop[0], POLLIN, 0 };

	return poll(&p, 1, 0) > 0;
}

static bool put(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

struct request {
	char bytes[2 << 20];
	size_t n;
};

static size_t whole_length(const struct request *r)
{
	const char *end = strstr(r->bytes, "\r\n\r\n"), *length = strcasestr(r->bytes, "content-length:");

	return end ? (size_t)(end + 4 - r->bytes) + (length && length < end ? strtoul(length + 15, NULL, 10) : 0) : SIZE_MAX;
}

static bool get(struct server *s, int fd, struct request *r)
{
	r->n = 0;
	r->bytes[0] = '\0';
	while (r->n < whole_length(r)) {
		ssize_t n;

		if (!wait_for(s, fd, -1))
			return false;
		n = recv(fd, r->bytes + r->n, sizeof r->bytes - 1 - r->n, 0);
		if (n <= 0)
			return false;
		r->n += (size_t)n;
		r->bytes[r->n] = '\0';
	}
	return true;
}

static void flood(struct server *s, int fd, const char *what)
{
	while (put(fd, what, strlen(what)) && !is_stopped(s))
		;
}

static void drip(struct server *s, int fd)
{
	while (!wait_for(s, fd, 100) && !is_stopped(s))
		if (!put(fd, "x", 1))
			return;
}

static void echo(int fd, const struct request *r)
{
	char head[96];

	snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", r->n);
	put(fd, head, strlen(head));
	put(fd, r->bytes, r->n);
}

static void reset(int fd)
{
	struct linger hard = { 1, 0 };

	need(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0, "linger");
}

/* True: wait for one more request. */
static bool answer(struct server *s, int fd, const struct request *r)
{
	if (s->deed == SAY_BACK)
		echo(fd, r);
	else if (!put(fd, s->text, strlen(s->text)))
		return false;
	switch (s->deed) {
	case STALL:
		wait_for(s, fd, -1);
		return false;
	case DRIP:
		drip(s, fd);
		return false;
	case RESET:
		usleep(50000);	/* let the client read first */
		reset(fd);
		return false;
	case FLOOD_BODY:
		flood(s, fd, "0123456789abcdef0123456789abcdef");
		return false;
	case FLOOD_LINES:
		flood(s, fd, "X-Line: 0123456789abcdef0123456789abcdef\r\n");
		return false;
	case SAY:
		return false;
	case SAY_KEEP:
	case SAY_BACK:
		return true;
	}
	return false;
}

static void serve(struct server *s, int fd)
{
	struct request *r = malloc(sizeof *r);

	need(r != NULL, "malloc");
	while (get(s, fd, r) && answer(s, fd, r))
		;
	free(r);
	close(fd);
}

static void *run(void *arg)
{
	struct server *s = arg;

	while (!is_stopped(s)) {
		int fd;

		if (!wait_for(s, s->listener, -1))
			continue;
		fd = accept(s->listener, NULL, NULL);
		if (fd < 0)
			continue;
		s->accepted++;
		serve(s, fd);
	}
	return NULL;
}

struct server *server_new(enum deed deed, const char *text, int is_ipv6)
{
	struct server *s = calloc(1, sizeof *s);
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_storage got;
	socklen_t n = sizeof got;

	need(s != NULL, "calloc");
	s->deed = deed;
	s->text = text;
	s->listener = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(s->listener >= 0, "socket");
	need(bind(s->listener, is_ipv6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4, is_ipv6 ? sizeof a6 : sizeof a4) == 0, "bind");
	need(listen(s->listener, 16) == 0, "listen");
	need(getsockname(s->listener, (struct sockaddr *)&got, &n) == 0, "getsockname");
	s->port = ntohs(is_ipv6 ? ((struct sockaddr_in6 *)&got)->sin6_port : ((struct sockaddr_in *)&got)->sin_port);
	need(pipe(s->stop) == 0, "pipe");
	need(pthread_create(&s->thread, NULL, run, s) == 0, "pthread_create");
	return s;
}

uint16_t server_port(const struct server *s)
{
	return s->port;
}

unsigned server_accepted(const struct server *s)
{
	return s->accepted;
}

void server_free(struct server *s)
{
	need(write(s->stop[1], "x", 1) == 1, "stop");
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
	close(s->stop[1]);
	close(s->listener);
	free(s);
}
