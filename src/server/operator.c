/* operator.c: see operator.h. */
#include "server/operator.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "server/accepting.h"
#include "server/failures.h"
#include "server/keeper.h"
#include "server/operator_page.h"
#include "server/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#define RETRY_KEEPER_S 5	/* the supervisor starts a new one at once */

struct operator {
	struct operator_conf conf;
	struct clients clients;
	struct failures failures;
	struct MHD_Daemon *daemon;
	int64_t started_ms;
};

/* The keeper's answer, copied out of the link. */
struct call {
	unsigned status;	/* 0: there was none */
	char type[LINK_ADDRESS_MAX + 1], allow[LINK_ADDRESS_MAX + 1];
	size_t n;
	char body[];
};

/* --- replies --- */

/* Adds what every reply of this listener has, queues it, and gives our reference away. */
static enum MHD_Result send_response(struct client *k, unsigned status, struct MHD_Response *r, const char *type)
{
	static const char *const always[][2] = {
		{ "Cache-Control", "no-store" }, { "X-Content-Type-Options", "nosniff" }, { "Referrer-Policy", "no-referrer" },
	};
	enum MHD_Result rc;

	if (!r)
		return MHD_NO;
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		if (MHD_add_response_header(r, always[i][0], always[i][1]) != MHD_YES)
			log_debug("server", "header left out", "name=%s", always[i][0]);
	if (type && *type)
		MHD_add_response_header(r, "Content-Type", type);
	rc = MHD_queue_response(k->connection, status, r);
	MHD_destroy_response(r);
	return rc;
}

static struct MHD_Response *copied(struct span s)
{
	return MHD_create_response_from_buffer(s.n, (void *)(uintptr_t)s.p, MHD_RESPMEM_MUST_COPY);
}

/* A problem with one more header, or none (NULL). */
static enum MHD_Result send_problem(struct client *k, unsigned status, const char *detail, const char *name, const char *value)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4 * KIB);
	struct MHD_Response *r;

	problem_write(&b, status, detail);
	r = copied(buf_span(&b));
	if (r && name)
		MHD_add_response_header(r, name, value);
	return send_response(k, status, r, "application/problem+json");
}

static enum MHD_Result send_wait(struct client *k, unsigned status, const char *detail, unsigned seconds)
{
	char text[16];

	snprintf(text, sizeof text, "%u", seconds);
	return send_problem(k, status, detail, "Retry-After", text);
}

/* Before the body was read: the connection ends with it. */
static enum MHD_Result refuse(struct client *k, unsigned status, const char *detail)
{
	return send_problem(k, status, detail, "Connection", "close");
}

static enum MHD_Result send_keeper_down(struct operator *o, struct client *k)
{
	AUTO(buf_free) struct buf b = BUF_INIT(64 * KIB);
	struct MHD_Response *r;
	char text[16];

	if (!span_is(k->req.target.path, "/api/v1/status"))
		return send_wait(k, 503, "the keeper does not answer", RETRY_KEEPER_S);
	problem_write_status(&b, &o->conf, (clock_mono_ms(o->conf.clock) - o->started_ms) / 1000);
	r = copied(buf_span(&b));
	snprintf(text, sizeof text, "%d", RETRY_KEEPER_S);
	if (r)
		MHD_add_response_header(r, "Retry-After", text);
	return send_response(k, 503, r, "application/problem+json");
}

/* --- checks --- */

/* Where the connection came to. */
static struct in6_addr local_of(const struct client *k)
{
	struct in6_addr a = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
	struct sockaddr_storage s = { 0 };
	socklen_t n = sizeof s;

	if (getsockname(k->fd, (struct sockaddr *)&s, &n) < 0)
		return in6addr_any;
	if (s.ss_family == AF_INET6)
		return ((struct sockaddr_in6 *)&s)->sin6_addr;
	memcpy(a.s6_addr + 12, &((struct sockaddr_in *)&s)->sin_addr, 4);
	return a;
}

static bool is_mutation(enum http_method m)
{
	return m == HTTP_POST || m == HTTP_PUT || m == HTTP_DELETE;
}

static bool is_json(struct span type)
{
	static const char json[] = "application/json";
	const size_t n = sizeof json - 1;

	return type.n >= n && strncasecmp((const char *)type.p, json, n) == 0 &&
	       (type.n == n || type.p[n] == ';' || type.p[n] == ' ');
}

