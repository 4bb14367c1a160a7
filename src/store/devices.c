/* devices.c: see devices.h. */
#include "store/devices.h"
#include "store/store_own.h"

#include <string.h>

int devices_count(struct store *s, uint64_t *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "SELECT count(*) FROM device");
	int rc = db_one(&q, "device", e);

	if (rc)
		return rc;
	*out = db_u64(&q, 0);
	return db_row_ok(&q, e);
}

/* Those seen longest ago that nobody listed make room for `device`, if it is a new one and there is none. One, unless there are too many: two
 * databases were united, or fewer are allowed now. */
static int make_room(struct store *s, const char *device, uint32_t devices_max, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"DELETE FROM device WHERE device IN (SELECT device FROM device WHERE is_listed = 0 ORDER BY last_seen_ms"
		"  LIMIT iif(EXISTS (SELECT 1 FROM device WHERE device = :device), 0,"
		"   (SELECT max(0, count(*) - :devices_max + 1) FROM device)))");

	db_bind_text(&q, ":device", device);
	db_bind_u64(&q, ":devices_max", devices_max);
	return db_run(&q, e);
}

static int is_full(struct store *s, const char *device, uint32_t devices_max, bool *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT (SELECT count(*) FROM device) >= :devices_max"
		" AND NOT EXISTS (SELECT 1 FROM device WHERE device = :device)");
	int rc;

	db_bind_text(&q, ":device", device);
	db_bind_u64(&q, ":devices_max", devices_max);
	if ((rc = db_one(&q, "count", e)))
		return rc;
	*out = db_bool(&q, 0);
	return db_row_ok(&q, e);
}

/* The device's row is there afterwards. */
static int know(struct store *s, const char *device, uint32_t devices_max, int64_t now_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO device (device, first_seen_ms) VALUES (:device, :now_ms) ON CONFLICT (device) DO NOTHING");
	bool full = false;
	int rc;

	if ((rc = make_room(s, device, devices_max, e)) || (rc = is_full(s, device, devices_max, &full, e)))
		return rc;
	if (full)
		return err_set(e, ERR_LIMIT, "%u devices are listed already: `[limits] devices` allows no more", devices_max);
	db_bind_text(&q, ":device", device);
	db_bind_i64(&q, ":now_ms", now_ms);
	return db_run(&q, e);
}

static int write_seen(struct store *s, const struct device_seen *d, int64_t now_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE device SET product = iif(is_listed AND product <> '', product, :product),"
		" channel = iif(is_listed, channel, :channel), address = :address, protocol = :protocol,"
		" bytes = bytes + :bytes, last_seen_ms = max(last_seen_ms, :now_ms) WHERE device = :device");

	db_bind_text(&q, ":product", d->product);
	db_bind_text(&q, ":channel", d->channel);
	db_bind_text(&q, ":address", d->address);
	db_bind_text(&q, ":protocol", d->protocol);
	db_bind_u64(&q, ":bytes", d->bytes);
	db_bind_i64(&q, ":now_ms", now_ms);
	db_bind_text(&q, ":device", d->device);
	return db_run(&q, e);
}

int devices_seen(struct store *s, const struct device_seen *d, uint32_t devices_max, int64_t now_ms, struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	int rc;

	if ((rc = know(s, d->device, devices_max, now_ms, e)) || (rc = write_seen(s, d, now_ms, e)))
		return rc;
	if (d->given && (rc = devices_raise_floor(s, d->device, d->product, d->channel, d->given, e)))
		return rc;
	return db_part_keep(&part, e);
}

static int write_report(struct store *s, const struct device_report *r, int64_t now_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"UPDATE device SET product = iif(is_listed AND product <> '', product, :product), version = :version,"
		" sequence = :sequence, state = :state, reason = :reason, progress = :progress, address = :address,"
		" protocol = :protocol, last_seen_ms = max(last_seen_ms, :now_ms), reported_ms = :now_ms"
		" WHERE device = :device");

	db_bind_text(&q, ":product", r->product);
	db_bind_text(&q, ":version", r->version);
	db_bind_u64(&q, ":sequence", r->sequence);
	db_bind_text(&q, ":state", r->state);
	db_bind_text(&q, ":reason", r->reason);
	db_bind_u64(&q, ":progress", r->progress);
	db_bind_text(&q, ":address", r->address);
	db_bind_text(&q, ":protocol", r->protocol);
	db_bind_i64(&q, ":now_ms", now_ms);
	db_bind_text(&q, ":device", r->device);
	return db_run(&q, e);
}

int devices_report(struct store *s, const struct device_report *r, uint32_t devices_max, int64_t now_ms, struct err *e)
{
	AUTO(db_part_end) struct db_part part = db_part(s->db);
	int rc;

	if ((rc = know(s, r->device, devices_max, now_ms, e)) || (rc = write_report(s, r, now_ms, e)))
		return rc;
	if (r->raises_floor && r->channel[0] && r->sequence &&
	    (rc = devices_raise_floor(s, r->device, r->product, r->channel, r->sequence, e)))
		return rc;
	return db_part_keep(&part, e);
}

