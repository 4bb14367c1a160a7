/* http_stand.c: plays supervisor and keeper for a real gatepost-server, without chain, IPFS or database.
 *
 *	http_stand SERVER STATE-DIR [SECTION.KEY=VALUE …]	settings of gatepost.conf(5)
 *
 * Lines on stdin say what the catalog holds and what the keeper does:
 *
 *	image FILE [revoked|damaged]		copies it into STATE/objects; its CID is the raw one
 *	product NAME [FILE]			the file: its entries, in STATE/entries under the SHA-256 of NAME
 *	channel NAME [pending] | release SEQUENCE CHANNEL FILE VERSION MANIFEST-FILE
 *	catalog					hands over what was said since the last one
 *	keeper on|off				a fresh link, or none
 *	go					the server starts to serve (once)
 *	stop
 *
 * Lines of JSON on stdout: {"ready":…} with the ports, then what the keeper hears:
 * {"seen":…}, {"report":…}, {"rot":…}, {"wanted":…}, {"entries_rot":…}, {"ack":GENERATION}.
 *
 * Reports are acknowledged with 204, of device "busy" with 503, of device "mute" never. Calls are answered by their path:
 * …/echo with what came, …/large with 100,000 bytes, …/mute never; 401 unless the token is "good". */
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "catalog/builder.h"
#include "catalog/link.h"
#include "formats/sha256.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

struct stand {
	const char *state;
	pid_t pid;
	int sup, peer;
	uint64_t generation;
	struct builder *b;
	struct { char path[256]; struct hash32 sha256; } images[64];
	size_t images_n;
	unsigned ports[256];	/* by listener kind */
};

static void must(int rc, const struct err *e)
{
	if (rc)
		errx(1, "%s", e->msg);
}

static void say(const char *fmt, ...) PRINTF(1, 2);
static void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* --- supervisor --- */

static void tell_server(struct stand *s, enum sup_type type, struct span rest, int fd)
{
	AUTO(buf_free) struct buf b = BUF_INIT(SUP_MESSAGE_MAX);
	struct err e = { 0 };

	buf_byte(&b, (uint8_t)type);
	buf_add(&b, rest);
	must(io_send_fds(s->sup, buf_span(&b), fd >= 0 ? &fd : NULL, fd >= 0, &e), &e);
}

static void listen_as(struct stand *s, enum listener_kind kind)
{
	bool is_udp = kind == LISTENER_COAP;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	autoclose int fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	char text[64];

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || (!is_udp && listen(fd, 1024) < 0) ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		err(1, "listen");
	s->ports[kind] = ntohs(a.sin_port);
	snprintf(text, sizeof text, "%c127.0.0.1:%u", kind, s->ports[kind]);
	tell_server(s, SUP_LISTENER, span_str(text), fd);
}

static void send_conf(struct stand *s, char **settings)
{
	AUTO(buf_free) struct buf b = BUF_INIT(64 * KIB);
	autoclose int fd = -1;
	struct err e = { 0 };

	buf_fmt(&b, "state-dir %s\n\n[gateway]\nname = stand\nstate-dir = %s\n"
		    "[chain]\nchain-id = 1\nregistry = 0x00000000000000000000000000000000000000aa\n", s->state, s->state);
	for (; *settings; settings++) {
		char *dot = strchr(*settings, '.'), *eq = strchr(*settings, '=');

		if (!dot || !eq || eq < dot)
			errx(2, "%s: not SECTION.KEY=VALUE", *settings);
		buf_fmt(&b, "[%.*s]\n%.*s = %s\n", (int)(dot - *settings), *settings, (int)(eq - dot - 1), dot + 1, eq + 1);
	}
	must(io_sealed_memfd("conf", buf_span(&b), &fd, &e), &e);
	tell_server(s, SUP_CONF, SPAN(NULL, 0), fd);
}

