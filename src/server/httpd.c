/* httpd.c: see httpd.h. */
#include "server/httpd.h"

#include "base/log.h"
#include "server/accept.h"
#include "server/accepting.h"
#include "server/httpd_reply.h"

#include <stdlib.h>

#define POOL 2		/* threads; chapter 7 */
#define RETRY_REPORT_S 5

struct httpd {
	struct answers *answers;
	struct clients clients;
	struct replies replies;
	struct MHD_Daemon *daemon;
};

/* --- one request --- */

/* Queries are decoded where they stand: they only get shorter. */
static bool take_queries(struct client *k)
{
	struct span query = k->req.target.query, pair;
	char *room = (char *)(uintptr_t)query.p;
	bool ok = true;

	while (query_next(&query, room, &pair, &ok)) {
		ask_query(&k->ask, pair);
		room += pair.n;
	}
	return ok;
}

/* What the request asks, without HTTP. False: its queries are malformed. */
static bool take_ask(struct client *k)
{
	const struct httpreq *r = &k->req;

	k->ask = (struct ask){
		.path = r->target.path, .device = r->device, .address = span_str(k->address), .protocol = LINK_HTTP,
		.body = buf_span(&k->body), .body_format = accept_content_type(r->content_type),
	};
	k->ask.ipfs.accept = r->accept;
	accept_read(r->accept, &k->ask);
	return take_queries(k);
}

static enum MHD_Result answer_get(struct httpd *d, struct client *k)
{
	answer_find(d->answers, &k->ask, &k->answer);
	k->has_answer = true;
	return httpd_reply(&d->replies, k, &k->req);
}

static void on_reported(void *arg, uint64_t ticket, uint16_t status)
{
	struct client *k = arg;

	(void)ticket;
	atomic_store(&k->done, status);
	MHD_resume_connection(k->connection);
}

/* The connection waits for the keeper. It is suspended first, since the answer may be there before answer_report()
 * returns; then, or at once when there is nothing to wait for, the handler is called again. */
static enum MHD_Result take_report(struct httpd *d, struct client *k)
{
	uint16_t status;

	client_enter(&d->clients, k, CLIENT_ASKING);
	k->why = NULL;
	MHD_suspend_connection(k->connection);
	status = answer_report(d->answers, &k->ask, on_reported, k, 0, &k->why);
	if (status)
		on_reported(k, 0, status);
	return MHD_YES;
}

static enum MHD_Result reply_report(struct client *k, unsigned status)
{
	const char *why = k->why;

	if (status == 204)
		return httpd_reply_empty(k->connection, 204);
	if (status == 503)
		return httpd_reply_retry(k->connection, why ? why : "the report could not be kept", RETRY_REPORT_S);
	return httpd_reply_text(k->connection, status, why ? why : "the report was refused");
}

/* The request is complete. */
static enum MHD_Result act(struct httpd *d, struct client *k)
{
	enum answer_methods methods = answer_methods(k->req.target.path);
	enum http_method method = k->req.method;
	bool is_get = method == HTTP_GET || method == HTTP_HEAD;

	if (!take_ask(k))
		return httpd_reply_text(k->connection, 400, "a query is malformed");
	if (methods == ANSWER_TAKES_POST && method == HTTP_POST)
		return take_report(d, k);
	client_enter(&d->clients, k, CLIENT_SENDING);
	if (methods == ANSWER_TAKES_GET && is_get)
		return answer_get(d, k);
	if (methods == ANSWER_NO_PATH)
		return httpd_reply_text(k->connection, 404, "no such path");
	return httpd_reply_not_allowed(k->connection, methods == ANSWER_TAKES_POST ? "POST" : "GET, HEAD");
}

/* --- the library's callbacks --- */

/* The header is there. A reply that is queued here closes the connection, whatever body was to follow. */
static enum MHD_Result begin(struct httpd *d, struct client *k, const char *method, const char *version)
{
	uint64_t length = 0;
	const char *why;
	unsigned status = httpreq_read(k->connection, k, method, version, &k->req, &why);

	atomic_fetch_add_explicit(&d->clients.requests, 1, memory_order_relaxed);
	client_enter(&d->clients, k, status ? CLIENT_SENDING : CLIENT_READING);
	if (status)
		return httpd_reply_close(k->connection, status, why);
	if (httpreq_length(&k->req, &length) && length > k->body.max)
		return httpd_reply_close(k->connection, 413, "the body is too long");
	return MHD_YES;
}

static enum MHD_Result take_body(struct client *k, const char *data, size_t *n)
{
	if (k->req.method == HTTP_POST)
		buf_add(&k->body, SPAN(data, *n));
	*n = 0;
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *data, size_t *n, void **con_cls)
{
	struct httpd *d = cls;
	struct client *k = *con_cls;
	unsigned done;

	(void)connection, (void)url;
	if (!k)
		return MHD_NO;
	if (atomic_load(&k->phase) == CLIENT_WAITING)
		return begin(d, k, method, version);
	if (*n)
		return take_body(k, data, n);
	if (k->body.failed)
		return httpd_reply_text(k->connection, 413, "the body is too long");
	done = atomic_load(&k->done);
	if (!done)
		return act(d, k);
	client_enter(&d->clients, k, CLIENT_SENDING);
	return reply_report(k, done);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode code)
{
	struct httpd *d = cls;
	struct client *k = *con_cls;

	(void)connection;
	if (!k)
		return;
	if (k->sends && code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		answer_sent(d->answers, &k->ask, &k->answer, k->sends);
	client_reset(&d->clients, k);
	*con_cls = NULL;
}

/* --- the daemon --- */

int httpd_start(struct answers *answers, const struct clock *clock, struct httpd **out, struct err *e)
{
	struct httpd *d = calloc(1, sizeof *d);

	if (!d)
		return err_set(e, ERR_MEMORY, "no memory for the HTTP server");
	d->answers = answers;
	clients_init(&d->clients, HTTP_CONNECTIONS_MAX, HTTP_CONNECTIONS_PER_ADDRESS, clock);
	replies_init(&d->replies, clock);
	d->daemon = accepting_start(&(struct accepting_conf){ &d->clients, POOL, on_request, on_completed, d });
	if (d->daemon) {
		*out = d;
		return ERR_OK;
	}
	replies_fini(&d->replies);
	clients_fini(&d->clients);
	free(d);
	return err_set(e, ERR_INTERNAL, "the HTTP library did not start");
}

void httpd_stop(struct httpd *d)
{
	if (!d)
		return;
	clients_shut(&d->clients);
	MHD_stop_daemon(d->daemon);
	replies_fini(&d->replies);
	clients_fini(&d->clients);
	free(d);
}

void httpd_accept(struct httpd *d, int listener)
{
	accepting(&d->clients, d->daemon, listener);
}

bool httpd_has_room(struct httpd *d)
{
	return clients_have_room(&d->clients);
}

void httpd_tick(struct httpd *d)
{
	clients_sweep(&d->clients);
	replies_trim(&d->replies);
}

void httpd_catalog_changed(struct httpd *d)
{
	replies_forget(&d->replies);
}

uint64_t httpd_requests(struct httpd *d)
{
	return atomic_load(&d->clients.requests);
}
