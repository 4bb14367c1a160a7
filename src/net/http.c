/* http.c: see http.h. This file has the calls' lives; setup.c says what curl may do, multi.c is the loop. */
#include "net/http.h"
#include "base/err.h"
#include "net/setup.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* WAITING ─► RUNNING ─► (freed)	waiting: started from within a callback of curl
 *    │          ├─► BROKEN ─► (freed)	ended while it was let go on; curl's verdicts do not have it
 *    └──────────┴─► DOOMED ─► (freed)	cancelled from within one				*/
enum { C_WAITING, C_RUNNING, C_BROKEN, C_DOOMED };

static const struct sm_state table[] = {
	[C_WAITING] = { "waiting", SM_TO(C_RUNNING) | SM_TO(C_DOOMED) },
	[C_RUNNING] = { "running", SM_TO(C_BROKEN) | SM_TO(C_DOOMED) },
	[C_BROKEN] = { "broken", SM_TO(C_DOOMED) },
	[C_DOOMED] = { "doomed", 0 },
};

struct http {
	struct multi multi;
	struct http_rules rules;
	struct meter meter;
	struct list waiting, running, broken, doomed;
	bool is_closing, is_telling;	/* is_telling: an owner's on_done is above us on the stack */
	void (*on_closed)(void *arg);
	void *closed_arg;
};

static struct http *http_of(struct multi *m)
{
	return LIST_ITEM(m, struct http, multi);
}

static void call_free(struct http_call *c)
{
	list_remove(&c->node);
	list_remove(&c->waits);
	if (c->easy)
		curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->lines);
	buf_free(&c->head);
	buf_free(&c->body);
	free(c->send);
	free(c);
}

static void drop(struct http_call *c)
{
	if (c->sm.at != C_WAITING)
		curl_multi_remove_handle(c->http->multi.curl, c->easy);
	call_free(c);
}

/* Takes the call out of curl and of the lists, tells its owner, frees it. */
static void finish(struct http_call *c, CURLcode code)
{
	struct http *h = c->http;
	struct http_reply reply;
	struct err e = { 0 };
	int rc = call_outcome(c, code, &e);

	curl_multi_remove_handle(h->multi.curl, c->easy);
	list_remove(&c->node);
	list_remove(&c->waits);
	reply = call_reply(c, true);
	c->ask.on_done(c->ask.arg, rc, &reply, &e);
	call_free(c);
}

static void run(struct http_call *c)
{
	struct http *h = c->http;

	list_remove(&c->node);
	list_append(&h->running, &c->node);
	sm_move(&c->sm, C_RUNNING);
	if (curl_multi_add_handle(h->multi.curl, c->easy) != CURLM_OK)
		err_no_memory();	/* only for a handle that is in use, or without memory */
}

static void drain(struct http *h)
{
	const CURLMsg *msg;
	int left;

	while (!h->is_closing && (msg = curl_multi_info_read(h->multi.curl, &left))) {
		struct http_call *c = NULL;
		CURLcode code = msg->data.result;

		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		finish(c, code);
	}
}

static void drain_broken(struct http *h)
{
	while (!h->is_closing && !list_is_empty(&h->broken)) {
		struct http_call *c = LIST_ITEM(h->broken.next, struct http_call, node);

		finish(c, c->broke);
	}
}

static void on_multi_closed(struct multi *m)
{
	struct http *h = http_of(m);
	void (*on_closed)(void *) = h->on_closed;
	void *arg = h->closed_arg;

	free(h);
	curl_global_cleanup();
	if (on_closed)
		on_closed(arg);
}

static void close_now(struct http *h)
{
	LIST_EACH(node, &h->running)
		drop(LIST_ITEM(node, struct http_call, node));
	LIST_EACH(node, &h->broken)
		drop(LIST_ITEM(node, struct http_call, node));
	LIST_EACH(node, &h->waiting)
		drop(LIST_ITEM(node, struct http_call, node));
	multi_close(&h->multi, on_multi_closed);
}

