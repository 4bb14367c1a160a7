/* coapd.c: see coapd.h.
 *
 * The thread waits in poll(2) for its sockets and for an eventfd that the
 * other threads ring after leaving word under the lock. Each round takes a
 * batch from a socket, lets the responder answer into the outgoing batch, and
 * sends that; then come the responder's own datagrams. */
#include "server/coapd.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "formats/secret.h"
#include "formats/sha256.h"
#include "server/coapd_onlink.h"
#include "server/coapd_socket.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#define INTERFACES_MS 30000	/* addresses come and go: look again this often */
#define INTERFACES_RETRY_MS 1000	/* after they could not be read */
#define ROUNDS_MAX 16		/* batches from one socket before the others have their turn */

struct done {
	uint64_t ticket;
	uint8_t code;
};

/* What other threads left for ours; under the lock. */
struct mail {
	bool stop, changed;
	size_t ndone;
	struct done done[COAP_EXCHANGES_MAX];	/* no more can be waiting */
};

struct coapd {
	struct coapd_conf conf;
	struct coapd_socket sockets[COAPD_SOCKETS_MAX];
	size_t nsockets;
	struct responder *responder;
	uint8_t key[32];
	int bell;
	pthread_t thread;
	pthread_mutex_t lock;
	struct mail mail, taken;
	struct coapd_stats stats;		/* under the lock */
	uint64_t send_errors;
	int64_t interfaces_ms;			/* when to look at them again */
	bool knows_interfaces;			/* the last look told something */
	uint16_t out_socket;			/* that `out` is for */
	struct coapd_batch in, out;
};

struct coapd_conf coapd_defaults(void)
{
	return (struct coapd_conf){
		.trust = COAPD_TRUST_ON_LINK,
		.rates = { COAP_RATE_PER_SOURCE, COAP_RATE_ALL },
		.clock = clock_system(),
	};
}

static bool is_separator(uint8_t c)
{
	return c == ' ' || c == ',' || c == '\t';
}

/* Takes a word off the front of *text. */
static bool next_word(struct span *text, struct span *word)
{
	size_t n = 0;

	while (text->n && is_separator(text->p[0]))
		*text = span_cut(*text, 1, text->n);
	while (n < text->n && !is_separator(text->p[n]))
		n++;
	*word = span_cut(*text, 0, n);
	*text = span_cut(*text, n, text->n);
	return n > 0;
}

int coapd_read_trusted(struct span text, struct coapd_conf *conf, struct err *e)
{
	struct coapd_conf read = { .trust = COAPD_TRUST_LIST };
	struct span word;

	if (span_is(text, "on-link") || span_is(text, "none")) {
		conf->trust = span_is(text, "none") ? COAPD_TRUST_NONE : COAPD_TRUST_ON_LINK;
		conf->ntrusted = 0;
		return ERR_OK;
	}
	while (next_word(&text, &word)) {
		struct err inner = { 0 };

		if (read.ntrusted == COAP_PREFIXES_MAX)
			return err_set(e, ERR_USAGE, "trusted: more than %d prefixes", COAP_PREFIXES_MAX);
		if (prefix_read(word, &read.trusted[read.ntrusted++], &inner))
			return err_set(e, ERR_USAGE, "trusted: %s: %s", LOG_STR(word), inner.msg);
	}
	if (read.ntrusted == 0)
		return err_set(e, ERR_USAGE, "trusted: on-link, none, or prefixes");
	conf->trust = COAPD_TRUST_LIST;
	memcpy(conf->trusted, read.trusted, sizeof conf->trusted);
	conf->ntrusted = read.ntrusted;
	return ERR_OK;
}

static struct hash32 on_mac(void *arg, struct span data)
{
	const struct coapd *d = arg;

	return secret_hmac_sha256(SPAN_OF(d->key), data);
}

static void flush(struct coapd *d)
{
	if (d->out.n)
		d->send_errors += coapd_send(&d->sockets[d->out_socket], &d->out);
}

/* Makes room for one more datagram to this socket. */
static uint8_t *room_for(struct coapd *d, uint16_t socket)
{
	if (d->out_socket != socket || d->out.n == COAPD_BATCH)
		flush(d);
	d->out_socket = socket;
	return coapd_room(&d->out);
}

static void on_send(void *arg, const struct endpoint *to, const struct route *via, struct span datagram)
{
	struct coapd *d = arg;

	memcpy(room_for(d, via->socket), datagram.p, datagram.n);
	coapd_add(&d->sockets[via->socket], &d->out, to, via, datagram.n);
}