/* 0, or the status to refuse the request with. */
static unsigned check(struct operator *o, struct client *k, const char *method, const char *version, const char **why)
{
	struct httpreq *r = &k->req;
	unsigned status = httpreq_read(k->connection, k, method, version, r, why);
	struct in6_addr local = local_of(k);
	struct span host;
	uint64_t length = 0;
	bool has_body;

	if (status)
		return status;
	host = r->target.authority.p ? r->target.authority : r->host;	/* RFC 9112, 3.2.2 */
	*why = "this Host is not ours; [operator] hosts names more";
	if (!hostcheck_allows(&o->conf.hosts, host, &local))
		return 421;
	*why = "sent by a page of another origin";
	if (!hostcheck_is_own_page(r->origin, r->fetch_site, host))
		return 403;
	*why = "a body is application/json";
	has_body = httpreq_length(r, &length) && length > 0;
	/* A DELETE without a body has nothing that a type could be of, and no page can send one unasked (CORS). */
	if (is_mutation(r->method) && !is_json(r->content_type) && (r->method != HTTP_DELETE || has_body))
		return 415;
	*why = "the body is over 64 KiB";
	if (length > API_BODY_MAX)
		return 413;
	return 0;
}

/* --- calls --- */

static void on_answered(void *arg, const struct link_answer *a)
{
	struct client *k = arg;
	struct call *c = calloc(1, sizeof *c + (a ? a->body.n : 0));

	if (c && a) {
		c->status = a->status;
		snprintf(c->type, sizeof c->type, "%.*s", (int)a->type.n, (const char *)a->type.p);
		snprintf(c->allow, sizeof c->allow, "%.*s", (int)a->allow.n, (const char *)a->allow.p);
		c->n = a->body.n;
		if (c->n)
			memcpy(c->body, a->body.p, c->n);
	}
	k->call = c;
	atomic_store(&k->done, 1);
	MHD_resume_connection(k->connection);
}

static struct span bearer(struct span authorization)
{
	static const char scheme[] = "Bearer ";
	const size_t n = sizeof scheme - 1;

	if (authorization.n <= n || strncasecmp((const char *)authorization.p, scheme, n) != 0)
		return SPAN("", 0);
	return span_cut(authorization, n, authorization.n);
}

static enum link_method link_method(enum http_method m)
{
	static const enum link_method methods[] = {
		[HTTP_GET] = LINK_GET, [HTTP_HEAD] = LINK_HEAD, [HTTP_POST] = LINK_POST, [HTTP_PUT] = LINK_PUT,
		[HTTP_DELETE] = LINK_DELETE,
	};

	return methods[m];
}

/* Path and query as they were sent, without the authority of an absolute form. */
static struct span path_and_query(const struct target *t)
{
	return SPAN(t->path.p, t->path.n + (t->query.n ? t->query.n + 1 : 0));
}

static enum MHD_Result forward(struct operator *o, struct client *k)
{
	struct link_call m = {
		.method = (uint8_t)link_method(k->req.method), .path = path_and_query(&k->req.target),
		.token = bearer(k->req.authorization), .address = span_str(k->address), .body = buf_span(&k->body),
	};

	if (m.token.n > API_TOKEN_MAX)
		m.token.n = API_TOKEN_MAX;	/* wrong in any case, and counted as such by the keeper's 401 */
	client_enter(&o->clients, k, CLIENT_ASKING);
	MHD_suspend_connection(k->connection);
	if (keeper_call(o->conf.keeper, &m, on_answered, k, NULL))
		on_answered(k, NULL);
	return MHD_YES;
}

/* 401: the token is wrong, or there is none. Wrong ones are counted. */
static enum MHD_Result send_unauthorized(struct operator *o, struct client *k, struct MHD_Response *r, const struct call *c)
{
	unsigned wait_s = 0;

	if (bearer(k->req.authorization).n)
		wait_s = failures_note(&o->failures, &k->from, clock_mono_ms(o->conf.clock));
	if (!wait_s) {
		MHD_add_response_header(r, "WWW-Authenticate", "Bearer");
		return send_response(k, 401, r, c->type);
	}
	MHD_destroy_response(r);
	return send_wait(k, 429, "too many wrong tokens", wait_s);
}

static enum MHD_Result send_call(struct operator *o, struct client *k)
{
	const struct call *c = k->call;
	struct MHD_Response *r;

	client_enter(&o->clients, k, CLIENT_SENDING);
	if (!c || !c->status)
		return send_keeper_down(o, k);
	r = copied(SPAN(c->body, c->n));
	if (!r)
		return MHD_NO;
	if (*c->allow)
		MHD_add_response_header(r, "Allow", c->allow);
	if (c->status == 401)
		return send_unauthorized(o, k, r, c);
	return send_response(k, c->status, r, c->type);
}

/* --- what is answered here --- */