static void start_server(struct stand *s, const char *program)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		err(1, "socketpair");
	s->sup = pair[0];
	s->pid = fork();
	if (s->pid < 0)
		err(1, "fork");
	if (s->pid)
		return (void)close(pair[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if ((pair[1] == SUP_FD ? fcntl(pair[1], F_SETFD, 0) : dup2(pair[1], SUP_FD)) < 0)
		err(1, "dup2");
	execl(program, program, (char *)NULL);
	err(1, "%s", program);
}

/* --- keeper --- */

static void send_peer(struct stand *s, struct buf *b, int fd)
{
	struct err e = { 0 };

	must(buf_ok(b, &e), &e);
	if (io_send_fds(s->peer, buf_span(b), fd >= 0 ? &fd : NULL, fd >= 0, &e))
		warnx("%s", e.msg);
	buf_free(b);
}

static void link_up(struct stand *s)
{
	int pair[2];

	if (s->peer >= 0)
		close(s->peer);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		err(1, "socketpair");
	s->peer = pair[0];
	tell_server(s, SUP_PEER, SPAN(NULL, 0), pair[1]);
	close(pair[1]);
}

/* A long body goes as a memfd. */
static void answer(struct stand *s, const struct link_answer *a)
{
	struct buf b = BUF_INIT(LINK_MESSAGE_MAX);
	struct link_answer m = *a;
	autoclose int fd = -1;
	struct err e = { 0 };

	if (m.body.n > LINK_BODY_INLINE) {
		must(io_sealed_memfd("answer", m.body, &fd, &e), &e);
		m.body = SPAN(NULL, 0);
	}
	link_answer_write(&b, &m);
	send_peer(s, &b, fd);
}

static void answer_large(struct stand *s, uint64_t id)
{
	static uint8_t body[100000];

	memset(body, 'x', sizeof body);
	answer(s, &(struct link_answer){ .id = id, .status = 200, .type = SPAN_LIT("text/plain"), .body = SPAN_OF(body) });
}

static bool ends_with(struct span s, const char *tail)
{
	size_t n = strlen(tail);

	return s.n >= n && memcmp(s.p + s.n - n, tail, n) == 0;
}

static void answer_echo(struct stand *s, const struct link_call *m)
{
	AUTO(buf_free) struct buf b = BUF_INIT(LINK_MESSAGE_MAX);

	buf_fmt(&b, "{\"method\":%u,\"path\":\"", m->method);
	buf_json(&b, m->path);
	buf_str(&b, "\",\"address\":\"");
	buf_json(&b, m->address);
	buf_str(&b, "\",\"body\":\"");
	buf_json(&b, m->body);
	buf_str(&b, "\"}");
	answer(s, &(struct link_answer){ m->id, 200, SPAN_LIT("application/json"), SPAN(NULL, 0), buf_span(&b) });
}

static void on_call(struct stand *s, const struct link_call *m)
{
	static const char problem[] = "application/problem+json";
	struct span type = span_str(problem);

	if (!span_is(m->token, "good"))
		answer(s, &(struct link_answer){ m->id, 401, type, SPAN(NULL, 0), SPAN_LIT("{\"status\":401}") });
	else if (ends_with(m->path, "/large"))
		answer_large(s, m->id);
	else if (ends_with(m->path, "/read-only"))
		answer(s, &(struct link_answer){ m->id, 405, type, SPAN_LIT("GET"), SPAN_LIT("{\"status\":405}") });
	else if (!ends_with(m->path, "/mute"))
		answer_echo(s, m);
}

static void on_report(struct stand *s, const struct link_report *m)
{
	struct buf b = BUF_INIT(64);

	say("{\"report\":{\"device\":\"%.*s\",\"product\":\"%.*s\",\"sequence\":%" PRIu64 ",\"state\":\"%s\",\"address\":\"%.*s\"}}",
	    (int)m->device.n, m->device.p, (int)m->product.n, m->product.p, m->sequence,
	    report_state_name((enum report_state)m->state), (int)m->address.n, m->address.p);
	if (span_is(m->device, "mute"))
		return;
	link_report_ack_write(&b, &(struct link_report_ack){ m->id, span_is(m->device, "busy") ? 503 : 204 });
	send_peer(s, &b, -1);
}

static void say_hash(const char *what, const struct hash32 *h, unsigned chunk)
{
	char hex[65];

	say("{\"%s\":{\"sha256\":\"%s\",\"chunk\":%u}}", what, hex_str(SPAN_OF(*h), hex), chunk);
}

static void on_peer(struct stand *s, struct span in)
{
	struct link_call call;
	struct link_report report;
	struct link_rot rot;
	struct link_seen seen;
	struct hash32 wanted;
	uint64_t generation;

	if (!link_call_read(in, &call, NULL))
		on_call(s, &call);
	else if (!link_report_read(in, &report, NULL))
		on_report(s, &report);
	else if (!link_rot_read(in, &rot, NULL))
		say_hash("rot", &rot.sha256, rot.chunk);
	else if (!link_entries_rot_read(in, &wanted, NULL))
		say_hash("entries_rot", &wanted, 0);
	else if (!link_wanted_read(in, &wanted, NULL))
		say_hash("wanted", &wanted, 0);
	else if (!link_catalog_ack_read(in, &generation, NULL))
		say("{\"ack\":%" PRIu64 "}", generation);
	else if (!link_seen_read(in, &seen, NULL))
		say("{\"seen\":{\"device\":\"%.*s\",\"product\":\"%.*s\",\"channel\":\"%.*s\",\"given\":%" PRIu64 ",\"bytes\":%" PRIu64 "}}",
		    (int)seen.device.n, seen.device.p, (int)seen.product.n, seen.product.p, (int)seen.channel.n, seen.channel.p,
		    seen.given, seen.bytes);
}

static void hear(struct stand *s, int *sock)
{
	static uint8_t bytes[LINK_MESSAGE_MAX];
	int fds[IO_FDS_MAX];
	struct err e = { 0 };
	size_t n;

	if (io_recv_fds(*sock, bytes, sizeof bytes, &n, fds, &e)) {
		if (sock == &s->sup)
			errx(3, "the server is gone");
		close(*sock);
		*sock = -1;
		return;
	}
	for (size_t i = 0; i < IO_FDS_MAX; i++)
		cleanup_close(&fds[i]);
	if (sock == &s->peer)
		on_peer(s, SPAN(bytes, n));
	else if (n && bytes[0] == SUP_READY)
		say("{\"ready\":{\"http\":%u,\"coap\":%u,\"operator\":%u,\"pid\":%d}}", s->ports[LISTENER_HTTP],
		    s->ports[LISTENER_COAP], s->ports[LISTENER_OPERATOR], (int)s->pid);
}

/* --- the catalog --- */

static void write_object(struct stand *s, const struct hash32 *sha256, const char *suffix, struct span content)
{
	char hex[65], path[512];
	struct err e = { 0 };

	hex_str(SPAN_OF(*sha256), hex);
	snprintf(path, sizeof path, "%s/objects", s->state);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/objects/%.2s", s->state, hex);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/objects/%.2s/%s%s", s->state, hex, hex, suffix);
	autoclose int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		err(1, "%s", path);
	must(io_write_all(fd, content, &e), &e);
}

