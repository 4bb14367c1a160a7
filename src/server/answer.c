/* answer.c: see answer.h. */
#include "server/answer_own.h"

#include "formats/sha256.h"
#include "server/devfloors.h"
#include "server/histories.h"
#include "server/keeper.h"
#include "server/made.h"
#include "server/objects.h"
#include "server/report.h"
#include "server/share.h"
#include "server/sightings.h"

#include <assert.h>
#include <stdlib.h>

#define RETRY_PENDING_S 60	/* a release is on its way: fetching and finality take a while */
#define RETRY_ENTRIES_S 5	/* a file of entries is being written again */

struct answers *answers_new(const struct answers_conf *conf)
{
	struct answers *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->conf = *conf;
	atomic_init(&s->clock_is_trusted, conf->clock_is_trusted);
	wishes_init(&s->wishes);
	return s;
}

void answers_free(struct answers *s)
{
	if (!s)
		return;
	wishes_fini(&s->wishes);
	free(s);
}

void answers_set_clock_trusted(struct answers *s, bool is_trusted)
{
	atomic_store(&s->clock_is_trusted, is_trusted);
}

/* --- asking --- */

void ask_query(struct ask *ask, struct span query)
{
	const struct {
		const char *key;
		struct span *value;
	} known[] = {
		{ "channel", &ask->channel }, { "hw", &ask->hardware }, { "from", &ask->from }, { "device", &ask->device },
		{ "format", &ask->ipfs.format }, { "dag-scope", &ask->ipfs.dag_scope }, { "entity-bytes", &ask->ipfs.entity_bytes },
		{ "car-version", &ask->ipfs.car_version }, { "car-order", &ask->ipfs.car_order }, { "car-dups", &ask->ipfs.car_dups },
	};
	const uint8_t *eq = query.n ? memchr(query.p, '=', query.n) : NULL;
	size_t n = eq ? (size_t)(eq - query.p) : query.n;

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!span_is(span_cut(query, 0, n), known[i].key))
			continue;
		ask->is_odd |= known[i].value->p != NULL;
		*known[i].value = eq ? span_cut(query, n + 1, query.n) : SPAN("", 0);
	}
}

static bool read_number(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 19)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = v;
	return true;
}

/* --- answering --- */

bool turn_refuse(struct turn *t, uint16_t status, const char *why, uint32_t retry_after_s)
{
	t->out->kind = ANSWER_NONE;
	t->out->status = status;
	t->out->why = why;
	t->out->retry_after_s = retry_after_s;
	return false;
}

static bool check_ask(struct turn *t)
{
	const struct ask *ask = t->ask;

	if (ask->is_odd)
		return turn_refuse(t, 400, "a query came twice", 0);
	if (ask->device.p && !devpath_is_device(ask->device))
		return turn_refuse(t, 400, "device: not a device's id", 0);
	if (ask->from.p && !read_number(ask->from, &t->from))
		return turn_refuse(t, 400, "from: not a sequence number", 0);
	return true;
}

static bool get_catalog(struct turn *t)
{
	t->out->catalog = catalog_slot_get(t->s->conf.slot);
	if (!t->out->catalog)
		return turn_refuse(t, 503, "no catalog yet", RETRY_BUSY_S);
	return true;
}

static bool find_product(struct turn *t)
{
	const struct catalog *c = t->out->catalog;
	struct clock_bound bound;

	t->out->is_private = true;
	t->product = catalog_find_product(c, t->path.product);
	if (!t->product)
		return turn_refuse(t, 404, "no such product here", 0);
	t->channel = catalog_find_channel(c, t->product, t->ask->channel, &t->channel_row);
	if (!t->channel)
		return turn_refuse(t, 404, "this channel is not followed here", 0);
	bound = catalog_slot_bound(t->s->conf.slot);
	t->now = freshness_now(t->s->conf.clock, atomic_load(&t->s->clock_is_trusted), &bound);
	t->out->freshness = freshness_of(&t->product->proof, t->product->max_age_ms, &t->now);
	return true;
}

static struct devfloor_key floor_key(const struct turn *t, struct span device)
{
	return (struct devfloor_key){ device, t->path.product, catalog_bytes(t->out->catalog, t->channel->name) };
}

