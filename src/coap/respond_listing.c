/* respond_listing.c: /.well-known/core, and the same for a group. */
#include "coap/option.h"
#include "coap/respond.h"

/* Together these keep a hostile filter from costing a listing per request: the whole listing has a place of its own. */
static struct listing *listing_for(struct responder *r, const struct coapreq *q)
{
	return q->nqueries ? &r->filtered : &r->whole;
}

void listing_forget(struct listing *l)
{
	l->is_made = false;
}

bool respond_is_listing(const struct coapreq *q)
{
	return span_is(coapreq_path(q), "/.well-known/core");
}

static int make(struct responder *r, struct listing *l, const struct coapreq *q, struct err *e)
{
	const struct resources *rs = &r->conf.resources;
	struct span query = q->nqueries ? q->queries[0] : SPAN(NULL, 0);
	struct links_filter filter;
	struct links links;
	struct hash32 digest;
	int rc = links_filter_read(q->queries, q->nqueries, &filter, e);

	if (rc)
		return rc;
	if (l->is_made && span_eq(buf_span(&l->query), query))
		return ERR_OK;
	l->is_made = false;
	buf_reset(&l->text);
	buf_reset(&l->query);
	buf_add(&l->query, query);
	links_begin(&links, &l->text, &filter);
	rs->links(rs->arg, &links);
	rc = buf_ok(&l->query, e);
	if (rc)
		return rc;
	digest = r->conf.digest(buf_span(&l->text));
	memcpy(l->etag, digest.b, sizeof l->etag);
	l->is_made = true;
	return ERR_OK;
}

/* NULL, and *code, when there is none. */
static struct listing *listing_get(struct turn *t, uint8_t *code, struct err *e)
{
	struct listing *l = listing_for(t->r, &t->req);
	int rc = make(t->r, l, &t->req, e);

	*code = rc == ERR_FORMAT ? PDU_BAD_REQUEST : PDU_UNAVAILABLE;
	return rc ? NULL : l;
}

static size_t respond_text(struct turn *t, const struct listing *l)
{
	struct resource res = {
		.code = PDU_CONTENT, .format = CONTENT_LINKS, .size = l->text.n,
		.max_age_s = RESOURCE_MAX_AGE_DEFAULT,
	};
	struct content c = { .res = &res, .text = l->text.n ? buf_span(&l->text) : SPAN_LIT(""), .observe = -1 };

	memcpy(res.etag, l->etag, sizeof res.etag);
	return respond_content(t, &c);
}

size_t respond_listing(struct turn *t)
{
	struct err e = { 0 };
	uint8_t code;
	const struct listing *l = listing_get(t, &code, &e);

	return l ? respond_text(t, l) : respond_code(t, code, e.msg);
}

/* For a group's question only matches are an answer (RFC 7252, 8.2; RFC 6690, 4.1): no errors, no firmware, nothing
 * that would have to ask back. It goes out at a random moment, so that a site's gateways do not speak at once. */
size_t respond_group(struct turn *t)
{
	struct err e = { 0 };
	struct delayed *slot = NULL;
	const struct listing *l;
	uint8_t code;

	if (t->req.pdu.type != PDU_NON || t->req.pdu.code != PDU_GET || !respond_is_listing(&t->req))
		return 0;
	l = listing_get(t, &code, &e);
	for (size_t i = 0; !slot && i < COAP_DELAYED_MAX; i++)
		if (t->r->delayed[i].n == 0)
			slot = &t->r->delayed[i];
	if (!l || l->text.n == 0 || !slot)
		return 0;
	t->out = slot->bytes;
	slot->n = respond_text(t, l);
	if (slot->n && pdu_class(slot->bytes[1]) != 2)
		slot->n = 0;
	slot->to = t->in->from;
	slot->via = t->in->via;
	slot->due_ms = t->now_ms + respond_random(t->r) % COAP_LEISURE_MS;
	respond_wake(t->r, slot->due_ms);
	return 0;
}

void respond_delayed_due(struct responder *r, int64_t now_ms)
{
	for (size_t i = 0; i < COAP_DELAYED_MAX; i++) {
		struct delayed *d = &r->delayed[i];

		if (d->n && d->due_ms <= now_ms) {
			r->conf.send(r->conf.arg, &d->to, &d->via, SPAN(d->bytes, d->n));
			d->n = 0;
		}
		if (d->n)
			respond_wake(r, d->due_ms);
	}
}
