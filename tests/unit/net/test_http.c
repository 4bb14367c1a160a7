/* test_http.c: the HTTP client against servers that misbehave. */
#include "base/cleanup.h"
#include "net/http.h"
#include "server.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static uv_loop_t loop;
static struct http *http;
static bool is_gone;

static void on_gone(void *arg)
{
	(void)arg;
	is_gone = true;
}

static void setup_with(const struct http_conf *conf)
{
	is_gone = false;
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(http_new(&loop, conf, &http, NULL), ERR_OK);
}

static void setup(void)
{
	setup_with(&(struct http_conf){ 0 });
}

/* Fails on any handle that is still open. */
static void teardown(void)
{
	if (http)
		http_close(http, on_gone, NULL);
	http = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert(is_gone);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

struct result {
	unsigned heads, dones, pieces;
	int rc;
	unsigned status;
	char body[4096], retry[64], trailer[64], type[64];
	uint64_t received, total;
	struct err e;
	struct http_call *cancel_at_head, *cancel_at_body;
	int head_rc;
	bool close_at_done;
};

static void copy(char *out, size_t cap, struct span s)
{
	snprintf(out, cap, "%.*s", (int)s.n, s.n ? (const char *)s.p : "");
}

static int on_head(void *arg, const struct http_reply *r, struct err *e)
{
	struct result *got = arg;

	got->heads++;
	ck_assert_uint_eq(got->pieces, 0);
	ck_assert_uint_eq(got->dones, 0);
	copy(got->type, sizeof got->type, http_field(r, "Content-Type"));
	if (got->cancel_at_head)
		http_cancel(got->cancel_at_head);
	return got->head_rc ? err_set(e, (enum err_code)got->head_rc, "not this one") : ERR_OK;
}

static int on_body(void *arg, struct span bytes, struct err *e)
{
	struct result *got = arg;

	(void)e;
	got->pieces++;
	got->received += bytes.n;
	if (got->cancel_at_body)
		http_cancel(got->cancel_at_body);
	return ERR_OK;
}

static void on_done(void *arg, int rc, const struct http_reply *r, const struct err *e)
{
	struct result *got = arg;

	got->dones++;
	got->rc = rc;
	got->status = r->status;
	got->e = *e;
	got->total = r->received;
	copy(got->body, sizeof got->body, r->body);
	copy(got->retry, sizeof got->retry, http_field(r, "retry-after"));
	copy(got->trailer, sizeof got->trailer, http_field(r, "X-Stream-Error"));
	if (got->close_at_done)
		http_close(STEAL_PTR(http), on_gone, NULL);
}

static struct http_ask ask_for(const char *url, struct result *got)
{
	return (struct http_ask){ .url = url, .private_ok = true, .body_max = 1024, .total_ms = 15000, .stall_ms = 1000,
				  .on_head = on_head, .on_done = on_done, .arg = got };
}

static char *url_of(const struct server *s, const char *path)
{
	static char url[128];

	snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server_port(s), path);
	return url;
}

/* Sends one request and runs the loop until it is answered. */
static struct result ask_once(struct http_ask ask)
{
	struct result *got = ask.arg;
	struct http_call *call;
	struct err e = { 0 };

