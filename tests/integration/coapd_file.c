/* coapd_file.c: coapd over fixed answers, for tests and benchmarks of the CoAP front alone.
 *
 *	coapd_file [-a ADDRESS] [-t TRUSTED] [-m MANIFEST] IMAGE
 *
 * Prints "ready coap=ADDRESS:PORT" and serves
 *	/fw/acme/lamp			the manifest file (or the image's first 200 bytes), observable
 *	/fw/acme/lamp/image, /sha256/HEX	the image
 *	/fw/acme/lamp/info		a small CBOR map
 *	POST /fw/acme/lamp/report	acknowledged by another thread after 20 ms; after 2.5 s when the body begins with
 *					"slow"; refused when it is empty
 * SIGHUP reads the manifest file again and tells the observers. SIGTERM ends it; then it prints what it counted. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/sha256.h"
#include "server/coapd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define REPORTS_MAX 64

struct body {
	struct span bytes;
	struct hash32 sha256;
};

struct report {
	uint64_t ticket;
	int64_t due_ms;
};

struct program {
	struct body image, manifest, info;
	char by_digest[80];
	pthread_mutex_t lock;		/* over what the reporting thread and a reload share with coapd's */
	struct report reports[REPORTS_MAX];
	size_t nreports;
	struct coapd *coapd;
};

static void die(const char *what, const struct err *e)
{
	fprintf(stderr, "coapd_file: %s: %s\n", what, e ? e->msg : "failed");
	exit(1);
}

static void on_find(void *arg, const struct resource_ask *ask, struct resource *out)
{
	struct program *p = arg;
	const struct body *b = NULL;

	pthread_mutex_lock(&p->lock);
	out->format = CONTENT_OCTETS;
	if (span_is(ask->path, "/fw/acme/lamp")) {
		b = &p->manifest;
		out->is_observable = true;
	} else if (span_is(ask->path, "/fw/acme/lamp/image")) {
		b = &p->image;
	} else if (span_is(ask->path, p->by_digest)) {
		b = &p->image;
		out->max_age_s = 31536000;
	} else if (span_is(ask->path, "/fw/acme/lamp/info")) {
		b = &p->info;
		out->format = CONTENT_CBOR;
	}
	out->code = b ? PDU_CONTENT : PDU_NOT_FOUND;
	if (b) {
		out->size = b->bytes.n;
		memcpy(out->etag, b->sha256.b, sizeof out->etag);
	}
	out->ref = (void *)(uintptr_t)b;
}

static int on_read(void *arg, const struct resource *r, uint64_t off, uint8_t *out, size_t n)
{
	const struct body *b = r->ref;

	(void)arg;
	memcpy(out, b->bytes.p + off, n);
	return 0;
}

static void on_release(void *arg, struct resource *r)
{
	struct program *p = arg;

	(void)r;
	pthread_mutex_unlock(&p->lock);
}

static void on_links(void *arg, struct links *l)
{
	struct program *p = arg;

	links_add(l, &(struct link){ .href = SPAN_LIT("/fw/acme/lamp"), .rt = SPAN_LIT("gatepost.manifest"),
		.format = CONTENT_OCTETS, .size = (int64_t)p->manifest.bytes.n, .is_observable = true });
	links_add(l, &(struct link){ .href = SPAN_LIT("/fw/acme/lamp/image"), .rt = SPAN_LIT("gatepost.image"),
		.format = CONTENT_OCTETS, .size = (int64_t)p->image.bytes.n });
}

static int64_t now_ms(void)
{
	return clock_mono_ms(clock_system());
}

static uint8_t on_post(void *arg, const struct resource_ask *ask, uint64_t ticket, const char **why)
{
	struct program *p = arg;
	struct span body = ask->request->pdu.payload;
	bool is_slow = span_eq(span_cut(body, 0, 4), SPAN_LIT("slow")), taken;

	if (!span_is(ask->path, "/fw/acme/lamp/report"))
		return PDU_NOT_ALLOWED;
	if (body.n == 0) {
		*why = "empty report";
		return PDU_BAD_REQUEST;
	}
	pthread_mutex_lock(&p->lock);
	taken = p->nreports < REPORTS_MAX;
	if (taken)
		p->reports[p->nreports++] = (struct report){ ticket, now_ms() + (is_slow ? 2500 : 20) };
	pthread_mutex_unlock(&p->lock);
	return taken ? 0 : PDU_UNAVAILABLE;
}

