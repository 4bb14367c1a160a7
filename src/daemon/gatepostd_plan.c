/* gatepostd_plan.c: see gatepostd.h. */
#include "daemon/gatepostd.h"
#include "base/aside.h"
#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RESOLVE_MS 10000	/* reading some small files; longer means a dead network file system */

static int read_listen(struct plan *p, const char *line)
{
	if (p->listen_n == LISTENERS_MAX)
		return ERR_LIMIT;
	if (sscanf(line, "listen %15s %45s %u", p->listen[p->listen_n].kind, p->listen[p->listen_n].host,
		   &p->listen[p->listen_n].port) != 3)
		return ERR_FORMAT;
	p->listen_n++;
	return ERR_OK;
}

static int read_line(struct plan *p, const char *line)
{
	if (strncmp(line, "listen ", 7) == 0)
		return read_listen(p, line);
	if (strncmp(line, "run-dir ", 8) == 0)
		return (size_t)snprintf(p->run_dir, sizeof p->run_dir, "%s", line + 8) < sizeof p->run_dir ? ERR_OK : ERR_LIMIT;
	if (strncmp(line, "state-dir ", 10) == 0)
		return (size_t)snprintf(p->state_dir, sizeof p->state_dir, "%s", line + 10) < sizeof p->state_dir ? ERR_OK : ERR_LIMIT;
	if (strncmp(line, "log-level ", 10) == 0)
		return log_level_read(span_str(line + 10), &p->level, NULL);
	return ERR_FORMAT;
}

/* The head ends with an empty line. */
static int read_head(struct plan *p, struct err *e)
{
	char head[16384], *rest = head, *line;
	ssize_t n;

	do
		n = pread(p->conf[KEEPER], head, sizeof head - 1, 0);
	while (n < 0 && errno == EINTR);
	head[n > 0 ? n : 0] = '\0';
	while ((line = strsep(&rest, "\n")) && *line)
		if (read_line(p, line))
			return err_set(e, ERR_FORMAT, "resolved configuration: \"%.60s\"", line);
	return *p->run_dir && *p->state_dir ? ERR_OK : err_set(e, ERR_FORMAT, "resolved configuration: its head is cut");
}

static int receive_conf(int sock, struct plan *p, struct err *e)
{
	struct pollfd ready = { sock, POLLIN, 0 };
	int fds[IO_FDS_MAX];
	uint8_t type[8];
	size_t n = 0;
	int rc;

	do
		rc = poll(&ready, 1, RESOLVE_MS);
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return err_set(e, ERR_BUSY, "the configuration could not be read within %d s", RESOLVE_MS / 1000);
	if (io_recv_fds(sock, type, sizeof type, &n, fds, NULL))
		return err_set(e, ERR_USAGE, "the configuration was refused");
	p->conf[KEEPER] = fds[KEEPER];
	p->conf[SERVER] = fds[SERVER];
	return read_head(p, e);
}

int plan_resolve(const struct supervisor *s, struct plan *out, struct err *e)
{
	const char *const args[] = { "gatepost-keeper", "-P", "-c", s->file, NULL };
	struct plan p = { .conf = { -1, -1 }, .level = LOG_INFO_LEVEL };
	int pair[2], rc;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, "socketpair");
	rc = child_exec(s, "gatepost-keeper", args, pair[1], &pid, e);
	close(pair[1]);
	if (!rc) {
		rc = receive_conf(pair[0], &p, e);
		if (rc == ERR_BUSY)
			kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(pair[0]);
	if (rc)
		plan_close(&p);
	else
		*out = p;
	return rc;
}

void plan_close(struct plan *p)
{
	cleanup_close(&p->conf[KEEPER]);
	cleanup_close(&p->conf[SERVER]);
	p->conf[KEEPER] = p->conf[SERVER] = -1;
}

bool plan_has_same_listeners(const struct plan *a, const struct plan *b)
{
	bool is_same = a->listen_n == b->listen_n;

	for (size_t i = 0; is_same && i < a->listen_n; i++)
		is_same = strcmp(a->listen[i].kind, b->listen[i].kind) == 0 && strcmp(a->listen[i].host, b->listen[i].host) == 0 &&
			  a->listen[i].port == b->listen[i].port;
	return is_same;
}

/* Readable is enough: a disk that became read-only must not end the service. */
static int directory(const char *path, struct err *e)
{
	if (mkdir(path, 0750) < 0 && errno != EEXIST && errno != EROFS)
		return err_errno(e, "cannot make %s", path);
	autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_errno(e, "cannot read %s", path) : ERR_OK;
}

/* Before either child looks there. On a disk that takes no writes they say what is missing. */
static void folders(const char *state_dir)
{
	autoclose int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	err_drop(aside_folder(fd, "objects", NULL));
	err_drop(aside_folder(fd, "entries", NULL));
}

int plan_directories(const struct plan *p, struct err *e)
{
	int rc = directory(p->state_dir, e);

	if (!rc)
		folders(p->state_dir);
	return rc ? rc : directory(p->run_dir, e);
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static void show(struct listener *l, const union address *a)
{
	char host[INET6_ADDRSTRLEN];
	bool is6 = a->any.sa_family == AF_INET6;

	inet_ntop(a->any.sa_family, is6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr, host, sizeof host);
	snprintf(l->address, sizeof l->address, is6 ? "[%s]:%u" : "%s:%u", host, ntohs(is6 ? a->v6.sin6_port : a->v4.sin_port));
}

static int open_socket(union address *a, int type, struct listener *l, struct err *e)
{
	autoclose int fd = socket(a->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t n = a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
	const int on = 1;

	if (fd < 0)
		return err_errno(e, "socket");
	/* 0.0.0.0 and [::] are two listeners: else the second would be refused, or the first be there unasked. */
	if (a->any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		return err_errno(e, "cannot be a listener of IPv6 alone");
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);	/* over TIME_WAIT; with UDP it would share the port */
	if (bind(fd, &a->any, n) < 0 || (type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0))
		return err_errno(e, "cannot listen there");
	if (getsockname(fd, &a->any, &n) < 0)
		return err_errno(e, "cannot tell where it listens");
	l->fd = STEAL_FD(fd);
	show(l, a);
	return ERR_OK;
}

static int open_listener(const struct plan *p, size_t i, struct listener *l, struct err *e)
{
	union address a = { .v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)p->listen[i].port) } };
	int rc;

	l->kind = p->listen[i].kind[0] == 'h' ? LISTENER_HTTP : p->listen[i].kind[0] == 'c' ? LISTENER_COAP : LISTENER_OPERATOR;
	if (inet_pton(AF_INET6, p->listen[i].host, &a.v6.sin6_addr) != 1) {
		a.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)p->listen[i].port) };
		if (inet_pton(AF_INET, p->listen[i].host, &a.v4.sin_addr) != 1)
			return err_set(e, ERR_FORMAT, "%s: not an address", p->listen[i].host);
	}
	rc = open_socket(&a, l->kind == LISTENER_COAP ? SOCK_DGRAM : SOCK_STREAM, l, e);
	return rc ? err_wrap(e, "%s at %s port %u", p->listen[i].kind, p->listen[i].host, p->listen[i].port) : ERR_OK;
}

int plan_listen(struct supervisor *s, struct err *e)
{
	for (size_t i = 0; i < s->plan.listen_n; i++) {
		int rc = open_listener(&s->plan, i, &s->listeners[i], e);

		if (rc)
			return rc;
		s->listeners_n++;
	}
	return ERR_OK;
}
