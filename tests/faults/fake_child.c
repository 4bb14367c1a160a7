/* fake_child.c: stands in for gatepost-keeper and gatepost-server, so that the supervisor can be tested alone.
 *
 * Its name says which one it is. It writes what it is told to $FAKE_DIR/NAME.log, a line each, and misbehaves
 * while $FAKE_DIR/NAME.FAULT exists:
 *	hang	no sign of life, answers nothing		deaf	does not stop when told
 *	mute	never ready					quit	ends with status 3 at start
 *	later	ends with SUP_EXIT_LATER at start, the first time
 *	crash	dies by a signal when it would be ready	untaken	does not say that it has a catalog
 * The server answers each HTTP connection with its pid; the keeper hands over a catalog that holds its pid, and greets the server
 * over each new pair.
 *
 * fake_child -n PATH stands in for the service manager: it prints what is sent to the datagram socket PATH. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "catalog/link.h"
#include "daemon/conf.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char *name;
static FILE *out;
static int http = -1, peer = -1;

static bool has_fault(const char *fault)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s.%s", getenv("FAKE_DIR"), name, fault);
	return access(path, F_OK) == 0;
}

static void note(const char *what, struct span text)
{
	fprintf(out, "%d %s %.*s\n", getpid(), what, (int)text.n, text.n ? (const char *)text.p : "");
	fflush(out);
}

static void note_fd(const char *what, int fd)
{
	AUTO(buf_free) struct buf b = BUF_INIT(65536);
	char text[256];

	lseek(fd, 0, SEEK_SET);
	if (io_read_all(fd, &b, NULL))
		abort();
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] == '\n')
			b.p[i] = '|';
	snprintf(text, sizeof text, "%.*s", (int)b.n, b.n ? (char *)b.p : "");
	note(what, span_str(text));
}

static void say(enum sup_type type, int fd)
{
	uint8_t byte = (uint8_t)type;

	if (io_send_fds(SUP_FD, SPAN(&byte, 1), &fd, fd >= 0, NULL))
		exit(1);
}

static void on_go(void)
{
	char text[32];
	int fd;

	note("go", SPAN(NULL, 0));
	if (has_fault("crash"))
		raise(SIGKILL);
	if (has_fault("mute"))
		return;
	if (strcmp(name, "gatepost-keeper") == 0) {
		snprintf(text, sizeof text, "catalog of %d", getpid());
		if (io_sealed_memfd("catalog", span_str(text), &fd, NULL))
			abort();
		say(SUP_CATALOG, fd);
		close(fd);
	}
	say(SUP_READY, -1);
}

static void on_peer(int fd)
{
	char text[32];

	note("peer", SPAN(NULL, 0));
	if (peer >= 0)
		close(peer);
	peer = fd;
	snprintf(text, sizeof text, "greetings from %d", getpid());
	if (strcmp(name, "gatepost-keeper") == 0 && io_send_fds(peer, span_str(text), NULL, 0, NULL))
		note("no-server", SPAN(NULL, 0));
}

static void on_message(struct span s, int fds[IO_FDS_MAX])
{
	switch ((int)s.p[0]) {
	case SUP_CONF:
		note_fd("conf", fds[0]);
		return;
	case SUP_RELOAD:
		note_fd("reload", fds[0]);
		return;
	case SUP_CATALOG:
		note_fd("catalog", fds[0]);
		if (!has_fault("untaken"))
			say(SUP_TAKEN, -1);
		return;
	case SUP_LISTENER:
		note(fds[0] >= 0 ? "listener-fd" : "listener", span_cut(s, 1, s.n));
		if (s.p[1] == LISTENER_HTTP && fds[0] >= 0)
			http = STEAL_FD(fds[0]);
		return;
	case SUP_PEER:
		on_peer(STEAL_FD(fds[0]));
		return;
	case SUP_GO:
		on_go();
		return;
	case SUP_STOP:
		note("stop", SPAN(NULL, 0));
		if (!has_fault("deaf"))
			exit(0);
		return;
	default:
		note("unknown", s);
	}
}

static void receive(void)
{
	uint8_t bytes[SUP_MESSAGE_MAX];
	int fds[IO_FDS_MAX];
	size_t n = 0;

	if (io_recv_fds(SUP_FD, bytes, sizeof bytes, &n, fds, NULL))
		exit(0);	/* the supervisor is gone */
	on_message(SPAN(bytes, n), fds);
	for (size_t i = 0; i < IO_FDS_MAX; i++)
		cleanup_close(&fds[i]);
}

static void serve(void)
{
	char text[128];
	autoclose int fd = accept(http, NULL, NULL);

	if (fd < 0)
		return;
	snprintf(text, sizeof text, "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n%d", getpid());
	if (recv(fd, text + 64, 64, 0) < 0 || send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		note("lost-connection", SPAN(NULL, 0));
}

static void greet(void)
{
	uint8_t bytes[64];
	int fds[IO_FDS_MAX];
	size_t n = 0;

	if (io_recv_fds(peer, bytes, sizeof bytes, &n, fds, NULL)) {
		note("peer-gone", SPAN(NULL, 0));
		close(peer);
		peer = -1;
		return;
	}
	note("heard", SPAN(bytes, n));
}

static int print_notifications(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[256];
	ssize_t n;

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		return 1;
	for (puts("listening"); fflush(stdout) == 0 && (n = recv(fd, text, sizeof text, 0)) > 0;)
		printf("%.*s\n", (int)n, text);
	return 0;
}

int main(int argc, char **argv)
{
	char path[512];

	name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	if (argc > 2 && strcmp(argv[1], "-n") == 0)
		return print_notifications(argv[2]);
	if (argc > 3)
		return conf_resolve(argv[3], SUP_FD);
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof path, "%s/%s.log", getenv("FAKE_DIR"), name);
	out = fopen(path, "a");
	if (!out)
		abort();
	note("start", SPAN(NULL, 0));
	if (has_fault("quit"))
		return 3;
	if (has_fault("later")) {
		snprintf(path, sizeof path, "%s/%s.later", getenv("FAKE_DIR"), name);
		return unlink(path) < 0 ? 3 : SUP_EXIT_LATER;
	}
	for (;;) {
		struct pollfd p[] = { { SUP_FD, POLLIN, 0 }, { http, POLLIN, 0 }, { peer, POLLIN, 0 } };

		if (has_fault("hang")) {
			poll(NULL, 0, 50);
			continue;
		}
		if (poll(p, 3, 200) == 0)
			say(SUP_ALIVE, -1);
		if (p[0].revents)
			receive();
		if (p[1].revents)
			serve();
		if (p[2].revents)
			greet();
	}
}
