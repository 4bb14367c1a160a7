/* gatepostd_child.c: see gatepostd.h. */
#include "daemon/gatepostd.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

void child_find_programs(struct supervisor *s)
{
	ssize_t n = readlink("/proc/self/exe", s->libexec, sizeof s->libexec - 1);
	char probe[sizeof s->libexec + 32], *slash;

	s->libexec[n > 0 ? n : 0] = '\0';
	slash = strrchr(s->libexec, '/');
	if (slash)
		*slash = '\0';
	snprintf(probe, sizeof probe, "%s/gatepost-keeper", s->libexec);
	if (access(probe, X_OK) < 0)
		snprintf(s->libexec, sizeof s->libexec, "%s", GATEPOST_LIBEXECDIR);
}

/* In the child: everything else closes by itself. Only calls that are safe after fork. */
static void become(const char *path, const char *const args[], int sock)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (sock == SUP_FD ? fcntl(sock, F_SETFD, 0) == 0 : dup2(sock, SUP_FD) == SUP_FD)
		execv(path, (char *const *)(uintptr_t)args);
	_exit(127);
}

int child_exec(const struct supervisor *s, const char *name, const char *const args[], int sock, pid_t *pid, struct err *e)
{
	char path[sizeof s->libexec + 32];

	snprintf(path, sizeof path, "%s/%s", s->libexec, name);
	if (access(path, X_OK) < 0)
		return err_errno(e, "%s", path);
	*pid = fork();
	if (*pid == 0)
		become(path, args, sock);
	return *pid < 0 ? err_errno(e, "fork") : ERR_OK;
}

/* A child that does not take what it is sent hangs or is dead; both are noticed elsewhere. What could not be sent for another
 * reason it would wait for in vain, so it is left: it ends by itself then, and the next one is told everything. */
static void leave(struct child *c, const struct err *why)
{
	log_broken("gatepostd", "a process could not be told: starting it anew", "name=%s why=\"%s\"", c->name, why->msg);
	cleanup_close(&c->sock);
	c->sock = -1;
}

bool child_send(struct child *c, enum sup_type type, struct span more, int fd)
{
	uint8_t bytes[SUP_MESSAGE_MAX] = { (uint8_t)type };
	size_t n = more.n < sizeof bytes ? more.n : sizeof bytes - 1;
	struct err e = { 0 };
	int rc;

	if (c->sock < 0)
		return false;
	if (n)
		memcpy(bytes + 1, more.p, n);
	rc = io_send_fds(c->sock, SPAN(bytes, 1 + n), &fd, fd >= 0, &e);
	if (rc == ERR_BUSY || rc == ERR_NET)
		log_debug("gatepostd", "not sent", "to=%s type=%c why=\"%s\"", c->name, type, e.msg);
	else if (rc)
		leave(c, &e);
	return rc == ERR_OK;
}

void child_send_catalog(struct supervisor *s)
{
	s->untaken += child_send(&s->child[SERVER], SUP_CATALOG, SPAN(NULL, 0), s->catalog);
}

static void send_listener(struct child *c, const struct listener *l, bool with_fd)
{
	char text[sizeof l->address + 1];
	int n = snprintf(text, sizeof text, "%c%s", l->kind, l->address);

	child_send(c, SUP_LISTENER, SPAN(text, (size_t)n), with_fd ? l->fd : -1);
}

int child_start(struct supervisor *s, int which, struct err *e)
{
	struct child *c = &s->child[which];
	const char *const args[] = { c->name, NULL };
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, "socketpair");
	fcntl(pair[0], F_SETFL, O_NONBLOCK);	/* a child that hangs must not hold us up */
	rc = child_exec(s, c->name, args, pair[1], &c->pid, e);
	close(pair[1]);
	if (rc) {
		close(pair[0]);
		c->pid = 0;
		return rc;
	}
	c->sock = pair[0];
	c->is_ready = false;
	c->started_ms = c->alive_ms = clock_mono_ms(clock_system());
	child_send(c, SUP_CONF, SPAN(NULL, 0), s->plan.conf[which]);
	for (size_t i = 0; i < s->listeners_n; i++)
		send_listener(c, &s->listeners[i], which == SERVER);
	if (which == SERVER)
		s->untaken = 0;
	if (which == SERVER && s->catalog >= 0)
		child_send_catalog(s);
	return ERR_OK;
}

void child_introduce(struct supervisor *s, unsigned go)
{
	struct err e = { 0 };
	int pair[2];

	if (s->child[KEEPER].pid && s->child[SERVER].pid) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
			err_drop(err_errno(&e, "socketpair"));
			leave(&s->child[KEEPER], &e);	/* its next start makes them meet */
			pair[KEEPER] = pair[SERVER] = -1;
		}
		for (int i = 0; i < CHILDREN; i++) {
			if (pair[i] >= 0)
				child_send(&s->child[i], SUP_PEER, SPAN(NULL, 0), pair[i]);
			cleanup_close(&pair[i]);
		}
	}
	for (int i = 0; i < CHILDREN; i++)
		if (go & 1u << i)
			child_send(&s->child[i], SUP_GO, SPAN(NULL, 0), -1);
}

void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;

	if (n == 0 || n >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0';	/* an abstract one */
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_unusual("gatepostd", "the service manager was not told", "what=%s", text);
}