/* curl has returned: do what was not allowed within its callbacks. */
static void on_outside(struct multi *m)
{
	struct http *h = http_of(m);

	LIST_EACH(node, &h->doomed) {
		struct http_call *c = LIST_ITEM(node, struct http_call, node);

		curl_multi_remove_handle(m->curl, c->easy);
		call_free(c);
	}
	h->is_telling = true;
	drain(h);
	drain_broken(h);
	h->is_telling = false;
	while (!h->is_closing && !list_is_empty(&h->waiting))
		run(LIST_ITEM(h->waiting.next, struct http_call, node));
	if (h->is_closing)
		close_now(h);
}

/* curl hands over what it has kept, from within this call, and more later. */
static void go_on(struct http_call *c)
{
	CURLcode code = curl_easy_pause(c->easy, CURLPAUSE_CONT);

	if (code == CURLE_OK || c->is_deaf)
		return;
	c->broke = code;
	sm_move(&c->sm, C_BROKEN);
	list_remove(&c->node);
	list_append(&c->http->broken, &c->node);
}

/* Lets those who wait go on while there are tokens; who finds none waits again, behind the others. */
static void on_full(struct meter *m)
{
	struct http *h = LIST_ITEM(m, struct http, meter);

	h->multi.inside++;
	while (!list_is_empty(&m->waiting) && (m->rate == 0 || m->tokens > 0)) {
		struct http_call *c = LIST_ITEM(m->waiting.next, struct http_call, waits);

		list_remove(&c->waits);
		go_on(c);
	}
	h->multi.inside--;
	on_outside(&h->multi);
}

void http_set_rate_max(struct http *h, uint64_t rate_max)
{
	meter_set_rate(&h->meter, rate_max);
}

int http_new(uv_loop_t *loop, const struct http_conf *conf, struct http **out, struct err *e)
{
	struct http *h = calloc(1, sizeof *h);
	int rc;

	if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(h);
		return err_set(e, ERR_MEMORY, "no memory for HTTP");
	}
	list_init(&h->waiting);
	list_init(&h->running);
	list_init(&h->broken);
	list_init(&h->doomed);
	rc = http_rules_set(&h->rules, conf, e);
	if (!rc)
		rc = multi_init(&h->multi, loop, on_outside, e);
	if (rc) {
		free(h);
		curl_global_cleanup();
		return rc;
	}
	http_rules_apply(h->multi.curl);
	meter_init(&h->meter, loop, conf->rate_max, on_full);
	multi_adopt(&h->multi, meter_handle(&h->meter));
	*out = h;
	return ERR_OK;
}

void http_close(struct http *h, void (*on_closed)(void *arg), void *arg)
{
	assert(!h->is_closing);
	h->is_closing = true;
	h->on_closed = on_closed;
	h->closed_arg = arg;
	LIST_EACH(node, &h->running)	/* curl may hold them still */
		LIST_ITEM(node, struct http_call, node)->is_deaf = true;
	if (!multi_is_inside(&h->multi) && !h->is_telling)
		close_now(h);
}

int http_start(struct http *h, const struct http_ask *ask, struct http_call **out, struct err *e)
{
	struct http_call *c = calloc(1, sizeof *c);
	int rc;

	if (!c)
		return err_set(e, ERR_MEMORY, "no memory for a request");
	list_init(&c->node);
	list_init(&c->waits);
	sm_init(&c->sm, "http", table, C_WAITING);
	c->http = h;
	c->meter = ask->is_metered ? &h->meter : NULL;
	rc = call_setup(c, &h->rules, ask, e);
	if (rc) {
		call_free(c);
		return rc;
	}
	list_append(&h->waiting, &c->node);
	if (!multi_is_inside(&h->multi))
		run(c);
	*out = c;
	return ERR_OK;
}

void http_cancel(struct http_call *c)
{
	struct http *h = c ? c->http : NULL;

	if (!c)
		return;
	if (c->sm.at == C_WAITING || !multi_is_inside(&h->multi)) {
		drop(c);
		return;
	}
	/* curl holds it: it is deaf until curl returns. */
	sm_move(&c->sm, C_DOOMED);
	c->is_deaf = true;
	list_remove(&c->node);
	list_append(&h->doomed, &c->node);
}
