/* coap_load.c: clients that fetch an image block by block, for measuring a CoAP server.
 *
 *	coap_load [-c CLIENTS] [-k KNOWN] [-s SECONDS] [-z SZX] [-p PID] PORT PATH
 *	coap_load -1 -c CLIENTS PORT PATH
 *
 * Each client has a socket of its own and one request under way, block after
 * block, from the start again after the last. Prints one line of key=value:
 * replies, lost (asked again after a second), bytes, wall and, with -p, the CPU
 * seconds of that process between first and last request. -k: before that, so
 * many other peers ask once and are never heard of again. -1: every client asks
 * once, all at the same moment; lost is then who got no reply within 2 s. */
#include "base/cleanup.h"
#include "coap/option.h"
#include "coap/blockwise.h"
#include "coap/pdu.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define CLIENTS_MAX 10000
#define RETRY_NS INT64_C(1000000000)

struct client {
	int fd;
	uint16_t id;
	uint32_t block;
	int64_t sent_ns;
};

struct load {
	struct client *clients;
	size_t nclients, known;
	unsigned szx;
	int seconds;
	long pid;
	bool once;
	struct sockaddr_in server;
	const char *path;
	uint64_t replies, lost, bytes, wrong;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Nanoseconds that the threads of a process have run. */
static uint64_t cpu_ns(long pid)
{
	char path[400];
	uint64_t sum = 0;
	struct dirent *d;
	DIR *dir;

	if (pid <= 0)
		return 0;
	snprintf(path, sizeof path, "/proc/%ld/task", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		uint64_t ns = 0;
		FILE *f;

		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", pid, d->d_name);
		f = fopen(path, "re");
		if (f && fscanf(f, "%" SCNu64, &ns) == 1)
			sum += ns;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return sum;
}

static int open_client(const struct load *l)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&l->server, sizeof l->server) < 0)
		die("socket");
	return fd;
}

static void ask(const struct load *l, struct client *c)
{
	uint8_t out[256], token[2] = { (uint8_t)(c->id >> 8), (uint8_t)c->id };
	struct blockwise b = { .number = c->block, .szx = (uint8_t)l->szx };
	struct pdu_writer w;

	pdu_begin(&w, out, sizeof out, PDU_CON, PDU_GET, c->id, SPAN_OF(token));
	for (const char *at = l->path; *at == '/';) {
		size_t n = strcspn(at + 1, "/");

		pdu_option(&w, OPTION_URI_PATH, SPAN(at + 1, n));
		at += 1 + n;
	}
	pdu_option_uint(&w, OPTION_BLOCK2, blockwise_value(&b));
	if (send(c->fd, out, pdu_end(&w), 0) < 0 && errno != EAGAIN)
		die("send");
	c->sent_ns = now_ns();
}

/* Takes a reply in; true when it was the one waited for. */
static bool take(struct load *l, struct client *c)
{
	uint8_t in[2048];
	ssize_t n = recv(c->fd, in, sizeof in, 0);
	struct blockwise b;
	struct span value;
	struct pdu m;

	if (n < 0)
		return false;
	if (pdu_read(SPAN(in, (size_t)n), &m, NULL) || m.id != c->id)
		return false;
	if (m.code != PDU_CONTENT || !option_find(m.options, OPTION_BLOCK2, &value) ||
	    blockwise_read(value, &b, NULL) || b.number != c->block) {
		l->wrong++;
		return false;
	}
	l->replies++;
	l->bytes += m.payload.n;
	c->block = b.has_more ? c->block + 1 : 0;
	c->id++;
	return true;
}

/* Each is answered before the next one asks, so that the server knows them all. */
static void meet_known(struct load *l)
{
	for (size_t i = 0; i < l->known; i++) {
		struct client c = { .fd = open_client(l), .id = (uint16_t)i };
		struct pollfd p = { .fd = c.fd, .events = POLLIN };

		do {
			ask(l, &c);
		} while (poll(&p, 1, 50) != 1 || !take(l, &c));
		close(c.fd);
	}
	l->replies = l->bytes = 0;
}

static void retry_lost(struct load *l)
{
	int64_t now = now_ns();

	for (size_t i = 0; i < l->nclients; i++)
		if (now - l->clients[i].sent_ns > RETRY_NS) {
			l->lost++;
			ask(l, &l->clients[i]);
		}
}

static void run(struct load *l, int epoll)
{
	struct epoll_event events[256];
	int64_t end = now_ns() + l->seconds * RETRY_NS, look = now_ns() + RETRY_NS;

	for (size_t i = 0; i < l->nclients; i++)
		ask(l, &l->clients[i]);
	for (int64_t now = now_ns(); now < end; now = now_ns()) {
		int n = epoll_wait(epoll, events, 256, 100);

		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;

			if (take(l, c) && !l->once)
				ask(l, c);
		}
		if (l->once && l->replies == l->nclients)
			return;
		if (!l->once && now > look) {
			retry_lost(l);
			look = now + RETRY_NS;
		}
	}
	if (l->once)
		l->lost = l->nclients - l->replies;
}

static void raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void measure(struct load *l)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint64_t cpu;
	int64_t from;

	raise_limit();
	meet_known(l);
	l->clients = calloc(l->nclients, sizeof *l->clients);
	if (!l->clients)
		die("memory");
	for (size_t i = 0; i < l->nclients; i++) {
		struct client *c = &l->clients[i];
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

		*c = (struct client){ .fd = open_client(l), .id = (uint16_t)(i * 7) };
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
			die("epoll");
	}
	cpu = cpu_ns(l->pid);
	from = now_ns();
	run(l, epoll);
	printf("replies=%" PRIu64 " lost=%" PRIu64 " wrong=%" PRIu64 " bytes=%" PRIu64 " wall_s=%.3f cpu_s=%.6f\n",
	       l->replies, l->lost, l->wrong, l->bytes, (double)(now_ns() - from) / 1e9,
	       (double)(cpu_ns(l->pid) - cpu) / 1e9);
	free(l->clients);
	close(epoll);
}

int main(int argc, char **argv)
{
	struct load l = { .nclients = 1, .seconds = 3, .szx = 6, .server = { .sin_family = AF_INET } };
	int c;

	while ((c = getopt(argc, argv, "1c:k:p:s:z:")) != -1) {
		switch (c) {
		case '1':
			l.once = true;
			l.seconds = 2;
			break;
		case 'c':
			l.nclients = (size_t)atoi(optarg);
			break;
		case 'k':
			l.known = (size_t)atoi(optarg);
			break;
		case 'p':
			l.pid = atol(optarg);
			break;
		case 's':
			l.seconds = atoi(optarg);
			break;
		case 'z':
			l.szx = (unsigned)atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	if (optind + 2 != argc || l.nclients == 0 || l.nclients > CLIENTS_MAX || l.szx > BLOCKWISE_SZX_MAX) {
		fprintf(stderr, "usage: coap_load [-1] [-c CLIENTS] [-k KNOWN] [-s SECONDS] [-z SZX] [-p PID] PORT PATH\n");
		return 2;
	}
	l.server.sin_port = htons((uint16_t)atoi(argv[optind]));
	l.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l.path = argv[optind + 1];
	measure(&l);
	return 0;
}
