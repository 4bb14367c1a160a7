/* link.c: see link.h. */
#include "catalog/link.h"
#include "base/cursor.h"

static const char *const report_states[] = {
	[REPORT_DOWNLOADING] = "downloading",
	[REPORT_DOWNLOADED] = "downloaded",
	[REPORT_INSTALLING] = "installing",
	[REPORT_INSTALLED] = "installed",
	[REPORT_REBOOTING] = "rebooting",
	[REPORT_RUNNING] = "running",
	[REPORT_FAILED] = "failed",
};

const char *report_state_name(enum report_state s)
{
	return report_states[s];
}

int report_state_read(struct span text, enum report_state *out, struct err *e)
{
	for (unsigned i = 0; i < REPORT_STATES; i++) {
		if (span_is(text, report_states[i])) {
			*out = (enum report_state)i;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_FORMAT, "state: not one of downloading, downloaded, installing, installed, rebooting, running, failed");
}

static void put(struct buf *b, struct span s)
{
	buf_be(b, s.n, 4);
	buf_add(b, s);
}

static struct span get(struct cursor *c, size_t max)
{
	uint64_t n = cur_be(c, 4);

	if (n > max)
		cur_fail(c);
	return cur_take(c, (size_t)n);
}

static void get_bytes(struct cursor *c, uint8_t *out, size_t n)
{
	struct span s = cur_take(c, n);

	if (s.n)
		memcpy(out, s.p, n);
}

static uint8_t get_at_most(struct cursor *c, uint8_t from, uint8_t to)
{
	uint8_t v = cur_u8(c);

	if (v < from || v > to)
		cur_fail(c);
	return v;
}

/* A cursor behind the type byte; failed when it is another type. */
static struct cursor open_type(struct span s, enum link_type type)
{
	struct cursor c = cur_of(s);

	if (cur_u8(&c) != type)
		cur_fail(&c);
	return c;
}

static int finish(const struct cursor *c, const char *what, struct err *e)
{
	if (!cur_at_end(c))
		return err_set(e, ERR_FORMAT, "%s: not a whole, well-formed datagram of its type", what);
	return ERR_OK;
}

void link_seen_write(struct buf *b, const struct link_seen *m)
{
	buf_byte(b, LINK_SEEN);
	put(b, m->device);
	put(b, m->product);
	put(b, m->channel);
	put(b, m->address);
	buf_be(b, m->given, 8);
	buf_be(b, m->bytes, 8);
	buf_byte(b, m->protocol);
}

int link_seen_read(struct span s, struct link_seen *m, struct err *e)
{
	struct cursor c = open_type(s, LINK_SEEN);
	struct link_seen got = { 0 };

	got.device = get(&c, DEVICE_ID_MAX);
	got.product = get(&c, PRODUCT_NAME_MAX);
	got.channel = get(&c, CHANNEL_MAX);
	got.address = get(&c, LINK_ADDRESS_MAX);
	got.given = cur_be(&c, 8);
	got.bytes = cur_be(&c, 8);
	got.protocol = get_at_most(&c, LINK_HTTP, LINK_DTLS);
	if (finish(&c, "device seen", e))
		return ERR_FORMAT;
	*m = got;
	return ERR_OK;
}

void link_report_write(struct buf *b, const struct link_report *m)
{
	buf_byte(b, LINK_REPORT);
	buf_be(b, m->id, 8);
	put(b, m->device);
	put(b, m->product);
	put(b, m->address);
	put(b, m->reason);
	buf_be(b, m->sequence, 8);
	buf_byte(b, m->state);
	buf_byte(b, m->progress);
	buf_byte(b, m->protocol);
}

int link_report_read(struct span s, struct link_report *m, struct err *e)
{
	struct cursor c = open_type(s, LINK_REPORT);
	struct link_report got = { 0 };

	got.id = cur_be(&c, 8);
	got.device = get(&c, DEVICE_ID_MAX);
	got.product = get(&c, PRODUCT_NAME_MAX);
	got.address = get(&c, LINK_ADDRESS_MAX);
	got.reason = get(&c, REPORT_MAX);
	got.sequence = cur_be(&c, 8);
	got.state = get_at_most(&c, 0, REPORT_STATES - 1);
	got.progress = cur_u8(&c);
	got.protocol = get_at_most(&c, LINK_HTTP, LINK_DTLS);
	if (got.progress > 100 && got.progress != 255)
		cur_fail(&c);
	if (finish(&c, "device report", e))
		return ERR_FORMAT;
	*m = got;
	return ERR_OK;
}

void link_rot_write(struct buf *b, const struct link_rot *m)
{
	buf_byte(b, LINK_ROT);
	buf_add(b, SPAN_OF(m->sha256));
	buf_be(b, m->chunk, 4);
}

int link_rot_read(struct span s, struct link_rot *m, struct err *e)
{
	struct cursor c = open_type(s, LINK_ROT);
	struct link_rot got = { 0 };

	get_bytes(&c, got.sha256.b, sizeof got.sha256.b);
	got.chunk = (uint32_t)cur_be(&c, 4);
	if (finish(&c, "bit rot", e))
		return ERR_FORMAT;
	*m = got;
	return ERR_OK;
}

static void write_name(struct buf *b, enum link_type type, const struct hash32 *name)
{
	buf_byte(b, (uint8_t)type);
	buf_add(b, SPAN_OF(*name));
}

static int read_name(struct span s, enum link_type type, struct hash32 *name, const char *what, struct err *e)
{
	struct cursor c = open_type(s, type);
	struct hash32 got = { { 0 } };

	get_bytes(&c, got.b, sizeof got.b);
	if (finish(&c, what, e))
		return ERR_FORMAT;
	*name = got;
	return ERR_OK;
}

void link_entries_rot_write(struct buf *b, const struct hash32 *product)
{
	write_name(b, LINK_ENTRIES_ROT, product);
}

int link_entries_rot_read(struct span s, struct hash32 *product, struct err *e)
{
	return read_name(s, LINK_ENTRIES_ROT, product, "bit rot in entries", e);
}

void link_dag_rot_write(struct buf *b, const struct hash32 *sha256)
{
	write_name(b, LINK_DAG_ROT, sha256);
}

int link_dag_rot_read(struct span s, struct hash32 *sha256, struct err *e)
{
	return read_name(s, LINK_DAG_ROT, sha256, "damaged blocks of an image", e);
}

void link_wanted_write(struct buf *b, const struct hash32 *sha256)
{
	write_name(b, LINK_WANTED, sha256);
}

int link_wanted_read(struct span s, struct hash32 *sha256, struct err *e)
{
	return read_name(s, LINK_WANTED, sha256, "image wanted", e);
}

void link_stats_write(struct buf *b, const struct link_stats *m)
{
	buf_byte(b, LINK_STATS);
	buf_be(b, m->http_requests, 8);
	buf_be(b, m->coap_requests, 8);
	buf_be(b, m->devices, 8);
	buf_be(b, m->bytes, 8);
}

int link_stats_read(struct span s, struct link_stats *m, struct err *e)
{
	struct cursor c = open_type(s, LINK_STATS);
	struct link_stats got = { 0 };

	got.http_requests = cur_be(&c, 8);
	got.coap_requests = cur_be(&c, 8);
	got.devices = cur_be(&c, 8);
	got.bytes = cur_be(&c, 8);
	if (finish(&c, "statistics", e))
		return ERR_FORMAT;
	*m = got;
	return ERR_OK;
}

void link_catalog_ack_write(struct buf *b, uint64_t generation)
{
	buf_byte(b, LINK_CATALOG_ACK);
	buf_be(b, generation, 8);
}

int link_catalog_ack_read(struct span s, uint64_t *generation, struct err *e)
{
	struct cursor c = open_type(s, LINK_CATALOG_ACK);
	uint64_t got = cur_be(&c, 8);

	if (finish(&c, "catalog acknowledgement", e))
		return ERR_FORMAT;
	*generation = got;
	return ERR_OK;
}

void link_call_write(struct buf *b, const struct link_call *m)
{
	buf_byte(b, LINK_CALL);
	buf_be(b, m->id, 8);
	buf_byte(b, m->method);
	put(b, m->path);
	put(b, m->token);
	put(b, m->address);
	put(b, m->body);
}

int link_call_read(struct span s, struct link_call *m, struct err *e)
{
	struct cursor c = open_type(s, LINK_CALL);
	struct link_call got = { 0 };

	got.id = cur_be(&c, 8);
	got.method = get_at_most(&c, LINK_GET, LINK_DELETE);
	got.path = get(&c, API_PATH_MAX);
	got.token = get(&c, API_TOKEN_MAX);
	got.address = get(&c, LINK_ADDRESS_MAX);
	got.body = get(&c, API_BODY_MAX);
	if (finish(&c, "operator call", e))
		return ERR_FORMAT;
	*m = got;
	return ERR_OK;
}

void link_answer_write(struct buf *b, const struct link_answer *m)
{
	buf_byte(b, LINK_ANSWER);
	buf_be(b, m->id, 8);
	buf_be(b, m->status, 2);
	put(b, m->type);
	put(b, m->allow);
	put(b, m->body);
}

int link_answer_read(struct span s, struct link_answer *m, struct err *e)
{
	struct cursor c = open_type(s, LINK_ANSWER);
	struct link_answer got = { 0 };

	got.id = cur_be(&c, 8);
	got.status = (uint16_t)cur_be(&c, 2);
	got.type = get(&c, LINK_ADDRESS_MAX);
	got.allow = get(&c, LINK_ADDRESS_MAX);
	got.body = get(&c, LINK_BODY_INLINE);
	if (got.status < 200 || got.status > 599)
		cur_fail(&c);
	if (finish(&c, "answer", e))
		return ERR_FORMAT;
	*m = got;
	return ERR_OK;
}

void link_report_ack_write(struct buf *b, const struct link_report_ack *m)
{
	buf_byte(b, LINK_REPORT_ACK);
	buf_be(b, m->id, 8);
	buf_be(b, m->status, 2);
}

int link_report_ack_read(struct span s, struct link_report_ack *m, struct err *e)
{
	struct cursor c = open_type(s, LINK_REPORT_ACK);
	struct link_report_ack got = { 0 };

	got.id = cur_be(&c, 8);
	got.status = (uint16_t)cur_be(&c, 2);
	if (got.status < 200 || got.status > 599)
		cur_fail(&c);
	if (finish(&c, "report acknowledgement", e))
		return ERR_FORMAT;
	*m = got;
	return ERR_OK;
}

void link_floor_put(struct buf *b, const struct link_floor *f)
{
	put(b, f->device);
	put(b, f->product);
	put(b, f->channel);
	buf_be(b, f->sequence, 8);
}

int link_floor_next(struct span *s, struct link_floor *f, struct err *e)
{
	struct cursor c = cur_of(*s);
	struct link_floor got;

	if (s->n == 0)
		return err_set(e, ERR_NOT_FOUND, "no more floors");
	got.device = get(&c, DEVICE_ID_MAX);
	got.product = get(&c, PRODUCT_NAME_MAX);
	got.channel = get(&c, CHANNEL_MAX);
	got.sequence = cur_be(&c, 8);
	if (!cur_ok(&c))
		return err_set(e, ERR_FORMAT, "device floors: a record is cut");
	*f = got;
	*s = SPAN(c.p, cur_left(&c));
	return ERR_OK;
}
