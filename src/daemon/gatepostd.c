/* gatepostd: starts the keeper and the server and keeps both going.
 *
 * It owns what must outlive either: the listening sockets, so that a restarted
 * server refuses nobody, and the newest catalog, so that it serves at once. It
 * parses nothing from outside: `gatepost-keeper -P` reads the configuration.
 *
 * A child that dies is started again, at once the first time, later and later when it
 * dies again soon; the other one goes on. A child that shows no sign of life is killed. One that gives up
 * by itself before everything was up for the first time ends the service: something is wrong that a restart
 * does not mend, unless it says SUP_EXIT_LATER. */
#include "daemon/gatepostd.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define QUICK_MS 10000		/* a death this soon after the start is one of a series */
#define RESTART_MS 100		/* before the second start of a series; then doubled */
#define RESTART_MAX_MS 10000
#define MEET_MS 200		/* a pair that broke mostly means that one of them has died: its next start brings a new one */
#define HANG_MS (15 * SUP_ALIVE_MS)	/* without a sign of life */
#define STOP_MS 1500		/* SIGTERM ends the service within 2 s */

static int64_t now_ms(void)
{
	return clock_mono_ms(clock_system());
}

static void add_addresses(const struct supervisor *s, enum listener_kind kind, char *out, size_t cap)
{
	size_t n = 0;

	snprintf(out, cap, "none");
	for (size_t i = 0; i < s->listeners_n && n < cap; i++)
		if (s->listeners[i].kind == kind)
			n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? "," : "", s->listeners[i].address);
}

/* The keeper has handed over the last catalog before it is ready: whoever asks us from then on is answered from it. */
static void look_if_ready(struct supervisor *s)
{
	char http[512], coap[512], operator[512];

	if (s->was_ready || !s->child[KEEPER].is_ready || !s->child[SERVER].is_ready || s->untaken)
		return;
	s->was_ready = true;
	add_addresses(s, LISTENER_HTTP, http, sizeof http);
	add_addresses(s, LISTENER_COAP, coap, sizeof coap);
	add_addresses(s, LISTENER_OPERATOR, operator, sizeof operator);
	log_info("gatepostd", "ready", "http=%s coap=%s operator=%s", http, coap, operator);
	notify("READY=1");
}

/* Takes *fd. */
static void on_catalog(struct supervisor *s, int *fd)
{
	if (*fd < 0)
		return;
	cleanup_close(&s->catalog);
	s->catalog = STEAL_FD(*fd);
	if (s->child[SERVER].pid)
		child_send_catalog(s);
}

/* All that a child has said. */
static void listen_to(struct supervisor *s, int which)
{
	struct child *c = &s->child[which];
	int fds[IO_FDS_MAX];
	uint8_t bytes[SUP_MESSAGE_MAX];
	size_t n = 0;
	int rc;

	while ((rc = io_recv_fds(c->sock, bytes, sizeof bytes, &n, fds, NULL)) == ERR_OK) {
		c->alive_ms = now_ms();
		if (bytes[0] == SUP_READY)
			c->is_ready = true;
		else if (bytes[0] == SUP_TAKEN && which == SERVER && s->untaken > 0)
			s->untaken--;
		else if (bytes[0] == SUP_ALONE && which == SERVER)
			s->meet_ms = now_ms() + MEET_MS;
		else if (bytes[0] == SUP_CATALOG && which == KEEPER)
			on_catalog(s, &fds[0]);
		for (size_t i = 0; i < IO_FDS_MAX; i++)
			cleanup_close(&fds[i]);
		look_if_ready(s);
	}
	if (rc != ERR_BUSY) {	/* closed: its death is told by SIGCHLD; until then there is nothing to hear */
		close(c->sock);
		c->sock = -1;
	}
}

/* The pause before the next start, in a series of deaths or of failures to start. */
static int64_t pause_ms(const struct child *c)
{
	int64_t ms = c->quick < 2 ? 0 : RESTART_MS << (c->quick < 9 ? c->quick - 2 : 7);

	return ms < RESTART_MAX_MS ? ms : RESTART_MAX_MS;
}

/* When to start it again. */
static void on_death(struct supervisor *s, struct child *c, int status)
{
	bool was_quick = now_ms() - c->started_ms < QUICK_MS;

	listen_to(s, (int)(c - s->child));	/* its last words, e.g. a catalog */
	cleanup_close(&c->sock);
	c->sock = -1;
	c->pid = 0;
	c->quick = was_quick ? c->quick + 1 : 0;
	c->restart_ms = now_ms() + pause_ms(c);
	log_broken("gatepostd", "a process has ended", "name=%s %s=%d restart_ms=%d", c->name, WIFSIGNALED(status) ? "signal" : "status",
		   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), (int)pause_ms(c));
}

/* False: give up. */
static bool reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < CHILDREN; i++) {
			if (s->child[i].pid != pid)
				continue;
			on_death(s, &s->child[i], status);
			if (!s->was_ready && WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != SUP_EXIT_LATER)
				return false;
		}
	}
	return true;
}

static void on_hangup(struct supervisor *s)
{
	struct plan plan;
	struct err e = { 0 };

	if (plan_resolve(s, &plan, &e)) {
		log_broken("gatepostd", "the old configuration stays", "why=\"%s\"", e.msg);
		return;
	}
	if (!plan_has_same_listeners(&plan, &s->plan))
		log_unusual("gatepostd", "changed listeners need a restart", "%s", "");
	plan.listen_n = s->plan.listen_n;
	memcpy(plan.listen, s->plan.listen, sizeof plan.listen);
	plan_close(&s->plan);
	s->plan = plan;
	log_set_level(plan.level);
	for (int i = 0; i < CHILDREN; i++)
		if (s->child[i].pid)
			child_send(&s->child[i], SUP_RELOAD, SPAN(NULL, 0), plan.conf[i]);
	log_info("gatepostd", "configuration read again", "file=%s", s->file);
}

