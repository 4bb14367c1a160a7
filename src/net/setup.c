/* setup.c: see setup.h. */
#include "net/setup.h"
#include "net/address.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define CONNECT_MS 15000L	/* a handshake over a bad mobile link takes some seconds */
#define CONNECTIONS_MAX 64L	/* all servers together */
#define CONNECTIONS_PER_HOST 16L

int http_rules_set(struct http_rules *r, const struct http_conf *conf, struct err *e)
{
	const char *proxy = conf->proxy ? conf->proxy : "", *ca_file = conf->ca_file ? conf->ca_file : "";

	if (strlen(proxy) >= sizeof r->proxy || strlen(ca_file) >= sizeof r->ca_file)
		return err_set(e, ERR_USAGE, "proxy or CA file: too long");
	strcpy(r->proxy, proxy);	/* discouraged: its length is checked above */
	strcpy(r->ca_file, ca_file);	/* discouraged: its length is checked above */
	return ERR_OK;
}

void http_rules_apply(CURLM *multi)
{
	curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS_MAX);
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_PER_HOST);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_PER_HOST);
}

struct http_reply call_reply(const struct http_call *c, bool with_body)
{
	struct http_reply r = { .status = c->status, .length = -1, .received = c->received, .lines = buf_span(&c->head) };
	curl_off_t length = -1;

	if (curl_easy_getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) == CURLE_OK)
		r.length = length;
	if (with_body)
		r.body = buf_span(&c->body);
	return r;
}

/* --- while it runs; each returns what curl wants to hear --- */

static bool is_plain(struct span encoding)
{
	return encoding.n == 0 || (encoding.n == 8 && strncasecmp((const char *)encoding.p, "identity", 8) == 0);
}

static bool is_chunked(struct span encoding)
{
	return encoding.n == 7 && strncasecmp((const char *)encoding.p, "chunked", 7) == 0;
}

/* All header lines are here. */
static int judge_head(struct http_call *c)
{
	struct http_reply r = call_reply(c, false);
	struct span encoding = http_field(&r, "content-encoding"), transfer = http_field(&r, "transfer-encoding");
	int rc;

	/* Its owner first: an error page's length or encoding is no news beside its status. */
	if (c->ask.on_head && (rc = c->ask.on_head(c->ask.arg, &r, &c->err)))
		return rc;
	/* Decoding would let a few bytes become many, and hashes are of the bytes as they are. */
	if (!is_plain(encoding))
		return err_set(&c->err, ERR_RULE, "answers with a content encoding, which was not asked for");
	if (!is_plain(transfer) && !is_chunked(transfer))
		return err_set(&c->err, ERR_RULE, "answers with a transfer encoding other than chunked");
	if (!c->is_head && r.length >= 0 && (uint64_t)r.length > c->ask.body_max)
		return err_set(&c->err, ERR_LIMIT, "announces %" PRId64 " bytes, more than %" PRIu64, r.length, c->ask.body_max);
	return ERR_OK;
}

/* "HTTP/1.1 200 OK": a new block; what an interim one said is forgotten. */
static void start_block(struct http_call *c, struct span line)
{
	const uint8_t *blank = memchr(line.p, ' ', line.n);
	long status = 0;

	buf_reset(&c->head);
	if (blank)
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	c->status = status > 0 ? (unsigned)status : 0;
}

static size_t on_line(char *bytes, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;
	struct span line = SPAN(bytes, size * n);
	bool is_end = line.n <= 2 && (line.n == 0 || line.p[0] == '\r' || line.p[0] == '\n');

	if (c->is_deaf)
		return 0;
	c->head_total += line.n;
	if (c->head_total > NET_HEADERS_MAX) {
		err_set(&c->err, ERR_LIMIT, "sends more than %d bytes of header lines", NET_HEADERS_MAX);
		return 0;
	}
	if (line.n > 5 && memcmp(line.p, "HTTP/", 5) == 0)
		start_block(c, line);
	else if (!is_end)
		buf_add(&c->head, line);
	if (!is_end || c->status < 200)
		return line.n;	/* more is to come; curl tells no end of trailers */
	return judge_head(c) || c->is_deaf ? 0 : line.n;
}

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;
	struct span s = SPAN(bytes, size * n);

	if (c->is_deaf)
		return 0;
	if (c->meter && !meter_take(c->meter, s.n)) {
		meter_wait(c->meter, &c->waits);
		return CURL_WRITEFUNC_PAUSE;	/* curl keeps these bytes, and brings them again */
	}
	c->received += s.n;
	if (c->received > c->ask.body_max) {
		err_set(&c->err, ERR_LIMIT, "sends more than %" PRIu64 " bytes", c->ask.body_max);
		return 0;
	}
	if (c->ask.on_body)
		return c->ask.on_body(c->ask.arg, s, &c->err) || c->is_deaf ? 0 : s.n;
	buf_add(&c->body, s);
	return buf_ok(&c->body, &c->err) ? 0 : s.n;
}