	ck_assert_msg(http_start(http, &ask, &call, &e) == ERR_OK, "%s", e.msg);
	ck_assert_uint_eq(got->dones, 0);
	while (got->dones == 0)
		uv_run(&loop, UV_RUN_ONCE);
	return *got;
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
static const struct {
	const char *rule;
	enum deed deed;
	const char *text;
	int rc;
	unsigned status;
	const char *says;	/* of the message, or of the body */
} cases[] = {
	{ "a whole reply", SAY, OK_HEAD "Content-Length: 5\r\n\r\nhello", ERR_OK, 200, "hello" },
	{ "until the connection ends", SAY, OK_HEAD "\r\nhello", ERR_OK, 200, "hello" },
	{ "chunked", SAY, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ERR_OK, 200, "hello" },
	{ "an interim reply is passed over", SAY, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK_HEAD "Content-Length: 2\r\n\r\nok", ERR_OK, 200, "ok" },
	{ "404 is an answer", SAY, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", ERR_OK, 404, "no" },
	{ "a redirect is an answer, not followed", SAY, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ERR_OK, 302, "" },
	{ "the body ends early", SAY, OK_HEAD "Content-Length: 9\r\n\r\nhello", ERR_NET, 200, "127.0.0.1" },
	{ "a chunk ends early", SAY, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n9\r\nhello", ERR_NET, 200, "" },
	{ "reset in the body", RESET, OK_HEAD "Content-Length: 9\r\n\r\nhello", ERR_NET, 200, "" },
	{ "reset before the head", RESET, "", ERR_NET, 0, "" },
	{ "an announced length over the limit", STALL, OK_HEAD "Content-Length: 1025\r\n\r\n", ERR_LIMIT, 200, "announces 1025 bytes, more than 1024" },
	{ "a body over the limit", FLOOD_BODY, OK_HEAD "\r\n", ERR_LIMIT, 200, "sends more than 1024 bytes" },
	{ "chunks over the limit", FLOOD_BODY, OK_HEAD "Transfer-Encoding: chunked\r\n\r\nffffff\r\n", ERR_LIMIT, 200, "sends more than 1024 bytes" },
	{ "header lines over the limit", FLOOD_LINES, OK_HEAD, ERR_LIMIT, 200, "header lines" },
	{ "gzip that was not asked for", SAY, OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", ERR_RULE, 200, "content encoding" },
	{ "identity is no encoding", SAY, OK_HEAD "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nok", ERR_OK, 200, "ok" },
	{ "gzip as transfer encoding", SAY, OK_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n\x1f\x8b\r\n0\r\n\r\n", ERR_RULE, 200, "transfer encoding" },
	{ "a stall before the head", STALL, "", ERR_NET, 0, "too slow" },
	{ "a stall in the body", STALL, OK_HEAD "Content-Length: 9\r\n\r\nhello", ERR_NET, 200, "too slow" },
	{ "not HTTP", SAY, "SSH-2.0-x\r\n\r\n", ERR_NET, 0, "" },
	{ "HTTP/0.9", SAY, "hello", ERR_NET, 0, "" },
	{ "an empty reply", SAY, "", ERR_NET, 0, "" },
};

START_TEST(replies)
{
	struct server *s = server_new(cases[_i].deed, cases[_i].text, 0);
	struct result got = { 0 };

	got = ask_once(ask_for(url_of(s, "/key/SECRET?token=SECRET"), &got));
	ck_assert_msg(got.rc == cases[_i].rc, "%s: %d %s", cases[_i].rule, got.rc, got.e.msg);
	ck_assert_msg(got.status == cases[_i].status, "%s: status %u", cases[_i].rule, got.status);
	ck_assert_msg(strstr(got.rc ? got.e.msg : got.body, cases[_i].says) != NULL, "%s: %s%s", cases[_i].rule, got.e.msg, got.body);
	ck_assert_msg(!strstr(got.e.msg, "SECRET"), "the path stays out of messages: %s", got.e.msg);
	ck_assert_uint_eq(got.dones, 1);
	ck_assert_uint_le(got.heads, 1);
	server_free(s);
}
END_TEST

START_TEST(a_drip_ends_by_its_rate)
{
	struct server *s = server_new(DRIP, OK_HEAD "\r\n", 0);
	struct result got = { 0 };
	struct http_ask ask = ask_for(url_of(s, "/"), &got);

	ask.rate_min = 100;
	got = ask_once(ask);
	ck_assert_int_eq(got.rc, ERR_NET);
	ck_assert_msg(strstr(got.e.msg, "too slow") != NULL, "%s", got.e.msg);
	server_free(s);
}
END_TEST

START_TEST(a_drip_ends_by_the_deadline)
{
	struct server *s = server_new(DRIP, OK_HEAD "\r\n", 0);
	struct result got = { 0 };
	struct http_ask ask = ask_for(url_of(s, "/"), &got);
	uint64_t start = uv_hrtime();

	ask.total_ms = 400;
	got = ask_once(ask);
	ck_assert_int_eq(got.rc, ERR_NET);
	ck_assert_uint_lt(uv_hrtime() - start, UINT64_C(3000000000));
	server_free(s);
}
END_TEST

/* libuv's, between it and our program. */
static unsigned polls_that_fail;

int uv_poll_init_socket(uv_loop_t *on, uv_poll_t *poll, uv_os_sock_t fd)
{
	if (polls_that_fail == 0)
		return uv_poll_init(on, poll, fd);
	polls_that_fail--;
	return UV_ENOMEM;
}

/* A socket that cannot be watched costs its own transfer, and no other. The first server never ends its answer: what curl reads when only
 * its timers wake it cannot be enough. */
START_TEST(a_socket_that_cannot_be_watched)
{
	struct server *slow = server_new(DRIP, OK_HEAD "\r\n", 0), *good = server_new(SAY, OK_HEAD "Content-Length: 5\r\n\r\nhello", 0);
	struct result first = { 0 }, second = { 0 };
	struct http_ask ask = ask_for(url_of(slow, "/"), &first);

	polls_that_fail = 1000;
	ask.total_ms = 300;
	first = ask_once(ask);
	ck_assert_int_eq(first.rc, ERR_NET);
	ck_assert_uint_lt(polls_that_fail, 1000);
	polls_that_fail = 0;
	second = ask_once(ask_for(url_of(good, "/"), &second));
	ck_assert_msg(second.rc == ERR_OK && second.status == 200, "%s", second.e.msg);
	server_free(slow);
	server_free(good);
}
END_TEST

/* The C library's, between it and curl. */
static unsigned sends_that_fail;

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	if (sends_that_fail == 0)
		return sendto(fd, p, n, flags, NULL, 0);
	sends_that_fail--;
	errno = ENOBUFS;
	return -1;
}

/* curl keeps such a connection, and would let others wait until it knows whether it can be shared. */
START_TEST(a_first_request_that_cannot_be_sent)
{
	struct server *s = server_new(SAY, OK_HEAD "Content-Length: 5\r\n\r\nhello", 0);
	struct result first = { 0 }, later = { 0 };

	sends_that_fail = 1;
	first = ask_once(ask_for(url_of(s, "/"), &first));
	ck_assert_int_eq(first.rc, ERR_NET);
	ck_assert_uint_eq(sends_that_fail, 0);
	later = ask_once(ask_for(url_of(s, "/"), &later));
	ck_assert_msg(later.rc == ERR_OK && later.status == 200, "%s", later.e.msg);
	server_free(s);
}
END_TEST

START_TEST(nobody_listens)
{
	struct server *s = server_new(SAY, "", 0);
	struct result got = { 0 };
	char url[128];

	snprintf(url, sizeof url, "%s", url_of(s, "/"));
	server_free(s);
	got = ask_once(ask_for(url, &got));
	ck_assert_int_eq(got.rc, ERR_NET);
	ck_assert_uint_eq(got.heads, 0);
}
END_TEST

START_TEST(fields_and_trailers)
{
	struct server *s = server_new(SAY, "HTTP/1.1 429 Slow\r\ncontent-type:  text/plain \r\nRetry-After: 7\r\nTrailer: X-Stream-Error\r\n"
		"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Stream-Error: it broke\r\n\r\n", 0);
	struct result got = { 0 };

	got = ask_once(ask_for(url_of(s, "/"), &got));
	ck_assert_int_eq(got.rc, ERR_OK);
	ck_assert_uint_eq(got.heads, 1);
	ck_assert_str_eq(got.type, "text/plain");
	ck_assert_str_eq(got.retry, "7");
	ck_assert_str_eq(got.trailer, "it broke");
	server_free(s);
}
END_TEST

START_TEST(interim_fields_are_forgotten)
{
	struct server *s = server_new(SAY, "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\nX-Stream-Error: x\r\n\r\n"
		OK_HEAD "Content-Type: a/b\r\nContent-Length: 2\r\n\r\nok", 0);
	struct result got = { 0 };

	got = ask_once(ask_for(url_of(s, "/"), &got));
	ck_assert_int_eq(got.rc, ERR_OK);
	ck_assert_str_eq(got.type, "a/b");
	ck_assert_str_eq(got.retry, "");
	ck_assert_str_eq(got.trailer, "");
	server_free(s);
}
END_TEST

START_TEST(private_addresses_are_refused)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1" };
	struct server *s = server_new(SAY_KEEP, OK_HEAD "Content-Length: 2\r\n\r\nok", 0);
	struct result got = { 0 };
	struct http_ask ask;
	char url[64];

	snprintf(url, sizeof url, "http://%s:%u/", hosts[_i], server_port(s));
	ask = ask_for(url, &got);
	ask.private_ok = false;
	got = ask_once(ask);
	ck_assert_msg(got.rc == ERR_RULE, "%s: %s", url, got.e.msg);
	ck_assert_ptr_nonnull(strstr(got.e.msg, "private address"));
	ck_assert_msg(server_accepted(s) == 0, "not a packet goes there");
	server_free(s);
}
END_TEST

START_TEST(a_used_connection_is_refused_like_a_new_one)
{
	struct server *s = server_new(SAY_KEEP, OK_HEAD "Content-Length: 2\r\n\r\nok", 0);
	struct result got = { 0 }, again = { 0 }, public = { 0 };
	struct http_ask ask;

	got = ask_once(ask_for(url_of(s, "/"), &got));
	again = ask_once(ask_for(url_of(s, "/"), &again));
	ck_assert_int_eq(again.rc, ERR_OK);
	ck_assert_msg(server_accepted(s) == 1, "connections are used again");
	ask = ask_for(url_of(s, "/"), &public);
	ask.private_ok = false;
	public = ask_once(ask);
	ck_assert_int_eq(public.rc, ERR_RULE);
	server_free(s);
}
END_TEST

START_TEST(the_environment_has_no_proxy_for_us)
{
	struct server *s = server_new(SAY, OK_HEAD "Content-Length: 2\r\n\r\nok", 0);
	struct result got = { 0 };

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	got = ask_once(ask_for(url_of(s, "/"), &got));
	ck_assert_msg(got.rc == ERR_OK, "%s", got.e.msg);
	server_free(s);
}
END_TEST

START_TEST(a_configured_proxy_is_used)
{
	struct server *s = server_new(SAY_BACK, "", 0);
	struct result got = { 0 };
	struct http_ask ask;
	struct err e = { 0 };
	struct http_call *call;
	char proxy[64];

	teardown();
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", server_port(s));
	setup_with(&(struct http_conf){ .proxy = proxy });
	ask = ask_for("http://gateway.example/x", &got);
	ask.private_ok = false;
	got = ask_once(ask);
	ck_assert_msg(strncmp(got.body, "GET http://gateway.example/x HTTP/1.1\r\n", 39) == 0, "%s %s", got.e.msg, got.body);
	ask.url = "http://[::1]/x";
	ck_assert_int_eq(http_start(http, &ask, &call, &e), ERR_RULE);
	server_free(s);
}
END_TEST

START_TEST(requests_say_what_they_were_told)
{
	static const char *const lines[] = { "Accept: application/vnd.ipld.raw", "X-One: 1" };
	struct server *s = server_new(SAY_BACK, "", 0);
	struct result got = { 0 };
	struct http_ask ask = ask_for(url_of(s, "/p?q"), &got);

	ask.method = "POST";
	ask.lines = lines;
	ask.lines_n = 2;
	ask.body = SPAN_LIT("{\"a\":1}");
	got = ask_once(ask);
	ck_assert_msg(strncmp(got.body, "POST /p?q HTTP/1.1\r\n", 20) == 0, "%s", got.body);
	ck_assert_ptr_nonnull(strstr(got.body, "\r\nAccept: application/vnd.ipld.raw\r\nX-One: 1\r\n"));
	ck_assert_ptr_nonnull(strstr(got.body, "\r\nContent-Length: 7\r\n"));
	ck_assert_ptr_nonnull(strstr(got.body, "\r\n\r\n{\"a\":1}"));
	ck_assert_ptr_nonnull(strstr(got.body, "\r\nUser-Agent: gatepost/"));
	ck_assert_ptr_null(strstr(got.body, "Accept-Encoding"));
	ck_assert_ptr_null(strstr(got.body, "Expect"));
	server_free(s);
}
END_TEST

static int on_send(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	(void)arg;
	(void)e;
	*n = cap < 65537 ? cap : 65537;
	memset(out, 'z', *n);
	return ERR_OK;
}

START_TEST(a_long_body_is_asked_for)
{
	struct server *s = server_new(SAY_BACK, "", 0);
	struct result got = { 0 };
	struct http_ask ask = ask_for(url_of(s, "/p"), &got);

	ask.method = "POST";
	ask.send = on_send;
	ask.send_length = 1500000;	/* so long that curl would wait for a 100 by itself */
	ask.body_max = 2 * MIB;
	got = ask_once(ask);
	ck_assert_msg(got.rc == ERR_OK, "%s", got.e.msg);
	ck_assert_ptr_nonnull(strstr(got.body, "\r\nContent-Length: 1500000\r\n"));
	ck_assert_ptr_nonnull(strstr(got.body, "\r\n\r\nzzzzzzzzzz"));
	ck_assert_ptr_null(strstr(got.body, "Expect"));
	ck_assert_uint_gt(got.total, 1500000);
	server_free(s);
}
END_TEST

START_TEST(pieces_are_counted_too)
{
	struct server *s = server_new(FLOOD_BODY, OK_HEAD "\r\n", 0);
	struct result got = { 0 };
	struct http_ask ask = ask_for(url_of(s, "/"), &got);

	ask.on_body = on_body;
	ask.body_max = 100000;
	got = ask_once(ask);
	ck_assert_int_eq(got.rc, ERR_LIMIT);
	ck_assert_uint_le(got.received, 100000);
	ck_assert_uint_gt(got.pieces, 0);
	server_free(s);
}
END_TEST

START_TEST(a_head_can_be_refused_by_its_owner)
{
	struct server *s = server_new(FLOOD_BODY, OK_HEAD "\r\n", 0);
	struct result got = { .head_rc = ERR_PROOF };
	struct http_ask ask = ask_for(url_of(s, "/"), &got);

	ask.on_body = on_body;
	got = ask_once(ask);
	ck_assert_int_eq(got.rc, ERR_PROOF);
	ck_assert_ptr_nonnull(strstr(got.e.msg, "not this one"));
	ck_assert_uint_eq(got.pieces, 0);
	server_free(s);
}
END_TEST

START_TEST(nothing_after_a_cancel)
{
	struct server *s = server_new(FLOOD_BODY, OK_HEAD "\r\n", 0);
	struct result got = { 0 };
	struct http_ask ask = ask_for(url_of(s, "/"), &got);
	struct http_call *call;

	ask.on_body = on_body;
	ask.body_max = INT64_MAX;
	ck_assert_int_eq(http_start(http, &ask, &call, NULL), ERR_OK);
	if (_i == 0)
		http_cancel(call);
	if (_i == 1)
		got.cancel_at_head = call;
	if (_i == 2)
		got.cancel_at_body = call;
	while (got.heads < (unsigned)(_i > 0) || got.pieces < (unsigned)(_i > 1))
		uv_run(&loop, UV_RUN_ONCE);
	for (int i = 0; i < 50; i++)
		uv_run(&loop, UV_RUN_NOWAIT), usleep(1000);
	ck_assert_uint_eq(got.dones, 0);
	ck_assert_uint_eq(got.heads, _i > 0);
	ck_assert_uint_eq(got.pieces, _i > 1);
	server_free(s);
}
END_TEST

START_TEST(closing_cancels)
{
	struct server *s = server_new(STALL, OK_HEAD "\r\n", 0);
	struct result got = { 0 };
	struct http_ask ask = ask_for(url_of(s, "/"), &got);
	struct http_call *call;

	ck_assert_int_eq(http_start(http, &ask, &call, NULL), ERR_OK);
	while (got.heads == 0)
		uv_run(&loop, UV_RUN_ONCE);
	teardown();
	ck_assert_uint_eq(got.dones, 0);
	setup();
	server_free(s);
}
END_TEST

START_TEST(an_owner_may_close_in_its_callback)
{
	struct server *s = server_new(SAY, OK_HEAD "Content-Length: 2\r\n\r\nok", 0);
	struct result got = { .close_at_done = true };

	got = ask_once(ask_for(url_of(s, "/"), &got));
	ck_assert_uint_eq(got.dones, 1);
	server_free(s);
}
END_TEST

struct chain {
	struct result first, second;
	const char *next_url;
};

static int start_another(void *arg, struct span bytes, struct err *e)
{
	struct chain *chain = arg;
	struct http_ask ask = ask_for(chain->next_url, &chain->second);
	struct http_call *call;

	(void)bytes;
	return http_start(http, &ask, &call, e);
}

static void on_first_done(void *arg, int rc, const struct http_reply *r, const struct err *e)
{
	struct chain *chain = arg;

	on_done(&chain->first, rc, r, e);
}

START_TEST(a_call_may_be_started_from_within_one)
{
	struct server *s = server_new(SAY, OK_HEAD "Content-Length: 2\r\n\r\nok", 0);
	struct server *other = server_new(SAY, OK_HEAD "Content-Length: 2\r\n\r\nok", 0);
	char url[128];
	struct chain chain = { .next_url = url };
	struct http_ask ask = { .private_ok = true, .body_max = 9, .total_ms = 5000, .on_body = start_another,
				.on_done = on_first_done, .arg = &chain };
	struct http_call *call;

	snprintf(url, sizeof url, "%s", url_of(other, "/"));
	ask.url = url_of(s, "/");
	ck_assert_int_eq(http_start(http, &ask, &call, NULL), ERR_OK);
	while (chain.second.dones == 0 || chain.first.dones == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(chain.first.rc, ERR_OK);
	ck_assert_str_eq(chain.second.body, "ok");
	server_free(s);
	server_free(other);
}
END_TEST

static const struct { const char *rule; struct http_ask ask; int code; } asks[] = {
	{ "ftp", { .url = "ftp://h/", .body_max = 1, .total_ms = 1 }, ERR_USAGE },
	{ "file", { .url = "file:///etc/passwd", .body_max = 1, .total_ms = 1 }, ERR_USAGE },
	{ "no scheme", { .url = "h/", .body_max = 1, .total_ms = 1 }, ERR_USAGE },
	{ "control characters", { .url = "http://h/\r\nX: y", .body_max = 1, .total_ms = 1 }, ERR_USAGE },
	{ "no limit", { .url = "http://h/", .total_ms = 1 }, ERR_USAGE },
	{ "no deadline", { .url = "http://h/", .body_max = 1 }, ERR_USAGE },
};

START_TEST(bad_asks_are_refused_at_once)
{
	struct result got = { 0 };
	struct http_ask ask = asks[_i].ask;
	struct http_call *call;

	ask.on_done = on_done;
	ask.arg = &got;
	ck_assert_msg(http_start(http, &ask, &call, NULL) == asks[_i].code, "%s", asks[_i].rule);
	ck_assert_uint_eq(got.dones, 0);
}
END_TEST

START_TEST(header_lines_have_no_breaks)
{
	static const char *const line = "X: y\r\nHost: evil";
	struct result got = { 0 };
	struct http_ask ask = ask_for("http://127.0.0.1/", &got);
	struct http_call *call;

	ask.lines = &line;
	ask.lines_n = 1;
	ck_assert_int_eq(http_start(http, &ask, &call, NULL), ERR_USAGE);
}
END_TEST

static const struct { const char *url, *shown; } shown[] = {
	{ "https://rpc.example/v1/SECRET", "https://rpc.example" },
	{ "https://user:SECRET@rpc.example:8443/?k=SECRET#SECRET", "https://rpc.example:8443" },
	{ "http://[2001:db8::1]:80/SECRET", "http://[2001:db8::1]:80" },
	{ "SECRET", "(not a URL)" },
	{ "", "(not a URL)" },
	{ "https://", "(not a URL)" },
};

START_TEST(urls_are_redacted)
{
	char out[HTTP_REDACTED_MAX];

	ck_assert_str_eq(http_redact(shown[_i].url, out), shown[_i].shown);
}
END_TEST

static const struct { const char *lines; int64_t wall_ms, ms; } waits[] = {
	{ "Retry-After: 7\r\n", 0, 7000 },
	{ "retry-after: 0\r\n", 0, 0 },
	{ "X: 1\r\n", 0, 0 },
	{ "Retry-After: -7\r\n", 0, 0 },
	{ "Retry-After: soon\r\n", 1, 0 },
	{ "Retry-After: 999999\r\n", 0, RETRY_AFTER_MAX_MS },
	{ "Retry-After: 99999999999999999999\r\n", 0, RETRY_AFTER_MAX_MS },
	{ "Retry-After: Mon, 23 Nov 2026 04:50:00 GMT\r\n", INT64_C(1795409390000), 10000 },
	{ "Retry-After: Mon, 23 Nov 2026 04:50:00 GMT\r\n", INT64_C(1795409410000), 0 },
	{ "Retry-After: Mon, 23 Nov 2026 04:50:00 GMT\r\n", 0, 0 },
};

START_TEST(retry_after_is_bounded)
{
	struct http_reply r = { .lines = span_str(waits[_i].lines) };

	ck_assert_int_eq(http_retry_after_ms(&r, waits[_i].wall_ms), waits[_i].ms);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("http");
	TCase *t = tcase_create("http");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, replies, 0, (int)(sizeof cases / sizeof *cases));
	tcase_add_test(t, a_drip_ends_by_its_rate);
	tcase_add_test(t, a_drip_ends_by_the_deadline);
	tcase_add_test(t, nobody_listens);
	tcase_add_test(t, a_socket_that_cannot_be_watched);
	tcase_add_test(t, a_first_request_that_cannot_be_sent);
	tcase_add_test(t, fields_and_trailers);
	tcase_add_test(t, interim_fields_are_forgotten);
	tcase_add_loop_test(t, private_addresses_are_refused, 0, 5);
	tcase_add_test(t, a_used_connection_is_refused_like_a_new_one);
	tcase_add_test(t, the_environment_has_no_proxy_for_us);
	tcase_add_test(t, a_configured_proxy_is_used);
	tcase_add_test(t, requests_say_what_they_were_told);
	tcase_add_test(t, a_long_body_is_asked_for);
	tcase_add_test(t, pieces_are_counted_too);
	tcase_add_test(t, a_head_can_be_refused_by_its_owner);
	tcase_add_loop_test(t, nothing_after_a_cancel, 0, 3);
	tcase_add_test(t, closing_cancels);
	tcase_add_test(t, an_owner_may_close_in_its_callback);
	tcase_add_test(t, a_call_may_be_started_from_within_one);
	tcase_add_loop_test(t, bad_asks_are_refused_at_once, 0, (int)(sizeof asks / sizeof *asks));
	tcase_add_test(t, header_lines_have_no_breaks);
	tcase_add_loop_test(t, urls_are_redacted, 0, (int)(sizeof shown / sizeof *shown));
	tcase_add_loop_test(t, retry_after_is_bounded, 0, (int)(sizeof waits / sizeof *waits));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