static struct builder *builder(struct stand *s)
{
	if (!s->b)
		s->b = builder_new(&(struct builder_about){ .generation = ++s->generation, .chain_id = 1, .gateway = SPAN_LIT("stand") });
	return s->b;
}

static void on_image(struct stand *s, char **words)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(1024 * MIB), sums = BUF_INIT(MIB);
	struct builder_image image = { .state = CATALOG_GOOD, .format = SPAN_LIT("raw") };
	struct err e = { 0 };
	struct cid cid;

	must(io_read_file(AT_FDCWD, words[1], &bytes, &e), &e);
	for (size_t at = 0; at < bytes.n; at += CHUNK_SIZE) {
		struct hash32 h = sha256_of(span_cut(buf_span(&bytes), at, CHUNK_SIZE));

		buf_add(&sums, SPAN_OF(h));
	}
	image.size = bytes.n;
	image.sha256 = sha256_of(buf_span(&bytes));
	image.sums = sha256_of(buf_span(&sums));
	if (words[2])
		image.state = strcmp(words[2], "revoked") == 0 ? CATALOG_REVOKED : CATALOG_DAMAGED;
	write_object(s, &image.sha256, "", buf_span(&bytes));
	write_object(s, &image.sha256, ".sums", buf_span(&sums));
	cid = cid_of_digest(1, CID_RAW, &image.sha256);
	builder_image(builder(s), &image);
	builder_cid(builder(s), &cid, &image.sha256);
	snprintf(s->images[s->images_n].path, sizeof s->images->path, "%s", words[1]);
	s->images[s->images_n++].sha256 = image.sha256;
}

static void write_entries(struct stand *s, const struct hash32 *id, struct span content)
{
	char hex[65], path[512];
	struct err e = { 0 };

	snprintf(path, sizeof path, "%s/entries", s->state);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/entries/%s", s->state, hex_str(SPAN_OF(*id), hex));
	autoclose int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		err(1, "%s", path);
	must(io_write_all(fd, content, &e), &e);
}

static void on_product(struct stand *s, char **words)
{
	AUTO(buf_free) struct buf entries = BUF_INIT(ENTRIES_FILE_MAX);
	struct builder_product p = { .name = span_str(words[1]), .id = sha256_of(span_str(words[1])), .max_age_ms = 3600000,
		.proof = { .number = 5, .time = (uint64_t)time(NULL) }, .trust = TRUST_QUORUM };
	struct err e = { 0 };

	if (words[2]) {
		must(io_read_file(AT_FDCWD, words[2], &entries, &e), &e);
		write_entries(s, &p.id, buf_span(&entries));
		p.entries_bytes = entries.n;
		p.entries_sha256 = sha256_of(buf_span(&entries));
	}
	builder_product(builder(s), &p);
}