static size_t on_room(char *out, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;
	uint64_t left = c->ask.send_length - c->sent;
	size_t cap = size * n < left ? size * n : (size_t)left, got = 0;

	if (c->is_deaf)
		return CURL_READFUNC_ABORT;
	if (cap == 0)
		return 0;
	if (c->ask.send(c->ask.arg, (uint8_t *)out, cap, &got, &c->err) || c->is_deaf)
		return CURL_READFUNC_ABORT;
	c->sent += got;
	return got;
}

static curl_socket_t on_socket_wanted(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct http_call *c = arg;

	(void)purpose;
	/* Here, after the name was resolved, and not before: a name may mean something else each time. */
	if (!c->ask.private_ok && !c->is_proxied && address_is_private(&a->addr)) {
		c->was_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* A connection that another call has made is refused like a new one. */
static int on_connection(void *arg, char *their_ip, char *our_ip, int their_port, int our_port)
{
	struct http_call *c = arg;

	(void)our_ip;
	(void)their_port;
	(void)our_port;
	if (c->ask.private_ok || c->is_proxied || !address_text_is_private(their_ip))
		return CURL_PREREQFUNC_OK;
	c->was_refused = true;
	return CURL_PREREQFUNC_ABORT;
}

/* --- before it runs --- */

static int check_url(struct http_call *c, const char *url, struct err *e)
{
	char *scheme = NULL, *host = NULL;
	CURLU *u = curl_url();
	bool is_ok, is_inside = false;

	is_ok = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	if (is_ok && c->is_proxied && !c->ask.private_ok) {
		host[strcspn(host, "]")] = '\0';
		is_inside = address_text_is_private(host + (host[0] == '['));
	}
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(u);
	if (!is_ok)
		return err_set(e, ERR_USAGE, "not an http or https URL");
	if (is_inside)
		return err_set(e, ERR_RULE, "%s: a private address, which is not allowed for this one", c->server);
	return ERR_OK;
}

static int add_line(struct http_call *c, const char *line, struct err *e)
{
	struct curl_slist *more;

	if (strpbrk(line, "\r\n"))
		return err_set(e, ERR_USAGE, "a header line with a line break");
	more = curl_slist_append(c->lines, line);
	if (!more)
		return err_set(e, ERR_MEMORY, "no memory for a header line");
	c->lines = more;
	return ERR_OK;
}

static int set_lines(struct http_call *c, const struct http_ask *ask, struct err *e)
{
	int rc = add_line(c, "Expect:", e);	/* do not wait for 100 before a body: many servers never say it */

	for (size_t i = 0; !rc && i < ask->lines_n; i++)
		rc = add_line(c, ask->lines[i], e);
	if (!rc)
		curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->lines);
	return rc;
}

static void set_upload(struct http_call *c, const struct http_ask *ask)
{
	curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(c->easy, CURLOPT_READFUNCTION, on_room);
	curl_easy_setopt(c->easy, CURLOPT_READDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->send_length);
	/* What was read cannot be read again, as a stale connection would require. */
	curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, 1L);
}

