/* main.c: gatepost-server: the LAN's side of the gateway.
 *
 * The supervisor hands over everything through descriptor 3: configuration,
 * listening sockets, catalogs, the link to the keeper; and SUP_GO, after which
 * the sandbox is entered and the threads start. This thread then accepts connections, speaks with
 * supervisor and keeper, and looks after deadlines. Ends on SUP_STOP or with the supervisor. */
#include "base/cleanup.h"
#include "base/log.h"
#include "server/parts.h"
#include "server/supervised.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define TICK_MS 1000
#define CROWDED_MS 100	/* how soon to look again when there was no room for a connection */

struct server {
	struct parts parts;
	struct supervised_owner owner;
	struct conf *conf, *newest;	/* what it was started with; the last reload's, or NULL */
	int64_t ticked_ms, alive_ms;
	bool is_running, is_stopping;
	bool is_ready_told;
	unsigned owes_taken;		/* SUP_TAKEN could not be sent yet */
	bool owes_alone;		/* nor SUP_ALONE */
	int catalog;			/* one that could not be taken yet; -1: none */
	int status;			/* exit status */
};

static void give_up(struct server *s, const char *what, const struct err *e)
{
	log_broken("server", what, "why=\"%s\"", e->msg);
	s->status = err_may_pass(e) || e->code == ERR_INTERNAL ? SUP_EXIT_LATER : 1;	/* the HTTP library does not say what it lacked */
	s->is_stopping = true;
}

/* --- from the supervisor --- */

static void on_conf(void *arg, int fd, bool is_reload)
{
	struct server *s = arg;
	struct conf *conf;
	struct err e = { 0 };

	if (s->is_stopping)
		return;
	if (conf_read(fd, &conf, &e)) {
		if (!is_reload)
			give_up(s, "configuration", &e);
		return;
	}
	if (s->conf) {
		parts_reload(&s->parts, conf);
		conf_free(s->newest);
		s->newest = conf;
		return;
	}
	s->conf = conf;
	s->parts.conf = conf;
	log_set_level(conf->gateway.log_level);
	if (parts_init(&s->parts, &e))
		give_up(s, "start", &e);
}

