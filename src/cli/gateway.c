/* gateway.c: see gateway.h. */
#include "cli/gateway.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "daemon/conf.h"
#include "publish/web.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define CALL_MS 30000

/* --- answers --- */

static enum err_code code_of(unsigned status)
{
	static const struct { unsigned status; enum err_code code; } map[] = {
		{ 400, ERR_USAGE }, { 401, ERR_DENIED }, { 403, ERR_DENIED }, { 404, ERR_NOT_FOUND }, { 429, ERR_BUSY }, { 503, ERR_NET },
	};

	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (map[i].status == status)
			return map[i].code;
	return status >= 500 ? ERR_INTERNAL : ERR_RULE;
}

static int take_answer(unsigned status, struct span body, json_t **out, struct err *e)
{
	json_error_t why;
	json_t *o = body.n ? json_loadb((const char *)body.p, body.n, 0, &why) : NULL;
	const char *detail;
	int rc;

	if (status < 300) {
		if (body.n && !o)
			return err_set(e, ERR_FORMAT, "the gateway's answer is not JSON: %.100s", why.text);
		*out = o;
		return ERR_OK;
	}
	detail = json_string_value(json_object_get(o, "detail"));
	rc = err_set(e, code_of(status), "%.250s", detail ? detail : "the gateway refused, without a reason");
	json_decref(o);
	return rc;
}

/* --- over the control socket --- */

static int socket_path(const struct gateway_options *o, char *out, size_t cap, struct err *e)
{
	autofree char *run_dir = NULL;
	int rc;

	if (o->socket) {
		snprintf(out, cap, "%s", o->socket);
		return ERR_OK;
	}
	rc = conf_run_dir(o->config ? o->config : CONF_FILE_DEFAULT, &run_dir, e);
	if (rc) {
		e->code = ERR_USAGE;
		return err_wrap(e, "which gateway? (--socket, -c or --url)");
	}
	snprintf(out, cap, "%s/control.sock", run_dir);
	return ERR_OK;
}

static int open_socket(const char *path, int *out, struct err *e)
{
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval limit = { CALL_MS / 1000, 0 };

	if (fd < 0)
		return err_errno(e, "socket");
	if (strlen(path) >= sizeof at.sun_path)
		return err_set(e, ERR_USAGE, "%.200s is too long for a socket", path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
		return err_errno(e, "socket");
	if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
		err_errno(e, "no gateway at %.200s", path);
		return (int)(e->code = ERR_NET);
	}
	*out = STEAL_FD(fd);
	return ERR_OK;
}

static int read_answer(int fd, struct buf *body, unsigned *status, struct err *e)
{
	autofree uint8_t *datagram = malloc(LINK_MESSAGE_MAX);
	int fds[IO_FDS_MAX] = { -1, -1, -1, -1 };
	struct link_answer a;
	size_t n = 0;
	int rc = datagram ? io_recv_fds(fd, datagram, LINK_MESSAGE_MAX, &n, fds, e) : err_set(e, ERR_MEMORY, "no memory for an answer");

	if (rc == ERR_BUSY)
		rc = err_set(e, ERR_NET, "the gateway did not answer within %d s", CALL_MS / 1000);
	if (!rc)
		rc = link_answer_read(SPAN(datagram, n), &a, e);
	if (!rc && fds[0] >= 0 && lseek(fds[0], 0, SEEK_SET) == 0)
		rc = io_read_all(fds[0], body, e);
	else if (!rc)
		buf_add(body, a.body);
	for (size_t i = 0; i < IO_FDS_MAX; i++)
		cleanup_close(&fds[i]);
	if (!rc)
		*status = a.status;
	return rc ? rc : buf_ok(body, e);
}

static int call_socket(const struct gateway_options *o, enum link_method method, const char *path, struct span body,
		       struct buf *answer, unsigned *status, struct err *e)
{
	AUTO(buf_free) struct buf call = BUF_INIT(LINK_MESSAGE_MAX);
	autoclose int fd = -1;
	char at[4096];
	int rc = socket_path(o, at, sizeof at, e);

	if (!rc)
		rc = open_socket(at, &fd, e);
	if (rc)
		return rc;
	link_call_write(&call, &(struct link_call){ .id = 1, .method = (uint8_t)method, .path = span_str(path), .body = body });
	rc = buf_ok(&call, e);
	if (!rc)
		rc = io_send_fds(fd, buf_span(&call), NULL, 0, e);
	return rc ? rc : read_answer(fd, answer, status, e);
}

/* --- over HTTP --- */

static int read_token(const struct gateway_options *o, char *line, size_t cap, struct err *e)
{
	AUTO(buf_free) struct buf text = BUF_INIT(256);
	int rc;

	if (!o->token_file)
		return err_set(e, ERR_USAGE, "--token-file is needed with --url");
	rc = io_read_file(AT_FDCWD, o->token_file, &text, e);
	if (rc) {
		e->code = ERR_USAGE;
		return err_wrap(e, "--token-file");
	}
	while (text.n > 0 && strchr("\r\n ", text.p[text.n - 1]))
		text.n--;
	snprintf(line, cap, "Authorization: Bearer %.*s", (int)text.n, (const char *)text.p);
	return ERR_OK;
}

static int call_url(const struct gateway_options *o, enum link_method method, const char *path, struct span body,
		    struct buf *answer, unsigned *status, struct err *e)
{
	static const char *const methods[] = { "", "GET", "HEAD", "POST", "PUT", "DELETE" };
	char url[2048], token[320];
	size_t n = strlen(o->url);
	struct web *web = NULL;
	struct web_reply reply = { 0 };
	struct web_ask ask = { .method = methods[method], .url = url, .lines = { token, "Content-Type: application/json" },
		.body = body, .reply_max = API_ANSWER_MAX, .total_ms = CALL_MS };
	int rc = read_token(o, token, sizeof token, e);

	snprintf(url, sizeof url, "%.*s%s", (int)(n && o->url[n - 1] == '/' ? n - 1 : n), o->url, path);
	if (!rc)
		rc = web_new(o->ca_file, &web, e);
	if (!rc)
		rc = web_call(web, &ask, &reply, e);
	if (!rc) {
		*status = reply.status;
		buf_add(answer, buf_span(&reply.body));
		web_reply_free(&reply);
	}
	web_free(web);
	explicit_bzero(token, sizeof token);
	return rc;
}

int gateway_call(const struct gateway_options *o, enum link_method method, const char *path, const json_t *body,
		 json_t **out, struct err *e)
{
	AUTO(buf_free) struct buf answer = BUF_INIT(API_ANSWER_MAX);
	autofree char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	unsigned status = 0;
	int rc;

	*out = NULL;
	if (o->url && (o->socket || o->config))
		return err_set(e, ERR_USAGE, "--url and a control socket are two ways: take one");
	if (o->url)
		rc = call_url(o, method, path, span_str(text), &answer, &status, e);
	else
		rc = call_socket(o, method, path, span_str(text), &answer, &status, e);
	return rc ? rc : take_answer(status, buf_span(&answer), out, e);
}