static int set_method(struct http_call *c, const struct http_ask *ask, struct err *e)
{
	const char *method = ask->method ? ask->method : "GET";
	bool has_body = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;

	c->is_head = strcmp(method, "HEAD") == 0;
	if (has_body && ask->send) {
		set_upload(c, ask);
	} else if (has_body) {
		c->send = malloc(ask->body.n + 1);
		if (!c->send)
			return err_set(e, ERR_MEMORY, "no memory for a request's body");
		if (ask->body.n)
			memcpy(c->send, ask->body.p, ask->body.n);
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->send);
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.n);
	}
	if (c->is_head)
		curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
	else if (strcmp(method, "GET") != 0)
		curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, method);
	return ERR_OK;
}

static void set_limits(struct http_call *c)
{
	int64_t stall_ms = c->ask.stall_ms ? c->ask.stall_ms : NET_STALL_MS;

	curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)c->ask.total_ms);
	curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_TIME, (long)((stall_ms + 999) / 1000));
	curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_LIMIT, c->ask.rate_min ? (long)c->ask.rate_min : 1L);
}

static void set_rules(struct http_call *c, const struct http_rules *r)
{
	curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->easy, CURLOPT_QUICK_EXIT, 1L);	/* cancelling must not wait for a resolver's thread */
	curl_easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* Many blocks of one server share a connection if it can do that, which only TLS tells. Without TLS waiting would be for nothing, and for
	 * ever when the first request could not be sent: curl keeps that connection as one of which it does not know. */
	curl_easy_setopt(c->easy, CURLOPT_PIPEWAIT, strncasecmp(c->ask.url, "https:", 6) == 0 ? 1L : 0L);
	curl_easy_setopt(c->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c->easy, CURLOPT_USERAGENT, "gatepost/" GATEPOST_VERSION);
	curl_easy_setopt(c->easy, CURLOPT_PROXY, r->proxy);	/* "" also switches the environment's off */
	if (*r->ca_file) {
		curl_easy_setopt(c->easy, CURLOPT_CAINFO, r->ca_file);
		curl_easy_setopt(c->easy, CURLOPT_CAPATH, NULL);
	}
}

static void set_callbacks(struct http_call *c)
{
	curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->text);
	curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_line);
	curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket_wanted);
	curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_PREREQFUNCTION, on_connection);
	curl_easy_setopt(c->easy, CURLOPT_PREREQDATA, c);
}

int call_setup(struct http_call *c, const struct http_rules *r, const struct http_ask *ask, struct err *e)
{
	int rc;

	c->ask = *ask;
	c->head = BUF_INIT(NET_HEADERS_MAX);
	c->body = BUF_INIT(ask->body_max < SIZE_MAX ? (size_t)ask->body_max : SIZE_MAX);
	c->is_proxied = *r->proxy != '\0';
	http_redact(ask->url, c->server);
	if (ask->body_max == 0 || ask->total_ms <= 0 || !ask->on_done)
		return err_set(e, ERR_USAGE, "a request without body_max, total_ms or on_done");
	rc = check_url(c, ask->url, e);
	if (rc)
		return rc;
	c->easy = curl_easy_init();
	if (!c->easy || curl_easy_setopt(c->easy, CURLOPT_URL, ask->url) != CURLE_OK)
		return err_set(e, ERR_MEMORY, "no memory for a request");
	set_rules(c, r);
	set_limits(c);
	set_callbacks(c);
	rc = set_method(c, ask, e);
	return rc ? rc : set_lines(c, ask, e);
}

int call_outcome(const struct http_call *c, CURLcode code, struct err *e)
{
	const char *via = c->is_proxied ? " through the proxy" : "";	/* whom curl names is the proxy then, and seldom called so */

	if (code == CURLE_OK)
		return ERR_OK;
	if (c->err.code)
		return err_set(e, c->err.code, "%s: %s", c->server, c->err.msg);
	if (c->was_refused)
		return err_set(e, ERR_RULE, "%s: a private address, which is not allowed for this one", c->server);
	if (code == CURLE_OUT_OF_MEMORY)
		return err_set(e, ERR_MEMORY, "%s: no memory", c->server);
	if (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)	/* curl's own words can be as bare as "select/poll returned error" */
		return err_set(e, ERR_NET, "%s%s: the connection broke: %s", c->server, via, *c->text ? c->text : curl_easy_strerror(code));
	return err_set(e, ERR_NET, "%s%s: %s", c->server, via, *c->text ? c->text : curl_easy_strerror(code));
}