static void on_listener(void *arg, enum listener_kind kind, int fd, struct span address)
{
	struct server *s = arg;
	struct listener *l = &s->parts.listeners[s->parts.listeners_n];

	if (s->parts.listeners_n == LISTENERS_MAX || s->is_running) {
		log_broken("server", "a listener too many", "kind=%c", kind);
		close(fd);
		return;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	*l = (struct listener){ .kind = kind, .fd = fd };
	snprintf(l->address, sizeof l->address, "%.*s", (int)address.n, (const char *)address.p);
	s->parts.listeners_n++;
}

static void forget_catalog(struct server *s)
{
	cleanup_close(&s->catalog);
	s->catalog = -1;
}

/* The newest catalog may be a revocation: want of memory or descriptors only delays it. */
static void take_catalog(struct server *s, int fd)
{
	struct err e = { 0 };

	if (!s->conf || s->is_stopping)
		return;
	forget_catalog(s);
	if (parts_set_catalog(&s->parts, fd, &e) == ERR_OK)
		return;
	log_broken("server", "catalog refused; the old one stays", "why=\"%s\"", e.msg);
	if (!err_may_pass(&e))
		return;
	s->catalog = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (s->catalog < 0)
		give_up(s, "catalog", &e);	/* the next one of us is handed it at its start */
}

static void on_catalog(void *arg, int fd)
{
	struct server *s = arg;

	take_catalog(s, fd);
	s->owes_taken += !supervised_say(SUP_TAKEN);
}

static void try_catalog_again(struct server *s)
{
	int fd = STEAL_FD(s->catalog);

	take_catalog(s, fd);
	cleanup_close(&fd);
}

static void on_peer(void *arg, int fd)
{
	struct server *s = arg;

	if (!s->parts.keeper || s->is_stopping) {
		close(fd);
		return;
	}
	keeper_attach_take(s->parts.keeper, fd);
	parts_greet(&s->parts);
}

static void on_go(void *arg)
{
	struct server *s = arg;
	struct err e = { .msg = "nothing was handed over" };

	if (s->is_running || s->is_stopping)
		return;
	if (!s->conf || parts_start(&s->parts, &e)) {
		give_up(s, "start", &e);
		return;
	}
	s->is_running = true;
	s->is_ready_told = supervised_say(SUP_READY);
}

static void on_stop(void *arg)
{
	struct server *s = arg;

	s->is_stopping = true;
}

/* --- the loop --- */

#define POLL_MAX (2 + LISTENERS_MAX)

struct watch {
	struct pollfd fds[POLL_MAX];
	struct listener *listeners[POLL_MAX];	/* of the same index, or NULL */
	nfds_t n;
	bool is_crowded;	/* a listener was left out for want of room */
};

static void watch(struct watch *w, int fd, struct listener *l)
{
	w->fds[w->n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	w->listeners[w->n++] = l;
}

static bool has_room(const struct server *s, const struct listener *l)
{
	return l->kind == LISTENER_HTTP ? httpd_has_room(s->parts.httpd) : operator_has_room(s->parts.operator);
}

static void watch_listeners(struct server *s, struct watch *w)
{
	for (size_t i = 0; i < s->parts.listeners_n; i++) {
		struct listener *l = &s->parts.listeners[i];

		if (l->fd < 0 || l->kind == LISTENER_COAP)
			continue;
		if (has_room(s, l))
			watch(w, l->fd, l);
		else
			w->is_crowded = true;
	}
}

/* A pair that broke while both ends live is replaced by nobody else. */
static void read_keeper(struct server *s)
{
	keeper_read(s->parts.keeper);
	if (keeper_fd(s->parts.keeper) < 0)
		s->owes_alone = !supervised_say(SUP_ALONE);
}

static void on_readable(struct server *s, const struct listener *l, int fd)
{
	if (fd == SUP_FD)
		supervised_read(&s->owner);
	else if (!l)
		read_keeper(s);
	else if (l->kind == LISTENER_HTTP)
		httpd_accept(s->parts.httpd, fd);
	else
		operator_accept(s->parts.operator, fd);
}

static void tick(struct server *s)
{
	int64_t now_ms = clock_mono_ms(clock_system());

	if (now_ms - s->ticked_ms >= TICK_MS && s->parts.keeper) {
		s->ticked_ms = now_ms;
		parts_tick(&s->parts);
		if (s->catalog >= 0)
			try_catalog_again(s);
	}
	if (now_ms - s->alive_ms >= SUP_ALIVE_MS) {
		s->alive_ms = now_ms;
		supervised_say(SUP_ALIVE);
		if (s->owes_alone)
			s->owes_alone = keeper_fd(s->parts.keeper) < 0 && !supervised_say(SUP_ALONE);
		if (s->owes_taken)
			s->owes_taken -= supervised_say(SUP_TAKEN);
		if (s->is_running && !s->is_ready_told)
			s->is_ready_told = supervised_say(SUP_READY);
	}
}

static void turn(struct server *s)
{
	struct watch w = { .n = 0 };
	int keeper = s->parts.keeper ? keeper_fd(s->parts.keeper) : -1;

	watch(&w, SUP_FD, NULL);
	if (keeper >= 0)
		watch(&w, keeper, NULL);
	if (s->is_running)
		watch_listeners(s, &w);
	if (poll(w.fds, w.n, w.is_crowded ? CROWDED_MS : TICK_MS) < 0 && errno != EINTR)
		log_broken("server", "poll failed", "errno=%d", errno);
	for (nfds_t i = 0; i < w.n && !s->is_stopping; i++)
		if (w.fds[i].revents)
			on_readable(s, w.listeners[i], w.fds[i].fd);
	if (!s->is_stopping)
		tick(s);
}

/* Room for all connections and images at once; the soft limit alone is often 1,024. */
static void raise_descriptor_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

int main(int argc, char **argv)
{
	static struct server s = { .parts.slot = CATALOG_SLOT_INIT, .catalog = -1 };
	int type;
	socklen_t n = sizeof type;

	(void)argv;
	if (argc > 1 || getsockopt(SUP_FD, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_SEQPACKET) {
		fprintf(stderr, "gatepost-server %s: started by gatepostd only\n", GATEPOST_VERSION);
		return 2;
	}
	/* The supervisor says when to stop; a terminal's or the service manager's signal reaches it too. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	fcntl(SUP_FD, F_SETFL, O_NONBLOCK);
	fcntl(SUP_FD, F_SETFD, FD_CLOEXEC);
	raise_descriptor_limit();
	s.owner = (struct supervised_owner){ on_conf, on_listener, on_catalog, on_peer, on_go, on_stop, &s };
	while (!s.is_stopping)
		turn(&s);
	parts_stop(&s.parts);
	forget_catalog(&s);
	conf_free(s.newest);
	conf_free(s.conf);
	return s.status;
}