/* Starts those whose time has come, kills those that hang. Gives the time until it must be called again. */
static int tend(struct supervisor *s)
{
	int64_t now = now_ms(), next = SUP_ALIVE_MS;
	unsigned started = 0;
	struct err e = { 0 };

	for (int i = 0; i < CHILDREN; i++) {
		struct child *c = &s->child[i];

		if (c->pid && now - c->alive_ms > HANG_MS) {
			log_broken("gatepostd", "no sign of life: killed", "name=%s", c->name);
			kill(c->pid, SIGKILL);
			c->alive_ms = now;
		} else if (!c->pid && c->restart_ms <= now) {
			if (child_start(s, i, &e) == ERR_OK) {
				started |= 1u << i;
				continue;
			}
			c->quick = c->quick < 2 ? 2 : c->quick + 1;
			c->restart_ms = now + pause_ms(c);
			next = pause_ms(c) < next ? pause_ms(c) : next;
			log_broken("gatepostd", "cannot start", "name=%s why=\"%s\"", c->name, e.msg);
		} else if (!c->pid && c->restart_ms - now < next) {
			next = c->restart_ms - now;
		}
	}
	if (started || (s->meet_ms && s->meet_ms <= now)) {
		s->meet_ms = 0;
		child_introduce(s, started);
	} else if (s->meet_ms && s->meet_ms - now < next) {
		next = s->meet_ms - now;
	}
	/* Devices are served as long as the server lives: nobody but its death should end all of us. */
	if (s->child[SERVER].pid && now - s->child[SERVER].alive_ms < HANG_MS)
		notify("WATCHDOG=1");
	return (int)next;
}

/* The next signal, or 0. */
static int next_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	return read(s->signals, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

static void stop(struct supervisor *s)
{
	int64_t end = now_ms() + STOP_MS;

	notify("STOPPING=1");
	for (int i = 0; i < CHILDREN; i++)
		if (s->child[i].pid)
			child_send(&s->child[i], SUP_STOP, SPAN(NULL, 0), -1);
	while ((s->child[KEEPER].pid || s->child[SERVER].pid) && now_ms() < end) {
		struct pollfd p = { s->signals, POLLIN, 0 };

		poll(&p, 1, (int)(end - now_ms()));
		next_signal(s);
		for (int i = 0; i < CHILDREN; i++)
			if (s->child[i].pid && waitpid(s->child[i].pid, NULL, WNOHANG) == s->child[i].pid)
				s->child[i].pid = 0;
	}
	for (int i = 0; i < CHILDREN; i++)
		if (s->child[i].pid) {
			log_broken("gatepostd", "did not end in time: killed", "name=%s", s->child[i].name);
			kill(s->child[i].pid, SIGKILL);
		}
	log_info("gatepostd", "stopped", "%s", "");
}

/* The exit status. */
static int supervise(struct supervisor *s)
{
	bool is_fine = true;
	int signal = 0;

	while (is_fine && signal != SIGTERM && signal != SIGINT) {
		int wait_ms = tend(s);
		struct pollfd p[] = { { s->signals, POLLIN, 0 }, { s->child[KEEPER].sock, POLLIN, 0 }, { s->child[SERVER].sock, POLLIN, 0 } };

		poll(p, 3, wait_ms);
		for (int i = 0; i < CHILDREN; i++)
			if (p[1 + i].revents && s->child[i].sock >= 0)
				listen_to(s, i);
		signal = next_signal(s);
		if (signal == SIGCHLD)
			is_fine = reap(s);
		else if (signal == SIGHUP)
			on_hangup(s);
	}
	stop(s);
	return is_fine ? 0 : 1;
}

static int run(struct supervisor *s, bool only_check)
{
	struct err e = { 0 };
	sigset_t ours;
	int rc = plan_resolve(s, &s->plan, &e);

	if (!rc && only_check)
		return puts("ok") < 0;
	if (!rc)
		rc = plan_directories(&s->plan, &e);
	if (!rc)
		rc = plan_listen(s, &e);
	if (rc) {
		fprintf(stderr, "gatepostd: %s\n", e.msg);
		return 1;
	}
	log_set_level(s->plan.level);
	sigemptyset(&ours);
	for (const int *n = (const int[]){ SIGCHLD, SIGHUP, SIGTERM, SIGINT, 0 }; *n; n++)
		sigaddset(&ours, *n);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signals = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->signals < 0) {
		fprintf(stderr, "gatepostd: signals: %s\n", strerror(errno));
		return 1;
	}
	return supervise(s);
}

static int usage(void)
{
	fprintf(stderr, "usage: gatepostd [-c FILE] [-T] [-V]\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct supervisor s = {
		.file = GATEPOST_SYSCONFDIR "/gatepost.conf",
		.child = { [KEEPER] = { .name = "gatepost-keeper", .sock = -1 }, [SERVER] = { .name = "gatepost-server", .sock = -1 } },
		.catalog = -1,
	};
	bool only_check = false;
	int opt;

	while ((opt = getopt(argc, argv, "c:TV")) != -1) {
		if (opt == 'V')
			return puts("gatepostd " GATEPOST_VERSION) < 0;
		if (opt == '?')
			return usage();
		if (opt == 'T')
			only_check = true;
		else
			s.file = optarg;
	}
	if (optind != argc)
		return usage();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	child_find_programs(&s);
	return run(&s, only_check);
}
