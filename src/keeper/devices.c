/* devices.c: see devices.h. */
#include "keeper/devices.h"
#include "base/cleanup.h"
#include "store/devices.h"
#include "store/releases.h"

#include <ctype.h>
#include <stdio.h>

struct sighting {
	struct list node;
	char device[DEVICE_ID_MAX + 1], product[PRODUCT_NAME_MAX + 1], channel[CHANNEL_MAX + 1], address[DEVICE_ADDRESS_MAX];
	uint64_t given, bytes;
	uint8_t protocol;
};

struct waiting {
	struct list node;
	uint64_t id;
	char device[DEVICE_ID_MAX + 1], product[PRODUCT_NAME_MAX + 1], address[DEVICE_ADDRESS_MAX], reason[DEVICE_REASON_MAX + 1];
	uint64_t sequence;
	uint8_t state, progress, protocol;
	bool is_forgotten;		/* by its server */
	uint16_t status;		/* what it will be told */
	bool is_terminal;		/* acknowledged only after the commit */
	char channel[CHANNEL_MAX + 1];	/* in which it raises the floor; "": in none */
};

static const char *protocol_name(uint8_t protocol)
{
	static const char *const names[] = { "", "http", "coap", "dtls" };

	return names[protocol];
}

/* More than any link carries between two flushes. */
#define SEEN_BYTES_MAX (1024 * GIB)

#define COPY(to, span) snprintf((to), sizeof(to), "%.*s", (int)(span).n, (span).n ? (const char *)(span).p : "")

/* [A-Za-z0-9._:-]{1,64} */
static bool is_device_id(struct span id)
{
	for (size_t i = 0; i < id.n; i++)
		if (!strchr("._:-", id.p[i]) && !(id.p[i] < 0x80 && isalnum(id.p[i])))
			return false;
	return id.n >= 1 && id.n <= DEVICE_ID_MAX && !memchr(id.p, '\0', id.n);
}

static const struct ledger_product *product_of(const struct devices *d, const char *name)
{
	return ledger_find_name(d->ledger, span_str(name));
}

/* --- sightings --- */

static void on_flush(uv_timer_t *timer);

static struct sighting *find(struct devices *d, const struct link_seen *m)
{
	LIST_EACH(node, &d->seen) {
		struct sighting *s = LIST_ITEM(node, struct sighting, node);

		if (span_is(m->device, s->device) && span_is(m->product, s->product) && span_is(m->channel, s->channel))
			return s;
	}
	return NULL;
}

static struct sighting *add(struct devices *d, const struct link_seen *m)
{
	struct sighting *s = d->seen_n < DEVICES_PENDING_MAX ? calloc(1, sizeof *s) : NULL;

	if (!s)
		return NULL;
	COPY(s->device, m->device);
	COPY(s->product, m->product);
	COPY(s->channel, m->channel);
	list_append(&d->seen, &s->node);
	d->seen_n++;
	return s;
}

void devices_take_seen(struct devices *d, const struct link_seen *m)
{
	struct sighting *s;

	if (!is_device_id(m->device) || !ledger_find_name(d->ledger, m->product))
		return;
	s = find(d, m);
	if (!s)
		s = add(d, m);
	if (!s)
		return;
	COPY(s->address, m->address);
	s->protocol = m->protocol;
	s->bytes += m->bytes < SEEN_BYTES_MAX ? m->bytes : SEEN_BYTES_MAX;
	if (m->given > s->given)
		s->given = m->given;
	if (!uv_is_active((uv_handle_t *)&d->flush))
		uv_timer_start(&d->flush, on_flush, DEVICES_FLUSH_MS, 0);
}

/* A floor rises only to what can have been offered: else one lie would keep a device without updates for good. */
static uint64_t given_of(struct devices *d, const struct sighting *s)
{
	const struct ledger_product *p = product_of(d, s->product);
	struct release_row r;

	if (!s->given || !p || releases_get(d->store, &p->id, s->given, &r, NULL) || !r.has_facts)
		return 0;
	return strcmp(r.facts.channel, s->channel) ? 0 : s->given;
}

