/* floor_file.c: the bytes of floor.a and floor.b.
 *
 *	file    = "GPFLOOR1" generation:8 products:4 product… sha256:32
 *	product = id:32 registrant:20 name-length:1 name floor:8 proven:8 active:8 revoked:4 sequence:8…
 */
#include "store/floor_own.h"

#include "base/cursor.h"
#include "formats/sha256.h"

static const char magic[8] = { 'G', 'P', 'F', 'L', 'O', 'O', 'R', '1' };

static void write_one(struct buf *b, const struct floor_item *i)
{
	size_t name_n = strlen(i->name);

	buf_add(b, SPAN_OF(i->product));
	buf_add(b, SPAN_OF(i->registrant));
	buf_byte(b, (uint8_t)name_n);
	buf_add(b, SPAN(i->name, name_n));
	buf_be(b, i->floor, 8);
	buf_be(b, i->proven, 8);
	buf_be(b, i->active, 8);
	buf_be(b, i->revoked_n, 4);
	for (size_t n = 0; n < i->revoked_n; n++)
		buf_be(b, i->revoked[n], 8);
}

void floor_file_write(struct buf *b, const struct floor_set *set)
{
	struct hash32 sum;

	buf_add(b, SPAN_OF(magic));
	buf_be(b, set->generation, 8);
	buf_be(b, set->n, 4);
	for (size_t i = 0; i < set->n; i++)
		write_one(b, &set->at[i].item);
	sum = sha256_of(buf_span(b));
	buf_add(b, SPAN_OF(sum));
}

static void take(struct cursor *c, void *out, size_t n)
{
	struct span s = cur_take(c, n);

	if (s.n)
		memcpy(out, s.p, n);
}

static int read_revoked(struct cursor *c, struct floor_mine *m, struct err *e)
{
	uint64_t n = cur_be(c, 4);
	bool changed;
	int rc = ERR_OK;

	for (uint64_t i = 0; i < n && cur_ok(c) && rc == ERR_OK; i++)
		rc = floor_mine_revoke(m, cur_be(c, 8), &changed, e);
	return rc;
}

static int read_one(struct cursor *c, struct floor_set *set, struct err *e)
{
	struct hash32 product = { 0 };
	struct err why = { 0 };
	struct floor_mine *m;
	size_t name_n;

	take(c, &product, sizeof product);
	m = floor_set_add(set, &product, &why);
	if (!m)
		return err_tell(e, &why);
	take(c, &m->item.registrant, sizeof m->item.registrant);
	name_n = cur_u8(c);
	if (name_n > PRODUCT_NAME_MAX)
		cur_fail(c);
	else
		take(c, m->item.name, name_n);
	m->item.floor = cur_be(c, 8);
	m->item.proven = cur_be(c, 8);
	m->item.active = cur_be(c, 8);
	return read_revoked(c, m, e);
}

/* Whole and ours? Then the body, without the sum. */
static bool is_whole(struct span bytes, struct span *body)
{
	struct hash32 sum;

	if (bytes.n < sizeof magic + 12 + sizeof sum || memcmp(bytes.p, magic, sizeof magic) != 0)
		return false;
	*body = span_cut(bytes, 0, bytes.n - sizeof sum);
	sum = sha256_of(*body);
	return memcmp(bytes.p + body->n, sum.b, sizeof sum.b) == 0;
}

int floor_file_read(struct span bytes, struct floor_set *set, struct err *e)
{
	struct floor_set read = { 0 };
	struct span body;
	int rc = ERR_OK;

	if (!is_whole(bytes, &body))
		return err_set(e, ERR_CORRUPT, "a floor file's bytes do not have the digest at its end");
	struct cursor c = cur_of(span_cut(body, sizeof magic, body.n));
	read.generation = cur_be(&c, 8);
	for (uint64_t n = cur_be(&c, 4); n > 0 && cur_ok(&c) && rc == ERR_OK; n--)
		rc = read_one(&c, &read, e);
	if (rc == ERR_OK && !cur_at_end(&c))
		rc = err_set(e, ERR_CORRUPT, "a floor file's lengths do not add up");
	if (rc) {
		floor_set_free(&read);
		return rc;
	}
	*set = read;
	return ERR_OK;
}