int devices_put(struct store *s, const char *device, const char *product, const char *channel, const char *group,
		int64_t now_ms, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO device (device, is_listed, product, channel, grp, first_seen_ms)"
		" VALUES (:device, 1, coalesce(:product, ''), coalesce(:channel, ''), coalesce(:group, ''), :now_ms)"
		" ON CONFLICT (device) DO UPDATE SET is_listed = 1, product = coalesce(:product, product),"
		/* what an unlisted device asked for is no override of the operator's */
		"  channel = coalesce(:channel, iif(is_listed, channel, '')), grp = coalesce(:group, grp)");

	db_bind_text(&q, ":device", device);
	db_bind_text(&q, ":product", product);
	db_bind_text(&q, ":channel", channel);
	db_bind_text(&q, ":group", group);
	db_bind_i64(&q, ":now_ms", now_ms);
	return db_run(&q, e);
}

int devices_delete(struct store *s, const char *device, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db, "DELETE FROM device WHERE device = :device");
	int rc;

	db_bind_text(&q, ":device", device);
	if ((rc = db_run(&q, e)))
		return rc;
	return db_changes(s->db) ? ERR_OK : err_set(e, ERR_NOT_FOUND, "no such device");
}

#define DEVICE_COLUMNS \
	"device, is_listed, product, channel, grp, version, sequence, state, reason, progress, address, protocol," \
	" first_seen_ms, last_seen_ms, reported_ms, bytes"

static int row(struct db_stmt *q, struct device_row *d, struct err *e)
{
	memset(d, 0, sizeof *d);
	db_text(q, 0, d->device, sizeof d->device);
	d->is_listed = db_bool(q, 1);
	db_text(q, 2, d->product, sizeof d->product);
	db_text(q, 3, d->channel, sizeof d->channel);
	db_text(q, 4, d->group, sizeof d->group);
	db_text(q, 5, d->version, sizeof d->version);
	d->sequence = db_u64(q, 6);
	db_text(q, 7, d->state, sizeof d->state);
	db_text(q, 8, d->reason, sizeof d->reason);
	d->progress = (uint8_t)db_u64(q, 9);
	db_text(q, 10, d->address, sizeof d->address);
	db_text(q, 11, d->protocol, sizeof d->protocol);
	d->first_seen_ms = db_i64(q, 12);
	d->last_seen_ms = db_i64(q, 13);
	d->reported_ms = db_i64(q, 14);
	d->bytes = db_u64(q, 15);
	return db_row_ok(q, e);
}

int devices_get(struct store *s, const char *device, struct device_row *out, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT " DEVICE_COLUMNS " FROM device WHERE device = :device");
	struct device_row d;
	int rc;

	db_bind_text(&q, ":device", device);
	if ((rc = db_one(&q, "device", e)) || (rc = row(&q, &d, e)))
		return rc;
	*out = d;
	return ERR_OK;
}

int devices_each(struct store *s, const char *product, const char *after, uint32_t limit, devices_fn *fn, void *arg,
		 struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT " DEVICE_COLUMNS " FROM device WHERE device > :after AND (:product IS NULL OR product = :product)"
		" ORDER BY device LIMIT :limit");
	struct device_row d;
	int rc;

	db_bind_text(&q, ":after", after ? after : "");
	db_bind_text(&q, ":product", product);
	db_bind_limit(&q, limit);
	while (db_next(&q))
		if ((rc = row(&q, &d, e)) || (rc = fn(arg, &d, e)))
			return rc;
	return db_row_ok(&q, e);
}

int devices_raise_floor(struct store *s, const char *device, const char *product, const char *channel,
			uint64_t sequence, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"INSERT INTO device_floor (device, product, channel, sequence)"
		" VALUES (:device, :product, :channel, :sequence)"
		" ON CONFLICT (device, product, channel) DO UPDATE SET sequence = excluded.sequence"
		"  WHERE excluded.sequence > sequence");

	db_bind_text(&q, ":device", device);
	db_bind_text(&q, ":product", product);
	db_bind_text(&q, ":channel", channel);
	db_bind_u64(&q, ":sequence", sequence);
	return db_run(&q, e);
}

int devices_floor(struct store *s, const char *device, const char *product, const char *channel, uint64_t *out,
		  struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT coalesce(max(sequence), 0) FROM device_floor"
		" WHERE device = :device AND product = :product AND channel = :channel");
	int rc;

	db_bind_text(&q, ":device", device);
	db_bind_text(&q, ":product", product);
	db_bind_text(&q, ":channel", channel);
	if ((rc = db_one(&q, "floor", e)))
		return rc;
	*out = db_u64(&q, 0);
	return db_row_ok(&q, e);
}

int devices_forget_floor(struct store *s, const char *device, const char *product, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"DELETE FROM device_floor WHERE device = :device AND product = :product");

	db_bind_text(&q, ":device", device);
	db_bind_text(&q, ":product", product);
	return db_run(&q, e);
}

int devices_each_floor(struct store *s, device_floors_fn *fn, void *arg, struct err *e)
{
	AUTO(db_stmt_end) struct db_stmt q = db_prepare(s->db,
		"SELECT device, product, channel, sequence FROM device_floor ORDER BY device, product, channel");
	struct device_floor f;
	int rc;

	while (db_next(&q)) {
		db_text(&q, 0, f.device, sizeof f.device);
		db_text(&q, 1, f.product, sizeof f.product);
		db_text(&q, 2, f.channel, sizeof f.channel);
		f.sequence = db_u64(&q, 3);
		if ((rc = db_row_ok(&q, e)) || (rc = fn(arg, &f, e)))
			return rc;
	}
	return db_row_ok(&q, e);
}