static int write_sightings(struct devices *d, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(d->store);

	LIST_EACH(node, &d->seen) {
		struct sighting *s = LIST_ITEM(node, struct sighting, node);
		struct device_seen row = { .device = s->device, .product = s->product, .channel = s->channel,
			.address = s->address, .protocol = protocol_name(s->protocol), .bytes = s->bytes, .given = given_of(d, s) };

		/* What is not this row's doing the commit says. */
		err_drop(devices_seen(d->store, &row, d->devices_max, clock_wall_ms(d->clock), NULL));
	}
	return store_commit(&tx, e);
}

static void flush_sightings(struct devices *d)
{
	struct err e = { 0 };

	if (d->is_paused || list_is_empty(&d->seen))
		return;
	if (write_sightings(d, &e)) {
		d->owner.on_trouble(d->owner.arg, &e);
		if (!uv_is_closing((uv_handle_t *)&d->flush))
			uv_timer_start(&d->flush, on_flush, DEVICES_FLUSH_MS, 0);
		return;
	}
	LIST_EACH(node, &d->seen) {
		list_remove(node);
		free(LIST_ITEM(node, struct sighting, node));
	}
	d->seen_n = 0;
}

static void on_flush(uv_timer_t *timer)
{
	flush_sightings(timer->data);
}

/* --- reports --- */

static void on_commit(uv_timer_t *timer);

static void acknowledge(struct devices *d, uint64_t id, uint16_t status)
{
	d->owner.on_ack(d->owner.arg, &(struct link_report_ack){ id, status });
}

/* What a device will not say again: these survive a power cut once they are acknowledged. The others come in rows
 * ("downloading, 40 %"), each makes the one before worthless, and a device must not wait for the disk with each. */
static bool is_terminal(uint8_t state)
{
	return state == REPORT_INSTALLED || state == REPORT_RUNNING || state == REPORT_FAILED;
}

void devices_take_report(struct devices *d, const struct link_report *m)
{
	struct waiting *w;

	if (!is_device_id(m->device)) {
		acknowledge(d, m->id, 400);
		return;
	}
	if (!ledger_find_name(d->ledger, m->product)) {
		acknowledge(d, m->id, 404);
		return;
	}
	w = d->reports_n < DEVICES_PENDING_MAX ? calloc(1, sizeof *w) : NULL;
	if (!w) {
		acknowledge(d, m->id, 503);
		return;
	}
	w->id = m->id;
	COPY(w->device, m->device);
	COPY(w->product, m->product);
	COPY(w->address, m->address);
	COPY(w->reason, m->reason);
	w->sequence = m->sequence;
	w->state = m->state;
	w->progress = m->progress;
	w->protocol = m->protocol;
	list_append(&d->reports, &w->node);
	d->reports_n++;
	w->is_terminal = is_terminal(m->state);
	if (!w->is_terminal)
		acknowledge(d, m->id, 204);
	if (!uv_is_active((uv_handle_t *)&d->commit))
		uv_timer_start(&d->commit, on_commit, REPORTS_COMMIT_MS, 0);
}

static int write_report(struct devices *d, struct waiting *w, struct err *e)
{
	const struct ledger_product *p = product_of(d, w->product);
	struct device_report row = { .device = w->device, .product = w->product, .address = w->address,
		.protocol = protocol_name(w->protocol), .channel = "", .version = "", .sequence = w->sequence,
		.state = report_state_name(w->state), .reason = w->reason, .progress = w->progress,
		.raises_floor = w->state == REPORT_INSTALLED || w->state == REPORT_RUNNING };
	struct release_row release;

	if (p && releases_get(d->store, &p->id, w->sequence, &release, NULL) == ERR_OK && release.has_facts) {
		row.channel = release.facts.channel;
		row.version = release.facts.version;
	}
	if (row.raises_floor)
		COPY(w->channel, span_str(row.channel));
	return devices_report(d->store, &row, d->devices_max, clock_wall_ms(d->clock), e);
}