static void answer_batch(struct coapd *d, uint16_t socket, int64_t now_ms)
{
	const struct coapd_socket *s = &d->sockets[socket];

	for (size_t i = 0; i < d->in.n; i++) {
		struct datagram in = coapd_datagram(s, socket, &d->in, i);
		uint8_t *at = room_for(d, socket);
		size_t n = responder_take(d->responder, &in, now_ms, at);

		if (n == 0)
			continue;
		assert(at == coapd_room(&d->out));	/* a datagram draws a reply or on_send, never both */
		coapd_add(s, &d->out, &in.from, &in.via, n);
	}
	flush(d);
}

static void serve(struct coapd *d, uint16_t socket)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		coapd_receive(&d->sockets[socket], &d->in);
		if (d->in.n)
			answer_batch(d, socket, clock_mono_ms(d->conf.clock));
		if (d->in.n < COAPD_BATCH)
			return;
	}
}

static void look_at_interfaces(struct coapd *d, int64_t now_ms)
{
	struct prefix found[COAP_PREFIXES_MAX];
	struct err e = { 0 };
	bool knew = d->knows_interfaces;
	size_t n;

	d->interfaces_ms = now_ms + INTERFACES_MS;
	coapd_join_all(d->sockets, d->nsockets);
	if (d->conf.trust != COAPD_TRUST_ON_LINK)
		return;
	d->knows_interfaces = coapd_onlink(d->sockets, d->nsockets, found, COAP_PREFIXES_MAX, &n, &e) == ERR_OK;
	if (!d->knows_interfaces)
		d->interfaces_ms = now_ms + INTERFACES_RETRY_MS;
	if (d->knows_interfaces)
		responder_trust(d->responder, found, n);
	else if (knew)	/* those known before stay trusted */
		log_unusual("coap", "interfaces not read", "error=%s", e.msg);
}

/* What others asked for since the last time. False: to stop. */
static bool take_mail(struct coapd *d, int64_t now_ms)
{
	uint64_t rings;

	if (read(d->bell, &rings, sizeof rings) < 0 && errno != EAGAIN)
		log_broken("coap", "eventfd", "errno=%d", errno);
	pthread_mutex_lock(&d->lock);
	d->taken.stop = d->mail.stop;
	d->taken.changed = d->mail.changed;
	d->taken.ndone = d->mail.ndone;
	memcpy(d->taken.done, d->mail.done, d->mail.ndone * sizeof d->mail.done[0]);
	d->mail.changed = false;
	d->mail.ndone = 0;
	pthread_mutex_unlock(&d->lock);

	for (size_t i = 0; i < d->taken.ndone; i++)
		responder_post_done(d->responder, d->taken.done[i].ticket, d->taken.done[i].code, now_ms);
	if (d->taken.changed)
		responder_changed(d->responder, now_ms);
	return !d->taken.stop;
}

static void publish_stats(struct coapd *d)
{
	struct responder_stats s = responder_stats(d->responder);

	pthread_mutex_lock(&d->lock);
	d->stats = (struct coapd_stats){ s.requests, s.replies, s.ignored, s.limited, d->send_errors };
	pthread_mutex_unlock(&d->lock);
}

static int wait_ms(const struct coapd *d, int64_t now_ms)
{
	int64_t due = responder_due(d->responder);

	if (d->interfaces_ms < due)
		due = d->interfaces_ms;
	return due <= now_ms ? 0 : (int)(due - now_ms);	/* at most INTERFACES_MS */
}

static void *run(void *arg)
{
	struct coapd *d = arg;
	struct pollfd fds[COAPD_SOCKETS_MAX + 1] = { { .fd = d->bell, .events = POLLIN } };
	int64_t now_ms = clock_mono_ms(d->conf.clock);

	for (size_t i = 0; i < d->nsockets; i++)
		fds[i + 1] = (struct pollfd){ .fd = d->sockets[i].fd, .events = POLLIN };
	for (;;) {
		(void)poll(fds, d->nsockets + 1, wait_ms(d, now_ms));
		for (size_t i = 0; i < d->nsockets; i++)
			if (fds[i + 1].revents)
				serve(d, (uint16_t)i);
		now_ms = clock_mono_ms(d->conf.clock);
		if (fds[0].revents && !take_mail(d, now_ms))
			return NULL;
		if (now_ms >= d->interfaces_ms)
			look_at_interfaces(d, now_ms);
		responder_tick(d->responder, now_ms);
		flush(d);
		publish_stats(d);
	}
}

