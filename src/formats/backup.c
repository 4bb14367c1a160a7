/* backup.c: see backup.h. */
#include "formats/backup.h"
#include "base/cursor.h"
#include "formats/sha256.h"

static const char magic[8] = { 'G', 'P', 'B', 'A', 'C', 'K', 'U', 'P' };

/* What each part may have. */
static const struct { const char *name; uint64_t max; } parts[BACKUP_PARTS] = {
	[BACKUP_FLOOR] = { "floor", FLOOR_FILE_MAX },
	[BACKUP_TOKENS] = { "tokens", TOKENS_FILE_MAX },
	[BACKUP_CATALOG] = { "catalog", CATALOG_MAX },
	[BACKUP_DATABASE] = { "database", BACKUP_DATABASE_MAX },
};

const char *backup_part_name(enum backup_part part)
{
	return parts[part].name;
}

void backup_head_write(struct buf *b, const struct backup_head *h)
{
	size_t from = b->n;
	struct hash32 sum;

	buf_add(b, SPAN_OF(magic));
	buf_be(b, BACKUP_VERSION, 4);
	buf_be(b, (uint64_t)h->made_ms, 8);
	buf_be(b, h->chain_id, 8);
	buf_add(b, SPAN_OF(h->registry));
	buf_byte(b, (uint8_t)strlen(h->gateway));
	buf_str(b, h->gateway);
	for (size_t i = 0; i < BACKUP_PARTS; i++) {
		buf_be(b, h->part[i].size, 8);
		buf_add(b, SPAN_OF(h->part[i].sha256));
	}
	sum = sha256_of(span_cut(buf_span(b), from, b->n));
	buf_add(b, SPAN_OF(sum));
}

static void take(struct cursor *c, void *out, size_t n)
{
	struct span s = cur_take(c, n);

	if (s.n)
		memcpy(out, s.p, s.n);
}

/* A text for people: no byte that a terminal would obey. */
static bool take_name(struct cursor *c, char out[GATEWAY_NAME_MAX + 1])
{
	size_t n = cur_u8(c);
	struct span s = cur_take(c, n);

	if (n > GATEWAY_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	memset(out, 0, GATEWAY_NAME_MAX + 1);
	if (s.n)
		memcpy(out, s.p, s.n);
	return true;
}

static void take_parts(struct cursor *c, struct backup_head *h)
{
	for (size_t i = 0; i < BACKUP_PARTS; i++) {
		h->part[i].size = cur_be(c, 8);
		take(c, &h->part[i].sha256, sizeof h->part[i].sha256);
	}
}

static int check_sizes(const struct backup_head *h, struct err *e)
{
	for (size_t i = 0; i < BACKUP_PARTS; i++)
		if (h->part[i].size > parts[i].max)
			return err_set(e, ERR_LIMIT, "backup: its %s is larger than any of ours", parts[i].name);
	return ERR_OK;
}

static int check_beginning(struct cursor *c, struct err *e)
{
	struct span s = cur_take(c, sizeof magic);
	uint64_t version = cur_be(c, 4);

	if (!span_eq(s, SPAN_OF(magic)))
		return err_set(e, ERR_FORMAT, "not a backup of gatepost's");
	if (cur_ok(c) && version > BACKUP_VERSION)
		return err_set(e, ERR_RULE, "backup: version %llu, this gatepost knows %d: it was written by a newer one",
			       (unsigned long long)version, BACKUP_VERSION);
	return version == BACKUP_VERSION ? ERR_OK : err_set(e, ERR_FORMAT, "backup: its head is cut short");
}

int backup_head_read(struct span bytes, struct backup_head *out, size_t *n, struct err *e)
{
	struct cursor c = cur_of(bytes);
	struct backup_head h = { 0 };
	struct hash32 sum = { 0 }, real;
	size_t used;
	bool is_text;
	int rc = check_beginning(&c, e);

	if (rc)
		return rc;
	h.made_ms = (int64_t)cur_be(&c, 8);
	h.chain_id = cur_be(&c, 8);
	take(&c, &h.registry, sizeof h.registry);
	is_text = take_name(&c, h.gateway);
	take_parts(&c, &h);
	used = bytes.n - cur_left(&c);
	take(&c, &sum, sizeof sum);
	if (!cur_ok(&c))
		return err_set(e, ERR_FORMAT, "backup: its head is cut short");
	real = sha256_of(span_cut(bytes, 0, used));
	if (!hash32_eq(&sum, &real))
		return err_set(e, ERR_CORRUPT, "backup: its head does not have the digest at its end");
	if (!is_text)
		return err_set(e, ERR_FORMAT, "backup: the gateway's name is not a text");
	rc = check_sizes(&h, e);
	if (rc)
		return rc;
	*out = h;
	*n = used + sizeof sum;
	return ERR_OK;
}

uint64_t backup_part_at(const struct backup_head *h, size_t head_n, enum backup_part part)
{
	uint64_t at = head_n;

	for (size_t i = 0; i < (size_t)part; i++)
		at += h->part[i].size;
	return at;
}
