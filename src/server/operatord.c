/* operatord.c: see operatord.h.
 *
 *  on_uri ─► HEAD (checked) ─► BODY (gathered) ─► ASKED (suspended) ─► ANSWERED ─► sent
 *                └──────── refused ─────────────────────────────────────┘
 *
 * libmicrohttpd calls the handler for each step on the daemon's thread; the keeper's answer comes on the main thread,
 * is left in the request, and resumes the connection. */
#include "server/operatord.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/sm.h"
#include "server/opgate.h"
#include "server/page_gen.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#define LISTENERS_MAX_HERE 8

enum { O_NEW, O_BODY, O_ASKED, O_ANSWERED };

static const struct sm_state table[] = {
	[O_NEW] = { "new", SM_TO(O_BODY) | SM_TO(O_ANSWERED) },
	[O_BODY] = { "body", SM_TO(O_ASKED) | SM_TO(O_ANSWERED) },
	[O_ASKED] = { "asked", SM_TO(O_ANSWERED) },
	[O_ANSWERED] = { "answered", 0 },
};

struct operatord {
	struct operatord_conf conf;
	struct MHD_Daemon *daemon[LISTENERS_MAX_HERE];
	size_t daemons;
	pthread_mutex_t lock;		/* of failures */
	struct opgate_failures failures;
	_Atomic uint64_t requests;
};

struct request {
	struct operatord *owner;
	struct MHD_Connection *connection;
	struct sm sm;
	char *uri;			/* as it stood in the request line */
	struct buf body;
	struct span token;		/* in libmicrohttpd's memory: lives as long as the request */
	/* the answer */
	unsigned status;
	char type[64], allow[64];
	struct buf answer;
};

/* --- answers --- */

static void refuse(struct request *r, unsigned status, const char *why)
{
	r->status = status;
	snprintf(r->type, sizeof r->type, "application/problem+json");
	buf_reset(&r->answer);
	buf_fmt(&r->answer, "{\"type\":\"about:blank\",\"title\":\"%u\",\"status\":%u,\"detail\":\"", status, status);
	buf_json(&r->answer, span_str(why));
	buf_str(&r->answer, "\"}");
	sm_move(&r->sm, O_ANSWERED);
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (*value && MHD_add_response_header(response, name, value) == MHD_NO)
		log_broken("operator", "no memory for a header", "name=%s", name);
}

static void add_headers(const struct request *r, struct MHD_Response *response)
{
	add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->type);
	add_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
	add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	add_header(response, "X-Content-Type-Options", "nosniff");
	add_header(response, "Content-Security-Policy", "default-src 'none'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'");
	if (r->status == MHD_HTTP_UNAUTHORIZED)
		add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (r->status == MHD_HTTP_TOO_MANY_REQUESTS)
		add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "60");
	if (r->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "2");
}

static enum MHD_Result send_answer(struct request *r)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(r->answer.n, r->answer.p, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc;

	if (!response)
		return MHD_NO;
	add_headers(r, response);
	rc = MHD_queue_response(r->connection, r->status, response);
	MHD_destroy_response(response);
	return rc;
}

/* --- the keeper --- */

static void peer_address(struct MHD_Connection *c, uint8_t out[16])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = info ? info->client_addr : NULL;

	memset(out, 0, 16);
	if (a && a->sa_family == AF_INET6)
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
	else if (a && a->sa_family == AF_INET)
		memcpy(out + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
}

/* "ten failed tokens within 60 s per address then 429 … for further failures" */
static bool is_one_too_many(struct request *r)
{
	struct operatord *o = r->owner;
	uint8_t address[16];
	bool too_many;

	if (r->status != MHD_HTTP_UNAUTHORIZED || r->token.n == 0)
		return false;
	peer_address(r->connection, address);
	pthread_mutex_lock(&o->lock);
	too_many = opgate_failed(&o->failures, address, clock_mono_ms(o->conf.clock));
	pthread_mutex_unlock(&o->lock);
	return too_many;
}

static void take_answer(struct request *r, const struct link_answer *a)
{
	r->status = a->status;
	snprintf(r->type, sizeof r->type, "%.*s", (int)a->type.n, (const char *)a->type.p);
	snprintf(r->allow, sizeof r->allow, "%.*s", (int)a->allow.n, (const char *)a->allow.p);
	buf_add(&r->answer, a->body);
	sm_move(&r->sm, O_ANSWERED);
}