static bool fits(const struct turn *t, const struct catalog_release *r, uint64_t floor)
{
	const struct catalog *c = t->out->catalog;

	/* from is 0 when it was not said, and from_sequence when any may come to this one. */
	return r->channel == t->channel_row && r->sequence >= floor && r->sequence >= t->from && t->from >= r->from_sequence &&
	       catalog_fits_hardware(c, r, t->ask->hardware) && catalog_image(c, r->image)->state != CATALOG_REVOKED;
}

/* After a restart the keeper tells the floors a moment after the first requests. Until then somebody may have had more only if more
 * was active once: then it is asked to come back. All others are served at once. */
static bool may_have_had_more(const struct turn *t, const struct catalog_release *r, const struct devfloor *floor)
{
	return r->sequence < t->channel->withdrawn && !floor->is_certain;
}

/* Nobody in particular has none. */
static struct devfloor floor_of(const struct turn *t)
{
	struct devfloor_key key = floor_key(t, t->ask->device);

	return t->ask->device.n ? devfloors_get(t->s->conf.floors, &key) : (struct devfloor){ .is_certain = true };
}

/* The newest release that this device may have. */
static bool choose(struct turn *t)
{
	const struct catalog *c = t->out->catalog;
	struct catalog_rows rows = t->product->releases;
	struct devfloor floor = floor_of(t);
	bool is_any = false;

	for (uint32_t i = rows.n; i-- > 0;) {
		const struct catalog_release *r = catalog_release(c, rows.first + i);

		is_any |= r->channel == t->channel_row;
		if (!fits(t, r, floor.sequence))
			continue;
		if (may_have_had_more(t, r, &floor))
			return turn_refuse(t, 503, "what this device had is not known yet", RETRY_BUSY_S);
		t->release = r;
		t->image = catalog_image(c, r->image);
		t->out->row = rows.first + i;
		t->out->sequence = r->sequence;
		t->out->version = catalog_bytes(c, r->version);
		return true;
	}
	if (!is_any && t->channel->is_pending)
		return turn_refuse(t, 503, "the first release is on its way", RETRY_PENDING_S);
	return turn_refuse(t, 404, is_any ? "no release fits this device" : "nothing is released here", 0);
}

/* It was given this release: from now on it gets no less. */
static void note_given(struct turn *t)
{
	const struct ask *ask = t->ask;
	struct devfloor_key key = floor_key(t, ask->device);
	bool is_rise;

	if (!ask->device.n)
		return;
	is_rise = devfloors_raise(t->s->conf.floors, &key, t->release->sequence);
	if (ask->is_silent && !is_rise)
		return;
	sightings_add(t->s->conf.sightings, &(struct link_seen){ .device = ask->device, .product = key.product,
		.channel = key.channel, .address = ask->address, .given = t->release->sequence,
		.protocol = (uint8_t)ask->protocol }, is_rise);
}

static bool accepts(const struct turn *t, enum answer_format format)
{
	return t->ask->accept == FORMAT_ANY || t->ask->accept == format;
}

static bool is_not_acceptable(struct turn *t)
{
	return turn_refuse(t, 406, "not to be had in the format asked for", 0);
}

void turn_is(struct turn *t, enum answer_kind kind, enum answer_format format)
{
	t->out->kind = kind;
	t->out->status = 200;
	t->out->format = format;
}

static bool give_manifest(struct turn *t)
{
	if (!accepts(t, FORMAT_MANIFEST))
		return is_not_acceptable(t);
	turn_is(t, ANSWER_MANIFEST, FORMAT_MANIFEST);
	t->out->bytes = catalog_bytes(t->out->catalog, t->release->manifest);
	t->out->size = t->out->bytes.n;
	t->out->etag = t->release->manifest_sha256;
	t->out->is_observable = true;
	return true;
}

void turn_wish(struct turn *t, const struct hash32 *sha256, bool is_known)
{
	if (wishes_due(&t->s->wishes, sha256, is_known, clock_mono_ms(t->s->conf.clock)))
		keeper_wanted(t->s->conf.keeper, sha256);
}

