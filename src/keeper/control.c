/* control.c: see control.h. */
#include "keeper/control.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/log.h"
#include "keeper/calls.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct client {
	struct list node;
	struct seqsock sock;
	struct control *control;
	int64_t uid;
};

static void on_client_freed(struct seqsock *s)
{
	free(LIST_ITEM(s, struct client, sock));
}

static void drop(struct client *c)
{
	list_remove(&c->node);
	c->control->clients_n--;
	seqsock_close(&c->sock, on_client_freed);
}

static void on_message(void *arg, struct span s, int fds[IO_FDS_MAX])
{
	struct client *c = arg;

	(void)fds;
	calls_answer(c->control->keeper, &c->sock, s, c->uid);
}

static void on_closed(void *arg, const struct err *why)
{
	(void)why;
	drop(arg);
}

static int add_client(struct control *c, int fd_taken, struct err *e)
{
	autoclose int fd = fd_taken;
	struct ucred who = { 0 };
	socklen_t n = sizeof who;
	struct client *client;
	int rc;

	if (c->clients_n >= CONTROL_CLIENTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d clients of the control socket", CONTROL_CLIENTS_MAX);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
		return err_errno(e, "control socket");
	client = calloc(1, sizeof *client);
	if (!client)
		return err_set(e, ERR_MEMORY, "no memory for a client of the control socket");
	client->control = c;
	client->uid = who.uid;
	rc = seqsock_open_take(&client->sock, c->retry.loop, STEAL_FD(fd),
			       (struct seqsock_owner){ on_message, on_closed, client }, e);
	if (rc) {
		free(client);
		return rc;
	}
	list_append(&c->clients, &client->node);
	c->clients_n++;
	return ERR_OK;
}

static void on_connect(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *timer)
{
	struct control *c = timer->data;

	uv_poll_start(&c->listener, UV_READABLE, on_connect);
}

static void on_connect(uv_poll_t *poll, int status, int events)
{
	struct control *c = poll->data;
	struct err e = { 0 };
	int fd;

	(void)events;
	if (status < 0)
		return;
	fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		/* No descriptor, no memory: whoever waits would be told of again at once, for ever. */
		uv_poll_stop(&c->listener);
		uv_timer_start(&c->retry, on_rested, CONTROL_RETRY_MS, 0);
	}
	if (fd >= 0 && add_client(c, fd, &e))
		log_unusual("keeper", "control client refused", "why=\"%s\"", e.msg);
}

/* Not by getgrnam: the name service loads modules and asks other services. */
gid_t control_group(void)
{
	FILE *f = fopen("/etc/group", "re");
	struct group *g = NULL;
	gid_t found;

	while (f && (g = fgetgrent(f)) != NULL && strcmp(g->gr_name, "gatepost") != 0)
		;
	found = g ? g->gr_gid : CONTROL_GROUP_OWN;
	if (f)
		fclose(f);
	return found;
}

static void share_with_group(const char *path, gid_t group)
{
	if (group != CONTROL_GROUP_OWN && chown(path, (uid_t)-1, group) < 0)
		log_info("keeper", "control socket keeps its group", "why=\"%s\"", strerror(errno));
}

static int listen_at(const char *path, gid_t group, int *out, struct err *e)
{
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	mode_t before;
	int rc;

	if (fd < 0)
		return err_errno(e, "control socket");
	if (strlen(path) >= sizeof at.sun_path)
		return err_set(e, ERR_USAGE, "run-dir: %s is too long for a socket", path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(e, "%s", path);
	before = umask(0117);
	rc = bind(fd, (struct sockaddr *)&at, sizeof at);
	umask(before);
	if (rc < 0 || listen(fd, 16) < 0)
		return err_errno(e, "%s", path);
	share_with_group(path, group);
	*out = STEAL_FD(fd);
	return ERR_OK;
}

static int try_to_open(struct control *c, struct err *e)
{
	char path[256];
	autoclose int fd = -1;
	int rc;

	snprintf(path, sizeof path, "%s/control.sock", c->run_dir);
	(void)mkdir(c->run_dir, 0755);	/* it may be there; if not, there is no binding in it */
	rc = listen_at(path, c->group, &fd, e);
	if (rc)
		return rc;
	rc = uv_poll_init(c->retry.loop, &c->listener, fd);
	if (rc < 0)
		return err_set(e, ERR_IO, "%s: %s", path, uv_strerror(rc));
	c->fd = STEAL_FD(fd);
	c->listener.data = c;
	uv_poll_start(&c->listener, UV_READABLE, on_connect);
	return ERR_OK;
}

/* Without it there is no operator, so it is tried until it works. */
static void on_retry(uv_timer_t *timer)
{
	struct control *c = timer->data;
	struct err e = { 0 };

	if (try_to_open(c, &e) == ERR_OK)
		return;
	log_broken("keeper", "no control socket yet", "why=\"%s\"", e.msg);
	uv_timer_start(&c->retry, on_retry, CONTROL_RETRY_MS, 0);
}

void control_open(struct control *c, uv_loop_t *loop, struct keeper *k, const char *run_dir, gid_t group)
{
	*c = (struct control){ .keeper = k, .run_dir = run_dir, .group = group, .fd = -1 };
	list_init(&c->clients);
	uv_timer_init(loop, &c->retry);
	c->retry.data = c;
	on_retry(&c->retry);
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct control *c = handle->data;

	cleanup_close(&c->fd);
}

void control_close(struct control *c)
{
	if (!c->keeper)
		return;		/* never opened */
	uv_close((uv_handle_t *)&c->retry, NULL);
	LIST_EACH(node, &c->clients)
		drop(LIST_ITEM(node, struct client, node));
	if (c->fd >= 0)
		uv_close((uv_handle_t *)&c->listener, on_listener_closed);
}