static void ring(struct coapd *d)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(d->bell, &one, sizeof one);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		log_broken("coap", "eventfd", "errno=%d", errno);
}

static int start_thread(struct coapd *d, struct err *e)
{
	sigset_t all, before;
	int rc;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&d->thread, NULL, run, d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc ? err_set(e, ERR_MEMORY, "coap: thread: error %d", rc) : ERR_OK;
}

static void free_all(struct coapd *d)
{
	responder_free(d->responder);
	for (size_t i = 0; i < d->nsockets; i++)
		close(d->sockets[i].fd);
	if (d->bell >= 0)
		close(d->bell);
	pthread_mutex_destroy(&d->lock);
	secret_wipe(d->key, sizeof d->key);
	free(d);
}

static int take_sockets(struct coapd *d, const int *fds, size_t n, struct err *e)
{
	int rc = n <= COAPD_SOCKETS_MAX ? ERR_OK : err_set(e, ERR_LIMIT, "coap: more than %d sockets", COAPD_SOCKETS_MAX);

	for (size_t i = 0; i < n; i++) {
		if (rc == ERR_OK)
			rc = coapd_socket_init(&d->sockets[d->nsockets], fds[i], e);
		if (rc == ERR_OK)
			d->nsockets++;
		else
			close(fds[i]);
	}
	return rc;
}

static int make_responder(struct coapd *d, const struct resources *resources, struct err *e)
{
	struct responder_conf conf = {
		.resources = *resources,
		.mac = { on_mac, d },
		.digest = sha256_of,
		.rates = d->conf.rates,
		.send = on_send,
		.arg = d,
	};
	int rc = secret_random(d->key, sizeof d->key, e);

	if (rc == ERR_OK)
		rc = secret_random((uint8_t *)&conf.seed, sizeof conf.seed, e);
	if (rc == ERR_OK)
		rc = responder_new(&conf, &d->responder, e);
	if (rc == ERR_OK && d->conf.trust == COAPD_TRUST_LIST)
		responder_trust(d->responder, d->conf.trusted, d->conf.ntrusted);
	return rc;
}

static int start(struct coapd *d, const struct resources *resources, struct err *e)
{
	int rc;

	d->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->bell < 0)
		return err_errno(e, "coap: eventfd");
	rc = make_responder(d, resources, e);
	if (rc)
		return rc;
	d->knows_interfaces = true;
	look_at_interfaces(d, clock_mono_ms(d->conf.clock));
	return start_thread(d, e);
}

int coapd_start_take(const struct coapd_conf *conf, const int *fds, size_t nfds,
		     const struct resources *resources, struct coapd **out, struct err *e)
{
	struct coapd *d = calloc(1, sizeof *d);
	int rc;

	if (!d) {
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		return err_set(e, ERR_MEMORY, "coap: server");
	}
	d->conf = *conf;
	d->bell = -1;
	pthread_mutex_init(&d->lock, NULL);
	rc = take_sockets(d, fds, nfds, e);
	if (rc == ERR_OK)
		rc = start(d, resources, e);
	if (rc) {
		free_all(d);
		return rc;
	}
	*out = d;
	return ERR_OK;
}

void coapd_stop(struct coapd *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->mail.stop = true;
	pthread_mutex_unlock(&d->lock);
	ring(d);
	pthread_join(d->thread, NULL);
	free_all(d);
}

void coapd_catalog_changed(struct coapd *d)
{
	pthread_mutex_lock(&d->lock);
	d->mail.changed = true;
	pthread_mutex_unlock(&d->lock);
	ring(d);
}

void coapd_report_done(struct coapd *d, uint64_t ticket, uint8_t code)
{
	pthread_mutex_lock(&d->lock);
	/* Only a caller that answers twice fills this; then the device hears 5.03 and reports again. */
	if (d->mail.ndone < COAP_EXCHANGES_MAX)
		d->mail.done[d->mail.ndone++] = (struct done){ ticket, code };
	pthread_mutex_unlock(&d->lock);
	ring(d);
}

struct coapd_stats coapd_stats(struct coapd *d)
{
	struct coapd_stats s;

	pthread_mutex_lock(&d->lock);
	s = d->stats;
	pthread_mutex_unlock(&d->lock);
	return s;
}