static bool give_image(struct turn *t)
{
	int rc;

	if (!accepts(t, FORMAT_IMAGE))
		return is_not_acceptable(t);
	if (t->image->state == CATALOG_REVOKED)
		return turn_refuse(t, 410, "this image was revoked", 0);
	if (t->image->state == CATALOG_DAMAGED)
		return turn_refuse(t, 503, "this image is being repaired", RETRY_REPAIR_S);
	rc = objects_get(t->s->conf.objects, t->image, &t->out->object, NULL);
	if (rc)
		return rc == ERR_CORRUPT ? turn_refuse(t, 503, "this image is being repaired", RETRY_REPAIR_S) :
					   turn_refuse(t, 503, "too much is being read", RETRY_BUSY_S);
	turn_wish(t, &t->image->sha256, true);
	turn_is(t, ANSWER_IMAGE, FORMAT_IMAGE);
	t->out->size = t->image->size;
	t->out->etag = t->image->sha256;
	return true;
}

/* JSON or CBOR, as is accepted or else preferred; FORMAT_OTHER: neither. */
static enum answer_format choose_made_format(const struct turn *t, enum answer_format preferred)
{
	if (t->ask->accept == FORMAT_ANY)
		return preferred;
	return t->ask->accept == FORMAT_JSON || t->ask->accept == FORMAT_CBOR ? t->ask->accept : FORMAT_OTHER;
}

bool turn_give_made(struct turn *t, struct buf *b, enum answer_kind kind, enum answer_format format)
{
	struct answer *out = t->out;

	assert(buf_ok(b, NULL) == 0 && b->n <= sizeof out->made);
	turn_is(t, kind, format);
	memcpy(out->made, b->p, b->n);
	out->bytes = SPAN(out->made, b->n);
	out->size = b->n;
	out->etag = sha256_of(out->bytes);
	buf_free(b);
	return true;
}

static bool give_info(struct turn *t)
{
	struct answer *out = t->out;
	struct made_info info = {
		.product = t->path.product, .channel = catalog_bytes(out->catalog, t->channel->name),
		.version = out->version, .cid = catalog_bytes(out->catalog, t->release->cid),
		.sequence = out->sequence, .size = t->image->size, .sha256 = t->image->sha256, .freshness = out->freshness,
	};
	enum answer_format format = choose_made_format(t, t->ask->prefers == FORMAT_CBOR ? FORMAT_CBOR : FORMAT_JSON);
	struct buf b = BUF_INIT(ANSWER_MADE_MAX);

	if (format == FORMAT_OTHER)
		return is_not_acceptable(t);
	(format == FORMAT_CBOR ? made_info_cbor : made_info_json)(&b, &info);
	return turn_give_made(t, &b, ANSWER_INFO, format);
}

static bool give_freshness(struct turn *t)
{
	const struct catalog_product *p = t->product;
	struct made_freshness f = {
		.proof = p->proof, .age_s = freshness_age_s(&p->proof, p->max_age_ms, &t->now),
		.trust = (enum catalog_trust)p->trust, .freshness = t->out->freshness,
	};
	enum answer_format format = choose_made_format(t, FORMAT_CBOR);
	struct buf b = BUF_INIT(ANSWER_MADE_MAX);

	if (format == FORMAT_OTHER)
		return is_not_acceptable(t);
	(format == FORMAT_CBOR ? made_freshness_cbor : made_freshness_json)(&b, &f);
	return turn_give_made(t, &b, ANSWER_FRESHNESS, format);
}

bool turn_is_absent(struct turn *t, const char *why)
{
	t->out->is_absent = true;
	return turn_refuse(t, 404, why, 0);
}

static bool find_by_name(struct turn *t)
{
	const struct catalog *c = t->out->catalog;

	t->image = t->path.kind == DEVPATH_SHA256 ? catalog_find_image(c, &t->path.sha256) :
						    catalog_find_cid(c, &t->path.cid);
	if (!t->image) {
		/* It may have been evicted; of a CID the keeper would not know which image it names. */
		if (t->path.kind == DEVPATH_SHA256)
			turn_wish(t, &t->path.sha256, false);
		return turn_is_absent(t, "no such image here");
	}
	t->out->row = (uint32_t)(t->image - catalog_images(c, &(size_t){ 0 }));
	t->out->is_immutable = true;
	return true;
}

bool turn_give_named(struct turn *t)
{
	return find_by_name(t) && give_image(t);
}