static enum MHD_Result send_page(struct operator *o, struct client *k)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(operator_page_n, (void *)(uintptr_t)operator_page,
								 MHD_RESPMEM_PERSISTENT);

	(void)o;
	if (r)
		MHD_add_response_header(r, "Content-Security-Policy",
			"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	return send_response(k, 200, r, "text/html; charset=utf-8");
}

static enum MHD_Result send_health(struct operator *o, struct client *k)
{
	(void)o;
	return send_response(k, 200, copied(SPAN_LIT("ok\n")), "text/plain; charset=utf-8");
}

/* Ready is who can serve devices: that needs a catalog, and nothing else. */
static enum MHD_Result send_ready(struct operator *o, struct client *k)
{
	struct catalog *c = catalog_slot_get(o->conf.slot);

	catalog_put(c);
	return c ? send_health(o, k) : send_wait(k, 503, "no catalog yet", RETRY_KEEPER_S);
}

static const struct {
	const char *path;
	enum MHD_Result (*send)(struct operator *o, struct client *k);
} own[] = {
	{ "/", send_page }, { "/healthz", send_health }, { "/readyz", send_ready },
};

static bool is_the_keepers(struct span path)
{
	static const char api[] = "/api/v1/";

	return span_is(path, "/metrics") || span_eq(span_cut(path, 0, sizeof api - 1), SPAN_LIT("/api/v1/"));
}

static enum MHD_Result act(struct operator *o, struct client *k)
{
	struct span path = k->req.target.path;
	enum http_method m = k->req.method;

	if (is_the_keepers(path) && m != HTTP_OTHER)
		return forward(o, k);
	client_enter(&o->clients, k, CLIENT_SENDING);
	if (is_the_keepers(path))
		return send_problem(k, 405, "no such method here", "Allow", "GET, HEAD, POST, PUT, DELETE");
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		if (!span_is(path, own[i].path))
			continue;
		if (m == HTTP_GET || m == HTTP_HEAD)
			return own[i].send(o, k);
		return send_problem(k, 405, "this can only be read", "Allow", "GET, HEAD");
	}
	return send_problem(k, 404, "no such path", NULL, NULL);
}

/* --- the library's callbacks --- */

static enum MHD_Result begin(struct operator *o, struct client *k, const char *method, const char *version)
{
	const char *why = NULL;
	unsigned status = check(o, k, method, version, &why);

	client_enter(&o->clients, k, status ? CLIENT_SENDING : CLIENT_READING);
	return status ? refuse(k, status, why) : MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *data, size_t *n, void **con_cls)
{
	struct operator *o = cls;
	struct client *k = *con_cls;

	(void)connection, (void)url;
	if (!k)
		return MHD_NO;
	if (atomic_load(&k->phase) == CLIENT_WAITING)
		return begin(o, k, method, version);
	if (*n) {
		buf_add(&k->body, SPAN(data, *n));
		*n = 0;
		return MHD_YES;
	}
	if (k->body.failed)
		return send_problem(k, 413, "the body is over 64 KiB", NULL, NULL);
	return atomic_load(&k->done) ? send_call(o, k) : act(o, k);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode code)
{
	struct operator *o = cls;

	(void)connection, (void)code;
	if (*con_cls)
		client_reset(&o->clients, *con_cls);
	*con_cls = NULL;
}

/* --- the daemon --- */

int operator_start(const struct operator_conf *conf, struct operator **out, struct err *e)
{
	struct operator *o = calloc(1, sizeof *o);

	if (!o)
		return err_set(e, ERR_MEMORY, "no memory for the operator's listener");
	o->conf = *conf;
	o->started_ms = clock_mono_ms(conf->clock);
	clients_init(&o->clients, OPERATOR_CONNECTIONS_MAX, OPERATOR_CONNECTIONS_PER_ADDRESS, conf->clock);
	failures_init(&o->failures);
	o->daemon = accepting_start(&(struct accepting_conf){ &o->clients, 1, on_request, on_completed, o });
	if (o->daemon) {
		*out = o;
		return ERR_OK;
	}
	failures_fini(&o->failures);
	clients_fini(&o->clients);
	free(o);
	return err_set(e, ERR_INTERNAL, "the HTTP library did not start");
}

void operator_stop(struct operator *o)
{
	if (!o)
		return;
	clients_shut(&o->clients);
	MHD_stop_daemon(o->daemon);
	failures_fini(&o->failures);
	clients_fini(&o->clients);
	free(o);
}

void operator_accept(struct operator *o, int listener)
{
	accepting(&o->clients, o->daemon, listener);
}

bool operator_has_room(struct operator *o)
{
	return clients_have_room(&o->clients);
}

void operator_tick(struct operator *o)
{
	clients_sweep(&o->clients);
}