static bool asks_for(const struct request *r, const char *path)
{
	size_t n = strcspn(r->uri, "?");

	return span_is(SPAN(r->uri, n), path);
}

/* What the server itself can say while the keeper is away. */
static void answer_alone(struct request *r, const char *why)
{
	refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, why);
	if (!asks_for(r, "/api/v1/status"))
		return;
	buf_reset(&r->answer);
	r->owner->conf.write_status(r->owner->conf.arg, &r->answer);
	snprintf(r->type, sizeof r->type, "application/json");
}

static void on_answered(void *arg, const struct link_answer *a)
{
	struct request *r = arg;

	if (a->status == MHD_HTTP_SERVICE_UNAVAILABLE && a->body.n == 0)
		answer_alone(r, "the keeper does not answer");
	else
		take_answer(r, a);
	if (is_one_too_many(r)) {
		r->status = MHD_HTTP_TOO_MANY_REQUESTS;
		buf_reset(&r->answer);
		buf_str(&r->answer, "{\"type\":\"about:blank\",\"title\":\"Too Many Requests\",\"status\":429,"
				    "\"detail\":\"too many wrong tokens from this address; a good one still passes\"}");
	}
	MHD_resume_connection(r->connection);
}

static const char *field(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

static void ask_keeper(struct request *r, uint8_t method)
{
	char address[INET6_ADDRSTRLEN] = "";
	uint8_t raw[16];
	struct link_call call = { .method = method, .path = span_str(r->uri), .token = r->token, .body = buf_span(&r->body) };
	struct err e = { 0 };

	peer_address(r->connection, raw);
	inet_ntop(AF_INET6, raw, address, sizeof address);
	call.address = span_str(address[0] == ':' && strchr(address, '.') ? address + 2 : address);
	sm_move(&r->sm, O_ASKED);
	MHD_suspend_connection(r->connection);
	if (keeper_call(r->owner->conf.keeper, &call, on_answered, r, &e)) {
		answer_alone(r, e.msg);
		MHD_resume_connection(r->connection);
	}
}

/* --- a request's head --- */

static void local_address(struct MHD_Connection *c, char out[INET6_ADDRSTRLEN])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct sockaddr_storage at;
	socklen_t n = sizeof at;

	out[0] = '\0';
	if (!info || getsockname(info->connect_fd, (struct sockaddr *)&at, &n) < 0)
		return;
	if (at.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&at)->sin_addr, out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&at)->sin6_addr, out, INET6_ADDRSTRLEN);
}

struct counting {
	const char *name;
	unsigned n;
};

static enum MHD_Result count_field(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct counting *c = cls;

	(void)kind;
	(void)value;
	c->n += strcasecmp(key, c->name) == 0;
	return MHD_YES;
}

/* Fields of which two would let two readers understand two requests. */
static bool has_twice(const struct request *r)
{
	static const char *const names[] = { "Host", "Content-Length", "Transfer-Encoding", "Authorization", "Origin", "Content-Type" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct counting c = { names[i], 0 };

		MHD_get_connection_values(r->connection, MHD_HEADER_KIND, count_field, &c);
		if (c.n > 1)
			return true;
	}
	return false;
}

static bool has_odd_path(const char *uri)
{
	for (size_t i = 0; uri[i]; i++)
		if ((uint8_t)uri[i] <= ' ' || uri[i] == 0x7f)
			return true;
	return uri[0] != '/' || memchr(uri, '%', strcspn(uri, "?"));
}

static uint8_t method_of(const char *name)
{
	static const struct { const char *name; uint8_t method; } methods[] = {
		{ "GET", LINK_GET }, { "HEAD", LINK_HEAD }, { "POST", LINK_POST }, { "PUT", LINK_PUT }, { "DELETE", LINK_DELETE },
	};

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (!strcmp(methods[i].name, name))
			return methods[i].method;
	return 0;
}

static struct span span_of_field(const struct request *r, const char *name)
{
	return span_str(field(r, name));
}