/* The product's history, for other gateways. */
static bool give_entries(struct turn *t)
{
	const struct catalog_product *p = catalog_find_product(t->out->catalog, t->path.product);
	int rc;

	if (t->ask->protocol != LINK_HTTP)
		return turn_refuse(t, 404, "no such path", 0);
	if (!p)
		return turn_refuse(t, 404, "no such product here", 0);
	if (p->entries_bytes == 0)
		return turn_refuse(t, 404, "no entry of this product is final yet", 0);
	if (!accepts(t, FORMAT_LINES))
		return is_not_acceptable(t);
	rc = histories_get(t->s->conf.histories, p, &t->out->history, NULL);
	if (rc)
		return rc == ERR_CORRUPT ? turn_refuse(t, 503, "these entries are being repaired", RETRY_ENTRIES_S) :
					   turn_refuse(t, 503, "too much is being read", RETRY_BUSY_S);
	turn_is(t, ANSWER_ENTRIES, FORMAT_LINES);
	t->out->size = p->entries_bytes;
	t->out->etag = p->entries_sha256;
	return true;
}

static bool give(struct turn *t)
{
	bool is_given;

	switch (t->path.kind) {
	case DEVPATH_SHA256:
		return turn_give_named(t);
	case DEVPATH_CID:
		return turn_give_cid(t);
	case DEVPATH_NO_CID:
		return turn_refuse(t, t->ask->protocol == LINK_HTTP ? 400 : 404, "not a CID", 0);
	case DEVPATH_OTHER_CID:
		return turn_is_absent(t, "no image has a CID of this kind");
	case DEVPATH_FRESHNESS:
		return find_product(t) && give_freshness(t);
	case DEVPATH_ENTRIES:
		return give_entries(t);
	case DEVPATH_MANIFEST:
		is_given = find_product(t) && choose(t) && give_manifest(t);
		break;
	case DEVPATH_IMAGE:
		is_given = find_product(t) && choose(t) && give_image(t);
		break;
	case DEVPATH_INFO:
		is_given = find_product(t) && choose(t) && give_info(t);
		break;
	default:
		return turn_refuse(t, 404, "no such path", 0);
	}
	if (is_given)
		note_given(t);
	return is_given;
}

void answer_find(struct answers *s, const struct ask *ask, struct answer *out)
{
	struct turn t = { .s = s, .ask = ask, .out = out };

	memset(out, 0, offsetof(struct answer, made));
	t.path = devpath_read(ask->path);
	if (!check_ask(&t) || !get_catalog(&t))
		return;
	(void)give(&t);
}

int answer_read(const struct answer *a, uint64_t off, uint8_t *out, size_t n, struct err *e)
{
	assert(off <= a->size && n <= a->size - off);
	if (a->object)
		return object_read(a->object, off, out, n, e);
	if (a->history)
		return history_read(a->history, off, out, n, e);
	if (n)
		memcpy(out, a->bytes.p + off, n);
	return ERR_OK;
}

void answer_release(struct answer *a)
{
	share_free(a->share);
	object_put(a->object);
	history_put(a->history);
	catalog_put(a->catalog);
	a->share = NULL;
	a->object = NULL;
	a->history = NULL;
	a->catalog = NULL;
	a->bytes = SPAN(NULL, 0);
	a->version = SPAN(NULL, 0);
}

void answer_sent(struct answers *s, const struct ask *ask, const struct answer *a, uint64_t bytes)
{
	struct devpath path = devpath_read(ask->path);
	struct link_seen m = { .address = ask->address, .bytes = bytes, .protocol = (uint8_t)ask->protocol };
	const struct catalog_product *p = a->catalog ? catalog_find_product(a->catalog, path.product) : NULL;
	const struct catalog_channel *c = p ? catalog_find_channel(a->catalog, p, ask->channel, NULL) : NULL;

	/* Images by digest belong to no product: their bytes count, but for nobody; nor do those of who says no name. */
	if (c) {
		m.device = ask->device;
		m.product = path.product;
		m.channel = catalog_bytes(a->catalog, c->name);
	}
	sightings_add(s->conf.sightings, &m, false);
}

/* --- reports --- */

