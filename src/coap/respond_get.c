/* respond_get.c: GET: from path to block, with nothing remembered in between. */
#include "coap/respond.h"

#define OBSERVE_REGISTER 0
#define OBSERVE_END 1
#define OBSERVER_REFRESH_MS (24 * 3600 * 1000)	/* RFC 7641, 4.5: at least a CON a day */

static void end_observation(struct turn *t)
{
	struct observers *all = &t->r->observers;
	struct observer *one = observers_find(all, &t->in->from, t->req.pdu.token);

	if (one)
		observers_drop(all, one);
}

/* The value that a registration's own reply carries, or -1 if nobody is registered: an error, a later block, an
 * address that was not verified (a spoofed one would get notifications for good), or no room. */
static int64_t observe(struct turn *t, const struct resource *res)
{
	struct observers *all = &t->r->observers;
	struct observer *one;

	if (t->req.observe == OBSERVE_END)
		end_observation(t);
	if (t->req.observe != OBSERVE_REGISTER || !res->is_observable || !t->is_verified || t->req.block2.number > 0)
		return -1;
	one = observers_add(all, &t->in->from, &t->in->via, t->in->bytes, t->req.pdu.token);
	if (!one)
		return -1;
	one->code = res->code;
	memcpy(one->etag, res->etag, sizeof one->etag);
	one->due_ms = t->now_ms + OBSERVER_REFRESH_MS;
	respond_wake(t->r, one->due_ms);
	return one->sequence;
}

static void find(struct turn *t, bool is_notification, struct resource *out)
{
	const struct resources *rs = &t->r->conf.resources;
	struct resource_ask ask = { coapreq_path(&t->req), &t->req, &t->in->from, is_notification };

	*out = (struct resource){ .max_age_s = RESOURCE_MAX_AGE_DEFAULT };
	rs->find(rs->arg, &ask, out);
}

static void release(struct turn *t, struct resource *res)
{
	const struct resources *rs = &t->r->conf.resources;

	if (rs->release)
		rs->release(rs->arg, res);
}

static size_t respond_resource(struct turn *t)
{
	struct resource res;
	struct content c = { .res = &res };
	size_t n;

	find(t, false, &res);
	if (res.code == PDU_CONTENT) {
		c.observe = t->req.observe == COAPREQ_ANY ? -1 : observe(t, &res);
		n = respond_content(t, &c);
		if (c.observe >= 0 && pdu_class(t->out[1]) != 2)
			end_observation(t);	/* an error establishes none */
	} else {
		n = respond_wait(t, res.code, res.why, res.max_age_s);
	}
	release(t, &res);
	return n;
}

size_t respond_get(struct turn *t)
{
	if (t->req.is_odd)
		return respond_code(t, PDU_NOT_FOUND, NULL);
	if (respond_is_listing(&t->req))
		return respond_listing(t);
	return respond_resource(t);
}

size_t respond_again(struct turn *t, uint32_t sequence, uint8_t *code, uint8_t etag[RESOURCE_ETAG])
{
	struct resource res;
	struct content c = { .res = &res, .observe = sequence };
	size_t n = 0;

	find(t, true, &res);
	*code = res.code;
	memcpy(etag, res.etag, RESOURCE_ETAG);
	if (res.code == PDU_CONTENT)
		n = respond_content(t, &c);
	else if (res.code != PDU_UNAVAILABLE)	/* for the moment: what the observer has still stands */
		n = respond_wait(t, res.code, res.why, res.max_age_s);
	release(t, &res);
	return n;
}