static void on_channel(struct stand *s, char **words)
{
	builder_channel(builder(s), span_str(words[1]), words[2] != NULL, 0);
}

static void on_release(struct stand *s, char **words)
{
	AUTO(buf_free) struct buf manifest = BUF_INIT(MANIFEST_MAX);
	struct builder_release r = { .state = CATALOG_ACTIVE };
	char text[CID_TEXT_MAX];
	struct err e = { 0 };
	struct cid cid;

	must(io_read_file(AT_FDCWD, words[5], &manifest, &e), &e);
	for (size_t i = 0; i < s->images_n; i++)
		if (strcmp(s->images[i].path, words[3]) == 0)
			r.image = s->images[i].sha256;
	cid = cid_of_digest(1, CID_RAW, &r.image);
	r.sequence = strtoull(words[1], NULL, 10);
	r.channel = span_str(words[2]);
	r.version = span_str(words[4]);
	r.manifest = buf_span(&manifest);
	r.cid = span_str(cid_text(&cid, text));
	builder_release(builder(s), &r);
}

static void on_catalog(struct stand *s, char **words)
{
	AUTO(buf_free) struct buf out = BUF_INIT(CATALOG_MAX);
	autoclose int fd = -1;
	struct err e = { 0 };

	(void)words;
	must(builder_finish(builder(s), &out, &e), &e);
	builder_free(STEAL_PTR(s->b));
	s->images_n = 0;
	must(io_sealed_memfd("catalog", buf_span(&out), &fd, &e), &e);
	tell_server(s, SUP_CATALOG, SPAN(NULL, 0), fd);
}

static void on_keeper(struct stand *s, char **words)
{
	if (strcmp(words[1], "on") == 0)
		return link_up(s);
	if (s->peer >= 0)
		close(s->peer);
	s->peer = -1;
}

static void on_go(struct stand *s, char **words)
{
	(void)words;
	tell_server(s, SUP_GO, SPAN(NULL, 0), -1);
}

static void on_stop(struct stand *s, char **words)
{
	int status;

	(void)words;
	tell_server(s, SUP_STOP, SPAN(NULL, 0), -1);
	waitpid(s->pid, &status, 0);
	say("{\"stopped\":%d}", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	exit(0);
}

static const struct {
	const char *word;
	int words;
	void (*fn)(struct stand *s, char **words);
} commands[] = {
	{ "image", 2, on_image }, { "product", 2, on_product }, { "channel", 2, on_channel }, { "release", 6, on_release },
	{ "catalog", 1, on_catalog }, { "keeper", 2, on_keeper }, { "go", 1, on_go }, { "stop", 1, on_stop },
};

static void on_line(struct stand *s, char *line)
{
	char *words[8] = { NULL }, *rest = line;
	int n = 0;

	while (n < 7 && (words[n] = strtok_r(rest, " \n", &rest)))
		n++;
	for (size_t i = 0; n && i < sizeof commands / sizeof *commands; i++)
		if (strcmp(words[0], commands[i].word) == 0 && n >= commands[i].words)
			return commands[i].fn(s, words);
	errx(2, "unknown command: %s", line);
}

/* Whole lines only: poll() does not know what a FILE has read ahead. */
static void read_lines(struct stand *s)
{
	static char room[4096];
	static size_t n;
	ssize_t got = read(0, room + n, sizeof room - n - 1);
	char *end;

	if (got <= 0)
		on_stop(s, NULL);
	n += (size_t)got;
	room[n] = 0;
	while ((end = strchr(room, '\n'))) {
		*end = 0;
		if (*room)
			on_line(s, room);
		n -= (size_t)(end + 1 - room);
		memmove(room, end + 1, n + 1);
	}
}

int main(int argc, char **argv)
{
	static struct stand s = { .peer = -1 };

	if (argc < 3)
		errx(2, "usage: http_stand SERVER STATE-DIR [SECTION.KEY=VALUE …]");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	s.state = argv[2];
	start_server(&s, argv[1]);
	send_conf(&s, argv + 3);
	listen_as(&s, LISTENER_HTTP);
	listen_as(&s, LISTENER_COAP);
	listen_as(&s, LISTENER_OPERATOR);
	link_up(&s);
	for (;;) {
		struct pollfd fds[] = { { 0, POLLIN, 0 }, { s.sup, POLLIN, 0 }, { s.peer, POLLIN, 0 } };

		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			err(1, "poll");
		if (fds[1].revents)
			hear(&s, &s.sup);
		if (s.peer >= 0 && fds[2].fd == s.peer && fds[2].revents)
			hear(&s, &s.peer);
		if (fds[0].revents)
			read_lines(&s);
	}
}