static int read_report(const struct ask *ask, struct report *out, struct err *e)
{
	bool is_json = ask->body_format == FORMAT_JSON ||
		       (ask->body_format == FORMAT_ANY && ask->body.n && ask->body.p[0] == '{');

	return is_json ? report_read_json(ask->body, out, e) : report_read_cbor(ask->body, out, e);
}

/* Who reports: named by the body, the query or the header, all the same if more than one says. */
static bool report_device(const struct ask *ask, const struct report *r, struct span *out)
{
	struct span body = span_str(r->device);

	if (ask->device.n && body.n && !span_eq(ask->device, body))
		return false;
	*out = body.n ? body : ask->device;
	return devpath_is_device(*out);
}

/* A reported sequence counts as a floor only when such a release is here: a made-up number locks nobody out. */
static void note_reported(struct answers *s, const struct catalog *c, const struct catalog_product *p, struct span device,
			  uint64_t sequence)
{
	for (uint32_t i = p->releases.first; i < p->releases.first + p->releases.n; i++) {
		const struct catalog_release *r = catalog_release(c, i);
		struct devfloor_key key = { device, catalog_bytes(c, p->name),
					    catalog_bytes(c, catalog_channel(c, r->channel)->name) };

		if (r->sequence == sequence)
			devfloors_raise(s->conf.floors, &key, sequence);
	}
}

static bool is_installed(enum report_state state)
{
	return state == REPORT_INSTALLED || state == REPORT_REBOOTING || state == REPORT_RUNNING;
}

static uint16_t forward_report(struct answers *s, const struct ask *ask, const struct report *r, struct span device,
			       struct span product, answer_reported_fn *done, void *arg, uint64_t ticket, const char **why)
{
	struct link_report m = {
		.device = device, .product = product, .address = ask->address, .reason = span_str(r->reason),
		.sequence = r->sequence, .state = (uint8_t)r->state, .progress = r->progress,
		.protocol = (uint8_t)ask->protocol,
	};

	if (keeper_report(s->conf.keeper, &m, done, arg, ticket, NULL) == ERR_OK)
		return 0;
	*why = "reports cannot be kept just now";
	return 503;
}

static uint16_t report_in(struct answers *s, const struct catalog *c, const struct ask *ask, const struct report *r,
			  answer_reported_fn *done, void *arg, uint64_t ticket, const char **why)
{
	struct span name = devpath_read(ask->path).product, device;
	const struct catalog_product *p = c ? catalog_find_product(c, name) : NULL;

	if (!c) {
		*why = "no catalog yet";
		return 503;
	}
	if (!p) {
		*why = "no such product here";
		return 404;
	}
	if (!report_device(ask, r, &device)) {
		*why = "device: missing, no id, or two different ones";
		return 400;
	}
	if (is_installed(r->state))
		note_reported(s, c, p, device, r->sequence);
	return forward_report(s, ask, r, device, name, done, arg, ticket, why);
}

uint16_t answer_report(struct answers *s, const struct ask *ask, answer_reported_fn *done, void *arg, uint64_t ticket,
		       const char **why)
{
	struct catalog *c;
	struct report r;
	uint16_t status;
	int rc;

	*why = NULL;
	if (answer_methods(ask->path) != ANSWER_TAKES_POST) {
		*why = "no such path";
		return 404;
	}
	if (ask->body_format == FORMAT_OTHER) {
		*why = "a report is JSON or CBOR";
		return 415;
	}
	rc = read_report(ask, &r, NULL);
	if (rc) {
		*why = rc == ERR_LIMIT ? "the report is too long" : "not a report: device, sequence, state";
		return rc == ERR_LIMIT ? 413 : 400;
	}
	c = catalog_slot_get(s->conf.slot);
	status = report_in(s, c, ask, &r, done, arg, ticket, why);
	catalog_put(c);
	return status;
}

enum answer_methods answer_methods(struct span path)
{
	switch (devpath_read(path).kind) {
	case DEVPATH_NONE:
		return ANSWER_NO_PATH;
	case DEVPATH_REPORT:
		return ANSWER_TAKES_POST;
	default:
		return ANSWER_TAKES_GET;
	}
}

void answer_each(struct answers *s, void (*fn)(void *arg, const struct answer_link *l), void *arg)
{
	struct catalog *c = catalog_slot_get(s->conf.slot);

	if (c)
		answer_list(c, fn, arg);
	catalog_put(c);
}