/* Answers what is due, as the keeper's thread would. */
static void answer_reports(struct program *p)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->nreports;) {
		if (p->reports[i].due_ms > now_ms()) {
			i++;
			continue;
		}
		coapd_report_done(p->coapd, p->reports[i].ticket, PDU_CHANGED);
		p->reports[i] = p->reports[--p->nreports];
	}
	pthread_mutex_unlock(&p->lock);
}

static struct body map_file(const char *path)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	struct body b = { SPAN(NULL, 0), { { 0 } } };
	void *at;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path, NULL);
	if (st.st_size > 0) {
		at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
		if (at == MAP_FAILED)
			die(path, NULL);
		b.bytes = SPAN(at, (size_t)st.st_size);
	}
	b.sha256 = sha256_of(b.bytes);
	return b;
}

static int open_socket(const char *address, char *text, size_t n)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
	struct sockaddr *a = is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six;
	socklen_t len = is_four ? sizeof four : sizeof six;
	int fd = socket(is_four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
		die(address, NULL);
	if (fd < 0 || bind(fd, a, len) < 0 || getsockname(fd, a, &len) < 0)
		die("bind", NULL);
	snprintf(text, n, is_four ? "%s:%d" : "[%s]:%d", address, ntohs(is_four ? four.sin_port : six.sin6_port));
	return fd;
}

static void serve(struct program *p, const char *manifest)
{
	struct timespec tick = { 0, 5000000 };
	struct coapd_stats s;
	sigset_t wanted;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGHUP);
	sigaddset(&wanted, SIGTERM);
	for (;;) {
		int signal = sigtimedwait(&wanted, NULL, &tick);

		if (signal == SIGTERM)
			break;
		if (signal == SIGHUP && manifest) {
			struct body fresh = map_file(manifest);

			pthread_mutex_lock(&p->lock);
			p->manifest = fresh;
			pthread_mutex_unlock(&p->lock);
			coapd_catalog_changed(p->coapd);
		}
		answer_reports(p);
	}
	s = coapd_stats(p->coapd);
	coapd_stop(p->coapd);
	printf("requests=%" PRIu64 " replies=%" PRIu64 " ignored=%" PRIu64 " limited=%" PRIu64 " send_errors=%" PRIu64 "\n",
	       s.requests, s.replies, s.ignored, s.limited, s.send_errors);
}

int main(int argc, char **argv)
{
	static const uint8_t info[] = { 0xa1, 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 0x61, '1' };
	static struct program p = { .lock = PTHREAD_MUTEX_INITIALIZER };
	const char *address = "127.0.0.1", *manifest = NULL;
	struct coapd_conf conf = coapd_defaults();
	struct resources resources = { on_find, on_read, on_release, on_links, on_post, &p };
	struct err e = { 0 };
	char bound[80], hex[65];
	sigset_t blocked;
	int c, fd;

	while ((c = getopt(argc, argv, "a:t:m:")) != -1) {
		if (c == 'a')
			address = optarg;
		else if (c == 'm')
			manifest = optarg;
		else if (c != 't' || coapd_read_trusted(span_str(optarg), &conf, &e))
			die("usage", &e);
	}
	if (optind + 1 != argc)
		die("usage: coapd_file [-a ADDRESS] [-t TRUSTED] [-m MANIFEST] IMAGE", NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	p.image = map_file(argv[optind]);
	p.manifest = manifest ? map_file(manifest) : (struct body){ span_cut(p.image.bytes, 0, 200), p.image.sha256 };
	p.info = (struct body){ SPAN_OF(info), sha256_of(SPAN_OF(info)) };
	snprintf(p.by_digest, sizeof p.by_digest, "/sha256/%s", hex_str(SPAN_OF(p.image.sha256), hex));
	fd = open_socket(address, bound, sizeof bound);
	pthread_mutex_lock(&p.lock);
	if (coapd_start_take(&conf, &fd, 1, &resources, &p.coapd, &e))
		die("start", &e);
	pthread_mutex_unlock(&p.lock);
	printf("ready coap=%s\n", bound);
	fflush(stdout);
	serve(&p, manifest);
	return 0;
}
