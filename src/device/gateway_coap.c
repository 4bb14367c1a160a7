/* gateway_coap.c: the socket and the clock around coap_fetch, and waiting for a notification. */
#include "device/gateway.h"

#include "base/clock.h"
#include "coap/option.h"
#include "device/coap_fetch.h"
#include "formats/secret.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static int64_t now(void)
{
	return clock_mono_ms(clock_system());
}

static int to_err(const struct coap_fetch *f, struct err *e)
{
	return f->status == FETCH_COMPLETE ? ERR_OK : err_set(e, f->err.code, "%s", f->err.msg);
}

/* A full socket buffer is a lost datagram: it is sent again when its time comes. A refused one (ICMP) is not. */
static int send_one(const struct gateway *g, int fd, const uint8_t *p, size_t n, struct err *e)
{
	if (send(fd, p, n, MSG_NOSIGNAL) >= 0 || errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return ERR_OK;
	return err_set(e, ERR_NET, "%s: %s", g->authority, strerror(errno));
}

static int send_due(const struct gateway *g, int fd, struct coap_fetch *f, struct err *e)
{
	uint8_t out[COAP_MESSAGE_MAX];
	int rc = ERR_OK;
	size_t n;

	while (rc == ERR_OK && (n = coap_fetch_next(f, now(), out)) > 0)
		rc = send_one(g, fd, out, n, e);
	return rc;
}

static int take_all(const struct gateway *g, int fd, struct coap_fetch *f, struct err *e)
{
	uint8_t in[65536], reply[PDU_HEADER];
	ssize_t n;

	while (f->status == FETCH_RUNNING && (n = recv(fd, in, sizeof in, MSG_DONTWAIT)) >= 0) {
		size_t back = coap_fetch_take(f, now(), SPAN(in, (size_t)n), reply);
		int rc = back ? send_one(g, fd, reply, back, e) : ERR_OK;

		if (rc != ERR_OK)
			return rc;
	}
	if (f->status == FETCH_RUNNING && errno != EAGAIN && errno != EINTR)
		return err_set(e, ERR_NET, "%s: %s", g->authority, strerror(errno));
	return ERR_OK;
}

static int run(struct gateway *g, int fd, struct coap_fetch *f, struct err *e)
{
	int rc = ERR_OK;

	while (rc == ERR_OK && f->status == FETCH_RUNNING) {
		rc = send_due(g, fd, f, e);
		if (rc != ERR_OK || f->status != FETCH_RUNNING)
			break;
		if (gateway_poll(fd, POLLIN, (int)coap_fetch_wait_ms(f, now())) < 0)
			return err_set(e, ERR_NET, "stopped");
		rc = take_all(g, fd, f, e);
	}
	return rc == ERR_OK ? to_err(f, e) : rc;
}

static uint64_t seed(void)
{
	uint64_t v = 0;

	(void)!secret_random((uint8_t *)&v, sizeof v, NULL);	/* spreads timeouts, and ids of reports */
	return v;
}

int udp_get(struct gateway *g, const char *path, uint64_t from, const struct sink *sink, struct err *e)
{
	struct coap_fetch f;
	int rc;

	coap_fetch_get(&f, path, from, sink, g->next_id, g->next_token, seed());
	rc = run(g, g->udp, &f, e);
	g->next_id = f.id;
	g->next_token = f.token;
	g->retry_s = f.retry_s;
	return rc;
}

/* Another socket is another endpoint: its message ids are a space of their own, and chance is good enough there. */
int udp_post(struct gateway *g, const char *path, struct span body, struct err *e)
{
	uint64_t chance = seed();
	struct coap_fetch f;

	coap_fetch_post(&f, path, body, (uint16_t)chance, (uint32_t)(chance >> 16), chance);
	return run(g, g->udp_reports, &f, e);
}

/* --- observing --- */

struct watch {
	struct gateway *g;
	uint8_t token[4];
	uint16_t id;
	bool is_registered, has_news;
	uint8_t etag[8], etag_n;
};

/* GET with Observe: 0 registers, 1 takes it back (RFC 7641 section 2). Block 0 is enough to hear that there is news. */
static void observe(struct watch *w, const char *path, unsigned value)
{
	struct gateway *g = w->g;
	uint8_t out[COAP_MESSAGE_MAX];
	struct pdu_writer p;
	size_t n;

	w->id = g->next_id++;
	pdu_begin(&p, out, sizeof out, value == 0 ? PDU_CON : PDU_NON, PDU_GET, w->id, SPAN_OF(w->token));
	pdu_option_uint(&p, OPTION_OBSERVE, value);
	coap_fetch_put_path(&p, path, -1);
	n = pdu_end(&p);
	if (n)
		(void)!send_one(g, g->udp, out, n, NULL);
}

/* Without ETags nobody knows, and every notification may be news. */
static bool is_same(const struct watch *w, const struct pdu *m, struct span etag)
{
	return m->code == PDU_CONTENT && etag.n > 0 && span_eq(etag, SPAN(w->etag, w->etag_n));
}

/* The first answer says what is there now; any later one that differs is news. */
static void note(struct watch *w, const struct pdu *m)
{
	struct span etag = { 0 };

	(void)option_find(m->options, OPTION_ETAG, &etag);
	if (etag.n > sizeof w->etag)
		etag.n = 0;
	if (w->is_registered && !is_same(w, m, etag))
		w->has_news = true;
	w->is_registered = true;
	w->etag_n = (uint8_t)etag.n;
	if (etag.n)
		memcpy(w->etag, etag.p, etag.n);
}

static void take_notification(struct watch *w, struct span datagram)
{
	uint8_t reply[PDU_HEADER];
	struct pdu m;
	bool is_ours;

	if (pdu_read(datagram, &m, NULL) != ERR_OK || pdu_is_request(m.code) || m.code == PDU_EMPTY)
		return;
	is_ours = span_eq(m.token, SPAN_OF(w->token));
	if (m.type == PDU_CON || (m.type == PDU_NON && !is_ours))
		(void)!send_one(w->g, w->g->udp, reply, pdu_write_empty(reply, is_ours ? PDU_ACK : PDU_RST, m.id), NULL);
	if (is_ours)
		note(w, &m);
}

bool udp_wait(struct gateway *g, const char *path, unsigned seconds)
{
	struct watch w = { .g = g };
	int64_t end = now() + 1000 * (int64_t)seconds, again = 0, wait_ms = 2000;
	uint32_t token = g->next_token++;
	uint8_t in[2048];

	memcpy(w.token, &token, sizeof w.token);
	while (!w.has_news && now() < end && !gateway_is_stopping()) {
		int64_t next = w.is_registered || again > end ? end : again;
		ssize_t n;

		if (!w.is_registered && now() >= again) {	/* lost, or nobody there yet: with longer and longer pauses */
			observe(&w, path, 0);
			again = now() + wait_ms;
			wait_ms = wait_ms < 16000 ? 2 * wait_ms : wait_ms;
			continue;
		}
		if (gateway_poll(g->udp, POLLIN, (int)(next > now() ? next - now() : 0)) <= 0)
			continue;
		n = recv(g->udp, in, sizeof in, MSG_DONTWAIT);
		if (n >= 0)
			take_notification(&w, SPAN(in, (size_t)n));
	}
	observe(&w, path, 1);
	return w.has_news;
}
