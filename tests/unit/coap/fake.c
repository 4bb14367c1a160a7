/* fake.c: see fake.h. */
#include "fake.h"

#include <assert.h>

static void content(struct resource *out, uint16_t format, uint64_t size, uint8_t version)
{
	out->code = PDU_CONTENT;
	out->format = format;
	out->size = size;
	memset(out->etag, version, sizeof out->etag);
}

static void refuse(struct resource *out, uint8_t code, const char *why, uint32_t max_age_s)
{
	out->code = code;
	out->why = why;
	out->max_age_s = max_age_s;
}

static void manifest(struct fake *f, struct resource *out)
{
	if (f->is_unavailable)
		refuse(out, PDU_UNAVAILABLE, "not yet", 7);
	else if (f->version == 0)
		refuse(out, PDU_NOT_FOUND, "no release", RESOURCE_MAX_AGE_DEFAULT);
	else
		content(out, CONTENT_OCTETS, 300, f->version);
	out->is_observable = true;
}

static void on_find(void *arg, const struct resource_ask *ask, struct resource *out)
{
	struct fake *f = arg;

	f->finds++;
	if (span_is(ask->path, "/fw/acme/lamp")) {
		manifest(f, out);
	} else if (span_is(ask->path, "/fw/acme/lamp/image")) {
		content(out, CONTENT_OCTETS, f->image_size, 0x11);
		out->max_age_s = 31536000;
	} else if (span_is(ask->path, "/fw/acme/lamp/info")) {
		content(out, CONTENT_CBOR, 20, 0x22);
	} else if (span_is(ask->path, "/fw/acme/empty")) {
		content(out, CONTENT_CBOR, 0, 0x33);
	} else if (span_is(ask->path, "/fw/acme/broken")) {
		content(out, CONTENT_OCTETS, 100, 0x44);
		out->tag = 1;
	} else if (span_is(ask->path, "/fw/acme/talkative")) {
		refuse(out, PDU_NOT_FOUND, "0123456789012345678901234567890123456789012345678901234567890123456789", 60);
	} else if (span_is(ask->path, "/fw/acme/later")) {
		refuse(out, PDU_UNAVAILABLE, "not yet", 7);
	} else {
		refuse(out, PDU_NOT_FOUND, "nothing has this path", RESOURCE_MAX_AGE_DEFAULT);
	}
}

static int on_read(void *arg, const struct resource *r, uint64_t off, uint8_t *out, size_t n)
{
	(void)arg;
	assert(n > 0 && off + n <= r->size);
	if (r->tag)
		return ERR_CORRUPT;
	for (size_t i = 0; i < n; i++)
		out[i] = fake_byte(off + i);
	return 0;
}

static void on_release(void *arg, struct resource *r)
{
	struct fake *f = arg;

	(void)r;
	f->releases++;
}

static void on_links(void *arg, struct links *l)
{
	struct fake *f = arg;

	for (unsigned i = 0; i < f->nlinks; i++)
		links_add(l, &(struct link){
			.href = SPAN_LIT("/fw/acme/lamp"), .rt = SPAN_LIT("gatepost.manifest"),
			.format = CONTENT_OCTETS, .size = 300, .is_observable = true });
}

static uint8_t on_post(void *arg, const struct resource_ask *ask, uint64_t ticket, const char **why)
{
	struct fake *f = arg;

	f->posts++;
	if (!span_is(ask->path, "/fw/acme/lamp/report")) {
		*why = "odd";
		return PDU_BAD_REQUEST;
	}
	f->ticket = ticket;
	f->body_n = ask->request->pdu.payload.n;
	assert(f->body_n <= sizeof f->body);
	if (f->body_n)
		memcpy(f->body, ask->request->pdu.payload.p, f->body_n);
	return 0;
}

static void on_send(void *arg, const struct endpoint *to, const struct route *via, struct span d)
{
	struct fake *f = arg;

	(void)via;
	f->sent++;
	f->sent_to = *to;
	f->sent_n = d.n;
	memcpy(f->sent_bytes, d.p, d.n);
}

/* No hash function here: these only have to differ for different input. */
static struct hash32 fold(struct span s, uint8_t seed)
{
	struct hash32 h = { { seed } };

	for (size_t i = 0; i < s.n; i++)
		h.b[i % 32] = (uint8_t)(h.b[i % 32] * 31 + s.p[i] + h.b[(i + 5) % 32]);
	for (size_t i = 0; i < 64; i++)
		h.b[i % 32] = (uint8_t)(h.b[i % 32] * 31 + h.b[(i + 31) % 32]);
	return h;
}

static struct hash32 on_mac(void *arg, struct span s)
{
	(void)arg;
	return fold(s, 99);
}

static struct hash32 on_digest(struct span s)
{
	return fold(s, 1);
}

void fake_start(struct fake *f, const struct guard_rates *rates)
{
	struct responder_conf conf = {
		.resources = { on_find, on_read, on_release, on_links, on_post, f },
		.mac = { on_mac, NULL },
		.digest = on_digest,
		.seed = 42,
		.send = on_send,
		.arg = f,
	};
	struct err e = { 0 };
	int rc;

	if (rates)
		conf.rates = *rates;
	rc = responder_new(&conf, &f->r, &e);
	assert(rc == ERR_OK);
}

void fake_stop(struct fake *f)
{
	responder_free(f->r);
	f->r = NULL;
}

void fake_trust_all(struct fake *f)
{
	static const struct prefix all = { .bits = 0 };

	responder_trust(f->r, &all, 1);
}