static void check_head(struct request *r, const char *method)
{
	char local[INET6_ADDRSTRLEN];
	const char *length = field(r, "Content-Length");
	struct opgate_request q = { .method = span_str(method), .host = span_of_field(r, "Host"), .origin = span_of_field(r, "Origin"),
		.sec_fetch_site = span_of_field(r, "Sec-Fetch-Site"), .content_type = span_of_field(r, "Content-Type"),
		.has_body = length && strcmp(length, "0") };
	struct opgate_refusal refusal;

	local_address(r->connection, local);
	q.local = span_str(local);
	if (has_twice(r) || has_odd_path(r->uri) || (length && field(r, "Transfer-Encoding"))) {
		refuse(r, MHD_HTTP_BAD_REQUEST, "the request is ambiguous: a field twice, an odd path, or a length and a transfer encoding");
		return;
	}
	refusal = opgate_check(&q, r->owner->conf.hosts, r->owner->conf.hosts_n);
	if (refusal.status) {
		refuse(r, refusal.status, refusal.why);
		return;
	}
	if (!method_of(method)) {
		snprintf(r->allow, sizeof r->allow, "GET, HEAD, POST, PUT, DELETE");
		refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "no path here takes this method");
		return;
	}
	r->token = opgate_token(span_of_field(r, "Authorization"));
	sm_move(&r->sm, O_BODY);
}

static void send_page(struct request *r)
{
	r->status = MHD_HTTP_OK;
	snprintf(r->type, sizeof r->type, "text/html; charset=utf-8");
	buf_str(&r->answer, page_html);
	sm_move(&r->sm, O_ANSWERED);
}

static void take_body(struct request *r, const char *data, size_t n)
{
	buf_add(&r->body, SPAN(data, n));
	if (r->body.failed)
		refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "the body is longer than 64 KiB");
}

/* --- libmicrohttpd's callbacks --- */

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct request *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->owner = cls;
	r->connection = connection;
	r->body = BUF_INIT(API_BODY_MAX);
	r->answer = BUF_INIT(API_ANSWER_MAX);
	sm_init(&r->sm, "operator", table, O_NEW);
	r->uri = strdup(uri);
	return r;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *data, size_t *data_n, void **con_cls)
{
	struct request *r = *con_cls;

	(void)cls;
	(void)url;
	(void)version;
	if (!r || !r->uri)
		return MHD_NO;
	r->connection = connection;
	if (r->sm.at == O_NEW) {
		r->owner->requests++;
		check_head(r, method);
		/* A refusal waits for the body to have come: libmicrohttpd answers only then or before any of it. */
		return r->sm.at == O_ANSWERED ? send_answer(r) : MHD_YES;
	}
	if (*data_n > 0) {
		if (r->sm.at == O_BODY)
			take_body(r, data, *data_n);
		*data_n = 0;
		return MHD_YES;
	}
	if (r->sm.at == O_BODY && asks_for(r, "/") && (method_of(method) == LINK_GET || method_of(method) == LINK_HEAD))
		send_page(r);
	if (r->sm.at == O_BODY)
		ask_keeper(r, method_of(method));
	return r->sm.at == O_ANSWERED ? send_answer(r) : MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode why)
{
	struct request *r = *con_cls;

	(void)cls;
	(void)connection;
	(void)why;
	if (!r)
		return;
	buf_free(&r->body);
	buf_free(&r->answer);
	free(r->uri);
	free(r);
	*con_cls = NULL;
}

/* Paths stay as they came: what is odd in them is refused, not decoded. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct operatord *o, int fd)
{
	unsigned flags = MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;

	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, o, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_URI_LOG_CALLBACK, on_uri, o, MHD_OPTION_NOTIFY_COMPLETED, on_completed, o,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_CONNECTION_LIMIT, OPERATOR_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, HTTP_BODY_MS / 1000, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

int operatord_start(const struct operatord_conf *conf, struct operatord **out, struct err *e)
{
	struct operatord *o = calloc(1, sizeof *o);

	if (!o)
		return err_set(e, ERR_MEMORY, "no memory for the operator's listener");
	o->conf = *conf;
	pthread_mutex_init(&o->lock, NULL);
	for (size_t i = 0; i < conf->fds_n && i < LISTENERS_MAX_HERE; i++) {
		o->daemon[o->daemons] = start_daemon(o, conf->fds[i]);
		if (!o->daemon[o->daemons]) {
			operatord_stop(o);
			return err_set(e, ERR_INTERNAL, "the operator's listener does not start");
		}
		o->daemons++;
	}
	*out = o;
	return ERR_OK;
}

void operatord_stop(struct operatord *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->daemons; i++)
		MHD_stop_daemon(o->daemon[i]);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

uint64_t operatord_requests(const struct operatord *o)
{
	return o->requests;
}
