/* web.c: see web.h. */
#include "publish/web.h"
#include "base/cleanup.h"
#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>

struct web {
	uv_loop_t loop;
	struct http *http;
};

/* One call while it is under way. */
struct exchange {
	const struct web_ask *ask;
	struct web_reply *reply;
	struct err *e;
	int rc;
	int own;	/* what our callback ended the call with; 0: it did not */
	bool is_over;
};

int web_new(const char *ca_file, struct web **out, struct err *e)
{
	struct http_conf conf = { .ca_file = ca_file };
	struct web *w = calloc(1, sizeof *w);
	int rc;

	if (!w)
		return err_set(e, ERR_MEMORY, "out of memory");
	if (uv_loop_init(&w->loop)) {
		free(w);
		return err_set(e, ERR_INTERNAL, "no event loop");
	}
	rc = http_new(&w->loop, &conf, &w->http, e);
	if (rc) {
		uv_loop_close(&w->loop);
		free(w);
		return rc;
	}
	*out = w;
	return ERR_OK;
}

void web_free(struct web *w)
{
	if (!w)
		return;
	http_close(w->http, NULL, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	uv_loop_close(&w->loop);
	free(w);
}

static int on_head(void *arg, const struct http_reply *r, struct err *e)
{
	struct exchange *x = arg;
	struct span type = http_field(r, "Content-Type");

	(void)e;
	x->reply->status = r->status;
	snprintf(x->reply->content_type, sizeof x->reply->content_type, "%.*s", (int)type.n,
		 type.n ? (const char *)type.p : "");
	return ERR_OK;
}

static int on_body(void *arg, struct span bytes, struct err *e)
{
	struct exchange *x = arg;

	if (!x->ask->on_body || x->reply->status != 200) {
		buf_add(&x->reply->body, bytes);
		return buf_ok(&x->reply->body, e);
	}
	x->own = x->ask->on_body(x->ask->arg, bytes, e);
	if (x->own == WEB_ENOUGH)
		return err_set(e, ERR_BUSY, "enough");	/* ends the transfer; forgotten in on_done */
	return x->own;
}

static int on_send(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	struct exchange *x = arg;

	x->own = x->ask->send(x->ask->arg, out, cap, n, e);
	return x->own;
}

/* Whatever kept a whole answer from us is the server or the way to it, unless we hung up ourselves. */
static int outcome(const struct exchange *x, int rc)
{
	if (x->own == WEB_ENOUGH)
		return ERR_OK;
	if (x->own)
		return x->own;
	return rc == ERR_OK || rc == ERR_MEMORY ? rc : ERR_NET;
}

static void on_done(void *arg, int rc, const struct http_reply *r, const struct err *e)
{
	struct exchange *x = arg;

	(void)r;
	x->is_over = true;
	x->rc = outcome(x, rc);
	if (x->rc && x->e) {
		*x->e = *e;
		x->e->code = (enum err_code)x->rc;
	}
}

static size_t count_lines(const struct web_ask *ask)
{
	size_t n = 0;

	while (n < WEB_LINES_MAX && ask->lines[n])
		n++;
	return n;
}

int web_call(struct web *w, const struct web_ask *ask, struct web_reply *out, struct err *e)
{
	struct web_reply reply = { .body = BUF_INIT(ask->reply_max) };
	struct exchange x = { .ask = ask, .reply = &reply, .e = e };
	struct http_ask question = {
		.method = ask->method, .url = ask->url,
		.lines = ask->lines, .lines_n = count_lines(ask),
		.body = ask->body, .private_ok = true,
		.body_max = ask->reply_max, .total_ms = ask->total_ms,
		.send = ask->send ? on_send : NULL, .send_length = ask->send_length,
		.on_head = on_head, .on_body = on_body, .on_done = on_done, .arg = &x,
	};
	struct http_call *call;
	int rc = http_start(w->http, &question, &call, e);

	if (rc)
		return rc;
	while (!x.is_over)
		uv_run(&w->loop, UV_RUN_ONCE);
	if (x.rc) {
		web_reply_free(&reply);
		return x.rc;
	}
	*out = reply;
	return ERR_OK;
}

void web_reply_free(struct web_reply *r)
{
	buf_free(&r->body);
}