static int write_reports(struct devices *d, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(d->store);

	LIST_EACH(node, &d->reports) {
		struct waiting *w = LIST_ITEM(node, struct waiting, node);
		int rc = write_report(d, w, e);

		/* Every place may be taken by listed devices; everything else that the store refuses is the report's doing, or the commit says it. */
		w->status = rc == ERR_OK ? 204 : rc == ERR_LIMIT && w->sequence <= INT64_MAX ? 503 : 400;
	}
	return store_commit(&tx, e);
}

/* The server itself believes a report only of what it has told of: one that was started after a revocation knows nothing of the rest. */
static void tell_floors(struct devices *d)
{
	AUTO(buf_free) struct buf records = BUF_INIT(CATALOG_MAX);

	LIST_EACH(node, &d->reports) {
		const struct waiting *w = LIST_ITEM(node, struct waiting, node);

		if (w->status == 204 && w->channel[0])
			link_floor_put(&records, &(struct link_floor){ span_str(w->device), span_str(w->product), span_str(w->channel), w->sequence });
	}
	if (records.n)
		d->owner.on_floors(d->owner.arg, buf_span(&records));
}

static void commit_reports(struct devices *d)
{
	struct err e = { 0 };
	bool failed;

	if (list_is_empty(&d->reports))
		return;
	failed = d->is_paused || write_reports(d, &e) != ERR_OK;
	if (failed && !d->is_paused)
		d->owner.on_trouble(d->owner.arg, &e);
	if (!failed)
		tell_floors(d);
	LIST_EACH(node, &d->reports) {
		struct waiting *w = LIST_ITEM(node, struct waiting, node);

		if (w->is_terminal && !w->is_forgotten)
			acknowledge(d, w->id, failed ? 503 : w->status);
		list_remove(node);
		free(w);
	}
	d->reports_n = 0;
}

static void on_commit(uv_timer_t *timer)
{
	commit_reports(timer->data);
}

/* --- all --- */

void devices_init(struct devices *d, uv_loop_t *loop, struct store *s, const struct ledger *l, const struct clock *clock,
		  uint32_t devices_max, struct devices_owner owner)
{
	*d = (struct devices){ .store = s, .ledger = l, .clock = clock, .devices_max = devices_max, .owner = owner };
	list_init(&d->seen);
	list_init(&d->reports);
	uv_timer_init(loop, &d->flush);
	uv_timer_init(loop, &d->commit);
	d->flush.data = d->commit.data = d;
}

void devices_close(struct devices *d)
{
	flush_sightings(d);
	commit_reports(d);
	uv_close((uv_handle_t *)&d->flush, NULL);
	uv_close((uv_handle_t *)&d->commit, NULL);
	LIST_EACH(node, &d->seen) {	/* what the disk refused: it was only a hint */
		list_remove(node);
		free(LIST_ITEM(node, struct sighting, node));
	}
}

void devices_pause(struct devices *d)
{
	d->is_paused = true;
}

void devices_resume(struct devices *d)
{
	d->is_paused = false;
	if (!list_is_empty(&d->seen))
		uv_timer_start(&d->flush, on_flush, DEVICES_FLUSH_MS, 0);
}

void devices_forget_server(struct devices *d)
{
	LIST_EACH(node, &d->reports)
		LIST_ITEM(node, struct waiting, node)->is_forgotten = true;
}

static int put_floor(void *arg, const struct device_floor *f, struct err *e)
{
	struct buf *out = arg;

	link_floor_put(out, &(struct link_floor){ span_str(f->device), span_str(f->product), span_str(f->channel), f->sequence });
	return buf_ok(out, e);
}

/* What was given and is not written yet counts as well: the server that told it is gone. */
int devices_floors(struct devices *d, struct buf *out, struct err *e)
{
	int rc = devices_each_floor(d->store, put_floor, out, e);

	LIST_EACH(node, &d->seen) {
		struct sighting *s = LIST_ITEM(node, struct sighting, node);
		struct device_floor f = { .sequence = given_of(d, s) };

		COPY(f.device, span_str(s->device));
		COPY(f.product, span_str(s->product));
		COPY(f.channel, span_str(s->channel));
		if (!rc && f.sequence)
			rc = put_floor(out, &f, e);
	}
	return rc;
}
