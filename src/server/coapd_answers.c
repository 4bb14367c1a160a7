/* coapd_answers.c: see coapd_answers.h.
 *
 * The core finds, reads and releases one resource at a time, all on its own
 * thread, so there is one answer here and no allocation per request. */
#include "server/coapd_answers.h"

#include <pthread.h>
#include <stdlib.h>

struct coapd_answers {
	struct answers *answers;
	struct answer now;		/* between find and release */
	struct ask ask;			/* the request behind it */
	char address[ENDPOINT_TEXT];
	pthread_mutex_t lock;
	struct coapd *coapd;		/* under the lock: reports are answered on the link's thread */
};

/* Statuses of the answer layer as CoAP says them (chapter 7). A revoked image is simply not there. */
static uint8_t code_of_status(uint16_t status)
{
	switch (status) {
	case 200:
		return PDU_CONTENT;
	case 204:
		return PDU_CHANGED;
	case 400:
		return PDU_BAD_REQUEST;
	case 403:
		return PDU_FORBIDDEN;
	case 404:
	case 410:
		return PDU_NOT_FOUND;
	case 405:
		return PDU_NOT_ALLOWED;
	case 406:
		return PDU_NOT_ACCEPTABLE;
	case 413:
		return PDU_TOO_LARGE;
	case 415:
		return PDU_UNSUPPORTED_FORMAT;
	case 429:
		return PDU_TOO_MANY;
	default:
		return PDU_UNAVAILABLE;
	}
}

/* 42 is both a manifest and an image, so that it cannot choose between formats; the core checks it afterwards. */
static enum answer_format format_of_option(int32_t content_format)
{
	switch (content_format) {
	case COAPREQ_ANY:
	case CONTENT_OCTETS:
		return FORMAT_ANY;
	case CONTENT_JSON:
		return FORMAT_JSON;
	case CONTENT_CBOR:
		return FORMAT_CBOR;
	default:
		return FORMAT_OTHER;
	}
}

static uint16_t option_of_format(enum answer_format format)
{
	switch (format) {
	case FORMAT_JSON:
		return CONTENT_JSON;
	case FORMAT_CBOR:
		return CONTENT_CBOR;
	default:
		return CONTENT_OCTETS;
	}
}

static void set_ask(struct coapd_answers *c, const struct resource_ask *in)
{
	size_t n = endpoint_text(in->peer, c->address);

	c->ask = (struct ask){
		.path = in->path,
		.accept = format_of_option(in->request->accept),
		.prefers = FORMAT_CBOR,
		.address = SPAN(c->address, n),
		.protocol = LINK_COAP,
		.is_silent = in->is_notification,
	};
	for (size_t i = 0; i < in->request->nqueries; i++)
		ask_query(&c->ask, in->request->queries[i]);
}

static uint32_t max_age_of(const struct answer *a)
{
	if (a->retry_after_s)		/* only 503 has one */
		return a->retry_after_s;
	return a->status == 200 && a->is_immutable ? 31536000 : RESOURCE_MAX_AGE_DEFAULT;
}

static void on_find(void *arg, const struct resource_ask *in, struct resource *out)
{
	struct coapd_answers *c = arg;
	const struct answer *a = &c->now;

	set_ask(c, in);
	answer_find(c->answers, &c->ask, &c->now);
	out->code = code_of_status(a->status);
	if (out->code == PDU_NOT_FOUND && answer_methods(in->path) == ANSWER_TAKES_POST)
		out->code = PDU_NOT_ALLOWED;
	out->why = a->why;
	out->max_age_s = max_age_of(a);
	out->format = option_of_format(a->format);
	out->size = a->size;
	out->is_observable = a->is_observable;
	memcpy(out->etag, a->etag.b, sizeof out->etag);
}

static int on_read(void *arg, const struct resource *r, uint64_t off, uint8_t *out, size_t n)
{
	struct coapd_answers *c = arg;
	int rc;

	(void)r;
	rc = answer_read(&c->now, off, out, n, NULL);
	if (rc == ERR_OK && c->now.kind == ANSWER_IMAGE)
		answer_sent(c->answers, &c->ask, &c->now, n);
	return rc;
}

static void on_release(void *arg, struct resource *r)
{
	struct coapd_answers *c = arg;

	(void)r;
	answer_release(&c->now);
}

static void on_reported(void *arg, uint64_t ticket, uint16_t status)
{
	struct coapd_answers *c = arg;

	pthread_mutex_lock(&c->lock);
	if (c->coapd)
		coapd_report_done(c->coapd, ticket, code_of_status(status));
	pthread_mutex_unlock(&c->lock);
}

static uint8_t on_post(void *arg, const struct resource_ask *in, uint64_t ticket, const char **why)
{
	struct coapd_answers *c = arg;
	enum answer_methods methods = answer_methods(in->path);
	uint16_t status;

	if (methods != ANSWER_TAKES_POST)
		return methods == ANSWER_NO_PATH ? PDU_NOT_FOUND : PDU_NOT_ALLOWED;
	set_ask(c, in);
	c->ask.body = in->request->pdu.payload;
	c->ask.body_format = format_of_option(in->request->format);
	status = answer_report(c->answers, &c->ask, on_reported, c, ticket, why);
	return status ? code_of_status(status) : 0;
}


/* rt tells a device what to ask for; what each is for is in the device maker's guide. */
static const char *type_of(enum answer_kind kind)
{
	switch (kind) {
	case ANSWER_MANIFEST:
		return "gatepost.manifest";
	case ANSWER_INFO:
		return "gatepost.info";
	case ANSWER_FRESHNESS:
		return "gatepost.freshness";
	default:
		return "gatepost.image";
	}
}

static void on_link(void *arg, const struct answer_link *l)
{
	links_add(arg, &(struct link){
		.href = l->path,
		.rt = span_str(type_of(l->kind)),
		.interface = SPAN_LIT("core.r"),	/* read-only (RFC 6690, 3.2; the CoRE interface registry) */
		.title = l->title,
		.format = option_of_format(l->format),
		.size = l->size ? (int64_t)l->size : -1,
		.is_observable = l->kind == ANSWER_MANIFEST,
	});
}

static void on_links(void *arg, struct links *l)
{
	struct coapd_answers *c = arg;

	answer_each(c->answers, on_link, l);
}

struct coapd_answers *coapd_answers_new(struct answers *answers)
{
	struct coapd_answers *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->answers = answers;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void coapd_answers_free(struct coapd_answers *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct resources coapd_answers_resources(struct coapd_answers *c)
{
	return (struct resources){ on_find, on_read, on_release, on_links, on_post, c };
}

void coapd_answers_attach(struct coapd_answers *c, struct coapd *d)
{
	pthread_mutex_lock(&c->lock);
	c->coapd = d;
	pthread_mutex_unlock(&c->lock);
}
